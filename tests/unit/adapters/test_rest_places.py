from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connector.adapters.rest import places
from connector.adapters.rest.places import Times, UnreadableError

TOKYO = ZoneInfo("Asia/Tokyo")
ROW: dict[str, Any] = {
    "id": 7,
    "owner": {"id": 3},
    "contacts": [{"id": 1}, {"id": 2}, {"name": "?"}],
    "tags": ["a", None, "b"],
    "a.b": "dot",
    "blank": " ",
    "yes": True,
}


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("id", 7),
        ("owner.id", 3),
        ("contacts.id", [1, 2]),
        ("a.b", "dot"),
        ("gone", None),
        ("id.x", None),
        ("", ROW),
    ],
)
def test_places(place: str, found: object) -> None:
    assert places.at(ROW, place) == found


def test_values_are_plain() -> None:
    assert places.value(ROW, "tags") == "a;b"
    assert (places.said(ROW, "id"), places.said(ROW, "blank"), places.said(ROW, "yes")) == ("7", None, "true")
    for place in ("owner", "contacts"):
        with pytest.raises(UnreadableError, match="block of fields"):
            places.value(ROW, place)


@pytest.mark.parametrize(
    ("found", "truth"), [(True, True), ("1", True), ("No", False), (0, False), (None, None), ("TRUE", True)]
)
def test_truth(found: Any, truth: bool | None) -> None:
    assert places.truth(found, "x") is truth


@pytest.mark.parametrize("found", ["不可", "", 2])
def test_what_is_neither_true_nor_false_is_not_guessed(found: Any) -> None:
    with pytest.raises(UnreadableError):
        places.truth(found, "x")


@pytest.mark.parametrize("found", ["12", 12, 12.0, "12.0"])
def test_numbers(found: Any) -> None:
    assert places.number({"n": found}, "n") == 12.0


@pytest.mark.parametrize("found", ["dozen", float("nan"), "inf"])
def test_what_is_no_number(found: Any) -> None:
    with pytest.raises(UnreadableError):
        places.number({"n": found}, "n")


NOON = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spelling", "written"),
    [
        ("iso", "2026-04-01T12:00:00+09:00"),
        ("iso", "2026-04-01T03:00:00Z"),
        ("iso", "2026-04-01T12:00:00"),
        ("iso", "2026-04-01"),
        ("epoch", 1775012400),
        ("epoch_ms", "1775012400000"),
        ("%Y/%m/%d %H:%M", "2026/04/01 12:00"),
    ],
)
def test_times_are_read(spelling: str, written: Any) -> None:
    times = Times(spelling, "%Y-%m-%d", TOKYO)
    assert times.moment({"at": written}, "at") == NOON
    assert times.day({"at": written}, "at") == date(2026, 4, 1)


@pytest.mark.parametrize(
    ("spelling", "written"),
    [
        ("iso", "2026-04-01T12:00:00+09:00"),
        ("epoch", 1775012400),
        ("epoch_ms", 1775012400000),
        ("%Y/%m/%d %H:%M", "2026/04/01 12:00"),
    ],
)
def test_times_are_written(spelling: str, written: Any) -> None:
    times = Times(spelling, "%Y/%m/%d", TOKYO)
    moment = NOON.replace(second=0, microsecond=999)
    assert times.spell(moment) == written
    assert times.written(moment, day=True) == times.written(date(2026, 4, 1)) == "2026/04/01"
    assert times.told(NOON.replace(second=0)) == NOON


@pytest.mark.parametrize(("spelling", "written"), [("iso", "昨日"), ("iso", 5), ("epoch", "x"), ("epoch", 1e30)])
def test_what_is_no_time(spelling: str, written: Any) -> None:
    with pytest.raises(UnreadableError, match="no time"):
        Times(spelling, "%Y-%m-%d", TOKYO).moment({"at": written}, "at")


def test_minutes_are_told_as_minutes() -> None:
    times = Times("%Y/%m/%d %H:%M", "%Y/%m/%d", TOKYO)
    assert times.told(NOON.replace(second=40)) == NOON
