"""Who is let into the emulated kintone, and how requests must look."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from datetime import timedelta

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from connector.sandbox.clock import Clock
from connector.sandbox.kintone import KintoneEmulator
from connector.sandbox.kintone.times import stamp
from tests.unit.sandbox.kintone_client import Caller, leads


@pytest.fixture
def kintone() -> KintoneEmulator:
    return leads()


@pytest.fixture
def caller(kintone: KintoneEmulator) -> Caller:
    return Caller(kintone)


def test_nobody_without_credentials(caller: Caller) -> None:
    caller.headers = []
    answer = caller.get("records")
    assert answer.refusal == (401, "CB_AU01")
    assert answer.json["message"] == "ログインしてください。"
    assert len(answer.json["id"]) == 20


@pytest.mark.parametrize("given", ["sato:wrong", "nobody:pä:ss", "sato", ""])
def test_wrong_passwords(caller: Caller, given: str) -> None:
    caller.headers = [("X-Cybozu-Authorization", b64encode(given.encode()).decode())]
    assert caller.get("records").refusal == (401, "CB_WA01")


def test_a_password_is_cut_at_the_first_colon_and_wins_over_a_token(caller: Caller) -> None:
    caller.login("sato", "pä:ss")
    caller.headers.append(("X-Cybozu-API-Token", "nonsense"))
    assert caller.add().status == 200
    assert caller.find("作成者 in (LOGINUSER())").ids == [1]


def test_a_user_with_two_factors_needs_another_way(kintone: KintoneEmulator, caller: Caller) -> None:
    kintone.add_user("kato", "加藤", "pass", two_factor=True)
    caller.login("kato", "pass")
    assert caller.get("records").refusal == (403, "CB_TW02")


def test_tokens_act_as_the_administrator(kintone: KintoneEmulator, caller: Caller) -> None:
    caller.add()
    assert kintone.get("1", 1)["作成者"] == "Administrator"


def test_tokens_of_several_apps_by_comma_or_by_header(kintone: KintoneEmulator, caller: Caller) -> None:
    other = kintone.create_app("ほか", {})
    mine, others = kintone.add_token("1", "view"), kintone.add_token(other, "view")
    caller.token(f"{mine} , {others}")
    assert caller.get("records", app=other).status == 200
    caller.headers = [("X-Cybozu-API-Token", mine), ("X-Cybozu-API-Token", others)]
    assert [caller.get("records", app=app).status for app in ("1", other)] == [200, 200]


def test_bad_tokens(kintone: KintoneEmulator, caller: Caller) -> None:
    good = kintone.add_token("1", "view")
    young = kintone.add_token("1", "view", deployed=False)
    for tokens, refusal in [
        (["nonsense"], (400, "GAIA_IA02")),
        ([good, "nonsense"], (400, "GAIA_IA02")),
        ([young], (400, "GAIA_IA02")),
        ([good, kintone.add_token("1", "add")], (400, "GAIA_DA03")),
        ([good] * 10, (400, "CB_IL02")),
    ]:
        caller.token(*tokens)
        assert caller.get("records").refusal == refusal
    kintone.deploy("1")
    caller.token(young)
    assert caller.get("records").status == 200
    kintone.remove_token(young)
    assert caller.get("records").refusal == (400, "GAIA_IA02")


def test_nine_tokens(kintone: KintoneEmulator, caller: Caller) -> None:
    apps = ["1", *(kintone.create_app(str(number), {}) for number in range(8))]
    caller.token(*(kintone.add_token(app, "view") for app in apps))
    assert caller.get("records").status == 200


@pytest.mark.parametrize(
    ("right", "method", "api", "body"),
    [
        ("view", "GET", "record", {"id": 1}),
        ("view", "GET", "records", {}),
        ("view", "POST", "records/cursor", {}),
        ("view", "GET", "record/comments", {"record": 1}),
        ("view", "POST", "record/comment", {"record": 1, "comment": {"text": "x"}}),
        ("add", "POST", "record", {}),
        ("add", "POST", "records", {"records": []}),
        ("edit", "PUT", "record", {"id": 1}),
        ("edit", "PUT", "records", {"records": []}),
        ("delete", "DELETE", "records", {"ids": [1]}),
        ("manage", "GET", "preview/app/form/fields", {}),
    ],
)
def test_each_right_is_needed(
    kintone: KintoneEmulator, caller: Caller, right: str, method: str, api: str, body: dict[str, object]
) -> None:
    kintone.create("1", {})
    rights = {"view", "add", "edit", "delete", "manage"}
    caller.token(kintone.add_token("1", *(rights - {right})))
    assert caller.json(method, api, **body).refusal == (403, "GAIA_NO01")
    kintone.set_rights("1", "sato", *(rights - {right}))
    caller.login("sato", "pä:ss")
    assert caller.json(method, api, **body).refusal == (403, "CB_NO02")
    caller.token(kintone.add_token("1", right))
    assert caller.json(method, api, **body).status == 200


@pytest.mark.parametrize("missing", ["view", "add", "edit"])
def test_an_upsert_needs_three_rights(kintone: KintoneEmulator, caller: Caller, missing: str) -> None:
    caller.token(kintone.add_token("1", *({"view", "add", "edit"} - {missing})))
    assert caller.upsert("email", "a@x").refusal == (403, "GAIA_NO01")


def test_rights_on_single_records(kintone: KintoneEmulator, caller: Caller) -> None:
    for name in ("佐藤", "鈴木"):
        caller.add(name=name)
    kintone.close("1", 2)
    assert caller.put(2, name="伊藤").refusal == (403, "GAIA_NO01")
    assert caller.get("records/acl/evaluate", ids=[1, 2]).refusal == (403, "GAIA_NO01")
    kintone.set_rights("1", "ito", "view", "edit")
    caller.login("ito", "pass")
    assert caller.put(2, name="伊藤").refusal == (403, "CB_NO02")
    assert caller.put(1, name="伊藤").status == 200
    rights = caller.get("records/acl/evaluate", ids=[1, 2]).json["rights"]
    assert [(each["id"], each["record"]["editable"]) for each in rights] == [("1", True), ("2", False)]
    assert caller.get("records/acl/evaluate", ids=[1, 3]).refusal == (404, "GAIA_RE01")
    assert caller.get("records/acl/evaluate", ids=["x"]).refusal == (400, "CB_IJ01")


def test_oauth_tokens(kintone: KintoneEmulator, caller: Caller) -> None:
    caller.headers = [("Authorization", f"Bearer {kintone.add_bearer('sato')}")]
    caller.add()
    assert kintone.get("1", 1)["作成者"] == "sato"
    kintone.chaos.plan("expired")
    assert [caller.add().refusal for _ in range(2)] == [(401, "CB_OA01")] * 2


def test_basic_authentication_in_front(kintone: KintoneEmulator, caller: Caller) -> None:
    kintone.require_basic("door", "k:ey")
    answer = caller.get("records")
    assert (answer.status, answer.headers["Content-Type"]) == (401, "text/html; charset=utf-8")
    basic = ("Authorization", f"Basic {b64encode(b'door:k:ey').decode()}")
    assert caller.send("GET", "/k/v1/records.json?app=1", basic).status == 200


def test_apps_live_where_they_live(kintone: KintoneEmulator, caller: Caller) -> None:
    guest = kintone.create_app("ゲスト", {}, guest_space=7)
    caller.token(kintone.add_token("1", "view"), kintone.add_token(guest, "view"))
    found = {
        path: caller.send("GET", path)
        for path in (
            "/k/guest/7/v1/records.json?app=2",
            "/k/v1/records.json?app=2",
            "/k/guest/7/v1/records.json?app=1",
            "/k/guest/8/v1/records.json?app=2",
            "/k/v1/records.json?app=3",
        )
    }
    statuses = [(each.status, each.json.get("code")) for each in found.values()]
    assert statuses == [
        (200, None),
        (400, "GAIA_IL23"),
        (403, "CB_NO02"),
        (403, "CB_NO02"),
        (404, "GAIA_AP01"),
    ]


def test_parameters_in_the_query_or_in_a_body(caller: Caller) -> None:
    caller.add(name="佐藤")
    in_query = caller.get("records", fields=["$id", "name"], query='name = "佐藤"', totalCount="true")
    in_body = caller.json("GET", "records", fields=["$id", "name"], query='name = "佐藤"', totalCount=True)
    overridden = caller.json(
        "POST",
        "records",
        ("X-HTTP-Method-Override", "GET"),
        fields=["$id", "name"],
        query='name = "佐藤"',
        totalCount=True,
    )
    assert in_query.json == in_body.json == overridden.json
    assert in_query.json["totalCount"] == "1"
    assert list(in_query.json["records"][0]) == ["$id", "name"]


def test_deletion_by_query_and_by_body(caller: Caller, kintone: KintoneEmulator) -> None:
    for _ in range(4):
        caller.add()
    gone = caller.send(
        "DELETE", "/k/v1/records.json?app=1&ids%5B0%5D=1&ids%5B1%5D=2&revisions%5B0%5D=-1&revisions%5B1%5D=-1"
    )
    assert (gone.status, gone.json) == (200, {})
    assert caller.json("DELETE", "records", ids=["3"], revisions=[None]).status == 200
    assert [each["$id"] for each in kintone.records("1")] == ["4"]


def test_bodies_must_say_that_they_are_json(caller: Caller) -> None:
    body = json.dumps({"app": 1})
    assert caller.send("POST", "/k/v1/record.json", data=body).refusal == (400, "CB_IL02")
    assert caller.send("POST", "/k/v1/record.json", data=body, content_type="text/plain").refusal == (400, "CB_IL02")
    charset = "application/json; charset=UTF-8"
    assert caller.send("POST", "/k/v1/record.json", data=body, content_type=charset).status == 200


@pytest.mark.parametrize("body", ["{", "[]", "1", '"x"', '{"app":1,"record":[]}', '{"app":1,"record":{"name":"x"}}'])
def test_bodies_must_be_json_of_the_right_shape(caller: Caller, body: str) -> None:
    answer = caller.send("POST", "/k/v1/record.json", data=body, content_type="application/json")
    assert answer.refusal == (400, "CB_IJ01")


def test_half_a_character_is_no_json(caller: Caller) -> None:
    body = '{"app":1,"record":{"memo":{"value":"\\ud83d"}}}'
    assert caller.send("POST", "/k/v1/record.json", data=body, content_type="application/json").refusal[1] == "CB_IJ01"
    whole = body.replace("\\ud83d", "\\ud83d\\ude00")
    assert caller.send("POST", "/k/v1/record.json", data=whole, content_type="application/json").status == 200


def test_json_is_not_declared_without_a_body(caller: Caller) -> None:
    answer = caller.send("GET", "/k/v1/records.json?app=1", content_type="application/json")
    assert answer.refusal == (400, "CB_IJ01")


def test_long_urls(caller: Caller) -> None:
    assert caller.find(f'email = "{"a" * 8000}"').status == 200
    assert caller.find(f'email = "{"a" * 8192}"').status == 414


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/k/v1/nothing.json", 404),
        ("GET", "/k/v1/record", 404),
        ("PATCH", "/k/v1/record.json", 400),
        ("DELETE", "/k/v1/record.json", 400),
        ("GET", "/k/v1/bulkRequest.json", 400),
    ],
)
def test_what_is_not_there(caller: Caller, method: str, path: str, status: int) -> None:
    assert caller.send(method, path).status == status


@pytest.mark.parametrize(
    ("language", "message"),
    [
        (None, "入力内容が正しくありません。"),
        ("ja", "入力内容が正しくありません。"),
        ("en-US,en;q=0.9", "Missing or invalid input."),
        ("en;q=0.5,ja;q=0.9", "入力内容が正しくありません。"),
    ],
)
def test_messages_speak_the_language_of_the_caller(caller: Caller, language: str | None, message: str) -> None:
    headers = [("Accept-Language", language)] if language else []
    answer = caller.send("GET", "/k/v1/record.json?app=0", *headers)
    assert answer.json["message"] == message
    if language is None:
        assert answer.errors == {"id": "必須です。", "app": "最小でも1以上です。"}


def test_concurrent_requests_are_told_and_limited(kintone: KintoneEmulator, caller: Caller) -> None:
    caller.add()
    answer = caller.get("records")
    assert answer.headers["X-ConcurrencyLimit-Limit"] == "100"
    assert answer.headers["X-ConcurrencyLimit-Running"] == "1"
    kintone.concurrency_limit = 1
    builder = EnvironBuilder("/k/v1/records.json?app=1", headers=caller.headers)
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(kintone.handle(Request(builder.get_environ())).status_code)

    with kintone.lock:
        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        while kintone.most_running < 3:
            threading.Event().wait(0.001)
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 429, 429]


@pytest.mark.parametrize("kind", ["concurrency", "quota"])
def test_too_many_at_once(kintone: KintoneEmulator, caller: Caller, kind: str) -> None:
    kintone.chaos.plan(kind)
    answer = caller.get("records")
    assert answer.refusal == (429, "GAIA_TO04")
    assert answer.headers["X-ConcurrencyLimit-Running"] == "101"
    assert answer.headers["X-Cybozu-Error"] == "GAIA_TO04"
    assert answer.headers["Cache-Control"] == "no-cache, no-store, must-revalidate"
    assert "Retry-After" not in answer.headers


def test_maintenance_speaks_html(kintone: KintoneEmulator, caller: Caller) -> None:
    kintone.chaos.plan("maintenance")
    answer = caller.get("records")
    assert (answer.status, answer.text.startswith("<!DOCTYPE html>")) == (503, True)


def test_requests_are_counted_by_app_and_day(kintone: KintoneEmulator, caller: Caller) -> None:
    clock = kintone.clock = Clock()
    clock.advance(timedelta(hours=23 - clock().hour))
    caller.get("records")
    caller.get("app/form/fields")
    post = {"method": "POST", "api": "/k/v1/record.json", "payload": {"app": 1}}
    caller.json("POST", "bulkRequest", requests=[post, post])
    assert kintone.requests_today("1") == 4
    # 9 o'clock in Japan.
    clock.advance(timedelta(hours=1))
    assert stamp(clock())[11:13] == "00"
    assert kintone.requests_today("1") == 0
