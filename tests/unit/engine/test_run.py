"""The engine between two systems in memory: what stops, what goes on, what is held."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from connector.adapters.memory import Memory
from connector.changes import AddToList, AnyChange, CreatePerson, RaiseAlert, RemoveFromList, SetFields
from connector.engine import planning
from connector.engine.applying import apply_plan
from connector.engine.plan_file import write_plan
from connector.engine.preview import plan_preview
from connector.engine.report import Exit
from connector.engine.run import run
from connector.errors import Locked, Mismatch, Throttled, Unavailable, Uncertain, text
from connector.model import DealPerson, DealState, Kind, Ref
from connector.ports import Page, Receipt
from connector.rules import resolve
from connector.rules.alert import is_digest
from connector.store import load, outbox
from connector.store import people as people_store
from connector.store import tables as t
from connector.store.deals import put_deal_people
from connector.store.people import all_filed
from connector.store.told import Told
from tests.machine.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


def hot_visitor(world: World, email: str = "taro@alpha.co.jp") -> None:
    visitor = world.ma.add_person(email=email, family_name="山田", company="アルファ")
    world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now - timedelta(days=1))
    for day in (2, 3, 4):
        world.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=day), label="入門")


def edit_config(world: World, old: str, new: str) -> None:
    path = world.folder / "config.yaml"
    content = path.read_text(encoding="utf-8")
    assert old in content
    path.write_text(content.replace(old, new), encoding="utf-8")
    world.restart()


def edit_mapping(world: World, name: str, old: str, new: str) -> None:
    path = world.folder / "mappings" / f"{name}.yaml"
    content = path.read_text(encoding="utf-8")
    assert old in content
    path.write_text(content.replace(old, new, 1), encoding="utf-8")
    world.restart()


def test_a_hot_visitor_becomes_a_record_with_score_and_reasons(world: World) -> None:
    hot_visitor(world)

    report = world.run()

    (person,) = world.sfa.people.values()
    assert person.fields["score"] == 31
    assert person.fields["why"] == "31点 hot: +21 ウェビナー×3(3/30) +10 Web閲覧(3/31)"
    assert report.exit is Exit.DONE


def test_the_second_run_writes_nothing(world: World) -> None:
    hot_visitor(world)
    world.run()
    world.run()

    assert world.run().sent() == 0
    assert world.fresh() == []


def test_one_system_down_does_not_stop_the_other(world: World) -> None:
    hot_visitor(world)
    world.sfa.down = True

    report = world.run()

    assert report.exit is Exit.FAILED
    assert [system for system, _ in report.problems] == ["sfa"] * len(report.problems)
    assert report.ledger["ma", "people"].used == 1

    world.sfa.down = False
    world.run()
    assert len(world.sfa.people) == 1


def test_a_stream_that_does_not_fit_its_mapping_does_not_stop_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    whole = Memory.pull

    def without_deals(adapter: Memory, stream: str, cursor: str | None) -> Iterator[Page]:
        if stream == "deals":
            raise Mismatch(text("there is no field 進捗", "項目 進捗 がありません"), where="sfa")
        return whole(adapter, stream, cursor)

    monkeypatch.setattr(Memory, "pull", without_deals)
    report = world.run()

    assert report.exit is Exit.FAILED
    assert "進捗" in str(report.problems[0][1])
    assert report.ledger["sfa", "people"].used == 1
    assert ("sfa", "touchpoints") in report.ledger


def test_changes_that_do_not_fit_wait_and_do_not_stop_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(3):
        world.sfa.add_person(email=f"t{n}@alpha.co.jp", family_name="山田")
        hot_visitor(world, f"t{n}@alpha.co.jp")
    whole = Memory.push

    def without_fields(adapter: Memory, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        if isinstance(changes[0], SetFields):
            raise Mismatch(text("there is no field 点", "項目 点 がありません"), where="sfa")
        return whole(adapter, changes)

    monkeypatch.setattr(Memory, "push", without_fields)
    report = world.run()

    fields, entries = (report.ledger["sfa", f"→{kind}"] for kind in ("SetFields", "AddTouchpoint"))
    assert ["there is no field 点" in str(error) for _, error in report.problems] == [True]
    assert (fields.read, fields.deferred) == (3, 3)
    assert entries.used == 9

    monkeypatch.undo()
    world.pass_time(timedelta(minutes=6))
    assert world.run().ledger["sfa", "→SetFields"].used == 3


def test_nobody_is_created_twice_because_those_who_are_there_could_not_be_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hot_visitor(world)
    world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    whole = Memory.pull

    def without_people(adapter: Memory, stream: str, cursor: str | None) -> Iterator[Page]:
        if adapter is world.app.adapters["sfa"] and stream == "people":
            raise Mismatch(text("there is no field 電話", "項目 電話 がありません"), where="sfa")
        return whole(adapter, stream, cursor)

    monkeypatch.setattr(Memory, "pull", without_people)
    assert world.run().sent() == 0
    monkeypatch.undo()
    world.run()

    assert len(world.sfa.people) == 1


def test_whom_sales_entered_since_the_last_reading_is_not_created_by_a_run_that_cannot_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run()
    world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    hot_visitor(world)
    with monkeypatch.context() as patch:
        pull = Memory.pull

        def only_the_ma(self: Memory, stream: str, cursor: str | None) -> Iterator[Page]:
            if self.role == "sfa":
                raise Unavailable(text("does not answer", "応答がありません"))
            return pull(self, stream, cursor)

        patch.setattr(Memory, "pull", only_the_ma)
        world.run()
    assert len(world.sfa.people) == 1
    world.run()
    (person,) = world.sfa.people.values()
    assert person.fields["score"] == 31


def test_while_the_sfa_cannot_be_read_nobody_is_released_or_added(world: World) -> None:
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    visitor = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田")
    deal = world.sfa.add_deal("案件", probability=70, people=(contact.id,))
    world.run()
    assert world.ma.lists["no-mail"] == {visitor.id}

    world.sfa.down = True
    world.pass_time(timedelta(hours=7))
    world.ma.edit_person(visitor, family_name="山田 ")
    world.run()
    assert world.ma.lists["no-mail"] == {visitor.id}

    world.sfa.down = False
    world.sfa.edit_deal(deal, state=DealState.LOST, lost_reason="予算", closed_at=world.now - timedelta(days=20))
    world.pass_time(timedelta(hours=1))
    world.run()
    assert world.ma.lists["no-mail"] == set()
    assert world.ma.lists["budget"] == {visitor.id}


def test_whom_sales_may_be_working_again_is_not_added_while_the_sfa_cannot_be_read(world: World) -> None:
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    visitor = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田")
    closed = world.now - timedelta(days=13, hours=23)
    world.sfa.add_deal("案件", DealState.LOST, lost_reason="予算", closed_at=closed, people=(contact.id,))
    world.run()

    new = world.sfa.add_deal("新案件", probability=20, people=(contact.id,))
    world.sfa.down = True
    world.pass_time(timedelta(hours=2))
    world.run()
    assert not world.ma.lists.get("budget")

    world.sfa.down = False
    world.run()
    assert not world.ma.lists.get("budget")

    world.sfa.edit_deal(new, state=DealState.LOST, lost_reason="予算", closed_at=closed)
    world.pass_time(timedelta(hours=1))
    world.run()
    assert world.ma.lists["budget"] == {visitor.id}


def test_a_lost_deal_carries_its_reason(world: World) -> None:
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    visitor = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田")
    world.sfa.add_deal(
        "案件", DealState.LOST, lost_reason="予算", closed_at=world.now - timedelta(days=15), people=(contact.id,)
    )
    world.run()

    assert world.ma.lists["budget"] == {visitor.id}
    assert world.ma.people[visitor.id].fields["lost_reason"] == "予算"
    assert world.ma.people[visitor.id].fields["lost_on"] == "2026-03-17"


def test_a_deal_lost_yesterday_waits_fourteen_days_without_news(world: World) -> None:
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    world.ma.add_person(email="taro@alpha.co.jp", family_name="山田")
    lost = {"lost_reason": "予算", "closed_at": world.now - timedelta(days=1)}
    world.sfa.add_deal("案件", DealState.LOST, people=(contact.id,), **lost)
    world.run()
    assert not world.ma.lists.get("budget")

    world.pass_time(timedelta(days=13, minutes=1))
    world.run()
    assert world.ma.lists["budget"]


def test_who_opted_out_after_planning_is_not_added(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is written late (a budget, an outage); the "no" came in between."""
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    visitor = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田")
    closed = world.now - timedelta(days=15)
    world.sfa.add_deal("案件", DealState.LOST, lost_reason="予算", closed_at=closed, people=(contact.id,))
    world.ma.dies_after = 0
    world.run()
    world.ma.dies_after, world.ma.down = None, False
    assert not world.ma.lists.get("budget")

    world.ma.edit_person(visitor, opted_out=True)
    monkeypatch.setattr("connector.engine.run.plan_all", lambda *_: None)  # as when only `retry` delivers
    world.run()

    assert not world.ma.lists.get("budget")


def test_an_opt_out_said_to_sales_reaches_the_ma(world: World) -> None:
    world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田", opted_out=True)
    visitor = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田")

    world.run()

    assert world.ma.people[visitor.id].fields["opted_out"] is True


def test_the_brake_stops_a_run_that_would_alter_too_much(world: World) -> None:
    for n in range(30):
        hot_visitor(world, f"p{n}@alpha.co.jp")
    world.run()
    world.run()
    edit_config(world, "at_least: 100000", "at_least: 10, max_changed: 20%")
    scores = world.folder / "mappings" / "scores.yaml"
    scores.write_text(scores.read_text(encoding="utf-8").replace("points: 10}", "points: 11}"), encoding="utf-8")
    world.restart()
    before = world.snapshot()

    stopped = world.run()

    assert stopped.exit is Exit.STOPPED
    assert "30件が変更対象" in stopped.halted[0].in_("ja")
    assert world.snapshot() == before
    assert world.run().exit is Exit.STOPPED  # still, until somebody decides

    forced = run(world.app, force="points were agreed with marketing")
    assert forced.exit is Exit.DONE
    assert {p.fields["score"] for p in world.sfa.people.values()} == {32}


def test_a_source_that_is_suddenly_empty_stops_the_run(world: World) -> None:
    edit_config(world, "at_least: 100000", "at_least: 3")
    contact = world.sfa.add_person(email="t0@alpha.co.jp", family_name="山田")
    world.sfa.add_deal("案件", probability=70, people=(contact.id,), company_id=world.sfa.add_company("アルファ").id)
    for n in range(5):
        world.ma.add_person(email=f"t{n}@alpha.co.jp", family_name="山田", company="アルファ")
    world.run()
    assert len(world.ma.lists["no-mail"]) == 5

    world.ma.lists["no-mail"].clear()
    stopped = world.run()

    assert stopped.exit is Exit.STOPPED
    assert "no-mail" in str(stopped.halted[0])
    assert world.ma.lists["no-mail"] == set()


def test_two_runs_at_once_are_one_run(world: World) -> None:
    lease = world.app.lease()

    with pytest.raises(Locked):
        world.run()

    lease.release()
    world.run()


def test_alerts_wait_for_the_end_of_the_quiet_hours(world: World) -> None:
    edit_config(world, "run:", 'run:\n  quiet: {alerts: "09:00-12:00"}')
    owner = world.sfa.add_owner("営業")
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    since = world.now - timedelta(days=90)
    world.sfa.add_deal("案件", stage="提案", stage_since=since, owner_id=owner, people=(contact.id,))
    visitor = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田")
    world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now - timedelta(minutes=5))

    world.run()  # 10:00 in Tokyo
    assert not world.sfa.alerts

    world.pass_time(timedelta(hours=2, minutes=1))
    world.run()
    assert len(world.sfa.alerts) == 1


def test_over_the_limit_of_a_day_one_digest_stands_for_the_rest(world: World) -> None:
    edit_config(world, "run:", "run:\n  quiet: {per_owner_per_day: 2}")
    owner = world.sfa.add_owner("営業")
    for n in range(5):
        contact = world.sfa.add_person(email=f"t{n}@alpha.co.jp", family_name="山田")
        since = world.now - timedelta(days=90)
        world.sfa.add_deal(f"案件{n}", stage="提案", stage_since=since, owner_id=owner, people=(contact.id,))
        visitor = world.ma.add_person(email=f"t{n}@alpha.co.jp", family_name="山田")
        world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now - timedelta(minutes=5))

    report = world.run()

    assert len(world.sfa.alerts) == 3
    (digest,) = [alert for alert in world.sfa.alerts.values() if "ほか3件" in alert.title]
    assert digest.body.count("停滞") == 0
    assert sum(f"案件{n}" in digest.body for n in range(5)) == 3
    assert all(counts.balances() for counts in report.ledger.values())
    assert world.run().sent() == 0


class Owner:
    """Five stories about one owner, who is told two a day."""

    def __init__(self, world: World, stories: int = 5, a_day: int = 2) -> None:
        edit_config(world, "run:", f"run:\n  quiet: {{per_owner_per_day: {a_day}}}")
        self.world, self.owner, self.stories = world, world.sfa.add_owner("営業"), 0
        for _ in range(stories):
            self.happens()

    def happens(self) -> None:
        world, n = self.world, self.stories
        self.stories += 1
        contact = world.sfa.add_person(email=f"t{n}@alpha.co.jp", family_name="山田")
        since = world.now - timedelta(days=90)
        world.sfa.add_deal(f"案件{n}", stage="提案", stage_since=since, owner_id=self.owner, people=(contact.id,))
        visitor = world.ma.add_person(email=f"t{n}@alpha.co.jp", family_name="山田")
        world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now - timedelta(minutes=5))

    @property
    def times(self) -> list[int]:
        """How often each story was told."""
        bodies = [alert.body for alert in self.world.sfa.alerts.values()]
        return [sum(body.count(f"案件{n} ") for body in bodies) for n in range(self.stories)]


@pytest.mark.parametrize("lost", ["the digest", "an alert", "all"])
@pytest.mark.parametrize("done", [True, False])
def test_an_alert_or_a_digest_whose_answer_was_lost_is_told_once(
    world: World, monkeypatch: pytest.MonkeyPatch, lost: str, done: bool
) -> None:
    told = Owner(world)
    whole = Memory.push

    def losing(adapter: Memory, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        for change in changes:
            if isinstance(change, RaiseAlert) and (lost == "all" or is_digest(change) is (lost == "the digest")):
                if done:
                    list(whole(adapter, changes if lost == "all" else [change]))
                raise Uncertain(text("no answer", "応答がありません"), where="sfa")
            yield from whole(adapter, [change])

    with monkeypatch.context() as patched:
        patched.setattr(Memory, "push", losing)
        world.run()
    told.happens()
    for _ in range(2):
        world.pass_time(timedelta(minutes=15))
        report = world.run()
        assert all(counts.balances() for counts in report.ledger.values())

    assert told.times == [1, 1, 1, 1, 1, 0], "the sixth waits for tomorrow"
    assert len(world.sfa.alerts) == 3
    world.pass_time(timedelta(days=1))
    world.run()
    assert told.times == [1] * 6


@pytest.mark.parametrize("sent", [0, 1, 2])
def test_a_digest_that_was_put_off_is_no_part_of_another(world: World, sent: int) -> None:
    told = Owner(world)
    world.sfa.dies_after = sent
    world.run()
    world.sfa.dies_after, world.sfa.down = None, False
    told.happens()

    for _ in range(2):
        world.pass_time(timedelta(minutes=15))
        world.run()

    assert told.times == [1, 1, 1, 1, 1, 0]
    assert len(world.sfa.alerts) == 3


def test_what_was_held_ready_when_the_store_was_put_back_is_in_no_digest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts as sent with unknown result, though this store never tried it."""
    told = Owner(world)
    with monkeypatch.context() as patched:
        patched.setattr("connector.engine.run.deliver", lambda *_: None)
        world.run()
    with world.app.lease() as lease, lease.writing() as conn:
        alerts = [change for change in outbox.waiting(conn) if isinstance(change, RaiseAlert)]
        outbox.in_doubt(conn, [alert.key for alert in alerts])
    for alert in alerts:
        world.sfa.carry_out(alert)

    world.run()

    assert told.times == [1] * 5


def test_a_person_taken_off_by_hand_is_not_added_again(world: World) -> None:
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    visitor = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田")
    closed = world.now - timedelta(days=15)
    world.sfa.add_deal("案件", DealState.LOST, lost_reason="予算", closed_at=closed, people=(contact.id,))
    world.run()
    world.ma.lists["budget"].discard(visitor.id)

    world.run()

    assert world.ma.lists["budget"] == set()


def test_a_person_taken_off_by_hand_is_not_added_by_another_record_either(world: World) -> None:
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    both = [world.ma.add_person(email="taro@alpha.co.jp", family_name="山田") for _ in range(2)]
    closed = world.now - timedelta(days=15)
    world.sfa.add_deal("案件", DealState.LOST, lost_reason="予算", closed_at=closed, people=(contact.id,))
    world.run()
    (added,) = world.ma.lists["budget"]
    (other,) = (ref for ref in both if ref.id != added)
    world.ma.lists["budget"].discard(added)
    world.run()

    world.pass_time(timedelta(days=1))
    world.ma.edit_person(other, title="部長")  # now the newest of the two
    world.run()

    assert world.ma.lists["budget"] == set()


def test_two_people_of_a_deal_who_stir_on_two_days_are_one_alert(world: World) -> None:
    """The days lie in two periods of the rule (seven days from a Thursday), and one run is the first to see either."""
    owner = world.sfa.add_owner("営業")
    known = [world.sfa.add_person(email=f"t{n}@alpha.co.jp", family_name=f"山田{n}") for n in range(2)]
    visitors = [world.ma.add_person(email=f"t{n}@alpha.co.jp", family_name=f"山田{n}") for n in range(2)]
    stalled = world.now - timedelta(days=90)
    people = tuple(contact.id for contact in known)
    world.sfa.add_deal("案件", stage="提案", stage_since=stalled, owner_id=owner, people=people)
    world.run()
    world.pass_time(timedelta(days=1))

    for visitor, hours in zip(visitors, (19, 2), strict=True):
        world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now - timedelta(hours=hours))
    world.run()
    world.pass_time(timedelta(days=2))
    world.run()

    assert len(world.sfa.alerts) == 1


def test_people_whom_others_put_on_a_list_stay(world: World) -> None:
    visitor = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田")
    world.ma.lists["no-mail"] = {visitor.id}

    world.run()

    assert world.ma.lists["no-mail"] == {visitor.id}


class Rule:
    """A rule of lists that holds for one visitor, or does not, as told."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name
        contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
        self.visitor = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田")
        closed = world.now - timedelta(days=15)
        if name == "budget":
            world.sfa.add_deal("以前", DealState.LOST, lost_reason="予算", closed_at=closed, people=(contact.id,))
        at = {"probability": 70 if name == "no-mail" else 10, "closed_at": closed}
        self.deal = world.sfa.add_deal("案件", DealState.WON, people=(contact.id,), **at)

    def holds(self, *, now: bool) -> None:
        if now is (self.name == "no-mail"):
            self.world.sfa.edit_deal(self.deal, state=DealState.OPEN, closed_at=None)
        else:
            self.world.sfa.edit_deal(self.deal, state=DealState.WON, closed_at=self.world.now)

    def run(self, after: int) -> bool:
        """Whether the visitor is on the list after a run so many minutes later."""
        self.world.pass_time(timedelta(minutes=after))
        self.world.run()
        return self.visitor.id in self.world.ma.lists.get(self.name, set())

    def run_that_loses_its_answer(self) -> None:
        self.world.ma.late = 1
        self.run(after=1)
        (lost,) = self.world.ma.under_way
        assert isinstance(lost, AddToList | RemoveFromList)
        assert lost.list == self.name

    def comes_to_rest(self) -> bool:
        return [self.run(after=15) for _ in range(2)][-1]


LOST_ON_A_LIST = pytest.mark.parametrize(
    ("lands", "after"), [("never", 1), ("never", 15), ("before it is read", 1), ("before it is read", 15), ("late", 1)]
)
A_LIST = pytest.mark.parametrize("name", ["no-mail", "budget"])


def next_run(rule: Rule, lands: str, after: int) -> None:
    """A run, before or after which what is under way takes effect."""
    if lands == "before it is read":
        rule.world.ma.settle()
    rule.run(after)
    if lands == "late":
        rule.world.ma.settle()
    rule.world.ma.under_way.clear()


@A_LIST
@LOST_ON_A_LIST
def test_a_removal_whose_answer_was_lost_does_not_outlive_its_reason(
    world: World, name: str, lands: str, after: int
) -> None:
    """W3, W4, W7: the list still shows who is to be on it again, so that the plan asks for nothing."""
    rule = Rule(world, name)
    rule.holds(now=True)
    assert rule.run(after=1)
    rule.holds(now=False)
    rule.run_that_loses_its_answer()

    rule.holds(now=True)
    next_run(rule, lands, after)
    assert rule.comes_to_rest()

    rule.holds(now=False)
    assert not rule.comes_to_rest(), "ours still: it is taken off with the rule"


@A_LIST
@LOST_ON_A_LIST
def test_an_entry_whose_answer_was_lost_does_not_outlive_its_reason(
    world: World, name: str, lands: str, after: int
) -> None:
    rule = Rule(world, name)
    rule.holds(now=True)
    rule.run_that_loses_its_answer()

    rule.holds(now=False)
    next_run(rule, lands, after)
    assert not rule.comes_to_rest()

    rule.holds(now=True)
    assert rule.comes_to_rest()


@A_LIST
@pytest.mark.parametrize("lands_before_run", [1, 2, None])
@pytest.mark.parametrize("first", ["entry", "removal"])
def test_a_rule_that_turns_twice_while_something_is_in_doubt_has_its_way(
    world: World, name: str, lands_before_run: int | None, first: str
) -> None:
    rule = Rule(world, name)
    if first == "removal":
        rule.holds(now=True)
        rule.run(after=1)
    rule.holds(now=first == "entry")
    rule.run_that_loses_its_answer()

    for number, now in enumerate((first == "removal", first == "entry"), 1):
        if number == lands_before_run:
            world.ma.settle()
        rule.holds(now=now)
        rule.run(after=1)

    world.ma.under_way.clear()
    assert rule.comes_to_rest() is (first == "entry")


def test_whom_people_put_on_a_list_while_our_removal_is_in_doubt_does_not_become_ours(world: World) -> None:
    rule = Rule(world, "no-mail")
    rule.holds(now=True)
    rule.run(after=1)
    rule.holds(now=False)
    rule.run_that_loses_its_answer()
    world.ma.settle()
    rule.holds(now=True)
    assert not rule.run(after=1), "what is in doubt could still take the entry off"

    world.ma.lists["no-mail"].add(rule.visitor.id)
    rule.run(after=1)
    rule.holds(now=False)

    assert rule.comes_to_rest()


def test_what_somebody_always_changes_back_is_left_alone(world: World) -> None:
    hot_visitor(world)
    world.run()
    world.run()
    (person,) = world.sfa.people.values()

    def fought_over() -> int:
        world.sfa.edit_person(person.ref, score=99)
        return world.run().sent()

    assert [fought_over() for _ in range(4)] == [1, 1, 1, 0]
    assert world.sfa.people[person.ref.id].fields["score"] == 99


def test_so_is_what_changes_back_day_by_day_where_that_is_asked_for(world: World) -> None:
    config = world.folder / "config.yaml"
    said = config.read_text(encoding="utf-8").replace("at_least: 100000", "at_least: 100000, flip_flop: {within: 7d}")
    config.write_text(said, encoding="utf-8")
    world.restart()
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    world.ma.add_person(email="taro@alpha.co.jp", family_name="山田", title="部長")
    edit_mapping(world, "people", "title: {to: title, wins: once}", "title: {to: title, wins: ma}")
    world.run()

    def fought_over() -> int:
        world.pass_time(timedelta(days=1))
        world.sfa.edit_person(contact, title="課長")
        return world.run().sent()

    assert [fought_over() for _ in range(4)] == [1, 1, 0, 0]


def test_a_no_to_mail_is_said_as_often_as_it_is_taken_back(world: World) -> None:
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    world.ma.add_person(email="taro@alpha.co.jp", family_name="山田", opted_out=True)
    world.run()

    for _ in range(6):
        world.sfa.edit_person(contact, opted_out=False)
        world.run()

        assert world.sfa.people[contact.id].fields["opted_out"] is True


def test_a_record_that_bears_our_key_keeps_its_person_when_the_address_changes(world: World) -> None:
    hot_visitor(world)
    world.run()
    world.run()
    (visitor,) = world.ma.people.values()

    world.ma.edit_person(visitor.ref, email="taro@elsewhere.co.jp")
    world.run()
    world.run()

    assert len(world.sfa.people) == 1


def test_a_record_deleted_by_hand_is_not_made_again(world: World) -> None:
    hot_visitor(world)
    world.run()
    world.run()
    (person,) = world.sfa.people.values()

    world.sfa.delete_person(person.ref)
    world.run()
    world.run()

    assert not world.sfa.people


def test_changed_rules_of_identity_decide_about_everybody_anew(world: World) -> None:
    """info@ is a shared mailbox; marketing tells us that hayabusa@ is one too."""
    for family, given in (("山田", "太郎"), ("佐藤", "花子"), ("山田", "太朗"), (None, None)):
        world.ma.add_person(email="hayabusa@alpha.co.jp", family_name=family, given_name=given)
    world.run()
    assert len(identities(world)) == 3

    (world.folder / "mappings" / "identity.yaml").write_text("shared_mailboxes: [hayabusa]\n", encoding="utf-8")
    world.restart()
    world.run()
    assert len(identities(world)) == 4

    (world.folder / "mappings" / "identity.yaml").unlink()
    world.restart()
    world.run()
    assert len(identities(world)) == 3


def identities(world: World) -> set[str | None]:
    with world.app.reading() as conn:
        return {filed.identity for filed in all_filed(conn, 0, 1000)}


def test_who_leaves_a_crowded_address_frees_the_others(world: World) -> None:
    """Three names on one address join nobody; when one of them goes, the other two records are one person."""
    people = [
        world.ma.add_person(email="a@alpha.co.jp", family_name=family, given_name=given)
        for family, given in (("山田", "太郎"), ("佐藤", "花子"), ("鈴木", "一郎"), ("山田", "太朗"))
    ]
    world.run()
    assert len(identities(world)) == 4

    world.ma.edit_person(people[2], email="suzuki@alpha.co.jp")
    world.run()
    assert len(identities(world)) == 3


def test_one_holder_more_may_part_all_holders_of_a_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those who were stored long before: piece by piece must give what all at once gives."""
    for module in (people_store, resolve):
        monkeypatch.setattr(module, "MOST_HOLDERS", 3)
    work = {"family_name": "山田", "given_name": "太郎", "company": "株式会社アルファ"}
    people = [world.ma.add_person(**work) for _ in range(3)]
    world.run()
    assert len(identities(world)) == 1

    world.ma.add_person(**work)
    world.run()
    assert len(identities(world)) == 4

    world.ma.edit_person(people[0], company="ベータ株式会社")
    world.run()
    assert len(identities(world)) == 2


def test_a_plan_after_a_run_is_empty_also_when_people_were_made(world: World) -> None:
    hot_visitor(world)

    world.run()

    assert world.fresh() == []
    assert len(world.sfa.timeline) == 3


def test_the_store_is_for_its_owner_alone(world: World) -> None:
    assert (world.folder / "connector.db").stat().st_mode & 0o077 == 0


def test_asked_to_end_a_run_finishes_its_step_and_frees_the_lease(world: World) -> None:
    hot_visitor(world)
    world.app.stopping = True

    report = world.run()

    assert report.exit is Exit.INTERRUPTED
    assert not world.sfa.people
    world.app.stopping = False
    assert world.run().exit is Exit.DONE
    assert len(world.sfa.people) == 1


def test_odd_people_are_counted_and_stop_nothing(world: World) -> None:
    hot_visitor(world)
    world.ma.add_person()  # nothing to know anybody by
    world.ma.add_person(email="x" * 290 + "@alpha.co.jp", family_name="長" * 10_000)
    world.ma.add_person(email="\u202etaro@alpha.co.jp\x00", family_name="\ud800")
    world.ma.add_person(email=" ", family_name="2026-04-01")

    report = world.run()

    assert report.exit is Exit.DONE
    assert report.ledger["ma", "people"].used == 5
    assert len(world.sfa.people) == 1


def test_a_field_mapped_for_the_first_time_is_read_of_everybody_before_anything_is_written(world: World) -> None:
    visitor = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田", phone="03-0000-0001")
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田", phone="03-9999-9999")
    world.run()

    edit_mapping(world, "people", "title: {to: title, wins: once}", "phone: {to: phone, wins: sfa_unless_blank}")
    world.ma.edit_person(visitor, company="アルファ")
    report = world.run()

    assert report.ledger["sfa", "people"].read == 1
    assert world.sfa.people[contact.id].fields["phone"] == "03-9999-9999"


def test_what_is_mapped_otherwise_or_no_more_is_not_read_again(world: World) -> None:
    world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    world.run()
    world.run()

    edit_mapping(world, "people", "    title: {to: title, wins: once}\n", "")
    edit_mapping(world, "people", "email: {to: email, wins: sfa_unless_blank}", "email: {to: email, wins: sfa}")

    assert world.run().ledger["sfa", "people"].read == 0


def test_who_is_no_more_the_contact_of_a_deal_is_planned_again(world: World) -> None:
    """The part of somebody in a deal passes to somebody else, in place, as when contacts are changed or merged."""
    both = [world.sfa.add_person(email=f"t{n}@alpha{n}.co.jp", family_name="山田") for n in range(2)]
    deal = world.sfa.add_deal("案件")
    world.run()

    for contact in both:
        with world.app.lease() as lease, lease.writing() as conn:
            part = DealPerson(Ref("sfa", "part", "1"), deal.id, contact.id)
            put_deal_people(conn, [part], Told())
        with world.app.reading() as conn:
            due = set(load.affected_chunk(conn, world.now, 0, 10))
            ids = {one.person.ref: one.identity for one in all_filed(conn, 0, 10)}
            nos = {row.id: row.no for row in conn.execute(select(t.identity))}
        concerned = {nos[ids[ref]] for ref in (both if contact is both[1] else both[:1])}
        assert due == concerned
        world.run()


def test_an_owners_day_is_that_of_the_configured_time_zone(world: World) -> None:
    world.pass_time(timedelta(hours=22, minutes=30))  # 08:30 in Tokyo; elsewhere it is yesterday
    told = Owner(world)
    world.run()
    told.happens()
    world.pass_time(timedelta(hours=1))  # a new day in UTC
    world.run()
    assert told.times == [1, 1, 1, 1, 1, 0]

    world.pass_time(timedelta(hours=14, minutes=31))  # 00:01 in Tokyo
    world.run()
    assert told.times == [1] * 6


def test_an_alert_that_was_tried_goes_as_it_is_though_the_day_is_full(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Owner(world, stories=1, a_day=1)
    with monkeypatch.context() as patched:
        patched.setattr(
            Memory, "push", lambda _, changes: iter([Receipt(c.key, "retry", code="BUSY") for c in changes])
        )
        world.run()
    told.happens()
    world.pass_time(timedelta(minutes=1))
    world.run()
    assert told.times == [0, 1], "the first is not due yet"

    world.pass_time(timedelta(minutes=10))
    world.run()

    assert told.times == [1, 1]
    assert not any(is_digest(alert) for alert in world.sfa.alerts.values())


def test_a_system_that_asks_for_hours_is_left_alone_so_long(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    hot_visitor(world)

    def busy(*_: object) -> Iterator[Receipt]:
        raise Throttled(text("asks us to wait", "待つよう求められました"), wait=timedelta(hours=3), where="sfa")

    with monkeypatch.context() as patched:
        patched.setattr(Memory, "push", busy)
        world.run()
    world.pass_time(timedelta(hours=2, minutes=50))
    assert world.run().sent() == 0
    world.pass_time(timedelta(minutes=11))
    assert world.run().sent() > 0


@pytest.mark.parametrize(("back", "everybody"), [(timedelta(minutes=50), False), (timedelta(hours=2), True)])
def test_a_clock_that_is_set_back_by_more_than_machines_differ_has_everybody_planned_anew(
    world: World, back: timedelta, everybody: bool
) -> None:
    hot_visitor(world)
    world.run()
    world.run()
    with world.app.lease() as lease, lease.writing() as conn:
        planning.note_time(conn, world.now - back)
        assert (load.affected(conn, world.now - back) > 0) is everybody


def test_of_two_new_people_who_may_be_one_a_plan_shows_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "CHUNK", 1)
    for local in ("suzuki", "suzuki.d"):
        ref = world.ma.add_person(
            email=f"{local}@uminari-example.co.jp", family_name="鈴木", name="鈴木 大輔", company="海鳴電子"
        )
        for day in range(1, 6):
            world.ma.add_touchpoint(ref, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=day))

    found = plan_preview(world.app, pull=True, as_of=None)

    assert sum(isinstance(change, CreatePerson) for change in found.fresh) == 1


@pytest.mark.parametrize("written_before", [False, True])
def test_an_alert_of_a_plan_is_raised_though_the_person_did_more_that_it_does_not_tell_of(
    world: World, tmp_path: Path, *, written_before: bool
) -> None:
    world.run()
    owner = world.sfa.add_owner("営業")
    world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田", owner_id=owner)
    visitor = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田")
    for days in (1, 2, 3):
        world.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=days))
    world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now - timedelta(hours=5))
    file = tmp_path / "plan.json"
    write_plan(world.app, file, world.now, plan_preview(world.app, pull=True, as_of=None).fresh)
    if written_before:  # by a version that did not know when
        said = json.loads(file.read_text(encoding="utf-8"))
        for each in said["changes"]:
            each["change"].pop("stirred_at", None)
        file.write_text(json.dumps(said), encoding="utf-8")
    world.now += timedelta(seconds=5)
    world.ma.add_touchpoint(visitor, Kind.MAIL_OPEN, world.now)
    world.now += timedelta(seconds=5)

    done = apply_plan(world.app, file, force=None)

    assert done.skipped == []
    assert [alert.rule for alert in world.sfa.alerts.values()] == ["hot"]
