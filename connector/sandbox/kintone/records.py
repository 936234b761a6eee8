"""Records are written: one or up to a hundred, by id, by a key of the customer's, or by upsert."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from connector.sandbox.kintone import values
from connector.sandbox.kintone.access import Access
from connector.sandbox.kintone.domain import Domain
from connector.sandbox.kintone.errors import MISSING, Refusal, Say, bad_json, locked, stale
from connector.sandbox.kintone.fields import KEYS
from connector.sandbox.kintone.model import App, Record
from connector.sandbox.kintone.params import Params, whole
from connector.sandbox.kintone.web import Answer, Call, Routes
from connector.sandbox.kintone.writing import Writer, fields_of

MAX_RECORDS = 100
MAX_KEY = 64
_ONE_OF_BOTH: Say = (
    '更新するレコードは "id" と "updateKey" のどちらか一方で指定してください。',
    'The record to be updated must be specified by one of the parameters "id" and "updateKey".',
)
_IS_KEY: Say = ("updateKey に指定したフィールドは更新できません。", "The field set as updateKey cannot be updated.")
_TOO_MANY: dict[str, Say] = {
    "add": (
        "一度に100件までのレコードを追加できます。",
        "A maximum of 100 records can be added at one time.",
    ),
    "edit": (
        "一度に100件までのレコードを更新できます。",
        "A maximum of 100 records can be updated at one time.",
    ),
    "delete": (
        "一度に1件から100件までのレコードを削除できます。",
        "Between 1 and 100 records can be deleted at one time.",
    ),
}


@dataclass(slots=True)
class Records:
    """Answers writes."""

    domain: Domain
    access: Access
    _races: int = 0

    def routes(self) -> Routes:
        """What is answered here."""
        return {
            ("POST", "record"): self.add_one,
            ("POST", "records"): self.add,
            ("PUT", "record"): self.edit_one,
            ("PUT", "records"): self.edit,
            ("DELETE", "records"): self.delete,
        }

    @contextmanager
    def writer(self, call: Call, app: App) -> Iterator[Writer]:
        """Everything that is written inside, or a refusal that tells all that is wrong."""
        with self.domain.writing():
            self.strike(call)
            writer = Writer(self.domain, app, call.who)
            yield writer
            writer.done()

    def strike(self, call: Call) -> None:
        """Lose the race for a lock if that was ordered: by turns as the database and as the revision tell it."""
        for kind in ("db_lock", "row_lock"):
            fault = self.domain.chaos.take(kind, call.method, call.target)
            if fault is not None:
                self._races += 1
                code = fault.params.get("code", "GAIA_DA02" if self._races % 2 else "GAIA_CO02")
                raise locked() if code == "GAIA_DA02" else stale()

    def _spoil(self, call: Call, writer: Writer, prefixes: list[str]) -> None:
        """Find something wrong with some of the records if that was ordered."""
        fault = self.domain.chaos.take("row_fail", call.method, call.target)
        if fault is None or not prefixes:
            return
        message = str(fault.params.get("message", "この値は登録できません。"))
        code = fault.params.get("field") or next(iter(writer.app.fields))
        places = fault.params.get("rows", range(int(fault.params.get("count", 1))))
        for place in places:
            if place < len(prefixes):
                writer.problems.setdefault(f"{prefixes[place]}.{code}.value", []).append((message, message))

    # --- adding -------------------------------------------------------------------------------------------------------

    def add_one(self, call: Call) -> Answer:
        """A new record, with defaults where nothing is given."""
        app = self.access.app(call, "add")
        with self.writer(call, app) as writer:
            self._spoil(call, writer, ["record"])
            record = writer.create(call.params.get("record"), "record")
        return Answer({"id": str(record.id), "revision": str(record.revision)})

    def add(self, call: Call) -> Answer:
        """New records, all or none."""
        given = call.params.many("records", required=True)
        _at_most(call.params, "records", given, "add")
        app = self.access.app(call, "add")
        with self.writer(call, app) as writer:
            prefixes = [f"records[{place}]" for place in range(len(given))]
            self._spoil(call, writer, prefixes)
            records = [writer.create(each, prefix) for each, prefix in zip(given, prefixes, strict=True)]
        return Answer(
            {"ids": [str(each.id) for each in records], "revisions": [str(each.revision) for each in records]}
        )

    # --- changing -----------------------------------------------------------------------------------------------------

    def edit_one(self, call: Call) -> Answer:
        """Change a record."""
        self._check_target(call.params)
        app = self.access.app(call, "edit")
        with self.writer(call, app) as writer:
            self._spoil(call, writer, ["record"])
            record, _ = self._edit(writer, call.params, "record", upsert=False)
        return Answer({"revision": str(record.revision)})

    def edit(self, call: Call) -> Answer:
        """Change records, or with `upsert` add those that are not there; all or none."""
        given = call.params.many("records", required=True)
        _at_most(call.params, "records", given, "edit")
        parts = [call.params.inner(each, f"records[{place}].") for place, each in enumerate(given)]
        for part in parts:
            self._check_target(part)
        upsert = call.params.flag("upsert")
        app = self.access.app(call, *(("view", "add", "edit") if upsert else ("edit",)))
        shown = []
        with self.writer(call, app) as writer:
            prefixes = [f"records[{place}]" for place in range(len(parts))]
            self._spoil(call, writer, prefixes)
            for part, prefix in zip(parts, prefixes, strict=True):
                record, inserted = self._edit(writer, part, prefix, upsert=upsert)
                each = {"id": str(record.id), "revision": str(record.revision)}
                shown.append({**each, "operation": "INSERT" if inserted else "UPDATE"} if upsert else each)
        return Answer({"records": shown})

    @staticmethod
    def _check_target(params: Params) -> None:
        record_id, key = params.get("id"), params.get("updateKey")
        if (record_id is None) == (key is None):
            params.complain("id", _ONE_OF_BOTH)
            params.complain("updateKey", _ONE_OF_BOTH)
        elif key is None:
            params.number("id")
        else:
            inner = params.inner(key, "updateKey.")
            inner.text("field", required=True)
            value = inner.get("value")
            if value in (None, ""):
                inner.complain("value", MISSING)
            elif len(_key_text(value)) > MAX_KEY:
                more = MAX_KEY + 1
                inner.complain(
                    "value", (f"{more}文字より短くなければなりません。", f"Enter less than {more} characters.")
                )
        params.revision()

    def _edit(self, writer: Writer, params: Params, prefix: str, *, upsert: bool) -> tuple[Record, bool]:
        """Change or add one record; the second part of the answer says which."""
        given = params.get("record")
        revision = params.revision()
        key = params.get("updateKey")
        if key is None:
            record_id = params.number("id") or 0
            if upsert and record_id not in self.domain.store.table(writer.app.id):
                return writer.create(given, prefix), True
            return writer.update(record_id, given, prefix, revision), False
        code, value = str(key["field"]), _key_text(key["value"])
        if isinstance(given, dict) and code in given:
            writer.problems.setdefault(f"{prefix}.{code}.value", []).append(_IS_KEY)
            given = {each: cell for each, cell in given.items() if each != code}
        found = self._keyed(writer.app, code, value)
        if found is not None:
            return writer.update(found.id, given, prefix, revision), False
        if not upsert:
            ja = f"updateKeyに指定した値（{code}）のレコードが見つかりません。"
            raise Refusal(404, "GAIA_RE20", (ja, f"No record has the value set as updateKey ({code})."))
        return writer.create({**fields_of(given), code: {"value": value}}, prefix), True

    def _keyed(self, app: App, code: str, value: str) -> Record | None:
        field = app.fields.get(code)
        if field is None:
            ja = f"指定されたフィールド（{code}）が見つかりません。"
            raise Refusal(400, "GAIA_IQ11", (ja, f"The specified field ({code}) is not found."))
        if field.type not in KEYS or not field.unique:
            ja = f"updateKeyに指定したフィールド（{code}）は「値の重複を禁止する」に設定されている必要があります。"
            must = 'set as "updateKey" must be set to "Prohibit duplicate values".'
            en = f"Failed to update record. The field (code: {code}) {must}"
            raise Refusal(400, "GAIA_IQ27", (ja, en))
        number = values.number(value) if field.type == "NUMBER" else value
        return self.domain.store.find(app.id, code, number) if number else None

    # --- deleting -----------------------------------------------------------------------------------------------------

    def delete(self, call: Call) -> Answer:
        """Delete records, all or none."""
        params = call.params
        given = params.many("ids", required=True)
        _at_most(params, "ids", given, "delete", least=1)
        revisions = params.many("revisions")
        ids, expected = [whole(each) for each in given], [whole(each) for each in revisions]
        if revisions and len(revisions) != len(ids):
            params.complain("revisions", ("idsと同じ数を指定してください。", "must be as many as ids"))
        app = self.access.app(call, "delete")
        if None in ids or any(
            each is None and sent is not None for each, sent in zip(expected, revisions, strict=True)
        ):
            raise bad_json()
        with self.writer(call, app) as writer:
            for place, record_id in enumerate(ids):
                writer.delete(record_id or 0, expected[place] if expected else None)
        return Answer({})


def _at_most(params: Params, name: str, given: list[Any], verb: str, *, least: int = 0) -> None:
    if (given and len(given) > MAX_RECORDS) or (params.get(name) is not None and len(given) < least):
        params.complain(name, _TOO_MANY[verb])


def _key_text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise bad_json()
    return str(value)
