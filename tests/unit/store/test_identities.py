from __future__ import annotations

from connector.rules import resolve
from connector.store import people


def test_rules_and_store_agree_on_when_a_key_says_nothing() -> None:
    assert resolve.MOST_HOLDERS == people.MOST_HOLDERS
