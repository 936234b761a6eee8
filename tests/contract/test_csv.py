from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.adapters import csvfile
from connector.adapters.csvfile import CsvFile
from connector.adapters.csvfile.config import Config, File
from connector.adapters.csvfile.printing import Printer
from connector.adapters.csvfile.telling import derived_id
from connector.model import Company, Deal, DealState, Kind, Membership, Owner, Person, Ref, Role, Touchpoint, Value
from connector.ports import Adapter, Needs, ObjectNeeds
from connector.testing import AdapterContract, Fault, World

COLUMNS = {"email": "メール", "family_name": "姓", "given_name": "名", "company": "会社名", "phone": "電話"}


class CsvWorld(World):
    """People who drop files into a folder, carry what lies in `out` into a system, and export from that again."""

    needs = Needs(
        objects={
            "person": ObjectNeeds(
                read=frozenset({"根拠", "最終接点"}), write=frozenset({"根拠", "最終接点"}), key="連携ID", create=True
            )
        },
        lists=frozenset({"nurture-lost", "do-not-mail"}),
        alerts=True,
        timeline=True,
    )
    reads = frozenset({Person, Company, Owner, Deal, Touchpoint, Membership})
    person_object, text_field, other_field, key_field = "person", "根拠", "最終接点", "連携ID"
    reads_back = False

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.patch = patch
        self.root = root
        self.folder, self.out = root / "in", root / "out"
        self.folder.mkdir()
        self.out.mkdir()
        self.numbers = count(1)
        self.exported: dict[str, dict[str, str]] = {}
        self.lists: dict[str, set[str]] = {}

    def adapter(self, needs: Needs | None = None) -> Adapter:
        config = Config(
            role=Role.SFA,
            folder=str(self.folder),
            out=str(self.out),
            encoding="cp932",
            settle=timedelta(0),
            files=(
                File(pattern="人物*.csv", kind="people", columns=headers(id="番号", **COLUMNS)),
                File(
                    pattern="接点*.csv",
                    kind="touchpoints",
                    columns=headers(person="番号", touchpoint="種別", happened="日時", label="題名"),
                    values={"touchpoint": {"参加": "seminar_attended"}},
                ),
                File(
                    pattern="案件*.csv",
                    kind="deals",
                    columns=headers(id="番号", name="案件名", state="状態", owner="担当", person="人物"),
                    values={"state": {"商談中": "open", "受注": "won", "失注": "lost"}},
                ),
                File(pattern="会社*.csv", kind="companies", columns=headers(id="番号", name="会社名")),
                File(pattern="リスト*.csv", kind="lists", columns=headers(list="リスト", person="番号")),
            ),
        )
        return CsvFile(self.name, config, self.needs if needs is None else needs)

    def snapshot(self) -> object:
        return {path: path.is_file() and path.read_bytes() for path in sorted(self.root.rglob("*"))}

    def drop(self, kind: str, *rows: Mapping[str, str], late: bool = False) -> None:
        n = next(self.numbers)
        path = self.folder / f"{kind}{n:03}.csv"
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
        path.write_bytes(text.getvalue().encode("cp932"))
        stamp = 1_775_000_000 + (n if not late else -n)
        os.utime(path, (stamp, stamp))

    def table(self, file: str) -> list[dict[str, str]]:
        path = self.out / file
        if not path.exists():
            return []
        return list(csv.DictReader(io.StringIO(path.read_bytes().decode("cp932"), newline="")))

    def add_person(self, **fields: Value) -> Ref:
        ref = Ref(self.name, "person", f"{next(self.numbers):06}")
        self.edit_person(ref, **fields)
        list(self.adapter().pull("people", None))  # as any run does before it writes
        return ref

    def edit_person(self, ref: Ref, **fields: Value) -> None:
        row = self.exported.setdefault(
            ref.id, {"番号": ref.id, "根拠": "", "最終接点": "", **dict.fromkeys(COLUMNS.values(), "")}
        )
        row |= {COLUMNS[word]: str(value) for word, value in fields.items()}
        self.drop("人物", row)

    def add_late_person(self, **fields: Value) -> Ref:
        row = {"番号": "L00001", **{COLUMNS[word]: str(value) for word, value in fields.items()}}
        self.drop("人物", row, late=True)
        return Ref(self.name, "person", "L00001")

    def add_unreadable_person(self, **fields: Value) -> None:
        (self.folder / "人物999.csv").write_bytes("番号,メール,姓,名,会社名,電話\r\n7,x\r\n".encode("cp932"))
        os.utime(self.folder / "人物999.csv", (1_775_000_500, 1_775_000_500))

    def add_touchpoint(self, person: Ref, kind: Kind, happened_at: datetime, label: str) -> None:
        local = happened_at.astimezone(ZoneInfo("Asia/Tokyo"))
        self.drop("接点", {"番号": person.id, "種別": "参加", "日時": f"{local:%Y/%m/%d %H:%M}", "題名": label})

    def add_deal(self, name: str, state: DealState, person: Ref | None = None) -> Ref:
        id_ = f"D{next(self.numbers)}"
        shown = {DealState.OPEN: "商談中", DealState.WON: "受注", DealState.LOST: "失注"}[state]
        person_id = person.id if person else ""
        self.drop("案件", {"番号": id_, "案件名": name, "状態": shown, "担当": "営業 太郎", "人物": person_id})
        return Ref(self.name, "deal", id_)

    def add_company(self, name: str) -> Ref:
        id_ = f"C{next(self.numbers)}"
        self.drop("会社", {"番号": id_, "会社名": name})
        return Ref(self.name, "company", id_)

    def add_owner(self, name: str) -> str:
        self.drop("案件", {"番号": "D0", "案件名": "担当の案件", "状態": "商談中", "担当": name, "人物": ""})
        return derived_id("owner", name)

    def put_on_list(self, name: str, ref: Ref) -> None:
        self.export_list(name, self.list_members(name) | {ref.id})

    def take_off_list(self, name: str, ref: Ref) -> None:
        self.export_list(name, self.list_members(name) - {ref.id})

    def export_list(self, name: str, members: set[str]) -> None:
        self.lists[name] = members
        (self.out / "lists" / f"{name}.csv").unlink(missing_ok=True)  # it was carried into the MA
        self.drop("リスト", *({"リスト": name, "番号": id_} for id_ in sorted(members)))
        list(self.adapter().pull("lists", None))  # as any run does before it writes

    def person_fields(self, ref: Ref) -> Mapping[str, Value] | None:
        held = dict(self.exported.get(ref.id, {}))
        for row in [*self.table("person.csv"), *self.table("person-new.csv")]:
            if ref.id in (row.get("番号"), f"new-{row.get('連携ID')}"):
                held |= row
        return held or None

    def people_with_key(self, key: str) -> Sequence[Ref]:
        rows = self.table("person-new.csv")
        return [Ref(self.name, "person", f"new-{row['連携ID']}") for row in rows if row["連携ID"] == key]

    def list_members(self, name: str) -> set[str]:
        path = self.out / "lists" / f"{name}.csv"
        if path.exists():
            return {row["番号"] for row in self.table(f"lists/{name}.csv")}
        return self.lists.get(name, set())

    def alerts(self) -> Sequence[str]:
        return [row["件名"] for row in self.table("alerts.csv")]

    def timeline(self) -> Sequence[str]:
        return [row["件名"] for row in self.table("timeline.csv")]

    def break_next(self, kind: Fault) -> None:
        if kind == "lost_answer":
            self.patch.setattr(Printer, "print", failing_afterwards(Printer.print, self.patch))
            return
        for folder in (self.folder, self.out):
            folder.rename(folder.with_suffix(".away"))

    def heal(self) -> None:
        for folder in (self.folder, self.out):
            if folder.exists():
                continue
            folder.with_suffix(".away").rename(folder)


def failing_afterwards(works: Callable[..., None], patch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The disk is full right after the file was put in its place."""

    def fails(*args: Any) -> None:
        patch.setattr(Printer, "print", works)
        works(*args)
        raise OSError(28, "No space left on device")

    return fails


def headers(**columns: str) -> dict[str, tuple[str, ...]]:
    return {word: (header,) for word, header in columns.items()}


class TestCsv(AdapterContract):
    @pytest.fixture
    def world(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
        monkeypatch.setattr(csvfile, "PAGE", 2)
        return CsvWorld(tmp_path, monkeypatch)
