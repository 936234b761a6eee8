"""Changes as rows of an object, their values in Salesforce's own form: whichever way they go.

* SetFields updates by id, so that a record that is gone is never made again.
* CreatePerson upserts by our external id.
* CloseAlert sets the status of a task by id, where that is still the one we gave it.
* RaiseAlert and AddTouchpoint insert a task under our unique key. Not an upsert: that would open a task again which
  its owner has closed meanwhile. That the key is there already means that it was done before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connector.adapters.salesforce.fields import Description, Field, Json, WrongType, is_id, midnight
from connector.adapters.salesforce.org import Org
from connector.adapters.salesforce.records import PREFIXES, TASK
from connector.changes import AddTouchpoint, AnyChange, CloseAlert, CreatePerson, RaiseAlert, SetFields
from connector.model import Ref, Value

if TYPE_CHECKING:
    from connector.adapters.salesforce import Config


COLLECTIONS = "composite/sobjects"


@dataclass(frozen=True, slots=True)
class Route:
    """Where rows go that can share a call."""

    method: str
    path: str
    object: str
    key_field: str | None = None
    save_duplicates: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """One change on its way: `target` is what no other row of the call may be about."""

    place: int
    key: str
    route: Route
    target: str
    body: Mapping[str, Json] = field(repr=False)

    @property
    def parent(self) -> str:
        """The record that Salesforce locks with this one: neighbours in order cannot lock each other out."""
        return str(self.body.get("AccountId") or self.body.get("WhoId") or self.body.get("WhatId") or self.target)

    @property
    def refers(self) -> bool:
        """Whether a text of it looks like a reference, which a composite replaces by a part of another answer."""
        return any(isinstance(value, str) and "@{" in value for value in self.body.values())


class Unfit(Exception):
    """A value that cannot be sent; the receipt says why."""

    def __init__(self, code: str, object_: str, *names: str) -> None:
        super().__init__(code)
        self.code, self.object, self.names = code, object_, names


class Rows:
    """Makes rows for one org."""

    def __init__(self, org: Org, config: Config) -> None:
        self._org = org
        self._config = config

    def row(self, place: int, change: AnyChange) -> Row:
        """A change as a row.

        :raises Unfit: when it cannot be sent
        :raises AdapterError: when the org cannot be asked what it looks like
        """
        if isinstance(change, SetFields):
            return self._update(place, change)
        if isinstance(change, CreatePerson):
            return self._upsert(place, change)
        if isinstance(change, RaiseAlert):
            return self._task(place, change.key, self._alert(change))
        if isinstance(change, AddTouchpoint):
            return self._task(place, change.key, self._entry(change))
        if isinstance(change, CloseAlert):
            body = self._values(TASK, {"Status": self._config.alert.closed}, creating=False)
            route = Route("PATCH", COLLECTIONS, TASK)
            return Row(place, change.key, route, change.remote_id, {"id": change.remote_id, **body})
        raise TypeError(change)

    def _update(self, place: int, change: SetFields) -> Row:
        name, id_ = change.ref.object, change.ref.id
        if not is_id(id_):
            raise Unfit("MALFORMED_ID", name, "Id")
        body = self._values(name, change.values, creating=False)
        return Row(place, change.key, Route("PATCH", COLLECTIONS, name), id_, {"id": id_, **body})

    def _upsert(self, place: int, change: CreatePerson) -> Row:
        name = change.object
        key = self._key_field(name, change.key_field)
        body = self._values(name, change.values, creating=True)
        anyway = self._config.duplicates == "save_anyway"
        route = Route("PATCH", f"{COLLECTIONS}/{name}/{key.name}", name, key.name, anyway)
        return Row(place, change.key, route, change.key_value.casefold(), {**body, key.name: change.key_value})

    def _task(self, place: int, key: str, values: Mapping[str, Value]) -> Row:
        field = self._key_field(TASK, self._config.task_key)
        body = self._values(TASK, values, creating=True)
        route = Route("POST", COLLECTIONS, TASK, field.name)
        return Row(place, key, route, key.casefold(), {**body, field.name: key})

    def _alert(self, change: RaiseAlert) -> dict[str, Value]:
        options = self._config.alert
        who = self._who(change.person)
        values: dict[str, Value] = {
            "OwnerId": change.owner_id,
            "ActivityDate": change.due_on,
            "Status": options.status,
            "Priority": options.priority,
            **self._texts(change.title, change.body),
            **who,
        }
        if options.reminder:
            values |= {"IsReminderSet": True, "ReminderDateTime": midnight(change.due_on)}
        # A task about a lead can be about nothing else.
        about_lead = who and PREFIXES[str(who["WhoId"])[:3]] == "Lead"
        if change.deal is not None and change.deal.system == self._org.name and not about_lead:
            values["WhatId"] = change.deal.id
        return values

    def _entry(self, change: AddTouchpoint) -> dict[str, Value]:
        values = {"ActivityDate": change.on, "Status": self._config.timeline.status, **self._who(change.person)}
        if change.owner_id is not None:
            values["OwnerId"] = change.owner_id
        return {**values, **self._texts(change.title, change.body)}

    def _who(self, person: Ref | None) -> dict[str, Value]:
        if person is None or person.system != self._org.name:
            return {}
        if not is_id(person.id) or person.id[:3] not in PREFIXES:
            raise Unfit("MALFORMED_ID", TASK, "WhoId")
        return {"WhoId": person.id}

    def _texts(self, title: str, body: str) -> dict[str, Value]:
        return {"Subject": self._cut("Subject", title), "Description": self._cut("Description", body)}

    def _cut(self, name: str, value: str) -> str:
        """Our own words, which nobody could shorten in a mapping."""
        field = self._described(TASK).field(name)
        length = field.length if field is not None else 0
        return value if not length or len(value) <= length else value[: length - 1] + "…"

    def _described(self, name: str) -> Description:
        described = self._org.describe(name)
        if described is None:
            raise Unfit("INVALID_TYPE", name)
        return described

    def _key_field(self, name: str, key: str) -> Field:
        field = self._described(name).field(key)
        if field is None:
            raise Unfit("INVALID_FIELD", name, key)
        if not (field.external_id and field.unique):
            raise Unfit("KEY_NOT_UNIQUE", name, key)
        return field

    def _values(self, name: str, values: Mapping[str, Value], *, creating: bool) -> dict[str, Json]:
        """Values as JSON. Checked here, because one that is not what JSON says fails all rows of the call."""
        described = self._described(name)
        body: dict[str, Json] = {}
        for each, value in values.items():
            field = described.field(each)
            if field is None:
                raise Unfit("INVALID_FIELD", name, each)
            if not (field.createable if creating else field.updateable):
                raise Unfit("INVALID_FIELD_FOR_INSERT_UPDATE", name, field.name)
            try:
                body[field.name] = field.write(value)
            except WrongType:
                raise Unfit("WRONG_TYPE", name, field.name) from None
        return body
