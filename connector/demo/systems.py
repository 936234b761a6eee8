"""Every emulated system of the small company, on loopback: one MA, three SFAs, and a newer e-Sales Manager beside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from connector.errors import ConnectorError, text
from connector.sandbox.chaos import Chaos
from connector.sandbox.clock import Clock
from connector.sandbox.company import esm_tenant
from connector.sandbox.company.branches import Branches, open_branches
from connector.sandbox.esales import EsmEmulator, RemixEmulator
from connector.sandbox.kintone import KintoneEmulator
from connector.sandbox.salesforce import SalesforceEmulator
from connector.sandbox.seed import Cast
from connector.sandbox.seed import seed as fill
from connector.sandbox.server import Handler, Server
from connector.sandbox.shanon import ShanonEmulator

API_VERSION = "62.0"
EXTERNAL_ID = "MA_Person_Id__c"


@dataclass(frozen=True, slots=True)
class Systems:
    """The emulated systems with a year of history, who is who in them, and where each answers."""

    clock: Clock
    org: SalesforceEmulator
    smp: ShanonEmulator
    kintone: KintoneEmulator
    remix: RemixEmulator
    esm: EsmEmulator
    esm_token: str
    cast: Cast
    branches: Branches
    urls: dict[str, str]

    def secrets(self) -> dict[str, str]:
        """What the shipped configurations refer to, by the names of environment variables."""
        apps = self.branches.apps.by_name()
        return {
            "SHANON_API_KEY": self.smp.api_key,
            "SHANON_PASSWORD": self.smp.password,
            "SHANON_SECRET": self.smp.secret,
            "SF_CLIENT_ID": self.org.client_id,
            "SF_CLIENT_SECRET": self.org.client_secret,
            **{f"KINTONE_{name.upper()}": app.token for name, app in apps.items()},
            "ESALES_TOKEN": self.remix.api_token,
        }

    def connections(self) -> dict[str, dict[str, Any]]:
        """How to reach each system. Salesforce's password has the security token at its end, as a login wants it."""
        org, smp, apps = self.org, self.smp, self.branches.apps.by_name()
        return {
            "salesforce": {
                "url": self.urls["salesforce"],
                "client_id": org.client_id,
                "client_secret": org.client_secret,
                "username": org.username,
                "password": org.password + org.security_token,
                "access_token": org.access_token,
                "api_version": API_VERSION,
                "external_id": EXTERNAL_ID,
            },
            "shanon": {
                "url": self.urls["shanon"],
                "api_key": smp.api_key,
                "password": smp.password,
                "secret": smp.secret,
            },
            "kintone": {
                # Clients of kintone take plain HTTP for this spelling alone.
                "url": self.urls["kintone"].replace("127.0.0.1", "localhost"),
                "apps": {name: {"id": app.id, "token": app.token, "key": app.key} for name, app in apps.items()},
            },
            "esm": {
                "remix": {"url": self.remix_url, "token": self.remix.api_token},
                "esm": {"url": self.urls["esm"], "tenant": self.esm.settings.tenant, "token": self.esm_token},
            },
        }

    @property
    def remix_url(self) -> str:
        """Where Remix stands: `/rest/v1` and `/esales-pc` follow."""
        return f"{self.urls['remix']}/{self.remix.settings.context}"

    def chaos(self) -> list[Chaos]:
        """What brings faults into each system."""
        return [each.chaos for each in (self.org, self.smp, self.kintone, self.remix, self.esm)]


@contextmanager
def systems(seed: int, clock: Clock, port_base: int = 0) -> Iterator[Systems]:
    """Fill the systems and serve them until the end of the block, on this and the following ports (0: free ones).

    :raises ConnectorError: a port is taken
    """
    org, smp = SalesforceEmulator(clock=clock), ShanonEmulator(clock=clock)
    kintone, remix, esm = KintoneEmulator(clock=clock), RemixEmulator(clock=clock), EsmEmulator(clock=clock)
    cast = fill(org, smp, clock(), seed)
    branches = open_branches(org, smp, kintone, remix, clock(), seed)
    token = esm_tenant.set_up(esm)
    served: dict[str, tuple[Handler, Chaos]] = {
        "salesforce": (org.handle, org.chaos),
        "shanon": (smp.handle, smp.chaos),
        "kintone": (kintone.handle, kintone.chaos),
        "remix": (remix.handle, remix.chaos),
        "esm": (esm.handle, esm.chaos),
    }
    with ExitStack() as servers:
        urls = {
            name: servers.enter_context(listening(handler, chaos, port_base and port_base + place)).url
            for place, (name, (handler, chaos)) in enumerate(served.items())
        }
        yield Systems(clock, org, smp, kintone, remix, esm, token, cast, branches, urls)


@contextmanager
def listening(handler: Handler, chaos: Chaos, port: int) -> Iterator[Server]:
    """A server on this port of 127.0.0.1 (0: any free one).

    :raises ConnectorError: the port is taken
    """
    try:
        server = Server(handler, port=port, chaos=chaos)
    except (OSError, SystemExit) as error:  # werkzeug leaves the program when the port is taken
        raise ConnectorError(
            text("port {port} cannot be used", "ポート {port} を使用できません", port=port),
            fix=text("choose another --port-base, or 0", "別の --port-base か 0 を指定してください"),
        ) from error
    with server:
        yield server
