"""What a kintone domain consists of: apps, records, users, tokens, comments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connector.sandbox.kintone.fields import Field

RIGHTS = frozenset({"view", "add", "edit", "delete", "manage"})
ADMINISTRATOR = "Administrator"
"""Who acts when an API token does."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with a login."""

    code: str
    name: str
    password: str = ""
    two_factor: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """An API token of an app; it works from the next update of the app's settings on."""

    app: int
    rights: frozenset[str]
    deployed: bool


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row of a table in a record."""

    id: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """A record; it is never changed, only replaced. `touched` is when the search index heard of it last."""

    id: int
    revision: int
    creator: str
    created: str
    modifier: str
    updated: str
    touched: datetime
    values: Mapping[str, Any]
    status: str = ""
    assignees: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mention:
    """Somebody, or a group of people, that a comment calls."""

    code: str
    type: str


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody wrote below a record."""

    id: int
    text: str
    created: str
    creator: str
    mentions: tuple[Mention, ...] = ()


@dataclass(frozen=True, slots=True)
class Process:
    """The states of a record and the actions that lead from one to another, as app/status.json tells them."""

    states: Mapping[str, Mapping[str, Any]]
    actions: tuple[Mapping[str, Any], ...]
    enabled: bool = True

    @property
    def first(self) -> str:
        """The state of a new record."""
        return min(self.states, key=lambda name: int(self.states[name]["index"]))


@dataclass(slots=True)
class App:
    """An app: its form, who may do what, its process."""

    id: int
    name: str
    fields: dict[str, Field]
    creator: str
    created: str
    guest_space: int | None = None
    code: str = ""
    revision: int = 1
    modified: str = ""
    modifier: str = ADMINISTRATOR
    comments_enabled: bool = True
    process: Process | None = None
    next_record: int = 1
    user_rights: dict[str, frozenset[str]] = field(default_factory=dict)

    def inner(self, code: str) -> Field | None:
        """A field inside one of the tables."""
        for each in self.fields.values():
            if code in each.inner:
                return each.inner[code]
        return None

    def of_type(self, kind: str) -> str:
        """The code of the system field of this type."""
        return next(each.code for each in self.fields.values() if each.type == kind)

    @property
    def live(self) -> Process | None:
        """The process, while it is switched on."""
        return self.process if self.process is not None and self.process.enabled else None
