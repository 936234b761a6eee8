"""The door of the org: versions, paths, methods, counting, and faults on order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import requests

from connector.sandbox.clock import Clock
from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.server import Server
from tests.unit.sandbox.salesforce_client import Caller, an_org


@pytest.fixture
def org() -> SalesforceEmulator:
    return an_org(clock=Clock(datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC), ticking=False))


@pytest.fixture
def caller(org: SalesforceEmulator) -> Caller:
    return Caller(org)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "nope", 404, "NOT_FOUND"),
        ("GET", "sobjects/Nope", 404, "NOT_FOUND"),
        ("GET", "/nope", 404, "NOT_FOUND"),
        ("GET", "/services/data/v69.0/limits", 404, "NOT_FOUND"),
        ("GET", "/services/data/v62/limits", 404, "NOT_FOUND"),
        ("GET", "/services/data/v40.0/limits", 410, "GONE"),
        ("PUT", "sobjects/Lead", 405, "METHOD_NOT_ALLOWED"),
        ("DELETE", "query", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "sobjects//describe", 404, "NOT_FOUND"),
        ("PATCH", "sobjects/Lead/MA_Id__c/a/b%20c", 404, "NOT_FOUND"),
        ("POST", "sobjects/Lead", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("POST", "sobjects/OpportunityStage", 415, "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
def test_wrong_paths_and_methods(caller: Caller, method: str, path: str, status: int, code: str) -> None:
    reply = caller(method, path)
    assert (reply.status, reply.code) == (status, code)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"MA_Score__c": NaN}', b"\xff"])
def test_bodies_that_are_no_json_object(caller: Caller, body: bytes) -> None:
    assert caller("POST", "sobjects/Lead", data=body).code == "JSON_PARSER_ERROR"


def test_set_up_objects_are_read_only(caller: Caller) -> None:
    reply = caller("POST", "sobjects/OpportunityStage", {"ApiName": "x"})
    assert reply.status == 400
    found = caller.query("SELECT ApiName, IsClosed, IsWon, DefaultProbability FROM OpportunityStage WHERE IsWon = true")
    assert [(each["ApiName"], each["DefaultProbability"]) for each in found] == [("Closed Won", 100)]
    assert caller.query("SELECT ApiName FROM LeadStatus WHERE IsConverted = true") != []
    assert caller.query("SELECT ApiName FROM TaskStatus WHERE IsClosed = true") != []


def test_versions_are_told_without_a_token(org: SalesforceEmulator) -> None:
    listed = Caller(org)("GET", "/services/data/", headers={"Authorization": ""}).json
    assert listed[-1] == {"label": "68", "url": "/services/data/v68.0", "version": "68.0"}
    assert "sobjects" in Caller(org)("GET", "/services/data/v62.0/").json


def test_a_missing_or_unknown_token(caller: Caller) -> None:
    for header in ("", "Bearer x", f"Basic {caller.org.access_token}"):
        reply = caller("GET", "limits", headers={"Authorization": header})
        assert (reply.status, reply.code) == (401, "INVALID_SESSION_ID")
    assert caller("GET", "limits", headers={"Authorization": f"OAuth {caller.org.access_token}"}).status == 200


def test_descriptions_serve_validation(caller: Caller) -> None:
    listed = caller("GET", "sobjects").json
    assert (listed["maxBatchSize"], listed["encoding"]) == (200, "UTF-8")
    lead = caller("GET", "sobjects/lead/describe").json
    fields = {each["name"]: each for each in lead["fields"]}
    assert (lead["keyPrefix"], lead["mergeable"], lead["replicateable"]) == ("00Q", True, True)
    assert fields["LastName"]["length"] == 80
    assert fields["LastName"]["byteLength"] == 240
    required = [
        name
        for name, each in fields.items()
        if each["createable"] and not each["nillable"] and not each["defaultedOnCreate"]
    ]
    assert sorted(required) == ["Company", "LastName"]
    assert (fields["IsConverted"]["createable"], fields["IsConverted"]["updateable"]) == (True, False)
    assert (fields["MA_Id__c"]["externalId"], fields["MA_Id__c"]["unique"], fields["MA_Id__c"]["custom"]) == (True,) * 3
    assert fields["Email"]["idLookup"] is True
    assert fields["OwnerId"]["referenceTo"] == ["Group", "User"]
    assert fields["MA_Grade__c"]["restrictedPicklist"] is True
    assert [each["value"] for each in fields["MA_Grade__c"]["picklistValues"]] == ["A", "B"]
    assert caller("GET", "sobjects/Lead").json["objectDescribe"]["name"] == "Lead"


def test_a_description_known_already_is_not_repeated(org: SalesforceEmulator, caller: Caller) -> None:
    known = caller("GET", "sobjects/Lead/describe").headers["Last-Modified"]
    again = caller("GET", "sobjects/Lead/describe", headers={"If-Modified-Since": known})
    assert (again.status, again.content) == (304, b"")
    org.clock.advance(timedelta(minutes=1))
    org.add_field("Lead", name="New__c")
    assert caller("GET", "sobjects/Lead/describe", headers={"If-Modified-Since": known}).status == 200


def test_every_answer_tells_the_usage_and_the_emulated_time(org: SalesforceEmulator, caller: Caller) -> None:
    org.daily_limit = 10
    assert caller("GET", "limits/").json["DailyApiRequests"] == {"Max": 10, "Remaining": 9}
    reply = caller("GET", "nope")
    assert reply.headers["Sforce-Limit-Info"] == "api-usage=2/10"
    assert reply.headers["Date"] == "Wed, 02 Jan 2030 03:04:05 GMT"
    token = Caller(org)("POST", "/services/oauth2/token", {})
    assert token.headers["Sforce-Limit-Info"] == "api-usage=2/10"


def test_the_days_calls_run_out_and_come_back(org: SalesforceEmulator, caller: Caller) -> None:
    org.daily_limit = 2
    assert [caller("GET", "limits").status for _ in range(3)] == [200, 200, 403]
    refused = caller("GET", "limits")
    assert (refused.code, refused.message) == ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    assert org.calls == 2
    org.clock.advance(timedelta(hours=24, minutes=1))
    assert caller("GET", "limits").status == 200


def test_records_are_counted(org: SalesforceEmulator, caller: Caller) -> None:
    org.create("Lead", {"LastName": "x", "Company": "A"})
    assert caller("GET", "limits/recordCount?sObjects=Lead,Task").json == {"sObjects": [{"count": 1, "name": "Lead"}]}


def test_faults_of_the_domain(org: SalesforceEmulator, caller: Caller) -> None:
    caller.token = org.access_token
    org.chaos.plan("expired", path="limits", skip=1)
    assert [caller("GET", "limits").status for _ in range(3)] == [200, 401, 401]
    caller.token = None
    org.chaos.plan("quota", method="GET", path="limits")
    assert caller("GET", "limits").code == "REQUEST_LIMIT_EXCEEDED"
    org.chaos.plan("row_fail", code="UNABLE_TO_LOCK_ROW", message="busy")
    assert caller("POST", "sobjects/Lead", {"LastName": "x", "Company": "A"}).code == "UNABLE_TO_LOCK_ROW"
    assert caller("POST", "sobjects/Lead", {"LastName": "x", "Company": "A"}).status == 201


def test_over_a_socket_there_is_one_date_and_no_body_with_204(org: SalesforceEmulator) -> None:
    made = org.create("Lead", {"LastName": "x", "Company": "A"})
    with Server(org.handle, chaos=org.chaos) as server, requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {org.access_token}"
        url = f"{server.url}/services/data/v62.0/sobjects/Lead/{made}"
        answer = session.patch(url, json={"Title": "x"}, timeout=10)
        assert (answer.status_code, answer.content, "Content-Type" in answer.headers) == (204, b"", False)
        assert answer.raw.headers.getlist("Date") == ["Wed, 02 Jan 2030 03:04:05 GMT"]
        org.chaos.plan("status")
        assert len(session.get(url, timeout=10).raw.headers.getlist("Date")) == 1
