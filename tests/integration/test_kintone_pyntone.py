"""The real pyntone against the emulated kintone; it sends null for what is not given, and reads errors as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pyntone import ApiTokenAuth, KintoneRestAPIClient, PasswordAuth  # type: ignore[import-untyped]  # ships no types
from pyntone.http.http_client import KintoneError  # type: ignore[import-untyped]  # as above

from connector.sandbox.kintone import KintoneEmulator
from connector.sandbox.server import Server


@pytest.fixture
def kintone() -> KintoneEmulator:
    kintone = KintoneEmulator()
    kintone.add_user("sato", "佐藤 昇", "pass")
    kintone.create_app("リード", {"email": {"type": "SINGLE_LINE_TEXT", "unique": True}, "score": {"type": "NUMBER"}})
    kintone.create_app("ほか", {})
    return kintone


@pytest.fixture
def client(kintone: KintoneEmulator) -> Iterator[Any]:
    tokens = [kintone.add_token("1", "view", "add", "edit", "delete"), kintone.add_token("2", "view")]
    with Server(kintone.handle, chaos=kintone.chaos) as server:
        yield KintoneRestAPIClient(server.url, ApiTokenAuth(tokens))


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(KintoneError) as caught:
        call()
    return caught.value.status_code, caught.value.json["code"]


def test_records(kintone: KintoneEmulator, client: Any) -> None:
    assert client.record.add_record(1, {"email": {"value": "a@x"}, "score": {"value": 5}}) == {
        "id": "1",
        "revision": "1",
    }
    assert client.record.get_record(1, 1)["record"]["score"] == {"type": "NUMBER", "value": "5"}
    found = client.record.get_records(1, fields=["$id", "email"], query='email = "a@x"', total_count=True)
    assert found == {
        "records": [{"$id": {"type": "__ID__", "value": "1"}, "email": {"type": "SINGLE_LINE_TEXT", "value": "a@x"}}],
        "totalCount": "1",
    }
    key = {"field": "email", "value": "a@x"}
    changed = client.record.update_record(1, record_id=None, update_key=key, record={"score": {"value": 7}}, revision=1)
    assert changed == {"revision": "2"}
    client.record.update_records(1, [{"id": 1, "record": {"score": {"value": 9}}}])
    assert kintone.get("1", 1)["score"] == "9"
    stale = refusal(lambda: client.record.update_record(1, record_id=1, record={}, revision=1))
    assert stale == (409, "GAIA_CO02")
    client.record.delete_records(1, [1], [-1])
    assert refusal(lambda: client.record.get_record(1, 1)) == (404, "GAIA_RE01")


def test_thousands(kintone: KintoneEmulator, client: Any) -> None:
    added = client.record.add_all_records(1, [{"email": {"value": f"p{number}@x"}} for number in range(2300)])
    assert len(added["records"]) == 2300
    assert len(client.record.get_all_records(1)) == 2300
    assert len(client.record.get_all_records(1, order_by="score desc")) == 2300
    assert kintone.open_cursors == 0


def test_comments_and_bulk_requests(kintone: KintoneEmulator, client: Any) -> None:
    post = {"app": 1, "record": {"email": {"value": "q@x"}}}
    done = client.bulkRequest.send([{"method": "POST", "api": "/k/v1/record.json", "payload": post}])
    assert done == {"results": [{"id": "1", "revision": "1"}]}
    comment = {"text": "hi", "mentions": [{"code": "sato", "type": "USER"}]}
    assert client.record.add_record_comment(1, 1, comment) == {"id": "1"}
    [found] = client.record.get_record_comments(1, 1, order="asc", offset=0, limit=10)["comments"]
    assert (found["text"], found["creator"]["code"]) == ("佐藤 昇 \nhi ", "Administrator")
    assert set(client.app.get_form_fields(1)["properties"]) >= {"email", "score", "更新日時"}


def test_passwords(kintone: KintoneEmulator, client: Any) -> None:
    with Server(kintone.handle) as server:
        wrong = KintoneRestAPIClient(server.url, PasswordAuth("sato", "no"))
        assert refusal(lambda: wrong.record.get_records(1)) == (401, "CB_WA01")
        right = KintoneRestAPIClient(server.url, PasswordAuth("sato", "pass"))
        right.record.add_record(1, {})
        assert kintone.get("1", 1)["作成者"] == "sato"
        guest = KintoneRestAPIClient(server.url, PasswordAuth("sato", "pass"), guest_space_id=3)
        assert refusal(lambda: guest.record.get_records(1)) == (403, "CB_NO02")
