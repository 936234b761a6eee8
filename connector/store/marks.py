"""Shared by everything that stores facts: chunks, upserts, and the mark that an identity has new facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from connector.store import tables as t

T = TypeVar("T")
CHUNK = 900
"""Most values in one IN (...)."""


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """`items` in pieces of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def upsert(conn: Connection, table: Table, rows: Sequence[Mapping[str, Any]], update_columns: Sequence[str]) -> None:
    """Insert rows, or update the named columns where the primary key exists."""
    if not rows:
        return
    conn.execute(_upserting(conn.dialect.name, table, tuple(update_columns)), list(rows))


@cache
def _upserting(dialect: str, table: Table, update_columns: tuple[str, ...]) -> postgresql.Insert | sqlite.Insert:
    """The statement: making it takes longer than running it."""
    statement = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
    keys = [column.name for column in table.primary_key]
    if not update_columns:
        return statement.on_conflict_do_nothing(index_elements=keys)
    changes = {name: statement.excluded[name] for name in update_columns}
    return statement.on_conflict_do_update(index_elements=keys, set_=changes)


def mark_people(conn: Connection, nos: Iterable[int]) -> None:
    """The identities of these person rows have new facts."""
    for some in chunks(sorted(set(nos))):
        of = select(t.person.c.identity).where(t.person.c.no.in_(some), t.person.c.identity.is_not(None))
        conn.execute(update(t.identity).where(t.identity.c.no.in_(of)).values(due_at=0))


def mark_identities(conn: Connection, ids: Iterable[str]) -> None:
    """These identities, or those that they were merged into, have to be planned again."""
    c = t.identity.c
    for some in chunks(sorted(set(ids))):
        into = select(c.merged_into).where(c.id.in_(some), c.merged_into.is_not(None))
        live = c.merged_into.is_(None) & (c.id.in_(some) | c.id.in_(into))
        conn.execute(update(t.identity).where(live).values(due_at=0))


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
