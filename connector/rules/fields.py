"""Fields: what each record should hold by the rule of each field, and who wins where two systems differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import Enum, auto
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field

from connector.changes import UNDO, CreatePerson, Kept, Lane, Reason, SetFields, Withheld
from connector.model import PERSON_FIELDS, Deal, DealState, Person, Ref, Role, Value, Written
from connector.rules.clean import Cleaning, cleaned
from connector.rules.membership import STALE, stale_sfa
from connector.rules.score import ScoreSpec, why
from connector.rules.steps import LookAgain, Step
from connector.rules.timeline import TimelineRule
from connector.rules.translate import blank, cut, echo, instant, same, truth
from connector.rules.view import View
from connector.rules.when import When
from connector.spec import Duration, Many, Spec

WHY_LENGTH = 255
"""Characters of a score's text where no field sets another limit."""

Wins = Literal["ma", "sfa", "ma_unless_blank", "sfa_unless_blank", "newest", "once", "strictest"]


OnDrift = Literal["stop", "park", "ignore"]


class FieldRule(Spec):
    """How one of our words reaches one field of a system."""

    to: str
    """The system's own name of the field."""
    wins: Wins
    """Who decides where the two sides differ."""
    max_length: int | None = Field(default=None, ge=10)
    """Texts are cut to so many characters."""
    only: str | None = None
    """Only in records of this object."""
    blank: Literal["keep", "clear"] = "keep"
    """`clear`: a blank on the deciding side erases the field."""
    on_drift: OnDrift | None = None
    """When the field is gone, or of another type or other choices, as a run starts: `stop` the run, or leave the field
    out until it is mended, as something parked or ignored."""
    clean: Many[Cleaning] = ()
    """How texts are cleaned before they are written, in this order."""
    values: dict[str, str] = Field(default_factory=dict)
    """Our values and the system's, where they differ."""


class Create(Spec):
    """When a person who has no record yet gets one."""

    object: str
    """The kind of record."""
    when: When
    """What must hold."""
    unless: Many[When] = ()
    """None of these may hold: `{person: {is: known}}` creates nobody who has a record in any SFA."""
    require: Many[str] = ()
    """Words that must not be blank (`family_name`, `company`); without them nobody is created."""


class PeopleMapping(Spec):
    """The records of people in one system, and which fields of theirs are kept up."""

    system: str = Field(alias="in")
    """The system, by its name in `config.yaml`."""
    object: Many[str]
    """Kinds of record, in the order in which a person is looked up."""
    key: str | None = None
    """An external id field that is ours alone; it makes creation safe to repeat."""
    create: Create | None = None
    """When a person who has no record yet gets one; not while `review` asks whether a record there is this person's."""
    fields: dict[str, FieldRule] = Field(default_factory=dict)
    """Our words and the fields they go to."""
    timeline: TimelineRule | None = None
    """Touchpoints that are shown on the person's timeline."""

    @classmethod
    def written(cls, schema: dict[str, Any]) -> dict[str, Any]:
        """Fields under our words only."""
        rule = schema["properties"]["fields"].pop("additionalProperties")
        schema["properties"]["fields"] |= {
            "properties": {
                **dict.fromkeys(PERSON_FIELDS, rule),
                **{word: {**rule, "description": means} for word, means in {**COMPUTED, **OF_SALES}.items()},
            },
            "patternProperties": {
                r"^score\..+$": {
                    **rule,
                    "description": "The points of a score; with `.why` its reasons, with `.band` its band.",
                }
            },
            "additionalProperties": False,
        }
        return schema


class FlipFlop(Spec):
    """When a field that somebody always changes back is left alone."""

    times: int = Field(default=3, ge=1)
    """So many times in a row."""
    within: Duration = timedelta(days=1)
    """Within this time."""


RECENT = 10
"""Lines of `touchpoints.recent` at most."""

COMPUTED: Mapping[str, str] = MappingProxyType(
    {
        "person_id": "Our id of the person.",
        "touchpoints.last": "What the person did last.",
        "touchpoints.last_at": "When the person last did something.",
        "touchpoints.count": "How many touchpoints the person has.",
        "touchpoints.recent": f"The last {RECENT} touchpoints as lines, newest first.",
    }
)
"""Words that are ours, beside `score.NAME`, `score.NAME.why` and `score.NAME.band`, and what they hold."""


SPARED = ("title", "lead_source")
"""Words that a run can do without: nobody is told from others, or kept off mails, by them."""

OF_SALES: Mapping[str, str] = MappingProxyType(
    {
        "deal.state": "`open`, `won` or `lost`: of an open deal the person takes part in, else of the one closed last.",
        "deal.owner": "The name of the owner of the deal that `deal.state` tells of.",
        "person.owner": "The name of who looks after the person in the SFA.",
        "is.customer": "Whether the person, or somebody at the company, has a won deal.",
    }
)
"""Words that an SFA tells an MA, to divide people by, and what they hold."""


def known_words(scores: Iterable[str]) -> set[str]:
    """Every word a field rule may speak of."""
    of_scores = {f"score.{name}{part}" for name in scores for part in ("", ".why", ".band")}
    return {*PERSON_FIELDS, *COMPUTED, *OF_SALES, *of_scores}


def set_key(ref: Ref) -> str:
    """One wish per record: a newer one replaces an older one that was not sent."""
    return f"set:{ref}"


Told = Sequence[tuple[FieldRule, Written, Value]]
"""What we wrote elsewhere of the same word, by which rule, and what stands there now."""


def fields(view: View, mappings: Sequence[PeopleMapping], scores: Mapping[str, ScoreSpec], guard: FlipFlop) -> Step:
    """Bring the records of this person in line with the mappings."""
    told = _told_elsewhere(view, mappings)
    for mapping in mappings:
        if view.world.roles.get(mapping.system) is Role.MA:
            yield from _in_ma(view, mapping, scores, guard, told)
            continue
        own = candidates(view, mapping)
        if own:
            yield from _update(view, mapping, own[0], scores, guard, told)
            for other in own[1:]:
                said = view.say(f"{other.ref} is a duplicate of {own[0].ref}", f"{other.ref} は {own[0].ref} と重複")
                yield Withheld(view.subject.identity.id, "duplicate", said)
                yield from _update(view, _consent_only(mapping), other, scores, guard, told)
        else:
            yield from _create(view, mapping, scores)


def _in_ma(
    view: View, mapping: PeopleMapping, scores: Mapping[str, ScoreSpec], guard: FlipFlop,
    told: Mapping[tuple[Role, str], Told],
) -> Step:  # fmt: skip
    if any(word in OF_SALES for word in mapping.fields) and (stale := stale_sfa(view, STALE)):
        # Who is no customer, as far as we know, may be one: nothing is said of it.
        yield Withheld(view.subject.identity.id, "stale", stale)
        known = {word: rule for word, rule in mapping.fields.items() if word not in OF_SALES}
        mapping = mapping.model_copy(update={"fields": known})
    for person in view.ma_people:
        if person.ref.system == mapping.system and person.ref.object in mapping.object:
            yield from _update(view, mapping, person, scores, guard, told)


def _told_elsewhere(view: View, mappings: Sequence[PeopleMapping]) -> Mapping[tuple[Role, str], Told]:
    """By side and word: what we wrote into the records of this person, and what stands there now."""
    found: dict[tuple[Role, str], list[tuple[FieldRule, Written, Value]]] = {}
    for person in (*view.ma_people, *view.sfa_people):
        written = view.subject.written.get(person.ref)
        for mapping in mappings if written else ():
            if mapping.system != person.ref.system or person.ref.object not in mapping.object:
                continue
            for word, rule in mapping.fields.items():
                if last := (written or {}).get(rule.to):
                    side = view.world.roles[mapping.system]
                    found.setdefault((side, word), []).append((rule, last, person.native.get(rule.to)))
    return found


def _consent_only(mapping: PeopleMapping) -> PeopleMapping:
    """What is kept up in a duplicate too: a "no" holds wherever somebody may look."""
    consent = {word: rule for word, rule in mapping.fields.items() if rule.wins == "strictest"}
    return mapping.model_copy(update={"fields": consent, "key": None})


def candidates(view: View, mapping: PeopleMapping) -> list[Person]:
    """The person's records in this system: first by the mapping's order of objects, then our key, then age."""
    own = [p for p in view.sfa_people if p.ref.system == mapping.system and p.ref.object in mapping.object]
    identity = view.subject.identity.id
    return sorted(
        own,
        key=lambda p: (
            mapping.object.index(p.ref.object), p.key != identity, p.created_at is None, p.created_at, p.ref.id,
        ),
    )  # fmt: skip


def _update(
    view: View, mapping: PeopleMapping, person: Person, scores: Mapping[str, ScoreSpec], guard: FlipFlop,
    told: Mapping[tuple[Role, str], Told],
) -> Step:  # fmt: skip
    values: dict[str, Value] = {}
    reasons: list[Reason] = []
    lanes: list[Lane] = []
    new = view.world.filling.get(mapping.system, frozenset())
    identity = view.subject.identity.id
    if mapping.key and person.key != identity:
        values[mapping.key] = identity
        reasons.append(Reason("identity", view.say("our key", "当方のキー"), mapping.key))
        lanes.append(Lane.BACKFILL if mapping.key in new else Lane.FIELDS)
    written = view.subject.written.get(person.ref, {})
    planned: dict[str, tuple[FieldRule, Value]] = {}
    for word, rule in _ruled(mapping, person):
        found = _wanted(view, mapping, person, word, rule, scores, written.get(rule.to), told)
        if found is _KEEP:
            yield from _kept(view, mapping, person, word, rule, scores)
        else:
            planned[word] = rule, found
    for word, (rule, wanted) in planned.items():
        if settled(wanted, person.native.get(rule.to), written.get(rule.to)):
            continue
        if _is_held(word, planned, person, written):
            said = view.say(f"{person.ref} {rule.to} was undone", f"{person.ref} {rule.to} は取り消し済み")
            yield Withheld(identity, UNDO, said)
            continue
        # A no to mail is said as often as somebody takes it back.
        if rule.wins != "strictest" and _fought_over(wanted, written.get(rule.to), guard, view.world.as_of):
            place = f"{person.ref} {rule.to}"
            said = view.say(f"{place} is always changed back; left alone", f"{place} が繰り返し戻されるため停止中")
            yield Withheld(identity, "flip_flop", said)
            continue
        values[rule.to] = wanted
        reasons.append(Reason(word, rule.wins, rule.to))
        first = rule.to in new and rule.to not in written
        lanes.append(Lane.BACKFILL if first and word != "opted_out" else _lane(word))
    if values:
        before = {name: person.native[name] for name in values if name != mapping.key and name in person.native}
        yield SetFields(
            key=set_key(person.ref), system=mapping.system, identity=identity,
            lane=min(lanes, key=list(Lane).index), reasons=tuple(reasons),
            ref=person.ref, values=values, before=before | ({mapping.key: person.key} if mapping.key in values else {}),
        )  # fmt: skip


def _ruled(mapping: PeopleMapping, person: Person) -> list[tuple[str, FieldRule]]:
    return [(word, rule) for word, rule in mapping.fields.items() if rule.only in (None, person.ref.object)]


def _kept(
    view: View, mapping: PeopleMapping, person: Person, word: str, rule: FieldRule, scores: Mapping[str, ScoreSpec]
) -> Step:  # fmt: skip
    """Told of a field that stays, where the other side says something else than what was read there."""
    if rule.to not in person.native:
        return
    theirs = person.native[rule.to]
    there = Role.SFA if view.world.roles[mapping.system] is Role.MA else Role.MA
    ours = computed(view, word, rule.max_length, scores) if _is_ours(word) else view.value(there, word)
    if rule.wins == "strictest" and not truth(theirs):
        return  # nobody said no
    if not blank(ours) and not same(cut(rule.values.get(str(ours), ours), rule.max_length), theirs):
        yield Kept(view.subject.identity.id, person.ref, rule.to, theirs, ours, word, rule.wins)


def _is_ours(word: str) -> bool:
    return word in COMPUTED or word in OF_SALES or word.startswith("score.")


def _lane(word: str) -> Lane:
    if word == "opted_out":
        return Lane.PROTECT
    return Lane.SCORES if word.startswith("score.") else Lane.FIELDS


def settled(wanted: Value, theirs: Value, last: Written | None) -> bool:
    """Whether a field holds what it should: that value, or what the system made of it when we wrote it."""
    return same(wanted, theirs) or (last is not None and same(wanted, last.value) and echo(wanted, theirs))


def taken_back(wanted: Value, last: Written | None) -> bool:
    """Whether an administrator undid the writing of this very value; another one may be written."""
    return last is not None and any(same(wanted, value) for value in last.undone)


def _is_held(
    word: str, planned: Mapping[str, tuple[FieldRule, Value]], person: Person, written: Mapping[str, Written]
) -> bool:  # fmt: skip
    """Whether what was undone is not written again. A score takes its text and its band along: they must agree."""
    rule, wanted = planned[word]
    own = taken_back(wanted, written.get(rule.to))
    score = ".".join(word.split(".")[:2]) if word.startswith("score.") else word
    if score == word or score not in planned:
        return own
    of, value = planned[score]
    if settled(value, person.native.get(of.to), written.get(of.to)):
        return own
    return taken_back(value, written.get(of.to))


def _fought_over(wanted: Value, last: Written | None, guard: FlipFlop, as_of: datetime) -> bool:
    return (
        last is not None and same(wanted, last.value) and last.times >= guard.times and as_of - last.at < guard.within
    )


class _Keep(Enum):
    """Says "leave the field as it is", which no value can."""

    KEEP = auto()


_KEEP = _Keep.KEEP


def _wanted(
    view: View, mapping: PeopleMapping, person: Person, word: str, rule: FieldRule,
    scores: Mapping[str, ScoreSpec], last: Written | None, told: Mapping[tuple[Role, str], Told],
) -> Value | _Keep:  # fmt: skip
    theirs = person.native.get(rule.to)
    here = view.world.roles[mapping.system]
    if _is_ours(word):
        ours: Value = computed(view, word, rule.max_length, scores)
        decided: Value | _Keep = ours if not (rule.wins == "once" and not blank(theirs)) else _KEEP
    elif rule.wins == "strictest":
        decided = True if view.opted_out and not truth(theirs) else _KEEP
    else:
        there = Role.SFA if here is Role.MA else Role.MA
        typed = view.value(there, word)
        ours = cleaned(typed, rule.clean)
        if rule.wins == "newest":
            elsewhere = told.get((there, word), ())
            if _only_shown(typed, theirs, elsewhere):
                return _KEEP
            decided = _newest(view, here, person, ours, theirs, _agreed(typed, last, elsewhere))
        else:
            decided = _decide(rule, here, ours, theirs, last)
    if word in OF_SALES and decided is False and blank(theirs) and "false" not in rule.values:
        return _KEEP  # an empty flag says so already, and most people are no customers
    if decided is _KEEP or (blank(decided) and (rule.blank == "keep" or blank(theirs))):
        return _KEEP
    if isinstance(decided, datetime) and isinstance(theirs, date) and not isinstance(theirs, datetime):
        decided = decided.astimezone(view.world.tz).date()  # a field of days holds the day here
    spelt: Value = "true" if decided is True else "false" if decided is False else decided
    return cut(rule.values.get(str(spelt), decided), rule.max_length)


def _decide(rule: FieldRule, here: Role, ours: Value, theirs: Value, last: Written | None) -> Value | _Keep:
    """The value that should stand in `theirs`, given what the other side (`ours`) says."""
    if rule.wins in ("ma", "sfa"):
        return _KEEP if rule.wins == here.value else ours
    if rule.wins == "once":
        return ours if blank(theirs) and last is None else _KEEP
    deciding = Role(rule.wins.removesuffix("_unless_blank"))
    if deciding is here:
        return ours if blank(theirs) else _KEEP
    return _KEEP if blank(ours) else ours


def _only_shown(typed: Value, theirs: Value, told: Told) -> bool:
    """Whether the other side only shows what we wrote there, whatever the system made of it: it has not moved."""
    return not blank(theirs) and any(
        same(written.value, cleaned(theirs, rule.clean)) and same(now, typed) and echo(written.value, now)
        for rule, written, now in told
    )


def _agreed(typed: Value, last: Written | None, told: Told) -> Written | None:
    """What both sides said when we last wrote to either: who says something else now has moved since."""
    there = [written for rule, written, now in told if not rule.values and same(now, typed)]
    return max((each for each in (last, *there) if each is not None), key=lambda each: each.at, default=None)


def _newest(
    view: View, here: Role, person: Person, ours: Value, theirs: Value, agreed: Written | None
) -> Value | _Keep:  # fmt: skip
    """The side that moved since our last look; clocks decide only where both moved."""
    if blank(theirs):
        return ours
    if agreed is not None:
        we_moved, they_moved = not echo(agreed.value, ours), not echo(agreed.value, theirs)
        if not we_moved or not they_moved:
            return ours if we_moved else _KEEP
    others = view.sfa_people if here is Role.MA else view.ma_people
    newest = max((p.modified_at for p in others if p.modified_at), default=None)
    if newest is None or (person.modified_at is not None and person.modified_at >= newest):
        return _KEEP
    return ours


def computed(view: View, word: str, max_length: int | None, scores: Mapping[str, ScoreSpec]) -> Value:
    """The value of one of our own words."""
    if word == "person_id":
        return view.subject.identity.id
    if word.startswith("score."):
        _, name, *part = word.split(".")
        score = view.scores[name]
        if not part:
            return int(score.points) if score.points == int(score.points) else score.points
        if part == ["band"]:
            return score.band
        if max_length in (None, WHY_LENGTH):
            return score.why
        return why(score, scores[name], max_length, view.world.tz, view.world.language)
    return _of_sales(view, word) if word in OF_SALES else _of_touchpoints(view, word)


def _of_sales(view: View, word: str) -> Value:
    if word == "is.customer":
        return "customer" in view.standings("company")
    if word == "person.owner":
        owners = (view.owner(person.ref.system, person.owner_id) for person in view.sfa_people)
        return next((name for name in owners if name), None)
    deal = _spoken_of(view.deals("person"))
    if deal is None:
        return None
    return deal.state.value if word == "deal.state" else view.owner(deal.ref.system, deal.owner_id)


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def _spoken_of(deals: Sequence[Deal]) -> Deal | None:
    """Of several deals an open one, and of those the one that entered its stage last; else the one closed last."""
    is_open = [deal for deal in deals if deal.state is DealState.OPEN]
    return max(
        is_open or deals,
        key=lambda d: ((d.stage_since if is_open else d.closed_at) or _LONG_AGO, str(d.ref)),
        default=None,
    )


def _of_touchpoints(view: View, word: str) -> Value:
    last = view.last
    if word == "touchpoints.count":
        return view.touches
    if last is None:
        return None
    if word == "touchpoints.last_at":
        return instant(last.happened_at)
    if word == "touchpoints.recent":
        return "\n".join(map(view.told, view.latest(RECENT)))
    return view.told(last)


def creation_key(system: str, object_: str, id_: str) -> str:
    """One creation for each id of ours, in each kind of record of each system."""
    return f"create:{system}:{object_}:{id_}"


def _create(view: View, mapping: PeopleMapping, scores: Mapping[str, ScoreSpec]) -> Step:
    create = mapping.create
    if create is None or mapping.key is None or not view.ma_people:
        return
    yield from map(LookAgain, view.turns([create.when, *create.unless], "person"))
    if not view.holds(create.when) or any(view.holds(when) for when in create.unless):
        return
    identity = view.subject.identity.id
    # Somebody may have been entered since we last looked, and a second record of a person is hard to undo: that takes a
    # reading in this very run. `unless` may ask for the records of any SFA, one of which may be down for a while.
    stale = stale_sfa(view, 0.0, mapping.system) or (stale_sfa(view, STALE) if create.unless else None)
    if stale:
        yield Withheld(identity, "stale", stale)
        yield LookAgain(view.world.as_of)  # in the next run: nothing is in the outbox that would wait for the system
        return
    missing = [word for word in create.require if blank(view.value(Role.MA, word))]
    if missing:
        listed = ", ".join(missing)
        yield Withheld(identity, "create", view.say(f"not created: {listed} blank", f"作成しない: {listed} が空"))
        return
    theirs = [ref for refs in view.subject.may_be.values() for ref in refs if ref.system == mapping.system]
    if doubtful := ", ".join(map(str, theirs)):
        said = view.say(f"not created: may be {doubtful}", f"作成しない: {doubtful} と同一人物の可能性")
        yield Withheld(identity, "review", said)
        return
    nobody = Person(Ref(mapping.system, create.object, ""), {})
    values: dict[str, Value] = {}
    reasons = [Reason("create", view.say(f"not yet in {mapping.system}", f"{mapping.system} に未登録"))]
    for word, rule in mapping.fields.items():
        if rule.only not in (None, create.object):
            continue
        wanted = _wanted(view, mapping, nobody, word, rule, scores, None, {})
        if wanted is not _KEEP and not blank(wanted):
            values[rule.to] = wanted
            reasons.append(Reason(word, rule.wins, rule.to))
    yield CreatePerson(
        key=creation_key(mapping.system, create.object, identity), system=mapping.system, identity=identity,
        lane=Lane.SCORES, reasons=tuple(reasons), object=create.object, key_field=mapping.key, key_value=identity,
        values=values,
    )  # fmt: skip
