"""How a clean configuration looks; apart from the other views, because lint must start at once."""

from __future__ import annotations

from connector.cli.say import Console
from connector.config import Setup


def show_lint(console: Console, setup: Setup) -> None:
    """The configuration is clean."""
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
        console.data({"ok": True, **counts, "warnings": [str(w) for w in setup.warnings]})
        return
    listed = ", ".join(f"{name} {count}" for name, count in counts.items())
    console.out(console.say("clean: {listed}", "問題なし: {listed}", listed=listed))
