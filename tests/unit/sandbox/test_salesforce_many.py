"""sObject Collections: results in order, one bad row harms no other, unless all or none is asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from connector.sandbox.salesforce import SalesforceEmulator, Settings
from tests.unit.sandbox.salesforce_client import Caller, Reply, an_org

UPSERT = "composite/sobjects/Lead/MA_Id__c"


@pytest.fixture
def org() -> SalesforceEmulator:
    return an_org()


@pytest.fixture
def caller(org: SalesforceEmulator) -> Caller:
    return Caller(org)


def row(key: str | None = None, kind: str = "Lead", **more: Any) -> dict[str, Any]:
    keyed = {} if key is None else {"MA_Id__c": key}
    return {"attributes": {"type": kind}, **keyed, "LastName": "山田", "Company": "A社", **more}


def upsert(caller: Caller, *rows: dict[str, Any], all_or_none: bool = False, **more: Any) -> Reply:
    return caller("PATCH", UPSERT, {"allOrNone": all_or_none, "records": list(rows)}, **more)


def codes(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.text
    return ["" if each["success"] else each["errors"][0]["statusCode"] for each in reply.json]


def test_results_come_in_order(org: SalesforceEmulator, caller: Caller) -> None:
    org.create("Lead", {"LastName": "古", "Company": "A社", "MA_Id__c": "m2"})
    reply = upsert(caller, row("m1"), row("m2"), row("m3", Email="bad"), row("m1"), row(None), row("m4", Id="x"))
    assert codes(reply) == [
        "", "", "INVALID_EMAIL_ADDRESS", "DUPLICATE_VALUE", "MISSING_ARGUMENT", "INVALID_FIELD_FOR_INSERT_UPDATE",
    ]  # fmt: skip
    first, second, third, *_ = reply.json
    assert (first["created"], second["created"]) == (True, False)
    assert third == {
        "success": False,
        "errors": [
            {
                "statusCode": "INVALID_EMAIL_ADDRESS",
                "message": "Email: invalid email address: bad",
                "fields": ["Email"],
            }
        ],
    }
    assert {each["MA_Id__c"]: each["LastName"] for each in org.records("Lead")} == {"m2": "山田", "m1": "山田"}
    assert org.calls == 1


def test_all_or_none_takes_everything_back(org: SalesforceEmulator, caller: Caller) -> None:
    reply = upsert(caller, row("m1"), row("m2", Email="bad"), row("m3"), all_or_none=True)
    rolled_back = "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert codes(reply) == [rolled_back, "INVALID_EMAIL_ADDRESS", rolled_back]
    assert org.records("Lead") == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"records": [row(str(number)) for number in range(201)]}, "EXCEEDED_ID_LIMIT"),
        ({"records": [{"LastName": "x"}]}, "INVALID_INPUT"),
        ({"records": [row("m1", "Contact")]}, "INVALID_INPUT"),
        ({"records": [row("m1", "Nope")]}, "INVALID_TYPE"),
        ({"records": "x"}, "JSON_PARSER_ERROR"),
        ({}, "JSON_PARSER_ERROR"),
        ([], "JSON_PARSER_ERROR"),
        ({"records": [row("m1"), row("m2", Foo="x")]}, "INVALID_FIELD"),
        ({"records": [row("m1"), row("m2", MA_Score__c="much")]}, "JSON_PARSER_ERROR"),
    ],
)
def test_what_fails_the_whole_request(org: SalesforceEmulator, caller: Caller, body: Any, code: str) -> None:
    reply = caller("PATCH", UPSERT, body)
    assert (reply.status, reply.code) == (400, code)
    assert org.records("Lead") == []


def test_what_cannot_be_parsed_may_concern_its_row_alone() -> None:
    caller = Caller(an_org(settings=Settings(parse_errors_per_row=True)))
    assert codes(upsert(caller, row("m1"), row("m2", Foo="x"))) == ["", "INVALID_FIELD"]


def test_a_key_that_fits_several_records(org: SalesforceEmulator, caller: Caller) -> None:
    for _ in range(2):
        org.create("Lead", {"LastName": "x", "Company": "A社", "Email": "a@example.jp"})
    reply = caller("PATCH", "composite/sobjects/Lead/Email", {"records": [row(Email="a@example.jp")]})
    assert codes(reply) == ["DUPLICATE_EXTERNAL_ID"]
    assert caller("PATCH", "composite/sobjects/Lead/Title", {"records": [row()]}).status == 404


def test_upsert_by_id_inserts_without_one(org: SalesforceEmulator, caller: Caller) -> None:
    made = org.create("Lead", {"LastName": "x", "Company": "A社"})
    reply = caller("PATCH", "composite/sobjects/Lead/Id", {"records": [row(Id=None), row(Id=made)]})
    assert [each["created"] for each in reply.json] == [True, False]


def test_insert_update_and_delete(org: SalesforceEmulator, caller: Caller) -> None:
    contact = {"attributes": {"type": "Contact"}, "LastName": "佐藤"}
    inserted = caller("POST", "composite/sobjects", {"records": [row(), contact, row(Id="00Q5g0000000001EAA")]})
    assert codes(inserted) == ["", "", "INVALID_FIELD_FOR_INSERT_UPDATE"]
    assert "created" not in inserted.json[0]
    ids = [each["id"] for each in inserted.json[:2]]
    changes = [
        {"attributes": {"type": "Lead"}, "id": ids[0], "Title": "x"},
        {"attributes": {"type": "Contact"}, "id": "003000000000000AAA", "Title": "x"},
        {"attributes": {"type": "Contact"}, "id": ids[0], "Title": "x"},
        {"attributes": {"type": "Contact"}, "Title": "x"},
    ]
    updated = caller("PATCH", "composite/sobjects", {"records": changes})
    wrong = "INVALID_CROSS_REFERENCE_KEY"
    assert codes(updated) == ["", wrong, wrong, "MISSING_ARGUMENT"]
    deleted = caller("DELETE", f"composite/sobjects?ids={ids[0]},{ids[1]},x,{ids[0]}&allOrNone=false")
    assert codes(deleted) == ["", "", "MALFORMED_ID", "ENTITY_IS_DELETED"]


def test_types_may_mix_in_ten_chunks(caller: Caller) -> None:
    mixed = [row(kind=kind) for _ in range(6) for kind in ("Lead", "Account")]
    assert caller("POST", "composite/sobjects", {"records": mixed}).code == "LIMIT_EXCEEDED"


def test_read_gives_null_for_what_is_not_there(org: SalesforceEmulator, caller: Caller) -> None:
    made = org.create("Lead", {"LastName": "x", "Company": "A社"})
    gone = org.create("Lead", {"LastName": "y", "Company": "A社"})
    org.delete("Lead", gone)
    reply = caller("POST", "composite/sobjects/Lead", {"ids": [gone, made], "fields": ["LastName"]})
    assert [each and each["LastName"] for each in reply.json] == [None, "x"]
    assert caller("GET", f"composite/sobjects/Lead?ids={made}&fields=Id,LastName").json[0]["Id"] == made
    assert caller("POST", "composite/sobjects/Lead", {"ids": [made], "fields": ["Foo"]}).code == "INVALID_FIELD"


def test_chosen_rows_are_locked_or_fail(org: SalesforceEmulator, caller: Caller) -> None:
    org.chaos.plan("row_lock", path="composite", rows=[1])
    org.chaos.plan("row_fail", path="composite", rows=[2], code="FIELD_CUSTOM_VALIDATION_EXCEPTION", message="だめ")
    reply = upsert(caller, *(row(f"m{number}") for number in range(4)))
    assert codes(reply) == ["", "UNABLE_TO_LOCK_ROW", "FIELD_CUSTOM_VALIDATION_EXCEPTION", ""]
    assert reply.json[2]["errors"][0]["message"] == "だめ"
    assert codes(upsert(caller, *(row(f"m{number}") for number in range(4)))) == [""] * 4


def test_a_new_key_is_created_once_however_many_ask(org: SalesforceEmulator) -> None:
    caller = Caller(org)
    rows = [row(f"m{number}") for number in range(50)]
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: upsert(caller, *rows), range(16)))
    created = [each for reply in replies for each in reply.json if each["created"]]
    assert len(created) == len(org.records("Lead")) == 50


def test_duplicates_are_told_per_row(org: SalesforceEmulator, caller: Caller) -> None:
    org.duplicate_rule("Lead", ["Email"])
    rows = [row(f"m{number}", Email="a@example.jp") for number in range(2)]
    assert codes(upsert(caller, *rows)) == ["", "DUPLICATES_DETECTED"]
    assert codes(upsert(caller, *rows, headers={"Sforce-Duplicate-Rule-Header": "allowSave=true"})) == ["", ""]
