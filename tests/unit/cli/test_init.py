"""`init` asks at a terminal which systems there are, and writes what lints clean."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connector.cli import cli
from connector.templates import TEMPLATES

Typing = Callable[..., str]


@pytest.fixture
def typing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typing:
    """At a terminal: what is shown when so many lines are typed after `init`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTOR_LANG", "en")

    class Stdin:
        def isatty(self) -> bool:
            return True

    def typed(*lines: str) -> str:
        left = list(lines)
        monkeypatch.setattr("builtins.input", lambda _: left.pop(0))
        monkeypatch.setattr("connector.cli.sys", type("sys", (), {**vars(sys), "stdin": Stdin()}))
        done = CliRunner().invoke(cli, ["init", "my"])
        assert (done.exit_code, left) == (0, []), done.output
        return done.stdout

    return typed


@pytest.mark.parametrize(
    ("lines", "systems"),
    [
        ([""], "shanon+salesforce"),
        (["2"], "shanon+kintone"),
        (["9", "０", "x", "5"], "csv"),
        (["all"], "all"),
    ],
)
def test_the_systems_that_were_named_are_set_up(typing: Typing, tmp_path: Path, lines: list[str], systems: str) -> None:
    shown = typing(*lines)
    assert "  3  SHANON and e-Sales Manager Remix\n" in shown
    assert shown.count("a number from 1 to 5\n") == len(lines) - 1
    written = (tmp_path / "my" / "config.yaml").read_text(encoding="utf-8")
    assert TEMPLATES[systems].text() in written


def test_nobody_is_asked_where_nobody_can_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["init", "my"])
    assert done.exit_code == 0
    assert TEMPLATES["shanon+salesforce"].text() in (tmp_path / "my" / "config.yaml").read_text(encoding="utf-8")
