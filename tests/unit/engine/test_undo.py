"""A run is taken back: what stands goes back, what somebody touched stays, and nothing comes again by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from connector.adapters.memory import Memory
from connector.changes import CloseAlert, Lane, SetFields
from connector.engine.reconcile import reconcile
from connector.engine.report import Exit
from connector.engine.undo import Undone, undo_run
from connector.errors import ConnectorError
from connector.model import DealState, Kind, Person, Ref
from connector.rules.undo import Done, Now
from connector.rules.undo import undo as undo_done
from connector.store import outbox
from connector.store import tables as t
from connector.store.database import writing
from tests.machine.world import World
from tests.unit.engine.test_run import edit_mapping, hot_visitor


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


def known_lead(world: World, n: int = 0) -> Ref:
    """A record in the SFA whose person is hot: the run writes score, reasons and our key to it."""
    ref = world.sfa.add_person(email=f"t{n}@alpha.co.jp", family_name="山田", owner_id=world.sfa.add_owner("営業"))
    hot_visitor(world, f"t{n}@alpha.co.jp")
    return ref


def stirred(world: World) -> str:
    """The run in which a stalled deal stirs and its owner is alerted."""
    person = world.sfa.add_person(email="stalled@delta.co.jp", family_name="田中")
    owner, since = world.sfa.add_owner("営業"), world.now - timedelta(days=90)
    world.sfa.add_deal("停滞案件", people=(person.id,), stage_since=since, owner_id=owner)
    visitor = world.ma.add_person(email="stalled@delta.co.jp", family_name="田中")
    world.run()
    world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now)
    return world.run().run


def lost_customer(world: World, *, lost_reason: str = "予算", days: int = 20) -> tuple[Ref, Ref]:
    """Somebody whose deal was lost: the run puts the MA record on a list. Gives deal and MA record."""
    person = world.sfa.add_person(email="lost@beta.co.jp", family_name="鈴木")
    deal = world.sfa.add_deal(
        "装置", DealState.LOST, people=(person.id,), lost_reason=lost_reason, closed_at=world.now - timedelta(days=days)
    )
    return deal, world.ma.add_person(email="lost@beta.co.jp", family_name="鈴木")


def undo(world: World, run: str) -> Undone:
    world.now += timedelta(seconds=1)
    return undo_run(world.app, run, send=True)


def fields(world: World, ref: Ref) -> dict[str, object]:
    held = world.sfa.people[ref.id].fields
    return {name: held.get(name) for name in ("score", "why", "title")}


def test_fields_go_back_to_what_stood_there(world: World) -> None:
    ref = known_lead(world)
    world.sfa.edit_person(ref, score=3, why="手入力")
    run = world.run().run

    undone = undo(world, run)

    assert fields(world, ref) == {"score": 3, "why": "手入力", "title": None}
    assert undone.report.exit is Exit.DONE
    assert undone.report.as_data()["undoes"] == run


def test_a_field_that_was_blank_is_blank_again(world: World) -> None:
    ref = known_lead(world)
    run = world.run().run
    assert fields(world, ref)["score"] == 31

    undo(world, run)

    assert fields(world, ref) == {"score": None, "why": None, "title": None}


@pytest.mark.parametrize("side", ["ma", "sfa"])
def test_a_no_to_mail_is_never_taken_back(world: World, side: str) -> None:
    contact = known_lead(world)
    visitor = next(iter(world.ma.people.values())).ref
    world.run()
    told, other = (world.ma, world.sfa) if side == "ma" else (world.sfa, world.ma)
    told.edit_person(visitor if side == "ma" else contact, opted_out=True)
    run = world.run().run
    carried = [person.fields.get("opted_out") for person in other.people.values()]
    assert carried == [True]

    undone = undo(world, run)
    world.run()

    assert ("consent", "opted_out") in [(left.code, left.field) for left in undone.found.left]
    assert [person.fields["opted_out"] for person in other.people.values()] == [True]


def test_what_somebody_touched_since_stays_and_is_named(world: World) -> None:
    ref = known_lead(world)
    run = world.run().run
    world.sfa.edit_person(ref, why="担当者のメモ")

    undone = undo(world, run)

    assert fields(world, ref)["why"] == "担当者のメモ"
    assert fields(world, ref)["score"] is None
    assert [(left.code, left.field) for left in undone.found.left if left.code == "touched"] == [("touched", "why")]


def test_what_a_later_run_wrote_is_left_to_the_undo_of_that_run(world: World) -> None:
    ref = known_lead(world)
    first = world.run().run
    edit_mapping(world, "scores", "points: 10", "points: 5")
    second = world.run().run
    assert fields(world, ref)["score"] == 26

    left = undo(world, first).found.left
    assert {(each.code, each.field) for each in left if each.code == "later_run"} == {
        ("later_run", "score"),
        ("later_run", "why"),
    }
    assert second in str(next(each.why for each in left if each.code == "later_run"))
    assert fields(world, ref)["score"] == 26


def test_a_preview_sends_nothing_and_says_what_it_would_do(world: World) -> None:
    known_lead(world)
    run = world.run().run
    before = world.snapshot()

    shown = undo_run(world.app, run, send=False)

    assert world.snapshot() == before
    assert not shown.sent
    assert shown.found.changes
    assert shown.found == undo(world, run).found


def test_the_next_run_does_not_write_again_what_was_undone(world: World) -> None:
    ref = known_lead(world)
    undo(world, world.run().run)

    assert world.run().sent() == 0
    edit_mapping(world, "people", "max_length: 60", "max_length: 61")  # everybody is planned anew
    assert world.run().sent() == 0
    assert fields(world, ref)["score"] is None


def test_another_value_is_written_again(world: World) -> None:
    ref = known_lead(world)
    undo(world, world.run().run)

    edit_mapping(world, "scores", "points: 10", "points: 5")
    world.run()

    assert fields(world, ref)["score"] == 26
    world.run()
    assert fields(world, ref)["score"] == 26


def test_the_reasons_of_a_score_never_speak_of_another_score_than_the_one_beside_them(world: World) -> None:
    ref = known_lead(world)
    undo(world, world.run().run)
    (visitor,) = world.ma.people.values()
    world.ma.add_touchpoint(visitor.ref, Kind.SEMINAR_ATTENDED, world.now - timedelta(hours=1))  # capped: still 31
    world.run()
    assert fields(world, ref) == {"score": None, "why": None, "title": None}

    edit_mapping(world, "scores", "points: 10", "points: 5")
    world.run()

    assert fields(world, ref)["score"] == 26
    assert str(fields(world, ref)["why"]).startswith("26点")


def test_an_undo_can_be_undone(world: World) -> None:
    ref = known_lead(world)
    run = world.run().run
    before = world.snapshot()

    first = undo(world, run)
    assert fields(world, ref)["score"] is None
    again = undo(world, first.report.run)

    assert fields(world, ref)["score"] == 31
    assert again.found.left == ()
    assert world.snapshot() == before
    assert world.run().sent() == 0


def test_undoing_twice_does_nothing_the_second_time(world: World) -> None:
    known_lead(world)
    run = world.run().run
    undo(world, run)

    again = undo(world, run)

    assert [change for change in again.found.changes if not isinstance(change, CloseAlert)] == []
    assert again.found.back_already == 2


def test_who_was_put_on_a_nurture_list_comes_off_and_stays_off(world: World) -> None:
    _, visitor = lost_customer(world)
    run = world.run().run
    assert world.ma.lists["budget"] == {visitor.id}

    undone = undo(world, run)

    assert world.ma.lists["budget"] == set()
    assert undone.returns == []
    world.run()
    assert world.ma.lists["budget"] == set()
    assert world.ma.people[visitor.id].fields.get("lost_reason") is None


def test_who_was_taken_off_goes_back_and_the_rule_is_named_that_takes_them_off_again(world: World) -> None:
    deal, visitor = lost_customer(world)
    world.run()
    world.sfa.edit_deal(deal, state=DealState.OPEN, closed_at=None)
    run = world.run().run
    assert world.ma.lists["budget"] == set()

    undone = undo(world, run)

    assert world.ma.lists["budget"] == {visitor.id}
    assert len(undone.returns) == 1


def test_protection_comes_back_with_the_next_run_and_that_is_said(world: World) -> None:
    person = world.sfa.add_person(email="p@gamma.co.jp", family_name="高橋")
    world.sfa.add_deal("進行中", people=(person.id,), probability=80.0)
    visitor = world.ma.add_person(email="p@gamma.co.jp", family_name="高橋")
    run = world.run().run
    assert world.ma.lists["no-mail"] == {visitor.id}

    undone = undo(world, run)

    assert world.ma.lists["no-mail"] == set()
    assert [change.system for change in undone.returns] == ["ma"]
    edit_mapping(world, "scores", "points: 10", "points: 5")  # everybody is planned anew
    world.run()
    assert world.ma.lists["no-mail"] == {visitor.id}


def test_an_alert_is_closed_unless_its_owner_works_on_it(world: World) -> None:
    run = stirred(world)
    (key,) = world.sfa.alerts

    undone = undo(world, run)
    assert world.sfa.closed == {key}
    assert undone.at_work == []

    world.sfa.closed.clear()
    world.sfa.at_work.add(key)
    again = undo(world, run)
    assert world.sfa.closed == set()
    (told,) = again.at_work
    assert told.startswith(world.sfa.alerts[key].title)


def test_an_alert_that_was_closed_is_not_opened_again(world: World) -> None:
    first = undo(world, stirred(world))

    again = undo(world, first.report.run)

    assert [left.code for left in again.found.left] == ["closed"]
    assert len(world.sfa.closed) == 1


def test_a_system_that_cannot_close_alerts_has_them_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = stirred(world)
    monkeypatch.setattr(Memory, "writes", Memory.writes - {CloseAlert})

    assert [left.code for left in undo(world, run).found.left if left.code == "no_way"] == ["no_way"]


def test_people_and_timeline_entries_that_were_made_stay_and_are_named(world: World) -> None:
    hot_visitor(world)
    run = world.run().run
    assert len(world.sfa.people) == 1

    codes = [left.code for left in undo(world, run).found.left]

    assert codes.count("created") == 1
    assert codes.count("shown") == 3
    assert len(world.sfa.people) == 1
    assert len(world.sfa.timeline) == 3


def test_a_record_that_is_gone_is_named_and_not_made_again(world: World) -> None:
    ref = known_lead(world)
    run = world.run().run
    world.sfa.delete_person(ref)

    undone = undo(world, run)

    assert {left.code for left in undone.found.left if left.field} == {"gone"}
    assert ref.id not in world.sfa.people


def test_a_system_that_cannot_be_read_keeps_everything_and_is_named(world: World) -> None:
    ref = known_lead(world)
    run = world.run().run
    world.sfa.down = True

    undone = undo(world, run)
    world.sfa.down = False

    assert "unread" in {left.code for left in undone.found.left}
    assert fields(world, ref)["score"] == 31
    undo(world, run)
    assert fields(world, ref)["score"] is None


def test_what_waits_under_the_brake_is_not_sent_by_an_undo(world: World) -> None:
    first = known_lead(world)
    run = world.run().run
    config = world.folder / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("at_least: 100000", "at_least: 1"), encoding="utf-8")
    world.restart()
    second = known_lead(world, 1)
    assert world.run().exit is Exit.STOPPED

    undo(world, run)

    assert fields(world, first)["score"] is None
    assert fields(world, second)["score"] is None


def test_an_undo_whose_answer_was_lost_is_finished_by_the_next_run(world: World) -> None:
    ref = known_lead(world)
    run = world.run().run
    world.sfa.late = 10

    undone = undo(world, run)
    assert undone.waiting["sfa"] >= 1
    assert fields(world, ref)["score"] == 31
    world.sfa.late, world.sfa.under_way = 0, []
    world.pass_time(timedelta(minutes=11))
    edit_mapping(world, "people", "max_length: 60", "max_length: 61")  # everybody is planned anew
    world.run()

    assert fields(world, ref)["score"] is None
    with world.app.reading() as conn:
        assert outbox.left_of(conn, undone.report.run) == {}


def test_an_undo_that_waits_goes_together_with_what_a_rule_wants_of_the_same_record(world: World) -> None:
    ref = known_lead(world)
    run = world.run().run
    world.sfa.late = 10
    undo(world, run)
    world.sfa.late, world.sfa.under_way = 0, []
    world.pass_time(timedelta(minutes=11))
    (visitor,) = world.ma.people.values()
    world.ma.edit_person(visitor.ref, title="部長")
    world.run()

    assert fields(world, ref) == {"score": None, "why": None, "title": "部長"}
    world.run()
    assert fields(world, ref)["score"] is None


@pytest.mark.parametrize(("word", "wanted"), [("title", "部長"), ("opted_out", True)])
def test_what_a_rule_still_wanted_of_a_record_is_not_lost_by_an_undo(
    world: World, word: str, wanted: str | bool
) -> None:
    ref = known_lead(world)
    run = world.run().run
    (visitor,) = world.ma.people.values()
    world.ma.edit_person(visitor.ref, **{word: wanted})
    world.run_with_sfa_down_at_delivery()

    undo(world, run)
    world.run()

    assert (world.sfa.people[ref.id].fields[word], fields(world, ref)["score"]) == (wanted, None)


def test_what_a_job_has_yet_to_tell_is_named_and_can_be_undone_afterwards(world: World) -> None:
    """As a bulk job leaves things that outlives its run; the system of this world has none."""
    ref = known_lead(world)
    run = world.run().run
    (visitor,) = world.ma.people.values()
    world.ma.edit_person(visitor.ref, title="部長")
    world.run_with_sfa_down_at_delivery()
    change = update(t.outbox).where(t.outbox.c.key == f"set:{ref}")
    with writing(world.app.store) as conn:
        conn.execute(change.values(state="inflight", job="handle"))

    left = undo(world, run).found.left

    assert {(each.code, each.field) for each in left} >= {("under_way", "score"), ("under_way", "why")}
    with writing(world.app.store) as conn:
        conn.execute(change.values(state="done", job=None))
    undo(world, run)
    assert fields(world, ref)["score"] is None


def test_a_run_that_never_was_cannot_be_undone(world: World) -> None:
    with pytest.raises(ConnectorError, match="there is no run"):
        undo_run(world.app, "20200101T000000-beef", send=True)


def test_what_stood_there_and_was_never_read_is_not_guessed() -> None:
    ref = Ref("sfa", "person", "1")
    wrote = SetFields(key="k", system="sfa", identity="p", lane=Lane.SCORES, ref=ref, values={"score": 3})
    now = Now({ref: Person(ref, {}, {"score": 3})})

    found = undo_done([Done(wrote)], "r", now)

    assert (found.changes, [left.code for left in found.left]) == ((), ["unknown"])


def test_the_last_run_is_the_last_that_brought_anything(world: World) -> None:
    known_lead(world)
    run = world.run().run
    world.run()
    look = reconcile(world.app).report.run

    undone = undo(world, "last")

    assert look != run
    assert undone.run == undone.report.as_data()["undoes"] == run
    assert len(undone.found.changes) > 0


def test_where_nothing_was_ever_brought_there_is_no_last_run(world: World) -> None:
    world.run()
    with pytest.raises(ConnectorError, match="no run has sent anything yet"):
        undo(world, "last")


def test_what_was_carried_of_a_lost_deal_and_undone_is_not_carried_again(world: World) -> None:
    deal, visitor = lost_customer(world)
    run = world.run().run
    assert world.ma.people[visitor.id].fields["lost_reason"] == "予算"

    undo(world, run)
    assert not world.ma.people[visitor.id].fields["lost_reason"]
    world.sfa.edit_deal(deal, name="装置一式")
    world.run()
    assert not world.ma.people[visitor.id].fields["lost_reason"]

    world.sfa.edit_deal(deal, lost_reason="競合")
    world.run()
    assert world.ma.people[visitor.id].fields["lost_reason"] == "競合", "another reason is news"
