"""A system that is gone for good: what it told counts no more, and nothing is lost on the way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from connector.adapters.memory import SYSTEMS, System
from connector.cli import cli
from connector.engine import retire as engine
from connector.engine.report import Exit
from connector.engine.retire import retire
from connector.engine.retry import retry
from connector.engine.trail import audit
from connector.errors import ConnectorError, Interrupted, Locked, text
from connector.model import DealState, Kind
from connector.store import retired
from connector.store import tables as t
from tests.machine.world import World
from tests.unit.engine.test_unnamed import rename, scored


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    SYSTEMS["other"] = System("other", now=made.now)
    yield made
    made.close()
    SYSTEMS.pop("other", None)


def rows(world: World, table: Any, *where: Any) -> int:
    with world.app.reading() as conn:
        return conn.scalar(select(func.count()).select_from(table).where(*where)) or 0


def test_it_shows_what_goes_and_only_then_does_it(world: World) -> None:
    contact = scored(world)
    rename(world, "ma", "other")

    shown = retire(world.app, "ma", really=False)

    assert (shown.done, shown.counts) == (
        False, {"people": 1, "companies": 0, "deals": 0, "touchpoints": 1, "entries": 0},
    )  # fmt: skip
    assert world.run().exit is Exit.STOPPED

    assert retire(world.app, "ma", really=True).counts == shown.counts

    assert world.run().exit is Exit.DONE
    assert not world.sfa.people[contact].fields["score"]
    with pytest.raises(ConnectorError, match="the store knows no system 'ma'"):
        retire(world.app, "ma", really=True)


def test_named_again_it_is_read_from_the_beginning_and_nothing_doubles(world: World) -> None:
    contact = scored(world)
    people = set(world.sfa.people)
    rename(world, "ma", "other")
    retire(world.app, "ma", really=True)
    world.run()
    rename(world, "other", "ma")
    retire(world.app, "other", really=True)

    assert world.run().exit is Exit.DONE

    assert world.sfa.people[contact].fields["score"] == 7
    assert (set(world.sfa.people), len(world.sfa.timeline)) == (people, 1)
    assert (world.run().sent(), world.fresh()) == (0, [])


def test_what_a_retired_sfa_told_protects_nobody(world: World) -> None:
    visitor = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田")
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    world.sfa.add_deal("大口", DealState.OPEN, probability=80, people=(contact.id,))
    world.run()
    assert world.ma.lists["no-mail"] == {visitor.id}
    rename(world, "sfa", "other")

    assert retire(world.app, "sfa", really=True).counts["deals"] == 1

    world.run()
    assert world.ma.lists["no-mail"] == set()


def test_what_was_never_sent_is_not_sent_and_what_may_have_arrived_is_left_to_a_person(world: World) -> None:
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    visitor = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田")
    world.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=1), label="入門")
    world.run_with_sfa_down_at_delivery()
    waiting = rows(world, t.outbox, t.outbox.c.system == "sfa", t.outbox.c.state == "pending")
    with world.app.store.begin() as conn:
        conn.execute(t.outbox.update().where(t.outbox.c.kind == "AddTouchpoint").values(state="inflight", token=1))
    rename(world, "sfa", "other")

    done = retire(world.app, "sfa", really=True)

    assert (done.unsent, done.doubtful) == (waiting - 1, 1)
    assert world.run().exit is Exit.DONE
    (left,) = retry(world.app, system="sfa", put=False).left
    assert left == ("sfa", "AddTouchpoint", "retired")
    retry(world.app, system="sfa", dismiss=True, put=True)
    world.run()
    assert world.sfa.people[contact.id].fields.get("score") is None
    assert not world.sfa.timeline
    with world.app.reading() as conn:
        assert "sfa" not in retired.known(conn)


@pytest.mark.parametrize("step", range(5))
def test_stopped_half_way_it_is_done_again(world: World, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    contact = scored(world)
    rename(world, "ma", "other")
    left = iter(range(step))

    def end_after() -> None:
        if next(left, None) is None:
            raise Interrupted(text("ended on request", "要求により終了しました"))

    monkeypatch.setattr(world.app, "go_on", end_after)
    with pytest.raises(Interrupted):
        retire(world.app, "ma", really=True)
    monkeypatch.undo()

    if retired_half(world):
        assert world.run().exit is Exit.STOPPED, "what is left of it still counts"
    retire(world.app, "ma", really=True)

    assert world.run().exit is Exit.DONE
    assert not world.sfa.people[contact].fields["score"]


def retired_half(world: World) -> bool:
    with world.app.reading() as conn:
        return any(retired.living(conn, "ma").values())


def test_put_back_half_way_everything_is_read_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    contact = scored(world)
    rename(world, "ma", "other")
    monkeypatch.setattr(engine, "_touchpoints", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        retire(world.app, "ma", really=True)
    monkeypatch.undo()
    rename(world, "other", "ma")

    world.run()

    assert world.sfa.people[contact].fields["score"] == 7


def test_in_batches_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BATCH", 2)
    for n in range(5):
        visitor = world.ma.add_person(email=f"taro{n}@alpha.co.jp", family_name="山田")
        world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now)
        world.ma.add_company(f"{n}商事")
    world.run()
    rename(world, "ma", "other")

    assert retire(world.app, "ma", really=True).counts["people"] == 5

    assert not retired_half(world)


def test_it_takes_no_system_that_is_named_none_that_is_unknown_and_waits_for_no_run(world: World) -> None:
    scored(world)
    for system, why in (("ma", "config.yaml names ma"), ("mam", "the store knows no system 'mam'")):
        with pytest.raises(ConnectorError, match=why):
            retire(world.app, system, really=True)
    rename(world, "ma", "other")
    with pytest.raises(ConnectorError) as refused:
        retire(world.app, "mam", really=False)
    assert "did you mean 'ma'" in str(refused.value.fix)
    with world.app.lease(), pytest.raises(Locked):
        retire(world.app, "ma", really=True)
    assert retired_half(world)


def test_the_command_previews_does_it_and_leaves_a_mark_in_the_audit_trail(world: World) -> None:
    scored(world)
    rename(world, "ma", "other")
    config, env = ["--config", str(world.folder / "config.yaml")], {"CONNECTOR_LANG": "en"}

    shown = CliRunner().invoke(cli, ["retire", "ma", *config], env=env)
    done = CliRunner().invoke(cli, ["retire", "ma", "--yes", *config], env=env)
    again = CliRunner().invoke(cli, ["retire", "ma", "--yes", *config], env=env)

    assert (shown.exit_code, done.exit_code, again.exit_code) == (0, 0, 1)
    assert "ma: people 1, touchpoints 1" in shown.output
    assert "nothing was changed" in shown.output
    assert "look at `connector plan` first" in done.output
    assert rows(world, t.trail, t.trail.c.what == "retired", t.trail.c.about.contains('"system":"ma"')) == 1
    assert not audit(world.app, []).checked.wrong
