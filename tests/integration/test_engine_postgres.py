"""The whole loop with PostgreSQL as the store: the same code, the same results."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from connector.adapters.memory import SYSTEMS, System
from connector.engine.report import Exit
from connector.engine.retire import retire
from connector.errors import Locked
from connector.model import DealState, Kind
from tests.machine.world import World
from tests.unit.engine.test_unnamed import rename, scored


@pytest.fixture
def world(tmp_path: Path, postgres_url: str) -> Iterator[World]:
    made = World(tmp_path / "w", store=postgres_url)
    yield made
    made.close()


def test_the_loop_on_postgresql(world: World) -> None:
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    deal = world.sfa.add_deal("案件", probability=70, people=(contact.id,))
    visitors = [world.ma.add_person(email=f"v{n}@alpha.co.jp", family_name="佐藤") for n in range(20)]
    for visitor in visitors:
        for day in (1, 2, 3):
            world.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=day))
    known = world.ma.add_person(email="taro@alpha.co.jp", family_name="山\x00田")

    world.run()

    assert world.ma.lists["no-mail"] == {known.id}
    assert len(world.sfa.people) == 21
    assert world.fresh() == []
    before = world.snapshot()
    assert world.run().sent() == 0
    assert world.snapshot() == before

    world.sfa.edit_deal(deal, state=DealState.LOST, lost_reason="予算", closed_at=world.now - timedelta(days=20))
    world.sfa.delete_person(contact, into=next(iter(p.ref for p in world.sfa.people.values() if p.ref != contact)))
    world.restart()
    world.run()
    assert world.ma.lists["no-mail"] == set()


def test_two_runs_at_once_are_one_run_on_postgresql(world: World) -> None:
    lease = world.app.lease()
    with pytest.raises(Locked):
        world.run()
    lease.release()


def test_a_system_is_retired_on_postgresql(world: World) -> None:
    SYSTEMS["other"] = System("other", now=world.now)
    contact = scored(world)
    world.sfa.add_deal("案件", probability=70, people=(contact,))
    world.run()
    rename(world, "ma", "other")
    assert world.run().exit is Exit.STOPPED

    done = retire(world.app, "ma", really=True)

    assert done.counts == {"people": 1, "companies": 0, "deals": 0, "touchpoints": 1, "entries": 1}
    assert world.run().exit is Exit.DONE
    assert not world.sfa.people[contact].fields["score"]
    rename(world, "other", "ma")
    retire(world.app, "other", really=True)
    world.run()
    assert world.sfa.people[contact].fields["score"] == 7
    assert (len(world.sfa.timeline), world.fresh()) == (1, [])
