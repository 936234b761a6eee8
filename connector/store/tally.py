"""Counts that grow over all runs, of what no other table can tell: how requests went, and how soon alerts came."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, bindparam, select, update

from connector.store import tables as t
from connector.store.marks import upsert

SUM = "sum"
"""Label of a histogram's sum; its other labels are upper bounds."""

_ADDING = (
    update(t.tally)
    .where(t.tally.c.name == bindparam("of"), t.tally.c.system == bindparam("at"), t.tally.c.label == bindparam("as"))
    .values(value=t.tally.c.value + bindparam("more"))
)


def add(conn: Connection, name: str, system: str, counts: Mapping[str, int]) -> None:
    """Add to the counts of one name and system, by label."""
    if counts:
        rows = [{"name": name, "system": system, "label": label, "value": 0} for label in sorted(counts)]
        upsert(conn, t.tally, rows, [])
        conn.execute(
            _ADDING, [{"of": name, "at": system, "as": label, "more": counts[label]} for label in sorted(counts)]
        )


def observe(conn: Connection, name: str, system: str, values: Iterable[int], bounds: Sequence[int]) -> None:
    """Add observations to the histogram of one name and system."""
    counts = Counter[str]()
    for value in values:
        counts.update(observed(value, bounds))  # not `+=`, which drops a sum of nothing
    add(conn, name, system, counts)


def counted(conn: Connection, name: str) -> dict[str, dict[str, int]]:
    """The counts of one name by label, for each system."""
    found: dict[str, dict[str, int]] = {}
    c = t.tally.c
    for row in conn.execute(select(c.system, c.label, c.value).where(c.name == name).order_by(c.system, c.label)):
        found.setdefault(row.system, {})[row.label] = row.value
    return found


def observed(value: int, bounds: Sequence[int]) -> Counter[str]:
    """One observation for a histogram: what to add to the lowest bucket that holds it, and to the sum."""
    place = bisect_left(bounds, value)
    return Counter({str(bounds[place]) if place < len(bounds) else str(math.inf): 1, SUM: value})
