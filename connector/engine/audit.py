"""An audit of who is who: joined pairs for a person to check, and what the checked ones say of each rule."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from connector.engine.app import App
from connector.engine.identify import Near
from connector.engine.review import Side, side_of
from connector.rules.resolve import Edge
from connector.store import identities, people
from connector.store import tables as t

SPARE = 3
"""Identities looked at for each pair that is wanted: of rare rules there shall be some, too."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Two records that were joined, and by which rule."""

    a: Side
    b: Side
    edge: Edge


def sample(app: App, size: int, seed: int = 1) -> list[Joined]:
    """At most `size` joined pairs, all rules alike as far as there are enough; the same for the same store and seed."""
    dice = random.Random(seed)  # noqa: S311  a sample, no secret
    with app.reading() as conn:
        several = identities.with_several_records(conn)
        chosen = sorted(dice.sample(several, min(len(several), SPARE * size)))
        near = Near(conn, app.setup.identity)
        groups = near.groups([one.no for one in people.load_filed(conn, t.person.c.identity, chosen)])
        filed = {one.person.ref: one for one in near.filed.values()}
        edges = [edge for group in groups for edge in group.edges]
        taken = _evenly(edges, size, dice)
        records = {str(filed[group.records[0]].identity): group.records for group in groups}
        return [Joined(side_of(filed[e.a], records), side_of(filed[e.b], records), e) for e in taken]


def _evenly(edges: Iterable[Edge], size: int, dice: random.Random) -> list[Edge]:
    by_rule: dict[tuple[int, str], list[Edge]] = defaultdict(list)
    for edge in edges:
        by_rule[edge.strength, edge.rule].append(edge)
    for some in by_rule.values():
        dice.shuffle(some)
    taken: list[Edge] = []
    while len(taken) < size and any(by_rule.values()):
        for key in sorted(by_rule):  # the weakest first
            if by_rule[key] and len(taken) < size:
                taken.append(by_rule[key].pop())
    return taken


@dataclass(frozen=True, slots=True)
class Precision:
    """Of so many checked pairs so many were right; `at_least`: with 95 % confidence (Wilson's interval)."""

    checked: int
    right: int

    @property
    def share(self) -> float:
        """How many of them were right."""
        return self.right / self.checked if self.checked else 0.0

    @property
    def at_least(self) -> float:
        """The lower end of the interval."""
        n, z = self.checked, 1.96
        if not n:
            return 0.0
        middle = self.share + z * z / (2 * n)
        spread = z * sqrt(self.share * (1 - self.share) / n + z * z / (4 * n * n))
        return (middle - spread) / (1 + z * z / n)


def precision(judged: Sequence[tuple[str, bool]]) -> Mapping[str, Precision]:
    """What checked pairs, each with its rule, say of each rule."""
    checked = Counter(rule for rule, _ in judged)
    right = Counter(rule for rule, ok in judged if ok)
    return {rule: Precision(checked[rule], right[rule]) for rule in sorted(checked)}
