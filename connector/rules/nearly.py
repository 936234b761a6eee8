"""Rules that hold for one person, and those that nearly do: what is missing, and by how much. Pure; plans nothing."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from connector.errors import Text, text
from connector.model import Deal, Score
from connector.rules.calendar import Counted, Span
from connector.rules.columns import Touch
from connector.rules.plan import Rules
from connector.rules.score import KIND_WORDS, ScoreRule, number
from connector.rules.view import Reach, View, World
from connector.rules.when import FAR, DealIs, ScoreIs, TouchpointIs, When
from connector.spec import Compare

Topic = Literal["alert", "protect", "nurture", "create", "score", "band"]


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that does not hold; `near`: it is there, only not enough of it, or no longer."""

    what: Text
    near: bool = True


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule, and what it lacks; nothing, where it holds."""

    topic: Topic
    rule: str
    missing: tuple[Missing, ...] = ()

    @property
    def nearly(self) -> bool:
        """Whether one thing is missing, and that is near."""
        return len(self.missing) == 1 and self.missing[0].near


def judged(view: View, rules: Rules) -> tuple[Judged, ...]:
    """Every rule that holds or nearly does, alerts first, and scores last."""
    return tuple(each for each in _all(view, rules) if not each.missing or each.nearly)


def _all(view: View, rules: Rules) -> Iterator[Judged]:
    for alert in rules.alerts:
        yield Judged("alert", alert.id, tuple(missing(view, alert.when, alert.reach)))
    for protection in rules.protect:
        yield Judged("protect", protection.id, tuple(missing(view, protection.when, protection.reach)))
    for list_ in rules.nurture:
        whens = [when for when in list_.unless if isinstance(when, When)]
        lacks = [*missing(view, list_.when, list_.reach), *_unless(view, whens, list_.reach)]
        if view.opted_out:
            lacks.append(Missing(text("opted out of mail", "メール配信を拒否しています")))
        if list_.leave_when is not None and view.holds(list_.leave_when, list_.reach):
            lacks.append(Missing(text("leave_when holds", "leave_when に該当します")))
        yield Judged("nurture", list_.id, tuple(lacks))
    for mapping in rules.people:
        if mapping.create is not None and not any(p.ref.system == mapping.system for p in view.sfa_people):
            lacks = [*missing(view, mapping.create.when, "person"), *_unless(view, mapping.create.unless, "person")]
            yield Judged("create", f"{mapping.system}/{mapping.create.object}", tuple(lacks))
    yield from _scores(view, rules)


def behind(view: View, rules: Rules) -> dict[tuple[str, str], Touch]:
    """The touchpoint behind each line of the scores: by score and rule, the last one where several count."""
    found: dict[tuple[str, str], Touch] = {}
    past = view.touchpoints.rows(view.touchpoints.between(view.span, None, view.world.as_of))
    for name, score in view.scores.items():
        kinds = {rule.id: rule.touchpoint for rule in rules.scores[name].rules}
        for hit in score.hits:
            own = (t for t in past if t.happened_at == hit.last_at and t.kind in kinds.get(hit.rule, ()))
            if (touch := next((t for t in own if t.label == hit.label), None)) is not None:
                found[name, hit.rule] = touch
    return found


def _unless(view: View, whens: Sequence[When], reach: Reach) -> Iterator[Missing]:
    if any(view.holds(when, reach) for when in whens):
        yield Missing(text("unless holds", "unless に該当します"))


# --- conditions -------------------------------------------------------------------------------------------------------


def missing(view: View, when: When, reach: Reach) -> Iterator[Missing]:
    """What of a condition does not hold; nothing exactly when it holds."""
    if when.deal is not None and not view.matching_deals(when, reach):
        yield from _of_deals(view, when.deal, view.deals(reach))
    if when.touchpoint is not None and not view.matching_touches(when):
        yield _of_touchpoints(view, when.touchpoint)
    if when.person is not None and not view.standings(reach) & set(when.person.standing):
        words = ", ".join(when.person.standing)
        yield Missing(text("is not {words}", "{words} ではありません", words=words), near=False)
    for name, test in when.score.items():
        if not view.holds(When(score={name: test}), reach):
            yield _of_score(name, test, view.scores.get(name))


def _of_deals(view: View, test: DealIs, deals: Sequence[Deal]) -> list[Missing]:
    """What the deal lacks that lacks least."""
    if not deals:
        return [Missing(text("there is no deal", "商談がありません"), near=False)]
    return min((list(_of_deal(test, deal, view.world)) for deal in deals), key=len)


def _of_deal(test: DealIs, deal: Deal, world: World) -> Iterator[Missing]:
    words = (
        ("state", deal.state, test.state),
        ("stage", deal.stage, test.stage),
        ("lost_reason", deal.lost_reason, test.lost_reason),
        ("product", deal.product, test.product),
    )
    for name, has, wanted in words:
        if wanted and has not in wanted:
            yield _told(deal, name, str(has or "?"), ", ".join(map(str, wanted)), None)
    for name, amount, value in (
        ("probability", test.probability, deal.probability),
        ("amount", test.amount, deal.amount),
    ):
        if amount is not None and not amount.holds(value):
            yield _compared(deal, name, amount, [value for _ in amount.limits()])
    for name, age, since in (
        ("stage_unchanged", test.stage_unchanged, deal.stage_since),
        ("closed", test.closed, deal.closed_at if deal.state != "open" else None),
    ):
        if age is not None and not age.holds(since, world.as_of, world.calendar, world.tz):
            yield _compared(deal, name, age, [_age(limit, since, world) for limit, _ in age.limits()])


Size = float | timedelta | Counted


def _age(limit: Span, since: datetime | None, world: World) -> Size | None:
    """How long ago something was, in the unit of a limit."""
    if since is None:
        return None
    if isinstance(limit, timedelta):
        return world.as_of - since
    return replace(limit, count=world.calendar.elapsed(since, world.as_of, world.tz, limit))


def _compared(deal: Deal, name: str, compare: Compare[Any], values: Sequence[Size | None]) -> Missing:
    """`values`: what is compared with each of the limits."""
    value, gap = _missed(compare, values)
    return _told(deal, name, "?" if value is None else _shown(value), _limits(compare), gap)


def _missed(compare: Compare[Any], values: Sequence[Size | None]) -> tuple[Size | None, str]:
    """What misses one of the limits, and how far it is from it."""
    for (limit, passes), value in zip(compare.limits(), values, strict=True):
        if value is not None and not passes(_plain(value), _plain(limit)):
            sign = "+" if _SIGNS[passes].startswith(">") else "-"
            return value, f"{sign}{_shown(_between(limit, value))}"
    return None, ""


def _told(deal: Deal, name: str, has: str, wanted: str, gap: str | None) -> Missing:
    return Missing(
        text(
            "{deal}: {name} is {has}, not {wanted}{gap}", "{deal}: {name} が {has}（条件 {wanted}{gap}）",
            deal=deal.name, name=name, has=has, wanted=wanted, gap=f" [{gap}]" if gap else "",
        )
    )  # fmt: skip


_SIGNS = {operator.ge: ">=", operator.gt: ">", operator.le: "<=", operator.lt: "<"}


def _limits(compare: Compare[Any]) -> str:
    return " ".join(f"{_SIGNS[passes]} {_shown(limit)}" for limit, passes in compare.limits())


def _plain(value: Any) -> Any:
    return value.count if isinstance(value, Counted) else value


def _between(limit: Any, value: Any) -> Any:
    """How far a value is from the limit that it misses."""
    if isinstance(limit, Counted):
        return replace(limit, count=abs(limit.count - value.count))
    return abs(limit - value)


def _shown(value: Size) -> str:
    if isinstance(value, Counted):
        return f"{value.count}{value.unit}"
    if not isinstance(value, timedelta):
        return number(value)
    minutes = -(-value // timedelta(minutes=1))
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes >= size:
            return f"{number(round(minutes / size, 1))}{unit}"
    return f"{minutes}m"


def _of_touchpoints(view: View, test: TouchpointIs) -> Missing:
    last = _last(view, test)
    if last is None:
        return Missing(text("no such touchpoint", "該当する接点がありません"), near=False)
    return Missing(_too_long_ago(view.world.as_of - last.happened_at, test.within, KIND_WORDS[last.kind]))


def _last(view: View, test: TouchpointIs) -> Touch | None:
    """The newest touchpoint that fits, however long ago."""
    ever = test.model_copy(update={"within": FAR})
    past = view.touchpoints.between(view.span, None, view.world.as_of)
    return next((touch for touch in view.touchpoints.rows(past) if ever.holds(touch, view.world.as_of)), None)


def _too_long_ago(age: timedelta, within: timedelta, what: Text) -> Text:
    return text(
        "{what} {age} ago, not within {within} [-{gap}]", "{what_ja} は {age} 前（期間 {within}、{gap} 超過）",
        what=what.in_("en"), what_ja=what.in_("ja"), age=_shown(age), within=_shown(within), gap=_shown(age - within),
    )  # fmt: skip


def _of_score(name: str, test: ScoreIs, score: Score | None) -> Missing:
    if score is None:
        return Missing(text("there is no score {name}", "スコア {name} がありません", name=name), near=False)
    wanted = test.turned or ", ".join(test.band)
    if test.turned is not None and score.band == test.turned:
        return Missing(
            text("{name}: {band} was reached before", "{name}: {band} には以前から達しています", name=name, band=wanted)
        )
    if wanted and score.band not in (*test.band, test.turned):
        return Missing(
            text(
                "{name} is {band}, not {wanted}", "{name} は {band}（条件 {wanted}）",
                name=name, band=score.band or "-", wanted=wanted,
            )
        )  # fmt: skip
    _, gap = _missed(test, [score.points for _ in test.limits()])
    return Missing(
        text(
            "{name} is {n}, not {wanted} [{gap}]", "{name} は {n} 点（条件 {wanted}、{gap}）",
            name=name, n=number(score.points), wanted=_limits(test), gap=gap,
        )
    )  # fmt: skip


# --- scores -----------------------------------------------------------------------------------------------------------


def _scores(view: View, rules: Rules) -> Iterator[Judged]:
    for name, spec in rules.scores.items():
        score = view.scores[name]
        hit = {each.rule for each in score.hits}
        for rule in spec.rules:
            if rule.id not in hit and (lacks := _over(view, rule)):
                yield Judged("score", f"{name}.{rule.id}", (lacks,))
        above = sorted((least, band) for band, least in spec.bands.items() if least > score.points)
        if above and score.hits:
            least, band = above[0]
            what = text(
                "{n} points, not {least} [+{gap}]", "{n} 点（{least} 点から、あと {gap} 点）",
                n=number(score.points), least=number(least), gap=number(least - score.points),
            )  # fmt: skip
            yield Judged("band", f"{name}.{band}", (Missing(what),))


def _over(view: View, rule: ScoreRule) -> Missing | None:
    """The last touchpoint of a score's rule, which is too old by now."""
    test = TouchpointIs.model_construct(
        kind=rule.touchpoint, within=rule.within, url=rule.url, campaign=rule.campaign, result=rule.result
    )
    last = _last(view, test)
    if last is None or view.world.as_of - last.happened_at < rule.within:
        return None
    return Missing(_too_long_ago(view.world.as_of - last.happened_at, rule.within, KIND_WORDS[last.kind]))
