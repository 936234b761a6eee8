"""Up to twenty writes in one request, all of them or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connector.sandbox.kintone.domain import Domain
from connector.sandbox.kintone.errors import MISSING, NOT_IN_ENUM, Refusal, Say, bad_json, wrong
from connector.sandbox.kintone.params import Params
from connector.sandbox.kintone.web import Answer, Call, Place, Routes

MAX_REQUESTS = 20
_ALLOWED = frozenset(
    {
        ("POST", "record"),
        ("PUT", "record"),
        ("POST", "records"),
        ("PUT", "records"),
        ("DELETE", "records"),
        ("PUT", "record/status"),
        ("PUT", "records/status"),
        ("PUT", "record/assignees"),
    }
)
_TOO_MANY: Say = ("一度に20件までのリクエストを実行できます。", "A maximum of 20 requests can be executed at one time.")
_MIXED: Say = (
    "ゲストスペースのアプリとほかのアプリを同時に操作することはできません。",
    "Apps in a guest space and other apps cannot be changed in one request.",
)


@dataclass(frozen=True, slots=True)
class Bulk:
    """Answers bulk requests; `answer` does what one of them asks, `language` is the caller's."""

    domain: Domain
    answer: Callable[[Call], Answer]
    language: Callable[[], str]

    def routes(self) -> Routes:
        """What is answered here."""
        return {("POST", "bulkRequest"): self.run}

    def run(self, call: Call) -> Answer:
        """Do all of it in order; the first one that fails undoes all before it."""
        given = call.params.many("requests", required=True)
        if len(given) > MAX_REQUESTS:
            call.params.complain("requests", _TOO_MANY)
        call.params.done()
        calls = [self._call(call, place, each) for place, each in enumerate(given)]
        if len({each.place.guest for each in calls}) > 1:
            raise wrong("requests", _MIXED)
        results: list[Any] = [{} for _ in calls]
        done: list[Any] = []
        try:
            with self.domain.writing():
                done.extend(self.answer(each).body for each in calls)
        except Refusal as refusal:
            results[len(done)] = refusal.body(self.language())
            return Answer({"results": results}, refusal.status)
        return Answer({"results": done})

    @staticmethod
    def _call(call: Call, number: int, given: Any) -> Call:
        part = call.params.inner(given, f"requests[{number}].")
        method, api = part.text("method", required=True), part.text("api", required=True)
        payload = part.get("payload")
        if payload is None:
            part.complain("payload", MISSING)
        part.done()
        place = Place.of(api)
        if place is None or (method, place.api) not in _ALLOWED:
            raise wrong(f"requests[{number}].api", NOT_IN_ENUM)
        if not isinstance(payload, dict):
            raise bad_json()
        return Call(method, place, Params(payload), call.who, call.target)
