"""Bulk API 2.0 ingest: create, upload, close, poll, fetch the results."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from connector.sandbox.salesforce import parse, values
from connector.sandbox.salesforce.errors import Problem, Refusal, not_found, refuse
from connector.sandbox.salesforce.ids import canonical
from connector.sandbox.salesforce.jobs import FINAL, Job, dialect, read_csv, write_csv
from connector.sandbox.salesforce.limits import Limits
from connector.sandbox.salesforce.org import Org
from connector.sandbox.salesforce.records import Access
from connector.sandbox.salesforce.schema import Field, SObject
from connector.sandbox.salesforce.store import index_key
from connector.sandbox.salesforce.web import Answer, Call, Handler
from connector.sandbox.salesforce.writing import Outcome, attempt, given_id, row_faults

OPERATIONS = frozenset({"insert", "update", "upsert", "delete", "hardDelete"})
CHUNK = 200
BATCH = 10_000
# 150 MB after base64 encoding, of which 100 MB of plain CSV is the documented rule of thumb.
MAX_UPLOAD = 150_000_000 * 3 // 4
KEPT = timedelta(days=7)
_CSV = "text/csv"
_NULL = "#N/A"

Column = Callable[[str], dict[str, Any]]


@dataclass(slots=True)
class Ingest:
    """The handlers of `jobs/ingest`. A job is done once `seconds` have passed since its upload was closed."""

    org: Org
    limits: Limits
    seconds: Callable[[], float]
    jobs: dict[str, Job] = field(default_factory=dict)
    batch: int = BATCH
    """Rows that are done together, and which an abort or a failure leaves as they are."""
    _faults: dict[str, Callable[[int], Problem | None]] = field(default_factory=dict)
    _work: dict[str, _Rows] = field(default_factory=dict)

    def routes(self) -> list[tuple[str, Mapping[str, Handler]]]:
        """What is answered where."""
        return [
            ("jobs/ingest", {"POST": self.create, "GET": self.list}),
            ("jobs/ingest/{job_id}", {"GET": self.poll, "PATCH": self.change, "DELETE": self.delete}),
            ("jobs/ingest/{job_id}/batches", {"PUT": self.upload}),
            ("jobs/ingest/{job_id}/{results}", {"GET": self.results}),
        ]

    # --- the life of a job ----------------------------------------------------------------------------------------

    def create(self, call: Call) -> Answer:
        """Create a job."""
        body = call.json_object()
        operation, sobject = body.get("operation"), self.org.schema.get(str(body.get("object")))
        if operation not in OPERATIONS:
            raise refuse("INVALIDJOB", f"Unknown operation: {operation}")
        if sobject is None:
            raise refuse("INVALIDENTITY", f"Entity '{body.get('object')}' is not supported by the Bulk API.")
        key = body.get("externalIdFieldName")
        if operation == "upsert":
            found = sobject.visible(str(key))
            if found is None or not found.is_key:
                raise refuse("INVALIDJOB", f"InvalidJob : Invalid external ID field: {key}")
            key = found.name
        delimiter, ending = dialect(body)
        if self.limits.bulk_batches.used(self.org.clock()) >= self.limits.bulk_batches.maximum:
            # That there is such a limit is documented, the code is a guess.
            raise refuse("EXCEEDEDQUOTA", "ApiBatchItems Limit exceeded.")
        job = Job(
            job_id=self.org.rows.ids.next("750"),
            operation=str(operation),
            sobject=sobject.name,
            version=call.version,
            created=self.org.clock(),
            user_id=call.user_id,
            delimiter=delimiter,
            line_ending=ending,
            key=key,
            assign=bool(body.get("assignmentRuleId")),
        )
        self.jobs[job.job_id] = job
        return Answer(200, self._show(job))

    def _show(self, job: Job) -> dict[str, Any]:
        shown = {**job.show(), "jobType": "V2Ingest"}
        if job.key is not None:
            shown["externalIdFieldName"] = job.key
        if job.state == "Open":
            shown["contentUrl"] = f"services/data/v{job.version}/jobs/ingest/{job.job_id}/batches"
        return shown

    def _job(self, call: Call, job_id: str) -> Job:
        job = self.jobs.get(canonical(job_id) or "")
        if job is None or (job.state in FINAL and job.created + KEPT <= self.org.clock()):
            raise not_found()
        if job.version != call.version:
            text = f"The job was created with another API version: {job.version}"
            raise refuse("API_VERSION_MISMATCH", text, status=409)
        self._advance(job)
        return job

    def upload(self, call: Call, job_id: str) -> Answer:
        """Take the data, once."""
        job = self._job(call, job_id)
        if job.state != "Open" or job.content is not None:
            raise refuse(
                "INVALIDJOBSTATE", f"Found multiple contents for job: {job.job_id}, please 'Close' / 'Abort' it"
            )
        if call.headers.get("Content-Type", "").partition(";")[0].strip().lower() != _CSV:
            raise refuse("INVALIDJOB", "The content type of an upload must be text/csv", status=415)
        if len(call.body) > MAX_UPLOAD:
            raise refuse("REQUEST_ENTITY_TOO_LARGE", "The upload is too large", status=413)
        job.content = call.body
        return Answer(201)

    def change(self, call: Call, job_id: str) -> Answer:
        """Close the upload, or abort."""
        job = self._job(call, job_id)
        wanted = call.json_object().get("state")
        if wanted == "Aborted" and job.state not in FINAL:
            job.state = "Aborted"
        elif wanted == "UploadComplete" and job.state == "Open" and job.content is not None:
            job.state, job.submitted = "UploadComplete", self.org.clock()
            self._take_faults(call, job)
        else:
            raise refuse("INVALIDJOBSTATE", f"Job state can't change from {job.state} to {wanted}")
        job.touched = self.org.clock()
        return Answer(200, self._show(job))

    def _take_faults(self, call: Call, job: Job) -> None:
        self._faults[job.job_id] = row_faults(self.org, call)
        fail = self.org.chaos.take("job_fail", call.method, call.target)
        job.late = self.org.late_seconds
        if fail is not None:
            job.error = str(fail.params.get("message", "InternalServerError : Retried more than 20 times"))
            job.stops_at = int(fail.params.get("processed", 0))

    def poll(self, call: Call, job_id: str) -> Answer:
        """Tell how far a job is."""
        job = self._job(call, job_id)
        job.polls += 1
        done = job.processed
        counters = {
            "numberRecordsProcessed": done,
            "numberRecordsFailed": len(job.failures),
            "retries": 0,
            "totalProcessingTime": done,
            "apiActiveProcessingTime": done,
            "apexProcessingTime": 0,
        }
        return Answer(200, {**self._show(job), **counters})

    def list(self, call: Call) -> Answer:
        """All jobs."""
        for job in self.jobs.values():
            self._advance(job)
        shown = [self._show(job) for job in self.jobs.values() if job.version == call.version]
        return Answer(200, {"done": True, "records": shown, "nextRecordsUrl": None})

    def delete(self, call: Call, job_id: str) -> Answer:
        """Delete a job that is not running."""
        job = self._job(call, job_id)
        if job.state not in FINAL and job.state != "UploadComplete":
            raise refuse("INVALIDJOBSTATE", f"A job in state {job.state} can't be deleted")
        del self.jobs[job.job_id]
        return Answer(204)

    def results(self, call: Call, job_id: str, results: str) -> Answer:
        """The rows that were written, those that were not, and those never tried; in no particular order."""
        job, kind = self._job(call, job_id), results.lower()
        make = {
            "successfulresults": self._successful,
            "failedresults": self._failed,
            "unprocessedrecords": self._unprocessed,
        }.get(kind)
        if make is None:
            raise not_found()
        if job.state not in FINAL:
            raise refuse("INVALIDJOBSTATE", f"The results of a job in state {job.state} are not available")
        head, *rows = make(job)
        random.Random(job.job_id).shuffle(rows)  # noqa: S311  an order, not a secret
        return Answer(200, write_csv([head, *rows], job.delimiter, job.line_ending), mimetype=_CSV)

    def _successful(self, job: Job) -> Sequence[Sequence[str]]:
        rows = [
            [record_id, "true" if created else "false", *self._echo(job, n)] for n, record_id, created in job.successes
        ]
        return [["sf__Id", "sf__Created", *job.headers], *rows]

    def _failed(self, job: Job) -> Sequence[Sequence[str]]:
        rows = [[record_id, problems[0].as_cell(), *self._echo(job, n)] for n, record_id, problems in job.failures]
        return [["sf__Id", "sf__Error", *job.headers], *rows]

    def _unprocessed(self, job: Job) -> Sequence[Sequence[str]]:
        if not job.headers and job.content:  # aborted before it was looked at
            job.headers, *job.rows = read_csv(job.content, job.delimiter, job.line_ending)
        return [job.headers, *(self._echo(job, n) for n in range(job.processed, len(job.rows)))]

    def _echo(self, job: Job, place: int) -> Sequence[str]:
        """A row as it came; a column whose name is not spelt as the field's comes back empty, as users report."""
        spelt = {each.name for each in self.org.schema[job.sobject].fields.values()}
        return [
            cell if header in spelt or "." in header else ""
            for header, cell in zip(job.headers, job.rows[place], strict=True)
        ]

    # --- processing -----------------------------------------------------------------------------------------------

    def advance_all(self) -> None:
        """Let every job come as far as it would have by now."""
        for job in self.jobs.values():
            self._advance(job)

    def _advance(self, job: Job) -> None:
        """The first half of its time a job waits, the second half its batches are done one by one."""
        if job.submitted is None or job.state in FINAL:
            return
        passed, needed = (self.org.clock() - job.submitted).total_seconds(), self.seconds()
        if passed * 2 < needed:
            return
        if job.state == "UploadComplete":
            self._begin(job)
        if job.state == "InProgress":
            self._work_on(job, 1.0 if passed >= needed else (passed * 2 - needed) / needed)

    def _begin(self, job: Job) -> None:
        sobject = self.org.schema[job.sobject]
        job.touched = self.org.clock()
        try:
            columns = self._read(job, sobject)
        except (ValueError, Refusal) as error:
            job.state, job.error = "Failed", f"InvalidBatch : {error}"
            return
        job.state = "InProgress"
        self._work[job.job_id] = _Rows(self.org, job, sobject, columns, self._faults.pop(job.job_id, _no_fault))
        self.limits.bulk_batches.charge(self.org.clock(), -(-max(len(job.rows), 1) // self.batch))

    def _work_on(self, job: Job, share: float) -> None:
        """As many batches as are done by then, each in transactions of 200 rows."""
        write = self._work[job.job_id]
        rows = len(job.rows) if job.stops_at is None else min(job.stops_at, len(job.rows))
        batches = -(-rows // self.batch)
        until = rows if share >= 1 else min(int(batches * share) * self.batch, rows)
        before, self.org.late_seconds = self.org.late_seconds, job.late
        try:
            for start in range(job.processed, until, CHUNK):
                with self.org.transaction():
                    for place in range(start, min(start + CHUNK, until)):
                        write.one(place)
        finally:
            self.org.late_seconds = before
        job.processed, job.touched = max(job.processed, until), self.org.clock()
        if share >= 1:
            job.state = "JobComplete" if job.stops_at is None else "Failed"

    def _read(self, job: Job, sobject: SObject) -> Sequence[Column]:
        rows = read_csv(job.content or b"", job.delimiter, job.line_ending)
        headers = job.headers = rows[0] if rows else []
        job.rows = rows[1:]
        for number, row in enumerate(job.rows, 1):
            if len(row) != len(headers):
                raise ValueError(f"The number of fields of record {number} does not match that of the header")
        if len({each.lower() for each in headers}) != len(headers):
            raise ValueError("Duplicate field names in the header")
        return [self._column(sobject, each, job) for each in headers]

    def _column(self, sobject: SObject, header: str, job: Job) -> Column:
        access = Access(user_id=job.user_id)
        found = access.field(sobject, header)
        if found is not None:
            return lambda cell: {found.name: _cell(found, cell)}
        relation, _, key = header.partition(".")
        target, _, name = relation.rpartition(":")
        reference = sobject.by_relationship(name)
        if reference is None or not key or (target or reference.reference_to[0]) not in reference.reference_to:
            raise ValueError(f"Field name not found : {header}")
        if not target and len(reference.reference_to) > 1:
            raise ValueError(f"Field name not found : {header}")
        of = target or reference.reference_to[0]
        parse.lookup(self.org.schema, reference, of, key, None)
        return lambda cell: {
            reference.name: None if cell == _NULL else parse.lookup(self.org.schema, reference, of, key, cell)
        }


def _no_fault(_: int) -> Problem | None:
    return None


def _cell(field_: Field, cell: str) -> Any:
    if cell == _NULL:
        return False if field_.type == "boolean" else None
    return cell if field_.type == "id" else values.from_cell(field_, cell)


@dataclass(slots=True)
class _Rows:
    """Writes the rows of a job, one by one."""

    org: Org
    job: Job
    sobject: SObject
    columns: Sequence[Column]
    fault: Callable[[int], Problem | None]
    _seen: dict[int, set[Any]] = field(default_factory=dict)

    def one(self, place: int) -> None:
        """Write one row and note what became of it."""
        outcome = attempt(self.org, self.fault(place), lambda: self._write(place))
        self._note(place, outcome)

    def _note(self, place: int, outcome: Outcome) -> None:
        if outcome.success:
            self.job.successes.append((place, outcome.record_id or "", outcome.created))
        else:
            self.job.failures.append((place, outcome.record_id or "", outcome.problems))

    def _write(self, place: int) -> tuple[str, bool]:
        given: dict[str, Any] = {}
        for column, cell in zip(self.columns, self.job.rows[place], strict=True):
            if cell:
                given.update(column(cell))
        record_id = given.pop("Id", None)
        access = Access(user_id=self.job.user_id, assign=self.job.assign)
        job, rows = self.job, self.org.rows
        if job.operation == "insert":
            if record_id:
                raise refuse("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", "Id")
            return rows.insert(self.sobject, given, access), True
        if job.operation == "upsert" and job.key is not None and job.key != "Id":
            return self._upsert(place, given, record_id, access)
        if record_id is None:
            if job.operation == "upsert":
                return rows.insert(self.sobject, given, access), True
            raise refuse("MISSING_ARGUMENT", f"Id not specified in an {job.operation} call", "Id")
        found = given_id(self.sobject, record_id)
        if job.operation in ("delete", "hardDelete"):
            self.org.life.delete(self.sobject, found, access)
        else:
            rows.update(self.sobject, found, given, access)
        return found, False

    def _upsert(self, place: int, given: dict[str, Any], record_id: str | None, access: Access) -> tuple[str, bool]:
        key = self.sobject.fields[str(self.job.key).lower()]
        if record_id:
            raise refuse("INVALID_FIELD_FOR_INSERT_UPDATE", "Id is not allowed in an upsert by external id", "Id")
        value = given.pop(key.name, None)
        if value is None:
            raise refuse("MISSING_ARGUMENT", f"{key.name} not specified", key.name)
        # Within one transaction a key may come only once; in the next one it is an update.
        seen = self._seen.setdefault(place // CHUNK, set())
        folded = index_key(key, value)
        if folded in seen:
            raise refuse("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", key.name)
        seen.add(folded)
        return self.org.rows.upsert(self.sobject, key, value, given, access)
