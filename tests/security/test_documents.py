"""YAML that means ill is a problem at its place: no file of the configuration runs, swells or hangs the program."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.config import load
from connector.errors import ConfigError
from connector.spec import read_yaml_text

LEVELS = "abcdefghi"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in pairwise(LEVELS)
)
EVIL = {
    "aliases that swell": BOMB,
    "lists without end": "[" * 20_000,
    "blocks without end": "{a: " * 20_000,
    "dashes without end": "- " * 20_000,
    "a block within itself": "a: &a {b: *a}",
    "a Python object": "!!python/object/apply:os.system ['touch pwned']",
    "a Python name": "a: !!python/name:os.system",
    "a tag of somebody's own": "a: !run touch pwned",
    "a merge key": "a: {<<: {timezone: UTC}}",
    "a key twice": "timezone: UTC\ntimezone: Asia/Tokyo",
    "a key that is a list": "? [a, b]\n: 1",
    "two documents": "timezone: UTC\n---\ntimezone: UTC",
    "a null byte": "timezone: \x00",
    "half a surrogate": 'timezone: "\\ud800"',
    "ten million letters": f"timezone: {'x' * 10_000_000}",
}


@pytest.mark.parametrize("file", ["config.yaml", "mappings/scores.yaml"])
@pytest.mark.parametrize("name", EVIL)
def test_it_is_a_problem_at_its_place(tmp_path: Path, name: str, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mappings").mkdir()
    (tmp_path / "config.yaml").write_text("systems: {sfa: {type: memory, role: sfa}}\n")
    (tmp_path / file).write_bytes(EVIL[name].encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "config.yaml")
    assert any(problem.file == file for problem in caught.value.problems)
    assert not (tmp_path / "pwned").exists()


@given(st.text(alphabet="[]{}:,-&*!|>'\"#%@`? \n\tab<1", max_size=200))
def test_whatever_is_written_is_read_or_a_problem(content: str) -> None:
    _, problems = read_yaml_text(content, "x.yaml")
    assert all(problem.file == "x.yaml" for problem in problems)
