"""A Remix as the seam sees it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connector.adapters.esales.options import Config
from connector.adapters.esales.remix.check import Checker
from connector.adapters.esales.remix.client import Client
from connector.adapters.esales.remix.probe import Prober
from connector.adapters.esales.remix.read import Reader
from connector.adapters.esales.remix.search import Searcher
from connector.adapters.esales.remix.sheets import Sheets
from connector.adapters.esales.remix.write import Writer
from connector.changes import AnyChange
from connector.ports import Finding, Needs, ObjectShown, Page, Probed, Receipt


class Remix:
    """One tenant of a Remix."""

    def __init__(self, name: str, config: Config, needs: Needs) -> None:
        client = Client(name, config)
        sheets, searcher = Sheets(client, config), Searcher(client)
        self.http = client.http
        self._reader = Reader(client, sheets, searcher, config, needs)
        self._writer = Writer(client, sheets, searcher, config, needs)
        self._checker = Checker(client, sheets, config, needs, self._reader.streams)
        self._prober = Prober(client, sheets, searcher, config, needs)

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
