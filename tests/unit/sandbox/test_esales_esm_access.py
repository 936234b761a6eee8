"""The emulated esm's door: tokens and how they end, the zone, the paths, the rights, and the forms of a refusal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import pytest

from connector.sandbox.clock import Clock
from connector.sandbox.esales import EsmEmulator, EsmSettings
from connector.sandbox.esales.esm.refusals import BUSY
from connector.sandbox.esales.esm.tenant import Right
from tests.unit.sandbox.esales_client import CARD, CUSTOMER, EsmCaller, send

START = datetime(2026, 11, 1, 3, 0, 0, tzinfo=UTC)


@pytest.fixture
def esm() -> EsmEmulator:
    """A customer with a name card."""
    esm = EsmEmulator(clock=Clock(START, ticking=False))
    esm.add_card(esm.add_customer("株式会社山田製作所"), "山田 太郎")
    return esm


@pytest.fixture
def caller(esm: EsmEmulator) -> EsmCaller:
    return EsmCaller(esm)


def _bear(caller: EsmCaller, token: str) -> None:
    caller.headers["Authorization"] = f"Bearer {token}"


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_a_login_answers_as_the_page_shows(esm: EsmEmulator, caller: EsmCaller) -> None:
    answer = caller.login()
    assert answer.status == 200
    found = answer.json
    assert found.keys() == {"accessToken", "tokenType", "expireIn", "refreshToken"}
    assert (found["tokenType"], found["expireIn"]) == ("BEARER", 3600)
    assert found["accessToken"].startswith("ey")
    assert len(bytes.fromhex(found["refreshToken"])) == 16
    _bear(caller, found["accessToken"])
    assert caller.get("sheet/customer/1").status == 200
    assert (esm.logins, esm.calls) == (1, 1)


def test_the_life_of_a_token_may_be_told_as_a_string(esm: EsmEmulator, caller: EsmCaller) -> None:
    esm.settings.expire_in = "string"
    assert caller.login().json["expireIn"] == "3600"


@pytest.mark.parametrize(
    "changed",
    [
        {"password": "other"},
        {"userId": "other"},
        {"tenantId": "other"},
        {"tenantId": None},
        {"password": ""},
        {"password": 1},
        {"grantType": "client_credentials"},
        {"grantType": ["password"]},
        {"grantType": "refresh"},
        {"scope": "all"},
    ],
)
def test_a_wrong_login_is_answered_400(esm: EsmEmulator, caller: EsmCaller, changed: dict[str, Any]) -> None:
    assert caller.login(**changed).status == 400
    assert esm.logins == 0


def test_a_login_must_be_a_post_with_json(esm: EsmEmulator, caller: EsmCaller) -> None:
    assert caller.token([]).status == 400
    assert send(esm, "POST", "/auth/token", {}, data={"grantType": "password"}).status == 400
    assert send(esm, "GET", "/auth/token", {}).status == 405


def test_a_user_without_password_cannot_log_in(esm: EsmEmulator, caller: EsmCaller) -> None:
    esm.add_user("sato", "佐藤")
    esm.add_user("suzuki", "鈴木", password="pw")
    assert caller.login(userId="sato", password="").status == 400
    assert caller.login(userId="suzuki", password="pw").status == 200


def test_an_access_token_lives_one_hour_and_is_renewed(esm: EsmEmulator, caller: EsmCaller) -> None:
    first = caller.login().json
    _bear(caller, first["accessToken"])
    esm.clock.advance(timedelta(seconds=3599))
    assert caller.get("sheet/customer/1").status == 200
    esm.clock.advance(timedelta(seconds=1))
    assert caller.get("sheet/customer/1").status == 401
    second = caller.token({"grantType": "refresh", "refreshToken": first["refreshToken"]})
    assert second.status == 200
    _bear(caller, second.json["accessToken"])
    assert caller.get("sheet/customer/1").status == 200


def test_a_refresh_token_ends(esm: EsmEmulator, caller: EsmCaller) -> None:
    refresh = {"grantType": "refresh", "refreshToken": caller.login().json["refreshToken"]}
    assert caller.token(refresh | {"tenantId": "sandbox"}).status == 200
    assert caller.token(refresh | {"refreshToken": "0" * 32}).status == 400
    esm.clock.advance(esm.settings.refresh_life)
    assert caller.token(refresh).status == 400


def test_tokens_die_at_once(esm: EsmEmulator, caller: EsmCaller) -> None:
    made = caller.login().json
    refresh = {"grantType": "refresh", "refreshToken": made["refreshToken"]}
    _bear(caller, made["accessToken"])
    esm.expire_tokens()
    assert caller.get("sheet/customer/1").status == 401
    assert caller.token(refresh).status == 200
    esm.expire_tokens(refresh=True)
    assert caller.token(refresh).status == 400
    assert EsmCaller(esm).get("sheet/customer/1").status == 200


def test_an_api_token_lives_until_it_is_deleted(esm: EsmEmulator, caller: EsmCaller) -> None:
    _bear(caller, esm.add_token(esm.user_id))
    esm.clock.advance(timedelta(days=1000))
    assert caller.get("sheet/customer/1").status == 200
    esm.delete_token(caller.headers["Authorization"].removeprefix("Bearer "))
    assert caller.get("sheet/customer/1").status == 401


def test_a_token_may_die_in_the_middle(esm: EsmEmulator, caller: EsmCaller) -> None:
    esm.chaos.plan("expired", skip=1)
    assert [caller.get("sheet/customer/1").status for _ in range(3)] == [200, 401, 401]


@pytest.mark.parametrize("value", ["", "Bearer other", "Bearer", "bearer {}", "{}", "Basic {}"])
def test_other_bearers_open_nothing(esm: EsmEmulator, caller: EsmCaller, value: str) -> None:
    caller.headers["Authorization"] = value.format(esm.api_token)
    assert caller.get("sheet/customer/1").status == 401


# --- the zone ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "value", "status"),
    [
        ("name", "Asia/Tokyo", 200),
        ("name", "+09:00", 400),
        ("name", "Asia/Nowhere", 400),
        ("name", "../etc", 400),
        ("name", "", 400),
        ("offset", "+09:00", 200),
        ("offset", "-03:30", 200),
        ("offset", "+9:00", 400),
        ("offset", "+24:00", 400),
        ("offset", "Asia/Tokyo", 400),
    ],
)
def test_the_zone_is_required(
    esm: EsmEmulator, caller: EsmCaller, form: Literal["name", "offset"], value: str, status: int
) -> None:
    esm.settings.zone = form
    caller.headers["X-ESM-TIMEZONE"] = value
    assert caller.get("sheet/customer/1").status == status


def test_the_zone_must_not_be_missing(caller: EsmCaller) -> None:
    del caller.headers["X-ESM-TIMEZONE"]
    assert caller.get("sheet/customer/1").status == 400


@pytest.mark.parametrize(
    ("zone", "honoured", "printed"),
    [
        ("Asia/Tokyo", True, "2026/11/01 12:00:00"),
        ("UTC", True, "2026/11/01 03:00:00"),
        ("UTC", False, "2026/11/01 12:00:00"),
    ],
)
def test_times_go_by_the_zone(esm: EsmEmulator, caller: EsmCaller, zone: str, printed: str, *, honoured: bool) -> None:
    key = esm.add_column("businesscard", "最終接触", "datetime")
    esm.settings.zone_honoured = honoured
    caller.headers["X-ESM-TIMEZONE"] = zone
    assert caller.get("sheet/businesscard/1").json[f"{CARD}.system_upd_date"] == printed
    assert caller.put("sheet/businesscard/1", {key: printed}).status == 200
    assert esm.get("businesscard", 1)[key] == START
    assert caller.get("sheet/businesscard/1").json[key] == printed


# --- paths and rights -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "method", "resource", "status"),
    [
        ("/esm-api", "GET", "sheet/customer/1", 200),
        ("/sheet-fs", "GET", "sheet/customer/1", 200),
        ("/other", "GET", "sheet/customer/1", 404),
        ("/esm-api", "GET", "sheet/customer/99", 404),
        ("/esm-api", "GET", "sheet/customer/abc", 404),
        ("/esm-api", "GET", "sheet/customers/1", 404),
        ("/esm-api", "GET", "sheet/customer", 405),
        ("/esm-api", "POST", "sheet/customer/1", 405),
        ("/esm-api", "PATCH", "sheet/customer/1", 405),
        ("/esm-api", "GET", "sheet/customer/1/name", 404),
        ("/esm-api", "GET", "list/customer/1", 404),
        ("/esm-api", "POST", "search/customer", 404),
        ("/sheet-fs", "POST", "post", 404),
        ("/sheet-fs", "GET", "list/customer/1", 404),
    ],
)
def test_paths(caller: EsmCaller, prefix: str, method: str, resource: str, status: int) -> None:
    caller.prefix = prefix
    assert caller.call(method, resource).status == status


def test_an_older_gateway_may_be_the_only_one(esm: EsmEmulator, caller: EsmCaller) -> None:
    esm.settings.prefixes = ("/sheet-fs",)
    assert caller.get("sheet/customer/1").status == 404
    caller.prefix = "/sheet-fs"
    assert caller.get("sheet/customer/1").status == 200


@pytest.mark.parametrize(
    ("right", "method", "resource"),
    [
        ("参照", "GET", "sheet/customer/1"),
        ("登録", "POST", "sheet/customer"),
        ("変更", "PUT", "sheet/customer/1"),
        ("削除", "DELETE", "sheet/customer/2"),
    ],
)
def test_each_operation_needs_its_right(
    esm: EsmEmulator, caller: EsmCaller, right: Right, method: str, resource: str
) -> None:
    esm.add_customer("佐藤商事")
    body = {f"{CUSTOMER}.customer_name": "田中工業"}
    for each in ("参照", "登録", "変更", "削除"):
        if each != right:
            esm.deny("customer", each)
    assert caller.call(method, resource, json=body).status == 200
    esm.deny("customer", right)
    assert caller.call(method, resource, json=body).status == 403
    esm.grant("customer", right)
    assert caller.call(method, resource, json=body).status in (200, 404)


# --- forms of a refusal -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        {"data": b"{", "content_type": "application/json"},
        {"data": b"[]", "content_type": "application/json"},
        {"data": b"", "content_type": "application/json"},
        {"data": b'{"a": NaN}', "content_type": "application/json"},
        {"data": b"{}", "content_type": "text/plain"},
        {"data": b"{}", "content_type": "application/json,application/json"},
        {"json": {f"{CUSTOMER}.customer_name": 5}},
        {"json": {f"{CUSTOMER}.address": "東京都"}},
        {"json": {f"{CUSTOMER}.relational_parent_customer": "1"}},
    ],
)
def test_a_malformed_body_is_answered_as_if_the_system_were_busy(caller: EsmCaller, sent: dict[str, Any]) -> None:
    answer = caller.call("PUT", "sheet/customer/1", **sent)
    assert (answer.status, answer.json) == (500, {"status": 500, "message": BUSY})


def test_what_is_not_acceptable_may_be_answered_in_the_same_way(esm: EsmEmulator, caller: EsmCaller) -> None:
    wrong = {f"{CUSTOMER}.customer_type": "知人"}
    assert caller.put("sheet/customer/1", wrong).status == 400
    esm.settings.invalid = "busy"
    assert caller.put("sheet/customer/1", wrong).status == 500
    assert caller.get("sheet/customer/99").status == 404
    assert caller.login(password="other").status == 400


def test_a_refusal_may_be_text_or_html(esm: EsmEmulator, caller: EsmCaller) -> None:
    esm.settings.error_body = "text"
    assert caller.get("sheet/customer/99").text == "データが存在しません。"
    esm.settings.error_body = "html"
    assert caller.get("sheet/customer/99").text.startswith("<!DOCTYPE html>")


def test_faults_by_order(esm: EsmEmulator, caller: EsmCaller) -> None:
    esm.chaos.plan("busy")
    esm.chaos.plan("quota", seconds=3, skip=0)
    esm.chaos.plan("row_fail")
    limited, busy = caller.get("sheet/customer/1"), caller.get("sheet/customer/1")
    assert (limited.status, limited.headers["Retry-After"]) == (429, "3")
    assert (busy.status, busy.json["message"]) == (500, BUSY)
    assert caller.get("sheet/customer/1").status == 200
    assert caller.put("sheet/customer/1", {}).status == 400
    assert caller.put("sheet/customer/1", {}).status == 200
    esm.chaos.plan("quota", seconds=None)
    assert "Retry-After" not in caller.get("sheet/customer/1").headers


def test_the_answer_is_dated_by_the_clock_of_its_world(caller: EsmCaller) -> None:
    assert parsedate_to_datetime(caller.get("sheet/customer/1").headers["Date"]) == START


def test_another_tenant_is_not_there() -> None:
    esm = EsmEmulator(settings=EsmSettings(tenant="acme"))
    caller = EsmCaller(esm)
    assert caller.login().status == 200
    esm.add_customer("山田")
    assert caller.get("sheet/customer/1").status == 200
    path = "/esm-api/sandbox/pub/esms/v1/sheet/customer/1"
    assert send(esm, "GET", path, caller.headers).status == 404
