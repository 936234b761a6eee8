"""What is kept of an answer that nobody understood."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from connector.evidence import MOST, masked


def test_the_shape_of_an_answer_stays_and_what_it_says_goes() -> None:
    answer = {
        "hits": 2,
        "values": [{"903": "山田 太郎", "column_code": 914, "text": "taro+1@example.jp", "null": None, "ok": True}],
    }

    kept = json.loads(masked(json.dumps(answer, ensure_ascii=False)))

    assert kept == {
        "hits": 9,
        "values": [{"903": "ああ ああ", "column_code": 9, "text": "xxxx+9@xxxxxxx.xx", "null": None, "ok": True}],
    }


def test_a_key_that_is_no_name_is_hidden_too() -> None:
    assert "taro@example.jp" not in masked({"taro@example.jp": 1, "山田太郎": 2})
    assert "山田" not in masked({"山田太郎": 2})


def test_an_answer_that_is_no_json_keeps_its_marks() -> None:
    assert masked("<p>山田 様: 090-1234</p>") == "<x>ああ あ: 999-9999</x>"
    assert len(masked("あ" * 100_000)) == MOST


@pytest.mark.parametrize("depth", [40, 60, 900, 200_000])
def test_an_answer_of_any_depth_is_kept_in_part(depth: int) -> None:
    kept = masked("[" * depth + '"山田"' + "]" * depth)
    assert kept.startswith("[")
    assert "山" not in kept


def test_what_is_no_json_hides_as_well() -> None:
    assert "山" not in masked({"when": datetime(2026, 4, 1, tzinfo=UTC), "who": ("山田", {"山": b"1"})})
    assert "2026" not in masked([date(2026, 4, 1), Decimal("2026.5")])
