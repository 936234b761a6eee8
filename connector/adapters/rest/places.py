"""What stands where in an answer, and how values are spelt in it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from math import isfinite
from typing import Any

from connector.errors import Text, text
from connector.model import Value

Row = dict[str, Any]

_TRUE, _FALSE = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})


class UnreadableError(ValueError):
    """A value that does not say what it has to. `what` holds no personal data."""

    def __init__(self, what: Text) -> None:
        super().__init__(str(what))
        self.what = what


def at(data: Any, place: str) -> Any:
    """What stands at a place, dotted into blocks; of a list, what stands there in each block. None: nothing."""
    if not place:
        return data
    if isinstance(data, dict) and place in data:
        return data[place]
    name, _, rest = place.partition(".")
    if isinstance(data, list):
        found = [at(each, place) for each in data]
        return [each for each in found if each is not None]
    return at(data.get(name), rest) if isinstance(data, dict) and name in data else None


def value(row: Row, place: str) -> Value:
    """A field as the system holds it; choices from a list are joined by `;`.

    :raises UnreadableError: a block of fields stands there, or a number without end
    """
    found = at(row, place)
    if isinstance(found, list) and not any(isinstance(each, dict | list) for each in found):
        return ";".join(str(each) for each in found if each is not None)
    if isinstance(found, dict | list):
        raise UnreadableError(text("{place} is a block of fields", "{place} は項目のまとまりです", place=place))
    if isinstance(found, float) and not isfinite(found):
        raise UnreadableError(text("{place} is no number", "{place} が数値ではありません", place=place))
    held: Value = found
    return held


def said(row: Row, place: str) -> str | None:
    """A field as text; None where it is blank, or `place` is."""
    if not place:
        return None
    found = value(row, place)
    if isinstance(found, bool):
        return "true" if found else "false"
    return None if found is None or not str(found).strip() else str(found)


def id_of(row: Row, place: str) -> str:
    """The id of a row.

    :raises UnreadableError: there is none
    """
    found = said(row, place)
    if found is None:
        raise UnreadableError(text("{place}, the id, is missing", "ID ({place}) がありません", place=place))
    return found


def truth(found: Value, place: str) -> bool | None:
    """A truth value however it is spelt; None where it is not told.

    :raises UnreadableError: it is none
    """
    word = str(found).strip().lower()
    if found is None:
        return None
    if word not in _TRUE | _FALSE:
        what = text("{place} is neither true nor false", "{place} が真偽値ではありません", place=place)
        raise UnreadableError(what)
    return word in _TRUE


def number(row: Row, place: str | None) -> float | None:
    """A number, also one that is written as text.

    :raises UnreadableError: it is none
    """
    found = said(row, place or "")
    if found is None:
        return None
    with suppress(ValueError):
        read = float(found.replace(",", ""))
        if isfinite(read):
            return read
    raise UnreadableError(text("{place} is no number", "{place} が数値ではありません", place=place))


@dataclass(frozen=True, slots=True)
class Times:
    """How the system writes times and days; a time without a zone is of `zone`, and days are.

    A pattern that ends with the letter Z writes UTC.
    """

    spelling: str
    days: str
    zone: tzinfo

    def moment(self, row: Row, place: str | None) -> datetime | None:
        """A time, in UTC; that of a day is noon.

        :raises UnreadableError: it is none
        """
        found = said(row, place or "")
        if found is None:
            return None
        try:
            read = self._moment(found)
            read.astimezone(self.zone)  # everybody looks at it there: 9999-12-31T23:59:59Z is a day too late
        except (ValueError, OverflowError, OSError):
            what = text(
                "{place} is no time as `times` spells it", "{place} が times の書式の日時ではありません", place=place
            )
            raise UnreadableError(what) from None
        return read

    def day(self, row: Row, place: str | None) -> date | None:
        """A day; that of a time is where it falls in `zone`.

        :raises UnreadableError: it is none
        """
        found = said(row, place or "")
        if found is None:
            return None
        try:
            return self._day(found)
        except ValueError:
            moment = self.moment(row, place)
            return moment and moment.astimezone(self.zone).date()

    def _moment(self, found: str) -> datetime:
        with suppress(ValueError):
            return datetime.combine(self._day(found), time(12), self.zone).astimezone(UTC)
        if self.spelling in ("epoch", "epoch_ms"):
            return datetime.fromtimestamp(float(found) / (1000 if self.spelling == "epoch_ms" else 1), UTC)
        iso = self.spelling == "iso"
        read = datetime.fromisoformat(found) if iso else datetime.strptime(found, self.spelling)  # noqa: DTZ007  see below
        return (read if read.tzinfo else read.replace(tzinfo=self._own_zone)).astimezone(UTC)

    @property
    def _own_zone(self) -> tzinfo:
        return UTC if self.spelling.endswith("Z") else self.zone

    def _day(self, found: str) -> date:
        return datetime.strptime(found, self.days).date()  # noqa: DTZ007  a day has no zone

    def spell(self, moment: datetime) -> str | int:
        """A time as the system writes it, to the whole second before it."""
        if self.spelling in ("epoch", "epoch_ms"):
            return int(moment.timestamp()) * (1000 if self.spelling == "epoch_ms" else 1)
        local = moment.astimezone(self._own_zone)
        return local.isoformat(timespec="seconds") if self.spelling == "iso" else local.strftime(self.spelling)

    def told(self, moment: datetime) -> datetime:
        """What a time is to the system, whose spelling may leave out seconds or more."""
        return self._moment(str(self.spell(moment)))

    def written(self, wanted: Value, *, day: bool = False) -> Any:
        """A value as it is sent; `day`: into a field that holds a day."""
        if isinstance(wanted, datetime):
            return wanted.astimezone(self.zone).strftime(self.days) if day else self.spell(wanted)
        return wanted.strftime(self.days) if isinstance(wanted, date) else wanted
