"""What an administrator set up in both systems before anything happened: fields, lists, users, pages, campaigns."""

from __future__ import annotations

from dataclasses import dataclass

from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.shanon import ShanonEmulator

LISTS = ("do-not-mass-mail", "nurture-budget", "nurture-timing", "nurture-lost", "メールマガジン")
LOST_REASONS = ("予算", "時期", "競合", "その他")
PRODUCTS = ("勤怠クラウド", "経費クラウド", "請求クラウド")
RESULTS = ("興味あり", "不在", "折り返し待ち", "興味なし", "資料送付")
SITE = "https://www.mirai-soft-example.co.jp"
_REPS = ("佐久間 翼", "神田 由紀", "早川 健", "黒田 美月", "大西 翔", "白石 遥", "浅野 学", "三宅 玲奈")
_INSIDE_SALES = ("相沢 桃", "速水 蓮")


@dataclass(frozen=True, slots=True)
class Staff:
    """Users of Salesforce by their ids. `left` owns accounts still, but is not active any more."""

    reps: tuple[str, ...]
    inside: tuple[str, ...]
    left: str


def set_up(org: SalesforceEmulator, smp: ShanonEmulator) -> Staff:
    """Add fields, lists and people of our own to two systems that are as they came."""
    _fields(org)
    _least_rights(org)
    _attributes(smp)
    for name in LISTS:
        smp.create_list(name)
    return Staff(
        tuple(_user(org, name, "営業部") for name in _REPS),
        tuple(_user(org, name, "インサイドセールス") for name in _INSIDE_SALES),
        _user(org, "松永 豊", "営業部"),
    )


def list_ids(smp: ShanonEmulator) -> dict[str, int]:
    """The lists' ids by name."""
    return {name: number for number, name in smp.lists().items()}


def _user(org: SalesforceEmulator, name: str, department: str) -> str:
    family, given = name.split()
    return org.add_user(family, FirstName=given, Department=department)


def _fields(org: SalesforceEmulator) -> None:
    for person in ("Lead", "Contact"):
        org.add_field(person, name="MA_Person_Id__c", label="MA 人物ID", length=64, external_id=True, unique=True)
        org.add_field(person, name="MA_Score__c", type="double", label="MA スコア", scale=2)
        org.add_field(person, name="MA_Band__c", label="MA ランク", length=20)
        org.add_field(person, name="MA_Score_Why__c", label="MA スコアの根拠")
        org.add_field(person, name="MA_Last_Touch__c", label="MA 最終接点")
    org.add_field("Activity", name="MA_Key__c", label="MA キー", length=64, external_id=True, unique=True)
    org.add_field("Opportunity", name="Loss_Reason__c", type="picklist", label="失注理由", picklist=LOST_REASONS)
    org.add_field("Opportunity", name="Product__c", label="製品", length=80)


def _least_rights(org: SalesforceEmulator) -> None:
    """The permission set of docs/quickstart.md, and no more."""
    org.deny("Lead", "delete")
    org.deny("Contact", "create", "delete")
    for name in ("Account", "Opportunity", "OpportunityContactRole", "Event"):
        org.deny(name, "create", "edit", "delete")


def _attributes(smp: ShanonEmulator) -> None:
    smp.define_attribute(12, "失注理由")
    smp.define_attribute(13, "失注日")
    smp.define_attribute(14, "検討製品")
