"""Broken variants of engine and store: the checks must notice each. A proof that a broken program passes is none."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from connector.changes import WriteClass
from connector.contain import each_contained
from connector.engine import deliver, planning, pull
from connector.engine import run as run_module
from connector.engine.app import App
from connector.engine.report import Exit, Report
from connector.ports import Adapter
from connector.store import lease as lease_module
from connector.store import outbox, runs
from connector.store import tables as t
from connector.store.codec import dump_change, load_change
from connector.store.database import reading, writing
from connector.store.lease import Lease
from connector.store.runs import Counts
from tests.faults import tally
from tests.faults.checks import again, killed, some, thawed, two_starts, unannounced
from tests.faults.cuts import cut_everywhere
from tests.faults.ends import Fault
from tests.faults.kit import Stage
from tests.faults.points import Points, instrumented
from tests.faults.world import direct

Break = Callable[[pytest.MonkeyPatch], None]
Check = Callable[[Stage, Path], Iterator[list[Fault]]]


# --- what is broken ---------------------------------------------------------------------------------------------------


def cursor_before_its_page(patch: pytest.MonkeyPatch) -> None:
    def stream(
        app: App, adapter: Adapter, name: str, stream: str, lease: Lease, report: Report, *, force: bool
    ) -> None:
        with app.reading() as conn:
            position = runs.positions(conn, name).get(stream)
        for page in each_contained(name, partial(adapter.pull, stream, position.value if position else None)):
            with lease.writing() as conn:
                runs.move_cursor(conn, name, stream, page.cursor, app.clock(), page.read if page.complete else None)
            with lease.writing() as conn:
                report.count(name, stream, pull.store_page(conn, app.setup, page, app.clock()))
        with lease.writing() as conn:
            runs.stream_read(conn, name, stream, app.clock())

    patch.setattr(pull, "_pull_stream", stream)


def random_keys(patch: pytest.MonkeyPatch) -> None:
    planned = planning.plan_chunk

    def plan_chunk(*args: Any, **more: Any) -> planning.Planned:
        made = planned(*args, **more)
        changes = [
            replace(change, key=secrets.token_hex(16)) if change.write_class is WriteClass.B else change
            for change in made.plan.changes
        ]
        return replace(made, plan=replace(made.plan, changes=tuple(changes)))

    patch.setattr(planning, "plan_chunk", plan_chunk)


def blind_retry_under_a_new_key(patch: pytest.MonkeyPatch) -> None:
    recover = outbox.recover

    def recover_anew(conn: Connection, token: int) -> int:
        c = t.outbox.c
        for row in conn.execute(select(t.outbox).where(c.state == "inflight", c.write_class == "B")).all():
            change = replace(load_change(row.kind, row.payload), key=secrets.token_hex(16))
            conn.execute(update(t.outbox).where(c.key == row.key).values(key=change.key, payload=dump_change(change)))
        return recover(conn, token)

    patch.setattr(outbox, "recover", recover_anew)


def no_fence(patch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def unfenced(self: Lease) -> Iterator[Connection]:
        with self._one_at_a_time, writing(self.engine) as conn:
            yield conn

    patch.setattr(Lease, "writing", unfenced)


def a_token_that_does_not_grow(patch: pytest.MonkeyPatch) -> None:
    acquire = lease_module.acquire

    def same(engine: Any, name: str, ttl: timedelta) -> Lease:
        here = t.lease.c.name == name
        with reading(engine) as conn:
            before = conn.scalar(select(t.lease.c.token).where(here))
        lease = acquire(engine, name, ttl)
        if before:
            with writing(engine) as conn:
                conn.execute(update(t.lease).where(here).values(token=before))
            lease.token = before
        return lease

    patch.setattr("connector.engine.app.acquire", same)


def a_lease_for_everybody(patch: pytest.MonkeyPatch) -> None:
    acquire = lease_module.acquire

    def anyway(engine: Any, name: str, ttl: timedelta) -> Lease:
        with writing(engine) as conn:
            conn.execute(update(t.lease).values(expires=0))
        return acquire(engine, name, ttl)

    patch.setattr("connector.engine.app.acquire", anyway)


def no_look_before_a_write(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lease, "check", lambda *_: None)


def no_claim(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(outbox, "claim", lambda *_: None)


def recover_forgets_what_was_under_way(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(outbox, "recover", lambda *_: 0)


def recover_counts_it_as_done(patch: pytest.MonkeyPatch) -> None:
    def done(conn: Connection, token: int) -> int:
        c = t.outbox.c
        return conn.execute(update(t.outbox).where(c.state == "inflight").values(state="done")).rowcount

    patch.setattr(outbox, "recover", done)


def receipts_are_not_settled(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(deliver.Delivery, "_settle", lambda *_: None)


def what_was_made_is_not_remembered(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(deliver, "_remember", lambda *_: None)


def what_is_done_is_wished_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(outbox, "_supersedes", lambda *_: True)


def pages_are_not_stored_at_the_first_try(patch: pytest.MonkeyPatch) -> None:
    """Each stream drops its last page: the cursor moves all the same."""
    store_page = pull.store_page

    def losing(conn: Connection, setup: Any, page: Any, *more: Any) -> Counts:
        if any(type(record).__name__ == "Touchpoint" for record in page.records):
            return Counts(page.read, page.read)
        return store_page(conn, setup, page, *more)

    patch.setattr(pull, "store_page", losing)


def one_round(patch: pytest.MonkeyPatch) -> None:
    """People who are made get their timeline some other time."""
    patch.setattr(run_module, "ROUNDS", 1)


# --- how it is noticed ------------------------------------------------------------------------------------------------


def passed(stage: Stage, when: str, folder: Path) -> list[str]:
    world = stage.world(when, folder)
    with direct(world.made), instrumented(Points()) as points:
        world.run()
    return points.seen


def by_a_kill(when: str, system: str, *words: str, most: int = 6) -> Check:
    """At some of the points with these words, evenly spread."""

    def check(stage: Stage, folder: Path) -> Iterator[list[Fault]]:
        # The broken program has points of its own.
        points = some(passed(stage, when, folder / "whole"), system, *words)
        assert points
        for number, at in enumerate(points[:: max(1, len(points) // most)]):
            yield killed(stage, when, folder / f"{number}", at)[1]

    return check


def by_sleep(stage: Stage, folder: Path) -> Iterator[list[Fault]]:
    for number, at in enumerate(some(stage.points["next"], "salesforce", "deliver._send", "committed")[:2]):
        yield thawed(stage, "next", folder / f"{number}", at)


def by_sleep_before_a_write(stage: Stage, folder: Path) -> Iterator[list[Fault]]:
    for at in some(stage.points["next"], "esales", "remix.write._is_keyed", "answered"):
        yield thawed(stage, "next", folder, at)


def by_two_starts(stage: Stage, folder: Path) -> Iterator[list[Fault]]:
    yield two_starts(stage, "next", folder)


def by_a_second_run(stage: Stage, folder: Path) -> Iterator[list[Fault]]:
    yield again(stage, "next", folder)


def by_a_look_at_the_store(stage: Stage, folder: Path) -> Iterator[list[Fault]]:
    cuts, _ = cut_everywhere(stage.world("next", folder / "whole"), folder / "cuts")
    yield from map(unannounced, cuts)


CONTROLS: Sequence[tuple[Break, Check]] = (
    (cursor_before_its_page, by_a_kill("first", "salesforce", "pull_system", "begin", most=24)),
    (random_keys, by_a_second_run),
    (blind_retry_under_a_new_key, by_a_kill("next", "salesforce", "deliver._send", "begin")),
    (no_fence, by_sleep),
    (a_token_that_does_not_grow, by_sleep),
    (a_lease_for_everybody, by_two_starts),
    (no_look_before_a_write, by_sleep_before_a_write),
    (no_claim, by_a_look_at_the_store),
    (recover_forgets_what_was_under_way, by_a_kill("next", "salesforce", "deliver._send", "committed")),
    (recover_counts_it_as_done, by_a_kill("next", "salesforce", "deliver._send", "committed")),
    (receipts_are_not_settled, by_a_second_run),
    (what_was_made_is_not_remembered, by_a_second_run),
    (what_is_done_is_wished_again, by_a_second_run),
    (pages_are_not_stored_at_the_first_try, by_a_second_run),
    (one_round, by_a_second_run),
)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("broken", "check"), CONTROLS, ids=lambda each: getattr(each, "__name__", ""))
def test_a_broken_variant_is_noticed(
    broken: Break, check: Check, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tally.count("controls")
    broken(monkeypatch)
    alone = stage.world("first", tmp_path / "alone")
    with direct(alone.made):
        assert alone.run().exit in (Exit.DONE, Exit.DEFERRED), "one that does not even run is noticed for nothing"
    assert any(check(stage, tmp_path))
    tally.count("caught")
