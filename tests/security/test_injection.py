"""What people and administrators write never becomes part of a query or a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simple_salesforce.format import format_soql

from connector.adapters.kintone.queries import among, literal
from connector.changes import CreatePerson, Lane
from connector.errors import AdapterError
from connector.ports import Needs, ObjectNeeds
from connector.sandbox.kintone import query as kintone_query
from connector.sandbox.salesforce import soql
from tests.unit.adapters import kintone_kit, salesforce_kit
from tests.unit.adapters.csv_kit import PEOPLE, Office, alert, create

PAYLOADS = [
    "'", "''", "\\'", "\\\\'", "' OR Id != '", "' OR '1'='1", "x' LIMIT 1 --", "x') OR (Id != null",
    "%", "_", "%' OR Name LIKE '%", "\\", "\\\\", '"', '\\"', '" or $id > 0 or "', 'x") or ($id > 0',
    "a\nb", "a\r\nb", "a\tb", "\u2028", "\u0000", "'; DELETE FROM Lead; --", "{0}", "{}", "${env:HOME}", "{{7*7}}",
    "Id FROM User WHERE Id != ''", "NULL", "TODAY()", "LOGINUSER()", '"limit 500', "山田'太郎\"",
    "\uff07 OR 1=1", "`id`",
]  # fmt: skip
TEXTS = st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(PAYLOADS)


def test_there_are_enough_payloads() -> None:
    assert len(set(PAYLOADS)) >= 30


# --- SOQL -------------------------------------------------------------------------------------------------------------


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_values_in_soql_come_out_of_the_parser_as_they_went_in(values: list[str]) -> None:
    parsed = soql.parse(format_soql("SELECT Id FROM Lead WHERE MA_Person_Id__c IN {}", values))
    where = parsed.where
    assert isinstance(where, soql.In)
    assert isinstance(where.members, tuple)
    assert [(each.kind, each.value) for each in where.members] == [("string", value) for value in values]
    assert parsed.limit is None


@pytest.fixture
def org() -> Iterator[salesforce_kit.Stage]:
    with salesforce_kit.stage() as made:
        yield made


@pytest.mark.parametrize("payload", [each for each in PAYLOADS if len(each) <= 64])
def test_a_key_is_a_value_to_salesforce(org: salesforce_kit.Stage, payload: str) -> None:
    org.lead("渡辺", MA_Person_Id__c="p-other")
    before = org.org.records("Lead")
    wish = CreatePerson(
        key="create:x", system="sf", identity="p", lane=Lane.SCORES, object="Lead", key_field="MA_Person_Id__c",
        key_value=payload, values={"LastName": payload[:20] or "x", "Company": payload},
    )  # fmt: skip
    with suppress(AdapterError):  # a key that cannot be one may be refused
        list(org.adapter().push([wish]))
    assert before[0] in org.org.records("Lead")
    assert len(org.org.records("Lead")) <= 2


@pytest.mark.parametrize(
    "name", ["Id FROM User--", "Name, (SELECT Id FROM Tasks)", "Owner.Email", "COUNT()", "Id' OR 'a'='a", "*"]
)
def test_a_field_that_is_none_never_reaches_a_query(org: salesforce_kit.Stage, name: str) -> None:
    org.contact()
    needs = Needs(objects={"Contact": ObjectNeeds(read=frozenset({name}))})
    adapter = org.adapter(needs)
    told = [finding.field for finding in adapter.check() if finding.severity == "error"]
    assert name in told
    with pytest.raises(AdapterError):
        list(adapter.pull("Contact", None))
    assert [query for query in org.requests("query") if name in unquote_plus(query)] == []


# --- kintone ----------------------------------------------------------------------------------------------------------


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_values_in_a_query_of_kintone_come_out_of_the_parser_as_they_went_in(values: list[str]) -> None:
    where = kintone_query.parse(among("メール", values)).where
    assert isinstance(where, kintone_query.Comparison)
    assert where.operands == tuple(kintone_query.Literal(value, quoted=True) for value in values)


@given(TEXTS, TEXTS)
def test_a_value_cannot_end_its_condition(one: str, two: str) -> None:
    parsed = kintone_query.parse(f"a = {literal(one)} and b = {literal(two)} limit 1")
    assert parsed.limit == 1
    assert isinstance(parsed.where, kintone_query.All)
    assert len(parsed.where.terms) == 2


@pytest.fixture
def domain() -> Iterator[kintone_kit.Stage]:
    with kintone_kit.stage() as made:
        yield made


@pytest.mark.parametrize("payload", [each for each in PAYLOADS if len(each) <= 64])
def test_a_key_is_a_value_to_kintone(domain: kintone_kit.Stage, payload: str) -> None:
    other = domain.add("people", 姓="渡辺", ma_key="p-other")
    before = domain.get(other)
    with suppress(AdapterError):  # a key that cannot be one may be refused
        kintone_kit.push(domain.adapter(), kintone_kit.create(payload, 姓=payload))
        kintone_kit.push(domain.adapter(), kintone_kit.alert(payload))
    assert domain.get(other) == before


@pytest.mark.parametrize("code", ['x" or $id > 0 or "', "$id > 0 or メール", "メール) or (姓", 'メール in ("a")'])
def test_a_field_code_that_is_none_never_reaches_kintone(domain: kintone_kit.Stage, code: str) -> None:
    people = replace(kintone_kit.OF_PEOPLE, words={"email": code}, read=frozenset({code}))
    objects = {**kintone_kit.NEEDS.objects, "people": people}
    adapter = domain.adapter(replace(kintone_kit.NEEDS, objects=objects))
    assert code in [finding.field for finding in adapter.check() if finding.severity == "error"]
    with pytest.raises(AdapterError):
        kintone_kit.drain(adapter, "people")
    assert [target for target in domain.requests("records") if code in unquote_plus(target)] == []


# --- spreadsheets -----------------------------------------------------------------------------------------------------

FORMULAS = [
    "=1+1", "=cmd|'/c calc'!A1", "@SUM(1)", "+1+1", "-1+1", "\t=1", "\r=1", '=HYPERLINK("http://x","y")', "＝1+1",
    '=WEBSERVICE("http://x")', "%0A=1", " =1",
]  # fmt: skip
STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_cell_that_we_write_is_a_formula(tmp_path: Path, formula: str) -> None:
    office = Office(tmp_path, PEOPLE, encoding="utf-8")
    told = alert("alert:1", date(2026, 4, 2), title=formula, body=formula, owner_id=formula)
    for wish in (told, create("p", スコア=1, 根拠=formula)):
        assert [receipt.status for receipt in office.push(wish)] == ["done"]
    written = [path.read_bytes().decode() for path in office.out.rglob("*.csv")]
    cells = [cell for content in written for row in csv.reader(io.StringIO(content, newline="")) for cell in row]
    assert any(formula.strip() in cell for cell in cells)
    assert [cell for cell in cells if cell.startswith(STARTS)] == []
