"""Jobs that take their time, fail, are lost or outlived: the loop ends where it would have without them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from connector.engine.forget import forget
from connector.engine.report import Exit, Report
from connector.engine.run import run
from connector.model import Kind
from connector.store import jobs as desk
from connector.store import outbox
from tests.scenarios.bulk.world import World, world

JOBS = [("insert", "Task"), ("insert", "Task"), ("update", "Contact"), ("upsert", "Lead")]


@pytest.fixture
def ready() -> Iterator[World]:
    with world() as made:
        made.org.state_seconds = 10
        yield made


@pytest.fixture(scope="module")
def undisturbed() -> object:
    """What the org looks like when nothing happens, and nothing goes by jobs."""
    with world(above=1000) as made:
        made.everybody()
        made.rest()
        assert made.jobs() == []
        return made.picture()


def under_way(ready: World) -> list[desk.Job]:
    with ready.app.reading() as conn:
        return desk.under_way(conn, "sf")


def backlog(ready: World) -> dict[str, int]:
    with ready.app.reading() as conn:
        return {state: n for (_, state), n in outbox.backlog(conn).items()}


def sent(report: Report) -> dict[str, tuple[int, int, int]]:
    return {
        stream: (c.read, c.used, c.deferred)
        for (system, stream), c in report.ledger.items()
        if system == "sf" and stream.startswith("→")
    }


def test_many_changes_go_by_jobs_and_end_as_those_that_go_one_by_one(ready: World, undisturbed: object) -> None:
    ready.everybody()
    report = ready.run()
    assert report.exit is Exit.DONE
    assert sorted(job[:2] for job in ready.jobs()) == JOBS
    assert {job[2] for job in ready.jobs()} == {"JobComplete"}
    assert ready.stage.requests("/composite") == []
    assert ready.picture() == undisturbed
    assert under_way(ready) == []
    assert backlog(ready) == {"done": 16}
    assert ready.run().sent() == 0


@pytest.mark.parametrize(("hours", "state"), [(0, "Aborted"), (4, "JobComplete")])
def test_a_job_whose_people_were_all_forgotten_holds_nothing_up(hours: int, state: str) -> None:
    with world(above=0) as ready:
        ready.org.state_seconds = 3600
        ready.everybody(known=1, new=0)
        ready.run()
        assert under_way(ready)
        assert forget(ready.app, "t0@alpha-example.co.jp", really=True).erased
        ready.stage.later(timedelta(hours=hours))
        report = ready.run()
        assert (report.exit, report.problems) == (Exit.DONE, [])
        assert under_way(ready) == []
        assert {job[2] for job in ready.jobs()} == {state}


def test_few_changes_do_not_wait_for_a_job(ready: World) -> None:
    ready.everybody(known=2, new=0)
    ready.run()
    assert ready.jobs() == []
    assert ready.org.records("Contact")[0]["MA_Score__c"] == 25


def test_an_alert_goes_at_once_while_the_jobs_are_at_work(ready: World) -> None:
    for n in range(4):
        ready.stage.contact(f"姓{n}", Email=f"t{n}@alpha-example.co.jp")
        visitor = ready.ma.add_person(email=f"t{n}@alpha-example.co.jp", family_name=f"姓{n}")
        ready.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, ready.now)
    ready.run()
    ready.org.state_seconds = 3600
    more_visits(ready)
    report = ready.run()
    assert sent(report)["→RaiseAlert"] == (4, 4, 0)
    assert sent(report)["→SetFields"] == (4, 0, 4)


def more_visits(ready: World) -> None:
    """Everybody known to the MA looks at a page."""
    for person in list(ready.ma.people.values()):
        ready.ma.add_touchpoint(person.ref, Kind.PAGE_VIEW, ready.now)


def test_a_job_that_takes_longer_than_a_run_waits_is_collected_by_a_later_one(
    ready: World, undisturbed: object
) -> None:
    ready.org.state_seconds = 3600
    ready.everybody()
    report = ready.run()
    assert report.exit is Exit.DEFERRED
    assert sent(report) == {"→SetFields": (4, 0, 4), "→CreatePerson": (4, 0, 4), "→AddTouchpoint": (4, 0, 4)}
    assert backlog(ready) == {"inflight": 12}
    assert [stream for _, stream, _ in report.deferred] == ["→AddTouchpoint", "→CreatePerson", "→SetFields"]
    assert "処理中" in report.deferred[0][2].in_("ja")
    again = ready.run()
    assert again.exit is Exit.DEFERRED
    assert len(ready.jobs()) == 3, "what travels in a job is not sent again"
    ready.stage.later(timedelta(hours=1))
    found = ready.run()
    assert sent(found)["→SetFields"] == (4, 4, 0)
    ready.stage.later(timedelta(hours=1))
    ready.rest()
    assert sorted(job[:2] for job in ready.jobs()) == JOBS
    assert ready.picture() == undisturbed


def test_what_changed_while_a_job_was_at_work_is_written_after_it(ready: World) -> None:
    ready.everybody(known=4, new=0)
    ready.org.state_seconds = 3600
    ready.run()
    more_visits(ready)
    ready.run()
    assert [job[0] for job in ready.jobs()].count("update") == 1, "no newer value overtakes the job"
    ready.stage.later(timedelta(hours=1))
    ready.org.state_seconds = 10
    ready.rest()
    assert {row["MA_Score__c"] for row in ready.org.records("Contact")} == {35}
    assert under_way(ready) == []


def test_a_job_is_called_off_after_a_day(ready: World) -> None:
    ready.everybody(known=4, new=0)
    ready.org.state_seconds = 10**9
    ready.run()
    ready.stage.later(timedelta(hours=25))
    ready.run()
    assert ("update", "Contact", "Aborted") in ready.jobs()
    ready.org.state_seconds = 10
    ready.stage.later(timedelta(hours=25))
    ready.rest()
    assert {row["MA_Score__c"] for row in ready.org.records("Contact")} == {25}


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        ("reset_before", {"method": "POST", "path": "jobs/ingest"}),
        ("reset_after", {"method": "POST", "path": "jobs/ingest"}),
        ("status", {"method": "POST", "path": "jobs/ingest", "status": 503}),
        ("reset_before", {"method": "PUT"}),
        ("reset_after", {"method": "PUT"}),
        ("reset_before", {"method": "PATCH", "path": "jobs/ingest"}),
        ("reset_after", {"method": "PATCH", "path": "jobs/ingest"}),
        ("status", {"method": "PATCH", "path": "jobs/ingest", "status": 500}),
        ("status", {"method": "GET", "path": "jobs/ingest", "status": 503}),
        ("reset_before", {"method": "GET", "path": "jobs/ingest", "times": 3}),
        ("html", {"method": "GET", "path": "jobs/ingest"}),
        ("status", {"method": "GET", "path": "jobs/ingest/[^/]*$", "status": 200, "body": "[1"}),
        ("reset_after", {"method": "GET", "path": "successfulResults"}),
        ("truncate", {"method": "GET", "path": "successfulResults"}),
        ("reset_after", {"method": "GET", "path": "failedResults"}),
        ("expired", {"method": "PUT"}),
        ("expired", {"method": "GET", "path": "jobs/ingest"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(str(part) for part in value.values()),
)
def test_faults_of_the_line(ready: World, undisturbed: object, kind: str, where: dict[str, object]) -> None:
    ready.everybody()
    ready.org.chaos.plan(kind, **where)  # type: ignore[arg-type]  # keywords of several types
    ready.rest()
    assert ready.picture() == undisturbed
    assert under_way(ready) == []
    assert backlog(ready) == {"done": 16}


def test_a_job_that_fails_half_way_is_finished_by_collections(ready: World, undisturbed: object) -> None:
    ready.everybody()
    ready.org.chaos.plan("job_fail", processed=1, times=4)
    report = ready.run()
    assert sent(report)["→SetFields"] == (4, 1, 3)
    ready.rest()
    assert ready.picture() == undisturbed
    assert len(ready.jobs()) == 4
    assert ready.stage.requests("/composite") != []


def test_a_job_that_somebody_aborts_is_begun_anew(ready: World, undisturbed: object) -> None:
    ready.everybody()
    ready.org.state_seconds = 3600
    ready.run()
    for job in ready.org.ingest.jobs.values():
        job.state = "Aborted"
    ready.org.state_seconds = 10
    ready.rest()
    assert ready.picture() == undisturbed


def test_a_job_that_is_gone_has_no_known_result_and_is_done_by_collections(ready: World, undisturbed: object) -> None:
    ready.everybody()
    ready.org.state_seconds = 3600
    ready.run()
    ready.stage.later(timedelta(hours=2))
    ready.org.settle()
    ready.org.ingest.jobs.clear()
    ready.org.state_seconds = 10
    ready.rest()
    assert ready.picture() == undisturbed
    assert backlog(ready).keys() <= {"done", "dropped"}


def test_when_nobody_can_tell_of_a_job_any_more_its_changes_are_sent_again(ready: World, undisturbed: object) -> None:
    ready.everybody()
    ready.org.state_seconds = 3600
    ready.run()
    ready.org.chaos.plan("status", method="GET", path="jobs/ingest", status=503, times=10_000)
    ready.stage.later(timedelta(days=2))
    assert ready.run().exit is Exit.FAILED
    assert len(under_way(ready)) >= 3
    ready.stage.later(timedelta(days=9))
    ready.run()
    assert under_way(ready) == []
    ready.org.chaos.calm()
    ready.rest()
    assert ready.picture() == undisturbed


def test_an_org_that_wants_to_be_left_alone_is_not_asked_again(ready: World, undisturbed: object) -> None:
    ready.everybody()
    ready.org.state_seconds = 30
    ready.server_asks_to_wait()
    report = ready.run()
    asked = ready.stage.requests("jobs/ingest/", "GET")
    assert len(asked) == len(under_way(ready)) == 3
    assert report.exit is Exit.FAILED
    ready.org.chaos.calm()
    ready.rest()
    assert ready.picture() == undisturbed


def test_an_org_that_takes_no_jobs_gets_collections(ready: World, undisturbed: object) -> None:
    ready.everybody()
    body = '[{"errorCode": "FEATURENOTENABLED", "message": "no"}]'
    where = {"method": "POST", "path": "jobs/ingest", "times": 1000}
    ready.org.chaos.plan("status", status=400, body=body, mimetype="application/json", **where)  # type: ignore[arg-type]  # keywords of several types
    assert ready.run().exit is Exit.DONE
    assert ready.picture() == undisturbed


def test_a_file_that_is_not_taken_goes_by_collections_and_no_job_lies_open(ready: World, undisturbed: object) -> None:
    ready.everybody()
    body = '[{"errorCode": "REQUEST_ENTITY_TOO_LARGE", "message": "no"}]'
    where = {"method": "PUT", "times": 1000}
    ready.org.chaos.plan("status", status=413, body=body, mimetype="application/json", **where)  # type: ignore[arg-type]  # keywords of several types
    assert ready.run().exit is Exit.DONE
    assert {job[2] for job in ready.jobs()} == {"Aborted"}
    assert ready.picture() == undisturbed
    assert under_way(ready) == []


def test_rows_that_fail_in_a_job_are_parked_or_tried_again(ready: World) -> None:
    ready.everybody(known=4, new=0)
    where = {"method": "PATCH", "path": "jobs/ingest"}
    ready.org.chaos.plan("row_lock", rows=[0], times=2, **where)  # type: ignore[arg-type]  # keywords of several types
    said = {"code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "だめ"}
    ready.org.chaos.plan("row_fail", rows=[1], times=2, **where, **said)  # type: ignore[arg-type]  # keywords of several types
    report = ready.run()
    fields = report.ledger["sf", "→SetFields"]
    assert (fields.read, fields.used, fields.parked, fields.deferred) == (4, 2, 1, 1)
    ready.stage.later(timedelta(minutes=6))
    assert sent(ready.run())["→SetFields"] == (1, 1, 0)


def test_a_stop_signal_ends_the_waiting_and_the_job_is_collected_later(ready: World, undisturbed: object) -> None:
    ready.everybody()
    ready.restart()
    clock, app = ready.org.clock, ready.app

    def sleep(seconds: float) -> None:
        clock.advance(timedelta(seconds=seconds))
        app.stopping = True

    app.sleep = sleep
    report = run(app)
    assert report.interrupted
    assert len(under_way(ready)) == 3
    ready.rest()
    assert ready.picture() == undisturbed
