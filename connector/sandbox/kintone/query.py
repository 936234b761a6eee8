"""The grammar of kintone's query language, and the tree a query becomes.

Stricter than the real one where that is not known: keywords are in lower case, and `and` and `or` mix only in
parentheses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lark import Lark, Token, Transformer, UnexpectedInput, v_args
from lark.exceptions import VisitError

from connector.sandbox.kintone.errors import SYNTAX, TOO_SMALL, Refusal, wrong

MAX_LIMIT, MAX_OFFSET = 500, 10_000

# Space, tab, line feed and the full-width space stand between words; what ends a word is no part of a field's code.
GRAMMAR = r"""
query: condition? order? limit? offset?
?condition: term | conjunction | disjunction
conjunction: term (AND term)+
disjunction: term (OR term)+
?term: comparison | "(" condition ")"
comparison: path OPERATOR operand
          | path LIKE operand
          | path NOT LIKE operand
          | path IN "(" operand ("," operand)* ")"
          | path NOT IN "(" operand ("," operand)* ")"
          | path IS EMPTY
          | path IS NOT EMPTY
path: NAME ("." NAME)?
operand: STRING | NUMBER | call
call: FUNCTION "(" (argument ("," argument)*)? ")"
argument: NUMBER | WORD

order: ORDER BY sort ("," sort)*
sort: NAME DIRECTION?
limit: LIMIT NUMBER
offset: OFFSET NUMBER

AND.3: /and(?![^\s"(),=!<>.])/
OR.3: /or(?![^\s"(),=!<>.])/
NOT.3: /not(?![^\s"(),=!<>.])/
LIKE.3: /like(?![^\s"(),=!<>.])/
IN.3: /in(?![^\s"(),=!<>.])/
IS.3: /is(?![^\s"(),=!<>.])/
EMPTY.3: /empty(?![^\s"(),=!<>.])/
ORDER.3: /order(?=\s)/
BY.3: /by(?=\s)/
DIRECTION.3: /(asc|desc)(?![^\s"(),=!<>.])/
LIMIT.3: /limit(?=\s)/
OFFSET.3: /offset(?=\s)/
OPERATOR: /!=|<=|>=|=|<|>/
STRING: /"(?:[^"\\\t\r\n]|\\["\\tnr])*"/
NUMBER.2: /-?\d+(\.\d+)?(?![^\s"(),=!<>])/
FUNCTION.2: /[A-Z_]+(?=\s*\()/
WORD: /[A-Z]+/
NAME: /[^\s"(),=!<>.\\]+/
%ignore /\s+/
"""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as it was written, and whether it stood in quotes."""

    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    name: str
    args: tuple[str, ...]


Operand = Literal | Call


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field, or a field of related records, against values."""

    path: tuple[str, ...]
    operator: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class All:
    """Every one of them."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of them."""

    terms: tuple[Condition, ...]


Condition = Comparison | All | AnyOf


@dataclass(frozen=True, slots=True)
class Sort:
    """One criterion of the order."""

    code: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query."""

    where: Condition | None = None
    order: tuple[Sort, ...] = ()
    limit: int | None = None
    offset: int | None = None


_ESCAPES = {"t": "\t", "n": "\n", "r": "\r"}
_ESCAPE = re.compile(r"\\(.)")


@v_args(inline=True)
class _Tree(Transformer[Token, Query]):
    """From lark's tree to ours."""

    def path(self, *names: Token) -> tuple[str, ...]:
        return tuple(str(name) for name in names)

    def operand(self, value: Token | Call) -> Operand:
        if isinstance(value, Call):
            return value
        if value.type == "NUMBER":
            return Literal(str(value), quoted=False)
        inside = str(value)[1:-1]
        return Literal(_ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), inside), quoted=True)

    def argument(self, value: Token) -> str:
        return str(value)

    def call(self, name: Token, *args: str) -> Call:
        return Call(str(name), args)

    def comparison(self, path: tuple[str, ...], *rest: Token | Operand) -> Comparison:
        words = [str(each) for each in rest if isinstance(each, Token)]
        operands = tuple(each for each in rest if not isinstance(each, Token))
        return Comparison(path, " ".join(words), operands)

    def conjunction(self, *terms: Any) -> All:
        return All(tuple(term for term in terms if not isinstance(term, Token)))

    def disjunction(self, *terms: Any) -> AnyOf:
        return AnyOf(tuple(term for term in terms if not isinstance(term, Token)))

    def sort(self, code: Token, direction: Token | None = None) -> Sort:
        return Sort(str(code), direction == "desc")

    def order(self, _: Token, __: Token, *sorts: Sort) -> dict[str, Any]:
        return {"order": sorts}

    def limit(self, _: Token, number: Token) -> dict[str, Any]:
        return {"limit": _whole(number)}

    def offset(self, _: Token, number: Token) -> dict[str, Any]:
        return {"offset": _whole(number)}

    def query(self, *clauses: Any) -> Query:
        merged: dict[str, Any] = {}
        for clause in clauses:
            merged.update(clause if isinstance(clause, dict) else {"where": clause})
        return Query(**merged)


def _whole(number: Token) -> int:
    if "." in number:
        raise wrong("query", SYNTAX)
    if number.startswith("-"):
        raise wrong("query", TOO_SMALL)
    return int(number)


# Made on import: lark reads a grammar with `ast`, which CPython 3.11 does not do safely in two threads at once
# (SystemError: AST constructor recursion depth mismatch).
_PARSER = Lark(GRAMMAR, parser="lalr", start="query", maybe_placeholders=False)


def parse(text: str) -> Query:
    """The tree of a query.

    Raises:
        Refusal: it is none, or asks for too many.
    """
    try:
        query = _Tree().transform(_PARSER.parse(text))
    except UnexpectedInput:
        raise wrong("query", SYNTAX) from None
    except VisitError as error:
        if isinstance(error.orig_exc, Refusal):
            raise error.orig_exc from None
        raise
    if query.limit is not None and query.limit > MAX_LIMIT:
        ja = "limit には 500 以下の値を指定してください。"
        raise Refusal(400, "GAIA_QU01", (ja, "limit must be 500 or less."))
    if query.offset is not None and query.offset > MAX_OFFSET:
        ja = "offset には 10,000 以下の値を指定してください。"
        raise Refusal(400, "GAIA_QU02", (ja, "offset must be 10,000 or less."))
    return query
