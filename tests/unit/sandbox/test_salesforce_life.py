"""Merged, converted, deleted and restored records, and how replication tells of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from connector.sandbox.clock import Clock
from connector.sandbox.salesforce import Refusal, SalesforceEmulator, Settings
from tests.unit.sandbox.salesforce_client import Caller, Reply, an_org

LEAD = {"LastName": "山田", "Company": "A社", "Email": "yamada@example.jp", "MA_Id__c": "m1"}
START = datetime(2026, 11, 22, 1, 0, 30, tzinfo=UTC)


@pytest.fixture
def org() -> SalesforceEmulator:
    return an_org(clock=Clock(START, ticking=False))


@pytest.fixture
def caller(org: SalesforceEmulator) -> Caller:
    return Caller(org)


def span(caller: Caller, what: str, start: datetime, end: datetime) -> Reply:
    times = "&".join(f"{name}={quote(each.isoformat())}" for name, each in (("start", start), ("end", end)))
    return caller("GET", f"sobjects/Lead/{what}/?{times}")


def test_conversion_makes_three_records_and_closes_the_lead(org: SalesforceEmulator, caller: Caller) -> None:
    org.map_lead_field("MA_Id__c", "Contact", "MA_Id__c")
    lead = org.create("Lead", LEAD)
    task = org.create("Task", {"Subject": "Call", "WhoId": lead})
    org.clock.advance(timedelta(minutes=1))
    account, contact, deal = org.convert_lead(lead, opportunity_name="商談")
    row = org.get("Lead", lead)
    assert (row["IsConverted"], row["ConvertedContactId"], row["ConvertedAccountId"]) == (True, contact, account)
    assert row["ConvertedOpportunityId"] == deal
    assert row["SystemModstamp"] > row["CreatedDate"]
    assert org.get("Contact", contact)["MA_Id__c"] == "m1"
    assert org.get("Account", account)["Name"] == "A社"
    assert org.get("Task", task)["WhoId"] == contact
    assert [each["ContactId"] for each in org.records("OpportunityContactRole")] == [contact]
    reply = caller("PATCH", "sobjects/Lead/MA_Id__c/m1", {"Title": "x"})
    assert (reply.status, reply.code) == (400, "CANNOT_UPDATE_CONVERTED_LEAD")
    with pytest.raises(Refusal, match="CANNOT_UPDATE_CONVERTED_LEAD"):
        org.convert_lead(lead)


def test_conversion_into_existing_records(org: SalesforceEmulator) -> None:
    account = org.create("Account", {"Name": "Acme"})
    contact = org.create("Contact", {"LastName": "x", "AccountId": account})
    lead = org.create("Lead", LEAD)
    assert org.convert_lead(lead, account_id=account, contact_id=contact) == (account, contact, None)
    assert len(org.records("Contact")) == 1


def test_some_orgs_let_converted_leads_be_edited() -> None:
    org = an_org(settings=Settings(edit_converted_leads=True))
    lead = org.create("Lead", LEAD)
    org.convert_lead(lead)
    assert Caller(org)("PATCH", f"sobjects/Lead/{lead}", {"Title": "x"}).status == 204


def test_a_merge_leaves_one_record_with_all_children(org: SalesforceEmulator, caller: Caller) -> None:
    winner, loser = (org.create("Contact", {"LastName": name}) for name in ("w", "l"))
    task = org.create("Task", {"Subject": "x", "WhoId": loser})
    org.clock.advance(timedelta(seconds=5))
    org.merge("Contact", winner, [loser])
    gone = org.get("Contact", loser)
    assert (gone["IsDeleted"], gone["MasterRecordId"]) == (True, winner)
    assert org.get("Task", task)["WhoId"] == winner
    assert org.get("Contact", winner)["SystemModstamp"] == org.get("Task", task)["SystemModstamp"]
    soql = "SELECT Id, MasterRecordId FROM Contact WHERE IsDeleted = true AND MasterRecordId != null"
    assert [each["MasterRecordId"] for each in caller.query(soql, everything=True)] == [winner]
    assert caller("PATCH", f"sobjects/Contact/{loser}", {"Title": "x"}).code == "ENTITY_IS_DELETED"
    deal = {"Name": "D", "StageName": "Closed Won", "CloseDate": "2026-12-01"}
    with pytest.raises(Refusal, match="INVALID_TYPE_FOR_OPERATION"):
        org.merge("Opportunity", org.create("Opportunity", deal), [org.create("Opportunity", deal)])


def test_what_goes_together_comes_back_together(org: SalesforceEmulator) -> None:
    account = org.create("Account", {"Name": "Acme"})
    contact = org.create("Contact", {"LastName": "x", "AccountId": account})
    deal = {
        "Name": "D",
        "StageName": "Prospecting",
        "CloseDate": "2026-12-01",
        "AccountId": account,
        "ContactId": contact,
    }
    org.create("Opportunity", deal)
    org.delete("Account", account)
    assert [org.records(each) for each in ("Account", "Contact", "Opportunity", "OpportunityContactRole")] == [[]] * 4
    org.clock.advance(timedelta(seconds=5))
    org.undelete("Account", account)
    assert [len(org.records(each)) for each in ("Account", "Contact", "Opportunity", "OpportunityContactRole")] == [
        1
    ] * 4
    assert org.get("Contact", contact)["SystemModstamp"] == "2026-11-22T01:00:35.000+0000"
    with pytest.raises(Refusal, match="UNDELETE_FAILED"):
        org.undelete("Account", account)


def test_who_is_invited_gets_a_child_of_the_event(org: SalesforceEmulator, caller: Caller) -> None:
    contact, user = org.create("Contact", {"LastName": "x"}), org.add_user("u")
    given = {"Subject": "訪問", "WhoId": contact, "StartDateTime": "2026-11-22T05:00:00Z", "DurationInMinutes": 30}
    event = org.create("Event", given)
    (child,) = org.invite(event, [user])
    rows = caller.query("SELECT Id, OwnerId, WhoId, Subject, StartDateTime, IsChild, GroupEventType FROM Event")
    shown = {row["Id"]: (row["OwnerId"], row["IsChild"]) for row in rows}
    assert shown == {event: (org.user_id, False), child: (user, True)}
    assert len({(row["WhoId"], row["Subject"], row["StartDateTime"], row["GroupEventType"]) for row in rows}) == 1
    with pytest.raises(Refusal, match="FIELD_INTEGRITY_EXCEPTION"):
        org.invite(child, [user])


@pytest.mark.parametrize(("classic", "own"), [(False, (False, "3")), (True, (True, "0"))])
def test_a_series_is_a_record_beside_its_occurrences(
    org: SalesforceEmulator, caller: Caller, classic: bool, own: tuple[bool, str]
) -> None:
    starts = ["2026-11-22T05:00:00Z", "2026-11-29T05:00:00Z"]
    series, occurrences = org.make_series({"Subject": "定例", "DurationInMinutes": 30}, starts, classic=classic)
    rows = caller.query("SELECT Id, ActivityDate, IsRecurrence, GroupEventType FROM Event ORDER BY Id")
    assert [row["Id"] for row in rows] == [series, *occurrences]
    assert [row["ActivityDate"] for row in rows] == ["2026-11-22", "2026-11-22", "2026-11-29"]
    assert [(row["IsRecurrence"], row["GroupEventType"]) for row in rows] == [own, (False, "0"), (False, "0")]


@pytest.mark.parametrize("name", ["IsChild", "IsRecurrence", "GroupEventType", "IsArchived"])
def test_what_an_event_is_cannot_be_written(org: SalesforceEmulator, caller: Caller, name: str) -> None:
    given = {"Subject": "x", "StartDateTime": "2026-11-22T05:00:00Z", "DurationInMinutes": 30}
    wrong = {name: "3" if name == "GroupEventType" else True}
    assert caller("POST", "sobjects/Event", {**given, **wrong}).code == "INVALID_FIELD_FOR_INSERT_UPDATE"
    made = org.create("Event", given)
    assert caller("PATCH", f"sobjects/Event/{made}", wrong).code == "INVALID_FIELD_FOR_INSERT_UPDATE"


def activity(org: SalesforceEmulator, name: str, **fields: Any) -> str:
    """An activity that may grow old."""
    given: dict[str, Any] = {"DurationInMinutes": 30} if name == "Event" else {"Status": "Completed"}
    return org.create(name, {"Subject": "x", **given, **fields})


@pytest.mark.parametrize(
    ("name", "fields", "days"),
    [
        ("Event", {"StartDateTime": "2026-11-20T01:00:00Z"}, 363),
        ("Event", {"IsAllDayEvent": True, "ActivityDate": "2026-11-23"}, 366),
        ("Task", {"ActivityDate": "2026-11-01"}, 344),
        ("Task", {"ActivityDate": "2026-12-01"}, 374),
        ("Task", {}, 365),
        ("Task", {"Status": "Not Started", "ActivityDate": "2026-11-01"}, None),
        ("Task", {"Status": "Not Started"}, None),
    ],
)
def test_activities_of_a_year_ago_are_archived(
    org: SalesforceEmulator, caller: Caller, name: str, fields: dict[str, Any], days: int | None
) -> None:
    made = activity(org, name, **fields)
    stamp = org.get(name, made)["SystemModstamp"]
    org.clock.advance(timedelta(days=(days or 800) - 1))
    org.archive()
    assert not org.get(name, made)["IsArchived"]
    org.clock.advance(timedelta(days=1))
    org.archive()
    assert org.get(name, made)["IsArchived"] is (days is not None)
    assert org.get(name, made)["SystemModstamp"] == stamp


def test_an_archived_activity_is_found_by_query_all_only(org: SalesforceEmulator, caller: Caller) -> None:
    org.add_field("Activity", name="Key__c", length=20, external_id=True, unique=True)
    lead = org.create("Lead", LEAD)
    made = activity(org, "Task", WhoId=lead, Key__c="k")
    org.clock.advance(timedelta(days=365))
    org.archive()
    soql = "SELECT Id, IsArchived, IsDeleted FROM Task WHERE Key__c = 'k'"
    assert caller.query(soql) == []
    (row,) = caller.query(soql, everything=True)
    assert (row["Id"], row["IsArchived"], row["IsDeleted"]) == (made, True, False)
    assert caller.query("SELECT Id FROM Task WHERE IsArchived = true", everything=True)
    for soql in (f"SELECT Id FROM Task WHERE Id = '{made}'", "SELECT Id FROM Task WHERE IsArchived = true"):
        assert caller.query(soql) == []
    children = "SELECT Id, (SELECT Id FROM Tasks) FROM Lead"
    assert caller.query(children)[0]["Tasks"] is None
    assert caller.query(children, everything=True)[0]["Tasks"]["totalSize"] == 1
    twin = {"Subject": "y", "Key__c": "k"}
    assert caller("POST", "sobjects/Task", twin).code == "DUPLICATE_VALUE"
    assert caller("PATCH", f"sobjects/Task/{made}", {"IsArchived": False}).code == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert caller("PATCH", f"sobjects/Task/{made}", {"Subject": "z"}).status == 204
    assert caller("DELETE", f"sobjects/Task/{made}").status == 204


def test_replication_tells_what_changed_and_what_went(org: SalesforceEmulator, caller: Caller) -> None:
    kept = org.create("Lead", LEAD)
    gone = org.create("Lead", {**LEAD, "MA_Id__c": "m2"})
    org.delete("Lead", gone)
    end = START + timedelta(minutes=5)
    updated = span(caller, "updated", START, end)
    assert updated.json["ids"] == [kept]
    # Not beyond now, although the end was.
    assert updated.json["latestDateCovered"] == "2026-11-22T01:00:00.000+0000"
    deleted = span(caller, "deleted", START, end).json
    assert deleted["deletedRecords"] == [{"id": gone, "deletedDate": "2026-11-22T01:00:30.000+0000"}]
    assert set(deleted) == {"deletedRecords", "earliestDateAvailable", "latestDateCovered"}


@pytest.mark.parametrize(
    ("what", "start", "end"),
    [
        ("updated", timedelta(0), timedelta(0)),
        ("updated", timedelta(0), timedelta(seconds=-20)),
        ("updated", timedelta(days=-31), timedelta(0)),
        ("deleted", timedelta(days=-16), timedelta(0)),
    ],
)
def test_replication_has_its_limits(caller: Caller, what: str, start: timedelta, end: timedelta) -> None:
    assert span(caller, what, START + start, START + end).code == "INVALID_REPLICATION_DATE"


def test_a_date_without_a_zone_is_refused_and_purged_deletions_are_told(
    org: SalesforceEmulator, caller: Caller
) -> None:
    reply = caller("GET", "sobjects/Lead/updated?start=2026-11-22T00:00:00:&end=2026-11-22T01:00:00Z")
    assert reply.code == "INVALID_REPLICATION_DATE"
    org.deletes_since = START - timedelta(hours=1)
    assert span(caller, "deleted", START - timedelta(hours=2), START).status == 400
    earliest = span(caller, "deleted", START - timedelta(minutes=30), START).json["earliestDateAvailable"]
    assert earliest == "2026-11-22T00:00:30.000+0000"


def test_a_late_commit_appears_with_an_older_stamp(org: SalesforceEmulator, caller: Caller) -> None:
    org.chaos.plan("late_commit", method="PATCH", seconds=120)
    late = caller("PATCH", "sobjects/Lead/MA_Id__c/m1", {"LastName": "山田", "Company": "A社"})
    assert late.status == 201
    assert caller.query("SELECT Id FROM Lead") == []
    assert caller("GET", f"sobjects/Lead/{late.json['id']}").status == 404
    # Its key is taken: a second attempt waits in vain instead of creating a second record.
    assert caller("PATCH", "sobjects/Lead/MA_Id__c/m1", LEAD | {"MA_Id__c": "m1"}).code == "INVALID_FIELD"
    again = caller("PATCH", "sobjects/Lead/MA_Id__c/m1", {"LastName": "x", "Company": "B"})
    assert again.code == "UNABLE_TO_LOCK_ROW"
    org.clock.advance(timedelta(seconds=60))
    org.create("Lead", {**LEAD, "MA_Id__c": "m2"})
    covered = span(caller, "updated", START - timedelta(hours=1), START + timedelta(minutes=2)).json
    assert covered["latestDateCovered"] == "2026-11-22T01:00:30.000+0000"
    org.clock.advance(timedelta(seconds=60))
    found = caller.query("SELECT MA_Id__c, SystemModstamp FROM Lead ORDER BY SystemModstamp")
    assert [each["MA_Id__c"] for each in found] == ["m1", "m2"]
    assert found[0]["SystemModstamp"] == "2026-11-22T01:00:30.000+0000"


def test_values_taken_by_a_running_transaction_are_locked(org: SalesforceEmulator) -> None:
    org.add_field("Account", name="Key__c", length=20, external_id=True)
    caller = Caller(org)
    with org.late_commit(seconds=30):
        org.create("Lead", LEAD)
        org.create("Account", {"Name": "Acme", "Key__c": "a1"})
    assert caller("POST", "sobjects/Lead", LEAD).code == "UNABLE_TO_LOCK_ROW"
    assert caller("PATCH", "sobjects/Account/Key__c/A1", {"Name": "Acme"}).code == "UNABLE_TO_LOCK_ROW"
    assert caller("POST", "sobjects/Lead", {**LEAD, "MA_Id__c": "m2"}).status == 201


def test_people_commit_late_too(org: SalesforceEmulator) -> None:
    lead = org.create("Lead", LEAD)
    with org.late_commit(seconds=30):
        org.update("Lead", lead, {"Title": "部長"})
    assert "Title" not in org.get("Lead", lead)
    with pytest.raises(Refusal, match="UNABLE_TO_LOCK_ROW"):
        org.update("Lead", lead, {"Title": "課長"})
    org.clock.advance(timedelta(seconds=30))
    assert org.get("Lead", lead)["Title"] == "部長"
