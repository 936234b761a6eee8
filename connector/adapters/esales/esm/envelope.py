"""Finding a record, an id or ids in an answer whose shape is on no public page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from connector.adapters.esales.words import number


def record_in(answer: Any, prefix: str) -> Mapping[str, Any] | None:
    """The first object, from the outside in, that has keys of this sheet; None: there is none."""
    for each in _objects(answer):
        if any(name.startswith(f"{prefix}.") for name in each):
            return each
    return None


def new_id_in(answer: Any, location: str, prefix: str) -> str | None:
    """The id of what was registered; None: it is not told.

    It may stand under `id` or the sheet's own key, at the top or one level down, or end the address in `location`.
    """
    places = [answer] if isinstance(answer, dict) else []
    places += [each for place in places for each in place.values() if isinstance(each, dict)]
    for place in places:
        for name in ("id", f"{prefix}.id"):
            found = number(place.get(name))
            if found is not None and found > 0:
                return str(found)
    last = location.rstrip("/").rpartition("/")[2]
    return last if last.isascii() and last.isdigit() else None


def at(answer: Any, path: str) -> list[Any]:
    """What stands at a path of names with dots between, `*` standing for every member of a list.

    Names may hold dots themselves, as item keys do: the longest one that is there counts.
    """
    return list(_at(answer, path.split(".") if path else []))


def _at(value: Any, parts: list[str]) -> Iterator[Any]:
    if not parts:
        yield value
    elif parts[0] == "*" and isinstance(value, list):
        for each in value:
            yield from _at(each, parts[1:])
    elif isinstance(value, dict):
        for length in range(len(parts), 0, -1):
            name = ".".join(parts[:length])
            if name in value:
                yield from _at(value[name], parts[length:])
                return


def _objects(answer: Any) -> Iterator[Mapping[str, Any]]:
    waiting = [answer]
    while waiting:
        here = waiting.pop(0)
        if isinstance(here, dict):
            yield here
            waiting += here.values()
        elif isinstance(here, list):
            waiting += here
