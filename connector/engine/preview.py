"""Plan without writing to any system: read, compute, show every change with its reason and its cost in calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from math import inf

from sqlalchemy import Connection

from connector.changes import AnyChange, Kept, Plan, Withheld
from connector.engine.app import App, run_id
from connector.engine.braking import doubts
from connector.engine.drift import looked_for
from connector.engine.filling import Fill, fills
from connector.engine.planning import preview, replay
from connector.engine.pull import pull
from connector.engine.report import Exit, Report
from connector.engine.run import Watch, counting_calls
from connector.engine.selecting import EVERYTHING, Selection, kept_of, selection
from connector.engine.spending import spending
from connector.engine.unnamed import halted_by_unnamed
from connector.engine.waiting_alerts import Renewed, renewed
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
    kept: Sequence[Kept]
    """In the records that `fresh` writes to."""
    waiting: Mapping[str, int]
    """Changes of earlier plans that are still to be sent, per system."""
    calls: Mapping[str, int]
    """What sending all of it takes at least, per system."""
    left: Mapping[str, int | None]
    """Calls that each system and its budget leave today; None where nobody knows."""
    quota: Mapping[str, Quota | None]
    brake: Sequence[Text]
    fills: Sequence[Fill]
    report: Report
    exit: Exit


def plan_preview(
    app: App,
    *,
    pull: bool,
    as_of: datetime | None,
    select: Sequence[str] = (),
    watch: Watch = lambda _: None,
) -> Shown:
    """Read the systems if `pull`, then plan; only the store's facts are brought up to date.

    `select`: only these changes (`connector.engine.selecting`). With a past `as_of` nothing is read: it is told what
    would have been written then, from what was known by then.

    :raises Locked: another run is at work
    """
    started = app.clock()
    report = Report(run_id(started), started, as_of or started, watch=watch)
    if report.as_of < started:
        return _replayed(app, report, selection(app, select))
    if not pull:
        halted_by_unnamed(app, report)
    with looked_for(app, None, report) if pull else nullcontext():
        if pull and not report.halted:
            _read(app, report)
        selected = selection(app, select)
        fresh, held, whole = wanted_now(app, report.as_of, report.run, selected)
        with app.reading() as conn:
            waiting = {system: n for (system, state), n in outbox.backlog(conn).items() if state == "pending"}
            brake = doubts(conn, app, report.run, fresh)
        return Shown(
            report.as_of, fresh, held, [item for item in whole.withheld if selected.tells(item)],
            kept_of(fresh, whole.kept), waiting, _cost(app.adapters, [*fresh, *held]), _left(app, read=pull),
            {name: adapter.quota() for name, adapter in app.adapters.items()},
            [*report.halted, *brake], fills(app.adapters, [*fresh, *held]), report,
            Exit.FAILED if report.problems else Exit.STOPPED if report.halted else Exit.DONE,
        )  # fmt: skip


def _replayed(app: App, report: Report, selected: Selection) -> Shown:
    """Nothing in it tells of today, so that it is the same whenever it is asked."""
    whole = replay(app, report.as_of)
    fresh = list(filter(selected.takes, whole.changes))
    withheld = [item for item in whole.withheld if selected.tells(item)]
    costs = _cost(app.adapters, fresh)
    return Shown(
        report.as_of, fresh, (), withheld, kept_of(fresh, whole.kept), {}, costs, {}, {}, (), (), report, Exit.DONE
    )  # fmt: skip


def wanted_now(
    app: App, as_of: datetime, run: str, selected: Selection = EVERYTHING
) -> tuple[list[AnyChange], list[AnyChange], Plan]:
    """What a run would send of what is selected: new wishes, those of earlier plans; and all that was planned."""
    fresh, whole = preview(app, as_of, run)
    with app.reading() as conn:
        held = _renewed(_held(conn, fresh, whole), renewed(conn, app.setup.rules.alerts))
    return list(filter(selected.takes, fresh)), list(filter(selected.takes, held)), whole


def _left(app: App, *, read: bool) -> dict[str, int | None]:
    if not read:
        with spending(app):  # what was called earlier today counts
            return {name: _left_of(adapter) for name, adapter in app.adapters.items()}
    return {name: _left_of(adapter) for name, adapter in app.adapters.items()}


def _left_of(adapter: Adapter) -> int | None:
    quota = adapter.quota()
    granted = [quota.limit - quota.used] if quota else []
    budget = adapter.http.left() if adapter.http is not None else inf
    return min([*granted, *([int(budget)] if budget != inf else [])], default=None)


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


def _renewed(held: Sequence[AnyChange], found: Renewed) -> list[AnyChange]:
    """With alerts as they will go out: for whom they are now, without those that nobody gets; with refused ones."""
    turned: dict[str, AnyChange] = {alert.key: alert for alert in found.turned}
    none = {alert.key for alert in (*found.over, *found.ownerless)}
    waiting = [turned.pop(change.key, change) for change in held if change.key not in none]
    return [*waiting, *turned.values()]


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
    for change in (each for each in changes if each.system in adapters):
        groups[change.system, adapters[change.system].group(change)] += 1
    calls: dict[str, int] = defaultdict(int)
    for (system, _), count in groups.items():
        calls[system] += adapters[system].calls_for(count)
    return dict(calls)
