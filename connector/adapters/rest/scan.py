"""Reading a list: divided in one of several ways, whole or from a time on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from connector.adapters.rest.api import Answer, Api
from connector.adapters.rest.places import Row, Times, UnreadableError, at, said
from connector.adapters.rest.shape import Listing
from connector.errors import AdapterError, Mismatch, Text, text

DAWN = datetime(1970, 1, 1, tzinfo=UTC)
"""No system is asked for what changed before: stamps from before it are none (`0001-01-01` stands for a blank)."""

_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)
_SECOND = timedelta(seconds=1)
Mark = tuple[str | None, datetime | None]
"""What tells one state of a row from another."""

_DIGITS = 19


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a list; `last` where the system said that nothing follows."""

    rows: Sequence[Row]
    last: bool


class Scan:
    """One list. `where` names it in errors.

    While it is asked what changed, `began` is the system's time at the first answer, and `reached` that up to which
    nothing is missing among the rows that were given.
    """

    def __init__(self, api: Api, listing: Listing, times: Times, where: str) -> None:
        self._api = api
        self._listing = listing
        self._times = times
        self._where = where
        self.began = DAWN
        self.reached = DAWN

    @property
    def by_time(self) -> bool:
        """Whether the list can be asked for what changed from a time on."""
        return self._listing.modified is not None and bool(self._listing.modified.since)

    def stamp(self, row: Row) -> datetime | None:
        """When a row was changed; None where that cannot be read."""
        if self._listing.modified is not None:
            with suppress(UnreadableError):
                return self._times.moment(row, self._listing.modified.field)
        return None

    def whole(self) -> list[Row]:
        """All rows, oldest change first; not by steps in time, which could pass over rows that have none."""
        return self._ordered(self.parts(None))

    def changed(self, since: datetime | None) -> Iterator[Sequence[Row]]:
        """Rows that changed from `since` on, oldest first; some come twice.

        :raises Unavailable: the list cannot be read; Mismatch, when it is not what was asked for
        """
        modified, paging = self._listing.modified, self._listing.paging
        self.reached = DAWN
        if modified is None or not modified.sorted:
            for rows in [*self.divided(self._ordered(self.parts(since)))] or [[]]:
                self._reach(max((stamp for row in rows if (stamp := self.stamp(row))), default=DAWN))
                yield rows
        elif paging.by in ("page", "offset"):
            yield from self._by_steps(since)
        else:
            latest = _BEFORE_ALL
            for part in self.parts(since):
                latest = self.in_order(part.rows, latest)
                self._reach(latest)
                yield part.rows

    def _reach(self, stamp: datetime) -> None:
        # Never past the moment we began: around later times, records may still become visible.
        self.reached = max(self.reached, min(stamp, self.began))

    def divided(self, rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
        """Rows that were read at once, in such parts as the system gives."""
        size = self._listing.paging.size
        yield from (rows[start : start + size] for start in range(0, len(rows), size))

    def _by_steps(self, since: datetime | None) -> Iterator[Sequence[Row]]:
        """Each question begins a second before the time where the last answer ended.

        Counted on instead, a row that is changed meanwhile would move to the end and pull its successors over the
        edge of a page that was read already. Where there is no later second to ask from, we do count; and then ask
        again, until no row turns up that stood there when we began. Only then what follows the first page is reached.
        """
        seen: set[Mark] = set()
        met: set[str | None] = {None}
        began: datetime | None = None
        while True:
            step, latest, counted, found = None, _BEFORE_ALL, 0, False
            for part in self.parts(since):
                began = self.began = began or self.began
                latest = self.in_order(part.rows, latest)
                counted += bool(part.rows)
                if counted == 1:
                    self._reach(latest)
                new = [(mark, row) for row in part.rows if (mark := self._mark(row)) not in seen or None in mark]
                yield [row for _, row in new]
                seen |= {mark for mark, _ in new}
                found = found or any(id_ not in met and stamp and stamp <= began for (id_, stamp), _ in new)
                met |= {id_ for (id_, _), _ in new}
                # Not beyond the moment we began: stamps from the future may be anything.
                edge = min(latest, began)
                if not part.last and edge > (since or DAWN) + _SECOND:
                    step = edge - _SECOND
                    break
            if counted > 1 and found:
                continue
            told = self.reached
            self._reach(latest)
            if step is None:
                if self.reached > told:
                    yield []
                return
            since, met = step, {None}
            seen = {(id_, stamp) for id_, stamp in seen if stamp and stamp >= since}

    def _mark(self, row: Row) -> Mark:
        return self.id(row), self.stamp(row)

    def _ordered(self, parts: Iterator[Part]) -> list[Row]:
        rows: dict[str, Row] = {}
        for part in parts:
            for row in part.rows:
                rows[self.id(row) or f"?{len(rows)}"] = row
        return sorted(rows.values(), key=lambda row: self.stamp(row) or _BEFORE_ALL)

    def in_order(self, rows: Sequence[Row], before: datetime = _BEFORE_ALL) -> datetime:
        """The latest stamp, when rows come oldest first and do not end earlier than those `before` did.

        :raises Mismatch: when they do not
        """
        stamps = [stamp for row in rows if (stamp := self.stamp(row))]
        if any(later < earlier for earlier, later in pairwise(stamps)) or (stamps and stamps[-1] < before):
            raise self._not_obeyed(
                text("rows do not come oldest first", "古い順に並んでいません"),
                text(
                    "ask for that order in params, or leave out modified.sorted",
                    "params で並び順を指定するか、modified.sorted を外してください",
                ),
            )
        return stamps[-1] if stamps else before

    def id(self, row: Row) -> str | None:
        """The id of a row, where it can be read."""
        try:
            return said(row, self._listing.id)
        except UnreadableError:
            return None

    # --- parts --------------------------------------------------------------------------------------------------------

    def parts(self, since: datetime | None) -> Iterator[Part]:
        """The parts of the list in the system's order.

        :raises Unavailable: the list cannot be read; Mismatch, when it is not what was asked for
        """
        began: datetime | None = None
        for part in self._parts(self._listing.paging.by, self._asked(since), since):
            began = self.began = began or self._api.heard()
            yield part

    def _parts(self, by: str, asked: dict[str, str | int | bool], since: datetime | None) -> Iterator[Part]:
        if by == "none":
            answer = self._api.ask(self._listing.path, asked)
            if answer.link:
                raise self._not_obeyed(
                    text(
                        "the answer names a next page, and paging is none", "次ページがありますが paging がありません"
                    ),
                    text("configure paging: {{by: link}}", "paging: {{by: link}} を指定してください"),
                )
            yield Part(self._taken(answer, since), last=True)
        elif by in ("page", "offset"):
            yield from self._counted(asked, since)
        else:
            yield from self._given(asked, since)

    def numbered(self, number: int) -> Sequence[Row]:
        """One page, or what stands at an offset."""
        return self._taken(self._api.ask(self._listing.path, self._asked(None) | self._number(number)), None)

    def _asked(self, since: datetime | None) -> dict[str, str | int | bool]:
        listing = self._listing
        asked = dict(listing.params)
        if listing.paging.by != "none" and listing.paging.size_param:
            asked[listing.paging.size_param] = listing.paging.size
        if since is not None and listing.modified is not None and listing.modified.since:
            asked[listing.modified.since] = self._times.spell(since)
        return asked

    def _counted(self, asked: dict[str, str | int | bool], since: datetime | None) -> Iterator[Part]:
        """By number or offset. Without a total only an empty part is the end: a short one may be all it ever gives."""
        paging, listing = self._listing.paging, self._listing
        number, seen, before = (paging.first if paging.by == "page" else 0), 0, None
        while True:
            answer = self._api.ask(listing.path, asked | self._number(number))
            rows = self._taken(answer, since)
            marks = [self.id(row) or row for row in rows]
            if rows and marks == before:
                raise self._stuck()
            seen += len(rows)
            total = _whole_number(answer, paging.total)
            last = not rows or (total is not None and seen >= total)
            yield Part(rows, last)
            if last:
                return
            number, before = number + (1 if paging.by == "page" else len(rows)), marks

    def _number(self, number: int) -> dict[str, str | int | bool]:
        paging = self._listing.paging
        return {paging.param or paging.by: number}

    def _given(self, asked: dict[str, str | int | bool], since: datetime | None) -> Iterator[Part]:
        """By a cursor or link of the system's own, until it gives none."""
        paging, seen = self._listing.paging, {""}
        path, params = self._listing.path, asked
        while True:
            answer = self._api.ask(path, params)
            rows = self._taken(answer, since)
            going_on = self._api.next_link(answer, paging.next) if paging.by == "link" else self._cursor(answer)
            if going_on and going_on in seen:
                raise self._stuck()
            yield Part(rows, not going_on)
            if not going_on:
                return
            seen.add(going_on)
            if paging.by == "link":
                path, params = going_on, {}
            else:
                params = asked | {paging.param or paging.by: going_on}

    def _cursor(self, answer: Answer) -> str:
        found = at(answer.data, self._listing.paging.next)
        if isinstance(found, dict | list) or found is True:
            raise self._not_obeyed(
                text("what stands at paging.next is no cursor", "paging.next の位置にカーソルがありません"),
                text("check paging.next", "paging.next を確認してください"),
            )
        return "" if found is None or found is False else str(found)

    def _taken(self, answer: Answer, since: datetime | None) -> Sequence[Row]:
        """The rows of an answer, when they are what was asked for."""
        rows = self._api.rows(answer, self._listing.rows)
        held: dict[str | None, Row] = {}
        if any(held.setdefault(self.id(row), row) != row for row in rows if self.id(row) is not None):
            place = self._listing.id
            raise self._not_obeyed(
                text("different records have the same {place}", "異なるレコードの {place} が同じです", place=place),
                text("let id be what no two records share", "id には重複しない項目を指定してください"),
            )
        if since is not None and self.by_time:
            edge = self._times.told(since)
            if any(stamp < edge for row in rows if (stamp := self.stamp(row))):
                raise self._not_obeyed(
                    text("rows from before the time that was asked for", "指定した日時より前のレコードが返されました"),
                    text(
                        "check modified.since, times and the time zone",
                        "modified.since、times、タイムゾーンを確認してください",
                    ),
                )
        return rows

    def _stuck(self) -> AdapterError:
        return self._not_obeyed(
            text("the same page comes again and again", "同じページが繰り返し返されます"),
            text("check paging", "paging を確認してください"),
        )

    def _not_obeyed(self, what: Text, fix: Text) -> AdapterError:
        return Mismatch(what, where=self._where, fix=fix)


def _whole_number(answer: Answer, place: str) -> int | None:
    found = str(at(answer.data, place)) if place else ""
    return int(found) if found.isdecimal() and len(found) < _DIGITS else None
