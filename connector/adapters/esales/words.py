"""How a number, a deal's state, a percentage and a yes or no are read, in either generation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from connector.adapters.esales.speech import plain
from connector.model import PERSON_FIELD_KIND, DealState, Value
from connector.ports import ObjectNeeds

DEAL_NAMES: Mapping[str, tuple[str, ...]] = {
    "stage": ("進捗", "フェーズ"),
    "probability": ("受注確度", "確度"),
    "closes_on": ("受注予定日", "予定日"),
    "amount": ("金額",),
    "lost_reason": ("失注理由",),
    "owner": ("主担当", "担当"),
}
"""How the fields behind our words may be called on the screen: shown as candidates, never used unasked."""


EMPTY: tuple[Any, ...] = (None, "", [])
"""What a field without value may look like."""


class WrongValue(ValueError):
    """A value that does not fit its field; the argument is the code of `speech.refused`."""


def state_word(needs: ObjectNeeds) -> str:
    """The deal word behind whose field the state stands."""
    return "state" if "state" in needs.deal else "stage"


def deal_state(value: str | None, needs: ObjectNeeds) -> DealState:
    """The state that a field spells. What is not listed is open: such a deal keeps its people from being mailed.

    :raises ValueError: where `open` is listed and the value is none of those listed
    """
    for state, spelt in needs.states.items():
        if value is not None and plain(value) in {plain(each) for each in spelt}:
            return state
    if DealState.OPEN in needs.states:
        raise ValueError("NOT_A_STATE")
    return DealState.OPEN


def percent(value: Value, needs: ObjectNeeds) -> float | None:
    """A probability of 0 to 100: by the mapping's words, or the number that is there; otherwise unknown."""
    if value is None or isinstance(value, bool):
        return None
    for name, found in needs.probabilities.items():
        if plain(str(value)) == plain(name):
            return found
    if needs.probabilities:
        return None
    try:
        number = float(str(value).rstrip("%％"))
    except ValueError:
        return None
    return number if 0 <= number <= 100 else None


def truth_of(value: Value, spelt: Mapping[str, str]) -> bool | None:
    """A yes or no as the mapping spells it (`values: {true: 配信停止, false: 配信}`); of several boxes, one is enough.

    :raises WrongValue: where something else is said: it may be a choice that was renamed
    """
    if value is None or isinstance(value, bool):
        return value
    words = {plain(theirs): ours for ours, theirs in spelt.items()}
    said = {words.get(plain(each), "" if spelt else each.lower()) for each in (str(value), *str(value).split(";"))}
    if said.isdisjoint(("true", "false")):
        raise WrongValue("NOT_A_CHOICE")
    return "true" in said


def spelt_truths(needs: ObjectNeeds) -> Iterator[tuple[str, set[str]]]:
    """Our words that say yes or no, with every choice that spells it."""
    for word, native in needs.words.items():
        if PERSON_FIELD_KIND.get(word) == "bool":
            yield word, {name for name in needs.values.get(native, {}).values() if name}


def named_states(needs: ObjectNeeds) -> set[str]:
    """Every choice that the states of deals name."""
    return {name for names in needs.states.values() for name in names}


def same(one: Value, other: Value) -> bool:
    """Whether a value that was read is the one that was written, however the system ends lines."""
    if isinstance(one, str) and isinstance(other, str):
        return one.rstrip().splitlines() == other.rstrip().splitlines()
    return one == other


def decimal(raw: Any) -> int | float:
    """A number as it came, also as text.

    :raises WrongValue: when it is none
    """
    try:
        found = Decimal(str(raw))
    except InvalidOperation:
        raise WrongValue("WRONG_TYPE") from None
    if isinstance(raw, bool) or not found.is_finite():
        raise WrongValue("WRONG_TYPE")
    return int(found) if found == found.to_integral_value() else float(found)


def number(value: Any) -> int | None:
    """A whole number, also one that came as text or alone in a list."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and value.isascii() and value.strip().removeprefix("-").isdigit():
        return int(value)
    return None
