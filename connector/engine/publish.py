"""What a run leaves behind for others, where the configuration says so: its account, and metrics as a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import orjson
import structlog

from connector.engine.app import App
from connector.engine.metrics import measure
from connector.errors import ConnectorError, Locked, text
from connector.reports.account import account
from connector.reports.page import page
from connector.store import runs
from connector.store.runs import RunRow

log = structlog.get_logger("connector.publish")

FOR_ALL = 0o644
"""Mode of the metrics file: whoever collects it is another user."""
FOR_GROUP = 0o640
_REPORT = re.compile(r"run-(\d{8}T\d{6})-[0-9a-f]+\.(?:json|html)")


@contextmanager
def published(app: App, tell: Callable[[ConnectorError], None]) -> Iterator[Callable[[str], None]]:
    """Publish once the block is over, also when it failed; to be given the id of the run when it has ended.

    What another run holds up is its own to publish. A file that cannot be written is told, and changes nothing about
    the run.
    """
    ended: list[str] = []
    try:
        yield ended.append
    except Locked:
        raise
    except BaseException:
        _publish(app, ended, tell)
        raise
    _publish(app, ended, tell)


def _publish(app: App, ended: Sequence[str], tell: Callable[[ConnectorError], None]) -> None:
    try:
        _metrics(app)
        for run in ended:
            _account(app, run)
    except ConnectorError as error:
        log.warning("publishing_failed")
        tell(error)


def _metrics(app: App) -> None:
    name = app.setup.config.run.metrics_file
    if name is None:
        return
    with app.reading() as conn:
        sheet = measure(conn, app.setup, app.clock())
    save(app.setup.folder / name, sheet.text(), FOR_ALL)
    log.info("metrics_written")


def _account(app: App, run: str) -> None:
    wanted = app.setup.config.run.reports
    if wanted is None:
        return
    with app.reading() as conn:
        row = runs.find_run(conn, run)
    if row is None:
        return
    folder = app.setup.folder / wanted.folder
    save(folder / f"run-{row.id}.json", orjson.dumps(row.report, option=orjson.OPT_INDENT_2) + b"\n", FOR_GROUP)
    told = account(row.report, app.setup.config.language, app.setup.config.timezone)
    save(folder / f"run-{row.id}.html", page(told).encode(), FOR_GROUP)
    for path in _outdated(folder, app.clock() - wanted.keep):
        path.unlink(missing_ok=True)
    log.info("report_written")


def find(app: App, run: str) -> RunRow:
    """A run by its id, or the `last` one.

    :raises ConnectorError: there is no such run, or it left no report
    """
    with app.reading() as conn:
        row = runs.find_run(conn, run)
    if row is None:
        raise ConnectorError(
            text("there is no run {run}", "実行 {run} はありません", run=run),
            fix=text("connector status lists the last ones", "connector status で一覧を確認してください"),
        )
    if not row.report:
        raise ConnectorError(
            text("run {run} has no report: it is under way, or broke off", "実行 {run} の報告はありません", run=row.id),
            fix=text("see its log", "実行中か、途中で終了しています。ログを確認してください"),
        )
    return row


def _outdated(folder: Path, before: datetime) -> Iterator[Path]:
    """Reports of runs that began too long ago, by their names; no other file is looked at."""
    for path in sorted(folder.iterdir()):
        found = _REPORT.fullmatch(path.name)
        if found and datetime.strptime(found[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) < before:
            yield path


def save(path: Path, content: bytes, mode: int) -> None:
    """Put a whole file in its place: nobody ever reads half of it.

    :raises ConnectorError: it cannot be written
    """
    beside = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(content)
            beside.chmod(mode)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise ConnectorError(
            text("{path} cannot be written: {why}", "{path} に書き込めません: {why}", path=path, why=error.strerror),
            fix=text("check the folder and its rights", "フォルダーと権限を確認してください"),
        ) from None
