"""Planning: chunks of affected identities through the pure plan; what follows is written down, or only shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from connector.changes import AnyChange, CreatePerson, Kept, Outcome, Plan, RaiseAlert, Withheld
from connector.engine.app import App
from connector.engine.doubt import may_be
from connector.engine.filling import note_filling
from connector.engine.report import Report
from connector.model import Kind
from connector.rules.columns import Touchpoints
from connector.rules.plan import Facts, Rules, plan
from connector.rules.view import World
from connector.store import creations, load, outbox, past, recover, runs
from connector.store.lease import Lease
from connector.store.marks import mark_all
from connector.store.runs import Counts

log = structlog.get_logger("connector.plan")

CHUNK = 1000
"""Identities that are planned at once: the unit of work, and what bounds memory."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A chunk's plan with the row numbers of its identities."""

    nos: Sequence[int]
    plan: Plan
    told: Mapping[tuple[str, str], datetime | None] = field(default_factory=dict)
    """When each rule of its alerts had last spoken about the alert's subject, as far as this plan knew."""
    alone: AbstractSet[tuple[str, str]] = frozenset()
    """System and identity of those who may be somebody whom this plan creates, and are not being created there."""


def timeline_of(rules: Rules, as_of: datetime) -> tuple[Sequence[str], datetime]:
    """The kinds of touchpoint, and from when on, that timelines need one by one."""
    own = [mapping.timeline for mapping in rules.people if mapping.timeline]
    kinds: set[Kind] = {kind for timeline in own for kind in timeline.kinds}
    since = max((timeline.since for timeline in own), default=timedelta(0))
    return sorted(kinds), as_of - since


def facts_of(
    conn: Connection, rules: Rules, world: World, nos: Sequence[int], known_by: datetime | None = None
) -> Facts:  # fmt: skip
    """All that the rules look at of a chunk of identities."""
    loaded = load.load(conn, nos, rules.oldest(world.as_of), timeline_of(rules, world.as_of), known_by)
    touchpoints = Touchpoints.from_rows(loaded.touchpoints)
    if known_by is not None:
        return Facts(past.as_known_by(conn, loaded.subjects, known_by), touchpoints, world)
    if not any(mapping.create for mapping in rules.people):
        return Facts(loaded.subjects, touchpoints, world)
    doubts = may_be(conn, [subject.identity.id for subject in loaded.subjects])
    subjects = tuple(replace(each, may_be=doubts.get(each.identity.id, {})) for each in loaded.subjects)
    others = {other for others in doubts.values() for other in others}
    tried = creations.tried(conn, [subject.identity.id for subject in loaded.subjects])
    return Facts(subjects, touchpoints, world, creations.making(conn, others), creations.made(conn, others), tried)


def plan_chunk(
    conn: Connection, rules: Rules, world: World, nos: Sequence[int], known_by: datetime | None = None,
    made: AbstractSet[tuple[str, str]] = frozenset(),
) -> Planned:  # fmt: skip
    """Load a chunk of identities and plan it, if need be from what was `known_by` some past time. Reads only.

    `made`: system and identity of those whom chunks create that are not written down.
    """
    found = facts_of(conn, rules, world, nos, known_by)
    planned = plan(replace(found, making=found.making | made), rules)
    known = {topic: at for subject in found.subjects for topic, at in subject.alerts.items()}
    topics = [(change.rule, change.subject) for change in planned.changes if isinstance(change, RaiseAlert)]
    others = {subject.identity.id: subject.may_be for subject in found.subjects}
    alone = {
        (change.system, other)
        for change in planned.changes
        if isinstance(change, CreatePerson)
        for other in others[change.identity]
    }
    return Planned(nos, planned, {topic: known.get(topic) for topic in topics}, alone - created(planned))


def created(planned: Plan) -> set[tuple[str, str]]:
    """System and identity of those whom a plan creates."""
    return {(change.system, change.identity) for change in planned.changes if isinstance(change, CreatePerson)}


def chunks(app: App, world: World) -> Iterator[Planned]:
    """The plans of all affected identities, a chunk at a time."""
    return _planned(app, world, lambda conn, last: load.affected_chunk(conn, world.as_of, last, CHUNK))


def _planned(
    app: App, world: World, behind: Callable[[Connection, int], list[int]], known_by: datetime | None = None
) -> Iterator[Planned]:
    """The plans of the identities that come `behind` one another, a chunk at a time."""
    last = 0
    made: set[tuple[str, str]] = set()
    while True:
        with app.reading() as conn:
            nos = behind(conn, last)
            if not nos:
                return
            planned = plan_chunk(conn, app.setup.rules, world, nos, known_by, made)
        yield planned
        made |= created(planned.plan)
        last = nos[-1]


def plan_all(app: App, lease: Lease, report: Report) -> None:
    """Plan every affected identity and write the changes into the outbox, a chunk in one transaction."""
    begin(app, lease, report)
    with app.reading() as conn:
        world = app.world(conn, report.as_of, report.run)
    for planned in chunks(app, world):
        with lease.writing() as conn:
            added = write_down(app, conn, planned, report)
        told(report, planned, added)
        app.go_on()


def _hold(conn: Connection, report: Report, alerts: Sequence[RaiseAlert]) -> None:
    """Alerts that may have been raised before the store was put back: they count as raised, and are not sent."""
    outbox.fold(conn, [alert.key for alert in alerts], "", code="restored")
    for system, count in Counter(alert.system for alert in alerts).items():
        counts = Counts(read=count, ignored=count)
        runs.add_ledger(conn, report.run, system, "→RaiseAlert", counts)
        report.count(system, "→RaiseAlert", counts)
        log.warning("alerts_held", system=system, alerts=count)


def begin(app: App, lease: Lease, report: Report) -> None:
    """What has to be done once, before anybody is planned."""
    with lease.writing() as conn:
        note_rules(conn, app.setup.digest)
        note_filling(conn, app.setup, report.as_of)
        note_time(conn, report.as_of)
        outbox.recover(conn, lease.token)
        outbox.found_on_lists(conn)


def write_down(app: App, conn: Connection, planned: Planned, report: Report) -> int:
    """Put a chunk's changes into the outbox, and remember what it was planned from; how many changes are new."""
    now = app.clock()
    ids = [outcome.identity for outcome in planned.plan.outcomes]
    outbox.withdraw(conn, ids, {change.key for change in planned.plan.changes})
    held = recover.first_alerts(conn, planned.plan.changes) if recover.since(conn) else []
    added = outbox.enqueue(conn, planned.plan.changes, report.run, now, held_until(app, planned.plan.changes, now))
    _hold(conn, report, held)
    load.save_outcomes(conn, planned.plan.outcomes, planned.nos, report.as_of)
    return added


def told(report: Report, planned: Planned, added: int) -> None:
    """Tell of a chunk that was written down."""
    report.planned += added
    report.identities += len(planned.nos)
    report.watch(f"plan {report.identities:,}")
    log.info("chunk_planned", identities=len(planned.nos), changes=added)


def held_until(app: App, changes: Sequence[AnyChange], now: datetime) -> dict[str, datetime]:
    """Alerts wait until the quiet hours end, and over closed days where that is asked for."""
    due = app.setup.config.release_time(now)
    return {change.key: due for change in changes if isinstance(change, RaiseAlert)} if due > now else {}


def note_rules(conn: Connection, digest: str) -> None:
    """When the configuration changed since the last planning, everybody is planned anew."""
    if runs.remembered(conn, "rules") != digest:
        mark_all(conn)
        runs.remember(conn, "rules", digest)


def note_time(conn: Connection, as_of: datetime) -> None:
    """When an earlier planning stood at a later time than this one, everybody is planned anew.

    Its clock was wrong, or it was asked about a day to come: what it took to be over is not, and what it put off until
    then is due.
    """
    if _looked_ahead(conn, as_of):
        mark_all(conn)
        outbox.bring_forward(conn, as_of)
    runs.remember(conn, "planned_at", as_of.isoformat())


def _looked_ahead(conn: Connection, as_of: datetime) -> bool:
    last = runs.remembered(conn, "planned_at")
    return last is not None and as_of < datetime.fromisoformat(last) - _CLOCKS_DIFFER


_CLOCKS_DIFFER = timedelta(hours=1)
"""A clock may be set back so far, or two machines differ, without everybody being planned anew."""


def preview(app: App, as_of: datetime, run: str) -> tuple[list[AnyChange], Plan]:
    """What a run would write down now, without writing anything; and the whole of what was planned."""
    with app.reading() as conn:
        world = app.world(conn, as_of, run)
        everybody = runs.remembered(conn, "rules") != app.setup.digest or _looked_ahead(conn, as_of)
    fresh: list[AnyChange] = []
    changes: list[AnyChange] = []
    outcomes: list[Outcome] = []
    withheld: list[Withheld] = []
    kept: list[Kept] = []
    for planned in all_chunks(app, world) if everybody else chunks(app, world):
        with app.reading() as conn:
            fresh += outbox.fresh(conn, planned.plan.changes)
        changes += planned.plan.changes
        outcomes += planned.plan.outcomes
        withheld += planned.plan.withheld
        kept += planned.plan.kept
    return fresh, Plan(tuple(changes), tuple(outcomes), tuple(withheld), tuple(kept))


def replay(app: App, at: datetime) -> Plan:
    """What would have been written down at a past time, from what was known by then.

    Which band alerts last knew is not kept, so none is told of a band that was reached. Nor is when each system had
    been read by then: all count as just read.
    """
    with app.reading() as conn:
        world = replace(app.world(conn, at), baseline=True, read_at=dict.fromkeys(app.roles, at))
    changes: list[AnyChange] = []
    withheld: list[Withheld] = []
    kept: list[Kept] = []
    for planned in all_chunks(app, world, at):
        with app.reading() as conn:
            changes += outbox.unsaid(conn, planned.plan.changes, at)
        withheld += planned.plan.withheld
        kept += planned.plan.kept
    return Plan(tuple(changes), (), tuple(withheld), tuple(kept))


def all_chunks(app: App, world: World, known_by: datetime | None = None) -> Iterator[Planned]:
    """The plans of all identities, affected or not."""
    return _planned(app, world, lambda conn, last: load.living_chunk(conn, last, CHUNK), known_by)
