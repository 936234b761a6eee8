"""Backup and restore of the store.

A SQLite store is copied whole by `backup` and put back by `restore`. A database on a server is backed up and put back
by its own tools; `restore` without a file then takes it as it stands. Either way the next run finds out first what the
copy does not know (`store/recover.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import Engine, inspect, make_url, update

from connector.config import Setup
from connector.engine.app import Clock, now, store_url
from connector.engine.forget import erase_again
from connector.errors import ConnectorError, Locked, StoreError, WrongStore, text
from connector.store import database, erase, files, keep, recover, runs
from connector.store import tables as t
from connector.store.beside import Beside, Seen, beside, cannot_write, sqlite_file, sync_folder
from connector.store.files import COMPANIONS
from connector.store.keep import Kept
from connector.store.lease import Lease, acquire

log = structlog.get_logger("connector.store")


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of the store that was made and found sound."""

    file: Path
    size: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of a restore."""

    last_run: datetime | None
    """When the last run began that the store knows of now."""
    kept: Path | None
    """Where the replaced file is."""
    erased: int
    """People who had been erased since the copy was made, and were erased from it again."""
    whole: bool
    """Whether all tombstones are known that were put up since then."""


def backup(setup: Setup, target: Path) -> Backup:
    """Copy a SQLite store to a new file, also while a run is at work.

    :raises ConnectorError: the store is on a server, the file exists, or cannot be written
    :raises StoreError: there is no store, or it is damaged
    """
    source = _file(setup)
    if source is None:
        raise ConnectorError(
            text("the store is on a server", "store はサーバー上にあります"),
            fix=text(
                "back it up with `pg_dump --format=custom --file=FILE DATABASE`",
                "`pg_dump --format=custom --file=ファイル データベース` でバックアップしてください",
            ),
        )
    if target.exists():
        raise ConnectorError(
            text("{path} exists already", "{path} は既にあります", path=target),
            fix=text("name a file that is not there yet", "まだ無いファイル名を指定してください"),
        )
    if not source.exists() or source.stat().st_size == 0:
        raise StoreError(text("there is no store at {path}", "{path} に store がありません", path=source))
    files.copy(source, target)
    log.info("store_backed_up", bytes=target.stat().st_size)
    return Backup(target, target.stat().st_size)


def _file(setup: Setup) -> Path | None:
    return sqlite_file(make_url(store_url(setup)))


def restore(setup: Setup, source: Path | None, clock: Clock = now) -> Restored:
    """Put a copy of the store back, or (None) take the store as it stands; the file that it replaces is kept.

    :raises Locked: a run is at work
    :raises WrongStore: the copy is of another store, or of a newer program
    :raises StoreError: it is damaged, or is no store
    """
    url = store_url(setup)
    standing = beside(url, setup.folder)
    file = _file(setup)
    if file is None or standing is None:
        if source is not None:
            raise ConnectorError(
                text("the store is on a server", "store はサーバー上にあります"),
                fix=text(
                    "put it back with `pg_restore`, then call `connector restore` without a file",
                    "`pg_restore` で戻した後、ファイルを指定せずに `connector restore` を実行してください",
                ),
            )
        return _take_as_it_stands(setup, url, standing, clock)
    return _put_back(setup, source or file, file, standing, clock)


def _take_as_it_stands(setup: Setup, url: str, standing: Beside | None, clock: Clock) -> Restored:
    engine = database.open_engine(url)
    try:
        _look_at(engine, standing.seen() if standing else None)
        database.upgrade(engine)
        with acquire(engine, "run", setup.config.run.lease):
            done = _begin(setup, Kept(engine, standing), clock, None)
        keep.settle(Kept(engine, standing))
        return done
    finally:
        engine.dispose()


def _put_back(setup: Setup, source: Path, file: Path, standing: Beside, clock: Clock) -> Restored:
    """Everything is done to a copy of the copy, which then takes the place of the store in one step."""
    if not source.is_file() or source.stat().st_size == 0:
        raise StoreError(text("there is nothing at {path}", "{path} には何もありません", path=source))
    if why := files.damage(source):
        raise files.damaged(source, why)
    coming = file.with_name(f".{file.name}.restoring")
    aside = _free_name(file, clock())
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _no_run_at_work(setup, file):
            files.copy(source, coming)
            engine = database.open_engine(f"sqlite:///{coming}")
            try:
                _look_at(engine, standing.seen())
                database.upgrade(engine)
                done = _begin(setup, Kept(engine, standing), clock, aside if file.exists() else None)
            finally:
                engine.dispose()
            _swap(file, coming, aside)
        keep.open_store(store_url(setup), setup.folder).engine.dispose()
    except OSError as error:
        raise cannot_write(file, error) from None
    finally:
        for ending in ("", files.BEFORE_UPGRADE, *files.COMPANIONS):
            coming.with_name(coming.name + ending).unlink(missing_ok=True)
    log.info("store_restored")
    return done


def _look_at(engine: Engine, seen: Seen | None) -> None:
    """:raises WrongStore: the database is no store, or another than the one that we worked with."""
    with database.reading(engine) as conn:
        tables = set(inspect(conn).get_table_names())
        if not {"alembic_version", "meta", "lease"} <= tables:
            raise WrongStore(text("this is no store of connector", "connector の store ではありません"))
        name = runs.remembered(conn, keep.ID)
    if seen is not None and name not in (None, seen.store):
        raise WrongStore(
            text("this is a copy of another store", "別の store のコピーです"),
            fix=text(
                "use a copy of this store; or, to put this one in its place on purpose, remove what stands beside the"
                " present one (.id)",
                "この store のコピーを指定するか、意図して置き換える場合は横にある .id ファイルを削除してください",
            ),
        )


def _begin(setup: Setup, kept: Kept, clock: Clock, aside: Path | None) -> Restored:
    """Mark the store as put back, and erase again whom it still knows and should not."""
    seen = kept.beside.seen() if kept.beside is not None else None
    with database.writing(kept.engine) as conn:
        recover.begin(conn, clock(), seen.count if seen else 0)
        if seen is not None:
            runs.remember(conn, keep.ID, seen.store)
        erased, whole = erase_again(conn, setup, kept.beside, clock())
        last = next(iter(runs.last_runs(conn, 1)), None)
    if erased:
        erase.wipe(kept.engine)
    return Restored(last.started_at if last else None, aside, erased, whole)


@contextmanager
def _no_run_at_work(setup: Setup, file: Path) -> Iterator[None]:
    """Hold the lease of the store that is to be replaced; it is given back only when that fails.

    :raises Locked: a run is at work
    """
    lease = _lease_of(setup, file) if file.exists() and file.stat().st_size else None
    try:
        yield
    except BaseException:
        if lease is not None:
            lease.release()
            lease.engine.dispose()
        raise


def _lease_of(setup: Setup, file: Path) -> Lease | None:
    """The lease of a store; None where nobody can have it, because nobody can work with that file."""
    engine = database.open_engine(f"sqlite:///{file}")
    try:
        return acquire(engine, "run", setup.config.run.lease)
    except Locked:
        raise
    except StoreError:
        log.warning("replaced_store_unusable")
        return None
    finally:
        engine.dispose()  # no connection, no journal beside the file


def _swap(file: Path, coming: Path, aside: Path) -> None:
    """Put a file in the place of another in one step; the other is kept, with whatever SQLite left beside it.

    A journal that stayed behind would be played back into the new file.
    """
    for ending in COMPANIONS:
        left = file.with_name(file.name + ending)
        if left.exists():
            left.rename(aside.with_name(aside.name + ending))
    if file.exists():
        _keep(file, aside)
    coming.replace(file)
    sync_folder(file.parent)
    if aside.exists():
        _retire(aside)


def _keep(file: Path, aside: Path) -> None:
    try:
        aside.hardlink_to(file)  # so that there is a store at every moment
    except OSError:
        file.rename(aside)  # not every file system has links


def _retire(aside: Path) -> None:
    """Nobody gets the lease of a store that was replaced: who waits for it had opened that file before."""
    engine = database.open_engine(f"sqlite:///{aside}")
    try:
        with database.writing(engine) as conn:
            conn.execute(update(t.lease).values(holder="connector restore", expires=2**62))
    except StoreError:
        log.warning("replaced_store_unusable")
    finally:
        engine.dispose()


def _free_name(file: Path, at: datetime) -> Path:
    """A name for the replaced file that nothing has yet."""
    stem = f"{file.name}{files.REPLACED}{at:%Y%m%dT%H%M%SZ}"
    names = (file.with_name(stem + more) for more in ("", *(f"-{n}" for n in range(2, 1000))))
    return next(name for name in names if not name.exists())
