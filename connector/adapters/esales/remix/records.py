"""From rows to our records. Standard columns are those whose codes public code uses; all else is mapped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from connector.adapters.esales.remix.rows import Row
from connector.adapters.esales.remix.sheets import COMPANY, DEAL, PERSON, Column, Sheet
from connector.adapters.esales.remix.values import WrongValue, moment, read
from connector.adapters.esales.words import deal_state, percent, truth_of
from connector.model import PERSON_FIELD_KIND, Company, Deal, Owner, Person, Ref, Value
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
class Reading:
    """How the rows of one sheet are read: the columns behind our words, and the choices of each."""

    system: str
    sheet: Sheet
    needs: ObjectNeeds
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

    def ref(self, id_: int) -> Ref:
        """The name of a record."""
        return Ref(self.system, self.sheet.name, str(id_))

    def value(self, word: str, row: Row) -> Value:
        """The value behind one of our words."""
        column = self.words.get(word)
        return None if column is None else self._read(column, row)

    def native(self, row: Row) -> dict[str, Value]:
        """The fields that mappings read, by the names that they use."""
        return {name: self._read(self.natives[name], row) for name in self.needs.read}

    def _read(self, column: Column, row: Row) -> Value:
        return read(column, row[column.code], self.choices.get(column.code, {}))

    def stamp(self, code: int | None, row: Row) -> datetime | None:
        """When a record was changed or made."""
        return None if code is None else moment(row[code])

    def text(self, word: str, row: Row) -> str | None:
        """As `value`, as text."""
        value = self.value(word, row)
        return None if value is None else str(value)


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


def person(reading: Reading, id_: int, row: Row) -> Person:
    """A 名刺."""
    fields: dict[str, Value] = {}
    for word in reading.words:
        if word in ("key", "company"):
            continue
        if PERSON_FIELD_KIND.get(word) == "bool":
            spelt = reading.needs.values.get(reading.needs.words.get(word, ""), {})
            fields[word] = truth_of(reading.value(word, row), spelt)
        else:
            fields[word] = reading.text(word, row)
    return Person(
        reading.ref(id_),
        fields,
        native=reading.native(row),
        key=reading.text("key", row),
        company_id=reading.text("company", row),
        created_at=reading.stamp(reading.created, row),
        modified_at=reading.stamp(reading.changed, row),
    )


def company(reading: Reading, id_: int, row: Row) -> Company:
    """A 顧客."""
    name = reading.text("name", row)
    if name is None:
        raise WrongValue("WRONG_TYPE")
    return Company(
        reading.ref(id_),
        name,
        website=reading.text("website", row),
        modified_at=reading.stamp(reading.changed, row),
    )


def deal(reading: Reading, id_: int, row: Row) -> Deal:
    """A 案件."""
    needs = reading.needs
    people = reading.text("people", row)
    return Deal(
        reading.ref(id_),
        reading.text("name", row) or "",
        deal_state(reading.text("state" if "state" in needs.deal else "stage", row), needs),
        stage=reading.text("stage", row) or "",
        stage_since=_moment(reading, "stage_since", row),
        probability=percent(reading.value("probability", row), needs),
        amount=_number(reading.value("amount", row)),
        closes_on=_day(reading.value("closes_on", row)),
        closed_at=_moment(reading, "closed_at", row),
        lost_reason=reading.text("lost_reason", row),
        product=reading.text("product", row),
        owner_id=reading.text("owner", row),
        company_id=reading.text("company", row),
        people=(people,) if people else (),
        modified_at=reading.stamp(reading.changed, row),
    )


def owner(reading: Reading, id_: int, row: Row) -> Owner:
    """A 社員."""
    return Owner(reading.ref(id_), reading.text("name", row) or "", email=reading.text("email", row))


def _moment(reading: Reading, word: str, row: Row) -> datetime | None:
    column = reading.words.get(word)
    return None if column is None else moment(row[column.code])


def _day(value: Value) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if value is None or isinstance(value, date):
        return value
    raise WrongValue("WRONG_TYPE")


def _number(value: Value) -> float | None:
    if value is None:
        return None
    try:
        return float(str(value))
    except ValueError:
        raise WrongValue("WRONG_TYPE") from None
