"""An org seen from inside: what an administrator sets up and what people do in its user interface."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from connector.sandbox.chaos import Chaos
from connector.sandbox.clock import Clock
from connector.sandbox.salesforce import objects, parse, times
from connector.sandbox.salesforce.errors import refuse
from connector.sandbox.salesforce.ids import canonical
from connector.sandbox.salesforce.lifecycle import Lifecycle
from connector.sandbox.salesforce.records import Access, DuplicateRule, Records, Settings
from connector.sandbox.salesforce.schema import Field, Schema, SObject
from connector.sandbox.salesforce.store import Row, Store

_SIZES: dict[str, dict[str, int]] = {
    "string": {"length": 255},
    "email": {"length": 80},
    "phone": {"length": 40},
    "url": {"length": 255},
    "picklist": {"length": 255},
    "multipicklist": {"length": 4099},
    "textarea": {"length": 32768},
    "double": {"precision": 18},
    "currency": {"precision": 18, "scale": 2},
    "percent": {"precision": 18},
    "int": {"precision": 9},
}


class Org:
    """Records with the rules of the platform around them. Thread-safe: one transaction at a time.

    The methods act like a person with every right in the user interface: the same validation as the API's, and
    SystemModstamp moves; field-level security, which is set for the API user, does not bind them.
    """

    def __init__(
        self, *, clock: Clock | None = None, chaos: Chaos | None = None, settings: Settings | None = None
    ) -> None:
        self.clock = clock or Clock()
        self.chaos = chaos or Chaos()
        self.settings = settings or Settings()
        self.schema = Schema(objects.standard_objects())
        self.store = Store()
        self.rows = Records(self.schema, self.store, self.settings)
        self.life = Lifecycle(self.rows)
        self.lock = threading.RLock()
        self.schema_changed = self.clock()
        # When set, what was deleted before is forgotten, as when the log of deletions was purged.
        self.deletes_since: datetime | None = None
        self._depth = 0
        self.late_seconds: float | None = None
        for sobject in self.schema:
            for field in sobject.fields.values():
                self._index(sobject, field)
        self._found()

    # --- set-up ---------------------------------------------------------------------------------------------------

    def _found(self) -> None:
        """Fill a new org with its people, its queue and its lists of values."""
        with self.transaction():
            self.user_id = self.rows.user_id = self.rows.ids.next("005")
            api = {"LastName": "Integration", "Email": "integration@example.com", "Username": "integration@example.com"}
            self.store.put("User", self._first_user(api))
            self.org_id = self.rows.seed("Organization", {"Name": "Example", "TimeZoneSidKey": self.settings.timezone})
            self.queue_id = self.add_queue("Leads")
            self.rows.seed("UserPermissionAccess", {"PermissionsApiEnabled": True, "PermissionsEditTask": True})
            for order, (name, percent, closed, won, forecast) in enumerate(objects.STAGES, 1):
                flags = {"IsActive": True, "IsClosed": closed, "IsWon": won, "SortOrder": order}
                rest = {"DefaultProbability": float(percent), "ForecastCategoryName": forecast}
                self.rows.seed("OpportunityStage", {"ApiName": name, "MasterLabel": name, **flags, **rest})
            self._catalogue("LeadStatus", "IsConverted", objects.LEAD_STATUSES)
            self._catalogue("TaskStatus", "IsClosed", objects.TASK_STATUSES)

    def _first_user(self, given: Mapping[str, Any]) -> Row:
        system = {"Id": self.user_id, "IsDeleted": False, "IsActive": True, "UserType": "Standard"}
        stamps = dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), self.rows.stamp)
        by = dict.fromkeys(("CreatedById", "LastModifiedById"), self.user_id)
        rest = {"Name": given["LastName"], "TimeZoneSidKey": self.settings.timezone, "Alias": "integ"}
        return {**given, **system, **stamps, **by, **rest}

    def _catalogue(self, name: str, flag: str, entries: Sequence[tuple[str, bool]]) -> None:
        for order, (label, value) in enumerate(entries, 1):
            first = {"IsDefault": order == 1, "SortOrder": order}
            self.rows.seed(name, {"ApiName": label, "MasterLabel": label, flag: value, **first})

    def _index(self, sobject: SObject, field: Field) -> None:
        to_a_record = field.type == "reference" and not {"User", "Group"} & set(field.reference_to)
        if field.is_key or field.unique or to_a_record:
            self.store.table(sobject.name).add_index(field)

    def add_field(
        self,
        object_name: str,
        *,
        name: str,
        type: str = "string",  # noqa: A002  the word of a describe
        **members: Any,
    ) -> None:
        """Add a custom field. On `Task`, `Event` or `Activity` it is an activity field, and both have it.

        `members` are those of `schema.Field`; a picklist is restricted unless `restricted=False`.
        """
        if not name.endswith(("__c", "__C")):
            raise ValueError(f"{name}: the name of a custom field ends in __c")
        on_activity = object_name in ("Task", "Event", "Activity")
        is_key = members.get("external_id") or members.get("unique")
        if on_activity and is_key and not self.settings.activity_external_ids:
            raise ValueError(f"{name}: this org has no external ids on activities")
        members = {**_SIZES.get(type, {}), **members}
        if "picklist" in members:
            members = {"restricted": True, **members, "picklist": tuple(members["picklist"])}
        if type == "boolean":
            members = {"nillable": False, "defaulted": True, "default": False, **members}
        if type == "reference":
            members = {"length": 18, "relationship": name[:-1] + "r", **members}
        if type == "textarea" and members["length"] > 255:
            members = {"filterable": False, "sortable": False, **members}
        field = Field(name=name, type=type, **members)
        with self.lock:
            self.schema_changed = self.clock()
            for each in ("Task", "Event") if on_activity else (object_name,):
                self._add_field(self.schema[each], field)

    def _add_field(self, sobject: SObject, field: Field) -> None:
        sobject.add(field)
        if field.default is not None:
            rows = self.store.table(sobject.name).rows
            for record_id, row in list(rows.items()):
                rows[record_id] = {field.name: field.default, **row}
        self._index(sobject, field)

    def hide_field(self, object_name: str, name: str) -> None:
        """Let field-level security hide a field from the API user."""
        sobject = self.schema[object_name]
        sobject.hidden.add(sobject.fields[name.lower()].name)
        self.schema_changed = self.clock()

    def read_only_field(self, object_name: str, name: str) -> None:
        """Let field-level security show a field to the API user, but not let it be written."""
        sobject = self.schema[object_name]
        sobject.read_only.add(sobject.fields[name.lower()].name)
        self.schema_changed = self.clock()

    def deny(self, object_name: str, *rights: str) -> None:
        """Take rights on the records of an object from the API user: `create`, `edit`, `delete`."""
        self.schema[object_name].denied.update(rights)
        self.schema_changed = self.clock()

    def grant(self, *permissions: str) -> None:
        """Give the API user permissions, by their names in `objects.PERMISSIONS`."""
        flags = {f"Permissions{name}": True for name in permissions}
        with self.transaction():
            (row,) = self.store.live("UserPermissionAccess")
            self.store.put("UserPermissionAccess", {**row, **flags})

    def add_user(self, last_name: str, **members: Any) -> str:
        """Add an active user; further fields of User as keywords."""
        with self.transaction():
            number = len(self.store.table("User").rows)
            address = f"user{number}@example.com"
            given = {"LastName": last_name, "Email": address, "Username": address, "Alias": f"u{number}", **members}
            system = Access(user_id=self.user_id, system=True)
            return self.rows.insert(
                self.schema["User"], parse.body_values(self.schema, self.schema["User"], given, system), system
            )

    def deactivate_user(self, user_id: str) -> None:
        """Make a user inactive; what they own stays theirs, but nothing more can be given to them."""
        with self.transaction():
            system = Access(user_id=self.user_id, system=True)
            self.rows.update(self.schema["User"], user_id, {"IsActive": False}, system)

    def add_queue(self, name: str) -> str:
        """Add a queue that can own leads."""
        with self.transaction():
            return self.rows.seed("Group", {"Name": name, "DeveloperName": name, "Type": "Queue"})

    def duplicate_rule(
        self,
        object_name: str,
        fields: Sequence[str],
        *,
        block: bool = False,
        name: str = "",
        message: str = "Use one of these records?",
    ) -> None:
        """Refuse records like existing ones; unless it is to `block`, a header of the request can allow them."""
        title = name or f"Standard_{object_name}_Duplicate_Rule"
        self.rows.duplicate_rules.append(DuplicateRule(object_name, tuple(fields), block, title, message))

    def assignment_rule(self, owner_id: str | None, object_name: str = "Lead") -> None:
        """Give records created through the API to this owner, unless the request says `Sforce-Auto-Assign: FALSE`."""
        if owner_id is None:
            self.rows.assign_to.pop(object_name, None)
        else:
            self.rows.assign_to[object_name] = owner_id

    def map_lead_field(self, name: str, object_name: str, target: str) -> None:
        """Let conversion copy a lead's custom field to one of the Account, Contact or Opportunity made of it."""
        self.life.lead_map[name] = (object_name, target)

    # --- transactions ---------------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[Callable[[], None]]:
        """All of it or nothing; inside another one, a part that can fail alone. Gives a way to undo it."""
        with self.lock:
            if self._depth == 0:
                now = self.clock()
                self.store.settle(now)
                self.rows.stamp = times.stamp(now)
            mark = self.store.mark()
            self._depth += 1
            try:
                yield lambda: self.store.rollback(mark)
            except BaseException:
                self.store.rollback(mark)
                raise
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self.store.commit(self.rows.stamp, self._visible_at())

    def _visible_at(self) -> datetime | None:
        return None if self.late_seconds is None else self.clock() + timedelta(seconds=self.late_seconds)

    @contextmanager
    def late_commit(self, seconds: float) -> Iterator[None]:
        """Let the writes inside be stamped now, and be seen only after `seconds` of the org's clock."""
        with self.lock:
            before, self.late_seconds = self.late_seconds, seconds
            try:
                yield
            finally:
                self.late_seconds = before

    def settle(self) -> None:
        """Let commits that are due happen."""
        with self.lock:
            self.store.settle(self.clock())

    # --- what people do -------------------------------------------------------------------------------------------

    def _person(self, user_id: str | None) -> Access:
        return Access(user_id=user_id or self.user_id, sees_all=True, allow_duplicates=True)

    def _object(self, name: str) -> SObject:
        found = self.schema.get(name)
        if found is None:
            raise refuse("INVALID_TYPE", f"sObject type '{name}' is not supported.")
        return found

    def create(self, object_name: str, fields: Mapping[str, Any], *, user_id: str | None = None) -> str:
        """Create a record and give its id."""
        sobject, access = self._object(object_name), self._person(user_id)
        with self.transaction():
            return self.rows.insert(sobject, parse.body_values(self.schema, sobject, fields, access), access)

    def update(
        self, object_name: str, record_id: str, fields: Mapping[str, Any], *, user_id: str | None = None
    ) -> None:
        """Change a record."""
        sobject, access = self._object(object_name), self._person(user_id)
        with self.transaction():
            given = parse.body_values(self.schema, sobject, fields, access)
            self.rows.update(sobject, canonical(record_id) or record_id, given, access)

    def delete(self, object_name: str, record_id: str) -> None:
        """Put a record into the recycle bin."""
        with self.transaction():
            self.life.delete(self._object(object_name), canonical(record_id) or record_id, self._person(None))

    def undelete(self, object_name: str, record_id: str) -> None:
        """Take a record out of the recycle bin."""
        with self.transaction():
            self.life.undelete(self._object(object_name), canonical(record_id) or record_id)

    def invite(self, event_id: str, user_ids: Sequence[str]) -> list[str]:
        """Invite users to an event, and give the ids of their child events."""
        with self.transaction():
            return self.life.invite(canonical(event_id) or event_id, user_ids)

    def make_series(
        self, fields: Mapping[str, Any], starts: Sequence[str], *, classic: bool = False
    ) -> tuple[str, list[str]]:
        """Make a series of events, and give the ids of the record of the series and of its occurrences."""
        event, access = self._object("Event"), self._person(None)
        own = {"IsRecurrence": True} if classic else {"GroupEventType": "3"}
        with self.transaction():
            given = [
                parse.body_values(self.schema, event, {**fields, "StartDateTime": start}, access) for start in starts
            ]
            series = self.rows.seed("Event", {**given[0], **own})
            return series, [self.rows.insert(event, each, access) for each in given]

    def archive(self) -> None:
        """Archive old activities, as the org itself does every night."""
        with self.transaction():
            self.life.archive(self.clock())

    def merge(self, object_name: str, winner: str, losers: Sequence[str]) -> None:
        """Merge one or two records into `winner`."""
        with self.transaction():
            self.life.merge(self._object(object_name), winner, losers, self._person(None))

    def convert_lead(
        self,
        lead_id: str,
        *,
        account_id: str | None = None,
        contact_id: str | None = None,
        opportunity_name: str | None = None,
    ) -> tuple[str, str, str | None]:
        """Convert a lead: the ids of account, contact, and of the opportunity if a name for one was given."""
        with self.transaction():
            return self.life.convert(lead_id, account_id, contact_id, opportunity_name, self._person(None))

    def records(self, object_name: str, *, include_deleted: bool = False) -> list[Row]:
        """Copies of the records, oldest first."""
        with self.lock:
            self.settle()
            table = self.store.table(self._object(object_name).name)
            return [dict(row) for row in table.rows.values() if include_deleted or not row["IsDeleted"]]

    def get(self, object_name: str, record_id: str) -> Row:
        """A copy of one record, deleted or not; fields without a value are absent."""
        with self.lock:
            self.settle()
            found = self.store.get(self._object(object_name).name, canonical(record_id) or record_id)
            if found is None:
                raise KeyError(record_id)
            return dict(found)
