"""What the adapter remembers: 名刺 as last told, those we asked to create, and every row handed out. One SQLite file.

It is no second store: exports and imports are one-way, so this file is what joins a row that was refused later to the
change it came from, and what knows whether a record is there at all.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connector.adapters.csvfile.book import transaction
from connector.errors import MOST_SAID

_TABLES = """
CREATE TABLE IF NOT EXISTS record (
    object TEXT, id TEXT, key TEXT, alias TEXT, data TEXT, PRIMARY KEY (object, id));
CREATE INDEX IF NOT EXISTS record_key ON record (object, key);
CREATE INDEX IF NOT EXISTS record_alias ON record (object, alias);
CREATE TABLE IF NOT EXISTS created (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, id TEXT UNIQUE, successor TEXT);
CREATE TABLE IF NOT EXISTS row (
    no INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT, key TEXT, id TEXT, cells TEXT, before TEXT, lost TEXT,
    file TEXT, line INTEGER, refused TEXT);
CREATE INDEX IF NOT EXISTS row_key ON row (key);
CREATE INDEX IF NOT EXISTS row_file ON row (file);
CREATE TABLE IF NOT EXISTS file (name TEXT PRIMARY KEY, kind TEXT, taken INTEGER);
"""


@dataclass(slots=True)
class Known:
    """A record as exports last told it, with what we wrote since."""

    object: str
    id: str
    key: str = ""
    """What stands in the column that we own."""
    alias: str = ""
    """What deals call it, where that is not its code."""
    name: str = ""
    native: dict[str, str] = field(default_factory=dict)
    """Cells by column."""
    written: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By column: the cell we last wrote, and the text or day or moment that was meant by it (empty for numbers)."""
    company: str | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """A 名刺 that we asked to create; `successor` is the code under which it came back."""

    seq: int
    key: str
    id: str
    successor: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """A row handed out; `file` is empty until it stands in one."""

    no: int
    kind: str
    key: str
    id: str
    cells: dict[str, str]
    before: dict[str, str]
    """What stood in these columns before, as far as known."""
    lost: list[tuple[str, str]]
    """(column, code points) of letters that the encoding lacks."""
    file: str | None = None
    line: int = 0
    refused: str = ""
    """Why the import refused it; empty again once the change that wanted it was told."""
    said: str = field(default="", repr=False)
    """The import's own words of that; gone with it."""
    taken: bool = False
    """Whether somebody has taken its file."""


class State:
    """Inside `open_state`: one transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    # records

    def known(self, object_: str, id_: str) -> Known | None:
        """The record, if an export or we told of it."""
        found = self._records("id = ?", object_, id_)
        return found[0] if found else None

    def with_key(self, object_: str, key: str) -> list[Known]:
        """The records that bear our key."""
        return self._records("key = ?", object_, key)

    def called(self, object_: str, alias: str) -> list[Known]:
        """The records that deals call so."""
        return self._records("alias = ?", object_, alias)

    def remember(self, known: Known) -> None:
        """Write a record, in place of what was known of it."""
        data = [known.name, known.native, known.written, known.company, known.owner]
        self._db.execute(
            "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?)",
            (known.object, known.id, known.key, known.alias, json.dumps(data, ensure_ascii=False)),
        )

    def keep_only(self, object_: str, ids: Collection[str]) -> None:
        """Forget the records that a full export does not hold."""
        here = [row[0] for row in self._db.execute("SELECT id FROM record WHERE object = ?", (object_,))]
        gone = [(object_, id_) for id_ in here if id_ not in ids]
        self._db.executemany("DELETE FROM record WHERE object = ? AND id = ?", gone)

    def _records(self, where: str, object_: str, value: str) -> list[Known]:
        query = f"SELECT * FROM record WHERE object = ? AND {where} ORDER BY rowid"  # noqa: S608  ours
        return [_known(*row) for row in self._db.execute(query, (object_, value))]

    # people we created

    def create(self, key: str, id_: str) -> Created:
        """Note a creation; the one of this key that is there already, if any.

        One that came back is none any more: the card that it became is gone, or we would not be asked to create it.
        """
        self._db.execute("DELETE FROM created WHERE key = ? AND successor IS NOT NULL", (key,))
        self._db.execute("INSERT OR IGNORE INTO created (key, id, successor) VALUES (?, ?, NULL)", (key, id_))
        return self._created("key = ?", key)[0]

    def creation(self, id_: str) -> Created | None:
        """What became of the creation that gave this id."""
        found = self._created("id = ?", id_)
        return found[0] if found else None

    def created_after(self, seq: int) -> list[Created]:
        """Creations that came later than `seq` and have not come back yet."""
        return self._created("seq > ? AND successor IS NULL", seq)

    def came_back(self, key: str, id_: str) -> Created | None:
        """Note that `key` stands on a card with a code; the creation that this card came from, if it was ours.

        It is given whenever the card is read: nobody knows here whether what was told before was stored.
        """
        self._db.execute("UPDATE created SET successor = ? WHERE key = ? AND successor IS NULL", (id_, key))
        found = self._created("key = ?", key)
        return found[0] if found and found[0].successor == id_ else None

    def _created(self, where: str, value: str | int) -> list[Created]:
        rows = self._db.execute(f"SELECT * FROM created WHERE {where} ORDER BY seq", (value,))  # noqa: S608  ours
        return [Created(*row) for row in rows]

    # rows handed out

    def rows(self, kind: str, key: str) -> list[Row]:
        """The rows of a key in one kind of import, in the order in which they were handed out."""
        return self._rows("row.kind = ? AND key = ?", kind, key)

    def unplaced(self) -> list[Row]:
        """Rows that stand in no file yet."""
        return self._rows("file IS NULL")

    def placed(self, key: str) -> list[Row]:
        """The rows of a key, of whatever kind, that stand in files; those in files that were taken come last."""
        rows = self._rows("key = ? AND file IS NOT NULL", key)
        return sorted(rows, key=lambda row: (row.taken, row.no))

    def in_file(self, name: str) -> list[Row]:
        """The rows of a file."""
        return self._rows("file = ?", name)

    def put(self, row: Row) -> None:
        """Hand a row out (its number is made here)."""
        packed = [json.dumps(each, ensure_ascii=False) for each in (row.cells, row.before, row.lost)]
        self._db.execute(
            "INSERT INTO row (kind, key, id, cells, before, lost) VALUES (?, ?, ?, ?, ?, ?)",
            (row.kind, row.key, row.id, *packed),
        )

    def drop(self, row: Row) -> None:
        """Hand a row out no longer."""
        self._db.execute("DELETE FROM row WHERE no = ?", (row.no,))

    def refuse(self, row: Row, code: str, said: str) -> None:
        """Note why the import refused a row, and what it said."""
        self._db.execute("UPDATE row SET refused = ? WHERE no = ?", (f"{code}\n{said[:MOST_SAID]}", row.no))

    def told(self, row: Row) -> None:
        """The refusal of a row was told."""
        self._db.execute("UPDATE row SET refused = NULL WHERE no = ?", (row.no,))

    def empty(self, row: Row) -> None:
        """Keep that a row was handed out, not what stood in it."""
        self._db.execute("UPDATE row SET cells = '{}', before = '{}', lost = '[]' WHERE no = ?", (row.no,))

    def place(self, rows: Sequence[Row], file: str, kind: str) -> None:
        """The rows stand in a file now, in this order."""
        self._db.execute("INSERT OR REPLACE INTO file VALUES (?, ?, 0)", (file, kind))
        self._db.executemany(
            "UPDATE row SET file = ?, line = ? WHERE no = ?", [(file, n, row.no) for n, row in enumerate(rows, 1)]
        )

    def _rows(self, where: str, *values: str) -> list[Row]:
        query = f"SELECT row.*, taken FROM row LEFT JOIN file ON name = file WHERE {where} ORDER BY no"  # noqa: S608  ours
        return [_row(*found) for found in self._db.execute(query, values)]

    # files

    def waiting_files(self) -> dict[str, str]:
        """Names and kinds of the files that nobody has taken."""
        return dict(self._db.execute("SELECT name, kind FROM file WHERE NOT taken"))

    def kinds(self) -> set[str]:
        """The kinds of which there ever was a file."""
        return {kind for (kind,) in self._db.execute("SELECT DISTINCT kind FROM file")}

    def files_like(self, name: str) -> list[str]:
        """The files whose name, without its ending, is part of `name`."""
        query = "SELECT name FROM file WHERE instr(?, substr(name, 1, length(name) - 4)) ORDER BY length(name) DESC"
        return [found for (found,) in self._db.execute(query, (name,))]

    def last_file(self, kind: str) -> str:
        """The last name of a kind."""
        return str(self._db.execute("SELECT COALESCE(MAX(name), '') FROM file WHERE kind = ?", (kind,)).fetchone()[0])

    def take(self, name: str) -> None:
        """Somebody has taken the file."""
        self._db.execute("UPDATE file SET taken = 1 WHERE name = ?", (name,))


Memory = Callable[[], AbstractContextManager[State]]
"""Opens the state for one transaction."""


@contextmanager
def open_state(path: Path) -> Iterator[State]:
    """The memory, for one transaction: written when the block ends, forgotten when it fails."""
    with transaction(path, _TABLES, "file") as db:
        yield State(db)


def _known(object_: str, id_: str, key: str, alias: str, data: str) -> Known:
    name, native, written, company, owner = json.loads(data)
    pairs = {column: (cell, meant) for column, (cell, meant) in written.items()}
    return Known(object_, id_, key, alias, name, native, pairs, company, owner)


def _row(no: int, kind: str, key: str, id_: str, *rest: Any) -> Row:
    cells, before, lost, file, line, refused, taken = rest
    pairs = [(column, letters) for column, letters in json.loads(lost)]
    held, were = json.loads(cells), json.loads(before)
    code, _, said = (refused or "").partition("\n")
    return Row(no, kind, key, id_, held, were, pairs, file, line or 0, code, said, bool(taken))


def same_cells(rows: Sequence[Row], cells: Mapping[str, str]) -> bool:
    """Whether these rows, imported in order, leave these cells."""
    left: dict[str, str] = {}
    for row in rows:
        left |= row.cells
    return all(left.get(column) == cell for column, cell in cells.items())
