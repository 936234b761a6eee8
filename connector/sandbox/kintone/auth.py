"""Who asks: a password, API tokens, an OAuth token; and Basic authentication in front of all of them."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from werkzeug.datastructures import Headers

from connector.sandbox.kintone.errors import NO_PERMISSION, Refusal, Say, illegal
from connector.sandbox.kintone.model import ADMINISTRATOR, RIGHTS, App, Token, User

MAX_TOKENS = 9
_NO_LOGIN: Say = ("ログインしてください。", "Please login.")
_BAD_LOGIN: Say = (
    "ログインに失敗しました。ログイン名またはパスワードが正しくありません。",
    "Failed to log in. The login name or the password is invalid.",
)
_BAD_TOKEN: Say = (
    "指定したAPIトークンは使用できません。APIトークンの生成とアプリの更新をしてください。",
    "The specified API token cannot be used. Generate an API token and click [Update App].",
)
_TOKEN_MAY_NOT: Say = (
    "このAPIトークンでは、指定したAPIを実行できません。",
    "Using this API token, you cannot run the specified API.",
)
_SAME_APP: Say = (
    "同じアプリのAPIトークンを複数指定することはできません。",
    "Using multiple API tokens for a single app is not allowed.",
)
_TWO_FACTOR: Say = ("2要素認証が有効なユーザーです。", "Two-factor authentication is enabled for the user.")
_BAD_BEARER: Say = ("アクセストークンが正しくありません。", "The access token is invalid.")


@dataclass(frozen=True, slots=True)
class Who:
    """The user who acts, and for tokens the rights they bring along by app."""

    code: str
    tokens: dict[int, frozenset[str]] | None = None

    def rights(self, app: App) -> frozenset[str]:
        """What they may do in this app."""
        if self.tokens is not None:
            return self.tokens.get(app.id, frozenset())
        return app.user_rights.get(self.code, RIGHTS)

    def can(self, app: App, right: str) -> bool:
        """Whether they have this right there."""
        return right in self.rights(app)

    def need(self, app: App, *rights: str) -> None:
        """Refuse them unless they have all of these rights."""
        if not self.rights(app).issuperset(rights):
            raise self.forbidden()

    def forbidden(self) -> Refusal:
        """The right is missing: a token and a user are told so differently."""
        if self.tokens is None:
            return Refusal(403, "CB_NO02", NO_PERMISSION)
        return Refusal(403, "GAIA_NO01", _TOKEN_MAY_NOT)


@dataclass(slots=True)
class Doors:
    """Everybody and everything that is let in."""

    users: dict[str, User] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    bearers: dict[str, str] = field(default_factory=dict)
    basic: tuple[str, str] | None = None

    def basic_fits(self, headers: Headers) -> bool:
        """Whether Basic authentication is not asked for, or passed."""
        if self.basic is None:
            return True
        kind, _, given = headers.get("Authorization", "").partition(" ")
        return kind.lower() == "basic" and _pair(given) == self.basic

    def who(self, headers: Headers) -> Who:
        """Who asks.

        Raises:
            Refusal: nobody who may.
        """
        # A password wins over a token, as remembered.
        if (given := headers.get("X-Cybozu-Authorization")) is not None:
            return self._by_password(given)
        tokens = [each.strip() for line in headers.getlist("X-Cybozu-API-Token") for each in line.split(",")]
        if tokens:
            return self._by_tokens(tokens)
        kind, _, given = headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            user = self.bearers.get(given)
            if user is None:
                raise Refusal(401, "CB_OA01", _BAD_BEARER)
            return Who(user)
        raise Refusal(401, "CB_AU01", _NO_LOGIN)

    def _by_password(self, given: str) -> Who:
        pair = _pair(given)
        user = None if pair is None else self.users.get(pair[0])
        if pair is None or user is None or not user.password or user.password != pair[1]:
            raise Refusal(401, "CB_WA01", _BAD_LOGIN)
        if user.two_factor:
            raise Refusal(403, "CB_TW02", _TWO_FACTOR)
        return Who(user.code)

    def _by_tokens(self, given: list[str]) -> Who:
        if len(given) > MAX_TOKENS:
            raise illegal()
        rights: dict[int, frozenset[str]] = {}
        for each in given:
            token = self.tokens.get(each)
            if token is None or not token.deployed:
                raise Refusal(400, "GAIA_IA02", _BAD_TOKEN)
            if token.app in rights:
                raise Refusal(400, "GAIA_DA03", _SAME_APP)
            rights[token.app] = token.rights
        return Who(ADMINISTRATOR, rights)


def _pair(given: str) -> tuple[str, str] | None:
    """`login:password` in base64; the password may have colons of its own."""
    try:
        login, colon, password = base64.b64decode(given, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (login, password) if colon else None
