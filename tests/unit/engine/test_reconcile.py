"""The record against the systems: every sign, what is healed, and that nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connector.adapters.memory import Memory, Row
from connector.engine.reconcile import Difference, Reconciled, reconcile
from connector.engine.report import Exit
from connector.model import DealState, Inventory, Kind, Person, Ref, Role, Value
from connector.ports import Page
from tests.machine.world import World
from tests.unit.engine.test_run import hot_visitor


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


def lead(world: World, n: int = 0) -> Ref:
    ref = world.sfa.add_person(email=f"t{n}@alpha.co.jp", family_name="山田")
    hot_visitor(world, f"t{n}@alpha.co.jp")
    return ref


def unseen(world: World, ref: Ref, **values: Value) -> None:
    """Somebody changes a record, and no reading of what is new ever tells: its stamp stays behind the cursor."""
    rows = world.sfa._streams["people"]
    old = rows[ref.id]
    assert isinstance(old.record, Person)
    changed = replace(old.record, fields={**old.record.fields, **values})
    rows[ref.id] = Row(old.seq, ref.id, changed)


def look(world: World, *, first: bool = True) -> Reconciled:
    world.now += timedelta(seconds=1)
    return reconcile(world.app, first=first)


def listed(found: Reconciled, system: str = "sfa") -> list[Difference]:
    return found.systems[system].differences


def test_after_a_run_everything_is_as_recorded(world: World) -> None:
    person = lead(world)
    world.sfa.add_deal("装置", DealState.OPEN, people=(person.id,))
    world.run()
    world.run()

    found = look(world)

    assert not found.differs
    assert found.report.exit is Exit.DONE
    signs = {name: {kind: dict(c) for kind, c in one.counts.items()} for name, one in found.systems.items()}
    assert signs["sfa"] == {"person": {"=": 1}, "deal": {"=": 1}}
    assert signs["ma"]["person"] == {"=": 1}
    assert signs["ma"]["touchpoint"] == {"=": 4}


def test_it_writes_nothing_anywhere_and_moves_no_cursor(world: World) -> None:
    ref = lead(world)
    world.run()
    unseen(world, ref, score=99)
    before = world.snapshot()

    look(world)

    assert world.snapshot() == before


def test_a_field_of_ours_that_changed_unseen_is_told_and_written_again_by_the_next_run(world: World) -> None:
    ref = lead(world)
    world.run()
    world.run()
    unseen(world, ref, score=99)
    assert world.run().sent() == 0

    (difference,) = listed(found := look(world))

    assert (difference.sign, difference.place) == ("~", str(ref))
    ((name, recorded, now, written),) = [(f.name, f.recorded, f.now, f.written) for f in difference.fields]
    assert (name, recorded, now) == ("score", 31, 99)
    assert written is not None
    assert found.systems["sfa"].to_write == 1
    world.run()
    assert world.sfa.people[ref.id].fields["score"] == 31
    assert not look(world).differs


def test_what_no_reading_told_is_known_afterwards(world: World) -> None:
    lead(world)
    world.run()
    rows = world.sfa._streams["people"]
    new = Ref("sfa", "person", "000099")
    rows["000099"] = Row(1, "000099", Person(new, {"email": "late@beta.co.jp", "family_name": "後藤"}))

    assert [(each.sign, each.place) for each in listed(look(world))] == [("+", str(new))]
    assert not look(world).differs


def test_what_is_known_here_and_not_there_is_told_and_counts_as_gone_the_second_time(world: World) -> None:
    refs = [lead(world, n) for n in range(3)]
    world.run()
    del world.sfa._streams["people"][refs[0].id]

    assert [(each.sign, each.place) for each in listed(look(world))] == [("-", str(refs[0]))]
    assert [(each.sign, each.place) for each in listed(look(world))] == [("-", str(refs[0]))]
    assert not look(world).differs


def test_when_all_is_missing_the_source_is_doubted_and_nobody_counts_as_gone(world: World) -> None:
    refs = [lead(world, n) for n in range(4)]
    world.run()
    held = dict(world.sfa._streams["people"])
    for ref in refs[1:]:
        del world.sfa._streams["people"][ref.id]
    config = world.folder / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("at_least: 100000", "at_least: 2"), encoding="utf-8")
    world.restart()

    for _ in range(2):
        signs = Counter(each.sign for each in listed(look(world)))
        assert signs == {"-": 3, "!": 1}
    world.sfa._streams["people"].update(held)
    assert not look(world).differs


def test_a_system_that_shows_nothing_at_all_any_more_differs(world: World) -> None:
    refs = [lead(world, n) for n in range(3)]
    refs.append(world.sfa.add_deal("装置", DealState.OPEN, people=(refs[0].id,)))
    world.run()
    for stream in ("people", "deals"):
        world.sfa._streams[stream].clear()

    found = look(world)

    assert {each.place for each in listed(found) if each.sign == "-"} == {str(ref) for ref in refs}
    assert [each.place for each in listed(found) if each.sign == "!"] == ["sfa/person"], "nobody counts as gone"


def test_an_inventory_in_doubt_does_not_keep_the_other_systems_from_being_compared(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead(world)
    config = world.folder / "config.yaml"
    config.write_text(config.read_text(encoding="utf-8").replace("at_least: 100000", "at_least: 0"), encoding="utf-8")
    world.restart()
    world.run()

    def nobody(self: Memory, stream: str, cursor: str | None) -> Iterator[Page]:
        here = [Inventory("ma", "person", frozenset())] if self.role is Role.MA and stream == "people" else []
        yield Page(here, "")

    monkeypatch.setattr(Memory, "pull", nobody)

    found = look(world, first=False)

    assert Counter((each.sign, each.place) for each in listed(found, "ma")) == {("!", "people"): 1}
    assert "-" in {each.sign for each in listed(found, "sfa")}
    assert found.report.exit is Exit.FAILED


def test_an_unreadable_record_is_not_taken_for_a_missing_one(world: World) -> None:
    refs = [lead(world, n) for n in range(3)]
    world.run()
    world.run()
    world.sfa.unreadable.add(refs[0].id)

    found = look(world)

    assert [each.sign for each in listed(found)] == ["!"]
    assert found.report.exit is Exit.PARKED


def test_where_none_could_be_read_nobody_is_taken_for_missing(world: World) -> None:
    refs = [lead(world, n) for n in range(3)]
    world.run()
    world.run()
    world.sfa.unreadable.update(ref.id for ref in refs)

    assert {each.sign for each in listed(look(world))} == {"!"}


def test_a_system_that_does_not_answer_is_told_and_the_others_are_compared(world: World) -> None:
    lead(world)
    world.run()
    world.sfa.down = True

    found = look(world, first=False)

    assert {each.sign for each in listed(found)} == {"!"}
    assert found.systems["ma"].counts["person"] == {"=": 1}
    assert found.report.exit is Exit.FAILED


def test_a_system_that_gives_everything_once_is_not_compared(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lead(world)
    world.run()
    monkeypatch.setattr(Memory, "rereads", False)

    assert [each.sign for each in listed(look(world))] == ["!"]


def test_without_the_reading_before_it_what_is_merely_new_differs(world: World) -> None:
    lead(world)
    world.run()
    world.sfa.add_person(email="new@beta.co.jp", family_name="新井")

    assert [each.sign for each in listed(look(world, first=False))] == ["+"]


def test_two_records_under_one_key_are_told(world: World) -> None:
    ref = lead(world)
    world.run()
    world.run()
    key = world.sfa.people[ref.id].fields["ma_id"]
    twin = world.sfa.add_person(email="t0@alpha.co.jp", family_name="山田", ma_id=key)

    assert look(world).systems["sfa"].doubled == {key: [ref, twin]}


def test_members_of_lists_are_compared(world: World) -> None:
    person = world.sfa.add_person(email="lost@beta.co.jp", family_name="鈴木")
    world.sfa.add_deal(
        "装置", DealState.LOST, people=(person.id,), lost_reason="予算", closed_at=world.now - timedelta(days=20)
    )
    visitor = world.ma.add_person(email="lost@beta.co.jp", family_name="鈴木")
    other = world.ma.add_person(email="o@beta.co.jp", family_name="小川")
    world.run()
    world.ma.lists["budget"] = {other.id}

    found = look(world, first=False)

    places = {(each.sign, each.place) for each in listed(found, "ma")}
    assert places == {("+", f"ma/budget {other.id}"), ("-", f"ma/budget {visitor.id}")}


def test_what_is_parked_and_what_is_uncertain_is_counted(world: World) -> None:
    one, two = lead(world, 1), lead(world, 2)
    world.run()
    world.sfa.refuses.add(one.id)
    for n in (1, 2):
        visitor = world.ma.add_person(email=f"t{n}@alpha.co.jp", family_name="山田")
        world.ma.add_touchpoint(visitor, Kind.CALL, world.now - timedelta(days=1))
    world.run()
    world.sfa.refuses.clear()

    assert look(world).parked == {"sfa": 1}
    assert two.id in world.sfa.people
