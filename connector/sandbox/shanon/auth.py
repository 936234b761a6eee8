"""Who may call: the signature of a call and the tokens given out.

Source: apidoc.shanon.co.jp, and the test vector of shanon-ruby (MIT).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta

TOKEN_LIFE = timedelta(hours=1)


def sign(secret: str, params: Mapping[str, str]) -> str:
    """`api_sig`: HMAC-SHA1, in hex, of each key with its value, sorted by key, `api_sig` itself left out."""
    text = "".join(key + value for key, value in sorted(params.items()) if key != "api_sig")
    return hmac.new(secret.encode(), text.encode(), hashlib.sha1).hexdigest()


class Tokens:
    """The tokens given out, each alive for an hour."""

    def __init__(self) -> None:
        self._ends: dict[str, datetime] = {}

    def issue(self, now: datetime) -> str:
        """A new token; older ones stay alive."""
        token = secrets.token_hex(16)
        self._ends[token] = now + TOKEN_LIFE
        return token

    def alive(self, token: str, now: datetime) -> bool:
        """Whether the token was given out and its hour isn't over."""
        end = self._ends.get(token)
        return end is not None and now < end

    def kill(self, token: str) -> None:
        """Let one token die."""
        self._ends.pop(token, None)

    def clear(self) -> None:
        """Let every token die."""
        self._ends.clear()
