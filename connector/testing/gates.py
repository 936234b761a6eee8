"""What every part of the contract stands on: a world, and skipping what it does not declare."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.changes import Change
from connector.testing.world import World, missing


class Gates:
    """Subclasses of the contract give the fixture `world`."""

    @pytest.fixture
    def world(self) -> World | Iterator[World]:
        raise NotImplementedError

    @staticmethod
    def _reads(world: World, *kinds: type) -> None:
        if not world.reads >= set(kinds):
            missing(f"reading of {', '.join(kind.__name__ for kind in kinds)}")

    @staticmethod
    def _writes(world: World, *kinds: type[Change]) -> None:
        if not world.adapter().writes >= set(kinds):
            missing(f"writing by {', '.join(kind.__name__ for kind in kinds)}")
