"""Writes docs/tour.md and docs/tour.ja.md: what every command shows, in the order of an administrator's first days.

    python -m tests.tour           write
    python -m tests.tour --check   say what is stale, exit 1

The company is small, and everything happens at a fixed time: the same commands print the same lines each time.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from connector import cli
from connector.engine import app, deliver, pull
from tests.faults.conftest import silent
from tests.faults.pair import Pair, pair
from tests.faults.twins import Inline

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES = 45
"""Of one output; what is longer is cut in its middle."""
SECRETS = ("shanon_api_key", "shanon_password", "shanon_secret", "sf_client_id", "sf_client_secret")
MISTYPED = "irie.@docomo.ne.jp"
_OF_THE_MACHINE = re.compile(r"(?<=store: )sqlite .*(?=\n)|\d+\.\d MB(?=[（,])")
_RUN = re.compile(r"\b(\d{8}T\d{6}-)([0-9a-f]{4})\b")


@dataclass(frozen=True)
class Step:
    """A command, why somebody types it, and the exit code that is shown where it is not 0."""

    words: str
    en: str
    ja: str
    code: int = 0


@dataclass(frozen=True)
class Event:
    """Something that happens between commands."""

    name: str
    en: str
    ja: str


TOUR: Sequence[Step | Event] = (
    Step("init other --systems shanon+kintone", "A configuration to begin with.", "設定の雛形を作ります。"),
    Step("lint", "Every problem of all files; no network.", "全ファイルの問題を、ネットワークなしで調べます。"),
    Step("test", "The examples beside the mappings.", "マッピングの隣にある例を試します。"),
    Step("test --coverage", "Rules that no example exercises.", "例で試していないルールを調べます。"),
    Step("adapters", "What can be connected.", "接続できる製品の種類です。"),
    Step("check", "Signs in; fields and rights against the mappings.", "サインインし、項目と権限を照合します。"),
    Step("inspect salesforce", "A system's fields, to paste.", "連携先の項目を、貼り付けられる形で示します。"),
    Step("plan", "Every change before anything is written.", "書き込む前に、すべての変更を確認します。"),
    Step("plan --select system=shanon --out first.plan", "A part of it, to be sent exactly so.",
         "一部だけを選び、そのまま送れるように保存します。"),
    Step("apply first.plan", "Exactly that plan.", "保存した計画だけを送ります。"),
    Step("run", "One pass. One address is none that Salesforce takes.",
         "1回分の実行です。Salesforce が受け付けないメールアドレスが1件あります。", 3),
    Step("status", "Freshness, backlog, last runs.", "読み込みの新しさ、未送信、最近の実行です。"),
    Step("errors", "What a person must mend.", "対応が必要なものを、原因ごとに示します。"),
    Event("mended", "The address is mended in the MA.", "MA 側でメールアドレスを直します。"),
    Step("retry --all --yes", "It is due again.", "送信待ちに戻します。"),
    Step("run", "What was put back goes out.", "戻したものを送ります。"),
    Step("plan", "Nothing is left.", "残りはありません。"),
    Step("why saegusa@hekikai-example.co.jp", "One person, explained.", "1人について、判断の根拠をすべて示します。"),
    Step("report", "What the last run did, by rule.", "直近の実行の内容を、ルールごとに示します。"),
    Event("went on", "A day later: a deal is lost, somebody unsubscribes, others register.",
          "翌日: 失注、配信停止、新しい登録がありました。"),
    Step("plan", "Only what is new.", "新しい分だけが出ます。"),
    Step("run", "The second pass.", "2回目の実行です。"),
    Step("reconcile", "Our record against the live systems.", "記録と連携先の現状を照合します。"),
    Step("undo LAST", "What taking the last run back would do.", "直近の実行を取り消すと何が起きるかを示します。", 2),
    Step("backfill --since 1y", "Older entries on timelines: the cost first.",
         "過去の接点の追加。費用を先に示します。"),
    Step("review", "Doubtful pairs.", "同一人物か疑わしい組です。"),
    Step("identity audit --sample 20 --out pairs.csv", "Joined pairs, for a person to check.",
         "統合した組の抜き取り検査です。"),
    Step("backup copy.db", "A copy that is proved to be whole.", "整合性を確かめたコピーを作ります。"),
    Step("forget kari@kari-example.co.jp", "Erase a person: what it would touch.", "1人分の消去。対象を先に示します。"),
)  # fmt: skip


@dataclass
class Town:
    """The systems, the configuration, and who types."""

    both: Pair
    language: str
    runs: dict[str, str] = field(default_factory=dict)

    def happen(self, name: str) -> None:
        if name == "mended":
            self.both.smp.update_visitor(self.both.visitors[MISTYPED], {"Email": "irie@irie-example.co.jp"})
        else:
            self.both.clock.advance(timedelta(days=1))
            self.both.go_on()

    def type(self, words: str) -> tuple[int, str]:
        """What a command prints, and its exit code."""
        self.both.clock.advance(timedelta(minutes=2))
        told = StringIO()
        argv, sys.argv = sys.argv, ["connector", "--lang", self.language, *self.meant(words).split()]
        code: Any = 0
        try:
            with redirect_stdout(told), redirect_stderr(told):
                cli.main()
        except SystemExit as end:
            code = end.code or 0
        finally:
            sys.argv = argv
        return int(code), told.getvalue()

    def meant(self, words: str) -> str:
        """`LAST` stands for the last run."""
        return words.replace("LAST", next(reversed(self.runs), ""))

    def plain(self, output: str) -> str:
        """Without what is another each time or elsewhere: ends of the names of runs, versions, sizes."""

        def same(found: re.Match[str]) -> str:
            return self.runs.setdefault(found[0], f"{found[1]}{len(self.runs) + 1:04x}")

        return "\n".join(
            line.rstrip() for line in _RUN.sub(same, _OF_THE_MACHINE.sub("…", output)).rstrip().splitlines()
        )


@contextmanager
def town(language: str) -> Iterator[Town]:
    """The company as the first command finds it; the terminal stands in its folder."""
    here = Path.cwd()
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack, pair("salesforce") as both:
        stack.enter_context(silent())
        stack.enter_context(both.directly())
        for module in (pull, deliver):
            patch.setattr(module, "Pool", Inline)
        defaults: Any = app.open_app.__kwdefaults__
        patch.setitem(defaults, "clock", both.clock)
        for name, value in {"COLUMNS": "120", "TERM": "dumb", "CONNECTOR_LANG": language}.items():
            patch.setenv(name, value)
        patch.setattr("sys.stdin", StringIO())  # nobody is at the keyboard
        folder = both.file.parent
        shutil.copytree(both.setup.folder, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("empty", "*.db"))
        for name in SECRETS:
            (folder / name).chmod(0o600)
        config = (folder / "config.yaml").read_text(encoding="utf-8")
        (folder / "config.yaml").write_text(config.replace(f"{both.setup.folder}/", ""), encoding="utf-8")
        (folder / "config.yaml").chmod(0o640)
        both.visitor("入江 光", "株式会社入江", MISTYPED, "/price", "/price2", "/price3")
        os.chdir(folder)
        try:
            yield Town(both, language)
        finally:
            os.chdir(here)


def page(language: str) -> str:
    """The page in a language."""
    ja = language == "ja"
    parts = [_HEAD[language]]
    with town(language) as place:
        for step in TOUR:
            said = step.ja if ja else step.en
            if isinstance(step, Event):
                place.happen(step.name)
                parts.append(f"*{said}*\n")
                continue
            code, output = place.type(step.words)
            assert code == step.code, (step.words, code, output)
            shown = place.plain(f"$ connector {place.meant(step.words)}\n{output}")
            end = f"\n\n{'終了コード' if ja else 'exit code'} {code}" if code else ""
            title = re.split(r" (?!--coverage|--select|audit)", step.words)[0]
            parts.append(f"## {title}\n\n{said}\n\n```console\n{_cut(shown)}{end}\n```\n")
    return "\n".join(parts)


def _cut(output: str) -> str:
    lines = output.splitlines()
    if len(lines) <= MOST_LINES:
        return output
    half = MOST_LINES // 2
    return "\n".join([*lines[:half], "...", *lines[-half:]])


_HEAD: Mapping[str, str] = {
    "en": """# Every command at work

[日本語](tour.ja.md)

What commands print for a small company: a SHANON with six people, a Salesforce with five, three deals. Long outputs are
cut in their middle (`...`). The page is generated by running the commands, and a test compares it.
""",
    "ja": """# コマンドの実行例

[English](tour.md)

小さな会社（SHANON に6人、Salesforce に5人、商談3件）での実行結果です。長い出力は途中を `...` で省略しています。
このページはコマンドを実際に実行して生成し、テストで照合しています。
""",
}
PAGES: Mapping[str, str] = {"en": "docs/tour.md", "ja": "docs/tour.ja.md"}


def main(arguments: Sequence[str]) -> int:
    """Write, or check."""
    stale = False
    for language, name in PAGES.items():
        path, right = ROOT / name, page(language)
        if path.is_file() and path.read_text(encoding="utf-8") == right:
            continue
        stale = True
        if "--check" not in arguments:
            path.write_text(right, encoding="utf-8")
        print(f"{name}: {'stale; run python -m tests.tour' if '--check' in arguments else 'written'}")
    return int(stale and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
