"""Who is who, in words for people: what two records have in common, and why that was not enough."""

from __future__ import annotations

from collections.abc import Mapping

from connector.errors import Text, text
from connector.rules.compare import Level

IN_COMMON: Mapping[str, Text] = {
    "was": text("the identity so far", "これまでの名寄せ結果"),
    "same": text("somebody's decision", "人による判断"),
    "id": text("a record id", "レコード ID"),
    "key": text("our key", "当方のキー"),
    "email": text("the same personal mail address", "同じ個人メールアドレス"),
    "mailbox_name": text("a shared mailbox and the same name", "共用アドレスと同じ氏名"),
    "mobile": text("the same mobile number", "同じ携帯番号"),
    "name_company": text("the same name at the same company", "同じ会社の同じ氏名"),
    "name_phone": text("the same name and telephone number", "同じ氏名と電話番号"),
}
"""What two records have in common, by the kind of key (`identify.Kind`)."""

GUARDS: Mapping[str, Text] = {
    "name": text("the names contradict", "氏名が矛盾しています"),
    "mail": text(
        "two personal addresses at one organisation: perhaps namesakes",
        "同じ組織に個人アドレスが2つあります（同姓同名の別人かもしれません）",
    ),
    "company": text("the companies differ", "会社が異なります"),
    "department": text("the departments differ", "部署が異なります"),
    "phone": text("the mobile numbers differ", "携帯番号が異なります"),
    "reading": text("the same reading in other kanji", "読みは同じですが漢字が異なります"),
    "ambiguous": text("more than one person could be meant", "該当しうる人が複数います"),
    "size": text("too many records for one person", "1人のレコード数が上限を超えます"),
    "decided": text("decided to be different people", "別人と判断されています"),
    "nameless": text("only one of them has a name", "片方に氏名がありません"),
    "off": text("the rules leave it to a person", "設定により人が判断します"),
}
"""Why what they have in common was not enough (`resolve.Guard`)."""


NAMES: Mapping[Level, Text] = {
    Level.SAME: text("same name", "氏名一致"),
    Level.VARIANT: text("same name in another script or order", "表記違いの同じ氏名"),
    Level.READING: text("same reading in other kanji", "読みが同じ・漢字違い"),
    Level.PARTIAL: text("names one letter or part apart", "氏名が一部一致"),
    Level.GIVEN: text("same given name", "名のみ一致"),
    Level.UNKNOWN: text("names cannot be compared", "氏名は比較不能"),
    Level.FAMILY: text("same family name", "姓のみ一致"),
    Level.CONFLICT: text("other name", "氏名が矛盾"),
}
"""What two names say."""
