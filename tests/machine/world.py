"""A whole connector between two systems in memory, with a clock of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connector.adapters.memory import SYSTEMS, System
from connector.config import load
from connector.engine.app import App, open_app
from connector.engine.preview import plan_preview
from connector.engine.report import Report
from connector.engine.run import run
from tests.postgres import store_line

START = datetime(2026, 4, 1, 1, 0, tzinfo=UTC)  # a Wednesday, 10:00 in Tokyo

CONFIG = """
{store}
systems:
  ma: {{type: memory, role: ma, page_size: 7}}
  sfa: {{type: memory, role: sfa, page_size: 7}}
run:
  guards: {{at_least: 100000}}
"""

MAPPINGS = {
    "people": """
- in: sfa
  object: [person]
  key: ma_id
  create:
    object: person
    when: {score.interest: {gte: 20}}
    require: [family_name]
  fields:
    email: {to: email, wins: sfa_unless_blank}
    family_name: {to: family_name, wins: sfa_unless_blank}
    title: {to: title, wins: once}
    opted_out: {to: opted_out, wins: strictest}
    score.interest: {to: score, wins: ma}
    score.interest.why: {to: why, wins: ma, max_length: 60}
  timeline: {to: entry, kinds: [seminar_attended], since: 90d}
- in: ma
  object: person
  fields:
    opted_out: {to: opted_out, wins: strictest}
""",
    "scores": """
interest:
  rules:
    - {id: web, touchpoint: page_view, within: 30d, points: 10}
    - {id: seminar, touchpoint: seminar_attended, within: 90d, points: 7, each: true, cap: 21}
    - {id: call, touchpoint: call, within: 90d, points: 9, half_life: 10d}
  bands: {hot: 25, warm: 10}
""",
    "alerts": """
- id: stirs
  when:
    deal: {state: open, stage_unchanged: {gte: 60d}}
    touchpoint: {kind: [page_view], within: 1d}
  to: deal_owner
  repeat: {per: deal, every: 7d}
- id: hot
  when: {score.interest: {turned: hot}}
  to: person_owner
  repeat: {per: person, every: 30d}
""",
    "protect": """
- id: working
  when: {deal: {state: open, probability: {gte: 60}}}
  reach: company
  list: no-mail
""",
    "nurture": """
- id: lost
  when: {deal: {state: lost, closed: {gte: 14d}}}
  unless: [{deal: {state: open}}, opted_out]
  list: {by: lost_reason, 予算: budget, else: others}
  carry: {lost_reason: lost_reason, lost_on: lost_on}
  leave_when: {deal: {state: open}}
""",
}


@dataclass
class World:
    """Two systems, the connector between them, and time that passes only when told to."""

    folder: Path
    store: str = "sqlite:///connector.db"
    now: datetime = START
    app: App = field(init=False)

    def __post_init__(self) -> None:
        SYSTEMS["ma"] = System("ma", now=self.now)
        SYSTEMS["sfa"] = System("sfa", now=self.now)
        mappings = self.folder / "mappings"
        mappings.mkdir(parents=True)
        for name, content in MAPPINGS.items():
            (mappings / f"{name}.yaml").write_text(content, encoding="utf-8")
        (self.folder / "config.yaml").write_text(
            CONFIG.format(store=store_line(self.store, self.folder)), encoding="utf-8"
        )
        self.restart()

    @property
    def ma(self) -> System:
        return SYSTEMS["ma"]

    @property
    def sfa(self) -> System:
        return SYSTEMS["sfa"]

    def restart(self) -> None:
        """A new process: nothing in memory survives but the systems themselves."""
        if hasattr(self, "app"):
            self.app.close()
        self.app = open_app(load(self.folder / "config.yaml"), clock=lambda: self.now)

    def run(self) -> Report:
        """One pass."""
        self.now += timedelta(seconds=1)
        return run(self.app)

    def run_with_sfa_down_at_delivery(self) -> Report:
        """One pass in which the SFA can be read, and then takes nothing."""
        self.sfa.dies_after = 0
        report = self.run()
        self.sfa.dies_after, self.sfa.down = None, False
        return report

    def fresh(self) -> list[object]:
        """What a run would still write."""
        return list(plan_preview(self.app, pull=True, as_of=None).fresh)

    def pass_time(self, by: timedelta) -> None:
        """Let time pass for everybody."""
        self.now += by
        for system in (self.ma, self.sfa):
            system.now = max(system.now, self.now)

    def snapshot(self) -> object:
        """Everything in both systems."""
        return [
            (
                {ref: dict(person.fields) for ref, person in system.people.items()},
                {name: frozenset(members) for name, members in system.lists.items() if members},
                dict(system.alerts),
                dict(system.timeline),
            )
            for system in (self.ma, self.sfa)
        ]

    def close(self) -> None:
        self.app.close()
        SYSTEMS.clear()
