"""Conditions: `when`, `unless`, `leave_when` and the like, as plain comparisons on known fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from connector.errors import text
from connector.model import Deal, DealState, Kind, Score
from connector.rules.calendar import Calendar, SpanOfTime
from connector.rules.columns import Touch
from connector.rules.pattern import name_test, url_test
from connector.spec import Amount, Block, Compare, Duration, Many, Spec, SpecError, Word

FAR = timedelta(days=36_500)
"""Nobody waits longer."""


class Age(Compare[SpanOfTime]):
    """A comparison with a span of time, in days of the calendar, in business days or in fiscal years."""

    def holds(self, since: datetime | None, as_of: datetime, calendar: Calendar, tz: tzinfo) -> bool:
        """Whether it is so long ago; an unknown time (None) never is."""
        if since is None:
            return False
        return all(
            test(as_of - since, limit)
            if isinstance(limit, timedelta)
            else test(calendar.elapsed(since, as_of, tz, limit), limit.count)
            for limit, test in self.limits()
        )

    def turns(self, since: datetime | None, as_of: datetime, calendar: Calendar, tz: tzinfo) -> Iterator[datetime]:
        """Times after `as_of` at which the answer may change by time alone."""
        if since is None:
            return
        for limit, _ in self.limits():
            if isinstance(limit, timedelta):
                left = since - as_of + limit
                # Compared as spans: a placeholder such as 9999-12-31 has no day after it.
                if timedelta(0) < left < FAR:
                    yield as_of + left
            elif calendar.elapsed(since, as_of, tz, limit) <= limit.count:
                # `lte` and `gt` turn when the day, or the year, is over: with the next one.
                moments = (calendar.after(since, each, tz) for each in (limit, replace(limit, count=limit.count + 1)))
                yield from (moment for moment in moments if moment is not None and moment > as_of)


class DealIs(Spec):
    """Conditions on a deal; all that are given must hold."""

    state: Many[Word[DealState]] = ()
    """`open`, `won` or `lost`."""
    stage: Many[str] = ()
    """Names of stages, as the SFA shows them."""
    stage_unchanged: Age | None = None
    """How long the deal has stood in its stage."""
    probability: Amount | None = None
    """Percent, 0 to 100."""
    amount: Amount | None = None
    """In the currency of the SFA."""
    closed: Age | None = None
    """How long ago the deal was won or lost."""
    lost_reason: Many[str] = ()
    """Reasons of loss, as the SFA shows them."""
    product: Many[str] = ()
    """Products, as the SFA shows them."""

    def holds(self, deal: Deal, as_of: datetime, calendar: Calendar, tz: tzinfo) -> bool:
        """Whether `deal` passes at `as_of`."""
        return (
            (not self.state or deal.state in self.state)
            and (not self.stage or deal.stage in self.stage)
            and (not self.lost_reason or deal.lost_reason in self.lost_reason)
            and (not self.product or deal.product in self.product)
            and (self.probability is None or self.probability.holds(deal.probability))
            and (self.amount is None or self.amount.holds(deal.amount))
            and all(age.holds(since, as_of, calendar, tz) for age, since in self._ages(deal))
        )

    def turns(self, deal: Deal, as_of: datetime, calendar: Calendar, tz: tzinfo) -> Iterator[datetime]:
        """Times after `as_of` at which the answer for `deal` may change."""
        for age, since in self._ages(deal):
            yield from age.turns(since, as_of, calendar, tz)

    def _ages(self, deal: Deal) -> Iterable[tuple[Age, datetime | None]]:
        if self.stage_unchanged is not None:
            yield self.stage_unchanged, deal.stage_since
        if self.closed is not None:
            yield self.closed, deal.closed_at if deal.state is not DealState.OPEN else None


class TouchpointIs(Spec):
    """Conditions on a touchpoint; all that are given must hold."""

    kind: Many[Word[Kind]] = ()
    """Kinds of touchpoint."""
    within: Duration
    """How recent it must be."""
    url: Many[str] = ()
    """Patterns such as `/price*`; see score rules for what they are compared with."""
    campaign: Many[str] = ()
    """Patterns on the campaign's name."""
    result: Many[str] = ()
    """Results of a call or meeting."""

    def holds(self, touch: Touch, as_of: datetime) -> bool:
        """Whether `touch` passes at `as_of`."""
        return (
            touch.happened_at <= as_of < touch.happened_at + self.within
            and (not self.kind or touch.kind in self.kind)
            and (not self.result or touch.result in self.result)
            and (not self.url or any(url_test(pattern)(touch.url) for pattern in self.url))
            and (not self.campaign or any(name_test(pattern)(touch.campaign) for pattern in self.campaign))
        )


Standing = Literal["customer", "in_deal", "past_lost", "known", "opted_out"]


class PersonIs(Spec):
    """Conditions on the person. Several words mean: any of them."""

    standing: Many[Standing] = Field(alias="is")
    """`customer` (a won deal), `in_deal` (an open one), `past_lost`, `known` (has an SFA record), `opted_out`."""


class ScoreIs(Amount):
    """Conditions on a score."""

    band: Many[str] = ()
    """The score stands in one of these bands."""
    turned: str | None = None
    """The score has come into this band since the last look."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.band and self.turned is None and self.gte is self.gt is self.lte is self.lt is None:
            raise SpecError(
                text("an empty condition", "条件が空です"),
                text("write {{gte: 20}} or {{turned: hot}}", "{{gte: 20}} や {{turned: hot}} のように書いてください"),
            )
        return self

    def passes(self, score: Score | None, told: str | None) -> bool:
        """Whether `score` passes; `told` is the band at the last look, None where there was none."""
        if score is None:
            return False
        return (
            (not self.band or score.band in self.band)
            and (self.turned is None or (score.band == self.turned and told is not None and told != self.turned))
            and self.holds(score.points)
        )


class When(Spec):
    """A condition on a person's deals, touchpoints, standing and scores; all that are given must hold."""

    deal: DealIs | None = None
    """There is such a deal."""
    touchpoint: TouchpointIs | None = None
    """There is such a touchpoint."""
    person: PersonIs | None = None
    """The person is one of these."""
    score: dict[str, ScoreIs] = Field(default_factory=dict)
    """Scores by name; written `score.NAME: {gte: 20}`."""

    @classmethod
    def arrange(cls, data: Block) -> Block:
        """`score.interest: {...}` as an entry of `score`."""
        return data.gather("score.", "score")

    @classmethod
    def written(cls, schema: dict[str, Any]) -> dict[str, Any]:
        """Every `score.NAME` as a key of its own."""
        scores = schema["properties"].pop("score")
        return schema | {"patternProperties": {r"^score\..+$": scores["additionalProperties"]}}
