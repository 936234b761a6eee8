"""A run whose work is done by workers: it hands out parts, waits for what becomes of them, and decides what comes next.

The run itself stays one process with one lease. When it dies, its parts die with its lease: the next run begins with
what is in the store, as it always does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog

from connector.engine import planning, queue
from connector.engine.app import App
from connector.engine.deliver import to_deliver
from connector.engine.identify import refile
from connector.engine.part import Kind, Part
from connector.engine.report import Report
from connector.engine.run import Stages
from connector.errors import ConnectorError, StoreError, text
from connector.model import Role
from connector.store import load, parts, runs
from connector.store.lease import Fenced, Lease, held_parts

log = structlog.get_logger("connector.spread")

LOOK = timedelta(seconds=0.2)
SEARCH = timedelta(seconds=2)
"""How often to look for parts that got lost."""
OPENING = timedelta(seconds=10)
"""What a worker that took a part gets to open its connector, before it counts as lost."""
PATIENCE = timedelta(seconds=60)
"""A chunk that nobody has planned after this time, and that does not wait in the queue, is handed out again."""
NOBODY = timedelta(minutes=5)
"""A run gives up when no worker has done anything for this time."""
MOST = 20
"""A part that was handed out so often brings its workers down."""
LAST_STEP = timedelta(seconds=20)
"""What workers get to end their step when a run is asked to end."""


@contextmanager
def stages_of(app: App) -> Iterator[Stages]:
    """How the stages of this app's runs are done: by this process, or by workers where the configuration says so.

    :raises StoreError: workers are wanted, and the store is not PostgreSQL, or cannot be used
    """
    if not app.setup.config.run.workers:
        yield Stages()
        return
    queue.prepare(app.store)
    waiting = queue.Queue(app.store)
    waiting.open()
    try:
        yield Spread(waiting)
    finally:
        waiting.close()


@dataclass
class Spread(Stages):
    """Hands the stages of one run to workers."""

    queue: queue.Queue
    calls_here = False
    _turn: int = 0

    def pull(self, app: App, lease: Lease, report: Report, *, force: bool) -> None:
        """Have every system read: the MA first, then what protects people."""
        with lease.writing() as conn:
            parts.forget(conn)  # of a run that died
        self.queue.clear()
        refile(app, lease)
        for turn, role in enumerate((Role.MA, Role.SFA)):
            names = [name for name in app.adapters if app.roles[name] is role]
            some = [_part(app, lease, report, "pull", turn, system=name, force=force) for name in names]
            self._have_done(app, lease, report, some)

    def plan(self, app: App, lease: Lease, report: Report) -> None:
        """Have everybody who is affected planned, a chunk each."""
        planning.begin(app, lease, report)
        self._turn += 1
        some, after = [], 0
        while True:
            with app.reading() as conn:
                nos = load.affected_chunk(conn, report.as_of, after, planning.CHUNK)
            if not nos:
                break
            some.append(_part(app, lease, report, "plan", self._turn, after=after, last=nos[-1]))
            after = nos[-1]
        self._have_done(app, lease, report, some)

    def deliver(self, app: App, lease: Lease, report: Report) -> None:
        """Have what is due sent, each system by one worker."""
        names = to_deliver(app, lease, report)
        some = [_part(app, lease, report, "deliver", self._turn, system=name) for name in names]
        self._have_done(app, lease, report, some)

    def _have_done(self, app: App, lease: Lease, report: Report, some: Sequence[Part]) -> None:
        if not some:
            return
        stage = _Stage(app, lease, report, self.queue, {part.key: part for part in some})
        try:
            stage.hand_out(some)
            stage.wait()
        except Fenced:
            raise  # what is in the queue now is another run's
        except BaseException:
            stage.call_back()
            raise
        finally:
            with app.reading() as conn:
                report.ledger = runs.ledger(conn, report.run)


def _part(app: App, lease: Lease, report: Report, kind: Kind, turn: int, **of: Any) -> Part:
    setup = app.setup
    as_of = report.as_of.isoformat()
    return Part(report.run, lease.token, as_of, setup.digest, kind, turn, left_out=setup.left_out, **of)


@dataclass
class _Stage:
    """The parts of one stage, until each is done."""

    app: App
    lease: Lease
    report: Report
    queue: queue.Queue
    parts: Mapping[str, Part]
    done: set[str] = field(default_factory=set)
    handed: dict[str, float] = field(default_factory=dict)
    """When each part was last handed out, on the monotonic clock."""
    times: dict[str, int] = field(default_factory=dict)
    moved: float = field(default_factory=time.monotonic)
    """When something was last seen to happen."""

    def hand_out(self, some: Sequence[Part]) -> None:
        """Let these wait for a worker."""
        self.queue.put(some)
        for part in some:
            self.handed[part.key] = time.monotonic()
            self.times[part.key] = self.times.get(part.key, 0) + 1
        log.info("parts_handed_out", kind=some[0].kind, parts=len(some))

    def wait(self) -> None:
        """Until every part is done.

        :raises ConnectorError: a part cannot be done, or nobody does any
        :raises Interrupted: we were asked to end
        """
        searched = time.monotonic()
        while len(self.done) < len(self.parts):
            self.app.go_on()
            time.sleep(LOOK.total_seconds())
            try:
                self._keep_lease()
                self._collect()
                if time.monotonic() - searched > SEARCH.total_seconds():
                    self._search()
                    searched = time.monotonic()
            except Fenced:
                raise
            except StoreError:
                if self.lease.left() <= timedelta(0):
                    raise
                log.warning("store_unavailable", error="StoreError")
                time.sleep(SEARCH.total_seconds())

    def call_back(self) -> None:
        """Take back what was handed out, and give those who are at it the time to end their step."""
        try:
            self.queue.clear()
            end = time.monotonic() + LAST_STEP.total_seconds()
            while time.monotonic() < end and self._held():
                time.sleep(LOOK.total_seconds())
        except StoreError:  # whoever is at it will find that the lease is gone
            log.warning("store_unavailable", error="StoreError")

    def _keep_lease(self) -> None:
        if self.lease.left() < self.lease.ttl / 2:
            self.lease.renew()

    def _collect(self) -> None:
        stage = next(iter(self.parts.values())).stage
        with self.app.reading() as conn:
            news = parts.done(conn, stage, self.done)
        for key, outcome in sorted(news.items()):
            self.done.add(key)
            if "failed" in outcome:
                raise ConnectorError(
                    text(
                        "a worker could not do its part ({key}): {why}",
                        "ワーカーが処理できませんでした ({key}): {why_ja}",
                        key=self.parts[key].name,
                        why=outcome["failed"]["en"],
                        why_ja=outcome["failed"]["ja"],
                    ),
                    fix=text("see the worker's log", "ワーカーのログを確認してください"),
                )
            self.report.add_part(outcome)
            self.moved = time.monotonic()
        if news:
            self.report.watch(f"{stage.split(':')[1]} {len(self.done):,}/{len(self.parts):,}")

    def _held(self) -> set[str]:
        with self.app.reading() as conn:
            return held_parts(conn, {part.lease_name for part in self.parts.values() if part.lease_name})

    def _search(self) -> None:
        """Hand out again what neither waits in the queue nor is being done."""
        waiting, held, now = self.queue.waiting(), self._held(), time.monotonic()
        lost = []
        for key, part in self.parts.items():
            patience = OPENING if part.lease_name else PATIENCE
            fresh = now - self.handed[key] < patience.total_seconds()
            if key not in self.done and key not in waiting and part.lease_name not in held and not fresh:
                lost.append(part)
        if held:
            self.moved = now
        if now - self.moved > NOBODY.total_seconds():
            raise ConnectorError(
                text(
                    "no worker has done anything for {n} {n:minute|minutes}",
                    "{n}分間、どのワーカーも処理していません",
                    n=NOBODY // timedelta(minutes=1),
                ),
                fix=text(
                    "start `connector worker` with this very configuration; its log says what stands in its way",
                    "同じ設定で connector worker を起動してください。起動済みの場合はログを確認してください",
                ),
            )
        if worn := [part.name for part in lost if self.times[part.key] >= MOST]:
            raise ConnectorError(
                text(
                    "{key}: every worker that tried this died",
                    "{key}: 処理したワーカーがすべて異常終了しました",
                    key=worn[0],
                )
            )
        if lost:
            log.warning("parts_lost", parts=len(lost))
            self.hand_out(lost)
