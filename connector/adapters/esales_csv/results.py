"""What the import said afterwards: rows it refused, joined to what was handed out.

A push is answered when its row lies in an import file; the import comes later, on a schedule of its own. A refused row
is told as a reject with its place, and what the record held before is told again: so the engine plans the change anew,
and the push of that is answered with the refusal, which parks it with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from connector.adapters.csvfile import intake, reading
from connector.adapters.csvfile.cells import fold
from connector.adapters.csvfile.reading import Bad, Cells, Row
from connector.adapters.esales_csv.config import NEW, PERSON, UPDATES, Config, Results
from connector.adapters.esales_csv.refusals import code_of, refusal
from connector.adapters.esales_csv.state import Known, Memory, State
from connector.adapters.esales_csv.state import Row as Handed
from connector.adapters.esales_csv.telling import Layout, Teller, needs_of
from connector.model import Record
from connector.ports import Needs, Reject


def layout_of(results: Results) -> Layout:
    """The columns of a result file by our words."""
    named = {"message": results.message, "key": results.key, "file": results.file, "line": results.line}
    return Layout({word: (header,) for word, header in named.items() if header is not None})


class ResultReader:
    """Reads one result file."""

    def __init__(self, system: str, config: Config, needs: Needs, path: Path, results: Results, memory: Memory) -> None:
        self._system = system
        self._config = config
        self._needs = needs
        self._path = path
        self._results = results
        self._memory = memory
        self._layout = layout_of(results)

    def rows(self, raw: bytes) -> Iterator[Row | Bad]:
        """The lines of the file."""
        columns = [header for headers in self._layout.columns.values() for header in headers]
        return reading.rows(raw, self._config.encoding, ",", columns)

    def tell(self, chunk: Sequence[Row | Bad], skip: int, *, last: bool) -> intake.Told:  # noqa: ARG002  each line stands for itself
        """What some lines say; see `intake.Telling`."""
        with self._memory() as state:
            teller = Teller(self._system, self._config, self._needs, state, datetime.min.replace(tzinfo=UTC))
            hearing = _Hearing(self._results, self._path.name, state, teller, needs_of(self._needs, PERSON).key)
            for line in chunk[skip:]:
                hearing.hear(line if isinstance(line, Bad) else Cells(self._layout, line, self._needs.timezone))
        return hearing.records, hearing.rejects, hearing.ignored


class _Hearing:
    """Hears lines of one result file out, within a transaction."""

    def __init__(self, results: Results, name: str, state: State, teller: Teller, key_column: str | None) -> None:
        self._results = results
        self._name = name
        self._state = state
        self._teller = teller
        self._key_column = key_column
        self._rows_in: dict[str, list[Handed] | None] = {}
        self._ok = {fold(message) for message in results.ok}
        self.records: list[Record] = []
        self.rejects: list[Reject] = []
        self.ignored: Counter[str] = Counter()

    def hear(self, line: Cells | Bad) -> None:
        """What one line says."""
        if isinstance(line, Bad):
            self.rejects.append(Reject(f"{self._name}:{line.line}", line.what))
            return
        message = line.key("message") or ""
        if not message or fold(message) in self._ok:
            self.ignored["imported"] += 1
            return
        handed = self._row(line)
        if line.bad:
            self.rejects.append(Reject(f"{self._name}:{line.row.line}", intake.all_of(line.bad)))
        elif handed is None:
            self.ignored["not_ours"] += 1
        else:
            self._refused(handed, message, line.row.line)

    def _row(self, line: Cells) -> Handed | None:
        """The row a line is about: by its key, and by file and number where those are told."""
        key, number = line.key("key"), line.number("line")
        placed = self._placed((line.key("file") or self._name).replace("\\", "/").rpartition("/")[2])
        found = self._state.placed(key or "") if placed is None else placed
        if key is not None:
            found = [row for row in found if row.key == key]
        elif number is not None and placed is not None:
            found = [row for row in found if row.line == int(number) - self._results.first_line + 1]
        else:
            found = []
        return found[-1] if found else None

    def _placed(self, name: str) -> list[Handed] | None:
        """The rows of the import file that a name tells of; None when it tells of none of ours."""
        if name not in self._rows_in:
            files = self._state.files_like(name)
            self._rows_in[name] = self._state.in_file(files[0]) if files else None
        return self._rows_in[name]

    def _refused(self, row: Handed, message: str, line: int) -> None:
        code = code_of(message)
        why = refusal(code)
        self.rejects.append(Reject(f"{self._name}:{line}", why.whole, code))
        of_card = row.kind in (UPDATES, NEW)
        known = self._state.known(PERSON, row.id) if of_card else None
        if not row.refused:
            # The row of a sheet is not planned anew, so that nobody would ever be told the message.
            self._state.refuse(row, code, message if of_card else "")
            self._undo(row, known)
        if known is not None:
            self.records.append(self._teller.person(known))

    def _undo(self, row: Handed, known: Known | None) -> None:
        """What stood there before a row stands there still, unless later rows or exports say otherwise."""
        if known is None:
            return
        later = [each for each in self._state.rows(row.kind, row.key) if each.no > row.no]
        again = {column for each in later for column in each.cells}
        for column, before in row.before.items():
            if column not in again and column != self._key_column and known.native.get(column) == row.cells[column]:
                known.native[column] = before
        self._state.remember(known)
