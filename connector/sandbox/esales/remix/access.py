"""Who may call: tokens of the tenant, or an employee's number and password, each in a header of its own."""

from __future__ import annotations

import base64
import secrets

from werkzeug.datastructures import Headers


class Access:
    """The tokens that live and the employees that may log in."""

    def __init__(self, token: str) -> None:
        self.tokens = {token}
        self.passwords: dict[str, str] = {}

    def new_token(self) -> str:
        """A further token; the others stay alive."""
        token = secrets.token_hex(16)
        self.tokens.add(token)
        return token

    def kill(self, headers: Headers) -> None:
        """Let what this call carries open nothing any more."""
        self.tokens.discard(headers.get("X-Auth-API-Token", ""))
        self.passwords.pop(_user(headers)[0], None)

    def allows(self, headers: Headers) -> bool:
        """Whether a call with these headers may do anything."""
        if "X-Auth-API-Token" in headers:
            return headers["X-Auth-API-Token"] in self.tokens
        number, password = _user(headers)
        return bool(password) and self.passwords.get(number) == password


def _user(headers: Headers) -> tuple[str, str]:
    try:
        text = base64.b64decode(headers.get("X-Auth-User-Token", ""), validate=True).decode()
    except ValueError:
        return "", ""
    number, _, password = text.partition(":")
    return number, password
