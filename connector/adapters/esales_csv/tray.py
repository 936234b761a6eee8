"""Import files: laid down whole under names that sort in order, never touched again, and gone once imported."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import count
from pathlib import Path

from connector.adapters.csvfile.printing import encoded, save
from connector.adapters.esales_csv.config import NEW, PROBLEMS, UPDATES, Config
from connector.adapters.esales_csv.spelling import LOST
from connector.adapters.esales_csv.state import Memory, Row, State
from connector.errors import text

MAX_ROWS = 50_000
MAX_BYTES = 40_000_000
"""Limits of one file, well below the vendor's (50 MB; under 100,000 rows are advised)."""

_STAMP = "%Y%m%dT%H%M%S"


class Tray:
    """The folder of imports."""

    def __init__(self, config: Config, folder: Path, zone: tzinfo) -> None:
        self._config = config
        self._folder = folder
        self._zone = zone

    def sweep(self, state: State) -> None:
        """Note which files are gone: the import has taken them.

        Of rows about people the last ones stay known, as what a result may be about; of those on sheets only the key.
        """
        for name, kind in state.waiting_files().items():
            if (self._folder / kind / name).exists():
                continue
            state.take(name)
            for row in state.in_file(name):
                if kind not in (UPDATES, NEW):
                    state.empty(row)
                    continue
                for older in state.rows(kind, row.key):
                    if older.taken and older.no < row.no and older.cells.keys() <= row.cells.keys():
                        state.drop(older)

    def lay_down(self, memory: Memory) -> None:
        """Put the rows that stand in no file yet into new ones, those with the same columns together.

        Each file is noted before the next is written: one that cannot be written has no other written again.

        :raises OSError: when a file cannot be written; rows that are not noted as placed are written again
        """
        groups: dict[tuple[str, tuple[str, ...]], list[Row]] = {}
        with memory() as state:
            for row in state.unplaced():
                groups.setdefault((row.kind, _columns(row)), []).append(row)
        for kind in {PROBLEMS, *(kind for kind, _ in groups)}:
            for half in (self._folder / kind).glob(".*.csv.tmp"):  # of a crash
                half.unlink()
        for (kind, columns), same in groups.items():
            for content, part in parts(columns, same, self._config.encoding):
                with memory() as state:
                    name = self._name(state, kind)
                    save(self._folder / kind / name, content)
                    self._report(name, part)
                    state.place(part, name, kind)

    def _name(self, state: State, kind: str) -> str:
        """A name behind the last one, also when the clock was set back, or a crash kept the state from knowing it."""
        ours = re.compile(rf"\d{{8}}T\d{{6}}-{re.escape(kind)}-\d{{3}}\.csv")
        there = (unicodedata.normalize("NFC", path.name) for path in (self._folder / kind).glob("*.csv"))
        last = max([state.last_file(kind), *filter(ours.fullmatch, there)])
        now = f"{datetime.now(self._zone):{_STAMP}}"  # noqa: TID251  people read in the name when a file was written
        names = (f"{stamp}-{kind}-{number:03}.csv" for stamp, number in _behind(last, now))
        return next(name for name in names if name > last)

    def _report(self, name: str, rows: Sequence[Row]) -> None:
        """Which letters were lost, for whoever asks why a name looks odd."""
        encoding = self._config.encoding
        lines = [
            [row.key, column, said.in_("ja"), said.in_("en")]
            for row in rows
            for column, letters in row.lost
            for said in [text(*LOST, letters=letters, encoding=encoding)]
        ]
        if lines:
            save(self._folder / PROBLEMS / name, encoded([["キー", "列", "理由", "reason"], *lines], encoding, ","))


def _columns(row: Row) -> tuple[str, ...]:
    """The matching key first, as it is in the row, then the others in an order of their own."""
    key, *others = row.cells
    return (key, *sorted(others))


def _behind(last: str, now: str) -> Iterator[tuple[str, int]]:
    """Stamps and numbers that come behind the name `last`, from `now` on."""
    begin = max(now, last[: len(now)])
    moment = datetime.strptime(begin, _STAMP)  # noqa: DTZ007  a name, counted on
    for seconds in count():
        stamp = f"{moment + timedelta(seconds=seconds):{_STAMP}}"
        for number in range(1, 1000):
            yield stamp, number


def parts(columns: Sequence[str], rows: Sequence[Row], encoding: str) -> Iterator[tuple[bytes, list[Row]]]:
    """The contents of files that hold these rows, each within the limits."""
    head = encoded([columns], encoding, ",")
    lines = (
        (row, encoded([[row.cells[column] for column in columns]], encoding.removesuffix("-sig"), ",")) for row in rows
    )
    filled: list[bytes] = []
    held: list[Row] = []
    size = len(head)
    for row, line in lines:
        if held and (len(held) >= MAX_ROWS or size + len(line) > MAX_BYTES):
            yield head + b"".join(filled), held
            filled, held, size = [], [], len(head)
        filled.append(line)
        held.append(row)
        size += len(line)
    if held:
        yield head + b"".join(filled), held
