"""A small world: both emulated systems on loopback, one clock, a year of history, and a configuration for them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from connector.config import load
from connector.engine.app import App, open_app
from connector.sandbox.clock import Clock
from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.seed import Cast, seed
from connector.sandbox.server import Server
from connector.sandbox.shanon import ShanonEmulator
from connector.templates import TEMPLATES

START = datetime(2026, 10, 14, 10, 0, tzinfo=ZoneInfo("Asia/Tokyo"))
"""A Wednesday morning."""


@dataclass(frozen=True, slots=True)
class World:
    """Emulated systems that answer, and a configuration file that names them."""

    org: SalesforceEmulator
    smp: ShanonEmulator
    clock: Clock
    cast: Cast
    salesforce_url: str
    shanon_url: str
    config: Path

    @contextmanager
    def app(self) -> Iterator[App]:
        """The connector as a fresh process would open it."""
        app = open_app(load(self.config), clock=self.clock)
        try:
            yield app
        finally:
            app.close()


@contextmanager
def world(number: int) -> Iterator[World]:
    """The world that the seed `number` gives, on free ports, until the end of the block."""
    clock = Clock(START)
    org, smp = SalesforceEmulator(clock=clock), ShanonEmulator(clock=clock)
    cast = seed(org, smp, clock(), number)
    with (
        tempfile.TemporaryDirectory(prefix="connector-demo-") as folder,
        Server(org.handle, chaos=org.chaos) as salesforce,
        Server(smp.handle, chaos=smp.chaos) as shanon,
    ):
        config = configure(Path(folder), org, smp, salesforce.url, shanon.url)
        yield World(org, smp, clock, cast, salesforce.url, shanon.url, config)


def configure(folder: Path, org: SalesforceEmulator, smp: ShanonEmulator, salesforce_url: str, shanon_url: str) -> Path:
    """Write the shipped configuration into `folder`, changed only in where the systems are and in the secrets."""
    secrets = {
        "SHANON_API_KEY": smp.api_key,
        "SHANON_PASSWORD": smp.password,
        "SHANON_SECRET": smp.secret,
        "SF_CLIENT_ID": org.client_id,
        "SF_CLIENT_SECRET": org.client_secret,
    }
    for name, value in secrets.items():
        (folder / name.lower()).write_text(value, encoding="utf-8")
    template = TEMPLATES["shanon+salesforce"]
    config = pointed_at(template.text(), salesforce_url, shanon_url)
    config = re.sub(r"\{env: (\w+)\}", lambda found: f"{{file: {folder / found[1].lower()}}}", config)
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    (folder / "mappings").mkdir()
    for name, mapping in template.mappings():
        (folder / "mappings" / name).write_bytes(mapping.read_bytes())
    return folder / "config.yaml"


def pointed_at(config: str, salesforce_url: str, shanon_url: str) -> str:
    """The shipped configuration with the addresses of emulated systems, which need no sparing.

    :raises ValueError: the shipped configuration does not look as it did
    """
    config, once = re.subn(r"base_url: https://example\.smktg\.jp", f"base_url: {shanon_url}\n    rate: 1000", config)
    config, twice = re.subn(r"domain: example\.my .*", f"base_url: {salesforce_url}", config)
    if (once, twice) != (1, 1):
        raise ValueError("config.example.yaml")
    return config
