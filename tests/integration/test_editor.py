"""The schemas in an editor: what is completed, shown and underlined, by the language server that VS Code's YAML has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connector.cli import cli
from connector.config import load
from connector.demo.systems import systems
from connector.demo.world import configure
from connector.engine.golden import run_tests
from connector.engine.schema import for_editors, headed, schema_for
from connector.rules.fields import COMPUTED, OF_SALES
from connector.sandbox.clock import Clock
from connector.templates import TEMPLATES
from tests import node
from tests.editor import PACKAGE, Editor, Underlined, editor
from tests.unit.engine.test_schema import CONFIG, MAPPINGS, shown


@pytest.fixture(scope="module")
def opened() -> Iterator[Editor]:
    node.need(PACKAGE)
    with editor() as found:
        yield found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that `init` has filled, with its schemas written anew as after an upgrade."""
    folder = tmp_path_factory.mktemp("editor") / "my"
    made = CliRunner().invoke(cli, ["init", str(folder), "--systems", "all"])
    assert made.exit_code == 0, made.output
    for schema in (folder / "schemas").iterdir():
        schema.unlink()
    written = CliRunner().invoke(cli, ["schema", "--out", str(folder / "schemas")])
    assert written.exit_code == 0, written.output
    return folder


class Desk:
    """Somebody at work on that project: texts are typed below the line that names the schema."""

    def __init__(self, editor: Editor, folder: Path) -> None:
        self._editor = editor
        self._folder = folder

    def underlined(self, name: str, content: str) -> list[Underlined]:
        """Problems in a file of that name, by the lines of `content`."""
        found = self._editor.underlined(*self._typed(name, content))
        return [Underlined(each.line - 1, each.message) for each in found]

    def offered(self, name: str, content: str) -> dict[str, str]:
        """What may be typed, and what is said about each."""
        return {label: offer.about for label, offer in self._editor.offers(*self._typed(name, content)).items()}

    def inserted(self, name: str, content: str, label: str) -> str:
        """What stands there once an offer is taken."""
        return self._editor.offers(*self._typed(name, content))[label].inserts

    def told(self, name: str, content: str) -> str:
        """What is shown about a word, without the link to the schema."""
        return self._editor.hover(*self._typed(name, content)).partition("Source: ")[0].strip()

    def _typed(self, name: str, content: str) -> tuple[Path, str]:
        top = name == "config.yaml"
        folder = self._folder if top else self._folder / "mappings"
        return folder / name, headed(content, schema_for(name), "schemas" if top else "../schemas")


@pytest.fixture
def desk(opened: Editor, project: Path) -> Desk:
    return Desk(opened, project)


# --- nothing is underlined that is right ------------------------------------------------------------------------------


def files_of(folder: Path) -> list[Path]:
    return [folder / "config.yaml", *sorted((folder / "mappings").iterdir())]


def test_nothing_is_underlined_in_what_init_wrote(opened: Editor, project: Path) -> None:
    for file in files_of(project):
        assert opened.underlined(file, file.read_text(encoding="utf-8")) == [], file.name


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_nothing_is_underlined_in_any_skeleton(template: str, opened: Editor, tmp_path: Path) -> None:
    folder = tmp_path / "my"
    assert CliRunner().invoke(cli, ["init", str(folder), "--systems", template]).exit_code == 0
    for file in files_of(folder):
        assert opened.underlined(file, file.read_text(encoding="utf-8")) == [], file.name


def test_nothing_is_underlined_in_the_sandboxs_configuration(opened: Editor, tmp_path: Path) -> None:
    with ExitStack() as stack:
        for_editors(configure(tmp_path, stack.enter_context(systems(1, Clock()))).parent)
    assert load(tmp_path / "config.yaml").warnings == []
    for file in files_of(tmp_path):
        content = file.read_text(encoding="utf-8")
        assert content.startswith("# yaml-language-server: $schema="), file.name
        assert opened.underlined(file, content) == [], file.name


def test_nothing_is_underlined_in_what_the_pages_show(desk: Desk) -> None:
    for page, name, content in shown():
        assert desk.underlined(name, content) == [], (page, name)


ODD = {
    "config.yaml": """\
systems:
  on: {type: memory, role: ma}
  no: {type: memory, role: sfa}
  2026:
    type: csv
    role: ma
    folder: 2026-11-20
    out: ~x
    encoding: utf-8
    files: [{pattern: "*.csv", kind: touchpoints, columns: {happened: on, email: no, touchpoint: 18:30}}]
store_url:
mappings: mappings
calendar: {workdays: mon, closed: 12-29..01-03, open: [2026-12-30]}
run:
  every: 1w
  lanes: [alerts, protect]
  quiet: {alerts: 20:00-08:00}
  guards: {max_changed: 0.5, max_merged: 100%, flip_flop: {within: 36h}}
""",
    "mappings/people.yaml": """\
- in: on
  object: on
  fields:
    deal.state: {to: 1st, wins: sfa, values: {open: 商談中, won: yes}, blank: clear}
- in: no
  object: off
  key: yes
  fields:
    email: {to: "0123", wins: once, on_drift: null, clean: spaces}
    score.on: {to: 2026-11-20, wins: ma}
  timeline: {to: Task, kinds: [call, meeting], since: 2w}
""",
    "mappings/deals.yaml": "- {in: no, object: y, fields: {stage: n}, states: {won: on, lost: [no, ~lost]}}\n",
    "mappings/scores.yaml": """\
on:
  rules:
    - {id: no, touchpoint: page_view, within: 365d, points: -.5, url: [/a, /b], cap: +5, half_life: 2w, label: off}
    - {id: yes, touchpoint: [call, meeting], within: 1y, points: 1e1, each: True, result: on, half_life: ~}
  bands: {on: 10.0, 20: 20}
""",
    "mappings/alerts.yaml": """\
- id: on
  when: {deal: {state: open, stage_unchanged: {gte: 10bd}, probability: {gt: 1.5}}, score.on: {band: on}}
  to: person_owner
  repeat: {per: person, every: 1y}
  due: 2bd
""",
    "mappings/protect.yaml": """\
- {id: no, when: {person: {is: [customer, in_deal]}}, in: on, list: off, when_stale: {after: 90m}}
""",
    "mappings/nurture.yaml": """\
- {id: yes, when: {deal: {state: [lost]}}, unless: opted_out, in: on, list: {by: product, no: on, 2026: y}}
""",
    "mappings/odd.test.yaml": """\
- name: on
  as_of: 2026-11-20
  people: [{record: on/on/1, fields: {name: no, opted_out: FALSE, title: null}, native: {x: 0.5}}]
  expect: {alerts: [], lists: {}}
""",
}
"""Words that another YAML would read otherwise, one where a list may stand, and all ways to write a number."""


def test_what_is_linted_clean_is_not_underlined(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "mappings").mkdir()
    for name, content in ODD.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    setup = load(tmp_path / "config.yaml")
    assert run_tests(setup)[1] == [], "the test is wrong"

    for name, content in ODD.items():
        assert desk.underlined(Path(name).name, content) == [], name


# --- what is wrong is underlined where it is --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("config", "run:", "runn:", "runn is not allowed"),
        ("config", "every: 15m", "every: 15", "write it as 30d"),
        ("config", "every: 15m", "every: 15min", "30d のように書いてください"),
        ("config", "20%", "120%", "write it as 20%"),
        ("config", "role: sfa", "role: crm", 'Valid values: "ma", "sfa"'),
        ("config", "memory, role: ma", "memry, role: ma", '"kintone", "memory", "rest", "salesforce", "shanon"'),
        ("config", "password: {file: /run/secrets/password}", "password: abc", "write {env: NAME} or {file: PATH}"),
        ("config", "{env: KEY}", "{env: A, file: B}", "not allowed"),
        ("config", "path: all", "pfad: all", "pfad is not allowed"),
        ("people", "email:", "emial:", "emial is not allowed"),
        ("people", "wins: sfa", "wins: crm", '"ma_unless_blank"'),
        ("people", "kinds: page_view", "kinds: page_vew", '"page_view"'),
        ("people", "255", "many", "integer"),
        ("deals", "stage: S", "stages: S", '"stage_since"'),
        ("scores", "points: 10", "points: ten", "number"),
        ("scores", "within: 30d", "witin: 30d", "witin is not allowed"),
        ("alerts", "to: deal_owner", "to: owner", '"deal_owner", "person_owner"'),
        ("alerts", "{gte: 60d}", "{gte: 60 days}", "30d, 10bd"),
        ("nurture", "by: lost_reason", "by: reason", '"lost_reason"'),
        ("test", "email: a", "emial: a", '"email"'),
        ("test", "[added]", "[put]", '"added"'),
    ],
)
def test_a_mistake_is_underlined_in_its_line(name: str, old: str, new: str, said: str, desk: Desk) -> None:
    right = {"config": CONFIG, **MAPPINGS}[name]
    before, found, after = right.partition(old)
    assert found
    file = "x.test.yaml" if name == "test" else f"{name}.yaml"

    assert desk.underlined(file, right) == []
    underlined = desk.underlined(file, before + new + after)

    assert {each.line for each in underlined} == {before.count("\n") + 1}
    assert any(said in each.message for each in underlined), underlined


def test_codes_that_look_like_numbers_want_quotes(desk: Desk) -> None:
    # The linter keeps such a code as text, the editor takes it for a number. Quoted it is the same to both.
    assert desk.underlined("people.yaml", "- {in: a, object: 012}\n") == [
        Underlined(1, 'Incorrect type. Expected "string | array".')
    ]
    assert desk.underlined("people.yaml", '- {in: a, object: "012"}\n') == []


# --- completion -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("config.yaml", "‸", {"timezone", "systems", "calendar", "run"}),
        ("config.yaml", "systems:\n  crm:\n    ‸", {"type"}),
        ("config.yaml", "systems:\n  crm:\n    type: ‸", {"csv", "esales", "kintone", "salesforce", "shanon", "rest"}),
        ("config.yaml", "systems:\n  crm: {type: ‸}", {"csv", "esales", "kintone", "salesforce", "shanon", "rest"}),
        ("config.yaml", "systems:\n  crm:\n    type: kintone\n    ‸", {"base_url", "apps", "oauth_token", "rate"}),
        ("config.yaml", "systems:\n  ma:\n    type: shanon\n    ‸", {"api_key", "lists", "campaign_kinds"}),
        ("config.yaml", "systems:\n  ma:\n    type: shanon\n    api_key:\n      ‸", {"env", "file"}),
        ("config.yaml", "systems:\n  ma:\n    type: shanon\n    api_key: {e‸}", {"env", "file"}),
        ("config.yaml", "systems:\n  ma:\n    type: csv\n    role: ‸", {"ma", "sfa"}),
        ("config.yaml", "store_url:\n  ‸", {"env", "file"}),
        ("config.yaml", "run:\n  lanes: [‸]", {"protect", "alerts", "scores", "nurture"}),
        ("config.yaml", "run:\n  guards:\n    empty_source: ‸", {"stop", "ignore"}),
        ("config.yaml", "calendar:\n  workdays: [mon, ‸]", {"tue", "sun"}),
        ("identity.yaml", "‸", {"join_by", "shared_mailboxes", "free_mail"}),
        ("people.yaml", "- ‸", {"in", "object", "create", "fields"}),
        ("people.yaml", "- in: sfa\n  fields:\n    ‸", {"email", "opted_out", *COMPUTED, *OF_SALES}),
        ("people.yaml", "- in: sfa\n  fields:\n    email:\n      ‸", {"to", "wins", "clean", "on_drift"}),
        ("people.yaml", "- in: sfa\n  fields:\n    email: {t‸}", {"to", "wins", "clean", "on_drift"}),
        ("people.yaml", "- in: sfa\n  fields:\n    email: {to: E, w‸}", {"wins", "clean", "on_drift"}),
        ("people.yaml", "- in: sfa\n  fields:\n    email: {to: E, wins: ‸}", {"ma", "newest", "strictest"}),
        ("people.yaml", "- in: sfa\n  fields:\n    email: {to: E, clean: [width, ‸]}", {"spaces", "postal_code"}),
        ("people.yaml", "- in: sfa\n  create:\n    when:\n      person: {is: ‸}", {"customer", "known"}),
        ("people.yaml", "- in: sfa\n  timeline: {kinds: ‸}", {"seminar_attended", "call"}),
        ("deals.yaml", "- in: sfa\n  fields:\n    ‸", {"stage", "lost_reason", "people"}),
        ("deals.yaml", "- in: sfa\n  states:\n    ‸", {"open", "won", "lost"}),
        ("scores.yaml", "interest:\n  ‸", {"rules", "bands", "cap"}),
        ("scores.yaml", "interest:\n  rules:\n    - ‸", {"id", "touchpoint", "within", "points", "half_life"}),
        ("scores.yaml", "interest:\n  rules:\n    - {id: web, t‸}", {"touchpoint", "within", "points"}),
        ("scores.yaml", "interest:\n  rules:\n    - touchpoint: ‸", {"page_view", "seminar_absent"}),
        ("scores.yaml", "interest:\n  rules:\n    - touchpoint: [call, ‸]", {"page_view", "seminar_absent"}),
        ("alerts.yaml", "- id: a\n  when:\n    deal:\n      ‸", {"state", "stage_unchanged", "lost_reason"}),
        ("alerts.yaml", "- id: a\n  when: {deal: {state: ‸}}", {"open", "won", "lost"}),
        ("alerts.yaml", "- id: a\n  when: {score.interest: {t‸}}", {"turned", "gte", "band"}),
        ("protect.yaml", "- id: p\n  when_stale:\n    ‸", {"after", "then"}),
        ("nurture.yaml", "- id: n\n  unless:\n    - ‸", {"opted_out", "deal"}),
        ("nurture.yaml", "- id: n\n  list: {by: ‸}", {"lost_reason", "product"}),
        ("x.test.yaml", "- ‸", {"name", "as_of", "people", "expect"}),
        ("x.test.yaml", "- name: x\n  people:\n    - fields:\n        ‸", {"email", "opted_out"}),
        ("x.test.yaml", "- name: x\n  touchpoints:\n    - {kind: ‸}", {"page_view", "seminar_absent"}),
    ],
)
def test_keys_and_words_are_offered_with_what_they_mean(file: str, content: str, words: set[str], desk: Desk) -> None:
    offered = desk.offered(file, content)

    assert words <= offered.keys()
    assert {word for word in words if not offered[word]} == set()


def test_what_a_touchpoint_is_called_is_told_in_both_languages(desk: Desk) -> None:
    offered = desk.offered("scores.yaml", "interest:\n  rules:\n    - touchpoint: ‸")

    assert offered["seminar_attended"] == "webinar / ウェビナー"


def test_a_system_is_offered_what_its_type_takes_only(desk: Desk) -> None:
    assert "apps" not in desk.offered("config.yaml", "systems:\n  ma:\n    type: shanon\n    ‸")


def test_what_a_block_needs_is_inserted_at_once(desk: Desk) -> None:
    config, people = "systems:\n  crm:\n    type: kintone\n    ‸", "- in: sfa\n  fields:\n    ‸"

    assert desk.inserted("config.yaml", config, "kintone") == "base_url: $1\napps:\n  "
    assert desk.inserted("people.yaml", people, "email") == "email:\n  to: $1\n  wins: $2\n  blank: ${3:keep}"


def test_a_default_is_offered_as_it_would_be_written(desk: Desk) -> None:
    guards = "run:\n  guards:\n    ‸"

    assert desk.inserted("config.yaml", guards, "max_changed") == "max_changed: ${1:20%}"
    assert {"15m"} <= desk.offered("config.yaml", "run:\n  every: ‸").keys()


# --- what is shown about a word ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("config.yaml", "time‸zone: Asia/Tokyo", "Every day, window and quiet hour; stored times are UTC."),
        ("config.yaml", "systems: {x: {type: shanon, api_‸key: {env: A}}}", "API key of the account."),
        ("config.yaml", "systems: {x: {type: shanon, api_key: {e‸nv: A}}}", "Name of an environment variable."),
        ("config.yaml", "systems: {x‸: {type: memory, role: ma}}",
         "A system in memory, for trying things out: it starts empty and ends with the program."),
        ("config.yaml", "calendar: {work‸days: [mon]}", "Days of the week on which people work."),
        ("people.yaml", "- fields: {email: {t‸o: E, wins: sfa}}", "The system's own name of the field."),
        ("people.yaml", "- fields: {is.cus‸tomer: {to: E, wins: sfa}}",
         "Whether the person, or somebody at the company, has a won deal."),
        ("people.yaml", "- fields: {score.in‸terest: {to: E, wins: ma}}",
         r"The points of a score; with \`.why\` its reasons, with \`.band\` its band."),
        ("people.yaml", "- obj‸ect: Lead", "Kinds of record, in the order in which a person is looked up."),
        ("people.yaml", "- obj‸ect: [Lead]", "Kinds of record, in the order in which a person is looked up."),
        ("scores.yaml", "interest: {rules: [{lab‸el: {ja: a, en: b}}]}",
         "Word shown in the reasons; by default the kind of touchpoint."),
        ("scores.yaml", "interest: {rules: [{u‸rl: /a}]}", "Patterns on the address, such as `/price*`; any of them."),
        ("alerts.yaml", "- when: {de‸al: {state: open}}", "There is such a deal."),
    ],
)  # fmt: skip
def test_a_key_is_explained(file: str, content: str, said: str, desk: Desk) -> None:
    assert desk.told(file, content) == said


@pytest.mark.parametrize("content", ["touch‸point: page_view", "touchpoint: page_‸view", "touchpoint: [page_‸view]"])
def test_a_word_is_explained_with_all_that_may_stand_there(content: str, desk: Desk) -> None:
    told = desk.told("scores.yaml", f"interest: {{rules: [{{{content}}}]}}")

    assert told.startswith("Kinds of touchpoint that count.\n\nAllowed Values:\n\n* `page_view`: page view / Web閲覧\n")
