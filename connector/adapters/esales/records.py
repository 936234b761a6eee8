"""From what a sheet holds to our records, in either generation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from typing import Any

from connector.adapters.esales.words import WrongValue, deal_state, percent, state_word, truth_of
from connector.model import PERSON_FIELD_KIND, Company, Deal, Owner, Person, Ref, Value
from connector.ports import ObjectNeeds

Row = Mapping[Any, Any]


@dataclass(frozen=True, slots=True)
class Reading(ABC):
    """How the records of one sheet are read; `zone` is that of its days."""

    system: str
    sheet: str
    needs: ObjectNeeds
    zone: tzinfo

    @property
    @abstractmethod
    def known(self) -> Collection[str]:
        """Our words behind which there is a field."""

    @abstractmethod
    def value(self, word: str, row: Row) -> Value:
        """The value behind one of our words."""

    @abstractmethod
    def native(self, row: Row) -> dict[str, Value]:
        """The fields that mappings read, by the names that they use."""

    @abstractmethod
    def stamps(self, row: Row) -> tuple[datetime | None, datetime | None]:
        """When a record was made and when it was last changed."""

    def ref(self, id_: int) -> Ref:
        """The name of a record."""
        return Ref(self.system, self.sheet, str(id_))

    def text(self, word: str, row: Row) -> str | None:
        """As `value`, as text."""
        value = self.value(word, row)
        return None if value is None else str(value)

    def moment(self, word: str, row: Row) -> datetime | None:
        """As `value`, as a time; a day begins at midnight."""
        value = self.value(word, row)
        if isinstance(value, date) and not isinstance(value, datetime):
            return datetime.combine(value, time.min, self.zone)
        if value is None or isinstance(value, datetime):
            return value
        raise WrongValue("WRONG_TYPE")

    def day(self, word: str, row: Row) -> date | None:
        """As `value`, as a day; a time falls on the day that it is in `zone`."""
        value = self.value(word, row)
        if isinstance(value, datetime):
            return value.astimezone(self.zone).date()
        if value is None or isinstance(value, date):
            return value
        raise WrongValue("WRONG_TYPE")

    def number(self, word: str, row: Row) -> float | None:
        """As `value`, as a number."""
        value = self.value(word, row)
        if value is None:
            return None
        try:
            return float(str(value))
        except ValueError:
            raise WrongValue("WRONG_TYPE") from None


def person(reading: Reading, id_: int, row: Row) -> Person:
    """A 名刺."""
    fields: dict[str, Value] = {}
    for word in reading.known:
        if word in ("key", "company"):
            continue
        if PERSON_FIELD_KIND.get(word) == "bool":
            spelt = reading.needs.values.get(reading.needs.words.get(word, ""), {})
            fields[word] = truth_of(reading.value(word, row), spelt)
        else:
            fields[word] = reading.text(word, row)
    created, changed = reading.stamps(row)
    return Person(
        reading.ref(id_),
        fields,
        native=reading.native(row),
        key=reading.text("key", row),
        company_id=reading.text("company", row),
        created_at=created,
        modified_at=changed,
    )


def company(reading: Reading, id_: int, row: Row) -> Company:
    """A 顧客."""
    name = reading.text("name", row)
    if name is None:
        raise WrongValue("WRONG_TYPE")
    _, changed = reading.stamps(row)
    return Company(reading.ref(id_), name, website=reading.text("website", row), modified_at=changed)


def deal(reading: Reading, id_: int, row: Row) -> Deal:
    """A 案件."""
    needs = reading.needs
    people = reading.text("people", row)
    _, changed = reading.stamps(row)
    return Deal(
        reading.ref(id_),
        reading.text("name", row) or "",
        deal_state(reading.text(state_word(needs), row), needs),
        stage=reading.text("stage", row) or "",
        stage_since=reading.moment("stage_since", row),
        probability=percent(reading.value("probability", row), needs),
        amount=reading.number("amount", row),
        closes_on=reading.day("closes_on", row),
        closed_at=reading.moment("closed_at", row),
        lost_reason=reading.text("lost_reason", row),
        product=reading.text("product", row),
        owner_id=reading.text("owner", row),
        company_id=reading.text("company", row),
        people=tuple(people.split(";")) if people else (),
        modified_at=changed,
    )


def owner(reading: Reading, id_: int, row: Row) -> Owner:
    """A 社員."""
    return Owner(reading.ref(id_), reading.text("name", row) or "", email=reading.text("email", row))
