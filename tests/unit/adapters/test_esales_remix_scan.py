"""Every row arrives, however the server pages: all the ways that nobody has ruled out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.adapters.esales.remix.listing import Entry, NoListing, entries_of, members_of, pairs_of
from connector.adapters.esales.remix.rows import NoRow, Shape, shape_of, unpacked
from connector.adapters.esales.remix.scan import Answer, Stuck, scan
from connector.adapters.esales.remix.sheets import Column
from connector.adapters.esales.remix.values import choice_of, item, read
from connector.adapters.esales.words import WrongValue, number

TOKYO = ZoneInfo("Asia/Tokyo")


class Table:
    """Keys behind a server that pages in one of the possible ways."""

    def __init__(self, keys: Sequence[int], page: int, *, base: int = 0, honours: bool = True) -> None:
        self.keys = list(keys)
        self.page, self.base, self.honours = page, base, honours
        self.calls = 0

    def __call__(self, low: int | None, high: int | None, start: int) -> Answer:
        self.calls += 1
        found = [key for key in self.keys if (low is None or key >= low) and (high is None or key <= high)]
        begin = max(0, start - self.base) if self.honours else 0
        return Answer(len(found), {key: {} for key in found[begin : begin + self.page]})


def everything(table: Any) -> list[int]:
    return [key for some in scan(table) for key in some]


@pytest.mark.parametrize(
    ("page", "base", "honours", "order"),
    list(itertools.product((1, 7, 100, 5000), (0, 1), (True, False), ("key", "reverse", "scattered"))),
)
def test_all_rows_arrive(page: int, base: int, honours: bool, order: str) -> None:
    keys = list(range(3, 1003, 5))
    if order != "key":
        keys.sort(key=lambda key: -key if order == "reverse" else key * 7919 % 10007)
    table = Table(keys, page, base=base, honours=honours)
    assert set(everything(table)) == set(keys)
    if honours and base == 0:
        assert table.calls == -(-len(keys) // page)
    if page > 1:  # one row a page that cannot be turned costs a search in a tree for each
        assert table.calls < 3 * len(keys)


@given(st.sets(st.integers(0, 2**40), max_size=60), st.integers(1, 9), st.booleans(), st.integers(0, 1))
def test_all_keys_arrive_whatever_they_are(keys: set[int], page: int, honours: bool, base: int) -> None:
    assert set(everything(Table(sorted(keys), page, honours=honours, base=base))) == keys


def test_an_empty_answer_is_the_end() -> None:
    table = Table([], 100)
    assert everything(table) == []
    assert table.calls == 1


def test_a_range_in_which_the_number_of_hits_changed_is_read_once_more() -> None:
    table = Table(list(range(10)), 4)

    def moving(low: int | None, high: int | None, start: int) -> Answer:
        answer = table(low, high, start)
        if table.calls == 1:
            table.keys.remove(0)  # what comes after it moves up: a row would be skipped
        return answer

    assert set(everything(moving)) >= set(range(1, 10))


def test_a_table_that_does_not_hold_still_is_read_in_pieces() -> None:
    table = Table(list(range(40)), 4)

    def moving(low: int | None, high: int | None, start: int) -> Answer:
        answer = table(low, high, start)
        if table.calls < 12:
            table.keys.append(len(table.keys))
        return answer

    assert set(everything(moving)) >= set(range(40))


def test_hits_without_rows_are_not_believed() -> None:
    with pytest.raises(Stuck):
        everything(lambda low, high, start: Answer(5, {}))


def test_one_key_cannot_have_two_rows() -> None:
    with pytest.raises(Stuck):
        everything(lambda low, high, start: Answer(2, {7: {}} if (low or 0) <= 7 <= (high or 99) else {}))


# --- shapes -----------------------------------------------------------------------------------------------------------

CODES = [928, 903]
ROWS: list[tuple[Shape, Any]] = [
    (Shape.POSITIONAL, [1, "佐藤"]),
    (Shape.ITEMS, [{"columnCode": 928, "num": 1}, {"columnCode": 903, "text": "佐藤"}]),
    (Shape.ITEMS, [{"column_code": 903, "text": "佐藤"}, {"column_code": 928, "num": 1}]),
    (Shape.BY_CODE, {"928": 1, "903": "佐藤"}),
    (Shape.WITH_ITEMS, {"items": [{"columnCode": 928, "num": 1}, {"columnCode": 903, "text": "佐藤"}], "id": 1}),
]


@pytest.mark.parametrize(("shape", "row"), ROWS)
def test_four_shapes_are_known(shape: Shape, row: Any) -> None:
    assert shape_of(row, CODES) is shape
    assert unpacked(shape, row, CODES) == {928: 1, 903: "佐藤"}


@pytest.mark.parametrize(
    "row",
    [None, 7, "x", [], [1], [1, 2, 3], {}, {"name": "佐藤"}, [{"code": 928, "num": 1}], [{"a": 1}, {"b": 2}],
     [1, {"columnCode": 903}], {"items": "x"}, {"items": [1]}],
)  # fmt: skip
def test_any_other_shape_is_refused(row: Any) -> None:
    with pytest.raises(NoRow):
        shape_of(row, CODES)


@pytest.mark.parametrize(
    ("shape", "row"),
    [
        (Shape.ITEMS, [1, "佐藤"]),
        (Shape.POSITIONAL, {"928": 1}),
        (Shape.BY_CODE, {"928": 1, "999": 2}),
        (Shape.ITEMS, [{"columnCode": 928, "num": 1, "text": "1"}]),
        (Shape.ITEMS, [{"columnCode": 928, "num": 1}, {"columnCode": 928, "num": 2}]),
        (Shape.ITEMS, [{"columnCode": "x", "num": 1}]),
        (Shape.ITEMS, [{"columnCode": 928, "num": 1}, {"columnCode": 903, "value": "佐藤"}]),
    ],
)
def test_a_row_unlike_the_first_or_that_tells_too_much_is_refused(shape: Shape, row: Any) -> None:
    with pytest.raises(NoRow):
        unpacked(shape, row, CODES)


def test_what_a_row_leaves_out_is_empty() -> None:
    assert unpacked(Shape.ITEMS, [{"columnCode": 928, "num": 1}, {"columnCode": 903}], CODES) == {928: 1, 903: None}
    assert unpacked(Shape.BY_CODE, {"928": 1}, CODES) == {928: 1, 903: None}


# --- listings ---------------------------------------------------------------------------------------------------------

PERSON = {928, 902, 903}


@pytest.mark.parametrize(
    "answer",
    [
        {"columns": [{"c": 928, "n": "名刺コード", "t": "num"}, {"c": 903, "n": "氏名", "t": "text"}]},
        [{"c": "928", "n": "名刺コード", "t": "num"}, {"c": "903", "n": "氏名", "t": "text"}],
        {"result": {"list": [{"c": 928, "n": "名刺コード", "t": "num"}, {"c": 903, "n": "氏名", "t": "text"}]}},
        {"x": [{"c": 1}], "y": [{"c": 928, "n": "名刺コード", "t": "num"}, {"c": 903, "n": "氏名", "t": "TEXT"}]},
    ],
)
def test_a_list_of_columns_is_found_by_the_codes_that_are_known(answer: Any) -> None:
    members = members_of(answer, PERSON)
    assert (members.code, members.name, members.type) == ("c", "n", "t")
    assert [(e.code, e.name, e.type) for e in entries_of(answer, members)] == [
        (928, "名刺コード", "num"),
        (903, "氏名", "text"),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"columns": []},
        {"columns": [{"c": 1, "n": "a"}, {"c": 2, "n": "b"}]},
        {"columns": [{"c": 928, "n": "a", "m": "b"}, {"c": 903, "n": "c", "m": "d"}]},
        {"columns": [{"c": 928, "d": 928, "n": "a"}, {"c": 903, "d": 903, "n": "c"}]},
        {"columns": [{"c": 928, "n": "a"}, {"c": 928, "n": "b"}]},
    ],
)
def test_what_could_be_read_in_two_ways_is_not_read(answer: Any) -> None:
    with pytest.raises(NoListing):
        members_of(answer, PERSON)


def test_choices_are_pairs_of_a_number_and_a_name() -> None:
    answer = {"selectItems": [{"selectItemName": "A", "selectItemCode": 1}]}
    assert pairs_of(answer) == [Entry(1, "A")]
    assert pairs_of({"selectItems": []}) == []


@pytest.mark.parametrize("answer", [{}, [], {"a": [{"n": "A"}]}, {"a": [{"n": "A", "m": "B", "c": 1}]}])
def test_choices_that_could_be_read_in_two_ways_are_not_read(answer: Any) -> None:
    with pytest.raises(NoListing):
        pairs_of(answer)


# --- values -----------------------------------------------------------------------------------------------------------


def column(kind: str) -> Column:
    return Column(10001, "項目", kind)


CHOICES = {1: "A", 2: "B", 3: "Ｃ "}


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("text", "佐藤", "佐藤"),
        ("text", 12, "12"),
        ("num", "12", 12),
        ("num", [12], 12),
        ("decimal", "12.50", 12.5),
        ("select", 1, "A"),
        ("select", "2", "B"),
        ("select", "A", "A"),
        ("select", [1], "A"),
        ("select", 9, "9"),
        ("date", "2026-04-01", date(2026, 4, 1)),
        ("date", "2026/04/01", date(2026, 4, 1)),
        ("date", "2026-04-01T09:00:00+09:00", datetime.fromisoformat("2026-04-01T00:00:00+00:00")),
        ("date", "2026-04-01T09:00:00", datetime.fromisoformat("2026-04-01T09:00:00+00:00")),
        ("checkbox", [True, False, True], "A;Ｃ "),
        ("checkbox", [False, False, False], None),
        ("", "x", "x"),
    ],
)  # fmt: skip
def test_values_are_read_however_they_come(kind: str, raw: Any, value: Any) -> None:
    assert read(column(kind), raw, CHOICES) == value


@pytest.mark.parametrize("kind", ["text", "num", "decimal", "select", "date", "checkbox", ""])
@pytest.mark.parametrize("raw", ["", None, []])
def test_nothing_is_nothing(kind: str, raw: Any) -> None:
    assert read(column(kind), raw, CHOICES) is None


@pytest.mark.parametrize(
    ("kind", "raw"),
    [("num", "x"), ("num", True), ("num", "NaN"), ("date", "昨日"), ("date", "2026-02-30"), ("checkbox", [True]),
     ("checkbox", "A"), ("text", {"a": 1}), ("num", [1, 2])],
)  # fmt: skip
def test_values_that_are_none_are_told(kind: str, raw: Any) -> None:
    with pytest.raises(WrongValue):
        read(column(kind), raw, CHOICES)


@pytest.mark.parametrize(
    ("kind", "value", "sent"),
    [
        ("text", "佐藤", {"text": "佐藤"}),
        ("text", None, {"text": ""}),
        ("text", 45, {"text": "45"}),
        ("text", True, {"text": "true"}),
        ("num", 45, {"num": 45}),
        ("num", 45.0, {"num": 45}),
        ("num", "45", {"num": 45}),
        ("num", True, {"num": 1}),
        ("num", None, {"num": None}),
        ("decimal", "4.5", {"decimal": 4.5}),
        ("select", "B", {"num": 2}),
        ("select", "C", {"num": 3}),
        ("select", " Ａ", {"num": 1}),
        ("date", date(2026, 4, 1), {"date": "2026-04-01"}),
        ("date", "2026-04-01", {"date": "2026-04-01"}),
        ("date", datetime.fromisoformat("2026-04-01T00:00:00+00:00"), {"date": "2026-04-01T09:00:00+09:00"}),
        ("checkbox", "Ｃ;A", {"checkBox": [True, False, True]}),
        ("checkbox", None, {"checkBox": None}),
    ],
)
def test_values_are_sent_under_the_name_of_their_type(kind: str, value: Any, sent: Any) -> None:
    assert item(column(kind), value, CHOICES, TOKYO) == {"column_code": 10001, **sent}


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [("num", "x", "WRONG_TYPE"), ("num", 4.5, "WRONG_TYPE"), ("decimal", "x", "WRONG_TYPE"),
     ("select", "D", "NOT_A_CHOICE"), ("date", "昨日", "WRONG_TYPE"), ("date", 5, "WRONG_TYPE"),
     ("checkbox", "D", "NOT_A_CHOICE"), ("", "x", "WRONG_TYPE")],
)  # fmt: skip
def test_values_that_do_not_fit_are_not_sent(kind: str, value: Any, code: str) -> None:
    with pytest.raises(WrongValue, match=code):
        item(column(kind), value, CHOICES, TOKYO)


def test_two_choices_that_differ_in_width_only_are_told_apart_by_the_exact_name() -> None:
    assert choice_of("A", {1: "A", 2: "Ａ"}) == 1
    with pytest.raises(WrongValue):
        choice_of(" A", {1: "A", 2: "Ａ"})


@pytest.mark.parametrize(
    ("raw", "found"), [(1, 1), ("1", 1), ([1], 1), (1.0, 1), (True, None), ("x", None), (None, None), (1.5, None)]
)
def test_numbers(raw: Any, found: int | None) -> None:
    assert number(raw) == found


@pytest.mark.parametrize(("raw", "name"), [(2, "1"), (1, "3"), ("4", "4"), ("9", "9")])
def test_choices_called_by_numbers_are_known_by_code(raw: Any, name: str) -> None:
    assert read(column("select"), raw, {1: "3", 2: "1", 5: "4"}) == name


@pytest.mark.parametrize("raw", ["1", ["1"]])
def test_digits_that_may_be_one_choice_or_another_are_not_read(raw: Any) -> None:
    with pytest.raises(WrongValue):
        read(column("select"), raw, {1: "3", 2: "1"})
