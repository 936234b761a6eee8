"""Threads that know whose work they do: what a log line says of the run, it says in every thread of it."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class Pool(ThreadPoolExecutor):
    """A thread pool whose work runs in the context of whoever submitted it."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kw: Any) -> Future[T]:
        """As the base does it, with a copy of the caller's context."""
        return super().submit(contextvars.copy_context().run, fn, *args, **kw)
