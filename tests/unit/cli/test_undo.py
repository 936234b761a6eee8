"""How `undo` and `reconcile` look to the administrator, and how they end."""

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
PEOPLE = "- {in: sfa, object: person, fields: {touchpoints.count: {to: visits, wins: ma}}}\n"


@pytest.fixture
def sfa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "mappings" / "people.yaml").write_text(PEOPLE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    ma, made = SYSTEMS.setdefault("ma", System("ma")), SYSTEMS.setdefault("sfa", System("sfa"))
    visitor = ma.add_person(email="taro@alpha.co.jp")
    made.add_person(email="taro@alpha.co.jp", visits=7)
    ma.add_touchpoint(visitor, Kind.PAGE_VIEW, ma.now - timedelta(days=1))
    yield made
    SYSTEMS.clear()


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def run() -> str:
    result = call("run", "--json")
    assert result.exit_code == 0, result.output
    return str(json.loads(result.stdout)["run"])


def visits(sfa: System) -> object:
    (person,) = sfa.people.values()
    return person.fields["visits"]


def test_without_a_yes_it_only_shows_and_ends_with_2(sfa: System) -> None:
    id_ = run()
    assert visits(sfa) == 1

    result = call("undo", id_)

    assert result.exit_code == 2, result.output
    assert "visits: 1 → 7" in result.stdout
    assert "nothing was sent; --yes does it" in result.stdout
    assert visits(sfa) == 1


def test_with_a_yes_it_takes_back_and_status_tells(sfa: System) -> None:
    id_ = run()

    result = call("undo", id_, "--yes")

    assert result.exit_code == 0, result.output
    assert visits(sfa) == 7
    assert f"run {id_} is taken back by run" in result.stdout
    assert f"takes back {id_}" in call("status").stdout
    assert call("undo", id_).exit_code == 0


def test_as_data_it_names_what_stays_and_why(sfa: System) -> None:
    id_ = run()
    (person,) = sfa.people.values()
    sfa.edit_person(person.ref, visits=99)

    found = json.loads(call("undo", id_, "--json").stdout)

    assert found["changes"] == []
    assert [(left["code"], left["field"]) for left in found["left"]] == [("touched", "visits")]


def test_it_speaks_japanese(sfa: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_LANG", "ja")

    result = call("undo", run())

    assert visits(sfa) == 1
    assert "まだ何も送信していません" in result.stdout


def test_a_run_that_never_was_is_told(sfa: System) -> None:
    result = call("undo", "nonsense", "--yes")

    assert sfa.people
    assert result.exit_code != 0
    assert "there is no run 'nonsense'" in str(result.exception)


def test_reconcile_counts_every_sign_and_names_what_differs(sfa: System) -> None:
    run()
    run()
    (person,) = sfa.people.values()
    sfa.edit_person(person.ref, visits=99)

    result = call("reconcile", "sfa", "--no-pull", "--detailed-exitcode")

    assert result.exit_code == 2, result.output
    assert f"~ {person.ref}  visits: 1 → 99 (we wrote 1)" in result.stdout
    assert "1 record differs in fields that we wrote" in result.stdout
    run()
    assert visits(sfa) == 1
    again = call("reconcile", "--json", "--detailed-exitcode")
    assert again.exit_code == 0
    counts = {each["system"]: each["counts"] for each in json.loads(again.stdout)["systems"]}
    assert counts["sfa"] == [{"object": "person", "=": 1}]
