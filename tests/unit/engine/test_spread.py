"""A run in parts: whatever the queue does with them, it ends where a run in one piece does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.changes import Lane, RaiseAlert
from connector.engine import part, planning, spread
from connector.engine.deliver import Delivery
from connector.engine.part import Part, perform
from connector.engine.report import Exit, Report
from connector.engine.run import run
from connector.engine.spread import Spread
from connector.errors import ConnectorError, Interrupted, Locked, text
from connector.model import DealState, Kind
from connector.store import outbox, parts, runs
from connector.store.lease import Fenced, Lease, take_part
from connector.store.runs import Counts
from tests.machine.world import World

PEOPLE = 12


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


class Hands:
    """A queue whose parts are done at once, after what `shuffle` makes of them."""

    def __init__(self, world: World, shuffle: Any = list) -> None:
        self.world, self.shuffle = world, shuffle
        self.left: list[Part] = []

    def put(self, some: Sequence[Part]) -> None:
        for each in self.shuffle(some):
            perform(self.world.app, each, "somebody")

    def waiting(self) -> set[str]:
        return set()

    def clear(self) -> None:
        pass


def fill(world: World) -> None:
    for n in range(PEOPLE):
        ref = world.ma.add_person(email=f"p{n}@alpha{n % 3}.co.jp", family_name=f"山田{n}")
        for day in range(n % 4):
            world.ma.add_touchpoint(ref, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=day + 1))
        if n % 3 == 0:
            contact = world.sfa.add_person(email=f"p{n}@alpha{n % 3}.co.jp", family_name=f"山田{n}", owner_id="rep")
            world.ma.add_touchpoint(ref, Kind.PAGE_VIEW, world.now - timedelta(hours=3))
            state = DealState.OPEN if n % 2 else DealState.LOST
            world.sfa.add_deal(f"案件{n}", people=(contact.id,), state=state, probability=70)


def in_parts(world: World, hands: Hands) -> Report:
    world.now += timedelta(seconds=1)
    return run(world.app, stages=Spread(hands))  # type: ignore[arg-type]  # as much of a queue as is asked of


@pytest.mark.timeout(900)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_in_any_order_twice_or_lost_at_first_the_end_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "CHUNK", 5)
    monkeypatch.setattr(spread, "LOOK", timedelta(0))
    for name in ("SEARCH", "OPENING", "PATIENCE"):
        monkeypatch.setattr(spread, name, timedelta(0))
    lost: set[str] = set()

    def shuffle(some: Sequence[Part]) -> Sequence[Part]:
        drawn = data.draw(st.permutations([*some, *data.draw(st.lists(st.sampled_from(some), max_size=3))]))
        gone = {part.key for part in some if part.key not in lost and data.draw(st.booleans())}
        lost.update(gone)
        return [part for part in drawn if part.key not in gone]

    ends = []
    for whole in (True, False):
        made = World(tmp_path_factory.mktemp("w") / "w")
        try:
            fill(made)
            report = made.run() if whole else in_parts(made, Hands(made, shuffle))
            assert report.exit is Exit.DONE
            assert all(counts.balances() for counts in report.ledger.values())
            assert in_parts(made, Hands(made)).sent() == 0
            ends.append((made.snapshot(), report.sent(), report.identities, report.planned))
        finally:
            made.close()
    assert ends[0] == ends[1]
    assert ends[0][1] > PEOPLE, "too little to do proves nothing"


# --- chunks that know nothing of each other ---------------------------------------------------------------------------


def two_at_one_deal(world: World) -> None:
    """Two people of one deal stir on the two sides of a midnight that begins another stretch of seven days."""
    world.now = world.ma.now = world.sfa.now = datetime(2026, 4, 1, 20, 0, tzinfo=UTC)
    contacts = [world.sfa.add_person(email=f"p{n}@alpha.co.jp", family_name=f"山田{n}") for n in range(2)]
    world.sfa.add_deal(
        "案件", people=tuple(c.id for c in contacts), stage_since=world.now - timedelta(days=90), owner_id="rep"
    )
    for n, hour in enumerate((4, 18)):
        ref = world.ma.add_person(email=f"p{n}@alpha.co.jp", family_name=f"山田{n}")
        world.ma.add_touchpoint(ref, Kind.PAGE_VIEW, world.now.replace(hour=hour))


def two_who_may_be_one(world: World) -> None:
    for local in ("suzuki", "suzuki.d"):
        ref = world.ma.add_person(
            email=f"{local}@uminari-example.co.jp", family_name="鈴木", name="鈴木 大輔", company="海鳴電子"
        )
        for day in range(1, 6):
            world.ma.add_touchpoint(ref, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=day))


def plan_side_by_side(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both chunks are computed before either is written down."""
    monkeypatch.setattr(planning, "CHUNK", 1)
    compute = part._planned

    def side_by_side(some: Sequence[Part]) -> Sequence[Part]:
        if some[0].kind != "plan":
            return some
        behind = list(some[1:])

        def computed(*work: Any) -> planning.Planned:
            found = compute(*work)
            if behind:
                perform(world.app, behind.pop(), "another")
            return found

        monkeypatch.setattr(part, "_planned", computed)
        return some

    in_parts(world, Hands(world, side_by_side))


def test_two_chunks_at_once_do_not_tell_of_one_deal_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    two_at_one_deal(world)
    plan_side_by_side(world, monkeypatch)
    assert len(world.sfa.alerts) == 1


def test_two_chunks_at_once_do_not_create_two_who_may_be_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    two_who_may_be_one(world)
    plan_side_by_side(world, monkeypatch)
    assert len(world.sfa.people) == 1


def test_it_is_the_second_look_that_prevents_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "_still_so", lambda *_: True)
    two_at_one_deal(world)
    two_who_may_be_one(world)
    plan_side_by_side(world, monkeypatch)
    assert (len(world.sfa.alerts), len(world.sfa.people)) == (2, 4)


# --- parts alone ------------------------------------------------------------------------------------------------------


def a_job(world: World, lease: Lease, kind: part.Kind, **of: Any) -> Part:
    return Part("r", lease.token, world.now.isoformat(), world.app.setup.digest, kind, **of)


def test_a_job_of_a_run_that_is_over_does_nothing(world: World) -> None:
    fill(world)
    old = world.app.lease()
    old.release()
    with world.app.lease(), pytest.raises(Fenced):
        perform(world.app, a_job(world, old, "pull", system="ma"), "somebody")


def test_a_system_is_worked_for_by_one_at_a_time(world: World) -> None:
    with world.app.lease() as lease, take_part(lease, "system:ma", "another"), pytest.raises(Locked):
        perform(world.app, a_job(world, lease, "pull", system="ma"), "somebody")


def test_whoever_lost_a_system_to_another_writes_nothing_more_while_the_run_goes_on(world: World) -> None:
    with world.app.lease() as lease:
        frozen = take_part(lease, "system:ma", "frozen")
        frozen.ttl = timedelta(seconds=-1)
        frozen.renew()
        with take_part(lease, "system:ma", "another") as taken:
            with pytest.raises(Fenced), frozen.writing():
                pytest.fail("the fence is open")
            frozen.release()
            taken.renew()
        lease.renew()


def test_a_worker_that_lost_its_store_takes_its_own_part_again(world: World) -> None:
    with world.app.lease() as lease:
        before = take_part(lease, "system:ma", "me")
        again = take_part(lease, "system:ma", "me")
        with pytest.raises(Fenced):
            before.renew()
        again.renew()


def test_what_a_dead_worker_claimed_is_sent_by_the_next(world: World) -> None:
    fill(world)
    world.run_with_sfa_down_at_delivery()
    with world.app.lease() as lease:
        with lease.writing() as conn:
            keys = [key for (key,) in conn.exec_driver_sql("SELECT key FROM outbox WHERE state = 'pending'")]
            assert keys
            outbox.claim(conn, keys, lease.token, world.now)
        world.pass_time(timedelta(hours=1))
        with lease.writing() as conn:
            runs.start_run(conn, "r", world.now, world.now, lease.token, "")
        perform(world.app, a_job(world, lease, "deliver", system="sfa"), "somebody")
        with world.app.reading() as conn:
            assert conn.exec_driver_sql("SELECT count(*) FROM outbox WHERE state <> 'done'").scalar_one() == 0


def test_what_a_worker_that_died_at_the_end_of_its_part_left_undone_counts_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(world)
    world.run_with_sfa_down_at_delivery()
    with world.app.reading() as conn:
        due = {(system, f"→{kind}"): n for (system, kind), n in outbox.waiting_kinds(conn).items()}
    assert due
    put_done = parts.put_done

    def dying(*_: Any) -> None:
        monkeypatch.setattr(parts, "put_done", put_done)
        raise KeyboardInterrupt

    monkeypatch.setattr(parts, "put_done", dying)
    world.sfa.down = True
    with world.app.lease() as lease:
        with lease.writing() as conn:
            runs.start_run(conn, "r", world.now, world.now, lease.token, "")
        job = a_job(world, lease, "deliver", system="sfa")
        with pytest.raises(KeyboardInterrupt):
            perform(world.app, job, "somebody")
        perform(world.app, job, "another")

    with world.app.reading() as conn:
        assert parts.is_done(conn, job.key)
        assert runs.ledger(conn, "r") == {line: Counts(read=n, deferred=n) for line, n in due.items()}


def test_a_job_that_cannot_be_done_ends_the_run_with_its_reason(world: World) -> None:
    fill(world)
    hands = Hands(world)

    def put(some: Sequence[Part]) -> None:
        part.fail(world.app, some[0], {"en": "no {brace} fits", "ja": "だめ"})

    hands.put = put  # type: ignore[method-assign]
    with pytest.raises(ConnectorError, match=r"a worker could not do its part \(pull:0:ma\): no \{brace\} fits"):
        in_parts(world, hands)


def test_a_job_that_brings_down_every_worker_ends_the_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOK", "SEARCH", "OPENING"):
        monkeypatch.setattr(spread, name, timedelta(0))
    with pytest.raises(ConnectorError, match="every worker that tried this died"):
        in_parts(world, Hands(world, lambda _: []))


def test_what_was_told_of_a_problem_arrives_in_both_languages(world: World) -> None:
    told, merged = Report("r", world.now, world.now), Report("r", world.now, world.now)
    what = text("{n} {{braces}}", "{n} 個", n=3)
    told.problem("ma", ConnectorError(what, where="ma", fix=text("mend it", "直す")))
    told.halt(what)

    merged.add_part(told.as_part())

    assert [error.in_("ja") for _, error in merged.problems] == ["ma: 3 個 → 直す"]
    assert [str(why) for why in merged.halted] == ["3 {braces}"]
    assert merged.exit is Exit.STOPPED


def test_parts_are_known_by_their_stage_and_forgotten_with_the_run(world: World) -> None:
    with world.app.lease() as lease, lease.writing() as conn:
        parts.put_done(conn, "r_1:plan:1:5", {"planned": 1})
        parts.put_done(conn, "rx1:plan:1:5", {"planned": 2})
        assert parts.done(conn, "r_1:plan:1:", set()) == {"r_1:plan:1:5": {"planned": 1}}
        assert parts.done(conn, "r_1:plan:1:", {"r_1:plan:1:5"}) == {}
        parts.forget(conn)
        assert not parts.is_done(conn, "rx1:plan:1:5")


# --- parts that somebody else has done meanwhile ----------------------------------------------------------------------


@pytest.fixture
def at_work(world: World) -> Iterator[Lease]:
    """A run whose systems were read."""
    fill(world)
    with world.app.lease() as lease:
        with lease.writing() as conn:
            runs.start_run(conn, "r", world.now, world.now, lease.token, "")
        for system in ("ma", "sfa"):
            perform(world.app, a_job(world, lease, "pull", system=system), "somebody")
        yield lease


def done_meanwhile(monkeypatch: pytest.MonkeyPatch, looks: int) -> None:
    """The first `looks` at a part find it undone; then somebody has done it."""
    left = iter(range(looks))
    monkeypatch.setattr(parts, "is_done", lambda *_: next(left, None) is None)


@pytest.mark.parametrize("kind", ["pull", "deliver"])
def test_a_part_that_was_done_before_we_got_it_is_not_done_again(
    world: World, at_work: Lease, monkeypatch: pytest.MonkeyPatch, kind: part.Kind
) -> None:
    done_meanwhile(monkeypatch, 1)
    for work in ("_pull", "_deliver"):
        monkeypatch.setattr(part, work, lambda *_: pytest.fail("done twice"))
    perform(world.app, a_job(world, at_work, kind, system="sfa"), "somebody")


def test_a_chunk_that_was_written_down_while_we_computed_it_is_not_written_down_again(
    world: World, at_work: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    done_meanwhile(monkeypatch, 1)
    monkeypatch.setattr(planning, "write_down", lambda *_: pytest.fail("written twice"))
    perform(world.app, a_job(world, at_work, "plan", last=10**6), "somebody")


def test_what_was_done_cannot_fail_any_more(world: World, at_work: Lease) -> None:
    job = a_job(world, at_work, "pull", system="ma")
    with world.app.reading() as conn:
        before = parts.done(conn, "r:pull", [])
    part.fail(world.app, job, {"what": "too late"})
    with world.app.reading() as conn:
        assert parts.done(conn, "r:pull", []) == before
    assert job.key in before


def test_who_is_told_to_end_leaves_the_summing_up_to_whoever_goes_on(
    world: World, at_work: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Delivery, "send", lambda _: setattr(world.app, "stopping", True))
    job = a_job(world, at_work, "deliver", system="sfa")
    with pytest.raises(Interrupted):
        perform(world.app, job, "somebody")
    with world.app.reading() as conn:
        assert not parts.is_done(conn, job.key)


def test_one_alert_that_was_told_meanwhile_is_enough_to_plan_a_chunk_again(world: World, at_work: Lease) -> None:
    alert = RaiseAlert(
        key="alert:x", system="sfa", identity="p1", lane=Lane.ALERTS, reasons=(), rule="hot", subject="person:p1",
        owner_id="005", title="t", body="b", due_on=date(2026, 4, 2),
    )  # fmt: skip
    quiet, told = ("other", "person:p9"), (alert.rule, alert.subject)
    with world.app.reading() as conn:
        chunk = part._planned(world.app, a_job(world, at_work, "plan", last=0), Report("r", world.now, world.now))
        planned = replace(chunk, told={quiet: None, told: None})
        assert part._still_so(conn, planned)
    with at_work.writing() as conn:
        outbox.enqueue(conn, [alert], "r", world.now, {})
        assert not part._still_so(conn, planned)
