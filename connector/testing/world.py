"""What the contract acts and looks through: one system, past its adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar, Literal, NoReturn

import pytest

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
from connector.model import (
    Company,
    Deal,
    DealState,
    Gone,
    Inventory,
    Kind,
    Membership,
    Owner,
    Person,
    Ref,
    Touchpoint,
    Value,
)
from connector.ports import Adapter, Needs

Fault = Literal["dead", "lost_answer"]


def missing(what: str) -> NoReturn:
    """End a test that needs what this world does not have."""
    pytest.skip(f"this world has no {what}")


class World:
    """One system, and hands and eyes in it that do not pass through the adapter.

    Methods left alone skip the tests that need them.
    """

    name: ClassVar[str] = "sys"
    """Name of the system in the configuration: what every `Ref` must carry."""

    needs: Needs
    """What a configuration that uses everything would ask for."""

    reads: frozenset[type]
    """The kinds of records the system gives: Person, Gone, Inventory, Company, Owner, Deal, Touchpoint, Membership."""

    person_object: str
    """The object that SetFields, CreatePerson and lists are tried on."""

    text_field: str = ""
    """A native text field of it that we may write (in `needs` as write, and as read where it can be read back)."""

    other_field: str | None = None
    """A second one, to see that it is left alone while the first is written."""

    key_field: str = ""
    """The native field that holds our unique key, where the system can CreatePerson."""

    required: Mapping[str, Value] = MappingProxyType({})
    """What the system itself demands of a person that is created, by native names."""

    person_words: frozenset[str] = frozenset({"email", "family_name", "given_name", "company", "phone"})
    """Which of our words for a person `add_person` takes and the adapter gives back unchanged."""

    reads_back: bool = True
    """Whether a value that was written is read again by the next pull."""

    many: int = 7
    """How many records fill several pages."""

    def adapter(self, needs: Needs | None = None) -> Adapter:
        """A fresh adapter under `World.name`, as after a restart of the program; `needs` defaults to all."""
        raise NotImplementedError

    def snapshot(self) -> object:
        """Everything in the system, for comparing."""
        raise NotImplementedError

    # hands

    def add_person(self, **fields: Value) -> Ref:
        """Somebody enters a person, in our words (those of `person_words`, as text)."""
        missing("person to add")

    def edit_person(self, ref: Ref, **fields: Value) -> None:
        """Somebody changes a person, in our words."""
        missing("person to edit")

    def delete_person(self, ref: Ref) -> None:
        """Somebody deletes a person."""
        missing("way to delete a person")

    def pass_sweep(self) -> None:
        """So much time passes that the adapter's next inventory is due."""
        missing("sweep")

    def add_late_person(self, **fields: Value) -> Ref:
        """A person is committed now with a stamp that is older than what was read already."""
        missing("late commit")

    def add_unreadable_person(self, **fields: Value) -> None:
        """A person arrives whose record cannot be read (a date that is none, a cell too few)."""
        missing("unreadable record")

    def add_touchpoint(self, person: Ref, kind: Kind, happened_at: datetime, label: str) -> None:
        """A person does something; a world that knows few kinds may map `kind` to one of them."""
        missing("touchpoint to add")

    def add_deal(self, name: str, state: DealState, person: Ref | None = None) -> Ref:
        """A rep enters a deal."""
        missing("deal to add")

    def add_company(self, name: str) -> Ref:
        """Somebody enters a company."""
        missing("company to add")

    def add_owner(self, name: str) -> str:
        """A user of the SFA who may own things; gives the id."""
        missing("owner to add")

    def put_on_list(self, name: str, ref: Ref) -> None:
        """A marketer puts a person on one of `needs.lists`."""
        missing("list")

    def take_off_list(self, name: str, ref: Ref) -> None:
        """A marketer takes a person off a list."""
        missing("list")

    # eyes

    def person_fields(self, ref: Ref) -> Mapping[str, Value] | None:
        """All native fields of a person as the system holds them; None when there is no such record."""
        missing("sight of fields")

    def people_with_key(self, key: str) -> Sequence[Ref]:
        """The records whose `key_field` holds `key`."""
        missing("sight of our key")

    def list_members(self, name: str) -> set[str]:
        """Ids of the person records on a list."""
        missing("sight of lists")

    def open_alerts(self) -> Sequence[str]:
        """Titles of those alerts that wait for their owner."""
        missing("sight of open alerts")

    def work_on_alerts(self) -> None:
        """Owners begin to work on all open alerts, so that these are not to be taken back any more."""
        missing("owners who work")

    def alerts(self) -> Sequence[str]:
        """Titles of all alerts (tasks, notifications, ...) that owners see."""
        missing("sight of alerts")

    def timeline(self) -> Sequence[str]:
        """Titles of all entries on timelines."""
        missing("sight of timelines")

    # faults

    def break_next(self, kind: Fault) -> None:
        """`dead`: nothing answers until `heal`. `lost_answer`: the next write works, its answer never arrives."""
        missing(f"fault {kind}")

    def refuse(self, ref: Ref) -> None:
        """From now on the system refuses writes to this record (a validation rule, a lock), and to no other."""
        missing("refusal of one row")

    def words_to(self, ref: Ref) -> str:
        """What the system says, in its own words, when it refuses a write to a record that `refuse` told it to."""
        missing("words of its own for a refusal")

    def heal(self) -> None:
        """End all faults."""


HANDS: Mapping[type, str] = {
    Person: "add_person",
    Gone: "delete_person",
    Company: "add_company",
    Owner: "add_owner",
    Deal: "add_deal",
    Touchpoint: "add_touchpoint",
    Membership: "put_on_list",
    Inventory: "pass_sweep",
}
EYES: Mapping[type[Change], str] = {
    SetFields: "person_fields",
    CreatePerson: "people_with_key",
    RaiseAlert: "alerts",
    CloseAlert: "open_alerts",
    AddTouchpoint: "timeline",
    AddToList: "list_members",
    RemoveFromList: "list_members",
}
