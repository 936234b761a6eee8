"""What the emulated esm has besides records: lists, the timeline, and a Search API that may be there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connector.sandbox.clock import Clock
from connector.sandbox.esales import EsmEmulator, EsmSettings
from tests.unit.sandbox.esales_client import CARD, DEAL, EsmCaller

START = datetime(2026, 11, 1, 3, 0, 0, tzinfo=UTC)


@pytest.fixture
def esm() -> EsmEmulator:
    """A customer with three deals, two of them lost, on a list."""
    esm = EsmEmulator(clock=Clock(START, ticking=False))
    customer = esm.add_customer("株式会社山田製作所")
    deals = [esm.add_deal(customer, f"案件{each}", {"progress": each}) for each in ("失注", "提案", "失注")]
    esm.add_list("businessplan", "失注案件", [deals[0], deals[2]])
    return esm


@pytest.fixture
def caller(esm: EsmEmulator) -> EsmCaller:
    return EsmCaller(esm)


# --- lists ------------------------------------------------------------------------------------------------------------


def test_a_list_answers_ids(caller: EsmCaller) -> None:
    assert caller.get("list/businessplan/1").json == {"id": 1, "name": "失注案件", "ids": [1, 3]}


def test_a_list_may_answer_records(esm: EsmEmulator, caller: EsmCaller) -> None:
    esm.settings.lists = "records"
    found = caller.get("list/businessplan/1").json["data"]
    assert (found["listId"], found["total"]) == (1, 2)
    assert [record[f"{DEAL}.id"] for record in found["records"]] == [1, 3]


def test_a_list_follows_the_screen_and_forgets_what_is_deleted(esm: EsmEmulator, caller: EsmCaller) -> None:
    esm.set_list(1, [1, 2])
    esm.delete("businessplan", 1)
    assert caller.get("list/businessplan/1").json["ids"] == esm.members(1) == [2]


def test_a_list_is_made_changed_and_deleted(esm: EsmEmulator, caller: EsmCaller) -> None:
    assert caller.post("list/businessplan", {"name": "提案中", "ids": [2]}).json == {"id": 2}
    assert caller.put("list/businessplan/2", {"ids": [2, 3]}).status == 200
    assert esm.members(2) == [2, 3]
    assert caller.put("list/businessplan/2", {"name": "進行中"}).status == 200
    assert caller.get("list/businessplan/2").json == {"id": 2, "name": "進行中", "ids": [2, 3]}
    assert caller.delete("list/businessplan/2").status == 200
    assert caller.get("list/businessplan/2").status == 404
    assert len(esm.records("businessplan")) == 3


@pytest.mark.parametrize(
    ("method", "resource", "body", "status"),
    [
        ("GET", "list/businesscard/1", None, 404),
        ("GET", "list/businessplan/9", None, 404),
        ("POST", "list/task", {"name": "x"}, 404),
        ("GET", "list/businessplan", None, 405),
        ("POST", "list/businessplan/1", {"name": "x"}, 405),
        ("POST", "list/businessplan", {"ids": [1]}, 400),
        ("POST", "list/businessplan", {"name": "x", "ids": [99]}, 400),
        ("POST", "list/businessplan", {"name": "x", "conditions": []}, 400),
        ("POST", "list/businessplan", {"name": "x", "ids": ["1"]}, 500),
        ("POST", "list/businessplan", {"name": 1}, 500),
    ],
)
def test_lists_that_are_refused(caller: EsmCaller, method: str, resource: str, body: Any, status: int) -> None:
    assert caller.call(method, resource, json=body).status == status


def test_a_list_needs_the_right_to_read_its_records(esm: EsmEmulator, caller: EsmCaller) -> None:
    esm.deny("businessplan", "参照")
    assert caller.get("list/businessplan/1").status == 403


# --- the timeline -----------------------------------------------------------------------------------------------------

POST = {
    "body": [{"text": "資料請求がありました"}],
    "relation": [{"sheetName": "customer", "id": 1}],
    "notification": {"notice": True, "mail": False},
}


def test_a_post_is_made_read_and_deleted(esm: EsmEmulator, caller: EsmCaller) -> None:
    assert caller.post("post", POST).json == {"id": 1}
    assert caller.get("post/1").json == {
        "id": 1,
        "postDatetime": "2026/11/01 12:00:00",
        "body": [{"text": "資料請求がありました"}],
        "attachedFile": [],
        "postUserId": esm.user_id,
        "postEmployeeId": esm.user_id,
        "tag": [],
        "relation": [{"sheetName": "customer", "id": 1}],
        "channel": None,
        "replies": [],
    }
    assert [post["notification"] for post in esm.posts()] == [{"notice": True, "mail": False}]
    assert caller.delete("post/1").status == 200
    assert caller.get("post/1").status == 404
    assert esm.posts() == []


def test_a_channel_is_for_its_members_and_for_system_users(esm: EsmEmulator, caller: EsmCaller) -> None:
    member, stranger = esm.add_user("sato", "佐藤"), esm.add_user("suzuki", "鈴木")
    channel = esm.add_channel("ホットリード", [member])
    body = POST | {"channel": {"channelId": channel}}

    def as_user(user: int) -> EsmCaller:
        other = EsmCaller(esm)
        other.headers["Authorization"] = f"Bearer {esm.add_token(user)}"
        return other

    assert [each.post("post", body).status for each in (caller, as_user(member), as_user(stranger))] == [200, 200, 403]
    read = [each.get("post/1") for each in (caller, as_user(member), as_user(stranger))]
    assert [answer.status for answer in read] == [200, 200, 403]
    assert read[0].json["channel"] == {"channelId": channel, "channelName": "ホットリード"}
    assert as_user(stranger).delete("post/1").status == 403


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"body": []}, 400),
        ({"body": [{"text": ""}]}, 400),
        ({"body": "資料請求"}, 500),
        ({"relation": [{"sheetName": "customer"}]}, 500),
        ({"channel": {"channelId": 9}}, 400),
        ({"channel": 1}, 500),
        ({"notification": {"fax": True}}, 400),
        ({"notification": {"mail": "yes"}}, 500),
        ({"tag": [1]}, 500),
        ({"title": "x"}, 400),
    ],
)
def test_posts_that_are_refused(esm: EsmEmulator, caller: EsmCaller, changed: Any, status: int) -> None:
    assert caller.post("post", POST | changed).status == status
    assert esm.posts() == []


def test_posts_need_a_right_and_the_right_method(esm: EsmEmulator, caller: EsmCaller) -> None:
    assert caller.get("post").status == 405
    assert caller.put("post/1", POST).status == 405
    esm.deny("post", "登録")
    assert caller.post("post", POST).status == 403


# --- search -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def searchable() -> EsmCaller:
    """Five name cards with scores from 10 to 50."""
    esm = EsmEmulator(clock=Clock(START, ticking=False), settings=EsmSettings(search=True))
    customer = esm.add_customer("山田")
    score = esm.add_column("businesscard", "スコア", "number")
    assert score == f"{CARD}.type_number1"
    for number in range(1, 6):
        esm.add_card(customer, f"人 {number}", {score: number * 10, "email": f"p{number}@example.jp"})
    return EsmCaller(esm)


def _condition(name: str, operator: str, value: Any) -> dict[str, Any]:
    return {"key": f"{CARD}.{name}", "operator": operator, "value": value}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], [1, 2, 3, 4, 5]),
        ([_condition("email", "eq", "p2@example.jp")], [2]),
        ([_condition("name", "contains", "人 3")], [3]),
        ([_condition("type_number1", "ge", 40)], [4, 5]),
        ([_condition("type_number1", "gt", 10), _condition("type_number1", "lt", 30)], [2]),
        ([_condition("id", "le", 1)], [1]),
        ([_condition("memo", "eq", None)], [1, 2, 3, 4, 5]),
        ([_condition("system_upd_date", "ge", "2026/11/01 12:00:00")], [1, 2, 3, 4, 5]),
        ([_condition("system_upd_date", "gt", "2026/11/01 12:00:00")], []),
    ],
)
def test_a_search_by_template(searchable: EsmCaller, conditions: list[Any], expected: list[int]) -> None:
    found = searchable.post("search/businesscard", {"conditions": conditions}).json
    assert found["total"] == len(expected)
    assert [record[f"{CARD}.id"] for record in found["records"]] == expected


def test_a_search_has_pages(searchable: EsmCaller) -> None:
    found = searchable.post("search/businesscard", {"offset": 3, "limit": 1}).json
    assert (found["total"], found["offset"], len(found["records"])) == (5, 3, 1)
    assert found["records"][0][f"{CARD}.id"] == 4


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"limit": 101}, 400),
        ({"offset": -1}, 400),
        ({"order": "id"}, 400),
        ({"conditions": [_condition("nickname", "eq", "x")]}, 400),
        ({"conditions": [_condition("name", "like", "x")]}, 400),
        ({"conditions": [_condition("address", "ge", {"street": "x"})]}, 400),
        ({"conditions": [{"key": f"{CARD}.name"}]}, 500),
        ({"conditions": [_condition("type_number1", "ge", "40")]}, 500),
        ({"conditions": {}}, 500),
        ({"limit": "10"}, 500),
    ],
)
def test_searches_that_are_refused(searchable: EsmCaller, body: Any, status: int) -> None:
    assert searchable.post("search/businesscard", body).status == status
