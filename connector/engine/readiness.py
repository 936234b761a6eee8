"""Whether a run could begin now: the configuration is valid, the store answers, its schema is this program's."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TypeVar

import structlog
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import SQLAlchemyError

from connector.config import Setup, load
from connector.engine.app import now, store_url
from connector.engine.metrics import Sheet, measure
from connector.errors import ConfigError, ConnectorError
from connector.store import database, migrations, runs

log = structlog.get_logger("connector.readiness")

T = TypeVar("T")

EVERY = timedelta(seconds=5)
STALE = timedelta(seconds=30)
CONNECT_SECONDS = "5"
MEASURE_EVERY = timedelta(seconds=15)
MEASURE_STALE = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class StoreState:
    """What the store is like, as far as it answered."""

    reachable: bool = False
    at_head: bool = False
    last_start: datetime | None = None


def look_at_store(setup: Setup) -> StoreState:
    """Look without changing anything: a store that is not there yet is not made.

    :raises ConfigError: when its URL is a secret that is missing
    """
    return _ask(setup, _state, StoreState())


def measure_store(setup: Setup) -> Sheet | None:
    """What the store can tell for Prometheus; None when it does not answer, or is not of this version.

    :raises ConfigError: when its URL is a secret that is missing
    """
    return _ask(setup, lambda conn: measure(conn, setup, now()) if _state(conn).at_head else None, None)


def _ask(setup: Setup, question: Callable[[Connection], T], otherwise: T) -> T:
    written = store_url(setup)
    try:
        url = make_url(written)
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
            return otherwise
        engine = database.open_engine(_impatient(url).render_as_string(hide_password=False))
        try:
            with database.reading(engine) as conn:
                return question(conn)
        finally:
            engine.dispose()
    except (SQLAlchemyError, ConnectorError) as error:
        log.warning("store_unavailable", error=type(error).__name__)
        return otherwise


def _state(conn: Connection) -> StoreState:
    if MigrationContext.configure(conn).get_current_revision() != _head():
        return StoreState(reachable=True)
    last = next(iter(runs.last_runs(conn, limit=1)), None)
    return StoreState(reachable=True, at_head=True, last_start=last.started_at if last else None)


@cache
def _head() -> str | None:
    return ScriptDirectory(str(Path(migrations.__file__).parent)).get_current_head()


def _impatient(url: URL) -> URL:
    """A server that does not answer is not waited for."""
    if url.get_backend_name() != "postgresql" or "connect_timeout" in url.query:
        return url
    return url.update_query_dict({"connect_timeout": CONNECT_SECONDS})


class Watch:
    """Looks again and again, in a thread of its own: whoever asks is answered at once, however slow the store is."""

    def __init__(self, config: Path, setup: Setup) -> None:
        self._config = config
        self._setup = setup
        self._seen: Mapping[str, bool] = {}
        self._seen_at = time.monotonic()
        self._sheet: Sheet | None = None
        self._measured_at = -math.inf

    def start(self) -> None:
        """Begin looking."""
        threading.Thread(target=self._forever, name="readiness", daemon=True).start()

    def checks(self) -> Mapping[str, bool]:
        """What was seen last; empty when that was too long ago."""
        fresh = time.monotonic() - self._seen_at < STALE.total_seconds()
        return self._seen if fresh else {}

    def sheet(self) -> Sheet | None:
        """What was measured last; None when the store did not answer, or that was too long ago."""
        fresh = time.monotonic() - self._measured_at < MEASURE_STALE.total_seconds()
        return self._sheet if fresh else None

    def look(self) -> None:
        """Look once."""
        try:
            self._setup = load(self._config)
            valid, state = True, look_at_store(self._setup)
        except ConfigError:
            valid, state = False, self._store_as_before()
        self._seen = {"configuration": valid, "store": state.reachable, "schema": state.at_head}
        self._seen_at = time.monotonic()
        if self._seen_at - self._measured_at >= MEASURE_EVERY.total_seconds() or not state.at_head:
            self._sheet = measure_store(self._setup) if state.at_head else None
            self._measured_at = self._seen_at

    def _store_as_before(self) -> StoreState:
        """The store that the last valid configuration named."""
        try:
            return look_at_store(self._setup)
        except ConfigError:
            return StoreState()

    def _forever(self) -> None:
        while True:
            try:
                self.look()
            except Exception:
                log.exception("readiness_failed")  # and is looked at again: nothing may end this thread
            time.sleep(EVERY.total_seconds())
