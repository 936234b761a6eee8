"""The clock of the emulated world: it ticks like the wall clock and can be set and moved."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Aware UTC time that starts at `start` (default: now) and can be advanced; thread-safe."""

    def __init__(self, start: datetime | None = None) -> None:
        self._lock = threading.Lock()
        self._offset = timedelta(0)
        if start is not None:
            self._offset = start.astimezone(UTC) - self._wall()

    @staticmethod
    def _wall() -> datetime:
        return datetime.fromtimestamp(time.time(), UTC)

    def __call__(self) -> datetime:
        """The present moment of the emulated world."""
        with self._lock:
            return self._wall() + self._offset

    def advance(self, by: timedelta) -> None:
        """Let `by` pass at once."""
        with self._lock:
            self._offset += by
