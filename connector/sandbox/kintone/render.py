"""Records as kintone shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from connector.sandbox.kintone import values
from connector.sandbox.kintone.conditions import cell
from connector.sandbox.kintone.fields import DECORATION, PEOPLE, PROCESS, Field
from connector.sandbox.kintone.model import App, Record
from connector.sandbox.kintone.values import Groups

_USERS = frozenset({"CREATOR", "MODIFIER", "STATUS_ASSIGNEE"})


class Renderer:
    """Shows the records of an app."""

    def __init__(self, app: App, groups: Groups) -> None:
        self.app = app
        self.groups = groups
        off = DECORATION | {"CATEGORY"} if app.live is not None else DECORATION | PROCESS | {"CATEGORY"}
        self._fields = [each for each in app.fields.values() if each.type not in off]

    def record(self, record: Record, codes: Iterable[str] | None = None) -> dict[str, Any]:
        """A record, whole or with these fields; a code that is not known is passed over."""
        wanted = None if codes is None else set(codes)
        shown = {
            each.code: {"type": each.type, "value": self._cell(record, each)}
            for each in self._fields
            if wanted is None or each.code in wanted
        }
        shown["$id"] = {"type": "__ID__", "value": str(record.id)}
        shown["$revision"] = {"type": "__REVISION__", "value": str(record.revision)}
        return shown if codes is None else {code: shown[code] for code in codes if code in shown}

    def _cell(self, record: Record, field: Field) -> Any:
        if field.type == "RECORD_NUMBER":
            return f"{self.app.code}-{record.id}" if self.app.code else str(record.id)
        return self._value(field, cell(record, field))

    def _value(self, field: Field, value: Any) -> Any:
        if value is None:
            return values.empty(field)
        if field.type in ("CREATOR", "MODIFIER"):
            return self._named(self.groups.users, value)
        if field.type in PEOPLE | _USERS:
            return [self._named(self.groups.of("USER" if field.type in _USERS else field.type), code) for code in value]
        if field.type == "SUBTABLE":
            return [
                {
                    "id": str(row.id),
                    "value": {
                        each.code: {"type": each.type, "value": self._value(each, row.values.get(each.code))}
                        for each in field.inner.values()
                    },
                }
                for row in value
            ]
        return value

    @staticmethod
    def _named(names: Mapping[str, str], code: str) -> dict[str, str]:
        return {"code": code, "name": names.get(code, code)}
