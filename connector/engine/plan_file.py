"""A plan as a file: what was shown, to be applied later. It holds personal data, and is for its owner alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from connector.changes import AnyChange
from connector.engine.app import App
from connector.errors import ConnectorError, StoreError, Text, text
from connector.store import runs
from connector.store.beside import replace_file
from connector.store.codec import dump_change, load_change
from connector.store.keep import ID

FORMAT = 1
"""Of the file; another one is refused."""
_NOTE = "made by `connector plan --out`; holds personal data"
_MAKE_ANEW = text("make the plan anew with `connector plan --out`", "`connector plan --out` で計画を作り直してください")


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan that was written down: for which configuration and store, at what time, and its changes."""

    configuration: str
    store: str
    as_of: datetime
    changes: Sequence[AnyChange]


def write_plan(app: App, path: Path, as_of: datetime, changes: Sequence[AnyChange]) -> None:
    """Write these changes to a file that only its owner may read.

    :raises ConnectorError: it cannot be written
    """
    content = {
        "format": FORMAT,
        "note": _NOTE,
        "configuration": app.setup.digest,
        "store": _store_id(app),
        "as_of": as_of.isoformat(),
        "changes": [{"kind": type(each).__name__, "change": orjson.loads(dump_change(each))} for each in changes],
    }
    try:
        replace_file(path, orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise ConnectorError(
            text("cannot be written: {why}", "書き込めません: {why}", why=error.strerror),
            where=str(path),
            fix=text("check the folder and its rights", "フォルダーと権限を確認してください"),
        ) from None


def read_plan(path: Path) -> PlanFile:
    """The plan in a file.

    :raises ConnectorError: it cannot be read, or is not one that this program writes
    """
    try:
        found = orjson.loads(path.read_bytes())
    except OSError as error:
        what = text("cannot be read: {why}", "読み取れません: {why}", why=error.strerror)
        raise ConnectorError(what, where=str(path)) from None
    except orjson.JSONDecodeError:
        raise _no_plan(path) from None
    if not isinstance(found, dict) or "format" not in found:
        raise _no_plan(path)
    if found["format"] != FORMAT:
        what = text(
            "is a plan of another version of this program", "別のバージョンの connector が作成した計画です"
        )  # fmt: skip
        raise ConnectorError(what, where=str(path), fix=_MAKE_ANEW)
    try:
        changes = [_change(each) for each in found["changes"]]
        return PlanFile(
            str(found["configuration"]), str(found["store"]), datetime.fromisoformat(found["as_of"]), changes
        )
    except (KeyError, TypeError, ValueError):
        raise _no_plan(path) from None


def _change(packed: Any) -> AnyChange:
    return load_change(packed["kind"], orjson.dumps(packed["change"]).decode())


def refuse_stranger(app: App, path: Path, plan: PlanFile) -> None:
    """Only a plan of this store and this very configuration may be applied.

    :raises ConnectorError: it is not
    """
    if plan.store != _store_id(app):
        raise _not_ours(path, text("is a plan of another store", "別の store の計画です"))
    if plan.configuration != app.setup.digest:
        raise _not_ours(
            path,
            text("the configuration has changed since this plan was made", "この計画の作成後に設定が変更されています"),
        )


def _not_ours(path: Path, what: Text) -> ConnectorError:
    return ConnectorError(what, where=str(path), fix=_MAKE_ANEW)


def _no_plan(path: Path) -> ConnectorError:
    return ConnectorError(
        text("is no plan, or is damaged", "計画ファイルではないか、壊れています"), where=str(path), fix=_MAKE_ANEW
    )


def _store_id(app: App) -> str:
    with app.reading() as conn:
        found = runs.remembered(conn, ID)
    if found is None:
        raise StoreError(text("the store has no id", "store に ID がありません"))
    return found
