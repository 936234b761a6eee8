"""A Search API made up after the style of the other calls: that there is one is public, nothing else about it.

`POST search/{sheet}` with `{"conditions":[{"key","operator","value"}],"offset":0,"limit":100}`, joined by AND, answers
`{"total","offset","records":[…]}` by id. It is there so that a client that is told a template can be tried.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from connector.sandbox.esales.esm import items
from connector.sandbox.esales.esm.refusals import busy
from connector.sandbox.esales.refusal import bad
from connector.sandbox.esales.sheets import Row, Sheet

MAX_ROWS = 100
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
    "contains": lambda held, wanted: str(wanted) in str(held),
}


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for, and which part of it is wanted."""

    tests: tuple[Callable[[Row], bool], ...]
    offset: int
    limit: int

    def fits(self, row: Row) -> bool:
        """Whether a record fulfils every condition."""
        return all(test(row) for test in self.tests)


def query(sheet: Sheet, body: Mapping[str, Any], zone: tzinfo) -> Query:
    """Read the body of a search, or refuse it."""
    if body.keys() - {"conditions", "offset", "limit"}:
        raise bad("不明なパラメータです。")
    conditions, offset, limit = body.get("conditions", []), body.get("offset", 0), body.get("limit", MAX_ROWS)
    if not isinstance(conditions, list) or type(offset) is not int or type(limit) is not int:
        raise busy()
    if offset < 0 or not 0 < limit <= MAX_ROWS:
        raise bad("offset または limit が不正です。")
    return Query(tuple(_test(sheet, each, zone) for each in conditions), offset, limit)


def _test(sheet: Sheet, given: Any, zone: tzinfo) -> Callable[[Row], bool]:
    if not isinstance(given, dict) or given.keys() != {"key", "operator", "value"}:
        raise busy()
    column, compare = sheet.columns.get(str(given["key"])), _OPERATORS.get(str(given["operator"]))
    if column is None or compare is None or column.many or column.type in items.OBJECTS:
        raise bad("検索条件が不正です。")
    wanted, key = items.parse(column, given["value"], zone), column.key
    if wanted is None:
        return lambda row: row.get(key) is None
    return lambda row: row.get(key) is not None and compare(row[key], wanted)
