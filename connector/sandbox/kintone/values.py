"""What may be written into a field, and what is kept of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from connector.sandbox.kintone import times
from connector.sandbox.kintone.errors import NOT_A_NUMBER, Refusal, Say, bad_json
from connector.sandbox.kintone.fields import CHOICES, PEOPLE, SEVERAL, TEXTS, Field

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
DIGITS, PLACES = 16, 4
"""The precision of numbers in an app that was not told otherwise: all digits, and those after the point."""
UNIQUE_LENGTH = 64
"""The longest text that a field without duplicates takes."""

_BAD_DATE: Say = ("日付の形式が正しくありません。", "The date is invalid.")
_BAD_TIME: Say = ("時刻の形式が正しくありません。", "The time is invalid.")
_BAD_MOMENT: Say = ("日時の形式が正しくありません。", "The date and time are invalid.")


@dataclass(frozen=True, slots=True)
class Groups:
    """Who and what can be chosen, by code, with the name."""

    users: Mapping[str, str]
    organizations: Mapping[str, str]
    groups: Mapping[str, str]

    def of(self, kind: str) -> Mapping[str, str]:
        """Those that a field, or a mention, of this type takes."""
        if kind.startswith("USER"):
            return self.users
        return self.organizations if kind.startswith("ORGANIZATION") else self.groups


class Invalid(Exception):
    """A value that its field does not take; `path` follows the field's code, or stands in brackets around it."""

    def __init__(self, path: str, say: Say) -> None:
        super().__init__(f"{path}: {say[1]}")
        self.path = path
        self.say = say


def empty(field: Field) -> Any:
    """What an empty field reads as."""
    if field.type in SEVERAL | PEOPLE | {"SUBTABLE"}:
        return []
    return None if field.type in ("DROP_DOWN", "DATE", "TIME") else ""


def is_empty(value: Any) -> bool:
    """Whether nothing is in a field."""
    return value is None or value in ("", [])


def number(value: Any) -> str | None:
    """A number as it is kept, "" for none; None when it is no number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        return None
    text = "" if value is None else str(value).strip()
    if not text:
        return ""
    return f"{Decimal(text):f}" if _NUMBER.fullmatch(text) else None


def parse(field: Field, value: Any, groups: Groups) -> Any:
    """What is kept of a value that is written into a field outside of a table.

    Raises:
        Invalid: the field does not take it.
        Refusal: nothing of the request can be taken.
    """
    if field.type in CHOICES:
        return _choice(field, value)
    if field.type in PEOPLE:
        return _people(field, value, groups)
    if field.type == "NUMBER":
        return _number(field, value)
    if field.type in TEXTS:
        return _text(field, value)
    if field.type == "FILE":
        return _files(value)
    return _moment(field, value)


def _text(field: Field, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise bad_json()
    longest, shortest = field.limit("maxLength"), field.limit("minLength")
    if field.unique:
        longest = str(min(int(longest or UNIQUE_LENGTH), UNIQUE_LENGTH))
    if longest and len(value) > int(longest):
        more = int(longest) + 1
        raise Invalid("value", (f"{more}文字より短くなければなりません。", f"Enter less than {more} characters."))
    if value and shortest and len(value) < int(shortest):
        less = int(shortest) - 1
        raise Invalid("value", (f"{less}文字より長くなければなりません。", f"Enter more than {less} characters."))
    return value


def _number(field: Field, value: Any) -> str:
    if isinstance(value, list | dict):
        raise bad_json()
    found = number(value)
    if found is None:
        raise Invalid("[]", NOT_A_NUMBER)
    found = _rounded(found)
    most, least = field.limit("maxValue"), field.limit("minValue")
    if found and most and Decimal(found) > Decimal(most):
        raise Invalid("value", (f"{most}以下である必要があります。", f"The value must be {most} or less."))
    if found and least and Decimal(found) < Decimal(least):
        raise Invalid("value", (f"{least}以上である必要があります。", f"The value must be {least} or more."))
    return found


def _rounded(number: str) -> str:
    """A number with the precision of the app; one without more places stays as it was written."""
    if not number:
        return number
    exact = Decimal(number)
    if len(f"{abs(exact):f}".partition(".")[0]) > DIGITS - PLACES:
        more = f"{DIGITS - PLACES}"
        raise Invalid(
            "value", (f"整数部は{more}桁以内で入力してください。", f"Enter {more} digits or less before the point.")
        )
    exponent = exact.as_tuple().exponent
    if isinstance(exponent, int) and -exponent > PLACES:
        exact = exact.quantize(Decimal(1).scaleb(-PLACES), ROUND_HALF_EVEN)
    return f"{exact:f}"


def _moment(field: Field, value: Any) -> str | None:
    if value in (None, ""):
        return "" if field.type == "DATETIME" else None
    if not isinstance(value, str):
        raise bad_json()
    if field.type == "DATETIME":
        found, say = times.parse_datetime(value), _BAD_MOMENT
    elif field.type == "DATE":
        found, say = times.parse_date(value), _BAD_DATE
    else:
        found, say = times.parse_time(value), _BAD_TIME
    if found is None:
        raise Invalid("value", say)
    return found


def _choice(field: Field, value: Any) -> Any:
    if field.type in SEVERAL:
        chosen = [] if value is None else value
        if not isinstance(chosen, list) or not all(isinstance(each, str) for each in chosen):
            raise bad_json()
        for place, each in enumerate(chosen):
            if each not in field.options:
                raise Invalid(f"values[{place}].value", _no_option(each))
        return [option for option in field.options if option in chosen]
    if field.type == "DROP_DOWN" and value in (None, ""):
        return None
    if not isinstance(value, str):
        raise bad_json()
    if value not in field.options:
        raise Invalid("value", _no_option(value))
    return value


def _no_option(value: str) -> Say:
    return f'"{value}"は選択肢にありません。', f'The value, "{value}", is not in options.'


def codes(value: Any) -> list[str]:
    """The codes in a list of people or groups."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise bad_json()
    found = []
    for each in value:
        if not isinstance(each, Mapping) or not isinstance(each.get("code"), str):
            raise bad_json()
        found.append(each["code"])
    return list(dict.fromkeys(found))


def _people(field: Field, value: Any, groups: Groups) -> list[str]:
    found = codes(value)
    known = groups.of(field.type)
    for code in found:
        if code not in known:
            raise unknown_code(field.type, code)
    return found


def unknown_code(kind: str, code: str) -> Refusal:
    """Nobody, and no group, has this code."""
    if kind.startswith("ORGANIZATION"):
        ja = f"指定した組織（code：{code}）が見つかりません。"
        return Refusal(400, "GAIA_IL28", (ja, f"The specified organization (code：{code}) not found."))
    ja = f"指定したユーザー（code：{code}）が見つかりません。"
    return Refusal(400, "GAIA_IL26", (ja, f"The specified user (code：{code}) not found."))


def _files(value: Any) -> list[Any]:
    if value in (None, []):
        return []
    raise Refusal(404, "GAIA_BL01", ("指定したファイルが見つかりません。", "The specified file is not found."))
