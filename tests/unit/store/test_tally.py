"""Counts over all runs; on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, update

from connector.store import database, tally
from connector.store import tables as t
from connector.store.lease import TAKEN_OVER, Lease, acquire, take_part

TTL = timedelta(minutes=5)


def taken_over(store: Engine) -> dict[str, int]:
    with database.reading(store) as conn:
        return tally.counted(conn, TAKEN_OVER).get("", {})


def over(store: Engine) -> None:
    """Every lease has run out."""
    with database.writing(store) as conn:
        conn.execute(update(t.lease).values(expires=0))


def test_counts_add_up_by_name_system_and_label(store: Engine) -> None:
    with database.writing(store) as conn:
        tally.add(conn, "requests", "ma", {"200": 2, "429": 1})
        tally.add(conn, "requests", "ma", {"200": 3})
        tally.add(conn, "requests", "sfa", {"200": 4})
        tally.add(conn, "repeats", "ma", {"200": 9})
        tally.add(conn, "requests", "other", {})
    with database.reading(store) as conn:
        assert tally.counted(conn, "requests") == {"ma": {"200": 5, "429": 1}, "sfa": {"200": 4}}


@pytest.mark.parametrize(
    ("value", "bucket"), [(0, "10"), (10, "10"), (11, "20"), (20, "20"), (21, "inf"), (10**9, "inf")]
)
def test_an_observation_goes_into_the_lowest_bucket_that_holds_it(value: int, bucket: str) -> None:
    assert tally.observed(value, (10, 20)) == {bucket: 1, tally.SUM: value}


def test_a_lease_that_is_given_back_is_taken_and_one_that_ran_out_is_taken_over(store: Engine, lease: Lease) -> None:
    lease.release()
    again = acquire(store, "run", TTL)
    assert taken_over(store) == {}
    over(store)
    acquire(store, "run", TTL)
    assert taken_over(store) == {"run": 1}
    assert again.token == lease.token + 1


def test_a_part_is_taken_over_from_another_worker_and_not_from_oneself(store: Engine, lease: Lease) -> None:
    take_part(lease, "system:sfa", "one")
    take_part(lease, "system:sfa", "one")
    assert taken_over(store) == {}
    over(store)
    with database.writing(store) as conn:
        conn.execute(update(t.lease).where(t.lease.c.name == "run").values(expires=2**62))
    take_part(lease, "system:sfa", "two")
    assert taken_over(store) == {"system": 1}
