"""The grammar of SOQL: what is taken, what is refused and where, and that no text can leave its quotes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simple_salesforce import format_soql

from connector.sandbox.salesforce import Refusal
from connector.sandbox.salesforce.soql import All, AnyOf, Compare, In, Not, Path, Query, parse

# Surrogates cannot be sent in a URL.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
nasty = st.text("'\\\"%_()\n\r\t\b\f;-/*: aoréAND", max_size=20)


def only(query: Query) -> Compare:
    assert isinstance(query.where, Compare)
    return query.where


@given(texts | nasty)
def test_quoted_text_comes_back_as_it_was(text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    found = only(parse(f"SELECT Id FROM Lead WHERE Name = '{quoted}'"))
    assert found.literal.value == text


@given(texts | nasty)
def test_the_quoting_of_simple_salesforce_is_understood(text: str) -> None:
    found = only(parse(format_soql("SELECT Id FROM Lead WHERE Name = {}", text)))
    assert found.literal.value == text


@given(st.lists(nasty, min_size=1, max_size=5))
def test_lists_keep_their_members(members: list[str]) -> None:
    query = parse(format_soql("SELECT Id FROM Lead WHERE Name IN {} AND Id != null", members))
    assert isinstance(query.where, All)
    term = query.where.terms[0]
    assert isinstance(term, In)
    assert isinstance(term.members, tuple)
    assert [each.value for each in term.members] == members


def test_every_clause_is_read() -> None:
    query = parse(
        "select Id, Owner.Name, (SELECT Id FROM Contacts LIMIT 3) from Account "
        "where (Name LIKE 'a%' or not Type = null) and Id not in ('1', '2') and CreatedDate = last_n_days:3 "
        "group by Name order by Name desc nulls last, Id limit 10 offset 5"
    )
    assert query.source == "Account"
    assert [type(each).__name__ for each in query.select] == ["Path", "Path", "Query"]
    assert (query.limit, query.offset) == (10, 5)
    assert [(sort.descending, sort.nulls_last) for sort in query.order] == [(True, True), (False, False)]
    assert isinstance(query.where, All)
    first, second, third = query.where.terms
    assert isinstance(first, AnyOf)
    assert isinstance(first.terms[1], Not)
    assert isinstance(second, In)
    assert second.negated
    assert isinstance(third, Compare)
    assert third.literal.kind == "relative"


def test_names_may_look_like_keywords() -> None:
    query = parse("SELECT Group, Limit FROM Group GROUP BY Group ORDER BY Group")
    assert query.source == "Group"
    assert query.group == (Path(("Group",), 40),)


@pytest.mark.parametrize(
    ("soql", "row", "column", "found"),
    [
        ("SELECT Id FORM Lead", 1, 11, "'FORM'"),
        ("SELECT Id\nFROM Lead\nWHERE A = 1 AND B = 2 OR C = 3", 3, 23, "'OR'"),
        ("SELECT FROM Lead", 1, 13, "'Lead'"),
        ("SELECT Id FROM Lead WHERE", 1, 26, "'<EOF>'"),
        ("SELECT Id FROM Lead WHERE Id IN ()", 1, 34, "')'"),
        ('SELECT Id FROM Lead WHERE A = "x"', 1, 31, "'\"'"),
        ("SELECT Id FROM Lead WHERE A IS NULL", 1, 29, "'IS'"),
        ("SELECT Id FROM Lead WHERE A = 'it's'", 1, 35, "'s'"),
        ("SELECT Id FROM Lead; DELETE", 1, 20, "';'"),
        ("SELECT Id FROM Lead -- comment", 1, 21, "'-'"),
        ("SELECT Id FROM Lead ALL ROWS", 1, 21, "'ALL'"),
        # A `+` that was not percent-encoded arrives as a space.
        ("SELECT Id FROM Lead WHERE D > 2026-11-22T00:00:00 09:00", 1, 35, "'-'"),
        ("SELECT * FROM Lead", 1, 8, "'*'"),
    ],
)
def test_what_is_malformed_is_refused_with_its_place(soql: str, row: int, column: int, found: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse(soql)
    problem = refused.value.problems[0]
    assert problem.code == "MALFORMED_QUERY"
    assert problem.message.endswith(f"\nERROR at Row:{row}:Column:{column}\nunexpected token: {found}")
    assert problem.message.split("\n")[2] == " " * (column - 1) + "^"


@pytest.mark.parametrize(
    ("soql", "message"),
    [
        ("", "SOQL statements cannot be empty or null"),
        ("SELECT Id FROM Lead WHERE Name = :name", "Bind variables only allowed in Apex code"),
        ("SELECT Id FROM Lead WHERE Name = 'a\\qb'", "Illegal character sequence '\\q'"),
        ("SELECT Id FROM Lead WHERE Name = '100\\%'", "Illegal character sequence '\\%'"),
        ("SELECT Id FROM Lead WHERE Name = '" + "x" * 100_000 + "'", "can not be longer than 100000 characters"),
    ],
)
def test_other_malformed_queries(soql: str, message: str) -> None:
    with pytest.raises(Refusal, match="MALFORMED_QUERY") as refused:
        parse(soql)
    assert message in str(refused.value)


@given(texts | nasty)
def test_any_text_at_all_is_parsed_or_refused(text: str) -> None:
    for soql in (text, f"SELECT Id FROM Lead WHERE {text}"):
        with contextlib.suppress(Refusal):
            parse(soql)
