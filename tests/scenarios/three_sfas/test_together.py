"""One configuration, three SFAs: who is known where, whose deals protect, and where an alert is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from connector.engine.report import Exit
from connector.store.people import all_filed
from tests.scenarios.three_sfas.world import World, world

EMAIL = "saegusa@hekikai-example.co.jp"


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def contact(ready: World, email: str = EMAIL, company: str = "株式会社碧海") -> str:
    org = ready.systems.org
    account = org.create("Account", {"Name": company})
    return org.create("Contact", {"LastName": "三枝", "FirstName": "亮", "Email": email, "AccountId": account})


def on_list(ready: World, name: str = "do-not-mass-mail") -> set[int]:
    smp = ready.systems.smp
    return set(smp.members(next(number for number, each in smp.lists().items() if each == name)))


def test_a_person_in_two_sfas_has_one_id_and_the_same_score_in_both(ready: World) -> None:
    ready.visitor(EMAIL)
    record, person = contact(ready), ready.in_kintone(EMAIL)
    ready.probe()

    assert ready.run().exit is Exit.DONE

    in_salesforce, in_kintone = (
        ready.systems.org.get("Contact", record),
        ready.kintone.get(ready.apps.people.id, person),
    )
    assert in_salesforce["MA_Person_Id__c"] == in_kintone["ma_key"]
    assert (in_salesforce["MA_Score__c"], in_kintone["MAスコア"]) == (15, "15")
    assert in_salesforce["MA_Score_Why__c"] == in_kintone["MAスコア根拠"]
    assert [row["MA接点内容"] for row in in_kintone["MA接点"]] == ["2026-10-14 09:00 Web閲覧: 料金"]
    assert ready.systems.org.records("Lead") == [], "known is known: nobody is made anew"
    assert ready.fresh() == []


def test_an_alert_is_told_where_the_deal_lives(ready: World) -> None:
    ready.visitor(EMAIL)
    contact(ready)
    person, deal = ready.in_kintone(EMAIL), ready.deal_in_kintone()
    ready.probe()
    ready.run()

    (alert,) = ready.kintone.records(ready.apps.alerts.id)
    assert (alert["担当者"], alert["対応状況"], alert["期限"]) == (["kishi"], "未対応", "2026-10-15")
    assert alert["人物"].endswith(f"/k/{ready.apps.people.id}/show#record={person}")
    assert alert["案件"].endswith(f"/k/{ready.apps.deals.id}/show#record={deal}")
    assert ready.systems.org.records("Task") == []
    assert ready.remix.records("extension_1") == []

    ready.kintone.update(ready.apps.alerts.id, alert["$id"], {"対応状況": "対応済"})
    ready.run()
    (alert,) = ready.kintone.records(ready.apps.alerts.id)
    assert alert["対応状況"] == "対応済", "what the rep did stays"


@pytest.mark.parametrize("where", ["salesforce", "kintone", "esales"])
def test_a_likely_deal_in_any_sfa_protects_everybody_at_its_company(ready: World, where: str) -> None:
    visitors = {ready.visitor(EMAIL), ready.visitor("colleague@hekikai-example.co.jp", "柴 良平", "㈱碧海")}
    ready.visitor("else@where-example.co.jp", "他 人", "株式会社余所")
    if where == "salesforce":
        org = ready.systems.org
        account = org.create("Account", {"Name": "株式会社碧海"})
        made = {"AccountId": account, "Name": "更新", "StageName": "Negotiation/Review", "CloseDate": "2026-12-01"}
        deal = org.create("Opportunity", made)
    elif where == "kintone":
        ready.in_kintone(EMAIL)
        deal = ready.deal_in_kintone(確度="A")
    else:
        customer = ready.remix.add_customer("株式会社碧海")
        deal = str(ready.remix.add_deal(customer, "更新", {203: "見積", 204: "A"}))
    ready.probe()
    ready.run()
    assert on_list(ready) == visitors

    if where == "salesforce":
        ready.systems.org.update("Opportunity", deal, {"StageName": "Closed Lost"})
    elif where == "kintone":
        ready.kintone.update(ready.apps.deals.id, deal, {"進捗": "失注", "完了日": "2026-10-14"})
    else:
        ready.remix.update("business", int(deal), {203: "失注", ready.columns.closed_on: date(2026, 10, 14)})
    ready.run()
    assert on_list(ready) == set()


@pytest.mark.parametrize("down", ["kintone", "esales"])
def test_while_one_sfa_cannot_be_read_nobody_is_released_and_the_others_go_on(ready: World, down: str) -> None:
    visitor = ready.visitor(EMAIL)
    ready.in_kintone(EMAIL)
    deal = ready.deal_in_kintone(確度="A")
    card = ready.in_esales("enomoto@enomoto-example.co.jp")
    ready.visitor("enomoto@enomoto-example.co.jp", "榎本 静", "株式会社榎本")
    ready.probe()
    ready.run()
    assert on_list(ready) == {visitor}

    # Six hours later the deal is gone for good, but one system does not answer.
    ready.kintone.update(ready.apps.deals.id, deal, {"進捗": "失注", "完了日": "2026-10-14"})
    ready.systems.clock.advance(timedelta(hours=7))
    broken = ready.kintone if down == "kintone" else ready.remix
    broken.chaos.plan("status", status=503, times=10_000)
    report = ready.run()
    assert report.exit is Exit.FAILED
    assert {system for system, _ in report.problems} == {down}
    assert on_list(ready) == {visitor}

    broken.chaos.calm()
    ready.systems.clock.advance(timedelta(hours=1))  # what was held is looked at again after an hour at the latest
    assert ready.run().exit is Exit.DONE
    assert on_list(ready) == set()
    assert ready.remix.get("person", card)[10002] == 15


def test_a_deleted_deal_in_kintone_protects_nobody_any_more(ready: World) -> None:
    visitor = ready.visitor(EMAIL)
    ready.in_kintone(EMAIL)
    deal = ready.deal_in_kintone(確度="A")
    ready.probe()
    ready.run()
    assert on_list(ready) == {visitor}

    ready.kintone.delete(ready.apps.deals.id, deal)
    for _ in range(3):
        ready.systems.clock.advance(timedelta(days=1))
        ready.run()
    assert on_list(ready) == set()


def test_a_no_in_one_sfa_reaches_the_ma_and_the_other_sfas(ready: World) -> None:
    visitor = ready.visitor(EMAIL)
    record, person = contact(ready), ready.in_kintone(EMAIL)
    ready.probe()
    ready.run()

    ready.kintone.update(ready.apps.people.id, person, {"メール配信": ["停止"]})
    ready.run()

    assert ready.systems.smp.visitor(visitor)["UnsubscribeStatus"] == 1
    assert ready.systems.org.get("Contact", record)["HasOptedOutOfEmail"] is True
    assert ready.fresh() == []


def test_who_was_made_and_deleted_by_hand_is_not_made_again_and_stays_who_they_are(ready: World) -> None:
    """Salesforce's name comes before SHANON's, in the order that decides where nothing else does."""
    visitor, smp, org = ready.visitor("saotome@yunagi-example.co.jp"), ready.systems.smp, ready.systems.org
    seminar = smp.add_seminar("電帳法セミナー", "セミナー", ready.systems.clock() - timedelta(days=20))
    smp.add_attendance(visitor, seminar, "attended", ready.systems.clock() - timedelta(days=19))
    ready.probe()
    assert ready.run().created == 1
    (lead,) = org.records("Lead")
    raised = len(org.records("Task"))

    org.delete("Lead", lead["Id"])
    reports = [ready.run() for _ in range(4)]

    assert [report.created for report in reports] == [0, 0, 0, 0]
    assert org.records("Lead") == []
    assert len(org.records("Task", include_deleted=True)) == raised
    with ready.app() as app, app.reading() as conn:
        ids = {one.person.ref.system: one.identity for one in all_filed(conn, 0, 100) if not one.gone}
    assert ids["shanon"] == lead["MA_Person_Id__c"]
