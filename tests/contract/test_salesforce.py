"""The contract, against an emulated org over HTTP; people are leads in one world and contacts in the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import pytest

from connector.model import Company, Deal, DealState, Gone, Kind, Owner, Person, Ref, Touchpoint, Value
from connector.ports import Adapter, Needs
from connector.sandbox.salesforce import Settings, times
from connector.testing import AdapterContract, Fault, World
from tests.unit.adapters.salesforce_kit import NEEDS, SYSTEM, Stage, stage

NAMES = {"email": "Email", "family_name": "LastName", "given_name": "FirstName", "phone": "Phone"}
STAGES = {DealState.OPEN: "Qualification", DealState.WON: "Closed Won", DealState.LOST: "Closed Lost"}


class SalesforceWorld(World):
    name = SYSTEM
    needs = NEEDS
    reads = frozenset({Person, Gone, Company, Owner, Deal, Touchpoint})
    text_field, other_field, key_field = "MA_Score_Why__c", "MA_Band__c", "MA_Person_Id__c"

    def __init__(self, ready: Stage, person_object: str, bulk_above: int) -> None:
        self.stage = ready
        self.bulk_above = bulk_above
        self.org = ready.org
        self.person_object = person_object
        self.required = {"LastName": "高橋"} | ({"Company": "第二製作所"} if person_object == "Lead" else {})

    def adapter(self, needs: Needs | None = None) -> Adapter:
        return self.stage.adapter(self.needs if needs is None else needs, bulk_above=self.bulk_above)

    def snapshot(self) -> object:
        return {each.name: self.org.records(each.name, include_deleted=True) for each in self.org.schema}

    # hands

    def _native(self, fields: Mapping[str, Value]) -> dict[str, Value]:
        given = {NAMES[word]: value for word, value in fields.items() if word in NAMES}
        if "company" not in fields:
            return given
        if self.person_object == "Lead":
            return given | {"Company": fields["company"]}
        return given | {"AccountId": self.org.create("Account", {"Name": fields["company"]})}

    def _ref(self, id_: str) -> Ref:
        return Ref(self.name, self.person_object, id_)

    def _tick(self) -> None:
        self.org.clock.advance(timedelta(seconds=1))

    def add_person(self, **fields: Value) -> Ref:
        self._tick()
        return self._ref(self.org.create(self.person_object, self._native(fields)))

    def edit_person(self, ref: Ref, **fields: Value) -> None:
        self._tick()
        self.org.update(ref.object, ref.id, self._native(fields))

    def delete_person(self, ref: Ref) -> None:
        self._tick()
        self.org.delete(ref.object, ref.id)

    def add_late_person(self, **fields: Value) -> Ref:
        self.org.clock.advance(-timedelta(minutes=5))
        ref = self.add_person(**fields)
        self.org.clock.advance(timedelta(minutes=5))
        return ref

    def add_unreadable_person(self, **fields: Value) -> None:
        ref = self.add_person(**fields)
        self.org.store.table(ref.object).rows[ref.id]["MA_Last_Touch__c"] = "昨日"

    def add_touchpoint(self, person: Ref, kind: Kind, happened_at: datetime, label: str) -> None:
        self._tick()
        start = {"StartDateTime": times.render(happened_at), "DurationInMinutes": 30}
        self.org.create("Event", {"Subject": label, "WhoId": person.id, **start})

    def add_deal(self, name: str, state: DealState, person: Ref | None = None) -> Ref:
        self._tick()
        given = {"Name": name, "StageName": STAGES[state], "CloseDate": "2026-06-30"}
        return Ref(self.name, "Opportunity", self.org.create("Opportunity", given))

    def add_company(self, name: str) -> Ref:
        self._tick()
        return Ref(self.name, "Account", self.org.create("Account", {"Name": name}))

    def add_owner(self, name: str) -> str:
        self._tick()
        return self.org.add_user(name)

    # eyes

    def person_fields(self, ref: Ref) -> Mapping[str, Value] | None:
        try:
            row = self.org.get(ref.object, ref.id)
        except KeyError:
            return None
        if row["IsDeleted"]:
            return None
        fields = self.org.schema[ref.object].fields.values()
        return {
            f.name: times.moment(row[f.name]) if _is_moment(f.type, row.get(f.name)) else row.get(f.name)
            for f in fields
        }

    def people_with_key(self, key: str) -> Sequence[Ref]:
        rows = self.org.records(self.person_object)
        return [self._ref(row["Id"]) for row in rows if row.get(self.key_field) == key]

    def alerts(self) -> Sequence[str]:
        return [row["Subject"] for row in self.org.records("Task") if not row["IsClosed"]]

    def open_alerts(self) -> Sequence[str]:
        return self.alerts()

    def work_on_alerts(self) -> None:
        for row in self.org.records("Task"):
            if not row["IsClosed"]:
                self.org.update("Task", row["Id"], {"Status": "In Progress"})

    def timeline(self) -> Sequence[str]:
        return [row["Subject"] for row in self.org.records("Task") if row["IsClosed"]]

    # faults

    def break_next(self, kind: Fault) -> None:
        if kind == "dead":
            self.org.chaos.plan("reset_before", times=10_000)
        else:
            self.org.chaos.plan("reset_after", path="composite/sobjects|jobs/ingest/[^/]*$")

    def refuse(self, ref: Ref) -> None:
        self.stage.refused.add(ref.id)

    def words_to(self, ref: Ref) -> str:
        return "だめ"

    def heal(self) -> None:
        self.org.chaos.calm()


def _is_moment(type_: str, value: object) -> bool:
    return type_ == "datetime" and value is not None


def _mode(world: tuple[str, int]) -> str:
    return f"{world[0]}-{'collections' if world[1] else 'bulk'}"


class TestSalesforce(AdapterContract):
    @pytest.fixture(params=[("Lead", 2_000), ("Contact", 2_000), ("Lead", 0), ("Contact", 0)], ids=_mode)
    def world(self, request: pytest.FixtureRequest) -> Iterator[World]:
        """The second half: everything but alerts by Bulk API."""
        with stage(Settings(page_size=2)) as ready:
            yield SalesforceWorld(ready, *request.param)
