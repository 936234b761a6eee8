"""Single records, queries, descriptions, replication and limits: the resources right under a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from werkzeug.http import http_date, parse_date

from connector.sandbox.salesforce import describe, parse, times, values
from connector.sandbox.salesforce.cursors import Cursors
from connector.sandbox.salesforce.errors import Refusal, SeveralMatches, not_found, refuse
from connector.sandbox.salesforce.fields import reader
from connector.sandbox.salesforce.ids import canonical
from connector.sandbox.salesforce.limits import Limits
from connector.sandbox.salesforce.org import Org
from connector.sandbox.salesforce.query import Queries, attributes
from connector.sandbox.salesforce.schema import SObject
from connector.sandbox.salesforce.store import Row
from connector.sandbox.salesforce.web import Answer, Call, Handler
from connector.sandbox.salesforce.writing import access_of, key_of, object_of, row_faults

_LOOK_BACK = {"updated": timedelta(days=30), "deleted": timedelta(days=15)}


@dataclass(slots=True)
class Rest:
    """The handlers, each named by what it does."""

    org: Org
    queries: Queries
    limits: Limits
    cursors: Cursors = field(init=False)

    def __post_init__(self) -> None:
        self.cursors = Cursors(self.org)

    def routes(self) -> list[tuple[str, Mapping[str, Handler]]]:
        """What is answered where."""
        return [
            ("", {"GET": self.resources}),
            ("sobjects", {"GET": self.list_objects}),
            ("sobjects/{name}", {"GET": self.basics, "POST": self.create}),
            ("sobjects/{name}/describe", {"GET": self.describe}),
            ("sobjects/{name}/updated", {"GET": self.updated}),
            ("sobjects/{name}/deleted", {"GET": self.deleted}),
            ("sobjects/{name}/{record_id}", {"GET": self.read, "PATCH": self.update, "DELETE": self.delete}),
            ("sobjects/{name}/{key}/{value}", {"GET": self.read_by, "PATCH": self.upsert, "DELETE": self.delete_by}),
            ("query", {"GET": self.query}),
            ("queryAll", {"GET": self.query_all}),
            ("query/{locator}", {"GET": self.query_more}),
            ("queryAll/{locator}", {"GET": self.query_more}),
            ("limits", {"GET": self.show_limits}),
            ("limits/recordCount", {"GET": self.record_count}),
        ]

    # --- descriptions ---------------------------------------------------------------------------------------------

    def resources(self, call: Call) -> Answer:
        """The resources of a version."""
        names = ("sobjects", "query", "queryAll", "composite", "jobs", "limits")
        return Answer(200, {name: f"{call.base}/{name}" for name in names})

    def list_objects(self, call: Call) -> Answer:
        """All objects."""
        return self._unless_known(call, lambda: describe.describe_global(self.org.schema, call.base))

    def basics(self, call: Call, name: str) -> Answer:
        """One object in short."""
        summary = describe.describe_summary(object_of(self.org, name), call.base)
        return Answer(200, {"objectDescribe": summary, "recentItems": []})

    def describe(self, call: Call, name: str) -> Answer:
        """One object in full."""
        sobject = object_of(self.org, name)
        return self._unless_known(call, lambda: describe.describe(self.org.schema, sobject, call.base))

    def _unless_known(self, call: Call, make: Any) -> Answer:
        changed = self.org.schema_changed.replace(microsecond=0)
        headers = {"Last-Modified": http_date(changed)}
        since = parse_date(call.headers.get("If-Modified-Since"))
        if since is not None and changed <= since:
            return Answer(304, headers=headers)
        return Answer(200, make(), headers)

    # --- one record -----------------------------------------------------------------------------------------------

    def _body(self, call: Call, sobject: SObject, *excluded: str) -> dict[str, Any]:
        body = call.json_object()
        for name in body:
            if name.lower() in {each.lower() for each in ("Id", *excluded)}:
                raise refuse("INVALID_FIELD", f"The {name} field should not be specified in the sobject data.")
        return parse.body_values(self.org.schema, sobject, body, access_of(call))

    def _strike(self, call: Call) -> None:
        problem = row_faults(self.org, call)(0)
        if problem is not None:
            # The status of a lock on a single call is remembered, not verified.
            raise Refusal([problem])

    def create(self, call: Call, name: str) -> Answer:
        """Create."""
        sobject = object_of(self.org, name)
        given = self._body(call, sobject)
        self._strike(call)
        with self.org.transaction():
            made = self.org.rows.insert(sobject, given, access_of(call))
        return self._created(call, sobject, {"id": made, "success": True, "errors": []})

    def _created(self, call: Call, sobject: SObject, body: dict[str, Any]) -> Answer:
        return Answer(201, body, {"Location": f"{call.base}/sobjects/{sobject.name}/{body['id']}"})

    def update(self, call: Call, name: str, record_id: str) -> Answer:
        """Update by id."""
        sobject = object_of(self.org, name)
        row = self._row(sobject, record_id)
        given = self._body(call, sobject)
        self._strike(call)
        with self.org.transaction():
            self.org.rows.update(sobject, row["Id"], given, access_of(call))
        return Answer(204)

    def upsert(self, call: Call, name: str, key: str, value: str) -> Answer:
        """Update or create, by an external id."""
        sobject = object_of(self.org, name)
        key_field = key_of(sobject, key)
        if key_field.name == "Id":
            return self.update(call, name, value)
        given = self._body(call, sobject, key_field.name)
        wanted = values.from_json(key_field, value)
        if wanted is None:
            raise not_found()
        self._strike(call)
        with self.org.transaction():
            if call.args.get("updateOnly") == "true" and self.org.rows.match(sobject, key_field, wanted) is None:
                # That nothing is created is documented; the exact answer is a guess.
                raise not_found()
            record_id, created = self.org.rows.upsert(sobject, key_field, wanted, given, access_of(call))
        body = {"id": record_id, "success": True, "errors": [], "created": created}
        if created:
            return self._created(call, sobject, body)
        return Answer(200, body) if float(call.version) >= 46 else Answer(204)

    def delete(self, call: Call, name: str, record_id: str) -> Answer:
        """Delete by id."""
        sobject = object_of(self.org, name)
        row = self._row(sobject, record_id)
        self._strike(call)
        with self.org.transaction():
            self.org.life.delete(sobject, row["Id"], access_of(call))
        return Answer(204)

    def delete_by(self, call: Call, name: str, key: str, value: str) -> Answer:
        """Delete by an external id."""
        return self.delete(call, name, self._by_key(name, key, value)["Id"])

    def read(self, call: Call, name: str, record_id: str) -> Answer:
        """Read by id."""
        sobject = object_of(self.org, name)
        row = self._row(sobject, record_id)
        if row["IsDeleted"]:
            raise not_found()
        return Answer(200, self._shown(call, sobject, row))

    def read_by(self, call: Call, name: str, key: str, value: str) -> Answer:
        """Read by an external id."""
        return Answer(200, self._shown(call, object_of(self.org, name), self._by_key(name, key, value)))

    def _row(self, sobject: SObject, record_id: str) -> Row:
        found = self.org.store.get(sobject.name, canonical(record_id) or "")
        if found is None:
            raise not_found()
        return found

    def _by_key(self, name: str, key: str, value: str) -> Row:
        sobject = object_of(self.org, name)
        key_field = key_of(sobject, key)
        if key_field.name == "Id":
            return self._row(sobject, value)
        found = self.org.store.table(sobject.name).find(key_field, values.from_json(key_field, value))
        if len(found) > 1:
            raise SeveralMatches([row["Id"] for row in found])
        if not found:
            raise not_found()
        return found[0]

    def _shown(self, call: Call, sobject: SObject, row: Row) -> dict[str, Any]:
        wanted = call.args.get("fields")
        shown: dict[str, Any] = {"attributes": attributes(sobject.name, row["Id"], call.base)}
        if wanted is None:
            fields = list(sobject.visible_fields())
        else:
            fields = [self._named(sobject, each.strip()) for each in wanted.split(",")]
        shown.update({each.name: reader(each)(row) for each in fields})
        return {**shown, "Id": row["Id"]}

    def _named(self, sobject: SObject, name: str) -> Any:
        found = sobject.visible(name)
        if found is None:
            raise parse.no_column(name, sobject)
        return found

    # --- queries --------------------------------------------------------------------------------------------------

    def query(self, call: Call) -> Answer:
        """Run a query over live records."""
        return self._query(call, with_deleted=False)

    def query_all(self, call: Call) -> Answer:
        """Run a query over live and deleted records."""
        return self._query(call, with_deleted=True)

    def _query(self, call: Call, *, with_deleted: bool) -> Answer:
        text = call.args.get("q")
        if text is None:
            raise refuse("MALFORMED_QUERY", "SOQL statements cannot be empty or null")
        return self.cursors.first(call, self.queries.run(text, with_deleted=with_deleted))

    def query_more(self, call: Call, locator: str) -> Answer:
        """The next page of a query."""
        return self.cursors.more(call, locator)

    # --- replication ----------------------------------------------------------------------------------------------

    def updated(self, call: Call, name: str) -> Answer:
        """Which records changed in a span of time."""
        sobject, start, end = self._span(call, name, "updated")
        ids = [row["Id"] for row in self.org.store.live(sobject.name) if start <= row["SystemModstamp"] < end]
        return Answer(200, {"ids": ids, "latestDateCovered": self._covered(end)})

    def deleted(self, call: Call, name: str) -> Answer:
        """Which records were deleted in a span of time."""
        sobject, start, end = self._span(call, name, "deleted")
        rows = self.org.store.table(sobject.name).rows.values()
        gone = [
            {"id": row["Id"], "deletedDate": row["SystemModstamp"]}
            for row in rows
            if row["IsDeleted"] and start <= row["SystemModstamp"] < end
        ]
        earliest = times.stamp(self._kept_since())
        return Answer(
            200, {"deletedRecords": gone, "earliestDateAvailable": earliest, "latestDateCovered": self._covered(end)}
        )

    def _kept_since(self) -> datetime:
        return self.org.deletes_since or self.org.clock() - _LOOK_BACK["deleted"]

    def _span(self, call: Call, name: str, what: str) -> tuple[SObject, str, str]:
        sobject = object_of(self.org, name)
        if not sobject.replicateable:
            raise refuse("INVALID_TYPE_FOR_OPERATION", f"entity type {sobject.name} does not support replication")
        start, end = (self._minute(call, each) for each in ("start", "end"))
        now = self.org.clock()
        if start >= end or (what == "deleted" and end - start < timedelta(minutes=1)):
            raise refuse("INVALID_REPLICATION_DATE", "startDate before endDate is required")
        # Seconds are ignored, so that a start exactly at the border may lie up to a minute before it.
        too_old = start < now - _LOOK_BACK[what] - timedelta(minutes=1)
        if too_old or (what == "deleted" and self.org.deletes_since is not None and start < self.org.deletes_since):
            raise refuse("INVALID_REPLICATION_DATE", "startDate is before the earliest date available")
        return sobject, times.render(start), times.render(end)

    def _minute(self, call: Call, name: str) -> datetime:
        given = times.parse_datetime(call.args.get(name, ""))
        if given is None:
            raise refuse("INVALID_REPLICATION_DATE", f"{name} is not a date with a time zone: {call.args.get(name)}")
        return times.moment(given).replace(second=0, microsecond=0)

    def _covered(self, end: str) -> str:
        """Up to where the answer is complete: not beyond the start of a transaction that still runs."""
        running = [each.stamp for each in self.org.store.pending]
        now = self.org.clock().astimezone(UTC).replace(second=0, microsecond=0)
        return min([end, times.render(now), *running])

    # --- limits ---------------------------------------------------------------------------------------------------

    def show_limits(self, _: Call) -> Answer:
        """What is left of the day's allowances."""
        return Answer(200, self.limits.show(self.org.clock()))

    def record_count(self, call: Call) -> Answer:
        """How many records there are; an object without any is left out, as in real answers."""
        wanted = [each.strip() for each in call.args.get("sObjects", "").split(",") if each.strip()]
        names = [found.name for each in wanted if (found := self.org.schema.get(each))]
        names = names or [each.name for each in self.org.schema]
        counted = [{"count": sum(1 for _ in self.org.store.live(name)), "name": name} for name in names]
        return Answer(200, {"sObjects": [each for each in counted if each["count"]]})
