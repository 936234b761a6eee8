"""Calls to an esm's gateway: signing in, reading and writing single records.

Paths, headers and the sign-in are those of the vendor's public pages (esm-developers.softbrain.com: token, common
specification, sheets, lists). What an answer looks like is on none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from connector.adapters.esales.calls import Pace, revealed, unclear, unreadable
from connector.adapters.esales.options import Config
from connector.adapters.esales.speech import senseless
from connector.errors import AdapterError, Refused, Unauthorized, Unavailable, Uncertain, text
from connector.evidence import masked
from connector.http import Http, error_of
from connector.ports import Needs

Json = Any

BUSY = "BUSY"
"""Code of 500 「込み合っております」: the gateway says it of a body that it cannot read, and perhaps of load."""
_BUSY_WORDS = "込み合って"
_RENEW_AT = 0.8
"""Share of a token's life after which the next one is fetched."""


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and when by our clock a new one is to be fetched."""

    access: str
    renew_at: float


class Client:
    """One tenant over HTTP. Makes no request until it is asked something."""

    def __init__(self, name: str, config: Config, needs: Needs) -> None:
        self.name = name
        self.zone = needs.timezone
        self._config = config
        self._zone_header = config.timezone_header or str(needs.timezone)
        self._root = f"{config.prefix}/{config.address.tenant}/pub/esms/v1"
        self._token: Token | None = None
        self._pace = Pace()
        self.http = Http(name, config.gateway, config, judge=self._judge)
        self.http.session.auth = self._sign

    def get(self, path: str) -> Json:
        """What stands at `path` behind `/pub/esms/v1/`; None: there is nothing.

        :raises Unavailable, Unauthorized: when it cannot be read
        """
        try:
            return self._json("GET", path)
        except Refused as error:
            if error.code == "404":
                return None
            raise unreadable(error) from None

    def search(self, path: str, body: Json) -> Json:
        """The answer to a question that is asked by POST."""
        try:
            return self._json("POST", path, json=body, repeatable=True)
        except Refused as error:
            raise unreadable(error) from None

    def put(self, path: str, values: Mapping[str, Json]) -> None:
        """Update a record.

        :raises Unclear: the answer does not tell what became of it
        """
        self._json("PUT", path, json=dict(values))

    def post(self, path: str, values: Mapping[str, Json]) -> tuple[Json, str]:
        """Register something: the answer, and the address that it names, if it does."""
        response = self._ask("POST", path, json=dict(values))
        return response.json() if response.content else None, response.headers.get("Location", "")

    def refuses(self, method: str, path: str, **kw: Any) -> str:
        """How a call that should fail is answered, for whoever supports the adapter: status and kind of content."""
        try:
            response = self.http.session.request(method, f"{self.http.base_url}{self._root}/{path}", **kw)
        except (Unavailable, Uncertain):
            return "no data"
        try:
            response.json()
        except (ValueError, RecursionError):
            return f"{response.status_code} text"
        busy = " busy" if _BUSY_WORDS in response.text else ""
        return f"{response.status_code} json{busy}"

    def _json(self, method: str, path: str, **kw: Any) -> Json:
        response = self._ask(method, path, **kw)
        return response.json() if response.content else None

    def _ask(self, method: str, path: str, **kw: Any) -> requests.Response:
        """Ask; where the token has died, once more with a new one."""
        try:
            return self._once(method, path, **kw)
        except Unauthorized as error:
            if error.code != "401" or self._token is None:
                raise
        self._token = None
        return self._once(method, path, **kw)

    def _once(self, method: str, path: str, **kw: Any) -> requests.Response:
        try:
            return self.http.request(method, f"{self._root}/{path}", **kw)
        except Uncertain as error:
            if type(error) is Uncertain and not error.code:  # answered, but by a page for people
                raise unclear(self.name, "") from None
            raise

    # --- signing in ---------------------------------------------------------------------------------------------------

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._bearer()}"
        request.headers["X-ESM-TIMEZONE"] = self._zone_header
        return request

    def _bearer(self) -> str:
        if self._config.token is not None:
            return revealed(self._config.token, self.name)
        if self._token is None or self.http.clock() >= self._token.renew_at:
            self._token = self._sign_in()
        return self._token.access

    def _sign_in(self) -> Token:
        assert self._config.user is not None  # noqa: S101  the options give token, or user and password
        assert self._config.password is not None  # noqa: S101  as above
        body = {
            "grantType": "password",
            "userId": revealed(self._config.user, self.name),
            "password": revealed(self._config.password, self.name),
            "tenantId": self._config.address.tenant,
        }
        began = self.http.clock()
        try:
            # Not repeatable: an account may be locked after some attempts.
            response = self.http.session.request("POST", f"{self.http.base_url}/auth/token", json=body, auth=_unsigned)
        except Uncertain as lost:
            raise Unavailable(lost.what, where=lost.where, fix=lost.fix) from None
        if response.status_code == 400:
            raise Unauthorized(
                text("user, password or tenant are wrong", "ユーザー・パスワード・テナントのいずれかが誤っています"),
                where=self.name,
                code="400",
                fix=text("check them; it is not tried again", "確認してください。再試行はしません"),
            )
        if response.status_code >= 300:
            raise error_of(response.status_code, where=self.name, repeatable=True)
        try:
            answer = response.json()
            return Token(str(answer["accessToken"]), began + _RENEW_AT * int(answer["expireIn"]))
        except (ValueError, RecursionError, KeyError, TypeError):
            what = text("the sign-in holds no token", "サインインの応答にトークンがありません")
            raise senseless(self.name, what, response.text) from None

    # --- answers ------------------------------------------------------------------------------------------------------

    def _judge(self, response: requests.Response) -> AdapterError | None:
        self._pace.note(self.http, response)
        path = str(response.request.path_url)
        asks = response.request.method == "GET" or (response.request.method == "POST" and self._is_search(path))
        if response.status_code < 300:
            return self._unless_json(response, asks=asks)
        error = self._refusal(response, asks=asks)
        error.evidence = masked(response.text)
        return error

    def _unless_json(self, response: requests.Response, *, asks: bool) -> AdapterError | None:
        if not response.content and not asks:  # a write may be answered with nothing
            return None
        try:
            response.json()
        except (ValueError, RecursionError):
            what = text("answered no JSON", "応答が JSON ではありません")
            return senseless(self.name, what, response.text) if asks else unclear(self.name, response.text)
        return None

    def _refusal(self, response: requests.Response, *, asks: bool) -> AdapterError:
        status = response.status_code
        if status == 500 and _BUSY_WORDS in response.text:
            kind: Callable[..., AdapterError] = Unavailable if asks else Uncertain
            return kind(text("says that it is busy", "「込み合っています」と応答しました"), where=self.name, code=BUSY)
        if status == 401 and self._config.token is not None:
            return Unauthorized(
                text("the API token has expired or was deleted", "API トークンが失効または削除されています"),
                where=self.name,
                code="401",
                fix=text("issue a new one", "新しいトークンを発行してください"),
            )
        if status == 403:
            place = str(response.request.path_url).removeprefix(self._root).split("?")[0].strip("/").split("/")
            return Unauthorized(
                text("the user may not {method} {sheet}", "ユーザーに {sheet} の {method} 権限がありません",
                     method=response.request.method, sheet="/".join(place[:2])),
                where=self.name,
                code="403",
                fix=text("give the right: 参照, 登録 or 変更", "参照・登録・変更の権限を付与してください"),
            )  # fmt: skip
        return error_of(status, where=self.name, repeatable=asks, code=str(status))

    def _is_search(self, path: str) -> bool:
        searches = (find.path for find in self._config.find.values() if find.path)
        return any(path.startswith(f"{self._root}/{each}") for each in searches)


def _unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request
