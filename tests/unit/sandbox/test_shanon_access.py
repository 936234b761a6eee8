"""The emulated SMP's door: signature, tokens, and what is refused before anything is read."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest
import requests

from connector.sandbox.server import Server
from connector.sandbox.shanon import ShanonEmulator
from connector.sandbox.shanon.auth import sign
from tests.unit.sandbox.shanon_client import Answer, Caller


@pytest.fixture
def smp() -> ShanonEmulator:
    return ShanonEmulator()


@pytest.fixture
def caller(smp: ShanonEmulator) -> Caller:
    return Caller(smp)


def test_the_published_signature_is_reproduced() -> None:
    signature = "d639fb4bda55afd8101a2708cb1303a9de490c87"
    assert sign("cccc", {"api_key": "aaaa", "password": "bbbb"}) == signature
    assert sign("cccc", {"password": "bbbb", "api_key": "aaaa", "api_sig": "anything"}) == signature


def test_a_login_answers_a_token_as_recorded(smp: ShanonEmulator, caller: Caller) -> None:
    answer = caller.login()
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/xml; charset=UTF-8"
    assert answer.text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<Response xmlns="http://smartseminar.jp/"')
    assert caller.get("visitor").status == 200
    assert (smp.logins, smp.calls) == (1, 1)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"api_key": "other"}, "InvalidApiKey"),
        ({"password": "other"}, "AuthenticationFailed"),
        ({"api_sig": "0" * 40}, "InvalidSignature"),
    ],
)
def test_a_wrong_login_gets_no_token(smp: ShanonEmulator, caller: Caller, changed: dict[str, str], code: str) -> None:
    answer = caller.login(**changed)
    assert (answer.status, answer.name, answer.code) == (401, "Response", code)
    assert smp.logins == 0


def test_a_login_takes_no_more_than_it_needs(caller: Caller) -> None:
    assert caller.login(token="x").code == "InvalidParameter"


def test_the_answer_is_dated_by_the_clock_of_its_world(smp: ShanonEmulator, caller: Caller) -> None:
    smp.clock.advance(timedelta(days=1000))
    assert parsedate_to_datetime(caller.get("visitor").headers["Date"]) >= smp.clock() - timedelta(seconds=5)


def test_a_call_without_signature_key_or_token_is_refused(smp: ShanonEmulator, caller: Caller) -> None:
    caller.login()
    whole = caller.signed({"api_key": smp.api_key, "token": caller.token})
    path = "/services/rest/visitor"
    assert caller.send("GET", path, whole).status == 200
    for name in whole:
        part = {key: value for key, value in whole.items() if key != name}
        assert caller.send("GET", path, part).status == 401, name


def test_the_signature_covers_every_parameter_but_not_the_body(smp: ShanonEmulator, caller: Caller) -> None:
    visitor = smp.add_visitor({"Name1": "山田"})
    caller.login()
    params = caller.signed({"api_key": smp.api_key, "token": caller.token, "ignore_itemcheck": "1"})
    body = f'<VisitorData xmlns="http://smartseminar.jp/"><Id>{visitor}</Id><Name1>佐藤</Name1></VisitorData>'.encode()
    kind = "application/xml"
    assert caller.send("PUT", "/services/rest/visitor", params, data=body, content_type=kind).status == 200
    assert smp.visitor(visitor)["Name1"] == "佐藤"
    longer = params | {"upsert": ""}
    answer = caller.send("PUT", "/services/rest/visitor", longer, data=body, content_type=kind)
    assert answer.code == "InvalidSignature"


def test_a_plus_that_was_not_escaped_breaks_the_signature(smp: ShanonEmulator, caller: Caller) -> None:
    caller.login()
    params = {"api_key": smp.api_key, "token": caller.token, "search_value1": "2018-01-01T00:00:00+09:00"}
    query = "&".join(f"{key}={value}" for key, value in caller.signed(params).items())
    assert caller.send("GET", "/services/rest/visitor", query).code == "InvalidSignature"


def test_a_token_lives_one_hour(smp: ShanonEmulator, caller: Caller) -> None:
    caller.login()
    smp.clock.advance(timedelta(minutes=59, seconds=50))
    assert caller.get("visitor").status == 200
    smp.clock.advance(timedelta(seconds=11))
    answer = caller.get("visitor")
    assert (answer.status, answer.code) == (401, "InvalidToken")
    caller.login()
    assert caller.get("visitor").status == 200


def _all_at_once(smp: ShanonEmulator) -> None:
    smp.expire_tokens()


def _by_fault(smp: ShanonEmulator) -> None:
    smp.chaos.plan("expired")


@pytest.mark.parametrize("kill", [_all_at_once, _by_fault])
def test_a_token_dies_early_and_stays_dead(
    smp: ShanonEmulator, caller: Caller, kill: Callable[[ShanonEmulator], None]
) -> None:
    caller.login()
    kill(smp)
    assert caller.get("visitor").code == "InvalidToken"
    assert caller.get("visitor").code == "InvalidToken"


def test_the_status_of_a_dead_token_can_be_another(smp: ShanonEmulator, caller: Caller) -> None:
    smp.token_status = 200
    caller.login()
    smp.expire_tokens()
    answer = caller.get("visitor")
    assert (answer.status, answer.name, answer.code) == (200, "Response", "InvalidToken")


def test_a_new_login_leaves_the_old_token_alive(smp: ShanonEmulator, caller: Caller) -> None:
    other = Caller(smp)
    caller.login()
    other.login()
    assert caller.get("visitor").status == other.get("visitor").status == 200


@pytest.mark.parametrize("path", ["/", "/services/rest/unknown", "/services/rest/visitor/", "/services/rest/"])
def test_an_unknown_path_is_404(caller: Caller, path: str) -> None:
    caller.login()
    params = caller.signed({"api_key": caller.smp.api_key, "token": caller.token})
    answer = caller.send("GET", path, params)
    assert (answer.status, answer.code) == (404, "NotFound")


@pytest.mark.parametrize(
    ("method", "resource"),
    [("DELETE", "visitor"), ("POST", "visitor/activity"), ("PUT", "staticlist/visitor"), ("POST", "authentication")],
)
def test_a_method_that_a_resource_lacks_is_405(caller: Caller, method: str, resource: str) -> None:
    assert caller.call(method, resource).status == 405


def test_a_parameter_twice_is_refused(caller: Caller) -> None:
    caller.login()
    assert caller.send("GET", "/services/rest/visitor", "limit=1&limit=2").code == "InvalidParameter"


def test_a_query_that_is_not_utf8_is_refused(caller: Caller) -> None:
    assert caller.send("GET", "/services/rest/visitor", "api_key=%FF").code == "InvalidParameter"


def test_quota_says_how_long_to_wait(smp: ShanonEmulator, caller: Caller) -> None:
    smp.chaos.plan("quota", seconds=7)
    answer = caller.get("visitor")
    assert (answer.status, answer.headers["Retry-After"], answer.code) == (429, "7", "TooManyRequests")
    assert caller.get("visitor").status == 200


def test_a_post_may_stand_in_for_a_put(smp: ShanonEmulator, caller: Caller) -> None:
    visitor = smp.add_visitor({"Name1": "山田"})
    body = f'<VisitorData xmlns="http://smartseminar.jp/"><Id>{visitor}</Id><Tel>03</Tel></VisitorData>'.encode()
    answer: Answer = caller.call(
        "POST",
        "visitor",
        {"ignore_itemcheck": "1"},
        data=body,
        content_type="application/xml",
        headers={"X-HTTP-Method-Override": "PUT"},
    )
    assert answer.status == 200
    assert smp.visitor(visitor)["Tel"] == "03"


def test_many_may_call_at_once(smp: ShanonEmulator, caller: Caller) -> None:
    caller.login()

    def register(number: int) -> int:
        return caller.write("POST", "visitor", "VisitorData", f"<Tel>{number}</Tel>", ignore_itemcheck="1").status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(register, range(200))) == {201}
    assert {lead["Id"] for lead in smp.visitors()} == set(range(1, 201))
    assert smp.calls == 200


def test_it_speaks_http(smp: ShanonEmulator) -> None:
    params = {"api_key": smp.api_key, "password": smp.password}
    with Server(smp.handle, chaos=smp.chaos) as server:
        signed = {**params, "api_sig": sign(smp.secret, params)}
        answer = requests.get(f"{server.url}/services/rest/authentication", params=signed, timeout=10)
    assert "<Token>" in answer.text
