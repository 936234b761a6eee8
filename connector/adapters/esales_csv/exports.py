"""One export, from its rows to pages, and what only a whole file tells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from connector.adapters.csvfile import intake, reading
from connector.adapters.csvfile.reading import Bad, Broken, Cells, Row
from connector.adapters.esales_csv.config import DEAL, PERSON, Config, Deals, People
from connector.adapters.esales_csv.state import Memory, State
from connector.adapters.esales_csv.telling import Asked, Teller, layout_of, wanted
from connector.errors import text
from connector.model import Inventory, Record
from connector.ports import Needs, Reject


class ExportReader:
    """Reads one file of a sheet."""

    def __init__(self, system: str, config: Config, needs: Needs, path: Path, export: Asked, memory: Memory) -> None:
        self._system = system
        self._config = config
        self._needs = needs
        self._path = path
        self._export = export
        self._memory = memory
        self._layout = layout_of(export, needs)
        self._ids: set[str] = set()
        self._whole = True
        """Whether every row so far told which record it is about."""

    def rows(self, raw: bytes) -> Iterator[Row | Bad]:
        """The rows of the file, by their time of change where they tell it."""
        return reading.in_order(self._as_they_stand(raw), self._layout, self._needs.timezone)

    def holds_rows(self) -> bool:
        """Whether the file can be read, and has more than headers."""
        try:
            raw = intake.content(self._path)
            return raw is not None and next(self._as_they_stand(raw), None) is not None
        except (Broken, OSError):
            return False

    def _as_they_stand(self, raw: bytes) -> Iterator[Row | Bad]:
        return reading.rows(raw, self._config.encoding, ",", wanted(self._export, self._needs))

    def tell(self, chunk: Sequence[Row | Bad], skip: int, *, last: bool) -> intake.Told:
        """The records of some rows; see `intake.Telling`."""
        records: list[Record] = []
        rejects: list[Reject] = []
        ignored: Counter[str] = Counter()
        with self._memory() as state:
            written = datetime.fromtimestamp(self._path.stat().st_mtime, UTC)
            teller = Teller(self._system, self._config, self._needs, state, written)
            for number, row in enumerate(chunk):
                told, bad = self._tell(row, teller)
                if number < skip:
                    continue
                if bad:
                    rejects.append(Reject(f"{self._path.name}:{bad[0].line}", intake.all_of(bad)))
                elif told is None:
                    ignored["layout"] += 1
                else:
                    records += told
            if last:
                records += self._inventory(state)
        return records, rejects, ignored

    def _tell(self, row: Row | Bad, teller: Teller) -> tuple[Sequence[Record] | None, Sequence[Bad]]:
        if isinstance(row, Bad):
            self._whole = False
            return [], [row]
        cells = self._cells(row)
        id_ = cells.key("id")
        if id_ in self._ids:
            cells.complain("id", text("there twice in this file", "このファイル内で重複しています"))
            return [], cells.bad
        if id_ is None:
            self._whole = False
        else:
            self._ids.add(id_)
        return teller.tell(self._export, cells), cells.bad

    def _cells(self, row: Row) -> Cells:
        return Cells(self._layout, row, self._needs.timezone)

    def _inventory(self, state: State) -> list[Record]:
        """Who is there, by a full export; not by one with a row that may be anybody's, or with none at all."""
        if not (isinstance(self._export, People | Deals) and self._export.full and self._whole and self._ids):
            return []
        if isinstance(self._export, Deals):
            return [Inventory(self._system, DEAL, frozenset(self._ids))]
        here = self._ids | {created.id for created in state.created_after(0)}
        state.keep_only(PERSON, here)
        return [Inventory(self._system, PERSON, frozenset(here))]
