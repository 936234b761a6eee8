"""Signing in: one access token for all threads, renewed once when Salesforce says that it has expired.

The login of simple-salesforce 1.12.10 is not used: it signs in again without end while the answer stays 401, drops
the caller's headers on the repeated request, and never renews for Bulk requests.

Grants: client credentials, JWT bearer, refresh token, and the password grant that Salesforce is phasing out. The SOAP
login is not offered: it is not part of API 65.0 and later, and ends for all versions in Summer '27
(help.salesforce.com, "SOAP API login() retirement").
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import jwt
import requests
from requests.adapters import BaseAdapter
from requests.auth import AuthBase

from connector.errors import AdapterError, ConfigError, Throttled, Unauthorized, Unavailable, text
from connector.http import Http, error_of
from connector.spec import Secret

if TYPE_CHECKING:
    from connector.adapters.salesforce import Config

TOKEN_PATH = "/services/oauth2/token"  # noqa: S105  a path
EXPIRED = "INVALID_SESSION_ID"
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_JWT_LIFE = timedelta(minutes=3)
"""How far ahead an assertion expires; the limit is not documented, and this is what client libraries use."""
_LOGIN_PAUSE = timedelta(minutes=10)
"""More than 3,600 logins of a user within an hour are blocked (help.salesforce.com, 000381578)."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and the address of the org it opens."""

    access: str
    instance: str


class Tokens:
    """Gets access tokens. Threads share one; `renew` signs in once however many of them ask."""

    def __init__(self, http: Http, config: Config) -> None:
        self._http = http
        self._config = config
        self._lock = threading.Lock()
        self._token: Token | None = None

    def current(self) -> Token:
        """The token in use, after signing in if there is none yet.

        :raises Unauthorized, Unavailable: when there is no way in
        """
        with self._lock:
            if self._token is None:
                self._token = self._sign_in()
            return self._token

    def renew(self, stale: str) -> Token:
        """A token other than `stale`."""
        with self._lock:
            if self._token is None or self._token.access == stale:
                self._token = None
                self._token = self._sign_in()
            return self._token

    def _sign_in(self) -> Token:
        try:
            form = self._form()
        except ConfigError as error:
            raise Unauthorized(
                text("its credentials cannot be read", "認証情報を読み込めません"),
                where=self._http.system,
                fix=error.problems[0].what,
            ) from None
        url = self._http.base_url + TOKEN_PATH
        response = self._http.session.request("POST", url, data=form, auth=_no_auth, repeatable=True)
        answer = _object(response)
        if response.status_code >= 300:
            raise self._refusal(response.status_code, str(answer.get("error", "")))
        try:
            return Token(str(answer["access_token"]), str(answer["instance_url"]))
        except KeyError:
            what = text("the answer to the sign-in holds no token", "サインインの応答にトークンがありません")
            raise Unavailable(what, where=self._http.system, fix=_CHECK_DOMAIN) from None

    def _form(self) -> dict[str, str]:
        config = self._config
        client = {"client_id": config.client_id.reveal()}
        if config.client_secret is not None:
            client["client_secret"] = config.client_secret.reveal()
        if config.refresh_token is not None:
            return {"grant_type": "refresh_token", "refresh_token": config.refresh_token.reveal(), **client}
        if config.username is None:
            return {"grant_type": "client_credentials", **client}
        username = config.username.reveal()
        if config.private_key is not None:
            return {"grant_type": _JWT_BEARER, "assertion": self._assertion(client["client_id"], username)}
        return {"grant_type": "password", "username": username, "password": _reveal(config.password), **client}

    def _assertion(self, client_id: str, username: str) -> str:
        expires = int((self._http.utcnow() + _JWT_LIFE).timestamp())
        claims = {"iss": client_id, "sub": username, "aud": self._config.audience, "exp": expires}
        try:
            return jwt.encode(claims, _reveal(self._config.private_key), algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError):
            raise Unauthorized(
                text("private_key is no RSA key in PEM", "private_key が PEM 形式の RSA 鍵ではありません"),
                where=self._http.system,
            ) from None

    def _refusal(self, status: int, code: str) -> AdapterError:
        where = self._http.system
        if code == "rate_limit_exceeded":
            what = text("too many sign-ins", "サインインの回数が多すぎます")
            return Throttled(what, wait=_LOGIN_PAUSE, where=where, code=code)
        if status in (400, 401, 403) and code:
            return Unauthorized(
                text("the sign-in was refused ({code})", "サインインを拒否されました ({code})", code=code),
                where=where,
                code=code,
                fix=text(
                    "check domain and credentials, and that the connected app allows this flow for this user",
                    "domain と認証情報、接続アプリケーションでこのフローとユーザーが許可されているかを確認してください",
                ),
            )
        error = error_of(status, where=where, repeatable=True, code=code)
        return Unavailable(error.what, where=where, fix=_CHECK_DOMAIN, code=code)


_CHECK_DOMAIN = text("check domain", "domain を確認してください")


def _reveal(secret: Secret | None) -> str:
    return secret.reveal() if secret is not None else ""


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """For the request that asks for a token: it carries no older one."""
    return request


def _object(response: requests.Response) -> Mapping[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class BearerAuth(AuthBase):
    """Puts the current token on each request; sends it once more, as it was, when the token has expired."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Sign a request."""
        used = self._tokens.current().access
        request.headers["Authorization"] = f"Bearer {used}"

        def once_more(response: requests.Response, **kw: Any) -> requests.Response:
            if response.status_code != 401 or EXPIRED not in codes_of(json_of(response)):
                return response
            fresh = self._tokens.renew(used).access
            again = response.request.copy()
            again.headers["Authorization"] = f"Bearer {fresh}"
            # Straight to the transport: its hooks do not run again, so there is never a third try.
            answer: requests.Response = response.connection.send(again, **kw)
            answer.request = again
            return answer

        request.register_hook("response", once_more)
        return request


def json_of(response: requests.Response) -> Any:
    """The body as JSON; None where it is none."""
    try:
        return response.json()
    except ValueError:
        return None


def codes_of(content: Any) -> list[str]:
    """The error codes in the body of a refusal: `[{"errorCode": ..., "message": ...}]`; anything else has none."""
    if not isinstance(content, list):
        return []
    return [str(each["errorCode"]) for each in content if isinstance(each, dict) and "errorCode" in each]


class PlainLoopback(BaseAdapter):
    """Takes https requests to an org that speaks plain http on this machine: simple-salesforce writes https itself."""

    def __init__(self, transport: BaseAdapter) -> None:
        super().__init__()
        self._send: Callable[..., requests.Response] = transport.send

    def send(self, request: requests.PreparedRequest, *args: Any, **kw: Any) -> requests.Response:
        """Send it by http."""
        request.url = str(request.url).replace("https://", "http://", 1)
        return self._send(request, *args, **kw)

    def close(self) -> None:
        """Nothing of its own."""
