"""The fields of an app: what their definitions say, and what kintone adds to a definition that leaves things out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

CHOICES = frozenset({"CHECK_BOX", "RADIO_BUTTON", "DROP_DOWN", "MULTI_SELECT"})
SEVERAL = frozenset({"CHECK_BOX", "MULTI_SELECT", "FILE"})
LIMITED = frozenset({"SINGLE_LINE_TEXT", "LINK", "NUMBER"})
"""The types whose values have limits of length or size."""
PEOPLE = frozenset({"USER_SELECT", "ORGANIZATION_SELECT", "GROUP_SELECT"})
TEXTS = frozenset({"SINGLE_LINE_TEXT", "MULTI_LINE_TEXT", "RICH_TEXT", "LINK"})
STAMPS = frozenset({"CREATOR", "MODIFIER", "CREATED_TIME", "UPDATED_TIME"})
PROCESS = frozenset({"STATUS", "STATUS_ASSIGNEE"})
DECORATION = frozenset({"REFERENCE_TABLE", "GROUP"})
WRITABLE = frozenset({"NUMBER", "DATE", "TIME", "DATETIME", "SUBTABLE"}) | TEXTS | CHOICES | PEOPLE | {"FILE"}
KNOWN = WRITABLE | STAMPS | PROCESS | DECORATION | {"RECORD_NUMBER", "CALC", "CATEGORY"}
CAN_BE_UNIQUE = frozenset({"SINGLE_LINE_TEXT", "NUMBER", "LINK", "DATE", "DATETIME"})
KEYS = frozenset({"SINGLE_LINE_TEXT", "NUMBER"})
"""The types that can be an `updateKey`."""

MAX_FIELDS = 500
_CODE = re.compile(r"(?!\d)[\w・･＄￥]{1,128}")

# What the form says when the definition does not; numbers are strings, and "" means that they are not set.
_TEXT = {"maxLength": "", "minLength": "", "defaultValue": "", "expression": "", "hideExpression": False}
_PLAIN = {"required": False}
_MOMENT = {**_PLAIN, "unique": False, "defaultValue": "", "defaultNowValue": False}
_NUMBER = {
    "unique": False, "maxValue": "", "minValue": "", "defaultValue": "",
    "digit": False, "displayScale": "", "unit": "", "unitPosition": "BEFORE",
}  # fmt: skip
_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "SINGLE_LINE_TEXT": {**_PLAIN, "unique": False, **_TEXT},
    "MULTI_LINE_TEXT": {**_PLAIN, "defaultValue": ""},
    "RICH_TEXT": {**_PLAIN, "defaultValue": ""},
    "LINK": {**_PLAIN, "unique": False, "protocol": "WEB", "maxLength": "", "minLength": "", "defaultValue": ""},
    "NUMBER": {**_PLAIN, **_NUMBER},
    "CALC": {**_PLAIN, "expression": "", "format": "NUMBER", "displayScale": "", "hideExpression": False},
    "RADIO_BUTTON": {**_PLAIN, "defaultValue": "", "align": "HORIZONTAL"},
    "DROP_DOWN": {**_PLAIN, "defaultValue": ""},
    "CHECK_BOX": {**_PLAIN, "defaultValue": [], "align": "HORIZONTAL"},
    "MULTI_SELECT": {**_PLAIN, "defaultValue": []},
    "DATE": _MOMENT,
    "DATETIME": _MOMENT,
    "TIME": {**_PLAIN, "defaultValue": "", "defaultNowValue": False},
    "USER_SELECT": {**_PLAIN, "entities": [], "defaultValue": []},
    "ORGANIZATION_SELECT": {**_PLAIN, "entities": [], "defaultValue": []},
    "GROUP_SELECT": {**_PLAIN, "entities": [], "defaultValue": []},
    "FILE": {**_PLAIN, "thumbnailSize": "150"},
    "STATUS": {"enabled": False},
    "STATUS_ASSIGNEE": {"enabled": False},
    "CATEGORY": {"enabled": False},
}
_SYSTEM = {
    "ja": {
        "RECORD_NUMBER": "レコード番号", "CREATOR": "作成者", "MODIFIER": "更新者",
        "CREATED_TIME": "作成日時", "UPDATED_TIME": "更新日時", "STATUS": "ステータス",
        "STATUS_ASSIGNEE": "作業者", "CATEGORY": "カテゴリー",
    },
    "en": {
        "RECORD_NUMBER": "Record_number", "CREATOR": "Created_by", "MODIFIER": "Updated_by",
        "CREATED_TIME": "Created_datetime", "UPDATED_TIME": "Updated_datetime", "STATUS": "Status",
        "STATUS_ASSIGNEE": "Assignee", "CATEGORY": "Categories",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One field of an app, or of a table in it."""

    code: str
    type: str
    settings: Mapping[str, Any]
    table: str | None = None
    inner: Mapping[str, Field] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def required(self) -> bool:
        """Whether it must not be empty; a radio button never is, whatever its settings say."""
        return bool(self.settings.get("required")) and self.type != "RADIO_BUTTON"

    @property
    def unique(self) -> bool:
        """Whether no two records may have the same value."""
        return bool(self.settings.get("unique"))

    @property
    def computed(self) -> bool:
        """Whether a formula fills it; the sandbox computes none."""
        return bool(self.settings.get("expression"))

    @property
    def options(self) -> Mapping[str, Any]:
        """The options of a choice, in the order of their definition."""
        found: Mapping[str, Any] = self.settings.get("options", {})
        return found

    @property
    def lookup(self) -> Mapping[str, Any] | None:
        """Where the value comes from, for a field that is a lookup."""
        return self.settings.get("lookup")

    @property
    def suffix(self) -> str:
        """Under what the errors of this field are told."""
        if self.type in PEOPLE:
            return "values.value"
        return "values" if self.type in SEVERAL else "value"

    def limit(self, name: str) -> str:
        """A limit in the settings, "" when there is none."""
        return str(self.settings.get(name) or "")

    def shown(self) -> dict[str, Any]:
        """As fields.json shows it."""
        shown = dict(self.settings)
        if self.type == "SUBTABLE":
            shown["fields"] = {code: inner.shown() for code, inner in self.inner.items()}
        return shown


def build(code: str, definition: Mapping[str, Any], table: str | None = None) -> Field:
    """A field from its definition in the form of fields.json.

    Raises:
        ValueError: kintone would not save such a definition.
    """
    if _CODE.fullmatch(code) is None:
        raise ValueError(f"{code}: no field code")
    kind = definition.get("type")
    if kind not in KNOWN:
        raise ValueError(f"{code}: no field type {kind!r}")
    if table is not None and kind not in (WRITABLE | {"CALC"}) - {"SUBTABLE"}:
        raise ValueError(f"{code}: a table holds no {kind}")
    settings = {"type": kind, "code": code, "label": code, "noLabel": False, **_SETTINGS.get(kind, {}), **definition}
    if settings.get("unique") and (kind not in CAN_BE_UNIQUE or table is not None):
        raise ValueError(f"{code}: a {kind} cannot prohibit duplicate values here")
    if kind in CHOICES:
        settings["options"] = _options(code, definition)
    if settings.get("lookup") is not None:
        for name in ("unique", "defaultValue", "maxLength", "minLength", "expression", "hideExpression"):
            settings.pop(name, None)
    inner = {name: build(name, each, code) for name, each in definition.get("fields", {}).items()}
    settings.pop("fields", None)
    return Field(code, kind, settings, table, inner)


def _options(code: str, definition: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    given = definition.get("options")
    if not given:
        raise ValueError(f"{code}: a choice needs options")
    names = list(given)
    settings = given if isinstance(given, Mapping) else {}
    return {name: {"label": name, "index": str(index), **settings.get(name, {})} for index, name in enumerate(names)}


def system_fields(locale: str) -> dict[str, Field]:
    """The fields that every app has; their codes depend on the language in which it was made."""
    return {code: build(code, {"type": kind}) for kind, code in _SYSTEM[locale].items()}
