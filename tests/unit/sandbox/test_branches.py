"""The branches of the emulated company: what they hold, and who the people of the story are."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from connector.sandbox.clock import Clock
from connector.sandbox.company.branches import PEOPLE, Branches, open_branches
from connector.sandbox.esales import RemixEmulator
from connector.sandbox.kintone import KintoneEmulator
from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.seed import seed
from connector.sandbox.shanon import ShanonEmulator

NOW = datetime(2026, 10, 14, 1, 0, tzinfo=UTC)

Year = tuple[SalesforceEmulator, ShanonEmulator, KintoneEmulator, RemixEmulator, Branches]


def a_year() -> Year:
    clock = Clock(NOW, ticking=False)
    org, smp = SalesforceEmulator(clock=clock), ShanonEmulator(clock=clock)
    kintone, remix = KintoneEmulator(clock=clock), RemixEmulator(clock=clock)
    seed(org, smp, NOW, 1)
    return org, smp, kintone, remix, open_branches(org, smp, kintone, remix, NOW, 1)


@pytest.fixture(scope="module")
def year() -> Year:
    return a_year()


def test_the_same_seed_gives_the_same_branches(year: Year) -> None:
    _, _, kintone, remix, branches = a_year()

    for app in ("people", "deals"):
        number = branches.apps.by_name()[app].id
        assert kintone.records(number) == year[2].records(number)
    for sheet in ("customer", "person", "business"):
        assert remix.records(sheet) == year[3].records(sheet)


def test_deals_stand_in_every_state(year: Year) -> None:
    _, _, kintone, remix, branches = year

    deals = kintone.records(branches.apps.deals.id)
    assert {"受注", "失注"} < {row["進捗"] for row in deals}
    assert all(row["会社名"] and row["顧客担当者名"] for row in deals), "copied by the lookup"
    assert {4, 5} < {row[203] for row in remix.records("business")}


def test_the_branches_sell_to_people_whom_salesforce_does_not_know(year: Year) -> None:
    org, _, kintone, remix, branches = year
    known = {str(row.get("Email")).lower() for name in ("Lead", "Contact") for row in org.records(name)}
    osaka = {row["メールアドレス"] for row in kintone.records(branches.apps.people.id)} - {""}
    nagoya = {row[914] for row in remix.records("person") if row.get(914)}

    assert min(len(osaka), len(nagoya)) >= PEOPLE - 5
    assert not osaka & nagoya
    assert (osaka | nagoya) & known == {branches.shared.email}


def test_the_people_of_the_story_are_who_they_are_said_to_be(year: Year) -> None:
    org, _, kintone, remix, branches = year

    assert org.get("Contact", branches.shared.salesforce)["Email"] == branches.shared.email
    stalled = kintone.get(branches.apps.deals.id, branches.shared.deal)
    assert (stalled["進捗"], stalled["進捗更新日"] < "2026-08-01") == ("提案", True)
    assert kintone.get(branches.apps.people.id, branches.refusing.kintone)["メール配信"] == []
    deal = remix.get("business", int(branches.machinist.deal))
    assert deal[branches.columns.stage_since] < date(2026, 8, 1)
    assert remix.get("business", int(branches.losing.deal))[204] == 1, "as good as won"
    assert len(branches.losing.visitors) == 2
    assert remix.get("person", 1)[903] == "テスト 太郎", "for whoever connects something"
