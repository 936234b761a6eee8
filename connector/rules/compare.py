"""Comparing names of people: whether two may be one person's. Strict enough to tell colleagues on one address apart."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from connector.rules.cleanse import fold
from connector.rules.cleanse_names import JAPANESE, name_key


@dataclass(frozen=True, slots=True)
class Name:
    """A name for comparing: `key` as `name_key` gives it, and the part of it that is the family name, where known."""

    key: str
    family: str | None = None

    @classmethod
    def of(cls, family: str = "", given: str = "", full: str = "") -> Name | None:
        """The name out of its two parts, or the whole; None where neither says anything."""
        key = name_key(family, given, full)
        first = name_key(family or fold(full).partition(" ")[0])
        if key is None:
            return None
        if first is None or not JAPANESE.search(key) or not key.startswith(first):
            return cls(key)
        # The only word of a full name, or the one before 様, is no family name.
        return cls(key, first if family or first != key else None)

    @property
    def script(self) -> Literal["latin", "kana", "kanji"]:
        """Only names of one script can be compared."""
        if not JAPANESE.search(self.key):
            return "latin"
        return "kana" if re.fullmatch("[\u3040-\u30ff]+", self.key) else "kanji"

    def agrees(self, other: Name) -> bool:
        """Whether both may be one person's: the same family or the same given name. For names of one script."""
        if self.script == "latin":
            return any(len(word) > 1 for word in {*self.key.split()} & {*other.key.split()})
        (family, given), (their_family, their_given) = self._split(), other._split()
        return (
            self.key.startswith(their_family)
            or other.key.startswith(family)
            or (their_given != "" and self.key.endswith(their_given))
            or (given != "" and other.key.endswith(given))
        )

    def _split(self) -> tuple[str, str]:
        """Family and given name; where the record does not tell, most family names have two characters."""
        family = self.family or self.key[:2]
        return family, self.key.removeprefix(family)


def different(names: Iterable[Name]) -> int:
    """How many names differ, in the script that has most of them; linear but for sorting.

    What is the beginning of another name does not count beside it: 山田 and 山田太郎.
    """
    return max((_different(some) for some in _by_script(names)), default=0)


def _different(names: Iterable[Name]) -> int:
    ordered = sorted({name.key for name in names})
    return sum(not longer.startswith(name) for name, longer in pairwise([*ordered, ""]))


def agreeing(names: Iterable[Name]) -> list[set[Name]] | None:
    """The names in sets whose members agree, directly or through others; None where no two names contradict.

    Names of different scripts never are in one set, and never contradict.
    """
    scripts = [_sets(some) for some in _by_script(names)]
    return [some for sets in scripts for some in sets] if any(len(sets) > 1 for sets in scripts) else None


def _by_script(names: Iterable[Name]) -> Iterable[set[Name]]:
    scripts: dict[str, set[Name]] = defaultdict(set)
    for name in names:
        scripts[name.script].add(name)
    return scripts.values()


def _sets(names: Iterable[Name]) -> list[set[Name]]:
    sets: list[set[Name]] = []
    for name in names:
        near = [some for some in sets if any(name.agrees(other) for other in some)]
        sets = [some for some in sets if some not in near] + [{name}.union(*near)]
    return sets
