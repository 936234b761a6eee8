"""Measurements, each in a process of its own so that its peak of memory is its own, and the table they end in.

This module stays small on purpose: a process begins with the size of the one that started it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Size:
    """How much is made up, from which seed, in which folder."""

    people: int
    touchpoints: int
    seed: int
    folder: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: `ratio` is ours by the reference in the sense that `target` speaks of."""

    what: str
    reference: str
    ours: str
    ratio: float | None = None
    target: str = ""
    peak: float | None = None


Benchmark = Callable[[Size], Iterator[Line]]


class Failed(Exception):
    """A measurement ended without a result."""


def child(function: str, **arguments: Any) -> dict[str, Any]:
    """The result of `benchmarks.<module>:<function>` called in a new process, with its peak memory as `peak` (MB).

    :raises Failed: when it raises, with the last that it said
    """
    command = [sys.executable, "-m", "benchmarks.child", function, json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{function}: {(done.stderr.strip() or 'ended').splitlines()[-1]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def seconds(value: float) -> str:
    return f"{value:.3g} s"


def rate(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}/s"


_HEAD = ("what", "reference", "ours", "ratio", "target", "peak MB")


def table(lines: list[Line]) -> str:
    """The lines as text in columns."""
    rows = [_HEAD, *(_cells(line) for line in lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i in (0, 4) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _cells(line: Line) -> tuple[str, ...]:
    ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
    peak = "" if line.peak is None else f"{line.peak:,.0f}"
    return (line.what, line.reference, line.ours, ratio, line.target, peak)
