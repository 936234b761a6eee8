"""The example of docs/adapters/rest.md, done: its configuration runs against a register that is built as it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connector.adapters.memory import SYSTEMS, System
from connector.config import load
from connector.engine.app import App, open_app
from connector.engine.check import check_all
from connector.engine.preview import plan_preview
from connector.engine.report import Exit
from connector.engine.run import run
from connector.model import Kind
from connector.sandbox.clock import Clock
from connector.sandbox.inhouse import InHouse
from connector.sandbox.server import Server
from connector.store import people

PAGE = Path(__file__).parents[3] / "docs/adapters/rest.md"
FAKE = "  shanon: {type: memory, role: ma}\n"
NOON = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InHouse]:
    """A register, and the files of the page in a folder, with a fake in place of the MA."""
    house = InHouse(clock=Clock(NOON, ticking=False))
    monkeypatch.setenv("CRM_TOKEN", house.token)
    SYSTEMS["shanon"] = System("shanon", now=NOON - timedelta(hours=1))
    with Server(house.handle, chaos=house.chaos) as server:
        (tmp_path / "mappings").mkdir()
        shown = re.findall(r"```yaml\n# (\S+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
        assert len(shown) == 3
        for name, content in shown:
            faked = re.sub(r"  shanon:\n.*?(?=  crm:)", FAKE, content, flags=re.DOTALL)
            (tmp_path / name).write_text(faked.replace("https://crm.example.co.jp", server.url), encoding="utf-8")
        yield house
    del SYSTEMS["shanon"]


def opened(root: Path, later: timedelta = timedelta(0)) -> App:
    return open_app(load(root / "config.yaml"), clock=lambda: NOON + later)


def test_the_example_of_the_page(house: InHouse, tmp_path: Path) -> None:
    tables, shanon = house.tables, SYSTEMS["shanon"]
    owner = tables.add("users", {"name": "髙橋"})
    sato = {"mail": "sato@example.jp", "name": {"family": "佐藤", "given": "健"}, "company": "佐藤製作所"}
    known = tables.add("people", {**sato, "no_mail": False, "owner": {"id": owner}})
    tables.add("deals", {"title": "更新", "status": "商談中", "contacts": [known], "owner": {"id": owner}})
    refused = shanon.add_person(email="sato@example.jp", family_name="佐藤", given_name="健", opted_out=True)
    asked = shanon.add_person(email="suzuki@example.co.jp", family_name="鈴木", given_name="花子", company="鈴木商店")
    for ref in (refused, asked):
        shanon.add_touchpoint(ref, Kind.INQUIRY, NOON - timedelta(days=1), label="資料請求")
    app = opened(tmp_path)
    assert [result.failed for result in check_all(app, "crm")] == [False]

    report = run(app)

    assert report.exit is Exit.DONE, report.as_data()
    first, second = tables.rows["people"].values()
    assert (first["no_mail"], first["name"]) == (True, {"family": "佐藤", "given": "健"})
    assert "資料請求" in first["memo"]
    assert (second["mail"], second["company"]) == ("suzuki@example.co.jp", "鈴木商店")
    assert first["external_key"]
    assert second["external_key"]

    assert list(plan_preview(app, pull=True, as_of=None).fresh) == []
    assert run(app).exit is Exit.DONE
    assert list(tables.rows["people"].values()) == [first, second]
    app.close()


def test_a_deletion_is_learnt_by_reading_the_whole(house: InHouse, tmp_path: Path) -> None:
    gone = house.tables.add("people", {"mail": "sato@example.jp", "no_mail": False})
    house.tables.add("people", {"mail": "suzuki@example.co.jp", "no_mail": False})
    for days in range(4):
        if days == 1:
            del house.tables.rows["people"][gone]
        app = opened(tmp_path, timedelta(days=days, hours=days))
        assert run(app).exit is Exit.DONE
        app.close()
        house.clock.advance(timedelta(days=1, hours=1))
    app = opened(tmp_path)
    with app.reading() as conn:
        assert people.living_ids(conn, "crm", "person") == {str(gone + 1)}
    app.close()
