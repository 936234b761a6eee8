"""A deal stands still over Golden Week: its owner is told after 20 business days, on one, in the morning."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from connector.model import DealState, Kind
from tests.machine.world import World

TOKYO = ZoneInfo("Asia/Tokyo")
ALERTS = """
- id: stalled
  when: {deal: {state: open, stage_unchanged: {gte: 20bd}}}
  to: deal_owner
  due: 2bd
  repeat: {per: deal, every: 30d}
- id: stirs
  when: {deal: {state: open}, touchpoint: {kind: page_view, within: 7d}}
  to: deal_owner
  repeat: {per: deal, every: 30d}
"""
CONFIG = """
run:
  quiet: {alerts: "20:00-08:00", business_days: true}"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    (made.folder / "mappings" / "alerts.yaml").write_text(ALERTS, encoding="utf-8")
    edit(made, "\nrun:", CONFIG)
    yield made
    made.close()


def edit(world: World, old: str, new: str) -> None:
    path = world.folder / "config.yaml"
    content = path.read_text(encoding="utf-8")
    assert old in content
    path.write_text(content.replace(old, new), encoding="utf-8")
    world.restart()


def run_at(world: World, month: int, day: int, hour: int) -> int:
    """A run at that time of 2026 in Tokyo; how many alerts there are then."""
    world.pass_time(datetime(2026, month, day, hour, tzinfo=TOKYO) - world.now)
    world.run()
    return len(world.sfa.alerts)


def deal_of_taro(world: World) -> None:
    contact = world.sfa.add_person(email="taro@alpha.co.jp", family_name="山田")
    since = datetime(2026, 4, 17, 10, tzinfo=TOKYO)  # a Friday
    owner = world.sfa.add_owner("営業")
    world.sfa.add_deal("案件", stage="提案", stage_since=since, owner_id=owner, people=(contact.id,))


def test_the_owner_is_told_when_the_20th_business_day_has_come_and_not_by_the_calendar(world: World) -> None:
    deal_of_taro(world)

    assert run_at(world, 4, 17, 12) == 0
    assert run_at(world, 5, 15, 12) == 0, "without the holidays this would be the 20th"
    assert run_at(world, 5, 20, 23) == 0
    assert run_at(world, 5, 21, 7) == 0, "due, but it is early"
    assert run_at(world, 5, 21, 8) == 1
    (alert,) = world.sfa.alerts.values()
    assert str(alert.due_on) == "2026-05-25", "two business days after a Thursday"
    assert run_at(world, 5, 22, 12) == 1


def test_a_day_on_which_the_company_is_closed_counts_for_nothing(world: World) -> None:
    edit(world, "\nrun:", "\ncalendar: {closed: [05-21]}\nrun:")
    deal_of_taro(world)

    assert run_at(world, 4, 17, 12) == 0
    assert run_at(world, 5, 21, 12) == 0
    assert run_at(world, 5, 22, 9) == 1


def test_what_stirs_on_a_closed_day_is_told_on_the_next_business_day(world: World) -> None:
    deal_of_taro(world)
    visitor = world.ma.add_person(email="taro@alpha.co.jp", family_name="山田")
    assert run_at(world, 5, 1, 12) == 0
    world.ma.add_touchpoint(visitor, Kind.PAGE_VIEW, datetime(2026, 5, 2, 9, tzinfo=TOKYO))

    assert run_at(world, 5, 2, 12) == 0, "a Saturday"
    assert run_at(world, 5, 6, 12) == 0, "振替休日"
    assert run_at(world, 5, 7, 7) == 0
    assert run_at(world, 5, 7, 9) == 1


BUDGETS = """
- id: new_budget
  when: {deal: {state: lost, lost_reason: 予算なし, closed: {gte: 1fy}}}
  list: 新年度
"""


def test_who_had_no_budget_is_asked_again_in_the_next_fiscal_year(world: World) -> None:
    (world.folder / "mappings" / "nurture.yaml").write_text(BUDGETS, encoding="utf-8")
    edit(world, "\nrun:", "\ncalendar: {fiscal_year: 04-01}\nrun:")
    for name, lost in (("taro", datetime(2026, 3, 30, tzinfo=TOKYO)), ("jiro", datetime(2026, 4, 1, tzinfo=TOKYO))):
        contact = world.sfa.add_person(email=f"{name}@alpha.co.jp", family_name=name)
        world.ma.add_person(email=f"{name}@alpha.co.jp", family_name=name)
        world.sfa.add_deal(name, state=DealState.LOST, lost_reason="予算なし", closed_at=lost, people=(contact.id,))

    def listed() -> set[object]:
        return {world.ma.people[id_].fields["email"] for id_ in world.ma.lists["新年度"]}

    run_at(world, 4, 1, 12)
    assert listed() == {"taro@alpha.co.jp"}, "the year of whose loss is over"
    world.pass_time(datetime(2027, 3, 31, 23, tzinfo=TOKYO) - world.now)
    world.run()
    assert listed() == {"taro@alpha.co.jp"}
    world.pass_time(timedelta(hours=1))
    world.run()
    assert listed() == {"taro@alpha.co.jp", "jiro@alpha.co.jp"}
