"""A field that drifts: what each policy does to the run, to the field, and to everything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from connector.adapters.memory import Memory
from connector.engine.report import Exit
from connector.errors import Mismatch, Unavailable, text
from connector.model import Kind
from connector.ports import Finding, Page
from tests.machine.world import World

WHAT = text("there is no field {name}", "項目 {name} がありません", name="title")


class Field:
    """The field `title` of the SFA, which somebody may remove and put back."""

    gone = False


@pytest.fixture
def field(monkeypatch: pytest.MonkeyPatch) -> Field:
    """While it is gone, a check tells so, and who asks for it can read no people."""
    field, pull = Field(), Memory.pull

    def check(adapter: Memory) -> Sequence[Finding]:
        adapter._system.answer()
        return [Finding("error", WHAT, "person", "title")] if field.gone and adapter._system.name == "sfa" else []

    def pull_or_not(adapter: Memory, stream: str, cursor: str | None) -> Iterator[Page]:
        asked = adapter._system.name == "sfa" and stream == "people" and "title" in adapter._needs.of("person").read
        if field.gone and asked:
            raise Mismatch(WHAT, where="sfa")
        return pull(adapter, stream, cursor)

    monkeypatch.setattr(Memory, "check", check)
    monkeypatch.setattr(Memory, "pull", pull_or_not)
    return field


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


def policy(world: World, name: str) -> None:
    path = world.folder / "mappings" / "people.yaml"
    content = path.read_text(encoding="utf-8")
    path.write_text(content.replace("wins: once}", f"wins: once, on_drift: {name}}}"), encoding="utf-8")
    world.restart()


def taro(world: World) -> str:
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    visitor = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田", title="部長")
    world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now - timedelta(days=1))
    return contact.id


@pytest.mark.parametrize(("name", "code"), [("park", Exit.PARKED), ("ignore", Exit.DONE)])
def test_a_field_that_is_gone_is_left_out_until_it_is_back(world: World, field: Field, name: str, code: Exit) -> None:
    policy(world, name)
    contact, field.gone = taro(world), True

    report = world.run()

    assert report.exit is code
    counts = report.ledger["sfa", "person.title"]
    assert (counts.read, counts.parked, counts.ignored) == (1, int(name == "park"), int(name == "ignore"))
    assert world.sfa.people[contact].fields["score"] == 10, "everything else goes on"
    assert "title" not in world.sfa.people[contact].fields
    assert world.fresh() == []

    field.gone = False
    assert world.run().exit is Exit.DONE
    assert world.sfa.people[contact].fields["title"] == "部長"
    assert world.run().sent() == 0


def test_a_field_that_must_not_drift_stops_the_run_before_anything_is_read(world: World, field: Field) -> None:
    policy(world, "stop")
    contact, field.gone = taro(world), True

    report = world.run()

    assert report.exit is Exit.STOPPED
    assert [why.in_("ja") for why in report.halted] == ["sfa person.title: 項目 title がありません"]
    assert "score" not in world.sfa.people[contact].fields
    assert ("ma", "people") not in report.ledger

    field.gone = False
    assert world.run().exit is Exit.DONE
    assert world.sfa.people[contact].fields["title"] == "部長"


def test_without_a_policy_the_stream_is_not_read_and_the_others_are(world: World, field: Field) -> None:
    taro(world)
    field.gone = True

    report = world.run()

    assert report.exit is Exit.FAILED
    assert ("ma", "people") in report.ledger


def test_a_system_that_cannot_be_asked_is_told_once_and_stops_nobody(world: World, field: Field) -> None:
    policy(world, "stop")
    taro(world)
    world.sfa.down = True

    report = world.run()

    assert report.exit is Exit.FAILED
    assert {type(error) for _, error in report.problems} == {Unavailable}
    assert report.ledger["ma", "people"].used == 1
