"""Clocks that jump, midnights, leap days and the edges of windows: nothing doubled, nothing early, nothing late."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connector.model import DealState, Kind, Ref
from tests.faults.twins import World, deterministic

SECOND = timedelta(seconds=1)
PRICE = "https://x.jp/price"


@pytest.fixture
def world() -> Iterator[World]:
    with deterministic():
        made = World()
        yield made
        made.close()


def someone(world: World, *, days: int = 0) -> tuple[Ref, Ref]:
    """A person in both systems, who looked at a page so many days ago."""
    owner, company = world.sfa.add_owner("営業"), world.sfa.add_company("アルファ株式会社")
    contact = world.sfa.add_person(email="a@alpha.co.jp", family_name="山田", owner_id=owner, company_id=company.id)
    visitor = world.ma.add_person(email="a@alpha.co.jp", family_name="山田")
    world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now - timedelta(days=days), url=PRICE)
    world.sfa.add_deal(
        "案件", DealState.OPEN, stage="提案", stage_since=world.now - timedelta(days=70), probability=20,
        owner_id=owner, company_id=company.id, people=(contact.id,),
    )  # fmt: skip
    return visitor, contact


def score(world: World, contact: Ref) -> object:
    return world.sfa.people[contact.id].fields.get("score")


@pytest.mark.parametrize("by", [timedelta(hours=1), timedelta(days=1), timedelta(days=400)])
@pytest.mark.parametrize("ahead", [True, False])
def test_a_clock_that_jumps_and_is_set_right_doubles_nothing(world: World, by: timedelta, ahead: bool) -> None:
    visitor, contact = someone(world)
    world.run()
    right = world.seen()

    world.now += by if ahead else -by
    world.run()
    world.run()
    world.now -= by if ahead else -by
    world.pass_time(timedelta(hours=1))  # values that were refused a turn while time went backwards
    world.run()
    world.run()

    found = world.seen()
    assert found["sfa"] == right["sfa"]
    assert found["lists"] == right["lists"]
    assert found["alerts"] == right["alerts"]
    assert world.fresh() == []
    world.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, world.now)
    world.run()
    assert score(world, contact) == 17, "what comes after the jump is not missed"


def test_what_was_put_off_under_a_wrong_clock_is_sent_when_it_is_right_again(world: World) -> None:
    _, contact = someone(world)
    world.run()
    world.now += timedelta(days=400)
    world.sfa.lose_answer = 1
    world.run()
    assert score(world, contact) == 0
    assert world.waiting()
    world.now -= timedelta(days=400)
    world.run()
    world.pass_time(timedelta(minutes=20))
    world.run()
    assert world.waiting() == {}
    assert score(world, contact) == 10


def test_an_alert_is_raised_once_around_midnight_in_japan(world: World) -> None:
    midnight = datetime(2026, 4, 1, 15, 0, tzinfo=UTC)
    world.pass_time(midnight - 2 * SECOND - world.now)
    someone(world)
    for _ in range(5):
        world.run()  # each a second later than the one before
    assert world.now > midnight
    assert sum(world.seen()["alerts"].values()) == 1


@pytest.mark.parametrize(
    "at",
    [
        datetime(2027, 2, 27, 23, 0, tzinfo=UTC),
        datetime(2028, 2, 28, 15, 0, tzinfo=UTC),  # midnight in Tokyo, of the leap day
        datetime(2028, 2, 29, 12, 0, tzinfo=UTC),
        datetime(2028, 12, 31, 15, 0, tzinfo=UTC),
    ],
)
def test_points_leave_with_the_second_in_which_their_window_ends(world: World, at: datetime) -> None:
    world.pass_time(at - world.now)
    _, contact = someone(world)
    world.run()
    assert score(world, contact) == 10

    world.pass_time(at + timedelta(days=30) - 2 * SECOND - world.now)
    report = world.run()
    assert report is not None
    assert (score(world, contact), report.sent()) == (10, 0)
    world.pass_time(SECOND)
    report = world.run()
    assert report is not None
    assert (score(world, contact), report.sent()) == (0, 1)
    assert world.fresh() == []
