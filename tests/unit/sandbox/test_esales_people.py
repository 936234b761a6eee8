"""What people do past HTTP in either emulated e-Sales Manager: the same rules, and stamps that tell of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.sandbox.clock import Clock
from connector.sandbox.esales import EsmEmulator, Refusal, RemixEmulator, RemixSettings
from tests.unit.sandbox.esales_client import CARD, EsmCaller, RemixCaller, where

START = datetime(2026, 11, 1, 3, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def remix() -> RemixEmulator:
    remix = RemixEmulator(clock=Clock(START, ticking=False), settings=RemixSettings(rows="positional"))
    remix.add_person(remix.add_customer("株式会社山田製作所"), "山田 太郎")
    return remix


@pytest.fixture
def esm() -> EsmEmulator:
    esm = EsmEmulator(clock=Clock(START, ticking=False))
    esm.add_card(esm.add_customer("株式会社山田製作所"), "山田 太郎")
    return esm


def test_remix_stamps_what_is_registered_and_changed(remix: RemixEmulator) -> None:
    remix.clock.advance(HOUR)
    remix.update("person", 1, {905: "部長", 939: "部長"})
    found = remix.get("person", 1)
    assert (found[905], found[939], found[932], found[934]) == ("部長", 2, START, START + HOUR)


def test_esm_stamps_what_is_registered_and_changed(esm: EsmEmulator) -> None:
    esm.clock.advance(HOUR)
    esm.update("businesscard", 1, {"position": "部長", f"{CARD}.department": "営業部"})
    found = esm.get("businesscard", 1)
    assert (found[f"{CARD}.position"], found[f"{CARD}.department"]) == ("部長", "営業部")
    assert (found[f"{CARD}.system_reg_date"], found[f"{CARD}.system_upd_date"]) == (START, START + HOUR)


def test_the_past_can_be_made_and_stamps_can_come_out_of_order(remix: RemixEmulator) -> None:
    with remix.stamped(START - 400 * HOUR):
        remix.add_person(1, "佐藤 花子")
    remix.add_person(1, "鈴木 一郎")
    assert [row[932] for row in remix.records("person")] == [START, START - 400 * HOUR, START]


def test_remix_may_commit_late(remix: RemixEmulator) -> None:
    caller = RemixCaller(remix)

    def seen() -> list[tuple[int, str | None]]:
        return [(row[0], row[1]) for row in caller.search("person", [928, 905]).rows]

    with remix.late_commit(30):
        remix.add_person(1, "佐藤 花子")
        remix.update("person", 1, {905: "部長"})
    assert remix.get("person", 1)[905] == "部長"
    assert len(remix.records("person")) == 2
    assert seen() == [(1, None)]
    remix.clock.advance(timedelta(seconds=30))
    assert seen() == [(1, "部長"), (2, None)]
    assert remix.get("person", 2)[934] == START


def test_esm_may_commit_late_by_order(esm: EsmEmulator) -> None:
    caller = EsmCaller(esm)
    esm.chaos.plan("late_commit", path="^businesscard$", seconds=5)
    assert caller.put("sheet/businesscard/1", {f"{CARD}.position": "部長"}).status == 200
    assert caller.get("sheet/businesscard/1").json[f"{CARD}.position"] is None
    esm.clock.advance(timedelta(seconds=5))
    assert caller.get("sheet/businesscard/1").json[f"{CARD}.position"] == "部長"


def test_a_later_write_brings_a_late_one_along(remix: RemixEmulator) -> None:
    with remix.late_commit(30):
        remix.update("person", 1, {905: "部長"})
    remix.update("person", 1, {904: "営業部"})
    assert RemixCaller(remix).search("person", [904, 905]).rows == [["営業部", "部長"]]


def test_deleting_takes_along_what_cannot_be_without_it(remix: RemixEmulator) -> None:
    deal = remix.add_deal(1, "刷新")
    activity = remix.add_activity(deal, "電話した", {405: 1})
    todo = remix.add("todo", {1402: "連絡する", 1408: deal, 1406: 1})
    remix.delete("person", 1)
    assert remix.get("communication", activity)[405] is None
    remix.delete("customer", 1)
    assert [remix.records(name) for name in ("customer", "person", "business", "communication")] == [[]] * 4
    assert [(row[1401], row[1406], row[1408]) for row in remix.todos()] == [(todo, None, None)]
    with pytest.raises(KeyError):
        remix.delete("customer", 1)


def test_esm_forgets_a_deleted_record_in_links_to_many(esm: EsmEmulator) -> None:
    other = esm.add_card(1, "佐藤 花子")
    deal = esm.add_deal(1, "刷新")
    activity = esm.add_activity(deal, "訪問した", {"relational_business_card": [1, other]})
    task = esm.add("task", {"task_name": "連絡する", "relational_business_card": [1]})
    esm.delete("businesscard", 1)
    assert esm.get("activity", activity)["activities.activity.relational_business_card"] == (other,)
    assert [row["tasks.task.id"] for row in esm.todos()] == [task]


@pytest.mark.parametrize(
    ("entity", "values"),
    [
        ("person", {903: "氏名"}),
        ("person", {902: 99, 903: "氏名"}),
        ("person", {902: 1, 903: "氏名", 939: "社長"}),
        ("person", {902: 1, 903: "氏名", 99999: "x"}),
        ("schedule", {1303: datetime(2026, 11, 1)}),  # noqa: DTZ001  a time without zone is what is refused
        ("business", {216: 1, 202: "案件", 205: "2026-11-01"}),
    ],
)
def test_the_screen_refuses_as_the_api_does(remix: RemixEmulator, entity: str, values: dict[int, Any]) -> None:
    with pytest.raises(Refusal):
        remix.add(entity, values)


def test_a_lock_binds_the_api_and_not_the_one_who_holds_it(remix: RemixEmulator) -> None:
    remix.refuse("person", 1)
    remix.update("person", 1, {905: "部長"})
    assert RemixCaller(remix).found("person", 928, where(905, text="部長")) == [1]


def test_types_that_do_not_exist_are_no_columns(remix: RemixEmulator, esm: EsmEmulator) -> None:
    with pytest.raises(ValueError, match="no type"):
        remix.add_column("person", "x", "string")
    with pytest.raises(KeyError):
        esm.add_column("businesscard", "x", "string")


def test_custom_columns_are_numbered(remix: RemixEmulator, esm: EsmEmulator) -> None:
    assert [remix.add_column(entity, "x") for entity in ("person", "business")] == [10001, 10002]
    assert [esm.add_column("businesscard", "x", kind) for kind in ("text", "textarea", "text")] == [
        f"{CARD}.type_text1",
        f"{CARD}.type_textarea1",
        f"{CARD}.type_text2",
    ]
