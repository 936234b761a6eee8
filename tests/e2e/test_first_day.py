"""The first day of a company with nothing but exports: the page docs/how-to/first-day-with-spreadsheets, done."""

from __future__ import annotations

import csv
import os
import re
from datetime import timedelta
from pathlib import Path

import pytest

from connector.config import load
from connector.engine.app import App, open_app
from connector.engine.preview import plan_preview
from connector.engine.report import Exit
from connector.engine.run import run
from connector.templates import TEMPLATES
from tests.scenarios.first_day.files import AS_OF, company, configure, drop

PAGE = Path(__file__).parents[2] / "docs/how-to/first-day-with-spreadsheets.md"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="cp932", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    configure(tmp_path, PAGE)
    company(tmp_path)
    return tmp_path


def opened(root: Path, *, later: timedelta = timedelta(0)) -> App:
    return open_app(load(root / "config.yaml"), clock=lambda: AS_OF + later)


def test_the_first_day(root: Path) -> None:
    sales, marketing = root / "exchange/sales/out", root / "exchange/marketing/out"
    app = opened(root)
    before = {path: path.read_bytes() for path in (root / "exchange").rglob("*.csv")}
    shown = plan_preview(app, pull=True, as_of=None)
    assert shown.fresh
    assert {path: path.read_bytes() for path in (root / "exchange").rglob("*.csv")} == before

    report = run(app)

    assert report.exit is Exit.DONE, report.as_data()
    scores = {row["担当者コード"]: row for row in rows(sales / "person.csv")}
    assert {code: scores[code]["MAスコア"] for code in ("00012", "00034")} == {"00012": "15", "00034": "15"}
    assert scores["00012"]["スコア根拠"] == "15点 warm: +10 展示会(4/9) +5 名刺(3/12)"
    (new,) = rows(sales / "person-new.csv")
    assert (new["担当者名"], new["顧客名"], new["MAスコア"]) == ("佐藤健", "新光テクノ株式会社", "25")
    assert new["連携ID"]
    (alert,) = rows(sales / "alerts.csv")
    assert (alert["担当者"], alert["案件ID"]) == ("営業　太郎", "A-001")
    assert "停滞案件に動き" in alert["件名"]
    assert "スコア: 15点 warm" in alert["内容"]
    assert [row["メールアドレス"] for row in rows(marketing / "lists/予算で失注.csv")] == ["hanako@hokuto.example"]
    assert not (marketing / "lists/時期で失注.csv").exists()  # 小林 asked for no more mails
    app.close()

    app = opened(root, later=timedelta(minutes=5))
    after = plan_preview(app, pull=True, as_of=None)
    assert list(after.fresh) == []
    assert run(app).sent() == 0
    app.close()


def test_an_unreadable_row_is_reported_and_stops_nothing_else(root: Path) -> None:
    incoming = root / "exchange/marketing/in"
    drop(
        incoming,
        {"展示会_2.csv": "来場日,お名前,御社名,メールアドレス,展示会名,ご要望\nいつか,誰か,,x@y.example,春,\n"},
    )
    os.utime(incoming / "展示会_2.csv", (AS_OF.timestamp() - 3600,) * 2)
    app = opened(root)

    report = run(app)

    assert report.exit is Exit.PARKED
    parked = {stream: counts.parked for (_, stream), counts in report.ledger.items() if counts.parked}
    assert list(parked.values()) == [1]
    assert len(rows(root / "exchange/sales/out/person.csv")) >= 2
    app.close()


def test_init_writes_what_the_page_shows() -> None:
    """`connector init --systems csv` and the page are the same configuration."""
    page = PAGE.read_text(encoding="utf-8")
    template = TEMPLATES["csv"]
    shipped = {"config.yaml": template.config} | {f"mappings/{name}": file for name, file in template.mappings()}
    for name, content in re.findall(r"```yaml\n# (\S+)\n(.*?)```", page, re.DOTALL):
        assert shipped[name].read_text(encoding="utf-8").endswith(content)
