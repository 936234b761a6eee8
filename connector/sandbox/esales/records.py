"""What an e-Sales Manager holds, in either generation, and what its users do on the screen."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.sandbox.chaos import Chaos
from connector.sandbox.clock import Clock
from connector.sandbox.esales.refusal import Refusal, bad
from connector.sandbox.esales.sheets import Column, Key, Row, Sheet
from connector.sandbox.esales.table import Table


class Records(ABC):
    """Sheets of records with the rules of the product around them. Thread-safe: one lock around everything.

    The methods without an underscore act as people do on the screen: the same rules, and every change moves the
    record's stamp (変更日). They raise `Refusal` where the screen would refuse.
    """

    def __init__(self, sheets: Mapping[str, Sheet], *, clock: Clock | None, chaos: Chaos | None) -> None:
        self.clock = clock or Clock()
        self.chaos = chaos or Chaos()
        self.sheets = dict(sheets)
        self._lock = threading.RLock()
        self._tables = {name: Table() for name in self.sheets}
        self._last_id = dict.fromkeys(self.sheets, 0)
        self._refused: set[tuple[str, int]] = set()
        self._stamp: datetime | None = None
        self._late: timedelta | None = None
        self._acting = 0

    # --- time ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def stamped(self, at: datetime) -> Iterator[None]:
        """While inside, what is written is stamped `at`, and seen at once: for seeding, and for stamps out of order."""
        with self._lock:
            before, self._stamp = self._stamp, at
            try:
                yield
            finally:
                self._stamp = before

    @contextmanager
    def late_commit(self, seconds: float) -> Iterator[None]:
        """While inside, what is written is stamped now, and seen by readers only `seconds` later by the clock."""
        with self._lock:
            before, self._late = self._late, timedelta(seconds=seconds)
            try:
                yield
            finally:
                self._late = before

    def _now(self) -> datetime:
        return (self._stamp or self.clock()).astimezone(UTC).replace(microsecond=0)

    def _visible_at(self, sheet: Sheet) -> datetime | None:
        fault = self.chaos.take("late_commit", path=sheet.name)
        if fault is not None:
            return self.clock() + timedelta(seconds=float(fault.params.get("seconds", 30)))
        return None if self._late is None else self.clock() + self._late

    # --- what people do -----------------------------------------------------------------------------------------------

    def add(self, sheet_name: str, values: Mapping[Any, Any]) -> int:
        """Register a record and give its id."""
        with self._lock:
            sheet = self.sheets[sheet_name]
            return self._create(sheet, self._checked(sheet, self._named(sheet, values)))

    def update(self, sheet_name: str, record_id: int, values: Mapping[Any, Any]) -> None:
        """Change columns of a record; None empties one."""
        with self._lock:
            sheet = self.sheets[sheet_name]
            self._change(sheet, record_id, self._checked(sheet, self._named(sheet, values)))

    def delete(self, sheet_name: str, record_id: int) -> None:
        """Delete a record and the records that can't be without it."""
        with self._lock:
            self._remove(self.sheets[sheet_name], record_id, with_children=True)

    def get(self, sheet_name: str, record_id: int) -> Row:
        """A copy of a record as last written. KeyError if there is none."""
        with self._lock:
            return dict(self._tables[sheet_name][record_id])

    def records(self, sheet_name: str) -> list[Row]:
        """Copies of all records of a sheet as last written, oldest first."""
        with self._lock:
            table = self._tables[sheet_name]
            return [dict(table[record_id]) for record_id in table]

    def refuse(self, sheet_name: str, record_id: int) -> None:
        """Refuse every write over HTTP to a record from now on, as when somebody has it locked."""
        with self._lock:
            self._refused.add((sheet_name, record_id))

    def allow(self, sheet_name: str, record_id: int) -> None:
        """Accept writes to a record again."""
        with self._lock:
            self._refused.discard((sheet_name, record_id))

    # --- rules --------------------------------------------------------------------------------------------------------

    @abstractmethod
    def _named(self, sheet: Sheet, values: Mapping[Any, Any]) -> dict[Key, Any]:
        """The values by key, from the shorter ways that Python callers may use."""

    @abstractmethod
    def _fitting(self, column: Column, value: Any) -> Any:
        """The value as it is stored; refuses one that the column can't hold. Never called with None."""

    def _checked(self, sheet: Sheet, values: Mapping[Key, Any]) -> Row:
        checked: Row = {}
        for key, value in values.items():
            column = sheet.columns.get(key)
            if column is None:
                raise bad(f"不明な項目です: {key}")
            if column.read_only:
                raise bad(f"更新できない項目です: {key}")
            empty = value is None or value in ("", [], ())
            if empty and column.required:
                raise bad(f"必須項目です: {column.name}")
            checked[key] = None if empty else self._fitting(column, value)
            if column.link and not empty:
                self._check_link(column, checked[key])
        return checked

    def _check_link(self, column: Column, value: Any) -> None:
        table = self._tables[column.link]
        if missing := [each for each in (value if column.many else [value]) if each not in table]:
            raise bad(f"{column.name}が存在しません: {missing[0]}")

    def _create(self, sheet: Sheet, values: Row) -> int:
        lacking = [each.name for each in sheet.columns.values() if each.required and values.get(each.key) is None]
        if lacking:
            raise bad(f"必須項目がありません: {', '.join(lacking)}")
        record_id = self._last_id[sheet.name] = self._last_id[sheet.name] + 1
        stamps = {sheet.key: record_id, sheet.created: self._now(), sheet.changed: self._now()}
        if sheet.creator is not None and sheet.changer is not None:
            stamps |= {sheet.creator: self._acting, sheet.changer: self._acting}
        self._tables[sheet.name].put(record_id, {**values, **stamps}, self._visible_at(sheet))
        return record_id

    def _change(self, sheet: Sheet, record_id: int, values: Row) -> None:
        table = self._tables[sheet.name]
        row = {**table[record_id], **values, sheet.changed: self._now()}
        if sheet.changer is not None:
            row[sheet.changer] = self._acting
        table.put(record_id, row, self._visible_at(sheet))

    def _remove(self, sheet: Sheet, record_id: int, *, with_children: bool) -> None:
        if record_id not in self._tables[sheet.name]:
            raise KeyError(record_id)
        for child in self.sheets.values():
            for column in child.links_to(sheet.name):
                self._detach(child, column, record_id, with_children=with_children)
        self._tables[sheet.name].remove(record_id)

    def _detach(self, child: Sheet, column: Column, gone: int, *, with_children: bool) -> None:
        table = self._tables[child.name]
        for record_id in table:
            held = table[record_id].get(column.key)
            if column.many and held and gone in held:
                table.put(record_id, {**table[record_id], column.key: tuple(each for each in held if each != gone)})
            elif held == gone and not column.required:
                table.put(record_id, {**table[record_id], column.key: None})
            elif held == gone:
                if not with_children:
                    raise bad(f"関連するデータがあるため削除できません: {child.name}")
                self._remove(child, record_id, with_children=True)

    def _writable(self, sheet: Sheet, record_id: int) -> None:
        """Refuse a write over HTTP to a record that isn't there, or that is locked."""
        if record_id not in self._tables[sheet.name]:
            raise Refusal(404, "データが存在しません。")
        if (sheet.name, record_id) in self._refused:
            raise bad(f"他のユーザーが編集中のため更新できません。（ID: {record_id}）")

    def _visible(self, sheet: Sheet) -> dict[int, Row]:
        return self._tables[sheet.name].visible(self.clock())
