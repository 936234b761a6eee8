"""Pull: every stream from its cursor, page by page; a page, what it means, and its cursor in one transaction."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from connector.config import Setup
from connector.contain import each_contained
from connector.engine.app import App
from connector.engine.identify import company_filing, decide_around, filing, refile, settle_companies
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
            under_way = [pool.submit(_pull_system, app, name, lease, report, force=force) for name in names]
            for one in under_way:
                one.result()


def _pull_system(app: App, name: str, lease: Lease, report: Report, *, force: bool) -> None:
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
    for page in each_contained(name, adapter.pull(stream, position.value if position else None)):
        if not force:
            _guard_empty(app, name, stream, page, position)
        with lease.writing() as conn:
            at = app.clock()
            counts = store_page(conn, app.setup, page, at, None if force else app.setup.config.run.guards)
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
            "{system}: {what} had {n} records and is empty now",
            "{system}: {what} は前回{n}件でしたが空になりました",
            system=system,
            what=what,
            n=count,
        )
    )


def store_page(conn: Connection, setup: Setup, page: Page, at: datetime, guards: Guards | None = None) -> Counts:
    """Store what a page says and re-decide the identities it touches; what became of its records.

    :raises Halted: by `guards`, when a system seems to have lost too much
    """
    by_type: dict[type, list[Any]] = defaultdict(list)
    for record in page.records:
        by_type[type(record)].append(storable(record))
    used = 0
    if owners := by_type.pop(Owner, None):
        used += deal_store.put_owners(conn, owners)
    if companies := by_type.pop(Company, None):
        used += _companies(conn, setup, companies, at)
    if people := by_type.pop(Person, None):
        used += _people(conn, setup, people, at)
    if gone := by_type.pop(Gone, None):
        used += _gone(conn, setup, gone, at)
    if deals := by_type.pop(Deal, None):
        used += deal_store.put_deals(conn, deals, at)
    if parts := by_type.pop(DealPerson, None):
        used += deal_store.put_deal_people(conn, parts)
    if touchpoints := by_type.pop(Touchpoint, None):
        used += touchpoint_store.put_touchpoints(conn, touchpoints, at)
    used += sum(_compared(conn, setup, each, at, guards) for each in by_type.pop(Inventory, []))
    for membership in by_type.pop(Membership, []):
        used += min(touchpoint_store.put_membership(conn, membership, at), 1)
    parked, ignored = len(page.rejects), page.ignored.total()
    return Counts(page.read, used, page.read - used - parked - ignored, parked, ignored)


def _people(conn: Connection, setup: Setup, people: Sequence[Person], at: datetime) -> int:
    """Store person records with their keys; how many of them are news."""
    changed = people_store.put_people(conn, [filing(each, keys_of(each, setup.identity)) for each in people], at)
    decide_around(conn, setup, changed, at)
    return len(changed.nos)


def _companies(conn: Connection, setup: Setup, found: Sequence[Company], at: datetime) -> int:
    used = deal_store.put_companies(conn, [company_filing(each, setup.identity) for each in found], at)
    settle_companies(conn, used.spellings)
    return used.changed


def _gone(conn: Connection, setup: Setup, gone: Sequence[Gone], at: datetime) -> int:
    changed = people_store.put_gone(conn, gone, at)
    decide_around(conn, setup, changed, at)
    used = deal_store.put_companies_gone(conn, gone)
    settle_companies(conn, used.spellings)
    return len(changed.nos) + deal_store.put_deals_gone(conn, gone) + used.changed


def _compared(conn: Connection, setup: Setup, inventory: Inventory, at: datetime, guards: Guards | None) -> int:
    """1 where an inventory told of records that are gone, or back."""
    found = _people(conn, setup, people_store.returned(conn, inventory), at)
    found += deal_store.put_deals_back(conn, inventory)
    found += _gone(conn, setup, vanished(conn, inventory, at, guards), at)
    return min(found, 1)
