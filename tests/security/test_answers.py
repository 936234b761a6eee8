"""Each adapter that speaks HTTP, against a server that means ill: it sends on, swells, drips, or lies."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from werkzeug.wrappers import Request, Response

from connector.adapters import BUILT_IN
from connector.config import load
from connector.contain import contained, each_contained
from connector.engine.app import open_app
from connector.errors import AdapterError
from connector.ports import Adapter
from connector.sandbox.server import Server

SECRET = "canary-secret-5e1f"
SYSTEMS = {
    "salesforce": "{type: salesforce, base_url: URL, client_id: {env: S}, client_secret: {env: S}, MORE}",
    "kintone": "{type: kintone, base_url: URL, apps: {people: {id: 1, token: {env: S}}}, MORE}",
    "shanon": "{type: shanon, base_url: URL, api_key: {env: S}, password: {env: S}, secret: {env: S}, MORE}",
    "remix": "{type: esales, login_url: URL/tenant/esales-pc, token: {env: S}, MORE}",
    "esm": "{type: esales, login_url: URL/tenant/login, gateway: URL, token: {env: S}, MORE}",
    "rest": (
        "{type: rest, role: sfa, base_url: URL, auth: {header: X-Token, value: {env: S}}, rows: items, "
        "people: {person: {path: people}}, MORE}"
    ),
}
SILENT = {"memory", "csv", "esales_csv"}
"""Types of systems that speak no HTTP."""
LIMITS = "timeout: 2s, retries: 0, max_bytes: 100000"


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S", SECRET)


@contextmanager
def adapter(folder: Path, name: str, url: str) -> Iterator[Adapter]:
    (folder / "mappings").mkdir()
    block = SYSTEMS[name].replace("URL", url).replace("MORE", LIMITS)
    (folder / "config.yaml").write_text(f"systems:\n  sys: {block}\n")
    app = open_app(load(folder / "config.yaml"))
    try:
        yield app.adapters["sys"]
    finally:
        app.close()


def failures(one: Adapter) -> list[AdapterError]:
    """What it says when it is checked, and when each of its streams is read."""

    def read(stream: str) -> object:
        return list(each_contained("sys", lambda: one.pull(stream, None)))

    work: list[Callable[[], object]] = [one.check, *(partial(read, stream) for stream in one.streams)]
    found = []
    for step in work:
        try:
            with contained("sys"):
                step()
        except AdapterError as error:
            found.append(error)
    return found


def test_every_adapter_that_speaks_http_is_here() -> None:
    assert set(BUILT_IN) - SILENT == {"salesforce", "kintone", "shanon", "esales", "rest"}


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize("name", SYSTEMS)
def test_what_is_redirected_receives_nothing(tmp_path: Path, name: str, status: int) -> None:
    asked: list[Request] = []

    def elsewhere(request: Request) -> Response:
        asked.append(request)
        return Response("{}", mimetype="application/json")

    with Server(elsewhere) as other:

        def send_on(request: Request) -> Response:
            return Response("", status, {"Location": f"{other.url}{request.path}?{SECRET}"})

        with Server(send_on) as server, adapter(tmp_path, name, server.url) as one:
            found = failures(one)
            assert server.exchanges
    assert found
    assert asked == []
    assert SECRET not in "".join(str(error) + error.in_("ja") for error in found)


@pytest.mark.parametrize("name", SYSTEMS)
def test_an_answer_that_swells_is_cut_at_the_cap(tmp_path: Path, name: str) -> None:
    bomb = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
    assert len(bomb) < 100_000
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    with Server(lambda _: Response(bomb, 200, headers)) as server, adapter(tmp_path, name, server.url) as one:
        found = failures(one)
    assert found
    assert {"answered more than 100000 bytes" in str(error) for error in found} == {True}


@contextmanager
def dripping() -> Iterator[str]:
    """A server that answers a letter at a time, and never ends."""
    listening, over = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def drip(connection: socket.socket) -> None:
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n")
            while not over.wait(0.1):
                connection.sendall(b" ")

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=quietly, args=(drip, connection), daemon=True).start()

    def quietly(work: Callable[[socket.socket], None], connection: socket.socket) -> None:
        try:
            work(connection)
        except OSError:
            return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        over.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


@pytest.mark.parametrize("name", SYSTEMS)
def test_an_answer_that_drips_ends_at_the_deadline(tmp_path: Path, name: str) -> None:
    with (
        dripping() as url,
        adapter(tmp_path, name, url) as one,
        pytest.raises(AdapterError) as caught,
        contained("sys"),
    ):
        one.check()
    assert "no complete answer within 2 s" in str(caught.value)


LIES = {
    "nested without end": b"[" * 100_000,
    "a number without end": b"1" * 90_000,
    "not what was asked": b'{"items": {"id": {"id": []}}, "records": 7, "access_token": [], "rights": null}',
    "a null byte": b'{"items": ["\x00"]}',
    "half a surrogate": b'{"items": ["\\ud800"], "records": [{"$id": {"value": "\\ud800"}}]}',
    "not UTF-8": b'{"items": ["\xff\xfe"]}',
    "an external entity": (
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><Result><Token>&x;</Token></Result>'
    ),
    "entities without end": (
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
        b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><Result><Token>&c;</Token></Result>'
    ),
}


PLAUSIBLE = {"not what was asked", "half a surrogate", "not UTF-8"}
"""Lies that are JSON: a system of which nothing is asked yet may take them for an answer."""


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("name", SYSTEMS)
def test_an_answer_that_lies_is_an_error_of_ours_without_its_words(tmp_path: Path, name: str, lie: str) -> None:
    kind = "text/xml" if LIES[lie].startswith(b"<?xml") else "application/json"
    with (
        Server(lambda _: Response(LIES[lie], 200, content_type=kind)) as server,
        adapter(tmp_path, name, server.url) as one,
    ):
        found = failures(one)
    assert found or lie in PLAUSIBLE
    hostname = Path("/etc/hostname").read_text().strip() if Path("/etc/hostname").exists() else "?"
    for error in found:
        assert "the adapter failed" not in str(error)  # it knew what to make of it
        assert "aaaaaaaaaa" not in str(error)
        assert len(str(error)) < 1000
        assert hostname == "?" or hostname not in str(error)
