"""The real jsforce, in node, against the emulated org."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.server import Server
from tests import node


@pytest.fixture(scope="module")
def _jsforce() -> None:
    node.need("jsforce")


@pytest.fixture
def org() -> SalesforceEmulator:
    org = SalesforceEmulator()
    org.add_field("Lead", name="MA_Id__c", length=64, external_id=True, unique=True)
    org.add_field("Lead", name="Flag__c", type="boolean")
    return org


@pytest.fixture
def server(org: SalesforceEmulator, _jsforce: None) -> Iterator[Server]:
    with Server(org.handle, chaos=org.chaos) as server:
        yield server


def drive(org: SalesforceEmulator, server: Server, scenario: str) -> dict[str, Any]:
    """Run a scenario of salesforce.mjs and give what it printed."""
    sandbox = {
        "url": server.url,
        "accessToken": org.access_token,
        "username": org.username,
        "password": org.password,
        "securityToken": org.security_token,
        "clientId": org.client_id,
        "clientSecret": org.client_secret,
        "refreshToken": org.refresh_token,
        "now": org.clock().timestamp() * 1000,
    }
    return node.drive("salesforce.mjs", scenario, sandbox)


def test_it_logs_in_and_out_by_soap(org: SalesforceEmulator, server: Server) -> None:
    found = drive(org, server, "soap")
    assert (found["user"]["id"], found["user"]["organizationId"]) == (org.user_id, org.org_id)
    assert found["instanceUrl"] == server.url
    assert found["limits"]["DailyApiRequests"]["Max"] == 15000
    assert found["wrong"]["message"].startswith("INVALID_LOGIN: ")
    assert found["after"]["code"] == "INVALID_SESSION_ID"
    assert org.logins == 1


def test_it_logs_in_by_oauth_and_refreshes(org: SalesforceEmulator, server: Server) -> None:
    found = drive(org, server, "oauth")
    assert found["user"]["id"] == found["identity"]["user_id"] == org.user_id
    assert found["refreshed"] == 0
    assert found["expired"]["code"] == "INVALID_SESSION_ID"
    assert org.logins == 3


def test_it_queries_and_describes(org: SalesforceEmulator, server: Server) -> None:
    org.page_size = 2
    for number in range(5):
        org.create("Lead", {"LastName": f"姓{number}", "Company": "A社"})
    org.delete("Lead", org.create("Lead", {"LastName": "x", "Company": "A社"}))
    org.create("Contact", {"LastName": "佐藤", "AccountId": org.create("Account", {"Name": "Acme"})})
    found = drive(org, server, "read")
    assert found["seen"] == [f"姓{number}" for number in range(5)]
    assert found["first"] == {"done": False, "count": 2, "total": 5}
    assert found["second"] == 2
    assert found["children"][0]["Contacts"]["records"][0]["LastName"] == "佐藤"
    assert found["fields"] == ["MA_Id__c"]
    assert {"Lead", "Contact", "Account", "Opportunity", "Task"} <= set(found["objects"])
    assert found["malformed"]["code"] == "INVALID_FIELD"
    assert found["deleted"] == 1


def test_it_writes(org: SalesforceEmulator, server: Server) -> None:
    found = drive(org, server, "write")
    assert [each["success"] for each in found["many"]] == [True, False]
    assert found["retrieved"]["Rating"] == "Hot"
    assert [each["created"] for each in found["upserts"]] == [True, False]
    assert [each["success"] for each in found["collection"]] == [True, False, True]
    assert found["collection"][1]["errors"][0]["statusCode"] == "INVALID_EMAIL_ADDRESS"
    assert found["collection"][2] == {
        "id": found["upserts"][0]["id"], "success": True, "errors": [], "created": False,
    }  # fmt: skip
    assert [each["id"] for each in found["changes"]["deleted"]["deletedRecords"]] == [found["single"]["id"]]
    assert len(found["changes"]["updated"]["ids"]) == len(org.records("Lead"))
    assert found["composite"]["compositeResponse"][0]["httpStatusCode"] == 201


def test_it_loads_and_reads_in_bulk(org: SalesforceEmulator, server: Server) -> None:
    found = drive(org, server, "bulk")
    [good] = found["loaded"]["successfulResults"]
    [bad] = found["loaded"]["failedResults"]
    assert (good["MA_Id__c"], good["sf__Created"]) == ("b1", "true")
    assert bad["sf__Error"].startswith("INVALID_EMAIL_ADDRESS:")
    assert found["loaded"]["unprocessedRecords"] == []
    assert [(each["LastName"], each["Flag__c"]) for each in found["queried"]] == [("山田", "true")]
