"""A run's work in parts that any worker can do: read a system, plan some identities, deliver to a system.

What a part is, and how it is done. Whoever does it works under the run's own token; a system is worked for by one
worker at a time, with a token of its own besides. So a part may be done twice, late, or by two at once: what counts is
written once, and whoever has been replaced writes nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

import structlog
from sqlalchemy import Connection
from structlog.contextvars import bound_contextvars

from connector.config import LeftOut
from connector.engine import planning
from connector.engine.app import App
from connector.engine.deliver import Delivery
from connector.engine.pull import pull_system
from connector.engine.report import Report
from connector.engine.run import counting_calls
from connector.store import creations, load, outbox, parts
from connector.store.lease import Lease, Share, take_part

log = structlog.get_logger("connector.parts")

Kind = Literal["pull", "plan", "deliver"]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a run, as it waits for a worker. Plain data, and nothing personal."""

    run: str
    token: int
    """The fencing token of the run."""
    as_of: str
    digest: str
    """Of the configuration that the run began with: a worker with another one leaves the part alone."""
    kind: Kind
    turn: int = 0
    """Planning and delivery are gone through more than once."""
    system: str = ""
    after: int = 0
    last: int = 0
    """Identities to plan: those behind `after`, up to `last`."""
    force: bool = False
    left_out: Sequence[LeftOut] = ()
    """What the run does without, because its field drifted."""

    @property
    def stage(self) -> str:
        """What its key shares with the other parts of its stage."""
        return f"{self.run}:{self.kind}:{self.turn}:"

    @property
    def key(self) -> str:
        """What a part is known by: done once under this key, it is done."""
        return f"{self.stage}{self.system or self.last}"

    @property
    def name(self) -> str:
        """As the log and people know it, within its run."""
        return self.key.removeprefix(f"{self.run}:")

    @property
    def lease_name(self) -> str:
        """The name of the lease that it is done under; empty where there is none."""
        return f"system:{self.system}" if self.system else ""

    def as_data(self) -> dict[str, Any]:
        """As the queue carries it."""
        return asdict(self)


def perform(app: App, part: Part, holder: str) -> None:
    """Do a part, unless it is done already.

    :raises Fenced: the run is over, or another worker was given this part
    :raises Locked: another worker is at work for this system
    :raises Interrupted: we were asked to end; what was done so far stays
    :raises StoreError: the store cannot be used now
    """
    with bound_contextvars(run=part.run):
        _perform(app, part, holder)


def _perform(app: App, part: Part, holder: str) -> None:
    run = Lease(app.store, "run", part.token, app.setup.config.run.lease)
    as_of = datetime.fromisoformat(part.as_of)
    report = Report(part.run, as_of, as_of)
    with app.reading() as conn:
        if parts.is_done(conn, part.key):
            return
    if part.kind == "plan":
        _plan(app, run, part, report)
        return
    with take_part(run, part.lease_name, holder) as share, counting_calls(app, share, report, [part.system]):
        with share.writing() as conn:
            if parts.is_done(conn, part.key):  # by whoever had this part until now
                return
            if part.kind == "deliver":
                outbox.abandoned(conn, part.system)
        (_pull if part.kind == "pull" else _deliver)(app, share, part, report)


def fail(app: App, part: Part, why: Mapping[str, Any]) -> None:
    """Tell the run that a part cannot be done.

    :raises Fenced: the run is over
    """
    run = Lease(app.store, "run", part.token, app.setup.config.run.lease)
    with run.writing() as conn:
        if not parts.is_done(conn, part.key):
            parts.put_done(conn, part.key, {"failed": why})


def _pull(app: App, share: Share, part: Part, report: Report) -> None:
    if app.adapters[part.system].jobs is not None:
        Delivery(app, part.system, share, report).collect()
    pull_system(app, part.system, share, report, force=part.force)
    with share.writing() as conn:
        parts.put_done(conn, part.key, report.as_part())


def _deliver(app: App, share: Share, part: Part, report: Report) -> None:
    delivery = Delivery(app, part.system, share, report)
    delivery.send()
    app.go_on()  # whoever goes on from here sums up
    with share.writing() as conn:  # one for both, so that what was left counts once, whoever dies here
        delivery.sum_up(conn)
        parts.put_done(conn, part.key, report.as_part())


def _plan(app: App, run: Lease, part: Part, report: Report) -> None:
    """Plan some identities.

    Chunks are computed side by side, and written down one after the other. What two of them have in common are alerts
    about one deal, and people who may be one: a chunk that would tell what another has told meanwhile, or make somebody
    whom another may be making, is planned again.
    """
    while True:
        app.go_on()
        planned = _planned(app, part, report)
        with run.writing() as conn:
            if parts.is_done(conn, part.key):
                return
            if not _still_so(conn, planned):
                log.info("chunk_outdated", last=part.last)
                continue
            added = planning.write_down(app, conn, planned, report)
            planning.told(report, planned, added)
            parts.put_done(conn, part.key, report.as_part())
        return


def _planned(app: App, part: Part, report: Report) -> planning.Planned:
    with app.reading() as conn:
        world = app.world(conn, report.as_of, report.run)
        nos = load.affected_between(conn, report.as_of, part.after, part.last)
        return planning.plan_chunk(conn, app.setup.rules, world, nos)


def _still_so(conn: Connection, planned: planning.Planned) -> bool:
    """Whether nobody has told meanwhile what this plan would tell, or makes somebody who may be one that it makes."""
    if planned.alone and creations.making(conn, {who for _, who in planned.alone}) & planned.alone:
        return False
    found = load.told(conn, {subject for _, subject in planned.told})
    return all(found.get(topic[1], {}).get(topic) == at for topic, at in planned.told.items())
