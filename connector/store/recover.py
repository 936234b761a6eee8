"""The store after a copy of it was put back: what we did since that copy was made is not in it.

So the first run reads every stream on from the copy's cursors before it sends anything; what the copy held ready to be
sent counts as sent with unknown result; and an alert that would be the first about its subject is noted, not sent: it
may have been raised before, under a key that cannot be told from what is left.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, delete, func, select, update

from connector.changes import AnyChange, RaiseAlert
from connector.store import runs
from connector.store import tables as t
from connector.store.codec import micros
from connector.store.marks import chunks, mark_all, upsert
from connector.store.outbox import QUARANTINE

LEAP = 1_000_000
"""Added to the fencing tokens: more than were given out between the copy and its return, as nobody can count them."""

_RECOVER = "recover"


def begin(conn: Connection, at: datetime, count: int) -> None:
    """This store was just put back. `count`: how often its leases had been taken, as far as anybody remembers."""
    c = t.lease.c
    tokens = {row.name: row.token for row in conn.execute(select(c.name, c.token))} or {"run": 0}
    rows = [
        {"name": name, "holder": "", "expires": 0, "heartbeat": micros(at), "token": max(token, count) + LEAP}
        for name, token in tokens.items()
    ]
    upsert(conn, t.lease, rows, ["holder", "expires", "token"])
    o = t.outbox.c
    conn.execute(
        update(t.outbox)
        .where(o.state.in_(("pending", "inflight")), o.job.is_(None))  # of a job, the system tells the result
        .values(state="pending", uncertain_until=micros(at + QUARANTINE))
    )
    conn.execute(update(t.cursor).values(read_at=None))
    mark_all(conn)
    runs.remember(conn, _RECOVER, at.isoformat())


def since(conn: Connection) -> datetime | None:
    """When the store was put back, where no run has made up for it yet."""
    found = runs.remembered(conn, _RECOVER)
    return datetime.fromisoformat(found) if found else None


def end(conn: Connection) -> None:
    """All was read, and everybody planned."""
    conn.execute(delete(t.meta).where(t.meta.c.name == _RECOVER))


def first_alerts(conn: Connection, changes: Iterable[AnyChange]) -> list[RaiseAlert]:
    """The alerts among `changes` whose rule never spoke of their subject, as far as this store knows."""
    alerts = [change for change in changes if isinstance(change, RaiseAlert)]
    c = t.outbox.c
    told: set[tuple[str, str]] = set()
    for some in chunks(sorted({alert.subject for alert in alerts})):
        query = select(c.rule, c.subject).where(c.subject.in_(some), c.kind == "RaiseAlert", c.state != "dropped")
        told.update((row.rule, row.subject) for row in conn.execute(query))
    return [alert for alert in alerts if (alert.rule, alert.subject) not in told]


def count(conn: Connection) -> int:
    """How often leases of this store were taken: grows, and never falls but by an older copy."""
    return int(conn.scalar(select(func.coalesce(func.sum(t.lease.c.token), 0))) or 0)
