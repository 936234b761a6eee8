"""From the lines of a file to its records: a quotation mark that is never closed costs its row, and no other."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator

_FEW = 4
"""So many delimiters stand in a line of prose."""


class _Lines:
    """The lines of a file, which can be given back."""

    def __init__(self, file: Iterator[str]) -> None:
        self._file = file
        self._again: deque[str] = deque()
        self.taken: list[str] = []
        """Since the record began."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._file)
        self.taken.append(line)
        return line

    def give_back(self) -> None:
        """All lines of the record but the first."""
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]


def records(
    file: Iterator[str], delimiter: str = ",", width: int | None = None
) -> Iterator[tuple[int, list[str] | None]]:
    """The records, each with the line on which it begins; None where quotation marks do not match.

    What such a mark swallowed (some 130,000 letters at most, as csv reads) is read again, from the next line on. Given
    a `width`, that it swallowed something also shows in a later line of the record that is as good as a whole row.
    """
    lines = _Lines(file)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    number = 1
    while True:
        lines.taken.clear()
        found: list[str] | None = None
        try:
            found = next(reader)
        except StopIteration:
            return
        except csv.Error:
            lines.give_back()
        if width and any(line.count(delimiter) >= max(width - 1, _FEW) for line in lines.taken[1:]):
            found = None
            lines.give_back()
        yield number, found
        number += len(lines.taken)
