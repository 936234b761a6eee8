"""The brake as a user meets it: nothing is sent, the plan is there to be looked at, and who overrules it says why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from connector.cli.say import Console
from connector.cli.views import show_plan, show_report, show_status
from connector.engine.preview import plan_preview
from connector.engine.report import Exit
from connector.engine.run import run
from connector.engine.status import status
from connector.model import Kind, Ref
from tests.machine.world import World
from tests.unit.engine.test_run import edit_config, edit_mapping


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    made = World(tmp_path / "w")
    edit_config(made, "{at_least: 100000}", "{at_least: 3}")
    yield made
    made.close()


def leads(world: World, count: int) -> list[Ref]:
    refs = [world.sfa.add_person(email=f"t{n}@alpha.co.jp", family_name="山田") for n in range(count)]
    for n in range(count):
        visitor = world.ma.add_person(email=f"t{n}@alpha.co.jp", family_name="山田")
        world.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=2), label="入門")
    return refs


def halted(world: World) -> list[Ref]:
    """A rule is changed so that everybody's score would change: the run stops."""
    refs = leads(world, 5)
    world.run()
    edit_mapping(world, "scores", "points: 7", "points: 9")
    assert world.run().exit is Exit.STOPPED
    return refs


def scores(world: World, refs: list[Ref]) -> set[object]:
    return {world.sfa.people[ref.id].fields["score"] for ref in refs}


def test_after_a_halt_the_plan_still_shows_what_would_be_sent(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    refs = halted(world)
    assert scores(world, refs) == {7}

    shown = plan_preview(world.app, pull=True, as_of=None)
    show_plan(Console(), shown, 50)

    told = capsys.readouterr().out
    assert {change.key for change in shown.held} == {f"set:{ref}" for ref in refs}
    assert told.count("score: 7 → 9") == 5
    assert "a run would stop: sfa: 5 changes to 5 records" in told


def test_the_run_that_stops_shows_the_plan_itself(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    halted(world)

    show_report(Console(), report := world.run())

    told = capsys.readouterr().out
    assert told.count("score: 7 → 9") == 5
    assert "held back: sfa SetFields 5" in told
    assert "connector run --force" in told
    assert report.as_data()["held"] == [{"system": "sfa", "kind": "SetFields", "changes": 5}]


def test_a_rule_that_is_put_right_leaves_nothing_of_what_was_held(world: World) -> None:
    refs = halted(world)
    edit_mapping(world, "scores", "points: 9", "points: 7")

    assert plan_preview(world.app, pull=True, as_of=None).held == []
    report = world.run()
    assert (report.exit, report.sent()) == (Exit.DONE, 0)
    assert scores(world, refs) == {7}


def test_who_overrules_the_brake_says_why_and_that_is_kept(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    refs = halted(world)
    world.now += timedelta(seconds=1)

    report = run(world.app, force="agreed with marketing")

    assert report.exit is Exit.DONE
    assert scores(world, refs) == {9}
    assert report.as_data()["held"] == []
    show_status(Console(), status(world.app))
    assert "forced: agreed with marketing" in capsys.readouterr().out


def namesakes(world: World, count: int) -> None:
    """As many pairs of records of which nothing says that they are one."""
    for n in range(count):
        world.ma.add_person(email=f"a{n}@alpha.co.jp", family_name="山田", given_name=f"太郎{n}")
        world.sfa.add_person(email=f"b{n}@beta.co.jp", family_name="山田", given_name=f"太郎{n}")


def join(world: World, count: int) -> None:
    """A source now gives one address to two of them at a time."""
    visitors = sorted(world.ma.people.values(), key=lambda person: person.ref.id)
    for n, person in enumerate(visitors[:count]):
        world.ma.edit_person(person.ref, email=f"b{n}@beta.co.jp")


def test_when_many_people_become_one_with_others_nothing_is_sent_until_somebody_says_so(world: World) -> None:
    namesakes(world, 6)
    world.run()
    join(world, 4)

    first, second = world.run(), world.run()

    assert (first.exit, second.exit) == (Exit.STOPPED, Exit.STOPPED)
    assert "4 of 8 people were joined to others" in str(first.halted[-1])
    assert run(world.app, force="the list was cleaned").exit is Exit.DONE
    assert world.run().exit is Exit.DONE


def test_a_few_people_becoming_one_with_others_stop_nothing(world: World) -> None:
    namesakes(world, 6)
    world.run()
    join(world, 2)

    assert world.run().exit is Exit.DONE


def test_the_first_run_joins_as_many_as_it_finds(world: World) -> None:
    leads(world, 6)

    assert world.run().exit is Exit.DONE
