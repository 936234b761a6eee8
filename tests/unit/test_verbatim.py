"""What a system says of an error is found where such words usually stand, and nothing else is taken for it."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from connector.errors import MOST_SAID
from connector.verbatim import verbatim, words_of


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": "だめ"}, "だめ"),
        ({"error": "locked by a colleague"}, "locked by a colleague"),
        ({"code": 400, "messages": ["だめ", "やはりだめ"]}, "だめ\nやはりだめ"),
        ({"status": 422, "error": "Unprocessable", "message": "memo is too long"}, "memo is too long\nUnprocessable"),
        ({"error": {"code": 7, "message": "だめ"}}, "だめ"),
        ({"error": "invalid_grant", "error_description": "expired"}, "invalid_grant\nexpired"),
        ({"type": "about:blank", "title": "Not so", "detail": "memo is too long"}, "Not so\nmemo is too long"),
        ([{"message": "だめ", "errorCode": "X", "fields": ["A__c"]}], "だめ"),
        ({"errors": ["one", "two", "one"]}, "one\ntwo"),
        ({"errors": [{"status": "422", "detail": "one"}, {"detail": "two"}]}, "one\ntwo"),
        ({"message": "だめ", "errors": {"title": ["blank"], "mail": ["taken"]}}, "だめ\ntitle: blank\nmail: taken"),
        ({"errors": {"mail": {"messages": ["taken", "long"]}}}, "mail: taken\nmail: long"),
        ({"detail": [{"loc": ["body", "memo"], "msg": "long"}]}, "loc: body\nloc: memo\nmsg: long"),
        ("だめ", "だめ"),
        ({"message": ""}, ""),
        ({"message": None, "errors": None}, ""),
        ({"id": 7, "name": "佐藤", "items": [{"message": "a record, no error"}]}, ""),
        ([{"name": "佐藤"}, {"message": "だめ"}], "だめ"),
        ([], ""),
        (None, ""),
        (5, ""),
    ],
)
def test_the_words_of_an_error(body: Any, words: str) -> None:
    assert verbatim(body) == words


def test_no_more_is_kept_than_a_person_reads() -> None:
    assert len(verbatim({"message": "長" * 5000})) == MOST_SAID
    assert len(verbatim({"errors": [f"{number}" for number in range(100_000)]})) <= MOST_SAID
    deep: Any = "だめ"
    for _ in range(500):
        deep = {"error": deep}
    assert verbatim(deep) == ""


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("application/json", '{"message": "だめ"}'.encode(), "だめ"),
        ("application/json", b'{"message": ', ""),
        ("application/json", b"[" * 100_000, ""),
        ("text/plain", " だめ\n".encode(), "だめ"),
        ("text/plain; charset=Shift_JIS", "だめ".encode("cp932"), "だめ"),
        ("text/plain", b"\xff", "\ufffd"),
        ("text/plain", "長".encode() * 5000, "長" * MOST_SAID),
        ("text/html", "<h1>だめ</h1>".encode(), ""),
        ("application/octet-stream", b"\x00\xff", ""),
        ("", b"", ""),
    ],
)
def test_the_words_of_an_answer(kind: str, content: bytes, words: str) -> None:
    response = requests.Response()
    response._content, response.headers["Content-Type"] = content, kind
    response.encoding = requests.utils.get_encoding_from_headers(response.headers)
    assert words_of(response) == words
