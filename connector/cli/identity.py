"""How the result of `connector identify` looks to a person, and as data: numbers and line numbers, never a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from connector.cli.say import Console
from connector.engine.identify_file import SHARED, Lines, Report
from connector.errors import Text, text
from connector.rules.resolve import MOST_HOLDERS
from connector.rules.wording import GUARDS

TROUBLES: Mapping[str, Text] = {
    "quotes": text("quotation marks that do not match", '引用符（"）の対応が取れていません'),
    "cells": text("more cells than headers", "見出しよりセルの数が多い行です"),
    "bytes": text("bytes that are no letters in this encoding", "文字として読めないバイトがあります"),
    "control": text("control characters", "制御文字があります"),
    "length": text("too long", "長すぎます"),
}
"""What makes a row unusable, in words."""

MEANINGLESS: Mapping[str, Text] = {
    "name": text("names that are no names", "氏名として使えない値"),
    "email": text("mail addresses that are none", "メールアドレスとして使えない値"),
    "company": text("companies that are none", "会社名として使えない値"),
    "corporate_number": text("法人番号 that are none", "法人番号として使えない値"),
}
"""What is left aside of a row that is linked by what else it says."""

_SHOWN = 8


def show_identified(console: Console, report: Report, out: Path, review: Path | None) -> None:
    """What was found in a list, and where the results are."""
    if console.json:
        console.data(identified_data(report, out, review))
        return
    for line in _lines(console, report, review):
        console.out(line)
    for path in (out, review) if review else (out,):
        console.out(console.say("written: {path}", "作成: {path}", path=path))


def _lines(console: Console, report: Report, review: Path | None) -> Iterator[str]:
    say, layout = console.say, report.layout
    yield say(
        "{name} ({encoding}): {rows} {rows:row|rows}, {people} {people:person|people},"
        " {companies} {companies:company|companies}",
        "{name}（{encoding}）: {rows}行、{people}人、{companies}社",
        name=layout.path.name, encoding=layout.encoding.upper(), rows=report.rows, people=report.people,
        companies=report.companies,
    )  # fmt: skip
    for column, headers in layout.headers.items():
        if headers != (column,):
            yield f"  {column}: {', '.join(headers)}"
    if layout.ignored:
        yield say(
            "  ignored: {headers} (--map HEADER=COLUMN reads one)",
            "  無視した列: {headers}（--map 見出し=列 で読み込めます）",
            headers=", ".join(layout.ignored),
        )
    if report.largest > 1:
        yield say(
            "  most rows of one person: {n} ({id})",
            "  1人の最多行数: {n}（{id}）",
            n=report.largest,
            id=report.largest_id,
        )
    yield from _numbers(say("joined by", "同一人物と判断した根拠"), report.joined, SHARED, console)
    yield from _numbers(say("pairs to look at", "要確認の組"), report.proposed, GUARDS, console)
    if report.proposed and review is None:
        yield say("  --review PAIRS.csv lists them", "  --review PAIRS.csv で一覧を出力できます")
    yield from _section(say("worth knowing", "確認事項"), _unused(console, report))


def _numbers(title: str, counts: Mapping[Any, int], words: Mapping[Any, Text], console: Console) -> Iterator[str]:
    told = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    yield from _section(title, (f"{words[what].in_(console.language)}: {count}" for what, count in told))


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if not number:
            yield title
        yield f"  {line}"


def _unused(console: Console, report: Report) -> Iterator[str]:
    say, language = console.say, console.language
    for (trouble, column), lines in sorted(report.troubles.items()):
        what = TROUBLES[trouble].in_(language)
        yield say(
            "row stays by itself, {what}: {n}", "他の行と結び付けない行（{what}）: {n}",
            what=f"{column}: {what}" if column else what, n=_told(console, lines),
        )  # fmt: skip
    some = (
        (say("rows without anything to link by", "結び付ける手がかりのない行"), report.keyless),
        (say("rows with fewer cells than headers", "見出しよりセルの数が少ない行"), report.short),
        (say("rows that repeat another", "他の行と同じ内容の行"), report.repeated),
        (say("rows with the id of another and other content", "他の行と ID が同じで内容が異なる行"), report.same_id),
    )
    for what, lines in (*((MEANINGLESS[c].in_(language), rows) for c, rows in report.meaningless.items()), *some):
        if lines.rows:
            yield f"{what}: {_told(console, lines)}"
    for kind, count in report.crowded.items():
        yield say(
            "so many rows (over {most}) have it in common that it links nobody, {what}: {n}",
            "{most}行を超えて共通なため使わないもの（{what}）: {n}",
            what=SHARED[kind].in_(language), most=MOST_HOLDERS, n=count,
        )  # fmt: skip
    counts = (
        (say("mailboxes that several people use", "複数人で使われているメールアドレス"), report.shared_mailboxes),
        (say("mobile numbers that several people use", "複数人で使われている携帯番号"), report.shared_mobiles),
        (say("blank rows", "空の行"), report.blank),
        (
            say("cells written with 〓 for letters that CP932 lacks", "CP932 にない文字を 〓 にしたセル"),
            report.lost_letters,
        ),
    )
    yield from (f"{what}: {count}" for what, count in counts if count)


def _told(console: Console, lines: Lines) -> str:
    """How many, and where the first of them are."""
    shown = ", ".join(map(str, lines.lines[:_SHOWN])) + (" …" if lines.rows > _SHOWN else "")
    return console.say("{n} (line {shown})", "{n}（{shown}行目）", n=lines.rows, shown=shown)


def identified_data(report: Report, out: Path, review: Path | None) -> dict[str, Any]:
    """What was found in a list, under stable English keys; of many lines the first."""
    layout = report.layout
    return {
        "file": layout.path.name,
        "encoding": layout.encoding,
        "columns": dict(layout.headers),
        "ignored": list(layout.ignored),
        "rows": report.rows,
        "people": report.people,
        "companies": report.companies,
        "largest": {"person": report.largest_id, "rows": report.largest},
        "joined": dict(report.joined),
        "proposed": dict(report.proposed),
        "contradictions": report.contradictions,
        "keyless": report.keyless,
        "shared": {"mailboxes": report.shared_mailboxes, "mobiles": report.shared_mobiles},
        "crowded": dict(report.crowded),
        "meaningless": dict(report.meaningless),
        "unusable": {
            "rows": report.unusable,
            "why": [
                {"what": trouble, "column": column or None, "rows": lines.rows, "lines": lines.lines}
                for (trouble, column), lines in sorted(report.troubles.items())
            ],
        },
        "repeated": report.repeated,
        "same_id": report.same_id,
        "short": report.short,
        "blank": report.blank,
        "lost_letters": report.lost_letters,
        "out": str(out),
        "review": str(review) if review else None,
    }
