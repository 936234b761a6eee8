"""What may be written and is hardly meant is told with its place, cause and fix; what is meant is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.advice import MANY
from connector.config import load
from connector.errors import ConfigError, Problem

CONFIG = """\
store: sqlite:///data/connector.db
systems:
  shanon:
    type: shanon
    base_url: https://example.smktg.jp
    api_key: {env: A}
    password: {env: B}
    secret: {env: C}
  sf: {type: salesforce, domain: example.my, client_id: {env: D}, client_secret: {env: E}, history: 1y}
"""
FILES = {
    "config": CONFIG,
    "scores": """\
interest:
  rules:
    - {id: web, touchpoint: page_view, within: 3y, points: 10}
    - {id: call, touchpoint: [call, page_view], within: 1y, points: 10}
""",
    "people": """\
- in: sf
  object: [Contact]
  key: K__c
  fields:
    email: {to: Email, wins: sfa_unless_blank}
    website: {to: Website, wins: sfa}
    score.interest: {to: S__c, wins: ma}
  timeline: {to: Task, kinds: download, since: 2y}
""",
    "protect": "- {id: p, when: {deal: {state: open}}, list: l, when_stale: {after: 6h}}\n",
    "nurture": """\
- {id: n, when: {deal: {state: lost}}, list: m, carry: {lost_reason: R, product: P}}
- {id: o, when: {deal: {state: won}}, list: o, carry: {product: P}}
""",
}


def found(folder: Path, **files: str) -> list[Problem]:
    (folder / "mappings").mkdir()
    for name, content in (FILES | files).items():
        place = folder / "config.yaml" if name == "config" else folder / "mappings" / f"{name}.yaml"
        place.write_text(content, encoding="utf-8")
    try:
        return [*load(folder / "config.yaml").warnings]
    except ConfigError as error:
        return [*error.problems]


def test_what_is_meant_is_not_told(tmp_path: Path) -> None:
    assert found(tmp_path) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "severity", "at", "said"),
    [
        ("people", "wins: sfa}", "wins: ma}", "error", "ma}", "Website is never written: no MA tells website → map"),
        ("people", "wins: sfa}", "wins: newest}", "warning", "newest", "Website is never written: no MA tells website"),
        ("people", "email:", "mobile:", "warning", "sfa_unless", "Email is never written: no MA tells mobile → map"),
        ("scores", "within: 1y", "within: 366d", "warning", "366d", "366d is longer than what sf is read back: call"),
        (
            "people",
            "download",
            "meeting",
            "warning",
            "2y",
            "730d is longer than what sf is read back: meeting for 365d",
        ),
        ("nurture", "lost}}", "lost}, touchpoint: {within: 2y}}", "warning", "2y", "read back: call, meeting for 365d"),
        (
            "protect",
            ", when_stale: {after: 6h}",
            "",
            "warning",
            "{id",
            "after 6h nobody is released → write when_stale",
        ),
        ("people", "to: S__c", "to: K__c", "error", "K__c, wins", "K__c is written by two rules → the other one:"),
        (
            "nurture",
            "o, carry: {product",
            "o, carry: {stage",
            "error",
            "{stage",
            "P is written by two rules → the other",
        ),
        (
            "config",
            "sqlite:///",
            "postgresql+psycopg://us:kanariya@db/",
            "error",
            "postgresql",
            "URL holds a password → put",
        ),
        (
            "config",
            "sqlite:///",
            "postgresql+psycopg://us@db/d?password=kanariya",
            "error",
            "postgresql",
            "holds a password",
        ),
    ],
)
def test_what_is_hardly_meant_is_told_where_it_stands(
    file: str, old: str, new: str, severity: str, at: str, said: str, tmp_path: Path
) -> None:
    mistaken = FILES[file].replace(old, new)
    before = mistaken[: mistaken.index(at)]
    place = f"{file}.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: "

    (problem,) = found(tmp_path, **{file: mistaken})

    assert problem.severity == severity
    assert place in str(problem)
    assert said in str(problem)
    assert problem.what.in_("ja") != problem.what.in_("en")
    assert "kanariya" not in str(problem)


@pytest.mark.parametrize(("name", "told"), [("access_token", True), ("api_key", True), ("sort_key", False)])
def test_a_secret_among_query_parameters_is_told(name: str, told: bool, tmp_path: Path) -> None:
    crm = (
        "  crm: {type: rest, role: sfa, base_url: https://crm.example.jp, auth: none, people: {all: {path: all, "
        f"params: {{{name}: kanariya}}}}}}}}\n"
    )

    problems = [str(problem) for problem in found(tmp_path, config=CONFIG + crm)]

    assert [f"{name} looks like a secret that is written out" in problem for problem in problems] == [True] * told
    assert "kanariya" not in "".join(problems)


@pytest.mark.parametrize("count", [MANY, MANY + 1])
def test_many_fields_in_one_object_are_counted(count: int, tmp_path: Path) -> None:
    scores = "".join(
        f"s{n}: {{rules: [{{id: web, touchpoint: page_view, within: 30d, points: 1}}]}}\n" for n in range(count)
    )
    fields = "".join(f"    score.s{n}: {{to: F{n}, wins: ma}}\n" for n in range(count))
    people = f"- in: sf\n  object: [Contact]\n  fields:\n    website: {{to: W, wins: sfa}}\n{fields}"

    problems = [str(problem) for problem in found(tmp_path, scores=scores, people=people)]

    assert [f"mappings/people.yaml:4:5: {MANY + 1} fields are written into Contact of sf" in p for p in problems] == [
        True
    ] * (count > MANY)


def test_where_nobody_can_say_what_a_system_tells_nothing_is_told(tmp_path: Path) -> None:
    config = "systems:\n  ma: {type: memory, role: ma}\n  sf: {type: memory, role: sfa}\n"
    people = "- {in: sf, object: [Contact], fields: {website: {to: Website, wins: ma}}}\n"

    assert found(tmp_path, config=config, people=people) == []


def test_a_mapping_makes_a_system_tell_a_word(tmp_path: Path) -> None:
    people = FILES["people"].replace("website: {to: Website, wins: sfa}", "website: {to: Website, wins: ma}")

    assert (
        found(tmp_path, people=people + "- {in: shanon, object: visitor, fields: {website: {to: U, wins: ma}}}\n") == []
    )
