"""What is kept beside the store: so that one that was lost, emptied or put back is noticed, and the erased stay erased.

SQLite opens a missing or an empty file as a new database, without a word. So two small files stand beside it:
`connector.db.id` (which store it was, and how far its lease had been counted) and `connector.db.forgotten` (the
tombstones and their key; an older copy of the store may lack some). With PostgreSQL they stand in `data/` beside
`config.yaml`, named by a hash of the address of the database.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import structlog
from sqlalchemy import URL, make_url

from connector.errors import StoreError, WrongStore, text

log = structlog.get_logger("connector.store")


@dataclass(frozen=True, slots=True)
class Seen:
    """The store as we last worked with it: its id, and how often its leases had been taken."""

    store: str
    count: int


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Tombstones, and the key that their hashes were made with."""

    key: str
    hashes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Beside:
    """The two files; `must`: whether it is an error when they cannot be written."""

    id_file: Path
    forgotten_file: Path
    must: bool

    def seen(self) -> Seen | None:
        """What the store was like; None when we never worked with it.

        :raises WrongStore: the file is there and says nothing
        """
        found = _read(self.id_file)
        if found is None:
            return None
        try:
            return Seen(str(found["store"]), int(found["count"]))
        except (KeyError, TypeError, ValueError):
            raise _garbled(self.id_file) from None

    def note(self, seen: Seen) -> None:
        """Remember the store as it is now, to be called when that has been committed there."""
        last = self.seen()
        if last is None or last.store != seen.store or last.count < seen.count:
            self._write(self.id_file, {"store": seen.store, "count": seen.count})

    def forgotten(self) -> Forgotten | None:
        """The tombstones; None where they were never noted, or the file was lost.

        :raises WrongStore: the file is there and says nothing
        """
        found = _read(self.forgotten_file)
        if found is None:
            return None
        try:
            return Forgotten(str(found["key"]), frozenset(map(str, found["hashes"])))
        except (KeyError, TypeError):
            raise _garbled(self.forgotten_file) from None

    def note_forgotten(self, key: str, hashes: Iterable[str]) -> None:
        """Remember the tombstones."""
        self._write(self.forgotten_file, {"key": key, "hashes": sorted(hashes)})

    def _write(self, path: Path, content: dict[str, Any]) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, orjson.dumps(content))
        except OSError as error:
            if self.must:
                raise cannot_write(path, error) from None
            # A server's store is not lost with this machine; that it is not watched from here is told by `status`.
            log.warning("store_not_remembered", error=type(error).__name__)


def beside(url: str, folder: Path) -> Beside | None:
    """The files beside the store at `url`; None for one in memory. `folder`: of `config.yaml`."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        file = sqlite_file(parsed)
        return None if file is None else Beside(_named(file, ".id"), _named(file, ".forgotten"), must=True)
    place = f"{parsed.host}:{parsed.port}/{parsed.database}"
    own = folder / "data" / f"store-{sha256(place.encode()).hexdigest()[:8]}"
    return Beside(_named(own, ".id"), _named(own, ".forgotten"), must=False)


def sqlite_file(url: URL) -> Path | None:
    """The file of a SQLite store; None for one in memory, or where there is a server."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return None
    return Path(str(url.database))


def _named(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _read(path: Path) -> Any:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        what = text("store: {path}: {why}", "store: {path}: {why}", path=path, why=error.strerror)
        raise StoreError(what, fix=text("check its rights", "権限を確認してください")) from None
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        raise _garbled(path) from None


def _garbled(path: Path) -> WrongStore:
    return WrongStore(
        text("{path} cannot be read: it is damaged", "{path} が壊れていて読めません", path=path),
        fix=text(
            "put it back from a backup; or, when the store beside it is the right one, remove it",
            "バックアップから戻すか、store が正しいものなら削除してください",
        ),
    )


def cannot_write(path: Path, error: OSError) -> StoreError:
    """That a file beside the store cannot be written."""
    return StoreError(
        text("store: {path}: {why}", "store: {path}: {why}", path=path, why=error.strerror),
        fix=text("check the folder, its rights and the free space", "フォルダー・権限・空き容量を確認してください"),
    )


def replace_file(path: Path, content: bytes) -> None:
    """Write a file for its owner alone, wholly or not at all, as it was before or as it shall be."""
    half = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Let the names in a folder survive a loss of power."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
