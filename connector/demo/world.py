"""A small world: emulated systems on loopback, one clock, a year of history, and a configuration for them."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from connector.config import load
from connector.demo.systems import Systems, systems
from connector.engine.app import App, open_app
from connector.sandbox.clock import Clock
from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.seed import Cast
from connector.sandbox.shanon import ShanonEmulator
from connector.templates import TEMPLATES

START = datetime(2026, 10, 14, 10, 0, tzinfo=ZoneInfo("Asia/Tokyo"))
"""A Wednesday morning."""


@dataclass(frozen=True, slots=True)
class World:
    """Emulated systems that answer, and a configuration file that names them."""

    systems: Systems
    config: Path

    @property
    def clock(self) -> Clock:
        """The clock of everybody."""
        return self.systems.clock

    @property
    def org(self) -> SalesforceEmulator:
        """Salesforce."""
        return self.systems.org

    @property
    def smp(self) -> ShanonEmulator:
        """The MA."""
        return self.systems.smp

    @property
    def cast(self) -> Cast:
        """Who is who in these two."""
        return self.systems.cast

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
    with (
        tempfile.TemporaryDirectory(prefix="connector-demo-") as folder,
        systems(number, Clock(START)) as running,
    ):
        yield World(running, configure(Path(folder), running))


def configure(folder: Path, running: Systems) -> Path:
    """Write the shipped configuration into `folder`, changed only in where the systems are and in the secrets."""
    secrets = folder / "secrets"
    secrets.mkdir(mode=0o700)
    for name, value in running.secrets().items():
        (secrets / name.lower()).write_text(value, encoding="utf-8")
        (secrets / name.lower()).chmod(0o600)
    template = TEMPLATES["all"]
    config = pointed_at(template.text(), running)
    # In quotes as JSON has them: a path may hold what means something in YAML.
    kept = {name: json.dumps(str(secrets / name.lower()), ensure_ascii=False) for name in running.secrets()}
    config = re.sub(r"\{env: (\w+)\}", lambda found: f"{{file: {kept[found[1]]}}}", config)
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    (folder / "config.yaml").chmod(0o640)
    (folder / "mappings").mkdir()
    for name, mapping in template.mappings():
        (folder / "mappings" / name).write_bytes(mapping.read_bytes())
    return folder / "config.yaml"


def pointed_at(config: str, running: Systems) -> str:
    """A shipped configuration with the addresses and numbers of emulated systems, which need no sparing.

    :raises ValueError: the shipped configuration does not look as it did
    """
    kintone, remix = running.urls["kintone"], running.remix_url
    places = {
        r"base_url: https://example\.smktg\.jp": f"base_url: {running.urls['shanon']}\n    rate: 1000",
        r"domain: example\.my .*": f"base_url: {running.urls['salesforce']}",
        r"base_url: https://example\.cybozu\.com": f"base_url: {kintone.replace('127.0.0.1', 'localhost')}",
        r"login_url: .*": f"login_url: {remix}/esales-pc\n    rate: 1000",
    }
    for name, app in running.branches.apps.by_name().items():
        places[rf"(?s)(\b{name}:(?: \{{|\s+))id: \d+"] = rf"\g<1>id: {app.id}"
    for shipped, real in places.items():
        config, times = re.subn(shipped, real, config, count=1)
        if times != 1:
            raise ValueError(shipped)
    return config
