"""Reading: ids as far as they can be found, then each record, in portions; what changed, where that can be asked for.

Where it cannot, everything is read every so often (`find.every`). A search of everything also shows what is gone; a
list does not, for a record may have left it by its conditions.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from connector.adapters.esales.esm.client import Client
from connector.adapters.esales.esm.envelope import record_in
from connector.adapters.esales.esm.find import Finder, Found, Record
from connector.adapters.esales.esm.items import CARD, COMPANY, DEAL, Item
from connector.adapters.esales.esm.records import STANDARD, ItemReading
from connector.adapters.esales.options import Config
from connector.adapters.esales.records import company, deal, owner, person
from connector.adapters.esales.speech import plain, senseless
from connector.adapters.esales.words import spelt_truths, state_word
from connector.errors import Mismatch, text
from connector.model import Inventory
from connector.model import Record as OurRecord
from connector.ports import Needs, ObjectNeeds, Page, Reject

_PORTION = 200
"""Records that are read before their page is given."""
_UNSURE = timedelta(days=1)
"""How far a reading reaches back while nobody has made sure that both sides mean the same time zone."""
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_UNREADABLE = text("holds a value that cannot be read", "読み取れない値があります")

Maker = Callable[[ItemReading, int, Record], OurRecord]
_MAKERS: Mapping[str, Maker] = {CARD: person, COMPANY: company, DEAL: deal}


@dataclass(frozen=True, slots=True)
class Place:
    """How far a stream was read.

    `since`: changes from then on are to be read. `began` and `after`: a reading that began then is under way, and has
    come to this id. `whole`: when everything was last read, by our clock. `swept`: when ids were last counted.
    """

    since: datetime | None = None
    began: datetime | None = None
    after: int = 0
    whole: datetime | None = None
    swept: datetime | None = None

    def dump(self) -> str:
        """As a cursor."""
        times = [at and at.isoformat() for at in (self.since, self.began, self.whole, self.swept)]
        return json.dumps([*times, self.after])

    @classmethod
    def load(cls, cursor: str | None) -> Place:
        """From a cursor of `dump`."""
        if cursor is None:
            return cls()
        *times, after = json.loads(cursor)
        since, began, whole, swept = (datetime.fromisoformat(each) if each else None for each in times)
        return cls(since, began, after, whole, swept)


class Reader:
    """Reads the streams of one tenant."""

    def __init__(self, client: Client, finder: Finder, config: Config, needs: Needs) -> None:
        self._client = client
        self._finder = finder
        self._config = config
        self._needs = needs

    @property
    def streams(self) -> list[str]:
        """Those of which records can be found: employees and companies first, then people, then deals."""
        objects = self._needs.objects
        people = [CARD] if CARD in objects or "*" in objects else []
        deals = [DEAL] if DEAL in objects else []
        before = [COMPANY] if people or deals else []
        if self._config.employees is not None and self._needs.alerts:
            before.insert(0, self._config.employees.sheet)
        return [name for name in (*before, *people, *deals) if self._finder.way(name) is not None]

    def pull(self, stream: str, cursor: str | None) -> Iterator[Page]:
        """See `Adapter.pull`."""
        place = Place.load(cursor)
        way = self._finder.way(stream)
        changes = self._finder.can_ask_since(stream)
        done = place.whole if place.began is None and not changes else None
        if way is not None and done is not None and self._client.http.utcnow() - done < way.every:
            yield Page([], place.dump())
            return
        asked_at = self._client.http.clock()
        found = self._finder.all(stream, place.since if changes else None)
        now = self._now(asked_at)
        if place.began is None:
            place = replace(place, began=now, after=0)
        reading = self.reading(stream)
        waiting = [found[id_] for id_ in sorted(found) if id_ > place.after]
        for start in range(0, len(waiting), _PORTION):
            portion = waiting[start : start + _PORTION]
            place = replace(place, after=portion[-1].id)
            yield self._page(reading, portion, place)
        yield self._last(stream, place, found, changes=changes)

    def reading(self, stream: str) -> ItemReading:
        """How the records of a stream are read."""
        needs = self._needs.of(stream) if stream in (CARD, DEAL) else ObjectNeeds()
        options = self._config.employees
        keys: dict[str, str] = {**STANDARD.get(stream, {}), **_without_company(stream, needs), **needs.deal}
        if options is not None and stream == options.sheet:
            keys = {"name": options.name} | ({"email": options.email} if options.email else {})
        elif needs.key is not None:
            keys["key"] = needs.key
        prefix = self._finder.prefix(stream)
        stamps = self._config.stamps.get(stream)
        return ItemReading(
            self._client.name,
            stream,
            needs,
            self._client.zone,
            {word: self.item(key) for word, key in keys.items()},
            {key: self.item(key) for key in sorted(needs.read)},
            stamps.changed if stamps else f"{prefix}.system_upd_date",
            (stamps.created or "") if stamps else f"{prefix}.system_reg_date",
        )

    def item(self, key: str) -> Item:
        """An item by its key, with what the configuration tells of it."""
        return Item.of(key, self._config.fields)

    def record(self, sheet: str, id_: int | str) -> Record | None:
        """One record; None: there is none.

        :raises Unavailable: when the answer holds no record
        """
        answer = self._client.get(f"sheet/{sheet}/{id_}")
        if answer is None:
            return None
        prefix = self._finder.prefix(sheet)
        found = record_in(answer, prefix)
        if found is None or str(found.get(f"{prefix}.id", id_)) != str(id_):
            what = text("{sheet}: the answer does not hold the record", "{sheet}: 応答に該当レコードがありません",
                        sheet=sheet)  # fmt: skip
            raise senseless(self._client.name, what, answer)
        return found

    # --- reading ------------------------------------------------------------------------------------------------------

    def _now(self, asked_at: float) -> datetime:
        """When a question was asked, by the server's clock if it tells."""
        http = self._client.http
        now = http.server_time or http.utcnow()
        return now - timedelta(seconds=max(http.clock() - asked_at, 0))

    def _page(self, reading: ItemReading, portion: Sequence[Found], place: Place) -> Page:
        made: list[tuple[datetime, int, OurRecord]] = []
        rejects: list[Reject] = []
        ignored: Counter[str] = Counter()
        maker = _MAKERS.get(reading.sheet, owner)
        for each in portion:
            record = each.record
            if record is None or not self._holds_all(reading, record):
                record = self.record(reading.sheet, each.id)
            if record is None:
                ignored["gone"] += 1  # between the finding and the reading
                continue
            self._check_choices(reading, record)
            try:
                ours = maker(reading, each.id, record)
            except ValueError:
                rejects.append(Reject(f"{reading.sheet}/{each.id}", _UNREADABLE))
            else:
                made.append((getattr(ours, "modified_at", None) or _BEGINNING, each.id, ours))
        made.sort(key=lambda entry: entry[:2])
        return Page([ours for _, _, ours in made], place.dump(), rejects, ignored)

    @staticmethod
    def _holds_all(reading: ItemReading, record: Record) -> bool:
        """Whether a record that came with the search has all that is wanted of it."""
        return all(item.key in record for item in [*reading.words.values(), *reading.natives.values()])

    def _check_choices(self, reading: ItemReading, record: Record) -> None:
        """A choice that nobody has listed may be a renamed one: what it says of a deal, or of a refusal, is a guess."""
        telling = [state_word(reading.needs)] if reading.sheet == DEAL else [w for w, _ in spelt_truths(reading.needs)]
        for word in telling:
            item = reading.words.get(word)
            if item is None or not item.choices:
                continue
            value = reading.text(word, record)
            held = (value or "").split(";") if item.many else [value or ""]
            unknown = [each for each in held if each and plain(each) not in {plain(known) for known in item.choices}]
            if unknown:
                raise Mismatch(
                    text("{field} holds {value}, which is not among its choices under fields",
                         "{field} の値 {value} が fields の choices にありません", field=item.key, value=unknown[0]),
                    where=f"{self._client.name}/{reading.sheet}",
                    fix=text("was it renamed, or is it new? mend choices, and what the mapping spells",
                             "名称変更または追加された選択肢です。choices とマッピングの対応を直してください"),
                )  # fmt: skip

    def _last(self, stream: str, place: Place, found: Mapping[int, Found], *, changes: bool) -> Page:
        """The page that ends a reading."""
        began = place.began or self._client.http.utcnow()
        sure = self._needs.probed.get("zone") == "ok"
        whole = place.since is None or not changes
        since = began - (self._config.overlap if sure else max(self._config.overlap, _UNSURE))
        read_whole = self._client.http.utcnow() if whole else place.whole
        place = Place(since if changes else None, None, 0, read_whole, place.swept)
        way = self._finder.way(stream)
        records: list[OurRecord] = []
        if stream in (CARD, DEAL) and way is not None and way.via == "template":
            if place.swept is None:
                place = replace(place, swept=began)
            elif began - place.swept >= self._config.sweep:
                ids = found if whole else self._finder.all(stream, None)
                records.append(Inventory(self._client.name, stream, frozenset(str(id_) for id_ in ids)))
                place = replace(place, swept=began)
        return Page(records, place.dump())


def _without_company(stream: str, needs: ObjectNeeds) -> dict[str, str]:
    """The mapped words; the company of a 名刺 is a link, whatever a mapping writes into it."""
    return {word: key for word, key in needs.words.items() if not (word == "company" and stream == CARD)}
