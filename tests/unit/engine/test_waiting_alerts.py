"""Alerts that wait: for whom they are when they go out, and which never do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from connector.adapters.memory import SYSTEMS
from connector.changes import AnyChange, RaiseAlert
from connector.engine.applying import apply_plan
from connector.engine.plan_file import write_plan
from connector.engine.preview import plan_preview
from connector.engine.retry import retry
from connector.errors import text
from connector.model import DealState, Gone, Kind, Ref
from connector.ports import Receipt
from connector.store import tables as t
from tests.machine.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


def configure(world: World, name: str, old: str, new: str) -> None:
    path = world.folder / name
    content = path.read_text(encoding="utf-8")
    assert old in content
    path.write_text(content.replace(old, new), encoding="utf-8")
    world.restart()


def quiet(world: World) -> None:
    """It is 10:00 in Tokyo when a world begins."""
    configure(world, "config.yaml", "run:", 'run:\n  quiet: {alerts: "09:00-12:00"}')


def stir(world: World, owner: str | None) -> Ref:
    """A deal that stood still, and somebody of it who looked at our pages; the deal."""
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    since = world.now - timedelta(days=90)
    deal = world.sfa.add_deal("案件", stage="提案", stage_since=since, owner_id=owner, people=(contact.id,))
    visitor = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田")
    world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now - timedelta(minutes=5))
    return deal


def told(world: World) -> list[str]:
    return [alert.owner_id for alert in world.sfa.alerts.values()]


def stored(world: World) -> list[tuple[str, str]]:
    """Key and state of each alert in the outbox."""
    c = t.outbox.c
    with world.app.reading() as conn:
        return [tuple(row) for row in conn.execute(select(c.key, c.state).where(c.kind == "RaiseAlert"))]


def answering(world: World, answer: Callable[[RaiseAlert], Receipt | None], patch: pytest.MonkeyPatch) -> list[str]:
    """From now on the SFA answers so to alerts where that is anything; whom it was asked to tell."""
    asked: list[str] = []
    real = SYSTEMS["sfa"].carry_out

    def carry_out(change: AnyChange) -> Receipt:
        if not isinstance(change, RaiseAlert):
            return real(change)
        asked.append(change.owner_id)
        return answer(change) or real(change)

    patch.setattr(SYSTEMS["sfa"], "carry_out", carry_out)
    return asked


def refusing(*owners: str, doubtful: bool = False) -> Callable[[RaiseAlert], Receipt | None]:
    def answer(change: RaiseAlert) -> Receipt | None:
        if change.owner_id not in owners:
            return None
        return Receipt(change.key, "refused", code="INACTIVE", what=text("left", "退職"), doubtful=doubtful)

    return answer


def test_who_has_the_deal_when_the_quiet_hours_end_is_told_under_the_same_key(world: World) -> None:
    quiet(world)
    old, new = world.sfa.add_owner("旧"), world.sfa.add_owner("新")
    deal = stir(world, old)
    world.run()
    ((key, state),) = stored(world)
    assert state == "pending"

    world.sfa.edit_deal(deal, owner_id=new)
    world.pass_time(timedelta(hours=2, minutes=1))
    shown = plan_preview(world.app, pull=True, as_of=None)
    report = world.run()

    assert told(world) == [new]
    assert [alert.owner_id for alert in shown.held if isinstance(alert, RaiseAlert)] == [new]
    assert stored(world) == [(key, "done")]
    assert all(counts.balances() for counts in report.ledger.values())
    world.pass_time(timedelta(days=1))
    world.run()
    assert told(world) == [new]


def test_what_is_applied_goes_to_whom_the_plan_showed(world: World, tmp_path: Path) -> None:
    quiet(world)
    old, new = world.sfa.add_owner("旧"), world.sfa.add_owner("新")
    deal = stir(world, old)
    world.run()
    world.sfa.edit_deal(deal, owner_id=new)
    world.pass_time(timedelta(hours=2, minutes=1))
    shown = plan_preview(world.app, pull=True, as_of=None)
    write_plan(world.app, tmp_path / "plan", shown.as_of, [*shown.fresh, *shown.held])

    applied = apply_plan(world.app, tmp_path / "plan")

    assert applied.skipped == []
    assert told(world) == [new]


def test_a_plan_whose_owner_changed_since_is_not_applied_for_either(world: World, tmp_path: Path) -> None:
    quiet(world)
    old, new = world.sfa.add_owner("旧"), world.sfa.add_owner("新")
    deal = stir(world, old)
    world.run()
    world.pass_time(timedelta(hours=2, minutes=1))
    shown = plan_preview(world.app, pull=True, as_of=None)
    write_plan(world.app, tmp_path / "plan", shown.as_of, [*shown.fresh, *shown.held])

    world.sfa.edit_deal(deal, owner_id=new)
    applied = apply_plan(world.app, tmp_path / "plan")

    assert [skipped.code for skipped in applied.skipped if isinstance(skipped.change, RaiseAlert)] == ["wish"]
    assert told(world) == []
    world.run()
    assert told(world) == [new]


@pytest.mark.parametrize("end", ["won", "lost", "deleted"])
def test_nobody_is_told_of_a_deal_that_ended_before_the_quiet_hours_did(world: World, end: str) -> None:
    quiet(world)
    deal = stir(world, world.sfa.add_owner("営業"))
    world.run()

    if end == "deleted":
        world.sfa._commit("deals", Gone(deal, world.now))
    else:
        world.sfa.edit_deal(deal, state=DealState(end), closed_at=world.now)
    world.pass_time(timedelta(hours=2, minutes=1))
    report = world.run()

    assert told(world) == []
    assert [state for _, state in stored(world)] == ["dropped"]
    assert all(counts.balances() for counts in report.ledger.values())


def test_what_only_time_ended_is_told_as_it_was_decided(world: World) -> None:
    configure(world, "config.yaml", "run:", 'run:\n  quiet: {alerts: "11:00-10:59"}')
    owner = world.sfa.add_owner("営業")
    deal = stir(world, owner)
    world.run()

    world.sfa.edit_deal(deal, stage="見積", stage_since=world.now)
    world.pass_time(timedelta(days=1))
    configure(world, "config.yaml", 'alerts: "11:00-10:59"', 'alerts: "01:00-02:00"')
    world.run()

    assert told(world) == [owner]


def test_while_nobody_has_the_deal_the_alert_waits(world: World) -> None:
    quiet(world)
    old, new = world.sfa.add_owner("旧"), world.sfa.add_owner("新")
    deal = stir(world, old)
    world.run()

    world.sfa.edit_deal(deal, owner_id=None)
    world.pass_time(timedelta(hours=2, minutes=1))
    world.run()
    assert told(world) == []
    assert [state for _, state in stored(world)] == ["pending"]

    world.sfa.edit_deal(deal, owner_id=new)
    world.pass_time(timedelta(hours=1))
    world.run()
    assert told(world) == [new]


def test_what_the_old_owner_could_not_be_told_the_new_one_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = world.sfa.add_owner("旧"), world.sfa.add_owner("新")
    deal = stir(world, old)
    asked = answering(world, refusing(old), monkeypatch)
    world.run()
    world.pass_time(timedelta(hours=1))
    world.run()
    assert asked == [old]  # nothing has changed for it

    world.sfa.edit_deal(deal, owner_id=new)
    world.run()
    world.run()

    assert asked == [old, new]
    assert told(world) == [new]


def test_what_may_have_been_told_stays_as_it_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = world.sfa.add_owner("旧"), world.sfa.add_owner("新")
    deal = stir(world, old)
    asked = answering(world, refusing(old, doubtful=True), monkeypatch)
    world.run()

    world.sfa.edit_deal(deal, owner_id=new, state=DealState.WON, closed_at=world.now)
    world.pass_time(timedelta(hours=1))
    world.run()

    assert asked == [old]
    assert [state for _, state in stored(world)] == ["parked"]


@pytest.mark.parametrize(
    "said",
    [{"uncertain_until": 1}, {"attempts": 1}, {"state": "parked", "attempts": 2}, {"state": "inflight", "job": "j"}],
    ids=["answer lost", "tried", "tried more than once", "in a job"],
)
def test_an_alert_that_was_ever_on_its_way_is_not_turned_nor_dropped(world: World, said: dict[str, object]) -> None:
    quiet(world)
    old, new = world.sfa.add_owner("旧"), world.sfa.add_owner("新")
    deal = stir(world, old)
    world.run()
    with world.app.lease() as lease, lease.writing() as conn:
        conn.execute(update(t.outbox).where(t.outbox.c.kind == "RaiseAlert").values(**said))
        before = conn.execute(select(t.outbox.c.payload).where(t.outbox.c.kind == "RaiseAlert")).all()

    world.sfa.edit_deal(deal, owner_id=new, state=DealState.WON, closed_at=world.now)
    world.run()

    with world.app.reading() as conn:
        assert conn.execute(select(t.outbox.c.payload).where(t.outbox.c.kind == "RaiseAlert")).all() == before
    assert [state for _, state in stored(world)] == [said.get("state", "pending")]


def test_an_alert_put_back_goes_to_whoever_has_the_deal_now(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = world.sfa.add_owner("旧"), world.sfa.add_owner("新")
    deal = stir(world, old)
    asked = answering(world, refusing(old), monkeypatch)
    world.run()

    retry(world.app, put=True)
    world.sfa.edit_deal(deal, owner_id=new)
    world.run()

    assert asked == [old, new]


def test_a_rule_that_is_no_more_leaves_its_alerts_as_they_are(world: World) -> None:
    quiet(world)
    old, new = world.sfa.add_owner("旧"), world.sfa.add_owner("新")
    deal = stir(world, old)
    world.run()
    configure(world, "mappings/alerts.yaml", "- id: stirs", "- id: other")

    world.sfa.edit_deal(deal, owner_id=new)
    world.pass_time(timedelta(hours=2, minutes=1))
    configure(world, "mappings/alerts.yaml", "within: 1d", "within: 1h")
    world.run()

    assert told(world) == [old]


def test_who_looks_after_the_person_now_is_told_where_the_rule_names_that(world: World) -> None:
    quiet(world)
    old, new = world.sfa.add_owner("旧"), world.sfa.add_owner("新")
    configure(world, "mappings/alerts.yaml", "to: deal_owner", "to: person_owner")
    contact = world.sfa.add_person(email="jiro@alpha.co.jp", family_name="川田", owner_id=old)
    since = world.now - timedelta(days=90)
    world.sfa.add_deal("案件", stage="提案", stage_since=since, people=(contact.id,))
    visitor = world.ma.add_person(email="jiro@alpha.co.jp", family_name="川田")
    world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now - timedelta(minutes=5))
    world.run()

    world.sfa._commit("people", replace(world.sfa.people[contact.id], owner_id=new))
    world.pass_time(timedelta(hours=2, minutes=1))
    world.run()

    assert told(world) == [new]
