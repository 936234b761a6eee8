"""What `audit` shows: whether the trail is whole, and what does not fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Any

from connector.cli.say import Console
from connector.engine.report import Exit
from connector.engine.trail import Audit
from connector.errors import Text, text
from connector.store.trail import Fault, Wrong


def exit_of(found: Audit) -> int:
    """The exit code: 1 when something does not fit."""
    return int(Exit.FAILED if found.checked.faults else Exit.DONE)


def show_audit(console: Console, found: Audit, zone: tzinfo) -> None:
    """The trail as it was found."""
    if console.json:
        console.data(_data(found))
        return
    for line in _lines(console, found, zone):
        console.out(line)


FAULTS: Mapping[Fault, Text] = {
    "missing": text("rows were taken out", "行が抜けています"),
    "changed": text("the row was changed or put in, or audit_key is another", "行の改変か挿入、または別の audit_key"),
    "key": text("made without audit_key, after rows with it", "audit_key のある行の後に、ない行があります"),
    "delivery": text("the delivery that it speaks of was changed", "対応する送信記録が改変されています"),
    "run": text("the run that it speaks of was changed", "対応する実行記録が改変されています"),
    "gone": text(
        "more deliveries are gone than `forget` erased", "`forget` で消去した件数より多くの送信記録がなくなっています"
    ),
    "cut": text(
        "this head is not in the trail: rows were cut off or made anew, or an older copy of the store was put back",
        "証跡にない値です。末尾の削除、作り直し、または古い store の復元が考えられます",
    ),
}  # fmt: skip
KINDS: Mapping[str, Text] = {
    "done": text("written", "反映"),
    "refused": text("refused", "拒否"),
    "retry": text("to be tried again", "再試行待ち"),
    "run_started": text("run began", "実行開始"),
    "run_ended": text("run ended", "実行終了"),
    "forgot": text("person erased", "人物の消去"),
    "restored": text("store restored", "store の復元"),
    "retired": text("system retired", "連携先の廃止"),
    "decided": text("pairs decided", "名寄せの判断"),
    "retried": text("parked changes put back", "保留の再送指示"),
    "dismissed": text("parked changes dismissed", "保留の対応済み指示"),
}


def _lines(console: Console, found: Audit, zone: tzinfo) -> Iterator[str]:
    say, checked = console.say, found.checked

    def at(moment: datetime | None) -> str:
        return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" if moment else ""

    for no, moment, what, about in found.rows:
        yield f"  {no:>6}  {at(moment)}  {_kind(console, what)}  {_about(about)}".rstrip()
    for wrong in checked.wrong:
        why = FAULTS[wrong.fault].in_(console.language)
        yield f"  ! {_place(console, wrong)}  {at(wrong.at)}  {why}  {wrong.run}".rstrip()
    if checked.faults > len(checked.wrong):
        yield say("  … {n} more", "  … ほか{n}件", n=checked.faults - len(checked.wrong))
    if not checked.rows:
        yield say("the audit trail has no row yet", "監査証跡にはまだ記録がありません")
        return
    yield say(
        "audit trail: {n} {n:row|rows}, {first} to {last}", "監査証跡: {n}行、{first} ～ {last}",
        n=f"{checked.rows:,}", first=at(checked.first_at), last=at(checked.last_at),
    )  # fmt: skip
    kinds = [*KINDS, *sorted(checked.counts.keys() - KINDS.keys())]
    yield "  " + ", ".join(f"{_kind(console, what)} {checked.counts[what]:,}" for what in kinds if checked.counts[what])
    if checked.gone:
        yield say(
            "  {n} {n:row is|rows are} of deliveries that were erased",
            "  うち {n}行の送信記録は消去済み",
            n=f"{checked.gone:,}",
        )
    if found.keyed:
        yield say("  {n} {n:row bears|rows bear} audit_key", "  audit_key による行 {n}", n=f"{checked.keyed:,}")
    if found.reports or found.given:
        yield say(
            "  {n} of {all} heads kept elsewhere stand in it ({reports} of reports, {given} given)",
            "  外部に残る末尾の値 {all}件中 {n}件と一致（レポート {reports}、指定 {given}）",
            n=checked.heads, all=found.reports + found.given, reports=found.reports, given=found.given,
        )  # fmt: skip
    else:
        yield say(
            "  no head kept elsewhere was compared: only that shows rows cut off at the end (--head, run.reports)",
            "  外部に残る末尾の値と比べていません。末尾の削除はそれでしか分かりません（--head、run.reports）",
        )
    yield (
        say("{n} things do not fit", "不整合 {n}件", n=checked.faults)
        if checked.faults
        else say("nothing was changed, taken out or put in", "改変・欠落・挿入はありません")
    )
    yield say("head: {head}", "末尾の値: {head}", head=checked.head)


def _kind(console: Console, what: str) -> str:
    return KINDS[what].in_(console.language) if what in KINDS else what


def _about(about: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in about.items())


def _place(console: Console, wrong: Wrong) -> str:
    if not wrong.first:
        return console.say("all", "全体")
    return f"{wrong.first}" if wrong.first == wrong.last else f"{wrong.first}-{wrong.last}"


def _data(found: Audit) -> dict[str, object]:
    checked = found.checked
    return {
        "rows": checked.rows,
        "first": checked.first_at,
        "last": checked.last_at,
        "head": checked.head,
        "counts": dict(checked.counts),
        "keyed": checked.keyed,
        "gone": checked.gone,
        "heads": {"found": checked.heads, "reports": found.reports, "given": found.given},
        "faults": checked.faults,
        "wrong": [
            {"fault": each.fault, "first": each.first, "last": each.last, "at": each.at, "run": each.run}
            for each in checked.wrong
        ],
        "trail": [
            {"no": no, "at": at, "what": what, "about": dict(about)} for no, at, what, about in found.rows
        ],
    }  # fmt: skip
