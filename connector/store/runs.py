"""Runs and their ledger, cursors, rejected records, spent calls, and small remembered values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, update

from connector.ports import Reject
from connector.store import tables as t
from connector.store.codec import maybe_moment, micros, moment
from connector.store.marks import upsert

# Made once, as each page of a stream and each stream need them: making one takes longer than running it.
_CURSORS = select(t.cursor).where(t.cursor.c.system == bindparam("of"))
_READ = update(t.cursor).where(t.cursor.c.system == bindparam("of"), t.cursor.c.stream == bindparam("at"))
_SPENDING = (
    update(t.calls)
    .where(t.calls.c.system == bindparam("of"), t.calls.c.day == bindparam("on_day"))
    .values(count=t.calls.c.count + bindparam("more"))
)
_REMEMBERED = select(t.meta.c.value).where(t.meta.c.name == bindparam("of"))


@dataclass(slots=True)
class Counts:
    """One line of the ledger: `read = used + unchanged + parked + ignored + deferred`."""

    read: int = 0
    used: int = 0
    unchanged: int = 0
    parked: int = 0
    ignored: int = 0
    deferred: int = 0

    def balances(self) -> bool:
        """Whether every record that was read has been accounted for."""
        return self.read == self.accounted

    @property
    def accounted(self) -> int:
        """The records of which it is known what became of them."""
        return self.used + self.unchanged + self.parked + self.ignored + self.deferred

    def add(self, other: Counts) -> None:
        """Add another page's counts."""
        for f in fields(self):
            setattr(self, f.name, getattr(self, f.name) + getattr(other, f.name))


_COUNTS = tuple(f.name for f in fields(Counts))
_ADDING = (
    update(t.ledger)
    .where(
        t.ledger.c.run == bindparam("of"),
        t.ledger.c.system == bindparam("in_system"),
        t.ledger.c.stream == bindparam("in_stream"),
    )
    .values({name: t.ledger.c[name] + bindparam(f"more_{name}") for name in _COUNTS})
)


@dataclass(frozen=True, slots=True)
class Position:
    """How far a stream was read."""

    value: str
    moved_at: datetime
    read_at: datetime | None
    last_count: int | None


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as the store remembers it."""

    id: str
    started_at: datetime
    ended_at: datetime | None
    as_of: datetime
    outcome: str
    report: dict[str, Any]
    reason: str = ""
    """Why the brake was overruled, in the words of whoever did it."""


def start_run(conn: Connection, run: str, started: datetime, as_of: datetime, token: int, reason: str) -> None:
    """Write down that a run begins."""
    conn.execute(
        insert(t.run),
        {
            "id": run, "started_at": micros(started), "as_of": micros(as_of), "token": token, "reason": reason,
            "report": "{}",
        },
    )  # fmt: skip


LATEST_RUN = (t.run.c.token.desc().nulls_last(), t.run.c.started_at.desc(), t.run.c.id.desc())
"""The newest first. A clock may be put back; the fencing token of a run only ever grows."""


def end_run(conn: Connection, run: str, ended: datetime, outcome: str, report: Mapping[str, Any]) -> str:
    """Write down how a run ended; the report as it stands there."""
    told = orjson.dumps(report).decode()
    conn.execute(update(t.run).where(t.run.c.id == run).values(ended_at=micros(ended), outcome=outcome, report=told))
    return told


def last_runs(conn: Connection, limit: int = 10) -> list[RunRow]:
    """The newest runs first."""
    return list(_run_rows(conn, select(t.run).order_by(*LATEST_RUN).limit(limit)))


def last_report(conn: Connection) -> dict[str, Any]:
    """The report of the run that ended last; empty when none did, or it told nothing."""
    c = t.run.c
    real = c.ended_at.is_not(None) & (c.outcome != "plan")
    found = conn.scalar(select(c.report).where(real).order_by(*LATEST_RUN).limit(1))
    report: dict[str, Any] = orjson.loads(found or "{}")
    return report


def find_run(conn: Connection, run: str) -> RunRow | None:
    """One run; by its id, or with `last` the one that began last to do something."""
    c = t.run.c
    query = select(t.run).where(c.outcome != "plan").order_by(*LATEST_RUN).limit(1)
    return next(_run_rows(conn, query if run == "last" else select(t.run).where(c.id == run)), None)


def _run_rows(conn: Connection, query: Select[Any]) -> Iterator[RunRow]:
    for r in conn.execute(query):
        ended, report = maybe_moment(r.ended_at), orjson.loads(r.report)
        yield RunRow(r.id, moment(r.started_at), ended, moment(r.as_of), r.outcome, report, r.reason)


def new_systems(conn: Connection, systems: Iterable[str], run: str) -> set[str]:
    """Those of `systems` that are new to us: no run but this one ended well, or brought anything to them."""
    ended = select(t.run.c.id).where(t.run.c.outcome.in_(("done", "parked", "deferred")), t.run.c.id != run).limit(1)
    if conn.scalar(ended) is not None:
        return set()
    c = t.delivery.c
    brought = {s: select(c.no).where(c.system == s, c.status == "done", c.run != run).limit(1) for s in systems}
    return {system for system, query in brought.items() if conn.scalar(query) is None}


def let_pass(conn: Connection, at: datetime) -> None:
    """The brake let a whole run send: whoever was joined to another until now counts no more."""
    remember(conn, _PASSED, str(micros(at)))


def passed_at(conn: Connection) -> datetime | None:
    """When that was last; None before the first."""
    found = remembered(conn, _PASSED)
    return moment(int(found)) if found else None


_PASSED = "brake_passed"


def add_ledger(conn: Connection, run: str, system: str, stream: str, counts: Counts) -> None:
    """Add a page's counts to the run's line for a stream."""
    here = {"of": run, "in_system": system, "in_stream": stream}
    values = {name: getattr(counts, name) for name in _COUNTS}
    if not conn.execute(_ADDING, here | {f"more_{name}": value for name, value in values.items()}).rowcount:
        conn.execute(insert(t.ledger), {"run": run, "system": system, "stream": stream, **values})


def ledger(conn: Connection, run: str) -> dict[tuple[str, str], Counts]:
    """The lines of a run by system and stream."""
    rows = conn.execute(select(t.ledger).where(t.ledger.c.run == run)).mappings()
    return {(row["system"], row["stream"]): Counts(**{name: row[name] for name in _COUNTS}) for row in rows}


def positions(conn: Connection, system: str) -> dict[str, Position]:
    """The cursors of a system's streams."""
    return {
        r.stream: Position(r.value, moment(r.moved_at), maybe_moment(r.read_at), r.last_count)
        for r in conn.execute(_CURSORS, {"of": system})
    }


def forget_cursors(conn: Connection, system: str) -> None:
    """Let every stream of a system be read from the beginning."""
    conn.execute(delete(t.cursor).where(t.cursor.c.system == system))


def move_cursor(conn: Connection, system: str, stream: str, value: str, at: datetime, count: int | None) -> None:
    """Remember a cursor; to be called in the transaction that stores its page."""
    row = {"system": system, "stream": stream, "value": value, "moved_at": micros(at)}
    if count is not None:
        row["last_count"] = count
    upsert(conn, t.cursor, [row], [name for name in row if name not in ("system", "stream")])


def stream_read(conn: Connection, system: str, stream: str, at: datetime) -> None:
    """Remember that a stream was read to its end."""
    conn.execute(_READ, {"of": system, "at": stream, "read_at": micros(at)})


def put_rejects(conn: Connection, system: str, stream: str, rejects: Sequence[Reject], run: str, at: datetime) -> None:
    """Keep records that could not be read, by where they stand, for `errors`."""
    rows = [
        {
            "system": system, "stream": stream, "place": r.where, "code": r.code, "what": str(r.what),
            "what_ja": r.what.in_("ja"), "run": run, "at": micros(at),
        }
        for r in {r.where: r for r in rejects}.values()
    ]  # fmt: skip
    upsert(conn, t.reject, rows, ["code", "what", "what_ja", "run", "at"])


def count_rejects(conn: Connection) -> dict[tuple[str, str], int]:
    """How many records could not be read, by system and stream."""
    c = t.reject.c
    query = select(c.system, c.stream, func.count().label("n")).group_by(c.system, c.stream)
    return {(r.system, r.stream): r.n for r in conn.execute(query)}


def calls_on(conn: Connection, system: str, day: str) -> int:
    """API calls counted for a system on a day."""
    c = t.calls.c
    return conn.scalar(select(c.count).where(c.system == system, c.day == day)) or 0


def calls_in(conn: Connection, run: str) -> dict[str, int]:
    """API calls counted for a run, by system, whoever made them."""
    c = t.calls.c
    return {row[0]: row[1] for row in conn.execute(select(c.system, c.count).where(c.day == run))}


def add_calls(conn: Connection, system: str, day: str, calls: int) -> None:
    """Add to the API calls of a day."""
    upsert(conn, t.calls, [{"system": system, "day": day, "count": 0}], [])
    conn.execute(_SPENDING, {"of": system, "on_day": day, "more": calls})


def forget_calls(conn: Connection, day: str) -> None:
    """Forget the API calls of a day, or of a run that is over."""
    conn.execute(delete(t.calls).where(t.calls.c.day == day))


def remembered(conn: Connection, name: str) -> str | None:
    """A small value by name."""
    return conn.scalar(_REMEMBERED, {"of": name})


def remember(conn: Connection, name: str, value: str) -> None:
    """Keep a small value by name."""
    upsert(conn, t.meta, [{"name": name, "value": value}], ["value"])


def remember_first(conn: Connection, name: str, value: str) -> None:
    """Keep a small value by name, unless there is one; of several who do so at once, who commits first is right."""
    upsert(conn, t.meta, [{"name": name, "value": value}], [])


# --- what was found out about systems ---------------------------------------------------------------------------------


def keep_probed(conn: Connection, system: str, place: str, known: Mapping[str, str], at: datetime) -> None:
    """Remember what a probe found at `place`, instead of what an earlier one found."""
    held = {"at": at.isoformat(), "place": place, "known": dict(known)}
    remember(conn, f"probe:{system}", orjson.dumps(held).decode())


def probed(conn: Connection, system: str, place: str) -> dict[str, str]:
    """What the last probe of a system found; nothing, when it stood at another place then."""
    held = orjson.loads(remembered(conn, f"probe:{system}") or "{}")
    found: dict[str, str] = held["known"] if held.get("place") == place else {}
    return found


def keep_quota(conn: Connection, system: str, used: int, limit: int, run: str) -> None:
    """Remember what a system told in a run of its daily allowance: the most, where several workers heard it."""
    before = quota(conn, system, run)
    if before is None or before[0] <= used:
        remember(conn, f"quota:{system}", orjson.dumps({"used": used, "limit": limit, "run": run}).decode())


def quota(conn: Connection, system: str, run: str) -> tuple[int, int] | None:
    """Calls used and granted, as the system told last in that run; None when it told nothing in it."""
    held = orjson.loads(remembered(conn, f"quota:{system}") or "{}")
    return (held["used"], held["limit"]) if held.get("run") == run else None


def keep_evidence(conn: Connection, system: str, what: str, answer: str, at: datetime) -> None:
    """Keep an answer that made no sense, masked, in place of an older one."""
    held = {"at": at.isoformat(), "what": what, "answer": answer}
    remember(conn, f"evidence:{system}", orjson.dumps(held).decode())


def evidence(conn: Connection, system: str) -> dict[str, str]:
    """The last answer that made no sense: `at`, `what`, `answer`; empty when there was none."""
    found: dict[str, str] = orjson.loads(remembered(conn, f"evidence:{system}") or "{}")
    return found
