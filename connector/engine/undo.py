"""Undo a run: read the systems, see what of it still stands, and take that back. It is a run itself, and can be undone.

What is taken back is held: no plan writes the same value into the same field again until the rules want another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from connector.changes import AddToList, AnyChange, CloseAlert, Lane, RemoveFromList, SetFields
from connector.engine.app import App
from connector.engine.deliver import collect, deliver
from connector.engine.drift import looked_for
from connector.engine.pull import pull
from connector.engine.report import Report
from connector.engine.run import Watch, counting_calls, written_down
from connector.errors import ConnectorError, Interrupted, text
from connector.model import Person, Ref
from connector.ports import LEFT
from connector.rules.undo import Done, Now, Undoing, undo, undone_values
from connector.store import outbox, people, runs, touchpoints
from connector.store.lease import Lease
from connector.store.marks import mark_identities
from connector.store.outbox import Sent

log = structlog.get_logger("connector.undo")


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo would do, or did: `sent` says which."""

    run: str
    found: Undoing
    report: Report
    sent: bool
    waiting: Mapping[str, int]
    """Changes of the undo that could not be sent now, per system; the next runs send them."""
    at_work: Sequence[str]
    """Alerts that stay as they are, because their owner works on them, as people are told of them."""

    @property
    def returns(self) -> Sequence[AnyChange]:
        """What the next run may reverse: these lists follow their rules."""
        return [
            change
            for change in self.found.changes
            if isinstance(change, AddToList) or (isinstance(change, RemoveFromList) and change.lane is Lane.PROTECT)
        ]


def undo_run(app: App, run: str, *, send: bool, watch: Watch = lambda _: None) -> Undone:
    """Take back what `run` brought to the systems; without `send`, only show what that would be.

    `run`: its id, or `last`: the one that brought anything last. The systems are read first, as a run does: what
    somebody touched since stays as it is.

    :raises ConnectorError: there is no such run
    :raises Locked: another run is at work
    """
    with app.reading() as conn:
        run = _known(conn, run)
    with (
        app.lease() as lease,
        written_down(app, lease, None, None) as report,
        looked_for(app, lease, report),
        counting_calls(app, lease, report, app.adapters),
    ):
        report.watch = watch
        report.undoes, report.word = (run, "") if send else ("", "plan")
        try:
            if not report.halted:
                collect(app, lease, report)
                pull(app, lease, report)
            with app.reading() as conn:
                found = undo(
                    [Done(s.change, s.remote_id) for s in outbox.delivered(conn, run)],
                    run,
                    _now(app, conn, run, report),
                )
            if send and not report.halted:
                _send(app, lease, report, found)
        except Interrupted:
            report.interrupted = True
            found = Undoing()
        with app.reading() as conn:
            waiting = outbox.left_of(conn, report.run)
            own = outbox.delivered(conn, report.run)
    return Undone(
        run, found, report, send and not report.halted, waiting,
        [s.change.called for s in own if isinstance(s.change, CloseAlert) and s.code == LEFT],
    )  # fmt: skip


def _known(conn: Connection, run: str) -> str:
    """The id of a run."""
    found = outbox.last_run(conn) if run == "last" else run
    if found is None:
        raise ConnectorError(
            text("no run has sent anything yet", "まだ何も送信していないため、取り消す実行はありません")
        )
    if runs.find_run(conn, found) is None:
        raise ConnectorError(
            text("there is no run {run!r}", "実行 {run!r} はありません", run=run),
            fix=text("`connector status` lists the last runs", "`connector status` で最近の実行を確認できます"),
        )
    return found


def _send(app: App, lease: Lease, report: Report, found: Undoing) -> None:
    with lease.writing() as conn:
        now = app.clock()
        outbox.recover(conn, lease.token)
        people.hold(conn, undone_values(found.changes), now)
        report.planned = outbox.enqueue(conn, found.changes, report.run, now, {})
        # What the rules wanted there and could not be sent yet has made room for this: it is wished for anew.
        mark_identities(conn, {change.identity for change in found.changes})
    log.info("run_undone", run=report.run, undoes=report.undoes, changes=report.planned, left=len(found.left))
    # Only these: what else waits in the outbox is for a run to send, under its brake.
    deliver(app, lease, report, only=report.run)
    report.interrupted = app.stopping


def _now(app: App, conn: Connection, run: str, report: Report) -> Now:
    """What stands in the systems, as they were just read."""
    sent = outbox.delivered(conn, run)
    refs = {s.change.ref for s in sent if isinstance(s.change, SetFields)}
    lists = {(s.change.system, s.change.list) for s in sent if isinstance(s.change, AddToList | RemoveFromList)}
    read = {(name, of) for name in app.adapters for of in app.setup.needs(name).lists}
    unread = {system for system, _ in report.problems} | {system for system, _, _ in report.deferred}
    return Now(
        _living(conn, refs),
        {key: touchpoints.members(conn, *key) for key in lists & read},
        {name: adapter.writes for name, adapter in app.adapters.items()},
        frozenset(unread | ({s.change.system for s in sent} - app.adapters.keys())),
        _written_since(conn, sent, run),
        outbox.under_way(conn, {s.change.key for s in sent}),
    )


def _living(conn: Connection, refs: set[Ref]) -> dict[Ref, Person]:
    return {filed.person.ref: filed.person for filed in people.filed_of(conn, refs) if filed.known and not filed.gone}


def _written_since(conn: Connection, sent: Sequence[Sent], run: str) -> dict[tuple[str, str], str]:
    """Which run wrote to the same fields and lists after this one."""
    if not sent:
        return {}
    found: dict[tuple[str, str], str] = {}
    for later in outbox.delivered_later(conn, {s.change.key for s in sent}, sent[-1].no, run):
        names = later.change.values if isinstance(later.change, SetFields) else ("",)
        found.update(((later.change.key, name), later.run) for name in names)
    return found
