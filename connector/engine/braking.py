"""The brake as a run and a plan look at it: all that waits to be sent, and who became one with whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection

from connector.changes import AnyChange
from connector.engine.app import App
from connector.errors import Text
from connector.rules.brake import Load, brake, joined
from connector.store import identities, load, outbox, runs


def doubts(
    conn: Connection, app: App, run: str, fresh: Sequence[AnyChange] = (), *, alone: bool = False
) -> list[Text]:  # fmt: skip
    """Why `run` may send nothing; `fresh`: changes that it would write down beside those that wait already.

    `alone`: those that wait are not sent along.
    """
    records, guards = load.count_records(conn), app.setup.config.run.guards
    waiting = {} if alone else outbox.loads(conn, {change.key for change in fresh})
    altering = Counter(change.system for change in fresh if change.alters)
    adding = Counter(change.system for change in fresh if not change.alters)
    loads = {
        system: Load(alters + altering[system], adds + adding[system], records.get(system, 0))
        for system in {*waiting, *altering, *adding}
        for alters, adds in [waiting.get(system, (0, 0))]
    }
    found = list(brake(loads, guards, runs.new_systems(conn, app.adapters, run)))
    since = runs.passed_at(conn)
    if since is not None:
        merged = identities.merged_since(conn, since) - identities.decided_same_since(conn, since)
        found += filter(None, [joined(merged, load.count_identities(conn), guards)])
    return found
