"""What kintone's error codes mean to the engine, and the words for what it refuses.

Only codes count: messages come in the language of whoever asks, and may quote a record, so that they go to receipts
alone. The codes are those that kintone's own clients and their tests name; the HTTP status of some is unknown, and
older ones came with 520.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import requests

from connector.adapters.kintone.form import Form
from connector.errors import AdapterError, Mismatch, Refused, Text, Unauthorized, Unavailable, text
from connector.ports import Receipt
from connector.verbatim import verbatim

_ASKING = ("GET", "HEAD")
_INDEX = re.compile(r"\brecords\[(\d+)\]\.?")


class Conflict(Unavailable):
    """Somebody else wrote at the same moment; nothing was changed by us, and trying again may succeed."""

    part: int | None = None
    """As that of `Rejected`."""


class Rejected(Refused):
    """Not accepted. `errors`, where kintone tells: what is wrong in its words, by the parameters that are to blame."""

    part: int | None = None
    """Of a bulk request: the place of the request in it that failed, and so undid the others."""

    def __init__(
        self, what: Text, *, code: str, message: Any = "", errors: Mapping[str, Any] = MappingProxyType({})
    ) -> None:
        super().__init__(what, code=code)
        self._message, self._errors = message, errors
        # Which record of the request it was is told by whose receipt it is.
        places = {_INDEX.sub("", path): each for path, each in errors.items()}
        self.said = verbatim({"message": message, "errors": places})

    def places(self) -> set[int]:
        """The records of the request that are to blame."""
        return {int(found[1]) for path in self._errors if (found := _INDEX.search(path))}

    def of(self, place: int) -> Rejected:
        """The part of this that is about one record."""
        errors = {
            path: each
            for path, each in self._errors.items()
            if (found := _INDEX.search(path)) and int(found[1]) == place
        }
        return Rejected(self.what, code=self.code, message=self._message, errors=errors)

    def names(self, form: Form) -> list[str]:
        """The fields that are to blame."""
        return [each.code for each in form.every() if any(_mentions(path, each.code) for path in self._errors)]


def _mentions(path: str, code: str) -> bool:
    return f"[{code}]." in path or f".{code}." in path


_CONFLICTS = frozenset({"GAIA_CO02", "GAIA_DA02", "GAIA_RE18", "GAIA_LT01", "GAIA_UN03"})
"""A lost race for a record shows as a stale revision or as a lock of the database, by chance."""

_LOGIN = text("check the login in the configuration", "設定の認証情報を確認してください")
_TOKEN = text(
    "check the app's token; after making one, update the app (アプリを更新)",
    "アプリのトークンを確認してください。トークンの作成後は「アプリを更新」が必要です",
)
_RIGHTS = text(
    "give the token (or user) the rights: view, and add and edit where we write; check guest_space",
    "トークン(またはユーザー)に閲覧権限、書き込み先では追加・編集権限も与えてください。"
    "ゲストスペースの場合は guest_space を確認してください",
)
# What is wrong with one app, or with the token of one, leaves the others as they are: a mismatch.
_CLOSED: Mapping[str, tuple[type[AdapterError], str, str, Text]] = {
    "CB_AU01": (Unauthorized, "wants a login", "ログインが必要です", _LOGIN),
    "CB_WA01": (Unauthorized, "does not know this login", "ログインできません", _LOGIN),
    "CB_OA01": (Unauthorized, "the OAuth token is not valid", "OAuth トークンが無効です", _LOGIN),
    "CB_TW02": (
        Unauthorized,
        "the user has two-factor authentication",
        "ユーザーに2要素認証が設定されています",
        text("use API tokens, or a user without it", "APIトークンか、2要素認証のないユーザーを使ってください"),
    ),
    "GAIA_IA02": (Mismatch, "the API token is not valid", "APIトークンが無効です", _TOKEN),
    "GAIA_DA03": (
        Unauthorized,
        "two API tokens of one app were sent",
        "同じアプリのAPIトークンが2つ送られました",
        text("give each app under apps its own token", "apps の各アプリにそれぞれのトークンを指定してください"),
    ),
    "GAIA_AP15": (
        Mismatch,
        "the API token is that of another app",
        "APIトークンが別のアプリのものです",
        text("check the app's id and its token", "アプリの id と token の組み合わせを確認してください"),
    ),
    "GAIA_NO01": (Mismatch, "the API token lacks a right", "APIトークンの権限が不足しています", _RIGHTS),
    "CB_NO02": (Mismatch, "no right to do this", "権限がありません", _RIGHTS),
    "GAIA_FU01": (Mismatch, "no right to edit a field", "フィールドの編集権限がありません", _RIGHTS),
    "GAIA_IL23": (
        Mismatch,
        "the app belongs to a guest space",
        "アプリはゲストスペースに属しています",
        text("set guest_space for the app", "アプリに guest_space を指定してください"),
    ),
    "GAIA_AP01": (
        Mismatch,
        "there is no such app",
        "アプリが見つかりません",
        text("check the app's id", "アプリの id を確認してください"),
    ),
}


def judge(response: requests.Response) -> AdapterError | None:
    """What an answer means, where kintone says it by a code; None: nothing that HTTP does not say, too."""
    if response.status_code < 300:
        return _cut_off(response)
    try:
        body, part = _failed(response.json())
    except ValueError:
        return None
    error = _meant(response.status_code, body)
    if isinstance(error, Conflict | Rejected):
        error.part = part
    if error is not None:
        error.said = error.said or verbatim(body)
    return error


def _failed(body: Any) -> tuple[Any, int | None]:
    """What an answer says of a failure, and which part of a bulk request that is about.

    Source: "Bulk Request": at the index of the request that failed stands its error, at all others an empty object.
    """
    results = body.get("results") if isinstance(body, dict) else None
    for part, each in enumerate(results if isinstance(results, list) else ()):
        if isinstance(each, dict) and "code" in each:
            return each, part
    return body, None


def _meant(status: int, body: Any) -> AdapterError | None:
    code = body.get("code") if isinstance(body, dict) else None
    if not isinstance(code, str):
        return None
    if code in _CLOSED:
        kind, en, ja, fix = _CLOSED[code]
        return kind(_said(en, ja, code), fix=fix, code=code)
    if code in _CONFLICTS:
        return Conflict(_said("another write was faster", "他の更新と競合しました", code), code=code)
    if status >= 500:
        return None
    if status in (401, 403):
        return Unauthorized(_said("does not let us in", "アクセスが許可されません", code), fix=_RIGHTS, code=code)
    errors = body.get("errors")
    return Rejected(
        _said("is refused", "拒否されました", code),
        code=code,
        message=body.get("message"),
        errors=errors if isinstance(errors, dict) else {},
    )


def _cut_off(response: requests.Response) -> AdapterError | None:
    """A search that finds too much: kintone gives it up, and answers with what it has."""
    sent = response.request
    asks = sent.method in _ASKING or "X-HTTP-Method-Override" in sent.headers
    if not asks or "X-Cybozu-Warning" not in response.headers:
        return None
    what = text("the answer is incomplete: too many hits", "検索結果が多すぎるため応答が途中で打ち切られました")
    return Unavailable(what, code="X-Cybozu-Warning")


def _said(en: str, ja: str, code: str) -> Text:
    return text(f"{en} ({{code}})", f"{ja} ({{code}})", code=code)


def unmapped(where: str, what: Text) -> Mismatch:
    """That an app cannot be read as it is mapped."""
    fix = text(
        "correct the mapping or the app; `connector check` tells more",
        "マッピングかアプリを修正してください。`connector check` で詳しく確認できます",
    )
    return Mismatch(what, where=where, fix=fix)


# --- receipts ---------------------------------------------------------------------------------------------------------

_GONE = (
    "the record is gone", "レコードがありません",
    "nothing to do: it was deleted", "削除されたレコードです。対応は不要です",
)  # fmt: skip
_NO_USER = (
    "a user of the change is not known there", "ユーザーが見つかりません",
    "check the owner of the record", "担当者のユーザーを確認してください",
)  # fmt: skip
_SAY: Mapping[str, tuple[str, str, str, str]] = {
    "GAIA_RE01": _GONE,
    "BAD_ID": (
        "this is no record of the app", "アプリのレコードではありません",
        "nothing to do if the app's id was changed: the new app is read and planned by itself",
        "アプリの id を変更した場合、対応は不要です(新しいアプリを読み直し、計画し直します)",
    ),
    "NOT_EDITABLE": (
        "the user may not edit this record", "このレコードの編集権限がありません",
        "give it the right (レコードのアクセス権), or leave the record",
        "レコードのアクセス権で編集を許可してください。不要なら対応は不要です",
    ),
    "NO_SUCH_APP": (
        "there is no such app in the configuration", "設定にないアプリです",
        "add it under apps", "apps に追加してください",
    ),
    "NO_SUCH_FIELD": (
        "there is no such field", "フィールドがありません",
        "kintone would ignore it: create it, or correct the mapping",
        "kintone では無視されます。フィールドを作成するか、マッピングを修正してください",
    ),
    "NO_SUCH_LINE": (
        "the table has no such text", "テーブルに該当する文字列フィールドがありません",
        "correct summary of the app, or the table", "アプリの summary かテーブルを修正してください",
    ),
    "IN_A_TABLE": (
        "stands in a table", "テーブル内のフィールドです",
        "map a field outside of tables", "テーブルの外のフィールドを指定してください",
    ),
    "COPIED_BY_LOOKUP": (
        "is filled by a lookup", "ルックアップでコピーされるフィールドです",
        "kintone would ignore it: map another field", "kintone では無視されます。別のフィールドを指定してください",
    ),
    "READ_ONLY": (
        "takes no values of ours", "書き込めないフィールドです",
        "map another field", "別のフィールドを指定してください",
    ),
    "WRONG_TYPE": (
        "the value does not suit the type of the field", "値がフィールドの種類に合いません",
        "change the field's type, or map another one", "フィールドの種類を変えるか、別のフィールドを指定してください",
    ),
    "NO_SUCH_OPTION": (
        "the value is not among the options", "選択肢にない値です",
        "add the option, or translate by `values`", "選択肢を追加するか、values で読み替えてください",
    ),
    "NEVER_EMPTY": (
        "radio buttons cannot be cleared", "ラジオボタンは空にできません",
        "use a drop-down, or an option that says so", "ドロップダウンにするか、「未設定」などの選択肢を使ってください",
    ),
    "KEY_NOT_UNIQUE": (
        "is no single-line text that prohibits duplicates", "「値の重複を禁止する」文字列(1行)ではありません",
        "tick Prohibit duplicate values on it", "フィールドの「値の重複を禁止する」を有効にしてください",
    ),
    "KEY_TOO_LONG": (
        "the key has more than 64 characters", "キーが64文字を超えています",
        "use a shorter key", "短いキーを使ってください",
    ),
    "TAKEN": (
        "a value that must be unique is taken by another record", "重複が禁止された値が別のレコードにあります",
        "look for the other record", "同じ値を持つレコードを確認してください",
    ),
    "CB_VA01": (
        "a value is refused: required, too long, out of range or taken",
        "値が拒否されました(必須・文字数・範囲・重複のいずれか)",
        "compare the record with the settings of the field", "レコードとフィールドの設定を確認してください",
    ),
    "GAIA_LO04": (
        "a lookup finds nothing for its key", "ルックアップの参照先に値がありません",
        "mend the key in the record or add it in the other app; its token must be under apps",
        "レコードのキーを直すか参照先に登録してください。参照先アプリの token も apps に必要です",
    ),
    "GAIA_IL26": _NO_USER,
    "GAIA_IL28": _NO_USER,
    "NO_WAY": (
        "there is no way to show this", "通知・表示の手段がありません",
        "set alert (or timeline) for this system", "alert (または timeline) を設定してください",
    ),
    "NOT_SEEN": (
        "cannot be seen in this record", "このレコードでは参照できません",
        "give the token (or user) the right to view and edit the field",
        "トークン(またはユーザー)にフィールドの閲覧・編集権限を与えてください",
    ),
    "HELD": (
        "may have been commented already", "既にコメント済みの可能性があります",
        "look at the record; write it by hand if it is missing", "レコードを確認し、無ければ手で書き込んでください",
    ),
}  # fmt: skip

WHOLE = frozenset({"CB_IL02", "GAIA_IQ11", "GAIA_IQ27"})
"""Codes that are about a request as such, so that no single record of it can be to blame."""


def refused(key: str, code: str, app: str, names: Iterable[str] = (), said: str = "") -> Receipt:
    """A receipt for what will not be taken; `names` are the fields concerned, `said` is kintone's own message."""
    en, ja, fix, fix_ja = _SAY.get(
        code,
        (
            "kintone refuses it", "kintone に拒否されました",
            "look up the code, and what the app's settings say", "コードとアプリの設定を確認してください",
        ),
    )  # fmt: skip
    place = ", ".join(f"{app}.{name}" for name in names) or app
    what = text(f"{{place}}: {en} ({{code}})", f"{{place}}: {ja} ({{code}})", place=place, code=code)
    return Receipt(key, "refused", code=code, what=what, fix=text(fix, fix_ja), said=said, doubtful=code == "HELD")


def later(key: str, code: str, app: str, said: str = "") -> Receipt:
    """A receipt for what may succeed another time."""
    what = text("{app}: cannot be written just now ({code})", "{app}: 今は書き込めません ({code})", app=app, code=code)
    return Receipt(key, "retry", code=code, what=what, said=said)
