"""What the store says when a run ends: what was sent by which rule, what waits and why, how fresh everything is.

It goes into the report beside what the run itself counted, and names nobody: systems, streams, rules, causes, counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection

from connector.engine.app import App, last_read
from connector.engine.filling import filled_by
from connector.http import Meter
from connector.store import measures, runs, trail

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
        "quota": list(_quotas(conn, app, run)),
        "trail": trail.head(conn),
    }


def _quotas(conn: Connection, app: App, run: str) -> Iterator[Mapping[str, Any]]:
    """What each system grants in a day: as it told this run, or, where it has parts of its own, by our own count.

    The store is asked: others may have done the calling.
    """
    for name, adapter in app.adapters.items():
        own = adapter.quota()
        if told := runs.quota(conn, name, run) or (own and (own.used, own.limit)):
            yield {"system": name, "part": "", "used": told[0], "limit": told[1]}
        for part, meter in sorted(adapter.http.meters.items()) if adapter.http is not None else ():
            used = runs.calls_on(conn, f"{name}/{part}", Meter.day(app.clock()))
            yield {"system": name, "part": part, "used": used, "limit": meter.limit}
