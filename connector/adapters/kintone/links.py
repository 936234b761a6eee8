"""Who takes part in a deal: what a deal holds of its people, looked up in the apps of people, and the other way round.

kintone links records by a value that both hold; it tells nothing of a deal when somebody is registered under a value
that the deal held before. So people who are new are looked up among the deals.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from connector.adapters.kintone.client import Client, Row
from connector.adapters.kintone.queries import among
from connector.adapters.kintone.records import Shape
from connector.adapters.kintone.refusals import Rejected, unmapped
from connector.errors import Mismatch, Text, text
from connector.model import DealPerson, Ref
from connector.ports import Needs

_MOST_VALUES = 100
"""Values in one `in (...)`."""
_SEARCHED = frozenset({"SINGLE_LINE_TEXT", "LINK", "NUMBER", "CALC", "RECORD_NUMBER"})
"""Types of field in which kintone finds a record by several values at once."""
_NUMBER = re.compile(r"(?:.+-)?([0-9]+)")
"""A record number, with the app's code in front where it has one."""
_FIGURE = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_UNASKABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""What a query may not be able to hold: one such value must not end the reading of an app."""

Links = Mapping[str, tuple[str, ...]]
"""Ids of people by what a deal holds of them."""


class Linker:
    """Looks up people and deals of one kintone; `people` and `deals` are the apps that mappings name."""

    def __init__(self, client: Client, needs: Needs, people: Sequence[str], deals: Sequence[str]) -> None:
        self._client = client
        self._needs = needs
        self._people = people
        self._deals = deals

    def people_of(self, shape: Shape, rows: Sequence[Row]) -> Links:
        """The people whom these deals name.

        :raises Mismatch: when it cannot be told where they stand
        """
        values: dict[str, None] = {}
        for row in rows:
            values |= dict.fromkeys(_linked(shape, row))
        found: dict[str, tuple[str, ...]] = {}
        for word, code in self.apps(shape) if values else ():
            for value, ids in self._resolved(word, code, list(values)).items():
                found[value] = (*found.get(value, ()), *ids)
        return found

    def apps(self, shape: Shape) -> Sequence[tuple[str, str | None]]:
        """The apps of people that a deal's `people` may name, and by which field; None: by record number.

        :raises Mismatch: when that cannot be told
        """
        code, by = shape.needs.deal.get("people", ""), shape.needs.linked_by.get("people")
        field = shape.form.find(code)
        lookup = field.lookup if field is not None else None
        words = self._people
        if lookup is not None:
            words = tuple(word for word in words if self._client.app(word).id == lookup.app)
            by = by or lookup.key
        if not words or (by is None and len(words) > 1):
            what = text(
                "{code} leads to no app of people that a mapping names, or to more than one",
                "{code} の参照先となる人物のアプリを1つに決められません",
                code=code,
            )
            raise self._broken(shape, what)
        if by is None:
            return [(word, None) for word in words]
        targets = {word: self._client.form(word).fields.get(by) for word in words}
        lacking = [word for word, target in targets.items() if target is None]
        if lacking:
            what = text(
                "{apps} has no field {by} outside of tables",
                "{apps} に(テーブルの外の)フィールド {by} がありません",
                apps=", ".join(lacking),
                by=by,
            )
            raise self._broken(shape, what)
        if unfit := [word for word, target in targets.items() if target and target.type not in _SEARCHED]:
            what = text(
                "values cannot be looked up in {by} of {apps}: it is no single-line text, link or number",
                "{apps} の {by} は値で検索できません(文字列(1行)・リンク・数値ではありません)",
                apps=", ".join(unfit),
                by=by,
            )
            raise self._broken(shape, what)
        return [(word, None if target and target.type == "RECORD_NUMBER" else by) for word, target in targets.items()]

    def _broken(self, shape: Shape, what: Text) -> Mismatch:
        return unmapped(f"{self._client.name}/{shape.word}", what)

    def _resolved(self, word: str, code: str | None, values: Sequence[str]) -> Links:
        prefix = self._client.app(word).id
        if code is None:
            numbers = {value: _NUMBER.fullmatch(value) for value in values}
            return {value: (f"{prefix}-{int(match[1])}",) for value, match in numbers.items() if match}
        return self._by_value(prefix, code, self._among(word, code, values, code))

    # --- people who are new -----------------------------------------------------------------------------------------

    def deals_of(self, shape: Shape, rows: Sequence[Row]) -> list[DealPerson]:
        """The parts of these people in deals that are there already; an app that cannot be asked is left out.

        What is wrong with it is told by the reading of the deals themselves.
        """
        found: list[DealPerson] = []
        for word in self._deals if rows else ():
            try:
                found.extend(self._parts(word, shape, rows))
            except (Mismatch, Rejected):
                continue
        return found

    def _parts(self, word: str, people: Shape, rows: Sequence[Row]) -> Iterator[DealPerson]:
        needs = self._needs.of(word)
        field = needs.deal.get("people")
        if field is None:
            return
        client = self._client
        deals = Shape(client.name, word, client.app(word), client.form(word), needs, self._needs.timezone)
        code = dict(self.apps(deals)).get(people.word)
        if code is None:  # a record number says by itself who it is, be the record there or not
            return
        ids = self._by_value(people.app.id, code, self._with(people, code, rows))
        for row in self._among(word, field, list(ids), deals.form.tables.get(field, field)):
            deal = deals.ref(row).id
            for person in sorted({id_ for value in _linked(deals, row) for id_ in ids.get(value, ())}):
                yield DealPerson(Ref(client.name, "part", f"{deal}:{person}"), deal, person)

    def _with(self, shape: Shape, code: str, rows: Sequence[Row]) -> Iterable[Row]:
        """The records with this field, which was perhaps not read."""
        if all(code in row for row in rows):
            return rows
        return self._among(shape.word, "$id", [str(row["$id"]["value"]) for row in rows], code)

    # --- both -------------------------------------------------------------------------------------------------------

    def _among(self, word: str, code: str, values: Sequence[str], column: str) -> Iterator[Row]:
        """The records of an app in which a field holds one of `values`: kintone refuses to look for text in numbers."""
        values = [value for value in values if _UNASKABLE.search(value) is None]
        field = self._client.form(word).find(code)
        if field is not None and field.type in ("NUMBER", "CALC"):
            values = [value for value in values if _FIGURE.fullmatch(value)]
        for start in range(0, len(values), _MOST_VALUES):
            yield from self._client.scan(word, among(code, values[start : start + _MOST_VALUES]), [column])

    @staticmethod
    def _by_value(prefix: int, code: str, rows: Iterable[Row]) -> Links:
        found: dict[str, tuple[str, ...]] = {}
        for row in rows:
            value = str(row[code]["value"] or "").strip() if code in row else ""
            if value:
                found[value] = (*found.get(value, ()), f"{prefix}-{int(row['$id']['value'])}")
        return found


def _linked(shape: Shape, row: Row) -> list[str]:
    try:
        return list(shape.linked(row))
    except (KeyError, TypeError):  # told as unreadable where the record is made
        return []
