"""Running a query: what it finds, and how each record of it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from connector.sandbox.salesforce import aggregate, soql
from connector.sandbox.salesforce.conditions import Conditions, fold
from connector.sandbox.salesforce.fields import Found, Getter, Parent, Scope, reader
from connector.sandbox.salesforce.records import Settings
from connector.sandbox.salesforce.schema import Schema, SObject
from connector.sandbox.salesforce.store import Row, Store, Table

Render = Callable[[Row, str], dict[str, Any]]
_TYPE_ADVICE = (
    "is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity "
    "name. Please reference your WSDL or the describe call for the appropriate names."
)


@dataclass(frozen=True, slots=True)
class Result:
    """The rows a query found, in order. `render` shows one of them for a base path such as `/services/data/v62.0`."""

    sobject: str
    total: int
    rows: list[Row]
    render: Render
    columns: list[Found] = field(default_factory=list)


Part = Callable[[str, Row, str], Any]


@dataclass(slots=True)
class _Shown:
    """What is selected from one record, in order, and which of it comes from its parents."""

    parts: dict[str, Part] = field(default_factory=dict)
    parents: dict[str, _Shown] = field(default_factory=dict)

    def render(self, sobject: str, row: Row, base: str) -> dict[str, Any]:
        shown: dict[str, Any] = {"attributes": attributes(sobject, row["Id"], base)}
        for name, part in self.parts.items():
            shown[name] = part(sobject, row, base)
        return shown

    def add_field(self, name: str, get: Getter) -> None:
        self.parts[name] = lambda _, row, __: get(row)

    def parent(self, name: str, follow: Parent) -> _Shown:
        """The part that shows a parent, made when it is first asked for."""
        if name not in self.parents:
            inner = self.parents[name] = _Shown()

            def part(_: str, row: Row, base: str) -> dict[str, Any] | None:
                found = follow(row)
                return None if found is None else inner.render(found[0], found[1], base)

            self.parts[name] = part
        return self.parents[name]


def attributes(sobject: str, record_id: str, base: str) -> dict[str, str]:
    """The `attributes` of a record in an answer."""
    return {"type": sobject, "url": f"{base}/sobjects/{sobject}/{record_id}"}


@dataclass(frozen=True, slots=True)
class Queries:
    """Runs queries for the API user."""

    schema: Schema
    store: Store
    settings: Settings
    clock: Callable[[], datetime]

    def run(self, text: str, *, with_deleted: bool = False) -> Result:
        """Parse, check and run a query."""
        return self.execute(soql.parse(text), text, with_deleted=with_deleted)

    def execute(self, query: soql.Query, text: str, *, with_deleted: bool = False) -> Result:
        """Check and run a parsed query."""
        sobject = self.schema.get(query.source)
        if sobject is None:
            raise soql.at(text, query.pos, "INVALID_TYPE", f"sObject type '{query.source}' {_TYPE_ADVICE}")
        scope = Scope(self.schema, self.store, sobject, text, with_deleted)
        if query.offset > 2000:
            raise soql.at(text, query.pos, "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
        rows = self._filter(scope, query)(self._candidates(scope, query, self.store.table(sobject.name)))
        if _only_counts(query):
            return Result(sobject.name, len(_cut(rows, query)), [], lambda row, _: row)
        if query.group or any(isinstance(each, soql.Call) for each in query.select):
            found = aggregate.run(scope, query, rows)
            return Result(sobject.name, len(found), found, aggregate.render)
        rows = _cut(ordered(scope, query, rows), query)
        shown, columns = self._shown(scope, query)
        return Result(sobject.name, len(rows), rows, lambda row, base: shown.render(sobject.name, row, base), columns)

    def _conditions(self, scope: Scope) -> Conditions:
        zone = ZoneInfo(self.settings.timezone)
        return Conditions(scope, self.clock(), zone, lambda query: self._values(scope, query))

    def _values(self, scope: Scope, query: soql.Query) -> set[Any]:
        if len(query.select) != 1 or not isinstance(query.select[0], soql.Path):
            raise scope.refuse(query.pos, "MALFORMED_QUERY", "a semi-join selects exactly one field")
        result = self.execute(query, scope.text)
        column = result.columns[0]
        return {fold(column.field)(column.get(row)) for row in result.rows} - {None}

    def _filter(self, scope: Scope, query: soql.Query) -> Callable[[Iterable[Row]], list[Row]]:
        test = (lambda _: True) if query.where is None else self._conditions(scope).test(query.where)
        return lambda rows: [row for row in rows if (scope.with_deleted or not _is_put_away(row)) and test(row)]

    def _candidates(self, scope: Scope, query: soql.Query, table: Table) -> Iterable[Row]:
        """The rows an index finds for one of the conditions that must all hold, or simply all rows."""
        terms = query.where.terms if isinstance(query.where, soql.All) else (query.where,)
        for term in terms:
            found = self._by_index(scope, term, table)
            if found is not None:
                return found
        return table.rows.values()

    def _by_index(self, scope: Scope, term: soql.Condition | None, table: Table) -> Iterable[Row] | None:
        literals: tuple[soql.Literal, ...]
        if isinstance(term, soql.Compare) and term.operator == "=":
            literals = (term.literal,)
        elif isinstance(term, soql.In) and not term.negated and isinstance(term.members, tuple):
            literals = term.members
        else:
            return None
        found = scope.find(term.path)
        if len(found.names) > 1 or any(each.kind in ("null", "relative") for each in literals):
            return None
        conditions = self._conditions(scope)
        if found.field.name == "Id":
            wanted = sorted({conditions.value(found.field, each) for each in literals})
            return [table.rows[each] for each in wanted if each in table.rows]
        if scope.with_deleted or not table.indexed(found.field.name):
            return None
        values = {conditions.value(found.field, each) for each in literals}
        rows = {row["Id"]: row for value in values for row in table.find(found.field, value)}
        return [rows[each] for each in sorted(rows)]

    def _shown(self, scope: Scope, query: soql.Query) -> tuple[_Shown, list[Found]]:
        shown, columns, seen = _Shown(), [], set()
        for item in query.select:
            if isinstance(item, soql.Query):
                name, part = self._children(scope, item)
                shown.parts[name] = part
            elif isinstance(item, soql.Path):
                found = scope.find(item)
                if found.names in seen:
                    raise scope.refuse(item.pos, "INVALID_FIELD", f"duplicate field selected: {item.text}")
                seen.add(found.names)
                columns.append(found)
                _place(scope, scope.sobject, shown, found)
        return shown, columns

    def _children(self, scope: Scope, query: soql.Query) -> tuple[str, Part]:
        wanted = query.source.lower()
        for child, reference in self.schema.children(scope.sobject.name):
            if reference.children is not None and reference.children.lower() == wanted:
                return reference.children, self._collector(scope, query, child, reference.name)
        message = f"Didn't understand relationship '{query.source}' in FROM part of query call."
        raise scope.refuse(query.pos, "INVALID_TYPE", message)

    def _collector(self, scope: Scope, query: soql.Query, child: SObject, name: str) -> Part:
        inner = Scope(self.schema, self.store, child, scope.text, scope.with_deleted)
        reference, table = child.fields[name.lower()], self.store.table(child.name)
        shown, _ = self._shown(inner, query)
        wanted = self._filter(inner, query)
        ordered(inner, query, [])

        def collect(_: str, row: Row, base: str) -> dict[str, Any] | None:
            rows = wanted(table.find(reference, row["Id"]))
            found = [shown.render(child.name, each, base) for each in _cut(ordered(inner, query, rows), query)]
            return {"totalSize": len(found), "done": True, "records": found} if found else None

        return collect


def _is_put_away(row: Row) -> bool:
    """Whether a query leaves a record out that `queryAll` finds."""
    return row["IsDeleted"] or row.get("IsArchived") is True


def _place(scope: Scope, sobject: SObject, shown: _Shown, found: Found) -> None:
    """Put a selected field where it belongs in the tree of parents."""
    for depth, name in enumerate(found.names[:-1], 1):
        reference = sobject.by_relationship(name)
        if reference is None:
            raise KeyError(name)
        shown = shown.parent(name, scope.parent(reference))
        if len(reference.reference_to) > 1 and found.names[depth] == "Type":
            shown.parts["Type"] = lambda kind, _, __: kind
            return
        sobject = scope.schema[reference.reference_to[0]]
    shown.add_field(found.field.name, reader(found.field))


def _only_counts(query: soql.Query) -> bool:
    first = query.select[0]
    return len(query.select) == 1 and isinstance(first, soql.Call) and first.function == "COUNT" and first.path is None


def _cut(rows: list[Row], query: soql.Query) -> list[Row]:
    end = None if query.limit is None else query.offset + query.limit
    return rows[query.offset : end]


def ordered(scope: Scope, query: soql.Query, rows: list[Row]) -> list[Row]:
    """The rows in the order the query asks for; nulls first unless it says otherwise."""
    for sort in reversed(query.order):
        if isinstance(sort.by, soql.Call):
            raise scope.refuse(sort.by.pos, "MALFORMED_QUERY", f"unexpected token: '{sort.by.function}'")
        found = scope.find(sort.by)
        if not found.field.sortable:
            message = f"field '{found.field.name}' can not be sorted in a query call"
            raise scope.refuse(sort.by.pos, "INVALID_FIELD", message)
        rows = sort_by(rows, found.get, fold(found.field), sort)
    return rows


def sort_by(rows: list[Row], get: Getter, folded: Callable[[Any], Any], sort: soql.Sort) -> list[Row]:
    """A stable sort by one criterion."""
    nulls = [row for row in rows if get(row) is None]
    rest = [row for row in rows if get(row) is not None]
    rest.sort(key=lambda row: folded(get(row)), reverse=sort.descending)
    return rest + nulls if sort.nulls_last else nulls + rest
