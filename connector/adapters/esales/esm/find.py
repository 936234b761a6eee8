"""Finding records.

The vendor's Search API is described on no page that is public. So either somebody who may read it has copied it into
the configuration, or a list that was made on the screen takes its place, or nothing is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.adapters.esales.esm.client import Client
from connector.adapters.esales.esm.envelope import at, record_in
from connector.adapters.esales.esm.items import prefix_of, stamp
from connector.adapters.esales.options import Config, Find
from connector.adapters.esales.speech import senseless
from connector.adapters.esales.words import number
from connector.errors import Mismatch, Unavailable, text

Record = Mapping[str, Any]

_READINGS = 3
"""How often a search is begun whose total changes while it is read."""
_MOST_WITH_KEY = 50
"""Records among which one with our key is looked for; more, and the search looks for something else."""


@dataclass(frozen=True, slots=True)
class Found:
    """One record that was found: its id, and the record itself where the answer held it."""

    id: int
    record: Record | None = None


class Finder:
    """Finds records of one tenant by what its configuration says."""

    def __init__(self, client: Client, config: Config) -> None:
        self._client = client
        self._config = config

    def prefix(self, sheet: str) -> str:
        """What the keys of a sheet begin with: as a public page shows it, or as the configuration uses it."""
        known, alert = prefix_of(sheet), self._config.alert
        if known is not None:
            return known
        named = [(each.sheet or "task", each.key) for each in (alert.sheet_rows, alert.todo) if each is not None]
        if self._config.employees is not None:
            named.append((self._config.employees.sheet, self._config.employees.name))
        return next((key.rpartition(".")[0] for name, key in named if name == sheet), f"{sheet}s.{sheet}")

    def way(self, sheet: str) -> Find | None:
        """How records of a sheet are found; None: not at all."""
        way = self._config.find.get(sheet)
        return way if way is not None and way.via != "none" else None

    def can_ask_since(self, sheet: str) -> bool:
        """Whether changes can be asked for."""
        way = self.way(sheet)
        return way is not None and _holds(way.body, "{since}")

    def can_look_up(self, sheet: str) -> bool:
        """Whether a record can be found by a value of our own."""
        way = self.way(sheet)
        return way is not None and way.by_key is not None

    def all(self, sheet: str, since: datetime | None) -> dict[int, Found]:
        """What a sheet holds, or what changed there since.

        :raises Unavailable: also when the answer holds no ids where they should be
        """
        found: dict[int, Found] = {}
        for some, _ in self._portions(sheet, {"since": since and stamp(since, self._client.zone)}):
            found |= some
        return found

    def some(self, sheet: str) -> tuple[dict[int, Found], int]:
        """The first records that one question brings, and how many there are."""
        return next(self._portions(sheet, {"since": None}))

    def by_key(self, sheet: str, key: str, value: str) -> dict[int, Found]:
        """The records for which the search by key says so; whether they bear the key is for the caller to see."""
        way = self._config.find[sheet]
        found: dict[int, Found] = {}
        for some, total in self._searched(sheet, way, way.by_key, {"field": key, "key": value}):
            found |= some
            if max(total, len(found)) > _MOST_WITH_KEY:
                raise Mismatch(
                    text("{sheet}: the search by key finds {n} records", "{sheet}: キー検索で {n} 件見つかりました",
                         sheet=sheet, n=total),
                    where=self._client.name,
                    code="KEY_SEARCH",
                    fix=text("it does not look for the key: mend find, by_key",
                             "キーで絞り込めていません。find の by_key を直してください"),
                )  # fmt: skip
        return found

    def _portions(self, sheet: str, values: Mapping[str, Any]) -> Iterator[tuple[dict[int, Found], int]]:
        way = self.way(sheet)
        if way is None:
            raise Mismatch(
                text("nothing tells how records of {sheet} are found", "{sheet} の検索方法が指定されていません",
                     sheet=sheet),
                where=self._client.name,
            )  # fmt: skip
        if way.via == "template":
            return self._searched(sheet, way, way.body, values)
        answer = self._client.get(f"list/{sheet}/{way.list_id}")
        if answer is None:
            raise Mismatch(
                text("there is no list {id} of {sheet}", "{sheet} のリスト {id} がありません",
                     id=way.list_id, sheet=sheet),
                where=self._client.name,
            )  # fmt: skip
        listed = {each.id: each for each in self._ids(sheet, way, answer)}
        return iter([(listed, len(listed))])

    def _searched(
        self, sheet: str, way: Find, body: Any, values: Mapping[str, Any]
    ) -> Iterator[tuple[dict[int, Found], int]]:
        """Everything that a search finds, at least once.

        When the total changes on the way, a record may have slipped between two answers: it is read once more.
        """
        for _ in range(_READINGS):
            seen: set[int] = set()
            before: int | None = None
            while True:
                answer = self._client.search(str(way.path), filled(body, {**values, "offset": len(seen)}))
                new = {each.id: each for each in self._ids(sheet, way, answer) if each.id not in seen}
                total = self._total(sheet, way, answer)
                yield new, total
                if before is not None and total != before:
                    break
                before = total
                seen |= new.keys()
                if len(seen) >= total:
                    return
                if not new:
                    raise self._strange(sheet, answer)
        raise Unavailable(
            text("{sheet}: the number of records does not hold still", "{sheet}: 件数が変わり続けるため読み取れません",
                 sheet=sheet),
            where=self._client.name,
            code="PAGING",
            fix=text("try again while fewer people edit", "編集の少ない時間帯に再実行してください"),
        )  # fmt: skip

    def _total(self, sheet: str, way: Find, answer: Any) -> int:
        totals = [number(each) for each in at(answer, way.total)]
        if len(totals) != 1 or totals[0] is None:
            raise self._strange(sheet, answer)
        return totals[0]

    def _ids(self, sheet: str, way: Find, answer: Any) -> Iterator[Found]:
        prefix = self.prefix(sheet)
        around = at(answer, way.ids.partition("*")[0].rstrip("."))
        if len(around) != 1 or not isinstance(around[0], list):
            raise self._strange(sheet, answer)
        for each in at(answer, way.ids):
            record = record_in(each, prefix) if isinstance(each, dict) else None
            id_ = number(record.get(f"{prefix}.id") if record is not None else each)
            if id_ is None:
                raise self._strange(sheet, answer)
            yield Found(id_, record)

    def _strange(self, sheet: str, answer: Any) -> Unavailable:
        what = text(
            "{sheet}: the ids, or how many there are, are not where `find` says",
            "{sheet}: find の設定どおりの位置に ID または件数がありません",
            sheet=sheet,
        )
        return senseless(self._client.name, what, answer)


def filled(template: Any, values: Mapping[str, Any]) -> Any:
    """A template with its `{name}` places filled; what holds one without a value is left out.

    A text that is a place and nothing else becomes the value itself, so that numbers stay numbers.
    """
    missing = [f"{{{name}}}" for name, value in values.items() if value is None]
    if isinstance(template, dict):
        kept = {name: each for name, each in template.items() if not any(each == place for place in missing)}
        return {name: filled(each, values) for name, each in kept.items()}
    if isinstance(template, list):
        return [filled(each, values) for each in template if not any(_holds(each, place) for place in missing)]
    if isinstance(template, str):
        for name, value in values.items():
            if template == f"{{{name}}}":
                return value
            template = template.replace(f"{{{name}}}", str(value))
    return template


def _holds(template: Any, place: str) -> bool:
    if isinstance(template, dict):
        return any(_holds(each, place) for each in template.values())
    if isinstance(template, list):
        return any(_holds(each, place) for each in template)
    return isinstance(template, str) and place in template
