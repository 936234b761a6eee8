"""What Prometheus' own tool says of our metrics and of the alerts that come with them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from connector.engine.metrics import measure
from connector.model import Kind
from tests.machine.world import World

DEPLOY = Path(__file__).parents[2] / "deploy" / "prometheus"


def promtool(*arguments: str, given: bytes = b"") -> str:
    """What it prints; it must find nothing wrong."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    done = subprocess.run([program, *arguments], input=given, capture_output=True, cwd=DEPLOY, check=False)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


def test_the_alerts_are_rules_that_prometheus_takes() -> None:
    assert "10 rules found" in promtool("check", "rules", "connector.rules.yaml")


def test_each_alert_fires_when_it_should_and_none_when_all_is_well() -> None:
    promtool("test", "rules", "connector.rules.test.yaml")


def test_the_metrics_are_well_named(world: World) -> None:
    visitor = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田", company="アルファ")
    world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now - timedelta(days=1))
    world.run()
    with world.app.reading() as conn:
        page = measure(conn, world.app.setup, world.now).text()
    assert page.count(b"# HELP") > 10
    assert promtool("check", "metrics", given=page) == ""
