"""What an org tells about its objects and fields; only what the API user may see."""

from __future__ import annotations

from typing import Any

from connector.sandbox.salesforce.schema import Field, Schema, SObject

_SOAP_TYPES = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "address": "urn:address",
}


def describe_field(field: Field) -> dict[str, Any]:
    """One member of `fields`."""
    return {
        "aggregatable": field.filterable and not field.components,
        "autoNumber": field.auto_number,
        "byteLength": field.length * 3 if field.is_text else field.length,
        "calculated": field.calculated,
        "caseSensitive": field.case_sensitive,
        "compoundFieldName": field.compound,
        "controllerName": None,
        "createable": field.createable,
        "custom": field.name.endswith("__c"),
        "defaultValue": field.default if field.type == "boolean" else None,
        "defaultedOnCreate": field.defaulted,
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "digits": field.precision if field.type == "int" else 0,
        "externalId": field.external_id,
        "filterable": field.filterable,
        "groupable": field.type
        in ("string", "picklist", "reference", "boolean", "date", "email", "id", "phone", "int"),
        "idLookup": field.is_key,
        "label": field.shown_label,
        "length": field.length,
        "name": field.name,
        "nameField": field.name == "Name",
        "nillable": field.nillable,
        "permissionable": field.nillable and field.name not in ("Id", "SystemModstamp", "IsDeleted"),
        "picklistValues": _picklist(field),
        "polymorphicForeignKey": len(field.reference_to) > 1,
        "precision": field.precision,
        "referenceTo": list(field.reference_to),
        "relationshipName": field.relationship,
        "restrictedPicklist": field.restricted,
        "scale": field.scale,
        "soapType": _SOAP_TYPES.get(field.type, "xsd:string"),
        "sortable": field.sortable,
        "type": field.type,
        "unique": field.unique,
        "updateable": field.updateable,
    }


def _picklist(field: Field) -> list[dict[str, Any]]:
    return [
        {"active": True, "defaultValue": value == field.default, "label": value, "validFor": None, "value": value}
        for value in field.picklist
    ]


def describe_summary(sobject: SObject, base: str) -> dict[str, Any]:
    """What both the list of objects and the description of one say about it."""
    own = f"{base}/sobjects/{sobject.name}"
    return {
        "activateable": False,
        "createable": sobject.createable and "create" not in sobject.denied,
        "custom": sobject.name.endswith("__c"),
        "customSetting": False,
        "deletable": sobject.deletable and "delete" not in sobject.denied,
        "deprecatedAndHidden": False,
        "feedEnabled": False,
        "keyPrefix": sobject.prefix,
        "label": sobject.label,
        "labelPlural": f"{sobject.label}s",
        "layoutable": sobject.createable,
        "mergeable": sobject.mergeable,
        "mruEnabled": False,
        "name": sobject.name,
        "queryable": True,
        "replicateable": sobject.replicateable,
        "retrieveable": True,
        "searchable": sobject.createable,
        "triggerable": sobject.createable,
        "undeletable": sobject.deletable,
        "updateable": sobject.updateable and "edit" not in sobject.denied,
        "urls": {
            "sobject": own,
            "describe": f"{own}/describe",
            "rowTemplate": f"{own}/{{ID}}",
        },
    }


def describe_global(schema: Schema, base: str) -> dict[str, Any]:
    """The list of objects."""
    return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [describe_summary(each, base) for each in schema]}


def describe(schema: Schema, sobject: SObject, base: str) -> dict[str, Any]:
    """The description of one object."""
    children: list[dict[str, Any]] = [
        {
            "cascadeDelete": reference.cascade,
            "childSObject": child.name,
            "deprecatedAndHidden": False,
            "field": reference.name,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": reference.children,
            "restrictedDelete": False,
        }
        for child, reference in schema.children(sobject.name)
    ]
    return {
        **describe_summary(sobject, base),
        "actionOverrides": [],
        "childRelationships": children,
        "compactLayoutable": sobject.createable,
        "fields": [describe_field(field) for field in sobject.visible_fields()],
        "namedLayoutInfos": [],
        "recordTypeInfos": [
            {
                "active": True,
                "available": True,
                "defaultRecordTypeMapping": True,
                "developerName": "Master",
                "master": True,
                "name": "Master",
                "recordTypeId": "012000000000000AAA",
            }
        ],
        "supportedScopes": [{"label": "All", "name": "everything"}],
    }
