"""Calls to SMP: signed, with a token that is renewed in time, their answers read as XML.

Sources: API guide apidoc.shanon.co.jp (authentication, search parameters, token life of one hour), the test vector of
shanon-ruby (MIT). What the real service answers to a dead token is published nowhere, hence the doubts below.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import requests

from connector.adapters.shanon.document import Document, NotUnderstoodError, body, parse
from connector.errors import AdapterError, Refused, Unauthorized, Unavailable, Uncertain, text
from connector.http import Http, HttpOptions, error_of
from connector.spec import Secret

TOKEN_USED = timedelta(minutes=55)
"""How long we use a token, of the hour that it lives."""

TOKEN_TRUSTED = timedelta(minutes=5)
"""A refusal under a token younger than this is believed; under an older one the token may be the reason."""

_ERROR_BYTES = 65536
_REST = "services/rest"
_HEADERS = {"Content-Type": "application/xml;charset='UTF-8'"}


def _without_query(record: logging.LogRecord) -> bool:
    """Cut the query off every URL in a record."""
    if isinstance(record.args, tuple):
        record.args = tuple(arg.partition("?")[0] if isinstance(arg, str) else arg for arg in record.args)
    return True


# SMP takes the password and the token in the query, and urllib3 writes whole targets into its own debug log.
logging.getLogger("urllib3.connectionpool").addFilter(_without_query)

Condition = tuple[str, str, str]
"""A key, an operator (eq ne ge gt le lt) and a value."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """References to what the account was given; they are read at sign-in."""

    api_key: Secret
    password: Secret
    secret: Secret


@dataclass(frozen=True, slots=True)
class _Token:
    value: str = field(repr=False)
    given_at: float


def sign(secret: str, params: Mapping[str, str]) -> str:
    """`api_sig`: HMAC-SHA1 in hex over each key with its value, sorted by key; values as they are before escaping."""
    said = "".join(key + value for key, value in sorted(params.items()))
    return hmac.new(secret.encode(), said.encode(), hashlib.sha1).hexdigest()


class Api:
    """One account. Safe to use from several threads: they share a token, and one of them renews it."""

    def __init__(self, system: str, base_url: str, options: HttpOptions, credentials: Credentials) -> None:
        self.http = Http(system, base_url, options, judge=self._judge)
        self._system = system
        self._credentials = credentials
        self._token: _Token | None = None
        self._lock = threading.Lock()

    def sign_in(self) -> None:
        """Get a new token.

        :raises Unauthorized: the credentials are not accepted
        :raises Unavailable: the service cannot answer
        """
        self._renewed(self._token)

    def search(
        self,
        resource: str,
        *where: Condition,
        order: str,
        limit: int,
        offset: int = 0,
        count: bool = True,
    ) -> Document:
        """Rows in ascending `order`. `count` is not known to every resource.

        :raises Unavailable: no answer, or one that is not a list of rows
        :raises Unauthorized: we are not let in
        :raises Refused: the resource or the search is not accepted
        """
        params = {"order": order, "direction": "asc", "limit": str(limit), "offset": str(offset)}
        for number, (key, operator, value) in enumerate(where, 1):
            params[f"search_key{number}"] = key
            params[f"search_operator{number}"] = operator
            params[f"search_value{number}"] = value
        if count:
            params["count"] = "1"
        response = self._call("GET", resource, params)
        try:
            document = parse(response.content)
        except NotUnderstoodError:
            raise Unavailable(_NOT_XML, where=self._where(resource)) from None
        if not document.root.endswith("List"):
            raise Unavailable(_NO_LIST, where=self._where(resource))
        return document

    def write(self, method: str, resource: str, element: str, inside: str, params: Mapping[str, str]) -> None:
        """Carry out a write of one element.

        :raises Refused: this one is not acceptable
        :raises Uncertain: it may have taken effect
        :raises Unavailable: it has not
        :raises Unauthorized: we are not let in
        """
        response = self._call(method, resource, params, body(element, inside))
        if not response.content.strip():
            return
        try:
            parse(response.content)
        except NotUnderstoodError:
            raise Uncertain(_NOT_XML, where=self._where(resource)) from None

    def _call(self, method: str, resource: str, params: Mapping[str, str], data: bytes = b"") -> requests.Response:
        token = self._alive()
        try:
            return self._send(method, resource, params, data, token)
        except Unauthorized:
            pass
        except Refused:
            if self._age(token) < TOKEN_TRUSTED.total_seconds():
                raise
        return self._send(method, resource, params, data, self._renewed(token))

    def _send(
        self, method: str, resource: str, params: Mapping[str, str], data: bytes, token: _Token
    ) -> requests.Response:
        headers = _HEADERS if data else {}
        signed = self._signed({**params, "token": token.value})
        try:
            return self.http.request(method, f"{_REST}/{resource}", params=signed, data=data, headers=headers)
        except AdapterError as error:
            error.where = self._where(resource)
            raise

    # --- the token ----------------------------------------------------------------------------------------------------

    def _age(self, token: _Token) -> float:
        return self.http.clock() - token.given_at

    def _alive(self) -> _Token:
        token = self._token
        if token is not None and self._age(token) < TOKEN_USED.total_seconds():
            return token
        return self._renewed(token)

    def _renewed(self, old: _Token | None) -> _Token:
        """A token other than `old`: the one that another thread got meanwhile, or a new one."""
        with self._lock:
            if self._token is None or self._token is old:
                self._token = self._sign_in()
            return self._token

    def _sign_in(self) -> _Token:
        resource = "authentication"
        signed = self._signed({"password": self._credentials.password.reveal()})
        asked_at = self.http.clock()
        try:
            response = self.http.request("GET", f"{_REST}/{resource}", params=signed)
            token = parse(response.content).token
        except (Unauthorized, Refused) as error:
            raise Unauthorized(_NOT_LET_IN, where=self._where(resource), fix=_CHECK_KEYS, code=error.code) from None
        except NotUnderstoodError:
            raise Unavailable(_NOT_XML, where=self._where(resource)) from None
        if not token:
            raise Unavailable(_NO_TOKEN, where=self._where(resource))
        return _Token(token, asked_at)

    def _signed(self, params: Mapping[str, str]) -> dict[str, str]:
        asked = {"api_key": self._credentials.api_key.reveal(), **params}
        return {**asked, "api_sig": sign(self._credentials.secret.reveal(), asked)}

    # --- what an answer means -----------------------------------------------------------------------------------------

    def _judge(self, response: requests.Response) -> AdapterError | None:
        """An error told in the body, whatever the status.

        The vendor's message may quote values and stays out of ours: it goes apart from that, to the receipt.
        """
        if response.status_code >= 500 or len(response.content) > _ERROR_BYTES:
            return None
        try:
            document = parse(response.content)
        except NotUnderstoodError:
            return None
        if document.error is None:
            return None
        error = self._meant(response.status_code, document.error)
        error.said = document.message
        return error

    def _meant(self, status: int, code: str) -> AdapterError:
        if "token" in code.lower():
            return Unauthorized(_DEAD_TOKEN, where=self._system, code=code)
        if status < 300:
            return Refused(_REFUSED, where=self._system, code=code)
        return error_of(status, where=self._system, repeatable=False, code=code)

    def _where(self, resource: str) -> str:
        return f"{self._system}/{resource}"


_NOT_XML = text("the answer is not XML that can be read", "応答が XML として読めません")
_NO_LIST = text("the answer is not a list of records", "応答がレコードの一覧ではありません")
_NO_TOKEN = text("the sign-in gave no token", "認証の応答にトークンがありません")
_NOT_LET_IN = text("the sign-in was refused", "認証が拒否されました")
_DEAD_TOKEN = text("the token is not accepted", "トークンが無効です")
_REFUSED = text("answered with an error", "エラーが返されました")
_CHECK_KEYS = text(
    "check base_url, api_key, password and secret, and that the API option of the account is on",
    "base_url、api_key、password、secret と、アカウントの API オプションが有効であることを確認してください",
)
