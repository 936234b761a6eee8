"""Several calls in one: references, roll-back, limits, and what it all counts as."""

from __future__ import annotations

from typing import Any

import pytest

from connector.sandbox.salesforce import SalesforceEmulator
from tests.unit.sandbox.salesforce_client import Caller, an_org

BASE = "/services/data/v62.0"
LEAD = {"LastName": "山田", "Company": "A社"}


@pytest.fixture
def org() -> SalesforceEmulator:
    return an_org()


@pytest.fixture
def caller(org: SalesforceEmulator) -> Caller:
    return Caller(org)


def sub(name: str, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
    return {"referenceId": name, "method": method, "url": f"{BASE}/{path}", "body": body, **more}


def run(caller: Caller, *requests: dict[str, Any], all_or_none: bool = False) -> list[dict[str, Any]]:
    reply = caller("POST", "composite", {"allOrNone": all_or_none, "compositeRequest": list(requests)})
    assert reply.status == 200, reply.text
    return list(reply.json["compositeResponse"])


def test_later_calls_use_earlier_answers(org: SalesforceEmulator, caller: Caller) -> None:
    members = run(
        caller,
        sub("lead", "PATCH", "sobjects/Lead/MA_Id__c/m1", LEAD),
        sub("task", "POST", "sobjects/Task", {"Subject": "For @{lead.id}", "WhoId": "@{lead.id}"}),
        sub("found", "GET", "query?q=SELECT+Id+FROM+Lead"),
        sub("read", "GET", "sobjects/Lead/@{found.records[0].Id}?fields=LastName"),
    )
    assert [each["httpStatusCode"] for each in members] == [201, 201, 200, 200]
    lead = members[0]["body"]["id"]
    assert members[0]["httpHeaders"] == {"Location": f"{BASE}/sobjects/Lead/{lead}"}
    assert members[3]["body"]["LastName"] == "山田"
    task = org.get("Task", members[1]["body"]["id"])
    assert (task["WhoId"], task["Subject"]) == (lead, f"For {lead}")
    assert org.calls == 1


def test_a_failure_stops_only_what_depends_on_it(org: SalesforceEmulator, caller: Caller) -> None:
    members = run(
        caller,
        sub("bad", "POST", "sobjects/Lead", {"LastName": "x"}),
        sub("task", "POST", "sobjects/Task", {"Subject": "x", "WhoId": "@{bad.id}"}),
        sub("good", "POST", "sobjects/Lead", LEAD),
        sub("nowhere", "GET", "nope"),
    )
    assert [each["httpStatusCode"] for each in members] == [400, 400, 201, 404]
    assert members[1]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert members[3]["body"] == [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]


def test_all_or_none_rolls_everything_back(org: SalesforceEmulator, caller: Caller) -> None:
    members = run(
        caller,
        sub("good", "POST", "sobjects/Lead", LEAD),
        sub("bad", "POST", "sobjects/Lead", {"LastName": "x"}),
        sub("rest", "POST", "sobjects/Lead", LEAD),
        all_or_none=True,
    )
    assert [each["body"][0]["errorCode"] for each in members] == [
        "PROCESSING_HALTED", "REQUIRED_FIELD_MISSING", "PROCESSING_HALTED",
    ]  # fmt: skip
    assert org.records("Lead") == []


def test_all_or_none_reaches_into_collections(org: SalesforceEmulator, caller: Caller) -> None:
    records = [{"attributes": {"type": "Lead"}, **LEAD}, {"attributes": {"type": "Lead"}, "LastName": "x"}]
    many = sub("many", "POST", "composite/sobjects", {"allOrNone": False, "records": records})
    single = sub("single", "POST", "sobjects/Lead", LEAD)
    members = run(caller, single, many, all_or_none=True)
    assert members[0]["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert [each["errors"][0]["statusCode"] for each in members[1]["body"]] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING",
    ]  # fmt: skip
    assert org.records("Lead") == []
    run(caller, single, many)
    assert len(org.records("Lead")) == 2


@pytest.mark.parametrize(
    ("requests", "code"),
    [
        ([sub(f"r{number}", "GET", "limits") for number in range(26)], "LIMIT_EXCEEDED"),
        ([sub(f"r{number}", "GET", "query?q=SELECT+Id+FROM+Lead") for number in range(6)], "LIMIT_EXCEEDED"),
        ([sub("r", "GET", "limits"), sub("r", "GET", "limits")], "JSON_PARSER_ERROR"),
        ([sub("1", "GET", "limits")], "JSON_PARSER_ERROR"),
        ([sub("r", "FETCH", "limits")], "JSON_PARSER_ERROR"),
        ([sub("r", "GET", "limits", httpHeaders={"Accept": "x"})], "JSON_PARSER_ERROR"),
        ([], "JSON_PARSER_ERROR"),
    ],
)
def test_what_fails_the_whole_composite(caller: Caller, requests: list[dict[str, Any]], code: str) -> None:
    reply = caller("POST", "composite", {"compositeRequest": requests})
    assert (reply.status, reply.code) == (400, code)


def test_a_batch_counts_each_of_its_calls(org: SalesforceEmulator, caller: Caller) -> None:
    requests = [
        {"method": "GET", "url": "v62.0/limits"},
        {"method": "POST", "url": "v62.0/sobjects/Lead", "richInput": {"LastName": "x"}},
        {"method": "GET", "url": "v62.0/limits"},
    ]
    body = caller("POST", "composite/batch", {"batchRequests": requests, "haltOnError": True}).json
    assert body["hasErrors"] is True
    assert [each["statusCode"] for each in body["results"]] == [200, 400, 412]
    assert org.calls == 3


def test_each_graph_is_all_or_nothing(org: SalesforceEmulator, caller: Caller) -> None:
    good = [
        sub("a", "POST", "sobjects/Account", {"Name": "Acme"}),
        sub("c", "POST", "sobjects/Contact", {"LastName": "x", "AccountId": "@{a.id}"}),
    ]
    bad = [sub("l", "POST", "sobjects/Lead", LEAD), sub("b", "POST", "sobjects/Lead", {"LastName": "x"})]
    graphs = [{"graphId": "g1", "compositeRequest": good}, {"graphId": "g2", "compositeRequest": bad}]
    found = caller("POST", "composite/graph", {"graphs": graphs}).json["graphs"]
    assert [(each["graphId"], each["isSuccessful"]) for each in found] == [("g1", True), ("g2", False)]
    assert found[0]["graphResponse"]["compositeResponse"][1]["httpStatusCode"] == 201
    assert (len(org.records("Contact")), org.records("Lead")) == (1, [])
