"""A stranger who calls the emulated kintone: sends, and takes answers apart."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from connector.sandbox.kintone import KintoneEmulator

FIELDS: dict[str, dict[str, Any]] = {
    "email": {"type": "SINGLE_LINE_TEXT", "unique": True},
    "name": {"type": "SINGLE_LINE_TEXT", "maxLength": "5", "minLength": "2"},
    "memo": {"type": "MULTI_LINE_TEXT"},
    "html": {"type": "RICH_TEXT"},
    "site": {"type": "LINK"},
    "score": {"type": "NUMBER", "minValue": "0", "maxValue": "100"},
    "total": {"type": "CALC"},
    "number": {"type": "NUMBER", "unique": True},
    "rank": {"type": "DROP_DOWN", "options": ["A", "B"]},
    "kind": {"type": "RADIO_BUTTON", "options": ["p", "q"], "defaultValue": "q"},
    "tags": {"type": "CHECK_BOX", "options": ["x", "y", "z"]},
    "more": {"type": "MULTI_SELECT", "options": ["m", "n"], "defaultValue": ["n"]},
    "day": {"type": "DATE"},
    "hour": {"type": "TIME"},
    "at": {"type": "DATETIME"},
    "rep": {"type": "USER_SELECT"},
    "team": {"type": "ORGANIZATION_SELECT"},
    "group": {"type": "GROUP_SELECT"},
    "file": {"type": "FILE"},
    "touch": {
        "type": "SUBTABLE",
        "fields": {
            "t_at": {"type": "DATETIME"},
            "t_kind": {"type": "DROP_DOWN", "options": ["web", "mail"]},
            "t_text": {"type": "SINGLE_LINE_TEXT"},
            "t_count": {"type": "NUMBER"},
        },
    },
}


@dataclass
class Answer:
    status: int
    text: str
    headers: Any = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def refusal(self) -> tuple[int, str]:
        return self.status, self.json["code"]

    @property
    def errors(self) -> dict[str, str]:
        """What is wrong, by path; where there is more than one reason, all of them."""
        return {path: " ".join(said["messages"]) for path, said in self.json["errors"].items()}

    @property
    def ids(self) -> list[int]:
        return [int(each["$id"]["value"]) for each in self.json["records"]]


class Caller:
    """Calls one app, with a token that may do everything unless told otherwise."""

    def __init__(self, kintone: KintoneEmulator, app: str = "1") -> None:
        self.kintone = kintone
        self.app = app
        self.headers: list[tuple[str, str]] = []
        self.token(kintone.add_token(app, "view", "add", "edit", "delete", "manage"))

    def token(self, *tokens: str) -> None:
        self.headers = [("X-Cybozu-API-Token", ",".join(tokens))]

    def login(self, code: str, password: str) -> None:
        self.headers = [("X-Cybozu-Authorization", b64encode(f"{code}:{password}".encode()).decode())]

    def send(self, method: str, path: str, *headers: tuple[str, str], **rest: Any) -> Answer:
        given = self.headers + list(headers)
        builder = EnvironBuilder(path, method=method, headers=given, **rest)
        response = self.kintone.handle(Request(builder.get_environ()))
        return Answer(response.status_code, response.get_data(as_text=True), response.headers)

    def json(self, method: str, api: str, *headers: tuple[str, str], **body: Any) -> Answer:
        """Call an API of the app with JSON."""
        sent = json.dumps({"app": self.app, **body})
        return self.send(method, f"/k/v1/{api}.json", *headers, data=sent, content_type="application/json")

    def get(self, api: str, **params: Any) -> Answer:
        """Read, with a query string."""
        pairs: list[tuple[str, Any]] = []
        for name, value in {"app": self.app, **params}.items():
            if isinstance(value, list):
                pairs += [(f"{name}[{place}]", each) for place, each in enumerate(value)]
            else:
                pairs.append((name, value))
        return self.send("GET", f"/k/v1/{api}.json", query_string=urlencode(pairs))

    def find(self, query: str, **params: Any) -> Answer:
        return self.get("records", query=query, **params)

    def add(self, **values: Any) -> Answer:
        return self.json("POST", "record", record=record(values))

    def put(self, record_id: Any, **values: Any) -> Answer:
        return self.json("PUT", "record", id=record_id, record=record(values))

    def upsert(self, key: str, value: str, **values: Any) -> Answer:
        one = {"updateKey": {"field": key, "value": value}, "record": record(values)}
        return self.json("PUT", "records", upsert=True, records=[one])


def record(values: dict[str, Any]) -> dict[str, Any]:
    """Values as they are sent."""
    return {code: {"value": value} for code, value in values.items()}


def leads(**more: Any) -> KintoneEmulator:
    """A domain with one app that has a field of every type, some people, and no delay of searches."""
    kintone = KintoneEmulator(**more)
    kintone.add_user("sato", "佐藤 昇", "pä:ss")
    kintone.add_user("ito", "伊藤 遥", "pass")
    kintone.add_organization("sales", "営業部")
    kintone.add_group("all", "全員")
    kintone.create_app("リード", FIELDS)
    return kintone
