"""The clock of the emulated world: it ticks like the wall clock, unless told to stand still, and can be moved."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Aware UTC time that starts at `start` (default: now) and can be advanced; thread-safe.

    One that is not `ticking` moves only when it is advanced.
    """

    def __init__(self, start: datetime | None = None, *, ticking: bool = True) -> None:
        self._lock = threading.Lock()
        self._ticking = ticking
        self._offset = timedelta(0)
        self._still = self._wall()
        if start is not None:
            self._offset = start.astimezone(UTC) - self._still

    @staticmethod
    def _wall() -> datetime:
        return datetime.fromtimestamp(time.time(), UTC)

    def __call__(self) -> datetime:
        """The present moment of the emulated world."""
        with self._lock:
            return (self._wall() if self._ticking else self._still) + self._offset

    def advance(self, by: timedelta) -> None:
        """Let `by` pass at once."""
        with self._lock:
            self._offset += by
