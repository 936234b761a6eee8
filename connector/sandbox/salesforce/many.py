"""Up to 200 records in one call: sObject Collections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connector.sandbox.salesforce import parse
from connector.sandbox.salesforce.errors import Problem, Refusal, refuse
from connector.sandbox.salesforce.fields import reader
from connector.sandbox.salesforce.ids import canonical
from connector.sandbox.salesforce.org import Org
from connector.sandbox.salesforce.query import attributes
from connector.sandbox.salesforce.records import Access
from connector.sandbox.salesforce.schema import Field, SObject
from connector.sandbox.salesforce.store import index_key
from connector.sandbox.salesforce.web import Answer, Call, Handler
from connector.sandbox.salesforce.writing import Outcome, access_of, attempt, given_id, key_of, object_of, row_faults

MAX_RECORDS = 200
MAX_READ = 2000
MAX_CHUNKS = 10
_ROLLED_BACK = Problem(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
)

Write = Callable[[], tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class Many:
    """The handlers of `composite/sobjects`."""

    org: Org

    def routes(self) -> list[tuple[str, Mapping[str, Handler]]]:
        """What is answered where."""
        return [
            ("composite/sobjects", {"POST": self.insert, "PATCH": self.update, "DELETE": self.delete}),
            ("composite/sobjects/{name}", {"POST": self.read, "GET": self.read_by_query}),
            ("composite/sobjects/{name}/{key}", {"PATCH": self.upsert}),
        ]

    # --- writing --------------------------------------------------------------------------------------------------

    def insert(self, call: Call) -> Answer:
        """Create records, of one type or several."""
        access = access_of(call)
        return self._write(
            call, [self._insertion(record, access) for record in self._records(call)], with_created=False
        )

    def _insertion(self, record: Mapping[str, Any], access: Access) -> Write:
        sobject = self._type(record)
        given_ids = [value for name, value in record.items() if name.lower() == "id"]
        given = self._parsed(sobject, record, access)

        def write() -> tuple[str, bool]:
            if any(given_ids):
                raise refuse("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", "Id")
            return self.org.rows.insert(sobject, given(), access), True

        return write

    def update(self, call: Call) -> Answer:
        """Update records by id, of one type or several."""
        access = access_of(call)
        return self._write(call, [self._change(record, access) for record in self._records(call)], with_created=False)

    def _change(self, record: Mapping[str, Any], access: Access) -> Write:
        sobject = self._type(record)
        wanted = next((value for name, value in record.items() if name.lower() == "id"), None)
        given = self._parsed(sobject, record, access)

        def write() -> tuple[str, bool]:
            if wanted is None:
                raise refuse("MISSING_ARGUMENT", "Id not specified in an update call", "Id")
            record_id = given_id(sobject, wanted)
            self.org.rows.update(sobject, record_id, given(), access)
            return record_id, False

        return write

    def upsert(self, call: Call, name: str, key: str) -> Answer:
        """Update or create records of one type by an external id."""
        sobject, access = object_of(self.org, name), access_of(call)
        key_field = key_of(sobject, key)
        records = self._records(call)
        for record in records:
            if self._type(record) is not sobject:
                raise refuse("INVALID_INPUT", f"The records must all be of type {sobject.name}")
        seen: set[Any] = set()
        writes = [self._merging(sobject, key_field, record, access, seen) for record in records]
        return self._write(call, writes, with_created=True)

    def _merging(
        self, sobject: SObject, key: Field, record: Mapping[str, Any], access: Access, seen: set[Any]
    ) -> Write:
        has_id = any(name.lower() == "id" and value for name, value in record.items())
        given = self._parsed(sobject, record, access)

        def write() -> tuple[str, bool]:
            fields = given()
            if key.name == "Id":
                found = next((value for name, value in record.items() if name.lower() == "id"), None)
                wanted = given_id(sobject, found) if found else None
            elif has_id:
                raise refuse("INVALID_FIELD_FOR_INSERT_UPDATE", "Id is not allowed in an upsert by external id", "Id")
            else:
                wanted = fields.pop(key.name, None)
                self._once(key, wanted, seen)
            return self.org.rows.upsert(sobject, key, wanted, fields, access)

        return write

    def _once(self, key: Field, value: Any, seen: set[Any]) -> None:
        if value is None:
            raise refuse("MISSING_ARGUMENT", f"{key.name} not specified", key.name)
        folded = index_key(key, value)
        if folded in seen:
            raise refuse("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", key.name)
        seen.add(folded)

    def delete(self, call: Call) -> Answer:
        """Delete records by id, of one type or several."""
        wanted = [each.strip() for each in call.args.get("ids", "").split(",") if each.strip()]
        self._check_size(len(wanted))
        access = access_of(call)
        all_or_none = call.args.get("allOrNone", "false").lower() == "true"
        writes = [self._deletion(each, access) for each in wanted]
        return self._write(call, writes, with_created=False, all_or_none=all_or_none)

    def _deletion(self, text: str, access: Access) -> Write:
        def write() -> tuple[str, bool]:
            record_id = canonical(text)
            sobject = None if record_id is None else self.org.schema.of_id(record_id)
            if record_id is None or sobject is None:
                raise refuse("MALFORMED_ID", f"malformed id {text}", "Id")
            self.org.life.delete(sobject, record_id, access)
            return record_id, False

        return write

    def _records(self, call: Call) -> list[Mapping[str, Any]]:
        records = call.json_object().get("records")
        if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
            raise refuse("JSON_PARSER_ERROR", "records must be a list of sObjects")
        self._check_size(len(records))
        types = [self._type(each).name for each in records]
        chunks = sum(1 for place, each in enumerate(types) if place == 0 or types[place - 1] != each)
        if chunks > MAX_CHUNKS:
            # The number is documented, the code is a guess.
            text = f"Cannot have more than {MAX_CHUNKS} chunks in a single operation."
            raise refuse("LIMIT_EXCEEDED", text)
        return records

    def _check_size(self, count: int) -> None:
        if count > MAX_RECORDS:
            text = f"record limit reached. cannot submit more than {MAX_RECORDS} records into this call"
            raise refuse("EXCEEDED_ID_LIMIT", text)

    def _type(self, record: Mapping[str, Any]) -> SObject:
        given = record.get("attributes")
        name = given.get("type") if isinstance(given, dict) else None
        if not isinstance(name, str):
            # That it is required is documented, the code is a guess.
            raise refuse("INVALID_INPUT", "each record must have attributes with a type")
        found = self.org.schema.get(name)
        if found is None:
            raise refuse("INVALID_TYPE", f"sObject type '{name}' is not supported.")
        return found

    def _parsed(self, sobject: SObject, record: Mapping[str, Any], access: Access) -> Callable[[], dict[str, Any]]:
        """The record's values; what cannot be parsed fails the request, or the row if the org is set so."""
        body = {name: value for name, value in record.items() if name.lower() != "id"}
        try:
            given = parse.body_values(self.org.schema, sobject, body, access)
        except Refusal as error:
            if not self.org.settings.parse_errors_per_row:
                raise
            problem = error

            def fail() -> dict[str, Any]:
                raise problem

            return fail
        return lambda: dict(given)

    def _write(
        self,
        call: Call,
        writes: list[Write],
        *,
        with_created: bool,
        all_or_none: bool | None = None,
    ) -> Answer:
        if all_or_none is None:
            all_or_none = call.json_object().get("allOrNone") is True
        # A composite that is all or none overrides the collections inside it, as documented.
        all_or_none = all_or_none or call.all_or_none
        fault = row_faults(self.org, call)
        with self.org.transaction() as undo:
            outcomes = [attempt(self.org, fault(place), write) for place, write in enumerate(writes)]
            failed = not all(each.success for each in outcomes)
            if failed and all_or_none:
                undo()
                outcomes = [Outcome(problems=(_ROLLED_BACK,)) if each.success else each for each in outcomes]
        return Answer(200, [shown(each, with_created=with_created) for each in outcomes], failed_rows=failed)

    # --- reading --------------------------------------------------------------------------------------------------

    def read(self, call: Call, name: str) -> Answer:
        """Read records by id."""
        body = call.json_object()
        return self._read(call, name, body.get("ids"), body.get("fields"))

    def read_by_query(self, call: Call, name: str) -> Answer:
        """Read records by id, all of it in the URL."""
        return self._read(call, name, call.args.get("ids", "").split(","), call.args.get("fields", "").split(","))

    def _read(self, call: Call, name: str, wanted: Any, names: Any) -> Answer:
        sobject = object_of(self.org, name)
        if not isinstance(wanted, list) or not isinstance(names, list) or not names:
            raise refuse("MISSING_ARGUMENT", "ids and fields are required")
        if len(wanted) > MAX_READ:
            raise refuse("EXCEEDED_ID_LIMIT", f"record limit reached. cannot read more than {MAX_READ} records")
        fields = [self._field(sobject, str(each)) for each in names]
        return Answer(200, [self._found(call, sobject, each, fields) for each in wanted])

    def _field(self, sobject: SObject, name: str) -> Field:
        found = sobject.visible(name)
        if found is None:
            raise parse.no_column(name, sobject)
        return found

    def _found(self, call: Call, sobject: SObject, text: Any, fields: list[Field]) -> dict[str, Any] | None:
        record_id = canonical(text) if isinstance(text, str) else None
        row = None if record_id is None else self.org.store.get(sobject.name, record_id)
        if row is None or row["IsDeleted"]:
            return None
        values = {each.name: reader(each)(row) for each in fields}
        return {"attributes": attributes(sobject.name, row["Id"], call.base), **values, "Id": row["Id"]}


def shown(outcome: Outcome, *, with_created: bool) -> dict[str, Any]:
    """One element of the answer; a failed one has no id."""
    if not outcome.success:
        return {"success": False, "errors": [problem.as_row() for problem in outcome.problems]}
    body: dict[str, Any] = {"id": outcome.record_id, "success": True, "errors": []}
    return {**body, "created": outcome.created} if with_created else body
