from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from connector.adapters.shanon.api import sign
from connector.adapters.shanon.document import NotUnderstoodError, parse
from connector.errors import AdapterError, ConfigError, Throttled, Unauthorized, Unavailable, Uncertain
from connector.spec import Secret
from tests.unit.adapters.shanon_kit import Stage, drain, fields_needed, later, set_fields, stage

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">'
    '<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><VisitorDataList>&b;</VisitorDataList>'
)


@pytest.fixture
def smp() -> Iterator[Stage]:
    with stage() as it:
        yield it


# --- signature --------------------------------------------------------------------------------------------------------


def test_the_published_vector() -> None:
    params = {"password": "bbbb", "api_key": "aaaa"}
    assert sign("cccc", params) == "d639fb4bda55afd8101a2708cb1303a9de490c87"


def test_a_value_that_must_be_escaped_is_signed_as_it_is(smp: Stage) -> None:
    assert drain(smp.adapter(), "visitor")  # the search value holds +09:00
    assert "%2B09%3A00" in smp.server.exchanges[-1].target


# --- token ------------------------------------------------------------------------------------------------------------


def test_one_token_serves_all_calls(smp: Stage) -> None:
    adapter = smp.adapter()
    for stream in adapter.streams:
        drain(adapter, stream)
    assert smp.smp.logins == 1


@pytest.mark.parametrize("status", [401, 403, 400, 200])
def test_a_token_that_dies_on_the_way_costs_one_sign_in(smp: Stage, status: int) -> None:
    for number in range(5):
        smp.person(number)
        later(smp, minutes=20)
    smp.smp.token_status = status
    adapter = smp.adapter(page_size=2)
    pages = adapter.pull("visitor", None)
    seen = list(next(pages).records)
    smp.smp.expire_tokens()
    seen += [record for page in pages for record in page.records]
    assert len(seen) == 5
    assert smp.smp.logins == 2


def test_a_token_is_renewed_before_its_hour_is_over(smp: Stage) -> None:
    adapter = smp.adapter()
    drain(adapter, "visitor")
    now = adapter._api.http.clock()
    adapter._api.http.clock = lambda: now + timedelta(minutes=56).total_seconds()
    drain(adapter, "visitor")
    assert smp.smp.logins == 2
    assert smp.smp.calls == 2


def test_a_refusal_under_an_old_token_is_doubted_once(smp: Stage) -> None:
    id_ = smp.person()
    adapter = smp.adapter()
    drain(adapter, "visitor")
    now = adapter._api.http.clock()
    adapter._api.http.clock = lambda: now + timedelta(minutes=6).total_seconds()
    smp.smp.chaos.plan("row_fail", times=1)
    assert [r.status for r in adapter.push([set_fields(id_, Memo="a")])] == ["done"]
    smp.smp.chaos.plan("row_fail", times=2)
    assert [r.status for r in adapter.push([set_fields(id_, Memo="b")])] == ["refused"]
    assert smp.smp.logins == 2


def test_threads_share_one_sign_in(smp: Stage) -> None:
    smp.smp.chaos.rate("delay", 0)
    smp.smp.chaos.plan("delay", path="authentication", seconds=0.2)
    adapter = smp.adapter()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda stream: drain(adapter, stream), ["visitor", "mail", "activity", "enquete"]))
    assert smp.smp.logins == 1


@pytest.mark.parametrize("wrong", ["SMP_API_KEY", "SMP_PASSWORD", "SMP_SECRET"])
def test_wrong_credentials_end_in_unauthorized(smp: Stage, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(wrong, "wrong")
    with pytest.raises(Unauthorized) as caught:
        drain(smp.adapter(), "visitor")
    assert "shanon/authentication" in str(caught.value)
    assert caught.value.fix is not None


def test_a_token_that_never_works_ends_in_unauthorized(smp: Stage) -> None:
    smp.smp.chaos.rate("expired", 1.0)
    with pytest.raises(Unauthorized):
        drain(smp.adapter(), "visitor")
    assert smp.smp.logins == 2


def test_a_missing_secret_is_the_administrators(smp: Stage) -> None:
    with pytest.raises(ConfigError):
        drain(smp.adapter(secret=Secret(env="SMP_NOT_SET")), "visitor")


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [BOMB, "not xml", "", "<VisitorDataList>", "<Response><Token>a</Token></Response>"])
def test_what_is_no_list_of_records_is_unavailable(smp: Stage, body: str) -> None:
    smp.smp.chaos.plan("status", path="/visitor", status=200, body=body, mimetype="application/xml")
    with pytest.raises(Unavailable) as caught:
        drain(smp.adapter(), "visitor")
    assert "shanon/visitor" in str(caught.value)


def test_a_web_page_is_unavailable_to_a_reader_and_uncertain_to_a_writer(smp: Stage) -> None:
    id_ = smp.person()
    adapter = smp.adapter()
    smp.smp.chaos.plan("html", path="/visitor", method="GET")
    with pytest.raises(Unavailable):
        drain(adapter, "visitor")
    smp.smp.chaos.plan("html", path="/visitor", method="PUT")
    with pytest.raises(Uncertain):
        list(adapter.push([set_fields(id_, Memo="a")]))
    smp.smp.chaos.plan("html", path="/authentication")
    with pytest.raises(Unavailable):
        smp.adapter().check()


def test_an_answer_to_a_write_that_is_no_xml_is_uncertain(smp: Stage) -> None:
    id_ = smp.person()
    smp.smp.chaos.plan("status", path="/visitor", method="PUT", status=200, body="busy")
    with pytest.raises(Uncertain):
        list(smp.adapter().push([set_fields(id_, Memo="a")]))


def test_a_quota_says_how_long_to_wait(smp: Stage) -> None:
    smp.smp.chaos.plan("quota", path="/visitor", seconds=120)
    with pytest.raises(Throttled) as caught:
        drain(smp.adapter(), "visitor")
    assert caught.value.wait == timedelta(seconds=120)


def test_a_resource_that_is_not_there_is_unavailable_to_a_run(smp: Stage) -> None:
    smp.smp.chaos.plan("status", path="/visitor/mail", status=404, body="")
    with pytest.raises(Unavailable) as caught:
        drain(smp.adapter(), "mail")
    assert "shanon/visitor/mail" in str(caught.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_understood_or_not(raw: bytes) -> None:
    try:
        parse(raw)
    except NotUnderstoodError:
        return


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_nothing_secret_is_logged_or_told(smp: Stage, caplog: pytest.LogCaptureFixture) -> None:
    id_ = smp.person()
    smp.smp.api_key, smp.smp.password, smp.smp.secret = "canary-key", "canary-password", "canary-secret"
    told: list[str] = []
    caplog.set_level(logging.DEBUG)
    with pytest.MonkeyPatch.context() as patch, structlog.testing.capture_logs() as events:
        for name in ("api_key", "password", "secret"):
            patch.setenv(f"SMP_{name.upper()}", f"canary-{name.removeprefix('api_')}")
        adapter = smp.adapter(fields_needed("Attribute1"))
        told.append(repr(adapter.check()))
        for kind in ("reset_before", "html", "quota", "expired", "status"):
            for act in (lambda: drain(adapter, "visitor"), lambda: list(adapter.push([set_fields(id_, Memo="a")]))):
                smp.smp.chaos.plan(kind, times=2)
                try:
                    told.append(repr(act()))
                except AdapterError as error:
                    told += [repr(error), error.in_("ja"), error.in_("en"), repr(error.__cause__)]
                smp.smp.chaos.calm()
        told.append(repr(vars(adapter._api)))
        token = adapter._api._token
    said = "\n".join([caplog.text, repr(events), *told])
    assert len(events) > 10
    assert "canary" not in said
    assert "api_sig" not in said
    assert token is not None
    assert token.value not in said
