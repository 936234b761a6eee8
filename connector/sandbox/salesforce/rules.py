"""What the standard objects do on their own when a record is saved: names, stages, owners, activities, members.

A rule gets the record as it will be kept, may complete it, and refuses by raising.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from connector.sandbox.salesforce.errors import refuse
from connector.sandbox.salesforce.store import Row

if TYPE_CHECKING:
    from connector.sandbox.salesforce.records import Records

Rule = Callable[["Records", Row | None, Row], None]


def full_name(records: Records, _: Row | None, row: Row) -> None:
    """Name of a person; eastern order is a setting of the org's locale."""
    parts = [row.get("FirstName"), row.get("LastName")]
    if records.settings.eastern_names:
        parts.reverse()
    row["Name"] = " ".join(part for part in parts if part)


def lead(records: Records, old: Row | None, _: Row) -> None:
    """A converted lead is not to be touched any more, unless the org allows it."""
    if old is not None and old["IsConverted"] and not records.settings.edit_converted_leads:
        raise refuse("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")


def opportunity(records: Records, old: Row | None, row: Row) -> None:
    """What follows from the stage and the dates."""
    stages = {each["ApiName"]: each for each in records.store.live("OpportunityStage")}
    # An unknown stage is kept, because StageName is not a restricted picklist; it counts as open.
    stage: Mapping[str, Any] = stages.get(row["StageName"], {})
    if old is None or old["StageName"] != row["StageName"]:
        row["LastStageChangeDate"] = records.stamp if old is not None else None
        if old is None or old.get("Probability") == row.get("Probability"):
            given = row.get("Probability") if old is None else None
            row["Probability"] = float(stage.get("DefaultProbability") or 0) if given is None else given
        row["ForecastCategoryName"] = stage.get("ForecastCategoryName", "Pipeline")
    row["IsClosed"] = bool(stage.get("IsClosed"))
    row["IsWon"] = bool(stage.get("IsWon"))
    row["ForecastCategory"] = row["ForecastCategoryName"]
    amount, probability = row.get("Amount"), row.get("Probability")
    row["ExpectedRevenue"] = None if amount is None or probability is None else round(amount * probability / 100, 2)
    year, month = row["CloseDate"][:7].split("-")
    row["FiscalYear"], row["FiscalQuarter"] = int(year), (int(month) + 2) // 3


def activity(records: Records, _: Row | None, row: Row) -> None:
    """Whom and what a task or an event is about; its account follows from them."""
    who, what = row.get("WhoId"), row.get("WhatId")
    if who is not None and what is not None and who.startswith("00Q"):
        # Code and text are remembered, not verified; that a lead stands alone is certain.
        raise refuse("FIELD_INTEGRITY_EXCEPTION", "WhatId must be null if WhoId is a lead", "WhatId")
    row["AccountId"] = _account_of(records, what) or _account_of(records, who)


def _account_of(records: Records, record_id: str | None) -> str | None:
    if record_id is None or record_id.startswith("001"):
        return record_id
    sobject = records.schema.of_id(record_id)
    row = None if sobject is None else records.store.get(sobject.name, record_id)
    return None if row is None else row.get("AccountId")


def task(records: Records, old: Row | None, row: Row) -> None:
    """Closed or not follows from the status."""
    closed = {each["ApiName"]: each["IsClosed"] for each in records.store.live("TaskStatus")}
    row["IsClosed"] = bool(closed.get(row["Status"]))
    row["IsHighPriority"] = row["Priority"] == "High"
    if not row["IsClosed"]:
        row["CompletedDateTime"] = None
    elif old is None or not old["IsClosed"]:
        row["CompletedDateTime"] = records.stamp


def event(_: Records, __: Row | None, row: Row) -> None:
    """An event needs a day, or a start with a length."""
    start = row.get("StartDateTime") or row.get("ActivityDateTime")
    if row["IsAllDayEvent"]:
        if row.get("ActivityDate") is None:
            raise refuse("REQUIRED_FIELD_MISSING", "Required fields are missing: [ActivityDate]", "ActivityDate")
        return
    lasting = row.get("DurationInMinutes") is not None or row.get("EndDateTime") is not None
    if start is None or not lasting:
        missing = "ActivityDateTime" if start is None else "DurationInMinutes"
        raise refuse("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{missing}]", missing)
    row["StartDateTime"] = row["ActivityDateTime"] = start
    row["ActivityDate"] = start[:10]


def member(records: Records, old: Row | None, row: Row) -> None:
    """One person once per campaign, with a status that the campaign knows."""
    if old is None:
        _check_newcomer(records, row)
    campaign = records.schema["CampaignMemberStatus"].fields["campaignid"]
    known = records.store.table("CampaignMemberStatus").find(campaign, row["CampaignId"])
    if row.get("Status") is None:
        row["Status"] = next(each["Label"] for each in known if each["IsDefault"])
    found = next((each for each in known if each["Label"] == row["Status"]), None)
    if found is None:
        text = f"Status: bad value for restricted picklist field: {row['Status']}"
        raise refuse("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", text, "Status")
    row["HasResponded"] = found["HasResponded"]
    if row["HasResponded"] and row.get("FirstRespondedDate") is None:
        row["FirstRespondedDate"] = records.stamp[:10]


def _check_newcomer(records: Records, row: Row) -> None:
    if not row.get("LeadId") and not row.get("ContactId"):
        raise refuse("REQUIRED_FIELD_MISSING", "Required fields are missing: [LeadId]", "LeadId")
    for name in ("LeadId", "ContactId"):
        field = records.schema["CampaignMember"].fields[name.lower()]
        for other in records.store.table("CampaignMember").find(field, row.get(name)):
            if other["CampaignId"] == row["CampaignId"]:
                raise refuse("DUPLICATE_VALUE", "Already a campaign member.")


RULES: dict[str, tuple[Rule, ...]] = {
    "Lead": (lead, full_name),
    "Contact": (full_name,),
    "User": (full_name,),
    "Opportunity": (opportunity,),
    "Task": (activity, task),
    "Event": (activity, event),
    "CampaignMember": (member,),
}


def _contact_of_opportunity(records: Records, row: Row) -> None:
    if row.get("ContactId") is not None:
        role = {"OpportunityId": row["Id"], "ContactId": row["ContactId"], "IsPrimary": True}
        records.seed("OpportunityContactRole", role)


def _statuses_of_campaign(records: Records, row: Row) -> None:
    for order, (label, responded) in enumerate((("Sent", False), ("Responded", True)), 1):
        status = {"Label": label, "HasResponded": responded, "IsDefault": not responded, "SortOrder": order}
        records.seed("CampaignMemberStatus", {"CampaignId": row["Id"], **status})


AFTER_CREATE: dict[str, Callable[[Records, Row], None]] = {
    "Opportunity": _contact_of_opportunity,
    "Campaign": _statuses_of_campaign,
}
