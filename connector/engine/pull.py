"""Pull: every stream from its cursor, page by page; a page, what it means, and its cursor in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from connector.config import Setup
from connector.engine.app import App
from connector.engine.report import Report
from connector.errors import AdapterError, Halted, text
from connector.model import Company, Deal, DealPerson, Gone, Membership, Owner, Person, Ref, Touchpoint
from connector.ports import Adapter, Page
from connector.rules.identify import company_of, company_of_record, identify, keep_ids, keys_of, new_id
from connector.store import facts, runs
from connector.store.lease import Lease
from connector.store.runs import Counts

log = structlog.get_logger("connector.pull")


def pull(app: App, lease: Lease, report: Report, *, force: bool = False) -> None:
    """Read every system, each in a thread of its own. A system that fails is reported; the others go on.

    `force`: a source that is suddenly empty is taken at its word.

    Raises only what makes the whole run pointless: a lost lease, a broken store.
    """
    with ThreadPoolExecutor(max_workers=len(app.adapters)) as pool:
        for done in [pool.submit(_pull_system, app, name, lease, report, force) for name in app.adapters]:
            done.result()


def _pull_system(app: App, name: str, lease: Lease, report: Report, force: bool) -> None:  # noqa: FBT001  for submit()
    adapter = app.adapters[name]
    try:
        for stream in adapter.streams:
            _pull_stream(app, adapter, name, stream, lease, report, force=force)
    except AdapterError as error:
        log.warning("system_unavailable", system=name, error=type(error).__name__, code=error.code)
        report.problem(name, error)
    except Halted as halted:
        report.halt(halted.what)


def _pull_stream(
    app: App, adapter: Adapter, name: str, stream: str, lease: Lease, report: Report, *, force: bool
) -> None:
    with app.reading() as conn:
        position = runs.positions(conn, name).get(stream)
    for page in adapter.pull(stream, position.value if position else None):
        if not force:
            _guard_empty(app, name, stream, page, position)
        with lease.writing() as conn:
            at = app.clock()
            counts = store_page(conn, app.setup, page, at)
            runs.move_cursor(conn, name, stream, page.cursor, at, page.read if page.complete else None)
            runs.put_rejects(conn, name, stream, page.rejects, report.run, at)
            runs.add_ledger(conn, report.run, name, stream, counts)
        report.count(name, stream, counts)
        log.info("page_pulled", system=name, stream=stream, read=counts.read, used=counts.used)
    with lease.writing() as conn:
        runs.stream_read(conn, name, stream, app.clock())
    report.expect_calls(name, 1)


def _guard_empty(app: App, name: str, stream: str, page: Page, position: runs.Position | None) -> None:
    if app.setup.config.run.guards.empty_source != "stop" or not page.complete:
        return
    size = sum(len(r.members) if isinstance(r, Membership) else 1 for r in page.records)
    had = position.last_count if position else None
    if had and not size:
        raise Halted(
            text(
                "{system} {stream} had {n} records and is empty now",
                "{system} の {stream} は前回{n}件でしたが空になりました",
                system=name,
                stream=stream,
                n=had,
            ),
            fix=text(
                "if that is right, run again with --force",
                "正しい場合は --force を付けて再実行してください",
            ),
        )


def store_page(conn: Connection, setup: Setup, page: Page, at: datetime) -> Counts:
    """Store what a page says and re-decide the identities it touches; what became of its records."""
    by_type: dict[type, list[Any]] = defaultdict(list)
    for record in page.records:
        by_type[type(record)].append(record)
    used = 0
    if owners := by_type.pop(Owner, None):
        used += facts.put_owners(conn, owners)
    if companies := by_type.pop(Company, None):
        used += facts.put_companies(conn, [_with_company(c, setup) for c in companies], at)
    if people := by_type.pop(Person, None):
        used += _people(conn, setup, people, at)
    if gone := by_type.pop(Gone, None):
        used += _gone(conn, setup, gone, at)
    if deals := by_type.pop(Deal, None):
        used += facts.put_deals(conn, deals, at)
    if parts := by_type.pop(DealPerson, None):
        used += facts.put_deal_people(conn, parts, at)
    if touchpoints := by_type.pop(Touchpoint, None):
        used += facts.put_touchpoints(conn, touchpoints, at)
    members = 0
    for membership in by_type.pop(Membership, []):
        changed = facts.put_membership(conn, membership, at)
        used += min(changed, 1)
        members += 1
    parked, ignored = len(page.rejects), page.ignored.total()
    return Counts(page.read, used, page.read - used - parked - ignored, parked, ignored)


def _with_company(company: Company, setup: Setup) -> tuple[Company, str, str | None]:
    ours, domain = company_of_record(company, setup.identity)
    return company, ours, domain


def _people(conn: Connection, setup: Setup, people: Sequence[Person], at: datetime) -> int:
    """Store person records with their keys and companies; how many of them are news."""
    named = {p.company_id for p in people if p.company_id}
    by_system = {system: facts.companies_of(conn, system, named) for system in {p.ref.system for p in people}}
    keys = {p.ref: keys_of(p, setup.identity) for p in people}
    at_domain = facts.companies_at(conn, {k.domain for k in keys.values() if k.domain})
    filings, domains = [], []
    for person in people:
        own = keys[person.ref]
        company = by_system[person.ref.system].get(person.company_id or "") or company_of(own, at_domain)
        if own.domain and company and own.company_key:
            domains.append((own.domain, company))
        filings.append(facts.Filing(person, [(k.kind, k.value) for k in own.keys], company))
    facts.put_domains(conn, domains)
    changed = facts.put_people(conn, filings, at)
    _identify(conn, setup, changed)
    return len(changed)


def _gone(conn: Connection, setup: Setup, gone: Sequence[Gone], at: datetime) -> int:
    changed = facts.put_gone(conn, gone, at)
    _identify(conn, setup, changed)
    return len(changed) + facts.put_deals_gone(conn, gone) + facts.put_companies_gone(conn, gone)


def _identify(conn: Connection, setup: Setup, nos: Iterable[int]) -> None:
    """Re-decide who is who around these records; everybody else keeps what was decided."""
    near = facts.neighbourhood(conn, nos)
    if not near:
        return
    keys = [keys_of(f.person, setup.identity, gone=f.gone, successor=f.successor) for f in near]
    groups = identify(keys, setup.identity)
    before = {f.person.ref: f.identity for f in near if f.identity}
    named = {f.person.ref: f.person.key for f in near if f.person.key and not f.gone}
    ids = keep_ids(groups, before, named, new_id)
    by_ref: dict[Ref, int] = {f.person.ref: f.no for f in near}
    facts.assign(conn, {by_ref[ref]: identity for ref, identity in ids.items()})
