"""Date literals such as TODAY or LAST_N_DAYS:30: the days they stand for, as the SOQL reference defines them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

_N = re.compile(r"(?:(LAST|NEXT)_N_(DAY|WEEK|MONTH|QUARTER|YEAR)S|N_(DAY|WEEK|MONTH|QUARTER|YEAR)S_AGO):(\d{1,4})")
_NAMED = re.compile(r"(THIS|LAST|NEXT)_(WEEK|MONTH|QUARTER|YEAR)")
_DAYS = {"YESTERDAY": -1, "TODAY": 0, "TOMORROW": 1}
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}


def _start(unit: str, day: date) -> date:
    if unit == "DAY":
        return day
    if unit == "WEEK":
        # A week begins on Sunday, as in the locales of the United States and of Japan.
        return day - timedelta(days=(day.weekday() + 1) % 7)
    months = _MONTHS[unit]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def _shift(unit: str, start: date, count: int) -> date:
    if unit in ("DAY", "WEEK"):
        return start + timedelta(days=count * (7 if unit == "WEEK" else 1))
    months = start.year * 12 + start.month - 1 + count * _MONTHS[unit]
    return date(months // 12, months % 12 + 1, 1)


def days(text: str, today: date) -> tuple[date, date] | None:
    """The first day of the literal and the first day after it, or None when it is no date literal."""
    word = text.upper()
    if word in _DAYS:
        start = today + timedelta(days=_DAYS[word])
        return start, start + timedelta(days=1)
    if found := _NAMED.fullmatch(word):
        start = _shift(found[2], _start(found[2], today), {"LAST": -1, "THIS": 0, "NEXT": 1}[found[1]])
        return start, _shift(found[2], start, 1)
    word = re.sub(r"^(LAST|NEXT)_90_DAYS$", r"\1_N_DAYS:90", word)
    if found := _N.fullmatch(word):
        return _counted(found[1] or "AGO", found[2] or found[3], int(found[4]), today)
    return None


def _counted(direction: str, unit: str, count: int, today: date) -> tuple[date, date]:
    this = _start(unit, today)
    shift: Callable[[int], date] = lambda by: _shift(unit, this, by)  # noqa: E731  three uses in two lines
    if direction == "AGO":
        return shift(-count), shift(1 - count)
    if direction == "NEXT":
        return shift(1), shift(1 + count)
    # The days up to now include today; the weeks, months, quarters and years end with the last complete one.
    return shift(-count), shift(1 if unit == "DAY" else 0)
