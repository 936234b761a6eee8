"""One fault at one request of a run, healthy runs after it, and what must hold then."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from connector.engine.report import Exit
from connector.sandbox.server import Server
from tests.faults.alike import state
from tests.faults.kinds import CUT_AFTER, Kind, Scene, spoiling
from tests.faults.pair import MOMENTS, Pair, pair
from tests.faults.proxy import Asked, Spoil

PATIENT = 60.0
OWN: Mapping[str, Mapping[str, str]] = {
    "salesforce": {
        "partial": "row_fail", "locked": "row_lock", "expired": "expired", "quota": "quota", "locator": "locator",
    },
    "kintone": {"partial": "row_fail", "locked": "db_lock", "quota": "quota"},
    "esales": {"partial": "row_fail", "quota": "quota"},
    "shanon": {"partial": "row_fail", "expired": "expired", "quota": "quota"},
}  # fmt: skip
"""What each emulated system calls its own faults; which of them it has, it has as its documentation says."""
_JSON = "application/json;charset=UTF-8"
ERRORS: Mapping[str, tuple[str, bytes]] = {
    "salesforce": (_JSON, b'[{"message":"try again later","errorCode":"SERVER_UNAVAILABLE"}]'),
    "kintone": (_JSON, b'{"code":"GAIA_UN01","id":"x","message":"please try again"}'),
    "esales": (_JSON, b'{"code":500,"message":"system error"}'),
    "shanon": (
        "application/xml;charset=UTF-8",
        (
            b'<?xml version="1.0"?><Response xmlns="http://www.shanon.co.jp/SmpApi" version="1.0"><Error>'
            b"<Code>InternalError</Code><Message>try again</Message></Error></Response>"
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Case:
    """Which fault, where."""

    sfa: str
    system: str
    phase: str
    ordinal: int
    kind: Kind

    def __str__(self) -> str:
        return f"{self.sfa}: {self.kind} at request {self.ordinal} to {self.system} of the {self.phase}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case; `struck`: whether the fault hit anything at all."""

    struck: bool
    wrong: tuple[str, ...]
    sent: int
    requests: int
    request: str


@cache
def canary() -> Server:
    """A server on another port that no request must ever reach."""

    def nothing(request: Any) -> Any:
        raise AssertionError(request)

    made = Server(nothing).start()
    atexit.register(made.stop)
    return made


def play(case: Case) -> Outcome:
    """Play a case: its story, the run that is hit, healthy ones. What comes of a state is looked at once."""
    last = _healthy(case.kind)[-1]
    undisturbed(case.sfa, case.system, case.phase, last)  # before the servers are taken
    canary().exchanges.clear()
    with pair(case.sfa, small=case.system, before=case.phase) as both:
        struck = _hit(both, case, canary().url)
        left = (case.sfa, case.system, case.phase, last, state(both.file, both.smp, both.sales))
        if left not in _CAME_OF:
            _CAME_OF[left] = tuple(_healed(both, case))
        wrong = (*_CAME_OF[left], *(f"the canary heard {each}" for each in canary().exchanges))
        sent = sum(report.sent() for report in both.reports)
        requests = sum(sum(report.calls.values()) for report in both.reports)
        return Outcome(bool(struck), wrong, sent, requests, struck[0] if struck else "")


_CAME_OF: dict[tuple[object, ...], tuple[str, ...]] = {}
"""What was wrong after the healthy runs that came after a state."""


def _healed(both: Pair, case: Case) -> Iterator[str]:
    """What is wrong after healthy runs."""
    if case.phase == "first run":
        both.go_on()
    with both.directly():
        for after in _healthy(case.kind):
            both.send_again()
            both.clock.advance(after)
            both.run()
        yield from _wrong(both, case)


def _healthy(kind: Kind) -> Sequence[timedelta]:
    """Before each healthy run: a Retry-After may say a day, and whom a guard held is looked at again in an hour."""
    return [timedelta(0), timedelta(hours=25 if kind.variant == "huge" else 1)]


def _hit(both: Pair, case: Case, elsewhere: str) -> list[str]:
    proxy, chaos = both.proxies[case.system], both.chaos(case.system)
    struck: list[str] = []

    def arm(own: str) -> Callable[[], bool]:
        chaos.plan(own)

        def used() -> bool:
            left = chaos.take(own)
            chaos.calm()
            return left is None

        return used

    scene = Scene(arm, OWN[case.system], ERRORS[case.system], elsewhere, both.clock)
    proxy.forget()
    proxy.order = lambda asked: _spoil(case, scene, asked, struck)
    with both.directly(but=case.system):
        both.run(CUT_AFTER if case.kind.hangs else PATIENT)
    proxy.forget()
    proxy.deliver_late()
    return struck


def _spoil(case: Case, scene: Scene, asked: Asked, struck: list[str]) -> Spoil | None:
    if asked.number != case.ordinal:
        return None
    return spoiling(case.kind, scene, lambda: struck.append(f"{asked.method} {asked.target.partition('?')[0]}"))


def _wrong(both: Pair, case: Case) -> Iterator[str]:
    """Whatever differs from the world that no fault has hit."""
    expected, seen = undisturbed(case.sfa, case.system, case.phase, _healthy(case.kind)[-1])[0], both.seen()
    yield from differences(expected, seen)
    yield from (f"{count} times {key}" for key, count in both.sales.keys().items() if count > 1)
    if backlog := both.backlog():
        yield f"still waiting: {backlog} {both.parked()}"
    if fresh := both.fresh():
        yield f"would still write: {fresh}"


def differences(expected: Mapping[str, Any], seen: Mapping[str, Any]) -> list[str]:
    """What is seen in one world and not in the other."""
    return [f"{name}: {_difference(rows, seen[name])}" for name, rows in expected.items() if seen[name] != rows]


def _difference(expected: Any, seen: Any) -> str:
    if hasattr(expected, "total"):
        return f"missing {[*(expected - seen).elements()]}, too many {[*(seen - expected).elements()]}"
    return f"expected {expected}, seen {seen}"


@cache
def undisturbed(sfa: str, system: str, phase: str, last: timedelta) -> tuple[dict[str, Any], Sequence[Asked]]:
    """What is seen after the same runs without a fault, and what was asked in the run that others are hit in."""
    with pair(sfa, small=system, before=phase) as both:
        both.run()
        asked = list(both.proxies[system].seen)
        if phase == "first run":
            both.go_on()
        with both.directly():
            for after in (timedelta(0), last):
                both.clock.advance(after)
                assert both.run().exit is Exit.DONE
            assert both.fresh() == []
            return both.seen(), asked


def cases(system: str, kind: Kind) -> list[Case]:
    """A kind of fault at each request that it can strike; the MA stands before Salesforce."""
    sfa = "salesforce" if system == "shanon" else system
    last = _healthy(kind)[-1]
    return [
        Case(sfa, system, phase, asked.number, kind)
        for phase in MOMENTS
        for asked in undisturbed(sfa, system, phase, last)[1]
        if _can_strike(kind, system, asked)
    ]


def _can_strike(kind: Kind, system: str, asked: Asked) -> bool:
    if kind.name == "cursor expired":
        return system == "salesforce" and "/query/01g" in asked.target
    return not kind.on_writes or (asked.method != "GET" and not asked.target.endswith(_ASKING))


_ASKING = ("/entities/search", "/oauth2/token")
