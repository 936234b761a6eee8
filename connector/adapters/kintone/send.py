"""Sending: up to 100 records of one app in a request, and up to 20 of these in one bulk request.

Each is carried out as a whole or not at all. What fails is told apart by the index in the paths of the errors
(`records[3]...`); where there is none, a request is halved. A bulk request tells which of its parts failed: the
records that are named there are left out, or else the part goes by itself, and the others are tried in bulk again. One
bad record undoes up to 2,000 that way, so that this ends after a few, and what is left goes part by part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from connector.adapters.kintone.client import Action, Client
from connector.adapters.kintone.queries import among
from connector.adapters.kintone.refusals import WHOLE, Conflict, Rejected, later, refused
from connector.adapters.kintone.values import Json
from connector.errors import AdapterError, Mismatch, Refused
from connector.ports import Receipt

T = TypeVar("T")

_MOST = 100
"""Records in one request."""
_PARTS = 20
"""Requests in a bulk request."""
BATCH = _MOST * _PARTS
_BULKS = 3
"""How many bulk requests may be refused before the rest goes part by part."""
_ATTEMPTS = 3
"""How often a write is tried that loses its race against others."""
_PAUSE = 0.2
"""Seconds before the second attempt; doubled before the third."""


@dataclass(frozen=True, slots=True)
class Row:
    """One change on its way: `target` is what no other record of the request may be about."""

    place: int
    key: str
    app: str
    action: Action
    target: str
    body: Mapping[str, Json] = field(repr=False)
    key_field: str | None = None


class Sender:
    """Sends records to one kintone."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def send(self, rows: Sequence[Row], receipts: dict[int, Receipt]) -> list[Row]:
        """Send those of `rows` that can go together; the others.

        Receipts are entered by place as they come, so that they stand whatever becomes of the rest.
        """
        parts = max(1, min(_PARTS, self._client.left(rows[0].app)))  # the rest of an allowance is used up, too
        now, waiting = _together(rows, _MOST * parts)
        for part in self._in_bulk([now[at : at + _MOST] for at in range(0, len(now), _MOST)], receipts):
            self._alone(part, receipts)
        return waiting

    def retrying(self, act: Callable[[], T]) -> T:
        """Do it again when it loses its race.

        :raises Conflict: when it always does
        """
        for attempt in range(1, _ATTEMPTS):
            try:
                return act()
            except Conflict:
                self._client.http.sleep(_PAUSE * 2 ** (attempt - 1))
        return act()

    # --- many parts -------------------------------------------------------------------------------------------------

    def _in_bulk(self, parts: list[list[Row]], receipts: dict[int, Receipt]) -> list[list[Row]]:
        """Send parts in bulk; those that must go by themselves."""
        alone: list[list[Row]] = []
        for _ in range(_BULKS):
            if len(parts) < 2:
                break
            try:
                receipts |= self._written(parts)
            except (Conflict, Rejected) as error:
                if error.part is None or error.part >= len(parts):
                    break
                failed = parts.pop(error.part)
                places = _blamed(error, failed)
                if not places:
                    alone.append(failed)
                    continue
                receipts |= self._refusals(failed, places)
                if left := [row for place, row in enumerate(failed) if place not in places]:
                    parts.insert(error.part, left)
            except Mismatch as error:
                parts = self._open(parts, error, receipts)
            except Refused:  # by something in between: too large, say
                break
            else:
                return alone
        return [*parts, *alone]

    # --- one part ---------------------------------------------------------------------------------------------------

    def _alone(self, rows: Sequence[Row], receipts: dict[int, Receipt]) -> None:
        try:
            receipts |= self._written([rows])
        except Mismatch as error:
            for left in self._open([rows], error, receipts):
                self._alone(left, receipts)
        except Conflict as conflict:
            receipts |= {row.place: later(row.key, conflict.code, row.app, conflict.said) for row in rows}
        except Rejected as error:
            self._apart(rows, error, receipts)

    def _apart(self, rows: Sequence[Row], error: Rejected, receipts: dict[int, Receipt]) -> None:
        """The request as a whole was refused: find what is to blame, so that its neighbours go through."""
        places = _blamed(error, rows)
        if places:
            receipts |= self._refusals(rows, places)
            if left := [row for place, row in enumerate(rows) if place not in places]:
                self._alone(left, receipts)
        elif len(rows) > 1 and error.code not in WHOLE:
            middle = len(rows) // 2
            self._alone(rows[:middle], receipts)
            self._alone(rows[middle:], receipts)
        else:
            receipts |= self._refusals(rows, dict.fromkeys(range(len(rows)), error))

    def _open(self, parts: Sequence[Sequence[Row]], error: Mismatch, receipts: dict[int, Receipt]) -> list[list[Row]]:
        """A right lacks: the records that may be edited, where it lacks for some of them and not for the app."""
        open_: list[list[Row]] = []
        closed: list[Row] = []
        for part in parts if parts[0][0].action == "update" else ():
            found = self._client.closed(part[0].app, [int(row.target) for row in part])
            closed += (row for row in part if int(row.target) in found)
            if left := [row for row in part if int(row.target) not in found]:
                open_.append(left)
        if not closed or not open_:
            raise error
        receipts |= {row.place: refused(row.key, "NOT_EDITABLE", row.app, said=error.said) for row in closed}
        return open_

    def _written(self, parts: Sequence[Sequence[Row]]) -> dict[int, Receipt]:
        rows = [row for part in parts for row in part]
        app, action, bodies = rows[0].app, rows[0].action, [[row.body for row in part] for part in parts]
        numbers = self.retrying(lambda: self._client.write(app, action, bodies))
        prefix = self._client.app(app).id
        return {row.place: Receipt(row.key, "done", f"{prefix}-{n}") for row, n in zip(rows, numbers, strict=True)}

    # --- what is refused --------------------------------------------------------------------------------------------

    def _refusals(self, rows: Sequence[Row], bad: Mapping[int, Rejected]) -> dict[int, Receipt]:
        """Receipts for some of the rows of a request, by their places in it."""
        app = rows[0].app
        form = self._client.form(app)
        names = {place: error.names(form) for place, error in bad.items()}
        before = self._done_before([rows[place] for place in bad if rows[place].key_field in names[place]])
        return before | {
            rows[place].place: refused(rows[place].key, error.code, app, names[place], error.said)
            for place, error in bad.items()
            if rows[place].place not in before
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
                if code in each
            }
        except AdapterError as error:
            # Other records of the push are written: what is not known of these is asked again later.
            return {row.place: later(row.key, error.code or "UNKNOWN", app, error.said) for row in rows}
        return {row.place: Receipt(row.key, "done", found[row.target]) for row in rows if row.target in found}


def _blamed(error: Conflict | Rejected, rows: Sequence[Row]) -> dict[int, Rejected]:
    """The rows of a request that an error names, by their places in it."""
    if isinstance(error, Conflict):
        return {}
    return {place: error.of(place) for place in sorted(error.places()) if place < len(rows)}


def _together(rows: Sequence[Row], most: int) -> tuple[list[Row], list[Row]]:
    """Records that can go in one request, and the others."""
    now: dict[str, Row] = {}
    left: list[Row] = []
    for row in rows:
        if (row.app, row.action) != (rows[0].app, rows[0].action) or row.target in now or len(now) == most:
            left.append(row)
        else:
            now[row.target] = row
    return list(now.values()), left
