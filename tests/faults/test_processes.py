"""The command line as real processes: killed with -9, frozen and thawed, started twice; on SQLite and PostgreSQL."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest

from connector.errors import StoreError
from tests.faults import tally
from tests.faults.checks import after, but_known, can_be_taken_over, kept
from tests.faults.conftest import EIGHTHS
from tests.faults.ends import Fault
from tests.faults.kit import Stage
from tests.faults.processes import Driver, Live, go_on, killed, killed_for_real, live
from tests.faults.test_kills import MOMENTS, SEED, judged

STORES = ("sqlite", "postgresql")


@pytest.fixture(scope="module", autouse=True)
def _warm(stage: Stage, driver: Driver, tmp_path_factory: pytest.TempPathFactory, prove: bool) -> None:
    if prove:  # where few processes are started it would not pay
        with live(stage, MOMENTS[0], tmp_path_factory.mktemp("warm") / "w", driver) as alive:
            assert alive.warm() == 0


def staged(store: str, request: pytest.FixtureRequest) -> Stage:
    stage: Stage = request.getfixturevalue("stage" if store == "sqlite" else "postgres_stage")
    return stage


def some_points(stage: Stage, share: int) -> list[tuple[str, str]]:
    """Every so-manieth point of both moments, and each when `share` is 1."""
    every = [(when, at) for when in MOMENTS for at in stage.points[when] if "store.lease.release" not in at]
    return every[random.Random(SEED).randrange(share) :: share]


def all_points(stage: Stage) -> list[tuple[str, str]]:
    """Every point once by its name, with the run that has more to do at it.

    Sorted: the order in which threads come by is another in each process that does a part.
    """
    return sorted({at: when for when, at in some_points(stage, 1)}.items())


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("store", STORES)
def test_kill_9_at_any_point(
    store: str, eighth: int, driver: Driver, tmp_path: Path, prove: bool, request: pytest.FixtureRequest
) -> None:
    stage = staged(store, request)
    if prove:
        points = [(when, at) for at, when in all_points(stage)[:: 1 if store == "sqlite" else 7][eighth::EIGHTHS]]
    else:
        points = some_points(stage, 240 if store == "sqlite" else 480)
    judged(killed_for_real(stage, points, driver, tmp_path))


@pytest.mark.timeout(3600)
def test_kill_9_again_while_recovering(stage: Stage, driver: Driver, tmp_path: Path, prove: bool) -> None:
    dice = random.Random(SEED)
    faults = {}
    for number in range(40 if prove else 1):
        when = MOMENTS[number % 2]
        at = dice.choice(stage.points[when])
        with live(stage, when, tmp_path / f"{number}", driver) as alive:
            found = killed(alive, at)
            alive.world.expire_lease()
            # While it recovers it passes fewer points: any that it reaches will do.
            again = alive.driver.wait(alive.start(at=dice.choice(stage.points[when])))["code"] == -signal.SIGKILL
            faults[f"{when}: {at}"] = found + after(stage, when, alive.world)
        tally.count("kills", 1 + again)
        tally.count("kills -9", 1 + again)
        tally.count("double kills", int(again))
    judged(faults)


def frozen(stage: Stage, when: str, alive: Live, at: str) -> list[Fault]:
    """A process stopped until its lease is over; another does the work; then the first continues."""
    sleeper = alive.start(at=at, end="freeze", name="sleeper")
    if "stopped" not in alive.driver.wait(sleeper):
        return [Fault("wrong", f"never stopped at {at}")]
    try:
        alive.world.expire_lease()
        code = alive.driver.wait(alive.start(name="other"))["code"]
        locked = "is locked by another process" in alive.said("other")
    except StoreError:
        code, locked = 1, True
    if locked:
        # Stopped in the middle of a transaction on SQLite: nobody can take over, so the first goes on to its end.
        go_on(sleeper)
        woke = alive.driver.wait(sleeper)["code"]
        return [] if woke == 0 else [Fault("wrong", f"ended with {woke}: {alive.said('sleeper')}")]
    before = kept(alive.world)
    go_on(sleeper)
    woke = alive.driver.wait(sleeper)["code"]
    found = [] if code == 0 else [Fault("wrong", f"the other run failed: {alive.said('other')}")]
    if kept(alive.world) != before:
        found.append(Fault("wrong", "a sleeper wrote into the store"))
    if woke != 1 or "another run has taken over" not in alive.said("sleeper"):
        found.append(Fault("wrong", f"a sleeper ended with {woke}: {alive.said('sleeper')}"))
    return found + after(stage, when, alive.world)


@pytest.mark.timeout(3600)
def test_a_frozen_process_that_wakes_too_late_writes_nothing_more(
    stage: Stage, driver: Driver, tmp_path: Path, prove: bool
) -> None:
    points = [(when, at) for when, at in some_points(stage, 1) if can_be_taken_over(at)]
    points = random.Random(SEED).sample(points, 20 if prove else 1)
    faults = {}
    for number, (when, at) in enumerate(points):
        with live(stage, when, tmp_path / f"{number}", driver) as alive:
            faults[f"{when}: {at}"] = but_known(at, frozen(stage, when, alive, at))
        tally.count("freezes")
        tally.count("events", len(stage.ought[when]))
    judged(faults)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("store", STORES)
def test_of_two_that_start_at_once_one_does_the_work(
    store: str, driver: Driver, tmp_path: Path, prove: bool, request: pytest.FixtureRequest
) -> None:
    stage = staged(store, request)
    faults = {}
    for number in range(25 if prove else 1):
        when = MOMENTS[number % 2]
        with live(stage, when, tmp_path / f"{number}", driver) as alive:
            pids = {name: alive.start(name=name) for name in ("one", "two")}
            codes = {name: driver.wait(pid)["code"] for name, pid in pids.items()}
            found = [] if sorted(codes.values()) == [0, 1] else [Fault("doubled", f"ended with {codes}")]
            for name, other in (("one", "two"), ("two", "one")):
                if codes[name] and f" pid {pids[other]}" not in alive.said(name):
                    found.append(Fault("wrong", f"does not name the other: {alive.said(name)}"))
            faults[f"{number}"] = found + after(stage, when, alive.world)
        tally.count("starts")
    judged(faults)
