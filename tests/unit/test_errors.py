"""Messages in two languages."""

from __future__ import annotations

import pytest

from connector.errors import text

FOUND = text(
    "{n} {n:record differs|records differ}, {share:.0%} of {all!r}", "相違 {n}件（{all} の {share:.0%}）",
    n=1, share=0.25, all="x",
)  # fmt: skip


@pytest.mark.parametrize(
    ("n", "said"),
    [(0, "0 records wait"), (1, "1 record waits"), (2, "2 records wait"), ("1", "1 record waits"), ("1,001", None)],
)
def test_the_word_goes_with_the_number(n: object, said: str | None) -> None:
    found = text("{n} {n:record waits|records wait}", "{n}件", n=n)
    assert str(found) == (said or f"{n} records wait")
    assert found.in_("ja") == f"{n}件"


def test_other_places_are_filled_as_ever() -> None:
    assert str(FOUND) == "1 record differs, 25% of 'x'"
    assert FOUND.in_("ja") == "相違 1件（x の 25%）"
