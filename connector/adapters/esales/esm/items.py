"""Items of an esm: their keys, their types, and their values as we hold them and as they travel.

Types, lengths and forms are those of the vendor's page on item types; the types of a tenant's own items follow from
their keys (`type_text1`, `type_pulldown2`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Any

from connector.adapters.esales.options import FieldOptions
from connector.adapters.esales.speech import same_name
from connector.adapters.esales.words import WrongValue, decimal
from connector.model import Value

CARD, COMPANY, DEAL = "businesscard", "customer", "businessplan"
PREFIXES: Mapping[str, str] = {
    COMPANY: "customers.customer",
    DEAL: "businessplans.businessplan",
    CARD: "business_cards.business_card",
    "deal": "deals.deal",
    "product": "products.product",
    "task": "tasks.task",
}
"""What the keys of a sheet begin with, where a public page shows it."""
LENGTHS: Mapping[str, int] = {"STRING": 64, "MEMO": 2000}

_CUSTOM: Mapping[str, str] = {
    "text": "STRING",
    "textarea": "MEMO",
    "pulldown": "SELECT",
    "radio_button": "SELECT",
    "checkbox": "SELECT",
    "number": "NUMBER",
    "date": "DATE",
    "time": "TIME",
    "datetime": "DATETIME",
    "link": "URL",
    "telno": "TELNO",
    "address": "ADDRESS",
    "email": "EMAIL",
    "suggest": "SB_RELATION",
    "functional_number": "NUMBER",
    "functional_string": "STRING",
}
_CUSTOM_KEY = re.compile(r"type_([a-z_]+?)\d+")
_SYSTEM = ("id", "system_reg_date", "system_reg_user", "system_upd_date", "system_upd_user")


def prefix_of(sheet: str) -> str | None:
    """What the keys of a sheet begin with; None where that is not known."""
    return f"appextender.{sheet}" if re.fullmatch(r"sheet_\d+", sheet) else PREFIXES.get(sheet)


@dataclass(frozen=True, slots=True)
class Item:
    """One item; `type` is empty where neither its key nor the configuration tells it."""

    key: str
    type: str
    choices: Sequence[str] = ()
    many: bool = False
    read_only: bool = False

    @property
    def is_optional(self) -> bool:
        """Whether a record can surely be without it, so that a write could empty it."""
        custom = _CUSTOM_KEY.fullmatch(self.key.rpartition(".")[2]) is not None
        return (custom or self.type == "MEMO") and not self.read_only

    @classmethod
    def of(cls, key: str, told: Mapping[str, FieldOptions]) -> Item:
        """An item by its key."""
        name = key.rpartition(".")[2]
        custom = _CUSTOM_KEY.fullmatch(name)
        kind = custom[1] if custom else ""
        own = told.get(key)
        return cls(
            key,
            own.type if own is not None else _CUSTOM.get(kind, ""),
            own.choices if own is not None else (),
            many=kind == "checkbox",
            read_only=kind.startswith("functional_") or name in _SYSTEM,
        )


def read(item: Item, raw: Any, zone: tzinfo) -> Value:
    """A value as it came: numbers also as text, a choice also in a list of one.

    :raises WrongValue: when it is none of the item's type
    """
    if isinstance(raw, list):
        parts = [part for each in raw if (part := read(item, each, zone)) is not None]
        if len(parts) < 2:
            return parts[0] if parts else None
        return ";".join(str(part) for part in parts)
    if raw in (None, ""):
        return None
    match item.type:
        case "NUMBER":
            return decimal(raw)
        case "DATE":
            return _time(raw, "%Y/%m/%d").date()
        case "DATETIME":
            return moment(raw, zone)
        case "SB_RELATION":
            return str(decimal(raw))
        case _:
            return _plain(raw)


def moment(raw: Any, zone: tzinfo) -> datetime | None:
    """A time, which is that of the zone asked for; seconds may be missing.

    :raises WrongValue: when it is none
    """
    if raw in (None, ""):
        return None
    said = str(raw)
    found = _time(said, "%Y/%m/%d %H:%M:%S" if said.count(":") == 2 else "%Y/%m/%d %H:%M")
    return found.replace(tzinfo=zone).astimezone(UTC)


def stamp(at: datetime, zone: tzinfo) -> str:
    """A time as it is sent."""
    return at.astimezone(zone).strftime("%Y/%m/%d %H:%M:%S")


def _time(raw: Any, form: str) -> datetime:
    try:
        return datetime.strptime(str(raw), form)  # noqa: DTZ007  the zone is that of the header; the caller adds it
    except ValueError:
        raise WrongValue("WRONG_TYPE") from None


def _plain(raw: Any) -> Value:
    if isinstance(raw, dict):
        if "url" in raw:
            return _plain(raw["url"]) if raw["url"] else None
        if "street" in raw or "building" in raw:
            return " ".join(str(raw[part]) for part in ("street", "building") if raw.get(part)) or None
        raise WrongValue("WRONG_TYPE")
    return raw if isinstance(raw, bool | int | float | str) else str(raw)


def sent(item: Item, value: Value, zone: tzinfo, *, cut: bool) -> Any:
    """A value as it is sent; None empties. `cut`: a text that is too long ends in an ellipsis.

    :raises WrongValue: when it cannot be sent
    """
    if item.read_only:
        raise WrongValue("READ_ONLY")
    if value is None or value == "":
        return None
    match item.type:
        case "STRING" | "MEMO":
            return _fitting(_text(value, zone), LENGTHS[item.type], cut=cut)
        case "EMAIL" | "TELNO" | "TIME":
            return _text(value, zone)
        case "NUMBER" | "SB_RELATION":
            return _sent_number(item, value)
        case "SELECT":
            return _sent_choice(item, str(value))
        case "DATE" | "DATETIME":
            return _sent_time(item.type, value, zone)
        case "BOOLEAN":
            return _truth(value)
        case "URL":
            return {"url": str(value), "displayText": str(value)}
        case _:
            raise WrongValue("WRONG_TYPE")


def units(said: str) -> int:
    """The length of a text in UTF-16 units: whether characters or these are counted is not known."""
    return len(said.encode("utf-16-le")) // 2


def _fitting(said: str, most: int, *, cut: bool) -> str:
    if units(said) <= most:
        return said
    if not cut:
        raise WrongValue("TOO_LONG")
    while units(said) > most - 1:
        said = said[:-1]
    return said + "…"


def _text(value: Value, zone: tzinfo) -> str:
    if isinstance(value, datetime):
        return stamp(value, zone)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.strftime("%Y/%m/%d") if isinstance(value, date) else str(value)


def _sent_number(item: Item, value: Value) -> int | float:
    found = decimal(int(value) if isinstance(value, bool) else value)
    if abs(found) >= 10**18 or (item.type == "SB_RELATION" and not isinstance(found, int)):
        raise WrongValue("WRONG_TYPE")
    return found


def choice_of(name: str, choices: Sequence[str]) -> str:
    """The exact name of a choice, from one that may differ in width and blanks.

    :raises WrongValue: when there is none, or no telling which
    """
    found = [each for each in choices if each == name] or [each for each in choices if same_name(each, name)]
    if len(found) != 1:
        raise WrongValue("NOT_A_CHOICE")
    return found[0]


def _sent_choice(item: Item, value: str) -> str | list[str]:
    if item.many:
        return [choice_of(each, item.choices) for each in value.split(";") if each.strip()]
    return choice_of(value, item.choices)


def _sent_time(kind: str, value: Value, zone: tzinfo) -> str:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
        except ValueError:
            raise WrongValue("WRONG_TYPE") from None
    if isinstance(value, datetime):
        # Which day a moment falls on would be a guess, and a time without a zone is no moment.
        if kind == "DATE" or value.tzinfo is None:
            raise WrongValue("WRONG_TYPE")
        return stamp(value, zone)
    if kind == "DATETIME" or not isinstance(value, date):
        raise WrongValue("WRONG_TYPE")
    return value.strftime("%Y/%m/%d")


def _truth(value: Value) -> bool:
    found = {"true": True, "false": False, "1": True, "0": False}.get(str(value).lower())
    if found is None:
        raise WrongValue("WRONG_TYPE")
    return found
