"""Timeline: touchpoints shown beside a person in the SFA, each once."""

from __future__ import annotations

from datetime import timedelta

from connector.changes import AddTouchpoint, Lane, Reason
from connector.model import Kind, Person
from connector.rules.score import label_of
from connector.rules.steps import Step, key_of
from connector.rules.view import View
from connector.spec import Duration, Many, Spec, Word

RECENT = timedelta(days=7)
"""Older touchpoints go last when calls are short."""


class TimelineRule(Spec):
    """Which touchpoints are shown on a person's timeline."""

    to: str
    """The kind of record that makes up the timeline."""
    kinds: Many[Word[Kind]]
    """Kinds of touchpoint."""
    since: Duration = timedelta(days=90)
    """How far back."""


def timeline(view: View, system: str, rule: TimelineRule, person: Person) -> Step:
    """Entries for the touchpoints of these kinds that are young enough."""
    start = view.world.as_of - rule.since
    for touchpoint in view.subject.timeline:
        if touchpoint.kind not in rule.kinds or not start < touchpoint.happened_at <= view.world.as_of:
            continue
        local = touchpoint.happened_at.astimezone(view.world.tz)
        what = label_of(touchpoint.kind, view.world.language)
        recent = view.world.as_of - touchpoint.happened_at < RECENT
        yield AddTouchpoint(
            key=key_of("touchpoint", system, touchpoint.ref),
            system=system,
            identity=view.subject.identity.id,
            lane=Lane.FIELDS if recent else Lane.BACKFILL,
            reasons=(Reason("timeline", what),),
            person=person.ref,
            owner_id=person.owner_id if view.active(system, person.owner_id) else None,
            title=f"[MA] {what}{': ' + touchpoint.label if touchpoint.label else ''}"[:255],
            body="\n".join(part for part in (f"{local:%Y-%m-%d %H:%M}", touchpoint.campaign, touchpoint.url) if part),
            happened_at=touchpoint.happened_at,
            on=local.date(),
        )
