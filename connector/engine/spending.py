"""What is spent: API calls by system and day, and how they went, written down while they are made.

Whoever asks a system - a run, a worker, `check`, `probe`, `inspect`, `reconcile`, `undo` - counts against the same day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from sqlalchemy import Connection

from connector.engine.app import App
from connector.http import Again, Meter, Sent
from connector.store import database, runs, tally
from connector.store.lease import Fenced, Lease

REQUESTS, REQUEST_MS, REPEATS, WAITED_MS = "requests", "request_ms", "repeats", "waited_ms"
"""Names of tallies."""
NO_ANSWER = "none"
"""Stands for the status of an answer that did not come."""
MS = (50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000)
"""Upper bounds of the buckets of `REQUEST_MS`."""


@contextmanager
def spending(app: App, lease: Lease | None = None, names: Iterable[str] | None = None, run: str = "") -> Iterator[None]:
    """Calls of earlier today count against the day's budget, and those made within are remembered.

    `lease`: with each of its transactions, so that a killed run has spent them, too. `names`: only these systems.
    `run`: what others called in that run counts against its budget; until the run is forgotten.
    """
    names = list(app.adapters if names is None else names)
    now, zone = app.clock(), app.setup.config.timezone
    today = now.astimezone(zone).date().isoformat()
    with app.reading() as conn:
        for name in names:
            http = app.adapters[name].http
            if http is None:
                continue
            so_far = runs.calls_on(conn, name, run) if run else 0
            http.charge_before(runs.calls_on(conn, name, today), so_far, now=app.clock, zone=zone)
            # A part of a system with an allowance of its own has its own day, too.
            for part, meter in http.meters.items():
                meter.on = Meter.day(now)
                meter.before, meter.calls = runs.calls_on(conn, f"{name}/{part}", meter.on), 0

    def note(conn: Connection) -> None:
        for name in names:
            _note_calls(conn, app, name, run)

    if lease is not None:
        lease.noting = note
    try:
        yield
    finally:
        if lease is not None:
            lease.noting = None
        # Who has lost the lease writes nothing more: the calls since its last transaction are not counted.
        with suppress(Fenced), lease.writing() if lease is not None else database.writing(app.store) as conn:
            note(conn)


def _note_calls(conn: Connection, app: App, name: str, run: str) -> None:
    """Write down the calls to a system that were made since this was last done, and what it tells of its allowance."""
    http = app.adapters[name].http
    fresh = http.take_fresh() if http is not None else {}
    for (part, day), calls in fresh.items():
        runs.add_calls(conn, f"{name}/{part}" if part else name, day, calls)
        if run and not part:
            runs.add_calls(conn, name, run, calls)
    _note_traffic(conn, name, http.take_traffic() if http is not None else ())
    if run and fresh and (told := app.adapters[name].quota()) is not None:
        runs.keep_quota(conn, name, told.used, told.limit, run)


def _note_traffic(conn: Connection, name: str, traffic: Sequence[Sent | Again]) -> None:
    codes, again, waited = Counter[str](), Counter[str](), Counter[str]()
    for each in traffic:
        status = str(each.status or NO_ANSWER)
        if isinstance(each, Sent):
            codes[status] += 1
        else:
            again[status] += 1
            waited[tally.SUM] += each.waited_ms
    for what, counts in ((REQUESTS, codes), (REPEATS, again), (WAITED_MS, waited)):
        tally.add(conn, what, name, counts)
    tally.observe(conn, REQUEST_MS, name, (each.ms for each in traffic if isinstance(each, Sent)), MS)
