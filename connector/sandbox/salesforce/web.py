"""Requests and answers, free of any transport: a subrequest of a composite is a call like any other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from werkzeug.datastructures import Headers

from connector.sandbox.salesforce.errors import Refusal, not_found, refuse


@dataclass(frozen=True, slots=True)
class Call:
    """One request: `segments` is the decoded path, so that an encoded slash stays inside its segment."""

    method: str
    target: str
    segments: tuple[str, ...]
    args: Mapping[str, str]
    headers: Headers
    body: bytes = b""
    base_url: str = ""
    version: str = ""
    user_id: str = ""
    parsed: Any = None
    all_or_none: bool | None = None

    @property
    def base(self) -> str:
        """The path every resource of this version is under."""
        return f"/services/data/v{self.version}"

    def json(self) -> Any:
        """The body; raises what Salesforce answers to one that is none."""
        if self.parsed is not None:
            return self.parsed
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            text = f"Content-Type header specified in HTTP request is not supported: {kind}"
            raise refuse("UNSUPPORTED_MEDIA_TYPE", text, status=415)
        if not self.body:
            text = "The HTTP entity body is required, but this request has no entity body."
            raise refuse("JSON_PARSER_ERROR", text)
        try:
            return json.loads(self.body, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise refuse("JSON_PARSER_ERROR", f"Unexpected input: {error}") from None

    def json_object(self) -> dict[str, Any]:
        """The body, which must be a JSON object."""
        found = self.json()
        if not isinstance(found, dict):
            raise refuse("JSON_PARSER_ERROR", "Unexpected parameter: the body must be a JSON object")
        return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"Non-standard token '{name}'")


def split_target(target: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The decoded segments of a path and its query parameters; a trailing slash makes no difference."""
    parts = urlsplit(target)
    path = parts.path.removesuffix("/")
    return tuple(unquote(each) for each in path.split("/")[1:]), dict(parse_qsl(parts.query, keep_blank_values=True))


@dataclass(slots=True)
class Answer:
    """What to answer. A body that is not bytes or text is JSON; None is no body at all."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    mimetype: str = "application/json;charset=UTF-8"
    failed_rows: bool = False

    @property
    def failed(self) -> bool:
        """Whether it would fail a composite that is all or nothing; a key that fits several records (300) does."""
        return self.status == 300 or self.status >= 400 or self.failed_rows

    def encoded(self) -> bytes:
        """The body as it goes over the wire."""
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            return self.body.encode()
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()


Handler = Callable[..., Answer]


def answer_refusal(error: Refusal) -> Answer:
    """A refusal of a whole request."""
    return Answer(error.status, [problem.as_error() for problem in error.problems])


class Router:
    """Finds the handler of a path. A part in braces takes any segment and is handed over by name."""

    def __init__(self, routes: Iterable[tuple[str, Mapping[str, Handler]]]) -> None:
        self._routes = [(tuple(path.split("/")) if path else (), dict(methods)) for path, methods in routes]

    def dispatch(self, call: Call, segments: tuple[str, ...]) -> Answer:
        """Answer a call whose path under the version is `segments`."""
        allowed: list[str] = []
        for template, methods in self._routes:
            params = _match(template, segments)
            if params is None:
                continue
            if call.method in methods:
                return methods[call.method](call, **params)
            allowed.extend(methods)
        if allowed:
            text = f"HTTP Method '{call.method}' not allowed. Allowed are {','.join(allowed)}"
            raise refuse("METHOD_NOT_ALLOWED", text, status=405)
        raise not_found()


def _match(template: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    if len(template) != len(segments):
        return None
    params: dict[str, str] = {}
    for expected, found in zip(template, segments, strict=True):
        if expected.startswith("{"):
            if not found:
                return None
            params[expected.strip("{}")] = found
        elif expected != found:
            return None
    return params


def sub_call(call: Call, method: str, target: str, body: Any, headers: Mapping[str, str]) -> Call:
    """A call inside another one."""
    segments, args = split_target(target)
    merged = Headers(call.headers)
    for name, value in headers.items():
        merged[name] = value
    inner = replace(call, method=method, target=target, segments=segments, args=args, headers=merged)
    return replace(inner, parsed=body, body=b"")
