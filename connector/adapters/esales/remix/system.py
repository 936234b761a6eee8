"""A Remix as the seam sees it."""

from __future__ import annotations

from connector.adapters.esales.options import Config
from connector.adapters.esales.parts import Parts
from connector.adapters.esales.remix.check import Checker
from connector.adapters.esales.remix.client import Client
from connector.adapters.esales.remix.probe import Prober
from connector.adapters.esales.remix.read import Reader
from connector.adapters.esales.remix.search import Searcher
from connector.adapters.esales.remix.sheets import Sheets
from connector.adapters.esales.remix.write import Writer
from connector.ports import Needs


def remix(name: str, config: Config, needs: Needs) -> Parts:
    """One tenant of a Remix."""
    client = Client(name, config)
    sheets, searcher = Sheets(client, config), Searcher(client)
    reader = Reader(client, sheets, searcher, config, needs)
    return Parts(
        client.http,
        reader,
        Writer(client, sheets, searcher, config, needs),
        Checker(client, sheets, config, needs, reader.streams),
        Prober(client, sheets, searcher, config, needs),
    )
