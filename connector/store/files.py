"""SQLite files as files: whether one is sound, and copies of one that are whole while others write to it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from connector.errors import StoreError, text
from connector.store.beside import cannot_write, sync_folder

BEFORE_UPGRADE = ".before-upgrade"
REPLACED = ".replaced-"
COMPANIONS = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside its file while somebody works with it; of another file they would ruin it."""


def damage(path: Path) -> str | None:
    """What is wrong with a SQLite file, in SQLite's words; None when it is sound.

    A value that was overwritten by another one of its kind is not found: SQLite keeps no checksums.
    """
    try:
        with closing(_open(path)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        # Locked, no right to read it, no memory: that is not the file's fault.
        return str(error) if error.sqlite_errorcode == sqlite3.SQLITE_ERROR else None
    except sqlite3.DatabaseError as error:
        return str(error)
    except UnicodeDecodeError:  # of SQLite's own message, which quotes the file
        return "its schema cannot be read"
    return None if found is None or found[0] == "ok" else str(found[0])


def _open(path: Path) -> sqlite3.Connection:
    # Never made where there is none; and not read-only: a process that died may have left a journal to play back.
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=30.0, isolation_level=None)


def copy(source: Path, target: Path) -> None:
    """Copy a store, whole even while others write to it, for its owner alone; the copy is checked.

    :raises StoreError: it cannot be written, or is damaged; then there is no copy
    """
    half = target.with_name(f".{target.name}.part")
    try:
        half.unlink(missing_ok=True)
        os.close(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(_open(source)) as original, closing(sqlite3.connect(half)) as made:
            # In one go: step by step, it would begin anew whenever somebody commits.
            original.backup(made)
            made.execute("PRAGMA journal_mode=DELETE")
        if why := damage(half):
            raise damaged(source, why)
        with half.open("rb") as file:
            os.fsync(file.fileno())
        half.replace(target)
        sync_folder(target.parent)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if why := damage(source):
            raise damaged(source, why) from error
        what = text("{path} cannot be copied: {why}", "{path} をコピーできません: {why}", path=source, why=str(error))
        raise StoreError(what, fix=text("check the free space", "空き容量を確認してください")) from error
    except OSError as error:
        raise cannot_write(target, error) from None
    finally:
        half.unlink(missing_ok=True)
        half.with_name(half.name + "-journal").unlink(missing_ok=True)


def free(path: Path) -> int:
    """Bytes that are free for us on the disk of a file."""
    return shutil.disk_usage(path.parent).free


def damaged(path: object, why: str) -> StoreError:
    """That a store is damaged, and what to do."""
    return StoreError(
        text("{path} is damaged ({why})", "{path} が壊れています（{why}）", path=path, why=why.splitlines()[0][:200]),
        fix=text(
            "put a backup back with `connector restore FILE`; the damaged file is kept beside it",
            "`connector restore FILE` でバックアップを戻してください（壊れたファイルは横に残ります）",
        ),
    )


def copies_beside(path: Path) -> list[Path]:
    """The copies of a store that we ourselves left beside it."""
    names = (f"{path.name}{BEFORE_UPGRADE}", f"{path.name}{REPLACED}*")
    return sorted(found for name in names for found in path.parent.glob(name))
