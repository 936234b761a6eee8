"""What `backfill` shows: the cost first, then what the next runs do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo

from connector.cli.say import Console
from connector.engine.backfill import Backfill, Cost
from connector.engine.report import Exit


def exit_of(shown: Backfill, *, asked: bool) -> int:
    """The exit code: that of the reading, else whether something would be written down that was not, or cannot be."""
    if shown.report.exit is not Exit.DONE:
        return int(shown.report.exit)
    if not asked or not shown.costs or shown.done:
        return int(Exit.DONE)
    return int(Exit.STOPPED if shown.brake else Exit.PENDING)


def agreed(console: Console) -> bool:
    """The answer of somebody at the terminal."""
    return input(console.say("send these? [y/N] ", "送りますか? [y/N] ")).strip().lower() in ("y", "yes")


def show_fields(console: Console, shown: Backfill) -> None:
    """What the next runs fill, and what it takes."""
    if console.json:
        console.data(_data(shown))
        return
    say = console.say
    for cost in shown.costs:
        filled = say(
            "{s}: {f}: {n} {n:record|records} to fill", "{s}: {f}: {n}件に書き込み",
            s=cost.fill.system, f=", ".join(cost.fill.fields), n=cost.fill.records,
        )  # fmt: skip
        console.out(f"{filled}{_told(console, cost)}")
    for system, error in shown.report.problems:
        console.out(f"{system}: {error.in_(console.language)}")
    for line in _brake_lines(console, shown):
        console.out(line)
    console.out(
        say(
            "the next runs fill them; what is new goes last (lane backfill)",
            "次回以降の実行で書き込みます。新しい項目は最後です（backfill）",
        )
        if shown.costs
        else say("nothing to fill", "書き込むものはありません")
    )


def show_entries(console: Console, shown: Backfill, zone: tzinfo) -> None:
    """Timeline entries that would be written down, or were."""
    if console.json:
        console.data(_data(shown))
        return
    for line in _entry_lines(console, shown, zone):
        console.out(line)


def _entry_lines(console: Console, shown: Backfill, zone: tzinfo) -> Iterator[str]:
    say = console.say
    for cost in shown.costs:
        system, count = cost.fill.system, cost.fill.records
        entries = say("{s}: {n} timeline {n:entry|entries}", "{s}: タイムライン {n}件", s=system, n=count)
        yield f"{entries}{_told(console, cost)}"
    if shown.back_to is not None:
        yield say(
            "the oldest touchpoint known here is of {d}; for older ones see `connector reconcile`",
            "記録している最も古い接点は {d} です。それ以前については `connector reconcile` をご覧ください",
            d=f"{shown.back_to.astimezone(zone):%Y-%m-%d}",
        )
    if not shown.costs:
        yield say("nothing to add", "追加するものはありません")
    elif shown.brake and not shown.done:
        for why in shown.brake:
            yield say(
                "too many at once: the next run would stop: {w}",
                "一度に追加するには多すぎます。次回の実行が停止します: {w}",
                w=why.in_(console.language),
            )  # fmt: skip
        yield say(
            "nothing was written down; take fewer: a shorter --since, --system, --person",
            "何も登録していません。--since を短くするか、--system・--person で絞ってください",
        )
    elif shown.done:
        yield say("the next runs send them, last (lane backfill)", "次回以降の実行で、最後に送ります（backfill）")
    else:
        yield say("nothing was written down; --yes does it", "まだ何も登録していません。--yes で実行します")


def _brake_lines(console: Console, shown: Backfill) -> Iterator[str]:
    """That the next run takes a word more."""
    for why in shown.brake if shown.costs else ():
        yield console.say(
            "the next run would stop: {w}; if this is right: `connector run --force REASON`",
            "次回の実行は停止します: {w}。問題なければ `connector run --force 理由`",
            w=why.in_(console.language),
        )


def _told(console: Console, cost: Cost) -> str:
    parts = [console.say(", {c} API {c:call|calls}", "、API {c}回", c=cost.fill.calls)]
    if cost.left is not None:
        parts.append(console.say(", {n} left now", "（現在の残り {n}回）", n=cost.left))
    if cost.days is not None:
        parts.append(console.say(", {n} {n:day|days} of the budget", "、予算の{n}日分", n=cost.days))
    return "".join(parts)


def _data(shown: Backfill) -> dict[str, object]:
    return {
        "done": shown.done,
        "systems": [
            {
                "system": cost.fill.system,
                "fields": list(cost.fill.fields),
                "records": cost.fill.records,
                "calls": cost.fill.calls,
                "left": cost.left,
                "days": cost.days,
            }
            for cost in shown.costs
        ],
        "brake": [str(why) for why in shown.brake],
        "back_to": shown.back_to,
        "problems": [{"system": system, "message": str(error)} for system, error in shown.report.problems],
    }
