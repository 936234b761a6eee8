"""The standard objects, as far as a marketing integration touches them.

Lengths and flags follow a real describe of Lead, Contact, Account and Opportunity; Task, Event and the set-up objects
are from the public object reference. Required fields, defaults and lengths are what the sandbox's strictness rests on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from connector.sandbox.salesforce.schema import Field, SObject

_RATINGS = ("Hot", "Warm", "Cold")
_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
_INDUSTRIES = (
    "Agriculture",
    "Banking",
    "Construction",
    "Electronics",
    "Manufacturing",
    "Retail",
    "Technology",
    "Other",
)
LEAD_STATUSES = (
    ("Open - Not Contacted", False),
    ("Working - Contacted", False),
    ("Closed - Converted", True),
    ("Closed - Not Converted", False),
)
# Name, probability, closed, won, forecast category.
STAGES = (
    ("Prospecting", 10, False, False, "Pipeline"),
    ("Qualification", 10, False, False, "Pipeline"),
    ("Needs Analysis", 20, False, False, "Pipeline"),
    ("Value Proposition", 50, False, False, "Pipeline"),
    ("Id. Decision Makers", 60, False, False, "Pipeline"),
    ("Perception Analysis", 70, False, False, "Pipeline"),
    ("Proposal/Price Quote", 75, False, False, "Pipeline"),
    ("Negotiation/Review", 90, False, False, "Pipeline"),
    ("Closed Won", 100, True, True, "Closed"),
    ("Closed Lost", 0, True, False, "Omitted"),
)
TASK_STATUSES = (
    ("Not Started", False),
    ("In Progress", False),
    ("Completed", True),
    ("Waiting on someone else", False),
    ("Deferred", False),
)
_WHAT = ("Account", "Opportunity", "Campaign")


def _text(name: str, length: int, **more: Any) -> Field:
    return Field(**{"name": name, "type": "string", "length": length, **more})


def _pick(name: str, values: tuple[str, ...], **more: Any) -> Field:
    return Field(**{"name": name, "type": "picklist", "length": 255, "picklist": values, **more})


def _status(statuses: tuple[tuple[str, bool], ...]) -> Field:
    names = tuple(name for name, _ in statuses)
    return _pick("Status", names, nillable=False, defaulted=True, default=names[0])


def _memo(name: str = "Description", length: int = 32000) -> Field:
    return Field(name=name, type="textarea", length=length, filterable=False, sortable=False)


def _refer(name: str, *targets: str, **more: Any) -> Field:
    base = {
        "name": name,
        "type": "reference",
        "length": 18,
        "reference_to": targets,
        "relationship": name.removesuffix("Id"),
    }
    return Field(**{**base, **more})


def _fixed(name: str, type_: str, **more: Any) -> Field:
    return Field(**{"name": name, "type": type_, "createable": False, "updateable": False, **more})


def _flag(name: str, **more: Any) -> Field:
    return Field(**{"name": name, "type": "boolean", "nillable": False, "defaulted": True, "default": False, **more})


def _owner(*targets: str) -> Field:
    return _refer("OwnerId", *targets, nillable=False, defaulted=True)


def _email(name: str = "Email", **more: Any) -> Field:
    return Field(**{"name": name, "type": "email", "length": 80, **more})


def _phones(*names: str) -> list[Field]:
    return [Field(name=name, type="phone", length=40) for name in names]


def _url(name: str) -> Field:
    return Field(name=name, type="url", length=255)


def _address(prefix: str = "") -> list[Field]:
    compound = f"{prefix}Address"
    sizes = {"Street": 255, "City": 40, "State": 80, "PostalCode": 20, "Country": 80}
    parts = [
        Field(name=prefix + part, type="textarea" if part == "Street" else "string", length=size, compound=compound)
        for part, size in sizes.items()
    ]
    whole = _fixed(compound, "address", filterable=True, sortable=False, components=tuple(each.name for each in parts))
    return [*parts, whole]


def _system() -> list[Field]:
    stamp = {"nillable": False, "defaulted": True}
    return [
        _fixed("Id", "id", length=18, id_lookup=True, **stamp),
        _fixed("IsDeleted", "boolean", default=False, **stamp),
        _fixed("CreatedDate", "datetime", **stamp),
        _fixed("CreatedById", "reference", reference_to=("User",), relationship="CreatedBy", **stamp),
        _fixed("LastModifiedDate", "datetime", **stamp),
        _fixed("LastModifiedById", "reference", reference_to=("User",), relationship="LastModifiedBy", **stamp),
        _fixed("SystemModstamp", "datetime", **stamp),
    ]


def _object(name: str, label: str, prefix: str, *fields: Field, **flags: Any) -> SObject:
    made = SObject(name=name, label=label, prefix=prefix, **flags)
    made.add(*_system(), *fields)
    return made


def _person() -> list[Field]:
    return [
        _text("LastName", 80, nillable=False, label="Last Name"),
        _text("FirstName", 40, label="First Name"),
        _pick("Salutation", ("Mr.", "Ms.", "Dr.")),
        _fixed("Name", "string", length=121, nillable=False, label="Full Name"),
        _email(id_lookup=True),
        *_phones("Phone", "MobilePhone", "Fax"),
        _text("Title", 128),
        _pick("LeadSource", _SOURCES),
        _memo(),
        _flag("HasOptedOutOfEmail"),
        _text("EmailBouncedReason", 255),
        Field(name="EmailBouncedDate", type="datetime"),
        _fixed("LastActivityDate", "date"),
    ]


def _lead() -> SObject:
    return _object(
        "Lead", "Lead", "00Q",
        *_person(),
        _text("Company", 255, nillable=False),
        *_address(),
        _url("Website"),
        _pick("Industry", _INDUSTRIES),
        _pick("Rating", _RATINGS),
        Field(name="NumberOfEmployees", type="int", precision=8),
        Field(name="AnnualRevenue", type="currency", precision=18),
        _status(LEAD_STATUSES),
        _owner("Group", "User"),
        _flag("IsConverted", updateable=False),
        _fixed("ConvertedDate", "date"),
        _refer("ConvertedAccountId", "Account", createable=False, updateable=False),
        _refer("ConvertedContactId", "Contact", createable=False, updateable=False),
        _refer("ConvertedOpportunityId", "Opportunity", createable=False, updateable=False),
        _flag("IsUnreadByOwner"),
        _refer("MasterRecordId", "Lead", createable=False, updateable=False),
        mergeable=True,
    )  # fmt: skip


def _contact() -> SObject:
    return _object(
        "Contact", "Contact", "003",
        *_person(),
        _refer("AccountId", "Account", children="Contacts", cascade=True),
        _text("Department", 80),
        *_address("Mailing"),
        *_phones("HomePhone"),
        Field(name="Birthdate", type="date"),
        _refer("ReportsToId", "Contact"),
        _owner("User"),
        _fixed("IsEmailBounced", "boolean", nillable=False, defaulted=True, default=False),
        _refer("MasterRecordId", "Contact", createable=False, updateable=False),
        mergeable=True,
    )  # fmt: skip


def _account() -> SObject:
    return _object(
        "Account", "Account", "001",
        _text("Name", 255, nillable=False, label="Account Name"),
        _pick("Type", ("Prospect", "Customer - Direct", "Customer - Channel", "Partner", "Other")),
        _pick("Industry", _INDUSTRIES),
        _refer("ParentId", "Account", children="ChildAccounts"),
        _text("AccountNumber", 40),
        _url("Website"),
        *_phones("Phone", "Fax"),
        *_address("Billing"),
        Field(name="NumberOfEmployees", type="int", precision=8),
        Field(name="AnnualRevenue", type="currency", precision=18),
        _pick("Rating", _RATINGS),
        _memo(),
        _owner("User"),
        _fixed("LastActivityDate", "date"),
        _refer("MasterRecordId", "Account", createable=False, updateable=False),
        mergeable=True,
    )  # fmt: skip


def _opportunity() -> SObject:
    return _object(
        "Opportunity", "Opportunity", "006",
        _text("Name", 120, nillable=False, id_lookup=True, label="Opportunity Name"),
        _refer("AccountId", "Account", children="Opportunities", cascade=True),
        _pick("StageName", tuple(stage[0] for stage in STAGES), nillable=False, label="Stage"),
        Field(name="CloseDate", type="date", nillable=False, label="Close Date"),
        Field(name="Amount", type="currency", precision=18, scale=2),
        Field(name="Probability", type="percent", precision=3),
        _fixed("ExpectedRevenue", "currency", precision=18, scale=2),
        _fixed("IsClosed", "boolean", nillable=False, defaulted=True, default=False),
        _fixed("IsWon", "boolean", nillable=False, defaulted=True, default=False),
        _fixed("ForecastCategory", "picklist", length=40, picklist=("Omitted", "Pipeline", "Closed")),
        _pick("ForecastCategoryName", ("Omitted", "Pipeline", "Best Case", "Commit", "Closed"), defaulted=True),
        _pick("Type", ("Existing Customer - Upgrade", "New Customer")),
        _text("NextStep", 255),
        _pick("LeadSource", _SOURCES),
        _memo(),
        _refer("CampaignId", "Campaign", children="Opportunities"),
        _refer("ContactId", "Contact", updateable=False),
        _fixed("LastStageChangeDate", "datetime"),
        _fixed("LastActivityDate", "date"),
        _fixed("FiscalYear", "int", precision=4),
        _fixed("FiscalQuarter", "int", precision=1),
        _owner("User"),
    )  # fmt: skip


def _contact_role() -> SObject:
    return _object(
        "OpportunityContactRole", "Opportunity Contact Role", "00K",
        _refer(
            "OpportunityId", "Opportunity",
            nillable=False, updateable=False, children="OpportunityContactRoles", cascade=True,
        ),
        _refer("ContactId", "Contact", nillable=False, children="OpportunityContactRoles", cascade=True),
        Field(
            name="Role", type="picklist", length=40,
            picklist=("Business User", "Decision Maker", "Economic Buyer", "Evaluator", "Influencer", "Other"),
        ),
        _flag("IsPrimary"),
    )  # fmt: skip


def _activity() -> list[Field]:
    return [
        _refer("WhoId", "Contact", "Lead", cascade=True),
        _refer("WhatId", *_WHAT, cascade=True),
        Field(name="Subject", type="combobox", length=255, picklist=("Call", "Email", "Send Letter", "Other")),
        _memo(),
        _owner("User"),
        _refer("AccountId", "Account", createable=False, updateable=False),
        _flag("IsReminderSet"),
        Field(name="ReminderDateTime", type="datetime"),
        _fixed("IsArchived", "boolean", nillable=False, defaulted=True, default=False),
    ]


def _task() -> SObject:
    return _object(
        "Task", "Task", "00T",
        *_activity(),
        Field(name="ActivityDate", type="date", label="Due Date Only"),
        _status(TASK_STATUSES),
        _pick("Priority", ("High", "Normal", "Low"), nillable=False, defaulted=True, default="Normal"),
        _fixed("IsHighPriority", "boolean", nillable=False, defaulted=True, default=False),
        _fixed("IsClosed", "boolean", nillable=False, defaulted=True, default=False),
        _fixed("CompletedDateTime", "datetime"),
        _pick("TaskSubtype", ("Task", "Email", "Call"), updateable=False, default="Task", restricted=True),
        _text("CallDisposition", 255, label="Call Result"),
        _pick("CallType", ("Internal", "Inbound", "Outbound"), restricted=True),
    )  # fmt: skip


def _event() -> SObject:
    return _object(
        "Event", "Event", "00U",
        *_activity(),
        Field(name="ActivityDate", type="date"),
        Field(name="ActivityDateTime", type="datetime"),
        Field(name="StartDateTime", type="datetime"),
        Field(name="EndDateTime", type="datetime"),
        Field(name="DurationInMinutes", type="int", precision=8),
        _flag("IsAllDayEvent"),
        _text("Location", 255),
        _fixed("IsChild", "boolean", nillable=False, defaulted=True, default=False),
        _fixed("IsRecurrence", "boolean", nillable=False, defaulted=True, default=False),
        _fixed("GroupEventType", "picklist", length=40, picklist=("0", "1", "2", "3"), restricted=True, default="0"),
    )  # fmt: skip


def _user() -> SObject:
    return _object(
        "User", "User", "005",
        _text("Username", 80, nillable=False, unique=True, id_lookup=True),
        _text("LastName", 80, nillable=False),
        _text("FirstName", 40),
        _fixed("Name", "string", length=121, nillable=False),
        _email(nillable=False),
        _text("Alias", 8, defaulted=True),
        _text("Department", 80),
        _text("Title", 80),
        _text("EmployeeNumber", 20),
        _text("FederationIdentifier", 512, unique=True),
        _refer("ManagerId", "User"),
        _flag("IsActive", default=True),
        _pick("UserType", ("Standard",), default="Standard", defaulted=True),
        _text("TimeZoneSidKey", 40, defaulted=True, default="Asia/Tokyo"),
        createable=False, updateable=False, deletable=False,
    )  # fmt: skip


def _campaign() -> list[SObject]:
    campaign = _object(
        "Campaign", "Campaign", "701",
        _text("Name", 80, nillable=False, label="Campaign Name"),
        _pick("Type", ("Conference", "Webinar", "Email", "Other")),
        _pick("Status", ("Planned", "In Progress", "Completed", "Aborted"), defaulted=True, default="Planned"),
        Field(name="StartDate", type="date"),
        Field(name="EndDate", type="date"),
        _flag("IsActive"),
        _memo(),
        _refer("ParentId", "Campaign", children="ChildCampaigns"),
        _owner("User"),
    )  # fmt: skip
    member = _object(
        "CampaignMember", "Campaign Member", "00v",
        _refer("CampaignId", "Campaign", nillable=False, updateable=False, children="CampaignMembers", cascade=True),
        _refer("LeadId", "Lead", updateable=False, children="CampaignMembers", cascade=True),
        _refer("ContactId", "Contact", updateable=False, children="CampaignMembers", cascade=True),
        _pick("Status", ("Sent", "Responded"), defaulted=True),
        _fixed("HasResponded", "boolean", nillable=False, defaulted=True, default=False),
        _fixed("FirstRespondedDate", "date"),
    )  # fmt: skip
    status = _object(
        "CampaignMemberStatus", "Campaign Member Status", "01Y",
        _refer("CampaignId", "Campaign", nillable=False, updateable=False, cascade=True),
        _text("Label", 255, nillable=False),
        _flag("IsDefault"),
        _flag("HasResponded"),
        Field(name="SortOrder", type="int", precision=8),
    )  # fmt: skip
    return [campaign, member, status]


def _setup(name: str, label: str, prefix: str, *fields: Field) -> SObject:
    return _object(
        name, label, prefix, *fields, createable=False, updateable=False, deletable=False, replicateable=False
    )


PERMISSIONS = (
    "ApiEnabled", "AuthorApex", "BulkApiHardDelete", "CustomizeApplication", "EditTask", "ManageUsers", "ModifyAllData",
    "ModifyMetadata", "ViewAllData", "ViewSetup",
)  # fmt: skip
"""Some of the permissions that a user may have, as `UserPermissionAccess` names them."""


def _catalogue(name: str, label: str, prefix: str, *fields: Field) -> SObject:
    order = Field(name="SortOrder", type="int", precision=8)
    return _setup(name, label, prefix, _text("ApiName", 255), _text("MasterLabel", 255), order, *fields)


def standard_objects() -> list[SObject]:
    """Fresh definitions, for one org to change."""
    stage = (
        _flag("IsActive"),
        _flag("IsClosed"),
        _flag("IsWon"),
        Field(name="DefaultProbability", type="percent", precision=3),
        _text("ForecastCategoryName", 40),
    )
    objects = [
        _lead(),
        _contact(),
        _account(),
        _opportunity(),
        _contact_role(),
        _task(),
        _event(),
        _user(),
        *_campaign(),
        _setup(
            "Group", "Group", "00G", _text("Name", 40), _text("DeveloperName", 80), _pick("Type", ("Queue", "Regular"))
        ),
        _setup(
            "Organization", "Organization", "00D", _text("Name", 80), _flag("IsSandbox"), _text("TimeZoneSidKey", 40)
        ),
        _setup(
            "UserPermissionAccess",
            "User Permission Access",
            "0PA",
            *(_flag(f"Permissions{name}") for name in PERMISSIONS),
        ),
        _catalogue("OpportunityStage", "Opportunity Stage", "01J", *stage),
        _catalogue("LeadStatus", "Lead Status Value", "01L", _flag("IsConverted"), _flag("IsDefault")),
        _catalogue("TaskStatus", "Task Status Value", "01T", _flag("IsClosed"), _flag("IsDefault")),
    ]
    for activity, plural in (("Task", "Tasks"), ("Event", "Events")):
        _give_children(objects, activity, plural)
    return objects


def _give_children(objects: list[SObject], activity: str, plural: str) -> None:
    made = next(each for each in objects if each.name == activity)
    for name in ("WhoId", "WhatId"):
        found = made.fields[name.lower()]
        made.add(replace(found, children=plural))
