from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import Engine, update

from connector.errors import Locked, StoreError
from connector.http import HttpOptions
from connector.store import database
from connector.store import tables as t
from connector.store.database import reading
from connector.store.lease import SAFETY, Fenced, Lease, acquire, held_parts, take_part


def test_only_one_holds_it_and_the_other_is_told_who(store: Engine) -> None:
    acquire(store, "run", timedelta(minutes=5))

    with pytest.raises(Locked, match=r"another run is at work: .+ pid \d+"):
        acquire(store, "run", timedelta(minutes=5))


def test_after_release_it_is_free_and_the_token_has_grown(store: Engine) -> None:
    first = acquire(store, "run", timedelta(minutes=5))
    first.release()

    assert acquire(store, "run", timedelta(minutes=5)).token == first.token + 1


def test_a_holder_that_slept_too_long_writes_nothing_more(store: Engine) -> None:
    frozen = acquire(store, "run", timedelta(seconds=-1))
    acquire(store, "run", timedelta(minutes=5))

    with pytest.raises(Fenced), frozen.writing():
        pytest.fail("the fence is open")


def test_who_looks_whether_it_is_still_held_renews_what_lasts_too_short(store: Engine) -> None:
    lease = acquire(store, "run", timedelta(minutes=5))
    share = take_part(lease, "part 1", "here")

    for one in (lease, share):
        one.check(timedelta(minutes=1))
        renewed = one.left()
        one.check(timedelta(minutes=9))
        assert one.left() > renewed


@pytest.mark.parametrize("taken", ["run", "part 1"])
def test_who_looks_whether_it_is_still_held_is_told_when_it_is_not(store: Engine, taken: str) -> None:
    lease = acquire(store, "run", timedelta(minutes=5))
    share = take_part(lease, "part 1", "here")
    with lease.writing() as conn:
        conn.execute(update(t.lease).where(t.lease.c.name == taken).values(token=99))

    with pytest.raises(Fenced):
        share.check(timedelta(0))


def test_who_stands_still_in_a_transaction_holds_up_the_others_for_a_while_only(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a worker does whose machine is paused between two statements."""
    monkeypatch.setattr(database, "_LONGEST_SILENCE", database._LONGEST_SILENCE.replace("60s", "300ms"))
    one, two = (database.open_engine(postgres_url) for _ in range(2))
    database.upgrade(one)
    still = acquire(one, "run", timedelta(minutes=5))
    other = Lease(two, still.name, still.token, still.ttl)

    def stand_still() -> None:
        with still.writing() as conn:
            other.renew()  # waits for what the first holds, until the server takes it
            conn.exec_driver_sql("SELECT 1")

    with pytest.raises(StoreError):
        stand_still()

    still.renew()
    for engine in (one, two):
        engine.dispose()


def test_a_released_lease_is_no_longer_held(store: Engine) -> None:
    lease = acquire(store, "run", timedelta(minutes=5))
    lease.release()

    with pytest.raises(Fenced), lease.writing():
        pytest.fail("the fence is open")


def test_of_many_at_once_one_wins(store: Engine) -> None:
    won: list[int] = []
    lost: list[Locked] = []

    def try_it() -> None:
        try:
            won.append(acquire(store, "run", timedelta(minutes=5)).token)
        except Locked as locked:
            lost.append(locked)

    threads = [threading.Thread(target=try_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(won), len(lost)) == (1, 5)


@pytest.mark.parametrize("short", ["run", "part 1"])
def test_who_looks_sees_the_one_that_ends_first(store: Engine, short: str) -> None:
    lease = acquire(store, "run", timedelta(minutes=5))
    share = take_part(lease, "part 1", "here")
    with lease.writing() as conn:
        expires = t.lease.c.expires
        conn.execute(update(t.lease).values(expires=expires + 3_600_000_000))
        conn.execute(update(t.lease).where(t.lease.c.name == short).values(expires=expires - 3_840_000_000))
    before = share.left()

    share.check(timedelta(minutes=2))

    assert share.left() > before, "renewed, as one of the two lasts no longer than that"


def test_what_is_sent_is_looked_after_for_longer_than_a_request_takes() -> None:
    assert HttpOptions().timeout < SAFETY < timedelta(minutes=5)


def test_a_part_that_ran_out_is_held_by_nobody(store: Engine) -> None:
    lease = acquire(store, "run", timedelta(minutes=5))
    for part in ("system:ma", "system:sfa"):
        take_part(lease, part, "here")
    take_part(lease, "system:crm", "here").release()
    with lease.writing() as conn:
        conn.execute(update(t.lease).where(t.lease.c.name == "system:sfa").values(expires=1))
    with reading(store) as conn:
        assert held_parts(conn, ["system:ma", "system:sfa", "system:crm", "system:erp"]) == {"system:ma"}
