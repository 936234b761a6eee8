from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import cast

import pytest
from werkzeug.wrappers import Request, Response

from connector.adapters.shanon import Config, Shanon
from connector.model import Kind, Membership, Person, Ref, Touchpoint, Value
from connector.ports import Adapter, Needs, ObjectNeeds
from connector.sandbox.server import Server
from connector.sandbox.shanon import ShanonEmulator
from connector.spec import Secret
from connector.testing import AdapterContract, Fault, World

SMP_FIELDS = {
    "email": "Email",
    "family_name": "Name1",
    "given_name": "Name2",
    "company": "CompanyName",
    "phone": "Tel",
}


class ShanonWorld(World):
    needs = Needs(
        objects={
            "visitor": ObjectNeeds(
                read=frozenset({"Attribute1", "Attribute2", "UnsubscribeStatus"}),
                write=frozenset({"Attribute1", "Attribute2"}),
            )
        },
        lists=frozenset({"nurture-lost", "do-not-mail"}),
    )
    reads = frozenset({Person, Touchpoint, Membership})
    person_object, text_field, other_field = "visitor", "Attribute1", "Attribute2"

    def __init__(self) -> None:
        self.smp = ShanonEmulator()
        self.lists = {name: self.smp.create_list(name) for name in sorted(self.needs.lists)}
        self.refused: set[str] = set()
        self.server = Server(self.handle, chaos=self.smp.chaos)

    def handle(self, request: Request) -> Response:
        if any(f"<Id>{id_}</Id>".encode() in request.get_data() for id_ in self.refused):
            self.smp.chaos.plan("row_fail")
        return self.smp.handle(request)

    def adapter(self, needs: Needs | None = None) -> Adapter:
        config = Config(
            base_url=self.server.url,
            api_key=Secret(env="SMP_API_KEY"),
            password=Secret(env="SMP_PASSWORD"),
            secret=Secret(env="SMP_SECRET"),
            rate=None,
            retries=0,
            page_size=2,
            lists=self.lists,
        )
        return Shanon(self.name, config, self.needs if needs is None else needs)

    def snapshot(self) -> object:
        return self.smp.visitors(), self.smp.lists(), {name: self.list_members(name) for name in self.lists}

    def tick(self) -> None:
        self.smp.clock.advance(timedelta(seconds=1))

    def add_person(self, **fields: Value) -> Ref:
        self.tick()
        return self.visitor(self.smp.add_visitor({SMP_FIELDS[word]: value for word, value in fields.items()}))

    def visitor(self, id_: int) -> Ref:
        return Ref(self.name, "visitor", str(id_))

    def edit_person(self, ref: Ref, **fields: Value) -> None:
        self.tick()
        self.smp.update_visitor(int(ref.id), {SMP_FIELDS[word]: value for word, value in fields.items()})

    def delete_person(self, ref: Ref) -> None:
        self.smp.delete_visitor(int(ref.id))

    def add_late_person(self, **fields: Value) -> Ref:
        at = self.smp.clock() - timedelta(minutes=5)
        values = {SMP_FIELDS[word]: value for word, value in fields.items()}
        return self.visitor(self.smp.add_visitor({**values, "DateRegist": at, "DateUpdate": at}))

    def add_unreadable_person(self, **fields: Value) -> None:
        id_ = int(self.add_person(**fields).id)
        self.smp._tables["visitor"].put(id_, {**self.smp.visitor(id_), "DateRegist": "2026-02-30"})

    def add_touchpoint(self, person: Ref, kind: Kind, happened_at: datetime, label: str) -> None:
        self.tick()
        seminar = self.smp.add_seminar(label, "セミナー", happened_at)
        self.smp.add_attendance(int(person.id), seminar, "attended", happened_at)

    def put_on_list(self, name: str, ref: Ref) -> None:
        self.smp.add_member(self.lists[name], int(ref.id))

    def take_off_list(self, name: str, ref: Ref) -> None:
        self.smp.remove_member(self.lists[name], int(ref.id))

    def person_fields(self, ref: Ref) -> Mapping[str, Value] | None:
        try:
            held = self.smp.visitor(int(ref.id))
        except KeyError:
            return None
        return cast("Mapping[str, Value]", {"Attribute1": None, "Attribute2": None, **held})

    def list_members(self, name: str) -> set[str]:
        return {str(id_) for id_ in self.smp.members(self.lists[name])}

    def break_next(self, kind: Fault) -> None:
        if kind == "dead":
            self.smp.chaos.rate("reset_before", 1.0)
        else:
            for method in ("PUT", "POST", "DELETE"):
                self.smp.chaos.plan("reset_after", method=method)

    def refuse(self, ref: Ref) -> None:
        self.refused.add(ref.id)

    def words_to(self, ref: Ref) -> str:
        return "登録できませんでした。"

    def heal(self) -> None:
        self.smp.chaos.calm()


class TestShanon(AdapterContract):
    @pytest.fixture
    def world(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
        world = ShanonWorld()
        monkeypatch.setenv("SMP_API_KEY", world.smp.api_key)
        monkeypatch.setenv("SMP_PASSWORD", world.smp.password)
        monkeypatch.setenv("SMP_SECRET", world.smp.secret)
        with world.server:
            yield world
