"""What the register holds: rows by table, with the rules that each write has to obey."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from connector.sandbox.clock import Clock

JST = timezone(timedelta(hours=9))
Row = dict[str, Any]

TEXT, NUMBER, FLAG, LIST, BLOCK = str, int, bool, list, dict
FIELDS: Mapping[str, Mapping[str, type]] = {
    "people": {
        "external_key": TEXT, "mail": TEXT, "name": BLOCK, "company": TEXT, "tel": TEXT, "no_mail": FLAG,
        "memo": TEXT, "rank": TEXT, "last_touch_on": TEXT, "owner": BLOCK,
    },
    "accounts": {"name": TEXT, "houjin_bangou": TEXT, "site": TEXT},
    "users": {"name": TEXT, "mail": TEXT, "retired": FLAG},
    "deals": {
        "title": TEXT, "status": TEXT, "amount": NUMBER, "percent": NUMBER, "closes_on": TEXT, "lost_reason": TEXT,
        "contacts": LIST, "owner": BLOCK, "account": BLOCK,
    },
    "visits": {"person_id": NUMBER, "type": TEXT, "at": TEXT, "title": TEXT, "result": TEXT},
    "tasks": {"external_key": TEXT, "subject": TEXT, "note": TEXT, "user_id": NUMBER, "person_id": NUMBER,
              "due_on": TEXT, "done": FLAG},
    "notes": {"external_key": TEXT, "subject": TEXT, "note": TEXT, "person_id": NUMBER, "on": TEXT},
}  # fmt: skip
"""The tables, and the type of each field."""

UNIQUE = "external_key"


class RefusalError(Exception):
    """An answer that is no."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Tables:
    """Rows by table and id. What users do passes here, and so does the API."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.rows: dict[str, dict[int, Row]] = {name: {} for name in FIELDS}
        self.locked: set[int] = set()
        self._next = 1000

    def add(self, table: str, fields: Row) -> int:
        """A new row; its id."""
        self._check(table, fields, None)
        self._next += 1
        at = self.stamp()
        blank: Row = dict.fromkeys(FIELDS[table])
        self.rows[table][self._next] = {"id": self._next, **blank, **fields, "created_at": at, "updated_at": at}
        return self._next

    def change(self, table: str, id_: int, fields: Row) -> None:
        """New values for some fields of a row."""
        if id_ not in self.rows[table]:
            raise RefusalError(404, "not found")
        if id_ in self.locked:
            raise RefusalError(423, f"{id_} is locked by a colleague and cannot become {fields}")
        self._check(table, fields, id_)
        self.rows[table][id_] |= {**fields, "updated_at": self.stamp()}

    def with_key(self, table: str, key: object) -> list[Row]:
        """The rows that hold a key of another system: one at most."""
        return [row for row in self.rows[table].values() if row.get(UNIQUE) == key]

    def stamp(self) -> str:
        """Now, as it stands in rows."""
        return self.clock().astimezone(JST).isoformat(timespec="seconds")

    def _check(self, table: str, fields: Row, id_: int | None) -> None:
        for name, value in fields.items():
            kind = FIELDS[table].get(name)
            if kind is None:
                raise RefusalError(422, f"unknown field: {name}")
            if value is not None and type(value) is not kind:
                raise RefusalError(422, f"wrong type: {name}")
            if name == UNIQUE and any(row["id"] != id_ for row in self.with_key(table, value) if value):
                raise RefusalError(409, "this key is taken")


def place(row: Row) -> tuple[datetime, int]:
    """Where a row stands in the order of changes."""
    return datetime.fromisoformat(row["updated_at"]).astimezone(UTC), row["id"]
