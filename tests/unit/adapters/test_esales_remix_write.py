from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from connector.adapters.esales.options import AlertOptions, AlertRows
from connector.errors import AdapterError, Unauthorized, Unavailable, Uncertain
from connector.sandbox.esales import RemixSettings
from tests.unit.adapters.esales_kit import (
    BAND,
    FIELDS_ALERT,
    KEY,
    SCORE,
    WHY,
    Stage,
    alert,
    create,
    push,
    ref,
    set_fields,
    stage,
    unprobed,
)

NEW = {"氏名": "高橋 花子", "顧客コード": "第二製作所", WHY: "30点"}


@pytest.fixture
def ready() -> Iterator[Stage]:
    with stage() as made:
        made.company("第二製作所")
        yield made


def test_nothing_is_written_before_the_probe(ready: Stage) -> None:
    id_ = ready.person()
    with pytest.raises(Unavailable) as caught:
        push(ready.adapter(unprobed()), set_fields(id_, {WHY: "45点"}))
    assert caught.value.code == "NOT_PROBED"
    assert "connector probe sys" in caught.value.in_("ja")
    assert ready.requests("/entity", "PUT") == []
    assert push(ready.adapter(unprobed())) == []


def test_values_go_by_the_type_of_their_column(ready: Stage) -> None:
    id_ = ready.person()
    (receipt,) = push(ready.adapter(), set_fields(id_, {WHY: "45点", SCORE: 45, BAND: "Ｂ"}))
    assert (receipt.status, receipt.remote_id) == ("done", id_)
    held = ready.held(id_)
    assert (held[ready.codes[WHY]], held[ready.codes[SCORE]], held[ready.codes[BAND]]) == ("45点", 45, 2)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({BAND: "D"}, "NOT_A_CHOICE"),
        ({SCORE: "高い"}, "WRONG_TYPE"),
        ({"無い項目": "x"}, "NO_FIELD"),
        ({"名刺コード": 5}, "READ_ONLY"),
        ({"変更日": "2026-04-01"}, "400"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_never_by_value(ready: Stage, values: Any, code: str) -> None:
    id_, other = ready.person(), ready.person()
    first, second = push(ready.adapter(), set_fields(id_, values), set_fields(other, {WHY: "45点"}))
    assert (first.status, first.code, second.status) == ("refused", code, "done")
    assert first.what is not None
    assert first.fix is not None
    assert next(iter(values)) in first.what.in_("ja")


@pytest.mark.parametrize("id_", ["99", "x"])
def test_a_record_that_is_not_there_is_never_made(ready: Stage, id_: str) -> None:
    (receipt,) = push(ready.adapter(), set_fields(id_, {WHY: "45点"}))
    assert (receipt.status, receipt.code) == ("refused", "GONE")
    assert ready.requests("/entity", "PUT") == []


def test_a_search_that_gives_another_record_than_asked_for_is_not_believed(ready: Stage) -> None:
    id_ = ready.person()
    body = '{"hits": 1, "values": [{"928": 99}]}'
    ready.esm.chaos.plan("status", status=200, path="search", body=body, mimetype="application/json")
    with pytest.raises(Unavailable) as caught:
        push(ready.adapter(), set_fields(id_, {WHY: "45点"}))
    assert caught.value.evidence
    assert ready.requests("/entity", "PUT") == []


@pytest.mark.parametrize("error_body", ["json", "text", "html"])
@pytest.mark.parametrize("error_status", ["code", "200"])
def test_a_locked_record_is_refused_however_that_is_told(error_body: Any, error_status: Any) -> None:
    with stage(RemixSettings(error_body=error_body, error_status=error_status)) as ready:
        locked, free = ready.person(), ready.person()
        ready.esm.refuse("person", int(locked))
        if (error_body, error_status) == ("html", "code"):
            with pytest.raises(Unavailable):  # a page with a status may come from anywhere between us
                push(ready.adapter(), set_fields(locked, {WHY: "45点"}))
            return
        receipts = push(ready.adapter(), set_fields(locked, {WHY: "45点"}), set_fields(free, {WHY: "45点"}))
    assert [receipt.status for receipt in receipts] == ["refused", "done"]
    words = f"他のユーザーが編集中のため更新できません。（ID: {locked}）"
    assert [receipt.said for receipt in receipts] == ["" if error_body == "html" else words, ""]


def test_an_answer_without_a_key_is_settled_by_reading_the_record(ready: Stage) -> None:
    id_ = ready.person()
    adapter = ready.adapter()
    body = json.dumps({"messages": ["登録しました"]})
    ready.esm.chaos.plan("status", method="PUT", status=200, body=body, mimetype="application/json")
    (receipt,) = push(adapter, set_fields(id_, {WHY: "45点"}))
    assert (receipt.status, receipt.code, receipt.said) == ("refused", "NO_ANSWER", "登録しました")
    ready.esm.update("person", int(id_), {ready.codes[WHY]: "45点"})
    ready.esm.chaos.plan("status", method="PUT", status=200, body=body, mimetype="application/json")
    (receipt,) = push(adapter, set_fields(id_, {WHY: "45点"}))
    assert receipt.status == "done"


def test_an_answer_about_another_record_is_in_doubt(ready: Stage) -> None:
    id_ = ready.person()
    ready.esm.chaos.plan("status", method="PUT", status=200, body='{"primarykey": 77}', mimetype="application/json")
    with pytest.raises(Uncertain):
        push(ready.adapter(), set_fields(id_, {WHY: "45点"}))


@pytest.mark.parametrize(("status", "kind"), [(401, Unauthorized), (429, Unavailable), (503, Uncertain)])
def test_a_status_without_json_means_what_it_says(ready: Stage, status: int, kind: type[AdapterError]) -> None:
    id_ = ready.person()
    ready.esm.chaos.plan("status", method="PUT", status=status, body="停止中", times=9)
    with pytest.raises(kind):
        push(ready.adapter(), set_fields(id_, {WHY: "45点"}))


def test_a_renamed_choice_is_noticed_after_a_refusal(ready: Stage) -> None:
    id_ = ready.person()
    adapter = ready.adapter()
    assert push(adapter, set_fields(id_, {BAND: "A"}))[0].status == "done"
    ready.esm.rename_choice("person", ready.codes[BAND], 1, None)
    ready.esm.rename_choice("person", ready.codes[BAND], 4, "A")
    assert push(adapter, set_fields(id_, {BAND: "A"}))[0].status == "refused"
    assert push(adapter, set_fields(id_, {BAND: "A"}))[0].status == "done"


def test_what_cannot_be_emptied_is_refused(ready: Stage) -> None:
    from dataclasses import replace

    id_ = ready.person(**{WHY: "前"})
    needs = replace(unprobed(), probed={"put": "partial", "clear": "no"})
    (receipt,) = push(ready.adapter(needs), set_fields(id_, {WHY: None}))
    assert receipt.code == "CANNOT_CLEAR"


def test_an_update_that_empties_other_fields_after_all_stops_everything(
    ready: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = ready.person(_916="備考"), ready.person(_916="備考")
    change = ready.esm._change
    monkeypatch.setattr(ready.esm, "_change", lambda sheet, id_, values: change(sheet, id_, {916: None, **values}))
    with pytest.raises(Unavailable) as caught:
        push(ready.adapter(), set_fields(first, {WHY: "45点"}), set_fields(second, {WHY: "45点"}))
    assert caught.value.code == "EMPTIED"
    assert "備考" in str(caught.value)
    assert ready.held(second)[916] == "備考"


def test_one_update_a_run_is_looked_after(ready: Stage) -> None:
    ids = [ready.person(_916="備考") for _ in range(3)]
    push(ready.adapter(), *(set_fields(id_, {WHY: "45点"}) for id_ in ids))
    assert len(ready.requests("search")) == 4


# --- creating ---------------------------------------------------------------------------------------------------------


def test_a_person_is_made_at_the_company_of_that_name(ready: Stage) -> None:
    (receipt,) = push(ready.adapter(), create("U1", NEW))
    assert receipt.status == "done"
    held = ready.held(str(receipt.remote_id))
    assert (held[903], held[902], held[ready.codes[KEY]], held[ready.codes[WHY]]) == ("高橋 花子", 1, "U1", "30点")


@pytest.mark.parametrize("company", ["無い会社", "双子社"])
def test_a_company_that_is_not_there_exactly_once_is_not_guessed(ready: Stage, company: str) -> None:
    ready.company("双子社")
    ready.company("双子社")
    (receipt,) = push(ready.adapter(), create("U1", {**NEW, "顧客コード": company}))
    assert (receipt.status, receipt.code) == ("refused", "NO_COMPANY")
    assert ready.esm.records("person") == []


def test_a_company_called_by_a_number_is_not_the_one_with_that_code(ready: Stage) -> None:
    own = ready.company("1")
    push(ready.adapter(), create("U1", {**NEW, "顧客コード": "1"}), create("U2", {**NEW, "顧客コード": 1}))
    assert [row[902] for row in ready.esm.records("person")] == [own, 1]
    assert push(ready.adapter(), create("U3", {**NEW, "顧客コード": "2"}))[0].code == "NO_COMPANY"


def test_two_records_with_our_key_are_refused(ready: Stage) -> None:
    ready.person(**{KEY: "U1"})
    ready.person(**{KEY: "U1"})
    (receipt,) = push(ready.adapter(), create("U1", NEW))
    assert receipt.code == "KEY_TWICE"


@pytest.mark.parametrize("fault", ["reset_after", "truncate"])
def test_a_creation_whose_answer_was_lost_is_found_by_the_next_attempt(ready: Stage, fault: str) -> None:
    ready.esm.chaos.plan(fault, method="POST", path="/entity$")
    with pytest.raises(Uncertain):
        push(ready.adapter(), create("U1", NEW))
    (receipt,) = push(ready.adapter(), create("U1", NEW))
    assert receipt.status == "done"
    assert len(ready.esm.records("person")) == 1


def test_a_creation_without_a_key_in_its_answer_is_looked_up(ready: Stage) -> None:
    ready.esm.chaos.plan("status", method="POST", path="/entity$", status=200, body="{}", mimetype="application/json")
    (receipt,) = push(ready.adapter(), create("U1", NEW))
    assert (receipt.status, receipt.code) == ("refused", "NO_ANSWER")
    assert ready.esm.records("person") == []


def test_a_key_that_cannot_be_looked_for_makes_nobody(ready: Stage) -> None:
    ready.esm.chaos.plan("status", method="POST", path="search", status=503, times=9)
    with pytest.raises(Unavailable):
        push(ready.adapter(), create("U1", NEW))
    assert ready.esm.records("person") == []
    adapter = ready.adapter(fields={str(ready.codes[KEY]): {"type": "num"}})
    ready.esm.chaos.calm()
    (receipt,) = push(adapter, create("U1", NEW))
    assert receipt.code == "KEY_NOT_TEXT"


# --- alerts -----------------------------------------------------------------------------------------------------------


def test_an_alert_is_a_row_of_a_sheet(ready: Stage) -> None:
    id_ = ready.person()
    adapter = ready.adapter()
    assert [push(adapter, alert("a1", ref(id_)))[0].status for _ in range(2)] == ["done", "done"]
    (row,) = ready.esm.records("extension_1")
    assert (row[20002], row[ready.codes["MAアラートキー"]], row[20005]) == ("停滞案件に動き", "a1", int(id_))
    assert row[ready.codes["内容"]] == "担当者が資料をダウンロードしました"


def test_an_alert_whose_answer_was_lost_appears_once(ready: Stage) -> None:
    ready.esm.chaos.plan("reset_after", method="POST", path="/entity$")
    with pytest.raises(Uncertain):
        push(ready.adapter(), alert("a1"))
    assert push(ready.adapter(), alert("a1"))[0].status == "done"
    assert len(ready.esm.records("extension_1")) == 1


def test_an_alert_answered_without_a_key_is_looked_up(ready: Stage) -> None:
    handle = ready.esm.handle

    def silent(request: Request) -> Response:
        response = handle(request)
        if request.method == "POST" and request.path.endswith("/entity"):
            response.set_data("{}")
        return response

    ready.server._handle = silent
    assert push(ready.adapter(), alert("a1"))[0].status == "done"
    ready.esm.chaos.plan("status", method="POST", path="/entity$", status=200, body="{}", mimetype="application/json")
    assert push(ready.adapter(), alert("a2"))[0].code == "NO_ANSWER"
    assert len(ready.esm.records("extension_1")) == 1


def test_an_alert_into_a_sheet_that_is_not_there_is_refused(ready: Stage) -> None:
    rows = AlertRows(sheet="extension_9", key="a", title="b")
    adapter = ready.adapter(alert=AlertOptions(via=("sheet_rows",), sheet_rows=rows))
    assert push(adapter, alert("a1"))[0].code == "NO_SHEET"
    rows = AlertRows(sheet="extension_1", key="無い", title="名称")
    adapter = ready.adapter(alert=AlertOptions(via=("sheet_rows",), sheet_rows=rows))
    assert push(adapter, alert("a1"))[0].code == "NO_FIELD"


def test_ways_are_tried_in_their_order(ready: Stage) -> None:
    seller = str(ready.esm.add_user("E001", "営業 一郎"))
    todo = ready.codes["ToDoキー"]
    adapter = ready.adapter(alert=FIELDS_ALERT)
    id_ = ready.person()
    receipts = push(adapter, alert("a1", ref(id_), seller), alert("a2", None, seller))
    assert [receipt.status for receipt in receipts] == ["done", "done"]
    held = ready.held(id_)
    assert (held[ready.codes["MA通知"]], held[ready.codes["MA通知キー"]]) == ("停滞案件に動き", "a1")
    (row,) = ready.esm.todos()
    assert (row[1402], row[1404], row[todo], row[1403].isoformat()) == (
        "停滞案件に動き",
        int(seller),
        "a2",
        "2026-04-02",
    )


def test_an_alert_without_a_way_is_refused(ready: Stage) -> None:
    way = FIELDS_ALERT.model_copy(update={"via": ("person_fields",)})
    (receipt,) = push(ready.adapter(alert=way), alert("a1"))
    assert (receipt.status, receipt.code) == ("refused", "NO_WAY")
