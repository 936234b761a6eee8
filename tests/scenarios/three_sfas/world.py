"""One MA and three SFAs over HTTP, with the shipped mappings, and only those few people whom a test needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

from connector.config import load
from connector.demo.systems import Systems
from connector.demo.world import configure
from connector.engine.app import App, open_app
from connector.engine.check import Checked, check_all
from connector.engine.preview import plan_preview
from connector.engine.probing import probe
from connector.engine.report import Report
from connector.engine.run import run
from connector.sandbox.clock import Clock
from connector.sandbox.company import kintone_apps, remix_tenant, setting
from connector.sandbox.esales import EsmEmulator, RemixEmulator
from connector.sandbox.kintone import KintoneEmulator
from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.server import Server
from connector.sandbox.shanon import ShanonEmulator

START = datetime(2026, 10, 14, 10, 0, tzinfo=ZoneInfo("Asia/Tokyo"))
PRICE = "https://www.mirai-soft-example.co.jp/price"


@dataclass
class World:
    """The systems, the connector between them, and hands in each."""

    systems: Systems
    folder: Path
    columns: remix_tenant.Columns
    reports: list[Report] = field(default_factory=list)

    @property
    def kintone(self) -> KintoneEmulator:
        return self.systems.kintone

    @property
    def remix(self) -> RemixEmulator:
        return self.systems.remix

    @property
    def apps(self) -> kintone_apps.Apps:
        return self.systems.branches.apps

    # --- people ---------------------------------------------------------------------------------------------------

    def visitor(self, email: str, name: str = "三枝 亮", company: str = "株式会社碧海") -> int:
        """Somebody in the MA, who read the price page an hour ago."""
        family, given = name.split()
        typed = {"Name1": family, "Name2": given, "CompanyName": company, "Email": email}
        visitor = self.systems.smp.add_visitor(typed)
        self.systems.smp.add_page_view(visitor, PRICE, "料金", self.systems.clock() - timedelta(hours=1))
        return visitor

    def in_kintone(self, email: str, number: str = "W0001", **more: Any) -> str:
        values = {"顧客番号": number, "氏名": "三枝 亮", "会社名": "株式会社碧海", "メールアドレス": email}
        return self.kintone.create(self.apps.people.id, {**values, "担当者": ["kishi"], **more})

    def deal_in_kintone(self, number: str = "W0001", **more: Any) -> str:
        values = {"案件番号": f"D-{number}", "案件名": "更新", "顧客番号": number, "担当者": ["kishi"], "進捗": "提案"}
        return self.kintone.create(self.apps.deals.id, {**values, "進捗更新日": "2026-07-01", "確度": "B", **more})

    def in_esales(self, email: str, company: str = "株式会社榎本") -> int:
        return self.remix.add_person(self.remix.add_customer(company), "榎本 静", {914: email})

    # --- the connector ----------------------------------------------------------------------------------------------

    @contextmanager
    def app(self) -> Iterator[App]:
        app = open_app(load(self.folder / "config.yaml"), clock=self.systems.clock)
        try:
            yield app
        finally:
            app.close()

    def probe(self) -> None:
        with self.app() as app:
            probe(app, "esales")

    def run(self) -> Report:
        """One pass, some minutes after the one before."""
        self.systems.clock.advance(timedelta(minutes=15))
        with self.app() as app:
            self.reports.append(run(app))
        return self.reports[-1]

    def fresh(self) -> list[object]:
        """What a run would still write."""
        with self.app() as app:
            return list(plan_preview(app, pull=True, as_of=None).fresh)

    def check(self, system: str) -> Checked:
        with self.app() as app:
            return check_all(app, system)[0]

    def edit(self, file: str, *changes: tuple[str, str]) -> None:
        """An administrator edits a file."""
        path = self.folder / file
        content = path.read_text(encoding="utf-8")
        for old, new in changes:
            assert old in content, old
            content = content.replace(old, new)
        path.write_text(content, encoding="utf-8")


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Empty systems that an administrator has set up, until the end of the block."""
    clock = Clock(START)
    org, smp = SalesforceEmulator(clock=clock), ShanonEmulator(clock=clock)
    kintone, remix, esm = KintoneEmulator(clock=clock), RemixEmulator(clock=clock), EsmEmulator(clock=clock)
    setting.set_up(org, smp)
    kintone.add_user("kishi", "岸 智也")
    apps, columns = kintone_apps.set_up(kintone), remix_tenant.set_up(remix)
    remix.add_person(remix.add_customer("接続テスト株式会社"), "テスト 太郎", {916: "接続確認用"})
    with ExitStack() as stack:
        urls = {
            name: stack.enter_context(Server(each.handle, chaos=each.chaos)).url
            for name, each in cast(
                "dict[str, Any]",
                {"salesforce": org, "shanon": smp, "kintone": kintone, "remix": remix, "esm": esm},
            ).items()
        }
        nobody, branches = cast("Any", None), cast("Any", SimpleNamespace(apps=apps))
        running = Systems(clock, org, smp, kintone, remix, esm, "", nobody, branches, urls)
        configure(folder, running)
        yield World(running, folder, columns)
