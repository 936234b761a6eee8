"""Writing by Bulk API 2.0: thousands of rows as one CSV file, worked on in the org's own time.

Our own four calls instead of simple-salesforce's `bulk2`: that one aborts a running job when a poll fails, tells
nobody the id of the job, and reads results in the wrong encoding.

* A job is created empty. The engine knows of it before anything is uploaded; nothing is done before it is closed.
* Results come in no particular order: a row is found again by the record's id, or by our key, which are echoed.
* `#N/A` in a cell clears the field, an empty cell leaves it alone.
* A job cannot be told to pass over duplicate rules, nor to look up what a taken key belongs to: rows that fail by that
  are sent again, by Collections.

Source: the Bulk API 2.0 and Bulk API Developer Guide.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import structlog

from connector.adapters.salesforce.fields import Json, is_id, is_identifier
from connector.adapters.salesforce.org import Org
from connector.adapters.salesforce.records import TASK
from connector.adapters.salesforce.refusals import verdict
from connector.adapters.salesforce.rows import Row, Rows, Unfit
from connector.changes import AddTouchpoint, AnyChange, CreatePerson, SetFields
from connector.errors import AdapterError, Refused, Unavailable, Uncertain, text
from connector.ports import Collected, Jobs, Receipt

if TYPE_CHECKING:
    from connector.adapters.salesforce import Config

log = structlog.get_logger("connector.salesforce")

_PATH = "jobs/ingest"
_NULL = "#N/A"
_FINAL = frozenset({"JobComplete", "Failed", "Aborted"})
_LONGEST_CELL = 32_000
"""Characters that any version of the API takes in one field of a file."""
_LARGEST_FILE = 25_000_000
"""Bytes. Salesforce takes 100 MB; a smaller file is sent within `timeout` over a slow line, too."""
_BETTER_BY_COLLECTIONS = frozenset({"DUPLICATE_VALUE", "DUPLICATES_DETECTED"})


@dataclass(frozen=True, slots=True)
class _Operation:
    """What a job does with its rows, and the column by which they are found again."""

    word: str
    object: str
    column: str

    def key_of(self, change: AnyChange) -> str:
        """What stands in that column, as it is compared."""
        if isinstance(change, SetFields):
            return change.ref.id[:15]
        return (change.key_value if isinstance(change, CreatePerson) else change.key).casefold()

    def key_in(self, row: Mapping[str, str]) -> str:
        """The same of a row of a result."""
        if self.word == "update":
            return (row.get("id") or row.get("sf__id") or "")[:15]
        return row.get(self.column.casefold(), "").casefold()


class Bulk(Jobs):
    """The jobs of one org. A handle is the version of the API that made the job, and its id: `62.0/750...`."""

    most: ClassVar[int] = 20_000

    def __init__(self, org: Org, config: Config, rows: Rows) -> None:
        self._org = org
        self._config = config
        self._rows = rows
        self.wait = config.bulk_wait

    def fit(self, changes: Sequence[AnyChange]) -> Sequence[AnyChange]:
        """All whose values a CSV can say, where they are more than `bulk_above`."""
        most = self._config.bulk_above
        if len(changes) <= most or self._operation(changes[0]) is None:
            return ()
        rows = {row.place: row for row in self._sayable(changes)}
        often = Counter(row.target for row in rows.values())
        # Two changes of one record must be done in order, which a job does not keep.
        once = (place for place, row in rows.items() if often[row.target] == 1)
        fit = [changes[place] for place in self._within_limits(once, rows)]
        return fit if len(fit) > most else ()

    def open(self, changes: Sequence[AnyChange]) -> str:
        """Create an empty job."""
        operation = self._must(changes)
        body = {
            "object": operation.object,
            "operation": operation.word,
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        }
        if operation.word == "upsert":
            body["externalIdFieldName"] = operation.column
        version = self._config.api_version
        made = _told(self._org.send("POST", _PATH, version=version, json=body))
        id_ = str(made.get("id"))
        if not is_id(id_):
            raise Uncertain(text("did not tell the id of the job", "ジョブの ID が返されません"), where=self._org.name)
        return f"{version}/{id_}"

    def submit(self, job: str, changes: Sequence[AnyChange]) -> None:
        """Upload and close."""
        version, path = _place(job)
        content = _csv([row.body for row in sorted(self._sayable(changes), key=lambda row: (row.parent, row.target))])
        kind = {"Content-Type": "text/csv; charset=UTF-8"}
        try:
            self._org.send("PUT", f"{path}/batches", version=version, data=content, headers=kind)
            self._org.send("PATCH", path, version=version, json={"state": "UploadComplete"})
        except Refused:
            self._leave(job)
            raise

    def collect(self, job: str, changes: Sequence[AnyChange], *, give_up: bool = False) -> Collected | None:
        """Ask for the state; call off what was never closed; fetch the results of what has ended."""
        info = self._info(job)
        if info is not None and (info["state"] == "Open" or (give_up and info["state"] not in _FINAL)):
            self._abort(job)
            info = self._info(job)
        if info is None:
            return Collected(())
        if info["state"] not in _FINAL:
            return None
        return self._results(job, info, changes)

    # --- a job ------------------------------------------------------------------------------------------------------

    def _info(self, job: str) -> Mapping[str, Any] | None:
        """What the org says of a job; None: it knows of none (they are kept for seven days)."""
        version, path = _place(job)
        try:
            found = _told(self._org.send("GET", path, version=version, asks=True))
        except Refused as error:
            if error.code in ("NOT_FOUND", "INVALIDJOB"):
                return None
            raise self._odd(error.code) from None
        if "state" not in found:
            raise self._odd("")
        return found

    def _abort(self, job: str) -> None:
        version, path = _place(job)
        try:
            self._org.send("PATCH", path, version=version, json={"state": "Aborted"}, asks=True)
        except Refused as error:  # its state has changed since we asked
            log.info("job_not_aborted", system=self._org.name, code=error.code)

    def _leave(self, job: str) -> None:
        """A job that does not take its data: it is not to lie open there. If it does, that changes nothing."""
        try:
            self._abort(job)
        except AdapterError as error:
            log.info("job_not_aborted", system=self._org.name, code=error.code)

    def _odd(self, code: str) -> Unavailable:
        what = text("cannot tell of its job ({code})", "ジョブの状態を取得できません ({code})", code=code or "?")
        return Unavailable(what, where=self._org.name, code=code)

    # --- results ----------------------------------------------------------------------------------------------------

    def _results(self, job: str, info: Mapping[str, Any], changes: Sequence[AnyChange]) -> Collected:
        if not changes:
            return Collected(())
        operation = self._must(changes)
        keys = {operation.key_of(change): change.key for change in changes}
        if info["state"] == "Aborted" and info.get("numberRecordsProcessed") == 0:
            return Collected((), frozenset(keys.values()))
        receipts: dict[str, Receipt] = {}
        failed = info.get("numberRecordsFailed")
        for row in self._rows_of(job, "successfulResults"):
            if key := keys.get(operation.key_in(row)):
                receipts[key] = Receipt(key, "done", row.get("sf__id"))
        for row in self._rows_of(job, "failedResults") if failed != 0 else ():
            if key := keys.get(operation.key_in(row)):
                receipts[key] = _failure(key, operation.object, row.get("sf__error", ""))
        if info["state"] == "JobComplete":
            return Collected(tuple(receipts.values()))
        rest = self._rows_of(job, "unprocessedrecords")
        untried = {key for row in rest if (key := keys.get(operation.key_in(row)))} - receipts.keys()
        if info["state"] == "Aborted":
            return Collected(tuple(receipts.values()), frozenset(untried))
        self._org.forget_descriptions()  # a column that is no field fails the whole job
        code = _code(str(info.get("errorMessage"))) or "JOB_FAILED"
        return Collected((*receipts.values(), *(_not_tried(key, operation.object, code) for key in sorted(untried))))

    def _rows_of(self, job: str, results: str) -> Iterator[Mapping[str, str]]:
        """Rows by the names of their columns in small letters. Read as UTF-8 whatever the header says of it."""
        version, path = _place(job)
        try:
            response = self._org.send("GET", f"{path}/{results}", version=version, asks=True)
            content = response.content.decode("utf-8-sig")
        except Refused as error:
            raise self._odd(error.code) from None
        except UnicodeDecodeError:
            raise self._odd(results) from None
        head, *rows = list(csv.reader(io.StringIO(content, newline=""))) or [[]]
        names = [name.casefold() for name in head]
        return (dict(zip(names, row, strict=False)) for row in rows)

    # --- rows -------------------------------------------------------------------------------------------------------

    def _operation(self, change: AnyChange) -> _Operation | None:
        if isinstance(change, SetFields):
            return _Operation("update", change.ref.object, "Id")
        if isinstance(change, CreatePerson):
            # Which rule assigns an owner is told to a job by the rule's id, which nobody has told us.
            by_rule = self._config.assignment_rules
            return None if by_rule else _Operation("upsert", change.object, change.key_field)
        if isinstance(change, AddTouchpoint):
            return _Operation("insert", TASK, self._config.task_key)
        return None

    def _must(self, changes: Sequence[AnyChange]) -> _Operation:
        operation = self._operation(changes[0])
        if operation is None:
            raise TypeError(changes[0])
        return operation

    def _sayable(self, changes: Sequence[AnyChange]) -> Iterator[Row]:
        """Rows of those that a CSV can say; what is wrong with the others is told when they are pushed."""
        for place, change in enumerate(changes):
            try:
                row = self._rows.row(place, change)
            except Unfit:
                continue
            if not any(_is_unsayable(value) for value in row.body.values()):
                yield row

    def _within_limits(self, places: Iterator[int], rows: Mapping[int, Row]) -> Iterator[int]:
        columns: set[str] = set()
        size = 0
        for number, place in enumerate(places):
            body = rows[place].body
            columns |= body.keys()
            size += sum(len(_cell(value).encode()) + 2 for value in body.values())
            if number == self.most or size + number * 3 * len(columns) > _LARGEST_FILE:
                return
            yield place


def _place(job: str) -> tuple[str, str]:
    """The version and the path of a job: results are told only to the version that made it."""
    version, _, id_ = job.partition("/")
    return version, f"{_PATH}/{id_}"


def _told(response: Any) -> Mapping[str, Any]:
    try:
        found = response.json()
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def _is_unsayable(value: Json) -> bool:
    return isinstance(value, str) and (value == _NULL or len(value) > _LONGEST_CELL)


def _cell(value: Json) -> str:
    """A value as Bulk reads it. An empty text clears the field, as it does in JSON."""
    if value is None or value == "":
        return _NULL
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    return str(value)


def _csv(bodies: Sequence[Mapping[str, Json]]) -> bytes:
    """RFC 4180 with LF. Columns in a fixed order, named as Salesforce spells them: by other names no key is echoed."""
    names = {name: "Id" if name == "id" else name for body in bodies for name in body}
    columns = sorted(names, key=lambda name: (names[name] != "Id", name))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow([names[name] for name in columns])
    writer.writerows([_cell(body[name]) if name in body else "" for name in columns] for body in bodies)
    return out.getvalue().encode()


def _code(said: str) -> str:
    """The first word of `CODE:message:fields --` or `Code : message`; the rest may quote the record."""
    word = said.partition(":")[0].strip()
    return word if is_identifier(word) else ""


def _failure(key: str, object_: str, said: str) -> Receipt:
    """What `sf__Error` comes to."""
    fields = said.rpartition(":")[2].removesuffix("--").strip()
    names = [name.strip() for name in fields.split(",") if name.strip()]
    receipt = verdict(key, object_, [{"statusCode": _code(said), "message": said, "fields": names}])
    if receipt.code in _BETTER_BY_COLLECTIONS:
        return replace(receipt, status="retry", fix=None)
    return receipt


def _not_tried(key: str, object_: str, code: str) -> Receipt:
    what = text(
        "{object}: the job failed before this row ({code}); it is sent again without one",
        "{object}: この行の処理前にジョブが失敗しました ({code})。ジョブを使わずに再送します",
        object=object_,
        code=code,
    )
    return Receipt(key, "retry", code=code, what=what)
