"""A stranger who calls the emulated SMP: signs, sends, takes answers apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from defusedxml.ElementTree import fromstring
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from connector.sandbox.shanon import ShanonEmulator
from connector.sandbox.shanon.auth import sign

NS = "{http://smartseminar.jp/}"


@dataclass
class Answer:
    status: int
    text: str
    headers: Any = field(repr=False)

    @property
    def root(self) -> Any:
        return fromstring(self.text)

    @property
    def name(self) -> str:
        return str(self.root.tag).removeprefix(NS)

    @property
    def rows(self) -> list[dict[str, str]]:
        return [{str(e.tag).removeprefix(NS): e.text or "" for e in row} for row in self.root]

    @property
    def ids(self) -> list[int]:
        return [int(row["Id"]) for row in self.rows]

    @property
    def code(self) -> str:
        return str(self.root.findtext(f"{NS}Error/{NS}Code"))


class Caller:
    def __init__(self, smp: ShanonEmulator) -> None:
        self.smp = smp
        self.token = ""

    def send(self, method: str, path: str, params: dict[str, str] | str, **rest: Any) -> Answer:
        builder = EnvironBuilder(path, method=method, query_string=params, **rest)
        response: Response = self.smp.handle(Request(builder.get_environ()))
        return Answer(response.status_code, response.get_data(as_text=True), response.headers)

    def login(self, **changed: str) -> Answer:
        params = {"api_key": self.smp.api_key, "password": self.smp.password} | changed
        answer = self.send("GET", "/services/rest/authentication", self.signed(params))
        if answer.status == 200:
            self.token = str(answer.root.findtext(f"{NS}Token"))
        return answer

    def signed(self, params: dict[str, str]) -> dict[str, str]:
        return {**params, "api_sig": params.get("api_sig") or sign(self.smp.secret, params)}

    def call(self, method: str, resource: str, params: dict[str, str] | None = None, **rest: Any) -> Answer:
        if not self.token:
            self.login()
        asked = {"api_key": self.smp.api_key, "token": self.token} | (params or {})
        return self.send(method, f"/services/rest/{resource}", self.signed(asked), **rest)

    def get(self, resource: str, **params: str) -> Answer:
        return self.call("GET", resource, params)

    def where(self, resource: str, key: str, operator: str, value: str, **params: str) -> Answer:
        condition = {"search_key1": key, "search_operator1": operator, "search_value1": value}
        return self.call("GET", resource, condition | params)

    def write(self, method: str, resource: str, element: str, inside: str, **params: str) -> Answer:
        body = f'<?xml version="1.0" encoding="UTF-8"?><{element} xmlns="http://smartseminar.jp/">{inside}</{element}>'
        return self.raw(method, resource, body, **params)

    def raw(self, method: str, resource: str, body: str, **params: str) -> Answer:
        kind = "application/xml;charset='UTF-8'"
        return self.call(method, resource, params, data=body.encode(), content_type=kind)

    def put(self, inside: str, **params: str) -> Answer:
        return self.write("PUT", "visitor", "VisitorData", inside, **{"ignore_itemcheck": "1"} | params)
