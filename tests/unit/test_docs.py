"""The documentation is generated where it can be, complete where it is written by hand, and its examples work."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from pydantic import BaseModel

from connector import config, errors
from connector.adapters import BUILT_IN, adapter_class
from connector.cli import cli
from connector.config import TOPICS, load
from connector.engine.report import Exit
from connector.errors import ConfigError, ConnectorError
from connector.model import PERSON_FIELDS, Kind
from connector.rules.fields import COMPUTED
from connector.spec import Spec
from tests import docs

ROOT = docs.ROOT
DOCS = ROOT / "docs"
PAGES = docs.pages()
TRANSLATED = (
    "README",
    "docs/quickstart",
    "docs/tour",
    "docs/identity",
    "docs/how-to/clean-a-list",
    "docs/how-to/first-day-with-spreadsheets",
    "docs/how-to/cron",
    "docs/how-to/container",
    "docs/how-to/more-than-one-machine",
    "docs/how-to/secrets",
    "docs/how-to/business-days",
    "docs/how-to/audit",
    "docs/how-to/backup",
    "docs/how-to/forget",
    "docs/how-to/retire",
    "docs/how-to/undo",
    "docs/how-to/plan",
    "docs/how-to/parked",
    "docs/how-to/backfill",
    "docs/how-to/monitoring",
    "docs/how-to/working-on-rules",
)
"""Pages that exist in both languages."""
TO_COME: frozenset[str] = frozenset()
"""Commands that pages speak of though they are still to come; the page that does says so."""

_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
_FORBIDDEN = re.compile(
    r"/home/|/root/|/work/|/Users/|/tmp/|[A-Z]:\\\\|pypi\.org|pythonhosted|registry\.npmjs|proxy\.golang|\.internal\b"
)


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


every_page = pytest.mark.parametrize("page", PAGES, ids=shown)


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


# --- what is generated ------------------------------------------------------------------------------------------------


def test_generated_parts_are_fresh() -> None:
    assert [shown(path) for path, _ in docs.stale()] == []


def test_every_adapter_has_a_page_with_its_options() -> None:
    assert docs.missing() == []


@pytest.mark.parametrize("kind", sorted(BUILT_IN))
def test_every_option_stands_on_the_page_of_its_adapter(kind: str) -> None:
    page = (DOCS / "adapters" / f"{kind}.md").read_text(encoding="utf-8")
    for key, *_ in docs.rows_of(adapter_class(kind).Config, {}):
        assert f"| `{key}` |" in page


def test_a_stale_page_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    page.write_text("<!-- errors -->\nold\n<!-- /errors -->\n", encoding="utf-8")
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    monkeypatch.setattr(docs, "missing", list)
    assert docs.main(["--check"]) == 1
    assert "docs/page.md: stale" in capsys.readouterr().out
    assert docs.main([]) == 0
    assert "Unavailable" in page.read_text(encoding="utf-8")
    assert docs.main(["--check"]) == 0


# --- what must be told ------------------------------------------------------------------------------------------------


def keys_of(cls: type[BaseModel]) -> Iterator[str]:
    """Keys of a block and of all blocks in it, as they are written."""
    for key, *_ in docs.rows_of(cls, {}) if issubclass(cls, Spec) else ():
        yield key.rsplit(".", 1)[-1]


def test_every_key_of_the_configuration_is_told() -> None:
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    told = {key for row in re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE) for key in row.split(".")}
    for name in ("Config", "DealMapping", "IdentityRules", "PeopleMapping", "ScoreSpec"):
        assert set(keys_of(getattr(config, name))) <= told
    for name in ("AlertRule", "ProtectRule", "NurtureRule"):
        assert set(keys_of(getattr(config, name))) <= told


def test_every_topic_word_and_kind_is_told() -> None:
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    words = set(re.findall(r"[\w.]+", page))
    assert {f"{topic}.yaml" for topic in TOPICS} | {*PERSON_FIELDS, *COMPUTED} | {str(kind) for kind in Kind} <= words


def test_every_command_is_told() -> None:
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    for name, _ in docs.all_commands(typer.main.get_command(cli)):
        assert f"### {name}\n" in page


@every_page
def test_only_commands_that_exist_are_told(page: Path) -> None:
    known = {*getattr(typer.main.get_command(cli), "commands", {}), *TO_COME}
    content = page.read_text(encoding="utf-8")
    used = re.findall(r"(?:`|\$ |bin/)connector(?: --\w+ \w+)? ([a-z]+)\b", content)
    assert set(used) <= known


@every_page
def test_every_command_in_an_example_takes_what_it_is_given(page: Path) -> None:
    commands = typer.main.get_command(cli).commands  # type: ignore[attr-defined]  # a group has them
    for _, block in _FENCE.findall(page.read_text(encoding="utf-8")):
        for line in re.findall(r"^(?:\$ )?connector ([^#>&|\[\n]+)(?!.*\[)", block, re.MULTILINE):
            words = shlex.split(line)
            at = next(i for i, word in enumerate(words) if word in commands)
            commands[words[at]].make_context(words[at], words[at + 1 :])


@pytest.mark.parametrize("name", ["README.md", "README.ja.md", "docs/commands.md"])
def test_every_exit_code_is_told(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == {int(code) for code in Exit}


def test_every_error_is_told() -> None:
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    pending, names = [ConnectorError], set()
    while pending:
        cls = pending.pop()
        names.add(cls.__name__)
        pending += [sub for sub in cls.__subclasses__() if sub.__module__ == errors.__name__]
    assert {name for name in names if not re.search(rf"\b{name}\b", page)} == set()


def test_every_runtime_dependency_has_its_reason() -> None:
    page = (DOCS / "adr" / "0009-runtime-dependencies.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[^\w.-]", each)[0] for each in project["dependencies"]}
    assert set(re.findall(r"^\| ([\w.-]+) \| ", page, re.MULTILINE)) - {"package", "---"} == needed


def test_every_decision_is_in_the_list() -> None:
    index = (DOCS / "adr" / "README.md").read_text(encoding="utf-8")
    for page in (DOCS / "adr").glob("[0-9]*.md"):
        title = page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        assert f"- [{title}]({page.name})" in index


# --- what is told must be so ------------------------------------------------------------------------------------------


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for label, target in _LINK.findall(prose(page)):
        if re.match(r"\w+:", target):
            continue
        name, _, anchor = target.partition("#")
        to = (page.parent / name).resolve() if name else page
        if not to.exists():
            broken.append(target)
            continue
        content = to.read_text(encoding="utf-8") if to.is_file() else ""
        if anchor and to.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", content, re.MULTILINE)
            if anchor not in map(docs.slug, headings):
                broken.append(target)
        if label.startswith("`test_") and f"def {label.strip('`')}(" not in content:
            broken.append(label)
    assert broken == []


@every_page
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    used = re.findall(r"(?:`|^\$ |&& )make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(used) <= targets


@pytest.mark.parametrize("name", TRANSLATED)
def test_both_languages_exist_and_name_each_other(name: str) -> None:
    for own, other in ((".md", ".ja.md"), (".ja.md", ".md")):
        path = ROOT / f"{name}{own}"
        assert f"]({Path(name).name}{other})" in path.read_text(encoding="utf-8") or "how-to" in name


def test_every_translation_has_its_original() -> None:
    translated = {shown(page).removesuffix(".ja.md") for page in PAGES if page.name.endswith(".ja.md")}
    assert translated == set(TRANSLATED)


@every_page
def test_no_place_of_some_machine_is_told(page: Path) -> None:
    assert _FORBIDDEN.findall(page.read_text(encoding="utf-8")) == []


# --- examples ---------------------------------------------------------------------------------------------------------

SYSTEMS = """
systems:
  shanon: {type: memory, role: ma}
  salesforce: {type: memory, role: sfa}
"""
"""Stands for the systems where a page shows mappings alone."""


def examples(page: Path) -> dict[str, str]:
    """The YAML files that a page shows, by their name in the first line."""
    named = re.compile(r"# (config\.yaml|mappings/\S+\.yaml)\n")
    blocks = [body for kind, body in _FENCE.findall(page.read_text(encoding="utf-8")) if kind == "yaml"]
    found = {match[1]: body for body in blocks if (match := named.match(body))}
    for body in blocks:
        if re.match(r"timezone:", body):
            found.setdefault("config.yaml", body)
    return found


WITH_EXAMPLES = [page for page in PAGES if examples(page)]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=shown)
def test_files_shown_on_a_page_lint_clean(page: Path, tmp_path: Path) -> None:
    files = {"config.yaml": SYSTEMS} | examples(page)
    (tmp_path / "mappings").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    try:
        setup = load(tmp_path / "config.yaml")
    except ConfigError as error:
        pytest.fail(str(error))
    told = [str(warning) for warning in setup.warnings]
    assert [each for each in told if "no mapping stands here" not in each] == []  # a page need not show any


def test_pages_with_examples_are_found() -> None:
    assert {"docs/configuration.md", "docs/quickstart.md", "docs/how-to/first-day-with-spreadsheets.md"} <= {
        shown(page) for page in WITH_EXAMPLES
    }
