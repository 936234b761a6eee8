"""A stranger who calls the emulated e-Sales Managers: sends, takes answers apart."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from connector.sandbox.esales import EsmEmulator, RemixEmulator

CARD = "business_cards.business_card"
CUSTOMER = "customers.customer"
DEAL = "businessplans.businessplan"


@dataclass
class Answer:
    status: int
    text: str
    headers: Any = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def rows(self) -> list[Any]:
        return list(self.json["values"])


def send(emulator: RemixEmulator | EsmEmulator, method: str, path: str, headers: dict[str, str], **rest: Any) -> Answer:
    builder = EnvironBuilder(path, method=method, headers=Headers(headers), **rest)
    response: Response = emulator.handle(Request(builder.get_environ()))
    return Answer(response.status_code, response.get_data(as_text=True), response.headers)


class RemixCaller:
    def __init__(self, remix: RemixEmulator) -> None:
        self.remix = remix
        self.headers = {"X-Auth-API-Token": remix.api_token}

    def call(self, method: str, resource: str, **rest: Any) -> Answer:
        return send(self.remix, method, f"/{self.remix.settings.context}/rest/v1/{resource}", self.headers, **rest)

    def get(self, resource: str, **params: Any) -> Answer:
        return self.call("GET", resource, query_string={name: str(value) for name, value in params.items()})

    def search(self, entity: str, codes: list[int], *items: dict[str, Any], **more: Any) -> Answer:
        condition = {"targetObjectName": entity, "items": list(items)}
        return self.call("POST", "entities/search", json={"searchCondition": condition, "columnCodes": codes, **more})

    def found(self, entity: str, key: int, *items: dict[str, Any], **more: Any) -> list[int]:
        """The keys of what is found, by a remix whose rows are positional."""
        return [row[0] for row in self.search(entity, [key], *items, **more).rows]

    def write(self, method: str, entity: str, *items: dict[str, Any], **more: Any) -> Answer:
        return self.call(method, "entity", json={"objectName": entity, "items": list(items), **more})


def item(code: int, **value: Any) -> dict[str, Any]:
    return {"column_code": code, **value}


def where(code: int, operator: str = "=", **value: Any) -> dict[str, Any]:
    return {"columnCode": code, "operator": operator, **value}


class EsmCaller:
    def __init__(self, esm: EsmEmulator) -> None:
        self.esm = esm
        self.headers = {"Authorization": f"Bearer {esm.api_token}", "X-ESM-TIMEZONE": "Asia/Tokyo"}
        self.prefix = "/esm-api"

    def call(self, method: str, resource: str, **rest: Any) -> Answer:
        path = f"{self.prefix}/{self.esm.settings.tenant}/pub/esms/v1/{resource}"
        return send(self.esm, method, path, self.headers, **rest)

    def get(self, resource: str) -> Answer:
        return self.call("GET", resource)

    def put(self, resource: str, body: Any) -> Answer:
        return self.call("PUT", resource, json=body)

    def post(self, resource: str, body: Any) -> Answer:
        return self.call("POST", resource, json=body)

    def delete(self, resource: str) -> Answer:
        return self.call("DELETE", resource)

    def login(self, **changed: Any) -> Answer:
        body = {"grantType": "password", "userId": self.esm.login, "password": self.esm.password}
        return self.token(body | {"tenantId": self.esm.settings.tenant} | changed)

    def token(self, body: Any) -> Answer:
        return send(self.esm, "POST", "/auth/token", {}, json=body)
