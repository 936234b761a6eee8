"""How each command's result looks to a person, and as data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from connector.changes import (
    AddToList,
    AddTouchpoint,
    AnyChange,
    CloseAlert,
    CreatePerson,
    Kept,
    RaiseAlert,
    RemoveFromList,
    SetFields,
)
from connector.cli.filling import fill_lines, filled_lines
from connector.cli.say import Console
from connector.cli.systems import finding_data, show_finding
from connector.engine.check import Checked
from connector.engine.preview import Shown
from connector.engine.report import Report
from connector.engine.status import Status, StoreShown
from connector.engine.why import Tie, Why
from connector.errors import kept, text
from connector.model import Value
from connector.rules.nearly import Topic
from connector.rules.wording import GUARDS, IN_COMMON, NAMES
from connector.store.outbox import Parked
from connector.store.runs import Counts, RunRow


def show_check(console: Console, results: Sequence[Checked]) -> None:
    """What was found in each system."""
    if console.json:
        console.data(
            [
                {
                    "system": r.system,
                    "ok": not r.failed,
                    "error": str(r.error) if r.error else None,
                    "quota": r.quota,
                    "calls": r.calls,
                    "findings": [
                        finding_data(finding) | {"at": f"{mark.file}:{mark.line}:{mark.column}" if mark else None}
                        for finding, mark in r.findings
                    ],
                }
                for r in results
            ]
        )
        return
    for result in results:
        verdict = console.say("not ready", "問題あり") if result.failed else console.say("ready", "正常")
        quota = ""
        if found := result.quota:
            used, limit = f"{found.used:,}", f"{found.limit:,}"
            quota = console.say(
                " ({used} of {limit} API calls used)", "（API {limit}回中 {used}回使用）", used=used, limit=limit
            )
        console.out(f"{result.system}: {verdict}{quota}")
        if result.error:
            console.error(result.error)
        for finding, mark in result.findings:
            show_finding(console, finding, mark)


def show_ledger(console: Console, report: Report) -> None:
    """The ledger and the calls of a run."""
    show_counts(console, report)
    for system, calls in sorted(report.calls.items()):
        least = report.least_calls.get(system, 0)
        console.out(
            console.say(
                "{s}: {n} API {n:call|calls} (least possible {m})",
                "{s}: API {n}回（最少 {m}回）",
                s=system,
                n=calls,
                m=least,
            )
        )


def show_counts(console: Console, report: Report) -> None:
    """The ledger."""
    say = console.say
    columns = [
        say("system", "連携先"), say("stream", "ストリーム"), say("read", "読込"), say("used", "反映"),
        say("unchanged", "変更なし"), say("parked", "保留"), say("ignored", "対象外"), say("deferred", "繰越"),
    ]  # fmt: skip
    ledger = sorted(report.ledger.items())
    rows = [
        (system, stream, c.read, c.used, c.unchanged, c.parked, c.ignored, c.deferred)
        for (system, stream), c in ledger
        if c != Counts()
    ]
    if rows:
        console.table("", columns, rows)
    if idle := len(ledger) - len(rows):
        console.out(say("{n} more {n:stream|streams}: 0 records", "ほか {n}ストリーム: 0件", n=idle))


def waiting_lines(console: Console, waiting: Mapping[str, int]) -> Iterator[str]:
    """How many changes wait to be sent, by system."""
    for system, count in sorted(waiting.items()):
        yield console.say(
            "{s}: {n} {n:change waits|changes wait}; the next runs send {n:it|them}",
            "{s}: {n}件が未送信です。次回以降の実行で送ります",
            s=system,
            n=count,
        )


def show_troubles(console: Console, report: Report) -> None:
    """What stood in the way of a run."""
    for system, error in report.problems:
        console.out(f"{system}: {error.in_(console.language)}")
    for system, stream, error in report.deferred:
        console.out(
            console.say(
                "deferred: {system} {stream}: {why}",
                "繰越: {system} {stream}: {why}",
                system=system,
                stream=stream,
                why=error.in_(console.language),
            )
        )
    for system, stream, counts in report.unbalanced:
        console.out(
            console.say(
                "the ledger does not balance: {system} {stream}: {n} read, {m} accounted for; please report this",
                "台帳が一致しません: {system} {stream}: 読込 {n}件、内訳 {m}件。不具合として報告してください",
                system=system,
                stream=stream,
                n=counts.read,
                m=counts.accounted,
            )
        )


def show_report(console: Console, report: Report) -> None:
    """What a run did."""
    if console.json:
        console.data(report.as_data())
        return
    show_ledger(console, report)
    show_troubles(console, report)
    for line in filled_lines(console, report.closing.get("filling", ())):
        console.out(line)
    for why in report.halted:
        console.out(console.say("stopped: {why}", "停止: {why}", why=why.in_(console.language)))
    for line in _change_lines(console, report.held, 0):
        console.out(line)
    for (system, kind), count in sorted(report.held_counts.items()):
        console.out(console.say("held back: {s} {k} {n}", "停止中: {s} {k} {n}件", s=system, k=kind, n=count))
    if report.halted:
        console.out(_MEND.in_(console.language) if report.to_mend else _OVERRULE.in_(console.language))
    console.out(
        console.say(
            "run {run}: {outcome}, {sent} {sent:change|changes} sent for {n} {n:person|people} planned",
            "実行 {run}: {outcome}、{n}人を計算し{sent}件を反映",
            run=report.run,
            outcome=report.outcome,
            sent=report.sent(),
            n=report.identities,
        )
    )


_OVERRULE = text(
    "nothing was sent; look at `connector plan`, then `connector run --force REASON`",
    "何も送信していません。`connector plan` を確認し、正しければ `connector run --force 理由`",
)
_MEND = text(
    "nothing was sent, and --force changes nothing about that; mend what is named (a field: in the system or in the "
    "mapping, or change its on_drift)",
    "何も送信していません（--force では続行できません）。上記を直してください"
    "（項目の場合は連携先の項目かマッピングを直すか、on_drift を変更）",
)


def describe(change: AnyChange) -> list[tuple[str, str, str, str]]:
    """A change as lines: sign, place, what, why."""
    why = "; ".join(" ".join(p for p in (r.rule, r.text) if p) for r in change.reasons)
    rules = {r.field: " ".join(p for p in (r.rule, r.text) if p) for r in change.reasons}
    if isinstance(change, SetFields):
        return [
            ("~", f"{change.ref}", f"{name}: {_before(change, name)} → {shown_value(value)}", rules.get(name, ""))
            for name, value in change.values.items()
        ]
    if isinstance(change, CreatePerson):
        place = f"{change.system}/{change.object}"
        head = ("+", place, f"{change.key_field}: {change.key_value}", change.reasons[0].text)
        return [head, *(("+", place, f"{n}: {shown_value(v)}", rules.get(n, "")) for n, v in change.values.items())]
    if isinstance(change, RaiseAlert):
        return [("!", str(change.deal or change.person or change.system), f"{change.title} → {change.owner_id}", why)]
    if isinstance(change, CloseAlert):
        return [("-", change.system, change.called, why)]
    if isinstance(change, AddTouchpoint):
        return [("+", str(change.person), change.title, why)]
    sign = {AddToList: "+", RemoveFromList: "-"}[type(change)]
    return [(sign, f"{change.system}/{change.list}", str(change.person), why)]


def _before(change: SetFields, name: str) -> str:
    """What stood in a field; nobody knows where it was never read."""
    return shown_value(change.before[name]) if name in change.before else "?"


def shown_value(value: Value) -> str:
    """A value on one line, so that a plan stays a list of changes."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a system may give 35.0 back for the 35 it was given
    return "∅" if value is None or value == "" else " ⏎ ".join(str(value).splitlines())


def show_plan(console: Console, shown: Shown, limit: int) -> None:
    """Every change that would be written now."""
    if console.json:
        console.data(plan_data(shown))
        return
    say = console.say
    for line in _change_lines(console, shown.fresh, limit, shown.kept):
        console.out(line)
    for item in shown.withheld[: limit or None]:
        console.out(f"  ? {item.identity}  {item.rule}: {item.text}")
    if shown.held:
        console.out(say("from earlier plans, still to be sent:", "以前の計画のうち未送信のもの:"))
        for line in _change_lines(console, shown.held, limit):
            console.out(line)
    _show_cost(console, shown)
    total = len(shown.fresh) + len(shown.held)
    console.out(
        say("{n} {n:change|changes}, nothing written", "変更 {n}件（書き込みなし）", n=total) if total
        else say("no changes", "変更はありません")
    )  # fmt: skip


def _show_cost(console: Console, shown: Shown) -> None:
    """What would be sent in numbers, what it costs, what was read, what stands in the way."""
    say = console.say
    kinds = Counter((c.system, type(c).__name__) for c in (*shown.fresh, *shown.held))
    for (system, kind), count in sorted(kinds.items()):
        console.out(f"{system}: {kind} {count}")
    if in_doubt := len({item.identity for item in shown.withheld if item.rule == "review"}):
        console.out(
            say(
                "not created until `connector review` is answered: {n}",
                "`connector review` への回答待ちで作成しない人: {n}人",
                n=in_doubt,
            )
        )
    for system, calls in sorted(shown.calls.items()):
        left = shown.left.get(system)
        known = "" if left is None else say(" of {left} left today", "（本日の残り {left}回）", left=f"{left:,}")
        console.out(say("{s}: {n} API {n:call|calls}", "{s}: API {n}回", s=system, n=calls) + known)
    for line in fill_lines(console, shown.fills):
        console.out(line)
    if shown.report.ledger:
        show_counts(console, shown.report)
    for why_stopped in shown.brake:
        console.out(say("a run would stop: {w}", "実行すると停止します: {w}", w=why_stopped.in_(console.language)))
    for system, error in shown.report.problems:
        console.out(f"{system}: {error.in_(console.language)}")


def _change_lines(
    console: Console,
    changes: Sequence[AnyChange],
    limit: int,
    kept: Sequence[Kept] = (),
) -> Iterator[str]:
    for change in changes[: limit or None]:
        for sign, place, what, why in describe(change):
            yield f"  {sign} {place}  {what}" + (f"   [{why}]" if why else "")
        if isinstance(change, SetFields):
            yield from (_kept_line(console, item) for item in kept if item.ref == change.ref)
    if limit and len(changes) > limit:
        yield console.say(
            "  … {n} more (--limit 0 shows all)", "  … ほか{n}件（--limit 0 で全件）", n=len(changes) - limit
        )


def _kept_line(console: Console, item: Kept) -> str:
    other = console.say("not {v}", "{v} にしない", v=shown_value(item.other))
    return f"  = {item.ref}  {item.field}: {shown_value(item.value)} ({other})   [{item.rule} {item.wins}]"


def plan_data(shown: Shown) -> dict[str, Any]:
    """A plan under stable English keys."""
    return {
        "as_of": shown.as_of,
        "changes": [change_data(change) for change in shown.fresh],
        "withheld": list(shown.withheld),
        "kept": [
            {"person": k.identity, "record": str(k.ref), "field": k.field, "value": k.value, "other": k.other,
             "rule": k.rule, "wins": k.wins}
            for k in shown.kept
        ],
        "held": [change_data(change) for change in shown.held],
        "waiting": dict(shown.waiting),
        "calls": dict(shown.calls),
        "left": dict(shown.left),
        "quota": dict(shown.quota),
        "filling": list(shown.fills),
        "brake": [str(why) for why in shown.brake],
        "problems": [{"system": system, "message": str(error)} for system, error in shown.report.problems],
        "ledger": shown.report.as_data()["ledger"],
    }  # fmt: skip


def change_data(change: AnyChange) -> dict[str, Any]:
    """A change under stable English keys."""
    data: dict[str, Any] = {
        "kind": type(change).__name__,
        "key": change.key,
        "system": change.system,
        "person": change.identity,
        "lane": str(change.lane),
        "reasons": list(change.reasons),
    }
    if isinstance(change, SetFields):
        return data | {"record": str(change.ref), "before": dict(change.before), "after": dict(change.values)}
    if isinstance(change, CreatePerson):
        return data | {"object": change.object, "after": dict(change.values)}
    if isinstance(change, RaiseAlert):
        alert = {"owner": change.owner_id, "title": change.title, "body": change.body, "due": change.due_on}
        return data | alert | {"deal": str(change.deal) if change.deal else None}
    if isinstance(change, CloseAlert):
        return data | {"record": change.remote_id, "title": change.title}
    if isinstance(change, AddTouchpoint):
        return data | {"record": str(change.person), "title": change.title, "happened_at": change.happened_at}
    return data | {"list": change.list, "record": str(change.person)}


def show_status(console: Console, found: Status) -> None:
    """Freshness, backlog, parked changes, last runs."""
    if console.json:
        console.data(_status_data(found))
        return
    say = console.say
    for system, at in found.read_at.items():
        age = _age(console, found.at, at)
        console.out(
            say(
                "{s}: {n} {n:person|people}, read {age}",
                "{s}: {n}人、読込 {age}",
                s=system,
                n=found.records.get(system, 0),
                age=age,
            )
        )
    for why in found.unnamed.values():
        console.out(say("stopped: {why}", "停止: {why}", why=why.in_(console.language)))
    show_store(console, found.store)
    console.out(say("people to plan: {n}", "計算待ち: {n}人", n=found.affected))
    if found.questions:
        waiting = say(
            "pairs to review: {n} (`connector review`)", "確認待ちの組: {n}（`connector review`）", n=found.questions
        )
        console.out(waiting)
    for (system, state), count in sorted(found.backlog.items()):
        if state != "done":
            console.out(f"{system}: {state} {count}")
    for (code, error), count in Counter((p.code, _cause(console, p)) for p in found.parked).most_common():
        console.out(say("parked {n}: {code} {error}", "保留 {n}件: {code} {error}", n=count, code=code, error=error))
    if found.parked:
        console.out(say("`connector errors` tells more", "詳細は `connector errors` で確認できます"))
    for (system, stream), count in sorted(found.rejects.items()):
        console.out(say("unreadable: {s} {t} {n}", "読めない行: {s} {t} {n}件", s=system, t=stream, n=count))
    rows = [
        (r.id, r.outcome or "…", r.report.get("planned", ""), r.report.get("sent", ""), _remark(console, r))
        for r in found.runs
    ]
    columns = [say("run", "実行"), say("outcome", "結果"), say("planned", "計画"), say("sent", "反映"), ""]
    console.table("", columns, rows)


def _cause(console: Console, parked: Parked) -> str:
    parts = ((parked.error, parked.error_ja), (parked.fix, parked.fix_ja))
    return " → ".join(kept(*part).in_(console.language) for part in parts if part[0])


def _remark(console: Console, run: RunRow) -> str:
    """What else there is to know of a run: that the brake was overruled, and why; which run it takes back."""
    if undone := run.report.get("undoes"):
        return console.say("takes back {run}", "{run} の取り消し", run=undone)
    return console.say("forced: {why}", "強制実行: {why}", why=run.reason) if run.reason else ""


def show_store(console: Console, store: StoreShown) -> None:
    """What the store is kept in, and what is to be known of that."""
    say = console.say
    parts = [f"{store.kind} {store.version}"]
    if store.journal:
        parts.append(say("journal {mode}", "ジャーナル {mode}", mode=store.journal))
    if store.size is not None:
        parts.append(f"{store.size / 2**20:.1f} MB")
    if store.free is not None:
        parts.append(say("{n} MB free", "空き {n} MB", n=store.free // 2**20))
    console.out(f"store: {', '.join(parts)}")
    if not store.watched:
        console.out(
            say(
                "store: nothing can be written beside it; it would not be noticed if it were emptied",
                "store: 識別ファイルを書けないため、空になっても検知できません",
            )
        )
    if store.restored:
        at = f"{store.restored:%Y-%m-%d %H:%M}"
        console.out(
            say(
                "store: restored {at} UTC; the next run reads every system before it sends",
                "store: {at} UTC に復元。次の実行は全連携先を読み終えてから送信します",
                at=at,
            )
        )


def _status_data(found: Status) -> dict[str, Any]:
    return {
        "at": found.at,
        "store": found.store,
        "systems": {s: {"read_at": at, "people": found.records.get(s, 0)} for s, at in found.read_at.items()},
        "unnamed": {s: str(why) for s, why in found.unnamed.items()},
        "affected": found.affected,
        "questions": found.questions,
        "backlog": [{"system": s, "state": state, "count": n} for (s, state), n in sorted(found.backlog.items())],
        "parked": found.parked,
        "unreadable": [{"system": s, "stream": t, "count": n} for (s, t), n in sorted(found.rejects.items())],
        "runs": [
            {"id": r.id, "started": r.started_at, "ended": r.ended_at, "outcome": r.outcome, "reason": r.reason,
             "report": r.report}
            for r in found.runs
        ],
    }  # fmt: skip


def _age(console: Console, now: datetime, at: datetime | None) -> str:
    if at is None:
        return console.say("never", "未実施")
    minutes = int((now - at).total_seconds() // 60)
    return console.say("{n} min ago", "{n}分前", n=minutes)


def why_lines(console: Console, found: Why, zone: tzinfo) -> list[str]:
    """One person explained, as lines."""
    say = console.say
    lines = [*who_lines(console, found)]
    for score in found.scores:
        lines.append(
            say("score {n}: {p:g} {b}", "スコア {n}: {p:g} {b}", n=score.name, p=score.points, b=score.band).rstrip()
        )
        for hit in score.hits:
            count = f" ×{hit.count}" if hit.count > 1 else ""
            lines.append(
                f"  {hit.points:+g}  {hit.rule}{count}  {found.behind.get((score.name, hit.rule), '')}".rstrip()
            )
        lines.append(f"  = {score.points:g}")
    for system, name, ours in found.lists:
        lines.append(
            say(
                "list {s}/{n}{o}",
                "リスト {s}/{n}{o}",
                s=system,
                n=name,
                o=say(" (by us)", "（当方が追加）") if ours else "",
            )
        )
    lines += [f"? {item.rule}: {item.text}" for item in found.withheld]
    lines += _rule_lines(console, found)
    if found.open:
        lines.append(say("would be written now", "次に書き込む内容"))
        lines += [f"  {s} {p}  {w}" + (f"   [{y}]" if y else "") for c in found.open for s, p, w, y in describe(c)]
    lines.append(say("written", "書き込み履歴"))
    for sent in found.sent:
        state = "" if sent.status == "done" else f" ({sent.status} {sent.code})"
        at = f"{sent.at.astimezone(zone):%Y-%m-%d %H:%M}"
        lines += [f"  {at} {sent.run}{state} {s} {p}  {w}" for s, p, w, _ in describe(sent.change)]
    for score in found.scores:
        lines.append(say("the rep sees: {w}", "営業に見える文: {w}", w=score.why))
    return lines


TOPICS: Mapping[Topic, tuple[str, str]] = {
    "alert": ("alert", "アラート"), "protect": ("protection", "除外"), "nurture": ("nurture", "ナーチャリング"),
    "create": ("creation", "新規作成"), "score": ("score", "スコア"), "band": ("band", "帯"),
}  # fmt: skip
"""What a rule is about."""


def _rule_lines(console: Console, found: Why) -> Iterator[str]:
    """The rules that hold, then those that nearly do, and by how much."""
    holding = [each for each in found.rules if not each.missing]
    nearly = [each for each in found.rules if each.missing]
    if holding:
        yield console.say("rules that hold", "該当するルール")
    yield from (f"  {console.say(*TOPICS[each.topic])} {each.rule}" for each in holding)
    if nearly:
        yield console.say("rules that nearly hold", "あと少しで該当するルール")
    for each in nearly:
        lacks = ", ".join(item.what.in_(console.language) for item in each.missing)
        yield f"  {console.say(*TOPICS[each.topic])} {each.rule}: {lacks}"


def who_lines(console: Console, found: Why) -> Iterator[str]:
    """The records of a person, what joins them, and what was not enough to join others."""
    say = console.say
    company = f"  {found.company}" if found.company else ""
    belongs = say(" (of {p})", "（親会社 {p}）", p=", ".join(found.parents)) if found.parents else ""
    yield f"{found.identity}{company}{belongs}"
    yield say("records: {n}", "レコード {n}件", n=len(found.records))
    for person in found.records:
        yield f"  {person.ref}  {called(person.fields)}".rstrip()
    for tie in found.who.ties:
        yield f"  ├ {tie.edge.a} ─ {tie.edge.b}  {_told(console, tie)}"
    if found.who.apart:
        yield say("not joined", "統合しなかったもの")
    for tie in found.who.apart[:_MOST]:
        guard = GUARDS[tie.edge.guard].in_(console.language)
        yield f"  ? {tie.edge.a} ─ {tie.edge.b}  {called(tie.other)}  {_told(console, tie)}: {guard}"
    if len(found.who.apart) > _MOST:
        yield say("  … {n} more", "  … ほか{n}件", n=len(found.who.apart) - _MOST)
    for decided in found.who.decisions:
        when = f"{decided.at:%Y-%m-%d} {decided.by} {decided.reason}".rstrip()
        yield (
            say("decided: {a} ─ {b} {v}", "判断: {a} ─ {b} {v}", a=decided.a, b=decided.b, v=decided.verdict)
            + f"  ({when})"
        )
    for event in found.who.events:
        came = event.identity == found.identity
        words = ("came from {o}", "{o} から") if came else ("went to {i}", "{i} へ")
        moved = say(*words, o=event.other, i=event.identity)
        yield f"  {event.at:%Y-%m-%d} {moved}: {', '.join(event.records)}"


_MOST = 10
"""So many pairs that were not joined are shown."""


def called(fields: Mapping[str, Value]) -> str:
    """A person as their record has them: name, company, address."""
    name = fields.get("name") or " ".join(str(p) for p in (fields.get("family_name"), fields.get("given_name")) if p)
    return "  ".join(str(part) for part in (name, fields.get("company"), fields.get("email")) if part)


def _told(console: Console, tie: Tie) -> str:
    language = console.language
    common = IN_COMMON[tie.edge.evidence].in_(language) + (f" {' / '.join(tie.common)}" if tie.common else "")
    strength = console.say("strength {n}", "強さ{n}", n=tie.edge.strength)
    return f"{common}・{NAMES[tie.names].in_(language)}  {strength}"


def _tie_data(tie: Tie) -> dict[str, Any]:
    return {
        "a": str(tie.edge.a), "b": str(tie.edge.b), "rule": tie.edge.rule, "strength": tie.edge.strength,
        "evidence": tie.edge.evidence, "names": tie.names.name.lower(), "common": list(tie.common),
    }  # fmt: skip


def why_data(found: Why) -> dict[str, Any]:
    """One person explained, under stable English keys."""
    return {
        "person": found.identity,
        "company": found.company,
        "parents": found.parents,
        "records": [str(person.ref) for person in found.records],
        "same_by": [_tie_data(tie) for tie in found.who.ties],
        "not_joined": [
            _tie_data(tie) | {"guard": tie.edge.guard, "other": tie.identity, "fields": dict(tie.other)}
            for tie in found.who.apart
        ],
        "decisions": [
            {"a": str(d.a), "b": str(d.b), "verdict": d.verdict, "by": d.by, "at": d.at, "reason": d.reason}
            for d in found.who.decisions
        ],
        "events": list(found.who.events),
        "scores": [
            {
                "name": s.name,
                "points": s.points,
                "band": s.band,
                "why": s.why,
                "hits": [
                    {
                        "rule": h.rule,
                        "points": h.points,
                        "count": h.count,
                        "last_at": h.last_at,
                        "label": h.label,
                        "touchpoint": found.behind.get((s.name, h.rule)),
                    }
                    for h in s.hits
                ],
            }
            for s in found.scores
        ],
        "lists": [{"system": s, "list": n, "ours": o} for s, n, o in found.lists],
        "rules": [
            {
                "about": each.topic,
                "rule": each.rule,
                "holds": not each.missing,
                "missing": [str(item.what) for item in each.missing],
            }
            for each in found.rules
        ],
        "withheld": list(found.withheld),
        "open": [change_data(change) for change in found.open],
        "sent": [
            {"at": s.at, "run": s.run, "status": s.status, "code": s.code, "change": change_data(s.change)}
            for s in found.sent
        ],
    }
