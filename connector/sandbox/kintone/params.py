"""The parameters of a request, from its query string or its body, and what is wrong with them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from connector.sandbox.kintone.errors import MISSING, NOT_IN_ENUM, TOO_SMALL, Problems, Say, bad_json, illegal, invalid

_ENTRY = re.compile(r"([^\[\]]+)\[(\d{1,3})\]")
LAST_ENTRY = 99
"""The highest number of an entry of a list in a query string."""
_NO_ID: Say = ("数値でなければなりません。", "must be a number")


def from_query(query: str) -> dict[str, Any]:
    """What a query string says; `ids[0]=1&ids[1]=2` is a list."""
    found: dict[str, Any] = {}
    lists: dict[str, dict[int, str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        entry = _ENTRY.fullmatch(name)
        if entry is None:
            found[name] = value
        elif int(entry[2]) > LAST_ENTRY:
            raise illegal()
        else:
            lists.setdefault(entry[1], {})[int(entry[2])] = value
    return found | {name: [entries[place] for place in sorted(entries)] for name, entries in lists.items()}


def from_body(body: bytes) -> dict[str, Any]:
    """What a JSON body says.

    Raises:
        Refusal: it is no JSON object.
    """
    try:
        found = json.loads(body)
        if b"\\ud" in body.lower():
            # Half of a character cannot be told to anybody.
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise bad_json() from None
    if not isinstance(found, dict):
        raise bad_json()
    return found


def whole(value: Any) -> int | None:
    """A whole number, written as a number or as text; None when it is none."""
    if isinstance(value, bool):
        return None
    text = str(value) if isinstance(value, int | str) else ""
    return int(text) if re.fullmatch(r"-?\d{1,18}", text, re.ASCII) else None


class Params:
    """Takes parameters apart; what is wrong is collected under `prefix` until `done` tells of all of it."""

    def __init__(self, given: Mapping[str, Any], prefix: str = "", problems: Problems | None = None) -> None:
        self.given = given
        self.prefix = prefix
        self.problems: Problems = {} if problems is None else problems

    def inner(self, given: Any, prefix: str) -> Params:
        """The parameters in a part of these, with a common list of what is wrong."""
        if not isinstance(given, Mapping):
            raise bad_json()
        return Params(given, self.prefix + prefix, self.problems)

    def complain(self, name: str, say: Say) -> None:
        """Note what is wrong with a parameter."""
        self.problems.setdefault(self.prefix + name, []).append(say)

    def done(self) -> None:
        """Refuse the request if anything was wrong."""
        if self.problems:
            raise invalid(self.problems)

    def get(self, name: str) -> Any:
        """A parameter as it is; one that is null counts as not given."""
        return self.given.get(name)

    def number(self, name: str, *, required: bool = True, least: int = 1) -> int | None:
        """An id or another whole number."""
        value = self.given.get(name)
        if value in (None, ""):
            if required:
                self.complain(name, MISSING)
            return None
        found = whole(value)
        if found is None:
            self.complain(name, _NO_ID)
        elif found < least:
            self.complain(name, TOO_SMALL)
            return None
        return found

    def within(self, name: str, default: int, least: int, most: int) -> int:
        """A number between two others."""
        found = self.number(name, required=False, least=least)
        if found is not None and found > most:
            self.complain(name, (f"最大でも{most}以下です。", f"must be less than or equal to {most}"))
        return default if found is None else found

    def revision(self) -> int | None:
        """The revision that is expected, or -1 for any."""
        return self.number("revision", required=False, least=-1)

    def flag(self, name: str) -> bool:
        """A truth value, written as such or as text."""
        value = self.given.get(name)
        if value in (None, False, "false", ""):
            return False
        if value in (True, "true"):
            return True
        self.complain(name, NOT_IN_ENUM)
        return False

    def one_of(self, name: str, known: tuple[str, ...]) -> str:
        """One of these words; the first one when nothing is given."""
        value = self.given.get(name)
        if value is None:
            return known[0]
        if value not in known:
            self.complain(name, NOT_IN_ENUM)
            return known[0]
        return str(value)

    def text(self, name: str, *, required: bool = False) -> str:
        """A text."""
        value = self.given.get(name)
        if value is None:
            if required:
                self.complain(name, MISSING)
            return ""
        if not isinstance(value, str):
            raise bad_json()
        return value

    def many(self, name: str, *, required: bool = False) -> list[Any]:
        """A list."""
        value = self.given.get(name)
        if value is None:
            if required:
                self.complain(name, MISSING)
            return []
        if not isinstance(value, list):
            raise bad_json()
        return value
