"""Alerts: as records of an app, and as comments that are noted before they are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from connector.adapters.kintone.comments import mark_of
from connector.adapters.kintone.options import AlertOptions
from connector.changes import CloseAlert, Lane
from connector.errors import Uncertain
from connector.model import Ref
from connector.ports import Receipt
from tests.unit.adapters.kintone_kit import SYSTEM, Stage, alert, place_of, push, stage


@pytest.fixture
def ready() -> Iterator[Stage]:
    with stage() as made:
        yield made


def status(receipts: list[Receipt]) -> list[str]:
    return [f"{receipt.status} {receipt.code}".strip() for receipt in receipts]


def comments(ready: Stage, ref: Ref) -> list[str]:
    return [each.text for each in ready.kintone.comments(*place_of(ref))]


def by_comment(**options: Any) -> AlertOptions:
    return AlertOptions.model_validate({"via": ["comment"], "claim": "ma_last_alert", **options})


# --- records ----------------------------------------------------------------------------------------------------------


def test_an_alert_is_a_record_of_its_own(ready: Stage) -> None:
    person, deal = ready.add("people", 姓="佐藤"), ready.add("deals", 案件名="更新")
    receipts = push(ready.adapter(), alert("k1", person=person, deal=deal))
    assert [(receipt.status, receipt.remote_id) for receipt in receipts] == [("done", "3-1")]
    (made,) = ready.kintone.records(ready.ids["alerts"])
    assert (made["ma_key"], made["件名"], made["担当者"], made["期限"]) == ("k1", "動き", ["sato"], "2026-04-02")
    assert made["内容"] == "担当者が資料をダウンロードしました"
    assert made["人物"] == f"{ready.server.url}/k/1/show#record=1"
    assert made["案件"] == "1"


def test_what_a_rep_made_of_it_stays(ready: Stage) -> None:
    push(ready.adapter(), alert("k1"))
    ready.kintone.update(ready.ids["alerts"], "1", {"対応": "済", "件名": "電話した"})
    assert status(push(ready.adapter(), alert("k1"), alert("k2"))) == ["done", "done"]
    assert [row["件名"] for row in ready.kintone.records(ready.ids["alerts"])] == ["電話した", "動き"]


def test_a_long_title_is_cut_to_its_field(ready: Stage) -> None:
    long = replace(alert("k1"), title="長い" * 100)
    assert status(push(ready.adapter(), long)) == ["done"]
    (made,) = ready.kintone.records(ready.ids["alerts"])
    assert made["件名"] == ("長い" * 100)[:99] + "…"


def test_a_user_who_is_unknown_is_refused_alone(ready: Stage) -> None:
    receipts = push(ready.adapter(), alert("k1"), alert("k2", owner="tanaka"), alert("k3"))
    assert [receipt.status for receipt in receipts] == ["done", "refused", "done"]
    assert "tanaka" not in str(receipts[1].what)


def test_without_any_way_it_is_refused_with_what_to_do(ready: Stage) -> None:
    receipts = push(ready.adapter(alert=None), alert("k1"))
    assert status(receipts) == ["refused NO_WAY"]
    assert "alert" in str(receipts[0].fix)


# --- comments ---------------------------------------------------------------------------------------------------------


def test_a_comment_calls_the_owner_on_the_deal(ready: Stage) -> None:
    person, deal = ready.add("people", 姓="佐藤"), ready.add("deals", 案件名="更新")
    receipts = push(ready.adapter(alert=by_comment()), alert("k1", person=person, deal=deal))
    assert [(receipt.status, receipt.remote_id) for receipt in receipts] == [("done", "2-1#1")]
    (comment,) = ready.kintone.comments(*place_of(deal))
    assert comment.text.splitlines()[1:3] == ["動き", "担当者が資料をダウンロードしました"]
    assert f"[#{mark_of('k1')}]" in comment.text
    assert [(each.code, each.type) for each in comment.mentions] == [("sato", "USER")]
    assert ready.get(deal)["ma_last_alert"] == mark_of("k1")
    assert comments(ready, person) == []


def test_without_a_deal_it_is_on_the_person_and_without_both_the_next_way(ready: Stage) -> None:
    person = ready.add("people", 姓="佐藤")
    options = by_comment(via=["comment", "app"], app="alerts")
    elsewhere = Ref("other", "deals", "2-1")
    receipts = push(ready.adapter(alert=options), alert("k1", person=person, deal=elsewhere), alert("k2"))
    assert status(receipts) == ["done", "done"]
    assert len(comments(ready, person)) == 1
    assert [row["ma_key"] for row in ready.kintone.records(ready.ids["alerts"])] == ["k2"]
    assert status(push(ready.adapter(alert=by_comment()), alert("k3"))) == ["refused NO_WAY"]


def test_an_app_without_the_field_is_not_commented_on(ready: Stage) -> None:
    person, deal = ready.add("people", 姓="佐藤"), ready.add("deals", 案件名="更新")
    ready.kintone.change_fields(ready.ids["deals"], remove=["ma_last_alert"])
    push(ready.adapter(alert=by_comment()), alert("k1", person=person, deal=deal))
    assert (len(comments(ready, deal)), len(comments(ready, person))) == (0, 1)


def test_several_alerts_on_one_record_are_each_written_once(ready: Stage) -> None:
    person = ready.add("people", 姓="佐藤")
    changes = [alert(f"k{number}", person=person) for number in range(9)]
    adapter = ready.adapter(alert=by_comment())
    assert set(status(push(adapter, *changes))) == {"done"}
    assert set(status(push(adapter, *changes[2:]))) == {"done"}
    assert len(comments(ready, person)) == 9
    assert len(ready.get(person)["ma_last_alert"]) <= 64


def test_a_comment_whose_answer_was_lost_is_not_written_again(ready: Stage) -> None:
    person = ready.add("people", 姓="佐藤")
    ready.kintone.chaos.plan("reset_after", path="comment.json")
    with pytest.raises(Uncertain):
        push(ready.adapter(alert=by_comment()), alert("k1", person=person))
    for number in range(12):  # others go on talking
        assert status(push(ready.adapter(alert=by_comment(uncertain="hold")), alert("k1", person=person))) == ["done"]
        ready.kintone.thread(*map(int, place_of(person))).append(
            replace(ready.kintone.comments(*place_of(person))[0], id=100 + number, text="了解です")
        )
    assert len([text for text in comments(ready, person) if "動き" in text]) == 1


def test_a_comment_that_was_noted_and_never_written_is_written_then(ready: Stage) -> None:
    person = ready.add("people", 姓="佐藤")
    ready.kintone.chaos.plan("reset_after", method="PUT")
    with pytest.raises(Uncertain):
        push(ready.adapter(alert=by_comment()), alert("k1", person=person))
    assert comments(ready, person) == []
    assert status(push(ready.adapter(alert=by_comment(uncertain="hold")), alert("k1", person=person))) == [
        "refused HELD"
    ]
    assert status(push(ready.adapter(alert=by_comment()), alert("k1", person=person))) == ["done"]
    assert len(comments(ready, person)) == 1


def test_a_record_that_changes_meanwhile_is_read_again(ready: Stage) -> None:
    person = ready.add("people", 姓="佐藤")
    ready.kintone.chaos.plan("db_lock", method="PUT", code="GAIA_CO02")
    assert status(push(ready.adapter(alert=by_comment()), alert("k1", person=person))) == ["done"]
    assert len(ready.requests("/record.json", "GET")) == 2
    ready.kintone.chaos.plan("db_lock", method="PUT", code="GAIA_CO02", times=3)
    assert status(push(ready.adapter(alert=by_comment()), alert("k2", person=person))) == ["retry GAIA_CO02"]
    assert len(comments(ready, person)) == 1


def test_a_note_that_cannot_be_seen_in_a_record_refuses_this_alert_alone(ready: Stage) -> None:
    person, other = ready.add("people", 姓="佐藤"), ready.add("people", 姓="鈴木")
    shown = '{"record": {"$id": {"value": "1"}, "$revision": {"value": "1"}}}'
    ready.kintone.chaos.plan("status", method="GET", path="/record.json", status=200, body=shown)
    first, second = push(ready.adapter(alert=by_comment()), alert("k1", person=person), alert("k2", person=other))
    assert status([first, second]) == ["refused NOT_SEEN", "done"]
    assert "people.ma_last_alert: cannot be seen" in str(first.what)
    assert comments(ready, person) == []


def test_a_record_that_is_gone_takes_no_comment(ready: Stage) -> None:
    person, other = ready.add("people", 姓="佐藤"), ready.add("people", 姓="鈴木")
    ready.kintone.delete(*place_of(person))
    receipts = push(ready.adapter(alert=by_comment()), alert("k1", person=person), alert("k2", person=other))
    assert status(receipts) == ["refused GAIA_RE01", "done"]
    foreign = alert("k3", person=Ref(SYSTEM, "people", "99-1"))
    assert status(push(ready.adapter(alert=by_comment()), foreign)) == ["refused BAD_ID"]


def closing(remote_id: str) -> CloseAlert:
    return CloseAlert(
        key="close:k", system=SYSTEM, identity="p1", lane=Lane.ALERTS, alert="k", remote_id=remote_id
    )  # fmt: skip


def test_an_alert_is_taken_back_only_where_a_field_says_how_far_it_is(ready: Stage) -> None:
    assert CloseAlert in ready.adapter().writes
    without = ready.adapter(alert=AlertOptions.model_validate({"app": "alerts"}))
    assert CloseAlert not in without.writes


def test_an_alert_that_somebody_deleted_needs_no_closing_and_a_comment_has_no_way(ready: Stage) -> None:
    gone = ready.ref("alerts", "987654")
    (receipt,) = ready.adapter().push([closing(gone.id)])
    assert (receipt.status, receipt.code) == ("done", "")
    (receipt,) = ready.adapter().push([closing("42")])
    assert (receipt.status, receipt.code) == ("refused", "NO_WAY")


def test_check_tells_a_choice_that_the_closing_field_does_not_have(ready: Stage) -> None:
    close = {"field": "対応", "open": "未", "closed": "取消"}
    adapter = ready.adapter(alert=AlertOptions.model_validate({"app": "alerts", "close": close}))
    assert ["取消" in str(f.what) for f in adapter.check() if f.field == "対応"] == [True]
