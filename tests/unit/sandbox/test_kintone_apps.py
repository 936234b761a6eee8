"""Beside records in the emulated kintone: comments, process management, what apps there are and how they look."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connector.sandbox.clock import Clock
from connector.sandbox.kintone import KintoneEmulator
from tests.unit.sandbox.kintone_client import Caller, leads

START = datetime(2026, 4, 1, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def kintone() -> KintoneEmulator:
    kintone = leads(clock=Clock(START, ticking=False))
    kintone.create("1", {})
    return kintone


@pytest.fixture
def caller(kintone: KintoneEmulator) -> Caller:
    return Caller(kintone)


# --- comments ---------------------------------------------------------------------------------------------------------


def _comment(caller: Caller, text: str, *mentions: tuple[str, str]) -> Any:
    named = [{"code": code, "type": kind} for code, kind in mentions]
    return caller.json("POST", "record/comment", record=1, comment={"text": text, "mentions": named})


def test_comments_name_who_is_mentioned(kintone: KintoneEmulator, caller: Caller) -> None:
    written = _comment(caller, "見て", ("sato", "USER"), ("sales", "ORGANIZATION"), ("all", "GROUP"))
    assert written.json == {"id": "1"}
    assert _comment(caller, "次").json == {"id": "2"}
    found = caller.get("record/comments", record=1).json
    assert found["comments"][1] == {
        "id": "1",
        "text": "佐藤 昇 営業部 全員 \n見て ",
        "createdAt": "2026-04-01T03:04:05Z",
        "creator": {"code": "Administrator", "name": "Administrator"},
        "mentions": [
            {"code": "sato", "type": "USER"},
            {"code": "sales", "type": "ORGANIZATION"},
            {"code": "all", "type": "GROUP"},
        ],
    }
    assert [each.text for each in kintone.comments("1", 1)] == ["佐藤 昇 営業部 全員 \n見て ", "次 "]
    # A comment is no change of the record.
    assert kintone.get("1", 1)["$revision"] == "1"


@pytest.mark.parametrize(
    ("comment", "paths"),
    [
        (None, ["comment"]),
        ({}, ["comment.text"]),
        ({"text": ""}, ["comment.text"]),
        ({"text": "x" * 65536}, ["comment.text"]),
        ({"text": "x", "mentions": [{"code": "sato", "type": "USER"}] * 11}, ["comment.mentions"]),
        ({"text": "x", "mentions": [{"code": "sato", "type": "X"}]}, ["comment.mentions[0].type"]),
        ({"text": "x", "mentions": [{}]}, ["comment.mentions[0].code", "comment.mentions[0].type"]),
    ],
)
def test_comments_that_are_none(caller: Caller, comment: Any, paths: list[str]) -> None:
    answer = caller.json("POST", "record/comment", record=1, comment=comment)
    assert (answer.refusal, list(answer.errors)) == ((400, "CB_VA01"), paths)


def test_the_longest_comment(caller: Caller) -> None:
    assert _comment(caller, "x" * 65535, *[("sato", "USER")] * 10).status == 200


def test_comments_that_go_nowhere(kintone: KintoneEmulator, caller: Caller) -> None:
    assert _comment(caller, "x", ("nobody", "USER")).refusal == (400, "GAIA_IL26")
    assert _comment(caller, "x", ("sato", "ORGANIZATION")).refusal == (400, "GAIA_IL28")
    nowhere = caller.json("POST", "record/comment", record=99, comment={"text": "x"})
    assert nowhere.refusal == (404, "GAIA_RE01")
    kintone.disable_comments("1")
    assert _comment(caller, "x").refusal == (403, "CB_NO02")


def test_pages_of_comments(caller: Caller) -> None:
    for number in range(12):
        _comment(caller, str(number))

    def page(**params: Any) -> tuple[list[int], bool, bool]:
        found = caller.get("record/comments", record=1, **params).json
        return [int(each["id"]) for each in found["comments"]], found["older"], found["newer"]

    assert page() == ([12, 11, 10, 9, 8, 7, 6, 5, 4, 3], True, False)
    assert page(offset=10) == ([2, 1], False, True)
    assert page(order="asc", limit=2) == ([1, 2], False, True)
    assert page(order="asc", limit=2, offset=10) == ([11, 12], True, False)
    wrong = caller.get("record/comments", record=1, order="wrong", limit=11)
    assert set(wrong.errors) == {"order", "limit"}


def test_comments_are_taken_back_by_who_wrote_them(caller: Caller) -> None:
    _comment(caller, "x")
    caller.login("sato", "pä:ss")
    assert caller.json("DELETE", "record/comment", record=1, comment=1).refusal == (403, "CB_NO02")
    _comment(caller, "y")
    assert caller.send("DELETE", "/k/v1/record/comment.json?app=1&record=1&comment=2").json == {}
    assert caller.json("DELETE", "record/comment", record=1, comment=2).refusal == (400, "GAIA_RE02")


# --- process management -----------------------------------------------------------------------------------------------


@pytest.fixture
def _process(kintone: KintoneEmulator) -> None:
    choice = {"assignee": {"type": "ONE", "entities": [{"entity": {"type": "USER", "code": "sato"}}]}}
    kintone.set_process(
        "1",
        {"未処理": {}, "処理中": choice, "完了": {}},
        [{"name": "開始", "from": "未処理", "to": "処理中"}, {"name": "終了", "from": "処理中", "to": "完了"}],
    )


@pytest.mark.usefixtures("_process")
def test_actions(kintone: KintoneEmulator, caller: Caller) -> None:
    assert caller.json("PUT", "record/status", id=1, action="開始").errors == {"assignee": "必須です。"}
    done = caller.json("PUT", "record/status", id=1, action="開始", assignee="sato", revision=1)
    assert done.json == {"revision": "3"}
    found = kintone.get("1", 1)
    assert (found["ステータス"], found["作業者"]) == ("処理中", ["sato"])
    assert caller.find('ステータス = "処理中" and 作業者 in ("sato")').ids == [1]
    assert caller.json("PUT", "record/status", id=1, action="終了").refusal == (400, "GAIA_NT01")
    caller.login("sato", "pä:ss")
    assert caller.json("PUT", "record/status", id=1, action="終了").json == {"revision": "5"}
    assert caller.json("PUT", "record/status", id=1, action="終了").refusal == (400, "GAIA_IL03")


@pytest.mark.usefixtures("_process")
def test_actions_on_many_records(kintone: KintoneEmulator, caller: Caller) -> None:
    caller.add()
    actions = [{"id": each, "action": "開始", "assignee": "sato"} for each in (1, 2)]
    wrong = caller.json("PUT", "records/status", records=[actions[0], {**actions[1], "revision": 9}])
    assert wrong.refusal == (409, "GAIA_CO02")
    done = caller.json("PUT", "records/status", records=actions)
    assert done.json == {"records": [{"id": "1", "revision": "3"}, {"id": "2", "revision": "3"}]}
    assert list(caller.json("PUT", "records/status", records=actions * 51).errors) == ["records"]
    missing = caller.json("PUT", "records/status", records=[{}])
    assert set(missing.errors) == {"records[0].id", "records[0].action"}


@pytest.mark.usefixtures("_process")
def test_assignees(kintone: KintoneEmulator, caller: Caller) -> None:
    assert caller.json("PUT", "record/assignees", id=1, assignees=["sato"], revision=1).json == {"revision": "2"}
    assert kintone.get("1", 1)["作業者"] == ["sato"]
    assert caller.json("PUT", "record/assignees", id=1, assignees=["nobody"]).refusal == (400, "GAIA_IL26")
    assert list(caller.json("PUT", "record/assignees", id=1, assignees=["sato"] * 101).errors) == ["assignees"]
    assert caller.json("PUT", "record/assignees", id=1, assignees=[1]).refusal == (400, "CB_IJ01")


def test_without_process_management(kintone: KintoneEmulator, caller: Caller) -> None:
    assert caller.json("PUT", "record/status", id=1, action="x").refusal == (400, "GAIA_ST02")
    never = {"enable": False, "states": None, "actions": None, "revision": "1"}
    assert caller.get("app/status").json == never
    assert "ステータス" not in caller.get("record", id=1).json["record"]
    assert caller.get("app/form/fields").json["properties"]["ステータス"]["enabled"] is False


@pytest.mark.usefixtures("_process")
def test_the_process_of_an_app(caller: Caller) -> None:
    found = caller.get("app/status", lang="default").json
    assert found["enable"] is True
    assert found["states"]["未処理"] == {"name": "未処理", "index": "0", "assignee": {"type": "ONE", "entities": []}}
    assert found["actions"][0] == {
        "name": "開始", "from": "未処理", "to": "処理中", "filterCond": "", "type": "PRIMARY",
    }  # fmt: skip
    assert caller.get("app/form/fields").json["properties"]["ステータス"]["enabled"] is True


# --- apps -------------------------------------------------------------------------------------------------------------


def test_fields(kintone: KintoneEmulator, caller: Caller) -> None:
    found = caller.get("app/form/fields", lang="ja").json
    properties = found["properties"]
    assert found["revision"] == "1"
    assert properties["name"] == {
        "type": "SINGLE_LINE_TEXT", "code": "name", "label": "name", "noLabel": False, "required": False,
        "unique": False, "maxLength": "5", "minLength": "2", "defaultValue": "", "expression": "",
        "hideExpression": False,
    }  # fmt: skip
    assert properties["score"]["maxValue"] == "100"
    assert properties["rank"]["options"] == {"A": {"label": "A", "index": "0"}, "B": {"label": "B", "index": "1"}}
    assert properties["touch"]["fields"]["t_at"]["defaultNowValue"] is False
    system = {"RECORD_NUMBER", "CREATOR", "MODIFIER", "CREATED_TIME", "UPDATED_TIME", "STATUS", "STATUS_ASSIGNEE"}
    assert system <= {each["type"] for each in properties.values()}
    assert caller.get("preview/app/form/fields").json == found
    assert caller.get("app/form/fields", lang="fr").errors == {"lang": "Enum値のいずれかでなければなりません。"}
    kintone.change_fields("1", {"extra": {"type": "NUMBER", "label": "追加"}})
    changed = caller.get("app/form/fields").json
    assert (changed["revision"], changed["properties"]["extra"]["label"]) == ("2", "追加")


def test_system_fields_depend_on_the_language_of_the_app() -> None:
    kintone = leads(locale="en", language="en")
    caller = Caller(kintone)
    assert {"Record_number", "Updated_datetime", "Created_by"} <= set(caller.get("app/form/fields").json["properties"])
    assert caller.find("更新日時 > NOW()").json["message"] == "The specified field (更新日時) is not found."


def test_layout(caller: Caller) -> None:
    rows = caller.get("app/form/layout").json["layout"]
    assert {row["type"] for row in rows} == {"ROW", "SUBTABLE"}
    [table] = [row for row in rows if row["type"] == "SUBTABLE"]
    assert [each["code"] for each in table["fields"]] == ["t_at", "t_kind", "t_text", "t_count"]


def test_apps(kintone: KintoneEmulator, caller: Caller) -> None:
    kintone.create_app("案件", {}, code="DEALS")
    kintone.create_app("ゲスト", {}, guest_space=7)
    one = caller.send("GET", "/k/v1/app.json?id=1").json
    assert (one["appId"], one["name"], one["spaceId"], one["code"]) == ("1", "リード", None, "")
    assert one["creator"] == {"code": "Administrator", "name": "Administrator"}
    assert caller.get("apps").refusal == (403, "GAIA_NO01")
    caller.login("sato", "pä:ss")
    found = {
        "": caller.get("apps"),
        "ids": caller.get("apps", ids=[1, 9]),
        "codes": caller.get("apps", codes=["DEALS"]),
        "name": caller.get("apps", name="案"),
        "offset": caller.get("apps", limit=1, offset=1),
    }
    names = {how: [app["name"] for app in answer.json["apps"]] for how, answer in found.items()}
    assert names == {
        "": ["リード", "案件"], "ids": ["リード"], "codes": ["案件"], "name": ["案件"], "offset": ["案件"],
    }  # fmt: skip
    kintone.set_rights("2", "sato")
    assert [app["name"] for app in caller.get("apps").json["apps"]] == ["リード"]
    assert caller.get("apps", limit=101).refusal == (400, "CB_VA01")


def test_statistics(kintone: KintoneEmulator, caller: Caller) -> None:
    caller.get("records")
    assert caller.get("apps/statistics").refusal == (403, "GAIA_NO01")
    caller.login("sato", "pä:ss")
    [found] = caller.get("apps/statistics").json["apps"]
    assert (found["id"], found["recordCount"], found["dailyRequestCount"]) == ("1", "1", "1")
