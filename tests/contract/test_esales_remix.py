"""The contract, against an emulated Remix over HTTP, with each shape that its rows may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, cast

import pytest

from connector.model import Company, Deal, DealState, Inventory, Owner, Person, Ref, Value
from connector.ports import Adapter, Needs
from connector.sandbox.esales import RemixSettings
from connector.testing import AdapterContract, Fault, World
from tests.unit.adapters.esales_kit import KEY, NEEDS, SYSTEM, WHY, Stage, stage

CODES = {"email": 914, "phone": 909}
STAGES = {DealState.OPEN: "提案", DealState.WON: "受注", DealState.LOST: "失注"}


class RemixWorld(World):
    name = SYSTEM
    needs = NEEDS
    reads = frozenset({Person, Inventory, Company, Owner, Deal})
    person_object, text_field, other_field, key_field = "person", WHY, "備考", KEY
    person_words = frozenset({"email", "phone"})

    def __init__(self, ready: Stage) -> None:
        self.stage = ready
        self.esm = ready.esm
        self.customer = self.esm.add_customer("第二製作所")
        self.required = {"顧客コード": "第二製作所", "氏名": "高橋 花子"}

    def adapter(self, needs: Needs | None = None) -> Adapter:
        return self.stage.adapter(self.needs if needs is None else needs)

    def snapshot(self) -> object:
        return {name: self.esm.records(name) for name in self.esm.sheets}

    def _columns(self, fields: Mapping[str, Value]) -> dict[int, Value]:
        return {CODES[word]: value for word, value in fields.items() if word in CODES}

    def add_person(self, **fields: Value) -> Ref:
        self.stage.tick()
        return self._ref(self.esm.add_person(self.customer, "佐藤 一郎", self._columns(fields)))

    def _ref(self, id_: int) -> Ref:
        return Ref(self.name, "person", str(id_))

    def edit_person(self, ref: Ref, **fields: Value) -> None:
        self.stage.tick()
        self.esm.update("person", int(ref.id), self._columns(fields))

    def delete_person(self, ref: Ref) -> None:
        self.stage.tick()
        self.esm.delete("person", int(ref.id))

    def pass_sweep(self) -> None:
        self.esm.clock.advance(timedelta(days=7))

    def add_late_person(self, **fields: Value) -> Ref:
        with self.esm.stamped(self.esm.clock() - timedelta(minutes=5)):
            return self._ref(self.esm.add_person(self.customer, "遅れ 太郎", self._columns(fields)))

    def add_unreadable_person(self, **fields: Value) -> None:
        id_ = int(self.add_person(**fields).id)
        table = self.esm._tables["person"]
        table.put(id_, {**table[id_], 932: "昨日"})

    def add_deal(self, name: str, state: DealState, person: Ref | None = None) -> Ref:
        self.stage.tick()
        return Ref(self.name, "business", str(self.esm.add_deal(self.customer, name, {203: STAGES[state]})))

    def add_company(self, name: str) -> Ref:
        return Ref(self.name, "customer", str(self.stage.company(name)))

    def add_owner(self, name: str) -> str:
        self.stage.tick()
        return str(self.esm.add_user(f"E{len(self.esm.records('employee')):03}", name))

    def person_fields(self, ref: Ref) -> Mapping[str, Value] | None:
        try:
            row = self.esm.get("person", int(ref.id))
        except KeyError:
            return None
        columns = self.esm.sheets["person"].columns.values()
        return {column.name: cast("Value", row.get(column.key)) for column in columns}

    def people_with_key(self, key: str) -> Sequence[Ref]:
        code = self.stage.codes[KEY]
        return [self._ref(row[928]) for row in self.esm.records("person") if row.get(code) == key]

    def alerts(self) -> Sequence[str]:
        return [row[20002] for row in self.esm.records("extension_1")]

    def break_next(self, kind: Fault) -> None:
        if kind == "dead":
            self.esm.chaos.plan("reset_before", times=10_000)
        else:
            self.esm.chaos.plan("reset_after", path="/entity$")

    def refuse(self, ref: Ref) -> None:
        self.esm.refuse("person", int(ref.id))

    def words_to(self, ref: Ref) -> str:
        return f"編集中のため更新できません。（ID: {ref.id}）"

    def heal(self) -> None:
        self.esm.chaos.calm()


Shape = Literal["positional", "items", "by_code", "with_items"]
VARIANTS: dict[str, dict[str, Any]] = {
    "items": {},
    "positional": {"from_base": 1, "order": "scattered", "number_as": "string"},
    "by_code": {"from_index": "ignored", "select_as": "name", "printed_offset": "+09:00"},
    "with_items": {"item_code": "column_code", "empty": "missing", "success_code": 200, "error_status": "200"},
}


class TestRemix(AdapterContract):
    @pytest.fixture(params=sorted(VARIANTS))
    def world(self, request: pytest.FixtureRequest) -> Iterator[World]:
        settings = RemixSettings(page_size=2, rows=request.param, **VARIANTS[request.param])
        with stage(settings) as ready:
            yield RemixWorld(ready)
