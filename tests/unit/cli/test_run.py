"""`run` while another run is at work."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from connector.adapters.memory import SYSTEMS
from connector.cli import cli
from connector.errors import Interrupted
from connector.store import lease
from connector.store.keep import open_store

CONFIG = "systems:\n  ma: {type: memory, role: ma}\n  sfa: {type: memory, role: sfa}\n"


@pytest.fixture(autouse=True)
def at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another process has the lease of the run."""
    (tmp_path / "mappings").mkdir()
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    before = signal.getsignal(signal.SIGTERM)
    kept = open_store(f"sqlite:///{tmp_path}/data/connector.db", tmp_path)
    with lease.acquire(kept.engine, "run", timedelta(minutes=5)):
        kept.note()
        yield
    kept.engine.dispose()
    SYSTEMS.clear()
    signal.signal(signal.SIGTERM, before)


def run(*options: str) -> Result:
    return CliRunner().invoke(cli, ["run", *options])


def test_it_may_leave_the_work_to_the_other_without_a_word() -> None:
    result = run("--if-locked", "skip")

    assert (result.exit_code, result.output) == (0, "")
    assert json.loads(run("--if-locked", "skip", "--json").stdout) == {"skipped": True}


def test_otherwise_it_names_who_is_at_work() -> None:
    result = run()

    assert result.exit_code != 0
    assert "pid" in str(result.exception)


def test_who_waits_for_the_other_may_be_told_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(_seconds: float, *_: Any) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("time.sleep", told)

    assert isinstance(run("--if-locked", "wait").exception, Interrupted)
