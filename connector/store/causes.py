"""Why changes are parked, cause by cause; and putting them back, so that they are sent again under their keys."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, select, true, update

from connector.changes import AnyChange
from connector.errors import Text, kept
from connector.store import tables as t
from connector.store.codec import load_change, micros, moment
from connector.store.marks import chunks, mark_identities
from connector.store.outbox import AGAIN, NO_CAUSE


@dataclass(frozen=True, slots=True)
class Cause:
    """What some parked changes of one kind have in common; `since`: the oldest of their last attempts."""

    system: str
    kind: str
    code: str
    what: Text
    fix: Text | None
    doubtful: bool
    count: int
    since: datetime
    said: str
    """The vendor's own words of `example`; may quote its record."""
    example: AnyChange


@dataclass(frozen=True, slots=True)
class Choice:
    """Which parked changes are meant: all, or those of a cause (by its code), of people, of a system."""

    code: str | None = None
    identities: Collection[str] | None = None
    system: str | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """A parked change that is meant."""

    key: str
    system: str
    kind: str
    code: str
    identity: str
    doubtful: bool


def causes(conn: Connection, choice: Choice = Choice()) -> list[Cause]:
    """Parked changes by system, kind and cause, the most frequent first."""
    c = t.outbox.c
    by = (c.system, c.kind, c.code, c.error, c.error_ja, c.fix, c.fix_ja, c.doubtful)
    count, since = func.count().label("n"), func.min(func.coalesce(c.sent_at, c.created_at)).label("since")
    query = select(*by, count, since, func.min(c.key).label("key")).where(_meant(choice))
    rows = conn.execute(query.group_by(*by).order_by(count.desc(), *by)).all()
    examples = {}
    for some in chunks([row.key for row in rows]):
        examples.update(
            {each.key: each for each in conn.execute(select(c.key, c.payload, c.said).where(c.key.in_(some)))}
        )
    return [
        Cause(
            row.system, row.kind, row.code, kept(row.error, row.error_ja),
            kept(row.fix, row.fix_ja) if row.fix else None, bool(row.doubtful), row.n, moment(row.since),
            examples[row.key].said, load_change(row.kind, examples[row.key].payload),
        )
        for row in rows
    ]  # fmt: skip


def chosen(conn: Connection, choice: Choice) -> list[Chosen]:
    """The parked changes that are meant, oldest first."""
    c = t.outbox.c
    columns = (c.key, c.system, c.kind, c.code, c.identity, c.doubtful)
    query = select(*columns).where(_meant(choice)).order_by(c.created_at, c.key)
    return [Chosen(*row[:5], bool(row.doubtful)) for row in conn.execute(query)]


def _meant(choice: Choice) -> ColumnElement[bool]:
    c = t.outbox.c
    return and_(
        c.state == "parked",
        c.code == choice.code if choice.code is not None else true(),
        c.system == choice.system if choice.system is not None else true(),
        c.identity.in_(sorted(choice.identities)) if choice.identities is not None else true(),
    )


def put_back(conn: Connection, changes: Sequence[Chosen], now: datetime) -> int:
    """These are due again, under their keys and with all their attempts before them; how many were still parked.

    Their people are planned anew first, so that what is no longer wanted is withdrawn and what is wanted otherwise is
    replaced before anything is sent.
    """
    c = t.outbox.c
    put = 0
    for some in chunks([each.key for each in changes]):
        back = {**NO_CAUSE, "code": AGAIN}
        parked = update(t.outbox).where(c.key.in_(some), c.state == "parked")
        put += conn.execute(parked.values(state="pending", attempts=0, next_at=micros(now), **back)).rowcount
    mark_identities(conn, {each.identity for each in changes})
    return put


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What some records have in common that could not be read: when that was seen last, and where one stands."""

    system: str
    stream: str
    code: str
    what: Text
    count: int
    last: datetime
    place: str


def unreadable(conn: Connection) -> list[Unreadable]:
    """Records that could not be read, by system, stream and cause, the most frequent first."""
    c = t.reject.c
    by = (c.system, c.stream, c.code, c.what, c.what_ja)
    count, last = func.count().label("n"), func.max(c.at).label("last")
    query = select(*by, count, last, func.min(c.place).label("place")).group_by(*by).order_by(count.desc(), *by)
    return [
        Unreadable(row.system, row.stream, row.code, kept(row.what, row.what_ja), row.n, moment(row.last), row.place)
        for row in conn.execute(query)
    ]
