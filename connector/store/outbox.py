"""Changes on their way: written down before they are sent, claimed before each attempt, kept with their receipt.

States: `pending` (may be sent from `next_at` on), `inflight` (claimed; after a crash: nobody knows), `done`,
`parked` (a person must mend something), `dropped` (no longer wanted).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, case, func, insert, or_, select, true, update

from connector.changes import (
    UNDO,
    AddToList,
    AnyChange,
    Change,
    CreatePerson,
    Lane,
    RaiseAlert,
    RemoveFromList,
    SetFields,
    WriteClass,
)
from connector.errors import MOST_SAID, Language
from connector.ports import Receipt
from connector.store import tables as t
from connector.store.codec import dump_change, fingerprint, load_change, micros, moment
from connector.store.marks import chunks
from connector.store.trail import Trail

QUARANTINE = timedelta(minutes=10)
"""The longest a server may still commit a request whose answer we lost."""
_LONGEST_PUT_OFF = timedelta(days=2)
"""Quiet hours, tomorrow's share of alerts and a Retry-After end before."""

TAKES_BACK = "takes_back"
"""Code of an entry on a list, or a removal, while what may yet take effect is its opposite."""

# Made once, as each run and each batch need them: making one takes longer than running it.
_LOST = (t.outbox.c.state == "inflight") & t.outbox.c.job.is_(None)
_REPEATING = update(t.outbox).values(
    state="pending",
    uncertain_until=func.coalesce(t.outbox.c.sent_at, 0) + bindparam("quarantine"),
    code=case((t.outbox.c.code == TAKES_BACK, ""), else_=t.outbox.c.code),
    job=None,
)
_RECOVERING = _REPEATING.where(_LOST, (t.outbox.c.token != bindparam("holder")) | t.outbox.c.token.is_(None))
_CLAIMING = (
    update(t.outbox)
    .where(t.outbox.c.key.in_(bindparam("keys", expanding=True)))
    .values(state="inflight", attempts=t.outbox.c.attempts + 1)
)
_UNTOLD = (
    (t.outbox.c.kind == "RaiseAlert")
    & or_(
        (t.outbox.c.state == "pending") & (t.outbox.c.attempts == 0),
        (t.outbox.c.state == "parked") & (t.outbox.c.attempts == 1),
    )
    & t.outbox.c.uncertain_until.is_(None)
    & t.outbox.c.job.is_(None)
    & t.outbox.c.doubtful.is_(False)
)
_SETTLING = update(t.outbox).where(t.outbox.c.key == bindparam("of")).values(uncertain_until=None, job=None)


@dataclass(frozen=True, slots=True)
class Wish:
    """A change in the outbox, as claimed."""

    change: AnyChange
    attempts: int
    in_doubt: bool = False
    """It may have been done already."""


@dataclass(frozen=True, slots=True)
class Parked:
    """A change that a person must look at."""

    key: str
    system: str
    kind: str
    identity: str
    code: str
    error: str
    attempts: int
    at: datetime
    error_ja: str
    fix: str
    fix_ja: str


AGAIN = "again"
"""Code of a change that was parked, and is to be sent again at an administrator's word."""
NO_CAUSE: Mapping[str, Any] = {
    "code": "", "error": "", "error_ja": "", "fix": "", "fix_ja": "", "said": "", "doubtful": False,
}  # fmt: skip
"""What a change says of itself against which nothing speaks."""


_SAID = tuple(
    t.outbox.c[name] for name in ("key", "kind", "lane", "state", "rule", "payload_hash", "job", "code", "doubtful")
)
"""What tells whether a wish says something new."""


def enqueue(
    conn: Connection, changes: Sequence[AnyChange], run: str, now: datetime, not_before: Mapping[str, datetime]
) -> int:
    """Write changes down; how many were not there yet.

    A class A or D change replaces an older wish for the same thing. A class B or C change exists once for ever: the
    same key again is the same change, unless it never got through and looks different now. A wish whose last attempt
    has no known result waits until that attempt cannot take effect any more. What travels in a job stays as it is:
    whoever collects the job has the identity planned again.
    """
    latest = {change.key: change for change in changes}
    stored: dict[str, Any] = {}
    c = t.outbox.c
    for some in chunks(sorted(latest)):
        columns = (*_SAID, c.uncertain_until)
        stored.update((row.key, row) for row in conn.execute(select(*columns).where(c.key.in_(some))))
    latest |= _with_what_is_undone(conn, latest, stored)
    new, again = [], []
    for key, change in latest.items():
        payload = dump_change(change)
        digest = fingerprint(payload)
        row = stored.get(key)
        due = not_before.get(key, now)
        if row is None:
            new.append(_row(change, payload, digest, run, now, due))
        elif _supersedes(change, digest, row):
            if row.uncertain_until is not None:
                due = max(due, moment(row.uncertain_until))
            values = _row(change, payload, digest, run, now, due) | {"code": _code(type(change), row)}
            again.append({f"{k}_": v for k, v in values.items()})
    if new:
        conn.execute(insert(t.outbox), new)
    if again:
        said: dict[str, Any] = {**NO_CAUSE, **{name[:-1]: bindparam(name) for name in again[0] if name != "key_"}}
        conn.execute(update(t.outbox).where(c.key == bindparam("key_")).values(**said, attempts=0), again)
    return len(new) + len(again)


def _with_what_is_undone(
    conn: Connection, changes: Mapping[str, AnyChange], stored: Mapping[str, Any]
) -> dict[str, AnyChange]:
    """Wishes about records in which an undo still waits: together with the fields that it is to restore."""
    both: dict[str, AnyChange] = {}
    undoing = [key for key, row in stored.items() if row.rule == UNDO and row.state in ("pending", "inflight")]
    for some in chunks(sorted(undoing)):
        for row in conn.execute(
            select(t.outbox.c.key, t.outbox.c.kind, t.outbox.c.payload).where(t.outbox.c.key.in_(some))
        ):
            undo, change = load_change(row.kind, row.payload), changes[row.key]
            if isinstance(undo, SetFields) and isinstance(change, SetFields):
                kept = undo.values.keys() - change.values.keys()
                both[row.key] = replace(
                    change,
                    values={**{name: undo.values[name] for name in kept}, **change.values},
                    before={**{name: undo.before[name] for name in kept if name in undo.before}, **change.before},
                    reasons=(*(r for r in undo.reasons if r.field in kept), *change.reasons),
                )
    return both


def _row(change: AnyChange, payload: str, digest: str, run: str, now: datetime, due: datetime) -> dict[str, Any]:
    return {
        "key": change.key,
        "kind": type(change).__name__,
        "write_class": str(change.write_class),
        "system": change.system,
        "lane": str(change.lane),
        "identity": change.identity,
        "rule": change.rule if isinstance(change, RaiseAlert) else (change.reasons[0].rule if change.reasons else ""),
        "subject": change.subject if isinstance(change, RaiseAlert) else "",
        "alters": change.alters,
        "payload": payload,
        "payload_hash": digest,
        "state": "pending",
        "next_at": micros(due),
        "run": run,
        "created_at": micros(now),
    }


def _code(kind: type[AnyChange], row: Any) -> str:
    """Of a wish that takes the place of another: `TAKES_BACK` if what is in doubt there is its opposite."""
    if row.uncertain_until is None or kind.write_class is not WriteClass.D:
        return ""
    return TAKES_BACK if (row.code == TAKES_BACK) is (row.kind == kind.__name__) else ""


def recover(conn: Connection, token: int) -> int:
    """Changes claimed by an earlier run that never told their result may be sent again (classes A, B, D); how many.

    Not so those that travel in a job: it tells their result when it has ended, whoever opened it.
    """
    return conn.execute(_RECOVERING, {"holder": token, **_quarantine()}).rowcount


def abandoned(conn: Connection, system: str) -> int:
    """As `recover`, for one system that nobody else delivers to now: whoever claimed its changes has left them."""
    return may_repeat(conn, _LOST & (t.outbox.c.system == system))


def found_on_lists(conn: Connection) -> int:
    """What the lists tell of entries and removals in doubt; how many entries took effect, and are done.

    An entry that took effect is ours, and one that a removal of ours took off is so no more. Without this a plan that
    rightly asks for nothing would look as if the entry were wanted no more, and who was taken off by us as if by hand.
    """
    c, m = t.outbox.c, t.member.c
    entries = (c.kind == "AddToList") | ((c.kind == "RemoveFromList") & (c.rule != UNDO))
    doubtful = entries & (c.state == "pending") & c.uncertain_until.is_not(None)
    found = 0
    for row in conn.execute(select(c.key, c.kind, c.payload, c.code).where(doubtful)).all():
        change = load_change(row.kind, row.payload)
        if not isinstance(change, AddToList | RemoveFromList):
            continue
        added = isinstance(change, AddToList) is (row.code != TAKES_BACK)
        # Only what is news tells of it: where the list was so before, it may yet take effect.
        told = (_membership(change), m.on_list.is_(added), m.ours.is_(not added))
        there = conn.execute(update(t.member).where(*told).values(ours=added)).rowcount
        if there and added and isinstance(change, AddToList):
            conn.execute(update(t.outbox).where(c.key == row.key).values(state="done", uncertain_until=None))
            found += 1
    return found


def _membership(change: AddToList | RemoveFromList) -> ColumnElement[bool]:
    m = t.member.c
    return (m.system == change.system) & (m.list == change.list) & (m.person_id == change.person.id)


def in_doubt(conn: Connection, keys: Sequence[str]) -> None:
    """The answer for these was lost: they may be sent again, unchanged at once, otherwise after a quarantine."""
    for some in chunks(keys):
        may_repeat(conn, t.outbox.c.key.in_(some))


def may_repeat(conn: Connection, which: ColumnElement[bool]) -> int:
    """As `in_doubt`, for all rows of which something holds; how many."""
    return conn.execute(_REPEATING.where(which), _quarantine()).rowcount


def _quarantine() -> dict[str, int]:
    return {"quarantine": QUARANTINE // timedelta(microseconds=1)}


def fresh(conn: Connection, changes: Sequence[AnyChange]) -> list[AnyChange]:
    """Those of `changes` that `enqueue` would write down, as it would: not there yet, nor there and only waiting."""
    c = t.outbox.c
    stored: dict[str, Any] = {}
    for some in chunks(sorted({change.key for change in changes})):
        rows = conn.execute(select(*_SAID).where(c.key.in_(some)))
        stored.update((row.key, row) for row in rows)
    both = _with_what_is_undone(conn, {change.key: change for change in changes}, stored)
    wanted = [both.get(change.key, change) for change in changes]
    return [change for change in wanted if _is_fresh(change, stored.get(change.key))]


def unsaid(conn: Connection, changes: Sequence[AnyChange], by: datetime) -> list[AnyChange]:
    """Those of `changes` that nobody had wished for by then; of those that hold an end state, all."""
    c = t.outbox.c
    once = [each.key for each in changes if each.write_class not in (WriteClass.A, WriteClass.D)]
    said: set[str] = set()
    for some in chunks(sorted(once)):
        rows = select(c.key).where(c.key.in_(some), c.state != "dropped", c.created_at <= micros(by))
        said.update(conn.scalars(rows))
    return [change for change in changes if change.key not in said]


def _is_fresh(change: AnyChange, row: Any) -> bool:
    return row is None or _supersedes(change, fingerprint(dump_change(change)), row)


def _supersedes(change: AnyChange, digest: str, row: Any) -> bool:
    """Whether a wish says something that the stored one with the same key does not."""
    if row.job is not None or row.doubtful:
        return False
    same = _says_the_same(change, digest, row)
    if change.write_class in (WriteClass.A, WriteClass.D):
        waits = row.state in ("pending", "inflight", "parked")
        return not (waits and same)
    was_parked = row.state == "parked" or (row.state == "pending" and row.code == AGAIN)
    return bool(row.state == "dropped" or (was_parked and not same))


def _says_the_same(change: AnyChange, digest: str, row: Any) -> bool:
    """Whatever lane it goes in. A list's entry and its removal have one key, and may be alike in every other word."""
    if row.lane != str(change.lane):
        digest = fingerprint(dump_change(replace(change, lane=Lane(row.lane))))
    return bool(row.kind == type(change).__name__ and row.payload_hash == digest)


def pending(
    conn: Connection,
    system: str,
    now: datetime,
    lanes: Sequence[str],
    kinds: Iterable[str],
    limit: int,
    run: str | None = None,
) -> list[Wish]:
    """The next changes that may be sent to a system, by lane, then oldest first; `run`: only those it wrote down."""
    where = {"of": system, "by": micros(now), "kinds": sorted(kinds), "most": limit, "mine": run}
    rows = conn.execute(_pending(tuple(lanes), one_run=run is not None), where)
    return [Wish(as_stored(row), row.attempts, row.uncertain_until is not None) for row in rows]


@cache
def _pending(lanes: tuple[str, ...], *, one_run: bool) -> Select[Any]:
    c = t.outbox.c
    rank = case({lane: i for i, lane in enumerate(lanes)}, value=c.lane, else_=len(lanes))
    kinds = c.kind.in_(bindparam("kinds", expanding=True))
    return (
        select(c.kind, c.payload, c.identity, c.attempts, c.uncertain_until)
        .where(c.state == "pending", c.system == bindparam("of"), c.next_at <= bindparam("by"), kinds)
        .where(c.run == bindparam("mine") if one_run else true())
        .order_by(rank, c.created_at, c.key)
        .limit(bindparam("most"))
    )


def as_stored(row: Any) -> AnyChange:
    """A change as it stands there: about the identity that it is of by now, who may have been joined to another."""
    return replace(load_change(row.kind, row.payload), identity=row.identity)


def claim(conn: Connection, keys: Sequence[str], token: int, now: datetime, job: str | None = None) -> None:
    """These changes are about to be sent (by a job); to be committed before the first byte goes out."""
    for some in chunks(keys):
        conn.execute(_CLAIMING, {"keys": some, "token": token, "sent_at": micros(now), "job": job})


def settle(
    conn: Connection,
    trail: Trail,
    wishes: Mapping[str, Wish],
    receipts: Sequence[Receipt],
    run: str,
    now: datetime,
    retry_at: datetime,
    most_attempts: int,
) -> dict[str, str]:
    """Record receipts; the state of each change now: `done`, `parked`, or `pending` until `retry_at`.

    The audit `trail` tells of each. A row that may succeed later is parked after `most_attempts` tries.
    """
    states: dict[str, str] = {}
    rows, history = [], []
    for receipt in receipts:
        wish = wishes[receipt.key]
        worn_out = receipt.status == "retry" and wish.attempts + 1 >= most_attempts
        state = "parked" if worn_out else _STATE_OF[receipt.status]
        states[receipt.key] = state
        rows.append(
            {
                "of": receipt.key,
                "state": state,
                "next_at": micros(retry_at if state == "pending" else now),
                "done_at": micros(now) if state == "done" else None,
                "remote_id": receipt.remote_id,
                "code": receipt.code,
                **_cause(receipt),
            }
        )
        history.append(_history(wish.change, receipt, run, now))
    if rows:
        conn.execute(_SETTLING, rows)
        trail.add_deliveries(conn, run, now, history)
        conn.execute(insert(t.delivery), history)
    return states


def _cause(receipt: Receipt) -> dict[str, Any]:
    """Why something was not done, in every language somebody may want it in later."""
    return {
        f"{name}{'_ja' if language == 'ja' else ''}": text.in_(language) if text else ""
        for name, text in (("error", receipt.what), ("fix", receipt.fix))
        for language in _LANGUAGES
    } | {"said": _storable(receipt.said), "doubtful": receipt.doubtful}


def _storable(said: str) -> str:
    """A vendor's words, as many as are kept, and as any database takes them: they may hold a NUL or half a letter."""
    return said[:MOST_SAID].encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


_LANGUAGES: tuple[Language, ...] = ("en", "ja")
_STATE_OF = {"done": "done", "refused": "parked", "retry": "pending"}


def _history(change: Change, receipt: Receipt, run: str, now: datetime) -> dict[str, Any]:
    return {
        "run": run,
        "key": change.key,
        "kind": type(change).__name__,
        "system": change.system,
        "identity": change.identity,
        "payload": dump_change(change),  # type: ignore[arg-type]  # one of the unions' members
        "status": receipt.status,
        "remote_id": receipt.remote_id,
        "code": receipt.code,
        "at": micros(now),
    }


def put_off(conn: Connection, keys: Sequence[str], until: datetime) -> None:
    """Nothing of these was sent: they are pending again, from `until` on; the attempt does not count."""
    c = t.outbox.c
    for some in chunks(keys):
        conn.execute(
            update(t.outbox)
            .where(c.key.in_(some))
            .values(
                state="pending",
                next_at=micros(until),
                attempts=case((c.state == "inflight", c.attempts - 1), else_=c.attempts),
            )
        )


def wait(conn: Connection, keys: Sequence[str], until: datetime) -> None:
    """Those of these that would be due before then are not."""
    c = t.outbox.c
    for some in chunks(keys):
        early = (c.key.in_(some), c.state == "pending", c.next_at < micros(until))
        conn.execute(update(t.outbox).where(*early).values(next_at=micros(until)))


def bring_forward(conn: Connection, now: datetime) -> None:
    """What waits longer than anything is put off was put off by a clock that was wrong: it is due."""
    c = t.outbox.c
    late = micros(now + _LONGEST_PUT_OFF)
    waits = c.state == "pending"
    conn.execute(
        update(t.outbox).where(waits, c.uncertain_until > late).values(uncertain_until=micros(now + QUARANTINE))
    )
    conn.execute(update(t.outbox).where(waits, c.next_at > late).values(next_at=micros(now)))


def adopt(conn: Connection, keys: Sequence[str], run: str) -> None:
    """Those of these changes that wait are this run's to send, whichever wrote them down."""
    c = t.outbox.c
    for some in chunks(keys):
        conn.execute(update(t.outbox).where(c.key.in_(some), c.state == "pending").values(run=run))


def untold(conn: Connection, system: str | None = None, run: str | None = None) -> list[RaiseAlert]:
    """Alerts that no system has taken: never tried, or refused the only time.

    `system`: only those that go there; `run`: only those it wrote down.
    """
    c = t.outbox.c
    there = c.system == system if system is not None else true()
    mine = c.run == run if run is not None else true()
    query = select(c.kind, c.payload, c.identity).where(_UNTOLD, there, mine).order_by(c.created_at, c.key)
    return [change for row in conn.execute(query) if isinstance(change := as_stored(row), RaiseAlert)]


def redirect(conn: Connection, alerts: Sequence[RaiseAlert], now: datetime) -> None:
    """Those of these that are still `untold` are for the owner they name now; what was refused is due again."""
    c = t.outbox.c
    for alert in alerts:
        payload = dump_change(alert)
        refused = c.state == "parked"
        conn.execute(
            update(t.outbox)
            .where(c.key == alert.key, _UNTOLD)
            .values(
                payload=payload,
                payload_hash=fingerprint(payload),
                state="pending",
                attempts=0,
                next_at=case((refused, micros(now)), else_=c.next_at),
                **NO_CAUSE,
            )
        )


def standing(conn: Connection, keys: Sequence[str]) -> dict[str, tuple[str, AnyChange]]:
    """Those of these keys that are in the outbox: their state, and the change as it was last wished for."""
    c = t.outbox.c
    found: dict[str, tuple[str, AnyChange]] = {}
    for some in chunks(sorted(set(keys))):
        for row in conn.execute(select(c.key, c.state, c.kind, c.payload, c.identity).where(c.key.in_(some))):
            found[row.key] = (row.state, as_stored(row))
    return found


def drop(conn: Connection, keys: Sequence[str], why: str) -> None:
    """These changes are no longer wanted."""
    for some in chunks(keys):
        conn.execute(update(t.outbox).where(t.outbox.c.key.in_(some)).values(state="dropped", code=why))


def fold(conn: Connection, keys: Sequence[str], into: str, code: str = "digest") -> None:
    """These alerts count as raised, and are not sent by themselves: a digest tells them, or what `code` says."""
    for some in chunks(keys):
        conn.execute(update(t.outbox).where(t.outbox.c.key.in_(some)).values(state="done", code=code, remote_id=into))


def still_due(
    conn: Connection,
    system: str,
    now: datetime,
    kinds: Iterable[str],
    run: str | None = None,
    but: Collection[str] = (),
    since: datetime | None = None,
) -> dict[str, int]:
    """How many of the changes that `pending` may give are still to be sent, per kind; those in jobs are sent.

    `but`: keys not to count; `since`: only those that were written down after that.
    """
    c = t.outbox.c
    waits = c.state.in_(("pending", "inflight")) & c.job.is_(None)
    due = (c.system == system) & waits & (c.next_at <= micros(now)) & c.kind.in_(sorted(kinds))
    if run is not None:
        due &= c.run == run
    if since is not None:
        due &= c.created_at > micros(since)
    query = select(c.kind, func.count().label("n")).where(due).group_by(c.kind)
    counts: Counter[str] = Counter({row.kind: row.n for row in conn.execute(query)})
    for some in chunks(sorted(but) if counts else ()):
        counts.subtract({row.kind: row.n for row in conn.execute(query.where(c.key.in_(some)))})
    return dict(+counts)


def withdraw(conn: Connection, identities: Sequence[str], keep: Iterable[str]) -> int:
    """Drop unsent wishes of these identities that the newest plan does not contain; how many.

    Alerts stay: once decided, they are not planned again. So does what an administrator undoes: no plan contains it;
    and what may have taken effect, until a person has looked.
    """
    kept = set(keep)
    c = t.outbox.c
    gone: list[str] = []
    for some in chunks(identities):
        revocable = c.write_class.in_(("A", "D")) | (c.kind == "CreatePerson")
        mine = (c.identity.in_(some), c.state.in_(("pending", "parked")), c.rule != UNDO, c.doubtful.is_(False))
        query = select(t.outbox).where(*mine, revocable)
        for row in conn.execute(query).all():
            if row.key in kept:
                continue
            doubtful = row.uncertain_until is not None and row.write_class == "D"
            if not (doubtful and _take_back(conn, row)):
                gone.append(row.key)
    drop(conn, gone, "superseded")
    return len(gone)


def revocable(change: AnyChange) -> bool:
    """Whether `withdraw` drops it when the newest plan does not contain it."""
    undo = any(reason.rule == UNDO for reason in change.reasons)
    return not undo and (change.write_class in (WriteClass.A, WriteClass.D) or isinstance(change, CreatePerson))


def _take_back(conn: Connection, row: Any) -> bool:
    """Have a list end as it stands in spite of what is in doubt; whether anything has to be sent for that.

    The newest plan asks for nothing. Of an entry of ours it would ask for the removal, if no rule held.
    """
    change = load_change(row.kind, row.payload)
    if not isinstance(change, AddToList | RemoveFromList):
        return False
    m = t.member.c
    there = conn.execute(select(m.ours).where(_membership(change), m.on_list)).one_or_none()
    if isinstance(change, AddToList) and there is not None and not there.ours:
        return False  # others have put the person there meanwhile: it must not become ours
    kind = RemoveFromList if there is None or not there.ours else AddToList
    if kind is not type(change):
        _turn(conn, row, change, kind)
    return True


def _turn(
    conn: Connection, row: Any, change: AddToList | RemoveFromList, kind: type[AddToList | RemoveFromList]
) -> None:
    """Its opposite takes its place, due when what is in doubt cannot take effect any more."""
    opposite = kind(
        key=change.key, system=change.system, identity=row.identity, lane=change.lane, reasons=change.reasons,
        list=change.list, person=change.person,
    )  # fmt: skip
    payload = dump_change(opposite)
    at, due = moment(row.created_at), moment(max(row.next_at, row.uncertain_until))
    values = _row(opposite, payload, fingerprint(payload), row.run, at, due) | {"code": _code(kind, row)}
    conn.execute(update(t.outbox).where(t.outbox.c.key == row.key).values(**values))


def backlog(conn: Connection) -> dict[tuple[str, str], int]:
    """How many changes stand in each state, per system."""
    c = t.outbox.c
    query = select(c.system, c.state, func.count().label("n")).group_by(c.system, c.state)
    return {(row.system, row.state): row.n for row in conn.execute(query)}


def parked(conn: Connection) -> list[Parked]:
    """Every parked change, oldest first."""
    c = t.outbox.c
    return [
        Parked(
            r.key,
            r.system,
            r.kind,
            r.identity,
            r.code,
            r.error,
            r.attempts,
            moment(r.sent_at or r.created_at),
            r.error_ja,
            r.fix,
            r.fix_ja,
        )
        for r in conn.execute(select(t.outbox).where(c.state == "parked").order_by(c.created_at, c.key))
    ]


def sent_alerts(conn: Connection, system: str, since: datetime) -> dict[str, int]:
    """Alerts delivered since then, per owner."""
    c = t.outbox.c
    query = select(c.payload).where(
        c.kind == "RaiseAlert", c.system == system, c.state == "done", c.done_at >= micros(since)
    )
    counts: dict[str, int] = {}
    for payload in conn.scalars(query):
        alert = load_change("RaiseAlert", payload)
        if isinstance(alert, RaiseAlert):
            counts[alert.owner_id] = counts.get(alert.owner_id, 0) + 1
    return counts


def history(conn: Connection, identity: str, limit: int = 50) -> list[tuple[AnyChange, str, str, datetime, str]]:
    """What was sent for an identity, newest first: change, status, run, time, code."""
    c = t.delivery.c
    query = select(t.delivery).where(c.identity == identity).order_by(c.no.desc()).limit(limit)
    return [(load_change(r.kind, r.payload), r.status, r.run, moment(r.at), r.code) for r in conn.execute(query)]


def waiting(conn: Connection, limit: int | None = None) -> list[AnyChange]:
    """Changes that wait to be sent, in the order in which they were written down."""
    c = t.outbox.c
    columns = (c.kind, c.payload, c.identity)
    query = select(*columns).where(c.state == "pending").order_by(c.created_at, c.key).limit(limit)
    return [as_stored(row) for row in conn.execute(query)]


def waiting_kinds(conn: Connection) -> dict[tuple[str, str], int]:
    """How many changes wait to be sent, by system and kind."""
    c = t.outbox.c
    query = select(c.system, c.kind, func.count().label("n")).where(c.state == "pending").group_by(c.system, c.kind)
    return {(row.system, row.kind): row.n for row in conn.execute(query)}


def loads(conn: Connection, but: Collection[str] = ()) -> dict[str, tuple[int, int]]:
    """Per system, how many waiting changes alter something, and how many only add; `but`: keys not to count."""
    c = t.outbox.c
    query = select(c.system, c.alters, func.count().label("n")).where(c.state == "pending").group_by(c.system, c.alters)
    counts: Counter[tuple[str, bool]] = Counter({(row.system, row.alters): row.n for row in conn.execute(query)})
    for some in chunks(sorted(but)):
        counts.subtract({(row.system, row.alters): row.n for row in conn.execute(query.where(c.key.in_(some)))})
    return {system: (counts[system, True], counts[system, False]) for system in {system for system, _ in counts}}


@dataclass(frozen=True, slots=True)
class Sent:
    """A change that reached its system: when among all, by which run, and as which record there."""

    no: int
    run: str
    change: AnyChange
    remote_id: str | None
    code: str


def delivered(conn: Connection, run: str) -> list[Sent]:
    """What a run brought to its systems, in that order."""
    c = t.delivery.c
    query = select(t.delivery).where(c.run == run, c.status == "done").order_by(c.no)
    return [_sent(row) for row in conn.execute(query)]


def last_run(conn: Connection) -> str | None:
    """The run that brought anything to a system last."""
    c = t.delivery.c
    found: str | None = conn.scalar(select(c.run).where(c.status == "done").order_by(c.no.desc()).limit(1))
    return found


def delivered_later(conn: Connection, keys: Collection[str], after: int, run: str) -> list[Sent]:
    """What other runs than `run` did under these keys behind delivery number `after`, in that order."""
    c = t.delivery.c
    found: list[Sent] = []
    for some in chunks(sorted(keys)):
        later = (c.key.in_(some), c.no > after, c.status == "done", c.run != run)
        found += [_sent(row) for row in conn.execute(select(t.delivery).where(*later))]
    return sorted(found, key=lambda sent: sent.no)


def _sent(row: Any) -> Sent:
    return Sent(row.no, row.run, load_change(row.kind, row.payload), row.remote_id, row.code)


def under_way(conn: Connection, keys: Collection[str]) -> frozenset[str]:
    """Those of these keys whose change stays as it is until its system, or a person, has told what became of it."""
    c = t.outbox.c
    found: set[str] = set()
    for some in chunks(sorted(keys)):
        found.update(conn.scalars(select(c.key).where(c.key.in_(some), c.job.is_not(None) | c.doubtful)))
    return frozenset(found)


def left_of(conn: Connection, run: str) -> dict[str, int]:
    """How many changes that a run wrote down still wait, per system."""
    c = t.outbox.c
    mine = (c.run == run, c.state.in_(("pending", "inflight")))
    query = select(c.system, func.count().label("n")).where(*mine).group_by(c.system)
    return {row.system: row.n for row in conn.execute(query)}


def uncertain(conn: Connection) -> dict[str, int]:
    """How many changes were sent and nobody knows what became of them, per system."""
    c = t.outbox.c
    open_ = (c.state == "inflight") | ((c.state == "pending") & c.uncertain_until.is_not(None))
    query = select(c.system, func.count().label("n")).where(open_).group_by(c.system)
    return {row.system: row.n for row in conn.execute(query)}
