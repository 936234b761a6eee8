"""Status: how fresh the data is, what waits, what is parked, how the last runs went."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from connector.engine.app import App, last_read
from connector.engine.review import questions
from connector.engine.unnamed import unnamed
from connector.errors import Text
from connector.store import files, load, outbox, recover, runs
from connector.store.beside import sqlite_file
from connector.store.outbox import Parked
from connector.store.runs import RunRow


@dataclass(frozen=True, slots=True)
class StoreShown:
    """What the store is kept in, and how safely."""

    kind: str
    journal: str
    """How SQLite keeps a commit whole: WAL where its version does that safely, else DELETE; empty on a server."""
    version: str
    size: int | None
    free: int | None
    """Bytes on its disk; None on a server."""
    watched: bool
    """Whether it would be noticed that it was emptied or put back: something is remembered beside it."""
    restored: datetime | None
    """When it was put back, where no run has made up for that yet."""


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the connector as its store knows it; no system is asked."""

    at: datetime
    read_at: dict[str, datetime | None]
    records: dict[str, int]
    affected: int
    backlog: dict[tuple[str, str], int]
    parked: list[Parked]
    rejects: dict[tuple[str, str], int]
    runs: list[RunRow]
    questions: int
    """Doubtful pairs of records that wait for `review`."""
    store: StoreShown
    unnamed: Mapping[str, Text]
    """Systems of the store that `config.yaml` does not name, and what to do about it: no run goes on."""


def status(app: App) -> Status:
    """Read the state from the store."""
    now = app.clock()
    waiting, strangers = len(questions(app)), unnamed(app)
    with app.reading() as conn:
        return Status(
            now,
            {name: last_read(conn, name, adapter) for name, adapter in app.adapters.items()},
            load.count_records(conn),
            load.affected(conn, now),
            outbox.backlog(conn),
            outbox.parked(conn),
            runs.count_rejects(conn),
            runs.last_runs(conn),
            waiting,
            _store(conn, app),
            strangers,
        )


def _store(conn: Connection, app: App) -> StoreShown:
    file = sqlite_file(app.store.url)
    watched = app.beside is not None and app.beside.id_file.exists()
    restored = recover.since(conn)
    if file is None:
        version = ".".join(map(str, conn.dialect.server_version_info or ()))
        return StoreShown(conn.dialect.name, "", version, None, None, watched, restored)
    journal = str(conn.exec_driver_sql("PRAGMA journal_mode").scalar())
    version = sqlite3.sqlite_version
    return StoreShown("sqlite", journal, version, file.stat().st_size, files.free(file), watched, restored)
