"""Fields that are mapped for the first time are filled for everybody who is there already, after everything else.

The plan fills them by itself, since a changed configuration has everybody planned anew. What is kept here is which
fields are new, so that their first values go in the `backfill` lane, and can be told of.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection

from connector.changes import AnyChange, Lane, SetFields
from connector.config import Setup
from connector.ports import Adapter
from connector.store import filling as store
from connector.store import runs


@dataclass(frozen=True, slots=True)
class Fill:
    """In how many records of a system which fields are filled (none: entries), for so many calls at least."""

    system: str
    fields: Sequence[str]
    records: int
    calls: int


Filling = Mapping[str, frozenset[str]]
"""By system: the fields (native names) that are being filled."""


def filling(conn: Connection, setup: Setup) -> Filling:
    """Fields that nobody had mapped when everybody was last planned, and those that are not all filled yet."""
    return {
        system: frozenset(_known(conn, system).keys() & fields) | new
        for system, fields in _mapped(setup).items()
        if (new := _new(conn, system, fields)) or _known(conn, system)
    }


def note_filling(conn: Connection, setup: Setup, as_of: datetime) -> None:
    """Remember what is mapped at a planning, and since when what is new; forget what has been filled."""
    for system, fields in _mapped(setup).items():
        since = {name: at for name, at in _known(conn, system).items() if name in fields}
        since = {name: at for name, at in since.items() if not store.filled(conn, system, datetime.fromisoformat(at))}
        since |= dict.fromkeys(_new(conn, system, fields), as_of.isoformat())
        runs.remember(conn, f"filling:{system}", orjson.dumps(since).decode())
        runs.remember(conn, f"mapped:{system}", orjson.dumps(sorted(fields)).decode())


def fills(adapters: Mapping[str, Adapter], changes: Sequence[AnyChange]) -> list[Fill]:
    """What of these changes is filled for the first time, by system."""
    found: dict[str, list[SetFields]] = defaultdict(list)
    for change in changes:
        if isinstance(change, SetFields) and change.lane is Lane.BACKFILL:
            found[change.system].append(change)
    return [cost(adapters, system, mine) for system, mine in sorted(found.items())]


def cost(adapters: Mapping[str, Adapter], system: str, changes: Sequence[AnyChange]) -> Fill:
    """What it takes to bring these changes to a system."""
    groups = Counter(adapters[system].group(change) for change in changes)
    calls = sum(adapters[system].calls_for(count) for count in groups.values())
    names = {name for change in changes if isinstance(change, SetFields) for name in change.values}
    return Fill(system, sorted(names), len(changes), calls)


def filled_by(conn: Connection, setup: Setup, run: str) -> list[Mapping[str, Any]]:
    """What a run did of that and left, under stable English keys; nothing of systems where there was nothing to do."""
    found = [
        {
            "system": system,
            "fields": sorted(fields),
            "sent": store.sent(conn, system, run),
            "waiting": store.waiting(conn, system),
        }
        for system, fields in sorted(filling(conn, setup).items())
    ]
    return [each for each in found if each["sent"] or each["waiting"]]


def _mapped(setup: Setup) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for mapping in setup.rules.people:
        named = {rule.to for rule in mapping.fields.values()} | ({mapping.key} if mapping.key else set())
        found[mapping.system] = found.get(mapping.system, frozenset()) | named
    return found


def _new(conn: Connection, system: str, fields: frozenset[str]) -> frozenset[str]:
    """None in a system that is itself new: there, everything is."""
    before = runs.remembered(conn, f"mapped:{system}")
    return frozenset() if before is None else fields - frozenset(orjson.loads(before))


def _known(conn: Connection, system: str) -> dict[str, str]:
    found: dict[str, str] = orjson.loads(runs.remembered(conn, f"filling:{system}") or "{}")
    return found
