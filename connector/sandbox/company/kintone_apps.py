"""What the branch in Osaka set up in kintone: apps for people, deals, and what marketing tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.sandbox.company.setting import LOST_REASONS, PRODUCTS
from connector.sandbox.kintone import KintoneEmulator

STAGES = ("初回訪問", "提案", "見積", "受注", "失注")
CHANCES = ("A", "B", "C")

Definition = dict[str, Any]


@dataclass(frozen=True, slots=True)
class App:
    """An app with a token that may view, add and edit, and the field by which its records are told apart."""

    id: str
    token: str
    key: str


@dataclass(frozen=True, slots=True)
class Apps:
    """The four apps of the branch."""

    people: App
    deals: App
    alerts: App
    touchpoints: App

    def by_name(self) -> Mapping[str, App]:
        """Each app by the name it has in a configuration."""
        return {name: getattr(self, name) for name in ("people", "deals", "alerts", "touchpoints")}


def set_up(kintone: KintoneEmulator) -> Apps:
    """Make the apps in a domain that is as it came."""
    people = _app(kintone, "顧客担当者", "ma_key", _PEOPLE)
    lookup = {
        "relatedApp": {"app": people.id, "code": ""},
        "relatedKeyField": "顧客番号",
        "fieldMappings": [
            {"field": "顧客担当者名", "relatedField": "氏名"},
            {"field": "会社名", "relatedField": "会社名"},
        ],
        "lookupPickerFields": ["氏名", "会社名"],
        "filterCond": "",
        "sort": "レコード番号 desc",
    }
    deals = _app(kintone, "案件管理", "案件番号", {**_DEALS, "顧客番号": _text("顧客番号") | {"lookup": lookup}})
    return Apps(
        people, deals, _app(kintone, "MAアラート", "ma_key", _ALERTS), _app(kintone, "MA接点履歴", "ma_key", _TOUCHES)
    )


def _app(kintone: KintoneEmulator, name: str, key: str, fields: Mapping[str, Definition]) -> App:
    made = kintone.create_app(name, {code: {"code": code, **each} for code, each in fields.items()})
    return App(made, kintone.add_token(made, "view", "add", "edit"), key)


def _field(kind: str, label: str, **more: Any) -> Definition:
    return {"type": kind, "label": label, "noLabel": False, "required": False, **more}


def _text(label: str, *, unique: bool = False) -> Definition:
    limits = {"unique": unique, "maxLength": "64" if unique else "", "minLength": "", "defaultValue": ""}
    return _field("SINGLE_LINE_TEXT", label, **limits)


def _lines(label: str) -> Definition:
    return _field("MULTI_LINE_TEXT", label, defaultValue="")


def _link(label: str) -> Definition:
    limits = {"unique": False, "maxLength": "", "minLength": "", "defaultValue": ""}
    return _field("LINK", label, protocol="WEB", **limits)


def _number(label: str) -> Definition:
    return _field("NUMBER", label, unique=False, maxValue="", minValue="", defaultValue="")


def _choice(label: str, choices: Sequence[str], kind: str = "DROP_DOWN", default: Any = "") -> Definition:
    options = {each: {"label": each, "index": str(index)} for index, each in enumerate(choices)}
    return _field(kind, label, options=options, defaultValue=default)


def _day(label: str) -> Definition:
    return _field("DATE", label, unique=False, defaultValue="", defaultNowValue=False)


def _moment(label: str) -> Definition:
    return _field("DATETIME", label, unique=False, defaultValue="", defaultNowValue=False)


def _user(label: str) -> Definition:
    return _field("USER_SELECT", label, entities=[], defaultValue=[])


_PEOPLE: Mapping[str, Definition] = {
    "顧客番号": _text("顧客番号", unique=True),
    "氏名": _text("氏名"),
    "会社名": _text("会社名"),
    "役職": _text("役職"),
    "メールアドレス": _text("メールアドレス"),
    "電話番号": _text("電話番号"),
    "担当者": _user("担当者"),
    "メール配信": _choice("メール配信", ["停止"], "CHECK_BOX", []),
    "ma_key": _text("MA 人物ID", unique=True),
    "MAスコア": _number("MA スコア"),
    "MAランク": _choice("MA ランク", ["ホット", "ウォーム"]),
    "MAスコア根拠": _text("MA スコアの根拠"),
    "MA最終接点": _text("MA 最終接点"),
    "MA接点": _field("SUBTABLE", "MA 最近の接点", fields={"MA接点内容": {"code": "MA接点内容", **_text("内容")}}),
}
_DEALS: Mapping[str, Definition] = {
    "案件番号": _text("案件番号", unique=True),
    "案件名": _text("案件名"),
    "顧客担当者名": _text("顧客担当者名"),
    "会社名": _text("会社名"),
    "担当者": _user("担当者"),
    "進捗": _choice("進捗", STAGES),
    "進捗更新日": _day("進捗更新日"),
    "確度": _choice("確度", CHANCES),
    "金額": _number("金額"),
    "受注予定日": _day("受注予定日"),
    "完了日": _day("完了日"),
    "失注理由": _choice("失注理由", LOST_REASONS),
    "製品": _choice("製品", PRODUCTS),
}
_ALERTS: Mapping[str, Definition] = {
    "ma_key": _text("MA キー", unique=True),
    "件名": _text("件名"),
    "内容": _lines("内容"),
    "担当者": _user("担当者"),
    "期限": _day("期限"),
    "人物": _link("人物"),
    "案件": _link("案件"),
    "対応状況": _choice("対応状況", ["未対応", "対応済"], "DROP_DOWN", "未対応"),
}
_TOUCHES: Mapping[str, Definition] = {
    "ma_key": _text("MA キー", unique=True),
    "件名": _text("件名"),
    "内容": _lines("内容"),
    "日時": _moment("日時"),
    "人物": _link("人物"),
    "人物ID": _text("人物ID"),
}
