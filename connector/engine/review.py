"""Doubtful pairs for a person to decide: asked best first, never what is hopeless, and never twice.

A decision is about two records and stays with them, whatever identities they belong to later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from connector.changes import AnyChange
from connector.engine.app import App, who
from connector.engine.doubt import asked_of, filed_as, living, worth_asking
from connector.engine.identify import identify_around
from connector.engine.planning import plan_chunk
from connector.errors import ConnectorError, text
from connector.model import Ref, Score, Value
from connector.rules.resolve import order
from connector.store import identities, outbox, people
from connector.store import tables as t
from connector.store.identities import Decision, Proposal, Verdict
from connector.store.lease import Lease
from connector.store.marks import mark_people
from connector.store.people import Filed
from connector.store.trail import decided

SHOWN = (
    "name", "kana", "company", "corporate_number", "department", "title", "email", "phone", "mobile", "postal_code",
    "address",
)  # fmt: skip
"""What is shown of both records, side by side."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two records that a question is about, and who it belongs to now."""

    ref: Ref
    identity: str
    fields: Mapping[str, Value]
    """Of `SHOWN`, those that say something."""
    records: tuple[Ref, ...]
    """All records of its identity."""


@dataclass(frozen=True, slots=True)
class Question:
    """Whether two records are one person: what they have in common, and what spoke against it."""

    a: Side
    b: Side
    rule: str
    evidence: str
    guard: str
    strength: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody says of two records."""

    a: Ref
    b: Ref
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Became:
    """An identity as it would be: its records, scores, and what would be written about it."""

    identity: str
    records: tuple[Ref, ...]
    scores: tuple[Score, ...]
    changes: tuple[AnyChange, ...]


@dataclass(frozen=True, slots=True)
class Effect:
    """What an answer would change: the identities of the two records before and after."""

    before: tuple[Became, ...]
    after: tuple[Became, ...]


def questions(app: App) -> list[Question]:
    """Everything that waits for somebody, most likely first; one question for each two identities."""
    with app.reading() as conn:
        proposed = identities.proposals(conn)
        decided = identities.all_decisions(conn)
        filed = filed_as(conn, {no for p in proposed for no in (p.a, p.b)} | {no for d in decided for no in (d.a, d.b)})
        asked = worth_asking(proposed, decided, filed, app.clock())
        records = _records(conn, {filed[no].identity_no for p in asked for no in (p.a, p.b)})
    return [_question(p, filed, records) for p in asked]


def _records(conn: Connection, identity_nos: Iterable[int | None]) -> dict[str, tuple[Ref, ...]]:
    wanted = sorted({no for no in identity_nos if no is not None})
    return living(people.load_filed(conn, t.person.c.identity, wanted))


def _question(proposal: Proposal, filed: Mapping[int, Filed], records: Mapping[str, tuple[Ref, ...]]) -> Question:
    a, b = (side_of(filed[no], records) for no in (proposal.a, proposal.b))
    return Question(a, b, proposal.rule, proposal.evidence, proposal.guard, proposal.strength)


def side_of(one: Filed, records: Mapping[str, tuple[Ref, ...]]) -> Side:
    """A record as it is shown; `records`: all of each identity."""
    said = one.person.fields
    whole = {
        **said,
        "name": said.get("name") or _joined(said.get("family_name"), said.get("given_name")),
        "kana": _joined(said.get("family_kana"), said.get("given_kana")),
    }
    shown = {name: value for name in SHOWN if (value := whole.get(name)) not in (None, "")}
    identity = str(one.identity)
    return Side(one.person.ref, identity, shown, records.get(identity, ()))


def _joined(*parts: Value) -> str:
    return " ".join(str(part) for part in parts if part)


# --- answers ----------------------------------------------------------------------------------------------------------


def decide(app: App, answers: Sequence[Answer], by: str) -> int:
    """Remember what was said and re-decide the people concerned; how many pairs it was said of.

    :raises ConnectorError: a record is not known; then nothing is remembered
    :raises Locked: a run is at work
    """
    with app.lease() as lease, lease.writing() as conn:
        _take(conn, app, answers, by)
        app.trail.add(conn, "", app.clock(), [decided([answer.verdict for answer in answers], by or who())])
    return len(answers)


def _take(conn: Connection, app: App, answers: Sequence[Answer], by: str) -> dict[Ref, int]:
    nos = _nos(conn, {ref for answer in answers for ref in (answer.a, answer.b)})
    now = app.clock()
    pairs = [(min(nos[x.a], nos[x.b]), max(nos[x.a], nos[x.b])) for x in answers]
    asked = {(p.a, p.b): asked_of(p) for p in identities.proposed_for(conn, nos.values())}
    identities.put_decisions(
        conn,
        [
            Decision(a, b, answer.verdict, by, now, answer.reason, asked.get((a, b), ""))
            for (a, b), answer in zip(pairs, answers, strict=True)
        ],
    )
    _overrule(conn, answers, nos, by, now)
    identify_around(conn, app.setup, set(nos.values()), now)
    mark_people(conn, nos.values())  # a creation may have waited for the answer
    return nos


def _overrule(conn: Connection, answers: Sequence[Answer], nos: Mapping[Ref, int], by: str, now: datetime) -> None:
    """Who is one person now cannot stay different by what was said of other records of the same two identities."""
    for answer in answers:
        if answer.verdict != "same":
            continue
        sides = [{one.no for one in _around(conn, nos[ref])} for ref in (answer.a, answer.b)]
        old = [
            d
            for d in identities.decisions_about(conn, sides[0])
            if d.verdict == "different" and (d.a in sides[0]) != (d.b in sides[0]) and {d.a, d.b} & sides[1]
        ]
        identities.put_decisions(conn, [Decision(d.a, d.b, "same", by, now, answer.reason) for d in old])


def _around(conn: Connection, no: int) -> list[Filed]:
    (one,) = people.load_filed(conn, t.person.c.no, [no])
    return people.load_filed(conn, t.person.c.identity, [one.identity_no]) if one.identity_no is not None else [one]


def _nos(conn: Connection, refs: Collection[Ref]) -> dict[Ref, int]:
    nos = people.person_nos(conn, refs)
    if missing := sorted(str(ref) for ref in refs if ref not in nos):
        raise ConnectorError(
            text("not known: {refs}", "該当するレコードがありません: {refs}", refs=", ".join(missing[:5])),
            fix=text("write system/object/id", "連携先/種類/ID の形で指定してください"),
        )
    return nos


def cut(app: App, refs: Sequence[Ref]) -> list[Answer]:
    """What says that these records are another person than the rest of their identity: every pair across.

    :raises ConnectorError: they are not of one identity, or all of it
    """
    with app.reading() as conn:
        nos = _nos(conn, refs)
        rest = _around(conn, nos[refs[0]])
    ours = {one.person.ref for one in rest}
    others = sorted(ours - set(refs), key=order)
    if not set(refs) <= ours or not others:
        raise ConnectorError(
            text("these records are not part of one person", "指定したレコードは同一人物の一部ではありません"),
            fix=text("look at `connector why`", "`connector why` で確認してください"),
        )
    return [Answer(ref, other, "different") for ref in refs for other in others]


# --- what a yes would change ------------------------------------------------------------------------------------------


def effect_of(app: App, answers: Sequence[Answer], lease: Lease) -> Effect:
    """What some answers would change, without changing anything."""
    with lease.writing() as conn, conn.begin_nested() as undone:
        refs = {ref for answer in answers for ref in (answer.a, answer.b)}
        before = _became(conn, app, _identities_of(conn, refs))
        _take(conn, app, answers, "")
        after = _became(conn, app, _identities_of(conn, {ref for one in before for ref in one.records} | refs))
        undone.rollback()
    return Effect(before, after)


def _identities_of(conn: Connection, refs: Collection[Ref]) -> list[int]:
    filed = people.load_filed(conn, t.person.c.no, sorted(_nos(conn, refs).values()))
    return sorted({one.identity_no for one in filed if one.identity_no is not None})


def _became(conn: Connection, app: App, nos: Sequence[int]) -> tuple[Became, ...]:
    world = app.world_as_read(conn, app.clock())
    planned = plan_chunk(conn, app.setup.rules, world, nos)
    fresh = outbox.fresh(conn, planned.plan.changes)
    records = _records(conn, nos)
    return tuple(
        Became(
            outcome.identity, records.get(outcome.identity, ()), outcome.scores,
            tuple(change for change in fresh if change.identity == outcome.identity),
        )
        for outcome in planned.plan.outcomes
    )  # fmt: skip


def parse_ref(words: str) -> Ref:
    """`system/object/id` as a record.

    :raises ConnectorError: it has no three parts
    """
    parts = words.strip().split("/", 2)
    if len(parts) != 3 or not all(parts):
        raise ConnectorError(
            text("{words!r} is not a record", "{words!r} はレコードではありません", words=words),
            fix=text("write system/object/id", "連携先/種類/ID の形で指定してください"),
        )
    return Ref(*parts)
