"""What is counted for those who watch from outside; on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from connector.changes import Lane, SetFields
from connector.model import Ref
from connector.ports import Receipt
from connector.store import database, measures, outbox, runs
from connector.store.lease import Lease, held
from connector.store.outbox import Wish
from connector.store.runs import Counts
from connector.store.trail import Trail

NOW = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)


def change(number: int, system: str = "sfa") -> SetFields:
    ref = Ref(system, "Contact", str(number))
    return SetFields(key=f"set:{number}", system=system, identity="p", lane=Lane.SCORES, ref=ref, values={"a": number})


def test_the_token_of_the_holder(store: Engine, lease: Lease) -> None:
    with database.reading(store) as conn:
        assert held(conn, "run") == lease.token
        assert held(conn, "other") is None
    lease.release()
    with database.reading(store) as conn:
        assert held(conn, "run") is None


def test_changes_that_wait(store: Engine) -> None:
    later = {"set:2": NOW + timedelta(hours=1)}
    with database.writing(store) as conn:
        outbox.enqueue(conn, [change(1), change(2), change(3, "crm")], "r", NOW, later)
        outbox.drop(conn, ["set:3"], "superseded")
    with database.reading(store) as conn:
        assert measures.waiting(conn) == {("sfa", "pending"): 2}
        assert measures.due_since(conn, NOW + timedelta(minutes=5)) == {"sfa": NOW}
        assert measures.due_since(conn, NOW - timedelta(minutes=5)) == {}


def test_what_the_run_at_work_has_claimed_is_not_in_doubt_and_what_a_dead_one_claimed_is(
    store: Engine, lease: Lease
) -> None:
    with database.writing(store) as conn:
        outbox.enqueue(conn, [change(1), change(2)], "r", NOW, {})
        outbox.claim(conn, ["set:1"], lease.token, NOW)
    with database.reading(store) as conn:
        assert measures.uncertain(conn) == {}
    lease.release()
    with database.reading(store) as conn:
        assert measures.uncertain(conn) == {"sfa": 1}


def test_a_lost_answer_is_in_doubt_until_the_receipt_is_there(store: Engine, lease: Lease) -> None:
    with database.writing(store) as conn:
        outbox.enqueue(conn, [change(1)], "r", NOW, {})
        outbox.claim(conn, ["set:1"], lease.token, NOW)
        outbox.in_doubt(conn, ["set:1"])
    with database.reading(store) as conn:
        assert measures.uncertain(conn) == {"sfa": 1}
    with database.writing(store) as conn:
        done = [Receipt("set:1", "done")]
        outbox.settle(conn, Trail(), {"set:1": Wish(change(1), 0)}, done, "r", NOW, NOW + timedelta(minutes=5), 5)
    with database.reading(store) as conn:
        assert measures.uncertain(conn) == {}
        (told,) = measures.delivered(conn, "r")
        assert told == {
            "system": "sfa", "kind": "SetFields", "lane": "scores", "rule": "", "status": "done", "count": 1,
        }  # fmt: skip


def test_runs_and_their_ledger_add_up(store: Engine, lease: Lease) -> None:
    for number, outcome in enumerate(("done", "failed", "done", "plan"), 1):
        run, ended = f"r{number}", NOW + timedelta(hours=number, minutes=number)
        with database.writing(store) as conn:
            runs.start_run(conn, run, NOW + timedelta(hours=number), NOW, lease.token, "")
            runs.add_ledger(conn, run, "ma", "people", Counts(read=number, used=number))
            runs.end_run(conn, run, ended, outcome, {"run": run})
            runs.add_calls(conn, "ma", f"2026-04-0{number}", 10)
            runs.add_calls(conn, "ma/part", f"2026-04-0{number}", 3)
    with database.writing(store) as conn:
        runs.start_run(conn, "r5", NOW + timedelta(hours=9), NOW, lease.token, "")

    with database.reading(store) as conn:
        ended_runs = {each.outcome: (each.count, each.took) for each in measures.runs_ended(conn)}
        assert ended_runs == {"done": (2, timedelta(minutes=4)), "failed": (1, timedelta(minutes=2))}
        assert measures.last_well(conn) == NOW + timedelta(hours=3, minutes=3)
        assert measures.last_outcome(conn) == "done"
        assert measures.ledger_totals(conn) == {("ma", "people"): Counts(read=10, used=10)}
        assert runs.last_report(conn) == {"run": "r3"}
        found = [runs.find_run(conn, run) for run in ("r1", "last", "r9")]
        assert [row.id if row else None for row in found] == ["r1", "r5", None]


def test_a_clock_that_was_ahead_for_one_run_does_not_hide_those_after_it(store: Engine, lease: Lease) -> None:
    ahead, token = NOW + timedelta(days=3), lease.token
    for run, began, outcome in (
        ("r1", NOW, "done"),
        ("r2", ahead, "done"),
        ("r3", NOW + timedelta(hours=1), "failed"),
    ):
        token += 1
        with database.writing(store) as conn:
            runs.start_run(conn, run, began, began, token, "")
            runs.end_run(conn, run, began + timedelta(minutes=1), outcome, {"run": run})

    with database.reading(store) as conn:
        assert measures.last_well(conn) == NOW + timedelta(hours=1), "not three days from now"
        assert measures.last_outcome(conn) == "failed"
        assert runs.last_report(conn) == {"run": "r3"}
        assert [row.id for row in runs.last_runs(conn)] == ["r3", "r2", "r1"]
        found = runs.find_run(conn, "last")
        assert found is not None
        assert found.id == "r3"
