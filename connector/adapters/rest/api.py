"""Requests to the system, and what went wrong where an answer makes no sense."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin

import requests

from connector.adapters.rest.config import Config
from connector.adapters.rest.places import Row, at
from connector.adapters.rest.shape import ID, KEY
from connector.errors import AdapterError, Mismatch, Refused, Text, Unavailable, Uncertain, text
from connector.evidence import masked
from connector.http import Http

Params = Mapping[str, str | int | bool]

NOT_FOUND = "not_found"
"""Code of the refusal of what is not there."""


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
        response = self.http.request("GET", path, params=asked, headers=self._headers())
        return Answer(str(response.url), self._json(response, asks=True), response.links.get("next", {}).get("url", ""))

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
        """Send fields of one record; what was answered.

        :raises Unavailable, Unauthorized, Refused, Uncertain: as `connector.http` does
        """
        body = {wrap: dict(fields)} if wrap else dict(fields)
        return self._json(self.http.request(method, path, json=body, headers=self._headers()), asks=False)

    def senseless(self, what: Text, data: Any, fix: Text | None = None) -> AdapterError:
        """An error about an answer that makes no sense, with its shape."""
        error = Mismatch(what, where=self.http.system, fix=fix)
        error.evidence = masked(data)
        return error

    def _judge(self, response: requests.Response) -> AdapterError | None:
        """Tell a record that is not there from one that is not accepted."""
        if response.status_code not in (404, 410):
            return None
        what = text("there is no such record or path", "該当するレコードまたはパスがありません")
        return Refused(what, where=self.http.system, code=NOT_FOUND)

    def _headers(self) -> dict[str, str]:
        auth = self._auth
        headers = {"Accept": "application/json"}
        if auth is None:
            return headers
        if auth.header and auth.value:
            return headers | {auth.header: auth.value.reveal()}
        if auth.bearer:
            return headers | {"Authorization": f"Bearer {auth.bearer.reveal()}"}
        pair = f"{auth.user}:{auth.password.reveal() if auth.password else ''}"
        return headers | {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def _json(self, response: requests.Response, *, asks: bool) -> Any:
        """What stands in an answer; nothing where it is empty. What a write was answered matters to few."""
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            what = text("the answer is not JSON", "応答が JSON として読めません")
            error = (Unavailable if asks else Uncertain)(what, where=self.http.system)
            error.evidence = masked(response.content)
            raise error from None


def next_link(answer: Answer, place: str) -> str:
    """The address of the next part of a list, from the answer or its header; empty at the end."""
    found = (at(answer.data, place) if place else None) or answer.link
    return urljoin(answer.url, str(found)) if found else ""


def filled(path: str, *, id_: str = "", key: str = "") -> str:
    """A path with the record's id and our key in it.

    :raises Refused: an id that would change the path
    """
    if id_ in (".", "..") or key in (".", ".."):
        raise Refused(text("an id that cannot stand in a path", "パスに使えない ID です"))
    return path.replace(ID, quote(id_, safe="")).replace(KEY, quote(key, safe=""))
