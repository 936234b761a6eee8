"""The grammar of SOQL, as far as the sandbox knows it, and the tree it becomes.

Known: parent paths, child subqueries, COUNT() and aggregates with GROUP BY, conditions, semi-joins, date literals,
ORDER BY with NULLS, LIMIT, OFFSET. As in Salesforce, AND and OR mix only in parentheses, names and keywords are
case-insensitive, and there are no comments. Anything else is MALFORMED_QUERY.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput, UnexpectedToken, v_args
from lark.exceptions import VisitError

from connector.sandbox.salesforce.errors import Refusal, refuse

# Salesforce's own limit, from its error message.
MAX_LENGTH = 100_000

GRAMMAR = r"""
query: SELECT selection FROM NAME where? group? order? limit? offset?
selection: item ("," item)*
?item: path | call | subquery
subquery: "(" query ")"
call: NAME "(" path? ")" NAME?
path: NAME ("." NAME)*

where: WHERE condition
?condition: term | conjunction | disjunction
conjunction: term (AND term)+
disjunction: term (OR term)+
?term: comparison | negation | "(" condition ")"
negation: NOT term
comparison: path OPERATOR literal -> compare
          | path LIKE STRING -> compare
          | path IN members -> within
          | path NOT IN members -> without
members: "(" literal ("," literal)* ")"
       | "(" query ")"
literal: STRING | NUMBER | DATETIME | DATE | TRUE | FALSE | NULL | RELATIVE

group: GROUP BY path ("," path)*
order: ORDER BY sort ("," sort)*
sort: (path | call) DIRECTION? (NULLS PLACE)?
limit: LIMIT WHOLE
offset: OFFSET WHOLE

SELECT.3: /select\b/i
FROM.3: /from\b/i
WHERE.3: /where\b/i
AND.3: /and\b/i
OR.3: /or\b/i
NOT.3: /not\b/i
LIKE.3: /like\b/i
IN.3: /in\b/i
GROUP.3: /group\b/i
ORDER.3: /order\b/i
BY.3: /by\b/i
DIRECTION.3: /(asc|desc)\b/i
NULLS.3: /nulls\b/i
PLACE.3: /(first|last)\b/i
LIMIT.3: /limit\b/i
OFFSET.3: /offset\b/i
TRUE.3: /true\b/i
FALSE.3: /false\b/i
NULL.3: /null\b/i
OPERATOR: /!=|<>|<=|>=|=|<|>/
STRING: /'(?:[^'\\]|\\.)*'/s
DATETIME.3: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)/i
DATE.2: /\d{4}-\d\d-\d\d(?!\w)/
NUMBER.1: /[+-]?(\d+(\.\d*)?|\.\d+)(?!\w)/
WHOLE.1: /\d+(?!\w)/
RELATIVE: /[a-z][a-z0-9_]*(:\d+)?/i
NAME: /[a-z][a-z0-9_]*/i
%ignore /\s+/
"""


@dataclass(frozen=True, slots=True)
class Path:
    """A field, with the parent relationships that lead to it."""

    names: tuple[str, ...]
    pos: int

    @property
    def text(self) -> str:
        """As it was written."""
        return ".".join(self.names)


@dataclass(frozen=True, slots=True)
class Call:
    """COUNT(), or an aggregate of a field."""

    function: str
    path: Path | None
    alias: str | None
    pos: int


@dataclass(frozen=True, slots=True)
class Literal:
    """A value: its kind (string, number, datetime, date, boolean, null, relative), what it says, how it was written."""

    kind: str
    value: Any
    text: str
    pos: int


@dataclass(frozen=True, slots=True)
class Compare:
    """A field against a value."""

    path: Path
    operator: str
    literal: Literal


@dataclass(frozen=True, slots=True)
class In:
    """A field against several values, or against those that a query finds."""

    path: Path
    members: tuple[Literal, ...] | Query
    negated: bool


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    term: Condition


@dataclass(frozen=True, slots=True)
class All:
    """Every one of them."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of them."""

    terms: tuple[Condition, ...]


Condition = Compare | In | Not | All | AnyOf


@dataclass(frozen=True, slots=True)
class Sort:
    """One criterion of the order."""

    by: Path | Call
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query, or one inside another."""

    select: tuple[Path | Call | Query, ...]
    source: str
    pos: int
    where: Condition | None = None
    group: tuple[Path, ...] = ()
    order: tuple[Sort, ...] = ()
    limit: int | None = None
    offset: int = 0


_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)


def _unescape(text: str, *, like: bool) -> str:
    r"""The text between the quotes; for LIKE, `\%` and `\_` stay escaped."""

    def replace(found: re.Match[str]) -> str:
        mark = found.group(1)
        if len(mark) > 1:
            return chr(int(mark[1:], 16))
        if mark.lower() in _ESCAPES:
            return _ESCAPES[mark.lower()]
        if mark in "'\"":
            return mark
        if mark == "\\":
            return "\\\\" if like else "\\"
        if mark in "%_" and like:
            return f"\\{mark}"
        raise ValueError(f"Illegal character sequence '\\{mark}' in string literal '{text}'.")

    return _ESCAPE.sub(replace, text)


@v_args(inline=True)
class _Tree(Transformer[Token, Query]):
    """From lark's tree to ours."""

    def path(self, *names: Token) -> Path:
        return Path(tuple(str(name) for name in names), names[0].start_pos or 0)

    def call(self, name: Token, *rest: Path | Token) -> Call:
        path = next((each for each in rest if isinstance(each, Path)), None)
        alias = next((str(each) for each in rest if isinstance(each, Token)), None)
        return Call(str(name).upper(), path, alias, name.start_pos or 0)

    def subquery(self, query: Query) -> Query:
        return query

    def literal(self, token: Token) -> Literal:
        return _literal(token, like=False)

    def compare(self, path: Path, operator: Token, value: Token | Literal) -> Compare:
        if isinstance(value, Token):
            return Compare(path, "LIKE", _literal(value, like=True))
        return Compare(path, "!=" if operator == "<>" else str(operator), value)

    def members(self, *found: Any) -> tuple[Literal, ...] | Query:
        return found[0] if isinstance(found[0], Query) else found

    def within(self, path: Path, _: Token, members: Any) -> In:
        return In(path, members, negated=False)

    def without(self, path: Path, _: Token, __: Token, members: Any) -> In:
        return In(path, members, negated=True)

    def negation(self, _: Token, term: Condition) -> Not:
        return Not(term)

    def conjunction(self, *terms: Any) -> All:
        return All(tuple(term for term in terms if not isinstance(term, Token)))

    def disjunction(self, *terms: Any) -> AnyOf:
        return AnyOf(tuple(term for term in terms if not isinstance(term, Token)))

    def sort(self, by: Path | Call, *rest: Token) -> Sort:
        words = [str(each).lower() for each in rest]
        return Sort(by, "desc" in words, "last" in words)

    def selection(self, *items: Any) -> tuple[Any, ...]:
        return items

    def where(self, _: Token, condition: Condition) -> dict[str, Any]:
        return {"where": condition}

    def group(self, _: Token, __: Token, *paths: Path) -> dict[str, Any]:
        return {"group": paths}

    def order(self, _: Token, __: Token, *sorts: Sort) -> dict[str, Any]:
        return {"order": sorts}

    def limit(self, _: Token, number: Token) -> dict[str, Any]:
        return {"limit": int(number)}

    def offset(self, _: Token, number: Token) -> dict[str, Any]:
        return {"offset": int(number)}

    def query(self, _: Token, select: tuple[Any, ...], __: Token, source: Token, *clauses: dict[str, Any]) -> Query:
        merged = {name: value for clause in clauses for name, value in clause.items()}
        return Query(select, str(source), source.start_pos or 0, **merged)


def _literal(token: Token, *, like: bool) -> Literal:
    text, kind = str(token), token.type.lower()
    pos = token.start_pos or 0
    if kind == "string":
        return Literal("string", _unescape(text[1:-1], like=like), text, pos)
    if kind in ("true", "false"):
        return Literal("boolean", kind == "true", text, pos)
    if kind == "null":
        return Literal("null", None, text, pos)
    if kind == "number":
        return Literal("number", float(text), text, pos)
    return Literal(kind, text, text, pos)


# Made on import: lark reads a grammar with `ast`, which CPython 3.11 does not do safely in two threads at once
# (SystemError: AST constructor recursion depth mismatch).
_PARSER = Lark(GRAMMAR, parser="lalr", start="query", maybe_placeholders=False)


def parse(text: str) -> Query:
    """The tree of a query; raises MALFORMED_QUERY with the place where it goes wrong."""
    if len(text) > MAX_LENGTH:
        raise refuse("MALFORMED_QUERY", f"SOQL statements can not be longer than {MAX_LENGTH} characters.")
    if not text.strip():
        raise refuse("MALFORMED_QUERY", "SOQL statements cannot be empty or null")
    try:
        return _Tree().transform(_PARSER.parse(text))
    except UnexpectedInput as error:
        pos = _place(error, text)
        raise at(text, pos, "MALFORMED_QUERY", _unexpected(text, pos)) from None
    except VisitError as error:
        if isinstance(error.orig_exc, ValueError):
            raise refuse("MALFORMED_QUERY", str(error.orig_exc)) from None
        raise


def _place(error: UnexpectedInput, text: str) -> int:
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return len(text)
    before = text.split("\n")[: error.line - 1]
    return sum(len(line) + 1 for line in before) + error.column - 1


def _unexpected(text: str, pos: int) -> str:
    if pos >= len(text):
        return "unexpected token: '<EOF>'"
    if text[pos] == ":":
        return "Bind variables only allowed in Apex code"
    found = re.match(r"\w+|.", text[pos:], re.DOTALL)
    return f"unexpected token: '{found.group() if found else ''}'"


def at(text: str, pos: int, code: str, message: str) -> Refusal:
    """A refusal that shows the place in the query, in the form real answers have."""
    before = text[:pos]
    row = before.count("\n") + 1
    start = before.rfind("\n") + 1
    line = text[start:].split("\n", 1)[0]
    column = pos - start + 1
    pointer = " " * (column - 1) + "^"
    return refuse(code, f"\n{line}\n{pointer}\nERROR at Row:{row}:Column:{column}\n{message}")
