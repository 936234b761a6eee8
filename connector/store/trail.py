"""The audit trail: a row for each change that was brought to a system and for what people decided, in a chain.

A row's seal is a keyed hash of what it speaks of: a delivery, a reason, a report. It shows when that was changed, and
holds nothing personal, so that erasing a person leaves the trail whole. Its chain is a keyed hash of the row and of the
chain before it: a row that was changed, taken out, put in or moved shows. Rows cut off at the end show by a head
(`NO:CHAIN`) that was kept elsewhere, in a run's report or in the log.
"""

from __future__ import annotations

import hmac
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, insert, select

from connector.store import runs
from connector.store import tables as t
from connector.store.codec import micros, moment

_KEY = "trail"
_LAST = select(t.trail.c.no, t.trail.c.chain).order_by(t.trail.c.no.desc()).limit(1)
DELIVERED = ("done", "refused", "retry")
"""What a row says of a delivery: its status."""
BATCH = 2000
"""Rows that are looked at together."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be added: what happened, what may be told of it, and what is sealed."""

    what: str
    about: Mapping[str, Any]
    of: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Trail:
    """Adds rows. `key`: the administrator's own, which whoever can write to the store need not know."""

    key: str | None = None

    def add(self, conn: Connection, run: str, at: datetime, entries: Sequence[Entry]) -> int:
        """Add rows; the number of the first. In a transaction that writes, while nobody else adds any."""
        key = (self.key or _store_key(conn, make=True) or "").encode()
        no, chain = conn.execute(_LAST).one_or_none() or (0, "")
        rows = []
        for entry in entries:
            no += 1
            row = {
                "no": no, "at": micros(at), "run": run, "what": entry.what,
                "about": orjson.dumps(entry.about, option=orjson.OPT_SORT_KEYS).decode(), "seal": _seal(key, entry.of),
            }  # fmt: skip
            chain = _chain(key, chain, row)
            rows.append({**row, "chain": chain})
        if rows:
            conn.execute(insert(t.trail), rows)
        return no - len(rows) + 1

    def add_deliveries(self, conn: Connection, run: str, at: datetime, rows: Sequence[dict[str, Any]]) -> None:
        """Add a row for each of these rows of `delivery`, which are told its number."""
        entries = [Entry(row["status"], {"system": row["system"], "kind": row["kind"]}, _delivery(row)) for row in rows]
        for no, row in enumerate(rows, self.add(conn, run, at, entries)):
            row["trail"] = no


def head(conn: Connection) -> str:
    """The last row's number and chain, as `812:3f9a...`; empty where there is none."""
    last = conn.execute(_LAST).one_or_none()
    return f"{last.no}:{last.chain}" if last else ""


def rows_of(conn: Connection, run: str) -> list[tuple[int, datetime, str, Mapping[str, Any]]]:
    """What the trail tells of a run: number, time, what, about."""
    c = t.trail.c
    query = select(c.no, c.at, c.what, c.about).where(c.run == run).order_by(c.no)
    return [(row.no, moment(row.at), row.what, orjson.loads(row.about)) for row in conn.execute(query)]


def _store_key(conn: Connection, *, make: bool) -> str | None:
    """The key that stands in the store: it keeps seals from being guessed at, and no secret from who can read it."""
    key = runs.remembered(conn, _KEY)
    if key is None and make:
        key = secrets.token_hex(32)
        runs.remember(conn, _KEY, key)
    return key


def _seal(key: bytes, of: Sequence[Any]) -> str:
    return hmac.digest(key, b"seal" + orjson.dumps(of), "sha256").hex()


_CHAINED = ("no", "at", "run", "what", "about", "seal")


def _chain(key: bytes, before: str, row: Mapping[str, Any]) -> str:
    said = orjson.dumps([before, *(row[name] for name in _CHAINED)])
    return hmac.digest(key, b"chain" + said, "sha256").hex()


_OF_DELIVERY = ("run", "key", "kind", "system", "payload", "status", "remote_id", "code", "at")


def _delivery(row: Mapping[str, Any]) -> list[Any]:
    return [row[name] for name in _OF_DELIVERY]


def started(run: str, by: str, reason: str) -> Entry:
    """A run began: by whom, and why the brake was overruled."""
    return Entry("run_started", {"by": by, "forced": bool(reason)}, [run, reason])


def ended(run: str, outcome: str, report: str) -> Entry:
    """A run ended, with this report."""
    return Entry("run_ended", {"outcome": outcome}, [run, outcome, report])


def forgot(deliveries: int, by: str) -> Entry:
    """A person was erased, and so many deliveries with them."""
    return Entry("forgot", {"deliveries": deliveries, "by": by}, [])


def restored(by: str) -> Entry:
    """A copy of the store was put in its place."""
    return Entry("restored", {"by": by}, [])


def decided(verdicts: Sequence[str], by: str) -> Entry:
    """Somebody said of pairs of records whether they are one person."""
    return Entry("decided", {"verdicts": dict(Counter(verdicts)), "by": by}, [])


def retried(changes: int, by: str, *, dismissed: bool) -> Entry:
    """Parked changes were put back, or dismissed."""
    return Entry("dismissed" if dismissed else "retried", {"changes": changes, "by": by}, [])


def retired(system: str, by: str) -> Entry:
    """What a system told counts no more."""
    return Entry("retired", {"system": system, "by": by}, [])


# --- looking at it ----------------------------------------------------------------------------------------------------

MOST_FAULTS = 100
"""So many are listed; all are counted."""
Fault = Literal["missing", "changed", "key", "delivery", "run", "gone", "cut"]
"""What does not fit. `missing`: rows are; `changed`: a row is not as it was written, or was put in; `key`: it was made
without the administrator's key, after others with it; `delivery`, `run`: what it speaks of was changed; `gone`:
deliveries are, and nobody erased them; `cut`: a head that was kept elsewhere is not in the trail."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that does not fit: what, from which row to which, when that was written, and by which run."""

    fault: Fault
    first: int
    last: int
    at: datetime | None = None
    run: str = ""


@dataclass(slots=True)
class Checked:
    """A trail as it was found."""

    rows: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    head: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    """How many rows tell what."""
    keyed: int = 0
    """Rows that were made with the administrator's key."""
    gone: int = 0
    """Rows of deliveries that are not there any more, as those about people who were erased."""
    heads: int = 0
    """Heads kept elsewhere that stand in it."""
    faults: int = 0
    wrong: list[Wrong] = field(default_factory=list)

    def note(self, wrong: Wrong) -> None:
        """One more that does not fit."""
        self.faults += 1
        if len(self.wrong) < MOST_FAULTS:
            self.wrong.append(wrong)


def check(conn: Connection, key: str | None, heads: Iterable[tuple[int, str]] = ()) -> Checked:
    """Look at every row. `key`: the administrator's; `heads`: numbers and chains of rows, as kept elsewhere."""
    kept: dict[int, set[str]] = defaultdict(set)
    for no, chain in heads:
        kept[no].add(chain)
    looking = _Looking(conn, key, _store_key(conn, make=False))
    for row in _rows(conn):
        looking.at(row)
        looking.found.heads += row["chain"] in kept[row["no"]]
        kept[row["no"]].discard(row["chain"])
    for no in sorted(no for no, chains in kept.items() if chains):
        looking.found.note(Wrong("cut", no, no))
    return looking.end()


def _rows(conn: Connection) -> Iterator[Mapping[str, Any]]:
    """Every row with the delivery that it speaks of."""
    c, d = t.trail.c, t.delivery.c
    columns = [d[name].label(f"its_{name}") for name in (*_OF_DELIVERY, "identity")]
    query = select(t.trail, *columns).outerjoin_from(t.trail, t.delivery, d.trail == c.no).order_by(c.no).limit(BATCH)
    last = 0
    while some := [row._asdict() for row in conn.execute(query.where(c.no > last))]:
        yield from some
        last = some[-1]["no"]


class _Looking:
    """What was seen so far."""

    def __init__(self, conn: Connection, own: str | None, shared: str | None) -> None:
        self.conn, self.found = conn, Checked()
        self.own = own.encode() if own else None
        self.keys = [key for key in (self.own, shared.encode() if shared else None) if key is not None]
        self.before, self.due = "", 1
        self.erased = 0
        """Deliveries that `forget` took."""

    def at(self, row: Mapping[str, Any]) -> None:
        """The next row."""
        found, no, at, run = self.found, row["no"], moment(row["at"]), row["run"]
        missing = no - self.due
        if missing:
            found.note(Wrong("missing", self.due, no - 1, at, run))
        key = next((key for key in self.keys if _chain(key, self.before, row) == row["chain"]), None)
        if key is not None:
            found.keyed += key == self.own
            for fault in self._faults(row, key):
                found.note(Wrong(fault, no, no, at, run))
        elif not missing:
            found.note(Wrong("changed", no, no, at, run))
        self.before, self.due = row["chain"], no + 1
        found.rows += 1
        found.counts[row["what"]] += 1
        found.first_at, found.last_at = found.first_at or at, at
        found.head = f"{no}:{row['chain']}"

    def _faults(self, row: Mapping[str, Any], key: bytes) -> Iterator[Fault]:
        what = row["what"]
        if self.found.keyed and key != self.own:
            yield "key"
        if what in DELIVERED:
            if _seal(key, [row[f"its_{name}"] for name in _OF_DELIVERY]) == row["seal"]:
                return
            if row["its_identity"]:
                yield "delivery"
            else:
                self.found.gone += 1
        elif what in _OF_RUN:
            if _seal(key, [row["run"], *self._of_run(row["run"], _OF_RUN[what])]) != row["seal"]:
                yield "run"
        elif what == "forgot":
            self.erased += orjson.loads(row["about"])["deliveries"]

    def _of_run(self, run: str, names: Sequence[str]) -> Sequence[Any]:
        row = self.conn.execute(select(*(t.run.c[name] for name in names)).where(t.run.c.id == run)).one_or_none()
        return tuple(row) if row is not None else ()

    def end(self) -> Checked:
        """What was found in all."""
        if self.found.gone > self.erased:
            self.found.note(Wrong("gone", 0, 0))
        return self.found


_OF_RUN = {"run_started": ("reason",), "run_ended": ("outcome", "report")}
