"""What `errors` and `retry` show: causes with what to do, and what was put back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo

from connector.cli.say import Console
from connector.engine.report import Exit
from connector.engine.retry import Errors, Retried, record_of
from connector.errors import Text, text
from connector.store.causes import Cause, Unreadable

NAMELESS = "-"
"""Stands for the cause of a refusal to which nobody gave a name."""


def code_of(cause: str | None) -> str | None:
    """The code that is kept, from what the administrator types."""
    return "" if cause == NAMELESS else cause


def nothing_of(found: Errors, cause: str) -> Text:
    """That nothing is parked for a cause, and for which something is."""
    causes = sorted({each.code or NAMELESS for each in found.parked})
    return text(
        "nothing is parked for the cause {cause}; parked for: {causes}",
        "原因 {cause} で保留中の変更はありません。保留中の原因: {causes}",
        cause=cause,
        causes=", ".join(causes) or "-",
    )


def exit_of(shown: Retried) -> int:
    """The exit code: whether anything would be put back, where nothing was."""
    return int(Exit.PENDING if shown.back and not shown.done else Exit.DONE)


def agreed(console: Console, *, dismiss: bool) -> bool:
    """The answer of somebody at the terminal."""
    again = console.say("send these again? [y/N] ", "再送しますか? [y/N] ")
    done = console.say("count these as done, never to be sent? [y/N] ", "送信せず対応済みにしますか? [y/N] ")
    return input(done if dismiss else again).strip().lower() in ("y", "yes")


# --- errors -----------------------------------------------------------------------------------------------------------


def show_errors(console: Console, found: Errors, zone: tzinfo, limit: int) -> None:
    """Everything that a person must mend."""
    if console.json:
        console.data(_errors_data(found))
        return
    say = console.say
    for cause in found.parked[: limit or None]:
        for line in _cause_lines(console, cause, zone):
            console.out(line)
    for one in found.unreadable[: limit or None]:
        for line in _unreadable_lines(console, one, zone):
            console.out(line)
    if limit and max(len(found.parked), len(found.unreadable)) > limit:
        console.out(say("… more (--limit 0 shows all)", "… ほかにもあります（--limit 0 で全件）"))
    parked, unreadable = sum(c.count for c in found.parked), sum(u.count for u in found.unreadable)
    if not parked and not unreadable:
        console.out(say("nothing to mend", "対応が必要なものはありません"))
        return
    console.out(
        say(
            "{n} {n:change is|changes are} parked, {m} {m:record|records} could not be read",
            "保留中の変更 {n}件、読めないレコード {m}件",
            n=parked, m=unreadable,
        )
    )  # fmt: skip


def _cause_lines(console: Console, cause: Cause, zone: tzinfo) -> Iterator[str]:
    say = console.say
    yield say(
        "{s}  {c}  {k} {n}, since {at}", "{s}  {c}  {k} {n}件、{at} から",
        s=cause.system, c=cause.code or NAMELESS, k=cause.kind, n=cause.count,
        at=f"{cause.since.astimezone(zone):%Y-%m-%d %H:%M}",
    )  # fmt: skip
    if why := cause.what.in_(console.language):
        yield f"  {why}"
    if cause.said:
        yield say('  {s} says: "{w}"', "  {s} の応答: 「{w}」", s=cause.system, w=" ".join(cause.said.split()))
    yield say("  e.g. {r}", "  例: {r}", r=record_of(cause.example))
    if cause.fix is not None:
        yield say("  next: {f}", "  対応: {f}", f=cause.fix.in_(console.language))
    yield say("  then: {c}", "  再送: {c}", c=_command(cause))
    if cause.doubtful:
        yield say("  or, where it is there: {c}", "  反映済みなら: {c}", c=_command(cause, "--dismiss"))


def _command(cause: Cause, way: str = "") -> str:
    way = way or ("--doubtful" if cause.doubtful else "")
    return f"connector retry {cause.code or NAMELESS} --system {cause.system} {way}".rstrip()


def _unreadable_lines(console: Console, one: Unreadable, zone: tzinfo) -> Iterator[str]:
    say = console.say
    yield say(
        "{s}  {c}  unreadable {t} {n}, last seen {at}", "{s}  {c}  読めない {t} {n}件、最後の確認 {at}",
        s=one.system, c=one.code, t=one.stream, n=one.count, at=f"{one.last.astimezone(zone):%Y-%m-%d %H:%M}",
    )  # fmt: skip
    yield f"  {one.what.in_(console.language)}"
    yield say("  e.g. {p}", "  例: {p}", p=one.place)
    yield say(
        "  next: mend it there; it is read again when it changes",
        "  対応: 連携元で修正してください。変更されると読み直します",
    )


def _errors_data(found: Errors) -> dict[str, object]:
    return {
        "parked": [
            {
                "system": cause.system,
                "cause": cause.code or NAMELESS,
                "kind": cause.kind,
                "count": cause.count,
                "since": cause.since,
                "what": cause.what.in_("en"),
                "what_ja": cause.what.in_("ja"),
                "fix": cause.fix.in_("en") if cause.fix else None,
                "fix_ja": cause.fix.in_("ja") if cause.fix else None,
                "said": cause.said or None,
                "doubtful": cause.doubtful,
                "example": {
                    "key": cause.example.key,
                    "record": record_of(cause.example),
                    "person": cause.example.identity,
                },
                "retry": _command(cause),
            }
            for cause in found.parked
        ],
        "unreadable": [
            {
                "system": one.system,
                "stream": one.stream,
                "cause": one.code,
                "count": one.count,
                "last": one.last,
                "what": one.what.in_("en"),
                "what_ja": one.what.in_("ja"),
                "example": one.place,
            }
            for one in found.unreadable
        ],
    }


# --- retry ------------------------------------------------------------------------------------------------------------


def show_retried(console: Console, shown: Retried, *, dismiss: bool) -> None:
    """A retry, or a dismissal, that is proposed or was done."""
    if console.json:
        console.data(_retried_data(shown))
        return
    for (system, kind, code), count in sorted(shown.back.items()):
        console.out(f"  {'-' if dismiss else '>'} {system}  {code or NAMELESS}  {kind} {count}")
    for (system, kind, code), (count, why) in sorted(shown.left.items()):
        console.out(f"  = {system}  {code or NAMELESS}  {kind} {count}: {why.in_(console.language)}")
    total = sum(shown.back.values())
    console.out(console.say(*_SUMS[dismiss, shown.done], n=total, m=shown.stay))
    if total and not shown.done:
        console.out(console.say("nothing was changed; --yes does it", "まだ何も変更していません。--yes で実行します"))


_SUMS = {
    (False, False): (
        "{n} {n:change|changes} would be sent again, {m} {m:stays|stay} parked",
        "再送の対象 {n}件、保留のまま {m}件",
    ),
    (False, True): (
        "{n} {n:change is|changes are} due again, {m} {m:stays|stay} parked; the next run sends what is still wanted",
        "{n}件を送信待ちに戻しました（保留のまま {m}件）。今も必要なものを次回の実行で送ります",
    ),
    (True, False): (
        "{n} {n:change|changes} would count as done without being sent, {m} {m:stays|stay} parked",
        "送信せず対応済みにする対象 {n}件、保留のまま {m}件",
    ),
    (True, True): (
        "{n} {n:change counts|changes count} as done and {n:is|are} never sent, {m} {m:stays|stay} parked",
        "{n}件を対応済みにしました。今後も送信しません（保留のまま {m}件）",
    ),
}
"""What is said of a retry or (True, ...) a dismissal that is proposed or (..., True) was done."""


def _retried_data(shown: Retried) -> dict[str, object]:
    return {
        "done": shown.done,
        "back": [
            {"system": system, "cause": code or NAMELESS, "kind": kind, "count": count}
            for (system, kind, code), count in sorted(shown.back.items())
        ],
        "left": [
            {"system": system, "cause": code or NAMELESS, "kind": kind, "count": count, "why": str(why)}
            for (system, kind, code), (count, why) in sorted(shown.left.items())
        ],
    }
