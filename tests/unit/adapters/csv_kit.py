"""A folder, an adapter on it, and the people who drop and fetch files."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from connector.adapters.csvfile import CsvFile
from connector.adapters.csvfile.config import Config, File
from connector.changes import (
    AddToList,
    AnyChange,
    CreatePerson,
    Lane,
    RaiseAlert,
    RemoveFromList,
    SetFields,
)
from connector.model import Record, Ref, Role, Value
from connector.ports import Needs, ObjectNeeds, Page, Receipt
from connector.spec import Mark, parse, read_yaml_text

PEOPLE = """\
pattern: "人物*.csv"
kind: people
columns: {id: 番号, email: メール, name: 氏名, company: 会社, phone: 電話}
"""
CARDS = """\
pattern: "名刺*.csv"
kind: touchpoints
columns: {happened: 日付, email: メール, name: 氏名, company: 会社, phone: 電話}
defaults: {touchpoint: business_card}
"""
NEEDS = Needs(
    objects={
        "person": ObjectNeeds(
            read=frozenset({"スコア", "根拠"}), write=frozenset({"スコア", "根拠"}), key="連携ID", create=True
        )
    },
    lists=frozenset({"失注"}),
    alerts=True,
)


def layout(text: str) -> File:
    """A layout as an administrator writes it."""
    data, problems = read_yaml_text(text, "files.yaml")
    built, more = parse(File, data, Mark("files.yaml", 1, 1))
    assert built is not None, [str(problem) for problem in [*problems, *more]]
    return built


class Office:
    """One CSV system under a folder. Every adapter is a new one, as after a restart."""

    def __init__(self, root: Path, *layouts: str, needs: Needs = NEEDS, **options: Any) -> None:
        self.folder, self.out = root / "in", root / "out"
        self.folder.mkdir()
        self.out.mkdir()
        self.needs = needs
        self.config = Config(
            role=Role.SFA, folder=str(self.folder), out=str(self.out), files=tuple(map(layout, layouts)),
            **{"encoding": "cp932", "settle": timedelta(0), **options},
        )  # fmt: skip
        self._ages = count(1_770_000_000)

    @property
    def adapter(self) -> CsvFile:
        """A new adapter."""
        return CsvFile("csv", self.config, self.needs)

    def drop(self, name: str, content: str | bytes) -> Path:
        """Somebody drops a file; lines of text end as on Windows."""
        path = self.folder / name
        raw = content if isinstance(content, bytes) else content.replace("\n", "\r\n").encode(self.config.encoding)
        path.write_bytes(raw)
        age = next(self._ages)
        os.utime(path, (age, age))
        return path

    def pages(self, stream: str, cursor: str | None = None) -> list[Page]:
        """All pages of a stream."""
        return list(self.adapter.pull(stream, cursor))

    def pull(self, stream: str, cursor: str | None = None) -> tuple[list[Record], str]:
        """All records of a stream, and the cursor behind them."""
        pages = self.pages(stream, cursor)
        return [record for page in pages for record in page.records], pages[-1].cursor

    def push(self, *changes: AnyChange) -> list[Receipt]:
        """Push changes by a new adapter."""
        return list(self.adapter.push(changes))

    def table(self, file: str) -> list[dict[str, str]] | None:
        """The rows of a file in `out`; None when it is not there."""
        path = self.out / file
        if not path.exists():
            return None
        return list(csv.DictReader(io.StringIO(path.read_bytes().decode(self.config.encoding), newline="")))

    def waiting(self) -> set[str]:
        """What lies in the folder, with what was put away."""
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}


def rows(header: str, *lines: str) -> str:
    """A file's text."""
    return "".join(f"{line}\n" for line in (header, *lines))


def of(kind: type, records: Iterable[Record]) -> list[Any]:
    """The records of one kind."""
    return [record for record in records if isinstance(record, kind)]


def set_fields(id_: str, **values: Value) -> SetFields:
    """Write values to a person."""
    ref = Ref("csv", "person", id_)
    return SetFields(key=f"set:{ref}", system="csv", identity="p1", lane=Lane.SCORES, ref=ref, values=values)


def create(key: str, **values: Value) -> CreatePerson:
    """Create a person."""
    return CreatePerson(
        key=f"create:{key}", system="csv", identity=key, lane=Lane.SCORES, object="person", key_field="連携ID",
        key_value=key, values=values,
    )  # fmt: skip


def put_on(name: str, id_: str, object_: str = "person") -> AddToList:
    """Put a person on a list."""
    ref = Ref("csv", object_, id_)
    return AddToList(key=f"add:{name}:{ref}", system="csv", identity="p1", lane=Lane.NURTURE, list=name, person=ref)


def take_off(name: str, id_: str) -> RemoveFromList:
    """Take a person off a list."""
    ref = Ref("csv", "person", id_)
    return RemoveFromList(
        key=f"off:{name}:{ref}", system="csv", identity="p1", lane=Lane.NURTURE, list=name, person=ref
    )


def alert(key: str, due_on: Any, **rest: Any) -> RaiseAlert:
    """Tell an owner something."""
    return RaiseAlert(
        key=key, system="csv", identity="p1", lane=Lane.ALERTS, rule="r", subject="person:p1", due_on=due_on,
        **{"owner_id": "", "title": "動き", "body": "資料をダウンロード", **rest},
    )  # fmt: skip
