"""Records of the emulated kintone: one and many, by id and by key, in bulk; late, lost and spoilt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.sandbox.clock import Clock
from connector.sandbox.kintone import KintoneEmulator, Refusal
from tests.unit.sandbox.kintone_client import Caller, leads, record

START = datetime(2026, 4, 1, 3, 4, 5, tzinfo=UTC)
EN = ("Accept-Language", "en")


@pytest.fixture
def kintone() -> KintoneEmulator:
    return leads(clock=Clock(START, ticking=False))


@pytest.fixture
def caller(kintone: KintoneEmulator) -> Caller:
    return Caller(kintone)


# --- one, many, none --------------------------------------------------------------------------------------------------


def test_answers_are_text(caller: Caller) -> None:
    assert caller.add().json == {"id": "1", "revision": "1"}
    assert caller.json("POST", "records", records=[{}, {}]).json == {"ids": ["2", "3"], "revisions": ["1", "1"]}
    assert caller.put("2").json == {"revision": "2"}
    many = caller.json("PUT", "records", app=1, records=[{"id": 1, "revision": "1"}, {"id": "2", "revision": -1}])
    assert many.json == {"records": [{"id": "1", "revision": "2"}, {"id": "2", "revision": "3"}]}
    assert caller.json("POST", "records", records=[]).json == {"ids": [], "revisions": []}
    assert caller.json("PUT", "records", records=[]).json == {"records": []}


@pytest.mark.parametrize(
    ("method", "body", "path", "message"),
    [
        ("POST", {"records": [{}] * 101}, "records", "一度に100件までのレコードを追加できます。"),
        ("PUT", {"records": [{"id": 1}] * 101}, "records", "一度に100件までのレコードを更新できます。"),
        ("DELETE", {"ids": [1] * 101}, "ids", "一度に1件から100件までのレコードを削除できます。"),
        ("DELETE", {"ids": []}, "ids", "一度に1件から100件までのレコードを削除できます。"),
        ("DELETE", {}, "ids", "必須です。"),
        ("POST", {}, "records", "必須です。"),
        ("PUT", {}, "records", "必須です。"),
    ],
)
def test_a_hundred_at_a_time(caller: Caller, method: str, body: dict[str, Any], path: str, message: str) -> None:
    answer = caller.json(method, "records", **body)
    assert (answer.refusal, answer.errors) == ((400, "CB_VA01"), {path: message})


def test_all_or_nothing(caller: Caller, kintone: KintoneEmulator) -> None:
    caller.add(name="元元")
    mixed = [record({"name": "新新"}), record({"rank": "Z"})]
    assert list(caller.json("POST", "records", records=mixed).errors) == ["records[1].rank.value"]
    changes = [{"id": 1, "record": record({"name": "新新"})}, {"id": 99, "record": {}}]
    assert caller.json("PUT", "records", records=changes).refusal == (404, "GAIA_RE01")
    assert caller.json("DELETE", "records", ids=[1, 99]).refusal == (404, "GAIA_RE01")
    assert caller.json("DELETE", "records", ids=[1], revisions=[7]).refusal == (409, "GAIA_CO02")
    assert [each["name"] for each in kintone.records("1")] == ["元元"]
    assert kintone.get("1", 1)["$revision"] == "1"


def test_revisions(caller: Caller) -> None:
    caller.add()
    assert caller.json("PUT", "record", id=1, revision=1, record={}).json == {"revision": "2"}
    answer = caller.json("PUT", "record", id=1, revision=1, record={})
    assert answer.refusal == (409, "GAIA_CO02")
    assert answer.json["message"].startswith("指定したrevisionは最新ではありません。")
    for revision in (-1, None, "2"):
        assert caller.json("PUT", "record", id=1, revision=revision, record={}).status in (200, 409)
    assert caller.get("record", id=1).json["record"]["$revision"]["value"] == "4"


def test_missing_records(caller: Caller) -> None:
    answer = caller.put(99999)
    assert answer.refusal == caller.get("record", id=99999).refusal == (404, "GAIA_RE01")
    assert answer.json["message"] == "指定したレコード（id: 99999）が見つかりません。"


def test_stamps_have_whole_minutes(caller: Caller, kintone: KintoneEmulator) -> None:
    caller.add()
    kintone.clock.advance(timedelta(minutes=1, seconds=30))
    caller.put(1)
    found = kintone.get("1", 1)
    assert (found["作成日時"], found["更新日時"]) == ("2026-04-01T03:04:00Z", "2026-04-01T03:05:00Z")


def test_only_who_manages_an_app_sets_stamps_of_new_records(caller: Caller, kintone: KintoneEmulator) -> None:
    then = "2025-01-01T00:00:00Z"
    assert caller.add(作成日時=then, 作成者={"code": "sato"}).status == 200
    assert (kintone.get("1", 1)["作成日時"], kintone.get("1", 1)["作成者"]) == (then, "sato")
    assert caller.put(1, 作成日時=then).refusal == (403, "GAIA_NO01")
    caller.token(kintone.add_token("1", "add"))
    assert caller.add(作成日時=then).refusal == (403, "GAIA_NO01")


def test_an_app_with_a_code(kintone: KintoneEmulator) -> None:
    app = kintone.create_app("リード", {}, code="LEAD")
    caller = Caller(kintone, app)
    caller.add()
    found = caller.get("record", id=1).json["record"]
    assert (found["レコード番号"]["value"], found["$id"]["value"]) == ("LEAD-1", "1")
    assert caller.find('レコード番号 = "LEAD-1"').ids == caller.find("レコード番号 in (1)").ids == [1]


# --- keys of the customer's -------------------------------------------------------------------------------------------


def test_upsert(caller: Caller, kintone: KintoneEmulator) -> None:
    new = caller.upsert("email", "a@x", score=1)
    assert new.json == {"records": [{"id": "1", "revision": "1", "operation": "INSERT"}]}
    assert kintone.get("1", 1)["email"] == "a@x"
    known = caller.upsert("email", "a@x", score=2)
    assert known.json == {"records": [{"id": "1", "revision": "2", "operation": "UPDATE"}]}
    by_number = [{"updateKey": {"field": "number", "value": value}, "record": {}} for value in (5, "5.0")]
    answer = caller.json("PUT", "records", upsert=True, records=by_number)
    assert [each["operation"] for each in answer.json["records"]] == ["INSERT", "UPDATE"]
    by_id = caller.json("PUT", "records", upsert=True, records=[{"id": 77, "record": {}}])
    assert by_id.json["records"] == [{"id": "3", "revision": "1", "operation": "INSERT"}]


def test_update_by_key(caller: Caller) -> None:
    caller.add(email="a@x")
    key = {"field": "email", "value": "a@x"}
    assert caller.json("PUT", "record", updateKey=key, id=None, record=record({"score": 1})).json == {"revision": "2"}
    assert caller.json("PUT", "record", updateKey=key, revision=1).refusal == (409, "GAIA_CO02")
    absent = {"field": "email", "value": "b@x"}
    assert caller.json("PUT", "record", updateKey=absent).refusal == (404, "GAIA_RE20")


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, ["id", "updateKey"]),
        ({"id": 1, "updateKey": {"field": "email", "value": "a"}}, ["id", "updateKey"]),
        ({"updateKey": {}}, ["updateKey.field", "updateKey.value"]),
        ({"updateKey": {"field": "email", "value": "a" * 65}}, ["updateKey.value"]),
        ({"updateKey": {"field": "email", "value": "a"}, "record": record({"email": "a"})}, ["record.email.value"]),
        ({"id": 0}, ["id"]),
        ({"id": "x"}, ["id"]),
    ],
)
def test_wrong_targets(caller: Caller, body: dict[str, Any], paths: list[str]) -> None:
    caller.add(email="a")
    answer = caller.json("PUT", "record", **body)
    assert (answer.refusal, list(answer.errors)) == ((400, "CB_VA01"), paths)
    answer = caller.json("PUT", "records", records=[body])
    prefixed = [path.replace("record.", "records[0].") if "record." in path else f"records[0].{path}" for path in paths]
    assert list(answer.errors) == prefixed


@pytest.mark.parametrize(
    ("code", "refusal"),
    [("name", (400, "GAIA_IQ27")), ("site", (400, "GAIA_IQ27")), ("nothing", (400, "GAIA_IQ11"))],
)
def test_only_fields_without_duplicates_are_keys(caller: Caller, code: str, refusal: tuple[int, str]) -> None:
    assert caller.upsert(code, "x").refusal == refusal


def test_the_message_about_bad_keys(caller: Caller) -> None:
    answer = caller.json("PUT", "record", EN, updateKey={"field": "score", "value": 1})
    assert answer.json["message"] == (
        'Failed to update record. The field (code: score) set as "updateKey" must be set to '
        '"Prohibit duplicate values".'
    )


# --- many requests in one ---------------------------------------------------------------------------------------------


def _bulk(method: str, api: str, **payload: Any) -> dict[str, Any]:
    return {"method": method, "api": f"/k/v1/{api}.json", "payload": {"app": "1", **payload}}


def test_bulk_requests(caller: Caller, kintone: KintoneEmulator) -> None:
    done = caller.json(
        "POST",
        "bulkRequest",
        requests=[_bulk("POST", "record"), _bulk("PUT", "record", id=1), _bulk("DELETE", "records", ids=[1])],
    )
    assert done.json == {"results": [{"id": "1", "revision": "1"}, {"revision": "2"}, {}]}
    bad = _bulk("POST", "records", records=[{}, record({"rank": "Z"})])
    failed = caller.json("POST", "bulkRequest", requests=[_bulk("POST", "record"), bad, _bulk("POST", "record")])
    assert failed.status == 400
    first, second, third = failed.json["results"]
    assert (first, third) == ({}, {})
    assert (second["code"], list(second["errors"])) == ("CB_VA01", ["records[1].rank.value"])
    assert kintone.records("1") == []


@pytest.mark.parametrize(
    ("requests", "paths"),
    [
        ([_bulk("POST", "record")] * 21, ["requests"]),
        ([_bulk("GET", "records")], ["requests[0].api"]),
        ([_bulk("POST", "record/comment")], ["requests[0].api"]),
        ([{**_bulk("POST", "record"), "api": "/k/v2/record.json"}], ["requests[0].api"]),
        ([{}], ["requests[0].method", "requests[0].api", "requests[0].payload"]),
        ([_bulk("POST", "record"), {**_bulk("POST", "record"), "api": "/k/guest/7/v1/record.json"}], ["requests"]),
        (None, ["requests"]),
    ],
)
def test_bulk_requests_that_are_none(caller: Caller, requests: Any, paths: list[str]) -> None:
    answer = caller.json("POST", "bulkRequest", requests=requests)
    assert (answer.refusal, list(answer.errors)) == ((400, "CB_VA01"), paths)


# --- time and faults --------------------------------------------------------------------------------------------------


def test_backdating(kintone: KintoneEmulator) -> None:
    with kintone.back_then() as go:
        go(START - timedelta(days=300))
        record_id = kintone.create("1", {"name": "佐藤", "rep": ["sato"], "touch": [{"t_text": "x"}]}, user="ito")
        go(START - timedelta(days=200))
        kintone.update("1", record_id, {"score": 5})
    found = kintone.get("1", record_id)
    assert (found["作成日時"][:10], found["更新日時"][:10]) == ("2025-06-05", "2025-09-13")
    assert (found["作成者"], found["rep"], found["touch"][0]["t_text"]) == ("ito", ["sato"], "x")
    kintone.delete("1", record_id)
    with pytest.raises(Refusal, match="GAIA_RE01"):
        kintone.get("1", record_id)
    with pytest.raises(KeyError, match="nmae"):
        kintone.create("1", {"nmae": "x"})


def test_late_commits_carry_an_older_stamp(kintone: KintoneEmulator, caller: Caller) -> None:
    caller.add(email="old@x")
    kintone.chaos.plan("late_commit", method="POST", seconds=90)
    assert caller.add(email="a@x").json == {"id": "2", "revision": "1"}
    with kintone.late_commit(90):
        kintone.update("1", 1, {"name": "佐藤"})
    kintone.clock.advance(timedelta(seconds=60))
    caller.add()
    assert caller.find("").ids == [3, 1]
    assert kintone.get("1", 1)["name"] == ""
    # Until then others can neither have its values nor its records.
    assert caller.upsert("email", "a@x").refusal == (400, "GAIA_DA02")
    assert caller.put(1).refusal == (400, "GAIA_DA02")
    kintone.clock.advance(timedelta(seconds=30))
    assert caller.find("").ids == [3, 2, 1]
    assert kintone.get("1", 1)["name"] == "佐藤"
    assert kintone.get("1", 2)["更新日時"] < kintone.get("1", 3)["更新日時"]


@pytest.mark.parametrize("kind", ["db_lock", "row_lock"])
def test_lost_races(kintone: KintoneEmulator, caller: Caller, kind: str) -> None:
    kintone.chaos.plan(kind, times=2)
    kintone.chaos.plan(kind, code="GAIA_DA02", times=2)
    found = [caller.add().refusal for _ in range(4)]
    assert found == [(400, "GAIA_DA02"), (409, "GAIA_CO02"), (400, "GAIA_DA02"), (400, "GAIA_DA02")]
    assert caller.add().status == 200


def test_spoilt_records(kintone: KintoneEmulator, caller: Caller) -> None:
    kintone.chaos.plan("row_fail", rows=[0, 2], field="name", message="だめ")
    kintone.chaos.plan("row_fail")
    answer = caller.json("POST", "records", records=[{}, {}, {}])
    assert answer.errors == {"records[0].name.value": "だめ", "records[2].name.value": "だめ"}
    assert list(caller.add().errors) == ["record.email.value"]
    assert kintone.records("1") == []


def test_removed_fields(kintone: KintoneEmulator, caller: Caller) -> None:
    caller.add(email="a@x", name="佐藤")
    kintone.change_fields("1", {"score": {"type": "SINGLE_LINE_TEXT"}}, remove=["name", "email"])
    assert {"name", "email"}.isdisjoint(kintone.get("1", 1))
    assert caller.find('name = "佐藤"').refusal == (400, "GAIA_IQ11")
    assert caller.upsert("email", "a@x").refusal == (400, "GAIA_IQ11")
    assert caller.get("record", id=1).json["record"]["score"] == {"type": "SINGLE_LINE_TEXT", "value": ""}
    kintone.change_fields("1", {"name": {"type": "SINGLE_LINE_TEXT"}})
    assert kintone.get("1", 1)["name"] == ""
