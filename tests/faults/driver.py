"""A server of real processes: all is imported once, each order is a fork in which the command line runs.

It reads one order in JSON per line and answers with one line: `run` starts a process and tells its pid; `wait` tells
how it ended, or that it was stopped; `warm` runs the command line here, so that later forks know what it learnt
(compiled statements, tables of holidays and numbers).
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import redirect_stdout
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from urllib3.util import connection

from connector import cli
from connector.engine import app
from tests.faults import points
from tests.faults.engines import sharing

ENDS = {"kill": points.kill, "freeze": points.freeze, "crash": points.crash}


def main() -> None:
    with sharing():
        for line in sys.stdin:
            order = json.loads(line)
            if "wait" in order:
                answer = wait(order["wait"])
            else:
                answer = {"code": warm(order)} if order["warm"] else {"pid": start(order)}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


def warm(order: dict[str, Any]) -> int:
    """A whole run in this very process."""
    defaults: Any = app.open_app.__kwdefaults__
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()):
        patch.setattr(sys, "argv", sys.argv)
        patch.setattr(connection, "create_connection", connection.create_connection)
        patch.setitem(defaults, "clock", None)
        return command(order)


def wait(pid: int) -> dict[str, Any]:
    _, status = os.waitpid(pid, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        return {"stopped": True}
    return {"code": os.waitstatus_to_exitcode(status)}


def start(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        code = work(order)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def work(order: dict[str, Any]) -> int:
    """What the child does: it becomes the command."""
    said = os.open(order["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(said, 1)
    os.dup2(said, 2)
    with points.instrumented(points.Points(order["at"], ENDS[order["end"]])):
        return command(order)


def command(order: dict[str, Any]) -> int:
    """The command line, in a world whose time and ports are those of the order."""
    now = datetime.fromisoformat(order["now"])
    defaults: Any = app.open_app.__kwdefaults__
    defaults["clock"] = lambda: now
    reach(order["ports"])
    sys.argv = ["connector", "--lang", "en", "run", "-c", order["config"], *order["more"]]
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def reach(ports: dict[str, int]) -> None:
    """The ports of the configuration stand for those where the emulators listen today."""
    connect = connection.create_connection

    def create(address: tuple[str, int], *args: Any, **more: Any) -> Any:
        host, port = address
        return connect((host, ports.get(str(port), port)), *args, **more)

    connection.create_connection = create


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
