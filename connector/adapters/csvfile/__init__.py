"""CSV files in folders, as Excel and Japanese business systems save them: a source and a target of their own.

Read: files dropped into `folder` become people, touchpoints, deals, companies and lists. Written: changes become
files in `out` that people import elsewhere. `docs/adapters/csv.md` tells what is promised.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

from connector.adapters.csvfile import cells, intake, reading
from connector.adapters.csvfile.book import Book, open_book
from connector.adapters.csvfile.config import Config, File, FileKind
from connector.adapters.csvfile.handout import Desk, list_file, new_file, updates_file
from connector.adapters.csvfile.printing import Printer
from connector.adapters.csvfile.reading import Bad, Broken, Cells, Row
from connector.adapters.csvfile.telling import Teller, person_needs, person_of
from connector.changes import CHANGES, AnyChange, CloseAlert
from connector.errors import Uncertain, text
from connector.model import Membership, Record
from connector.ports import Adapter, Finding, Needs, Page, Receipt, Reject
from connector.spec import Spec

PAGE = 1000
STATE = ".state.db"


class CsvFile(Adapter):
    """One system made of files."""

    type = "csv"
    Config = Config
    writes = frozenset(CHANGES) - {CloseAlert}
    rereads = False
    batch = 5000

    def __init__(self, name: str, config: Spec, needs: Needs) -> None:
        if not isinstance(config, Config):
            raise TypeError(config)
        self.role = config.role
        self._name = name
        self._config = config
        self._needs = needs
        home = Path(config.mark.file).parent
        self._folder = home / config.folder
        self._out = home / config.out
        self._state = home / config.state if config.state else self._out / STATE

    @classmethod
    def tells(cls, config: Spec) -> frozenset[str] | None:
        """What columns and defaults of its files name."""
        files = config.files if isinstance(config, Config) else ()
        return frozenset(word for file in files for word in (*file.columns, *file.defaults))

    @property
    def streams(self) -> Sequence[str]:
        """The kinds of files there are layouts for; people always (we may have created some)."""
        kinds = {layout.kind for layout in self._config.files} | {"people"}
        if self._needs.lists:
            kinds.add("lists")
        return [kind for kind in get_args(FileKind) if kind in kinds]

    def check(self) -> Sequence[Finding]:
        """Look at the files that lie there: their names, encoding and headers."""
        with self._reachable():
            files = intake.dropped(self._folder, self._config.files)
            return [finding for path, layout in files for finding in self._look_at(path, layout)]

    def pull(self, stream: str, cursor: str | None) -> Iterator[Page]:
        """Files oldest first. The cursor names those read to their end, and how far the present one was read."""
        place = intake.Place.of(cursor)
        with self._reachable():
            dropped = intake.dropped(self._folder, self._config.files)
            files = [(path, layout) for path, layout in dropped if layout is not None and layout.kind == stream]
            intake.sweep([path for path, _ in files], place)
            self._catch_up()
        for path, layout in files:
            yield from self._file(path, layout, place)
        with self._reachable(), self._book() as book:
            last = self._last_page(stream, place, book)
        yield last

    def push(self, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        """All changes at once: into the book first, then into files, which may be written again at any time."""
        if not changes:
            return
        with self._reachable(), self._book() as book:
            desk = Desk(self._config, self._zone, book)
            receipts = [desk.carry_out(change) for change in changes]
        try:
            with self._book() as book:
                printer = Printer(self._config, self._out, book)
                for file, about in desk.touched.items():
                    printer.print(file, about)
        except (OSError, sqlite3.Error) as error:
            raise Uncertain(intake.why(error), where=self._name) from error
        yield from receipts

    def _catch_up(self) -> None:
        """Write the files that a run was cut off before: what the book has reads as done, and nobody sends it again."""
        with self._book() as book:
            printer = Printer(self._config, self._out, book)
            owed = book.owed()
            updates = {updates_file(each): each for each in book.objects()} if owed else {}
            for file, key in owed:
                printer.print(file, key if file == list_file(key) else updates.get(file, ""))

    # --- reading ------------------------------------------------------------------------------------------------------

    def _file(self, path: Path, layout: File, place: intake.Place) -> Iterator[Page]:
        """The pages of one file."""
        so_far = _SoFar(path, layout)

        def rows(raw: bytes) -> Iterator[Row | Bad]:
            found = reading.rows(raw, self._config.encoding, self._config.delimiter, _wanted(layout))
            return reading.in_order(found, layout, self._zone)

        def tell(chunk: Sequence[Row | Bad], skip: int, *, last: bool) -> intake.Told:
            with self._reachable(), self._book() as book:
                told = self._tell(chunk, skip, so_far, book)
                if last:
                    self._conclude(so_far, book)
            return told

        yield from intake.pages(path, place, self._config.settle.total_seconds(), rows, tell, PAGE)

    def _tell(self, chunk: Sequence[Row | Bad], skip: int, so_far: _SoFar, book: Book) -> intake.Told:
        """Rows that an earlier pull gave are told to the book only, which then knows all, whatever happened."""
        written = datetime.fromtimestamp(so_far.path.stat().st_mtime, UTC)
        teller = Teller(self._name, so_far.layout, self._needs, self._zone, book, written)
        records: list[Record] = []
        rejects: list[Reject] = []
        ignored: Counter[str] = Counter()
        for number, row in enumerate(chunk):
            told, bad = ([], [row]) if isinstance(row, Bad) else teller.tell(Cells(so_far.layout, row, self._zone))
            so_far.bad += bad
            if number < skip:
                continue
            if bad:
                rejects.append(Reject(f"{so_far.path.name}:{bad[0].line}", intake.all_of(bad)))
            elif told is None:
                ignored["layout"] += 1
            else:
                records += told
        so_far.arrived |= teller.arrived
        for list_, member in teller.members:
            so_far.members.setdefault(list_, []).append(member)
        return records, rejects, ignored

    def _conclude(self, so_far: _SoFar, book: Book) -> None:
        """What only a whole file tells: its bad cells together; lists, unless a bad row leaves them in doubt."""
        fixed = so_far.layout.defaults.get("list")
        if fixed is not None and "list" not in so_far.layout.columns:
            so_far.members.setdefault(str(fixed), [])
        for name, members in so_far.members.items() if not so_far.bad else ():
            book.replace_members(name, members)
        printer = Printer(self._config, self._out, book)
        printer.complaints(so_far.path.name, so_far.bad)
        for object_, key in sorted(so_far.arrived):
            book.withdraw(new_file(object_), key)
            printer.print(new_file(object_), object_)

    def _last_page(self, stream: str, place: intake.Place, book: Book) -> Page:
        """What no file holds: people we created, who are there from now on; and lists as they stand."""
        records: list[Record] = []
        if stream == "people":
            for created in book.created_after(place.created):
                known = book.known(created.object, created.id)
                records += [person_of(self._name, known, self._needs, self._zone)] if known else []
                place.created = created.seq
        if stream == "lists":
            for name in sorted(self._needs.lists):
                records.append(Membership(self._name, name, frozenset(id_ for _, id_ in book.members(name))))
        return Page(records, place.cursor(), complete=stream == "lists")

    # --- the rest -----------------------------------------------------------------------------------------------------

    def _look_at(self, path: Path, layout: File | None) -> Iterator[Finding]:
        if layout is None:
            what = text("no layout fits the file {name}", "ファイル {name} に合う pattern がありません", name=path.name)
            yield Finding("warning", what)
            return
        raw = intake.content(path)
        if raw is None or not intake.settled(path, self._config.settle.total_seconds()):
            what = text(
                "{name} was just changed; the next run reads it",
                "{name} は更新直後のため次回読み込みます",
                name=path.name,
            )
            yield Finding("info", what)
            return
        try:
            names = reading.headers(raw, self._config.encoding, self._config.delimiter, _wanted(layout))
        except Broken as error:
            why, why_ja = error.what.in_("en"), error.what.in_("ja")
            yield Finding("error", text("{name}: {why}", "{name}: {why_ja}", name=path.name, why=why, why_ja=why_ja))
            return
        read = person_needs(self._needs, layout.object).read if layout.kind == "people" else ()
        for header in sorted(header for header in read if cells.fold(header) not in names):
            what = text(
                "{name} has no column {field}", "{name} に列 {field} がありません", name=path.name, field=header
            )
            yield Finding("warning", what, layout.object, header)

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self._config.timezone)

    def _book(self) -> AbstractContextManager[Book]:
        return open_book(self._state)

    def _reachable(self) -> AbstractContextManager[None]:
        return intake.reachable((self._folder, self._out), self._name)


@dataclass
class _SoFar:
    """What was gathered over the pages of a file."""

    path: Path
    layout: File
    bad: list[Bad] = field(default_factory=list)
    members: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    arrived: set[tuple[str, str]] = field(default_factory=set)


def _wanted(layout: File) -> list[str]:
    return [header for headers in layout.columns.values() for header in headers]
