"""What a query's conditions mean: which operators a field allows, and which records fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from connector.sandbox.kintone import times, values
from connector.sandbox.kintone.auth import Who
from connector.sandbox.kintone.errors import SYNTAX, Refusal, wrong
from connector.sandbox.kintone.fields import CHOICES, Field
from connector.sandbox.kintone.functions import Span, span
from connector.sandbox.kintone.model import App, Record
from connector.sandbox.kintone.query import All, AnyOf, Call, Comparison, Condition, Literal, Operand, Sort
from connector.sandbox.kintone.store import Store
from connector.sandbox.kintone.values import Groups

_EQUAL = frozenset({"=", "!="})
_ORDER = _EQUAL | {"<", ">", "<=", ">="}
_IN = frozenset({"in", "not in"})
_LIKE = frozenset({"like", "not like"})
_NUMBERS = frozenset({"__ID__", "RECORD_NUMBER", "NUMBER", "CALC"})
_MOMENTS = frozenset({"DATE", "TIME", "DATETIME", "CREATED_TIME", "UPDATED_TIME"})
_WHO = frozenset({"CREATOR", "MODIFIER", "USER_SELECT", "ORGANIZATION_SELECT", "GROUP_SELECT", "STATUS_ASSIGNEE"})
_ALLOWED: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(_NUMBERS, _ORDER | _IN),
    **dict.fromkeys(("SINGLE_LINE_TEXT", "LINK"), _EQUAL | _IN | _LIKE),
    **dict.fromkeys(("MULTI_LINE_TEXT", "FILE"), _LIKE | {"is empty", "is not empty"}),
    "RICH_TEXT": _LIKE,
    **dict.fromkeys(CHOICES, _IN),
    **dict.fromkeys(_MOMENTS, _ORDER),
    **dict.fromkeys(_WHO, _IN),
    "STATUS": _EQUAL | _IN,
}
_NOT_SORTED = frozenset({"SUBTABLE", "REFERENCE_TABLE", "GROUP", "FILE", "CATEGORY", "CHECK_BOX", "MULTI_SELECT",
                         "MULTI_LINE_TEXT", "RICH_TEXT", "USER_SELECT", "ORGANIZATION_SELECT", "GROUP_SELECT",
                         "STATUS_ASSIGNEE"})  # fmt: skip
ID = Field("$id", "__ID__", {})

Test = Callable[[Any], bool]
"""Whether one cell's value fits."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and when."""

    who: Who
    groups: Groups
    now: datetime
    zone: tzinfo
    index_delay: timedelta


@dataclass(frozen=True, slots=True)
class _Term:
    """A test of one field; of the rows of a table or of related records all must pass when it is negative."""

    field: Field
    test: Test
    negative: bool
    indexed: bool
    reference: Field | None = None


def cell(record: Record, field: Field) -> Any:
    """The value of a field of this record, outside of tables."""
    kind = field.type
    if kind in ("__ID__", "RECORD_NUMBER"):
        return str(record.id)
    system = {
        "CREATOR": record.creator, "MODIFIER": record.modifier, "CREATED_TIME": record.created,
        "UPDATED_TIME": record.updated, "STATUS": record.status, "STATUS_ASSIGNEE": list(record.assignees),
    }  # fmt: skip
    return system[kind] if kind in system else record.values.get(field.code)


@dataclass(frozen=True, slots=True)
class Conditions:
    """Compiles conditions on an app's records."""

    app: App
    store: Store
    apps: Mapping[int, App]
    asker: Asker

    def compile(self, condition: Condition | None) -> Callable[[Record], bool]:
        """A test of a record.

        Raises:
            Refusal: the app's fields do not allow the condition.
        """
        if condition is None:
            return lambda _: True
        if isinstance(condition, Comparison):
            return self._rows([self._term(condition)])
        if isinstance(condition, AnyOf):
            tests = [self.compile(each) for each in condition.terms]
            return lambda record: any(test(record) for test in tests)
        return self._all(condition)

    def _all(self, condition: All) -> Callable[[Record], bool]:
        """Conditions on fields of one table, joined by `and`, must fit the same row."""
        tests: list[Callable[[Record], bool]] = []
        tables: dict[str, list[_Term]] = {}
        for each in condition.terms:
            term = self._term(each) if isinstance(each, Comparison) else None
            if term is not None and term.field.table is not None and term.reference is None:
                tables.setdefault(term.field.table, []).append(term)
            else:
                tests.append(self.compile(each) if term is None else self._rows([term]))
        tests += [self._rows(terms) for terms in tables.values()]
        return lambda record: all(test(record) for test in tests)

    def _rows(self, terms: list[_Term]) -> Callable[[Record], bool]:
        """Terms on one field, or on the fields of one table."""
        first = terms[0]
        if first.reference is not None:
            return self._related(first, first.reference)
        asker = self.asker

        def seen(record: Record) -> bool:
            # The index that `like` searches hears of a record a little later.
            return asker.now - record.touched >= asker.index_delay or not any(term.indexed for term in terms)

        if first.field.table is None:
            return lambda record: seen(record) and first.test(cell(record, first.field))
        table = first.field.table
        positive = [term for term in terms if not term.negative]
        negative = [term for term in terms if term.negative]

        def fits(record: Record) -> bool:
            rows = record.values.get(table) or []
            return (
                bool(rows)
                and seen(record)
                and all(term.test(row.values.get(term.field.code)) for term in negative for row in rows)
                and any(all(term.test(row.values.get(term.field.code)) for term in positive) for row in rows)
            )

        return fits

    def _related(self, term: _Term, reference: Field) -> Callable[[Record], bool]:
        table = reference.settings["referenceTable"]
        other, own = table["condition"]["relatedField"], table["condition"]["field"]
        related = self.store.table(int(table["relatedApp"]["app"]))

        def fits(record: Record) -> bool:
            key = record.values.get(own)
            found = [cell(each, term.field) for each in related.values() if each.values.get(other) == key]
            every = all if term.negative else any
            return bool(found) and not values.is_empty(key) and every(term.test(value) for value in found)

        return fits

    def _term(self, comparison: Comparison) -> _Term:
        reference, field = self._field(comparison.path)
        operator = comparison.operator
        if field.type in CHOICES:
            for each in comparison.operands:
                if isinstance(each, Literal) and each.text and each.text not in field.options:
                    ja = f"{field.code}フィールドの選択肢に「{each.text}」は存在しません。"
                    raise Refusal(400, "GAIA_IQ10", (ja, f'"{each.text}" is not an option of the {field.code} field.'))
        if (field.table is not None or reference is not None) and operator in _EQUAL:
            ja = f"テーブルに設定している場合、{field.code}フィールドには、演算子{operator}を使用できません。"
            en = f"The operator {operator} cannot be used with a field ({field.code}) in a table or of related records."
            raise Refusal(400, "GAIA_IQ07", (ja, en))
        if operator not in _ALLOWED.get(field.type, frozenset()):
            ja = f"{field.code}フィールドのフィールドタイプには演算子{operator}を使用できません。"
            en = f"The operator {operator} cannot be used with the type of the field {field.code}."
            raise Refusal(400, "GAIA_IQ03", (ja, en))
        negative = operator in ("!=", "not in", "not like", "is not empty")
        return _Term(field, self._test(field, operator, comparison.operands), negative, operator in _LIKE, reference)

    def _field(self, path: tuple[str, ...]) -> tuple[Field | None, Field]:
        if len(path) == 1:
            return None, find(self.app, path[0])
        outer = find(self.app, path[0])
        if outer.type != "REFERENCE_TABLE":
            ja = f"フィールド「{outer.code}」へのクエリは、関連レコード一覧フィールドでのみ使用できます。"
            raise Refusal(400, "GAIA_IR02", (ja, f"Such a query ({outer.code}) is for related records fields only."))
        related = self.apps.get(int(outer.settings["referenceTable"]["relatedApp"]["app"]))
        if related is None:
            raise _unknown(".".join(path))
        self.asker.who.need(related, "view")
        return outer, find(related, path[1])

    def _test(self, field: Field, operator: str, operands: tuple[Operand, ...]) -> Test:
        if operator in ("is empty", "is not empty"):
            return lambda value: (not (value.strip() if isinstance(value, str) else value)) == (operator == "is empty")
        if operator in _LIKE:
            word = _string(operands[0]).lower()
            return lambda value: (word in str(value or "").lower()) == (operator == "like")
        if field.type in _NUMBERS:
            return _numeric(operator, [self._number(field, each) for each in operands])
        if field.type in _MOMENTS:
            return _timely(operator, self._span(field, operands[0]))
        wanted = {self._word(field, each) for each in operands}
        positive = operator in ("=", "in")
        return lambda value: (not wanted.isdisjoint(_words(value))) == positive

    def _number(self, field: Field, operand: Operand) -> Decimal | None:
        if isinstance(operand, Call):
            raise wrong("query", SYNTAX)
        text = operand.text
        prefix = f"{self.app.code}-"
        if field.type == "RECORD_NUMBER" and self.app.code and text.startswith(prefix):
            text = text.removeprefix(prefix)
        found = values.number(text)
        if found is None:
            raise wrong("query", SYNTAX)
        return Decimal(found) if found else None

    def _span(self, field: Field, operand: Operand) -> Span | None:
        if isinstance(operand, Call):
            found = None if field.type == "TIME" else span(operand, self.asker.now, self.asker.zone, field.type)
            if found is None:
                raise wrong("query", SYNTAX)
            return found
        text = _string(operand)
        if not text:
            return None
        parse = {"DATE": times.parse_date, "TIME": times.parse_time}.get(field.type, times.parse_datetime)
        point = parse(text)
        if point is None:
            raise wrong("query", SYNTAX)
        return Span(point, point)

    def _word(self, field: Field, operand: Operand) -> str:
        if isinstance(operand, Literal):
            word = _string(operand)
            if field.type in _WHO and word and word not in self.asker.groups.of(_group(field)):
                raise values.unknown_code(_group(field), word)
            return word
        if operand == Call("LOGINUSER", ()) and field.type in _WHO and _group(field) == "USER":
            return self.asker.who.code
        if operand == Call("PRIMARY_ORGANIZATION", ()) and field.type == "ORGANIZATION_SELECT":
            return ""
        raise wrong("query", SYNTAX)


def by_keyword(condition: Condition | None) -> bool:
    """Whether a word is searched for anywhere in this."""
    if condition is None or isinstance(condition, Comparison):
        return condition is not None and condition.operator in _LIKE
    return any(by_keyword(each) for each in condition.terms)


def _group(field: Field) -> str:
    """What the codes in a field of people are: users unless its type says otherwise."""
    return field.type if field.type in ("ORGANIZATION_SELECT", "GROUP_SELECT") else "USER"


def find(app: App, code: str) -> Field:
    """The field of an app that a query names.

    Raises:
        Refusal: there is none.
    """
    if code == "$id":
        return ID
    found = app.fields.get(code) or app.inner(code)
    off = found is not None and found.type in ("STATUS", "STATUS_ASSIGNEE") and app.live is None
    if found is None or off:
        raise _unknown(code)
    return found


def _unknown(code: str) -> Refusal:
    ja = f"指定されたフィールド（{code}）が見つかりません。"
    return Refusal(400, "GAIA_IQ11", (ja, f"The specified field ({code}) is not found."))


def _string(operand: Operand) -> str:
    if isinstance(operand, Call) or not operand.quoted:
        raise wrong("query", SYNTAX)
    return operand.text


def _words(value: Any) -> Iterable[str]:
    if isinstance(value, list):
        return value or [""]
    return [value or ""]


def _numeric(operator: str, wanted: list[Decimal | None]) -> Test:
    if operator in ("in", "not in"):
        return lambda value: ((Decimal(value) if value else None) in wanted) == (operator == "in")
    [other] = wanted

    def test(value: Any) -> bool:
        own = Decimal(value) if value else None
        if operator in _EQUAL:
            return (own == other) == (operator == "=")
        return other is not None and _ordered(operator, own, other, other)

    return test


def _timely(operator: str, wanted: Span | None) -> Test:
    def test(value: Any) -> bool:
        if wanted is None:
            return (not value) == (operator == "=") if operator in _EQUAL else False
        if operator in _EQUAL:
            return bool(value and wanted.first <= value <= wanted.last) == (operator == "=")
        return _ordered(operator, value or None, wanted.first, wanted.last)

    return test


def _ordered(operator: str, own: Any, first: Any, last: Any) -> bool:
    if own is None:
        # An empty field is smaller than everything.
        return operator in ("<", "<=")
    found = {"<": own < first, "<=": own <= last, ">": own > last, ">=": own >= first}
    return bool(found[operator])


def sorted_records(
    app: App, records: Iterable[Record], order: tuple[Sort, ...], *, by_seconds: bool = False
) -> list[Record]:
    """Records in the order asked for, and the newest first where nothing is asked.

    `by_seconds`: the time of a change counts with its seconds, which no answer shows.

    Raises:
        Refusal: a field cannot be sorted by.
    """
    found = sorted(records, key=lambda record: record.id, reverse=True)
    for sort in reversed(order):
        field = find(app, sort.code)
        if field.type in _NOT_SORTED or field.table is not None:
            ja = f"{field.code}フィールドはソートに使用できません。"
            raise Refusal(400, "GAIA_IQ03", (ja, f"The field {field.code} cannot be sorted by."))
        if by_seconds and field.type == "UPDATED_TIME":
            found.sort(key=lambda record: record.touched, reverse=sort.descending)
        else:
            found.sort(key=_ranked_by(field), reverse=sort.descending)
    return found


def _ranked_by(field: Field) -> Callable[[Record], tuple[bool, Any]]:
    """Places records by a field; those where it is empty come before all others."""
    options = {option: place for place, option in enumerate(field.options)}

    def rank(record: Record) -> tuple[bool, Any]:
        value = cell(record, field)
        if values.is_empty(value):
            return False, 0
        if field.type in _NUMBERS:
            return True, Decimal(value)
        return True, options.get(value, len(options)) if field.type in CHOICES else value

    return rank
