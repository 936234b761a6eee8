"""A request as the parts of the emulator see it, and their answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Request

from connector.sandbox.kintone.auth import Who
from connector.sandbox.kintone.errors import illegal
from connector.sandbox.kintone.params import Params, from_body, from_query

_PATH = re.compile(r"/k/(?:guest/(\d+)/)?v1/(preview/)?([A-Za-z/]+)\.json")
_METHODS = ("GET", "POST", "PUT", "DELETE")


@dataclass(frozen=True, slots=True)
class Place:
    """What is called: an API, in which space."""

    api: str
    guest: int | None = None

    @classmethod
    def of(cls, path: str) -> Place | None:
        """The place of a path, None when it is none of this API's."""
        found = _PATH.fullmatch(path)
        if found is None:
            return None
        return cls((found[2] or "") + found[3], None if found[1] is None else int(found[1]))


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an API, alone or as a part of a bulk request."""

    method: str
    place: Place
    params: Params
    who: Who
    target: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered when all went well, or for the most part."""

    body: Mapping[str, Any]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Answer]
Routes = Mapping[tuple[str, str], Handler]
"""What answers, by method and API."""


def method_of(request: Request) -> str:
    """The method, which a POST may override."""
    override = request.headers.get("X-HTTP-Method-Override", "").upper()
    if request.method != "POST" or not override:
        return request.method
    if override not in _METHODS:
        raise illegal()
    return override


def params_of(request: Request, method: str) -> dict[str, Any]:
    """What a request says: in JSON, or for GET and DELETE in the query string.

    Raises:
        Refusal: a body is not declared as JSON, or is none; one is declared and missing.
    """
    body = request.get_data()
    declared = request.mimetype == "application/json"
    if body and not declared:
        raise illegal()
    if declared:
        return from_body(body)
    if method in ("GET", "DELETE"):
        return from_query(request.query_string.decode("utf-8", "replace"))
    return {}
