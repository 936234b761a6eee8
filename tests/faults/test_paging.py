"""While a system is read page by page, people work in it: at the end nothing was missed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.faults import tally
from tests.faults.kinds import Scene, of_pages
from tests.faults.matrix import differences
from tests.faults.pair import KARI, Pair, pair
from tests.faults.proxy import Asked, Spoil, Wire
from tests.faults.test_wire import SYSTEMS, seed

Change = Callable[[Pair], None]


def _registers(both: Pair) -> None:
    both.visitor("森 茜", "株式会社森", "mori@mori-example.co.jp", "/price", "/price2", "/price3")


def _enters(both: Pair) -> None:
    both.sales.contact("仮 登録", "株式会社仮", KARI)


def _merges_visitors(both: Pair) -> None:
    both.smp.merge_visitors(both.visitors["saegusa@hekikai-example.co.jp"], both.visitors[KARI])


IN_THE_MA: Mapping[str, Change] = {
    "insert": _registers,
    "update": lambda both: both.smp.unsubscribe(both.visitors["saegusa@hekikai-example.co.jp"]),
    "delete": lambda both: both.smp.delete_visitor(both.visitors[KARI]),
    "merge": _merges_visitors,
}
IN_THE_SFA: Mapping[str, Change] = {
    "insert": _enters,
    "update": lambda both: both.sales.say_no(both.contacts["known"]),
    "delete": lambda both: both.sales.drop(both.contacts["nobody"]),
    "merge": lambda both: both.sales.merge(both.contacts["known"], both.contacts["nobody"]),
}
PAGES: Mapping[str, Callable[[Pair, str], None]] = {
    "short page": lambda both, system: both.chaos(system).plan("small_pages", size=1, rows=1),
    "empty page": lambda both, system: both.chaos(system).plan("small_pages", size=0, rows=0),
}
"""What a system does by itself; only those that say so in their documentation."""
ONCE = {"duplicate": of_pages(lambda rows: [*rows, *rows]), "reorder": of_pages(lambda rows: rows[::-1])}
SHORT = ("shanon", "salesforce", "esales")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each in each system; where not everything is asked for, in two of them, by turns."""
    odd = metafunc.function.__name__.startswith("test_pages")
    places = []
    for number, what in enumerate([*PAGES, *ONCE] if odd else IN_THE_MA):
        having = [system for system in SYSTEMS if what not in PAGES or system in SHORT]
        some = [having[(number + n) % len(having)] for n in (0, 2)]
        systems = having if metafunc.config.getoption("--prove") else dict.fromkeys(some)
        places += [pytest.param(system, what, id=f"{system}-{what}") for system in systems]
    metafunc.parametrize(("system", "what"), places)


def changes_of(system: str) -> Mapping[str, Change]:
    return IN_THE_MA if system == "shanon" else IN_THE_SFA


def asked(system: str) -> list[int]:
    """The requests of the first run that ask for pages."""
    with pair(_sfa(system), small=system) as both:
        both.run()
        seen = both.proxies[system].seen
    return [each.number for each in seen if each.method == "GET" or each.target.endswith("/search")]


def _sfa(system: str) -> str:
    return "salesforce" if system == "shanon" else system


def rest(both: Pair) -> None:
    """What was changed while it was read is told by the next reading; who was held is looked at again in an hour."""
    for after in (timedelta(0), timedelta(hours=1)):
        both.clock.advance(after)
        both.send_again()
        both.run()


@pytest.mark.timeout(1200)
def test_people_work_while_pages_are_read(system: str, what: str, prove: bool) -> None:
    """As if they had done it just before the first page."""
    change = changes_of(system)[what]

    def changed_before(number: int) -> dict[str, Any]:
        with pair(_sfa(system), small=system) as both:

            def meanwhile(wire: Wire) -> None:
                change(both)
                wire.reply(wire.forward())

            seen = _struck(both, system, number, meanwhile)
            tally.count("events", 1 + sum(report.sent() for report in both.reports))
            return seen

    expected = changed_before(1)
    for number in _places(system, what, prove):
        wrong = differences(expected, changed_before(number))
        assert not wrong, (f"{what} before request {number} to {system}", *wrong)


@pytest.mark.timeout(1200)
def test_pages_are_not_as_they_should_be(system: str, what: str, prove: bool) -> None:
    with pair(_sfa(system), small=system) as calm:
        calm.run()
        rest(calm)
        expected = calm.seen()
    for number in _places(system, what, prove):
        with pair(_sfa(system), small=system) as both:
            struck: list[bool] = []

            def oddly(wire: Wire, both: Pair = both, struck: list[bool] = struck) -> None:
                if what in PAGES:
                    PAGES[what](both, system)
                    wire.reply(wire.forward())
                    both.chaos(system).calm()
                    struck.append(True)
                else:
                    struck.append(ONCE[what](wire, _nothing(both)))

            wrong = differences(expected, _struck(both, system, number, oddly))
            assert not wrong, (f"{what} at request {number} to {system}", *wrong)
            tally.count("faults", sum(struck))


def _struck(both: Pair, system: str, number: int, spoil: Spoil) -> dict[str, Any]:
    """What is seen in the end, when that happened at this request of the run."""

    def order(asked: Asked) -> Spoil | None:
        return spoil if asked.number == number else None

    both.proxies[system].order = order
    both.run()
    both.proxies[system].forget()
    rest(both)
    return both.seen()


def _nothing(both: Pair) -> Scene:
    return Scene(lambda _: lambda: False, {}, ("", b""), "", both.clock)


def _places(system: str, what: str, prove: bool) -> list[int]:
    places = asked(system)
    return places if prove else random.Random(f"{seed()} {system} {what}").sample(places, 1)
