"""What should change in a system, each change with the key that makes it safe to repeat, and its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar

from connector.model import EMPTY, Ref, Score, Value


class WriteClass(StrEnum):
    """How a repeated write is kept harmless.

    A: the same end state; B: the target's unique key; C: probe first; D: membership of a set.
    """

    A = "A"
    B = "B"
    C = "C"
    D = "D"


class Lane(StrEnum):
    """Order in which a short budget is spent."""

    PROTECT = "protect"
    ALERTS = "alerts"
    SCORES = "scores"
    FIELDS = "fields"
    NURTURE = "nurture"
    BACKFILL = "backfill"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: the rule's id and a sentence for people, in the words of the configuration."""

    rule: str
    text: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Base of all changes. `key` is the same whenever the same change is planned again."""

    write_class: ClassVar[WriteClass]

    key: str
    system: str
    identity: str
    lane: Lane
    reasons: tuple[Reason, ...] = ()

    @property
    def alters(self) -> bool:
        """Whether it replaces or removes something that is there: what the brake watches."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFields(Change):
    """Write `values` (native field names) to one record; touch nothing else.

    `before`: what was last seen there; a field that was never read is not in it.

    The record must exist: when it is gone the change is refused, never re-created.
    """

    write_class = WriteClass.A

    ref: Ref
    values: Mapping[str, Value]
    before: Mapping[str, Value] = field(default_factory=lambda: EMPTY)

    @property
    def alters(self) -> bool:  # noqa: D102  as in Change
        return any(self.before.get(name) not in (None, "") for name in self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePerson(Change):
    """Create a record of a person under our unique key, or update the one that has this key already."""

    write_class = WriteClass.B

    object: str
    key_field: str
    key_value: str
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseAlert(Change):
    """Tell an owner that something stirs. Exactly one visible alert per `key`."""

    write_class = WriteClass.B

    rule: str
    subject: str
    """What repetition is counted by: `person:<id>` or `deal:<ref>`."""
    owner_id: str
    title: str
    body: str
    due_on: date
    person: Ref | None = None
    deal: Ref | None = None
    stirred_at: datetime | None = field(default=None, compare=False)
    """When the newest touchpoint happened that it is about; None where it is about none, or about several people.

    Only for measuring how soon it came: alerts that differ in nothing else are the same.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAlert(Change):
    """Take back an alert that we raised. One that its owner has closed, deleted or begun to work on stays as it is.

    The receipt is `done` in each of these cases, with the code `ports.LEFT` where the owner is at work on it.
    """

    write_class = WriteClass.A

    alert: str
    """The key it was raised under."""
    remote_id: str
    """The system's own id of it, as its receipt told."""
    title: str = ""
    """As it was raised, for who reads of it."""

    @property
    def alters(self) -> bool:  # noqa: D102  as in Change
        return True

    @property
    def called(self) -> str:
        """How people are told of it."""
        return f"{self.title} ({self.remote_id})" if self.title else self.remote_id


@dataclass(frozen=True, slots=True, kw_only=True)
class AddTouchpoint(Change):
    """Put a touchpoint on a person's timeline in the SFA. Exactly one entry per `key`."""

    write_class = WriteClass.B

    person: Ref
    owner_id: str | None
    title: str
    body: str
    happened_at: datetime
    on: date
    """The day it happened, in the configured time zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddToList(Change):
    """Put a person record on a list."""

    write_class = WriteClass.D

    list: str
    person: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveFromList(Change):
    """Take a person record off a list."""

    write_class = WriteClass.D

    list: str
    person: Ref

    @property
    def alters(self) -> bool:  # noqa: D102  as in Change
        return True


AnyChange = SetFields | CreatePerson | RaiseAlert | CloseAlert | AddTouchpoint | AddToList | RemoveFromList
CHANGES: tuple[type[Change], ...] = (
    SetFields, CreatePerson, RaiseAlert, CloseAlert, AddTouchpoint, AddToList, RemoveFromList,
)  # fmt: skip
UNDO = "undo"
"""What stands for a rule in the reasons of a change that takes an earlier one back."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """Something a rule wanted and another rule, a missing value or a stale system forbade; shown in plan and why."""

    identity: str
    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A field that stays as it is although the other side says something else: the field's rule has it win."""

    identity: str
    ref: Ref
    field: str
    value: Value
    other: Value
    rule: str
    wins: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What planning one identity gave, besides changes: its scores, and when it has to be looked at again."""

    identity: str
    scores: tuple[Score, ...]
    due_at: datetime | None
    company: str | None = None
    bands: Mapping[str, str] = field(default_factory=dict)
    """Bands that alerts are to know of, where they lag behind the scores (an alert still waits for its owner)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that follows from the facts: pure data, in a stable order."""

    changes: tuple[AnyChange, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    kept: tuple[Kept, ...] = ()
