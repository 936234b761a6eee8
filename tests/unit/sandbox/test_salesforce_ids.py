"""Record ids: both forms, and their checksum."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.sandbox.salesforce.ids import IdSource, canonical, to18

KNOWN = [
    ("70130000001tcyI", "AAQ"),
    ("00558000001N0Ke", "AAK"),
    ("0036F00001zNm0B", "QAS"),
    ("003RO0000035WQg", "YAM"),
    ("a0D30000001n7Pi", "EAI"),
]
ids15 = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", min_size=15, max_size=15)


@pytest.mark.parametrize(("short", "checksum"), KNOWN)
def test_the_checksum_of_known_ids(short: str, checksum: str) -> None:
    assert to18(short) == short + checksum
    assert canonical(short) == short + checksum


@given(ids15)
def test_an_18_character_id_survives_any_change_of_case(short: str) -> None:
    long = to18(short)
    assert canonical(long) == canonical(long.lower()) == canonical(long.upper()) == long


@pytest.mark.parametrize("text", ["", "x", "00Q5g000000000", "00Q5g0000000001!AA", "00Q5g0000000001EAA1", "あ" * 15])
def test_what_is_no_id(text: str) -> None:
    assert canonical(text) is None


def test_a_checksum_of_another_id_is_refused() -> None:
    assert canonical("700000000000000AAB") is None


def test_fresh_ids_ascend_and_carry_their_prefix() -> None:
    source = IdSource()
    made = [source.next("00Q") for _ in range(500)]
    assert made == sorted(set(made))
    assert all(each.startswith("00Q") and canonical(each) == each for each in made)
