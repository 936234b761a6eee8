"""The ledger means something: what is lost between reading and storing is seen, whatever kind of record it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.engine import pull as pulling
from connector.engine.pull import store_page
from connector.engine.report import Exit
from connector.errors import text
from connector.model import (
    Company,
    Deal,
    DealPerson,
    DealState,
    Gone,
    Inventory,
    Kind,
    Membership,
    Owner,
    Person,
    Record,
    Ref,
    Touchpoint,
)
from connector.ports import Page, Reject
from connector.store import deals, touchpoints
from connector.store.runs import Counts
from connector.store.told import Told
from tests.machine.world import START, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


def fill(world: World) -> None:
    """Two of each kind of record that a memory system holds."""
    for n in range(2):
        owner = world.sfa.add_owner(f"営業{n}")
        company = world.sfa.add_company(f"アルファ{n}")
        person = world.sfa.add_person(email=f"t{n}@alpha.co.jp", family_name="山田", company_id=company.id)
        world.sfa.add_deal("装置", DealState.OPEN, people=(person.id,), owner_id=owner)
        world.sfa.add_touchpoint(person, Kind.CALL, world.now - timedelta(days=1))
        world.sfa.delete_person(world.sfa.add_person(email=f"g{n}@alpha.co.jp"))


def stored(world: World, records: list[Record], **page: Any) -> Counts:
    with world.app.lease() as lease, lease.writing() as conn:
        return store_page(conn, world.app.setup, Page(records, "", **page), world.now)


def test_a_run_over_every_kind_of_record_balances(world: World) -> None:
    fill(world)

    report = world.run()

    assert report.unbalanced == []
    assert {
        stream: c.used
        for (system, stream), c in report.ledger.items()
        if system == "sfa" and c.read and stream[0] != "→"
    } == {
        "owners": 2,
        "companies": 2,
        "people": 2,
        "deals": 2,
        "touchpoints": 2,
    }
    assert report.ledger["sfa", "people"].unchanged == 2  # gone before we knew them


LOSERS: dict[str, tuple[Any, str, int]] = {
    "owners": (deals, "put_owners", 1),
    "companies": (pulling, "_companies", 2),
    "people": (pulling, "_people", 2),
    "deals": (deals, "put_deals", 1),
    "touchpoints": (touchpoints, "put_touchpoints", 1),
}
"""By stream: the function that stores its records, and which of its arguments they are."""


@pytest.mark.parametrize("stream", sorted(LOSERS))
def test_a_lost_record_is_named_and_the_run_fails(world: World, monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    fill(world)
    where, name, place = LOSERS[stream]
    sound: Callable[..., Any] = getattr(where, name)

    def losing(*args: Any) -> Any:
        kept = list(args)
        kept[place] = kept[place][1:]
        return sound(*kept)

    monkeypatch.setattr(where, name, losing)
    report = world.run()

    assert ("sfa", stream) in {(system, at) for system, at, _ in report.unbalanced}
    assert report.exit is Exit.FAILED
    assert {"system": "sfa", "stream": stream} in report.as_data()["unbalanced"]


def test_a_kind_of_record_that_nobody_stores_does_not_pass_for_unchanged(world: World) -> None:
    class Novelty:
        ref = Ref("sfa", "novelty", "1")

    counts = stored(world, [Novelty()])  # type: ignore[list-item]  # that is the point

    assert not counts.balances()


REFS = st.builds(Ref, st.just("sfa"), st.just("x"), st.sampled_from(["1", "2", "3"]))
RECORDS: st.SearchStrategy[Record] = st.one_of(
    st.builds(Person, REFS, st.just({"email": "a@alpha.co.jp"}), company_id=st.sampled_from([None, "1"])),
    st.builds(Gone, REFS, st.just(START), st.none() | REFS),
    st.builds(Company, REFS, st.sampled_from(["アルファ", "ベータ"])),
    st.builds(Owner, REFS, st.sampled_from(["営業", "担当"])),
    st.builds(Deal, REFS, st.just("装置"), st.sampled_from(DealState), people=st.sampled_from([(), ("1",), ("2",)])),
    st.builds(DealPerson, REFS, st.sampled_from(["", "1"]), st.sampled_from(["1", "2"]), st.booleans()),
    st.builds(Touchpoint, REFS, REFS, st.just(Kind.CALL), st.just(START), gone=st.booleans()),
    st.builds(Membership, st.just("sfa"), st.sampled_from(["a", "b"]), st.sets(st.sampled_from("12")).map(frozenset)),
    st.builds(Inventory, st.just("sfa"), st.just("x"), st.sets(st.sampled_from("123")).map(frozenset)),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.lists(RECORDS, max_size=8), st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=3))
def test_whatever_stands_in_a_page_is_accounted_for(world: World, pages: list[tuple[list[Record], int, int]]) -> None:
    for records, rejects, ignored in pages:
        bad = [Reject(f"x/{n}", text("bad", "不正")) for n in range(rejects)]
        counts = stored(world, records, rejects=bad, ignored=Counter({"why": ignored}))
        assert counts.balances(), counts
        assert (counts.parked, counts.ignored) == (rejects, ignored)


def test_the_same_page_again_is_unchanged(world: World) -> None:
    person = Person(Ref("sfa", "person", "1"), {"email": "a@alpha.co.jp"})

    assert stored(world, [person, person]) == Counts(read=2, used=1, unchanged=1)
    assert stored(world, [person]) == Counts(read=1, unchanged=1)


def test_told_counts_what_it_is_told() -> None:
    told = Told()
    told.tell(Ref("a", "b", "1"), "new")
    told.tell(Ref("a", "b", "2"), "same")
    told.repeated(3, 2)

    assert (told.used, told.unchanged) == (1, 2)
