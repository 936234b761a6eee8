"""How doubtful pairs look to a person: side by side on a screen, or in a CSV to fill in."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from connector.adapters.csvfile.cells import guard as harmless
from connector.adapters.csvfile.cells import unguard
from connector.adapters.csvfile.printing import encoded
from connector.changes import AnyChange, CreatePerson
from connector.cli.say import Console
from connector.cli.views import describe
from connector.engine.app import App
from connector.engine.audit import Joined, Precision, precision, sample
from connector.engine.list_file import unusable
from connector.engine.review import (
    SHOWN,
    Answer,
    Became,
    Effect,
    Question,
    Side,
    cut,
    decide,
    effect_of,
    parse_ref,
    questions,
)
from connector.engine.suggest import RULE as SUGGESTED
from connector.engine.suggest import evidence_text, suggest_all
from connector.errors import ConnectorError, text
from connector.rules.wording import GUARDS, IN_COMMON
from connector.store.beside import replace_file
from connector.store.identities import Verdict

LABELS: Mapping[str, tuple[str, str]] = {
    "name": ("name", "氏名"), "kana": ("kana", "カナ"), "company": ("company", "会社"),
    "corporate_number": ("corporate number", "法人番号"), "department": ("department", "部署"),
    "title": ("title", "役職"), "email": ("email", "メール"), "phone": ("phone", "電話"),
    "mobile": ("mobile", "携帯"), "postal_code": ("postal code", "郵便番号"), "address": ("address", "住所"),
}  # fmt: skip
_VERDICTS: Mapping[str, Verdict] = {
    "same": "same", "s": "same", "yes": "same", "同一": "same", "同じ": "same", "○": "same",
    "different": "different", "d": "different", "no": "different", "別人": "different", "違う": "different",
    "×": "different", "later": "later", "l": "later", "保留": "later", "後で": "later",
}  # fmt: skip


def why_asked(console: Console, pair: Question | Joined) -> str:
    """What the two have in common, and what spoke against it."""
    language = console.language
    if isinstance(pair, Joined):
        return IN_COMMON[pair.edge.evidence].in_(language)
    if pair.rule == SUGGESTED:
        alike = console.say("alike, by {p:.1%}: ", "似ています（確率 {p:.1%}）: ", p=pair.strength / 1000)
        common = alike + evidence_text(pair.evidence).in_(language)
    else:
        common = IN_COMMON[pair.evidence].in_(language)
    against = GUARDS[pair.guard].in_(language) if pair.guard else ""
    return common + (console.say("; but ", "。ただし") + against if against else "")


def show_question(console: Console, question: Question, yes: Effect, no: Effect, place: str) -> None:
    """A pair side by side, and what either answer would change."""
    console.out(f"{place}  {why_asked(console, question)}")
    console.table("", ["", str(question.a.ref), str(question.b.ref)], _side_by_side(console, question.a, question.b))
    console.out(console.say("a yes would change:", "「同一」にした場合:"))
    for line in effect_lines(console, yes):
        console.out(f"  {line}")
    if lines := _written(console, no):
        console.out(console.say("a no would change:", "「別人」にした場合:"))
        for line in lines:
            console.out(f"  {line}")


def _side_by_side(console: Console, a: Side, b: Side) -> Iterator[tuple[str, ...]]:
    for name in SHOWN:
        one, other = str(a.fields.get(name, "")), str(b.fields.get(name, ""))
        if one or other:
            yield console.say(*LABELS[name]), one, other
    if len(a.records) > 1 or len(b.records) > 1:
        records = [", ".join(str(ref) for ref in side.records if ref != side.ref) for side in (a, b)]
        yield console.say("with", "同一人物"), *records


def effect_lines(console: Console, effect: Effect) -> list[str]:
    """Who becomes whom, what would be written then, and what would not any more."""
    after = " / ".join(_scores(console, each) for each in effect.after)
    return [*(f"{_scores(console, one)} → {after}" for one in effect.before), *_written(console, effect)]


def _written(console: Console, effect: Effect) -> list[str]:
    lines: list[str] = []
    before = {change.key: change for one in effect.before for change in one.changes}
    kept = {change.key for one in effect.after for change in one.changes}
    for one in effect.after:
        for change in one.changes:
            known = _told(before[change.key]) if change.key in before else []
            lines += [line for line in _told(change) if line not in known]
    for key, change in before.items():
        if key not in kept:
            sign, where, what, _ = describe(change)[0]
            said = f"{sign} {where}" + ("" if isinstance(change, CreatePerson) else f"  {what}")
            lines.append(console.say("no more: {change}", "取りやめ: {change}", change=said))
    return lines


def _told(change: AnyChange) -> list[str]:
    return [f"{sign} {where}  {what}" for sign, where, what, _ in describe(change)]


def _scores(console: Console, one: Became) -> str:
    n = len(one.records)
    told = [console.say("{n} {n:record|records}", "レコード{n}件", n=n)]
    told += [f"{score.name} {score.points:g}" for score in one.scores]
    return console.say("{id} ({told})", "{id}（{told}）", id=one.identity, told=console.say(", ", "、").join(told))


def verdict_of(words: str) -> Verdict | None:
    """What somebody typed, as a verdict."""
    return _VERDICTS.get(words.strip().lower())


def question_data(console: Console, question: Question) -> dict[str, Any]:
    """A question under stable English keys."""
    return {
        "a": _side_data(question.a), "b": _side_data(question.b), "rule": question.rule,
        "evidence": question.evidence, "guard": question.guard, "strength": question.strength,
        "why": why_asked(console, question),
    }  # fmt: skip


def _side_data(side: Side) -> dict[str, Any]:
    return {
        "record": str(side.ref), "person": side.identity, "fields": dict(side.fields),
        "records": [str(ref) for ref in side.records],
    }  # fmt: skip


# --- the command ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reviewing:
    """One call of `connector review`."""

    app: App
    console: Console
    by: str
    reason: str
    limit: int

    def suggest(self) -> None:
        """Look for more pairs by probability."""
        with self.app.lease() as lease, self.console.working(text("looking for more pairs", "候補を検索")):
            found = suggest_all(self.app, lease)
        if self.console.json:
            return
        self.console.out(self.console.say("{n} {n:pair|pairs} suggested", "候補 {n}組を追加", n=found.pairs))
        for band in found.reviewed:
            if band.decided:
                self.console.out(
                    self.console.say(
                        "of {n} decided {n:pair|pairs} with a probability from {p:.0%}, {same} were one person",
                        "判断済みのうち確率 {p:.0%} 以上の {n}組で、同一人物は {same}組",
                        n=band.decided,
                        p=band.least,
                        same=band.same,
                    )
                )

    def take(
        self,
        answers: Path | None,
        same: tuple[str, str] | None,
        different: tuple[str, str] | None,
        split: Sequence[str],
    ) -> None:
        """Take decisions that were given with the command."""
        taken = read_answers(answers) if answers is not None else []
        if same:
            taken.append(Answer(parse_ref(same[0]), parse_ref(same[1]), "same", self.reason))
        if different:
            taken.append(Answer(parse_ref(different[0]), parse_ref(different[1]), "different", self.reason))
        if split:
            taken += [replace(a, reason=self.reason) for a in cut(self.app, [parse_ref(words) for words in split])]
        self._decide(taken)

    def _decide(self, taken: Sequence[Answer]) -> None:
        (effect,) = self._effects(taken) if taken and len(taken) <= _FEW else (None,)
        decide(self.app, taken, self.by)
        if self.console.json:
            self.console.data({"decided": len(taken)})
            return
        for line in effect_lines(self.console, effect) if effect else ():
            self.console.out(line)
        self.console.out(
            self.console.say(
                "decisions taken: {n}; the next run corrects the systems",
                "{n}件の判断を記録しました。次の実行で連携先に反映します",
                n=len(taken),
            )
        )

    def _effects(self, *said: Sequence[Answer]) -> list[Effect]:
        with self.app.lease() as lease:
            return [effect_of(self.app, answers, lease) for answers in said]

    def write(self, path: Path) -> None:
        """All pairs into a file."""
        found = questions(self.app)
        write_pairs(path, self.console, found)
        if self.console.json:
            self.console.data({"pairs": len(found), "file": str(path)})
            return
        self.console.out(
            self.console.say(
                "{n} {n:pair|pairs} in {file}; fill in `decision` (same, different, later), then"
                " `connector review --from {file}`",
                "{n}組を {file} に出力。decision 列に same・different・later を記入し `connector review --from {file}`",
                n=len(found),
                file=path,
            )
        )

    def ask(self, *, interactive: bool) -> None:
        """Show the pairs, and take an answer for each where somebody sits there."""
        found = questions(self.app)
        shown = found[: self.limit or None]
        if self.console.json:
            self.console.data([question_data(self.console, question) for question in shown])
            return
        for number, question in enumerate(shown, 1):
            answer = Answer(question.a.ref, question.b.ref, "same", self.reason)
            yes, no = self._effects([answer], [replace(answer, verdict="different")])
            show_question(self.console, question, yes, no, f"{number}/{len(found)}")
            if interactive:
                verdict = self._answer()
                if verdict is None:
                    return
                decide(self.app, [replace(answer, verdict=verdict)], self.by)
        if not found:
            self.console.out(self.console.say("nothing to review", "確認待ちの組はありません"))
        elif not interactive:
            self.console.out(
                self.console.say(
                    "pairs that wait: {n}. Decide: --same A B, --different A B, or --csv FILE and --from FILE",
                    "{n}組が確認待ち。判断するには --same A B、--different A B、または --csv と --from",
                    n=len(found),
                )
            )

    def _answer(self) -> Verdict | None:
        prompt = self.console.say("[s]ame, [d]ifferent, [l]ater, [q]uit: ", "同一 s・別人 d・保留 l・終了 q: ")
        while True:
            try:
                words = input(prompt)
            except EOFError:
                return None
            if words.strip().lower() in ("q", "quit", "終了"):
                return None
            if verdict := verdict_of(words):
                return verdict


_FEW = 50
"""Up to so many decisions at once it is shown what they change."""


def audit(app: App, console: Console, size: int, seed: int, out: Path) -> None:
    """A sample of joined pairs into a file."""
    found = sample(app, size, seed)
    write_pairs(out, console, found)
    if console.json:
        console.data({"pairs": len(found), "file": str(out)})
        return
    console.out(
        console.say(
            "{n} joined {n:pair|pairs} in {file}; fill in `decision` (same, different), then"
            " `connector identity audit --score {file}`",
            "統合済みの{n}組を {file} に出力。decision 列に same・different を記入し"
            " `connector identity audit --score {file}`",
            n=len(found),
            file=out,
        )
    )


def show_audit(console: Console, path: Path) -> None:
    """What a checked sample says of each rule."""
    checked = read_audit(path)
    found = precision([(rule, right) for rule, _, right in checked])
    if console.json:
        console.data(
            {rule: {"checked": p.checked, "right": p.right, "at_least": p.at_least} for rule, p in found.items()}
        )
        return
    common = {rule: why for rule, why, _ in checked}
    told = {f"{rule}  {common[rule]}".strip(): of for rule, of in found.items()}
    show_precision(console, told, console.say("joined pairs that were checked", "確認した統合済みの組"))


# --- CSV --------------------------------------------------------------------------------------------------------------


def write_pairs(path: Path, console: Console, pairs: Sequence[Question | Joined]) -> None:
    """A CSV (UTF-8 with a mark, for Excel) of pairs, whose column `decision` is to be filled in.

    :raises ConnectorError: the file cannot be written
    """
    columns = [f"{name}_{side}" for name in SHOWN for side in "ab"]
    lines = [["rule", "decision", "reason", "why", "record_a", "record_b", *columns]]
    for pair in pairs:
        rule = pair.rule if isinstance(pair, Question) else f"{pair.edge.rule} {pair.edge.strength}"
        cells = [rule, "", "", why_asked(console, pair), str(pair.a.ref), str(pair.b.ref)]
        cells += [str(side.fields.get(name, "")) for name in SHOWN for side in (pair.a, pair.b)]
        lines.append([harmless(cell) for cell in cells])
    try:
        replace_file(path, encoded(lines, "utf-8-sig", ","))
    except OSError as error:
        raise unusable(path, error) from None


def read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The rows of such a CSV, filled in, each with its line; as Excel may save it, in UTF-8 or CP932.

    :raises ConnectorError: it cannot be read, or has other columns
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise unusable(path, error) from None
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        content = raw.decode("cp932", "replace")
    reader = csv.DictReader(content.splitlines(keepends=True))
    if missing := {"decision", "record_a", "record_b"} - set(reader.fieldnames or ()):
        raise ConnectorError(
            text("columns are missing: {names}", "列がありません: {names}", names=", ".join(sorted(missing))),
            where=str(path),
            fix=text("fill in a file that --csv wrote", "--csv で出力したファイルに記入してください"),
        )
    return [(reader.line_num, {k: unguard(v) for k, v in row.items() if k and isinstance(v, str)}) for row in reader]


def read_answers(path: Path) -> list[Answer]:
    """The answers of a filled in CSV; rows without a decision are left for later.

    :raises ConnectorError: a decision or a record that nobody can read, with its line; then none of them counts
    """
    answers = []
    for line, row in read_rows(path):
        if not row["decision"].strip():
            continue
        verdict = verdict_of(row["decision"])
        if verdict is None:
            raise ConnectorError(
                text("{word!r} is no decision", "{word!r} は判断として読めません", word=row["decision"]),
                where=f"{path}:{line}",
                fix=text("write same, different or later", "same・different・later（同一・別人・保留）のいずれか"),
            )
        answers.append(Answer(parse_ref(row["record_a"]), parse_ref(row["record_b"]), verdict, row.get("reason", "")))
    return answers


def read_audit(path: Path) -> list[tuple[str, str, bool]]:
    """The checked pairs of an audit: the rule of each, what they have in common, and whether it was right.

    :raises ConnectorError: as `read_answers`
    """
    verdicts = {(str(answer.a), str(answer.b)): answer.verdict for answer in read_answers(path)}
    rows = [(row, verdicts.get((row["record_a"], row["record_b"]))) for _, row in read_rows(path)]
    return [
        (row.get("rule", ""), row.get("why", ""), verdict == "same")
        for row, verdict in rows
        if verdict in ("same", "different")
    ]


def show_precision(console: Console, found: Mapping[str, Precision], title: str) -> None:
    """How many of the checked pairs of each rule were right."""
    say = console.say
    columns = [
        say("rule", "ルール"),
        say("checked", "確認"),
        say("right", "正"),
        say("share", "割合"),
        say("at least", "下限(95%)"),
    ]
    rows = [(rule, p.checked, p.right, f"{p.share:.1%}", f"{p.at_least:.1%}") for rule, p in found.items()]
    console.table(title, columns, rows)
