"""Tokens: access tokens that live an hour, refresh tokens, and API tokens that an administrator issues."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

ACCESS_LIFE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Pass:
    """Who a token stands for, and until when; an API token ends with its deletion only."""

    user_id: int
    ends: datetime | None = None

    def alive(self, now: datetime) -> bool:
        """Whether it still opens."""
        return self.ends is None or now < self.ends


class Tokens:
    """The tokens given out."""

    def __init__(self) -> None:
        self._access: dict[str, Pass] = {}
        self._refresh: dict[str, Pass] = {}

    def issue(self, user_id: int, now: datetime, refresh_life: timedelta) -> tuple[str, str]:
        """An access token and a refresh token; older ones stay alive."""
        access, refresh = f"ey{secrets.token_hex(24)}", secrets.token_hex(16)
        self._access[access] = Pass(user_id, now + ACCESS_LIFE)
        self._refresh[refresh] = Pass(user_id, now + refresh_life)
        return access, refresh

    def add(self, token: str, user_id: int) -> None:
        """An API token."""
        self._access[token] = Pass(user_id)

    def user(self, token: str, now: datetime) -> int | None:
        """Whom a bearer stands for; None if it opens nothing."""
        found = self._access.get(token)
        return found.user_id if found is not None and found.alive(now) else None

    def refresher(self, token: str, now: datetime) -> int | None:
        """Whom a refresh token stands for; None if it is worth nothing."""
        found = self._refresh.get(token)
        return found.user_id if found is not None and found.alive(now) else None

    def kill(self, token: str) -> None:
        """Let one bearer die."""
        self._access.pop(token, None)

    def expire(self) -> None:
        """Let every access token die; API tokens and refresh tokens live on."""
        self._access = {token: found for token, found in self._access.items() if found.ends is None}

    def forget_refresh(self) -> None:
        """Let every refresh token die."""
        self._refresh.clear()
