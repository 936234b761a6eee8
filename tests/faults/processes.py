"""Real processes of the command line, against emulators that listen: started, killed, stopped, continued."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.faults import tally
from tests.faults.checks import after
from tests.faults.ends import Fault
from tests.faults.kit import Stage
from tests.faults.world import PORTS, World, served
from tests.postgres import store_line

ROOT = Path(__file__).parents[2]


@dataclass
class Driver:
    """The server of processes."""

    process: subprocess.Popen[str]

    def ask(self, **order: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def wait(self, pid: int) -> dict[str, Any]:
        """How a process ended: `code`, a negative one for a signal; or `stopped`."""
        return self.ask(wait=pid)


@contextmanager
def driving() -> Iterator[Driver]:
    """A server of processes, until the end of the block."""
    command = [sys.executable, "-m", "tests.faults.driver"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Driver(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)


@dataclass
class Live:
    """A world whose systems listen, and a folder with the configuration for it."""

    world: World
    folder: Path
    ports: dict[str, int]
    driver: Driver

    def start(self, *more: str, at: str = "", end: str = "kill", name: str = "out") -> int:
        """`connector run`; gives its pid."""
        config, out = str(self.folder / "config.yaml"), str(self.folder / name)
        order = {"config": config, "out": out, "now": self.world.made.clock().isoformat(), "ports": self.ports}
        return int(self.driver.ask(**order, warm=False, at=at, end=end, more=more)["pid"])

    def warm(self) -> int:
        """`connector run` in the server of processes itself; its exit code."""
        order = {"config": str(self.folder / "config.yaml"), "now": self.world.made.clock().isoformat()}
        return int(self.driver.ask(**order, ports=self.ports, warm=True, more=())["code"])

    def said(self, name: str = "out") -> str:
        return (self.folder / name).read_text(encoding="utf-8")


@contextmanager
def live(stage: Stage, when: str, folder: Path, driver: Driver) -> Iterator[Live]:
    """A world of one's own for real processes."""
    shutil.copytree(stage.setup.folder, folder, ignore=shutil.ignore_patterns("data"))
    world = stage.world(when, folder / "data")
    config = folder / "config.yaml"
    if not world.store.startswith("sqlite"):
        said = config.read_text(encoding="utf-8")
        config.write_text(re.sub(r"(?m)^store: \S+", store_line(world.store, folder), said), encoding="utf-8")
    with served(world.made) as urls:
        ports = {str(PORTS[name]): urlsplit(url).port or 0 for name, url in urls.items()}
        yield Live(world, folder, ports, driver)


def killed(alive: Live, at: str) -> list[Fault]:
    """A process that dies at a point, as the shell sees it."""
    code = alive.driver.wait(alive.start(at=at))["code"]
    return [] if code == -signal.SIGKILL else [Fault("wrong", f"ended with {code}: {alive.said()}")]


def killed_for_real(
    stage: Stage, points: Iterable[tuple[str, str]], driver: Driver, folder: Path
) -> dict[str, list[Fault]]:
    """At each of the points, by moment, a process is killed; what was wrong one healthy run later."""
    faults = {}
    for number, (when, at) in enumerate(points):
        with live(stage, when, folder / f"{number}", driver) as alive:
            faults[f"{when}: {at}"] = killed(alive, at) + after(stage, when, alive.world)
        tally.count("kills")
        tally.count("kills -9")
        tally.count("events", len(stage.ought[when]))
    return faults


def go_on(pid: int) -> None:
    """Let a stopped process continue."""
    os.kill(pid, signal.SIGCONT)
