"""What the pages about operation tell people to copy does what they say."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.engine.report import Exit
from connector.engine.schedule import LAST_WORDS
from connector.web.serve import GRACE

ROOT = Path(__file__).parents[3]
PAGES = ROOT / "docs" / "how-to"
NAMES = ["cron", "container", "more-than-one-machine", "secrets", "monitoring"]


def blocks(page: str, language: str = r"\w*") -> list[str]:
    """The code blocks of a page."""
    text = (PAGES / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def said_by_the_cron_script(page: str, code: int, folder: Path) -> tuple[int, str, str]:
    """Its exit code, what cron would mail, and the log, when a run ends with `code`."""
    program, log = folder / "connector", folder / "connector.log"
    program.write_text(f"#!/bin/sh\necho table\necho logged >&2\nexit {code}\n")
    program.chmod(0o700)
    (script,) = blocks(page, "sh")
    assert "/opt/connector/bin/connector " in script
    script = script.replace("/opt/connector/bin/connector", str(program)).replace(
        "/var/log/connector/connector.log", str(log)
    )
    done = subprocess.run(["/bin/sh", "-c", script], env={}, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout, log.read_text()


@pytest.mark.parametrize("page", ["cron.md", "cron.ja.md"])
@pytest.mark.parametrize("code", [*Exit, 137])
def test_cron_mails_what_needs_a_person_and_nothing_else(page: str, code: int, tmp_path: Path) -> None:
    ended, mail, logged = said_by_the_cron_script(page, code, tmp_path)
    quiet = code in (Exit.DONE, Exit.DEFERRED)
    assert ended == (0 if quiet else code)
    assert len(mail.splitlines()) == (0 if quiet else 1)
    assert logged == "logged\n"


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_show_the_same_to_copy(name: str) -> None:
    def bare(page: str) -> list[str]:
        without_words = (re.sub(r' *#(?!!).*|echo ".*"|(?<=sf)  +\S.*', "", block) for block in blocks(page))
        return [block.strip() for block in without_words]

    assert bare(f"{name}.md") == bare(f"{name}.ja.md")


@pytest.mark.parametrize("name", NAMES)
def test_yaml_is_yaml(name: str) -> None:
    for block in blocks(f"{name}.md", "yaml"):
        assert yaml.safe_load(block)


def services(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))["services"]
    return found


@pytest.mark.parametrize("name", ["compose.yaml", "compose.workers.yaml"])
def test_no_container_may_write_or_rise_above_what_it_is(name: str) -> None:
    for service in services(name).values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service.get("user") != "root"
        assert "ports" not in service


def test_four_workers_share_the_store_and_every_secret_with_one_scheduler() -> None:
    found = services("compose.workers.yaml")
    assert set(found) == {"serve", "worker", "store"}
    assert found["worker"]["deploy"] == {"replicas": 4}
    assert found["worker"]["command"][0] == "worker"
    for shared in ("secrets", "environment", "volumes", "image"):
        assert found["worker"][shared] == found["serve"][shared]
    assert found["store"]["networks"] == ["inside"], "the store is not reached from outside"
    told = set(yaml.safe_load((ROOT / "compose.workers.yaml").read_text(encoding="utf-8"))["secrets"])
    assert told == {*found["worker"]["secrets"], *found["store"]["secrets"]}


def test_nothing_is_killed_before_its_time() -> None:
    needed = (GRACE + LAST_WORDS).total_seconds()
    serving = [services("compose.yaml")["connector"], services("compose.workers.yaml")["serve"]]
    (unit,) = (block for block in blocks("cron.md", "ini") if " serve " in block)
    for given in (*(service["stop_grace_period"] for service in serving), re.search(r"TimeoutStopSec=(.*)in", unit)[1]):  # type: ignore[index]
        assert int(given.removesuffix("m")) * 60 >= needed
