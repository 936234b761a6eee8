"""What a tenant tells of its entities: columns by code and by 項目名, and choices."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from connector.adapters.esales.calls import unreadable
from connector.adapters.esales.options import Config, FieldOptions
from connector.adapters.esales.remix.client import Client
from connector.adapters.esales.remix.listing import ANCHORS, Members, NoListing, entries_of, members_of, pairs_of
from connector.adapters.esales.speech import plain, senseless
from connector.errors import Refused, text

PERSON, COMPANY, DEAL = "person", "customer", "business"
KEYS: Mapping[str, int] = {PERSON: 928, COMPANY: 318, DEAL: 201}
"""Primary keys that public code uses; those of other entities are told nowhere."""

_KNOWN_TYPES: Mapping[int, str] = {
    **dict.fromkeys((928, 902, 318, 201, 216, 310, 316, 335, 338, 341, 927), "num"),
    **dict.fromkeys((939, 940, 339, 340), "select"),
    **dict.fromkeys((932, 934, 313), "date"),
    **dict.fromkeys((903, 918, 904, 905, 906, 907, 945, 909, 910, 911, 912, 913, 914, 915, 916), "text"),
    **dict.fromkeys((301, 302, 303, 304, 305, 306, 307, 308, 309, 311, 312, 202), "text"),
}
"""Types of standard columns, where a listing does not tell them."""

_REQUIRED = frozenset({903, 301, 202})
"""Names: no record is without."""

_FRESH_SECONDS = 900.0
"""How long what a tenant tells of a sheet is taken as it was: about a run."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `type` is empty where nobody tells it."""

    code: int
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """An entity with its columns."""

    name: str
    key: int | None
    columns: Mapping[int, Column]
    _names: Mapping[str, int | None] = field(repr=False)

    def column(self, native: str) -> Column | None:
        """A column by its code or 項目名; None when there is none, or two of that name."""
        if native.isascii() and native.isdigit():
            return self.columns.get(int(native))
        code = self._names.get(plain(native))
        return None if code is None else self.columns[code]

    def optional(self, codes: Iterable[int]) -> list[Column]:
        """Texts among these columns that a record can be without, so that a write could empty them."""
        there = (self.columns[code] for code in sorted(codes) if code not in _REQUIRED)
        return [column for column in there if column.type == "text"]

    def is_ambiguous(self, native: str) -> bool:
        """Whether two columns bear this name."""
        return self._names.get(plain(native), 0) is None


class Sheets:
    """The sheets of one tenant, asked when first needed."""

    def __init__(self, client: Client, config: Config) -> None:
        self._client = client
        self._told: Mapping[str, FieldOptions] = config.fields
        self._sheets: dict[str, tuple[Sheet | None, float]] = {}
        self._choices: dict[tuple[str, int], tuple[Mapping[int, str], float]] = {}
        self._members: Members | None = None

    def names(self) -> list[str]:
        """All entities."""
        answer = self._client.get("entities/names")
        names = answer.get("names") if isinstance(answer, dict) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise senseless(self._client.name, text("tells no entities", "エンティティ名の一覧が読めません"), answer)
        return names

    def sheet(self, name: str) -> Sheet | None:
        """An entity; None: there is none, or the user may not see it.

        :raises Unavailable: when what is told of it makes no sense
        """
        known, asked_at = self._sheets.get(name, (None, -math.inf))
        now = self._client.http.clock()
        if now - asked_at >= _FRESH_SECONDS:
            known = self._asked(name)
            self._sheets[name] = known, now
        return known

    def demand(self, name: str) -> Sheet:
        """As `sheet`, of one that must be there."""
        found = self.sheet(name)
        if found is None:
            raise unreadable(
                Refused(text("there is no sheet {sheet}", "シート {sheet} がありません", sheet=name),
                        where=self._client.name)
            )  # fmt: skip
        return found

    def choices(self, sheet: str, column: Column) -> Mapping[int, str]:
        """The choices of a select or checkbox column by code, in the order of the screen; none for other types."""
        if column.type not in ("select", "checkbox"):
            return {}
        known, asked_at = self._choices.get((sheet, column.code), ({}, -math.inf))
        now = self._client.http.clock()
        if now - asked_at >= _FRESH_SECONDS:
            known = self._asked_choices(sheet, column)
            self._choices[sheet, column.code] = known, now
        return known

    def forget(self) -> None:
        """Somebody changed the set-up: ask again."""
        self._sheets.clear()
        self._choices.clear()

    def _asked(self, name: str) -> Sheet | None:
        try:
            answer = self._client.get("entities/columns", obj_name=name)
        except Refused:
            return None
        try:
            if name in ANCHORS:
                self._members = members_of(answer, ANCHORS[name])
            elif self._members is None:
                self.demand(PERSON)  # a sheet without known codes is read as the one of 名刺 is
            assert self._members is not None  # noqa: S101  one of the two has set it
            entries = entries_of(answer, self._members)
        except NoListing:
            what = text("the columns of {sheet} cannot be told", "{sheet} の項目一覧が読めません", sheet=name)
            raise senseless(self._client.name, what, answer) from None
        columns = {each.code: Column(each.code, each.name, self._type(each.code, each.type)) for each in entries}
        counts = Counter(plain(each.name) for each in entries)
        names = {plain(each.name): each.code if counts[plain(each.name)] == 1 else None for each in entries}
        return Sheet(name, KEYS.get(name), columns, names)

    def _type(self, code: int, told: str) -> str:
        own = self._told.get(str(code))
        return own.type if own is not None else told or _KNOWN_TYPES.get(code, "")

    def _asked_choices(self, sheet: str, column: Column) -> Mapping[int, str]:
        path = "selectitems" if column.type == "select" else "checkitems"
        try:
            answer = self._client.get(f"entities/{path}", obj_name=sheet, column_code=str(column.code))
        except Refused as error:
            raise unreadable(error) from None
        try:
            return {each.code: each.name for each in pairs_of(answer)}
        except NoListing:
            what = text(
                "the choices of {sheet}.{field} cannot be told", "{sheet}.{field} の選択肢が読めません",
                sheet=sheet, field=column.name,
            )  # fmt: skip
            raise senseless(self._client.name, what, answer) from None
