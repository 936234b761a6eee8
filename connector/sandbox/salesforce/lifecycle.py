"""What happens to records in the life of a sales team: deleted, restored, archived, merged, converted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connector.sandbox.salesforce import times
from connector.sandbox.salesforce.errors import refuse
from connector.sandbox.salesforce.records import Access, Records
from connector.sandbox.salesforce.schema import SObject
from connector.sandbox.salesforce.store import Row

_INVITED_TO = (
    "WhoId",
    "WhatId",
    "Subject",
    "Location",
    "IsAllDayEvent",
    "ActivityDate",
    "StartDateTime",
    "EndDateTime",
    "DurationInMinutes",
)
_ARCHIVED_AFTER = timedelta(days=365)
_COPIED = (
    "FirstName",
    "LastName",
    "Salutation",
    "Email",
    "Phone",
    "MobilePhone",
    "Fax",
    "Title",
    "LeadSource",
    "Description",
)


@dataclass(slots=True)
class Lifecycle:
    """Deletes softly, and keeps what went together so that it comes back together."""

    records: Records
    lead_map: dict[str, tuple[str, str]] = field(default_factory=dict)
    _went_with: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def delete(self, sobject: SObject, record_id: str, access: Access) -> None:
        """Put a record and what belongs to it into the recycle bin."""
        row = self._present(sobject, record_id)
        if not access.may(sobject, "delete"):
            raise refuse("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
        gone: list[tuple[str, str]] = []
        self._bury(sobject.name, row, gone, {})
        self._went_with[record_id] = gone

    def _present(self, sobject: SObject, record_id: str) -> Row:
        row = self.records.store.get(sobject.name, record_id)
        if row is None:
            raise refuse("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", status=404)
        if row["IsDeleted"]:
            raise refuse("ENTITY_IS_DELETED", "entity is deleted", status=404)
        return row

    def _bury(self, name: str, row: Row, gone: list[tuple[str, str]], more: Mapping[str, Any]) -> None:
        stamps = {"LastModifiedDate": self.records.stamp, "SystemModstamp": self.records.stamp}
        self.records.store.put(name, {**row, **stamps, **more, "IsDeleted": True})
        gone.append((name, row["Id"]))
        for child, reference in self.records.schema.children(name):
            for each in self.records.store.table(child.name).find(reference, row["Id"]):
                if reference.cascade:
                    self._bury(child.name, each, gone, {})
                else:
                    self.records.store.put(child.name, {**each, reference.name: None})

    def undelete(self, sobject: SObject, record_id: str) -> None:
        """Take a record, and what went with it, out of the recycle bin."""
        row = self.records.store.get(sobject.name, record_id)
        if row is None or not row["IsDeleted"]:
            raise refuse("UNDELETE_FAILED", "Entity is not in the recycle bin")
        for name, each in self._went_with.pop(record_id, [(sobject.name, record_id)]):
            old = self.records.store.get(name, each)
            if old is not None and old["IsDeleted"]:
                back = {**old, "IsDeleted": False, "SystemModstamp": self.records.stamp}
                back.pop("MasterRecordId", None)
                self.records.check_unique(self.records.schema[name], old, back)
                self.records.store.put(name, back)

    def archive(self, now: datetime) -> None:
        """Archive the activities that are a year old: events, and tasks that are closed.

        Nothing public tells whether that moves their time stamps; here it does not.
        """
        last = times.stamp(now - _ARCHIVED_AFTER)[:10]
        for name in ("Task", "Event"):
            for row in list(self.records.store.live(name)):
                day = row.get("ActivityDate") or row["CreatedDate"][:10]
                if day <= last and row.get("IsClosed", True):
                    self.records.store.put(name, {**row, "IsArchived": True})

    def invite(self, event_id: str, user_ids: Sequence[str]) -> list[str]:
        """Invite users to an event: each gets a child of it to own.

        Nothing public tells whether a child is about the same person; here it is. It does not follow its event.
        """
        row = self._present(self.records.schema["Event"], event_id)
        if row["IsChild"]:
            raise refuse("FIELD_INTEGRITY_EXCEPTION", "a child event has no invitees")
        self.records.store.put("Event", {**row, "GroupEventType": "1", "SystemModstamp": self.records.stamp})
        child = {name: row.get(name) for name in _INVITED_TO} | {"IsChild": True, "GroupEventType": "1"}
        return [self.records.seed("Event", {**child, "OwnerId": user_id}) for user_id in user_ids]

    def merge(self, sobject: SObject, winner: str, losers: Sequence[str], access: Access) -> None:
        """Make one record of up to three: the losers point to the winner, and their children become its children."""
        if not sobject.mergeable:
            raise refuse("INVALID_TYPE_FOR_OPERATION", f"entity type {sobject.name} does not support merge")
        if not 1 <= len(losers) <= 2 or winner in losers:
            raise refuse("INVALID_ARGUMENT_TYPE", "merge takes one or two records besides the master")
        kept = self._present(sobject, winner)
        for loser in losers:
            row = self._present(sobject, loser)
            self._hand_over(sobject, loser, winner)
            self._bury(sobject.name, row, [], {"MasterRecordId": winner})
        stamps = {"LastModifiedDate": self.records.stamp, "LastModifiedById": access.user_id}
        self.records.store.put(sobject.name, {**kept, **stamps, "SystemModstamp": self.records.stamp})

    def _hand_over(self, sobject: SObject, old: str, new: str) -> None:
        for child, reference in self.records.schema.children(sobject.name):
            if reference.name == "MasterRecordId":
                continue
            for each in self.records.store.table(child.name).find(reference, old):
                moved = {reference.name: new, "SystemModstamp": self.records.stamp}
                self.records.store.put(child.name, {**each, **moved})

    def convert(
        self, lead_id: str, account_id: str | None, contact_id: str | None, opportunity: str | None, access: Access
    ) -> tuple[str, str, str | None]:
        """Turn a lead into an account, a contact and, when it is given a name, an opportunity."""
        row = self._present(self.records.schema["Lead"], lead_id)
        if row["IsConverted"]:
            raise refuse("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        made: dict[str, dict[str, Any]] = {"Account": {}, "Contact": {}, "Opportunity": {}}
        for name, (target, target_field) in self.lead_map.items():
            made[target][target_field] = row.get(name)
        owner = {"OwnerId": row["OwnerId"] if row["OwnerId"].startswith("005") else access.user_id}
        account = account_id or self._create("Account", {**owner, "Name": row["Company"], **made["Account"]}, access)
        contact = contact_id or self._contact(row, {**owner, "AccountId": account, **made["Contact"]}, access)
        deal = None
        if opportunity is not None:
            deal = self._deal(
                {**owner, "Name": opportunity, "AccountId": account, **made["Opportunity"]}, contact, access
            )
        self._follow(lead_id, contact, deal or account)
        converted = {
            "IsConverted": True,
            "ConvertedDate": self.records.stamp[:10],
            "ConvertedAccountId": account,
            "ConvertedContactId": contact,
            "ConvertedOpportunityId": deal,
            "Status": next(each["ApiName"] for each in self.records.store.live("LeadStatus") if each["IsConverted"]),
        }
        stamps = {"LastModifiedDate": self.records.stamp, "LastModifiedById": access.user_id}
        self.records.store.put("Lead", {**row, **converted, **stamps, "SystemModstamp": self.records.stamp})
        return account, contact, deal

    def _create(self, name: str, given: Mapping[str, Any], access: Access) -> str:
        return self.records.insert(self.records.schema[name], given, access)

    def _contact(self, lead: Row, given: Mapping[str, Any], access: Access) -> str:
        copied = {name: lead[name] for name in _COPIED if lead.get(name) is not None}
        return self._create("Contact", {**copied, **given}, access)

    def _deal(self, given: Mapping[str, Any], contact: str, access: Access) -> str:
        stage = next(each["ApiName"] for each in self.records.store.live("OpportunityStage") if not each["IsClosed"])
        year, quarter = int(self.records.stamp[:4]), (int(self.records.stamp[5:7]) + 2) // 3
        end = f"{year}-{quarter * 3:02d}-{'31' if quarter in (1, 4) else '30'}"
        deal = self._create("Opportunity", {"StageName": stage, "CloseDate": end, **given}, access)
        self.records.seed("OpportunityContactRole", {"OpportunityId": deal, "ContactId": contact, "IsPrimary": True})
        return deal

    def _follow(self, lead_id: str, contact: str, what: str) -> None:
        for name in ("Task", "Event"):
            who = self.records.schema[name].fields["whoid"]
            for each in self.records.store.table(name).find(who, lead_id):
                moved = {"WhoId": contact, "WhatId": what, "SystemModstamp": self.records.stamp}
                self.records.store.put(name, {**each, **moved})
        members = self.records.schema["CampaignMember"].fields["leadid"]
        for each in self.records.store.table("CampaignMember").find(members, lead_id):
            moved = {"ContactId": contact, "SystemModstamp": self.records.stamp}
            self.records.store.put("CampaignMember", {**each, **moved})
