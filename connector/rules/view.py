"""What the rules look at when they look at one person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import cached_property
from typing import Literal

from connector.model import Deal, DealState, Owner, Person, Role, Score, Subject, Value
from connector.rules.calendar import Calendar
from connector.rules.columns import Span, Touch, Touchpoints
from connector.rules.score import label_of
from connector.rules.translate import blank, truth
from connector.rules.when import Standing, When

Reach = Literal["person", "company"]


@dataclass(frozen=True, slots=True)
class World:
    """What is the same for every person of a planning.

    `read_at`: when each system was last read to its end; `baseline`: no SFA was ever written to before; `silent`: the
    systems that take no alerts; `language`: of texts that people will read in the systems.
    """

    as_of: datetime
    tz: tzinfo
    roles: Mapping[str, Role]
    owners: Mapping[tuple[str, str], Owner] = field(default_factory=dict)
    read_at: Mapping[str, datetime | None] = field(default_factory=dict)
    baseline: bool = False
    consents: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Fields of each system, beside the usual one, in which a "no" to mail may stand."""
    language: Literal["ja", "en"] = "ja"
    silent: frozenset[str] = frozenset()
    filling: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By system: fields that are new in the mappings. Their first value in a record waits until all else is sent."""
    calendar: Calendar = field(default_factory=Calendar)


@dataclass(frozen=True)
class View:
    """One person with scores and touchpoints, and answers that several rules need."""

    world: World
    subject: Subject
    scores: Mapping[str, Score]
    touchpoints: Touchpoints
    span: Span
    """The rows of this person."""

    def say(self, en: str, ja: str) -> str:
        """A text for people, in the configured language."""
        return ja if self.world.language == "ja" else en

    @cached_property
    def _past(self) -> Span:
        return self.touchpoints.between(self.span, None, self.world.as_of)

    @property
    def touches(self) -> int:
        """How many touchpoints there were up to now."""
        return self._past[1] - self._past[0]

    @cached_property
    def last(self) -> Touch | None:
        """The last touchpoint up to now."""
        return next(iter(self.latest(1)), None)

    def latest(self, most: int) -> tuple[Touch, ...]:
        """The last touchpoints up to now, newest first, `most` at most."""
        start, end = self._past
        return self.touchpoints.rows((max(start, end - most), end))

    def told(self, touch: Touch) -> str:
        """A touchpoint as a line for a rep: when, what, and what it was called."""
        at = touch.happened_at.astimezone(self.world.tz)
        what = label_of(touch.kind, self.world.language)
        label = " ".join(touch.label.splitlines())
        return f"{at:%Y-%m-%d %H:%M} {what}{': ' + label if label else ''}"

    @cached_property
    def ma_people(self) -> tuple[Person, ...]:
        """The records in MA systems, most recently changed first."""
        return self._of(Role.MA)

    @cached_property
    def sfa_people(self) -> tuple[Person, ...]:
        """The records in SFA systems, most recently changed first."""
        return self._of(Role.SFA)

    def _of(self, role: Role) -> tuple[Person, ...]:
        own = [p for p in self.subject.identity.persons if self.world.roles.get(p.ref.system) is role]
        return tuple(sorted(own, key=lambda p: (p.modified_at is None, _reverse(p.modified_at), str(p.ref))))

    @cached_property
    def opted_out(self) -> bool:
        """A "no" to mail stands in any system; it holds everywhere."""
        return any(says_no(person, self.world.consents) for person in self.subject.identity.persons)

    def tells(self, system: str) -> bool:
        """Whether somebody can be alerted in this system."""
        return self.world.roles.get(system) is Role.SFA and system not in self.world.silent

    def active(self, system: str, owner_id: str | None) -> bool:
        """As `is_active`, of the users of this world."""
        return is_active(self.world.owners, system, owner_id)

    def owner(self, system: str, owner_id: str | None) -> str | None:
        """The name of a user of an SFA."""
        owner = self.world.owners.get((system, owner_id or ""))
        return owner.name if owner else None

    def standings(self, reach: Reach) -> frozenset[Standing]:
        """What this person (or the company) is to sales."""
        found: set[Standing] = set()
        states = {deal.state for deal in self.deals(reach)}
        if DealState.WON in states:
            found.add("customer")
        if DealState.OPEN in states:
            found.add("in_deal")
        if DealState.LOST in states:
            found.add("past_lost")
        if self.sfa_people:
            found.add("known")
        if self.opted_out:
            found.add("opted_out")
        return frozenset(found)

    def value(self, role: Role, word: str) -> Value:
        """A field in our words as the systems of one side know it: the most recently changed that isn't blank."""
        for person in self.ma_people if role is Role.MA else self.sfa_people:
            if not blank(found := person.fields.get(word)):
                return found
        return None

    def deals(self, reach: Reach) -> tuple[Deal, ...]:
        """Deals the person takes part in, or all of the company."""
        return (
            self.subject.deals
            if reach == "person"
            else tuple(dict.fromkeys(self.subject.deals + self.subject.company_deals))
        )

    def matching_deals(self, when: When, reach: Reach) -> tuple[Deal, ...]:
        """The deals for which the condition on deals holds."""
        if when.deal is None:
            return ()
        world = self.world
        return tuple(d for d in self.deals(reach) if when.deal.holds(d, world.as_of, world.calendar, world.tz))

    def matching_touches(self, when: When) -> tuple[Touch, ...]:
        """The touchpoints for which the condition on touchpoints holds, newest first."""
        if when.touchpoint is None:
            return ()
        recent = self.touchpoints.between(self._past, self.world.as_of - when.touchpoint.within, None)
        return tuple(touch for touch in self.touchpoints.rows(recent) if when.touchpoint.holds(touch, self.world.as_of))

    def holds(self, when: When, reach: Reach = "person") -> bool:
        """Whether the whole condition holds."""
        if when.deal is not None and not self.matching_deals(when, reach):
            return False
        if when.touchpoint is not None and not self.matching_touches(when):
            return False
        if when.person is not None and not self.standings(reach) & set(when.person.standing):
            return False
        return all(test.passes(self.scores.get(name), self._told(name)) for name, test in when.score.items())

    def _told(self, score: str) -> str | None:
        """The band that alerts last knew; nobody is "turned" on the first evening."""
        return None if self.world.baseline else self.subject.bands.get(score, "")

    def turns(self, whens: Iterable[When], reach: Reach) -> Iterable[datetime]:
        """Times in the future at which conditions on deals may change their answer."""
        world = self.world
        for when in whens:
            if when.deal is not None:
                for deal in self.deals(reach):
                    yield from when.deal.turns(deal, world.as_of, world.calendar, world.tz)
            if when.touchpoint is not None:
                yield from (t.happened_at + when.touchpoint.within for t in self.matching_touches(when)[:1])


def is_active(owners: Mapping[tuple[str, str], Owner], system: str, owner_id: str | None) -> bool:
    """Whether records may be given to this user; unknown ones are left to the system to judge."""
    owner = owners.get((system, owner_id or ""))
    return owner is None or owner.active


def says_no(person: Person, consents: Mapping[str, frozenset[str]]) -> bool:
    """Whether a "no" to mail stands in a record, in the usual field or in one that a mapping names."""
    named = (person.native.get(field) for field in consents.get(person.ref.system, ()))
    return any(truth(value) for value in (person.fields.get("opted_out"), *named))


def _reverse(at: datetime | None) -> float:
    return -at.timestamp() if at else 0.0
