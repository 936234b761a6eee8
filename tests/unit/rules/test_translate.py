from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model import Value
from connector.rules.brake import Guards, Load, brake
from connector.rules.translate import cut, same


@pytest.mark.parametrize(
    ("ours", "theirs", "alike"),
    [
        (None, "", True),
        (None, "  ", True),
        (0, None, False),
        (False, None, False),
        (45, 45.0, True),
        (45, "45", True),
        (45, "45点", False),
        (True, "1", True),
        (True, "true", True),
        (True, 1, True),
        (False, "0", True),
        (True, "maybe", False),
        ("a\r\nb", "a\nb", True),
        ("a ", "a", True),
        ("か\u3099", "が", True),
        ("髙橋", "高橋", False),
        (datetime(2026, 4, 1, tzinfo=UTC), "2026-04-01T00:00:00.000+0000", True),
        (datetime(2026, 4, 1, tzinfo=UTC), "2026-04-01T09:00:00+09:00", True),
        (datetime(2026, 4, 1, tzinfo=UTC), "2026-04-01", True),
        (datetime(2026, 4, 1, tzinfo=UTC), "soon", False),
        (datetime(2026, 4, 1, 10, 30, 42, tzinfo=UTC), "2026-04-01T10:30:00Z", True),  # a system without seconds
        (datetime(2026, 4, 1, 10, 30, 42, tzinfo=UTC), "2026-04-01T10:30:41Z", False),
        (datetime(2026, 4, 1, 10, 30, tzinfo=UTC), "2026-04-01T10:30:42Z", False),
        (date(2026, 4, 1), "2026-04-01", True),
    ],
)
def test_what_means_the_same(ours: Value, theirs: Value, *, alike: bool) -> None:
    assert same(ours, theirs) is alike


@given(st.text(max_size=60), st.integers(10, 50))
def test_a_cut_text_fits_and_stays_as_it_is(content: str, length: int) -> None:
    short = cut(content, length)
    assert isinstance(short, str)
    assert len(short) <= length
    assert cut(short, length) == short


GUARDS = Guards(max_changed=0.2, at_least=50)


@pytest.mark.parametrize(
    ("load", "baseline", "stops"),
    [
        (Load(49, 0, 60), False, False),  # few in number
        (Load(50, 0, 250), False, False),  # just the share
        (Load(51, 0, 250), False, True),
        (Load(0, 900, 1000), True, False),  # the first evening
        (Load(0, 900, 1000), False, True),
        (Load(250, 0, 1000), True, True),  # altering counts on the first evening too
        (Load(60, 0, 0), False, True),
    ],
)
def test_the_brake(load: Load, *, baseline: bool, stops: bool) -> None:
    assert bool(brake({"sfa": load}, GUARDS, {"sfa"} if baseline else ())) is stops
