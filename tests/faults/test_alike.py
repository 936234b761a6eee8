"""Two worlds count as being in one state only when nothing that a later run can find is another."""

from __future__ import annotations

import sqlite3

from tests.faults.alike import state
from tests.faults.pair import Pair, pair


def of(both: Pair) -> str:
    return state(both.file, both.smp, both.sales)


def test_the_same_run_twice_leaves_the_same_state() -> None:
    """Or one of four times: the order in which threads come by decides which record gets which id."""
    left = []
    for _ in range(4):
        with pair("salesforce") as both, both.directly():
            both.run()
            left.append(of(both))
    assert len(set(left)) < len(left)


def test_whatever_is_another_in_a_store_or_a_system_is_another_state() -> None:
    with pair("salesforce") as both, both.directly():
        both.run()
        before = of(both)
        for change in (
            "UPDATE outbox SET state = 'inflight' WHERE key = (SELECT min(key) FROM outbox)",
            "UPDATE cursor SET value = value || ' ' WHERE stream = 'Lead'",
            "UPDATE person SET written = '{}' WHERE no = (SELECT min(no) FROM person WHERE written <> '{}')",
            "INSERT INTO meta VALUES ('missing:x', '1')",
            "UPDATE meta SET value = '2' WHERE name = 'missing:x'",
            "UPDATE meta SET value = 'other' WHERE name = 'rules'",
            "UPDATE meta SET value = value || ' ' WHERE name = 'read:salesforce'",
        ):
            connection = sqlite3.connect(both.file)
            with connection:
                assert connection.execute(change).rowcount == 1
            connection.close()
            assert of(both) != before, change
            before = of(both)
        both.sales.say_no(both.contacts["known"])
        assert of(both) != before
        before = of(both)
        both.smp.unsubscribe(both.visitors["nitta@nitta-example.co.jp"])
        assert of(both) != before
