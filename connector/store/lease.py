"""One run at a time: a lease in the store with a fencing token that grows at every acquisition and is never reset."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

from sqlalchemy import Connection, Engine, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from connector.errors import Locked, StoreError, text
from connector.store import tables as t
from connector.store import tally
from connector.store.codec import micros, moment
from connector.store.database import reading, writing

# Made once, as every transaction and every part need them: making one takes longer than running it.
_NAMED = t.lease.c.name == bindparam("of")
_OURS = _NAMED & (t.lease.c.token == bindparam("held"))
_HELD = _OURS & (t.lease.c.holder != "")
_THIS = select(t.lease).where(_NAMED)
_BEFORE_TAKING = _THIS.with_for_update()
_TAKING = update(t.lease).where(_NAMED)
_RENEWING = update(t.lease).where(_HELD)
_GIVING_BACK = update(t.lease).where(_OURS)
_EXPIRES = select(t.lease.c.expires).where(_HELD)


TAKEN_OVER = "leases_taken_over"
"""Name of the tally of leases whose holder had not given them back."""
SAFETY = timedelta(seconds=90)
"""A request that changes something is sent only while the lease lasts this much longer; it is renewed before that."""


class Fenced(StoreError):
    """Another run has taken over: nothing more may be written by this one."""

    def __init__(self) -> None:
        super().__init__(
            text(
                "another run has taken over; this one wrote nothing more",
                "別の実行が引き継いだため、この実行はこれ以上書き込みませんでした",
            )
        )


@dataclass(slots=True)
class Lease:
    """Held by one run; every write transaction goes through `writing()`, which checks the token first.

    As a context, it is given back at the end.
    """

    engine: Engine
    name: str
    token: int
    ttl: timedelta
    _deadline: float = field(default=0.0)
    noting: Callable[[Connection], None] | None = None
    """Writes down with every transaction what must not be lost when the process is."""
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)
    """Threads of this process take turns here: SQLite's own waiting is not fair, and may starve one of them."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A write transaction that is refused when the lease was lost, and renews it.

        :raises Fenced: another run holds the lease now
        """
        with self._one_at_a_time, writing(self.engine) as conn:
            _renew(conn, self.name, self.token, self.ttl)
            yield conn
            if self.noting is not None:
                self.noting(conn)
        self._deadline = time.monotonic() + self.ttl.total_seconds()

    def check(self, at_least: timedelta) -> None:
        """Look whether it is still held, and renew it where it lasts less than that.

        :raises Fenced: it is lost
        """
        with reading(self.engine) as conn:
            lasts = min(_left_of(conn, name, token) for name, token in self._tokens())
        if lasts < at_least:
            self.renew()

    def _tokens(self) -> list[tuple[str, int]]:
        return [(self.name, self.token)]

    def left(self) -> timedelta:
        """Time until the lease runs out, on the monotonic clock; check it before sending."""
        return timedelta(seconds=self._deadline - time.monotonic())

    def renew(self) -> None:
        """Extend the lease by its full length.

        :raises Fenced: it is lost
        """
        with self.writing():
            pass

    def release(self) -> None:
        """Give the lease back; harmless when it is lost already."""
        _give_back(self.engine, self.name, self.token)


def _give_back(engine: Engine, name: str, token: int) -> None:
    with writing(engine) as conn:
        conn.execute(_GIVING_BACK, {"of": name, "held": token, "expires": 0, "holder": ""})


def _renew(conn: Connection, name: str, token: int, ttl: timedelta) -> None:
    """Extend a lease that is held.

    :raises Fenced: it is lost
    """
    now = _now(conn)
    held = {"of": name, "held": token, "expires": micros(now + ttl), "heartbeat": micros(now)}
    if not conn.execute(_RENEWING, held).rowcount:
        raise Fenced


def _now(conn: Connection) -> datetime:
    """The clock that leases are judged by: the server's own on PostgreSQL, this host's on SQLite."""
    if conn.dialect.name == "postgresql":
        found: datetime = conn.scalar(select(func.clock_timestamp()))  # type: ignore[assignment]
        return found.astimezone(UTC)
    return datetime.now(UTC)  # noqa: TID251  the edge: a lease is judged by the real clock


def acquire(engine: Engine, name: str, ttl: timedelta) -> Lease:
    """Take the lease.

    :raises Locked: another run holds it; the message names it
    """
    try:
        with writing(engine) as conn:
            token = _take(conn, name, ttl, here())
    except IntegrityError:
        raise _held("?", None) from None
    return Lease(engine, name, token, ttl, time.monotonic() + ttl.total_seconds())


def here() -> str:
    """Who we are, as the holder of a lease is named."""
    return f"{socket.gethostname()} pid {os.getpid()}"


def _take(conn: Connection, name: str, ttl: timedelta, holder: str, *, again: bool = False) -> int:
    """Take a lease that is free or over (`again`: or held by this very holder); its new token."""
    now = _now(conn)
    row = conn.execute(_BEFORE_TAKING, {"of": name}).one_or_none()
    mine = again and row is not None and row.holder == holder
    if row is not None and row.holder and not mine and row.expires > micros(now):
        raise _held(row.holder, moment(row.heartbeat))
    if row is not None and row.holder and not mine:
        tally.add(conn, TAKEN_OVER, "", {name.partition(":")[0]: 1})
    token = (row.token if row else 0) + 1
    values = {"holder": holder, "token": token, "expires": micros(now + ttl), "heartbeat": micros(now)}
    if row is None:
        conn.execute(insert(t.lease), {"name": name, **values})
    else:
        conn.execute(_TAKING, {"of": name, **values})
    return token


@dataclass(slots=True)
class Share(Lease):
    """A part of a run, done by one worker at a time: fenced with the run, and by a token of its own.

    `token` stays the run's: by it changes are claimed.
    """

    part: str = ""
    part_token: int = 0

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """As of the run, and refused when another worker has taken over this part."""
        with Lease.writing(self) as conn:
            _renew(conn, self.part, self.part_token, self.ttl)
            yield conn

    def _tokens(self) -> list[tuple[str, int]]:
        return [(self.name, self.token), (self.part, self.part_token)]

    def release(self) -> None:
        """Give this part back, not the run; harmless when it is lost already."""
        _give_back(self.engine, self.part, self.part_token)


def _left_of(conn: Connection, name: str, token: int) -> timedelta:
    expires = conn.scalar(_EXPIRES, {"of": name, "held": token})
    if expires is None:
        raise Fenced
    return moment(expires) - _now(conn)


def take_part(run: Lease, part: str, holder: str) -> Share:
    """Take a part of a run that is free, over, or held by `holder` already (who is then fenced from its past).

    :raises Fenced: the run is over
    :raises Locked: another worker is at it
    """
    with run.writing() as conn:
        token = _take(conn, part, run.ttl, holder, again=True)
    until = time.monotonic() + run.ttl.total_seconds()
    return Share(run.engine, run.name, run.token, run.ttl, until, part=part, part_token=token)


def held_parts(conn: Connection, parts: Collection[str]) -> set[str]:
    """Those of these parts that a worker holds, by the clock of leases."""
    c = t.lease.c
    query = select(c.name).where(c.name.in_(sorted(parts)), c.holder != "", c.expires > micros(_now(conn)))
    return set(conn.scalars(query))


def held(conn: Connection, name: str) -> int | None:
    """The token of whoever holds the lease now; None when nobody does."""
    row = conn.execute(_THIS, {"of": name}).one_or_none()
    alive = row is not None and row.holder and row.expires > micros(_now(conn))
    return row.token if row is not None and alive else None


def _held(holder: str, since: datetime | None) -> Locked:
    return Locked(
        text(
            "another run is at work: {holder}, last sign of life {at}",
            "別の実行が動いています: {holder}、最終更新 {at}",
            holder=holder,
            at=since.strftime("%Y-%m-%dT%H:%M:%SZ") if since else "?",
        ),
        fix=text("wait for it to end, or use --if-locked", "終了を待つか --if-locked を指定してください"),
    )
