"""Identities: which records are whose, what became of them, what is proposed, and what somebody decided.

All of it runs in the caller's transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, bindparam, case, delete, func, insert, or_, select, update

from connector.model import Ref
from connector.store import tables as t
from connector.store.codec import micros, moment
from connector.store.marks import chunks, upsert


def assign(conn: Connection, identities: Mapping[int, str], at: datetime) -> None:
    """Make each person row (by number) a record of the identity with the given id.

    An identity that loses its last record is kept as a pointer to where it went, and its alerts count there. What
    came of an identity's records is written down.
    """
    before, gone = _before(conn, identities)
    moved = {no: new for no, new in identities.items() if before.get(no) != new}
    if not moved:
        return
    wanted = sorted(set(moved.values()))
    known: dict[str, int] = {}
    for attempt in ("find", "make"):
        for ids in chunks(wanted):
            rows = conn.execute(select(t.identity.c.id, t.identity.c.no).where(t.identity.c.id.in_(ids)))
            known.update((row.id, row.no) for row in rows)
        missing = [new for new in wanted if new not in known]
        if attempt == "find" and missing:
            conn.execute(insert(t.identity), [{"id": new, "due_at": 0} for new in missing])
    conn.execute(
        update(t.person).where(t.person.c.no == bindparam("no_")).values(identity=bindparam("identity_")),
        [{"no_": no, "identity_": known[new]} for no, new in moved.items()],
    )
    for ids in chunks(wanted):
        conn.execute(update(t.identity).where(t.identity.c.id.in_(ids)).values(due_at=0, merged_into=None))
    heirs: dict[tuple[str, str], list[int]] = defaultdict(list)
    for no, new in moved.items():
        if old := before.get(no):
            heirs[old, new].append(no)
    buried = _bury(conn, heirs, gone)
    _write_down(conn, heirs, buried, at)


def _before(conn: Connection, nos: Collection[int]) -> tuple[dict[int, str | None], set[int]]:
    """The identities that these person rows are of, and which of the rows are gone."""
    before: dict[int, str | None] = {}
    gone: set[int] = set()
    for some in chunks(sorted(nos)):
        rows = conn.execute(
            select(t.person.c.no, t.person.c.gone_at, t.identity.c.id)
            .join(t.identity, t.identity.c.no == t.person.c.identity, isouter=True)
            .where(t.person.c.no.in_(some))
        )
        for row in rows:
            before[row.no] = row.id
            if row.gone_at is not None:
                gone.add(row.no)
    return before, gone


def _bury(conn: Connection, heirs: Mapping[tuple[str, str], Sequence[int]], gone: AbstractSet[int]) -> set[str]:
    """Close the identities that have lost their last record; which they are.

    What was done for one of them goes with the records that are still there, and then with the most.
    """
    buried: set[str] = set()
    for old, new in sorted(heirs, key=lambda pair: (-len({*heirs[pair]} - gone), -len(heirs[pair]), pair)):
        if old in buried:
            continue
        no = conn.scalar(select(t.identity.c.no).where(t.identity.c.id == old))
        left = conn.scalar(select(func.count()).select_from(t.person).where(t.person.c.identity == no))
        if left:
            conn.execute(update(t.identity).where(t.identity.c.no == no).values(due_at=0))
            continue
        buried.add(old)
        conn.execute(update(t.identity).where(t.identity.c.no == no).values(due_at=None, merged_into=new))
        conn.execute(delete(t.score).where(t.score.c.identity == no))
        subject = case((t.outbox.c.subject == f"person:{old}", f"person:{new}"), else_=t.outbox.c.subject)
        conn.execute(update(t.outbox).where(t.outbox.c.identity == old).values(identity=new, subject=subject))
    return buried


def _write_down(
    conn: Connection, heirs: Mapping[tuple[str, str], Sequence[int]], buried: Collection[str], at: datetime
) -> None:
    rows = [
        {
            "kind": "merged" if old in buried else "split",
            "identity": new,
            "other": old,
            "records": orjson.dumps(sorted(str(ref) for ref in refs_of(conn, nos).values())).decode(),
            "at": micros(at),
        }
        for (old, new), nos in heirs.items()
    ]
    if rows:
        conn.execute(insert(t.identity_event), rows)


@dataclass(frozen=True, slots=True)
class Event:
    """Records came to an identity from another: it took over the last of them (merged), or only some (split)."""

    kind: str
    identity: str
    other: str
    records: tuple[str, ...]
    at: datetime


def events_of(conn: Connection, identity: str) -> list[Event]:
    """What became of an identity's records, oldest first."""
    c = t.identity_event.c
    rows = conn.execute(select(t.identity_event).where((c.identity == identity) | (c.other == identity)).order_by(c.no))
    return [Event(r.kind, r.identity, r.other, tuple(orjson.loads(r.records)), moment(r.at)) for r in rows]


def refs_of(conn: Connection, nos: Collection[int]) -> dict[int, Ref]:
    """The records with these row numbers."""
    p = t.person.c
    found: dict[int, Ref] = {}
    for some in chunks(sorted(nos)):
        rows = conn.execute(select(p.no, p.system, p.object, p.id).where(p.no.in_(some)))
        found.update((row.no, Ref(row.system, row.object, row.id)) for row in rows)
    return found


def with_identities(conn: Connection, identities: Collection[str]) -> list[int]:
    """Row numbers of the records of these identities, and of those that bear one of these ids as our key."""
    found: list[int] = []
    for some in chunks(sorted(identities)):
        own = select(t.identity.c.no).where(t.identity.c.id.in_(some))
        found += conn.scalars(select(t.person.c.no).where(t.person.c.identity.in_(own)))
        found += conn.scalars(select(t.person.c.no).where(t.person.c.external_key.in_(some)))
    return found


def with_several_records(conn: Connection) -> list[int]:
    """Row numbers of the identities that have more than one living record, in order."""
    p = t.person.c
    living = (p.identity.is_not(None), p.known, p.gone_at.is_(None))
    several = select(p.identity).where(*living).group_by(p.identity).having(func.count() > 1).order_by(p.identity)
    return [no for no in conn.scalars(several) if no is not None]


def borne(conn: Connection, identities: Collection[str]) -> set[str]:
    """Which of these ids stand in our key field of a living record."""
    p = t.person.c
    found: set[str] = set()
    for some in chunks(sorted(identities)):
        found.update(
            conn.scalars(select(p.external_key).where(p.external_key.in_(some), p.gone_at.is_(None)).distinct())
        )
    return found


def set_firm(conn: Connection, firm: Mapping[int, bool]) -> None:
    """Whether more than a name at a company, or our own key, ties each of these records to its identity."""
    if firm:
        conn.execute(
            update(t.person).where(t.person.c.no == bindparam("no_")).values(firm=bindparam("firm_")),
            [{"no_": no, "firm_": one} for no, one in firm.items()],
        )


class Taken:
    """The ids that identities have or had: `in` asks the store."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    def __contains__(self, identity: object) -> bool:
        return self._conn.scalar(select(t.identity.c.no).where(t.identity.c.id == identity)) is not None


# --- pairs ------------------------------------------------------------------------------------------------------------

Pair = tuple[int, int]
"""Two records by their row numbers, the smaller first."""

Verdict = Literal["same", "different", "later"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """Two records that may be one person, and what held it back."""

    a: int
    b: int
    rule: str
    evidence: str
    strength: int
    guard: str


def put_proposals(conn: Connection, nos: Collection[int], proposals: Iterable[Proposal]) -> None:
    """What is proposed about these records now; all that was proposed about them before is forgotten."""
    c = t.proposal.c
    for some in chunks(sorted(nos)):
        conn.execute(delete(t.proposal).where(or_(c.a.in_(some), c.b.in_(some))))
    rows: dict[Pair, dict[str, Any]] = {}
    for p in proposals:
        pair = (min(p.a, p.b), max(p.a, p.b))
        rows[pair] = {
            "a": pair[0],
            "b": pair[1],
            "rule": p.rule,
            "evidence": p.evidence,
            "strength": p.strength,
            "guard": p.guard,
        }
    upsert(conn, t.proposal, list(rows.values()), ["rule", "evidence", "strength", "guard"])


def proposals(conn: Connection) -> list[Proposal]:
    """Everything that is proposed, in a stable order."""
    rows = conn.execute(select(t.proposal).order_by(t.proposal.c.a, t.proposal.c.b))
    return [Proposal(r.a, r.b, r.rule, r.evidence, r.strength, r.guard) for r in rows]


def proposed_for(conn: Connection, nos: Collection[int]) -> list[Proposal]:
    """What is proposed about these records."""
    c = t.proposal.c
    found: list[Proposal] = []
    for some in chunks(sorted(nos)):
        rows = conn.execute(select(t.proposal).where(or_(c.a.in_(some), c.b.in_(some))).order_by(c.a, c.b))
        found += [Proposal(r.a, r.b, r.rule, r.evidence, r.strength, r.guard) for r in rows]
    return found


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody said of two records; `asked`: what they had been asked about."""

    a: int
    b: int
    verdict: Verdict
    by: str
    at: datetime
    reason: str = ""
    asked: str = ""


def put_decisions(conn: Connection, decisions: Iterable[Decision]) -> None:
    """Remember decisions; a later one about the same pair replaces an earlier one."""
    rows = {
        (min(d.a, d.b), max(d.a, d.b)): {
            "a": min(d.a, d.b), "b": max(d.a, d.b), "verdict": d.verdict, "by": d.by, "reason": d.reason,
            "asked": d.asked, "at": micros(d.at),
        }
        for d in decisions
    }  # fmt: skip
    upsert(conn, t.decision, list(rows.values()), ["verdict", "by", "reason", "asked", "at"])


def decisions_about(conn: Connection, nos: Collection[int]) -> list[Decision]:
    """What was decided about these records."""
    c = t.decision.c
    found: dict[Pair, Decision] = {}
    for some in chunks(sorted(nos)):
        for row in conn.execute(select(t.decision).where(or_(c.a.in_(some), c.b.in_(some)))):
            found[row.a, row.b] = _decision(row)
    return list(found.values())


def all_decisions(conn: Connection) -> list[Decision]:
    """Everything that was decided, oldest first."""
    return [
        _decision(row)
        for row in conn.execute(select(t.decision).order_by(t.decision.c.at, t.decision.c.a, t.decision.c.b))
    ]


def _decision(row: Any) -> Decision:
    return Decision(row.a, row.b, row.verdict, row.by, moment(row.at), row.reason, row.asked)


def merged_since(conn: Connection, since: datetime) -> int:
    """How many identities were taken over by others after that time."""
    c = t.identity_event.c
    counted = select(func.count()).select_from(t.identity_event).where(c.kind == "merged", c.at > micros(since))
    return conn.scalar(counted) or 0


def decided_same_since(conn: Connection, since: datetime) -> int:
    """How many pairs a person called one after that time."""
    c = t.decision.c
    counted = select(func.count()).select_from(t.decision).where(c.verdict == "same", c.at > micros(since))
    return conn.scalar(counted) or 0
