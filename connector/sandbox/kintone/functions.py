"""The functions of a query that stand for a moment or a span of days; days are those of the user's time zone."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from connector.sandbox.kintone import times
from connector.sandbox.kintone.errors import Refusal, Say
from connector.sandbox.kintone.query import Call

_DAY = timedelta(days=1)
_WEEK = ("SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY")
_STEP = {"LAST": -1, "THIS": 0, "NEXT": 1}
_BAD: Say = ("クエリの関数の引数が正しくありません。", "The argument of a function in the query is invalid.")

Days = tuple[date, date]
"""The first and the last day."""


@dataclass(frozen=True, slots=True)
class Span:
    """What a literal or a function stands for: from the first to the last text that lies within, in order of time."""

    first: str
    last: str


def span(call: Call, now: datetime, zone: tzinfo, kind: str) -> Span | None:
    """What the function stands for in a field of type `kind`; None when there is no such function there.

    Raises:
        Refusal: an argument is wrong.
    """
    dated = kind == "DATE"
    if call.name == "NOW" and not call.args:
        moment = times.stamp(now)
        return None if dated else Span(moment, moment)
    days = _days(call, now.astimezone(zone).date())
    if days is None:
        return None
    if dated:
        return Span(days[0].isoformat(), days[1].isoformat())
    start = datetime.combine(days[0], datetime.min.time(), zone)
    end = datetime.combine(days[1] + _DAY, datetime.min.time(), zone) - timedelta(minutes=1)
    return Span(times.stamp(start.astimezone(UTC)), times.stamp(end.astimezone(UTC)))


def _days(call: Call, today: date) -> Days | None:
    name, args = call.name, call.args
    near = {"YESTERDAY": -1, "TODAY": 0, "TOMORROW": 1}
    if name in near and not args:
        day = today + near[name] * _DAY
        return day, day
    if name == "FROM_TODAY":
        return _from_today(args, today)
    which, _, unit = name.partition("_")
    if which not in _STEP or len(args) > 1:
        return None
    step = _STEP[which]
    if unit == "WEEK":
        return _week(args, today, step)
    if unit == "MONTH":
        return _month(args, today, step)
    if unit == "YEAR" and not args:
        return date(today.year + step, 1, 1), date(today.year + step, 12, 31)
    return None


def _from_today(args: tuple[str, ...], today: date) -> Days:
    number = args[0] if args else ""
    if len(args) != 2 or not number.removeprefix("-").isdecimal() or len(number) > 5:
        raise Refusal(400, "GAIA_IL08", _BAD)
    count, unit = int(number), args[1]
    if unit in ("DAYS", "WEEKS"):
        day = today + _DAY * count * (7 if unit == "WEEKS" else 1)
    elif unit in ("MONTHS", "YEARS"):
        day = _months(today, count * (12 if unit == "YEARS" else 1))
    else:
        raise Refusal(400, "GAIA_IL08", _BAD)
    return day, day


def _months(day: date, count: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _week(args: tuple[str, ...], today: date, step: int) -> Days:
    sunday = today - _DAY * ((today.weekday() + 1) % 7) + _DAY * 7 * step
    if not args:
        return sunday, sunday + _DAY * 6
    if args[0] not in _WEEK:
        raise Refusal(400, "GAIA_IQ23", _BAD)
    day = sunday + _DAY * _WEEK.index(args[0])
    return day, day


def _month(args: tuple[str, ...], today: date, step: int) -> Days:
    first = _months(today.replace(day=1), step)
    days = monthrange(first.year, first.month)[1]
    if not args:
        return first, first.replace(day=days)
    if args[0] == "LAST":
        return first.replace(day=days), first.replace(day=days)
    if not args[0].isdecimal() or not 1 <= int(args[0]) <= 31:
        raise Refusal(400, "GAIA_IQ25", _BAD)
    # A day that the month does not have is its last one, which is a guess.
    day = first.replace(day=min(int(args[0]), days))
    return day, day
