"""The pages of a query: a locator leads on, for two days, and only so many are open at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connector.sandbox.salesforce.errors import Refusal, refuse
from connector.sandbox.salesforce.org import Org
from connector.sandbox.salesforce.query import Result
from connector.sandbox.salesforce.web import Answer, Call

LIFETIME = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class _Cursor:
    result: Result
    opened: datetime
    size: int


@dataclass(slots=True)
class Cursors:
    """The open queries of an org."""

    org: Org
    _open: dict[str, _Cursor] = field(default_factory=dict)

    def first(self, call: Call, result: Result) -> Answer:
        """The first page, and a way to the others if there are any."""
        size = self._size(call)
        return self._page(call, _Cursor(result, self.org.clock(), size), None, 0)

    def _size(self, call: Call) -> int:
        options = call.headers.get("Sforce-Query-Options", "")
        name, _, value = options.partition("=")
        hint = int(value) if name.strip().lower() == "batchsize" and value.strip().isdigit() else 2000
        return min(max(200, min(hint, 2000)), self.org.settings.page_size)

    def more(self, call: Call, locator: str) -> Answer:
        """The page at a locator."""
        if self.org.chaos.take("locator", call.method, call.target) is not None:
            raise _invalid()
        name, _, place = locator.rpartition("-")
        cursor = self._open.get(name)
        if cursor is None or not place.isdigit() or int(place) >= cursor.result.total:
            raise _invalid()
        if cursor.opened + LIFETIME <= self.org.clock():
            del self._open[name]
            raise _invalid()
        return self._page(call, cursor, name, int(place))

    def _page(self, call: Call, cursor: _Cursor, name: str | None, start: int) -> Answer:
        size = cursor.size
        fault = self.org.chaos.take("small_pages", call.method, call.target)
        if fault is not None:
            size = int(fault.params.get("size", 1))
        result = cursor.result
        rows = result.rows[start : start + size]
        end = start + len(rows)
        done = end >= len(result.rows)
        body: dict[str, Any] = {"totalSize": result.total, "done": done}
        if not done:
            name = name or self._keep(cursor)
            body["nextRecordsUrl"] = f"{call.base}/query/{name}-{end}"
        body["records"] = [result.render(row, call.base) for row in rows]
        return Answer(200, body)

    def _keep(self, cursor: _Cursor) -> str:
        name = self.org.rows.ids.next("01g")
        self._open[name] = cursor
        # That the oldest gives way is how it was with the ten cursors of a user; remembered, not verified.
        while len(self._open) > self.org.settings.open_cursors:
            del self._open[next(iter(self._open))]
        return name


def _invalid() -> Refusal:
    return refuse("INVALID_QUERY_LOCATOR", "invalid query locator")
