"""What all ways of writing through the API share: consent headers, faults on rows, and one record at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connector.sandbox.salesforce.errors import Problem, Refusal, SeveralMatches, not_found, refuse
from connector.sandbox.salesforce.ids import canonical
from connector.sandbox.salesforce.org import Org
from connector.sandbox.salesforce.records import Access
from connector.sandbox.salesforce.schema import Field, SObject
from connector.sandbox.salesforce.web import Call


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record."""

    record_id: str | None = None
    created: bool = False
    problems: tuple[Problem, ...] = ()

    @property
    def success(self) -> bool:
        """Whether it was written."""
        return not self.problems


def access_of(call: Call) -> Access:
    """Who calls, and what the request's headers consent to."""
    options = {
        name.strip().lower(): value.strip().lower()
        for name, _, value in (
            each.partition("=") for each in call.headers.get("Sforce-Duplicate-Rule-Header", "").split(";")
        )
    }
    return Access(
        user_id=call.user_id,
        allow_duplicates=options.get("allowsave") == "true",
        assign=call.headers.get("Sforce-Auto-Assign", "TRUE").strip().upper() != "FALSE",
    )


def row_faults(org: Org, call: Call) -> Callable[[int], Problem | None]:
    """The faults ordered for rows of this request, by the row's place in it."""
    lock = org.chaos.take("row_lock", call.method, call.target)
    fail = org.chaos.take("row_fail", call.method, call.target)
    locked = set() if lock is None else _places(lock.params)
    failed = set() if fail is None else _places(fail.params)

    def fault(place: int) -> Problem | None:
        if place in locked:
            text = "unable to obtain exclusive access to this record or 1 records"
            return Problem("UNABLE_TO_LOCK_ROW", text)
        if fail is not None and place in failed:
            code = str(fail.params.get("code", "UNKNOWN_EXCEPTION"))
            return Problem(code, str(fail.params.get("message", code)), tuple(fail.params.get("fields", ())))
        return None

    return fault


def _places(params: Any) -> set[int]:
    return set(params["rows"]) if "rows" in params else set(range(int(params.get("count", 1))))


def object_of(org: Org, name: str) -> SObject:
    """The object a path names."""
    found = org.schema.get(name)
    if found is None:
        raise not_found()
    return found


def key_of(sobject: SObject, name: str) -> Field:
    """The field an upsert names as its key."""
    found = sobject.visible(name)
    if found is None or not found.is_key:
        raise not_found(f"Provided external ID field does not exist or is not accessible: {name}")
    return found


def attempt(org: Org, fault: Problem | None, write: Callable[[], tuple[str, bool]]) -> Outcome:
    """Write one record of many: what goes wrong with it concerns no other."""
    if fault is not None:
        return Outcome(problems=(fault,))
    try:
        with org.transaction():
            return Outcome(*write())
    except Refusal as error:
        return Outcome(problems=tuple(error.problems))
    except SeveralMatches as error:
        text = f"more than one record found for external id field: {', '.join(error.ids)}"
        return Outcome(problems=(Problem("DUPLICATE_EXTERNAL_ID", text),))


def given_id(sobject: SObject, text: Any) -> str:
    """A record id of this object out of a request."""
    found = canonical(text) if isinstance(text, str) else None
    if found is None:
        raise refuse("MALFORMED_ID", f"{sobject.name} ID: id value of incorrect type: {text}", "Id")
    if not found.startswith(sobject.prefix):
        raise refuse("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", "Id", status=404)
    return found
