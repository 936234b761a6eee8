from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from connector import __version__
from connector.web.health import STUCK_SECONDS, Health, split_address

FINE = {"configuration": True, "store": True, "schema": True}
LOCAL = {"Host": "127.0.0.1:8080"}


def client(
    bound_to: str = "127.0.0.1",
    age: float = 1.0,
    checks: Mapping[str, bool] = FINE,
    runs: Mapping[str, Any] | None = None,
) -> Client:
    health = Health(
        bound_to, ["connector.example"], lambda: age, lambda: checks, lambda: runs or {}, lambda: b"connector_up 1\n"
    )
    return Client(health)


def get(path: str, headers: Mapping[str, str] = LOCAL, **about: Any) -> TestResponse:
    return client(**about).get(path, headers=headers)


class TestLiveness:
    def test_a_beating_heart_is_alive(self) -> None:
        answer = get("/healthz", age=1.23)
        assert (answer.status_code, answer.json) == (200, {"status": "alive", "heartbeat_age_seconds": 1.2})

    def test_a_silent_one_is_not(self) -> None:
        answer = get("/healthz", age=STUCK_SECONDS)
        assert answer.status_code == 503
        assert answer.json is not None
        assert answer.json["status"] == "stuck"

    @pytest.mark.parametrize("broken", [*FINE, None])
    def test_nothing_else_makes_it_fail(self, broken: str | None) -> None:
        checks = {**FINE, broken: False} if broken else {}
        assert get("/healthz", checks=checks).status_code == 200


class TestReadiness:
    def test_ready_when_all_is_there(self) -> None:
        answer = get("/readyz", runs={"last_exit": 0})
        assert answer.status_code == 200
        assert answer.json == {"status": "ready", "checks": dict.fromkeys(FINE, "ok"), "runs": {"last_exit": 0}}

    @pytest.mark.parametrize("broken", FINE)
    def test_not_ready_when_one_is_not(self, broken: str) -> None:
        answer = get("/readyz", checks={**FINE, broken: False})
        assert answer.status_code == 503
        assert answer.json is not None
        assert answer.json["status"] == "not ready"
        assert answer.json["checks"] == {**dict.fromkeys(FINE, "ok"), broken: "failed"}

    def test_not_ready_when_nobody_knows(self) -> None:
        assert get("/readyz", checks={}).status_code == 503


def test_metrics() -> None:
    answer = get("/metrics")
    assert (answer.status_code, answer.text) == (200, "connector_up 1\n")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert get("/metrics", headers={"Host": "evil.example"}).status_code == 421
    assert client().post("/metrics", headers=LOCAL).status_code == 405


def test_version() -> None:
    assert get("/version").json == {"name": "connector", "version": __version__}


@pytest.mark.parametrize("path", ["/", "/healthz/", "/healthz/x", "//healthz", "/HEALTHZ", "/run", "/..%2fhealthz"])
def test_no_other_page(path: str) -> None:
    assert get(path).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_no_other_method(method: str) -> None:
    answer = client().open("/healthz", method=method, headers=LOCAL)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_head_has_the_headers_of_get_and_no_body() -> None:
    answer = client().head("/healthz", headers=LOCAL)
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Content-Length"] == get("/healthz").headers["Content-Length"]


@pytest.mark.parametrize(
    ("bound_to", "host", "known"),
    [
        ("127.0.0.1", "127.0.0.1:8080", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "LocalHost:8080", True),
        ("127.0.0.1", "[::1]:8080", True),
        ("127.0.0.1", "Connector.Example:8080", True),
        ("127.0.0.1", "10.1.2.3:8080", False),
        ("127.0.0.1", "evil.example", False),
        ("127.0.0.1", "connector.example.evil.example", False),
        ("127.0.0.1", "127.0.0.1.evil.example", False),
        ("127.0.0.1", "evil.example@127.0.0.1", False),
        ("127.0.0.1", "127.0.0.1/evil.example", False),
        ("127.0.0.1", "127.0.0.1:http", False),
        ("127.0.0.1", "[::1", False),
        ("127.0.0.1", "", False),
        ("10.1.2.3", "10.1.2.3:8080", True),
        ("10.1.2.3", "10.1.2.4:8080", False),
        ("0.0.0.0", "10.1.2.3:8080", True),
        ("0.0.0.0", "[fd00::3]:8080", True),
        ("0.0.0.0", "evil.example:8080", False),
        ("::", "10.1.2.3:8080", True),
        ("::", "evil.example", False),
    ],
)
def test_only_under_its_own_names(bound_to: str, host: str, known: bool) -> None:
    answer = get("/healthz", bound_to=bound_to, headers={"Host": host})
    assert answer.status_code == (200 if known else 421)


@pytest.mark.parametrize("path", ["/healthz", "/nowhere"])
@pytest.mark.parametrize("host", ["127.0.0.1", "evil.example"])
def test_every_answer_is_guarded(path: str, host: str) -> None:
    headers = get(path, headers={"Host": host}).headers
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert not [name for name, _ in headers if name.startswith("Access-Control-") or name == "Server"]


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("[::1]:80", ("::1", 80)),
        ("Connector", ("connector", None)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_addresses(address: str, parts: tuple[str, int | None]) -> None:
    assert split_address(address) == parts


@pytest.mark.parametrize("address", ["", ":8080", "a:b", "a:70000", "a/b", "a?b", "u@a:1", "http://a:1", "[::1"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  which of its messages does not matter
        split_address(address)
