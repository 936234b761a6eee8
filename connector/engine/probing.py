"""Probe: find out what no document tells of a system, and remember it for every later run."""

from __future__ import annotations

import structlog

from connector.contain import contained
from connector.engine.app import App
from connector.engine.spending import spending
from connector.errors import AdapterError
from connector.ports import Probed
from connector.store import runs
from connector.store.lease import Lease

log = structlog.get_logger("connector.probe")


def probe(app: App, name: str) -> Probed:
    """Probe one system and keep what was found, in place of what an earlier probe found.

    :raises AdapterError: when the system cannot be asked; what was known before stays then
    :raises Locked: a run is at work
    """
    with app.lease() as lease:
        try:
            with spending(app), contained(name):
                found = app.adapters[name].probe()
        except AdapterError as error:
            keep_evidence(app, lease, name, error)
            raise
        with lease.writing() as conn:
            runs.keep_probed(conn, name, app.setup.place(name), found.known, app.clock())
    log.info("system_probed", system=name, capabilities=len(found.known))
    return found


def keep_evidence(app: App, lease: Lease, name: str, error: AdapterError) -> None:
    """Keep the masked answer that an error was about, for whoever supports the adapter."""
    if error.evidence:
        with lease.writing() as conn:
            runs.keep_evidence(conn, name, str(error), error.evidence, app.clock())
