"""Dates and times as Salesforce writes them; kept as text, because in UTC their text sorts as they do."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

_DATETIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)",
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def stamp(moment: datetime) -> str:
    """`moment` in whole seconds, as SystemModstamp has them."""
    return render(moment.replace(microsecond=0))


def render(moment: datetime) -> str:
    """`moment` in UTC with milliseconds: `2026-11-22T01:00:00.000+0000`."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}+0000"


def moment(text: str) -> datetime:
    """The moment that `render` wrote."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


def parse_datetime(text: str) -> str | None:
    """The rendered form of an ISO 8601 moment with a zone, or None when it is none."""
    found = _DATETIME.fullmatch(text)
    if found is None:
        return None
    seconds, fraction, zone = found.groups()
    try:
        parsed = datetime.fromisoformat(seconds + ("+00:00" if zone == "Z" else zone))
        return render(parsed.replace(microsecond=int((fraction or "0").ljust(6, "0")[:6])))
    except (ValueError, OverflowError):
        return None


def parse_date(text: str) -> str | None:
    """The date itself when it is a real one in the form YYYY-MM-DD, else None."""
    if _DATE.fullmatch(text) is None:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None
