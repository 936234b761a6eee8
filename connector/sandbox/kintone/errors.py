"""How kintone says no: an HTTP status, a code, a message, and with CB_VA01 what is wrong where.

Every text is there in Japanese and in English, as kintone speaks the language of who asks.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

Say = tuple[str, str]
"""A text in Japanese and in English."""

Problems = dict[str, list[Say]]
"""What is wrong, by the path of the parameter."""

INVALID: Say = ("入力内容が正しくありません。", "Missing or invalid input.")
MISSING: Say = ("必須です。", "Required field.")
REQUIRED: Say = ("必須です。", "Required.")
DUPLICATE: Say = ("値がほかのレコードと重複しています。", "This value already exists in another record.")
NOT_A_NUMBER: Say = ("数字でなければなりません。", "Only numbers are allowed.")
TOO_SMALL: Say = ("最小でも1以上です。", "must be greater than or equal to 1")
NOT_IN_ENUM: Say = ("Enum値のいずれかでなければなりません。", "must be one of the enum value")
SYNTAX: Say = ("クエリ記法が間違っています。", "The query syntax is invalid.")
NO_PERMISSION: Say = ("権限がありません。", "You do not have permission.")
ILLEGAL: Say = ("不正なリクエストです。", "Illegal request.")
BAD_JSON: Say = ("不正なJSON文字列です。", "Invalid JSON string.")


class Refusal(Exception):
    """A request that kintone does not accept."""

    def __init__(self, status: int, code: str, say: Say, problems: Mapping[str, list[Say]] | None = None) -> None:
        super().__init__(f"{status} {code}: {say[1]} {', '.join(problems or {})}".strip())
        self.status = status
        self.code = code
        self.say = say
        self.problems = problems

    def body(self, language: str) -> dict[str, Any]:
        """The answer's body; its id is another one each time."""
        which = 0 if language == "ja" else 1
        shown: dict[str, Any] = {"code": self.code, "id": secrets.token_urlsafe(15), "message": self.say[which]}
        if self.problems:
            shown["errors"] = {path: {"messages": [say[which] for say in said]} for path, said in self.problems.items()}
        return shown


def invalid(problems: Mapping[str, list[Say]]) -> Refusal:
    """CB_VA01, with everything that is wrong."""
    return Refusal(400, "CB_VA01", INVALID, problems)


def wrong(path: str, say: Say) -> Refusal:
    """CB_VA01 for one reason."""
    return invalid({path: [say]})


def bad_json() -> Refusal:
    """The body is no JSON, or not of the shape that this API takes."""
    return Refusal(400, "CB_IJ01", BAD_JSON)


def illegal() -> Refusal:
    """Nothing that this API could be asked."""
    return Refusal(400, "CB_IL02", ILLEGAL)


def no_record(record_id: int) -> Refusal:
    """There is no such record."""
    ja = f"指定したレコード（id: {record_id}）が見つかりません。"
    return Refusal(404, "GAIA_RE01", (ja, f"The specified record (ID: {record_id}) is not found."))


def no_app(app_id: int) -> Refusal:
    """There is no such app."""
    ja = f"指定したアプリ（id: {app_id}）が見つかりません。削除されている可能性があります。"
    return Refusal(404, "GAIA_AP01", (ja, f"The app (ID: {app_id}) not found. The app may have been deleted."))


def stale() -> Refusal:
    """The revision is not the latest one."""
    ja = "指定したrevisionは最新ではありません。ほかのユーザーがレコードを更新した可能性があります。"
    en = "The revision is not the latest. Someone may update a record."
    return Refusal(409, "GAIA_CO02", (ja, en))


def locked() -> Refusal:
    """The database could not get hold of the record in time."""
    ja = "データベースがロックされているため、操作に失敗しました。時間をおいて再度お試しください。"
    en = "The operation failed because the database is locked. Try again later."
    return Refusal(400, "GAIA_DA02", (ja, en))


def no_cursor() -> Refusal:
    """The cursor is deleted, exhausted or too old."""
    ja = "指定したカーソルは存在しないか、既に有効期限が切れています。"
    return Refusal(404, "GAIA_CN01", (ja, "The specified cursor does not exist or has expired."))


def no_slot() -> Refusal:
    """Too many cursors are open."""
    ja = "作成できるカーソルの上限に達しているため、カーソルを作成できません。"
    return Refusal(429, "GAIA_TM12", (ja, "The number of cursors exceeds the limit."))


def too_many() -> Refusal:
    """Too many requests are running at the same time."""
    ja = "APIの同時リクエスト数が上限を超えています。"
    return Refusal(429, "GAIA_TO04", (ja, "The number of concurrent API requests exceeds the limit."))
