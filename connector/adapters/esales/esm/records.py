"""The items behind our words. Few keys are public, so nearly all words are mapped."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from connector.adapters.esales.esm.items import CARD, COMPANY, Item, moment, read
from connector.adapters.esales.records import Reading, Row
from connector.model import Value

STANDARD: Mapping[str, Mapping[str, str]] = {
    COMPANY: {"name": "customers.customer.customer_name", "website": "customers.customer.url"},
    CARD: {"company": "business_cards.business_card.relational_customer"},
}
"""Our words and the keys behind them, as far as a public page shows them."""


@dataclass(frozen=True, slots=True)
class ItemReading(Reading):
    """How the records of one sheet are read: the items behind our words."""

    words: Mapping[str, Item]
    natives: Mapping[str, Item]
    changed: str
    created: str

    @property
    def known(self) -> Collection[str]:
        """See `Reading`."""
        return self.words.keys()

    def value(self, word: str, row: Row) -> Value:
        """See `Reading`."""
        item = self.words.get(word)
        return None if item is None else read(item, row.get(item.key), self.zone)

    def native(self, row: Row) -> dict[str, Value]:
        """See `Reading`."""
        return {name: read(item, row.get(name), self.zone) for name, item in self.natives.items()}

    def stamps(self, row: Row) -> tuple[datetime | None, datetime | None]:
        """See `Reading`."""
        created, changed = (moment(row.get(key), self.zone) for key in (self.created, self.changed))
        return created, changed
