"""What a step of planning may say: a change, something withheld or kept, or a time to look again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from connector.changes import AnyChange, Kept, Withheld


@dataclass(frozen=True, slots=True)
class LookAgain:
    """The answer may change at this time without new facts."""

    at: datetime


@dataclass(frozen=True, slots=True)
class BandUntold:
    """An alert on this score's band still waits: the band counts as not yet told."""

    score: str


Said = AnyChange | Withheld | Kept | LookAgain | BandUntold
Step = Iterator[Said]


def key_of(*parts: object) -> str:
    """A short key that is the same for the same parts, wherever and whenever it is made."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:32]
