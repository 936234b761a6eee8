"""Two systems over HTTP, PostgreSQL as the store, and workers as real processes; a hook into every request."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy import text as sql
from werkzeug.wrappers import Request, Response

from connector.config import load
from connector.engine.app import App, now, open_app
from connector.engine.report import Report
from connector.engine.run import run
from connector.engine.spread import stages_of
from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.shanon import ShanonEmulator
from tests.postgres import store_line
from tests.scenarios.three_sfas.world import World, world

ROOT = Path(__file__).parents[2]
PEOPLE = 24

STAND_IN = """\
import sys
import time
from datetime import timedelta
from pathlib import Path
from connector.engine import planning
from connector.engine.app import now
from connector.engine.log import set_up
from connector.engine.worker import work

ahead = timedelta(seconds=float(sys.argv[2]))
plan_chunk = planning.plan_chunk


def slowly(*work, **more):
    time.sleep(float(sys.argv[3]))
    return plan_chunk(*work, **more)


planning.plan_chunk = slowly
set_up("info")
work(Path(sys.argv[1]), clock=lambda: now() + ahead)
"""

Hook = Callable[[str, Request, bool], None]
"""Called with the system's name and a request: before it is done (False), and after (True), before it is answered."""


class Worker:
    """`connector worker` as a process, with the clock of the emulated world."""

    def __init__(self, config: Path, ahead: timedelta, slow_plan: float) -> None:
        environ = {**os.environ, "CONNECTOR_LANG": "en", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", STAND_IN, str(config), str(ahead.total_seconds()), str(slow_plan)]
        self.process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
        self.events: list[dict[str, Any]] = []
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            try:
                self.events.append(json.loads(line))
            except ValueError:
                self.said.append(line)

    def seen(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == name]

    def wait_for(self, name: str, seconds: float = 60) -> None:
        eventually(lambda: self.seen(name), seconds, lambda: (name, self.events, self.said))

    def send(self, number: int) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)

    def end(self, number: int = signal.SIGTERM, seconds: float = 60) -> int:
        self.send(number)
        code = self.process.wait(seconds)
        self._reader.join()
        return code

    def clear(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()


def eventually(found: Callable[[], Any], seconds: float = 60, why: Callable[[], Any] = lambda: "") -> Any:
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, why()
        time.sleep(0.05)
    return value


@dataclass
class Office:
    """The world of one test."""

    world: World
    url: str
    hooks: list[Hook] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.world.folder / "config.yaml"

    @property
    def ahead(self) -> timedelta:
        """How much later it is in the emulated world."""
        return self.world.systems.clock() - now()

    def hire(self, count: int = 2, slow_plan: float = 0) -> list[Worker]:
        """Start workers; they are ready when this returns."""
        hired = [Worker(self.config, self.ahead, slow_plan) for _ in range(count)]
        self.workers += hired
        for worker in hired:
            worker.wait_for("worker_started")
        return hired

    @contextmanager
    def app(self) -> Iterator[App]:
        app = open_app(load(self.config), clock=self.world.systems.clock)
        try:
            yield app
        finally:
            app.close()

    def run(self) -> Report:
        """One run, done by workers when the configuration says so."""
        with self.app() as app, stages_of(app) as stages:
            return run(app, stages=stages)

    def rows(self, query: str) -> list[Any]:
        engine = create_engine(self.url)
        try:
            with engine.connect() as conn:
                return list(conn.execute(sql(query)))
        finally:
            engine.dispose()

    def at_work(self, system: str) -> Worker | None:
        """Who holds a system now."""
        held = self.rows(f"SELECT holder FROM lease WHERE name = 'system:{system}' AND holder <> ''")
        return next((w for w in self.workers for (holder,) in held if f"pid {w.pid} " in holder), None)

    def state(self) -> dict[str, Any]:
        """Where everything ended, after each change was noted as done once."""
        assert not [key for key, count in self.doubled().items() if count > 1]
        return self.stands()

    def stands(self) -> dict[str, Any]:
        """What the systems hold, and what the store says of it."""
        org, smp = self.world.systems.org, self.world.systems.smp
        shown = {
            kind: sorted(
                str(sorted((name, value) for name, value in row.items() if name.endswith("__c") or name in _SHOWN))
                for row in org.records(kind)
            )
            for kind in ("Contact", "Lead", "Task")
        }
        lists = {name: sorted(smp.members(number)) for number, name in smp.lists().items()}
        sent = Counter(self.rows("SELECT key, state FROM outbox"))
        return {**shown, "lists": lists, "outbox": sorted((row.key, row.state) for row in sent)}

    def doubled(self) -> Counter[str]:
        """How often each change was noted as done."""
        return Counter(key for (key,) in self.rows("SELECT key FROM delivery WHERE status = 'done'"))


_SHOWN = {"LastName", "FirstName", "Email", "Subject", "OwnerId"}


@contextmanager
def office(folder: Path, url: str, monkeypatch: Any, *, workers: bool = True, lease: str = "4s") -> Iterator[Office]:
    """SHANON and Salesforce with some people, deals and history."""
    hooks: list[Hook] = []
    for name, emulator in (("salesforce", SalesforceEmulator), ("shanon", ShanonEmulator)):
        monkeypatch.setattr(emulator, "handle", _hooked(name, emulator.handle, hooks))
    folder.mkdir()
    with world(folder) as made:
        _fill(made)
        _configure(made, url, workers=workers, lease=lease)
        here = Office(made, url, hooks)
        try:
            yield here
        finally:
            for worker in here.workers:
                worker.clear()
    monkeypatch.undo()


def _hooked(name: str, handle: Any, hooks: list[Hook]) -> Any:
    def hooked(self: Any, request: Request) -> Response:
        for hook in list(hooks):
            hook(name, request, False)
        answer: Response = handle(self, request)
        for hook in list(hooks):
            hook(name, request, True)
        return answer

    return hooked


def _fill(made: World) -> None:
    org = made.systems.org
    for number in range(PEOPLE):
        company = f"株式会社第{number % 6}商事"
        email = f"person{number}@dai{number % 6}-example.co.jp"
        for _ in range(3):
            made.visitor(email, f"三枝 {chr(0x4E9C + number)}", company)
        if number % 2:
            continue
        account = org.create("Account", {"Name": company})
        contact = org.create("Contact", {"LastName": "三枝", "FirstName": chr(0x4E9C + number), "Email": email,
                                         "AccountId": account})  # fmt: skip
        stage = "Negotiation/Review" if number % 4 else "Closed Lost"
        deal = org.create("Opportunity", {"AccountId": account, "Name": f"案件{number}", "StageName": stage,
                                          "CloseDate": "2026-09-01"})  # fmt: skip
        org.create("OpportunityContactRole", {"OpportunityId": deal, "ContactId": contact})


def _configure(made: World, url: str, *, workers: bool, lease: str) -> None:
    """PostgreSQL as the store, a short lease, and no brake."""
    config = (made.folder / "config.yaml").read_text(encoding="utf-8")
    head, _, _ = config.partition("\nrun:")
    store = next(line for line in head.splitlines() if line.startswith("store:"))
    run = f"run: {{workers: {str(workers).lower()}, lease: {lease}, guards: {{at_least: 100000}}}}"
    (made.folder / "config.yaml").write_text(
        f"{head.replace(store, store_line(url, made.folder))}\n{run}\n", encoding="utf-8"
    )
    made.probe()
