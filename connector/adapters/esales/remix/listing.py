"""Lists of codes and names in answers whose shape no public page shows.

`entities/columns` and `entities/checkitems` are known by name only. So a list of objects is looked for anywhere in the
answer, and its members are told apart by what they hold: the code is the number among whose values are codes that are
known (928 名刺コード, 318 顧客コード, 201 案件コード, ...). What does not fit is not guessed at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connector.adapters.esales.words import number

ANCHORS: Mapping[str, frozenset[int]] = {
    "person": frozenset({928, 902, 903, 904, 905, 909, 914, 934}),
    "customer": frozenset({318, 301, 302, 304, 339, 340}),
    "business": frozenset({201, 202, 216}),
}
"""Codes that public code uses, by entity."""

_TYPES: Mapping[str, str] = {
    **{word: word for word in ("text", "num", "select", "decimal", "date", "checkbox")},
    "string": "text",
    "number": "num",
    "integer": "num",
    "datetime": "date",
}
"""Words for types that a listing may use."""


class NoListing(Exception):
    """The answer holds no list that could be the one."""


@dataclass(frozen=True, slots=True)
class Members:
    """Under which names the entries of a listing have their code, their name, and their type (empty: nowhere)."""

    code: str
    name: str
    type: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One column or choice; `type` is empty where it is not told."""

    code: int
    name: str
    type: str = ""


def members_of(answer: Any, known: Collection[int]) -> Members:
    """How the entries of this answer are made, told by codes that must be among them.

    :raises NoListing: when nothing fits, or more than one thing does
    """
    found = {members for entries in _lists(answer) for members in _candidates(entries, known)}
    if len(found) != 1:
        raise NoListing
    return found.pop()


def entries_of(answer: Any, members: Members) -> list[Entry]:
    """The entries of an answer that is made like one seen before.

    :raises NoListing: when no list in it is
    """
    for entries in _lists(answer):
        if all(number(each.get(members.code)) is not None and _is_name(each.get(members.name)) for each in entries):
            return [
                Entry(
                    int(number(each[members.code]) or 0),
                    str(each[members.name]),
                    _TYPES.get(str(each.get(members.type, "")).lower(), ""),
                )
                for each in entries
            ]
    raise NoListing


def pairs_of(answer: Any) -> list[Entry]:
    """The entries of an answer with one number and one text each, as choices are.

    :raises NoListing: when there is no such list, or it is not clear which members are meant
    """
    for entries in _lists(answer):
        codes, names = _numbers(entries), _names(entries)
        if len(codes) == 1 and len(names) == 1:
            return entries_of({"": entries}, Members(codes[0], names[0]))
    if isinstance(answer, dict) and [] in answer.values():
        return []  # a column whose choices were all deleted
    raise NoListing


def _candidates(entries: list[dict[str, Any]], known: Collection[int]) -> Iterator[Members]:
    for code in _numbers(entries):
        values = [number(each[code]) for each in entries]
        if len(set(values)) == len(values) and len(set(values) & set(known)) > 1:
            texts = _names(entries)
            types = [name for name in texts if all(str(each[name]).lower() in _TYPES for each in entries)]
            names = [name for name in texts if name not in types]
            if len(names) == 1 and len(types) < 2:
                yield Members(code, names[0], types[0] if types else "")


def _numbers(entries: list[dict[str, Any]]) -> list[str]:
    return [name for name in entries[0] if all(number(each.get(name)) is not None for each in entries)]


def _names(entries: list[dict[str, Any]]) -> list[str]:
    numbers = set(_numbers(entries))
    return [name for name in entries[0] if name not in numbers and all(_is_name(each.get(name)) for each in entries)]


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _lists(answer: Any) -> Iterator[list[dict[str, Any]]]:
    """Every list of objects, the outermost first."""
    waiting = [answer]
    while waiting:
        here = waiting.pop(0)
        if isinstance(here, dict):
            waiting += here.values()
        elif isinstance(here, list):
            if here and all(isinstance(each, dict) for each in here):
                yield here
            waiting += here
