"""Reconcile: read every system from its beginning and compare what it says with what is recorded here.

It only reads the systems. What it saw is recorded as a page of any reading is, so that the next plan starts from it:
a field of ours that somebody changed unseen is written again.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Literal

import structlog
from sqlalchemy import Connection

from connector.contain import each_contained
from connector.engine.app import App
from connector.engine.drift import looked_for
from connector.engine.probing import keep_evidence
from connector.engine.pull import pull, store_records
from connector.engine.report import Report
from connector.engine.run import Watch, counting_calls, written_down
from connector.errors import AdapterError, Exhausted, Halted, Interrupted, Text, text
from connector.model import Deal, Gone, Inventory, Membership, Person, Ref, Value, Written
from connector.ports import Needs, Page
from connector.rules.translate import same
from connector.store import deals, outbox, people, runs, touchpoints
from connector.store.lease import Lease
from connector.store.people import Filed
from connector.store.runs import Counts
from connector.store.told import Told

log = structlog.get_logger("connector.reconcile")

Sign = Literal["=", "~", "+", "-", "!"]
"""= as recorded · ~ differs · + there, not known here · - known here, not there · ! could not be compared."""

KEPT = 10_000
"""So many differences are listed of a system; all are counted."""


@dataclass(frozen=True, slots=True)
class Differs:
    """One field: what is recorded, what stands there now, and what we last wrote into it, where we did."""

    name: str
    recorded: Value
    now: Value
    written: Written | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One record that is not as recorded."""

    sign: Sign
    place: str
    fields: Sequence[Differs] = ()
    why: Text | None = None


@dataclass(slots=True)
class Compared:
    """One system: how many records of each object bear which sign, and which are not as recorded."""

    counts: dict[str, Counter[Sign]] = field(default_factory=lambda: defaultdict(Counter))
    differences: list[Difference] = field(default_factory=list)
    doubled: Mapping[str, Sequence[Ref]] = field(default_factory=dict)
    """Records of people that bear the same key of ours, by that key: one of them is too many."""

    def note(
        self, sign: Sign, kind: str, place: str, *, differs: Sequence[Differs] = (), why: Text | None = None
    ) -> None:
        """One record."""
        self.counts[kind][sign] += 1
        if sign != "=" and len(self.differences) < KEPT:
            self.differences.append(Difference(sign, place, differs, why))

    @property
    def differing(self) -> int:
        """How many records differ, are new, or are missing."""
        return sum(counts[sign] for counts in self.counts.values() for sign in _DIFFER)

    @property
    def to_write(self) -> int:
        """How many records differ in a field that we wrote."""
        return sum(any(each.written for each in one.fields) for one in self.differences)


_DIFFER: tuple[Sign, ...] = ("~", "+", "-")


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What was found, system by system; and what is under way to them."""

    systems: Mapping[str, Compared]
    parked: Mapping[str, int]
    uncertain: Mapping[str, int]
    report: Report

    @property
    def differs(self) -> bool:
        """Whether anything is not as recorded."""
        return any(found.differing or found.doubled for found in self.systems.values())


def reconcile(app: App, *, first: bool = True, watch: Watch = lambda _: None) -> Reconciled:
    """Compare every system with what is recorded of it.

    `first`: read what is new as a run does, so that only what no reading told is left to differ.

    :raises Locked: another run is at work
    """
    systems, whole = {name: Compared() for name in app.adapters}, app.setup
    with (
        app.lease() as lease,
        written_down(app, lease, None, None) as report,
        looked_for(app, lease, report),
        counting_calls(app, lease, report, app.adapters),
    ):
        report.watch, report.word = watch, "reconcile"
        try:
            if first and not report.halted:
                pull(app, lease, report)
            for name, found in systems.items() if not report.halted else ():
                unseen = _names(whole.needs(name)) - _names(app.setup.needs(name))
                _Comparing(app, name, lease, report, found, unseen).compare()
        except Interrupted:
            report.interrupted = True
    with app.reading() as conn:
        parked = {system: n for (system, state), n in outbox.backlog(conn).items() if state == "parked"}
        return Reconciled(systems, parked, outbox.uncertain(conn), report)


def _names(needs: Needs) -> frozenset[str]:
    """Native names and our words of everything that is read of a system's records."""
    return frozenset(name for each in needs.objects.values() for name in (*each.read, *each.words))


@dataclass
class _Comparing:
    """The comparison with one system."""

    app: App
    name: str
    lease: Lease
    report: Report
    found: Compared
    unseen: frozenset[str]
    """Fields that are left out, because they drifted: nobody can say what stands there."""
    seen: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Ids of people and deals that were told, by object."""
    unsure: set[str] = field(default_factory=set)
    """Objects of which some record could not be read."""
    vague: bool = False
    """Records could not be read of which nobody knows the object."""

    def compare(self) -> None:
        adapter = self.app.adapters[self.name]
        if not adapter.rereads:
            self.found.note("!", "*", self.name, why=_ONCE)
            return
        whole = True
        for at, stream in enumerate(adapter.streams):
            try:
                for page in each_contained(self.name, partial(adapter.pull, stream, None)):
                    self._page(stream, page)
                    self.app.go_on()
            except Exhausted as error:
                self.report.put_off(self.name, adapter.streams[at:], error)
                self.found.note("!", stream, stream, why=error.what)
                whole = False
                break
            except Halted as halted:
                self.report.problem(self.name, halted)
                self.found.note("!", stream, stream, why=halted.what)
                whole = False
            except AdapterError as error:
                keep_evidence(self.app, self.lease, self.name, error)
                self.report.problem(self.name, error)
                self.found.note("!", stream, stream, why=error.what)
                whole = False
        with self.lease.writing() as conn:
            if whole:
                # Where nothing at all was told of an object, its right may have been taken away, or everything deleted.
                unseen = people.living_objects(conn, self.name) | deals.living_objects(conn, self.name)
                for kind in sorted((self.seen.keys() | (set() if self.vague else unseen)) - self.unsure):
                    self._missing(conn, kind)
            self.found.doubled = people.doubled(conn, self.name)
            if whole:
                runs.remember(conn, f"drift:{self.name}", str(self.found.differing))
        log.info("system_compared", system=self.name, differing=self.found.differing)

    def _page(self, stream: str, page: Page) -> None:
        told = Told()
        with self.lease.writing() as conn:
            before = _Before.of(conn, page)
            guards = self.app.setup.config.run.guards
            store_records(conn, self.app.setup, page, self.app.clock(), guards, told, self.report.run)
            counts = Counts(page.read, told.used, told.unchanged, len(page.rejects), page.ignored.total() + told.erased)
            runs.add_ledger(conn, self.report.run, self.name, f"={stream}", counts)
        self.report.count(self.name, f"={stream}", counts)
        for reject in page.rejects:
            self.found.note("!", stream, reject.where, why=reject.what)
        objects = {record.ref.object for record in page.records if isinstance(record, Person | Deal)}
        if page.rejects:
            self.unsure |= objects
            self.vague |= not page.records
        for record in page.records:
            if isinstance(record, Membership):
                self._list(record, before.lists.get(record.list, frozenset()))
            elif isinstance(record, Gone):
                if told.fates.get(record.ref, "same") != "same":
                    self.found.note("-", record.ref.object, str(record.ref))
            elif not isinstance(record, Inventory):
                if isinstance(record, Person | Deal):
                    self.seen[record.ref.object].add(record.ref.id)
                self._record(record.ref, told, _differences(before, record))

    def _record(self, ref: Ref, told: Told, differs: Sequence[Differs]) -> None:
        fate = told.fates.pop(ref, None)  # once, though it may stand in the page twice
        told_of = [each for each in differs if each.name not in self.unseen]
        same = fate == "same" or (differs and not told_of)
        if fate is not None:
            sign: Sign = "=" if same else "+" if fate == "new" else "~"
            self.found.note(sign, ref.object, str(ref), differs=told_of if sign == "~" else ())

    def _list(self, now: Membership, before: frozenset[str]) -> None:
        kind = f"list {now.list}"
        self.found.counts[kind]["="] += len(now.members & before)
        for sign, ids in (("+", now.members - before), ("-", before - now.members)):
            for id_ in sorted(ids):
                self.found.note("+" if sign == "+" else "-", kind, f"{self.name}/{now.list} {id_}")

    def _missing(self, conn: Connection, kind: str) -> None:
        """Records that are known here and were not told; as with an inventory, the second time they count as gone."""
        living = people.living_ids(conn, self.name, kind) | deals.living_ids(conn, self.name, kind)
        for id_ in sorted(living - self.seen[kind]):
            self.found.note("-", kind, str(Ref(self.name, kind, id_)))
        inventory = Page([Inventory(self.name, kind, frozenset(self.seen[kind]))], "")
        guards = self.app.setup.config.run.guards
        try:
            store_records(conn, self.app.setup, inventory, self.app.clock(), guards, Told())
        except Halted as halted:
            self.found.note("!", kind, f"{self.name}/{kind}", why=halted.what)


_ONCE = text(
    "gives each record only once: there is nothing to compare with",
    "各レコードを一度しか渡さない連携先のため、照合できません",
)


@dataclass(frozen=True, slots=True)
class _Before:
    """What was recorded of a page's records before it was stored."""

    people: Mapping[Ref, Filed]
    deals: Mapping[Ref, Deal]
    lists: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, conn: Connection, page: Page) -> _Before:
        refs = {record.ref for record in page.records if isinstance(record, Person)}
        known = {filed.person.ref: filed for filed in people.filed_of(conn, refs) if filed.known and not filed.gone}
        sold = deals.recorded(conn, {record.ref for record in page.records if isinstance(record, Deal)})
        lists = [record for record in page.records if isinstance(record, Membership)]
        return cls(known, sold, {each.list: touchpoints.members(conn, each.system, each.list) for each in lists})


def _differences(before: _Before, now: object) -> Sequence[Differs]:
    """The fields in which a record differs from what is recorded of it; none for records without such a list."""
    if isinstance(now, Person) and (filed := before.people.get(now.ref)) is not None:
        return [*_of_person(filed, now)]
    if isinstance(now, Deal) and (old := before.deals.get(now.ref)) is not None:
        now = replace(now, people=(), modified_at=old.modified_at)
        names = [each.name for each in fields(Deal) if getattr(old, each.name) != getattr(now, each.name)]
        return [Differs(name, getattr(old, name), getattr(now, name)) for name in names]
    return ()


def _of_person(filed: Filed, now: Person) -> Iterator[Differs]:
    old = filed.person
    for name in sorted(old.native.keys() | now.native.keys()):
        if not same(old.native.get(name), now.native.get(name)):
            yield Differs(name, old.native.get(name), now.native.get(name), filed.written.get(name))
    for name in sorted(old.fields.keys() | now.fields.keys()):
        if name not in now.native and not same(old.fields.get(name), now.fields.get(name)):
            yield Differs(name, old.fields.get(name), now.fields.get(name))
    for name in ("key", "company_id", "owner_id"):
        if getattr(old, name) != getattr(now, name):
            yield Differs(name, getattr(old, name), getattr(now, name))
