"""A visitor (リード): its fields, what SMP puts into a new one, and how a body is read into fields.

Sources: the recorded answer in shanon-ruby (MIT), the columns in a public dbt model, the bodies sent by public code,
apidoc.shanon.co.jp for `visitor.put` and for the forms of attributes (`company.put`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from connector.sandbox.shanon.refusal import bad_item
from connector.sandbox.shanon.xml import Choice, Node, Value

TEXTS = {
    "LoginId", "Name1", "Name2", "Name3", "Name1Ka", "Name2Ka", "CompanyName", "CompanyNameKa", "Division", "Position",
    "Zip1", "Zip2", "Zip3", "Address1", "Address2", "Address3", "Address4", "Address5", "Tel", "SubTel", "Fax",
    "Email", "SubEmail", "Memo",
}  # fmt: skip
EMAILS = {"Email", "SubEmail"}
NUMBERS = {"EmailSendErrorCount", "SubEmailSendErrorCount", "UnsubscribeStatus"}
CHOICES: dict[str, dict[int, str]] = {
    "RegistrationType": {1: "本登録", 2: "仮登録"},
    "InspectionType": {1: "承認", 2: "否認", 3: "未検閲"},
    "PermissionType": {1: "希望する", 2: "希望しない"},
    "EmailValid": {1: "有効", 2: "無効"},
    "SubEmailValid": {1: "有効", 2: "無効"},
    "Membership": {1: "使用する", 2: "使用しない"},
    "Language": {1: "日本語", 2: "英語"},
    "Country": {1: "", 108: "Japan"},
    "Prefecture": {1: "北海道", 13: "東京都", 14: "神奈川県", 23: "愛知県", 27: "大阪府", 40: "福岡県", 48: ""},
}
READ_ONLY = {"UserId", "DateRegist", "DateUpdate", "UnsubscribeDate", "EmailValidDateUpdate", "SubEmailValidDateUpdate"}
REQUIRED = ("Name1", "Name2", "Email")
MAX_TEXT = 255
MAX_MEMO = 4000
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True, slots=True)
class Attribute:
    """An item that the account defined: text, or a choice of some or of many."""

    name: str
    choices: Mapping[int, str] = field(default_factory=dict)
    many: bool = False


def fresh(visitor_id: int) -> dict[str, Value]:
    """What SMP fills in by itself; the user's number isn't the lead's."""
    chosen = {"RegistrationType": 1, "InspectionType": 3, "PermissionType": 1, "EmailValid": 1, "SubEmailValid": 1}
    chosen |= {"Membership": 1, "Language": 1, "Country": 1, "Prefecture": 48}
    return {
        "Id": visitor_id,
        "UserId": visitor_id + 6,
        "LoginId": f"v{visitor_id:07d}",
        "EmailSendErrorCount": 0,
        "SubEmailSendErrorCount": 0,
        "UnsubscribeStatus": 0,
        **{name: Choice(number, CHOICES[name][number]) for name, number in chosen.items()},
    }


class Fields:
    """Turns what was sent into values, by the account's attributes."""

    def __init__(self, attributes: Mapping[int, Attribute]) -> None:
        self._attributes = attributes

    def read(self, body: Node, *, check: bool) -> dict[str, Value]:
        """The fields of a body, without Id; None where an element is empty.

        Args:
            body: the element `VisitorData`.
            check: whether required elements, types and choices are looked at (`ignore_itemcheck` isn't 1).

        Raises:
            Refusal: an element is unknown, twice, read-only, too long or, with `check`, missing or of a wrong type.
        """
        values: dict[str, Value] = {}
        for node in body.children:
            name = self._name(node)
            if name in values:
                raise bad_item(f"要素が重複しています: {node.name}")
            if name not in ("Id", "LoginPassword"):
                values[name] = self.value(name, _content(node), check=check)
        if check and (missing := [name for name in REQUIRED if values.get(name) is None]):
            raise bad_item(f"必須項目がありません: {', '.join(missing)}")
        return values

    def value(self, name: str, raw: str | list[str], *, check: bool) -> Value:
        """The value of one field.

        Raises:
            Refusal: the field is unknown, or the value isn't acceptable.
        """
        if name.startswith("Attribute"):
            return self._attribute(name, raw, check=check)
        if isinstance(raw, list):
            raise bad_item(f"値が不正です: {name}")
        if name in CHOICES:
            return _choice(name, raw, CHOICES[name], check=check) if raw else None
        if name in TEXTS:
            return _text(name, raw, check=check)
        if name in NUMBERS:
            return _number(name, raw)
        raise bad_item(f"更新できない項目です: {name}" if name in READ_ONLY else f"不明な項目です: {name}")

    def _name(self, node: Node) -> str:
        found = re.fullmatch(r"(Attribute[0-9]+)List", node.name)
        return found[1] if found else node.name

    def _attribute(self, name: str, raw: str | list[str], *, check: bool) -> Value:
        number = name.removeprefix("Attribute")
        attribute = self._attributes.get(int(number)) if number.isdecimal() else None
        if attribute is None:
            raise bad_item(f"不明な項目です: {name}")
        if not attribute.choices:
            if isinstance(raw, list):
                raise bad_item(f"選択肢のない項目です: {name}")
            return _text(name, raw, check=check)
        texts = raw if isinstance(raw, list) else [raw] * bool(raw)
        if len(texts) > 1 and not attribute.many:
            raise bad_item(f"選択肢は1つだけ指定してください: {name}")
        return tuple(_choice(name, text, attribute.choices, check=check) for text in texts) or None


def _content(node: Node) -> str | list[str]:
    """Text, the number of a choice, or the numbers of an `AttributeNList`."""
    if node.name.startswith("Attribute") and node.name.endswith("List"):
        item = node.name.removesuffix("List")
        return [_chosen(child, item) for child in node.children]
    return _chosen(node, node.name) if node.children else node.text


def _chosen(node: Node, name: str) -> str:
    if node.name != name:
        raise bad_item(f"要素が不正です: {node.name}")
    if not node.children:
        return node.text
    parts = {child.name: child.text for child in node.children}
    if not parts.keys() <= {f"{name}Id", f"{name}Name"} or not parts.get(f"{name}Id"):
        raise bad_item(f"選択肢IDを指定してください: {name}")
    return parts[f"{name}Id"]


def _choice(name: str, raw: str, choices: Mapping[int, str], *, check: bool) -> Choice:
    number = _number(name, raw)
    if number is None or (check and number not in choices):
        raise bad_item(f"選択肢が存在しません: {name}")
    return Choice(number, choices.get(number, ""))


def _number(name: str, raw: str) -> int | None:
    if not raw:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", raw):
        raise bad_item(f"数値を指定してください: {name}")
    if name == "UnsubscribeStatus" and raw not in ("0", "1"):
        raise bad_item(f"0 または 1 を指定してください: {name}")
    return int(raw)


def _text(name: str, raw: str, *, check: bool) -> str | None:
    if len(raw) > (MAX_MEMO if name == "Memo" else MAX_TEXT):
        raise bad_item(f"文字数が多すぎます: {name}")
    if check and raw and name in EMAILS and not _EMAIL.fullmatch(raw):
        raise bad_item(f"E-mailアドレスの形式が不正です: {name}")
    return raw or None


def settings(attributes: Mapping[int, Attribute]) -> Iterable[dict[str, Value]]:
    """The rows of `visitorsetting`: the account's attributes with their choices, one per line."""
    for number, attribute in sorted(attributes.items()):
        items = "\n".join(f"{key}:{label}" for key, label in attribute.choices.items())
        yield {"Id": number, "ColumnName": f"Attribute{number}", "Name": attribute.name, "ItemList": items}
