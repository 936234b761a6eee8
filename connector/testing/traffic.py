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
from connector.ports import Adapter, Collected, Jobs, Page, Receipt
from connector.testing.world import World

T = TypeVar("T")
ASKED_AT_MOST = 100
"""Questions after which an emulated system should have ended a job."""


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
    """Deliver as the engine does: neighbours of one group together, by a job as far as they fit, else in batches."""
    receipts: list[Receipt] = []
    for _, same in groupby(changes, adapter.group):
        group = list(same)
        by_job = {} if adapter.jobs is None else push_by_job(adapter.jobs, group)
        rest = [change for change in group if change.key not in by_job]
        pushed: list[Receipt] = []
        for start in range(0, len(rest), adapter.batch):
            batch = rest[start : start + adapter.batch]
            given = list(adapter.push(batch))
            assert [r.key for r in given] == [c.key for c in batch]
            pushed += given
        in_turn = iter(pushed)
        receipts += [by_job.get(change.key) or next(in_turn) for change in group]
    return receipts


def push_by_job(jobs: Jobs, group: Sequence[AnyChange]) -> dict[str, Receipt]:
    """What came of those that fit a job; what it could not decide is left to `push`."""
    fit = jobs.fit(group)
    if not fit:
        return {}
    job = jobs.open(fit)
    jobs.submit(job, fit)
    return {receipt.key: receipt for receipt in collected(jobs, job, fit).receipts if receipt.status != "retry"}


def collected(jobs: Jobs, job: str, changes: Sequence[AnyChange]) -> Collected:
    """The results of a job, once it has ended."""
    for _ in range(ASKED_AT_MOST):
        found = jobs.collect(job, changes)
        if found is not None:
            told = [receipt.key for receipt in found.receipts]
            assert len(set(told)) == len(told)
            assert {*told, *found.untried} <= {change.key for change in changes}
            assert found.untried.isdisjoint(told)
            return found
    raise AssertionError("the job does not end")


def push_until_error(adapter: Adapter, change: AnyChange) -> tuple[list[Receipt], Exception | None]:
    """Push one change, by a job if it fits one: the receipts that came, and the error that ended it."""
    receipts: list[Receipt] = []
    try:
        if adapter.jobs is not None:
            receipts += push_by_job(adapter.jobs, [change]).values()
        if not receipts:
            for receipt in adapter.push([change]):
                receipts.append(receipt)
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
