"""Writes docs/tour.md and docs/tour.ja.md: what every command shows, in the order of an administrator's first days.

    python -m tests.tour           write
    python -m tests.tour --check   say what is stale, exit 1

The company is small, and everything happens at a fixed time: the same commands print the same lines each time.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from http.client import HTTPConnection
from io import StringIO
from pathlib import Path
from typing import IO, Any, cast

import pytest
import typer.main

from connector import adapters, cli
from connector.engine import app, deliver, pull, safekeeping
from tests.faults.conftest import silent
from tests.faults.pair import Pair, pair
from tests.faults.twins import Inline

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES = 45
"""Of one output; what is longer is cut in its middle."""
SECRETS = ("shanon_api_key", "shanon_password", "shanon_secret", "sf_client_id", "sf_client_secret")
MISTYPED = "irie.@docomo.ne.jp"
SAITO = "shanon/visitor/7 salesforce/Contact/0035g0000000006AAA"
"""One person under two addresses of a company, whose name the MA spells 斉藤 and Salesforce 齋藤."""
LIST = """\
氏名,フリガナ,会社名,メールアドレス,携帯電話,アンケート
青木 健,アオキ ケン,(株)山手製作所,aoki@yamate-example.co.jp,090-1234-5678,導入時期は来春
青木　健,ｱｵｷ ｹﾝ,山手製作所,,０９０－１２３４－５６７８,
髙橋 優,,港工業㈱,yu.takahashi@minato-example.co.jp,,
高橋 優,,港工業株式会社,takahashi@minato-example.co.jp,,資料希望
ご担当者様,,なし,info@example.com,,
"""
AT = """
import sys
from datetime import UTC, datetime
from connector import cli
from connector.engine import app, deliver, pull
at = datetime.fromisoformat(sys.argv[1])
app.open_app.__kwdefaults__["clock"] = lambda: at
for module in (pull, deliver):
    module.Pool = lambda max_workers, pool=module.Pool: pool(1)  # one after another: lines in the same order each time
if "serve" in sys.argv:
    from connector.web import serve
    serve.first_run = lambda *_: datetime.now(UTC)  # the schedule itself lives in our time
    cron = serve.run_command
    serve.run_command = lambda config: [*sys.orig_argv[:4], *cron(config)[3:]]
if "sandbox" in sys.argv:
    from connector.demo import keep
    from connector.sandbox.clock import Clock
    keep.Clock = lambda: Clock(at)
sys.argv = ["connector", *sys.argv[2:]]
cli.main()
"""
"""The command line as a process of its own in which it is always a certain time, the processes that it begins too."""
_RUN = re.compile(r"\b(\d{8}T\d{6}-)([0-9a-f]{4})\b")
_OF_THE_MACHINE: Sequence[tuple[str, str]] = (
    (r"(?<=store: )sqlite .*(?=\n)", "…"),
    (r"\d+\.\d MB(?=[（,])", "…"),
    (r"(http://(?:127\.0\.0\.1|localhost)):\d+", r"\1:…"),
    (r"(?m)^( +(?:client_id|client_secret|password|token|access_token) +)(?!sandbox-)\S+", r"\1…"),
    (r'("(?:ts|first)": )"[^"]*"', r'\1"…"'),
    (r'("(?:pid|seconds)": )[\d.]+', r"\1…"),
    (r'("heartbeat_age_seconds":)[\d.]+', r"\1…"),
    (r'("port": )\d+', r"\g<1>8080"),
    (r"(\d+):[0-9a-f]{64}", r"\1:…"),
    # The schedule begins its first run while it begins itself: either may be told first.
    (r'(.*"process_started".*\n)(.*"schedule_started".*\n)', r"\2\1"),
)
"""What is another each time or elsewhere, and what is shown instead."""


@dataclass(frozen=True)
class Step:
    """A command, why somebody types it, and the exit code that is shown where it is not 0."""

    words: str
    en: str
    ja: str
    code: int = 0


@dataclass(frozen=True)
class Service:
    """A command that stays up; it is shown up to the line that holds `until`."""

    words: str
    en: str
    ja: str
    until: str
    ask: str = ""
    """A path that is asked for then, after which it is told to end. Without one it stays up."""


@dataclass(frozen=True)
class Event:
    """Something that happens between commands; `file` is what it leaves to be seen."""

    name: str
    en: str
    ja: str
    file: str = ""


TOUR: Sequence[Step | Service | Event] = (
    Service("sandbox --into trial", "Systems to try it with; they stay up. `connector demo` runs a whole story on such"
            " systems (45 seconds) and says what it looked at: it is the one command that is not shown here.",
            "試用のための擬似システムを起動します。なお `connector demo` は、同様のシステムで一連の流れを実演し、"
            "確認した内容を表示します（約45秒。このページで省いた唯一のコマンドです）。", "connector check"),
    Step("probe esales --config trial/config.yaml",
         "In another terminal: what no document tells of a system. Of most there is nothing to find out.",
         "別の端末で、公開資料からわからない仕様を確認します。必要のない製品が大半です。"),
    Step("init other --systems shanon+kintone", "A configuration to begin with.", "設定の雛形を作ります。"),
    Step("schema --out other/schemas", "Completion in editors; `init` has written it, a new version may bring more.",
         "エディターの補完用です。init が作成済みですが、版を上げたら作り直します。"),
    Step("lint", "Every problem of all files; no network.", "全ファイルの問題を、ネットワークなしで調べます。"),
    Step("test", "The examples beside the mappings.", "マッピングの隣にある例を試します。"),
    Step("test --coverage", "Rules that no example exercises.", "例で試していないルールを調べます。"),
    Step("adapters", "What can be connected.", "接続できる製品の種類です。"),
    Step("check", "Signs in; fields and rights against the mappings.", "サインインし、項目と権限を照合します。"),
    Step("inspect salesforce", "A system's fields, to paste.", "連携先の項目を、貼り付けられる形で示します。"),
    Event("list", "A list from an exhibition:", "展示会の名簿があります。", "list.csv"),
    Step("identify list.csv --out ids.csv --review doubts.csv", "Who is who in one list; it needs nothing else.",
         "名簿1つを名寄せします。ほかに必要なものはありません。"),
    Step("plan", "Every change before anything is written.", "書き込む前に、すべての変更を確認します。"),
    Step("review", "Two records that could be one person: a person decides.",
         "同一人物かもしれない2件。判断は人が行います。"),
    Step(f"review --same {SAITO} --reason by-phone", "They are one.", "同一人物でした。"),
    Step("plan --select person=shanon/visitor/7", "The plan follows: the contact gets the score, and no lead is made.",
         "計画も変わります。リードは作られず、取引先責任者にスコアが付きます。"),
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
    Event("rules", "In a copy of the configuration a seminar counts 20 points, not 10.",
          "設定のコピーで、ウェビナーの点数を10点から20点に変えます。"),
    Step("diff . next", "What that would change.", "それで何が変わるかを確認します。"),
    Event("went on", "A day later: a deal is lost, somebody unsubscribes, others register.",
          "翌日: 失注、配信停止、新しい登録がありました。"),
    Step("plan", "Only what is new.", "新しい分だけが出ます。"),
    Step("run", "The second pass.", "2回目の実行です。"),
    Step("reconcile", "Our record against the live systems.", "記録と連携先の現状を照合します。"),
    Step("undo LAST", "What taking the last run back would do.", "直近の実行を取り消すと何が起きるかを示します。", 2),
    Service("serve", "By itself from now on: a run every 15 minutes. In another terminal it is asked how"
            " things are; Ctrl-C, or SIGTERM, ends it.",
            "以後は自動で、15分ごとに実行します。別の端末から状態を確認できます。Ctrl-C または SIGTERM で終了します。",
            "process_ended", "/readyz"),
    Step("worker", "More machines, where one is not enough: they need PostgreSQL.",
         "1台で足りなければ複数台で分担できます。PostgreSQL が必要です。", 1),
    Step("backfill --since 1y", "Older entries on timelines: the cost first.",
         "過去の接点の追加。費用を先に示します。"),
    Step("identity audit --sample 20 --out audit.csv", "Joined pairs, for a person to check.",
         "統合した組の抜き取り検査です。"),
    Event("audited", "Somebody looks at them: all are right.", "確認の結果、すべて正しい統合でした。"),
    Step("identity audit --score audit.csv", "How good each rule was, and at least.",
         "ルールごとの正しさと、その下限です。"),
    Step("audit", "Whether anything was changed in our record afterwards.",
         "記録が後から改変されていないかを検証します。"),
    Step("backup copy.db", "A copy that is proved to be whole.", "整合性を確かめたコピーを作ります。"),
    Step("restore copy.db", "The copy takes the store's place.", "コピーから元に戻します。"),
    Step("forget kari@kari-example.co.jp", "Erase a person: what it would touch.", "1人分の消去。対象を先に示します。"),
    Event("renamed", "Somebody renames the MA in config.yaml and in the mappings.",
          "config.yaml とマッピングで MA の名前を変えてしまいました。"),
    Step("plan", "Under a new name everything would count twice, so nothing goes on.",
         "新しい名前では全件が二重に数えられるため、処理を止めます。", 5),
    Step("retire shanon", "The way on if the old one were gone for good: what would count no more.",
         "旧連携先を本当に廃止する場合の手順です。無効になるデータを先に示します。"),
)  # fmt: skip

EXEMPT: Mapping[str, str] = {"demo": "takes longer than all others together; the page says so"}
"""Commands that the page does not show, and why."""


@dataclass
class Town:
    """The systems, the configuration, and who types."""

    both: Pair
    language: str
    open: ExitStack
    runs: dict[str, str] = field(default_factory=dict)

    def happen(self, name: str) -> None:
        if name == "list":
            Path("list.csv").write_text(LIST, encoding="utf-8")
        elif name == "mended":
            self.both.smp.update_visitor(self.both.visitors[MISTYPED], {"Email": "irie@irie-example.co.jp"})
        elif name == "rules":
            shutil.copytree(".", "next", ignore=shutil.ignore_patterns("*.db*", "other", "trial"))
            scores = Path("next/mappings/scores.yaml")
            webinar = "touchpoint: seminar_attended, within: 1y, points: "
            scores.write_text(
                scores.read_text(encoding="utf-8").replace(f"{webinar}10", f"{webinar}20"), encoding="utf-8"
            )
        elif name == "renamed":
            for path in (Path("config.yaml"), *Path("mappings").glob("*.yaml")):
                content = path.read_text(encoding="utf-8")
                content = re.sub(r"(?m)^  shanon:", "  marketing:", content)
                path.write_text(re.sub(r"\b(in|system): shanon\b", r"\1: marketing", content), encoding="utf-8")
        elif name == "audited":
            rows = list(csv.reader(Path("audit.csv").read_text(encoding="utf-8-sig").splitlines()))
            place = rows[0].index("decision")
            filled = [rows[0], *([*row[:place], "same", *row[place + 1 :]] for row in rows[1:])]
            with Path("audit.csv").open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(filled)
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

    def serve(self, service: Service) -> str:
        """What a command that stays up prints, and what it answers."""
        self.both.clock.advance(timedelta(minutes=2))
        typed = [*service.words.split(), *(["--bind", "127.0.0.1:0"] if service.ask else [])]
        process = subprocess.Popen(
            [sys.executable, "-c", AT, self.both.clock().isoformat(), *typed],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        self.open.callback(_end, process)
        lines = cast("IO[str]", process.stdout)
        told = []
        for line in lines:
            told.append(line)
            if service.until in line:
                break
        else:
            raise AssertionError("".join(told))
        if service.ask:
            [port] = re.findall(r'"port": (\d+)', "".join(told))
            told.append(f"$ curl --silent localhost:8080{service.ask}\n{_asked(int(port), service.ask)}^C\n")
            process.send_signal(signal.SIGINT)
            told += lines
            assert process.wait() == 0, told
        return "".join(told)

    def meant(self, words: str) -> str:
        """`LAST` stands for the last run."""
        return words.replace("LAST", next(reversed(self.runs), ""))

    def plain(self, output: str) -> str:
        """Without what is another each time or elsewhere: ends of the names of runs, versions, sizes, ports."""

        def same(found: re.Match[str]) -> str:
            return self.runs.setdefault(found[0], f"{found[1]}{len(self.runs) + 1:04x}")

        output = output.replace(f"{Path.cwd()}/", "")
        for pattern, instead in _OF_THE_MACHINE:
            output = re.sub(pattern, instead, output)
        return "\n".join(line.rstrip() for line in _RUN.sub(same, output).rstrip().splitlines())


def _asked(port: int, path: str) -> str:
    """What is answered once all is well."""
    deadline = time.monotonic() + 60
    while True:
        with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            content = answer.read().decode()
        if answer.status == 200:
            return content
        assert time.monotonic() < deadline, content
        time.sleep(0.2)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.communicate(timeout=60)


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
        patch.setattr(safekeeping.restore, "__defaults__", (both.clock,))
        for module, slow in ((typer.main, "get_command"), (adapters, "adapter_types")):
            patch.setattr(module, slow, cache(getattr(module, slow)))  # once for all commands
        for name, value in {"COLUMNS": "120", "TERM": "dumb", "CONNECTOR_LANG": language, "USER": "admin"}.items():
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
        both.visitor("斉藤 学", "㈱久世", "manabu.saito@kuze-example.co.jp", "/price", "/price2", "/price3")
        both.sales.contact("齋藤 学", "株式会社久世", "saito@kuze-example.co.jp")
        os.chdir(folder)
        try:
            yield Town(both, language, stack)
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
                content = Path(step.file).read_text(encoding="utf-8") if step.file else ""
                parts.append(f"*{said}*\n" + (f"\n```\n{content}```\n" if content else ""))
                continue
            if isinstance(step, Service):
                code, output = 0, place.serve(step)
            else:
                code, output = place.type(step.words)
                assert code == step.code, (step.words, code, output)
            shown = place.plain(f"$ connector {place.meant(step.words)}\n{output}")
            end = f"\n\n{'終了コード' if ja else 'exit code'} {code}" if code else ""
            title = re.split(r" (?!--coverage|--select|--same|--score|audit(?: |$))", step.words)[0]
            parts.append(f"## {title}\n\n{said}\n\n```console\n{_cut(shown)}{end}\n```\n")
    return "\n".join(parts)


def typed() -> set[str]:
    """Commands of which the page shows what they print."""
    words = [step.words.split() for step in TOUR if not isinstance(step, Event)]
    return {" ".join(each[: 2 if each[0] == "identity" else 1]) for each in words}


def _cut(output: str) -> str:
    lines = output.splitlines()
    if len(lines) <= MOST_LINES:
        return output
    half = MOST_LINES // 2
    return "\n".join([*lines[:half], "...", *lines[-half:]])


_HEAD: Mapping[str, str] = {
    "en": """# Every command at work

[日本語](tour.ja.md)

What commands print for a small company: a SHANON with seven people, a Salesforce with six, three deals. Long outputs
are cut in their middle (`...`). The page is generated by running the commands, and a test compares it.
""",
    "ja": """# コマンドの実行例

[English](tour.md)

小さな会社（SHANON に7人、Salesforce に6人、商談3件）での実行結果です。長い出力は途中を `...` で省略しています。
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
