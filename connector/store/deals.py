"""Companies, owners and deals. As in `people`: what differs is written, and those concerned become due."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Table, and_, select, update

from connector.model import (
    Company,
    Deal,
    DealPerson,
    DealState,
    Gone,
    Inventory,
    Owner,
    Ref,
)
from connector.store import spellings
from connector.store import tables as t
from connector.store.codec import (
    dump_values,
    fingerprint,
    maybe_micros,
    maybe_moment,
    micros,
)
from connector.store.marks import chunks, mark_deals, mark_people, upsert
from connector.store.spellings import Triple
from connector.store.told import Told


@dataclass(frozen=True, slots=True)
class Used:
    """Company records that differ, and the spellings that are used more or less than before."""

    changed: frozenset[Ref]
    spellings: frozenset[int] = frozenset()


def put_companies(
    conn: Connection, companies: Sequence[tuple[Company, str, Triple | None]], at: datetime, told: Told
) -> Used:
    """Store company records, each with the company that it is when nothing speaks against it, and its spelling.

    People and deals that name a record follow it to another company.
    """
    latest = {company.ref: (company, ours, spelling) for company, ours, spelling in companies}
    told.repeated(len(companies), len(latest))
    spelt = spellings.ensure(conn, (spelling for _, _, spelling in latest.values() if spelling))
    changed: set[Ref] = set()
    used: set[int] = set()
    for ref, (company, ours, spelling) in latest.items():
        no = spelt[spelling] if spelling else None
        digest = fingerprint(company.name, ours, no, company.owner_id, company.website, company.parent_id)
        columns = (t.company.c.hash, t.company.c.company, t.company.c.spelling)
        here = (t.company.c.system == ref.system, t.company.c.id == ref.id)
        old = conn.execute(select(*columns).where(*here)).one_or_none()
        if old is not None and old.hash == digest:
            told.tell(ref, "same")
            continue
        told.tell(ref, "new" if old is None else "changed")
        changed.add(ref)
        used |= spellings.use(conn, [old.spelling if old else None], [no], spellings.ACCOUNT)
        # What the others with this spelling are taken for may be another company than it seems by itself.
        company_now = spellings.company_of(conn, no) or ours
        row = {
            "system": ref.system,
            "object": ref.object,
            "id": ref.id,
            "company": company_now,
            "spelling": no,
            "name": company.name,
            "owner_id": company.owner_id,
            "data": dump_values({"corporate_number": company.corporate_number, "parent_id": company.parent_id}),
            "hash": digest,
            "seen_at": micros(at),
            "gone_at": None,
        }
        upsert(conn, t.company, [row], [name for name in row if name not in ("system", "id")])
        if old is None or old.company != company_now:
            spellings.move(conn, ref.system, ref.id, old.company if old else None, company_now)
    return Used(frozenset(changed), frozenset(used))


def companies_of(conn: Connection, system: str, ids: Iterable[str]) -> dict[str, str]:
    """Our company ids of a system's company records."""
    found: dict[str, str] = {}
    for some in chunks(sorted(set(ids))):
        rows = conn.execute(
            select(t.company.c.id, t.company.c.company).where(t.company.c.system == system, t.company.c.id.in_(some))
        )
        found.update((row.id, row.company) for row in rows if row.company)
    return found


def put_owners(conn: Connection, owners: Sequence[Owner], told: Told) -> None:
    """Store users of an SFA that differ."""
    latest = {owner.ref: owner for owner in owners}
    told.repeated(len(owners), len(latest))
    rows = [
        {
            "system": o.ref.system,
            "id": o.ref.id,
            "name": o.name,
            "active": o.active,
            "hash": fingerprint(o.name, o.active, o.email),
        }
        for o in latest.values()
    ]
    _put_changed(conn, t.owner, dict(zip(latest, rows, strict=True)), told)


def _put_changed(conn: Connection, table: Table, rows: Mapping[Ref, dict[str, Any]], told: Told) -> int:
    """Upsert by (system, id) those rows whose hash differs from the stored one; how many."""
    latest = {(row["system"], row["id"]): row for row in rows.values()}
    stored: dict[tuple[str, str], str] = {}
    for system in {key[0] for key in latest}:
        for some in chunks(sorted(key[1] for key in latest if key[0] == system)):
            found = conn.execute(select(table.c.id, table.c.hash).where(table.c.system == system, table.c.id.in_(some)))
            stored.update(((system, row.id), row.hash) for row in found)
    changed = [row for key, row in latest.items() if stored.get(key) != row["hash"]]
    for ref, row in rows.items():
        old = stored.get((row["system"], row["id"]))
        told.tell(ref, "new" if old is None else "same" if old == row["hash"] else "changed")
    if changed:
        upsert(conn, table, changed, [name for name in changed[0] if name not in ("system", "id")])
    return len(changed)


def put_deals(conn: Connection, deals: Sequence[Deal], at: datetime, told: Told) -> None:
    """Store deals that differ. Their people and everybody at their companies become due."""
    latest = {deal.ref: deal for deal in deals}
    told.repeated(len(deals), len(latest))
    for system in {ref.system for ref in latest}:
        own = [deal for ref, deal in latest.items() if ref.system == system]
        companies = companies_of(conn, system, (d.company_id for d in own if d.company_id))
        rows = [_deal_row(deal, companies.get(deal.company_id or ""), at) for deal in own]
        before = _hashes(conn, t.deal, system, [row["id"] for row in rows])
        moved = [row["id"] for row in rows if before.get(row["id"]) != row["hash"]]
        if not moved:
            for deal in own:
                told.tell(deal.ref, "same")
            continue
        mark_deals(conn, system, moved)  # those who took part until now
        _put_changed(conn, t.deal, {deal.ref: row for deal, row in zip(own, rows, strict=True)}, told)
        put_deal_people(
            conn,
            [
                DealPerson(Ref(system, "part", f"{deal.ref.id}:{person}"), deal.ref.id, person)
                for deal in own
                for person in deal.people
            ],
            Told(),
        )
        _take_away(conn, system, moved, {f"{deal.ref.id}:{person}" for deal in own for person in deal.people})
        mark_deals(conn, system, moved)


def _take_away(conn: Connection, system: str, deals: Sequence[str], parts: set[str]) -> None:
    """Those whom a deal named itself and names no more take part no more."""
    c = t.deal_person.c
    for some in chunks(sorted(deals)):
        here = (c.system == system, c.deal_id.in_(some), c.gone.is_(False))
        left = [
            DealPerson(Ref(system, "part", row.id), row.deal_id, row.person_id, gone=True)
            for row in conn.execute(select(c.id, c.deal_id, c.person_id).where(*here))
            if row.id == f"{row.deal_id}:{row.person_id}" and row.id not in parts
        ]
        put_deal_people(conn, left, Told())


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


def living_objects(conn: Connection, system: str) -> set[str]:
    """The objects of a system of which there are deals that are not gone."""
    c = t.deal.c
    return set(conn.scalars(select(c.object).where(c.system == system, c.gone_at.is_(None)).distinct()))


def living_ids(conn: Connection, system: str, name: str) -> set[str]:
    """Ids of the deals of one object that are not gone."""
    c = t.deal.c
    return set(conn.scalars(select(c.id).where(c.system == system, c.object == name, c.gone_at.is_(None))))


def recorded(conn: Connection, refs: Iterable[Ref]) -> dict[Ref, Deal]:
    """These deals as they are stored, without their people; none that is gone."""
    wanted: dict[str, set[str]] = {}
    for ref in refs:
        wanted.setdefault(ref.system, set()).add(ref.id)
    found: dict[Ref, Deal] = {}
    for system, ids in wanted.items():
        for some in chunks(sorted(ids)):
            here = and_(t.deal.c.system == system, t.deal.c.id.in_(some), t.deal.c.gone_at.is_(None))
            deals = [load_deal(row) for row in conn.execute(select(t.deal).where(here))]
            found.update((deal.ref, deal) for deal in deals)
    return found


def put_deals_gone(conn: Connection, gone: Sequence[Gone]) -> set[Ref]:
    """Mark deals as deleted; which of them were still there."""
    changed: set[Ref] = set()
    for g in gone:
        # By object too: a person and a deal of one system may bear the same number.
        here = and_(
            t.deal.c.system == g.ref.system,
            t.deal.c.object == g.ref.object,
            t.deal.c.id == g.ref.id,
            t.deal.c.gone_at.is_(None),
        )
        if conn.execute(update(t.deal).where(here).values(gone_at=micros(g.at), hash="")).rowcount:
            mark_deals(conn, g.ref.system, [g.ref.id])
            changed.add(g.ref)
    return changed


def put_deals_back(conn: Connection, inventory: Inventory) -> int:
    """Deals that count as gone and are in the inventory are there again; how many."""
    c = t.deal.c
    here = (c.system == inventory.system, c.object == inventory.object, c.gone_at.is_not(None))
    back = sorted(inventory.ids.intersection(conn.scalars(select(c.id).where(*here))))
    for some in chunks(back):
        conn.execute(update(t.deal).where(*here, c.id.in_(some)).values(gone_at=None))
    mark_deals(conn, inventory.system, back)
    return len(back)


def put_companies_gone(conn: Connection, gone: Sequence[Gone]) -> Used:
    """Mark company records as deleted or merged; which of them were still there."""
    changed: set[Ref] = set()
    used: set[int] = set()
    for g in gone:
        here = and_(
            t.company.c.system == g.ref.system,
            t.company.c.object == g.ref.object,
            t.company.c.id == g.ref.id,
            t.company.c.gone_at.is_(None),
        )
        for row in conn.execute(select(t.company.c.spelling).where(here)).all():
            used |= spellings.use(conn, [row.spelling], [], spellings.ACCOUNT)
            conn.execute(update(t.company).where(here).values(gone_at=micros(g.at), hash="", spelling=None))
            changed.add(g.ref)
    return Used(frozenset(changed), frozenset(used))


def put_deal_people(conn: Connection, parts: Sequence[DealPerson], told: Told) -> None:
    """Store who takes part in which deal, as far as it differs."""
    latest = {part.ref: part for part in parts}
    told.repeated(len(parts), len(latest))
    rows: dict[Ref, dict[str, Any]] = {
        ref: {
            "system": ref.system,
            "id": ref.id,
            "deal_id": p.deal_id,
            "person_id": p.person_id,
            "gone": p.gone,
            "hash": fingerprint(p.deal_id, p.person_id, p.gone),
        }
        for ref, p in latest.items()
        if not (p.gone and not p.deal_id)
    }
    # Who took part until now is concerned as well: a part may pass from one person to another.
    concerned = [*_taking_part(conn, rows), *((row["system"], row["person_id"]) for row in rows.values())]
    changed = _put_changed(conn, t.deal_person, rows, told)
    for ref in latest.keys() - rows.keys():
        here = and_(t.deal_person.c.system == ref.system, t.deal_person.c.id == ref.id)
        old = conn.execute(select(t.deal_person).where(here, t.deal_person.c.gone.is_(False))).one_or_none()
        told.tell(ref, "same" if old is None else "changed")
        if old is not None:
            conn.execute(update(t.deal_person).where(here).values(gone=True, hash=""))
            concerned.append((ref.system, old.person_id))
            changed += 1
    if changed:
        for system in {system for system, _ in concerned}:
            people = sorted({person for at, person in concerned if at == system})
            for some in chunks(people):
                mark_people(
                    conn,
                    conn.scalars(select(t.person.c.no).where(t.person.c.system == system, t.person.c.id.in_(some))),
                )


def _taking_part(conn: Connection, refs: Collection[Ref]) -> Iterator[tuple[str, str]]:
    """System and person of these parts, as they are stored."""
    c = t.deal_person.c
    for system in sorted({ref.system for ref in refs}):
        for some in chunks(sorted(ref.id for ref in refs if ref.system == system)):
            for person in conn.scalars(select(c.person_id).where(c.system == system, c.id.in_(some))):
                yield system, person


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
