"""The business calendar (営業日, 年度): weekdays, Japanese holidays, and what the company says itself.

Business days and fiscal years are counted as people count them: the one in which something happened is not counted, and
every other one counts from its first moment on. One business day after any moment of a Friday is Monday, 0:00; one
fiscal year after any moment of a year is the first moment of the next.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Annotated, Any, ClassVar, Literal

import jpholiday
from pydantic import BeforeValidator, Field, PrivateAttr

from connector.errors import text
from connector.spec import Many, Spec, SpecError, duration

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_FIRST, _LAST = date(2000, 1, 1), date(2149, 12, 31)
"""Days are counted between these. What is older is older than any `bd` can say; 9999-12-31 is nobody's business day."""


_ALL = 1_000_000
"""More business days than there are."""


@dataclass(frozen=True, slots=True)
class Days:
    """The days from `first` to `last`, as `2026-12-29`, or every year, as `12-29`; yearly ones may cross New Year."""

    first: str
    last: str

    def __contains__(self, day: date) -> bool:
        shown = day.isoformat()[-len(self.first) :]
        if self.first <= self.last:
            return self.first <= shown <= self.last
        return shown >= self.first or shown <= self.last


_DAYS = re.compile(r"((?:\d{4}-)?\d\d-\d\d)(?:\.\.((?:\d{4}-)?\d\d-\d\d))?", re.ASCII)


def days(value: Any) -> Any:
    """`2026-08-13`, `2026-12-29..2027-01-03`, `12-29..01-03` and the like as Days."""
    if isinstance(value, Days):
        return value
    match = _DAYS.fullmatch(value) if isinstance(value, str) else None
    found = Days(match[1], match[2] or match[1]) if match else None
    if found is None or not _possible(found):
        raise SpecError(
            text("{value!r} is not a day or a span of days", "{value!r} は日付または期間として読めません", value=value),
            text(
                "write 2026-08-13, 2026-12-29..2027-01-03, or for every year 12-29..01-03",
                "2026-08-13、2026-12-29..2027-01-03、毎年なら 12-29..01-03 のように書いてください",
            ),
        )
    return found


def _possible(found: Days) -> bool:
    """Whether both ends are days of the same kind, and no span of years ends before it begins."""
    yearly = len(found.first) == len("12-29")
    if len(found.first) != len(found.last) or not (yearly or found.first <= found.last):
        return False
    try:
        for end in (found.first, found.last):
            date.fromisoformat(f"2024-{end}" if yearly else end)  # a year with a 29th of February
    except ValueError:
        return False
    return True


_DaysText = Annotated[str, Field(pattern=r"^(\d{4}-)?\d\d-\d\d(\.\.(\d{4}-)?\d\d-\d\d)?$", examples=["12-29..01-03"])]
DaysOfYear = Annotated[Days, BeforeValidator(days, json_schema_input_type=_DaysText)]


@dataclass(frozen=True, slots=True)
class BusinessDays:
    """So many business days."""

    unit: ClassVar[str] = "bd"
    count: int


@dataclass(frozen=True, slots=True)
class FiscalYears:
    """So many fiscal years (年度)."""

    unit: ClassVar[str] = "fy"
    count: int


Counted = BusinessDays | FiscalYears
"""What is counted by the calendar, and written as a count and its unit."""
Span = timedelta | Counted
_SpanText = Annotated[
    str, Field(pattern=r"^(\d{1,6}(s|m|h|d|w|y)|[1-9]\d{0,2}(bd|fy))$", examples=["30d", "10bd", "1fy"])
]
_COUNTED = re.compile(r"([1-9]\d{0,2})(bd|fy)", re.ASCII)


def span(value: Any) -> Any:
    """`30d` and the like as a timedelta, `10bd` as BusinessDays, `1fy` as FiscalYears."""
    if isinstance(value, Counted):
        return value
    match = _COUNTED.fullmatch(value) if isinstance(value, str) else None
    if match is not None:
        return (BusinessDays if match[2] == BusinessDays.unit else FiscalYears)(int(match[1]))
    try:
        return duration(value)
    except SpecError as error:
        raise SpecError(
            error.what,
            text(
                "write 30d, 6h, 15m, 2w or 1y; or 10bd for business days, 1fy for fiscal years",
                "30d、6h、15m、2w、1y、または営業日で 10bd、年度で 1fy のように書いてください",
            ),
        ) from None


SpanOfTime = Annotated[Span, BeforeValidator(span, json_schema_input_type=_SpanText)]


def first_day(value: Any) -> Any:
    """`04-01` as it is, where every year has such a day."""
    try:
        if isinstance(value, str) and re.fullmatch(r"\d\d-\d\d", value, re.ASCII):
            date.fromisoformat(f"2023-{value}")  # a year without a 29th of February
            return value
    except ValueError:
        pass
    raise SpecError(
        text("{value!r} is not a day of every year", "{value!r} は毎年ある月日として読めません", value=value),
        text("write 04-01 for the 1st of April", "4月1日なら 04-01 のように書いてください"),
    )


_FirstDayText = Annotated[str, Field(pattern=r"^\d\d-\d\d$", examples=["04-01"])]
FirstDay = Annotated[str, BeforeValidator(first_day, json_schema_input_type=_FirstDayText)]


class Calendar(Spec):
    """Which days are business days, and when a fiscal year begins."""

    workdays: Annotated[Many[Weekday], Field(min_length=1)] = _WEEK[:5]
    """Days of the week on which people work."""
    holidays: Literal["japan", "none"] = "japan"
    """`japan`: national holidays are closed, with 振替休日 and 国民の休日."""
    closed: Many[DaysOfYear] = ()
    """Closed days of the company."""
    open: Many[DaysOfYear] = ()
    """Business days all the same, whatever else is said of them."""
    fiscal_year: FirstDay = "04-01"
    """The first day of a fiscal year (年度)."""
    _years: dict[int, list[int]] = PrivateAttr(default_factory=dict)

    def is_business_day(self, day: date) -> bool:
        """Whether people work on this day."""
        if any(day in each for each in self.open):
            return True
        return (
            _WEEK[day.weekday()] in self.workdays
            and not any(day in each for each in self.closed)
            and not (self.holidays == "japan" and jpholiday.is_holiday(day))
        )

    def business_days_between(self, first: date, last: date) -> int:
        """How many business days come after `first`, up to and with `last`; negative when `last` is the earlier one."""
        return self._count(first, last, _ALL) if first <= last else -self._count(last, first, _ALL)

    def _count(self, first: date, last: date, enough: int) -> int:
        """As `business_days_between`, at most `enough`: the holidays of many years take seconds to find out."""
        first, last = (min(max(day, _FIRST), _LAST) for day in (first, last))
        year, found = last.year, _up_to(self._of(last.year), last)
        while year > first.year and found < enough:
            year -= 1
            found += len(self._of(year))
        if year == first.year:
            found -= _up_to(self._of(year), first)
        return min(found, enough)

    def business_day_after(self, day: date, count: int) -> date | None:
        """The business day that is number `count` after `day`; None where there are not so many to come."""
        if not _FIRST <= day <= _LAST:
            return None
        year, place = day.year, _up_to(self._of(day.year), day) + count - 1
        while place >= len(self._of(year)):
            place -= len(self._of(year))
            year += 1
            if year > _LAST.year:
                return None
        return date.fromordinal(self._of(year)[place])

    def elapsed(self, since: datetime, as_of: datetime, tz: tzinfo, limit: Counted) -> int:
        """How long ago `since` was, in the unit of `limit` and by the days of `tz`; -1 when it is to come.

        More than `limit` is told as one more at least.
        """
        first, last = _local(since, tz), _local(as_of, tz)
        if first > last:
            return -1
        if isinstance(limit, FiscalYears):
            return self.fiscal_year_of(last) - self.fiscal_year_of(first)
        return self._count(first, last, limit.count + 1)

    def after(self, since: datetime, limit: Counted, tz: tzinfo) -> datetime | None:
        """The moment from which `since` is so long ago; None where no such day is to come."""
        first = _local(since, tz)
        if isinstance(limit, FiscalYears):
            year = self.fiscal_year_of(first) + limit.count
            day = date.fromisoformat(f"{year}-{self.fiscal_year}") if first >= _FIRST and year <= _LAST.year else None
        else:
            day = self.business_day_after(first, limit.count)
        return datetime.combine(day, time(), tz).astimezone(UTC) if day else None

    def fiscal_year_of(self, day: date) -> int:
        """The fiscal year of a day, by the year in which it began."""
        return day.year - (f"{day:%m-%d}" < self.fiscal_year)

    def _of(self, year: int) -> list[int]:
        """The business days of a year, as ordinals."""
        if year not in self._years:
            whole = range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1)
            self._years[year] = [n for n in whole if self.is_business_day(date.fromordinal(n))]
        return self._years[year]


def _up_to(days: list[int], day: date) -> int:
    return bisect_right(days, day.toordinal())


def _local(moment: datetime, tz: tzinfo) -> date:
    try:
        return moment.astimezone(tz).date()
    except OverflowError:  # a placeholder such as 9999-12-31 may have no day in this zone
        return moment.date()
