"""A stand-in for e-Sales Manager's batch client (バッチ連携): it imports CSV files from folders and exports sheets.

What the vendor's public help pages say is kept: an import condition has a sheet, a matching key, a mode, an encoding
and a form of dates; 0 hits of the key insert, 1 updates, 2 or more are an error of that row; a bad row never stops its
neighbours; a blank cell keeps the old value; columns that the sheet does not know are passed over, those that are
hidden on the screen are imported; a file may have 50 MB. The titles of the errors are the vendor's.

Invented, because no public page shows it: how result files look, that an imported file is deleted, the order in which
files are taken (by name), and that a file without its matching key's column is an error of each row.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Literal

OWNER = "担当者不一致"
SEVERAL = "複数件一致"
KEY_BLANK = "マッチングキー空白"
DATE = "日付フォーマット不正"
NO_COMPANY = "企業名列なし"
NOT_THERE = "更新対象なし"
"""The last title is invented: how an update-only import tells of a row without a record is not public."""

MAX_BYTES = 50_000_000
_DATES = {"yyyy/MM/dd": r"\d{4}/\d\d/\d\d", "yyyy-MM-dd": r"\d{4}-\d\d-\d\d", "yyyyMMdd": r"\d{8}"}
Mode = Literal["insert_and_update", "insert", "update"]


@dataclass
class Sheet:
    """A sheet and its records, by the code that the system gives."""

    name: str
    code: str
    """The column of that code."""
    columns: Sequence[str]
    hidden: frozenset[str] = frozenset()
    """Columns that are on no screen; imports know them all the same."""
    dates: frozenset[str] = frozenset()
    owner: str | None = None
    """The column that must hold the name of a 社員."""
    company: str | None = None
    """The column that a new record cannot do without."""
    records: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._numbers = count(1001)

    def add(self, values: Mapping[str, str]) -> str:
        """A new record; its code."""
        code = str(next(self._numbers))
        self.records[code] = {self.code: code, **dict.fromkeys(self.columns, ""), **values}
        return code


@dataclass(frozen=True)
class Import:
    """An import condition (インポート条件)."""

    folder: Path
    sheet: Sheet
    key: str
    mode: Mode = "insert_and_update"
    encoding: str = "cp932"
    dates: str = "yyyy/MM/dd"


class BatchClient:
    """Imports and exports when it is told to, as a task scheduler would."""

    def __init__(self, imports: Sequence[Import], results: Path, employees: set[str]) -> None:
        self.imports = imports
        self.results = results
        self.employees = employees

    def run(self) -> int:
        """Import all files that lie there; how many there were."""
        done = 0
        for condition in self.imports:
            for path in sorted(condition.folder.glob("*.csv")) if condition.folder.is_dir() else []:
                self._take(path, condition)
                done += 1
        return done

    def export(self, sheet: Sheet, path: Path, encoding: str = "cp932", extra: Sequence[str] = ()) -> None:
        """All records of a sheet, with columns that no import takes back (次回スケジュール and others)."""
        header = [sheet.code, *sheet.columns, *extra]
        rows = [[record.get(column, "") for column in header] for record in sheet.records.values()]
        path.write_bytes(_csv([header, *rows]).encode(encoding))

    def _take(self, path: Path, condition: Import) -> None:
        raw = path.read_bytes()
        path.unlink()
        said: list[list[str]] = []
        if len(raw) > MAX_BYTES:
            said = [["", "", "ファイルサイズ超過"]]
        else:
            try:
                rows = list(csv.DictReader(io.StringIO(raw.decode(condition.encoding), newline="")))
            except UnicodeDecodeError:
                rows, said = [], [["", "", "文字コード不正"]]
            for number, row in enumerate(rows, 2):
                said.append([str(number), row.get(condition.key, ""), self._import(row, condition)])
        lines = [["ファイル名", "行番号", "キー", "エラー内容"], *([path.name, *line] for line in said)]
        self.results.joinpath(f"結果-{path.name}").write_bytes(_csv(lines).encode(condition.encoding))

    def _import(self, row: Mapping[str, str], condition: Import) -> str:
        """Import one row; the error, if any."""
        sheet, key = condition.sheet, row.get(condition.key, "")
        if not key.strip():
            return KEY_BLANK
        if condition.key == sheet.code:
            hits = [sheet.records[key]] if key in sheet.records else []
        else:
            hits = [record for record in sheet.records.values() if record.get(condition.key) == key]
        known = {column: cell for column, cell in row.items() if column in {*sheet.columns, *sheet.hidden} and cell}
        if len(hits) > 1:
            return SEVERAL
        if any(not re.match(_DATES[condition.dates], cell) for column, cell in known.items() if column in sheet.dates):
            return DATE
        if sheet.owner in known and known[sheet.owner] not in self.employees:
            return OWNER
        if hits:
            return self._update(hits[0], known, condition.mode)
        if condition.mode == "update":
            return NOT_THERE
        if sheet.company is not None and not known.get(sheet.company):
            return NO_COMPANY
        sheet.add(known)
        return ""

    @staticmethod
    def _update(record: dict[str, str], known: Mapping[str, str], mode: Mode) -> str:
        if mode == "insert":
            return SEVERAL
        record.update(known)
        return ""


def _csv(lines: Sequence[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(lines)
    return text.getvalue()
