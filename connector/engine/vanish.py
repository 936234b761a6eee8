"""Deletions that a system does not tell of: what is missing from two inventories in a row is gone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from connector.errors import Halted, text
from connector.model import Gone, Inventory, Ref
from connector.rules.brake import Guards
from connector.store import deals, people, runs


def vanished(conn: Connection, inventory: Inventory, at: datetime, guards: Guards | None) -> Sequence[Gone]:
    """The records that are gone by this inventory and the one before it; what is missing once is remembered.

    :raises Halted: so much is missing that the source, not the records, is to be doubted (`guards` None: no doubt)
    """
    system, name = inventory.system, inventory.object
    living = people.living_ids(conn, system, name) | deals.living_ids(conn, system, name)
    missing = living - inventory.ids
    if (
        guards is not None
        and len(missing) >= max(1, guards.at_least)
        and len(missing) > guards.max_changed * len(living)
    ):
        raise Halted(
            text(
                "{system}: {n} of {total} records of {object} are missing",
                "{system}: {object} の{total}件のうち{n}件が見つかりません",
                system=system,
                n=len(missing),
                total=len(living),
                object=name,
            ),
            fix=text(
                "check the rights of the connector's user; if they were deleted, run again with --force",
                "連携ユーザーの権限を確認してください。削除が正しい場合は --force を付けて再実行してください",
            ),
        )
    note = f"missing:{system}/{name}"
    before = set(json.loads(runs.remembered(conn, note) or "[]"))
    runs.remember(conn, note, json.dumps(sorted(missing - before)))
    return [Gone(Ref(system, name, id_), at) for id_ in sorted(missing & before)]
