"""What a record must be like, and what the platform makes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.sandbox.clock import Clock
from connector.sandbox.salesforce import Refusal, SalesforceEmulator, Settings
from tests.unit.sandbox.salesforce_client import Caller, an_org

LEAD = {"LastName": "山田", "Company": "A社"}
DEAL = {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-12-31"}


@pytest.fixture
def org() -> SalesforceEmulator:
    return an_org()


@pytest.fixture
def caller(org: SalesforceEmulator) -> Caller:
    return Caller(org)


@pytest.mark.parametrize(
    ("name", "fields", "code", "field"),
    [
        ("Lead", {"LastName": "x"}, "REQUIRED_FIELD_MISSING", "Company"),
        ("Lead", {**LEAD, "LastName": "  "}, "REQUIRED_FIELD_MISSING", "LastName"),
        ("Lead", {**LEAD, "LastName": "あ" * 81}, "STRING_TOO_LONG", "LastName"),
        ("Lead", {**LEAD, "Email": "bad"}, "INVALID_EMAIL_ADDRESS", "Email"),
        ("Lead", {**LEAD, "Email": ".a@example.jp"}, "INVALID_EMAIL_ADDRESS", "Email"),
        ("Lead", {**LEAD, "Email": "a..b@example.jp"}, "INVALID_EMAIL_ADDRESS", "Email"),
        ("Lead", {**LEAD, "Email": "山田@example.jp"}, "INVALID_EMAIL_ADDRESS", "Email"),
        ("Lead", {**LEAD, "MA_Grade__c": "C"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "MA_Grade__c"),
        ("Lead", {**LEAD, "MA_Score__c": 10_000}, "NUMBER_OUTSIDE_VALID_RANGE", "MA_Score__c"),
        ("Lead", {**LEAD, "OwnerId": "nobody"}, "MALFORMED_ID", "OwnerId"),
        ("Lead", {**LEAD, "OwnerId": "003000000000000"}, "FIELD_INTEGRITY_EXCEPTION", "OwnerId"),
        ("Lead", {**LEAD, "OwnerId": "005000000000000AAA"}, "INVALID_CROSS_REFERENCE_KEY", "OwnerId"),
        ("Lead", {**LEAD, "ConvertedContactId": None}, "INVALID_FIELD_FOR_INSERT_UPDATE", "ConvertedContactId"),
        (
            "Lead",
            {**LEAD, "SystemModstamp": "2026-01-01T00:00:00Z"},
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "SystemModstamp",
        ),
        ("Lead", {**LEAD, "Name": "x"}, "INVALID_FIELD_FOR_INSERT_UPDATE", "Name"),
        ("Contact", {"LastName": "x", "OwnerId": "00G5g0000000001EAA"}, "FIELD_INTEGRITY_EXCEPTION", "OwnerId"),
        ("Opportunity", {**DEAL, "CloseDate": None}, "REQUIRED_FIELD_MISSING", "CloseDate"),
        ("Event", {"Subject": "x"}, "REQUIRED_FIELD_MISSING", "ActivityDateTime"),
        ("Task", {"Subject": "x", "TaskSubtype": "Nope"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "TaskSubtype"),
    ],
)
def test_refusals_name_code_and_field(caller: Caller, name: str, fields: dict[str, Any], code: str, field: str) -> None:
    reply = caller("POST", f"sobjects/{name}", fields)
    assert reply.status == 400
    assert (reply.code, reply.json[0]["fields"]) == (code, [field])


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"Foo": 1}, "INVALID_FIELD"),
        ({"MA_Score__c": "much"}, "JSON_PARSER_ERROR"),
        ({"MA_Score__c": ""}, "JSON_PARSER_ERROR"),
        ({"MA_Score__c": True}, "JSON_PARSER_ERROR"),
        ({"MA_Flag__c": "yes"}, "JSON_PARSER_ERROR"),
        ({"LastName": 5}, "JSON_PARSER_ERROR"),
        ({"LastName": ["x"]}, "JSON_PARSER_ERROR"),
        ({"MA_Seen__c": "2026-01-01 00:00:00"}, "JSON_PARSER_ERROR"),
        ({"MA_Seen__c": "2026-01-01T00:00:00"}, "JSON_PARSER_ERROR"),
        ({"MA_Seen__c": "2026-02-30T00:00:00Z"}, "JSON_PARSER_ERROR"),
        ({"Id": "00Q000000000000AAA"}, "INVALID_FIELD"),
        ({"Owner": {"Username": "nobody"}}, "INVALID_FIELD"),
        ({"Owner": {"attributes": {"type": "User"}, "LastName": "x"}}, "INVALID_FIELD"),
    ],
)
def test_what_cannot_even_be_parsed(caller: Caller, fields: dict[str, Any], code: str) -> None:
    reply = caller("POST", "sobjects/Lead", {**LEAD, **fields})
    assert (reply.status, reply.code) == (400, code)


def test_lengths_are_in_characters(caller: Caller) -> None:
    assert caller("POST", "sobjects/Lead", {**LEAD, "LastName": "あ" * 80}).status == 201


def test_a_record_can_be_refused_for_several_reasons(caller: Caller) -> None:
    reply = caller("POST", "sobjects/Lead", {"LastName": "x" * 81, "Company": "A", "Email": "bad"})
    assert [each["errorCode"] for each in reply.json] == ["STRING_TOO_LONG", "INVALID_EMAIL_ADDRESS"]


def test_values_are_kept_in_canonical_form(org: SalesforceEmulator, caller: Caller) -> None:
    user = org.add_user("営業")
    fields = {"lastname": " 山田 ", "COMPANY": "A社", "ma_score__c": "12.25", "OwnerId": user.lower(), "Title": ""}
    made = caller("POST", "sobjects/lead/", {**fields, "MA_Seen__c": "2026-11-22T09:00:00.1234+09:00"}).json["id"]
    row = org.get("Lead", made)
    assert (row["LastName"], row["MA_Score__c"], row["OwnerId"]) == ("山田", 12.3, user)
    assert row["MA_Seen__c"] == "2026-11-22T00:00:00.123+0000"
    assert row.get("Title") is None


def test_defaults_and_stamps() -> None:
    clock = Clock(datetime(2026, 11, 22, 1, 2, 3, 987654, tzinfo=UTC), ticking=False)
    org = an_org(clock=clock)
    made = org.create("Lead", LEAD)
    row = org.get("Lead", made)
    assert row["SystemModstamp"] == row["CreatedDate"] == "2026-11-22T01:02:03.000+0000"
    assert (row["Status"], row["OwnerId"], row["IsConverted"]) == ("Open - Not Contacted", org.user_id, False)
    clock.advance(timedelta(seconds=10))
    org.update("Lead", made, {})
    assert org.get("Lead", made)["SystemModstamp"] == "2026-11-22T01:02:13.000+0000"
    assert org.get("Lead", made)["CreatedDate"] == "2026-11-22T01:02:03.000+0000"


def test_names_follow_the_locale() -> None:
    person = {"LastName": "山田", "FirstName": "太郎", "Company": "A社"}
    for eastern, expected in ((False, "太郎 山田"), (True, "山田 太郎")):
        org = an_org(settings=Settings(eastern_names=eastern))
        assert org.get("Lead", org.create("Lead", person))["Name"] == expected


def test_a_unique_value_is_taken_once_in_any_case(org: SalesforceEmulator, caller: Caller) -> None:
    first = org.create("Lead", {**LEAD, "MA_Id__c": "m1"})
    reply = caller("POST", "sobjects/Lead", {**LEAD, "MA_Id__c": "M1"})
    assert reply.code == "DUPLICATE_VALUE"
    assert first in reply.message
    org.update("Lead", first, {"MA_Id__c": "m1", "Title": "x"})
    org.delete("Lead", first)
    assert caller("POST", "sobjects/Lead", {**LEAD, "MA_Id__c": "M1"}).status == 201
    with pytest.raises(Refusal, match="DUPLICATE_VALUE"):
        org.undelete("Lead", first)


def test_upsert_creates_once_then_updates(org: SalesforceEmulator, caller: Caller) -> None:
    path = "sobjects/Lead/MA_Id__c/a%2Fb%20%E5%B1%B1"
    created = caller("PATCH", path, LEAD)
    assert (created.status, created.json["created"]) == (201, True)
    assert created.headers["Location"].endswith(created.json["id"])
    updated = caller("PATCH", path, {"Title": "部長"})
    assert (updated.status, updated.json["created"], updated.json["id"]) == (200, False, created.json["id"])
    assert org.get("Lead", created.json["id"])["MA_Id__c"] == "a/b 山"
    assert Caller(org, "45.0")("PATCH", path, {"Title": "課長"}).status == 204
    assert caller("PATCH", f"{path}x?updateOnly=true", LEAD).status == 404
    assert caller("PATCH", "sobjects/Lead/MA_Id__c/%20", LEAD).status == 404
    assert caller("PATCH", "sobjects/Lead/MA_Id__c/x", {**LEAD, "MA_Id__c": "x"}).code == "INVALID_FIELD"


def test_a_key_that_fits_several_records_writes_nothing(org: SalesforceEmulator, caller: Caller) -> None:
    both = [org.create("Lead", {**LEAD, "Email": "a@example.jp"}) for _ in range(2)]
    reply = caller("PATCH", "sobjects/Lead/Email/A@example.jp", {"Title": "x"})
    assert reply.status == 300
    assert reply.json == [f"/services/data/v62.0/sobjects/Lead/{each}" for each in both]
    assert all("Title" not in org.get("Lead", each) for each in both)


def test_a_key_must_be_an_external_id(caller: Caller) -> None:
    reply = caller("PATCH", "sobjects/Lead/Title/x", LEAD)
    assert (reply.status, reply.code) == (404, "NOT_FOUND")
    assert "Title" in reply.message
    assert caller("PATCH", "sobjects/Nope/Id/x", LEAD).status == 404


def test_update_delete_and_read_of_what_is_gone(org: SalesforceEmulator, caller: Caller) -> None:
    made = org.create("Lead", LEAD)
    assert caller("PATCH", f"sobjects/Lead/{made}", {"Title": "x"}).status == 204
    shown = caller("GET", f"sobjects/Lead/{made[:15]}?fields=Title,Email").json
    assert (shown["Id"], shown["Title"], shown["Email"]) == (made, "x", None)
    assert caller("DELETE", f"sobjects/Lead/{made}").status == 204
    for method, body in (("PATCH", {"Title": "y"}), ("DELETE", None)):
        reply = caller(method, f"sobjects/Lead/{made}", body)
        assert (reply.status, reply.code) == (404, "ENTITY_IS_DELETED")
    assert caller("GET", f"sobjects/Lead/{made}").status == 404
    assert caller("GET", "sobjects/Lead/nonsense").code == "NOT_FOUND"


def test_a_parent_can_be_named_by_its_external_id(org: SalesforceEmulator, caller: Caller) -> None:
    org.add_field("Account", name="MA_Id__c", length=64, external_id=True, unique=True)
    org.add_field("User", name="Employee_Id__c", length=10, external_id=True, unique=True)
    user = org.add_user("営業", Employee_Id__c="E-7")
    account = org.create("Account", {"Name": "Acme", "MA_Id__c": "a1"})
    owner = {"attributes": {"type": "User"}, "Employee_Id__c": "E-7"}
    made = caller("POST", "sobjects/Contact", {"LastName": "x", "Account": {"MA_Id__c": "a1"}, "Owner": owner}).json[
        "id"
    ]
    assert (org.get("Contact", made)["AccountId"], org.get("Contact", made)["OwnerId"]) == (account, user)
    reply = caller("POST", "sobjects/Contact", {"LastName": "x", "Account": {"MA_Id__c": "zz"}})
    assert "Foreign key external ID: zz not found for field MA_Id__c in entity Account" in reply.message


def test_null_clears_and_absence_keeps(org: SalesforceEmulator, caller: Caller) -> None:
    made = org.create("Lead", {**LEAD, "Email": "a@example.jp", "Title": "x"})
    caller("PATCH", f"sobjects/Lead/{made}", {"Email": None})
    row = org.get("Lead", made)
    assert (row["Email"], row["Title"]) == (None, "x")
    assert caller("PATCH", f"sobjects/Lead/{made}", {"LastName": None}).code == "REQUIRED_FIELD_MISSING"


def test_an_opportunity_follows_its_stage(org: SalesforceEmulator) -> None:
    made = org.create("Opportunity", {**DEAL, "Amount": 1000})
    row = org.get("Opportunity", made)
    assert (row["Probability"], row["IsClosed"], row["ExpectedRevenue"], row["FiscalQuarter"]) == (10, False, 100, 4)
    org.update("Opportunity", made, {"StageName": "Closed Won"})
    row = org.get("Opportunity", made)
    assert (row["Probability"], row["IsClosed"], row["IsWon"], row["ForecastCategoryName"]) == (
        100,
        True,
        True,
        "Closed",
    )
    org.update("Opportunity", made, {"StageName": "Closed Lost"})
    row = org.get("Opportunity", made)
    assert (row["Probability"], row["IsClosed"], row["IsWon"]) == (0, True, False)


def test_a_probability_of_ones_own_is_kept(org: SalesforceEmulator) -> None:
    made = org.create("Opportunity", {**DEAL, "Probability": 33})
    assert org.get("Opportunity", made)["Probability"] == 33
    org.update("Opportunity", made, {"StageName": "Qualification", "Probability": 44})
    assert org.get("Opportunity", made)["Probability"] == 44
    org.update("Opportunity", made, {"StageName": "Needs Analysis"})
    assert org.get("Opportunity", made)["Probability"] == 20


def test_tasks_follow_their_status_and_people(org: SalesforceEmulator) -> None:
    account = org.create("Account", {"Name": "Acme"})
    contact = org.create("Contact", {"LastName": "x", "AccountId": account})
    made = org.create("Task", {"Subject": "Call", "WhoId": contact, "Priority": "High", "ActivityDate": "2026-11-23"})
    row = org.get("Task", made)
    assert (row["AccountId"], row["IsClosed"], row["IsHighPriority"], row["Status"]) == (
        account,
        False,
        True,
        "Not Started",
    )
    org.update("Task", made, {"Status": "Completed"})
    assert org.get("Task", made)["IsClosed"] is True
    with pytest.raises(Refusal, match="FIELD_INTEGRITY_EXCEPTION"):
        org.create("Task", {"Subject": "x", "WhoId": org.create("Lead", LEAD), "WhatId": account})


def test_nothing_is_given_to_the_inactive(org: SalesforceEmulator, caller: Caller) -> None:
    user = org.add_user("退職")
    org.deactivate_user(user)
    assert caller("POST", "sobjects/Task", {"Subject": "x", "OwnerId": user}).code == "INACTIVE_OWNER_OR_USER"


def test_a_person_is_a_member_once_with_a_known_status(org: SalesforceEmulator, caller: Caller) -> None:
    campaign = org.create("Campaign", {"Name": "セミナー"})
    made = org.create("Lead", LEAD)
    member = {"CampaignId": campaign, "LeadId": made}
    assert caller("POST", "sobjects/CampaignMember", {**member, "Status": "Attended"}).status == 400
    first = caller("POST", "sobjects/CampaignMember", {**member, "Status": "Responded"}).json["id"]
    assert org.get("CampaignMember", first)["HasResponded"] is True
    assert caller("POST", "sobjects/CampaignMember", member).code == "DUPLICATE_VALUE"
    assert caller("POST", "sobjects/CampaignMember", {"CampaignId": campaign}).code == "REQUIRED_FIELD_MISSING"


def test_activity_fields_are_on_both_activities() -> None:
    org = an_org()
    org.add_field("Activity", name="MA_Alert_Key__c", length=80, external_id=True, unique=True)
    caller = Caller(org)
    assert caller("PATCH", "sobjects/Task/MA_Alert_Key__c/k1", {"Subject": "x"}).status == 201
    assert caller("PATCH", "sobjects/Task/MA_Alert_Key__c/k1", {"Subject": "y"}).status == 200
    assert "MA_Alert_Key__c" in [each["name"] for each in caller("GET", "sobjects/Event/describe").json["fields"]]
    strict = SalesforceEmulator(settings=Settings(activity_external_ids=False))
    with pytest.raises(ValueError, match="no external ids on activities"):
        strict.add_field("Task", name="Key__c", external_id=True)


def test_field_level_security_hides_and_protects(org: SalesforceEmulator, caller: Caller) -> None:
    org.hide_field("Lead", "MA_Score__c")
    org.read_only_field("Lead", "MA_Grade__c")
    fields = {each["name"]: each for each in caller("GET", "sobjects/Lead/describe").json["fields"]}
    assert "MA_Score__c" not in fields
    assert fields["MA_Grade__c"]["updateable"] is False
    assert caller.refused("SELECT MA_Score__c FROM Lead").code == "INVALID_FIELD"
    assert caller("POST", "sobjects/Lead", {**LEAD, "MA_Score__c": 1}).code == "INVALID_FIELD"
    assert caller("POST", "sobjects/Lead", {**LEAD, "MA_Grade__c": "A"}).code == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert org.get("Lead", org.create("Lead", {**LEAD, "MA_Score__c": 1}))["MA_Score__c"] == 1


def test_duplicate_rules_alert_or_block(org: SalesforceEmulator, caller: Caller) -> None:
    org.duplicate_rule("Lead", ["Email"])
    body = {**LEAD, "Email": "a@example.jp"}
    first = caller("POST", "sobjects/Lead", body).json["id"]
    reply = caller("POST", "sobjects/Lead", {**body, "Email": "A@example.jp"})
    assert (reply.status, reply.code) == (400, "DUPLICATES_DETECTED")
    result = reply.json[0]["duplicateResult"]
    assert result["allowSave"] is True
    assert result["matchResults"][0]["matchRecords"][0]["record"]["Id"] == first
    consent = {"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=true"}
    assert caller("POST", "sobjects/Lead", body, headers=consent).status == 201
    org.duplicate_rule("Lead", ["LastName"], block=True)
    assert caller("POST", "sobjects/Lead", body, headers=consent).code == "DUPLICATES_DETECTED"


def test_the_assignment_rule_can_be_kept_off(org: SalesforceEmulator, caller: Caller) -> None:
    org.assignment_rule(org.queue_id)
    assigned = caller("POST", "sobjects/Lead", LEAD).json["id"]
    assert org.get("Lead", assigned)["OwnerId"] == org.queue_id
    kept = caller("POST", "sobjects/Lead", LEAD, headers={"Sforce-Auto-Assign": "FALSE"}).json["id"]
    assert org.get("Lead", kept)["OwnerId"] == org.user_id
