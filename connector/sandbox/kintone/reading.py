"""Records are read: one, a page of them, or all by a cursor."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connector.sandbox.kintone import query as queries
from connector.sandbox.kintone.access import Access
from connector.sandbox.kintone.conditions import Asker, Conditions, by_keyword, sorted_records
from connector.sandbox.kintone.domain import Domain
from connector.sandbox.kintone.errors import MISSING, SYNTAX, bad_json, no_cursor, no_record, no_slot, wrong
from connector.sandbox.kintone.model import App, Record
from connector.sandbox.kintone.params import whole
from connector.sandbox.kintone.render import Renderer
from connector.sandbox.kintone.web import Answer, Call, Routes

MAX_CURSORS, MAX_FIELDS, MAX_EVALUATED = 10, 1000, 100
LIFETIME = timedelta(minutes=10)
_ABORTED = {"X-Cybozu-Warning": "Filter aborted because of too many search results"}


@dataclass(slots=True)
class _Cursor:
    """The rows that were found when it was made; what is in them is looked at when they are fetched."""

    app: App
    ids: Sequence[int]
    codes: Sequence[str] | None
    size: int
    until: datetime
    place: int = 0


@dataclass(slots=True)
class Reading:
    """Answers reads. `like` sees records `index_delay` late, and its hits beyond `search_limit` are cut off.

    `orders_by_seconds`: whether changes of one minute are ordered by seconds that are not shown.
    """

    domain: Domain
    access: Access
    search_limit: int = 100_000
    index_delay: timedelta = timedelta(seconds=5)
    orders_by_seconds: bool = False
    _cursors: dict[str, _Cursor] = field(default_factory=dict)

    def routes(self) -> Routes:
        """What is answered here."""
        return {
            ("GET", "record"): self.one,
            ("GET", "records"): self.page,
            ("POST", "records/cursor"): self.open,
            ("GET", "records/cursor"): self.fetch,
            ("DELETE", "records/cursor"): self.close,
            ("GET", "records/acl/evaluate"): self.evaluate,
        }

    @property
    def open_cursors(self) -> int:
        """The cursors that hold a slot now."""
        self._expire()
        return len(self._cursors)

    def one(self, call: Call) -> Answer:
        """One record."""
        record_id = call.params.number("id")
        app = self.access.app(call, "view")
        record = self.domain.store.table(app.id).get(record_id or 0)
        if record is None:
            raise no_record(record_id or 0)
        return Answer({"record": self._renderer(app).record(record)})

    def page(self, call: Call) -> Answer:
        """The records that a query finds, `limit` of them."""
        counted = call.params.flag("totalCount")
        codes = _codes(call)
        text = call.params.text("query")
        app = self.access.app(call, "view")
        query = queries.parse(text)
        found, warned = self._find(call, app, query)
        offset, limit = query.offset or 0, 100 if query.limit is None else query.limit
        renderer = self._renderer(app)
        records = [renderer.record(record, codes) for record in found[offset : offset + limit]]
        total = str(len(found)) if counted else None
        return Answer({"records": records, "totalCount": total}, headers=_ABORTED if warned else {})

    def evaluate(self, call: Call) -> Answer:
        """What a user may do with up to 100 records; there are no rights on fields, and tokens are not told."""
        given = call.params.many("ids", required=True)
        app = self.access.app(call, "view", "add", any_right=True)
        if call.who.tokens is not None:
            raise call.who.forbidden()
        ids = [whole(each) for each in given]
        if len(ids) > MAX_EVALUATED or None in ids:
            raise bad_json()
        table = self.domain.store.table(app.id)
        rights = []
        for number in ids:
            if number not in table:
                raise no_record(number or 0)
            editable = call.who.can(app, "edit") and (app.id, number) not in self.domain.closed
            may = {"viewable": call.who.can(app, "view"), "editable": editable,
                   "deletable": call.who.can(app, "delete")}  # fmt: skip
            rights.append({"id": str(number), "record": may, "fields": {}})
        return Answer({"rights": rights})

    def _find(self, call: Call, app: App, query: queries.Query) -> tuple[list[Record], bool]:
        asker = Asker(call.who, self.domain.groups(), self.domain.clock(), self.domain.zone, self.index_delay)
        fits = Conditions(app, self.domain.store, self.domain.apps, asker).compile(query.where)
        found = [record for record in self.domain.store.table(app.id).values() if fits(record)]
        limit = self.search_limit
        fault = self.domain.chaos.take("warning", call.method, call.target)
        if fault is not None:
            limit = int(fault.params.get("rows", len(found) // 2))
        warned = fault is not None or (by_keyword(query.where) and len(found) > limit)
        kept = found[:limit] if warned else found
        return sorted_records(app, kept, query.order, by_seconds=self.orders_by_seconds), warned

    def _renderer(self, app: App) -> Renderer:
        return Renderer(app, self.domain.groups())

    # --- cursors ------------------------------------------------------------------------------------------------------

    def open(self, call: Call) -> Answer:
        """Make a cursor."""
        codes = _codes(call)
        text = call.params.text("query")
        size = call.params.within("size", 100, 1, 500)
        app = self.access.app(call, "view")
        query = queries.parse(text)
        if query.limit is not None or query.offset is not None:
            raise wrong("query", SYNTAX)
        self._expire()
        fault = self.domain.chaos.take("cursor_slots", call.method, call.target)
        if fault is not None or len(self._cursors) >= MAX_CURSORS:
            raise no_slot()
        found, warned = self._find(call, app, query)
        name = str(uuid.uuid4())
        until = self.domain.clock() + LIFETIME
        self._cursors[name] = _Cursor(app, [record.id for record in found], codes, size, until)
        return Answer({"id": name, "totalCount": str(len(found))}, headers=_ABORTED if warned else {})

    def fetch(self, call: Call) -> Answer:
        """The next records of a cursor, which is gone after the last ones."""
        name, cursor = self._cursor(call)
        ids = cursor.ids[cursor.place : cursor.place + cursor.size]
        cursor.place += len(ids)
        cursor.until = self.domain.clock() + LIFETIME
        following = cursor.place < len(cursor.ids)
        if not following:
            del self._cursors[name]
        table, renderer = self.domain.store.table(cursor.app.id), self._renderer(cursor.app)
        records = [renderer.record(table[each], cursor.codes) for each in ids if each in table]
        return Answer({"records": records, "next": following})

    def close(self, call: Call) -> Answer:
        """Give a cursor's slot back."""
        name, _ = self._cursor(call)
        del self._cursors[name]
        return Answer({})

    def _cursor(self, call: Call) -> tuple[str, _Cursor]:
        name = call.params.get("id")
        if name in (None, ""):
            raise wrong("id", MISSING)
        self._expire()
        cursor = self._cursors.get(str(name))
        if cursor is None:
            raise no_cursor()
        if self.domain.chaos.take("locator", call.method, call.target) is not None:
            del self._cursors[str(name)]
            raise no_cursor()
        self.access.enter(call, cursor.app, "view")
        return str(name), cursor

    def _expire(self) -> None:
        now = self.domain.clock()
        self._cursors = {name: cursor for name, cursor in self._cursors.items() if cursor.until > now}


def _codes(call: Call) -> list[str] | None:
    """The fields that are asked for; none at all means all of them."""
    codes = call.params.many("fields")
    if len(codes) > MAX_FIELDS or not all(isinstance(code, str) for code in codes):
        raise bad_json()
    return codes or None
