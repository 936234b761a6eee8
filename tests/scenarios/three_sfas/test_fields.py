"""Field rules end to end: cleaned texts, what sales knows in the MA, and a field that is gone from an app."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.engine.report import Exit
from tests.scenarios.three_sfas.world import PRICE, World, world

EMAIL = "saegusa@hekikai-example.co.jp"
TITLE = "title:               {to: 役職, wins: sfa_unless_blank"
OPTED_OUT = "    opted_out: {to: UnsubscribeStatus, wins: strictest}"
SEGMENTS = """
    deal.state: {to: Attribute15, wins: sfa, values: {open: 商談中, lost: 失注}}
    deal.owner: {to: Attribute16, wins: sfa}
    is.customer: {to: Attribute17, wins: sfa, values: {"true": 既存顧客}}
"""


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        for number, label in ((15, "商談状態"), (16, "担当"), (17, "顧客区分")):
            made.systems.smp.define_attribute(number, label)
        made.probe()
        yield made


def visitor(ready: World, title: str) -> int:
    number = ready.visitor(EMAIL)
    ready.systems.smp.update_visitor(number, {"Position": title})
    return number


def test_a_typed_text_arrives_clean_and_stays_so(ready: World) -> None:
    ready.edit("mappings/people-kintone.yaml", (TITLE, f"{TITLE}, clean: [width, spaces]"))
    visitor(ready, "ＩＴ推進部　　ﾏﾈｰｼﾞｬｰ")
    person = ready.in_kintone(EMAIL)

    assert ready.run().exit is Exit.DONE

    assert ready.kintone.get(ready.apps.people.id, person)["役職"] == "IT推進部 マネージャー"
    assert ready.fresh() == []


def test_the_ma_is_told_of_the_deal_and_of_its_end(ready: World) -> None:
    ready.edit("mappings/people-shanon.yaml", (OPTED_OUT, SEGMENTS.strip("\n") + "\n" + OPTED_OUT))
    number = visitor(ready, "部長")
    ready.in_kintone(EMAIL)
    deal = ready.deal_in_kintone()

    assert ready.run().exit is Exit.DONE
    told = ready.systems.smp.visitor(number)
    assert (told["Attribute15"], told["Attribute16"], told.get("Attribute17")) == ("商談中", "岸 智也", None)
    assert ready.fresh() == []

    ready.kintone.update(ready.apps.deals.id, deal, {"進捗": "受注"})
    assert ready.run().exit is Exit.DONE
    told = ready.systems.smp.visitor(number)
    assert (told["Attribute15"], told["Attribute17"]) == ("won", "既存顧客")
    assert ready.fresh() == []


def test_a_field_that_is_no_more_in_the_app_is_left_out_and_the_rest_goes_on(ready: World) -> None:
    ready.edit("mappings/people-kintone.yaml", (TITLE, f"{TITLE}, on_drift: park"))
    number, app = visitor(ready, "部長"), ready.apps.people.id
    person = ready.in_kintone(EMAIL)
    assert ready.run().exit is Exit.DONE
    assert ready.kintone.get(app, person)["役職"] == "部長"

    ready.kintone.change_fields(app, remove=["役職"])
    ready.systems.smp.add_page_view(number, PRICE, "料金", ready.systems.clock())
    report = ready.run()
    assert report.exit is Exit.PARKED
    assert report.ledger["kintone", "people.役職"].parked == 1
    assert ready.kintone.get(app, person)["MA最終接点"].startswith("2026-10-14 10:15"), "the rest goes on"
    assert ready.fresh() == []

    ready.kintone.change_fields(app, add={"役職": {"type": "SINGLE_LINE_TEXT", "label": "役職"}})
    assert ready.run().exit is Exit.DONE
    assert ready.kintone.get(app, person)["役職"] == "部長"
    assert ready.fresh() == []


def test_a_choice_that_is_no_more_in_the_field_stops_the_run_where_it_should(ready: World) -> None:
    ready.edit(
        "mappings/people-kintone.yaml",
        ("values: {hot: ホット, warm: ウォーム}", "values: {hot: 灼熱, warm: ウォーム}, on_drift: stop"),
    )
    visitor(ready, "部長")
    person = ready.in_kintone(EMAIL)

    report = ready.run()

    assert report.exit is Exit.STOPPED
    assert "kintone people.MAランク" in report.halted[0].in_("ja")
    assert not ready.kintone.get(ready.apps.people.id, person)["MAスコア"]


def test_a_record_that_was_converted_and_then_merged_is_followed(ready: World) -> None:
    org, smp = ready.systems.org, ready.systems.smp
    number = visitor(ready, "部長")
    lead = org.create("Lead", {"LastName": "三枝", "FirstName": "亮", "Company": "株式会社碧海", "Email": EMAIL})
    assert ready.run().exit is Exit.DONE
    key = org.get("Lead", lead)["MA_Person_Id__c"]
    assert org.get("Lead", lead)["MA_Score__c"] == 15

    account, contact, _ = org.convert_lead(lead)
    smp.add_page_view(number, PRICE, "料金", ready.systems.clock())
    assert ready.run().exit is Exit.DONE
    assert org.get("Contact", contact)["MA_Person_Id__c"] == key
    assert org.get("Contact", contact)["MA_Last_Touch__c"].startswith("2026-10-14 10:15")

    other = org.create("Contact", {"LastName": "三枝", "FirstName": "亮", "AccountId": account})
    org.merge("Contact", other, [contact])
    smp.add_page_view(number, PRICE, "料金", ready.systems.clock())
    assert ready.run().exit is Exit.DONE
    assert org.get("Contact", other)["MA_Person_Id__c"] == key
    assert org.get("Contact", other)["MA_Last_Touch__c"].startswith("2026-10-14 10:30")
    assert [row["Id"] for row in org.records("Lead") if not row["IsConverted"]] == [], "nobody is made anew"
    assert ready.fresh() == []
