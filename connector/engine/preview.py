"""Plan without writing to any system: read, compute, show every change with its reason and its cost in calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from connector.changes import AnyChange, Plan, Withheld
from connector.engine.app import App, run_id
from connector.engine.braking import doubts
from connector.engine.drift import looked_for
from connector.engine.planning import preview
from connector.engine.pull import pull
from connector.engine.report import Exit, Report
from connector.engine.run import Watch, counting_calls
from connector.errors import Text
from connector.ports import Adapter, Quota
from connector.store import outbox, runs


@dataclass(frozen=True, slots=True)
class Shown:
    """A plan for people: what would be written now, what is withheld, and what it would cost."""

    as_of: datetime
    fresh: Sequence[AnyChange]
    held: Sequence[AnyChange]
    """Changes of earlier plans that a run would send as well: a brake held them, or a system could not take them."""
    withheld: Sequence[Withheld]
    waiting: Mapping[str, int]
    """Changes of earlier plans that are still to be sent, per system."""
    calls: Mapping[str, int]
    quota: Mapping[str, Quota | None]
    brake: Sequence[Text]
    report: Report
    exit: Exit


def plan_preview(app: App, *, pull: bool, as_of: datetime | None, watch: Watch = lambda _: None) -> Shown:
    """Read the systems if `pull`, then plan; only the store's facts are brought up to date.

    :raises Locked: another run is at work
    """
    started = app.clock()
    report = Report(run_id(started), started, as_of or started, watch=watch)
    with looked_for(app, None, report) if pull else nullcontext():
        if pull and not report.halted:
            _read(app, report)
        fresh, whole = preview(app, report.as_of, report.run)
        with app.reading() as conn:
            waiting = {system: n for (system, state), n in outbox.backlog(conn).items() if state == "pending"}
            brake = doubts(conn, app, report.run, fresh)
            held = _held(conn, fresh, whole)
        return Shown(
            report.as_of, fresh, held, whole.withheld, waiting, _cost(app.adapters, fresh),
            {name: adapter.quota() for name, adapter in app.adapters.items()},
            [*report.halted, *brake], report,
            Exit.FAILED if report.problems else Exit.STOPPED if report.halted else Exit.DONE,
        )  # fmt: skip


def _held(conn: Connection, fresh: Sequence[AnyChange], whole: Plan) -> list[AnyChange]:
    """What waits in the outbox, without what this plan replaces or would withdraw."""
    planned = {outcome.identity for outcome in whole.outcomes}
    replaced, kept = {change.key for change in fresh}, {change.key for change in whole.changes}
    return [
        change
        for change in outbox.waiting(conn)
        if change.key not in replaced
        and (change.identity not in planned or change.key in kept or not outbox.revocable(change))
    ]


def _read(app: App, report: Report) -> None:
    with app.lease() as lease:
        with lease.writing() as conn:
            runs.start_run(conn, report.run, report.started, report.as_of, lease.token, "")
        with counting_calls(app, lease, report, app.adapters):
            pull(app, lease, report)
        with lease.writing() as conn:
            runs.forget_calls(conn, report.run)
            runs.end_run(conn, report.run, app.clock(), "plan", report.as_data())


def _cost(adapters: Mapping[str, Adapter], changes: Sequence[AnyChange]) -> dict[str, int]:
    groups: dict[tuple[str, Hashable], int] = defaultdict(int)
    for change in changes:
        groups[change.system, adapters[change.system].group(change)] += 1
    calls: dict[str, int] = defaultdict(int)
    for (system, _), count in groups.items():
        calls[system] += adapters[system].calls_for(count)
    return dict(calls)
