"""The real @kintone/rest-api-client, in node, against the emulated kintone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connector.sandbox.kintone import KintoneEmulator
from connector.sandbox.server import Server
from tests import node

FIELDS: dict[str, dict[str, Any]] = {
    "email": {"type": "SINGLE_LINE_TEXT", "unique": True},
    "score": {"type": "NUMBER", "unit": "pt"},
    "rank": {"type": "DROP_DOWN", "options": ["A", "B"]},
    "tags": {"type": "CHECK_BOX", "options": ["x", "y"]},
    "rep": {"type": "USER_SELECT"},
    "touch": {"type": "SUBTABLE", "fields": {"t_at": {"type": "DATETIME"}, "t_kind": {"type": "SINGLE_LINE_TEXT"}}},
}


@pytest.fixture(scope="module")
def _client() -> None:
    node.need("@kintone/rest-api-client")


@pytest.fixture
def kintone() -> KintoneEmulator:
    kintone = KintoneEmulator()
    kintone.add_user("sato", "佐藤 昇", "pä:ss")
    kintone.add_organization("sales", "営業部")
    kintone.create_app("リード", FIELDS)
    kintone.set_process(
        "1",
        {
            "未処理": {},
            "処理中": {"assignee": {"type": "ONE", "entities": [{"entity": {"type": "USER", "code": "sato"}}]}},
        },
        [{"name": "開始", "from": "未処理", "to": "処理中"}],
    )
    return kintone


@pytest.fixture
def server(kintone: KintoneEmulator, _client: None) -> Iterator[Server]:
    with Server(kintone.handle, chaos=kintone.chaos) as server:
        yield server


def drive(kintone: KintoneEmulator, server: Server, scenario: str) -> dict[str, Any]:
    guest = kintone.create_app("ゲスト", {}, guest_space=7)
    sandbox = {
        # Without encryption this client talks to nobody but `localhost`.
        "url": server.url.replace("127.0.0.1", "localhost"),
        "app": "1",
        "token": kintone.add_token("1", "view", "add", "edit", "delete"),
        "login": {"code": "sato", "password": "pä:ss"},
        "guest": {"space": 7, "app": guest, "token": kintone.add_token(guest, "view")},
    }
    return node.drive("kintone.mjs", scenario, sandbox)


def test_it_reads_and_writes_records(kintone: KintoneEmulator, server: Server) -> None:
    found = drive(kintone, server, "records")
    assert found["added"] == {"id": "1", "revision": "1"}
    record = found["one"]["record"]
    assert record["score"] == {"type": "NUMBER", "value": "10"}
    assert record["tags"]["value"] == ["x", "y"]
    assert record["rep"]["value"] == [{"code": "sato", "name": "佐藤 昇"}]
    [row] = record["touch"]["value"]
    assert row["value"]["t_at"]["value"] == "2026-01-01T00:00:00Z"
    assert [each["$id"]["value"] for each in found["quoted"]["records"]] == ["2"]
    assert found["some"]["totalCount"] == "1"
    assert list(found["some"]["records"][0]) == ["$id", "email"]
    assert len(found["long"]["records"]) == 1
    assert found["revision"] == "2"
    assert (found["stale"]["code"], found["stale"]["status"]) == ("GAIA_CO02", 409)
    assert [each["operation"] for each in found["upserts"]["records"]] == ["UPDATE", "INSERT"]
    assert [each["revision"] for each in found["both"]] == ["2", "1"]
    assert set(found["wrong"]["errors"]) == {"record[score].value", "record.rank.value"}
    assert (found["missing"]["code"], found["missing"]["status"]) == ("GAIA_RE01", 404)
    assert [each["email"]["value"] for each in found["left"]["records"]] == ["", "new@example.com", "z@example.com"]


def test_it_moves_thousands(kintone: KintoneEmulator, server: Server) -> None:
    found = drive(kintone, server, "many")
    assert (found["added"], found["first"]) == (2300, {"id": "1", "revision": "1"})
    assert found["byId"] == 2298
    assert found["byCursor"] == [2300, "2299", "0"]
    assert found["byOffset"] == [2300, "1"]
    assert (found["updated"], found["last"]) == (2100, {"id": "2400", "operation": "INSERT", "revision": "1"})
    # The first 2,000 stay, and of the second bulk request nothing does.
    assert found["failed"]["name"] == "KintoneAllRecordsError"
    assert (found["failed"]["errorIndex"], found["failed"]["processed"]) == (2537, 2000)
    assert list(found["failed"]["errors"]) == ["records[37][score].value"]
    assert found["failed"]["bulkRequestIndex"] == 5
    assert found["rest"] == 4400
    assert found["totalCount"] == "0"


def test_it_uses_cursors(kintone: KintoneEmulator, server: Server) -> None:
    found = drive(kintone, server, "cursor")
    assert found["totalCount"] == "3"
    assert [(len(page["records"]), page["next"]) for page in found["pages"]] == [(2, True), (1, False)]
    assert [(found[each]["code"], found[each]["status"]) for each in ("gone", "again")] == [("GAIA_CN01", 404)] * 2
    assert (found["eleventh"]["code"], found["eleventh"]["status"]) == ("GAIA_TM12", 429)
    assert found["limited"]["code"] == "CB_VA01"
    assert kintone.open_cursors == 10


def test_it_sends_bulk_requests(kintone: KintoneEmulator, server: Server) -> None:
    kintone.create("1", {"email": "old@example.com"})
    found = drive(kintone, server, "bulk")
    assert found["done"]["results"] == [
        {"id": "2", "revision": "1"},
        {"records": [{"id": "3", "operation": "INSERT", "revision": "1"}]},
        {},
    ]
    assert [found["failed"][each] for each in ("code", "status", "bulkRequestIndex")] == ["GAIA_RE01", 404, 1]
    assert [each["email"]["value"] for each in found["left"]] == ["b2@example.com", "b1@example.com"]


def test_it_comments_and_moves_states(kintone: KintoneEmulator, server: Server) -> None:
    found = drive(kintone, server, "people")
    first, second = found["comments"]["comments"]
    assert first["text"] == "佐藤 昇 営業部 \nホットリードです "
    assert first["creator"] == {"code": "sato", "name": "佐藤 昇"}
    assert (second["id"], second["text"]) == ("2", "2 ")
    assert [each["id"] for each in found["left"]["comments"]] == ["2"]
    assert found["nobody"]["code"] == "GAIA_IL26"
    assert (found["assigned"]["revision"], found["moved"]["revision"]) == ("2", "4")
    assert found["refused"]["code"] == "GAIA_IL03"
    assert found["after"]["ステータス"] == {"type": "STATUS", "value": "処理中"}
    assert found["after"]["作業者"]["value"] == [{"code": "sato", "name": "佐藤 昇"}]


def test_it_describes_apps_and_knows_its_limits(kintone: KintoneEmulator, server: Server) -> None:
    found = drive(kintone, server, "apps")
    properties = found["fields"]["properties"]
    assert properties["email"]["unique"] is True
    assert properties["rank"]["options"]["B"] == {"label": "B", "index": "1"}
    assert properties["touch"]["fields"]["t_at"]["type"] == "DATETIME"
    assert properties["レコード番号"]["type"] == "RECORD_NUMBER"
    assert found["layout"]["layout"][0] == {
        "type": "ROW", "fields": [{"type": "SINGLE_LINE_TEXT", "code": "email", "size": {"width": "200"}}],
    }  # fmt: skip
    assert found["process"]["actions"][0]["name"] == "開始"
    assert found["one"]["name"] == "リード"
    assert [each["appId"] for each in found["apps"]["apps"]] == ["1"]
    codes = {each: (found[each]["code"], found[each]["status"]) for each in ("byToken", "stranger", "plainly")}
    assert codes == {"byToken": ("GAIA_NO01", 403), "stranger": ("CB_WA01", 401), "plainly": ("GAIA_IL23", 400)}
    assert found["guest"]["records"] == []
    assert (found["elsewhere"]["code"], found["elsewhere"]["status"]) == ("CB_NO02", 403)
