"""Logging: JSON lines on standard error, with nothing personal and no secret in them.

Events are named noun + past verb:
`run_started run_ended run_failed page_pulled stream_deferred chunk_planned batch_delivered system_unavailable
system_probed system_read_anew request_sent job_submitted job_refused job_collected job_not_collected
schedule_started schedule_stopped schedule_failed run_missed
process_started process_ended process_overran process_stopped server_started store_unavailable readiness_failed`.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_HIDDEN = re.compile(
    r"[\w.+-]+@[\w-]+\.[\w.-]+"  # e-mail addresses
    r"|(?<!\d)(?:\+81[- ]?|0)\d{1,4}[-( ]?\d{1,4}[-) ]?\d{3,4}(?!\d)"  # Japanese telephone numbers
    r"|(?i:bearer\s+\S+)"
    r"|(?i:(?:access_token|api_sig|token|password|assertion|client_secret|api_key)=[^&\s]+)"
)


_OURS = frozenset({"ts", "level", "logger", "event", "run"})
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


def set_up(level: str) -> None:
    """Send our events and those of libraries the same way: redacted JSON on standard error."""
    shared: list[Any] = [
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
    tracebacks = structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                tracebacks,
                redact,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("urllib3", "simple_salesforce", "alembic", "apscheduler"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
