"""Records of one sheet in the order of their registration, some of which readers don't see yet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from connector.sandbox.esales.sheets import Row


class Table:
    """Rows by id. A row is replaced, never changed in place, so that readers may go on seeing the one before."""

    def __init__(self) -> None:
        self._seen: dict[int, Row | None] = {}
        self._late: dict[int, tuple[datetime, Row]] = {}

    def put(self, record_id: int, row: Row, visible_at: datetime | None = None) -> None:
        """Store a row, which readers see at once, or from `visible_at` on."""
        if visible_at is None:
            self._late.pop(record_id, None)
            self._seen[record_id] = row
        else:
            self._late[record_id] = (visible_at, row)
            self._seen.setdefault(record_id, None)

    def __getitem__(self, record_id: int) -> Row:
        """The row as last written, seen or not."""
        late = self._late.get(record_id)
        row = self._seen[record_id] if late is None else late[1]
        if row is None:
            raise KeyError(record_id)
        return row

    def __contains__(self, record_id: object) -> bool:
        return record_id in self._seen

    def __iter__(self) -> Iterator[int]:
        return iter(list(self._seen))

    def remove(self, record_id: int) -> None:
        """Forget a row. KeyError if there is none."""
        del self._seen[record_id]
        self._late.pop(record_id, None)

    def visible(self, now: datetime) -> dict[int, Row]:
        """The rows by id as readers see them at this moment."""
        for record_id, (visible_at, row) in list(self._late.items()):
            if visible_at <= now:
                self.put(record_id, row)
        return {record_id: row for record_id, row in self._seen.items() if row is not None}
