"""What is spent: API calls by system and day, written down while they are made.

Not under the lease: whoever has lost it made its calls all the same. Whoever asks a system - a run, `check`, `probe`,
`inspect`, `reconcile`, `undo` - counts against the same day.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from connector.engine.app import App
from connector.http import Meter
from connector.store import database, runs


@contextmanager
def spending(app: App) -> Iterator[None]:
    """Calls of earlier today count against the day's budget, and those made within are remembered."""
    now, zone = app.clock(), app.setup.config.timezone
    today = now.astimezone(zone).date().isoformat()
    with app.reading() as conn:
        for name, adapter in app.adapters.items():
            if adapter.http is None:
                continue
            adapter.http.charge_before(runs.calls_on(conn, name, today), now=app.clock, zone=zone)
            # A part of a system with an allowance of its own has its own day, too.
            for part, meter in adapter.http.meters.items():
                meter.on = Meter.day(now)
                meter.before, meter.calls = runs.calls_on(conn, f"{name}/{part}", meter.on), 0
    try:
        yield
    finally:
        with database.writing(app.store) as conn:
            for name in app.adapters:
                note_calls(conn, app, name)


def note_calls(conn: Connection, app: App, name: str) -> None:
    """Write down the calls to a system that were made since this was last done: a killed run has spent them, too."""
    http = app.adapters[name].http
    for (part, day), calls in http.take_fresh().items() if http is not None else ():
        runs.add_calls(conn, f"{name}/{part}" if part else name, day, calls)
