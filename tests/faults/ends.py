"""How a story ends: everything in the systems and in the store that people or later runs build on, and what differs.

Records are told apart by what they mean and not by their ids: those made in another order are the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from connector.sandbox.esales import EsmEmulator
from connector.store import tables as t
from connector.store.database import open_engine, reading
from tests.faults.story import Emulated

_STAMPS = {
    "Id",
    "SystemModstamp",
    "CreatedDate",
    "LastModifiedDate",
    "LastStageChangeDate",
    "IsDeleted",
    "MasterRecordId",
    "CompletedDateTime",
}
_UNFINISHED = ("pending", "inflight", "parked")


@dataclass
class End:
    """Things by kind and key; a key that stands there twice is doubled."""

    things: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add(self, kind: str, key: object, what: object) -> None:
        said = json.dumps(what, ensure_ascii=False, sort_keys=True, default=str)
        self.things.setdefault((kind, str(key)), []).append(said)

    def __len__(self) -> int:
        return sum(len(each) for each in self.things.values())


@dataclass(frozen=True, slots=True)
class Fault:
    """One difference from what ought to be: `lost`, `doubled`, or `wrong`."""

    kind: str
    what: str
    more: str = ""
    count: int = 1
    """How many are lost or doubled."""


def differences(ought: End, found: End) -> list[Fault]:
    """What is lost, doubled or wrong."""
    faults = []
    for at in sorted(ought.things.keys() | found.things.keys()):
        wanted, there = Counter(ought.things.get(at, [])), Counter(found.things.get(at, []))
        what = " ".join(at)
        if there.total() > wanted.total():
            more = str(list((there - wanted).elements()))
            faults.append(Fault("doubled", what, more, there.total() - wanted.total()))
        elif there.total() < wanted.total():
            faults.append(Fault("lost", what, str(list((wanted - there).elements()))))
        elif there != wanted:
            faults.append(Fault("wrong", what, f"{list(wanted - there)} became {list(there - wanted)}"))
    return faults


def end(made: Emulated, store: str) -> End:
    """How things stand."""
    found = End()
    _sales(made, found)
    if made.esm is not None:
        _newer(made.esm, found)
    for visitor in made.smp.visitors():
        found.add("visitor", visitor["Email"], {name: v for name, v in visitor.items() if "Date" not in name})
    for number, name in made.smp.lists().items():
        for member in made.smp.members(number):
            found.add("member", f"{name} {member}", "on")
    for kind, key, what in _stored(store, _names(made)):
        found.add(kind, key, what)
    return found


def _sales(made: Emulated, found: End) -> None:
    names = _names(made)
    for kind in ("Contact", "Lead", "Task"):
        for row in made.org.records(kind):
            said = {name: names.get(value, value) for name, value in row.items() if name not in _STAMPS}
            found.add(kind, row.get("MA_Key__c") or row.get("Email") or row.get("Subject"), said)
    for kind, app in (("person", made.apps.people), ("alert", made.apps.alerts), ("timeline", made.apps.touchpoints)):
        for record in made.kintone.records(app.id):
            found.add(f"kintone {kind}", record["ma_key"] or record.get("メールアドレス"), _kintone(record))
    for app in (made.apps.people, made.apps.deals):
        for record in made.kintone.records(app.id):
            for comment in made.kintone.comments(app.id, record["$id"]):
                found.add("kintone comment", comment.text, f"{app.id}-{record['$id']}")
    for kind in ("person", made.remix.settings.extension):
        for card in made.remix.records(kind):
            found.add(f"esales {kind}", _esales_key(kind, card), _esales(card))


def _newer(esm: EsmEmulator, found: End) -> None:
    for kind in ("businesscard", "businessplan", "sheet_134"):
        for row in esm.records(kind):
            named = {str(key): value for key, value in row.items()}
            said = {key: value for key, value in named.items() if not key.endswith(".id") and ".system_" not in key}
            found.add(f"esm {kind}", next(value for key, value in said.items() if "name" in key), said)


def _names(made: Emulated) -> Mapping[Any, str]:
    rows = [*made.org.records("Contact"), *made.org.records("Lead")]
    people = {row["Id"]: str(row.get("Email") or row["LastName"]) for row in rows}
    return people | {
        row["Id"]: str(row["Name"]) for kind in ("Opportunity", "Account") for row in made.org.records(kind)
    }


def _kintone(record: Mapping[str, Any]) -> dict[str, Any]:
    ours = ("$id", "$revision", "レコード番号", "作成日時", "更新日時")
    said = {code: value for code, value in record.items() if code not in ours}
    if isinstance(table := said.get("MA接点"), list):
        said["MA接点"] = [{code: cell for code, cell in row.items() if code != "id"} for row in table]
    return said


def _esales(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(code): value for code, value in row.items() if code not in (928, 932, 934, 20001, 20032, 20034)}


def _esales_key(kind: str, row: Mapping[Any, Any]) -> object:
    return (
        row.get(914) if kind == "person" else next((v for v in row.values() if isinstance(v, str) and len(v) > 20), "")
    )


def _stored(store: str, names: Mapping[Any, str]) -> Iterator[tuple[str, object, object]]:
    engine = open_engine(store)
    try:
        with reading(engine) as conn:
            who = (
                select(t.person, t.identity.c.id.label("identity_id"))
                .join(t.identity)
                .where(t.person.c.gone_at.is_(None))
            )
            for row in conn.execute(who):
                record = f"{row.system} {row.object} {names.get(row.id, row.id)}"
                yield "store person", record, [row.identity_id, row.external_key]
            for row in conn.execute(select(t.score, t.identity.c.id.label("who")).join(t.identity)):
                yield "store score", row.who, [row.name, row.points, row.band, row.band_told]
            for row in conn.execute(select(t.member)):
                yield "store member", f"{row.list} {row.person_id}", [row.on_list, row.ours]
            for row in conn.execute(select(t.outbox).where(t.outbox.c.state.in_(_UNFINISHED))):
                yield "store unfinished", f"{row.kind} {row.key}", row.state
            # Somebody who was made and is found by our key before the receipt was stored needs no making any more.
            once = t.outbox.c.kind.in_(("RaiseAlert", "AddTouchpoint")) & (t.outbox.c.state == "done")
            for row in conn.execute(select(t.outbox).where(once)):
                yield "store done", f"{row.kind} {row.key}", row.identity
    finally:
        engine.dispose()
