"""The contract over real HTTP, against an in-house register with other habits in each world."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pytest

from connector.model import Company, Deal, DealState, Inventory, Kind, Owner, Person, Ref, Touchpoint, Value
from connector.ports import Adapter, Needs
from connector.sandbox.inhouse import Settings
from connector.testing import AdapterContract, Fault, World
from tests.unit.adapters.rest_kit import NEEDS, SYSTEM, Stage, stage

STATES = {DealState.OPEN: "商談中", DealState.WON: "受注", DealState.LOST: "失注"}
NATIVE = {"email": "mail", "company": "company", "phone": "tel"}

NO_HEADER: dict[str, Any] = {"header": None, "value": None}
UPSERT: dict[str, Any] = {"method": "PUT", "keeps_others": True, "wrap": "record"}
PUT: dict[str, Any] = {
    "people": {
        "person": {
            "search": None,
            "create": UPSERT | {"path": "people/by-key/{key}", "id": "record.id"},
            "update": {"method": "PUT", "path": "people/{id}", "keeps_others": True, "wrap": "record"},
        }
    },
    "alerts": {"search": None, "create": UPSERT | {"path": "tasks/by-key/{key}"}},
    "timeline": {"search": None, "create": UPSERT | {"path": "notes/by-key/{key}"}},
}
BY_KEY: dict[str, Any] = {"people": {"person": {"search": {"path": "people/by-key/{key}", "param": None}}}}
WORLDS: Mapping[str, tuple[Settings, dict[str, Any]]] = {
    "page": (Settings(), {}),
    "offset, unsorted, PUT": (
        Settings(auth="bearer", paging="offset", order="id", total=False, largest=3, writes="put", wrap=True),
        PUT
        | {
            "auth": NO_HEADER | {"bearer": {"env": "CRM_TOKEN"}},
            "paging": {"by": "offset", "size_param": None, "total": None},
            "modified": {"sorted": None},
        },
    ),
    "link": (
        Settings(auth="basic", paging="link"),
        BY_KEY | {"auth": NO_HEADER | {"user": "sync", "password": {"env": "CRM_TOKEN"}}, "paging": {"by": "link"}},
    ),
    "cursor, always whole": (
        Settings(auth="none", paging="cursor", since=False, order="id"),
        {"auth": "none", "paging": {"by": "cursor", "next": "next"}, "modified": {"since": None, "sorted": None}},
    ),
}


class RestWorld(World):
    name = SYSTEM
    needs = NEEDS
    reads = frozenset({Person, Inventory, Company, Owner, Deal, Touchpoint})
    person_object, text_field, other_field, key_field = "person", "memo", "rank", "external_key"

    def __init__(self, ready: Stage) -> None:
        self.stage = ready
        if not ready.house.settings.since:
            self.reads = self.reads - {Inventory}  # one comes with every run there, not only when it is due
        self.tables = ready.house.tables
        self.chaos = ready.house.chaos

    def adapter(self, needs: Needs | None = None) -> Adapter:
        return self.stage.adapter(needs)

    def snapshot(self) -> object:
        return repr(self.tables.rows)

    # hands

    def _native(self, fields: Mapping[str, Value]) -> dict[str, Any]:
        given: dict[str, Any] = {NATIVE[word]: value for word, value in fields.items() if word in NATIVE}
        name = {"family": fields.get("family_name"), "given": fields.get("given_name")}
        return given | ({"name": name} if "family_name" in fields else {})

    def _ref(self, id_: int) -> Ref:
        return Ref(self.name, "person", str(id_))

    def _add(self, table: str, **fields: Any) -> int:
        self.stage.tick()
        return self.tables.add(table, fields)

    def add_person(self, **fields: Value) -> Ref:
        return self._ref(self._add("people", no_mail=False, **self._native(fields)))

    def edit_person(self, ref: Ref, **fields: Value) -> None:
        self.stage.tick()
        self.tables.change("people", int(ref.id), self._native(fields))

    def delete_person(self, ref: Ref) -> None:
        del self.tables.rows["people"][int(ref.id)]

    def pass_sweep(self) -> None:
        self.stage.tick(days=2)

    def add_late_person(self, **fields: Value) -> Ref:
        self.stage.tick(minutes=-5)
        ref = self.add_person(**fields)
        self.stage.tick(minutes=5)
        return ref

    def add_unreadable_person(self, **fields: Value) -> None:
        self.tables.rows["people"][int(self.add_person(**fields).id)]["created_at"] = "昨日"

    def add_touchpoint(self, person: Ref, kind: Kind, happened_at: datetime, label: str) -> None:
        self._add("visits", person_id=int(person.id), type="来場", at=happened_at.isoformat(), title=label)

    def add_deal(self, name: str, state: DealState, person: Ref | None = None) -> Ref:
        contacts = [int(person.id)] if person else []
        return Ref(self.name, "deal", str(self._add("deals", title=name, status=STATES[state], contacts=contacts)))

    def add_company(self, name: str) -> Ref:
        return Ref(self.name, "account", str(self._add("accounts", name=name)))

    def add_owner(self, name: str) -> str:
        return str(self._add("users", name=name, retired=False))

    # eyes

    def person_fields(self, ref: Ref) -> Mapping[str, Value] | None:
        held = self.tables.rows["people"].get(int(ref.id))
        return held and {name: value for name, value in held.items() if name != "updated_at"}

    def people_with_key(self, key: str) -> Sequence[Ref]:
        return [self._ref(row["id"]) for row in self.tables.with_key("people", key)]

    def alerts(self) -> Sequence[str]:
        return [row["subject"] for row in self.tables.rows["tasks"].values()]

    def timeline(self) -> Sequence[str]:
        return [row["subject"] for row in self.tables.rows["notes"].values()]

    # faults

    def break_next(self, kind: Fault) -> None:
        if kind == "dead":
            self.chaos.rate("reset_before", 1.0)
        else:
            for method in ("POST", "PATCH", "PUT"):
                self.chaos.plan("reset_after", method=method)

    def refuse(self, ref: Ref) -> None:
        self.tables.locked.add(int(ref.id))

    def words_to(self, ref: Ref) -> str:
        return f"{ref.id} is locked by a colleague"

    def heal(self) -> None:
        self.chaos.calm()


class TestRest(AdapterContract):
    @pytest.fixture(params=list(WORLDS))
    def world(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
        settings, changes = WORLDS[request.param]
        with stage(settings, **changes) as ready:
            monkeypatch.setenv("CRM_TOKEN", ready.house.token)
            ready.tick(hours=-1)
            yield RestWorld(ready)
