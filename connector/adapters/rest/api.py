"""Requests to the system, and what went wrong where an answer makes no sense."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urljoin

import requests

from connector.adapters.rest.config import Config
from connector.adapters.rest.places import Row, at
from connector.adapters.rest.shape import ID, KEY
from connector.errors import AdapterError, ConfigError, Mismatch, Refused, Text, Unauthorized, Unavailable, text
from connector.evidence import masked
from connector.http import Http

Params = Mapping[str, str | int | bool]

NOT_FOUND = "not_found"
"""Code of the refusal of what is not there."""

_SENDABLE = re.compile(r"[\x20-\x7e]+")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question was answered: data, and the address that a header names as the next one."""

    url: str
    data: Any
    link: str


class Api:
    """The system behind `base_url`."""

    def __init__(self, name: str, config: Config) -> None:
        self.http = Http(name, config.base_url, config, judge=self._judge)
        self._auth = config.auth

    def ask(self, path: str, params: Params) -> Answer:
        """Ask; `path` is one behind `base_url`, or a whole address at the same host.

        :raises Unavailable, Unauthorized, Refused: as `connector.http` does
        """
        asked = {name: str(value).lower() if isinstance(value, bool) else value for name, value in params.items()}
        headers = self._headers()
        try:
            response = self.http.request("GET", path, params=asked, headers=headers)
        except ValueError:  # an address that is none; what we make ourselves is one
            raise self._no_address() from None
        return Answer(str(response.url), self._read(response), response.links.get("next", {}).get("url", ""))

    def next_link(self, answer: Answer, place: str) -> str:
        """The address of the next part of a list, from the answer or its header; empty at the end.

        :raises Mismatch: what stands there is no address
        """
        found = (at(answer.data, place) if place else None) or answer.link
        if not found:
            return ""
        try:
            if isinstance(found, str):
                return urljoin(answer.url, found)
        except ValueError:
            pass
        raise self._no_address()

    def heard(self) -> datetime:
        """The system's clock when last heard; ours, where it tells none."""
        return self.http.server_time or self.http.utcnow()

    def rows(self, answer: Answer, place: str) -> list[Row]:
        """The rows of a list.

        :raises Mismatch: there is no list
        """
        found = at(answer.data, place)
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            shown = place or "(whole)"
            what = text(
                "the answer has no list of records at {place}",
                "応答の {place} にレコードの一覧がありません",
                place=shown,
            )
            raise self.senseless(what, answer.data, text("check rows", "rows を確認してください"))
        return found

    def write(self, method: str, path: str, fields: Mapping[str, Any], wrap: str) -> Any:
        """Send fields of one record; what was answered, where that is JSON: its status says all that matters.

        :raises Unavailable, Unauthorized, Refused, Uncertain: as `connector.http` does
        """
        body = {wrap: dict(fields)} if wrap else dict(fields)
        response = self.http.request(method, path, json=body, headers=self._headers())
        try:
            return _json(response)
        except ValueError:
            return None

    def senseless(self, what: Text, data: Any, fix: Text | None = None) -> AdapterError:
        """An error about an answer that makes no sense, with its shape."""
        error = Mismatch(what, where=self.http.system, fix=fix)
        error.evidence = _evidence(data)
        return error

    def _judge(self, response: requests.Response) -> AdapterError | None:
        """Tell a record that is not there from one that is not accepted."""
        if response.status_code not in (404, 410):
            return None
        what = text("there is no such record or path", "該当するレコードまたはパスがありません")
        return Refused(what, where=self.http.system, code=NOT_FOUND)

    def _headers(self) -> dict[str, str]:
        """Headers that say who we are.

        :raises Unauthorized: a secret that was there at the start is not, or cannot stand in a header
        """
        headers = {"Accept": "application/json"}
        try:
            signed = self._signed()
        except ConfigError as error:
            raise Unauthorized(error.problems[0].what, where=self.http.system, fix=error.problems[0].fix) from None
        if not all(_SENDABLE.fullmatch(value) for value in signed.values()):
            # Told here: the library that sends would show the secret in its error.
            what = text("the secret cannot stand in a header", "秘密情報をヘッダーに入れられません")
            fix = text(
                "it has to be one line of ASCII: check the variable or file of auth",
                "ASCII の1行にしてください。auth が参照する環境変数またはファイルを確認してください",
            )
            raise Unauthorized(what, where=self.http.system, fix=fix)
        return headers | signed

    def _signed(self) -> dict[str, str]:
        auth = self._auth
        if auth is None:
            return {}
        if auth.header and auth.value:
            return {auth.header: auth.value.reveal()}
        if auth.bearer:
            return {"Authorization": f"Bearer {auth.bearer.reveal()}"}
        pair = f"{auth.user}:{auth.password.reveal() if auth.password else ''}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def _read(self, response: requests.Response) -> Any:
        """What stands in the answer to a question; nothing where it is empty."""
        try:
            return _json(response)
        except ValueError:
            error = Unavailable(text("the answer is not JSON", "応答が JSON として読めません"), where=self.http.system)
            error.evidence = _evidence(response.content)
            raise error from None

    def _no_address(self) -> AdapterError:
        what = text(
            "what stands where the next link should is no address",
            "次ページのリンクの位置にあるものがアドレスではありません",
        )
        fix = text("check paging.next", "paging.next を確認してください")
        return Mismatch(what, where=self.http.system, fix=fix)


def _json(response: requests.Response) -> Any:
    """What stands in an answer; None where it is empty.

    :raises ValueError: it is not JSON, or is nested without end
    """
    try:
        return response.json() if response.content else None
    except RecursionError:
        raise ValueError from None


def _evidence(answer: Any) -> str:
    try:
        return masked(answer)
    except RecursionError:
        return ""  # nested without end: its shape helps nobody


def filled(path: str, *, id_: str = "", key: str = "") -> str:
    """A path with the record's id and our key in it.

    :raises Refused: an id that would change the path
    """
    if id_ in (".", "..") or key in (".", ".."):
        raise Refused(text("an id that cannot stand in a path", "パスに使えない ID です"))
    return path.replace(ID, quote(id_, safe="")).replace(KEY, quote(key, safe=""))
