"""How records spell their companies, how many do so, and which company each spelling means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, exists, insert, or_, select, tuple_, update

from connector.store import tables as t
from connector.store.marks import chunks, mark_companies, mark_people

Triple = tuple[str, str, str]
"""Core of the name, 法人番号, domain; "" for what is not said."""

ACCOUNT = 2
"""A company record of an SFA counts as so many records of people: somebody keeps it."""
SETTLED = 4
"""As `connector.rules.companies` has it: among spellings with so many uses, one record more or less decides nothing."""

_c = t.spelling.c


def ensure(conn: Connection, triples: Iterable[Triple]) -> dict[Triple, int]:
    """Row numbers of these spellings; new ones get a row."""
    wanted = sorted(set(triples))
    found = _nos(conn, wanted)
    if missing := [triple for triple in wanted if triple not in found]:
        conn.execute(
            insert(t.spelling), [dict(zip(("core", "number", "domain"), triple, strict=True)) for triple in missing]
        )
        found |= _nos(conn, missing)
    return found


def _nos(conn: Connection, triples: Sequence[Triple]) -> dict[Triple, int]:
    found: dict[Triple, int] = {}
    for some in chunks(triples, 300):
        rows = conn.execute(
            select(_c.no, _c.core, _c.number, _c.domain).where(tuple_(_c.core, _c.number, _c.domain).in_(some))
        )
        found.update(((row.core, row.number, row.domain), row.no) for row in rows)
    return found


def use(conn: Connection, before: Iterable[int | None], after: Iterable[int | None], weight: int = 1) -> set[int]:
    """Records that used some spellings now use others; the spellings whose company may differ by that."""
    moves: Counter[int] = Counter(no for no in after if no is not None)
    moves.subtract(no for no in before if no is not None)
    deltas = {no: delta * weight for no, delta in moves.items() if delta}
    changed: set[int] = set()
    for some in chunks(sorted(deltas)):
        for row in conn.execute(select(_c.no, _c.used).where(_c.no.in_(some))):
            if min(row.used, row.used + deltas[row.no]) < SETTLED:
                changed.add(row.no)
    if deltas:
        conn.execute(
            update(t.spelling).where(_c.no == bindparam("no_")).values(used=_c.used + bindparam("delta_")),
            [{"no_": no, "delta_": delta} for no, delta in deltas.items()],
        )
    return changed


def company_of(conn: Connection, no: int | None) -> str | None:
    """The company that a spelling means, as far as that was decided."""
    return conn.scalar(select(_c.company).where(_c.no == no)) if no is not None else None


def uses_of(conn: Connection, nos: Collection[int]) -> list[tuple[Triple, int]]:
    """The spellings with these row numbers, and how many records use them."""
    found: list[tuple[Triple, int]] = []
    for some in chunks(sorted(nos)):
        rows = conn.execute(select(_c.core, _c.number, _c.domain, _c.used).where(_c.no.in_(some)))
        found += [((row.core, row.number, row.domain), row.used) for row in rows]
    return found


def numbered(conn: Connection, after: int, limit: int) -> list[int]:
    """The next row numbers of spellings."""
    return list(conn.scalars(select(_c.no).where(_c.no > after).order_by(_c.no).limit(limit)))


def with_cores(conn: Connection, cores: Collection[str]) -> list[tuple[Triple, int]]:
    """All spellings in use with one of these cores, and how many records use them."""
    return _with(conn, _c.core, cores)


def at_domains(conn: Connection, domains: Collection[str]) -> list[tuple[Triple, int]]:
    """All spellings in use with one of these domains, and how many records use them."""
    return _with(conn, _c.domain, domains)


def _with(conn: Connection, column: Any, values: Collection[str]) -> list[tuple[Triple, int]]:
    found: list[tuple[Triple, int]] = []
    for some in chunks(sorted(values)):
        rows = conn.execute(select(_c.core, _c.number, _c.domain, _c.used).where(column.in_(some), _c.used > 0))
        found += [((row.core, row.number, row.domain), row.used) for row in rows]
    return found


def set_companies(conn: Connection, found: Mapping[Triple, str | None]) -> set[int]:
    """These spellings mean these companies now; those for which that is news."""
    nos = _nos(conn, sorted(found))
    wanted = {no: found[triple] for triple, no in nos.items()}
    changed: dict[int, str | None] = {}
    for some in chunks(sorted(wanted)):
        for row in conn.execute(select(_c.no, _c.company).where(_c.no.in_(some))):
            if row.company != wanted[row.no]:
                changed[row.no] = wanted[row.no]
    if changed:
        conn.execute(
            update(t.spelling).where(_c.no == bindparam("no_")).values(company=bindparam("company_")),
            [{"no_": no, "company_": company} for no, company in changed.items()],
        )
    return set(changed)


def follow(conn: Connection, spellings: Collection[int], people: Collection[int] = ()) -> None:
    """Company records, deals and people with these spellings, and these people, belong to what they mean now.

    A record that its system links to a company record follows that one, whatever it says itself.
    """
    for some in chunks(sorted(spellings)):
        _follow_companies(conn, some)
        _follow_people(conn, t.person.c.spelling.in_(some))
    for some in chunks(sorted(people)):
        _follow_people(conn, t.person.c.no.in_(some))


def _follow_companies(conn: Connection, spellings: Sequence[int]) -> None:
    c = t.company.c
    rows = conn.execute(
        select(c.system, c.id, c.company, _c.company.label("means"))
        .join(t.spelling, _c.no == c.spelling)
        .where(c.spelling.in_(spellings))
    ).all()
    for row in rows:
        if row.means is not None and row.company != row.means:
            conn.execute(update(t.company).where(c.system == row.system, c.id == row.id).values(company=row.means))
            move(conn, row.system, row.id, row.company, row.means)


def move(conn: Connection, system: str, record: str, old: str | None, new: str) -> None:
    """People and deals that name a company record follow it to another company of ours."""
    mark_companies(conn, [old])  # those who stay behind
    for table in (t.person, t.deal):
        conn.execute(update(table).where(table.c.system == system, table.c.company_id == record).values(company=new))
    mark_companies(conn, [new])


def _follow_people(conn: Connection, which: Any) -> None:
    p = t.person.c
    linked = exists().where(
        t.company.c.system == p.system, t.company.c.id == p.company_id, t.company.c.company.is_not(None)
    )
    account = (
        select(t.company.c.company)
        .where(t.company.c.system == p.system, t.company.c.id == p.company_id)
        .scalar_subquery()
    )
    spelt = select(_c.company).where(_c.no == p.spelling).scalar_subquery()
    free = or_(p.company_id.is_(None), ~linked)
    moved = [
        *conn.scalars(select(p.no).where(which, free, p.company.is_distinct_from(spelt))),
        *conn.scalars(select(p.no).where(which, ~free, p.company.is_distinct_from(account))),
    ]
    for some in chunks(sorted(moved)):
        conn.execute(update(t.person).where(p.no.in_(some), free).values(company=spelt))
        conn.execute(update(t.person).where(p.no.in_(some), ~free).values(company=account))
    mark_people(conn, moved)
