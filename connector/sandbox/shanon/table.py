"""Rows in the order of their registration, some of which readers don't see yet."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from datetime import datetime
from typing import Generic, TypeVar

from connector.sandbox.shanon.xml import Values

Key = TypeVar("Key", bound=Hashable)


class Table(Generic[Key]):
    """Rows by key. A row is replaced, never changed in place, so that readers may go on seeing the one before."""

    def __init__(self) -> None:
        self._seen: dict[Key, Values] = {}
        self._late: dict[Key, tuple[datetime, Values]] = {}

    def put(self, key: Key, values: Values, visible_at: datetime | None = None) -> None:
        """Store a row, which readers see at once, or from `visible_at` on."""
        if visible_at is None:
            self._late.pop(key, None)
            self._seen[key] = values
        else:
            self._late[key] = (visible_at, values)
            self._seen.setdefault(key, {})

    def __getitem__(self, key: Key) -> Values:
        """The row as last written, seen or not."""
        late = self._late.get(key)
        return self._seen[key] if late is None else late[1]

    def __contains__(self, key: Key) -> bool:
        return key in self._seen

    def __iter__(self) -> Iterator[Key]:
        return iter(self._seen)

    def remove(self, key: Key) -> None:
        """Forget a row."""
        self._seen.pop(key, None)
        self._late.pop(key, None)

    def visible(self, now: datetime) -> list[Values]:
        """The rows as readers see them at this moment."""
        for key, (visible_at, values) in list(self._late.items()):
            if visible_at <= now:
                self.put(key, values)
        return [values for values in self._seen.values() if values]
