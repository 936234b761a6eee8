"""Adapters may come from other packages: whatever one raises that is none of our errors becomes one.

What it says itself is not repeated: it may quote a record. Its type and the line it comes from are enough to mend it.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
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


def each_contained(system: str, pages: Iterator[T]) -> Iterator[T]:
    """Items of an adapter's iterator; what the consumer does with them is not contained."""
    while True:
        with contained(system):
            page = next(pages, None)
        if page is None:
            return
        yield page


def _said(error: Exception) -> Text:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return text(
        "the adapter failed: {kind} in {file}:{line}",
        "アダプターが異常終了しました: {kind} ({file}:{line})",
        kind=type(error).__name__,
        file=Path(last.filename).name,
        line=last.lineno,
    )
