"""Alerts as comments in kintone, which have no key (class C): none is lost, and none doubled but in W7 and W8."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from connector.adapters.kintone.client import Client
from connector.adapters.kintone.comments import Commenter, mark_of
from connector.store import tables as t
from connector.store.database import open_engine, reading
from tests.faults import tally
from tests.faults.checks import HOLDS_NOTHING, after
from tests.faults.comments import (
    COMMENT,
    NOTE,
    WHEN,
    forgiven,
    given_up,
    next_run,
    on_the_way,
    set_stage,
    slept,
    unnoted,
    wanted,
    written,
)
from tests.faults.conftest import MEMORY, silent
from tests.faults.cuts import Cut, cut_everywhere
from tests.faults.ends import Fault
from tests.faults.kit import Stage
from tests.faults.test_kills import judged
from tests.faults.world import World

SEED = 20261127
AROUND = ("kintone.comments.", "kintone:engine.deliver._send ")
"""What the names of points around a comment hold."""
Break = Callable[[pytest.MonkeyPatch], None]


def staged(uncertain: str) -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="connector-faults-", dir=MEMORY) as folder:
        with silent():
            made = set_stage(Path(folder), uncertain)
        yield made


@pytest.fixture(scope="module")
def commented() -> Iterator[Stage]:
    yield from staged("resend")


@pytest.fixture(scope="module")
def held() -> Iterator[Stage]:
    yield from staged("hold")


def around(points: Sequence[str]) -> list[str]:
    """Those of the points that are about a comment."""
    return [point for point in points if any(word in point for word in AROUND)]


def cuts_of(world: World, folder: Path, *, whole: bool = False) -> list[Cut]:
    """What kills around the comments of a run would leave, or anywhere in it."""
    cuts, _ = cut_everywhere(world, folder)
    return [cut for cut in cuts if whole or around(cut.points)]


def few(cuts: Sequence[Cut]) -> list[Cut]:
    """Enough for each submission: half of those that left a comment noted and not written, and some others."""
    noted = [cut for cut in cuts if on_the_way(cut.left.made)]
    return noted[::2] + [cut for cut in cuts if cut not in noted][::-4]


def count(cut: Cut, stage: Stage) -> None:
    tally.count("kills", len(cut.points))
    tally.count("states")
    tally.count("events", len(stage.ought[WHEN]))
    for point in around(cut.points):
        tally.note("class C points", point)


def test_the_story_has_what_it_is_about(commented: Stage, tmp_path: Path) -> None:
    world = commented.world(WHEN, tmp_path / "world")
    assert not written(world.made)
    next_run(world)
    assert written(world.made) == dict.fromkeys(wanted(commented), 1)
    assert not on_the_way(world.made)
    made = world.made
    on = {
        app.id: [len(made.kintone.comments(app.id, row["$id"])) for row in made.kintone.records(app.id)]
        for app in (made.apps.people, made.apps.deals)
    }
    assert on == {made.apps.people.id: [0, 0, 1], made.apps.deals.id: [1, 2]}


# --- killed -----------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(900)
def test_a_run_killed_around_its_comments_has_each_written_once(commented: Stage, tmp_path: Path, prove: bool) -> None:
    faults: dict[str, list[Fault]] = {}
    cuts = cuts_of(commented.world(WHEN, tmp_path / "whole"), tmp_path / "cuts", whole=prove)
    # What it is about is among them: noted and not written, written and not told.
    assert sum(bool(on_the_way(cut.left.made)) for cut in cuts) >= 4
    assert {sum(written(cut.left.made).values()) for cut in cuts} == {0, 1, 2, 3, 4}
    for number, cut in enumerate(cuts if prove else few(cuts)):
        world = cut.left.world(commented.setup, tmp_path / f"after{number}")
        faults[cut.points[0]] = unnoted(cut.left.made, cut.left.store) + after(commented, WHEN, world)
        count(cut, commented)
    judged(faults)


@pytest.mark.timeout(1800)
def test_killed_again_while_it_looks_for_a_comment(commented: Stage, tmp_path: Path, prove: bool) -> None:
    tally.note("seeds", str(SEED))
    firsts = cuts_of(commented.world(WHEN, tmp_path / "whole"), tmp_path / "cuts")
    if not prove:
        firsts = random.Random(SEED).sample([cut for cut in firsts if on_the_way(cut.left.made)], 1)
    faults: dict[str, list[Fault]] = {}
    for one, first in enumerate(firsts):
        world = first.left.world(commented.setup, tmp_path / f"first{one}")
        world.expire_lease()
        seconds = cuts_of(world, tmp_path / f"cuts{one}")
        for two, second in enumerate(seconds if prove else few(seconds)):
            world = second.left.world(commented.setup, tmp_path / f"after{one}-{two}")
            faults[f"{first.points[0]}, {second.points[0]}"] = after(commented, WHEN, world)
            count(second, commented)
            tally.count("double kills")
    judged(faults)


# --- frozen: W8 -------------------------------------------------------------------------------------------------------


def sleeps(stage: Stage, *, all_: bool) -> list[str]:
    """Points around comments at which no transaction is open; or those of one comment."""
    points = [at for at in around(stage.points[WHEN]) if any(word in at for word in HOLDS_NOTHING)]
    # Enough is one comment, where it is noted, about to be written, and written.
    few = ("update_one>", " answered 2"), (".client.comment>", " send 2"), (".client.comment>", " answered 2")
    return points if all_ else [at for at in points if any(words[0] in at and at.endswith(words[1]) for words in few)]


@pytest.mark.timeout(1800)
def test_frozen_around_a_comment_it_is_doubled_only_where_it_was_noted_and_not_yet_written(
    commented: Stage, tmp_path: Path, prove: bool
) -> None:
    faults: dict[str, list[Fault]] = {}
    for number, at in enumerate(sleeps(commented, all_=prove)):
        found, open_ = slept(commented, tmp_path / f"{number}", at)
        faults[at] = forgiven(found, open_)
        tally.count("events", len(commented.ought[WHEN]))
        tally.note("class C points", at)
    judged(faults)


# --- late: W7 ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", [COMMENT, NOTE], ids=["comment", "note"])
def test_a_late_request_doubles_a_comment_only_when_it_comes_after_the_next_run_looked(
    what: tuple[str, str], commented: Stage, tmp_path: Path, prove: bool
) -> None:
    faults: dict[str, list[Fault]] = {}
    for number in (1, 2, 3, 4) if prove else (2,):
        for early in (True, False):
            world = commented.world(WHEN, tmp_path / f"{number} {early}")
            wire = given_up(world, what, number)
            late = on_the_way(world.made) if what == COMMENT and not early else set[str]()
            if not early:
                next_run(world)
            wire.arrive(world)
            faults[f"{number} {early}"] = forgiven(after(commented, WHEN, world), late)
            tally.count("faults")
    judged(faults)


# --- held -------------------------------------------------------------------------------------------------------------


def parked(world: World) -> dict[str, str]:
    """What waits for a person: the marks of alerts, and the code of the reason."""
    engine = open_engine(world.store)
    try:
        with reading(engine) as conn:
            rows = conn.execute(select(t.outbox.c.key, t.outbox.c.code).where(t.outbox.c.state == "parked"))
            return {mark_of(row.key): row.code for row in rows}
    finally:
        engine.dispose()


def left_to_a_person(stage: Stage, world: World, open_: set[str]) -> list[Fault]:
    """Comments that were noted and not written when a run ended wait for a person; all others stand there, once."""
    next_run(world)
    found = [Fault("doubled", mark) for mark, times in written(world.made).items() if times > 1]
    found += [Fault("lost", mark) for mark in wanted(stage) - open_ - set(written(world.made))]
    if parked(world) != dict.fromkeys(open_, "HELD"):
        found.append(Fault("wrong", f"{parked(world)} wait for a person, and not {open_}"))
    return found


@pytest.mark.timeout(900)
def test_held_is_what_may_have_been_written_and_only_that(held: Stage, tmp_path: Path, prove: bool) -> None:
    faults: dict[str, list[Fault]] = {}
    cuts = cuts_of(held.world(WHEN, tmp_path / "whole"), tmp_path / "cuts", whole=prove)
    for number, cut in enumerate(cuts if prove else few(cuts)):
        world = cut.left.world(held.setup, tmp_path / f"after{number}")
        world.expire_lease()
        faults[cut.points[0]] = left_to_a_person(held, world, on_the_way(world.made))
        count(cut, held)
    judged(faults)
    assert any(on_the_way(cut.left.made) for cut in cuts)


@pytest.mark.timeout(900)
def test_held_is_never_doubled_where_a_repeat_would_be(held: Stage, tmp_path: Path) -> None:
    late = held.world(WHEN, tmp_path / "late")
    wire = given_up(late, COMMENT, 2)
    open_ = on_the_way(late.made)
    assert open_
    faults = {"late": left_to_a_person(held, late, open_)}
    wire.arrive(late)
    faults["late"] += left_to_a_person(held, late, open_)

    at = next(at for at in sleeps(held, all_=False) if ".client.comment>" in at and " send " in at)
    slept(held, tmp_path / "frozen", at)
    judged(faults)


# --- broken variants --------------------------------------------------------------------------------------------------


def nobody_looks(patch: pytest.MonkeyPatch) -> None:
    """What is noted is written again, whatever the comments say."""
    patch.setattr(Commenter, "_found", lambda *_: None)


def noted_counts_as_written(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Commenter, "_found", lambda *_: "1")


def nothing_is_noted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Client, "update_one", lambda *_: None)


def by_kills(stage: Stage, folder: Path) -> Iterator[list[Fault]]:
    for number, cut in enumerate(few(cuts_of(stage.world(WHEN, folder / "whole"), folder / "cuts"))):
        yield after(stage, WHEN, cut.left.world(stage.setup, folder / f"after{number}"))


def by_a_look(stage: Stage, folder: Path) -> Iterator[list[Fault]]:
    for cut in cuts_of(stage.world(WHEN, folder / "whole"), folder / "cuts"):
        yield unnoted(cut.left.made, cut.left.store)


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (nobody_looks, by_kills),
        (noted_counts_as_written, by_kills),
        (nothing_is_noted, by_a_look),
    ],
    ids=lambda each: each.__name__,
)
def test_a_broken_way_to_comment_is_noticed(
    broken: Break,
    check: Callable[[Stage, Path], Iterator[list[Fault]]],
    commented: Stage,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tally.count("controls")
    broken(monkeypatch)
    assert any(check(commented, tmp_path))
    tally.count("caught")


def test_nothing_is_forgiven_but_one_more_of_what_was_on_its_way() -> None:
    said = "kintone comment 動き [#0123abcd] "
    others = [
        Fault("doubled", said, count=2),
        Fault("lost", said),
        Fault("doubled", "kintone comment 動き [#ffff0000] "),
        Fault("doubled", "Task 0123abcd"),
    ]
    assert forgiven([Fault("doubled", said), *others], {"0123abcd"}) == others
    assert forgiven([Fault("doubled", said)], set()) == [Fault("doubled", said)]
