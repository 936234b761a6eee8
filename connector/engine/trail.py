"""The audit trail, looked at: whether it is whole, and fits the heads that were kept elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from connector.engine.app import App
from connector.errors import ConnectorError, text
from connector.store import trail
from connector.store.trail import Checked

_HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Audit:
    """The trail as it was found; `rows`: what it tells of one run, where that was asked for."""

    checked: Checked
    reports: int
    """Heads that reports of runs kept."""
    given: int
    """Heads that were typed in, besides those."""
    keyed: bool
    """Whether the administrator has a key."""
    rows: Sequence[tuple[int, datetime, str, Mapping[str, Any]]]


def audit(app: App, heads: Sequence[str], run: str | None = None) -> Audit:
    """Look at the whole trail; also that it has these `heads`, and those in the reports of runs.

    :raises ConnectorError: what was given is no head
    """
    reports = set(_of_reports(app))
    given = {_head(each) for each in heads} - reports
    key = app.trail.key
    with app.reading() as conn:
        checked = trail.check(conn, key, given | reports)
        rows = trail.rows_of(conn, run) if run is not None else []
    return Audit(checked, len(reports), len(given), key is not None, rows)


def _head(typed: str) -> tuple[int, str]:
    match = _HEAD.fullmatch(typed.strip())
    if match is None:
        raise ConnectorError(
            text("{head!r} is no head of an audit trail", "{head!r} は監査証跡の末尾の値ではありません", head=typed),
            fix=text(
                "copy it as a report or the log has it: NUMBER:64 hexadecimal digits",
                "レポートやログのとおり「番号:16進64桁」で指定してください",
            ),
        )
    return int(match[1]), match[2]


def _of_reports(app: App) -> Iterator[tuple[int, str]]:
    """The heads in the reports that runs left; a file that is no report of ours says nothing."""
    wanted = app.setup.config.run.reports
    folder = app.setup.folder / wanted.folder if wanted is not None else Path()
    for path in sorted(folder.glob("run-*.json")) if wanted is not None else ():
        try:
            kept = orjson.loads(path.read_bytes()).get("trail")
        except (OSError, orjson.JSONDecodeError, AttributeError):
            continue
        if isinstance(kept, str) and _HEAD.fullmatch(kept):
            yield _head(kept)
