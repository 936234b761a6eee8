"""Files for people: written whole or not at all, in the encoding of the other system."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from connector.adapters.csvfile.book import Book, Known
from connector.adapters.csvfile.config import Config
from connector.adapters.csvfile.handout import columns_of, list_file, updates_file
from connector.adapters.csvfile.letters import cell_of
from connector.adapters.csvfile.reading import Bad
from connector.errors import Text, text

PROBLEMS = "problems"
IDENTITY = ("email", "name", "family_name", "given_name", "company")
"""The words by which a row tells, beside the id, who it is about."""

REPORT = ("列", "理由", "reason")
LOST = (
    "{letters} cannot be written in {encoding}; 〓 stands for it",
    "{letters} は {encoding} で書けないため 〓 に置き換えました",
)


class Printer:
    """Writes files as the book has them now."""

    def __init__(self, config: Config, out: Path, book: Book) -> None:
        self._config = config
        self._out = out
        self._book = book
        self._columns = {layout.object: columns_of(config.files, layout.object) for layout in config.files}

    def print(self, file: str, about: str) -> None:
        """Write one file anew; `about` is the object of its people, or the name of the list.

        Without rows it goes away; but a list stays, for an empty one says that nobody is on it.

        :raises OSError: when it cannot be written
        """
        if not (self._out / file).exists():
            self._book.taken(file)
        if file == list_file(about):
            rows = [(id_, self._identity(self._person(object_, id_))) for object_, id_ in self._book.members(about)]
            header = list(rows[0][1] if rows else self._identity(Known(self._config.files[0].object, "")))
        else:
            rows = self._updates(file, about) if file == updates_file(about) else self._book.open_rows(file)
            header = list(dict.fromkeys(name for _, row in rows for name in row))
        if header:
            self._write(file, header, rows)
        else:
            (self._out / file).unlink(missing_ok=True)
        self._book.show(file)

    def complaints(self, name: str, problems: Sequence[Bad]) -> None:
        """Report what was wrong with a file that was read: places and causes, never what stood there."""
        self._report(name, ["行", *REPORT], [[str(bad.line), bad.header, *_both(bad.what)] for bad in problems])

    def _updates(self, file: str, object_: str) -> list[tuple[str, dict[str, str]]]:
        """Who it is, and what to set; a column we have no word on keeps what was last read, so that it stays."""
        rows = self._book.open_rows(file)
        written = sorted({header for _, row in rows for header in row})
        table = []
        for id_, row in rows:
            person = self._person(object_, id_)
            values = {header: row.get(header, person.native.get(header, "")) for header in written}
            table.append((id_, {**self._identity(person), **values}))
        return table

    def _person(self, object_: str, id_: str) -> Known:
        return self._book.known(object_, id_) or Known(object_, id_)

    def _identity(self, person: Known) -> dict[str, str]:
        """Who a row is about, under the headers of the files that were read."""
        columns = self._columns.get(person.object, {})
        shown = {columns[word]: str(person.fields.get(word) or "") for word in IDENTITY if word in columns}
        return {columns.get("id", "ID"): person.id, **shown}

    def _write(self, file: str, header: list[str], rows: Sequence[tuple[str, Mapping[str, str]]]) -> None:
        lost: list[list[str]] = []
        lines = [header]
        for key, row in rows:
            line = []
            for name in header:
                cell, letters = cell_of(row.get(name, ""), self._config.encoding)
                line.append(cell)
                if letters:
                    lost.append([key, name, *_both(text(*LOST, letters=letters, encoding=self._config.encoding))])
            lines.append(line)
        self._save(self._out / file, lines)
        self._report(file, ["キー", *REPORT], lost)

    def _report(self, name: str, header: list[str], lines: list[list[str]]) -> None:
        """A report beside the results; an earlier one goes when there is nothing to tell any more."""
        path = self._out / PROBLEMS / f"{name.replace('/', '-').removesuffix('.csv')}.csv"
        if lines:
            encoding = self._config.encoding
            self._save(path, [header, *([cell_of(cell, encoding)[0] for cell in line] for line in lines)])
        else:
            path.unlink(missing_ok=True)

    def _save(self, path: Path, lines: Sequence[Sequence[str]]) -> None:
        save(path, encoded(lines, self._config.encoding, self._config.delimiter))


def encoded(lines: Sequence[Sequence[str]], encoding: str, delimiter: str) -> bytes:
    """Lines of cells as a file holds them."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n").writerows(lines)
    return buffer.getvalue().encode(encoding)


def save(path: Path, content: bytes) -> None:
    """Write a file beside its place, then put it there: nobody ever sees half of it.

    :raises OSError: when it cannot be written
    """
    path.parent.mkdir(exist_ok=True)
    beside = path.with_name(f".{path.name}.tmp")
    with beside.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(path)
    with suppress(OSError):  # some network file systems cannot do this for folders
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _both(what: Text) -> list[str]:
    return [what.in_("ja"), what.in_("en")]
