"""A real HTTP/1.1 server on a loopback port around an emulator, with faults in between.

Faults handled here, for any emulator (`Chaos.plan(kind, ...)`):

* `status` - answer `status` (default 503) with `body`, `headers`, without asking the emulator
* `html` - answer 200 with a login page in HTML
* `redirect` - answer 302 to `location`
* `delay` - wait `seconds`, then go on
* `reset_before` - cut the connection, the emulator never sees the request
* `reset_after` - the emulator does the work, then the connection is cut
* `late` - the connection is cut at once, the emulator does the work `seconds` later
* `truncate` - the work is done, only half of the answer's body arrives

An emulator with a clock of its own sets `Date` itself; otherwise it is the wall clock's.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from werkzeug.http import http_date
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from connector.sandbox.chaos import Chaos

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

Handler = Callable[[Request], Response]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that reached the server; status 0 when the connection was cut."""

    method: str
    target: str
    status: int


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def send_response(self, code: int, message: str | None = None) -> None:
        """Send the status line without a Date: each answer brings its own, so that there is never a second one."""
        self.log_request(code)
        self.send_response_only(code, message)
        self.send_header("Server", self.version_string())

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  werkzeug's name
        """Say nothing: the exchanges are kept by the server object."""


class Server:
    """Serves `handler` on 127.0.0.1 from `start()` to `stop()`; a thread per connection."""

    def __init__(self, handler: Handler, *, port: int = 0, chaos: Chaos | None = None) -> None:
        self.chaos = chaos or Chaos()
        self.exchanges: list[Exchange] = []
        self._handle = handler
        self._server = make_server("127.0.0.1", port, self._wsgi, threaded=True, request_handler=_Handler)
        self._server.daemon_threads = True  # type: ignore[attr-defined]  # a socketserver attribute
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Base URL without a trailing slash."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _wsgi(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        target = request.full_path.rstrip("?")
        response = self._answer(request, target)
        if response is not None:
            response.headers.setdefault("Date", http_date())
        self.exchanges.append(Exchange(request.method, target, response.status_code if response else 0))
        if response is None:
            _cut(environ["werkzeug.socket"])
            raise ConnectionResetError  # werkzeug's word for: the client is gone, say nothing more
        return response(environ, start_response)

    def _answer(self, request: Request, target: str) -> Response | None:
        request.get_data()  # a body left unread would be taken for the next request

        def struck(kind: str) -> dict[str, object] | None:
            fault = self.chaos.take(kind, request.method, target)
            return None if fault is None else dict(fault.params)

        if (params := struck("delay")) is not None:
            time.sleep(float(str(params.get("seconds", 1.0))))
        if struck("reset_before") is not None:
            return None
        if (params := struck("late")) is not None:
            seconds = float(str(params.get("seconds", 1.0)))
            threading.Timer(seconds, self._quietly, args=(request,)).start()
            return None
        if (params := struck("status")) is not None:
            headers = params.get("headers")
            return Response(
                str(params.get("body", "")),
                int(str(params.get("status", 503))),
                headers if isinstance(headers, dict) else None,
                mimetype=str(params.get("mimetype", "text/plain")),
            )
        if struck("html") is not None:
            return Response("<!DOCTYPE html><html><body>Sign in</body></html>", 200, mimetype="text/html")
        if (params := struck("redirect")) is not None:
            return Response("", 302, {"Location": str(params["location"])})
        response = self._handle(request)
        if struck("reset_after") is not None:
            return None
        if struck("truncate") is not None:
            body = response.get_data()
            response.set_data(body[: len(body) // 2])
            response.headers["Content-Length"] = str(len(body))
            response.headers["Connection"] = "close"
        return response

    def _quietly(self, request: Request) -> None:
        with contextlib.suppress(Exception):  # nobody is left to be told
            self._handle(request)


def _cut(connection: socket.socket) -> None:
    """Close with a TCP reset, so that the client sees a broken connection and not an empty answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RD)
    connection.close()
