"""What is known of the records that were judged to be one person so far: what the guards of `resolve` ask of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rapidfuzz.distance import OSA

from connector.rules.compare import Name
from connector.rules.romaji import romanised

Locals = Mapping[str, set[str]]
"""Local parts of the personal addresses at each organisation, by its domain."""


@dataclass(slots=True)
class Cluster:
    """What the guards ask of a set of records. A record alone needs none: it is made when two are joined."""

    members: list[int]
    names: set[Name]
    locals: dict[str, set[str]] = field(default_factory=dict)
    """Local parts of the personal addresses at each organisation."""
    apart: set[int] = field(default_factory=set)
    """Records that somebody said are different from a member."""

    def take_in(self, other: Cluster) -> None:
        """Another's records are this one's as well."""
        self.members += other.members
        self.names |= other.names
        self.apart |= other.apart
        for domain, local in other.locals.items():
            self.locals.setdefault(domain, set()).update(local)


def told_apart(one: Cluster, other: Cluster) -> bool:
    """Whether somebody said that two of their records are different people's."""
    return bool(one.apart) and not one.apart.isdisjoint(other.members)


def mistyped(one: str, other: str) -> bool:
    """The same local part, but for a typing error.

    A digit more, another initial in front or behind, or another way to romanise the name (`ohno`, `ono`) is how firms
    tell namesakes apart.
    """
    if one == other:
        return True
    if min(len(one), len(other)) < 5 or OSA.distance(one, other, score_cutoff=1) > 1:
        return False
    if (one[0], one[-1]) != (other[0], other[-1]) and sorted(one) != sorted(other):
        return False
    return _digits(one) == _digits(other) and romanised(_letters(one)) != romanised(_letters(other))


def _digits(local: str) -> list[str]:
    return [c for c in local if c.isdigit()]


def _letters(local: str) -> str:
    return "".join(c for c in local if c.isalpha())


def other_addresses(one: Locals, other: Locals, alike: Callable[[str, str], bool] = mistyped) -> bool:
    """Whether both have personal addresses at one organisation, and not one that was mistyped (`alike`)."""
    return any(
        not any(alike(x, y) for x in ours for y in other[domain]) for domain, ours in one.items() if domain in other
    )


def numbered(one: Cluster, other: Cluster) -> bool:
    """Whether one has an address such as `taro.yamada2@`, which tells of a namesake, and the other has none there."""
    return any(
        domain not in other.locals and all(_NUMBERED.fullmatch(local) for local in ours)
        for domain, ours in one.locals.items()
    )


_NUMBERED = re.compile("[a-z][a-z._-]*[2-9]")
