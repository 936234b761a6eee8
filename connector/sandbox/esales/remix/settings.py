"""Everything about Remix that no public page tells: one switch each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True)
class ListShape:
    """Where an answer keeps a list, and under which names an entry has its code and its name.

    Attributes:
        path: the keys that lead to the list; none means that the answer is the list itself.
        code: the member with the number.
        name: the member with the text.
        kind: the member with the type; empty where there is none.
    """

    path: tuple[str, ...]
    code: str
    name: str
    kind: str = ""


def _columns() -> ListShape:
    return ListShape(("columns",), "columnCode", "columnName", "columnType")


def _checkitems() -> ListShape:
    return ListShape(("checkItems",), "checkItemCode", "checkItemName")


@dataclass(slots=True)
class RemixSettings:
    """How this Remix behaves where the real one is unknown; may be changed while it runs.

    Attributes:
        context: the first segment of every path, as in the login URL `https://HOST/CONTEXT/esales-pc`.
        rows: a row is a list of values, a list of items, an object by code, or an object with `items`.
        item_code: how an item of an answer names its code.
        positions: a positional row has the order that was asked for, or that of the codes.
        empty: a column without value is answered as null, or its item or member is missing.
        select_as: a choice is answered as its code or as its name.
        number_as: numbers are answered as JSON numbers or as strings.
        printed_offset: times are answered in UTC without an offset, or in Japan with `+09:00`.
        page_size: the most rows of one answer.
        hits: the number of all records that fit, or only of the rows in this answer.
        from_index: whether `fromIndex` has an effect.
        from_base: the number of the first row.
        order: rows come by key, by a fixed disorder, or in another disorder each time.
        success_code: the member `code` of an accepted write; None leaves it out.
        error_status: a refusal's HTTP status is its code, or always 200.
        error_body: a refusal is JSON, plain text or a page of HTML.
        columns: the answer of `entities/columns`.
        checkitems: the answer of `entities/checkitems`.
        extension: the name of the 拡張シート that is there from the start.
    """

    context: str = "sandbox"
    rows: Literal["positional", "items", "by_code", "with_items"] = "items"
    item_code: Literal["columnCode", "column_code"] = "columnCode"
    positions: Literal["asked", "code"] = "asked"
    empty: Literal["null", "missing"] = "null"
    select_as: Literal["code", "name"] = "code"
    number_as: Literal["number", "string"] = "number"
    printed_offset: Literal["", "+09:00"] = ""
    page_size: int = 100
    hits: Literal["all", "rows"] = "all"
    from_index: Literal["honoured", "ignored"] = "honoured"
    from_base: Literal[0, 1] = 0
    order: Literal["key", "scattered", "unstable"] = "key"
    success_code: int | None = None
    error_status: Literal["code", "200"] = "code"
    error_body: Literal["json", "text", "html"] = "json"
    columns: ListShape = field(default_factory=_columns)
    checkitems: ListShape = field(default_factory=_checkitems)
    extension: str = "extension_1"
