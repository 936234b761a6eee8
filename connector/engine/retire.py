"""Retire: a system that `config.yaml` no longer names, and that is not coming back, counts for nothing any more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from connector.engine.app import App, who
from connector.engine.identify import decide_around, settle_companies
from connector.errors import ConnectorError, text
from connector.model import Gone
from connector.spec import unknown_key
from connector.store import deals, people, retired, runs, trail

log = structlog.get_logger("connector.retire")

BATCH = 1000
"""Records that go in one transaction."""


@dataclass(frozen=True, slots=True)
class Retired:
    """What of a system counts no more, or would: `done` says which."""

    system: str
    counts: Mapping[str, int]
    """People, companies, deals, touchpoints, entries on lists."""
    unsent: int
    """Changes that are never sent."""
    doubtful: int
    """Changes that may have taken effect there, and are left to a person."""
    done: bool


def retire(app: App, system: str, *, really: bool) -> Retired:
    """Have everything that a system told count as deleted by it; without `really`, only say how much that is.

    Named in `config.yaml` again, it is read from the beginning.

    :raises ConnectorError: `config.yaml` names it, or the store knows no such system
    :raises Locked: a run is at work
    """
    with app.reading() as conn:
        _look_up(app, conn, system)
        unsent, doubtful = retired.waiting(conn, system)
        found = Retired(system, retired.living(conn, system), unsent, doubtful, done=really)
    if not really:
        return found
    with app.lease() as lease:
        with lease.writing() as conn:
            runs.forget_cursors(conn, system)  # whatever stops us: who puts it back reads what went already
        for step in (_people, _companies, _deals, _touchpoints):
            going = True
            while going:
                app.go_on()
                with lease.writing() as conn:
                    going = step(app, conn, system)
        with lease.writing() as conn:
            retired.withdraw(conn, system)
            retired.drop_notes(conn, system)
            app.trail.add(conn, "", app.clock(), [trail.retired(system, who())])
    log.info("system_retired", system=system, records=sum(found.counts.values()), changes=unsent + doubtful)
    return found


def _look_up(app: App, conn: Connection, system: str) -> None:
    if system in app.setup.systems:
        raise ConnectorError(
            text("config.yaml names {system}", "{system} は config.yaml にあります", system=system),
            fix=text(
                "take it out of systems and of the mappings first; without it no run goes on until it is retired",
                "先に systems とマッピングから外してください（retire を終えるまで run は止まります）",
            ),
        )
    strangers = retired.known(conn) - set(app.setup.systems)
    if system not in strangers:
        what = text("the store knows no system {system!r}", "連携先 {system!r} は store にありません", system=system)
        none = text("there is nothing to retire", "外すべき連携先はありません")
        raise ConnectorError(what, fix=unknown_key(system, strangers)[1] if strangers else none)


def _people(app: App, conn: Connection, system: str) -> bool:
    at = app.clock()
    refs = retired.some(conn, "people", system, BATCH)
    decide_around(conn, app.setup, people.put_gone(conn, [Gone(ref, at) for ref in refs], at), at)
    return bool(refs)


def _companies(app: App, conn: Connection, system: str) -> bool:
    refs = retired.some(conn, "companies", system, BATCH)
    settle_companies(conn, deals.put_companies_gone(conn, [Gone(ref, app.clock()) for ref in refs]).spellings)
    return bool(refs)


def _deals(app: App, conn: Connection, system: str) -> bool:
    refs = retired.some(conn, "deals", system, BATCH)
    deals.put_deals_gone(conn, [Gone(ref, app.clock()) for ref in refs])
    return bool(refs)


def _touchpoints(app: App, conn: Connection, system: str) -> bool:  # noqa: ARG001  called as the others are
    return retired.take_touchpoints(conn, system, BATCH)
