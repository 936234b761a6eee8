"""What the tests of faults share: how much is asked of them, and where they begin."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.faults.kit import Stage, set_stage

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # the store waits for the disk at every commit


@pytest.fixture(scope="session")
def prove(request: pytest.FixtureRequest) -> bool:
    """Whether everything is to be tried (`make prove`), or what each submission can afford."""
    return bool(request.config.getoption("--prove"))


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    """No log: it would take longer than the runs."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """In memory, where there is such a place."""
    with tempfile.TemporaryDirectory(prefix="connector-faults-", dir=MEMORY) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """The two moments of the story."""
    with tempfile.TemporaryDirectory(prefix="connector-faults-", dir=MEMORY) as folder:
        yield set_stage(Path(folder))
