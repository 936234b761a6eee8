"""What `apply` shows: what was sent, what was done before, and what was skipped, by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from connector.cli.say import Console
from connector.cli.views import change_data, describe, show_ledger, show_troubles, waiting_lines
from connector.engine.applying import WHY, Applied


def show_applied(console: Console, applied: Applied, limit: int) -> None:
    """What became of a plan."""
    if console.json:
        console.data(_data(applied))
        return
    for line in _lines(console, applied, limit):
        console.out(line)
    show_ledger(console, applied.report)
    show_troubles(console, applied.report)
    console.out(
        console.say(
            "run {run}: {outcome}, {sent} of {n} {n:change|changes} sent, {done} done before, {skipped} skipped",
            "実行 {run}: {outcome}、{n}件中 {sent}件を反映、反映済み {done}件、反映せず {skipped}件",
            run=applied.report.run, outcome=applied.report.outcome, sent=applied.report.sent(),
            n=len(applied.sending) + applied.done_before + len(applied.skipped),
            done=applied.done_before, skipped=len(applied.skipped),
        )
    )  # fmt: skip


def _lines(console: Console, applied: Applied, limit: int) -> Iterator[str]:
    say = console.say
    for item in applied.skipped[: limit or None]:
        why = WHY[item.code].in_(console.language)
        yield from (f"  ? {place}  {what}: {why}" for _, place, what, _ in describe(item.change))
    if limit and len(applied.skipped) > limit:
        n = len(applied.skipped) - limit
        yield say("  … {n} more (--limit 0 shows all)", "  … ほか{n}件（--limit 0 で全件）", n=n)
    for code, count in sorted(Counter(item.code for item in applied.skipped).items()):
        yield say("skipped: {why}: {n}", "反映せず: {why}: {n}件", why=WHY[code].in_(console.language), n=count)
    for halted in applied.report.halted:
        told = halted.in_(console.language)
        if applied.report.to_mend:
            yield say("stopped, nothing was sent: {why}", "停止（送信していません）: {why}", why=told)
        else:
            yield say(
                "stopped, nothing was sent: {why}; if it is right, --force REASON",
                "停止（送信していません）: {why}。正しければ --force 理由",
                why=told,
            )
    yield from waiting_lines(console, applied.waiting)


def _data(applied: Applied) -> dict[str, object]:
    return {
        "sending": [change_data(change) for change in applied.sending],
        "done_before": applied.done_before,
        "skipped": [
            {"code": item.code, "why": str(WHY[item.code]), "change": change_data(item.change)}
            for item in applied.skipped
        ],
        "waiting": dict(applied.waiting),
        "exit": int(applied.exit),
        "report": applied.report.as_data(),
    }
