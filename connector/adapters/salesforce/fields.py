"""What an org tells about its objects and fields, and values in our form and in Salesforce's.

Source: the describe resource of the REST API (members of `fields`, and the types of the metadata WSDL).
"""

from __future__ import annotations

import json
import math
import re
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from pydantic import AfterValidator

from connector.errors import text
from connector.model import Value
from connector.spec import SpecError

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_ID = re.compile(r"[a-zA-Z0-9]{15}([A-Z0-5]{3})?")
_NUMBERS = frozenset({"int", "double", "currency", "percent", "long"})
_NO_TEXT = _NUMBERS | {"boolean", "date", "datetime", "time", "id", "reference", "base64", "address", "location"}


def _checked(name: str) -> str:
    if not is_identifier(name):
        raise SpecError(
            text("{name!r} is not the name of a field", "{name!r} は項目名ではありません", name=name),
            text("write its API name, as MA_Key__c", "MA_Key__c のような API 参照名を指定してください"),
        )
    return name


Json = str | int | float | bool | None
FieldName = Annotated[str, AfterValidator(_checked)]


def is_identifier(name: str) -> bool:
    """Whether `name` can be an object or field: nothing else may stand in a query unquoted."""
    return _IDENTIFIER.fullmatch(name) is not None


def is_id(value: str) -> bool:
    """Whether `value` has the form of a record id."""
    return _ID.fullmatch(value) is not None


class WrongType(ValueError):
    """A value that does not suit the type of its field."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field as the integration user sees it."""

    name: str
    type: str
    length: int
    createable: bool
    updateable: bool
    unique: bool
    external_id: bool
    choices: frozenset[str]
    restricted: bool

    @property
    def holds_text(self) -> bool:
        """Whether any text may be written, as far as its length allows."""
        return self.type not in _NO_TEXT

    def read(self, value: Any) -> Value:
        """A value of an answer, in our form.

        :raises ValueError: when it is not what the type promises
        """
        if value is None or isinstance(value, bool | int | float):
            return value
        if not isinstance(value, str):
            raise WrongType(self.type)
        if self.type == "datetime":
            return moment(value)
        return date.fromisoformat(value) if self.type == "date" else value

    def write(self, value: Value) -> Json:
        """One of our values, as JSON for this field.

        :raises WrongType: when there is no sure way to say it in this type
        """
        if isinstance(value, float) and not math.isfinite(value):
            raise WrongType(self.type)
        return None if value is None else _WRITE.get(self.type, _as_text)(value)


def _as_text(value: Value) -> Json:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return stamp(value)
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _as_flag(value: Value) -> Json:
    if not isinstance(value, bool):
        raise WrongType
    return value


def _as_number(value: Value) -> Json:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongType
    return value


def _as_moment(value: Value) -> Json:
    if not isinstance(value, date):
        raise WrongType
    return stamp(value if isinstance(value, datetime) else midnight(value))


def _as_day(value: Value) -> Json:
    # Which day a moment falls on depends on a time zone, which is not ours to choose.
    if not isinstance(value, date) or isinstance(value, datetime):
        raise WrongType
    return value.isoformat()


def _as_id(value: Value) -> Json:
    if not isinstance(value, str) or not is_id(value):
        raise WrongType
    return value


_WRITE: Mapping[str, Callable[[Value], Json]] = {
    "boolean": _as_flag,
    **dict.fromkeys(_NUMBERS, _as_number),
    "datetime": _as_moment,
    "date": _as_day,
    "reference": _as_id,
}


@dataclass(frozen=True, slots=True)
class Description:
    """One object as the integration user sees it; fields are found in any case, as Salesforce finds them."""

    name: str
    createable: bool
    updateable: bool
    _fields: Mapping[str, Field]
    deletable: bool = False
    """Whether records may be deleted; not remembered from run to run, because only `check` asks."""

    def field(self, name: str) -> Field | None:
        """The field of this name; None when there is none, or the user may not see it."""
        return self._fields.get(name.lower())

    def names(self) -> Iterator[str]:
        """The names of all fields that can be seen."""
        return (field.name for field in self._fields.values())


def description(raw: Mapping[str, Any]) -> Description:
    """A describe answer, as far as it matters here."""
    fields = (
        Field(
            str(each["name"]),
            str(each["type"]),
            int(each.get("length") or 0),
            bool(each.get("createable")),
            bool(each.get("updateable")),
            bool(each.get("unique")),
            bool(each.get("externalId")),
            frozenset(str(one["value"]) for one in each.get("picklistValues") or () if one.get("active")),
            bool(each.get("restrictedPicklist")),
        )
        for each in raw["fields"]
    )
    return Description(
        str(raw["name"]),
        bool(raw["createable"]),
        bool(raw["updateable"]),
        {field.name.lower(): field for field in fields},
        bool(raw.get("deletable")),
    )


_PACKED = ("name", "type", "length", "createable", "updateable", "unique", "external_id")


def pack(described: Description) -> str:
    """A description as a short text; the choices of picklists are left out."""
    found = (described.field(name) for name in described.names())
    rows = [[getattr(field, part) for part in _PACKED] for field in found]
    raw = json.dumps([described.name, described.createable, described.updateable, rows], separators=(",", ":"))
    return b64encode(zlib.compress(raw.encode())).decode()


def unpack(packed: str) -> Description:
    """Inverse of `pack`."""
    name, createable, updateable, rows = json.loads(zlib.decompress(b64decode(packed)))
    parts: list[dict[str, Any]] = [dict(zip(_PACKED, row, strict=True)) for row in rows]
    fields = [Field(**part, choices=frozenset(), restricted=False) for part in parts]
    return Description(name, createable, updateable, {field.name.lower(): field for field in fields})


def moment(value: str) -> datetime:
    """`2026-11-22T01:00:00.000+0000` as an aware UTC time.

    :raises ValueError: when it is none
    """
    parsed = datetime.fromisoformat(value)
    if parsed.tzinfo is None:
        raise ValueError(value)
    return parsed.astimezone(UTC)


def stamp(value: datetime) -> str:
    """A moment as Salesforce reads it."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def midnight(day: date) -> datetime:
    """The start of `day` in UTC: nine in the morning in Japan."""
    return datetime.combine(day, time(), UTC)


def noon(day: date) -> datetime:
    """A moment that falls on `day` in nearly every time zone; for dates that come without a time."""
    return datetime.combine(day, time(12), UTC)
