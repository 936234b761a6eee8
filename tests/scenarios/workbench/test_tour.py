"""What the docs show of every command is what it prints."""

from __future__ import annotations

import pytest
import typer.main

from connector.cli import cli
from tests.docs import all_commands
from tests.tour import EXEMPT, PAGES, ROOT, page, typed


@pytest.mark.timeout(300)  # it begins processes, and the machine may have other work
@pytest.mark.parametrize("language", sorted(PAGES))
def test_the_page_is_what_is_printed(language: str) -> None:
    shown = (ROOT / PAGES[language]).read_text(encoding="utf-8")
    assert page(language) == shown, "stale: python -m tests.tour"


def test_no_command_is_left_out() -> None:
    known = {name for name, _ in all_commands(typer.main.get_command(cli))}
    assert typed() | {*EXEMPT} == known
    assert not typed() & {*EXEMPT}
