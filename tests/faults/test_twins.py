"""A world that faults and kills hit again and again ends like its twin that nothing ever hit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule, run_state_machine_as_test

from connector.model import DealState, Kind, Ref
from tests.faults import tally
from tests.faults.twins import Fate, World, deterministic

KINDS = (Kind.PAGE_VIEW, Kind.SEMINAR_ATTENDED, Kind.MAIL_OPEN)
FATES = ("kill", "kill", "unavailable", "throttled", "unauthorized")
LOSSES = ("lose_answer", "late", "dies_after", "stutter")
NAMES = ("山田", "佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "中村", "小林", "加藤", "吉田", "松本")
EVENING = timedelta(hours=6)
"""Things happened so long before a whole number of days: no window ends between a run and the one that repeats it."""

Both = tuple[Ref, Ref]
"""Of a record: what it is called in the world that is hit, and in the other."""


class Count:
    """What all machines did together."""

    machines = 0
    runs = 0
    events = 0
    struck: ClassVar[Counter[str]] = Counter()


class Twins(RuleBasedStateMachine):
    """Everything happens in both worlds; runs of the first are hit, and repeated."""

    people: Bundle[Both] = Bundle("people")
    contacts: Bundle[Both] = Bundle("contacts")
    deals: Bundle[Both] = Bundle("deals")

    def __init__(self) -> None:
        super().__init__()
        Count.machines += 1
        self.hit, self.calm = World(), World()
        self.number = 0

    def both(self, act: Callable[[World, int], Any], *refs: Both) -> tuple[Any, Any]:
        """Something happens in both worlds; `refs` are handed on, each world its own."""
        Count.events += 1
        mine, other = (act(world, place) for place, world in enumerate((self.hit, self.calm)))
        return mine, other

    # --- what people do -------------------------------------------------------------------------------------------

    @initialize(target=contacts, chance=st.sampled_from((20, 70)))
    def begin(self, chance: int) -> Any:
        self.owner, self.company = "", ""

        def enter(world: World, _: int) -> tuple[Ref, Ref]:
            self.owner, self.company = world.sfa.add_owner("営業"), world.sfa.add_company("アルファ株式会社").id
            return self._contact(world, "c0@alpha.co.jp", "営業"), self._contact(world, "c1@alpha.co.jp", "営繕")

        one, other = self.both(enter)
        return multiple(*zip(one, other, strict=True))

    def _contact(self, world: World, email: str, name: str) -> Ref:
        return world.sfa.add_person(email=email, family_name=name, owner_id=self.owner, company_id=self.company)

    def ago(self, days: int) -> datetime:
        """The same moment in both worlds: the runs of the one that is hit took a little longer."""
        return self.calm.now - timedelta(days=days) - EVENING

    @rule(target=people, known=st.booleans(), company=st.sampled_from(("㈱アルファ", "ベータ")))
    def somebody_registers(self, known: bool, company: str) -> Both:
        """At most one record of each person in each system: who is who is not what this is about."""
        self.number += 1
        email, name = f"p{self.number}@alpha.co.jp", NAMES[self.number % len(NAMES)]
        if known:
            self.both(lambda world, _: self._contact(world, email, name))
        return self.both(lambda world, _: world.ma.add_person(email=email, family_name=name, company=company))

    @rule(who=people, kind=st.sampled_from(KINDS), days=st.integers(0, 100))
    def visitor_acts(self, who: Both, kind: Kind, days: int) -> None:
        self.both(
            lambda world, place: world.ma.add_touchpoint(who[place], kind, self.ago(days), url="https://x.jp/price")
        )

    @rule(who=contacts, days=st.integers(0, 40))
    def sales_calls(self, who: Both, days: int) -> None:
        self.both(
            lambda world, place: world.sfa.add_touchpoint(who[place], Kind.CALL, self.ago(days), result="興味あり")
        )

    @rule(target=deals, who=contacts, chance=st.sampled_from((20, 70)), days=st.integers(0, 90))
    def deal_opens(self, who: Both, chance: int, days: int) -> Both:
        return self.both(
            lambda world, place: world.sfa.add_deal(
                f"案件{days}", DealState.OPEN, stage="提案", stage_since=self.ago(days),
                probability=chance, owner_id=self.owner, company_id=self.company, people=(who[place].id,),
            )
        )  # fmt: skip

    @rule(deal=deals, reason=st.sampled_from(("予算", "時期")), days=st.integers(0, 30))
    def deal_is_lost(self, deal: Both, reason: str, days: int) -> None:
        self.both(
            lambda world, place: world.sfa.edit_deal(
                deal[place], state=DealState.LOST, lost_reason=reason,
                closed_at=self.ago(days),
            )
        )  # fmt: skip

    @rule(who=people)
    def visitor_says_no(self, who: Both) -> None:
        self.both(lambda world, place: world.ma.edit_person(who[place], opted_out=True))

    @rule(who=contacts, title=st.sampled_from(("部長", "課長")))
    def sales_edits(self, who: Both, title: str) -> None:
        self.both(lambda world, place: world.sfa.edit_person(who[place], title=title))

    @rule(who=people, name=st.sampled_from(("budget", "others", "no-mail")))
    def list_is_edited_by_hand(self, who: Both, name: str) -> None:
        def toggle(world: World, place: int) -> None:
            world.ma.lists.setdefault(name, set()).symmetric_difference_update({who[place].id})

        self.both(toggle)

    # --- what the program does ------------------------------------------------------------------------------------

    @rule()
    def a_run(self) -> None:
        for world in (self.hit, self.calm):
            self._run(world)

    @rule(what=st.sampled_from(FATES), at=st.integers(1, 90), again=st.integers(0, 60))
    def a_run_that_is_hit(self, what: str, at: int, again: int) -> None:
        """Hit at a seam; killed once more while it recovers, where `again` says so."""
        for fate in (Fate(at, what), *([Fate(again)] if again else [])):
            self._run(self.hit, fate)
            self._in_both(timedelta(minutes=20))
        self.a_run()

    @rule(
        system=st.sampled_from(("ma", "sfa")), loss=st.sampled_from(LOSSES), n=st.integers(1, 4), between=st.booleans()
    )
    def a_run_whose_answers_are_lost(self, system: str, loss: str, n: int, between: bool) -> None:
        """`between`: what is late arrives only after the next run, which comes soon."""
        self._something_to_send(system)
        lossy = getattr(self.hit, system)
        setattr(lossy, loss, n)
        self._run(self.hit)
        Count.struck[loss] += lossy.down if loss == "dies_after" else loss != "stutter" and getattr(lossy, loss) < n
        self._in_both(timedelta(minutes=1))
        if between:
            late = [(each, each.under_way) for each in (self.hit.ma, self.hit.sfa)]
            for each, _ in late:
                each.under_way = []
                each.heal()
            self._run(self.hit)
            for each, changes in late:
                each.under_way += changes
        self.hit.settle()
        self._in_both(timedelta(minutes=20))
        self.a_run()

    def _something_to_send(self, system: str) -> None:
        """Somebody whom sales knows attends a seminar, or told sales to send no mail."""
        self.number += 1
        email, name = f"p{self.number}@alpha.co.jp", NAMES[self.number % len(NAMES)]

        def happen(world: World, _: int) -> None:
            contact = self._contact(world, email, name)
            visitor = world.ma.add_person(email=email, family_name=name)
            if system == "sfa":
                world.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, self.ago(1))
            else:
                world.sfa.edit_person(contact, opted_out=True)

        self.both(happen)

    @rule(days=st.integers(1, 20))
    def days_pass(self, days: int) -> None:
        self._in_both(timedelta(days=days))

    def _in_both(self, by: timedelta) -> None:
        for world in (self.hit, self.calm):
            world.pass_time(by)

    def _run(self, world: World, fate: Fate | None = None) -> None:
        Count.runs += 1
        report = world.run(fate)
        if fate is not None:
            Count.struck += fate.struck
        if report is not None and fate is None:
            assert all(counts.balances() for counts in report.ledger.values()), report.ledger

    # --- what must hold -------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            self._ends_alike()
        finally:
            self.hit.close()
            self.calm.close()

    def _ends_alike(self) -> None:
        if not hasattr(self, "owner"):
            return
        self._in_both(timedelta(minutes=30))
        self.a_run()
        self._in_both(timedelta(minutes=30))
        hit, calm = self.hit.seen(), self.calm.seen()
        for name, rows in calm.items():
            assert hit[name] == rows, (name, "lost", rows - hit[name], "too many", hit[name] - rows)
        assert self.hit.waiting() == {}
        assert self.hit.fresh() == []
        report = self.hit.run()
        assert report is not None
        assert report.sent() == 0
        assert self.hit.seen() == hit


MACHINES, MACHINES_OF_PROVE = 25, 120


@pytest.mark.timeout(7200)
def test_twins_end_alike(prove: bool) -> None:
    number = MACHINES_OF_PROVE if prove else MACHINES
    some = settings(max_examples=number, stateful_step_count=10, suppress_health_check=list(HealthCheck))
    with deterministic():
        run_state_machine_as_test(Twins, settings=some)
    tally.count("events", Count.events)
    tally.count("faults", Count.struck.total() - Count.struck["kill"])
    tally.count("simulated kills", Count.struck["kill"])
    tally.count("simulated runs", Count.runs)
    assert Count.struck["kill"] >= number / 4, "too little was hit"
    assert not prove or all(Count.struck[loss] >= number / 20 for loss in LOSSES if loss != "stutter"), Count.struck
