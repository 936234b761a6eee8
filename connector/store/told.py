"""What became of each record that was to be stored: told where it is decided, so that none goes missing in between."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from connector.model import Ref

Fate = Literal["new", "changed", "same"]


@dataclass(slots=True)
class Told:
    """The fate of records, by reference and as counts.

    `repeats`: records that stood a second time in what was to be stored, where the last one counts; `erased`: those
    of people who were erased, which are not taken in.
    """

    counts: Counter[Fate] = field(default_factory=Counter)
    fates: dict[Ref, Fate] = field(default_factory=dict)
    repeats: int = 0
    erased: int = 0

    def tell(self, ref: Ref, fate: Fate) -> None:
        """What became of one record."""
        self.counts[fate] += 1
        self.fates[ref] = fate

    def repeated(self, given: int, kept: int) -> None:
        """Of `given` records so many remained when each was taken once."""
        self.repeats += given - kept

    @property
    def used(self) -> int:
        """Records that were news."""
        return self.counts["new"] + self.counts["changed"]

    @property
    def unchanged(self) -> int:
        """Records that said what was known already."""
        return self.counts["same"] + self.repeats
