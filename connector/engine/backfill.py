"""Backfill: what new fields cost for everybody who is there already, and timelines further back than their rule says.

New fields need nobody to fill them: the next runs do, after everything else. Here is what that takes. Entries of a
timeline beyond the rule's window are put into the outbox once, at an administrator's word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from connector.changes import AddTouchpoint, AnyChange, Lane, SetFields
from connector.engine.app import App, run_id
from connector.engine.braking import doubts
from connector.engine.filling import Fill, cost
from connector.engine.planning import CHUNK, plan_chunk
from connector.engine.preview import plan_preview
from connector.engine.report import Report
from connector.engine.run import Watch
from connector.engine.spending import spending
from connector.errors import ConnectorError, Text, text
from connector.rules.plan import Rules
from connector.store import load, outbox, touchpoints

log = structlog.get_logger("connector.backfill")


@dataclass(frozen=True, slots=True)
class Cost:
    """What something takes in one system, beside what its budget leaves now and allows a day, where that is known."""

    fill: Fill
    left: int | None
    per_day: int | None

    @property
    def days(self) -> int | None:
        """So many days of the whole budget at least."""
        return -(-self.fill.calls // self.per_day) if self.per_day else None


@dataclass(frozen=True, slots=True)
class Backfill:
    """What would be filled, or was written down: `done` says which. `back_to`: the oldest touchpoint that is known."""

    costs: Sequence[Cost]
    brake: Sequence[Text]
    """Why the next run would send nothing."""
    back_to: datetime | None
    done: bool
    report: Report


def fields_to_fill(
    app: App, *, field: str | None, who: Collection[str] | None, system: str | None, pull: bool, watch: Watch
) -> Backfill:
    """What the next runs fill: new fields, or the one that is named by our word or the system's; nothing is written.

    :raises ConnectorError: no mapping names the field
    :raises Locked: another run is at work
    """
    named = _named(app, field) if field is not None else None
    shown = plan_preview(app, pull=pull, as_of=None, watch=watch)
    found = [
        part
        for change in _of([*shown.fresh, *shown.held], who, system)
        if isinstance(change, SetFields) and (part := _part(change, named)) is not None
    ]
    return Backfill(_costs(app, found), shown.brake, None, done=False, report=shown.report)


def entries_since(
    app: App, since: timedelta, *, who: Collection[str] | None, system: str | None, put: bool
) -> Backfill:
    """Timeline entries for what happened within `since` but before the window of the rule, each once.

    `put`: written down for the next runs to send, after everything else; without, only counted, and so where the brake
    would stop the next run because of them, and with it all that matters more. Nothing is read anew: what no system
    was asked for is not known here.

    :raises Locked: another run is at work
    """
    started = app.clock()
    report = Report(run_id(started), started, started)
    if not put:
        found = list(_entries(app, since, report, who, system))
        return _entries_told(app, found, report, done=False)
    with app.lease() as lease:
        found = list(_entries(app, since, report, who, system))
        with app.reading() as conn:
            done = not doubts(conn, app, report.run, found)
        if done:
            with lease.writing() as conn:
                outbox.enqueue(conn, found, report.run, started, {})
            log.info("entries_written_down", run=report.run, changes=len(found))
    return _entries_told(app, found, report, done=done)


def _named(app: App, field: str) -> frozenset[tuple[str, str]]:
    """The system and native name of every field that a word of ours, or that name, means."""
    found = {
        (mapping.system, rule.to)
        for mapping in app.setup.rules.people
        for word, rule in mapping.fields.items()
        if field in (word, rule.to)
    }
    if not found:
        raise ConnectorError(
            text("no mapping names the field {field!r}", "マッピングに項目 {field!r} がありません", field=field),
            fix=text("use a word or a `to` of people.yaml", "people.yaml の項目名か to の値を指定してください"),
        )
    return frozenset(found)


def _of(changes: Sequence[AnyChange], who: Collection[str] | None, system: str | None) -> Iterator[AnyChange]:
    """Those about these people and this system."""
    for change in changes:
        if (who is None or change.identity in who) and system in (None, change.system):
            yield change


def _part(change: SetFields, named: frozenset[tuple[str, str]] | None) -> SetFields | None:
    """The part of a change that is meant: the named fields, or all of one in the lane."""
    if named is None:
        return change if change.lane is Lane.BACKFILL else None
    values = {name: value for name, value in change.values.items() if (change.system, name) in named}
    return replace(change, values=values) if values else None


def _entries(
    app: App, since: timedelta, report: Report, who: Collection[str] | None, system: str | None
) -> Iterator[AddTouchpoint]:
    """What a longer window would put on timelines, and the rule's own does not."""
    rules, last = _with_window(app.setup.rules, since), 0
    windows = {mapping.system: mapping.timeline.since for mapping in app.setup.rules.people if mapping.timeline}
    while True:
        with app.reading() as conn:
            world = app.world(conn, report.as_of, report.run)
            nos = load.living_chunk(conn, last, CHUNK)
            if not nos:
                return
            planned = plan_chunk(conn, rules, world, nos).plan.changes
            older = [
                change
                for change in _of(planned, who, system)
                if isinstance(change, AddTouchpoint) and change.happened_at <= report.as_of - windows[change.system]
            ]
            fresh = outbox.fresh(conn, older)
        yield from (change for change in fresh if isinstance(change, AddTouchpoint))
        last = nos[-1]


def _with_window(rules: Rules, since: timedelta) -> Rules:
    people = [
        mapping.model_copy(update={"timeline": mapping.timeline.model_copy(update={"since": since})})
        if mapping.timeline
        else mapping
        for mapping in rules.people
    ]
    return replace(rules, people=people)


def _entries_told(app: App, found: Sequence[AddTouchpoint], report: Report, *, done: bool) -> Backfill:
    with app.reading() as conn:
        back_to = touchpoints.oldest(conn)
        brake = doubts(conn, app, report.run, found)
    with spending(app):  # what was called earlier today counts
        return Backfill(_costs(app, found), brake, back_to, done=done, report=report)


def _costs(app: App, changes: Sequence[AnyChange]) -> list[Cost]:
    by_system: dict[str, list[AnyChange]] = defaultdict(list)
    for change in changes:
        by_system[change.system].append(change)
    return [_cost(app, cost(app.adapters, system, mine)) for system, mine in sorted(by_system.items())]


def _cost(app: App, fill: Fill) -> Cost:
    http = app.adapters[fill.system].http
    budget = getattr(app.setup.systems[fill.system][1], "budget", None)
    left = http.left() if http is not None else float("inf")
    return Cost(fill, None if left == float("inf") else max(0, int(left)), budget.calls_per_day if budget else None)
