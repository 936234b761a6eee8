"""What `report` says."""

from __future__ import annotations

from datetime import tzinfo
from pathlib import Path

from connector.cli.say import Console
from connector.engine.publish import FOR_GROUP, save
from connector.reports.account import account
from connector.reports.page import page
from connector.store.runs import RunRow


def show_account(console: Console, row: RunRow, zone: tzinfo, html: Path | None) -> None:
    """The account of a run, in the reader's language; `html`: also as a page."""
    told = account(row.report, console.language, zone)
    if html is not None:
        save(html, page(told).encode(), FOR_GROUP)
    if console.json:
        console.data(row.report)
        return
    console.out(told.title)
    for name, value in told.facts:
        console.out(f"  {name}: {value}")
    for table in told.tables:
        console.out()
        console.table(table.title, table.columns, table.rows)
