"""Create, update, upsert: from a parsed request to a kept record, with every refusal in between.

The caller runs a transaction of the store around these; a refusal leaves the record as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connector.sandbox.salesforce import checks, values
from connector.sandbox.salesforce.errors import Problem, Refusal, SeveralMatches, refuse
from connector.sandbox.salesforce.ids import IdSource
from connector.sandbox.salesforce.rules import AFTER_CREATE, RULES
from connector.sandbox.salesforce.schema import Field, Schema, SObject
from connector.sandbox.salesforce.store import Row, Store


@dataclass(slots=True, kw_only=True)
class Settings:
    """What differs from org to org, or is not certain enough to be fixed."""

    eastern_names: bool = False
    edit_converted_leads: bool = False
    activity_external_ids: bool = True
    page_size: int = 2000
    open_cursors: int = 10
    timezone: str = "Asia/Tokyo"
    parse_errors_per_row: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who writes, and with what consent."""

    user_id: str
    sees_all: bool = False
    system: bool = False
    allow_duplicates: bool = False
    assign: bool = False

    def may(self, sobject: SObject, right: str) -> bool:
        """Whether this writer has a right on the records of an object: `create`, `edit`, `delete`."""
        offered = {"create": sobject.createable, "edit": sobject.updateable, "delete": sobject.deletable}[right]
        return self.system or (offered and (self.sees_all or right not in sobject.denied))

    def field(self, sobject: SObject, name: str) -> Field | None:
        """The field as this writer sees it."""
        return sobject.field(name) if self.sees_all or self.system else sobject.visible(name)


@dataclass(frozen=True, slots=True)
class Lookup:
    """A parent named by its external id instead of its id."""

    field: Field
    target: SObject
    key: Field
    value: Any


@dataclass(frozen=True, slots=True)
class DuplicateRule:
    """Finds other records of the same object whose `fields` all equal those of the record being saved."""

    sobject: str
    fields: tuple[str, ...]
    block: bool
    name: str
    message: str


@dataclass(slots=True)
class Records:
    """The records of an org and the laws they obey."""

    schema: Schema
    store: Store
    settings: Settings
    ids: IdSource = field(default_factory=IdSource)
    duplicate_rules: list[DuplicateRule] = field(default_factory=list)
    assign_to: dict[str, str] = field(default_factory=dict)
    stamp: str = ""
    user_id: str = ""

    def seed(self, name: str, given: Mapping[str, Any]) -> str:
        """Create a record as the system itself does, without asking who may."""
        return self.insert(self.schema[name], dict(given), Access(user_id=self.user_id, system=True))

    def insert(self, sobject: SObject, given: Mapping[str, Any], access: Access) -> str:
        """Create a record and give its id."""
        if not access.may(sobject, "create"):
            raise refuse("INVALID_TYPE_FOR_OPERATION", f"entity type {sobject.name} does not support create")
        wanted = self._resolved(given)
        row = self._blank(sobject, access)
        self._check(sobject, wanted, access, None)
        row.update({name: value for name, value in wanted.items() if value is not None or name not in row})
        if access.assign and sobject.name in self.assign_to:
            row["OwnerId"] = self.assign_to[sobject.name]
        self._finish(sobject, None, row, list(wanted), access)
        if sobject.name in AFTER_CREATE:
            AFTER_CREATE[sobject.name](self, row)
        return str(row["Id"])

    def update(self, sobject: SObject, record_id: str, given: Mapping[str, Any], access: Access) -> None:
        """Change a record."""
        old = self.store.get(sobject.name, record_id)
        if old is None:
            raise refuse("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", status=404)
        if old["IsDeleted"]:
            raise refuse("ENTITY_IS_DELETED", "entity is deleted", status=404)
        if not access.may(sobject, "edit"):
            raise refuse("INVALID_TYPE_FOR_OPERATION", f"entity type {sobject.name} does not support update")
        wanted = self._resolved(given)
        self._check(sobject, wanted, access, old)
        row = {**old, **wanted, **self._touch(access)}
        self._finish(sobject, old, row, list(wanted), access)

    def match(self, sobject: SObject, key: Field, value: Any) -> str | None:
        """The one live record with this key, or None; several are refused."""
        if key.name == "Id":
            return None if value is None else str(value)
        self.store.hold_back(sobject.name, key, value)
        found = self.store.table(sobject.name).find(key, value)
        if len(found) > 1:
            raise SeveralMatches([str(row["Id"]) for row in found])
        return str(found[0]["Id"]) if found else None

    def upsert(
        self, sobject: SObject, key: Field, value: Any, given: Mapping[str, Any], access: Access
    ) -> tuple[str, bool]:
        """Update the record with this key, or create it: its id, and whether it was created."""
        found = self.match(sobject, key, value)
        if found is not None:
            self.update(sobject, found, given, access)
            return found, False
        return self.insert(sobject, given if key.name == "Id" else {**given, key.name: value}, access), True

    def _blank(self, sobject: SObject, access: Access) -> Row:
        row: Row = {"Id": self.ids.next(sobject.prefix), "CreatedDate": self.stamp, "CreatedById": access.user_id}
        row.update(self._touch(access))
        for each in sobject.fields.values():
            if each.default is not None:
                row[each.name] = each.default
        if sobject.field("OwnerId") is not None:
            row["OwnerId"] = access.user_id
        return row

    def _touch(self, access: Access) -> Row:
        return {"LastModifiedDate": self.stamp, "LastModifiedById": access.user_id, "SystemModstamp": self.stamp}

    def _resolved(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._parent(value) if isinstance(value, Lookup) else value for name, value in given.items()}

    def _parent(self, lookup: Lookup) -> str:
        found = self.store.table(lookup.target.name).find(lookup.key, lookup.value)
        if len(found) != 1:
            text = (
                f"Foreign key external ID: {lookup.value} not found for field {lookup.key.name} "
                f"in entity {lookup.target.name}"
            )
            raise refuse("INVALID_FIELD", text)
        return str(found[0]["Id"])

    def _check(self, sobject: SObject, wanted: dict[str, Any], access: Access, old: Row | None) -> None:
        fields = [found for name in wanted if (found := access.field(sobject, name)) is not None]
        problems: list[Problem | None] = []
        if not access.system:
            problems.append(checks.writable_problem(fields, creating=old is None))
        problems.append(checks.required_problem(sobject, wanted, creating=old is None))
        for each in fields:
            if each.type in ("double", "currency", "percent") and wanted[each.name] is not None:
                wanted[each.name] = values.rounded(each, wanted[each.name])
            problems.append(checks.value_problem(each, wanted[each.name]))
        if found_problems := [each for each in problems if each is not None]:
            raise Refusal(found_problems)

    def _finish(self, sobject: SObject, old: Row | None, row: Row, changed: list[str], access: Access) -> None:
        for name in changed:
            each = sobject.fields[name.lower()]
            if row.get(name) is not None and each.type == "reference":
                self._check_reference(each, row[name])
        for rule in RULES.get(sobject.name, ()):
            rule(self, old, row)
        self.check_unique(sobject, old, row)
        if not access.system:
            self._check_duplicates(sobject, row, access)
        self.store.put(sobject.name, row)

    def _check_reference(self, each: Field, record_id: str) -> None:
        sobject = self.schema.of_id(record_id)
        if sobject is None or sobject.name not in each.reference_to:
            text = f"{each.shown_label}: id value of incorrect type: {record_id}"
            raise refuse("FIELD_INTEGRITY_EXCEPTION", text, each.name)
        target = self.store.get(sobject.name, record_id)
        if target is None:
            raise refuse("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", each.name)
        if target["IsDeleted"]:
            raise refuse("ENTITY_IS_DELETED", "entity is deleted", each.name)
        if each.name == "OwnerId" and sobject.name == "User" and not target["IsActive"]:
            raise refuse("INACTIVE_OWNER_OR_USER", "operation performed with inactive user", each.name)

    def check_unique(self, sobject: SObject, old: Row | None, row: Row) -> None:
        """Refuse a unique value that another live record has."""
        for each in sobject.fields.values():
            value = row.get(each.name)
            if not each.unique or value is None or _kept(each, old, value):
                continue
            self.store.hold_back(sobject.name, each, value)
            for other in self.store.table(sobject.name).find(each, value):
                if other["Id"] != row["Id"]:
                    text = f"duplicate value found: {each.name} duplicates value on record with id: {other['Id']}"
                    raise refuse("DUPLICATE_VALUE", text)

    def _check_duplicates(self, sobject: SObject, row: Row, access: Access) -> None:
        for rule in self.duplicate_rules:
            if rule.sobject != sobject.name or (access.allow_duplicates and not rule.block):
                continue
            found = [other for other in self.store.live(sobject.name) if _alike(rule, row, other)]
            if found:
                raise refuse("DUPLICATES_DETECTED", rule.message, duplicateResult=_duplicate_result(rule, found))


def _kept(each: Field, old: Row | None, value: Any) -> bool:
    return old is not None and not old["IsDeleted"] and bool(old.get(each.name) == value)


def _alike(rule: DuplicateRule, row: Row, other: Row) -> bool:
    return other["Id"] != row["Id"] and all(
        row.get(name) is not None and str(row[name]).lower() == str(other.get(name)).lower() for name in rule.fields
    )


def _duplicate_result(rule: DuplicateRule, found: list[Row]) -> dict[str, Any]:
    matches = [
        {
            "additionalInformation": [],
            "fieldDiffs": [],
            "matchConfidence": 100.0,
            "record": {"attributes": {"type": rule.sobject}, "Id": row["Id"]},
        }
        for row in found
    ]
    return {
        "allowSave": not rule.block,
        "duplicateRule": rule.name,
        "duplicateRuleEntityType": rule.sobject,
        "errorMessage": rule.message,
        "matchResults": [
            {
                "entityType": rule.sobject,
                "errors": [],
                "matchEngine": "ExactMatchEngine",
                "matchRecords": matches,
                "rule": rule.name,
                "size": len(matches),
                "success": True,
            }
        ],
    }
