"""What waits and was sent of fields that are filled for the first time: the changes in the `backfill` lane."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select

from connector.changes import Lane, SetFields
from connector.store import tables as t
from connector.store.codec import micros

_WAITS = ("pending", "inflight")
_OPEN = (*_WAITS, "parked")


def filled(conn: Connection, system: str, since: datetime) -> bool:
    """Whether everybody was planned since then, and all of it was sent.

    What is parked counts as not sent: in another lane it would look like another wish.
    """
    i = t.identity.c
    unplanned = select(i.no).where(i.merged_into.is_(None), i.planned_at < micros(since)).limit(1)
    return not _count(conn, system, _OPEN) and conn.scalar(unplanned) is None


def waiting(conn: Connection, system: str) -> int:
    """Records that wait for their first value."""
    return _count(conn, system, _WAITS)


def _count(conn: Connection, system: str, states: Sequence[str]) -> int:
    c = t.outbox.c
    mine = (c.system == system, c.lane == str(Lane.BACKFILL), c.kind == SetFields.__name__, c.state.in_(states))
    return conn.scalar(select(func.count()).where(*mine)) or 0


def sent(conn: Connection, system: str, run: str) -> int:
    """Records that a run gave their first value."""
    c, d = t.outbox.c, t.delivery.c
    mine = (d.run == run, d.system == system, d.status == "done", c.kind == SetFields.__name__)
    joined = t.delivery.join(t.outbox, d.key == c.key)
    lane = c.lane == str(Lane.BACKFILL)
    return conn.scalar(select(func.count()).select_from(joined).where(*mine, lane)) or 0
