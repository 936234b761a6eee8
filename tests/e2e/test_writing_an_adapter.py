"""docs/adapters/writing-one.md, followed to the letter: what it shows is a package that installs and passes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/adapters/writing-one.md"


def files() -> dict[str, str]:
    """The files that the page shows, by the name above each."""
    shown = re.findall(
        r"^`([\w./-]+)`:\n\n```\w+\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    return dict(shown)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package in a folder of its own, installed into `site` beside it."""
    root = tmp_path_factory.mktemp("meishi")
    for name, content in files().items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    done = run(root, "-m", "pip", "install", "-q", *offline, "--target", str(root / "site"), ".")
    assert done.returncode == 0, done.stderr
    return root


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV", "CONNECTOR_"))}
    # Without the folder itself in the path: what is imported is what was installed.
    env = {**kept, "PYTHONPATH": str(root / "site"), "PYTHONSAFEPATH": "1", "CONNECTOR_LANG": "en"}
    env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the extra `testing` brings none
    return subprocess.run(
        [sys.executable, *words], cwd=root, env=env, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_page_shows_a_whole_package() -> None:
    assert list(files()) == [
        "pyproject.toml",
        "meishi/__init__.py",
        "tests/fake_meishi.py",
        "tests/test_contract.py",
        "config.yaml",
        "mappings/people.yaml",
    ]


def test_its_adapter_keeps_the_contract(package: Path) -> None:
    done = run(package, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    counted = re.search(r"(\d+) passed, (\d+) skipped", done.stdout)
    assert counted is not None, done.stdout
    assert int(counted[1]) > 30


def test_a_failure_in_the_contract_is_explained(package: Path) -> None:
    """Asserts of the suite show both sides outside this repository, too."""
    test = package / "tests" / "test_broken.py"
    broken = "Meishi.push = lambda self, changes: iter(())"
    test.write_text(f"from meishi import Meishi\nfrom test_contract import TestMeishi\n{broken}\n", encoding="utf-8")
    done = run(package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "a_value_can_be_cleared", str(test))
    test.unlink()
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"^E +AssertionError: assert \[\] == \['set:sys/", done.stdout, re.MULTILINE), done.stdout


def test_its_type_is_listed(package: Path) -> None:
    done = run(package, "-m", "connector", "adapters", "--json")
    assert done.returncode == 0, done.stderr
    (meishi,) = [each for each in json.loads(done.stdout) if each["type"] == "meishi"]
    assert (meishi["package"], meishi["version"], meishi["role"]) == ("connector-meishi", "0.1.0", "sfa")
    assert meishi["writes"] == ["fields", "people"]
    assert meishi["about"] == "Meishi: the register of business cards, by its REST API."
    assert meishi["error"] is meishi["warning"] is None


def test_its_options_are_checked(package: Path) -> None:
    done = run(package, "-m", "connector", "lint", "config.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    config = (package / "config.yaml").read_text(encoding="utf-8")
    wrong = config.replace("token: {env: MEISHI_TOKEN}", "token: sesame\n    page_sice: 7")
    (package / "wrong.yaml").write_text(wrong, encoding="utf-8")
    done = run(package, "-m", "connector", "lint", "wrong.yaml")
    assert done.returncode == 78
    assert "wrong.yaml:12:12: a secret is written out here" in done.stderr
    assert "wrong.yaml:13:5: unknown key 'page_sice' → did you mean 'page_size'?" in done.stderr
