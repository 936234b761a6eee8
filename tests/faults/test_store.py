"""What happens to the store: a full disk, a file that is cut, emptied or flipped, copies, a migration that dies."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from connector.config import load
from connector.engine import app as app_module
from connector.engine.app import App, open_app
from connector.engine.report import Exit
from connector.engine.review import questions
from connector.engine.run import run
from connector.engine.safekeeping import backup
from connector.engine.status import status
from connector.engine.why import why
from connector.errors import ConnectorError, StoreError, WrongStore
from connector.model import Kind
from connector.store import files
from tests.machine.world import World


def people_and_touchpoints(world: World, number: int = 4) -> None:
    for n in range(number):
        email = f"v{n}@alpha{n}.co.jp"
        visitor = world.ma.add_person(email=email, family_name=f"山田{n}", given_name="太郎", company=f"アルファ{n}")
        for day in (1, 2, 3):
            world.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=day), label="入門")
    owner = world.sfa.add_owner("営業")
    contact = world.sfa.add_person(email="v0@alpha0.co.jp", family_name="山田0", given_name="太郎", owner_id=owner)
    world.sfa.add_deal("案件", probability=70, people=(contact.id,), owner_id=owner)


@pytest.fixture
def new_world(tmp_path: Path) -> Iterator[Callable[[], World]]:
    made: list[World] = []

    def make() -> World:
        while made:
            made.pop().close()
        made.append(World(tmp_path / f"w{os.urandom(4).hex()}"))
        return made[0]

    yield make
    while made:
        made.pop().close()


def file_of(world: World) -> Path:
    return world.folder / "connector.db"


# --- a full disk ------------------------------------------------------------------------------------------------------


def limit(app: App, pages: int) -> None:
    """As if the disk had room for so many pages more."""

    @event.listens_for(app.store, "connect")
    def _limit(connection: Any, _record: object) -> None:
        now = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={now + pages}")
        connection.execute("PRAGMA synchronous=OFF")  # nobody pulls the plug here

    app.store.dispose()


def fingerprint(world: World) -> object:
    """What both systems hold, without ids that were given out in another order."""
    return [
        (
            sorted(str(sorted(map(str, person.fields.items()))) for person in system.people.values()),
            {name: len(members) for name, members in system.lists.items() if members},
            sorted((alert.rule, alert.title) for alert in system.alerts.values()),
            sorted((entry.title, entry.on) for entry in system.timeline.values()),
        )
        for system in (world.ma, world.sfa)
    ]


def test_a_disk_that_fills_up_anywhere_in_a_run_loses_and_doubles_nothing(new_world: Callable[[], World]) -> None:
    world = new_world()
    people_and_touchpoints(world)
    world.run()
    undisturbed = fingerprint(world)
    failed = 0

    for pages in (0, 1, 2, 3, 4, 6, 8, 11):
        world = new_world()
        people_and_touchpoints(world)
        limit(world.app, pages)
        try:
            world.run()
        except StoreError:
            failed += 1
        assert files.damage(file_of(world)) is None
        world.restart()
        world.pass_time(timedelta(minutes=11))
        assert world.run().exit is Exit.DONE
        assert fingerprint(world) == undisturbed
        assert world.run().sent() == 0

    assert failed >= 4, "too little was disturbed"


def test_a_full_disk_is_told_as_that(new_world: Callable[[], World]) -> None:
    world = new_world()
    people_and_touchpoints(world)
    limit(world.app, 0)

    with pytest.raises(StoreError, match=r"no room left.*free some space"):
        world.run()


def test_where_little_room_is_left_nothing_is_sent_and_the_rest_waits(
    new_world: Callable[[], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = new_world()
    people_and_touchpoints(world)
    before = fingerprint(world)
    with monkeypatch.context() as full:
        full.setattr(app_module, "RESERVE", 2**62)

        report = world.run()

    assert fingerprint(world) == before
    assert report.exit is Exit.FAILED
    assert all("nothing is sent" in str(error) for _, error in report.problems)
    assert report.ledger["sfa", "→CreatePerson"].deferred == 3
    assert all(counts.balances() for counts in report.ledger.values())

    assert world.run().exit is Exit.DONE
    assert len(world.sfa.people) == 4


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A store with a history, and what it works with."""
    world = World(tmp_path_factory.mktemp("healthy") / "w")
    people_and_touchpoints(world, 30)
    world.run()
    world.app.close()
    yield world
    world.close()


def use(folder: Path) -> None:
    """What people do with a store, and a run."""
    app = open_app(load(folder / "config.yaml"), clock=lambda: datetime(2026, 4, 2, tzinfo=UTC))
    try:
        status(app)
        questions(app)
        why(app, "v3@alpha3.co.jp")
        run(app)
    finally:
        app.close()


def damaged_copy(healthy: World, tmp_path: Path, change: Callable[[bytearray], None]) -> Path:
    folder = tmp_path / "w"
    shutil.copytree(healthy.folder, folder)
    content = bytearray((folder / "connector.db").read_bytes())
    change(content)
    (folder / "connector.db").write_bytes(content)
    return folder


@pytest.mark.parametrize("seed", [*range(40), 157])  # 157: SQLite cannot even quote what it found
def test_flipped_bits_are_harmless_or_told(healthy: World, tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)

    def flip(content: bytearray) -> None:
        for _ in range(dice.choice([1, 1, 20, 400])):
            content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)

    folder = damaged_copy(healthy, tmp_path, flip)

    told: ConnectorError | None = None
    try:
        use(folder)
    except ConnectorError as error:
        told = error
    assert told is None or told.fix is not None


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_file_that_was_cut_is_told_with_what_to_do(healthy: World, tmp_path: Path, share: float) -> None:
    def cut(content: bytearray) -> None:
        del content[int(len(content) * share) :]

    folder = damaged_copy(healthy, tmp_path, cut)

    with pytest.raises(StoreError, match="connector restore FILE"):
        use(folder)


def test_a_file_cut_to_nothing_is_refused(healthy: World, tmp_path: Path) -> None:
    folder = damaged_copy(healthy, tmp_path, bytearray.clear)

    with pytest.raises(WrongStore, match="gone or empty"):
        use(folder)


@pytest.mark.parametrize("garbage", [b"\x00" * 8192, b"not a database" * 500, bytes(range(256)) * 64])
def test_garbage_in_the_place_of_the_file_is_told(healthy: World, tmp_path: Path, garbage: bytes) -> None:
    folder = damaged_copy(healthy, tmp_path, bytearray.clear)
    (folder / "connector.db").write_bytes(garbage)

    with pytest.raises(StoreError):
        use(folder)


def test_no_backup_is_made_of_a_damaged_store(healthy: World, tmp_path: Path) -> None:
    def overwrite(content: bytearray) -> None:
        middle = len(content) // 2
        content[middle : middle + 40_000] = b"\xa5" * 40_000

    folder = damaged_copy(healthy, tmp_path, overwrite)

    with pytest.raises(StoreError, match="damaged"):
        backup(load(folder / "config.yaml"), tmp_path / "copy.db")

    assert not (tmp_path / "copy.db").exists()


# --- copies -----------------------------------------------------------------------------------------------------------


WRITER = """
import sqlite3, sys, time
conn, n = sqlite3.connect(sys.argv[1], timeout=30), 0
conn.execute("PRAGMA synchronous=OFF")
while True:  # until it is killed
    n += 1
    time.sleep(0.002)
    with conn:
        conn.execute("INSERT INTO meta VALUES (?, ?)", (f"a{n}", "x" * 3000))
        conn.execute("INSERT INTO meta VALUES (?, ?)", (f"b{n}", "x" * 3000))
    if n == 1:
        print(flush=True)
"""


def test_a_backup_while_others_write_is_whole(new_world: Callable[[], World], tmp_path: Path) -> None:
    world = new_world()
    people_and_touchpoints(world)
    world.run()
    setup = load(world.folder / "config.yaml")
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(file_of(world))], stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        with writer.stdout as told:
            told.readline()  # it has written once
        a = 0
        for n in range(10):
            copy = backup(setup, tmp_path / f"copy{n}.db").file
            with closing(sqlite3.connect(copy)) as conn:
                a, b = (
                    conn.execute("SELECT count(*) FROM meta WHERE name GLOB ?", (f"{letter}[0-9]*",)).fetchone()[0]
                    for letter in "ab"
                )
            assert a == b
            assert files.damage(copy) is None
        assert a > 0
    finally:
        writer.kill()
        writer.wait()
