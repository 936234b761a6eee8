from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from connector.adapters import BUILT_IN
from connector.cli import cli
from connector.cli.adapters import offers
from connector.config import load
from connector.errors import ConfigError
from tests.packages import HOUSE, install

SOUND = "house = house_crm:House"
BROKEN = "ruin = house_crm:Ruin"


def said(*words: str, lang: str = "en") -> str:
    done = CliRunner().invoke(cli, ["--lang", lang, "adapters", *words])
    assert done.exit_code == 0, done.output
    return done.stdout


def by_type() -> dict[str, dict[str, Any]]:
    return {each["type"]: each for each in json.loads(said("--json"))}


@pytest.fixture(autouse=True)
def _own_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    monkeypatch.setenv("CONNECTOR_LOG", "warning")


def test_every_built_in_type_is_told_in_a_line() -> None:
    found = by_type()
    assert found.keys() >= BUILT_IN.keys()
    assert (found["salesforce"]["role"], found["shanon"]["role"], found["csv"]["role"]) == ("sfa", "ma", "either")
    assert found["shanon"]["writes"] == ["fields", "lists"]
    assert found["salesforce"]["writes"] == ["fields", "people", "alerts", "timeline"]
    for type_ in BUILT_IN:
        assert found[type_]["package"] is found[type_]["error"] is found[type_]["warning"] is None
        assert found[type_]["about"]


def test_one_of_another_package_is_told_with_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, SOUND)
    house = by_type()["house"]
    assert (house["package"], house["version"], house["class"]) == ("house-crm", "1.0", "house_crm:House")
    assert (house["role"], house["error"]) == ("sfa", None)
    assert house["about"] == "House CRM: the people of a company, in a program of its own."


def test_the_class_speaks_where_the_module_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = HOUSE.split("\n", 1)[1].replace("class House(Memory):", "class House(Memory):\n    '''One house.'''")
    install(tmp_path, monkeypatch, SOUND, silent)
    assert by_type()["house"]["about"] == "One house."


def test_one_that_cannot_be_loaded_is_listed_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, f"{SOUND}\n{BROKEN}")
    ruin = by_type()["ruin"]
    assert "has no attribute 'Ruin'" in ruin["error"]
    assert ruin["fix"].startswith("install house-crm again")
    assert (ruin["role"], ruin["writes"], ruin["about"]) == (None, [], "")
    assert "error: the adapter of type 'ruin' cannot be loaded from house_crm:Ruin (house-crm 1.0)" in said()
    assert "エラー: 種類 'ruin' のアダプターを house_crm:Ruin (house-crm 1.0) から読み込めません" in said(lang="ja")


def test_a_name_that_is_taken_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "csv = house_crm:House")
    csv = by_type()["csv"]
    assert csv["package"] is csv["error"] is None
    assert "claimed by house-crm 1.0" in csv["warning"]
    assert "警告: 種類 'csv' は house-crm 1.0 にもあります" in said(lang="ja")
    assert [offer.source.type for offer in offers()].count("csv") == 1


def configured(root: Path, systems: str) -> Path:
    (root / "mappings").mkdir()
    (root / "config.yaml").write_text(f"systems:\n{systems}", encoding="utf-8")
    return root / "config.yaml"


def test_lint_knows_the_options_of_another_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "package", monkeypatch, SOUND)
    good = "  ours: {type: house, tenant: tokyo}\n"
    bad = "  theirs: {type: house, tenant: 7}\n  others: {type: house, tenant: osaka, tennant: x}\n"
    with pytest.raises(ConfigError) as caught:
        load(configured(tmp_path, good + bad))
    assert [(p.line, str(p.what), str(p.fix)) for p in caught.value.problems] == [
        (3, "tenant: must be text (7)", "None"),
        (4, "unknown key 'tennant'", "did you mean 'tenant'?"),
    ]


def test_lint_tells_of_an_adapter_that_cannot_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "package", monkeypatch, BROKEN)
    with pytest.raises(ConfigError, match="2:16: the adapter of type 'ruin' cannot be loaded"):
        load(configured(tmp_path, "  ours: {type: ruin}\n"))


def test_lint_warns_of_a_name_that_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "package", monkeypatch, "memory = house_crm:House")
    warning, _ = load(configured(tmp_path, "  ours: {type: memory, role: sfa}\n")).warnings  # and no mappings
    assert (warning.line, warning.severity) == (2, "warning")
    assert "claimed by house-crm 1.0" in str(warning)
