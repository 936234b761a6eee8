"""A migration that is killed leaves the old schema or the new one, whatever statement it was at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import text as sql

from connector.errors import WrongStore
from connector.store import database, files

ROOT = Path(__file__).resolve().parents[2]
_SCHEMAS = [each.revision for each in ScriptDirectory.from_config(database._alembic()).walk_revisions()]
OLDER = ["base", *sorted(_SCHEMAS)[:-1]]
"""Every schema that a store may have when it is upgraded; `base`: none yet."""


def kills(url: str, revision: str, step: int = 1) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.dying_migrator", url, revision, str(step)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("revision", OLDER)
def test_killed_at_each_statement_a_file_is_as_before_or_upgraded(tmp_path: Path, revision: str) -> None:
    assert kills(f"sqlite:///{tmp_path}/connector.db", revision) >= 1


@pytest.mark.timeout(300)
@pytest.mark.parametrize("revision", OLDER)
def test_killed_at_each_statement_a_server_is_as_before_or_upgraded(postgres_url: str, revision: str) -> None:
    # A hundred statements make the first schema, and a server takes its time to see that somebody is gone.
    assert kills(postgres_url, revision, 7 if revision == "base" else 1) >= 1


def old_store(path: Path, revision: str, mark: str) -> str:
    url = f"sqlite:///{path}"
    engine = database.open_engine(url)
    config = database._alembic()
    with engine.connect().execution_options(write=True) as conn, conn.begin():
        config.attributes["connection"] = conn
        command.upgrade(config, revision)
        conn.execute(sql("DELETE FROM meta"))
        conn.execute(sql("INSERT INTO meta VALUES ('mark', :mark)"), {"mark": mark})
    engine.dispose()
    return url


def test_before_an_upgrade_the_file_is_copied_and_only_the_last_copy_is_kept(tmp_path: Path) -> None:
    store = tmp_path / "connector.db"
    for revision, mark in (("0001", "first"), ("0002", "second")):
        store.unlink(missing_ok=True)
        engine = database.open_engine(old_store(store, revision, mark))
        database.upgrade(engine)
        database.upgrade(engine)  # nothing to do: the copy stays what it was
        engine.dispose()

    (copy,) = files.copies_beside(store)

    assert files.damage(copy) is None
    assert copy.stat().st_mode & 0o777 == 0o600
    engine = database.open_engine(f"sqlite:///{copy}")
    with database.reading(engine) as conn:
        assert conn.scalar(sql("SELECT value FROM meta")) == "second"
        assert conn.scalar(sql("SELECT version_num FROM alembic_version")) == "0002"
    engine.dispose()


def test_a_new_store_is_not_copied(tmp_path: Path) -> None:
    engine = database.open_engine(f"sqlite:///{tmp_path}/connector.db")
    database.upgrade(engine)
    engine.dispose()

    assert files.copies_beside(tmp_path / "connector.db") == []


def test_a_newer_store_is_neither_changed_nor_copied(tmp_path: Path) -> None:
    url = old_store(tmp_path / "connector.db", "0002", "x")
    engine = database.open_engine(url)
    with database.writing(engine) as conn:
        conn.execute(sql("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(WrongStore, match="newer version"):
        database.upgrade(engine)

    engine.dispose()
    assert files.copies_beside(tmp_path / "connector.db") == []
