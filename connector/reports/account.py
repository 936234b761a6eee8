"""The account of one run: what came in, what went out and by which rule, what waits and why, in words and tables.

It is made of the report that the store keeps, and names systems, streams, rules and causes, never a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from connector.errors import Language, kept, text

Data = Mapping[str, Any]
Say = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a title; without rows it is left out."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Account:
    """Something to be read from top to bottom."""

    language: Language
    title: str
    facts: Sequence[tuple[str, str]]
    tables: Sequence[Table]


def account(report: Data, language: Language, zone: tzinfo) -> Account:
    """The account of a run, from its report, with times in `zone`."""

    def say(en: str, ja: str, **params: Any) -> str:
        return text(en, ja, **params).in_(language)

    def at(value: str | None) -> str:
        return (
            f"{datetime.fromisoformat(value).astimezone(zone):%Y-%m-%d %H:%M:%S %Z}" if value else say("never", "なし")
        )

    tables = (
        _stops(report, say, language), _ledger(report, say), _sent(report, say), _parked(report, say, language),
        _unreadable(report, say, language), _calls(report, say), _freshness(report, say, at),
    )  # fmt: skip
    title = say("Run {run}", "実行 {run}", run=report["run"])
    return Account(language, title, list(_facts(report, say, at)), [table for table in tables if table.rows])


def _facts(report: Data, say: Say, at: Callable[[str | None], str]) -> Iterator[tuple[str, str]]:
    yield say("outcome", "結果"), f"{report['outcome']} ({report['exit']})"
    yield say("from", "開始"), at(report["started"])
    yield say("to", "終了"), at(report["ended"])
    yield say("people planned", "計算した人数"), _n(report["identities"])
    yield say("changes planned", "計画した変更"), _n(report["planned"])
    yield say("changes sent", "反映した変更"), _n(report["sent"])
    done = [row for row in report.get("delivered", ()) if row["status"] == "done"]
    kinds = Counter[tuple[str, str]]()
    for row in done:
        kinds[row["kind"], row["lane"] or ""] += row["count"]
    alerts = sum(count for (kind, _), count in kinds.items() if kind == "RaiseAlert")
    yield say("alerts", "アラート"), _n(alerts)
    yield say("put on nurture lists", "ナーチャリングリストへ追加"), _n(kinds["AddToList", "nurture"])
    yield say("kept off mass mails", "一斉配信から除外"), _n(kinds["AddToList", "protect"])
    yield say("released from that", "除外を解除"), _n(kinds["RemoveFromList", "protect"])
    yield say("sent, result unknown", "結果不明の送信"), _n(sum(report.get("uncertain", {}).values()))
    if report.get("trail"):
        yield say("audit trail until then", "監査証跡（その時点）"), report["trail"]
    lines = report["ledger"]
    sound = all(line.get("balances", True) for line in lines)
    yield (
        say("ledger", "台帳"),
        say("balances in all {n} {n:line|lines}", "全{n}行が一致", n=len(lines))
        if sound
        else say("DOES NOT BALANCE", "不一致あり"),
    )


def _stops(report: Data, say: Say, language: Language) -> Table:
    ja = language == "ja"
    rows = [("", say("stopped by a guard", "安全装置で停止"), why) for why in report["halted_ja" if ja else "halted"]]
    for name, what in (("problems", say("problem", "問題")), ("deferred", say("deferred", "繰越"))):
        rows += [(each["system"], what, each["message_ja" if ja else "message"]) for each in report[name]]
    return Table(say("What went wrong", "問題"), (say("system", "連携先"), "", say("what", "内容")), rows)


def _ledger(report: Data, say: Say) -> Table:
    columns = (
        say("system", "連携先"), say("stream", "ストリーム"), say("read", "読込"), say("used", "反映"),
        say("unchanged", "変更なし"), say("parked", "保留"), say("ignored", "対象外"), say("deferred", "繰越"),
        say("balances", "一致"),
    )  # fmt: skip
    names = ("read", "used", "unchanged", "parked", "ignored", "deferred")
    rows = [
        (line["system"], line["stream"], *(_n(line[name]) for name in names), _mark(line.get("balances", True)))
        for line in report["ledger"]
    ]
    return Table(say("Ledger", "台帳"), columns, rows)


def _sent(report: Data, say: Say) -> Table:
    columns = (
        say("system", "連携先"), say("lane", "レーン"), say("rule", "ルール"), say("kind", "種類"),
        say("answer", "応答"), say("count", "件数"),
    )  # fmt: skip
    rows = [
        (row["system"], row["lane"] or "", row["rule"] or "", row["kind"], row["status"], _n(row["count"]))
        for row in report.get("delivered", ())
    ]
    return Table(say("Sent, by rule", "ルール別の送信"), columns, rows)


def _parked(report: Data, say: Say, language: Language) -> Table:
    columns = (
        say("system", "連携先"), say("kind", "種類"), say("code", "コード"), say("why, and what to do", "原因と対処"),
        say("count", "件数"),
    )  # fmt: skip
    rows = [
        (row["system"], row["kind"], row["code"], _cause(row, language), _n(row["count"]))
        for row in report.get("parked", ())
    ]
    return Table(say("Parked now", "現在の保留"), columns, rows)


def _cause(row: Data, language: Language) -> str:
    """What speaks against something, and what to do; reports of earlier versions tell both in one English sentence."""
    parts = (kept(row[name], row.get(f"{name}_ja", "")) for name in ("error", "fix") if row.get(name))
    return " → ".join(part.in_(language) for part in parts)


def _unreadable(report: Data, say: Say, language: Language) -> Table:
    columns = (
        say("system", "連携先"), say("stream", "ストリーム"), say("code", "コード"), say("why", "原因"),
        say("count", "件数"),
    )  # fmt: skip
    rows = [
        (
            row["system"],
            row["stream"],
            row["code"],
            kept(row["what"], row.get("what_ja", "")).in_(language),
            _n(row["count"]),
        )
        for row in report.get("unreadable", ())
    ]
    return Table(say("Unreadable now", "現在の読めないレコード"), columns, rows)


def _calls(report: Data, say: Say) -> Table:
    columns = (
        say("system", "連携先"), say("requests", "リクエスト"), say("least possible", "最少"),
        say("used today", "本日使用"), say("allowed a day", "1日の上限"),
    )  # fmt: skip
    told = {(each["system"], each["part"]): each for each in report.get("quota", ())}
    rows = []
    for system in sorted({*report["calls"], *(system for system, _ in told)}):
        sent = (_n(report["calls"].get(system, 0)), _n(report["least_calls"].get(system, 0)))
        whole = told.pop((system, ""), None)
        rows.append((system, *sent, *((_n(whole["used"]), _n(whole["limit"])) if whole else ("", ""))))
    rows += [(f"{system} {part}", "", "", _n(one["used"]), _n(one["limit"])) for (system, part), one in told.items()]
    return Table(say("Calls", "API 呼び出し"), columns, rows)


def _freshness(report: Data, say: Say, at: Callable[[str | None], str]) -> Table:
    rows = [(system, at(read)) for system, read in report.get("freshness", {}).items()]
    return Table(say("Freshness", "最新度"), (say("system", "連携先"), say("read to the end", "全件読込")), rows)


def _n(count: int) -> str:
    return f"{count:,}"


def _mark(sound: bool) -> str:  # noqa: FBT001  says whether
    return "✓" if sound else "✗"
