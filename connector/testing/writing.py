"""What is pushed: every MUST of the writing half, as a test."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace

import pytest
import structlog

from connector.changes import AddToList, AddTouchpoint, CloseAlert, CreatePerson, RaiseAlert, RemoveFromList, SetFields
from connector.errors import AdapterError, Refused, Unavailable, Uncertain
from connector.model import Person
from connector.ports import LEFT
from connector.testing.gates import Gates
from connector.testing.samples import (
    alert,
    close,
    create,
    entry,
    one_of_each,
    put_on,
    set_text,
    some_person,
    take_off,
    unlike,
)
from connector.testing.traffic import look, of, pull_all, push_all, push_until_error, without_stamps
from connector.testing.world import World, missing


class Writing(Gates):
    """Push."""

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
            missing("second field to write")
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
            missing("way to read what was written")
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

    def test_an_alert_can_be_taken_back(self, world: World) -> None:
        self._writes(world, RaiseAlert, CloseAlert)
        kept = alert(world, "k1", "残すアラート")
        push_all(world.adapter(), [kept])
        back = close(world, "k2", "戻すアラート")
        (receipt,) = push_all(world.adapter(), [back])
        assert (receipt.status, receipt.code) == ("done", "")
        assert [title for title in world.open_alerts() if "アラート" in title] == ["残すアラート"]
        push_all(world.adapter(), [kept])
        assert [title for title in world.open_alerts() if "アラート" in title] == ["残すアラート"]

    def test_an_alert_that_somebody_works_on_stays(self, world: World) -> None:
        self._writes(world, RaiseAlert, CloseAlert)
        back = close(world, "k1", "対応中のアラート")
        world.work_on_alerts()
        before = world.snapshot()
        (receipt,) = push_all(world.adapter(), [back])
        assert (receipt.status, receipt.code) == ("done", LEFT)
        assert world.snapshot() == before

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

    def test_refused_rows_bring_the_systems_own_words(self, world: World, caplog: pytest.LogCaptureFixture) -> None:
        self._writes(world, SetFields)
        refs = [world.add_person(**some_person(world, n)) for n in range(3)]
        for ref in refs[:2]:
            world.refuse(ref)
        one, two = (world.words_to(ref) for ref in refs[:2])
        caplog.set_level(logging.DEBUG)
        with structlog.testing.capture_logs() as events:
            receipts = push_all(world.adapter(), [set_text(world, ref, "値") for ref in refs])
        assert [r.status for r in receipts] == ["refused", "refused", "done"]
        assert receipts[2].said == ""
        for receipt, own, other in zip(receipts[:2], (one, two), (two, one), strict=True):
            assert own in receipt.said
            assert own == other or other not in receipt.said
            texts = [text.in_(language) for text in (receipt.what, receipt.fix) if text for language in ("en", "ja")]
            assert own not in "\n".join([*texts, repr(receipt), repr(events), caplog.text])

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
