"""What we wrote and read back changes nothing, whatever a system makes of it; two writers come to rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.changes import SetFields
from connector.model import Ref, Value, Written
from connector.rules.clean import CLEANINGS
from connector.rules.fields import PeopleMapping
from connector.rules.plan import Rules
from connector.rules.translate import echo
from tests.unit.rules.kit import INTEREST, NOW, block, contact, decide, visitor, world

Normal = Callable[[Value], Value]

MADE_OF_IT: Mapping[str, Normal] = {
    "as it is": lambda value: value,
    "trims": lambda value: str(value).strip(),
    "cuts": lambda value: str(value)[:12],
    "cuts with dots": lambda value: str(value) if len(str(value)) <= 14 else str(value)[:13] + "…",
    "lower case": lambda value: str(value).lower(),
    "closes up": lambda value: " ".join(str(value).split()),
    "line ends": lambda value: str(value).replace("\n", "\r\n"),
    "blank is nothing": lambda value: None if not str(value).strip() else value,
    "nothing is empty": lambda value: "" if value is None else value,
    "half width": lambda value: str(value).translate({0x3000: " "}),
}
"""What systems do to a text that is written to them."""

RULES: Mapping[str, tuple[str | None, str | None]] = {
    "ma": ("ma", None),
    "ma_unless_blank": ("ma_unless_blank", None),
    "sfa_unless_blank": ("sfa_unless_blank", None),
    "once": ("once", None),
    "newest": ("newest", None),
    "newest both ways": ("newest", "newest"),
    "sfa to the ma": (None, "sfa"),
    "each fills the other's blanks": ("sfa_unless_blank", "ma_unless_blank"),
}
"""Who wins in the SFA, and in the MA."""


def rules(wins: str, clean: str = "[]", clean_ma: str = "[]") -> Rules:
    to_sfa, to_ma = RULES[wins]
    made = []
    if to_sfa:
        made.append(f"in: sfa\nobject: Contact\nfields: {{title: {{to: Title, wins: {to_sfa}, clean: {clean}}}}}")
    if to_ma:
        made.append(f"in: ma\nobject: visitor\nfields: {{title: {{to: title, wins: {to_ma}, clean: {clean_ma}}}}}")
    return Rules({"interest": INTEREST}, tuple(block(PeopleMapping, text) for text in made))


@dataclass
class Two:
    """One person in two systems, and what we know of both; a run reads, plans, writes."""

    rules: Rules
    normal: Mapping[str, Normal]
    now: datetime = NOW
    held: dict[str, Value] = field(default_factory=lambda: dict.fromkeys(("ma", "sfa")))
    at: dict[str, datetime] = field(default_factory=lambda: dict.fromkeys(("ma", "sfa"), NOW))
    written: dict[Ref, dict[str, Written]] = field(default_factory=dict)

    def put(self, side: str, value: Value) -> None:
        """Somebody, or we, write a value."""
        self.now += timedelta(minutes=1)
        self.held[side] = None if value is None else self.normal[side](value)
        self.at[side] = self.now

    def run(self) -> int:
        """How many fields are written."""
        self.now += timedelta(minutes=15)
        ma = visitor(at=self.at["ma"], native={"title": self.held["ma"]}, title=self.held["ma"])
        sfa = contact(at=self.at["sfa"], native={"Title": self.held["sfa"]}, title=self.held["sfa"])
        changes, _ = decide(self.rules, ma, sfa, written=self.written, world_=world(as_of=self.now))
        wrote = [change for change in changes if isinstance(change, SetFields)]
        for change in wrote:
            for name, value in change.values.items():
                self.written.setdefault(change.ref, {})[name] = Written(value, self.now)
                self.put(change.system, value)
        return len(wrote)


WORDS = st.text(st.sampled_from("abAB 営業部長\n\u3000"), max_size=24)
DIRTY = (
    WORDS
    | st.text(st.sampled_from("Ａａ ｶﾞ(株)㈱営"), max_size=12)
    | st.sampled_from(
        ["0312345678", "03-1234-5678", "（03）1234-5678", "1000001", "〒100-0001", "㈱ 碧海", "090 1234 5678"]
    )
)
CLEAN = st.lists(st.sampled_from(sorted(CLEANINGS)), max_size=3).map(lambda names: f"[{', '.join(names)}]")
SIDES = st.sampled_from(("ma", "sfa"))


def play(two: Two, moves: list[tuple[str, Value] | str]) -> None:
    """Edits and runs as they come, and one more run."""
    for move in moves:
        if isinstance(move, str):
            two.run()
        else:
            two.put(*move)
    two.run()


@settings(max_examples=400, deadline=None)
@given(
    wins=st.sampled_from(sorted(RULES)),
    ma=st.lists(st.sampled_from(sorted(MADE_OF_IT)), max_size=2),
    sfa=st.lists(st.sampled_from(sorted(MADE_OF_IT)), max_size=2),
    moves=st.lists(st.tuples(SIDES, st.none() | WORDS) | st.just("run"), max_size=12),
)
def test_after_edits_stop_at_most_one_more_run_writes_anything(
    wins: str, ma: list[str], sfa: list[str], moves: list[tuple[str, Value] | str]
) -> None:
    two = Two(rules(wins), {"ma": _together(ma), "sfa": _together(sfa)})
    play(two, moves)
    before = dict(two.held)

    assert [two.run() for _ in range(3)] == [0, 0, 0]
    assert two.held == before


@settings(max_examples=300, deadline=None)
@given(
    wins=st.sampled_from(sorted(RULES)), clean=CLEAN, clean_ma=CLEAN,
    moves=st.lists(st.tuples(SIDES, st.none() | DIRTY) | st.just("run"), max_size=10),
)  # fmt: skip
def test_cleaning_on_either_side_comes_to_rest_as_well(
    wins: str, clean: str, clean_ma: str, moves: list[tuple[str, Value] | str]
) -> None:
    two = Two(rules(wins, clean, clean_ma), dict.fromkeys(("ma", "sfa"), MADE_OF_IT["as it is"]))
    play(two, moves)

    assert [two.run() for _ in range(3)] == [0, 0, 0]


def test_two_who_both_touch_a_record_do_not_exchange_their_values_for_ever() -> None:
    two = Two(rules("newest both ways"), dict.fromkeys(("ma", "sfa"), MADE_OF_IT["as it is"]))
    play(two, [("sfa", "A"), "run", ("sfa", "AA"), ("ma", "A")])

    assert [two.run() for _ in range(3)] == [0, 0, 0]
    assert two.held == {"sfa": "AA", "ma": "AA"}, "the MA says what we wrote there: only sales has moved"


def test_an_old_value_that_somebody_chooses_again_is_heard() -> None:
    two = Two(rules("newest both ways"), dict.fromkeys(("ma", "sfa"), MADE_OF_IT["as it is"]))
    play(two, [("sfa", "A"), "run", ("ma", "B"), "run", ("ma", "A")])
    assert two.held == {"sfa": "A", "ma": "A"}

    play(two, [("sfa", "C"), "run", ("sfa", "A")])
    assert two.held == {"sfa": "A", "ma": "A"}


def test_what_is_only_cleaned_on_the_other_side_is_not_written_back() -> None:
    two = Two(rules("newest both ways", "[]", "[phone]"), dict.fromkeys(("ma", "sfa"), MADE_OF_IT["as it is"]))
    two.put("sfa", "0312345678")

    assert (two.run(), two.run()) == (1, 0)
    assert two.held == {"sfa": "0312345678", "ma": "03-1234-5678"}


def _together(names: list[str]) -> Normal:
    return lambda value: reduce(lambda made, name: MADE_OF_IT[name](made) if made is not None else made, names, value)


@settings(max_examples=200, deadline=None)
@given(sfa=st.sampled_from(sorted(MADE_OF_IT)), value=WORDS.filter(lambda word: bool(word.strip())), later=WORDS)
def test_whoever_edits_last_is_heard_whatever_the_systems_do_to_texts(sfa: str, value: str, later: str) -> None:
    """Newest, both ways: an edit reaches the other side, unless it says what stands there anyhow."""
    two = Two(rules("newest both ways"), {"ma": MADE_OF_IT["as it is"], "sfa": MADE_OF_IT[sfa]})
    two.put("ma", value)
    two.run()
    if not later.strip() or echo(value, later) or echo(later, value):
        return

    two.put("sfa", later)
    shown = two.held["sfa"]
    two.run()

    assert two.held["sfa"] == shown
    assert echo(shown, two.held["ma"])


@pytest.mark.parametrize(
    ("written", "theirs", "by_itself"),
    [
        (12.5, 12, True),
        (12.5, "13", True),
        (12.55, 12.6, True),
        (12, 13, False),
        (12.5, 14, False),
        ("Taro@Alpha.co.jp", "taro@alpha.co.jp", True),
        ("営業部　課長", "営業部 課長", True),
        ("45点 hot: +10 ウェビナー(3/31)", "45点 hot: +10", True),
        ("45点 hot: +10 ウェビナー(3/31)", "45点 hot: …", False),
        ("課長代理", "課長", False),
        ("課長", "課長代理", False),
        ("課長", None, False),
        (None, "課長", False),
        (None, "", True),
        (NOW, NOW.date(), True),
        (NOW, NOW.date() - timedelta(days=3), False),
        (True, "false", False),
    ],
)
def test_what_a_system_makes_of_a_value_by_itself(written: Value, theirs: Value, *, by_itself: bool) -> None:
    assert echo(written, theirs) is by_itself


def test_a_person_who_changes_our_field_is_still_overruled_where_the_ma_wins() -> None:
    two = Two(rules("ma"), {"ma": MADE_OF_IT["as it is"], "sfa": MADE_OF_IT["cuts"]})
    two.put("ma", "営業本部第一営業部課長代理補佐")
    assert (two.run(), two.run()) == (1, 0)

    two.put("sfa", "部長")

    assert two.run() == 1
    assert two.held["sfa"] == "営業本部第一営業部課長代理補佐"[:12]
