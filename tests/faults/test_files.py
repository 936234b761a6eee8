"""Systems of files and a register, killed at every point: files, imports and rows end as after an undisturbed run."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector.engine.report import Exit
from connector.rules.plan import RETRY_STALE
from tests.faults import tally
from tests.faults.checks import LATER, can_be_taken_over, overtaken
from tests.faults.conftest import MEMORY, silent
from tests.faults.ends import End, Fault, differences
from tests.faults.files import Left, Town, asleep, begin, crash, direct, end, killed_everywhere
from tests.faults.test_kills import judged

SEED = 20261127
SYSTEMS = ("marketing", "sales", "esm", "crm")


@dataclass(frozen=True)
class Begun:
    """A town before its first run, and how that ought to end."""

    town: Town
    ought: End


@pytest.fixture(scope="module")
def begun() -> Iterator[Begun]:
    with tempfile.TemporaryDirectory(prefix="connector-faults-", dir=MEMORY) as folder, silent():
        town = begin(Path(folder) / "begun")
        undisturbed = town.copy(Path(folder) / "ought")
        with direct(undisturbed):
            # An entry about somebody whom e-Sales Manager has yet to import waits for that.
            assert undisturbed.run().exit is Exit.DEFERRED
            # The run after it puts away what was read, and has nothing to write.
            assert undisturbed.run().sent() == 0
        yield Begun(town, end(undisturbed))


def after(begun: Begun, town: Town) -> list[Fault]:
    """Two healthy runs after whatever happened: all is as it ought to be, and nothing is left to write."""
    town.expire_lease()
    town.house.clock.advance(LATER)
    with direct(town):
        town.run()
        sent = town.run().sent()
    found = [Fault("doubled", f"{sent} changes were sent again")] if sent else []
    return found + differences(begun.ought, end(town))


def test_the_story_has_what_it_is_about(begun: Begun) -> None:
    kinds = {kind for kind, _ in begun.ought.things}
    rows = {"person.csv", "person-new.csv", "alerts.csv", "timeline.csv"}
    assert kinds >= {"marketing/out/lists/失注.csv", *(f"sales/out/{name}" for name in rows)}
    assert kinds >= {"esm 名刺", "esm MA接点", "esm MA通知", "crm people", "crm tasks", "crm notes"}


OF_FILES = ("put", "was put", "remembered", "answered")


def of_files(left: Left) -> bool:
    """Whether a file, an adapter's memory or a row of the register is what has just changed, or is about to."""
    return any(f" {word} " in point for point in left.points for word in OF_FILES)


def taken_too_early(town: Town, fault: Fault) -> bool:
    """The window that docs/adapters/csv.md names: its new rows are handed out a second time, under the same key."""
    return fault.kind == "doubled" and fault.what in town.early


@pytest.mark.timeout(1800)
def test_killed_at_any_point_it_is_made_up_for_by_the_next(begun: Begun, tmp_path: Path, prove: bool) -> None:
    every, points = killed_everywhere(begun.town.copy(tmp_path / "whole"), tmp_path / "left")
    for system in SYSTEMS:
        assert any(point.startswith(f"{system}:") and "deliver._send" in point for point in points)
    if not prove:
        dice = random.Random(SEED)
        tally.note("seeds", str(SEED))
        every = dice.sample([left for left in every if of_files(left)], 4) + dice.sample(every, 2)
    faults: dict[str, list[Fault]] = {}
    for number, left in enumerate(every):
        if number % 2:
            left.town.batch()  # the batch client did not wait for the next run
        if number % 3 == 0:
            left.town.take()  # nor did whoever carries files
        found = after(begun, left.town)
        faults[left.points[0]] = [fault for fault in found if not taken_too_early(left.town, fault)]
        tally.count("kills", len(left.points))
        tally.count("states")
        tally.count("events", len(begun.ought))
        for point in left.points:
            tally.note("file points", point)
    judged(faults)


@pytest.mark.timeout(1800)
def test_killed_again_while_recovering(begun: Begun, tmp_path: Path, prove: bool) -> None:
    _, points = killed_everywhere(begun.town.copy(tmp_path / "whole"), tmp_path / "left")
    shared = [at for at in sorted(points) if any(f" {word} " in at for word in OF_FILES)]
    dice = random.Random(SEED)
    faults: dict[str, list[Fault]] = {}
    for number in range(60 if prove else 3):
        one, two = dice.choice(shared), dice.choice(sorted(points))
        town = begun.town.copy(tmp_path / f"{number}")
        assert crash(town, one), one
        again = crash(town, two)  # while it recovers it passes fewer points, and may end undisturbed
        faults[f"{one}, {two}"] = after(begun, town)
        tally.count("kills", 1 + again)
        tally.count("double kills", int(again))
        tally.count("events", len(begun.ought))
    judged(faults)


@pytest.mark.timeout(1800)
def test_a_sleeper_that_was_taken_over_changes_nothing_more(begun: Begun, tmp_path: Path, prove: bool) -> None:
    _, points = killed_everywhere(begun.town.copy(tmp_path / "whole"), tmp_path / "left")
    quiet = [at for at in sorted(points) if can_be_taken_over(at) or any(f" {word} " in at for word in OF_FILES)]
    faults: dict[str, list[Fault]] = {}
    for number, at in enumerate(random.Random(SEED).sample(quiet, 24 if prove else 3)):
        town = begun.town.copy(tmp_path / f"{number}")
        with asleep(town, at) as sleeper:
            found = overtaken(town, sleeper, Town.expire_lease)
        # Whoever slept held what an adapter remembers: its system could not be read, and nobody was nurtured by that.
        town.house.clock.advance(RETRY_STALE)
        faults[at] = found + after(begun, town)
        tally.count("events", len(begun.ought))
    judged(faults)
