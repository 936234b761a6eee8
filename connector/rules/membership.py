"""The difference between the lists a person should be on and is on, with what must not be touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from connector.changes import AddToList, Lane, Reason, RemoveFromList, Withheld
from connector.model import Person
from connector.rules.steps import Step
from connector.rules.view import View

STALE = 6 * 3600.0
"""Seconds after which an SFA counts as unread, where no rule says otherwise."""

C = TypeVar("C", AddToList, RemoveFromList)


def list_key(system: str, name: str, person_id: str) -> str:
    """One key for adding and removing, so that the newest wish about a membership replaces an older one."""
    return f"list:{system}:{name}:{person_id}"


def put_on(view: View, system: str, name: str, people: Sequence[Person], lane: Lane, reason: Reason) -> Step:
    """Changes that put these records on a list they are not on."""
    members = view.subject.lists.get((system, name), frozenset())
    for person in people:
        if person.ref.id not in members:
            yield _change(AddToList, view, name, person, lane, reason)


def take_off(view: View, system: str, name: str, lane: Lane, reason: Reason, hold: str | None) -> Step:
    """Changes that take off those records that we put on a list; people put there by others stay."""
    key = (system, name)
    both = view.subject.lists.get(key, frozenset()) & view.subject.ours.get(key, frozenset())
    for person in view.ma_people:
        if person.ref.system != system or person.ref.id not in both:
            continue
        if hold is not None:
            yield Withheld(view.subject.identity.id, reason.rule, hold)
        else:
            yield _change(RemoveFromList, view, name, person, lane, reason)


def _change(kind: type[C], view: View, name: str, person: Person, lane: Lane, reason: Reason) -> C:
    return kind(
        key=list_key(person.ref.system, name, person.ref.id),
        system=person.ref.system,
        identity=view.subject.identity.id,
        lane=lane,
        reasons=(reason,),
        list=name,
        person=person.ref,
    )


def stale_sfa(view: View, limit_seconds: float, only: str | None = None) -> str | None:
    """Why what SFAs say (`only` names one) cannot be trusted now: one was not read for so long; None when all were."""
    for system, role in sorted(view.world.roles.items()):
        if role != "sfa" or only not in (None, system):
            continue
        read_at = view.world.read_at.get(system)
        if read_at is None or (view.world.as_of - read_at).total_seconds() > limit_seconds:
            return view.say(f"{system} was not read lately", f"{system} を最近読み込めていない")
    return None
