"""What the store says when a run ends: what was sent by which rule, what waits and why, how fresh everything is.

It goes into the report beside what the run itself counted, and names nobody: systems, streams, rules, causes, counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection

from connector.engine.app import App, last_read
from connector.engine.filling import filled_by
from connector.store import measures, trail

MOST = 50
"""Causes that a report tells; there are rarely more, and the number of changes is told in full."""


def closing(conn: Connection, app: App, run: str) -> Mapping[str, Any]:
    """The end of a run under stable English keys."""
    read_at = {name: last_read(conn, name, adapter) for name, adapter in app.adapters.items()}
    return {
        "delivered": measures.delivered(conn, run),
        "waiting": [
            {"system": system, "state": state, "count": count}
            for (system, state), count in sorted(measures.waiting(conn).items())
        ],
        "uncertain": measures.uncertain(conn),
        "parked": measures.parked_by_cause(conn, MOST),
        "unreadable": measures.rejects_by_cause(conn, MOST),
        "filling": filled_by(conn, app.setup, run),
        "freshness": {name: at.isoformat() if at else None for name, at in read_at.items()},
        "quota": list(_quotas(app)),
        "trail": trail.head(conn),
    }


def _quotas(app: App) -> Iterator[Mapping[str, Any]]:
    """What each system grants in a day: as it told us, or, where it has parts of its own, by our own count."""
    for name, adapter in app.adapters.items():
        told = adapter.quota()
        if told is not None:
            yield {"system": name, "part": "", "used": told.used, "limit": told.limit}
        for part, meter in sorted(adapter.http.meters.items()) if adapter.http is not None else ():
            yield {"system": name, "part": part, "used": meter.before + meter.calls, "limit": meter.limit}
