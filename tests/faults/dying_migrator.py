"""Upgrades a store again and again, killed at one statement later each time, until it gets through.

A program of its own, because it forks, and a test process has threads. Arguments: URL, revision to begin with, how many
statements later each time.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from alembic import command
from sqlalchemy import Engine, event
from sqlalchemy import text as sql

from connector.store import database


def prepare(url: str, revision: str) -> None:
    """A store as an earlier version left it, with somebody in it."""
    engine = database.open_engine(url)
    if revision != "base":
        config = database._alembic()
        with engine.connect().execution_options(write=True) as conn, conn.begin():
            config.attributes["connection"] = conn
            command.upgrade(config, revision)
            conn.execute(sql("INSERT INTO meta VALUES ('somebody', 'was here')"))
    engine.dispose()


def upgrade_and_die(url: str, last: int) -> int:
    """Killed before the statement with this number; how that ended: 0 or the signal."""
    child = os.fork()
    if child == 0:
        engine = database.open_engine(url)
        done = 0

        @event.listens_for(engine, "before_cursor_execute")
        def _die(*_: Any) -> None:
            nonlocal done
            done += 1
            if done > last:
                os.kill(os.getpid(), signal.SIGKILL)

        database.upgrade(engine)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def schema(engine: Engine) -> list[Any]:
    """Tables and their columns, in one question."""
    asked = {
        "sqlite": "SELECT name, sql FROM sqlite_master ORDER BY name",
        "postgresql": "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " ORDER BY 1, 2",
    }
    with database.reading(engine) as conn:
        return [tuple(row) for row in conn.execute(sql(asked[engine.dialect.name]))]


def main(url: str, revision: str, step: str) -> None:
    """Prints how often it was killed."""
    prepare(url, revision)
    engine = database.open_engine(url)
    before = schema(engine)
    engine.dispose()
    kills = last = 0
    while (how := upgrade_and_die(url, last)) != 0:
        assert how == -signal.SIGKILL, how
        kills, last = kills + 1, last + int(step)
        engine = database.open_engine(url)
        assert schema(engine) == before, f"half a migration after {last} statements"
        engine.dispose()
    engine = database.open_engine(url)
    database.upgrade(engine)
    if revision != "base":
        with database.reading(engine) as conn:
            assert conn.scalar(sql("SELECT value FROM meta WHERE name = 'somebody'")) == "was here"
    engine.dispose()
    print(kills)


if __name__ == "__main__":
    main(*sys.argv[1:])
