"""What all parts of `tests/faults` did, counted over processes and told at the end in one line.

`count("kills")` adds to a number, `note("fault kinds", "late")` adds to a set; both from any process of the session,
and from those it starts. The line fails the session when too little was done: a proof that ran idle is none.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

FOLDER = "CONNECTOR_TESTS_TALLY"
FLOORS: Mapping[str, int] = {
    "kills": 640,
    "points killed": 520,
    "fault kinds": 24,
    "faults": 50,
    "requests": 3600,
    "freezes": 14,
    "class C points": 16,
    "file points": 6,
    "controls": 21,
    "events": 17_000,
}
FLOORS_OF_PROVE: Mapping[str, int] = {
    **FLOORS,
    "kills": 3400,
    "points killed": 1000,
    "kills -9": 700,
    "double kills": 270,
    "file points": 400,
    "freezes": 200,
    "starts": 40,
    "faults": 2000,
    "requests": 120_000,
    "events": 120_000,
    "class C points": 40,
}


def count(name: str, number: int = 1) -> None:
    """Add to a number.

    They are: kills, kills -9, double kills, freezes, starts, clock jumps, faults, requests, events, lost, doubled,
    class C, controls, caught, machines.
    """
    _write({"count": name, "by": number})


def note(name: str, word: str) -> None:
    """Add a word to a set: points, points killed, class C points, file points, fault kinds, seeds."""
    _write({"note": name, "word": word})


def judge(kinds: Iterable[str]) -> None:
    """Count what was lost and doubled; what is wrong otherwise was lost."""
    for kind in kinds:
        count("doubled" if kind == "doubled" else "lost")


def _write(line: Mapping[str, object]) -> None:
    folder = os.environ.get(FOLDER)
    if folder is None:
        return
    # One line in one write to a file of this process alone: whoever is killed leaves whole lines.
    with (Path(folder) / f"{os.getpid()}.jsonl").open("ab", buffering=0) as file:
        file.write(json.dumps(line).encode() + b"\n")


@dataclass
class Sum:
    """Everything that was counted and noted."""

    counts: Counter[str] = field(default_factory=Counter)
    words: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def of(self, name: str) -> int:
        """A number, or the size of a set."""
        return len(self.words[name]) if name in self.words else self.counts[name]

    def line(self) -> str:
        """The one line."""
        seeds = sorted(self.words["seeds"], key=lambda seed: (len(seed), seed))
        return (
            f"kills {self.of('kills')} at {self.of('points killed')}/{self.of('points')} points "
            f"({self.of('kills -9')} with -9, {self.of('double kills')} while recovering), "
            f"{self.of('freezes')} freezes, {self.of('starts')} double starts, {self.of('clock jumps')} clock jumps, "
            f"{self.of('faults')} faults of {self.of('fault kinds')} kinds over {self.of('requests')} requests, "
            f"{self.of('events')} events; lost {self.of('lost')}; doubled A/B/D {self.of('doubled')}; "
            f"class C {self.of('class C')} (W7/W8 only) at {self.of('class C points')} points; "
            f"controls {self.of('caught')}/{self.of('controls')}; seeds {' '.join(seeds) or '-'}"
        )

    def faults(self, floors: Mapping[str, int]) -> list[str]:
        """What is wrong with it."""
        wrong = [
            f"{name}: {self.of(name)}, at least {least} wanted"
            for name, least in floors.items()
            if self.of(name) < least
        ]
        wrong += [f"{name}: {self.of(name)}" for name in ("lost", "doubled") if self.of(name)]
        if missed := sorted(self.words["points"] - self.words["points killed"]):
            wrong.append(f"points where nothing was killed: {', '.join(missed)}")
        if self.of("caught") != self.of("controls"):
            wrong.append("a broken variant was not noticed")
        return wrong


def read(folder: Path) -> Sum:
    """Sum up what all processes wrote."""
    found = Sum()
    for file in folder.glob("*.jsonl"):
        for line in file.read_text(encoding="utf-8").splitlines():
            said = json.loads(line)
            if "count" in said:
                found.counts[said["count"]] += said["by"]
            else:
                found.words[said["note"]].add(said["word"])
    return found


class Telling:
    """In the process that sees the whole session: the line at its end."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        self.config, self.folder = config, folder

    def _floors(self) -> Mapping[str, int]:
        """Nothing is asked of a session that was told to run only some of these tests."""
        whole = {arg.rstrip("/").removesuffix("/faults") for arg in self.config.args} == {"tests"}
        if not whole or self.config.option.keyword or self.config.option.markexpr:
            return {}
        return FLOORS_OF_PROVE if self.config.getoption("--prove") else FLOORS

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        found = read(self.folder)
        if session.exitstatus == pytest.ExitCode.OK and found.faults(self._floors()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        found = read(self.folder)
        if not found.counts and not found.words:
            return
        wrong = found.faults(self._floors())
        if failed := [each for each in terminalreporter.stats.get("failed", []) if "faults/" in each.nodeid]:
            wrong.append(f"tests that failed: {len(failed)}, whatever the line says")
        terminalreporter.section("proof", red=bool(wrong), green=not wrong)
        terminalreporter.write_line(found.line())
        for each in wrong:
            terminalreporter.write_line(f"not enough: {each}", red=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--prove", action="store_true", help="tests/faults: everything, not only what each submission runs"
    )
    parser.addoption(
        "--soak", type=float, default=0, help="tests/faults: for so many minutes everything dies now and then"
    )


def pytest_configure(config: pytest.Config) -> None:
    # Workers of xdist, and programs that tests start, inherit the folder.
    if not hasattr(config, "workerinput"):
        folder = tempfile.TemporaryDirectory(prefix="connector-tally-")
        config.add_cleanup(folder.cleanup)
        os.environ[FOLDER] = folder.name
        config.pluginmanager.register(Telling(config, Path(folder.name)), "faults-tally")
