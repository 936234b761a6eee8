"""The org behind HTTP: who may call, which version, what it counts, and what is answered where."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.http import http_date
from werkzeug.wrappers import Request, Response

from connector.sandbox.chaos import Chaos
from connector.sandbox.clock import Clock
from connector.sandbox.salesforce import soap
from connector.sandbox.salesforce.auth import Auth, Credentials
from connector.sandbox.salesforce.bulk_query import BulkQuery
from connector.sandbox.salesforce.composite import Composite
from connector.sandbox.salesforce.errors import OAuthRefusal, Refusal, SeveralMatches, not_found, refuse
from connector.sandbox.salesforce.ingest import Ingest
from connector.sandbox.salesforce.limits import Limits
from connector.sandbox.salesforce.many import Many
from connector.sandbox.salesforce.org import Org
from connector.sandbox.salesforce.query import Queries
from connector.sandbox.salesforce.records import Settings
from connector.sandbox.salesforce.rest import Rest
from connector.sandbox.salesforce.web import Answer, Call, Router, answer_refusal, split_target

_VERSION = re.compile(r"v(\d{1,3})\.0")
# Near 16 KB a real org's edge gives up, with a page and not with JSON.
MAX_TARGET = 16_384
_TOO_LONG = Answer(414, "<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>", mimetype="text/html")
_EXPIRED = "Session expired or invalid"


class SalesforceEmulator(Org):
    """A strict Salesforce org that speaks HTTP through `handle`; see the package's docstring for its faults."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        chaos: Chaos | None = None,
        settings: Settings | None = None,
        api_versions: tuple[int, int] = (41, 68),
        state_seconds: float = 0,
        session_seconds: float = 7200,
        **credentials: str,
    ) -> None:
        super().__init__(clock=clock, chaos=chaos, settings=settings)
        self.credentials = Credentials(**credentials)
        self.api_versions = api_versions
        self.state_seconds = state_seconds
        self.auth = Auth(self, self.credentials, session_seconds=session_seconds)
        self.limits = Limits()
        self.queries = Queries(self.schema, self.store, self.settings, self.clock)
        self._standing = ""
        self.client_id, self.client_secret = self.credentials.client_id, self.credentials.client_secret
        self.username, self.password = self.credentials.username, self.credentials.password
        self.security_token, self.refresh_token = self.credentials.security_token, self.credentials.refresh_token
        rest, many = Rest(self, self.queries, self.limits), Many(self)
        composite = Composite(self, self.answer, self._charge)
        self.ingest = Ingest(self, self.limits, lambda: self.state_seconds)
        self.bulk_query = BulkQuery(self, self.queries, self.limits, lambda: self.state_seconds)
        parts = (composite, many, self.ingest, self.bulk_query, rest)
        self._router = Router([route for part in parts for route in part.routes()])

    # --- for tests and demonstrations -----------------------------------------------------------------------------

    @property
    def access_token(self) -> str:
        """A token that works now; the same one as long as it does."""
        with self.lock:
            if self.auth.user_of(self._standing) is None:
                self._standing = self.auth.open()
            return self._standing

    def expire_tokens(self) -> None:
        """End every session."""
        with self.lock:
            self.auth.close_all()

    @property
    def calls(self) -> int:
        """API calls so far, as Salesforce counts them: a composite is one, a login or a refused token is none."""
        return self.limits.calls.total

    @property
    def logins(self) -> int:
        """Successful logins so far."""
        return self.auth.logins

    @property
    def daily_limit(self) -> int:
        """API calls within 24 hours."""
        return self.limits.calls.maximum

    @daily_limit.setter
    def daily_limit(self, value: int) -> None:
        self.limits.calls.maximum = value

    @property
    def page_size(self) -> int:
        """The most records of a query's page."""
        return self.settings.page_size

    @page_size.setter
    def page_size(self, value: int) -> None:
        self.settings.page_size = value

    # --- HTTP -----------------------------------------------------------------------------------------------------

    def handle(self, request: Request) -> Response:
        """Answer a request."""
        raw = str(request.environ.get("RAW_URI") or request.full_path).rstrip("?")
        target = raw if raw.startswith("/") else "/" + raw.split("/", 3)[-1]
        segments, args = split_target(target)
        call = Call(
            request.method,
            target,
            segments,
            args,
            Headers(request.headers),
            request.get_data(),
            request.host_url.rstrip("/"),
        )
        with self.lock:
            self.settle()
            too_long = len(target) > MAX_TARGET
            answer = _TOO_LONG if too_long else self._guarded(lambda: self._route(request, call))
            info, now = self.limits.info(self.clock()), self.clock()
        response = Response(answer.encoded(), answer.status, answer.headers, mimetype=None)
        response.headers["Sforce-Limit-Info"] = info
        response.headers["Date"] = http_date(now)
        if answer.body is None:
            del response.headers["Content-Type"]
        else:
            response.headers["Content-Type"] = answer.mimetype
        return response

    def _guarded(self, run: Callable[[], Answer]) -> Answer:
        try:
            return run()
        except Refusal as error:
            return answer_refusal(error)
        except OAuthRefusal as error:
            body: dict[str, Any] = {"error": error.error}
            if error.description is not None:
                body["error_description"] = error.description
            return Answer(error.status, body)

    def _route(self, request: Request, call: Call) -> Answer:
        segments = call.segments
        if segments[:2] == ("services", "data"):
            return self._data(call, segments[2:])
        if segments == ("services", "oauth2", "token"):
            return self.auth.token(request)
        if segments == ("services", "oauth2", "revoke"):
            return self.auth.revoke(request)
        if segments in (("services", "oauth2", "userinfo"), ("id", self.org_id, self.user_id)):
            return self._identity(call)
        if len(segments) >= 4 and segments[:3] == ("services", "Soap", "u"):
            return self._soap(request, segments[3])
        raise not_found()

    def _identity(self, call: Call) -> Answer:
        if self.auth.user_of(_token(call)) is None:
            # Not an error list: a word in plain text, as remembered.
            return Answer(403, "Bad_OAuth_Token", mimetype="text/html;charset=UTF-8")
        return Answer(200, self.auth.identity(call.base_url))

    def _soap(self, request: Request, version: str) -> Answer:
        if re.fullmatch(r"\d{1,3}(\.0)?", version) is None:
            raise not_found()
        first, last = self.api_versions
        return soap.answer(self.auth, request, float(version), (float(first), float(last)))

    def _data(self, call: Call, segments: tuple[str, ...]) -> Answer:
        first, last = self.api_versions
        if not segments:
            listed = [
                {"label": str(n), "url": f"/services/data/v{n}.0", "version": f"{n}.0"} for n in range(first, last + 1)
            ]
            return Answer(200, listed)
        found = _VERSION.fullmatch(segments[0])
        if found is None or int(found[1]) > last:
            raise not_found()
        if int(found[1]) < first:
            raise refuse("GONE", "The requested resource is no longer available", status=410)
        user_id = self._admitted(call)
        if self.chaos.take("quota", call.method, call.target) is not None:
            raise self.limits.exhausted()
        now = self.clock()
        self.limits.check(now)
        self.limits.calls.charge(now)
        admitted = replace(call, version=f"{int(found[1])}.0", user_id=user_id)
        late = self.chaos.take("late_commit", call.method, call.target)
        if late is None:
            return self.answer(admitted, segments[1:])
        with self.late_commit(float(late.params.get("seconds", 60))):
            return self.answer(admitted, segments[1:])

    def _admitted(self, call: Call) -> str:
        token = _token(call)
        if self.chaos.take("expired", call.method, call.target) is not None:
            self.auth.close(token)
        user_id = self.auth.user_of(token)
        if user_id is None:
            raise refuse("INVALID_SESSION_ID", _EXPIRED, status=401)
        return user_id

    def _charge(self, count: int) -> None:
        self.limits.calls.charge(self.clock(), count)

    def settle(self) -> None:
        """Let commits and jobs that are due happen."""
        super().settle()
        with self.lock:
            self.ingest.advance_all()
            self.bulk_query.advance_all()

    def answer(self, call: Call, segments: tuple[str, ...]) -> Answer:
        """Answer a call that has been let in, at its path under the version."""
        try:
            return self._router.dispatch(call, segments)
        except SeveralMatches as error:
            name = segments[1] if len(segments) > 1 else ""
            sobject = self.schema.get(name)
            shown = name if sobject is None else sobject.name
            return Answer(300, [f"{call.base}/sobjects/{shown}/{record_id}" for record_id in error.ids])


def _token(call: Call) -> str:
    kind, _, token = call.headers.get("Authorization", "").partition(" ")
    return token if kind in ("Bearer", "OAuth") else ""
