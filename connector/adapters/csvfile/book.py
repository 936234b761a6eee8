"""What the adapter remembers of its files: people and their latest cells, lists, what was handed out. One SQLite file.

It is no second store: facts and decisions are in the engine's. A CSV system has no memory of its own, so the adapter
keeps for it what any other system would know: who is there, who is on a list, which alert was raised already.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TABLES = """
CREATE TABLE IF NOT EXISTS record (
    object TEXT, id TEXT, email TEXT, name TEXT, derived INTEGER, data TEXT, PRIMARY KEY (object, id));
CREATE INDEX IF NOT EXISTS record_email ON record (object, email);
CREATE TABLE IF NOT EXISTS created (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, object TEXT, key TEXT, id TEXT, successor TEXT, UNIQUE (object, key));
CREATE TABLE IF NOT EXISTS member (list TEXT, object TEXT, id TEXT, PRIMARY KEY (list, object, id));
CREATE TABLE IF NOT EXISTS handout (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, file TEXT, key TEXT, data TEXT, state INTEGER, UNIQUE (file, key));
"""
NEW, SHOWN, TAKEN = 0, 1, 2
"""A row handed out: not in its file yet; in it; in one that somebody has taken away."""


@dataclass(slots=True)
class Known:
    """A record as its files last told: `fields` in our words, `native` by header; other kinds keep just a name."""

    object: str
    id: str
    email: str = ""
    name: str = ""
    derived: bool = False
    """Whether the id was made by us, because the files name none."""
    fields: dict[str, Any] = field(default_factory=dict)
    native: dict[str, str] = field(default_factory=dict)
    links: dict[str, str | None] = field(default_factory=dict)
    """Ids of its company and owner."""
    written: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By header: what is read of the cell that we last wrote, and what was meant by it."""


@dataclass(frozen=True, slots=True)
class Created:
    """A person we were asked to create; `successor` is the record that came back under our key."""

    seq: int
    object: str
    key: str
    id: str
    successor: str | None


class Book:
    """Inside `open_book`: one transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    # records

    def known(self, object_: str, id_: str) -> Known | None:
        """The record, if it was ever read or created."""
        rows = self._records("object = ? AND id = ?", (object_, id_))
        return rows[0] if rows else None

    def with_email(self, object_: str, email: str) -> list[Known]:
        """The records with this folded address."""
        return self._records("object = ? AND email = ?", (object_, email))

    def remember(self, known: Known) -> None:
        """Write a record, in place of what was known of it."""
        data = json.dumps([known.fields, known.native, known.links, known.written], ensure_ascii=False)
        self._db.execute(
            "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?)",
            (known.object, known.id, known.email, known.name, known.derived, data),
        )

    def objects(self) -> list[str]:
        """The kinds of things that records are of."""
        return [name for (name,) in self._db.execute("SELECT DISTINCT object FROM record ORDER BY object")]

    def _records(self, where: str, values: Sequence[str]) -> list[Known]:
        found = self._db.execute(f"SELECT * FROM record WHERE {where} ORDER BY rowid", values)  # noqa: S608  ours
        return [
            Known(name, id_, email, shown, bool(derived), *json.loads(data))
            for name, id_, email, shown, derived, data in found
        ]

    # people we created

    def create(self, object_: str, key: str, id_: str) -> Created:
        """Note a creation; the one of this key that is there already, if any."""
        self._db.execute(
            "INSERT OR IGNORE INTO created (object, key, id, successor) VALUES (?, ?, ?, NULL)", (object_, key, id_)
        )
        return self.creations("object = ? AND key = ?", (object_, key))[0]

    def created_after(self, seq: int) -> list[Created]:
        """Creations that came later than `seq` and have not come back yet."""
        return self.creations("seq > ? AND successor IS NULL", (seq,))

    def came_back(self, object_: str, key: str, id_: str) -> Created | None:
        """Note that `key` stands in a record with an id of its own; gives the creation it came from, if we made it."""
        self._db.execute(
            "INSERT INTO created (object, key, id, successor) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (object, key) DO UPDATE SET successor = excluded.successor",
            (object_, key, id_, id_),
        )
        found = self.creations("object = ? AND key = ? AND id <> successor", (object_, key))
        return found[0] if found else None

    def creations(self, where: str, values: Sequence[Any]) -> list[Created]:
        """Creations by a condition of this module."""
        rows = self._db.execute(f"SELECT * FROM created WHERE {where} ORDER BY seq", values)  # noqa: S608  ours
        return [Created(*row) for row in rows]

    # lists

    def members(self, name: str) -> list[tuple[str, str]]:
        """(object, id) of the people on a list, in the order they came."""
        return list(self._db.execute("SELECT object, id FROM member WHERE list = ? ORDER BY rowid", (name,)))

    def add_member(self, name: str, object_: str, id_: str) -> None:
        """Put a record on a list."""
        self._db.execute("INSERT OR IGNORE INTO member VALUES (?, ?, ?)", (name, object_, id_))

    def drop_member(self, name: str, object_: str, id_: str) -> None:
        """Take a record off a list."""
        self._db.execute("DELETE FROM member WHERE list = ? AND object = ? AND id = ?", (name, object_, id_))

    def replace_members(self, name: str, members: Iterable[tuple[str, str]]) -> None:
        """The whole membership of a list."""
        self._db.execute("DELETE FROM member WHERE list = ?", (name,))
        self._db.executemany("INSERT OR IGNORE INTO member VALUES (?, ?, ?)", [(name, *member) for member in members])

    # rows handed out

    def taken(self, file: str) -> None:
        """Somebody has taken the file away: what was in it is done."""
        self._db.execute("UPDATE handout SET state = ? WHERE file = ? AND state = ?", (TAKEN, file, SHOWN))

    def handed_out(self, file: str, key: str) -> dict[str, str] | None:
        """The row of this key, in whatever state."""
        row = self._db.execute("SELECT data FROM handout WHERE file = ? AND key = ?", (file, key)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def hand_out(self, file: str, key: str, data: Mapping[str, str], *, again: bool) -> None:
        """Add a row. One whose key was handed out before is written `again` with the new data, or left as it is."""
        clash = "DO UPDATE SET data = excluded.data, state = excluded.state" if again else "DO NOTHING"
        self._db.execute(
            f"INSERT INTO handout (file, key, data, state) VALUES (?, ?, ?, ?) ON CONFLICT (file, key) {clash}",  # noqa: S608  ours
            (file, key, json.dumps(dict(data), ensure_ascii=False), NEW),
        )

    def withdraw(self, file: str, key: str) -> None:
        """Hand a row out no longer."""
        self._db.execute("UPDATE handout SET state = ? WHERE file = ? AND key = ?", (TAKEN, file, key))

    def open_rows(self, file: str) -> list[tuple[str, dict[str, str]]]:
        """(key, data) of the rows that belong in the file."""
        rows = self._db.execute(
            "SELECT key, data FROM handout WHERE file = ? AND state < ? ORDER BY seq", (file, TAKEN)
        )
        return [(key, json.loads(data)) for key, data in rows]

    def owed(self) -> list[tuple[str, str]]:
        """(file, key of a row) of each file that lacks something that was handed out."""
        return list(
            self._db.execute("SELECT file, min(key) FROM handout WHERE state = ? GROUP BY file ORDER BY file", (NEW,))
        )

    def show(self, file: str) -> None:
        """The file holds its rows now."""
        self._db.execute("UPDATE handout SET state = ? WHERE file = ? AND state = ?", (SHOWN, file, NEW))


@contextmanager
def open_book(path: Path) -> Iterator[Book]:
    """The book, for one transaction: written when the block ends, forgotten when it fails."""
    with transaction(path, _TABLES, "handout") as db:
        yield Book(db)


@contextmanager
def transaction(path: Path, tables: str, last: str) -> Iterator[sqlite3.Connection]:
    """One transaction with the SQLite file at `path`; its tables are made unless the `last` of them is there."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA synchronous = FULL")
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (last,)).fetchone():
            db.executescript(tables)
        db.execute("BEGIN IMMEDIATE")
        yield db
        db.execute("COMMIT")
    finally:
        db.close()  # rolls back what was not committed
