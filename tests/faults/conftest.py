"""What the tests of faults share: how much is asked of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(scope="session")
def prove(request: pytest.FixtureRequest) -> bool:
    """Whether everything is to be tried (`make prove`), or what each submission can afford."""
    return bool(request.config.getoption("--prove"))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Logging every request of thousands of runs would take longer than the runs."""
    before = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    yield
    structlog.configure(wrapper_class=before)
