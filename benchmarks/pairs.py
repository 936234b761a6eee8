"""How well clusters that were found agree with those that are true: counted over their intersections, never by pair."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

Record = TypeVar("Record", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Quality:
    """Two records are a pair when they are in one cluster; a pair is right when it is one in truth too."""

    records: int
    gold_clusters: int
    found_clusters: int
    gold_pairs: int
    found_pairs: int
    right_pairs: int
    precision: float
    """How many of the found pairs are right; 1 when none was found."""
    recall: float
    """How many of the true pairs were found; 1 when there is none."""
    f1: float
    largest: int
    """Records in the largest found cluster."""
    over_merges: int
    """Found clusters with records of more than one gold cluster."""
    largest_over_merge: int
    """Records in the largest of those; 0 when there is none."""
    purity: float
    """How many records belong to the gold cluster that most of their found cluster belongs to."""
    bcubed_precision: float
    """What part of its found cluster is truly with a record, on average over the records."""
    bcubed_recall: float
    """What part of its gold cluster was found to be with a record, on average over the records."""
    bcubed: float
    """F of those two."""


def quality(gold: Mapping[Record, Hashable], found: Mapping[Record, Hashable]) -> Quality:
    """Both map a record to its cluster.

    The records are those of `gold`: others in `found` are not judged, and one that `found` does not know stands alone.
    """
    together = Counter((cluster, found.get(record, _Alone(record))) for record, cluster in gold.items())
    true: Counter[Hashable] = Counter()
    met: Counter[Hashable] = Counter()
    most: Counter[Hashable] = Counter()
    parts: Counter[Hashable] = Counter()
    for (of_gold, of_found), records in together.items():
        true[of_gold] += records
        met[of_found] += records
        most[of_found] = max(most[of_found], records)
        parts[of_found] += 1
    total = len(gold)
    mixed = [met[cluster] for cluster, golds in parts.items() if golds > 1]
    gold_pairs, found_pairs, right_pairs = (_pairs(counts.values()) for counts in (true, met, together))
    precision, recall = _ratio(right_pairs, found_pairs), _ratio(right_pairs, gold_pairs)
    b_precision = _ratio(math.fsum(part * part / met[of_found] for (_, of_found), part in together.items()), total)
    b_recall = _ratio(math.fsum(part * part / true[of_gold] for (of_gold, _), part in together.items()), total)
    return Quality(
        records=total,
        gold_clusters=len(true),
        found_clusters=len(met),
        gold_pairs=gold_pairs,
        found_pairs=found_pairs,
        right_pairs=right_pairs,
        precision=precision,
        recall=recall,
        f1=_f(precision, recall),
        largest=max(met.values(), default=0),
        over_merges=len(mixed),
        largest_over_merge=max(mixed, default=0),
        purity=_ratio(sum(most.values()), total),
        bcubed_precision=b_precision,
        bcubed_recall=b_recall,
        bcubed=_f(b_precision, b_recall),
    )


@dataclass(frozen=True, slots=True)
class _Alone:
    """The cluster of a record that was not found."""

    record: Hashable


def _pairs(sizes: Iterable[int]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 1.0


def _f(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
