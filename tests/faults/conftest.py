"""What the tests of faults share: how much is asked of them, and where they begin."""

from __future__ import annotations

import contextlib
import itertools
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from psycopg import sql
from sqlalchemy import make_url

from tests.faults.engines import sharing
from tests.faults.kit import Stage, set_stage
from tests.faults.processes import Driver, driving
from tests.faults.world import Files
from tests.postgres import Cluster

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # the store waits for the disk at every commit


EIGHTHS = 8
"""In so many parts (`eighth`) `make prove` tries all points of real processes, for several workers to share."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "eighth" in metafunc.fixturenames:
        metafunc.parametrize("eighth", range(EIGHTHS) if metafunc.config.getoption("--prove") else (0,))


@pytest.fixture(scope="session")
def prove(request: pytest.FixtureRequest) -> bool:
    """Whether everything is to be tried (`make prove`), or what each submission can afford."""
    return bool(request.config.getoption("--prove"))


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """No log: it would take longer than the runs."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    with silent():
        yield


@pytest.fixture(autouse=True, scope="package")
def _sharing() -> Iterator[None]:
    with sharing():
        yield


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory, where there is such a place."""
    with tempfile.TemporaryDirectory(prefix="connector-faults-", dir=MEMORY) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """The two moments of the story."""
    with tempfile.TemporaryDirectory(prefix="connector-faults-", dir=MEMORY) as folder:
        with silent():  # only while it is made: the fixture outlives these tests
            made = set_stage(Path(folder), Files())
        yield made


@pytest.fixture(scope="module")
def driver() -> Iterator[Driver]:
    """Starts real processes of the command line."""
    with driving() as made:
        yield made


class Databases:
    """Stores on PostgreSQL, one database each."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.numbers = itertools.count(1)

    def new(self, folder: Path) -> str:
        return self._made("template0")

    def copy(self, store: str, folder: Path) -> str:
        return self._made(str(make_url(store).database))

    def _made(self, template: str) -> str:
        name = f"faults_{next(self.numbers)}"
        with self.cluster.connect() as admin:
            names = (sql.Identifier(name), sql.Identifier(template))
            admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        return self.cluster.url(name)


@pytest.fixture(scope="session")
def postgres_stage(postgres_cluster: Cluster) -> Iterator[Stage]:
    """As `stage`, on PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="connector-faults-", dir=MEMORY) as folder:
        with silent():
            made = set_stage(Path(folder), Databases(postgres_cluster))
        yield made
