"""Engines on SQLite that share what they learn: a world of one's own need not compile the same statements again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine

from connector.store import database


@contextmanager
def sharing() -> Iterator[None]:
    """Inside, engines that are made for SQLite have one dialect and one cache of compiled statements."""
    known = create_engine("sqlite://", hide_parameters=True)
    known.connect().close()  # the dialect learns whom it speaks to

    def create(*args: Any, **more: Any) -> Engine:
        engine = create_engine(*args, **more)
        if engine.dialect.name == known.dialect.name:
            engine.dialect = known.dialect
            engine._compiled_cache = known._compiled_cache
        return engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "create_engine", create)
        yield
    known.dispose()
