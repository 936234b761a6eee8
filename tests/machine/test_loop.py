"""Promises on random data: whatever happens in the systems, the loop comes to rest, and nothing is doubled."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from connector.engine.undo import undo_run
from connector.model import DealState, Kind, Ref
from connector.store.runs import last_runs
from tests.machine.world import World

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # the store waits for the disk at every commit
KINDS = (Kind.PAGE_VIEW, Kind.SEMINAR_ATTENDED, Kind.MAIL_OPEN)
EMAILS = ("a@alpha.co.jp", "A@alpha.co.jp ", "b@alpha.co.jp", "c@beta.co.jp", "info@beta.co.jp", None)
COMPANIES = ("株式会社アルファ", "㈱アルファ", "ベータ", None)
NAMES = ("山田", "佐藤", None)


class Loop(RuleBasedStateMachine):
    """Users and visitors do things; runs go by, some of them hit by faults."""

    visitors: Bundle[Ref] = Bundle("visitors")
    contacts: Bundle[Ref] = Bundle("contacts")
    deals: Bundle[Ref] = Bundle("deals")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY)
        self.world = World(Path(self.folder.name))

    @initialize()
    def begin(self) -> None:
        self.owner = self.world.sfa.add_owner("営業")
        self.company = self.world.sfa.add_company("アルファ株式会社")

    @rule(
        target=visitors, email=st.sampled_from(EMAILS), name=st.sampled_from(NAMES), company=st.sampled_from(COMPANIES)
    )
    def somebody_registers(self, email: str | None, name: str | None, company: str | None) -> Ref:
        return self.world.ma.add_person(email=email, family_name=name, company=company)

    @rule(target=contacts, email=st.sampled_from(EMAILS), name=st.sampled_from(NAMES))
    def sales_enters(self, email: str | None, name: str | None) -> Ref:
        return self.world.sfa.add_person(email=email, family_name=name, owner_id=self.owner, company_id=self.company.id)

    @rule(visitor=visitors, kind=st.sampled_from(KINDS), days=st.integers(0, 120))
    def visitor_acts(self, visitor: Ref, kind: Kind, days: int) -> None:
        self.world.ma.add_touchpoint(visitor, kind, self.world.now - timedelta(days=days), url="https://x.jp/price")

    @rule(contact=contacts, days=st.integers(0, 40))
    def sales_calls(self, contact: Ref, days: int) -> None:
        if contact.id in self.world.sfa.people:
            self.world.sfa.add_touchpoint(contact, Kind.CALL, self.world.now - timedelta(days=days), result="興味あり")

    @rule(target=deals, contact=contacts, chance=st.sampled_from((20, 70)), days=st.integers(0, 100))
    def deal_opens(self, contact: Ref, chance: int, days: int) -> Ref:
        return self.world.sfa.add_deal(
            "案件", DealState.OPEN, stage="提案", stage_since=self.world.now - timedelta(days=days),
            probability=chance, owner_id=self.owner, company_id=self.company.id, people=(contact.id,),
        )  # fmt: skip

    @rule(deal=deals, reason=st.sampled_from(("予算", "時期")), days=st.integers(0, 30))
    def deal_is_lost(self, deal: Ref, reason: str, days: int) -> None:
        self.world.sfa.edit_deal(
            deal, state=DealState.LOST, lost_reason=reason, closed_at=self.world.now - timedelta(days=days)
        )

    @rule(visitor=visitors)
    def visitor_opts_out(self, visitor: Ref) -> None:
        self.world.ma.edit_person(visitor, opted_out=True)

    @rule(visitor=visitors, email=st.sampled_from(EMAILS))
    def visitor_changes_address(self, visitor: Ref, email: str | None) -> None:
        self.world.ma.edit_person(visitor, email=email)

    @rule(one=contacts, other=contacts)
    def contacts_are_merged(self, one: Ref, other: Ref) -> None:
        if one != other and one.id in self.world.sfa.people and other.id in self.world.sfa.people:
            self.world.sfa.delete_person(other, into=one)

    @rule(hours=st.integers(1, 24 * 20))
    def time_passes(self, hours: int) -> None:
        self.world.pass_time(timedelta(hours=hours))

    @rule()
    def a_run(self) -> None:
        self.world.run()

    @rule(
        system=st.sampled_from(("ma", "sfa")),
        fault=st.sampled_from(("lose_answer", "late", "dies_after")),
        n=st.integers(1, 4),
    )
    def a_run_with_a_fault(self, system: str, fault: str, n: int) -> None:
        setattr(getattr(self.world, system), fault, n)
        self.world.run()
        self._mend()
        self.world.restart()

    @rule(lost=st.booleans())
    def the_last_run_is_undone(self, *, lost: bool) -> None:
        with self.world.app.reading() as conn:
            last = next((run.id for run in last_runs(conn, 1)), None)
        if last is None:
            return
        self.world.sfa.late = 1 if lost else 0
        self.world.now += timedelta(seconds=1)
        report = undo_run(self.world.app, last, send=True).report
        assert report.unbalanced == []
        self._mend()

    def _mend(self) -> None:
        for system in (self.world.ma, self.world.sfa):
            system.lose_answer, system.late, system.dies_after, system.down = 0, 0, None, False
            system.settle()

    @invariant()
    def nobody_is_created_twice(self) -> None:
        keys = Counter(p.fields.get("ma_id") for p in self.world.sfa.people.values() if p.fields.get("ma_id"))
        assert all(count == 1 for count in keys.values()), keys

    @invariant()
    def the_stated_points_are_the_sum(self) -> None:
        for person in self.world.sfa.people.values():
            why, score = person.fields.get("why"), person.fields.get("score")
            if isinstance(why, str) and score is not None:
                assert why.startswith(f"{score:g}点"), (why, score)

    def teardown(self) -> None:
        try:
            self._comes_to_rest()
        finally:
            self.world.close()
            self.folder.cleanup()

    def _comes_to_rest(self) -> None:
        """After the last edit and the last fault: a quarantine later one run writes, then nothing is left to write."""
        self._mend()
        self.world.pass_time(timedelta(minutes=30))
        report = self.world.run()
        assert all(counts.balances() for counts in report.ledger.values()), report.ledger
        before = self.world.snapshot()
        assert self.world.fresh() == []
        assert self.world.run().sent() == 0
        assert before == self.world.snapshot()
        for system, refs in (("ma", self.world.ma), ("sfa", self.world.sfa)):
            assert not refs.under_way, system


Loop.TestCase.settings = settings(max_examples=12, stateful_step_count=25, suppress_health_check=list(HealthCheck))
TestLoop = Loop.TestCase
