"""A run cut at every point at once: what a kill there would leave behind, taken while the run goes on undisturbed.

What is left of a killed process is what it committed to its store, and what the systems did. Both are copied at each
point, while nothing lasting happens elsewhere. Nothing that the dying process would do to tidy up can help it.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import shutil
import sqlite3
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from tests.faults.points import Points, instrumented
from tests.faults.story import Emulated
from tests.faults.world import Files, Moment, World, direct

NOTHING_HANGS_ON = frozenset({"lease", "ledger", "calls", "tally", "trail"})
"""Tables that decide nothing here: the lease is over by then, the others only count and tell."""


@dataclass
class Cut:
    """A state that a kill would leave, and the points where it would."""

    left: Moment
    points: list[str] = field(default_factory=list)


@dataclass
class Recorder(Points):
    """Notes at each point what a kill would leave there."""

    world: World = field(kw_only=True)
    folder: Path = field(kw_only=True)
    cuts: dict[tuple[str, int], Cut] = field(default_factory=dict)
    wrote: int = 0
    """How often a system may have changed."""
    _copy: tuple[int, Emulated] | None = None
    _content: tuple[int, str] = (-1, "")

    def __post_init__(self) -> None:
        self.still = self._quiet = threading.RLock()
        store = Path(str(make_url(self.world.store).database))
        self._watch = sqlite3.connect(store, check_same_thread=False, isolation_level=None)

    def close(self) -> None:
        self._watch.close()

    def committed(self, store: Path) -> str:
        """As `content`, which is looked at again only when somebody has committed something."""
        (version,) = self._watch.execute("PRAGMA data_version").fetchone()
        if version != self._content[0]:
            self._content = (version, content(store))
        return self._content[1]

    def heard(self, method: str) -> None:
        if method != "GET":
            self.wrote += 1

    def reach(self, moment: str, through: object) -> None:
        super().reach(moment, through)
        with self._quiet:
            self._cut(self.last.name)

    def _cut(self, point: str) -> None:
        store = Path(str(make_url(self.world.store).database))
        key = (self.committed(store), self.wrote)
        cut = self.cuts.get(key)
        if cut is None:
            kept = self.folder / f"cut{len(self.cuts)}" / store.name
            kept.parent.mkdir(parents=True)
            for file in store.parent.glob(f"{store.name}*"):  # with its journal, as a kill leaves it
                shutil.copy(file, kept.parent)
            if self._copy is None or self._copy[0] != self.wrote:
                self._copy = (self.wrote, copy.deepcopy(self.world.made))
            cut = self.cuts[key] = Cut(Moment(self._copy[1], f"sqlite:///{kept}", Files()))
        cut.points.append(point)


def content(store: Path, besides: Collection[str] = NOTHING_HANGS_ON) -> str:
    """A digest of what is committed in a store, besides some of its tables."""
    digest = hashlib.sha256()
    connection = sqlite3.connect(store)
    try:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in sorted(set(names) - set(besides)):
            rows: list[Any] = connection.execute(f'SELECT * FROM "{name}"').fetchall()
            digest.update(repr((name, sorted(map(repr, rows)))).encode())
    finally:
        connection.close()
    return digest.hexdigest()


def cut_everywhere(
    world: World, folder: Path, act: Callable[[World], object] = World.run
) -> tuple[Sequence[Cut], Sequence[str]]:
    """One undisturbed run, the states that kills would leave, and the points in the order in which they came.

    `act`: what is done instead of a run.
    """
    recorder = Recorder(world=world, folder=folder)
    with contextlib.closing(recorder), direct(world.made), instrumented(recorder):
        act(world)
    return list(recorder.cuts.values()), recorder.seen
