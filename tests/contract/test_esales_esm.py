"""The contract, against an emulated esm over HTTP, in several of the ways that it may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

import pytest

from connector.model import Company, Deal, DealState, Inventory, Owner, Person, Ref, Value
from connector.ports import Adapter, Needs
from connector.sandbox.esales import EsmSettings
from connector.sandbox.esales.esm.refusals import BUSY
from connector.testing import AdapterContract, Fault, World
from tests.unit.adapters.esales_esm_kit import CARD, KEY, MEMO, NEEDS, PREFIXES, SYSTEM, WHY, Stage, stage, template

KEYS = {"email": f"{CARD}.email", "phone": f"{CARD}.tel_no"}
STAGES = {DealState.OPEN: "提案", DealState.WON: "受注", DealState.LOST: "失注"}


class EsmWorld(World):
    name = SYSTEM
    needs = NEEDS
    reads = frozenset({Person, Inventory, Company, Owner, Deal})
    person_object, text_field, other_field, key_field = "businesscard", WHY, MEMO, KEY
    person_words = frozenset({"email", "phone"})

    def __init__(self, ready: Stage, *, records: bool) -> None:
        self.stage = ready
        self.esm = ready.esm
        self.find = {sheet: template(sheet, records=records) for sheet in PREFIXES}
        self.customer = self.esm.add_customer("第二製作所")
        self.required = {f"{CARD}.relational_customer": "第二製作所", f"{CARD}.name": "高橋 花子"}

    def adapter(self, needs: Needs | None = None) -> Adapter:
        return self.stage.adapter(self.needs if needs is None else needs, find=self.find)

    def snapshot(self) -> object:
        return {name: self.esm.records(name) for name in self.esm.sheets}

    def _values(self, fields: Mapping[str, Value]) -> dict[str, Value]:
        return {KEYS[word]: value for word, value in fields.items() if word in KEYS}

    def _ref(self, id_: int) -> Ref:
        return Ref(self.name, "businesscard", str(id_))

    def add_person(self, **fields: Value) -> Ref:
        self.stage.tick()
        return self._ref(self.esm.add_card(self.customer, "佐藤 一郎", self._values(fields)))

    def edit_person(self, ref: Ref, **fields: Value) -> None:
        self.stage.tick()
        self.esm.update("businesscard", int(ref.id), self._values(fields))

    def delete_person(self, ref: Ref) -> None:
        self.stage.tick()
        self.esm.delete("businesscard", int(ref.id))

    def pass_sweep(self) -> None:
        self.stage.tick(timedelta(days=8))

    def add_late_person(self, **fields: Value) -> Ref:
        with self.esm.stamped(self.esm.clock() - timedelta(minutes=5)):
            return self._ref(self.esm.add_card(self.customer, "遅れ 太郎", self._values(fields)))

    def add_unreadable_person(self, **fields: Value) -> None:
        id_ = int(self.add_person(**fields).id)
        table = self.esm._tables["businesscard"]
        table.put(id_, {**table[id_], f"{CARD}.type_datetime1": "昨日"})

    def add_deal(self, name: str, state: DealState, person: Ref | None = None) -> Ref:
        self.stage.tick()
        return Ref(self.name, "businessplan", str(self.esm.add_deal(self.customer, name, {"progress": STAGES[state]})))

    def add_company(self, name: str) -> Ref:
        return Ref(self.name, "customer", str(self.stage.company(name)))

    def add_owner(self, name: str) -> str:
        self.stage.tick()
        return str(self.esm.add_user(f"user{len(self.esm.records('employee'))}", name))

    def person_fields(self, ref: Ref) -> Mapping[str, Value] | None:
        try:
            row = self.esm.get("businesscard", int(ref.id))
        except KeyError:
            return None
        keys = [str(key) for key in self.esm.sheets["businesscard"].columns if ".system_" not in str(key)]
        return {key: cast("Value", row.get(key)) for key in keys}

    def people_with_key(self, key: str) -> Sequence[Ref]:
        return [self._ref(row[f"{CARD}.id"]) for row in self.esm.records("businesscard") if row.get(KEY) == key]

    def alerts(self) -> Sequence[str]:
        return [row["appextender.sheet_134.name"] for row in self.esm.records("sheet_134")]

    def break_next(self, kind: Fault) -> None:
        if kind == "dead":
            self.esm.chaos.plan("reset_before", times=10_000)
        else:
            for method in ("PUT", "POST"):
                self.esm.chaos.plan("reset_after", method=method, path="/sheet/")

    def refuse(self, ref: Ref) -> None:
        self.esm.refuse("businesscard", int(ref.id))

    def words_to(self, ref: Ref) -> str:
        busy = self.esm.settings.invalid == "busy"
        return BUSY if busy else f"編集中のため更新できません。（ID: {ref.id}）"

    def heal(self) -> None:
        self.esm.chaos.calm()


VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "wrapped": {"envelope": "data", "created": "prefix_id", "number_as": "string", "empty": "missing"},
    "deep": {"envelope": "records", "created": "location", "select_as": "list", "empty": "blank", "invalid": "busy"},
}


class TestEsm(AdapterContract):
    @pytest.fixture(params=sorted(VARIANTS))
    def world(self, request: pytest.FixtureRequest) -> Iterator[World]:
        with stage(EsmSettings(**VARIANTS[request.param])) as ready:
            yield EsmWorld(ready, records=request.param == "deep")
