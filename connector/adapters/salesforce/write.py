"""Writing by sObject Collections: up to 200 rows in a call, each with an answer of its own.

* SetFields updates by id, so that a record that is gone is never made again.
* CreatePerson upserts by our external id.
* CloseAlert sets the status of a task by id, where that is still the one we gave it.
* RaiseAlert and AddTouchpoint insert a task under our unique key. Not an upsert: that would open a task again which
  its owner has closed meanwhile. That the key is there already means that it was done before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simple_salesforce.format import format_soql

from connector.adapters.salesforce.fields import Description, Field, Json, WrongType, is_id, midnight
from connector.adapters.salesforce.org import Org
from connector.adapters.salesforce.records import MOST, PREFIXES, TASK
from connector.adapters.salesforce.refusals import refused, verdict
from connector.changes import AddTouchpoint, AnyChange, CloseAlert, CreatePerson, RaiseAlert, SetFields
from connector.errors import AdapterError, Refused, Uncertain, text
from connector.model import Ref, Value
from connector.ports import LEFT, Receipt

if TYPE_CHECKING:
    from connector.adapters.salesforce import Config


_COLLECTIONS = "composite/sobjects"
_OF_ONE_ROW = frozenset({"JSON_PARSER_ERROR", "INVALID_FIELD", "MALFORMED_ID", "INVALID_ID_FIELD"})
"""Codes by which one row can fail the whole call."""


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


class _Unfit(Exception):
    """A value that cannot be sent; the receipt says why."""

    def __init__(self, code: str, object_: str, *names: str) -> None:
        super().__init__(code)
        self.code, self.object, self.names = code, object_, names


class Writer:
    """Carries changes out in one org."""

    def __init__(self, org: Org, config: Config) -> None:
        self._org = org
        self._config = config

    def push(self, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        """See `Adapter.push`."""
        receipts = self._not_to_close(changes)
        waiting: list[Row] = []
        for place, change in enumerate(changes):
            if place in receipts:
                continue
            try:
                waiting.append(self._row(place, change))
            except _Unfit as unfit:
                receipts[place] = refused(change.key, unfit.code, unfit.object, unfit.names)
        told = 0
        while True:
            while told in receipts:
                yield receipts[told]
                told += 1
            if not waiting:
                return
            now, waiting = _together(waiting)
            receipts |= self._send(now)

    # --- rows -------------------------------------------------------------------------------------------------------

    def _row(self, place: int, change: AnyChange) -> Row:
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
            route = Route("PATCH", _COLLECTIONS, TASK)
            return Row(place, change.key, route, change.remote_id, {"id": change.remote_id, **body})
        raise TypeError(change)

    def _not_to_close(self, changes: Sequence[AnyChange]) -> dict[int, Receipt]:
        """Alerts that need no closing: their owner closed or deleted them; and those that the owner works on."""
        ours = {place: change for place, change in enumerate(changes) if isinstance(change, CloseAlert)}
        if not ours:
            return {}
        ids = sorted({change.remote_id for change in ours.values() if is_id(change.remote_id)})
        status: dict[str, tuple[str, bool]] = {}
        for start in range(0, len(ids), 100):  # a query travels in a URL
            soql = format_soql("SELECT Id, Status, IsClosed FROM Task WHERE Id IN {}", ids[start : start + 100])
            status |= {
                str(row["Id"]): (str(row["Status"]), row["IsClosed"] is True) for row in self._org.query_all(soql)
            }
        found: dict[int, Receipt] = {}
        for place, change in ours.items():
            said, closed = status.get(change.remote_id, ("", True))
            if closed:
                found[place] = Receipt(change.key, "done", change.remote_id)
            elif said != self._config.alert.status:
                found[place] = Receipt(change.key, "done", change.remote_id, LEFT)
        return found

    def _update(self, place: int, change: SetFields) -> Row:
        name, id_ = change.ref.object, change.ref.id
        if not is_id(id_):
            raise _Unfit("MALFORMED_ID", name, "Id")
        body = self._values(name, change.values, creating=False)
        return Row(place, change.key, Route("PATCH", _COLLECTIONS, name), id_, {"id": id_, **body})

    def _upsert(self, place: int, change: CreatePerson) -> Row:
        name = change.object
        key = self._key_field(name, change.key_field)
        body = self._values(name, change.values, creating=True)
        anyway = self._config.duplicates == "save_anyway"
        route = Route("PATCH", f"{_COLLECTIONS}/{name}/{key.name}", name, key.name, anyway)
        return Row(place, change.key, route, change.key_value.casefold(), {**body, key.name: change.key_value})

    def _task(self, place: int, key: str, values: Mapping[str, Value]) -> Row:
        field = self._key_field(TASK, self._config.task_key)
        body = self._values(TASK, values, creating=True)
        route = Route("POST", _COLLECTIONS, TASK, field.name)
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
            raise _Unfit("MALFORMED_ID", TASK, "WhoId")
        return {"WhoId": person.id}

    def _texts(self, title: str, body: str) -> dict[str, Value]:
        return {"Subject": self._cut("Subject", title), "Description": self._cut("Description", body)}

    def _cut(self, name: str, value: str) -> str:
        """Our own words, which nobody could shorten in a mapping."""
        field = self._described(TASK).field(name)
        length = field.length if field is not None else 0
        return value if not length or len(value) <= length else value[: length - 1] + "…"

    # --- values -----------------------------------------------------------------------------------------------------

    def _described(self, name: str) -> Description:
        described = self._org.describe(name)
        if described is None:
            raise _Unfit("INVALID_TYPE", name)
        return described

    def _key_field(self, name: str, key: str) -> Field:
        field = self._described(name).field(key)
        if field is None:
            raise _Unfit("INVALID_FIELD", name, key)
        if not (field.external_id and field.unique):
            raise _Unfit("KEY_NOT_UNIQUE", name, key)
        return field

    def _values(self, name: str, values: Mapping[str, Value], *, creating: bool) -> dict[str, Json]:
        """Values as JSON. Checked here, because one that is not what JSON says fails all rows of the call."""
        described = self._described(name)
        body: dict[str, Json] = {}
        for each, value in values.items():
            field = described.field(each)
            if field is None:
                raise _Unfit("INVALID_FIELD", name, each)
            if not (field.createable if creating else field.updateable):
                raise _Unfit("INVALID_FIELD_FOR_INSERT_UPDATE", name, field.name)
            try:
                body[field.name] = field.write(value)
            except WrongType:
                raise _Unfit("WRONG_TYPE", name, field.name) from None
        return body

    # --- sending ----------------------------------------------------------------------------------------------------

    def _send(self, rows: Sequence[Row]) -> dict[int, Receipt]:
        route = rows[0].route
        kind = {"attributes": {"type": route.object}}
        body = {"allOrNone": False, "records": [{**kind, **row.body} for row in rows]}
        headers = {
            "Sforce-Auto-Assign": "TRUE" if self._config.assignment_rules else "FALSE",
            "Sforce-Duplicate-Rule-Header": f"allowSave={'true' if route.save_duplicates else 'false'}",
        }
        try:
            answers = self._org.write(route.method, route.path, body, headers)
        except Refused as error:
            return self._refused_whole(rows, error)
        if not isinstance(answers, list) or len(answers) != len(rows):
            what = text("did not answer for each row", "全ての行に対する応答がありません")
            raise Uncertain(what, where=self._org.name)
        receipts = {row.place: _receipt(row, answer) for row, answer in zip(rows, answers, strict=True)}
        return receipts | self._done_before([row for row in rows if receipts[row.place].code == "DUPLICATE_VALUE"])

    def _refused_whole(self, rows: Sequence[Row], error: Refused) -> dict[int, Receipt]:
        """The call as a whole was refused: find the row that is to blame, so that its neighbours go through."""
        self._org.forget_descriptions()
        if len(rows) > 1 and error.code in _OF_ONE_ROW:
            middle = len(rows) // 2
            return self._send(rows[:middle]) | self._send(rows[middle:])
        code = error.code or "REFUSED"
        return {row.place: refused(row.key, code, row.route.object) for row in rows}

    def _done_before(self, rows: Sequence[Row]) -> dict[int, Receipt]:
        """Rows whose unique value is taken: by our own key, then it was done before - or by something else."""
        found: dict[str, str] = {}
        keyed = [row for row in rows if row.route.key_field is not None]
        if keyed:
            try:
                found = self._by_key(keyed[0].route, [str(row.body[row.route.key_field or ""]) for row in keyed])
            except AdapterError:
                # The other rows of the call are written: what is not known of these is asked again later.
                later = [{"statusCode": "UNABLE_TO_LOCK_ROW"}]
                return {row.place: verdict(row.key, row.route.object, later) for row in keyed}
        return {row.place: Receipt(row.key, "done", found[row.target]) for row in keyed if row.target in found}

    def _by_key(self, route: Route, keys: Sequence[str]) -> dict[str, str]:
        """Ids of the records with these keys."""
        name = route.key_field or ""
        found: dict[str, str] = {}
        for start in range(0, len(keys), 100):  # a query travels in a URL
            soql = format_soql(
                "SELECT Id, {:literal} FROM {:literal} WHERE {:literal} IN {}",
                name,
                route.object,
                name,
                list(keys[start : start + 100]),
            )
            found |= {str(row[name]).casefold(): str(row["Id"]) for row in self._org.query_all(soql)}
        return found


def _together(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Rows that can go in one call, in the order in which Salesforce is to lock them; and the others."""
    now: dict[str, Row] = {}
    later: list[Row] = []
    for row in rows:
        if row.route != rows[0].route or row.target in now or len(now) == MOST:
            later.append(row)
        else:
            now[row.target] = row
    return sorted(now.values(), key=lambda row: (row.parent, row.target)), later


def _receipt(row: Row, answer: Mapping[str, Any]) -> Receipt:
    if answer.get("success") is True:
        return Receipt(row.key, "done", str(answer["id"]))
    return verdict(row.key, row.route.object, answer.get("errors") or [])
