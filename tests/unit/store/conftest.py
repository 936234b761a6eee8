"""The store on both databases: every test that asks for `store` runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from connector.store import database
from connector.store.lease import Lease, acquire


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_url"))
    return f"sqlite:///{tmp_path}/connector.db"


@pytest.fixture
def store(url: str) -> Iterator[Engine]:
    engine = database.open_engine(url)
    database.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def lease(store: Engine) -> Lease:
    return acquire(store, "run", timedelta(minutes=5))
