"""The world moves: each move acts on the emulated systems alone, and says what should follow from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple

from connector.demo.eyes import Eyes, Place
from connector.demo.world import World
from connector.errors import Text, text
from connector.sandbox.company.calendar import JST
from connector.sandbox.company.names import full_width
from connector.sandbox.company.sales import LOST
from connector.sandbox.company.setting import SITE
from connector.sandbox.seed import Character

KEY = frozenset({"MA_Person_Id__c"})
SCORE = frozenset({"MA_Score__c", "MA_Band__c", "MA_Score_Why__c", "MA_Last_Touch__c"})
SCORE_IN_ESALES = frozenset({"MAスコア", "MAランク", "MAスコア根拠", "MA最終接点"})
SCORE_IN_KINTONE = SCORE_IN_ESALES | {"MA接点"}
PROTECTED = "list/do-not-mass-mail"
PAUSE = timedelta(minutes=2)


class Alert(NamedTuple):
    """An alert that must appear: for whom, about which person and which deal, in which SFA."""

    owner: str
    who: str
    what: str | None = None
    system: str = "salesforce"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What should follow from a move. Nothing but this may differ afterwards."""

    move: str
    moved: Text
    follows: Text
    changed: Mapping[Place, frozenset[str]] = field(default_factory=dict)
    """Records that must change, and the fields that may."""
    new: frozenset[Place] = frozenset()
    gone: frozenset[Place] = frozenset()
    alert: Alert | None = None
    seen: Callable[[Eyes], bool] = lambda _: True
    """Whether the changed records say the right thing."""


def move_the_world(world: World) -> list[Effect]:
    """Everything that happens between the first and the second run, some minutes apart."""
    effects = []
    for move in MOVES:
        world.clock.advance(PAUSE)
        effects.append(move(world))
    world.clock.advance(PAUSE)
    return effects


def _score(record: Place, least: float, word: str) -> Callable[[Eyes], bool]:
    """The record has at least so many points, and the text that gives the reasons begins with them and has the word."""

    def seen(eyes: Eyes) -> bool:
        row = eyes.record(record)
        points, why = (
            row.get("MA_Score__c", row.get("MAスコア")),
            row.get("MA_Score_Why__c", row.get("MAスコア根拠")) or "",
        )
        points = float(points or 0)
        return points >= least and why.startswith(f"{points:g}点") and word in why

    return seen


def _task_says_why(eyes: Eyes, deal: str, record: Place) -> bool:
    """The task on the deal tells what was read, and gives the score with its reasons."""
    said = [task.get("Description") or "" for task in eyes.tasks() if task.get("WhatId") == deal]
    return len(said) == 1 and "料金" in said[0] and eyes.record(record)["MA_Score_Why__c"] in said[0]


def _contact(who: Character) -> Place:
    return Place("Contact", who.records[0])


def _price_page_read(world: World) -> Effect:
    who = world.cast.stalled
    contact = _contact(who)
    world.smp.add_page_view(who.visitors[0], f"{SITE}/price", "料金", world.clock())
    return Effect(
        move="stalled_deal_stirs",
        moved=text("a stalled deal's contact reads the price page", "停滞案件の担当者が料金ページを閲覧"),
        follows=text("task for the deal's owner, score up", "案件の担当営業に ToDo、スコア上昇"),
        changed={contact: SCORE},
        alert=Alert(who.owner, contact.id, who.deal),
        seen=lambda eyes: _score(contact, 25, "料金ページ")(eyes) and _task_says_why(eyes, who.deal, contact),
    )


def _deal_lost(world: World) -> Effect:
    who = world.cast.losing
    today = world.clock().date().isoformat()
    world.org.update("Opportunity", who.deal, {"StageName": LOST, "Loss_Reason__c": "予算", "CloseDate": today})
    return Effect(
        move="deal_lost_for_budget",
        moved=text("a deal at 75 % is lost for budget", "確度75%の案件が予算を理由に失注"),
        follows=text(
            "its company may be mailed again; nurture begins after 14 days",
            "同社へのメール配信を解禁。ナーチャリングは14日後から",
        ),
        gone=frozenset(Place(PROTECTED, str(visitor)) for visitor in who.visitors),
    )


def _old_customer_registers(world: World) -> Effect:
    who = world.cast.customer
    family, given = who.name.split()
    local, _, domain = who.email.partition("@")
    typed = {"Name1": family, "Name2": given, "CompanyName": "月見製菓（株）"}
    visitor = world.smp.add_visitor({**typed, "Email": f"{full_width(local.upper())}@{domain}"})
    world.smp.add_application(visitor, world.cast.webinar, world.clock())
    return Effect(
        move="registrant_is_old_customer",
        moved=text(
            "a webinar registrant (address in full width) turns out to be an old customer",
            "セミナー申込者（全角アドレス）が実は既存顧客",
        ),
        follows=text("linked to the contact, task for its owner", "取引先責任者に紐づけ、担当営業に ToDo"),
        changed={_contact(who): KEY | SCORE},
        alert=Alert(who.owner, who.records[0], who.deal),
    )


def _deal_opens(world: World) -> Effect:
    who = world.cast.growing
    deal = {"Name": "銀河ロジスティクス 勤怠クラウド", "AccountId": who.account, "OwnerId": who.owner}
    closes = (world.clock() + timedelta(days=45)).date().isoformat()
    deal_id = world.org.create("Opportunity", {**deal, "StageName": "Perception Analysis", "CloseDate": closes})
    world.org.create("OpportunityContactRole", {"OpportunityId": deal_id, "ContactId": who.records[0]})
    return Effect(
        move="deal_opens_at_70_percent",
        moved=text(
            "a 70 % deal opens at a company with five people on the mailing list",
            "メルマガ読者が5人いる会社で確度70%の案件が発生",
        ),
        follows=text("all five are kept off mass mails", "5人とも一斉配信の対象外に"),
        new=frozenset(Place(PROTECTED, str(visitor)) for visitor in who.visitors),
    )


def _opts_out(world: World) -> Effect:
    who = world.cast.leaving
    world.smp.unsubscribe(who.visitors[0])
    return Effect(
        move="person_opts_out",
        moved=text("one person in nurture opts out of mail", "ナーチャリング中の1人が配信停止"),
        follows=text("the contact says so, the list lets go", "取引先責任者に反映、リストから除外"),
        changed={_contact(who): frozenset({"HasOptedOutOfEmail"})},
        gone=frozenset({Place("list/nurture-timing", str(who.visitors[0]))}),
        seen=lambda eyes: eyes.record(_contact(who))["HasOptedOutOfEmail"] is True,
    )


def _call_recorded(world: World) -> Effect:
    who = world.cast.called
    lead = Place("Lead", who.records[0])
    call = {"Subject": "Call", "TaskSubtype": "Call", "Status": "Completed", "CallDisposition": "興味あり"}
    world.org.create("Task", {**call, "WhoId": lead.id, "OwnerId": world.cast.inside_sales})
    return Effect(
        move="call_result_recorded",
        moved=text("inside sales records a call: interested", "インサイドセールスが架電結果「興味あり」を記録"),
        follows=text("the lead turns hot, task for its owner", "リードがホットに、担当者に ToDo"),
        changed={lead: SCORE},
        alert=Alert(who.owner, lead.id),
        seen=lambda eyes: _score(lead, 40, "電話で興味あり")(eyes) and eyes.record(lead)["MA_Band__c"] == "hot",
    )


def _lead_converted(world: World) -> Effect:
    who = world.cast.converting
    _, contact, _ = world.org.convert_lead(who.records[0])
    return Effect(
        move="lead_converted",
        moved=text("a lead is converted", "リードを取引の開始（コンバート）"),
        follows=text("the score goes on in the new contact", "スコアは新しい取引先責任者へ引き継ぎ"),
        changed={Place("Contact", contact): KEY | SCORE},
        seen=_score(Place("Contact", contact), 18, "資料請求"),
    )


def _contacts_merged(world: World) -> Effect:
    who = world.cast.twin
    first, second = who.records
    world.org.merge("Contact", second, [first])
    return Effect(
        move="contacts_merged",
        moved=text("two contacts are merged into the younger one", "重複した取引先責任者2件を新しい方に統合"),
        follows=text("the score goes on in the one that is left", "スコアは残った方へ引き継ぎ"),
        changed={Place("Contact", second): KEY | SCORE},
        seen=_score(Place("Contact", second), 10, "ウェビナー"),
    )


def _deal_in_kintone_stirs(world: World) -> Effect:
    who = world.systems.branches.shared
    contact, person = Place("Contact", who.salesforce), Place("kintone/people", who.kintone)
    world.smp.add_page_view(who.visitors[0], f"{SITE}/price", "料金", world.clock())

    def seen(eyes: Eyes) -> bool:
        both = [eyes.record(contact)["MA_Score_Why__c"], eyes.record(person)["MAスコア根拠"]]
        recent = eyes.record(person)["MA接点"]
        return _score(person, 15, "料金ページ")(eyes) and both[0] == both[1] and "料金" in str(recent[0])

    return Effect(
        move="deal_in_kintone_stirs",
        moved=text(
            "a contact in Salesforce, whose stalled deal is in kintone, reads the price page",
            "Salesforce の取引先責任者（停滞案件は kintone）が料金ページを閲覧",
        ),
        follows=text("alert in kintone alone, score in both", "通知は案件のある kintone のみ、スコアは両方に"),
        changed={contact: SCORE, person: SCORE_IN_KINTONE},
        alert=Alert(who.owner, who.kintone, who.deal, "kintone"),
        seen=seen,
    )


def _no_said_in_kintone(world: World) -> Effect:
    who = world.systems.branches.refusing
    app = world.systems.branches.apps.people.id
    world.systems.kintone.update(app, who.kintone, {"メール配信": ["停止"]}, user=who.owner)
    visitor = Place("visitor", str(who.visitors[0]))
    return Effect(
        move="no_to_mail_said_in_kintone",
        moved=text("a rep notes in kintone that somebody wants no mail", "営業が kintone に「メール配信停止」を記録"),
        follows=text("the MA says so, too", "MA でも配信停止に"),
        changed={visitor: frozenset({"UnsubscribeStatus", "UnsubscribeDate"})},
        seen=lambda eyes: eyes.smp.visitor(who.visitors[0])["UnsubscribeStatus"] == 1,
    )


def _deal_in_esales_stirs(world: World) -> Effect:
    who = world.systems.branches.machinist
    card = Place("esales/person", str(who.esales))
    world.smp.add_page_view(who.visitors[0], f"{SITE}/price", "料金", world.clock())
    return Effect(
        move="deal_in_esales_stirs",
        moved=text(
            "a stalled deal's contact in e-Sales Manager reads the price page",
            "eセールスマネージャーの停滞案件の担当者が料金ページを閲覧",
        ),
        follows=text("a row in its alert sheet, score on the card", "通知用の拡張シートに1行、名刺のスコア上昇"),
        changed={card: SCORE_IN_ESALES},
        alert=Alert(who.owner, str(who.esales), who.deal, "esales"),
        seen=_score(card, 15, "料金ページ"),
    )


def _deal_in_esales_lost(world: World) -> Effect:
    who = world.systems.branches.losing
    closed_on = world.systems.branches.columns.closed_on
    lost = {203: "失注", 207: "時期", closed_on: world.clock().astimezone(JST).date()}
    world.systems.remix.update("business", int(who.deal), lost)
    return Effect(
        move="deal_in_esales_lost",
        moved=text(
            "a likely deal in e-Sales Manager is lost, for now is not the time",
            "eセールスマネージャーの有望案件が「時期」を理由に失注",
        ),
        follows=text(
            "its company may be mailed again; nurture begins after 14 days",
            "同社へのメール配信を解禁。ナーチャリングは14日後から",
        ),
        gone=frozenset(Place(PROTECTED, str(visitor)) for visitor in who.visitors),
    )


MOVES: Sequence[Callable[[World], Effect]] = (
    _price_page_read,
    _deal_lost,
    _old_customer_registers,
    _deal_opens,
    _opts_out,
    _call_recorded,
    _lead_converted,
    _contacts_merged,
    _deal_in_kintone_stirs,
    _no_said_in_kintone,
    _deal_in_esales_stirs,
    _deal_in_esales_lost,
)
