"""What is really sent, against the vendor's own description of it and beside what real clients send.

The description leaves field values unchecked (any object fits one of its alternatives), so each value is checked as
that of its field's type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from connector.adapters.kintone.options import AlertOptions
from tests.unit.adapters.kintone_kit import (
    ALERTS,
    DEALS,
    PEOPLE,
    TOUCHPOINTS,
    Stage,
    alert,
    create,
    drain,
    entry,
    push,
    set_fields,
    stage,
)

SPEC: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "kintone_openapi.yaml").read_text(encoding="utf-8"))
FORMS = {1: PEOPLE, 2: DEALS, 3: ALERTS, 4: TOUCHPOINTS}
FAMILY = {("post", "/k/v1/records.json"): "RecordsPost", ("put", "/k/v1/records.json"): "RecordsPut",
          ("put", "/k/v1/record.json"): "RecordPut"}  # fmt: skip
KINDS = {
    "SINGLE_LINE_TEXT": "SingleLineText", "MULTI_LINE_TEXT": "MultipleLineText", "LINK": "Link", "NUMBER": "Decimal",
    "DATE": "Date", "DATETIME": "Datetime", "DROP_DOWN": "SingleSelect", "RADIO_BUTTON": "SingleSelect",
    "CHECK_BOX": "MultipleSelect", "USER_SELECT": "UserSelect",
}  # fmt: skip


@pytest.fixture(scope="module")
def ready() -> Iterator[Stage]:
    """A domain in which everything was read and written once."""
    with stage() as made:
        person, deal = made.add("people", 姓="佐藤"), made.add("deals", 案件名="更新", 先方="a@example.com")
        everything = set_fields(
            person, ma_score=4.5, ma_band="hot", ma_why="x", ma_last_at=datetime(2026, 4, 1, tzinfo=UTC),
            接点="a\nb", 配信="配信停止", 担当者="sato",
        )  # fmt: skip
        adapter = made.adapter()
        for stream in adapter.streams:
            drain(adapter, stream, drain(adapter, stream)[-1].cursor)
        push(
            adapter, everything, set_fields(person, ma_score=None, ma_band=None, ma_last_at=None, 接点=None, 配信=None)
        )
        push(adapter, create("P1", 姓="高橋"))
        push(adapter, *(create(f"Q{number}", 姓="高橋") for number in range(101)))
        push(adapter, *(entry(f"u{number}", person) for number in range(101)))
        push(adapter, alert("k1", person=person, deal=deal))
        push(adapter, entry("t1", person))
        by_comment = AlertOptions.model_validate({"via": ["comment"], "claim": "ma_last_alert"})
        push(made.adapter(alert=by_comment), alert("k2", deal=deal))
        yield made


def problems(schema: Mapping[str, Any], instance: Any) -> list[str]:
    whole = {**schema, "components": SPEC["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(instance)]


def test_every_kind_of_write_was_seen(ready: Stage) -> None:
    seen = {(method.lower(), path) for method, path, _ in ready.bodies}
    assert seen == {(method, path) for path, methods in SPEC["paths"].items() for method in methods}


def test_bodies_are_as_the_vendor_describes_them(ready: Stage) -> None:
    for method, path, body in ready.bodies:
        content = SPEC["paths"][path][method.lower()]["requestBody"]["content"]["application/json"]
        assert problems(content["schema"], body) == [], (method, path)


def test_values_are_as_the_vendor_describes_them_for_their_type(ready: Stage) -> None:
    checked = set()
    for method, path, body in single(ready):
        for record in records(body):
            for code, cell in record.items():
                kind = FORMS[body["app"]][code]["type"]
                family = FAMILY[method.lower(), path]
                checked.add(kind)
                if kind == "SUBTABLE":
                    assert problems({"$ref": f"#/components/schemas/{family}SimpleTableValue"}, cell) == []
                    cells = [inner for row in cell["value"] for inner in row["value"].values()]
                    kind = "SINGLE_LINE_TEXT"
                else:
                    cells = [cell]
                schema = {"$ref": f"#/components/schemas/{family}{KINDS[kind]}SimpleValue"}
                assert [problems(schema, each) for each in cells] == [[]] * len(cells), code
    assert checked == KINDS.keys() - {"RADIO_BUTTON"} | {"SUBTABLE"}


def test_a_bulk_request_holds_what_would_go_by_itself(ready: Stage) -> None:
    """The alternatives of a payload fit too much: a part is also checked as the request that it stands for."""
    parts = [part for _, _, body in ready.bodies for part in body.get("requests", ())]
    assert [part["method"] for part in parts] == ["PUT", "PUT", "POST", "POST"]
    for part in parts:
        content = SPEC["paths"][part["api"]][part["method"].lower()]["requestBody"]["content"]["application/json"]
        assert problems(content["schema"], part["payload"]) == []


def single(ready: Stage) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Method, path and body of all requests, those in bulk requests among them."""
    for method, path, body in ready.bodies:
        if "requests" in body:
            yield from ((part["method"], part["api"], part["payload"]) for part in body["requests"])
        else:
            yield method, path, body


def records(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "comment" in body:
        return
    for each in body.get("records", [body]):
        yield each.get("record", each)


def test_the_description_would_find_what_is_wrong() -> None:
    form = {"$ref": "#/components/schemas/RecordsPutRecordForm"}
    assert problems(form, {"updateKey": {"field": "ma_key", "value": "x" * 65}, "record": {}})
    assert problems(form, {"id": "1", "record": {}})
    assert problems({"$ref": "#/components/schemas/RecordsPutUserSelectSimpleValue"}, {"value": "sato"})


def test_requests_look_like_those_of_real_clients(ready: Stage) -> None:
    """Headers and parameters as @kintone/rest-api-client, cli-kintone and pyntone send them."""
    for headers in ready.headers:
        assert headers["x-cybozu-api-token"] in ready.tokens.values()
        assert ("content-type" in headers) == ("content-length" in headers)
        assert headers.get("content-type", "application/json") == "application/json"
    (form, first, *_) = ready.requests(method="GET")
    assert form == "/k/v1/app/form/fields.json?app=1"
    assert first.startswith("/k/v1/records.json?app=1&fields%5B0%5D=%24id&fields%5B1%5D=")
    assert first.endswith(
        "&query=order%20by%20%E6%9B%B4%E6%96%B0%E6%97%A5%E6%99%82%20asc%2C%20%24id%20asc%20limit%20500"
    )
