"""Bulk API 2.0: the life of a job, what a cell means, and results that come in any order."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.sandbox.clock import Clock
from connector.sandbox.salesforce import SalesforceEmulator
from tests.unit.sandbox.salesforce_client import Caller, Reply, an_org

UPSERT = {"operation": "upsert", "object": "Lead", "externalIdFieldName": "MA_Id__c", "contentType": "CSV"}


@pytest.fixture
def org() -> SalesforceEmulator:
    return an_org(clock=Clock(datetime(2026, 11, 22, 1, tzinfo=UTC), ticking=False))


@pytest.fixture
def caller(org: SalesforceEmulator) -> Caller:
    return Caller(org)


class Ingest:
    """One job, step by step."""

    def __init__(self, caller: Caller, **more: Any) -> None:
        self.caller = caller
        self.created = caller("POST", "jobs/ingest", {**UPSERT, **more})
        assert self.created.status == 200, self.created.text
        self.path = f"jobs/ingest/{self.created.json['id']}"

    def put(self, content: str | bytes, mimetype: str = "text/csv; charset=UTF-8") -> Reply:
        data = content.encode() if isinstance(content, str) else content
        return self.caller("PUT", f"/{self.created.json['contentUrl']}", data=data, mimetype=mimetype)

    def close(self, state: str = "UploadComplete") -> Reply:
        return self.caller("PATCH", self.path, {"state": state})

    def poll(self) -> dict[str, Any]:
        found = self.caller("GET", self.path).json
        assert isinstance(found, dict)
        return found

    def rows(self, results: str) -> list[dict[str, str]]:
        reply = self.caller("GET", f"{self.path}/{results}")
        assert (reply.status, reply.headers["Content-Type"]) == (200, "text/csv")
        return list(csv.DictReader(io.StringIO(reply.text)))


def load(caller: Caller, content: str, **more: Any) -> Ingest:
    job = Ingest(caller, **more)
    assert job.put(content).status == 201
    assert job.close().status == 200
    return job


def test_the_life_of_a_job(org: SalesforceEmulator, caller: Caller) -> None:
    org.state_seconds = 10
    job = Ingest(caller)
    assert job.created.json["state"] == "Open"
    assert job.created.json["apiVersion"] == 62.0
    assert job.close().code == "INVALIDJOBSTATE"
    assert job.put("MA_Id__c,LastName,Company\nm1,山田,A社\n").content == b""
    assert job.put("MA_Id__c\n").code == "INVALIDJOBSTATE"
    closed = job.close().json
    assert (closed["state"], "contentUrl" in closed) == ("UploadComplete", False)
    assert job.poll()["state"] == "UploadComplete"
    assert caller("GET", f"{job.path}/successfulResults").code == "INVALIDJOBSTATE"
    org.clock.advance(timedelta(seconds=5))
    assert job.poll()["state"] == "InProgress"
    assert org.records("Lead") == []
    org.clock.advance(timedelta(seconds=5))
    done = job.poll()
    assert (done["state"], done["numberRecordsProcessed"], done["numberRecordsFailed"]) == ("JobComplete", 1, 0)
    assert org.records("Lead")[0]["SystemModstamp"] == "2026-11-22T01:00:10.000+0000"
    assert caller("DELETE", job.path).status == 204
    assert caller("GET", job.path).status == 404


def test_results_echo_the_columns_and_tell_what_happened(org: SalesforceEmulator, caller: Caller) -> None:
    org.create("Lead", {"LastName": "古", "Company": "A社", "MA_Id__c": "m2"})
    content = 'MA_Id__c,LastName,Company,Email\nm1,"山,田\n""太郎""",A社,\nm2,佐藤,A社,\nm3,鈴木,A社,bad\nm4,高橋,,\n'
    job = load(caller, content)
    done = job.poll()
    assert (done["state"], done["numberRecordsProcessed"], done["numberRecordsFailed"]) == ("JobComplete", 4, 2)
    good = {each["MA_Id__c"]: each for each in job.rows("successfulResults")}
    assert {key: each["sf__Created"] for key, each in good.items()} == {"m1": "true", "m2": "false"}
    assert good["m1"]["LastName"] == '山,田\n"太郎"'
    bad = {each["MA_Id__c"]: each["sf__Error"] for each in job.rows("failedResults/")}
    assert bad["m3"] == "INVALID_EMAIL_ADDRESS:Email: invalid email address: bad:Email --"
    assert bad["m4"] == "REQUIRED_FIELD_MISSING:Required fields are missing: [Company]:Company --"
    assert job.rows("unprocessedRecords") == job.rows("unprocessedrecords") == []


def test_results_are_not_in_the_order_of_the_upload(caller: Caller) -> None:
    keys = [f"m{number}" for number in range(300)]
    job = load(caller, "MA_Id__c,LastName,Company\n" + "".join(f"{key},x,A\n" for key in keys))
    found = [each["MA_Id__c"] for each in job.rows("successfulResults")]
    assert found != keys
    assert sorted(found) == sorted(keys)


def test_what_a_cell_means(org: SalesforceEmulator, caller: Caller) -> None:
    before = {"LastName": "古", "Company": "A社", "Email": "a@example.jp", "Title": "x", "MA_Score__c": 5}
    made = org.create("Lead", {**before, "MA_Id__c": "m1"})
    content = (
        "Id,MA_Id__c,Email,Title,MA_Score__c,MA_Flag__c,MA_Seen__c\n,m1,#N/A,,12.5,TRUE,2026-11-22T01:00:00.000Z\n"
    )
    assert load(caller, content).poll()["numberRecordsFailed"] == 0
    row = org.get("Lead", made)
    assert (row["Email"], row["Title"], row["MA_Score__c"], row["MA_Flag__c"]) == (None, "x", 12.5, True)
    assert row["MA_Seen__c"] == "2026-11-22T01:00:00.000+0000"


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ("MA_Flag__c", "yes", "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ("MA_Score__c", "much", "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ("MA_Seen__c", "2026-01-02 03:04:05+00:00", "INVALID_TYPE_ON_FIELD_IN_RECORD"),
        ("OwnerId", "nobody", "MALFORMED_ID"),
        ("Name", "x", "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ("Id", "00Q5g0000000001EAA", "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ],
)
def test_a_bad_cell_fails_its_row_alone(caller: Caller, column: str, cell: str, code: str) -> None:
    job = load(caller, f"MA_Id__c,LastName,Company,{column}\nm1,x,A,{cell}\nm2,x,A,\n")
    assert job.poll()["state"] == "JobComplete"
    assert [each["sf__Error"].split(":")[0] for each in job.rows("failedResults")] == [code]
    assert [each["MA_Id__c"] for each in job.rows("successfulResults")] == ["m2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"MA_Id__c,Foo__c\nm1,x\n", "InvalidBatch : Field name not found : Foo__c"),
        (b"MA_Id__c,Nope.MA_Id__c\nm1,x\n", "Field name not found : Nope.MA_Id__c"),
        (b"MA_Id__c,LastName\nm1\n", "number of fields"),
        (b"MA_Id__c,LastName,lastname\nm1,x,y\n", "Duplicate field names"),
        (b'MA_Id__c,LastName\nm1, "x"\n', "a quote must be the first"),
        (b'MA_Id__c,LastName\nm1,"x" \n', "InvalidBatch"),
        (b"MA_Id__c,LastName\r\nm1,x\r\n", "LineEnding is invalid on user data. Current LineEnding setting is LF"),
        ("MA_Id__c,LastName\nm1,山田\n".encode("cp932"), "InvalidBatch"),
    ],
)
def test_a_bad_file_fails_the_job(org: SalesforceEmulator, caller: Caller, content: bytes, message: str) -> None:
    job = Ingest(caller)
    job.put(content)
    job.close()
    done = job.poll()
    assert (done["state"], done["numberRecordsProcessed"]) == ("Failed", 0)
    assert message in done["errorMessage"]
    assert org.records("Lead") == []


def test_a_key_counts_once_within_a_transaction_of_200(caller: Caller) -> None:
    rows = [f"m{number},x,A" for number in range(199)]
    content = "\n".join(["MA_Id__c,LastName,Company", *rows, "m0,again,A", "m0,later,A", ""])
    job = load(caller, content)
    assert job.poll()["numberRecordsFailed"] == 1
    assert job.rows("failedResults")[0]["sf__Error"].startswith("DUPLICATE_VALUE")
    assert {"m0": "later"}.items() <= {
        each["MA_Id__c"]: each["LastName"] for each in job.rows("successfulResults")
    }.items()


def test_other_operations_and_dialects(org: SalesforceEmulator, caller: Caller) -> None:
    dialect = {"columnDelimiter": "TAB", "lineEnding": "CRLF", "externalIdFieldName": None}
    insert = load(caller, "LastName\tCompany\r\n山田\tA社\r\n", operation="insert", **dialect)
    raw = caller("GET", f"{insert.path}/successfulResults").text
    assert raw.startswith('"sf__Id"\t"sf__Created"\t"LastName"\t"Company"\r\n')
    made = org.records("Lead")[0]["Id"]
    load(caller, f"Id,Title\n{made},部長\n,x\n", operation="update")
    assert org.get("Lead", made)["Title"] == "部長"
    gone = load(caller, f"Id\n{made}\n{made}\n", operation="delete")
    assert gone.poll()["numberRecordsFailed"] == 1
    assert org.records("Lead") == []


def test_a_parent_by_its_external_id(org: SalesforceEmulator, caller: Caller) -> None:
    org.add_field("Account", name="MA_Id__c", length=64, external_id=True, unique=True)
    account = org.create("Account", {"Name": "Acme", "MA_Id__c": "a1"})
    contact = load(caller, "MA_Id__c,LastName,Account.MA_Id__c\nc1,x,a1\nc2,x,zz\n", object="Contact")
    assert contact.rows("failedResults")[0]["sf__Error"].startswith(
        "INVALID_FIELD:Foreign key external ID: zz not found"
    )
    assert org.records("Contact")[0]["AccountId"] == account
    org.add_field("Activity", name="Key__c", length=20, external_id=True)
    content = "Key__c,Subject,Contact:Who.MA_Id__c\nk1,x,c1\n"
    task = load(caller, content, object="Task", externalIdFieldName="Key__c")
    assert task.poll()["numberRecordsFailed"] == 0
    assert org.records("Task")[0]["WhoId"] == org.records("Contact")[0]["Id"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"operation": "nope"}, "INVALIDJOB"),
        ({"object": "Nope"}, "INVALIDENTITY"),
        ({"externalIdFieldName": "Title"}, "INVALIDJOB"),
        ({"externalIdFieldName": None}, "INVALIDJOB"),
        ({"columnDelimiter": "SPACE"}, "INVALIDJOB"),
        ({"contentType": "JSON"}, "INVALIDJOB"),
    ],
)
def test_jobs_that_are_not_created(caller: Caller, body: dict[str, Any], code: str) -> None:
    assert caller("POST", "jobs/ingest", {**UPSERT, **body}).code == code


def test_states_versions_and_lifetimes(org: SalesforceEmulator, caller: Caller) -> None:
    job = Ingest(caller)
    assert job.put("x", mimetype="text/plain").status == 415
    assert Caller(org, "61.0")("GET", job.path).status == 409
    assert caller("DELETE", job.path).code == "INVALIDJOBSTATE"
    assert job.close("Aborted").json["state"] == "Aborted"
    assert job.close().code == "INVALIDJOBSTATE"
    assert [each["state"] for each in caller("GET", "jobs/ingest?jobType=V2Ingest").json["records"]] == ["Aborted"]
    org.clock.advance(timedelta(days=7))
    assert caller("GET", job.path).status == 404


def test_a_job_can_fail_on_its_way(org: SalesforceEmulator, caller: Caller) -> None:
    org.chaos.plan("job_fail", processed=2, message="InternalServerError : Retried more than 20 times")
    job = load(caller, "MA_Id__c,LastName,Company\n" + "".join(f"m{n},x,A\n" for n in range(5)))
    done = job.poll()
    assert (done["state"], done["numberRecordsProcessed"]) == ("Failed", 2)
    assert done["errorMessage"].startswith("InternalServerError")
    assert len(job.rows("successfulResults")) == len(org.records("Lead")) == 2
    assert sorted(each["MA_Id__c"] for each in job.rows("unprocessedrecords")) == ["m2", "m3", "m4"]


def test_rows_are_locked_and_commits_are_late_in_jobs_too(org: SalesforceEmulator, caller: Caller) -> None:
    org.chaos.plan("row_lock", method="PATCH", path="jobs/ingest", rows=[0])
    org.chaos.plan("late_commit", method="PATCH", path="jobs/ingest", seconds=60)
    job = load(caller, "MA_Id__c,LastName,Company\nm1,x,A\nm2,x,A\n")
    assert job.poll()["state"] == "JobComplete"
    assert job.rows("failedResults")[0]["sf__Error"].startswith("UNABLE_TO_LOCK_ROW")
    assert org.records("Lead") == []
    org.clock.advance(timedelta(seconds=60))
    assert [each["MA_Id__c"] for each in org.records("Lead")] == ["m2"]


def test_a_running_job_is_done_batch_by_batch_and_an_abort_leaves_what_is_done(
    org: SalesforceEmulator, caller: Caller
) -> None:
    org.state_seconds, org.ingest.batch = 100, 2
    job = load(caller, "MA_Id__c,LastName,Company\n" + "".join(f"m{n},x,A\n" for n in range(8)))
    org.clock.advance(timedelta(seconds=75))
    going = job.poll()
    assert (going["state"], going["numberRecordsProcessed"]) == ("InProgress", 4)
    assert job.close("Aborted").json["state"] == "Aborted"
    org.clock.advance(timedelta(seconds=75))
    assert job.poll()["numberRecordsProcessed"] == len(org.records("Lead")) == 4
    assert sorted(each["MA_Id__c"] for each in job.rows("unprocessedrecords")) == ["m4", "m5", "m6", "m7"]
    assert len(job.rows("successfulResults")) == 4


def test_a_job_that_is_aborted_before_it_is_looked_at_has_processed_nothing(
    org: SalesforceEmulator, caller: Caller
) -> None:
    org.state_seconds = 100
    job = load(caller, "MA_Id__c,LastName,Company\nm1,x,A\n")
    job.close("Aborted")
    assert [each["MA_Id__c"] for each in job.rows("unprocessedrecords")] == ["m1"]
    empty = Ingest(caller)
    empty.close("Aborted")
    assert (empty.poll()["numberRecordsProcessed"], empty.rows("unprocessedrecords")) == (0, [])


def test_columns_are_echoed_by_their_own_names_alone(caller: Caller) -> None:
    job = load(caller, "ma_id__c,LastName,COMPANY\nm1,x,A\n")
    assert job.poll()["numberRecordsFailed"] == 0
    (row,) = job.rows("successfulResults")
    assert (row["ma_id__c"], row["LastName"], row["COMPANY"]) == ("", "x", "")


def test_the_batches_of_a_day_are_counted(org: SalesforceEmulator, caller: Caller) -> None:
    org.limits.bulk_batches.maximum, org.ingest.batch = 2, 2
    load(caller, "MA_Id__c,LastName,Company\n" + "".join(f"m{n},x,A\n" for n in range(4))).poll()
    assert caller("POST", "jobs/ingest", UPSERT).code == "EXCEEDEDQUOTA"
    org.clock.advance(timedelta(hours=25))
    assert caller("POST", "jobs/ingest", UPSERT).status == 200


def test_a_query_comes_in_pages(org: SalesforceEmulator, caller: Caller) -> None:
    account = org.create("Account", {"Name": "Acme"})
    for number in range(5):
        org.create("Contact", {"LastName": f"姓{number}", "AccountId": account if number else None})
    soql = "SELECT Id, LastName, Account.Name, MA_Flag__c, MA_Score__c FROM Contact"
    created = caller("POST", "jobs/query", {"operation": "query", "query": soql}).json
    assert (created["state"], created["object"]) == ("UploadComplete", "Contact")
    path = f"jobs/query/{created['id']}"
    assert caller("GET", path).json["numberRecordsProcessed"] == 5
    first = caller("GET", f"{path}/results?maxRecords=3")
    assert (first.headers["Sforce-NumberOfRecords"], first.headers["Content-Type"]) == ("3", "text/csv")
    last = caller("GET", f"{path}/results?maxRecords=3&locator={first.headers['Sforce-Locator']}")
    assert (last.headers["Sforce-NumberOfRecords"], last.headers["Sforce-Locator"]) == ("2", "null")
    rows = [row for page in (first, last) for row in csv.reader(io.StringIO(page.text))]
    assert rows[0] == ["Id", "LastName", "Account.Name", "MA_Flag__c", "MA_Score__c"]
    assert rows[1][1:] == ["姓0", "", "false", ""]
    whole = caller("GET", f"{path}/results")
    assert (whole.headers["Sforce-NumberOfRecords"], whole.headers["Sforce-Locator"]) == ("5", "null")
    assert caller("GET", f"{path}/results?locator=***").code == "INVALIDLOCATOR"
    assert caller("DELETE", path).status == 204


def test_deleted_records_and_unfinished_query_jobs(org: SalesforceEmulator, caller: Caller) -> None:
    org.delete("Contact", org.create("Contact", {"LastName": "x"}))
    org.state_seconds = 10
    made = caller("POST", "jobs/query", {"operation": "queryAll", "query": "SELECT Id, IsDeleted FROM Contact"}).json
    path = f"jobs/query/{made['id']}"
    assert caller("GET", f"{path}/results").status == 412
    org.clock.advance(timedelta(seconds=10))
    assert caller("GET", f"{path}/results").text.endswith(',"true"\n')


@pytest.mark.parametrize(("operation", "found"), [("query", 0), ("queryAll", 1)])
def test_archived_activities_come_by_query_all_only(
    org: SalesforceEmulator, caller: Caller, operation: str, found: int
) -> None:
    org.create("Task", {"Subject": "x", "Status": "Completed"})
    org.clock.advance(timedelta(days=365))
    org.archive()
    made = caller("POST", "jobs/query", {"operation": operation, "query": "SELECT Id FROM Task"}).json
    results = caller("GET", f"jobs/query/{made['id']}/results")
    assert results.headers["Sforce-NumberOfRecords"] == str(found)


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT COUNT() FROM Lead", "INVALIDJOB"),
        ("SELECT Id FROM Lead OFFSET 5", "INVALIDJOB"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "INVALIDJOB"),
        ("SELECT Id, Address FROM Lead", "INVALIDJOB"),
        ("SELECT Foo FROM Lead", "INVALID_FIELD"),
        ("SELECT", "MALFORMED_QUERY"),
    ],
)
def test_queries_that_bulk_does_not_take(caller: Caller, soql: str, code: str) -> None:
    assert caller("POST", "jobs/query", {"operation": "query", "query": soql}).code == code
