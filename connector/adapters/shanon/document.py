"""SMP's XML: its rows as values, and our values as its elements.

A choice is printed as `X/{XId, XName}`, several as `XList/X/...`; an element without a value is left out; times are
whole seconds in Japan (recorded answers in the MIT-licensed gem shanon-ruby; API guide apidoc.shanon.co.jp).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from html import escape
from typing import Any

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from connector.errors import Text, text
from connector.model import Value

NAMESPACE = "http://smartseminar.jp/"
JST = timezone(timedelta(hours=9), "JST")
_MANY = re.compile("Attribute[0-9]+List")
_UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Choice:
    """A value chosen from a list: its number and its name, either of which SMP may leave empty."""

    id: str
    name: str


Row = Mapping[str, "str | Choice | tuple[Choice, ...]"]
"""A record by SMP's names; `AttributeNList` stands under `AttributeN`."""


class NotUnderstoodError(Exception):
    """The body is not XML, or not XML that may be read."""


class UnreadableError(Exception):
    """A row lacks what makes it a record; `what` says so without its values."""

    def __init__(self, what: Text) -> None:
        super().__init__(what)
        self.what = what


class UnwritableError(Exception):
    """A value can't be sent; `what` says so without the value."""

    def __init__(self, what: Text) -> None:
        super().__init__(what)
        self.what = what


# --- what came --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Document:
    """An answer: the local name of its root, its rows, and what they say of themselves.

    `total` is `countAll`: how many rows match the search. `error` is the code of a refusal ("" where it has none), and
    `message` what SMP says of it, which may quote values.
    """

    root: str
    rows: Sequence[Row] = ()
    total: int | None = None
    token: str = ""
    error: str | None = None
    message: str = field(default="", repr=False)


def parse(body: bytes) -> Document:
    """An answer's body.

    The names of rows are not looked at: those of many resources are published nowhere.

    :raises NotUnderstoodError: it is not XML, or brings a DTD or entities
    """
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise NotUnderstoodError from None
    name = _name(root)
    if name.endswith("List"):
        return Document(name, [_row(child) for child in root], total=whole(root.get("countAll")))
    parts = {_name(child): child for child in root}
    if "Error" not in parts:
        return Document(name, token=(parts["Token"].text or "").strip() if "Token" in parts else "")
    told = {_name(child): child.text or "" for child in parts["Error"]}
    code = re.sub(r"[^\w.-]", "", told.get("Code", ""))[:60]
    return Document(name, error=code, message=told.get("Message", "").strip())


def whole(said: str | None) -> int | None:
    """A whole number, where that is what it is."""
    return int(said) if said and re.fullmatch("[0-9]{1,18}", said) else None


def _name(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _row(element: Any) -> Row:
    return dict(_field(child) for child in element)


def _field(element: Any) -> tuple[str, str | Choice | tuple[Choice, ...]]:
    name = _name(element)
    if _MANY.fullmatch(name):
        return name.removesuffix("List"), tuple(_choice(item) for item in element)
    return name, _choice(element) if len(element) else element.text or ""


def _choice(element: Any) -> Choice:
    if len(element) == 0:
        return Choice("", element.text or "")
    parts = {_name(child): child.text or "" for child in element}
    number = next((value for name, value in parts.items() if name.endswith("Id")), "")
    return Choice(number, next((value for name, value in parts.items() if name.endswith("Name")), ""))


def text_of(row: Row, name: str) -> str | None:
    """The text of a field; of choices their names (their numbers where they have none), joined by `;`."""
    value = row.get(name, "")
    match value:
        case Choice():
            said = value.name or value.id
        case tuple():
            said = ";".join(choice.name or choice.id for choice in value)
        case _:
            said = value
    return said or None


def number_of(row: Row, name: str) -> str | None:
    """The number of a choice, or the text of a field that is one."""
    value = row.get(name)
    return (value.id or None) if isinstance(value, Choice) else text_of(row, name)


def id_of(row: Row, name: str = "Id") -> str:
    """An id.

    :raises UnreadableError: there is none
    """
    found = text_of(row, name)
    if found is None:
        raise UnreadableError(text("{name} is missing", "{name} がありません", name=name))
    return found


def time_of(row: Row, name: str) -> datetime | None:
    """A time in UTC; the guide says of every time that it is Japan's, so one without an offset is, too.

    :raises UnreadableError: it is no time
    """
    said = text_of(row, name)
    if said is None:
        return None
    try:
        moment = datetime.fromisoformat(said)
        return (moment if moment.tzinfo else moment.replace(tzinfo=JST)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnreadableError(text("{name} is not a time", "{name} が日時ではありません", name=name)) from None


# --- what is sent -----------------------------------------------------------------------------------------------------


def moment(at: datetime) -> str:
    """A time as SMP wants it in a search."""
    return at.astimezone(JST).isoformat(timespec="seconds")


def printed(value: Value) -> str:
    """A value as text of an element: times in Japan, true and false as 1 and 0, nothing as the empty text."""
    match value:
        case None:
            return ""
        case bool():
            return "1" if value else "0"
        case float() if value.is_integer():
            return str(int(value))
        case datetime():
            return moment(value)
        case date():
            return value.isoformat()
        case _:
            return str(value)


def leaf(name: str, said: str) -> str:
    """An element that holds text.

    :raises UnwritableError: XML has no way to write one of the characters
    """
    if _UNPRINTABLE.search(said):
        what = text("{name}: a control character cannot be written", "{name}: 制御文字は書き込めません", name=name)
        raise UnwritableError(what)
    # A reader of XML would take a bare CR for a line feed.
    return f"<{name}>{escape(said, quote=False)}</{name}>".replace("\r", "&#13;")


def choices(name: str, numbers: Sequence[str]) -> str:
    """The list form of an attribute that is chosen."""
    inside = "".join(f"<{name}>{leaf(f'{name}Id', number)}</{name}>" for number in numbers)
    return f"<{name}List>{inside}</{name}List>"


def body(element: str, inside: str) -> bytes:
    """The body of a write."""
    declaration = '<?xml version="1.0" encoding="UTF-8"?>'
    return f'{declaration}<{element} xmlns="{NAMESPACE}" version="1.5">{inside}</{element}>'.encode()
