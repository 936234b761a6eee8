"""Values of columns, as we hold them and as they travel."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from connector.adapters.esales.remix.sheets import Column
from connector.adapters.esales.speech import same_name
from connector.adapters.esales.words import WrongValue, decimal, number
from connector.model import Value


def moment(raw: Any) -> datetime | None:
    """A time; one without an offset is UTC.

    :raises WrongValue: when it is none
    """
    found = day_or_moment(raw)
    if found is None or isinstance(found, datetime):
        return found
    return datetime(found.year, found.month, found.day, tzinfo=UTC)


def day_or_moment(raw: Any) -> date | datetime | None:
    """A day, or a time in UTC: a date column may hold either.

    :raises WrongValue: when it is neither
    """
    if raw in (None, "", []):
        return None
    try:
        said = str(raw).replace("/", "-").replace("Z", "+00:00")
        if len(said) == 10:
            return date.fromisoformat(said)
        found = datetime.fromisoformat(said)
    except ValueError:
        raise WrongValue("WRONG_TYPE") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def read(column: Column, raw: Any, choices: Mapping[int, str]) -> Value:
    """A value as it came: numbers also as text, a choice by its code or name, alone or in a list of one.

    :raises WrongValue: when it is none of the column's type
    """
    if column.type == "checkbox":
        return _ticked(raw, choices)
    if isinstance(raw, list) and len(raw) == 1:
        raw = raw[0]
    if raw in (None, "", []):
        return None
    if isinstance(raw, list | dict):
        raise WrongValue("WRONG_TYPE")
    match column.type:
        case "select":
            return _choice(raw, choices)
        case "num" | "decimal":
            return decimal(raw)
        case "date":
            return day_or_moment(raw)
        case "text":
            return str(raw)
        case _:
            return raw if isinstance(raw, bool | int | float | str) else str(raw)


def _choice(raw: Any, choices: Mapping[int, str]) -> str:
    """The name of a choice; one that is not listed stays what it is.

    Digits may be a code or, where choices are called 1, 2, 3, a name: where these differ, nobody can tell.
    """
    code = number(raw)
    if code is None:
        return str(raw)
    name = choices.get(code, str(code))
    if isinstance(raw, str) and raw != name and raw in choices.values():
        raise WrongValue("WRONG_TYPE")
    return name


def _ticked(raw: Any, choices: Mapping[int, str]) -> Value:
    if raw in (None, "", []):
        return None
    if not isinstance(raw, list) or len(raw) != len(choices) or not all(isinstance(each, bool) for each in raw):
        raise WrongValue("WRONG_TYPE")
    return ";".join(name for name, ticked in zip(choices.values(), raw, strict=True) if ticked) or None


def item(column: Column, value: Value, choices: Mapping[int, str], zone: tzinfo) -> dict[str, Any]:
    """A value as an item of a write.

    :raises WrongValue: when it cannot be sent; nothing is made to fit
    """
    member = {"select": "num", "checkbox": "checkBox"}.get(column.type, column.type)
    return {"column_code": column.code, member: _sent(column, value, choices, zone)}


def _sent(column: Column, value: Value, choices: Mapping[int, str], zone: tzinfo) -> Any:
    if value is None or value == "":
        return "" if column.type == "text" else None
    match column.type:
        case "text":
            return _text(value, zone)
        case "num":
            return _whole(value)
        case "decimal":
            return decimal(float(value) if isinstance(value, bool) else value)
        case "select":
            return choice_of(str(value), choices)
        case "date":
            return _day_or_time(value, zone)
        case "checkbox":
            return _boxes(value, choices)
        case _:
            raise WrongValue("WRONG_TYPE")


def _text(value: Value, zone: tzinfo) -> str:
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


def _whole(value: Value) -> int:
    if isinstance(value, bool):
        return int(value)
    found = number(value)
    if found is None:
        raise WrongValue("WRONG_TYPE")
    return found


def choice_of(name: str, choices: Mapping[int, str]) -> int:
    """The code of a choice, by its exact name or one that differs in width and blanks only.

    :raises WrongValue: when there is none, or no telling which
    """
    exact = [code for code, each in choices.items() if each == name]
    found = exact or [code for code, each in choices.items() if same_name(each, name)]
    if len(found) != 1:
        raise WrongValue("NOT_A_CHOICE")
    return found[0]


def _day_or_time(value: Value, zone: tzinfo) -> str:
    if not isinstance(value, date):
        try:
            found = day_or_moment(value)
        except WrongValue:
            found = None
        if found is None or isinstance(value, bool | int | float):
            raise WrongValue("WRONG_TYPE")
        value = found
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    return value.isoformat()


def _boxes(value: Value, choices: Mapping[int, str]) -> list[bool]:
    if isinstance(value, bool) and len(choices) == 1:
        return [value]
    wanted = {choice_of(each, choices) for each in str(value).split(";") if each.strip()}
    return [code in wanted for code in choices]
