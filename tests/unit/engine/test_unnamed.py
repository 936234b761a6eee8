"""A system that is renamed in `config.yaml`, or taken out of it, while the store holds what it told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connector.adapters.memory import SYSTEMS, System
from connector.cli import cli
from connector.engine.applying import apply_plan
from connector.engine.plan_file import write_plan
from connector.engine.preview import plan_preview
from connector.engine.reconcile import reconcile
from connector.engine.report import Exit
from connector.engine.run import run
from connector.engine.undo import undo_run
from connector.model import Kind
from tests.machine.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


def rename(world: World, old: str, new: str) -> None:
    """As an administrator does it: in `config.yaml` and in every mapping."""
    for path in (world.folder / "config.yaml", world.folder / "mappings" / "people.yaml"):
        content = path.read_text(encoding="utf-8")
        content = content.replace(f"  {old}: {{", f"  {new}: {{").replace(f"in: {old}\n", f"in: {new}\n")
        path.write_text(content, encoding="utf-8")
    world.restart()


def scored(world: World) -> str:
    """A lead with one visit, delivered."""
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    visitor = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田")
    world.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=1), label="入門")
    world.run()
    assert world.sfa.people[contact.id].fields["score"] == 7
    return contact.id


@pytest.fixture
def renamed(world: World) -> Iterator[System]:
    """The same MA under a new name; it tells everything anew."""
    scored(world)
    fresh = SYSTEMS["shanon"] = System("shanon", now=world.now)
    visitor = fresh.add_person(email="taro@alpha.co.jp", family_name="山田")
    fresh.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=1), label="入門")
    rename(world, "ma", "shanon")
    yield fresh
    del SYSTEMS["shanon"]


@pytest.mark.parametrize("force", [None, "it is right"])
def test_a_renamed_system_stops_the_run_before_anything_is_read(
    world: World, renamed: System, force: str | None
) -> None:
    report = run(world.app, force=force)

    assert report.exit is Exit.STOPPED
    assert report.to_mend, "nothing that --force overrules"
    (why,) = report.halted
    assert "the system ma told (people 1, touchpoints 1)" in why.in_("en")
    assert "連携先 ma のデータが store にあります（人物 1, 行動履歴 1）" in why.in_("ja")
    assert report.ledger == {}
    (contact,) = world.sfa.people.values()
    assert (contact.fields["score"], len(world.sfa.timeline)) == (7, 1)


def test_under_its_old_name_everything_goes_on_and_nothing_doubles(world: World, renamed: System) -> None:
    world.run()
    rename(world, "shanon", "ma")

    report = world.run()

    assert (report.exit, report.sent()) == (Exit.DONE, 0)
    (contact,) = world.sfa.people.values()
    assert (contact.fields["score"], len(world.sfa.timeline)) == (7, 1)


def test_a_renamed_sfa_stops_the_run_too(world: World) -> None:
    scored(world)
    SYSTEMS["crm"] = System("crm", now=world.now)
    rename(world, "sfa", "crm")

    report = world.run()
    del SYSTEMS["crm"]

    assert [why.params["system"] for why in report.halted] == ["sfa"]


def test_nothing_that_reads_or_sends_goes_on_beside_it(world: World, tmp_path: Path) -> None:
    scored(world)
    last, file = world.run().run, tmp_path / "plan.json"
    SYSTEMS["shanon"] = System("shanon", now=world.now)
    rename(world, "ma", "shanon")
    write_plan(world.app, file, world.now, [])

    found = [
        plan_preview(world.app, pull=True, as_of=None).report,
        plan_preview(world.app, pull=False, as_of=None).report,
        apply_plan(world.app, file, force="it is right").report,
        undo_run(world.app, last, send=True).report,
        reconcile(world.app).report,
    ]
    del SYSTEMS["shanon"]

    assert [report.exit for report in found] == [Exit.STOPPED] * 5
    assert all(not report.ledger for report in found)


def test_status_check_and_run_say_what_to_do(world: World, renamed: System) -> None:
    config = ["--config", str(world.folder / "config.yaml")]
    env = {"CONNECTOR_LANG": "en"}
    told = {name: CliRunner().invoke(cli, [name, *config], env=env) for name in ("status", "check", "run")}

    assert all("give it its old name back" in " ".join(done.output.split()) for done in told.values())
    assert {name: done.exit_code for name, done in told.items()} == {"status": 0, "check": 1, "run": 5}


def test_check_names_it_as_data(world: World, renamed: System) -> None:
    command = ["check", "--json", "--config", str(world.folder / "config.yaml")]
    done = CliRunner().invoke(cli, command, env={"CONNECTOR_LANG": "en"})

    *others, stranger = json.loads(done.stdout)
    assert all(each["ok"] for each in others)
    assert (stranger["system"], stranger["ok"]) == ("ma", False)
    assert "give it its old name back" in stranger["error"]
