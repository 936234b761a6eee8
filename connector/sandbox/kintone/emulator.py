"""The domain behind HTTP: who may call, what is called, and how it is answered."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import quote

from werkzeug.http import http_date
from werkzeug.wrappers import Request, Response

from connector.sandbox.chaos import Chaos
from connector.sandbox.clock import Clock
from connector.sandbox.kintone.access import Access
from connector.sandbox.kintone.bulk import Bulk
from connector.sandbox.kintone.comments import Comments
from connector.sandbox.kintone.domain import Domain
from connector.sandbox.kintone.errors import Refusal, illegal, too_many
from connector.sandbox.kintone.params import Params
from connector.sandbox.kintone.process import Processes
from connector.sandbox.kintone.reading import Reading
from connector.sandbox.kintone.records import Records
from connector.sandbox.kintone.schema import Schema
from connector.sandbox.kintone.web import Answer, Call, Handler, Place, method_of, params_of

MAX_TARGET = 8192
_MAINTENANCE = "<!DOCTYPE html><html><body>ただいまメンテナンス中です。 Under maintenance.</body></html>"
_NO_CACHE = "no-cache, no-store, must-revalidate"


class KintoneEmulator(Domain):
    """A strict kintone domain that speaks HTTP through `handle`; see the package's docstring for its faults.

    Attributes:
        concurrency_limit: the requests that may run at the same time.
        most_running: the most that ever did.
    """

    def __init__(
        self, *, clock: Clock | None = None, chaos: Chaos | None = None, language: str = "ja", locale: str = "ja"
    ) -> None:
        super().__init__(clock=clock, chaos=chaos, language=language, locale=locale)
        self.concurrency_limit = 100
        self.most_running = 0
        self._running = 0
        self._running_lock = threading.Lock()
        self._asked = language
        access = Access(self)
        self._reading = Reading(self, access)
        self._records = Records(self, access)
        parts = (
            self._reading,
            self._records,
            Comments(self, access),
            Processes(self, access, self._records),
            Schema(self, access),
            Bulk(self, self._dispatch, lambda: self._asked),
        )
        self._routes: dict[tuple[str, str], Handler] = {}
        for part in parts:
            self._routes |= part.routes()

    # --- for tests and demonstrations ---------------------------------------------------------------------------------

    @property
    def open_cursors(self) -> int:
        """The cursors that hold a slot now."""
        with self.lock:
            return self._reading.open_cursors

    @property
    def search_limit(self) -> int:
        """The hits beyond which a search is cut off with a warning."""
        return self._reading.search_limit

    @search_limit.setter
    def search_limit(self, value: int) -> None:
        self._reading.search_limit = value

    @property
    def index_delay(self) -> timedelta:
        """How long after a write `like` does not find the record."""
        return self._reading.index_delay

    @index_delay.setter
    def index_delay(self, value: timedelta) -> None:
        self._reading.index_delay = value

    def order_by_seconds(self) -> None:
        """From now on changes of one minute are ordered by their seconds, which no answer shows."""
        self._reading.orders_by_seconds = True

    # --- HTTP ---------------------------------------------------------------------------------------------------------

    def handle(self, request: Request) -> Response:
        """Answer a request."""
        with self._counted() as running, self.lock:
            self._asked = self._language(request)
            shown = running
            target = request.full_path.rstrip("?")
            try:
                response = self._answer(request, target, running)
            except Refusal as refusal:
                response = _json(Answer(refusal.body(self._asked), refusal.status))
                response.headers["X-Cybozu-Error"] = refusal.code
                if refusal.code == "GAIA_TO04":
                    response.headers["Cache-Control"] = _NO_CACHE
                    shown = max(running, self.concurrency_limit + 1)
            response.headers["X-ConcurrencyLimit-Limit"] = str(self.concurrency_limit)
            response.headers["X-ConcurrencyLimit-Running"] = str(shown)
            response.headers["Date"] = http_date(self.clock())
            return response

    @contextmanager
    def _counted(self) -> Iterator[int]:
        with self._running_lock:
            self._running += 1
            running = self._running
            self.most_running = max(self.most_running, running)
        try:
            yield running
        finally:
            with self._running_lock:
                self._running -= 1

    def _language(self, request: Request) -> str:
        if not request.accept_languages:
            return self.language
        return request.accept_languages.best_match(["ja", "en"], default="en")

    def _answer(self, request: Request, target: str, running: int) -> Response:
        if len(quote(request.path)) + 1 + len(request.query_string) > MAX_TARGET:
            return Response("Request URL Too Large", 414, mimetype="text/html")
        if not self.doors.basic_fits(request.headers):
            challenge = {"WWW-Authenticate": 'Basic realm="kintone"'}
            return Response("Unauthorized", 401, challenge, mimetype="text/html")
        method = method_of(request)
        if self.chaos.take("maintenance", method, target) is not None:
            return Response(_MAINTENANCE, 503, mimetype="text/html")
        refused = [self.chaos.take(kind, method, target) for kind in ("concurrency", "quota")]
        if any(refused) or running > self.concurrency_limit:
            raise too_many()
        place = Place.of(request.path)
        if place is None or not any(api == place.api for _, api in self._routes):
            return Response("Not Found", 404, mimetype="text/html")
        if self.chaos.take("expired", method, target) is not None:
            self.doors.bearers.pop(request.headers.get("Authorization", "").partition(" ")[2], None)
        who = self.doors.who(request.headers)
        if (method, place.api) not in self._routes:
            raise illegal()
        self.settle()
        call = Call(method, place, Params(params_of(request, method)), who, target)
        late = None if method == "GET" else self.chaos.take("late_commit", method, target)
        if late is None:
            return _json(self._dispatch(call))
        with self.late_commit(float(late.params.get("seconds", 60))):
            return _json(self._dispatch(call))

    def _dispatch(self, call: Call) -> Answer:
        return self._routes[call.method, call.place.api](call)


def _json(answer: Answer) -> Response:
    body = json.dumps(answer.body, ensure_ascii=False, separators=(",", ":"))
    return Response(body, answer.status, dict(answer.headers), content_type="application/json;charset=utf-8")
