"""Promise 8: nothing personal, no token in a log line, wherever it hides; and what is ours stays readable."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from connector.engine.log import set_up

CANARIES = ("taro.yamada@alpha.co.jp", "03-1234-5678", "09012345678", "+81-3-1234-5678", "kanariya-token")


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
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
