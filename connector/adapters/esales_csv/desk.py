"""Changes as rows of import files: what each becomes, and what is refused before it is written.

A row holds its matching key and the columns of its change, nothing else; rows with other columns go into other files.
So no cell of an import is ever blank, whether or not the import is set to erase by blank cells (空データで更新する).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import assert_never

from connector.adapters.esales_csv.config import NEW, PERSON, UPDATES, AlertFields, Alerts, Config, Timeline
from connector.adapters.esales_csv.refusals import refusal
from connector.adapters.esales_csv.spelling import Spelling, Unwritable
from connector.adapters.esales_csv.state import Known, Row, State, same_cells
from connector.adapters.esales_csv.telling import OWNER
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
from connector.model import Ref, Value
from connector.ports import Receipt

NOT_THERE = Unwritable(
    "not_found",
    text("no such 名刺 in the last exports", "直近のエクスポートに該当する名刺がありません"),
    text("export again", "エクスポートし直してください"),
)
CAME_BACK = Unwritable(
    "not_found",
    text("the 名刺 has a code of its own now", "この名刺には正式なコードが付きました"),
    text("nothing: the next run writes under that code", "対応不要です。次回の実行で正式なコードに書き込みます"),
)
SEVERAL = Unwritable(
    "several",
    text("several 名刺 hold this key; the import would refuse the row", "同じキーの名刺が複数あり、取り込めません"),
    text("join them, or clear the key in all but one", "名刺を統合するか、1件以外のキーを空にしてください"),
)
OWN_CODE = Unwritable(
    "own_code",
    text(
        "the code of a 名刺 is e-Sales Manager's own", "名刺のコードは e-Sales Manager が付けるもので、書き込めません"
    ),
    text("take it out of people.yaml", "people.yaml から外してください"),
)
NOT_SET_UP = Unwritable(
    "not_set_up",
    text("no 拡張シート is named for this", "書き込み先の拡張シートが設定されていません"),
    text("add `alerts` or `timeline` to the system", "連携先に alerts または timeline を追加してください"),
)
NO_CARD = Unwritable(
    "no_card",
    text("the alert is about no 名刺 that could hold it", "通知を書き込む名刺がありません"),
    text("name a 拡張シート for alerts", "alerts に拡張シートを指定してください"),
)
NO_OWNER = Unwritable(
    "no_owner",
    text("no export has told of this owner yet", "この担当者はまだエクスポートに現れていません"),
    text("export 名刺 and 案件 again", "名刺と案件をエクスポートし直してください"),
)


class Desk:
    """Takes changes within one transaction of the state."""

    def __init__(self, config: Config, spelling: Spelling, state: State) -> None:
        self._config = config
        self._spelling = spelling
        self._state = state

    def carry_out(self, change: AnyChange) -> Receipt:
        """What became of a change."""
        try:
            match change:
                case SetFields():
                    return self._set(change, change.ref, change.values)
                case CreatePerson():
                    return self._create(change)
                case RaiseAlert():
                    return self._alert(change)
                case AddTouchpoint():
                    return self._entry(change)
                case AddToList() | RemoveFromList() | CloseAlert():
                    raise TypeError(change)  # never declared
                case _:
                    assert_never(change)
        except Unwritable as error:
            return error.receipt(change.key)

    def _set(self, change: AnyChange, ref: Ref, values: Mapping[str, Value]) -> Receipt:
        created = self._state.creation(ref.id)
        known = self._state.known(PERSON, ref.id) if ref.object == PERSON else None
        if created is not None and created.successor is not None:
            raise CAME_BACK
        if known is None:
            raise NOT_THERE
        if created is None:
            return self._write(change, known, values, UPDATES, {self._config.people.key: ref.id})
        # The import may not have made it yet, so each of its rows must be able to: it tells all that we know.
        told = {column: cell for column, (cell, _) in known.written.items()}
        return self._write(change, known, values, NEW, told)

    def _create(self, change: CreatePerson) -> Receipt:
        bearers = [known for known in self._state.with_key(PERSON, change.key_value) if known.id != _made(change)]
        if len(bearers) > 1:
            raise SEVERAL
        if bearers:
            return self._set(change, Ref(change.system, PERSON, bearers[0].id), change.values)
        cells, _ = self._cells({change.key_field: change.key_value, **change.values})
        created = self._state.create(change.key_value, _made(change))
        known = self._state.known(PERSON, created.id) or Known(PERSON, created.id, change.key_value)
        told = {column: cell for column, (cell, _) in known.written.items()}
        first = {change.key_field: cells[change.key_field], **told}
        return self._write(change, known, {change.key_field: change.key_value, **change.values}, NEW, first)

    def _write(
        self, change: AnyChange, known: Known, values: Mapping[str, Value], kind: str, first: Mapping[str, str]
    ) -> Receipt:
        """Hand out a row of `first` and `values`; its leading cell is the matching key."""
        if self._config.people.key in values:
            raise OWN_CODE  # in place of the matching key it would overwrite another card, and no import can be undone
        cells, lost = self._cells(values)
        key = next(iter(first.values()))
        refused = self._refused_before(change, kind, key, cells)
        if refused is not None:
            return refused
        before = {column: known.native.get(column, "") for column in cells}
        self._hand_out(Row(0, kind, key, known.id, {**first, **cells}, before, lost))
        known.native |= cells
        meant = {column: _meant(value) for column, value in values.items()}
        known.written |= {column: (cell, meant[column]) for column, cell in cells.items()}
        self._state.remember(known)
        return Receipt(change.key, "done", known.id)

    def _entry(self, change: AddTouchpoint) -> Receipt:
        sheet = self._config.timeline
        if sheet is None:
            raise NOT_SET_UP
        code = self._code(change.person)
        if code is None and self._state.creation(change.person.id) is not None:
            what = text("the new 名刺 has no code yet", "新しい名刺のコードがまだ分かりません")
            return Receipt(change.key, "retry", code="not_yet", what=what)
        if code is None:
            raise NOT_THERE
        owner = self._state.known(OWNER, change.owner_id) if change.owner_id else None
        row = {
            sheet.title: change.title,
            sheet.person: code,
            sheet.body: change.body,
            sheet.on: change.on,
            sheet.happened: change.happened_at,
            sheet.owner: owner.name if owner else None,
        }
        return self._once(change, sheet, row)

    def _alert(self, change: RaiseAlert) -> Receipt:
        if self._config.alert_fields is not None:
            return self._alert_on_card(change, self._config.alert_fields)
        sheet = self._config.alerts
        if sheet is None:
            raise NOT_SET_UP
        owner = self._state.known(OWNER, change.owner_id)
        if owner is None and change.owner_id and sheet.owner:
            raise NO_OWNER
        row = {
            sheet.title: change.title,
            sheet.body: change.body,
            sheet.due: change.due_on,
            sheet.owner: owner.name if owner else None,
            sheet.person: self._code(change.person) if change.person else None,
            sheet.deal: change.deal.id if change.deal else None,
        }
        return self._once(change, sheet, row)

    def _alert_on_card(self, change: RaiseAlert, fields: AlertFields) -> Receipt:
        if change.person is None:
            raise NO_CARD
        code = self._code(change.person)
        ref = Ref(change.system, PERSON, code) if code else change.person
        row: dict[str | None, Value] = {
            fields.key: change.key,
            fields.title: change.title,
            fields.body: change.body,
            fields.due: change.due_on,
        }
        filled = {column: value for column, value in row.items() if column is not None and value not in (None, "")}
        return self._set(change, ref, filled)

    def _once(self, change: AnyChange, sheet: Timeline | Alerts, row: Mapping[str | None, Value]) -> Receipt:
        """A row under our key, once; again only when the import refused it and the change is offered anew."""
        filled = {column: value for column, value in row.items() if column is not None and value not in (None, "")}
        cells, lost = self._cells({sheet.key: change.key, **filled})
        rows = self._state.rows(sheet.sheet, change.key)
        if any(each.refused for each in rows):
            for each in rows:
                self._state.drop(each)
            rows = []
        if not rows:
            self._state.put(Row(0, sheet.sheet, change.key, "", cells, {}, lost))
        return Receipt(change.key, "done", change.key)

    def _cells(self, values: Mapping[str, Value]) -> tuple[dict[str, str], list[tuple[str, str]]]:
        """Values as cells, and what they lost.

        :raises Unwritable: when one cannot be written, or would have to be blank
        """
        blank = [column for column, value in values.items() if value is None or not str(value).strip()]
        if blank:
            raise Unwritable(
                "blank",
                text(
                    "{columns}: an import cannot erase",
                    "{columns}: インポートでは空にできません",
                    columns=", ".join(blank),
                ),
                text("erase it on the screen, or set `blank: keep`", "画面で消すか、blank: keep を設定してください"),
            )
        cells, lost = {}, []
        for column, value in values.items():
            cells[column], letters = self._spelling.cell(column, value)
            if letters:
                lost.append((column, letters))
        return cells, lost

    def _refused_before(self, change: AnyChange, kind: str, key: str, cells: Mapping[str, str]) -> Receipt | None:
        """The import's refusal of the same row, told once: whoever offers it again means it."""
        rows = self._state.rows(kind, key)
        if not rows or not rows[-1].refused:
            return None
        if not any(rows[-1].cells.get(column) == cell for column, cell in cells.items()):
            return None
        self._state.told(rows[-1])
        why = refusal(rows[-1].refused)
        return Receipt(change.key, "refused", code=rows[-1].refused, what=why.what, fix=why.fix, said=rows[-1].said)

    def _hand_out(self, row: Row) -> None:
        """Put a row, unless those that wait to be imported say the same; one with those that stand in no file yet."""
        rows = self._state.rows(row.kind, row.key)
        if same_cells([each for each in rows if not each.taken], row.cells):
            return
        cells, before, lost = dict(row.cells), dict(row.before), dict(row.lost)
        for each in reversed(rows):
            if each.file is None:
                cells, before, lost = each.cells | cells, before | each.before, dict(each.lost) | lost
                self._state.drop(each)
        self._state.put(Row(0, row.kind, row.key, row.id, cells, before, list(lost.items())))

    def _code(self, person: Ref) -> str | None:
        """The code of a 名刺 that is there."""
        created = self._state.creation(person.id)
        id_ = created.successor if created is not None else person.id
        known = self._state.known(PERSON, id_) if id_ else None
        return known.id if known else None


def _meant(value: Value) -> str:
    """A value as it is to be told when its cell is read back; empty for one that a cell tells by itself."""
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, str) else ""


def _made(change: CreatePerson) -> str:
    """The id of a 名刺 that has no code yet."""
    return f"new-{change.key_value}"
