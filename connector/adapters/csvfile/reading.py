"""From the bytes of a file to rows of cells, and from a row to values in our words. Pure."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Protocol, TypeVar, get_args

from connector.adapters.csvfile import cells
from connector.adapters.csvfile.config import ELSE, Encoding, Ours
from connector.adapters.csvfile.lines import records
from connector.errors import Text, text

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bad:
    """A cell (or, without `header`, a row) that cannot be read. Never its value."""

    line: int
    header: str
    what: Text


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its cells by folded header, and the line on which it begins."""

    line: int
    cells: Mapping[str, str]


class Broken(Exception):
    """A file that cannot be read at all: from which line on, and why."""

    def __init__(self, line: int, what: Text) -> None:
        super().__init__(str(what))
        self.line = line
        self.what = what


def headers(raw: bytes, encoding: Encoding, delimiter: str, wanted: Sequence[str]) -> list[str]:
    """The headers of a file, folded.

    :raises Broken: when the file is encoded otherwise, or lacks one of the `wanted` headers or has it twice
    """
    return _begin(raw, encoding, delimiter, wanted)[0]


def headings(raw: bytes, encoding: Encoding, delimiter: str) -> list[str]:
    """The headers of a file as they stand there.

    :raises Broken: when the file is encoded otherwise, or empty
    """
    return _first(_records(_decode(raw, encoding, ()), delimiter))


def rows(raw: bytes, encoding: Encoding, delimiter: str, wanted: Sequence[str]) -> Iterator[Row | Bad]:
    """The rows of a file, each with the line on which it begins; blank ones are passed over.

    :raises Broken: as `headers`
    """
    names, following = _begin(raw, encoding, delimiter, wanted)
    for record in following:
        if isinstance(record, Bad):
            yield record
            continue
        line, values = record
        while len(values) > len(names) and not values[-1].strip():
            values.pop()
        if not any(value.strip() for value in values):
            continue
        if len(values) != len(names):
            yield Bad(
                line,
                "",
                text(
                    "{n} cells under {m} headers", "見出し{m}列に対しセルが{n}個あります", n=len(values), m=len(names)
                ),
            )
        elif any("\0" in value for value in values):
            yield Bad(line, "", text("holds NUL bytes", "NUL 文字が含まれています"))
        else:
            yield Row(line, dict(zip(names, map(cells.unguard, values), strict=True)))


def _begin(
    raw: bytes, encoding: Encoding, delimiter: str, wanted: Sequence[str]
) -> tuple[list[str], Iterator[tuple[int, list[str]] | Bad]]:
    """The folded headers, and the records that follow."""
    found = _records(_decode(raw, encoding, wanted), delimiter)
    names = [cells.fold(cell) for cell in _first(found)]
    _compare(names, wanted, raw, encoding, delimiter)
    return names, found


def _first(found: Iterator[tuple[int, list[str]] | Bad]) -> list[str]:
    first = next(found, None)
    if first is None or isinstance(first, Bad):
        raise Broken(1, text("no line of headers", "見出し行がありません"))
    return first[1]


def _records(content: str, delimiter: str) -> Iterator[tuple[int, list[str]] | Bad]:
    """Records with the line on which they begin; a cell may go over several lines."""
    for line, values in records(io.StringIO(content, newline=""), delimiter):
        if values is None:
            what = text("quotation marks that do not match", '引用符（"）の対応が取れていません')
            yield Bad(line, "", what)
        else:
            yield line, values


def _decode(raw: bytes, encoding: Encoding, wanted: Sequence[str]) -> str:
    try:
        return raw.decode(_codec(encoding))
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise Broken(line, _otherwise(raw, encoding, wanted)) from None


def _codec(encoding: Encoding) -> str:
    """Files in UTF-8 are read with or without a mark at their beginning."""
    return "utf-8-sig" if encoding == "utf-8" else encoding


def _otherwise(raw: bytes, encoding: Encoding, wanted: Sequence[str]) -> Text:
    fits = [other for other in get_args(Encoding) if other != encoding and _fits(raw, other, wanted)]
    if not fits:
        return text("not encoded in {encoding}", "文字コードが {encoding} ではありません", encoding=encoding)
    return text(
        "not encoded in {encoding}; {fits} fits",
        "文字コードが {encoding} ではありません（{fits} なら読めます）",
        encoding=encoding,
        fits=fits[0],
    )


def _fits(raw: bytes, encoding: Encoding, wanted: Sequence[str]) -> bool:
    try:
        first, _, _ = raw.decode(_codec(encoding)).partition("\n")
    except UnicodeDecodeError:
        return False
    return "\0" not in first and all(cells.fold(header) in cells.fold(first) for header in wanted)


def _compare(names: Sequence[str], wanted: Sequence[str], raw: bytes, encoding: Encoding, delimiter: str) -> None:
    missing = [header for header in wanted if cells.fold(header) not in names]
    twice = [header for header in wanted if names.count(cells.fold(header)) > 1]
    if missing and any(_fits(raw, other, wanted) for other in get_args(Encoding) if other != encoding):
        raise Broken(1, _otherwise(raw, encoding, wanted))
    if missing:
        shown = ", ".join(missing)
        hint = "" if len(names) > 1 else f" (delimiter {delimiter!r}?)"
        raise Broken(1, text("no column {shown}{hint}", "列 {shown} がありません{hint}", shown=shown, hint=hint))
    if twice:
        raise Broken(1, text("column {shown} is there twice", "列 {shown} が重複しています", shown=", ".join(twice)))


# --- a row in our words -----------------------------------------------------------------------------------------------


class Layout(Protocol):
    """Which columns hold which word, and what their cells mean."""

    @property
    def columns(self) -> Mapping[str, tuple[str, ...]]:
        """Our words and the headers of their columns."""

    @property
    def values(self) -> Mapping[str, Mapping[str, Ours]]:
        """For a word: what stands in the cells and what it means."""

    @property
    def defaults(self) -> Mapping[str, Ours]:
        """Values of words that have no column, or whose cell is blank."""


class Cells:
    """A row as values in our words. What cannot be understood is gathered in `bad` and comes as None."""

    def __init__(self, layout: Layout, row: Row, zone: tzinfo) -> None:
        self.bad: list[Bad] = []
        self.row = row
        self._layout = layout
        self._zone = zone

    def has(self, word: str) -> bool:
        """Whether the layout gives `word` a column or a default."""
        return word in self._layout.columns or word in self._layout.defaults

    def header(self, word: str) -> str:
        """What the file calls a word."""
        return "+".join(self._layout.columns.get(word, ()))

    def ours(self, word: str) -> Ours | None:
        """The value by the tables of the layout: the cell's meaning, the cell itself, or the default."""
        found = (self.row.cells.get(cells.fold(header), "") for header in self._layout.columns.get(word, ()))
        cell = " ".join(part for part in found if part.strip())
        if not cell:
            return self._layout.defaults.get(word)
        table = self._layout.values.get(word)
        if table is None:
            return cell
        meanings = {cells.fold(key): value for key, value in table.items()}
        meaning = meanings.get(cells.fold(cell), meanings.get(ELSE))
        if meaning is None:
            self.complain(word, text("a choice that `values` does not name", "values にない選択肢です"))
        return meaning

    def text(self, word: str) -> str | None:
        """As text, as it stands."""
        value = self.ours(word)
        return None if value is None else str(value)

    def key(self, word: str) -> str | None:
        """As text that names something: without spaces around it."""
        value = (self.text(word) or "").strip()
        return value or None

    def moment(self, word: str) -> datetime | None:
        """As a moment."""
        return self._parsed(word, lambda cell: cells.moment(cell, self._zone))

    def day(self, word: str) -> date | None:
        """As a day."""
        return self._parsed(word, cells.day)

    def number(self, word: str) -> float | None:
        """As a number."""
        return self._parsed(word, cells.number)

    def flag(self, word: str) -> bool | None:
        """As yes or no."""
        return self._parsed(word, cells.flag)

    def need(self, word: str) -> None:
        """Complain when `word` is blank (and nothing else is wrong with it)."""
        if self.ours(word) is None and not any(bad.header == (self.header(word) or word) for bad in self.bad):
            self.complain(word, text("blank", "空欄です"))

    def _parsed(self, word: str, parse: Callable[[str], T]) -> T | None:
        value = self.ours(word)
        if value is None:
            return None
        try:
            return parse(str(value))
        except cells.Meaningless as error:
            self.complain(word, error.wanted)
            return None

    def complain(self, word: str, what: Text) -> None:
        """Note that the cell of `word` cannot be understood."""
        bad = Bad(self.row.line, self.header(word) or word, what)
        if bad not in self.bad:
            self.bad.append(bad)


def in_order(rows: Iterator[Row | Bad], layout: Layout, zone: tzinfo) -> Iterator[Row | Bad]:
    """Rows by their time of change, where the layout gives it a column."""
    if "modified" not in layout.columns:
        return rows

    def stamp(row: Row | Bad) -> datetime:
        told = None if isinstance(row, Bad) else Cells(layout, row, zone).moment("modified")
        return told or datetime.min.replace(tzinfo=UTC)

    return iter(sorted(rows, key=stamp))
