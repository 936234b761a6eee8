"""A new field announces itself and is filled last; `backfill` tells the cost, and goes further back on timelines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner, Result

from connector.adapters.memory import SYSTEMS, System
from connector.changes import AnyChange
from connector.cli import cli
from connector.engine.app import now
from connector.errors import ConnectorError
from connector.model import Kind, Ref
from connector.ports import Receipt

CONFIG = "systems:\n  ma: {type: memory, role: ma}\n  sfa: {type: memory, role: sfa}\n"
VISITS = "touchpoints.count: {to: visits, wins: ma}"
LAST = "touchpoints.last: {to: last, wins: ma}"
TIMELINE = "timeline: {to: entry, kinds: [seminar_attended], since: 30d}"


class Watched(System):
    """An SFA that remembers in which order it was written to."""

    order: list[str]

    def carry_out(self, change: AnyChange) -> Receipt:
        self.order.append(change.key)
        return super().carry_out(change)


def map_people(folder: Path, *fields: str, rest: str = "") -> None:
    text = f"- {{in: sfa, object: person, fields: {{{', '.join(fields)}}}{', ' + rest if rest else ''}}}\n"
    (folder / "mappings" / "people.yaml").write_text(text, encoding="utf-8")


@pytest.fixture
def sfa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    map_people(tmp_path, VISITS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    at = now()  # the window of a timeline is seen from today
    SYSTEMS["ma"], SYSTEMS["sfa"] = System("ma", now=at), (made := Watched("sfa", now=at))
    made.order = []
    for name in NAMES:
        visitor = SYSTEMS["ma"].add_person(email=f"{name}@alpha.co.jp")
        made.add_person(email=f"{name}@alpha.co.jp")
        for days in (1, 60, 200):
            SYSTEMS["ma"].add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, made.now - timedelta(days=days))
    yield made
    SYSTEMS.clear()


NAMES = ("taro", "hanako", "jiro")


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def data(*words: str) -> dict[str, Any]:
    result = call(*words, "--json")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return dict(json.loads(result.stdout))


def lanes(plan: dict[str, Any]) -> set[str]:
    return {change["lane"] for change in plan["changes"]}


def record(sfa: System, name: str) -> Ref:
    return next(each.ref for each in sfa.people.values() if each.fields["email"] == f"{name}@alpha.co.jp")


def test_nothing_is_new_in_a_first_run(sfa: Watched) -> None:
    assert lanes(data("plan")) == {"fields"}
    assert data("run")["filling"] == []
    assert call("backfill").stdout == "nothing to fill\n"


def test_plan_and_run_announce_a_new_field_with_records_and_calls(sfa: Watched, tmp_path: Path) -> None:
    call("run")
    map_people(tmp_path, VISITS, LAST)

    shown = call("plan").stdout
    assert "sfa: new fields last: 3 records to fill, 1 API call; sent last (lane backfill)\n" in shown
    assert lanes(data("plan", "--no-pull")) == {"backfill"}

    ran = call("run").stdout
    assert "sfa: new fields last: filled in 3 records, 0 wait (lane backfill" in ran
    assert all(person.fields["last"] for person in sfa.people.values())


def test_once_filled_the_field_is_as_any_other_and_is_not_told_of_again(sfa: Watched, tmp_path: Path) -> None:
    call("run")
    map_people(tmp_path, VISITS, LAST)
    call("run")
    sfa.add_person(email="new@alpha.co.jp")
    visitor = SYSTEMS["ma"].add_person(email="new@alpha.co.jp")
    SYSTEMS["ma"].add_touchpoint(visitor, Kind.PAGE_VIEW)

    assert "new fields" not in call("run").stdout
    assert call("backfill").stdout == "nothing to fill\n"


def test_a_new_field_goes_after_what_is_not_new(sfa: Watched, tmp_path: Path) -> None:
    call("run")
    map_people(tmp_path, VISITS, LAST)
    last = max((person.ref for person in sfa.people.values()), key=str)
    email = str(sfa.people[last.id].fields["email"])
    visitor = next(each.ref for each in SYSTEMS["ma"].people.values() if each.fields["email"] == email)
    SYSTEMS["ma"].add_touchpoint(visitor, Kind.PAGE_VIEW, sfa.now - timedelta(hours=1))
    sfa.order.clear()

    call("run")

    assert sfa.order[0] == f"set:{last}"  # its count moved, too
    assert len(sfa.order) == 3


def test_what_could_not_be_sent_stays_in_the_lane_until_it_is(sfa: Watched, tmp_path: Path) -> None:
    call("run")
    map_people(tmp_path, VISITS, LAST)
    sfa.dies_after = 0

    assert "filled in 0 records, 3 wait" in call("run").stdout

    sfa.down = False
    assert lanes({"changes": data("plan")["held"]}) == {"backfill"}
    assert "filled in 3 records, 0 wait" in call("run").stdout


def test_one_record_that_is_refused_does_not_keep_the_others_filling(sfa: Watched, tmp_path: Path) -> None:
    call("run")
    sfa.refuses.add(record(sfa, "taro").id)
    map_people(tmp_path, VISITS, LAST)
    assert call("run").exit_code == 3

    assert "filled in" not in call("run").stdout
    visitor = next(each.ref for each in SYSTEMS["ma"].people.values() if each.fields["email"] == "hanako@alpha.co.jp")
    SYSTEMS["ma"].add_touchpoint(visitor, Kind.PAGE_VIEW, sfa.now - timedelta(hours=1))
    assert lanes(data("plan")) == {"fields"}
    # It is the wish that was refused, in whatever lane it would go now: it stays parked.
    assert call("run").exit_code == 0
    (cause,) = data("errors")["parked"]
    assert cause["count"] == 1


def test_a_no_to_mail_is_not_put_off(sfa: Watched, tmp_path: Path) -> None:
    call("run")
    visitor = next(iter(SYSTEMS["ma"].people.values())).ref
    SYSTEMS["ma"].edit_person(visitor, opted_out=True)
    map_people(tmp_path, VISITS, "opted_out: {to: no_mail, wins: strictest}")

    assert lanes(data("plan")) == {"protect"}


def test_backfill_tells_the_cost_first_and_writes_nothing(sfa: Watched, tmp_path: Path) -> None:
    call("run")
    map_people(tmp_path, VISITS, LAST)
    sfa.order.clear()

    shown = call("backfill")
    assert shown.exit_code == 0
    assert shown.stdout.startswith("sfa: last: 3 records to fill, 1 API call\nthe next runs fill them")
    for words in (["--field", "last"], ["--field", "touchpoints.last"]):
        assert data("backfill", *words)["systems"] == [
            {"system": "sfa", "fields": ["last"], "records": 3, "calls": 1, "left": None, "days": None}
        ]
    assert data("backfill", "--person", "taro@alpha.co.jp")["systems"][0]["records"] == 1
    assert data("backfill", "--field", "visits")["systems"] == []
    assert data("backfill", "--system", "ma")["systems"] == []
    assert sfa.order == []


def test_a_field_that_nobody_maps_is_said_so(sfa: Watched) -> None:
    failed = call("backfill", "--field", "shoe_size").exception
    assert isinstance(failed, ConnectorError)
    assert "no mapping names the field" in str(failed)


@pytest.fixture
def shown_before(sfa: Watched, tmp_path: Path) -> Watched:
    """A timeline with a window of 30 days: one entry of three for each."""
    map_people(tmp_path, VISITS, rest=TIMELINE)
    call("run")
    assert len(sfa.timeline) == 3
    return sfa


def test_older_entries_are_counted_first(shown_before: Watched) -> None:
    oldest = (now() - timedelta(days=200)).astimezone(ZoneInfo("Asia/Tokyo"))
    shown = call("backfill", "--since", "90d")

    assert shown.exit_code == 2
    assert shown.stdout.splitlines() == [
        "sfa: 3 timeline entries, 1 API call",
        f"the oldest touchpoint known here is of {oldest:%Y-%m-%d}; for older ones see `connector reconcile`",
        "nothing was written down; --yes does it",
    ]
    call("run")
    assert len(shown_before.timeline) == 3


@pytest.mark.parametrize(("since", "entries"), [("20d", 3), ("90d", 6), ("1y", 9)])
def test_older_entries_are_sent_once_by_the_next_run(shown_before: Watched, since: str, entries: int) -> None:
    assert call("backfill", "--since", since, "--yes").exit_code == 0
    assert data("backfill", "--since", since, "--yes")["systems"] == []
    call("run")

    assert len(shown_before.timeline) == entries
    assert data("backfill", "--since", since, "--yes")["systems"] == []
    call("run")
    assert len(shown_before.timeline) == entries


def test_older_entries_of_one_person(shown_before: Watched) -> None:
    call("backfill", "--since", "1y", "--person", "taro@alpha.co.jp", "--yes")
    call("run")

    taro = record(shown_before, "taro")
    assert [entry.person == taro for entry in shown_before.timeline.values()].count(True) == 3
    assert len(shown_before.timeline) == 5


@pytest.mark.parametrize(
    "words",
    [["--field", "last", "--since", "1y"], ["--yes"], ["--since", "1y", "--yes", "--dry-run"], ["--since", "x"]],
)
def test_what_makes_no_sense_is_refused(sfa: Watched, words: list[str]) -> None:
    assert call("backfill", *words).exit_code == 2


@pytest.fixture
def braked(shown_before: Watched, tmp_path: Path) -> Watched:
    map_people(tmp_path, VISITS, LAST, rest=TIMELINE)
    (tmp_path / "config.yaml").write_text(f"{CONFIG}run: {{guards: {{at_least: 1}}}}\n", encoding="utf-8")
    return shown_before


@pytest.mark.usefixtures("braked")
def test_when_the_brake_would_stop_it_that_is_said_beforehand() -> None:
    shown = call("backfill").stdout

    assert "the next run would stop: sfa: " in shown
    assert "`connector run --force REASON`" in shown
    assert data("backfill")["brake"]


@pytest.mark.parametrize("words", [[], ["--yes"]])
def test_more_entries_than_the_brake_allows_are_not_written_down(
    braked: Watched, tmp_path: Path, words: list[str]
) -> None:
    result = call("backfill", "--since", "1y", *words)

    assert result.exit_code == 5
    assert "the next run would stop: sfa: " in result.stdout
    assert "nothing was written down; take fewer" in result.stdout
    map_people(tmp_path, VISITS, rest=TIMELINE)
    before = len(braked.timeline)
    assert call("run").exit_code == 0
    assert len(braked.timeline) == before
