"""Killed at any point: a later healthy run ends as if nothing had happened; nothing is lost, nothing is doubled."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from connector.engine.applying import apply_plan
from connector.engine.plan_file import write_plan
from connector.engine.preview import plan_preview
from connector.store import lease
from tests.faults import tally
from tests.faults.checks import (
    after,
    again,
    asleep,
    but_known,
    can_be_taken_over,
    killed,
    refused,
    some,
    thawed,
    two_starts,
    unannounced,
)
from tests.faults.cuts import cut_everywhere
from tests.faults.ends import Fault
from tests.faults.kit import Stage
from tests.faults.world import World, direct

MOMENTS = ("first", "next")
SEED = 20261126


def judged(faults: dict[str, list[Fault]]) -> None:
    """Nothing was found, anywhere."""
    tally.judge(fault.kind for found in faults.values() for fault in found)
    assert not {at: found for at, found in faults.items() if found}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("when", MOMENTS)
def test_a_run_killed_at_any_point_is_made_up_for_by_the_next(
    when: str, stage: Stage, tmp_path: Path, prove: bool
) -> None:
    cuts, points = cut_everywhere(stage.world(when, tmp_path / "whole"), tmp_path / "cuts")
    if when == "first" and not prove:
        # The second run passes nearly the same points, with more to do at them: of the first a third is enough.
        cuts = cuts[::3]
        points = [point for cut in cuts for point in cut.points]
    faults: dict[str, list[Fault]] = {}
    for number, cut in enumerate(cuts):
        world = cut.left.world(stage.setup, tmp_path / f"after{number}")
        faults[cut.points[0]] = unannounced(cut) + after(stage, when, world)
        tally.count("kills", len(cut.points))
        tally.count("states", 1)
        tally.count("events", len(stage.ought[when]))
        for point in cut.points:
            tally.note("points killed", f"{when} {point}")
    for point in points:
        tally.note("points", f"{when} {point}")
    judged(faults)


@pytest.mark.timeout(1800)
def test_an_apply_killed_at_any_point_is_made_up_for(stage: Stage, tmp_path: Path, prove: bool) -> None:
    """By a run; or by the same plan once more, and a run."""
    world, plan = stage.world("next", tmp_path / "whole"), tmp_path / "plan.json"
    with direct(world.made), world.app() as app:
        shown = plan_preview(app, pull=True, as_of=None)
        write_plan(app, plan, shown.as_of, shown.fresh)

    def applied(some: World) -> None:
        with some.app() as app:
            apply_plan(app, plan)

    cuts, points = cut_everywhere(world, tmp_path / "cuts", applied)
    assert any("engine.deliver._send" in point for point in points)
    faults = {}
    for number, cut in enumerate(cuts if prove else cuts[::8]):
        left = cut.left.world(stage.setup, tmp_path / f"after{number}")
        if number % 2:
            left.expire_lease()
            with direct(left.made):
                applied(left)
        faults[cut.points[0]] = unannounced(cut) + after(stage, "next", left)
        tally.count("kills", len(cut.points))
        tally.count("events", len(stage.ought["next"]))
    judged(faults)


@pytest.mark.timeout(1800)
def test_killed_again_while_recovering(stage: Stage, tmp_path: Path, prove: bool) -> None:
    dice = random.Random(SEED)
    tally.note("seeds", str(SEED))
    pairs = [(when, dice.choice(stage.points[when]), dice.choice(stage.points[when])) for when in MOMENTS * 40]
    faults = {}
    for number, (when, one, two) in enumerate(pairs if prove else pairs[:4]):
        reached, faults[f"{when}: {one}, {two}"] = killed(stage, when, tmp_path / f"{number}", one, two)
        tally.count("kills", reached)
        tally.count("double kills", reached // 2)
        tally.count("events", len(stage.ought[when]))
    judged(faults)


@pytest.mark.timeout(1800)
def test_a_sleeper_that_was_taken_over_writes_nothing_more(stage: Stage, tmp_path: Path, prove: bool) -> None:
    dice = random.Random(SEED)
    quiet = [(when, at) for when in MOMENTS for at in stage.points[when] if can_be_taken_over(at)]
    faults = {}
    for number, (when, at) in enumerate(dice.sample(quiet, 60 if prove else 3)):
        faults[f"{when}: {at}"] = but_known(at, thawed(stage, when, tmp_path / f"{number}", at))
        tally.count("events", len(stage.ought[when]))
    judged(faults)


@pytest.mark.parametrize("when", MOMENTS)
def test_who_slept_after_looking_whether_to_write_does_not_write(when: str, stage: Stage, tmp_path: Path) -> None:
    (at,) = some(stage.points[when], "esales", "remix.write._is_keyed", "answered")
    judged({at: thawed(stage, when, tmp_path / "world", at)})


@pytest.mark.parametrize("when", MOMENTS)
def test_what_is_done_is_not_done_again(when: str, stage: Stage, tmp_path: Path) -> None:
    judged({when: again(stage, when, tmp_path / "world")})


def test_a_second_start_is_refused_and_told_who_is_at_work(stage: Stage, tmp_path: Path) -> None:
    judged({"": two_starts(stage, "next", tmp_path / "world")})
    tally.count("starts")


JUMP = timedelta(hours=1)


def jumping(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> Callable[[World], None]:
    """Let the clock that leases are judged by jump."""
    now = lease._now

    def jump(_: World) -> None:
        monkeypatch.setattr(lease, "_now", lambda conn: now(conn) + by)

    return jump


def middle(stage: Stage) -> str:
    """A point in the middle of the work, with no transaction open."""
    points = some(stage.points["next"], "salesforce", "deliver._send", "committed")
    return points[len(points) // 2]


def test_when_the_clock_jumps_ahead_another_may_take_over_and_the_first_stops(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = jumping(monkeypatch, JUMP)
    judged({"ahead": thawed(stage, "next", tmp_path / "world", middle(stage), over=ahead)})
    tally.count("clock jumps")


def test_when_the_clock_jumps_back_the_lease_still_holds_and_the_first_goes_on(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = stage.world("next", tmp_path / "world")
    with asleep(world, middle(stage)) as sleeper:
        jumping(monkeypatch, -JUMP)(world)
        found = refused(world)
        if sleeper.wake() or sleeper.ended:
            found.append(Fault("wrong", f"the first did not go on: {sleeper.ended}"))
    judged({"back": found + after(stage, "next", world)})
    tally.count("clock jumps")
