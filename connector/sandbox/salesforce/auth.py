"""Sessions and how to get one: the OAuth token endpoint with four grants, revocation, and who one is."""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from werkzeug.wrappers import Request

from connector.sandbox.salesforce.errors import OAuthRefusal
from connector.sandbox.salesforce.org import Org
from connector.sandbox.salesforce.web import Answer

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_FORM = "application/x-www-form-urlencoded"
_BASES = ("https://login.salesforce.com", "https://test.salesforce.com")
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What opens the org: a connected app and a user. Random unless given."""

    client_id: str = field(default_factory=lambda: f"3MVG9.{secrets.token_urlsafe(24)}")
    client_secret: str = field(default_factory=lambda: secrets.token_hex(32).upper())
    username: str = "integration@example.com"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    security_token: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    refresh_token: str = field(default_factory=lambda: f"5Aep861.{secrets.token_urlsafe(30)}")
    jwt_public_key: str | None = None

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @cached_property
    def private_key(self) -> str:
        """A key the org accepts assertions of, in PEM; made on first use when no public key was given."""
        encryption = serialization.NoEncryption()
        kind = serialization.PrivateFormat.PKCS8
        return self._key.private_bytes(serialization.Encoding.PEM, kind, encryption).decode()

    def public_key(self) -> Any:
        """The key that assertions are checked with."""
        return self.jwt_public_key or self._key.public_key()


@dataclass(slots=True)
class Session:
    """One access token: whose it is and when it was last of use."""

    user_id: str
    seen: datetime


@dataclass(slots=True)
class Auth:
    """The sessions of an org. Who is locked out is told as Salesforce does: never which part was wrong."""

    org: Org
    credentials: Credentials
    session_seconds: float = 7200
    jwt_seconds: float = 300
    logins_per_hour: int = 3600
    logins: int = 0
    _sessions: dict[str, Session] = field(default_factory=dict)
    _recent: list[datetime] = field(default_factory=list)

    # --- sessions -------------------------------------------------------------------------------------------------

    def open(self) -> str:
        """A fresh access token."""
        token = f"{self.org.org_id[:15]}!AQ{secrets.token_urlsafe(48)}"
        self._sessions[token] = Session(self.org.user_id, self.org.clock())
        return token

    def user_of(self, token: str) -> str | None:
        """Whose token it is, when it is alive; using it keeps it alive."""
        session, now = self._sessions.get(token), self.org.clock()
        if session is None or session.seen + timedelta(seconds=self.session_seconds) <= now:
            self._sessions.pop(token, None)
            return None
        session.seen = now
        return session.user_id

    def close(self, token: str) -> bool:
        """End a session; whether there was one."""
        return self._sessions.pop(token, None) is not None

    def close_all(self) -> None:
        """End every session."""
        self._sessions.clear()

    def count_login(self) -> bool:
        """Count a login; false when there are too many within the hour."""
        now = self.org.clock()
        self._recent = [each for each in self._recent if each > now - _HOUR]
        if len(self._recent) >= self.logins_per_hour:
            return False
        self._recent.append(now)
        self.logins += 1
        return True

    # --- the token endpoint ---------------------------------------------------------------------------------------

    def token(self, request: Request) -> Answer:
        """Answer `POST /services/oauth2/token`."""
        if request.method != "POST" or request.mimetype != _FORM:
            raise OAuthRefusal("invalid_request", "must be HTTP POST with a form")
        form = request.form
        grant = form.get("grant_type")
        if grant == "client_credentials":
            self._client(request)
        elif grant == JWT_BEARER:
            self._assertion(form.get("assertion", ""), request.host_url.rstrip("/"))
        elif grant == "password":
            self._client(request)
            self._password(form.get("username", ""), form.get("password", ""))
        elif grant == "refresh_token":
            self._refresh(form.get("refresh_token", ""), form.get("client_id"), form.get("client_secret"))
        else:
            raise OAuthRefusal("unsupported_grant_type", "grant type not supported")
        if not self.count_login():
            raise OAuthRefusal("invalid_grant", "login rate exceeded")
        return Answer(200, self._granted(request.host_url.rstrip("/"), with_issue=grant != JWT_BEARER))

    def _granted(self, base_url: str, *, with_issue: bool) -> dict[str, Any]:
        # An answer to an assertion has neither issued_at nor signature, as public examples show.
        issue = {
            "issued_at": str(int(self.org.clock().timestamp() * 1000)),
            "signature": base64.b64encode(secrets.token_bytes(32)).decode(),
        }
        return {
            "access_token": self.open(),
            "scope": "api",
            "instance_url": base_url,
            "id": self.identity_url(base_url),
            "token_type": "Bearer",
            **(issue if with_issue else {}),
        }

    def identity_url(self, base_url: str) -> str:
        """Where the user behind a token is described."""
        return f"{base_url}/id/{self.org.org_id}/{self.org.user_id}"

    def _client(self, request: Request) -> None:
        known = self.credentials
        client_id, client_secret = request.form.get("client_id"), request.form.get("client_secret")
        header = request.headers.get("Authorization", "")
        if header.startswith("Basic "):
            try:
                pair = base64.b64decode(header[6:], validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                raise OAuthRefusal("invalid_client", "invalid client credentials") from None
            client_id, _, client_secret = pair.partition(":")
        if client_id != known.client_id:
            raise OAuthRefusal("invalid_client_id", "client identifier invalid")
        if client_secret != known.client_secret:
            raise OAuthRefusal("invalid_client", "invalid client credentials")

    def _password(self, username: str, password: str) -> None:
        if not self.password_fits(username, password):
            raise OAuthRefusal("invalid_grant", "authentication failure")

    def password_fits(self, username: str, password: str) -> bool:
        """Whether this is the user's password followed by the security token."""
        known = self.credentials
        return (username, password) == (known.username, known.password + known.security_token)

    def _refresh(self, token: str, client_id: str | None, client_secret: str | None) -> None:
        known = self.credentials
        if client_id != known.client_id:
            raise OAuthRefusal("invalid_client_id", "client identifier invalid")
        if client_secret not in (None, known.client_secret):
            raise OAuthRefusal("invalid_client", "invalid client credentials")
        if token != known.refresh_token:
            raise OAuthRefusal("invalid_grant", "expired access/refresh token")

    def _assertion(self, assertion: str, base_url: str) -> None:
        options: Any = {"verify_signature": True, "verify_exp": False, "verify_aud": False, "verify_iat": False}
        try:
            claims = jwt.decode(assertion, self.credentials.public_key(), algorithms=["RS256"], options=options)
        except jwt.PyJWTError:
            raise OAuthRefusal("invalid_grant", "invalid assertion") from None
        if claims.get("iss") != self.credentials.client_id:
            raise OAuthRefusal("invalid_client_id", "client identifier invalid")
        if claims.get("aud") not in (*_BASES, base_url):
            raise OAuthRefusal("invalid_grant", "audience is invalid")
        if claims.get("sub") != self.credentials.username:
            raise OAuthRefusal("invalid_grant", "user hasn't approved this consumer")
        self._check_expiry(claims.get("exp"))

    def _check_expiry(self, exp: Any) -> None:
        try:
            left = float(exp) - self.org.clock().timestamp()
        except (TypeError, ValueError):
            raise OAuthRefusal("invalid_grant", "invalid assertion") from None
        if left <= 0:
            raise OAuthRefusal("invalid_grant", "expired authorization code")
        # How far ahead it may lie is remembered, not verified; hence the setting.
        if left > self.jwt_seconds:
            raise OAuthRefusal("invalid_grant", "invalid assertion")

    # --- who one is -----------------------------------------------------------------------------------------------

    def revoke(self, request: Request) -> Answer:
        """Answer `POST /services/oauth2/revoke`."""
        token = request.form.get("token", "")
        if token == self.credentials.refresh_token or self.close(token):
            return Answer(200)
        raise OAuthRefusal("unsupported_token_type", "this token type is not supported")

    def identity(self, base_url: str) -> dict[str, Any]:
        """The user behind a token, in the form of the identity URL."""
        user = self.org.get("User", self.org.user_id)
        return {
            "id": self.identity_url(base_url),
            "asserted_user": True,
            "user_id": self.org.user_id,
            "organization_id": self.org.org_id,
            "username": self.credentials.username,
            "display_name": user["Name"],
            "email": user["Email"],
            "active": True,
            "user_type": "STANDARD",
            "language": "ja",
            "locale": "ja_JP",
            "urls": {"rest": f"{base_url}/services/data/v{{version}}/"},
        }
