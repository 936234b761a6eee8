"""Pull: every stream from its cursor, page by page; a page, what it means, and its cursor in one transaction."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import Connection

from connector.config import Setup
from connector.contain import each_contained
from connector.engine.app import App
from connector.engine.forget import erase_stored
from connector.engine.identify import company_filing, decide_around, filing, refile, settle_companies
from connector.engine.keep_out import keep_out
from connector.engine.probing import keep_evidence
from connector.engine.report import Report
from connector.engine.storable import storable
from connector.engine.threads import Pool
from connector.engine.vanish import vanished
from connector.errors import AdapterError, Exhausted, Halted, Mismatch, text
from connector.model import (
    Company,
    Deal,
    DealPerson,
    Gone,
    Inventory,
    Membership,
    Owner,
    Person,
    Ref,
    Role,
    Touchpoint,
)
from connector.ports import Adapter, Needs, Page
from connector.rules.brake import Guards
from connector.rules.identify import keys_of
from connector.store import deals as deal_store
from connector.store import people as people_store
from connector.store import runs
from connector.store import touchpoints as touchpoint_store
from connector.store.lease import Lease
from connector.store.runs import Counts
from connector.store.told import Told

log = structlog.get_logger("connector.pull")


def pull(app: App, lease: Lease, report: Report, *, force: bool = False) -> None:
    """Read every system, those of one side at once, each in a thread of its own.

    A system that fails is reported; the others go on. `force`: a source that is suddenly empty is taken at its word.

    Raises only what makes the whole run pointless: a lost lease, a broken store.
    """
    refile(app, lease)
    for role in (Role.MA, Role.SFA):  # sales last: what protects people should be as fresh as can be
        names = [name for name in app.adapters if app.roles[name] is role]
        with Pool(max_workers=max(1, len(names))) as pool:
            under_way = [pool.submit(pull_system, app, name, lease, report, force=force) for name in names]
            for one in under_way:
                one.result()


def pull_system(app: App, name: str, lease: Lease, report: Report, *, force: bool) -> None:
    """Read one system; what fails is reported."""
    adapter = app.adapters[name]
    if adapter.http is not None:
        report.expect_calls(name, 1)  # to sign in
    with lease.writing() as conn:
        read_anew(conn, app.setup, name)
    try:
        for at, stream in enumerate(adapter.streams):
            try:
                _pull_stream(app, adapter, name, stream, lease, report, force=force)
            except Exhausted as error:
                report.put_off(name, adapter.streams[at:], error)
                log.warning("stream_deferred", system=name, stream=stream, code=error.code)
                break
            except Mismatch as error:
                _unread(app, lease, report, name, error)
    except AdapterError as error:
        _unread(app, lease, report, name, error)
    except Halted as halted:
        report.halt(halted.what)


def read_anew(conn: Connection, setup: Setup, name: str) -> None:
    """When a system is asked for more than before, or stands elsewhere, every record of it is read again.

    A field that is mapped for the first time is not known of the records that were read before: it would look blank,
    and be written over.
    """
    wanted, key = _wanted(setup.needs(name), setup.place(name)), f"read:{name}"
    known = set(json.loads(runs.remembered(conn, key) or "[]"))
    if known and not wanted <= known:
        runs.forget_cursors(conn, name)
        log.info("system_read_anew", system=name)
    if wanted != known:
        runs.remember(conn, key, json.dumps(sorted(wanted)))


def _wanted(needs: Needs, place: str) -> set[str]:
    """Everything that decides what a stored record of a system says, one line each."""
    said = {place}
    for name, of in needs.objects.items():
        said |= {f"{name} reads {each}" for each in of.read} | {f"{name} key {of.key}"}
        for part in (of.words, of.values, of.deal, of.states, of.probabilities, of.linked_by):
            said |= {
                f"{name} {word} {sorted(how) if isinstance(how, frozenset) else how}" for word, how in part.items()
            }
    return said


def _unread(app: App, lease: Lease, report: Report, name: str, error: AdapterError) -> None:
    log.warning("system_unavailable", system=name, error=type(error).__name__, code=error.code)
    keep_evidence(app, lease, name, error)
    report.problem(name, error)


def _pull_stream(
    app: App, adapter: Adapter, name: str, stream: str, lease: Lease, report: Report, *, force: bool
) -> None:
    with app.reading() as conn:
        position = runs.positions(conn, name).get(stream)
    for page in each_contained(name, partial(adapter.pull, stream, position.value if position else None)):
        if not force:
            _guard_empty(app, name, stream, page, position)
        with lease.writing() as conn:
            at = app.clock()
            counts = store_page(conn, app.setup, page, at, None if force else app.setup.config.run.guards, report.run)
            runs.move_cursor(conn, name, stream, page.cursor, at, page.read if page.complete else None)
            runs.put_rejects(conn, name, stream, page.rejects, report.run, at)
            runs.add_ledger(conn, report.run, name, stream, counts)
        report.count(name, stream, counts)
        log.info("page_pulled", system=name, stream=stream, read=counts.read, used=counts.used)
        app.go_on()
    with lease.writing() as conn:
        runs.stream_read(conn, name, stream, app.clock())
    report.expect_calls(name, 1)


def _guard_empty(app: App, name: str, stream: str, page: Page, position: runs.Position | None) -> None:
    guards = app.setup.config.run.guards
    if guards.empty_source != "stop" or not page.complete:
        return
    emptied = [record for record in page.records if isinstance(record, Membership) and not record.members]
    with app.reading() as conn:
        had = {r.list: touchpoint_store.count_members(conn, name, r.list) for r in emptied}
    if not page.records and position is not None:
        had[stream] = position.last_count or 0
    for what, count in had.items():
        if count >= max(1, guards.at_least):
            raise _empty(name, what, count)


def _empty(system: str, what: str, count: int) -> Halted:
    return Halted(
        text(
            "{system}: {what} had {n} {n:record|records} and is empty now",
            "{system}: {what} は前回{n}件でしたが空になりました",
            system=system,
            what=what,
            n=count,
        )
    )


def store_page(
    conn: Connection, setup: Setup, page: Page, at: datetime, guards: Guards | None = None, run: str = ""
) -> Counts:
    """Store what a page says and re-decide the identities it touches; what became of its records.

    Every column is counted where it is decided, and none is what the others leave: `read` is what the system gave.

    `run`: in which the audit trail tells of what is erased.

    :raises Halted: by `guards`, when a system seems to have lost too much
    """
    told = Told()
    store_records(conn, setup, page, at, guards, told, run)
    return Counts(page.read, told.used, told.unchanged, len(page.rejects), page.ignored.total() + told.erased)


def store_records(
    conn: Connection, setup: Setup, page: Page, at: datetime, guards: Guards | None, told: Told, run: str = ""
) -> None:  # fmt: skip
    """As `store_page`, record by record."""
    by_type: dict[type, list[Any]] = defaultdict(list)
    records, theirs = keep_out(conn, page.records, setup.identity, at)
    told.erased = len(page.records) - len(records)
    erase_stored(conn, setup, theirs, at, run)
    for record in records:
        by_type[type(record)].append(storable(record))
    steps: Mapping[type, Callable[[list[Any]], None]] = {
        Owner: lambda owners: deal_store.put_owners(conn, owners, told),
        Company: lambda companies: _companies(conn, setup, companies, at, told),
        Person: lambda people: _people(conn, setup, people, at, told),
        Gone: lambda gone: _gone(conn, setup, gone, at, told),
        Deal: lambda deals: deal_store.put_deals(conn, deals, at, told),
        DealPerson: lambda parts: deal_store.put_deal_people(conn, parts, told),
        Touchpoint: lambda touchpoints: touchpoint_store.put_touchpoints(conn, touchpoints, at, told),
        Inventory: lambda lists: _compared(conn, setup, lists, at, guards, told),
        Membership: lambda lists: touchpoint_store.put_memberships(conn, lists, at, told),
    }
    for kind, store in steps.items():  # companies before their people, people before what they did
        if some := by_type.pop(kind, None):
            store(some)


def _people(conn: Connection, setup: Setup, people: Sequence[Person], at: datetime, told: Told) -> None:
    """Store person records with their keys."""
    filings = [filing(each, keys_of(each, setup.identity)) for each in people]
    decide_around(conn, setup, people_store.put_people(conn, filings, at, told), at)


def _companies(conn: Connection, setup: Setup, found: Sequence[Company], at: datetime, told: Told) -> None:
    filings = [company_filing(each, setup.identity) for each in found]
    settle_companies(conn, deal_store.put_companies(conn, filings, at, told).spellings)


def _gone(conn: Connection, setup: Setup, gone: Sequence[Gone], at: datetime, told: Told) -> None:
    latest = {each.ref: each for each in gone}
    told.repeated(len(gone), len(latest))
    changed = people_store.put_gone(conn, gone, at)
    decide_around(conn, setup, changed, at)
    used = deal_store.put_companies_gone(conn, gone)
    settle_companies(conn, used.spellings)
    news = changed.gone | used.changed | deal_store.put_deals_gone(conn, gone)
    for ref in latest:
        told.tell(ref, "changed" if ref in news else "same")


def _compared(
    conn: Connection, setup: Setup, inventories: Sequence[Inventory], at: datetime, guards: Guards | None, told: Told
) -> None:  # fmt: skip
    """An inventory is news where it tells of records that are gone, or back."""
    for inventory in inventories:
        found = Told()
        _people(conn, setup, people_store.returned(conn, inventory), at, found)
        back = deal_store.put_deals_back(conn, inventory)
        _gone(conn, setup, vanished(conn, inventory, at, guards), at, found)
        told.tell(Ref(inventory.system, inventory.object, ""), "changed" if found.used or back else "same")
