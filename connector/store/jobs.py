"""Jobs under way: written down before anything is handed over, taken away when their results are in.

The changes of a job stay claimed in the outbox, with its handle, until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from connector.store import outbox
from connector.store import tables as t
from connector.store.codec import micros, moment
from connector.store.marks import chunks, mark_identities
from connector.store.outbox import Wish


@dataclass(frozen=True, slots=True)
class Job:
    """A job that a system has, or may have."""

    system: str
    handle: str
    opened_at: datetime


def put(conn: Connection, job: Job, keys: Sequence[str], token: int) -> None:
    """These changes are about to be handed over; to be committed before that."""
    conn.execute(insert(t.job).values(system=job.system, handle=job.handle, opened_at=micros(job.opened_at)))
    outbox.claim(conn, keys, token, job.opened_at, job.handle)


def under_way(conn: Connection, system: str) -> list[Job]:
    """The jobs of a system whose results are not in yet, oldest first."""
    query = select(t.job).where(t.job.c.system == system).order_by(t.job.c.opened_at, t.job.c.handle)
    return [Job(row.system, row.handle, moment(row.opened_at)) for row in conn.execute(query)]


def wishes(conn: Connection, job: Job) -> list[Wish]:
    """The changes that travel in a job, as they were when it was opened; about whom they are of by now."""
    c = t.outbox.c
    query = select(c.key, c.kind, c.payload, c.identity, c.attempts).where(_of(job)).order_by(c.key)
    return [Wish(outbox.as_stored(row), row.attempts - 1) for row in conn.execute(query)]


def sizes(conn: Connection, system: str) -> dict[str, int]:
    """How many changes travel in jobs, per kind."""
    c = t.outbox.c
    query = select(c.kind, func.count().label("n")).where(c.system == system, c.job.is_not(None)).group_by(c.kind)
    return {row.kind: row.n for row in conn.execute(query)}


def plan_again(conn: Connection, job: Job) -> None:
    """Whoever has a change in this job may have been planned meanwhile, without it: once more, with its result."""
    mark_identities(conn, conn.scalars(select(t.outbox.c.identity).where(_of(job)).distinct()))


def end(conn: Connection, job: Job, untried: Iterable[str] = ()) -> None:
    """The job is no more: what it never tried may be sent as if it had not been in it.

    What is still in it then has no known result, and may be sent again.
    """
    c = t.outbox.c
    for some in chunks(sorted(untried)):
        mine = _of(job) & c.key.in_(some)
        conn.execute(update(t.outbox).where(mine).values(attempts=c.attempts - 1))
        outbox.may_repeat(conn, mine)
    outbox.may_repeat(conn, _of(job))
    conn.execute(delete(t.job).where(t.job.c.system == job.system, t.job.c.handle == job.handle))


def _of(job: Job) -> ColumnElement[bool]:
    return (t.outbox.c.system == job.system) & (t.outbox.c.job == job.handle)
