"""Files for people: written whole or not at all, in the encoding of the other system."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import mkstemp

from connector.adapters.csvfile import cells
from connector.adapters.csvfile.book import Book
from connector.adapters.csvfile.config import Config
from connector.adapters.csvfile.handout import LISTS, columns_of, updates_file
from connector.adapters.csvfile.reading import Bad
from connector.errors import text

PROBLEMS = "problems"
GETA = "〓"
"""What Japanese printers set for a letter they lacked."""

IDENTITY = ("id", "email", "name", "family_name", "given_name", "company")
"""The words by which a row tells who it is about."""

LOST = text(
    "{letters} cannot be written in {encoding}; 〓 stands for it",
    "{letters} は {encoding} で書けないため 〓 に置き換えました",
)

_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")


class Printer:
    """Writes files as the book has them now."""

    def __init__(self, config: Config, out: Path, book: Book) -> None:
        self._config = config
        self._out = out
        self._book = book

    def print(self, file: str, about: str) -> None:
        """Write one file anew; `about` is the object of its people, or the name of the list.

        :raises OSError: when it cannot be written
        """
        if file.startswith(f"{LISTS}/"):
            members = self._book.members(about)
            keys, table = [id_ for _, id_ in members], [self._identity(*member) for member in members]
        elif file == updates_file(about):
            keys, table = self._updates(file, about)
        else:
            rows = self._book.open_rows(file)
            keys, table = [key for key, _ in rows], [row for _, row in rows]
        self._write(file, keys, table)
        self._book.show(file)

    def complaints(self, name: str, problems: Sequence[Bad]) -> None:
        """Report what was wrong with a file that was read: places and causes, never what stood there."""
        self._report(
            name,
            [
                {"行": str(bad.line), "列": bad.header, "理由": bad.what.in_("ja"), "reason": bad.what.in_("en")}
                for bad in problems
            ],
        )

    def _updates(self, file: str, object_: str) -> tuple[list[str], list[dict[str, str]]]:
        """Who it is, and what to set; a column we have no word on keeps what was last read, so that it stays."""
        rows = self._book.open_rows(file)
        written = sorted({header for _, row in rows for header in row})
        table = []
        for id_, row in rows:
            known = self._book.known(object_, id_)
            native = known.native if known else {}
            values = {header: row.get(header, native.get(header, "")) for header in written}
            table.append({**self._identity(object_, id_), **values})
        return [id_ for id_, _ in rows], table

    def _identity(self, object_: str, id_: str) -> dict[str, str]:
        """Who a row is about, under the headers of the files that were read."""
        columns = columns_of(self._config.files, object_)
        known = self._book.known(object_, id_)
        fields = known.fields if known else {}
        shown = {columns[word]: str(fields.get(word) or "") for word in IDENTITY if word in columns and word != "id"}
        return {columns.get("id", "ID"): id_, **shown}

    def _write(self, file: str, keys: Sequence[str], table: Sequence[Mapping[str, str]]) -> None:
        names = list(dict.fromkeys(header for row in table for header in row))
        lost: list[dict[str, str]] = []
        lines = [names]
        for key, row in zip(keys, table, strict=True):
            line = []
            for name in names:
                cell, letters = self._spell(cells.guard(row.get(name, "")))
                line.append(cell)
                if letters:
                    what = text(LOST.en, LOST.ja, letters=letters, encoding=self._config.encoding)
                    lost.append({"キー": key, "列": name, "理由": what.in_("ja"), "reason": what.in_("en")})
            lines.append(line)
        self._save(self._out / file, lines)
        self._report(file, lost)

    def _report(self, name: str, table: Sequence[Mapping[str, str]]) -> None:
        """A report beside the results; an earlier one goes when there is nothing to tell any more."""
        path = self._out / PROBLEMS / f"{name.replace('/', '-').removesuffix('.csv')}.csv"
        if table:
            lines = [list(table[0]), *([self._spell(cells.guard(cell))[0] for cell in row.values()] for row in table)]
            self._save(path, lines)
        else:
            path.unlink(missing_ok=True)

    def _spell(self, cell: str) -> tuple[str, str]:
        """The cell in letters the encoding has, and the code points of those it lacks."""
        try:
            cell.encode(self._config.encoding)
        except UnicodeEncodeError:
            plain = _SELECTORS.sub("", cell)
        else:
            return cell, ""
        lacking = {letter for letter in plain if not _has(self._config.encoding, letter)}
        spelt = "".join(GETA if letter in lacking else letter for letter in plain)
        return spelt, " ".join(f"U+{ord(letter):04X}" for letter in sorted(lacking))

    def _save(self, path: Path, lines: Sequence[Sequence[str]]) -> None:
        """Write a file beside its place, then put it there: nobody ever sees half of it."""
        buffer = io.StringIO(newline="")
        csv.writer(buffer, delimiter=self._config.delimiter, lineterminator="\r\n").writerows(lines)
        path.parent.mkdir(exist_ok=True)
        handle, temporary = mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(buffer.getvalue().encode(self._config.encoding))
                stream.flush()
                os.fsync(stream.fileno())
            Path(temporary).chmod(0o660)
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _has(encoding: str, letter: str) -> bool:
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
