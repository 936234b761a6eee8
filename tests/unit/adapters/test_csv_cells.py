from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.adapters.csvfile import cells
from connector.adapters.csvfile.telling import derived_id
from connector.model import Value

TOKYO = ZoneInfo("Asia/Tokyo")
NOON = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "cell",
    [
        "2026/4/1 12:00",
        "2026/04/01 12:00:00",
        "2026-04-01T12:00:00",
        "2026-04-01T12:00:00.000",
        "2026-04-01T03:00:00Z",
        "2026-04-01T12:00:00+09:00",
        "2026-04-01 12:00:00+0900",
        "2026.4.1 12:00",
        "2026年4月1日 12時00分",
        "2026年4月1日12:00",
        "2026年 4月 1日　12時 0分 0秒",
        "2026/4/1(水) 12:00",
        "2026/4/1（水）午後0:00",
        "2026/4/1 午後 0時00分",
        "2026/4/1 12:00 PM",
        "2026/4/1 PM 0:00",
        "２０２６／４／１　１２：００",
        "令和8年4月1日 12:00",
        "令和８年４月１日１２時００分",
        "㋿8年4月1日 12:00",
        "R8.4.1 12:00",
        "R8/04/01 12:00",
        "r8-4-1 12:00",
        "R.8.4.1 12:00",
        "20260401 12:00",
        "20260401120000",
        "46113.5",
    ],
)
def test_one_moment_in_many_spellings(cell: str) -> None:
    assert cells.moment(cell, TOKYO) == NOON
    assert cells.day(cell) == date(2026, 4, 1)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2026/4/11", date(2026, 4, 11)),
        ("2026/4/1 0:00", date(2026, 4, 1)),
        ("令和元年5月1日", date(2019, 5, 1)),
        ("平成31年4月30日", date(2019, 4, 30)),
        ("H31.4.30", date(2019, 4, 30)),
        ("昭和64年1月7日", date(1989, 1, 7)),
        ("S39.10.10", date(1964, 10, 10)),
        ("大正15年12月25日", date(1926, 12, 25)),
        ("M45.7.30", date(1912, 7, 30)),
        ("㍻30年1月2日", date(2018, 1, 2)),
        ("20260401", date(2026, 4, 1)),
        ("46113", date(2026, 4, 1)),
        ("2026年4月1日水曜日", date(2026, 4, 1)),
    ],
)
def test_days(cell: str, expected: date) -> None:
    assert cells.day(cell) == expected


def test_a_day_alone_is_its_midnight_where_the_file_comes_from() -> None:
    assert cells.moment("2026/4/1", TOKYO) == datetime(2026, 3, 31, 15, 0, tzinfo=UTC)
    assert cells.moment("46113", TOKYO) == datetime(2026, 3, 31, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "cell",
    [
        "", "4/1", "26/4/1", "2026/13/1", "2026/2/29", "2026/4", "2026年4月", "明日",
        "2026/4/1 25:00", "2026/4/1 12:60", "2026/4/1 正午", "2026/4/111", "202604", "2026040112", "X8.4.1",
        "0000/0/0", "9999999",
        "2026/4/1 12:00 と夕方",
    ],
)  # fmt: skip
def test_what_is_no_date(cell: str) -> None:
    for read in (cells.day, lambda text: cells.moment(text, TOKYO)):
        if cell.startswith("2026/4/1 ") and read is cells.day:
            continue  # the time behind a day is left aside
        with pytest.raises(cells.Meaningless):
            read(cell)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("1200000", 1_200_000), ("1,200,000円", 1_200_000), ("¥1,200", 1200), ("￥1,200", 1200), ("\\1,200", 1200),
        ("１２３．５", 123.5), ("△300", -300), ("▲1,000", -1000), ("-5", -5), ("60%", 60), ("６０％", 60), ("0.5", 0.5),
    ],
)  # fmt: skip
def test_numbers(cell: str, expected: float) -> None:
    assert cells.number(cell) == expected


@pytest.mark.parametrize("cell", ["", "約100", "1.2.3", "nan", "inf", "1e9", "120万円", "A"])
def test_what_is_no_number(cell: str) -> None:
    with pytest.raises(cells.Meaningless):
        cells.number(cell)


def test_flags() -> None:
    assert [cells.flag(c) for c in ("1", "○", "ＴＲＵＥ", "はい", " あり ")] == [True] * 5
    assert [cells.flag(c) for c in ("0", "×", "No", "なし", "いいえ")] == [False] * 5
    with pytest.raises(cells.Meaningless):
        cells.flag("不可")


def test_headers_are_compared_folded() -> None:
    assert cells.fold("ｅ－Ｍａｉｌ") == cells.fold("e-mail")
    assert cells.fold("メール\nアドレス") == cells.fold("ﾒｰﾙｱﾄﾞﾚｽ")
    assert cells.fold("氏　名") == cells.fold("氏名")


@pytest.mark.parametrize("typed", ["開始〜終了", "差−引", "甲‖乙", "注—記"])
def test_a_header_is_found_whichever_of_the_twins_of_cp932_was_typed(typed: str) -> None:
    there = typed.replace("—", "―").encode("cp932").decode("cp932")
    assert there != typed
    assert cells.fold(there) == cells.fold(typed)


def test_ids_that_were_made_of_names_stay_what_they_were() -> None:
    assert derived_id("スナック〜縁〜") == "ha7066d24ffdf9e916030"
    assert derived_id("スナック～縁～") == "hfbd9727cbecfaec7cdaa"


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"), ("@SUM(A1)", "'@SUM(A1)"), ("\tx", "'\tx"), ("\rx", "'\rx"),
        ("−1+1", "'−1+1"), ("-2+3+cmd|' /C calc'!A0", None), ("+81-3-1234-5678", "+81-3-1234-5678"),
        ("-20", "-20"), ("+10 ウェビナー", "'+10 ウェビナー"), ("普通", "普通"),
    ],
)  # fmt: skip
def test_formulas_are_disarmed(cell: str, written: str | None) -> None:
    assert cells.guard(cell) == (written or f"'{cell}")


@given(st.text(alphabet=st.sampled_from("=+-@\t\r'0 aあ"), max_size=6) | st.text())
def test_what_was_guarded_is_read_as_it_was(value: str) -> None:
    if value.startswith('="'):
        return  # by this other programs keep leading zeros
    assert cells.unguard(cells.guard(value)) == value


def test_leading_zeros_kept_by_a_formula_are_read() -> None:
    assert cells.unguard('="0312345678"') == "0312345678"


@given(st.datetimes(datetime(1950, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001  hypothesis takes bounds without a zone
def test_moments_come_back(moment: datetime) -> None:
    whole = moment.replace(microsecond=0)
    written = cells.shown(whole, TOKYO)
    assert cells.moment(written, TOKYO) == whole
    assert cells.native(written, TOKYO) == whole


@given(st.dates(date(1950, 1, 1), date(2099, 12, 31)))
def test_days_come_back(day: date) -> None:
    assert cells.native(cells.shown(day, TOKYO), TOKYO) == day
    year = f"令和{day.year - 2018}" if day.year > 2018 else f"昭和{day.year - 1925}"
    assert cells.day(f"{year}年{day.month}月{day.day}日") == day


@pytest.mark.parametrize("cell", ["2026-04-01 10:30 セミナー", "123", "0312345678", "4-5-6", "製品A", "20260401"])
def test_a_native_text_stays_a_text(cell: str) -> None:
    assert cells.native(cell, TOKYO) == cell


@pytest.mark.parametrize(
    ("value", "cell"), [(None, ""), (True, "true"), (False, "false"), (45.0, "45"), (4.5, "4.5"), (-20, "-20")]
)
def test_values_as_cells(value: Value, cell: str) -> None:
    assert cells.shown(value, TOKYO) == cell


@given(st.text())
def test_any_text_either_means_something_or_is_refused_politely(cell: str) -> None:
    for read in (cells.day, cells.number, cells.flag, lambda text: cells.moment(text, TOKYO)):
        try:
            read(cell)
        except cells.Meaningless as error:
            assert error.wanted.ja  # noqa: PT017  that it is ours is the point
    cells.native(cell, TOKYO)
