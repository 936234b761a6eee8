"""The contract is worth something if it catches adapters that break it: each is planted here, once."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from connector.adapters.memory import PERSON, SYSTEMS, Memory, System
from connector.changes import AddToList, AnyChange, CreatePerson, RaiseAlert, RemoveFromList, SetFields
from connector.errors import Refused, Unavailable, text
from connector.model import DealState, Person, Role
from connector.ports import Page, Receipt
from connector.testing import AdapterContract
from tests.contract.test_memory import MemoryWorld

Plant = Callable[[pytest.MonkeyPatch], None]
PLANTS: list[tuple[str, Plant]] = []


def caught_by(test: str) -> Callable[[Plant], Plant]:
    """The test that is there for this fault."""

    def plant(fault: Plant) -> Plant:
        PLANTS.append((test, fault))
        return fault

    return plant


def change_pages(patch: pytest.MonkeyPatch, change: Callable[[Page], Page | None]) -> None:
    sound = Memory.pull

    def pull(self: Memory, stream: str, cursor: str | None) -> Iterator[Page]:
        for page in sound(self, stream, cursor):
            changed = change(page)
            if changed is not None:
                yield changed

    patch.setattr(Memory, "pull", pull)


def change_work(patch: pytest.MonkeyPatch, work: Callable[[System, AnyChange], Receipt | None]) -> None:
    """`work` comes first; where it gives no receipt, the sound way follows."""
    sound = System.carry_out
    patch.setattr(System, "carry_out", lambda self, change: work(self, change) or sound(self, change))


@caught_by("test_making_one_does_no_io")
def reads_a_file_when_made(patch: pytest.MonkeyPatch) -> None:
    sound = Memory.__init__

    def init(self: Memory, *args: Any) -> None:
        Path(__file__).open(encoding="utf-8").close()
        sound(self, *args)

    patch.setattr(Memory, "__init__", init)


@caught_by("test_check_writes_nothing_and_finds_no_error_in_a_sound_system")
def check_writes(patch: pytest.MonkeyPatch) -> None:
    def check(self: Memory) -> list[Any]:
        self._system.add_person(PERSON)
        return []

    patch.setattr(Memory, "check", check)


@caught_by("test_check_of_a_dead_system_raises_ours")
def check_raises_its_own(patch: pytest.MonkeyPatch) -> None:
    def check(self: Memory) -> list[Any]:
        if self._system.down:
            raise ConnectionError
        return []

    patch.setattr(Memory, "check", check)


@caught_by("test_resuming_from_any_cursor_loses_nothing")
def cursor_runs_ahead(patch: pytest.MonkeyPatch) -> None:
    change_pages(patch, lambda page: replace(page, cursor=page.cursor and str(int(page.cursor) + 1)))


@caught_by("test_what_changes_while_pages_are_read_is_seen")
def cursor_passes_what_came_meanwhile(patch: pytest.MonkeyPatch) -> None:
    sound = Memory.pull

    def pull(self: Memory, stream: str, cursor: str | None) -> Iterator[Page]:
        *pages, last = list(sound(self, stream, cursor))
        yield from pages
        *_, now = sound(self, stream, cursor)
        yield replace(last, cursor=now.cursor)

    patch.setattr(Memory, "pull", pull)


@caught_by("test_a_quiet_stream_gives_a_page")
def quiet_without_a_page(patch: pytest.MonkeyPatch) -> None:
    change_pages(patch, lambda page: page if page.records else None)


@caught_by("test_all_arrive_oldest_first")
def newest_first(patch: pytest.MonkeyPatch) -> None:
    change_pages(patch, lambda page: replace(page, records=list(reversed(page.records))))


@caught_by("test_times_are_aware_utc")
def local_times(patch: pytest.MonkeyPatch) -> None:
    def naive(record: Any) -> Any:
        stamped = isinstance(record, Person) and isinstance(record.modified_at, datetime)
        return replace(record, modified_at=record.modified_at.replace(tzinfo=None)) if stamped else record

    change_pages(patch, lambda page: replace(page, records=[naive(r) for r in page.records]))


@caught_by("test_an_unreadable_record_is_a_reject_and_its_neighbours_arrive")
def bad_rows_are_passed_over(patch: pytest.MonkeyPatch) -> None:
    change_pages(patch, lambda page: replace(page, rejects=[]))


@caught_by("test_native_fields_are_those_that_mappings_read")
def more_native_fields_than_asked_for(patch: pytest.MonkeyPatch) -> None:
    def more(record: Any) -> Any:
        return replace(record, native={**record.native, "salary": 1}) if isinstance(record, Person) else record

    change_pages(patch, lambda page: replace(page, records=[more(r) for r in page.records]))


@caught_by("test_lists_are_read_only_when_asked_for")
def lists_unasked(patch: pytest.MonkeyPatch) -> None:
    sound = Memory._lists

    def lists(self: Memory) -> Page:
        self._needs = MemoryWorld.needs
        return sound(self)

    patch.setattr(Memory, "_lists", lists)
    patch.setattr(Memory, "streams", ["people", "lists"])


@caught_by("test_fields_are_set_and_no_other_is_touched")
def touches_another_field(patch: pytest.MonkeyPatch) -> None:
    def work(system: System, change: AnyChange) -> None:
        if isinstance(change, SetFields) and change.ref.id in system.people:
            system.edit_person(change.ref, phone="")

    change_work(patch, work)


@caught_by("test_a_person_is_created_once_under_our_key")
def creates_blindly(patch: pytest.MonkeyPatch) -> None:
    def work(system: System, change: AnyChange) -> Receipt | None:
        if not isinstance(change, CreatePerson):
            return None
        ref = system.add_person(change.object, **{**change.values, change.key_field: change.key_value})  # type: ignore[arg-type]
        return Receipt(change.key, "done", ref.id)

    change_work(patch, work)


@caught_by("test_an_alert_is_raised_once_per_key")
def alerts_blindly(patch: pytest.MonkeyPatch) -> None:
    def work(system: System, change: AnyChange) -> Receipt | None:
        if not isinstance(change, RaiseAlert):
            return None
        system.alerts[f"{change.key}/{len(system.alerts)}"] = change
        return Receipt(change.key, "done")

    change_work(patch, work)


@caught_by("test_a_record_that_is_gone_is_refused_and_never_made_again")
def makes_the_gone_again(patch: pytest.MonkeyPatch) -> None:
    def work(system: System, change: AnyChange) -> Receipt | None:
        if not isinstance(change, SetFields) or change.ref.id in system.people:
            return None
        system._commit("people", Person(change.ref, dict(change.values)))
        return Receipt(change.key, "done", change.ref.id)

    change_work(patch, work)


@caught_by("test_a_list_keeps_those_whom_others_put_there")
def empties_the_list(patch: pytest.MonkeyPatch) -> None:
    def work(system: System, change: AnyChange) -> None:
        if isinstance(change, RemoveFromList):
            system.lists[change.list] = set()

    change_work(patch, work)


@caught_by("test_lists_take_and_let_go")
def adds_only_the_first_time(patch: pytest.MonkeyPatch) -> None:
    done: set[str] = set()

    def work(system: System, change: AnyChange) -> Receipt | None:
        again = isinstance(change, AddToList) and change.key in done
        done.add(change.key)
        return Receipt(change.key, "done") if again else None

    change_work(patch, work)


@caught_by("test_one_bad_row_is_a_receipt_and_its_neighbours_are_done")
def a_bad_row_is_an_exception(patch: pytest.MonkeyPatch) -> None:
    def work(system: System, change: AnyChange) -> None:
        if isinstance(change, SetFields) and change.ref.id in system.refuses:
            raise Refused(text("locked", "ロック中"))

    change_work(patch, work)


@caught_by("test_refused_rows_bring_the_systems_own_words")
def keeps_the_systems_words_to_itself(patch: pytest.MonkeyPatch) -> None:
    change_push(patch, lambda self, changes, sound: (replace(each, said="") for each in sound(self, changes)))


@caught_by("test_refused_rows_bring_the_systems_own_words")
def tells_each_row_what_all_were_told(patch: pytest.MonkeyPatch) -> None:
    def push(self: Memory, changes: Sequence[AnyChange], sound: Any) -> Iterator[Receipt]:
        receipts = list(sound(self, changes))
        said = " ".join(each.said for each in receipts)
        yield from (replace(each, said=each.said and said) for each in receipts)

    change_push(patch, push)


@caught_by("test_refused_rows_bring_the_systems_own_words")
def repeats_the_systems_words_as_ours(patch: pytest.MonkeyPatch) -> None:
    def push(self: Memory, changes: Sequence[AnyChange], sound: Any) -> Iterator[Receipt]:
        for each in sound(self, changes):
            yield replace(each, what=text("{said}", "{said}", said=each.said)) if each.said else each

    change_push(patch, push)


def change_push(
    patch: pytest.MonkeyPatch, push: Callable[[Memory, Sequence[AnyChange], Any], Iterator[Receipt]]
) -> None:
    sound = Memory.push
    patch.setattr(Memory, "push", lambda self, changes: push(self, changes, sound))


@caught_by("test_one_receipt_per_change_in_order")
def receipts_in_disorder(patch: pytest.MonkeyPatch) -> None:
    change_push(patch, lambda self, changes, sound: reversed(list(sound(self, changes))))


@caught_by("test_a_dead_connection_is_never_a_receipt")
def a_dead_connection_is_a_receipt(patch: pytest.MonkeyPatch) -> None:
    def push(self: Memory, changes: Sequence[AnyChange], sound: Any) -> Iterator[Receipt]:
        try:
            yield from sound(self, changes)
        except Unavailable:
            yield from (Receipt(change.key, "retry") for change in changes)

    change_push(patch, push)


@caught_by("test_nothing_personal_is_logged_or_told")
def logs_what_it_writes(patch: pytest.MonkeyPatch) -> None:
    change_work(patch, lambda system, change: logging.getLogger("chatty").debug("%r", change))


@caught_by("test_nothing_personal_is_logged_or_told")
def tells_a_value_in_a_receipt(patch: pytest.MonkeyPatch) -> None:
    def work(system: System, change: AnyChange) -> Receipt | None:
        if not isinstance(change, SetFields) or change.ref.id not in system.refuses:
            return None
        value = next(iter(change.values.values()))
        return Receipt(change.key, "refused", what=text("{v!r} is refused", "{v!r} は不可", v=value))

    change_work(patch, work)


@pytest.mark.parametrize(("test", "fault"), PLANTS, ids=[fault.__name__ for _, fault in PLANTS])
def test_a_planted_fault_is_caught(
    test: str, fault: Plant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fault(monkeypatch)
    with pytest.raises((AssertionError, ConnectionError, Refused)):
        run(test, monkeypatch, caplog)


def test_every_test_is_one_that_an_adapter_can_pass() -> None:
    names = {name for name, _ in inspect.getmembers(AdapterContract, inspect.isfunction) if name.startswith("test_")}
    assert {test for test, _ in PLANTS} <= names


def run(test: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    method = getattr(AdapterContract, test)
    available = {"monkeypatch": monkeypatch, "caplog": caplog, "state": DealState.OPEN}
    wanted = inspect.signature(method).parameters.keys() - {"self", "world"}
    try:
        method(AdapterContract(), world=MemoryWorld(Role.SFA), **{name: available[name] for name in wanted})
    finally:
        SYSTEMS.clear()
