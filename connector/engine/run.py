"""One pass: facts in, changes out. It reads as the picture in the README does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog

from connector.engine.app import App, last_read, run_id
from connector.engine.braking import doubts
from connector.engine.deliver import collect, deliver
from connector.engine.planning import plan_all
from connector.engine.pull import pull
from connector.engine.report import Report
from connector.engine.spending import spending
from connector.errors import Interrupted, StoreError, text
from connector.store import outbox, recover, runs
from connector.store.lease import Lease

log = structlog.get_logger("connector.run")

Watch = Callable[[str], None]

HELD = 20
"""So many of the changes that the brake holds back are shown; `plan` shows all."""

ROUNDS = 2
"""People made in the first round get their timeline in the second."""


def run(app: App, *, as_of: datetime | None = None, force: str | None = None, watch: Watch = lambda _: None) -> Report:
    """Collect what earlier runs left at work, pull, plan, look at the brake, deliver.

    `force`: the reason why the brake is overruled this time; `watch` is told of every step.

    :raises Locked: another run is at work
    :raises StoreError: the store cannot be used
    """
    with (
        app.lease() as lease,
        written_down(app, lease, as_of, force) as report,
        counting_calls(app, report),
    ):
        report.watch = watch
        try:
            collect(app, lease, report)
            pull(app, lease, report, force=force is not None)
            if _knows_again(app, report):
                _rounds(app, lease, report, force)
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


def _rounds(app: App, lease: Lease, report: Report, force: str | None) -> None:
    for _ in range(ROUNDS):
        plan_all(app, lease, report)
        look_at_brake(app, report)
        if report.halted and force is None:
            return
        report.halted.clear()
        report.held, report.held_counts = (), {}
        before = report.created
        deliver(app, lease, report)
        app.go_on()
        if report.created == before:
            return


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
    log.info("run_started", run=report.run)
    try:
        yield report
    except BaseException:
        log.error("run_failed", run=report.run)  # noqa: TRY400  the error itself is told by whoever catches it
        raise
    report.ended = app.clock()
    with lease.writing() as conn:
        runs.end_run(conn, report.run, report.ended, report.outcome, report.as_data())
    log.info("run_ended", run=report.run, outcome=report.outcome, sent=report.sent())


@contextmanager
def counting_calls(app: App, report: Report) -> Iterator[None]:
    """As `spending`, and the report tells of this run's calls."""
    with spending(app):
        try:
            yield
        finally:
            report.calls.update({name: a.http.calls for name, a in app.adapters.items() if a.http is not None})
