"""One pass: facts in, changes out. It reads as the picture in the README does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog
from structlog.contextvars import bound_contextvars

from connector.engine.app import App, last_read, run_id, who
from connector.engine.braking import doubts
from connector.engine.closing import closing
from connector.engine.deliver import collect, deliver
from connector.engine.drift import looked_for
from connector.engine.forget import wiping
from connector.engine.planning import plan_all
from connector.engine.pull import pull
from connector.engine.report import Report
from connector.engine.spending import spending
from connector.errors import Interrupted, StoreError, text
from connector.store import outbox, recover, runs, trail
from connector.store.lease import Lease

log = structlog.get_logger("connector.run")

Watch = Callable[[str], None]

HELD = 20
"""So many of the changes that the brake holds back are shown; `plan` shows all."""

ROUNDS = 2
"""People made in the first round get their timeline in the second."""


class Stages:
    """The three stages of a run, done by this process."""

    calls_here = True
    """Whether it is this process that calls the systems, and counts the calls."""

    def pull(self, app: App, lease: Lease, report: Report, *, force: bool) -> None:
        """Hear of what earlier runs left at work, and read every system."""
        collect(app, lease, report)
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
    """Collect what earlier runs left at work, pull, plan, look at the brake, deliver.

    `force`: the reason why the brake is overruled this time; `watch` is told of every step.

    :raises Locked: another run is at work
    :raises StoreError: the store cannot be used
    """
    stages = stages or Stages()
    with (
        app.lease() as lease,
        wiping(app, lease),
        written_down(app, lease, as_of, force) as report,
        looked_for(app, lease, report),
        counting_calls(app, lease, report, app.adapters if stages.calls_here else ()),
    ):
        report.watch = watch
        if report.halted:
            return report
        try:
            stages.pull(app, lease, report, force=force is not None)
            if _knows_again(app, report):
                _rounds(app, lease, report, force, stages)
        except Interrupted:
            report.interrupted = True
    return report


def _knows_again(app: App, report: Report) -> bool:
    """Whether all was read that the store may have forgotten, since a copy of it was put back."""
    with app.reading() as conn:
        restored = recover.since(conn)
        unread = [name for name, adapter in app.adapters.items() if last_read(conn, name, adapter) is None]
    if restored is None:
        return True
    for name in unread:
        report.problem(
            name,
            StoreError(
                text(
                    "not read to its end since the store was restored: nothing is sent to any system until it is",
                    "store の復元後まだ最後まで読めていません。読めるまでどの連携先にも送信しません",
                )
            ),
        )
    return not unread


def _rounds(app: App, lease: Lease, report: Report, force: str | None, stages: Stages) -> None:
    for _ in range(ROUNDS):
        stages.plan(app, lease, report)
        _note_recovered(app, lease)
        look_at_brake(app, report)
        if report.halted and force is None:
            return
        report.halted.clear()
        report.held, report.held_counts = (), {}
        before = report.created
        stages.deliver(app, lease, report)
        with lease.writing() as conn:
            runs.let_pass(conn, app.clock())
        app.go_on()
        if report.created == before:
            return


def _note_recovered(app: App, lease: Lease) -> None:
    """All was read and everybody planned: if a copy of the store was put back, that is made up for now."""
    with app.reading() as conn:
        restored = recover.since(conn)
    if restored is not None:
        with lease.writing() as conn:
            recover.end(conn)


def look_at_brake(app: App, report: Report) -> None:
    """Stop when too much of what is there would change at once."""
    with app.reading() as conn:
        for why in doubts(conn, app, report.run):
            report.halt(why)
        if report.halted:
            report.held = outbox.waiting(conn, HELD)
            report.held_counts = outbox.waiting_kinds(conn)


@contextmanager
def written_down(app: App, lease: Lease, as_of: datetime | None, force: str | None) -> Iterator[Report]:
    """The run as a row of the store, from its start to its outcome."""
    started = app.clock()
    report = Report(run_id(started), started, as_of or started)
    with lease.writing() as conn:
        runs.start_run(conn, report.run, started, report.as_of, lease.token, force or "")
        app.trail.add(conn, report.run, started, [trail.started(report.run, who(), force or "")])
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
            runs.forget_calls(conn, report.run)
            told = runs.end_run(conn, report.run, report.ended, report.outcome, report.as_data())
            app.trail.add(conn, report.run, report.ended, [trail.ended(report.run, report.outcome, told)])
            head = trail.head(conn)
        log.info("run_ended", outcome=report.outcome, sent=report.sent(), trail=head)


@contextmanager
def counting_calls(app: App, lease: Lease, report: Report, names: Iterable[str]) -> Iterator[None]:
    """As `spending` for the systems `names`, with every transaction, and the report tells of this run's calls."""
    names = list(names)
    with spending(app, lease, names, report.run):
        yield
    with app.reading() as conn:  # workers called, too
        report.calls = {name: 0 for name in names if app.adapters[name].http} | runs.calls_in(conn, report.run)
