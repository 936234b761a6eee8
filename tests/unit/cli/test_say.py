"""What is printed is what was said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from connector.cli.say import Console
from connector.errors import ConnectorError, text


def test_a_line_number_or_an_id_between_colons_is_no_emoji(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.out("担当:id:12")
    console.table("a:100:b", ["c:100:d"], [["メモ:key:値"]])
    console.error(ConnectorError(text("bad", "誤り"), where="mappings/scores.yaml:100:14"))

    out, err = capsys.readouterr()
    assert [line.strip() for line in out.splitlines()] == ["担当:id:12", "a:100:b", "c:100:d", "メモ:key:値"]
    assert err.startswith("mappings/scores.yaml:100:14: ")


def test_what_looks_like_markup_and_what_steers_a_terminal_is_neither(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.out("C:\\data\\")
    console.out("[bold]太字[/bold] \\[x]")
    console.table("", ["a\\"], [["[red]b\\"]])
    console.error(ConnectorError(text("{name}", "{name}", name="\x1b[2Jgone\\")))
    console.aside(text("[/] {name}", "[/] {name}", name="\x07"))

    out, err = capsys.readouterr()
    assert [line.strip() for line in out.splitlines()] == [
        "C:\\data\\", "[bold]太字[/bold] \\[x]", "a\\", "[red]b\\",
    ]  # fmt: skip
    assert "\x1b[2J" not in err
    assert "\x07" not in err
    assert "gone\\\n" in err


def run(*words: str, folder: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    """The command line as a process of its own, as a terminal of another kind has it."""
    return subprocess.run(
        [sys.executable, "-m", "connector", *words], cwd=folder, capture_output=True, timeout=60, check=False,
        env={**os.environ, "CONNECTOR_LANG": "ja", **env},
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "config.yaml").write_text("systems:\n  営業😀: {type: memory, role: sfa}\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("encoding", ["ascii", "cp932", "utf-8"])
def test_a_terminal_that_lacks_a_character_shows_the_rest(folder: Path, encoding: str) -> None:
    done = run("status", folder=folder, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "営業" in done.stdout.decode(encoding) or encoding == "ascii"


def test_data_is_utf_8_whatever_the_terminal_speaks(folder: Path) -> None:
    done = run("status", "--json", folder=folder, PYTHONIOENCODING="cp932")
    assert "営業😀" in json.loads(done.stdout.decode("utf-8"))["systems"]


def test_who_waits_for_data_gets_the_error_as_data_too(folder: Path) -> None:
    (folder / "config.yaml").write_text("systems:\n  a: {type: memory, role: ma}\nrun: {evry: 1h}\n", encoding="utf-8")
    for command in ("lint", "run"):
        done = run(command, "--json", folder=folder)
        [problem] = json.loads(done.stdout)["error"]["problems"]
        assert done.returncode == 78
        assert (problem["line"], problem["column"], problem["severity"]) == (3, 7, "error")
        assert (problem["what"], problem["fix_ja"]) == ("unknown key 'evry'", "'every' の誤りではありませんか")
        assert "config.yaml:3:7" in done.stderr.decode()


def test_an_error_that_is_none_of_the_configuration_is_data_too(folder: Path) -> None:
    done = run("why", "nobody@example.co.jp", "--json", folder=folder)
    told = json.loads(done.stdout)["error"]
    assert done.returncode == 1
    assert told["what"]
    assert told["what_ja"]


def test_warnings_of_lint_are_data(folder: Path) -> None:
    told = json.loads(run("lint", "--json", folder=folder).stdout)
    assert told["ok"] is True
    assert [each["severity"] for each in told["warnings"]] == ["warning"] * len(told["warnings"]) != []


def test_lint_takes_the_configuration_as_every_command_does(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    config = str(folder / "config.yaml")
    for words, env in ((["lint", config], {}), (["lint", "-c", config], {}), (["lint"], {"CONNECTOR_CONFIG": config})):
        assert run(*words, folder=elsewhere, **env).returncode == 0
    missing = run("lint", folder=elsewhere)
    assert missing.returncode == 78
    assert "connector init" in missing.stderr.decode()


@pytest.mark.parametrize("words", [["--log", "nonsense", "status"], ["--lang", "fr", "status"]])
def test_an_option_with_a_word_it_does_not_know_is_refused(folder: Path, words: list[str]) -> None:
    done = run(*words, folder=folder)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["init", "file/x"], ["schema", "--out", "file/x"]])
def test_a_place_that_cannot_be_written_is_told(folder: Path, words: list[str]) -> None:
    (folder / "file").touch()
    done = run(*words, folder=folder)
    assert done.returncode == 1
    assert "書き込めません" in done.stderr.decode()
    assert b"Traceback" not in done.stderr
