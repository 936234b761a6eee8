"""What is forgiven a run that stands still at a request without a key: one row, and nothing else."""

from __future__ import annotations

import pytest

from tests.faults.checks import but_known
from tests.faults.ends import Fault

AT = "first: esales:remix.write._row>adapters.esales.remix.client.write send 3"
ROW = Fault("doubled", "esales extension_1 k")
READ_BACK = Fault("doubled", "store person esales person 5")


@pytest.mark.parametrize(
    ("found", "left"),
    [
        ([ROW], []),
        ([ROW, READ_BACK], []),
        ([READ_BACK], [READ_BACK]),
        ([ROW, Fault("doubled", "esales extension_1 j")], [Fault("doubled", "esales extension_1 j")]),
        ([Fault("doubled", "esales extension_1 k", count=2)], [Fault("doubled", "esales extension_1 k", count=2)]),
        ([Fault("doubled", "Task k")], [Fault("doubled", "Task k")]),
        ([Fault("doubled", "member list 5"), ROW], [Fault("doubled", "member list 5")]),
        ([Fault("lost", "esales person k")], [Fault("lost", "esales person k")]),
        ([Fault("wrong", "a sleeper wrote into the store")], [Fault("wrong", "a sleeper wrote into the store")]),
    ],
)
def test_one_row_that_is_there_twice_is_forgiven_and_nothing_else(
    found: list[Fault], left: list[Fault], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONNECTOR_TESTS_TALLY", raising=False)
    assert but_known(AT, found) == left


def test_elsewhere_nothing_is_forgiven() -> None:
    assert but_known("first: esales:remix.write._row>adapters.esales.remix.client.write answered 3", [ROW]) == [ROW]
