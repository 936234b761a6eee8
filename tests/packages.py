"""Packages of others, as pip leaves them in an environment: thrown away with the test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HOUSE = """\
'''House CRM: the people of a company, in a program of its own.'''

from connector.adapters.memory import Memory
from connector.model import Role
from connector.spec import Spec


class Config(Spec):
    tenant: str
    '''Which part of the house.'''


class House(Memory):
    type = "house"
    role = Role.SFA
    Config = Config
"""
"""A sound adapter in a module of its own."""


def install(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    points: str,
    source: str = HOUSE,
    *,
    module: str = "house_crm",
    version: str = "1.0",
) -> None:
    """A package with one module; `points` are the lines of its entry points for adapters."""
    root.mkdir(exist_ok=True)
    (root / f"{module}.py").write_text(source, encoding="utf-8")
    meta = root / f"{module}-{version}.dist-info"
    meta.mkdir()
    name = module.replace("_", "-")
    (meta / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    (meta / "entry_points.txt").write_text(f"[connector.adapters]\n{points}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(root)
    monkeypatch.delitem(sys.modules, module, raising=False)
