"""What stands between an adapter and a system, and spoils the one request that it was told to spoil.

It speaks HTTP/1.1 by hand, because most of what it does no library would do: half an answer, a byte now and then,
silence, an answer to a request that is carried out only later. It knows nothing of what the requests mean.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Self

from werkzeug.http import http_date
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

Headers = Sequence[tuple[str, str]]


def heard(method: str, place: str, target: str, headers: Headers, body: bytes) -> Request:
    """A request as a server at `place` would hear it."""
    path, _, query = target.partition("?")
    builder = EnvironBuilder(
        path=path, query_string=query, method=method, data=body or None, base_url=place, headers=list(headers)
    )
    return Request({**builder.get_environ(), "RAW_URI": target, "REQUEST_URI": target})


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came; `number` counts those of the proxy, from 1."""

    number: int
    method: str
    target: str
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, of the system or made up."""

    status: int
    headers: Headers = ()
    body: bytes = b""

    def having(self, **headers: str) -> Answer:
        """The same with other headers; `content_type` stands for Content-Type."""
        told = {name.replace("_", "-").title(): value for name, value in headers.items()}
        kept = [(name, value) for name, value in self.headers if name.title() not in told]
        return replace(self, headers=[*kept, *told.items()])

    def head(self, length: int) -> bytes:
        """Status line and headers, for a body that is said to be so long."""
        lines = [f"HTTP/1.1 {self.status} Spoken", *(f"{name}: {value}" for name, value in self.headers)]
        return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode("latin-1")


class Hung(Exception):
    """The connection is over."""


@dataclass
class Wire:
    """One request under way: what a fault has in hand."""

    asked: Asked
    client: socket.socket = field(repr=False)
    proxy: Proxy = field(repr=False)

    def forward(self) -> Answer:
        """Let the system carry the request out."""
        return self.proxy.carry_out(self.asked)

    def forward_later(self) -> None:
        """Let the system carry it out when the test says so (`Proxy.deliver_late`)."""
        self.proxy.late.append(self.asked)

    def reply(self, answer: Answer) -> None:
        """Answer, as it should be."""
        self.client.sendall(answer.head(len(answer.body)) + answer.body)

    def send(self, some: bytes) -> None:
        """Send some bytes of an answer."""
        self.client.sendall(some)

    def reset(self) -> None:
        """Cut the connection by a TCP reset."""
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Hung

    def hang_up(self) -> None:
        """End the connection as if all had been said."""
        raise Hung

    def wait_for_client(self, drip: bytes = b"") -> None:
        """Say nothing until the client gives up, or no more than a byte of `drip` now and then."""
        self.client.settimeout(0.02)
        for place in range(1500):
            with contextlib.suppress(TimeoutError):
                if not self.client.recv(1):
                    break
            if place < len(drip):
                self.client.sendall(drip[place : place + 1])
        raise Hung


Spoil = Callable[[Wire], None]
"""Deals with a request in place of the proxy, to its end."""


class _Link(socketserver.BaseRequestHandler):
    """A connection of the client."""

    server: _Server

    def handle(self) -> None:
        self.server.proxy.serve(self.request)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(("127.0.0.1", 0), _Link)
        self.proxy = proxy

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that is gone is what tests here are about."""


class Proxy:
    """Passes requests on to `system` from the beginning to the end of a block.

    `order` says which requests to spoil, and how: it is asked about each.
    """

    def __init__(self, system: Callable[[Request], Response]) -> None:
        self.system = system
        self.seen: list[Asked] = []
        self.late: list[Asked] = []
        self.order: Callable[[Asked], Spoil | None] = lambda _: None
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def forget(self) -> None:
        """Count from 1 again, and spoil nothing."""
        with self._lock:
            self.seen, self.order = [], lambda _: None

    def deliver_late(self) -> int:
        """What was held back reaches the system now; how many requests that were."""
        late, self.late = self.late, []
        for asked in late:
            self.carry_out(asked)
        return len(late)

    def carry_out(self, asked: Asked) -> Answer:
        """Have the system do what was asked; its answer without what belongs to a connection."""
        host = next(value for name, value in asked.headers if name.lower() == "host")
        answer = self.system(heard(asked.method, f"http://{host}", asked.target, asked.headers, asked.body))
        answer.headers.setdefault("Date", http_date())
        kept = [(name, value) for name, value in answer.headers if name.lower() not in _OF_A_CONNECTION]
        return Answer(answer.status_code, kept, answer.get_data())

    def serve(self, client: socket.socket) -> None:
        """Deal with the requests of a connection, until it is over."""
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(Hung, OSError), client.makefile("rb") as stream:
            while (asked := self._read(stream)) is not None:
                wire = Wire(asked, client, self)
                spoil = self.order(asked)
                if spoil is None:
                    wire.reply(wire.forward())
                else:
                    spoil(wire)

    def _read(self, stream: BinaryIO) -> Asked | None:
        first = stream.readline()
        if not first:
            return None
        method, target, _ = first.decode("latin-1").split(" ")
        headers: list[tuple[str, str]] = []
        while line := stream.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers.append((name, value.strip()))
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        body = stream.read(length)
        with self._lock:
            asked = Asked(len(self.seen) + 1, method, target, headers, body)
            self.seen.append(asked)
        return asked


_OF_A_CONNECTION = frozenset({"content-length", "connection", "transfer-encoding", "keep-alive"})
