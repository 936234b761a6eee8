"""A system in memory: the reference adapter, and the fake of all tests that are not about one service.

`Memory` is the adapter, as thin as an adapter can be; `System` is the system behind it, where tests act as users do
and order faults. A system lives in `SYSTEMS` under its name as long as the program: an adapter that is made again
finds it as it was left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, assert_never

from connector.changes import (
    CHANGES,
    AddToList,
    AddTouchpoint,
    AnyChange,
    CloseAlert,
    CreatePerson,
    RaiseAlert,
    RemoveFromList,
    SetFields,
)
from connector.errors import Text, Throttled, Unavailable, Uncertain, text
from connector.model import (
    PERSON_FIELDS,
    Company,
    Deal,
    DealState,
    Gone,
    Kind,
    Membership,
    Owner,
    Person,
    Record,
    Ref,
    Role,
    Touchpoint,
    Value,
)
from connector.ports import LEFT, Adapter, Finding, Needs, Page, Receipt, Reject
from connector.spec import Spec, Word

PERSON = "person"


class Config(Spec):
    """A system in memory, for trying things out: it starts empty and ends with the program."""

    type: Literal["memory"] = "memory"
    """The word that chooses this adapter."""
    role: Word[Role]
    """Which side of the loop it plays: ma or sfa."""
    page_size: int = 2
    """Records per page."""


class Memory(Adapter):
    """The adapter. Every kind of record and change, whatever the role."""

    type = "memory"
    Config = Config
    writes = frozenset(CHANGES)
    batch = 3

    def __init__(self, name: str, config: Spec, needs: Needs) -> None:
        if not isinstance(config, Config):
            raise TypeError(config)
        self.role = config.role
        self._page_size = config.page_size
        self._needs = needs
        self._system = SYSTEMS.setdefault(name, System(name))

    @property
    def streams(self) -> Sequence[str]:
        """All kinds; lists when a mapping names one."""
        return ["owners", "companies", "people", "deals", "touchpoints", *(["lists"] if self._needs.lists else [])]

    def check(self) -> Sequence[Finding]:
        """Nothing to find: it takes any field."""
        self._system.answer()
        return []

    def pull(self, stream: str, cursor: str | None) -> Iterator[Page]:
        """The cursor is the number of the last commit that was read."""
        self._system.answer()
        if stream == "lists":
            yield self._lists()
            return
        behind = max(0, int(cursor or 0) - self._system.stutter)
        rows = [row for row in self._system.rows(stream) if row.seq > behind]
        for start in range(0, max(len(rows), 1), self._page_size):
            self._system.answer()
            page = rows[start : start + self._page_size]
            bad = [row for row in page if row.id in self._system.unreadable]
            yield Page(
                records=[self._shown(row.record) for row in page if row not in bad],
                cursor=str(page[-1].seq if page else max(behind, int(cursor or 0))),
                rejects=[Reject(f"{stream}/{row.id}", UNREADABLE) for row in bad],
            )

    def push(self, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        """Each change on its own, in order."""
        system = self._system
        if changes:
            system.answer()
        if changes and system.late > 0:
            system.late -= 1
            system.under_way += changes
            raise Uncertain(LOST, where=system.name)
        for change in changes:
            if system.dies_after == 0:
                system.dies_after, system.down = None, True
            system.answer()
            if system.dies_after is not None:
                system.dies_after -= 1
            receipt = system.carry_out(change)
            if system.lose_answer > 0:
                system.lose_answer -= 1
                raise Uncertain(LOST, where=system.name)
            yield receipt

    def _lists(self) -> Page:
        members = {name: frozenset(self._system.lists.get(name, ())) for name in sorted(self._needs.lists)}
        return Page([Membership(self._system.name, name, ids) for name, ids in members.items()], "", complete=True)

    def _shown(self, record: Record) -> Record:
        """A person with those native fields that the mappings read; anything else as it is."""
        if not isinstance(record, Person):
            return record
        needs, held = self._needs.of(record.ref.object), record.fields
        key = held.get(needs.key) if needs.key else None
        return replace(
            record,
            fields={word: held[word] for word in PERSON_FIELDS if word in held},
            native={name: held.get(name) for name in needs.read | self._needs.of("*").read},
            key=None if key is None else str(key),
        )


# --- the system behind it ---------------------------------------------------------------------------------------------

UNREADABLE = text("cannot be read", "読み取れません")
LOST = text("the answer was lost", "応答が失われました")
GONE = text("there is no such record", "該当するレコードがありません")
LOCKED = text("the record does not take changes", "このレコードは変更を受け付けません")


@dataclass(frozen=True, slots=True)
class Row:
    """A record as last committed; `seq` counts commits, so nothing can slip in behind a cursor."""

    seq: int
    id: str
    record: Record


@dataclass
class System:
    """People, deals and the rest, with methods to act as users do and attributes that order faults.

    `closed` holds the keys of alerts that were taken back, `at_work` those that their owner works on.

    Faults: `down` (nothing answers) · `throttled` (asks to wait) · `refuses` (ids of people that take no change) ·
    `unreadable` (ids that come as rejects) · `lose_answer` (so many next changes are done, then Uncertain) · `late`
    (so many next pushes end in Uncertain and are done by `settle`) · `dies_after` (so many changes later it is down) ·
    `stutter` (so many commits are given again at each pull).
    """

    name: str
    now: datetime = datetime(2026, 4, 1, tzinfo=UTC)
    lists: dict[str, set[str]] = field(default_factory=dict)
    alerts: dict[str, RaiseAlert] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    at_work: set[str] = field(default_factory=set)
    timeline: dict[str, AddTouchpoint] = field(default_factory=dict)
    down: bool = False
    throttled: timedelta | None = None
    refuses: set[str] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)
    lose_answer: int = 0
    late: int = 0
    dies_after: int | None = None
    stutter: int = 0
    under_way: list[AnyChange] = field(default_factory=list)
    _streams: dict[str, dict[str, Row]] = field(default_factory=dict)
    _commits: int = 0
    _ids: int = 0

    # what users do

    def add_person(
        self, object_: str = PERSON, *, company_id: str | None = None, owner_id: str | None = None, **values: Value
    ) -> Ref:
        """Enter a person; `values` by our words, and by any other names as native fields."""
        return self._enter(object_, values, company_id, owner_id)

    def edit_person(self, ref: Ref, **values: Value) -> None:
        """Change some values of a person."""
        person = self.people[ref.id]
        self._commit("people", replace(person, fields={**person.fields, **values}, modified_at=self._tick()))

    def delete_person(self, ref: Ref, into: Ref | None = None) -> None:
        """Delete a person; `into` is the record it was merged into or converted to."""
        self._commit("people", Gone(ref, self._tick(), into))
        for members in self.lists.values():
            members.discard(ref.id)

    def add_owner(self, name: str, email: str | None = None) -> str:
        """Enter a user of the system; gives the id."""
        owner = Owner(Ref(self.name, "user", self._new_id()), name, email)
        self._commit("owners", owner)
        return owner.ref.id

    def add_company(self, name: str, **rest: Any) -> Ref:
        """Enter a company; `rest` as in `Company`."""
        company = Company(Ref(self.name, "company", self._new_id()), name, modified_at=self._tick(), **rest)
        self._commit("companies", company)
        return company.ref

    def add_deal(self, name: str, state: DealState = DealState.OPEN, **rest: Any) -> Ref:
        """Enter a deal; `rest` as in `Deal`."""
        deal = Deal(Ref(self.name, "deal", self._new_id()), name, state, modified_at=self._tick(), **rest)
        self._commit("deals", deal)
        return deal.ref

    def edit_deal(self, ref: Ref, **rest: Any) -> None:
        """Change a deal; `rest` as in `Deal`."""
        deal = self._streams["deals"][ref.id].record
        if isinstance(deal, Deal):
            self._commit("deals", replace(deal, modified_at=self._tick(), **rest))

    def add_touchpoint(self, person: Ref, kind: Kind, happened_at: datetime | None = None, **rest: Any) -> Ref:
        """Somebody does something, now or at `happened_at`; `rest` as in `Touchpoint`."""
        ref = Ref(self.name, "touchpoint", self._new_id())
        self._commit("touchpoints", Touchpoint(ref, person, kind, happened_at or self._tick(), **rest))
        return ref

    def settle(self) -> None:
        """Pushes that were under way (`late`) take effect."""
        under_way, self.under_way = self.under_way, []
        for change in under_way:
            self.carry_out(change)

    # what can be seen

    @property
    def people(self) -> Mapping[str, Person]:
        """The people there are, by id; `fields` hold all values, native ones included."""
        return {row.id: row.record for row in self.rows("people") if isinstance(row.record, Person)}

    def rows(self, stream: str) -> list[Row]:
        """What a stream holds, in the order of the last commits."""
        return sorted(self._streams.get(stream, {}).values(), key=lambda row: row.seq)

    # what the adapter asks of it

    def answer(self) -> None:
        """Answer, or raise as a system does that cannot."""
        if self.down:
            raise Unavailable(text("does not answer", "応答がありません"), where=self.name)
        if self.throttled is not None:
            what = text("asks to wait", "待機を求められました")
            raise Throttled(what, wait=self.throttled, where=self.name)

    def carry_out(self, change: AnyChange) -> Receipt:
        """Do what `change` says, by the key that makes it safe to repeat."""
        match change:
            case SetFields():
                return self._set(change, change.ref, change.values)
            case CreatePerson():
                return self._create(change)
            case RaiseAlert():
                self.alerts.setdefault(change.key, change)
            case CloseAlert():
                return self._close(change)
            case AddTouchpoint():
                if change.person.id not in self.people:
                    return _refused(change, GONE, "not_found")
                self.timeline.setdefault(change.key, change)
            case AddToList():
                if change.person.id not in self.people:
                    return _refused(change, GONE, "not_found")
                self.lists.setdefault(change.list, set()).add(change.person.id)
            case RemoveFromList():
                self.lists.setdefault(change.list, set()).discard(change.person.id)
            case _:
                assert_never(change)
        return Receipt(change.key, "done", change.key)

    def _close(self, change: CloseAlert) -> Receipt:
        if change.alert in self.at_work:
            return Receipt(change.key, "done", change.remote_id, LEFT)
        self.closed.add(change.alert)
        return Receipt(change.key, "done", change.remote_id)

    def _set(self, change: AnyChange, ref: Ref, values: Mapping[str, Value]) -> Receipt:
        if ref.id not in self.people:
            return _refused(change, GONE, "not_found")
        if ref.id in self.refuses:
            return _refused(change, LOCKED, "locked", f"{locked(ref.id)}: {dict(values)}")
        self.edit_person(ref, **values)
        return Receipt(change.key, "done", ref.id)

    def _create(self, change: CreatePerson) -> Receipt:
        values = {**change.values, change.key_field: change.key_value}
        for person in self.people.values():
            if person.fields.get(change.key_field) == change.key_value:
                return self._set(change, person.ref, values)
        return Receipt(change.key, "done", self._enter(change.object, values).id)

    def _enter(
        self, object_: str, values: Mapping[str, Value], company_id: str | None = None, owner_id: str | None = None
    ) -> Ref:
        ref = Ref(self.name, object_, self._new_id())
        at = self._tick()
        person = Person(ref, values, company_id=company_id, owner_id=owner_id, created_at=at, modified_at=at)
        self._commit("people", person)
        return ref

    def _commit(self, stream: str, record: Person | Gone | Company | Owner | Deal | Touchpoint) -> None:
        self._commits += 1
        self._streams.setdefault(stream, {})[record.ref.id] = Row(self._commits, record.ref.id, record)

    def _tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def _new_id(self) -> str:
        self._ids += 1
        return f"{self._ids:06}"


def locked(id_: str) -> str:
    """What the system says first of a change to a record that takes none; the values that it would not take follow."""
    return f"record {id_} takes no change"


def _refused(change: AnyChange, what: Text, code: str, said: str = "") -> Receipt:
    return Receipt(change.key, "refused", code=code, what=what, said=said)


SYSTEMS: dict[str, System] = {}
"""The systems of this program, by name. Tests may put their own here, or clear it."""
