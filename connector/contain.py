"""Adapters may come from other packages: whatever one raises that is none of our errors becomes one.

What it says itself is not repeated: it may quote a record. Its type, that of its causes, and the last three lines it
comes from are enough to mend it.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from connector.errors import ConnectorError, Text, Unavailable, Uncertain, text

T = TypeVar("T")


@contextmanager
def contained(system: str, *, sent: bool = False) -> Iterator[None]:
    """Run an adapter's code; `sent`: something may have been written when it fails.

    :raises Unavailable, Uncertain: the adapter failed with something that is not ours
    """
    try:
        yield
    except ConnectorError:
        raise
    except Exception as error:  # whatever a stranger's code raises
        raise (Uncertain if sent else Unavailable)(
            _said(error),
            where=system,
            fix=text("tell whoever maintains the adapter", "アダプターの開発元に知らせてください"),
            code=type(error).__name__,
        ) from error


def each_contained(system: str, read: Callable[[], Iterator[T]]) -> Iterator[T]:
    """Items of an adapter's iterator; what the consumer does with them is not contained."""
    with contained(system):
        pages = read()
    while True:
        with contained(system):
            page = next(pages, None)
        if page is None:
            return
        yield page


def _said(error: Exception) -> Text:
    calls = traceback.extract_tb(error.__traceback__)[-3:]
    return text(
        "the adapter failed: {kinds} in {places}",
        "アダプターが異常終了しました: {kinds} ({places})",
        kinds=" ← ".join(type(each).__name__ for each in _causes(error)),
        places=" ← ".join(f"{Path(call.filename).name}:{call.lineno}" for call in reversed(calls)),
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what it was raised from, and so on; a library's own error often hides what went wrong."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
