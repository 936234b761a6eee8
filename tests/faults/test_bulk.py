"""Salesforce's jobs of the Bulk API under a real `kill -9`: they end as the same changes do without jobs."""

from __future__ import annotations

import random
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.config import load
from tests.faults.conftest import EIGHTHS, MEMORY, silent
from tests.faults.ends import differences, end
from tests.faults.kit import Stage
from tests.faults.points import Points, instrumented
from tests.faults.processes import Driver, killed_for_real
from tests.faults.test_kills import judged
from tests.faults.world import World, direct

SEED = 20261127
WHEN = "next"
EVERYTHING = "bulk_above: 0"
OF_JOBS = ("salesforce.bulk", "engine.jobs", "store.jobs")
MANY = 60
"""Points of three jobs, at least."""


@pytest.fixture(scope="module")
def by_job(stage: Stage) -> Iterator[Stage]:
    """The second moment of the story, in which Salesforce is handed each change in a job."""
    with tempfile.TemporaryDirectory(prefix="connector-faults-", dir=MEMORY) as folder:
        config = Path(folder) / "config"
        shutil.copytree(stage.setup.folder, config, ignore=shutil.ignore_patterns("data"))
        said = (config / "config.yaml").read_text(encoding="utf-8")
        said, times = re.subn(r"(?m)^( *)type: salesforce$", rf"\g<0>\n\1{EVERYTHING}", said)
        assert times == 1
        (config / "config.yaml").write_text(said, encoding="utf-8")
        setup, moment = load(config / "config.yaml"), stage.moments[WHEN]
        world = moment.world(setup, Path(folder) / "ought")
        with silent(), direct(world.made), instrumented(Points()) as passed:
            world.run()
        assert _jobs(world) == {("update", "Lead"), ("upsert", "Lead"), ("insert", "Task")}
        assert differences(stage.ought[WHEN], end(world.made, world.store)) == []
        yield Stage(setup, {WHEN: moment}, {WHEN: stage.ought[WHEN]}, {WHEN: passed.seen})


def _jobs(world: World) -> set[tuple[str, str]]:
    return {(job.operation, job.sobject) for job in world.made.org.ingest.jobs.values()}


@pytest.mark.timeout(1800)
def test_kill_9_at_any_point_of_a_job(eighth: int, by_job: Stage, driver: Driver, tmp_path: Path, prove: bool) -> None:
    points = [at for at in sorted(by_job.points[WHEN]) if any(word in at for word in OF_JOBS)]
    assert len(points) > MANY
    chosen = points[eighth::EIGHTHS] if prove else random.Random(SEED).sample(points, 1)
    judged(killed_for_real(by_job, [(WHEN, at) for at in chosen], driver, tmp_path))
