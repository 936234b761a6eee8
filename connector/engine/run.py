"""One pass: facts in, changes out. It reads as the picture in the README does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog
from sqlalchemy import Connection

from connector.engine.app import App, run_id
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


class Stages:
    """The three stages of a run, done by this process."""

    calls_here = True
    """Whether it is this process that calls the systems, and counts the calls."""

    def pull(self, app: App, lease: Lease, report: Report, *, force: bool) -> None:
        """Read every system."""
        pull(app, lease, report, force=force)

    def plan(self, app: App, lease: Lease, report: Report) -> None:
        """Plan whoever is affected."""
        plan_all(app, lease, report)

    def deliver(self, app: App, lease: Lease, report: Report) -> None:
        """Send what is due."""
        deliver(app, lease, report)


def run(
    app: App,
    *,
    as_of: datetime | None = None,
    force: str | None = None,
    watch: Watch = lambda _: None,
    stages: Stages | None = None,
) -> Report:
    """Pull, plan, look at the brake, deliver.

    `force`: the reason why the brake is overruled this time; `watch` is told of every step.

    :raises Locked: another run is at work
    :raises StoreError: the store cannot be used
    """
    stages = stages or Stages()
    with (
        app.lease() as lease,
        _written_down(app, lease, as_of, force) as report,
        counting_calls(app, lease, report, app.adapters if stages.calls_here else ()),
    ):
        report.watch = watch
        try:
            stages.pull(app, lease, report, force=force is not None)
            _rounds(app, lease, report, force, stages)
        except Interrupted:
            report.interrupted = True
    return report


def _rounds(app: App, lease: Lease, report: Report, force: str | None, stages: Stages) -> None:
    for _ in range(ROUNDS):
        stages.plan(app, lease, report)
        look_at_brake(app, report)
        if report.halted and force is None:
            return
        report.halted.clear()
        before = report.created
        stages.deliver(app, lease, report)
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
    log.info("run_started", run=report.run)
    try:
        yield report
    except BaseException:
        log.error("run_failed", run=report.run)  # noqa: TRY400  the error itself is told by whoever catches it
        raise
    report.ended = app.clock()
    with lease.writing() as conn:
        runs.forget_calls(conn, report.run)
        runs.end_run(conn, report.run, report.ended, report.outcome, report.as_data())
    log.info("run_ended", run=report.run, outcome=report.outcome, sent=report.sent())


@contextmanager
def counting_calls(app: App, lease: Lease, report: Report, names: Iterable[str]) -> Iterator[None]:
    """Calls of earlier runs of the day count against the day's budget, and those to the systems `names` are remembered.

    With every transaction, so that whoever goes on after a crash knows of them. What others called in this run is in
    the store under the run's id.
    """
    spoken = {name: http for name in names if (http := app.adapters[name].http) is not None}
    now, tz = app.clock(), app.setup.config.timezone
    today = now.astimezone(tz).date().isoformat()
    # A part of a system with an allowance of its own has its own day, too.
    parts = [(name, part, meter.day(now)) for name, http in spoken.items() for part, meter in http.meters.items()]
    earlier: dict[str, int] = {}
    with app.reading() as conn:
        for name, http in spoken.items():
            before, ours = runs.calls_on(conn, name, today), runs.calls_on(conn, name, report.run)
            earlier[name] = before - ours
            http.charge_before(before, ours)
        for name, part, day in parts:
            meter = spoken[name].meters[part]
            meter.before, meter.calls = runs.calls_on(conn, f"{name}/{part}", day), 0

    def note(conn: Connection) -> None:
        for name, http in spoken.items():
            runs.set_calls(conn, name, today, earlier[name] + http.calls)
            runs.set_calls(conn, name, report.run, http.calls)
        for name, part, day in parts:
            meter = spoken[name].meters[part]
            runs.set_calls(conn, f"{name}/{part}", day, meter.before + meter.calls)

    lease.noting = note
    try:
        yield
    finally:
        report.calls.update((name, http.calls) for name, http in spoken.items())
        lease.renew()
        lease.noting = None
