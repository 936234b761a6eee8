"""Reading: by 変更日 where a sheet has one that is known, in spans of time that fit in memory, oldest first.

A reading begins `overlap` before the moment of the reading before, by the server's clock; a day before it, while no
probe has seen that the clock and the stamps go together. Records that were never changed may have no 変更日; they are
asked for by their absence. Where no stamp is known, everything is read each time.
Deletions are told nowhere, so every `sweep` the keys of all records are read.

A sheet in which nothing has changed is not described anew on the same day: two searches for keys tell that it is quiet.
As soon as there is a row to be read, its columns and choices are asked for, so that none is read by an old description.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from connector.adapters.esales.options import Config, Stamps
from connector.adapters.esales.records import company, deal, owner, person
from connector.adapters.esales.remix.client import Client
from connector.adapters.esales.remix.records import RowReading, columns_behind
from connector.adapters.esales.remix.rows import Row
from connector.adapters.esales.remix.search import Condition, Searcher, TooMany, moment_in, nothing_in
from connector.adapters.esales.remix.sheets import COMPANY, DEAL, PERSON, Column, Sheet, Sheets
from connector.adapters.esales.speech import did_you_mean, plain
from connector.adapters.esales.words import named_states, spelt_truths, state_word
from connector.errors import Mismatch, Text, text
from connector.model import Inventory, Record
from connector.ports import Needs, ObjectNeeds, Page, Reject

STAMPS: Mapping[str, Stamps] = {PERSON: Stamps(changed="934", created="932")}
"""Stamps that public code uses."""

_MOST = 2000
"""Rows held at once, where a shorter span of time gives fewer."""
_SHORTEST = timedelta(minutes=1)
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_CLOCK_MARGIN = timedelta(seconds=5)
_UNSURE = timedelta(days=1)
"""How far a reading reaches back while nobody has made sure that clock and stamps go together."""
_DESCRIBED_FOR = timedelta(days=1)
"""How long an earlier run's word is taken for which column of a sheet is which."""
_UNREADABLE = text("holds a value that cannot be read", "読み取れない値があります")


@dataclass(frozen=True, slots=True)
class Place:
    """How far a stream was read: records changed from `since` on are to be read; keys were last counted at `swept`.

    `seen`: when the sheet was last described. `codes`: its key, and its columns for 変更日 and 登録日, by then.
    """

    since: datetime | None = None
    swept: datetime | None = None
    seen: datetime | None = None
    codes: tuple[int, int, int | None] | None = None

    def dump(self) -> str:
        """As a cursor."""
        times = [at and at.isoformat() for at in (self.since, self.swept, self.seen)]
        return json.dumps([*times, self.codes])

    @classmethod
    def load(cls, cursor: str | None) -> Place:
        """From a cursor of `dump`."""
        if cursor is None:
            return cls()
        *times, codes = json.loads(cursor)
        since, swept, seen = (datetime.fromisoformat(each) if each else None for each in times)
        return cls(since, swept, seen, tuple(codes) if codes else None)


class Reader:
    """Reads the streams of one tenant."""

    def __init__(self, client: Client, sheets: Sheets, searcher: Searcher, config: Config, needs: Needs) -> None:
        self._client = client
        self._sheets = sheets
        self._searcher = searcher
        self._config = config
        self._needs = needs
        sure = needs.probed.get("clock") == "ok"
        self._overlap = config.overlap if sure else max(config.overlap, _UNSURE)
        self._portion = 100
        """Rows of a page: as many as the last answer had."""

    @property
    def streams(self) -> list[str]:
        """Employees and companies first, then people, then deals."""
        objects = self._needs.objects
        people = [PERSON] if PERSON in objects or "*" in objects else []
        deals = [DEAL] if DEAL in objects else []
        before = [COMPANY] if people or deals else []
        if self._config.employees is not None and self._needs.alerts:
            before.insert(0, self._config.employees.sheet)
        return [*before, *people, *deals]

    def pull(self, stream: str, cursor: str | None) -> Iterator[Page]:
        """See `Adapter.pull`."""
        place = Place.load(cursor)
        if (heard := self._quiet(stream, place)) is not None:
            yield Page([], replace(place, since=heard - self._overlap).dump())
            return
        reading, key = self._reading(stream)
        if reading.changed is not None:
            seen = self._client.http.utcnow()
            place = replace(place, seen=seen, codes=(key, reading.changed, reading.created))
        now = self._client.http.server_time
        if now is None or reading.changed is None:
            yield from self._paged(reading, self._collect(reading, key, []), place)
        else:
            until = now + _CLOCK_MARGIN
            for end, rows in self._spans(reading, key, place.since, until):
                yield from self._paged(reading, rows, place)
                if end is not None:  # a record may yet become visible with a stamp of the last minutes
                    place = replace(place, since=min(end, now - self._overlap))
                    yield Page([], place.dump())
            place = replace(place, since=now - self._overlap)
        yield from self._last(reading, key, place, now)

    def _quiet(self, stream: str, place: Place) -> datetime | None:
        """The server's time when it said that nothing has changed; None: something has, or it is not known."""
        http = self._client.http
        if place.since is None or place.seen is None or place.codes is None:
            return None
        if not timedelta(0) <= http.utcnow() - place.seen < _DESCRIBED_FOR:
            return None
        key, changed, created = place.codes
        asked_at = http.clock()
        try:
            if self._searcher.by_key(stream, key, [moment_in(changed, ">=", place.since)], [key]).hits:
                return None
            now = http.server_time
            if now is None or (place.swept is not None and now - place.swept >= self._config.sweep):
                return None
            now -= timedelta(seconds=max(http.clock() - asked_at, 0))
            if self._searcher.by_key(stream, key, _bare(changed, created, place.since), [key]).hits:
                return None
        except Mismatch:  # a column is not there any more
            return None
        return now

    # --- what to read -------------------------------------------------------------------------------------------------

    def _reading(self, stream: str) -> tuple[RowReading, int]:
        sheet = self._sheets.demand(stream)
        needs = self._needs.of(stream) if stream in (PERSON, DEAL) else ObjectNeeds()
        natives = {name: self._column(sheet, name) for name in sorted(needs.read)}
        words = dict(columns_behind(sheet, needs))
        key = sheet.key
        options = self._config.employees
        if options is not None and stream == options.sheet:
            key = self._column(sheet, str(options.id)).code
            words = {"name": self._column(sheet, options.name)}
            words |= {"email": self._column(sheet, options.email)} if options.email else {}
        elif needs.key is not None:
            words["key"] = self._column(sheet, needs.key)
        if key is None:
            raise self._bad(stream, text("its key is not known", "主キーが不明です"))
        stamps = self._config.stamps.get(stream) or STAMPS.get(stream)
        used = {column.code: column for column in [*words.values(), *natives.values()]}
        choices = {code: self._sheets.choices(stream, column) for code, column in used.items()}
        self._check_choices(sheet, needs, words, choices)
        return RowReading(
            self._client.name,
            stream,
            needs,
            self._needs.timezone,
            words,
            natives,
            choices,
            self._column(sheet, stamps.changed).code if stamps else None,
            self._column(sheet, stamps.created).code if stamps and stamps.created else None,
        ), key

    def _column(self, sheet: Sheet, native: str) -> Column:
        found = sheet.column(native)
        if found is None:
            what = text("there is no field {field}, or two of that name", "項目 {field} が無いか、複数あります",
                        field=native)  # fmt: skip
            raise self._bad(sheet.name, what, did_you_mean(native, (each.name for each in sheet.columns.values())))
        return found

    def _check_choices(
        self, sheet: Sheet, needs: ObjectNeeds, words: Mapping[str, Column], choices: Mapping[int, Mapping[int, str]]
    ) -> None:
        """A choice that was renamed would turn won deals into open ones, and a refusal of mails into none."""
        spelt = [(state_word(needs), named_states(needs)), ("probability", set(needs.probabilities))]
        for word, names in (*spelt, *spelt_truths(needs)):
            column = words.get(word)
            if column is None or column.type not in ("select", "checkbox"):
                continue
            there = {plain(name): name for name in choices[column.code].values()}
            lacking = sorted(name for name in names if plain(name) not in there)
            if lacking:
                raise self._bad(
                    sheet.name,
                    text("{field} has no choice {names} any more", "{field} に選択肢 {names} がありません",
                         field=column.name, names=", ".join(lacking)),
                    text("write one of: {names}", "次のいずれかを指定してください: {names}",
                         names=", ".join(there.values())),
                )  # fmt: skip

    def _bad(self, stream: str, what: Text, fix: Text | None = None) -> Mismatch:
        fix = fix or text("run connector check", "connector check を実行してください")
        return Mismatch(what, where=f"{self._client.name}/{stream}", fix=fix)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _spans(
        self, reading: RowReading, key: int, since: datetime | None, until: datetime
    ) -> Iterator[tuple[datetime | None, Mapping[int, Row]]]:
        """Rows of one span of time after the other, with its end where more follow."""
        assert reading.changed is not None  # noqa: S101  the caller has looked
        yield None, self._collect(reading, key, _bare(reading.changed, reading.created, since))
        waiting: list[tuple[datetime | None, datetime]] = [(since, until)]
        while waiting:
            begin, end = waiting.pop()
            conditions = [moment_in(reading.changed, ">=", begin)] if begin is not None else []
            conditions.append(moment_in(reading.changed, "<", end))
            span = end - (begin or _BEGINNING)
            try:
                rows = self._collect(reading, key, conditions, most=_MOST if span > _SHORTEST else None)
            except TooMany:
                middle = (begin or _BEGINNING) + span / 2
                waiting += [(middle.replace(microsecond=0), end), (begin, middle.replace(microsecond=0))]
                continue
            yield end if waiting else None, rows

    def _collect(
        self, reading: RowReading, key: int, conditions: Sequence[Condition], *, most: int | None = None
    ) -> Mapping[int, Row]:
        found: dict[int, Row] = {}
        for some in self._searcher.all(reading.sheet, key, conditions, reading.codes, most=most):
            found |= some
            self._portion = max(len(some), 1)
        return found

    def _paged(self, reading: RowReading, rows: Mapping[int, Row], place: Place) -> Iterator[Page]:
        made: list[tuple[datetime, int, Record]] = []
        rejects: list[Reject] = []
        for id_, row in rows.items():
            try:
                record = self._record(reading, id_, row)
                at = getattr(record, "modified_at", None) or _BEGINNING
            except ValueError:
                rejects.append(Reject(f"{reading.sheet}/{id_}", _UNREADABLE))
            else:
                made.append((at, id_, record))
        made.sort(key=lambda each: each[:2])
        size = self._portion
        for start in range(0, len(made), size):
            yield Page([record for _, _, record in made[start : start + size]], place.dump())
        if rejects:
            yield Page([], place.dump(), rejects)

    def _record(self, reading: RowReading, id_: int, row: Row) -> Record:
        options = self._config.employees
        if options is not None and reading.sheet == options.sheet:
            return owner(reading, id_, row)
        return _MAKERS[reading.sheet](reading, id_, row)

    def _last(self, reading: RowReading, key: int, place: Place, now: datetime | None) -> Iterator[Page]:
        """The page that moves the cursor, with the keys of all records when it is time for them."""
        records: list[Record] = []
        if now is not None and reading.sheet in (PERSON, DEAL):
            if place.swept is not None and now - place.swept >= self._config.sweep:
                found = [some.keys() for some in self._searcher.all(reading.sheet, key, [], [key])]
                ids = frozenset(str(id_) for keys in found for id_ in keys)
                records.append(Inventory(self._client.name, reading.sheet, ids))
                place = replace(place, swept=now)
            elif place.swept is None:
                place = replace(place, swept=now)  # everything has just been read
        yield Page(records, place.dump())


def _bare(changed: int, created: int | None, since: datetime | None) -> list[Condition]:
    """What records without 変更日 fulfil."""
    new = [moment_in(created, ">=", since)] if since is not None and created is not None else []
    return [nothing_in(changed), *new]


_MAKERS: Mapping[str, Callable[[RowReading, int, Row], Record]] = {PERSON: person, COMPANY: company, DEAL: deal}
