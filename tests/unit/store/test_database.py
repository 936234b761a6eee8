from __future__ import annotations

import threading
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from connector.errors import StoreError
from connector.store import causes, database, runs
from connector.store.tables import metadata


def test_the_migrations_make_the_tables(store: Engine) -> None:
    with store.connect() as conn:
        assert compare_metadata(MigrationContext.configure(conn), metadata) == []


def test_upgrading_twice_does_nothing(store: Engine) -> None:
    database.upgrade(store)


def test_many_may_upgrade_at_once(url: str) -> None:
    errors: list[BaseException] = []

    def upgrade() -> None:
        engine = database.open_engine(url)
        try:
            database.upgrade(engine)
        except BaseException as error:  # noqa: BLE001  told to the test
            errors.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []


def test_a_row_that_is_removed_leaves_no_byte_in_the_file(tmp_path: Path) -> None:
    engine = database.open_engine(f"sqlite:///{tmp_path}/connector.db")
    database.upgrade(engine)
    with database.writing(engine) as conn:
        runs.remember(conn, "note", "hanane.takanohashi@example.com")
    with database.writing(engine) as conn:
        conn.execute(text("DELETE FROM meta WHERE name = 'note'"))
    with engine.connect() as conn:
        conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()

    assert b"hanane" not in (tmp_path / "connector.db").read_bytes()


def test_a_store_of_a_newer_program_is_refused(store: Engine) -> None:
    with database.writing(store) as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(StoreError, match="newer version"):
        database.upgrade(store)


def test_a_migration_that_dies_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = database.open_engine(f"sqlite:///{tmp_path}/connector.db")
    real = command.upgrade

    def dies(config: Config, revision: str) -> None:
        real(config, revision)
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "upgrade", dies)
    with pytest.raises(KeyboardInterrupt):
        database.upgrade(engine)

    assert inspect(engine).get_table_names() == []
    engine.dispose()


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 60, 0), True),
    ],
)
def test_wal_only_where_it_is_repaired(version: tuple[int, int, int], *, safe: bool) -> None:
    assert database.wal_is_safe(version) is safe


@pytest.mark.parametrize("bad", ["mysql://x/y", "nonsense", "oracle://a/b"])
def test_other_databases_are_refused(bad: str) -> None:
    with pytest.raises(StoreError, match="store"):
        database.open_engine(bad)


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    engine = database.open_engine("postgresql+psycopg://nobody:kanariya@127.0.0.1:1/none")

    with pytest.raises(StoreError) as raised:
        database.upgrade(engine)

    assert "kanariya" not in str(raised.value)
    assert "cannot be used" in str(raised.value)


def test_what_was_parked_before_is_told_as_it_was_kept_and_what_may_be_done_is_marked(url: str) -> None:
    engine = database.open_engine(url)
    config = database._alembic()
    parked = (
        "INSERT INTO outbox (key, kind, write_class, system, lane, identity, alters, payload, payload_hash, state,"
        " next_at, run, created_at, code, error) VALUES (:key, 'AddToList', 'D', 'ma', 'protect', 'p', false, :payload,"
        " 'h', 'parked', 0, 'r', 0, :code, 'too long → shorten it')"
    )
    payload = (
        '{"identity":"p","key":"k","lane":"protect","list":"l","person":["ma","v","1"],"reasons":[],"system":"ma"}'
    )
    with engine.connect().execution_options(write=True) as conn, conn.begin():
        config.attributes["connection"] = conn
        command.upgrade(config, "0004")
        for code in ("HELD", "TOO_LONG"):
            conn.execute(text(parked), {"key": code, "code": code, "payload": payload})
    database.upgrade(engine)

    with database.reading(engine) as conn:
        found = {cause.code: cause for cause in causes.causes(conn)}

    assert {code: cause.doubtful for code, cause in found.items()} == {"HELD": True, "TOO_LONG": False}
    assert [found["HELD"].what.in_(language) for language in ("en", "ja")] == ["too long → shorten it"] * 2
    assert found["HELD"].fix is None
    engine.dispose()
