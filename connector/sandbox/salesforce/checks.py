"""What a value must be like to be kept: length, form, range, picklist. Each check names the field it refuses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from connector.sandbox.salesforce.errors import Problem
from connector.sandbox.salesforce.schema import Field, SObject

_ATOM = r"[A-Za-z0-9!#$%&'*/=?^_+\-`{|}~]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
# No dot at either end or twice in a row, as the public help says of the local part.
_EMAIL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z]{{2,}}")
_MAX_INT = 2**31 - 1


def value_problem(field: Field, value: Any) -> Problem | None:
    """Why a value of the right type does not suit its field."""
    if value is None:
        return None
    if isinstance(value, str) and field.is_text:
        return _text_problem(field, value)
    if field.is_number:
        limit = 10 ** (field.precision - field.scale) if field.precision else _MAX_INT + 1
        if abs(value) >= limit:
            text = f"{field.shown_label}: value outside of valid range on numeric field: {value}"
            return Problem("NUMBER_OUTSIDE_VALID_RANGE", text, (field.name,))
    return None


def _text_problem(field: Field, value: str) -> Problem | None:
    if len(value) > field.length:
        text = f"{field.shown_label}: data value too large: {value[:255]} (max length={field.length})"
        return Problem("STRING_TOO_LONG", text, (field.name,))
    if field.type == "email" and _EMAIL.fullmatch(value) is None:
        text = f"{field.shown_label}: invalid email address: {value}"
        return Problem("INVALID_EMAIL_ADDRESS", text, (field.name,))
    if field.restricted:
        chosen = value.split(";") if field.type == "multipicklist" else [value]
        known = {each.lower() for each in field.picklist}
        for each in chosen:
            if each.lower() not in known:
                text = f"{field.shown_label}: bad value for restricted picklist field: {each}"
                return Problem("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", text, (field.name,))
    return None


def writable_problem(fields: Iterable[Field], *, creating: bool) -> Problem | None:
    """Whether one of the fields may not be set in this operation."""
    refused = tuple(each.name for each in fields if not (each.createable if creating else each.updateable))
    if not refused:
        return None
    text = (
        f"Unable to create/update fields: {', '.join(refused)}. Please check the security settings of this field "
        "and verify that it is read/write for your profile or permission set."
    )
    return Problem("INVALID_FIELD_FOR_INSERT_UPDATE", text, refused)


def required_problem(sobject: SObject, values: Mapping[str, Any], *, creating: bool) -> Problem | None:
    """Whether a required field is missing, or is being cleared."""
    missing = tuple(_missing(sobject, values, creating=creating))
    if not missing:
        return None
    return Problem("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)


def _missing(sobject: SObject, values: Mapping[str, Any], *, creating: bool) -> Iterator[str]:
    for field in sobject.fields.values():
        cleared = field.name in values and values[field.name] is None
        absent = creating and field.required and values.get(field.name) is None
        # A create with null for a field that has a default gets the default.
        if absent or (cleared and not field.nillable and not (creating and field.defaulted)):
            yield field.name
