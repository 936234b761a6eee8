"""The entities of Remix and their standard columns.

The codes of person and customer, 201, 202 and 216 of business, 1303, 1304 and 1305 of schedule are those that public
code uses (a sync application's column maps, a client for Google Apps Script, a Spring demo). All other codes are
inventions of this sandbox: a real tenant tells its own by `entities/columns`.
"""

from __future__ import annotations

from collections.abc import Mapping

from connector.sandbox.esales.sheets import Column, Sheet

FIRST_CUSTOM_CODE = 10001

_RANKS = {1: "A", 2: "B", 3: "C"}
_TRADES = {1: "製造業", 2: "情報通信業", 3: "卸売業", 4: "小売業", 5: "サービス業"}
_POSTS = {1: "役員", 2: "部長", 3: "課長", 4: "一般"}
_DEPARTMENTS = {1: "営業", 2: "マーケティング", 3: "情報システム", 4: "経営企画"}
STAGES = {1: "初回訪問", 2: "提案", 3: "見積", 4: "受注", 5: "失注"}
PROBABILITIES = {1: "A", 2: "B", 3: "C", 4: "D"}


def _texts(names: Mapping[int, str]) -> list[Column]:
    return [Column(code, name, "text") for code, name in names.items()]


def _key(code: int, name: str) -> Column:
    return Column(code, name, "num", read_only=True)


def _link(code: int, name: str, entity: str, *, required: bool = False) -> Column:
    return Column(code, name, "num", link=entity, required=required)


def _select(code: int, name: str, choices: Mapping[int, str]) -> Column:
    return Column(code, name, "select", choices=choices)


def _sheet(name: str, key: int, created: int, changed: int, columns: list[Column]) -> Sheet:
    stamps = [
        Column(code, text, "datetime", read_only=True) for code, text in ((created, "登録日"), (changed, "変更日"))
    ]
    return Sheet(name, key, created, changed).add([*columns, *stamps])


def entities(extension: str) -> dict[str, Sheet]:
    """The entities of a fresh tenant by name; `extension` is the name of its 拡張シート."""
    customer = [
        _key(318, "顧客コード"),
        Column(301, "顧客名", "text", required=True),
        *_texts({302: "顧客名(かな)", 303: "郵便番号", 304: "住所", 305: "TEL1", 306: "TEL2", 307: "FAX", 308: "URL"}),
        *_texts({309: "備考", 311: "代表者", 312: "代表者(かな)"}),
        Column(310, "上場区分", "num"),
        Column(313, "設立日", "date"),
        Column(315, "資本金", "decimal"),
        Column(316, "従業員数", "num"),
        Column(335, "有効フラグ", "num"),
        Column(338, "代理店", "num"),
        _select(339, "顧客ランク", _RANKS),
        _select(340, "業種", _TRADES),
        Column(341, "顧客レベル", "num"),
    ]
    person = [
        _key(928, "名刺コード"),
        _link(902, "顧客コード", "customer", required=True),
        Column(903, "氏名", "text", required=True),
        *_texts({918: "氏名(かな)", 904: "部署", 905: "役職", 906: "郵便番号", 907: "住所", 945: "建物・番地"}),
        *_texts({909: "TEL", 910: "内線", 911: "FAX", 912: "携帯電話", 913: "携帯メールアドレス"}),
        *_texts({914: "メールアドレス", 915: "URL", 916: "備考"}),
        Column(925, "メール配信", "num"),
        Column(927, "有効フラグ", "num"),
        _select(939, "役職区分", _POSTS),
        _select(940, "部署区分", _DEPARTMENTS),
    ]
    business = [
        _key(201, "案件コード"),
        Column(202, "案件名", "text", required=True),
        _link(216, "顧客コード", "customer", required=True),
        _select(203, "進捗", STAGES),
        _select(204, "受注確度", PROBABILITIES),
        Column(205, "受注予定日", "date"),
        Column(206, "金額", "num"),
        Column(207, "失注理由", "text"),
        _link(208, "主担当", "employee"),
    ]
    communication = [
        _key(401, "活動コード"),
        Column(402, "活動内容", "text"),
        _link(403, "案件コード", "business", required=True),
        Column(404, "活動日時", "datetime"),
        _link(405, "面談者", "person"),
    ]
    todo = [
        _key(1401, "ToDoコード"),
        Column(1402, "件名", "text", required=True),
        Column(1403, "期限", "date"),
        _link(1404, "担当者", "employee"),
        Column(1405, "内容", "text"),
        _link(1406, "名刺コード", "person"),
        _link(1407, "顧客コード", "customer"),
        _link(1408, "案件コード", "business"),
        Column(1409, "完了フラグ", "num"),
    ]
    schedule = [
        _key(1301, "スケジュールコード"),
        _link(1302, "担当者", "employee"),
        Column(1303, "開始日時", "datetime"),
        Column(1304, "終了日時", "datetime"),
        Column(1305, "件名", "text"),
    ]
    employee = [
        _key(101, "社員コード"),
        Column(102, "社員番号", "text", required=True),
        Column(103, "社員名", "text", required=True),
        Column(104, "メールアドレス", "text"),
    ]
    extended = [
        _key(20001, "拡張シートコード"),
        Column(20002, "名称", "text", required=True),
        _link(20003, "紐付(顧客)", "customer"),
        _link(20004, "紐付(案件)", "business"),
        _link(20005, "紐付(名刺)", "person"),
    ]
    sheets = [
        _sheet("customer", 318, 332, 334, customer),
        _sheet("person", 928, 932, 934, person),
        _sheet("business", 201, 232, 234, business),
        _sheet("communication", 401, 432, 434, communication),
        _sheet("todo", 1401, 1432, 1434, todo),
        _sheet("schedule", 1301, 1332, 1334, schedule),
        _sheet("employee", 101, 132, 134, employee),
        _sheet(extension, 20001, 20032, 20034, extended),
    ]
    return {sheet.name: sheet for sheet in sheets}
