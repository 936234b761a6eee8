"""Metrics in the words of Prometheus, read from the store: a run from cron is counted as one of `serve` is.

A number that the store cannot tell is left out, not guessed. Labels name systems, streams, kinds of change and
outcomes; never a record, a person or an address. What each one means stands in docs/how-to/monitoring.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from connector import __version__
from connector.config import Setup
from connector.engine.deliver import ALERT_SECONDS, ALERTS_AFTER
from connector.engine.report import Exit
from connector.engine.spending import MS, REPEATS, REQUEST_MS, REQUESTS, WAITED_MS
from connector.store import measures, runs, tally
from connector.store.lease import TAKEN_OVER, held

Kind = type[CounterMetricFamily] | type[GaugeMetricFamily]

MEANINGS: Mapping[str, tuple[Kind, tuple[str, ...], str]] = {
    "connector_build_info": (GaugeMetricFamily, ("version",), "1, under the version of this program."),
    "connector_run_interval_seconds": (GaugeMetricFamily, (), "How often a run is due (run.every)."),
    "connector_runs_total": (CounterMetricFamily, ("outcome",), "Runs that came to an end, by outcome."),
    "connector_run_last_success_timestamp_seconds": (
        GaugeMetricFamily, (), "When the last run ended that did its work (done, parked or deferred); 0: never.",
    ),
    "connector_run_last_outcome": (GaugeMetricFamily, ("outcome",), "1 for how the last run ended, 0 for the others."),
    "connector_breaker_open": (GaugeMetricFamily, (), "1 while the last run was stopped by a guard."),
    "connector_lease_held": (GaugeMetricFamily, (), "1 while a run is at work."),
    "connector_lease_fenced_total": (
        CounterMetricFamily, ("lease",),
        "Runs (or a system's part in a worker's hands) taken over from who was not heard of, and is kept from writing.",
    ),
    "connector_records_read_total": (CounterMetricFamily, ("system", "stream"), "Records read."),
    "connector_records_written_total": (CounterMetricFamily, ("system", "op"), "Changes that reached their system."),
    "connector_records_skipped_total": (
        CounterMetricFamily, ("system", "stream", "reason"),
        "Records and changes with nothing to be done: unchanged, ignored by a rule, deferred to a later run.",
    ),
    "connector_records_failed_total": (
        CounterMetricFamily, ("system", "stream", "class"),
        "Records that could not be read (unreadable), and changes that were not taken (refused).",
    ),
    "connector_http_requests_total": (
        CounterMetricFamily, ("system", "code"),
        "Requests sent, repeats included, by the status of the answer; none: no answer came.",
    ),
    "connector_retries_total": (
        CounterMetricFamily, ("system", "cause"),
        "Requests that were sent again, by the status that was the cause; none: no connection, or no answer.",
    ),
    "connector_rate_limited_seconds_total": (
        CounterMetricFamily, ("system",), "Time that systems had us wait before a request was sent again.",
    ),
    "connector_api_quota_remaining": (
        GaugeMetricFamily, ("system", "part"), "Calls left today, as last heard from the system, or counted by us.",
    ),
    "connector_api_quota_limit": (GaugeMetricFamily, ("system", "part"), "Calls that the system grants in a day."),
    "connector_outbox_rows": (GaugeMetricFamily, ("system", "state"), "Changes that are not done."),
    "connector_outbox_oldest_seconds": (
        GaugeMetricFamily, ("system",), "Age of the oldest change that could be sent now; 0 when there is none.",
    ),
    "connector_dead_letters": (GaugeMetricFamily, ("system",), "Parked changes: a person must mend something."),
    "connector_uncertain": (
        GaugeMetricFamily, ("system",), "Changes that were sent without anybody knowing whether they took effect.",
    ),
    "connector_suppressed": (
        GaugeMetricFamily, ("system",), "Records on lists that mass mails leave out, as last seen or written.",
    ),
    "connector_freshness_seconds": (
        GaugeMetricFamily, ("system",), "Time since every stream of the system was last read to its end.",
    ),
    "connector_reconcile_drift_records": (
        GaugeMetricFamily, ("system",), "Records that were not as recorded when `connector reconcile` last looked.",
    ),
    # What `serve` knows by itself.
    "connector_store_reachable": (GaugeMetricFamily, (), "1 while the store answers; without it the rest is missing."),
    "connector_scheduler_heartbeat_timestamp_seconds": (
        GaugeMetricFamily, (), "When the scheduler last showed that it is alive.",
    ),
    "connector_misfires_total": (
        CounterMetricFamily, ("reason",), "Runs that did not begin in time, since `serve` was started.",
    ),
}  # fmt: skip
RUN_SECONDS = ("connector_run_seconds", "How long runs took that came to an end.")
HISTOGRAMS: Mapping[str, tuple[str, Sequence[int], float, str]] = {
    "connector_http_request_seconds": (
        REQUEST_MS, MS, 1000, "How long requests took, from connecting to the last byte of the answer.",
    ),
    "connector_event_to_alert_seconds": (
        ALERTS_AFTER, ALERT_SECONDS, 1,
        "From a touchpoint, or the end of the quiet hours it fell in, to its alert; digests are not counted.",
    ),
}  # fmt: skip
"""By `system`: the tally, its bounds, how many of its units make a second, and what it means."""


@dataclass
class Sheet(Collector):
    """Metric families that are being filled; what a scrape is answered from."""

    families: dict[str, CounterMetricFamily | GaugeMetricFamily] = field(default_factory=dict)
    others: list[Metric] = field(default_factory=list)

    def put(self, name: str, value: float, *labels: str) -> None:
        """Set one value."""
        kind, names, said = MEANINGS[name]
        family = self.families.setdefault(name, kind(name, said, labels=names))
        family.add_metric(labels, value)

    def collect(self) -> Iterable[Metric]:
        """The families, as the library asks for them."""
        return [*self.families.values(), *self.others]

    def text(self) -> bytes:
        """The text exposition format, version 0.0.4."""
        return generate_latest(self)


def measure(conn: Connection, setup: Setup, now: datetime) -> Sheet:
    """Everything that the store can tell."""
    sheet = Sheet()
    sheet.put("connector_build_info", 1, __version__)
    sheet.put("connector_run_interval_seconds", setup.config.run.every.total_seconds())
    sheet.put("connector_lease_held", int(held(conn, "run") is not None))
    _runs(sheet, conn)
    _ledger(sheet, conn)
    _outbox(sheet, conn, setup, now)
    for system, count in measures.members(conn, _protecting(setup)).items():
        sheet.put("connector_suppressed", count, system)
    for system, drift in measures.drift(conn).items():
        sheet.put("connector_reconcile_drift_records", drift, system)
    _tallies(sheet, conn)
    _last_report(sheet, conn, now)
    return sheet


def _tallies(sheet: Sheet, conn: Connection) -> None:
    for name, what in (("connector_http_requests_total", REQUESTS), ("connector_retries_total", REPEATS)):
        for system, counts in tally.counted(conn, what).items():
            for label, count in counts.items():
                sheet.put(name, count, system, label)
    for system, counts in tally.counted(conn, WAITED_MS).items():
        sheet.put("connector_rate_limited_seconds_total", counts[tally.SUM] / 1000, system)
    for counts in tally.counted(conn, TAKEN_OVER).values():
        for lease, count in counts.items():
            sheet.put("connector_lease_fenced_total", count, lease)
    for name, (what, bounds, unit, said) in HISTOGRAMS.items():
        family = HistogramMetricFamily(name, said, labels=("system",))
        for system, counts in tally.counted(conn, what).items():
            below, buckets = 0, []
            for bound in (*bounds, math.inf):
                below += counts.get(str(bound), 0)
                buckets.append(("+Inf" if bound == math.inf else str(bound / unit), below))
            family.add_metric((system,), buckets, counts[tally.SUM] / unit)
        sheet.others.append(family)


def _protecting(setup: Setup) -> Iterator[tuple[str, str]]:
    return ((rule.system, rule.list) for rule in setup.rules.protect if rule.system is not None)


def _runs(sheet: Sheet, conn: Connection) -> None:
    family = SummaryMetricFamily(*RUN_SECONDS)
    ended = measures.runs_ended(conn)
    for each in ended:
        sheet.put("connector_runs_total", each.count, each.outcome)
    family.add_metric((), sum(each.count for each in ended), sum(each.took.total_seconds() for each in ended))
    sheet.others.append(family)
    at = measures.last_well(conn)
    sheet.put("connector_run_last_success_timestamp_seconds", at.timestamp() if at else 0)
    last = measures.last_outcome(conn)
    known = [exit_.name.lower() for exit_ in Exit if exit_ not in (Exit.PENDING, Exit.CONFIG)]
    for outcome in dict.fromkeys([*known, *([last] if last else [])]):
        sheet.put("connector_run_last_outcome", int(outcome == last), outcome)
    sheet.put("connector_breaker_open", int(last == Exit.STOPPED.name.lower()))


def _ledger(sheet: Sheet, conn: Connection) -> None:
    for (system, stream), counts in sorted(measures.ledger_totals(conn).items()):
        if stream.startswith("→"):
            sheet.put("connector_records_written_total", counts.used, system, stream.removeprefix("→"))
        else:
            sheet.put("connector_records_read_total", counts.read, system, stream)
        for reason in ("unchanged", "ignored", "deferred"):
            sheet.put("connector_records_skipped_total", getattr(counts, reason), system, stream, reason)
        failed = "refused" if stream.startswith("→") else "unreadable"
        sheet.put("connector_records_failed_total", counts.parked, system, stream, failed)


def _outbox(sheet: Sheet, conn: Connection, setup: Setup, now: datetime) -> None:
    waiting, due = measures.waiting(conn), measures.due_since(conn, now)
    uncertain = measures.uncertain(conn)
    for system in sorted({*setup.systems, *(system for system, _ in waiting)}):
        for state in measures.WAITING:
            sheet.put("connector_outbox_rows", waiting.get((system, state), 0), system, state)
        sheet.put("connector_outbox_oldest_seconds", (now - due.get(system, now)).total_seconds(), system)
        sheet.put("connector_dead_letters", waiting.get((system, "parked"), 0), system)
        sheet.put("connector_uncertain", uncertain.get(system, 0), system)


def _last_report(sheet: Sheet, conn: Connection, now: datetime) -> None:
    """What only a run gets to know: what systems grant, and how far all of their streams were read."""
    report: Mapping[str, Any] = runs.last_report(conn)
    for told in report.get("quota", ()):
        labels = (told["system"], told["part"])
        sheet.put("connector_api_quota_remaining", max(told["limit"] - told["used"], 0), *labels)
        sheet.put("connector_api_quota_limit", told["limit"], *labels)
    for system, at in report.get("freshness", {}).items():
        if at is not None:
            sheet.put("connector_freshness_seconds", (now - datetime.fromisoformat(at)).total_seconds(), system)
