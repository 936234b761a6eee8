"""What the systems told us: people, companies, deals, touchpoints, lists; and which identities that concerns.

Every `put_*` takes the records of a page, writes those that differ from what is stored, marks the identities
concerned as due, and tells how many differed. All of them run in the caller's transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import orjson
from sqlalchemy import ColumnElement, Connection, Table, and_, bindparam, case, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from connector.model import (
    Company,
    Deal,
    DealPerson,
    DealState,
    Gone,
    Membership,
    Owner,
    Person,
    Ref,
    Touchpoint,
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

T = TypeVar("T")
CHUNK = 900
"""Most values in one IN (...)."""


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


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """`items` in pieces of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def upsert(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]], update_columns: Sequence[str]) -> None:
    """Insert rows, or update the named columns where the primary key exists."""
    if not rows:
        return
    make = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    statement = make(table)
    keys = [column.name for column in table.primary_key]
    if update_columns:
        changes = {name: statement.excluded[name] for name in update_columns}
        conn.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), list(rows))
    else:
        conn.execute(statement.on_conflict_do_nothing(index_elements=keys), list(rows))


# --- identities that have to be looked at -----------------------------------------------------------------------------


def mark_people(conn: Connection, nos: Iterable[int]) -> None:
    """The identities of these person rows have new facts."""
    for some in chunks(sorted(set(nos))):
        of = select(t.person.c.identity).where(t.person.c.no.in_(some), t.person.c.identity.is_not(None))
        conn.execute(update(t.identity).where(t.identity.c.no.in_(of)).values(due_at=0))


def mark_companies(conn: Connection, companies: Iterable[str | None]) -> None:
    """Everybody at these companies (our ids) has new facts."""
    for some in chunks(sorted({c for c in companies if c})):
        of = select(t.person.c.identity).where(t.person.c.company.in_(some), t.person.c.identity.is_not(None))
        conn.execute(update(t.identity).where(t.identity.c.no.in_(of)).values(due_at=0))


def mark_deals(conn: Connection, system: str, deal_ids: Iterable[str]) -> None:
    """The people who take part in these deals, and everybody at their companies, have new facts."""
    for some in chunks(sorted(set(deal_ids))):
        people = select(t.deal_person.c.person_id).where(
            t.deal_person.c.system == system, t.deal_person.c.deal_id.in_(some)
        )
        nos = conn.scalars(select(t.person.c.no).where(t.person.c.system == system, t.person.c.id.in_(people)))
        mark_people(conn, nos)
        mark_companies(
            conn, conn.scalars(select(t.deal.c.company).where(t.deal.c.system == system, t.deal.c.id.in_(some)))
        )


def mark_all(conn: Connection) -> None:
    """Every identity has to be planned again (the rules changed)."""
    conn.execute(update(t.identity).where(t.identity.c.merged_into.is_(None)).values(due_at=0))


# --- people -----------------------------------------------------------------------------------------------------------


def person_hash(person: Person) -> str:
    """Changes with anything that matters of a record; not with its time of change, so that an echo is no news."""
    return fingerprint(
        dump_values(person.fields), dump_values(person.native), person.key, person.company_id, person.owner_id
    )


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


def put_people(conn: Connection, filings: Sequence[Filing], at: datetime) -> list[int]:
    """Store person records; the row numbers of those that are new or differ."""
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
        return []
    changed = [row["no_"] for row in rows]
    conn.execute(
        update(t.person)
        .where(t.person.c.no == bindparam("no_"))
        .values({k: bindparam(k) for k in rows[0] if k != "no_"}),
        rows,
    )
    by_no = {nos[ref]: filing.keys for ref, filing in latest.items()}
    _put_keys(conn, {no: by_no[no] for no in changed})
    mark_people(conn, changed)
    return changed


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


def put_gone(conn: Connection, gone: Sequence[Gone], at: datetime) -> list[int]:
    """Mark records as deleted, merged or converted; the row numbers of those for which that is news.

    A record with a successor stays tied to it by a key, so both remain one person.
    """
    latest = {g.ref: g for g in gone}
    nos = person_nos(conn, latest)
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
    return changed


def write_back(conn: Connection, ref: Ref, values: Mapping[str, Value], key: str | None, at: datetime) -> None:
    """Remember what was just written to a record, so that reading it back is no news."""
    c = t.person.c
    row = conn.execute(
        select(t.person).where(c.system == ref.system, c.object == ref.object, c.id == ref.id)
    ).one_or_none()
    if row is None:
        return
    old = _person(row)
    person = replace(old, native={**old.native, **values}, key=key or old.key)
    filed = _filed(row).written
    written = dict(filed) | {name: _written(filed.get(name), value, at) for name, value in values.items()}
    conn.execute(
        update(t.person)
        .where(c.no == row.no)
        .values(
            native=dump_values(person.native),
            external_key=person.key,
            hash=person_hash(person),
            written=orjson.dumps(
                {name: [pack(w.value), micros(w.at), w.times] for name, w in written.items()}
            ).decode(),
        )
    )


def _written(last: Written | None, value: Value, at: datetime) -> Written:
    """The same value again within a day means that somebody changed it back."""
    again = last is not None and last.value == value and at - last.at < timedelta(days=1)
    return Written(value, at, last.times + 1 if last and again else 1)


def neighbourhood(conn: Connection, nos: Iterable[int]) -> list[Filed]:
    """All person records that share a key with these, directly or through others, these included."""
    seen: set[int] = set()
    frontier = set(nos)
    while frontier:
        seen |= frontier
        reached: set[int] = set()
        for some in chunks(sorted(frontier)):
            mine = t.person_key.alias("mine")
            other = t.person_key.alias("other")
            join = mine.join(other, and_(mine.c.kind == other.c.kind, mine.c.value == other.c.value))
            reached.update(
                conn.scalars(select(other.c.person).select_from(join).where(mine.c.person.in_(some)).distinct())
            )
        # Records of one identity belong together even where the key between them has just gone.
        for some in chunks(sorted(frontier)):
            of = select(t.person.c.identity).where(t.person.c.no.in_(some), t.person.c.identity.is_not(None))
            reached.update(conn.scalars(select(t.person.c.no).where(t.person.c.identity.in_(of))))
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
        for some in chunks(wanted):
            known.update(
                (row.id, row.no)
                for row in conn.execute(select(t.identity.c.id, t.identity.c.no).where(t.identity.c.id.in_(some)))
            )
        missing = [new for new in wanted if new not in known]
        if attempt == "find" and missing:
            conn.execute(insert(t.identity), [{"id": new, "due_at": 0} for new in missing])
    conn.execute(
        update(t.person).where(t.person.c.no == bindparam("no_")).values(identity=bindparam("identity_")),
        [{"no_": no, "identity_": known[new]} for no, new in moved.items()],
    )
    for some in chunks(wanted):
        conn.execute(update(t.identity).where(t.identity.c.id.in_(some)).values(due_at=0, merged_into=None))
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
        of = (t.outbox.c.identity == old, t.outbox.c.kind == "RaiseAlert")
        conn.execute(update(t.outbox).where(*of).values(identity=new, subject=subject))


# --- companies, owners, deals -----------------------------------------------------------------------------------------


def put_companies(conn: Connection, companies: Sequence[tuple[Company, str, str | None]], at: datetime) -> int:
    """Store company records, each with our company id and its mail domain; how many differ.

    People and deals that name the record follow it to another company id.
    """
    latest = {company.ref: (company, ours, domain) for company, ours, domain in companies}
    changed = 0
    for ref, (company, ours, domain) in latest.items():
        digest = fingerprint(company.name, ours, company.owner_id, company.website, company.parent_id)
        old = conn.execute(
            select(t.company.c.hash, t.company.c.company).where(
                t.company.c.system == ref.system, t.company.c.id == ref.id
            )
        ).one_or_none()
        if old is not None and old.hash == digest:
            continue
        changed += 1
        row = {
            "system": ref.system,
            "object": ref.object,
            "id": ref.id,
            "company": ours,
            "name": company.name,
            "owner_id": company.owner_id,
            "data": dump_values({"corporate_number": company.corporate_number, "parent_id": company.parent_id}),
            "hash": digest,
            "seen_at": micros(at),
            "gone_at": None,
        }
        upsert(conn, t.company, [row], [name for name in row if name not in ("system", "id")])
        if domain:
            put_domains(conn, [(domain, ours)])
        if old is None or old.company != ours:
            _move_company(conn, ref, ours)
    return changed


def _move_company(conn: Connection, ref: Ref, ours: str) -> None:
    for table in (t.person, t.deal):
        conn.execute(
            update(table).where(table.c.system == ref.system, table.c.company_id == ref.id).values(company=ours)
        )
    mark_companies(conn, [ours])


def put_domains(conn: Connection, pairs: Iterable[tuple[str, str]]) -> None:
    """Remember which mail domains were seen with which companies."""
    upsert(conn, t.company_domain, [{"domain": d, "company": c} for d, c in sorted(set(pairs))], [])


def companies_of(conn: Connection, system: str, ids: Iterable[str]) -> dict[str, str]:
    """Our company ids of a system's company records."""
    found: dict[str, str] = {}
    for some in chunks(sorted(set(ids))):
        rows = conn.execute(
            select(t.company.c.id, t.company.c.company).where(t.company.c.system == system, t.company.c.id.in_(some))
        )
        found.update((row.id, row.company) for row in rows if row.company)
    return found


def companies_at(conn: Connection, domains: Iterable[str]) -> dict[str, set[str]]:
    """Our ids of the companies that were seen with these mail domains."""
    found: dict[str, set[str]] = defaultdict(set)
    for some in chunks(sorted(set(domains))):
        for row in conn.execute(select(t.company_domain).where(t.company_domain.c.domain.in_(some))):
            found[row.domain].add(row.company)
    return found


def put_owners(conn: Connection, owners: Sequence[Owner]) -> int:
    """Store users of an SFA; how many differ."""
    rows = [
        {
            "system": o.ref.system,
            "id": o.ref.id,
            "name": o.name,
            "active": o.active,
            "hash": fingerprint(o.name, o.active, o.email),
        }
        for o in owners
    ]
    return _put_changed(conn, t.owner, rows)


def _put_changed(conn: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
    """Upsert by (system, id) those rows whose hash differs from the stored one; how many."""
    latest = {(row["system"], row["id"]): row for row in rows}
    stored: dict[tuple[str, str], str] = {}
    for system in {key[0] for key in latest}:
        for some in chunks(sorted(key[1] for key in latest if key[0] == system)):
            found = conn.execute(select(table.c.id, table.c.hash).where(table.c.system == system, table.c.id.in_(some)))
            stored.update(((system, row.id), row.hash) for row in found)
    changed = [row for key, row in latest.items() if stored.get(key) != row["hash"]]
    if changed:
        upsert(conn, table, changed, [name for name in changed[0] if name not in ("system", "id")])
    return len(changed)


def put_deals(conn: Connection, deals: Sequence[Deal], at: datetime) -> int:
    """Store deals; how many differ. Their people and everybody at their companies become due."""
    latest = {deal.ref: deal for deal in deals}
    changed = 0
    for system in {ref.system for ref in latest}:
        own = [deal for ref, deal in latest.items() if ref.system == system]
        companies = companies_of(conn, system, (d.company_id for d in own if d.company_id))
        rows = [_deal_row(deal, companies.get(deal.company_id or ""), at) for deal in own]
        before = _hashes(conn, t.deal, system, [row["id"] for row in rows])
        moved = [row["id"] for row in rows if before.get(row["id"]) != row["hash"]]
        if not moved:
            continue
        mark_deals(conn, system, moved)  # those who took part until now
        changed += _put_changed(conn, t.deal, rows)
        put_deal_people(
            conn,
            [
                DealPerson(Ref(system, "part", f"{deal.ref.id}:{person}"), deal.ref.id, person)
                for deal in own
                for person in deal.people
            ],
            at,
        )
        mark_deals(conn, system, moved)
    return changed


def _hashes(conn: Connection, table: Table, system: str, ids: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in chunks(sorted(ids)):
        rows = conn.execute(select(table.c.id, table.c.hash).where(table.c.system == system, table.c.id.in_(some)))
        found.update((row.id, row.hash) for row in rows)
    return found


def _deal_row(deal: Deal, company: str | None, at: datetime) -> dict[str, Any]:
    row = {
        "system": deal.ref.system,
        "object": deal.ref.object,
        "id": deal.ref.id,
        "name": deal.name,
        "state": str(deal.state),
        "stage": deal.stage,
        "stage_since": maybe_micros(deal.stage_since),
        "probability": deal.probability,
        "amount": deal.amount,
        "closes_on": deal.closes_on.isoformat() if deal.closes_on else None,
        "closed_at": maybe_micros(deal.closed_at),
        "lost_reason": deal.lost_reason,
        "product": deal.product,
        "owner_id": deal.owner_id,
        "company_id": deal.company_id,
        "company": company,
        "gone_at": None,
    }
    digest = fingerprint(*row.values(), sorted(deal.people))
    return row | {"hash": digest, "modified_at": maybe_micros(deal.modified_at), "seen_at": micros(at)}


def put_deals_gone(conn: Connection, gone: Sequence[Gone]) -> int:
    """Mark deals as deleted; how many were still there."""
    changed = 0
    for g in gone:
        here = and_(t.deal.c.system == g.ref.system, t.deal.c.id == g.ref.id, t.deal.c.gone_at.is_(None))
        if conn.execute(update(t.deal).where(here).values(gone_at=micros(g.at), hash="")).rowcount:
            mark_deals(conn, g.ref.system, [g.ref.id])
            changed += 1
    return changed


def put_companies_gone(conn: Connection, gone: Sequence[Gone]) -> int:
    """Mark company records as deleted or merged; how many were still there."""
    changed = 0
    for g in gone:
        here = and_(t.company.c.system == g.ref.system, t.company.c.id == g.ref.id, t.company.c.gone_at.is_(None))
        changed += conn.execute(update(t.company).where(here).values(gone_at=micros(g.at), hash="")).rowcount
    return changed


def put_deal_people(conn: Connection, parts: Sequence[DealPerson], at: datetime) -> int:
    """Store who takes part in which deal; how many differ."""
    rows = [
        {
            "system": p.ref.system,
            "id": p.ref.id,
            "deal_id": p.deal_id,
            "person_id": p.person_id,
            "gone": p.gone,
            "hash": fingerprint(p.deal_id, p.person_id, p.gone),
        }
        for p in parts
        if not (p.gone and not p.deal_id)
    ]
    changed = _put_changed(conn, t.deal_person, rows)
    ended = [p for p in parts if p.gone and not p.deal_id]
    for part in ended:
        here = and_(t.deal_person.c.system == part.ref.system, t.deal_person.c.id == part.ref.id)
        old = conn.execute(select(t.deal_person).where(here, t.deal_person.c.gone.is_(False))).one_or_none()
        if old is not None:
            conn.execute(update(t.deal_person).where(here).values(gone=True, hash=""))
            rows.append({"system": part.ref.system, "deal_id": old.deal_id, "person_id": old.person_id})
            changed += 1
    if changed:
        for system in {row["system"] for row in rows}:
            people = sorted({row["person_id"] for row in rows if row["system"] == system})
            for some in chunks(people):
                mark_people(
                    conn,
                    conn.scalars(select(t.person.c.no).where(t.person.c.system == system, t.person.c.id.in_(some))),
                )
    return changed


# --- touchpoints and lists --------------------------------------------------------------------------------------------


def put_touchpoints(conn: Connection, touchpoints: Sequence[Touchpoint], at: datetime) -> int:
    """Store touchpoints, each once however often it is read; how many are new or differ."""
    latest = {tp.ref: tp for tp in touchpoints}
    stored: dict[Ref, tuple[Any, ...]] = {}
    by_stream: dict[tuple[str, str], list[str]] = defaultdict(list)
    for ref in latest:
        by_stream[ref.system, ref.object].append(ref.id)
    c = t.touchpoint.c
    for (system, stream), ids in by_stream.items():
        for some in chunks(ids):
            columns = (c.id, c.person, c.kind, c.happened_at, c.label, c.url, c.campaign, c.result, c.gone, c.no)
            for row in conn.execute(select(*columns).where(c.system == system, c.stream == stream, c.id.in_(some))):
                stored[Ref(system, stream, row[0])] = tuple(row)
    nos = ensure_people(conn, {tp.person for tp in latest.values()}, at)
    new, changed, people = [], [], set()
    for ref, tp in latest.items():
        content = (
            ref.id, nos[tp.person], str(tp.kind), micros(tp.happened_at), tp.label, tp.url, tp.campaign, tp.result, tp.gone,
        )  # fmt: skip
        old = stored.get(ref)
        if old is not None and old[:-1] == content:
            continue
        people.add(content[1])
        row = dict(zip(_TOUCHPOINT, content, strict=True), system=ref.system, stream=ref.object, seen_at=micros(at))
        if old is None:
            if not tp.gone:
                new.append(row)
        else:
            people.add(old[1])
            changed.append({f"{name}_": row[name] for name in _TOUCHPOINT[1:]} | {"no_": old[-1]})
    if new:
        conn.execute(insert(t.touchpoint), new)
    if changed:
        values = {name: bindparam(f"{name}_") for name in _TOUCHPOINT[1:]}
        conn.execute(update(t.touchpoint).where(c.no == bindparam("no_")).values(values), changed)
    mark_people(conn, people)
    return len(new) + len(changed)


_TOUCHPOINT = ("id", "person", "kind", "happened_at", "label", "url", "campaign", "result", "gone")


def put_membership(conn: Connection, membership: Membership, at: datetime) -> int:
    """Store who is on a list now; how many came or went since the last look."""
    c = t.member.c
    here = and_(c.system == membership.system, c.list == membership.list)
    stored = {row.person_id: row.on_list for row in conn.execute(select(c.person_id, c.on_list).where(here))}
    came = [p for p in membership.members if not stored.get(p, False)]
    went = [p for p, on_list in stored.items() if on_list and p not in membership.members]
    rows = [
        {"system": membership.system, "list": membership.list, "person_id": p, "on_list": on, "seen_at": micros(at)}
        for people, on in ((came, True), (went, False))
        for p in people
    ]
    upsert(conn, t.member, rows, ["on_list", "seen_at"])
    for some in chunks([*came, *went]):
        mark_people(
            conn,
            conn.scalars(select(t.person.c.no).where(t.person.c.system == membership.system, t.person.c.id.in_(some))),
        )
    return len(rows)


def set_member(conn: Connection, system: str, name: str, person_id: str, *, on_list: bool, at: datetime) -> None:
    """Remember that we put a person on a list, or took it off."""
    row = {
        "system": system, "list": name, "person_id": person_id, "on_list": on_list, "ours": on_list, "seen_at": micros(at),
    }  # fmt: skip
    upsert(conn, t.member, [row], ["on_list", "ours", "seen_at"])


def load_deal(row: Any) -> Deal:
    """A deal from its row."""
    return Deal(
        Ref(row.system, row.object, row.id),
        row.name,
        DealState(row.state),
        row.stage,
        maybe_moment(row.stage_since),
        row.probability,
        row.amount,
        date.fromisoformat(row.closes_on) if row.closes_on else None,
        maybe_moment(row.closed_at),
        row.lost_reason,
        row.product,
        row.owner_id,
        row.company_id,
        (),
        maybe_moment(row.modified_at),
    )
