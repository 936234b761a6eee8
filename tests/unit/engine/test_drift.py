"""A field that drifts: what each policy does to the run, to the field, and to everything else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from connector.adapters.memory import Memory
from connector.engine.app import App, make_adapter
from connector.engine.applying import apply_plan
from connector.engine.drift import leave_out
from connector.engine.part import Part, perform
from connector.engine.plan_file import write_plan
from connector.engine.preview import plan_preview
from connector.engine.queue import part_of
from connector.engine.reconcile import reconcile
from connector.engine.report import Exit
from connector.engine.undo import undo_run
from connector.errors import Mismatch, Unavailable, text
from connector.model import Kind, Ref
from connector.ports import Finding, Page
from tests.machine.world import World
from tests.unit.engine.test_spread import Hands, in_parts

WHAT = text("there is no field {name}", "項目 {name} がありません", name="title")


class Field:
    """A field of the SFA, which somebody may remove and put back."""

    gone = False
    name = "title"


@pytest.fixture
def field(monkeypatch: pytest.MonkeyPatch) -> Field:
    """While it is gone, a check tells so, and who asks for it can read no people."""
    field, pull = Field(), Memory.pull

    def check(adapter: Memory) -> Sequence[Finding]:
        adapter._system.answer()
        return [Finding("error", WHAT, "person", field.name)] if field.gone and adapter._system.name == "sfa" else []

    def pull_or_not(adapter: Memory, stream: str, cursor: str | None) -> Iterator[Page]:
        asked = adapter._system.name == "sfa" and stream == "people" and field.name in adapter._needs.of("person").read
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


def policy_of_score(world: World, field: Field) -> None:
    path = world.folder / "mappings" / "people.yaml"
    content = path.read_text(encoding="utf-8")
    path.write_text(content.replace("{to: score, wins: ma}", "{to: score, wins: ma, on_drift: ignore}"), "utf-8")
    field.name = "score"
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


def test_what_moved_while_a_field_was_gone_is_written_once_it_is_back(world: World, field: Field) -> None:
    """Nobody and nothing has been touched since: the field alone is why everybody is planned anew."""
    policy_of_score(world, field)
    contact = taro(world)
    world.run()
    (visitor,) = world.ma.people
    field.gone = True
    world.ma.add_touchpoint(Ref("ma", "person", visitor), Kind.SEMINAR_ATTENDED, world.now - timedelta(days=2))
    world.run()
    assert (world.sfa.people[contact].fields["score"], world.run().sent()) == (10, 0)

    field.gone = False
    world.run()

    assert world.sfa.people[contact].fields["score"] == 17


def test_a_field_that_must_not_drift_stops_the_run_before_anything_is_read(world: World, field: Field) -> None:
    policy(world, "stop")
    contact, field.gone = taro(world), True

    report = world.run()

    assert report.exit is Exit.STOPPED
    assert report.to_mend, "nothing that --force overrules"
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


# --- what else is a run -----------------------------------------------------------------------------------------------


def planned(world: World, tmp_path: Path) -> Path:
    """A plan of what is wanted now, in a file."""
    path = tmp_path / "plan.json"
    shown = plan_preview(world.app, pull=True, as_of=None)
    write_plan(world.app, path, shown.as_of, shown.fresh)
    return path


def test_apply_skips_what_the_plan_has_for_a_field_that_is_gone_and_sends_the_rest(
    world: World, field: Field, tmp_path: Path
) -> None:
    policy(world, "park")
    contact = taro(world)
    plan, field.gone = planned(world, tmp_path), True

    applied = apply_plan(world.app, plan)

    assert [type(item.change).__name__ for item in applied.skipped] == ["SetFields"], "it is another wish without it"
    assert "title" not in world.sfa.people[contact].fields
    assert applied.report.ledger["sfa", "person.title"].parked == 1
    assert applied.report.problems == []


def test_apply_and_undo_send_nothing_while_a_field_that_must_not_drift_is_gone(
    world: World, field: Field, tmp_path: Path
) -> None:
    policy(world, "stop")
    contact = taro(world)
    plan, field.gone = planned(world, tmp_path), True
    assert apply_plan(world.app, plan).exit is Exit.STOPPED
    assert "score" not in world.sfa.people[contact].fields

    field.gone = False
    done = world.run()
    field.gone = True
    undone = undo_run(world.app, done.run, send=True)

    assert (undone.report.exit, undone.sent) == (Exit.STOPPED, False)
    assert world.sfa.people[contact].fields["score"] == 10


def test_undo_takes_back_what_is_there_while_a_field_is_gone(world: World, field: Field) -> None:
    policy(world, "park")
    contact = taro(world)
    done = world.run()
    assert world.sfa.people[contact].fields["title"] == "部長"
    field.gone = True

    undone = undo_run(world.app, done.run, send=True)

    assert undone.sent
    assert not world.sfa.people[contact].fields.get("score")
    assert world.sfa.people[contact].fields["title"] == "部長", "nobody can say what stands there"
    assert [left.field for left in undone.found.left if left.field == "title"] == ["title"]


def test_reconcile_compares_the_rest_of_a_record_whose_field_is_gone(world: World, field: Field) -> None:
    policy(world, "park")
    contact = taro(world)
    assert world.run().exit is Exit.DONE
    field.gone = True
    world.sfa.edit_person(Ref("sfa", "person", contact), score=3)

    found = reconcile(world.app, first=False)

    assert found.report.ledger["sfa", "person.title"].parked == 1
    (difference,) = found.systems["sfa"].differences
    assert [(each.name, each.recorded, each.now) for each in difference.fields] == [("score", 10, 3)]


def test_reconcile_compares_nothing_while_a_field_that_must_not_drift_is_gone(world: World, field: Field) -> None:
    policy(world, "stop")
    taro(world)
    world.run()
    field.gone = True

    found = reconcile(world.app)

    assert found.report.exit is Exit.STOPPED
    assert not any(compared.counts for compared in found.systems.values())


@pytest.mark.parametrize(("name", "code"), [("park", Exit.PARKED), ("stop", Exit.STOPPED)])
def test_workers_do_without_what_their_run_does_without(world: World, field: Field, name: str, code: Exit) -> None:
    """Each opens the connector by itself, from the files."""
    policy(world, name)
    contact, field.gone = taro(world), True
    setup = world.app.setup

    class Workers(Hands):
        def put(self, some: Sequence[Part]) -> None:
            for each in some:
                travelled = part_of(orjson.loads(orjson.dumps(each.as_data())))
                own = leave_out(setup, travelled.left_out)
                assert own.digest == travelled.digest
                worker = App(own, world.app.store, {}, world.app.clock)
                worker.adapters = {system: make_adapter(worker, system) for system in setup.systems}
                perform(worker, travelled, "somebody")

    report = in_parts(world, Workers(world))

    assert report.exit is code
    assert ("score" in world.sfa.people[contact].fields) == (name == "park")
    assert "title" not in world.sfa.people[contact].fields

    field.gone = False
    assert in_parts(world, Hands(world)).exit is Exit.DONE
    assert world.sfa.people[contact].fields["title"] == "部長"
