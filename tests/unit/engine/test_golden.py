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


# --- one window, and exactly the tests about it -----------------------------------------------------------------------

SYSTEMS = "systems:\n  ma: {type: memory, role: ma}\n  sfa: {type: memory, role: sfa}\n"
WINDOWS = {
    "scores": """\
interest:
  rules:
    - {id: web, touchpoint: page_view, within: 30d, points: 10}
    - {id: form, touchpoint: form_submitted, within: 90d, points: 15}
    - {id: seminar, touchpoint: seminar_attended, within: 1y, points: 20}
""",
    "alerts": """\
- id: stirs
  when: {deal: {state: open, stage_unchanged: {gte: 60d}}, touchpoint: {kind: download, within: 2d}}
  to: deal_owner
  repeat: {per: deal, every: 7d}
""",
    "nurture": "- {id: lost, when: {deal: {state: lost, closed: {gte: 14d}}}, list: back}\n",
}
ALIKE = "- {name: %s, as_of: 2026-11-20T10:00, people: [{record: ma/p/1}], %s}\n"
STALLED = "deals: [{record: sfa/d/1, owner: u, stage_since: %s}], touchpoints: [{kind: download, ago: %s}], expect: %s"
TOLD, QUIET = "{alerts: [{rule: stirs, in: sfa, to: u}]}", "{alerts: []}"
LOST = "deals: [{record: sfa/d/1, state: lost, closed_at: %s}], expect: {lists: %s}"
INSIDE_AND_OUTSIDE = {
    f"{kind} {age}": f"touchpoints: [{{kind: {kind}, ago: {age}}}], expect: {{scores: {{interest: {points}}}}}"
    for kind, age, points in (
        ("page_view", "29d", 10), ("page_view", "30d", 0), ("form_submitted", "89d", 15), ("form_submitted", "90d", 0),
        ("seminar_attended", "364d", 20), ("seminar_attended", "1y", 0),
    )
} | {
    "stalled 60d": STALLED % ("2026-09-21T10:00", "1d", TOLD),
    "stalled 59d": STALLED % ("2026-09-22T10:00", "1d", QUIET),
    "stirred 2d ago": STALLED % ("2026-01-01", "2d", QUIET),
    "stirred 47h ago": STALLED % ("2026-01-01", "47h", TOLD),
    "lost 14d ago": LOST % ("2026-11-06T10:00", "{back: [added]}"),
    "lost 13d ago": LOST % ("2026-11-07T10:00", "{}"),
}  # fmt: skip
"""For each window a test just inside and one just outside."""


@pytest.mark.parametrize(
    ("file", "window", "other", "broken"),
    [
        ("scores", "within: 30d", "within: 28d", {"page_view 29d"}),
        ("scores", "within: 30d", "within: 31d", {"page_view 30d"}),
        ("scores", "within: 90d", "within: 80d", {"form_submitted 89d"}),
        ("scores", "within: 90d", "within: 91d", {"form_submitted 90d"}),
        ("scores", "within: 1y", "within: 360d", {"seminar_attended 364d"}),
        ("scores", "within: 1y", "within: 366d", {"seminar_attended 1y"}),
        ("alerts", "gte: 60d", "gte: 61d", {"stalled 60d"}),
        ("alerts", "gte: 60d", "gte: 59d", {"stalled 59d"}),
        ("alerts", "within: 2d", "within: 36h", {"stirred 47h ago"}),
        ("alerts", "within: 2d", "within: 3d", {"stirred 2d ago"}),
        ("nurture", "gte: 14d", "gte: 15d", {"lost 14d ago"}),
        ("nurture", "gte: 14d", "gte: 13d", {"lost 13d ago"}),
        ("nurture", "gte: 14d", "gte: 14d", set()),
    ],
)
def test_one_window_breaks_exactly_the_tests_about_it(
    file: str, window: str, other: str, broken: set[str], tmp_path: Path
) -> None:
    files = WINDOWS | {file: WINDOWS[file].replace(window, other)}
    assert (files == WINDOWS) is (window == other)
    (tmp_path / "mappings").mkdir()
    (tmp_path / "config.yaml").write_text(SYSTEMS, encoding="utf-8")
    for name, content in files.items():
        (tmp_path / "mappings" / f"{name}.yaml").write_text(content, encoding="utf-8")
    tests = "".join(ALIKE % (name, content) for name, content in INSIDE_AND_OUTSIDE.items())
    (tmp_path / "mappings" / "windows.test.yaml").write_text(tests, encoding="utf-8")

    assert failing(tmp_path) == broken


def test_rules_that_no_test_exercises_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "shanon+salesforce")
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    config = str(tmp_path / "config.yaml")

    plain = CliRunner().invoke(cli, ["test", "-c", config])
    said = CliRunner().invoke(cli, ["test", "-c", config, "--coverage"])
    data = json.loads(CliRunner().invoke(cli, ["test", "-c", config, "--coverage", "--json"]).stdout)

    idle = {each["rule"] for each in data["idle"]}
    assert {"alerts.lead-turned-hot", "scores.interest.bounce"} <= idle
    assert not idle & {"scores.interest.pricing", "protect.sales-is-on-it", "nurture.lost-to-nurture"}
    assert not idle & {"alerts.stalled-deal-stirs", "people.salesforce.create"}
    assert f"{data['rules'] - len(idle)} of {data['rules']} rules did something in a test" in plain.stdout
    assert "scores.interest.bounce" not in plain.stdout
    assert "mappings/scores.yaml:11: scores.interest.bounce did nothing in any test" in said.stdout
