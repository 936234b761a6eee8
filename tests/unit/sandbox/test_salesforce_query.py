"""What queries find, how records are shown, and how pages follow each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simple_salesforce import format_soql

from connector.sandbox.clock import Clock
from connector.sandbox.salesforce import SalesforceEmulator
from tests.unit.sandbox.salesforce_client import Caller, an_org


@pytest.fixture
def org() -> SalesforceEmulator:
    return an_org(clock=Clock(datetime(2026, 11, 22, 3, 0, tzinfo=UTC), ticking=False))


@pytest.fixture
def caller(org: SalesforceEmulator) -> Caller:
    return Caller(org)


def lead(org: SalesforceEmulator, name: str = "山田", **more: Any) -> str:
    return org.create("Lead", {"LastName": name, "Company": "A社", **more})


def names(caller: Caller, where: str) -> list[str]:
    return [each["LastName"] for each in caller.query(f"SELECT LastName FROM Lead {where}")]


def test_records_are_shown_with_their_parents(org: SalesforceEmulator, caller: Caller) -> None:
    account = org.create("Account", {"Name": "Acme", "Type": "Prospect"})
    org.create("Contact", {"LastName": "佐藤", "AccountId": account})
    org.create("Contact", {"LastName": "鈴木"})
    found = caller.query("SELECT id, ACCOUNT.name, Account.Owner.Name, Contact.LastName FROM contact ORDER BY LastName")
    first = next(each for each in found if each["LastName"] == "佐藤")
    assert list(first) == ["attributes", "Id", "Account", "LastName"]
    assert first["attributes"]["url"] == f"/services/data/v62.0/sobjects/Contact/{first['Id']}"
    assert first["Account"]["Name"] == "Acme"
    assert first["Account"]["Owner"]["Name"] == "Integration"
    assert next(each for each in found if each["LastName"] == "鈴木")["Account"] is None


def test_polymorphic_parents_tell_their_type(org: SalesforceEmulator, caller: Caller) -> None:
    account = org.create("Account", {"Name": "Acme", "Type": "Prospect"})
    org.create("Task", {"Subject": "a", "WhoId": lead(org, Email="a@example.jp")})
    org.create("Task", {"Subject": "b", "WhatId": account})
    first, second = caller.query("SELECT Who.Type, Who.Email, What.Type, What.Name FROM Task ORDER BY Subject")
    assert first["Who"]["Type"] == "Lead"
    assert first["Who"]["Email"] == "a@example.jp"
    assert second["What"]["Type"] == "Account"
    assert second["What"]["attributes"]["type"] == "Account"
    queued = lead(org, "待", OwnerId=org.queue_id)
    found = caller.query("SELECT Id FROM Lead WHERE Owner.Type = 'Group'")
    assert [each["Id"] for each in found] == [queued]


def test_child_records_come_as_a_list_or_null(org: SalesforceEmulator, caller: Caller) -> None:
    contact = org.create("Contact", {"LastName": "佐藤", "Email": "s@example.jp"})
    deal = {"Name": "D1", "StageName": "Closed Lost", "CloseDate": "2026-11-01"}
    org.create("Opportunity", {**deal, "ContactId": contact})
    org.create("Opportunity", {**deal, "Name": "D2"})
    soql = (
        "SELECT Name, (SELECT ContactId, Contact.Email, IsPrimary FROM OpportunityContactRoles WHERE IsPrimary = true) "
        "FROM Opportunity WHERE IsClosed = true AND IsWon = false ORDER BY Name"
    )
    first, second = caller.query(soql)
    roles = first["OpportunityContactRoles"]
    assert (roles["totalSize"], roles["done"]) == (1, True)
    assert roles["records"][0]["Contact"]["Email"] == "s@example.jp"
    assert second["OpportunityContactRoles"] is None


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("WHERE Email = 'A@EXAMPLE.jp'", ["a"]),
        ("WHERE Email != 'a@example.jp'", ["b", "c"]),
        ("WHERE Email = null", ["c"]),
        ("WHERE Email != null", ["a", "b"]),
        ("WHERE Email LIKE '%@EXAMPLE.jp'", ["a"]),
        ("WHERE Email LIKE '_@example.__'", ["a", "b"]),
        ("WHERE NOT Email LIKE '%jp'", ["b", "c"]),
        ("WHERE LastName IN ('A', 'c')", ["a", "c"]),
        ("WHERE Email NOT IN ('a@example.jp', null)", ["b"]),
        ("WHERE MA_Score__c > 10", ["b"]),
        ("WHERE MA_Score__c >= 10 AND (LastName = 'a' OR LastName = 'c')", ["a"]),
        ("WHERE MA_Score__c < 100.5", ["a", "b"]),
        ("WHERE MA_Flag__c = true", ["b"]),
        ("WHERE MA_Seen__c > 2026-11-20T09:00:00+09:00", ["b"]),
        ("WHERE MA_Seen__c >= 2026-11-20T00:00:00Z", ["a", "b"]),
        ("WHERE OwnerId IN (SELECT Id FROM User WHERE IsActive = true) AND LastName <> 'a'", ["b", "c"]),
    ],
)
def test_conditions(org: SalesforceEmulator, caller: Caller, where: str, expected: list[str]) -> None:
    lead(org, "a", Email="a@example.jp", MA_Score__c=10, MA_Seen__c="2026-11-20T00:00:00Z")
    lead(org, "b", Email="b@example.us", MA_Score__c=20, MA_Flag__c=True, MA_Seen__c="2026-11-21T00:00:00Z")
    lead(org, "c")
    assert names(caller, where) == expected


@given(st.text("ab%_\\'\"", min_size=1, max_size=4), st.text("ab%_\\'\"", min_size=1, max_size=4))
def test_a_quoted_like_finds_exactly_its_text(text: str, other: str) -> None:
    org = an_org()
    lead(org, text)
    lead(org, other)
    found = names(Caller(org), format_soql("WHERE LastName LIKE '{:like}'", text))
    assert found == [each for each in (text, other) if each == text]


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("TODAY", [0]),
        ("YESTERDAY", [1]),
        ("LAST_N_DAYS:2", [0, 1, 2]),
        ("N_DAYS_AGO:2", [2]),
        ("THIS_WEEK", [0]),
        ("LAST_WEEK", [1, 2, 3]),
        ("THIS_MONTH", [0, 1, 2, 3]),
        ("LAST_MONTH", [30]),
        ("THIS_YEAR", [0, 1, 2, 3, 30]),
        ("LAST_90_DAYS", [0, 1, 2, 3, 30]),
    ],
)
def test_date_literals_mean_days_in_the_users_time_zone(literal: str, expected: list[int]) -> None:
    # A Sunday at 08:30 in Tokyo, which is still Saturday in UTC.
    now = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
    org = an_org(clock=Clock(now, ticking=False))
    for ago in (0, 1, 2, 3, 30, 400):
        lead(org, str(ago), MA_Seen__c=(now - timedelta(days=ago)).isoformat())
    found = names(Caller(org), f"WHERE MA_Seen__c = {literal} ORDER BY CreatedDate")
    assert found == [str(each) for each in expected]


@pytest.mark.parametrize(
    ("sign", "expected"),
    [
        ("=", ["in"]),
        ("!=", ["before", "after", "none"]),
        ("<", ["before"]),
        ("<=", ["before", "in"]),
        (">", ["after"]),
        (">=", ["in", "after"]),
    ],
)
def test_a_date_literal_is_a_whole_day(org: SalesforceEmulator, caller: Caller, sign: str, expected: list[str]) -> None:
    # Midnights in Tokyo: the day begins with the first and ends before the second.
    lead(org, "before", MA_Seen__c="2026-11-21T14:59:59Z")
    lead(org, "in", MA_Seen__c="2026-11-21T15:00:00Z")
    lead(org, "after", MA_Seen__c="2026-11-22T15:00:00Z")
    lead(org, "none")
    assert names(caller, f"WHERE MA_Seen__c {sign} TODAY") == expected


def test_order_puts_nulls_first_unless_told(org: SalesforceEmulator, caller: Caller) -> None:
    for name, score in (("a", 2), ("b", None), ("c", 1)):
        lead(org, name, MA_Score__c=score)
    assert names(caller, "ORDER BY MA_Score__c") == ["b", "c", "a"]
    assert names(caller, "ORDER BY MA_Score__c DESC NULLS LAST") == ["a", "c", "b"]
    assert names(caller, "ORDER BY LastName DESC LIMIT 1 OFFSET 1") == ["b"]


def test_counts_and_groups(org: SalesforceEmulator, caller: Caller) -> None:
    for name, grade in (("a", "A"), ("b", "A"), ("c", None)):
        lead(org, name, MA_Grade__c=grade, MA_Score__c=len(name))
    reply = caller("GET", "query?q=SELECT+COUNT()+FROM+Lead+WHERE+MA_Grade__c='A'")
    assert reply.json == {"totalSize": 2, "done": True, "records": []}
    total = caller.query("SELECT COUNT(Id), MAX(MA_Score__c) top FROM Lead")
    assert total == [{"attributes": {"type": "AggregateResult"}, "expr0": 3, "top": 1.0}]
    groups = caller.query("SELECT MA_Grade__c, COUNT(Id) n FROM Lead GROUP BY MA_Grade__c ORDER BY COUNT(Id) DESC")
    assert [(each["MA_Grade__c"], each["n"]) for each in groups] == [("A", 2), (None, 1)]


def test_deleted_records_are_found_by_query_all_only(org: SalesforceEmulator, caller: Caller) -> None:
    gone = lead(org)
    org.delete("Lead", gone)
    assert caller.query("SELECT Id FROM Lead") == []
    found = caller.query(f"SELECT Id, IsDeleted FROM Lead WHERE Id = '{gone[:15]}'", everything=True)
    assert [each["IsDeleted"] for each in found] == [True]


@pytest.mark.parametrize(
    ("soql", "code", "message"),
    [
        ("SELECT Foo FROM Lead", "INVALID_FIELD", "No such column 'Foo' on entity 'Lead'"),
        ("SELECT Id FROM Nope", "INVALID_TYPE", "sObject type 'Nope' is not supported"),
        ("SELECT Foo.Name FROM Lead", "INVALID_FIELD", "Didn't understand relationship 'Foo'"),
        ("SELECT Id, (SELECT Id FROM Foos) FROM Lead", "INVALID_TYPE", "Didn't understand relationship 'Foos'"),
        ("SELECT Id, Id FROM Lead", "INVALID_FIELD", "duplicate field selected: Id"),
        ("SELECT Id FROM Lead WHERE Email = 5", "INVALID_FIELD", "must be of type string and should be enclosed"),
        ("SELECT Id FROM Lead WHERE MA_Score__c = '5'", "INVALID_FIELD", "must be of type double and should not be"),
        ("SELECT Id FROM Lead WHERE CreatedDate > 2026-01-01", "INVALID_FIELD", "must be of type dateTime"),
        ("SELECT Id FROM Lead WHERE CreatedDate > '2026-01-01T00:00:00Z'", "INVALID_FIELD", "dateTime"),
        ("SELECT Id FROM Lead WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x"),
        ("SELECT Id FROM Lead WHERE Description = 'x'", "INVALID_FIELD", "can not be filtered"),
        ("SELECT Id FROM Lead ORDER BY Description", "INVALID_FIELD", "can not be sorted"),
        ("SELECT Id FROM Lead WHERE CreatedDate = SOMEDAY", "MALFORMED_QUERY", "unexpected token: 'SOMEDAY'"),
        ("SELECT LastName, COUNT(Id) FROM Lead", "MALFORMED_QUERY", "must be grouped or aggregated"),
        ("SELECT Id FROM Lead OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "offset allowed is 2000"),
        ("SELECT Id FROM Lead WHERE MA_Flag__c > true", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator"),
        ("SELECT Who.Company FROM Task", "INVALID_FIELD", "No such column 'Company' on entity 'Name'"),
        ("SELECT Id FROM Lead WHERE Id IN (SELECT Id, Name FROM Lead)", "MALFORMED_QUERY", "exactly one field"),
    ],
)
def test_what_a_query_may_not_say(caller: Caller, soql: str, code: str, message: str) -> None:
    reply = caller.refused(soql)
    assert reply.code == code
    assert message in reply.message


def test_pages_show_what_was_there_when_the_query_ran(org: SalesforceEmulator, caller: Caller) -> None:
    org.page_size = 2
    made = [lead(org, str(number)) for number in range(5)]
    first = caller("GET", "query/?q=SELECT+Id,LastName+FROM+Lead").json
    assert (first["totalSize"], first["done"], len(first["records"])) == (5, False, 2)
    org.update("Lead", made[3], {"LastName": "changed"})
    second = caller("GET", first["nextRecordsUrl"]).json
    assert [each["LastName"] for each in second["records"]] == ["2", "3"]
    last = caller("GET", second["nextRecordsUrl"]).json
    assert (last["done"], len(last["records"]), "nextRecordsUrl" in last) == (True, 1, False)


def test_locators_die(org: SalesforceEmulator, caller: Caller) -> None:
    org.page_size = 1
    for number in range(3):
        lead(org, str(number))
    soql = "query?q=SELECT+Id+FROM+Lead"
    old = caller("GET", soql).json["nextRecordsUrl"]
    org.clock.advance(timedelta(days=2))
    assert caller("GET", old).code == "INVALID_QUERY_LOCATOR"
    first = caller("GET", soql).json["nextRecordsUrl"]
    for _ in range(10):
        caller("GET", soql)
    assert caller("GET", first).code == "INVALID_QUERY_LOCATOR"
    assert caller("GET", "query/01g000000000000AAA-2000").code == "INVALID_QUERY_LOCATOR"


def test_faults_of_paging(org: SalesforceEmulator, caller: Caller) -> None:
    for number in range(5):
        lead(org, str(number))
    org.chaos.plan("small_pages", size=3)
    first = caller("GET", "query?q=SELECT+Id+FROM+Lead").json
    assert (len(first["records"]), first["done"]) == (3, False)
    org.chaos.plan("locator")
    assert caller("GET", first["nextRecordsUrl"]).code == "INVALID_QUERY_LOCATOR"
    assert caller("GET", first["nextRecordsUrl"]).json["done"] is True


def test_a_url_may_not_be_too_long(caller: Caller) -> None:
    reply = caller("GET", "query?q=SELECT+Id+FROM+Lead+WHERE+Name='" + "x" * 17_000 + "'")
    assert reply.status == 414
    assert reply.headers["Content-Type"] == "text/html"
