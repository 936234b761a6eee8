"""The emulated Remix written to: who may call, what is accepted, and the forms of a refusal."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from connector.sandbox.clock import Clock
from connector.sandbox.esales import RemixEmulator, RemixSettings
from connector.sandbox.server import Server
from tests.unit.sandbox.esales_client import RemixCaller, item

START = datetime(2026, 11, 1, 3, 0, 0, tzinfo=UTC)


@pytest.fixture
def remix() -> RemixEmulator:
    """A customer with a name card and a deal, made an hour ago."""
    remix = RemixEmulator(clock=Clock(START, ticking=False), settings=RemixSettings(rows="positional"))
    customer = remix.add_customer("株式会社山田製作所")
    remix.add_person(customer, "山田 太郎", {905: "部長"})
    remix.add_deal(customer, "生産管理の刷新")
    remix.clock.advance(timedelta(hours=1))
    return remix


@pytest.fixture
def caller(remix: RemixEmulator) -> RemixCaller:
    return RemixCaller(remix)


# --- who may call -----------------------------------------------------------------------------------------------------


def _basic(text: str) -> dict[str, str]:
    return {"X-Auth-User-Token": base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Auth-API-Token": "sandbox-token"}, 200),
        ({"x-auth-api-token": "sandbox-token"}, 200),
        (_basic("0012:ひみつ:2"), 200),
        (_basic("0012:wrong"), 401),
        (_basic("0012"), 401),
        (_basic("0013:"), 401),
        ({"X-Auth-User-Token": "%%%"}, 401),
        ({"X-Auth-User-Token": "ÿ"}, 401),
        ({"X-Auth-API-Token": "other"}, 401),
        ({"X-Auth-API-Token": "other"} | _basic("0012:ひみつ:2"), 401),
        ({"Authorization": "Bearer sandbox-token"}, 401),
        ({}, 401),
    ],
)
def test_who_may_call(remix: RemixEmulator, caller: RemixCaller, headers: dict[str, str], status: int) -> None:
    remix.add_user("0012", "鈴木 一郎", password="ひみつ:2")
    remix.add_user("0013", "田中 次郎")
    caller.headers = headers
    assert caller.get("entities/names").status == status


def test_tokens_are_issued_and_deleted(remix: RemixEmulator, caller: RemixCaller) -> None:
    caller.headers = {"X-Auth-API-Token": remix.add_token()}
    assert caller.get("entities/names").status == 200
    remix.delete_token(caller.headers["X-Auth-API-Token"])
    assert caller.get("entities/names").status == 401
    assert RemixCaller(remix).get("entities/names").status == 200


@pytest.mark.parametrize("headers", [{"X-Auth-API-Token": "sandbox-token"}, _basic("0012:pass")])
def test_a_token_may_die_in_the_middle(remix: RemixEmulator, caller: RemixCaller, headers: dict[str, str]) -> None:
    remix.add_user("0012", "鈴木 一郎", password="pass")
    caller.headers = headers
    remix.chaos.plan("expired", skip=1)
    assert [caller.get("entities/names").status for _ in range(3)] == [200, 401, 401]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "entities/name", 404),
        ("POST", "entities", 404),
        ("POST", "entities/names", 405),
        ("GET", "entities/search", 405),
        ("PATCH", "entity", 405),
    ],
)
def test_paths_and_methods(caller: RemixCaller, method: str, path: str, status: int) -> None:
    assert caller.call(method, path).status == status


def test_another_context_is_not_there(caller: RemixCaller) -> None:
    caller.remix.settings.context = "other"
    assert caller.get("entities/names").status == 200
    caller.remix.settings.context = "sandbox"
    with Server(caller.remix.handle) as server:
        answer = requests.get(f"{server.url}/other/rest/v1/entities/names", headers=caller.headers, timeout=5)
    assert answer.status_code == 404


# --- writing ----------------------------------------------------------------------------------------------------------


def test_the_registration_of_the_facts_works_as_it_is_quoted(remix: RemixEmulator, caller: RemixCaller) -> None:
    items = [{"column_code": 903, "text": "山田 太郎"}, {"column_code": 902, "num": 1}]
    answer = caller.call("POST", "entity", json={"objectName": "person", "items": items})
    assert (answer.status, answer.json) == (200, {"primarykey": 2})
    now = START + timedelta(hours=1)
    assert remix.get("person", 2) == {903: "山田 太郎", 902: 1, 928: 2, 932: now, 934: now}


def test_an_update_touches_nothing_else_and_moves_the_stamp(remix: RemixEmulator, caller: RemixCaller) -> None:
    before = remix.get("person", 1)
    assert caller.write("PUT", "person", item(928, num=1), item(939, num=3)).json == {"primarykey": 1}
    assert remix.get("person", 1) == before | {939: 3, 934: START + timedelta(hours=1)}


@pytest.mark.parametrize("empty", [None, ""])
def test_a_column_is_emptied(remix: RemixEmulator, caller: RemixCaller, empty: Any) -> None:
    assert caller.write("PUT", "person", item(928, num=1), item(905, text=empty)).status == 200
    assert remix.get("person", 1)[905] is None


@pytest.mark.parametrize(
    ("type_", "value", "kept"),
    [
        ("text", {"text": "文字"}, "文字"),
        ("num", {"num": 85}, 85),
        ("decimal", {"decimal": 1.25}, Decimal("1.25")),
        ("decimal", {"decimal": 3}, Decimal(3)),
        ("select", {"num": 2}, 2),
        ("date", {"date": "2026-11-01"}, date(2026, 11, 1)),
        ("datetime", {"date": "2026-11-01T00:00:00+09:00"}, datetime(2026, 10, 31, 15, tzinfo=UTC)),
        ("datetime", {"date": "2026-11-01T00:00:00"}, datetime(2026, 11, 1, tzinfo=UTC)),
        ("checkbox", {"checkBox": [True, False]}, (True, False)),
    ],
)
def test_each_type_has_its_member(
    remix: RemixEmulator, caller: RemixCaller, type_: str, value: dict[str, Any], kept: Any
) -> None:
    code = remix.add_column("person", "独自", type_, choices=["A", "B"] if type_ in ("select", "checkbox") else [])
    assert caller.write("PUT", "person", item(928, num=1), item(code, **value)).status == 200
    assert remix.get("person", 1)[code] == kept
    wrong = {"text": "x"} if "text" not in value else {"num": 1}
    assert caller.write("PUT", "person", item(928, num=1), item(code, **wrong)).status == 400


KEY = item(928, num=1)


@pytest.mark.parametrize(
    ("method", "entity", "items"),
    [
        ("POST", "person", [item(903, text="氏名")]),  # no 名刺 without 顧客
        ("POST", "person", [item(902, num=1)]),
        ("POST", "person", [item(903, text="氏名"), item(902, num=99)]),
        ("POST", "person", [item(903, text="氏名"), item(902, num=1), item(928, num=7)]),
        ("POST", "business", [item(202, text="案件")]),  # no 案件 without 顧客
        ("POST", "communication", [item(402, text="電話した")]),  # no 活動 without 案件
        ("POST", "communication", [item(402, text="電話した"), item(403, num=99)]),
        ("POST", "customer", []),
        ("POST", "people", [item(903, text="氏名")]),
        ("PUT", "person", [item(905, text="課長")]),  # no primary key
        ("PUT", "person", [item(928, num=None), item(905, text="課長")]),
        ("PUT", "person", [KEY, {"columnCode": 905, "text": "課長"}]),  # the word of searches
        ("PUT", "person", [KEY, item(99999, text="x")]),
        ("PUT", "person", [KEY, item(202, text="x")]),
        ("PUT", "person", [KEY, item(934, date="2026-11-01")]),
        ("PUT", "person", [KEY, item(903, text=None)]),
        ("PUT", "person", [KEY, item(939, num=9)]),
        ("PUT", "person", [KEY, item(939, text="部長")]),
        ("PUT", "person", [KEY, item(905, text=5)]),
        ("PUT", "person", [KEY, item(905)]),
        ("PUT", "person", [KEY, item(905, text="課長", num=1)]),
        ("PUT", "person", [KEY, item(905, text="課長"), item(905, text="部長")]),
        ("PUT", "person", [KEY, item(905, text="課長", force=True)]),
        ("PUT", "person", [KEY, 905]),
    ],
)
def test_writes_that_are_refused(
    remix: RemixEmulator, caller: RemixCaller, method: str, entity: str, items: list[Any]
) -> None:
    before = [remix.records(name) for name in remix.sheets]
    answer = caller.write(method, entity, *items)
    assert (answer.status, answer.json["code"]) == (400, 400)
    assert [remix.records(name) for name in remix.sheets] == before


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": b"{", "content_type": "application/json"}, 400),
        ({"data": b"[]", "content_type": "application/json"}, 400),
        ({"data": b'{"objectName": NaN}', "content_type": "application/json"}, 400),
        ({"data": b"{}", "content_type": "text/plain"}, 415),
        ({"json": {"objectName": "person", "items": [KEY], "mode": "upsert"}}, 400),
        ({"json": {"objectName": "person", "items": [item(928, num=99)]}}, 404),
    ],
)
def test_bodies_that_are_refused(caller: RemixCaller, sent: dict[str, Any], status: int) -> None:
    assert caller.call("PUT", "entity", **sent).status == status


def test_a_text_may_have_a_limit(remix: RemixEmulator, caller: RemixCaller) -> None:
    code = remix.add_column("person", "要約", length=5)
    assert caller.write("PUT", "person", KEY, item(code, text="あいうえお")).status == 200
    assert caller.write("PUT", "person", KEY, item(code, text="あいうえおか")).status == 400


def test_what_others_depend_on_is_deleted_with_them_or_not_at_all(remix: RemixEmulator, caller: RemixCaller) -> None:
    customer = item(318, num=1)
    assert caller.write("DELETE", "customer", customer).status == 400
    assert caller.write("DELETE", "customer", customer, bulkRelate="yes").status == 400
    assert caller.write("DELETE", "person", KEY, item(905, text="x")).status == 400
    assert caller.write("DELETE", "customer", customer, bulkRelate=True).json == {"primarykey": 1}
    assert [remix.records(name) for name in ("customer", "person", "business")] == [[], [], []]
    assert caller.write("DELETE", "customer", customer).status == 404


def test_a_locked_record_is_refused_until_it_is_free(remix: RemixEmulator, caller: RemixCaller) -> None:
    remix.refuse("person", 1)
    assert caller.write("PUT", "person", KEY, item(905, text="課長")).status == 400
    assert caller.write("DELETE", "person", KEY).status == 400
    remix.allow("person", 1)
    assert caller.write("PUT", "person", KEY, item(905, text="課長")).status == 200


# --- forms of an answer -----------------------------------------------------------------------------------------------


def test_a_success_may_carry_a_code(remix: RemixEmulator, caller: RemixCaller) -> None:
    remix.settings.success_code = 200
    assert caller.write("PUT", "person", KEY).json == {"code": 200, "primarykey": 1}


def test_a_refusal_may_come_with_status_200(remix: RemixEmulator, caller: RemixCaller) -> None:
    remix.settings.error_status = "200"
    answer = caller.write("PUT", "person", KEY, item(99999, text="x"))
    assert (answer.status, answer.json["code"]) == (200, 400)


def test_a_refusal_may_be_text_or_html(remix: RemixEmulator, caller: RemixCaller) -> None:
    remix.settings.error_body = "text"
    answer = caller.write("PUT", "person", KEY, item(99999, text="x"))
    assert (answer.status, answer.text) == (400, "不明な項目です: 99999")
    remix.settings.error_body = "html"
    answer = caller.write("PUT", "person", KEY, item(99999, text="x"))
    assert answer.text.startswith("<!DOCTYPE html>")


def test_a_write_may_fail_by_order(remix: RemixEmulator, caller: RemixCaller) -> None:
    remix.chaos.plan("row_fail")
    assert caller.search("person", [928]).status == 200
    assert caller.write("PUT", "person", KEY).status == 400
    assert caller.write("PUT", "person", KEY).status == 200


@pytest.mark.parametrize(("params", "header"), [({}, "60"), ({"seconds": 3}, "3"), ({"seconds": None}, None)])
def test_too_many_calls(remix: RemixEmulator, caller: RemixCaller, params: dict[str, Any], header: str | None) -> None:
    remix.settings.error_status = "200"
    remix.chaos.plan("quota", **params)
    answer = caller.get("entities/names")
    assert (answer.status, answer.headers.get("Retry-After")) == (429, header)
    assert caller.get("entities/names").status == 200


def test_the_answer_is_dated_by_the_clock_of_its_world(remix: RemixEmulator, caller: RemixCaller) -> None:
    assert parsedate_to_datetime(caller.get("entities/names").headers["Date"]) == START + timedelta(hours=1)


def test_a_registration_may_succeed_though_its_answer_is_lost(remix: RemixEmulator) -> None:
    body: Any = {"objectName": "person", "items": [item(903, text="佐藤"), item(902, num=1)]}
    headers = {"X-Auth-API-Token": remix.api_token}
    with Server(remix.handle, chaos=remix.chaos) as server:
        remix.chaos.plan("reset_after", method="POST", path="/entity$")
        with pytest.raises(requests.ConnectionError):
            requests.post(f"{server.url}/sandbox/rest/v1/entity", json=body, headers=headers, timeout=5)
    assert len(remix.records("person")) == 2
