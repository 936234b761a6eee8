"""A plan in a file is applied as it is: what has drifted since is left out and named, and nothing else goes along."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from connector.adapters.memory import SYSTEMS, System
from connector.cli import cli
from connector.model import Kind, Person

CONFIG = "systems:\n  ma: {type: memory, role: ma}\n  sfa: {type: memory, role: sfa}\n"
PEOPLE = "- {in: sfa, object: person, fields: {touchpoints.count: {to: visits, wins: ma}}}\n"


@pytest.fixture
def sfa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """Two people who are to get one visit and two."""
    configure(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    ma, made = SYSTEMS.setdefault("ma", System("ma")), SYSTEMS.setdefault("sfa", System("sfa"))
    for visits, name in enumerate(("taro", "hanako"), 1):
        visitor = ma.add_person(email=f"{name}@alpha.co.jp")
        made.add_person(email=f"{name}@alpha.co.jp", visits=7)
        for day in range(visits):
            ma.add_touchpoint(visitor, Kind.PAGE_VIEW, ma.now - timedelta(days=1 + day))
    yield made
    SYSTEMS.clear()


def configure(folder: Path) -> None:
    (folder / "mappings").mkdir(parents=True)
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "mappings" / "people.yaml").write_text(PEOPLE, encoding="utf-8")


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def plan(*options: str) -> None:
    result = call("plan", "--out", "p.json", *options)
    assert result.exit_code == 0, result.output
    assert "holds personal data" in result.stdout


def apply(exit_code: int = 0) -> dict[str, Any]:
    result = call("apply", "p.json", "--json")
    assert result.exit_code == exit_code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def person(sfa: System, name: str) -> Person:
    return next(each for each in sfa.people.values() if str(each.fields["email"]).startswith(name))


def visits(sfa: System) -> list[object]:
    return [person(sfa, name).fields["visits"] for name in ("taro", "hanako")]


def test_the_plan_is_sent_once(sfa: System, tmp_path: Path) -> None:
    plan()
    assert (tmp_path / "p.json").stat().st_mode & 0o777 == 0o600
    assert visits(sfa) == [7, 7]

    first = apply()
    assert (visits(sfa), first["report"]["sent"], first["skipped"]) == ([1, 2], 2, [])

    second = apply()
    assert (second["report"]["sent"], second["done_before"], second["skipped"]) == (0, 2, [])
    assert json.loads(call("run", "--json").stdout)["sent"] == 0, "the next run finds nothing left to do"


def test_only_what_the_plan_holds_is_sent(sfa: System) -> None:
    plan("--select", "person=taro@alpha.co.jp")

    apply()

    assert visits(sfa) == [1, 7]
    assert json.loads(call("run", "--json").stdout)["sent"] == 1
    assert visits(sfa) == [1, 2]


def test_a_record_that_was_touched_since_is_skipped_and_named(sfa: System) -> None:
    plan()
    sfa.edit_person(person(sfa, "hanako").ref, visits=8)

    result = call("apply", "p.json")

    assert result.exit_code == 3, result.output
    assert visits(sfa) == [1, 8]
    ref = person(sfa, "hanako").ref
    assert f"? {ref}  visits: 7 → 2: what stands there has changed since the plan" in result.stdout
    assert "1 of 2 changes sent, 0 done before, 1 skipped" in result.stdout


def test_who_is_to_get_something_else_by_now_is_skipped(sfa: System) -> None:
    plan()
    ma = SYSTEMS["ma"]
    ma.add_touchpoint(person(ma, "hanako").ref, Kind.DOWNLOAD)

    assert [each["code"] for each in apply(3)["skipped"]] == ["wish"]
    assert visits(sfa) == [1, 7]


def test_what_is_there_already_is_wanted_no_more(sfa: System) -> None:
    plan()
    sfa.edit_person(person(sfa, "taro").ref, visits=1)

    assert [each["code"] for each in apply(3)["skipped"]] == ["unwanted"]
    assert visits(sfa) == [1, 2]


def test_a_system_that_cannot_be_read_gets_nothing(sfa: System) -> None:
    plan()
    sfa.down = True

    assert [each["code"] for each in apply(1)["skipped"]] == ["unread", "unread"]


def test_what_the_brake_held_is_in_the_plan_and_the_brake_holds_it_again(sfa: System, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG + "run: {guards: {at_least: 1}}\n", encoding="utf-8")
    assert call("run").exit_code == 5
    plan()

    assert apply(5)["report"]["sent"] == 0
    assert visits(sfa) == [7, 7]
    assert call("apply", "p.json", "--force", "read by Sato").exit_code == 0
    assert visits(sfa) == [1, 2]


def test_nobody_turned_because_a_plan_was_applied_before_the_first_run(sfa: System, tmp_path: Path) -> None:
    (tmp_path / "mappings" / "scores.yaml").write_text(
        "interest:\n  rules: [{id: web, touchpoint: page_view, within: 30y, points: 10}]\n  bands: {hot: 10}\n",
        encoding="utf-8",
    )
    (tmp_path / "mappings" / "alerts.yaml").write_text(
        "- {id: hot, when: {score.interest: {turned: hot}}, to: person_owner, else_to: '1', repeat: {per: person,"
        " every: 7d}}\n",
        encoding="utf-8",
    )
    plan("--select", "person=taro@alpha.co.jp")
    apply()

    assert call("run").exit_code == 0
    assert sfa.alerts == {}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ("configuration", "the configuration has changed since this plan was made"),
        ("store", "is a plan of another store"),
        ("format", "is a plan of another version of this program"),
        ("changes", "is no plan, or is damaged"),
        ("json", "is no plan, or is damaged"),
        ("missing", "cannot be read"),
    ],
)
def test_a_plan_of_something_else_is_refused(sfa: System, tmp_path: Path, spoil: str, says: str) -> None:
    plan()
    file = tmp_path / "p.json"
    if spoil == "configuration":
        (tmp_path / "config.yaml").write_text(CONFIG + "language: en\n", encoding="utf-8")
    elif spoil == "store":
        configure(tmp_path / "other")
        assert call("plan", "-c", "other/config.yaml", "--out", "p.json").exit_code == 0
    elif spoil == "missing":
        file.unlink()
    elif spoil == "json":
        file.write_text("no", encoding="utf-8")
    else:
        found = json.loads(file.read_bytes()) | {spoil: 99}
        file.write_text(json.dumps(found), encoding="utf-8")

    result = call("apply", "p.json")

    assert says in str(result.exception)
    assert visits(sfa) == [7, 7]


def test_a_plan_of_another_time_is_not_written(sfa: System, tmp_path: Path) -> None:
    assert sfa.people
    assert call("plan", "--out", "p.json", "--as-of", "2026-01-01T00:00:00").exit_code == 2
    assert not (tmp_path / "p.json").exists()


def test_it_speaks_japanese(sfa: System, monkeypatch: pytest.MonkeyPatch) -> None:
    plan()
    monkeypatch.setenv("CONNECTOR_LANG", "ja")
    sfa.edit_person(person(sfa, "taro").ref, visits=3)

    assert "計画の後に現在の値が変わりました" in call("apply", "p.json").stdout
