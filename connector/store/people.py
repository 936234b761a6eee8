"""People: records, the keys they are identified by, and which identity each belongs to.

Every `put_*` takes the records of a page, writes those that differ from what is stored, marks the identities
concerned as due, and tells how many differed. All of them run in the caller's transaction.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, insert, select, update

from connector.model import (
    EMPTY,
    Gone,
    Inventory,
    Person,
    Ref,
    Value,
    Written,
)
from connector.store import spellings
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
from connector.store.identities import assign
from connector.store.marks import chunks, mark_people
from connector.store.spellings import Triple
from connector.store.told import Told

MOST_HOLDERS = 200
"""A key that more records hold says nothing of who is who, and leads nowhere."""


@dataclass(frozen=True, slots=True)
class Filing:
    """A person record with what the rules made of it: its identity keys (kind, value) and how it spells its company."""

    person: Person
    keys: Sequence[tuple[str, str]]
    spelling: Triple | None = None


@dataclass(frozen=True, slots=True)
class Filed:
    """A stored person record, its row number and the identity it belongs to now; `gone`: it is no more.

    `firm`: more than a name at a company, or our own key, ties it to the identity.
    """

    no: int
    person: Person
    identity_no: int | None
    identity: str | None
    firm: bool
    company: str | None
    spelling: int | None
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


def filed_of(conn: Connection, refs: Iterable[Ref]) -> list[Filed]:
    """These records, as far as they are stored."""
    return load_filed(conn, t.person.c.no, sorted(person_nos(conn, refs).values()))


def living_objects(conn: Connection, system: str) -> set[str]:
    """The objects of a system of which records of people were seen and are not gone."""
    c = t.person.c
    return set(conn.scalars(select(c.object).where(c.system == system, c.known, c.gone_at.is_(None)).distinct()))


def living_ids(conn: Connection, system: str, name: str) -> set[str]:
    """Ids of the records of one object that were seen and are not gone."""
    c = t.person.c
    found = select(c.id).where(c.system == system, c.object == name, c.known, c.gone_at.is_(None))
    return set(conn.scalars(found))


def doubled(conn: Connection, system: str) -> dict[str, list[Ref]]:
    """Living records of a system that bear the same key of ours, by that key."""
    c = t.person.c
    here = (c.system == system, c.known, c.gone_at.is_(None), c.external_key.is_not(None), c.external_key != "")
    many = select(c.external_key).where(*here).group_by(c.external_key).having(func.count() > 1)
    found: dict[str, list[Ref]] = defaultdict(list)
    rows = conn.execute(select(c.object, c.id, c.external_key).where(*here, c.external_key.in_(many)).order_by(c.id))
    for row in rows:
        found[row.external_key].append(Ref(system, row.object, row.id))
    return dict(found)


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
    """Row numbers of records that are new or differ.

    `near`: those that share or shared a key with them; `spellings`: of companies, used more or less than before;
    `gone`: those that are no more.
    """

    nos: Sequence[int]
    near: frozenset[int] = frozenset()
    spellings: frozenset[int] = frozenset()
    gone: frozenset[Ref] = frozenset()

    @property
    def concerned(self) -> set[int]:
        """All whose identity has to be decided anew."""
        return {*self.nos, *self.near}


def put_people(conn: Connection, filings: Sequence[Filing], at: datetime, told: Told) -> Changed:
    """Store person records; which of them are new or differ."""
    latest = {filing.person.ref: filing for filing in filings}
    told.repeated(len(filings), len(latest))
    nos = ensure_people(conn, latest, at)
    spelt = spellings.ensure(conn, (f.spelling for f in latest.values() if f.spelling))
    stored: dict[int, tuple[str, bool, int | None]] = {}
    known: set[int] = set()
    for some in chunks(sorted(nos.values())):
        columns = (t.person.c.no, t.person.c.hash, t.person.c.gone_at, t.person.c.spelling, t.person.c.known)
        for row in conn.execute(select(*columns).where(t.person.c.no.in_(some))):
            stored[row.no] = (row.hash, row.gone_at is not None, row.spelling)
            if row.known and row.gone_at is None:
                known.add(row.no)
    rows = []
    for ref, filing in latest.items():
        digest = person_hash(filing.person)
        spelling = spelt[filing.spelling] if filing.spelling else None
        if stored[nos[ref]] == (digest, False, spelling):
            told.tell(ref, "same")
            continue
        told.tell(ref, "changed" if nos[ref] in known else "new")
        rows.append(_person_row(nos[ref], filing, spelling, digest, at))
    if not rows:
        return Changed(())
    changed = [row["no_"] for row in rows]
    used = spellings.use(conn, (stored[no][2] for no in changed), (row["spelling"] for row in rows))
    conn.execute(
        update(t.person)
        .where(t.person.c.no == bindparam("no_"))
        .values({k: bindparam(k) for k in rows[0] if k != "no_"}),
        rows,
    )
    by_no = {nos[ref]: filing.keys for ref, filing in latest.items()}
    near = put_keys(conn, {no: by_no[no] for no in changed})
    mark_people(conn, changed)
    return Changed(changed, near, frozenset(used))


def refile(conn: Connection, filings: Mapping[int, Filing]) -> Changed:
    """Give stored records (by number) other keys and spellings (the rules of identity changed)."""
    nos = sorted(filings)
    spelt = spellings.ensure(conn, (f.spelling for f in filings.values() if f.spelling))
    rows = [{"no_": no, "spelling_": spelt[f.spelling] if f.spelling else None} for no, f in filings.items()]
    before: list[int | None] = []
    for some in chunks(nos):
        before += conn.scalars(select(t.person.c.spelling).where(t.person.c.no.in_(some)))
    used = spellings.use(conn, before, (row["spelling_"] for row in rows))
    conn.execute(
        update(t.person).where(t.person.c.no == bindparam("no_")).values(spelling=bindparam("spelling_")), rows
    )
    near = put_keys(conn, {no: filing.keys for no, filing in filings.items()})
    return Changed(nos, near, frozenset(used))


def _keys_of(conn: Connection, nos: Sequence[int]) -> dict[str, set[str]]:
    """The keys that these records hold, by kind."""
    keys: dict[str, set[str]] = defaultdict(set)
    c = t.person_key.c
    for some in chunks(nos):
        for row in conn.execute(select(c.kind, c.value).where(c.person.in_(some))):
            keys[row.kind].add(row.value)
    return keys


def holders(conn: Connection, keys: Mapping[Any, Collection[str]]) -> tuple[set[int], dict[tuple[str, str], int]]:
    """The records that hold one of some keys (values by kind), and the keys that too many hold; those lead nowhere.

    Of these, how many hold it.
    """
    found: set[int] = set()
    crowded: dict[tuple[str, str], int] = {}
    c = t.person_key.c
    for kind, values in keys.items():
        for some in chunks(sorted(values)):
            here = (c.kind == kind, c.value.in_(some))
            many = select(c.value, func.count()).where(*here).group_by(c.value).having(func.count() > MOST_HOLDERS)
            too_many = {row.value: row[1] for row in conn.execute(many)}
            crowded |= {(kind, value): number for value, number in too_many.items()}
            wanted = [value for value in some if value not in too_many]
            found.update(conn.scalars(select(c.person).where(c.kind == kind, c.value.in_(wanted))))
    return found, crowded


def _person_row(no: int, filing: Filing, spelling: int | None, digest: str, at: datetime) -> dict[str, Any]:
    person = filing.person
    return {
        "no_": no,
        "fields": dump_values(person.fields),
        "native": dump_values(person.native),
        "external_key": person.key,
        "spelling": spelling,
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


def put_keys(conn: Connection, keys: Mapping[int, Sequence[tuple[str, str]]]) -> frozenset[int]:
    """Give records other keys; all who share one of the old or new keys, or shared one.

    A key says something about its holders until they are too many, so all of them are concerned when one more, or one
    less, makes that difference.
    """
    own = {(no, kind, value) for no, held in keys.items() for kind, value in held}
    asked = _keys_of(conn, list(keys))
    near, _ = holders(conn, asked)
    for some in chunks(sorted(keys)):
        conn.execute(delete(t.person_key).where(t.person_key.c.person.in_(some)))
    if own:
        conn.execute(insert(t.person_key), [{"person": no, "kind": kind, "value": value} for no, kind, value in own])
    for _, kind, value in own:
        asked[kind].add(value)
    now, crowded = holders(conn, asked)
    added = Counter((kind, value) for _, kind, value in own)
    crossed = [key for key, count in crowded.items() if count - added[key] <= MOST_HOLDERS]
    c = t.person_key.c
    for kind, value in crossed:
        near.update(conn.scalars(select(c.person).where(c.kind == kind, c.value == value)))
    return frozenset(near | now)


def put_gone(conn: Connection, gone: Sequence[Gone], at: datetime) -> Changed:
    """Mark records as deleted, merged or converted; for which of them that is news.

    A record with a successor stays tied to it by a key, so both remain one person.
    """
    latest = {g.ref: g for g in gone}
    nos = person_nos(conn, latest)
    near: set[int] = set()
    changed = []
    news: set[Ref] = set()
    unused: list[int | None] = []
    for ref, no in nos.items():
        successor = latest[ref].successor
        tie = f"{successor.object}/{successor.id}" if successor else None
        columns = (t.person.c.gone_at, t.person.c.successor, t.person.c.spelling)
        row = conn.execute(select(*columns).where(t.person.c.no == no)).one()
        if row.gone_at is not None and row.successor == tie:
            continue
        conn.execute(
            update(t.person)
            .where(t.person.c.no == no)
            .values(gone_at=micros(latest[ref].at), successor=tie, hash="", spelling=None, seen_at=micros(at))
        )
        keys = [("id", str(ref))]
        if successor:
            ensure_people(conn, [successor], at)
            keys.append(("id", str(successor)))
        near |= put_keys(conn, {no: keys})
        changed.append(no)
        news.add(ref)
        unused.append(row.spelling)
    mark_people(conn, changed)
    used = frozenset(spellings.use(conn, unused, ()))
    return Changed(changed, frozenset(near), used, frozenset(news))


@dataclass(frozen=True, slots=True)
class WriteBack:
    """What was just written to a record: values by native name, and our key where it was among them.

    `undone`: for fields in which an earlier value was taken back, that value.
    """

    ref: Ref
    values: Mapping[str, Value]
    key: str | None = None
    undone: Mapping[str, Value] = field(default_factory=lambda: EMPTY)


def write_back(conn: Connection, writes: Sequence[WriteBack], at: datetime, within: timedelta) -> None:
    """Remember what was just written, so that reading it back is no news.

    The same value again `within` that time counts as once more in a row: somebody had changed it back.
    """
    of = {write.ref: write for write in writes}
    rows = []
    for filed in load_filed(conn, t.person.c.no, sorted(person_nos(conn, of).values())):
        write = of[filed.person.ref]
        native = {**filed.person.native, **write.values}
        person = replace(filed.person, native=native, key=write.key or filed.person.key)
        last = filed.written
        written = {name: _written(last.get(name), value, at, within) for name, value in write.values.items()}
        for name in write.undone.keys() & written.keys():
            written[name] = replace(written[name], undone=(write.undone[name],))
        rows.append(
            {
                "no_": filed.no,
                "native_": dump_values(person.native),
                "key_": person.key,
                "hash_": person_hash(person),
                "written_": _dump_written({**filed.written, **written}),
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


def hold(conn: Connection, undone: Mapping[Ref, Mapping[str, Value]], at: datetime) -> None:
    """Remember of fields (by record) which value is about to be taken back: no plan wants it there again."""
    rows = []
    for filed in load_filed(conn, t.person.c.no, sorted(person_nos(conn, undone).values())):
        written = dict(filed.written)
        for name, value in undone[filed.person.ref].items():
            written[name] = replace(written.get(name, Written(value, at)), undone=(value,))
        rows.append({"no_": filed.no, "written_": _dump_written(written)})
    if rows:
        conn.execute(
            update(t.person).where(t.person.c.no == bindparam("no_")).values(written=bindparam("written_")), rows
        )


def _dump_written(written: Mapping[str, Written]) -> str:
    kept = {
        name: [pack(w.value), micros(w.at), w.times, *([[pack(v) for v in w.undone]] if w.undone else [])]
        for name, w in written.items()
    }
    return orjson.dumps(kept).decode()


def put_created(conn: Connection, ref: Ref, values: Mapping[str, Value], identity: str, at: datetime) -> None:
    """Remember a record that was just made under our key; reading it will tell the rest."""
    (no,) = ensure_people(conn, [ref], at).values()
    conn.execute(
        update(t.person)
        .where(t.person.c.no == no, t.person.c.known.is_(False))
        .values(native=dump_values(values), external_key=identity, created_at=micros(at), known=True)
    )
    assign(conn, {no: identity}, at)


def _written(last: Written | None, value: Value, at: datetime, within: timedelta) -> Written:
    again = last is not None and last.value == value and at - last.at < within
    return Written(value, at, last.times + 1 if last and again else 1)


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
        name: Written(unpack(value), moment(at), times, tuple(unpack(v) for each in undone for v in each))
        for name, (value, at, times, *undone) in orjson.loads(row.written).items()
    }
    return Filed(
        row.no,
        _person(row),
        row.identity,
        row.identity_id,
        row.firm,
        row.company,
        row.spelling,
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


def all_filed(conn: Connection, after: int, size: int) -> list[Filed]:
    """The next stored records behind row number `after`."""
    nos = conn.scalars(select(t.person.c.no).where(t.person.c.no > after).order_by(t.person.c.no).limit(size))
    return sorted(load_filed(conn, t.person.c.no, list(nos)), key=lambda filed: filed.no)
