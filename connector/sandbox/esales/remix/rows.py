"""The four shapes that a row of an answer may have; which one the real product uses is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connector.sandbox.esales.remix import values
from connector.sandbox.esales.remix.settings import RemixSettings
from connector.sandbox.esales.sheets import Column, Row


def shaped(row: Row, columns: Sequence[Column], settings: RemixSettings) -> Any:
    """A row with these columns in the shape of the settings."""
    if settings.rows == "positional":
        ordered = columns if settings.positions == "asked" else sorted(columns, key=lambda each: int(each.key))
        return [values.printed(column, row.get(column.key), settings) for column in ordered]
    told = [each for each in columns if settings.empty == "null" or row.get(each.key) is not None]
    if settings.rows == "by_code":
        return {str(each.key): values.printed(each, row.get(each.key), settings) for each in told}
    items = [_item(each, row, settings) for each in told]
    return {"items": items} if settings.rows == "with_items" else items


def _item(column: Column, row: Row, settings: RemixSettings) -> dict[str, Any]:
    member = values.VALUE_KEY[column.type]
    if column.type == "select" and settings.select_as == "name":
        member = "text"
    return {settings.item_code: column.key, member: values.printed(column, row.get(column.key), settings)}
