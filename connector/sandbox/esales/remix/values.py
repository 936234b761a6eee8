"""Values of columns: as they come in JSON, as they are kept, and as they are printed.

Dates are `yyyy-MM-dd`, times `yyyy-MM-ddThh:mm:ss[±HH:MM]`; a time without an offset is UTC.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from connector.sandbox.esales.refusal import bad
from connector.sandbox.esales.remix.settings import RemixSettings
from connector.sandbox.esales.sheets import Column

VALUE_KEY = {
    "text": "text",
    "num": "num",
    "select": "num",
    "decimal": "decimal",
    "date": "date",
    "datetime": "date",
    "checkbox": "checkBox",
}
VALUE_KEYS = set(VALUE_KEY.values())
_MOMENT = re.compile(r"(?:19|2\d)\d\d-\d\d-\d\d(T\d\d:\d\d:\d\d([+-]\d\d:\d\d)?)?", re.ASCII)
_JST = timezone(timedelta(hours=9))
_MAX_NUM = 2**63


def moment(text: Any, name: str) -> datetime:
    """A date or time as sent; a date alone is its first second in UTC."""
    if not isinstance(text, str) or not _MOMENT.fullmatch(text):
        raise bad(f"日付の形式が不正です: {name}")
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad(f"日付の形式が不正です: {name}") from None


def number(value: Any, name: str) -> int:
    """An integer as sent."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= _MAX_NUM:
        raise bad(f"数値を指定してください: {name}")
    return value


def decimal(value: Any, name: str) -> Decimal:
    """A decimal as sent: a JSON number."""
    if not isinstance(value, (int, float, Decimal)) or isinstance(value, bool):
        raise bad(f"数値を指定してください: {name}")
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise bad(f"数値を指定してください: {name}") from None
    if not found.is_finite():
        raise bad(f"数値を指定してください: {name}")
    return found


def ticks(value: Any, column: Column) -> tuple[bool, ...]:
    """The boxes of a checkbox as sent, one boolean each."""
    if not isinstance(value, (list, tuple)) or len(value) != len(column.choices):
        raise bad(f"チェックボックスの数が不正です: {column.name}")
    if not all(isinstance(each, bool) for each in value):
        raise bad(f"チェックボックスの値が不正です: {column.name}")
    return tuple(value)


def parse(column: Column, value: Any) -> Any:
    """The value of a column from its JSON, for writing and for searching."""
    match column.type:
        case "text":
            if not isinstance(value, str):
                raise bad(f"文字列を指定してください: {column.name}")
            return value
        case "num" | "select":
            return number(value, column.name)
        case "decimal":
            return decimal(value, column.name)
        case "date" | "datetime":
            return moment(value, column.name)
        case _:
            return ticks(value, column)


def fitting(column: Column, value: Any) -> Any:
    """The value as it is kept: a choice by its code, a day as a date, a time in UTC and whole seconds."""
    match column.type:
        case "text":
            if column.length is not None and len(str(value)) > column.length:
                raise bad(f"文字数が多すぎます: {column.name}")
            return str(value)
        case "select":
            return _choice(column, value)
        case "num":
            return number(value, column.name)
        case "decimal":
            return decimal(value, column.name)
        case "datetime":
            return _instant(value, column.name).replace(microsecond=0)
        case "date":
            return _day(value, column.name)
        case _:
            return ticks(value, column)


def _day(value: Any, name: str) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    return _instant(value, name).date()


def _instant(value: Any, name: str) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise bad(f"日付の形式が不正です: {name}")
    return value.astimezone(UTC)


def _choice(column: Column, value: Any) -> int:
    code = next((number for number, name in column.choices.items() if value in (number, name)), None)
    if code is None or isinstance(value, bool):
        raise bad(f"選択肢が存在しません: {column.name}")
    return code


def printed(column: Column, value: Any, settings: RemixSettings) -> Any:
    """The value as an answer has it."""
    match value:
        case None:
            return None
        case datetime():
            return _time(value, settings)
        case date():
            return value.isoformat()
        case tuple():
            return list(value)
    if column.type == "select" and settings.select_as == "name":
        return column.choices.get(value)
    if column.type != "text" and settings.number_as == "string":
        return str(value)
    return float(value) if isinstance(value, Decimal) else value


def _time(value: datetime, settings: RemixSettings) -> str:
    if settings.printed_offset:
        return value.astimezone(_JST).isoformat(timespec="seconds")
    return value.replace(tzinfo=None).isoformat(timespec="seconds")


def given(item: Mapping[str, Any], column: Column) -> Any:
    """The one value of an item, whose member must be the one of the column's type; null and "" are None."""
    keys = item.keys() & VALUE_KEYS
    if keys != {VALUE_KEY[column.type]}:
        raise bad(f"{column.name} には {VALUE_KEY[column.type]} を指定してください。")
    value = item[keys.pop()]
    return None if value is None or value == "" else parse(column, value)
