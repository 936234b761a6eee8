"""Changes as rows in files that people carry into the other system.

What lies in `out` is what nobody has taken yet: a row stays in its file, once and up to date, until somebody takes
the file away (moves or deletes it after importing); the next file then holds only what came after.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import assert_never
from zoneinfo import ZoneInfo

from connector.adapters.csvfile import cells, letters
from connector.adapters.csvfile.book import Book, Known
from connector.adapters.csvfile.config import Config, File
from connector.adapters.csvfile.telling import DEAL, OWNER, derived_id
from connector.changes import (
    AddToList,
    AddTouchpoint,
    AnyChange,
    CloseAlert,
    CreatePerson,
    RaiseAlert,
    RemoveFromList,
    SetFields,
)
from connector.errors import text
from connector.model import PERSON_FIELDS, Ref, Value
from connector.ports import Receipt

ALERTS, TIMELINE, LISTS = "alerts.csv", "timeline.csv", "lists"
_NOT_IN_NAMES = re.compile(r'[\\/:*?"<>|\x00-\x1f]|^[.~]')

NOT_THERE = text(
    "no such record in the files read so far", "これまでに読み込んだファイルに該当するレコードがありません"
)
EXPORT_AGAIN = text("drop a fresh export", "最新のエクスポートを置いてください")
CAME_BACK = text("the record has an id of its own now", "このレコードには正式なIDが付きました")


def updates_file(object_: str) -> str:
    """The file of field values for people of an object."""
    return f"{_file_name(object_)}.csv"


def new_file(object_: str) -> str:
    """The file of people to be created."""
    return f"{_file_name(object_)}-new.csv"


def list_file(name: str) -> str:
    """The file of a list's whole membership."""
    return f"{LISTS}/{_file_name(name)}.csv"


def _file_name(name: str) -> str:
    """`name` where a file system takes it; otherwise without the letters it doesn't, and still unmistakable."""
    safe = _NOT_IN_NAMES.sub("_", name)
    return safe if safe == name else f"{safe}-{derived_id(name)[:7]}"


class Desk:
    """Takes changes within one transaction of the book, and notes which files they touch."""

    def __init__(self, config: Config, zone: ZoneInfo, book: Book) -> None:
        self._layouts = config.files
        self._encoding = config.encoding
        self._zone = zone
        self._book = book
        self.touched: dict[str, str] = {}
        """The files to be written anew, with the object of their people or the name of their list."""

    def carry_out(self, change: AnyChange) -> Receipt:
        """What became of a change."""
        match change:
            case SetFields():
                return self._set(change, change.ref, change.values)
            case CreatePerson():
                return self._create(change)
            case RaiseAlert():
                return self._once(change, ALERTS, self._alert(change))
            case AddTouchpoint():
                return self._entry(change)
            case AddToList():
                return self._add(change)
            case RemoveFromList():
                self._book.drop_member(change.list, change.person.object, change.person.id)
                self._hand_out_list(change.list)
                return Receipt(change.key, "done", change.person.id)
            case CloseAlert():
                raise TypeError(change)  # never declared
            case _:
                assert_never(change)

    def _set(self, change: AnyChange, ref: Ref, values: Mapping[str, Value]) -> Receipt:
        refusal = self._refusal(change, ref)
        if refusal is not None:
            return refusal
        created = self._book.creations("object = ? AND id = ? AND successor IS NULL", (ref.object, ref.id))
        key = created[0].key if created else ref.id
        file = new_file(ref.object) if created else updates_file(ref.object)
        row = self._hand_out(file, ref.object, key, values)
        known = self._book.known(ref.object, ref.id) or Known(ref.object, ref.id)
        known.written |= self._written(row)
        self._book.remember(known)
        return Receipt(change.key, "done", ref.id)

    def _create(self, change: CreatePerson) -> Receipt:
        created = self._book.create(change.object, change.key_value, f"new-{change.key_value}")
        if created.successor is not None:
            return self._set(change, Ref(change.system, change.object, created.successor), change.values)
        values = {change.key_field: change.key_value, **change.values}
        row = self._hand_out(new_file(change.object), change.object, change.key_value, values)
        self._book.remember(self._as_known(change.object, created.id, row))
        return Receipt(change.key, "done", created.id)

    def _entry(self, change: AddTouchpoint) -> Receipt:
        refusal = self._refusal(change, change.person)
        if refusal is not None:
            return refusal
        row = {
            "日付": change.on,
            "日時": change.happened_at,
            **self._who(change.person),
            "件名": change.title,
            "内容": change.body,
        }
        return self._once(change, TIMELINE, row)

    def _add(self, change: AddToList) -> Receipt:
        refusal = self._refusal(change, change.person)
        if refusal is not None:
            return refusal
        self._book.add_member(change.list, change.person.object, change.person.id)
        self._hand_out_list(change.list)
        return Receipt(change.key, "done", change.person.id)

    def _alert(self, change: RaiseAlert) -> dict[str, Value]:
        owner = self._book.known(OWNER, change.owner_id)
        deal = self._book.known(DEAL, change.deal.id) if change.deal else None
        return {
            "期限": change.due_on,
            "担当者": owner.name if owner else change.owner_id,
            "件名": change.title,
            "内容": change.body,
            **self._who(change.person),
            "案件ID": change.deal.id if change.deal else None,
            "案件名": deal.name if deal else None,
        }

    def _who(self, person: Ref | None) -> dict[str, Value]:
        known = self._book.known(person.object, person.id) if person else None
        fields = known.fields if known else {}
        name = fields.get("name") or " ".join(fields[w] for w in ("family_name", "given_name") if fields.get(w))
        return {
            "人物ID": person.id if person else None,
            "会社名": fields.get("company"),
            "氏名": name,
            "メールアドレス": fields.get("email"),
        }

    def _once(self, change: AnyChange, file: str, row: Mapping[str, Value]) -> Receipt:
        self._touch(file)
        shown = {header: cells.shown(value, self._zone) for header, value in row.items()}
        self._book.hand_out(file, change.key, {**shown, "キー": change.key}, again=False)
        return Receipt(change.key, "done", change.key)

    def _hand_out(self, file: str, object_: str, key: str, values: Mapping[str, Value]) -> dict[str, str]:
        self._touch(file, object_)
        row = (self._book.handed_out(file, key) or {}) | {n: cells.shown(v, self._zone) for n, v in values.items()}
        self._book.hand_out(file, key, row, again=True)
        return row

    def _hand_out_list(self, name: str) -> None:
        self._touch(list_file(name), name)
        self._book.hand_out(list_file(name), name, {}, again=True)

    def _refusal(self, change: AnyChange, ref: Ref) -> Receipt | None:
        if self._book.known(ref.object, ref.id) is None:
            return Receipt(change.key, "refused", code="not_found", what=NOT_THERE, fix=EXPORT_AGAIN)
        if self._book.creations("object = ? AND id = ? AND successor <> id", (ref.object, ref.id)):
            return Receipt(change.key, "refused", code="not_found", what=CAME_BACK)
        return None

    def _as_known(self, object_: str, id_: str, row: Mapping[str, str]) -> Known:
        """A created person as reading it from a file would tell."""
        columns = columns_of(self._layouts, object_)
        fields = {word: row[header] for word, header in columns.items() if word != "id" and row.get(header)}
        return Known(
            object_,
            id_,
            cells.fold(fields.get("email", "")),
            derived=True,
            fields=fields,
            native=dict(row),
            written=self._written(row),
        )

    def _written(self, row: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        """What will be read of the cells of a row, and what is meant by them."""
        given = {name: letters.cell_of(value, self._encoding)[0] for name, value in row.items()}
        return {name: (letters.read_back(cell, self._encoding), row[name]) for name, cell in given.items()}

    def _touch(self, file: str, about: str = "") -> None:
        self.touched[file] = about


def columns_of(layouts: Sequence[File], object_: str) -> dict[str, str]:
    """Our words for a person and the headers they have in files about such people, files of people before others."""
    columns: dict[str, str] = {}
    for layout in sorted(layouts, key=lambda one: one.kind != "people"):
        if layout.kind in ("people", "touchpoints", "lists") and layout.object == object_:
            words = PERSON_FIELDS if layout.kind != "people" else ("id", *PERSON_FIELDS)
            single = {word: headers[0] for word, headers in layout.columns.items() if len(headers) == 1}
            columns = {word: header for word, header in single.items() if word in words} | columns
    return columns
