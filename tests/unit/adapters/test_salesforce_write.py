"""What is written, what is refused and why, and that a repeat changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from connector.adapters.salesforce.fields import Field, WrongType
from connector.adapters.salesforce.refusals import verdict
from connector.adapters.salesforce.rows import Row
from connector.changes import AnyChange, SetFields
from connector.errors import AdapterError, Unauthorized, Unavailable, Uncertain
from connector.model import Ref, Value
from connector.ports import Receipt
from connector.sandbox.salesforce.ids import to18
from tests.unit.adapters.salesforce_kit import (
    NEEDS,
    SYSTEM,
    Stage,
    alert,
    contact_ref,
    create,
    drain,
    entry,
    lead_ref,
    push,
    set_fields,
    stage,
)


@pytest.fixture
def ready() -> Iterator[Stage]:
    with stage() as made:
        yield made


def told(receipts: Sequence[Receipt]) -> list[tuple[str, str]]:
    return [(r.status, r.code) for r in receipts]


# --- fields -----------------------------------------------------------------------------------------------------------


def test_values_arrive_as_what_they_are(ready: Stage) -> None:
    ref = contact_ref(ready.contact(Phone="03"))
    moment = datetime(2026, 3, 31, 15, 0, 0, 500_000, UTC)
    push(ready.adapter(), set_fields(ref, MA_Score__c=45, MA_Score_Why__c="45点", MA_Last_Touch__c=moment, Phone=None))
    row = ready.org.get("Contact", ref.id)
    assert (row["MA_Score__c"], row["MA_Score_Why__c"]) == (45, "45点")
    assert row["MA_Last_Touch__c"] == "2026-03-31T15:00:00.500+0000"
    assert row["Phone"] is None


def test_two_hundred_in_one_call(ready: Stage) -> None:
    refs = [contact_ref(ready.org.create("Contact", {"LastName": f"人{n}"})) for n in range(200)]
    receipts = push(ready.adapter(), *(set_fields(ref, MA_Score__c=n) for n, ref in enumerate(refs)))
    assert [r.remote_id for r in receipts] == [ref.id for ref in refs]
    assert [ready.org.get("Contact", ref.id)["MA_Score__c"] for ref in refs] == list(range(200))
    assert len(ready.requests("composite")) == 1


def test_two_changes_of_one_record_are_both_made_in_order(ready: Stage) -> None:
    one, two = contact_ref(ready.contact()), contact_ref(ready.contact())
    changes = [set_fields(ref, MA_Band__c=band) for band in ("cold", "hot") for ref in (one, two)]
    assert told(push(ready.adapter(), *changes)) == [("done", "")] * 4
    assert ready.org.get("Contact", one.id)["MA_Band__c"] == "hot"
    assert len(ready.requests("composite")) == 2


def test_names_of_fields_count_in_any_case(ready: Stage) -> None:
    ref = contact_ref(ready.contact())
    assert told(push(ready.adapter(), set_fields(ref, ma_band__C="hot"))) == [("done", "")]


def texts_for(ready: Stage, texts: dict[int, str], count: int = 250) -> dict[str, SetFields]:
    """A text for each of many contacts, by id, in the order of sending; `texts` are those of some places."""
    ids = sorted(ready.org.create("Contact", {"LastName": f"人{n}"}) for n in range(count))
    return {
        id_: set_fields(contact_ref(id_), MA_Score_Why__c=texts.get(place, f"料金ページ {place}"))
        for place, id_ in enumerate(ids)
    }


def held(ready: Stage) -> dict[str, str]:
    return {row["Id"]: row["MA_Score_Why__c"] for row in ready.org.records("Contact")}


@pytest.mark.parametrize("text", ["@{a.b} を見ました", "@{part0[0].id}", "@{part0}", "@{キャンペーン}", "@{"])
def test_a_text_that_looks_like_a_reference_arrives_as_it_is(ready: Stage, text: str) -> None:
    """A composite would put a part of another answer in its place, or halt the whole collection."""
    changes = texts_for(ready, {7: text, 249: text})
    receipts = push(ready.adapter(), *changes.values())
    assert [r.key for r in receipts] == [c.key for c in changes.values()]
    assert set(told(receipts)) == {("done", "")}
    assert held(ready) == {id_: change.values["MA_Score_Why__c"] for id_, change in changes.items()}
    assert len(ready.requests("composite", "POST")) == len(ready.requests("composite/sobjects", "PATCH")) == 1


def test_texts_that_all_look_like_references_go_without_a_composite(ready: Stage) -> None:
    changes = texts_for(ready, dict.fromkeys(range(250), "@{part0}"))
    assert set(told(push(ready.adapter(), *changes.values()))) == {("done", "")}
    assert set(held(ready).values()) == {"@{part0}"}
    assert not ready.requests("composite", "POST")


def test_a_part_that_a_composite_halts_is_sent_by_itself(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Row, "refers", False)  # as if it were halted for something that we cannot see
    changes = texts_for(ready, {210: "@{a.b}"})
    assert set(told(push(ready.adapter(), *changes.values()))) == {("done", "")}
    assert held(ready) == {id_: change.values["MA_Score_Why__c"] for id_, change in changes.items()}
    assert [len(body["records"]) for body in ready.written] == [50]


FIT: dict[str, list[tuple[Value, Any]]] = {
    "string": [("a", "a"), (45, "45"), (45.0, "45"), (4.5, "4.5"), (True, "true"), (date(2026, 4, 1), "2026-04-01")],
    "double": [(45, 45), (4.5, 4.5)],
    "boolean": [(True, True)],
    "date": [(date(2026, 4, 1), "2026-04-01")],
    "datetime": [
        (datetime(2026, 4, 1, 9, tzinfo=UTC), "2026-04-01T09:00:00.000Z"),
        (date(2026, 4, 1), "2026-04-01T00:00:00.000Z"),
    ],
    "reference": [("0035g00000000001AA"[:15], "0035g0000000000")],
}
UNFIT: dict[str, list[Value]] = {
    "string": [float("nan")],
    "double": ["45", True, date(2026, 4, 1), float("inf")],
    "boolean": ["true", 1],
    "date": ["2026-04-01", datetime(2026, 4, 1, tzinfo=UTC), 5],
    "datetime": ["2026-04-01T00:00:00Z", 5],
    "reference": ["x", 5, "0035g0000000000'"],
}


def field(type_: str) -> Field:
    return Field(
        "X__c", type_, 255, createable=True, updateable=True, unique=False, external_id=False, choices=frozenset(),
        restricted=False,
    )  # fmt: skip


@pytest.mark.parametrize("type_", FIT)
def test_values_that_suit_a_type(type_: str) -> None:
    for value, sent in FIT[type_]:
        assert field(type_).write(value) == sent
    assert field(type_).write(None) is None


@pytest.mark.parametrize("type_", UNFIT)
def test_values_that_suit_no_type(type_: str) -> None:
    for value in UNFIT[type_]:
        with pytest.raises(WrongType):
            field(type_).write(value)


def refusals(ready: Stage) -> dict[str, tuple[AnyChange, str]]:
    """Changes that are refused, and the code."""
    contact, gone = contact_ref(ready.contact()), contact_ref(ready.contact())
    ready.org.delete("Contact", gone.id)
    converted = ready.lead()
    ready.org.convert_lead(converted)
    ready.org.add_field("Contact", name="Grade__c", type="picklist", picklist=("A", "B"))
    ready.org.read_only_field("Contact", "Title")
    ready.org.hide_field("Contact", "Department")
    retired = ready.org.add_user("退職")
    ready.org.deactivate_user(retired)
    nobody = to18(contact.id[:12] + "zzz")
    return {
        "deleted": (set_fields(gone, MA_Score__c=1), "ENTITY_IS_DELETED"),
        "never was": (set_fields(contact_ref(nobody), MA_Score__c=1), "INVALID_CROSS_REFERENCE_KEY"),
        "no id": (set_fields(contact_ref("' OR Id != '"), MA_Score__c=1), "MALFORMED_ID"),
        "of another object": (set_fields(contact_ref(converted), MA_Score__c=1), "INVALID_CROSS_REFERENCE_KEY"),
        "converted": (set_fields(lead_ref(converted), MA_Score__c=1), "CANNOT_UPDATE_CONVERTED_LEAD"),
        "too long": (set_fields(contact, MA_Score_Why__c="あ" * 256), "STRING_TOO_LONG"),
        "too large": (set_fields(contact, MA_Score__c=10**19), "NUMBER_OUTSIDE_VALID_RANGE"),
        "no choice": (set_fields(contact, Grade__c="C"), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        "bad mail": (set_fields(contact, Email="金糸雀@@"), "INVALID_EMAIL_ADDRESS"),
        "required": (set_fields(contact, LastName=None), "REQUIRED_FIELD_MISSING"),
        "wrong type": (set_fields(contact, MA_Score__c="四十五"), "WRONG_TYPE"),
        "a moment as a day": (set_fields(contact, Birthdate=datetime(2026, 4, 1, tzinfo=UTC)), "WRONG_TYPE"),
        "no field": (set_fields(contact, Nope__c=1), "INVALID_FIELD"),
        "hidden": (set_fields(contact, Department="製造"), "INVALID_FIELD"),
        "read only": (set_fields(contact, Title="部長"), "INVALID_FIELD_FOR_INSERT_UPDATE"),
        "no object": (set_fields(Ref(SYSTEM, "Nope__c", contact.id), A=1), "INVALID_TYPE"),
        "inactive owner": (alert("k1", retired, contact), "INACTIVE_OWNER_OR_USER"),
        "owner is nobody": (alert("k2", "x", contact), "WRONG_TYPE"),
        "about a deleted one": (alert("k3", ready.org.user_id, gone), "ENTITY_IS_DELETED"),
        "about no person": (entry("k4", Ref(SYSTEM, "Account", "0015g0000000001")), "MALFORMED_ID"),
        "required for a new one": (create("U1", {"LastName": "高橋"}), "REQUIRED_FIELD_MISSING"),
    }


def test_each_refusal_has_its_code_words_and_fix(ready: Stage) -> None:
    adapter = ready.adapter()
    for name, (change, code) in refusals(ready).items():
        stays = set_fields(contact_ref(ready.contact()), MA_Band__c="hot")
        (receipt,) = push(adapter, change)
        assert (receipt.status, receipt.code) == ("refused", code), name
        assert receipt.what is not None
        assert receipt.fix is not None
        for language in ("en", "ja"):
            said = receipt.what.in_(language) + receipt.fix.in_(language)
            assert code in said, name
            assert "金糸雀" not in said
            assert "あああ" not in said
        assert told(push(adapter, stays)) == [("done", "")]


def test_a_refusal_names_object_and_field(ready: Stage) -> None:
    ref = contact_ref(ready.contact())
    (receipt,) = push(ready.adapter(), set_fields(ref, MA_Score_Why__c="あ" * 256))
    assert str(receipt.what) == "Contact.MA_Score_Why__c: the text is too long (STRING_TOO_LONG)"
    assert "data value too large" in receipt.said


def test_bad_rows_among_good_ones(ready: Stage) -> None:
    good = [contact_ref(ready.contact()) for _ in range(3)]
    bad = contact_ref(ready.contact())
    changes = [
        set_fields(good[0], MA_Band__c="hot"),
        set_fields(bad, MA_Score__c="x"),
        set_fields(good[1], MA_Band__c="hot"),
        set_fields(bad, MA_Score_Why__c="あ" * 300),
        set_fields(good[2], MA_Band__c="hot"),
    ]
    receipts = push(ready.adapter(), *changes)
    assert [r.key for r in receipts] == [c.key for c in changes]
    assert [r.status for r in receipts] == ["done", "refused", "done", "refused", "done"]


def test_a_row_that_fails_the_whole_call_is_found(ready: Stage) -> None:
    """An administrator hides a field after we have looked."""
    adapter = ready.adapter()
    refs = [contact_ref(ready.contact()) for _ in range(7)]
    adapter._org.describe("Contact")
    ready.org.hide_field("Contact", "MA_Band__c")
    changes = [set_fields(ref, **{"MA_Band__c": "hot"} if n == 4 else {"MA_Score__c": n}) for n, ref in enumerate(refs)]
    receipts = push(adapter, *changes)
    assert [r.status for r in receipts] == ["done"] * 4 + ["refused"] + ["done"] * 2
    assert receipts[4].code == "INVALID_FIELD"


def test_a_call_that_is_refused_for_another_reason_is_not_taken_apart(ready: Stage) -> None:
    refs = [contact_ref(ready.contact()) for _ in range(4)]
    body = '[{"errorCode": "INVALID_INPUT", "message": "secret words"}]'
    ready.server.chaos.plan("status", path="composite", status=400, body=body, mimetype="application/json")
    receipts = push(ready.adapter(), *(set_fields(ref, MA_Score__c=1) for ref in refs))
    assert told(receipts) == [("refused", "INVALID_INPUT")] * 4
    assert {receipt.said for receipt in receipts} == {"secret words"}
    assert "secret" not in str(receipts)
    assert len(ready.requests("composite")) == 1


# --- what may heal ----------------------------------------------------------------------------------------------------


def test_a_locked_row_is_tried_again_and_its_neighbours_are_done(ready: Stage) -> None:
    refs = sorted((contact_ref(ready.contact()) for _ in range(4)), key=lambda ref: ref.id)
    changes = [set_fields(ref, MA_Band__c="hot") for ref in refs]
    adapter = ready.adapter()
    ready.org.chaos.plan("row_lock", rows=[1])
    receipts = push(adapter, *changes)
    assert told(receipts) == [("done", ""), ("retry", "UNABLE_TO_LOCK_ROW"), ("done", ""), ("done", "")]
    assert [bool(receipt.said) for receipt in receipts] == [False, True, False, False]
    assert "exclusive access" in receipts[1].said
    assert told(push(adapter, changes[1])) == [("done", "")]


def test_a_trigger_that_ran_into_a_lock_is_a_lock(ready: Stage) -> None:
    ref = contact_ref(ready.contact())
    message = "t: execution of AfterUpdate caused by: System.DmlException: UNABLE_TO_LOCK_ROW, unable to obtain ..."
    ready.org.chaos.plan("row_fail", code="CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message=message)
    assert told(push(ready.adapter(), set_fields(ref, MA_Score__c=1))) == [("retry", "UNABLE_TO_LOCK_ROW")]
    ready.org.chaos.plan("row_fail", code="CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message="金糸雀")
    (receipt,) = push(ready.adapter(), set_fields(ref, MA_Score__c=1))
    assert receipt.status == "refused"
    assert "金糸雀" not in str(receipt)


def test_an_unknown_code_is_kept_and_its_message_is_not(ready: Stage) -> None:
    ref = contact_ref(ready.contact())
    ready.org.chaos.plan("row_fail", code="SOMETHING_NEW", message="金糸雀", fields=["Email", "<金糸雀>"])
    (receipt,) = push(ready.adapter(), set_fields(ref, MA_Score__c=1))
    assert str(receipt.what) == "Contact.Email: Salesforce refuses it (SOMETHING_NEW)"
    assert "金糸雀" not in str(receipt)


def test_what_will_not_heal_outweighs_what_may() -> None:
    lock, long = {"statusCode": "UNABLE_TO_LOCK_ROW"}, {"statusCode": "STRING_TOO_LONG", "fields": ["A__c"]}
    assert verdict("k", "Lead", [lock]).status == "retry"
    assert verdict("k", "Lead", [lock, long]).code == "STRING_TOO_LONG"
    assert verdict("k", "Lead", []).status == "retry"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "reset_before"}, Uncertain),
        ({"kind": "reset_after"}, Uncertain),
        ({"kind": "truncate"}, Uncertain),
        ({"kind": "html"}, Uncertain),
        ({"kind": "status", "status": 200, "body": "[", "mimetype": "application/json"}, Uncertain),
        ({"kind": "status", "status": 200, "body": "[{}, {}]", "mimetype": "application/json"}, Uncertain),
        ({"kind": "status", "status": 200, "body": "{}", "mimetype": "application/json"}, Uncertain),
        ({"kind": "status", "status": 500, "body": '[{"errorCode": "UNKNOWN_EXCEPTION"}]'}, Uncertain),
        ({"kind": "status", "status": 503}, Uncertain),
        ({"kind": "status", "status": 420}, Uncertain),
        ({"kind": "status", "status": 400, "body": '[{"errorCode": "UNABLE_TO_LOCK_ROW"}]'}, Unavailable),
        ({"kind": "status", "status": 429}, Unavailable),
        ({"kind": "status", "status": 403, "body": '[{"errorCode": "INSUFFICIENT_ACCESS"}]'}, Unauthorized),
        ({"kind": "redirect", "location": "https://evil.example/"}, Unavailable),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_answers_that_are_none(ready: Stage, fault: dict[str, Any], error: type[AdapterError]) -> None:
    ref = contact_ref(ready.contact("金糸雀"))
    adapter = ready.adapter()
    change = set_fields(ref, MA_Score_Why__c="金糸雀")
    ready.server.chaos.plan(fault.pop("kind"), path="composite", **fault)
    with pytest.raises(error) as caught:
        push(adapter, change)
    assert isinstance(caught.value, Uncertain) == (error is Uncertain)
    assert "金糸雀" not in caught.value.in_("en") + caught.value.in_("ja") + repr(caught.value)
    assert len(ready.requests("composite")) == 1
    assert told(push(adapter, change)) == [("done", "")]


# --- people who are created -------------------------------------------------------------------------------------------


def test_a_lost_answer_creates_nobody_twice(ready: Stage) -> None:
    adapter = ready.adapter()
    changes = [create(f"U{n}", {"LastName": f"人{n}", "Company": "A"}) for n in range(3)]
    ready.server.chaos.plan("reset_after", path="composite")
    with pytest.raises(Uncertain):
        push(adapter, *changes)
    assert len(ready.org.records("Lead")) == 3
    receipts = push(adapter, *changes)
    assert told(receipts) == [("done", "")] * 3
    assert {r.remote_id for r in receipts} == {row["Id"] for row in ready.org.records("Lead")}
    assert len(ready.org.records("Lead")) == 3


def test_a_key_with_strange_characters_is_a_key(ready: Stage) -> None:
    keys = ["a/b", "a?b#c", "..", "a b", "あ%20", "o'x"]
    receipts = push(ready.adapter(), *(create(key) for key in keys))
    assert told(receipts) == [("done", "")] * len(keys)
    assert {row["MA_Person_Id__c"] for row in ready.org.records("Lead")} == set(keys)


def test_two_changes_with_one_key_make_one_person(ready: Stage) -> None:
    first = create("U1", {"LastName": "高橋", "Company": "A"})
    second = create("u1", {"LastName": "髙橋", "Company": "A"})
    one, two = push(ready.adapter(), first, second)
    assert one.remote_id == two.remote_id
    (row,) = ready.org.records("Lead")
    assert row["LastName"] == "髙橋"


def test_a_key_field_that_does_not_keep_us_from_doubles_is_refused(ready: Stage) -> None:
    ready.org.add_field("Lead", name="MA_Person_Id__c", length=64, external_id=True)
    assert told(push(ready.adapter(), create("U1"))) == [("refused", "KEY_NOT_UNIQUE")]
    assert not ready.org.records("Lead")


def test_somebody_who_is_just_being_created_is_found_later(ready: Stage) -> None:
    adapter = ready.adapter()
    ready.org.chaos.plan("late_commit", path="composite", seconds=60)
    ready.server.chaos.plan("reset_after", path="composite")
    with pytest.raises(Uncertain):
        push(adapter, create("U1"))
    assert told(push(adapter, create("U1"))) == [("retry", "UNABLE_TO_LOCK_ROW")]
    ready.later(timedelta(minutes=2))
    assert told(push(adapter, create("U1"))) == [("done", "")]
    assert len(ready.org.records("Lead")) == 1


def test_a_unique_value_of_somebody_else_is_refused(ready: Stage) -> None:
    ready.org.add_field("Lead", name="Card__c", length=20, unique=True)
    ready.lead(Card__c="7")
    values: dict[str, Value] = {"LastName": "高橋", "Company": "A", "Card__c": "7"}
    assert told(push(ready.adapter(), create("U1", values))) == [("refused", "DUPLICATE_VALUE")]


def test_a_unique_value_of_somebody_else_is_refused_where_our_record_is_there_already(ready: Stage) -> None:
    ready.org.add_field("Lead", name="Card__c", length=20, unique=True)
    ready.lead(Card__c="7")
    ours = ready.lead("旧", MA_Person_Id__c="U1")
    values: dict[str, Value] = {"LastName": "新", "Company": "A", "Card__c": "7"}
    receipts = push(ready.adapter(), create("U1", values), create("U2"))
    assert told(receipts) == [("refused", "DUPLICATE_VALUE"), ("done", "")]
    assert ready.org.get("Lead", ours)["LastName"] == "旧"
    assert [len(body["records"]) for body in ready.written] == [2, 1]


def test_somebody_who_was_made_by_others_at_the_same_time_is_written(ready: Stage) -> None:
    """Between the org's look for the key and its insert, another made the record."""
    ours = ready.lead("旧", MA_Person_Id__c="U1")
    ready.org.chaos.plan("row_fail", code="DUPLICATE_VALUE", message="x")
    (receipt,) = push(ready.adapter(), create("U1", {"LastName": "新", "Company": "A"}))
    assert (receipt.status, receipt.remote_id) == ("done", ours)
    assert ready.org.get("Lead", ours)["LastName"] == "新"


def test_when_the_second_look_is_lost_the_others_stand(ready: Stage) -> None:
    ready.org.chaos.plan("row_fail", code="DUPLICATE_VALUE", message="x")
    ready.server.chaos.plan("reset_before", path="composite", skip=1)
    receipts = push(ready.adapter(), create("U1"), create("U2"))
    assert [r.status for r in receipts] == ["retry", "done"]


@pytest.mark.parametrize("block", [False, True])
@pytest.mark.parametrize("policy", ["park", "save_anyway"])
def test_duplicate_rules(ready: Stage, policy: str, block: bool) -> None:
    ready.lead("高橋", Email="t@example.com")
    ready.org.duplicate_rule("Lead", ["Email"], block=block, message="金糸雀")
    values: dict[str, Value] = {"LastName": "高橋", "Company": "B", "Email": "t@example.com"}
    (receipt,) = push(ready.adapter(duplicates=policy), create("U1", values))
    saved = policy == "save_anyway" and not block
    assert told([receipt]) == [("done", "") if saved else ("refused", "DUPLICATES_DETECTED")]
    assert "金糸雀" not in str(receipt)


def test_a_duplicate_rule_does_not_keep_a_score_from_somebody_who_is_there(ready: Stage) -> None:
    one, two = (ready.lead("高橋", Email="t@example.com") for _ in range(2))
    ready.org.duplicate_rule("Lead", ["Email"])
    receipts = push(ready.adapter(), *(set_fields(lead_ref(id_), MA_Score__c=9) for id_ in (one, two)))
    assert told(receipts) == [("done", "")] * 2


@pytest.mark.parametrize("wanted", [False, True])
def test_assignment_rules_choose_an_owner_only_when_asked(ready: Stage, wanted: bool) -> None:
    other = ready.org.add_user("割当")
    ready.org.assignment_rule(other)
    (receipt,) = push(ready.adapter(assignment_rules=wanted), create("U1"))
    owner = ready.org.get("Lead", str(receipt.remote_id))["OwnerId"]
    assert owner == (other if wanted else ready.org.user_id)


# --- alerts and timelines ---------------------------------------------------------------------------------------------


def test_an_alert_is_a_task_for_its_owner(ready: Stage) -> None:
    owner = ready.org.add_user("営業")
    contact = ready.contact()
    deal = ready.org.create("Opportunity", {"Name": "案件", "StageName": "Qualification", "CloseDate": "2026-06-30"})
    about = Ref(SYSTEM, "Opportunity", deal)
    (receipt,) = push(ready.adapter(), alert("k1", owner, contact_ref(contact), about))
    row = ready.org.get("Task", str(receipt.remote_id))
    wanted = {
        "Subject": "動き",
        "Description": "担当者が資料をダウンロードしました",
        "OwnerId": owner,
        "WhoId": contact,
        "WhatId": deal,
        "ActivityDate": "2026-04-02",
        "Status": "Not Started",
        "Priority": "High",
        "IsReminderSet": True,
        "ReminderDateTime": "2026-04-02T00:00:00.000+0000",
        "MA_Key__c": "k1",
        "IsClosed": False,
    }
    assert {name: row.get(name) for name in wanted} == wanted


def test_an_alert_about_a_lead_is_about_nothing_else(ready: Stage) -> None:
    deal = ready.org.create("Opportunity", {"Name": "案件", "StageName": "Qualification", "CloseDate": "2026-06-30"})
    lead = ready.lead()
    change = alert("k1", ready.org.user_id, lead_ref(lead), Ref(SYSTEM, "Opportunity", deal))
    (receipt,) = push(ready.adapter(alert={"reminder": False}), change)
    row = ready.org.get("Task", str(receipt.remote_id))
    assert (row["WhoId"], row.get("WhatId"), row["IsReminderSet"]) == (lead, None, False)


def test_an_alert_about_records_of_another_system_names_none(ready: Stage) -> None:
    change = alert("k1", ready.org.user_id, Ref("ma", "visitor", "12"), Ref("other", "deal", "7"))
    (receipt,) = push(ready.adapter(), change)
    row = ready.org.get("Task", str(receipt.remote_id))
    assert (row.get("WhoId"), row.get("WhatId")) == (None, None)


def test_long_words_of_ours_are_cut(ready: Stage) -> None:
    (receipt,) = push(ready.adapter(), alert("k1", ready.org.user_id, title="あ" * 300))
    assert ready.org.get("Task", str(receipt.remote_id))["Subject"] == "あ" * 254 + "…"


def test_an_entry_is_a_closed_task(ready: Stage) -> None:
    contact = ready.contact()
    (receipt,) = push(ready.adapter(), entry("k1", contact_ref(contact)))
    row = ready.org.get("Task", str(receipt.remote_id))
    assert (row["IsClosed"], row["WhoId"], row["ActivityDate"]) == (True, contact, "2026-04-01")
    assert row["OwnerId"] == ready.org.user_id


def test_an_alert_that_its_owner_has_closed_stays_closed(ready: Stage) -> None:
    adapter = ready.adapter()
    change = alert("k1", ready.org.user_id)
    ready.server.chaos.plan("reset_after", path="composite")
    with pytest.raises(Uncertain):
        push(adapter, change)
    (task,) = ready.org.records("Task")
    ready.org.update("Task", task["Id"], {"Status": "Completed", "Subject": "電話済み"})
    (receipt,) = push(adapter, change)
    assert (receipt.status, receipt.remote_id) == ("done", task["Id"])
    (row,) = ready.org.records("Task")
    assert (row["Status"], row["Subject"]) == ("Completed", "電話済み")


def test_new_and_old_alerts_in_one_call(ready: Stage) -> None:
    adapter = ready.adapter()
    owner = ready.org.user_id
    push(adapter, *(alert(f"k{n}", owner) for n in range(0, 6, 2)))
    receipts = push(adapter, *(alert(f"k{n}", owner) for n in range(6)), alert("k5", owner))
    assert told(receipts) == [("done", "")] * 7
    by_key = {row["MA_Key__c"]: row["Id"] for row in ready.org.records("Task")}
    assert [r.remote_id for r in receipts] == [by_key[f"k{n}"] for n in (*range(6), 5)]


def test_more_repeats_than_a_query_may_name(ready: Stage) -> None:
    adapter = ready.adapter()
    changes = [alert(f"k{n:032}", ready.org.user_id) for n in range(200)]
    push(adapter, *changes)
    assert told(push(adapter, *changes)) == [("done", "")] * 200
    assert len(ready.org.records("Task")) == 200
    assert max(len(target) for target in ready.requests("/query")) < 8_000


def test_an_entry_that_is_archived_is_there(ready: Stage) -> None:
    adapter = ready.adapter()
    change = entry("k1", contact_ref(ready.contact()))
    (first,) = push(adapter, change)
    ready.later(timedelta(days=365))
    ready.org.archive()
    (again,) = push(adapter, change)
    assert (again.status, again.remote_id) == ("done", first.remote_id)
    assert [row["IsArchived"] for row in ready.org.records("Task")] == [True]


def test_when_the_repeat_cannot_be_looked_up_the_others_stand(ready: Stage) -> None:
    adapter = ready.adapter()
    push(adapter, alert("k1", ready.org.user_id))
    ready.server.chaos.plan("reset_before", path="/query")
    receipts = push(adapter, alert("k1", ready.org.user_id), alert("k2", ready.org.user_id))
    assert [r.status for r in receipts] == ["retry", "done"]


def test_without_a_unique_key_no_task_is_made(ready: Stage) -> None:
    for unique, external_id in ((False, True), (True, False)):
        ready.org.add_field("Activity", name="MA_Key__c", length=64, unique=unique, external_id=external_id)
        assert told(push(ready.adapter(), alert("k1", ready.org.user_id))) == [("refused", "KEY_NOT_UNIQUE")]
    assert told(push(ready.adapter(task_key="Nope__c"), alert("k1", ready.org.user_id))) == [
        ("refused", "INVALID_FIELD")
    ]
    assert not ready.org.records("Task")


# --- groups -----------------------------------------------------------------------------------------------------------


def test_what_may_share_a_call(ready: Stage) -> None:
    adapter = ready.adapter()
    contact, lead = Ref(SYSTEM, "Contact", "003"), Ref(SYSTEM, "Lead", "00Q")
    groups = [
        adapter.group(change)
        for change in (
            set_fields(contact, A=1),
            set_fields(lead, A=1),
            create("U1"),
            alert("k", "005"),
            entry("k", contact),
        )
    ]
    assert len(set(groups)) == 5
    assert [adapter.calls_for(n) for n in (200, 401, 2_000, 20_000)] == [1, 1, 2, 5]
    assert ready.adapter(collections_per_call=1).calls_for(401) == 3


def test_a_mixed_batch_still_gets_its_receipts_in_order(ready: Stage) -> None:
    contact, lead = contact_ref(ready.contact()), lead_ref(ready.lead())
    changes: list[AnyChange] = [
        entry("k2", contact),
        set_fields(lead, MA_Score__c=1),
        create("U1"),
        set_fields(contact, MA_Score__c=1),
        alert("k1", ready.org.user_id),
    ]
    receipts = push(ready.adapter(), *changes)
    assert [r.key for r in receipts] == [c.key for c in changes]
    assert told(receipts) == [("done", "")] * 5


def test_bodies_hold_nothing_but_what_the_change_says(ready: Stage) -> None:
    ref = contact_ref(ready.contact())
    push(ready.adapter(), set_fields(ref, MA_Band__c="hot"))
    assert ready.written == [
        {"allOrNone": False, "records": [{"attributes": {"type": "Contact"}, "id": ref.id, "MA_Band__c": "hot"}]}
    ]


def test_pulled_and_pushed_values_are_the_same(ready: Stage) -> None:
    ref = contact_ref(ready.contact())
    values: dict[str, Value] = {
        "MA_Score__c": 45,
        "MA_Score_Why__c": "45点 hot",
        "MA_Band__c": "hot",
        "MA_Last_Touch__c": datetime(2026, 3, 31, 15, tzinfo=UTC),
    }
    adapter = ready.adapter(NEEDS)
    push(adapter, set_fields(ref, **values))
    (page,) = drain(adapter, "Contact")
    assert page.records[0].native == values  # type: ignore[union-attr]  # a person
