"""Logging: JSON lines on standard error, with nothing personal and no secret in them.

Every line has `ts`, `level`, `logger` and `event`, and during a run `run`; those of libraries and of Python itself
(warnings, uncaught exceptions) too. Our events are named noun + past verb, and are all in `EVENTS`.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import structlog

from connector.errors import ConnectorError

_HIDDEN = re.compile(
    r"[\w.+-]+@[\w-]+\.[\w.-]+"  # e-mail addresses
    r"|(?<!\d)(?:\+81[- ]?|0)\d{1,4}[-( ]?\d{1,4}[-) ]?\d{3,4}(?!\d)"  # Japanese telephone numbers
    r"|(?i:bearer\s+\S+)"
    r"|(?i:(?:access_token|api_sig|token|password|assertion|client_secret|api_key)=[^&\s]+)"
)


_OURS = frozenset({"ts", "level", "logger", "event", "run", "trail"})
"""Parts of a line that we make ourselves, of digits that may look like a telephone number."""


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Nothing that looks like an address, a telephone number or a token leaves in a log line."""
    ours = event.get("logger", "").startswith("connector.")
    return {name: value if ours and name in _OURS else _hidden(value) for name, value in event.items()}


def _hidden(value: Any) -> Any:
    if isinstance(value, str):
        return _HIDDEN.sub("[…]", value)
    if isinstance(value, dict):
        return {name: _hidden(inner) for name, inner in value.items()}
    return [_hidden(inner) for inner in value] if isinstance(value, list | tuple) else value


EVENTS = {
    "run_started": "A run began.",
    "run_ended": "A run came to its end: `outcome`, how many changes were `sent`, and the audit `trail`'s head.",
    "run_failed": "A run broke off by `error`; the next one goes on from there.",
    "system_read_anew": "The mappings ask more of a system than before: everything is read again.",
    "system_retired": "A `system` that is gone for good: so many `records` and waiting `changes` of it count no more.",
    "field_drifted": "A `field` that a mapping names does not fit the system any more; `policy` is its `on_drift`.",
    "page_pulled": "A page was stored: records `read`, and of them `used`.",
    "stream_deferred": "A call budget is spent: the stream is read by a later run.",
    "chunk_planned": "So many `identities` were planned, with so many `changes` that were not there yet.",
    "batch_delivered": "Changes of one `kind` were sent, with so many `receipts`.",
    "system_unavailable": "A system did not do its part: `error`, and the vendor's `code` for it.",
    "system_probed": "`connector probe` found something out.",
    "request_sent": "A request (`--log debug`): method, path, status (0: no answer), milliseconds, attempt.",
    "report_written": "The report of the run is in its folder.",
    "metrics_written": "The metrics are in their file.",
    "publishing_failed": "One of these two could not be written; the run itself is not touched by that.",
    "chunk_outdated": "What another worker told meanwhile: the chunk is planned again.",
    "alerts_held": "Alerts that may have been raised before the store was restored count as raised.",
    "alerts_renewed": "Alerts that wait: so many are for another owner now, over with their deal, or for nobody yet.",
    "job_submitted": "So many `changes` were handed over as a job that the system does in its own time.",
    "job_refused": "The system does not take them as a job: they go the other way.",
    "job_collected": "The results of a job are in: `receipts`, changes it never tried, and those without known result.",
    "job_not_collected": "A job could not be asked about; it is asked again.",
    "job_not_aborted": "A job that is of no use any more could not be called off.",
    "store_backed_up": "The store was copied: so many `bytes`.",
    "store_restored": "A copy was put in the store's place.",
    "replaced_store_unusable": "The store that a copy replaces cannot be used: it is kept aside as it is.",
    "store_not_remembered": "What tells this store from another could not be written beside it.",
    "person_forgotten": "A person was erased: so many `records` and `rows`.",
    "records_erased": "So many `records` that are stored turned out to be of people who were erased, and were, too.",
    "wipe_put_off": "The bytes of what was erased could not be removed; the next run does it.",
    "plan_applied": "A plan in a file was applied: so many `changes` still stood, so many were `skipped`.",
    "run_undone": "A run was taken back: `changes` for that, and what had to be `left`.",
    "entries_written_down": "`connector backfill`: so many older timeline entries wait to be sent.",
    "changes_dismissed": "`connector retry --dismiss`: so many parked `changes` count as done; so many were `left`.",
    "changes_put_back": "`connector retry`: so many parked `changes` are due again; so many were `left` as they are.",
    "system_compared": "`connector reconcile` compared a system; so many records are `differing`.",
    "parts_handed_out": "Parts of a run wait for a worker.",
    "parts_lost": "Parts that neither wait nor are being done are handed out again.",
    "part_done": "A worker did its part.",
    "part_left": "A worker left its part to another.",
    "part_fenced": "A worker found that its part, or the run, is another's now; it wrote nothing more.",
    "part_failed": "A worker cannot do its part; the run is told.",
    "worker_started": "`connector worker` began.",
    "worker_stopped": "`connector worker` ended.",
    "worker_unready": "`connector worker` cannot work now; it tries again.",
    "configuration_differs": "A worker has another configuration than the run, and leaves its part alone.",
    "schedule_started": "`serve` began.",
    "schedule_stopped": "`serve` was asked to end; `running`: a run is under way and may finish.",
    "schedule_failed": "A run could not be started.",
    "run_missed": "A run did not begin in time: the one before was still under way (`overlap`), or `late`.",
    "process_started": "`serve` started a run.",
    "process_ended": "That run ended, with its `exit` code.",
    "process_overran": "That run took too long, and is asked to end.",
    "process_stopped": "That run was asked to end, or killed.",
    "server_started": "The health endpoints answer.",
    "store_unavailable": "The store does not answer.",
    "readiness_failed": "`serve` could not look at its configuration and store; it looks again.",
    "program_failed": "A mistake of this program: where it happened. Please report it.",
}
"""Every event that we log ourselves, and what it means."""


def where(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception as its types and the places it came through.

    What it says is left out unless it is our own: that of a stranger may quote a record, and no pattern knows a name.
    """
    found = event.pop("exc_info", None)
    error = sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["exception"] = [_told(each) for each in _chain(error)]
    return event


def _told(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    told = {
        "type": type(error).__name__,
        "at": [f"{'/'.join(Path(each.filename).parts[-2:])}:{each.lineno} {each.name}" for each in frames[-_FRAMES:]],
    }
    said = str(error) if isinstance(error, ConnectorError) else getattr(error, "strerror", None)
    return told | ({"message": said} if isinstance(said, str) else {})


_FRAMES = 30


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def set_up(level: str) -> None:
    """Send our events and those of libraries the same way: redacted JSON on standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                where,
                redact,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("urllib3", "simple_salesforce", "alembic", "apscheduler", "asyncio", "procrastinate", "sqlalchemy"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(capture=True)
    sys.excepthook = lambda _type, error, _trace: _uncaught(error)
    threading.excepthook = lambda found: _uncaught(found.exc_value)


def _uncaught(error: BaseException | None) -> None:
    """A mistake of this program: told as any other event, because Python's own words may quote a record."""
    structlog.get_logger("connector").critical("program_failed", exc_info=error)
