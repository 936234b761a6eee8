"""What stands in the emulated systems, asked of them alone: never of the connector's own store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from connector.demo.systems import Systems
from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.shanon import ShanonEmulator

STAMPS = frozenset(
    {
        *("SystemModstamp", "LastModifiedDate", "LastModifiedById", "DateUpdate"),
        *("$revision", "更新日時", "更新者", "変更日"),
    }
)
"""Fields that tell only that something else was written."""


class Place(NamedTuple):
    """A record: an object of Salesforce, `kintone/APP`, `esales/SHEET`, `visitor`, or `list/NAME` and its member."""

    kind: str
    id: str


Picture = Mapping[Place, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Difference:
    """What happened to one record between two pictures; `fields` are those that changed, stamps apart."""

    place: Place
    how: Literal["new", "gone", "changed"]
    fields: frozenset[str]
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    def __str__(self) -> str:
        fields = ": " + ", ".join(sorted(self.fields)) if self.how == "changed" else ""
        return f"{self.place.kind} {self.place.id} {self.how}{fields}"


@dataclass(frozen=True, slots=True)
class Eyes:
    """Looks at the systems as reps and a marketer do."""

    systems: Systems

    @property
    def org(self) -> SalesforceEmulator:
        """Salesforce."""
        return self.systems.org

    @property
    def smp(self) -> ShanonEmulator:
        """The MA."""
        return self.systems.smp

    def picture(self) -> Picture:
        """Everything that can be written through the interfaces of the systems."""
        return dict(self._everything())

    def _everything(self) -> Iterator[tuple[Place, Mapping[str, Any]]]:
        for sobject in self.org.schema:
            for row in self.org.records(sobject.name, include_deleted=True):
                yield Place(sobject.name, str(row["Id"])), row
        for name, app in self.systems.branches.apps.by_name().items():
            for row in self.systems.kintone.records(app.id):
                yield Place(f"kintone/{name}", str(row["$id"])), row
        for name, sheet in self.systems.remix.sheets.items():
            for card in self.cards(name):
                yield Place(f"esales/{name}", str(card[sheet.columns[sheet.key].name])), card
        for visitor in self.smp.visitors():
            yield Place("visitor", str(visitor["Id"])), visitor
        for name in self.lists():
            for member in self.members(name):
                yield Place(f"list/{name}", str(member)), {}

    def cards(self, sheet_name: str) -> Iterator[Mapping[str, Any]]:
        """The records of a sheet of e-Sales Manager, by the names of its columns and choices."""
        columns = self.systems.remix.sheets[sheet_name].columns
        for row in self.systems.remix.records(sheet_name):
            yield {columns[code].name: columns[code].choices.get(value, value) for code, value in row.items()}

    def app(self, name: str) -> list[dict[str, Any]]:
        """The records of an app of kintone."""
        return self.systems.kintone.records(self.systems.branches.apps.by_name()[name].id)

    def record(self, place: Place) -> Mapping[str, Any]:
        """One record of an SFA."""
        system, _, name = place.kind.partition("/")
        if system == "kintone":
            return self.systems.kintone.get(self.systems.branches.apps.by_name()[name].id, place.id)
        if system == "esales":
            return next(row for found, row in self._everything() if found == place)
        return self.org.get(place.kind, place.id)

    def person(self, record_id: str) -> Mapping[str, Any]:
        """A lead or contact of Salesforce."""
        return self.record(Place("Lead" if record_id.startswith("00Q") else "Contact", record_id))

    def score(self, record_id: str) -> dict[str, Any]:
        """What a rep sees of somebody's score."""
        row = self.person(record_id)
        shown = {"score": "MA_Score__c", "band": "MA_Band__c", "why": "MA_Score_Why__c", "last": "MA_Last_Touch__c"}
        return {word: row.get(name) for word, name in shown.items()}

    def tasks(self) -> list[Mapping[str, Any]]:
        """Every task that bears our key and is not done: the alerts."""
        return [row for row in self.org.records("Task") if row.get("MA_Key__c") and not row["IsClosed"]]

    def task_on(self, deal: str) -> dict[str, Any]:
        """The first alert on a deal, with the names that a rep sees instead of ids; empty when there is none."""
        row = next((row for row in self.tasks() if row.get("WhatId") == deal), None)
        if row is None:
            return {}
        user, person = self.org.get("User", row["OwnerId"]), self.person(row["WhoId"])
        names = {
            "Owner": f"{user['LastName']} {user['FirstName']}",
            "Who": f"{person['LastName']} {person['FirstName']}",
            "What": self.org.get("Opportunity", deal)["Name"],
        }
        return {**row, **names}

    def lists(self) -> dict[str, int]:
        """The lists that the marketer uses, by name."""
        return {name: number for number, name in self.smp.lists().items()}

    def members(self, name: str) -> list[int]:
        """Who is on a list."""
        return self.smp.members(self.lists()[name])


def differences(before: Picture, after: Picture) -> list[Difference]:
    """How two pictures differ, record by record; a record that was touched without a change counts as changed."""
    found = []
    for place in sorted(before.keys() | after.keys()):
        old, new = before.get(place), after.get(place)
        if old == new:
            continue
        how: Literal["new", "gone", "changed"] = "new" if old is None else "gone" if new is None else "changed"
        old, new = old or {}, new or {}
        fields = {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)} - STAMPS
        found.append(Difference(place, how, frozenset(fields), old, new))
    return found
