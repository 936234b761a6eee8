"""The people a story can be told about: each with a past that leads to one clear effect, at a firm of their own."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from connector.sandbox.company.calendar import Calendar, Go
from connector.sandbox.company.firms import Firm
from connector.sandbox.company.people import Human
from connector.sandbox.company.sales import LOST, WON, close_deal, open_deal
from connector.sandbox.company.setting import SITE, Staff
from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.shanon import ShanonEmulator


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """Somebody by name, with the ids of their records: `visitors` in SMP, `records` (Lead, Contact) in Salesforce."""

    name: str
    company: str
    email: str
    account: str
    owner: str
    visitors: tuple[int, ...] = ()
    records: tuple[str, ...] = ()
    deal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who is who, and what else a story needs to know by its id."""

    stalled: Character
    """Takes part in an open deal that has stood still for three months."""
    losing: Character
    """Takes part in a deal at 75 % that will be lost; a colleague is in SMP too."""
    customer: Character
    """Bought last year; SMP never heard of them."""
    growing: Character
    """Works where five people get the newsletter and sales has no deal yet."""
    leaving: Character
    """Lost to another time, so in nurture; about to opt out."""
    called: Character
    """A warm lead, one good call short of hot."""
    converting: Character
    """A lead about to become a contact."""
    twin: Character
    """Stands in Salesforce twice."""
    inside_sales: str
    """The user who calls."""
    webinar: int
    """The campaign people register for now."""
    newsletter: int
    """The list of those who get the newsletter."""
    extras: tuple[tuple[tuple[int, ...], tuple[str, ...]], ...]
    """Everybody else: the visitors and records of each."""

    def characters(self) -> tuple[Character, ...]:
        """Everybody."""
        return (
            self.stalled, self.losing, self.customer, self.growing,
            self.leaving, self.called, self.converting, self.twin,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Casting:
    """Brings characters into both systems."""

    org: SalesforceEmulator
    smp: ShanonEmulator
    staff: Staff
    calendar: Calendar
    dice: random.Random
    go: Go

    def cast(self, webinar: int, past_webinar: int, newsletter: int, extras: Sequence[Human]) -> Cast:
        """Everybody, in the state in which the story begins."""
        return Cast(
            stalled=self._stalled(past_webinar),
            losing=self._losing(),
            customer=self._customer(),
            growing=self._growing(newsletter),
            leaving=self._leaving(),
            called=self._called(past_webinar),
            converting=self._converting(),
            twin=self._twin(past_webinar),
            inside_sales=self.staff.inside[0],
            webinar=webinar,
            newsletter=newsletter,
            extras=tuple((tuple(human.visitors), tuple(human.records)) for human in extras),
        )

    def _stalled(self, past_webinar: int) -> Character:
        firm = self._firm("青空精密", "aozora", 0)
        visitor = self._visitor("田辺 浩一", firm, "tanabe")
        self._attended(visitor, past_webinar)
        contact = self._contact("田辺 浩一", firm, "tanabe", 300)
        deal = self._deal(firm, [contact], "Prospecting", 200)
        self.go(self.calendar.ago(95))
        self.org.update("Opportunity", deal, {"StageName": "Value Proposition"})
        return self._character("田辺 浩一", firm, "tanabe", [visitor], [contact], deal)

    def _losing(self) -> Character:
        firm = self._firm("海鳴電子", "uminari", 1)
        visitor = self._visitor("江口 真理", firm, "eguchi")
        colleague = self._visitor("柳 健吾", firm, "yanagi")
        self._saw(visitor, "/products/keihi", 10)
        contact = self._contact("江口 真理", firm, "eguchi", 250)
        deal = self._deal(firm, [contact], "Proposal/Price Quote", 120)
        return self._character("江口 真理", firm, "eguchi", [visitor, colleague], [contact], deal)

    def _customer(self) -> Character:
        firm = self._firm("月見製菓", "tsukimi", 2)
        contact = self._contact("大河内 望", firm, "okochi", 500)
        deal = self._deal(firm, [contact], "Prospecting", 480)
        close_deal(self.org, deal, WON, self.calendar.ago(400), self.go, self.dice)
        return self._character("大河内 望", firm, "okochi", [], [contact], deal)

    def _growing(self, newsletter: int) -> Character:
        firm = self._firm("銀河ロジスティクス", "ginga", 3)
        people = {
            "usami": "宇佐美 薫",
            "hoshino": "星野 光",
            "amano": "天野 渉",
            "tsukishima": "月島 凛",
            "hidaka": "日高 翼",
        }
        visitors = [self._visitor(name, firm, local) for local, name in people.items()]
        for visitor in visitors:
            self.smp.add_member(newsletter, visitor)
        contact = self._contact(people["usami"], firm, "usami", 90)
        return self._character(people["usami"], firm, "usami", visitors, [contact])

    def _leaving(self) -> Character:
        firm = self._firm("春日ホテルズ", "kasuga", 4)
        visitor = self._visitor("小野寺 圭", firm, "onodera")
        contact = self._contact("小野寺 圭", firm, "onodera", 220)
        deal = self._deal(firm, [contact], "Needs Analysis", 180)
        close_deal(self.org, deal, LOST, self.calendar.ago(60), self.go, self.dice, "時期")
        return self._character("小野寺 圭", firm, "onodera", [visitor], [contact], deal)

    def _called(self, past_webinar: int) -> Character:
        firm = self._firm("夕凪水産", "yunagi")
        visitor = self._visitor("早乙女 純", firm, "saotome")
        self._attended(visitor, past_webinar)
        self._saw(visitor, "/case/oroshi", 5)
        self.smp.add_activity(visitor, "資料ダウンロード", "導入事例集", self.calendar.ago(20))
        lead = self._lead("早乙女 純", firm, "saotome", 70)
        return self._character("早乙女 純", firm, "saotome", [visitor], [lead], owner=self.staff.inside[1])

    def _converting(self) -> Character:
        firm = self._firm("雪村工房", "yukimura")
        visitor = self._visitor("綾小路 司", firm, "ayanokoji")
        self._saw(visitor, "/products/seikyu", 3)
        self.smp.add_activity(visitor, "資料ダウンロード", "電帳法ガイドブック", self.calendar.ago(12))
        lead = self._lead("綾小路 司", firm, "ayanokoji", 40)
        return self._character("綾小路 司", firm, "ayanokoji", [visitor], [lead], owner=self.staff.inside[1])

    def _twin(self, past_webinar: int) -> Character:
        firm = self._firm("風見鶏印刷", "kazamidori", 5)
        visitor = self._visitor("高木 二郎", firm, "takagi")
        self._attended(visitor, past_webinar)
        contacts = [
            self._contact("髙木 二郎", firm, "takagi", 300),
            self._contact("高木 二郎", firm, "Takagi", 100),
        ]
        return self._character("高木 二郎", firm, "takagi", [visitor], contacts)

    # --- what they are made of ----------------------------------------------------------------------------------------

    def _firm(self, core: str, slug: str, rep: int | None = None) -> Firm:
        firm = Firm(core, "株式会社", front=False, domain=f"{slug}-example.co.jp")
        if rep is not None:
            firm.owner = self.staff.reps[rep]
            self.go(self.calendar.ago(600))
            firm.account = self.org.create("Account", {"Name": firm.name, "OwnerId": firm.owner}, user_id=firm.owner)
        return firm

    def _visitor(self, name: str, firm: Firm, local: str) -> int:
        family, given = name.split()
        at = self.calendar.ago(310)
        typed = {"Name1": family, "Name2": given, "CompanyName": f"㈱{firm.core}", "Email": f"{local}@{firm.domain}"}
        return self.smp.add_visitor({**typed, "DateRegist": at, "DateUpdate": at})

    def _saw(self, visitor: int, path: str, days: float) -> None:
        self.smp.add_page_view(visitor, SITE + path, path.rpartition("/")[2], self.calendar.ago(days))

    def _attended(self, visitor: int, webinar: int) -> None:
        self.smp.add_application(visitor, webinar, self.calendar.ago(30))
        self.smp.add_attendance(visitor, webinar, "attended", self.calendar.ago(15, hours=-5))

    def _contact(self, name: str, firm: Firm, local: str, days: float) -> str:
        self.go(self.calendar.ago(days))
        made = _sales_fields(name, firm, local) | {"AccountId": firm.account, "OwnerId": firm.owner}
        return self.org.create("Contact", made, user_id=firm.owner)

    def _lead(self, name: str, firm: Firm, local: str, days: float) -> str:
        self.go(self.calendar.ago(days))
        made = _sales_fields(name, firm, local) | {"Company": firm.name, "OwnerId": self.staff.inside[1]}
        return self.org.create("Lead", made)

    def _deal(self, firm: Firm, contacts: Sequence[str], stage: str, days: float) -> str:
        at = self.calendar.ago(days)
        return open_deal(self.org, firm, contacts, "経費クラウド", stage, at, self.go, self.dice)

    def _character(
        self,
        name: str,
        firm: Firm,
        local: str,
        visitors: Sequence[int],
        records: Sequence[str],
        deal: str = "",
        *,
        owner: str = "",
    ) -> Character:
        return Character(
            name=name,
            company=firm.name,
            email=f"{local}@{firm.domain}",
            account=firm.account or "",
            owner=owner or firm.owner,
            visitors=tuple(visitors),
            records=tuple(records),
            deal=deal,
        )


def _sales_fields(name: str, firm: Firm, local: str) -> dict[str, object]:
    family, given = name.split()
    return {"LastName": family, "FirstName": given, "Email": f"{local}@{firm.domain}"}
