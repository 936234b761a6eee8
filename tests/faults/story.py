"""A dozen people in one MA and three SFAs, and what life does to them between two runs. Every kind of change occurs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from connector.sandbox.clock import Clock
from connector.sandbox.company import kintone_apps, remix_tenant, setting
from connector.sandbox.company.calendar import back_then
from connector.sandbox.esales import EsmEmulator, RemixEmulator
from connector.sandbox.kintone import KintoneEmulator
from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.shanon import ShanonEmulator

START = datetime(2026, 10, 14, 10, 0, tzinfo=ZoneInfo("Asia/Tokyo"))
"""A Wednesday morning."""
PRICE = "https://www.mirai-soft-example.co.jp/price"


@dataclass
class Emulated:
    """The emulated systems and where things are in them. A deep copy lives a life of its own."""

    clock: Clock
    org: SalesforceEmulator
    smp: ShanonEmulator
    kintone: KintoneEmulator
    remix: RemixEmulator
    apps: kintone_apps.Apps
    columns: remix_tenant.Columns
    ids: dict[str, Any]
    """Records that the story comes back to, by a word."""
    esm: EsmEmulator | None = None
    """Of another story."""

    # --- hands --------------------------------------------------------------------------------------------------------

    def visitor(self, who: str, name: str, company: str, *, seen: int = 1, **typed: Any) -> int:
        """Somebody in the MA, who read the price page a few hours ago."""
        family, given = name.split()
        made = {"Name1": family, "Name2": given, "CompanyName": company, "Email": address(who)}
        self.ids[who] = visitor = self.smp.add_visitor({**made, **typed})
        for number in range(seen):
            self.smp.add_page_view(visitor, PRICE, "料金", self.clock() - timedelta(hours=number + 1))
        return visitor

    def attended(self, who: str, days: float) -> None:
        seminar = self.ids.get("seminar")
        if seminar is None:
            held = self.clock() - timedelta(days=20)
            seminar = self.ids["seminar"] = self.smp.add_seminar("電帳法セミナー", "セミナー", held)
        self.smp.add_attendance(self.ids[who], seminar, "attended", self.clock() - timedelta(days=days))

    def contact(self, who: str, name: str, company: str, **more: Any) -> str:
        family, given = name.split()
        account = self.org.create("Account", {"Name": company})
        made = {"LastName": family, "FirstName": given, "Email": address(who), "AccountId": account}
        return self.org.create("Contact", {**made, **more})

    def opportunity(self, contact: str, name: str, stage: str, days: int, **more: Any) -> str:
        """A deal that has stood in its stage for so many days."""
        with back_then(self.org) as go:
            go(self.clock() - timedelta(days=days))
            account = self.org.get("Contact", contact)["AccountId"]
            made = {"AccountId": account, "Name": name, "StageName": stage, "CloseDate": "2026-12-01", **more}
            deal = self.org.create("Opportunity", {**made, "OwnerId": self.ids["rep"]})
            self.org.create("OpportunityContactRole", {"OpportunityId": deal, "ContactId": contact, "IsPrimary": True})
        return deal

    def in_kintone(self, who: str, number: str, name: str, company: str) -> str:
        made = {"顧客番号": number, "氏名": name, "会社名": company, "メールアドレス": address(who)}
        return self.kintone.create(self.apps.people.id, {**made, "担当者": ["kishi"]})

    def deal_in_kintone(self, number: str, **more: Any) -> str:
        made = {"案件番号": f"D-{number}", "案件名": f"更新 {number}", "顧客番号": number, "担当者": ["kishi"]}
        return self.kintone.create(
            self.apps.deals.id, {**made, "進捗": "提案", "進捗更新日": "2026-07-01", "確度": "B", **more}
        )

    def in_esales(self, who: str, name: str, company: str) -> int:
        return self.remix.add_person(self.remix.add_customer(company), name, {914: address(who)})

    def deal_in_esales(self, card: int, name: str) -> int:
        columns = self.columns
        made: dict[int, Any] = {203: "見積", 204: "B", 208: self.ids["enomoto"], columns.person: card}
        made |= {columns.stage_since: date(2026, 7, 1)}
        return self.remix.add_deal(self.remix.get("person", card)[902], name, made)

    def on_list(self, name: str) -> set[int]:
        """Who is on a list of the MA."""
        return set(self.smp.members(next(number for number, each in self.smp.lists().items() if each == name)))


def address(who: str) -> str:
    """The mail address of somebody in the story."""
    return f"{who}@{who}-example.co.jp"


def empty() -> Emulated:
    """The systems as their administrators have set them up, with nobody in them."""
    clock = Clock(START, ticking=False)
    clock.advance(START - clock())
    org, smp = SalesforceEmulator(clock=clock), ShanonEmulator(clock=clock)
    kintone, remix = KintoneEmulator(clock=clock), RemixEmulator(clock=clock)
    staff = setting.set_up(org, smp)
    kintone.add_user("kishi", "岸 智也")
    apps, columns = kintone_apps.set_up(kintone), remix_tenant.set_up(remix)
    return Emulated(clock, org, smp, kintone, remix, apps, columns, {"rep": staff.reps[0]})


def begin() -> Emulated:
    """The systems as they are on the first day: set up, full of what was there before us."""
    made = empty()
    remix = made.remix
    remix.add_person(remix.add_customer("接続テスト株式会社"), "テスト 太郎", {916: "接続確認用"})
    made.ids["enomoto"] = remix.add_user("1001", "榎本 静")
    _in_salesforce(made)
    _in_the_branches(made)
    _nobodys(made)
    return made


def _in_salesforce(made: Emulated) -> None:
    made.visitor("saegusa", "三枝 亮", "株式会社碧海")
    made.visitor("shiba", "柴 良平", "㈱碧海")
    contact = made.contact("saegusa", "三枝 亮", "株式会社碧海")
    made.ids["likely"] = made.opportunity(contact, "碧海 更新", "Negotiation/Review", 10)

    made.visitor("tanabe", "田辺 浩一", "青空精密株式会社")
    stalled = made.contact("tanabe", "田辺 浩一", "青空精密株式会社")
    made.opportunity(stalled, "青空精密 新規", "Value Proposition", 90)

    made.visitor("onodera", "小野寺 圭", "株式会社春日ホテルズ")
    lost = made.contact("onodera", "小野寺 圭", "株式会社春日ホテルズ")
    made.ids["onodera contact"] = lost
    made.opportunity(
        lost,
        "春日ホテルズ",
        "Closed Lost",
        30,
        Loss_Reason__c="時期",
        CloseDate="2026-09-14",
        Product__c="経費クラウド",
    )
    made.visitor("kayama", "加山 望", "加山製菓株式会社", UnsubscribeStatus=1)
    made.contact("kayama", "加山 望", "加山製菓株式会社")


def _in_the_branches(made: Emulated) -> None:
    made.visitor("kinoshita", "木下 誠", "木下工業株式会社")
    made.ids["kinoshita kintone"] = made.in_kintone("kinoshita", "W0001", "木下 誠", "木下工業株式会社")
    made.deal_in_kintone("W0001")
    made.smp.add_activity(made.ids["kinoshita"], "資料ダウンロード", "導入事例集", made.clock() - timedelta(days=5))

    made.visitor("ono", "大野 渡", "大野運輸株式会社")
    made.in_kintone("ono", "W0002", "大野 渡", "大野運輸株式会社")
    made.ids["ono deal"] = made.deal_in_kintone("W0002", 確度="A", 進捗更新日="2026-10-01")

    made.visitor("enoki", "榎 茂", "株式会社榎商店")
    made.ids["enoki card"] = card = made.in_esales("enoki", "榎 茂", "株式会社榎商店")
    made.deal_in_esales(card, "榎商店 更新")
    made.visitor("nagai", "永井 薫", "永井印刷株式会社")
    made.ids["nagai card"] = made.in_esales("nagai", "永井 薫", "永井印刷株式会社")


def _nobodys(made: Emulated) -> None:
    """People whom only the MA knows: two of them are to be made in Salesforce."""
    for who, name, company in (
        ("saotome", "早乙女 純", "夕凪水産株式会社"),
        ("hoshino", "星野 光", "銀河物流株式会社"),
    ):
        made.visitor(who, name, company, seen=2)
        made.attended(who, 19)
    made.visitor("amano", "天野 渉", "天野設計株式会社", seen=0)


def go_on(made: Emulated) -> None:
    """What happens until the next day, after a first run."""
    made.clock.advance(timedelta(days=1))
    org, smp = made.org, made.smp
    org.update("Opportunity", made.ids["likely"], {"StageName": "Closed Lost", "Loss_Reason__c": "予算"})
    org.update("Contact", made.ids["onodera contact"], {"HasOptedOutOfEmail": True})
    lead = next(row for row in org.records("Lead") if row["Email"] == address("saotome"))
    org.update("Lead", lead["Id"], {"Title": "部長"})
    for number in range(3):
        smp.add_page_view(made.ids["saotome"], f"{PRICE}/{number}", "料金", made.clock() - timedelta(hours=number + 1))
    smp.add_activity(made.ids["saotome"], "資料ダウンロード", "料金表", made.clock() - timedelta(hours=3))
    smp.add_page_view(made.ids["kinoshita"], PRICE, "料金", made.clock() - timedelta(hours=2))
    smp.add_activity(made.ids["kinoshita"], "資料ダウンロード", "料金表", made.clock() - timedelta(hours=2))
    smp.add_page_view(made.ids["nagai"], PRICE, "料金", made.clock() - timedelta(hours=2))
    smp.unsubscribe(made.ids["nagai"])
    made.attended("amano", 0.5)
    smp.add_page_view(made.ids["amano"], PRICE, "料金", made.clock() - timedelta(hours=1))
    made.kintone.update(made.apps.deals.id, made.ids["ono deal"], {"進捗": "失注", "完了日": "2026-10-01"})
    made.deal_in_esales(made.ids["nagai card"], "永井印刷 新規")
    made.visitor("hirata", "平田 稔", "平田電機株式会社", seen=2)
    made.attended("hirata", 2)
