"""Files that were dropped: which are ready, what the cursor says of them, and where they go afterwards."""

from __future__ import annotations

import json
import os
import sqlite3
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from connector.adapters.csvfile.reading import Bad, Broken, Row
from connector.errors import Text, Unavailable, text
from connector.model import Record
from connector.ports import Page, Reject

MAX_BYTES = 200_000_000
Where = Literal["done", "failed"]


class Named(Protocol):
    """What files of certain names are."""

    @property
    def pattern(self) -> str:
        """Names of the files."""


N = TypeVar("N", bound=Named)


@dataclass(slots=True)
class Place:
    """How far a stream was read, as its cursor says.

    Only the engine's store can tell that rows are stored: a file is put away when the cursor that says so comes back,
    never before. A crash in between leaves the file where it is, and the cursor knows it is done with.
    """

    finished: dict[str, tuple[str, Where]] = field(default_factory=dict)
    """Files that were read to their end, by name: the digest of their content, and where they go."""
    name: str = ""
    digest: str = ""
    rows: int = 0
    """Rows of the file `name` that were read, while it has content of that digest."""
    created: int = 0
    """The last of the people created by us that was told."""

    @classmethod
    def of(cls, cursor: str | None) -> Place:
        """The place a cursor stands for."""
        if not cursor:
            return cls()
        finished, name, digest, rows, created = json.loads(cursor)
        return cls({file: (sha, where) for file, sha, where in finished}, name, digest, rows, created)

    def cursor(self) -> str:
        """The cursor for this place."""
        finished = sorted((file, sha, where) for file, (sha, where) in self.finished.items())
        return json.dumps([finished, self.name, self.digest, self.rows, self.created])

    def begin(self, name: str, digest: str) -> None:
        """A file is read: from its beginning, unless it is the one that an earlier pull was reading."""
        if (self.name, self.digest) != (name, digest):
            self.name, self.digest, self.rows = name, digest, 0

    def finish(self, where: Where) -> None:
        """The present file was read to its end."""
        self.finished[self.name] = (self.digest, where)
        self.name, self.digest, self.rows = "", "", 0


def digest_of(raw: bytes) -> str:
    """What tells one content from another."""
    return sha256(raw).hexdigest()


def layout_of(name: str, layouts: Sequence[N]) -> N | None:
    """The layout a file belongs to: the first whose pattern fits its name (composed alike on every system)."""
    if name.startswith((".", "~")):
        return None
    composed = unicodedata.normalize("NFC", name)
    return next((one for one in layouts if fnmatchcase(composed, unicodedata.normalize("NFC", one.pattern))), None)


def dropped(folder: Path, layouts: Sequence[N]) -> list[tuple[Path, N | None]]:
    """The files in the folder, oldest first, with their layouts.

    :raises OSError: when the folder cannot be listed
    """
    with os.scandir(folder) as entries:
        files = sorted((entry.stat().st_mtime_ns, entry.name) for entry in entries if entry.is_file())
    return [(folder / name, layout_of(name, layouts)) for _, name in files if not name.startswith((".", "~"))]


def need(folder: Path, system: str) -> None:
    """The folder is there.

    :raises Unavailable: when it is not
    """
    if not folder.is_dir():
        raise Unavailable(
            text("the folder {folder} is not there", "フォルダー {folder} がありません", folder=folder),
            where=system,
            fix=text("create it, or mount the share", "作成するか、共有フォルダーを接続してください"),
        )


@contextmanager
def reachable(folders: Iterable[Path], system: str) -> Iterator[None]:
    """Inside, what goes wrong with the folders means that the system cannot answer now."""
    for folder in folders:
        need(folder, system)
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise Unavailable(why(error), where=system) from error


def settled(path: Path, seconds: float) -> bool:
    """Whether nobody has touched the file for so long. A copy may bear the time of its original, but not as `ctime`."""
    found = path.stat()
    touched = max(found.st_mtime, found.st_ctime)
    return seconds == 0 or time.time() - touched >= seconds  # noqa: TID251  only the clock tells how old a file is


def content(path: Path) -> bytes | None:
    """The whole file; None when somebody wrote to it meanwhile.

    :raises OSError: when it cannot be read
    """
    before = path.stat()
    if before.st_size > MAX_BYTES:
        raise OSError(None, f"larger than {MAX_BYTES} bytes")
    raw = path.read_bytes()
    after = path.stat()
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    return raw if same and len(raw) == after.st_size else None


def sweep(files: Sequence[Path], place: Place) -> None:
    """Put away what the cursor says was read; forget what is not there any more, or has new content.

    :raises OSError: when the folder cannot be used
    """
    here = {path.name: path for path in files}
    for name, (digest, where) in list(place.finished.items()):
        raw = content(here[name]) if name in here else b""
        if raw and digest_of(raw) == digest:
            _put_away(here[name], here[name].parent / where, digest)
        if raw is not None:
            del place.finished[name]


def _put_away(path: Path, target: Path, digest: str) -> None:
    target.mkdir(exist_ok=True)
    there = target / path.name
    if there.exists() and digest_of(there.read_bytes()) != digest:
        there = target / f"{path.stem}-{digest[:8]}{path.suffix}"
    path.replace(there)


# --- from files to pages ----------------------------------------------------------------------------------------------

Told = tuple[Sequence[Record], Sequence[Reject], Counter[str]]


class Telling(Protocol):
    """Tells the rows of one file."""

    def __call__(self, chunk: Sequence[Row | Bad], skip: int, *, last: bool) -> Told:
        """The records of some rows.

        The first `skip` of them were given by an earlier pull: what comes after them may need to know them, but they
        are not to be given again. `last`: the file ends with this chunk.
        """


def pages(
    path: Path, place: Place, settle: float, rows: Callable[[bytes], Iterator[Row | Bad]], tell: Telling, size: int
) -> Iterator[Page]:
    """The pages of one file; none when it was read before, or may still be on its way."""
    try:
        raw = content(path) if path.exists() and settled(path, settle) else None
    except OSError as error:
        yield Page([], place.cursor(), [Reject(path.name, why(error))])
        return
    if raw is None or path.name in place.finished:
        return
    place.begin(path.name, digest_of(raw))
    try:
        yield from _chunks(rows(raw), place, tell, size)
    except Broken as error:
        place.finish("failed")
        yield Page([], place.cursor(), [Reject(f"{path.name}:{error.line}", error.what, "broken")])


def _chunks(rows: Iterator[Row | Bad], place: Place, tell: Telling, size: int) -> Iterator[Page]:
    given, seen, last = place.rows, 0, False
    while not last:
        chunk = list(islice(rows, size))
        last = len(chunk) < size
        records, rejects, ignored = tell(chunk, max(0, given - seen), last=last)
        seen += len(chunk)
        if last:
            place.finish("done")
        elif seen <= given:
            continue
        else:
            place.rows = seen
        yield Page(records, place.cursor(), rejects, ignored)


def why(error: Exception) -> Text:
    """What went wrong with a file, without its place; SQLite's messages name no values."""
    said = error.strerror if isinstance(error, OSError) else str(error) if isinstance(error, sqlite3.Error) else ""
    reason = said or type(error).__name__
    return text("cannot be read or written: {why}", "読み書きできません: {why}", why=reason)


def all_of(bad: Sequence[Bad]) -> Text:
    """All that is wrong with a row."""
    en, ja = (
        "; ".join(f"{one.header}: {one.what.in_(lang)}".removeprefix(": ") for one in bad) for lang in ("en", "ja")
    )
    return text("{cells}", "{cells_ja}", cells=en, cells_ja=ja)
