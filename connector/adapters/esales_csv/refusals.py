"""Why an import refused a row: the errors whose titles the vendor publishes, in our words.

Only these titles are known, neither the whole messages nor where they stand. Messages may hold names of people, so
they go to receipts alone: everywhere else, an unknown one is told by where it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connector.adapters.csvfile.cells import fold
from connector.errors import Text, text


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the import says, and what to do."""

    title: str
    what: Text
    fix: Text

    @property
    def whole(self) -> Text:
        """Both in one message."""
        return text(
            "{what}: {fix}",
            "{what_ja}: {fix_ja}",
            what=str(self.what),
            fix=str(self.fix),
            what_ja=self.what.in_("ja"),
            fix_ja=self.fix.in_("ja"),
        )


OTHER = "import_refused"

REFUSALS: Mapping[str, Refusal] = {
    "import_owner": Refusal(
        "担当者不一致",
        text("the import found no such owner (担当者不一致)", "担当者が一致しません（担当者不一致）"),
        text("correct the owner's name or 社員", "担当者の氏名または社員の登録を直してください"),
    ),
    "import_several": Refusal(
        "複数件一致",
        text("several records hold the matching key (複数件一致)", "マッチングキーが複数件に一致します（複数件一致）"),
        text("make the key unique in e-Sales Manager", "キーが1件だけになるよう修正してください"),
    ),
    "import_key_blank": Refusal(
        "マッチングキー空白",
        text("the import saw no matching key (マッチングキー空白)", "マッチングキーが空白です（マッチングキー空白）"),
        text("compare the matching key of the import condition", "インポート条件のマッチングキーを確認してください"),
    ),
    "import_date_format": Refusal(
        "日付フォーマット不正",
        text("dates are in another form (日付フォーマット不正)", "日付の形式が違います（日付フォーマット不正）"),
        text("make `dates` and the import condition agree", "dates とインポート条件の日付形式を合わせてください"),
    ),
    "import_deal_type": Refusal(
        "案件タイプ不一致",
        text("the type of the deal does not fit (案件タイプ不一致)", "案件タイプが一致しません（案件タイプ不一致）"),
        text("compare the type in the import condition", "インポート条件の案件タイプを確認してください"),
    ),
    "import_company_column": Refusal(
        "企業名列なし",
        text("the import misses the column of the company (企業名列なし)", "企業名の列がありません（企業名列なし）"),
        text("map the company's column in people.yaml", "people.yaml で企業名の列を割り当ててください"),
    ),
    OTHER: Refusal(
        "",
        text("the import refused the row", "インポートで取り込まれませんでした"),
        text("read the message in the result file", "結果ファイルのメッセージを確認してください"),
    ),
}  # fmt: skip


def code_of(message: str) -> str:
    """The code of the refusal that a message tells of."""
    said = fold(message)
    return next((code for code, each in REFUSALS.items() if each.title and fold(each.title) in said), OTHER)


def refusal(code: str) -> Refusal:
    """The refusal of this code."""
    return REFUSALS.get(code, REFUSALS[OTHER])
