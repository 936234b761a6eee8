"""People: records, the keys they are identified by, and which identity each belongs to.

Every `put_*` takes the records of a page, writes those that differ from what is stored, marks the identities
concerned as due, and tells how many differed. All of them run in the caller's transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, delete, func, insert, select, update

from connector.model import (
    Gone,
    Inventory,
    Person,
    Ref,
    Value,
    Written,
)
from connector.store import tables as t
from connector.store.codec import (
    dump_values,
    fingerprint,
    load_values,
    maybe_micros,
    maybe_moment,
    micros,
    moment,
    pack,
    unpack,
)
from connector.store.marks import chunks, mark_people


@dataclass(frozen=True, slots=True)
class Filing:
    """A person record with what the rules made of it: its identity keys (kind, value) and our id of its company."""

    person: Person
    keys: Sequence[tuple[str, str]]
    company: str | None = None


@dataclass(frozen=True, slots=True)
class Filed:
    """A stored person record, its row number and the identity it belongs to now; `gone`: it is no more."""

    no: int
    person: Person
    identity_no: int | None
    identity: str | None
    company: str | None
    known: bool
    gone: bool
    successor: Ref | None
    written: Mapping[str, Written]


def person_hash(person: Person) -> str:
    """Changes with anything that matters of a record; not with its time of change, so that an echo is no news."""
    values = [dump_values(_even(values)) for values in (person.fields, person.native)]
    return fingerprint(*values, person.key, person.company_id, person.owner_id)


def _even(values: Mapping[str, Value]) -> Mapping[str, Value]:
    """Whole numbers alike, whether a system says 13 or 13.0."""
    return {
        name: int(v) if isinstance(v, float) and v.is_integer() and abs(v) < 2**53 else v for name, v in values.items()
    }


def person_nos(conn: Connection, refs: Iterable[Ref]) -> dict[Ref, int]:
    """Row numbers of those records that are stored."""
    by_object: dict[tuple[str, str], set[str]] = defaultdict(set)
    for ref in refs:
        by_object[ref.system, ref.object].add(ref.id)
    found: dict[Ref, int] = {}
    for (system, name), ids in by_object.items():
        for some in chunks(sorted(ids)):
            rows = conn.execute(
                select(t.person.c.id, t.person.c.no).where(
                    t.person.c.system == system, t.person.c.object == name, t.person.c.id.in_(some)
                )
            )
            found.update((Ref(system, name, row.id), row.no) for row in rows)
    return found


def living_ids(conn: Connection, system: str, name: str) -> set[str]:
    """Ids of the records of one object that were seen and are not gone."""
    c = t.person.c
    found = select(c.id).where(c.system == system, c.object == name, c.known, c.gone_at.is_(None))
    return set(conn.scalars(found))


def returned(conn: Connection, inventory: Inventory) -> list[Person]:
    """Records that count as gone, became no other one, and are in the inventory: as they were last seen."""
    c = t.person.c
    here = (c.system == inventory.system, c.object == inventory.object, c.known)
    gone = conn.execute(select(c.id, c.no).where(*here, c.gone_at.is_not(None), c.successor.is_(None)))
    return [filed.person for filed in load_filed(conn, c.no, [row.no for row in gone if row.id in inventory.ids])]


def ensure_people(conn: Connection, refs: Iterable[Ref], at: datetime) -> dict[Ref, int]:
    """Row numbers of these records; a record not seen yet gets a row that waits for it."""
    wanted = set(refs)
    found = person_nos(conn, wanted)
    missing = sorted(wanted - found.keys(), key=str)
    if missing:
        conn.execute(
            insert(t.person),
            [{"system": r.system, "object": r.object, "id": r.id, "seen_at": micros(at)} for r in missing],
        )
        found |= person_nos(conn, missing)
    return found


@dataclass(frozen=True, slots=True)
class Changed:
    """Row numbers of records that are new or differ, and of those that shared a key with them until now."""

    nos: Sequence[int]
    left: frozenset[int] = frozenset()

    @property
    def concerned(self) -> set[int]:
        """All whose identity has to be decided anew."""
        return {*self.nos, *self.left}


def put_people(conn: Connection, filings: Sequence[Filing], at: datetime) -> Changed:
    """Store person records; which of them are new or differ."""
    latest = {filing.person.ref: filing for filing in filings}
    nos = ensure_people(conn, latest, at)
    stored: dict[int, tuple[str, bool, str | None]] = {}
    for some in chunks(sorted(nos.values())):
        columns = (t.person.c.no, t.person.c.hash, t.person.c.gone_at, t.person.c.company)
        for row in conn.execute(select(*columns).where(t.person.c.no.in_(some))):
            stored[row.no] = (row.hash, row.gone_at is not None, row.company)
    rows = []
    for ref, filing in latest.items():
        digest = person_hash(filing.person)
        if stored[nos[ref]] != (digest, False, filing.company):
            rows.append(_person_row(nos[ref], filing, digest, at))
    if not rows:
        return Changed(())
    changed = [row["no_"] for row in rows]
    left = _sharing(conn, changed)
    conn.execute(
        update(t.person)
        .where(t.person.c.no == bindparam("no_"))
        .values({k: bindparam(k) for k in rows[0] if k != "no_"}),
        rows,
    )
    by_no = {nos[ref]: filing.keys for ref, filing in latest.items()}
    _put_keys(conn, {no: by_no[no] for no in changed})
    mark_people(conn, changed)
    return Changed(changed, left)


def rekey(conn: Connection, keys: Mapping[int, Sequence[tuple[str, str]]]) -> Changed:
    """Give stored records other keys (the rules of identity changed)."""
    left = _sharing(conn, sorted(keys))
    _put_keys(conn, keys)
    return Changed(sorted(keys), left)


def _sharing(conn: Connection, nos: Sequence[int]) -> frozenset[int]:
    """The records that share a key with these, these included where they have keys."""
    found: set[int] = set()
    mine, other = t.person_key.alias("mine"), t.person_key.alias("other")
    for some in chunks(nos):
        # The keys first, each once: a mailbox of thousands would else be joined with itself.
        keys = select(mine.c.kind, mine.c.value).where(mine.c.person.in_(some)).distinct().subquery()
        join = other.join(keys, and_(keys.c.kind == other.c.kind, keys.c.value == other.c.value))
        found.update(conn.scalars(select(other.c.person).select_from(join)))
    return frozenset(found)


def _person_row(no: int, filing: Filing, digest: str, at: datetime) -> dict[str, Any]:
    person = filing.person
    return {
        "no_": no,
        "fields": dump_values(person.fields),
        "native": dump_values(person.native),
        "external_key": person.key,
        "company": filing.company,
        "company_id": person.company_id,
        "owner_id": person.owner_id,
        "created_at": maybe_micros(person.created_at),
        "modified_at": maybe_micros(person.modified_at),
        "seen_at": micros(at),
        "hash": digest,
        "known": True,
        "gone_at": None,
        "successor": None,
    }


def _put_keys(conn: Connection, keys: Mapping[int, Sequence[tuple[str, str]]]) -> None:
    for some in chunks(sorted(keys)):
        conn.execute(delete(t.person_key).where(t.person_key.c.person.in_(some)))
    rows = [{"person": no, "kind": kind, "value": value} for no, own in keys.items() for kind, value in set(own)]
    if rows:
        conn.execute(insert(t.person_key), rows)


def put_gone(conn: Connection, gone: Sequence[Gone], at: datetime) -> Changed:
    """Mark records as deleted, merged or converted; for which of them that is news.

    A record with a successor stays tied to it by a key, so both remain one person.
    """
    latest = {g.ref: g for g in gone}
    nos = person_nos(conn, latest)
    left = _sharing(conn, sorted(nos.values()))
    changed = []
    for ref, no in nos.items():
        successor = latest[ref].successor
        tie = f"{successor.object}/{successor.id}" if successor else None
        row = conn.execute(select(t.person.c.gone_at, t.person.c.successor).where(t.person.c.no == no)).one()
        if row.gone_at is not None and row.successor == tie:
            continue
        conn.execute(
            update(t.person)
            .where(t.person.c.no == no)
            .values(gone_at=micros(latest[ref].at), successor=tie, hash="", seen_at=micros(at))
        )
        keys = [("id", str(ref))]
        if successor:
            ensure_people(conn, [successor], at)
            keys.append(("id", str(successor)))
        _put_keys(conn, {no: keys})
        changed.append(no)
    mark_people(conn, changed)
    return Changed(changed, left if changed else frozenset())


@dataclass(frozen=True, slots=True)
class WriteBack:
    """What was just written to a record: values by native name, and our key where it was among them."""

    ref: Ref
    values: Mapping[str, Value]
    key: str | None = None


def write_back(conn: Connection, writes: Sequence[WriteBack], at: datetime) -> None:
    """Remember what was just written, so that reading it back is no news."""
    of = {write.ref: write for write in writes}
    rows = []
    for filed in load_filed(conn, t.person.c.no, sorted(person_nos(conn, of).values())):
        write = of[filed.person.ref]
        native = {**filed.person.native, **write.values}
        person = replace(filed.person, native=native, key=write.key or filed.person.key)
        written = {name: _written(filed.written.get(name), value, at) for name, value in write.values.items()}
        stored = {name: [pack(w.value), micros(w.at), w.times] for name, w in {**filed.written, **written}.items()}
        rows.append(
            {
                "no_": filed.no,
                "native_": dump_values(person.native),
                "key_": person.key,
                "hash_": person_hash(person),
                "written_": orjson.dumps(stored).decode(),
            }
        )
    if rows:
        values: dict[str, Any] = {
            "native": bindparam("native_"),
            "external_key": bindparam("key_"),
            "hash": bindparam("hash_"),
            "written": bindparam("written_"),
        }
        conn.execute(update(t.person).where(t.person.c.no == bindparam("no_")).values(**values), rows)


def put_created(conn: Connection, ref: Ref, values: Mapping[str, Value], identity: str, at: datetime) -> None:
    """Remember a record that was just made under our key; reading it will tell the rest."""
    (no,) = ensure_people(conn, [ref], at).values()
    conn.execute(
        update(t.person)
        .where(t.person.c.no == no, t.person.c.known.is_(False))
        .values(native=dump_values(values), external_key=identity, created_at=micros(at), known=True)
    )
    assign(conn, {no: identity})


def _written(last: Written | None, value: Value, at: datetime) -> Written:
    """The same value again within a day means that somebody changed it back."""
    again = last is not None and last.value == value and at - last.at < timedelta(days=1)
    return Written(value, at, last.times + 1 if last and again else 1)


def neighbourhood(conn: Connection, nos: Iterable[int]) -> list[Filed]:
    """All person records that share a key with these, directly or through others, these included.

    A record that bears the id of an identity as our key belongs to its neighbourhood, and the other way round.
    """
    seen: set[int] = set()
    frontier = set(nos)
    while frontier:
        seen |= frontier
        reached = set(_sharing(conn, sorted(frontier)))
        # Records of one identity belong together even where the key between them has just gone.
        for some in chunks(sorted(frontier)):
            of = select(t.person.c.identity).where(t.person.c.no.in_(some), t.person.c.identity.is_not(None))
            reached.update(conn.scalars(select(t.person.c.no).where(t.person.c.identity.in_(of))))
            named = select(t.identity.c.id).where(t.identity.c.no.in_(of))
            reached.update(conn.scalars(select(t.person.c.no).where(t.person.c.external_key.in_(named))))
            bears = select(t.person.c.external_key).where(t.person.c.no.in_(some), t.person.c.external_key.is_not(None))
            meant = select(t.identity.c.no).where(t.identity.c.id.in_(bears))
            reached.update(conn.scalars(select(t.person.c.no).where(t.person.c.identity.in_(meant))))
        frontier = reached - seen
    return load_filed(conn, t.person.c.no, sorted(seen))


def load_filed(conn: Connection, column: ColumnElement[Any], values: Sequence[int]) -> list[Filed]:
    """Stored person records whose `column` (of the person table) has one of these values."""
    filed = []
    for some in chunks(values):
        rows = conn.execute(
            select(t.person, t.identity.c.id.label("identity_id"))
            .join(t.identity, t.identity.c.no == t.person.c.identity, isouter=True)
            .where(column.in_(some))
        )
        filed += [_filed(row) for row in rows]
    return filed


def _filed(row: Any) -> Filed:
    tie = row.successor.split("/", 1) if row.successor else None
    written = {
        name: Written(unpack(value), moment(at), times)
        for name, (value, at, times) in orjson.loads(row.written).items()
    }
    return Filed(
        row.no,
        _person(row),
        row.identity,
        row.identity_id,
        row.company,
        row.known,
        row.gone_at is not None,
        Ref(row.system, tie[0], tie[1]) if tie else None,
        written,
    )


def _person(row: Any) -> Person:
    return Person(
        Ref(row.system, row.object, row.id),
        load_values(row.fields),
        load_values(row.native),
        row.external_key,
        row.company_id,
        row.owner_id,
        maybe_moment(row.created_at),
        maybe_moment(row.modified_at),
    )


def assign(conn: Connection, identities: Mapping[int, str]) -> None:
    """Make each person row (by number) a record of the identity with the given id.

    An identity that loses its last record is kept as a pointer to where it went, and its alerts count there.
    """
    before: dict[int, str | None] = {}
    for some in chunks(sorted(identities)):
        rows = conn.execute(
            select(t.person.c.no, t.identity.c.id)
            .join(t.identity, t.identity.c.no == t.person.c.identity, isouter=True)
            .where(t.person.c.no.in_(some))
        )
        before.update((row.no, row.id) for row in rows)
    moved = {no: new for no, new in identities.items() if before.get(no) != new}
    if not moved:
        return
    wanted = sorted(set(moved.values()))
    known: dict[str, int] = {}
    for attempt in ("find", "make"):
        for ids in chunks(wanted):
            rows = conn.execute(select(t.identity.c.id, t.identity.c.no).where(t.identity.c.id.in_(ids)))
            known.update((row.id, row.no) for row in rows)
        missing = [new for new in wanted if new not in known]
        if attempt == "find" and missing:
            conn.execute(insert(t.identity), [{"id": new, "due_at": 0} for new in missing])
    conn.execute(
        update(t.person).where(t.person.c.no == bindparam("no_")).values(identity=bindparam("identity_")),
        [{"no_": no, "identity_": known[new]} for no, new in moved.items()],
    )
    for ids in chunks(wanted):
        conn.execute(update(t.identity).where(t.identity.c.id.in_(ids)).values(due_at=0, merged_into=None))
    heirs = {old: new for no, new in moved.items() if (old := before.get(no))}
    _bury(conn, heirs)


def _bury(conn: Connection, heirs: Mapping[str, str]) -> None:
    for old, new in heirs.items():
        no = conn.scalar(select(t.identity.c.no).where(t.identity.c.id == old))
        left = conn.scalar(select(func.count()).select_from(t.person).where(t.person.c.identity == no))
        if left:
            conn.execute(update(t.identity).where(t.identity.c.no == no).values(due_at=0))
            continue
        conn.execute(update(t.identity).where(t.identity.c.no == no).values(due_at=None, merged_into=new))
        conn.execute(delete(t.score).where(t.score.c.identity == no))
        subject = case((t.outbox.c.subject == f"person:{old}", f"person:{new}"), else_=t.outbox.c.subject)
        conn.execute(update(t.outbox).where(t.outbox.c.identity == old).values(identity=new, subject=subject))


class Taken:
    """The ids that identities have or had: `in` asks the store."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def __contains__(self, identity: object) -> bool:
        return self._conn.scalar(select(t.identity.c.no).where(t.identity.c.id == identity)) is not None


def all_filed(conn: Connection, after: int, size: int) -> list[Filed]:
    """The next stored records behind row number `after`."""
    nos = conn.scalars(select(t.person.c.no).where(t.person.c.no > after).order_by(t.person.c.no).limit(size))
    return sorted(load_filed(conn, t.person.c.no, list(nos)), key=lambda filed: filed.no)


def without_company(conn: Connection, after: int, size: int) -> list[Filed]:
    """The next living records of people whose company is not known."""
    p = t.person.c
    here = (p.company.is_(None), p.company_id.is_(None), p.known, p.gone_at.is_(None), p.no > after)
    nos = conn.scalars(select(p.no).where(*here).order_by(p.no).limit(size))
    return sorted(load_filed(conn, p.no, list(nos)), key=lambda filed: filed.no)


def set_companies(conn: Connection, companies: Mapping[int, str]) -> None:
    """These records (by number) belong to these companies."""
    if companies:
        rows = [{"no_": no, "company_": company} for no, company in companies.items()]
        conn.execute(
            update(t.person).where(t.person.c.no == bindparam("no_")).values(company=bindparam("company_")), rows
        )
        mark_people(conn, companies)
