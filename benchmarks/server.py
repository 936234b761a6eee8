"""As much of Salesforce as taking updates needs, in a process of its own: `python -m benchmarks.server MILLISECONDS`.

It prints its address, and answers each collection of updates after that time, one thread per connection.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from subprocess import PIPE, Popen

import orjson

FIELDS = [f"MA_Field_{i}__c" for i in range(15)]
"""Of the one object that is described: text of any length."""


@contextmanager
def serving(milliseconds: int) -> Iterator[str]:
    """The address of such a server."""
    with Popen([sys.executable, "-m", "benchmarks.server", str(milliseconds)], stdout=PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    pause = 0.0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer({"access_token": "bench", "instance_url": f"http://127.0.0.1:{self.connection.getsockname()[1]}"})

    def do_GET(self) -> None:
        known = {"type": "string", "length": 0, "createable": True, "updateable": True}
        fields = [{"name": name, **known} for name in FIELDS]
        self._answer({"name": "Contact", "createable": True, "updateable": True, "fields": fields})

    def do_PATCH(self) -> None:
        body = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(self.pause)
        self._answer([{"id": record["id"], "success": True, "errors": []} for record in body["records"]])

    def _answer(self, content: object) -> None:
        body = orjson.dumps(content)
        self.send_response(200)
        self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base's name
        """Say nothing."""


def main() -> None:
    Handler.pause = int(sys.argv[1]) / 1000
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
