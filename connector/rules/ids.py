"""Ids that stay: which identity each group of records is, from one run to the next."""

from __future__ import annotations

from base64 import b32encode
from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

from connector.model import Ref
from connector.rules.resolve import Group, order


def new_id(group: Group) -> str:
    """An id for a new identity, out of its canonical first record: a lost store finds the same ids again."""
    return digest("p", str(group.records[0]))


def digest(letter: str, content: str) -> str:
    """A short id that begins with `letter`, out of any text."""
    # surrogatepass: ids come from other systems, and a digest must never be what fails.
    hashed = sha256(content.encode("utf-8", "surrogatepass")).digest()
    return letter + b32encode(hashed[:10]).decode().lower()


def keep_ids(
    groups: Sequence[Group],
    before: Mapping[Ref, str],
    named: Mapping[Ref, str],
    new: Callable[[Group], str] = new_id,
    taken: Container[str] = frozenset(),
    gone: Container[Ref] = frozenset(),
) -> Mapping[Ref, str]:
    """The identity of every record of `groups`, changed as little as possible.

    `before`: the identities that records had; `named`: the ids found in the field of ours in an SFA; `taken`: ids
    that others have or had, so that none is given out twice; `gone`: records that were deleted.

    A group keeps the id that most of its records had, the canonical first record deciding between equals; an id goes
    to one group only. Records that are gone take no id away from those that are still there: what was done for somebody
    stays with the living. A group without one takes the id that its first record names, if no other group names it and
    it is free; else a new one.
    """
    ordered = sorted(groups, key=lambda group: order(group.records[0]))
    ids = _kept(ordered, before, gone)
    used = {*before.values()}
    namings = Counter(name for group in ordered for name in _named_by(group, named))

    def give(proposed: Callable[[Group], Iterable[str]]) -> None:
        for place, group in enumerate(ordered):
            if place in ids:
                continue
            free = (name for name in proposed(group) if name not in used and name not in taken)
            if name := next(free, None):
                ids[place] = name
                used.add(name)

    # All named ids before any new one: a new one might be what another group names.
    give(lambda group: (name for name in _named_by(group, named) if namings[name] == 1))
    give(lambda group: _rehashed(new(group)))
    return {ref: ids[place] for place, group in enumerate(ordered) for ref in group.records}


def _kept(groups: Sequence[Group], before: Mapping[Ref, str], gone: Container[Ref]) -> dict[int, str]:
    """Which group (by its place) keeps which id."""
    shares: dict[tuple[int, str], list[Ref]] = defaultdict(list)
    for place, group in enumerate(groups):
        for ref in group.records:
            if ref in before:
                shares[place, before[ref]].append(ref)
    ids: dict[int, str] = {}
    assigned: set[str] = set()
    alive = {name for ref, name in before.items() if ref not in gone}
    for place, name in sorted(shares, key=lambda share: (-len(shares[share]), order(shares[share][0]))):
        left_behind = name in alive and all(ref in gone for ref in shares[place, name])
        if place not in ids and name not in assigned and not left_behind:
            ids[place] = name
            assigned.add(name)
    return ids


def _named_by(group: Group, named: Mapping[Ref, str]) -> Iterable[str]:
    return dict.fromkeys(named[ref] for ref in group.records if ref in named)


def _rehashed(name: str) -> Iterator[str]:
    """`name`, and others for when it is taken: a group that split off may begin with the record that gave the id."""
    while True:
        yield name
        name = digest("p", name)
