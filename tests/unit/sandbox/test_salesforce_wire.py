"""Recorded requests of real clients, word for word, against the emulated org."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connector.sandbox.clock import Clock
from connector.sandbox.salesforce import SalesforceEmulator
from tests.unit.sandbox.salesforce_client import Caller, Reply
from tests.unit.sandbox.salesforce_wire import JSFORCE, SIMPLE_SALESFORCE, Step


@pytest.fixture
def org() -> SalesforceEmulator:
    org = SalesforceEmulator(
        clock=Clock(datetime(2026, 11, 22, 1, tzinfo=UTC), ticking=False),
        client_id="CK",
        client_secret="CS",
        username="u@example.com",
        password="p&w",
        security_token="TOK",
        refresh_token="RT",
    )
    # Not unique, so that one key can fit two records.
    org.add_field("Lead", name="MA_Id__c", length=64, external_id=True)
    org.add_field("Lead", name="Flag__c", type="boolean")
    for key in ("abc", "dup", "dup", "x", "y"):
        org.create("Lead", {"LastName": key, "Company": "A", "MA_Id__c": key})
    org.page_size = 2
    return org


def check(step: Step, reply: Reply) -> None:
    assert reply.status == step.status, (step.tag, reply.text)
    assert "Sforce-Limit-Info" in reply.headers
    assert step.text in reply.text, step.tag
    if step.shape:
        assert reply.headers["Content-Type"] == "application/json;charset=UTF-8"
        first: dict[str, Any] = reply.json[0] if isinstance(reply.json, list) else reply.json
        assert set(step.shape) <= set(first), step.tag
    if step.status in {201, 204} and step.method == "PUT":
        assert reply.content == b""


@pytest.mark.parametrize("steps", [SIMPLE_SALESFORCE, JSFORCE], ids=["simple-salesforce 1.12.10", "jsforce 3.10.16"])
def test_recorded_requests(org: SalesforceEmulator, steps: list[Step]) -> None:
    caller = Caller(org)
    known = {"lead": org.records("Lead")[0]["Id"]}
    for step in steps:
        target = step.target
        for name, value in known.items():
            target = target.replace(f"{{{name}}}", value)
        body = step.body.encode() if step.body else None
        reply = caller(step.method, target, data=body, mimetype=step.mimetype, headers=step.headers)
        check(step, reply)
        if step.remember:
            key = {"next": "nextRecordsUrl"}.get(step.remember, step.remember)
            known[step.remember] = reply.json[key]
