"""Record ids: a key prefix, a number in base 62, and a checksum of the upper-case positions."""

from __future__ import annotations

import re

_CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
# In ASCII order, so that ids sort in the order of creation.
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(r"[a-zA-Z0-9]{15}([a-zA-Z0-5]{3})?")


def to18(id15: str) -> str:
    """The 18-character form of a 15-character id."""
    return id15 + "".join(_CHECKSUM[_bits(id15[start : start + 5])] for start in (0, 5, 10))


def _bits(part: str) -> int:
    return sum(1 << place for place, char in enumerate(part) if "A" <= char <= "Z")


def canonical(text: str) -> str | None:
    """The 18-character form of an id in either form, or None when it is none.

    An 18-character id is case-insensitive: its checksum says which letters are capitals.
    """
    if _SHAPE.fullmatch(text) is None:
        return None
    if len(text) == 15:
        return to18(text)
    repaired = []
    for group in range(3):
        bits = _CHECKSUM.index(text[15 + group].upper())
        for place, char in enumerate(text[group * 5 : group * 5 + 5]):
            repaired.append(char.upper() if bits >> place & 1 else char.lower())
    whole = to18("".join(repaired))
    # A checksum that asks for a capital digit is the checksum of another id.
    return whole if whole[15:] == text[15:].upper() else None


class IdSource:
    """Gives out ids, ascending within each key prefix."""

    def __init__(self, pod: str = "5g0") -> None:
        self._pod = pod
        self._last: dict[str, int] = {}

    def next(self, prefix: str) -> str:
        """A fresh 18-character id."""
        number = self._last[prefix] = self._last.get(prefix, 0) + 1
        digits = ""
        while number:
            number, digit = divmod(number, 62)
            digits = _DIGITS[digit] + digits
        return to18(f"{prefix}{self._pod}{digits:0>9}")
