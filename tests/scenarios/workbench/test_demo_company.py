"""The administrator's workbench on the demo's company, through the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from connector.cli import cli
from connector.demo.systems import Systems, systems
from connector.demo.world import configure
from connector.sandbox.clock import Clock

CONTACTS = 2


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Systems]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    with systems(1, Clock()) as running:
        configure(tmp_path, running)
        yield running


def call(*words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, list(words))
    assert result.exit_code == code, (result.output, result.exception)
    return result


def scored(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Contacts of Salesforce that get a score and have none yet."""
    return [
        change
        for change in found["changes"]
        if change["kind"] == "SetFields"
        and change["record"].startswith("salesforce/Contact/")
        and change["after"].get("MA_Score__c")
    ]


def but(record: str, printed: str) -> list[str]:
    """What was printed, without the record that somebody edited: its history is not kept."""
    return [line for line in printed.splitlines() if record not in line]


@pytest.mark.timeout(600)
def test_a_part_of_the_plan_is_applied_a_touched_record_is_left_and_the_day_before_stays_the_same(
    company: Systems, tmp_path: Path
) -> None:
    whole = json.loads(call("plan", "--json").stdout)
    two = scored(whole)[:CONTACTS]
    ids = [change["record"].rpartition("/")[2] for change in two]
    chosen = [part for change in two for part in ("--select", f"person={change['person']}")]
    then = datetime.now(UTC).isoformat(timespec="seconds")
    call(
        "plan",
        "--no-pull",
        *chosen,
        "--select",
        "rule=score.interest",
        "--select",
        "system=salesforce",
        "--out",
        "plan.json",
    )
    before = call("plan", "--as-of", then, "--limit", "0").stdout
    company.org.update("Contact", ids[1], {"MA_Score__c": 77})

    result = call("apply", "plan.json", code=3)

    assert "1 of 2 changes sent, 0 done before, 1 skipped" in result.stdout
    assert f"? {two[1]['record']}  MA_Score__c: ∅ → " in result.stdout
    standing = [company.org.get("Contact", each)["MA_Score__c"] for each in ids]
    assert standing == [two[0]["after"]["MA_Score__c"], 77]
    untouched = [row for row in company.org.records("Contact") if row["Id"] not in ids]
    assert not any(row.get("MA_Score__c") for row in untouched), "nothing else goes along"
    assert but(ids[1], call("plan", "--as-of", then, "--limit", "0").stdout) == but(ids[1], before)

    lines = call("why", two[0]["person"]).stdout.splitlines()
    assert any(f"{two[0]['record']}  MA_Score__c: ∅ → " in line for line in lines)
    assert lines[-1] == f"the rep sees: {two[0]['after']['MA_Score_Why__c']}"

    shutil.copytree(tmp_path / "mappings", tmp_path / "next" / "mappings")
    shutil.copytree(tmp_path / "secrets", tmp_path / "next" / "secrets")
    shutil.copy(tmp_path / "config.yaml", tmp_path / "next")
    scores = tmp_path / "next" / "mappings" / "scores.yaml"
    scores.write_text(scores.read_text(encoding="utf-8").replace("label: Web閲覧", "label: 閲覧"), encoding="utf-8")
    found = json.loads(call("diff", ".", "next", "--json").stdout)
    fields = [set(each["b"]["after"]) for each in found["differences"] if each["b"]["kind"] == "SetFields"]
    assert fields
    assert set().union(*fields) == {"MA_Score_Why__c", "MAスコア根拠"}, "only the words of the score differ"
