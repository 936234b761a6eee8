"""Whether two worlds are in the same state: then what comes of the one is what came of the other."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from pathlib import Path

from tests.faults.cuts import NOTHING_HANGS_ON

COUNT_ONLY = NOTHING_HANGS_ON | {"run.report", "delivery.no", "delivery.trail"}
"""Tables and columns that decide nothing: a report only tells, and deliveries are numbered as threads come by."""
OF_THE_SESSION = frozenset({"_sessions", "_tokens", "_recent", "logins", "counted", "_router"})
"""What systems note of who signed in and how often they were asked: each run begins anew, and no limit is near."""
_DECIDES = re.compile(r"(missing|mapped|filling|read):|identity$|rules$")
"""Small values that a later run goes by. The others are this store's own name and secrets, and when something was."""
_OF_THE_MOMENT = re.compile(r"\d{8}T\d{6}-[0-9a-f]{4}|(?<=\d\d:\d\d:\d\d)\.\d+| at 0x[0-9a-f]+")
"""Names of runs, and fractions of seconds: between runs minutes go by."""


def state(store: Path, *systems: object) -> str:
    """A digest of all that a later run can find: what the store holds, and what the systems remember."""
    digest = hashlib.sha256()
    for line in (*_rows(store), *_parts(systems, "", {})):
        digest.update(_OF_THE_MOMENT.sub("", line).encode("utf-8", "backslashreplace") + b"\n")
    return digest.hexdigest()


def _rows(store: Path) -> Iterator[str]:
    connection = sqlite3.connect(store)
    try:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in sorted(set(names) - COUNT_ONLY):
            found = connection.execute(f'SELECT * FROM "{name}"')
            columns = [column for column, *_ in found.description]
            rows: Iterable[tuple[object, ...]] = found
            kept = [n for n, column in enumerate(columns) if f"{name}.{column}" not in COUNT_ONLY]
            if name == "meta":
                rows = ((key, value if _DECIDES.match(str(key)) else "") for key, value in found)
            yield from sorted(_OF_THE_MOMENT.sub("", f"{name} {[row[n] for n in kept]}") for row in rows)
    finally:
        connection.close()


def _parts(thing: object, at: str, seen: dict[int, tuple[str, object]]) -> Iterator[str]:
    """Everything that an object of ours holds, a line each; what stands in two places is told in the first."""
    if isinstance(thing, Mapping):
        inside = dict(thing)
    elif isinstance(thing, list | tuple | deque):
        inside = dict(enumerate(thing))
    elif isinstance(thing, AbstractSet):
        inside = dict(enumerate(sorted(thing, key=repr)))
    elif type(thing).__module__.startswith(("connector.", "tests.")) and not isinstance(thing, type):
        slots = (name for each in type(thing).__mro__ for name in getattr(each, "__slots__", ()))
        names = sorted({*getattr(thing, "__dict__", ()), *slots} - OF_THE_SESSION)
        inside = {name: getattr(thing, name) for name in names if hasattr(thing, name)}
    else:
        yield f"{at} {thing if isinstance(thing, datetime) else repr(thing)}"
        return
    if id(thing) in seen:
        yield f"{at} as {seen[id(thing)][0]}"
        return
    seen[id(thing)] = at, thing
    for name, part in inside.items():
        yield from _parts(part, f"{at}.{name}", seen)
