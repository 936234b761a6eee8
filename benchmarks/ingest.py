"""Touchpoints into the store, in pages of 1,000, each in a transaction with its cursor.

Times are of the processor: what the disk takes for each commit is the same for both.
The reference does the least that keeps the promise: rows by hand into the same table, nothing compared, nobody marked.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Line, Size, child, rate

if TYPE_CHECKING:
    from connector.model import Touchpoint

PAGE = 1000
MOST_ROWS = 100_000


def lines(size: Size) -> Iterator[Line]:
    """New rows, and the same rows once more."""
    made = {"people": size.people, "touchpoints": size.touchpoints, "seed": size.seed, "folder": size.folder}
    url = child("generate:make", **made)["url"]
    arguments = {"url": url, "people": size.people, "rows": min(MOST_ROWS, size.touchpoints)}
    plain = child("ingest:plain", **arguments)
    ours = child("ingest:pages", **arguments)
    target = ">= 30,000 rows/s"
    for what in ("new", "again"):
        yield Line(
            f"ingest of touchpoints, {what}",
            f"plain SQLite {rate(plain[what], 'rows')}",
            rate(ours[what], "rows"),
            ours[what] / plain[what],
            target,
            ours["peak"],
        )


def _pages(people: int, rows: int) -> list[list[Touchpoint]]:
    from benchmarks.generate import AS_OF, columns
    from connector.model import Ref, Touchpoint
    from connector.rules.columns import KINDS

    made = columns(people, rows, seed=2)
    touchpoints = [
        Touchpoint(
            Ref("ma", "touchpoints", f"new-{no:09}"),
            Ref("ma", "person", f"{person + 1:06}"),
            KINDS[kind],
            AS_OF + timedelta(milliseconds=no),
            made.texts[text],
            f"https://www.example.com/products/{text}",
        )
        for no, (person, kind, text) in enumerate(
            zip(made.person.tolist(), made.kind.tolist(), made.text.tolist(), strict=True)
        )
    ]
    return [touchpoints[start : start + PAGE] for start in range(0, rows, PAGE)]


def pages(url: str, people: int, rows: int) -> dict[str, Any]:
    """As pull does it: the page, those it concerns, and the cursor."""
    from benchmarks.engine import bench
    from connector.engine.pull import store_page
    from connector.ports import Page
    from connector.store.runs import move_cursor

    given = _pages(people, rows)
    found = {}
    with bench(url) as made:
        lease = made.app.lease()
        for what in ("new", "again"):
            begin = time.process_time()
            for no, records in enumerate(given):
                with lease.writing() as conn:
                    store_page(conn, made.app.setup, Page(records, str(no)), made.now)
                    move_cursor(conn, "ma", "touchpoints", str(no), made.now, None)
            found[what] = rows / (time.process_time() - begin)
        lease.release()
    return found


def plain(url: str, people: int, rows: int) -> dict[str, Any]:
    """`INSERT ... ON CONFLICT DO NOTHING`, a page in one transaction."""
    given = [
        [
            ("ma", "touchpoints", t.ref.id, int(t.person.id), t.kind.value, no * PAGE, no * PAGE, t.label, t.url)
            for t in records
        ]
        for no, records in enumerate(_pages(people, rows))
    ]
    statement = (
        "INSERT INTO touchpoint (system, stream, id, person, kind, happened_at, seen_at, label, url)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
    )
    found = {}
    with tempfile.TemporaryDirectory(prefix="connector-bench-") as folder:
        copy = Path(folder) / "store.db"
        shutil.copy(url.removeprefix("sqlite:///"), copy)
        connection = sqlite3.connect(copy)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA cache_size=-65536")
        for what in ("new", "again"):
            begin = time.process_time()
            for records in given:
                with connection:
                    connection.executemany(statement, records)
            found[what] = rows / (time.process_time() - begin)
        connection.close()
    return found
