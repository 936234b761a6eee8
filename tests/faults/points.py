"""Where a run can die: found by watching the seams, so that new code is found, too; nothing of the product knows.

A point is a write transaction (`begin`, `commit` not yet done, `committed`) or a request (`send` not yet done,
`answered`: the system did it and nobody has heard). Its name tells the system, the functions of the product it happens
in, and how often it was passed before.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NoReturn

import requests
from requests.adapters import HTTPAdapter
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.default import DefaultDialect

SEAMS = {"connector.http", "connector.contain", "connector.store.database"}
SYSTEMS = {"shanon", "salesforce", "kintone", "esales", "marketing", "sales", "esm", "crm"}


class Dead(BaseException):
    """The process is no more: whatever it still tries to do fails."""


def crash() -> NoReturn:
    """Die in the process: an error that no code may take for one it can handle."""
    raise Dead


def kill() -> None:
    """Die for real, without a chance to clean up."""
    os.kill(os.getpid(), signal.SIGKILL)


def freeze() -> None:
    """Stand still until somebody says SIGCONT."""
    os.kill(os.getpid(), signal.SIGSTOP)


@dataclass
class Points:
    """What a run passes; at the point `at` it does `end`, once."""

    at: str = ""
    end: Callable[[], None] = crash
    seen: list[str] = field(default_factory=list)
    reached: bool = False
    still: AbstractContextManager[Any] = field(default_factory=nullcontext)
    """Held while something lasting happens."""
    last: threading.local = field(default_factory=threading.local)
    """`name`: the point that this thread passed last."""
    awake: threading.Event | None = None
    """Until then, once the point is reached, all threads of that run stand still, as those of a stopped process do."""
    stood: list[str] = field(default_factory=list)
    """Where the other threads of that run stood."""
    _own: set[object] = field(default_factory=set)
    """Engines and transports of the run that is to stand still; others come later."""
    _passed: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def dead(self) -> bool:
        """Whether this process has crashed: no store and no system hears of it any more."""
        return self.reached and self.end is crash

    def check(self) -> None:
        if self.dead():
            raise Dead

    def heard(self, method: str) -> None:
        """A system has done what a request asked."""

    def reach(self, moment: str, through: object) -> None:
        """A point is passed, or it is the end."""
        self.check()
        where = _where()
        if not self.reached:
            self._own.add(through)
        elif self.awake is not None and through in self._own and moment != "commit":  # which ends what has begun
            if not self.awake.is_set():
                self.stood.append(f"{where} {moment} ")
            self.awake.wait()
        with self._lock:
            name = f"{where} {moment} {self._passed[f'{where} {moment}'] + 1}"
            self._passed[f"{where} {moment}"] += 1
            self.seen.append(name)
            self.last.name = name
            if name != self.at or self.reached:
                return
            self.reached = True
        self.end()
        if self.awake is not None:
            self.awake.wait()


def _where() -> str:
    """The functions of the product from the engine down to the seam, and the system they work for."""
    chain: list[str] = []
    system = ""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith("connector.") and not module.startswith("connector.sandbox"):
            name = frame.f_code.co_name
            if (
                module.partition(".cli")[0] != "connector"
                and module not in SEAMS
                and name not in {"writing", "__exit__", "__enter__"}
                and not name.startswith("<")
            ):
                chain.append(f"{module.removeprefix('connector.')}.{name}")
            system = system or _system(frame)
        frame = frame.f_back
    return f"{system}:{'>'.join(reversed(chain[:4]))}"


def _system(frame: FrameType) -> str:
    for value in (frame.f_locals.get("name"), getattr(frame.f_locals.get("self"), "name", None)):
        if isinstance(value, str) and value in SYSTEMS:
            return value
    return ""


@contextmanager
def instrumented(points: Points) -> Iterator[Points]:
    """Let `points` be told of everything, until the end of the block."""
    here = threading.local()

    def begin(connection: Connection) -> None:
        points.check()
        here.writes = bool(connection.get_execution_options().get("write"))
        if here.writes:
            points.reach("begin", connection.engine)

    def commit(connection: Connection) -> None:
        points.check()
        here.writes = bool(connection.get_execution_options().get("write"))
        here.engine = connection.engine
        if here.writes:
            points.reach("commit", connection.engine)

    do_commit: Any = DefaultDialect.do_commit
    send = HTTPAdapter.send

    def committing(self: DefaultDialect, connection: Any) -> None:
        if not here.writes:  # who reads holds nobody up
            do_commit(self, connection)
            return
        with points.still:
            do_commit(self, connection)
        points.reach("committed", here.engine)

    def sending(self: HTTPAdapter, *args: Any, **more: Any) -> requests.Response:
        points.reach("send", self)
        with points.still:
            response = send(self, *args, **more)
            points.heard(str(args[0].method))
        points.reach("answered", self)
        return response

    event.listen(Engine, "begin", begin)
    event.listen(Engine, "commit", commit)
    DefaultDialect.do_commit = committing  # type: ignore[method-assign]
    HTTPAdapter.send = sending  # type: ignore[method-assign]
    try:
        yield points
    finally:
        event.remove(Engine, "begin", begin)
        event.remove(Engine, "commit", commit)
        DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]
        HTTPAdapter.send = send  # type: ignore[method-assign]
