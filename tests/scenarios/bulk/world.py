"""An MA in memory, an emulated Salesforce over HTTP, and the connector between them, which hands much over at once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from connector.adapters.memory import SYSTEMS, System
from connector.config import load
from connector.engine.app import App, open_app
from connector.engine.report import Report
from connector.engine.run import run
from connector.model import Kind
from connector.sandbox.salesforce import SalesforceEmulator
from tests.unit.adapters.salesforce_kit import Stage, stage

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # the store waits for the disk at every commit

CONFIG = """
store: {store}
systems:
  ma: {{type: memory, role: ma}}
  sf:
    type: salesforce
    base_url: {url}
    client_id: {{env: SF_CLIENT_ID}}
    client_secret: {{env: SF_CLIENT_SECRET}}
    call_result: Call_Result__c
    retries: 0
    bulk_above: {above}
    bulk_wait: 60s
run:
  guards: {{at_least: 100000}}
"""

MAPPINGS = {
    "people": """
- in: sf
  object: [Contact, Lead]
  key: MA_Person_Id__c
  create:
    object: Lead
    when: {score.interest: {gte: 20}}
    require: [family_name, company]
  fields:
    email: {to: Email, wins: sfa_unless_blank}
    family_name: {to: LastName, wins: sfa_unless_blank}
    company: {to: Company, wins: once, only: Lead}
    score.interest: {to: MA_Score__c, wins: ma}
    score.interest.why: {to: MA_Score_Why__c, wins: ma, max_length: 255}
  timeline: {to: Task, kinds: [seminar_attended], since: 90d}
""",
    "scores": """
interest:
  rules:
    - {id: seminar, touchpoint: seminar_attended, within: 90d, points: 25}
    - {id: web, touchpoint: page_view, within: 30d, points: 10, each: true}
  bands: {hot: 20, warm: 10}
""",
    "alerts": """
- id: hot
  when: {score.interest: {turned: hot}}
  to: person_owner
  repeat: {per: person, every: 30d}
""",
}


@dataclass
class World:
    """People who act, an org that is asked in small numbers, and time that passes only when told to."""

    folder: Path
    stage: Stage
    above: int = 2
    app: App = field(init=False)

    def __post_init__(self) -> None:
        SYSTEMS["ma"] = System("ma", now=self.now)
        mappings = self.folder / "mappings"
        mappings.mkdir(parents=True)
        for name, content in MAPPINGS.items():
            (mappings / f"{name}.yaml").write_text(content, encoding="utf-8")
        store = f"sqlite:///{self.folder}/connector.db"
        config = CONFIG.format(store=store, url=self.stage.server.url, above=self.above)
        (self.folder / "config.yaml").write_text(config, encoding="utf-8")
        self.restart()

    @property
    def org(self) -> SalesforceEmulator:
        return self.stage.org

    @property
    def ma(self) -> System:
        return SYSTEMS["ma"]

    @property
    def now(self) -> datetime:
        return self.org.clock()

    def restart(self) -> None:
        """A new process: nothing in memory survives but the systems themselves."""
        if hasattr(self, "app"):
            self.app.close()
        clock = self.org.clock
        self.app = open_app(load(self.folder / "config.yaml"), clock=clock)
        self.app.sleep = lambda seconds: clock.advance(timedelta(seconds=seconds))

    def run(self) -> Report:
        """One pass of a process of its own."""
        self.restart()
        self.stage.later()
        self.ma.now = self.now
        return run(self.app)

    def rest(self) -> list[Report]:
        """Passes, five minutes apart, until nothing is sent any more."""
        reports = []
        for _ in range(8):
            self.stage.later(timedelta(minutes=6))
            reports.append(self.run())
            if not reports[-1].sent() and not any(c.deferred for c in reports[-1].ledger.values()):
                return reports
        raise AssertionError([report.as_data() for report in reports])

    def everybody(self, known: int = 4, new: int = 4) -> None:
        """People known to sales, and some who are not; all went to a seminar."""
        ma = self.ma
        for n in range(known + new):
            email = f"t{n}@alpha-example.co.jp"
            if n < known:
                self.stage.contact(f"姓{n}", Email=email)
            visitor = ma.add_person(email=email, family_name=f"姓{n}", company="アルファ")
            ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, self.now - timedelta(days=1), label="入門\n「第一回」")

    def picture(self) -> object:
        """What people see in the org, without ids and stamps."""
        return {
            name: sorted(
                tuple(str(row.get(field)) for field in fields) for row in self.org.records(name, include_deleted=True)
            )
            for name, fields in {
                "Contact": ("Email", "LastName", "MA_Score__c", "MA_Score_Why__c"),
                "Lead": ("Email", "LastName", "Company", "MA_Score__c", "MA_Score_Why__c"),
                "Task": ("Subject", "IsClosed", "Description"),
            }.items()
        }

    def server_asks_to_wait(self) -> None:
        """Whoever asks about a job is told to come back in an hour."""
        headers = {"Retry-After": "3600"}
        where = {"method": "GET", "path": "jobs/ingest"}
        self.org.chaos.plan("status", status=429, times=1000, headers=headers, **where)  # type: ignore[arg-type]  # keywords of several types

    def jobs(self) -> list[tuple[str, str, str]]:
        """Jobs of the org: what, with which object, and how far."""
        return [(job.operation, job.sobject, job.state) for job in self.org.ingest.jobs.values()]


@contextmanager
def world(above: int = 2) -> Iterator[World]:
    """A world of its own."""
    with stage() as ready, tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        made = World(Path(folder), ready, above)
        yield made
        made.app.close()
        SYSTEMS.clear()
