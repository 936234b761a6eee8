"""The query of a GET: conditions, order, limit, offset, count.

Source: apidoc.shanon.co.jp, the parameters' table that every `.get` repeats.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.sandbox.shanon.refusal import bad_parameter
from connector.sandbox.shanon.streams import Column, Kind, Stream
from connector.sandbox.shanon.xml import Value, Values

MAX_LIMIT = 1000
_DEFAULT_LIMIT = 100
_CONDITION = re.compile(r"search_(key|operator|value)([0-9]+)")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+09:00")
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
    "like": operator.contains,
}
_KNOWN = {"order", "direction", "limit", "offset", "count", "search_condition_id"}

Test = Callable[[Values], bool]


@dataclass(frozen=True, slots=True)
class Search:
    """A query that was understood."""

    tests: Sequence[Test]
    order: Column | None
    descending: bool
    limit: int
    offset: int
    count: bool

    def select(self, rows: list[Values]) -> list[Values]:
        """The rows that match, in order; rows that sort equal stay in the order they came in."""
        for test in self.tests:
            rows = [row for row in rows if test(row)]
        if self.order is None:
            return rows
        of = self.order.of
        blank = [row for row in rows if of(row) is None]
        full = [row for row in rows if of(row) is not None]
        full.sort(key=of, reverse=self.descending)  # type: ignore[arg-type]  # one column's values are of one type
        return full + blank if self.descending else blank + full


def parse(stream: Stream, params: Mapping[str, str]) -> Search:
    """Understand a query.

    Raises:
        Refusal: a parameter, a key, an operator or a value isn't known, or more than 1,000 rows are asked for.
    """
    conditions: dict[str, dict[str, str]] = {}
    for name, value in params.items():
        if part := _CONDITION.fullmatch(name):
            conditions.setdefault(part[2], {})[part[1]] = value
        elif name not in _KNOWN or (name == "count" and not stream.counts):
            raise bad_parameter(f"不明なパラメータです: {name}")
    if "search_condition_id" in params:
        raise bad_parameter("検索条件が存在しません。")
    direction = params.get("direction", "asc")
    if direction not in ("asc", "desc"):
        raise bad_parameter("direction は asc または desc を指定してください。")
    limit = _number(params, "limit", _DEFAULT_LIMIT)
    if not 1 <= limit <= MAX_LIMIT:
        raise bad_parameter(f"limit は 1 から {MAX_LIMIT} の範囲で指定してください。")
    return Search(
        tests=[_test(stream, condition) for condition in conditions.values()],
        order=_order(stream, params.get("order")),
        descending=direction == "desc",
        limit=limit,
        offset=_number(params, "offset", 0),
        count=params.get("count") == "1",
    )


def _order(stream: Stream, key: str | None) -> Column | None:
    if key is None:
        return None
    column = stream.columns.get(key)
    if column is None or not column.sorts:
        raise bad_parameter(f"order に指定できない項目です: {key}")
    return column


def _number(params: Mapping[str, str], name: str, default: int) -> int:
    text = params.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise bad_parameter(f"{name} は数値で指定してください。")
    return int(text)


def _test(stream: Stream, condition: Mapping[str, str]) -> Test:
    if condition.keys() != {"key", "operator", "value"}:
        raise bad_parameter("search_key, search_operator, search_value を揃えて指定してください。")
    column = stream.columns.get(condition["key"])
    if column is None:
        raise bad_parameter(f"検索条件に指定できない項目です: {condition['key']}")
    compare = _OPERATORS.get(condition["operator"])
    if compare is None:
        raise bad_parameter(f"不明な演算子です: {condition['operator']}")
    of = column.of
    if not condition["value"]:
        if condition["operator"] not in ("eq", "ne"):
            raise bad_parameter("Nullとの比較は eq または ne を指定してください。")
        wanted = condition["operator"] == "eq"
        return lambda row: (of(row) is None) is wanted
    if condition["operator"] == "like" and column.kind not in (Kind.TEXT, Kind.EMAIL):
        raise bad_parameter(f"like を使用できない項目です: {column.key}")
    operand = _operand(column, condition["value"])
    return lambda row: (value := of(row)) is not None and compare(value, operand)


def _operand(column: Column, text: str) -> Value:
    match column.kind:
        case Kind.NUMBER:
            if not re.fullmatch(r"-?[0-9]{1,18}", text):
                raise bad_parameter(f"数値を指定してください: {column.key}")
            return int(text)
        case Kind.DATE:
            if not _MOMENT.fullmatch(text):
                raise bad_parameter(f"日時は YYYY-mm-ddTHH:MM:SS+09:00 で指定してください: {column.key}")
            try:
                return datetime.fromisoformat(text)
            except ValueError as error:
                raise bad_parameter(f"存在しない日時です: {column.key}") from error
        case Kind.EMAIL:
            return text.lower()
        case Kind.TEXT:
            return text
