"""What would be written otherwise if another configuration were in use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
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
    configure(tmp_path / "a")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    ma, made = SYSTEMS.setdefault("ma", System("ma")), SYSTEMS.setdefault("sfa", System("sfa"))
    visitor = ma.add_person(email="taro@alpha.co.jp")
    made.add_person(email="taro@alpha.co.jp")
    ma.add_touchpoint(visitor, Kind.PAGE_VIEW, ma.now - timedelta(days=1))
    yield made
    SYSTEMS.clear()


def configure(folder: Path, people: str = PEOPLE) -> None:
    (folder / "mappings").mkdir(parents=True)
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (folder / "mappings" / "people.yaml").write_text(people, encoding="utf-8")


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def test_alike_configurations_differ_in_nothing(sfa: System, tmp_path: Path) -> None:
    call("plan", "-c", "a/config.yaml")
    configure(tmp_path / "b")

    result = call("diff", "a", "b/config.yaml", "--detailed-exitcode")

    assert (result.exit_code, sfa.lists) == (0, {})
    assert "0 records differ, 1 change is the same; nothing written" in result.stdout


def test_only_the_fields_that_differ_are_told(sfa: System, tmp_path: Path) -> None:
    call("run", "-c", "a/config.yaml")
    configure(tmp_path / "b", PEOPLE.replace("touchpoints.count", "person_id"))
    before = {ref: dict(each.fields) for ref, each in sfa.people.items()}

    found = json.loads(call("diff", "a", "b", "--json").stdout)

    (difference,) = found["differences"]
    assert difference["a"] is None
    assert list(difference["b"]["after"]) == ["visits"]
    assert found["numbers"] == [{"system": "sfa", "kind": "SetFields", "a": 0, "b": 1}]
    assert {ref: dict(each.fields) for ref, each in sfa.people.items()} == before
    assert json.loads(call("plan", "-c", "a/config.yaml", "--json").stdout)["changes"] == []


def test_both_wishes_are_told_and_what_was_never_read_is_unknown(sfa: System, tmp_path: Path) -> None:
    call("plan", "-c", "a/config.yaml")
    configure(tmp_path / "b", PEOPLE.replace("to: visits", "to: times"))

    result = call("diff", "a", "b", "--detailed-exitcode")

    (person,) = sfa.people.values()
    assert result.exit_code == 2, result.output
    assert f"A ~ {person.ref}  visits: ∅ → 1" in result.stdout
    assert f"B ~ {person.ref}  times: ? → 1" in result.stdout
    assert "sfa: SetFields A 1, B 1" in result.stdout


def test_who_would_be_created_is_told_though_no_system_is_asked(sfa: System, tmp_path: Path) -> None:
    ma = SYSTEMS["ma"]
    ma.add_touchpoint(ma.add_person(email="hanako@beta.co.jp"), Kind.PAGE_VIEW, datetime.now(UTC) - timedelta(days=1))
    call("plan", "-c", "a/config.yaml")
    create = "key: ma_id, create: {object: person, when: {touchpoint: {kind: page_view, within: 30d}}}"
    people = PEOPLE.replace("fields:", f"{create}, fields:")
    configure(tmp_path / "b", people)

    found = json.loads(call("diff", "a", "b", "--json").stdout)

    assert {"system": "sfa", "kind": "CreatePerson", "a": 0, "b": 1} in found["numbers"]


def test_an_empty_store_is_told(sfa: System, tmp_path: Path) -> None:
    configure(tmp_path / "b")

    result = call("diff", "a", "b")

    assert sfa.people
    assert "nobody is known in the store of the first configuration" in str(result.exception)
