"""What all Bulk API 2.0 jobs share: a state that moves with time, CSV in several dialects, and a list."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.sandbox.salesforce.errors import Problem, refuse
from connector.sandbox.salesforce.times import render

DELIMITERS = {"COMMA": ",", "TAB": "\t", "PIPE": "|", "SEMICOLON": ";", "CARET": "^", "BACKQUOTE": "`"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
FINAL = frozenset({"JobComplete", "Failed", "Aborted"})


@dataclass(slots=True, kw_only=True)
class Job:
    """One job, for ingest or for a query."""

    job_id: str
    operation: str
    sobject: str
    version: str
    created: datetime
    user_id: str
    delimiter: str = "COMMA"
    line_ending: str = "LF"
    state: str = "Open"
    key: str | None = None
    submitted: datetime | None = None
    touched: datetime | None = None
    content: bytes | None = None
    error: str | None = None
    polls: int = 0
    late: float | None = None
    assign: bool = False
    headers: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    successes: list[tuple[int, str, bool]] = field(default_factory=list)
    failures: list[tuple[int, str, tuple[Problem, ...]]] = field(default_factory=list)
    processed: int = 0
    stops_at: int | None = None
    text: str = ""

    def show(self) -> dict[str, Any]:
        """What both kinds of jobs tell about themselves."""
        shown: dict[str, Any] = {
            "id": self.job_id,
            "operation": self.operation,
            "object": self.sobject,
            "createdById": self.user_id,
            "createdDate": render(self.created.replace(microsecond=0)),
            "systemModstamp": render((self.touched or self.created).replace(microsecond=0)),
            "state": self.state,
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": float(self.version),
            "lineEnding": self.line_ending,
            "columnDelimiter": self.delimiter,
        }
        if self.state == "Failed":
            shown["errorMessage"] = self.error
        return shown


def dialect(body: dict[str, Any]) -> tuple[str, str]:
    """The delimiter and the line ending a job is to have."""
    delimiter, ending = body.get("columnDelimiter", "COMMA"), body.get("lineEnding", "LF")
    if delimiter not in DELIMITERS or ending not in LINE_ENDINGS:
        raise refuse("INVALIDJOB", f"Unknown columnDelimiter or lineEnding: {delimiter}, {ending}")
    if body.get("contentType", "CSV") != "CSV":
        raise refuse("INVALIDJOB", f"Unknown contentType: {body['contentType']}")
    return str(delimiter), str(ending)


def write_csv(rows: Iterable[Sequence[str]], delimiter: str, line_ending: str) -> bytes:
    """CSV with every cell quoted, as in all results."""
    out = io.StringIO()
    writer = csv.writer(
        out, delimiter=DELIMITERS[delimiter], lineterminator=LINE_ENDINGS[line_ending], quoting=csv.QUOTE_ALL
    )
    writer.writerows(rows)
    return out.getvalue().encode()


def read_csv(content: bytes, delimiter: str, line_ending: str) -> list[list[str]]:
    """The rows of an upload; raises ValueError for what is no CSV, a space before a quote included."""
    text = content.decode("utf-8-sig")
    head = text.partition("\n")[0]
    if head.endswith("\r") is not (line_ending == "CRLF"):
        raise ValueError(f"LineEnding is invalid on user data. Current LineEnding setting is {line_ending}")
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITERS[delimiter], strict=True)
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise ValueError(str(error)) from None
    # The csv module takes a quote in the middle of a bare cell for data; Salesforce refuses the file.
    if any(cell.lstrip() != cell and cell.lstrip().startswith('"') for row in rows for cell in row):
        raise ValueError("a quote must be the first character of its cell")
    return rows
