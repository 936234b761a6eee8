"""What is kept of an answer that nobody understood."""

from __future__ import annotations

import json

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
