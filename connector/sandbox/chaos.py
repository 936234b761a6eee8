"""Faults on order: what can go wrong between a client and a system, planned or at random from a seed."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Fault:
    """One kind of fault, the requests it waits for, and how often it still strikes."""

    kind: str
    method: str | None = None
    path: re.Pattern[str] = field(default_factory=lambda: re.compile(""))
    skip: int = 0
    times: int = 1
    params: Mapping[str, Any] = field(default_factory=dict)

    def fits(self, kind: str, method: str, path: str) -> bool:
        """Whether this fault is of `kind` and waits for such a request."""
        return (
            self.kind == kind
            and self.times > 0
            and self.method in (None, method)
            and self.path.search(path) is not None
        )


class Chaos:
    """A plan of faults and, beside it, rates of random ones. Thread-safe; repeatable by seed."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311  a repeatable fault, not a secret
        self._lock = threading.Lock()
        self._plan: list[Fault] = []
        self._rates: dict[str, float] = {}

    def plan(
        self,
        kind: str,
        *,
        method: str | None = None,
        path: str = "",
        skip: int = 0,
        times: int = 1,
        **params: Any,
    ) -> None:
        """Order a fault: after `skip` fitting requests it strikes the next `times` ones.

        `path` is a regular expression searched in the request's path and query.
        """
        with self._lock:
            self._plan.append(Fault(kind, method, re.compile(path), skip, times, params))

    def rate(self, kind: str, probability: float) -> None:
        """Let `kind` strike each request with this probability."""
        with self._lock:
            self._rates[kind] = probability

    def take(self, kind: str, method: str = "", path: str = "") -> Fault | None:
        """The fault of this kind that strikes the present request, if any; it is used up by this."""
        with self._lock:
            for fault in self._plan:
                if fault.fits(kind, method, path):
                    if fault.skip > 0:
                        fault.skip -= 1
                        continue
                    fault.times -= 1
                    return fault
            if self._rates.get(kind, 0.0) > self._random.random():
                return Fault(kind)
            return None

    def calm(self) -> None:
        """Forget every ordered fault and every rate."""
        with self._lock:
            self._plan.clear()
            self._rates.clear()
