"""e-Sales Manager (eセールスマネージャー Remix and esm) by the CSV files of its batch linkage (バッチ連携).

A batch client of the vendor exports sheets into a folder and imports files from one, on a schedule of its own. Read:
exports become companies, people, deals and touchpoints. Written: changes become files to import; what the import
refuses comes back by result files. `docs/adapters/esales_csv.md` tells what is promised and what is not known.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from connector.adapters.csvfile import intake
from connector.adapters.esales_csv.check import Check, shown_sheet
from connector.adapters.esales_csv.config import ACTIVITY, COMPANY, DEAL, PERSON, Config, Deals, People, Results
from connector.adapters.esales_csv.desk import Desk
from connector.adapters.esales_csv.exports import ExportReader
from connector.adapters.esales_csv.results import ResultReader
from connector.adapters.esales_csv.spelling import Spelling
from connector.adapters.esales_csv.state import State, open_state
from connector.adapters.esales_csv.telling import Asked, Teller, needs_of
from connector.adapters.esales_csv.tray import Tray
from connector.changes import AddTouchpoint, AnyChange, CreatePerson, RaiseAlert, SetFields
from connector.errors import Uncertain
from connector.model import Record, Role
from connector.ports import Adapter, Finding, Needs, ObjectShown, Page, Receipt
from connector.spec import Spec

PAGE = 1000
RESULTS = "results"


class EsalesCsv(Adapter):
    """One e-Sales Manager behind its folders."""

    type = "esales_csv"
    Config = Config
    role = Role.SFA
    writes = frozenset({SetFields, CreatePerson, RaiseAlert, AddTouchpoint})
    person_words = frozenset()
    rereads = False
    batch = 5000

    def __init__(self, name: str, config: Spec, needs: Needs) -> None:
        if not isinstance(config, Config):
            raise TypeError(config)
        self._name = name
        self._config = config
        self._needs = needs
        home = Path(config.mark.file).parent
        self._exports, self._imports = home / config.exports, home / config.imports
        self._results = home / config.results.folder if config.results else None
        self._state_file = home / config.state
        self._spelling = Spelling(config, needs.timezone)
        self._tray = Tray(config, self._imports, needs.timezone)

    @property
    def streams(self) -> Sequence[str]:
        """The sheets that are exported and asked for, what they refer to first; then what imports refused."""
        asked = {DEAL: bool(needs_of(self._needs, DEAL).deal)}
        sheets = [name for name in self._sheets if asked.get(name, True)]
        return [*sheets, *([RESULTS] if self._results else [])]

    def check(self) -> Sequence[Finding]:
        """Compare the options with the mappings and with the files that lie there."""
        with self._reachable():
            return Check(self._config, self._needs, self._sheets, self._exports, self._imports).all()

    def inspect(self) -> Sequence[ObjectShown]:
        """The columns of the newest export of each sheet, read or not."""
        with self._reachable():
            shown = [shown_sheet(name, export, self._exports, self._config) for name, export in self._sheets.items()]
        return [sheet for sheet in shown if sheet is not None]

    def pull(self, stream: str, cursor: str | None) -> Iterator[Page]:
        """Files oldest first. The cursor names those read to their end, and how far the present one was read."""
        place = intake.Place.of(cursor)
        folder = self._results if stream == RESULTS and self._results else self._exports
        asked = self._files[stream]
        patterns = [asked] if isinstance(asked, Results) else list(self._sheets.values())
        with self._memory() as state:
            self._tray.sweep(state)
            files = [(path, asked) for path, found in intake.dropped(folder, patterns) if found is asked]
            intake.sweep([path for path, _ in files], place)
            current = self._current([found for found in files if found[0].exists()], place)
        for path, export in current:
            reader = self._reader(path, export)
            yield from intake.pages(path, place, self._settle, reader.rows, reader.tell, PAGE)
        with self._memory() as state:
            last = self._last_page(stream, place, state)
        yield last

    def push(self, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        """All changes at once: into the state first, then into import files, which may be laid down again."""
        if not changes:
            return
        with self._memory() as state:
            self._tray.sweep(state)
            desk = Desk(self._config, self._spelling, state)
            receipts = [desk.carry_out(change) for change in changes]
        try:
            self._tray.lay_down(lambda: open_state(self._state_file))
        except (OSError, sqlite3.Error) as error:
            raise Uncertain(intake.why(error), where=self._name) from error
        yield from receipts

    # --- helpers ------------------------------------------------------------------------------------------------------

    @property
    def _sheets(self) -> dict[str, Asked]:
        """The sheets that are exported, in the order in which they refer to each other."""
        config = self._config
        sheets = {COMPANY: config.companies, PERSON: config.people, DEAL: config.deals, ACTIVITY: config.activities}
        return {name: export for name, export in sheets.items() if export is not None}

    @property
    def _files(self) -> dict[str, Asked | Results]:
        """What is read for each stream."""
        return {**self._sheets, **({RESULTS: self._config.results} if self._config.results else {})}

    def _current(
        self, files: Sequence[tuple[Path, Asked | Results]], place: intake.Place
    ) -> Sequence[tuple[Path, Asked | Results]]:
        """Without full exports that a later one replaces, if that can be read: those are done with."""
        full = [(path, asked) for path, asked in files if isinstance(asked, People | Deals) and asked.full]
        ready = [(path, asked) for path, asked in full if intake.settled(path, self._settle)]
        while ready and not self._export_reader(*ready[-1]).holds_rows():
            ready.pop()
        replaced = [path for path, _ in ready[:-1]]
        for path in replaced:
            raw = intake.content(path)
            if raw is not None:
                place.finished[path.name] = (intake.digest_of(raw), "done")
        return [(path, asked) for path, asked in files if path not in replaced]

    @property
    def _settle(self) -> float:
        return self._config.settle.total_seconds()

    def _reader(self, path: Path, asked: Asked | Results) -> ExportReader | ResultReader:
        if isinstance(asked, Results):
            return ResultReader(self._name, self._config, self._needs, path, asked, self._memory)
        return self._export_reader(path, asked)

    def _export_reader(self, path: Path, asked: Asked) -> ExportReader:
        return ExportReader(self._name, self._config, self._needs, path, asked, self._memory)

    def _last_page(self, stream: str, place: intake.Place, state: State) -> Page:
        """What no file holds: people we created, who are there from now on."""
        records: list[Record] = []
        if stream == PERSON:
            teller = Teller(self._name, self._config, self._needs, state, datetime.min.replace(tzinfo=UTC))
            for created in state.created_after(place.created):
                known = state.known(PERSON, created.id)
                records += [teller.person(known)] if known else []
                place.created = created.seq
        return Page(records, place.cursor())

    @contextmanager
    def _memory(self) -> Iterator[State]:
        """The state for one transaction, while the folders are there."""
        with self._reachable(), open_state(self._state_file) as state:
            # A share that is not mounted leaves an empty folder, where waiting files would seem to have been taken.
            for kind in state.kinds() & self._config.imported:
                intake.need(self._imports / kind, self._name)
            yield state

    def _reachable(self) -> AbstractContextManager[None]:
        results = [self._results] if self._results else []
        return intake.reachable([self._exports, self._imports, *results], self._name)
