from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import pytest

from connector.adapters.memory import PERSON, SYSTEMS, Config, Memory, System, locked
from connector.model import (
    Company,
    Deal,
    DealState,
    Gone,
    Kind,
    Membership,
    Owner,
    Person,
    Ref,
    Role,
    Touchpoint,
    Value,
)
from connector.ports import Adapter, Needs, ObjectNeeds
from connector.testing import AdapterContract, Fault, World


class MemoryWorld(World):
    needs = Needs(
        objects={
            PERSON: ObjectNeeds(
                read=frozenset({"score_why", "last_touch"}),
                write=frozenset({"score_why", "last_touch"}),
                key="our_key",
                create=True,
            )
        },
        lists=frozenset({"nurture-lost", "do-not-mail"}),
        alerts=True,
        timeline=True,
    )
    reads = frozenset({Person, Gone, Company, Owner, Deal, Touchpoint, Membership})
    person_object, text_field, other_field, key_field = PERSON, "score_why", "last_touch", "our_key"

    def __init__(self, role: Role) -> None:
        self.role = role
        self.system = SYSTEMS[self.name] = System(self.name)

    def adapter(self, needs: Needs | None = None) -> Adapter:
        return Memory(self.name, Config(role=self.role), self.needs if needs is None else needs)

    def snapshot(self) -> object:
        return repr(self.system)

    def add_person(self, **fields: Value) -> Ref:
        return self.system.add_person(PERSON, **fields)  # type: ignore[arg-type]  # the words are no keyword of it

    def edit_person(self, ref: Ref, **fields: Value) -> None:
        self.system.edit_person(ref, **fields)

    def delete_person(self, ref: Ref) -> None:
        self.system.delete_person(ref)

    def add_late_person(self, **fields: Value) -> Ref:
        self.system.now -= timedelta(minutes=5)
        return self.add_person(**fields)

    def add_unreadable_person(self, **fields: Value) -> None:
        self.system.unreadable.add(self.add_person(**fields).id)

    def add_touchpoint(self, person: Ref, kind: Kind, happened_at: datetime, label: str) -> None:
        self.system.add_touchpoint(person, kind, happened_at, label=label)

    def add_deal(self, name: str, state: DealState, person: Ref | None = None) -> Ref:
        return self.system.add_deal(name, state, people=(person.id,) if person else ())

    def add_company(self, name: str) -> Ref:
        return self.system.add_company(name)

    def add_owner(self, name: str) -> str:
        return self.system.add_owner(name)

    def put_on_list(self, name: str, ref: Ref) -> None:
        self.system.lists.setdefault(name, set()).add(ref.id)

    def take_off_list(self, name: str, ref: Ref) -> None:
        self.system.lists[name].discard(ref.id)

    def person_fields(self, ref: Ref) -> Mapping[str, Value] | None:
        person = self.system.people.get(ref.id)
        return person.fields if person else None

    def people_with_key(self, key: str) -> Sequence[Ref]:
        return [person.ref for person in self.system.people.values() if person.fields.get("our_key") == key]

    def list_members(self, name: str) -> set[str]:
        return set(self.system.lists.get(name, ()))

    def alerts(self) -> Sequence[str]:
        return [alert.title for alert in self.system.alerts.values()]

    def open_alerts(self) -> Sequence[str]:
        return [alert.title for key, alert in self.system.alerts.items() if key not in self.system.closed]

    def work_on_alerts(self) -> None:
        self.system.at_work |= self.system.alerts.keys()

    def timeline(self) -> Sequence[str]:
        return [entry.title for entry in self.system.timeline.values()]

    def break_next(self, kind: Fault) -> None:
        if kind == "dead":
            self.system.down = True
        else:
            self.system.lose_answer = 1

    def refuse(self, ref: Ref) -> None:
        self.system.refuses.add(ref.id)

    def words_to(self, ref: Ref) -> str:
        return locked(ref.id)

    def heal(self) -> None:
        self.system.down = False


class TestMemory(AdapterContract):
    @pytest.fixture(params=list(Role))
    def world(self, request: pytest.FixtureRequest) -> Iterator[World]:
        yield MemoryWorld(request.param)
        SYSTEMS.clear()
