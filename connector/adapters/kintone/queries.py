r"""Conditions of kintone's query language.

Source: "Query notation" of the kintone REST API: literals stand in double quotes, `\` and `"` in them behind a `\`.
A raw line break or tab in a literal is refused.
"""

from __future__ import annotations

from collections.abc import Iterable

_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def literal(value: str) -> str:
    """A text in a query."""
    return f'"{value.translate(_ESCAPES)}"'


def among(code: str, values: Iterable[str]) -> str:
    """That a field holds one of `values`."""
    return f"{code} in ({', '.join(map(literal, values))})"
