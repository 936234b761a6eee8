"""All rows of a search whose paging nobody has described.

Not known: how many rows an answer holds, whether `fromIndex` counts from 0 or 1 or works at all, and the order of the
rows. So the number of distinct keys received is what `fromIndex` says (exact from 0, one row twice from 1), the end is
reached when that number is `hits`, and where an answer brings nothing new the range of keys is cut in two, by `>=` and
`<=`, which are documented. When `hits` changes on the way, a row may have slipped between two answers: the range is
read once more.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from connector.adapters.esales.remix.rows import Row


class Stuck(Exception):
    """The answers contradict each other: more hits than keys, or a table that will not hold still."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How many rows there are, and some of them by key."""

    hits: int
    rows: Mapping[int, Row]


class Ask(Protocol):
    """Asks for the rows with keys from `low` to `high` (None: no limit), from the `start`-th on."""

    def __call__(self, low: int | None, high: int | None, start: int) -> Answer:
        """Ask once."""


Range = tuple[int | None, int | None]


def scan(ask: Ask) -> Iterator[Mapping[int, Row]]:
    """Every row at least once, in portions, in no order.

    :raises Stuck: when that cannot be had
    """
    ranges: list[Range] = [(None, None)]
    while ranges:
        low, high = ranges.pop()
        ranges += yield from _range(ask, low, high)


def _range(ask: Ask, low: int | None, high: int | None) -> Generator[Mapping[int, Row], None, list[Range]]:
    """The rows of one range; returns the ranges into which it had to be cut."""
    seen: set[int] = set()
    for _ in range(2):
        seen = set()
        hits: int | None = None
        while True:
            answer = ask(low, high, len(seen))
            if hits is not None and answer.hits != hits:
                break
            hits = answer.hits
            new = {key: row for key, row in answer.rows.items() if key not in seen}
            if new:
                yield new
            seen |= new.keys()
            if len(seen) >= hits:
                return []
            if not new:
                return _halves(seen, low, high)
    return _halves(seen, low, high)


def _halves(seen: Collection[int], low: int | None, high: int | None) -> list[Range]:
    if not seen or (low is not None and low == high):
        raise Stuck
    middle = sorted(seen)[(len(seen) - 1) // 2]
    if high is not None and middle >= high:
        middle = high - 1
    return [(low, middle), (middle + 1, high)]
