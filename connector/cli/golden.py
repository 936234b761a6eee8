"""What `test` says of the golden tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from connector.cli.say import Console, writing_files
from connector.engine.golden import Verdict
from connector.engine.record import Recorded
from connector.errors import ConnectorError, text
from connector.spec import Mark


def show_verdicts(console: Console, verdicts: Sequence[Verdict], rules: Mapping[str, Mark], *, coverage: bool) -> None:
    """Every test, and where it differs; how many rules did something in any of them, and with `coverage` the others."""
    fired = frozenset[str]().union(*(verdict.fired for verdict in verdicts))
    idle = {name: mark for name, mark in rules.items() if name not in fired}
    if console.json:
        tests = [_data(verdict) for verdict in verdicts]
        idle_data = [{"rule": name, "at": f"{mark.file}:{mark.line}"} for name, mark in idle.items()]
        console.data({"tests": tests, "rules": len(rules), "idle": idle_data} if coverage else tests)
        return
    for verdict in verdicts:
        console.out(f"{'✗' if verdict.differences else '✓'} {verdict.name}")
        for each in verdict.differences:
            place = f"{verdict.mark.file}:{verdict.mark.line}"
            console.out(f"    {place}: {each.in_(console.language)}")
    good = sum(not verdict.differences for verdict in verdicts)
    console.out(
        console.say("{good} of {all} as expected", "{all}件中{good}件が期待どおり", good=good, all=len(verdicts))
    )
    console.out(
        console.say(
            "{n} of {all} rules did something in a test",
            "ルール{all}件中{n}件がテストで働きました",
            n=len(rules) - len(idle), all=len(rules),
        )
    )  # fmt: skip
    for name, mark in idle.items() if coverage else ():
        console.out(
            console.say(
                "    {file}:{line}: {name} did nothing in any test",
                "    {file}:{line}: {name} はどのテストでも働いていません",
                file=mark.file, line=mark.line, name=name,
            )
        )  # fmt: skip


def _data(verdict: Verdict) -> dict[str, object]:
    return {
        "test": verdict.name,
        "at": f"{verdict.mark.file}:{verdict.mark.line}",
        "ok": not verdict.differences,
        "differences": [str(each) for each in verdict.differences],
    }


def keep_test(console: Console, recorded: Recorded, out: Path | None) -> None:
    """Print a recorded test, or write it into a new file; and say where it differs from the real person.

    :raises ConnectorError: when the file is there, or would not be run as a test
    """
    if out is None:
        console.out(recorded.content.rstrip("\n"))
    elif not out.name.endswith((".test.yaml", ".test.yml")):
        what = text("{file} would not be run as a test", "{file} はテストとして実行されません", file=out)
        raise ConnectorError(what, fix=text("end its name in .test.yaml", "名前の末尾を .test.yaml にしてください"))
    elif out.exists():
        what = text("already there: {files}", "すでに存在します: {files}", files=out)
        raise ConnectorError(what, fix=text("name another file", "別のファイル名を指定してください"))
    else:
        with writing_files():
            out.write_text(recorded.content, encoding="utf-8")
        console.out(console.say("written: {file}", "作成: {file}", file=out))
        console.out(
            console.say(
                "next: give it a name that says what it shows", "次: 何を示すテストか分かる名前を付けてください"
            )
        )
    for each in recorded.differs:
        console.aside(each)
