"""From a path in a query to the values it stands for, across parent relationships."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connector.sandbox.salesforce.errors import Refusal
from connector.sandbox.salesforce.schema import Field, Schema, SObject
from connector.sandbox.salesforce.soql import Path, at
from connector.sandbox.salesforce.store import Row, Store

Getter = Callable[[Row], Any]
Parent = Callable[[Row], tuple[str, Row] | None]

# What every record that an owner, a who or a what can be has in common: Salesforce's `Name` object.
_NAME_FIELDS = {
    name.lower(): Field(name=name, type=type_, length=255)
    for name, type_ in (
        ("Id", "id"), ("Name", "string"), ("Type", "string"), ("FirstName", "string"), ("LastName", "string"),
        ("Email", "email"), ("Phone", "phone"), ("Title", "string"), ("Username", "string"), ("Alias", "string"),
        ("IsActive", "boolean"),
    )
}  # fmt: skip
_ADVICE = (
    "If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. "
    "Please reference your WSDL or the describe call for the appropriate names."
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a path leads to: the canonical names, the field at the end, and how to read it from a row."""

    names: tuple[str, ...]
    field: Field
    get: Getter


@dataclass(frozen=True, slots=True)
class Scope:
    """The object a query reads, and what is needed to follow its paths."""

    schema: Schema
    store: Store
    sobject: SObject
    text: str
    with_deleted: bool

    def refuse(self, pos: int, code: str, message: str) -> Refusal:
        """A refusal at a place in the query."""
        return at(self.text, pos, code, message)

    def find(self, path: Path) -> Found:
        """The field behind a path."""
        names = path.names
        if len(names) > 1 and names[0].lower() == self.sobject.name.lower():
            names = names[1:]
        return self._find(self.sobject, names, path.pos)

    def _find(self, sobject: SObject, names: tuple[str, ...], pos: int) -> Found:
        if len(names) == 1:
            field = sobject.visible(names[0])
            if field is None:
                raise self.no_column(pos, names[0], sobject.name)
            return Found((field.name,), field, reader(field))
        reference = sobject.by_relationship(names[0])
        if reference is None or reference.relationship is None:
            message = f"Didn't understand relationship '{names[0]}' in field path. {_ADVICE}"
            raise self.refuse(pos, "INVALID_FIELD", message)
        follow = self.parent(reference)
        rest = self._end(reference, names[1:], pos)
        get = rest.get

        def through(row: Row) -> Any:
            parent = follow(row)
            if parent is None:
                return None
            return parent[0] if rest.field.name == "Type" and len(reference.reference_to) > 1 else get(parent[1])

        return Found((reference.relationship, *rest.names), rest.field, through)

    def _end(self, reference: Field, names: tuple[str, ...], pos: int) -> Found:
        if len(reference.reference_to) == 1:
            return self._find(self.schema[reference.reference_to[0]], names, pos)
        field = _NAME_FIELDS.get(names[0].lower())
        if field is None or len(names) > 1:
            raise self.no_column(pos, names[0], "Name")
        return Found((field.name,), field, reader(field))

    def no_column(self, pos: int, name: str, entity: str) -> Refusal:
        """There is no such field, or the user may not see it."""
        return self.refuse(pos, "INVALID_FIELD", f"No such column '{name}' on entity '{entity}'. {_ADVICE}")

    def parent(self, reference: Field) -> Parent:
        """How to get from a row to its parent, with the parent's object name."""
        name, schema, store, with_deleted = reference.name, self.schema, self.store, self.with_deleted

        def follow(row: Row) -> tuple[str, Row] | None:
            parent_id = row.get(name)
            sobject = None if parent_id is None else schema.of_id(parent_id)
            if parent_id is None or sobject is None:
                return None
            found = store.get(sobject.name, parent_id)
            if found is None or (found["IsDeleted"] and not with_deleted):
                return None
            return sobject.name, found

        return follow


def reader(field: Field) -> Getter:
    """How to read a field from a row of its object."""
    name = field.name
    if field.components:
        return _address_reader(field)
    return lambda row: row.get(name)


def _address_reader(field: Field) -> Getter:
    prefix = field.name.removesuffix("Address")
    keys = [(part.removeprefix(prefix), part) for part in field.components]

    def address(row: Row) -> dict[str, Any] | None:
        parts = {key[0].lower() + key[1:]: row.get(part) for key, part in keys}
        if all(value is None for value in parts.values()):
            return None
        return {**parts, "geocodeAccuracy": None, "latitude": None, "longitude": None}

    return address
