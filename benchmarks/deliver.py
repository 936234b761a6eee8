"""Updates of 15 fields, 200 in a call, from the outbox to a server; by the wall clock.

References: `requests` in a plain loop (or as many threads as we have connections, whichever is faster) with the same
bodies, keeping nothing; and with a slow server the limit that latency sets: connections x 200 / latency.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Line, Size, child, rate

if TYPE_CHECKING:
    from connector.changes import SetFields
    from connector.engine.app import App

CONNECTIONS = 8
BATCH = 200
RECORDS = 8_000

CONFIG = """
store: sqlite:///store.db
systems:
  ma: {{type: memory, role: ma}}
  sfa: {{type: salesforce, base_url: "{url}", client_id: {{env: BENCH_SECRET}}, client_secret: {{env: BENCH_SECRET}}}}
"""
SCORES = "interest: {rules: [{id: web, touchpoint: page_view, within: 30d, points: 10}]}"


def lines(size: Size) -> Iterator[Line]:
    """A server that answers at once, and one that takes 100 ms."""
    records = min(RECORDS, size.people)
    for milliseconds in (0, 100):
        bare = child("deliver:bare", milliseconds=milliseconds, records=records)
        ours = child("deliver:ours", milliseconds=milliseconds, records=records)
        yield Line(
            f"delivery, server at {milliseconds} ms",
            f"bare requests {rate(bare['rate'], 'records')}",
            rate(ours["rate"], "records"),
            ours["rate"] / bare["rate"],
            ">= 0.5" if milliseconds == 0 else "",
            ours["peak"],
        )
        if milliseconds:
            limit = CONNECTIONS * BATCH / milliseconds * 1000
            yield Line(
                f"delivery, {CONNECTIONS} connections at {milliseconds} ms",
                f"limit {rate(limit, 'records')}",
                rate(ours["rate"], "records"),
                ours["rate"] / limit,
                ">= 0.85",
            )


def ours(milliseconds: int, records: int) -> dict[str, Any]:
    """The engine's delivery, with every receipt on the disk at its end."""
    from benchmarks.server import serving
    from connector.adapters.salesforce import Salesforce
    from connector.engine.app import now
    from connector.engine.deliver import deliver
    from connector.engine.report import Report
    from connector.store.runs import start_run

    Salesforce.connections = CONNECTIONS
    with serving(milliseconds) as url, tempfile.TemporaryDirectory(prefix="connector-bench-") as folder:
        app = _app(Path(folder), url)
        at = now()
        _fill(app, _changes(records))
        lease = app.lease()
        report = Report("bench", at, at)
        with lease.writing() as conn:
            start_run(conn, report.run, at, at, lease.token, "")
        begin = time.perf_counter()
        deliver(app, lease, report)
        spent = time.perf_counter() - begin
        lease.release()
        app.close()
    if report.sent() != records:
        raise RuntimeError(f"{report.sent()} of {records} delivered: {report.problems}")
    return {"rate": records / spent}


def bare(milliseconds: int, records: int) -> dict[str, Any]:
    """The same bodies, posted by hand."""
    import requests

    from benchmarks.server import serving

    bodies = [_body(some) for some in _batches(_changes(records))]

    def send(session: requests.Session, body: Any) -> None:
        answer = session.patch(f"{url}/services/data/v62.0/composite/sobjects", json=body, timeout=60)
        assert all(each["success"] for each in answer.json())

    rates = []
    with serving(milliseconds) as url:
        for threads in (1, CONNECTIONS) if milliseconds == 0 else (CONNECTIONS,):
            sessions = [requests.Session() for _ in range(threads)]
            begin = time.perf_counter()
            with ThreadPoolExecutor(threads) as pool:
                for done in [pool.submit(send, sessions[i % threads], body) for i, body in enumerate(bodies)]:
                    done.result()
            rates.append(records / (time.perf_counter() - begin))
    return {"rate": max(rates)}


def _changes(records: int) -> list[SetFields]:
    from benchmarks.server import FIELDS
    from connector.changes import Lane, SetFields
    from connector.model import Ref

    return [
        SetFields(
            key=f"set:sfa/Contact/{no}",
            system="sfa",
            identity=f"identity-{no}",
            lane=Lane.SCORES,
            ref=Ref("sfa", "Contact", f"003{no:012}"),
            values=dict.fromkeys(FIELDS, f"+10 ウェビナー(3/31) {no}"),
        )
        for no in range(records)
    ]


def _batches(changes: list[SetFields]) -> Iterator[list[SetFields]]:
    for start in range(0, len(changes), BATCH):
        yield changes[start : start + BATCH]


def _body(changes: list[SetFields]) -> dict[str, Any]:
    return {
        "allOrNone": False,
        "records": [{"attributes": {"type": "Contact"}, "id": change.ref.id, **change.values} for change in changes],
    }


def _app(folder: Path, url: str) -> App:
    from connector.config import load
    from connector.engine.app import open_app

    os.environ["BENCH_SECRET"] = "bench"
    (folder / "mappings").mkdir()
    (folder / "mappings" / "scores.yaml").write_text(SCORES, encoding="utf-8")
    (folder / "config.yaml").write_text(CONFIG.format(url=url), encoding="utf-8")
    return open_app(load(folder / "config.yaml"))


def _fill(app: App, changes: list[SetFields]) -> None:
    """The records as they were read, and the changes to them as they were planned."""
    from connector.engine.app import now
    from connector.model import Person
    from connector.store import outbox, people
    from connector.store.database import writing
    from connector.store.told import Told

    at = now()
    for some in _batches(changes):
        with writing(app.store) as conn:
            filings = [people.Filing(Person(change.ref, {"family_name": "山田"}), ()) for change in some]
            people.put_people(conn, filings, at, Told())
            outbox.enqueue(conn, some, "bench", at, {})
