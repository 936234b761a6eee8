"""The real simple-salesforce against the emulated org over plain HTTP."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, SalesforceLogin, format_soql
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_external_id

from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.server import Server

# Its attributes are typed as unions of which no call fits every member.
Sf = Any


class ToServer(HTTPAdapter):
    """Sends what is meant for https to the emulated org: the library knows no other scheme, and hosts of its own."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._authority = urlsplit(url).netloc

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        request.url = urlunsplit(urlsplit(str(request.url))._replace(scheme="http", netloc=self._authority))
        return super().send(request, *args, **kwargs)


@pytest.fixture
def org() -> SalesforceEmulator:
    org = SalesforceEmulator()
    for name in ("Lead", "Contact"):
        org.add_field(name, name="MA_Id__c", length=64, external_id=True, unique=True)
        org.add_field(name, name="Flag__c", type="boolean")
    return org


@pytest.fixture
def server(org: SalesforceEmulator) -> Iterator[Server]:
    with Server(org.handle, chaos=org.chaos) as server:
        yield server


@pytest.fixture
def session(server: Server) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", ToServer(server.url))
        yield session


@pytest.fixture
def sf(org: SalesforceEmulator, server: Server, session: requests.Session) -> Sf:
    return Salesforce(session_id=org.access_token, instance_url=server.url, session=session, version="62.0")


LEAD = {"LastName": "山田", "Company": "A社"}


def test_it_logs_in_by_every_means_it_has(org: SalesforceEmulator, server: Server, session: requests.Session) -> None:
    app = {"consumer_key": org.client_id, "consumer_secret": org.client_secret}
    user = {"username": org.username, "password": org.password}
    logins: list[dict[str, Any]] = [
        {**user, "security_token": org.security_token},
        {**app, "domain": "acme.my"},
        {**app, **user, "password": org.password + org.security_token},
        {"username": org.username, "consumer_key": org.client_id, "privatekey": org.credentials.private_key},
    ]
    for login in logins:
        sf: Sf = Salesforce(**login, session=session, version="62.0")
        assert sf.sf_instance == urlsplit(server.url).netloc
        assert sf.query("SELECT Id FROM Lead")["totalSize"] == 0
    assert org.logins == len(logins)


def test_wrong_logins_are_told(org: SalesforceEmulator, session: requests.Session) -> None:
    with pytest.raises(SalesforceAuthenticationFailed, match="INVALID_LOGIN"):
        SalesforceLogin(username=org.username, password="x", security_token="y", session=session)
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid_client_id"):
        SalesforceLogin(consumer_key="x", consumer_secret="y", domain="acme.my", session=session)
    stranger: Any = {"username": "stranger", "consumer_key": org.client_id, "privatekey": org.credentials.private_key}
    with pytest.warns(UserWarning, match="authorize this"), pytest.raises(SalesforceAuthenticationFailed):
        SalesforceLogin(**stranger, session=session)


def test_it_queries_page_by_page(org: SalesforceEmulator, sf: Sf) -> None:
    org.page_size = 200
    for number in range(450):
        org.create("Lead", {**LEAD, "MA_Id__c": f"m{number:03}"})
    soql = format_soql("SELECT Id, MA_Id__c, Owner.Name FROM Lead WHERE LastName = {} ORDER BY MA_Id__c", "山田")
    found = [each["MA_Id__c"] for each in sf.query_all_iter(soql)]
    assert found == [f"m{number:03}" for number in range(450)]
    assert org.calls == 3
    org.delete("Lead", org.records("Lead")[0]["Id"])
    assert sf.query_all("SELECT Id FROM Lead WHERE IsDeleted = true", include_deleted=True)["totalSize"] == 1
    with pytest.raises(SalesforceMalformedRequest) as refused:
        sf.query("SELECT Nope FROM Lead")
    assert "INVALID_FIELD" in str(refused.value.content)


def test_it_writes_single_records(org: SalesforceEmulator, sf: Sf) -> None:
    made = sf.Lead.create({**LEAD, "Email": "a@example.jp"}, headers={"Sforce-Auto-Assign": "FALSE"})
    assert made["success"] is True
    assert sf.Lead.update(made["id"], {"Title": "部長", "Email": None}) == 204
    assert sf.Lead.get(made["id"])["Title"] == "部長"
    key = format_external_id("MA_Id__c", "a/b?c#d 山 %+")
    assert sf.Lead.upsert(key, LEAD) == 201
    assert sf.Lead.upsert(key, {"Title": "課長"}) == 200
    assert org.records("Lead")[1]["MA_Id__c"] == "a/b?c#d 山 %+"
    assert sf.Lead.get(key)["Title"] == "課長"
    for _ in range(2):
        sf.Lead.create({**LEAD, "Email": "twice@example.jp"})
    with pytest.raises(SalesforceMoreThanOneRecord):
        sf.Lead.upsert("Email/twice@example.jp", {"Title": "x"})
    assert sf.Lead.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        sf.Lead.get(made["id"])


def test_it_writes_many_records_and_composites(org: SalesforceEmulator, sf: Sf) -> None:
    records = [
        {"attributes": {"type": "Lead"}, "MA_Id__c": f"m{n}", **LEAD, "Email": "bad" if n == 7 else None}
        for n in range(200)
    ]
    path = "composite/sobjects/Lead/MA_Id__c"
    rows = sf.restful(path, method="PATCH", json={"allOrNone": False, "records": records})
    assert [n for n, each in enumerate(rows) if not each["success"]] == [7]
    task = {"Subject": "Call", "WhoId": "@{lead.id}"}
    requests_ = [
        {
            "method": "PATCH",
            "url": "/services/data/v62.0/sobjects/Lead/MA_Id__c/m1",
            "referenceId": "lead",
            "body": LEAD,
        },
        {"method": "POST", "url": "/services/data/v62.0/sobjects/Task", "referenceId": "task", "body": task},
    ]
    answer = sf.restful("composite", method="POST", json={"allOrNone": True, "compositeRequest": requests_})
    assert [each["httpStatusCode"] for each in answer["compositeResponse"]] == [200, 201]
    assert org.calls == 2
    assert sf.api_usage["api-usage"].used == 2


def test_it_describes_counts_and_replicates(org: SalesforceEmulator, sf: Sf) -> None:
    described = sf.Lead.describe()
    assert "MA_Id__c" in [each["name"] for each in described["fields"]]
    listed = sf.describe()
    assert "Opportunity" in [each["name"] for each in listed["sobjects"]]
    assert sf.limits()["DailyApiRequests"]["Max"] == 15000
    kept, gone = (org.create("Lead", LEAD) for _ in range(2))
    org.delete("Lead", gone)
    start, end = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(minutes=2)
    assert sf.Lead.updated(start, end)["ids"] == [kept]
    assert [each["id"] for each in sf.Lead.deleted(start, end)["deletedRecords"]] == [gone]


def test_it_loads_and_reads_in_bulk(org: SalesforceEmulator, sf: Sf) -> None:
    org.create("Lead", {**LEAD, "MA_Id__c": "m1"})
    records = [
        {"MA_Id__c": f"m{n}", **LEAD, "Email": "bad" if n == 2 else "a@example.jp", "Flag__c": True} for n in range(3)
    ]
    [job] = sf.bulk2.Lead.upsert(records=records, external_id_field="MA_Id__c", wait=0)
    assert (job["numberRecordsFailed"], job["numberRecordsTotal"]) == (1, 3)
    good = list(csv.DictReader(io.StringIO(sf.bulk2.Lead.get_successful_records(job["job_id"]))))
    assert {each["MA_Id__c"]: each["sf__Created"] for each in good} == {"m0": "true", "m1": "false"}
    [bad] = csv.DictReader(io.StringIO(sf.bulk2.Lead.get_failed_records(job["job_id"])))
    assert bad["sf__Error"].startswith("INVALID_EMAIL_ADDRESS:")
    # Without a charset in the answer the library takes UTF-8 for Latin-1, as with the real service.
    assert bad["LastName"].encode("latin-1").decode() == "山田"
    assert sf.bulk2.Lead.get_unprocessed_records(job["job_id"]).count("\n") == 1
    pages = list(sf.bulk2.Lead.query("SELECT MA_Id__c, LastName FROM Lead", max_records=1, wait=0))
    assert len(pages) == 2
    assert "山田" in pages[0]


def test_an_expired_session_is_renewed_or_told(org: SalesforceEmulator, sf: Sf, session: requests.Session) -> None:
    org.expire_tokens()
    with pytest.raises(SalesforceExpiredSession):
        sf.query("SELECT Id FROM Lead")
    app: Any = {"consumer_key": org.client_id, "consumer_secret": org.client_secret, "domain": "acme.my"}
    renewing: Sf = Salesforce(**app, session=session, version="62.0")
    org.chaos.plan("expired")
    assert renewing.query("SELECT Id FROM Lead")["totalSize"] == 0
    assert org.logins == 2
