"""`connector demo` as a user starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MOVES = [
    "stalled_deal_stirs",
    "deal_lost_for_budget",
    "registrant_is_old_customer",
    "deal_opens_at_70_percent",
    "person_opts_out",
    "call_result_recorded",
    "lead_converted",
    "contacts_merged",
    "deal_in_kintone_stirs",
    "no_to_mail_said_in_kintone",
    "deal_in_esales_stirs",
    "deal_in_esales_lost",
]


def connector(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In an empty folder, so that nothing of a checkout is found by chance."""
    return subprocess.run(
        [sys.executable, "-m", "connector", *arguments],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder), "CONNECTOR_LANG": "en"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.mark.timeout(300)
def test_each_move_has_its_effect_and_only_that(tmp_path: Path) -> None:
    done = connector(tmp_path, "demo", "--json")
    told = json.loads(done.stdout)

    assert [check["id"] for check in told["checks"] if not check["ok"]] == []
    assert told["unexplained"] == []
    assert (done.returncode, told["ok"], done.stderr) == (0, True, "")
    assert [effect["move"] for effect in told["effects"]] == MOVES
    assert set(told) == {
        *("ok", "seed", "seconds", "checks", "effects", "faded", "unexplained"),
        *("task", "alert", "scores", "lists", "why", "parked", "runs", "calls"),
    }
    assert list(told["runs"])[:3] == ["first", "second", "third"]
    assert (told["runs"]["third"]["planned"], told["runs"]["third"]["sent"]) == (0, 0)
    assert told["alert"]["件名"] == "[MA] 停滞案件に動き: 株式会社碧海システムズ 三枝 亮"
    assert told["alert"]["担当者"] == ["osaka.kishi"]
    assert told["task"]["Subject"].startswith("[MA] 停滞案件に動き")
    assert [who["band"] for who in told["scores"]][:2] == ["warm", "hot"]
    assert told["why"]["scores"][0]["points"] == told["scores"][0]["score"]
    assert len(told["lists"]["do-not-mass-mail"]["second"]) == len(told["lists"]["do-not-mass-mail"]["first"]) + 1
    assert all(each["used"] >= each["least"] for each in told["calls"])
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"
