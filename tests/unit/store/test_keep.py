"""A store that was lost, emptied, exchanged or put back is refused; it is never begun anew without a word."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from connector.errors import StoreError, WrongStore
from connector.store import database, keep, lease
from connector.store.beside import Beside, Seen, beside


class Place:
    """A store with what stands beside it, opened anew each time as a process does."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder

    @property
    def beside(self) -> Beside:
        found = beside(self.url, self.folder)
        assert found is not None
        return found

    def open(self) -> None:
        keep.open_store(self.url, self.folder).engine.dispose()

    def work(self) -> None:
        """As a run does: the lease is taken, and how far it is remembered."""
        kept = keep.open_store(self.url, self.folder)
        lease.acquire(kept.engine, "run", timedelta(minutes=1)).release()
        kept.note()
        kept.engine.dispose()

    def empty(self) -> None:
        """The database is there, and nothing in it."""
        engine = database.open_engine(self.url)
        with database.writing(engine) as conn:
            if conn.dialect.name == "postgresql":
                conn.execute(text("DROP SCHEMA public CASCADE"))
                conn.execute(text("CREATE SCHEMA public"))
        engine.dispose()
        if self.url.startswith("sqlite"):
            self.file.write_bytes(b"")

    @property
    def file(self) -> Path:
        return Path(self.url.removeprefix("sqlite:///"))


@pytest.fixture
def place(url: str, tmp_path: Path) -> Place:
    return Place(url, tmp_path)


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return Place(f"sqlite:///{tmp_path}/data/connector.db", tmp_path)


def test_the_first_start_makes_a_store_and_remembers_it(place: Place) -> None:
    place.open()
    first = place.beside.seen()
    place.work()
    later = place.beside.seen()

    assert first is not None
    assert later is not None
    assert first.store == later.store
    assert (first.count, later.count) == (0, 1)


def test_machines_that_begin_with_an_empty_database_at_once_all_know_the_same_store(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [Place(postgres_url, tmp_path / name) for name in ("one", "two")]
    both = threading.Barrier(2, timeout=30)

    def once_both_are_here() -> UUID:
        both.wait()
        return uuid4()

    monkeypatch.setattr(keep, "uuid4", once_both_are_here)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Place.open, places))

    for each in places:
        each.open()
    assert places[0].beside.seen() == places[1].beside.seen()


def test_an_emptied_store_is_refused_and_stays_as_it_is(place: Place) -> None:
    place.work()
    place.empty()

    for _ in range(2):
        with pytest.raises(WrongStore, match=r"gone or empty.*connector restore FILE.*remove"):
            place.open()


def test_to_begin_anew_on_purpose_is_to_remove_the_file_that_the_message_names(place: Place) -> None:
    place.work()
    before = place.beside.seen()
    place.empty()

    with pytest.raises(WrongStore, match=str(place.beside.id_file)):
        place.open()
    place.beside.id_file.unlink()
    place.open()

    after = place.beside.seen()
    assert before is not None
    assert after is not None
    assert after.store != before.store


def test_a_missing_file_is_refused_and_not_made(here: Place) -> None:
    here.work()
    here.file.unlink()

    with pytest.raises(WrongStore, match="gone or empty"):
        here.open()

    assert not here.file.exists()


def test_a_file_that_was_moved_away_and_back_is_welcome(here: Place) -> None:
    here.work()
    moved = here.file.rename(here.file.with_name("elsewhere.db"))
    with pytest.raises(WrongStore):
        here.open()

    moved.rename(here.file)

    here.open()


def test_an_older_copy_put_back_by_hand_is_refused(here: Place) -> None:
    here.work()
    shutil.copy(here.file, here.folder / "copy.db")
    here.work()
    shutil.copy(here.folder / "copy.db", here.file)

    with pytest.raises(WrongStore, match=r"older copy.*connector restore"):
        here.open()


def test_the_store_of_somebody_else_is_refused(here: Place, tmp_path: Path) -> None:
    here.work()
    other = Place(f"sqlite:///{tmp_path}/other/connector.db", tmp_path / "other")
    for _ in range(3):
        other.work()
    shutil.copy(other.file, here.file)

    with pytest.raises(WrongStore, match="another store"):
        here.open()


def test_a_database_of_something_else_gets_no_table_of_ours(here: Place) -> None:
    here.file.parent.mkdir()
    with sqlite3.connect(here.file) as conn:
        conn.execute("CREATE TABLE invoice (no INTEGER)")
    conn.close()

    with pytest.raises(WrongStore, match="something else"):
        here.open()

    with sqlite3.connect(here.file) as conn:
        assert [row[0] for row in conn.execute("SELECT name FROM sqlite_master")] == ["invoice"]
    conn.close()


def test_a_store_from_before_all_this_is_adopted(here: Place) -> None:
    engine = database.open_engine(here.url)
    database.upgrade(engine)
    lease.acquire(engine, "run", timedelta(minutes=1)).release()
    engine.dispose()

    here.open()

    seen = here.beside.seen()
    assert seen is not None
    assert seen.count == 1


def test_what_stands_beside_is_for_its_owner_alone_and_no_half_file_is_left(here: Place) -> None:
    here.work()

    assert stat.S_IMODE(here.beside.id_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(here.file.stat().st_mode) == 0o600
    assert sorted(path.name for path in here.file.parent.iterdir()) == [
        "connector.db",
        "connector.db.forgotten",
        "connector.db.id",
    ]


def test_a_late_note_does_not_take_back_what_a_newer_run_remembered(here: Place) -> None:
    here.work()
    old = here.beside.seen()
    here.work()
    assert old is not None

    here.beside.note(old)

    newest = here.beside.seen()
    assert newest is not None
    assert newest.count == 2


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"store": "x"}', b"\xff\xfe"])
def test_a_garbled_file_beside_the_store_is_told_and_not_taken_for_a_first_start(here: Place, content: bytes) -> None:
    here.work()
    here.beside.id_file.write_bytes(content)

    with pytest.raises(WrongStore, match="damaged"):
        here.open()


def test_a_disk_that_takes_no_note_is_an_error_for_a_file_and_a_warning_for_a_server(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    note = Seen("x", 1)

    with pytest.raises(StoreError, match="check the folder"):
        Beside(blocked / "a.id", blocked / "a.forgotten", must=True)._write(blocked / "a.id", {})
    Beside(blocked / "a.id", blocked / "a.forgotten", must=False)._write(blocked / "a.id", {"store": note.store})
