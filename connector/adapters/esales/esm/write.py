"""Writing, one record a call, and only what a probe has shown to be safe.

* SetFields reads the record first: one that is gone is never made again.
* Creations need a search by our key. Without one, what became of a creation whose answer is lost could never be told.
* Where a PUT empties what it does not name, a record is read and sent whole, if the configuration allows that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any

from connector.adapters.esales.calls import Unclear
from connector.adapters.esales.esm.client import BUSY, Client
from connector.adapters.esales.esm.envelope import new_id_in
from connector.adapters.esales.esm.find import Finder, Record
from connector.adapters.esales.esm.items import CARD, COMPANY, Item, read, sent
from connector.adapters.esales.esm.read import Reader
from connector.adapters.esales.esm.records import STANDARD
from connector.adapters.esales.options import AlertFields, AlertPost, AlertRows, Config
from connector.adapters.esales.speech import Unfit, emptied, not_probed, refused
from connector.adapters.esales.words import EMPTY, WrongValue, same
from connector.changes import AnyChange, CreatePerson, RaiseAlert, SetFields
from connector.errors import AdapterError, Refused, Uncertain
from connector.model import Ref, Value
from connector.ports import Needs, Receipt
from connector.verbatim import verbatim

Json = Any

_PLACE = re.compile(r"\{([a-z]+)\}")


class Writer:
    """Carries changes out in one tenant."""

    def __init__(self, client: Client, finder: Finder, reader: Reader, config: Config, needs: Needs) -> None:
        self._client = client
        self._finder = finder
        self._reader = reader
        self._config = config
        self._needs = needs
        self._nameless: set[str] = set()
        """Sheets in which something was registered whose id nobody told."""
        self._taken: set[str] = set()
        """Keys whose value was seen to arrive."""
        self._leaves_alone = False
        """Whether an update of this run was seen to leave other items as they were."""

    def push(self, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        """See `Adapter.push`."""
        put = self._needs.probed.get("put")
        if changes and put != "partial" and not (put == "full" and self._config.merge):
            raise not_probed(self._client.name)
        for change in changes:
            try:
                yield Receipt(change.key, "done", self._carry_out(change))
            except Unfit as unfit:
                receipt = refused(change.key, unfit.code, unfit.place, unfit.said)
                yield replace(receipt, status="retry") if unfit.code == "NO_ID" else receipt
            except Refused as error:
                yield refused(change.key, error.code, _place(change), error.said)

    def _carry_out(self, change: AnyChange) -> str | None:
        if isinstance(change, SetFields):
            return self._set(change.ref.object, change.ref.id, change.values)
        if isinstance(change, CreatePerson):
            values = self._with_company(change.object, {**change.values, change.key_field: change.key_value})
            return self._keyed(change.object, change.key_field, change.key_value, values, update=True)
        if isinstance(change, RaiseAlert):
            return self._alert(change)
        raise TypeError(change)

    # --- records ------------------------------------------------------------------------------------------------------

    def _set(self, sheet: str, id_: str, values: Mapping[str, Value], keys: Sequence[str] = ()) -> str:
        body = self._body(sheet, values, keys)
        record = self._reader.record(sheet, id_) if id_.isdigit() else None
        if record is None:
            raise Unfit("GONE", sheet)
        self._put(sheet, id_, body, record)
        return id_

    def _put(self, sheet: str, id_: str, body: Mapping[str, Json], before: Record) -> None:
        whole = self._needs.probed.get("put") == "full"
        told = {**self._whole(before), **body} if whole else body
        try:
            self._send(sheet, id_, told)
        except Unclear as unclear:
            after = self._reader.record(sheet, id_)
            if after is None or not self._holds(after, body):
                raise Unfit("NO_ANSWER", sheet, unclear.said) from None
            return
        watched = [] if whole or self._leaves_alone else self._optional(before, body)
        if whole or watched or not body.keys() <= self._taken:
            self._look_after(sheet, id_, body, before, watched, whole=whole)

    def _send(self, sheet: str, id_: str, body: Mapping[str, Json]) -> None:
        """One PUT; where it is called busy, one more after another record could be read.

        The gateway says that it is busy of a body that it cannot make sense of. So when reading works, it is the body.
        """
        path = f"sheet/{sheet}/{id_}"
        try:
            self._client.put(path, body)
        except Uncertain as error:
            if error.code != BUSY:
                raise
            self._see_whether_it_lives(sheet, id_)
        else:
            return
        try:
            self._client.put(path, body)
        except Uncertain as error:
            if error.code != BUSY:
                raise
            raise Unfit(BUSY, sheet, error.said) from None

    def _see_whether_it_lives(self, sheet: str, id_: str) -> None:
        other = self._config.test_record
        if other is not None and (other.sheet, other.id) != (sheet, id_):
            sheet, id_ = other.sheet, other.id
        self._client.get(f"sheet/{sheet}/{id_}")

    def _look_after(
        self, sheet: str, id_: str, body: Mapping[str, Json], before: Record, watched: Sequence[str], *, whole: bool
    ) -> None:
        """Whether what was sent has arrived, and, where the record was sent whole, nothing else has changed.

        `watched` tell whether a write still does what the probe has found: the product may have changed since.
        """
        after = self._reader.record(sheet, id_)
        if after is None:
            raise Unfit("GONE", sheet)
        lacking = [key for key in body if not self._holds(after, {key: body[key]})]
        if lacking:
            raise Unfit("NOT_TAKEN", ", ".join(lacking))
        self._taken |= body.keys()
        lost = sorted(key for key in watched if after.get(key) in EMPTY)
        if lost:
            raise emptied(self._client.name, sheet, lost)
        self._leaves_alone = self._leaves_alone or bool(watched)
        others = self._whole(before).keys() - body.keys()
        changed = sorted(key for key in others if after.get(key) != before[key])
        if whole and changed:
            raise Unfit("MERGE_LOST", ", ".join(changed))

    def _optional(self, record: Record, body: Mapping[str, Json]) -> list[str]:
        """What a write could empty beside the items that it names."""
        filled = [key for key, value in record.items() if value not in EMPTY and key not in body]
        return [key for key in filled if self._reader.item(key).is_optional]

    def _whole(self, record: Record) -> dict[str, Json]:
        """All that can be sent back of a record."""
        kept = {key: value for key, value in record.items() if not self._reader.item(key).read_only}
        return {key: sent_back(self._reader.item(key), value) for key, value in kept.items()}

    def _holds(self, record: Record, body: Mapping[str, Json]) -> bool:
        zone = self._client.zone
        try:
            return all(
                same(read(self._reader.item(key), record.get(key), zone), read(self._reader.item(key), value, zone))
                for key, value in body.items()
            )
        except WrongValue:
            return False

    # --- records under a key of ours ----------------------------------------------------------------------------------

    def _keyed(self, sheet: str, key: str, value: str, values: Mapping[str, Value], *, update: bool) -> str | None:
        """Make a record under our key, or find the one that is there; `update`: and bring it in line."""
        if self._reader.item(key).type not in ("STRING", "MEMO"):
            raise Unfit("KEY_NOT_TEXT", key)
        body = self._body(sheet, values, (key,))
        if not self._finder.can_look_up(sheet):
            raise Unfit("NO_SEARCH", sheet)
        own = self._with_key(sheet, key, value)
        if len(own) > 1:
            raise Unfit("KEY_TWICE", key)
        for id_, record in own.items():
            if update:
                self._put(sheet, id_, body, record)
            return id_
        if sheet in self._nameless:
            raise Unfit("NO_ID", sheet)
        return self._register(sheet, key, value, body)

    def _register(self, sheet: str, key: str, value: str, body: Mapping[str, Json]) -> str:
        answer, location, busy, said = None, "", False, ""
        try:
            answer, location = self._client.post(f"sheet/{sheet}", body)
        except Unclear as unclear:
            said = unclear.said
        except Uncertain as error:
            if error.code != BUSY:
                raise
            busy, said = True, error.said
        told = new_id_in(answer, location, self._finder.prefix(sheet))
        if told is not None and self._bears(sheet, told, key, value):
            return told
        # Not sent again: it is there under our key, or it was not taken.
        own = list(self._with_key(sheet, key, value))
        if len(own) == 1:
            return own[0]
        if busy:
            raise Unfit(BUSY, sheet, said)
        self._nameless.add(sheet)
        raise Unfit("OUTCOME_UNKNOWN", sheet, said or verbatim(answer))

    def _bears(self, sheet: str, id_: str, key: str, value: str) -> bool:
        """Whether what looks like the id of a new record is that of the record with our key."""
        record = self._reader.record(sheet, id_)
        return record is not None and self._holds(record, {key: value})

    def _with_key(self, sheet: str, key: str, value: str) -> dict[str, Record]:
        """The records that bear our key: read, for how the search compares is not known."""
        own: dict[str, Record] = {}
        for id_ in self._finder.by_key(sheet, key, value):
            record = self._reader.record(sheet, id_)
            if record is not None and self._holds(record, {key: value}):
                own[str(id_)] = record
        return own

    def _with_company(self, sheet: str, values: Mapping[str, Value]) -> dict[str, Value]:
        """The name of a company becomes the id of the one 顧客 that bears it."""
        found = dict(values)
        link = STANDARD[CARD]["company"]
        value = found.get(link)
        if sheet != CARD or not isinstance(value, str) or not value:
            return found
        name = STANDARD[COMPANY]["name"]
        same = self._with_key(COMPANY, name, value) if self._finder.can_look_up(COMPANY) else {}
        if len(same) != 1:
            raise Unfit("NO_COMPANY", link)
        found[link] = next(iter(same))
        return found

    def _body(self, sheet: str, values: Mapping[str, Value], keys: Sequence[str]) -> dict[str, Json]:
        """Values as they are sent; `keys` are never cut."""
        body: dict[str, Json] = {}
        for key, value in values.items():
            if value in (None, "") and self._needs.probed.get("clear") == "no":
                raise Unfit("CANNOT_CLEAR", key)
            if not key.startswith(f"{self._finder.prefix(sheet)}."):
                raise Unfit("NO_FIELD", f"{sheet}: {key}")
            try:
                body[key] = sent(self._reader.item(key), value, self._client.zone, cut=key not in keys)
            except WrongValue as wrong:
                raise Unfit(str(wrong), key) from None
        return body

    # --- alerts -------------------------------------------------------------------------------------------------------

    def _alert(self, change: RaiseAlert) -> str | None:
        for way in self._config.alert.via:
            options = getattr(self._config.alert, way)
            person = self._own(change.person)
            if isinstance(options, AlertRows):
                return self._row(change, options, options.sheet or "task")
            if isinstance(options, AlertFields) and person is not None:
                return self._on_card(change, person, options)
            if isinstance(options, AlertPost) and person is not None:
                return self._post(change, person, options)
        raise Unfit("NO_WAY", "alert.via")

    def _on_card(self, change: RaiseAlert, id_: str, options: AlertFields) -> str:
        values: dict[str, Value] = {options.key: change.key, options.title: change.title}
        if options.body is not None:
            values[options.body] = change.body
        return self._set(CARD, id_, values, (options.key,))

    def _row(self, change: RaiseAlert, options: AlertRows, sheet: str) -> str | None:
        given: dict[str | None, Value] = {
            options.body: change.body,
            options.owner: change.owner_id,
            options.due: change.due_on,
            options.person: self._own(change.person),
            options.deal: self._own(change.deal),
        }
        values = {key: value for key, value in given.items() if key is not None and value not in (None, "")}
        values = {options.key: change.key, options.title: change.title, **values}
        return self._keyed(sheet, options.key, change.key, values, update=False)

    def _post(self, change: RaiseAlert, id_: str, options: AlertPost) -> str | None:
        """A post cannot be looked up, so the 名刺 tells that one is on its way, and then that it was made.

        Where it tells the first and not the second, nobody knows whether the post is there: a person decides.
        """
        record = self._reader.record(CARD, id_)
        if record is None:
            raise Unfit("GONE", CARD)
        if self._holds(record, {options.key: change.key}):
            return None
        if self._holds(record, {options.key: f"?{change.key}"}):
            raise Unfit("OUTCOME_UNKNOWN", options.path)
        self._set(CARD, id_, {options.key: f"?{change.key}"}, (options.key,))
        said = {"title": change.title, "body": change.body, "owner": change.owner_id}
        try:
            self._client.post(options.path, _said(options.body, said))
        except AdapterError as error:
            if not isinstance(error, Uncertain):
                # Nothing was posted: the note of the post before stands again.
                self._set(CARD, id_, {options.key: record.get(options.key) or None}, (options.key,))
            raise
        self._set(CARD, id_, {options.key: change.key}, (options.key,))
        return None

    def _own(self, ref: Ref | None) -> str | None:
        return ref.id if ref is not None and ref.system == self._client.name else None


def sent_back(item: Item, value: Json) -> Json:
    """A value as it was read, in the form in which it is written."""
    if isinstance(value, dict) and "fileid" in value:
        return {"fileid": value["fileid"]}
    if item.type == "NUMBER" and isinstance(value, str) and value:
        return read(item, value, UTC)  # no time: the zone plays no part
    return None if value == "" else value


def _said(template: Json, values: Mapping[str, str]) -> Json:
    """A template with the texts of an alert in it; a text of an alert is not read for places itself."""
    if isinstance(template, dict):
        return {name: _said(each, values) for name, each in template.items()}
    if isinstance(template, list):
        return [_said(each, values) for each in template]
    if isinstance(template, str):
        return _PLACE.sub(lambda place: values.get(place[1], place[0]), template)
    return template


def _place(change: AnyChange) -> str:
    if isinstance(change, SetFields):
        return ", ".join(change.values)
    return change.object if isinstance(change, CreatePerson) else "alert"
