"""Budgets and lanes, as the server that is called counts them: never more than granted, and what matters goes first."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.wrappers import Request, Response

from connector.adapters.memory import Memory
from connector.changes import AnyChange, CreatePerson, Lane, SetFields
from connector.engine import planning
from connector.engine.check import check_all
from connector.engine.deliver import deliver
from connector.engine.metrics import measure
from connector.engine.probing import probe as probe_system
from connector.engine.report import Exit, Report
from connector.engine.spending import spending
from connector.errors import AdapterError, Exhausted, Mismatch, Throttled, Unavailable, Uncertain, text
from connector.http import Budget, Http, HttpOptions, Meter
from connector.model import Ref
from connector.ports import Finding, Page, Probed, Receipt
from connector.sandbox.server import Server
from connector.store import outbox, runs
from connector.store.runs import Counts
from tests.machine.world import World
from tests.unit.engine.test_run import edit_mapping, hot_visitor


class Counting:
    """A server that keeps what it was asked, in that order."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, list[str]]] = []

    def __call__(self, request: Request) -> Response:
        self.asked.append((request.method, request.path, request.get_json() if request.method == "POST" else []))
        return Response("{}", mimetype="application/json")

    def of(self, system: str) -> int:
        """Requests to one system."""
        return sum(path.startswith(f"/{system}/") for _, path, _ in self.asked)


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def server(counting: Counting) -> Iterator[Server]:
    with Server(counting) as running:
        yield running


@pytest.fixture
def budgets(server: Server, monkeypatch: pytest.MonkeyPatch) -> dict[str, Budget]:
    """Systems in memory that ask a server before they do anything; their budgets, to be filled in."""
    given: dict[str, Budget] = {}
    made, read, written, checked = Memory.__init__, Memory.pull, Memory.push, Memory.check

    def init(self: Memory, name: str, *rest: Any) -> None:
        made(self, name, *rest)
        options = HttpOptions(budget=given.get(name, Budget()), retries=2)
        self.http = Http(name, server.url, options, sleep=lambda _: None)

    def pull(self: Memory, stream: str, cursor: str | None) -> Iterator[Page]:
        _ask(self, "GET", stream)
        yield from read(self, stream, cursor)

    def push(self: Memory, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        _ask(self, "POST", "push", json=[str(change.lane) for change in changes])
        yield from written(self, changes)

    def check(self: Memory) -> Any:
        _ask(self, "GET", "check")
        return checked(self)

    def probe(self: Memory) -> Probed:
        _ask(self, "GET", "probe")
        return Probed({})

    for name, method in (("__init__", init), ("pull", pull), ("push", push), ("check", check), ("probe", probe)):
        monkeypatch.setattr(Memory, name, method)
    monkeypatch.setattr(Memory, "connections", 3)
    return given


def _ask(adapter: Memory, method: str, what: str, **kw: Any) -> None:
    assert adapter.http is not None
    adapter.http.request(method, f"/{adapter._system.name}/{what}", **kw)


@pytest.fixture
def world(tmp_path: Path, budgets: dict[str, Budget]) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


def spent(world: World, system: str = "sfa") -> int:
    with world.app.reading() as conn:
        return runs.calls_on(conn, system, world.now.astimezone(ZoneInfo("Asia/Tokyo")).date().isoformat())


@pytest.mark.parametrize("gone", [False, True])
def test_what_looking_for_drift_costs_is_counted_once(
    world: World, counting: Counting, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    edit_mapping(world, "people", "wins: once}", "wins: once, on_drift: ignore}")
    whole = Memory.check
    finding = Finding("error", text("there is no field title", "項目 title がありません"), "person", "title")
    monkeypatch.setattr(Memory, "check", lambda adapter: [*whole(adapter), *([finding] if gone else [])])
    hot_visitor(world)

    report = world.run()

    assert ("GET", "/sfa/check", []) in counting.asked
    assert report.calls == {name: counting.of(name) for name in ("ma", "sfa")}
    assert spent(world) == counting.of("sfa")


# --- never more than granted ------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    per_run=st.none() | st.integers(0, 12),
    per_day=st.none() | st.integers(0, 16),
    before=st.integers(0, 10),
    part=st.integers(0, 12),
    faults=st.integers(0, 6),
    threads=st.integers(1, 4),
)
def test_no_budget_is_ever_exceeded_whoever_asks_and_whatever_is_sent_again(
    server: Server, per_run: int | None, per_day: int | None, before: int, part: int, faults: int, threads: int
) -> None:
    at = len(server.exchanges)
    budget = Budget(calls_per_run=per_run, calls_per_day=per_day)
    http = Http("s", server.url, HttpOptions(budget=budget, retries=2), sleep=lambda _: None)
    http.charge_before(before)
    http.meters["part"] = Meter(part)
    server.chaos.calm()
    server.chaos.plan("status", status=503, times=faults)

    def ask() -> None:
        for _ in range(6):
            with suppress(AdapterError):
                http.request("GET", "/s/x", spends={"part": 1})

    askers = [threading.Thread(target=ask) for _ in range(threads)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    http.close()

    counted = len(server.exchanges) - at
    granted = [part, *([per_run] if per_run is not None else [])]
    granted += [max(0, per_day - before)] if per_day is not None else []
    assert counted <= min(granted)
    assert counted == http.calls == http.meters["part"].calls
    assert sum(n for (name, _), n in http.take_fresh().items() if not name) == counted
    if counted < min(granted):
        assert counted >= 6 * threads  # nothing is kept back while there is something left


@pytest.mark.parametrize("calls", [0, 3, 7, 8, 9, 30])
def test_a_run_keeps_to_its_budget_and_later_runs_finish_the_work(
    world: World, budgets: dict[str, Budget], counting: Counting, server: Server, calls: int
) -> None:
    for n in range(7):
        world.sfa.add_person(email=f"t{n}@alpha.co.jp", family_name="山田")
        hot_visitor(world, f"t{n}@alpha.co.jp")
    budgets["sfa"] = Budget(calls_per_run=calls)
    world.restart()
    server.chaos.rate("status", 0.1)
    before = 0
    for _ in range(3):
        report = world.run()
        used = sum("/sfa/" in each.target for each in server.exchanges)
        assert used - before <= calls
        assert report.calls["sfa"] == used - before
        before = used
        if calls < 5:
            assert report.exit in (Exit.DEFERRED, Exit.FAILED)
            assert report.deferred or report.problems
    server.chaos.calm()
    budgets["sfa"] = Budget()
    world.restart()
    for _ in range(4):
        world.pass_time(timedelta(minutes=11))
        world.run()
    assert {person.fields["score"] for person in world.sfa.people.values()} == {31}
    assert counting.of("sfa") > 0


def test_all_commands_of_a_day_share_its_budget(world: World, budgets: dict[str, Budget], counting: Counting) -> None:
    budgets["sfa"] = Budget(calls_per_day=8)
    world.restart()
    world.run()  # five streams
    assert check_all(world.app, "sfa")[0].error is None
    probe_system(world.app, "sfa")
    world.restart()

    assert spent(world) == counting.of("sfa") == 7
    assert check_all(world.app, "sfa")[0].error is None
    assert isinstance(check_all(world.app, "sfa")[0].error, Exhausted)
    assert world.run().exit is Exit.DEFERRED
    assert counting.of("sfa") == 8
    world.pass_time(timedelta(days=1))
    assert world.run().exit is Exit.DONE


def test_calls_are_written_down_while_they_are_made_so_that_a_killed_run_has_spent_them(
    world: World, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    hot_visitor(world)
    world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    seen: list[tuple[int, int]] = []
    sound = Memory.push

    def push(self: Memory, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        seen.append((spent(world), counting.of("sfa")))
        yield from sound(self, changes)

    monkeypatch.setattr(Memory, "push", push)
    world.run()

    assert seen
    assert all(noted >= counted - 1 for noted, counted in seen)  # the other batch may be under way


def test_a_run_over_midnight_spends_of_two_days() -> None:
    now = [datetime(2026, 4, 1, 14, 59, tzinfo=UTC)]  # 23:59 in Tokyo
    with Server(Counting()) as server:
        http = Http("s", server.url, HttpOptions(budget=Budget(calls_per_day=3)))
        http.charge_before(2, now=lambda: now[0], zone=ZoneInfo("Asia/Tokyo"))
        http.request("GET", "/")
        with pytest.raises(Exhausted):
            http.request("GET", "/")
        now[0] += timedelta(minutes=1)
        for _ in range(3):
            http.request("GET", "/")
        with pytest.raises(Exhausted):
            http.request("GET", "/")
        assert http.take_fresh() == {("", "2026-04-01"): 1, ("", "2026-04-02"): 3}
        http.close()


def test_a_part_with_its_own_day_begins_anew_with_it() -> None:
    meter = Meter(5, before=3)
    day = datetime(2026, 4, 1, 23, 59, tzinfo=UTC)
    assert meter.left(day) == 2
    meter.spend(2)
    assert meter.left(day) == 0
    assert meter.left(day + timedelta(minutes=1)) == 5
    meter.spend(4)
    assert meter.left(day + timedelta(minutes=2)) == 1
    assert meter.fresh == {"2026-04-01": 2, "2026-04-02": 4}


def test_what_others_use_and_what_is_under_way_counts_against_the_share_that_is_left_free() -> None:
    with Server(Counting()) as server:
        http = Http("s", server.url, HttpOptions(budget=Budget(leave_free=0.2)))
        http.quota = _Said(used=76, limit=100)
        for _ in range(4):
            http.request("GET", "/")
        with pytest.raises(Exhausted, match="leave_free"):
            http.request("GET", "/")
        http.close()


class _Said:
    def __init__(self, used: int, limit: int) -> None:
        self.used, self.limit = used, limit


# --- lanes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("calls", [1, 2, 3, 5, 6])
def test_lanes_go_in_order_and_what_stays_is_deferred_by_name(
    world: World, budgets: dict[str, Budget], counting: Counting, calls: int
) -> None:
    order = [str(lane) for lane in world.app.setup.config.run.lanes]
    lanes = [Lane(lane) for _ in range(3) for lane in reversed(order)]
    budgets["sfa"] = Budget(calls_per_run=calls)
    world.restart()
    report = _delivered(world, lanes)

    sent = [lane for method, _, some in counting.asked for lane in some if method == "POST"]
    assert sent == sorted(sent, key=order.index)
    assert len(sent) == 3 * calls  # batches of three
    line = report.ledger["sfa", "→SetFields"]
    assert (line.used, line.deferred) == (len(sent), len(lanes) - len(sent))
    assert line.balances()
    assert report.exit is (Exit.DEFERRED if line.deferred else Exit.DONE)


@pytest.mark.parametrize("fits", [True, False])
def test_what_was_put_off_does_not_take_the_turn_of_what_was_not_tried(
    world: World, monkeypatch: pytest.MonkeyPatch, *, fits: bool
) -> None:
    monkeypatch.setattr("connector.engine.deliver.WINDOW", 3)
    monkeypatch.setattr(Memory, "group", lambda _, change: change.lane)
    whole = Memory.push

    def slowly(adapter: Memory, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        world.now += timedelta(minutes=2)
        if changes[0].lane is not Lane.ALERTS:
            yield from whole(adapter, changes)
        elif not fits:
            raise Mismatch(text("there is no field 点", "項目 点 がありません"), where="sfa")
        else:
            yield from (Receipt(change.key, "retry") for change in changes)

    monkeypatch.setattr(Memory, "push", slowly)
    report = _delivered(world, [Lane.ALERTS] * 3 + [Lane.SCORES] * 12)

    assert report.ledger["sfa", "→SetFields"] == Counts(read=15, used=12, deferred=3)


def test_what_a_clock_that_was_set_right_leaves_undone_is_deferred_by_name(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.engine.deliver.WINDOW", 3)

    def busy(_: Memory, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        world.now -= timedelta(hours=1)
        yield from (Receipt(change.key, "retry") for change in changes)

    monkeypatch.setattr(Memory, "push", busy)
    report = _delivered(world, [Lane.SCORES] * 15)

    assert report.ledger["sfa", "→SetFields"] == Counts(read=15, deferred=15)


@pytest.mark.parametrize(
    "error",
    [
        Unavailable(text("is down", "停止中")),
        Throttled(text("asks to wait", "待機"), wait=timedelta(hours=1)),
        Uncertain(text("no answer", "応答なし")),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("first", ["retry", "misfit"])
def test_what_was_put_off_before_its_system_stopped_is_deferred_once(
    world: World, monkeypatch: pytest.MonkeyPatch, error: AdapterError, first: str
) -> None:
    monkeypatch.setattr(Memory, "group", lambda _, change: change.lane)

    def stopping(_: Memory, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        if changes[0].lane is not Lane.ALERTS:
            raise error
        if first == "misfit":
            raise Mismatch(text("there is no field 点", "項目 点 がありません"), where="sfa")
        yield from (Receipt(change.key, "retry") for change in changes)

    monkeypatch.setattr(Memory, "push", stopping)
    report = _delivered(world, [Lane.ALERTS] * 5 + [Lane.SCORES] * 7)

    assert report.ledger["sfa", "→SetFields"] == Counts(read=12, deferred=12)
    with world.app.reading() as conn:
        assert runs.ledger(conn, "r") == report.ledger


def test_a_system_that_stopped_is_left_alone_and_what_stays_there_counts_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody is created, so that the run has a second round; then their system goes down."""
    for n in range(3):
        world.sfa.add_person(email=f"t{n}@alpha{n}.co.jp", family_name="山田")
        hot_visitor(world, f"t{n}@alpha{n}.co.jp")
    hot_visitor(world, "new@beta.co.jp")
    push, asked = Memory.push, list[str]()

    def stopping(self: Memory, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        asked.append(type(changes[0]).__name__)
        world.now += timedelta(seconds=1)
        if not isinstance(changes[0], CreatePerson):
            raise Unavailable(text("is down", "停止中"), where="sfa")
        yield from push(self, changes)

    monkeypatch.setattr(Memory, "push", stopping)
    monkeypatch.setattr(Memory, "connections", 1)
    plan_all = planning.plan_all

    def later(*args: Any) -> None:
        world.now += timedelta(seconds=1)
        plan_all(*args)

    monkeypatch.setattr("connector.engine.run.plan_all", later)

    report = world.run()

    assert report.created == 1
    assert len(asked) == 2, "nothing is asked for in the second round"
    with world.app.reading() as conn:
        waiting = outbox.waiting_kinds(conn)
    counted = {(system, stream[1:]): n.deferred for (system, stream), n in report.ledger.items() if n.deferred}
    assert counted == waiting


def _delivered(world: World, lanes: Sequence[Lane]) -> Report:
    """The delivery of a wish in each of these lanes."""
    report = Report("r", world.now, world.now)
    wishes = [_wish(world.sfa.add_person(email=f"t{n}@alpha.co.jp"), lane) for n, lane in enumerate(lanes)]
    with world.app.lease() as lease, spending(world.app, lease):
        with lease.writing() as conn:
            runs.start_run(conn, "r", world.now, world.now, lease.token, "")
            outbox.enqueue(conn, wishes, "r", world.now, {})
        deliver(world.app, lease, report)
    return report


def _wish(ref: Ref, lane: Lane) -> SetFields:
    return SetFields(key=f"set:{ref}", system="sfa", identity="p", lane=lane, ref=ref, values={"score": 1})


def test_how_requests_went_is_counted_in_the_metrics(world: World, server: Server) -> None:
    server.chaos.plan("status", status=429, headers={"Retry-After": "3"})
    server.chaos.plan("status", status=503)

    for _ in range(2):
        world.run()

    with world.app.reading() as conn:
        page = measure(conn, world.app.setup, world.now).text().decode()
    found = {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    requests = sum(value for (name, _), value in found.items() if name == "connector_http_requests_total")
    assert requests == spent(world, "ma") + spent(world)
    assert found["connector_http_requests_total", ("429", "ma")] == 1
    assert found["connector_retries_total", ("429", "ma")] == found["connector_retries_total", ("503", "ma")] == 1
    assert found["connector_rate_limited_seconds_total", ("ma",)] == 3
    assert found["connector_http_request_seconds_count", ("ma",)] == spent(world, "ma")
    assert found["connector_http_request_seconds_bucket", ("+Inf", "ma")] == spent(world, "ma")
