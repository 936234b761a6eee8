"""Finding out what no public page tells of a Remix. Writes to the test record only, and puts back what was there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connector.adapters.esales.options import MARK, TOLERANCE, Config, ProbeRecord
from connector.adapters.esales.remix.client import Client
from connector.adapters.esales.remix.read import STAMPS
from connector.adapters.esales.remix.rows import Row
from connector.adapters.esales.remix.search import Searcher, moment_in, number_is
from connector.adapters.esales.remix.sheets import PERSON, Column, Sheet, Sheets
from connector.adapters.esales.remix.values import item, moment, read
from connector.adapters.esales.speech import left_behind, not_put_back, proves_nothing
from connector.adapters.esales.words import EMPTY, WrongValue
from connector.errors import Refused, Unauthorized, Unavailable, Uncertain, text
from connector.ports import Finding, Needs, Probed


class Prober:
    """Probes one tenant."""

    def __init__(self, client: Client, sheets: Sheets, searcher: Searcher, config: Config, needs: Needs) -> None:
        self._client = client
        self._sheets = sheets
        self._searcher = searcher
        self._config = config
        self._needs = needs

    def probe(self) -> Probed:
        """See `Adapter.probe`."""
        known: dict[str, str] = {}
        findings: list[Finding] = []
        self._sheets.forget()
        known["entities"] = str(len(self._sheets.names()))
        sheet = self._sheets.demand(PERSON)
        known |= self._paging(sheet)
        if self._searcher.shape is not None:
            known["row_shape"] = str(self._searcher.shape)
        known |= self._refusals()
        findings += self._writing(known)
        return Probed(known, findings)

    # --- by reading ---------------------------------------------------------------------------------------------------

    def _paging(self, sheet: Sheet) -> dict[str, str]:
        assert sheet.key is not None  # noqa: S101  the one of 名刺 is known
        stamp = int(STAMPS[PERSON].changed)
        codes = [sheet.key, *([stamp] if stamp in sheet.columns else [])]
        first, second, sixth = (
            list(self._searcher.by_key(sheet.name, sheet.key, [], codes, start).rows) for start in (0, 1, 5)
        )
        hits = self._searcher.by_key(sheet.name, sheet.key, [], codes).hits
        known = {"page_size": str(len(first)) if hits > len(first) else f"at least {len(first)}"}
        if len(first) > 1:
            known["from_index"] = _from_index(first, second, sixth)
        return known

    def _refusals(self) -> dict[str, str]:
        """How the tenant says no: for whoever supports the adapter. None of these calls can change anything."""
        wrong = {"targetObjectName": PERSON, "items": []}
        return {
            "error_token": self._client.refuses(
                "GET", "entities/names", auth=lambda request: request, headers={"X-Auth-API-Token": "-"}
            ),
            "error_column": self._client.refuses(
                "POST", "entities/search", json={"searchCondition": wrong, "columnCodes": [999_999_999]}
            ),
            "error_json": self._client.refuses(
                "POST", "entities/search", data="{", headers={"Content-Type": "application/json"}
            ),
        }

    # --- by writing ---------------------------------------------------------------------------------------------------

    def _writing(self, known: dict[str, str]) -> Iterator[Finding]:
        record = self._config.test_record
        if record is None:
            yield Finding(
                "warning",
                text("there is no test_record: updates stay off", "test_record が無いため、更新は停止したままです"),
                fix=text("make a record for tests and name it", "テスト用のレコードを作成して指定してください"),
            )
            return
        sheet = self._sheets.demand(record.sheet)
        column = self._column(sheet, record)
        row = self._read(sheet, record)
        if column is None or row is None:
            yield Finding(
                "error",
                text("there is no such record, or no text field of it", "テスト用レコードまたは文字列項目がありません"),
                record.sheet,
                record.field or "",
                text("name sheet, id and field of test_record", "test_record の sheet・id・field を確認してください"),
            )  # fmt: skip
            return
        others = {code for code, value in row.items() if value not in EMPTY} - {column.code, sheet.key}
        others -= {code for code, each in sheet.columns.items() if each.type == "date"}
        if not sheet.optional(others):
            such = text(
                "fill another text of it that may be empty, as 備考",
                "備考など、必須でない別の文字列項目に値を入れてください",
            )
            yield proves_nothing(record.sheet, such)
            return
        try:
            try:
                yield from self._tried(sheet, record, column, row, others, known)
            finally:
                self._restore(sheet, record, column, row)
        except (Refused, Unauthorized) as error:
            yield Finding("error", error.what, record.sheet, column.name, error.fix)
            return
        after = self._read(sheet, record) or {}
        lost = self._emptied(sheet, row, after) | (
            {column} if _differ(after.get(column.code), row[column.code]) else set()
        )
        if lost:
            yield not_put_back(record.sheet, sorted(each.name for each in lost))

    def _tried(
        self, sheet: Sheet, record: ProbeRecord, column: Column, row: Row, others: set[int], known: dict[str, str]
    ) -> Iterator[Finding]:
        self._put(sheet, record, column, MARK)
        after = self._read(sheet, record)
        if after is None or after[column.code] != MARK:
            what = text("what was written is not there", "書き込んだ値を確認できません")
            yield Finding("error", what, record.sheet, column.name)
        elif any(after[code] != row[code] for code in others):
            known["put"] = "full"
            what = text(
                "a write wipes out the fields it does not name: updates stay off",
                "書き込みで他の項目が消えるため、更新は停止したままです",
            )
            yield Finding("error", what, record.sheet)
        else:
            known["put"] = "partial"
            yield Finding("info", text("a write leaves other fields alone", "書き込みは他の項目に影響しません"))
        known["clock"] = "ok" if after is not None and self._keeps_time(sheet, record, after) else "off"
        if known["clock"] == "off":
            what = text(
                "its stamps do not go with its clock: readings reach back a day",
                "変更日とサーバー時計が合わないため、毎回1日分さかのぼって読み取ります",
            )
            yield Finding("warning", what, record.sheet)
        known["clear"] = "yes" if self._clears(sheet, record, column) else "no"
        if known["clear"] == "no":
            what = text("a field cannot be emptied", "項目を空にできません")
            yield Finding("warning", what, record.sheet, column.name)

    def _keeps_time(self, sheet: Sheet, record: ProbeRecord, row: Row) -> bool:
        """Whether a search by 変更日 finds what was written this moment, and none from a little later on."""
        stamps = self._config.stamps.get(sheet.name) or STAMPS.get(sheet.name)
        column = sheet.column(stamps.changed) if stamps is not None else None
        now = self._client.http.server_time
        if column is None or sheet.key is None or now is None:
            return False
        own = number_is(sheet.key, "=", int(record.id))
        found = [
            self._searcher.by_key(sheet.name, sheet.key, [own, moment_in(column.code, ">=", at)], [sheet.key]).rows
            for at in (now - TOLERANCE, now + TOLERANCE)
        ]
        try:
            stamp = moment(row[column.code])
        except WrongValue:
            return False
        return [bool(each) for each in found] == [True, False] and stamp is not None and abs(stamp - now) < TOLERANCE

    def _clears(self, sheet: Sheet, record: ProbeRecord, column: Column) -> bool:
        try:
            self._put(sheet, record, column, None)
        except Refused:
            return False
        after = self._read(sheet, record)
        return after is not None and after[column.code] in (None, "")

    def _column(self, sheet: Sheet, record: ProbeRecord) -> Column | None:
        names = [record.field] if record.field else sorted(self._needs.of(record.sheet).write)
        columns = (sheet.column(name) for name in names)
        return next((column for column in columns if column is not None and column.type == "text"), None)

    def _read(self, sheet: Sheet, record: ProbeRecord) -> Row | None:
        if sheet.key is None or not record.id.isdigit():
            return None
        codes = sorted(sheet.columns)
        answer = self._searcher.by_key(sheet.name, sheet.key, [number_is(sheet.key, "=", int(record.id))], codes)
        return answer.rows.get(int(record.id))

    def _put(self, sheet: Sheet, record: ProbeRecord, column: Column, value: Any) -> None:
        self._write(sheet, record, [item(column, value, {}, self._needs.timezone)])

    def _write(self, sheet: Sheet, record: ProbeRecord, items: Sequence[Mapping[str, Any]]) -> None:
        self._client.write("PUT", sheet.name, [{"column_code": sheet.key, "num": int(record.id)}, *items])

    def _restore(self, sheet: Sheet, record: ProbeRecord, column: Column, before: Row) -> None:
        """Put back the field, and what the writes have emptied beside it; once more where the answer was lost."""
        try:
            emptied = self._emptied(sheet, before, self._read(sheet, record) or {})
            items = [each for one in {column} | emptied if (each := self._as_read(sheet, one, before)) is not None]
            try:
                self._write(sheet, record, items)
            except Uncertain:
                self._write(sheet, record, items)
        except (Unavailable, Uncertain) as error:
            raise left_behind(self._client.name, sheet.name, error) from None

    def _emptied(self, sheet: Sheet, before: Row, after: Mapping[int, Any]) -> set[Column]:
        lost = {code for code, value in before.items() if value not in EMPTY and after.get(code) in EMPTY}
        return {sheet.columns[code] for code in lost}

    def _as_read(self, sheet: Sheet, column: Column, row: Row) -> Mapping[str, Any] | None:
        """What was read of a field, as it is written; None: that cannot be told."""
        choices = self._sheets.choices(sheet.name, column)
        try:
            return item(column, read(column, row[column.code], choices), choices, self._needs.timezone)
        except WrongValue:
            return None


def _differ(one: Any, other: Any) -> bool:
    return one != other and not (one in EMPTY and other in EMPTY)


def _from_index(first: list[int], second: list[int], sixth: list[int]) -> str:
    """What `fromIndex` does, told by the keys that three answers begin with."""
    if second[:1] == first[1:2]:
        return "counts from 0"
    if second != first:
        return "unclear"
    return "has no effect" if sixth == first else "counts from 1"
