"""The contract of adapters: one suite, inherited by all of them.

How to put an adapter under it (about 20 lines, plus a world)::

    class SalesforceWorld(World):  # hands and eyes in an emulated system; see World for what each promises
        needs = Needs(objects={"Contact": ObjectNeeds(read=..., write=...)}, lists=..., alerts=True, timeline=True)
        reads = frozenset({Person, Gone, Deal, Owner})
        person_object, text_field, key_field = "Contact", "MA_Score_Why__c", "MA_Person_Id__c"

        def adapter(self, needs: Needs | None = None) -> Adapter: ...
        def add_person(self, **fields: Value) -> Ref: ...

        ...  # only what the system can do


    class TestSalesforce(AdapterContract):
        @pytest.fixture
        def world(self) -> Iterator[World]:
            with running_emulator() as url:
                yield SalesforceWorld(url)

What is tested follows from what is declared: `Adapter.writes` and `World.reads`. A declared capability whose hand or
eye is missing in the world is a failure (`test_the_world_can_show_what_is_declared`); an undeclared one is skipped.
A world acts and looks past the adapter, as users of the system do. Give it small pages (2 records), so that
`World.many` people fill several of them; and let every hand stamp its record later than the hand before.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import groupby, pairwise
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NoReturn, TypeVar

import pytest
import structlog

from connector.changes import (
    CHANGES,
    AddToList,
    AddTouchpoint,
    AnyChange,
    Change,
    CreatePerson,
    Lane,
    RaiseAlert,
    RemoveFromList,
    SetFields,
)
from connector.errors import AdapterError, Refused, Unavailable, Uncertain
from connector.model import (
    PERSON_FIELD_KIND,
    PERSON_FIELDS,
    Company,
    Deal,
    DealState,
    Gone,
    Kind,
    Membership,
    Owner,
    Person,
    Record,
    Ref,
    Touchpoint,
    Value,
)
from connector.ports import Adapter, Needs, Page, Receipt

Fault = Literal["dead", "lost_answer"]
T = TypeVar("T")

SPRING = datetime(2026, 4, 1, 1, 30, tzinfo=UTC)

CANARIES: Mapping[str, Value] = {
    "email": "canary.mail@canary-kanaria.example",
    "family_name": "金糸雀",
    "given_name": "鳴子",
    "company": "金糸雀観測株式会社",
    "phone": "03-9999-4649",
}
"""A person whose values must never be seen in a log, an error, a receipt or a reject."""


def _missing(what: str) -> NoReturn:
    pytest.skip(f"this world has no {what}")


class World:
    """One system, and hands and eyes in it that do not pass through the adapter.

    Methods left alone skip the tests that need them.
    """

    name: ClassVar[str] = "sys"
    """Name of the system in the configuration: what every `Ref` must carry."""

    needs: Needs
    """What a configuration that uses everything would ask for."""

    reads: frozenset[type]
    """The kinds of records the system gives: Person, Gone, Company, Owner, Deal, Touchpoint, Membership."""

    person_object: str
    """The object that SetFields, CreatePerson and lists are tried on."""

    text_field: str = ""
    """A native text field of it that we may write (in `needs` as write, and as read where it can be read back)."""

    other_field: str | None = None
    """A second one, to see that it is left alone while the first is written."""

    key_field: str = ""
    """The native field that holds our unique key, where the system can CreatePerson."""

    required: Mapping[str, Value] = MappingProxyType({})
    """What the system itself demands of a person that is created, by native names."""

    person_words: frozenset[str] = frozenset({"email", "family_name", "given_name", "company", "phone"})
    """Which of our words for a person `add_person` takes and the adapter gives back unchanged."""

    reads_back: bool = True
    """Whether a value that was written is read again by the next pull."""

    many: int = 7
    """How many records fill several pages."""

    def adapter(self, needs: Needs | None = None) -> Adapter:
        """A fresh adapter under `World.name`, as after a restart of the program; `needs` defaults to all."""
        raise NotImplementedError

    def snapshot(self) -> object:
        """Everything in the system, for comparing."""
        raise NotImplementedError

    # hands

    def add_person(self, **fields: Value) -> Ref:
        """Somebody enters a person, in our words (those of `person_words`, as text)."""
        _missing("person to add")

    def edit_person(self, ref: Ref, **fields: Value) -> None:
        """Somebody changes a person, in our words."""
        _missing("person to edit")

    def delete_person(self, ref: Ref) -> None:
        """Somebody deletes a person."""
        _missing("way to delete a person")

    def add_late_person(self, **fields: Value) -> Ref:
        """A person is committed now with a stamp that is older than what was read already."""
        _missing("late commit")

    def add_unreadable_person(self, **fields: Value) -> None:
        """A person arrives whose record cannot be read (a date that is none, a cell too few)."""
        _missing("unreadable record")

    def add_touchpoint(self, person: Ref, kind: Kind, happened_at: datetime, label: str) -> None:
        """A person does something; a world that knows few kinds may map `kind` to one of them."""
        _missing("touchpoint to add")

    def add_deal(self, name: str, state: DealState, person: Ref | None = None) -> Ref:
        """A rep enters a deal."""
        _missing("deal to add")

    def add_company(self, name: str) -> Ref:
        """Somebody enters a company."""
        _missing("company to add")

    def add_owner(self, name: str) -> str:
        """A user of the SFA who may own things; gives the id."""
        _missing("owner to add")

    def put_on_list(self, name: str, ref: Ref) -> None:
        """A marketer puts a person on one of `needs.lists`."""
        _missing("list")

    def take_off_list(self, name: str, ref: Ref) -> None:
        """A marketer takes a person off a list."""
        _missing("list")

    # eyes

    def person_fields(self, ref: Ref) -> Mapping[str, Value] | None:
        """All native fields of a person as the system holds them; None when there is no such record."""
        _missing("sight of fields")

    def people_with_key(self, key: str) -> Sequence[Ref]:
        """The records whose `key_field` holds `key`."""
        _missing("sight of our key")

    def list_members(self, name: str) -> set[str]:
        """Ids of the person records on a list."""
        _missing("sight of lists")

    def alerts(self) -> Sequence[str]:
        """Titles of all alerts (tasks, notifications, ...) that owners see."""
        _missing("sight of alerts")

    def timeline(self) -> Sequence[str]:
        """Titles of all entries on timelines."""
        _missing("sight of timelines")

    # faults

    def break_next(self, kind: Fault) -> None:
        """`dead`: nothing answers until `heal`. `lost_answer`: the next write works, its answer never arrives."""
        _missing(f"fault {kind}")

    def refuse(self, ref: Ref) -> None:
        """From now on the system refuses writes to this record (a validation rule, a lock), and to no other."""
        _missing("refusal of one row")

    def heal(self) -> None:
        """End all faults."""


HANDS: Mapping[type, str] = {
    Person: "add_person",
    Gone: "delete_person",
    Company: "add_company",
    Owner: "add_owner",
    Deal: "add_deal",
    Touchpoint: "add_touchpoint",
    Membership: "put_on_list",
}
EYES: Mapping[type[Change], str] = {
    SetFields: "person_fields",
    CreatePerson: "people_with_key",
    RaiseAlert: "alerts",
    AddTouchpoint: "timeline",
    AddToList: "list_members",
    RemoveFromList: "list_members",
}


class AdapterContract:
    """Every MUST of `connector.ports`, as a test. Subclasses give the fixture `world`."""

    @pytest.fixture
    def world(self) -> World | Iterator[World]:
        raise NotImplementedError

    # --- the declaration ----------------------------------------------------------------------------------------------

    def test_the_world_can_show_what_is_declared(self, world: World) -> None:
        adapter = world.adapter()
        wanted = {HANDS[kind] for kind in world.reads} | {EYES[kind] for kind in adapter.writes} | {"snapshot"}
        missing = {name for name in wanted if getattr(type(world), name) is getattr(World, name)}
        assert not missing
        assert adapter.writes <= set(CHANGES)
        assert adapter.type == type(adapter).type
        assert adapter.batch >= 1
        assert adapter.connections >= 1

    def test_making_one_does_no_io(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        world.adapter().close()  # imports are done by this

        def forbidden(*args: Any, **kwargs: Any) -> NoReturn:
            raise AssertionError("I/O in __init__")

        with monkeypatch.context() as patch:
            for name in ("builtins.open", "io.open", "os.open", "os.listdir", "os.scandir", "os.mkdir", "os.rename"):
                patch.setattr(name, forbidden)
            for name in ("socket.socket.connect", "socket.getaddrinfo", "socket.create_connection"):
                patch.setattr(name, forbidden)
            adapter = world.adapter()
            _ = adapter.streams, adapter.role, adapter.quota(), adapter.server_time(), adapter.calls_for(1)

    def test_closing_twice_is_harmless(self, world: World) -> None:
        adapter = world.adapter()
        adapter.close()
        adapter.close()

    # --- check --------------------------------------------------------------------------------------------------------

    def test_check_writes_nothing_and_finds_no_error_in_a_sound_system(self, world: World) -> None:
        before = world.snapshot()
        findings = world.adapter().check()
        assert world.snapshot() == before
        assert [str(f.what) for f in findings if f.severity == "error"] == []

    def test_check_of_a_dead_system_raises_ours(self, world: World) -> None:
        adapter = world.adapter()
        world.break_next("dead")
        with pytest.raises(AdapterError) as caught:
            adapter.check()
        assert not isinstance(caught.value, Refused)

    # --- pull ---------------------------------------------------------------------------------------------------------

    def test_streams_are_stable_and_only_what_is_asked_for(self, world: World) -> None:
        asked = list(world.adapter().streams)
        assert len(set(asked)) == len(asked)
        assert list(world.adapter().streams) == asked
        assert set(world.adapter(Needs()).streams) <= set(asked)

    def test_lists_are_read_only_when_asked_for(self, world: World) -> None:
        self._reads(world, Membership)
        ref = world.add_person(**some_person(world, 1))
        for name in sorted(world.needs.lists):
            world.put_on_list(name, ref)
        records = everything(world.adapter(replace(world.needs, lists=frozenset())))
        assert not [r for r in records if isinstance(r, Membership)]

    def test_native_fields_are_those_that_mappings_read(self, world: World) -> None:
        self._reads(world, Person)
        world.add_person(**some_person(world, 1))
        for person in of(Person, everything(world.adapter())):
            assert set(person.native) == world.needs.of(person.ref.object).read

    def test_a_quiet_stream_gives_a_page(self, world: World) -> None:
        adapter = world.adapter()
        for stream in adapter.streams:
            pages = list(adapter.pull(stream, None))
            assert pages
            assert list(adapter.pull(stream, pages[-1].cursor))

    def test_a_person_arrives_with_its_fields(self, world: World) -> None:
        self._reads(world, Person)
        given = some_person(world, 1)
        ref = world.add_person(**given)
        person = last_of(world.adapter(), ref)
        assert {word: person.fields.get(word) for word in given} == given

    def test_words_and_types_are_ours(self, world: World) -> None:
        fill(world)
        for record in everything(world.adapter()):
            assert systems_of(record) == {world.name}
            if isinstance(record, Person):
                assert set(record.fields) <= set(PERSON_FIELDS)
                for word, value in record.fields.items():
                    wanted = bool if PERSON_FIELD_KIND.get(word) == "bool" else str
                    assert value is None or type(value) is wanted, word
            if isinstance(record, Touchpoint):
                assert isinstance(record.kind, Kind)
            if isinstance(record, Deal):
                assert record.probability is None or 0 <= record.probability <= 100
                assert isinstance(record.state, DealState)

    def test_times_are_aware_utc(self, world: World) -> None:
        fill(world)
        records = everything(world.adapter())
        assert records
        for moment in (m for record in records for m in times_of(record)):
            assert moment.utcoffset() == timedelta(0)

    def test_a_touchpoint_arrives_at_its_time_and_person(self, world: World) -> None:
        self._reads(world, Touchpoint)
        ref = world.add_person(**some_person(world, 1))
        world.add_touchpoint(ref, Kind.SEMINAR_ATTENDED, SPRING, "春の製造業セミナー")
        found = [t for t in of(Touchpoint, everything(world.adapter())) if not t.gone]
        assert [(t.person, t.happened_at) for t in found] == [(ref, SPRING)]
        assert "春の製造業セミナー" in found[0].label

    @pytest.mark.parametrize("state", list(DealState))
    def test_a_deal_arrives_with_its_state(self, world: World, state: DealState) -> None:
        self._reads(world, Deal)
        ref = world.add_deal("生産管理システム更新", state)
        deals = {deal.ref: deal for deal in of(Deal, everything(world.adapter()))}
        assert deals[ref].state is state
        assert deals[ref].name == "生産管理システム更新"

    def test_a_company_arrives(self, world: World) -> None:
        self._reads(world, Company)
        ref = world.add_company("東都精工㈱")
        assert {c.ref: c.name for c in of(Company, everything(world.adapter()))}[ref] == "東都精工㈱"

    def test_an_owner_arrives(self, world: World) -> None:
        self._reads(world, Owner)
        wanted = world.add_owner("髙橋 一郎")
        assert wanted in {owner.ref.id for owner in of(Owner, everything(world.adapter()))}

    def test_a_list_arrives_whole(self, world: World) -> None:
        self._reads(world, Membership)
        name = min(world.needs.lists)
        refs = [world.add_person(**some_person(world, n)) for n in range(world.many)]
        for ref in refs[1:]:
            world.put_on_list(name, ref)
        adapter = world.adapter()
        seen, cursors = pull_all(adapter)
        assert memberships(seen)[name] == {ref.id for ref in refs[1:]}
        world.take_off_list(name, refs[1])
        world.put_on_list(name, refs[0])
        seen, _ = pull_all(adapter, cursors)
        assert memberships(seen)[name] == {ref.id for ref in refs if ref != refs[1]}

    def test_all_arrive_oldest_first(self, world: World) -> None:
        self._reads(world, Person)
        refs = [world.add_person(**some_person(world, n)) for n in range(world.many)]
        world.edit_person(refs[0], email="moved.to.the.end@example.com")
        adapter = world.adapter()
        for stream in adapter.streams:
            here = of(Person, [r for page in adapter.pull(stream, None) if not page.complete for r in page.records])
            stamps = [person.modified_at for person in here if person.modified_at is not None]
            assert all(a <= b for a, b in pairwise(stamps))

    def test_resuming_from_any_cursor_loses_nothing(self, world: World) -> None:
        fill(world)
        whole = {identity_of(record) for record in everything(world.adapter())}
        adapter = world.adapter()
        several = False
        for stream in adapter.streams:
            pages = list(world.adapter().pull(stream, None))
            several |= len(pages) > 1
            here = {identity_of(r) for page in pages for r in page.records}
            for n in range(len(pages)):
                before = {identity_of(r) for page in pages[: n + 1] for r in page.records}
                resumed = world.adapter().pull(stream, pages[n].cursor)
                after = {identity_of(r) for page in resumed for r in page.records}
                assert before | after >= here
            whole -= here
        assert not whole
        assert several, "give the world small pages"

    def test_stopping_after_every_page_loses_nothing(self, world: World) -> None:
        self._reads(world, Person)
        refs = {world.add_person(**some_person(world, n)) for n in range(world.many)}
        seen: list[Record] = []
        for stream in world.adapter().streams:
            cursor: str | None = None
            for _ in range(world.many):
                page = next(iter(world.adapter().pull(stream, cursor)))
                seen += page.records
                cursor = page.cursor
            seen += [record for page in world.adapter().pull(stream, cursor) for record in page.records]
        assert {person.ref for person in of(Person, seen)} >= refs

    def test_what_changes_later_is_seen_later(self, world: World) -> None:
        self._reads(world, Person)
        refs = [world.add_person(**some_person(world, n)) for n in range(3)]
        _, cursors = pull_all(world.adapter())
        world.edit_person(refs[0], email="moved.once@example.com")
        new = world.add_person(**some_person(world, 8))
        seen, cursors = pull_all(world.adapter(), cursors)
        people = {person.ref: person for person in of(Person, seen)}
        assert people[refs[0]].fields["email"] == "moved.once@example.com"
        assert new in people
        world.edit_person(refs[0], email="moved.twice@example.com")
        seen, _ = pull_all(world.adapter(), cursors)
        assert {p.ref: p for p in of(Person, seen)}[refs[0]].fields["email"] == "moved.twice@example.com"

    def test_a_record_committed_late_is_seen(self, world: World) -> None:
        self._reads(world, Person)
        world.add_person(**some_person(world, 1))
        _, cursors = pull_all(world.adapter())
        late = world.add_late_person(**some_person(world, 2))
        seen, _ = pull_all(world.adapter(), cursors)
        assert late in {person.ref for person in of(Person, seen)}

    def test_a_deleted_record_is_gone(self, world: World) -> None:
        self._reads(world, Gone)
        refs = [world.add_person(**some_person(world, n)) for n in range(3)]
        _, cursors = pull_all(world.adapter())
        world.delete_person(refs[1])
        seen, _ = pull_all(world.adapter(), cursors)
        assert {gone.ref for gone in of(Gone, seen)} == {refs[1]}

    def test_an_unreadable_record_is_a_reject_and_its_neighbours_arrive(self, world: World) -> None:
        self._reads(world, Person)
        first = world.add_person(**some_person(world, 1))
        world.add_unreadable_person(**some_person(world, 2))
        last = world.add_person(**some_person(world, 3))
        adapter = world.adapter()
        pages = [page for stream in adapter.streams for page in adapter.pull(stream, None)]
        assert {first, last} <= {person.ref for page in pages for person in of(Person, page.records)}
        rejects = [reject for page in pages for reject in page.rejects]
        assert len(rejects) == 1
        assert rejects[0].where
        assert rejects[0].what.ja
        assert rejects[0].what.en
        for page in pages:
            assert page.read >= len(page.records) + len(page.rejects)

    def test_pulling_again_gives_the_same(self, world: World) -> None:
        fill(world)
        before = everything(world.adapter())
        assert Counter(map(identity_of, everything(world.adapter()))) == Counter(map(identity_of, before))

    def test_a_dead_connection_ends_a_pull_with_ours(self, world: World) -> None:
        adapter = world.adapter()
        world.break_next("dead")
        for stream in adapter.streams:
            with pytest.raises(AdapterError) as caught:
                list(adapter.pull(stream, None))
            assert not isinstance(caught.value, Refused | Uncertain)

    # --- push ---------------------------------------------------------------------------------------------------------

    def test_fields_are_set_and_no_other_is_touched(self, world: World) -> None:
        self._writes(world, SetFields)
        one, two = (world.add_person(**some_person(world, n)) for n in (1, 2))
        before, neighbour = world.person_fields(one), world.person_fields(two)
        assert before is not None
        receipts = push_all(world.adapter(), [set_text(world, one, "45点 hot: +10 ウェビナー(3/31)")])
        assert [r.status for r in receipts] == ["done"]
        after = world.person_fields(one)
        assert after is not None
        assert after[world.text_field] == "45点 hot: +10 ウェビナー(3/31)"
        assert without_stamps(before, after, world.text_field)
        assert world.person_fields(two) == neighbour

    def test_a_second_change_keeps_what_the_first_wrote(self, world: World) -> None:
        self._writes(world, SetFields)
        if world.other_field is None:
            _missing("second field to write")
        ref = world.add_person(**some_person(world, 1))
        push_all(world.adapter(), [set_text(world, ref, "一つ目")])
        push_all(world.adapter(), [set_text(world, ref, "二つ目", field=world.other_field)])
        held = world.person_fields(ref)
        assert held is not None
        assert (held[world.text_field], held[world.other_field]) == ("一つ目", "二つ目")

    def test_a_value_can_be_cleared(self, world: World) -> None:
        self._writes(world, SetFields)
        ref = world.add_person(**some_person(world, 1))
        push_all(world.adapter(), [set_text(world, ref, "前の値")])
        receipts = push_all(world.adapter(), [set_text(world, ref, None)])
        held = world.person_fields(ref)
        assert [r.status for r in receipts] == ["done"]
        assert held is not None
        assert held[world.text_field] in (None, "")

    def test_what_was_written_is_read_again(self, world: World) -> None:
        self._writes(world, SetFields)
        if not world.reads_back:
            _missing("way to read what was written")
        ref = world.add_person(**some_person(world, 1))
        _, cursors = pull_all(world.adapter())
        push_all(world.adapter(), [set_text(world, ref, "書いた値")])
        seen, _ = pull_all(world.adapter(), cursors)
        assert {p.ref: p.native[world.text_field] for p in of(Person, seen)}[ref] == "書いた値"

    def test_one_receipt_per_change_in_order(self, world: World) -> None:
        self._writes(world, SetFields)
        refs = [world.add_person(**some_person(world, n)) for n in range(world.many)]
        receipts = push_all(world.adapter(), [set_text(world, ref, f"値{n}") for n, ref in enumerate(refs)])
        assert [r.status for r in receipts] == ["done"] * len(refs)
        for n, ref in enumerate(refs):
            assert (world.person_fields(ref) or {})[world.text_field] == f"値{n}"

    def test_twice_is_the_same_as_once(self, world: World) -> None:
        changes = one_of_each(world)
        assert {type(change) for change in changes} == world.adapter().writes
        push_all(world.adapter(), changes)
        once = look(world, changes)
        for adapter in (world.adapter(), world.adapter()):
            assert {r.status for r in push_all(adapter, changes)} == {"done"}
            assert look(world, changes) == once

    def test_an_answer_that_was_lost_can_be_asked_for_again(self, world: World) -> None:
        for change in one_of_each(world):
            before = look(world, [change])
            world.break_next("lost_answer")
            receipts, error = push_until_error(world.adapter(), change)
            assert receipts == []
            assert isinstance(error, Uncertain | Unavailable)
            if not isinstance(error, Uncertain):
                assert look(world, [change]) == before
            world.heal()
            assert [r.status for r in push_all(world.adapter(), [change])] == ["done"]
            once = look(world, [change])
            assert [r.status for r in push_all(world.adapter(), [change])] == ["done"]
            assert look(world, [change]) == once

    def test_a_person_is_created_once_under_our_key(self, world: World) -> None:
        self._writes(world, CreatePerson)
        change = create(world, "U0000123")
        (first,) = push_all(world.adapter(), [change])
        (again,) = push_all(world.adapter(), [change])
        refs = world.people_with_key("U0000123")
        assert len(refs) == 1
        assert first.status == again.status == "done"
        assert first.remote_id == again.remote_id == refs[0].id

    def test_creating_one_that_exists_updates_it(self, world: World) -> None:
        self._writes(world, CreatePerson)
        push_all(world.adapter(), [create(world, "U0000123")])
        push_all(world.adapter(), [create(world, "U0000123", "新しい根拠")])
        (ref,) = world.people_with_key("U0000123")
        assert (world.person_fields(ref) or {})[world.text_field] == "新しい根拠"

    def test_an_alert_is_raised_once_per_key(self, world: World) -> None:
        self._writes(world, RaiseAlert)
        changes = [alert(world, "k1", "停滞案件に動き"), alert(world, "k2", "停滞案件に動き")]
        push_all(world.adapter(), changes)
        push_all(world.adapter(), changes)
        assert Counter(title for title in world.alerts() if "停滞案件に動き" in title).total() == 2

    def test_a_timeline_entry_is_made_once_per_key(self, world: World) -> None:
        self._writes(world, AddTouchpoint)
        ref = world.add_person(**some_person(world, 1))
        changes = [entry(world, ref, "k1", "セミナー参加"), entry(world, ref, "k2", "セミナー参加")]
        push_all(world.adapter(), changes)
        push_all(world.adapter(), changes)
        assert len([title for title in world.timeline() if "セミナー参加" in title]) == 2

    def test_lists_take_and_let_go(self, world: World) -> None:
        self._writes(world, AddToList, RemoveFromList)
        name = min(world.needs.lists)
        refs = [world.add_person(**some_person(world, n)) for n in range(world.many)]
        push_all(world.adapter(), [put_on(world, name, ref) for ref in refs])
        assert world.list_members(name) == {ref.id for ref in refs}
        push_all(world.adapter(), [take_off(world, name, ref) for ref in refs[:2]])
        push_all(world.adapter(), [take_off(world, name, ref) for ref in refs[:2]])
        assert world.list_members(name) == {ref.id for ref in refs[2:]}
        push_all(world.adapter(), [put_on(world, name, refs[0])])
        assert world.list_members(name) == {refs[0].id} | {ref.id for ref in refs[2:]}

    def test_a_list_keeps_those_whom_others_put_there(self, world: World) -> None:
        self._writes(world, AddToList, RemoveFromList)
        name = min(world.needs.lists)
        theirs, ours = (world.add_person(**some_person(world, n)) for n in (1, 2))
        world.put_on_list(name, theirs)
        push_all(world.adapter(), [put_on(world, name, ours)])
        push_all(world.adapter(), [take_off(world, name, ours)])
        assert world.list_members(name) == {theirs.id}

    def test_a_record_that_is_gone_is_refused_and_never_made_again(self, world: World) -> None:
        self._writes(world, SetFields)
        ref = world.add_person(**some_person(world, 1))
        stays = world.add_person(**some_person(world, 2))
        world.delete_person(ref)
        receipts = push_all(world.adapter(), [set_text(world, stays, "残る"), set_text(world, ref, "消えた")])
        assert [r.status for r in receipts] == ["done", "refused"]
        assert receipts[1].what is not None
        assert world.person_fields(ref) is None

    def test_a_record_that_never_was_is_refused(self, world: World) -> None:
        self._writes(world, SetFields)
        ref = world.add_person(**some_person(world, 1))
        nobody = replace(ref, id=unlike(ref.id))
        receipts = push_all(world.adapter(), [set_text(world, nobody, "誰"), set_text(world, ref, "居る")])
        assert [r.status for r in receipts] == ["refused", "done"]
        assert world.person_fields(nobody) is None

    def test_one_bad_row_is_a_receipt_and_its_neighbours_are_done(self, world: World) -> None:
        self._writes(world, SetFields)
        refs = [world.add_person(**some_person(world, n)) for n in range(3)]
        world.refuse(refs[1])
        before = world.person_fields(refs[1])
        receipts = push_all(world.adapter(), [set_text(world, ref, "値") for ref in refs])
        assert [r.status for r in receipts] == ["done", "refused", "done"]
        assert receipts[1].what is not None
        assert world.person_fields(refs[1]) == before
        assert [(world.person_fields(ref) or {})[world.text_field] for ref in (refs[0], refs[2])] == ["値", "値"]

    def test_a_dead_connection_is_never_a_receipt(self, world: World) -> None:
        changes = one_of_each(world)
        before = look(world, changes)
        adapter = world.adapter()
        world.break_next("dead")
        for change in changes:
            receipts, error = push_until_error(adapter, change)
            assert receipts == []
            assert isinstance(error, AdapterError)
            assert not isinstance(error, Refused)
        world.heal()
        assert look(world, changes) == before
        assert {r.status for r in push_all(world.adapter(), changes)} <= {"done"}

    def test_pushing_nothing_gives_nothing(self, world: World) -> None:
        assert list(world.adapter().push([])) == []

    def test_groups_are_stable(self, world: World) -> None:
        adapter = world.adapter()
        for change in one_of_each(world):
            assert hash(adapter.group(change)) == hash(adapter.group(change))
            assert adapter.group(change) == adapter.group(replace(change, key="other"))

    # --- privacy ------------------------------------------------------------------------------------------------------

    def test_nothing_personal_is_logged_or_told(self, world: World, caplog: pytest.LogCaptureFixture) -> None:
        told: list[object] = []
        caplog.set_level(logging.DEBUG)
        with structlog.testing.capture_logs() as events:
            told += self._do_everything_with(world, dict(CANARIES))
        said = "\n".join([caplog.text, *map(str, caplog.messages), *map(repr, events), *map(repr, told)])
        for word in world.person_words & CANARIES.keys():
            assert str(CANARIES[word]) not in said, word

    def _do_everything_with(self, world: World, canaries: dict[str, Value]) -> Iterator[object]:
        """Read and write a canary person, healthy, refused and dead; give all that was told about it."""
        given = {word: value for word, value in canaries.items() if word in world.person_words}
        adapter = world.adapter()
        yield adapter.check()
        changes = one_of_each(world, given)
        if world.adapter().writes >= {SetFields}:
            ref = world.add_person(**given)
            changes.append(set_text(world, replace(ref, id=unlike(ref.id)), str(CANARIES["email"])))
            changes.append(set_text(world, ref, str(CANARIES["email"])))
        try_to(lambda: world.add_unreadable_person(**given))
        pages = [page for stream in adapter.streams for page in adapter.pull(stream, None)]
        yield [(page.rejects, page.ignored) for page in pages]
        try_to(lambda: world.refuse(ref_of(changes)))
        yield push_all(world.adapter(), changes)
        if not try_to(lambda: world.break_next("dead")):
            return
        for change in changes:
            _, error = push_until_error(adapter, change)
            if isinstance(error, AdapterError):
                yield error.in_("ja"), error.in_("en"), error.code
        world.heal()

    # --- gates --------------------------------------------------------------------------------------------------------

    @staticmethod
    def _reads(world: World, *kinds: type) -> None:
        if not world.reads >= set(kinds):
            _missing(f"reading of {', '.join(kind.__name__ for kind in kinds)}")

    @staticmethod
    def _writes(world: World, *kinds: type[Change]) -> None:
        if not world.adapter().writes >= set(kinds):
            _missing(f"writing by {', '.join(kind.__name__ for kind in kinds)}")


# --- helpers: people and changes --------------------------------------------------------------------------------------

FAMILY = ("佐藤", "鈴木", "髙橋", "田中", "伊藤", "渡邉", "山本", "中村", "小林", "加藤")
GIVEN = ("一郎", "花子", "次郎", "美咲", "三郎", "さくら", "健", "葵", "誠", "結衣")


def some_person(world: World, n: int) -> dict[str, Value]:
    """The n-th person, in the words this world takes."""
    person: dict[str, Value] = {
        "email": f"person{n}@example.com",
        "family_name": FAMILY[n % len(FAMILY)],
        "given_name": GIVEN[n % len(GIVEN)],
        "company": f"第{n}製作所",
        "phone": f"03-0000-{n:04}",
    }
    return {word: value for word, value in person.items() if word in world.person_words}


def set_text(world: World, ref: Ref, value: Value, *, field: str | None = None) -> SetFields:
    """Write one text field."""
    name = field or world.text_field
    key = f"set:{ref}:{name}:{sha256(str(value).encode()).hexdigest()[:8]}"
    return SetFields(
        key=key, system=world.name, identity="p1", lane=Lane.SCORES, ref=ref, values={name: value}, before={name: None}
    )


def create(world: World, key: str, text: str = "作成時の根拠") -> CreatePerson:
    """Create a person under our key."""
    return CreatePerson(
        key=f"create:{key}",
        system=world.name,
        identity="p1",
        lane=Lane.FIELDS,
        object=world.person_object,
        key_field=world.key_field,
        key_value=key,
        values={**world.required, world.text_field: text},
    )


def alert(world: World, key: str, title: str, person: Ref | None = None) -> RaiseAlert:
    """Tell an owner something."""
    owner = try_to(lambda: world.add_owner("営業 担当"))
    return RaiseAlert(
        key=key,
        system=world.name,
        identity="p1",
        lane=Lane.ALERTS,
        rule="stalled-deal-stirs",
        subject="person:p1",
        owner_id=owner or "",
        title=title,
        body="60日以上動きのない案件の担当者が資料をダウンロードしました",
        due_on=date(2026, 4, 2),
        person=person,
    )


def entry(world: World, ref: Ref, key: str, title: str) -> AddTouchpoint:
    """Put something on a timeline."""
    return AddTouchpoint(
        key=key,
        system=world.name,
        identity="p1",
        lane=Lane.BACKFILL,
        person=ref,
        owner_id=None,
        title=title,
        body="春の製造業セミナー",
        happened_at=SPRING,
        on=date(2026, 4, 1),
    )


def put_on(world: World, name: str, ref: Ref) -> AddToList:
    """Put somebody on a list."""
    return AddToList(
        key=f"add:{name}:{ref}", system=world.name, identity="p1", lane=Lane.NURTURE, list=name, person=ref
    )


def take_off(world: World, name: str, ref: Ref) -> RemoveFromList:
    """Take somebody off a list."""
    return RemoveFromList(
        key=f"remove:{name}:{ref}", system=world.name, identity="p1", lane=Lane.NURTURE, list=name, person=ref
    )


def one_of_each(world: World, given: Mapping[str, Value] | None = None) -> list[AnyChange]:
    """One change of every kind the adapter takes, about a person who exists."""
    writes = world.adapter().writes
    ref = world.add_person(**(given or some_person(world, 1)))
    off = world.add_person(**some_person(world, 2))
    if RemoveFromList in writes:
        world.put_on_list(max(world.needs.lists), off)
    makers: dict[type[Change], AnyChange] = {}
    if SetFields in writes:
        makers[SetFields] = set_text(world, ref, "45点 hot")
    if CreatePerson in writes:
        makers[CreatePerson] = create(world, "U0000777")
    if RaiseAlert in writes:
        makers[RaiseAlert] = alert(world, "alert-1", "停滞案件に動き", ref)
    if AddTouchpoint in writes:
        makers[AddTouchpoint] = entry(world, ref, "entry-1", "セミナー参加")
    if AddToList in writes:
        makers[AddToList] = put_on(world, min(world.needs.lists), ref)
    if RemoveFromList in writes:
        makers[RemoveFromList] = take_off(world, max(world.needs.lists), off)
    return list(makers.values())


def ref_of(changes: Sequence[AnyChange]) -> Ref:
    """The record the last SetFields is about."""
    return [change.ref for change in changes if isinstance(change, SetFields)][-1]


def unlike(id_: str) -> str:
    """An id of the same shape that belongs to nobody."""
    return id_[:-3] + ("997" if id_[-3:] != "997" else "998") if len(id_) > 3 else "99999997"


def try_to(act: Any) -> Any:
    """The result of `act`; None where the world cannot do it."""
    try:
        return act() or True
    except pytest.skip.Exception:
        return None


def fill(world: World) -> None:
    """Something of every kind the system gives, enough for several pages."""
    refs = [world.add_person(**some_person(world, n)) for n in range(world.many)]
    if Company in world.reads:
        world.add_company("東都精工㈱")
    if Owner in world.reads:
        world.add_owner("髙橋 一郎")
    if Deal in world.reads:
        for state in DealState:
            world.add_deal(f"案件 {state}", state, refs[0])
    if Touchpoint in world.reads:
        for n, ref in enumerate(refs):
            world.add_touchpoint(ref, Kind.SEMINAR_ATTENDED, SPRING + timedelta(days=n), f"セミナー{n}")
    if Membership in world.reads:
        for name in world.needs.lists:
            world.put_on_list(name, refs[0])


# --- helpers: pulling, pushing and looking ----------------------------------------------------------------------------


def pull_all(adapter: Adapter, cursors: Mapping[str, str] | None = None) -> tuple[list[Record], dict[str, str]]:
    """One run's reading: the records of all streams, and the cursors behind them."""
    records: list[Record] = []
    behind: dict[str, str] = {}
    for stream in adapter.streams:
        for page in adapter.pull(stream, (cursors or {}).get(stream)):
            check_page(page)
            records += page.records
            behind[stream] = page.cursor
    return records, behind


def check_page(page: Page) -> None:
    """What holds of any page."""
    assert isinstance(page.cursor, str)
    assert page.read == len(page.records) + len(page.rejects) + page.ignored.total()


def everything(adapter: Adapter) -> list[Record]:
    """All records of all streams from the beginning."""
    return pull_all(adapter)[0]


def of(kind: type[T], records: Sequence[Any]) -> list[T]:
    """Those of one kind."""
    return [record for record in records if isinstance(record, kind)]


def last_of(adapter: Adapter, ref: Ref) -> Person:
    """The newest sight of a person."""
    return [person for person in of(Person, everything(adapter)) if person.ref == ref][-1]


def memberships(records: Sequence[Record]) -> dict[str, set[str]]:
    """The newest sight of each list."""
    return {m.list: set(m.members) for m in of(Membership, records)}


def identity_of(record: Record) -> tuple[str, object]:
    """What makes two sights of a record the same record."""
    if isinstance(record, Membership):
        return "Membership", (record.list, record.members)
    return type(record).__name__, record.ref


def systems_of(record: Record) -> set[str]:
    """The systems a record names."""
    return {record.system} if isinstance(record, Membership) else {record.ref.system}


def times_of(record: object) -> Iterator[datetime]:
    """Every moment in a record."""
    if isinstance(record, datetime):
        yield record
    elif isinstance(record, Mapping):
        for value in record.values():
            yield from times_of(value)
    elif is_dataclass(record):
        for field in dataclass_fields(record):
            yield from times_of(getattr(record, field.name))


def push_all(adapter: Adapter, changes: Sequence[AnyChange]) -> list[Receipt]:
    """Deliver as the engine does: neighbours of one group together, at most `batch` at once."""
    receipts: list[Receipt] = []
    for _, same in groupby(changes, adapter.group):
        group = list(same)
        for start in range(0, len(group), adapter.batch):
            batch = group[start : start + adapter.batch]
            given = list(adapter.push(batch))
            assert [r.key for r in given] == [c.key for c in batch]
            receipts += given
    return receipts


def push_until_error(adapter: Adapter, change: AnyChange) -> tuple[list[Receipt], Exception | None]:
    """Push one change: the receipts that came, and the error that ended it."""
    receipts: list[Receipt] = []
    try:
        for receipt in adapter.push([change]):
            receipts.append(receipt)  # noqa: PERF402  what came before the error counts
    except AdapterError as error:
        return receipts, error
    return receipts, None


def look(world: World, changes: Sequence[AnyChange]) -> dict[str, object]:
    """All that people see of these changes."""
    kinds = {type(change) for change in changes}
    seen: dict[str, object] = {
        str(change.ref): {name: (world.person_fields(change.ref) or {}).get(name) for name in change.values}
        for change in changes
        if isinstance(change, SetFields)
    }
    if RaiseAlert in kinds:
        seen["alerts"] = sorted(world.alerts())
    if AddTouchpoint in kinds:
        seen["timeline"] = sorted(world.timeline())
    if kinds & {AddToList, RemoveFromList}:
        seen["lists"] = {name: world.list_members(name) for name in world.needs.lists}
    if CreatePerson in kinds:
        seen["created"] = list(world.people_with_key("U0000777"))
    return seen


def without_stamps(before: Mapping[str, Value], after: Mapping[str, Value], written: str) -> bool:
    """Whether nothing differs but the field written and the system's own stamps (moments)."""
    moments = (datetime,)
    return all(
        after.get(name) == value
        for name, value in before.items()
        if name != written and not isinstance(value, moments) and not isinstance(after.get(name), moments)
    )
