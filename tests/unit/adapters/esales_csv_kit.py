"""An e-Sales Manager with its batch client, the folders between them and us, and an adapter on these."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from connector.adapters.esales_csv import EsalesCsv
from connector.adapters.esales_csv.config import Config
from connector.changes import AddTouchpoint, AnyChange, CreatePerson, Lane, RaiseAlert, SetFields
from connector.model import DealState, Record, Ref, Value
from connector.ports import Needs, ObjectNeeds, Page, Receipt
from connector.sandbox.esales_csv import BatchClient, Import, Sheet
from connector.spec import Mark, parse, read_yaml_text

COLUMNS = {"email": "メールアドレス", "family_name": "姓", "given_name": "名", "company": "企業名", "phone": "TEL"}
OURS = frozenset({"MAスコア", "MA根拠", "MA最終接点"})
NEEDS = Needs(
    objects={
        "名刺": ObjectNeeds(
            read=frozenset({*COLUMNS.values(), *OURS}),
            write=OURS | {"企業名"},
            key="連携キー",
            create=True,
            words=COLUMNS,
        ),
        "案件": ObjectNeeds(
            read=frozenset({"案件名", "進捗", "確度", "失注理由", "主担当", "名刺コード", "顧客コード"}),
            deal={
                "name": "案件名",
                "stage": "進捗",
                "probability": "確度",
                "lost_reason": "失注理由",
                "owner": "主担当",
                "people": "名刺コード",
                "company": "顧客コード",
            },
            states={
                DealState.OPEN: frozenset({"商談中", "見積"}),
                DealState.WON: frozenset({"受注"}),
                DealState.LOST: frozenset({"失注"}),
            },
            probabilities={"A": 80, "B": 50},
            linked_by={"company": "顧客コード"},
        ),
    },
    alerts=True,
    timeline=True,
)
OPTIONS = """\
exports: exports
imports: imports
state: state.db
encoding: cp932
dates: yyyy/MM/dd
settle: 0s
people: {pattern: "名刺*.csv", key: 名刺コード, company: 顧客コード, owner: 主担当, modified: 更新日時, full: true}
companies: {pattern: "顧客*.csv", key: 顧客コード, name: 顧客名}
deals: {pattern: "案件*.csv", key: 案件コード, full: true}
activities:
  pattern: "活動*.csv"
  key: 活動コード
  person: 名刺コード
  happened: [活動日, 開始時刻]
  kind: 活動種別
  kinds: {電話: call, 訪問: meeting, セミナー: seminar_attended, "*": ignore}
  label: 件名
  result: 結果
timeline: {sheet: MA接点, key: 接点キー, title: 件名, person: 名刺コード, body: 内容, on: 日付, happened: 日時}
alerts: {sheet: MA通知, key: 通知キー, title: 件名, body: 内容, due: 期限, owner: 担当, deal: 案件コード}
results: {folder: results, key: キー, file: ファイル名, line: 行番号, message: エラー内容}
"""


def config(options: str = OPTIONS, file: str = "config.yaml") -> Config:
    """Options as an administrator writes them."""
    data, problems = read_yaml_text(options, file)
    built, more = parse(Config, data, Mark(file, 1, 1))
    assert built is not None, [str(problem) for problem in [*problems, *more]]
    return built


class Office:
    """One e-Sales Manager. Every adapter is a new one, as after a restart."""

    def __init__(self, root: Path, *, needs: Needs = NEEDS, name: str = "esm", **options: Any) -> None:
        self.root = root
        self.name = name
        self.needs = needs
        self.exports, self.imports, self.results = (root / part for part in ("exports", "imports", "results"))
        for folder in (self.exports, self.imports, self.results):
            folder.mkdir()
        self.config = config(file=str(root / "config.yaml")).model_copy(update=options)
        self.config._mark = Mark(str(root / "config.yaml"), 1, 1)
        columns = [*COLUMNS.values(), "顧客コード", "主担当", "更新日時", *sorted(OURS)]
        self.cards = Sheet("名刺", "名刺コード", columns, frozenset({"連携キー"}), company="企業名")
        self.customers = Sheet("顧客", "顧客コード", ["顧客名"])
        deal = ["案件名", "進捗", "確度", "失注理由", "主担当", "名刺コード", "顧客コード"]
        self.deals = Sheet("案件", "案件コード", deal)
        activity = ["活動日", "開始時刻", "活動種別", "件名", "結果", "名刺コード"]
        self.activities = Sheet("活動", "活動コード", activity)
        entry = ["接点キー", "件名", "内容", "名刺コード", "日付", "日時", "担当"]
        self.entries = Sheet("MA接点", "ID", entry, dates=frozenset({"日付", "日時"}), owner="担当")
        notice = ["通知キー", "件名", "内容", "期限", "担当", "名刺コード", "案件コード"]
        self.notices = Sheet("MA通知", "ID", notice, dates=frozenset({"期限"}), owner="担当")
        self.employees = {"営業 太郎"}
        self.client = BatchClient(
            [
                Import(self.imports / "名刺", self.cards, "名刺コード", "update"),
                Import(self.imports / "名刺新規", self.cards, "連携キー"),
                Import(self.imports / "MA接点", self.entries, "接点キー"),
                Import(self.imports / "MA通知", self.notices, "通知キー"),
            ],
            self.results,
            self.employees,
        )
        self._ages = count(1_770_000_000)
        self.cut_short = False
        """Whether every export of 名刺 ends with a row that has too few cells."""

    def adapter(self, needs: Needs | None = None) -> EsalesCsv:
        """A new adapter."""
        return EsalesCsv(self.name, self.config, self.needs if needs is None else needs)

    # people of the system

    def card(self, **cells: str) -> str:
        """Somebody enters a 名刺; its code."""
        code = self.cards.add({"主担当": "営業 太郎", "連携キー": "", **cells})
        self.touch(code)
        return code

    def touch(self, code: str) -> None:
        """A 名刺 was changed now."""
        n = next(self._ages)
        self.cards.records[code]["更新日時"] = f"2026/04/01 {n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}"

    def export(self, *sheets: Sheet) -> None:
        """The batch client exports; by default all sheets."""
        for sheet in sheets or (self.customers, self.cards, self.deals, self.activities):
            extra = ["連携キー", "次回スケジュール", "次回ToDo"] if sheet is self.cards else []
            path = self.exports / f"{sheet.name}{next(self._ages)}.csv"
            self.client.export(sheet, path, self.config.encoding, extra)
            if self.cut_short and sheet is self.cards:
                path.write_bytes(path.read_bytes() + b"9,x\r\n")
            self._age(path)

    def drop(self, name: str, content: str | bytes, *, folder: Path | None = None) -> Path:
        """A file appears among the exports, or in another folder."""
        path = (folder or self.exports) / name
        raw = content if isinstance(content, bytes) else content.replace("\n", "\r\n").encode(self.config.encoding)
        path.write_bytes(raw)
        self._age(path)
        return path

    def _age(self, path: Path) -> None:
        age = next(self._ages)
        os.utime(path, (age, age))

    # what a run does

    def pages(self, stream: str, cursor: str | None = None) -> list[Page]:
        """All pages of a stream."""
        return list(self.adapter().pull(stream, cursor))

    def pull(self, stream: str = "名刺", cursor: str | None = None) -> tuple[list[Record], str]:
        """All records of a stream, and the cursor behind them."""
        pages = self.pages(stream, cursor)
        return [record for page in pages for record in page.records], pages[-1].cursor

    def push(self, *changes: AnyChange) -> list[Receipt]:
        """Push changes by a new adapter."""
        return list(self.adapter().push(changes))

    def waiting(self, folder: str = "") -> list[str]:
        """The import files that lie there."""
        return sorted(str(path.relative_to(self.imports)) for path in (self.imports / folder).rglob("*.csv"))

    def table(self, file: str) -> list[dict[str, str]]:
        """The rows of an import file."""
        raw = (self.imports / file).read_bytes().decode(self.config.encoding)
        return list(csv.DictReader(io.StringIO(raw, newline="")))

    def rows(self, kind: str) -> list[dict[str, str]]:
        """All rows that wait in a folder of imports."""
        return [row for file in self.waiting(kind) for row in self.table(file)]

    # changes

    def set_fields(self, code: str, **values: Value) -> SetFields:
        """Write values to a 名刺."""
        ref = Ref(self.name, "名刺", code)
        return SetFields(key=f"set:{ref}", system=self.name, identity="p1", lane=Lane.SCORES, ref=ref, values=values)

    def create(self, key: str, **values: Value) -> CreatePerson:
        """Create a 名刺."""
        return CreatePerson(
            key=f"create:{key}", system=self.name, identity=key, lane=Lane.SCORES, object="名刺",
            key_field="連携キー", key_value=key, values=values,
        )  # fmt: skip

    def alert(self, key: str, **rest: Any) -> RaiseAlert:
        """Tell an owner something."""
        return RaiseAlert(
            key=key, system=self.name, identity="p1", lane=Lane.ALERTS, rule="r", subject="person:p1",
            **{"owner_id": "", "title": "動き", "body": "資料をダウンロード", **rest},
        )  # fmt: skip

    def entry(self, key: str, code: str, **rest: Any) -> AddTouchpoint:
        """Show sales a touchpoint."""
        return AddTouchpoint(
            key=key, system=self.name, identity="p1", lane=Lane.BACKFILL, person=Ref(self.name, "名刺", code),
            owner_id=None, **{"title": "セミナー参加", "body": "春のセミナー", **rest},
        )  # fmt: skip


def of(kind: type, records: Iterable[Record]) -> list[Any]:
    """The records of one kind."""
    return [record for record in records if isinstance(record, kind)]


def asking(object_: str, **changes: Any) -> Needs:
    """The needs of these tests, changed in one object."""
    objects: Mapping[str, ObjectNeeds] = {**NEEDS.objects, object_: replace(NEEDS.objects[object_], **changes)}
    return replace(NEEDS, objects=objects)
