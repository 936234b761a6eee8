"""Where records are kept: unique values, all or nothing, and writes that are seen later than they are stamped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from connector.sandbox.kintone.errors import locked
from connector.sandbox.kintone.model import Record

Place = tuple[int, int]
"""An app and a record in it."""


@dataclass(slots=True)
class _Index:
    """The values of a field without duplicates; nothing is never a duplicate."""

    code: str
    numeric: bool
    ids: dict[Any, int] = field(default_factory=dict)

    def key(self, record: Record | None) -> Any:
        """What of this record no other one may have."""
        value = None if record is None else record.values.get(self.code)
        return Decimal(value) if value and self.numeric else value or None


@dataclass(frozen=True, slots=True)
class _Pending:
    """Writes that ran, and are not committed yet."""

    visible_at: datetime
    changes: dict[Place, Record | None]


class Store:
    """The records of all apps, with one transaction running at a time."""

    def __init__(self) -> None:
        self._tables: dict[int, dict[int, Record]] = defaultdict(dict)
        self._indexes: dict[int, dict[str, _Index]] = defaultdict(dict)
        self._undo: list[tuple[Place, Record | None]] = []
        self._pending: list[_Pending] = []

    def table(self, app: int) -> dict[int, Record]:
        """The records of an app by id."""
        return self._tables[app]

    def index(self, app: int, code: str, *, numeric: bool) -> None:
        """Keep this field's values apart from now on."""
        index = self._indexes[app][code] = _Index(code, numeric)
        index.ids = {key: row.id for row in self._tables[app].values() if (key := index.key(row)) is not None}

    def drop_index(self, app: int, code: str) -> None:
        """Let this field have any value."""
        self._indexes[app].pop(code, None)

    def same(self, app: int, code: str, record: Record) -> Record | None:
        """The record that has the unique value of this one already."""
        index = self._indexes[app][code]
        key = index.key(record)
        for pending in self._pending:
            for (held, _), late in pending.changes.items():
                if held == app and late is not None and index.key(late) == key:
                    raise locked()
        found = index.ids.get(key)
        return None if found is None else self._tables[app][found]

    def find(self, app: int, code: str, value: str) -> Record | None:
        """The record with this unique value."""
        index = self._indexes[app][code]
        found = index.ids.get(Decimal(value) if index.numeric else value)
        return None if found is None else self._tables[app][found]

    def put(self, app: int, record_id: int, record: Record | None) -> None:
        """Write within the running transaction; one that is not committed yet holds its records locked."""
        place = (app, record_id)
        if any(place in pending.changes for pending in self._pending):
            raise locked()
        self._undo.append((place, self._set(place, record)))

    def _set(self, place: Place, record: Record | None) -> Record | None:
        app, record_id = place
        table = self._tables[app]
        old = table.get(record_id)
        for index in self._indexes[app].values():
            before, after = index.key(old), index.key(record)
            if before != after:
                # A duplicate, which is written until its request is refused, must not displace the first one.
                if before is not None and index.ids.get(before) == record_id:
                    del index.ids[before]
                if after is not None:
                    index.ids.setdefault(after, record_id)
        if record is None:
            table.pop(record_id, None)
        else:
            table[record_id] = record
        return old

    @contextmanager
    def transaction(self, visible_at: datetime | None = None) -> Iterator[None]:
        """Keep what is written inside, or nothing of it; with `visible_at` it is seen only from then on."""
        self._undo.clear()
        try:
            yield
        except BaseException:
            self._rollback()
            raise
        if visible_at is not None and self._undo:
            touched = dict.fromkeys(place for place, _ in self._undo)
            changes = {place: self._tables[place[0]].get(place[1]) for place in touched}
            self._rollback()
            self._pending.append(_Pending(visible_at, changes))
        self._undo.clear()

    def _rollback(self) -> None:
        while self._undo:
            place, old = self._undo.pop()
            self._set(place, old)

    def settle(self, now: datetime) -> None:
        """Commit what was held back until now."""
        due = [pending for pending in self._pending if pending.visible_at <= now]
        self._pending = [pending for pending in self._pending if pending.visible_at > now]
        for pending in due:
            for place, record in pending.changes.items():
                self._set(place, record)

    def rewrite(self, app: int, record: Record) -> None:
        """Replace a record past every rule, as a change of the form does."""
        self._set((app, record.id), record)
