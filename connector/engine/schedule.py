"""The schedule of `connector serve`: every so often one run, as a process of its own.

A process, so that a run takes the same path as from cron, gives its memory back, and can be ended from outside. That
no two runs work at once rests on the lease in the store, not on this schedule; when the last run began is read from
the store too, so nothing of the schedule has to survive a restart.
"""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

log = structlog.get_logger("connector.schedule")

BEAT = timedelta(seconds=5)
LONGEST = timedelta(hours=6)
"""A run that takes longer is ended: what it has done is kept, and the next one goes on from there."""
LAST_WORDS = timedelta(seconds=30)
"""What a run gets to end by itself once it was asked to."""

MISSED = ("overlap", "late")
"""Why a run did not begin in time."""

_RUN = "run"


def first_run(last: datetime | None, every: timedelta, now: datetime) -> datetime:
    """When to run first after a start: at once when the last run is older than `every`, or is not known."""
    if last is None:
        return now
    return min(max(last + every, now), now + every)


class Schedule:
    """Runs `command` every so often, never twice at once; tells how that goes."""

    def __init__(
        self, command: Sequence[str], every: timedelta, timezone: ZoneInfo, *, longest: timedelta = LONGEST
    ) -> None:
        self.exits: Counter[int] = Counter()
        self.missed: Counter[str] = Counter()
        self.last_exit: int | None = None
        self._command = command
        self._every = every
        self._timezone = timezone
        self._longest = longest
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._stopped = False
        self._beat_at = time.monotonic()
        self._scheduler = _scheduler(timezone)
        self._scheduler.add_listener(self._listen, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES | EVENT_JOB_ERROR)

    def start(self, first: datetime) -> None:
        """Begin; the first run is at `first`."""
        self._scheduler.add_job(self._beat, self._each(BEAT), id="beat")
        self._scheduler.add_job(self._run, self._each(self._every), id=_RUN, next_run_time=first)
        self._scheduler.start()
        log.info(
            "schedule_started",
            every=self._every.total_seconds(),
            first=first.astimezone(self._timezone).isoformat(timespec="seconds"),
            timezone=str(self._timezone),
        )

    def stop(self) -> None:
        """Begin no further run; the one under way goes on, and so does the heartbeat."""
        with self._lock:
            self._stopped = True
        self._scheduler.remove_job(_RUN)
        log.info("schedule_stopped", running=self.running)

    def close(self) -> None:
        """End the scheduler, after the run under way if there is one."""
        self._scheduler.shutdown()

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        child = self._child
        return child is not None and child.poll() is None

    def terminate(self) -> None:
        """Ask the run under way to end."""
        self._signal("terminate")

    def kill(self) -> None:
        """End the run under way at once; the next run finds everything it needs in the store."""
        self._signal("kill")

    def heartbeat_age(self) -> float:
        """Seconds since the scheduler last showed that it is alive."""
        return time.monotonic() - self._beat_at

    def _each(self, interval: timedelta) -> Any:
        return IntervalTrigger(seconds=interval.total_seconds(), timezone=self._timezone)

    def _beat(self) -> None:
        self._beat_at = time.monotonic()

    def _run(self) -> None:
        with self._lock:
            if self._stopped:
                return
            # A process group of its own: Ctrl+C in a terminal is for us, and we let the run finish.
            # Its report is in the store; its log lines go where ours go.
            self._child = child = subprocess.Popen(  # noqa: S603  the command is our own
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
            )
        began = time.monotonic()
        log.info("process_started", pid=child.pid)
        code = self._wait(child)
        self.exits[code] += 1
        self.last_exit = code
        tell = log.warning if code else log.info
        tell("process_ended", pid=child.pid, exit=code, seconds=round(time.monotonic() - began, 1))

    def _wait(self, child: subprocess.Popen[bytes]) -> int:
        for patience, then in ((self._longest, self.terminate), (LAST_WORDS, self.kill)):
            try:
                return child.wait(patience.total_seconds())
            except subprocess.TimeoutExpired:
                log.warning("process_overran", pid=child.pid, seconds=patience.total_seconds())
                then()
        return child.wait()

    def _signal(self, how: str) -> None:
        child = self._child
        if child is not None and child.poll() is None:
            log.warning("process_stopped", pid=child.pid, how=how)
            getattr(child, how)()

    def _listen(self, event: Any) -> None:
        """What the scheduler would otherwise keep to itself."""
        if event.job_id != _RUN:
            return
        if event.code == EVENT_JOB_ERROR:
            log.error("schedule_failed", error=str(event.exception))
            return
        reason = "overlap" if event.code == EVENT_JOB_MAX_INSTANCES else "late"
        self.missed[reason] += 1
        log.warning("run_missed", reason=reason)


def _scheduler(timezone: ZoneInfo) -> Any:
    # What it has to say of runs is said by our listener.
    logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
    return BackgroundScheduler(
        jobstores={"default": MemoryJobStore()},
        # However late, a run is due; and however many are, one catches up with all.
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        timezone=timezone,
    )
