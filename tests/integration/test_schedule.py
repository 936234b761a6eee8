from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from connector.config import load
from connector.engine import schedule as module
from connector.engine.readiness import STALE, StoreState, Watch, look_at_store
from connector.engine.schedule import Schedule, first_run
from connector.store import database, runs

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)
EVERY = timedelta(minutes=15)


@pytest.mark.parametrize(
    ("last", "first"),
    [
        (None, NOW),
        (NOW - timedelta(days=3), NOW),
        (NOW - EVERY, NOW),
        (NOW - timedelta(minutes=5), NOW + timedelta(minutes=10)),
        (NOW, NOW + EVERY),
        (NOW + timedelta(days=1), NOW + EVERY),
    ],
    ids=["never ran", "long ago", "just due", "not due yet", "just now", "a clock was wrong"],
)
def test_first_run(last: datetime | None, first: datetime) -> None:
    assert first_run(last, EVERY, NOW) == first


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def sleeping(seconds: float, *, stubborn: bool = False) -> list[str]:
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN);" if stubborn else ""
    return [sys.executable, "-c", f"import signal, time; {ignore} time.sleep({seconds})"]


def now() -> datetime:
    return datetime.now(UTC)


class TestSchedule:
    def test_counts_how_runs_end(self) -> None:
        schedule = Schedule([sys.executable, "-c", "raise SystemExit(3)"], timedelta(seconds=1), TOKYO)
        schedule.start(now())
        until(lambda: schedule.exits[3] >= 2)
        schedule.stop()
        schedule.close()
        assert schedule.last_exit == 3
        assert set(schedule.exits) == {3}

    def test_the_heart_beats_while_a_run_is_under_way_and_after_the_stop(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "BEAT", timedelta(seconds=0.2))
        schedule = Schedule(sleeping(600), EVERY, TOKYO)
        schedule.start(now())
        until(lambda: schedule.running)
        schedule.stop()
        time.sleep(1)
        assert schedule.heartbeat_age() < 1
        schedule.kill()
        schedule.close()

    def test_without_a_scheduler_the_heart_is_silent(self) -> None:
        schedule = Schedule(sleeping(0), EVERY, TOKYO)
        before = schedule.heartbeat_age()
        time.sleep(0.1)
        assert schedule.heartbeat_age() >= before + 0.1

    def test_no_run_begins_after_the_stop(self) -> None:
        schedule = Schedule(sleeping(0), timedelta(seconds=1), TOKYO)
        schedule.start(now() + timedelta(seconds=1))
        schedule.stop()
        time.sleep(1.5)
        schedule._run()  # as if the scheduler had handed it out just before
        schedule.close()
        assert not schedule.exits

    def test_a_run_that_takes_too_long_is_ended_and_the_next_one_begins(self) -> None:
        schedule = Schedule(sleeping(600), timedelta(seconds=1), TOKYO, longest=timedelta(seconds=0.3))
        schedule.start(now())
        until(lambda: schedule.exits[-signal.SIGTERM] >= 2)
        schedule.stop()
        schedule.kill()
        schedule.close()

    def test_a_run_that_does_not_listen_is_killed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "LAST_WORDS", timedelta(seconds=0.3))
        schedule = Schedule(sleeping(600, stubborn=True), EVERY, TOKYO, longest=timedelta(seconds=1))
        schedule.start(now())
        until(lambda: schedule.exits)
        schedule.stop()
        schedule.close()
        assert schedule.last_exit == -signal.SIGKILL

    def test_runs_that_were_slept_through_are_caught_up_with_by_one(self) -> None:
        schedule = Schedule(sleeping(0), EVERY, TOKYO)
        with capture_logs() as logs:
            schedule.start(now() - timedelta(days=1, minutes=7))
            until(lambda: schedule.exits)
            time.sleep(0.3)
            schedule.stop()
            schedule.close()
        assert schedule.exits == {0: 1}
        assert not schedule.missed
        assert not [entry for entry in logs if entry["event"] == "run_missed"]


class TestReadiness:
    def config(self, folder: Path) -> Path:
        (folder / "mappings").mkdir()
        path = folder / "config.yaml"
        path.write_text("systems: {ma: {type: memory, role: ma}, sfa: {type: memory, role: sfa}}\n")
        return path

    def test_looking_makes_nothing(self, tmp_path: Path) -> None:
        setup = load(self.config(tmp_path))
        assert look_at_store(setup) == StoreState()
        assert not (tmp_path / "data").exists()

    def test_a_store_that_has_not_been_brought_up_to_date(self, tmp_path: Path) -> None:
        setup = load(self.config(tmp_path))
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "connector.db").touch()
        assert look_at_store(setup) == StoreState(reachable=True)

    def test_what_is_no_database(self, tmp_path: Path) -> None:
        setup = load(self.config(tmp_path))
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "connector.db").write_bytes(b"not a database at all" * 1000)
        assert look_at_store(setup) == StoreState()

    def test_the_last_run(self, tmp_path: Path) -> None:
        setup = load(self.config(tmp_path))
        engine = database.open_engine(f"sqlite:///{tmp_path / 'data' / 'connector.db'}")
        database.upgrade(engine)
        assert look_at_store(setup) == StoreState(reachable=True, at_head=True)
        with database.writing(engine) as conn:
            runs.start_run(conn, "one", NOW - EVERY, NOW, 1, "")
            runs.start_run(conn, "two", NOW, NOW, 2, "")
        assert look_at_store(setup) == StoreState(reachable=True, at_head=True, last_start=NOW)
        engine.dispose()

    def test_a_configuration_that_breaks_says_nothing_about_the_store(self, tmp_path: Path) -> None:
        path = self.config(tmp_path)
        setup = load(path)
        engine = database.open_engine(f"sqlite:///{tmp_path / 'data' / 'connector.db'}")
        database.upgrade(engine)
        engine.dispose()
        watch = Watch(path, setup)
        path.write_text("systems: none\n")
        watch.look()
        assert watch.checks() == {"configuration": False, "store": True, "schema": True}

    def test_what_was_seen_too_long_ago_is_not_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = self.config(tmp_path)
        watch = Watch(path, load(path))
        assert watch.checks() == {}
        watch.look()
        assert watch.checks() == {"configuration": True, "store": False, "schema": False}
        later = time.monotonic() + STALE.total_seconds()
        monkeypatch.setattr(time, "monotonic", lambda: later)
        assert watch.checks() == {}
