"""The emulated Remix read: conditions, columns, pages, and every shape that an answer might have."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal

import pytest

from connector.sandbox.esales import ListShape, RemixEmulator, RemixSettings
from tests.unit.sandbox.esales_client import RemixCaller, where

JST = timezone(timedelta(hours=9))
NOON = datetime(2026, 11, 1, 3, 0, 0, tzinfo=UTC)


@pytest.fixture
def remix() -> RemixEmulator:
    """A customer with two name cards and a deal; its rows are positional."""
    remix = RemixEmulator(settings=RemixSettings(rows="positional"))
    with remix.stamped(NOON):
        customer = remix.add_customer(
            "株式会社山田製作所", {339: "A", 316: 120, 315: Decimal("1000.5"), 313: date(1970, 4, 1)}
        )
        remix.add_person(customer, "山田 太郎", {914: "taro@yamada.example", 939: "部長"})
    with remix.stamped(NOON + timedelta(hours=1)):
        remix.add_person(customer, "佐藤 花子", {905: "課長"})
        remix.add_deal(customer, "生産管理の刷新", {203: "提案", 206: 3_000_000})
    return remix


@pytest.fixture
def caller(remix: RemixEmulator) -> RemixCaller:
    return RemixCaller(remix)


def test_the_search_of_the_facts_works_as_it_is_quoted(caller: RemixCaller) -> None:
    body = {
        "searchCondition": {
            "targetObjectName": "person",
            "items": [{"columnCode": 934, "operator": ">=", "date": "2026-11-01T00:00:00"}],
            "notExists": True,
            "relatedObjectConditions": [],
        },
        "columnCodes": [902, 928, 903, 914, 932, 934],
        "fromIndex": 0,
        "sortKeys": None,
    }
    answer = caller.call("POST", "entities/search", json=body)
    assert answer.json == {
        "hits": 2,
        "values": [
            [1, 1, "山田 太郎", "taro@yamada.example", "2026-11-01T03:00:00", "2026-11-01T03:00:00"],
            [1, 2, "佐藤 花子", None, "2026-11-01T04:00:00", "2026-11-01T04:00:00"],
        ],
    }


def test_the_smallest_search_of_the_facts_works(remix: RemixEmulator, caller: RemixCaller) -> None:
    remix.add("schedule", {1303: NOON, 1304: NOON + timedelta(hours=1), 1305: "RESTテスト"})
    between = [where(1303, ">=", date="2026-11-01T12:00:00+09:00"), where(1304, "<", date="2026-11-02")]
    assert caller.search("schedule", [1301, 1302, 1303, 1304, 1305], *between).json["hits"] == 1
    assert caller.found("schedule", 1301, where(1305, "partly", text="テスト")) == [1]


@pytest.mark.parametrize(
    ("entity", "condition", "expected"),
    [
        ("person", where(903, text="山田 太郎"), [1]),
        ("person", where(903, text="山田"), []),
        ("person", where(903, "forward", text="山田"), [1]),
        ("person", where(903, "backward", text="花子"), [2]),
        ("person", where(903, "partly", text="田 太"), [1]),
        ("person", where(928, ">=", num=2), [2]),
        ("person", where(928, "<=", num=1), [1]),
        ("person", where(939, num=2), [1]),
        ("person", where(939, "<=", num=3), [1]),
        ("person", where(914, null=True), [2]),
        ("person", where(914, notNull=True), [1]),
        ("person", where(934, date="2026-11-01T03:00:00"), [1]),
        ("person", where(934, "<", date="2026-11-01T04:00:00"), [1]),
        ("person", where(934, ">=", date="2026-11-01T13:00:00+09:00"), [2]),
        ("customer", where(315, ">=", decimal=1000.5), [1]),
        ("customer", where(315, decimal=1000), []),
        ("customer", where(313, date="1970-04-01"), [1]),
        ("customer", where(316, "<=", num=119), []),
        ("business", where(206, num=3_000_000), [1]),
    ],
)
def test_operators(remix: RemixEmulator, caller: RemixCaller, entity: str, condition: Any, expected: list[int]) -> None:
    assert caller.found(entity, int(remix.sheets[entity].key), condition) == expected


def test_a_date_without_offset_is_read_as_utc(caller: RemixCaller) -> None:
    noon_in_japan = "2026-11-01T12:00:00"
    assert caller.found("person", 928, where(934, ">=", date=noon_in_japan)) == []
    assert caller.found("person", 928, where(934, ">=", date=noon_in_japan + "+09:00")) == [1, 2]


def test_items_are_joined_by_and(caller: RemixCaller) -> None:
    assert caller.found("person", 928, where(928, ">=", num=1), where(928, "<=", num=1)) == [1]


def test_a_checkbox_is_found_by_any_box_that_is_ticked(remix: RemixEmulator, caller: RemixCaller) -> None:
    code = remix.add_column("person", "関心", "checkbox", choices=["製品A", "製品B", "製品C"])
    remix.update("person", 1, {code: (True, False, True)})
    assert caller.found("person", 928, where(code, checkBox=[False, True, True])) == [1]
    assert caller.found("person", 928, where(code, checkBox=[False, True, False])) == []
    assert caller.search("person", [code], where(928, num=1)).rows == [[[True, False, True]]]


@pytest.mark.parametrize(
    "condition",
    [
        {"column_code": 903, "operator": "=", "text": "山田"},  # the word of writes
        where(99999, text="x"),
        where(903, ">=", text="x"),
        where(928, ">", num=1),
        where(928, "<", num=1),
        where(934, "<=", date="2026-11-01"),
        where(934, ">", date="2026-11-01"),
        where(934, ">=", date="2026/11/01"),
        where(934, ">=", date="2026-11-01T00:00:00Z"),
        where(934, ">=", date="2026-11-01T00:00:00.5"),
        where(934, ">=", date="2026-13-01"),
        where(934, ">=", date=20261101),
        where(934, ">=", date="２０２６-11-01"),
        where(934, ">=", date="0001-01-01T00:00:00+09:00"),
        where(903, text="\ud800"),
        where(928, text="1"),
        where(928, num="1"),
        where(928, num=True),
        where(928, num=1.5),
        where(939, text="部長"),
        where(903, text="x", num=1),
        where(903),
        where(903, text=""),
        where(914, null=False),
        where(914, ">=", null=True),
        where(914, null=True, text="x"),
        where(903, text="x", caseless=True),
        {"columnCode": 903, "text": "x"},
        {"columnCode": 903, "operator": ["="], "text": "x"},
        "903",
    ],
)
def test_conditions_that_are_refused(caller: RemixCaller, condition: Any) -> None:
    answer = caller.search("person", [928], condition)
    assert (answer.status, answer.json["code"]) == (400, 400)
    assert isinstance(answer.json["messages"][0], str)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"searchCondition": {"targetObjectName": "person"}},
        {"searchCondition": {"targetObjectName": "person"}, "columnCodes": []},
        {"searchCondition": {"targetObjectName": "person"}, "columnCodes": [99999]},
        {"searchCondition": {"targetObjectName": "person"}, "columnCodes": ["928"]},
        {"searchCondition": {"targetObjectName": "people"}, "columnCodes": [928]},
        {"searchCondition": {"targetObjectName": ["person"]}, "columnCodes": [928]},
        {"searchCondition": {"targetObjectName": "person", "or": []}, "columnCodes": [928]},
        {"searchCondition": {"targetObjectName": "person", "items": {}}, "columnCodes": [928], "limit": 10},
        {"searchCondition": {"targetObjectName": "person"}, "columnCodes": [928], "limit": 10},
        {"searchCondition": {"targetObjectName": "person"}, "columnCodes": [928], "fromIndex": -1},
        {"searchCondition": {"targetObjectName": "person"}, "columnCodes": [928], "fromIndex": "0"},
        {"searchCondition": {"targetObjectName": "person"}, "columnCodes": [928], "sortKeys": [{"columnCode": 928}]},
        {"searchCondition": {"targetObjectName": "person", "notExists": "no"}, "columnCodes": [928]},
    ],
)
def test_searches_that_are_refused(caller: RemixCaller, body: Any) -> None:
    assert caller.call("POST", "entities/search", json=body).status == 400


def test_a_related_condition_asks_for_linked_records_in_either_direction(
    remix: RemixEmulator, caller: RemixCaller
) -> None:
    other = remix.add_customer("佐藤商事")
    remix.add_person(other, "鈴木 一郎")

    def found(entity: str, key: int, related: dict[str, Any]) -> list[Any]:
        condition = {"targetObjectName": entity, "items": [], "relatedObjectConditions": [related]}
        body = {"searchCondition": condition, "columnCodes": [key]}
        return [row[0] for row in caller.call("POST", "entities/search", json=body).rows]

    with_deal = {"targetObjectName": "business", "items": [where(203, num=2)]}
    assert found("customer", 318, with_deal) == [1]
    assert found("customer", 318, with_deal | {"notExists": True}) == [2]
    of_other = {"targetObjectName": "customer", "items": [where(301, text="佐藤商事")]}
    assert found("person", 928, of_other) == [3]


# --- shapes -----------------------------------------------------------------------------------------------------------

ASKED = [905, 928, 939]
AS_ITEMS = [
    {"columnCode": 905, "text": None},
    {"columnCode": 928, "num": 1},
    {"columnCode": 939, "num": 2},
]


@pytest.mark.parametrize(
    ("settings", "row"),
    [
        (RemixSettings(rows="positional"), [None, 1, 2]),
        (RemixSettings(rows="positional", select_as="name", number_as="string"), [None, "1", "部長"]),
        (RemixSettings(rows="items"), AS_ITEMS),
        (RemixSettings(rows="items", empty="missing"), AS_ITEMS[1:]),
        (
            RemixSettings(rows="items", item_code="column_code", select_as="name", empty="missing"),
            [{"column_code": 928, "num": 1}, {"column_code": 939, "text": "部長"}],
        ),
        (RemixSettings(rows="by_code"), {"905": None, "928": 1, "939": 2}),
        (RemixSettings(rows="by_code", empty="missing"), {"928": 1, "939": 2}),
        (RemixSettings(rows="with_items"), {"items": AS_ITEMS}),
    ],
)
def test_the_shapes_of_a_row(settings: RemixSettings, row: Any) -> None:
    remix = RemixEmulator(settings=settings)
    remix.add_person(remix.add_customer("山田"), "山田 太郎", {939: "部長"})
    caller = RemixCaller(remix)
    assert caller.search("person", ASKED).json == {"hits": 1, "values": [row]}
    one = caller.get("entity", obj="person", id=1, columncodes="905,928,939")
    assert one.json == {"hits": 1, "values": [row]}


def test_positions_may_follow_the_question_or_the_codes(remix: RemixEmulator, caller: RemixCaller) -> None:
    one = where(928, num=1)
    assert caller.search("person", [928, 903], one).rows == [[1, "山田 太郎"]]
    assert caller.search("person", [903, 928], one).rows == [["山田 太郎", 1]]
    remix.settings.positions = "code"
    assert caller.search("person", [928, 903], one).rows == [["山田 太郎", 1]]


def test_times_may_be_printed_in_japan(remix: RemixEmulator, caller: RemixCaller) -> None:
    remix.settings.printed_offset = "+09:00"
    assert caller.search("person", [934], where(928, num=1)).rows == [["2026-11-01T12:00:00+09:00"]]
    assert caller.search("customer", [313]).rows == [["1970-04-01"]]


def test_one_record_that_is_not_there_is_no_hit(caller: RemixCaller) -> None:
    assert caller.get("entity", obj="person", id=99, columncodes="928").json == {"hits": 0, "values": []}


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def many() -> RemixEmulator:
    remix = RemixEmulator(settings=RemixSettings(rows="positional", page_size=4))
    customer = remix.add_customer("山田")
    for number in range(1, 11):
        remix.add_person(customer, f"人 {number}")
    return remix


@pytest.mark.parametrize(
    ("from_index", "base", "start", "expected"),
    [
        ("honoured", 0, None, [1, 2, 3, 4]),
        ("honoured", 0, 0, [1, 2, 3, 4]),
        ("honoured", 0, 4, [5, 6, 7, 8]),
        ("honoured", 0, 8, [9, 10]),
        ("honoured", 0, 10, []),
        ("honoured", 1, 0, [1, 2, 3, 4]),
        ("honoured", 1, 4, [4, 5, 6, 7]),
        ("ignored", 0, 4, [1, 2, 3, 4]),
    ],
)
def test_pages(
    many: RemixEmulator,
    from_index: Literal["honoured", "ignored"],
    base: Literal[0, 1],
    start: int | None,
    expected: list[int],
) -> None:
    many.settings.from_index = from_index
    many.settings.from_base = base
    answer = RemixCaller(many).search("person", [928], fromIndex=start)
    assert (answer.json["hits"], [row[0] for row in answer.rows]) == (10, expected)


def test_rows_may_come_in_any_order(many: RemixEmulator) -> None:
    many.settings.page_size = 100
    caller = RemixCaller(many)
    many.settings.order = "scattered"
    first, again = caller.found("person", 928), caller.found("person", 928)
    assert first == again != sorted(first) == list(range(1, 11))
    many.settings.order = "unstable"
    first, again = caller.found("person", 928), caller.found("person", 928)
    assert first != again
    assert sorted(first) == sorted(again) == list(range(1, 11))


def test_a_page_may_be_small(many: RemixEmulator) -> None:
    many.chaos.plan("small_pages")
    many.chaos.plan("small_pages", rows=1)
    caller = RemixCaller(many)
    assert [len(caller.found("person", 928)) for _ in range(3)] == [2, 1, 4]


# --- what there is ----------------------------------------------------------------------------------------------------


def test_names(caller: RemixCaller) -> None:
    names = caller.get("entities/names").json["names"]
    assert {"customer", "person", "business", "communication", "todo", "schedule", "extension_1"} <= set(names)


def test_columns_tell_the_tenant_s_own(remix: RemixEmulator, caller: RemixCaller) -> None:
    code = remix.add_column("person", "MAスコア", "num")
    assert code >= 10000
    columns = caller.get("entities/columns", obj_name="person").json["columns"]
    assert {"columnCode": code, "columnName": "MAスコア", "columnType": "num"} in columns
    assert {"columnCode": 934, "columnName": "変更日", "columnType": "date"} in columns


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (ListShape((), "code", "name"), [{"code": 1, "name": "製品A"}]),
        (ListShape(("result", "list"), "id", "label"), {"result": {"list": [{"id": 1, "label": "製品A"}]}}),
        (None, {"checkItems": [{"checkItemCode": 1, "checkItemName": "製品A"}]}),
    ],
)
def test_lists_may_have_another_shape(
    remix: RemixEmulator, caller: RemixCaller, shape: ListShape | None, expected: Any
) -> None:
    if shape is not None:
        remix.settings.checkitems = shape
    code = remix.add_column("person", "関心", "checkbox", choices=["製品A"])
    assert caller.get("entities/checkitems", obj_name="person", column_code=code).json == expected


def test_choices_may_be_renamed_and_removed(remix: RemixEmulator, caller: RemixCaller) -> None:
    def names() -> dict[int, str]:
        found = caller.get("entities/selectitems", obj_name="business", column_code=203).json["selectItems"]
        return {each["selectItemCode"]: each["selectItemName"] for each in found}

    assert names()[5] == "失注"
    remix.rename_choice("business", 203, 5, "失注(競合)")
    assert names()[5] == "失注(競合)"
    remix.rename_choice("business", 203, 2, None)
    assert 2 not in names()
    assert caller.search("business", [203]).rows == [[2]]


@pytest.mark.parametrize(
    ("resource", "params"),
    [
        ("entities/columns", {}),
        ("entities/columns", {"obj_name": "people"}),
        ("entities/columns", {"obj_name": "person", "lang": "ja"}),
        ("entities/selectitems", {"obj_name": "customer", "column_code": 341}),
        ("entities/selectitems", {"obj_name": "customer", "column_code": "x"}),
        ("entities/checkitems", {"obj_name": "person", "column_code": 939}),
        ("entities/names", {"obj_name": "person"}),
        ("entity", {"obj": "person", "id": "a", "columncodes": "928"}),
        ("entity", {"obj": "person", "id": 1, "columncodes": ""}),
        ("entity", {"obj": "person", "id": 1}),
    ],
)
def test_questions_that_are_refused(caller: RemixCaller, resource: str, params: dict[str, Any]) -> None:
    assert caller.get(resource, **params).status == 400
