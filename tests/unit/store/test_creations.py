"""Who is being made, who was made, and under which other id; on SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, update

from connector.changes import CreatePerson, Lane
from connector.store import creations, database, outbox
from connector.store import tables as t

NOW = datetime(2026, 4, 1, tzinfo=UTC)
CREATED = CreatePerson(
    key="create:sfa:p1", system="sfa", identity="p1", lane=Lane.SCORES, object="Lead", key_field="k", key_value="p1",
    values={},
)  # fmt: skip
P1 = ("sfa", "p1")
RECORD = {"system": "sfa", "object": "Lead", "id": "00Q", "seen_at": 1}


def stored(conn: Connection, row: dict[str, Any], record: dict[str, Any] | None) -> None:
    """A creation as the outbox has it, and a record that was read, of `identity` if that is given."""
    key = row.pop("key", CREATED.key)
    outbox.enqueue(conn, [replace(CREATED, key=key)], "r", NOW, {})
    conn.execute(update(t.outbox).values(**row))
    for no, name in enumerate(("p1", "p2"), 1):
        conn.execute(insert(t.identity).values(no=no, id=name))
    if record is not None:
        conn.execute(insert(t.person).values(no=1, **RECORD | record))


@pytest.mark.parametrize(
    ("row", "record", "making", "made"),
    [
        ({"state": "pending"}, None, {P1}, set()),
        ({"state": "inflight"}, None, {P1}, set()),
        ({"state": "parked"}, None, set(), set()),
        ({"state": "dropped"}, None, set(), set()),
        # made, and not read yet; nor would one be found whose answer had no id
        ({"state": "done", "remote_id": "00Q"}, None, {P1}, set()),
        ({"state": "done", "remote_id": None}, None, {P1}, set()),
        ({"state": "done", "remote_id": "00Q"}, {"id": "00X"}, {P1}, set()),
        ({"state": "done", "remote_id": "00Q"}, {"system": "crm"}, {P1}, set()),
        ({"state": "done", "remote_id": "00Q"}, {"object": "Contact"}, {P1}, set()),
        # read: theirs, somebody else's by now, or deleted
        ({"state": "done", "remote_id": "00Q"}, {"identity": 1}, set(), {P1}),
        ({"state": "done", "remote_id": "00Q"}, {"identity": 2}, set(), {P1}),
        ({"state": "done", "remote_id": "00Q"}, {"gone_at": 1}, set(), {P1}),
        # they have another record there already
        ({"state": "pending"}, {"identity": 1, "id": "00X"}, set(), set()),
        ({"state": "pending"}, {"identity": 2, "id": "00X"}, {P1}, set()),
        ({"state": "pending"}, {"identity": 1, "system": "crm"}, {P1}, set()),
    ],
)
def test_who_is_being_made_and_who_was(
    store: Engine, row: dict[str, Any], record: dict[str, Any] | None, making: set[Any], made: set[Any]
) -> None:
    with database.writing(store) as conn:
        stored(conn, dict(row), record)
        assert creations.making(conn, ["p1", "p2"]) == making
        assert creations.made(conn, ["p1", "p2"]) == made
        assert creations.making(conn, ["p2"]) == creations.made(conn, ["p2"]) == set()


BEFORE = {"key": "create:sfa:p0"}
"""A creation under the id that they had before they were joined to somebody."""
TRIED = {("sfa", "Lead", "p1"): "p1"}


@pytest.mark.parametrize(
    ("row", "record", "tried"),
    [
        ({**BEFORE, "state": "inflight"}, None, TRIED),
        ({**BEFORE, "state": "pending", "uncertain_until": 1}, None, TRIED),
        ({**BEFORE, "state": "parked", "doubtful": True}, None, TRIED),
        ({**BEFORE, "state": "done", "remote_id": "00Q"}, None, TRIED),
        ({**BEFORE, "state": "done", "remote_id": "00Q"}, {"gone_at": 1}, TRIED),
        ({**BEFORE, "state": "done", "remote_id": "00Q"}, {"identity": 2}, {}),
        ({**BEFORE, "state": "pending"}, None, {}),
        ({**BEFORE, "state": "parked"}, None, {}),
        ({"state": "inflight"}, None, {}),
    ],
)
def test_under_which_other_id_somebody_may_have_been_made(
    store: Engine, row: dict[str, Any], record: dict[str, Any] | None, tried: dict[Any, str]
) -> None:
    with database.writing(store) as conn:
        stored(conn, dict(row), record)
        assert creations.tried(conn, ["p1", "p2"]) == tried
