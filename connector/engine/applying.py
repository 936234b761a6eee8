"""Apply a plan that was written down: exactly its changes, as far as a run would still send them; nothing else.

It is a run itself: the systems are read first, and the changes go through the outbox, under the lease, the budgets and
the brake. What it leaves out is named, and is for the next run, or a new plan, to look at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import structlog
from sqlalchemy import Connection

from connector.changes import AnyChange, RaiseAlert, SetFields
from connector.engine.app import App
from connector.engine.braking import doubts
from connector.engine.deliver import collect, deliver
from connector.engine.drift import looked_for
from connector.engine.plan_file import PlanFile, read_plan, refuse_stranger
from connector.engine.planning import all_chunks, held_until
from connector.engine.preview import wanted_now
from connector.engine.pull import pull
from connector.engine.report import Exit, Report
from connector.engine.run import Watch, counting_calls, written_down
from connector.errors import ConnectorError, Interrupted, Text, text
from connector.store import load, outbox, recover
from connector.store.codec import dump_change
from connector.store.lease import Lease
from connector.store.marks import mark_identities

log = structlog.get_logger("connector.apply")

Code = Literal["before", "wish", "unwanted", "parked", "under_way", "unread", "deferred"]

WHY: Mapping[Code, Text] = {
    "before": text("what stands there has changed since the plan", "計画の後に現在の値が変わりました"),
    "wish": text("the rules want something else by now", "ルールの求める内容が変わりました"),
    "unwanted": text("the rules do not want it any more", "ルールがもう求めていません"),
    "parked": text("is parked: a person must mend something", "保留中です（対応が必要です）"),
    "under_way": text("was sent already, its result is not known yet", "送信済みで、結果がまだ不明です"),
    "unread": text("its system could not be read", "連携先を読み込めませんでした"),
    "deferred": text("the budget did not allow to read its system", "コール数の上限のため連携先を読み込めませんでした"),
}
"""Why a change of the plan is skipped."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A change of the plan that is not sent, and why."""

    change: AnyChange
    code: Code


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a plan."""

    report: Report
    sending: Sequence[AnyChange] = ()
    """Changes that still stand; handed to the outbox, unless the brake stopped it."""
    done_before: int = 0
    """Changes that had reached their system already."""
    skipped: Sequence[Skipped] = ()
    waiting: Mapping[str, int] = field(default_factory=dict)
    """Changes that could not be sent now, per system; the next runs send them."""

    @property
    def exit(self) -> Exit:
        """As of a run; who has to look at what was skipped is told as with what is parked."""
        done = self.report.exit in (Exit.DONE, Exit.DEFERRED)
        look = any(item.code != "deferred" for item in self.skipped)
        return Exit.PARKED if done and look else self.report.exit


def apply_plan(app: App, path: Path, *, force: str | None = None, watch: Watch = lambda _: None) -> Applied:
    """Send what the plan in `path` says, where neither record nor wish has drifted since.

    `force`: the reason why the brake is overruled this time.

    :raises ConnectorError: the file is no plan of this store and configuration
    :raises Locked: another run is at work
    """
    plan = read_plan(path)
    refuse_stranger(app, path, plan)
    _refuse_restored(app)
    with (
        app.lease() as lease,
        written_down(app, lease, None, force) as report,
        looked_for(app, lease, report),
        counting_calls(app, lease, report, app.adapters),
    ):
        report.watch = watch
        try:
            applied = _apply(app, lease, report, plan, force)
        except Interrupted:
            report.interrupted = True
            applied = Applied(report)
        with app.reading() as conn:
            return replace(applied, waiting=outbox.left_of(conn, report.run))


def _refuse_restored(app: App) -> None:
    with app.reading() as conn:
        if recover.since(conn) is not None:
            raise ConnectorError(
                text(
                    "the store was restored, and no run has looked at the systems since",
                    "store の復元後、まだ実行されていません",
                ),
                fix=text(
                    "`connector run` first, then make the plan anew",
                    "先に `connector run` を実行し、計画を作り直してください",
                ),
            )


def _apply(app: App, lease: Lease, report: Report, plan: PlanFile, force: str | None) -> Applied:
    if report.halted:
        return Applied(report)
    collect(app, lease, report)
    pull(app, lease, report, force=force is not None)
    fresh, held, _ = wanted_now(app, report.as_of, report.run)
    with app.reading() as conn:
        applied = judge(report, plan, {change.key: change for change in (*fresh, *held)}, conn)
        for why in doubts(conn, app, report.run, applied.sending, alone=True):
            report.halt(why)
    if report.halted and force is None:
        return applied
    report.halted.clear()
    _send(app, lease, report, applied.sending)
    log.info("plan_applied", changes=len(applied.sending), skipped=len(applied.skipped))
    return applied


def judge(report: Report, plan: PlanFile, now: Mapping[str, AnyChange], conn: Connection) -> Applied:
    """Which changes of the plan still stand beside what a run would send `now` (by key)."""
    unread: dict[str, Code] = {system: "deferred" for system, _, _ in report.deferred}
    unread |= {system: "unread" for system, _ in report.problems}
    states = outbox.standing(conn, [change.key for change in plan.changes])
    sending, skipped, done = [], [], 0
    for change in plan.changes:
        state, stored = states.get(change.key, ("", change))
        wanted = now.get(change.key)
        if wanted is None and state == "done" and _says_same(stored, change):
            done += 1
        elif code := _drift(change, wanted, state, unread):
            skipped.append(Skipped(change, code))
        else:
            sending.append(change)
    return Applied(report, sending, done, skipped)


def _drift(change: AnyChange, wanted: AnyChange | None, state: str, unread: Mapping[str, Code]) -> Code | None:
    if change.system in unread:
        return unread[change.system]
    if wanted is None:
        return "parked" if state == "parked" else "under_way" if state == "inflight" else "unwanted"
    if _says_same(wanted, change):
        return None
    moved = isinstance(wanted, SetFields) and isinstance(change, SetFields) and wanted.before != change.before
    return "before" if moved else "wish"


def _says_same(one: AnyChange, other: AnyChange) -> bool:
    """Whether two changes do the same to the same thing, whatever their reasons, and whoever was joined meanwhile."""
    if type(one) is not type(other):
        return False
    plain = [_plain(each) for each in (one, other)]
    return plain[0] == plain[1]


def _plain(change: AnyChange) -> str:
    bare = replace(change, reasons=(), identity="")
    return dump_change(replace(bare, stirred_at=None) if isinstance(bare, RaiseAlert) else bare)


def _send(app: App, lease: Lease, report: Report, changes: Sequence[AnyChange]) -> None:
    with app.reading() as conn:
        world = app.world(conn, report.as_of, report.run)
    if world.baseline:
        # From here on systems count as written to: what nobody was told of before the first run stays untold.
        for planned in all_chunks(app, world):
            with lease.writing() as conn:
                load.save_outcomes(conn, planned.plan.outcomes, planned.nos, report.as_of)
                # They are yet to be planned: whatever stops us here must not take that from them.
                mark_identities(conn, [outcome.identity for outcome in planned.plan.outcomes])
    with lease.writing() as conn:
        now = app.clock()
        outbox.recover(conn, lease.token)
        outbox.found_on_lists(conn)
        report.planned = outbox.enqueue(conn, changes, report.run, now, held_until(app, changes, now))
        outbox.adopt(conn, [change.key for change in changes], report.run)
    # Only these: what else waits in the outbox is for a run to send, under its brake.
    deliver(app, lease, report, only=report.run)
    report.interrupted = app.stopping
