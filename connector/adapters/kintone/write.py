"""Writing: what becomes of each change - a record on its way (`send`), a comment, or a refusal.

* SetFields updates by record number, so that a record that is gone is never made again. No revision goes with it:
  kintone touches only the fields that are sent, and those that a mapping writes are ours.
* CreatePerson upserts by our key field.
* CloseAlert sets the field `alert.close` names, where it still holds what a new alert holds.
* RaiseAlert and AddTouchpoint insert a record under our unique key. Not an upsert: that would undo what people have
  made of the record meanwhile. That the key is there already means that it was done before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo

from connector.adapters.kintone.client import Client
from connector.adapters.kintone.comments import Commenter
from connector.adapters.kintone.entries import Entries
from connector.adapters.kintone.form import KEY_LENGTH
from connector.adapters.kintone.options import Config
from connector.adapters.kintone.refusals import Conflict, Rejected, later, refused
from connector.adapters.kintone.send import Row, Sender
from connector.adapters.kintone.values import Json, Unfit, said, write
from connector.changes import AddTouchpoint, AnyChange, CloseAlert, CreatePerson, RaiseAlert, SetFields
from connector.errors import AdapterError, Mismatch
from connector.model import Ref, Value
from connector.ports import LEFT, Receipt

_ID = re.compile(r"([0-9]+)-([0-9]+)")


class Writer:
    """Carries changes out in one kintone."""

    def __init__(self, client: Client, config: Config, zone: tzinfo) -> None:
        self._client = client
        self._config = config
        self._zone = zone
        self._entries = Entries(client, config, zone)
        self._commenter = Commenter(client, config)
        self._sender = Sender(client)

    def push(self, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        """See `Adapter.push`. What stands is told before an error is, also where it is not what came first."""
        receipts: dict[int, Receipt] = {}
        told = 0
        try:
            for _ in self._steps(changes, receipts):
                while told in receipts:
                    yield receipts[told]
                    told += 1
        except AdapterError:
            yield from (receipts[place] for place in sorted(receipts) if place >= told)
            raise

    def _steps(self, changes: Sequence[AnyChange], receipts: dict[int, Receipt]) -> Iterator[None]:
        waiting: list[Row] = []
        for place, change in enumerate(changes):
            try:
                made = self._row(place, change)
            except _Misfit as misfit:
                receipts[place] = refused(change.key, misfit.code, misfit.app, misfit.names)
            except Rejected as error:  # what the app's form is, was asked in vain
                receipts[place] = refused(change.key, error.code, error.where, said=error.said)
            else:
                if isinstance(made, Receipt):
                    receipts[place] = made
                    yield  # a comment stands, whatever becomes of the next one
                else:
                    waiting.append(made)
        yield
        while waiting:
            waiting = self._sender.send(waiting, receipts)
            yield

    # --- rows -------------------------------------------------------------------------------------------------------

    def _row(self, place: int, change: AnyChange) -> Row | Receipt:
        if isinstance(change, SetFields):
            return self._update(place, change)
        if isinstance(change, CreatePerson):
            return self._upsert(place, change)
        if isinstance(change, RaiseAlert):
            return self._alert(place, change)
        if isinstance(change, CloseAlert):
            return self._close(place, change)
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

    def _close(self, place: int, change: CloseAlert) -> Row | Receipt:
        options = self._config.alert
        if options is None or options.close is None or options.app is None:
            raise _Misfit("NO_WAY", self._client.name)
        word, code = options.app, options.close.field
        match = _ID.fullmatch(change.remote_id)
        if match is None or int(match[1]) != self._client.app(word).id:
            raise _Misfit("NO_WAY", word)  # a comment: there is nothing to be closed
        rows = self._client.records(word, f"$id = {match[2]} limit 1", [code])
        if rows and code not in rows[0]:
            raise _Misfit("NOT_SEEN", word, code)
        held = said(rows[0][code]["value"]) if rows else options.close.closed
        if held == options.close.closed:
            return Receipt(change.key, "done", change.remote_id)
        if held != options.close.open:
            return Receipt(change.key, "done", change.remote_id, LEFT)
        body = {"id": int(match[2]), "record": self._filled(word, {code: options.close.closed}, ours=True)}
        return Row(place, change.key, word, "update", match[2], body)

    def _comment(self, change: RaiseAlert, about: Ref) -> Receipt:
        word, number = about.object, self._number(about)
        try:
            return self._sender.retrying(lambda: self._commenter.comment(change, about, number))
        except Conflict as conflict:
            return later(change.key, conflict.code, word, conflict.said)
        except Mismatch as error:
            if number not in self._client.closed(word, [number]):
                raise
            return refused(change.key, "NOT_EDITABLE", word, said=error.said)
        except Rejected as error:
            return refused(change.key, error.code, word, said=error.said)

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


class _Misfit(Exception):
    """A change that cannot be sent; the receipt says why."""

    def __init__(self, code: str, app: str, *names: str) -> None:
        super().__init__(code)
        self.code, self.app, self.names = code, app, names
