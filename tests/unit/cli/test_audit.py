"""`audit` as the administrator uses it: whether the trail is whole, what does not fit, and what a run did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text as sql
from typer.testing import CliRunner, Result

from connector.cli import cli
from connector.model import Kind
from connector.store import database
from tests.machine.world import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    made = World(tmp_path / "w")
    made.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    visitor = made.ma.add_person(email="taro@alpha.co.jp", family_name="山田")
    made.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, made.now)
    yield made
    made.close()


def audit(world: World, *words: str) -> Result:
    return CliRunner().invoke(cli, ["audit", "-c", str(world.folder / "config.yaml"), *words])


def test_before_the_first_run_there_is_nothing_to_look_at(world: World) -> None:
    done = audit(world)

    assert done.exit_code == 0
    assert "no row yet" in done.stdout


def test_a_trail_that_is_whole(world: World) -> None:
    report = world.run()
    done = audit(world, "--run", report.run)

    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert "run began  by=" in lines[0]
    assert "written  kind=SetFields system=sfa" in lines[1]
    assert "nothing was changed, taken out or put in" in lines
    assert "no head kept elsewhere was compared" in done.stdout
    head = lines[-1].removeprefix("head: ")
    again = audit(world, "--head", head)
    assert "1 of 1 heads kept elsewhere stand in it (0 of reports, 1 given)" in again.stdout


def test_what_does_not_fit_is_named_and_the_exit_code_is_1(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    report = world.run()
    with database.writing(world.app.store) as conn:
        conn.execute(sql("UPDATE delivery SET payload = replace(payload, '10', '99')"))

    done = audit(world)
    assert done.exit_code == 1
    assert "the delivery that it speaks of was changed" in done.stdout
    assert report.run in done.stdout

    monkeypatch.setenv("CONNECTOR_LANG", "ja")
    assert "対応する送信記録が改変されています" in audit(world).stdout
    told = json.loads(audit(world, "--json").stdout)
    assert (told["faults"], told["wrong"][0]["fault"]) == (1, "delivery")


def test_a_head_that_is_none_is_told(world: World) -> None:
    done = audit(world, "--head", "12")

    assert done.exit_code == 1
    assert "no head" in str(done.exception)
