"""Why Salesforce does not take a record, in our words. Its own message stays apart from them: it may quote the record.

Codes: StatusCode of the enterprise WSDL. Messages come in the language of the integration user, so only codes count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connector.adapters.salesforce.fields import is_identifier
from connector.adapters.salesforce.org import NOT_NOW
from connector.errors import Text, text
from connector.ports import Receipt

LATER = NOT_NOW | {"ENTITY_IS_LOCKED", "RECORD_IN_USE_BY_WORKFLOW", "STORAGE_LIMIT_EXCEEDED"}
"""What may heal while others go on: the row is tried again by the next run."""

_TRIGGER = "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
_LOCK = "UNABLE_TO_LOCK_ROW"

_SAY: Mapping[str, tuple[str, str, str, str]] = {
    "INVALID_FIELD": (
        "no such field, or it may not be seen",
        "項目が無いか、参照できません",
        "check the mapping and the field-level security of the integration user",
        "マッピングと、連携ユーザーの項目レベルセキュリティを確認してください",
    ),
    "INVALID_FIELD_FOR_INSERT_UPDATE": (
        "may not be written",
        "書き込みが許可されていません",
        "give the integration user edit access to it (field-level security)",
        "連携ユーザーに項目の編集権限(項目レベルセキュリティ)を与えてください",
    ),
    "WRONG_TYPE": (
        "the value does not suit the type of the field",
        "値が項目のデータ型に合いません",
        "map it to a field of another type (a moment needs Date/Time)",
        "別のデータ型の項目に対応付けてください(日時は「日付/時間」型が必要です)",
    ),
    "STRING_TOO_LONG": (
        "the text is too long",
        "文字数が項目の上限を超えています",
        "set max_length in the mapping, or lengthen the field",
        "マッピングに max_length を指定するか、項目の文字数を増やしてください",
    ),
    "NUMBER_OUTSIDE_VALID_RANGE": (
        "the number is too large",
        "数値が項目の桁数を超えています",
        "give the field more digits",
        "項目の桁数を増やしてください",
    ),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": (
        "the value is not among the choices",
        "選択リストに無い値です",
        "add it to the picklist, also for the record type",
        "選択リスト(レコードタイプを含む)に値を追加してください",
    ),
    "REQUIRED_FIELD_MISSING": (
        "the org requires it",
        "組織で必須の項目が空です",
        "map a value to it, or give it a default",
        "値をマッピングするか、項目に既定値を設定してください",
    ),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": (
        "a validation rule of the org refuses it",
        "組織の入力規則に違反しています",
        "let the rule pass the integration user, or mend the record",
        "入力規則の対象から連携ユーザーを除くか、レコードを修正してください",
    ),
    "FIELD_FILTER_VALIDATION_EXCEPTION": (
        "a lookup filter of the org refuses it",
        "組織のルックアップ検索条件に合いません",
        "mend the record or the filter",
        "レコードまたは検索条件を見直してください",
    ),
    _TRIGGER: (
        "an Apex trigger or flow of the org refuses it",
        "組織の Apex トリガーまたはフローがエラーになりました",
        "look at its debug log with the integration user",
        "連携ユーザーのデバッグログで原因を確認してください",
    ),
    "DUPLICATES_DETECTED": (
        "a duplicate rule of the org finds a similar record",
        "組織の重複ルールが類似レコードを検出しました",
        "merge them there, or set duplicates: save_anyway",
        "Salesforce で統合するか、duplicates: save_anyway を指定してください",
    ),
    "DUPLICATE_VALUE": (
        "another record has this unique value",
        "一意の項目の値が他のレコードと重複しています",
        "find the other record and merge them",
        "重複しているレコードを確認して統合してください",
    ),
    "DUPLICATE_EXTERNAL_ID": (
        "several records have this key",
        "同じキーのレコードが複数あります",
        "make the key field unique, and merge the records",
        "キー項目を「ユニーク」にし、レコードを統合してください",
    ),
    "KEY_NOT_UNIQUE": (
        "is not a unique external id, so a repeat could make a second record",
        "外部 ID かつユニークの項目ではないため、再送時に二重登録の恐れがあります",
        "tick External ID and Unique on the field",
        "項目の「外部 ID」と「ユニーク」を有効にしてください",
    ),
    "CANNOT_UPDATE_CONVERTED_LEAD": (
        "the lead was converted",
        "リードは取引開始済みです",
        "nothing to do: the next run goes to its contact",
        "対応は不要です。次回の実行から取引先責任者に書き込みます",
    ),
    "ENTITY_IS_DELETED": (
        "the record was deleted",
        "レコードは削除されています",
        "nothing to do, unless it is to be restored",
        "復元する場合を除き、対応は不要です",
    ),
    "INVALID_CROSS_REFERENCE_KEY": (
        "a record does not exist, or may not be seen",
        "レコードが無いか、参照できません",
        "check the sharing of the integration user",
        "連携ユーザーの共有設定を確認してください",
    ),
    "MALFORMED_ID": (
        "not the id of such a record",
        "レコード ID の形式ではありません",
        "check where it comes from",
        "ID の出所を確認してください",
    ),
    "INACTIVE_OWNER_OR_USER": (
        "the owner is inactive",
        "所有者のユーザーが無効です",
        "hand the records of that user over to somebody",
        "そのユーザーの担当レコードを別のユーザーに移管してください",
    ),
    "INVALID_EMAIL_ADDRESS": (
        "Salesforce does not take this e-mail address",
        "Salesforce が受け付けないメールアドレスです",
        "mend it in the source",
        "連携元で修正してください",
    ),
    "INSUFFICIENT_ACCESS_OR_READONLY": (
        "the integration user may not change this record",
        "連携ユーザーにこのレコードの編集権限がありません",
        "give edit access to the object and its records",
        "オブジェクトとレコードの編集権限を与えてください",
    ),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": (
        "the integration user may not use a record it points to",
        "関連先レコードに対する連携ユーザーの権限がありません",
        "give access to owner, account or person",
        "所有者・取引先・人物への権限を与えてください",
    ),
    "INVALID_TYPE": (
        "the object may not be seen",
        "オブジェクトを参照できません",
        "give the integration user access to the object",
        "連携ユーザーにオブジェクトの権限を与えてください",
    ),
}


def refused(key: str, code: str, object_: str, names: Sequence[str] = (), said: str = "") -> Receipt:
    """A receipt for what will not be taken; `names` are the fields concerned, `said` is Salesforce's own message."""
    what, what_ja, fix, fix_ja = _SAY.get(
        code,
        (
            "Salesforce refuses it",
            "Salesforce に拒否されました",
            "look up the code, and what the org's rules say of the record",
            "コードと、組織のルールを確認してください",
        ),
    )
    place = ", ".join(f"{object_}.{name}" for name in names) or object_
    return Receipt(
        key,
        "refused",
        code=code,
        what=_at(place, code, what, what_ja),
        fix=text(fix, fix_ja),
        said=said,
    )


def _at(place: str, code: str, en: str, ja: str) -> Text:
    return text("{place}: " + en + " ({code})", "{place}: " + ja + " ({code})", place=place, code=code)


def verdict(key: str, object_: str, errors: Sequence[Mapping[str, Any]]) -> Receipt:
    """What the errors of one row come to: one that will not heal outweighs those that may."""
    codes = [_code(error) for error in errors] or ["UNKNOWN_EXCEPTION"]
    which = next((n for n, code in enumerate(codes) if code not in LATER), None)
    error = errors[which or 0] if errors else {}
    said = str(error.get("message") or "")
    if which is None:
        what = _at(object_, codes[0], "cannot be written just now", "今は書き込めません")
        return Receipt(key, "retry", code=codes[0], what=what, said=said)
    names = [str(name) for name in error.get("fields") or ()]
    return refused(key, codes[which], object_, [name for name in names if is_identifier(name)], said)


def _code(error: Mapping[str, Any]) -> str:
    code = str(error.get("statusCode") or error.get("errorCode") or "")
    # A trigger that ran into a lock says so by the code in its text.
    return _LOCK if code == _TRIGGER and _LOCK in str(error.get("message")) else code
