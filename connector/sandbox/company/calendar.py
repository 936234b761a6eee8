"""When things happened: mostly on working days, at the hours people are awake, in Japan."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

from connector.sandbox.clock import Clock
from connector.sandbox.salesforce import SalesforceEmulator

JST = timezone(timedelta(hours=9), "JST")
_HOURS = range(7, 23)
_BUSY = (2, 5, 12, 16, 14, 9, 10, 14, 14, 13, 12, 8, 5, 4, 4, 3)
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_STILL = timedelta(hours=1)


class Calendar:
    """Draws moments before `now`.

    Nothing ever happened in the hour of the day that begins with `now`: so nothing leaves a window of whole days
    while a story is told that takes less than an hour.
    """

    def __init__(self, now: datetime, dice: random.Random) -> None:
        self.now = now.astimezone(JST).replace(microsecond=0)
        self._dice = dice

    def moment(self, most_days: float = 365, least_days: float = 0) -> datetime:
        """Some moment that is so many days ago."""
        day = self.now - _DAY * self._dice.uniform(least_days, most_days)
        if day.weekday() >= 5 and self._dice.random() < 0.85:
            day -= _DAY * (day.weekday() - 4)
        hour = self._dice.choices(_HOURS, _BUSY)[0]
        return self.before_now(day.replace(hour=hour, minute=self._dice.randrange(60), second=self._dice.randrange(60)))

    def ago(self, days: float, hours: float = 0) -> datetime:
        """So long ago, to the second."""
        return self.before_now(self.now - timedelta(days=days, hours=hours))

    def after(self, at: datetime, most_hours: float) -> datetime:
        """Some moment not long after `at`, but not in the future."""
        return self.before_now(at + _SECOND * self._dice.randrange(60, int(most_hours * 3600)))

    def before_now(self, at: datetime) -> datetime:
        """`at`, moved out of the still hour and into the past."""
        since = (at - self.now) % _DAY
        if since < _STILL:
            at -= since + _SECOND * (1 + since.seconds % 3000)
        while at >= self.now:
            at -= _DAY
        return at


Go = Callable[[datetime], None]
"""Sets the org's clock."""


@contextmanager
def back_then(org: SalesforceEmulator) -> Iterator[Go]:
    """Let the org live in the past while inside: what is written is stamped with the moment last gone to."""
    present = org.clock
    past = org.clock = Clock(present(), ticking=False)
    try:
        yield lambda at: past.advance(at - past())
    finally:
        org.clock = present
