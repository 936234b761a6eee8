from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.adapters import esales_csv
from connector.adapters.csvfile.printing import save
from connector.adapters.csvfile.telling import derived_id
from connector.changes import SetFields
from connector.model import Company, Deal, DealState, Kind, Owner, Person, Ref, Touchpoint, Value
from connector.ports import Adapter, Needs
from connector.testing import AdapterContract, Fault, World
from connector.testing.samples import set_text, some_person
from connector.testing.traffic import push_all
from tests.unit.adapters.esales_csv_kit import COLUMNS, NEEDS, Office


class EsalesWorld(World):
    """Reps in e-Sales Manager, whose batch client exports after every change and imports before anybody looks."""

    needs = NEEDS
    reads = frozenset({Person, Company, Owner, Deal, Touchpoint})
    person_object, text_field, other_field, key_field = "名刺", "MA根拠", "MA最終接点", "連携キー"

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.patch = patch
        self.office = Office(root, name=self.name)
        self.required = {"企業名": "東都精工㈱"}

    def adapter(self, needs: Needs | None = None) -> Adapter:
        if self.office.client.run():
            self.office.export(self.office.cards)
        return self.office.adapter(needs)

    def snapshot(self) -> object:
        return {path: path.is_file() and path.read_bytes() for path in sorted(self.office.root.rglob("*"))}

    def exported(self, stream: str) -> None:
        """The batch client exports, and a run reads that, as any does before it writes."""
        self.office.export(getattr(self.office, {"名刺": "cards", "案件": "deals"}[stream]))
        list(self.office.adapter().pull(stream, None))

    def add_person(self, **fields: Value) -> Ref:
        code = self.office.card(**{COLUMNS[word]: str(value) for word, value in fields.items()})
        self.exported("名刺")
        return Ref(self.name, "名刺", code)

    add_late_person = add_person

    def edit_person(self, ref: Ref, **fields: Value) -> None:
        self.office.cards.records[ref.id] |= {COLUMNS[word]: str(value) for word, value in fields.items()}
        self.office.touch(ref.id)
        self.exported("名刺")

    def delete_person(self, ref: Ref) -> None:
        del self.office.cards.records[ref.id]
        self.exported("名刺")

    def add_unreadable_person(self, **fields: Value) -> None:
        self.office.cut_short = True
        self.exported("名刺")

    def add_touchpoint(self, person: Ref, kind: Kind, happened_at: datetime, label: str) -> None:
        local = happened_at.astimezone(ZoneInfo("Asia/Tokyo"))
        cells = {"活動日": f"{local:%Y/%m/%d}", "開始時刻": f"{local:%H:%M}", "件名": label, "名刺コード": person.id}
        self.office.activities.add({"活動種別": "セミナー", **cells})
        self.office.export(self.office.activities)

    def add_deal(self, name: str, state: DealState, person: Ref | None = None) -> Ref:
        stage = {DealState.OPEN: "商談中", DealState.WON: "受注", DealState.LOST: "失注"}[state]
        cells = {"案件名": name, "進捗": stage, "名刺コード": person.id if person else "", "主担当": "営業 太郎"}
        code = self.office.deals.add(cells)
        self.exported("案件")
        return Ref(self.name, "案件", code)

    def add_company(self, name: str) -> Ref:
        code = self.office.customers.add({"顧客名": name})
        self.office.export(self.office.customers)
        return Ref(self.name, "顧客", code)

    def add_owner(self, name: str) -> str:
        self.office.employees.add(name)
        self.office.deals.add({"案件名": "担当の案件", "進捗": "商談中", "主担当": name})
        self.exported("案件")
        return derived_id("社員", name)

    def person_fields(self, ref: Ref) -> Mapping[str, Value] | None:
        self.office.client.run()
        for code, record in self.office.cards.records.items():
            if ref.id in (code, f"new-{record.get('連携キー')}"):
                return dict(record)
        return None

    def people_with_key(self, key: str) -> Sequence[Ref]:
        self.office.client.run()
        held = [record for record in self.office.cards.records.values() if record.get("連携キー") == key]
        return [Ref(self.name, "名刺", f"new-{key}") for _ in held]

    def alerts(self) -> Sequence[str]:
        self.office.client.run()
        return [record["件名"] for record in self.office.notices.records.values()]

    def timeline(self) -> Sequence[str]:
        self.office.client.run()
        return [record["件名"] for record in self.office.entries.records.values()]

    def break_next(self, kind: Fault) -> None:
        if kind == "lost_answer":
            self.patch.setattr("connector.adapters.esales_csv.tray.save", failing_afterwards(self.patch))
            return
        for folder in (self.office.exports, self.office.imports):
            folder.rename(folder.with_suffix(".away"))

    def heal(self) -> None:
        for folder in (self.office.exports, self.office.imports):
            if not folder.exists():
                folder.with_suffix(".away").rename(folder)


def failing_afterwards(patch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The share goes away right after a file was put in its place."""

    def fails(*args: Any) -> None:
        patch.setattr("connector.adapters.esales_csv.tray.save", save)
        save(*args)
        raise OSError(112, "Host is down")

    return fails


class TestEsalesCsv(AdapterContract):
    @pytest.fixture
    def world(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
        monkeypatch.setattr(esales_csv, "PAGE", 2)
        return EsalesWorld(tmp_path, monkeypatch)

    def test_a_value_can_be_cleared(self, world: World) -> None:
        """It cannot: a blank cell keeps the old value, so the change is refused rather than called done."""
        self._writes(world, SetFields)
        ref = world.add_person(**some_person(world, 1))
        push_all(world.adapter(), [set_text(world, ref, "前の値")])
        (receipt,) = push_all(world.adapter(), [set_text(world, ref, None)])
        assert (receipt.status, receipt.code) == ("refused", "blank")
        assert (world.person_fields(ref) or {})["MA根拠"] == "前の値"
