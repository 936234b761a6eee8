"""What a probe finds is remembered, and given to the adapter that is made next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from connector.adapters.memory import Memory
from connector.adapters.rest import Rest
from connector.config import load
from connector.engine.app import open_app
from connector.engine.probing import probe
from connector.errors import Unavailable, text
from connector.evidence import masked
from connector.ports import Probed
from connector.store import runs
from tests.machine.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


def test_what_was_found_is_known_to_later_runs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Memory, "probe", lambda self: Probed({"put": "partial"}))
    probe(world.app, "sfa")
    world.restart()

    needs: Any = world.app.adapters["sfa"]
    assert needs._needs.probed == {"put": "partial"}
    assert world.app.adapters["ma"]._needs.probed == {}  # type: ignore[attr-defined]  # of the adapter in memory

    monkeypatch.setattr(Memory, "probe", lambda self: Probed({"shape": "list"}))
    probe(world.app, "sfa")
    with world.app.reading() as conn:
        assert runs.probed(conn, "sfa", "memory") == {"shape": "list"}


REST = """
systems:
  crm: {type: rest, role: sfa, base_url: %s, auth: none, people: {contacts: {path: contacts}}}
"""


def test_what_was_found_at_one_address_says_nothing_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the tenant for tests gives way to the real one."""
    monkeypatch.setattr(Rest, "probe", lambda self: Probed({"put": "partial"}))
    (tmp_path / "mappings").mkdir()

    def at(url: str) -> dict[str, str]:
        (tmp_path / "config.yaml").write_text(REST % url, encoding="utf-8")
        app = open_app(load(tmp_path / "config.yaml"))
        try:
            with app.reading() as conn:
                known = runs.probed(conn, "crm", app.setup.place("crm"))
            assert cast("Any", app.adapters["crm"])._needs.probed == known
            probe(app, "crm")
        finally:
            app.close()
        return known

    assert at("https://test.example.jp") == {}
    assert at("https://test.example.jp") == {"put": "partial"}
    assert at("https://crm.example.jp") == {}


def _strange(*_: object) -> Any:
    error = Unavailable(text("an answer of unknown shape", "未知の形式の応答"), where="sfa")
    error.evidence = masked('{"values": ["山田 太郎"]}')
    raise error


def test_an_answer_nobody_understood_is_kept_and_what_was_known_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Memory, "probe", lambda self: Probed({"put": "partial"}))
    probe(world.app, "sfa")
    monkeypatch.setattr(Memory, "probe", _strange)
    with pytest.raises(Unavailable):
        probe(world.app, "sfa")

    with world.app.reading() as conn:
        assert runs.probed(conn, "sfa", "memory") == {"put": "partial"}
        held = runs.evidence(conn, "sfa")
    assert "ああ ああ" in held["answer"]
    assert "山田" not in held["answer"] + held["what"]


def test_an_answer_nobody_understood_in_a_run_is_kept_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Memory, "pull", _strange)

    report = world.run()

    assert {system for system, _ in report.problems} == {"ma", "sfa"}
    with world.app.reading() as conn:
        assert runs.evidence(conn, "ma")["what"]
