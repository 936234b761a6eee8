"""The sheets of esm and their standard items.

Known from public pages: the prefixes of customer, businesscard, businessplan, deal, product, task and appextender; the
items of customer, product and appextender; `relational_customer` of businesscard; the system items. The other
prefixes and items are inventions of this sandbox: a real tenant tells its own by a GET of a filled record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connector.sandbox.esales.esm.settings import EsmSettings
from connector.sandbox.esales.sheets import Column, Sheet

PREFIXES = {
    "customer": "customers.customer",
    "businesscard": "business_cards.business_card",
    "businessplan": "businessplans.businessplan",
    "activity": "activities.activity",
    "task": "tasks.task",
    "employee": "employees.employee",
    "deal": "deals.deal",
    "product": "products.product",
    "milestone": "milestones.milestone",
}
LISTED = ("businesscard", "customer", "businessplan")
CUSTOM = {
    "text": "STRING",
    "textarea": "MEMO",
    "pulldown": "SELECT",
    "radio_button": "SELECT",
    "checkbox": "SELECT",
    "number": "NUMBER",
    "date": "DATE",
    "time": "TIME",
    "datetime": "DATETIME",
    "file": "FILE",
    "link": "URL",
    "telno": "TELNO",
    "address": "ADDRESS",
    "email": "EMAIL",
    "suggest": "SB_RELATION",
    "functional_number": "NUMBER",
    "functional_string": "STRING",
}
STAGES = ("初回訪問", "提案", "見積", "受注", "失注")

_Item = tuple[str, str, str, dict[str, Any]]


def _item(name: str, title: str, type: str = "STRING", **more: Any) -> _Item:  # noqa: A002  the word of the product
    return name, title, type, more


def _select(name: str, title: str, *choices: str) -> _Item:
    return _item(name, title, "SELECT", choices=dict(enumerate(choices, 1)))


def _link(name: str, title: str, sheet: str, **more: Any) -> _Item:
    return _item(name, title, "SB_RELATION", link=sheet, **more)


_ITEMS: dict[str, list[_Item]] = {
    "customer": [
        _item("customer_name", "顧客名", required=True),
        _item("customer_name_other", "顧客名(かな)"),
        _select("customer_type", "顧客タイプ", "顧客", "見込顧客", "代理店"),
        _select("existing_flg", "存続フラグ", "存続", "倒産"),
        _item("address", "住所", "ADDRESS"),
        _item("tel_no", "電話番号", "TELNO"),
        _item("url", "URL", length=2000),
        _item("memo", "メモ", "MEMO"),
        _select("business_type", "業種", "製造業", "情報通信業", "卸売業", "小売業", "サービス業"),
        _link("relational_parent_customer", "親顧客", "customer"),
    ],
    "businesscard": [
        _item("name", "氏名", required=True),
        _item("name_kana", "氏名(かな)"),
        _link("relational_customer", "顧客", "customer", required=True),
        _item("department", "部署"),
        _item("position", "役職"),
        _item("email", "メールアドレス", "EMAIL"),
        _item("tel_no", "電話番号", "TELNO"),
        _item("mobile_no", "携帯電話", "TELNO"),
        _item("address", "住所", "ADDRESS"),
        _item("memo", "メモ", "MEMO"),
    ],
    "businessplan": [
        _item("businessplan_name", "案件名", required=True),
        _link("relational_customer", "顧客", "customer", required=True),
        _select("progress", "進捗", *STAGES),
        _select("probability", "受注確度", "A", "B", "C", "D"),
        _item("order_date", "受注予定日", "DATE"),
        _item("amount", "金額", "NUMBER"),
        _item("lost_reason", "失注理由", "MEMO"),
        _link("relational_employee", "主担当", "employee"),
    ],
    "activity": [
        _link("relational_businessplan", "案件", "businessplan", required=True),
        _item("activity_datetime", "活動日時", "DATETIME"),
        _item("content", "活動内容", "MEMO"),
        _link("relational_business_card", "当日面談者", "businesscard", many=True),
    ],
    "task": [
        _item("task_name", "タスク名", required=True),
        _item("limit_date", "期限", "DATE"),
        _select("status", "ステータス", "未着手", "着手中", "完了"),
        _select("priority", "優先度", "高", "中", "低"),
        _item("memo", "メモ", "MEMO"),
        _link("relational_customer", "顧客", "customer"),
        _link("relational_business_card", "名刺", "businesscard", many=True),
        _link("relational_employee", "担当者", "employee"),
    ],
    "employee": [
        _item("employee_name", "社員名", required=True),
        _item("login_id", "ログインID"),
        _item("email", "メールアドレス", "EMAIL"),
    ],
    "deal": [
        _link("relational_businessplan", "案件", "businessplan", required=True),
        _link("relational_product", "商品", "product"),
        _item("quantity", "数量", "NUMBER"),
        _item("amount", "金額", "NUMBER"),
    ],
    "product": [
        _item("product_name", "商品名", required=True),
        _item("product_name_designation", "商品名(呼称)"),
        _select("product_category", "所属カテゴリ", "全商品", "ライセンス", "Cloudサービス"),
        _item("unit_price", "参考標準価格", "NUMBER"),
        _item("product_picture", "商品画像", "FILE"),
        _item("is_available", "使用可否", "BOOLEAN"),
        _item("memo", "メモ", "MEMO"),
    ],
    "milestone": [
        _item("milestone_name", "マイルストーン名", required=True),
        _link("relational_businessplan", "案件", "businessplan", required=True),
        _item("plan_date", "予定日", "DATE"),
    ],
    "schedule": [
        _item("schedule_name", "件名", required=True),
        _item("start_datetime", "開始日時", "DATETIME"),
        _item("end_datetime", "終了日時", "DATETIME"),
        _link("relational_employee", "社員", "employee"),
    ],
}
_APP = [
    _item("name", "レコード名", required=True),
    _item("name_kana", "レコード名(かな)"),
    _item("memo", "メモ", "MEMO"),
    _item("is_use", "表示フラグ", "BOOLEAN"),
]


def _sheet(name: str, prefix: str, items: Sequence[_Item]) -> Sheet:
    def key(short: str) -> str:
        return f"{prefix}.{short}"

    columns = [Column(key(short), title, kind, **more) for short, title, kind, more in items]
    system = [
        ("id", "ID", "NUMBER"),
        ("system_reg_date", "登録日", "DATETIME"),
        ("system_reg_user", "登録者", "NUMBER"),
    ]
    system += [("system_upd_date", "変更日", "DATETIME"), ("system_upd_user", "変更者", "NUMBER")]
    columns += [Column(key(short), title, kind, read_only=True) for short, title, kind in system]
    stamps = key("system_reg_date"), key("system_upd_date"), key("system_reg_user"), key("system_upd_user")
    return Sheet(name, key("id"), *stamps).add(columns)


def app_sheet(name: str) -> Sheet:
    """A 拡張アプリ, such as `sheet_134`."""
    return _sheet(name, f"appextender.{name}", _APP)


def sheets(settings: EsmSettings) -> dict[str, Sheet]:
    """The sheets of a fresh tenant by name."""
    prefixes = {**PREFIXES, "schedule": settings.schedule}
    found = [_sheet(name, prefixes[name], items) for name, items in _ITEMS.items()]
    return {sheet.name: sheet for sheet in [*found, app_sheet(settings.app)]}


def prefix_of(sheet: Sheet) -> str:
    """What the item keys of a sheet begin with."""
    return str(sheet.key).rpartition(".")[0]
