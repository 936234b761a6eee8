"""Writing, one record a call: the bulk calls are known by name only.

* SetFields looks for the record first. Whether a PUT with the key of nobody makes a record is not known.
* CreatePerson and rows of alerts look for our key first, so that a creation whose answer was lost is found by the next
  attempt and never repeated blindly.
* An answer to a write that is no answer (plain text, no primary key) is settled by reading the record.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector.adapters.esales.calls import Unclear, unanswered
from connector.adapters.esales.options import AlertFields, AlertRows, Config
from connector.adapters.esales.remix.client import Client
from connector.adapters.esales.remix.records import COMPANY_LINK
from connector.adapters.esales.remix.search import Searcher, number_is, text_is
from connector.adapters.esales.remix.sheets import COMPANY, PERSON, Column, Sheet, Sheets
from connector.adapters.esales.remix.values import item, read
from connector.adapters.esales.speech import Unfit, emptied, not_probed, refused
from connector.adapters.esales.words import EMPTY, WrongValue, same
from connector.changes import AnyChange, CreatePerson, RaiseAlert, SetFields
from connector.errors import Refused, text
from connector.model import Value
from connector.ports import Needs, Receipt

_COMPANY_NAME = 301
_LOOK_SECONDS = 60.0
_OTHER_RECORD = text("the answer tells of another record", "応答が別のレコードを指しています")


@dataclass(frozen=True, slots=True)
class Body:
    """Values on their way to one record."""

    columns: Sequence[Column]
    values: Sequence[Value]
    items: Sequence[Mapping[str, Any]]


class Writer:
    """Carries changes out in one tenant."""

    def __init__(self, client: Client, sheets: Sheets, searcher: Searcher, config: Config, needs: Needs) -> None:
        self._client = client
        self._sheets = sheets
        self._searcher = searcher
        self._config = config
        self._needs = needs
        self._looked_anew_at = -math.inf
        self._leaves_alone = False
        """Whether an update of this run was seen to leave other fields as they were."""

    def push(self, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        """See `Adapter.push`."""
        if changes and self._needs.probed.get("put") != "partial":
            raise not_probed(self._client.name)
        for change in changes:
            try:
                yield Receipt(change.key, "done", self._carry_out(change))
            except Unfit as unfit:
                yield refused(change.key, unfit.code, unfit.place, unfit.said)
            except Refused as error:
                self._look_anew()
                yield refused(change.key, error.code, _place(change), error.said)

    def _look_anew(self) -> None:
        """A column or choice may have changed since it was looked up; a row of refusals is told by the first."""
        now = self._client.http.clock()
        if now - self._looked_anew_at >= _LOOK_SECONDS:
            self._looked_anew_at = now
            self._sheets.forget()

    def _carry_out(self, change: AnyChange) -> str | None:
        if isinstance(change, SetFields):
            return self._set(change.ref.object, change.ref.id, change.values)
        if isinstance(change, CreatePerson):
            return self._create(change)
        if isinstance(change, RaiseAlert):
            return self._alert(change)
        raise TypeError(change)

    # --- records ------------------------------------------------------------------------------------------------------

    def _set(self, name: str, id_: str, values: Mapping[str, Value]) -> str:
        sheet = self._sheet(name)
        body = self._body(sheet, values)
        columns = body.columns if self._leaves_alone else list(sheet.columns.values())
        held = self._held(sheet, id_, columns) if id_.isdigit() else None
        if held is None:
            raise Unfit("GONE", name)
        done = self._put(sheet, id_, body)
        if not self._leaves_alone:
            self._look_after(sheet, id_, body, held)
        return done

    def _look_after(self, sheet: Sheet, id_: str, body: Body, before: Mapping[int, Any]) -> None:
        """Whether a write still does what the probe has found: the product may have changed since."""
        written = {column.code for column in body.columns}
        filled = sheet.optional(code for code, value in before.items() if value not in EMPTY and code not in written)
        after = self._held(sheet, id_, filled) if filled else None
        if after is None:
            return
        lost = [column.name for column in filled if after[column.code] in EMPTY]
        if lost:
            raise emptied(self._client.name, sheet.name, lost)
        self._leaves_alone = True

    def _put(self, sheet: Sheet, id_: str, body: Body) -> str:
        assert sheet.key is not None  # noqa: S101  only sheets with a known key are updated
        try:
            told = self._client.write("PUT", sheet.name, [{"column_code": sheet.key, "num": int(id_)}, *body.items])
        except Unclear as unclear:
            held = self._held(sheet, id_, body.columns)
            if not held:
                raise
            if not all(self._is_there(sheet, held, *each) for each in zip(body.columns, body.values, strict=True)):
                raise unanswered(unclear) from None
            return id_
        if told != id_:
            raise Unclear(_OTHER_RECORD, where=self._client.name)
        return id_

    def _create(self, change: CreatePerson) -> str:
        sheet = self._sheet(change.object)
        key = self._key(sheet, change.key_field)
        values = self._with_company(sheet, {**change.values, change.key_field: change.key_value})
        body = self._body(sheet, values)
        own = self._ids_with(sheet, key, change.key_value)
        if len(own) > 1:
            raise Unfit("KEY_TWICE", f"{sheet.name}.{change.key_field}")
        if own:
            return self._put(sheet, own[0], body)
        try:
            return self._client.write("POST", sheet.name, body.items)
        except Unclear as unclear:
            own = self._ids_with(sheet, key, change.key_value)
            if len(own) == 1:
                return own[0]
            raise unanswered(unclear) from None

    def _with_company(self, sheet: Sheet, values: Mapping[str, Value]) -> dict[str, Value]:
        """The name of a company becomes the key of the one 顧客 that bears it."""
        link = COMPANY_LINK.get(sheet.name)
        found = dict(values)
        for native, value in values.items():
            column = sheet.column(native)
            if column is None or column.code != link or not isinstance(value, str) or not value:
                continue
            companies = self._sheet(COMPANY)
            assert companies.key is not None  # noqa: S101  the one of 顧客 is known
            answer = self._searcher.by_key(COMPANY, companies.key, [text_is(_COMPANY_NAME, value)], [_COMPANY_NAME])
            same = [id_ for id_, row in answer.rows.items() if row[_COMPANY_NAME] == value]
            if len(same) != 1 or answer.hits != len(answer.rows):
                raise Unfit("NO_COMPANY", f"{sheet.name}.{native}")
            found[native] = same[0]
        return found

    # --- alerts -------------------------------------------------------------------------------------------------------

    def _alert(self, change: RaiseAlert) -> str | None:
        for way in self._config.alert.via:
            options = getattr(self._config.alert, way)
            if isinstance(options, AlertRows):
                return self._row(change, options, options.sheet or "todo")
            person = self._own(change.person)
            if isinstance(options, AlertFields) and person is not None:
                return self._on_person(change, person, options)
        raise Unfit("NO_WAY", "alert.via")

    def _on_person(self, change: RaiseAlert, id_: str, options: AlertFields) -> str:
        values: dict[str, Value] = {options.key: change.key, options.title: change.title}
        if options.body is not None:
            values[options.body] = change.body
        return self._set(PERSON, id_, values)

    def _row(self, change: RaiseAlert, options: AlertRows, name: str) -> str | None:
        sheet = self._sheet(name)
        key = self._key(sheet, options.key)
        given: dict[str | None, Value] = {
            options.body: change.body,
            options.owner: change.owner_id,
            options.due: change.due_on,
            options.person: self._own(change.person),
            options.deal: self._own(change.deal),
        }
        values = {field: value for field, value in given.items() if field is not None and value not in (None, "")}
        body = self._body(sheet, {options.key: change.key, options.title: change.title, **values})
        if self._is_keyed(sheet, key, change.key):
            return None
        try:
            return self._client.write("POST", sheet.name, body.items)
        except Unclear as unclear:
            if self._is_keyed(sheet, key, change.key):
                return None
            raise unanswered(unclear) from None

    def _own(self, ref: Any) -> str | None:
        return ref.id if ref is not None and ref.system == self._client.name else None

    # --- looking ------------------------------------------------------------------------------------------------------

    def _sheet(self, name: str) -> Sheet:
        found = self._sheets.sheet(name)
        if found is None:
            raise Unfit("NO_SHEET", name)
        return found

    def _key(self, sheet: Sheet, native: str) -> Column:
        found = sheet.column(native)
        if found is None:
            raise Unfit("NO_FIELD", f"{sheet.name}.{native}")
        if found.type != "text":
            raise Unfit("KEY_NOT_TEXT", f"{sheet.name}.{native}")
        return found

    def _body(self, sheet: Sheet, values: Mapping[str, Value]) -> Body:
        columns, items = [], []
        for native, value in values.items():
            column = sheet.column(native)
            if column is None:
                raise Unfit("NO_FIELD", f"{sheet.name}.{native}")
            if column.code == sheet.key:
                raise Unfit("READ_ONLY", f"{sheet.name}.{native}")
            if value in (None, "") and self._needs.probed.get("clear") == "no":
                raise Unfit("CANNOT_CLEAR", f"{sheet.name}.{native}")
            try:
                items.append(item(column, value, self._sheets.choices(sheet.name, column), self._needs.timezone))
            except WrongValue as wrong:
                raise Unfit(str(wrong), f"{sheet.name}.{native}") from None
            columns.append(column)
        return Body(columns, list(values.values()), items)

    def _held(self, sheet: Sheet, id_: str, columns: Sequence[Column]) -> Mapping[int, Any] | None:
        """What a record holds; None: it is not there."""
        if sheet.key is None:
            raise Unfit("NO_SHEET", sheet.name)
        codes = [column.code for column in columns]
        answer = self._searcher.by_key(sheet.name, sheet.key, [number_is(sheet.key, "=", int(id_))], codes)
        return answer.rows.get(int(id_))

    def _is_there(self, sheet: Sheet, row: Mapping[int, Any], column: Column, value: Value) -> bool:
        """Whether a record holds a value as it would be read had it been written."""
        choices = self._sheets.choices(sheet.name, column)
        sent = item(column, value, choices, self._needs.timezone)
        wanted = next(held for member, held in sent.items() if member != "column_code")
        try:
            return same(read(column, row[column.code], choices), read(column, wanted, choices))
        except WrongValue:
            return False

    def _ids_with(self, sheet: Sheet, key: Column, value: str) -> list[str]:
        """The records that bear our key, which is compared here once more: how the search compares is not known."""
        if sheet.key is None:
            raise Unfit("NO_SHEET", sheet.name)
        found: list[str] = []
        for rows in self._searcher.all(sheet.name, sheet.key, [text_is(key.code, value)], [key.code]):
            found += [str(id_) for id_, row in rows.items() if row[key.code] == value and str(id_) not in found]
        return found

    def _is_keyed(self, sheet: Sheet, key: Column, value: str) -> bool:
        """As `_ids_with`, on a sheet whose primary key is not known."""
        hits, rows = self._searcher.rows(sheet.name, [text_is(key.code, value)], [key.code])
        if hits and not any(row[key.code] == value for row in rows):
            raise Unfit("OUTCOME_UNKNOWN", f"{sheet.name}.{key.name}")
        return hits > 0


def _place(change: AnyChange) -> str:
    if isinstance(change, SetFields):
        return ", ".join(f"{change.ref.object}.{name}" for name in change.values)
    return change.object if isinstance(change, CreatePerson) else "alert"
