"""Records are created, changed and deleted: defaults, lookups, tables, and everything that a form forbids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import Any, Protocol

from connector.sandbox.clock import Clock
from connector.sandbox.kintone import times, values
from connector.sandbox.kintone.auth import Who
from connector.sandbox.kintone.errors import (
    DUPLICATE,
    NO_PERMISSION,
    REQUIRED,
    Problems,
    Refusal,
    bad_json,
    invalid,
    no_record,
    stale,
)
from connector.sandbox.kintone.fields import LIMITED, PEOPLE, STAMPS, WRITABLE, Field
from connector.sandbox.kintone.model import App, Record, TableRow
from connector.sandbox.kintone.store import Store
from connector.sandbox.kintone.values import Groups, Invalid

Given = Mapping[str, Any]
"""A record as it is sent: `{code: {"value": ...}}`."""


class Surroundings(Protocol):
    """What a write needs to know of the domain."""

    clock: Clock
    zone: tzinfo
    apps: dict[int, App]
    store: Store
    refused: dict[tuple[int, int], str]
    closed: set[tuple[int, int]]

    def groups(self) -> Groups:
        """Who can be chosen."""

    def next_row(self) -> int:
        """An id for a row of a table."""


@dataclass(slots=True)
class Writer:
    """Writes records of one app for one actor, and collects what is wrong with them.

    On the screen a person picks the record that a lookup copies from; the API needs a key without duplicates.
    """

    domain: Surroundings
    app: App
    actor: Who
    on_screen: bool = False
    problems: Problems = field(default_factory=dict)
    groups: Groups = field(init=False)
    lookups: list[tuple[Field, Mapping[str, Any]]] = field(init=False)
    not_taken: set[str] = field(init=False)
    """Fields that lookups and formulas fill: what is sent to them is ignored."""

    def __post_init__(self) -> None:
        self.groups = self.domain.groups()
        self.lookups = [(each, each.lookup) for each in self.app.fields.values() if each.lookup is not None]
        copied = (pair["field"] for _, lookup in self.lookups for pair in lookup["fieldMappings"])
        self.not_taken = {*copied, *(each.code for each in self.app.fields.values() if each.computed)}

    def done(self) -> None:
        """Refuse everything if anything was wrong."""
        if self.problems:
            raise invalid(self.problems)

    def complain(self, prefix: str, each: Field, error: Invalid) -> None:
        """Note what is wrong with a field, under the path that kintone tells it with."""
        path = f"{prefix}[{each.code}].value" if error.path == "[]" else f"{prefix}.{each.code}.{error.path}"
        self.problems.setdefault(path, []).append(error.say)

    # --- one record ---------------------------------------------------------------------------------------------------

    def create(self, given: Any, prefix: str) -> Record:
        """Make a record; what is not given takes its default."""
        given = fields_of(given)
        stamps = self._stamps(given, creating=True)
        kept: dict[str, Any] = {}
        for each in self.app.fields.values():
            if each.type in WRITABLE:
                if each.code in given and each.code not in self.not_taken:
                    self._take(each, given[each.code], kept, {}, prefix)
                else:
                    kept[each.code] = self._default(each)
            elif each.type == "CALC":
                kept[each.code] = ""
        self._look_up(given, kept)
        record_id = self.app.next_record
        self.app.next_record += 1
        now = self.domain.clock()
        status = "" if self.app.live is None else self.app.live.first
        record = Record(
            record_id, 1, self.actor.code, times.stamp(now), self.actor.code, times.stamp(now), now, kept, status
        )  # fmt: skip
        return self._store(replace(record, **stamps), prefix, set(self.app.fields))

    def update(self, record_id: int, given: Any, prefix: str, revision: int | None = None) -> Record:
        """Change what is given of a record."""
        given = fields_of(given)
        old = self.existing(record_id, revision)
        if not self.on_screen and (self.app.id, record_id) in self.domain.closed:
            raise self.actor.forbidden()
        self._stamps(given, creating=False)
        kept = dict(old.values)
        for code, cell in given.items():
            each = self.app.fields.get(code)
            if each is not None and each.type in WRITABLE and code not in self.not_taken:
                self._take(each, cell, kept, old.values, prefix)
        self._look_up(given, kept)
        return self._store(self.touch(old, values=kept), prefix, set(given))

    def delete(self, record_id: int, revision: int | None = None) -> None:
        """Take a record away."""
        self.existing(record_id, revision)
        self.domain.store.put(self.app.id, record_id, None)

    def existing(self, record_id: int, revision: int | None = None) -> Record:
        """The record, as long as its revision is the expected one; -1 and None expect nothing."""
        record = self.domain.store.table(self.app.id).get(record_id)
        if record is None:
            raise no_record(record_id)
        if revision not in (None, -1, record.revision):
            raise stale()
        return record

    def touch(self, old: Record, *, by: int = 1, **changes: Any) -> Record:
        """The next revision of a record, stamped with now."""
        now = self.domain.clock()
        revised = replace(old, revision=old.revision + by, **changes)
        return replace(revised, modifier=self.actor.code, updated=times.stamp(now), touched=now)

    # --- its values ---------------------------------------------------------------------------------------------------

    def _take(self, each: Field, cell: Any, kept: dict[str, Any], before: Mapping[str, Any], prefix: str) -> None:
        value = _value_of(cell)
        if each.type == "SUBTABLE":
            kept[each.code] = self._table(each, value, before.get(each.code) or [], prefix)
            return
        try:
            kept[each.code] = values.parse(each, value, self.groups)
        except Invalid as error:
            self.complain(prefix, each, error)
            # kintone tells of a number that is none, and of its being required too.
            kept[each.code] = values.empty(each) if each.type == "NUMBER" and error.path == "[]" else value

    def _table(self, table: Field, value: Any, before: list[TableRow], prefix: str) -> list[TableRow]:
        """The rows of a table: known ids are merged, all others are new, and what is not sent is gone."""
        known = {row.id: row for row in before}
        if value is None:
            value = []
        if not isinstance(value, list):
            raise bad_json()
        rows = []
        for place, sent in enumerate(value):
            if not isinstance(sent, Mapping):
                raise bad_json()
            given = fields_of(sent.get("value"))
            old = known.get(_row_id(sent.get("id")))
            kept: dict[str, Any] = {}
            for each in table.inner.values():
                if each.code in given:
                    kept[each.code] = self._inner(each, _value_of(given[each.code]), prefix, place)
                else:
                    kept[each.code] = self._default(each) if old is None else old.values.get(each.code)
            rows.append(TableRow(self.domain.next_row() if old is None else old.id, kept))
        return rows

    def _inner(self, each: Field, value: Any, prefix: str, place: int) -> Any:
        try:
            return "" if each.type == "CALC" or each.computed else values.parse(each, value, self.groups)
        except Invalid as error:
            if error.path != "[]":
                self.complain(f"{prefix}.{each.table}.value[{place}].value", each, error)
            # In a table, and only there, what is no number is silently none.
            return values.empty(each)

    def _default(self, each: Field) -> Any:
        settings = each.settings
        if settings.get("defaultNowValue"):
            now = self.domain.clock()
            local = now.astimezone(self.domain.zone)
            return {"DATETIME": times.stamp(now), "DATE": f"{local:%Y-%m-%d}", "TIME": f"{local:%H:%M}"}[each.type]
        default = settings.get("defaultValue")
        if each.type in PEOPLE:
            return [self.actor.code if who["code"] == "LOGINUSER()" else who["code"] for who in default or []]
        if each.type == "RADIO_BUTTON" and not default:
            return next(iter(each.options))
        if values.is_empty(default):
            return values.empty(each)
        try:
            return values.parse(each, default, self.groups)
        except Invalid:
            return values.empty(each)

    def _stamps(self, given: Given, *, creating: bool) -> dict[str, Any]:
        """Who and when, as far as it is sent: only an administrator of the app sets it, and only in a new record."""
        sent = [each for each in self.app.fields.values() if each.type in STAMPS and each.code in given]
        if not sent:
            return {}
        if not creating or not self.actor.can(self.app, "manage"):
            raise Refusal(403, "GAIA_NO01", NO_PERMISSION)
        found: dict[str, Any] = {}
        for each in sent:
            value = _value_of(given[each.code])
            if each.type in ("CREATOR", "MODIFIER"):
                [code] = values.codes([value])
                if code not in self.groups.users:
                    raise values.unknown_code("USER", code)
                found[each.type.lower()] = code
            else:
                moment = times.parse_datetime(value) if isinstance(value, str) else None
                if moment is None:
                    raise bad_json()
                found[each.type.lower().removesuffix("_time")] = moment
        return found

    # --- lookups ------------------------------------------------------------------------------------------------------

    def _look_up(self, given: Given, kept: dict[str, Any]) -> None:
        for each, lookup in self.lookups:
            if each.code not in given:
                continue
            source: Mapping[str, Any] = {}
            if not values.is_empty(kept[each.code]):
                source = self._master(lookup, kept[each.code]).values
            for pair in lookup["fieldMappings"]:
                target = self.app.fields[pair["field"]]
                kept[target.code] = source.get(pair["relatedField"], values.empty(target))

    def _master(self, lookup: Mapping[str, Any], key: Any) -> Record:
        master = self.domain.apps.get(int(lookup["relatedApp"]["app"]))
        if master is None or not self.actor.can(master, "view"):
            raise Refusal(403, "GAIA_NO01", NO_PERMISSION)
        code = lookup["relatedKeyField"]
        field = master.fields[code]
        table = self.domain.store.table(master.id)
        if field.type == "RECORD_NUMBER":
            number = key.rpartition("-")[2]
            found = table.get(int(number)) if number.isdecimal() else None
        elif self.on_screen:
            found = next((record for record in table.values() if record.values.get(code) == key), None)
        elif not field.unique:
            ja = "ルックアップの「コピー元のフィールド」には「値の重複を禁止する」の設定が必要です。"
            raise Refusal(400, "GAIA_LO03", (ja, "The key field of the lookup must prohibit duplicate values."))
        else:
            found = self.domain.store.find(master.id, code, key)
        if found is None:
            ja = "ルックアップの参照先に値がないか、アプリやフィールドの閲覧権限がありません。"
            raise Refusal(400, "GAIA_LO04", (ja, "A value in the lookup field is not found in the datasource app."))
        return found

    # --- what the form forbids ----------------------------------------------------------------------------------------

    def _store(self, record: Record, prefix: str, sent: set[str]) -> Record:
        self._check_required(record, prefix)
        for each in self.app.fields.values():
            if each.code not in sent:
                self._check_limits(record, each, prefix)
            elif each.unique:
                self._check_unique(record, each, prefix)
        self.domain.store.put(self.app.id, record.id, record)
        return record

    def _check_required(self, record: Record, prefix: str) -> None:
        if (code := self.domain.refused.get((self.app.id, record.id))) is not None:
            self.problems.setdefault(f"{prefix}.{code}.value", []).append(REQUIRED)
        for each in self.app.fields.values():
            value = record.values.get(each.code)
            if each.required and values.is_empty(value):
                self.complain(prefix, each, Invalid(each.suffix, REQUIRED))
            for place, row in enumerate(value or [] if each.type == "SUBTABLE" else []):
                for inner in each.inner.values():
                    if inner.required and values.is_empty(row.values.get(inner.code)):
                        where = f"{prefix}.{each.code}.value[{place}].value"
                        self.complain(where, inner, Invalid(inner.suffix, REQUIRED))

    def _check_limits(self, record: Record, each: Field, prefix: str) -> None:
        """A limit that was set after a value was stored holds for it from its record's next change on."""
        value = record.values.get(each.code)
        if each.type == "SUBTABLE":
            for place, row in enumerate(value or []):
                for inner in each.inner.values():
                    where = f"{prefix}.{each.code}.value[{place}].value"
                    self._check_limit(row.values.get(inner.code), inner, where)
        else:
            self._check_limit(value, each, prefix)

    def _check_limit(self, value: Any, each: Field, where: str) -> None:
        if each.type in LIMITED and not values.is_empty(value):
            try:
                values.parse(each, value, self.groups)
            except Invalid as error:
                self.complain(where, each, error)

    def _check_unique(self, record: Record, each: Field, prefix: str) -> None:
        if values.is_empty(record.values.get(each.code)):
            return
        other = self.domain.store.same(self.app.id, each.code, record)
        if other is not None and other.id != record.id:
            self.complain(prefix, each, Invalid("value", DUPLICATE))


def fields_of(given: Any) -> Given:
    """A record as it is sent, empty when none is."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise bad_json()
    return given


def _value_of(cell: Any) -> Any:
    """The value in `{"value": ...}`; that nothing goes without it is a guess."""
    if not isinstance(cell, Mapping) or "value" not in cell:
        raise bad_json()
    return cell["value"]


def _row_id(value: Any) -> int:
    text = str(value or "")
    return int(text) if text.isascii() and text.isdecimal() else 0
