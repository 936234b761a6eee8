"""From an esm's records to ours. Few keys are public, so nearly all words are mapped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo

from connector.adapters.esales.esm.find import Record
from connector.adapters.esales.esm.items import CARD, COMPANY, Item, WrongValue, moment, read
from connector.adapters.esales.words import deal_state, percent, truth_of
from connector.model import PERSON_FIELD_KIND, Company, Deal, Owner, Person, Ref, Value
from connector.ports import ObjectNeeds

STANDARD: Mapping[str, Mapping[str, str]] = {
    COMPANY: {"name": "customers.customer.customer_name", "website": "customers.customer.url"},
    CARD: {"company": "business_cards.business_card.relational_customer"},
}
"""Our words and the keys behind them, as far as a public page shows them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How the records of one sheet are read."""

    system: str
    sheet: str
    needs: ObjectNeeds
    zone: tzinfo
    words: Mapping[str, Item]
    natives: Mapping[str, Item] = field(default_factory=dict)
    changed: str = ""
    created: str = ""

    def ref(self, id_: int) -> Ref:
        """The name of a record."""
        return Ref(self.system, self.sheet, str(id_))

    def value(self, word: str, record: Record) -> Value:
        """The value behind one of our words."""
        item = self.words.get(word)
        return None if item is None else read(item, record.get(item.key), self.zone)

    def text(self, word: str, record: Record) -> str | None:
        """As `value`, as text."""
        value = self.value(word, record)
        return None if value is None else str(value)

    def native(self, record: Record) -> dict[str, Value]:
        """The fields that mappings read."""
        return {name: read(item, record.get(name), self.zone) for name, item in self.natives.items()}

    def stamp(self, key: str, record: Record) -> datetime | None:
        """When a record was changed or made."""
        return moment(record.get(key), self.zone)


def person(reading: Reading, id_: int, record: Record) -> Person:
    """A 名刺."""
    fields: dict[str, Value] = {}
    for word in reading.words:
        if word in ("key", "company"):
            continue
        if PERSON_FIELD_KIND.get(word) == "bool":
            spelt = reading.needs.values.get(reading.needs.words.get(word, ""), {})
            fields[word] = truth_of(reading.value(word, record), spelt)
        else:
            fields[word] = reading.text(word, record)
    return Person(
        reading.ref(id_),
        fields,
        native=reading.native(record),
        key=reading.text("key", record),
        company_id=reading.text("company", record),
        created_at=reading.stamp(reading.created, record),
        modified_at=reading.stamp(reading.changed, record),
    )


def company(reading: Reading, id_: int, record: Record) -> Company:
    """A 顧客."""
    name = reading.text("name", record)
    if name is None:
        raise WrongValue("WRONG_TYPE")
    website = reading.text("website", record)
    return Company(reading.ref(id_), name, website=website, modified_at=reading.stamp(reading.changed, record))


def deal(reading: Reading, id_: int, record: Record) -> Deal:
    """A 案件."""
    needs = reading.needs
    people = reading.text("people", record)
    state = reading.text("state" if "state" in needs.deal else "stage", record)
    return Deal(
        reading.ref(id_),
        reading.text("name", record) or "",
        deal_state(state, needs),
        stage=reading.text("stage", record) or "",
        stage_since=_moment(reading.value("stage_since", record)),
        probability=percent(reading.value("probability", record), needs),
        amount=_number(reading.value("amount", record)),
        closes_on=_day(reading.value("closes_on", record), reading.zone),
        closed_at=_moment(reading.value("closed_at", record)),
        lost_reason=reading.text("lost_reason", record),
        product=reading.text("product", record),
        owner_id=reading.text("owner", record),
        company_id=reading.text("company", record),
        people=tuple(people.split(";")) if people else (),
        modified_at=reading.stamp(reading.changed, record),
    )


def owner(reading: Reading, id_: int, record: Record) -> Owner:
    """A 社員."""
    return Owner(reading.ref(id_), reading.text("name", record) or "", email=reading.text("email", record))


def _moment(value: Value) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    raise WrongValue("WRONG_TYPE")


def _day(value: Value, zone: tzinfo) -> date | None:
    if isinstance(value, datetime):
        return value.astimezone(zone).date()
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
