"""What an app tells about its fields.

Source: `GET /k/v1/app/form/fields.json` (kintone REST API, "Get Fields"; settings that are numbers come as text, ""
means none). What an administrator calls a field is its code; system fields have codes in the language of the app, so
they are found by type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

TEXTS = frozenset({"SINGLE_LINE_TEXT", "MULTI_LINE_TEXT", "LINK"})
"""Fields that take our texts as they are. Rich text is HTML: ours would be read back as something else."""
ONE_OF = frozenset({"RADIO_BUTTON", "DROP_DOWN"})
SOME_OF = frozenset({"CHECK_BOX", "MULTI_SELECT"})
CHOICES = ONE_OF | SOME_OF
ENTITIES = frozenset({"USER_SELECT", "ORGANIZATION_SELECT", "GROUP_SELECT"})
MOMENTS = frozenset({"DATETIME", "CREATED_TIME", "UPDATED_TIME"})
WRITABLE = TEXTS | CHOICES | ENTITIES | {"NUMBER", "DATE", "TIME", "DATETIME", "SUBTABLE"}

KEY_LENGTH = 64
"""Characters of a value by which a record can be found for writing (`updateKey`)."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where a lookup takes its record from."""

    app: int
    key: str
    copies: frozenset[str]
    """Fields that kintone fills from it; what is sent to them is ignored."""


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of an app, or of a table in it."""

    code: str
    type: str
    label: str = ""
    required: bool = False
    unique: bool = False
    max_length: int | None = None
    options: tuple[str, ...] = ()
    has_default: bool = False
    enabled: bool = True
    computed: bool = False
    """Whether kintone fills it by a formula (自動計算): what is sent to it is ignored."""
    lookup: Lookup | None = None
    inner: Mapping[str, FormField] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Form:
    """All fields of an app by their codes."""

    fields: Mapping[str, FormField]
    copied: frozenset[str]
    """Fields that a lookup fills."""
    tables: Mapping[str, str]
    """The table of each field that stands in one."""

    def find(self, code: str) -> FormField | None:
        """A field, be it in a table."""
        table = self.tables.get(code)
        return self.fields.get(code) if table is None else self.fields[table].inner[code]

    def of_type(self, kind: str) -> str | None:
        """The code of the system field of this type."""
        return next((code for code, each in self.fields.items() if each.type == kind), None)

    def looked_up(self) -> set[int]:
        """The apps that its lookups go to."""
        return {each.lookup.app for each in self.every() if each.lookup is not None}

    def every(self) -> Iterator[FormField]:
        """Its fields with those of its tables."""
        for each in self.fields.values():
            yield each
            yield from each.inner.values()


def form(properties: Mapping[str, Any]) -> Form:
    """`properties` of fields.json, as far as they matter here.

    :raises KeyError, TypeError, ValueError: when they are not what kintone documents
    """
    fields = {str(code): _field(str(code), each) for code, each in properties.items()}
    tables = {code: table.code for table in fields.values() for code in table.inner}
    found = Form(fields, frozenset(), tables)
    copied = frozenset(code for each in found.every() if each.lookup for code in each.lookup.copies)
    return Form(fields, copied, tables)


def _field(code: str, raw: Mapping[str, Any]) -> FormField:
    options = raw.get("options") or {}
    length = raw.get("maxLength")
    return FormField(
        code,
        str(raw["type"]),
        str(raw.get("label") or ""),
        bool(raw.get("required")),
        bool(raw.get("unique")),
        int(length) if length else None,
        tuple(sorted(options, key=lambda name: int(options[name].get("index") or 0))),
        bool(raw.get("defaultValue") or raw.get("defaultNowValue")),
        raw.get("enabled") is not False,
        bool(raw.get("expression")),
        _lookup(raw.get("lookup")),
        {str(name): _field(str(name), each) for name, each in (raw.get("fields") or {}).items()},
    )


def _lookup(raw: Mapping[str, Any] | None) -> Lookup | None:
    if not raw:
        return None
    copies = frozenset(str(pair["field"]) for pair in raw.get("fieldMappings") or ())
    return Lookup(int(raw["relatedApp"]["app"]), str(raw["relatedKeyField"]), copies)
