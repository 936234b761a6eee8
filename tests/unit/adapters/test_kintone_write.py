"""Writing: what is sent, what is refused before it is sent, and how one bad record is told from its neighbours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest

from connector.errors import Exhausted, Mismatch, Unauthorized, Unavailable, Uncertain
from connector.model import Person, Ref
from connector.ports import Receipt
from connector.spec import Secret
from tests.unit.adapters.kintone_kit import (
    KEY,
    SYSTEM,
    TEXT,
    Stage,
    choice,
    create,
    drain,
    entry,
    of,
    place_of,
    push,
    set_fields,
    stage,
)


@pytest.fixture
def ready() -> Iterator[Stage]:
    with stage() as made:
        yield made


def status(receipts: list[Receipt]) -> list[str]:
    return [f"{receipt.status} {receipt.code}".strip() for receipt in receipts]


def people(ready: Stage, count: int) -> list[Ref]:
    return [ready.ref("people", ready.kintone.create(ready.ids["people"], {"姓": f"第{n}"})) for n in range(count)]


def writes(ready: Stage) -> list[tuple[str, str, Any]]:
    return [(method, path, body) for method, path, body in ready.bodies if "query" not in body]


def lookup(ready: Stage, target: str) -> dict[str, Any]:
    return {
        "relatedApp": {"app": ready.ids[target], "code": ""}, "relatedKeyField": "番号",
        "fieldMappings": [{"field": "商品名", "relatedField": "名称"}],
        "lookupPickerFields": [], "filterCond": "", "sort": "",
    }  # fmt: skip


# --- fields of a person -----------------------------------------------------------------------------------------------


def test_fields_are_written_by_record_number_and_no_other_is_sent(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    change = set_fields(
        ref, ma_score=45.0, ma_band="hot", ma_last_at=datetime(2026, 4, 1, 1, 2, 3, tzinfo=UTC), 配信="配信停止"
    )
    assert push(ready.adapter(), change) == [Receipt(change.key, "done", "1-1")]
    record = {
        "ma_score": {"value": "45"}, "ma_band": {"value": "hot"}, "ma_last_at": {"value": "2026-04-01T01:02:00Z"},
        "配信": {"value": ["配信停止"]},
    }  # fmt: skip
    assert writes(ready) == [("PUT", "/k/v1/records.json", {"app": 1, "records": [{"id": 1, "record": record}]})]
    assert ready.get(ref)["配信"] == ["配信停止"]


def test_a_moment_in_a_field_of_days_is_the_day_here(ready: Stage) -> None:
    ready.kintone.change_fields(ready.ids["people"], add={"ma_last_at": {"type": "DATE"}})
    (ref,) = people(ready, 1)
    push(ready.adapter(), set_fields(ref, ma_last_at=datetime(2026, 4, 1, 20, 0, tzinfo=UTC)))
    assert ready.get(ref)["ma_last_at"] == "2026-04-02"
    assert of(Person, drain(ready.adapter(), "people"))[0].native["ma_last_at"] == date(2026, 4, 2)


def test_the_table_of_touchpoints_is_replaced_and_read_back_as_it_was(ready: Stage) -> None:
    ref = ready.add("people", 姓="佐藤", 接点=[{"行": "古い", "備考": "x"}, {"行": "もっと古い"}])
    told = "4/1 セミナー参加\n3/31 資料ダウンロード"
    assert status(push(ready.adapter(), set_fields(ref, 接点=told))) == ["done"]
    assert [row["行"] for row in ready.get(ref)["接点"]] == told.split("\n")
    assert of(Person, drain(ready.adapter(), "people"))[0].native["接点"] == told
    assert status(push(ready.adapter(), set_fields(ref, 接点=None))) == ["done"]
    assert ready.get(ref)["接点"] == []


def test_a_table_that_is_not_ours_is_left_alone(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    receipts = push(ready.adapter(apps=ready.apps(people={"summary": None})), set_fields(ref, 接点="x"))
    assert status(receipts) == ["refused WRONG_TYPE"]


@pytest.mark.parametrize("line", [None, {"type": "NUMBER"}, {**TEXT, "expression": "備考"}])
def test_a_table_whose_text_was_changed_keeps_its_rows(ready: Stage, line: dict[str, Any] | None) -> None:
    ref = ready.add("people", 姓="佐藤", 接点=[{"行": "古い", "備考": "x"}])
    fields = {"備考": TEXT} if line is None else {"行": line, "備考": TEXT}
    ready.kintone.change_fields(ready.ids["people"], add={"接点": {"type": "SUBTABLE", "fields": fields}})
    (receipt,) = push(ready.adapter(), set_fields(ref, 接点="4/1 セミナー参加"))
    assert status([receipt]) == ["refused NO_SUCH_LINE"]
    assert "people.行: the table has no such text" in str(receipt.what)
    assert ready.get(ref)["接点"][0]["備考"] == "x"


def test_a_field_that_a_formula_fills_is_not_sent(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    ready.kintone.change_fields(ready.ids["people"], add={"ma_memo": {**TEXT, "expression": "姓 & 名"}})
    assert status(push(ready.adapter(), set_fields(ref, ma_memo="x"))) == ["refused READ_ONLY"]


def test_a_warning_beside_a_write_says_nothing_of_it(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    body = f'{{"records": [{{"id": "{place_of(ref)[1]}", "revision": "2"}}]}}'
    ready.kintone.chaos.plan("status", method="PUT", status=200, body=body, headers={"X-Cybozu-Warning": "old"})
    assert status(push(ready.adapter(), set_fields(ref, ma_score=1))) == ["done"]


@pytest.mark.parametrize(
    ("values", "code", "place"),
    [
        ({"ma_scor": 1}, "NO_SUCH_FIELD", "people.ma_scor"),
        ({"行": "x"}, "IN_A_TABLE", "people.行"),
        ({"ma_score": "多い"}, "WRONG_TYPE", "people.ma_score"),
        ({"ma_band": "lukewarm"}, "NO_SUCH_OPTION", "people.ma_band"),
        ({"更新日時": "x"}, "READ_ONLY", "people.更新日時"),
    ],
)
def test_what_kintone_would_ignore_or_refuse_is_not_sent(
    ready: Stage, values: dict[str, Any], code: str, place: str
) -> None:  # fmt: skip
    bad, good = people(ready, 2)
    receipts = push(ready.adapter(), set_fields(bad, ma_why="x", **values), set_fields(good, ma_why="y"))
    assert status(receipts) == [f"refused {code}", "done"]
    assert receipts[0].what is not None
    assert place in str(receipts[0].what)
    assert place in receipts[0].what.in_("ja")
    assert receipts[0].fix is not None
    assert ready.get(bad)["ma_why"] == ""


def test_a_field_that_a_lookup_fills_is_not_sent(ready: Stage) -> None:
    ready.add_app("products", {"番号": KEY, "名称": TEXT})
    fields: dict[str, Any] = {"商品": {**TEXT, "lookup": lookup(ready, "products")}, "商品名": TEXT}
    ready.kintone.change_fields(ready.ids["people"], add=fields)
    (ref,) = people(ready, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KT_PRODUCTS", ready.tokens["products"])
        assert status(push(ready.adapter(), set_fields(ref, 商品名="本体"))) == ["refused COPIED_BY_LOOKUP"]


def test_a_lookup_takes_the_token_of_the_app_it_reads(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ready.add_app("products", {"番号": KEY, "名称": TEXT})
    fields: dict[str, Any] = {"商品": {**TEXT, "lookup": lookup(ready, "products")}, "商品名": TEXT}
    ready.kintone.change_fields(ready.ids["people"], add=fields)
    monkeypatch.setenv("KT_PRODUCTS", ready.tokens["products"])
    ready.add("products", 番号="A1", 名称="本体")
    one, two, three = people(ready, 3)
    receipts = push(
        ready.adapter(), set_fields(one, 商品="A1"), set_fields(two, 商品="A9"), set_fields(three, 商品="A1")
    )
    assert status(receipts) == ["done", "refused GAIA_LO04", "done"]
    assert [ready.get(ref)["商品名"] for ref in (one, two, three)] == ["本体", "", "本体"]
    assert ready.headers[-1]["x-cybozu-api-token"] == f"{ready.tokens['people']},{ready.tokens['products']}"


def test_a_field_that_was_removed_between_two_runs_is_refused(ready: Stage) -> None:
    adapter = ready.adapter()
    (ref,) = people(ready, 1)
    assert status(push(adapter, set_fields(ref, ma_memo="前"))) == ["done"]
    ready.kintone.change_fields(ready.ids["people"], remove=["ma_memo"])
    with pytest.raises(Mismatch):
        drain(adapter, "people")  # a run begins
    receipts = push(adapter, set_fields(ref, ma_memo="後"))
    assert status(receipts) == ["refused NO_SUCH_FIELD"]
    assert "people.ma_memo" in str(receipts[0].what)


@pytest.mark.parametrize("id_", ["1-", "2-1", "x", "1-1 or 1=1", ""])
def test_ids_of_other_apps_are_none(ready: Stage, id_: str) -> None:
    people(ready, 1)
    assert status(push(ready.adapter(), set_fields(Ref(SYSTEM, "people", id_), ma_why="x"))) == ["refused BAD_ID"]


def test_an_app_that_is_not_configured_takes_nothing(ready: Stage) -> None:
    receipts = push(ready.adapter(), set_fields(Ref(SYSTEM, "leads", "1-1"), ma_why="x"))
    assert status(receipts) == ["refused NO_SUCH_APP"]


def test_a_form_that_is_refused_is_a_receipt(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    ready.kintone.chaos.plan(
        "status", path="fields.json", status=400, body='{"code": "CB_IL02", "id": "x", "message": "?"}'
    )
    assert status(push(ready.adapter(), set_fields(ref, ma_score=1))) == ["refused CB_IL02"]


# --- one bad record among many ----------------------------------------------------------------------------------------


def test_a_hundred_records_go_in_one_request(ready: Stage) -> None:
    refs = people(ready, 100)
    assert set(status(push(ready.adapter(), *(set_fields(ref, ma_score=1) for ref in refs)))) == {"done"}
    assert len(writes(ready)) == 1


def test_the_record_that_is_named_is_refused_and_its_neighbours_go_on(ready: Stage) -> None:
    refs = people(ready, 5)
    for place in (1, 3):
        ready.kintone.refuse(*place_of(refs[place]), "姓")
    receipts = push(ready.adapter(), *(set_fields(ref, ma_score=1) for ref in refs))
    assert status(receipts) == ["done", "refused CB_VA01", "done", "refused CB_VA01", "done"]
    assert "people.姓" in str(receipts[1].what)
    assert len(writes(ready)) == 2


def test_where_none_is_named_the_request_is_halved(ready: Stage) -> None:
    refs = people(ready, 8)
    ready.kintone.delete(*place_of(refs[5]))
    receipts = push(ready.adapter(), *(set_fields(ref, ma_score=1) for ref in refs))
    assert status(receipts) == ["done"] * 5 + ["refused GAIA_RE01"] + ["done"] * 2
    assert len(writes(ready)) == 7
    assert [ready.get(ref)["ma_score"] for ref in refs if ref is not refs[5]] == ["1"] * 7


def test_json_that_is_refused_for_one_record_leaves_its_neighbours(ready: Stage) -> None:
    refs = people(ready, 5)
    changes = [set_fields(ref, ma_memo="\ud800" if place == 2 else "x") for place, ref in enumerate(refs)]
    assert status(push(ready.adapter(), *changes)) == ["done", "done", "refused CB_IJ01", "done", "done"]


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ({"records[0].ma_why.value": {"messages": ["だめ"]}}, ["入力\nma_why.value: だめ", ""]),
        ({"records[1].姓.value": {"messages": ["一", "二"]}}, ["", "入力\n姓.value: 一\n姓.value: 二"]),
        (
            {f"records[{place}].ma_why.value": {"messages": [f"{place}の値"]} for place in range(2)},
            ["入力\nma_why.value: 0の値", "入力\nma_why.value: 1の値"],
        ),
        ({"records[0][ma_score].value": {"messages": ["数字で"]}}, ["入力\n[ma_score].value: 数字で", ""]),
        ({"records[0].姓.value": "?"}, ["入力\n姓.value: ?", ""]),
        ({"records[0].姓.value": None}, ["入力", ""]),
    ],
)
def test_each_record_gets_what_kintone_says_of_it_and_no_more(
    ready: Stage, errors: dict[str, Any], words: list[str]
) -> None:
    body = json.dumps({"code": "CB_VA01", "id": "x", "message": "入力", "errors": errors})
    ready.kintone.chaos.plan("status", method="PUT", status=400, body=body, mimetype="application/json")
    refs = people(ready, 2)
    receipts = push(ready.adapter(), *(set_fields(ref, ma_why="秘密") for ref in refs))
    assert [receipt.said for receipt in receipts] == words
    assert "の値" not in "".join(f"{receipt!r} {receipt.what} {receipt.fix}" for receipt in receipts)


@pytest.mark.parametrize(
    ("fault", "status_", "words"),
    [
        ({"kind": "db_lock", "times": 3, "code": "GAIA_DA02"}, "retry GAIA_DA02", "データベースがロック"),
        (
            {"kind": "status", "status": 400, "body": '{"code": "CB_IL02", "id": "x", "message": "不正"}'},
            "refused CB_IL02",
            "不正",
        ),
        (
            {"kind": "status", "path": "fields.json", "status": 400, "body": '{"code": "CB_IL02", "message": "無"}'},
            "refused CB_IL02",
            "無",
        ),
    ],
)
def test_what_is_said_of_the_whole_request_is_told_to_each(
    ready: Stage, fault: dict[str, Any], status_: str, words: str
) -> None:
    refs = people(ready, 2)
    ready.kintone.chaos.plan(fault.pop("kind"), **fault)
    receipts = push(ready.adapter(), *(set_fields(ref, ma_score=1) for ref in refs))
    told = [receipt for receipt in receipts if receipt.status != "done"]
    assert set(status(told)) == {status_}
    assert all(words in receipt.said for receipt in told)


def test_a_record_that_is_gone_is_told_in_kintones_words(ready: Stage) -> None:
    one, two = people(ready, 2)
    ready.kintone.delete(*place_of(two))
    receipts = push(ready.adapter(), set_fields(one, ma_score=1), set_fields(two, ma_score=1))
    assert [receipt.said for receipt in receipts] == [
        "",
        f"指定したレコード（id: {place_of(two)[1]}）が見つかりません。",
    ]


def test_what_is_refused_before_it_is_sent_brings_no_words(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    (receipt,) = push(ready.adapter(), set_fields(ref, ma_nothing=1))
    assert (receipt.status, receipt.said) == ("refused", "")


def test_two_changes_of_one_record_go_one_after_the_other(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    assert status(push(ready.adapter(), set_fields(ref, ma_score=1), set_fields(ref, ma_score=2))) == ["done", "done"]
    assert ready.get(ref)["ma_score"] == "2"
    assert len(writes(ready)) == 2


@pytest.mark.parametrize("code", ["GAIA_DA02", "GAIA_CO02"])
def test_a_lost_race_is_run_again(ready: Stage, code: str) -> None:
    (ref,) = people(ready, 1)
    ready.kintone.chaos.plan("db_lock", times=2, code=code)
    assert status(push(ready.adapter(), set_fields(ref, ma_score=1))) == ["done"]
    assert len(writes(ready)) == 3


def test_a_race_that_is_always_lost_waits_for_the_next_run(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    ready.kintone.chaos.plan("db_lock", times=3, code="GAIA_DA02")
    assert status(push(ready.adapter(), set_fields(ref, ma_score=1))) == ["retry GAIA_DA02"]


def test_a_lost_answer_is_uncertain(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    ready.kintone.chaos.plan("reset_after", method="PUT")
    with pytest.raises(Uncertain):
        push(ready.adapter(), set_fields(ref, ma_score=1))
    assert len(writes(ready)) == 1


def test_an_answer_that_is_not_about_each_record_is_uncertain(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    ready.kintone.chaos.plan("status", method="PUT", status=200, body='{"records": []}')
    with pytest.raises(Uncertain, match="makes no sense"):
        push(ready.adapter(), set_fields(ref, ma_score=1))


def test_maintenance_is_uncertain_for_a_write(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    ready.kintone.chaos.plan("maintenance", method="PUT")
    with pytest.raises(Uncertain):
        push(ready.adapter(), set_fields(ref, ma_score=1))


def test_a_right_that_lacks_is_told_with_what_to_do(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KT_PEOPLE", ready.kintone.add_token(ready.ids["people"], "view"))
        with pytest.raises(Mismatch, match="GAIA_NO01") as caught:
            push(ready.adapter(), set_fields(ref, ma_score=1))
    assert caught.value.where == "kt/people"
    assert "add and edit" in str(caught.value.fix)


def test_an_allowance_that_is_spent_defers(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    adapter = ready.adapter(apps=ready.apps(people={"calls_per_day": 2}))
    with pytest.raises(Exhausted):
        push(adapter, set_fields(ref, ma_score=1))
    assert writes(ready) == []


# --- new people -------------------------------------------------------------------------------------------------------


def test_a_person_is_made_under_our_key_which_is_not_sent_twice(ready: Stage) -> None:
    receipts = push(ready.adapter(), create("P1", 姓="高橋", ma_key="P1"))
    assert [(r.status, r.remote_id) for r in receipts] == [("done", "1-1")]
    row = {"updateKey": {"field": "ma_key", "value": "P1"}, "record": {"姓": {"value": "高橋"}}}
    assert writes(ready) == [("PUT", "/k/v1/records.json", {"app": 1, "records": [row], "upsert": True})]
    assert (ready.get(ready.ref("people", "1"))["ma_key"]) == "P1"


def test_one_key_twice_goes_in_two_requests(ready: Stage) -> None:
    receipts = push(ready.adapter(), create("P1", 姓="高橋"), create("P2", 姓="伊藤"), create("P1", 姓="髙橋"))
    assert [r.remote_id for r in receipts] == ["1-1", "1-2", "1-1"]
    assert [len(body["records"]) for _, _, body in writes(ready)] == [2, 1]


def test_a_key_of_64_characters_is_taken_and_no_longer_one(ready: Stage) -> None:
    receipts = push(ready.adapter(), create("あ" * 64, 姓="高橋"), create("x" * 65, 姓="伊藤"))
    assert status(receipts) == ["done", "refused KEY_TOO_LONG"]


@pytest.mark.parametrize(
    ("definition", "code"),
    [(TEXT, "KEY_NOT_UNIQUE"), ({"type": "NUMBER", "unique": True}, "KEY_NOT_UNIQUE"), (None, "NO_SUCH_FIELD")],
)
def test_a_key_that_is_none_makes_nobody(ready: Stage, definition: dict[str, Any] | None, code: str) -> None:
    app = ready.ids["people"]
    ready.kintone.change_fields(app, remove=["ma_key"])
    if definition is not None:
        ready.kintone.change_fields(app, add={"ma_key": definition})
    assert status(push(ready.adapter(), create("P1", 姓="高橋"))) == [f"refused {code}"]
    assert ready.kintone.records(app) == []


def test_a_required_field_that_is_not_filled_names_itself(ready: Stage) -> None:
    ready.kintone.change_fields(ready.ids["people"], add={"会社名": {**TEXT, "required": True}})
    receipts = push(ready.adapter(), create("P1", 姓="高橋"), create("P2", 会社名="第二製作所"))
    assert status(receipts) == ["refused CB_VA01", "done"]
    assert "people.会社名" in str(receipts[0].what)


def test_a_unique_value_that_is_taken_is_refused(ready: Stage) -> None:
    ready.kintone.change_fields(ready.ids["people"], add={"メール": {**TEXT, "unique": True}})
    ready.add("people", メール="a@example.com")
    assert status(push(ready.adapter(), create("P1", メール="a@example.com"))) == ["refused CB_VA01"]


# --- touchpoints ------------------------------------------------------------------------------------------------------


def test_a_touchpoint_is_a_record_of_its_own(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    assert status(push(ready.adapter(), entry("k1", ref))) == ["done"]
    (made,) = ready.kintone.records(ready.ids["touchpoints"])
    assert (made["ma_key"], made["件名"], made["内容"]) == ("k1", "[MA] セミナー参加", "春の製造業セミナー")
    assert (made["日時"], made["人物番号"], made["人物ID"]) == ("2026-04-01T01:30:00Z", "1", "p1")


def test_what_people_made_of_a_touchpoint_stays(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    push(ready.adapter(), entry("k1", ref))
    ready.kintone.update(ready.ids["touchpoints"], "1", {"件名": "直した"})
    receipts = push(ready.adapter(), entry("k0", ref), entry("k1", ref), entry("k2", ref))
    assert status(receipts) == ["done"] * 3
    assert receipts[1].remote_id == "4-1"
    assert "直した" in [row["件名"] for row in ready.kintone.records(ready.ids["touchpoints"])]
    assert len(ready.kintone.records(ready.ids["touchpoints"])) == 3


def test_what_cannot_be_asked_about_a_taken_key_is_asked_later(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    push(ready.adapter(), entry("k1", ref))
    ready.kintone.chaos.plan("maintenance", method="GET", path="/records.json")
    receipts = push(ready.adapter(), entry("k1", ref), entry("k2", ref))
    assert [receipt.status for receipt in receipts] == ["retry", "done"]


def test_without_an_app_for_them_touchpoints_are_refused(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    assert status(push(ready.adapter(timeline=None), entry("k1", ref))) == ["refused NO_WAY"]


# --- getting in -------------------------------------------------------------------------------------------------------


def plain_apps(ready: Stage) -> dict[str, Any]:
    return ready.apps(**{name: {"token": None} for name in ready.ids})


def test_a_user_and_basic_authentication_in_front(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ready.kintone.add_user("ma@example.com", "連携", "pä:ss")
    ready.kintone.require_basic("front", "door")
    for name, value in {"U": "ma@example.com", "P": "pä:ss", "BU": "front", "BP": "door"}.items():
        monkeypatch.setenv(name, value)
    user: dict[str, Any] = {"username": Secret(env="U"), "password": Secret(env="P")}
    basic = {"username": Secret(env="BU"), "password": Secret(env="BP")}
    (ref,) = people(ready, 1)
    adapter = ready.adapter(apps=plain_apps(ready), basic=basic, **user)
    assert status(push(adapter, set_fields(ref, ma_score=1))) == ["done"]
    with pytest.raises(Unauthorized):
        drain(ready.adapter(apps=plain_apps(ready), **user), "people")
    monkeypatch.setenv("P", "wrong")
    with pytest.raises(Unauthorized, match="CB_WA01"):
        drain(ready.adapter(apps=plain_apps(ready), basic=basic, **user), "people")


def test_an_oauth_token(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T", ready.kintone.add_bearer())
    (ref,) = people(ready, 1)
    adapter = ready.adapter(apps=plain_apps(ready), oauth_token=Secret(env="T"))
    assert status(push(adapter, set_fields(ref, ma_score=1))) == ["done"]
    ready.kintone.chaos.plan("expired")
    with pytest.raises(Unauthorized, match="the OAuth token is not valid"):
        drain(adapter, "people")


def test_two_tokens_of_one_app_are_told_as_such(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lint cannot see: two secrets that turn out to be of the same app."""
    ready.add_app("products", {"番号": KEY, "名称": TEXT})
    fields: dict[str, Any] = {"商品": {**TEXT, "lookup": lookup(ready, "products")}, "商品名": TEXT}
    ready.kintone.change_fields(ready.ids["people"], add=fields)
    monkeypatch.setenv("KT_PRODUCTS", ready.kintone.add_token(ready.ids["people"], "view"))
    (ref,) = people(ready, 1)
    with pytest.raises(Unauthorized, match="GAIA_DA03") as caught:
        push(ready.adapter(), set_fields(ref, 商品="A1"))
    assert "its own token" in str(caught.value.fix)


def test_a_secret_that_vanishes_is_no_right(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    (ref,) = people(ready, 1)
    adapter = ready.adapter()
    monkeypatch.delenv("KT_PEOPLE")
    with pytest.raises(Unauthorized, match="KT_PEOPLE"):
        push(adapter, set_fields(ref, ma_score=1))


def test_lookups_into_more_apps_than_tokens_can_go_along(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    fields: dict[str, Any] = {}
    for number in range(9):
        name = f"products{number}"
        ready.add_app(name, {"番号": KEY, "名称": TEXT})
        monkeypatch.setenv(f"KT_{name.upper()}", ready.tokens[name])
        fields[f"商品{number}"] = {**TEXT, "lookup": {**lookup(ready, name), "fieldMappings": []}}
    ready.kintone.change_fields(ready.ids["people"], add=fields)
    (ref,) = people(ready, 1)
    with pytest.raises(Mismatch, match="10 API tokens"):
        push(ready.adapter(), set_fields(ref, ma_score=1))
    errors = [str(each.what) for each in ready.adapter().check() if each.severity == "error"]
    assert errors == ["writing would take 10 API tokens; kintone takes 9"]
    ready.kintone.change_fields(ready.ids["people"], remove=["商品8"])
    assert status(push(ready.adapter(), set_fields(ref, ma_score=1))) == ["done"]


def test_what_is_dead_is_unavailable(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    ready.kintone.chaos.plan("reset_before", times=10)
    with pytest.raises(Unavailable):
        push(ready.adapter(), set_fields(ref, ma_score=1))


def test_a_choice_may_be_cleared_but_for_radio_buttons(ready: Stage) -> None:
    ready.kintone.change_fields(ready.ids["people"], add={"区分": choice("RADIO_BUTTON", "a", "b")})
    ref = ready.add("people", 姓="佐藤", ma_band="hot", 配信=["配信停止"])
    receipts = push(ready.adapter(), set_fields(ref, ma_band=None, 配信=None), set_fields(ref, 区分=None))
    assert status(receipts) == ["done", "refused NEVER_EMPTY"]
    assert (ready.get(ref)["ma_band"], ready.get(ref)["配信"]) == (None, [])
