"""Alerts that wait: each is for whoever owns its deal or person by then, and for nobody once its deal is over.

Only such as were never taken by a system, whatever became of the attempt, and always under the key they were decided
with: none is raised twice, to one owner or to two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy import Connection

from connector.changes import RaiseAlert
from connector.model import Person
from connector.rules.alert import Active, AlertRule, is_digest, is_over, owner_of
from connector.rules.view import is_active
from connector.store import deals, load, outbox


@dataclass(frozen=True, slots=True)
class Renewed:
    """What has changed for alerts that wait."""

    turned: list[RaiseAlert] = field(default_factory=list)
    """They are for somebody else now."""
    over: list[RaiseAlert] = field(default_factory=list)
    """Their deal is not what the rule asked for any more."""
    ownerless: list[RaiseAlert] = field(default_factory=list)
    """There is nobody to tell, but there may be again."""


def renewed(
    conn: Connection, rules: Sequence[AlertRule], system: str | None = None, run: str | None = None
) -> Renewed:  # fmt: skip
    """Alerts that wait, or that were refused, and what they ought to be by now; `system`, `run`: as `untold` has it."""
    found = Renewed()
    waiting = outbox.untold(conn, system, run)
    if not waiting:
        return found
    by_id = {rule.id: rule for rule in rules}
    active: Active = partial(is_active, load.owners(conn))
    known = deals.recorded(conn, {alert.deal for alert in waiting if alert.deal})

    for alert in waiting:
        rule = by_id.get(alert.rule)
        if rule is None or is_digest(alert):
            continue  # nothing tells any more what it was to be
        deal = known.get(alert.deal) if alert.deal else None
        if alert.deal is not None and is_over(rule, deal):
            found.over.append(alert)
            continue
        person = _person(conn, alert, active)
        if deal is None and person is None:
            continue
        to = owner_of(rule, deal, person, active)
        if to is None:
            found.ownerless.append(alert)
        elif to != (alert.system, alert.owner_id) and to[0] == alert.system:
            found.turned.append(replace(alert, owner_id=to[1]))
    return found


def _person(conn: Connection, alert: RaiseAlert, active: Active) -> Person | None:
    """The record that the alert names; if it is no more, the one of that person that somebody looks after."""
    of = [filed.person for filed in load.records_of(conn, alert.identity) if filed.known]
    there = [person for person in of if person.ref.system == alert.system]
    named = (person for person in there if person.ref == alert.person)
    tended = (person for person in there if person.owner_id and active(alert.system, person.owner_id))
    return next(named, next(tended, None))
