"""Scoring everybody from scratch: plain SQLite and DuckDB as references, the columns alone, and end to end.

Times are of the processor, of all threads together: what else a shared machine does leaves them alone.
"""

from __future__ import annotations

import importlib.util
import sqlite3
import time
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from benchmarks.measure import Line, Size, child, seconds

if TYPE_CHECKING:
    from connector.rules.columns import Int64s

CHUNK = 1000
"""Identities at a time, end to end: as planning does."""
COLUMN_CHUNK = 10_000


def lines(size: Size) -> Iterator[Line]:
    """References first."""
    made = {"people": size.people, "touchpoints": size.touchpoints, "seed": size.seed}
    url = child("generate:make", folder=size.folder, **made)["url"]
    plain = child("score:sqlite", url=url, people=size.people)
    whole = child("score:end_to_end", url=url, people=size.people)
    duck = child("score:duckdb", **made)
    alone = child("score:compute", **made)
    if duck:
        yield Line(
            f"scoring on columns{_same(duck, alone)}",
            f"DuckDB {seconds(duck['seconds'])}" if "seconds" in duck else "DuckDB is not installed",
            seconds(alone["seconds"]),
            alone["seconds"] / duck["seconds"] if "seconds" in duck else None,
            "<= 3",
            alone["peak"],
        )
    yield Line(
        f"full re-score from the store, with reasons{_same(plain, whole)}",
        f"SQLite {seconds(plain['seconds'])}",
        seconds(whole["seconds"]),
        whole["seconds"] / plain["seconds"],
        "<= 3, < 1000 MB",
        whole["peak"],
    )
    for part in ("read", "columns", "score", "objects", "reasons"):
        yield Line(f"  of which {part}", "", seconds(whole[part]))


def _same(reference: dict[str, Any], ours: dict[str, Any]) -> str:
    return "" if reference.get("digest", ours["digest"]) == ours["digest"] else " (RESULTS DIFFER)"


def _digest(hundredths: Int64s) -> str:
    return sha256(hundredths.astype("<i8").tobytes()).hexdigest()


def _since(days: int) -> int:
    from benchmarks.generate import AS_OF
    from connector.rules.columns import micros

    return micros(AS_OF - timedelta(days=days))


def sqlite(url: str, people: int) -> dict[str, Any]:
    """One statement over the covering index, a column per rule."""
    import numpy as np

    from benchmarks.generate import RULES

    parts = [
        f"{'max(-' if points < 0 else 'min('}{cap}, {points} * sum(kind = '{kind}' AND happened_at > {_since(days)}))"
        for kind, days, points, cap in RULES
    ]
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.execute("PRAGMA cache_size=-65536")
    begin = time.process_time()
    total = np.zeros(people, np.int64)
    for row in connection.execute(f"SELECT person, {', '.join(parts)} FROM touchpoint GROUP BY person"):
        total[row[0] - 1] = sum(row[1:])
    return {"seconds": time.process_time() - begin, "digest": _digest(total * 100)}


def duckdb(people: int, touchpoints: int, seed: int) -> dict[str, Any]:
    """The same over its own columns; nothing, where DuckDB is not installed."""
    if importlib.util.find_spec("duckdb") is None:
        return {}
    import numpy as np

    from benchmarks.generate import RULES, columns
    from connector.rules.columns import KINDS

    made = columns(people, touchpoints, seed)
    connection = importlib.import_module("duckdb").connect()
    connection.register("given", {"person": made.person, "kind": made.kind, "happened_at": made.happened_at})
    connection.execute("CREATE TABLE touchpoint AS SELECT * FROM given")
    parts = [
        f"{'greatest(-' if points < 0 else 'least('}{cap}, {points} * count(*) FILTER"
        f" (WHERE kind = {KINDS.index(kind)} AND happened_at > {_since(days)})) AS rule{i}"
        for i, (kind, days, points, cap) in enumerate(RULES)
    ]
    begin = time.process_time()
    found = connection.execute(f"SELECT person, {', '.join(parts)} FROM touchpoint GROUP BY person").fetchnumpy()
    total = np.zeros(people, np.int64)
    total[found["person"]] = sum(found[f"rule{i}"] for i in range(len(RULES)))
    return {"seconds": time.process_time() - begin, "digest": _digest(total * 100)}


def compute(people: int, touchpoints: int, seed: int) -> dict[str, Any]:
    """Our columns: points, lines per rule with count and last touchpoint, and the time of the next change."""
    import numpy as np

    from benchmarks.generate import AS_OF, columns, spec
    from connector.rules.score import score

    chunks = list(_chunks(columns(people, touchpoints, seed).by_person(), people))
    specs = {"interest": spec()}
    begin = time.process_time()
    totals = [score(rows, count, specs, AS_OF).columns["interest"].hundredths for rows, count in chunks]
    return {"seconds": time.process_time() - begin, "digest": _digest(np.concatenate(totals))}


def _chunks(rows: Any, people: int) -> Iterator[tuple[Any, int]]:
    """Touchpoints in chunks of identities, as the store hands them out."""
    import numpy as np

    from connector.rules.columns import Texts, Touchpoints

    for first in range(0, people, COLUMN_CHUNK):
        last = min(first + COLUMN_CHUNK, people)
        part = slice(*np.searchsorted(rows.identity, (first, last)).tolist())
        texts = [Texts(t.codes[part], t.values) for t in (rows.label, rows.url, rows.campaign, rows.result)]
        yield Touchpoints(rows.identity[part] - first, rows.kind[part], rows.happened_at[part], *texts), last - first


def end_to_end(url: str, people: int) -> dict[str, Any]:
    """From the store to a score with its reasons for everybody."""
    import numpy as np

    from benchmarks.generate import AS_OF, spec
    from connector.rules.columns import Touchpoints
    from connector.rules.score import score, why
    from connector.store import load
    from connector.store.database import open_engine, reading

    engine, specs, zone = open_engine(url), {"interest": spec()}, ZoneInfo("Asia/Tokyo")
    oldest = AS_OF - timedelta(days=365)
    total = np.zeros(people, np.int64)
    spent = dict.fromkeys(("read", "columns", "score", "objects", "reasons"), 0.0)
    last = time.process_time()
    begin = last

    def lap(part: str) -> None:
        nonlocal last
        now = time.process_time()
        spent[part] += now - last
        last = now

    for first in range(1, people + 1, CHUNK):
        nos = range(first, min(first + CHUNK, people + 1))
        with reading(engine) as conn:
            rows = load._touchpoints(conn, {no: i for i, no in enumerate(nos)}, oldest)
        lap("read")
        columns = Touchpoints.from_rows(rows)
        lap("columns")
        scores = score(columns, len(nos), specs, AS_OF)
        lap("score")
        found = [scores[i]["interest"] for i in range(len(nos))]
        lap("objects")
        for one in found:
            why(one, specs["interest"], 255, zone)
        lap("reasons")
        total[first - 1 : first - 1 + len(nos)] = scores.columns["interest"].hundredths
    return {"seconds": time.process_time() - begin, "digest": _digest(total), **spent}
