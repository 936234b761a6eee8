"""Undo and reconcile over HTTP, against every emulated system at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from connector.changes import CloseAlert
from connector.engine.reconcile import Reconciled, reconcile
from connector.engine.report import Exit
from connector.engine.undo import Undone, undo_run
from tests.scenarios.three_sfas.test_together import EMAIL, contact, on_list
from tests.scenarios.three_sfas.world import World, world


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as made:
        yield made


def undo(ready: World, run: str) -> Undone:
    ready.systems.clock.advance(timedelta(minutes=5))
    with ready.app() as app:
        return undo_run(app, run, send=True)


def compare(ready: World) -> Reconciled:
    ready.systems.clock.advance(timedelta(minutes=5))
    with ready.app() as app:
        return reconcile(app)


def test_a_run_is_taken_back_everywhere_and_the_next_one_leaves_it_so(ready: World) -> None:
    ready.visitor(EMAIL)
    record, person = contact(ready), ready.in_kintone(EMAIL)
    ready.probe()
    run = ready.run().run
    assert ready.systems.org.get("Contact", record)["MA_Score__c"] == 15

    undone = undo(ready, run)

    in_salesforce = ready.systems.org.get("Contact", record)
    in_kintone = ready.kintone.get(ready.apps.people.id, person)
    assert (in_salesforce["MA_Score__c"], in_salesforce["MA_Score_Why__c"]) == (None, None)
    assert (in_kintone["MAスコア"], in_kintone["MAスコア根拠"]) == ("", "")
    assert in_kintone["MA接点"] == []
    assert undone.report.exit is Exit.DONE
    assert {left.code for left in undone.found.left} <= {"key", "no_way", "shown"}
    assert ready.run().sent() == 0

    again = undo(ready, undone.report.run)
    assert again.report.exit is Exit.DONE
    assert ready.systems.org.get("Contact", record)["MA_Score__c"] == 15
    assert ready.kintone.get(ready.apps.people.id, person)["MAスコア"] == "15"


def test_a_task_is_closed_and_who_was_protected_is_for_the_rules_to_say(ready: World) -> None:
    visitor = ready.visitor(EMAIL)
    record = contact(ready)
    account = ready.systems.org.get("Contact", record)["AccountId"]
    deal = ready.systems.org.create(
        "Opportunity",
        {"Name": "更新", "AccountId": account, "StageName": "Negotiation/Review", "Probability": 90,
         "CloseDate": "2026-12-31"},
    )  # fmt: skip
    ready.systems.org.create("OpportunityContactRole", {"OpportunityId": deal, "ContactId": record})
    ready.probe()
    run = ready.run().run
    tasks = [row for row in ready.systems.org.records("Task") if not row["IsClosed"]]
    assert visitor in on_list(ready)

    undone = undo(ready, run)

    assert visitor not in on_list(ready)
    assert len(undone.returns) == 1
    closed = [change for change in undone.found.changes if isinstance(change, CloseAlert)]
    assert len(closed) == len(tasks)
    assert [row for row in ready.systems.org.records("Task") if not row["IsClosed"]] == []


def test_after_two_runs_every_system_is_as_recorded_and_what_changes_unseen_is_found(ready: World) -> None:
    ready.visitor(EMAIL)
    record, person = contact(ready), ready.in_kintone(EMAIL)
    ready.in_esales("shizu@enomoto-example.co.jp")
    ready.deal_in_kintone()
    ready.probe()
    ready.run()
    ready.run()

    found = compare(ready)

    told = [(name, each) for name, one in found.systems.items() for each in one.differences]
    assert told == []
    assert found.report.exit is Exit.DONE
    assert all(one.counts for one in found.systems.values())

    ready.systems.org.store.table("Contact").rows[record]["MA_Score__c"] = 99.0  # and no stamp moves
    (difference,) = compare(ready).systems["salesforce"].differences
    assert (difference.sign, [each.name for each in difference.fields]) == ("~", ["MA_Score__c"])
    ready.run()
    assert ready.systems.org.get("Contact", record)["MA_Score__c"] == 15
    assert ready.kintone.get(ready.apps.people.id, person)["MAスコア"] == "15"
