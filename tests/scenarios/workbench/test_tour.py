"""What the docs show of every command is what it prints."""

from __future__ import annotations

import pytest
import typer.main

from connector.cli import cli
from tests.docs import all_commands
from tests.tour import PAGES, ROOT, TOUR, Step, page

ELSEWHERE = {"serve", "worker", "sandbox", "demo", "probe", "identify", "schema", "diff", "restore"}
"""Commands that stay up, or that other pages show."""


@pytest.mark.parametrize("language", sorted(PAGES))
def test_the_page_is_what_is_printed(language: str) -> None:
    shown = (ROOT / PAGES[language]).read_text(encoding="utf-8")
    assert page(language) == shown, "stale: python -m tests.tour"


def test_no_command_is_left_out() -> None:
    typed = {step.words.partition(" ")[0] for step in TOUR if isinstance(step, Step)}
    known = {name.partition(" ")[0] for name, _ in all_commands(typer.main.get_command(cli))}
    assert typed | ELSEWHERE == known
    assert not typed & ELSEWHERE
