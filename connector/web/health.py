"""Health endpoints, for whatever keeps watch over the service.

/healthz  is the scheduler alive? A system or a store that is down does not make it fail: a restart would not help.
/readyz   could a run begin now?
/version
/metrics  what Prometheus asks for

They hold nothing secret and change nothing, so they may be bound to any address; whatever is more than that may not.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from werkzeug.wrappers import Request, Response

from connector import __version__

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

STUCK_SECONDS = 60
"""A scheduler that showed no sign of life for this long does not live."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

Answer = tuple[int, dict[str, Any]]
PATHS = ("/healthz", "/readyz", "/version", "/metrics")
METRICS = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Health:
    """The WSGI application."""

    bound_to: str
    """The address it is bound to, without the port."""
    names: Collection[str]
    """Further names under which it may be asked."""
    heartbeat_age: Callable[[], float]
    checks: Callable[[], Mapping[str, bool]]
    """What a run needs, and whether it is there; empty when nobody knows."""
    runs: Callable[[], Mapping[str, Any]]
    """How the runs went since the start."""
    metrics: Callable[[], bytes]
    """What is measured, as Prometheus reads it."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        error = self._refusal(request)
        if error is None and request.path == "/metrics":
            response = Response(self.metrics(), 200, HEADERS, content_type=METRICS)
        else:
            status, data = error or self._answer(request)
            response = Response(orjson.dumps(data) + b"\n", status, HEADERS, content_type="application/json")
            if status == 405:
                response.headers["Allow"] = "GET, HEAD"
        return response(environ, start_response)

    def _refusal(self, request: Request) -> Answer | None:
        if not self._is_ours(request.environ.get("HTTP_HOST", "")):
            return 421, {"error": "unknown host"}
        if request.path not in PATHS:
            return 404, {"error": "not found"}
        if request.method not in ("GET", "HEAD"):
            return 405, {"error": "method not allowed"}
        return None

    def _answer(self, request: Request) -> Answer:
        return {"/healthz": self._healthz, "/readyz": self._readyz, "/version": _version}[request.path]()

    def _is_ours(self, host: str) -> bool:
        """Whether the Host header is one of ours: a page whose name was made to point here brings its own name.

        When bound to all addresses, any address will do; a name never, unless it was configured.
        """
        try:
            name, _ = split_address(host)
        except ValueError:
            return False
        if name in ("localhost", "127.0.0.1", "::1", self.bound_to, *self.names):
            return True
        return self.bound_to in ("0.0.0.0", "::") and _is_address(name)  # noqa: S104  compared, not bound to

    def _healthz(self) -> Answer:
        age = self.heartbeat_age()
        alive = age < STUCK_SECONDS
        return 200 if alive else 503, {"status": "alive" if alive else "stuck", "heartbeat_age_seconds": round(age, 1)}

    def _readyz(self) -> Answer:
        checks = self.checks()
        ready = bool(checks) and all(checks.values())
        return 200 if ready else 503, {
            "status": "ready" if ready else "not ready",
            "checks": {name: "ok" if fine else "failed" for name, fine in checks.items()},
            "runs": self.runs(),
        }


def split_address(address: str) -> tuple[str, int | None]:
    """`127.0.0.1:8080`, `localhost` or `[::1]:8080` taken apart.

    :raises ValueError: when it is anything else
    """
    parts = urlsplit(f"//{address}")
    if not parts.hostname or parts.netloc != address or "@" in address:
        raise ValueError(address)
    return parts.hostname, parts.port


def _version() -> Answer:
    return 200, {"name": "connector", "version": __version__}


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
