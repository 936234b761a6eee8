"""What the tests of faults share: how much is asked of them."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def prove(request: pytest.FixtureRequest) -> bool:
    """Whether everything is to be tried (`make prove`), or what each submission can afford."""
    return bool(request.config.getoption("--prove"))
