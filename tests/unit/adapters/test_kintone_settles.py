"""The engine between a marketing automation in memory and an emulated kintone: it acts once, and then is quiet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.adapters.memory import SYSTEMS, System
from connector.config import load
from connector.engine.app import App, open_app
from connector.engine.check import check_all
from connector.engine.preview import plan_preview
from connector.engine.report import Exit, Report
from connector.engine.run import run
from connector.model import Kind
from tests.unit.adapters.kintone_kit import SPRING, Stage, place_of, stage

CONFIG = """
systems:
  ma: {{type: memory, role: ma}}
  kintone:
    type: kintone
    base_url: {url}
    retries: 0
    apps:
      people: {{id: 1, token: {{env: KT_PEOPLE}}, owner: 担当者, summary: {{table: 接点, line: 行}}}}
      deals: {{id: 2, token: {{env: KT_DEALS}}}}
      alerts: {{id: 3, token: {{env: KT_ALERTS}}}}
      touchpoints: {{id: 4, token: {{env: KT_TOUCHPOINTS}}}}
    alert: {{via: [comment, app], claim: ma_last_alert, app: alerts}}
    timeline: {{app: touchpoints, fields: {{person_id: 人物ID}}}}
run:
  guards: {{at_least: 100000}}
"""
MAPPINGS = {
    "people": """
- in: kintone
  object: people
  key: ma_key
  create: {object: people, when: {score.interest: {gte: 20}}, require: [family_name]}
  fields:
    email: {to: メール, wins: sfa_unless_blank}
    family_name: {to: 姓, wins: sfa_unless_blank}
    company: {to: 会社名, wins: sfa_unless_blank}
    opted_out: {to: 配信, wins: strictest, values: {"true": 配信停止}}
    score.interest: {to: ma_score, wins: ma}
    score.interest.why: {to: ma_why, wins: ma, max_length: 255}
    score.interest.band: {to: ma_band, wins: ma}
    touchpoints.last_at: {to: ma_last_at, wins: ma}
    touchpoints.recent: {to: 接点, wins: ma}
  timeline: {to: touchpoints, kinds: [seminar_attended], since: 90d}
""",
    "deals": """
- in: kintone
  object: deals
  fields:
    {name: 案件名, stage: 進捗, stage_since: フェーズ変更, probability: 確度, owner: 営業, company: 顧客名,
     people: 先方}
  states: {won: 受注, lost: 失注}
  probabilities: {A: 90, B: 50, C: 10}
  linked_by: {people: メール}
""",
    "scores": """
interest:
  rules:
    - {id: web, touchpoint: page_view, within: 30d, points: 10}
    - {id: seminar, touchpoint: seminar_attended, within: 90d, points: 7, each: true, cap: 21}
  bands: {hot: 25, warm: 10, cold: 0}
""",
    "alerts": """
- id: stirs
  in: kintone
  when:
    deal: {state: open, stage_unchanged: {gte: 60d}}
    touchpoint: {kind: [page_view], within: 2d}
  to: deal_owner
  repeat: {per: deal, every: 7d}
""",
}


class Connector:
    """What an administrator runs, with a clock that both sides share."""

    def __init__(self, folder: Path, ready: Stage) -> None:
        self.ready = ready
        (folder / "mappings").mkdir()
        for name, content in MAPPINGS.items():
            (folder / "mappings" / f"{name}.yaml").write_text(content, encoding="utf-8")
        (folder / "config.yaml").write_text(CONFIG.format(url=ready.server.url), encoding="utf-8")
        self.folder = folder
        self.ma = SYSTEMS["ma"] = System("ma", now=SPRING)

    @contextmanager
    def app(self) -> Iterator[App]:
        app = open_app(load(self.folder / "config.yaml"), clock=self.ready.kintone.clock)
        try:
            yield app
        finally:
            app.close()

    def run(self, **options: Any) -> Report:
        self.ready.later()
        with self.app() as app:
            return run(app, **options)

    def planned(self) -> list[object]:
        with self.app() as app:
            return list(plan_preview(app, pull=True, as_of=None).fresh)


@pytest.fixture
def connector(tmp_path: Path) -> Iterator[Connector]:
    with stage() as ready:
        yield Connector(tmp_path, ready)
    SYSTEMS.pop("ma", None)


def test_it_acts_once_and_then_is_quiet(connector: Connector) -> None:
    ready, ma = connector.ready, connector.ma
    known = ready.add("people", メール="sato@alpha.co.jp", 姓="佐藤", 会社名="アルファ")
    stalled = {"進捗": "提案", "フェーズ変更": "2026-01-05", "営業": ["sato"], "先方": "sato@alpha.co.jp"}
    deal = ready.add("deals", 案件名="更新", 顧客名="アルファ", **stalled)
    for email, name, company, no in (
        ("sato@alpha.co.jp", "佐藤", "アルファ", False), ("ito@beta.co.jp", "伊藤", "ベータ", True),
    ):  # fmt: skip
        visitor = ma.add_person(email=email, family_name=name, company=company, opted_out=no)
        ma.add_touchpoint(visitor, Kind.PAGE_VIEW, datetime(2026, 3, 31, 1, 2, 3, tzinfo=UTC))
        for day in (2, 3, 4):
            ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, SPRING - timedelta(days=day, seconds=7), label="入門")
    with connector.app() as app:
        found = [finding for one in check_all(app, None) for finding, _ in one.findings]
    assert [str(finding.what) for finding in found if finding.severity == "error"] == []
    assert connector.run().exit is Exit.DONE
    connector.run()
    assert connector.planned() == []
    assert connector.run().sent() == 0

    held = ready.get(known)
    assert (held["ma_score"], held["ma_band"], held["姓"]) == ("31", "hot", "佐藤")
    assert held["ma_last_at"] == "2026-03-31T01:02:00Z"
    assert len(held["接点"]) == 4
    made = [row for row in ready.kintone.records(ready.ids["people"]) if row["姓"] == "伊藤"]
    assert [row["配信"] for row in made] == [["配信停止"]]
    assert len(ready.kintone.records(ready.ids["touchpoints"])) == 6
    assert len(ready.kintone.comments(*place_of(deal))) == 1
    assert ready.kintone.records(ready.ids["alerts"]) == []


@pytest.mark.parametrize("maker", ["people", "we"])
def test_a_person_who_is_registered_after_the_deal_stirs_it(connector: Connector, maker: str) -> None:
    """The alert of a deal that stalls needs its people, whoever registers them and whenever."""
    ready, ma = connector.ready, connector.ma
    stalled = {"進捗": "提案", "フェーズ変更": "2026-01-05", "営業": ["sato"], "先方": "ito@beta.co.jp"}
    deal = ready.add("deals", 案件名="更新", **stalled)
    connector.run()
    ready.later(timedelta(hours=1))
    visitor = ma.add_person(email="ito@beta.co.jp", family_name="伊藤", company="ベータ")
    ma.add_touchpoint(visitor, Kind.PAGE_VIEW, ready.kintone.clock() - timedelta(hours=3))
    if maker == "people":
        ready.add("people", メール="ito@beta.co.jp", 姓="伊藤", 会社名="ベータ")
    else:
        for day in (2, 3, 4):
            ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, SPRING - timedelta(days=day), label="入門")
        connector.run()  # registers the person
        assert [row["姓"] for row in ready.kintone.records(ready.ids["people"])] == ["伊藤"]
    assert ready.kintone.comments(*place_of(deal)) == []
    assert connector.run().exit is Exit.DONE
    assert len(ready.kintone.comments(*place_of(deal))) == 1
    connector.run()
    assert connector.planned() == []
    ready.later(timedelta(hours=1))
    quiet = connector.run()
    assert quiet.sent() == 0
    assert len(ready.kintone.comments(*place_of(deal))) == 1


def test_what_is_missing_twice_is_gone(connector: Connector) -> None:
    ready = connector.ready
    refs = [ready.add("people", メール=f"p{number}@alpha.co.jp", 姓="佐藤") for number in range(3)]
    connector.run()
    ready.kintone.delete(*place_of(refs[1]))
    seen = []
    for _ in range(2):
        ready.later(timedelta(days=1))
        seen.append(connector.run().ledger["kintone", "people"].used)
    assert seen == [0, 1]
