"""`connector demo`: a first run, a world that moves, and whether each move has its right effect, and only that."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from connector.demo import checks, show
from connector.demo.account import Account, account_for, holds
from connector.demo.checks import Check
from connector.demo.console import Console
from connector.demo.eyes import Eyes, Picture, differences
from connector.demo.keep import ended_by_signal
from connector.demo.moves import Effect, move_the_world
from connector.demo.world import World, world
from connector.engine.probing import probe
from connector.engine.report import Report
from connector.engine.run import run
from connector.engine.status import status
from connector.engine.why import Why, why
from connector.errors import Text, text

LATER = (timedelta(days=5),) * 3
"""Fifteen days in three steps: more than the 14 that a lost deal rests."""


@dataclass(slots=True)
class Told:
    """All that was seen, for people and programs alike."""

    seed: int
    moments: dict[str, Text] = field(default_factory=dict)
    runs: dict[str, Report] = field(default_factory=dict)
    lists: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    effects: list[tuple[Effect, bool]] = field(default_factory=list)
    account: Account = field(default_factory=Account)
    checks: list[Check] = field(default_factory=list)
    task: Mapping[str, Any] = field(default_factory=dict)
    alert: Mapping[str, Any] = field(default_factory=dict)
    scores: list[Mapping[str, Any]] = field(default_factory=list)
    why: Why | None = None
    parked: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return all(check.ok for check in self.checks)


def tell(seed: int, console: Console, *, keep: bool) -> int:
    """Play the story, say what was seen, and give the exit code: 0 only if everything holds."""
    with ExitStack() as stack:
        with console.working(text("making a company's year", "会社の1年分のデータを準備")):
            scene = stack.enter_context(world(seed))
        told = Story(scene, console, Told(seed)).play()
        if console.json:
            console.data(show.data(told))
        else:
            show.lines(told, console)
        if keep:
            with ended_by_signal() as ended:
                show.where(scene, console)
                ended.wait()
    return 0 if told.ok else 1


@dataclass(slots=True)
class Story:
    """Plays it, scene by scene."""

    world: World
    console: Console
    told: Told
    _began: float = field(default_factory=time.monotonic)

    @property
    def eyes(self) -> Eyes:
        """What looks at the emulated systems."""
        return Eyes(self.world.systems)

    def play(self) -> Told:
        """Everything, from the first run to two weeks later."""
        self._remember_lists("before", text("before", "実行前"))
        self._probe()
        before = self.eyes.picture()
        first = self._run("first", text("1", "1回目"))
        self.told.checks += checks.after_first_run(self.world, self.eyes, before, first)
        self._second_run()
        self._third_run()
        self._look_closely()
        self._two_weeks_later()
        self.told.checks += checks.of_ledgers(self.told.runs)
        self.told.seconds = round(time.monotonic() - self._began, 1)
        return self.told

    def _probe(self) -> None:
        """What no document tells of e-Sales Manager is found out on the one record that is there for that."""
        before = self.eyes.picture()
        with self.world.app() as app:
            probe(app, "esales")
        touched = {difference.place for difference in differences(before, self.eyes.picture()) if difference.fields}
        alone = text("the probe left no trace", "事前調査（probe）の痕跡なし")
        self.told.checks.append(Check("probe_leaves_no_trace", not touched, alone))

    def _second_run(self) -> None:
        effects = move_the_world(self.world)
        moved = self.eyes.picture()
        self._run("second", text("2", "2回目"))
        account = account_for(differences(moved, self.eyes.picture()), effects)
        self.told.account = account
        self.told.effects = [(effect, holds(effect, account.owed[effect.move], self.eyes)) for effect in effects]
        self.told.checks += [Check(f"effect_{e.move}", ok, e.follows) for e, ok in self.told.effects]
        only = text("only that: no other difference anywhere", "それ以外の差分はどこにもない")
        self.told.checks.append(Check("only_that", not account.unexplained, only))

    def _third_run(self) -> None:
        before: Picture = self.eyes.picture()
        report = self._run("third", text("3", "3回目"))
        quiet = report.planned == report.sent() == 0 and self.eyes.picture() == before
        self.told.checks.append(
            Check("third_run_writes_nothing", quiet, text("third run: nothing written", "3回目は書き込みゼロ"))
        )

    def _look_closely(self) -> None:
        """What a rep sees now, and why."""
        cast = self.world.cast
        self.told.task = self.eyes.task_on(cast.stalled.deal)
        self.told.alert = next(iter(self.eyes.app("alerts")[::-1]), {})
        self.told.scores = [
            {"name": who.name, "company": who.company, **self.eyes.score(who.records[-1])}
            for who in (cast.stalled, cast.called, cast.twin)
        ]
        shared = self.world.systems.branches.shared
        self.told.scores.append({"name": shared.name, "company": shared.company, **self.eyes.score(shared.salesforce)})
        with self.world.app() as app:
            self.told.why = why(app, cast.stalled.records[0])
            self.told.parked = Counter(f"{each.system} {each.kind} {each.code}" for each in status(app).parked)
        self.told.checks.append(checks.of_parked(self.told.parked))

    def _two_weeks_later(self) -> None:
        for days in LATER:
            self.world.clock.advance(days)
            passed = sum(LATER[: len(self.told.runs) - 2], timedelta())
            self._run(f"after_{passed.days}_days", text("+{n} {n:day|days}", "{n}日後", n=passed.days))
        self.told.checks += checks.after_two_weeks(self.world, self.eyes)

    def _run(self, name: str, moment: Text) -> Report:
        """One run, as cron would start it: from the files, in a connector of its own."""
        with self.console.working(text("run {n}", "実行 {n}", n=name)) as step, self.world.app() as app:
            report = run(app, watch=step)
        self.told.runs[name] = report
        self._remember_lists(name, moment)
        return report

    def _remember_lists(self, when: str, moment: Text) -> None:
        self.told.moments[when] = moment
        for name in self.eyes.lists():
            self.told.lists.setdefault(name, {})[when] = self.eyes.members(name)
