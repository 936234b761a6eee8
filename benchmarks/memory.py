"""The peak of memory of a full pass, with ten times the people."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measure import Line, Size, child


def lines(size: Size) -> Iterator[Line]:
    """The size that was asked for, and a tenth of it."""
    few, many = [child("engine:full_pass", url=child("generate:make", **_made(size, part))["url"]) for part in (10, 1)]
    yield Line(
        f"memory of a full pass, {size.people:,} people",
        f"{size.people // 10:,} people {few['peak']:,.0f} MB",
        f"{many['peak']:,.0f} MB",
        many["peak"] / few["peak"],
        "<= 1.2",
        many["peak"],
    )


def _made(size: Size, part: int) -> dict[str, str | int]:
    return {
        "people": size.people // part,
        "touchpoints": size.touchpoints // part,
        "seed": size.seed,
        "folder": size.folder,
    }
