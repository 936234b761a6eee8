"""`connector serve`: runs on schedule, answers health checks, ends well.

The first SIGTERM or SIGINT ends the schedule and lets the run under way finish; the second ends everything at once.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import structlog
from waitress.server import create_server

from connector.config import Setup
from connector.engine.app import now
from connector.engine.metrics import Sheet
from connector.engine.readiness import Watch, look_at_store
from connector.engine.report import Exit
from connector.engine.schedule import LAST_WORDS, MISSED, Schedule, first_run
from connector.errors import ConfigError, ConnectorError, text
from connector.web.health import Health, split_address

log = structlog.get_logger("connector.serve")

GRACE = timedelta(minutes=5)
"""What the run under way gets to finish after the first signal."""

Signals = SimpleQueue[int]


def serve(
    setup: Setup, config: Path, bind: str, *, command: Sequence[str] | None = None, grace: timedelta = GRACE
) -> int:
    """Serve until a signal; the exit code. `command`: what to run instead of `connector run`.

    :raises ConnectorError: when `bind` is no address, or is taken
    """
    host, port = _address(bind)
    every = setup.config.run.every
    schedule = Schedule(command or run_command(config), every, setup.config.timezone)
    watch = Watch(config, setup)
    server = _listen(_health(host, schedule, watch), host, port)
    signals = _catch_signals()
    schedule.start(first_run(_last_start(setup), every, now()))
    watch.start()
    threading.Thread(target=server.run, name="health", daemon=True).start()
    _first(signals)
    schedule.stop()
    code = _finish(schedule, signals, grace)
    schedule.close()
    return code


def run_command(config: Path) -> list[str]:
    """What cron would call, at our own level of logging."""
    level = logging.getLevelName(logging.getLogger().getEffectiveLevel()).lower()
    return [sys.executable, "-m", "connector", "--log", level, "run", "--config", str(config), "--if-locked", "skip"]


def _address(bind: str) -> tuple[str, int]:
    """Host and port to bind to."""
    with suppress(ValueError):
        host, port = split_address(bind)
        if port is not None:
            return host, port
    raise ConnectorError(
        text("{bind!r} is not an address to bind to", "{bind!r} は待ち受けアドレスとして読めません", bind=bind),
        fix=text("write 127.0.0.1:8080", "127.0.0.1:8080 のように書いてください"),
    )


def _health(host: str, schedule: Schedule, watch: Watch) -> Health:
    names = os.environ.get("CONNECTOR_HOSTS", "").lower().replace(",", " ").split()
    return Health(
        host,
        names,
        schedule.heartbeat_age,
        lambda: _checks(watch.checks(), schedule.last_exit),
        lambda: _how_runs_went(schedule),
        lambda: _metrics(schedule, watch),
    )


def _listen(app: Health, host: str, port: int) -> Any:
    """A server bound to the address, with limits to fit requests that have no body."""
    try:
        server = create_server(
            app,
            host=host,
            port=port,
            threads=2,
            connection_limit=50,
            channel_timeout=10,
            max_request_header_size=8192,
            max_request_body_size=1024,
            ident=None,
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ConnectorError(
            text("cannot bind to {at}: {why}", "{at} で待ち受けできません: {why}", at=f"{host}:{port}", why=why),
            fix=text("choose another with --bind", "--bind で別のアドレスを指定してください"),
        ) from None
    log.info("server_started", host=host, port=int(getattr(server, "effective_port", port)))
    return server


def _catch_signals() -> Signals:
    """Signals as items of a queue, the one kind of queue that a signal handler may put into."""
    signals: Signals = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda caught, _frame: signals.put(caught))
    return signals


def _first(signals: Signals) -> None:
    """Wait for the first signal."""
    # Not for ever at a time: where the signal strikes another thread, this one, which runs the handler, sleeps on.
    while True:
        with suppress(Empty):
            signals.get(timeout=0.5)
            return


def _last_start(setup: Setup) -> datetime | None:
    with suppress(ConfigError):
        return look_at_store(setup).last_start
    return None


def _finish(schedule: Schedule, signals: Signals, grace: timedelta) -> int:
    """Wait for the run under way: it may finish, then is asked to end, then is ended."""
    again = _wait(schedule, signals, grace)
    late = again is None and schedule.running
    if late:
        schedule.terminate()
        again = _wait(schedule, signals, LAST_WORDS)
    schedule.kill()
    if again is not None:
        return 128 + again
    return Exit.FAILED if late else Exit.DONE


def _wait(schedule: Schedule, signals: Signals, patience: timedelta) -> int | None:
    """Until no run is under way or patience ends; a signal that came meanwhile."""
    deadline = time.monotonic() + patience.total_seconds()
    while schedule.running and time.monotonic() < deadline:
        with suppress(Empty):
            return signals.get(timeout=0.1)
    return None


def _checks(seen: Mapping[str, bool], last_exit: int | None) -> Mapping[str, bool]:
    """What was seen, and what only a run sees: a secret that is missing."""
    return {**seen, "configuration": False} if seen and last_exit == Exit.CONFIG else seen


def _metrics(schedule: Schedule, watch: Watch) -> bytes:
    """What the store told last, and what only this process knows: nothing is asked while somebody waits."""
    told, own = watch.sheet(), Sheet()
    own.put("connector_store_reachable", int(told is not None))
    alive_at = now().timestamp() - schedule.heartbeat_age()
    own.put("connector_scheduler_heartbeat_timestamp_seconds", alive_at)
    for reason in MISSED:
        own.put("connector_misfires_total", schedule.missed[reason], reason)
    return (told.text() if told else b"") + own.text()


def _how_runs_went(schedule: Schedule) -> Mapping[str, Any]:
    return {
        "under_way": schedule.running,
        "last_exit": schedule.last_exit,
        "exits": {str(code): count for code, count in schedule.exits.items()},
        "missed": dict(schedule.missed),
    }
