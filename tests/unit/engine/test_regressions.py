"""What a review found once, each as the story that shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from connector.adapters.memory import SYSTEMS
from connector.errors import StoreError
from connector.model import DealState, Kind
from tests.machine.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    yield made
    made.close()


def mapping(world: World, name: str, content: str) -> None:
    (world.folder / "mappings" / f"{name}.yaml").write_text(content, encoding="utf-8")
    world.restart()


LOST: dict[str, Any] = {"state": DealState.LOST, "lost_reason": "予算"}


def test_who_is_known_only_by_a_mail_domain_is_protected(world: World) -> None:
    visitor = world.ma.add_person(email="x@alpha.co.jp", family_name="山田")
    company = world.sfa.add_company("アルファ", website="https://www.alpha.co.jp")
    world.sfa.add_deal("案件", probability=70, company_id=company.id)

    world.run()

    assert world.ma.lists["no-mail"] == {visitor.id}


def test_an_entry_whose_answer_was_lost_is_taken_back_when_it_is_not_wanted(world: World) -> None:
    contact = world.sfa.add_person(email="t@alpha.co.jp", family_name="山田")
    visitor = world.ma.add_person(email="t@alpha.co.jp", family_name="山田")
    world.sfa.add_deal("案件", closed_at=world.now - timedelta(days=20), people=(contact.id,), **LOST)
    world.ma.lose_answer = 3
    world.run()
    world.ma.lose_answer = 0
    assert world.ma.lists["budget"] == {visitor.id}

    world.ma.edit_person(visitor, opted_out=True)
    world.run()
    world.pass_time(timedelta(minutes=20))
    world.run()

    assert world.ma.lists["budget"] == set()


def test_who_turned_out_to_be_one_person_while_the_sfa_was_down_is_made_once(world: World) -> None:
    for email in ("a@alpha.co.jp", "b@alpha.co.jp"):
        visitor = world.ma.add_person(email=email, family_name="山田", given_name="太郎")
        for day in (1, 2, 3):
            world.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=day))
    world.run_with_sfa_down_at_delivery()
    world.ma.edit_person(next(p.ref for p in world.ma.people.values()), email="b@alpha.co.jp")

    world.run()
    world.run()

    assert len(world.sfa.people) == 1


def test_who_was_taken_off_a_deal_no_longer_counts(world: World) -> None:
    one, other = (world.sfa.add_person(email=f"{n}@alpha.co.jp", family_name="山田") for n in "ab")
    visitor = world.ma.add_person(email="a@alpha.co.jp", family_name="山田")
    deal = world.sfa.add_deal("案件", closed_at=world.now - timedelta(days=20), people=(one.id,), **LOST)
    world.run()
    assert world.ma.lists["budget"] == {visitor.id}

    world.sfa.edit_deal(deal, people=(other.id,))
    world.run()
    assert world.ma.lists["budget"] == set()


def test_a_no_in_a_field_of_the_companys_own_holds(world: World) -> None:
    people = (world.folder / "mappings" / "people.yaml").read_text(encoding="utf-8")
    mapping(world, "people", people.replace("{to: opted_out, wins: strictest}", "{to: NoMail, wins: strictest}", 1))
    contact = world.sfa.add_person(email="t@alpha.co.jp", family_name="山田", NoMail=True)
    visitor = world.ma.add_person(email="t@alpha.co.jp", family_name="山田")
    world.sfa.add_deal("案件", closed_at=world.now - timedelta(days=20), people=(contact.id,), **LOST)

    world.run()

    assert not world.ma.lists.get("budget")
    assert world.ma.people[visitor.id].fields["opted_out"] is True


def test_a_no_reaches_a_duplicate_too(world: World) -> None:
    records = [world.sfa.add_person(email="t@alpha.co.jp", family_name="山田") for _ in range(2)]
    world.ma.add_person(email="t@alpha.co.jp", family_name="山田", opted_out=True)

    world.run()

    assert [world.sfa.people[r.id].fields.get("opted_out") for r in records] == [True, True]


NURTURE = """
- id: browsing
  when: {touchpoint: {kind: page_view, within: 10d}}
  unless: [{touchpoint: {kind: inquiry, within: 730d}}]
  list: others
"""


def test_a_condition_on_touchpoints_ends_by_itself_and_looks_back_as_far_as_it_says(world: World) -> None:
    mapping(world, "nurture", NURTURE)
    one, other = (world.ma.add_person(email=f"{n}@alpha.co.jp", family_name="山田") for n in "ab")
    for visitor in (one, other):
        world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now - timedelta(days=1))
    world.ma.add_touchpoint(other, Kind.INQUIRY, world.now - timedelta(days=400))
    world.run()
    assert world.ma.lists["others"] == {one.id}

    world.pass_time(timedelta(days=10))
    world.run()
    assert world.ma.lists["others"] == set()


def stalled(world: World) -> tuple[object, str]:
    owner = world.sfa.add_owner("営業")
    contact = world.sfa.add_person(email="t@alpha.co.jp", family_name="山田")
    since = world.now - timedelta(days=90)
    world.sfa.add_deal("案件", stage="提案", stage_since=since, owner_id=owner, people=(contact.id,))
    return world.ma.add_person(email="t@alpha.co.jp", family_name="山田"), owner


def test_what_happens_while_we_read_is_told_at_the_next_run(world: World) -> None:
    visitor, _ = stalled(world)
    mapping(
        world, "scores", "interest:\n  rules: [{id: c, touchpoint: call, within: 9d, points: 1}]\n  bands: {hot: 9}\n"
    )
    world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now + timedelta(seconds=30))  # type: ignore[arg-type]
    world.run()
    assert not world.sfa.alerts

    world.pass_time(timedelta(minutes=15))
    world.run()
    assert len(world.sfa.alerts) == 1


def test_alerts_planned_before_the_night_wait_when_they_are_late(world: World) -> None:
    config = world.folder / "config.yaml"
    config.write_text(config.read_text().replace("run:", 'run:\n  quiet: {alerts: "20:00-08:00"}'), encoding="utf-8")
    world.restart()
    visitor, _ = stalled(world)
    world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now - timedelta(minutes=1))  # type: ignore[arg-type]
    world.run_with_sfa_down_at_delivery()

    world.pass_time(timedelta(hours=12))  # 22:00 in Tokyo
    world.run()
    assert not world.sfa.alerts
    world.pass_time(timedelta(hours=10, minutes=1))
    world.run()
    assert len(world.sfa.alerts) == 1


def test_placeholders_for_never_and_huge_numbers_stop_nothing(world: World) -> None:
    never = datetime(9999, 12, 31, tzinfo=UTC)
    contact = world.sfa.add_person(email="t@alpha.co.jp", family_name="山田", title=10**20)
    world.ma.add_person(email="t@alpha.co.jp", family_name="山田", title=1e20)
    world.sfa.add_deal("案件", stage_since=never, people=(contact.id,))
    world.sfa.add_deal("別件", closed_at=never, people=(contact.id,), **LOST)

    world.run()
    assert world.fresh() == []


def test_no_database_error_tells_what_was_written(world: World) -> None:
    with pytest.raises(StoreError) as raised, world.app.reading() as conn:
        conn.execute(text("SELECT :name FROM nowhere"), {"name": "山田太郎"})
    assert "山田太郎" not in f"{raised.value} {raised.value.__cause__}"


def test_a_third_system_that_never_answers_does_not_silence_alerts(world: World) -> None:
    config = world.folder / "config.yaml"
    third = "  other: {type: memory, role: ma}\nrun:"
    config.write_text(config.read_text(encoding="utf-8").replace("run:", third), encoding="utf-8")
    for name in ("protect", "nurture"):
        path = world.folder / "mappings" / f"{name}.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace("  list:", "  in: ma\n  list:"), encoding="utf-8")
    world.restart()
    SYSTEMS["other"].down = True
    visitor, owner = stalled(world)
    contact = next(iter(world.sfa.people.values()))
    world.sfa.edit_person(contact.ref, title="x")
    world.run()

    world.pass_time(timedelta(days=1))
    for day in (1, 2, 3):
        world.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, world.now - timedelta(days=day))  # type: ignore[arg-type]
    world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, world.now - timedelta(days=2))  # type: ignore[arg-type]
    world.sfa._commit("people", replace(contact, owner_id=owner))
    world.run()

    assert [alert.rule for alert in world.sfa.alerts.values()] == ["hot"]
