"""Deliver: what waits in the outbox goes out, claimed before it is sent, its receipt recorded after.

Each system has a thread of its own; within it, batches go out side by side as far as the adapter allows. A system
that cannot be reached keeps its changes for the next run; the others go on. Where a system takes many changes as a job
(`connector.engine.jobs`), its result is waited for when everything else is sent.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from connector.changes import UNDO, AddToList, AnyChange, CreatePerson, Lane, RaiseAlert, RemoveFromList, SetFields
from connector.contain import contained
from connector.engine.app import App
from connector.engine.jobs import JobDesk, loads
from connector.engine.report import Report
from connector.engine.threads import Pool
from connector.engine.waiting_alerts import renewed
from connector.errors import (
    AdapterError,
    ConnectorError,
    Exhausted,
    Mismatch,
    Refused,
    StoreError,
    Throttled,
    Unavailable,
    Uncertain,
    text,
)
from connector.model import Ref
from connector.ports import Adapter, Receipt
from connector.rules.alert import is_digest, pace
from connector.rules.view import says_no
from connector.store import jobs, load, outbox, people, runs, tally, touchpoints
from connector.store.lease import SAFETY, Lease
from connector.store.outbox import Wish
from connector.store.runs import Counts

log = structlog.get_logger("connector.deliver")

WINDOW = 5000
"""Changes taken from the outbox at once; bounds memory."""
BACK_OFF = timedelta(minutes=5)
ALERTS_AFTER = "alerts_after"
"""Name of the tally of how many seconds after what it tells of an alert came."""
ALERT_SECONDS = (60, 300, 900, 1800, 3600, 14_400, 86_400)
"""Upper bounds of its buckets."""
_AT_WORK = text(
    "the system is at work on it; a later run fetches the results",
    "連携先で処理中です。結果は次回以降の実行で取得します",
)
_AMPLE = 2
"""A budget that leaves so many times what the batches take at least is not short, whatever is sent again."""


def deliver(app: App, lease: Lease, report: Report, *, only: str | None = None) -> None:
    """Send what is due, each system in a thread of its own; `only`: what the run of that id wrote down.

    :raises Fenced: another run has taken over; nothing was recorded after that
    """
    names = to_deliver(app, lease, report)
    with Pool(max_workers=max(len(names), 1)) as pool:
        for done in [pool.submit(Delivery(app, name, lease, report, only).deliver) for name in names]:
            done.result()


def to_deliver(app: App, lease: Lease, report: Report) -> list[str]:
    """The systems to send to; what was planned since for one that stopped earlier in this run is deferred."""
    for name in sorted(report.left_alone):
        with lease.writing() as conn:
            Delivery(app, name, lease, report).count_since(conn, report.left_alone[name])
    return [name for name in app.adapters if name not in report.left_alone]


def collect(app: App, lease: Lease, report: Report) -> None:
    """Ask once about the jobs that earlier runs left behind: what has ended counts before anything is planned.

    A system that cannot be asked now tells so again when it is read.
    """
    for name, adapter in app.adapters.items():
        if adapter.jobs is not None:
            Delivery(app, name, lease, report).collect()


@dataclass
class Delivery:
    """The delivery to one system during one run."""

    app: App
    name: str
    lease: Lease
    report: Report
    only: str | None = None
    stopped: ConnectorError | None = None
    unfit: dict[Hashable, ConnectorError] = field(default_factory=dict)
    """Groups of changes that wait for a person, and why; the others go on."""
    deferred: set[str] = field(default_factory=set)
    """Keys of changes that count as deferred already."""
    broken_off: list[AnyChange] = field(default_factory=list)
    """Changes of batches that were broken off: they count with all that was not tried."""
    tally: Counter[str] = field(default_factory=Counter)
    """Changes that were looked at, by kind."""
    uncounted: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    """What the ledger has not heard of yet: it does in the transaction that makes it true."""
    began: datetime = field(init=False)
    """What is due is judged by this moment: what was tried and put off does not come up again, however long it takes,
    and take the turn of what was not."""
    desk: JobDesk = field(init=False)

    def __post_init__(self) -> None:
        """It begins; a desk for the jobs of this system."""
        self.began = self.app.clock()
        self.desk = JobDesk(self.app, self.name, self.lease, self._settle_job)

    @property
    def adapter(self) -> Adapter:
        """The system itself."""
        return self.app.adapters[self.name]

    @property
    def going(self) -> bool:
        """Whether the next batch may be sent."""
        return self.stopped is None and not self.app.stopping

    def deliver(self) -> None:
        """Send what is due, and sum up."""
        self.send()
        with self.lease.writing() as conn:
            self.sum_up(conn)

    def send(self) -> None:
        """Everything that is due for this system, window by window."""
        seen: set[str] = set()
        http = self.adapter.http
        with http.writing_while(lambda: self.lease.check(SAFETY)) if http is not None else nullcontext():
            if self._room():
                self._renew_alerts()
            while self._room():
                wishes = [w for w in self._due() if w.change.key not in seen]
                if not wishes:
                    break
                seen.update(w.change.key for w in wishes)
                self._send_all(self._fit_to_send(wishes))
            self._wait_for_jobs()

    def _renew_alerts(self) -> None:
        with self.app.reading() as conn:
            found = renewed(conn, self.app.setup.rules.alerts, self.name, self.only)
        if not (found.turned or found.over or found.ownerless):
            return
        now = self.app.clock()
        with self.lease.writing() as conn:
            outbox.redirect(conn, found.turned, now)
            outbox.drop(conn, [alert.key for alert in found.over], "over")
            outbox.wait(conn, [alert.key for alert in found.ownerless], now + BACK_OFF)
            for alert in found.over:
                self._tally(alert, Counts(read=1, ignored=1))
            self._count(conn)
        log.info(
            "alerts_renewed", system=self.name, turned=len(found.turned), over=len(found.over),
            ownerless=len(found.ownerless),
        )  # fmt: skip

    def sum_up(self, conn: Connection) -> None:
        """Count what was left, and tell what stood in the way; in the transaction that ends this delivery."""
        self._count_deferred(conn)
        self._count(conn)
        if self.stopped is not None:
            self.report.leave_alone(self.name, self.app.clock())
        for error in [*self.unfit.values(), *([self.stopped] if self.stopped else [])]:
            if not isinstance(error, Exhausted):
                self.report.problem(self.name, error)

    def count_since(self, conn: Connection, at: datetime) -> None:
        """Count what was planned since then as left."""
        self._defer(outbox.still_due(conn, self.name, self.began, self._kinds, since=at))
        self._count(conn)
        self.report.leave_alone(self.name, self.began)

    def _room(self) -> bool:
        """Whether the receipts of what is sent next could be written down; if not, this delivery ends."""
        try:
            self.app.look_for_room()
        except StoreError as error:
            self.stopped = self.stopped or error
        return self.going

    def collect(self) -> None:
        """See `collect` above."""
        try:
            self.desk.collect()
        except AdapterError as error:
            log.warning("system_unavailable", system=self.name, error=type(error).__name__, code=error.code)

    @property
    def _kinds(self) -> list[str]:
        return [kind.__name__ for kind in self.adapter.writes]

    def _due(self) -> list[Wish]:
        window = max(WINDOW, self.adapter.jobs.most if self.adapter.jobs else 0)
        with self.app.reading() as conn:
            lanes = [str(lane) for lane in self.app.setup.config.run.lanes]
            return outbox.pending(conn, self.name, self.began, lanes, self._kinds, window, self.only)

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
            kept = self._paced(conn, kept)
            self._count(conn)
            return kept

    def _opted_out(self, conn: Connection, identity: str) -> bool:
        consents = self.app.setup.rules.consents()
        return any(says_no(filed.person, consents) for filed in load.records_of(conn, identity))

    def _paced(self, conn: Connection, wishes: list[Wish]) -> list[Wish]:
        quiet = self.app.setup.config.run.quiet
        waiting = [w.change for w in wishes if isinstance(w.change, RaiseAlert)]
        tz, now = self.app.setup.config.timezone, self.app.clock()
        if waiting and (until := self.app.setup.config.release_time(now)) > now:
            outbox.put_off(conn, [alert.key for alert in waiting], until)
            return [w for w in wishes if not isinstance(w.change, RaiseAlert)]
        if not waiting or quiet.per_owner_per_day is None:
            return wishes
        # Told anew in a digest, what may have been told already would be told twice.
        as_it_is = [w.change for w in wishes if isinstance(w.change, RaiseAlert) and _passes(w, w.change)]
        passing = {alert.key for alert in as_it_is}
        waiting = [alert for alert in waiting if alert.key not in passing]
        midnight = now.astimezone(tz).replace(hour=0, minute=0, second=0, microsecond=0)
        sent = Counter(outbox.sent_alerts(conn, self.name, midnight))
        told = {owner for owner, count in sent.items() if count > quiet.per_owner_per_day}
        told |= {alert.owner_id for alert in as_it_is if is_digest(alert)}
        sent.update(alert.owner_id for alert in as_it_is if not is_digest(alert))
        ja = self.app.setup.config.language == "ja"
        paced = pace(waiting, sent, quiet.per_owner_per_day, now, tz, ja=ja)
        digests = [digest for digest in paced.digests if digest.owner_id not in told]
        due = {digest.key: self.began for digest in digests}  # as the alerts that it stands for
        outbox.enqueue(conn, digests, self.report.run, now, due)
        for digest in paced.digests:
            keys = paced.digested[digest.key]
            if digest.owner_id in told:  # today's digest has gone, or goes now: what comes now waits for tomorrow
                outbox.put_off(conn, keys, midnight + timedelta(days=1))
                continue
            outbox.fold(conn, keys, digest.key)
            for _ in keys:
                self._tally(waiting[0], Counts(read=1, ignored=1))
        going = passing | {alert.key for alert in paced.now}
        others = [w for w in wishes if not isinstance(w.change, RaiseAlert) or w.change.key in going]
        return others + [Wish(digest, 0) for digest in digests]

    def _send_all(self, wishes: Sequence[Wish]) -> None:
        by_job = self._loads(wishes)
        taken = {wish.change.key for load in by_job for wish in load}
        rest = list(_batches([w for w in wishes if w.change.key not in taken], self.adapter))
        batches = [*((load, self._hand_over) for load in by_job), *((batch, self._send) for batch in rest)]
        turn = {wish.change.key: place for place, wish in enumerate(wishes)}
        batches.sort(key=lambda each: turn[each[0][0].change.key])
        under_way: set[Future[None]] = set()
        connections = self._connections([batch for batch, _ in batches])
        with Pool(max_workers=connections) as pool:
            for batch, send in batches:
                if not self.going:
                    break
                if len(under_way) >= connections:
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    for one in done:
                        one.result()
                if self._room():
                    under_way.add(pool.submit(send, batch))
            for one in under_way:
                one.result()

    def _loads(self, wishes: Sequence[Wish]) -> list[Sequence[Wish]]:
        """What goes by jobs."""
        try:
            with contained(self.name):
                return list(loads(self.adapter, wishes))
        except AdapterError as error:
            self._stop(error, len(wishes))
            return []

    def _hand_over(self, load: Sequence[Wish]) -> None:
        """One job; by and by, when the system does not take it as a job."""
        try:
            self.desk.hand_over(load)
        except Refused as error:
            log.warning("job_refused", system=self.name, code=error.code, changes=len(load))
            for batch in _batches(load, self.adapter):
                if self.going:
                    self._send(batch)
        except AdapterError as error:
            self._stop(error, len(load))
        else:
            self.report.expect_calls(self.name, self.adapter.calls_for(len(load)))
            self.report.watch(f"{self.name} →{type(load[0].change).__name__} {len(load):,} ...")

    def _stop(self, error: AdapterError, changes: int) -> None:
        """This system is left alone in this run."""
        self.stopped = self.stopped or error
        with self.lease.writing() as conn:
            self._tell(conn, error, changes)

    def _wait_for_jobs(self) -> None:
        """What is in jobs that take longer than a run waits is deferred, by name of its kind."""
        if self.adapter.jobs is None:
            return
        try:
            left = self.desk.wait(lambda: self.going)
        except AdapterError as error:
            self._stop(error, 0)
            with self.app.reading() as conn:
                left = jobs.sizes(conn, self.name)
        if left:
            self.report.put_off(self.name, [f"→{kind}" for kind in sorted(left)], Unavailable(_AT_WORK))
        self._defer(left)

    def _connections(self, batches: Sequence[Sequence[Wish]]) -> int:
        """One at a time when the budget may not suffice: side by side, a later lane could take the last call."""
        http = self.adapter.http
        needed = sum(self.adapter.calls_for(len(batch)) for batch in batches)
        return 1 if http is not None and http.left() < _AMPLE * needed else self.adapter.connections

    def _send(self, batch: Sequence[Wish]) -> None:
        """One batch: claim, send, settle. What the adapter raises decides about the rest of the batch."""
        wishes = {wish.change.key: wish for wish in batch}
        group, kind = self.adapter.group(batch[0].change), type(batch[0].change).__name__
        if group in self.unfit:
            with self.lease.writing() as conn:
                self._leave(conn, [wish.change for wish in batch])
                self._count(conn)
            return
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
            told = {receipt.key for receipt in receipts}
            rest = [wish.change for wish in batch if wish.change.key not in told]
            if isinstance(error, Mismatch):
                self.unfit.setdefault(group, error)
                self._leave(conn, rest)
            elif error is not None:
                self._put_off(conn, rest, error)
            if error is not None:
                self._tell(conn, error, len(rest))
            self._count(conn)
        self.report.expect_calls(self.name, self.adapter.calls_for(len(batch)))
        self.report.watch(f"{self.name} →{kind} {self.tally[kind]:,}")
        log.info("batch_delivered", system=self.name, kind=kind, receipts=len(receipts))

    def _settle_job(self, conn: Connection, wishes: dict[str, Wish], receipts: Sequence[Receipt]) -> None:
        self._settle(conn, wishes, receipts)
        self._count(conn)

    def _settle(self, conn: Connection, wishes: dict[str, Wish], receipts: Sequence[Receipt]) -> None:
        now = self.app.clock()
        attempts = self.app.setup.config.run.attempts
        states = outbox.settle(conn, self.app.trail, wishes, receipts, self.report.run, now, now + BACK_OFF, attempts)
        done = [wishes[receipt.key].change for receipt in receipts if receipt.status == "done"]
        written = [_write_back(change) for change in done if isinstance(change, SetFields)]
        people.write_back(conn, written, now, self.app.setup.rules.flip_flop.within)
        self._note_alerts(conn, done, now)
        for receipt in receipts:
            change = wishes[receipt.key].change
            if receipt.status == "done":
                _remember(conn, change, receipt, now)
            state = states[receipt.key]
            if state == "pending":
                self._stays(change)
            else:
                self._tally(change, Counts(read=1, used=int(state == "done"), parked=int(state == "parked")))

    def _note_alerts(self, conn: Connection, done: Sequence[AnyChange], now: datetime) -> None:
        """How long after what it tells of an alert came, or after the quiet hours in which that happened."""
        release_time = self.app.setup.config.release_time
        waits = [
            max(0, round((now - release_time(change.stirred_at)).total_seconds()))
            for change in done
            if isinstance(change, RaiseAlert) and change.stirred_at is not None
        ]
        tally.observe(conn, ALERTS_AFTER, self.name, waits, ALERT_SECONDS)

    def _put_off(self, conn: Connection, changes: Sequence[AnyChange], error: AdapterError) -> None:
        """Nothing is known about these yet; they stay for later, and this system is left alone in this run."""
        self.stopped = self.stopped or error
        self.broken_off += changes
        keys = [change.key for change in changes]
        if isinstance(error, Uncertain):
            outbox.in_doubt(conn, keys)
        else:
            until = self.app.clock()
            if isinstance(error, Throttled):
                until += error.wait
            outbox.put_off(conn, keys, until)

    def _leave(self, conn: Connection, changes: Sequence[AnyChange]) -> None:
        """These wait for a person: out of the way of what can be sent now."""
        outbox.put_off(conn, [change.key for change in changes], self.app.clock() + BACK_OFF)
        for change in changes:
            self._stays(change)

    def _tell(self, conn: Connection, error: AdapterError, changes: int) -> None:
        if error.evidence:
            runs.keep_evidence(conn, self.name, str(error), error.evidence, self.app.clock())
        log.warning(
            "system_unavailable", system=self.name, error=type(error).__name__, code=error.code, changes=changes
        )

    def _count_deferred(self, conn: Connection) -> None:
        """What is still due was not sent: deferred, by name of its kind."""
        for change in self.broken_off:
            self._stays(change)
        self._defer(outbox.still_due(conn, self.name, self.began, self._kinds, self.only, but=self.deferred))

    def _stays(self, change: AnyChange) -> None:
        self.deferred.add(change.key)
        self._defer({type(change).__name__: 1})

    def _defer(self, kinds: Mapping[str, int]) -> None:
        for kind, count in kinds.items():
            self.uncounted[kind].add(Counts(read=count, deferred=count))

    def _tally(self, change: AnyChange, counts: Counts) -> None:
        self.uncounted[type(change).__name__].add(counts)

    def _count(self, conn: Connection) -> None:
        for kind, counts in sorted(self.uncounted.items()):
            runs.add_ledger(conn, self.report.run, self.name, f"→{kind}", counts)
            self.report.count(self.name, f"→{kind}", counts)
            self.tally[kind] += counts.read
        self.uncounted.clear()


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


def _passes(wish: Wish, alert: RaiseAlert) -> bool:
    """Whether an alert is neither put into a digest nor counted out: it may have been told, or tells of others."""
    return wish.in_doubt or wish.attempts > 0 or is_digest(alert)


def _remember(conn: Connection, change: AnyChange, receipt: Receipt, now: datetime) -> None:
    """What was written is what we last saw there: reading it back will be no news."""
    if isinstance(change, AddToList):
        touchpoints.set_member(conn, change.system, change.list, change.person.id, on_list=True, ours=True, at=now)
    elif isinstance(change, RemoveFromList):
        # What an administrator takes back counts as taken off by people: it stays off.
        ours = any(reason.rule == UNDO for reason in change.reasons)
        touchpoints.set_member(conn, change.system, change.list, change.person.id, on_list=False, ours=ours, at=now)
    elif isinstance(change, CreatePerson) and receipt.remote_id:
        ref = Ref(change.system, change.object, receipt.remote_id)
        people.put_created(conn, ref, change.values, change.identity, now)


def _write_back(change: SetFields) -> people.WriteBack:
    """As `_remember`, for fields: our own key apart from the values."""
    own = next((reason.field for reason in change.reasons if reason.rule == "identity"), None)
    values = {name: value for name, value in change.values.items() if name != own}
    undone = {reason.field: change.before.get(reason.field) for reason in change.reasons if reason.rule == UNDO}
    return people.WriteBack(change.ref, values, str(change.values[own]) if own else None, undone)
