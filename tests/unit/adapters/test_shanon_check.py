from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from connector.adapters import adapter_class
from connector.adapters.shanon import Config, Shanon
from connector.errors import Unauthorized
from connector.model import Kind
from connector.ports import Finding, Needs, ObjectNeeds
from connector.spec import parse as parse_spec
from connector.spec import read_yaml_text
from tests.unit.adapters.shanon_kit import Stage, fields_needed, later, stage


@pytest.fixture
def smp() -> Iterator[Stage]:
    with stage() as it:
        it.smp.clock.advance(datetime.now(UTC) - it.smp.clock())
        yield it


def told(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(f.severity, f.object, f.field) for f in findings]


def test_a_sound_account(smp: Stage) -> None:
    number = smp.smp.create_list("育成")
    smp.person()
    needs = Needs(objects=fields_needed("Attribute1", "UnsubscribeStatus").objects, lists=frozenset({str(number)}))
    assert list(smp.adapter(needs).check()) == []


def test_fields_that_are_not_there_or_not_writable(smp: Stage) -> None:
    needs = Needs(
        objects={
            "visitor": ObjectNeeds(
                read=frozenset({"Emial", "Attribute1"}), write=frozenset({"DateUpdate", "AttributeN12", "Attribute12"})
            ),
            "Visitor": ObjectNeeds(),
        }
    )
    findings = list(smp.adapter(needs).check())
    assert told(findings) == [
        ("error", "visitor", "AttributeN12"),
        ("error", "visitor", "Emial"),
        ("error", "visitor", "AttributeN12"),
        ("error", "visitor", "DateUpdate"),
        ("error", "Visitor", ""),
    ]
    assert "'Email'" in str(findings[1].fix)


def test_own_fields_that_cannot_be_verified(smp: Stage) -> None:
    smp.smp.chaos.plan("status", path="visitorsetting", status=404, body="")
    assert told(list(smp.adapter(fields_needed("Attribute1")).check())) == [("info", "visitor", "Attribute1")]


def test_an_own_field_that_is_not_there(smp: Stage) -> None:
    assert told(list(smp.adapter(fields_needed("Attribute77")).check())) == [("error", "visitor", "Attribute77")]


@pytest.mark.parametrize("status", [403, 404])
def test_a_stream_that_is_not_in_the_contract(smp: Stage, status: int) -> None:
    smp.smp.chaos.plan("status", path="trackingaccesslog", status=status, body="", times=2)
    (finding,) = smp.adapter().check()
    assert (finding.severity, finding.object) == ("error", "trackingaccesslog")
    assert finding.fix is not None
    assert finding.fix.ja


def test_lists_that_are_not_there_or_not_readable(smp: Stage) -> None:
    needs = Needs(lists=frozenset({"4711", "4712"}))
    assert told(list(smp.adapter(needs).check())) == [("error", "staticlist", "")] * 2
    smp.smp.chaos.plan("status", path="staticlist", status=404, body="")
    assert told(list(smp.adapter(needs).check())) == [("error", "staticlist", "")]


def test_a_clock_that_is_wrong(smp: Stage) -> None:
    later(smp, minutes=5)
    (finding,) = smp.adapter().check()
    assert finding.severity == "warning"
    assert "秒" in finding.what.in_("ja")


def test_wrong_credentials(smp: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMP_PASSWORD", "wrong")
    with pytest.raises(Unauthorized):
        smp.adapter().check()


# --- configuration ----------------------------------------------------------------------------------------------------


def test_it_is_found_by_its_type() -> None:
    assert adapter_class("shanon") is Shanon


GOOD = """\
type: shanon
base_url: https://example.smktg.jp
api_key: {env: SMP_API_KEY}
password: {file: secrets/password}
secret: {env: SMP_SECRET}
lists: {nurture-budget: 12}
streams: [mail, activity]
activity_kinds: {名刺: business_card}
overlap: 30m
budget: {calls_per_day: 2000}
"""


def test_a_block_of_yaml() -> None:
    data, problems = read_yaml_text(GOOD, "config.yaml")
    config, more = parse_spec(Config, data, data.mark)
    assert problems + more == []
    assert config is not None
    assert config.lists == {"nurture-budget": 12}
    assert config.activity_kinds == {"名刺": Kind.BUSINESS_CARD}
    assert config.campaign_kinds["資料請求"] is Kind.DOWNLOAD
    assert config.streams == ("mail", "activity")


@pytest.mark.parametrize(
    ("bad", "line"),
    [
        ("page_size: 1001", 11),
        ("page_size: 0", 11),
        ("campaign_kinds: {名刺: business_crad}", 11),
        ("tracking: true", 11),
    ],
)
def test_what_is_wrong_is_told_with_its_line(bad: str, line: int) -> None:
    data, _ = read_yaml_text(GOOD + bad, "config.yaml")
    _, problems = parse_spec(Config, data, data.mark)
    assert [problem.line for problem in problems] == [line]
