"""Creations of people in the outbox: who is being made, who was made, and under which id."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from connector.changes import CreatePerson
from connector.store import tables as t
from connector.store.marks import chunks
from connector.store.outbox import as_stored

_SAID = tuple(t.outbox.c[name] for name in ("kind", "payload", "system", "identity", "state", "remote_id"))


def making(conn: Connection, identities: Collection[str]) -> set[tuple[str, str]]:
    """System and identity of those of these people who are being created there, and of whom no record was read yet."""
    c, p = t.outbox.c, t.person.c
    theirs = select(p.no).join(t.identity).where(t.identity.c.id == c.identity, p.system == c.system)
    wished = c.state.in_(("pending", "inflight", "done")) & ~theirs.exists()
    return {
        (row.system, row.identity)
        for row in _creations(conn, identities, wished)
        if row.state != "done" or _read_back(conn, row) is None
    }


def made(conn: Connection, identities: Collection[str]) -> set[tuple[str, str]]:
    """System and identity of those of these people whom we have created there, once and for all: that was read since.

    Whether the record is still there, is somebody else's by now, or was deleted.
    """
    done = _creations(conn, identities, t.outbox.c.state == "done")
    return {(row.system, row.identity) for row in done if _read_back(conn, row) is not None}


def tried(conn: Connection, identities: Collection[str]) -> dict[tuple[str, str, str], str]:
    """By system, object and identity of those of these people: another id, under which they may have been made there.

    They had it before they were joined to somebody. Not so when the record that was made is there, and somebody else's.
    """
    c = t.outbox.c
    sent = c.state.in_(("inflight", "done")) | c.uncertain_until.is_not(None) | c.doubtful
    found: dict[tuple[str, str, str], str] = {}
    for row in _creations(conn, identities, sent & ~c.key.endswith(c.identity)):
        change, read = _creation(row), _read_back(conn, row)
        if read is None or read.gone_at is not None:
            found[change.system, change.object, change.identity] = change.key_value
    return found


def _creations(conn: Connection, identities: Collection[str], which: ColumnElement[bool]) -> Iterator[Any]:
    """Rows of creations of these people, the latest first."""
    c = t.outbox.c
    for some in chunks(sorted(identities)):
        here = (c.kind == "CreatePerson", c.identity.in_(some), which)
        yield from conn.execute(select(*_SAID).where(*here).order_by(c.created_at.desc(), c.key)).all()


def _creation(row: Any) -> CreatePerson:
    change = as_stored(row)
    if not isinstance(change, CreatePerson):
        raise TypeError(row.kind)
    return change


def _read_back(conn: Connection, row: Any) -> Any:
    """The record that a creation made, if it was ever read."""
    if row.remote_id is None:
        return None
    change, p = _creation(row), t.person.c
    record = (p.system == change.system, p.object == change.object, p.id == row.remote_id)
    return conn.execute(select(p.gone_at).where(*record)).one_or_none()
