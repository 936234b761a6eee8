"""How a plan looks to the administrator who reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from connector.adapters.memory import SYSTEMS, System
from connector.cli import cli
from connector.model import Kind

CONFIG = "systems:\n  ma: {type: memory, role: ma}\n  sfa: {type: memory, role: sfa}\n"
PEOPLE = "- {in: sfa, object: person, fields: {touchpoints.recent: {to: recent, wins: ma}}}\n"


@pytest.fixture(autouse=True)
def two_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "mappings" / "people.yaml").write_text(PEOPLE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    ma, sfa = SYSTEMS.setdefault("ma", System("ma")), SYSTEMS.setdefault("sfa", System("sfa"))
    visitor = ma.add_person(email="taro@alpha.co.jp")
    sfa.add_person(email="taro@alpha.co.jp")
    for day in (1, 2):
        ma.add_touchpoint(visitor, Kind.PAGE_VIEW, ma.now - timedelta(days=day), label=f"頁{day}")
    yield
    SYSTEMS.clear()


def test_a_value_of_several_lines_stays_on_one(two_systems: None) -> None:
    result = CliRunner().invoke(cli, ["plan"])

    assert result.exit_code == 0, result.output
    (line,) = [each for each in result.stdout.splitlines() if "recent" in each]
    assert "∅ → " in line
    assert "Web閲覧: 頁1 ⏎ " in line


def test_streams_in_which_nothing_was_are_told_in_one_line(two_systems: None) -> None:
    shown = CliRunner().invoke(cli, ["plan"]).stdout.splitlines()

    read = [line.split()[:3] for line in shown if line.startswith(("ma ", "sfa "))]
    assert read == [["ma", "people", "1"], ["ma", "touchpoints", "2"], ["sfa", "people", "1"]]
    assert "7 more streams: 0 records" in shown


def plan(*options: str) -> Result:
    result = CliRunner().invoke(cli, ["plan", *options])
    assert result.exit_code == 0, result.output
    return result


def test_a_field_that_its_rule_keeps_is_told_with_what_the_other_side_says(two_systems: None, tmp_path: Path) -> None:
    more = "title: {to: title, wins: sfa_unless_blank}, touchpoints.recent"
    (tmp_path / "mappings" / "people.yaml").write_text(PEOPLE.replace("touchpoints.recent", more), encoding="utf-8")
    (theirs,) = SYSTEMS["sfa"].people.values()
    (ours,) = SYSTEMS["ma"].people.values()
    SYSTEMS["sfa"].edit_person(theirs.ref, title="部長")
    SYSTEMS["ma"].edit_person(ours.ref, title="課長")

    assert f"= {theirs.ref}  title: 部長 (not 課長)   [title sfa_unless_blank]" in plan().stdout
    (kept,) = json.loads(plan("--json").stdout)["kept"]
    assert (kept["value"], kept["other"], kept["wins"]) == ("部長", "課長", "sfa_unless_blank")


def test_what_was_never_read_is_not_told_as_none(two_systems: None, tmp_path: Path) -> None:
    plan()
    renamed = PEOPLE.replace("to: recent", "to: never_read")
    (tmp_path / "mappings" / "people.yaml").write_text(renamed, encoding="utf-8")

    assert "never_read: ? → " in plan("--no-pull").stdout
    (change,) = json.loads(plan("--no-pull", "--json").stdout)["changes"]
    assert (change["before"], list(change["after"])) == ({}, ["never_read"])


def test_the_ledger_and_the_cost_beside_what_is_left_are_told(two_systems: None) -> None:
    result = plan()

    assert "sfa: 1 API call\n" in result.stdout, "a system in memory grants no number of calls"
    (line,) = [each.split() for each in result.stdout.splitlines() if each.startswith("ma ") and "touchpoints" in each]
    assert line == ["ma", "touchpoints", "2", "2", "0", "0", "0", "0"]
    assert json.loads(plan("--json").stdout)["left"] == {"ma": None, "sfa": None}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["rule=touchpoints.recent"], 1),
        (["rule=identity"], 0),
        (["system=sfa"], 1),
        (["system=ma"], 0),
        (["system=sfa", "system=ma"], 1),
        (["system=sfa", "rule=identity"], 0),
        (["person=taro@alpha.co.jp"], 1),
        (["person=hanako@alpha.co.jp"], 0),
    ],
)
def test_a_part_of_the_plan_is_selected(two_systems: None, words: list[str], found: int) -> None:
    SYSTEMS["ma"].add_person(email="hanako@alpha.co.jp")
    plan()

    told = json.loads(plan("--json", *(part for word in words for part in ("--select", word))).stdout)

    assert len(told["changes"]) == found


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("rule=touchpoint.recent", "there is no rule 'touchpoint.recent' → did you mean 'touchpoints.recent'"),
        ("system=sfx", "there is no system 'sfx' → did you mean 'sfa'"),
        ("person=nobody@alpha.co.jp", "nobody is known by that"),
        ("sfa", "rule=ID, system=NAME or person=ID"),
    ],
)
def test_what_selects_nothing_is_refused(two_systems: None, word: str, says: str) -> None:
    result = CliRunner().invoke(cli, ["plan", "--select", word])

    assert says in str(result.exception)
