"""Values of items: as they come in JSON, as they are kept, and as they are printed.

Days are `yyyy/mm/dd`, times `yyyy/mm/dd hh:MM[:ss]` in the zone of the request's header; a day or month of one digit
gets its zero, a missing one is 01. A choice is its name, a link the id of a record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from typing import Any

from connector.sandbox.esales.esm.refusals import busy
from connector.sandbox.esales.esm.settings import EsmSettings
from connector.sandbox.esales.refusal import bad
from connector.sandbox.esales.sheets import Column

LENGTHS = {"STRING": 64, "MEMO": 2000, "EMAIL": 256, "TELNO": 64}
OBJECTS = {
    "ADDRESS": {"zipcode", "country", "street", "building"},
    "URL": {"url", "displayText"},
    "FILE": {"fileid", "filename"},
}
_INTEGERS, _FRACTIONS = 18, 17
_DAY = re.compile(r"((?:19|2\d)\d\d)(?:/(\d{1,2}))?(?:/(\d{1,2}))?", re.ASCII)
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def parse(column: Column, value: Any, zone: tzinfo) -> Any:
    """The value of an item from its JSON; a wrong type of JSON is what the gateway can't read."""
    if value is None or value in ("", []):
        return None
    if column.many:
        if not isinstance(value, list):
            raise busy()
        return tuple(_one(column, each, zone) for each in value)
    return _one(column, value, zone)


def _one(column: Column, value: Any, zone: tzinfo) -> Any:
    match column.type:
        case "NUMBER":
            right = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
        case "SB_RELATION":
            right = isinstance(value, int) and not isinstance(value, bool)
        case "BOOLEAN":
            right = isinstance(value, bool)
        case "ADDRESS" | "URL" | "FILE":
            right = isinstance(value, dict)
        case _:
            right = isinstance(value, str)
    if not right:
        raise busy()
    match column.type:
        case "DATE":
            return _day(value, column)
        case "DATETIME":
            day, _, clock = value.partition(" ")
            return datetime.combine(_day(day, column), _clock(clock, column), zone).astimezone(UTC)
        case "TIME":
            return _clock(value, column)
    return value


def _day(text: str, column: Column) -> date:
    found = _DAY.fullmatch(text)
    try:
        if found:
            return date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
    except ValueError:
        pass
    raise bad(f"日付の形式が不正です: {column.name}")


def _clock(text: str, column: Column) -> time:
    found = _TIME.fullmatch(text)
    try:
        if found:
            return time(int(found[1]), int(found[2]), int(found[3] or 0))
    except ValueError:
        pass
    raise bad(f"時刻の形式が不正です: {column.name}")


def fitting(column: Column, value: Any, settings: EsmSettings) -> Any:
    """The value as it is kept; refuses what is too long, not among the choices, or not of the item's kind."""
    if not column.many:
        return _fitting(column, value, settings)
    held = value if isinstance(value, (list, tuple)) else [value]
    return tuple(_fitting(column, each, settings) for each in held)


def _fitting(column: Column, value: Any, settings: EsmSettings) -> Any:
    match column.type:
        case "NUMBER":
            return _number(column, value)
        case "SELECT":
            if value not in column.choices.values():
                raise bad(f"選択肢が存在しません: {column.name}")
            return value
        case "ADDRESS" | "URL" | "FILE":
            return _parts(column, value)
        case "DATETIME":
            if not isinstance(value, datetime) or value.tzinfo is None:
                raise bad(f"日時の形式が不正です: {column.name}")
            return value.astimezone(UTC).replace(microsecond=0)
        case "DATE":
            if not isinstance(value, date) or isinstance(value, datetime):
                raise bad(f"日付の形式が不正です: {column.name}")
        case "STRING" | "MEMO" | "EMAIL" | "TELNO":
            return _text(column, str(value), settings)
    return value


def _number(column: Column, value: Any) -> Decimal:
    found = Decimal(str(value))
    sign, digits, exponent = found.as_tuple()
    del sign  # a minus is no digit
    fractions = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    if not found.is_finite() or fractions > _FRACTIONS or len(digits) - fractions > _INTEGERS:
        raise bad(f"桁数が多すぎます: {column.name}")
    if abs(found) >= Decimal(10) ** _INTEGERS:
        raise bad(f"桁数が多すぎます: {column.name}")
    return found


def _parts(column: Column, value: Mapping[str, Any]) -> dict[str, Any]:
    known = OBJECTS[column.type]
    if value.keys() - known or not all(each is None or isinstance(each, str) for each in value.values()):
        raise bad(f"形式が不正です: {column.name}")
    return {part: value.get(part) for part in sorted(known)}


def _text(column: Column, text: str, settings: EsmSettings) -> str:
    length = len(text) if settings.length_unit == "characters" else len(text.encode("utf-16-le")) // 2
    if length > (column.length or LENGTHS[column.type]):
        raise bad(f"文字数が多すぎます: {column.name}")
    if column.type == "EMAIL" and not _EMAIL.fullmatch(text):
        raise bad(f"メールアドレスの形式が不正です: {column.name}")
    return text


def printed(column: Column, value: Any, zone: tzinfo, settings: EsmSettings) -> Any:
    """The value as an answer has it."""
    if column.many:
        return [_printed(column, each, zone, settings) for each in value or ()]
    if value is None:
        return "" if settings.empty == "blank" else None
    found = _printed(column, value, zone, settings)
    return [found] if column.type == "SELECT" and settings.select_as == "list" else found


def _printed(column: Column, value: Any, zone: tzinfo, settings: EsmSettings) -> Any:
    match value:
        case datetime():
            return value.astimezone(zone).strftime("%Y/%m/%d %H:%M:%S")
        case date():
            return value.strftime("%Y/%m/%d")
        case time():
            return value.strftime("%H:%M:%S")
    if column.type == "NUMBER":
        exact = Decimal(value)
        if settings.number_as == "string":
            return format(exact, "f")
        return int(exact) if exact == exact.to_integral_value() else float(exact)
    return value
