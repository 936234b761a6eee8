"""The columns behind our words. Standard ones are those whose codes public code uses; all else is mapped."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from connector.adapters.esales.records import Reading, Row
from connector.adapters.esales.remix.sheets import COMPANY, DEAL, PERSON, Column, Sheet
from connector.adapters.esales.remix.values import moment, read
from connector.model import Value
from connector.ports import ObjectNeeds

_STANDARD: Mapping[str, Mapping[str, int]] = {
    PERSON: {
        "name": 903,
        "email": 914,
        "department": 904,
        "title": 905,
        "postal_code": 906,
        "address": 907,
        "phone": 909,
        "mobile": 912,
        "website": 915,
    },
    COMPANY: {"name": 301, "website": 308},
    DEAL: {"name": 202},
}
"""Our words and the codes behind them."""

COMPANY_LINK: Mapping[str, int] = {PERSON: 902, DEAL: 216}
"""Where a record holds its 顧客コード."""


@dataclass(frozen=True, slots=True)
class RowReading(Reading):
    """How the rows of one sheet are read: the columns behind our words, and the choices of each."""

    words: Mapping[str, Column]
    natives: Mapping[str, Column]
    choices: Mapping[int, Mapping[int, str]] = field(repr=False)
    changed: int | None = None
    created: int | None = None

    @property
    def codes(self) -> list[int]:
        """The columns to ask for."""
        named = [*self.words.values(), *self.natives.values()]
        stamps = [code for code in (self.changed, self.created) if code is not None]
        return list(dict.fromkeys([*(column.code for column in named), *stamps]))

    @property
    def known(self) -> Collection[str]:
        """See `Reading`."""
        return self.words.keys()

    def value(self, word: str, row: Row) -> Value:
        """See `Reading`."""
        column = self.words.get(word)
        return None if column is None else self._read(column, row)

    def native(self, row: Row) -> dict[str, Value]:
        """See `Reading`."""
        return {name: self._read(column, row) for name, column in self.natives.items()}

    def stamps(self, row: Row) -> tuple[datetime | None, datetime | None]:
        """See `Reading`."""
        created, changed = (None if code is None else moment(row[code]) for code in (self.created, self.changed))
        return created, changed

    def _read(self, column: Column, row: Row) -> Value:
        return read(column, row[column.code], self.choices.get(column.code, {}))


def columns_behind(sheet: Sheet, needs: ObjectNeeds) -> Iterator[tuple[str, Column]]:
    """Our words and their columns: the standard ones that are there, and what mappings say instead."""
    for word, code in _STANDARD.get(sheet.name, {}).items():
        if code in sheet.columns:
            yield word, sheet.columns[code]
    if sheet.name in COMPANY_LINK and COMPANY_LINK[sheet.name] in sheet.columns:
        yield "company", sheet.columns[COMPANY_LINK[sheet.name]]
    for word, native in {**needs.words, **needs.deal}.items():
        column = sheet.column(native)
        # The company is a link, whatever a mapping writes into it.
        if column is not None and not (word == "company" and sheet.name == PERSON):
            yield word, column
