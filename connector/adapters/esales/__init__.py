"""e-Sales Manager of Softbrain (eセールスマネージャー): a Remix by its REST API, or an esm by its gateway.

Much of both is described on no public page. What is known and from where stands beside what relies on it; what is not
known is off until `connector probe` has found it out, and is never guessed. `docs/adapters/esales.md` tells an
administrator what to set up and what is unknown.
"""

from __future__ import annotations

import builtins
from collections.abc import Hashable, Iterator, Sequence
from datetime import datetime

from connector.adapters.esales.options import Config
from connector.changes import AnyChange, Change, CreatePerson, RaiseAlert, SetFields
from connector.model import Role
from connector.ports import Adapter, Finding, Needs, ObjectShown, Page, Probed, Receipt
from connector.spec import Spec

__all__ = ["Config", "ESales"]


class ESales(Adapter):
    """One tenant, of either generation: its login address tells which."""

    type = "esales"
    Config = Config
    role = Role.SFA
    writes = frozenset({SetFields, CreatePerson, RaiseAlert})
    batch = 10
    connections = 1

    def __init__(self, name: str, config: Spec, needs: Needs) -> None:
        if not isinstance(config, Config):
            raise TypeError(config)
        # Lint needs only the options, and only one of the two is ever used.
        from connector.adapters.esales.esm.system import esm  # noqa: PLC0415
        from connector.adapters.esales.remix.system import remix  # noqa: PLC0415

        self._parts = (remix if config.address.generation == "remix" else esm)(name, config, needs)
        self.writes = self.offers(config)
        self.http = self._parts.http

    @classmethod
    def offers(cls, config: Spec) -> frozenset[builtins.type[Change]]:
        """Alerts need a way to appear; an esm creates people only where they can be looked for by our key."""
        if not isinstance(config, Config):
            raise TypeError(config)
        lacking: set[builtins.type[Change]] = set() if config.alert.via else {RaiseAlert}
        find = config.find.get("businesscard")
        if config.address.generation == "esm" and (find is None or find.by_key is None):
            lacking.add(CreatePerson)
        return cls.writes - lacking

    @property
    def streams(self) -> Sequence[str]:
        """Employees and companies first, then people, then deals."""
        return self._parts.reader.streams

    def check(self) -> Sequence[Finding]:
        """Compare sheets, fields, types and choices with the needs."""
        return list(self._parts.checker.findings())

    def probe(self) -> Probed:
        """Find out what no public page tells, by reading, and by writing to the test record."""
        return self._parts.prober.probe()

    def inspect(self) -> Sequence[ObjectShown]:
        """Sheets and their fields, by the names that mappings use."""
        return self._parts.checker.inspect()

    def pull(self, stream: str, cursor: str | None) -> Iterator[Page]:
        """What changed in one sheet."""
        return self._parts.reader.pull(stream, cursor)

    def push(self, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        """One record after the other."""
        return self._parts.writer.push(changes)

    def group(self, change: AnyChange) -> Hashable:
        """Changes of one kind follow each other."""
        return type(change).__name__

    def calls_for(self, changes: int) -> int:
        """Each record is looked for before it is written."""
        return 2 * changes

    def server_time(self) -> datetime | None:
        """The server's clock."""
        return self.http.server_time if self.http is not None else None
