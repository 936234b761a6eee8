"""A system of one's own with a REST API that speaks JSON, set up by YAML alone.

What is asked and written is what `docs/adapters/rest.md` promises; nothing is known of such a system but what its
configuration says, so every answer is held against it, and one that does not fit ends the stream instead of being
guessed at.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial

from connector.adapters.rest import records
from connector.adapters.rest.api import Api
from connector.adapters.rest.check import Checker, Lists
from connector.adapters.rest.config import Config, L
from connector.adapters.rest.look import objects
from connector.adapters.rest.places import Times
from connector.adapters.rest.records import Convert, Shape
from connector.adapters.rest.scan import DAWN, Scan
from connector.adapters.rest.shape import Listing
from connector.adapters.rest.write import Writer, offers
from connector.changes import AddTouchpoint, AnyChange, Change, CreatePerson, RaiseAlert, SetFields
from connector.errors import Mismatch, Refused, text
from connector.model import Inventory
from connector.ports import Adapter, Finding, Needs, ObjectShown, Page, Receipt
from connector.spec import Spec

_WHOLE = ":whole"


class Rest(Adapter):
    """One system."""

    type = "rest"
    Config = Config
    writes = frozenset({SetFields, CreatePerson, RaiseAlert, AddTouchpoint})
    person_words = frozenset()
    batch = 20

    def __init__(self, name: str, config: Spec, needs: Needs) -> None:
        if not isinstance(config, Config):
            raise TypeError(config)
        self.role = config.role
        self.writes = self.offers(config)
        self._name = name
        self._config = config
        self._needs = needs
        self._times = Times(config.times, config.dates, needs.timezone)
        self._api = Api(name, config)
        self._writer = Writer(self._api, config, self._times)
        self._lists = self._listed()
        self.http = self._api.http

    @classmethod
    def offers(cls, config: Spec) -> frozenset[builtins.type[Change]]:
        """Only what has a place in the configuration; people are created only where that is safe to repeat."""
        return offers(config) if isinstance(config, Config) else cls.writes

    @property
    def streams(self) -> Sequence[str]:
        """Every list; beside one that is read by time, the same once more as a whole, from time to time."""
        found = []
        for stream, (_, listing, scan, _) in self._lists.items():
            again = scan.by_time and listing.whole_every is not None
            found += [stream, stream + _WHOLE] if again else [stream]
        return found

    def check(self) -> Sequence[Finding]:
        """Read the beginning of every list, and look for the fields that mappings name."""
        return list(Checker(self._api, self._config, self._needs, self._writer).findings(self._lists))

    def inspect(self) -> Sequence[ObjectShown]:
        """The fields that the first records of each list have."""
        return list(objects(self._lists))

    def pull(self, stream: str, cursor: str | None) -> Iterator[Page]:
        """By time of change where the system can be asked for it; else, and from time to time, the whole list."""
        name, listing, scan, convert = self._lists[stream.removesuffix(_WHOLE)]
        try:
            if stream.endswith(_WHOLE):
                yield from self._again(stream, listing, scan, convert, cursor)
            elif scan.by_time:
                yield from self._changed(name, listing, scan, convert, cursor)
            else:
                yield from self._whole(stream, listing, scan, convert, "", "")
        except Refused as error:
            fix = text("see `connector check`", "connector check を実行してください")
            raise Mismatch(error.what, where=f"{self._name}/{stream}", code=error.code, fix=fix) from None

    def push(self, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        """Each change by calls of its own."""
        for change in changes:
            try:
                id_ = self._writer.carry_out(change)
            except Refused as error:
                yield Receipt(change.key, "refused", code=error.code, what=error.what, fix=error.fix, said=error.said)
            else:
                yield Receipt(change.key, "done", id_)

    def calls_for(self, changes: int) -> int:
        """One call per change."""
        return changes

    def server_time(self) -> datetime | None:
        """The system's clock when last heard."""
        return self._api.http.server_time

    # --- reading ------------------------------------------------------------------------------------------------------

    def _changed(self, name: str, listing: Listing, scan: Scan, convert: Convert, cursor: str | None) -> Iterator[Page]:
        """The cursor is the time up to which everything was read; the last stretch before it is read again."""
        read_to = max(DAWN, datetime.fromisoformat(cursor)) if cursor else None
        for rows in scan.changed(read_to - self._config.overlap if read_to else None):
            if scan.reached > DAWN:
                read_to = max(read_to or DAWN, scan.reached)
            yield records.page(name, listing, rows, read_to.isoformat() if read_to else "", convert)

    def _again(self, stream: str, listing: Listing, scan: Scan, convert: Convert, cursor: str | None) -> Iterator[Page]:
        """The whole list when it is time for it; the cursor is when that was done, the first reading included."""
        if cursor is None:
            next(scan.parts(None), None)  # to hear the system's clock
        now = self._api.heard()
        every = listing.whole_every
        # A cursor far ahead of the clock is of a clock that was wrong.
        if cursor is None or every is None or abs(now - datetime.fromisoformat(cursor)) < every:
            yield Page([], cursor or now.isoformat())
            return
        yield from self._whole(stream.removesuffix(_WHOLE), listing, scan, convert, cursor, now.isoformat())

    def _whole(
        self, stream: str, listing: Listing, scan: Scan, convert: Convert, cursor: str, behind: str
    ) -> Iterator[Page]:
        """Everything, and an inventory of it; `behind` is the cursor at the end."""
        rows = scan.whole()
        kind, _, name = stream.partition("/")
        for part in scan.divided(rows):
            yield records.page(name, listing, part, cursor, convert)
        ids = [scan.id(row) for row in rows]
        known = frozenset(id_ for id_ in ids if id_ is not None)
        # Records without an id would be missed for no reason.
        told = [Inventory(self._name, name, known)] if kind in ("people", "deals") and None not in ids else []
        yield Page(told, behind)

    def _listed(self) -> Lists:
        """All lists in the order in which they are read: who owns before what is owned."""
        config, lists = self._config, {}

        def add(kind: str, name: str, listing: Listing, convert: Convert) -> None:
            scan = Scan(self._api, listing, self._times, f"{self._name}/{name}")
            lists[f"{kind}/{name}"] = (name, listing, scan, convert)

        for name, owners in _settled(config, config.owners):
            add("owners", name, owners, partial(records.owner, self._shape(name), owners))
        for name, companies in _settled(config, config.companies):
            add("companies", name, companies, partial(records.company, self._shape(name), companies))
        for name, people in _settled(config, config.people):
            add("people", name, people, partial(records.person, self._shape(name), people))
        for name, deals in _settled(config, config.deals):
            convert = partial(records.deal, self._shape(name), deals, companies=bool(config.companies))
            add("deals", name, deals, convert)
        for name, touches in _settled(config, config.touchpoints):
            whose = touches.object or next(iter(config.people))
            add("touchpoints", name, touches, partial(records.touchpoint, self._shape(name), touches, whose))
        return lists

    def _shape(self, name: str) -> Shape:
        return Shape(self._name, name, self._needs.of(name), self._times)


def _settled(config: Config, listings: Mapping[str, L]) -> Iterator[tuple[str, L]]:
    return ((name, config.settled(listing)) for name, listing in listings.items())
