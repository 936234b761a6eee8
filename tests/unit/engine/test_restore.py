"""Backup and restore: the next run finds out what the copy does not know, before it sends anything."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from connector.config import load
from connector.engine.report import Exit
from connector.engine.safekeeping import Restored, backup, restore
from connector.engine.status import status
from connector.errors import ConnectorError, Locked, StoreError, WrongStore
from connector.model import DealState, Kind
from connector.store import database, outbox
from connector.store import tables as t
from connector.store.lease import acquire
from tests.machine.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


@pytest.fixture
def on_server(tmp_path: Path, postgres_url: str) -> Iterator[World]:
    made = World(tmp_path / "w", store=postgres_url)
    yield made
    made.close()


def put_back(world: World, source: Path | None) -> Restored:
    world.app.close()
    done = restore(load(world.folder / "config.yaml"), source, clock=lambda: world.now)
    world.restart()
    return done


def copy_of(world: World, name: str = "copy.db") -> Path:
    return backup(load(world.folder / "config.yaml"), world.folder / name).file


def visitor(world: World, name: str, days: tuple[int, ...] = (1, 2, 3)) -> None:
    made = world.ma.add_person(email=f"{name}@alpha.co.jp", family_name=name, company="アルファ")
    for day in days:
        world.ma.add_touchpoint(made, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=day), label="入門")
    world.ma.add_touchpoint(made, Kind.PAGE_VIEW, world.now - timedelta(hours=1))


def told(world: World) -> Counter[tuple[str, str]]:
    return Counter((alert.rule, alert.subject) for alert in world.sfa.alerts.values())


def a_busy_week(world: World) -> tuple[Path, object]:
    """A backup at its beginning; at its end much was sent that the backup knows nothing of."""
    owner = world.sfa.add_owner("営業")
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田", owner_id=owner)
    deal = world.sfa.add_deal(
        "案件", probability=70, people=(contact.id,), owner_id=owner, stage_since=world.now - timedelta(days=90)
    )
    visitor(world, "sato")
    known = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田", company="アルファ")
    world.run()
    copy = copy_of(world)
    world.ma.add_touchpoint(known, Kind.PAGE_VIEW, world.now)
    for day in (1, 2, 3):
        world.ma.add_touchpoint(known, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=day), label="応用")
    visitor(world, "suzuki")
    for _ in range(3):
        world.run()
        world.pass_time(timedelta(days=2))
    world.sfa.edit_deal(deal, state=DealState.LOST, lost_reason="予算", closed_at=world.now - timedelta(days=20))
    world.ma.add_touchpoint(known, Kind.PAGE_VIEW, world.now)
    world.run()
    world.run()
    return copy, world.snapshot()


def test_after_an_old_backup_was_put_back_nothing_is_doubled(world: World) -> None:
    copy, _ = a_busy_week(world)
    people, entries, alerts = len(world.sfa.people), dict(world.sfa.timeline), told(world)
    members = {name: set(ids) for name, ids in world.ma.lists.items()}
    assert alerts
    assert members
    put_back(world, copy)

    for _ in range(3):
        report = world.run()
        assert report.exit is Exit.DONE
        world.pass_time(timedelta(minutes=11))

    assert len(world.sfa.people) == people
    assert dict(world.sfa.timeline) == entries
    assert told(world) == alerts
    assert {name: set(ids) for name, ids in world.ma.lists.items()} == members
    assert world.run().sent() == 0
    assert world.fresh() == []


def test_what_happened_while_nobody_was_there_is_made_up_for(world: World) -> None:
    copy, _ = a_busy_week(world)
    put_back(world, copy)
    visitor(world, "tanaka")

    world.run()

    assert "tanaka" in {person.fields.get("family_name") for person in world.sfa.people.values()}


def test_nothing_is_sent_to_anybody_until_every_system_was_read(world: World) -> None:
    copy, before = a_busy_week(world)
    put_back(world, copy)
    visitor(world, "tanaka")
    before = world.snapshot()
    world.sfa.down = True

    report = world.run()

    world.sfa.down = False
    assert world.snapshot() == before
    assert report.exit is Exit.FAILED
    assert any("until it is" in str(error) for _, error in report.problems)
    assert status(world.app).store.restored is not None
    assert world.run().exit is Exit.DONE
    assert status(world.app).store.restored is None


def test_an_alert_that_would_be_the_first_about_its_subject_is_noted_and_later_ones_are_sent(world: World) -> None:
    owner = world.sfa.add_owner("営業")
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田", owner_id=owner)
    world.sfa.add_deal("案件", people=(contact.id,), owner_id=owner, stage_since=world.now - timedelta(days=90))
    known = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田")
    world.run()
    copy = copy_of(world)
    put_back(world, copy)
    world.ma.add_touchpoint(known, Kind.PAGE_VIEW, world.now)

    held = world.run()

    assert told(world) == Counter()
    assert held.ledger["sfa", "→RaiseAlert"].ignored == 1
    assert held.exit is Exit.DONE
    world.pass_time(timedelta(days=8))
    world.ma.add_touchpoint(known, Kind.PAGE_VIEW, world.now)
    world.run()
    assert sum(told(world).values()) == 1


def test_what_the_copy_held_ready_to_be_sent_counts_as_sent_with_unknown_result(world: World) -> None:
    visitor(world, "sato")
    world.run_with_sfa_down_at_delivery()
    with world.app.reading() as conn:
        assert outbox.backlog(conn)["sfa", "pending"]
    put_back(world, copy_of(world))

    with world.app.reading() as conn:
        states = conn.execute(select(t.outbox.c.state, t.outbox.c.uncertain_until)).all()
    assert states
    assert all(row.state == "pending" and row.uncertain_until is not None for row in states)
    world.run()
    assert len(world.sfa.people) == 1


def test_the_token_leaps_so_that_no_run_from_before_can_write(world: World) -> None:
    world.run()
    copy = copy_of(world)
    for _ in range(5):
        world.run()
    frozen = world.app.lease()
    token = frozen.token
    frozen.release()

    put_back(world, copy)

    with world.app.lease() as lease:
        assert lease.token > token + 1000


def test_the_replaced_file_is_kept_and_nobody_can_work_with_it(world: World) -> None:
    world.run()
    copy = copy_of(world)
    world.run()

    done = put_back(world, copy)

    assert done.kept is not None
    assert stat.S_IMODE(done.kept.stat().st_mode) == 0o600
    engine = database.open_engine(f"sqlite:///{done.kept}")
    with pytest.raises(Locked, match="connector restore"):
        acquire(engine, "run", timedelta(minutes=1))
    engine.dispose()
    again = put_back(world, done.kept)
    assert again.last_run is not None
    assert world.run().exit is Exit.DONE


def test_a_lost_store_comes_back(world: World) -> None:
    visitor(world, "sato")
    world.run()
    copy = copy_of(world)
    world.app.close()
    (world.folder / "connector.db").unlink()
    with pytest.raises(WrongStore, match="gone or empty"):
        world.restart()

    put_back(world, copy)

    assert world.run().exit is Exit.DONE
    assert len(world.sfa.people) == 1


def test_an_older_copy_put_back_by_hand_is_taken_as_it_stands(world: World) -> None:
    copy, _ = a_busy_week(world)
    alerts = told(world)
    world.app.close()
    shutil.copy(copy, world.folder / "connector.db")
    with pytest.raises(WrongStore, match="older copy"):
        world.restart()

    put_back(world, None)

    world.run()
    assert told(world) == alerts


def test_a_journal_of_the_replaced_file_is_not_played_back_into_the_new_one(world: World) -> None:
    world.run()
    copy = copy_of(world)
    world.app.close()
    stale = world.folder / "connector.db-wal"
    stale.write_bytes(b"\x37\x7f\x06\x82" + b"\x00" * 4096)

    done = put_back(world, copy)

    assert not stale.exists() or stale.stat().st_size == 0
    assert done.kept is not None
    assert world.run().exit is Exit.DONE


def test_while_a_run_is_at_work_nothing_is_put_back(world: World) -> None:
    world.run()
    copy = copy_of(world)
    before = (world.folder / "connector.db").read_bytes()
    with world.app.lease(), pytest.raises(Locked):
        restore(load(world.folder / "config.yaml"), copy)

    assert sorted(p.name for p in world.folder.glob("connector.db*")) == [
        "connector.db",
        "connector.db.forgotten",
        "connector.db.id",
    ]
    assert len((world.folder / "connector.db").read_bytes()) == len(before)
    world.run()


def unusable_copies(world: World) -> dict[str, tuple[Path, str]]:
    copy = copy_of(world)
    newer, foreign, cut, other = (world.folder / f"{name}.db" for name in ("newer", "foreign", "cut", "other"))
    for target in (newer, other):
        shutil.copy(copy, target)
    for target, said in (
        (newer, "UPDATE alembic_version SET version_num = '9999'"),
        (other, "UPDATE meta SET value = 'x' WHERE name = 'store'"),
        (foreign, "CREATE TABLE invoice (no INTEGER)"),
    ):
        with closing(sqlite3.connect(target)) as conn, conn:
            conn.execute(said)
    cut.write_bytes(copy.read_bytes()[:-50_000])
    return {
        "newer": (newer, "newer version"),
        "other": (other, "another store"),
        "foreign": (foreign, "no store of connector"),
        "cut": (cut, "damaged"),
        "missing": (world.folder / "missing.db", "nothing at"),
    }


@pytest.mark.parametrize("which", ["newer", "other", "foreign", "cut", "missing"])
def test_what_is_no_sound_copy_of_this_store_is_refused_and_the_store_stays(world: World, which: str) -> None:
    visitor(world, "sato")
    world.run()
    file, why = unusable_copies(world)[which]

    with pytest.raises(StoreError, match=why):
        put_back(world, file)

    world.restart()
    assert world.run().exit is Exit.DONE
    assert sorted(p.name for p in world.folder.glob("*connector.db*")) == [
        "connector.db",
        "connector.db.forgotten",
        "connector.db.id",
    ]


def test_a_backup_is_for_its_owner_alone_and_never_overwrites(world: World) -> None:
    world.run()
    copy = copy_of(world)

    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with pytest.raises(ConnectorError, match="exists already"):
        copy_of(world)


def test_on_a_server_its_own_tools_do_it_and_the_store_is_taken_as_it_stands(on_server: World) -> None:
    setup = load(on_server.folder / "config.yaml")
    on_server.run()
    with pytest.raises(ConnectorError, match="pg_dump"):
        backup(setup, on_server.folder / "copy")
    with pytest.raises(ConnectorError, match="pg_restore"):
        restore(setup, on_server.folder / "copy")
    for _ in range(3):
        on_server.run()
    with database.writing(on_server.app.store) as conn:
        conn.execute(text("UPDATE lease SET token = 1"))  # as an older dump has it
    with pytest.raises(WrongStore, match="older copy"):
        on_server.restart()

    put_back(on_server, None)

    assert status(on_server.app).store.restored is not None
    assert on_server.run().exit is Exit.DONE
    assert status(on_server.app).store.restored is None
