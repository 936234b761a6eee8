"""From what a request carries to what an org keeps: text, numbers, booleans, and times as text.

JSON that does not fit a field's type fails the whole request (JSON_PARSER_ERROR); a Bulk cell fails only its row.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connector.sandbox.salesforce import ids, times
from connector.sandbox.salesforce.errors import Refusal, refuse
from connector.sandbox.salesforce.schema import Field


def from_json(field: Field, value: Any) -> Any:
    """The value to keep for one of JSON; raises what fails the whole request."""
    if value is None:
        return False if field.type == "boolean" else None
    if field.type == "boolean":
        if not isinstance(value, bool):
            raise _mismatch(field, value)
        return value
    if field.is_number:
        return _number(field, value)
    if not isinstance(value, str):
        raise _mismatch(field, value)
    return _from_text(field, value)


def _from_text(field: Field, value: str) -> Any:
    if field.type in ("date", "datetime"):
        parsed = times.parse_date(value) if field.type == "date" else times.parse_datetime(value)
        if parsed is None:
            raise _mismatch(field, value)
        return parsed
    if field.type == "reference":
        return record_id(field, value) if value else None
    # Text is trimmed and an empty one is null; trimming is remembered behaviour, not a documented one.
    return value.strip(" \t\r\n") or None


def _number(field: Field, value: Any) -> int | float:
    # Numbers in quotes are taken; tools that know only text rely on it.
    if isinstance(value, str):
        try:
            value = float(value) if value.strip() == value else math.nan
        except ValueError:
            raise _mismatch(field, value) from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _mismatch(field, value)
    if field.type == "int":
        if value != int(value):
            raise _mismatch(field, value)
        return int(value)
    return float(value)


def _mismatch(field: Field, value: Any) -> Refusal:
    token = {
        bool: f"VALUE_{str(value).upper()}",
        int: "VALUE_NUMBER_INT",
        float: "VALUE_NUMBER_FLOAT",
        str: "VALUE_STRING",
        list: "START_ARRAY",
        dict: "START_OBJECT",
    }[type(value)]
    shown = "" if isinstance(value, list | dict) else f" value {value}"
    return refuse(
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {field.type} from {token}{shown} "
        "or request may be missing a required field at [line:1, column:1]",
    )


def record_id(field: Field, value: str) -> str:
    """The canonical id in a reference field."""
    found = ids.canonical(value)
    if found is None:
        raise refuse("MALFORMED_ID", f"{field.shown_label}: id value of incorrect type: {value}", field.name)
    return found


_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def from_cell(field: Field, cell: str) -> Any:
    """The value to keep for a cell of a Bulk upload that is neither empty nor `#N/A`."""
    try:
        if field.type == "boolean":
            return _BOOLEANS[cell.lower()]
        if field.is_number:
            return _number(field, cell)
        return _from_text(field, cell)
    except (KeyError, Refusal) as error:
        if isinstance(error, Refusal) and error.code == "MALFORMED_ID":
            raise
        message = f"{field.shown_label}: value not of required type: {cell}"
        raise refuse("INVALID_TYPE_ON_FIELD_IN_RECORD", message, field.name) from None


def rounded(field: Field, value: float) -> float:
    """A number at the field's scale, half up. That the API rounds, too, is remembered, not verified."""
    step = Decimal(1).scaleb(-field.scale)
    return float(Decimal(repr(value)).quantize(step, ROUND_HALF_UP))
