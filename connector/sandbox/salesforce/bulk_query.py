"""Bulk API 2.0 query: create, poll, fetch the results in pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.sandbox.salesforce import soql
from connector.sandbox.salesforce.errors import Refusal, not_found, refuse
from connector.sandbox.salesforce.ids import canonical
from connector.sandbox.salesforce.ingest import KEPT
from connector.sandbox.salesforce.jobs import FINAL, Job, dialect, write_csv
from connector.sandbox.salesforce.limits import Limits
from connector.sandbox.salesforce.org import Org
from connector.sandbox.salesforce.query import Queries, Result
from connector.sandbox.salesforce.web import Answer, Call, Handler


@dataclass(slots=True)
class BulkQuery:
    """The handlers of `jobs/query`."""

    org: Org
    queries: Queries
    limits: Limits
    seconds: Callable[[], float]
    jobs: dict[str, Job] = field(default_factory=dict)
    _tables: dict[str, list[list[str]]] = field(default_factory=dict)

    def routes(self) -> list[tuple[str, Mapping[str, Handler]]]:
        """What is answered where."""
        return [
            ("jobs/query", {"POST": self.create, "GET": self.list}),
            ("jobs/query/{job_id}", {"GET": self.poll, "PATCH": self.abort, "DELETE": self.delete}),
            ("jobs/query/{job_id}/results", {"GET": self.results}),
        ]

    def create(self, call: Call) -> Answer:
        """Create a job; the query is checked at once."""
        body = call.json_object()
        if body.get("operation") not in ("query", "queryAll"):
            raise refuse("INVALIDJOB", f"Unknown operation: {body.get('operation')}")
        text = str(body.get("query") or "")
        parsed = soql.parse(text)
        _check(parsed, text)
        result = self.queries.execute(parsed, text)
        _check_columns(result)
        self.limits.query_jobs.charge(self.org.clock())
        delimiter, ending = dialect(body)
        now = self.org.clock()
        job = Job(
            job_id=self.org.rows.ids.next("750"),
            operation=str(body["operation"]),
            sobject=result.sobject,
            version=call.version,
            created=now,
            user_id=call.user_id,
            delimiter=delimiter,
            line_ending=ending,
            state="UploadComplete",
            submitted=now,
            text=text,
        )
        self.jobs[job.job_id] = job
        return Answer(200, job.show())

    def _job(self, call: Call, job_id: str) -> Job:
        job = self.jobs.get(canonical(job_id) or "")
        if job is None or (job.state in FINAL and job.created + KEPT <= self.org.clock()):
            raise not_found()
        if job.version != call.version:
            text = f"The job was created with another API version: {job.version}"
            raise refuse("API_VERSION_MISMATCH", text, status=409)
        self._advance(job)
        return job

    def _advance(self, job: Job) -> None:
        if job.state in FINAL or job.submitted is None:
            return
        passed, needed = (self.org.clock() - job.submitted).total_seconds(), self.seconds()
        if passed * 2 >= needed:
            job.state = "InProgress"
        if passed < needed:
            return
        try:
            result = self.queries.run(job.text, with_deleted=job.operation == "queryAll")
        except Refusal as error:
            job.state, job.error = "Failed", str(error)
            return
        head = [".".join(column.names) for column in result.columns]
        rows = [[_cell(column.get(row)) for column in result.columns] for row in result.rows]
        self._tables[job.job_id] = [head, *rows]
        job.state, job.processed, job.touched = "JobComplete", len(rows), self.org.clock()

    def advance_all(self) -> None:
        """Let every job come as far as it would have by now."""
        for job in self.jobs.values():
            self._advance(job)

    def poll(self, call: Call, job_id: str) -> Answer:
        """Tell how far a job is."""
        job = self._job(call, job_id)
        job.polls += 1
        counters = {"numberRecordsProcessed": job.processed, "retries": 0, "totalProcessingTime": job.processed}
        return Answer(200, {**job.show(), "jobType": "V2Query", **counters})

    def list(self, call: Call) -> Answer:
        """All jobs."""
        shown = [{**job.show(), "jobType": "V2Query"} for job in self.jobs.values() if job.version == call.version]
        return Answer(200, {"done": True, "records": shown, "nextRecordsUrl": None})

    def abort(self, call: Call, job_id: str) -> Answer:
        """Abort a job that is not done."""
        job = self._job(call, job_id)
        if call.json_object().get("state") != "Aborted" or job.state in FINAL:
            raise refuse("INVALIDJOBSTATE", f"A job in state {job.state} can't change so")
        job.state = "Aborted"
        return Answer(200, job.show())

    def delete(self, call: Call, job_id: str) -> Answer:
        """Delete a job that is done."""
        job = self._job(call, job_id)
        if job.state not in FINAL:
            raise refuse("INVALIDJOBSTATE", f"A job in state {job.state} can't be deleted")
        del self.jobs[job.job_id]
        self._tables.pop(job.job_id, None)
        return Answer(204)

    def results(self, call: Call, job_id: str) -> Answer:
        """One page of the rows; the header says where the next one is, `null` when there is none."""
        job = self._job(call, job_id)
        if job.state != "JobComplete":
            raise refuse("JOB_NOT_COMPLETE", f"The job is in state {job.state}", status=412)
        head, *rows = self._tables[job.job_id]
        start = _place(call.args.get("locator"))
        size = _size(call.args.get("maxRecords"), len(rows))
        page = rows[start : start + size]
        end = start + len(page)
        headers = {
            "Sforce-NumberOfRecords": str(len(page)),
            "Sforce-Locator": "null" if end >= len(rows) else _locator(end),
        }
        body = write_csv([head, *page], job.delimiter, job.line_ending)
        return Answer(200, body, headers, mimetype="text/csv")


def _check(query: soql.Query, text: str) -> None:
    if query.offset:
        raise soql.at(text, query.pos, "INVALIDJOB", "OFFSET is not supported in a bulk query")
    if query.group or not all(isinstance(each, soql.Path) for each in query.select):
        raise soql.at(text, query.pos, "INVALIDJOB", "aggregates and subqueries are not supported in a bulk query")


def _check_columns(result: Result) -> None:
    compound = [column.field.name for column in result.columns if column.field.components]
    if compound:
        raise refuse("INVALIDJOB", f"Selecting compound data not supported in Bulk Query: {', '.join(compound)}")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _locator(place: int) -> str:
    return base64.urlsafe_b64encode(str(place).encode()).decode().rstrip("=")


def _place(locator: str | None) -> int:
    if locator is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4)))
    except (ValueError, binascii.Error):
        raise refuse("INVALIDLOCATOR", f"Invalid locator: {locator}") from None


def _size(text: str | None, everything: int) -> int:
    if text is None:
        return max(everything, 1)
    if not text.isdigit() or int(text) < 1:
        raise refuse("INVALID_ARGUMENT", f"maxRecords must be a positive number: {text}")
    return int(text)
