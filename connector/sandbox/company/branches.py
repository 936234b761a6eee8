"""Two parts of the company that work in systems of their own: Osaka in kintone, a subsidiary in e-Sales Manager."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connector.sandbox.company import kintone_apps, remix_tenant
from connector.sandbox.company.calendar import JST, Calendar, back_then
from connector.sandbox.company.setting import LOST_REASONS, PRODUCTS, SITE
from connector.sandbox.esales import RemixEmulator
from connector.sandbox.kintone import KintoneEmulator
from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.shanon import ShanonEmulator

PEOPLE, DEALS = 45, 24
"""In each of the two."""
REPS = {"osaka.kishi": "岸 智也", "osaka.nomura": "野村 沙織", "osaka.hirano": "平野 大地"}
"""Users of kintone: code and name."""
STAFF = {"N001": "伊達 政彦", "N002": "水島 葉月", "N003": "塚本 浩"}
"""Employees in e-Sales Manager: number and name."""
OPEN, WON, LOST = kintone_apps.STAGES[:3], "受注", "失注"
_FORM = re.compile("株式会社|有限会社|合同会社")


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleague:
    """Somebody a story can be told about, with the ids of their records; `owner` is who sells to them."""

    name: str
    company: str
    email: str
    owner: str
    visitors: tuple[int, ...]
    kintone: str = ""
    salesforce: str = ""
    esales: int = 0
    deal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branches:
    """Both branches as they stand, and the people of the story."""

    apps: kintone_apps.Apps
    columns: remix_tenant.Columns
    shared: Colleague
    """Known to Salesforce and to kintone; the deal, which has stood still for three months, lives in kintone."""
    refusing: Colleague
    """Known to kintone alone; about to tell the rep that they want no mail."""
    machinist: Colleague
    """Known to e-Sales Manager alone, with a deal that has stood still."""
    losing: Colleague
    """Known to e-Sales Manager alone, with a deal that is as good as won, and about to be lost; one colleague."""


def open_branches(
    org: SalesforceEmulator,
    smp: ShanonEmulator,
    kintone: KintoneEmulator,
    remix: RemixEmulator,
    now: datetime,
    seed: int,
) -> Branches:
    """Fill fresh systems of the branches with people whom the MA knows and Salesforce does not, and their deals."""
    dice = random.Random(seed)  # noqa: S311  repeatable, not secret
    calendar = Calendar(now, dice)
    apps, columns = kintone_apps.set_up(kintone), remix_tenant.set_up(remix)
    osaka, nagoya = Osaka(kintone, apps, calendar), Nagoya(remix, columns, calendar)
    strangers = list(_strangers(org, smp))
    dice.shuffle(strangers)
    for branch, people in ((osaka, strangers[:PEOPLE]), (nagoya, strangers[PEOPLE : 2 * PEOPLE])):
        known = [branch.person(person, calendar.ago(dice.uniform(60, 600)), dice) for person in people]
        for person in dice.sample(known, DEALS):
            branch.some_deal(person, dice)
    with smp.backdated():
        return Story(org, smp, osaka, nagoya, calendar).cast()


@dataclass(frozen=True, slots=True)
class Stranger:
    """A person in the MA whom nobody sells to yet."""

    name: str
    company: str
    email: str
    visitor: int
    phone: str = ""


def _strangers(org: SalesforceEmulator, smp: ShanonEmulator) -> Iterator[Stranger]:
    """People with an address of their own, at companies that Salesforce does not know, one per address."""
    accounts = {_FORM.sub("", row["Name"]) for row in org.records("Account")}
    seen = {_folded(row.get("Email")) for name in ("Lead", "Contact") for row in org.records(name)}
    for visitor in smp.visitors():
        address, company = _folded(visitor.get("Email")), str(visitor.get("CompanyName") or "")
        core = _FORM.sub("", company)
        plain = core != company and re.fullmatch(r"[^\s()支営]+", core) is not None
        if plain and "-example.co.jp" in address and not address.startswith("info@") and address not in seen | accounts:
            seen.add(address)
            if core not in accounts:
                name = f"{visitor['Name1']} {visitor['Name2']}"
                yield Stranger(name, company, address, int(str(visitor["Id"])), str(visitor.get("Tel") or ""))


def _folded(address: object) -> str:
    return unicodedata.normalize("NFKC", str(address or "")).lower()


def _day(at: datetime) -> str:
    return at.astimezone(JST).date().isoformat()


@dataclass(frozen=True, slots=True)
class Osaka:
    """What reps in Osaka enter in kintone."""

    kintone: KintoneEmulator
    apps: kintone_apps.Apps
    calendar: Calendar

    def __post_init__(self) -> None:
        for code, name in REPS.items():
            self.kintone.add_user(code, name)

    def person(self, who: Stranger, at: datetime, dice: random.Random) -> Mapping[str, Any]:
        """Somebody they know; gives the record."""
        app = self.apps.people.id
        number = len(self.kintone.records(app)) + 1
        with self.kintone.back_then() as go:
            go(at)
            values = {
                "顧客番号": f"W{number:04}",
                "氏名": who.name,
                "会社名": who.company,
                "メールアドレス": who.email if dice.random() < 0.97 else "",
                "電話番号": who.phone,
                "担当者": [dice.choice(list(REPS))],
            }
            return self.kintone.get(app, self.kintone.create(app, values))

    def some_deal(self, person: Mapping[str, Any], dice: random.Random) -> None:
        """A deal of some age, open or closed."""
        outcome = dice.choices((None, WON, LOST), (0.5, 0.2, 0.3))[0]
        at = self.calendar.ago(dice.uniform(40, 300))
        closed = {"完了日": _day(at)} if outcome else {}
        reason = {"失注理由": dice.choice(LOST_REASONS)} if outcome == LOST else {}
        self.deal(person, outcome or dice.choice(OPEN), dice.choice("AABC"), at, dice.choice(PRODUCTS), closed | reason)

    def deal(
        self, person: Mapping[str, Any], stage: str, chance: str, at: datetime, product: str, more: Mapping[str, Any]
    ) -> str:
        """A deal that has stood in its stage since `at`; gives the record's id."""
        app = self.apps.deals.id
        number = len(self.kintone.records(app)) + 1
        with self.kintone.back_then() as go:
            go(at)
            values = {
                "案件番号": f"D{number:04}",
                "案件名": f"{_FORM.sub('', person['会社名'])} {product}",
                "顧客番号": person["顧客番号"],
                "担当者": person["担当者"],
                "進捗": stage,
                "進捗更新日": _day(at),
                "確度": chance,
                "金額": "1200000",
                "受注予定日": _day(at + timedelta(days=120)),
                "製品": product,
            }
            return self.kintone.create(app, {**values, **more})


@dataclass(frozen=True, slots=True)
class Nagoya:
    """What the subsidiary enters in e-Sales Manager."""

    remix: RemixEmulator
    columns: remix_tenant.Columns
    calendar: Calendar

    def __post_init__(self) -> None:
        for number, name in STAFF.items():
            self.remix.add_user(number, name)
        with self.remix.stamped(self.calendar.ago(700)):  # the first card of all, for whoever connects something
            self.remix.add_person(self.remix.add_customer("接続テスト株式会社"), "テスト 太郎", {916: "接続確認用"})

    def person(self, who: Stranger, at: datetime, dice: random.Random) -> Mapping[Any, Any]:  # noqa: ARG002  as in Osaka
        """A name card at a customer of that name; gives the record."""
        with self.remix.stamped(at):
            customers = {row[301]: row[318] for row in self.remix.records("customer")}
            customer = customers.get(who.company) or self.remix.add_customer(who.company)
            card = self.remix.add_person(customer, who.name, {914: who.email, 909: who.phone or None})
        return self.remix.get("person", card)

    def some_deal(self, person: Mapping[Any, Any], dice: random.Random) -> None:
        """A deal of some age, open or closed."""
        outcome = dice.choices((None, WON, LOST), (0.5, 0.2, 0.3))[0]
        at = self.calendar.ago(dice.uniform(40, 300))
        more: dict[int, Any] = {self.columns.closed_on: at.astimezone(JST).date()} if outcome else {}
        more |= {207: dice.choice(LOST_REASONS)} if outcome == LOST else {}
        owner = dice.choice([row[101] for row in self.remix.records("employee")])
        self.deal(person, outcome or dice.choice(OPEN), dice.choice("AABC"), at, owner, more)

    def deal(
        self, person: Mapping[Any, Any], stage: str, chance: str, at: datetime, owner: int, more: Mapping[int, Any]
    ) -> int:
        """A deal of the person's company that has stood in its stage since `at`; gives its code."""
        with self.remix.stamped(at):
            values = {
                203: stage,
                204: chance,
                205: (at + timedelta(days=120)).astimezone(JST).date(),
                206: 900000,
                208: owner,
                self.columns.person: person[928],
                self.columns.stage_since: at.astimezone(JST).date(),
                self.columns.product: PRODUCTS[0],
            }
            company = _FORM.sub("", self.remix.get("customer", person[902])[301])
            return self.remix.add_deal(person[902], f"{company} {PRODUCTS[0]}", {**values, **more})


@dataclass(frozen=True, slots=True)
class Story:
    """Brings the people of the story into the MA and the branches."""

    org: SalesforceEmulator
    smp: ShanonEmulator
    osaka: Osaka
    nagoya: Nagoya
    calendar: Calendar

    def cast(self) -> Branches:
        """Everybody, in the state in which the story begins."""
        return Branches(
            apps=self.osaka.apps,
            columns=self.nagoya.columns,
            shared=self._shared(),
            refusing=self._refusing(),
            machinist=self._machinist(),
            losing=self._losing(),
        )

    def _visitor(self, name: str, company: str, email: str) -> Stranger:
        family, given = name.split()
        at = self.calendar.ago(310)
        typed = {"Name1": family, "Name2": given, "CompanyName": company, "Email": email}
        visitor = self.smp.add_visitor({**typed, "DateRegist": at, "DateUpdate": at})
        self.smp.add_page_view(visitor, f"{SITE}/products/keihi", "経費クラウド", self.calendar.ago(12))
        return Stranger(name, company, email, visitor)

    def _at(self, days: float) -> datetime:
        return self.calendar.ago(days)

    def _shared(self) -> Colleague:
        who = self._visitor("三枝 亮", "株式会社碧海システムズ", "saegusa@hekikai-example.co.jp")
        family, given = who.name.split()
        with back_then(self.org) as go:
            go(self._at(400))
            account = self.org.create("Account", {"Name": who.company})
            made = {"LastName": family, "FirstName": given, "Email": who.email, "AccountId": account}
            contact = self.org.create("Contact", made)
        person = self.osaka.person(who, self._at(200), random.Random(1))  # noqa: S311  repeatable, not secret
        deal = self.osaka.deal(person, "提案", "B", self._at(95), PRODUCTS[1], {})
        return self._colleague(who, person["担当者"][0], kintone=person["$id"], salesforce=contact, deal=deal)

    def _refusing(self) -> Colleague:
        who = self._visitor("若宮 千尋", "株式会社若宮紙業", "wakamiya@wakamiya-example.co.jp")
        person = self.osaka.person(who, self._at(150), random.Random(2))  # noqa: S311  as above
        return self._colleague(who, person["担当者"][0], kintone=person["$id"])

    def _machinist(self) -> Colleague:
        who = self._visitor("桐山 悟", "桐山鉄工所株式会社", "kiriyama@kiriyama-example.co.jp")
        card = self.nagoya.person(who, self._at(260), random.Random(3))  # noqa: S311  as above
        owner = self._employee("N002")
        deal = self.nagoya.deal(card, "見積", "B", self._at(80), owner, {})
        return self._colleague(who, str(owner), esales=card[928], deal=str(deal))

    def _losing(self) -> Colleague:
        who = self._visitor("榎本 静", "株式会社榎本樹脂化成", "enomoto@enomoto-example.co.jp")
        other = self._visitor("柴 良平", "㈱榎本樹脂化成", "shiba@enomoto-example.co.jp")
        card = self.nagoya.person(who, self._at(240), random.Random(4))  # noqa: S311  as above
        owner = self._employee("N003")
        deal = self.nagoya.deal(card, "見積", "A", self._at(50), owner, {})
        return self._colleague(who, str(owner), other, esales=card[928], deal=str(deal))

    def _employee(self, number: str) -> int:
        return next(int(row[101]) for row in self.nagoya.remix.records("employee") if row[102] == number)

    def _colleague(self, who: Stranger, owner: str, *others: Stranger, **records: Any) -> Colleague:
        visitors = tuple(each.visitor for each in (who, *others))
        return Colleague(name=who.name, company=who.company, email=who.email, owner=owner, visitors=visitors, **records)
