"""Touchpoints as columns: they are far too many for an object each.

Rows stand by identity, and within an identity oldest first, so that the newest touchpoint of a group is its last row.
Times are whole microseconds since 1970 (UTC); texts are codes into the distinct texts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from operator import itemgetter
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from connector.model import Kind

Row: TypeAlias = tuple[int, str, int, str, str, str, str]
"""Index of the identity in its chunk, kind, time in microseconds, label, url, campaign, result."""

Span: TypeAlias = tuple[int, int]
"""A range of rows: the first one, and the one behind the last."""

Int8s: TypeAlias = npt.NDArray[np.int8]
Int32s: TypeAlias = npt.NDArray[np.int32]
Int64s: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]

KINDS = tuple(Kind)
"""What the codes of the column `kind` stand for."""

_CODE_OF_KIND = {kind.value: code for code, kind in enumerate(KINDS)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def codes_of(kinds: Iterable[Kind]) -> Int8s:
    """The codes of these kinds in the column `kind`."""
    return np.array([_CODE_OF_KIND[kind] for kind in kinds], np.int8)


def micros(moment: datetime) -> int:
    """An aware time as microseconds since 1970, exactly."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """The other way round."""
    return _EPOCH + timedelta(microseconds=microseconds)


class Touch(NamedTuple):
    """One touchpoint, as rules about a single person read it."""

    kind: Kind
    happened_at: datetime
    label: str
    url: str
    campaign: str
    result: str


@dataclass(frozen=True, slots=True)
class Texts:
    """A column of texts, each row a code into `values`."""

    codes: Int32s
    values: tuple[str, ...]

    def passing(self, test: Callable[[str], bool], rows: Int64s) -> Int64s:
        """Those of `rows` whose text passes; each distinct text is tested once."""
        passed: Flags = np.fromiter(map(test, self.values), bool, len(self.values))
        return rows[passed[self.codes[rows]]]


@dataclass(frozen=True, slots=True)
class Touchpoints:
    """The touchpoints of a chunk of identities; all columns are equally long."""

    identity: Int32s
    kind: Int8s
    happened_at: Int64s
    label: Texts
    url: Texts
    campaign: Texts
    result: Texts

    @classmethod
    def from_rows(cls, rows: Sequence[Row]) -> Touchpoints:
        """Columns of `rows`, which may come in any order.

        Touchpoints of one identity and one moment keep their order: where it decides which of them is shown as the
        last one, it should be the same at every reading.
        """
        size = len(rows)
        identity = np.fromiter(map(itemgetter(0), rows), np.int32, size)
        happened_at = np.fromiter(map(itemgetter(2), rows), np.int64, size)
        kind = np.fromiter(map(_CODE_OF_KIND.__getitem__, map(itemgetter(1), rows)), np.int8, size)
        texts = [_texts(rows, column) for column in (3, 4, 5, 6)]
        if not _in_order(identity, happened_at):
            order = np.lexsort((happened_at, identity))
            identity, happened_at, kind = identity[order], happened_at[order], kind[order]
            texts = [Texts(column.codes[order], column.values) for column in texts]
        return cls(identity, kind, happened_at, *texts)

    def __len__(self) -> int:
        return len(self.identity)

    def of(self, index: int, after: datetime | None = None) -> tuple[Touch, ...]:
        """The touchpoints of one identity, newest first; only those later than `after`, if that is given."""
        start, end = np.searchsorted(self.identity, (index, index + 1)).tolist()
        return self.rows(self.between((start, end), after, None))

    def starts(self, count: int) -> list[int]:
        """Where the rows of each of `count` identities begin; at the end, where those of the last one end."""
        found: list[int] = np.searchsorted(self.identity, np.arange(count + 1)).tolist()
        return found

    def between(self, span: Span, after: datetime | None, until: datetime | None) -> Span:
        """The part of one identity's rows that is later than `after` and not later than `until`."""
        start, end = span
        times = self.happened_at[start:end]
        first = start if after is None else start + int(times.searchsorted(micros(after), side="right"))
        last = end if until is None else start + int(times.searchsorted(micros(until), side="right"))
        return first, max(first, last)

    def rows(self, span: Span) -> tuple[Touch, ...]:
        """Rows of one identity, newest first."""
        start, end = span
        if start == end:
            return ()
        rows = slice(start, end)
        kinds = map(KINDS.__getitem__, self.kind[rows].tolist())
        times = map(moment, self.happened_at[rows].tolist())
        texts = [
            map(column.values.__getitem__, column.codes[rows].tolist())
            for column in (self.label, self.url, self.campaign, self.result)
        ]
        return tuple(map(Touch, kinds, times, *texts))[::-1]


def _texts(rows: Sequence[Row], column: int) -> Texts:
    # The dictionary numbers each new text by itself: no line of Python is run per row.
    code_of: defaultdict[str, int] = defaultdict(count().__next__)
    codes = np.fromiter(map(code_of.__getitem__, map(itemgetter(column), rows)), np.int32, len(rows))
    return Texts(codes, tuple(code_of))


def _in_order(identity: Int32s, happened_at: Int64s) -> bool:
    same = identity[1:] == identity[:-1]
    ordered = (identity[1:] > identity[:-1]) | (same & (happened_at[1:] >= happened_at[:-1]))
    return bool(ordered.all())
