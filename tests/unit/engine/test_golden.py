"""Golden tests of mappings: the shipped ones hold, and each would fail if its rule were another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connector.cli import cli
from connector.cli.skeleton import write
from connector.config import load
from connector.engine.golden import run_tests
from connector.templates import TEMPLATES

TESTED = sorted(name for name in TEMPLATES if name != "csv")


def failing(folder: Path) -> set[str]:
    verdicts, problems = run_tests(load(folder / "config.yaml"))
    assert problems == []
    assert verdicts
    return {verdict.name for verdict in verdicts if verdict.differences}


@pytest.mark.parametrize("systems", TESTED)
def test_the_shipped_tests_hold(systems: str, tmp_path: Path) -> None:
    write(tmp_path, systems)
    assert failing(tmp_path) == set()


STIRS = "停滞案件の担当者が料金ページを見たら、案件の担当営業に知らせる"
HOT = "スコアがホットになったら、kintone の選択肢の言葉で書く"
KEPT_OFF = "確度60%以上の案件がある会社の人は、一斉配信から外す（同僚も）"
BACK = "失注から14日たつと、失注理由に合うリストへ戻す"
NOT_YET = "失注から13日では、まだ戻さない"
NO_MAIL = "kintone で配信停止と言われたら、MA でも停止にし、どのリストにも載せない"


@pytest.mark.parametrize(
    ("file", "old", "new", "broken"),
    [
        ("alerts", "gte: 60d", "gte: 200d", {STIRS}),
        ("alerts", "turned: hot", "turned: warm", {HOT}),
        ("scores", "points: 5,", "points: 4,", {STIRS, HOT}),
        ("protect", "gte: 60}", "gte: 90}", {KEPT_OFF}),
        ("protect", "reach: company", "reach: person", {KEPT_OFF}),
        ("nurture", "gte: 14d", "gte: 12d", {NOT_YET}),
        ("nurture", "予算: nurture-budget", "予算: nurture-lost", {BACK}),
        ("people", "hot: ホット", "hot: 最高", {HOT}),
        ("people-shanon", "wins: strictest", "wins: ma", {NO_MAIL}),
        ("people", "touchpoints.recent:", "touchpoints.last_at:", {STIRS}),
    ],
)
def test_a_rule_that_changes_breaks_the_tests_about_it(
    file: str, old: str, new: str, broken: set[str], tmp_path: Path
) -> None:
    write(tmp_path, "shanon+kintone")
    path = tmp_path / "mappings" / f"{file}.yaml"
    content = path.read_text(encoding="utf-8")
    assert old in content
    path.write_text(content.replace(old, new), encoding="utf-8")

    assert failing(tmp_path) == broken


def test_what_differs_is_told_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "shanon+kintone")
    scores = tmp_path / "mappings" / "scores.yaml"
    scores.write_text(scores.read_text(encoding="utf-8").replace("points: 5,", "points: 4,"), encoding="utf-8")
    monkeypatch.setenv("CONNECTOR_LANG", "en")

    result = CliRunner().invoke(cli, ["test", "--config", str(tmp_path / "config.yaml")])
    data = json.loads(CliRunner().invoke(cli, ["test", "-c", str(tmp_path / "config.yaml"), "--json"]).stdout)

    assert result.exit_code == 1
    assert "kintone.test.yaml:3: score.interest: expected 15.0, found 14" in result.stdout
    assert "4 of 6 as expected" in result.stdout
    assert [each["ok"] for each in data].count(False) == 2


def test_a_file_of_tests_under_another_name_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "shanon+kintone")
    (tmp_path / "mappings" / "kintone.test.yaml").rename(tmp_path / "mappings" / "kintone.tests.yaml")
    monkeypatch.setenv("CONNECTOR_LANG", "en")

    result = CliRunner().invoke(cli, ["test", "--config", str(tmp_path / "config.yaml")])

    assert "nobody reads this file" in result.output
    assert "0 of 0 as expected" in result.output


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("as_of: 2026-11-20T10:00", "as_of: heute", "'heute' is no time"),
        ("record: kintone/people/12-5", "record: kintone", "'kintone' is no record"),
        ("kind: page_view", "kind: page_vew", "kind"),
        ("expect:", "expects:", "did you mean 'expect'"),
    ],
)
def test_a_mistake_in_a_test_is_told_with_its_place(old: str, new: str, told: str, tmp_path: Path) -> None:
    write(tmp_path, "shanon+kintone")
    path = tmp_path / "mappings" / "kintone.test.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")

    verdicts, problems = run_tests(load(tmp_path / "config.yaml"))

    assert [problem for problem in map(str, problems) if told in problem and problem.startswith("kintone.test.yaml:")]
    assert len(verdicts) == 5, "the others ran"


CASE = """
- name: 何もしない
  as_of: 2026-11-20T10:00
  people:
    - {record: shanon/visitor/1, fields: {email: taro@example.co.jp}}
    - {record: kintone/people/12-5, owner: sato, native: {MAランク: ウォーム}}
  expect: {alerts: []}
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("alerts: []", "alerts: []", ""),
        ("alerts: []", "untouched: [kintone/people/12-5]", "kintone/people/12-5: expected ∅, found"),
        ("alerts: []", "untouched: [kintone/people/125]", "kintone/people/125 is not among people"),
        ("alerts: []", "fields: {kintone/people/12-5: {MAラソク: null}}", "no mapping writes MAラソク"),
        ("alerts: []", "fields: {kintone/people/12-6: {}}", "kintone/people/12-6 is neither among people nor made"),
        ("shanon/visitor", "shannon/visitor", "shannon/visitor/1: there is no such system"),
        ("email: taro", "emial: taro", "'emial' is not a word for a person"),
        ("alerts: []", "alerts:", "an expectation without a value"),
        ("alerts: []", "lists: null", "an expectation without a value"),
        ("{alerts: []}", "{}", "the test would always pass"),
    ],
)
def test_a_test_that_could_not_fail_does_not_pass(old: str, new: str, told: str, tmp_path: Path) -> None:
    write(tmp_path, "shanon+kintone")
    (tmp_path / "mappings" / "kintone.test.yaml").write_text(CASE.replace(old, new), encoding="utf-8")

    verdicts, problems = run_tests(load(tmp_path / "config.yaml"))

    said = [str(each) for verdict in verdicts for each in verdict.differences] + [str(each) for each in problems]
    assert [each for each in said if told in each] == said
    assert bool(said) == bool(told)
