"""Changes in jobs: claimed until the job has ended, whoever opened it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Engine, select, update

from connector.ports import Receipt
from connector.store import database, jobs, outbox
from connector.store import tables as t
from connector.store.jobs import Job
from connector.store.lease import Lease
from connector.store.trail import Trail
from tests.unit.store.test_outbox import CREATED, NOW, SCORE, due, enqueue

JOB = Job("sfa", "62.0/750", NOW)
LATER = replace(SCORE, values={"score": 50})


def handed_over(store: Engine, token: int = 1) -> None:
    enqueue(store, SCORE, CREATED)
    with database.writing(store) as conn:
        jobs.put(conn, JOB, [SCORE.key, CREATED.key], token)


def end(store: Engine, receipts: Sequence[Receipt], untried: Sequence[str] = ()) -> None:
    with database.writing(store) as conn:
        wishes = {wish.change.key: wish for wish in jobs.wishes(conn, JOB)}
        outbox.settle(conn, Trail(), wishes, receipts, "r", NOW, NOW + timedelta(minutes=5), 5)
        jobs.end(conn, JOB, untried)


def test_a_job_holds_its_changes_as_they_were(store: Engine) -> None:
    handed_over(store)
    with database.reading(store) as conn:
        assert jobs.under_way(conn, "sfa") == [JOB]
        assert jobs.under_way(conn, "ma") == []
        assert {wish.change.key: wish for wish in jobs.wishes(conn, JOB)} == {
            change.key: outbox.Wish(change, 0) for change in (SCORE, CREATED)
        }
        assert jobs.sizes(conn, "sfa") == {"CreatePerson": 1, "SetFields": 1}
        assert outbox.still_due(conn, "sfa", NOW + timedelta(days=1), ["SetFields", "CreatePerson"]) == {}


def test_a_later_run_does_not_take_them_for_lost(store: Engine, lease: Lease) -> None:
    handed_over(store, token=lease.token - 1)
    with lease.writing() as conn:
        assert outbox.recover(conn, lease.token) == 0
    assert due(store, NOW + timedelta(days=1)) == []


def test_no_newer_wish_takes_the_place_of_one_in_a_job_and_none_is_withdrawn(store: Engine) -> None:
    handed_over(store)
    assert enqueue(store, LATER) == 0
    with database.writing(store) as conn:
        assert outbox.fresh(conn, [LATER]) == []
        assert outbox.withdraw(conn, ["p1"], set()) == 0
        assert {wish.change.key for wish in jobs.wishes(conn, JOB)} == {SCORE.key, CREATED.key}


def test_receipts_end_what_they_are_about(store: Engine) -> None:
    handed_over(store)
    end(store, [Receipt(SCORE.key, "done"), Receipt(CREATED.key, "refused", code="X")])
    with database.reading(store) as conn:
        assert jobs.under_way(conn, "sfa") == []
        assert outbox.backlog(conn) == {("sfa", "done"): 1, ("sfa", "parked"): 1}
    assert enqueue(store, LATER) == 1
    assert [wish.change for wish in due(store)] == [LATER]


def test_what_was_not_tried_does_not_count_as_tried(store: Engine) -> None:
    handed_over(store)
    end(store, [Receipt(CREATED.key, "done")], [SCORE.key])
    assert [(wish.change, wish.attempts) for wish in due(store)] == [(SCORE, 0)]
    assert enqueue(store, LATER) == 1
    assert due(store) == [], "another value waits: what was called off may be slow to stop"
    assert len(due(store, NOW + outbox.QUARANTINE)) == 1


def test_what_has_no_known_result_counts_as_tried(store: Engine) -> None:
    handed_over(store)
    end(store, [])
    assert [(wish.change.key, wish.attempts) for wish in due(store)] == [(CREATED.key, 1), (SCORE.key, 1)]


def test_an_attempt_by_itself_leaves_no_trace_of_the_job(store: Engine) -> None:
    handed_over(store)
    end(store, [])
    with database.writing(store) as conn:
        outbox.claim(conn, [SCORE.key], 2, NOW)
        assert conn.scalars(select(t.outbox.c.job)).all() == [None, None]


def test_whoever_is_in_a_job_is_planned_again_also_after_a_merge(store: Engine) -> None:
    handed_over(store)
    with database.writing(store) as conn:
        for id_, into in (("p1", "p2"), ("p2", None), ("p3", None)):
            conn.execute(t.identity.insert().values(id=id_, merged_into=into))
        conn.execute(update(t.identity).values(due_at=None))
        jobs.plan_again(conn, JOB)
        rows = conn.execute(select(t.identity.c.id, t.identity.c.due_at).order_by(t.identity.c.id))
        assert [tuple(row) for row in rows] == [("p1", None), ("p2", 0), ("p3", None)]
