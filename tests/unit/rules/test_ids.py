from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model import Ref
from connector.rules.ids import digest, keep_ids, new_id
from connector.rules.resolve import Group


def ref(number: int) -> Ref:
    return Ref("ma", "visitor", str(number))


def group(*numbers: int) -> Group:
    return Group(tuple(ref(number) for number in numbers))


def test_a_new_id_comes_from_the_first_record() -> None:
    assert new_id(group(1, 2)) == new_id(group(1, 3)) != new_id(group(2, 3))
    assert len(new_id(group(1))) == 17


def test_a_lost_store_finds_the_same_ids_again() -> None:
    groups = [group(1, 2), group(3)]

    assert keep_ids(groups, {}, {}) == keep_ids(list(reversed(groups)), {}, {})


@pytest.mark.parametrize(
    ("groups", "before", "ids"),
    [
        pytest.param([group(1, 2, 3)], {1: "a", 2: "b", 3: "b"}, {1: "b", 2: "b", 3: "b"}, id="merged: most records"),
        pytest.param([group(1, 2)], {1: "b", 2: "a"}, {1: "b", 2: "b"}, id="merged: the first record decides"),
        pytest.param([group(1), group(2, 3)], {1: "a", 2: "a", 3: "a"}, {2: "a", 3: "a"}, id="split: the larger part"),
        pytest.param([group(1), group(2)], {1: "a", 2: "a"}, {1: "a"}, id="split: the first record decides"),
        pytest.param(
            [group(1, 2, 3), group(4)],
            {1: "a", 2: "a", 3: "b", 4: "b"},
            {1: "a", 2: "a", 3: "a", 4: "b"},
            id="moved: each id to one group",
        ),
        pytest.param([group(1, 2)], {2: "a"}, {1: "a", 2: "a"}, id="joined by a new record"),
    ],
)
def test_ids_stay(groups: list[Group], before: dict[int, str], ids: dict[int, str]) -> None:
    kept = keep_ids(groups, {ref(n): name for n, name in before.items()}, {})

    assert {n: kept[ref(n)] for n in ids} == ids
    assert len(set(kept.values())) == len(groups)


@pytest.mark.parametrize("deleted", [(1,), (1, 2)])
def test_who_was_deleted_leaves_the_id_to_who_is_still_there(deleted: tuple[int, ...]) -> None:
    before = dict.fromkeys([ref(3), *(ref(n) for n in deleted)], "a")
    groups = [*(group(n) for n in deleted), group(3)]

    ids = keep_ids(groups, before, {}, gone={ref(n) for n in deleted})

    assert ids[ref(3)] == "a"
    assert len(set(ids.values())) == len(groups)


def test_a_part_that_split_off_with_the_first_record_gets_an_id_of_its_own() -> None:
    first = new_id(group(1, 2, 3))
    ids = keep_ids([group(1), group(2, 3)], dict.fromkeys([ref(1), ref(2), ref(3)], first), {})

    assert ids[ref(2)] == ids[ref(3)] == first
    assert ids[ref(1)] not in {first, new_id(group(2, 3))}


def test_the_id_named_in_the_sfa_is_taken_when_it_is_free_and_nobody_else_names_it() -> None:
    named = {ref(2): "p-sfa", ref(3): "p-twice", ref(4): "p-twice", ref(5): "p-elsewhere", ref(6): "p-before"}
    groups = [group(1, 2), group(3), group(4), group(5), group(6), group(7)]
    ids = keep_ids(groups, {ref(7): "p-before"}, named, taken={"p-elsewhere"})

    assert ids[ref(1)] == ids[ref(2)] == "p-sfa"
    for number in (3, 4, 5, 6):
        assert ids[ref(number)] == new_id(group(number))


def test_a_named_id_goes_before_a_new_one_that_is_the_same() -> None:
    first = new_id(group(1))
    ids = keep_ids([group(1), group(2, 3)], {}, {ref(2): first})

    assert ids[ref(2)] == ids[ref(3)] == first
    assert ids[ref(1)] != first


def test_no_new_id_is_given_twice() -> None:
    ids = keep_ids([group(1), group(2), group(3)], {}, {}, lambda _: "p")

    assert len(set(ids.values())) == 3


def test_an_identity_that_has_an_id_does_not_change_it_for_a_named_one() -> None:
    assert keep_ids([group(1)], {ref(1): "mine"}, {ref(1): "other"})[ref(1)] == "mine"


# --- any groups -------------------------------------------------------------------------------------------------------

NUMBERS = st.integers(0, 9)
PARTITIONS = st.dictionaries(NUMBERS, st.integers(0, 4)).map(
    lambda places: [group(*(n for n in sorted(places) if places[n] == place)) for place in sorted({*places.values()})]
)
IDS = st.dictionaries(NUMBERS.map(ref), st.sampled_from("abcd"))


@given(PARTITIONS, IDS, IDS, st.sets(st.sampled_from("abcde")), st.randoms(use_true_random=False))
def test_every_group_has_one_id_of_its_own_in_whatever_order_they_come(
    groups: Sequence[Group], before: Mapping[Ref, str], named: Mapping[Ref, str], taken: set[str], dice: Random
) -> None:
    taken -= set(before.values())
    shuffled = list(groups)
    dice.shuffle(shuffled)

    ids = keep_ids(groups, before, named, taken=taken)

    assert keep_ids(shuffled, before, named, taken=taken) == ids
    assert ids.keys() == {r for group in groups for r in group.records}
    assert all(len({ids[r] for r in group.records}) == 1 for group in groups)
    assert len(set(ids.values())) == len(groups)
    assert taken.isdisjoint(ids.values())


@given(PARTITIONS, IDS, IDS)
def test_ids_do_not_change_when_nothing_does(
    groups: Sequence[Group], before: Mapping[Ref, str], named: Mapping[Ref, str]
) -> None:
    ids = keep_ids(groups, before, named)

    assert keep_ids(groups, ids, {}) == keep_ids(groups, ids, named) == ids


@given(st.text(st.characters(exclude_categories=())))
def test_a_digest_of_any_text_is_short_and_begins_with_its_letter(content: str) -> None:
    assert digest("p", content)[0] == "p"
    assert len(digest("p", content)) == 17
    assert digest("p", content) != digest("p", content + "x")
