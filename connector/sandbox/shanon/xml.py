"""XML in and out: rows as SMP prints them, bodies as SMP wants them.

The namespace, the version, a choice as `X/{XId, XName}`, `AttributeNList`, elements left out where there is no value:
recorded answers in shanon-ruby (MIT).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from html import escape
from typing import Any, NamedTuple

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from werkzeug.wrappers import Request, Response

from connector.sandbox.shanon.refusal import Refusal, bad_item

NAMESPACE = "http://smartseminar.jp/"
VERSION = "1.53"
JST = timezone(timedelta(hours=9), "JST")
_CONTENT_TYPE = "application/xml; charset=UTF-8"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


class Choice(NamedTuple):
    """A value chosen from a list, with the number that SMP gives it."""

    id: int
    name: str = ""


Value = str | int | datetime | Choice | tuple[Choice, ...] | None
Values = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Node:
    """An element of a body, its namespace checked and cut off."""

    name: str
    text: str
    children: tuple[Node, ...] = ()


def moment(at: datetime) -> str:
    """A time as SMP prints it: whole seconds in Japan."""
    return at.astimezone(JST).isoformat(timespec="seconds")


def rows_answer(element: str, rows: Iterable[Values], counts: Mapping[str, int]) -> Response:
    """200 with `<{element}List>` and one `<{element}>` per row."""
    attributes = "".join(f' {name}="{number}"' for name, number in counts.items())
    body = "".join(f"<{element}>{_fields(row)}</{element}>" for row in rows)
    root = f"{element}List"
    return _answer(200, f'<{root} xmlns="{NAMESPACE}" version="{VERSION}"{attributes}>{body}</{root}>')


def token_answer(token: str) -> Response:
    """200 with the token of a login."""
    return _response(200, f"<Token>{escape(token)}</Token>")


def refusal_answer(refusal: Refusal) -> Response:
    """The refusal's status, with its code and message."""
    error = f"<Code>{escape(refusal.code)}</Code><Message>{escape(refusal.message)}</Message>"
    response = _response(refusal.status, f"<Error>{error}</Error>")
    response.headers.extend(refusal.headers)
    return response


def done(status: int) -> Response:
    """The answer to an accepted write: a status and no body."""
    return Response(b"", status, content_type=_CONTENT_TYPE)


def _response(status: int, inside: str) -> Response:
    return _answer(status, f'<Response xmlns="{NAMESPACE}" version="{VERSION}">{inside}</Response>')


def _answer(status: int, text: str) -> Response:
    return Response((_DECLARATION + text).encode(), status, content_type=_CONTENT_TYPE)


def _fields(row: Values) -> str:
    return "".join(_field(name, value) for name, value in row.items() if value not in (None, "", ()))


def _field(name: str, value: Value) -> str:
    match value:
        case Choice():
            inside = _choice(name, value)
        case tuple():
            chosen = [choice for choice in value if isinstance(choice, Choice)]
            inside = "".join(f"<{name}>{_choice(name, choice)}</{name}>" for choice in chosen)
            name += "List"
        case datetime():
            inside = moment(value)
        case _:
            inside = escape(str(value), quote=False)
    return f"<{name}>{inside}</{name}>"


def _choice(name: str, value: Choice) -> str:
    printed = f"<{name}Name>{escape(value.name, quote=False)}</{name}Name>" if value.name else f"<{name}Name/>"
    return f"<{name}Id>{value.id}</{name}Id>{printed}"


def read_body(request: Request, element: str) -> Node:
    """The request's body, whose root must be `element` in SMP's namespace.

    Raises:
        Refusal: it isn't declared as XML, not well-formed, has a DTD or entities, or is another element.
    """
    if request.mimetype != "application/xml":
        raise Refusal(415, "UnsupportedMediaType", "Content-Type は application/xml を指定してください。")
    try:
        root = fromstring(request.get_data(), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Refusal(400, "InvalidXml", f"XMLを解釈できません: {type(error).__name__}") from error
    node = _node(root)
    if node.name != element:
        raise bad_item(f"ルート要素は {element} を指定してください。")
    return node


def _node(element: Any) -> Node:
    space, closed, name = str(element.tag).rpartition("}")
    if not closed or space != "{" + NAMESPACE:
        raise bad_item(f"名前空間が正しくありません: {name}")
    children = tuple(_node(child) for child in element)
    text = (element.text or "").strip() if children else element.text or ""
    stray = text if children else ""
    if stray or any((child.tail or "").strip() for child in element):
        raise bad_item(f"要素の外に文字があります: {name}")
    return Node(name, text, children)
