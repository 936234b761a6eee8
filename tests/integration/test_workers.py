"""Runs whose work is done by workers: real processes, killed, frozen and ended at their worst moments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.engine.report import Exit
from tests.integration.workers import Office, office


@pytest.fixture
def shared(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    with office(tmp_path / "shared", postgres_url, monkeypatch) as made:
        yield made


def test_two_workers_do_a_whole_run_between_them(shared: Office) -> None:
    first, second = shared.hire()
    report = shared.run()
    print(report.as_data())
    print([e for w in (first, second) for e in w.events if e["event"].startswith("job")])
    assert report.exit is Exit.DONE, report.as_data()
    assert first.end() == second.end() == 0
