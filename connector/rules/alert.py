"""Alerts: telling a rep that something stirs, once, at a decent hour, and not too many a day."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Literal

from pydantic import Field

from connector.changes import Lane, RaiseAlert, Reason, Withheld
from connector.model import Deal, Person
from connector.rules.calendar import Calendar, Span, SpanOfTime
from connector.rules.columns import Touch
from connector.rules.steps import BandUntold, LookAgain, Step, key_of
from connector.rules.view import Reach, View
from connector.rules.when import When
from connector.spec import Duration, Hours, Spec

To = Literal["deal_owner", "person_owner"]
Active = Callable[[str, str], bool]
"""Whether a user (system, id) may be told."""


class Repeat(Spec):
    """How often the same thing may be said again."""

    per: Literal["person", "deal"]
    """What the counting goes by."""
    every: Duration
    """Not again within this time."""


class AlertRule(Spec):
    """When an owner is told, and who that is."""

    id: str
    """Name of the rule; part of the alert's key, so keep it when you edit the rule."""
    title: str | None = None
    """First line of the alert; the rule's id when absent."""
    when: When
    """What must hold."""
    reach: Reach = "person"
    """`company`: deals of the whole company count, not only those the person takes part in."""
    to: To
    """Who is told."""
    else_to: str | None = None
    """Id of the user who is told when there is no active owner; without it the alert waits for one. With several
    SFAs, `in` says whose user that is."""
    system: str | None = Field(default=None, alias="in")
    """The SFA to tell it in; needed only where there are several."""
    repeat: Repeat
    """How often the same thing may be said again."""
    due: SpanOfTime = timedelta(days=1)
    """How long the rep has; `2bd` is two business days."""


def alerts(view: View, rules: Sequence[AlertRule]) -> Step:
    """What to tell whom about this person now."""
    for rule in rules:
        yield from map(LookAgain, view.turns([rule.when], rule.reach))
        if not view.holds(rule.when, rule.reach):
            continue
        matching = _told_of(view, rule, view.matching_deals(rule.when, rule.reach))
        if rule.when.deal is not None and not matching:
            continue  # it holds for a deal of another SFA than the one the rule names, or of one that takes no alerts
        deals: Sequence[Deal | None] = matching[::-1] or [_newest(view, rule)]
        for deal in deals if rule.repeat.per == "deal" else deals[:1]:
            yield from _alert(view, rule, deal)


def _told_of(view: View, rule: AlertRule, deals: Sequence[Deal]) -> Sequence[Deal]:
    return [deal for deal in deals if rule.system in (None, deal.ref.system) and view.tells(deal.ref.system)]


def _newest(view: View, rule: AlertRule) -> Deal | None:
    return max(
        _told_of(view, rule, view.deals(rule.reach)),
        key=lambda d: (d.closed_at or d.modified_at or d.stage_since or view.world.as_of, d.ref.id),
        default=None,
    )


def _alert(view: View, rule: AlertRule, deal: Deal | None) -> Step:
    person = _person(view, rule, deal)
    subject = f"deal:{deal.ref}" if rule.repeat.per == "deal" and deal else f"person:{view.subject.identity.id}"
    last = view.subject.alerts.get((rule.id, subject))
    if last is not None and view.world.as_of < last + rule.repeat.every:
        yield Withheld(
            view.subject.identity.id,
            rule.id,
            view.say(f"said on {_day(last, view.world.tz)}, not again yet", f"{_day(last, view.world.tz)} に通知済み"),
        )
        return
    owner = owner_of(rule, deal, person, view.active)
    if owner is None:
        yield Withheld(
            view.subject.identity.id, rule.id, view.say("no active owner to tell", "通知先となる有効な担当者がいない")
        )
        yield from (BandUntold(name) for name, test in rule.when.score.items() if test.turned)
        return
    system, owner_id = owner
    touches = view.matching_touches(rule.when)
    if last is not None and touches:
        touches = tuple(touch for touch in touches if touch.happened_at > last)
        if not touches:
            return  # all of it was said
    start = touches[-1].happened_at if touches else view.world.as_of
    bucket = (start.astimezone(view.world.tz).date() - date(1970, 1, 1)).days // max(1, rule.repeat.every.days)
    # The next telling is known by the one before it, whoever of a deal stirs: a bucket may hold both.
    which = bucket if last is None else int(last.timestamp())
    yield RaiseAlert(
        key=key_of("alert", system, rule.id, subject, which),
        system=system,
        identity=view.subject.identity.id,
        lane=Lane.ALERTS,
        reasons=(Reason(rule.id, _because(view, touches, deal)),),
        rule=rule.id,
        subject=subject,
        owner_id=owner_id,
        title=_title(view, rule, person),
        body=_body(view, rule, touches, deal),
        due_on=_due_on(view, rule.due),
        person=person.ref if person else None,
        deal=deal.ref if deal and deal.ref.system == system else None,
        stirred_at=_stirred_at(view, rule, touches),
    )


def _stirred_at(view: View, rule: AlertRule, touches: Sequence[Touch]) -> datetime | None:
    """The newest touchpoint that the rule asked for; of a score, which many made, the newest of the person."""
    if touches or not rule.when.score:
        return touches[0].happened_at if touches else None
    past = view.touchpoints.between(view.span, None, view.world.as_of)
    return next((touch.happened_at for touch in view.touchpoints.rows(past)), None)


def _due_on(view: View, due: Span) -> date:
    world = view.world
    moment = world.as_of + due if isinstance(due, timedelta) else world.calendar.after(world.as_of, due, world.tz)
    return (moment or world.as_of).astimezone(world.tz).date()


def _person(view: View, rule: AlertRule, deal: Deal | None) -> Person | None:
    """The person's record where the alert will be told: with the deal, or where somebody looks after the person."""
    system = deal.ref.system if deal else rule.system
    known = [p for p in view.sfa_people if system in (None, p.ref.system) and view.tells(p.ref.system)]
    tended = (p for p in known if p.owner_id and view.active(p.ref.system, p.owner_id))
    return next(tended, next(iter(known), None))


def owner_of(rule: AlertRule, deal: Deal | None, person: Person | None, active: Active) -> tuple[str, str] | None:
    """(system, id) of the user to tell: the one the rule names first, then the other, if they are active."""
    of_deal = (deal.ref.system, deal.owner_id) if deal else None
    of_person = (person.ref.system, person.owner_id) if person else None
    for found in (of_deal, of_person) if rule.to == "deal_owner" else (of_person, of_deal):
        if found and found[1] and active(found[0], found[1]):
            return found[0], found[1]
    system = deal.ref.system if deal else person.ref.system if person else rule.system
    return (system, rule.else_to) if system and rule.else_to else None


def is_over(rule: AlertRule, deal: Deal | None) -> bool:
    """Whether the deal that an alert was about is gone, or no more in a state that the rule asks for.

    What else the rule asks for may pass while the alert waits, as time does, and was so when it was decided.
    """
    asked = rule.when.deal
    return asked is not None and (deal is None or bool(asked.state and deal.state not in asked.state))


def _title(view: View, rule: AlertRule, person: Person | None) -> str:
    fields = person.fields if person else view.ma_people[0].fields if view.ma_people else {}
    name = fields.get("name") or " ".join(str(fields[n]) for n in ("family_name", "given_name") if fields.get(n))
    who = " ".join(str(part) for part in (fields.get("company"), name) if part)
    return f"[MA] {rule.title or rule.id}: {who}"[:255] if who else f"[MA] {rule.title or rule.id}"


def _because(view: View, touches: Sequence[Touch], deal: Deal | None) -> str:
    parts = [view.told(touch) for touch in touches[:1]]
    if deal is not None:
        parts.append(deal.name)
    return " / ".join(parts)


def _body(view: View, rule: AlertRule, touches: Sequence[Touch], deal: Deal | None) -> str:
    lines = [view.told(touch) for touch in touches[:5]]
    if deal is not None:
        day = _day(deal.stage_since, view.world.tz) if deal.stage_since else ""
        since = view.say(f" (since {day})", f"（{day}から）") if day else ""
        lines.append(f"{view.say('Deal', '商談')}: {deal.name} / {deal.stage}{since}")
    lines += [f"{view.say('Score', 'スコア')}: {score.why}" for score in view.scores.values() if score.hits]
    lines.append(f"{view.say('Rule', 'ルール')}: {rule.id}")
    return "\n".join(lines)


def _day(at: datetime, tz: tzinfo) -> str:
    return at.astimezone(tz).strftime("%Y-%m-%d")


# --- when alerts may go out -------------------------------------------------------------------------------------------


def release_time(now: datetime, quiet: Hours | None, tz: tzinfo, calendar: Calendar | None = None) -> datetime:
    """The first moment from `now` on outside the quiet hours, and on a business day where there is a calendar."""
    local = now.astimezone(tz)
    if calendar is not None and not calendar.is_business_day(local.date()):
        day = calendar.business_day_after(local.date(), 1)
        return (
            release_time(datetime.combine(day, time(), tz), quiet, tz, calendar).astimezone(now.tzinfo) if day else now
        )
    if quiet is None or not quiet.contains(local.time()):
        return now
    end = local.replace(hour=quiet.end.hour, minute=quiet.end.minute, second=0, microsecond=0)
    over = end if end > local else end + timedelta(days=1)
    return release_time(over, quiet, tz, calendar).astimezone(now.tzinfo)


@dataclass(frozen=True, slots=True)
class Paced:
    """Alerts that may go now; digests that stand for the others; the keys of those others by digest."""

    now: tuple[RaiseAlert, ...]
    digests: tuple[RaiseAlert, ...]
    digested: Mapping[str, tuple[str, ...]]


def pace(
    waiting: Sequence[RaiseAlert],
    sent: Mapping[str, int],
    limit: int | None,
    as_of: datetime,
    tz: tzinfo,
    *,
    ja: bool = True,
) -> Paced:
    """Keep each owner's day within `limit` alerts; what is over it becomes one digest per owner and day.

    `sent` counts the alerts delivered today, per owner.
    """
    if limit is None:
        return Paced(tuple(waiting), (), {})
    now, over = [], dict[str, list[RaiseAlert]]()
    used = dict(sent)
    for alert in waiting:
        if used.get(alert.owner_id, 0) < limit:
            used[alert.owner_id] = used.get(alert.owner_id, 0) + 1
            now.append(alert)
        else:
            over.setdefault(alert.owner_id, []).append(alert)
    today = as_of.astimezone(tz).date()
    digests = [_digest(owner, alerts, today, ja=ja) for owner, alerts in over.items()]
    digested = {d.key: tuple(a.key for a in alerts) for d, alerts in zip(digests, over.values(), strict=True)}
    return Paced(tuple(now), tuple(digests), digested)


def _digest(owner: str, alerts: Sequence[RaiseAlert], today: date, *, ja: bool) -> RaiseAlert:
    first = alerts[0]
    title = (
        f"[MA] ほか{len(alerts)}件のお知らせ ({today:%Y-%m-%d})"
        if ja
        else f"[MA] {len(alerts)} more alerts ({today:%Y-%m-%d})"
    )
    body = "\n\n".join(f"{alert.title}\n{alert.body}" for alert in alerts)
    parts = key_of("digest", first.system, owner, today, *sorted(alert.key for alert in alerts))
    return replace(
        first, key=parts, title=title, body=body[:30_000], person=None, deal=None, subject=f"{_DIGEST}{owner}",
        stirred_at=None,
    )  # fmt: skip


def is_digest(alert: RaiseAlert) -> bool:
    """Whether it stands for several alerts of one owner."""
    return alert.subject.startswith(_DIGEST)


_DIGEST = "digest:"
