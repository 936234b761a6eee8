"""Deletions that a system does not tell of: what is missing from two inventories in a row is gone.

A record that an inventory names again is back as we knew it: nobody may have changed it, so no stream would tell of it.
"""

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

    `guards` None (the administrator's word): no doubt, and no waiting for a second inventory.

    :raises Halted: so much is missing that the source, not the records, is to be doubted
    """
    system, name = inventory.system, inventory.object
    living = people.living_ids(conn, system, name) | deals.living_ids(conn, system, name)
    missing = living - inventory.ids
    note = f"missing:{system}/{name}"
    before = missing if guards is None else set(json.loads(runs.remembered(conn, note) or "[]"))
    if guards is not None and _doubtful(len(missing), len(living), guards):
        raise Halted(
            text(
                "{system}: {n} of {total} records of {object} are missing: deleted, or hidden from our user?",
                "{system}: {object} の{total}件のうち{n}件が見つかりません (削除または連携ユーザーの閲覧権限を確認)",
                system=system,
                n=len(missing),
                total=len(living),
                object=name,
            )
        )
    runs.remember(conn, note, json.dumps(sorted(missing - before)))
    return [Gone(Ref(system, name, id_), at) for id_ in sorted(missing & before)]


def _doubtful(missing: int, living: int, guards: Guards) -> bool:
    """Too much at once; or, however few there were, all of them: that is how a right that was taken away looks."""
    if guards.empty_source == "stop" and missing == living > 1:
        return True
    return missing >= max(1, guards.at_least) and missing > guards.max_changed * living
