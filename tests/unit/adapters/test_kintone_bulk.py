"""Many records at once: up to twenty requests in one, which one bad record undoes as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from connector.adapters.kintone.options import AlertOptions, App
from connector.errors import Exhausted, Mismatch, Uncertain
from connector.model import Ref
from connector.ports import Receipt
from connector.sandbox.kintone import Refusal
from connector.spec import Secret
from tests.unit.adapters.kintone_kit import PEOPLE, Stage, alert, create, entry, place_of, push, set_fields, stage

BULK = "/k/v1/bulkRequest.json"
SINGLE = "/k/v1/records.json"


@pytest.fixture
def ready() -> Iterator[Stage]:
    with stage() as made:
        yield made


def people(ready: Stage, count: int) -> list[Ref]:
    return [ready.ref("people", ready.kintone.create(ready.ids["people"], {})) for _ in range(count)]


def score(ready: Stage, refs: list[Ref], **options: Any) -> list[Receipt]:
    return push(ready.adapter(**options), *(set_fields(ref, ma_score=1) for ref in refs))


BY_LOGIN = {"username": Secret(env="U"), "password": Secret(env="P")}


def login(ready: Stage, monkeypatch: pytest.MonkeyPatch, *rights: str) -> dict[str, Any]:
    """Options of an adapter that signs in as a user."""
    ready.kintone.add_user("ma", "連携", "secret")
    ready.kintone.set_rights(ready.ids["people"], "ma", *(rights or ("view", "add", "edit")))
    monkeypatch.setenv("U", "ma")
    monkeypatch.setenv("P", "secret")
    return {"apps": {name: App(id=app.id) for name, app in ready.apps().items()}, **BY_LOGIN}


def status(receipts: list[Receipt]) -> Counter[str]:
    return Counter(f"{receipt.status} {receipt.code}".strip() for receipt in receipts)


def writes(ready: Stage) -> list[str | list[int]]:
    """The requests that wrote: of bulk requests how many records there were in each part, of others the path."""
    found: list[str | list[int]] = []
    for _, path, body in ready.bodies:
        if "requests" in body:
            found.append([len(each["payload"]["records"]) for each in body["requests"]])
        elif "query" not in body:
            found.append(path)
    return found


def scored(ready: Stage, refs: list[Ref]) -> int:
    held = 0
    for ref in refs:
        try:
            held += ready.get(ref)["ma_score"] == "1"
        except Refusal:
            continue
    return held


# --- what is sent -----------------------------------------------------------------------------------------------------


def test_two_thousand_records_go_in_one_call_which_counts_as_twenty(ready: Stage) -> None:
    refs = people(ready, 2000)
    adapter = ready.adapter()
    changes = [set_fields(ref, ma_score=1) for ref in refs]
    receipts = push(adapter, *changes)
    assert receipts == [Receipt(change.key, "done", ref.id) for change, ref in zip(changes, refs, strict=True)]
    assert writes(ready) == [[100] * 20]
    assert len(writes(ready)) == adapter.calls_for(len(changes))
    assert adapter.batch == 2000
    assert adapter.http is not None
    assert adapter.http.meters["people"].calls == 1 + 20  # its form
    assert adapter.http.calls == 2
    assert scored(ready, refs) == 2000


def test_up_to_a_hundred_go_by_themselves(ready: Stage) -> None:
    score(ready, people(ready, 100))
    assert writes(ready) == [SINGLE]


def test_a_bulk_request_names_each_path_from_the_root(ready: Stage) -> None:
    refs = people(ready, 101)
    score(ready, refs)
    ((method, path, body),) = ready.bodies
    assert (method, path) == ("POST", BULK)
    first, second = body["requests"]
    assert {**first, "payload": None} == {"method": "PUT", "api": SINGLE, "payload": None}
    assert second["payload"] == {"app": 1, "records": [{"id": 101, "record": {"ma_score": {"value": "1"}}}]}


def test_an_app_of_a_guest_space_has_its_own(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ready.add_app("people", PEOPLE, guest_space=7)
    monkeypatch.setenv("KT_PEOPLE", ready.tokens["people"])
    refs = people(ready, 101)
    assert status(score(ready, refs, apps=ready.apps(people={"guest_space": 7}))) == {"done": 101}
    ((_, path, body),) = ready.bodies
    assert path == "/k/guest/7/v1/bulkRequest.json"
    assert {each["api"] for each in body["requests"]} == {"/k/guest/7/v1/records.json"}
    with pytest.raises(Mismatch, match="GAIA_IL23"):
        score(ready, refs)


def test_people_are_made_in_bulk_under_our_key(ready: Stage) -> None:
    changes = [create(f"P{number}", 姓="高橋") for number in range(150)]
    receipts = push(ready.adapter(), *changes, create("P7", 姓="髙橋"))
    assert status(receipts) == {"done": 151}
    assert writes(ready) == [[100, 50], SINGLE]  # one key is never twice in a request
    assert receipts[-1].remote_id == receipts[7].remote_id == "1-8"
    assert all(each["payload"]["upsert"] for each in ready.bodies[0][2]["requests"])
    assert len(ready.kintone.records(ready.ids["people"])) == 150


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_one_bad_record_in_the_middle_costs_one_call_more(ready: Stage) -> None:
    refs = people(ready, 2000)
    ready.kintone.refuse(*place_of(refs[1037]), "姓")
    receipts = score(ready, refs)
    assert status(receipts) == {"done": 1999, "refused CB_VA01": 1}
    assert receipts[1037].status == "refused"
    assert "people.姓" in str(receipts[1037].what)
    assert writes(ready) == [[100] * 20, [100] * 10 + [99] + [100] * 9]
    assert scored(ready, refs) == 1999


def test_a_part_in_which_none_is_named_goes_by_itself(ready: Stage) -> None:
    refs = people(ready, 450)
    ready.kintone.delete(*place_of(refs[250]))
    receipts = score(ready, refs)
    assert status(receipts) == {"done": 449, "refused GAIA_RE01": 1}
    assert receipts[250].status == "refused"
    assert writes(ready)[:2] == [[100, 100, 100, 100, 50], [100, 100, 100, 50]]
    assert set(map(str, writes(ready)[2:])) == {SINGLE}
    assert scored(ready, refs) == 449


def test_where_every_part_is_bad_bulk_is_given_up(ready: Stage) -> None:
    refs = people(ready, 1000)
    for place in range(50, 1000, 100):
        ready.kintone.refuse(*place_of(refs[place]), "姓")
    receipts = score(ready, refs)
    assert status(receipts) == {"done": 990, "refused CB_VA01": 10}
    told = writes(ready)
    assert [len(each) for each in told if isinstance(each, list)] == [10, 10, 10]
    assert len(told) == 3 + 3 + 7 * 2
    assert scored(ready, refs) == 990


def test_in_bulk_each_record_gets_what_kintone_says_of_it(ready: Stage) -> None:
    refs = people(ready, 250)
    ready.kintone.refuse(*place_of(refs[30]), "姓")
    ready.kintone.refuse(*place_of(refs[130]), "ma_why")
    ready.kintone.delete(*place_of(refs[240]))
    receipts = score(ready, refs)
    told = {place: receipt.said for place, receipt in enumerate(receipts) if receipt.said}
    assert told == {
        30: "入力内容が正しくありません。\n姓.value: 必須です。",
        130: "入力内容が正しくありません。\nma_why.value: 必須です。",
        240: f"指定したレコード（id: {place_of(refs[240])[1]}）が見つかりません。",
    }


def test_a_part_that_is_bad_as_a_whole_leaves_the_others(ready: Stage) -> None:
    refs = people(ready, 201)
    for place in range(100):
        ready.kintone.refuse(*place_of(refs[place]), "姓")
    assert status(score(ready, refs)) == {"done": 101, "refused CB_VA01": 100}
    assert writes(ready) == [[100, 100, 1], [100, 1]]


@pytest.mark.parametrize("code", ["GAIA_DA02", "GAIA_CO02"])
def test_a_lost_race_is_run_again(ready: Stage, code: str) -> None:
    refs = people(ready, 250)
    ready.kintone.chaos.plan("db_lock", times=2, code=code)
    assert status(score(ready, refs)) == {"done": 250}
    assert writes(ready) == [[100, 100, 50]] * 3


def test_a_part_that_always_loses_its_race_waits_for_the_next_run(ready: Stage) -> None:
    refs = people(ready, 250)
    ready.kintone.chaos.plan("db_lock", times=3, code="GAIA_DA02", path="bulkRequest")
    ready.kintone.chaos.plan("db_lock", times=3, code="GAIA_DA02", path="records.json")
    assert status(score(ready, refs)) == {"done": 150, "retry GAIA_DA02": 100}
    assert writes(ready) == [[100, 100, 50]] * 3 + [[100, 50]] + [SINGLE] * 3


def test_a_lost_answer_is_uncertain_for_all_and_repeated(ready: Stage) -> None:
    refs = people(ready, 250)
    ready.kintone.chaos.plan("reset_after", method="POST", path="bulkRequest")
    with pytest.raises(Uncertain):
        score(ready, refs)
    assert writes(ready) == [[100, 100, 50]]
    assert scored(ready, refs) == 250
    assert status(score(ready, refs)) == {"done": 250}


@pytest.mark.parametrize("body", ['{"results": []}', '{"results": [{}, {}]}', "{}"])
def test_an_answer_that_is_not_about_each_record_is_uncertain(ready: Stage, body: str) -> None:
    refs = people(ready, 150)
    ready.kintone.chaos.plan("status", path="bulkRequest", status=200, body=body)
    with pytest.raises(Uncertain, match="makes no sense"):
        score(ready, refs)


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (400, '{"code": "CB_VA01", "id": "x", "message": "?", "errors": {"requests": {"messages": ["?"]}}}'),
        (400, '{"results": [{}, {}, {}, {"code": "CB_VA01", "id": "x", "message": "?"}]}'),
        (413, '{"message": "too large"}'),
    ],
)
def test_where_bulk_itself_is_refused_each_part_goes_by_itself(ready: Stage, code: int, body: str) -> None:
    refs = people(ready, 250)
    ready.kintone.chaos.plan("status", path="bulkRequest", status=code, body=body)
    assert status(score(ready, refs)) == {"done": 250}
    assert writes(ready)[-3:] == [SINGLE] * 3


def test_a_right_that_lacks_ends_it(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    refs = people(ready, 150)
    monkeypatch.setenv("KT_PEOPLE", ready.kintone.add_token(ready.ids["people"], "view"))
    with pytest.raises(Mismatch, match="GAIA_NO01") as caught:
        score(ready, refs)
    assert caught.value.where == "kt/people"
    assert len(writes(ready)) == 1


@pytest.mark.parametrize(("count", "sent"), [(60, 2), (250, 2)])
def test_records_that_the_user_may_not_edit_leave_the_others(
    ready: Stage, monkeypatch: pytest.MonkeyPatch, count: int, sent: int
) -> None:
    refs = people(ready, count)
    options = login(ready, monkeypatch)
    shut = [refs[7], refs[-1]]
    for ref in shut:
        ready.kintone.close(*place_of(ref))
    receipts = score(ready, refs, **options)
    assert status(receipts) == {"done": count - 2, "refused NOT_EDITABLE": 2}
    assert {refs[n] for n, each in enumerate(receipts) if each.status == "refused"} == set(shut)
    assert len(writes(ready)) == sent


def test_records_that_are_gone_among_those_that_may_not_be_edited(
    ready: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = people(ready, 9)
    options = login(ready, monkeypatch)
    ready.kintone.close(*place_of(refs[1]))
    ready.kintone.delete(*place_of(refs[6]))
    receipts = score(ready, refs, **options)
    assert status(receipts) == {"done": 7, "refused NOT_EDITABLE": 1, "refused GAIA_RE01": 1}


def test_a_record_that_the_user_may_not_edit_holds_back_no_other_comment(
    ready: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    shut, other = people(ready, 2)
    way = AlertOptions.model_validate({"via": ["comment"], "claim": "ma_last_alert"})
    options = {**login(ready, monkeypatch), "alert": way}
    ready.kintone.close(*place_of(shut))
    receipts = push(ready.adapter(**options), alert("k1", person=shut), alert("k2", person=other))
    assert status(receipts) == {"refused NOT_EDITABLE": 1, "done": 1}


def test_a_user_who_may_edit_nothing_ends_it(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    refs = people(ready, 150)
    options = login(ready, monkeypatch, "view")
    with pytest.raises(Mismatch, match="CB_NO02"):
        score(ready, refs, **options)
    assert len(writes(ready)) == 1


def test_what_was_written_is_told_before_the_part_that_was_lost(ready: Stage) -> None:
    refs = people(ready, 250)
    ready.kintone.delete(*place_of(refs[50]))
    ready.kintone.chaos.plan("reset_after", method="PUT", path="records.json")
    receipts: list[Receipt] = []
    changes = [set_fields(ref, ma_score=1) for ref in refs]
    with pytest.raises(Uncertain):
        receipts.extend(ready.adapter().push(changes))
    assert [receipt.key for receipt in receipts] == [change.key for change in changes[100:]]


# --- keys that are taken ----------------------------------------------------------------------------------------------


def test_some_keys_that_are_taken_were_written_before(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    push(ready.adapter(), *(entry(f"k{number}", ref, "直した") for number in range(90, 110)))
    ready.bodies.clear()
    receipts = push(ready.adapter(), *(entry(f"k{number}", ref) for number in range(300)))
    assert status(receipts) == {"done": 300}
    assert writes(ready) == [[100, 100, 100], [90, 100, 100], [90, 90, 100]]
    rows = ready.kintone.records(ready.ids["touchpoints"])
    assert len(rows) == 300
    assert Counter(row["件名"] for row in rows)["直した"] == 20
    assert receipts[95].remote_id == "4-6"


def test_entries_whose_answer_was_lost_are_found_and_not_made_twice(ready: Stage) -> None:
    (ref,) = people(ready, 1)
    changes = [entry(f"k{number}", ref) for number in range(500)]
    ready.kintone.chaos.plan("reset_after", method="POST", path="bulkRequest")
    with pytest.raises(Uncertain):
        push(ready.adapter(), *changes)
    assert status(push(ready.adapter(), *changes)) == {"done": 500}
    assert len(ready.kintone.records(ready.ids["touchpoints"])) == 500


# --- what it may cost -------------------------------------------------------------------------------------------------


def test_the_rest_of_an_allowance_is_used_up(ready: Stage) -> None:
    refs = people(ready, 500)
    adapter = ready.adapter(apps=ready.apps(people={"calls_per_day": 4}))  # three, and the form is one
    receipts: list[Receipt] = []
    with pytest.raises(Exhausted):
        receipts.extend(adapter.push([set_fields(ref, ma_score=1) for ref in refs]))
    assert len(receipts) == scored(ready, refs) == 200
    assert writes(ready) == [[100, 100]]


def test_an_allowance_that_is_spent_sends_nothing(ready: Stage) -> None:
    refs = people(ready, 500)
    with pytest.raises(Exhausted):
        score(ready, refs, apps=ready.apps(people={"calls_per_day": 2}))
    assert writes(ready) == []
