"""What a tenant of either generation is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from connector.changes import AnyChange
from connector.http import Http
from connector.ports import Finding, ObjectShown, Page, Probed, Receipt


class Reads(Protocol):
    """Reads streams."""

    @property
    def streams(self) -> Sequence[str]:
        """See `Adapter.streams`."""

    def pull(self, stream: str, cursor: str | None) -> Iterator[Page]:
        """See `Adapter.pull`."""


class Writes(Protocol):
    """Carries changes out."""

    def push(self, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        """See `Adapter.push`."""


class Checks(Protocol):
    """Compares a tenant with the needs."""

    def findings(self) -> Iterator[Finding]:
        """See `Adapter.check`."""

    def inspect(self) -> Sequence[ObjectShown]:
        """See `Adapter.inspect`."""


class Probes(Protocol):
    """Finds out what no page tells."""

    def probe(self) -> Probed:
        """See `Adapter.probe`."""


@dataclass(frozen=True, slots=True)
class Parts:
    """One tenant."""

    http: Http
    reader: Reads
    writer: Writes
    checker: Checks
    prober: Probes
