"""Runs whose work is done by workers: real processes, killed, frozen and ended at their worst moments."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import ProgrammingError
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.wrappers import Request

from connector.engine import planning, queue, spread
from connector.engine.part import Part
from connector.engine.report import Exit
from connector.errors import ConnectorError, Locked, StoreError
from tests.integration.workers import Hook, Office, Worker, eventually, office
from tests.postgres import Cluster, store_line

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Where the same world ends when one process does everything."""
    folder = tmp_path_factory.mktemp("alone")
    url = f"sqlite:///{folder / 'store.db'}"
    with pytest.MonkeyPatch.context() as patch, office(folder / "world", url, patch, workers=False) as alone:
        assert alone.run().exit is Exit.DONE
        state = alone.state()
    assert len(state["outbox"]) > 60, "too little to do proves nothing"
    return state


@pytest.fixture
def shared(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr(planning, "CHUNK", 5)
    monkeypatch.setattr(spread, "PATIENCE", timedelta(seconds=3))
    monkeypatch.setattr(spread, "OPENING", timedelta(seconds=3))
    with office(tmp_path / "shared", postgres_url, monkeypatch) as made:
        yield made


def test_two_workers_end_where_one_process_would(shared: Office, undisturbed: dict[str, Any]) -> None:
    both = shared.hire()
    before = _called(shared)

    report = shared.run()

    assert report.exit is Exit.DONE
    assert all(counts.balances() for counts in report.ledger.values())
    assert report.sent() == len([state for _, state in undisturbed["outbox"] if state == "done"])
    assert shared.state() == undisturbed
    assert all(worker.seen("part_done") for worker in both), "one did everything"
    called = _called(shared) - before
    assert report.calls == {system: called[system] for system in ("shanon", "salesforce", "kintone", "esales")}
    assert all(report.calls[system] >= least > 0 for system, least in report.least_calls.items())
    told = {(each["system"], each["part"]): each["used"] for each in report.closing["quota"]}
    assert 0 < told["salesforce", ""] <= shared.world.systems.org.calls, "as one of them heard it"
    assert {system: used for (system, part), used in told.items() if part} != {}
    assert all(used == called[f"{system}/{part}"] for (system, part), used in told.items() if part)
    assert shared.rows("SELECT 1 FROM meta WHERE name LIKE 'part:%' AND name NOT LIKE '%:deliver:%'") != []
    assert shared.run().sent() == 0
    assert [worker.end() for worker in both] == [0, 0]


def _called(shared: Office) -> Counter[str]:
    return Counter(dict(shared.rows("SELECT system, count FROM calls WHERE day = '2026-10-14'")))


def test_a_job_that_is_handed_out_twice_is_done_once(
    shared: Office, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    put = queue.Queue.put

    def put_twice(self: queue.Queue, some: Sequence[Part]) -> None:
        put(self, [*some, *some])

    monkeypatch.setattr(queue.Queue, "put", put_twice)
    shared.hire()

    assert shared.run().exit is Exit.DONE
    assert shared.state() == undisturbed


Strike = Callable[[Worker], None]


def _once(shared: Office, system: str, when: Callable[[], bool], strike: Strike, *, lost: bool = False) -> Hook:
    """Strikes the worker that is at `system`, at its first request for which `when` holds."""
    lock, struck = threading.Lock(), threading.Event()

    def hook(name: str, _request: Request, _done: bool) -> None:
        with lock:
            if name != system or struck.is_set() or not when():
                return
            worker = shared.at_work(system)
            assert worker is not None
            struck.set()
            strike(worker)
        if lost:
            raise ServiceUnavailable

    return hook


def _kill(worker: Worker) -> None:
    worker.process.kill()
    worker.process.wait()


def _claimed(shared: Office, system: str) -> Callable[[], bool]:
    query = f"SELECT 1 FROM outbox WHERE state = 'inflight' AND system = '{system}'"
    return lambda: bool(shared.rows(query))


def _nth(number: int) -> Callable[[], bool]:
    left = iter(range(number))
    return lambda: next(left, None) is None


@pytest.mark.parametrize("system", ["shanon", "salesforce"])
def test_a_worker_killed_while_it_reads_delays_and_loses_nothing(
    shared: Office, undisturbed: dict[str, Any], system: str
) -> None:
    both = shared.hire()
    shared.hooks.append(_once(shared, system, _nth(6), _kill))

    assert shared.run().exit is Exit.DONE

    assert sorted(worker.process.poll() or 0 for worker in both) == [-signal.SIGKILL, 0]
    assert shared.state() == undisturbed


@pytest.mark.parametrize("system", ["shanon", "salesforce"])
@pytest.mark.parametrize("lost", [False, True], ids=["done", "not-done"])
def test_a_worker_killed_with_claimed_changes_loses_and_doubles_nothing(
    shared: Office, undisturbed: dict[str, Any], system: str, lost: bool
) -> None:
    both = shared.hire()
    shared.hooks.append(_once(shared, system, _claimed(shared, system), _kill, lost=lost))

    report = shared.run()

    assert report.exit is Exit.DONE
    assert report.sent() == len([state for _, state in undisturbed["outbox"] if state == "done"])
    assert sorted(worker.process.poll() or 0 for worker in both) == [-signal.SIGKILL, 0]
    assert shared.state() == undisturbed


def test_a_worker_killed_while_it_plans_delays_and_loses_nothing(shared: Office, undisturbed: dict[str, Any]) -> None:
    both = shared.hire(slow_plan=0.5)

    def kill_one() -> None:
        eventually(lambda: shared.rows("SELECT 1 FROM meta WHERE name LIKE 'part:%:plan:1:%'"), 120)
        _kill(both[0])

    killer = threading.Thread(target=kill_one)
    killer.start()
    report = shared.run()
    killer.join()

    assert report.exit is Exit.DONE
    assert shared.state() == undisturbed


def test_a_frozen_worker_that_thaws_writes_nothing_more(shared: Office, undisturbed: dict[str, Any]) -> None:
    both = shared.hire()
    shared.hooks.append(
        _once(shared, "salesforce", _claimed(shared, "salesforce"), lambda worker: worker.send(signal.SIGSTOP))
    )

    assert shared.run().exit is Exit.DONE

    before = shared.rows("SELECT key, state, attempts, done_at FROM outbox ORDER BY key")
    for worker in both:
        worker.send(signal.SIGCONT)
    eventually(lambda: any(worker.seen("part_fenced") for worker in both), 60, lambda: [w.events for w in both])
    assert shared.rows("SELECT key, state, attempts, done_at FROM outbox ORDER BY key") == before
    assert shared.state() == undisturbed


def test_a_worker_that_is_told_to_end_leaves_its_job_to_the_others(shared: Office, undisturbed: dict[str, Any]) -> None:
    both = shared.hire()
    shared.hooks.append(_once(shared, "shanon", _nth(4), lambda worker: worker.send(signal.SIGTERM)))

    assert shared.run().exit is Exit.DONE

    gone = [worker for worker in both if worker.seen("part_left")]
    assert [worker.process.wait(60) for worker in gone] == [0]
    assert shared.state() == undisturbed


def test_postgresql_that_restarts_under_load_delays_and_loses_nothing(
    shared: Office, undisturbed: dict[str, Any], postgres_cluster: Cluster
) -> None:
    postgres_cluster.keep_commits(shared.url)
    both = shared.hire()

    crashes = [_nth(3), _nth(12), _nth(40), _nth(70)]

    def hook(_name: str, _request: Request, done: bool) -> None:
        if not done and crashes and crashes[0]():
            crashes.pop(0)
            postgres_cluster.crash()

    shared.hooks.append(hook)
    outcome: Exit | None = None
    for _ in range(12):
        try:
            outcome = shared.run().exit
        except Locked:  # by a run that could not give its lease back
            eventually(lambda: _is_free(shared), 60)
        except (StoreError, psycopg.Error):
            eventually(postgres_cluster.answers, 60)
        if outcome is Exit.DONE and not crashes:
            break
    assert outcome is Exit.DONE
    assert not crashes, "it did not restart often enough to prove anything"
    assert all(worker.process.poll() is None for worker in both), "they wait for the server and go on"
    assert shared.state() == undisturbed


def _is_free(shared: Office) -> bool:
    now = "extract(epoch FROM clock_timestamp()) * 1000000"
    return not shared.rows(f"SELECT 1 FROM lease WHERE name = 'run' AND holder <> '' AND expires > {now}")


def test_without_a_worker_a_run_says_so_and_gives_its_lease_back(
    shared: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spread, "NOBODY", timedelta(seconds=1))

    with pytest.raises(ConnectorError, match="no worker has done anything"):
        shared.run()

    assert _is_free(shared)
    assert shared.rows("SELECT 1 FROM procrastinate_jobs") == []


def test_a_worker_with_another_configuration_leaves_the_work_alone(
    shared: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spread, "NOBODY", timedelta(seconds=6))
    (worker,) = shared.hire(1)
    with shared.app() as app, spread.stages_of(app) as stages:
        shared.world.edit("mappings/scores.yaml", ("interest:", "# another\ninterest:"))
        from connector.engine.run import run

        with pytest.raises(ConnectorError, match="no worker has done anything"):
            run(app, stages=stages)
    assert worker.seen("configuration_differs")
    assert not worker.seen("part_done")


def test_what_serve_begins_is_done_by_the_workers_that_are_up(tmp_path: Path, postgres_url: str) -> None:
    (tmp_path / "mappings").mkdir()
    config = tmp_path / "config.yaml"
    config.write_text(
        f"{store_line(postgres_url, tmp_path)}\n"
        "systems:\n  ma: {type: memory, role: ma}\n  sfa: {type: memory, role: sfa}\n"
        "run: {every: 1s, workers: true}\n"
    )

    def start(*command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "connector", *command, "--config", str(config)], cwd=tmp_path)

    started = [start("serve", "--bind", "127.0.0.1:0"), start("worker"), start("worker")]
    engine = create_engine(postgres_url)
    try:

        def done() -> bool:
            with engine.connect() as conn:
                try:
                    found = conn.exec_driver_sql("SELECT outcome FROM run").scalars().all()
                except ProgrammingError:  # nobody has made the tables yet
                    return False
            return found.count("done") > 1

        eventually(done, 200)
        for process in started:
            process.terminate()
        assert [process.wait(60) for process in started] == [0, 0, 0]
    finally:
        engine.dispose()
        for process in started:
            process.kill()
            process.wait()
