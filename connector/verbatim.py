"""What a system says of an error, word for word. It may quote a record: it is for receipts, and for nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import requests

from connector.errors import MOST_SAID

_PLACES = ("message", "messages", "error", "error_description", "title", "detail", "errors")
"""Where bodies of errors hold their words; `title` and `detail` are those of RFC 9457."""

_DEEPEST = 6
_MOST_LINES = 100


def verbatim(answer: Any) -> str:
    """The words in an error's parsed JSON, wherever they usually stand; empty where there are none."""
    lines = dict.fromkeys(islice(_lines(answer, _DEEPEST), _MOST_LINES))
    return "\n".join(lines)[:MOST_SAID]


def words_of(response: requests.Response) -> str:
    """The words in an error's answer, JSON or plain text. A page in HTML mostly comes from something in between."""
    try:
        return verbatim(response.json())
    except (ValueError, RecursionError):
        kind = response.headers.get("Content-Type", "").lower()
        if not kind.startswith("text/plain"):
            return ""
        told = response.text if "charset" in kind else response.content.decode("utf-8", "replace")
        return told.strip()[:MOST_SAID]


def _lines(value: Any, deeper: int, *, named: bool = False) -> Iterator[str]:
    """`named`: the value stands where words of an error do. What stands elsewhere may be the record itself."""
    if isinstance(value, str):
        yield from filter(None, [value.strip()])
    elif isinstance(value, list) and deeper:
        for each in value:
            yield from _lines(each, deeper - 1, named=named)
    elif isinstance(value, dict) and deeper:
        places = [place for place in _PLACES if place in value]
        for place in places:
            # Names of fields, whatever they are called: `{"errors": {"title": [...], "email": [...]}}`.
            by_field = place == "errors" and isinstance(value[place], dict)
            yield from (_by_field if by_field else _named)(value[place], deeper - 1)
        if named and not places:
            yield from _by_field(value, deeper)


def _named(value: Any, deeper: int) -> Iterator[str]:
    return _lines(value, deeper, named=True)


def _by_field(value: Mapping[str, Any], deeper: int) -> Iterator[str]:
    for name, each in value.items():
        yield from (f"{name}: {line}" for line in _named(each, deeper - 1))
