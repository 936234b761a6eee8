"""The schemas for editors and the linter agree: on all that is shipped and shown, and on mistakes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from connector.cli import cli
from connector.cli.skeleton import write
from connector.config import TOPICS, load
from connector.engine.golden import run_tests
from connector.engine.schema import NAMES, headed, schema_for, schema_of
from connector.errors import ConfigError, ConnectorError
from connector.rules.fields import known_words
from connector.spec import SpecError, duration, hours, read_yaml, read_yaml_text, share
from connector.templates import TEMPLATES

ROOT = Path(__file__).parents[3]
HEAD = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")


@cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of(name))


def wrong(name: str, content: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator(name).iter_errors(content)]


def shown() -> Iterator[tuple[str, str, str]]:
    """The files that pages show: each block of YAML that begins with its name."""
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]):
        for name, content in re.findall(
            r"```yaml\n# (config\.yaml|mappings/\S+\.yaml)\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
        ):
            yield page.relative_to(ROOT).as_posix(), Path(name).name, content


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(schema_of(name))


def test_there_is_one_of_each_kind_of_file() -> None:
    assert {"config", "test", *TOPICS} == set(NAMES)
    with pytest.raises(ConnectorError, match=r"there is no schema 'score'.*did you mean 'scores'"):
        schema_of("score")


@pytest.mark.parametrize("systems", sorted(TEMPLATES))
def test_what_init_writes_names_its_schema_and_fits_it(systems: str, tmp_path: Path) -> None:
    write(tmp_path, systems)

    files = [tmp_path / "config.yaml", *sorted((tmp_path / "mappings").iterdir())]
    assert len(files) > 3
    for file in files:
        head = HEAD.match(file.read_text(encoding="utf-8"))
        assert head is not None, file
        schema = json.loads((file.parent / head[1]).read_text(encoding="utf-8"))
        content, _ = read_yaml(file, file.name)
        assert not [*Draft202012Validator(schema).iter_errors(content)], file


def test_what_the_pages_show_fits() -> None:
    found = [*shown()]
    assert len({page for page, _, _ in found}) > 3
    for page, name, content in found:
        root, _ = read_yaml_text(content, page)
        assert not wrong(schema_for(name), root), (page, name)


CONFIG = """\
systems:
  ma: {type: memory, role: ma}
  sfa: {type: memory, role: sfa}
  shanon:
    type: shanon
    base_url: https://example.smktg.jp
    api_key: {env: KEY}
    password: {file: /run/secrets/password}
    secret: {env: SECRET}
  crm: {type: rest, role: sfa, base_url: https://crm.example.jp, auth: none, people: {all: {path: all}}}
run: {every: 15m, lanes: protect, quiet: {alerts: "20:00-08:00"}, guards: {max_changed: 20%}}
"""
MAPPINGS = {
    "identity": "plus_tags: keep\nshared_mailboxes: eigyo3\n",
    "people": """\
- in: sfa
  object: person
  key: k
  create: {object: person, when: {score.interest: {gte: 20}}, unless: {person: {is: known}}}
  fields: {email: {to: E, wins: sfa}, score.interest.why: {to: W, wins: ma, max_length: 255}}
  timeline: {to: Task, kinds: page_view, since: 90d}
""",
    "deals": "- {in: sfa, object: deal, fields: {stage: S}, states: {won: 受注, lost: [失注]}}\n",
    "scores": """\
interest:
  rules: [{id: web, touchpoint: page_view, within: 30d, points: 10, label: {ja: 閲覧, en: web}}]
  bands: {hot: 10}
""",
    "alerts": """\
- id: a
  when: {deal: {stage_unchanged: {gte: 60d}}, score.interest: {turned: hot}}
  to: deal_owner
  repeat: {per: deal, every: 7d}
""",
    "protect": "- {id: p, when: {deal: {probability: {gte: 60}}}, in: ma, list: l, when_stale: {after: 6h}}\n",
    "nurture": """\
- id: n
  when: {deal: {state: lost}}
  unless: [opted_out, {deal: {state: open}}]
  in: ma
  list: {by: lost_reason, 予算: a, else: b}
  carry: {lost_reason: R}
""",
    "test": """\
- name: 例
  as_of: 2026-11-20T10:00
  people: [{record: ma/person/1, fields: {email: a@example.jp}}]
  touchpoints: [{kind: page_view, ago: 2h}]
  deals: [{record: sfa/deal/1, state: lost, closed_at: 2026-11-05}]
  expect: {scores: {interest: 10}, alerts: [], lists: {b: [added]}}
""",
}


def refused(folder: Path, name: str, content: str) -> bool:
    """Whether `lint` (for tests: `test`) takes one file of the configuration no more."""
    files = {"config": CONFIG, **MAPPINGS} | {name: content}
    (folder / "mappings").mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(files.pop("config"), encoding="utf-8")
    (folder / "mappings" / "all.test.yaml").write_text(files.pop("test"), encoding="utf-8")
    for topic, text in files.items():
        (folder / "mappings" / f"{topic}.yaml").write_text(text, encoding="utf-8")
    try:
        _, problems = run_tests(load(folder / "config.yaml"))
    except ConfigError:
        return True
    return bool(problems)


def test_both_take_what_is_right(tmp_path: Path) -> None:
    for name, content in {"config": CONFIG, **MAPPINGS}.items():
        assert not refused(tmp_path, name, content), name
        assert wrong(name, read_yaml_text(content, name)[0]) == [], name


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("config", "run:", "runn:"),
        ("config", "every: 15m", "every: 15"),
        ("config", "every: 15m", "every: 15min"),
        ("config", "lanes: protect", "lanes: []"),
        ("config", "lanes: protect", "lanes: protection"),
        ("config", "20:00-08:00", "20-8"),
        ("config", "20%", "120%"),
        ("config", "role: sfa", "role: crm"),
        ("config", "memory, role: ma", "memry, role: ma"),
        ("config", "role: ma}", "rle: ma}"),
        ("config", "{type: memory, role: ma}", "{role: ma}"),
        ("config", "{env: KEY}", "kanariya"),
        ("config", "{env: KEY}", "{}"),
        ("config", "{env: KEY}", "{env: A, file: B}"),
        ("config", "{env: KEY}", "{vault: KEY}"),
        ("config", "    secret: {env: SECRET}\n", ""),
        ("config", "auth: none", "auth: nobody"),
        ("config", "path: all", "pfad: all"),
        ("config", CONFIG[:CONFIG.index("run:")], "systems: {}\n"),
        ("identity", "keep", "maybe"),
        ("identity", "plus_tags", "plus"),
        ("people", "email:", "emial:"),
        ("people", "wins: sfa", "wins: crm"),
        ("people", "to: E, ", ""),
        ("people", "255", "5"),
        ("people", "score.interest:", "scores.interest:"),
        ("people", "kinds: page_view", "kinds: page_vew"),
        ("people", "- in: sfa\n  object: person\n", "- object: person\n"),
        ("deals", "stage: S", "stages: S"),
        ("deals", "lost:", "loss:"),
        ("deals", "- {", "{"),
        ("scores", "within: 30d", "within: 30"),
        ("scores", "points: 10", "points: ten"),
        ("scores", "en: web", "de: web"),
        ("scores", "rules:", "rule:"),
        ("alerts", "turned: hot", "turns: hot"),
        ("alerts", "gte: 60d", "gte: 60 days"),
        ("alerts", "{gte: 60d}", "{}"),
        ("alerts", "to: deal_owner", "to: owner"),
        ("alerts", "when:", "if:"),
        ("protect", "after: 6h", "after: six"),
        ("protect", "list: l", "list: [l]"),
        ("nurture", "opted_out,", "opted_in,"),
        ("nurture", "by: lost_reason", "by: reason"),
        ("nurture", "予算: a", "予算: [a]"),
        ("nurture", "carry: {lost", "carry: {last"),
        ("test", "ago: 2h", "ago: two hours"),
        ("test", "2026-11-20T10:00", "heute"),
        ("test", "ma/person/1", "ma"),
        ("test", "alerts: []", "alerts: null"),
        ("test", "expect: {scores: {interest: 10}, alerts: [], lists: {b: [added]}}", "expect: {}"),
        ("test", "[added]", "[put]"),
    ],
)  # fmt: skip
def test_both_refuse_what_is_wrong(name: str, old: str, new: str, tmp_path: Path) -> None:
    right = {"config": CONFIG, **MAPPINGS}[name]
    assert old in right
    mistaken = right.replace(old, new, 1)

    assert refused(tmp_path, name, mistaken)
    assert wrong(name, read_yaml_text(mistaken, name)[0])


def test_every_word_that_lint_knows_may_have_a_field() -> None:
    fields = {word: {"to": "X", "wins": "sfa"} for word in known_words(["interest"])}
    assert wrong("people", [{"in": "ma", "object": "person", "fields": fields}]) == []


def test_each_key_says_what_it_means() -> None:
    for name in NAMES:
        schema = schema_of(name)
        told = [*keys(schema, schema["$defs"])]
        assert len(told) > 5
        assert [key for key, about in told if not about] == [], name


def keys(schema: Any, blocks: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every key of a schema, and what is said about it, or about the block that it takes."""
    for part, value in schema.items() if isinstance(schema, dict) else ():
        if part == "properties":
            for key, each in value.items():
                # A key that is forbidden here, or tells one branch from others, is explained elsewhere.
                if each is not False and "const" not in each:
                    block = blocks.get(each.get("$ref", "").removeprefix("#/$defs/"), {})
                    yield key, each.get("description") or block.get("description", "")
        within = value.values() if part in ("properties", "$defs") else value if isinstance(value, list) else [value]
        for each in within:
            yield from keys(each, blocks)


def test_a_system_has_the_options_of_its_type_only() -> None:
    def told(options: dict[str, Any]) -> list[str]:
        return wrong("config", {"systems": {"x": options}})

    assert told({"type": "memory", "role": "ma", "page_size": 3}) == []
    assert any("'folder' was unexpected" in each for each in told({"type": "memory", "role": "ma", "folder": "in"}))
    assert any("'out' is a required property" in each for each in told({"type": "csv", "role": "ma", "folder": "in"}))


@given(
    st.from_regex(r"\A[0-9]{0,8}[smhdwy% ]{0,2}\Z")
    | st.from_regex(r"\A[0-2]?[0-9]:[0-6][0-9]-[0-2]?[0-9]:[0-6][0-9]\Z", alphabet=st.characters(max_codepoint=127))
    | st.text(max_size=12)
)
def test_a_value_fits_where_it_is_understood(written: str) -> None:
    for understand, run in (
        (duration, {"every": written}),
        (share, {"guards": {"max_changed": written}}),
        (hours, {"quiet": {"alerts": written}}),
    ):
        try:
            understand(written)
            understood = True
        except SpecError:
            understood = False
        assert understood is not bool(wrong("config", {"systems": {"x": {"type": "memory", "role": "ma"}}, "run": run}))


def test_the_command_prints_one_and_writes_all(tmp_path: Path) -> None:
    runner = CliRunner()

    printed = runner.invoke(cli, ["schema", "people"])
    written = runner.invoke(cli, ["schema", "--out", str(tmp_path / "new")])

    assert json.loads(printed.stdout) == schema_of("people")
    assert written.exit_code == 0
    for name in NAMES:
        assert json.loads((tmp_path / "new" / f"{name}.schema.json").read_text(encoding="utf-8")) == schema_of(name)
        assert HEAD.match(headed("", name, "new"))
    assert runner.invoke(cli, ["schema"]).exit_code == 2
    assert runner.invoke(cli, ["schema", "peple"]).exit_code == 1
