"""The newer e-Sales Manager (esm), killed and frozen at every point: nothing is lost, nothing doubled."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.engine.report import Exit
from tests.faults import tally
from tests.faults.checks import after, again, but_known, can_be_taken_over, killed, thawed, unannounced
from tests.faults.conftest import MEMORY, silent
from tests.faults.cuts import cut_everywhere
from tests.faults.ends import Fault
from tests.faults.kit import Stage
from tests.faults.newer import WHEN, set_stage
from tests.faults.processes import Driver, killed_for_real
from tests.faults.test_kills import judged
from tests.faults.world import direct

SEED = 20261127


@pytest.fixture(scope="module")
def newer() -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="connector-faults-", dir=MEMORY) as folder:
        with silent():
            made = set_stage(Path(folder))
        yield made


def test_the_story_has_what_it_is_about(newer: Stage, tmp_path: Path) -> None:
    world = newer.world(WHEN, tmp_path / "world")
    with direct(world.made):
        report = world.run()
    assert report.exit is Exit.DONE
    assert {kind for (system, kind), n in report.ledger.items() if system == "esales" and n.used} >= {
        "→CreatePerson", "→RaiseAlert", "→SetFields",
    }  # fmt: skip


@pytest.mark.timeout(1800)
def test_a_run_killed_at_any_point_is_made_up_for_by_the_next(newer: Stage, tmp_path: Path, prove: bool) -> None:
    cuts, _ = cut_everywhere(newer.world(WHEN, tmp_path / "whole"), tmp_path / "cuts")
    faults: dict[str, list[Fault]] = {}
    for number, cut in enumerate(cuts if prove else cuts[::3]):
        world = cut.left.world(newer.setup, tmp_path / f"after{number}")
        faults[cut.points[0]] = unannounced(cut) + after(newer, WHEN, world)
        tally.count("kills", len(cut.points))
        tally.count("states")
        tally.count("events", len(newer.ought[WHEN]))
        for point in cut.points:
            tally.note("points", f"{WHEN} {point}")
            tally.note("points killed", f"{WHEN} {point}")
    judged(faults)


@pytest.mark.timeout(1800)
def test_killed_again_while_recovering(newer: Stage, tmp_path: Path, prove: bool) -> None:
    dice = random.Random(SEED)
    tally.note("seeds", str(SEED))
    faults = {}
    for number in range(40 if prove else 3):
        one, two = dice.sample(newer.points[WHEN], 2)
        reached, faults[f"{one}, {two}"] = killed(newer, WHEN, tmp_path / f"{number}", one, two)
        tally.count("kills", reached)
        tally.count("double kills", reached // 2)
        tally.count("events", len(newer.ought[WHEN]))
    judged(faults)


@pytest.mark.timeout(1800)
def test_a_sleeper_that_was_taken_over_writes_nothing_more(newer: Stage, tmp_path: Path, prove: bool) -> None:
    dice = random.Random(SEED)
    quiet = [at for at in newer.points[WHEN] if can_be_taken_over(at)]
    faults = {}
    for number, at in enumerate(quiet if prove else dice.sample(quiet, 3)):
        faults[at] = but_known(at, thawed(newer, WHEN, tmp_path / f"{number}", at))
        tally.count("events", len(newer.ought[WHEN]))
    judged(faults)


@pytest.mark.timeout(1800)
def test_kill_9_at_any_point(newer: Stage, driver: Driver, tmp_path: Path, prove: bool) -> None:
    points = newer.points[WHEN] if prove else random.Random(SEED).sample(newer.points[WHEN], 2)
    judged(killed_for_real(newer, [(WHEN, at) for at in points], driver, tmp_path))


def test_what_is_done_is_not_done_again(newer: Stage, tmp_path: Path) -> None:
    judged({WHEN: again(newer, WHEN, tmp_path / "world")})
