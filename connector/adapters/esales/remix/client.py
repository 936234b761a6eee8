"""Calls to Remix's REST API, and what its answers mean.

Paths, headers and bodies are those of public code that works with it (a client for Google Apps Script, a Spring demo,
the documentation of a data transfer service); nothing was tried on a live tenant.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import requests

from connector.adapters.esales.calls import Pace, revealed, unclear
from connector.adapters.esales.options import Config
from connector.adapters.esales.speech import senseless
from connector.errors import AdapterError, Refused, Throttled, Unavailable, Uncertain, text
from connector.evidence import masked
from connector.http import LONGEST_WAIT, Http, error_of

Json = Any


class Client:
    """One tenant over HTTP. Makes no request until it is asked something."""

    def __init__(self, name: str, config: Config) -> None:
        address = config.address
        self.name = name
        self._config = config
        self._pace = Pace()
        self.http = Http(name, f"{address.origin}/{address.tenant}", config, judge=self._judge)
        self.http.session.auth = self._sign

    def get(self, path: str, **params: str) -> Json:
        """What stands at `path`.

        :raises Unavailable, Unauthorized, Refused: when it cannot be read
        """
        return self.http.json("GET", f"rest/v1/{path}", params=params)

    def search(self, body: Mapping[str, Json]) -> Json:
        """The answer of `entities/search`."""
        return self.http.json("POST", "rest/v1/entities/search", json=body, repeatable=True)

    def write(self, method: str, sheet: str, items: Sequence[Mapping[str, Json]]) -> str:
        """Write one record and give the primary key that the answer tells.

        :raises Unclear: the answer tells neither that it was done nor that it was not
        :raises Uncertain: the answer was lost
        """
        try:
            answer = self.http.json(method, "rest/v1/entity", json={"objectName": sheet, "items": list(items)})
        except Uncertain as error:
            if type(error) is Uncertain and not error.code:  # answered, but by a page for people
                raise unclear(self.name, "") from None
            raise
        key = answer.get("primarykey") if isinstance(answer, dict) else None
        if isinstance(key, bool) or not isinstance(key, int | str) or not str(key).isdigit():
            raise unclear(self.name, answer)
        return str(int(key))

    def refuses(self, method: str, path: str, **kw: Any) -> str:
        """How a call that must fail is answered, for whoever supports the adapter: status and kind of content."""
        try:
            response = self.http.session.request(method, f"{self.http.base_url}/rest/v1/{path}", repeatable=True, **kw)
        except (Unavailable, Uncertain):
            return "no data"
        try:
            answer = response.json()
        except (ValueError, RecursionError):
            kind = "text"
        else:
            kind = f"json code {answer.get('code')}" if isinstance(answer, dict) else "json"
        return f"{response.status_code} {kind}"

    # --- signing ------------------------------------------------------------------------------------------------------

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        config = self._config
        if config.token is not None:
            request.headers["X-Auth-API-Token"] = revealed(config.token, self.name)
        elif config.user is not None and config.password is not None:
            pair = f"{revealed(config.user, self.name)}:{revealed(config.password, self.name)}"
            request.headers["X-Auth-User-Token"] = base64.b64encode(pair.encode()).decode()
        return request

    # --- answers ------------------------------------------------------------------------------------------------------

    def _judge(self, response: requests.Response) -> AdapterError | None:
        """Whether an answer is a failure: the text first, then `code`, then the status.

        Public code that works with the API reads it so: what is not JSON failed whatever the status, and so did JSON
        whose `code` is there and not 200.
        """
        self._pace.note(self.http, response)
        asks = self._asks(response)
        try:
            answer = response.json()
        except (ValueError, RecursionError):
            if response.status_code >= 300:
                return self._known(response.status_code, response.status_code, asks=asks, answer=response.text)
            if asks:
                return senseless(self.name, text("answered no JSON", "応答が JSON ではありません"), response.text)
            return unclear(self.name, response.text)
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

    @staticmethod
    def _asks(response: requests.Response) -> bool:
        return response.request.method == "GET" or str(response.request.url).endswith("/entities/search")
