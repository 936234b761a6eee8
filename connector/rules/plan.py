"""The whole business as one pure function: facts and rules in, changes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from connector.changes import UNDO, AnyChange, CreatePerson, Kept, Lane, Outcome, Plan, RaiseAlert, SetFields, Withheld
from connector.model import Role, Score, Subject
from connector.rules.alert import AlertRule, alerts
from connector.rules.columns import Touchpoints, moment
from connector.rules.fields import WHY_LENGTH, FlipFlop, PeopleMapping, candidates, creation_key, fields
from connector.rules.nurture import NurtureRule, nurture
from connector.rules.protect import ProtectRule, protect
from connector.rules.score import ScoreSpec, score, why
from connector.rules.steps import BandUntold, LookAgain, Said, Step
from connector.rules.timeline import timeline
from connector.rules.view import View, World

RETRY_STALE = timedelta(hours=1)
"""Identities with something withheld are looked at again after this time at the latest."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything under `mappings/`, typed."""

    scores: Mapping[str, ScoreSpec]
    people: Sequence[PeopleMapping] = ()
    alerts: Sequence[AlertRule] = ()
    protect: Sequence[ProtectRule] = ()
    nurture: Sequence[NurtureRule] = ()
    flip_flop: FlipFlop = field(default_factory=FlipFlop)

    def consents(self) -> dict[str, frozenset[str]]:
        """The fields of each system that hold a "no" to mail, as the mappings name them."""
        found: dict[str, frozenset[str]] = {}
        for mapping in self.people:
            rule = mapping.fields.get("opted_out")
            if rule is not None and rule.wins == "strictest":
                found[mapping.system] = found.get(mapping.system, frozenset()) | {rule.to}
        return found

    def oldest(self, as_of: datetime) -> datetime:
        """The time before which no touchpoint can matter any more."""
        windows = [rule.within for spec in self.scores.values() for rule in spec.rules]
        whens = (
            [r.when for r in self.alerts]
            + [r.when for r in self.protect]
            + [when for rule in self.nurture for when in rule.conditions()]
        )
        whens += [mapping.create.when for mapping in self.people if mapping.create]
        windows += [when.touchpoint.within for when in whens if when.touchpoint]
        return as_of - max([*windows, timedelta(days=365)])


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a chunk of identities; `touchpoints` by their index in `subjects`.

    `making`: system and identity of those for whom a record is being made, and is not there yet; `made`: of those for
    whom one was made and read, which is not done again; `tried`: by system, object and identity, the id under which
    somebody may have been made there before being joined to this identity.
    """

    subjects: Sequence[Subject]
    touchpoints: Touchpoints
    world: World
    making: AbstractSet[tuple[str, str]] = frozenset()
    made: AbstractSet[tuple[str, str]] = frozenset()
    tried: Mapping[tuple[str, str, str], str] = field(default_factory=dict)


def _scores_step(view: View, _rules: Rules) -> Step:
    yield from (LookAgain(s.next_change_at) for s in view.scores.values() if s.next_change_at is not None)
    ahead, end = view.touchpoints.between(view.span, view.world.as_of, None)
    if ahead < end:  # it happened while we read, or by a clock that is fast
        yield LookAgain(moment(int(view.touchpoints.happened_at[ahead])))


def _timeline_step(view: View, rules: Rules) -> Step:
    for mapping in rules.people:
        if mapping.timeline and view.world.roles.get(mapping.system) is Role.SFA and (own := candidates(view, mapping)):
            yield from timeline(view, mapping.system, mapping.timeline, own[0])


STEPS: tuple[Callable[[View, Rules], Step], ...] = (
    _scores_step,
    lambda view, rules: protect(view, rules.protect),
    lambda view, rules: alerts(view, rules.alerts),
    lambda view, rules: fields(view, rules.people, rules.scores, rules.flip_flop),
    _timeline_step,
    lambda view, rules: nurture(view, rules.nurture),
)
"""Each step looks at one person and says what should change; their order is the order of the plan."""


def plan(facts: Facts, rules: Rules) -> Plan:
    """Every change that follows from the facts, each with its key and reasons, in a stable order.

    Pure: the same facts and rules give the same plan; `facts.world.as_of` is the only clock.
    """
    changes: list[AnyChange] = []
    outcomes: list[Outcome] = []
    withheld: list[Withheld] = []
    kept: list[Kept] = []
    sofar = _Sofar(facts)
    for view in views(facts, rules):
        said = [sofar.once(view, said) for step in STEPS for said in step(view, rules)]
        sofar.note(said)
        held = [s for s in said if isinstance(s, Withheld)]
        changes += _one_wish_per_record(
            [s for s in said if not isinstance(s, Withheld | Kept | LookAgain | BandUntold)]
        )
        withheld += held
        kept += [s for s in said if isinstance(s, Kept)]
        outcomes.append(_outcome(view, said))
    return Plan(tuple(changes), tuple(outcomes), tuple(withheld), tuple(kept))


class _Sofar:
    """What was planned of a chunk, and stands in the way of saying the like of somebody else."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._making = set(facts.making - facts.made)
        self._told: dict[tuple[str, str], str] = {}

    def note(self, said: Sequence[Said]) -> None:
        """This is planned of one person."""
        self._making |= {(s.system, s.identity) for s in said if isinstance(s, CreatePerson)} - self._facts.made
        self._told |= {(s.rule, s.subject): s.key for s in said if isinstance(s, RaiseAlert)}

    def once(self, view: View, said: Said) -> Said:
        """What is planned of a person, or why it is not."""
        if isinstance(said, CreatePerson):
            return self._created(view, said)
        if isinstance(said, RaiseAlert) and self._told.get((said.rule, said.subject), said.key) != said.key:
            why = view.say("told with this run because of another person", "同じ実行で別の人により通知します")
            return Withheld(said.identity, said.rule, why)
        return said

    def _created(self, view: View, said: CreatePerson) -> Said:
        """A creation waits for `review` while somebody who may be this person is being made in the same system.

        It keeps the id under which it was tried, whoever this person has been joined to since: another would be a
        second.
        """
        if first := self._facts.tried.get((said.system, said.object, said.identity)):
            said = replace(said, key=creation_key(said.system, said.object, first), key_value=first)
        twins = ", ".join(other for other in sorted(view.subject.may_be) if (said.system, other) in self._making)
        if not twins:
            return said
        why = view.say(f"not created: may be {twins}, who is", f"作成しない: 作成対象の {twins} と同一人物の可能性")
        return Withheld(said.identity, "review", why)


def views(facts: Facts, rules: Rules) -> Iterator[View]:
    """Each person as the rules look at them, in the order of `facts.subjects`."""
    scores = score(facts.touchpoints, len(facts.subjects), rules.scores, facts.world.as_of)
    starts = facts.touchpoints.starts(len(facts.subjects))
    for index, subject in enumerate(facts.subjects):
        told = {name: _with_why(found, facts.world, rules) for name, found in scores[index].items()}
        yield View(facts.world, subject, told, facts.touchpoints, (starts[index], starts[index + 1]))


def _outcome(view: View, said: Sequence[object]) -> Outcome:
    times = [s.at for s in said if isinstance(s, LookAgain)]
    # What is withheld for staleness or for want of an owner may become possible without news about this person.
    if any(isinstance(s, Withheld) and s.rule not in ("duplicate", "create", UNDO) for s in said):
        times.append(view.world.as_of + RETRY_STALE)
    untold = {s.score for s in said if isinstance(s, BandUntold)}
    shown = tuple(view.scores.values())
    bands = {name: view.subject.bands.get(name, "") for name in untold}
    return Outcome(view.subject.identity.id, shown, min(times, default=None), view.subject.identity.company, bands)


def _with_why(found: Score, world: World, rules: Rules) -> Score:
    return replace(found, why=why(found, rules.scores[found.name], WHY_LENGTH, world.tz, world.language))


def _one_wish_per_record(changes: Sequence[AnyChange]) -> list[AnyChange]:
    """Several rules may write the same record: their fields become one change."""
    merged: dict[str, AnyChange] = {}
    for change in changes:
        first = merged.get(change.key)
        if isinstance(first, SetFields) and isinstance(change, SetFields):
            merged[change.key] = replace(
                first,
                values={**first.values, **change.values},
                before={**first.before, **change.before},
                reasons=first.reasons + change.reasons,
                lane=min(first.lane, change.lane, key=list(Lane).index),
            )
        else:
            merged.setdefault(change.key, change)
    return list(merged.values())
