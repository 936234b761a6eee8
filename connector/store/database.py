"""Opens the store: SQLite or PostgreSQL by URL, with the settings that its promises rest on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy import text as sql
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError

from connector.errors import ConnectorError, StoreError, WrongStore, text
from connector.store import files
from connector.store.beside import sqlite_file

# A data race in SQLite's WAL can lose commits before these versions (sqlite.org/changes.html, 3.51.3).
_WAL_FIXED = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
_MIGRATION_LOCK = 0x636F6E6E  # any number that is ours alone
_LONGEST_SILENCE = "SET LOCAL idle_in_transaction_session_timeout = '60s'"
_STOOD_STILL = "25P03"
"""What PostgreSQL then says to who wakes."""
_FULL = frozenset(("SQLITE_FULL", "SQLITE_IOERR_WRITE", "DiskFull"))
"""What is said where there is no room: by SQLite, under a quota, by PostgreSQL."""


def wal_is_safe(version: tuple[int, int, int]) -> bool:
    """Whether this SQLite has the WAL-reset repair, by release or as a backport in its own branch."""
    return version >= _WAL_FIXED[0] or any(version[:2] == fixed[:2] and version >= fixed for fixed in _WAL_FIXED[1:])


def open_engine(url: str) -> Engine:
    """An engine for the store at `url`; a file is made if there is none, for its owner alone; a server is not touched.

    :raises StoreError: for a URL that is neither `sqlite:///...` nor `postgresql+psycopg://...`
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            if parsed.database:
                path = Path(parsed.database)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch(0o600)  # it holds people's names and addresses
            engine = create_engine(parsed, connect_args={"timeout": 30.0}, hide_parameters=True)
            _prepare_sqlite(engine)
            return engine
        if parsed.get_backend_name() == "postgresql":
            return create_engine(parsed, pool_pre_ping=True, hide_parameters=True)
    except (ArgumentError, NoSuchModuleError) as error:
        raise StoreError(text("store: {why}", "store: {why}", why=str(error).splitlines()[0])) from None
    except OSError as error:
        what = text("store: {path}: {why}", "store: {path}: {why}", path=error.filename, why=error.strerror)
        raise StoreError(what, fix=text("check the path and its rights", "パスと権限を確認してください")) from None
    raise StoreError(
        text("store: this kind of database is not supported", "store: この種類のデータベースには対応していません"),
        fix=text(
            "write sqlite:///data/connector.db or postgresql+psycopg://…",
            "sqlite:///data/connector.db か postgresql+psycopg://… と書いてください",
        ),
    )


def journal_mode() -> str:
    """How SQLite keeps a commit whole, by the version that is linked: WAL where that is safe."""
    return "WAL" if wal_is_safe(sqlite3.sqlite_version_info) else "DELETE"


def _prepare_sqlite(engine: Engine) -> None:
    journal = journal_mode()

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN is neither immediate nor used for DDL
        for pragma in (f"journal_mode={journal}", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA cache_size=-65536")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")


def _alembic() -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


@cache
def _revisions() -> tuple[frozenset[str], str | None]:
    """Every revision that this program knows, and the newest: read from disk once in a process."""
    scripts = ScriptDirectory.from_config(_alembic())
    return frozenset(script.revision for script in scripts.walk_revisions()), scripts.get_current_head()


def upgrade(engine: Engine) -> None:
    """Bring the schema to this program's version: atomic, and safe against others doing the same at once.

    A SQLite file of an older version is copied first, beside itself; only the last such copy is kept.

    :raises WrongStore: when the schema is newer than this program
    :raises StoreError: when the store cannot be opened
    """
    known, head = _revisions()
    try:
        with engine.connect().execution_options(write=True) as connection, connection.begin():
            if engine.dialect.name == "postgresql":
                connection.execute(sql("SELECT pg_advisory_xact_lock(:n)"), {"n": _MIGRATION_LOCK})
            current = MigrationContext.configure(connection).get_current_revision()
            if current is not None and current not in known:
                raise newer()
            if current == head:
                return
            file = sqlite_file(engine.url)
            if file is not None and current is not None:
                files.copy(file, file.with_name(file.name + files.BEFORE_UPGRADE))
            config = _alembic()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except SQLAlchemyError as error:
        raise _cannot_open(engine, error) from error


def newer() -> WrongStore:
    """That a store is of a later version than this program."""
    return WrongStore(
        text(
            "the store was written by a newer version of connector",
            "store はより新しい版の connector で作られています",
        ),
        fix=text("run that version or newer", "その版以降を使ってください"),
    )


def _cannot_open(engine: Engine, error: SQLAlchemyError) -> StoreError:
    place = engine.url.render_as_string(hide_password=True)
    said = getattr(error, "orig", None) or error
    why = getattr(said, "sqlite_errorname", type(said).__name__)
    if isinstance(error, OperationalError) and "locked" in str(error.orig):
        return StoreError(
            text("{place} is locked by another process", "{place} は他のプロセスが使用中です", place=place)
        )
    if why in _FULL:
        return StoreError(
            text("{place}: there is no room left on its disk", "{place}: ディスクに空きがありません", place=place),
            fix=text(
                "free some space; nothing is lost, the next run goes on from here",
                "空き容量を確保してください。失われたものはなく、次の実行が続きを行います",
            ),
        )
    file = sqlite_file(engine.url)
    if file is not None:
        harm = files.damage(file) or (str(said) if "decode" in str(said) else None)
        if harm:
            return files.damaged(file, harm)
    return StoreError(
        text("{place} cannot be used ({why})", "{place} を利用できません（{why}）", place=place, why=why),
        fix=text("check the path, the server and its rights", "パス・サーバー・権限を確認してください"),
    )


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads.

    :raises StoreError: when the database does not let us
    """
    with telling(engine), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes; on SQLite it takes the write lock at once, so it never fails half way for it.

    On PostgreSQL the server ends it when its process stands still (a machine that is paused, say): the others wait for
    what it holds.

    :raises StoreError: when the database does not let us
    """
    with telling(engine), engine.connect().execution_options(write=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(_LONGEST_SILENCE)
        yield connection


@contextmanager
def telling(engine: Engine) -> Iterator[None]:
    """Trouble with the database as a StoreError; what makes no sense may come of a damaged file, so that is looked at.

    Errors of other kinds pass.
    """
    try:
        yield
    except OperationalError as error:
        raise _cannot_open(engine, error) from error
    except ConnectorError:
        raise
    except Exception as error:
        if isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", "") == _STOOD_STILL:
            raise _cannot_open(engine, error) from error
        file = sqlite_file(engine.url)
        if file is not None and (harm := files.damage(file)):
            raise files.damaged(file, harm) from error
        raise
