"""Requests as real clients put them on the wire, in the order they send them, against the emulated kintone.

Taken down from `@kintone/rest-api-client` 6.2.1, `@kintone/cli` 1.19.2 and pyntone 0.3.2; the last ones are the habits
of pykintone and skintone. Long lists are shortened.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from connector.sandbox.kintone import KintoneEmulator
from tests.unit.sandbox.kintone_client import Caller

FIELDS: dict[str, dict[str, Any]] = {
    "email": {"type": "SINGLE_LINE_TEXT", "unique": True},
    "score": {"type": "NUMBER"},
    "memo": {"type": "MULTI_LINE_TEXT"},
    "tags": {"type": "CHECK_BOX", "options": ["a", "b"]},
    "rep": {"type": "USER_SELECT"},
    "touch": {"type": "SUBTABLE", "fields": {"t_at": {"type": "DATETIME"}, "t_kind": {"type": "SINGLE_LINE_TEXT"}}},
}


@dataclass(frozen=True, slots=True)
class Step:
    """A request, the status of its answer, and a part of its text."""

    method: str
    target: str
    body: Any = None
    status: int = 200
    text: str = ""
    override: str = ""


def _value(value: Any) -> dict[str, Any]:
    return {"value": value}


_ROW = {"t_at": _value("2026-01-01T00:00:00Z"), "t_kind": _value("web")}
_SEEK = "query=%24id%20%3E%20{}%20order%20by%20%24id%20asc%20limit%20500"

JS = [
    Step("GET", "/k/v1/app/form/fields.json?app=1", text='"unique":true'),
    Step("GET", "/k/v1/preview/app/form/fields.json?app=1&lang=ja"),
    Step("GET", "/k/v1/app/form/layout.json?app=1", text='"layout":['),
    Step("GET", "/k/v1/app/status.json?app=1&lang=default", text='"enable":true'),
    Step("GET", "/k/v1/apps.json?ids%5B0%5D=1&ids%5B1%5D=2&limit=100&offset=0", status=403, text="GAIA_NO01"),
    Step(
        "POST",
        "/k/v1/record.json",
        {
            "app": 1,
            "record": {
                "email": _value("a@ex.com"),
                "score": _value(10),
                "tags": _value(["a", "b"]),
                "rep": _value([{"code": "sato"}]),
                "touch": _value([{"value": _ROW}]),
            },
        },
        text='{"id":"1","revision":"1"}',
    ),
    Step(
        "POST",
        "/k/v1/records.json",
        {"app": 1, "records": [{"email": _value("b@ex.com")}, {"email": _value('c"q\\@ex.com')}]},
        text='{"ids":["2","3"],"revisions":["1","1"]}',
    ),
    Step("GET", "/k/v1/record.json?app=1&id=2", text='"$revision":{"type":"__REVISION__","value":"1"}'),
    Step(
        "GET",
        "/k/v1/records.json?app=1&fields%5B0%5D=%24id&fields%5B1%5D=email&fields%5B2%5D=score&query=email%20%3D%20%22a%40ex.com"
        "%22%20and%20score%20%3E%205%20order%20by%20%24id%20desc%20limit%2010%20offset%200&totalCount=true",
        text='"totalCount":"1"',
    ),
    Step(
        "POST",
        "/k/v1/records.json",
        {"app": 1, "fields": ["email"], "query": 'email in ("a@ex.com","user1@example.com")'},
        text='[{"email":{"type":"SINGLE_LINE_TEXT","value":"a@ex.com"}}]',
        override="GET",
    ),
    Step(
        "PUT",
        "/k/v1/record.json",
        {"app": 1, "id": 2, "revision": 1, "record": {"score": _value(20)}},
        text='{"revision":"2"}',
    ),
    Step(
        "PUT",
        "/k/v1/record.json",
        {"app": 1, "id": 2, "revision": 1, "record": {"score": _value(21)}},
        409,
        "GAIA_CO02",
    ),
    Step(
        "PUT",
        "/k/v1/record.json",
        {"app": 1, "updateKey": {"field": "email", "value": "b@ex.com"}, "record": {"score": _value("5")}},
        text='{"revision":"3"}',
    ),
    Step(
        "PUT",
        "/k/v1/records.json",
        {
            "app": 1,
            "upsert": True,
            "records": [
                {"updateKey": {"field": "email", "value": "b@ex.com"}, "record": {"score": _value("6")}},
                {"updateKey": {"field": "email", "value": "new@ex.com"}, "record": {"score": _value("1")}},
            ],
        },
        text='"operation":"INSERT"',
    ),
    Step("PUT", "/k/v1/records.json", {"app": 1, "records": [{"id": 2, "revision": -1, "record": {}}]}),
    Step(
        "GET", "/k/v1/records.json?app=1&query=email%20%3D%20%22z%40ex.com%22", text='{"records":[],"totalCount":null}'
    ),
    Step(
        "POST",
        "/k/v1/record/comment.json",
        {
            "app": 1,
            "record": 2,
            "comment": {
                "text": "ホットリードです",
                "mentions": [{"code": "sato", "type": "USER"}, {"code": "営業部", "type": "ORGANIZATION"}],
            },
        },
        text='{"id":"1"}',
    ),
    Step("GET", "/k/v1/record/comments.json?app=1&record=2&order=asc&offset=0&limit=10", text='"older":false'),
    Step("DELETE", "/k/v1/record/comment.json?app=1&record=2&comment=1", text="{}"),
    Step("PUT", "/k/v1/record/assignees.json", {"app": 1, "id": 2, "assignees": ["Administrator"], "revision": 5}),
    Step(
        "PUT",
        "/k/v1/record/status.json",
        {"app": 1, "id": 2, "action": "処理開始", "assignee": "Administrator"},
        text='{"revision":"8"}',
    ),
    Step("PUT", "/k/v1/records/status.json", {"app": 1, "records": [{"id": 3, "action": "処理開始"}]}),
    Step(
        "POST",
        "/k/v1/bulkRequest.json",
        {
            "requests": [
                {
                    "method": "POST",
                    "api": "/k/v1/record.json",
                    "payload": {"app": 1, "record": {"email": _value("bulk@ex.com")}},
                },
                {
                    "api": "/k/v1/records.json",
                    "method": "PUT",
                    "payload": {
                        "app": 2,
                        "upsert": True,
                        "records": [{"updateKey": {"field": "email", "value": "q@ex.com"}, "record": {}}],
                    },
                },
                {
                    "api": "/k/v1/records.json",
                    "method": "DELETE",
                    "payload": {"app": 1, "ids": [3], "revisions": [-1]},
                },
            ]
        },
        text=',{"records":[{"id":"1","revision":"1","operation":"INSERT"}]},{}]}',
    ),
    Step(
        "POST",
        "/k/v1/bulkRequest.json",
        {
            "requests": [
                {"api": "/k/v1/record.json", "method": "POST", "payload": {"app": 1, "record": {}}},
                {"api": "/k/v1/record.json", "method": "PUT", "payload": {"app": 1, "id": 99999, "record": {}}},
            ]
        },
        404,
        '{"results":[{},{"code":"GAIA_RE01"',
    ),
    Step(
        "DELETE",
        "/k/v1/records.json?app=1&ids%5B0%5D=2&ids%5B1%5D=4&revisions%5B0%5D=-1&revisions%5B1%5D=-1",
        text="{}",
    ),
    Step(
        "GET",
        "/k/v1/records.json?app=1&fields%5B0%5D=email&fields%5B1%5D=%24id&query=%28score%20%3E%201%29%20and%20%24id%20%3E%200"
        "%20order%20by%20%24id%20asc%20limit%20500",
        text='"a@ex.com"',
    ),
    Step(
        "POST",
        "/k/v1/records/cursor.json",
        {"app": 1, "fields": ["email"], "query": "score > 1 order by score desc", "size": 500},
        text='"totalCount":"1"',
    ),
    Step("GET", "/k/v1/records.json?app=1&query=order%20by%20score%20desc%20limit%20500%20offset%20500"),
]

CLI = [
    Step("GET", "/k/v1/app.json?id=1", text='"appId":"1"'),
    Step(
        "POST",
        "/k/v1/bulkRequest.json",
        {
            "requests": [
                {
                    "api": "/k/v1/records.json",
                    "method": "POST",
                    "payload": {
                        "app": "1",
                        "records": [
                            {"email": _value("a@ex.com"), "score": _value("10"), "memo": _value("m1")},
                            {"email": _value("b@ex.com"), "score": _value(""), "memo": _value('m "q"')},
                        ],
                    },
                }
            ]
        },
        text='{"results":[{"ids":["1","2"],"revisions":["1","1"]}]}',
    ),
    Step(
        "POST",
        "/k/v1/bulkRequest.json",
        {
            "requests": [
                {
                    "api": "/k/v1/records.json",
                    "method": "PUT",
                    "payload": {
                        "app": "1",
                        "upsert": True,
                        "records": [
                            {
                                "updateKey": {"field": "email", "value": "s1@ex.com"},
                                "record": {"score": _value("1"), "touch": _value([{"id": "", "value": _ROW}])},
                            }
                        ],
                    },
                }
            ]
        },
        text='"operation":"INSERT"',
    ),
    Step("GET", f"/k/v1/records.json?app=1&{_SEEK.format(0)}", text='"s1@ex.com"'),
    Step("POST", "/k/v1/records/cursor.json", {"app": "1", "query": 'email = "a@ex.com" order by score desc'}),
    Step("GET", f"/k/v1/records.json?app=1&fields%5B0%5D=%24id&{_SEEK.format(3)}", text='"records":[]'),
    Step(
        "POST",
        "/k/v1/bulkRequest.json",
        {
            "requests": [
                {
                    "api": "/k/v1/records.json",
                    "method": "DELETE",
                    "payload": {"app": "1", "ids": [1, 2], "revisions": [None, None]},
                }
            ]
        },
        text='{"results":[{}]}',
    ),
]

PYTHON = [
    Step("POST", "/k/v1/record.json", {"app": 1, "record": {"email": _value("a@x"), "score": _value(5)}}),
    Step(
        "GET",
        "/k/v1/records.json?app=1&fields%5B0%5D=%24id&fields%5B1%5D=email&query=email+%3D+%22a%40x%22&totalCount=true",
        text='"totalCount":"1"',
    ),
    Step(
        "PUT",
        "/k/v1/record.json",
        {
            "app": 1,
            "id": None,
            "updateKey": {"field": "email", "value": "a@x"},
            "record": {"score": _value(7)},
            "revision": 1,
        },
        text='{"revision":"2"}',
    ),
    Step("POST", "/k/v1/records/cursor.json", {"app": 1, "fields": None, "query": "order by score desc", "size": 500}),
    Step("PUT", "/k/v1/record.json", {"app": 1, "id": 1, "revision": -1, "record": {"score": _value(8)}}),
    Step("POST", "/k/v1/records.json", {"app": 1, "query": "score = 8"}, text='"a@x"', override="GET"),
    Step("GET", "/k/v1/records.json", {"app": 1, "query": "score = 8"}, text='"a@x"'),
    Step("DELETE", "/k/v1/records.json", {"app": 1, "ids": [1], "revisions": [-1]}, text="{}"),
]


@pytest.mark.parametrize("steps", [JS, CLI, PYTHON], ids=["rest-api-client", "cli", "python"])
def test_recorded_requests(steps: list[Step]) -> None:
    kintone = KintoneEmulator()
    kintone.add_user("sato", "佐藤")
    kintone.add_organization("営業部", "営業部")
    kintone.create_app("リード", FIELDS)
    kintone.create_app("ほか", FIELDS)
    kintone.set_process("1", {"未処理": {}, "処理中": {}}, [{"name": "処理開始", "from": "未処理", "to": "処理中"}])
    caller = Caller(kintone)
    caller.token(*(kintone.add_token(app, "view", "add", "edit", "delete", "manage") for app in ("1", "2")))
    for step in steps:
        headers = [("Accept", "application/json, text/plain, */*")]
        if step.override:
            headers.append(("X-HTTP-Method-Override", step.override))
        body = {} if step.body is None else {"data": json.dumps(step.body), "content_type": "application/json"}
        path, _, query = step.target.partition("?")
        answer = caller.send(step.method, path, *headers, query_string=query, **body)
        where = f"{step.method} {step.target}: {answer.text}"
        assert answer.status == step.status, where
        assert step.text in answer.text, where
        assert answer.headers["Content-Type"] == "application/json;charset=utf-8"
        assert {"X-ConcurrencyLimit-Limit", "X-ConcurrencyLimit-Running"} <= set(answer.headers.keys())
