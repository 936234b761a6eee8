"""Jobs: many changes handed over at once, worked on in the system's own time, their results fetched later.

What the engine knows of a job is one row of the store, written after `open` (which gives nothing away) and before
`submit`. Whatever stops a run, the next one finds that row, and asks the system how far the job came.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from sqlalchemy import Connection

from connector.contain import contained
from connector.engine.app import App
from connector.errors import Exhausted, Refused, Throttled, Unavailable
from connector.ports import Adapter, Collected, Jobs, Receipt
from connector.store import jobs as desk
from connector.store.jobs import Job
from connector.store.lease import SAFETY, Lease
from connector.store.outbox import Wish

log = structlog.get_logger("connector.jobs")

GIVE_UP = timedelta(hours=24)
"""After so long a job is called off: a system that is still at work on it will hardly end it."""
FORGET = timedelta(days=8)
"""After so long nobody can tell any more what became of a job: its changes have no known result."""
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 2.0, 30.0, 1.5
"""Seconds between two questions about a job."""

Settle = Callable[[Connection, dict[str, Wish], Sequence[Receipt]], None]


def loads(adapter: Adapter, wishes: Sequence[Wish]) -> Iterator[Sequence[Wish]]:
    """Those of `wishes` that should go by jobs, a job's together.

    What was sent before goes otherwise: a job says less of what is wrong with a row, and may fail as a whole again.

    :raises AdapterError: when the system cannot be asked what it would take
    """
    jobs = adapter.jobs
    if jobs is None:
        return
    groups: dict[Hashable, list[Wish]] = {}
    for wish in wishes:
        if wish.attempts == 0:
            groups.setdefault(adapter.group(wish.change), []).append(wish)
    for group in groups.values():
        rest = group
        while fit := {change.key for change in jobs.fit([wish.change for wish in rest])}:
            yield [wish for wish in rest if wish.change.key in fit]
            rest = [wish for wish in rest if wish.change.key not in fit]


@dataclass
class JobDesk:
    """The jobs of one system during one delivery; `settle` records receipts as those of `push` are."""

    app: App
    system: str
    lease: Lease
    settle: Settle
    own: set[str] = field(default_factory=set)
    """Handles of jobs opened in this delivery: since then nobody has planned."""

    @property
    def _jobs(self) -> Jobs:
        jobs = self.app.adapters[self.system].jobs
        assert jobs is not None  # noqa: S101  asked only by those who have one
        return jobs

    def hand_over(self, load: Sequence[Wish]) -> None:
        """Open a job, write it down, hand its changes over.

        :raises Refused: nothing of it is or will be done: the changes may go another way
        :raises AdapterError: how far it came is seen when it is collected
        """
        changes = [wish.change for wish in load]
        keys = [change.key for change in changes]
        with contained(self.system, sent=True):
            job = Job(self.system, self._jobs.open(changes), self.app.clock())
        with self.lease.writing() as conn:
            desk.put(conn, job, keys, self.lease.token)
        self.own.add(job.handle)
        try:
            with contained(self.system, sent=True):
                self._jobs.submit(job.handle, changes)
        except Refused:
            with self.lease.writing() as conn:
                desk.end(conn, job, keys)
            raise
        log.info("job_submitted", system=self.system, job=job.handle, changes=len(load))

    def wait(self, going: Callable[[], bool]) -> dict[str, int]:
        """Collect every job of the system, waiting for those that are at work.

        How many changes, by kind, are in jobs that go on without us.

        :raises AdapterError: the system could not be asked
        """
        waited, pause, lost = 0.0, FIRST_PAUSE, None
        if self.own:  # nothing that was just handed over is done already
            self._sleep(pause, going)
        while True:
            left, lost = self.collect(going)
            if not left or not going() or waited >= self._jobs.wait.total_seconds():
                break
            if isinstance(lost, Throttled | Exhausted):  # it does not want to be asked
                break
            self._sleep(pause, going)
            waited, pause = waited + pause, min(pause * GROWTH, LONGEST_PAUSE)
        if lost is not None:
            raise lost
        with self.app.reading() as conn:
            return desk.sizes(conn, self.system)

    def collect(self, going: Callable[[], bool] = lambda: True) -> tuple[int, Unavailable | None]:
        """Ask once about each job: how many are at work, and why one could not be asked about.

        :raises AdapterError: other than Unavailable: it makes no sense to ask again
        """
        with self.app.reading() as conn:
            under_way = desk.under_way(conn, self.system)
        lost, left = None, 0
        for job in under_way:
            if not going():
                break
            try:
                left += not self._collect(job)
            except Unavailable as error:
                if self._age(job) > FORGET:
                    self._record(job, self._wishes(job), Collected(()))
                    continue
                left, lost = left + 1, error
                log.warning("job_not_collected", system=self.system, job=job.handle, code=error.code)
        return left, lost

    def _collect(self, job: Job) -> bool:
        wishes = self._wishes(job)
        # Without any left - all its people were forgotten - nobody waits for it.
        give_up = not wishes or self._age(job) > GIVE_UP
        with contained(self.system):
            changes = [wish.change for wish in wishes.values()]
            found = self._jobs.collect(job.handle, changes, give_up=give_up)
        if self.lease.left() < SAFETY:
            self.lease.renew()
        if found is None:
            return False
        self._record(job, wishes, found)
        return True

    def _wishes(self, job: Job) -> dict[str, Wish]:
        with self.app.reading() as conn:
            return {wish.change.key: wish for wish in desk.wishes(conn, job)}

    def _age(self, job: Job) -> timedelta:
        return self.app.clock() - job.opened_at

    def _record(self, job: Job, wishes: dict[str, Wish], found: Collected) -> None:
        with self.lease.writing() as conn:
            if job.handle not in self.own:
                desk.plan_again(conn, job)
            self.settle(conn, wishes, found.receipts)
            desk.end(conn, job, found.untried)
        log.info(
            "job_collected",
            system=self.system,
            job=job.handle,
            receipts=len(found.receipts),
            untried=len(found.untried),
            unknown=len(wishes) - len(found.receipts) - len(found.untried),
        )

    def _sleep(self, seconds: float, going: Callable[[], bool]) -> None:
        """In short pieces: whoever asks us to end does not wait for it, and the lease is kept."""
        while seconds > 0 and going():
            if self.lease.left() < SAFETY:
                self.lease.renew()
            self.app.sleep(min(seconds, 1.0))
            seconds -= 1.0
