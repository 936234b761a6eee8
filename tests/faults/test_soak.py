"""The soak: workers do runs on PostgreSQL while the world moves, and every few seconds something of it dies.

`make soak MINUTES=60`. In rounds: some things happen in the systems, then runs are started until one ends well. Another
world lives through the same, undisturbed and in one process; after each round both must stand in the same state.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Request

from connector.engine.report import Exit
from tests.integration.workers import ROOT, Office, Worker, eventually, office
from tests.postgres import Cluster
from tests.scenarios.three_sfas.world import PRICE

SEED = 20261127
WORKERS = 3
ENOUGH = 10
"""Minutes in which every kind of strike comes."""
STRIKES = (1.0, 8.0)
"""Seconds from one strike to the next; only what a run is using is struck."""
IN_DOUBT = 0.7
"""How many of them wait for something that is under way."""
ANSWERS = 0.15
"""Seconds that a system takes to do what a request with a body asks, and again to answer."""
LEASE = 4.0
TOO_LONG = 300.0
"""Seconds that a round may take, whatever is done to it."""

RUN = """\
import sys
from datetime import timedelta
from pathlib import Path
from connector.config import load
from connector.engine import planning, spread
from connector.engine.app import now, open_app
from connector.engine.run import run

planning.CHUNK = 5
spread.PATIENCE = spread.OPENING = timedelta(seconds=3)
ahead = timedelta(seconds=float(sys.argv[2]))
app = open_app(load(Path(sys.argv[1])), clock=lambda: now() + ahead)
with spread.stages_of(app) as stages:
    sys.exit(run(app, stages=stages).exit)
"""


@dataclass
class Life:
    """What happens in a world; the same for the same seed, whatever ids the world gives."""

    office: Office
    second: Callable[[], None]
    """Lets a second pass: no two things happen in the same one, since nobody knows which of them was the later."""
    dice: random.Random = field(default_factory=lambda: random.Random(SEED))
    born: int = 0

    def goes_on(self) -> None:
        """A handful of things, of which some bring work."""
        for _ in range(self.dice.randint(3, 8)):
            self.second()
            self.dice.choice([self._visit, self._visit, self._download, self._stage, self._newcomer, self._leave])()

    @property
    def _now(self) -> Any:
        return self.office.world.systems.clock()

    def _visitor(self) -> int:
        smp = self.office.world.systems.smp
        by_mail = {str(each["Email"]): int(str(each["Id"])) for each in smp.visitors()}
        return by_mail[self.dice.choice(sorted(by_mail))]

    def _visit(self) -> None:
        who, page = self._visitor(), self.dice.randrange(1000)
        self.office.world.systems.smp.add_page_view(who, f"{PRICE}/{page}", "料金", self._now)

    def _download(self) -> None:
        who, title = self._visitor(), f"資料{self.dice.randrange(1000)}"
        self.office.world.systems.smp.add_activity(who, "資料ダウンロード", title, self._now)

    def _stage(self) -> None:
        org = self.office.world.systems.org
        by_name = {str(each["Name"]): str(each["Id"]) for each in org.records("Opportunity")}
        deal = by_name[self.dice.choice(sorted(by_name))]
        stage = self.dice.choice(["Negotiation/Review", "Value Proposition", "Closed Lost", "Closed Won"])
        org.update("Opportunity", deal, {"StageName": stage})

    def _newcomer(self) -> None:
        self.born += 1
        smp = self.office.world.systems.smp
        who = self.office.world.visitor(f"new{self.born}@new{self.born}-example.co.jp", "新田 実", "株式会社新田")
        for number in range(self.dice.randrange(4)):
            self.second()
            smp.add_activity(who, "資料ダウンロード", f"資料{number}", self._now)

    def _leave(self) -> None:
        self.office.world.systems.smp.unsubscribe(self._visitor())


@dataclass
class Chaos:
    """Strikes every few seconds, in a thread of its own."""

    office: Office
    cluster: Cluster
    dice: random.Random = field(default_factory=lambda: random.Random(SEED + 1))
    struck: Counter[str] = field(default_factory=Counter)
    failed: list[BaseException] = field(default_factory=list)
    runner: subprocess.Popen[bytes] | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._over.wait(self.dice.uniform(*STRIKES)):
            strike = self.dice.choice(self.strikes)
            try:
                if self.dice.random() < IN_DOUBT:
                    self._await_claim()
                if self.runner is not None and self.runner.poll() is None:
                    strike()
                    self.struck[strike.__name__.strip("_").replace("_", " ")] += 1
            except (AssertionError, OSError, psycopg.Error, SQLAlchemyError) as error:  # the test tells it
                self.failed.append(error)
                return

    @property
    def strikes(self) -> Sequence[Callable[[], None]]:
        return self._kill_worker, self._end_worker, self._freeze_worker, self._crash_postgres, self._kill_runner

    def _await_claim(self) -> None:
        """Until something was claimed and is being sent, if it soon is."""
        with suppress(AssertionError):
            eventually(lambda: self.office.rows("SELECT 1 FROM outbox WHERE state = 'inflight'"), STRIKES[1])

    def _some_worker(self) -> Worker:
        """One that is at a system, if any is."""
        living = [each for each in self.office.workers if each.process.poll() is None]
        busy = [each for each in map(self.office.at_work, ("salesforce", "shanon")) if each in living]
        return self.dice.choice(busy or living)

    def _kill_worker(self) -> None:
        self._some_worker().end(signal.SIGKILL)
        self.office.hire(1)

    def _end_worker(self) -> None:
        assert self._some_worker().end() == 0
        self.office.hire(1)

    def _freeze_worker(self) -> None:
        """Until its lease is over, and others may have gone on."""
        worker = self._some_worker()
        worker.send(signal.SIGSTOP)
        time.sleep(LEASE * 2)
        worker.send(signal.SIGCONT)

    def _kill_runner(self) -> None:
        assert self.runner is not None
        self.runner.kill()

    def _crash_postgres(self) -> None:
        self.cluster.crash()
        eventually(self.cluster.answers)


def slowly(_name: str, request: Request, _done: bool) -> None:
    """So that who is killed is killed while something is under way."""
    if request.method != "GET":
        time.sleep(ANSWERS)


def until_done(office_: Office, chaos: Chaos) -> int:
    """Start runs until one ends well; how many there were."""
    command = [sys.executable, "-c", RUN, str(office_.config), str(office_.ahead.total_seconds())]
    environ = {**os.environ, "CONNECTOR_LANG": "en", "PYTHONPATH": str(ROOT)}
    began, runs, said = time.monotonic(), 0, office_.world.folder / "said"
    while True:
        with said.open("wb") as out, subprocess.Popen(command, env=environ, stdout=out, stderr=out) as chaos.runner:
            code = chaos.runner.wait()
        runs += 1
        if code == Exit.DONE:
            return runs
        assert not chaos.failed, chaos.failed
        assert time.monotonic() - began < TOO_LONG, said.read_text(encoding="utf-8")
        time.sleep(LEASE / 4)


def differing(ought: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What is missing (-) and what is too much (+), by kind; the same time of day it cannot be in both.

    That fields were set is no difference, nor what was never sent; the values are. Who was killed while making somebody
    may find them made, with fields that are to be set since.
    """

    def each(rows: Iterable[object]) -> Counter[str]:
        said = (re.sub(r" \d\d:\d\d ", " ", str(row)) for row in rows)
        return Counter(row for row in said if not re.fullmatch(r"\('set:.*', 'done'\)|\('.*', 'dropped'\)", row))

    told = []
    for kind, wanted in ought.items():
        rows, others = (each(one.items() if isinstance(one, dict) else one) for one in (wanted, found[kind]))
        told += [f"- {kind} {row}" for row in (rows - others).elements()]
        told += [f"+ {kind} {row}" for row in (others - rows).elements()]
    return told


def rounds(shared: Office, chaos: Chaos, end: float) -> tuple[list[dict[str, Any]], int]:
    """Where each round ended, and how many runs it took until `end`; there is one round at least."""
    life = Life(shared, lambda: time.sleep(1))
    states: list[dict[str, Any]] = []
    runs = 0
    while not states or time.monotonic() < end:
        life.goes_on()
        runs += until_done(shared, chaos)
        states.append(shared.stands())
    return states, runs


def test_nothing_is_lost_or_doubled_while_everything_dies_now_and_then(
    tmp_path: Path,
    postgres_url: str,
    postgres_cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    """Without `--soak` one round in which nothing dies: whether the two worlds can be compared."""
    minutes = request.config.getoption("--soak")
    end = time.monotonic() + timedelta(minutes=minutes).total_seconds()
    postgres_cluster.keep_commits(postgres_url)
    with office(tmp_path / "shared", postgres_url, monkeypatch) as shared:
        shared.hooks.append(slowly)
        shared.hire(WORKERS)
        chaos = Chaos(shared, postgres_cluster)
        with chaos if minutes else nullcontext():
            states, runs = rounds(shared, chaos, end)
        assert not chaos.failed, chaos.failed
    with office(tmp_path / "alone", f"sqlite:///{tmp_path / 'store.db'}", monkeypatch, workers=False) as alone:
        life = Life(alone, lambda: alone.world.systems.clock.advance(timedelta(seconds=1)))
        for number, state in enumerate(states):
            life.goes_on()
            assert alone.run().exit is Exit.DONE
            assert not (found := differing(alone.stands(), state)), f"round {number}: {found}"
    assert minutes < ENOUGH or len(chaos.struck) == len(chaos.strikes), f"it had too little to bear: {chaos.struck}"
    told = ", ".join(f"{count} x {what}" for what, count in sorted(chaos.struck.items()))
    print(f"soak: {minutes} minutes, {len(states)} rounds, {runs} runs, {told or 'no strikes'}; seed {SEED}")
