"""What can be counted in the store, for whoever watches the connector from outside. Reads only; names nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from connector.store import tables as t
from connector.store.codec import micros, moment
from connector.store.lease import held
from connector.store.runs import LATEST_RUN, Counts

WELL = ("done", "parked", "deferred")
"""Outcomes of runs that did their work."""
WAITING = ("pending", "inflight", "parked")
"""States of changes that somebody still waits for."""


_REAL = t.run.c.ended_at.is_not(None) & (t.run.c.outcome != "plan")


@dataclass(frozen=True, slots=True)
class Ended:
    """How many runs ended in one way, and how long they took together."""

    outcome: str
    count: int
    took: timedelta


def ledger_totals(conn: Connection) -> dict[tuple[str, str], Counts]:
    """The ledger over all runs, by system and stream."""
    c = t.ledger.c
    names = [f.name for f in fields(Counts)]
    query = select(c.system, c.stream, *(func.sum(c[name]).label(name) for name in names)).group_by(c.system, c.stream)
    return {
        (row.system, row.stream): Counts(*(int(getattr(row, name)) for name in names)) for row in conn.execute(query)
    }


def drift(conn: Connection) -> dict[str, int]:
    """For each system that was ever compared, how many records were not as recorded the last time."""
    name = t.meta.c.name
    rows = conn.execute(select(name, t.meta.c.value).where(name.startswith("drift:", autoescape=True)).order_by(name))
    return {row.name.removeprefix("drift:"): int(row.value) for row in rows}


def runs_ended(conn: Connection) -> list[Ended]:
    """All runs that came to an end, by outcome; what only `plan` read is none."""
    c = t.run.c
    took = func.sum(c.ended_at - c.started_at).label("took")
    query = select(c.outcome, func.count().label("n"), took).where(_REAL).group_by(c.outcome).order_by(c.outcome)
    return [Ended(row.outcome, row.n, timedelta(microseconds=int(row.took))) for row in conn.execute(query)]


def last_well(conn: Connection) -> datetime | None:
    """When a run last ended that did its work; if its clock was ahead, when the next one began."""
    c = t.run.c
    last = conn.execute(
        select(c.ended_at, c.token).where(c.outcome.in_(WELL), c.ended_at.is_not(None)).order_by(*LATEST_RUN).limit(1)
    ).one_or_none()
    if last is None:
        return None
    later = conn.scalar(select(func.min(c.started_at)).where(c.token > last.token))
    return moment(last.ended_at if later is None else min(later, last.ended_at))


def last_outcome(conn: Connection) -> str | None:
    """How the last run ended."""
    c = t.run.c
    outcome: str | None = conn.scalar(select(c.outcome).where(_REAL).order_by(*LATEST_RUN).limit(1))
    return outcome


def waiting(conn: Connection) -> dict[tuple[str, str], int]:
    """How many changes are not done, by system and state."""
    c = t.outbox.c
    query = select(c.system, c.state, func.count().label("n")).where(c.state.in_(WAITING)).group_by(c.system, c.state)
    return {(row.system, row.state): row.n for row in conn.execute(query)}


def due_since(conn: Connection, now: datetime) -> dict[str, datetime]:
    """For each system, when the oldest change was decided that could be sent by now."""
    c = t.outbox.c
    due = c.state.in_(("pending", "inflight")) & (c.next_at <= micros(now))
    query = select(c.system, func.min(c.created_at).label("at")).where(due).group_by(c.system)
    return {row.system: moment(row.at) for row in conn.execute(query)}


def uncertain(conn: Connection) -> dict[str, int]:
    """For each system, how many changes were sent of which nobody knows whether they took effect."""
    c = t.outbox.c
    holder = held(conn, "run")
    # What the run at work has claimed is on its way, and not in doubt.
    lost: ColumnElement[bool] = and_(c.state == "inflight", or_(c.token.is_(None), c.token != (holder or 0)))
    doubted = and_(c.state == "pending", c.uncertain_until.is_not(None))
    query = select(c.system, func.count().label("n")).where(or_(lost, doubted)).group_by(c.system)
    return {row.system: row.n for row in conn.execute(query)}


def members(conn: Connection, lists: Iterable[tuple[str, str]]) -> dict[str, int]:
    """For each system, how many are on any of `lists` (system, list), as last seen or written."""
    c = t.member.c
    found: dict[str, int] = {}
    for system, name in sorted(set(lists)):
        here = (c.system == system) & (c.list == name) & c.on_list
        found[system] = found.get(system, 0) + (conn.scalar(select(func.count()).where(here)) or 0)
    return found


# --- one run ----------------------------------------------------------------------------------------------------------

Row = Mapping[str, Any]


def delivered(conn: Connection, run: str) -> list[Row]:
    """What a run sent: how many changes by system, kind, lane, rule and answer (`done refused retry`)."""
    d, o = t.delivery.c, t.outbox.c
    by = (d.system, d.kind, o.lane, o.rule, d.status)
    joined = t.delivery.outerjoin(t.outbox, d.key == o.key)
    query = select(*by, func.count().label("count")).select_from(joined).where(d.run == run).group_by(*by).order_by(*by)
    return _plain(conn, query)


def parked_by_cause(conn: Connection, most: int) -> list[Row]:
    """Parked changes by system, kind and cause, the most frequent first."""
    c = t.outbox.c
    by = (c.system, c.kind, c.code, c.error, c.error_ja, c.fix, c.fix_ja)
    count = func.count().label("count")
    query = select(*by, count).where(c.state == "parked").group_by(*by).order_by(count.desc(), *by).limit(most)
    return _plain(conn, query)


def rejects_by_cause(conn: Connection, most: int) -> list[Row]:
    """Records that could not be read by system, stream and cause, the most frequent first."""
    c = t.reject.c
    by = (c.system, c.stream, c.code, c.what, c.what_ja)
    count = func.count().label("count")
    query = select(*by, count).group_by(*by).order_by(count.desc(), *by).limit(most)
    return _plain(conn, query)


def _plain(conn: Connection, query: Select[Any]) -> list[Row]:
    """Rows under plain names: those of SQLAlchemy are a kind of text that no JSON takes."""
    return [{str(name): value for name, value in row.items()} for row in conn.execute(query).mappings()]
