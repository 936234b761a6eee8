"""Parts of a run that workers have done: what became of each, until the run is over."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import orjson
from sqlalchemy import Connection, delete, select

from connector.store import tables as t
from connector.store.runs import remember, remembered

_PREFIX = "part:"


def is_done(conn: Connection, key: str) -> bool:
    """Whether a part was done; to be asked in the transaction that would do it, so that it is done once."""
    return remembered(conn, _PREFIX + key) is not None


def put_done(conn: Connection, key: str, outcome: Mapping[str, Any]) -> None:
    """A part was done; to be called in the transaction that does the last of it."""
    remember(conn, _PREFIX + key, orjson.dumps(outcome).decode())


def done(conn: Connection, stage: str, known: Collection[str]) -> dict[str, dict[str, Any]]:
    """What became of the parts whose keys begin with `stage`, but for those that are `known` already."""
    c = t.meta.c
    names = set(conn.scalars(select(c.name).where(c.name.startswith(_PREFIX + stage, autoescape=True))))
    news = sorted(name for name in names if name.removeprefix(_PREFIX) not in known)
    found = {name: remembered(conn, name) for name in news}
    return {name.removeprefix(_PREFIX): orjson.loads(value) for name, value in found.items() if value}


def forget(conn: Connection) -> None:
    """Forget every part: the run that they were done for is over."""
    conn.execute(delete(t.meta).where(t.meta.c.name.startswith(_PREFIX)))
