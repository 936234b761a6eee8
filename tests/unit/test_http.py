"""The hardened session, over real connections."""

from __future__ import annotations

import gzip
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
import responses
import structlog
import trustme
from pydantic import ValidationError
from requests.auth import AuthBase
from werkzeug.wrappers import Request, Response

from connector.errors import (
    AdapterError,
    ConnectorError,
    Exhausted,
    Refused,
    Throttled,
    Unauthorized,
    Unavailable,
    Uncertain,
)
from connector.http import Again, Budget, Http, HttpOptions, Meter, Sent, error_of, retry_after
from connector.ports import Quota
from connector.sandbox.server import Server
from connector.spec import SpecError
from connector.store.lease import Fenced

NOW = datetime(2026, 4, 1, 1, 30, tzinfo=UTC)
SECRET = "kanaria-canary"


class System:
    """A server that keeps what it was sent and answers as told."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answer: Any = lambda _: Response('{"ok": true}', mimetype="application/json")

    def __call__(self, request: Request) -> Response:
        self.seen.append((request.method, request.path, dict(request.headers), request.get_data()))
        response: Response = self.answer(request)
        return response


@pytest.fixture
def system() -> System:
    return System()


@pytest.fixture
def server(system: System) -> Iterator[Server]:
    with Server(system) as running:
        yield running


@pytest.fixture
def naps() -> list[float]:
    return []


@contextmanager
def client(url: str, naps: list[float] | None = None, **options: Any) -> Iterator[Http]:
    sleep = (naps if naps is not None else []).append
    http = Http("shop", url, HttpOptions(**options), sleep=sleep, utcnow=lambda: NOW)
    yield http
    http.close()


@contextmanager
def raw_server(*pieces: bytes, pause: float = 0.0, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Sends `pieces` with a pause before each, whatever it is asked."""
    listening = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve() -> None:
        while not stopped.is_set():
            try:
                connection, _ = listening.accept()
                with tls.wrap_socket(connection, server_side=True) if tls else connection as open_:
                    open_.recv(65536)
                    for piece in pieces:
                        if stopped.wait(pause):
                            break
                        open_.sendall(piece)
            except OSError:
                continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        stopped.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


# --- time and size ----------------------------------------------------------------------------------------------------

DRIPS = {
    "head": [b"HTTP/1.1 200 OK\r\n", *[b"X-A: b\r\n"] * 100],
    "one header": [b"HTTP/1.1 200 OK\r\nX-A: ", *[b"b"] * 100],
    "body": [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", *[b"b"] * 100],
    "body without a length": [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", *[b"b"] * 100],
    "chunk size": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"0"] * 100],
}


@pytest.mark.parametrize("where", DRIPS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_dripping_answer_ends_at_the_deadline(where: str, method: str) -> None:
    with (
        raw_server(*DRIPS[where], pause=0.1) as url,
        client(url, timeout=timedelta(milliseconds=500), retries=0) as http,
    ):
        started = time.monotonic()
        with pytest.raises(Unavailable if method == "GET" else Uncertain, match="within"):
            http.request(method, "/")
        assert 0.4 < time.monotonic() - started < 1.5


def test_before_whatever_does_more_than_ask_it_is_looked_whether_it_may(server: Server, system: System) -> None:
    def no_more() -> None:
        raise Fenced

    with client(server.url) as http, http.writing_while(no_more):
        http.json("GET", "people")
        http.json("POST", "search", repeatable=True)
        for session in (http.request, http.session.request):
            with pytest.raises(Fenced):
                session("POST", f"{server.url}/people")
    assert [path for _, path, _, _ in system.seen] == ["/people", "/search"]


def test_whether_it_may_write_is_looked_at_after_the_wait_for_its_turn(
    server: Server, system: System, naps: list[float]
) -> None:
    def not_after_a_nap() -> None:
        if naps:
            raise Fenced

    with client(server.url, naps, rate=1) as http, http.writing_while(not_after_a_nap):
        http.request("POST", "people/1")
        with pytest.raises(Fenced):
            http.request("POST", "people/2")
    assert [path for _, path, _, _ in system.seen] == ["/people/1"]


def test_what_is_sent_after_the_writing_asks_nobody_any_more(server: Server, system: System) -> None:
    def no_more() -> None:
        raise Fenced

    with client(server.url) as http:
        with pytest.raises(Fenced), http.writing_while(no_more):
            http.request("POST", "people/1")
        http.request("POST", "people/2")
    assert [path for _, path, _, _ in system.seen] == ["/people/2"]


def test_what_signs_itself_in_looks_once_for_each_sending(server: Server, system: System) -> None:
    class SignsIn(AuthBase):
        def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
            http.request("POST", "token", repeatable=True, auth=lambda each: each)
            request.register_hook("response", lambda got, **kw: got.connection.send(got.request.copy(), **kw))
            return request

    looks: list[int] = []
    with client(server.url) as http, http.writing_while(lambda: looks.append(len(system.seen))):
        http.request("POST", "people", auth=SignsIn())
    assert [path for _, path, _, _ in system.seen] == ["/token", "/people", "/people"]
    assert looks == [1, 2]


def test_a_dripping_answer_over_tls_ends_at_the_deadline(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with (
        raw_server(*DRIPS["body"], pause=0.1, tls=server_tls(authority)) as url,
        client(url, timeout=timedelta(milliseconds=500), retries=0, ca_bundle=str(tmp_path / "ca.pem")) as http,
        pytest.raises(Unavailable, match="within"),
    ):
        http.request("GET", "/")


def test_a_silent_server_ends_at_the_deadline(server: Server) -> None:
    server.chaos.plan("delay", seconds=1.0)
    with client(server.url, timeout=timedelta(milliseconds=200), retries=0) as http, pytest.raises(Unavailable):
        http.request("GET", "/")


def test_a_small_answer_that_inflates_is_stopped_at_the_cap(server: Server, system: System) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    system.answer = lambda _: Response(bomb, headers={"Content-Encoding": "gzip"})
    with client(server.url, max_bytes=1_000_000) as http:
        with pytest.raises(Unavailable, match="1000000 bytes"):
            http.request("GET", "/")
        assert len(system.seen) == 1
        with pytest.raises(Uncertain, match="1000000 bytes"):
            http.request("POST", "/")


def test_an_answer_of_the_cap_is_taken(server: Server, system: System) -> None:
    system.answer = lambda _: Response(bytes(1000))
    with client(server.url, max_bytes=1000) as http:
        assert len(http.request("GET", "/").content) == 1000


def test_an_answer_cut_short_is_lost(server: Server) -> None:
    server.chaos.plan("truncate", times=2)
    with client(server.url, retries=0) as http:
        with pytest.raises(Unavailable, match="lost"):
            http.request("GET", "/")
        with pytest.raises(Uncertain, match="lost"):
            http.request("POST", "/")


def test_an_unreadable_compression_is_lost(server: Server, system: System) -> None:
    system.answer = lambda _: Response(b"no gzip", headers={"Content-Encoding": "gzip"})
    with client(server.url, retries=0) as http, pytest.raises(Unavailable, match="lost"):
        http.request("GET", "/")


# --- hosts and redirects ----------------------------------------------------------------------------------------------


def test_a_redirect_is_not_followed_and_hands_nothing_on(server: Server, system: System) -> None:
    other = System()
    with Server(other) as elsewhere, client(server.url) as http:
        for code in (301, 302, 303, 307, 308):
            system.answer = lambda _, code=code: Response("", code, {"Location": elsewhere.url})
            with pytest.raises(Unavailable, match="redirects"):
                http.request("GET", "/", headers={"X-Cybozu-API-Token": SECRET, "Authorization": SECRET})
            with pytest.raises(Unavailable, match="redirects"):
                http.session.post(server.url + "/", data=SECRET)
    assert other.seen == []
    assert len(system.seen) == 10


LOOPBACK = ("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.000.000.001", "localhost", "[::1]")
INTERNAL = ("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "0.0.0.0", "[::]")
PRIVATE = ("10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "[fd00::1]", "[fec0::1]")
LINK_LOCAL = ("169.254.169.254", "[fe80::1]", "2852039166", "[::ffff:169.254.169.254]", "224.0.0.1", "255.255.255.255")


@pytest.mark.parametrize("host", LOOPBACK + INTERNAL + PRIVATE + LINK_LOCAL)
def test_internal_addresses_are_refused_however_they_are_spelt(host: str, server: Server, system: System) -> None:
    # A public name's session: the port is one where something listens.
    port = server.url.rpartition(":")[2]
    with client("https://shop.example") as http:
        http._hosts.add((host, int(port)))
        with pytest.raises(Unavailable, match="internal address") as caught:
            http.request("GET", f"https://{host}:{port}/")
        assert not isinstance(caught.value, Uncertain)
    assert system.seen == []


@pytest.mark.parametrize("host", PRIVATE)
def test_private_addresses_may_be_allowed(host: str) -> None:
    with client(f"https://{host}", allow_private=True) as http:
        http.allow_address(host.strip("[]"), 443)


@pytest.mark.parametrize("host", LOOPBACK + INTERNAL + LINK_LOCAL)
def test_allowing_private_ones_allows_no_more(host: str) -> None:
    with client("https://shop.example", allow_private=True) as http, pytest.raises(Unavailable):
        http.allow_address(host.strip("[]"), 443)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_reached_when_the_configuration_names_it(host: str, server: Server) -> None:
    with client(server.url.replace("127.0.0.1", host)) as http:
        assert http.json("GET", "/") == {"ok": True}


def test_a_name_that_answers_differently_the_second_time_receives_nothing(
    server: Server, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    # DNS rebinding: the name was public when it was checked, and leads here when it is connected.
    port = int(server.url.rpartition(":")[2])
    known = socket.getaddrinfo
    asked: list[str] = []

    def answers(host: str, *args: Any, **kw: Any) -> Any:
        if host != "shop.example":
            return known(host, *args, **kw)
        asked.append(host)
        return known("203.0.114.1" if len(asked) == 1 else "127.0.0.1", *args, **kw)

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    with client(f"https://shop.example:{port}") as http, pytest.raises(Unavailable, match="internal address"):
        http.request("GET", "/")
    assert len(asked) == 2
    assert system.seen == []


def test_other_hosts_receive_nothing_until_they_are_allowed(server: Server) -> None:
    other = System()
    with Server(other) as elsewhere, client(server.url) as http:
        with pytest.raises(Unavailable, match="not a host of this system"):
            http.request("GET", f"{elsewhere.url}/next?page=2")
        with pytest.raises(Unavailable, match="not a host of this system"):
            http.session.get(f"{elsewhere.url}/next")
        assert other.seen == []
        assert http.calls == 0
        http.allow_host(elsewhere.url)
        http.request("GET", f"{elsewhere.url}/next?page=2")
        assert [path for _, path, _, _ in other.seen] == ["/next"]


def test_plain_http_leaves_the_machine_never(server: Server) -> None:
    with client("https://shop.example") as http, pytest.raises(Unavailable, match="not a host"):
        http.request("GET", "http://shop.example:443/")


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example",
        "http://127.1:8080",
        "ftp://127.0.0.1",
        "shop.example",
        "https://user:pass@shop.example",
        "https://shop.example/?a=b",
        "https://shop.example#x",
        "https://",
        "https://[::1",
    ],
)
def test_a_base_url_is_https_and_plain(url: str) -> None:
    with pytest.raises(SpecError):
        Http("shop", url, HttpOptions())


def test_relative_urls_stand_behind_the_base(server: Server, system: System) -> None:
    with client(server.url + "/app/") as http:
        http.request("GET", "/a?next=http://x/")
        http.request("GET", "b")
    assert [path for _, path, _, _ in system.seen] == ["/app/a", "/app/b"]


# --- the environment --------------------------------------------------------------------------------------------------


def test_nothing_is_taken_from_the_environment(
    server: Server, system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nowhere.pem"))
    with client(server.url) as http:
        http.request("GET", "/", headers={"Authorization": "Bearer ours"})
        http.session.get(server.url + "/")
    assert system.seen[0][2]["Authorization"] == "Bearer ours"
    assert "Authorization" not in system.seen[1][2]


def test_cookies_are_not_kept(server: Server, system: System) -> None:
    system.answer = lambda _: Response("", headers={"Set-Cookie": "session=old; Path=/"})
    with client(server.url) as http:
        http.request("GET", "/")
        http.request("GET", "/")
    assert "Cookie" not in system.seen[1][2]


def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def test_a_private_authority_is_trusted_only_where_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, naps: list[float]
) -> None:
    authority = trustme.CA()
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    with raw_server(HELLO, tls=server_tls(authority)) as url:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        with client(url, naps) as http, pytest.raises(Unavailable, match=r"certificate.*ca_bundle"):
            http.request("GET", "/")
        assert naps == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", os.devnull)
        with client(url, ca_bundle=str(bundle)) as http:
            assert http.request("GET", "/", verify=False).text == "hi"
        with client(url) as http, pytest.raises(Unavailable, match="certificate"):
            http.session.get(url, verify=False)
        with client(url, ca_bundle=str(tmp_path / "none.pem")) as http, pytest.raises(Unavailable, match="ca_bundle"):
            http.request("GET", "/")


def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.example").configure_cert(context)
    with (
        raw_server(HELLO, tls=context) as url,
        client(url, ca_bundle=str(tmp_path / "ca.pem")) as http,
        pytest.raises(Unavailable, match="certificate"),
    ):
        http.request("GET", "/")


def test_a_proxy_is_used_where_it_is_named(server: Server, system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_PROXY", server.url)
    proxied = {"http://127.0.0.1:1": HttpOptions(proxy=server.url)}
    proxied["http://127.0.0.1:2"] = HttpOptions.model_validate({"proxy": {"env": "OUR_PROXY"}})
    for base, options in proxied.items():
        http = Http("shop", base, options)
        assert http.request("GET", "/through").status_code == 200
        http.close()
    assert [path for _, path, _, _ in system.seen] == ["/through"] * 2


def test_a_proxy_that_does_not_connect_is_named(server: Server, system: System, naps: list[float]) -> None:
    system.answer = lambda _: Response("", 403)
    with client("https://shop.example", naps, proxy=server.url, retries=1) as http:
        with pytest.raises(Unavailable, match="proxy"):
            http.request("POST", "/")
        assert http.calls == 2
    assert all(method == "CONNECT" for method, _, _, _ in system.seen)


@pytest.mark.parametrize("proxy", ["socks5://h:1", "https://h:1", "http://me:secret@h:1", "h:1"])
def test_other_spellings_of_a_proxy_are_problems(proxy: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HttpOptions(proxy=proxy)
    assert caught.value.error_count() == 1


# --- what is sent again -----------------------------------------------------------------------------------------------


def test_a_question_is_asked_again_when_its_answer_was_lost(server: Server, naps: list[float]) -> None:
    server.chaos.plan("reset_before")
    server.chaos.plan("reset_after")
    server.chaos.plan("truncate")
    with client(server.url, naps) as http:
        assert http.json("GET", "/") == {"ok": True}
        assert http.calls == 4
    assert [0.5, 1, 2] <= naps <= [1.0, 1.5, 2.5]


def test_it_gives_up_after_the_retries(server: Server, naps: list[float]) -> None:
    server.chaos.plan("reset_before", times=9)
    with client(server.url, naps, retries=2) as http:
        with pytest.raises(Unavailable, match="lost"):
            http.request("GET", "/")
        assert (http.calls, len(naps)) == (3, 2)


@pytest.mark.parametrize("fault", ["reset_before", "reset_after", "truncate", "html"])
def test_a_write_is_never_sent_twice(server: Server, fault: str, naps: list[float]) -> None:
    server.chaos.plan(fault, times=9)
    with client(server.url, naps) as http:
        with pytest.raises(Uncertain):
            http.request("POST", "/", json={})
        with pytest.raises(Uncertain):
            http.session.patch(server.url + "/", json={})
    assert len(server.exchanges) == 2
    assert naps == []


@pytest.mark.parametrize("status", [408, 500, 501, 502, 503, 504, 599])
def test_a_write_answered_by_a_failing_server_is_uncertain(server: Server, status: int) -> None:
    server.chaos.plan("status", status=status, headers={"Retry-After": "1"}, times=9)
    with client(server.url) as http, pytest.raises(Uncertain, match=str(status)):
        http.request("POST", "/")
    assert len(server.exchanges) == 1


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_question_answered_by_a_failing_server_is_asked_again(server: Server, status: int) -> None:
    server.chaos.plan("status", status=status, times=2)
    with client(server.url) as http:
        assert http.json("GET", "/") == {"ok": True}
    server.chaos.plan("status", status=status, times=2)
    with client(server.url) as http:
        assert http.json("POST", "/", repeatable=True) == {"ok": True}
    server.chaos.plan("status", status=status, times=9)
    with client(server.url) as http, pytest.raises(Unavailable, match=str(status)):
        http.json("GET", "/")


@pytest.mark.parametrize("status", [425, 429])
def test_what_was_not_carried_out_is_sent_again_always(server: Server, status: int) -> None:
    server.chaos.plan("status", status=status, times=2)
    with client(server.url) as http:
        assert http.json("POST", "/") == {"ok": True}


def test_what_never_left_is_sent_again_always(naps: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with client(f"http://127.0.0.1:{port}", naps, retries=3) as http:
        with pytest.raises(Unavailable, match="cannot be reached") as caught:
            http.request("POST", "/")
        assert not isinstance(caught.value, Uncertain)
        assert (http.calls, len(naps)) == (4, 3)


def test_a_name_nobody_knows_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with client("https://shop.example") as http, pytest.raises(Unavailable, match=r"shop\.example is not known"):
        http.request("POST", "/")


# --- told to wait -----------------------------------------------------------------------------------------------------


def test_a_wait_in_seconds_is_kept(server: Server, naps: list[float]) -> None:
    server.chaos.plan("status", status=429, headers={"Retry-After": "7"})
    server.chaos.plan("status", status=503, headers={"Retry-After": "60"})
    with client(server.url, naps) as http:
        http.request("GET", "/")
    assert naps == [7, 60]


def test_a_wait_until_a_moment_is_kept(server: Server, naps: list[float]) -> None:
    server.chaos.plan("status", status=429, headers={"Retry-After": "Wed, 01 Apr 2026 01:30:20 GMT"})
    server.chaos.plan("status", status=429, headers={"Retry-After": "Wed, 01 Apr 2026 01:00:00 GMT"})
    with client(server.url, naps) as http:
        http.request("POST", "/")
    assert naps == [20, 0]


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("61", timedelta(seconds=61)),
        ("3600", timedelta(hours=1)),
        ("99999999999999999999", timedelta(days=1)),
        ("Wed, 01 Apr 2026 02:30:00 GMT", timedelta(hours=1)),
        ("Wed, 01 Apr 2099 02:30:00 GMT", timedelta(days=1)),
    ],
)
@pytest.mark.parametrize(("method", "status"), [("GET", 429), ("GET", 503), ("POST", 429)])
def test_a_long_wait_is_told_at_once(
    server: Server, naps: list[float], method: str, status: int, said: str, wait: timedelta
) -> None:
    server.chaos.plan("status", status=status, headers={"Retry-After": said})
    with client(server.url, naps) as http, pytest.raises(Throttled) as caught:
        http.request(method, "/")
    assert caught.value.wait == wait
    assert naps == []


def test_a_short_wait_that_is_asked_again_and_again_is_told_at_last(server: Server, naps: list[float]) -> None:
    server.chaos.plan("status", status=429, headers={"Retry-After": "5"}, times=9)
    with client(server.url, naps, retries=2) as http, pytest.raises(Throttled) as caught:
        http.request("POST", "/")
    assert (caught.value.wait, naps) == (timedelta(seconds=5), [5, 5])


def test_it_is_known_how_requests_went(server: Server, naps: list[float]) -> None:
    server.chaos.plan("status", status=429, headers={"Retry-After": "5"})
    server.chaos.plan("status", status=503, times=1)
    ticks = iter(range(100))
    with client(server.url, naps) as http:
        http.clock = lambda: next(ticks) / 4
        http.request("GET", "/")
        server.chaos.plan("status", status=404)
        with pytest.raises(Refused):
            http.request("POST", "/")
        traffic = http.take_traffic()
        assert [each.status for each in traffic if isinstance(each, Sent)] == [429, 503, 200, 404]
        assert all(each.ms >= 250 for each in traffic if isinstance(each, Sent))
        assert [each for each in traffic if isinstance(each, Again)] == [Again(429, 5000), Again(503, 0)]
        assert http.take_traffic() == []


def test_an_answer_that_did_not_come_is_known_too(naps: list[float]) -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"
    with raw_server(cut) as url, client(url, naps, retries=1) as http:
        with pytest.raises(Unavailable):
            http.request("GET", "/")
        assert [(type(each), each.status) for each in http.take_traffic()] == [(Sent, 0), (Again, 0), (Sent, 0)]


def test_429_without_a_word_waits_a_minute_at_last(server: Server) -> None:
    server.chaos.plan("status", status=429, times=9)
    with client(server.url) as http, pytest.raises(Throttled) as caught:
        http.session.post(server.url + "/")
    assert caught.value.wait == timedelta(minutes=1)


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_tokyo")
def test_a_date_without_a_zone_is_not_that_of_the_machine(server: Server, system: System) -> None:
    response = requests.Response()
    response.headers["Retry-After"] = "Wed, 01 Apr 2026 01:30:30 -0000"
    assert retry_after(response, NOW) == timedelta(seconds=30)
    system.answer = lambda _: Response("", headers={"Date": "Wed, 01 Apr 2026 01:29:40 -0000"})
    with client(server.url) as http:
        http.request("GET", "/")
        assert http.server_time == NOW - timedelta(seconds=20)


@pytest.mark.parametrize("said", ["", "soon", "-5", "1.5", "²", "Wed, 99 Foo 2026"])
def test_a_wait_that_cannot_be_read_is_none(said: str) -> None:
    response = requests.Response()
    response.headers["Retry-After"] = said
    assert retry_after(response, NOW) is None


# --- counting ---------------------------------------------------------------------------------------------------------


def test_the_budget_of_a_run_counts_retries(server: Server) -> None:
    server.chaos.plan("status", status=500, times=9)
    with client(server.url, budget=Budget(calls_per_run=3)) as http:
        with pytest.raises(Exhausted, match="calls_per_run"):
            http.request("GET", "/")
        assert http.calls == 3
        http.charge_before(3)
        server.chaos.calm()
        http.request("GET", "/")
        assert (http.calls, http.calls_today) == (1, 4)
    assert len(server.exchanges) == 4


def test_the_budget_of_a_day_counts_earlier_runs(server: Server) -> None:
    with client(server.url, budget=Budget(calls_per_day=12)) as http:
        http.charge_before(10)
        http.request("GET", "/")
        http.session.get(server.url + "/")
        with pytest.raises(Exhausted, match="calls_per_day"):
            http.session.get(server.url + "/")
    assert len(server.exchanges) == 2


def test_a_part_with_an_allowance_of_its_own_is_counted_apart_retries_included(server: Server) -> None:
    with client(server.url) as http:
        http.meters["people"] = Meter(limit=5, before=1)
        http.meters["deals"] = Meter(limit=100)
        server.chaos.plan("status", status=500, times=1)
        http.request("GET", "/", spends={"people": 1})
        http.request("GET", "/", spends={"people": 1, "deals": 20})
        with pytest.raises(Exhausted, match="people: calls_per_day"):
            http.request("GET", "/", spends={"people": 2, "deals": 1})
        http.request("GET", "/")
        assert [http.meters[part].calls for part in ("people", "deals")] == [3, 20]
        assert http.calls == 4


def test_a_request_within_a_request_spends_its_own(server: Server) -> None:
    """As a sign-in does that a client library sends while it prepares ours."""
    with client(server.url) as http:
        http.meters["people"] = Meter(limit=100)

        def sign_in(request: requests.PreparedRequest) -> requests.PreparedRequest:
            http.request("POST", "/token")
            return request

        http.request("GET", "/", auth=sign_in, spends={"people": 3})
        assert (http.meters["people"].calls, http.calls) == (3, 2)


def test_what_a_library_sends_past_us_spends_nothing_of_the_request_before(server: Server) -> None:
    with client(server.url) as http:
        http.meters["people"] = Meter(limit=100)
        http.request("GET", "/", spends={"people": 1})
        http.session.send(requests.Request("GET", server.url).prepare())
        assert (http.meters["people"].calls, http.calls) == (1, 2)


def test_a_part_has_its_own_day() -> None:
    at = datetime(2026, 11, 26, 8, 59, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert Meter.day(at) == "2026-11-25"
    assert Meter.day(at + timedelta(minutes=1)) == "2026-11-26"


def test_what_a_hook_sends_again_is_counted_too(server: Server) -> None:
    def again(response: requests.Response, **kw: Any) -> requests.Response:
        return response.connection.send(response.request, **kw)

    with client(server.url, budget=Budget(calls_per_run=2)) as http:
        http.request("GET", "/", hooks={"response": again})
        assert http.calls == 2


def test_a_share_of_the_systems_allowance_is_left_to_others(server: Server) -> None:
    now = [0.0]
    http = Http("shop", server.url, HttpOptions(budget=Budget(leave_free=0.2)), clock=lambda: now[0])
    http.quota = Quota(used=799, limit=1000)
    http.request("GET", "/")
    http.quota = Quota(used=800, limit=1000)
    with pytest.raises(Exhausted, match="leave_free"):
        http.request("GET", "/")
    now[0] += 3600  # that word is old: one request may hear a new one
    http.request("GET", "/")
    assert http.quota == Quota(used=800, limit=1000)
    http.quota = None
    http.request("GET", "/")
    http.close()


def test_requests_of_which_the_system_has_not_told_yet_count_as_used(server: Server) -> None:
    with client(server.url, budget=Budget(leave_free=0.2)) as http:
        http.request("GET", "/")  # told of in what is heard next
        http.quota = Quota(used=798, limit=1000)
        assert http.left() == 2
        http.request("GET", "/")
        http.request("GET", "/")
        assert http.left() == 0
        with pytest.raises(Exhausted, match="leave_free"):
            http.request("GET", "/")


def test_requests_keep_their_distance(server: Server, naps: list[float]) -> None:
    http = Http("shop", server.url, HttpOptions(rate=4), clock=lambda: 100.0, sleep=naps.append)
    for _ in range(4):
        http.request("GET", "/")
    assert naps == [0.25, 0.5, 0.75]
    http.close()


# --- what an answer means ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "asked", "written"),
    [
        (300, Unavailable, Unavailable),
        (304, Unavailable, Unavailable),
        (400, Refused, Refused),
        (401, Unauthorized, Unauthorized),
        (403, Unauthorized, Unauthorized),
        (404, Refused, Refused),
        (407, Unavailable, Unavailable),
        (408, Unavailable, Uncertain),
        (409, Refused, Refused),
        (413, Refused, Refused),
        (425, Unavailable, Unavailable),
        (429, Unavailable, Unavailable),
        (500, Unavailable, Uncertain),
        (501, Unavailable, Uncertain),
        (503, Unavailable, Uncertain),
    ],
)
def test_the_table_of_statuses(status: int, asked: type[AdapterError], written: type[AdapterError]) -> None:
    for repeatable, kind in ((True, asked), (False, written)):
        error = error_of(status, where="shop", repeatable=repeatable, code="X1")
        assert type(error) is kind
        assert (error.where, error.code) == ("shop", "X1")
        assert str(status) in error.in_("ja")


def test_an_adapter_may_know_better(server: Server) -> None:
    def judge(response: requests.Response) -> AdapterError | None:
        return Exhausted(error_of(403, where="", repeatable=True).what) if response.status_code == 403 else None

    server.chaos.plan("status", status=403)
    server.chaos.plan("status", status=404)
    http = Http("shop", server.url, HttpOptions(), judge=judge)
    with pytest.raises(Exhausted):
        http.request("GET", "/")
    with pytest.raises(Refused):
        http.request("GET", "/")
    http.close()


def test_a_page_for_people_is_not_an_answer(server: Server) -> None:
    with client(server.url) as http:
        server.chaos.plan("html")
        with pytest.raises(Unavailable, match="login page or a proxy"):
            http.request("GET", "/")
        server.chaos.plan("status", status=403, body="<html>blocked", mimetype="text/html")
        with pytest.raises(Unavailable, match="login page or a proxy"):
            http.request("POST", "/")
        server.chaos.plan("status", status=401, body="<html>who?", mimetype="text/html")
        with pytest.raises(Unauthorized):
            http.request("GET", "/")


def test_an_answer_that_is_not_json_is_told(server: Server, system: System) -> None:
    system.answer = lambda _: Response("{'ok'", mimetype="application/json")
    with client(server.url) as http:
        with pytest.raises(Unavailable, match="not JSON"):
            http.json("GET", "/")
        with pytest.raises(Uncertain, match="not JSON"):
            http.json("POST", "/")
        system.answer = lambda _: Response("", 204)
        assert http.json("DELETE", "/") is None


def test_the_systems_clock_is_heard(server: Server, system: System) -> None:
    with client(server.url) as http:
        assert http.server_time is None
        system.answer = lambda _: Response("", headers={"Date": "Wed, 01 Apr 2026 01:29:40 GMT"})
        http.request("GET", "/")
        assert http.server_time == NOW - timedelta(seconds=20)
        system.answer = lambda _: Response("", headers={"Date": "yesterday"})
        http.request("GET", "/")
        assert http.server_time == NOW - timedelta(seconds=20)


def test_a_system_whose_clock_is_ahead_is_believed_no_further_than_ours(server: Server, system: System) -> None:
    system.answer = lambda _: Response("", headers={"Date": "Thu, 02 Apr 2026 01:30:00 GMT"})
    with client(server.url) as http:
        http.request("GET", "/")
        assert http.heard == NOW + timedelta(days=1)
        assert http.server_time == NOW


# --- what is told -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "kind"), [(422, Refused), (403, Unauthorized), (500, Uncertain)])
def test_what_the_system_says_of_an_error_goes_with_it_and_stands_in_no_message(
    server: Server, status: int, kind: type[AdapterError]
) -> None:
    body = json.dumps({"message": SECRET})
    server.chaos.plan("status", status=status, body=body, mimetype="application/json")
    with structlog.testing.capture_logs() as entries, client(server.url) as http, pytest.raises(kind) as caught:
        http.request("POST", "/people")
    assert caught.value.said == SECRET
    assert SECRET not in "".join([str(caught.value), caught.value.in_("ja"), repr(caught.value), json.dumps(entries)])


def test_log_and_errors_hold_no_query_header_or_body(server: Server) -> None:
    told: list[ConnectorError] = []

    def ask(method: str, fault: str | None, **params: Any) -> None:
        if fault:
            server.chaos.plan(fault, **params)
        try:
            http.request(
                method, f"/people?q={SECRET}", headers={"X-Token": SECRET}, data=SECRET, params={"email": SECRET}
            )
        except ConnectorError as error:
            told.append(error)

    with structlog.testing.capture_logs() as entries, client(server.url, retries=1) as http:
        for method in ("GET", "POST"):
            ask(method, None)
            for fault in ("reset_before", "truncate", "html"):
                ask(method, fault, times=2)
            ask(method, "redirect", location=f"https://{SECRET}.example/{SECRET}", times=2)
            ask(method, "status", status=500, body=SECRET, headers={"X": SECRET}, times=2)
            ask(method, "status", status=429, headers={"Retry-After": "99", "X": SECRET})
    assert len(told) >= 10
    assert SECRET not in "".join(e.in_("en") + e.in_("ja") + repr(e) + repr(e.__cause__) for e in told)
    assert all(error.__suppress_context__ or error.__context__ is None for error in told)
    assert SECRET not in json.dumps(entries)
    assert {entry["path"] for entry in entries} == {"/people"}
    first = entries[0]
    assert first.pop("ms") >= 0
    assert first == {
        "event": "request_sent",
        "log_level": "debug",
        "system": "shop",
        "method": "GET",
        "path": "/people",
        "status": 200,
        "attempt": 1,
    }
    assert [entry["attempt"] for entry in entries if entry["status"] == 0][:2] == [1, 2]


def test_the_session_can_be_handed_to_a_client_library(server: Server) -> None:
    server.chaos.plan("status", status=503)
    server.chaos.plan("reset_before")
    with client(server.url) as http:
        answer = http.session.request("GET", server.url + "/x", headers={}, timeout=None, stream=True)
        assert answer.json() == {"ok": True}
        assert http.calls == 3
        assert http.session.request("POST", server.url + "/", repeatable=True).ok
        server.chaos.plan("status", status=404)
        assert http.session.get(server.url + "/").status_code == 404


@responses.activate
def test_it_stands_behind_stand_ins_too() -> None:
    responses.get("https://shop.example/a", json={"ok": 1})
    responses.get("https://shop.example/b", body=requests.ConnectionError())
    with client("https://shop.example", retries=0) as http:
        assert http.json("GET", "/a") == {"ok": 1}
        with pytest.raises(Unavailable, match="cannot be reached"):
            http.request("GET", "/b")


def test_many_threads_share_it(server: Server, system: System) -> None:
    with client(server.url) as http:
        threads = [threading.Thread(target=lambda: [http.request("GET", "/") for _ in range(20)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert http.calls == 80
    assert len(system.seen) == 80


@pytest.mark.parametrize("secret", ["kanaria\ncanary", "金糸雀"])
def test_a_secret_that_no_header_can_carry_is_told_and_not_shown(server: Server, secret: str) -> None:
    with client(server.url) as http, pytest.raises(Unauthorized) as caught:
        http.request("GET", "/", headers={"X-Token": secret})

    assert secret not in repr(caught.value) + str(caught.value)
    assert caught.value.__cause__ is None
    assert server.exchanges == []


def test_an_answer_nested_without_end_is_no_json(server: Server, system: System) -> None:
    system.answer = lambda _: Response("[" * 100_000, mimetype="application/json")
    with client(server.url) as http, pytest.raises(Unavailable, match="not JSON"):
        http.json("GET", "/")
