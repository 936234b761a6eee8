from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from connector.adapters.memory import PERSON, SYSTEMS, Config, Memory, System
from connector.changes import AddToList, Lane
from connector.errors import Throttled, Unavailable, Uncertain
from connector.model import Gone, Membership, Role
from connector.ports import Needs, ObjectNeeds, Receipt


@pytest.fixture
def system() -> Iterator[System]:
    yield SYSTEMS.setdefault("m", System("m"))
    SYSTEMS.clear()


def adapter(needs: Needs | None = None) -> Memory:
    return Memory("m", Config(role=Role.MA), needs or Needs(lists=frozenset({"a"})))


def put_on(system: System, n: int) -> list[AddToList]:
    return [
        AddToList(key=f"k{i}", system="m", identity="p", lane=Lane.NURTURE, list="a", person=system.add_person())
        for i in range(n)
    ]


def test_a_late_commit_takes_effect_when_it_settles(system: System) -> None:
    system.late = 1
    with pytest.raises(Uncertain):
        list(adapter().push(put_on(system, 2)))
    assert not system.lists
    system.settle()
    assert len(system.lists["a"]) == 2


def test_a_connection_that_dies_leaves_the_receipts_before_it(system: System) -> None:
    system.dies_after = 2
    receipts: list[Receipt] = []
    with pytest.raises(Unavailable):
        receipts.extend(adapter().push(put_on(system, 3)))
    assert len(receipts) == len(system.lists["a"]) == 2
    assert system.down


def test_it_can_ask_to_wait_and_repeat_itself(system: System) -> None:
    system.add_person()
    system.add_person()
    *_, last = adapter().pull("people", None)
    system.stutter = 1
    assert [len(page.records) for page in adapter().pull("people", last.cursor)] == [1]
    system.throttled = timedelta(minutes=1)
    with pytest.raises(Throttled) as caught:
        adapter().check()
    assert caught.value.wait == timedelta(minutes=1)


def test_a_merged_person_names_its_successor_and_leaves_lists(system: System) -> None:
    one, two = system.add_person(), system.add_person()
    system.lists["a"] = {one.id, two.id}
    system.delete_person(one, into=two)
    gone = [r for page in adapter().pull("people", None) for r in page.records if isinstance(r, Gone)]
    assert [(g.ref, g.successor) for g in gone] == [(one, two)]
    (page,) = adapter().pull("lists", None)
    assert page.records == [Membership("m", "a", frozenset({two.id}))]


def test_fields_asked_for_of_any_object_are_read(system: System) -> None:
    system.add_person(PERSON, lost_reason="予算", secret="x")
    needs = Needs(objects={"*": ObjectNeeds(read=frozenset({"lost_reason"}))})
    (page,) = adapter(needs).pull("people", None)
    (person,) = page.records
    assert getattr(person, "native", None) == {"lost_reason": "予算"}
