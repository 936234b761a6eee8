"""Our values and a system's: when two of them mean the same, and how long texts are cut."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime, timedelta

from connector.model import Value


def blank(value: Value) -> bool:
    """Whether a field holds nothing."""
    return value is None or (isinstance(value, str) and not value.strip())


def same(ours: Value, theirs: Value) -> bool:
    """Whether a system that shows `theirs` holds `ours` already.

    Systems trim texts, change line ends, give numbers and truth values as text, and times in their own spelling; some
    keep minutes and no seconds.
    """
    if blank(ours) or blank(theirs):
        return blank(ours) and blank(theirs)
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return truth(ours) is not None and truth(ours) == truth(theirs)
    if isinstance(ours, datetime) or isinstance(theirs, datetime):
        left, right = instant(ours), instant(theirs)
        return left is not None and right in (left, left.replace(second=0))
    if isinstance(ours, int | float) or isinstance(theirs, int | float):
        return number(ours) is not None and number(ours) == number(theirs)
    return _plain(ours) == _plain(theirs)


def _plain(value: Value) -> str:
    shown = value.isoformat() if isinstance(value, date) else str(value)
    return unicodedata.normalize("NFC", shown.replace("\r\n", "\n").replace("\r", "\n")).strip()


def truth(value: Value) -> bool | None:
    """A truth value however it is spelt, or None."""
    words = {"true": True, "1": True, "1.0": True, "yes": True, "false": False, "0": False, "0.0": False, "no": False}
    return value if isinstance(value, bool) else words.get(str(value).strip().lower())


def number(value: Value) -> float | None:
    """A number however it is spelt, or None."""
    if isinstance(value, bool):
        return None
    try:
        return float(value)  # type: ignore[arg-type]  # anything else is told by the exception
    except (TypeError, ValueError):
        return None


def instant(value: Value) -> datetime | None:
    """A moment to the second, however it is spelt, or None; times without a zone are UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)


def echo(written: Value, theirs: Value) -> bool:
    """Whether a system that was given `written` may show `theirs` by its own doing.

    Beside what `same` takes for equal, systems cut texts, round numbers, drop the time of a moment, change case and
    width of letters, and close up spaces.
    """
    if same(written, theirs):
        return True
    if blank(written) or blank(theirs):
        return False
    ours, held = number(written), number(theirs)
    if ours is not None and held is not None:
        return abs(ours - held) < 1 and _decimals(theirs) < _decimals(written)
    if isinstance(written, datetime) and isinstance(theirs, date) and not isinstance(theirs, datetime):
        return abs(written.date() - theirs) <= timedelta(days=1)
    ours_text, held_text = _folded(written), _folded(theirs)
    beginning = held_text.rstrip(" .")  # which is what NFKC makes of an ellipsis, too
    return held_text == ours_text or (len(beginning) >= _LEAST_CUT and ours_text.startswith(beginning))


_LEAST_CUT = 10
"""No field is so short that it cuts what we write to less; a shorter beginning of our text is somebody's own words."""


def _folded(value: Value) -> str:
    return " ".join(unicodedata.normalize("NFKC", _plain(value)).casefold().split())


def _decimals(value: Value) -> int:
    return len(str(value).partition(".")[2].rstrip("0"))


def cut(value: Value, length: int | None) -> Value:
    """A text cut to `length` characters, the last one then being an ellipsis; other values as they are."""
    if length is None or not isinstance(value, str) or len(value) <= length:
        return value
    return value[: length - 1] + "…"
