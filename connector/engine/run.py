"""One pass: facts in, changes out. It reads as the picture in the README does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog
from structlog.contextvars import bound_contextvars

from connector.engine.app import App, run_id
from connector.engine.closing import closing
from connector.engine.deliver import deliver
from connector.engine.planning import plan_all
from connector.engine.pull import pull
from connector.engine.report import Report
from connector.errors import Interrupted
from connector.rules.brake import Load, brake
from connector.store import load, outbox, runs
from connector.store.lease import Lease

log = structlog.get_logger("connector.run")

Watch = Callable[[str], None]

ROUNDS = 2
"""People made in the first round get their timeline in the second."""


def run(app: App, *, as_of: datetime | None = None, force: str | None = None, watch: Watch = lambda _: None) -> Report:
    """Pull, plan, look at the brake, deliver.

    `force`: the reason why the brake is overruled this time; `watch` is told of every step.

    :raises Locked: another run is at work
    :raises StoreError: the store cannot be used
    """
    with (
        app.lease() as lease,
        _written_down(app, lease, as_of, force) as report,
        counting_calls(app, lease, report),
    ):
        report.watch = watch
        try:
            pull(app, lease, report, force=force is not None)
            _rounds(app, lease, report, force)
        except Interrupted:
            report.interrupted = True
    return report


def _rounds(app: App, lease: Lease, report: Report, force: str | None) -> None:
    for _ in range(ROUNDS):
        plan_all(app, lease, report)
        look_at_brake(app, report)
        if report.halted and force is None:
            return
        report.halted.clear()
        before = report.created
        deliver(app, lease, report)
        app.go_on()
        if report.created == before:
            return


def look_at_brake(app: App, report: Report) -> None:
    """Stop when too much of what is there would change at once."""
    with app.reading() as conn:
        records = load.count_records(conn)
        loads = {
            system: Load(alters, adds, records.get(system, 0)) for system, (alters, adds) in outbox.loads(conn).items()
        }
        new = runs.new_systems(conn, app.adapters, report.run)
    for why in brake(loads, app.setup.config.run.guards, new):
        report.halt(why)


@contextmanager
def _written_down(app: App, lease: Lease, as_of: datetime | None, force: str | None) -> Iterator[Report]:
    """The run as a row of the store, from its start to its outcome."""
    started = app.clock()
    report = Report(run_id(started), started, as_of or started)
    with lease.writing() as conn:
        runs.start_run(conn, report.run, started, report.as_of, lease.token, force or "")
    with bound_contextvars(run=report.run):  # stands in every line from here on
        log.info("run_started")
        try:
            yield report
        except BaseException as error:
            log.error("run_failed", error=type(error).__name__)  # noqa: TRY400  told by whoever catches it
            raise
        report.ended = app.clock()
        with lease.writing() as conn:
            report.closing = closing(conn, app, report.run)
            runs.end_run(conn, report.run, report.ended, report.outcome, report.as_data())
        log.info("run_ended", outcome=report.outcome, sent=report.sent())


@contextmanager
def counting_calls(app: App, lease: Lease, report: Report) -> Iterator[None]:
    """Calls of earlier runs of the day count against the day's budget, and this run's are remembered."""
    spoken = {name: adapter.http for name, adapter in app.adapters.items() if adapter.http is not None}
    now, tz = app.clock(), app.setup.config.timezone
    today = now.astimezone(tz).date().isoformat()
    # A part of a system with an allowance of its own has its own day, too.
    parts = [(name, part, meter.day(now)) for name, http in spoken.items() for part, meter in http.meters.items()]
    with app.reading() as conn:
        before = {name: runs.calls_on(conn, name, today) for name in spoken}
        for name, http in spoken.items():
            http.charge_before(before[name])
        for name, part, day in parts:
            meter = spoken[name].meters[part]
            meter.before, meter.calls = runs.calls_on(conn, f"{name}/{part}", day), 0
    try:
        yield
    finally:
        report.calls.update((name, http.calls) for name, http in spoken.items())
        with lease.writing() as conn:
            for name, http in spoken.items():
                runs.set_calls(conn, name, today, before[name] + http.calls)
            for name, part, day in parts:
                meter = spoken[name].meters[part]
                runs.set_calls(conn, f"{name}/{part}", day, meter.before + meter.calls)
