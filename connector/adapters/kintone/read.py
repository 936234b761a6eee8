"""Reading: what changed in an app, oldest first, from a cursor that any page can be resumed from.

The time of the last change (更新日時) has whole minutes, and a record may be seen later than it is stamped. So each
reading begins `overlap` before the moment of the reading before - by kintone's own clock - and gives those records
again: the store knows them. Within a reading each page begins with the minute in which the page before ended: a record
that is changed meanwhile moves to the end and is met there, and no offset (kintone ends it at 10,000) is ever needed.
Whether kintone orders the changes of a minute by seconds that it does not show is unknown, so that the record number
says nothing of what is still to come of a minute: the last minute of a full page is left to the next one, and a
minute that fills a page is read by record number alone. The form is asked for once in a run, so that a field or an
option that somebody took away ends the stream, instead of looking empty. People who are new since the reading before
are looked up among the deals, which are not read again for their sake (`links`). Where the configuration reads
something else than before - another app, one more field - all is read anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from connector.adapters.kintone.client import Client, Row
from connector.adapters.kintone.links import Linker, Links
from connector.adapters.kintone.options import Config
from connector.adapters.kintone.queries import literal
from connector.adapters.kintone.records import Shape, is_choice, missing_options, missing_truths, state_field
from connector.adapters.kintone.refusals import Rejected, unmapped
from connector.adapters.kintone.values import moment, stamp
from connector.errors import Mismatch, Text, text
from connector.model import Inventory, Person, Record
from connector.ports import Needs, Page, Reject

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Place:
    """How far an app was read.

    `since`: records of this moment and later are read (None: all there are). `heard`: kintone's clock when this
    reading began. `last`, while pages are to come: the minute with which they begin, and the last record number where
    that minute is read by number (None: it is not). `swept`: kintone's clock when all record numbers were last known.
    `mark`: what was read, and where; where that has changed since, the records are not those of the store.
    """

    since: datetime | None = None
    heard: datetime | None = None
    last: tuple[datetime, int | None] | None = None
    swept: datetime | None = None
    mark: str = ""

    def dump(self) -> str:
        """As a cursor."""
        last = [stamp(self.last[0]), self.last[1]] if self.last else None
        times = [at and stamp(at) for at in (self.since, self.heard, self.swept)]
        return json.dumps([*times, last, self.mark])

    @classmethod
    def load(cls, cursor: str | None) -> Place:
        """From a cursor of `dump`; one of an earlier version has no mark."""
        if cursor is None:
            return cls()
        since, heard, swept, last, *mark = json.loads(cursor)
        since, heard, swept = (at and moment(at) for at in (since, heard, swept))
        return cls(since, heard, (moment(last[0]), last[1]) if last else None, swept, *mark)

    @property
    def number(self) -> int | None:
        """Of a minute that is read by record number: the last one."""
        return self.last[1] if self.last else None


class Reader:
    """Reads the streams of one kintone; a stream is an app that a mapping names."""

    def __init__(self, client: Client, config: Config, needs: Needs) -> None:
        self._client = client
        self._config = config
        self._needs = needs
        named = [word for word in config.apps if word in needs.objects]
        self.people = tuple(word for word in named if not needs.of(word).deal)
        self.deals = tuple(word for word in named if needs.of(word).deal)
        self.linker = Linker(client, needs, self.people, self.deals)

    def pull(self, stream: str, cursor: str | None) -> Iterator[Page]:
        """See `Adapter.pull`."""
        try:
            yield from self._pages(stream, cursor)
        except Rejected as error:  # nothing that asks is about one item
            raise self._broken(stream, error.what) from None

    def _pages(self, stream: str, cursor: str | None) -> Iterator[Page]:
        if stream == (*self.people, *self.deals)[0]:
            self._client.forget_forms()  # a run begins
        place, shape = Place.load(cursor), self.shape(stream)
        known = place.since or place.heard  # deals were perhaps read since then, and without those who came later
        mark = self._mark(shape)
        if place.mark != mark:  # a field that is not in the store would look empty, and be written to
            place = Place(mark=mark)
        whole = place.since is None and place.swept is None
        going = True
        while going:
            asked_at = self._client.http.clock()
            rows = self._ask(shape, place)
            place = replace(place, heard=place.heard or self._began(asked_at))
            going = place.number is not None or len(rows) >= self._config.page_size
            if going:
                rows, place = self._behind(shape, place, rows)
            else:
                place = self._finished(place, whole=whole)
            yield self._page(shape, place, rows, known)
        now = self._client.http.server_time
        if now is not None and place.swept is not None and now - place.swept >= self._config.sweep:
            yield self._sweep(shape, replace(place, swept=now))

    # --- what is read -----------------------------------------------------------------------------------------------

    def shape(self, stream: str) -> Shape:
        """What is read of an app, when all of it is there.

        :raises Mismatch: when a field or an option is gone
        """
        needs = self._needs.of(stream)
        form = self._client.form(stream)
        shape = Shape(self._client.name, stream, self._client.app(stream), form, needs, self._needs.timezone)
        missing = [*shape.unreadable(), *([] if form.of_type("UPDATED_TIME") else ["更新日時 (UPDATED_TIME)"])]
        if missing:
            what = text(
                "there is no field {names} that can be read",
                "読み取れるフィールド {names} がありません",
                names=", ".join(missing),
            )
            raise self._broken(stream, what)
        for telling, options in missing_truths(form, needs):
            what = text(
                "{code} has no option {names}: yes and no cannot be told apart",
                "{code} に選択肢 {names} が無く、「はい」か「いいえ」かを判定できません",
                code=telling,
                names=", ".join(options),
            )
            raise self._broken(stream, what)
        code = state_field(needs)
        if code is not None and needs.states:
            self._states(shape, code)
        return shape

    def _mark(self, shape: Shape) -> str:
        """What makes a record of the app what it is to us, besides what the app holds."""
        needs = shape.needs
        people = [self._client.app(word).id for word in self.people] if needs.deal else []
        parts = (
            self._config.base_url, shape.app.id, shape.app.owner, repr(shape.app.summary), shape.columns, needs.key,
            needs.words, needs.values, needs.deal, {state: sorted(said) for state, said in needs.states.items()},
            needs.probabilities, needs.linked_by, people, str(shape.zone),
        )  # fmt: skip
        return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    def _states(self, shape: Shape, code: str) -> None:
        field = shape.form.find(code)
        if is_choice(shape.form, code) and field is not None:
            options = field.options
        elif field is not None and field.type == "STATUS":
            options = self._client.states(shape.word)
        else:
            return
        missing = missing_options(shape.needs, options)
        if missing:
            what = text(
                "{code} has no option {names}: states of deals cannot be told",
                "{code} に選択肢 {names} が無く、商談の状態を判定できません",
                code=code,
                names=", ".join(missing),
            )
            raise self._broken(shape.word, what)

    def _broken(self, word: str, what: Text) -> Mismatch:
        return unmapped(f"{self._client.name}/{word}", what)

    # --- asking -----------------------------------------------------------------------------------------------------

    def _ask(self, shape: Shape, place: Place) -> Sequence[Row]:
        updated = shape.form.of_type("UPDATED_TIME")
        begin, where, order = place.last[0] if place.last else place.since, "", f"{updated} asc, $id asc"
        if begin is not None:
            where = f"{updated} >= {literal(stamp(begin))} "
        if begin is not None and place.number is not None:
            where += f"and {updated} < {literal(stamp(begin + _MINUTE))} and $id > {place.number} "
            order = "$id asc"
        query = f"{where}order by {order} limit {self._config.page_size}"
        rows = self._client.records(shape.word, query, shape.columns)
        unseen = sorted(code for code in shape.columns if any(code not in row for row in rows))
        if unseen:
            what = text(
                "{names} cannot be seen in all records",
                "{names} を参照できないレコードがあります",
                names=", ".join(unseen),
            )
            raise self._broken(shape.word, what)
        return rows

    def _began(self, asked_at: float) -> datetime | None:
        """When the query began, by kintone's clock: an answer is stamped when it ends."""
        http = self._client.http
        return http.server_time and http.server_time - timedelta(seconds=http.clock() - asked_at)

    def _behind(self, shape: Shape, place: Place, rows: Sequence[Row]) -> tuple[Sequence[Row], Place]:
        """What of an answer is taken, when it is not the last one, and where to go on."""
        if place.last is not None and place.number is not None:
            full = len(rows) >= self._config.page_size
            minute = place.last[0]
            return rows, replace(place, last=(minute, _number(rows[-1])) if full else (minute + _MINUTE, None))
        code = str(shape.form.of_type("UPDATED_TIME"))
        minutes = [moment(row[code]["value"]) for row in rows]
        taken = [row for row, minute in zip(rows, minutes, strict=True) if minute < minutes[-1]]
        return taken, replace(place, last=(minutes[-1], None if taken else 0))

    def _finished(self, place: Place, *, whole: bool) -> Place:
        """A first reading has seen every number there is, as a sweep does."""
        if place.heard is None:  # a server without a clock: begin where this reading began
            return replace(place, last=None)
        return Place(place.heard - self._config.overlap, swept=place.heard if whole else place.swept, mark=place.mark)

    def _sweep(self, shape: Shape, place: Place) -> Page:
        found = (shape.ref(row).id for row in self._client.scan(shape.word, "", []))
        return Page([Inventory(shape.system, shape.word, frozenset(found))], place.dump())

    # --- answers ----------------------------------------------------------------------------------------------------

    def _page(self, shape: Shape, place: Place, rows: Sequence[Row], known: datetime | None) -> Page:
        links = self.linker.people_of(shape, rows) if shape.needs.deal else {}
        records: list[Record] = []
        rejects: list[Reject] = []
        beside: dict[str, Record] = {}
        newcomers: list[Row] = []
        for row in rows:
            try:
                made = self._made(shape, row, links)
                found = {str(each.ref): each for each in shape.beside(row)}
            except (ValueError, KeyError, TypeError, AttributeError):
                rejects.append(Reject(f"{shape.word}/{row['$id']['value']}", _UNREADABLE))
                continue
            beside |= found
            records.append(made)
            if known and isinstance(made, Person) and made.created_at and made.created_at >= known:
                newcomers.append(row)
        parts = self.linker.deals_of(shape, newcomers)
        return Page([*beside.values(), *records, *parts], place.dump(), rejects)

    def _made(self, shape: Shape, row: Row, links: Links) -> Record:
        if not shape.needs.deal:
            return shape.person(row)
        people = (id_ for value in shape.linked(row) for id_ in links.get(value, ()))
        return shape.deal(row, tuple(dict.fromkeys(people)))


_UNREADABLE = text("holds a value that cannot be read", "読み取れない値があります")


def _number(row: Row) -> int:
    return int(row["$id"]["value"])
