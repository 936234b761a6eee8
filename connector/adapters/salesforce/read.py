"""Reading: one query per stream over what changed, oldest first, from a cursor that any page can be resumed from.

`SystemModstamp` moves with every change, by whomever, and is set when a transaction begins; the record is seen when
it commits, later. So each reading begins `overlap` before the moment of the reading before - by Salesforce's own
clock, as told with the first answer - and gives those records again: the store knows them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from simple_salesforce.format import format_soql

from connector.adapters.salesforce.fields import is_identifier, moment, pack, stamp, unpack
from connector.adapters.salesforce.org import Org
from connector.adapters.salesforce.records import WORDS, Row, Shape
from connector.errors import AdapterError, Mismatch, Refused, Unavailable, text
from connector.model import Record
from connector.ports import Needs, ObjectNeeds, Page, Reject

if TYPE_CHECKING:
    from connector.adapters.salesforce import Config

ACTIVITIES = frozenset({"Task", "Event"})

_CLOCK_MARGIN = timedelta(seconds=30)
"""Time stamps have whole seconds, and servers of an org differ a little."""

_DESCRIBED_FOR = timedelta(days=1)
"""How long a run takes an object for what an earlier run found it to be."""

_STAMPS = ("Id", "SystemModstamp", "IsDeleted")
_ESSENTIAL: Mapping[str, tuple[str, ...]] = {
    "User": ("Id", "SystemModstamp", "Name", "Email", "IsActive"),
    "Account": (*_STAMPS, "Name", "OwnerId"),
    "Contact": (*_STAMPS, "CreatedDate", "LastName", "OwnerId", "AccountId"),
    "Lead": (*_STAMPS, "CreatedDate", "LastName", "OwnerId", "IsConverted", "ConvertedContactId"),
    "Opportunity": (
        *(*_STAMPS, "CreatedDate", "Name", "StageName", "CloseDate", "IsClosed", "IsWon", "OwnerId", "AccountId"),
    ),
    "OpportunityContactRole": (*_STAMPS, "OpportunityId", "ContactId"),
    "Task": (*_STAMPS, "CreatedDate", "WhoId", "IsClosed", "ActivityDate", "TaskSubtype"),
    "Event": (*_STAMPS, "WhoId", "IsAllDayEvent", "ActivityDate", "StartDateTime"),
}
"""Without these a record says nothing."""

_WELCOME: Mapping[str, tuple[str, ...]] = {
    "Account": ("Website", "ParentId", "MasterRecordId"),
    "Contact": ("MasterRecordId",),
    "Lead": ("MasterRecordId",),
    "Opportunity": ("Probability", "Amount", "LastStageChangeDate"),
    "Task": ("Subject", "CompletedDateTime"),
    "Event": ("Subject", "IsChild", "IsRecurrence", "GroupEventType"),
}
"""Read where the user may see them; `check` tells which are not."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a stream was read.

    `since`: records of this moment and later are read (None: all there are). `heard`: Salesforce's clock when this
    reading began. `last`: SystemModstamp and Id of the last record given, while pages are to come. `seen`: when the
    object was last described, and as what: a run that begins anew every few minutes need not ask each time.
    """

    since: datetime | None = None
    heard: datetime | None = None
    last: tuple[datetime, str] | None = None
    seen: tuple[datetime, str] | None = None

    def dump(self) -> str:
        """As a cursor."""
        last = [stamp(self.last[0]), self.last[1]] if self.last else None
        seen = [stamp(self.seen[0]), self.seen[1]] if self.seen else None
        return json.dumps([self.since and stamp(self.since), self.heard and stamp(self.heard), last, seen])

    @classmethod
    def load(cls, cursor: str | None) -> Place:
        """From a cursor of `dump`."""
        if cursor is None:
            return cls()
        since, heard, last, seen = json.loads(cursor)
        pairs = [(moment(pair[0]), pair[1]) if pair else None for pair in (last, seen)]
        return cls(since and moment(since), heard and moment(heard), *pairs)


class Reader:
    """Reads the streams of one org."""

    def __init__(self, org: Org, config: Config, needs: Needs) -> None:
        self._org = org
        self._config = config
        self._needs = needs

    def pull(self, stream: str, cursor: str | None) -> Iterator[Page]:
        """See `Adapter.pull`."""
        place = self._adopted(Place.load(cursor))
        stuck = False
        while True:
            try:
                place, shape = self._described(place, stream)
                asked_at = self._org.http.clock()
                for answer in self._answers(shape, place):
                    place = replace(place, heard=place.heard or self._began(asked_at))
                    place, page = self._page(shape, place, answer)
                    yield page
                    stuck = False
            except AdapterError as error:
                # Pages of a query are kept for a while only, and of few queries at a time: ask again from here.
                # The same for fields that were there when the object was described, on another day maybe.
                if error.code not in ("INVALID_QUERY_LOCATOR", "INVALID_FIELD", "INVALID_TYPE") or stuck:
                    raise self._explained(error, stream) from None
                stuck = True
                if error.code != "INVALID_QUERY_LOCATOR":
                    self._org.forget_descriptions()
                    place = replace(place, seen=None)
            else:
                return

    # --- what the object is -----------------------------------------------------------------------------------------

    def _adopted(self, place: Place) -> Place:
        if place.seen is None or self._org.http.utcnow() - place.seen[0] > _DESCRIBED_FOR:
            return replace(place, seen=None)
        self._org.adopt(unpack(place.seen[1]))
        return place

    def _described(self, place: Place, stream: str) -> tuple[Place, Shape]:
        try:
            shape = self._shape(stream)
        except Unavailable:
            if place.seen is None:
                raise
            self._org.forget_descriptions()
            return self._described(replace(place, seen=None), stream)
        if place.seen is None:
            place = replace(place, seen=(self._org.http.utcnow(), pack(shape.described)))
        return place, shape

    # --- asking -----------------------------------------------------------------------------------------------------

    def _answers(self, shape: Shape, place: Place) -> Iterator[Mapping[str, Any]]:
        # Activities of more than a year ago are archived: a plain query leaves them out.
        put_away = place.since is not None or shape.object in ACTIVITIES
        answer = self._org.query(self._soql(shape, place), put_away=put_away)
        yield answer
        while not answer["done"]:
            answer = self._org.query_more(answer["nextRecordsUrl"])
            yield answer

    def _soql(self, shape: Shape, place: Place) -> str:
        tests = []
        since = place.since or self._horizon(shape.object)
        if since is not None:
            tests.append(format_soql("SystemModstamp >= {}", since))
        if place.last is not None:
            # First what an index can find, then what it found too much.
            at, last = place.last
            tests.append(format_soql("SystemModstamp >= {} AND (SystemModstamp > {} OR Id > {})", at, at, last))
        if shape.object == "Task":
            tests.append("TaskSubtype = 'Call'")
        if place.since is None and shape.object in ACTIVITIES:
            tests.append("IsDeleted = false")
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        columns = ", ".join(columns_of(shape))
        return format_soql(
            "SELECT {:literal} FROM {:literal}{:literal} ORDER BY SystemModstamp, Id", columns, shape.object, where
        )

    def _horizon(self, stream: str) -> datetime | None:
        """Where a first reading of activities begins, by Salesforce's clock."""
        now = self._org.http.server_time
        return now - self._config.history if stream in ACTIVITIES and now is not None else None

    def _shape(self, stream: str) -> Shape:
        described = self._org.describe(stream)
        if described is None:
            raise Mismatch(
                text("{object} cannot be read", "{object} を参照できません", object=stream),
                where=self._org.name,
                code="INVALID_TYPE",
                fix=text(
                    "let the integration user read {object}",
                    "連携ユーザーに {object} の参照権限を与えてください",
                    object=stream,
                ),
            )
        config = self._config
        shape = Shape(
            self._org.name,
            stream,
            self._needs.of(stream),
            described,
            config.task_key,
            config.call_result,
            config.corporate_number,
        )
        missing = [name for name in demanded_names(stream, shape.needs, config) if described.field(name) is None]
        if missing:
            # Left out in silence, a field would look empty, and rules would act on that.
            raise Mismatch(
                text(
                    "{object} has no field {names}, or the integration user may not see it",
                    "{object} に項目 {names} が無いか、連携ユーザーが参照できません",
                    object=stream,
                    names=", ".join(missing),
                ),
                where=self._org.name,
                code="INVALID_FIELD",
                fix=text("`connector check` tells more", "`connector check` で詳しく確認できます"),
            )
        return shape

    def _explained(self, error: AdapterError, stream: str) -> AdapterError:
        if error.code in ("INVALID_FIELD", "INVALID_TYPE"):
            self._org.forget_descriptions()
        if not isinstance(error, Refused):
            return error
        what = text(
            "{object} cannot be read ({code})", "{object} を読み取れません ({code})", object=stream, code=error.code
        )
        return Mismatch(what, where=error.where, code=error.code)

    # --- answers ----------------------------------------------------------------------------------------------------

    def _page(self, shape: Shape, place: Place, answer: Mapping[str, Any]) -> tuple[Place, Page]:
        rows: Sequence[Row] = answer["records"]
        if answer["done"]:
            place = self._finished(place)
        elif rows:
            place = replace(place, last=(moment(rows[-1]["SystemModstamp"]), rows[-1]["Id"]))
        records: list[Record] = []
        rejects: list[Reject] = []
        ignored: Counter[str] = Counter()
        for row in rows:
            try:
                made = shape.record(row)
            except (ValueError, KeyError, TypeError):
                rejects.append(Reject(f"{shape.object}/{row.get('Id', '?')}", _UNREADABLE))
                continue
            if isinstance(made, str):
                ignored[made] += 1
            else:
                records.append(made)
        return place, Page(records, place.dump(), rejects, ignored)

    def _began(self, asked_at: float) -> datetime | None:
        """When the query began, by Salesforce's clock: an answer is stamped when it ends."""
        now, http = self._org.http.server_time, self._org.http
        return now and now - timedelta(seconds=http.clock() - asked_at)

    def _finished(self, place: Place) -> Place:
        if place.heard is None:  # a server without a clock: begin where this reading began
            return Place(place.since, seen=place.seen)
        return Place(place.heard - max(self._config.overlap, _CLOCK_MARGIN), seen=place.seen)


_UNREADABLE = text("holds a value that cannot be read", "読み取れない値があります")


def demanded_names(stream: str, needs: ObjectNeeds, config: Config) -> list[str]:
    """The fields that must be there: those without which a record says nothing, and those that somebody named."""
    named = {*needs.read, *needs.deal.values(), *([needs.key] if needs.key else [])}
    if stream == "Account" and config.corporate_number:
        named.add(config.corporate_number)
    if stream == "Task" and "call_result" in config.model_fields_set:
        named.add(config.call_result)
    return [*_ESSENTIAL[stream], *sorted(named)]


def welcome(stream: str) -> tuple[str, ...]:
    """The standard fields that are read where they can be seen."""
    words = (name for place in WORDS.get(stream, {}).values() for name in place.split() if name != "Account.Name")
    return (*_WELCOME.get(stream, ()), *words)


def columns_of(shape: Shape) -> list[str]:
    """What to select, each column once, in the spelling of the org."""
    needs, described = shape.needs, shape.described
    wanted = [*_ESSENTIAL[shape.object], *welcome(shape.object), *needs.read, *needs.deal.values()]
    wanted += [name for name in (needs.key, shape.corporate_number) if name]
    if shape.object in ACTIVITIES:
        wanted += [shape.task_key, shape.call_result]
    found = [field.name for name in wanted if (field := described.field(name)) is not None]
    columns = [name for name in dict.fromkeys(found) if is_identifier(name)]
    return [*columns, "Account.Name"] if shape.object == "Contact" else columns
