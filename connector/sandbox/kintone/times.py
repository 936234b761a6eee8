"""Dates and times as kintone writes them: text in UTC that sorts as the moments do, in whole minutes."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

_DATETIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(?::(\d\d)(?:\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"(\d\d):(\d\d)")


def stamp(moment: datetime) -> str:
    """`moment` without its seconds."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M}:00Z"


def to_the_second(moment: datetime) -> str:
    """`moment` with its seconds, as comments have it."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"


def parse_datetime(text: str) -> str | None:
    """The stamp of an ISO 8601 moment with a zone, or None when it is none."""
    found = _DATETIME.fullmatch(text)
    if found is None:
        return None
    minutes, seconds, zone = found.groups()
    try:
        return stamp(datetime.fromisoformat(f"{minutes}:{seconds or '00'}{'+00:00' if zone == 'Z' else zone}"))
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


def parse_time(text: str) -> str | None:
    """The time itself when it is a real one in the form HH:MM, else None."""
    found = _TIME.fullmatch(text)
    return text if found and int(found[1]) < 24 and int(found[2]) < 60 else None
