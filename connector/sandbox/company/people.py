"""The people, and how each of the two systems came to know them: spelt differently, and sometimes twice."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from connector.sandbox.company.calendar import Calendar, Go
from connector.sandbox.company.firms import Firm
from connector.sandbox.company.names import Name, full_width, otherwise_spelt, some_name
from connector.sandbox.company.setting import Staff
from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.shanon import ShanonEmulator

_DEPARTMENTS = ("総務部", "人事部", "経理部", "情報システム部", "経営企画室", "営業部", "製造部", "購買部", "")
_TITLES = ("", "", "", "主任", "係長", "課長", "課長代理", "部長", "室長", "取締役", "代表取締役")
_ADDRESSES = ("{g}.{f}", "{f}.{g}", "{i}-{f}", "{f}", "{f}_{g}")


@dataclass(slots=True)
class Human:
    """One human being. `records` are the Contact and the Lead, `visitors` the leads in SMP."""

    name: Name
    firm: Firm | None
    email: str
    since: datetime
    zeal: float
    visitors: list[int] = field(default_factory=list)
    records: list[str] = field(default_factory=list)
    bounces: bool = False

    @property
    def record(self) -> str:
        """The one that sales works with; "" for a stranger."""
        return self.records[0] if self.records else ""


def some_people(count: int, firms: Sequence[Firm], calendar: Calendar, dice: random.Random) -> list[Human]:
    """So many people, oldest acquaintances first; most work at one of the firms, some much larger than others."""
    sizes = [1 / (rank + 6) for rank in range(len(firms))]
    taken: set[str] = set()
    people = []
    for _ in range(count):
        firm = None if dice.random() < 0.03 else dice.choices(firms, sizes)[0]
        name = some_name(dice)
        zeal = min(dice.paretovariate(1.1), 40)
        email = _address(name, firm, taken, dice)
        people.append(Human(name, firm, email, calendar.moment(700, 1), zeal, bounces=dice.random() < 0.03))
    return sorted(people, key=lambda human: human.since)


def _address(name: Name, firm: Firm | None, taken: set[str], dice: random.Random) -> str:
    family, given = name.latin
    local = dice.choice(_ADDRESSES).format(f=family, g=given, i=given[0])
    # Gmail gives out no address with a hyphen: this one is nobody's.
    where = "@gmail.com" if firm is None else f"@{firm.domain}"
    tail = "-example" if firm is None else ""
    number = 1
    while (made := f"{local}{number if number > 1 else ''}{tail}{where}") in taken:
        number += 1
    taken.add(made)
    return made


# --- in marketing automation ------------------------------------------------------------------------------------------


def register(smp: ShanonEmulator, human: Human, dice: random.Random) -> int:
    """Let SMP know somebody, as typed into a form or off a business card."""
    name, at = human.name, human.since
    email = full_width(human.email.partition("@")[0]) + "@" + human.email.partition("@")[2]
    typed: dict[str, object] = {
        "Name1": otherwise_spelt(name.family, dice) if dice.random() < 0.3 else name.family,
        "Name2": name.given,
        "Name1Ka": name.family_kana if dice.random() < 0.6 else None,
        "Name2Ka": name.given_kana if dice.random() < 0.6 else None,
        "CompanyName": human.firm.as_typed(dice) if human.firm else None,
        "Division": dice.choice(_DEPARTMENTS),
        "Position": dice.choice(_TITLES),
        "Tel": _phone(dice) if dice.random() < 0.5 else None,
        "Email": email if dice.random() < 0.015 else human.email.upper() if dice.random() < 0.02 else human.email,
        "EmailValid": 2 if human.bounces and dice.random() < 0.6 else 1,
        "Attribute21": dice.choice((1, 1, 1, 2, 3, 4)),
        "DateRegist": at,
        "DateUpdate": at,
    }
    if dice.random() < 0.03:
        typed |= {"UnsubscribeStatus": 1, "UnsubscribeDate": at}
    human.visitors.append(smp.add_visitor(typed))
    return human.visitors[-1]


def register_again(smp: ShanonEmulator, human: Human, calendar: Calendar, dice: random.Random) -> None:
    """The same person fills in a form once more, with another idea of upper and lower case."""
    at = calendar.after(human.since, 2000)
    second = {
        "Name1": human.name.family,
        "Name2": human.name.given,
        "CompanyName": human.firm.as_typed(dice) if human.firm else None,
        "Email": human.email.title(),
        "DateRegist": at,
        "DateUpdate": at,
    }
    human.visitors.append(smp.add_visitor(second))


def shared_mailbox(smp: ShanonEmulator, firm: Firm, calendar: Calendar, dice: random.Random) -> None:
    """Two to four people of a firm who all give the address of the house."""
    for _ in range(dice.randint(2, 4)):
        name, at = some_name(dice), calendar.moment(600)
        smp.add_visitor(
            {
                "Name1": name.family,
                "Name2": name.given,
                "CompanyName": firm.as_typed(dice),
                "Email": f"info@{firm.domain}",
                "DateRegist": at,
                "DateUpdate": at,
            }
        )


def oddities(smp: ShanonEmulator, calendar: Calendar) -> None:
    """What nobody believes until it is in the data: no key at all, no name, an address as long as SMP takes."""
    long = f"{'a' * 64}@{'.'.join(['b' * 60] * 3)}.example"
    for typed in (
        {"CompanyName": "不明", "Memo": "名刺が汚れて読めない"},
        {"Name1": "担当者", "CompanyName": "ご担当者様"},
        {"Name1": "長井", "Name2": "文字", "CompanyName": "株式会社長いアドレス", "Email": long},
        {"Name1": "test", "Name2": "test", "CompanyName": "テスト", "Email": "test@example.com"},
    ):
        at = calendar.moment(500, 100)
        smp.add_visitor({**typed, "DateRegist": at, "DateUpdate": at})


def _phone(dice: random.Random) -> str:
    area, number = dice.choice(("03", "06", "052", "092")), f"0{dice.randrange(1000):03d}-{dice.randrange(10000):04d}"
    shape = dice.choice(("{a}-{n}", "({a}) {n}", "{a}{n}", "{a}-{n}(代表)"))
    plain = shape.format(a=area, n=number)
    return full_width(plain) if dice.random() < 0.1 else plain


# --- in sales ---------------------------------------------------------------------------------------------------------


def open_account(org: SalesforceEmulator, firm: Firm, staff: Staff, dice: random.Random) -> None:
    """Let sales know a firm."""
    firm.owner = staff.left if dice.random() < 0.04 else dice.choice(staff.reps)
    made = {"Name": firm.name, "OwnerId": firm.owner}
    if dice.random() < 0.7:
        made["Website"] = f"https://www.{firm.domain}/"
    firm.account = org.create("Account", made, user_id=firm.owner)


def add_contact(org: SalesforceEmulator, human: Human, firm: Firm, go: Go, dice: random.Random) -> None:
    """A contact at a firm that sales knows."""
    go(human.since)
    made = _sales_fields(human, dice) | {"AccountId": firm.account, "OwnerId": firm.owner}
    human.records.append(org.create("Contact", made, user_id=firm.owner))
    firm.contacts.append(human.record)


def add_lead(org: SalesforceEmulator, human: Human, staff: Staff, go: Go, dice: random.Random) -> None:
    """A lead; some wait in the queue for somebody to take them."""
    go(human.since)
    owner = org.queue_id if dice.random() < 0.2 else dice.choice(staff.inside)
    company = human.firm.as_typed(dice) if human.firm else "個人"
    made = _sales_fields(human, dice) | {"Company": company, "OwnerId": owner, "LeadSource": "Web"}
    human.records.append(org.create("Lead", made))


def _sales_fields(human: Human, dice: random.Random) -> dict[str, object]:
    name = human.name
    return {
        "LastName": otherwise_spelt(name.family, dice) if dice.random() < 0.2 else name.family,
        "FirstName": name.given,
        "Email": human.email if dice.random() < 0.97 else None,
        "Phone": _phone(dice) if dice.random() < 0.6 else None,
        "Title": dice.choice(_TITLES) or None,
        "HasOptedOutOfEmail": dice.random() < 0.02,
    }
