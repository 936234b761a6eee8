"""How many calls an org may still take: counted over the last 24 hours, and shown on every answer."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connector.sandbox.salesforce.errors import Refusal, refuse

_DAY = timedelta(hours=24)


@dataclass(slots=True)
class Allowance:
    """So many within any 24 hours."""

    maximum: int
    total: int = 0
    _recent: deque[tuple[datetime, int]] = field(default_factory=deque)

    def used(self, now: datetime) -> int:
        """How many in the last 24 hours."""
        while self._recent and self._recent[0][0] <= now - _DAY:
            self._recent.popleft()
        return sum(count for _, count in self._recent)

    def charge(self, now: datetime, count: int = 1) -> None:
        """Count some."""
        self.total += count
        minute = now.replace(second=0, microsecond=0)
        if self._recent and self._recent[-1][0] == minute:
            self._recent[-1] = (minute, self._recent[-1][1] + count)
        else:
            self._recent.append((minute, count))

    def show(self, now: datetime) -> dict[str, int]:
        """The form of the limits resource."""
        return {"Max": self.maximum, "Remaining": max(0, self.maximum - self.used(now))}


@dataclass(slots=True)
class Limits:
    """The allowances of an org; the defaults are those of a Developer Edition, as far as they are known."""

    calls: Allowance = field(default_factory=lambda: Allowance(15_000))
    bulk_batches: Allowance = field(default_factory=lambda: Allowance(15_000))
    query_jobs: Allowance = field(default_factory=lambda: Allowance(10_000))

    def info(self, now: datetime) -> str:
        """The value of the header Sforce-Limit-Info."""
        return f"api-usage={self.calls.used(now)}/{self.calls.maximum}"

    def exhausted(self) -> Refusal:
        """No more calls today."""
        return refuse("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)

    def check(self, now: datetime) -> None:
        """Refuse a call when the day's are used up."""
        if self.calls.used(now) >= self.calls.maximum:
            raise self.exhausted()

    def show(self, now: datetime) -> dict[str, Any]:
        """The limits resource."""
        return {
            "DailyApiRequests": self.calls.show(now),
            "DailyBulkApiBatches": self.bulk_batches.show(now),
            "DailyBulkV2QueryJobs": self.query_jobs.show(now),
        }
