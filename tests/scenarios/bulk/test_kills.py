"""Killed at every step of a job, and killed again while it recovers: the next healthy run ends where it should."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection

from connector.adapters.salesforce.org import Org
from connector.store.lease import Lease
from tests.scenarios.bulk.world import World, world

PARTS = 20
"""Tests that share the steps."""

pytestmark = pytest.mark.timeout(600)


class Killed(BaseException):
    """The process is no more."""


@dataclass
class Executioner:
    """Counts the steps of a process - each request of a job, and each transaction from the first of them on - and kills
    it before or after one.
    """

    patch: pytest.MonkeyPatch
    kill_at: int = 0
    steps: int = -1
    dead: bool = False

    def __post_init__(self) -> None:
        send: Callable[..., Any] = Org.send
        writing: Callable[..., Any] = Lease.writing

        def sending(org: Org, *args: Any, **kw: Any) -> Any:
            self.steps = max(self.steps, 0)
            self.step()
            answer = send(org, *args, **kw)
            self.step()
            return answer

        @contextmanager
        def written(lease: Lease) -> Iterator[Connection]:
            self.step()
            with writing(lease) as conn:
                yield conn
            self.step()

        self.patch.setattr(Org, "send", sending)
        self.patch.setattr(Lease, "writing", written)

    def step(self) -> None:
        """A dead process does nothing more, in none of its threads."""
        self.steps += self.steps >= 0
        self.dead = self.dead or self.steps == self.kill_at
        if self.dead:
            raise Killed

    def run(self, ready: World, kill_at: int) -> bool:
        """A run that is killed at a step; False: it was over before."""
        self.steps, self.kill_at, self.dead = -1, kill_at, False
        try:
            ready.run()
        except Killed:
            return True
        finally:
            self.kill_at, self.dead = 0, False
        return False


@pytest.fixture(scope="module")
def undisturbed() -> object:
    with world(above=1000) as made:
        made.everybody()
        made.rest()
        return made.picture()


QUICK, SLOW = 1, 500
"""Seconds that the org takes for a job: less than a run waits; and more than a run waits, and the next is away."""


@pytest.fixture(scope="module", params=[QUICK, SLOW], ids=["quick", "slow"])
def seconds(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def steps(seconds: int) -> int:
    """Steps of a run from the first request of a job to its end."""
    with world() as ready, pytest.MonkeyPatch.context() as patch:
        ready.everybody()
        ready.org.state_seconds = seconds
        executioner = Executioner(patch)
        assert not executioner.run(ready, 10_000)
        return executioner.steps


def rows_done(ready: World) -> Counter[tuple[str, str]]:
    """Rows that jobs wrote: each change once, however often we were killed; nothing is handed over a second time."""
    jobs = ready.org.ingest.jobs.values()
    return Counter((job.operation, job.sobject) for job in jobs for _ in job.successes)


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_at_any_step(undisturbed: object, seconds: int, steps: int, part: int) -> None:
    """Every second world is killed again, a few steps into the run that follows."""
    assert steps > 40
    killed = 0
    places = range(1 + part, steps + 1, PARTS)
    for kill_at in places:
        with world() as ready, pytest.MonkeyPatch.context() as patch:
            ready.everybody()
            ready.org.state_seconds = seconds
            executioner = Executioner(patch)
            killed += executioner.run(ready, kill_at)
            if kill_at // PARTS % 2:
                executioner.run(ready, 1 + kill_at % 17)
            ready.rest()
            assert ready.picture() == undisturbed, kill_at
            assert {state for *_, state in ready.jobs()} <= {"JobComplete", "Aborted", "Open"}, kill_at
            assert rows_done(ready) == {("upsert", "Lead"): 4, ("update", "Contact"): 4, ("insert", "Task"): 8}, kill_at
            with_data = [job for job in ready.org.ingest.jobs.values() if job.state == "Open" and job.content]
            assert with_data == [], kill_at
    assert killed >= len(places) - 1  # a run passes fewer steps when threads overtake each other
