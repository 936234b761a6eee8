"""What an org's objects and fields are, and what the API user may see of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

TEXT_TYPES = frozenset(
    {"string", "textarea", "phone", "url", "email", "picklist", "multipicklist", "combobox", "encryptedstring"}
)
NUMBER_TYPES = frozenset({"int", "double", "currency", "percent"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field. The members are those of a describe, which documents them."""

    name: str
    type: str
    label: str = ""
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    default: Any = None
    defaulted: bool = False
    external_id: bool = False
    unique: bool = False
    case_sensitive: bool = False
    id_lookup: bool = False
    picklist: tuple[str, ...] = ()
    restricted: bool = False
    reference_to: tuple[str, ...] = ()
    relationship: str | None = None
    children: str | None = None
    cascade: bool = False
    calculated: bool = False
    auto_number: bool = False
    filterable: bool = True
    sortable: bool = True
    components: tuple[str, ...] = ()
    compound: str | None = None

    @property
    def is_text(self) -> bool:
        """Whether the value is text that compares without regard to case."""
        return self.type in TEXT_TYPES

    @property
    def is_number(self) -> bool:
        """Whether the value is a number."""
        return self.type in NUMBER_TYPES

    @property
    def is_key(self) -> bool:
        """Whether an upsert may name this field as its key (external id or `idLookup`)."""
        return self.external_id or self.id_lookup

    @property
    def required(self) -> bool:
        """Whether a create without it is refused; the rule is Salesforce's own for a describe."""
        return self.createable and not self.nillable and not self.defaulted

    @property
    def shown_label(self) -> str:
        """The label in messages."""
        return self.label or self.name


@dataclass(slots=True, kw_only=True)
class SObject:
    """One object type and its fields, found without regard to case."""

    name: str
    label: str
    prefix: str
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    mergeable: bool = False
    replicateable: bool = True
    fields: dict[str, Field] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    read_only: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)
    """What the API user may not do with records: `create`, `edit`, `delete`."""

    def add(self, *new: Field) -> None:
        """Add fields, or replace those of the same name."""
        for each in new:
            self.fields[each.name.lower()] = each

    def field(self, name: str) -> Field | None:
        """The field of this name as an administrator sees it."""
        return self.fields.get(name.lower())

    def visible(self, name: str) -> Field | None:
        """The field of this name as the API user sees it: None when field-level security hides it."""
        found = self.fields.get(name.lower())
        if found is None or found.name in self.hidden:
            return None
        if found.name in self.read_only:
            return replace(found, createable=False, updateable=False)
        return found

    def visible_fields(self) -> Iterator[Field]:
        """All fields the API user sees, in order."""
        for name in self.fields:
            if (found := self.visible(name)) is not None:
                yield found

    def by_relationship(self, relationship: str) -> Field | None:
        """The reference field behind a parent relationship name such as `Account` or `Owner`."""
        wanted = relationship.lower()
        for each in self.fields.values():
            if each.relationship is not None and each.relationship.lower() == wanted:
                return self.visible(each.name)
        return None


class Schema:
    """All objects of an org."""

    def __init__(self, objects: Iterable[SObject]) -> None:
        self._objects = {each.name.lower(): each for each in objects}
        self._by_prefix = {each.prefix: each for each in self._objects.values() if each.prefix}

    def __iter__(self) -> Iterator[SObject]:
        return iter(self._objects.values())

    def get(self, name: str) -> SObject | None:
        """The object of this name, in any case."""
        return self._objects.get(name.lower())

    def __getitem__(self, name: str) -> SObject:
        return self._objects[name.lower()]

    def of_id(self, record_id: str) -> SObject | None:
        """The object an id belongs to, by its key prefix."""
        return self._by_prefix.get(record_id[:3])

    def children(self, parent: str) -> Iterator[tuple[SObject, Field]]:
        """Every reference field that can point to `parent`, with the object it is on."""
        for each in self._objects.values():
            for reference in each.fields.values():
                if parent in reference.reference_to:
                    yield each, reference
