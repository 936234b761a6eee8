"""Finding out what no public page tells of an esm. Writes to the test record only, and puts back what was there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from connector.adapters.esales.esm.client import Client
from connector.adapters.esales.esm.find import Finder, Record
from connector.adapters.esales.esm.items import LENGTHS, moment
from connector.adapters.esales.esm.read import Reader
from connector.adapters.esales.esm.write import sent_back
from connector.adapters.esales.options import MARK, TOLERANCE, Config, ProbeRecord
from connector.adapters.esales.speech import left_behind, not_put_back, proves_nothing
from connector.adapters.esales.words import WrongValue
from connector.errors import AdapterError, Refused, Unauthorized, Unavailable, Uncertain, text
from connector.ports import Finding, Needs, Probed


class Prober:
    """Probes one tenant."""

    def __init__(self, client: Client, finder: Finder, reader: Reader, config: Config, needs: Needs) -> None:
        self._client = client
        self._finder = finder
        self._reader = reader
        self._config = config
        self._needs = needs

    def probe(self) -> Probed:
        """See `Adapter.probe`."""
        known: dict[str, str] = {}
        findings = [*self._writing(known), *self._finding(known)]
        return Probed(known, findings)

    def _finding(self, known: dict[str, str]) -> Iterator[Finding]:
        for sheet in sorted(self._config.find):
            if self._finder.way(sheet) is None:
                continue
            try:
                found, total = self._finder.some(sheet)
                record = self._reader.record(sheet, max(found)) if found else None
            except AdapterError as error:
                yield Finding("error", error.what, sheet, fix=error.fix)
            else:
                keys = f", {len(record)} keys" if record is not None else ""
                known[f"find.{sheet}"] = f"{total} records{keys}"

    # --- by writing ---------------------------------------------------------------------------------------------------

    def _writing(self, known: dict[str, str]) -> Iterator[Finding]:
        options = self._config.test_record
        if options is None:
            yield Finding(
                "warning",
                text("there is no test_record: updates stay off", "test_record が無いため、更新は停止したままです"),
                fix=text("make a record for tests and name it", "テスト用のレコードを作成して指定してください"),
            )
            return
        before, key = self._reader.record(options.sheet, options.id), self._field(options)
        if before is None or key is None:
            yield Finding(
                "error",
                text("there is no such record, or no text field of it", "テスト用レコードまたは文字列項目がありません"),
                options.sheet,
                options.field or "",
                text("name sheet, id and field of test_record", "test_record の sheet・id・field を確認してください"),
            )
            return
        known["keys"] = str(len(before))
        others = self._others(before, key)
        if not any(self._reader.item(each).is_optional for each in others):
            such = text(
                "fill an item of your own (its key ends in type_...), or tell under fields which filled one is a MEMO",
                "拡張項目（type_ で始まるキー）に値を入れるか、値のある項目が MEMO なら fields に指定してください",
            )
            yield proves_nothing(options.sheet, such)
            return
        try:
            try:
                yield from self._tried(options, key, others, known)
            finally:
                self._restore(options, key, before)
        except (Refused, Unauthorized) as error:
            yield Finding("error", error.what, options.sheet, key, error.fix)
            return
        after = self._reader.record(options.sheet, options.id) or {}
        lost = sorted(each for each in {**others, key: before.get(key)} if _differs(after.get(each), before.get(each)))
        if lost:
            yield not_put_back(options.sheet, lost)

    def _tried(
        self, options: ProbeRecord, key: str, others: Mapping[str, Any], known: dict[str, str]
    ) -> Iterator[Finding]:
        path = f"sheet/{options.sheet}/{options.id}"
        self._client.put(path, {key: MARK})
        after = self._reader.record(options.sheet, options.id) or {}
        off = self._zone_off(options.sheet, after)
        wiped = sorted(each for each in others if _differs(after.get(each), others[each]))
        if after.get(key) != MARK:
            what = text("what was written is not there", "書き込んだ値を確認できません")
            yield Finding("error", what, options.sheet, key)
        elif off is None or abs(off) > TOLERANCE:
            yield Finding(
                "error",
                text("the time zone is off: updates stay off", "タイムゾーンがずれているため、更新は停止したままです"),
                options.sheet,
                fix=text("set timezone_header: the system's way to write it", "timezone_header を確認してください"),
            )
        else:
            known["zone"] = "ok"
            known["put"] = "full" if wiped else "partial"
            yield _verdict(options.sheet, wiped)
        self._client.put(path, {key: None})
        emptied = self._reader.record(options.sheet, options.id) or {}
        known["clear"] = "yes" if emptied.get(key) in (None, "") else "no"
        known["error_key"] = self._client.refuses(
            "PUT", path, json={f"{self._finder.prefix(options.sheet)}.no_such_key": MARK}
        )
        known["error_length"] = self._client.refuses("PUT", path, json={key: "x" * (LENGTHS["MEMO"] + 1)})

    def _zone_off(self, sheet: str, record: Record) -> timedelta | None:
        """How far the stamp of a record that was just written lies from the server's clock; None: one is not told."""
        now, stamps = self._client.http.server_time, self._config.stamps.get(sheet)
        key = stamps.changed if stamps is not None else f"{self._finder.prefix(sheet)}.system_upd_date"
        try:
            at = moment(record.get(key), self._client.zone)
        except WrongValue:
            return None
        return None if at is None or now is None else at - now

    def _restore(self, options: ProbeRecord, key: str, before: Record) -> None:
        """Put back the field, or the whole record where writes have emptied more; once more for a lost answer."""
        path = f"sheet/{options.sheet}/{options.id}"
        try:
            now = self._reader.record(options.sheet, options.id) or {}
            items = (self._reader.item(each) for each in before)
            whole = {item.key: sent_back(item, before[item.key]) for item in items if not item.read_only}
            wiped = any(_differs(now.get(each), before[each]) for each in whole if each != key)
            wanted = whole if wiped else {key: whole.get(key)}
            try:
                self._client.put(path, wanted)
            except Uncertain:
                self._client.put(path, wanted)
        except (Unavailable, Uncertain) as error:
            raise left_behind(self._client.name, options.sheet, error) from None

    def _field(self, options: ProbeRecord) -> str | None:
        keys = [options.field] if options.field else sorted(self._needs.of(options.sheet).write)
        return next((key for key in keys if self._reader.item(key).type in LENGTHS), None)

    def _others(self, record: Record, key: str) -> dict[str, Any]:
        """What the record holds in fields that a write could wipe out."""
        return {
            each: value
            for each, value in record.items()
            if each != key and value not in (None, "", []) and not self._reader.item(each).read_only
        }


def _verdict(sheet: str, wiped: list[str]) -> Finding:
    if not wiped:
        return Finding("info", text("a write leaves other fields alone", "書き込みは他の項目に影響しません"))
    return Finding(
        "warning",
        text("a write empties the fields it does not name: updates stay off, unless merge: true",
             "書き込みで他の項目が空になります。merge: true にしない限り更新は停止したままです"),
        sheet,
    )  # fmt: skip


def _differs(one: Any, other: Any) -> bool:
    return (one or None) != (other or None)
