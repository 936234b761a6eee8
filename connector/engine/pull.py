"""Pull: every stream from its cursor, page by page; a page, what it means, and its cursor in one transaction."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from connector.config import Setup
from connector.contain import each_contained
from connector.engine.app import App
from connector.engine.probing import keep_evidence
from connector.engine.report import Report
from connector.engine.storable import storable
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
from connector.rules.cleanse import corporate_domain
from connector.rules.identify import (
    Key,
    Keys,
    assign_company,
    company_id_of,
    identify,
    keep_ids,
    keys_of,
    new_id,
)
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
        with ThreadPoolExecutor(max_workers=max(1, len(names))) as pool:
            under_way = [pool.submit(_pull_system, app, name, lease, report, force=force) for name in names]
            for one in under_way:
                one.result()
    place_by_domain(app, lease)


def place_by_domain(app: App, lease: Lease) -> None:
    """People without a company go to the one that was learnt, since they were read, to own their mail domain."""
    with app.reading() as conn:
        size = str(deal_store.count_domains(conn))
        if runs.remembered(conn, "domains") == size:
            return
    last = 0
    while True:
        with lease.writing() as conn:
            filed = people_store.without_company(conn, last, REKEY)
            if not filed:
                runs.remember(conn, "domains", size)
                return
            keys = {one.no: keys_of(one.person, app.setup.identity) for one in filed}
            known = deal_store.companies_at(conn, {k.domain for k in keys.values() if k.domain})
            found = {no: company for no, own in keys.items() if (company := assign_company(own, known))}
            people_store.set_companies(conn, found)
            last = filed[-1].no


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


REKEY = 1000
"""Records that get new keys in one transaction when the rules of identity change."""


def refile(app: App, lease: Lease) -> None:
    """When the rules of identity changed since the last run, decide about everybody anew."""
    rules = app.setup.identity.model_dump_json()
    with app.reading() as conn:
        if runs.remembered(conn, "identity") == rules:
            return
    last = 0
    while True:
        with lease.writing() as conn:
            filed = people_store.all_filed(conn, last, REKEY)
            if not filed:
                runs.remember(conn, "identity", rules)
                return
            keys = {one.no: _keys_of(one, app.setup, ()).keys for one in filed}
            _identify(conn, app.setup, people_store.rekey(conn, keys).concerned)
            last = filed[-1].no


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
        used += deal_store.put_companies(conn, [_with_company(c, setup) for c in companies], at)
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


def _with_company(company: Company, setup: Setup) -> tuple[Company, str, str | None]:
    """A company record with our id of it and its web domain."""
    stand_in = Person(company.ref, {"company": company.name, "corporate_number": company.corporate_number})
    keys = keys_of(stand_in, setup.identity)
    # A name made of nothing but legal forms says nothing: such a record is a company by itself.
    ours = company_id_of(keys.company, keys.corporate_number) or company_id_of(str(company.ref), None)
    return company, str(ours), corporate_domain(company.website or "")


def _people(conn: Connection, setup: Setup, people: Sequence[Person], at: datetime) -> int:
    """Store person records with their keys and companies; how many of them are news."""
    named = {p.company_id for p in people if p.company_id}
    by_system = {system: deal_store.companies_of(conn, system, named) for system in {p.ref.system for p in people}}
    keys = {p.ref: keys_of(p, setup.identity) for p in people}
    known = deal_store.companies_at(conn, {k.company or k.domain or "" for k in keys.values()})
    filings, domains = [], []
    for person in people:
        own = keys[person.ref]
        company = by_system[person.ref.system].get(person.company_id or "") or assign_company(own, known)
        if company and own.domain and own.company:
            domains.append((own.domain, company))
        filings.append(people_store.Filing(person, own.keys, company))
    deal_store.put_domains(conn, domains)
    changed = people_store.put_people(conn, filings, at)
    _identify(conn, setup, changed.concerned)
    return len(changed.nos)


def _gone(conn: Connection, setup: Setup, gone: Sequence[Gone], at: datetime) -> int:
    changed = people_store.put_gone(conn, gone, at)
    _identify(conn, setup, changed.concerned)
    return len(changed.nos) + deal_store.put_deals_gone(conn, gone) + deal_store.put_companies_gone(conn, gone)


def _compared(conn: Connection, setup: Setup, inventory: Inventory, at: datetime, guards: Guards | None) -> int:
    """1 where an inventory told of records that are gone, or back."""
    found = _people(conn, setup, people_store.returned(conn, inventory), at)
    found += deal_store.put_deals_back(conn, inventory)
    found += _gone(conn, setup, vanished(conn, inventory, at, guards), at)
    return min(found, 1)


def _identify(conn: Connection, setup: Setup, nos: Iterable[int]) -> None:
    """Re-decide who is who around these records; everybody else keeps what was decided."""
    near = people_store.neighbourhood(conn, nos)
    if not near:
        return
    groups = identify(keys_of_all(near, setup), setup.identity)
    before = {f.person.ref: f.identity for f in near if f.identity}
    named = {f.person.ref: f.person.key for f in near if f.person.key and not f.gone}
    ids = keep_ids(groups, before, named, new_id, people_store.Taken(conn))
    by_ref: dict[Ref, int] = {f.person.ref: f.no for f in near}
    people_store.assign(conn, {by_ref[ref]: identity for ref, identity in ids.items()})


def keys_of_all(near: Sequence[people_store.Filed], setup: Setup) -> list[Keys]:
    """The identity keys of stored records.

    One that is gone is tied to its successor and to nothing else. Where a record bears an identity's id as our key,
    the identity's other records hold that key too: they stay together when somebody gets a new address.
    """
    borne = {filed.person.key for filed in near if filed.person.key and not filed.gone}
    return [_keys_of(filed, setup, borne) for filed in near]


def _keys_of(filed: people_store.Filed, setup: Setup, borne: Collection[str]) -> Keys:
    if filed.gone:
        ties = [filed.person.ref, *([filed.successor] if filed.successor else [])]
        return Keys(filed.person.ref, tuple(Key("id", str(ref)) for ref in ties))
    keys = keys_of(filed.person, setup.identity)
    if filed.identity in borne:
        return replace(keys, keys=(*keys.keys, Key("key", str(filed.identity))))
    return keys
