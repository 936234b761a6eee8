"""Every type of system that a configuration can name: where its adapter comes from and what it can do."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from connector.adapters import Source, adapter_class, adapter_types
from connector.changes import (
    AddToList,
    AddTouchpoint,
    Change,
    CloseAlert,
    CreatePerson,
    RaiseAlert,
    RemoveFromList,
    SetFields,
)
from connector.cli.say import Console
from connector.ports import Adapter
from connector.spec import SpecError

EITHER = "either"

_WORDS: Mapping[type[Change], str] = {
    SetFields: "fields",
    CreatePerson: "people",
    RaiseAlert: "alerts",
    CloseAlert: "alerts",
    AddTouchpoint: "timeline",
    AddToList: "lists",
    RemoveFromList: "lists",
}
"""What can be written, in one word each."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One type of system, and its adapter or why there is none."""

    source: Source
    cls: type[Adapter] | None
    error: SpecError | None = None

    @property
    def role(self) -> str:
        """The side it stands on: `ma`, `sfa`, or `either` where the configuration says."""
        if self.cls is None:
            return ""
        return EITHER if "role" in self.cls.Config.model_fields else self.cls.role.value

    @property
    def writes(self) -> list[str]:
        """What it can write at all; a configuration may allow less."""
        return list(dict.fromkeys(word for kind, word in _WORDS.items() if self.cls and kind in self.cls.writes))

    @property
    def about(self) -> str:
        """One line: the first of its module's docstring, or else of its own."""
        if self.cls is None:
            return ""
        module = sys.modules[self.cls.__module__].__doc__
        said = module or self.cls.__dict__.get("__doc__") or ""
        return next(iter(said.strip().splitlines()), "")


def offers() -> list[Offer]:
    """Every known type, by name."""
    return [_offer(source) for _, source in sorted(adapter_types().items())]


def _offer(source: Source) -> Offer:
    try:
        return Offer(source, adapter_class(source.type))
    except SpecError as error:
        return Offer(source, None, error)


def show_adapters(console: Console) -> None:
    """The types in a table; below it, what is wrong with some."""
    found = offers()
    if console.json:
        console.data([_data(offer) for offer in found])
        return
    say = console.say
    columns = [say("type", "種類"), say("from", "提供元"), say("role", "役割"), say("writes", "書き込み"), ""]
    built_in, broken = say("built in", "標準"), say("cannot be loaded", "読み込めません")
    rows = [
        (each.source.type, each.source.package or built_in, each.role, ", ".join(each.writes),
         broken if each.error else each.about)
        for each in found
    ]  # fmt: skip
    console.table("", columns, rows)
    for each in found:
        if each.error:
            fix = f" → {each.error.fix.in_(console.language)}" if each.error.fix else ""
            console.out(f"{say('error', 'エラー')}: {each.error.what.in_(console.language)}{fix}")
        if each.source.clash:
            console.out(f"{say('warning', '警告')}: {each.source.clash.in_(console.language)}")


def _data(offer: Offer) -> dict[str, object]:
    package, _, version = offer.source.package.partition(" ")
    error, clash = offer.error, offer.source.clash
    return {
        "type": offer.source.type,
        "package": package or None,
        "version": version or None,
        "class": offer.source.place,
        "role": offer.role or None,
        "writes": offer.writes,
        "about": offer.about,
        "error": str(error.what) if error else None,
        "fix": str(error.fix) if error and error.fix else None,
        "warning": str(clash) if clash else None,
    }
