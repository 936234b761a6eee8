"""The checks: each does something bad to a run, and tells what is wrong afterwards. None is the promise kept."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from connector.errors import Locked
from connector.store import tables as t
from connector.store.database import open_engine, reading
from connector.store.lease import Fenced
from tests.faults.cuts import Cut
from tests.faults.ends import Fault, differences, end
from tests.faults.kit import Stage
from tests.faults.points import Dead, Points, instrumented
from tests.faults.story import Emulated
from tests.faults.world import World, direct

LATER = timedelta(minutes=11)
"""A lease and a quarantine are over."""
HOLDS_NOTHING = (" send ", " answered ", " committed ")
"""Points at which a run has no transaction open."""


def after(stage: Stage, when: str, world: World) -> list[Fault]:
    """Whatever happened before: one healthy run later all is as it ought to be, and nothing is left to write."""
    world.expire_lease()
    world.made.clock.advance(LATER)
    with direct(world.made):
        world.run()
        found = differences(stage.ought[when], end(world.made, world.store))
        if world.fresh(pull=False):
            found.append(Fault("wrong", "something is left to write"))
    return found


def crash(world: World, at: str) -> bool:
    """A run that crashes at a point; whether it got there."""
    with direct(world.made), instrumented(Points(at)) as points, contextlib.suppress(Dead):
        world.run()
    return points.reached


def killed(stage: Stage, when: str, folder: Path, *at: str) -> list[Fault]:
    """A run killed at a point, the next one at the next, and so on, then a healthy one."""
    world = stage.world(when, folder)
    for point in at:
        world.expire_lease()
        crash(world, point)
    return after(stage, when, world)


def kept(world: World) -> list[str]:
    """All that the store holds."""
    engine = open_engine(world.store)
    try:
        with reading(engine) as conn:
            return sorted(
                f"{name} {row}" for name, table in t.metadata.tables.items() for row in conn.execute(select(table))
            )
    finally:
        engine.dispose()


def thawed(stage: Stage, when: str, folder: Path, at: str) -> list[Fault]:
    """A run frozen at a point until its lease is over and another has done the work; then it wakes."""
    world = stage.world(when, folder)
    asleep, awake = threading.Event(), threading.Event()

    def sleep() -> None:
        asleep.set()
        awake.wait(60)

    fenced: list[BaseException] = []

    def first() -> None:
        try:
            world.run()
        except Fenced as error:
            fenced.append(error)

    with direct(world.made), instrumented(Points(at, end=sleep)):
        one = threading.Thread(target=first)
        one.start()
        if not asleep.wait(60):
            return [Fault("wrong", f"never reached {at}")]
        world.expire_lease()
        world.run()
        before = kept(world)
        awake.set()
        one.join()
        found = [] if kept(world) == before else [Fault("wrong", "a sleeper wrote into the store")]
    if not fenced:
        found.append(Fault("wrong", "a sleeper was not told that it was taken over"))
    return found + after(stage, when, world)


def two_starts(stage: Stage, when: str, folder: Path) -> list[Fault]:
    """While a run is at work another one starts: it is refused, and told who holds the lease."""
    world = stage.world(when, folder)
    with world.app() as app, app.lease():
        try:
            with direct(world.made):
                world.run()
        except Locked as refused:
            return [] if " pid " in str(refused) else [Fault("wrong", "the holder is not named")]
    return [Fault("doubled", "two runs at once")]


def again(stage: Stage, when: str, folder: Path) -> list[Fault]:
    """What was done is not done again."""
    world = stage.world(when, folder)
    with direct(world.made):
        world.run()
        sent = world.run().sent()
    return [Fault("doubled", f"{sent} changes were sent again")] if sent else after(stage, when, world)


def unannounced(cut: Cut) -> list[Fault]:
    """Whatever a system shows under a key of ours was claimed in the store before: no send without a claim."""
    engine = open_engine(cut.left.store)
    try:
        with reading(engine) as conn:
            claimed = set(conn.scalars(select(t.outbox.c.key).where(t.outbox.c.state.in_(("inflight", "done")))))
    finally:
        engine.dispose()
    return [Fault("wrong", f"sent without a claim: {key}") for key in sorted(_keys(cut.left.made) - claimed)]


def _keys(made: Emulated) -> set[str]:
    tasks = {row["MA_Key__c"] for row in made.org.records("Task") if row.get("MA_Key__c")}
    apps = (made.apps.alerts, made.apps.touchpoints)
    return tasks | {record["ma_key"] for app in apps for record in made.kintone.records(app.id)}


def some(points: Sequence[str], system: str, *words: str) -> list[str]:
    """Points of a system whose names hold all these words."""
    return [point for point in points if point.startswith(f"{system}:") and all(word in point for word in words)]
