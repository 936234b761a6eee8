"""Bulk jobs of the adapter: what is handed over, and how results are read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.adapters.salesforce import Salesforce
from connector.adapters.salesforce.bulk import _csv
from connector.adapters.salesforce.fields import Json
from connector.changes import AnyChange
from connector.errors import Refused, Unauthorized, Unavailable, Uncertain
from connector.model import Value
from connector.ports import Collected, Jobs, Receipt
from connector.sandbox.salesforce.jobs import read_csv
from tests.unit.adapters.salesforce_kit import (
    Stage,
    alert,
    contact_ref,
    create,
    entry,
    push,
    set_fields,
    stage,
)


@pytest.fixture
def ready() -> Iterator[Stage]:
    with stage() as made:
        yield made


def jobs_of(adapter: Salesforce) -> Jobs:
    assert adapter.jobs is not None
    return adapter.jobs


def by_job(ready: Stage, *changes: AnyChange, **options: Any) -> Collected:
    """Hand over and collect; the org is done at once."""
    jobs = jobs_of(ready.adapter(bulk_above=0, **options))
    fit = jobs.fit(changes)
    job = jobs.open(fit)
    jobs.submit(job, fit)
    found = jobs.collect(job, fit)
    assert found is not None
    return found


def told(found: Collected) -> dict[str, tuple[str, str]]:
    return {receipt.key: (receipt.status, receipt.code) for receipt in found.receipts}


# --- the file ---------------------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\r\t\"',"), min_size=1)
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-(10**15), 10**15), TEXT.filter(lambda text: text != "#N/A"))


@given(st.lists(st.dictionaries(st.sampled_from(["A__c", "B__c", "C__c"]), VALUES), min_size=1))
def test_a_file_says_what_the_rows_say(rows: list[dict[str, Json]]) -> None:
    """Read by the emulator's own parser: a cell that is empty is not there, and `#N/A` is nothing."""
    given_ = [{"id": f"003{n:012}", **row} for n, row in enumerate(rows)]
    head, *found = read_csv(_csv(given_), "COMMA", "LF")
    assert head[0] == "Id"
    assert head[1:] == sorted({name for row in rows for name in row})
    words = {None: "#N/A", True: "true", False: "false"}
    for row, cells in zip(rows, found, strict=True):
        said = {name: cell for name, cell in zip(head[1:], cells[1:], strict=True) if cell}
        assert said == {
            name: words[value] if value is None or isinstance(value, bool) else str(value)
            for name, value in row.items()
        }


def test_numbers_and_empty_texts() -> None:
    text = _csv([{"A": 45.0, "B": 1e22, "C": 1.5e-7, "D": ""}]).decode()
    assert text == '"A","B","C","D"\n"45.0","10000000000000000000000","0.00000015","#N/A"\n'


def test_values_arrive_as_those_of_collections_do(ready: Stage) -> None:
    moment = datetime(2026, 3, 31, 15, 0, 0, 500_000, UTC)
    values: dict[str, Value] = {
        "MA_Score__c": 4.5,
        "MA_Score_Why__c": '点"改\n行",',
        "MA_Last_Touch__c": moment,
        "Phone": None,
        "Fax": "",
    }
    one, two = (contact_ref(ready.contact(Phone="03", Fax="04", Title="部長")) for _ in range(2))
    assert told(by_job(ready, set_fields(one, **values, Birthdate=date(1980, 4, 1)))).popitem()[1] == ("done", "")
    push(ready.adapter(), set_fields(two, **values, Birthdate=date(1980, 4, 1)))
    rows = [ready.org.get("Contact", ref.id) for ref in (one, two)]
    own = {"Id", "SystemModstamp", "LastModifiedDate", "CreatedDate"}
    one_row, other_row = ({name: value for name, value in row.items() if name not in own} for row in rows)
    assert one_row == other_row
    assert rows[0]["Title"] == "部長", "what is not in the change is left alone"


def test_rows_of_different_columns_share_a_file(ready: Stage) -> None:
    one, two = (contact_ref(ready.contact(Title="部長", Phone="03")) for _ in range(2))
    by_job(ready, set_fields(one, Title=None), set_fields(two, Phone="04"))
    assert [(ready.org.get("Contact", r.id)["Title"], ready.org.get("Contact", r.id)["Phone"]) for r in (one, two)] == [
        (None, "03"),
        ("部長", "04"),
    ]


# --- what fits --------------------------------------------------------------------------------------------------------


def test_more_than_the_threshold_and_nothing_that_a_file_cannot_say(ready: Stage) -> None:
    adapter = ready.adapter(bulk_above=2)
    refs = [contact_ref(ready.contact()) for _ in range(5)]
    good = [set_fields(ref, MA_Band__c="hot") for ref in refs[:3]]
    odd = [
        set_fields(refs[3], MA_Band__c="#N/A"),
        set_fields(refs[4], Nope__c=1),
        set_fields(contact_ref("x"), MA_Band__c="hot"),
    ]
    fit = jobs_of(adapter).fit
    assert list(fit(good)) == good
    assert list(fit([*odd, *good])) == good
    assert list(fit(good[:2])) == []
    assert list(fit([*good[:2], *odd])) == [], "what is left must be worth a job"


def test_two_changes_of_one_record_keep_their_order(ready: Stage) -> None:
    one, two = contact_ref(ready.contact()), contact_ref(ready.contact())
    changes = [set_fields(one, MA_Band__c="cold"), set_fields(one, MA_Band__c="hot"), set_fields(two, MA_Band__c="hot")]
    assert list(jobs_of(ready.adapter(bulk_above=0)).fit(changes)) == changes[2:]


def test_no_alert_goes_by_a_job_and_no_lead_whose_owner_a_rule_chooses(ready: Stage) -> None:
    contact = contact_ref(ready.contact())
    assert list(jobs_of(ready.adapter(bulk_above=0)).fit([alert("k", ready.org.user_id, contact)])) == []
    assert list(jobs_of(ready.adapter(bulk_above=0)).fit([create("U1")])) == [create("U1")]
    assert list(jobs_of(ready.adapter(bulk_above=0, assignment_rules=True)).fit([create("U1")])) == []


def test_a_file_is_not_larger_than_its_limit(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.adapters.salesforce.bulk._LARGEST_FILE", 1_000)
    refs = [contact_ref(ready.contact()) for _ in range(8)]
    changes = [set_fields(ref, MA_Score_Why__c="あ" * 100) for ref in refs]
    jobs = jobs_of(ready.adapter(bulk_above=0))
    fit = jobs.fit(changes)
    assert 0 < len(fit) < len(changes)
    jobs.submit(jobs.open(fit), fit)
    assert len(ready.written[-1].encode()) <= 1_000


# --- results ----------------------------------------------------------------------------------------------------------


def test_results_are_found_again_by_key_in_any_order(ready: Stage) -> None:
    refs = [contact_ref(ready.contact()) for _ in range(40)]
    ready.refused |= {refs[7].id, refs[21].id}
    changes = [set_fields(ref, MA_Score__c=n) for n, ref in enumerate(refs)]
    found = by_job(ready, *changes)
    assert [r.key for r in found.receipts] != [c.key for c in changes]
    done = {r.key: r.remote_id for r in found.receipts if r.status == "done"}
    assert done == {c.key: c.ref.id for n, c in enumerate(changes) if n not in (7, 21)}
    refused = {r.key: r for r in found.receipts if r.status == "refused"}
    assert refused.keys() == {changes[7].key, changes[21].key}
    assert {r.code for r in refused.values()} == {"FIELD_CUSTOM_VALIDATION_EXCEPTION"}
    assert "だめ" not in str(refused)


def test_short_ids_are_the_same_ids(ready: Stage) -> None:
    id_ = ready.contact()
    found = by_job(ready, set_fields(contact_ref(id_[:15]), MA_Score__c=1))
    assert [(r.status, r.remote_id) for r in found.receipts] == [("done", id_)]


def test_new_people_and_entries_are_found_by_our_keys(ready: Stage) -> None:
    found = by_job(ready, *(create(key) for key in ("Ü1", "a,b", "U3")))
    by_key = {row["MA_Person_Id__c"]: row["Id"] for row in ready.org.records("Lead")}
    assert {r.key: r.remote_id for r in found.receipts} == {f"create:{key}": id_ for key, id_ in by_key.items()}
    contact = contact_ref(ready.contact())
    entries = by_job(ready, entry("k1", contact), entry("K2", contact))
    tasks = {row["MA_Key__c"]: row["Id"] for row in ready.org.records("Task")}
    assert {r.key: r.remote_id for r in entries.receipts} == tasks


def test_a_refusal_names_object_and_field(ready: Stage) -> None:
    found = by_job(ready, set_fields(contact_ref(ready.contact()), MA_Score_Why__c="あ" * 256))
    (receipt,) = found.receipts
    assert str(receipt.what) == "Contact.MA_Score_Why__c: the text is too long (STRING_TOO_LONG)"
    assert "data value too large" in receipt.said


def test_what_collections_know_better_is_left_to_them(ready: Stage) -> None:
    """A key that is taken may be our own, and an "Allow" rule is passed over by a header that jobs do not have."""
    contact = contact_ref(ready.contact())
    push(ready.adapter(), entry("k1", contact))
    assert told(by_job(ready, entry("k1", contact))) == {"k1": ("retry", "DUPLICATE_VALUE")}
    twins = [contact_ref(ready.contact("高橋", Email="t@example.com")) for _ in range(2)]
    ready.org.duplicate_rule("Contact", ["Email"])
    changes = [set_fields(ref, MA_Score__c=9) for ref in twins]
    assert set(told(by_job(ready, *changes)).values()) <= {("done", ""), ("retry", "DUPLICATES_DETECTED")}
    assert {r.status for r in push(ready.adapter(), *changes)} == {"done"}


def test_a_locked_row_is_tried_again(ready: Stage) -> None:
    ready.org.chaos.plan("row_lock", method="PATCH", path="jobs/ingest")
    assert told(by_job(ready, create("U1"))) == {"create:U1": ("retry", "UNABLE_TO_LOCK_ROW")}


def test_an_empty_result_may_have_no_body(ready: Stage) -> None:
    ready.server.chaos.plan("status", path="failedResults", status=204, body="")
    ready.refused.add(bad := ready.contact())
    good = contact_ref(ready.contact())
    change, lost = set_fields(good, MA_Score__c=1), set_fields(contact_ref(bad), MA_Score__c=1)
    found = by_job(ready, change, lost)
    assert told(found) == {change.key: ("done", "")}
    assert lost.key not in found.untried, "what no result names has no known result"


def test_results_are_read_as_utf8_whatever_the_header_says(ready: Stage) -> None:
    found = by_job(ready, create("鍵", {"LastName": "高橋", "Company": "第二製作所"}))
    assert told(found) == {"create:鍵": ("done", "")}


def test_an_echo_that_is_missing_makes_no_receipt(ready: Stage) -> None:
    body = '"sf__Id","sf__Created","MA_Person_Id__c"\n"00Q5g0000000001AAA","true",""\n'
    ready.server.chaos.plan("status", path="successfulResults", status=200, body=body, mimetype="text/csv")
    found = by_job(ready, create("U1"))
    assert not found.receipts
    assert not found.untried


# --- the life of a job ------------------------------------------------------------------------------------------------


def handed_over(ready: Stage, adapter: Salesforce, changes: Sequence[AnyChange]) -> str:
    jobs = jobs_of(adapter)
    job = jobs.open(changes)
    jobs.submit(job, changes)
    return job


def test_a_job_that_is_at_work_is_asked_about_again(ready: Stage) -> None:
    ready.org.state_seconds = 120
    adapter, changes = ready.adapter(bulk_above=0), [create("U1")]
    job = handed_over(ready, adapter, changes)
    assert jobs_of(adapter).collect(job, changes) is None
    ready.later()
    assert jobs_of(adapter).collect(job, changes) is None
    ready.later()
    found = jobs_of(adapter).collect(job, changes)
    assert found is not None
    assert told(found) == {"create:U1": ("done", "")}


def test_a_job_that_is_given_up_tells_what_it_did(ready: Stage) -> None:
    ready.org.state_seconds, ready.org.ingest.batch = 120, 1
    adapter, changes = ready.adapter(bulk_above=0), [create(f"U{n}") for n in range(4)]
    job = handed_over(ready, adapter, changes)
    ready.later()
    ready.later(timedelta(seconds=30))
    found = jobs_of(adapter).collect(job, changes, give_up=True)
    assert found is not None
    made = {f"create:{row['MA_Person_Id__c']}" for row in ready.org.records("Lead")}
    assert 0 < len(made) < 4
    assert {r.key for r in found.receipts} == made
    assert found.untried == {change.key for change in changes} - made
    ready.later()
    ready.later()
    ready.org.settle()
    assert len(ready.org.records("Lead")) == len(made), "what is called off does not act any more"


def test_a_job_of_an_older_configuration_is_asked_about_by_its_own_version(ready: Stage) -> None:
    changes = [create("U1")]
    job = handed_over(ready, ready.adapter(bulk_above=0, api_version="62.0"), changes)
    found = jobs_of(ready.adapter(bulk_above=0, api_version="64.0")).collect(job, changes)
    assert found is not None
    assert told(found) == {"create:U1": ("done", "")}


def test_a_job_that_fails_as_a_whole_says_so_and_counts_as_tried(ready: Stage) -> None:
    adapter = ready.adapter(bulk_above=0)
    refs = [contact_ref(ready.contact()) for _ in range(2)]
    changes = [set_fields(ref, MA_Band__c="hot") for ref in refs]
    assert list(jobs_of(adapter).fit(changes)) == changes
    ready.org.hide_field("Contact", "MA_Band__c")  # after we have looked
    found = jobs_of(adapter).collect(handed_over(ready, adapter, changes), changes)
    assert found is not None
    assert set(told(found).values()) == {("retry", "InvalidBatch")}
    assert {r.code for r in push(adapter, *changes)} == {"INVALID_FIELD"}


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, '[{"errorCode": "EXCEEDEDQUOTA", "message": "x"}]', Refused),
        (403, '[{"errorCode": "API_DISABLED_FOR_ORG", "message": "x"}]', Unauthorized),
        (429, "", Unavailable),
        (503, "", Uncertain),
        (200, '{"id": "nope"}', Uncertain),
        (200, "[", Uncertain),
    ],
)
def test_a_job_that_is_not_made(ready: Stage, status: int, body: str, error: type[Exception]) -> None:
    adapter = ready.adapter(bulk_above=0)
    where: dict[str, Any] = {"status": status, "body": body, "mimetype": "application/json"}
    ready.server.chaos.plan("status", method="POST", path="jobs/ingest", **where)
    with pytest.raises(error):
        jobs_of(adapter).open([create("U1")])


@pytest.mark.parametrize("body", ["[]", "{}", "["])
def test_answers_that_are_none_are_asked_for_again(ready: Stage, body: str) -> None:
    adapter, changes = ready.adapter(bulk_above=0), [create("U1")]
    job = handed_over(ready, adapter, changes)
    where: dict[str, Any] = {"status": 200, "body": body, "mimetype": "application/json"}
    ready.server.chaos.plan("status", method="GET", path="jobs/ingest/[^/]*$", **where)
    with pytest.raises(Unavailable):
        jobs_of(adapter).collect(job, changes)
    found = jobs_of(adapter).collect(job, changes)
    assert found is not None
    assert told(found) == {"create:U1": ("done", "")}


def test_results_that_are_no_utf8_are_asked_for_again(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter, changes = ready.adapter(bulk_above=0), [create("U1")]
    job = handed_over(ready, adapter, changes)
    with monkeypatch.context() as patch:
        patch.setattr("requests.Response.content", b"\xff\xfe")
        patch.setattr("connector.adapters.salesforce.bulk.Bulk._info", lambda *_: {"state": "JobComplete"})
        with pytest.raises(Unavailable):
            jobs_of(adapter).collect(job, changes)
    found = jobs_of(adapter).collect(job, changes)
    assert found is not None
    assert told(found) == {"create:U1": ("done", "")}


# --- calls ------------------------------------------------------------------------------------------------------------


def test_collections_share_a_call(ready: Stage) -> None:
    made = [contact_ref(ready.org.create("Contact", {"LastName": f"人{n}"})) for n in range(700)]
    changes = [set_fields(ref, MA_Score__c=n) for n, ref in enumerate(made)]
    adapter = ready.adapter()
    adapter._org.describe("Contact")
    before = ready.org.calls
    receipts = push(adapter, *changes)
    assert ready.org.calls - before == 1 == adapter.calls_for(700)
    assert [r.key for r in receipts] == [c.key for c in changes]
    assert {r.status for r in receipts} == {"done"}
    before = ready.org.calls
    push(ready.adapter(collections_per_call=2), *changes)
    assert ready.org.calls - before == 1 + 2  # a description, and two calls of 400 and 300 rows


def test_one_collection_that_fails_is_no_matter_to_the_others(ready: Stage) -> None:
    made = [contact_ref(ready.org.create("Contact", {"LastName": f"人{n}"})) for n in range(600)]
    adapter = ready.adapter()
    adapter._org.describe("Contact")
    ready.org.hide_field("Contact", "MA_Band__c")
    changes = [
        set_fields(ref, **{"MA_Band__c": "hot"} if n == 250 else {"MA_Score__c": n}) for n, ref in enumerate(made)
    ]
    receipts = push(adapter, *changes)
    assert [n for n, r in enumerate(receipts) if r.status != "done"] == [250]
    assert receipts[250].code == "INVALID_FIELD"


def test_a_composite_that_the_org_does_not_take_is_sent_collection_by_collection(ready: Stage) -> None:
    made = [contact_ref(ready.org.create("Contact", {"LastName": f"人{n}"})) for n in range(300)]
    body = '[{"errorCode": "LIMIT_EXCEEDED", "message": "x"}]'
    ready.server.chaos.plan("status", path="composite$", status=400, body=body, mimetype="application/json")
    receipts = push(ready.adapter(), *(set_fields(ref, MA_Score__c=1) for ref in made))
    assert {r.status for r in receipts} == {"done"}


@pytest.mark.parametrize("body", ["{}", "[]", '{"compositeResponse": []}', '{"compositeResponse": [{}, {}]}'])
def test_a_composite_that_does_not_answer_for_each_row(ready: Stage, body: str) -> None:
    made = [contact_ref(ready.org.create("Contact", {"LastName": f"人{n}"})) for n in range(300)]
    ready.server.chaos.plan("status", path="composite$", status=200, body=body, mimetype="application/json")
    with pytest.raises(Uncertain):
        push(ready.adapter(), *(set_fields(ref, MA_Score__c=1) for ref in made))


def test_a_collection_that_is_not_done_now_is_done_later(ready: Stage) -> None:
    made = [contact_ref(ready.org.create("Contact", {"LastName": f"人{n}"})) for n in range(300)]
    changes = [set_fields(ref, MA_Score__c=1) for ref in made]
    answer = {"httpStatusCode": 503, "httpHeaders": {}, "body": [{"errorCode": "SERVER_UNAVAILABLE", "message": "x"}]}
    members = [{**answer, "referenceId": f"part{n}"} for n in range(2)]
    body = json.dumps({"compositeResponse": members})
    ready.server.chaos.plan("status", path="composite$", status=200, body=body, mimetype="application/json")
    receipts: list[Receipt] = push(ready.adapter(), *changes)
    assert {r.status for r in receipts} == {"retry"}


def test_nothing_of_a_file_is_parsed_line_by_line() -> None:
    """Lines inside a cell stay there, whatever kind of line break they hold."""
    text = "一\u2028二\u0085三\n四"
    (_, row) = list(csv.reader(io.StringIO(_csv([{"A": text}]).decode(), newline="")))
    assert row == [text]
