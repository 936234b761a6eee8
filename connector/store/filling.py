"""What waits and was sent of fields that are filled for the first time: the changes in the `backfill` lane."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from connector.changes import Lane, SetFields
from connector.store import tables as t
from connector.store.codec import micros

_WAITS = ("pending", "inflight")


def filled(conn: Connection, system: str, since: datetime) -> bool:
    """Whether everybody was planned since then, and nothing of it waits; what is parked is a person's affair."""
    i = t.identity.c
    unplanned = select(i.no).where(i.merged_into.is_(None), i.planned_at < micros(since)).limit(1)
    return not waiting(conn, system) and conn.scalar(unplanned) is None


def waiting(conn: Connection, system: str) -> int:
    """Records that wait for their first value."""
    c = t.outbox.c
    mine = (c.system == system, c.lane == str(Lane.BACKFILL), c.kind == SetFields.__name__, c.state.in_(_WAITS))
    return conn.scalar(select(func.count()).where(*mine)) or 0


def sent(conn: Connection, system: str, run: str) -> int:
    """Records that a run gave their first value."""
    c, d = t.outbox.c, t.delivery.c
    mine = (d.run == run, d.system == system, d.status == "done", c.kind == SetFields.__name__)
    joined = t.delivery.join(t.outbox, d.key == c.key)
    lane = c.lane == str(Lane.BACKFILL)
    return conn.scalar(select(func.count()).select_from(joined).where(*mine, lane)) or 0
