"""`entities/search`: conditions as they are sent, and whether a record fulfils them.

A condition's items are joined by AND; there is no OR, and no `>`. Dates are compared in whole seconds, and read as UTC
unless they carry an offset.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from datetime import time as midnight
from typing import Any

from connector.sandbox.esales.refusal import bad
from connector.sandbox.esales.remix import values
from connector.sandbox.esales.sheets import Column, Key, Row, Sheet

Test = Callable[[Row], bool]

_TEXT: dict[str, Callable[[str, str], bool]] = {
    "=": operator.eq,
    "forward": str.startswith,
    "backward": str.endswith,
    "partly": lambda held, wanted: wanted in held,
}
_ORDER: dict[str, dict[str, Callable[[Any, Any], bool]]] = {
    "date": {"=": operator.eq, "<": operator.lt, ">=": operator.ge},
    "num": {"=": operator.eq, "<=": operator.le, ">=": operator.ge},
    "decimal": {"=": operator.eq, "<=": operator.le, ">=": operator.ge},
    "checkBox": {"=": lambda held, wanted: any(a and b for a, b in zip(held, wanted, strict=False))},
}
_CONDITION = {"targetObjectName", "items", "notExists", "relatedObjectConditions"}
_QUERY = {"searchCondition", "columnCodes", "fromIndex", "sortKeys"}


@dataclass(frozen=True, slots=True)
class Condition:
    """What records of one entity must fulfil, and what must be true of records linked to them."""

    sheet: Sheet
    tests: tuple[Test, ...]
    related: tuple[Condition, ...]
    absent: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A search: its condition, the columns to answer, and from which row on."""

    condition: Condition
    columns: tuple[Column, ...]
    from_index: int | None


def query(sheets: Mapping[str, Sheet], body: Mapping[str, Any]) -> Query:
    """Read the body of a search, or refuse it."""
    if unknown := body.keys() - _QUERY:
        raise bad(f"不明なパラメータです: {', '.join(sorted(unknown))}")
    wanted = condition(sheets, body.get("searchCondition"))
    codes = body.get("columnCodes")
    if not isinstance(codes, list) or not codes:
        raise bad("columnCodes を指定してください。")
    if body.get("sortKeys") is not None:
        raise bad("sortKeys の形式が不正です。")
    start = body.get("fromIndex")
    if start is not None and values.number(start, "fromIndex") < 0:
        raise bad("fromIndex が不正です。")
    return Query(wanted, tuple(column(wanted.sheet, code) for code in codes), start)


def column(sheet: Sheet, code: Any) -> Column:
    """The column of a code, or refuse it."""
    found = sheet.columns.get(code) if isinstance(code, int) and not isinstance(code, bool) else None
    if found is None:
        raise bad(f"不明な項目です: {code}")
    return found


def condition(sheets: Mapping[str, Sheet], raw: Any) -> Condition:
    """Read a condition and those inside it."""
    if not isinstance(raw, dict) or (raw.keys() - _CONDITION):
        raise bad("searchCondition が不正です。")
    name = raw.get("targetObjectName")
    sheet = sheets.get(name) if isinstance(name, str) else None
    if sheet is None:
        raise bad("targetObjectName が不正です。")
    items, related = raw.get("items") or [], raw.get("relatedObjectConditions") or []
    if not isinstance(items, list) or not isinstance(related, list):
        raise bad("searchCondition が不正です。")
    if not isinstance(raw.get("notExists") or False, bool):
        raise bad("notExists が不正です。")
    inner = tuple(condition(sheets, each) for each in related)
    return Condition(sheet, tuple(_test(sheet, item) for item in items), inner, absent=bool(raw.get("notExists")))


def _test(sheet: Sheet, item: Any) -> Test:
    if not isinstance(item, dict) or "columnCode" not in item:
        raise bad("columnCode を指定してください。")
    if unknown := item.keys() - {"columnCode", "operator", "null", "notNull", *values.VALUE_KEYS}:
        raise bad(f"不明なパラメータです: {', '.join(sorted(unknown))}")
    found, sign = column(sheet, item["columnCode"]), item.get("operator")
    emptiness = item.keys() & {"null", "notNull"}
    if emptiness:
        if len(item) != 3 or sign != "=" or item[next(iter(emptiness))] is not True:
            raise bad(f"検索条件が不正です: {found.name}")
        return _is_empty(found.key, wanted="null" in emptiness)
    wanted = values.given(item, found)
    compare = _TEXT if found.type == "text" else _ORDER[values.VALUE_KEY[found.type]]
    if wanted is None or not isinstance(sign, str) or sign not in compare:
        raise bad(f"使用できない演算子です: {found.name} {sign}")
    return _compares(found.key, compare[sign], wanted)


def _is_empty(key: Key, *, wanted: bool) -> Test:
    return lambda row: (row.get(key) is None) is wanted


def _compares(key: Key, compare: Callable[[Any, Any], bool], wanted: Any) -> Test:
    return lambda row: row.get(key) is not None and compare(_comparable(row[key]), wanted)


def _comparable(held: Any) -> Any:
    if isinstance(held, date) and not isinstance(held, datetime):
        return datetime.combine(held, midnight.min, UTC)
    return held


def matching(wanted: Condition, read: Callable[[Sheet], Mapping[int, Row]]) -> dict[int, Row]:
    """The records that fulfil a condition, by id; `read` gives those of a sheet."""
    found = {record_id: row for record_id, row in read(wanted.sheet).items() if all(test(row) for test in wanted.tests)}
    for inner in wanted.related:
        present = _linked(wanted.sheet, inner, matching(inner, read), found)
        found = {record_id: row for record_id, row in found.items() if (record_id in present) is not inner.absent}
    return found


def _linked(sheet: Sheet, inner: Condition, there: Mapping[int, Row], here: Mapping[int, Row]) -> set[int]:
    """Which records of ours are linked, in either direction, to one of theirs."""
    down = {row.get(link.key) for row in there.values() for link in inner.sheet.links_to(sheet.name)}
    up = {
        record_id
        for record_id, row in here.items()
        if any(row.get(link.key) in there for link in sheet.links_to(inner.sheet.name))
    }
    return {record_id for record_id in here if record_id in down} | up
