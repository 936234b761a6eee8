"""What lies open on this machine: secrets that everybody can read, a configuration that everybody can change."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector import cli
from connector.config import load
from connector.engine.exposed import exposed
from connector.spec import secrets_in

CONFIG = """\
systems:
  sfa: {{type: salesforce, domain: example.my, client_id: {{env: SF_CLIENT_ID}}, client_secret: {{file: {secret}}}}}
store_url: {{file: {url}}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "mappings").mkdir()
    for name in ("secret", "url"):
        (tmp_path / name).write_text("canary")
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.format(secret=tmp_path / "secret", url=tmp_path / "url"))
    path.chmod(0o640)
    return path


def told(config: Path, *, here: bool = True) -> list[str]:
    return [f"{Path(p.file).name}:{p.line}: {p.what}" for p in exposed(load(config), config, here=here)]


def test_a_relative_path_begins_at_the_folder_of_the_configuration(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (config.parent / "secret").write_text("s3cret\n")
    config.write_text(CONFIG.format(secret="secret", url="url"))
    monkeypatch.chdir("/")
    options = load(config).systems["sfa"][1]
    assert [secret.reveal() for secret in secrets_in([options]) if secret.file] == ["s3cret"]
    (config.parent / "secret").chmod(0o644)
    assert len(told(config)) == 1


def test_what_is_closed_is_not_told(config: Path) -> None:
    assert told(config) == []


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602])
@pytest.mark.parametrize(("name", "line"), [("secret", 2), ("url", 3)])
def test_a_secret_that_everybody_can_read_or_change_is_told_at_its_line(
    config: Path, name: str, line: int, mode: int
) -> None:
    (config.parent / name).chmod(mode)
    (said,) = told(config)
    assert said.startswith(f"config.yaml:{line}: secret file ")
    assert f"(mode {mode:04o})" in said


def test_a_secret_that_its_group_can_read_is_how_kubernetes_mounts_it(config: Path) -> None:
    (config.parent / "secret").chmod(0o440)
    assert told(config) == []


def test_a_configuration_that_everybody_can_read_is_told_where_it_is_used(config: Path) -> None:
    config.chmod(0o644)
    assert told(config) == ["config.yaml:0: everybody can read this file"]
    assert told(config, here=False) == []


def test_a_configuration_that_everybody_can_change_is_told_always(config: Path) -> None:
    config.chmod(0o666)
    for here in (True, False):
        assert told(config, here=here) == ["config.yaml:0: everybody can change this file"]


def test_a_secret_that_is_not_there_is_told_by_others(config: Path) -> None:
    (config.parent / "secret").unlink()
    assert told(config) == []


def test_lint_says_it_and_passes(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (config.parent / "secret").chmod(0o644)
    monkeypatch.setattr("sys.argv", ["connector", "--lang", "en", "lint", str(config)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code in (0, None)
    said = capsys.readouterr().err
    assert "warning: " in said
    assert "is open to everybody" in said
