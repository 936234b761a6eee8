"""Planning by workers: everybody, in one process, by one worker, and by two; PostgreSQL holds the store.

Times are of the wall clock, from the first job handed out to the last one done. The server runs on the same machine
and shares its cores; `fsync` is off, so that the disk is not what is measured.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Line, Size, child, seconds

if TYPE_CHECKING:
    from connector.engine.app import App
    from connector.engine.run import Stages

TABLES = ("identity", "person", "touchpoint", "meta")
ROOT = Path(__file__).parents[1]


def lines(size: Size) -> Iterator[Line]:
    """The plan of everybody, three ways."""
    made = {"people": size.people, "touchpoints": size.touchpoints, "seed": size.seed, "folder": size.folder}
    url = child("generate:make", **made)["url"]
    found = child("workers:plans", url=url)
    alone, one, two = found["alone"], found["1"], found["2"]
    what = f"plan of {found['identities']:,} identities"
    yield Line(f"{what}: one worker", f"one process {seconds(alone)}", seconds(one), one / alone)
    yield Line(f"{what}: two workers", f"one worker {seconds(one)}", seconds(two), two / one, "< 1")


def plans(url: str) -> dict[str, Any]:
    """What each way takes; every way begins with the same store, and ends with the same plan."""
    from tests.postgres import running

    with running() as cluster, tempfile.TemporaryDirectory(prefix="connector-bench-") as folder:
        with cluster.connect() as admin:
            admin.execute("CREATE DATABASE bench TEMPLATE template0")
        config = _configure(Path(folder), cluster.url("bench"))
        with _opened(config) as app:
            _copy(url.removeprefix("sqlite:///"), app)
            found: dict[str, Any] = {}
            sizes = set()
            for workers in (0, 1, 2):
                _forget_plan(app)
                found[str(workers) if workers else "alone"] = _plan(app, config, workers)
                sizes.add(_planned(app))
        if len(sizes) != 1:
            msg = f"the plans differ: {sizes}"
            raise RuntimeError(msg)
        return found | {"identities": next(iter(sizes))[0]}


def _configure(folder: Path, url: str) -> Path:
    from benchmarks.engine import CONFIG, MAPPINGS, _scores

    (folder / "mappings").mkdir()
    for name, content in {**MAPPINGS, "scores": _scores()}.items():
        (folder / "mappings" / f"{name}.yaml").write_text(content, encoding="utf-8")
    (folder / "store_url").write_text(url, encoding="utf-8")
    config = CONFIG.replace("store: sqlite:///store.db", f"store_url: {{file: {folder / 'store_url'}}}")
    config = config.replace("run: {", "run: {workers: true, ")
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    return folder / "config.yaml"


@contextlib.contextmanager
def _opened(config: Path) -> Iterator[App]:
    from connector.config import load
    from connector.engine.app import open_app

    app = open_app(load(config))
    try:
        yield app
    finally:
        app.close()


def _copy(path: str, app: App) -> None:
    """The made-up store, as it is, from SQLite into PostgreSQL."""
    from connector.store import tables as t

    source = sqlite3.connect(path)
    with app.store.begin() as conn:
        raw: Any = conn.connection.driver_connection
        for name in TABLES:
            columns = list(t.metadata.tables[name].columns)
            booleans = [str(column.type) == "BOOLEAN" for column in columns]
            names = ", ".join(f'"{column.name}"' for column in columns)
            rows = source.execute(f"SELECT {names} FROM {name}")
            with raw.cursor().copy(f"COPY {name} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row([bool(v) if is_bool else v for v, is_bool in zip(row, booleans, strict=True)])
    source.close()
    with app.store.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql("VACUUM ANALYZE")


def _forget_plan(app: App) -> None:
    with app.store.begin() as conn:
        conn.exec_driver_sql("UPDATE identity SET due_at = 0")
        conn.exec_driver_sql("TRUNCATE score, outbox")
    with app.store.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql("VACUUM FULL identity")
        conn.exec_driver_sql("ANALYZE")


def _planned(app: App) -> tuple[int, int, int]:
    with app.store.connect() as conn:
        counts = (conn.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() for name in ("score", "outbox"))
        scores, changes = counts
        people = conn.exec_driver_sql("SELECT count(DISTINCT identity) FROM score").scalar_one()
    return people, scores, changes


def _plan(app: App, config: Path, workers: int) -> float:
    from benchmarks.generate import AS_OF
    from connector.engine.report import Report
    from connector.engine.run import Stages
    from connector.engine.spread import stages_of
    from connector.store.runs import start_run

    report = Report(f"bench-{workers}", AS_OF, AS_OF)
    with app.lease() as lease, contextlib.ExitStack() as stack:
        with lease.writing() as conn:
            start_run(conn, report.run, AS_OF, AS_OF, lease.token, "")
        stages: Stages = stack.enter_context(stages_of(app)) if workers else Stages()
        for _ in range(workers):
            stack.enter_context(_worker(config))
        begin = time.monotonic()
        stages.plan(app, lease, report)
        return time.monotonic() - begin


@contextlib.contextmanager
def _worker(config: Path) -> Iterator[None]:
    """A worker, ready when the block begins."""
    level = logging.getLevelName(logging.getLogger().getEffectiveLevel()).lower()
    command = [sys.executable, "-m", "connector", "--log", level, "worker", "--config", str(config)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if "worker_started" in line:
                break
        with tempfile.TemporaryFile() as rest:  # its log goes on; a full pipe would stop it
            drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=rest)
            yield
            process.terminate()
            process.wait()
            drain.wait()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
