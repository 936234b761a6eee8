"""Opens the store that we worked with, or none: a lost, emptied, foreign or older one is refused, never begun anew."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Connection, Engine, inspect, make_url

from connector.errors import StoreError, Text, WrongStore, text
from connector.store import database, recover, runs, tombstones
from connector.store.beside import Beside, Seen, beside, sqlite_file

ID = "store"
"""Under this name a store keeps its id."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An opened store and what stands beside it."""

    engine: Engine
    beside: Beside | None

    def note(self) -> None:
        """Remember beside the store how far it is; after each time a lease was taken."""
        if self.beside is not None:
            with database.reading(self.engine) as conn:
                seen = _seen(conn)
            self.beside.note(seen)


def open_store(url: str, folder: Path) -> Kept:
    """The store at `url`, its schema brought up to date. `folder`: of `config.yaml`.

    :raises WrongStore: it is not the one that we worked with, or is of a newer program
    :raises StoreError: it cannot be used
    """
    files = beside(url, folder)
    # First what is remembered, then the store: another process that makes a new one writes them in the other order.
    seen = files.seen() if files is not None else None
    if seen is not None and files is not None and _nothing_at(url):
        raise _lost(url, files)
    engine = database.open_engine(url)
    try:
        if files is not None:
            _compare(engine, seen, files)
        database.upgrade(engine)
        kept = Kept(engine, files)
        settle(kept)
    except BaseException:
        engine.dispose()
        raise
    return kept


def settle(kept: Kept) -> None:
    """Give a new store its id and the tombstones that stand beside it, and remember it there.

    Tombstones stand there from the beginning, be it none: where there is no such file, nobody knows who was erased.
    """
    with database.reading(kept.engine) as conn:
        whole = runs.remembered(conn, ID) is not None
    forgotten = kept.beside.forgotten() if kept.beside is not None else None
    if not whole or (kept.beside is not None and forgotten is None):
        with database.writing(kept.engine) as conn:
            # Several machines may begin with an empty database at once: behind this line one of them at a time.
            runs.remember_first(conn, ID, uuid4().hex)
            tombstones.take_over(conn, forgotten)
            stones = tombstones.with_key(conn)
        if kept.beside is not None and forgotten is None:
            kept.beside.note_forgotten(stones.key, stones.hashes)
    kept.note()


def _nothing_at(url: str) -> bool:
    """Whether there is no file, or an empty one."""
    file = sqlite_file(make_url(url))
    return file is not None and (not file.exists() or file.stat().st_size == 0)


def _compare(engine: Engine, seen: Seen | None, files: Beside) -> None:
    """:raises WrongStore: the database is another one than was seen, or older."""
    with database.reading(engine) as conn:
        tables = set(inspect(conn).get_table_names())
        if not tables:
            if seen is not None:
                raise _lost(_place(engine), files)
            return
        if "alembic_version" not in tables or not {"meta", "lease"} <= tables:
            raise WrongStore(
                text(
                    "{place} is a database of something else",
                    "{place} は connector のものではないデータベースです",
                    place=_place(engine),
                ),
                fix=text("name another in `store:`", "`store:` で別の場所を指定してください"),
            )
        if seen is None:
            return
        now = runs.remembered(conn, ID)
        count = recover.count(conn)
    if now is not None and now != seen.store:
        raise WrongStore(
            text(
                "{place} is another store than the one that we worked with until now",
                "{place} はこれまで使っていた store とは別のものです",
                place=_place(engine),
            ),
            fix=_put_back(files),
        )
    if count < seen.count:
        raise WrongStore(
            text(
                "{place} is an older copy: what was done since is not in it",
                "{place} は古いコピーです。それ以降の記録が含まれていません",
                place=_place(engine),
            ),
            fix=text(
                "`connector restore` takes it as it is, and looks before it sends; or put the right one back",
                "このまま使うなら `connector restore`（送信前に全て読み直します）、または正しいものに戻してください",
            ),
        )


def _lost(place: str, files: Beside) -> WrongStore:
    return WrongStore(
        text(
            "the store at {place} is gone or empty; it was not when we last worked with it",
            "store（{place}）が無いか空です。前回の実行時には記録がありました",
            place=make_url(place).render_as_string(hide_password=True),
        ),
        fix=_put_back(files),
    )


def _put_back(files: Beside) -> Text:
    return text(
        "put it back with `connector restore FILE`, or check `store:` and the volume; to begin with nothing, on"
        " purpose, remove {file}",
        "`connector restore ファイル` でバックアップを戻すか、`store:` とボリュームを確認してください。"
        "意図して最初から始めるには {file} を削除してください",
        file=files.id_file,
    )


def _place(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)


def _seen(conn: Connection) -> Seen:
    found = runs.remembered(conn, ID)
    if found is None:
        raise StoreError(text("the store has no id", "store に ID がありません"))
    return Seen(found, recover.count(conn))
