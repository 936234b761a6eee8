"""The rows of a search. No public page shows one, so exactly four shapes are taken, and any other stops the reading.

The shape is told by the first row and holds for all that follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from connector.adapters.esales.words import number

Row = Mapping[int, Any]
"""Values by column code, as they came."""

_CODE_NAMES = ("columnCode", "column_code")
_VALUE_NAMES = frozenset({"text", "num", "decimal", "date", "checkBox"})


class NoRow(Exception):
    """A row of a shape that is not known, or not the one of the rows before."""


class Shape(StrEnum):
    """What a row looks like."""

    POSITIONAL = "positional"
    """A list of values in the order of the columns that were asked for."""
    ITEMS = "items"
    """A list of `{columnCode, text | num | ...}`."""
    BY_CODE = "by_code"
    """An object with a member per code."""
    WITH_ITEMS = "with_items"
    """An object whose `items` is a list as in `ITEMS`."""


def shape_of(row: Any, codes: Sequence[int]) -> Shape:
    """The shape of a row.

    :raises NoRow: it is none of the four
    """
    if isinstance(row, list):
        if row and all(_is_item(each) for each in row):
            return Shape.ITEMS
        if len(row) == len(codes) and not any(isinstance(each, dict) for each in row):
            return Shape.POSITIONAL
    if isinstance(row, dict):
        if isinstance(row.get("items"), list) and all(_is_item(each) for each in row["items"]):
            return Shape.WITH_ITEMS
        if row and all(number(name) is not None for name in row):
            return Shape.BY_CODE
    raise NoRow


def unpacked(shape: Shape, row: Any, codes: Sequence[int]) -> Row:
    """The values of a row; columns without one are None.

    :raises NoRow: it is not of this shape, or tells columns that nobody asked for
    """
    if shape_of(row, codes) is not shape:
        raise NoRow
    if shape is Shape.POSITIONAL:
        return dict(zip(codes, row, strict=True))
    if shape is Shape.BY_CODE:
        told = [(number(name), value) for name, value in row.items()]
    else:
        told = [_item(each) for each in (row if shape is Shape.ITEMS else row["items"])]
    found = {code: value for code, value in told if code is not None}
    if len(found) != len(told) or not set(found) <= set(codes):
        raise NoRow
    return dict.fromkeys(codes) | found


def _is_item(value: Any) -> bool:
    return isinstance(value, dict) and sum(name in value for name in _CODE_NAMES) == 1


def _item(item: dict[str, Any]) -> tuple[int | None, Any]:
    code = next(number(item[name]) for name in _CODE_NAMES if name in item)
    known = item.keys() & _VALUE_NAMES
    values = [item[name] for name in known if item[name] is not None]
    # A value under a name that nobody knows must not pass for an empty column.
    if len(values) > 1 or (not known and len(item) > 1):
        raise NoRow
    return code, values[0] if values else None
