"""Facts for planning: which identities are affected, and all that is known of them, a chunk at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Select, and_, bindparam, delete, func, insert, select, update

from connector.changes import Outcome
from connector.model import Deal, Identity, Kind, Owner, Ref, Subject, Touchpoint
from connector.store import tables as t
from connector.store.codec import maybe_micros, micros, moment
from connector.store.deals import load_deal
from connector.store.marks import chunks
from connector.store.people import Filed, load_filed

TouchpointRow = tuple[int, str, int, str, str, str, str]
"""Index of the identity in its chunk, kind, microseconds, label, url, campaign, result."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A chunk of identities: `nos` are their row numbers, beside `subjects`; touchpoints by index of the subject."""

    nos: tuple[int, ...]
    subjects: tuple[Subject, ...]
    touchpoints: Sequence[TouchpointRow]
    owners: dict[tuple[str, str], Owner]


def affected(conn: Connection, as_of: datetime) -> int:
    """How many identities have new facts or a change that is due by time."""
    return conn.scalar(select(func.count()).select_from(t.identity).where(t.identity.c.due_at <= micros(as_of))) or 0


def affected_chunk(conn: Connection, as_of: datetime, after: int, size: int) -> list[int]:
    """Row numbers of the next affected identities behind `after`, in order."""
    no = t.identity.c.no
    query = select(no).where(t.identity.c.due_at <= micros(as_of), no > after).order_by(no).limit(size)
    return list(conn.scalars(query))


def affected_between(conn: Connection, as_of: datetime, after: int, last: int) -> list[int]:
    """Row numbers of the affected identities behind `after` up to `last`, in order."""
    no = t.identity.c.no
    return list(
        conn.scalars(select(no).where(t.identity.c.due_at <= micros(as_of), no > after, no <= last).order_by(no))
    )


def find_identity(conn: Connection, words: str) -> list[int]:
    """Identities that a person means by an id of ours, a record id, `system/object/id` or an e-mail address."""
    merged = select(t.identity.c.merged_into).where(t.identity.c.id == words)
    own = list(conn.scalars(select(t.identity.c.no).where((t.identity.c.id == words) | (t.identity.c.id.in_(merged)))))
    found = own or list(
        conn.scalars(
            select(t.person.c.identity)
            .join(t.person_key, t.person_key.c.person == t.person.c.no, isouter=True)
            .where((t.person.c.id == words) | (t.person_key.c.value == words), t.person.c.identity.is_not(None))
            .distinct()
        )
    )
    alive = select(t.identity.c.no).where(t.identity.c.no.in_(found), t.identity.c.merged_into.is_(None))
    return sorted(conn.scalars(alive))


def ids_of(conn: Connection, nos: Sequence[int]) -> list[str]:
    """The ids of these identities."""
    return [row.id for some in chunks(nos) for row in conn.execute(_identities(some))]


def load(conn: Connection, nos: Sequence[int], oldest: datetime, timeline: tuple[Sequence[str], datetime]) -> Loaded:
    """All that is known of these identities; touchpoints from `oldest` on.

    `timeline` names the kinds of touchpoint, and from when on, that are wanted one by one.
    """
    people = _people(conn, nos)
    deals, company_deals = _deals(conn, people)
    lists, ours = _lists(conn, people)
    ids = {row.no: row.id for some in chunks(nos) for row in conn.execute(_identities(some))}
    companies = {no: sorted({filed.company for filed in people[no] if filed.company}) for no in nos}
    reached = {no: tuple(deal for company in companies[no] for deal in company_deals[company]) for no in nos}
    topics = {
        no: [f"person:{ids[no]}", *(f"deal:{deal.ref}" for deal in dict.fromkeys([*deals[no], *reached[no]]))]
        for no in nos
    }
    alerts = told(conn, {topic for own in topics.values() for topic in own})
    bands = _bands(conn, nos)
    shown = _timeline(conn, nos, *timeline)
    subjects = [
        Subject(
            Identity(ids[no], tuple(f.person for f in people[no]), companies[no][0] if companies[no] else None),
            tuple(deals[no]),
            reached[no],
            lists[no],
            ours[no],
            {rule: at for topic in topics[no] for rule, at in alerts[topic].items()},
            bands[no],
            {f.person.ref: f.written for f in people[no] if f.written},
            tuple(shown[no]),
        )
        for no in nos
    ]
    index = {no: i for i, no in enumerate(nos)}
    return Loaded(tuple(nos), tuple(subjects), _touchpoints(conn, index, oldest), owners(conn))


def _identities(nos: Sequence[int]) -> Select[Any]:
    return select(t.identity.c.no, t.identity.c.id).where(t.identity.c.no.in_(nos))


_People = dict[int, list[Filed]]


def _people(conn: Connection, nos: Sequence[int]) -> _People:
    found: _People = {no: [] for no in nos}
    for filed in load_filed(conn, t.person.c.identity, nos):
        if filed.known and not filed.gone and filed.identity_no is not None:
            found[filed.identity_no].append(filed)
    for records in found.values():
        records.sort(key=lambda filed: str(filed.person.ref))
    return found


def _timeline(
    conn: Connection, nos: Sequence[int], kinds: Sequence[str], since: datetime
) -> dict[int, list[Touchpoint]]:
    found: dict[int, list[Touchpoint]] = {no: [] for no in nos}
    if not kinds:
        return found
    c, p = t.touchpoint.c, t.person.c
    for some in chunks(nos):
        query = (
            select(t.touchpoint, p.identity, p.object.label("person_object"), p.id.label("person_id"))
            .select_from(t.person.join(t.touchpoint, c.person == p.no))
            .where(p.identity.in_(some), c.kind.in_(kinds), c.happened_at > micros(since), c.gone.is_(False))
            .order_by(c.happened_at, c.no)
        )
        for row in conn.execute(query):
            found[row.identity].append(
                Touchpoint(
                    Ref(row.system, row.stream, row.id),
                    Ref(row.system, row.person_object, row.person_id),
                    Kind(row.kind),
                    moment(row.happened_at),
                    row.label,
                    row.url,
                    row.campaign,
                    row.result,
                )
            )
    return found


def _deals(conn: Connection, people: _People) -> tuple[dict[int, list[Deal]], dict[str, list[Deal]]]:
    """Deals by identity through its records' parts in them, and deals by company."""
    holder = {(f.person.ref.system, f.person.ref.id): no for no, records in people.items() for f in records}
    parts: dict[tuple[str, str], set[int]] = defaultdict(set)
    for system in {key[0] for key in holder}:
        for some in chunks(sorted(key[1] for key in holder if key[0] == system)):
            c = t.deal_person.c
            query = select(c.deal_id, c.person_id).where(c.system == system, c.person_id.in_(some), c.gone.is_(False))
            for row in conn.execute(query):
                parts[system, row.deal_id].add(holder[system, row.person_id])
    own: dict[int, list[Deal]] = {no: [] for no in people}
    for system in {key[0] for key in parts}:
        for some in chunks(sorted(key[1] for key in parts if key[0] == system)):
            here = and_(t.deal.c.system == system, t.deal.c.id.in_(some), t.deal.c.gone_at.is_(None))
            for row in conn.execute(select(t.deal).where(here).order_by(t.deal.c.id)):
                for no in parts[system, row.id]:
                    own[no].append(load_deal(row))
    companies = sorted({f.company for records in people.values() for f in records if f.company})
    at_company: dict[str, list[Deal]] = defaultdict(list)
    for some in chunks(companies):
        here = and_(t.deal.c.company.in_(some), t.deal.c.gone_at.is_(None))
        for row in conn.execute(select(t.deal).where(here).order_by(t.deal.c.system, t.deal.c.id)):
            at_company[row.company].append(load_deal(row))
    return own, at_company


_Lists = dict[tuple[str, str], frozenset[str]]


def _lists(conn: Connection, people: _People) -> tuple[dict[int, _Lists], dict[int, _Lists]]:
    holder = {(f.person.ref.system, f.person.ref.id): no for no, records in people.items() for f in records}
    on_list: dict[int, _Lists] = {no: {} for no in people}
    ours: dict[int, _Lists] = {no: {} for no in people}
    c = t.member.c
    for system in {key[0] for key in holder}:
        for some in chunks(sorted(key[1] for key in holder if key[0] == system)):
            for row in conn.execute(select(t.member).where(c.system == system, c.person_id.in_(some))):
                no, key = holder[system, row.person_id], (system, row.list)
                if row.on_list:
                    on_list[no][key] = on_list[no].get(key, frozenset()) | {row.person_id}
                if row.ours:
                    ours[no][key] = ours[no].get(key, frozenset()) | {row.person_id}
    return on_list, ours


def told(conn: Connection, subjects: set[str]) -> dict[str, dict[tuple[str, str], datetime]]:
    """When each rule last spoke about each of these subjects (`person:...`, `deal:...`)."""
    found: dict[str, dict[tuple[str, str], datetime]] = defaultdict(dict)
    c = t.outbox.c
    for some in chunks(sorted(subjects)):
        query = (
            select(c.rule, c.subject, func.max(c.created_at).label("at"))
            .where(c.subject.in_(some), c.kind == "RaiseAlert", c.state != "dropped")
            .group_by(c.rule, c.subject)
        )
        for row in conn.execute(query):
            found[row.subject][row.rule, row.subject] = moment(row.at)
    return found


def _bands(conn: Connection, nos: Sequence[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {no: {} for no in nos}
    for some in chunks(nos):
        query = select(t.score.c.identity, t.score.c.name, t.score.c.band_told).where(t.score.c.identity.in_(some))
        for row in conn.execute(query):
            found[row.identity][row.name] = row.band_told
    return found


def _touchpoints(conn: Connection, index: dict[int, int], oldest: datetime) -> Sequence[TouchpointRow]:
    c = t.touchpoint.c
    rows: list[TouchpointRow] = []
    for some in chunks(sorted(index)):
        query = (
            select(t.person.c.identity, c.kind, c.happened_at, c.label, c.url, c.campaign, c.result)
            .select_from(t.person.join(t.touchpoint, c.person == t.person.c.no))
            .where(t.person.c.identity.in_(some), c.happened_at > micros(oldest), c.gone.is_(False))
            .order_by(t.person.c.identity, c.happened_at, c.no)
        )
        rows += [(index[row[0]], *row[1:]) for row in conn.execute(query)]
    rows.sort(key=lambda row: row[0])
    return rows


def owners(conn: Connection) -> dict[tuple[str, str], Owner]:
    """The users of the SFAs, by system and id."""
    return {
        (row.system, row.id): Owner(Ref(row.system, "owner", row.id), row.name, None, active=row.active)
        for row in conn.execute(select(t.owner))
    }


def company_names(conn: Connection, companies: Sequence[str]) -> dict[str, str]:
    """A readable name for each of our company ids."""
    found: dict[str, str] = {}
    for some in chunks(sorted(set(companies))):
        for row in conn.execute(select(t.company.c.company, t.company.c.name).where(t.company.c.company.in_(some))):
            found[row.company] = row.name
    return found


def parent_companies(conn: Connection, company: str) -> tuple[str, ...]:
    """Names of the companies that one of ours belongs to, nearest first, as far as company records tell."""
    names: dict[str, None] = {}
    c = t.company.c
    wanted = [(row.system, row.data) for row in conn.execute(select(c.system, c.data).where(c.company == company))]
    while wanted:
        system, data = wanted.pop(0)
        parent = orjson.loads(data).get("parent_id")
        row = conn.execute(select(c.name, c.data).where(c.system == system, c.id == str(parent))).one_or_none()
        if parent and row and row.name not in names:
            names[row.name] = None
            wanted.append((system, row.data))
    return tuple(names)


def save_outcomes(conn: Connection, outcomes: Sequence[Outcome], nos: Sequence[int], as_of: datetime) -> None:
    """Remember scores, and when each identity has to be looked at again; clears "has new facts"."""
    for some in chunks(nos):
        conn.execute(delete(t.score).where(t.score.c.identity.in_(some)))
    rows: list[dict[str, Any]] = []
    for no, outcome in zip(nos, outcomes, strict=True):
        rows += [
            {
                "identity": no,
                "name": score.name,
                "points": score.points,
                "band": score.band,
                "band_told": outcome.bands.get(score.name, score.band),
                "why": score.why,
                "hits": orjson.dumps(
                    [[h.rule, h.points, h.count, micros(h.last_at), h.label] for h in score.hits]
                ).decode(),
                "as_of": micros(as_of),
            }
            for score in outcome.scores
        ]
    if rows:
        conn.execute(insert(t.score), rows)
    conn.execute(
        update(t.identity)
        .where(t.identity.c.no == bindparam("no_"))
        .values(due_at=bindparam("due_"), planned_at=micros(as_of), company=bindparam("company_")),
        [
            {"no_": no, "due_": maybe_micros(outcome.due_at), "company_": outcome.company}
            for no, outcome in zip(nos, outcomes, strict=True)
        ],
    )


def living_chunk(conn: Connection, after: int, size: int) -> list[int]:
    """Row numbers of the next identities behind `after`, affected or not."""
    no = t.identity.c.no
    query = select(no).where(t.identity.c.merged_into.is_(None), no > after).order_by(no).limit(size)
    return list(conn.scalars(query))


def count_records(conn: Connection) -> dict[str, int]:
    """How many living person records each system has."""
    p = t.person.c
    query = select(p.system, func.count().label("n")).where(p.known, p.gone_at.is_(None)).group_by(p.system)
    return {row.system: row.n for row in conn.execute(query)}


def count_identities(conn: Connection) -> int:
    """How many identities there are."""
    return conn.scalar(select(func.count()).select_from(t.identity).where(t.identity.c.merged_into.is_(None))) or 0


def records_of(conn: Connection, identity: str) -> list[Filed]:
    """The living records of an identity, as they are known right now."""
    no = conn.scalar(select(t.identity.c.no).where(t.identity.c.id == identity))
    return [filed for filed in load_filed(conn, t.person.c.identity, [no] if no else []) if not filed.gone]
