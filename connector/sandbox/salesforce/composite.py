"""Several calls in one: composite, composite batch and composite graph."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connector.sandbox.salesforce.errors import Refusal, refuse
from connector.sandbox.salesforce.org import Org
from connector.sandbox.salesforce.web import Answer, Call, Handler, answer_refusal, sub_call

MAX_SUBREQUESTS = 25
MAX_HEAVY = 5
MAX_GRAPHS = 75
MAX_NODES = 500
MAX_FAILED_GRAPHS = 14
_REFERENCE = re.compile(r"@\{([A-Za-z]\w*)((?:\.\w+|\[\d+\])*)\}")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_OWN_HEADERS = {"accept", "authorization", "content-type"}
_ROLLED_BACK = "The transaction was rolled back since another operation in the same transaction failed."
_METHODS = {"GET", "POST", "PATCH", "DELETE", "PUT"}


def _halted(text: str) -> Answer:
    return answer_refusal(refuse("PROCESSING_HALTED", text))


@dataclass(frozen=True, slots=True)
class Composite:
    """The handlers of the composite resources. `answer` answers one call; `charge` counts further API calls."""

    org: Org
    answer: Callable[[Call, tuple[str, ...]], Answer]
    charge: Callable[[int], None]

    def routes(self) -> list[tuple[str, Mapping[str, Handler]]]:
        """What is answered where."""
        return [
            ("composite", {"POST": self.composite}),
            ("composite/batch", {"POST": self.batch}),
            ("composite/graph", {"POST": self.graph}),
        ]

    def composite(self, call: Call) -> Answer:
        """Up to 25 calls in order, which may use each other's answers; all of it is one API call."""
        body = call.json_object()
        requests = _checked(body.get("compositeRequest"), MAX_SUBREQUESTS)
        heavy = sum(1 for each in requests if re.search(r"/(query|queryAll|composite/sobjects)\b", each["url"]))
        if heavy > MAX_HEAVY:
            # The number is documented for queries and known for collections; the code is a guess.
            raise refuse("LIMIT_EXCEEDED", f"Limit of {MAX_HEAVY} query or collections subrequests exceeded")
        _, members = self._run(call, requests, all_or_none=body.get("allOrNone") is True)
        return Answer(200, {"compositeResponse": members})

    def graph(self, call: Call) -> Answer:
        """Graphs of calls, each all or nothing."""
        graphs = call.json_object().get("graphs")
        if not isinstance(graphs, list) or not graphs or not all(isinstance(each, dict) for each in graphs):
            raise refuse("JSON_PARSER_ERROR", "graphs must be a list of graphs")
        plans = [(each.get("graphId"), _checked(each.get("compositeRequest"), MAX_NODES)) for each in graphs]
        if len(plans) > MAX_GRAPHS or sum(len(requests) for _, requests in plans) > MAX_NODES:
            raise refuse("LIMIT_EXCEEDED", f"More than {MAX_GRAPHS} graphs or {MAX_NODES} nodes")
        shown: list[dict[str, Any]] = []
        failures = 0
        for graph_id, requests in plans:
            if failures >= MAX_FAILED_GRAPHS:
                halted = [_member(each, _halted("Too many graphs failed")) for each in requests]
                good, members = False, halted
            else:
                good, members = self._run(call, requests, all_or_none=True)
            failures += not good
            response = {"compositeResponse": members}
            shown.append({"graphId": graph_id, "graphResponse": response, "isSuccessful": good})
        return Answer(200, {"graphs": shown})

    def batch(self, call: Call) -> Answer:
        """Up to 25 independent calls, each of which is an API call of its own."""
        body = call.json_object()
        requests = body.get("batchRequests")
        if not isinstance(requests, list) or not requests or len(requests) > MAX_SUBREQUESTS:
            raise refuse("JSON_PARSER_ERROR", f"batchRequests must be a list of up to {MAX_SUBREQUESTS}")
        self.charge(len(requests) - 1)
        results: list[dict[str, Any]] = []
        failed = False
        for each in requests:
            if failed and body.get("haltOnError") is True:
                done = Answer(412, [{"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing was halted"}])
            else:
                url = "/services/data/" + str(each.get("url", "")).lstrip("/").removeprefix("services/data/")
                done = self._answer(call, str(each.get("method", "")), url, each.get("richInput"), {}, None)
            failed = failed or done.failed
            results.append({"statusCode": done.status, "result": done.body})
        return Answer(200, {"hasErrors": any(each["statusCode"] >= 400 for each in results), "results": results})

    def _run(self, call: Call, requests: Sequence[Mapping[str, Any]], *, all_or_none: bool) -> tuple[bool, list[Any]]:
        answers: list[Answer] = []
        known: dict[str, Any] = {}
        with self.org.transaction() as undo:
            for each in requests:
                done = self._sub(call, each, known, all_or_none=all_or_none)
                answers.append(done)
                if not done.failed:
                    known[each["referenceId"]] = done.body
                elif all_or_none:
                    undo()
                    answers = [*(_halted(_ROLLED_BACK) for _ in answers[:-1]), done]
                    answers += [_halted(_ROLLED_BACK)] * (len(requests) - len(answers))
                    break
        good = not any(each.failed for each in answers)
        return good, [_member(each, done) for each, done in zip(requests, answers, strict=True)]

    def _sub(self, call: Call, request: Mapping[str, Any], known: Mapping[str, Any], *, all_or_none: bool) -> Answer:
        try:
            url = _filled(request["url"], known)
            body = _filled(request.get("body"), known)
        except LookupError as error:
            return _halted(f"Invalid reference specified. No value for {error.args[0]} found")
        headers = request.get("httpHeaders") or {}
        return self._answer(call, request["method"], url, body, headers, all_or_none or None)

    def _answer(
        self,
        call: Call,
        method: str,
        url: str,
        body: Any,
        headers: Mapping[str, str],
        all_or_none: bool | None,  # noqa: FBT001
    ) -> Answer:
        sub = replace(sub_call(call, method, url, body, headers), all_or_none=all_or_none)
        segments = sub.segments
        try:
            if segments[:2] != ("services", "data") or len(segments) < 3:
                raise refuse("NOT_FOUND", "The requested resource does not exist", status=404)
            if segments[3:5] in (("composite",), ("composite", "batch"), ("composite", "graph")):
                raise refuse("INVALID_REQUEST", "A composite cannot hold another one")
            return self.answer(replace(sub, version=segments[2].removeprefix("v")), segments[3:])
        except Refusal as error:
            return answer_refusal(error)


def _checked(requests: Any, maximum: int) -> list[dict[str, Any]]:
    if not isinstance(requests, list) or not requests or not all(isinstance(each, dict) for each in requests):
        raise refuse("JSON_PARSER_ERROR", "compositeRequest must be a list of subrequests")
    if len(requests) > maximum:
        raise refuse("LIMIT_EXCEEDED", f"A composite can hold up to {maximum} subrequests")
    seen: set[str] = set()
    for each in requests:
        name = each.get("referenceId")
        if not isinstance(name, str) or re.fullmatch(r"[A-Za-z]\w*", name) is None or name in seen:
            raise refuse("JSON_PARSER_ERROR", f"referenceId is missing, malformed or used twice: {name}")
        seen.add(name)
        if each.get("method") not in _METHODS or not isinstance(each.get("url"), str):
            raise refuse("JSON_PARSER_ERROR", f"method or url of {name} is missing or wrong")
        if any(header.lower() in _OWN_HEADERS for header in each.get("httpHeaders") or {}):
            raise refuse("JSON_PARSER_ERROR", f"{name} has a header that only the composite itself may have")
    return requests


def _member(request: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    headers = {name: value for name, value in answer.headers.items() if name == "Location"}
    return {
        "body": answer.body,
        "httpHeaders": headers,
        "httpStatusCode": answer.status,
        "referenceId": request["referenceId"],
    }


def _filled(value: Any, known: Mapping[str, Any]) -> Any:
    """The value with every `@{reference.path}` replaced; raises LookupError for one that leads nowhere."""
    if isinstance(value, dict):
        return {name: _filled(each, known) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, known) for each in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole is not None:
        return _referred(whole, known)
    return _REFERENCE.sub(lambda found: str(_referred(found, known)), value)


def _referred(found: re.Match[str], known: Mapping[str, Any]) -> Any:
    value: Any = known.get(found[1])
    for name, place in _STEP.findall(found[2]):
        if name and isinstance(value, dict):
            value = value.get(name)
        elif place and isinstance(value, list) and int(place) < len(value):
            value = value[int(place)]
        else:
            value = None
    if value is None:
        raise LookupError(found[1] + found[2])
    return json.loads(json.dumps(value))
