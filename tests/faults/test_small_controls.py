"""More broken variants, in a world in memory: each check is passed by the program as it is, and notices the variant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from connector.adapters.memory import System
from connector.changes import AnyChange, SetFields
from connector.engine.report import Exit
from connector.model import Kind, Person, Ref
from connector.ports import Receipt
from connector.store import outbox
from tests.faults import tally
from tests.faults.checks import LATER
from tests.faults.ends import Fault
from tests.faults.twins import World, deterministic

Break = Callable[[pytest.MonkeyPatch], None]
Check = Callable[[], list[Fault]]


# --- what is broken ---------------------------------------------------------------------------------------------------


def quarantine_off(patch: pytest.MonkeyPatch) -> None:
    """Another value is sent at once, though the one before it may still be under way."""
    patch.setattr(outbox, "QUARANTINE", timedelta(0))


def upsert_that_recreates(patch: pytest.MonkeyPatch) -> None:
    carry_out = System.carry_out

    def upsert(self: System, change: AnyChange) -> Receipt:
        if isinstance(change, SetFields) and change.ref.id not in self.people:
            self._commit("people", Person(change.ref, fields=dict(change.values)))
        return carry_out(self, change)

    patch.setattr(System, "carry_out", upsert)


def parked_counted_as_done(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(outbox._STATE_OF, "refused", "done")


# --- how it is noticed ------------------------------------------------------------------------------------------------


@contextmanager
def somebody() -> Iterator[tuple[World, Ref, Callable[[], None]]]:
    """A world in which somebody has a score, their record in sales, and what raises the score."""
    world = World()
    try:
        with deterministic():
            world.ma.add_owner("営業")
            visitor = world.ma.add_person(email="a@alpha.co.jp", family_name="山田")
            contact = world.sfa.add_person(
                email="a@alpha.co.jp", family_name="山田", owner_id=world.sfa.add_owner("営業")
            )

            def acts() -> None:
                world.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=1))

            acts()
            world.run()
            assert shown(world, contact) == 7
            yield world, contact, acts
    finally:
        world.close()


def shown(world: World, contact: Ref) -> object:
    """The score that sales sees."""
    person = world.sfa.people.get(contact.id)
    return None if person is None else person.fields.get("score")


def a_late_value_is_the_last_to_be_overwritten() -> list[Fault]:
    with somebody() as (world, contact, acts):
        acts()
        world.sfa.late = 1
        world.run()
        acts()
        world.run()
        before = shown(world, contact)
        world.pass_time(timedelta(minutes=5))
        world.settle()
        found = [Fault("wrong", f"{before} became {shown(world, contact)} again")] if before == 21 else []
        world.pass_time(LATER)
        world.run()
        return found + ([] if shown(world, contact) == 21 else [Fault("lost", f"{shown(world, contact)}")])


def who_was_deleted_stays_so() -> list[Fault]:
    with somebody() as (world, contact, acts):
        acts()
        world.sfa.late = 1
        world.run()
        world.sfa.delete_person(contact)
        world.settle()
        world.pass_time(LATER)
        world.run()
        return [] if shown(world, contact) is None else [Fault("wrong", "somebody deleted is there again")]


def what_was_refused_waits_for_a_person() -> list[Fault]:
    with somebody() as (world, contact, acts):
        acts()
        world.sfa.refuses.add(contact.id)
        report = world.run()
        assert report is not None
        assert shown(world, contact) == 7
        waits = world.waiting() == {("sfa", "parked"): 1} and report.exit is Exit.PARKED
        return [] if waits else [Fault("lost", "what was refused is not there, and nobody hears of it")]


CONTROLS: tuple[tuple[Break, Check], ...] = (
    (quarantine_off, a_late_value_is_the_last_to_be_overwritten),
    (upsert_that_recreates, who_was_deleted_stays_so),
    (parked_counted_as_done, what_was_refused_waits_for_a_person),
)


@pytest.mark.parametrize(("broken", "check"), CONTROLS, ids=lambda each: each.__name__)
def test_a_broken_variant_is_noticed(broken: Break, check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not check()
    tally.count("controls")
    broken(monkeypatch)
    assert check()
    tally.count("caught")
