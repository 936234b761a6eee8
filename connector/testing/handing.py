"""What holds of jobs, where an adapter has them: they are picked up by whoever comes, and never act behind our back."""

from __future__ import annotations

from collections.abc import Sequence

from connector.changes import AnyChange, RaiseAlert, SetFields
from connector.ports import Adapter, Jobs
from connector.testing.gates import Gates
from connector.testing.samples import alert, one_of_each, set_text, some_person
from connector.testing.traffic import collected, look
from connector.testing.world import World, missing


class Handing(Gates):
    """Jobs: many changes handed over at once. In one world of the adapter at least, two changes should be enough."""

    @staticmethod
    def _jobs(adapter: Adapter) -> Jobs:
        if adapter.jobs is None:
            missing("jobs")
        return adapter.jobs

    def _two(self, world: World) -> Sequence[AnyChange]:
        self._writes(world, SetFields)
        refs = [world.add_person(**some_person(world, n)) for n in range(2)]
        changes = [set_text(world, ref, f"値{n}") for n, ref in enumerate(refs)]
        if not self._jobs(world.adapter()).fit(changes):
            missing("job for two changes")
        return changes

    def test_a_job_is_collected_by_another_process(self, world: World) -> None:
        changes = self._two(world)
        job = self._jobs(world.adapter()).open(changes)
        self._jobs(world.adapter()).submit(job, changes)
        found = collected(self._jobs(world.adapter()), job, changes)
        assert {r.key: r.status for r in found.receipts} == {change.key: "done" for change in changes}
        assert not found.untried
        assert all(world.person_fields(c.ref) for c in changes if isinstance(c, SetFields))
        assert collected(self._jobs(world.adapter()), job, changes).receipts == found.receipts

    def test_a_job_that_was_only_opened_gives_its_changes_back_and_never_acts(self, world: World) -> None:
        changes = self._two(world)
        before = look(world, changes)
        job = self._jobs(world.adapter()).open(changes)
        found = collected(self._jobs(world.adapter()), job, changes)
        assert not found.receipts
        assert found.untried == {change.key for change in changes}
        assert look(world, changes) == before

    def test_a_job_that_nobody_knows_tells_nothing(self, world: World) -> None:
        changes = self._two(world)
        job = self._jobs(world.adapter()).open(changes)
        unknown = job[:-1] + ("A" if job[-1] != "A" else "B")
        found = collected(self._jobs(world.adapter()), unknown, changes)
        assert not found.receipts
        assert not found.untried

    def test_an_alert_waits_for_no_job(self, world: World) -> None:
        adapter = world.adapter()
        jobs = self._jobs(adapter)
        self._writes(world, RaiseAlert)
        assert list(jobs.fit([alert(world, f"k{n}", "動き") for n in range(world.many)])) == []

    def test_choosing_what_fits_writes_nothing(self, world: World) -> None:
        jobs = self._jobs(world.adapter())
        changes = one_of_each(world)
        before = look(world, changes)
        for change in changes:
            assert list(jobs.fit([change])) in ([], [change])
        assert jobs.wait.total_seconds() >= 0
        assert look(world, changes) == before
