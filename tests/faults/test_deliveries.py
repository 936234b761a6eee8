"""Wishes that change while runs that send them are killed, frozen and lose answers: a model knows how it must end.

Smaller than the twins (`test_twins.py`), and so thousands of machines are a matter of a minute: nothing is read and
nothing planned, but the list, by every other machine. Wishes are written down as a plan would, and sent by the delivery
itself to a system in memory.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from sqlalchemy import Connection, select

from connector.changes import (
    AddToList,
    AddTouchpoint,
    AnyChange,
    Lane,
    RaiseAlert,
    RemoveFromList,
    SetFields,
)
from connector.engine.deliver import deliver
from connector.engine.report import Report
from connector.model import Membership, Ref
from connector.ports import Receipt
from connector.store import outbox, runs, touchpoints
from connector.store import tables as t
from connector.store.lease import Fenced
from connector.store.told import Told
from tests.faults import tally
from tests.faults.twins import LEASE, Fate, Hit, Killed, World, deterministic, judged_by

PARTS, MACHINES = 2, 1000
STEPS, STEPS_OF_PROVE = 6, 12
PEOPLE = 6
SOMEBODY = st.integers(0, PEOPLE - 1)
TROUBLES = ("lose_answer", "dies_after", "down", "throttled")


def _about(key: str, who: int, lane: Lane) -> dict[str, Any]:
    return {"key": key, "system": "sfa", "identity": f"p{who}", "lane": lane}


@dataclass
class Office(Hit):
    """A system that notes what it was asked to do, and in which a program can stand still."""

    asked: list[str] = field(default_factory=list)

    def carry_out(self, change: AnyChange) -> Receipt:
        self.asked.append(change.key)
        return super().carry_out(change)

    def settle(self) -> None:
        asked = len(self.asked)
        super().settle()
        del self.asked[asked:]  # nobody asks: it was asked long ago


@dataclass
class Frozen(Fate):
    """The program stands still at a seam of the system; another one has its time meanwhile."""

    meanwhile: Wishes | None = None

    def seam(self, where: str) -> None:
        if where == "system":
            super().seam(where)

    def _strike(self, where: str) -> None:
        assert self.meanwhile is not None, where
        self.struck["freeze"] += 1
        self.meanwhile.taken_over()


class Wishes(RuleBasedStateMachine):
    """What is wished for, by key; and the store, the outbox and the system that are to make it true."""

    struck: ClassVar[Counter[str]] = Counter()
    sent: ClassVar[Counter[str]] = Counter()

    @initialize(reads=st.booleans())
    def begin(self, reads: bool) -> None:
        self.world = World()
        self.reads = reads
        self.office = self.world.sfa = Office("sfa", now=self.world.now)
        self.people = [self.office.add_person(family_name=f"山田{n}") for n in range(PEOPLE)]
        self.scores: dict[Ref, int] = {}
        self.alerts: set[str] = set()
        self.entries: set[str] = set()
        self.listed: set[str] = set()
        self.numbers = count(1)
        self.kept: object = None

    # --- what is wished for ---------------------------------------------------------------------------------------

    @rule(
        scores=st.dictionaries(SOMEBODY, st.integers(0, 3), max_size=2),
        alerts=st.sets(SOMEBODY, max_size=1),
        entries=st.sets(SOMEBODY, max_size=1),
        memberships=st.dictionaries(SOMEBODY, st.booleans(), max_size=2),
    )
    def a_plan(self, scores: dict[int, int], alerts: set[int], entries: set[int], memberships: dict[int, bool]) -> None:
        """Of scores and memberships the last wish holds; an alert or an entry is wished for once and for ever."""
        self.world.pass_time(timedelta(seconds=1))
        wishes = [
            *(self._score(who, score) for who, score in scores.items()),
            *(self._alert(who) for who in alerts),
            *(self._entry(who) for who in entries),
        ]
        listed = [self._membership(who, on=on) for who, on in memberships.items()]
        with judged_by(self.world), self.world.app().lease() as lease, lease.writing() as conn:
            outbox.recover(conn, lease.token)
            if self.reads:
                listed = self._that_the_list_lacks(conn, listed)
                kept = {f"set:{person}" for person in self.people} | {change.key for change in listed}
                outbox.withdraw(conn, [f"p{who}" for who in memberships], kept)
            outbox.enqueue(conn, wishes + listed, "wished", self.world.now, {})

    def _that_the_list_lacks(self, conn: Connection, wanted: list[AnyChange]) -> list[AnyChange]:
        """As a plan asks for, which has read the list: nothing where it shows what is wanted.

        Who is off a list though we have put them there was taken off by somebody; who is on it though we have not, was
        put there by somebody.
        """
        shown = Membership("sfa", "l", frozenset(self.office.lists.get("l", ())))
        touchpoints.put_memberships(conn, [shown], self.world.now, Told())
        outbox.found_on_lists(conn)
        c = t.member.c
        members = {row.person_id: row for row in conn.execute(select(c.person_id, c.on_list, c.ours))}
        needed: list[AnyChange] = []
        for change in wanted:
            assert isinstance(change, AddToList | RemoveFromList)
            member = members.get(change.person.id)
            on_list, ours = (member.on_list, member.ours) if member else (False, False)
            if on_list is ours and on_list is isinstance(change, RemoveFromList):
                needed.append(change)
        return needed

    def _score(self, who: int, score: int) -> AnyChange:
        person = self.people[who]
        self.scores[person] = score
        before = {"score": self.office.people[person.id].fields.get("score")}
        about = _about(f"set:{person}", who, Lane.SCORES)
        return SetFields(**about, ref=person, values={"score": score}, before=before)

    def _alert(self, who: int) -> AnyChange:
        about = _about(f"alert:{who}", who, Lane.ALERTS)
        self.alerts.add(about["key"])
        return RaiseAlert(
            **about, rule="stirs", subject=about["key"], owner_id="1", title="t", body="b",
            due_on=self.world.now.date(), person=self.people[who], deal=None,
        )  # fmt: skip

    def _entry(self, who: int) -> AnyChange:
        about, at = _about(f"entry:{who}", who, Lane.FIELDS), self.world.now
        self.entries.add(about["key"])
        return AddTouchpoint(
            **about, person=self.people[who], owner_id=None, title="t", body="b", happened_at=at, on=at.date()
        )

    def _membership(self, who: int, *, on: bool) -> AnyChange:
        person = self.people[who]
        (self.listed.add if on else self.listed.discard)(person.id)
        kind = AddToList if on else RemoveFromList
        return kind(**_about(f"list:{person}", who, Lane.PROTECT), list="l", person=person)

    # --- what happens ---------------------------------------------------------------------------------------------

    @rule(minutes=st.integers(1, 15))
    def time_passes(self, minutes: int) -> None:
        """What is under way arrives at the latest when the quarantine ends."""
        if minutes >= outbox.QUARANTINE // timedelta(minutes=1) or minutes % 2:
            self.office.settle()
        self.world.pass_time(timedelta(minutes=minutes))

    @rule()
    def a_run(self) -> None:
        self._run(Fate())

    @rule(at=st.integers(1, 40))
    def a_run_that_is_killed(self, at: int) -> None:
        self._run(Fate(at))

    @rule(number=st.integers(1, 3), who=SOMEBODY, score=st.integers(0, 3), on=st.booleans(), minutes=st.integers(1, 9))
    def a_run_whose_changes_arrive_late(self, number: int, who: int, score: int, on: bool, minutes: int) -> None:
        """Others are wished for meanwhile, about the same people; and a run comes before what is under way arrives."""
        self.a_plan({who: score}, set(), set(), {who: on})
        self._run_in("late", number)
        self.a_plan({who: 3 - score}, set(), set(), {who: not on})
        self.world.pass_time(timedelta(minutes=minutes))
        self._run(Fate())
        self.office.settle()

    @rule(trouble=st.sampled_from(TROUBLES), number=st.integers(1, 2))
    def a_run_in_trouble(self, trouble: str, number: int) -> None:
        """Answers are lost, or the system does not answer, from some change on."""
        self._run_in(trouble, number)

    def _run_in(self, trouble: str, number: int) -> None:
        self.struck[trouble] += bool(self.world.waiting())
        if trouble == "throttled":
            self.office.throttled = timedelta(minutes=7 * number)
        else:
            setattr(self.office, trouble, number)
        self._run(Fate())
        self.office.heal()
        self.office.throttled = None

    @rule(at=st.integers(1, 4))
    def a_run_that_is_frozen(self, at: int) -> None:
        self._run(Frozen(at, meanwhile=self))

    def taken_over(self) -> None:
        """While one program stands still, its lease ends and another does the work."""
        fate = self.world.fate
        self.world.pass_time(LEASE + timedelta(minutes=1))
        self.office.settle()
        self._run(Fate())
        self.world.meet(fate)
        self.kept = self._outbox()

    # --- the program ----------------------------------------------------------------------------------------------

    def _run(self, fate: Fate) -> None:
        self.world.pass_time(timedelta(seconds=1))
        settled, asked = self._done(), len(self.office.asked)
        self.world.meet(fate)
        self.kept = None
        try:
            with judged_by(self.world):
                self._send()
        except Killed:
            self.world.pass_time(LEASE)
        except Fenced:
            assert fate.struck["freeze"]
            assert self._outbox() == self.kept, "a sleeper wrote into the store"
        else:
            assert not fate.struck["freeze"], "a sleeper was not told that it was taken over"
        finally:
            self.world.meet(Fate())
        self.struck.update(fate.struck)
        again = settled & set(self.office.asked[asked:])
        assert not again, f"done and sent again: {again}"

    def _send(self) -> None:
        app = self.world.app()
        app.adapters = {"sfa": app.adapters["sfa"]}
        report = Report(f"r{next(self.numbers)}", self.world.now, self.world.now)
        with app.lease() as lease:
            with lease.writing() as conn:
                outbox.recover(conn, lease.token)
                runs.start_run(conn, report.run, report.started, report.as_of, lease.token, "")
            deliver(app, lease, report)
        assert all(counts.balances() for counts in report.ledger.values()), report.ledger
        self.sent.update({kind: counts.used for (_, kind), counts in report.ledger.items()})

    def _outbox(self) -> object:
        with self.world.app().reading() as conn:
            return sorted(map(repr, outbox.standing(conn, [*self._keys()]).items()))

    def _keys(self) -> set[str]:
        return {f"set:{p}" for p in self.people} | {f"list:{p}" for p in self.people} | self.alerts | self.entries

    def _done(self) -> set[str]:
        """Alerts and entries that the store knows to be there."""
        with self.world.app().reading() as conn:
            standing = outbox.standing(conn, [*self.alerts, *self.entries])
        return {key for key, (state, _) in standing.items() if state == "done"}

    # --- what must hold -------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            for _ in range(2):
                self.time_passes(15)
                self._run(Fate())
            self._ends_as_wished()
        finally:
            self.world.close()

    def _ends_as_wished(self) -> None:
        office = self.office
        shown = {person: office.people[person.id].fields.get("score") for person in self.scores}
        assert shown == self.scores
        assert office.alerts.keys() == self.alerts
        assert office.timeline.keys() == self.entries
        assert office.lists.get("l", set()) == self.listed
        assert self.world.waiting() == {}
        asked = len(office.asked)
        self._run(Fate())
        assert len(office.asked) == asked, "something was sent though nothing was left"


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.timeout(1800)
def test_every_wish_comes_true_once(part: int, prove: bool) -> None:
    own: Any = type(f"Wishes{part}", (Wishes,), {"struck": Counter(), "sent": Counter()})  # its name gives the seed
    steps = STEPS_OF_PROVE if prove else STEPS
    some = settings(max_examples=MACHINES, stateful_step_count=steps, suppress_health_check=list(HealthCheck))
    with deterministic():
        run_state_machine_as_test(own, settings=some)
    tally.count("machines", MACHINES)
    tally.count("events", own.sent.total())
    missing = {"kill", "freeze", "late", *TROUBLES} - {*+own.struck}
    assert not missing, "too little was hit"
    assert own.struck.total() >= MACHINES / 2
