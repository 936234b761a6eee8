"""What is printed is what was said."""

from __future__ import annotations

import pytest

from connector.cli.say import Console
from connector.errors import ConnectorError, text


def test_a_line_number_or_an_id_between_colons_is_no_emoji(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.out("担当:id:12")
    console.table("a:100:b", ["c:100:d"], [["メモ:key:値"]])
    console.error(ConnectorError(text("bad", "誤り"), where="mappings/scores.yaml:100:14"))

    out, err = capsys.readouterr()
    assert [line.strip() for line in out.splitlines()] == ["担当:id:12", "a:100:b", "c:100:d", "メモ:key:値"]
    assert err.startswith("mappings/scores.yaml:100:14: ")
