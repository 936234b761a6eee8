"""Why: one person explained, from the records to the text that the rep sees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connector.changes import AnyChange, Reason, Withheld
from connector.engine.app import App
from connector.engine.planning import plan_chunk
from connector.engine.pull import keys_of_all
from connector.errors import ConnectorError, text
from connector.model import Person, Score
from connector.rules.identify import identify
from connector.store import load, outbox, people


@dataclass(frozen=True, slots=True)
class Sent:
    """One change that was sent: what, with which result, in which run."""

    change: AnyChange
    status: str
    run: str
    at: datetime
    code: str


@dataclass(frozen=True, slots=True)
class Why:
    """Everything about one person, now."""

    identity: str
    company: str | None
    records: tuple[tuple[Person, str], ...]
    """Each record and what ties it to the others."""
    scores: tuple[Score, ...]
    lists: tuple[tuple[str, str, bool], ...]
    """(system, list, put there by us)."""
    open: tuple[AnyChange, ...]
    """What would be written now, or waits to be sent."""
    withheld: tuple[Withheld, ...]
    sent: tuple[Sent, ...]

    def reasons(self) -> tuple[Reason, ...]:
        """Reasons of everything that was sent or would be."""
        return tuple(r for change in (*self.open, *(s.change for s in self.sent)) for r in change.reasons)


def why(app: App, words: str) -> Why:
    """Explain the person that `words` means: an id of ours, a record id, `system/object/id`, or an e-mail address.

    :raises ConnectorError: when nobody or several people are meant
    """
    with app.reading() as conn:
        found = load.find_identity(conn, words) or load.find_identity(conn, words.strip().lower())
        if len(found) != 1:
            raise _nobody_or_many(len(found))
        world = app.world(conn, app.clock())
        planned = plan_chunk(conn, app.setup.rules, world, found)
        loaded = load.load(conn, found, world.as_of, ((), world.as_of))
        subject = loaded.subjects[0]
        near = people.neighbourhood(conn, people.person_nos(conn, [p.ref for p in subject.identity.persons]).values())
        fresh = outbox.fresh(conn, planned.plan.changes)
        history = [Sent(*row) for row in outbox.history(conn, subject.identity.id)]
        names = load.company_names(conn, [subject.identity.company] if subject.identity.company else [])
    ties: dict[str, str] = {}
    for group in identify(keys_of_all(near, app.setup), app.setup.identity):
        for edge in group.edges:
            for ref in (edge.a, edge.b):
                ties.setdefault(str(ref), edge.rule)
    lists = [
        (system, name, bool(subject.ours.get((system, name), frozenset()) & members))
        for (system, name), members in sorted(subject.lists.items())
    ]
    company = subject.identity.company
    return Why(
        subject.identity.id,
        names.get(company, company) if company else None,
        tuple((person, ties.get(str(person.ref), "")) for person in subject.identity.persons),
        planned.plan.outcomes[0].scores,
        tuple(lists),
        tuple(fresh),
        planned.plan.withheld,
        tuple(history),
    )


def _nobody_or_many(count: int) -> ConnectorError:
    if count:
        return ConnectorError(
            text("{n} people are meant", "{n}人が該当します", n=count),
            fix=text("use a record id", "レコード ID を指定してください"),
        )
    return ConnectorError(
        text("nobody is known by that", "該当する人物がいません"),
        fix=text(
            "use an id from the plan, a record id or an e-mail address",
            "計画に出る ID、レコード ID、メールアドレスを指定してください",
        ),
    )
