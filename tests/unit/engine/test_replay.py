"""A past time is planned from what was known by then: what came later, and what we wrote later, changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from connector.changes import SetFields
from connector.cli.views import plan_data
from connector.engine.preview import Shown, plan_preview
from connector.model import Kind
from tests.machine.world import World
from tests.unit.engine.test_undo import known_lead, lost_customer


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


def replay(world: World, ago: timedelta) -> Shown:
    return plan_preview(world.app, pull=True, as_of=world.now - ago)


def read_only(world: World) -> Shown:
    return plan_preview(world.app, pull=True, as_of=None)


def test_what_a_run_wrote_since_and_what_came_since_is_not_in_it(world: World) -> None:
    ref = known_lead(world)
    lost_customer(world)
    world.now += timedelta(minutes=5)  # records are made a little after the clock of the world
    asked = read_only(world)
    world.now += timedelta(minutes=5)
    then = world.now
    world.now += timedelta(hours=1)
    at_first = plan_preview(world.app, pull=False, as_of=then)

    world.run()
    world.now += timedelta(days=1)
    visitor = next(each for each in world.ma.people.values() if each.fields.get("email") == "t0@alpha.co.jp")
    world.ma.add_touchpoint(visitor.ref, Kind.DOWNLOAD, then - timedelta(hours=1))
    world.run()
    again = plan_preview(world.app, pull=True, as_of=then)

    assert plan_data(again) == plan_data(at_first)
    assert [each.key for each in again.fresh] == [each.key for each in asked.fresh]
    assert any(isinstance(each, SetFields) and each.ref == ref for each in again.fresh)


def test_nothing_is_read_and_nothing_is_told_of_today(world: World) -> None:
    known_lead(world)
    read_only(world)
    world.ma.down = world.sfa.down = True
    world.now += timedelta(hours=1)

    shown = replay(world, timedelta(minutes=30))

    assert shown.report.problems == []
    assert (shown.held, shown.left, shown.quota, shown.brake) == ((), {}, {}, ())


def test_a_record_made_later_is_not_in_it(world: World) -> None:
    read_only(world)
    world.now += timedelta(hours=2)
    for system in (world.ma, world.sfa):
        system.now = world.now - timedelta(hours=1)
    known_lead(world)
    read_only(world)

    assert not replay(world, timedelta(hours=2)).fresh
    assert read_only(world).fresh
