"""How `why` explains one person to the administrator: evidence, touchpoints, rules, what was written, what is seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connector.adapters.memory import SYSTEMS, System
from connector.cli import cli
from connector.model import DealState, Kind

CONFIG = "systems:\n  ma: {type: memory, role: ma}\n  sfa: {type: memory, role: sfa}\n"
FILES = {
    "people": "- {in: sfa, object: person, fields: {score.interest: {to: score, wins: ma}}}\n",
    "scores": """
interest:
  rules:
    - {id: price, touchpoint: page_view, url: "/price*", within: 30d, points: 10}
    - {id: fresh, touchpoint: page_view, within: 1d, points: 5}
  bands: {warm: 10, hot: 12}
""",
    "alerts": """
- {id: stirs, when: {deal: {state: open, stage_unchanged: {gte: 60d}}}, to: deal_owner, repeat: {per: deal, every: 7d}}
- {id: won, when: {person: {is: customer}}, to: deal_owner, repeat: {per: deal, every: 7d}}
""",
    "protect": "- {id: open-deal, when: {deal: {state: open}}, list: no-mail}\n",
}


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Somebody with a deal of 45 days who read about prices two days ago, after a run."""
    (tmp_path / "mappings").mkdir()
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    for name, content in FILES.items():
        (tmp_path / "mappings" / f"{name}.yaml").write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    now = datetime.now(UTC)
    ma, sfa = SYSTEMS.setdefault("ma", System("ma", now)), SYSTEMS.setdefault("sfa", System("sfa", now))
    record = sfa.add_person(email="taro@alpha.co.jp")
    sfa.add_deal("更新", DealState.OPEN, people=(record.id,), stage_since=now - timedelta(days=45))
    visitor = ma.add_person(email="taro@alpha.co.jp")
    ma.add_touchpoint(visitor, Kind.PAGE_VIEW, now - timedelta(days=2), label="料金", url="https://a.example/price")
    assert CliRunner().invoke(cli, ["run"]).exit_code == 0
    yield str(record)
    SYSTEMS.clear()


def test_it_is_told_from_the_evidence_to_what_the_rep_sees(person: str) -> None:
    result = CliRunner().invoke(cli, ["why", "taro@alpha.co.jp"])

    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert any("the same personal mail address taro@alpha.co.jp" in line for line in lines)
    (hit,) = [line for line in lines if "+10  price" in line]
    assert hit.endswith("Web閲覧: 料金 https://a.example/price")
    assert lines[lines.index("rules that hold") + 1] == "  protection open-deal"
    nearly = lines[lines.index("rules that nearly hold") + 1 :]
    assert nearly[:3] == [
        "  alert stirs: 更新: stage_unchanged is 45d, not >= 60d [+15d]",
        "  score interest.fresh: page view 2d ago, not within 1d [-1d]",
        "  band interest.hot: 10 points, not 12 [+2]",
    ]
    written = lines[lines.index("written") + 1 : -1]
    assert any(f"~ {person}  score: ∅ → 10" in line for line in written)
    assert lines[-1].startswith("the rep sees: 10点 warm: +10 Web閲覧")


def test_as_data_it_has_the_same(person: str) -> None:
    found = json.loads(CliRunner().invoke(cli, ["why", "taro@alpha.co.jp", "--json"]).stdout)

    assert person in found["records"]
    assert {each["rule"]: each["holds"] for each in found["rules"]} == {
        "stirs": False, "open-deal": True, "interest.fresh": False, "interest.hot": False,
    }  # fmt: skip
    assert found["scores"][0]["hits"][0]["touchpoint"].endswith("/price")
    assert {each["change"]["kind"] for each in found["sent"]} == {"SetFields", "AddToList"}
