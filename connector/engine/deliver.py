"""Deliver: what waits in the outbox goes out, claimed before it is sent, its receipt recorded after.

Each system has a thread of its own; within it, batches go out side by side as far as the adapter allows. A system
that cannot be reached keeps its changes for the next run; the others go on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from connector.changes import AddToList, AnyChange, CreatePerson, Lane, RaiseAlert, RemoveFromList, SetFields
from connector.contain import contained
from connector.engine.app import App
from connector.engine.report import Report
from connector.engine.threads import Pool
from connector.errors import AdapterError, ConnectorError, Exhausted, Mismatch, Throttled, Uncertain
from connector.model import Ref
from connector.ports import Adapter, Receipt
from connector.rules.alert import pace, release_time
from connector.rules.view import says_no
from connector.store import load, outbox, people, runs, touchpoints
from connector.store.lease import Lease
from connector.store.outbox import Wish
from connector.store.runs import Counts

log = structlog.get_logger("connector.deliver")

WINDOW = 5000
"""Changes taken from the outbox at once; bounds memory."""
BACK_OFF = timedelta(minutes=5)
SAFETY = timedelta(seconds=90)
"""A batch is sent only while the lease lasts this much longer; renewed before that."""


def deliver(app: App, lease: Lease, report: Report) -> None:
    """Send what is due, each system in a thread of its own.

    :raises Fenced: another run has taken over; nothing was recorded after that
    """
    with Pool(max_workers=len(app.adapters)) as pool:
        for done in [pool.submit(_System(app, name, lease, report).deliver) for name in app.adapters]:
            done.result()


@dataclass
class _System:
    """The delivery to one system during one run."""

    app: App
    name: str
    lease: Lease
    report: Report
    stopped: ConnectorError | None = None
    unfit: dict[Hashable, ConnectorError] = field(default_factory=dict)
    """Groups of changes that wait for a person, and why; the others go on."""
    left: Counter[str] = field(default_factory=Counter)
    """Changes of those groups, by kind."""
    tally: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))

    @property
    def adapter(self) -> Adapter:
        return self.app.adapters[self.name]

    @property
    def going(self) -> bool:
        """Whether the next batch may be sent."""
        return self.stopped is None and not self.app.stopping

    def deliver(self) -> None:
        """Everything that is due for this system, window by window."""
        seen: set[str] = set()
        while self.going:
            wishes = [w for w in self._due() if w.change.key not in seen]
            if not wishes:
                break
            seen.update(w.change.key for w in wishes)
            self._send_all(self._fit_to_send(wishes))
        self._count_deferred()
        for kind, counts in sorted(self.tally.items()):
            with self.lease.writing() as conn:
                runs.add_ledger(conn, self.report.run, self.name, f"→{kind}", counts)
            self.report.count(self.name, f"→{kind}", counts)
        for error in [*self.unfit.values(), *([self.stopped] if self.stopped else [])]:
            if not isinstance(error, Exhausted):
                self.report.problem(self.name, error)

    def _due(self) -> list[Wish]:
        kinds = [kind.__name__ for kind in self.adapter.writes]
        with self.app.reading() as conn:
            lanes = [str(lane) for lane in self.app.setup.config.run.lanes]
            return outbox.pending(conn, self.name, self.app.clock(), lanes, kinds, WINDOW)

    def _fit_to_send(self, wishes: Sequence[Wish]) -> list[Wish]:
        """Without list entries for people who opted out meanwhile, and with alerts held to the owners' day."""
        kept = []
        with self.lease.writing() as conn:
            for wish in wishes:
                change = wish.change
                if (
                    isinstance(change, AddToList)
                    and change.lane is Lane.NURTURE
                    and self._opted_out(conn, change.identity)
                ):
                    outbox.drop(conn, [change.key], "opted_out")
                    self._tally(change, Counts(read=1, ignored=1))
                else:
                    kept.append(wish)
            return self._paced(conn, kept)

    def _opted_out(self, conn: Connection, identity: str) -> bool:
        consents = self.app.setup.rules.consents()
        return any(says_no(filed.person, consents) for filed in load.records_of(conn, identity))

    def _paced(self, conn: Connection, wishes: list[Wish]) -> list[Wish]:
        quiet = self.app.setup.config.run.quiet
        waiting = [w.change for w in wishes if isinstance(w.change, RaiseAlert)]
        tz, now = self.app.setup.config.timezone, self.app.clock()
        if waiting and (until := release_time(now, quiet.alerts, tz)) > now:
            outbox.put_off(conn, [alert.key for alert in waiting], until)
            return [w for w in wishes if not isinstance(w.change, RaiseAlert)]
        if not waiting or quiet.per_owner_per_day is None:
            return wishes
        midnight = now.astimezone(tz).replace(hour=0, minute=0, second=0, microsecond=0)
        sent = outbox.sent_alerts(conn, self.name, midnight)
        ja = self.app.setup.config.language == "ja"
        # One over the limit: today's digest has gone; what comes now waits for tomorrow.
        late = {a.key for a in waiting if sent.get(a.owner_id, 0) > quiet.per_owner_per_day}
        outbox.put_off(conn, sorted(late), midnight + timedelta(days=1))
        wishes = [w for w in wishes if w.change.key not in late]
        waiting = [a for a in waiting if a.key not in late]
        paced = pace(waiting, sent, quiet.per_owner_per_day, now, tz, ja=ja)
        outbox.enqueue(conn, paced.digests, self.report.run, now, {})
        for digest, keys in paced.digested.items():
            outbox.fold(conn, keys, digest)
            for _ in keys:
                self._tally(waiting[0], Counts(read=1, ignored=1))
        going = {alert.key for alert in paced.now}
        others = [w for w in wishes if not isinstance(w.change, RaiseAlert) or w.change.key in going]
        return others + [Wish(digest, 0) for digest in paced.digests]

    def _send_all(self, wishes: Sequence[Wish]) -> None:
        batches = _batches(wishes, self.adapter)
        under_way: set[Future[None]] = set()
        with Pool(max_workers=self.adapter.connections) as pool:
            for batch in batches:
                if not self.going:
                    break
                if len(under_way) >= self.adapter.connections:
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    for one in done:
                        one.result()
                if self.going:
                    under_way.add(pool.submit(self._send, batch))
            for one in under_way:
                one.result()

    def _send(self, batch: Sequence[Wish]) -> None:
        """One batch: claim, send, settle. What the adapter raises decides about the rest of the batch."""
        wishes = {wish.change.key: wish for wish in batch}
        group, kind = self.adapter.group(batch[0].change), type(batch[0].change).__name__
        if group in self.unfit:
            with self.lease.writing() as conn:
                self._leave(conn, kind, list(wishes))
            return
        if self.lease.left() < SAFETY:
            self.lease.renew()
        with self.lease.writing() as conn:
            outbox.claim(conn, list(wishes), self.lease.token, self.app.clock())
        receipts: list[Receipt] = []
        error: AdapterError | None = None
        try:
            with contained(self.name, sent=True):
                receipts.extend(self.adapter.push([wish.change for wish in batch]))
        except AdapterError as raised:
            error = raised
        with self.lease.writing() as conn:
            self._settle(conn, wishes, receipts)
            rest = [key for key in wishes if key not in {receipt.key for receipt in receipts}]
            if isinstance(error, Mismatch):
                self.unfit.setdefault(group, error)
                self._leave(conn, kind, rest)
            elif error is not None:
                self._put_off(conn, rest, error)
            if error is not None:
                self._tell(conn, error, len(rest))
        self.report.expect_calls(self.name, self.adapter.calls_for(len(batch)))
        self.report.watch(f"{self.name} →{kind} {self.tally[kind].read:,}")
        log.info("batch_delivered", system=self.name, kind=kind, receipts=len(receipts))

    def _settle(self, conn: Connection, wishes: dict[str, Wish], receipts: Sequence[Receipt]) -> None:
        now = self.app.clock()
        attempts = self.app.setup.config.run.attempts
        states = outbox.settle(conn, wishes, receipts, self.report.run, now, now + BACK_OFF, attempts)
        done = [wishes[receipt.key].change for receipt in receipts if receipt.status == "done"]
        people.write_back(conn, [_write_back(change) for change in done if isinstance(change, SetFields)], now)
        for receipt in receipts:
            change = wishes[receipt.key].change
            if receipt.status == "done":
                _remember(conn, change, receipt, now)
            state = states[receipt.key]
            self._tally(
                change,
                Counts(1, used=int(state == "done"), parked=int(state == "parked"), deferred=int(state == "pending")),
            )

    def _put_off(self, conn: Connection, keys: Sequence[str], error: AdapterError) -> None:
        """Nothing is known about these yet; they stay for later, and this system is left alone in this run."""
        self.stopped = self.stopped or error
        if isinstance(error, Uncertain):
            outbox.in_doubt(conn, keys)
        else:
            until = self.app.clock()
            if isinstance(error, Throttled):
                until += error.wait
            outbox.put_off(conn, keys, until)

    def _leave(self, conn: Connection, kind: str, keys: Sequence[str]) -> None:
        """These wait for a person: out of the way of what can be sent now."""
        outbox.put_off(conn, keys, self.app.clock() + BACK_OFF)
        self.left[kind] += len(keys)

    def _tell(self, conn: Connection, error: AdapterError, changes: int) -> None:
        if error.evidence:
            runs.keep_evidence(conn, self.name, str(error), error.evidence, self.app.clock())
        log.warning(
            "system_unavailable", system=self.name, error=type(error).__name__, code=error.code, changes=changes
        )

    def _count_deferred(self) -> None:
        """What is still due was not sent: deferred, by name of its kind."""
        waiting: Mapping[str, int] = self.left
        if not self.going:
            with self.app.reading() as conn:
                waiting = outbox.still_due(conn, self.name, self.app.clock() + BACK_OFF)
        for kind, count in waiting.items():
            self.tally[kind].add(Counts(read=count, deferred=count))

    def _tally(self, change: AnyChange, counts: Counts) -> None:
        self.tally[type(change).__name__].add(counts)


def _batches(wishes: Sequence[Wish], adapter: Adapter) -> Iterator[Sequence[Wish]]:
    """Wishes of one group together, as many as the adapter takes, in the order in which they come up."""
    open_: dict[Hashable, list[Wish]] = {}
    batches: list[list[Wish]] = []
    for wish in wishes:
        group = adapter.group(wish.change)
        batch = open_.get(group)
        if batch is None:
            batch = open_[group] = []
            batches.append(batch)  # its turn comes with its first wish
        batch.append(wish)
        if len(batch) == adapter.batch:
            del open_[group]
    yield from batches


def _remember(conn: Connection, change: AnyChange, receipt: Receipt, now: datetime) -> None:
    """What was written is what we last saw there: reading it back will be no news."""
    if isinstance(change, AddToList):
        touchpoints.set_member(conn, change.system, change.list, change.person.id, on_list=True, at=now)
    elif isinstance(change, RemoveFromList):
        touchpoints.set_member(conn, change.system, change.list, change.person.id, on_list=False, at=now)
    elif isinstance(change, CreatePerson) and receipt.remote_id:
        ref = Ref(change.system, change.object, receipt.remote_id)
        people.put_created(conn, ref, change.values, change.identity, now)


def _write_back(change: SetFields) -> people.WriteBack:
    """As `_remember`, for fields: our own key apart from the values."""
    own = next((reason.field for reason in change.reasons if reason.rule == "identity"), None)
    values = {name: value for name, value in change.values.items() if name != own}
    return people.WriteBack(change.ref, values, str(change.values[own]) if own else None)
