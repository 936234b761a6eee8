"""Why: one person explained, from the records to the text that the rep sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from connector.changes import AnyChange, Reason, Withheld
from connector.engine.app import App
from connector.engine.identify import Near
from connector.engine.planning import facts_of
from connector.errors import ConnectorError, text
from connector.model import Person, Ref, Score, Subject, Value
from connector.rules.compare import Level, compare
from connector.rules.identify import Kind, mailbox_of
from connector.rules.nearly import Judged, behind, judged
from connector.rules.plan import plan, views
from connector.rules.resolve import Edge
from connector.store import identities, load, outbox, people
from connector.store.identities import Event
from connector.store.people import Filed


@dataclass(frozen=True, slots=True)
class Sent:
    """One change that was sent: what, with which result, in which run."""

    change: AnyChange
    status: str
    run: str
    at: datetime
    code: str


@dataclass(frozen=True, slots=True)
class Tie:
    """Two records that are one person (or, with a guard, might be): what they have in common, as each spells it."""

    edge: Edge
    names: Level
    common: tuple[str, ...]
    """The values behind the evidence; one where both spell it alike."""
    other: Mapping[str, Value]
    """Of a tie that was held back: what the other person's record says."""
    identity: str
    """... and who that is."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What somebody said of one of the records and another."""

    a: Ref
    b: Ref
    verdict: str
    by: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Who:
    """Why these records are one person."""

    ties: tuple[Tie, ...] = ()
    """What joins the records, strongest first: one less than there are records."""
    apart: tuple[Tie, ...] = ()
    """What might have joined others, and why it did not."""
    decisions: tuple[Decided, ...] = ()
    events: tuple[Event, ...] = ()
    """Records that came from other identities, or went."""


@dataclass(frozen=True, slots=True)
class Why:
    """Everything about one person, now."""

    identity: str
    company: str | None
    parents: tuple[str, ...]
    """The companies that its company belongs to, as an SFA has it: a relation, never one company."""
    records: tuple[Person, ...]
    who: Who
    scores: tuple[Score, ...]
    lists: tuple[tuple[str, str, bool], ...]
    """(system, list, put there by us)."""
    open: tuple[AnyChange, ...]
    """What would be written now, or waits to be sent."""
    withheld: tuple[Withheld, ...]
    sent: tuple[Sent, ...]
    behind: Mapping[tuple[str, str], str]
    """The touchpoint behind each line of the scores, by score and rule."""
    rules: tuple[Judged, ...]
    """Rules that hold, and those that nearly do."""

    def reasons(self) -> tuple[Reason, ...]:
        """Reasons of everything that was sent or would be."""
        return tuple(r for change in (*self.open, *(s.change for s in self.sent)) for r in change.reasons)


def why(app: App, words: str) -> Why:
    """Explain the person that `words` means: an id of ours, a record id, `system/object/id`, or an e-mail address.

    :raises ConnectorError: when nobody or several people are meant
    """
    with app.reading() as conn:
        found = [one(conn, app, words)]
        world = app.world(conn, app.clock())
        rules = app.setup.rules
        facts = facts_of(conn, rules, world, found)
        planned, view, subject = plan(facts, rules), next(views(facts, rules)), facts.subjects[0]
        who = _who(conn, app, subject)
        fresh = outbox.fresh(conn, planned.changes)
        history = [Sent(*row) for row in outbox.history(conn, subject.identity.id)]
        company = subject.identity.company
        names = load.company_names(conn, [company] if company else [])
        parents = load.parent_companies(conn, company) if company else ()
    lists = [
        (system, name, bool(subject.ours.get((system, name), frozenset()) & members))
        for (system, name), members in sorted(subject.lists.items())
    ]
    return Why(
        subject.identity.id,
        names.get(company, company) if company else None,
        parents,
        subject.identity.persons,
        who,
        planned.outcomes[0].scores,
        tuple(lists),
        tuple(fresh),
        planned.withheld,
        tuple(history),
        {key: " ".join(filter(None, [view.told(touch), touch.url])) for key, touch in behind(view, rules).items()},
        judged(view, rules),
    )


def one(conn: Connection, app: App, words: str) -> int:
    """The row number of the person that `words` means.

    :raises ConnectorError: when nobody or several people are meant
    """
    found = load.find_identity(conn, words) or load.find_identity(conn, _as_key(app, words))
    if len(found) != 1:
        raise nobody_or_many(len(found))
    return found[0]


def identity_meant(app: App, conn: Connection, words: str) -> str:
    """Our id of the person that `words` means, as `why` takes them.

    :raises ConnectorError: when nobody or several people are meant
    """
    return load.identity_id(conn, one(conn, app, words))


def identities_of(app: App, words: str) -> frozenset[str]:
    """As `identity_meant`, for a choice among many."""
    with app.reading() as conn:
        return frozenset({identity_meant(app, conn, words)})


def _as_key(app: App, words: str) -> str:
    return mailbox_of(words, app.setup.identity) or words.strip().lower()


def _who(conn: Connection, app: App, subject: Subject) -> Who:
    near = Near(conn, app.setup.identity)
    nos = people.person_nos(conn, [person.ref for person in subject.identity.persons])
    groups = [group for group in near.groups(nos.values()) if not nos.keys().isdisjoint(group.records)]
    edges = sorted((e for group in groups for e in group.edges), key=lambda e: (-e.strength, str(e.a), str(e.b)))
    apart = sorted({e for group in groups for e in group.withheld}, key=lambda e: (-e.strength, str(e.a), str(e.b)))
    filed = {one.person.ref: one for one in near.filed.values()}
    own = set(nos)
    decisions = identities.decisions_about(conn, nos.values())
    refs = identities.refs_of(conn, {no for d in decisions for no in (d.a, d.b)})
    return Who(
        tuple(_tie(edge, near, filed, own) for edge in edges),
        tuple(_tie(edge, near, filed, own) for edge in apart),
        tuple(Decided(refs[d.a], refs[d.b], d.verdict, d.by, d.at, d.reason) for d in decisions),
        tuple(identities.events_of(conn, subject.identity.id)),
    )


def _tie(edge: Edge, near: Near, filed: Mapping[Ref, Filed], own: set[Ref]) -> Tie:
    a, b = filed[edge.a], filed[edge.b]
    one, other = near.load([a.no, b.no])
    common = tuple(dict.fromkeys(filter(None, (_spelt(edge.evidence, filed.person.fields) for filed in (a, b)))))
    stranger = b if edge.a in own else a
    return Tie(edge, compare(one.name, other.name), common, stranger.person.fields, str(stranger.identity))


_SPELT: Mapping[Kind, tuple[str, ...]] = {
    "email": ("email",),
    "mailbox_name": ("email",),
    "mobile": ("mobile", "phone"),
    "name_company": ("company", "email"),
    "name_phone": ("phone", "mobile"),
}
"""The fields that evidence stands in, the first that is filled."""


def _spelt(evidence: Kind, fields: Mapping[str, Value]) -> str:
    return next((str(value) for name in _SPELT.get(evidence, ()) if (value := fields.get(name))), "")


def nobody_or_many(count: int) -> ConnectorError:
    """That some words mean no person, or so many."""
    if count:
        return ConnectorError(
            text("{n} {n:person is|people are} meant", "{n}人が該当します", n=count),
            fix=text("use a record id", "レコード ID を指定してください"),
        )
    return ConnectorError(
        text("nobody is known by that", "該当する人物がいません"),
        fix=text(
            "use an id from the plan, a record id or an e-mail address",
            "計画に出る ID、レコード ID、メールアドレスを指定してください",
        ),
    )
