"""What the tests of kills start from: the two moments of the story, and how each ought to end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from connector.config import Setup
from tests.faults.ends import End, end
from tests.faults.points import Points, instrumented
from tests.faults.world import Moment, Shelf, World, direct, first_day, next_day


@dataclass(frozen=True)
class Stage:
    """The story's moments by name, each with the end that an undisturbed run gives it."""

    setup: Setup
    moments: dict[str, Moment]
    ought: dict[str, End]
    points: dict[str, list[str]]
    """What an undisturbed run passes."""

    def world(self, when: str, folder: Path) -> World:
        """A world of one's own in which the run is about to begin."""
        return self.moments[when].world(self.setup, folder)


def set_stage(folder: Path, shelf: Shelf) -> Stage:
    first, setup = first_day(folder / "first", shelf)
    moments = {"first": first, "next": next_day(first, setup, folder / "next")}
    ought, points = {}, {}
    for when, moment in moments.items():
        world = moment.world(setup, folder / f"ought {when}")
        with direct(world.made), instrumented(Points()) as passed:
            world.run()
        points[when] = passed.seen
        ought[when] = end(world.made, world.store)
    return Stage(setup, moments, ought, points)
