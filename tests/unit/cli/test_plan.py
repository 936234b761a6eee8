"""How a plan looks to the administrator who reads it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connector.adapters.memory import SYSTEMS, System
from connector.cli import cli
from connector.model import Kind

CONFIG = "systems:\n  ma: {type: memory, role: ma}\n  sfa: {type: memory, role: sfa}\n"
PEOPLE = "- {in: sfa, object: person, fields: {touchpoints.recent: {to: recent, wins: ma}}}\n"


@pytest.fixture(autouse=True)
def two_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "mappings" / "people.yaml").write_text(PEOPLE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    ma, sfa = SYSTEMS.setdefault("ma", System("ma")), SYSTEMS.setdefault("sfa", System("sfa"))
    visitor = ma.add_person(email="taro@alpha.co.jp")
    sfa.add_person(email="taro@alpha.co.jp")
    for day in (1, 2):
        ma.add_touchpoint(visitor, Kind.PAGE_VIEW, ma.now - timedelta(days=day), label=f"頁{day}")
    yield
    SYSTEMS.clear()


def test_a_value_of_several_lines_stays_on_one(two_systems: None) -> None:
    result = CliRunner().invoke(cli, ["plan"])

    assert result.exit_code == 0, result.output
    (line,) = [each for each in result.stdout.splitlines() if "recent" in each]
    assert "∅ → " in line
    assert "Web閲覧: 頁1 ⏎ " in line
