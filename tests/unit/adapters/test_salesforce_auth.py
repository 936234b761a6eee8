"""Signing in, staying signed in, and to whom a token may lead."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from connector.adapters.salesforce import Config, Salesforce
from connector.errors import AdapterError, Exhausted, Throttled, Unauthorized, Unavailable, Uncertain
from connector.http import Budget
from connector.ports import Needs, Quota
from connector.sandbox.server import Server
from connector.spec import Mark, Secret, parse
from connector.store.lease import Fenced
from tests.unit.adapters.salesforce_kit import NEEDS, SYSTEM, Stage, contact_ref, create, drain, push, set_fields, stage


@pytest.fixture
def ready() -> Iterator[Stage]:
    with stage() as made:
        yield made


def test_nothing_is_asked_before_something_is_to_be_done(ready: Stage) -> None:
    ready.adapter().close()
    assert ready.server.exchanges == []


@pytest.mark.parametrize(
    "grant",
    [
        {},
        {"refresh_token": Secret(env="SF_REFRESH_TOKEN")},
        {"refresh_token": Secret(env="SF_REFRESH_TOKEN"), "client_secret": None},
        {"username": Secret(env="SF_USERNAME"), "password": Secret(env="SF_PASSWORD")},
        {"username": Secret(env="SF_USERNAME"), "private_key": Secret(env="SF_KEY"), "client_secret": None},
    ],
    ids=["client credentials", "refresh token", "refresh token of a public app", "password", "JWT"],
)
def test_each_way_in(ready: Stage, grant: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SF_PASSWORD", ready.org.password + ready.org.security_token)
    if "private_key" in grant:
        ready.org.clock.advance(datetime.now(UTC) - ready.org.clock())
        monkeypatch.setenv("SF_KEY", ready.org.credentials.private_key)
    adapter = ready.adapter(**grant)
    assert drain(adapter, "User")
    assert ready.org.logins == 1


@pytest.mark.parametrize("wrong", ["SF_CLIENT_ID", "SF_CLIENT_SECRET"])
def test_wrong_credentials_are_unauthorized(ready: Stage, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(wrong, "canary-secret")
    with pytest.raises(Unauthorized, match="sign-in was refused") as caught:
        drain(ready.adapter(), "User")
    assert caught.value.code in ("invalid_client_id", "invalid_client")
    assert "canary-secret" not in caught.value.in_("ja") + caught.value.in_("en")


def test_a_missing_secret_is_told_by_its_name(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SF_CLIENT_SECRET")
    with pytest.raises(Unauthorized, match="SF_CLIENT_SECRET"):
        drain(ready.adapter(), "User")


def test_a_key_that_is_none(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SF_KEY", "-----BEGIN NONSENSE-----")
    adapter = ready.adapter(username=Secret(env="SF_USERNAME"), private_key=Secret(env="SF_KEY"))
    with pytest.raises(Unauthorized, match="RSA"):
        drain(adapter, "User")


# --- expiry -----------------------------------------------------------------------------------------------------------


def test_a_token_that_expires_while_reading_is_renewed_once(ready: Stage) -> None:
    ready.org.page_size = 2
    names = {ready.contact(f"人{n}") for n in range(7)}
    adapter = ready.adapter()
    pages = adapter.pull("Contact", None)
    first = next(pages)
    ready.org.expire_tokens()
    rest = list(pages)
    assert {r.ref.id for page in [first, *rest] for r in page.records} == names  # type: ignore[union-attr]  # people
    assert ready.org.logins == 2


def test_a_token_that_expires_while_writing_is_renewed_and_the_headers_stay(ready: Stage) -> None:
    other = ready.org.add_user("割当")
    ready.org.assignment_rule(other)
    adapter = ready.adapter()
    push(adapter, create("U1"))
    ready.org.chaos.plan("expired", method="PATCH")
    (receipt,) = push(adapter, create("U2"))
    assert receipt.status == "done"
    assert ready.org.get("Lead", str(receipt.remote_id))["OwnerId"] == ready.org.user_id
    assert ready.org.logins == 2
    assert len(ready.org.records("Lead")) == 2


def test_a_write_that_met_an_expired_token_is_sent_again_only_by_who_may_write_still(ready: Stage) -> None:
    def until_the_sign_in() -> None:
        if ready.org.logins > 1:
            raise Fenced

    adapter = ready.adapter()
    push(adapter, create("U1"))
    ready.org.chaos.plan("expired", method="PATCH")
    with adapter._org.http.writing_while(until_the_sign_in), pytest.raises(Fenced):
        push(adapter, create("U2"))
    assert len(ready.org.records("Lead")) == 1


def test_a_token_that_is_never_good_costs_one_more_sign_in(ready: Stage) -> None:
    ready.org.chaos.plan("expired", times=10_000)
    with pytest.raises(Unauthorized) as caught:
        drain(ready.adapter(), "Contact")
    assert caught.value.code == "INVALID_SESSION_ID"
    assert ready.org.logins == 2


def test_threads_that_find_the_token_expired_sign_in_once(ready: Stage) -> None:
    refs = [contact_ref(ready.contact(f"人{n}")) for n in range(6)]
    adapter = ready.adapter()
    drain(adapter, "User")
    adapter._org.describe("Contact")
    ready.org.expire_tokens()
    ready.server.chaos.plan("delay", path="composite", times=6, seconds=0.2)
    done: list[str] = []
    threads = [
        threading.Thread(
            target=lambda ref=ref: done.extend(r.status for r in push(adapter, set_fields(ref, MA_Band__c="hot")))
        )
        for ref in refs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == ["done"] * 6
    assert ready.org.logins == 2


# --- where a token leads ----------------------------------------------------------------------------------------------


def token_server(instance: str, seen: list[str]) -> Server:
    def answer(request: Request) -> Response:
        seen.append(request.path)
        return Response(json.dumps({"access_token": "t", "instance_url": instance}), mimetype="application/json")

    return Server(answer)


@pytest.mark.parametrize(
    "instance",
    [
        "https://evil.example",
        "https://salesforce.com.evil.example",
        "https://evilsalesforce.com",
        "http://example.my.salesforce.com",
        "https://user:pass@example.my.salesforce.com",
        "https://10.0.0.1",
        "javascript:alert(1)",
        "",
    ],
)
def test_a_token_that_leads_elsewhere_is_not_followed(instance: str, ready: Stage) -> None:
    seen: list[str] = []
    with token_server(instance, seen) as server:
        adapter = ready.adapter(base_url=server.url)
        with pytest.raises(Unavailable, match="not Salesforce"):
            drain(adapter, "User")
        assert seen == ["/services/oauth2/token"]


@pytest.mark.parametrize("instance", ["https://acme.my.salesforce.com", "https://acme.sandbox.my.salesforce.com"])
def test_a_token_may_lead_to_salesforce(instance: str, ready: Stage) -> None:
    with token_server(instance, []) as server:
        adapter = ready.adapter(base_url=server.url)
        adapter._org._signed_in()
        assert (instance.removeprefix("https://"), 443) in adapter._org.http._hosts


def test_a_real_org_never_leads_to_this_machine(ready: Stage) -> None:
    adapter = ready.adapter(base_url=None, domain="example.my")
    with pytest.raises(Unavailable, match="not Salesforce"):
        adapter._org._admit(ready.server.url)


def test_an_org_that_moved_is_followed_after_signing_in_again(ready: Stage) -> None:
    adapter = ready.adapter()
    drain(adapter, "User")
    with Server(ready.org.handle) as moved:
        ready.org.expire_tokens()
        token = adapter._org._tokens.renew(adapter._org._tokens.current().access)
        adapter._org._tokens._token = type(token)(token.access, moved.url)
        assert drain(adapter, "User")
        assert moved.exchanges


# --- answers of the sign-in -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "html"}, Unavailable),
        ({"kind": "redirect", "location": "https://evil.example"}, Unavailable),
        ({"kind": "status", "status": 404}, Unavailable),
        ({"kind": "status", "status": 500}, Unavailable),
        ({"kind": "status", "status": 200, "body": "{}"}, Unavailable),
        ({"kind": "status", "status": 200, "body": "[]"}, Unavailable),
        ({"kind": "status", "status": 400, "body": '{"error": "rate_limit_exceeded"}'}, Throttled),
        ({"kind": "status", "status": 400, "body": '{"error": "inactive_org"}'}, Unauthorized),
        ({"kind": "reset_after"}, Unavailable),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_a_sign_in_that_goes_wrong(ready: Stage, fault: dict[str, Any], error: type[AdapterError]) -> None:
    ready.server.chaos.plan(fault.pop("kind"), path="oauth2/token", **fault)
    with pytest.raises(error) as caught:
        push(ready.adapter(), create("U1"))
    assert not isinstance(caught.value, Uncertain)
    assert not ready.org.records("Lead")


# --- allowances -------------------------------------------------------------------------------------------------------


def test_the_allowance_is_told_by_every_answer_and_kept(ready: Stage) -> None:
    ready.org.daily_limit = 20
    adapter = ready.adapter(budget=Budget(leave_free=0.5))
    assert adapter.quota() is None
    for _ in range(9):
        drain(adapter, "User")
    assert adapter.quota() == Quota(10, 20)
    with pytest.raises(Exhausted, match="leave_free"):
        drain(adapter, "User")
    assert ready.org.calls == 10


def test_an_org_without_calls_left_defers(ready: Stage) -> None:
    ready.org.daily_limit = 0
    with pytest.raises(Exhausted) as caught:
        drain(ready.adapter(budget=Budget(leave_free=0.0)), "User")
    assert caught.value.code in ("", "REQUEST_LIMIT_EXCEEDED")
    ready.org.daily_limit = 100
    ready.org.chaos.plan("quota")
    with pytest.raises(Exhausted) as caught:
        push(ready.adapter(), create("U1"))
    assert caught.value.code == "REQUEST_LIMIT_EXCEEDED"
    assert not ready.org.records("Lead")


def test_too_many_at_once_is_a_pause(ready: Stage) -> None:
    body = '[{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentPerOrgLongTxn Limit exceeded."}]'
    ready.server.chaos.plan("status", path="describe", status=403, body=body, mimetype="application/json")
    with pytest.raises(Throttled):
        drain(ready.adapter(), "User")


def test_the_clock_is_the_orgs(ready: Stage) -> None:
    adapter = ready.adapter()
    assert adapter.server_time() is None
    drain(adapter, "User")
    heard = adapter.server_time()
    assert heard is not None
    assert abs((ready.org.clock() - heard).total_seconds()) < 5


# --- configuration ----------------------------------------------------------------------------------------------------

APP = {"client_id": {"env": "A"}, "client_secret": {"env": "B"}}


def problems(block: dict[str, Any]) -> list[str]:
    return [str(p.what) for p in parse(Config, block, Mark("config.yaml", 1, 1))[1]]


@pytest.mark.parametrize(
    "block",
    [
        {"domain": "example.my", **APP},
        {"domain": "example--dev.sandbox.my", **APP, "api_version": "64.0", "overlap": "1h"},
        {"base_url": "https://sf.example.co.jp", **APP},
        {"domain": "login", **APP, "username": {"env": "C"}, "password": {"file": "/x"}},
        {"domain": "test", "client_id": {"env": "A"}, "username": {"env": "C"}, "private_key": {"file": "/x"}},
        {"domain": "example.my", **APP, "budget": {"calls_per_day": 4000, "leave_free": "20%"}},
    ],
)
def test_good_configurations(block: dict[str, Any]) -> None:
    assert problems(block) == []


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({**APP}, "where is the org"),
        ({**APP, "domain": "a.my", "base_url": "https://a.example"}, "where is the org"),
        ({**APP, "domain": "example.my.salesforce.com"}, "not a domain"),
        ({**APP, "domain": "a/b"}, "not a domain"),
        ({**APP, "base_url": "http://example.com"}, "not https"),
        ({**APP, "domain": "login"}, "own domain"),
        ({"domain": "a.my", "client_id": {"env": "A"}}, "client_secret is missing"),
        ({"domain": "a.my", **APP, "username": {"env": "C"}}, "no clear way"),
        ({"domain": "a.my", **APP, "password": {"env": "C"}}, "no clear way"),
        ({"domain": "a.my", **APP, "refresh_token": {"env": "C"}, "username": {"env": "D"}}, "no clear way"),
        ({"domain": "a.my", **APP, "api_version": "62"}, "not an API version"),
        ({"domain": "a.my", **APP, "task_key": "MA Key"}, "not the name of a field"),
        ({"domain": "a.my", **APP, "call_result": "x FROM User"}, "not the name of a field"),
        ({"domain": "a.my", "client_id": "3MVG9", "client_secret": {"env": "B"}}, "secret is written out"),
    ],
)
def test_bad_configurations(block: dict[str, Any], said: str) -> None:
    assert any(said in problem for problem in problems(block))


def test_whom_an_assertion_is_meant_for(ready: Stage) -> None:
    def audience(**options: Any) -> str:
        return ready.config(**({"base_url": None} | options)).audience

    assert audience(domain="example.my") == "https://login.salesforce.com"
    assert audience(domain="example--uat.sandbox.my") == "https://test.salesforce.com"
    assert (
        audience(domain="test", username=Secret(env="A"), private_key=Secret(env="B")) == "https://test.salesforce.com"
    )
    assert audience(base_url="https://sf.example.co.jp") == "https://sf.example.co.jp"


def test_leads_may_be_left_out(ready: Stage) -> None:
    assert "Lead" not in ready.adapter(leads=False).streams
    assert set(Salesforce(SYSTEM, ready.config(), Needs()).streams) == set(ready.adapter(NEEDS).streams)
