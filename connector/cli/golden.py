"""What `test` says of the golden tests."""

from __future__ import annotations

from collections.abc import Sequence

from connector.cli.say import Console
from connector.engine.golden import Verdict


def show_verdicts(console: Console, verdicts: Sequence[Verdict]) -> None:
    """Every test, and where it differs."""
    if console.json:
        console.data(
            [
                {
                    "test": verdict.name,
                    "at": f"{verdict.mark.file}:{verdict.mark.line}",
                    "ok": not verdict.differences,
                    "differences": [str(each) for each in verdict.differences],
                }
                for verdict in verdicts
            ]
        )
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
