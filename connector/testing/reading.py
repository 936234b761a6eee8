"""What is declared, checked and pulled: every MUST of the reading half, as a test."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any, NoReturn

import pytest

from connector.changes import CHANGES
from connector.errors import AdapterError, Refused, Uncertain
from connector.model import (
    PERSON_FIELD_KIND,
    PERSON_FIELDS,
    Company,
    Deal,
    DealState,
    Gone,
    Inventory,
    Kind,
    Membership,
    Owner,
    Person,
    Record,
    Ref,
    Touchpoint,
)
from connector.ports import Needs
from connector.testing.gates import Gates
from connector.testing.samples import SPRING, fill, some_person
from connector.testing.traffic import everything, identity_of, last_of, memberships, of, pull_all, systems_of, times_of
from connector.testing.world import EYES, HANDS, World


class Reading(Gates):
    """The declaration, check and pull."""

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

    def test_what_changes_while_pages_are_read_is_seen(self, world: World) -> None:
        self._reads(world, Person)
        refs = [world.add_person(**some_person(world, n)) for n in range(world.many)]
        new: list[Ref] = []
        seen: list[Record] = []
        cursors: dict[str, str] = {}
        adapter = world.adapter()
        for stream in adapter.streams:
            for page in adapter.pull(stream, None):
                seen += page.records
                cursors[stream] = page.cursor
                if not new and refs[0] in {person.ref for person in of(Person, page.records)}:
                    world.edit_person(refs[0], email="moved.meanwhile@example.com")
                    new.append(world.add_person(**some_person(world, 8)))
        later, _ = pull_all(world.adapter(), cursors)
        people = {person.ref: person for person in of(Person, [*seen, *later])}
        assert people[refs[0]].fields["email"] == "moved.meanwhile@example.com"
        assert people.keys() >= {*refs, *new}

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

    def test_an_inventory_holds_what_is_there_and_comes_when_it_is_due(self, world: World) -> None:
        self._reads(world, Inventory)
        refs = [world.add_person(**some_person(world, n)) for n in range(world.many)]
        _, cursors = pull_all(world.adapter())
        world.delete_person(refs[1])
        world.pass_sweep()
        seen, cursors = pull_all(world.adapter(), cursors)
        mine = [one for one in of(Inventory, seen) if one.object == world.person_object]
        assert [one.ids for one in mine] == [frozenset(ref.id for ref in refs if ref != refs[1])]
        seen, _ = pull_all(world.adapter(), cursors)
        assert of(Inventory, seen) == []

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
