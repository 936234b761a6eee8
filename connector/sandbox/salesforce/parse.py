"""From the names and values of a request body to the fields and values of an object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.sandbox.salesforce import values
from connector.sandbox.salesforce.errors import refuse
from connector.sandbox.salesforce.records import Access, Lookup
from connector.sandbox.salesforce.schema import Field, Schema, SObject


def body_values(schema: Schema, sobject: SObject, body: Mapping[str, Any], access: Access) -> dict[str, Any]:
    """Typed values by field name; raises what fails the whole request.

    A parent may be named by an external id of its own: `{"Account": {"MA_Id__c": "a1"}}`.
    """
    found: dict[str, Any] = {}
    for name, value in body.items():
        if name == "attributes":
            continue
        field = access.field(sobject, name)
        if field is not None:
            found[field.name] = values.from_json(field, value)
            continue
        reference = sobject.by_relationship(name)
        if reference is None:
            raise no_column(name, sobject)
        found[reference.name] = _nested(schema, reference, value)
    return found


def no_column(name: str, sobject: SObject) -> Exception:
    """There is no such field for this user."""
    return refuse("INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}")


def _nested(schema: Schema, reference: Field, value: Any) -> Lookup | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise refuse("JSON_PARSER_ERROR", f"Cannot deserialize instance of {reference.relationship} from a plain value")
    keys = [key for key in value if key != "attributes"]
    named = value.get("attributes", {}).get("type")
    targets = [named] if named else list(reference.reference_to)
    if len(keys) != 1 or len(targets) != 1 or targets[0] not in reference.reference_to:
        raise refuse("INVALID_FIELD", f"Cannot tell which record {reference.relationship} is", reference.name)
    return lookup(schema, reference, targets[0], keys[0], value[keys[0]])


def lookup(schema: Schema, reference: Field, target_name: str, key_name: str, value: Any) -> Lookup:
    """A parent to be found by an external id when the record is saved."""
    target = schema[target_name]
    key = target.visible(key_name)
    if key is None:
        raise no_column(key_name, target)
    if not key.is_key:
        text = f"Field name provided, {key.name} is not an External ID or indexed field for {target.name}"
        raise refuse("INVALID_FIELD", text)
    return Lookup(reference, target, key, values.from_json(key, value))
