"""The peak of memory of a full pass, with four times the people.

The page cache of the store (64 MB) fills up first: where the smaller store is no larger, the ratio tells of that alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.measure import Line, Size, child

PART = 4


def lines(size: Size) -> Iterator[Line]:
    """The size that was asked for, and a quarter of it."""
    few, many = [
        child("engine:full_pass", url=child("generate:make", **_made(size, part))["url"]) for part in (PART, 1)
    ]
    yield Line(
        f"memory of a full pass, {size.people:,} people",
        f"{size.people // PART:,} people {few['peak']:,.0f} MB",
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
