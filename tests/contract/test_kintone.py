"""The contract, against an emulated kintone over HTTP; alerts are records in one world and comments in the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from connector.adapters.kintone.options import AlertOptions
from connector.model import Company, Deal, DealState, Inventory, Owner, Person, Ref, Value
from connector.ports import Adapter, Needs
from connector.sandbox.kintone import Refusal
from connector.testing import AdapterContract, Fault, World
from connector.testing.traffic import push_all
from tests.unit.adapters.kintone_kit import NEEDS, SYSTEM, WORDS, Stage, place_of, set_fields, stage

STAGES = {DealState.OPEN: "商談中", DealState.WON: "受注", DealState.LOST: "失注"}
COMMENT = {"via": ["comment", "app"], "claim": "ma_last_alert", "app": "alerts"}


class KintoneWorld(World):
    name = SYSTEM
    needs = NEEDS
    reads = frozenset({Person, Inventory, Company, Owner, Deal})
    person_object = "people"
    text_field, other_field, key_field = "ma_why", "ma_memo", "ma_key"

    def __init__(self, ready: Stage, by: str) -> None:
        self.stage = ready
        self.kintone = ready.kintone
        self.by = by

    def adapter(self, needs: Needs | None = None) -> Adapter:
        options: dict[str, Any] = {"page_size": 2}
        if self.by == "comment":
            options["alert"] = AlertOptions.model_validate(COMMENT)
        return self.stage.adapter(self.needs if needs is None else needs, **options)

    def snapshot(self) -> object:
        return {name: self.kintone.records(id_) for name, id_ in self.stage.ids.items()}

    # hands

    def add_person(self, **fields: Value) -> Ref:
        return self.stage.add("people", **self._native(fields))

    def edit_person(self, ref: Ref, **fields: Value) -> None:
        self.kintone.update(*place_of(ref), self._native(fields))
        self.stage.later()

    def delete_person(self, ref: Ref) -> None:
        self.kintone.delete(*place_of(ref))

    def pass_sweep(self) -> None:
        self.kintone.clock.advance(timedelta(days=1))

    def add_late_person(self, **fields: Value) -> Ref:
        clock = self.kintone.clock
        clock.advance(-timedelta(minutes=5))
        made = self.stage.ref("people", self.kintone.create(self.stage.ids["people"], self._native(fields)))
        clock.advance(timedelta(minutes=5))
        return made

    def add_unreadable_person(self, **fields: Value) -> None:
        ref = self.add_person(**fields)
        app, number = map(int, place_of(ref))
        held = self.kintone.store.table(app)[number]
        self.kintone.store.rewrite(app, replace(held, values={**held.values, "ma_score": "たくさん"}))

    def add_deal(self, name: str, state: DealState, person: Ref | None = None) -> Ref:
        linked = {} if person is None else {"先方": self.stage.get(person)["メール"]}
        return self.stage.add("deals", 案件名=name, 進捗=STAGES[state], **linked)

    def add_company(self, name: str) -> Ref:
        self.stage.add("deals", 案件名="初回訪問", 顧客名=name)
        return Ref(self.name, "company", name)

    def add_owner(self, name: str) -> str:
        self.kintone.add_user("takahashi", name)
        self.stage.add("deals", 案件名="定期訪問", 営業=["takahashi"])
        return "takahashi"

    @staticmethod
    def _native(fields: Mapping[str, Value]) -> dict[str, Value]:
        return {WORDS[word]: value for word, value in fields.items()}

    # eyes

    def person_fields(self, ref: Ref) -> Mapping[str, Value] | None:
        if "-" not in ref.id:
            return None
        try:
            row = self.stage.get(ref)
        except Refusal:
            return None
        stamps = {code: datetime.fromisoformat(row[code]) for code in ("更新日時", "作成日時")}
        row = {code: value for code, value in row.items() if code not in ("$revision", "更新者", "ma_last_alert")}
        return {**row, **stamps}

    def people_with_key(self, key: str) -> Sequence[Ref]:
        rows = self.kintone.records(self.stage.ids["people"])
        return [self.stage.ref("people", row["$id"]) for row in rows if row["ma_key"] == key]

    def alerts(self) -> Sequence[str]:
        app = self.stage.ids["people"]
        numbers = [row["$id"] for row in self.kintone.records(app)]
        comments = [each.text.strip() for number in numbers for each in self.kintone.comments(app, number)]
        return [row["件名"] for row in self.kintone.records(self.stage.ids["alerts"])] + comments

    def open_alerts(self) -> Sequence[str]:
        return [row["件名"] for row in self.kintone.records(self.stage.ids["alerts"]) if row["対応"] == "未"]

    def work_on_alerts(self) -> None:
        for row in self.kintone.records(self.stage.ids["alerts"]):
            self.kintone.update(self.stage.ids["alerts"], row["$id"], {"対応": "対応中"})

    def timeline(self) -> Sequence[str]:
        return [row["件名"] for row in self.kintone.records(self.stage.ids["touchpoints"])]

    # faults

    def break_next(self, kind: Fault) -> None:
        if kind == "dead":
            self.kintone.chaos.plan("reset_before", times=10_000)
        else:
            for method in ("PUT", "POST"):
                self.kintone.chaos.plan("reset_after", method=method)

    def refuse(self, ref: Ref) -> None:
        self.kintone.refuse(*place_of(ref), "姓" if self.kintone.refused else "ma_why")

    def words_to(self, ref: Ref) -> str:
        app, number = map(int, place_of(ref))
        return f"{self.kintone.refused[app, number]}.value: 必須です。"

    def heal(self) -> None:
        self.kintone.chaos.calm()


class TestKintone(AdapterContract):
    @pytest.fixture(params=["app", "comment"])
    def world(self, request: pytest.FixtureRequest) -> Iterator[World]:
        with stage() as ready:
            yield KintoneWorld(ready, request.param)

    def test_many_are_as_a_few(self, world: KintoneWorld) -> None:
        """2,000 fields in one call; one that is refused, one that was there twice; done twice, it is as done once."""
        refs = [world.add_person(email=f"p{number}@example.com") for number in range(1999)]
        world.refuse(refs[777])
        changes = [set_fields(ref, ma_why=f"第{number}") for number, ref in enumerate(refs)]
        changes.append(set_fields(refs[5], ma_memo="x"))
        adapter = world.adapter()
        assert len(changes) == adapter.batch
        for _ in range(2):
            receipts = push_all(adapter, changes)
            assert [place for place, receipt in enumerate(receipts) if receipt.status != "done"] == [777]
            assert receipts[777].status == "refused"
            for place in (0, 5, 776, 778, 1998):
                held = world.person_fields(refs[place])
                assert held is not None
                assert held["ma_why"] == f"第{place}"
        adapter.close()
