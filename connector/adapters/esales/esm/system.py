"""An esm as the seam sees it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connector.adapters.esales.esm.check import Checker
from connector.adapters.esales.esm.client import Client
from connector.adapters.esales.esm.find import Finder
from connector.adapters.esales.esm.probe import Prober
from connector.adapters.esales.esm.read import Reader
from connector.adapters.esales.esm.write import Writer
from connector.adapters.esales.options import Config
from connector.changes import AnyChange
from connector.ports import Finding, Needs, ObjectShown, Page, Probed, Receipt


class Esm:
    """One tenant of an esm."""

    def __init__(self, name: str, config: Config, needs: Needs) -> None:
        client = Client(name, config, needs)
        finder = Finder(client, config)
        self.http = client.http
        self._reader = Reader(client, finder, config, needs)
        self._writer = Writer(client, finder, self._reader, config, needs)
        self._checker = Checker(client, finder, self._reader, config, needs)
        self._prober = Prober(client, finder, self._reader, config, needs)

    @property
    def streams(self) -> Sequence[str]:
        """See `Adapter.streams`."""
        return self._reader.streams

    def check(self) -> Sequence[Finding]:
        """See `Adapter.check`."""
        return list(self._checker.findings())

    def probe(self) -> Probed:
        """See `Adapter.probe`."""
        return self._prober.probe()

    def inspect(self) -> Sequence[ObjectShown]:
        """See `Adapter.inspect`."""
        return self._checker.inspect()

    def pull(self, stream: str, cursor: str | None) -> Iterator[Page]:
        """See `Adapter.pull`."""
        return self._reader.pull(stream, cursor)

    def push(self, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        """See `Adapter.push`."""
        return self._writer.push(changes)
