"""Nurture: people of lost and dormant deals go back to marketing, with the reason. State, not events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, Literal

from pydantic import Field, model_validator

from connector.changes import UNDO, Lane, Reason, SetFields, Withheld
from connector.errors import text
from connector.model import Deal, Person, Value
from connector.rules.fields import set_key, settled, taken_back
from connector.rules.membership import put_on, stale_sfa, take_off
from connector.rules.steps import LookAgain, Step
from connector.rules.translate import truth
from connector.rules.view import Reach, View
from connector.rules.when import When
from connector.spec import Block, Many, Spec, SpecError

DealWord = Literal["lost_reason", "lost_on", "product", "stage", "deal", "amount"]
"""Words about the deal that may be carried to the MA."""


class ListBy(Spec):
    """A list chosen by a word of the deal."""

    by: Literal["lost_reason", "product", "stage"]
    """The word that decides."""
    lists: dict[str, str] = Field(default_factory=dict)
    """The word's values and their lists; written directly in the block."""
    otherwise: str | None = Field(default=None, alias="else")
    """The list for all other values; without it those people go nowhere."""

    @classmethod
    def arrange(cls, data: Block) -> Block:
        """Every key but `by` and `else` is a value of the word."""
        outer, inner = Block(data.mark), Block(data.mark)
        for key, value in data.items():
            into = outer if key in ("by", "else") else inner
            into[key], into.key_marks[key], into.marks[key] = value, data.key_marks[key], data.marks[key]
        outer["lists"], outer.key_marks["lists"], outer.marks["lists"] = inner, data.mark, data.mark
        return outer

    @classmethod
    def written(cls, schema: dict[str, Any]) -> dict[str, Any]:
        """Every key but `by` and `else` names a list."""
        lists = schema["properties"].pop("lists")
        return schema | {"additionalProperties": lists["additionalProperties"]}

    def choose(self, deal: Deal) -> str | None:
        """The list for this deal."""
        return self.lists.get(str(getattr(deal, self.by) or ""), self.otherwise)


class NurtureRule(Spec):
    """Who goes back to marketing, to which list, and when they leave it."""

    id: str
    """Name of the rule."""
    when: When
    """What must hold; a condition on deals also picks the deal that is spoken of."""
    unless: Many[When | Literal["opted_out"]] = ()
    """None of these may hold. People who opted out are never added anyway."""
    reach: Reach = "person"
    """`company`: deals of the whole company count."""
    list: str | ListBy
    """The list in the MA, or one chosen by a word of the deal."""
    system: str | None = Field(default=None, alias="in")
    """The MA; needed only where there are several."""
    carry: dict[DealWord, str] = Field(default_factory=dict)
    """Words about the deal and the MA's fields that receive them."""
    leave_when: When | None = None
    """Taken off the list when this holds."""

    @model_validator(mode="after")
    def _deal_needed(self) -> NurtureRule:
        if (isinstance(self.list, ListBy) or self.carry) and self.when.deal is None:
            raise SpecError(
                text(
                    "the list or carry speaks of a deal, but when has no condition on deals",
                    "list または carry が商談を使いますが、when に商談の条件がありません",
                ),
                text("add when: {{deal: {{state: lost}}}}", "when: {{deal: {{state: lost}}}} を加えてください"),
            )
        return self

    def conditions(self) -> tuple[When, ...]:
        """Everything that is asked."""
        return (self.when, *(u for u in self.unless if isinstance(u, When)), *filter(None, [self.leave_when]))

    def names(self) -> tuple[str, ...]:
        """Every list this rule may use."""
        if isinstance(self.list, str):
            return (self.list,)
        return tuple(
            dict.fromkeys([*self.list.lists.values(), *([self.list.otherwise] if self.list.otherwise else [])])
        )


def nurture(view: View, rules: Sequence[NurtureRule]) -> Step:
    """Put the person's best MA record on the list that fits; take it off lists that no longer do."""
    wanted: set[tuple[str, str]] = set()
    for rule in rules:
        conditions = [rule.when, *(u for u in rule.unless if isinstance(u, When)), *filter(None, [rule.leave_when])]
        yield from map(LookAgain, view.turns(conditions, rule.reach))
        deal = _deal(view, rule)
        name = rule.list if isinstance(rule.list, str) else rule.list.choose(deal) if deal else None
        person = _person(view, str(rule.system), name)
        if name is None or person is None or not _holds(view, rule):
            continue
        wanted.add((str(rule.system), name))
        yield from _send(view, rule, name, person, deal)
    for rule in rules:
        for name in rule.names():
            if (str(rule.system), name) not in wanted:
                wanted.add((str(rule.system), name))  # said once, though several rules may use the list
                reason = Reason(rule.id, view.say("the rule holds no more", "該当しなくなった"))
                yield from take_off(view, str(rule.system), name, Lane.NURTURE, reason, None)


def _holds(view: View, rule: NurtureRule) -> bool:
    if view.opted_out or (rule.leave_when is not None and view.holds(rule.leave_when, rule.reach)):
        return False
    if any(isinstance(u, When) and view.holds(u, rule.reach) for u in rule.unless):
        return False
    return view.holds(rule.when, rule.reach)


def _deal(view: View, rule: NurtureRule) -> Deal | None:
    """The deal that is spoken of: the one closed last."""
    deals = view.matching_deals(rule.when, rule.reach)
    return max(deals, key=lambda d: (d.closed_at or view.world.as_of, d.ref.id), default=None)


def _person(view: View, system: str, name: str | None) -> Person | None:
    """The one record that gets the mails: the one that is on the list already, else the newest with a good address."""
    own = _records(view, system)
    members = view.subject.lists.get((system, name or ""), frozenset())
    on_list = [p for p in own if p.ref.id in members]
    good = [p for p in own if not truth(p.fields.get("mail_invalid"))]
    return next(iter(on_list or good), None)


def _records(view: View, system: str) -> list[Person]:
    return [person for person in view.ma_people if person.ref.system == system]


def _send(view: View, rule: NurtureRule, name: str, person: Person, deal: Deal | None) -> Step:
    key = (person.ref.system, name)
    identity = view.subject.identity.id
    on_list = person.ref.id in view.subject.lists.get(key, frozenset())
    ours = view.subject.ours.get(key, frozenset())
    if not on_list and any(own.ref.id in ours for own in _records(view, person.ref.system)):
        yield Withheld(
            identity, rule.id, view.say(f"somebody took this person off {name}", f"{name} から手作業で外されている")
        )
        return
    if not on_list and (stale := stale_sfa(view, 0.0)):
        yield Withheld(identity, rule.id, stale)
        return
    why = f"{deal.name} ({deal.lost_reason or deal.stage})" if deal else ""
    yield from put_on(view, person.ref.system, name, [person], Lane.NURTURE, Reason(rule.id, why))
    if deal is not None:
        yield from _carry(view, rule, person, deal)


def _carry(view: View, rule: NurtureRule, person: Person, deal: Deal) -> Step:
    words = carried(deal, view.world.tz)
    values: dict[str, Value] = {}
    written = view.subject.written.get(person.ref, {})
    for word, to in rule.carry.items():
        if words[word] is None or settled(words[word], person.native.get(to), written.get(to)):
            continue
        if taken_back(words[word], written.get(to)):
            said = view.say(f"{person.ref} {to} was undone", f"{person.ref} {to} は取り消し済み")
            yield Withheld(view.subject.identity.id, UNDO, said)
            continue
        values[to] = words[word]
    if values:
        yield SetFields(
            key=set_key(person.ref),
            system=person.ref.system,
            identity=view.subject.identity.id,
            lane=Lane.NURTURE,
            reasons=tuple(Reason(rule.id, deal.name, to) for to in values),
            ref=person.ref,
            values=values,
            before={to: person.native[to] for to in values if to in person.native},
        )


def carried(deal: Deal, tz: tzinfo) -> Mapping[str, Value]:
    """The words about a deal that may be carried."""
    return {
        "lost_reason": deal.lost_reason,
        "lost_on": deal.closed_at.astimezone(tz).date().isoformat() if deal.closed_at else None,
        "product": deal.product,
        "stage": deal.stage or None,
        "deal": deal.name,
        "amount": deal.amount,
    }
