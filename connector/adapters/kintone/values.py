"""Values in our form and in kintone's, by type of field.

Source: "Field Types" of the kintone REST API: numbers travel as text, moments in UTC, people as lists of codes.
kintone keeps moments to the minute.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any

from connector.adapters.kintone.form import CHOICES, ENTITIES, MOMENTS, SOME_OF, TEXTS, FormField
from connector.adapters.kintone.options import Summary
from connector.model import Value

Json = Any


class Unfit(Exception):
    """A value that cannot be sent, or a field that takes none; `code` says why, by a word of `refusals`."""

    def __init__(self, code: str, name: str = "") -> None:
        super().__init__(code)
        self.code, self.name = code, name


# --- reading ----------------------------------------------------------------------------------------------------------


def read(field: FormField, cell: Any, summary: Summary | None = None) -> Value:
    """What a field holds, in our form.

    :raises ValueError, TypeError, KeyError: when it is not what the type promises
    """
    if field.type == "SUBTABLE":
        if summary is None or summary.table != field.code:
            raise TypeError(field.type)
        return "\n".join(str(row["value"][summary.line]["value"] or "") for row in cell) or None
    if cell is None or cell in ("", []):
        return None
    if field.type in MOMENTS:
        return moment(cell)
    if field.type == "DATE":
        return date.fromisoformat(cell)
    if field.type == "NUMBER":
        return number(cell)
    if field.type == "CALC":
        return _number_or_text(cell)
    return said(cell)


def said(cell: Any) -> str | None:
    """What a field holds as text, in kintone's spelling; several things are joined by `;`."""
    if cell is None or cell in ("", []):
        return None
    if isinstance(cell, str):
        return cell
    if isinstance(cell, list):
        return ";".join(each if isinstance(each, str) else str(each["code"] or "") for each in cell) or None
    return str(cell["code"] or "") or None


def moment(cell: str) -> datetime:
    """`2026-04-23T14:11:00Z` as an aware UTC time.

    :raises ValueError: when it is none
    """
    found = datetime.fromisoformat(cell)
    if found.tzinfo is None:
        raise ValueError(cell)
    return found.astimezone(UTC)


def number(cell: str) -> int | float:
    """A number that came as text.

    :raises ValueError: when it is none
    """
    found = float(cell)
    if not math.isfinite(found):
        raise ValueError(cell)
    return int(cell) if cell.lstrip("-").isdecimal() else found


def _number_or_text(cell: str) -> Value:
    # A calculation may also give a time, a date or a text.
    try:
        return number(cell)
    except ValueError:
        return cell


# --- writing ----------------------------------------------------------------------------------------------------------


def write(field: FormField, value: Value, zone: tzinfo, summary: Summary | None = None) -> Json:
    """One of our values, as JSON for this field.

    :raises Unfit: when there is no sure way to say it in this field
    """
    if field.type == "SUBTABLE":
        if summary is None or summary.table != field.code:
            raise Unfit("WRONG_TYPE", field.code)
        if not takes_lines(field, summary):  # kintone would make empty rows, in silence
            raise Unfit("NO_SUCH_LINE", summary.line)
        lines = [] if value is None else str(value).split("\n")
        return [{"value": {summary.line: {"value": line}}} for line in lines]
    if isinstance(value, float) and not math.isfinite(value):
        raise Unfit("WRONG_TYPE", field.code)
    if field.type in CHOICES:
        return _choice(field, value)
    if field.type in ENTITIES:
        return [] if value is None else [{"code": code} for code in str(value).split(";") if code]
    convert = _WRITE.get(field.type)
    if convert is None or field.computed:
        raise Unfit("READ_ONLY", field.code)
    if value is None or value == "":
        return ""
    try:
        return convert(value, zone)
    except (ValueError, TypeError):
        raise Unfit("WRONG_TYPE", field.code) from None


def takes_lines(table: FormField, summary: Summary) -> bool:
    """Whether a table has the text that takes one line of `touchpoints.recent`."""
    line = table.inner.get(summary.line)
    return line is not None and line.type in TEXTS and not line.computed


def _choice(field: FormField, value: Value) -> Json:
    """Options are checked here: kintone would refuse the whole request for one."""
    words = [] if value is None else [each for each in text_of(value).split(";") if each]
    if field.type not in SOME_OF:
        words = [] if value in (None, "") else [text_of(value)]
    if any(word not in field.options for word in words):
        raise Unfit("NO_SUCH_OPTION", field.code)
    if field.type in SOME_OF:
        return words
    if not words and field.type == "RADIO_BUTTON":
        raise Unfit("NEVER_EMPTY", field.code)
    return words[0] if words else ""


def text_of(value: Value) -> str:
    """A value as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def stamp(value: datetime) -> str:
    """A moment as kintone keeps it: whole minutes in UTC."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:00Z")


def noon(day: date, zone: tzinfo) -> datetime:
    """A moment that falls on `day` where our users are; for dates that come without a time."""
    return datetime.combine(day, time(12), zone).astimezone(UTC)


def _line(value: Value, _: tzinfo) -> Json:
    # A line break in a single line has no known meaning.
    said = text_of(value)
    if "\n" in said or "\r" in said:
        raise ValueError
    return said


def _number(value: Value, _: tzinfo) -> Json:
    if isinstance(value, bool | date):
        raise TypeError
    return text_of(value) if isinstance(value, int | float) else str(number(str(value).strip()))


def _day(value: Value, zone: tzinfo) -> Json:
    if isinstance(value, datetime):
        return value.astimezone(zone).date().isoformat()
    return value.isoformat() if isinstance(value, date) else date.fromisoformat(str(value)).isoformat()


def _moment(value: Value, zone: tzinfo) -> Json:
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, date):
        return stamp(datetime.combine(value, time(), zone))
    return stamp(moment(str(value)))


def _time(value: Value, _: tzinfo) -> Json:
    return time.fromisoformat(str(value)).strftime("%H:%M")


_WRITE: Mapping[str, Callable[[Value, tzinfo], Json]] = {
    "SINGLE_LINE_TEXT": _line,
    "LINK": _line,
    "MULTI_LINE_TEXT": lambda value, _: text_of(value),
    "NUMBER": _number,
    "DATE": _day,
    "TIME": _time,
    "DATETIME": _moment,
}
