"""How a clean configuration looks; apart from the other views, because lint must start at once."""

from __future__ import annotations

from collections.abc import Sequence

from connector.cli.say import Console, problem_data
from connector.config import Setup
from connector.errors import Problem


def show_lint(console: Console, setup: Setup, warnings: Sequence[Problem]) -> None:
    """The configuration is clean, but for `warnings`."""
    console.problems(warnings)
    rules = setup.rules
    counts = {
        "systems": len(setup.systems),
        "scores": len(rules.scores),
        "people": len(rules.people),
        "alerts": len(rules.alerts),
        "protect": len(rules.protect),
        "nurture": len(rules.nurture),
    }
    if console.json:
        console.data({"ok": True, **counts, "warnings": list(map(problem_data, warnings))})
        return
    listed = ", ".join(f"{name} {count}" for name, count in counts.items())
    console.out(console.say("clean: {listed}", "問題なし: {listed}", listed=listed))
