"""Protection: marketing must not mass-mail what sales is working. State, not events: whole membership every time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from pydantic import Field

from connector.changes import Lane, Reason
from connector.rules.membership import put_on, stale_sfa, take_off
from connector.rules.steps import LookAgain, Step
from connector.rules.view import Reach, View
from connector.rules.when import When
from connector.spec import Duration, Spec


class WhenStale(Spec):
    """What holds while the SFA cannot be read."""

    after: Duration = timedelta(hours=6)
    """The SFA counts as unread after this time."""
    then: Literal["hold"] = "hold"
    """Nobody is released."""


class ProtectRule(Spec):
    """Who is kept off mass mails, and why."""

    id: str
    """Name of the rule."""
    when: When
    """What must hold."""
    reach: Reach = "company"
    """`company`: everyone at that company; `person`: only those who take part in the deal."""
    list: str
    """The list in the MA that its mass mails leave out."""
    system: str | None = Field(default=None, alias="in")
    """The MA; needed only where there are several."""
    when_stale: WhenStale = WhenStale()
    """What holds while the SFA cannot be read."""


def protect(view: View, rules: Sequence[ProtectRule]) -> Step:
    """Put every MA record of a protected person on the list; take it off when no rule holds any more."""
    wanted: dict[tuple[str, str], str] = {}
    for rule in rules:
        yield from map(LookAgain, view.turns([rule.when], rule.reach))
        if view.holds(rule.when, rule.reach):
            wanted.setdefault((str(rule.system), rule.list), rule.id)
    for system, name in sorted({(str(rule.system), rule.list) for rule in rules}):
        own = [rule for rule in rules if (rule.system, rule.list) == (system, name)]
        if rule_id := wanted.get((system, name)):
            people = [person for person in view.ma_people if person.ref.system == system]
            why = _because(view, next(rule for rule in own if rule.id == rule_id))
            yield from put_on(view, system, name, people, Lane.PROTECT, Reason(rule_id, why))
        else:
            hold = stale_sfa(view, min(rule.when_stale.after.total_seconds() for rule in own))
            yield from take_off(
                view,
                system,
                name,
                Lane.PROTECT,
                Reason(own[0].id, view.say("no rule holds any more", "該当しなくなった")),
                hold,
            )


def _because(view: View, rule: ProtectRule) -> str:
    deals = view.matching_deals(rule.when, rule.reach)
    return ", ".join(f"{deal.name} ({deal.stage})" for deal in deals[:2])
