"""Status: how fresh the data is, what waits, what is parked, how the last runs went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connector.engine.app import App, last_read
from connector.engine.review import questions
from connector.store import load, outbox, runs
from connector.store.outbox import Parked
from connector.store.runs import RunRow


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the connector as its store knows it; no system is asked."""

    at: datetime
    read_at: dict[str, datetime | None]
    records: dict[str, int]
    affected: int
    backlog: dict[tuple[str, str], int]
    parked: list[Parked]
    rejects: dict[tuple[str, str], int]
    runs: list[RunRow]
    questions: int
    """Doubtful pairs of records that wait for `review`."""


def status(app: App) -> Status:
    """Read the state from the store."""
    now = app.clock()
    waiting = len(questions(app))
    with app.reading() as conn:
        return Status(
            now,
            {name: last_read(conn, name, adapter) for name, adapter in app.adapters.items()},
            load.count_records(conn),
            load.affected(conn, now),
            outbox.backlog(conn),
            outbox.parked(conn),
            runs.count_rejects(conn),
            runs.last_runs(conn),
            waiting,
        )
