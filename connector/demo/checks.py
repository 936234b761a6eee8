"""What must hold besides the effects of the moves, judged anew by what stands in the emulated systems."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connector.demo.eyes import Eyes, Picture, Place
from connector.demo.moves import PROTECTED
from connector.demo.world import World
from connector.engine.report import Exit, Report
from connector.errors import Text, text
from connector.sandbox.company.calendar import JST
from connector.store.people import all_filed

WARM = 20
"""Points from which the shipped mappings make a lead."""
SURE = 60
"""Percent from which they keep a company off mass mails."""
REST = timedelta(days=14)
"""How long they let a lost deal rest before its people go back to marketing."""
NURTURE = {"予算": "nurture-budget", "時期": "nurture-timing"}
OTHERWISE = "nurture-lost"
CHANCES = {"A": 80, "B": 50, "C": 20, "D": 5}
"""Percent of what kintone and e-Sales Manager spell as letters."""
_LEGAL_FORM = re.compile("株式会社|有限会社|合同会社")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that holds or not."""

    id: str
    ok: bool
    what: Text


def after_first_run(world: World, eyes: Eyes, before: Picture, report: Report) -> Iterator[Check]:
    """People linked, leads made, lists filled."""
    done = report.exit in (Exit.DONE, Exit.PARKED)
    yield Check("first_run_done", done, text("the first run went through", "1回目の実行が完了"))
    yield Check("people_linked", _linked(world, eyes), text("people linked under one id", "人物を1つのIDで紐づけ"))
    yield _told_apart(world)
    once = text("warm people became leads, nobody twice", "スコアの高い人をリード化、重複なし")
    yield Check("leads_created", _leads_made_once(eyes, before), once)
    full = text("nurture lists hold the lost, no one else", "ナーチャリングリストは失注者のみ・漏れなし")
    yield Check("nurture_filled", _nurture_is_right(eyes, world.clock()), full)
    kept = text("companies with a likely deal kept off mass mails", "受注間近の会社は一斉配信の対象外")
    yield Check("protection_filled", _protection_is_right(eyes), kept)


def after_two_weeks(world: World, eyes: Eyes) -> Iterator[Check]:
    """The deal that was lost has rested long enough."""
    who, *others = world.cast.losing.visitors
    visitor = eyes.smp.visitor(who)
    carried = (visitor.get("Attribute12"), visitor.get("Attribute14"))
    budget = eyes.members("nurture-budget")
    ok = who in budget and not set(others) & set(budget) and carried == ("予算", "経費クラウド")
    returned = text(
        "14 days after the loss its contact is in nurture, with the reason",
        "失注から14日後、担当者が理由付きでナーチャリングへ",
    )
    yield Check("lost_deal_nurtured", ok and _nurture_is_right(eyes, world.clock()), returned)
    first, *others = world.systems.branches.losing.visitors
    timing = eyes.members("nurture-timing")
    ok = first in timing and not set(others) & set(timing) and eyes.smp.visitor(first).get("Attribute12") == "時期"
    again = text("as well from e-Sales Manager", "eセールスマネージャーの失注も同様")
    yield Check("lost_deal_of_esales_nurtured", ok, again)


def of_parked(parked: Mapping[str, int]) -> Check:
    """Only addresses that Salesforce does not take, such as those in full width, wait for a person."""
    only = all(cause.endswith("INVALID_EMAIL_ADDRESS") for cause in parked)
    return Check("only_bad_rows_parked", only, text("only unusable addresses are parked", "保留は使えないアドレスのみ"))


def of_ledgers(runs: Mapping[str, Report]) -> Iterator[Check]:
    """Whatever was read was used, unchanged, parked, ignored or deferred; and all runs went well."""
    balanced = all(counts.balances() for report in runs.values() for counts in report.ledger.values())
    yield Check("ledgers_balance", balanced, text("every ledger balances", "すべての台帳が一致"))
    well = all(report.exit is Exit.DONE for name, report in runs.items() if name != "first")
    yield Check("later_runs_done", well, text("later runs ended well", "2回目以降の実行も正常終了"))


def _linked(world: World, eyes: Eyes) -> bool:
    """Each character known to the MA and an SFA bears one key, on one record of each SFA, and nobody else's."""
    keys = []
    for who in world.cast.characters():
        rows = [eyes.person(each) for each in who.records]
        found = [row["MA_Person_Id__c"] for row in rows if row.get("MA_Person_Id__c")]
        if who.visitors and len(found) != 1:
            return False
        keys += found
    branches = world.systems.branches
    in_salesforce = eyes.person(branches.shared.salesforce).get("MA_Person_Id__c")
    in_kintone = eyes.record(Place("kintone/people", branches.shared.kintone))["ma_key"]
    keys += [eyes.record(Place("esales/person", str(branches.machinist.esales))).get("MA人物ID"), in_kintone]
    return in_salesforce == in_kintone and all(keys) and len(keys) == len(set(keys))


ONE = 0.98
"""So many of those with several records must be known as one person; the rest have no address in one of them."""


def _told_apart(world: World) -> Check:
    """Nobody is mistaken for somebody else, and nearly all who stand in several places are one person."""
    with world.app() as app, app.reading() as conn:
        identity = {(one.person.ref.system, one.person.ref.id): one.identity for one in all_filed(conn, 0, 1_000_000)}
    found = [
        (
            {identity["shanon", str(no)] for no in visitors} | {identity["salesforce", id_] for id_ in records},
            len(visitors) + len(records),
        )
        for visitors, records in world.cast.extras
    ]
    several = [ids for ids, count in found if count > 1]
    one = sum(len(ids) == 1 for ids in several)
    whose = Counter(each for ids, _ in found for each in ids)
    ok = max(whose.values()) == 1 and one >= ONE * len(several)
    said = text(
        "who is who: nobody mistaken for another, {one} of {all} with several records known as one",
        "名寄せ: 別人の混同なし、複数レコードの{all}人中{one}人を1人と認識",
        one=one,
        all=len(several),
    )
    return Check("told_apart", ok, said)


def _leads_made_once(eyes: Eyes, before: Picture) -> bool:
    """Warm enough, under our key, and with an address that no other record has; mailboxes of the house apart."""
    people = [*eyes.org.records("Lead"), *eyes.org.records("Contact")]
    made = [
        row for row in people if Place("Lead", row["Id"]) not in before and Place("Contact", row["Id"]) not in before
    ]
    ids = {row["Id"] for row in made}
    own = [address for row in made if (address := _address(row)) and not address.startswith("info@")]
    others = {_address(row) for row in people if row["Id"] not in ids}
    others |= {sold.address for sold in _sold_elsewhere(eyes)} - {""}
    warm = all(row.get("MA_Score__c", 0) >= WARM and row.get("MA_Person_Id__c") for row in made)
    return bool(made) and warm and len(own) == len(set(own)) and not others & set(own)


def _address(row: Mapping[str, Any], field: str = "Email") -> str:
    return unicodedata.normalize("NFKC", row.get(field) or "").lower()


@dataclass(frozen=True, slots=True)
class Sold:
    """A deal in any SFA, with the address of somebody who takes part in it."""

    address: str
    company: str
    open: bool
    lost: bool
    closed_at: datetime | None
    reason: str
    percent: float


def _sold(eyes: Eyes) -> Iterator[Sold]:
    yield from _sold_in_salesforce(eyes)
    yield from _sold_elsewhere(eyes)


def _sold_in_salesforce(eyes: Eyes) -> Iterator[Sold]:
    accounts = {row["Id"]: row["Name"] for row in eyes.org.records("Account")}
    parts = defaultdict(list)
    for role in eyes.org.records("OpportunityContactRole"):
        parts[role["OpportunityId"]].append(_address(eyes.person(role["ContactId"])))
    for row in eyes.org.records("Opportunity"):
        closed_at = datetime.fromisoformat(row["LastStageChangeDate"]) if row["IsClosed"] else None
        lost, reason = row["IsClosed"] and not row["IsWon"], row.get("Loss_Reason__c") or ""
        for address in parts[row["Id"]] or [""]:
            company = accounts[row["AccountId"]]
            yield Sold(address, company, not row["IsClosed"], lost, closed_at, reason, row["Probability"])


def _sold_elsewhere(eyes: Eyes) -> Iterator[Sold]:
    """In kintone and in e-Sales Manager, where fields have the same names but for a few."""
    people = {row["顧客番号"]: _address(row, "メールアドレス") for row in eyes.app("people")}
    for row in eyes.app("deals"):
        yield _sold_as(row, people[row["顧客番号"]], row["会社名"], row["確度"])
    cards = {row["名刺コード"]: _address(row, "メールアドレス") for row in eyes.cards("person")}
    customers = {row["顧客コード"]: row["顧客名"] for row in eyes.cards("customer")}
    for card in eyes.cards("business"):
        yield _sold_as(card, cards[card["先方担当者"]], customers[card["顧客コード"]], card["受注確度"])


def _sold_as(row: Mapping[str, Any], address: str, company: str, chance: str) -> Sold:
    stage, day = row["進捗"], row.get("完了日")
    closed_at = datetime.fromisoformat(str(day)).replace(tzinfo=JST) if day else None
    closed = stage in ("受注", "失注")
    return Sold(address, company, not closed, stage == "失注", closed_at, row.get("失注理由") or "", CHANCES[chance])


def _nurture_is_right(eyes: Eyes, now: datetime) -> bool:
    """On each list stand those whose last deal was lost long enough ago for its reason, one record per person."""
    visitors = defaultdict(list)
    for visitor in eyes.smp.visitors():
        visitors[_address(visitor)].append(visitor)
    expected = {address: name for address, name in _lost(eyes, now).items() if _may_be_mailed(visitors[address])}
    found = {
        _address(eyes.smp.visitor(member)): name
        for name in (*NURTURE.values(), OTHERWISE)
        for member in eyes.members(name)
    }
    return bool(found) and found == expected


def _lost(eyes: Eyes, now: datetime) -> dict[str, str]:
    """Addresses of people who may be mailed, and the list that the deal they lost last leads to."""
    parts = defaultdict(list)
    for sold in _sold(eyes):
        parts[sold.address].append(sold)
    refused = {
        _address(row) for name in ("Lead", "Contact") for row in eyes.org.records(name) if row["HasOptedOutOfEmail"]
    }
    refused |= {_address(row, "メールアドレス") for row in eyes.app("people") if row["メール配信"]}
    found = {}
    for address, own in parts.items():
        lost = [(sold.closed_at, sold.reason) for sold in own if sold.lost and sold.closed_at]
        rested = [each for each in lost if each[0] <= now - REST]
        if address and rested and address not in refused and not any(sold.open for sold in own):
            found[address] = NURTURE.get(max(rested)[1], OTHERWISE)
    return found


def _may_be_mailed(records: list[dict[str, Any]]) -> bool:
    refused = any(row["UnsubscribeStatus"] == 1 or row["PermissionType"].id != 1 for row in records)
    return not refused and any(row["EmailValid"].id == 1 for row in records)


def _protection_is_right(eyes: Eyes) -> bool:
    """On the list stand all people of companies with a likely deal, however they wrote the name, and no one else."""
    names = {_LEGAL_FORM.sub("", sold.company) for sold in _sold(eyes) if sold.open and sold.percent >= SURE}
    expected = set()
    for visitor in eyes.smp.visitors():
        typed = unicodedata.normalize("NFKC", str(visitor.get("CompanyName") or ""))
        if any(name in typed for name in names):
            expected.add(visitor["Id"])
    return bool(expected) and set(eyes.members(PROTECTED.removeprefix("list/"))) == expected
