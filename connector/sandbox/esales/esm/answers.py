"""Bodies of requests, and answers in the form that the settings say."""

from __future__ import annotations

import json
from decimal import Decimal
from html import escape
from typing import Any

from werkzeug.wrappers import Request, Response

from connector.sandbox.esales.esm.refusals import busy
from connector.sandbox.esales.esm.settings import EsmSettings
from connector.sandbox.esales.refusal import Refusal

_JSON = "application/json;charset=UTF-8"


def body(request: Request) -> dict[str, Any]:
    """The object that was sent; anything else, or a Content-Type that is wrong or doubled, can't be read."""
    if request.mimetype != "application/json":
        raise busy()
    try:
        found = json.loads(request.get_data(), parse_float=Decimal, parse_constant=_no_constant)
        json.dumps(found, ensure_ascii=False, default=str).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        raise busy() from None
    if not isinstance(found, dict):
        raise busy()
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def answer(content: Any, headers: dict[str, str] | None = None) -> Response:
    """200 with JSON."""
    return Response(json.dumps(content, ensure_ascii=False), 200, headers, content_type=_JSON)


def enveloped(record: dict[str, Any], settings: EsmSettings) -> Response:
    """One record."""
    match settings.envelope:
        case "flat":
            return answer(record)
        case "data":
            return answer({"data": record})
        case _:
            return answer({"status": "success", "result": {"count": 1, "records": [record]}})


def created(record_id: int, prefix: str, path: str, settings: EsmSettings) -> Response:
    """What a registration is answered with."""
    match settings.created:
        case "id":
            return answer({"id": record_id})
        case "prefix_id":
            return answer({f"{prefix}.id": record_id})
        case "data":
            return answer({"data": {"id": record_id}})
        case "data_prefix":
            return answer({"data": {f"{prefix}.id": record_id}})
        case "location":
            return answer({}, {"Location": f"{path}/{record_id}"})
        case _:
            return answer({})


def refusal(refused: Refusal, settings: EsmSettings) -> Response:
    """The refusal's status with its message."""
    match settings.error_body:
        case "json":
            content = json.dumps({"status": refused.status, "message": refused.message}, ensure_ascii=False)
            response = Response(content, refused.status, content_type=_JSON)
        case "text":
            response = Response(refused.message, refused.status, mimetype="text/plain")
        case _:
            page = f"<!DOCTYPE html><html><body><h1>{escape(refused.message)}</h1></body></html>"
            response = Response(page, refused.status, mimetype="text/html")
    response.headers.extend(refused.headers)
    return response
