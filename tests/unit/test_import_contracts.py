"""The floors hold; and each contract is broken once on purpose, to know that it would be noticed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FLOORS = "Each floor imports only what is below it"
PURE = "Rules and reports do no I/O, read no clock, roll no dice"
NO_FILES = "Rules and reports open no file"
SANDBOX_UNKNOWN = "Nothing but the command line knows the sandbox"
SANDBOX_APART = "The sandbox knows nothing of the product"


@dataclass(frozen=True)
class Plant:
    """An offending line, in a module of its own so that what the real modules import cannot blur the answer."""

    contract: str
    module: str
    line: str

    def __str__(self) -> str:
        return f"{self.module}: {self.line}"


PLANTS = [
    Plant(FLOORS, "adapters.planted", "from connector.engine import target"),
    Plant(FLOORS, "adapters.planted", "def late():\n    from connector.engine import target"),
    Plant(FLOORS, "adapters.planted", "import connector.store.target"),
    Plant(FLOORS, "rules.planted", "from connector.adapters import target"),
    Plant(FLOORS, "reports.planted", "from connector.rules import target"),
    Plant(
        FLOORS, "store.planted", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import connector.web.target"
    ),
    Plant(FLOORS, "engine.planted", "from connector.testing import target"),
    Plant(FLOORS, "web.planted", "from connector.testing import target"),
    Plant(FLOORS, "homeless", "answer = 42"),
    Plant(PURE, "rules.planted", "import time"),
    Plant(PURE, "rules.planted", "from random import choice"),
    Plant(PURE, "reports.planted", "from sqlalchemy.engine import Engine"),
    Plant(PURE, "rules.planted", "from connector.rules import talkative"),
    Plant(NO_FILES, "rules.planted", "from pathlib import Path"),
    Plant(SANDBOX_UNKNOWN, "engine.planted", "from connector.sandbox import target"),
    Plant(SANDBOX_UNKNOWN, "web.planted", "import connector.sandbox.target"),
    Plant(SANDBOX_APART, "sandbox.planted", "from connector.adapters import target"),
    Plant(SANDBOX_APART, "sandbox.planted", "from connector import model"),
]


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the package with the contracts beside it, and every room there to be entered."""
    shutil.copytree(ROOT / "connector", tmp_path / "connector", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for room in ("adapters", "engine", "reports", "rules", "sandbox", "store", "testing", "web"):
        (tmp_path / "connector" / room).mkdir(exist_ok=True)
        (tmp_path / "connector" / room / "__init__.py").touch()
        (tmp_path / "connector" / room / "target.py").touch()
    (tmp_path / "connector/rules/talkative.py").touch()
    return tmp_path


def broken(house: Path) -> set[str]:
    """The names of the contracts that are reported broken."""
    run = subprocess.run(
        # Isolated, because a PYTHONPATH could put another copy of the package in front of this one.
        [
            sys.executable,
            "-I",
            "-c",
            "from importlinter.cli import lint_imports as l; exit(l(no_cache=True, no_logo=True))",
        ],
        cwd=house,
        env={"COLUMNS": "200", "PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        check=False,
    )
    verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)\b", run.stdout, re.MULTILINE))
    assert set(verdicts) == contracts(), f"not every contract gave a verdict:\n{run.stdout}{run.stderr}"
    names = {name for name, verdict in verdicts.items() if verdict == "BROKEN"}
    assert run.returncode == bool(names), run.stdout
    return names


def contracts() -> set[str]:
    """The names of the contracts in force."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return {contract["name"] for contract in tomllib.load(file)["tool"]["importlinter"]["contracts"]}


def test_contracts_are_kept(house: Path) -> None:
    assert broken(house) == set()


@pytest.mark.parametrize("plant", PLANTS, ids=str)
def test_planted_import_breaks_exactly_its_contract(house: Path, plant: Plant) -> None:
    (house / "connector" / (plant.module.replace(".", "/") + ".py")).write_text(plant.line + "\n", encoding="utf-8")
    if "talkative" in plant.line:
        (house / "connector/rules/talkative.py").write_text("import socket\n", encoding="utf-8")
    assert broken(house) == {plant.contract}


@pytest.mark.parametrize("room", ["cli", "demo"])
def test_command_line_may_know_the_sandbox(house: Path, room: str) -> None:
    (house / f"connector/{room}.py").write_text("from connector.sandbox import target\n", encoding="utf-8")
    assert broken(house) == set()


def test_every_contract_is_broken_by_some_plant() -> None:
    assert {plant.contract for plant in PLANTS} == contracts()
