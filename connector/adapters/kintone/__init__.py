"""kintone: people, deals, alerts and touchpoints as apps that a customer made, by the REST API.

What is known of the API and from where stands beside what relies on it; `docs/adapters/kintone.md` tells an
administrator what to set up.
"""

from __future__ import annotations

import builtins
from collections.abc import Hashable, Iterator, Sequence
from datetime import datetime

from connector.adapters.kintone.check import Checker
from connector.adapters.kintone.client import Client
from connector.adapters.kintone.options import Config
from connector.adapters.kintone.read import Reader
from connector.adapters.kintone.send import BATCH
from connector.adapters.kintone.write import Writer
from connector.changes import AddTouchpoint, AnyChange, Change, CloseAlert, CreatePerson, RaiseAlert, SetFields
from connector.model import Role
from connector.ports import Adapter, Finding, Needs, ObjectShown, Page, Receipt
from connector.spec import Spec


class Kintone(Adapter):
    """One domain, with the apps that the configuration names."""

    type = "kintone"
    Config = Config
    role = Role.SFA
    writes = frozenset({SetFields, CreatePerson, RaiseAlert, CloseAlert, AddTouchpoint})
    person_words = frozenset()
    batch = BATCH
    connections = 3

    def __init__(self, name: str, config: Spec, needs: Needs) -> None:
        if not isinstance(config, Config):
            raise TypeError(config)
        self.writes = self.offers(config)
        self._client = Client(name, config)
        self.http = self._client.http
        self._reader = Reader(self._client, config, needs)
        self._writer = Writer(self._client, config, needs.timezone)
        self._checker = Checker(self._client, config, needs, self._reader)

    @classmethod
    def offers(cls, config: Spec) -> frozenset[builtins.type[Change]]:
        """An alert is taken back only where a field says how far it is dealt with."""
        alert = config.alert if isinstance(config, Config) else None
        closes = alert is not None and alert.close is not None and "app" in alert.via
        return cls.writes if closes else cls.writes - {CloseAlert}

    @property
    def streams(self) -> Sequence[str]:
        """One per app that a mapping names: people first, then deals."""
        return (*self._reader.people, *self._reader.deals)

    def check(self) -> Sequence[Finding]:
        """Compare the forms of the apps with the needs; what is wrong in one hides nothing of the others."""
        return list(self._checker.findings())

    def inspect(self) -> Sequence[ObjectShown]:
        """The apps of the configuration with their fields."""
        return self._checker.shown()

    def pull(self, stream: str, cursor: str | None) -> Iterator[Page]:
        """What changed in one app."""
        return self._reader.pull(stream, cursor)

    def push(self, changes: Sequence[AnyChange]) -> Iterator[Receipt]:
        """Up to 2,000 records of an app in one request; a comment is a request by itself."""
        return self._writer.push(changes)

    def group(self, change: AnyChange) -> Hashable:
        """Changes of one kind to one app share a request."""
        if isinstance(change, SetFields):
            return type(change).__name__, change.ref.object
        return type(change).__name__, change.object if isinstance(change, CreatePerson) else ""

    def server_time(self) -> datetime | None:
        """The clock of kintone."""
        return self._client.http.server_time

    def close(self) -> None:
        """Close the connections."""
        self._client.http.close()
