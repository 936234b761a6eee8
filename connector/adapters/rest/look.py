"""What fields the first records of each list have, for a person who writes mappings: names and types, no values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from connector.adapters.rest.check import Lists
from connector.adapters.rest.places import Row
from connector.ports import FieldShown, ObjectShown

_DEEPEST = 4


def objects(lists: Lists) -> Iterator[ObjectShown]:
    """Every list with what its first part shows.

    :raises AdapterError: when one cannot be read
    """
    for name, _, scan, _ in lists.values():
        yield ObjectShown(name, fields=_fields(next(scan.parts(None)).rows))


def _fields(rows: Sequence[Row]) -> list[FieldShown]:
    found: dict[str, str] = {}
    for row in rows:
        for place, kind in _places(row, "", 1):
            found[place] = kind or found.get(place, "")
    return [FieldShown(place, type=kind, notes=["read only"] if "." in place else []) for place, kind in found.items()]


def _places(value: Any, place: str, depth: int) -> Iterator[tuple[str, str]]:
    """The places in a value with their types; a type is empty where nothing stands there."""
    if isinstance(value, dict) and depth <= _DEEPEST:
        for name, inner in value.items():
            yield from _places(inner, f"{place}.{name}" if place else name, depth + 1)
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        for each in value:
            yield from _places(each, place, depth + 1)
    elif place:
        yield place, _type(value)


def _type(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true or false"
    return "list" if isinstance(value, list) else "number" if isinstance(value, int | float) else "text"
