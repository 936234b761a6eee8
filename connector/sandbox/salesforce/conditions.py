"""From the WHERE of a query to a test of a row; a value of the wrong type is refused as Salesforce does."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from connector.sandbox.salesforce import ids, relative, soql, times
from connector.sandbox.salesforce.fields import Found, Scope
from connector.sandbox.salesforce.schema import Field
from connector.sandbox.salesforce.store import Row

Test = Callable[[Row], bool]
_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_EXPECTED = {"date": "date", "datetime": "datetime", "boolean": "boolean"}
_SHOWN = {"datetime": "dateTime", "reference": "ID", "id": "ID"}


@dataclass(frozen=True, slots=True)
class Conditions:
    """Compiles conditions within the scope of one query."""

    scope: Scope
    now: datetime
    timezone: ZoneInfo
    inner: Callable[[soql.Query], set[Any]]

    def test(self, condition: soql.Condition) -> Test:
        """The test a row must pass."""
        if isinstance(condition, soql.Not):
            term = self.test(condition.term)
            return lambda row: not term(row)
        if isinstance(condition, soql.All):
            tests = [self.test(each) for each in condition.terms]
            return lambda row: all(test(row) for test in tests)
        if isinstance(condition, soql.AnyOf):
            tests = [self.test(each) for each in condition.terms]
            return lambda row: any(test(row) for test in tests)
        found = self.scope.find(condition.path)
        self._filterable(found.field, condition.path)
        if isinstance(condition, soql.In):
            return self._in(found, condition)
        return self._compare(found, condition)

    def _filterable(self, field: Field, path: soql.Path) -> None:
        if not field.filterable:
            message = f"field '{field.name}' can not be filtered in a query call"
            raise self.scope.refuse(path.pos, "INVALID_FIELD", message)

    def _in(self, found: Found, condition: soql.In) -> Test:
        get, negated = found.get, condition.negated
        if isinstance(condition.members, soql.Query):
            wanted = self.inner(condition.members)
        else:
            wanted = {self.value(found.field, each) for each in condition.members}
        folded = fold(found.field)
        return lambda row: (folded(get(row)) in wanted) is not negated

    def _compare(self, found: Found, condition: soql.Compare) -> Test:
        literal, sign, get = condition.literal, condition.operator, found.get
        if sign == "LIKE":
            return self._like(found, condition)
        if literal.kind == "relative":
            return self._range(found, condition)
        wanted, folded = self.value(found.field, literal), fold(found.field)
        if sign == "=":
            return lambda row: bool(folded(get(row)) == wanted)
        if sign == "!=":
            return lambda row: bool(folded(get(row)) != wanted)
        if found.field.type == "boolean" or wanted is None:
            raise self.scope.refuse(condition.path.pos, "INVALID_QUERY_FILTER_OPERATOR", "invalid operator")
        compare = _ORDER[sign]
        return lambda row: (value := get(row)) is not None and bool(compare(folded(value), wanted))

    def _like(self, found: Found, condition: soql.Compare) -> Test:
        if not found.field.is_text or found.field.type == "multipicklist":
            message = f"invalid operator on {_SHOWN.get(found.field.type, found.field.type).lower()} field"
            raise self.scope.refuse(condition.path.pos, "INVALID_QUERY_FILTER_OPERATOR", message)
        pattern, get = _pattern(condition.literal.value), found.get
        return lambda row: (value := get(row)) is not None and pattern.fullmatch(value) is not None

    def _range(self, found: Found, condition: soql.Compare) -> Test:
        start, end = self._days(found.field, condition.literal)
        get = found.get
        tests: dict[str, Test] = {
            "=": lambda row: (value := get(row)) is not None and start <= value < end,
            "!=": lambda row: (value := get(row)) is None or not start <= value < end,
            "<": lambda row: (value := get(row)) is not None and value < start,
            "<=": lambda row: (value := get(row)) is not None and value < end,
            ">": lambda row: (value := get(row)) is not None and value >= end,
            ">=": lambda row: (value := get(row)) is not None and value >= start,
        }
        return tests[condition.operator]

    def _days(self, field: Field, literal: soql.Literal) -> tuple[str, str]:
        days = relative.days(literal.text, self.now.astimezone(self.timezone).date())
        if days is None:
            raise self.scope.refuse(literal.pos, "MALFORMED_QUERY", f"unexpected token: '{literal.text}'")
        if field.type == "date":
            return days[0].isoformat(), days[1].isoformat()
        if field.type != "datetime":
            raise self._wrong_type(field, literal)
        return self._midnight(days[0]), self._midnight(days[1])

    def _midnight(self, day: date) -> str:
        return times.render(datetime.combine(day, time(), self.timezone))

    def value(self, field: Field, literal: soql.Literal) -> Any:
        """What to compare a field's folded value with."""
        if literal.kind == "null":
            return None
        if field.type in ("id", "reference") and literal.kind == "string":
            found = ids.canonical(literal.value)
            if found is None:
                message = f"invalid ID field: {literal.value}"
                raise self.scope.refuse(literal.pos, "INVALID_QUERY_FILTER_OPERATOR", message)
            return found
        expected = "number" if field.is_number else _EXPECTED.get(field.type, "string")
        if literal.kind != expected or field.components:
            raise self._wrong_type(field, literal)
        if expected in ("date", "datetime"):
            parsed = (
                times.parse_date(literal.value) if expected == "date" else times.parse_datetime(literal.value.upper())
            )
            if parsed is None:
                raise self.scope.refuse(literal.pos, "MALFORMED_QUERY", f"Invalid date: {literal.text}")
            return parsed
        return fold(field)(literal.value)

    def _wrong_type(self, field: Field, literal: soql.Literal) -> Exception:
        if literal.kind == "relative" and relative.days(literal.text, self.now.date()) is None:
            return self.scope.refuse(literal.pos, "MALFORMED_QUERY", f"unexpected token: '{literal.text}'")
        quoted = "should be enclosed in quotes" if field.is_text else "should not be enclosed in quotes"
        message = (
            f"value of filter criterion for field '{field.name}' must be of type "
            f"{'string' if field.is_text else _SHOWN.get(field.type, field.type)} and {quoted}"
        )
        return self.scope.refuse(literal.pos, "INVALID_FIELD", message)


def fold(field: Field) -> Callable[[Any], Any]:
    """How values of a field are compared: text without regard to case, unless the field says otherwise."""
    if field.is_text and not field.case_sensitive:
        return lambda value: value.lower() if isinstance(value, str) else value
    return lambda value: value


def _pattern(text: str) -> re.Pattern[str]:
    parts = re.findall(r"\\(?:.)|%|_|[^\\%_]+", text, re.DOTALL)
    translated = [{"%": ".*", "_": "."}.get(part) or re.escape(re.sub(r"\\(.)", r"\1", part)) for part in parts]
    return re.compile("".join(translated), re.IGNORECASE | re.DOTALL)
