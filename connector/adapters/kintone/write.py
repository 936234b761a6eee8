"""Writing: up to 100 records of one app in a request that is carried out as a whole or not at all.

* SetFields updates by record number, so that a record that is gone is never made again. No revision goes with it:
  kintone touches only the fields that are sent, and those that a mapping writes are ours.
* CreatePerson upserts by our key field.
* RaiseAlert and AddTouchpoint insert a record under our unique key. Not an upsert: that would undo what people have
  made of the record meanwhile. That the key is there already means that it was done before.

A request that fails is told apart by the index in the paths of its errors (`records[3]...`); where there is none, by
halving it. bulkRequest is not used: it would let one bad record undo up to 2,000 others, and saves no counted call
that we could rely on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import TypeVar

from connector.adapters.kintone.client import Client
from connector.adapters.kintone.comments import Commenter
from connector.adapters.kintone.entries import Entries
from connector.adapters.kintone.form import KEY_LENGTH
from connector.adapters.kintone.options import Config
from connector.adapters.kintone.queries import among
from connector.adapters.kintone.refusals import WHOLE, Conflict, Rejected, later, refused
from connector.adapters.kintone.values import Json, Unfit, write
from connector.changes import AddTouchpoint, AnyChange, CreatePerson, RaiseAlert, SetFields
from connector.errors import AdapterError
from connector.model import Ref, Value
from connector.ports import Receipt

T = TypeVar("T")

MOST = 100
"""Records in one request."""
_ATTEMPTS = 3
"""How often a write is tried that loses its race against others."""
_PAUSE = 0.2
"""Seconds before the second attempt; doubled before the third."""
_ID = re.compile(r"([0-9]+)-([0-9]+)")


@dataclass(frozen=True, slots=True)
class Row:
    """One change on its way: `target` is what no other record of the request may be about."""

    place: int
    key: str
    app: str
    action: str
    target: str
    body: Mapping[str, Json] = field(repr=False)
    key_field: str | None = None


class Writer:
    """Carries changes out in one kintone."""

    def __init__(self, client: Client, config: Config, zone: tzinfo) -> None:
        self._client = client
        self._config = config
        self._zone = zone
        self._entries = Entries(client, config, zone)
        self._commenter = Commenter(client, config)

    def push(self, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        """See `Adapter.push`."""
        receipts: dict[int, Receipt] = {}
        waiting: list[Row] = []
        told = 0
        for place, change in enumerate(changes):
            try:
                made = self._row(place, change)
            except _Misfit as misfit:
                receipts[place] = refused(change.key, misfit.code, misfit.app, misfit.names)
                continue
            except Rejected as error:  # what the app's form is, was asked in vain
                receipts[place] = refused(change.key, error.code, error.where)
                continue
            if isinstance(made, Receipt):
                receipts[place] = made
                while told in receipts:  # a comment stands, whatever becomes of the next one
                    yield receipts[told]
                    told += 1
            else:
                waiting.append(made)
        while True:
            while told in receipts:
                yield receipts[told]
                told += 1
            if not waiting:
                return
            now, waiting = _together(waiting)
            receipts |= self._send(now)

    # --- rows -------------------------------------------------------------------------------------------------------

    def _row(self, place: int, change: AnyChange) -> Row | Receipt:
        if isinstance(change, SetFields):
            return self._update(place, change)
        if isinstance(change, CreatePerson):
            return self._upsert(place, change)
        if isinstance(change, RaiseAlert):
            return self._alert(place, change)
        if isinstance(change, AddTouchpoint):
            options = self._config.timeline
            if options is None:
                raise _Misfit("NO_WAY", self._client.name)
            return self._insert(place, change.key, options.app, options.fields.key, self._entries.touchpoint(change))
        raise TypeError(change)

    def _update(self, place: int, change: SetFields) -> Row:
        number = self._number(change.ref)
        body = {"id": number, "record": self._filled(change.ref.object, change.values)}
        return Row(place, change.key, change.ref.object, "update", str(number), body)

    def _upsert(self, place: int, change: CreatePerson) -> Row:
        word, key = change.object, change.key_field
        self._check_key(word, key, change.key_value)
        # kintone fills the key field itself, and refuses it among the others.
        values = {code: value for code, value in change.values.items() if code != key}
        target = {"field": key, "value": change.key_value}
        body = {"updateKey": target, "record": self._filled(word, values)}
        return Row(place, change.key, word, "upsert", change.key_value, body)

    def _alert(self, place: int, change: RaiseAlert) -> Row | Receipt:
        options = self._config.alert
        for way in options.via if options is not None else ():
            if way == "app" and options is not None and options.app is not None:
                return self._insert(place, change.key, options.app, options.fields.key, self._entries.alert(change))
            about = self._commenter.about(change) if way == "comment" else None
            if about is not None:
                return self._comment(change, about)
        raise _Misfit("NO_WAY", self._client.name)

    def _comment(self, change: RaiseAlert, about: Ref) -> Receipt:
        word, number = about.object, self._number(about)
        try:
            return self._retrying(lambda: self._commenter.comment(change, about, number))
        except Conflict as conflict:
            return later(change.key, conflict.code, word)
        except Rejected as error:
            return refused(change.key, error.code, word)

    def _insert(self, place: int, key: str, word: str, key_field: str, values: Mapping[str, Value]) -> Row:
        self._check_key(word, key_field, key)
        filled = self._filled(word, {**values, key_field: key}, ours=True)
        return Row(place, key, word, "insert", key, filled, key_field)

    # --- values -----------------------------------------------------------------------------------------------------

    def _number(self, ref: Ref) -> int:
        if ref.object not in self._config.apps:
            raise _Misfit("NO_SUCH_APP", ref.object)
        match = _ID.fullmatch(ref.id)
        if match is None or int(match[1]) != self._client.app(ref.object).id:
            raise _Misfit("BAD_ID", ref.object)
        return int(match[2])

    def _check_key(self, word: str, code: str, key: str) -> None:
        if word not in self._config.apps:
            raise _Misfit("NO_SUCH_APP", word)
        field = self._client.form(word).find(code)
        if field is None:
            raise _Misfit("NO_SUCH_FIELD", word, code)
        if field.type != "SINGLE_LINE_TEXT" or not field.unique:
            raise _Misfit("KEY_NOT_UNIQUE", word, code)
        if len(key) > KEY_LENGTH:
            raise _Misfit("KEY_TOO_LONG", word, code)

    def _filled(self, word: str, values: Mapping[str, Value], *, ours: bool = False) -> dict[str, dict[str, Json]]:
        """Values as JSON. Checked here, because kintone ignores some of what it does not take.

        `ours`: texts are our own words, which nobody could shorten in a mapping.
        """
        form, summary = self._client.form(word), self._client.app(word).summary
        filled: dict[str, dict[str, Json]] = {}
        for code, value in values.items():
            field = form.find(code)
            if field is None:
                raise _Misfit("NO_SUCH_FIELD", word, code)
            if code in form.tables:
                raise _Misfit("IN_A_TABLE", word, code)
            if code in form.copied:
                raise _Misfit("COPIED_BY_LOOKUP", word, code)
            fitting = value
            if ours and isinstance(value, str) and field.max_length and len(value) > field.max_length:
                fitting = value[: field.max_length - 1] + "…"
            try:
                filled[code] = {"value": write(field, fitting, self._zone, summary)}
            except Unfit as unfit:
                raise _Misfit(unfit.code, word, unfit.name) from None
        return filled

    # --- sending ----------------------------------------------------------------------------------------------------

    def _send(self, rows: Sequence[Row]) -> dict[int, Receipt]:
        app = rows[0].app
        try:
            numbers = self._retrying(lambda: self._request(rows))
        except Conflict as conflict:
            return {row.place: later(row.key, conflict.code, app) for row in rows}
        except Rejected as error:
            return self._apart(rows, error)
        prefix = self._client.app(app).id
        return {row.place: Receipt(row.key, "done", f"{prefix}-{n}") for row, n in zip(rows, numbers, strict=True)}

    def _request(self, rows: Sequence[Row]) -> Sequence[str]:
        bodies = [row.body for row in rows]
        if rows[0].action == "insert":
            return self._client.insert(rows[0].app, bodies)
        return self._client.update(rows[0].app, bodies, upsert=rows[0].action == "upsert")

    def _retrying(self, act: Callable[[], T]) -> T:
        for attempt in range(1, _ATTEMPTS):
            try:
                return act()
            except Conflict:
                self._client.http.sleep(_PAUSE * 2 ** (attempt - 1))
        return act()

    def _apart(self, rows: Sequence[Row], error: Rejected) -> dict[int, Receipt]:
        """The request as a whole was refused: find what is to blame, so that its neighbours go through."""
        places = {place for place in error.places() if place < len(rows)}
        if places:
            bad = [(row, error.of(place)) for place, row in enumerate(rows) if place in places]
            rest = [row for place, row in enumerate(rows) if place not in places]
            return self._refusals(bad) | (self._send(rest) if rest else {})
        if len(rows) > 1 and error.code not in WHOLE:
            middle = len(rows) // 2
            return self._send(rows[:middle]) | self._send(rows[middle:])
        return self._refusals([(row, error) for row in rows])

    def _refusals(self, bad: Sequence[tuple[Row, Rejected]]) -> dict[int, Receipt]:
        app = bad[0][0].app
        form = self._client.form(app)
        names = {row.place: error.names(form) for row, error in bad}
        before = self._done_before([row for row, _ in bad if row.key_field in names[row.place]])
        return before | {
            row.place: refused(row.key, error.code, app, names[row.place])
            for row, error in bad
            if row.place not in before
        }

    def _done_before(self, rows: Sequence[Row]) -> dict[int, Receipt]:
        """Inserts whose key is found wanting: by our own record, then it was done before - or by something else."""
        if not rows:
            return {}
        app, code = rows[0].app, str(rows[0].key_field)
        try:
            found = {
                str(each[code]["value"]): f"{self._client.app(app).id}-{each['$id']['value']}"
                for each in self._client.scan(app, among(code, [row.target for row in rows]), [code])
            }
        except AdapterError as error:
            # Other records of the push are written: what is not known of these is asked again later.
            return {row.place: later(row.key, error.code or "UNKNOWN", app) for row in rows}
        return {row.place: Receipt(row.key, "done", found[row.target]) for row in rows if row.target in found}


class _Misfit(Exception):
    """A change that cannot be sent; the receipt says why."""

    def __init__(self, code: str, app: str, *names: str) -> None:
        super().__init__(code)
        self.code, self.app, self.names = code, app, names


def _together(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Records that can go in one request, and the others."""
    now: dict[str, Row] = {}
    left: list[Row] = []
    for row in rows:
        if (row.app, row.action) != (rows[0].app, rows[0].action) or row.target in now or len(now) == MOST:
            left.append(row)
        else:
            now[row.target] = row
    return list(now.values()), left
