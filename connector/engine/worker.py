"""`connector worker`: does a run's parts, whichever are next, until it is told to end."""

from __future__ import annotations

import secrets
import signal
import time
from datetime import timedelta
from pathlib import Path

import structlog

from connector.config import load
from connector.engine import queue
from connector.engine.app import App, Clock, now, open_app
from connector.engine.drift import leave_out
from connector.engine.part import Part, fail, perform
from connector.engine.queue import NotNow, Taker
from connector.errors import ConfigError, ConnectorError, Interrupted, Locked, StoreError, text
from connector.store.lease import Fenced, here

log = structlog.get_logger("connector.worker")

AGAIN = timedelta(seconds=1)
"""How long to wait for a store that cannot be used."""


def work(config: Path, *, clock: Clock = now) -> None:
    """Do parts until SIGTERM or SIGINT; a part under way is left at its next step, for another worker to go on.

    :raises ConfigError: the configuration, or a secret in it
    :raises StoreError: the store is not PostgreSQL, or cannot be used at the start
    """
    worker = Worker(config, clock)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.end())
    try:
        worker.work()
    finally:
        worker.close()


class Worker:
    """One worker. It opens the connector anew for each run, as a run of its own would."""

    def __init__(self, config: Path, clock: Clock = now) -> None:
        self._config, self._clock = config, clock
        # Not by host and process alone: a container that starts again may have both of the one before it.
        self.holder = f"{here()} {secrets.token_hex(3)}"
        self._ending = False
        self._app = open_app(load(config), clock=clock)
        self._run = ""
        queue.prepare(self._app.store)
        self._taker = self._new_taker()

    def work(self) -> None:
        """Do parts until `end()`; a store that cannot be used is waited for."""
        log.info("worker_started", holder=self.holder)
        while not self._ending:
            try:
                self._taker.take()
            except StoreError as error:
                log.warning("store_unavailable", error=type(error.__cause__ or error).__name__)
            if not self._ending:
                time.sleep(AGAIN.total_seconds())
                self._taker = self._new_taker()
        log.info("worker_stopped", holder=self.holder)

    def end(self) -> None:
        """Take no further part, and leave the one under way at its next step. For signal handlers."""
        self._ending = True
        self._leave()
        self._taker.leave()

    def close(self) -> None:
        """Close connections to systems and store."""
        self._app.close()

    def do(self, part: Part) -> None:
        """Do one part; what cannot be done here and now is handed back.

        :raises NotNow: the part is to be done later, or by another worker
        """
        app = self._app_for(part)
        while True:
            try:
                perform(app, part, self.holder)
            except Fenced:
                log.warning("part_fenced", run=part.run, part=part.name)
            except Locked as error:
                raise NotNow from error
            except Interrupted as error:
                log.info("part_left", run=part.run, part=part.name)
                raise NotNow from error
            except StoreError as error:
                log.warning("store_unavailable", error=type(error).__name__)
                time.sleep(AGAIN.total_seconds())
                if app.stopping:
                    raise NotNow from error
                continue  # from where the store knows it to be
            except Exception as error:
                log.exception("part_failed", run=part.run, part=part.name)
                self._give_up(app, part, error)
            else:
                log.info("part_done", run=part.run, part=part.name)
            return

    def _app_for(self, part: Part) -> App:
        """A connector as it was configured when the part's run began."""
        app = self._app
        if part.run != self._run or app.setup.digest != part.digest:
            try:
                setup = leave_out(load(self._config), part.left_out)
                if setup.digest != part.digest:
                    log.warning("configuration_differs", run=part.run, part=part.name)
                    raise NotNow
                app = open_app(setup, clock=self._clock)
            except (ConfigError, StoreError) as error:
                log.warning("worker_unready", run=part.run, part=part.name, error=type(error).__name__)
                raise NotNow from error
            self._app.close()
            self._app, self._run = app, part.run
        app.stopping = self._ending
        return app

    def _leave(self) -> None:
        self._app.stopping = True

    def _give_up(self, app: App, part: Part, error: Exception) -> None:
        told = (
            error.what if isinstance(error, ConnectorError) else text("{error}", "{error}", error=type(error).__name__)
        )
        fail(app, part, {"en": told.in_("en"), "ja": told.in_("ja")})

    def _new_taker(self) -> Taker:
        return Taker(self._app.store, self.do, self._leave)
