"""What `diff` shows: per record what the first and the second configuration would write, then in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from connector.changes import AnyChange
from connector.cli.say import Console
from connector.cli.views import change_data, describe
from connector.engine.comparing import Compared, Difference


def config_at(path: Path) -> Path:
    """The configuration that is meant by a folder, or a file."""
    return path / "config.yaml" if path.is_dir() else path


def show_compared(console: Console, found: Compared, limit: int) -> None:
    """Where two configurations differ."""
    if console.json:
        console.data(_data(found))
        return
    say = console.say
    for difference in found.differences[: limit or None]:
        for line in _lines(difference):
            console.out(line)
    if limit and len(found.differences) > limit:
        n = len(found.differences) - limit
        console.out(say("  … {n} more (--limit 0 shows all)", "  … ほか{n}件（--limit 0 で全件）", n=n))
    for (system, kind), (first, second) in sorted(_numbers(found).items()):
        console.out(f"{system}: {kind} A {first}, B {second}")
    console.out(
        say(
            "{n} {n:record differs|records differ}, {m} {m:change is|changes are} the same; nothing written",
            "相違 {n}件、同じ変更 {m}件（書き込みなし）",
            n=len(found.differences),
            m=found.alike,
        )
    )


def _lines(difference: Difference) -> Iterator[str]:
    for name, change in (("A", difference.first), ("B", difference.second)):
        if change is not None:
            for sign, place, what, why in describe(change):
                yield f"  {name} {sign} {place}  {what}" + (f"   [{why}]" if why else "")


def _numbers(found: Compared) -> dict[tuple[str, str], tuple[int, int]]:
    """How many of the changes that differ are whose, by system and kind."""
    first = Counter(_place(each.first) for each in found.differences if each.first is not None)
    second = Counter(_place(each.second) for each in found.differences if each.second is not None)
    return {place: (first[place], second[place]) for place in {*first, *second}}


def _place(change: AnyChange) -> tuple[str, str]:
    return change.system, type(change).__name__


def _data(found: Compared) -> dict[str, object]:
    return {
        "as_of": found.as_of,
        "differences": [
            {"a": change_data(d.first) if d.first else None, "b": change_data(d.second) if d.second else None}
            for d in found.differences
        ],
        "numbers": [
            {"system": system, "kind": kind, "a": a, "b": b}
            for (system, kind), (a, b) in sorted(_numbers(found).items())
        ],
        "alike": found.alike,
    }
