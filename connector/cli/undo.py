"""What `undo` shows: what goes back, what stays and why, and what the next run will make of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from connector.cli.say import Console
from connector.cli.views import change_data, describe, show_ledger, waiting_lines
from connector.engine.report import Exit
from connector.engine.undo import Undone


def exit_of(shown: Undone) -> int:
    """The exit code: that of the run where something was sent, else whether something would be."""
    if shown.sent or shown.report.exit is not Exit.DONE:
        return int(shown.report.exit)
    return int(Exit.PENDING if shown.found.changes else Exit.DONE)


def agreed(console: Console) -> bool:
    """The answer of somebody at the terminal."""
    return input(console.say("take this back? [y/N] ", "取り消しますか? [y/N] ")).strip().lower() in ("y", "yes")


def show_undone(console: Console, shown: Undone, limit: int) -> None:
    """An undo that is proposed, or was done."""
    if console.json:
        console.data(_data(shown))
        return
    for line in _lines(console, shown, limit):
        console.out(line)
    if shown.sent:
        show_ledger(console, shown.report)
        console.out(
            console.say(
                "run {run} is taken back by run {own}: {outcome}, {n} {n:change|changes} sent",
                "実行 {run} を実行 {own} で取り消しました: {outcome}、{n}件を反映",
                run=shown.run, own=shown.report.run, outcome=shown.report.outcome, n=shown.report.sent(),
            )
        )  # fmt: skip


def _lines(console: Console, shown: Undone, limit: int) -> Iterator[str]:
    say, found = console.say, shown.found
    for change in found.changes[: limit or None]:
        for sign, place, what, _ in describe(change):
            yield f"  {sign} {place}  {what}"
    for left in found.left[: limit or None]:
        yield f"  = {left.place}  {left.field}{': ' if left.field else ''}{left.why.in_(console.language)}"
    if limit and max(len(found.changes), len(found.left)) > limit:
        yield say("  … more (--limit 0 shows all)", "  … ほかにもあります（--limit 0 で全件）")
    why = ", ".join(f"{code} {n}" for code, n in sorted(Counter(left.code for left in found.left).items()))
    yield say(
        "run {run}: {n} {n:change|changes} to take it back, {m} {m:thing stays as it is|things stay as they are}{why},"
        " {k} {k:is|are} back already",
        "実行 {run}: 取り消す変更 {n}件、そのまま残るもの {m}件{why}、すでに元の状態 {k}件",
        run=shown.run, n=len(found.changes), m=len(found.left), why=f" ({why})" if why else "", k=found.back_already,
    )  # fmt: skip
    yield from _hindered(console, shown)
    if found.changes:
        yield from _next(console, shown)


def _hindered(console: Console, shown: Undone) -> Iterator[str]:
    """What could not be read, and what could not be sent."""
    say = console.say
    for system, error in shown.report.problems:
        yield f"{system}: {error.in_(console.language)}"
    for halted in shown.report.halted:
        yield say("stopped: {why}", "停止: {why}", why=halted.in_(console.language))
    for alert in shown.at_work:
        yield say("  = {a}  its owner works on it: left", "  = {a}  担当者が対応中のため残しました", a=alert)
    yield from waiting_lines(console, shown.waiting)


def _next(console: Console, shown: Undone) -> Iterator[str]:
    """What the next run will make of it."""
    say = console.say
    yield say(
        "fields stay as undone until the rules want another value there; change the rule before the next run if not",
        "取り消した項目は、ルールの求める値が変わるまで書き込みません。変わっても不要なら先にルールを直してください",
    )
    if shown.returns:
        yield say(
            "lists follow their rules: the next run may reverse {n} of these changes; change the rules first",
            "リストはルールに従うため、{n}件は次回の実行で元に戻ることがあります。先にルールを直してください",
            n=len(shown.returns),
        )
    if not shown.sent:
        yield say("nothing was sent; --yes does it", "まだ何も送信していません。--yes で実行します")


def _data(shown: Undone) -> dict[str, object]:
    return {
        "undoes": shown.run,
        "sent": shown.sent,
        "changes": [change_data(change) for change in shown.found.changes],
        "left": [
            {"code": left.code, "place": left.place, "field": left.field, "why": str(left.why)}
            for left in shown.found.left
        ],
        "back_already": shown.found.back_already,
        "returns": [change_data(change) for change in shown.returns],
        "waiting": dict(shown.waiting),
        "at_work": list(shown.at_work),
        "report": shown.report.as_data(),
    }
