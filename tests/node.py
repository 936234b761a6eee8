"""Real clients that run in node: their locked packages, and scripts that drive an emulated system with them."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent / "integration" / "node"
_MODULES = FOLDER / "node_modules"


def _install(package: str) -> str:
    """Install the locked packages if this one is missing; says why they cannot be."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "node and npm are not installed"
    with (FOLDER / "package.json").open() as manifest:
        # Workers that test at the same time must not install at the same time.
        fcntl.flock(manifest, fcntl.LOCK_EX)
        if (_MODULES / package).exists():
            return ""
        command = ["npm", "ci", "--loglevel=error"]
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"npm ci failed: {done.stderr.strip()[-300:]}"


def need(package: str) -> None:
    """Skip unless the package is installed, or can be.

    To be called for a module, so that npm still sees the machine's settings, which no test does.
    """
    if reason := _install(package):
        pytest.skip(reason)


def environment(**more: str) -> dict[str, str]:
    """What a client sees of the machine's settings: where programs are."""
    # The clients take any proxy from the environment, and know no exception for loopback.
    return {"PATH": os.environ["PATH"], **more}


def drive(script: str, scenario: str, sandbox: Mapping[str, Any]) -> dict[str, Any]:
    """Run a scenario of a script and give what it printed; it finds `sandbox` in the variable SANDBOX."""
    command = ["node", script, scenario]
    env = environment(SANDBOX=json.dumps(sandbox))
    done = subprocess.run(command, cwd=FOLDER, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def command(name: str, *args: str) -> list[str]:
    """How a program is started that a package brings along."""
    return [str(_MODULES / ".bin" / name), *args]


def program(name: str, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a program that a package brings along."""
    return subprocess.run(
        command(name, *args), env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
