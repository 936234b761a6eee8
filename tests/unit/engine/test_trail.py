"""The audit trail: what was done is in it, whatever is done to it shows, and erasing a person leaves it whole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text as sql

from connector.engine.app import App, who
from connector.engine.forget import forget
from connector.engine.trail import audit
from connector.errors import ConnectorError
from connector.model import Kind
from connector.store import database, trail
from connector.store.trail import DELIVERED
from tests.machine.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "w")
    for n in range(4):
        email = f"p{n}@alpha.co.jp"
        made.sfa.add_person(email=email, family_name=f"山田{n}")
        visitor = made.ma.add_person(email=email, family_name=f"山田{n}")
        made.ma.add_touchpoint(visitor, Kind.SEMINAR_ATTENDED, made.now - timedelta(days=1))
    made.run()
    made.run()
    yield made
    made.close()


def spoil(app: App, *statements: str) -> None:
    """What somebody does who can write to the store."""
    with database.writing(app.store) as conn:
        for each in statements:
            assert conn.execute(sql(each)).rowcount, each


def faults(world: World, *heads: str) -> list[tuple[str, int, int]]:
    return [(each.fault, each.first, each.last) for each in audit(world.app, heads).checked.wrong]


def number_of(world: World, what: str, which: int = 0) -> int:
    with world.app.reading() as conn:
        found = conn.execute(sql("SELECT no FROM trail WHERE what = :what ORDER BY no"), {"what": what}).scalars().all()
    return int(found[which])


def test_every_delivery_and_every_run_has_a_row(world: World) -> None:
    found = audit(world.app, [])

    with world.app.reading() as conn:
        deliveries = conn.execute(sql("SELECT count(*) FROM delivery")).scalar_one()
    assert deliveries
    assert sum(found.checked.counts[status] for status in DELIVERED) == deliveries
    assert (found.checked.counts["run_started"], found.checked.counts["run_ended"]) == (2, 2)
    assert found.checked.wrong == []
    told = audit(world.app, [], world.run().run).rows
    assert [what for _, _, what, _ in told] == ["run_started", "run_ended"]
    assert told[0][3] == {"by": who(), "forced": False}


def test_nothing_personal_stands_in_it(world: World) -> None:
    with world.app.reading() as conn:
        said = repr(conn.execute(sql("SELECT * FROM trail")).all())
    assert "run_started" in said
    assert not any(word in said for word in ("山田", "alpha.co.jp", "MA_"))


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE delivery SET payload = replace(payload, 'score', 'scorn') WHERE trail = {done}", "delivery"),
        ("UPDATE delivery SET status = 'refused' WHERE trail = {done}", "delivery"),
        ("UPDATE delivery SET at = at + 1 WHERE trail = {done}", "delivery"),
        ("UPDATE delivery SET trail = NULL WHERE trail = {done}", "gone"),
        ("DELETE FROM delivery WHERE trail = {done}", "gone"),
        ("UPDATE trail SET what = 'refused' WHERE no = {done}", "changed"),
        ("UPDATE trail SET at = at - 1 WHERE no = {done}", "changed"),
        ("UPDATE trail SET seal = chain WHERE no = {done}", "changed"),
        ("UPDATE trail SET chain = seal WHERE no = {done}", "changed"),
        ("DELETE FROM trail WHERE no = {done}", "missing"),
        ("UPDATE run SET reason = 'checked by the board' WHERE id = (SELECT run FROM trail WHERE no = {start})", "run"),
        ("UPDATE run SET report = '{{}}' WHERE id = (SELECT run FROM trail WHERE no = {end})", "run"),
    ],
)
def test_what_is_done_to_it_shows_with_the_row(world: World, statement: str, fault: str) -> None:
    rows = {
        "done": number_of(world, "done"),
        "start": number_of(world, "run_started"),
        "end": number_of(world, "run_ended"),
    }
    spoil(world.app, statement.format(**rows))

    (first, *_) = faults(world)

    named = next(n for name, n in rows.items() if f"{{{name}}}" in statement)
    assert first == (fault, *((0, 0) if fault == "gone" else (named, named)))


def test_two_rows_that_changed_places_show(world: World) -> None:
    one, other = number_of(world, "done", 0), number_of(world, "done", 1)
    spoil(
        world.app, f"UPDATE trail SET no = 0 WHERE no = {one}", f"UPDATE trail SET no = {one} WHERE no = {other}",
        f"UPDATE trail SET no = {other} WHERE no = 0",
    )  # fmt: skip

    assert {(fault, first) for fault, first, _ in faults(world)} >= {("changed", one), ("changed", other)}


def test_a_row_that_was_put_in_shows(world: World) -> None:
    last = number_of(world, "run_ended", -1)
    spoil(
        world.app,
        f"INSERT INTO trail SELECT {last} + 1, at, run, what, about, seal, chain FROM trail WHERE no = {last}",
    )

    assert faults(world) == [("changed", last + 1, last + 1)]


def test_rows_cut_off_at_the_end_show_by_a_head_alone(world: World) -> None:
    head = audit(world.app, []).checked.head
    spoil(world.app, f"DELETE FROM trail WHERE no > {number_of(world, 'run_ended')}")
    assert faults(world) == []

    last = int(head.partition(":")[0])
    assert faults(world, head) == [("cut", last, last)]


def test_reports_of_runs_keep_heads(world: World) -> None:
    from connector.engine.publish import published

    path = world.folder / "config.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("\nrun:", "\nrun:\n  reports: {folder: accounts}"), encoding="utf-8"
    )
    world.restart()
    with published(world.app, lambda error: pytest.fail(str(error))) as tell:
        tell(world.run().run)
    assert (audit(world.app, []).checked.heads, audit(world.app, []).reports) == (1, 1)

    (report,) = (world.folder / "accounts").glob("run-*.json")
    no = int(orjson.loads(report.read_bytes())["trail"].partition(":")[0])
    spoil(world.app, f"DELETE FROM trail WHERE no >= {no}")
    assert faults(world) == [("cut", no, no)]


@pytest.mark.parametrize("head", ["", "12", "12:abc", "x:" + "0" * 64, "1:" + "0" * 64 + "0"])
def test_what_is_no_head_is_refused(world: World, head: str) -> None:
    with pytest.raises(ConnectorError, match="no head"):
        audit(world.app, [head])


def with_key(world: World, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("TRAIL_KEY", key)
    path = world.folder / "config.yaml"
    if "audit_key" not in path.read_text(encoding="utf-8"):
        path.write_text("audit_key: {env: TRAIL_KEY}\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    world.restart()


def test_who_knows_the_key_of_the_store_alone_can_forge_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with_key(world, monkeypatch, "known to the administrator")
    run = world.run()
    found = audit(world.app, [])
    assert (found.checked.wrong, found.checked.keyed) == ([], 2)

    with database.writing(world.app.store) as conn:
        trail.Trail(None).add(conn, run.run, world.now, [trail.restored("nobody")])
    assert [fault for fault, _, _ in faults(world)] == ["key"]


def test_with_another_key_the_rows_do_not_fit(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with_key(world, monkeypatch, "one")
    world.run()
    with_key(world, monkeypatch, "other")

    assert {fault for fault, _, _ in faults(world)} == {"changed"}


def test_a_person_who_is_erased_leaves_it_whole_and_is_told_of(world: World) -> None:
    forget(world.app, "p1@alpha.co.jp", really=True)
    found = audit(world.app, [])

    assert found.checked.wrong == []
    assert found.checked.gone > 0
    assert found.checked.counts["forgot"] == 1

    spoil(world.app, "DELETE FROM delivery WHERE no = (SELECT min(no) FROM delivery)")
    assert faults(world) == [("gone", 0, 0)], "another one, whom nobody erased"


COLUMNS = ("at", "run", "what", "about", "seal", "chain")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_cell_can_be_changed_unseen(world: World, data: st.DataObject) -> None:
    with world.app.reading() as conn:
        rows = conn.execute(sql("SELECT * FROM trail ORDER BY no")).mappings().all()
    row, column = data.draw(st.sampled_from(rows)), data.draw(st.sampled_from(COLUMNS))
    other = row[column] + data.draw(st.sampled_from([-1, 1]) if column == "at" else st.just("x"))
    change = sql(f"UPDATE trail SET {column} = :value WHERE no = :no")
    try:
        with database.writing(world.app.store) as conn:
            conn.execute(change, {"value": other, "no": row["no"]})
        assert row["no"] in {first for _, first, _ in faults(world)}
    finally:
        with database.writing(world.app.store) as conn:
            conn.execute(change, {"value": row[column], "no": row["no"]})
