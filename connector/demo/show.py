"""The story as a person reads it, and as data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from connector.demo.console import Console
from connector.demo.world import START, World
from connector.engine.why import Why
from connector.errors import text

if TYPE_CHECKING:
    from connector.demo.story import Told

SHOWN_OF_ALERT = ("件名", "担当者", "期限", "対応状況", "人物", "案件", "内容")
SHOWN_OF_TASK = ("Subject", "Owner", "Who", "What", "ActivityDate", "Priority", "Status", "Description")


def data(told: Told) -> dict[str, Any]:
    """Everything under stable English keys."""
    return {
        "ok": told.ok,
        "seed": told.seed,
        "seconds": told.seconds,
        "checks": [{"id": check.id, "ok": check.ok, "what": str(check.what)} for check in told.checks],
        "effects": [
            {
                "move": effect.move,
                "moved": str(effect.moved),
                "follows": str(effect.follows),
                "ok": ok,
                "differences": [str(difference) for difference in told.account.owed[effect.move]],
            }
            for effect, ok in told.effects
        ],
        "faded": [str(difference) for difference in told.account.faded],
        "unexplained": [str(difference) for difference in told.account.unexplained],
        "task": {name: told.task.get(name) for name in ("Id", "OwnerId", "WhoId", "WhatId", *SHOWN_OF_TASK)},
        "alert": {name: told.alert.get(name) for name in ("ma_key", *SHOWN_OF_ALERT)},
        "scores": told.scores,
        "lists": told.lists,
        "why": _why_data(told.why) if told.why else None,
        "parked": dict(told.parked),
        "runs": {name: report.as_data() for name, report in told.runs.items()},
        "calls": [
            {"run": name, "system": system, "used": used, "least": report.least_calls.get(system, 0)}
            for name, report in told.runs.items()
            for system, used in sorted(report.calls.items())
        ],
    }


def _why_data(found: Why) -> dict[str, Any]:
    return {
        "person": found.identity,
        "company": found.company,
        "records": [str(person.ref) for person in found.records],
        "scores": [
            {
                "name": score.name,
                "points": score.points,
                "band": score.band,
                "hits": [{"rule": hit.rule, "points": hit.points, "label": hit.label} for hit in score.hits],
            }
            for score in found.scores
        ],
        "sent": [{"at": sent.at.isoformat(), "key": sent.change.key, "status": sent.status} for sent in found.sent],
    }


def lines(told: Told, console: Console) -> None:
    """Everything, for people."""
    Shown(told, console).all()


class Shown:
    """Prints what was seen, part by part."""

    def __init__(self, told: Told, console: Console) -> None:
        self._told = told
        self._console = console

    def all(self) -> None:
        """Every part in its order."""
        for part in (self._effects, self._task, self._scores, self._lists, self._why, self._ledgers, self._calls):
            part()
            self._console.out()
        self._checks()

    def _say(self, en: str, ja: str, **params: Any) -> str:
        return text(en, ja, **params).in_(self._console.language)

    def _mark(self, *, ok: bool) -> str:
        return "✓" if ok else "✗"

    def _moment(self, name: str) -> str:
        return self._told.moments[name].in_(self._console.language)

    def _effects(self) -> None:
        language = self._console.language
        self._console.table(
            self._say("What moved, and what followed", "起きたことと、その結果"),
            ("", self._say("moved", "起きたこと"), self._say("followed", "結果"), self._say("records", "レコード")),
            [
                (
                    self._mark(ok=ok),
                    effect.moved.in_(language),
                    effect.follows.in_(language),
                    self._counted(effect.move),
                )
                for effect, ok in self._told.effects
            ],
        )
        self._console.out(
            self._say(
                "differences anywhere else: {n}; points of earlier calls that faded meanwhile: {f}",
                "それ以外の差分: {n}件、時間経過による減点: {f}件",
                n=len(self._told.account.unexplained),
                f=len(self._told.account.faded),
            )
        )
        for difference in self._told.account.unexplained[:10]:
            self._console.out(f"  {difference}")

    def _counted(self, move: str) -> int:
        return len(self._told.account.owed[move])

    def _task(self) -> None:
        self._console.out(self._say("The task on the stalled deal", "停滞案件に作成された ToDo"))
        for name in SHOWN_OF_TASK:
            self._console.out(f"  {name:<13}" + str(self._told.task.get(name, "")).replace("\n", "\n" + " " * 15))
        self._console.out()
        self._console.out(self._say("The alert in kintone", "kintone に届いたアラート"))
        for name in SHOWN_OF_ALERT:
            self._console.out(f"  {name}: " + str(self._told.alert.get(name, "")).replace("\n", "\n    "))

    def _scores(self) -> None:
        self._console.table(
            self._say("Scores as the rep sees them", "営業に見えるスコア"),
            (self._say("name", "氏名"), self._say("score", "点"), "", self._say("why", "根拠")),
            [(who["name"], f"{who['score'] or 0:g}", who["band"], who["why"]) for who in self._told.scores],
        )

    def _lists(self) -> None:
        moments = list(next(iter(self._told.lists.values())))
        self._console.table(
            self._say("Members of the lists in the MA", "MA のリストの人数"),
            (self._say("list", "リスト"), *map(self._moment, moments)),
            [(name, *(len(counts[moment]) for moment in moments)) for name, counts in self._told.lists.items()],
        )
        for name, counts in self._told.lists.items():
            first, second = set(counts["first"]), set(counts["second"])
            if first != second:
                self._console.out(f"  {name}: " + " ".join(_signed(second - first, "+") + _signed(first - second, "-")))

    def _why(self) -> None:
        found = self._told.why
        if found is None:
            return
        self._console.out(self._say("Why: {name}", "根拠: {name}", name=self._told.scores[0]["name"]))
        for line in _why_lines(found):
            self._console.out(f"  {line}")

    def _ledgers(self) -> None:
        columns = ("read", "used", "unchanged", "parked", "ignored", "deferred")
        for name, report in self._told.runs.items():
            rows = [
                (system, stream, *(getattr(counts, column) or "" for column in columns))
                for (system, stream), counts in sorted(report.ledger.items())
                if counts.used or counts.parked or counts.deferred
            ]
            again = sum(counts.unchanged for counts in report.ledger.values())
            title = self._say(
                "Ledger of the run {name}: {outcome}; read again and unchanged: {again}",
                "台帳 {name}: {outcome}、再読込で変化なし {again}件",
                name=self._moment(name),
                outcome=report.outcome,
                again=again,
            )
            self._console.table(title, ("", "", *columns), rows)
        for cause, count in sorted(self._told.parked.items()):
            self._console.out(self._say("parked for a person: {n} × {c}", "保留: {n}件 {c}", n=count, c=cause))

    def _calls(self) -> None:
        self._console.table(
            self._say("API calls", "API コール数"),
            ("", "", self._say("used", "使用"), self._say("least possible", "最小")),
            [
                (self._moment(name), system, used, report.least_calls.get(system, 0))
                for name, report in self._told.runs.items()
                for system, used in sorted(report.calls.items())
            ],
        )

    def _checks(self) -> None:
        for check in self._told.checks:
            self._console.out(f"{self._mark(ok=check.ok)} {check.what.in_(self._console.language)}")
        held = sum(check.ok for check in self._told.checks)
        self._console.out(
            self._say(
                "{held} of {all} hold, {seconds} s",
                "{all}項目中{held}項目を確認、{seconds}秒",
                held=held,
                all=len(self._told.checks),
                seconds=self._told.seconds,
            )
        )


def _signed(members: set[int], sign: str) -> list[str]:
    return [f"{sign}visitor/{member}" for member in sorted(members)]


def _why_lines(found: Why) -> Iterator[str]:
    yield f"{found.identity}  {found.company or ''}"
    for person in found.records:
        yield str(person.ref)
    for tie in found.who.ties:
        yield f"{tie.edge.a} ─ {tie.edge.b}  {tie.edge.rule} {tie.edge.strength}"
    for score in found.scores:
        for hit in score.hits:
            day = hit.last_at.astimezone(START.tzinfo).date()
            yield f"{hit.points:+g}  {hit.rule} ×{hit.count}  {day} {hit.label}"
        yield f"= {score.points:g} {score.band}"
    for sent in found.sent:
        reasons = ", ".join(reason.rule for reason in sent.change.reasons[:4])
        yield f"{sent.at.astimezone(START.tzinfo):%Y-%m-%d %H:%M} {type(sent.change).__name__} {sent.status}: {reasons}"


def where(world: World, console: Console) -> None:
    """How to look at what was left running; on standard output only where people read it."""
    if console.json:
        return
    said = text("Everything is still there, until Ctrl-C:", "そのまま残しています（Ctrl-C で終了）:")
    console.out(said.in_(console.language))
    for name, url in world.systems.urls.items():
        console.out(f"  {name:<12}{url}")
    console.out(f"  {'config':<12}{world.config}")
    console.out(f"  connector why {world.cast.stalled.records[0]} --config {world.config}")
