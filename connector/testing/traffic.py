"""Reading and writing as the engine does, and comparing what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, TypeVar

from connector.changes import (
    AddToList,
    AddTouchpoint,
    AnyChange,
    CloseAlert,
    CreatePerson,
    RaiseAlert,
    RemoveFromList,
    SetFields,
)
from connector.errors import AdapterError
from connector.model import Inventory, Membership, Person, Record, Ref, Value
from connector.ports import Adapter, Page, Receipt
from connector.testing.world import World

T = TypeVar("T")


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
    if isinstance(record, Inventory):
        return "Inventory", (record.object, record.ids)
    return type(record).__name__, record.ref


def systems_of(record: Record) -> set[str]:
    """The systems a record names."""
    return {record.system} if isinstance(record, Membership | Inventory) else {record.ref.system}


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
    if CloseAlert in kinds:
        seen["open"] = sorted(world.open_alerts())
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
