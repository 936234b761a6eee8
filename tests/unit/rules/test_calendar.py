"""Business days: example tables of real Japanese days, and every rule against a model that walks day by day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.changes import RaiseAlert
from connector.rules.alert import AlertRule, release_time
from connector.rules.calendar import BusinessDays, Calendar, FiscalYears, days, first_day, span
from connector.rules.plan import Rules
from connector.rules.when import Age
from connector.spec import Hours, SpecError
from tests.unit.rules.kit import NOW, TOKYO, block, contact, deal, decide, visitor

JAPAN = Calendar()


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-01-01", False),  # 元日
        ("2026-01-02", True),  # no holiday by law
        ("2026-04-29", False),  # 昭和の日
        ("2026-05-01", True),
        ("2026-05-03", False),  # 憲法記念日, a Sunday
        ("2026-05-06", False),  # 振替休日 of that Sunday, three days later
        ("2026-05-07", True),
        ("2026-09-21", False),  # 敬老の日
        ("2026-09-22", False),  # 国民の休日
        ("2026-09-23", False),  # 秋分の日
        ("2026-09-24", True),
        ("2026-09-26", False),  # a Saturday
        ("2026-10-12", False),  # スポーツの日
        ("2027-01-11", False),  # 成人の日
        ("2027-03-21", False),  # 春分の日, a Sunday
        ("2027-03-22", False),  # 振替休日
        ("2027-08-13", True),  # お盆 is no holiday by law
    ],
)
def test_japanese_days(day: str, *, works: bool) -> None:
    assert JAPAN.is_business_day(date.fromisoformat(day)) is works


@pytest.mark.parametrize(
    ("calendar", "day", "works"),
    [
        ("closed: [12-29..01-03]", "2026-12-28", True),
        ("closed: [12-29..01-03]", "2026-12-29", False),
        ("closed: [12-29..01-03]", "2035-01-02", False),
        ("closed: [12-29..01-03]", "2035-01-04", True),
        ("closed: [2026-12-29..2027-01-04]", "2027-01-04", False),
        ("closed: [2026-12-29..2027-01-04]", "2028-01-04", True),
        ("closed: 2026-08-13", "2026-08-13", False),
        ("closed: [02-29]", "2028-02-29", False),
        ("closed: [02-29]", "2027-03-01", True),
        ("open: [2026-05-02]", "2026-05-02", True),  # a Saturday
        ("open: [05-04]\nclosed: [05-01..05-08]", "2026-05-04", True),
        ("open: [05-04]\nclosed: [05-01..05-08]", "2026-05-05", False),
        ("holidays: none", "2026-05-06", True),
        ("workdays: [sat, sun]", "2026-05-02", True),
        ("workdays: [sat, sun]", "2026-05-01", False),
    ],
)
def test_what_the_company_says_of_its_days(calendar: str, day: str, *, works: bool) -> None:
    assert block(Calendar, calendar).is_business_day(date.fromisoformat(day)) is works


@pytest.mark.parametrize(
    ("since", "count", "moment"),
    [
        ("2026-04-03T18:00", 1, "2026-04-06"),  # Friday evening: Monday
        ("2026-04-04T12:00", 1, "2026-04-06"),  # Saturday: Monday, too
        ("2026-04-28T09:00", 5, "2026-05-11"),  # 30, 1, 7, 8, 11
        ("2026-04-17T10:00", 20, "2026-05-21"),
        ("2026-09-18T00:00", 1, "2026-09-24"),  # シルバーウィーク
        ("2026-12-31T23:59", 1, "2027-01-04"),  # 1 is 元日, 2 and 3 a weekend
    ],
)
def test_the_moment_from_which_it_is_so_many_business_days_ago(since: str, count: int, moment: str) -> None:
    found = JAPAN.after(datetime.fromisoformat(since).replace(tzinfo=TOKYO), BusinessDays(count), TOKYO)

    assert found == datetime.fromisoformat(moment).replace(tzinfo=TOKYO)


@pytest.mark.parametrize(
    ("begins", "since", "years", "moment"),
    [
        ("04-01", "2026-03-31T23:59", 1, "2026-04-01"),
        ("04-01", "2026-04-01T00:00", 1, "2027-04-01"),
        ("04-01", "2025-12-01T10:00", 1, "2026-04-01"),
        ("04-01", "2025-12-01T10:00", 2, "2027-04-01"),
        ("01-01", "2026-12-31T23:59", 1, "2027-01-01"),
        ("10-01", "2026-09-30T09:00", 1, "2026-10-01"),
        ("02-28", "2028-02-29T12:00", 1, "2029-02-28"),
    ],
)
def test_a_fiscal_year_later_is_the_first_moment_of_the_next(begins: str, since: str, years: int, moment: str) -> None:
    calendar = block(Calendar, f"fiscal_year: {begins}")
    happened, turn = (datetime.fromisoformat(each).replace(tzinfo=TOKYO) for each in (since, moment))

    assert calendar.after(happened, FiscalYears(years), TOKYO) == turn
    assert calendar.elapsed(happened, turn, TOKYO, FiscalYears(years)) == years
    assert calendar.elapsed(happened, turn - timedelta(seconds=1), TOKYO, FiscalYears(years)) == years - 1


@pytest.mark.parametrize("wrong", ["02-29", "04-31", "4-1", "2026-04-01", "april", 401, "０４-０１"])
def test_a_fiscal_year_begins_on_a_day_that_every_year_has(wrong: object) -> None:
    with pytest.raises(SpecError) as raised:
        first_day(wrong)
    assert "04-01" in str(raised.value.fix)


@pytest.mark.parametrize(
    "wrong",
    ["2026-02-30", "13-01", "2027-01-03..2026-12-29", "12-29..2027-01-03", "12/29", "", 1229, "02-30", "2026-1-1"],
)
def test_what_is_no_day_is_told_with_how_to_write_one(wrong: object) -> None:
    with pytest.raises(SpecError) as raised:
        days(wrong)
    assert "12-29..01-03" in str(raised.value.fix)


@pytest.mark.parametrize("wrong", ["0bd", "1000bd", "-1bd", "1.5bd", "bd", "10 bd", 10, "１bd", "0fy", "fy", "1 fy"])
def test_what_is_no_span_is_told_with_how_to_write_one(wrong: object) -> None:
    with pytest.raises(SpecError) as raised:
        span(wrong)
    assert "10bd" in str(raised.value.fix)


# --- against a model that walks day by day ----------------------------------------------------------------------------

DAY = st.dates(date(2026, 1, 1), date(2027, 12, 31))
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    some = st.lists(st.tuples(DAY, DAY, st.booleans()), max_size=2)

    def spans(found: list[tuple[date, date, bool]]) -> tuple[object, ...]:
        shown = [(min(a, b), max(a, b)) if not yearly else (a, b) for a, b, yearly in found]
        return tuple(
            days(f"{a:%m-%d}..{b:%m-%d}" if yearly else f"{a}..{b}")
            for (a, b), (_, _, yearly) in zip(shown, found, strict=True)
        )

    return Calendar.model_validate(
        {
            "workdays": tuple(draw(st.sets(st.sampled_from(WEEK), min_size=1))),
            "holidays": draw(st.sampled_from(["japan", "none"])),
            "closed": spans(draw(some)),
            "open": spans(draw(some)),
        }
    )


def walked(calendar: Calendar, first: date, last: date) -> int:
    between = (first + timedelta(days=n + 1) for n in range((last - first).days))
    return sum(calendar.is_business_day(day) for day in between)


@given(calendars(), DAY, DAY)
@settings(max_examples=40, deadline=None)
def test_between_two_days_there_are_as_many_as_one_meets_walking(calendar: Calendar, one: date, other: date) -> None:
    first, last = min(one, other), max(one, other)

    assert calendar.business_days_between(first, last) == walked(calendar, first, last)
    assert calendar.business_days_between(last, first) == -walked(calendar, first, last)


@given(calendars(), DAY, st.integers(1, 30))
@settings(max_examples=40, deadline=None)
def test_the_day_so_many_after_is_a_business_day_with_so_many_up_to_it(calendar: Calendar, day: date, n: int) -> None:
    found = calendar.business_day_after(day, n)

    assert found is None or (calendar.is_business_day(found) and walked(calendar, day, found) == n)


def test_days_that_are_not_to_come_are_none() -> None:
    assert block(Calendar, "closed: [01-01..12-31]").business_day_after(date(2026, 1, 1), 1) is None
    for one in (BusinessDays(1), FiscalYears(1)):
        assert JAPAN.after(datetime.max.replace(tzinfo=UTC), one, TOKYO) is None
        assert JAPAN.elapsed(datetime.max.replace(tzinfo=UTC), NOW, TOKYO, one) == -1
        assert JAPAN.elapsed(datetime.min.replace(tzinfo=UTC), NOW, TOKYO, one) > 1


MOMENT = st.integers(0, 52 * 24 * 60).map(lambda n: datetime(2026, 3, 20, tzinfo=TOKYO) + timedelta(minutes=n))
WRITTEN = (
    "{gte: 3bd}", "{gt: 3bd}", "{lt: 3bd}", "{lte: 3bd}", "{gte: 2bd, lt: 6bd}", "{gte: 4d}", "{gte: 1fy}",
    "{gt: 1fy}", "{lt: 1fy}",
)  # fmt: skip
AGES = {written: block(Age, written) for written in WRITTEN}


@given(st.sampled_from(sorted(AGES)), MOMENT, MOMENT)
@settings(max_examples=150, deadline=None)
def test_no_answer_changes_before_the_time_at_which_it_may(age: str, since: datetime, now: datetime) -> None:
    """Or a person would not be looked at when it does."""
    test = AGES[age]
    answer = test.holds(since, now, JAPAN, TOKYO)
    turn = min(test.turns(since, now, JAPAN, TOKYO), default=now + timedelta(days=40))

    assert turn > now
    step = timedelta(hours=6)
    for n in range((turn - now) // step + 1):
        moment = min(now + n * step, turn - timedelta(seconds=1))
        if moment >= now:
            assert test.holds(since, moment, JAPAN, TOKYO) is answer


HOURS = st.builds(Hours, st.sampled_from([time(20), time(12), time(0)]), st.sampled_from([time(8), time(13), time(0)]))


@given(calendars(), MOMENT, st.none() | HOURS)
@settings(max_examples=40, deadline=None)
def test_alerts_go_at_the_first_moment_at_which_they_may(
    calendar: Calendar, now: datetime, quiet: Hours | None
) -> None:
    def may(moment: datetime) -> bool:
        return calendar.is_business_day(moment.date()) and not (quiet and quiet.contains(moment.time()))

    found = release_time(now, quiet, TOKYO, calendar)

    waited = range(int((found - now) / timedelta(minutes=30)) + 1)
    moments = (now + timedelta(minutes=30 * n) for n in waited)
    assert may(found) or calendar.business_day_after(now.date(), 1) is None
    assert found == now or not any(may(moment) for moment in moments if moment < found)


@pytest.mark.parametrize(
    ("now", "goes"),
    [
        ("2026-05-01T12:00", "2026-05-01T12:00"),
        ("2026-05-01T21:00", "2026-05-07T08:00"),  # Friday evening before 憲法記念日
        ("2026-05-02T12:00", "2026-05-07T08:00"),
        ("2026-05-07T07:59", "2026-05-07T08:00"),
    ],
)
def test_alerts_over_golden_week(now: str, goes: str) -> None:
    found = release_time(datetime.fromisoformat(now).replace(tzinfo=TOKYO), Hours(time(20), time(8)), TOKYO, JAPAN)

    assert found == datetime.fromisoformat(goes).replace(tzinfo=TOKYO)


def test_an_alert_is_due_in_business_days() -> None:
    rule = block(
        AlertRule, "{id: s, when: {deal: {state: open}}, to: deal_owner, due: 3bd, repeat: {per: deal, every: 7d}}"
    )
    changes, _ = decide(Rules({}, alerts=(rule,)), visitor(), contact(), deals=(deal(owner_id="005"),))

    (alert,) = [change for change in changes if isinstance(change, RaiseAlert)]
    assert str(alert.due_on) == "2026-04-06", "the Monday after Wednesday, the first of April"
