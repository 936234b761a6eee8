"""Calls to Remix's REST API, and what its answers mean.

Paths, headers and bodies are those of public code that works with it (a client for Google Apps Script, a Spring demo,
the documentation of a data transfer service); nothing was tried on a live tenant.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import requests

from connector.adapters.esales.options import Config
from connector.adapters.esales.speech import senseless
from connector.errors import (
    AdapterError,
    ConfigError,
    Refused,
    Throttled,
    Unauthorized,
    Unavailable,
    Uncertain,
    text,
)
from connector.evidence import masked
from connector.http import LONGEST_WAIT, Http, error_of
from connector.spec import Secret

Json = Any

_SLOW_SECONDS = 10.0
_SLOW_ANSWERS = 3


class Unclear(Uncertain):
    """A write was answered, but not in words that tell what became of it: the record itself is to be asked."""


class Client:
    """One tenant over HTTP. Makes no request until it is asked something."""

    def __init__(self, name: str, config: Config) -> None:
        address = config.address
        self.name = name
        self._config = config
        self._slow = 0
        self.http = Http(name, f"{address.origin}/{address.tenant}", config, judge=self._judge)
        self.http.session.auth = self._sign

    def get(self, path: str, **params: str) -> Json:
        """What stands at `path`.

        :raises Unavailable, Unauthorized, Refused: when it cannot be read
        """
        return self._ask("GET", path, params=params)

    def search(self, body: Mapping[str, Json]) -> Json:
        """The answer of `entities/search`."""
        return self._ask("POST", "entities/search", json=body, repeatable=True)

    def write(self, method: str, sheet: str, items: Sequence[Mapping[str, Json]]) -> str:
        """Write one record and give the primary key that the answer tells.

        :raises Unclear: the answer tells neither that it was done nor that it was not
        :raises Uncertain: the answer was lost
        """
        try:
            answer = self._ask(method, "entity", json={"objectName": sheet, "items": list(items)})
        except Uncertain as error:
            if type(error) is Uncertain and not error.code:  # answered, but by a page for people
                raise self._unclear("") from None
            raise
        key = answer.get("primarykey") if isinstance(answer, dict) else None
        if isinstance(key, bool) or not isinstance(key, int | str) or not str(key).isdigit():
            raise self._unclear(answer)
        return str(int(key))

    def refuses(self, method: str, path: str, **kw: Any) -> str:
        """How a call that must fail is answered, for whoever supports the adapter: status and kind of content."""
        try:
            response = self.http.session.request(method, f"{self.http.base_url}/rest/v1/{path}", repeatable=True, **kw)
        except (Unavailable, Uncertain):
            return "no data"
        try:
            answer = response.json()
        except ValueError:
            kind = "text"
        else:
            kind = f"json code {answer.get('code')}" if isinstance(answer, dict) else "json"
        return f"{response.status_code} {kind}"

    def _ask(self, method: str, path: str, *, repeatable: bool | None = None, **kw: Any) -> Json:
        started = self.http.clock()
        try:
            return self.http.json(method, f"rest/v1/{path}", repeatable=repeatable, **kw)
        finally:
            self._note_pace(self.http.clock() - started)

    def _note_pace(self, seconds: float) -> None:
        """Three slow answers in a row: ask half as often from now on."""
        self._slow = self._slow + 1 if seconds > _SLOW_SECONDS else 0
        rate = self.http.options.rate
        if self._slow == _SLOW_ANSWERS and rate is not None:
            self._slow = 0
            self.http.options = self.http.options.model_copy(update={"rate": rate / 2})

    # --- signing ------------------------------------------------------------------------------------------------------

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        config = self._config
        if config.token is not None:
            request.headers["X-Auth-API-Token"] = self._reveal(config.token)
        elif config.user is not None and config.password is not None:
            pair = f"{self._reveal(config.user)}:{self._reveal(config.password)}"
            request.headers["X-Auth-User-Token"] = base64.b64encode(pair.encode()).decode()
        return request

    def _reveal(self, secret: Secret) -> str:
        try:
            return secret.reveal()
        except ConfigError as error:
            raise Unauthorized(
                text("its credentials cannot be read", "認証情報を読み込めません"),
                where=self.name,
                fix=error.problems[0].what,
            ) from None

    # --- answers ------------------------------------------------------------------------------------------------------

    def _judge(self, response: requests.Response) -> AdapterError | None:
        """Whether an answer is a failure: the text first, then `code`, then the status.

        Public code that works with the API reads it so: what is not JSON failed whatever the status, and so did JSON
        whose `code` is there and not 200.
        """
        asks = self._asks(response)
        try:
            answer = response.json()
        except ValueError:
            if response.status_code >= 300:
                return self._known(response.status_code, response.status_code, asks=asks, answer=response.text)
            if asks:
                return senseless(self.name, text("answered no JSON", "応答が JSON ではありません"), response.text)
            return self._unclear(response.text)
        code = answer.get("code") if isinstance(answer, dict) else None
        if code in (None, 200, "200") and response.status_code < 300:
            return None
        if code in (None, 200, "200"):
            code = response.status_code
        if isinstance(code, str) and code.isdigit():
            code = int(code)
        return self._known(code, response.status_code, asks=asks, answer=answer)

    def _known(self, code: Any, status: int, *, asks: bool, answer: Any) -> AdapterError:
        """The error behind a code, which the documentation likens to HTTP statuses."""
        said = code if isinstance(code, int) and 300 <= code < 600 else status
        if said == 429:
            what = text("asks us to wait", "待つよう求められました")
            return Throttled(what, wait=LONGEST_WAIT, where=self.name, code=str(code))
        if said < 300:
            what = text("refuses it ({code})", "拒否されました ({code})", code=code)
            error: AdapterError = Refused(what, where=self.name, code=str(code))
        else:
            error = error_of(said, where=self.name, repeatable=asks, code=str(code))
        error.evidence = masked(answer)
        return error

    def _unclear(self, answer: object) -> Unclear:
        error = Unclear(text("the answer does not tell what was done", "応答から結果が分かりません"), where=self.name)
        error.evidence = masked(answer)
        return error

    @staticmethod
    def _asks(response: requests.Response) -> bool:
        return response.request.method == "GET" or str(response.request.url).endswith("/entities/search")


def unreadable(error: Refused) -> Unavailable:
    """A question that was refused: nothing can be read until that is mended."""
    found = Unavailable(
        error.what,
        where=error.where,
        code=error.code,
        fix=text("run connector check", "connector check を実行してください"),
    )
    found.evidence = error.evidence
    return found
