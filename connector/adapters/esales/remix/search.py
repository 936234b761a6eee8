"""Searching one entity: the body of the request, the shape of the rows, and all rows of a condition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connector.adapters.esales.calls import unreadable
from connector.adapters.esales.remix.client import Client
from connector.adapters.esales.remix.rows import NoRow, Row, Shape, shape_of, unpacked
from connector.adapters.esales.remix.scan import Answer, Ask, Stuck, scan
from connector.adapters.esales.speech import senseless
from connector.adapters.esales.words import number
from connector.errors import Refused, Unavailable, text

Condition = Mapping[str, Any]


def moment_in(code: int, operator: str, at: datetime) -> Condition:
    """A condition on a time, always with its offset: without one it would be read as UTC, not as the tenant's."""
    return {"columnCode": code, "operator": operator, "date": at.astimezone(UTC).isoformat(timespec="seconds")}


def number_is(code: int, operator: str, value: int) -> Condition:
    """A condition on a number, key or choice."""
    return {"columnCode": code, "operator": operator, "num": value}


def text_is(code: int, value: str) -> Condition:
    """A condition on a text."""
    return {"columnCode": code, "operator": "=", "text": value}


def nothing_in(code: int) -> Condition:
    """The condition that a column is empty."""
    return {"columnCode": code, "operator": "=", "null": True}


class Searcher:
    """Searches of one tenant in one run; keeps the shape that the first row had."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.shape: Shape | None = None
        """What rows look like here, once one was seen."""
        self._proven = False
        self._is_total = False
        """Whether `hits` has been seen to count more than the rows beside it."""
        self._whole = 1
        """The most rows of an answer that was found to be all there is. No service gives one row at a time."""

    def rows(
        self, sheet: str, conditions: Sequence[Condition], codes: Sequence[int], start: int = 0
    ) -> tuple[int, Sequence[Row]]:
        """How many rows fulfil all conditions, and some of them from the `start`-th on.

        :raises Unavailable: also when the answer makes no sense
        """
        hits, raw, answer = self._asked(sheet, conditions, codes, start)
        try:
            rows = [self._unpacked(each, codes) for each in raw]
        except NoRow:
            raise self._strange(answer) from None
        if self.shape is Shape.POSITIONAL and not self._proven:
            self._prove(sheet, codes, raw)
        self._is_total = self._is_total or hits > len(raw)
        return hits, rows

    def by_key(
        self, sheet: str, key: int, conditions: Sequence[Condition], codes: Sequence[int], start: int = 0
    ) -> Answer:
        """As `rows`, by the values of the column `key`, which each row must have.

        No example shows a search without conditions: where there is none, the key is to be 0 or more.
        """
        conditions = conditions or [number_is(key, ">=", 0)]
        wanted = [key, *(code for code in dict.fromkeys(codes) if code != key)]
        hits, rows = self.rows(sheet, conditions, wanted, start)
        found: dict[int, Row] = {}
        for row in rows:
            id_ = number(row[key])
            if id_ is None or not _within(id_, key, conditions):
                raise self._strange({str(code): value for code, value in row.items()})
            found[id_] = row
        return Answer(hits, found)

    def all(
        self, sheet: str, key: int, conditions: Sequence[Condition], codes: Sequence[int], *, most: int | None = None
    ) -> Iterator[Mapping[int, Row]]:
        """Every row at least once, in portions.

        :raises TooMany: at once, when there are more than `most`
        """

        def ask(low: int | None, high: int | None, start: int) -> Answer:
            limits = [number_is(key, sign, edge) for sign, edge in ((">=", low), ("<=", high)) if edge is not None]
            answer = self.by_key(sheet, key, [*conditions, *limits], codes, start)
            if most is not None and answer.hits > most and start == 0 and not limits:
                raise TooMany
            return answer

        try:
            seen: set[int] = set()
            for some in scan(ask):
                seen |= some.keys()
                yield some
            if len(seen) > self._whole and not self._is_total:
                self._see_whether_all(ask, seen)
        except Stuck:
            raise Unavailable(
                text("{sheet}: its records cannot be counted through", "{sheet}: 全件を読み取れません", sheet=sheet),
                where=self._client.name,
                code="PAGING",
                fix=text(
                    "try again while nobody edits; if that does not help, run the probe",
                    "編集の少ない時間帯に再実行し、改善しなければ probe を実行してください",
                ),
            ) from None

    # --- answers ------------------------------------------------------------------------------------------------------

    def _asked(
        self, sheet: str, conditions: Sequence[Condition], codes: Sequence[int], start: int
    ) -> tuple[int, list[Any], Any]:
        body = {
            "searchCondition": {"targetObjectName": sheet, "items": list(conditions)},
            "columnCodes": list(codes),
            "fromIndex": start,
        }
        try:
            answer = self._client.search(body)
        except Refused as error:
            raise unreadable(error) from None
        hits = number(answer.get("hits")) if isinstance(answer, dict) else None
        raw = answer.get("values") if isinstance(answer, dict) else None
        if hits is None or not isinstance(raw, list):
            raise self._strange(answer)
        return hits, raw, answer

    def _unpacked(self, row: Any, codes: Sequence[int]) -> Row:
        if self.shape is None:
            self.shape = shape_of(row, codes)
        return unpacked(self.shape, row, codes)

    def _see_whether_all(self, ask: Ask, seen: set[int]) -> None:
        """Ask for a part of an answer that seems to be all there is.

        No page says that `hits` counts more than the rows of the answer. If it does not, an answer that is a page of
        more looks complete; the part then brings keys that the whole has not.
        """
        part = ask(sorted(seen)[len(seen) // 2], None, 0)
        if part.rows.keys() <= seen:
            self._whole = len(seen)
        elif not self._is_total:
            raise Stuck

    def _prove(self, sheet: str, codes: Sequence[int], raw: Sequence[Any]) -> None:
        """Rows without codes are believed only when their values follow the order in which they are asked for.

        One record is asked for twice: what seems to be the key of a row may be another column, so the row itself is
        not compared. A row whose values are all alike tells nothing, and cannot be read wrongly.
        """
        row = next((each for each in raw if _turned(each) != each), None)
        if row is None:
            return
        key = number(row[0])
        if key is None:
            raise self._strange(raw)
        own = [number_is(codes[0], "=", key)]
        _, once, _ = self._asked(sheet, own, codes, 0)
        _, again, answer = self._asked(sheet, own, _turned(codes), 0)
        if [_turned(each) for each in once] != again or again != [_turned(row)]:
            raise self._strange(answer)
        self._proven = True

    def _strange(self, answer: object) -> Unavailable:
        what = text("the rows of the answer have an unknown shape", "検索結果の行の形式が不明です")
        return senseless(self._client.name, what, answer)


class TooMany(Exception):
    """More rows than are to be held at once: ask for a shorter time."""


def _turned(row: Sequence[Any]) -> list[Any]:
    return [*row[1:], *row[:1]]


def _within(id_: int, key: int, conditions: Sequence[Condition]) -> bool:
    """Whether a key lies in the range that was asked for."""
    tests = {"=": id_.__eq__, ">=": id_.__ge__, "<=": id_.__le__}
    return all(tests[each["operator"]](each["num"]) for each in conditions if each["columnCode"] == key)
