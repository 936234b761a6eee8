"""Where records are kept: tables with indexes, savepoints, and transactions that commit later.

A record is a dict that is never changed, only replaced: a query's pages keep what it found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.sandbox.salesforce.errors import refuse
from connector.sandbox.salesforce.schema import Field

Row = dict[str, Any]
Change = tuple[str, str, Row | None]


def index_key(field: Field, value: Any) -> Any:
    """What makes two values of a field the same one."""
    return value.lower() if isinstance(value, str) and field.is_text and not field.case_sensitive else value


class Table:
    """All rows of one object type, deleted ones too, in the order of creation."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self._fields: dict[str, Field] = {}
        self._index: dict[str, dict[Any, set[str]]] = {}

    def add_index(self, field: Field) -> None:
        """Find live rows by this field from now on."""
        self._fields[field.name] = field
        self._index[field.name] = defaultdict(set)
        for row in self.rows.values():
            self._enter(field, row)

    def indexed(self, name: str) -> bool:
        """Whether `find` may be asked for this field."""
        return name in self._index

    def find(self, field: Field, value: Any) -> list[Row]:
        """The live rows with this value, oldest first."""
        found = self._index[field.name].get(index_key(field, value), ())
        return [self.rows[record_id] for record_id in sorted(found)]

    def set(self, record_id: str, row: Row | None) -> Row | None:
        """Put a row, or take it away; returns the one that was there."""
        old = self.rows.get(record_id)
        for field in self._fields.values():
            if old is not None and row is not None and _same(field, old, row):
                continue
            if old is not None and old.get(field.name) is not None:
                self._index[field.name][index_key(field, old[field.name])].discard(record_id)
            if row is not None:
                self._enter(field, row)
        if row is None:
            self.rows.pop(record_id, None)
        else:
            self.rows[record_id] = row
        return old

    def _enter(self, field: Field, row: Row) -> None:
        value = row.get(field.name)
        if value is not None and not row["IsDeleted"]:
            self._index[field.name][index_key(field, value)].add(row["Id"])


def _same(field: Field, old: Row, new: Row) -> bool:
    return old.get(field.name) == new.get(field.name) and old["IsDeleted"] == new["IsDeleted"]


@dataclass(frozen=True, slots=True)
class Pending:
    """A transaction that ran, and is not committed yet."""

    stamp: str
    visible_at: datetime
    changes: list[Change]


class Store:
    """The tables of an org, with one transaction running at a time."""

    def __init__(self) -> None:
        self._tables: dict[str, Table] = defaultdict(Table)
        self._undo: list[Change] = []
        self.pending: list[Pending] = []

    def table(self, name: str) -> Table:
        """The table of the object type with this exact name."""
        return self._tables[name]

    def get(self, name: str, record_id: str) -> Row | None:
        """One row, deleted or not."""
        return self._tables[name].rows.get(record_id)

    def live(self, name: str) -> Iterator[Row]:
        """The rows that are not deleted."""
        return (row for row in self._tables[name].rows.values() if not row["IsDeleted"])

    def put(self, name: str, row: Row) -> None:
        """Write within the running transaction; another that is not committed yet holds its rows locked."""
        record_id = row["Id"]
        if any(record_id == held for _, held, _ in self._held(name)):
            raise _locked(record_id)
        self._undo.append((name, record_id, self._tables[name].set(record_id, row)))

    def hold_back(self, name: str, field: Field, value: Any) -> None:
        """Refuse a unique value that a transaction not committed yet has taken already."""
        for _, record_id, row in self._held(name):
            taken = None if row is None else row.get(field.name)
            if taken is not None and index_key(field, taken) == index_key(field, value):
                raise _locked(record_id)

    def _held(self, name: str) -> Iterable[Change]:
        if not self.pending:
            return ()
        return (change for each in self.pending for change in each.changes if change[0] == name)

    def mark(self) -> int:
        """A savepoint to roll back to."""
        return len(self._undo)

    def rollback(self, mark: int = 0) -> None:
        """Undo everything since the savepoint."""
        while len(self._undo) > mark:
            name, record_id, old = self._undo.pop()
            self._tables[name].set(record_id, old)

    def commit(self, stamp: str = "", visible_at: datetime | None = None) -> None:
        """End the transaction. With `visible_at` its changes are seen only from then on."""
        if visible_at is not None and self._undo:
            touched = dict.fromkeys((name, record_id) for name, record_id, _ in self._undo)
            changes = [(name, record_id, self._tables[name].rows.get(record_id)) for name, record_id in touched]
            self.rollback()
            self.pending.append(Pending(stamp, visible_at, changes))
        self._undo.clear()

    def settle(self, now: datetime) -> None:
        """Commit what was held back until now."""
        if not self.pending:
            return
        due = [each for each in self.pending if each.visible_at <= now]
        self.pending = [each for each in self.pending if each.visible_at > now]
        for each in due:
            for name, record_id, row in each.changes:
                self._tables[name].set(record_id, row)


def _locked(record_id: str) -> Exception:
    return refuse("UNABLE_TO_LOCK_ROW", f"unable to obtain exclusive access to this record or 1 records: {record_id}")
