"""Deletions that a system does not tell of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from connector.engine.pull import store_page
from connector.errors import Halted
from connector.model import Deal, DealState, Gone, Inventory, Person, Record, Ref, Subject
from connector.ports import Page
from connector.rules.brake import Guards
from connector.store import deals, load, people
from tests.machine.world import World

GUARDS = Guards(at_least=3)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


def store(world: World, *records: Record, guards: Guards | None = GUARDS) -> int:
    lease = world.app.lease()
    try:
        with lease.writing() as conn:
            return store_page(conn, world.app.setup, Page(records, ""), world.now, guards).used
    finally:
        lease.release()


def inventory(ids: Iterable[int], name: str = "people") -> Inventory:
    return Inventory("sfa", name, frozenset(map(str, ids)))


def living(world: World, name: str = "people") -> set[str]:
    with world.app.reading() as conn:
        return people.living_ids(conn, "sfa", name) | deals.living_ids(conn, "sfa", name)


def subject_of(world: World, id_: str) -> Subject:
    with world.app.reading() as conn:
        (found,) = load.load(conn, load.find_identity(conn, id_), world.now, ((), world.now)).subjects
    return found


@pytest.fixture
def twenty(world: World) -> World:
    store(world, *(Person(Ref("sfa", "people", str(n)), {"family_name": "山田"}) for n in range(20)))
    store(world, Deal(Ref("sfa", "deals", "7"), "案件", DealState.OPEN))
    return world


def test_what_is_missing_twice_in_a_row_is_gone(twenty: World) -> None:
    assert store(twenty, inventory(range(1, 20))) == 0
    assert len(living(twenty)) == 20

    assert store(twenty, inventory(range(1, 20))) == 1
    assert living(twenty) == set(map(str, range(1, 20)))


def test_what_was_missing_once_and_came_back_stays(twenty: World) -> None:
    store(twenty, inventory(range(1, 20)))
    store(twenty, inventory(range(20)))
    store(twenty, inventory(range(1, 20)))

    assert len(living(twenty)) == 20


def test_a_deal_of_the_same_number_is_not_the_person(twenty: World) -> None:
    for _ in range(2):
        store(twenty, inventory(n for n in range(20) if n != 7))

    assert "7" not in living(twenty)
    assert living(twenty, "deals") == {"7"}


def test_deals_go_the_same_way(twenty: World) -> None:
    for _ in range(2):
        store(twenty, inventory([], "deals"))

    assert living(twenty, "deals") == set()


def test_when_too_much_is_missing_the_source_is_doubted(twenty: World) -> None:
    with pytest.raises(Halted, match="5 of 20 records of people are missing"):
        store(twenty, inventory(range(5, 20)))

    store(twenty, inventory(range(5, 20)), guards=None)  # as with --force: once is enough
    assert len(living(twenty)) == 15
    store(twenty, inventory(range(5, 20)))


def test_when_all_of_several_are_missing_the_source_is_doubted_however_few_they_were(twenty: World) -> None:
    """Deals that protect: rights that were taken away must not release anybody."""
    store(twenty, Deal(Ref("sfa", "deals", "8"), "案件", DealState.OPEN))
    guards = Guards(at_least=50)

    with pytest.raises(Halted, match="2 of 2 records of deals are missing"):
        store(twenty, inventory([], "deals"), guards=guards)
    for _ in range(2):
        store(twenty, inventory([8], "deals"), guards=guards)
    assert living(twenty, "deals") == {"8"}
    for _ in range(2):
        store(twenty, inventory([], "deals"), guards=Guards(empty_source="ignore"))
    assert living(twenty, "deals") == set()


def test_who_is_in_an_inventory_again_is_back_though_nobody_changed_the_record(twenty: World) -> None:
    """As with records that a user of the system may not see for a while."""
    store(twenty, Person(Ref("sfa", "people", "0"), {"email": "taro@alpha.co.jp", "company": "アルファ"}))
    store(twenty, Person(Ref("ma", "person", "m"), {"email": "taro@alpha.co.jp"}))
    store(twenty, Deal(Ref("sfa", "deals", "8"), "案件", DealState.OPEN, people=("0",)))
    for _ in range(2):
        store(twenty, inventory(range(1, 20)), inventory([7], "deals"))
    assert subject_of(twenty, "m").deals == ()

    assert store(twenty, inventory(range(20)), inventory([7, 8], "deals")) == 2
    assert len(living(twenty)) == 20
    subject = subject_of(twenty, "m")
    assert {person.ref.id for person in subject.identity.persons} == {"0", "m"}
    assert [deal.ref.id for deal in subject.deals] == ["8"]
    assert store(twenty, inventory(range(20)), inventory([7, 8], "deals")) == 0


def test_who_became_another_record_stays_gone(twenty: World) -> None:
    store(twenty, Gone(Ref("sfa", "people", "0"), twenty.now, Ref("sfa", "people", "1")))
    store(twenty, inventory(range(20)))

    assert "0" not in living(twenty)
