"""Calls an emulated org without a socket, as its own tests do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from connector.sandbox.salesforce import SalesforceEmulator

VERSION = "62.0"


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def code(self) -> str:
        """The first error's code."""
        return str(self.json[0]["errorCode"])

    @property
    def message(self) -> str:
        """The first error's message."""
        return str(self.json[0]["message"])


class Caller:
    """Speaks for the API user. A path without a leading slash is under the version."""

    def __init__(self, org: SalesforceEmulator, version: str = VERSION) -> None:
        self.org = org
        self.base = f"/services/data/v{version}/"
        self.token: str | None = None

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
        mimetype: str = "application/json",
    ) -> Reply:
        sent = {"Authorization": f"Bearer {self.token or self.org.access_token}"}
        content = data if body is None else json.dumps(body).encode()
        if content is not None:
            sent["Content-Type"] = mimetype
        sent.update(headers or {})
        target = path if path.startswith("/") else self.base + path
        builder = EnvironBuilder(
            target, method=method, headers=Headers(sent), data=content, base_url="http://127.0.0.1:1"
        )
        response = self.org.handle(Request(builder.get_environ()))
        return Reply(response.status_code, dict(response.headers), response.get_data())

    def query(self, soql: str, *, everything: bool = False) -> list[dict[str, Any]]:
        """All records of a query."""
        reply = self("GET", f"{'queryAll' if everything else 'query'}?q={quote(soql)}")
        assert reply.status == 200, reply.text
        records = list(reply.json["records"])
        while not reply.json["done"]:
            reply = self("GET", reply.json["nextRecordsUrl"])
            records += reply.json["records"]
        return records

    def refused(self, soql: str) -> Reply:
        """The answer to a query that is not accepted."""
        reply = self("GET", f"query?q={quote(soql)}")
        assert reply.status == 400, reply.text
        return reply


def an_org(**settings: Any) -> SalesforceEmulator:
    """An org with the fields an integration would add."""
    org = SalesforceEmulator(**settings)
    for name in ("Lead", "Contact"):
        org.add_field(name, name="MA_Id__c", length=64, external_id=True, unique=True)
        org.add_field(name, name="MA_Score__c", type="double", precision=5, scale=1)
        org.add_field(name, name="MA_Flag__c", type="boolean")
        org.add_field(name, name="MA_Grade__c", type="picklist", picklist=["A", "B"])
        org.add_field(name, name="MA_Seen__c", type="datetime")
    return org
