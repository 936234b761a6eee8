"""Whatever happens to one request of a run: healthy runs later, everything is as if nothing had happened."""

from __future__ import annotations

import os
import random

import pytest

from tests.faults import tally
from tests.faults.kinds import KINDS, Kind
from tests.faults.matrix import OWN, Case, Outcome, cases, play

SYSTEMS = ("shanon", "salesforce", "kintone", "esales")
OWN_WORDS = {"partial batch": "partial", "row locked": "locked", "403 quota": "quota"}
TRIES = 3
SOUGHT = 40
"""Cases that are tried until one strikes: not every request has what a kind needs."""


def known(system: str, kind: Kind) -> bool:
    """Whether a system has such faults."""
    if kind.name == "cursor expired":
        return system == "salesforce"
    return kind.name not in OWN_WORDS or OWN_WORDS[kind.name] in OWN[system]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each kind of fault in each system; where not everything is asked for, in two of them, by turns."""
    if "kind" not in metafunc.fixturenames:
        return
    places = []
    for number, kind in enumerate(KINDS):
        having = [system for system in SYSTEMS if known(system, kind)]
        some = [having[(number + n) % len(having)] for n in (0, 2)]
        systems = having if metafunc.config.getoption("--prove") else dict.fromkeys(some)
        places += [pytest.param(system, kind, id=f"{system}-{kind}") for system in systems]
    metafunc.parametrize(("system", "kind"), places)


def seed() -> str:
    """The same for all processes of a session; what lands is judged by the same cases each time."""
    return "0" if os.environ.get("CI") else os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getppid()))[:8]


BY_TURNS = {"429", "5xx", "skewed Date"}
"""Kinds whose variants take turns at the requests: a Retry-After in seconds at the first, as a date at the next."""


def its_turn(case: Case) -> bool:
    """Whether it is this variant that strikes that request."""
    variants = [kind for kind in KINDS if kind.name == case.kind.name]
    return case.kind.name not in BY_TURNS or case.ordinal % len(variants) == variants.index(case.kind)


@pytest.mark.timeout(1200)
def test_one_fault_at_any_request(system: str, kind: Kind, prove: bool) -> None:
    places = [case for case in cases(system, kind) if not prove or its_turn(case)]
    random.Random(f"{seed()} {system} {kind}").shuffle(places)
    every = [case for case in places if case.phase == "first run"]
    every += [case for case in places if case.phase == "later run"][:TRIES]
    struck = 0
    tally.note("seeds", f"wire:{seed()}")
    for case in every if prove else places[:SOUGHT]:
        outcome = played(case)
        struck += outcome.struck
        if struck and not prove:
            return
    assert struck, f"{kind} struck nothing of {system}"


def played(case: Case) -> Outcome:
    """A case, counted."""
    outcome = play(case)
    tally.count("requests", outcome.requests)
    tally.count("events", outcome.sent)
    if outcome.struck:
        tally.count("faults")
        tally.note("fault kinds", case.kind.name)
    assert not outcome.wrong, "\n".join([f"{case} ({outcome.request})", *outcome.wrong])
    return outcome
