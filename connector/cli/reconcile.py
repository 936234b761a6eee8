"""What `reconcile` shows: a count of every sign, and the records that are not as recorded."""

from __future__ import annotations

from collections.abc import Iterator

from connector.cli.say import Console
from connector.cli.views import shown_value
from connector.engine.reconcile import Compared, Difference, Reconciled, Sign

SIGNS: tuple[Sign, ...] = ("=", "~", "+", "-", "!")


def show_reconciled(console: Console, found: Reconciled, limit: int) -> None:
    """What was found."""
    if console.json:
        console.data(_data(found))
        return
    say = console.say
    for name, compared in found.systems.items():
        for line in _lines(console, name, compared, limit):
            console.out(line)
    rows = [
        (name, kind, *(counts[sign] for sign in SIGNS))
        for name, compared in found.systems.items()
        for kind, counts in sorted(compared.counts.items())
    ]
    console.table("", [say("system", "連携先"), say("object", "対象"), *SIGNS], rows)
    console.out(
        say(
            "= as recorded   ~ differs   + not known here   - not there   ! could not be compared",
            "= 記録どおり   ~ 相違   + 記録に無い   - 連携先に無い   ! 照合できない",
        )
    )
    for name, count in sorted(found.parked.items()):
        console.out(say("{s}: {n} {n:change|changes} parked", "{s}: 保留中の変更 {n}件", s=name, n=count))
    for name, count in sorted(found.uncertain.items()):
        what = say("{s}: {n} {n:change|changes} sent without an answer", "{s}: 結果不明の変更 {n}件", s=name, n=count)
        console.out(what)
    for why in found.report.halted:
        console.out(say("stopped: {why}", "停止: {why}", why=why.in_(console.language)))
    for name, error in found.report.problems:
        console.out(f"{name}: {error.in_(console.language)}")
    if found.differs:
        again = sum(compared.to_write for compared in found.systems.values())
        console.out(
            say(
                "what was seen is recorded now; {n} {n:record differs|records differ} in fields that we wrote:"
                " the next run looks at {n:it|them}",
                "確認した内容を記録しました。当方が書いた項目の相違は{n}件で、次回の実行で見直します",
                n=again,
            )
        )


def _lines(console: Console, name: str, compared: Compared, limit: int) -> Iterator[str]:
    for difference in compared.differences[: limit or None]:
        yield f"  {difference.sign} {difference.place}{_told(console, difference)}"
    more = compared.differing - len(compared.differences[: limit or None])
    if limit and more > 0:
        yield console.say(
            "  … {n} more of {s} (--limit 0 shows all)", "  … {s} はほか{n}件（--limit 0 で全件）", s=name, n=more
        )
    for key, refs in compared.doubled.items():
        yield console.say(
            "  ! {refs}: bear the same key {key}; merge them there", "  ! {refs}: キー {key} が重複",
            refs=", ".join(map(str, refs)), key=key,
        )  # fmt: skip


def _told(console: Console, difference: Difference) -> str:
    told = [
        f"{each.name}: {shown_value(each.recorded)} → {shown_value(each.now)}"
        + (
            console.say(" (we wrote {v})", "（当方が書いた値 {v}）", v=shown_value(each.written.value))
            if each.written
            else ""
        )
        for each in difference.fields
    ]
    if difference.why:
        told.append(difference.why.in_(console.language))
    return f"  {'; '.join(told)}" if told else ""


def _data(found: Reconciled) -> dict[str, object]:
    return {
        "systems": [
            {
                "system": name,
                "counts": [{"object": kind, **counts} for kind, counts in sorted(compared.counts.items())],
                "differences": [
                    {
                        "sign": each.sign,
                        "record": each.place,
                        "fields": [
                            {"field": f.name, "recorded": f.recorded, "now": f.now, "ours": f.written is not None}
                            for f in each.fields
                        ],
                        "why": str(each.why) if each.why else None,
                    }
                    for each in compared.differences
                ],
                "doubled": [{"key": key, "records": [str(r) for r in refs]} for key, refs in compared.doubled.items()],
            }
            for name, compared in found.systems.items()
        ],
        "parked": dict(found.parked),
        "uncertain": dict(found.uncertain),
        "report": found.report.as_data(),
    }
