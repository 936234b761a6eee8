from __future__ import annotations

from connector.rules import companies
from connector.store import spellings


def test_rules_and_store_agree_on_from_where_on_one_more_record_decides_nothing() -> None:
    assert companies.SETTLED == spellings.SETTLED
