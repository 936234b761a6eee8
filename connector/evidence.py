"""An answer that made no sense, kept for whoever supports the adapter: its shape without what it says of people."""

from __future__ import annotations

import json
import re
from typing import Any

MOST = 20_000
"""Characters of an answer that are kept."""

DEEPEST = 50
"""Levels of an answer that are kept."""

_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_.$-]{0,79}|[0-9]{1,6}")


def masked(answer: Any) -> str:
    """An answer, parsed JSON or text, with every value masked: digits become 9, Latin letters x, all others あ.

    Names of keys stay where they look like names or codes; lengths, nesting and punctuation stay.
    """
    if isinstance(answer, str | bytes):
        content = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            return _mask(content[:MOST])
    return json.dumps(_masked(answer), ensure_ascii=False, indent=1)[:MOST]


def _masked(value: Any, depth: int = 0) -> Any:
    if depth > DEEPEST:
        return "..."
    if isinstance(value, dict):
        shown = ((name if _KEY.fullmatch(name) else _mask(name), held) for name, held in value.items())
        return {name: _masked(held, depth + 1) for name, held in shown}
    if isinstance(value, list | tuple):
        return [_masked(each, depth + 1) for each in value]
    if value is None or isinstance(value, bool):
        return value
    return 9 if isinstance(value, int | float) else _mask(str(value))


def _mask(said: str) -> str:
    return "".join(_hidden(letter) for letter in said)


def _hidden(letter: str) -> str:
    if letter.isdigit():
        return "9"
    if letter.isascii():
        return "x" if letter.isalpha() else letter
    return "あ"
