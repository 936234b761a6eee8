"""The checks: each does something bad to a run, and tells what is wrong afterwards. None is the promise kept."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import select

from connector.errors import Locked, StoreError
from connector.store import tables as t
from connector.store.database import open_engine, reading
from connector.store.lease import Fenced
from tests.faults import tally
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
NO_RUN = ("keep.open_store", "written_down committed 2", "store.lease.release")
"""Points at which it has not begun, or is over: whoever stands still there has nothing to be taken over."""


WITHOUT_KEY = (
    re.compile(r"remix\.write\._row>adapters\.esales\.remix\.client\.write send "),
    re.compile(r"esm\.write\._register>adapters\.esales\.esm\.client\.post>.* send "),
)
"""Requests on their way that nothing makes harmless: their system knows no key of ours. Whose process stands still just
there, and wakes after another did the work, does it twice (W8)."""


_ROW = re.compile(r"esales (person|extension_1) |esm (businesscard|sheet_134) ")
_READ_BACK = re.compile(r"store person esales (person|businesscard) ")
"""How a row of theirs is named among what is doubled, and what the store reads of it."""


def but_known(at: str, found: list[Fault]) -> list[Fault]:
    """Without the one row that may be there twice where a run stands still at that point; it is counted."""
    if not any(known.search(at) for known in WITHOUT_KEY):
        return found
    tally.note("class C points", at)
    twice = [fault for fault in found if fault.kind == "doubled" and fault.count == 1]
    row = [fault for fault in twice if _ROW.match(fault.what)][:1]
    read_back = [fault for fault in twice if _READ_BACK.match(fault.what)][: len(row)]
    tally.count("class C", len(row))
    return [fault for fault in found if fault not in (*row, *read_back)]


def can_be_taken_over(at: str) -> bool:
    """Whether a run that stands still at a point holds nobody up, and has yet to do something."""
    return any(word in at for word in HOLDS_NOTHING) and not any(word in at for word in NO_RUN)


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


def killed(stage: Stage, when: str, folder: Path, *at: str) -> tuple[int, list[Fault]]:
    """A run killed at a point, the next one at the next, and so on, then a healthy one.

    And how many of them got to their point: who recovers has less to do.
    """
    world = stage.world(when, folder)
    reached = 0
    for point in at:
        world.expire_lease()
        reached += crash(world, point)
    return reached, after(stage, when, world)


class Kept(Protocol):
    """Systems with a connector and its store between them."""

    @property
    def store(self) -> str: ...

    def run(self) -> object: ...


K = TypeVar("K", bound=Kept)


def kept(world: Kept) -> list[str]:
    """All that the store holds."""
    engine = open_engine(world.store)
    try:
        with reading(engine) as conn:
            return sorted(
                f"{name} {row}" for name, table in t.metadata.tables.items() for row in conn.execute(select(table))
            )
    finally:
        engine.dispose()


@dataclass
class Sleeper:
    """A run that stands still at a point."""

    thread: threading.Thread
    awake: threading.Event
    stands: threading.Event
    """It has got to that point."""
    stood: Sequence[str] = ()
    """Where the threads stand that were not the first to stop."""
    ended: list[BaseException] = field(default_factory=list)

    def wake(self) -> bool:
        """Let it go on to its end; whether it was told that another has taken over."""
        self.awake.set()
        self.thread.join()
        return any(isinstance(error, Fenced) for error in self.ended)


@contextmanager
def asleep(world: World, at: str) -> Iterator[Sleeper]:
    """A run that stands still at a point, for as long as it is not woken; if it gets there before its end.

    Some points are passed only when threads meet in a certain way.
    """
    with direct(world.made), fallen_asleep(world, at) as sleeper:
        yield sleeper


@contextmanager
def fallen_asleep(
    world: Kept, at: str, watched: Callable[[Points], AbstractContextManager[None]] = lambda _: nullcontext()
) -> Iterator[Sleeper]:
    """As `asleep`, wherever its requests go; `watched`: lets points be told of more than transactions and requests."""

    def work() -> None:
        try:
            world.run()
        except StoreError as error:
            one.ended.append(error)

    one = Sleeper(threading.Thread(target=work), threading.Event(), threading.Event())
    with instrumented(Points(at, one.stands.set, awake=one.awake)) as points, watched(points):
        one.stood = points.stood
        one.thread.start()
        try:
            while one.thread.is_alive() and not one.stands.wait(0.05):
                pass
            yield one
        finally:
            one.wake()


def take_over(world: K, over: Callable[[K], None]) -> None:
    """A run after the lease of the one that sleeps is over; what that one had begun may renew it once more."""
    while True:
        over(world)
        with contextlib.suppress(Locked):
            world.run()
            return


def overtaken(world: K, sleeper: Sleeper, over: Callable[[K], None]) -> list[Fault]:
    """Another run does the work, then the sleeper wakes: it is told, and writes nothing more."""
    if not sleeper.stands.is_set():
        return []
    tally.count("freezes")
    take_over(world, over)
    before, found = kept(world), []
    if not sleeper.wake():
        found.append(Fault("wrong", "a sleeper was not told that it was taken over"))
    if kept(world) != before:
        found.append(Fault("wrong", "a sleeper wrote into the store"))
    return found


def thawed(
    stage: Stage, when: str, folder: Path, at: str, over: Callable[[World], None] = World.expire_lease
) -> list[Fault]:
    """A run frozen at a point until its lease is over and another has done the work; then it wakes."""
    world = stage.world(when, folder)
    with asleep(world, at) as sleeper:
        found = overtaken(world, sleeper, over)
    return but_known(" ".join(sleeper.stood), found + after(stage, when, world))


def refused(world: World) -> list[Fault]:
    """A start while another run is at work: it is told by whom."""
    try:
        world.run()
    except Locked as error:
        return [] if " pid " in str(error) else [Fault("wrong", "the holder is not named")]
    return [Fault("doubled", "two runs at once")]


def two_starts(stage: Stage, when: str, folder: Path) -> list[Fault]:
    """While a run is at work another one starts."""
    world = stage.world(when, folder)
    with world.app() as app, app.lease(), direct(world.made):
        return refused(world)


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
    newer = made.esm.records("sheet_134") if made.esm is not None else []
    rows = {row["appextender.sheet_134.type_text1"] for row in newer}
    return tasks | rows | {record["ma_key"] for app in apps for record in made.kintone.records(app.id)}


def some(points: Sequence[str], system: str, *words: str) -> list[str]:
    """Points of a system whose names hold all these words."""
    return [point for point in points if point.startswith(f"{system}:") and all(word in point for word in words)]
