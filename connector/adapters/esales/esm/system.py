"""An esm as the seam sees it."""

from __future__ import annotations

from connector.adapters.esales.esm.check import Checker
from connector.adapters.esales.esm.client import Client
from connector.adapters.esales.esm.find import Finder
from connector.adapters.esales.esm.probe import Prober
from connector.adapters.esales.esm.read import Reader
from connector.adapters.esales.esm.write import Writer
from connector.adapters.esales.options import Config
from connector.adapters.esales.parts import Parts
from connector.ports import Needs


def esm(name: str, config: Config, needs: Needs) -> Parts:
    """One tenant of an esm."""
    client = Client(name, config, needs)
    finder = Finder(client, config)
    reader = Reader(client, finder, config, needs)
    return Parts(
        client.http,
        reader,
        Writer(client, finder, reader, config, needs),
        Checker(client, finder, reader, config, needs),
        Prober(client, finder, reader, config, needs),
    )
