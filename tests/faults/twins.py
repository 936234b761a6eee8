"""Two worlds in memory to which the same happens; only that one of them is hit by faults, and its program killed.

A kill is a `BaseException` at a seam: between two steps of a system, before and after each transaction of the store.
From then on the dead program can touch nothing any more, not even to tidy up; its lease runs out by the world's clock.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import Connection, Engine

from connector.adapters import memory
from connector.adapters.memory import Config, Memory, System
from connector.changes import AnyChange
from connector.config import Setup, load
from connector.engine.app import App
from connector.engine.preview import plan_preview
from connector.engine.report import Report
from connector.engine.run import run
from connector.errors import Throttled, Unauthorized, Unavailable, text
from connector.model import Ref
from connector.ports import Needs, Receipt
from connector.store import database, outbox
from tests.machine.world import CONFIG, MAPPINGS, START

FAST_DISK = "/dev/shm" if Path("/dev/shm").is_dir() else None  # the store waits for the disk at every commit
LEASE = timedelta(minutes=10)
SAID = text("as ordered", "指示どおり")
_COMPILED: dict[Any, Any] = {}
"""Statements as all stores of all worlds run them: nearly a tenth of a machine's time is compiling them."""


class Killed(BaseException):
    """The program is no more."""


@dataclass
class Fate:
    """What will happen to one program: at which seam, and what. Counts the seams that were passed."""

    at: int | None = None
    what: str = "kill"
    passed: int = 0
    dead: bool = False
    struck: Counter[str] = field(default_factory=Counter)

    def seam(self, where: str) -> None:
        """A place where something may happen."""
        if self.dead:
            raise Killed
        self.passed += 1
        if self.passed == self.at:
            self._strike(where)

    def _strike(self, where: str) -> None:
        if self.what == "kill" or where == "store":
            self.struck["kill"] += 1
            self.dead = True
            raise Killed
        self.struck[self.what] += 1
        if self.what == "throttled":
            raise Throttled(SAID, wait=timedelta(minutes=7))
        raise Unauthorized(SAID) if self.what == "unauthorized" else Unavailable(SAID)


@dataclass
class Hit(System):
    """A system in memory, each step of which is a seam."""

    fate: Fate = field(default_factory=Fate)

    def heal(self) -> None:
        """Every fault ends; what is under way stays so."""
        self.lose_answer, self.late, self.dies_after, self.down, self.stutter = 0, 0, None, False, 0

    def answer(self) -> None:
        self.fate.seam("system")
        super().answer()

    def carry_out(self, change: AnyChange) -> Receipt:
        receipt = super().carry_out(change)
        self.fate.seam("store")  # done, and the program may be gone before it hears of it
        return receipt


class Inline:
    """An executor that does everything at once, in the thread of the caller: the same order each time."""

    def __init__(self, max_workers: int = 1) -> None:
        """Take no workers."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is left to wait for."""

    def submit(self, call: Callable[..., Any], *args: Any, **kw: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call(*args, **kw))
        except BaseException as error:  # noqa: BLE001  as an executor does
            future.set_exception(error)
        return future


@cache
def _ready() -> tuple[Setup, Path]:
    """The configuration, and a store at the newest schema: made once."""
    folder = Path(tempfile.mkdtemp(dir=FAST_DISK))
    (folder / "mappings").mkdir()
    for name, content in MAPPINGS.items():
        (folder / "mappings" / f"{name}.yaml").write_text(content, encoding="utf-8")
    (folder / "config.yaml").write_text(CONFIG.format(store="store: sqlite:///empty.db"), encoding="utf-8")
    engine = database.open_engine(f"sqlite:///{folder / 'empty.db'}")
    database.upgrade(engine)
    engine.dispose()
    return load(folder / "config.yaml"), folder / "empty.db"


@cache
def _needs(system: str) -> Needs:
    return _ready()[0].needs(system)


class World:
    """Two systems, a program between them, and its store."""

    def __init__(self) -> None:
        self.now = START
        self.fate = Fate()
        self.ma, self.sfa = (Hit(name, now=self.now, fate=self.fate) for name in ("ma", "sfa"))
        self.folder = tempfile.TemporaryDirectory(dir=FAST_DISK)
        setup, empty = _ready()
        self.setup = setup
        self.store = self._open(shutil.copy(empty, Path(self.folder.name) / "connector.db"))
        self.reports: list[Report] = []

    @staticmethod
    def _open(file: object) -> Engine:
        return database.open_engine(f"sqlite:///{file}").execution_options(compiled_cache=_COMPILED)

    def app(self, store: Engine | None = None) -> App:
        """A new program: nothing is left of the one before but the systems and the store."""
        memory.SYSTEMS.update(ma=self.ma, sfa=self.sfa)
        made = {}
        for name in self.setup.systems:
            options = self.setup.systems[name][1]
            assert isinstance(options, Config)
            made[name] = Memory(name, options, _needs(name))
        return App(self.setup, store or self.store, made, clock=lambda: self.now)

    def run(self, fate: Fate | None = None) -> Report | None:
        """One pass; None when the program was killed in it."""
        self.pass_time(timedelta(seconds=1))
        self.meet(fate or Fate())
        try:
            with judged_by(self):
                self.reports.append(run(self.app()))
        except Killed:
            return None
        finally:
            self.meet(Fate())
        return self.reports[-1]

    def meet(self, fate: Fate) -> None:
        """From now on this happens to whoever works."""
        self.fate = self.ma.fate = self.sfa.fate = fate

    def fresh(self) -> list[object]:
        """What a run would still write."""
        with judged_by(self):
            return list(plan_preview(self.app(), pull=True, as_of=None).fresh)

    def as_if_new(self) -> list[AnyChange]:
        """What a program with an empty store would write."""
        with tempfile.TemporaryDirectory(dir=FAST_DISK) as folder:
            store = self._open(shutil.copy(_ready()[1], Path(folder) / "new.db"))
            try:
                with judged_by(self):
                    return list(plan_preview(self.app(store), pull=True, as_of=None).fresh)
            finally:
                store.dispose()

    def pass_time(self, by: timedelta) -> None:
        self.now += by
        for system in (self.ma, self.sfa):
            system.now = max(system.now, self.now)

    def settle(self) -> None:
        """Whatever was under way arrives; every fault ends."""
        for system in (self.ma, self.sfa):
            system.heal()
            system.settle()

    def waiting(self) -> Mapping[tuple[str, str], int]:
        """Changes that are neither done nor dropped."""
        with self.app().reading() as conn:
            return {place: n for place, n in outbox.backlog(conn).items() if place[1] not in ("done", "dropped")}

    def seen(self) -> dict[str, Counter[str]]:
        """What people see, without ids: those depend on what was tried how often."""
        names = {ref: str(p.fields.get("email")) for each in (self.ma, self.sfa) for ref, p in each.people.items()}

        def who(ref: Ref | None) -> str:
            return names.get(ref.id, "?") if ref else "-"

        return {
            **{
                system.name: Counter(
                    repr(sorted((k, v) for k, v in p.fields.items() if k != "ma_id")) for p in system.people.values()
                )
                for system in (self.ma, self.sfa)
            },
            "lists": Counter(f"{name}: {names[m]}" for name, ids in self.ma.lists.items() for m in ids),
            "alerts": Counter(f"{a.rule} {a.title} {who(a.person)}" for a in self.sfa.alerts.values()),
            "timeline": Counter(f"{e.title} {who(e.person)} {e.happened_at}" for e in self.sfa.timeline.values()),
        }

    def close(self) -> None:
        self.store.dispose()
        self.folder.cleanup()


_NOW: list[World] = []
"""The world whose program is at work."""


@contextmanager
def judged_by(world: World) -> Iterator[None]:
    _NOW.append(world)
    try:
        yield
    finally:
        _NOW.pop()


def _world_time(_: Connection) -> datetime:
    return _NOW[-1].now


@contextmanager
def _seamed(writing: Callable[[Engine], Any], engine: Engine) -> Iterator[Connection]:
    """A transaction: before it, at its end, and after it a program can be killed."""
    fate = _NOW[-1].fate
    fate.seam("store")
    with writing(engine) as conn:
        yield conn
        fate.seam("store")
    fate.seam("store")


@contextmanager
def deterministic() -> Iterator[None]:
    """Inside, runs have one thread, the lease is judged by the world's clock, and the store's seams are known."""
    from connector.engine import deliver, pull
    from connector.store import lease

    writing = database.writing
    with pytest.MonkeyPatch.context() as patch:
        for module in (pull, deliver):
            patch.setattr(module, "Pool", Inline)
        patch.setattr(lease, "_now", _world_time)
        patch.setattr(lease, "writing", lambda engine: _seamed(writing, engine))
        try:
            yield
        finally:
            memory.SYSTEMS.clear()
