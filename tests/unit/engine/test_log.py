"""Promise 8: nothing personal, no token in a log line, wherever it hides; and what is ours stays readable."""

from __future__ import annotations

import ast
import json
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from structlog.contextvars import bound_contextvars

import connector
from connector.engine.log import EVENTS, set_up
from connector.engine.threads import Pool
from connector.errors import Unavailable, text

LEVELS = ("debug", "info", "warning", "error", "exception", "critical", "tell")

CANARIES = ("taro.yamada@alpha.co.jp", "03-1234-5678", "09012345678", "+81-3-1234-5678", "kanariya-token")


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook
    yield
    root.handlers[:], root.level = handlers, level
    sys.excepthook, threading.excepthook = hooks
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    written = capsys.readouterr().err
    for canary in CANARIES:
        assert canary not in written
    return [json.loads(line) for line in written.splitlines()]


def test_no_canary_gets_out(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("debug")
    ours, theirs = structlog.get_logger("connector.test"), logging.getLogger("some.library")
    for canary in CANARIES[:4]:
        ours.info("page_pulled", where=canary, parts={"a": [canary]})
        theirs.warning("cannot parse %s", canary)
        try:
            int(f"no number: {canary}")
        except ValueError:
            ours.exception("run_failed")
            theirs.exception("failed with %s", canary)
    theirs.warning("GET /x?access_token=kanariya-token&q=1")
    theirs.warning("Authorization: Bearer kanariya-token")

    assert len(lines(capsys)) == 18


def test_our_own_digits_stay_readable(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("info")
    structlog.get_logger("connector.run").info("run_started", run="20261122T080012345-ab6f", read=31234)

    (line,) = lines(capsys)
    assert (line["run"], line["read"], line["event"]) == ("20261122T080012345-ab6f", 31234, "run_started")
    assert "…" not in str(line["ts"])


def test_an_exception_is_told_by_where_it_happened_and_not_by_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("debug")
    name = "金糸雀 囀子"

    def parse(record: dict[str, str]) -> int:
        return int(record["name"])  # names no pattern, and quotes what it was given

    for logger in (structlog.get_logger("connector.test"), logging.getLogger("some.library")):
        try:
            parse({"name": name})
        except ValueError as error:
            logger.exception("run_failed")
            caused = RuntimeError(name)
            caused.__cause__ = error
            logger.exception("run_failed", exc_info=caused)
    written = capsys.readouterr().err
    assert "金糸雀" not in written
    assert "囀子" not in written
    told = [json.loads(line)["exception"] for line in written.splitlines()]
    assert [[each["type"] for each in chain] for chain in told] == [["ValueError"], ["RuntimeError", "ValueError"]] * 2
    assert told[0][0]["at"][-1].startswith("engine/test_log.py:")
    assert told[0][0]["at"][-1].endswith(" parse")


def test_an_error_of_ours_is_told_in_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("info")
    error = Unavailable(text("answered HTTP 503", "HTTP 503 が返されました"), where="sfa")
    structlog.get_logger("connector.test").error("run_failed", exc_info=error)
    (line,) = lines(capsys)
    assert line["exception"][0]["message"] == "sfa: answered HTTP 503"  # type: ignore[index]


def test_what_nobody_catches_is_a_log_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("info")
    error = ValueError("金糸雀")
    sys.excepthook(ValueError, error, None)
    thread = threading.Thread(target=lambda: int("金糸雀"))
    thread.start()
    thread.join()
    written = capsys.readouterr().err
    assert "金糸雀" not in written
    assert [json.loads(line)["event"] for line in written.splitlines()] == ["program_failed"] * 2


def test_the_run_stands_in_every_line_of_every_thread_and_of_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("debug")

    def work() -> None:
        structlog.get_logger("connector.http").debug("request_sent")
        for name in ("urllib3", "simple_salesforce", "apscheduler", "sqlalchemy", "alembic", "py.warnings"):
            logging.getLogger(name).warning("said by a library")

    with bound_contextvars(run="r1"), Pool(2) as pool:
        for done in [pool.submit(work), pool.submit(work)]:
            done.result()
    work()
    told = lines(capsys)
    assert len(told) == 21
    assert all({"ts", "level", "logger", "event"} <= set(line) for line in told)
    assert [line.get("run") for line in told] == ["r1"] * 14 + [None] * 7


def test_every_event_is_told() -> None:
    said = set()
    for path in Path(connector.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if "structlog.get_logger" not in path.read_text(encoding="utf-8"):
            continue
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
        for call in calls:
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            first = call.args[0]
            if name in LEVELS and isinstance(first, ast.Constant) and isinstance(first.value, str):
                said.add(first.value)
    assert said == set(EVENTS)
