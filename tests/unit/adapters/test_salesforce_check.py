"""What `check` finds, each thing by its object and field, and that it writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from connector.adapters.salesforce.rights import TOO_MUCH
from connector.errors import Unauthorized
from connector.ports import Finding, Needs, ObjectNeeds
from connector.sandbox.salesforce import SalesforceEmulator
from tests.unit.adapters.salesforce_kit import NEEDS, Stage, stage

Place = tuple[str, str, str]


@pytest.fixture
def ready() -> Iterator[Stage]:
    with stage() as made:
        yield made


def places(findings: list[Finding]) -> set[Place]:
    """Severity, object and field of all but the information."""
    return {(f.severity, f.object, f.field) for f in findings if f.severity != "info"}


def check(ready: Stage, needs: Needs = NEEDS, **options: Any) -> list[Finding]:
    before = {each.name: ready.org.records(each.name, include_deleted=True) for each in ready.org.schema}
    findings = list(ready.adapter(needs, **options).check())
    assert before == {each.name: ready.org.records(each.name, include_deleted=True) for each in ready.org.schema}
    assert ready.requests("composite") == []
    for finding in findings:
        assert finding.what.ja
        assert finding.what.en
        if finding.severity != "info":
            assert finding.fix is not None
    return findings


def test_a_sound_org_has_no_findings_but_its_allowance(ready: Stage) -> None:
    findings = check(ready)
    assert places(findings) == set()
    assert [str(f.what) for f in findings] == [f"API calls of the last 24 hours: {ready.org.calls} of 15000"]


Org = SalesforceEmulator
CASES: dict[str, tuple[Callable[[Org], object], set[Place]]] = {
    "a field that is hidden": (
        lambda org: org.hide_field("Contact", "MA_Score__c"),
        {("error", "Contact", "MA_Score__c")},
    ),
    "a field that may only be read": (
        lambda org: org.read_only_field("Lead", "MA_Score_Why__c"),
        {("error", "Lead", "MA_Score_Why__c")},
    ),
    "a text that is too short": (
        lambda org: org.add_field("Lead", name="MA_Score_Why__c", length=80),
        {("error", "Lead", "MA_Score_Why__c")},
    ),
    "a text into a number": (
        lambda org: org.add_field("Lead", name="MA_Score_Why__c", type="double", precision=18),
        {("error", "Lead", "MA_Score_Why__c")},
    ),
    "a key that is not unique": (
        lambda org: org.add_field("Lead", name="MA_Person_Id__c", length=64, external_id=True),
        {("error", "Lead", "MA_Person_Id__c")},
    ),
    "a key that is no external id": (
        lambda org: org.add_field("Lead", name="MA_Person_Id__c", length=64, unique=True),
        {("error", "Lead", "MA_Person_Id__c")},
    ),
    "a key that may not be written": (
        lambda org: org.read_only_field("Lead", "MA_Person_Id__c"),
        {("error", "Lead", "MA_Person_Id__c")},
    ),
    "an object that may not be created": (
        lambda org: setattr(org.schema["Lead"], "createable", False),
        {("error", "Lead", "")},
    ),
    "tasks that may not be created": (
        lambda org: setattr(org.schema["Task"], "createable", False),
        {("error", "Task", "")},
    ),
    "no key on tasks": (
        lambda org: org.hide_field("Task", "MA_Key__c"),
        {("error", "Task", "MA_Key__c")},
    ),
    "a key on tasks that is not unique": (
        lambda org: org.add_field("Activity", name="MA_Key__c", length=64, external_id=True),
        {("error", "Task", "MA_Key__c")},
    ),
    "a key on tasks that is too short": (
        lambda org: org.add_field("Activity", name="MA_Key__c", length=20, external_id=True, unique=True),
        {("error", "Task", "MA_Key__c")},
    ),
    "no result of calls": (
        lambda org: org.hide_field("Task", "Call_Result__c"),
        {("error", "Task", "Call_Result__c")},
    ),
    "contacts that may be deleted": (
        lambda org: org.schema["Contact"].denied.clear(),
        {("warning", "Contact", "")},
    ),
    "leads that may be deleted": (
        lambda org: org.schema["Lead"].denied.clear(),
        {("warning", "Lead", "")},
    ),
    "deals that may be written": (
        lambda org: org.schema["Opportunity"].denied.discard("edit"),
        {("warning", "Opportunity", "")},
    ),
    "companies that may be made": (
        lambda org: org.schema["Account"].denied.discard("create"),
        {("warning", "Account", "")},
    ),
    "leads that the user may not make": (
        lambda org: org.deny("Lead", "create"),
        {("error", "Lead", "")},
    ),
    "a field of deals": (
        lambda org: org.hide_field("Opportunity", "Loss_Reason__c"),
        {("error", "Opportunity", "Loss_Reason__c")},
    ),
    "consent that cannot be seen": (
        lambda org: org.hide_field("Contact", "HasOptedOutOfEmail"),
        {("warning", "Contact", "")},
    ),
    "what a deal is nothing without": (
        lambda org: org.hide_field("Opportunity", "IsWon"),
        {("error", "Opportunity", "IsWon")},
    ),
}


@pytest.mark.parametrize("permission", TOO_MUCH)
def test_each_permission_of_an_administrator_is_named(ready: Stage, permission: str) -> None:
    ready.org.grant(permission)
    assert [f.what for f in check(ready) if f.severity != "info"] == [TOO_MUCH[permission]]


def test_the_permissions_that_are_needed_are_none_too_many(ready: Stage) -> None:
    ready.org.grant("ApiEnabled", "EditTask", "ViewSetup")
    assert places(check(ready)) == set()


def test_permissions_that_this_org_does_not_know_are_not_asked_for(ready: Stage) -> None:
    ready.org.grant("ModifyAllData")
    ready.org.hide_field("UserPermissionAccess", "PermissionsBulkApiHardDelete")
    assert [f.what for f in check(ready) if f.severity != "info"] == [TOO_MUCH["ModifyAllData"]]


def test_an_org_that_tells_nothing_of_permissions(ready: Stage) -> None:
    for permission in TOO_MUCH:
        ready.org.hide_field("UserPermissionAccess", f"Permissions{permission}")
    found = check(ready)
    assert places(found) == set()
    assert "cannot be told what else our user may do" in [str(f.what) for f in found]


@pytest.mark.parametrize("name", CASES)
def test_what_is_found(ready: Stage, name: str) -> None:
    spoil, wanted = CASES[name]
    spoil(ready.org)
    assert places(check(ready)) == wanted


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"alert": {"priority": "Urgent"}}, {("error", "Task", "Priority")}),
        ({"alert": {"status": "Neu"}}, {("error", "Task", "Status")}),
        ({"alert": {"status": "Completed"}}, {("warning", "Task", "Status")}),
        ({"timeline": {"status": "Not Started"}}, {("warning", "Task", "Status")}),
        ({"task_key": "MA_Keys__c"}, {("error", "Task", "MA_Keys__c")}),
        ({"corporate_number": "Nope__c"}, {("error", "Account", "Nope__c")}),
        ({"leads": False}, {("error", "Lead", "")}),
        ({"api_version": "40.0"}, {("warning", "", "")}),
        ({"api_version": "99.0"}, {("error", "", "")}),
    ],
    ids=str,
)
def test_what_is_found_of_the_options(ready: Stage, options: dict[str, Any], wanted: set[Place]) -> None:
    ready.org.api_versions = (31, 68)
    assert places(check(ready, **options)) == wanted


def test_an_org_without_leads(ready: Stage) -> None:
    del ready.org.schema._objects["lead"]
    assert places(check(ready)) == {("error", "Lead", "")}


def test_objects_that_are_no_people(ready: Stage) -> None:
    needs = Needs({"Campaign": ObjectNeeds(frozenset({"Name"}), frozenset({"Name"}))})
    assert places(check(ready, needs)) == {("error", "Campaign", "")}


def test_near_names_are_told(ready: Stage) -> None:
    needs = Needs({"Contact": ObjectNeeds(frozenset({"MA_Scor__c"})), "Lead": ObjectNeeds(frozenset({"MA Score"}))})
    fixes = {f.field: str(f.fix) for f in check(ready, needs)}
    assert fixes["MA_Scor__c"] == "did you mean MA_Score__c?"
    assert "API name" in fixes["MA Score"]


def test_without_alerts_and_timelines_tasks_need_no_key(ready: Stage) -> None:
    ready.org.hide_field("Task", "MA_Key__c")
    assert places(check(ready, Needs(NEEDS.objects))) == set()


def test_a_version_that_is_retired(ready: Stage) -> None:
    ready.org.api_versions = (63, 68)
    (finding,) = check(ready)
    assert finding.severity == "error"
    assert str(finding.fix) == "set api_version between 63.0 and 68.0"


def test_an_org_that_lets_nobody_in(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SF_CLIENT_SECRET", "wrong")
    with pytest.raises(Unauthorized):
        check(ready)


def test_objects_are_shown_with_their_fields_and_choices(ready: Stage) -> None:
    shown = {each.name: {field.name: field for field in each.fields} for each in ready.adapter(NEEDS).inspect()}

    assert list(shown) == ["Contact", "Lead", "Opportunity", "Task"]
    key, reason = shown["Lead"]["MA_Person_Id__c"], shown["Opportunity"]["Loss_Reason__c"]
    assert (key.type, list(key.notes)) == ("string(64)", ["external id", "unique"])
    assert (reason.type, list(reason.choices)) == ("picklist(255)", ["予算", "時期"])
    assert list(shown["Lead"]["SystemModstamp"].notes) == ["read only"]
