"""Aggregates: COUNT and its kin over all rows, or over groups of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from connector.sandbox.salesforce import soql
from connector.sandbox.salesforce.conditions import fold
from connector.sandbox.salesforce.errors import refuse
from connector.sandbox.salesforce.fields import Found, Scope
from connector.sandbox.salesforce.store import Row

MAX_GROUPS = 2000
_FUNCTIONS: dict[str, Callable[[list[Any]], Any]] = {
    "COUNT": len,
    "COUNT_DISTINCT": lambda values: len(set(values)),
    "SUM": lambda values: float(sum(values)) if values else None,
    "AVG": lambda values: sum(values) / len(values) if values else None,
    "MIN": lambda values: min(values, default=None),
    "MAX": lambda values: max(values, default=None),
}


def run(scope: Scope, query: soql.Query, rows: list[Row]) -> list[Row]:
    """One row per group, with the selected names as keys."""
    keys = [scope.find(path) for path in query.group]
    columns = list(_columns(scope, query, keys))
    groups: dict[tuple[Any, ...], list[Row]] = {} if keys else {(): rows}
    for row in rows if keys else ():
        groups.setdefault(tuple(fold(key.field)(key.get(row)) for key in keys), []).append(row)
    if len(groups) > MAX_GROUPS:
        message = "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch"
        raise refuse("EXCEEDED_ID_LIMIT", message)
    found = [{name: value(group) for name, value in columns} for group in groups.values()]
    for sort in reversed(query.order):
        found.sort(key=_sort_key(scope, query, columns, sort), reverse=sort.descending)
    return found[query.offset : None if query.limit is None else query.offset + query.limit]


def _columns(scope: Scope, query: soql.Query, keys: Sequence[Found]) -> list[tuple[str, Callable[[list[Row]], Any]]]:
    columns: list[tuple[str, Callable[[list[Row]], Any]]] = []
    unnamed = 0
    for item in query.select:
        if isinstance(item, soql.Query):
            raise scope.refuse(item.pos, "MALFORMED_QUERY", "aggregate queries have no subqueries")
        if isinstance(item, soql.Call):
            name = item.alias or f"expr{unnamed}"
            unnamed += item.alias is None
            columns.append((name, _function(scope, item)))
            continue
        found = scope.find(item)
        if found.names not in [key.names for key in keys]:
            raise scope.refuse(item.pos, "MALFORMED_QUERY", f"Field must be grouped or aggregated: {item.text}")
        columns.append((found.field.name, lambda group, found=found: found.get(group[0])))  # type: ignore[misc]
    return columns


def _function(scope: Scope, call: soql.Call) -> Callable[[list[Row]], Any]:
    if call.function not in _FUNCTIONS or (call.path is None and call.function != "COUNT"):
        raise scope.refuse(call.pos, "MALFORMED_QUERY", f"unexpected token: '{call.function}'")
    compute = _FUNCTIONS[call.function]
    if call.path is None:
        return compute
    found = scope.find(call.path)
    if call.function in ("SUM", "AVG") and not found.field.is_number:
        raise scope.refuse(call.pos, "INVALID_FIELD", f"field {call.path.text} does not support aggregate operator")
    return lambda group: compute([value for row in group if (value := found.get(row)) is not None])


def _sort_key(
    scope: Scope, query: soql.Query, columns: Sequence[tuple[str, Callable[[list[Row]], Any]]], sort: soql.Sort
) -> Callable[[Row], Any]:
    names = [name for name, _ in columns]
    if isinstance(sort.by, soql.Path):
        name = sort.by.text if sort.by.text in names else scope.find(sort.by).field.name
    else:
        same = [each for each, item in zip(names, query.select, strict=True) if _equal(item, sort.by)]
        name = same[0] if same else ""
    if name not in names:
        raise scope.refuse(sort.by.pos, "MALFORMED_QUERY", "Ordered field must be grouped or aggregated")
    nulls_last = sort.nulls_last is not sort.descending
    return lambda row: ((row[name] is None) is nulls_last, row[name]) if row[name] is not None else (nulls_last, 0)


def _equal(item: soql.Path | soql.Call | soql.Query, call: soql.Call) -> bool:
    return (
        isinstance(item, soql.Call)
        and item.function == call.function
        and (item.path and item.path.names) == (call.path and call.path.names)
    )


def render(row: Row, _: str) -> dict[str, Any]:
    """One group as an answer shows it."""
    return {"attributes": {"type": "AggregateResult"}, **row}
