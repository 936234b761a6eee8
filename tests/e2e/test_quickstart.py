"""The quickstart as it is printed: every command of it, against the sandbox, in both languages the same."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.test_sandbox import sandbox

DOCS = Path(__file__).parents[2] / "docs"
REFUSED = 3
"""Some addresses may be none that Salesforce takes: the page says so."""


def commands(page: str) -> list[str]:
    """What is to be typed in the second terminal, up to the systems of one's own."""
    part = (DOCS / page).read_text(encoding="utf-8").partition("\n## 2. ")[2].partition("\n## 3. ")[0]
    blocks = re.findall(r"```console\n(.*?)```", part, re.DOTALL)
    typed = [line.removeprefix("$ ").partition("  #")[0].strip() for line in "".join(blocks[1:]).splitlines()]
    assert re.fullmatch(r"\$ connector (--lang ja )?sandbox --into my\n", blocks[0])
    return [re.sub(r" +#.*", "", line) for line in typed]


def test_both_languages_type_the_same() -> None:
    assert commands("quickstart.md") == commands("quickstart.ja.md")
    assert len(commands("quickstart.md")) > 9


@pytest.mark.timeout(900)
def test_each_step_does_what_the_page_says(tmp_path: Path) -> None:
    folder = tmp_path / "my"
    said: list[tuple[str, int, str]] = []
    with sandbox("--into", str(folder)):
        for line in commands("quickstart.md"):
            if line == "cd my":
                assert {each.name for each in folder.iterdir()} >= {"config.yaml", "mappings", "secrets"}
                continue
            words = shlex.split(line)
            assert words[0] == "connector"
            done = subprocess.run(
                [sys.executable, "-m", "connector", "--lang", "en", *words[1:]],
                cwd=folder, capture_output=True, text=True, timeout=600, check=False,
            )  # fmt: skip
            said.append((line, done.returncode, done.stdout + done.stderr))

    # Whether one of them is warm enough to be created hangs on the hour.
    codes = [0 if line == "connector run" and code == REFUSED else code for line, code, _ in said]
    assert codes == [0] * len(codes), said
    told = {line: text for line, _, text in said}
    plan = told["connector plan --limit 20"].splitlines()
    assert re.fullmatch(r"\d+ changes, nothing written", plan[-1]), plan[-5:]
    kinds = {line.rpartition(" ")[0] for line in plan}
    shown = re.findall(r"^(\w+: [A-Z]\w+) \d+$", (DOCS / "quickstart.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {each for each in shown if "RaiseAlert" not in each} <= kinds  # alerts tell of the last day alone
    # Time goes by while these run: a view may turn a day old in between, and a score go down; by night alerts wait.
    due = [line for line in told["connector plan"].splitlines() if re.match(r"  [~+!-] ", line)]
    assert len(due) < 9, due
    assert {line[:4] for line in due} <= {"  ~ ", "  ! "}, due
    assert "saegusa@hekikai-example.co.jp" in told[next(line for line in told if line.startswith("connector why"))]
