"""Opening the connector: what is missing is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.config import load
from connector.engine.app import open_app
from connector.errors import ConfigError

CONFIG = """\
systems:
  kintone:
    type: kintone
    base_url: https://example.cybozu.com
    basic: {username: {env: K_BASIC_USER}, password: {file: basic}}
    apps:
      people: {id: 12, token: {env: K_PEOPLE}}
      deals: {id: 15, token: {env: K_DEALS}}
"""


def test_every_secret_that_is_missing_is_told_however_deep_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.setenv("K_DEALS", "token")

    with pytest.raises(ConfigError) as caught:
        open_app(load(tmp_path / "config.yaml"))

    told = [(problem.line, str(problem.what)) for problem in caught.value.problems]
    assert [line for line, _ in told] == [5, 5, 7]
    assert "K_BASIC_USER" in told[0][1]
    assert "basic" in told[1][1]
    assert "K_PEOPLE" in told[2][1]
    assert not (tmp_path / "data").exists(), "nothing was opened"


@pytest.mark.parametrize(
    "url", ["data/connector.db", "", "sqlite://", "mysql://u:hemmelig@h/d", "postgresql://u:hemmelig@h/d"]
)
def test_a_store_that_is_no_url_is_told_by_lint(tmp_path: Path, url: str) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "config.yaml").write_text(f"store: '{url}'\nsystems:\n  ma: {{type: memory, role: ma}}\n")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "config.yaml")
    [problem] = [problem for problem in caught.value.problems if "the URL of a store" in problem.in_("en")]
    assert (problem.line, problem.column) == (1, 8)
    assert "sqlite:///data/connector.db" in problem.in_("ja")
    assert not [problem for problem in caught.value.problems if "hemmelig" in problem.in_("en")]


@pytest.mark.parametrize("url", ["data/connector.db", "postgresql+psycopg://u:hemmelig", "postgresql+psycopg://h:a/d"])
def test_a_store_url_in_a_secret_that_is_none_is_told_without_being_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "config.yaml").write_text("store_url: {env: STORE}\nsystems:\n  ma: {type: memory, role: ma}\n")
    monkeypatch.setenv("STORE", url)
    with pytest.raises(ConfigError) as caught:
        open_app(load(tmp_path / "config.yaml"))
    [problem] = caught.value.problems
    assert problem.line == 1
    assert "hemmelig" not in problem.in_("en") + problem.in_("ja")
