from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from connector.errors import AdapterError, Unauthorized
from connector.ports import Needs
from connector.sandbox.inhouse import Settings, service
from tests.unit.adapters.rest_kit import NEEDS, Stage, needs_of_people, stage


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("CRM_TOKEN", "sandbox-token")
    with stage() as made:
        tables = made.house.tables
        made.add_person(
            mail="sato@example.jp", name={"family": "佐藤", "given": "健"}, company="佐藤製作所", tel="03-0000-0000",
            memo="m", rank="A", external_key="U1",
        )  # fmt: skip
        tables.add("users", {"name": "髙橋"})
        tables.add("accounts", {"name": "東都精工㈱"})
        tables.add("visits", {"person_id": 1001, "type": "来場", "at": tables.stamp()})
        tables.add(
            "deals",
            {"title": "t", "status": "受注", "amount": 1, "percent": 1, "closes_on": "2026-04-01", "lost_reason": "r",
             "owner": {"id": 1}, "account": {"id": 1}, "contacts": [1001]},
        )  # fmt: skip
        yield made


def found(ready: Stage, needs: Needs | None = None, **changes: Any) -> list[tuple[str, str, str, str]]:
    before = repr(ready.house.tables.rows)
    findings = ready.adapter(needs, **changes).check()
    assert repr(ready.house.tables.rows) == before
    return [(each.severity, each.object, each.field, str(each.what)) for each in findings]


def test_a_sound_system(ready: Stage) -> None:
    assert found(ready) == []


def test_fields_that_are_not_there(ready: Stage) -> None:
    needs = needs_of_people(read=frozenset({"memmo", "name"}), write=frozenset({"name.family"}))
    assert found(ready, needs) == [
        ("warning", "person", "memmo", "nothing stands there in the first 1 record"),
        ("error", "person", "name", "it is a block of fields"),
        ("error", "person", "name.family", "a dotted field can be read, not written"),
        ("warning", "person", "", "name is a block of fields"),
    ]


def test_an_object_that_is_not_configured(ready: Stage) -> None:
    needs = replace(NEEDS, objects={**NEEDS.objects, "persons": NEEDS.objects["person"]})
    assert found(ready, needs) == [("error", "persons", "", "it is not configured under people or deals")]


def test_links_by_other_fields_are_not_possible(ready: Stage) -> None:
    deal = replace(NEEDS.objects["deal"], linked_by={"people": "mail"})
    needs = replace(NEEDS, objects={**NEEDS.objects, "deal": deal})
    assert found(ready, needs) == [("error", "deal", "", "linked_by is not possible here")]


def test_nothing_can_be_said_of_an_empty_list(ready: Stage) -> None:
    ready.house.tables.rows["deals"].clear()
    assert found(ready) == [("info", "deal", "", "the list is empty: its fields could not be verified")]


def test_what_is_mapped_to_be_written_needs_a_way(ready: Stage) -> None:
    without = {"person": {"create": None, "update": None}}
    assert found(ready, people=without) == [
        ("error", "person", "", "nobody is created here: no way is configured that is safe to repeat"),
        ("error", "person", "", "fields are mapped to be written, but there is no update"),
    ]


def test_a_search_that_finds_anything(ready: Stage) -> None:
    ready.house.deaf.add("external_key")
    assert ("error", "person", "", "the search by our key is not obeyed: records with other keys came") in found(ready)


def test_a_search_for_alerts_that_is_not_there(ready: Stage) -> None:
    search = {"search": {"path": "todos", "param": "external_key"}}
    assert found(ready, alerts=search, timeline=search) == [
        ("error", "alerts", "", "there is no such record or path"),
        ("error", "timeline", "", "there is no such record or path"),
    ]


def test_pages_that_are_never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_TOKEN", "sandbox-token")
    with stage(Settings(first=0)) as ready:
        for _ in range(3):
            ready.add_person()
        assert ("error", "person", "", "page 0 has other records, and is never read") in found(ready)
        assert not [each for each in found(ready, paging={"first": 0}) if each[:2] == ("error", "person")]


@pytest.mark.parametrize("paging", ["page", "offset"])
def test_a_total_that_counts_one_page(monkeypatch: pytest.MonkeyPatch, paging: Any) -> None:
    monkeypatch.setenv("CRM_TOKEN", "sandbox-token")
    with stage(Settings(paging=paging), paging={"by": paging, "total": "items.0"}) as ready:
        for _ in range(3):
            ready.add_person()
        assert ("error", "person", "", "more records follow than total says") not in found(ready)
        sound = ready.server._handle

        def counting(request: Request) -> Response:
            response = sound(request)
            told = json.loads(response.get_data())
            response.set_data(json.dumps(told | {"total": len(told["items"])}))
            return response

        ready.server._handle = counting
        said = [each for each in found(ready, paging={"by": paging}) if each[1] == "person"]
        assert ("error", "person", "", "more records follow than total says") in said


def test_what_nobody_divides_is_said_to_be_taken_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_TOKEN", "sandbox-token")
    with stage(Settings(paging="none"), paging={"by": "none", "size_param": None}) as ready:
        ready.add_person()
        said = "1 record is taken for all there are: nothing says that more follow"
        assert ("info", "person", "", said) in found(ready)


def test_an_order_that_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_TOKEN", "sandbox-token")
    with stage(Settings(order="id")) as ready:
        first, _ = ready.add_person(), ready.add_person()
        ready.tick()
        ready.house.tables.change("people", first, {})
        assert ("error", "person", "", "rows do not come oldest first") in found(ready)


def test_a_time_that_is_written_must_be_read_as_one(ready: Stage) -> None:
    needs = needs_of_people(kinds={"memo": "moment"})
    said = "a time is written there, and it is not read as one"
    assert ("error", "person", "memo", said) in found(ready, needs)
    assert ("error", "person", "memo", said) not in found(ready, needs, people={"person": {"moments": "memo"}})


def test_a_time_that_is_not_obeyed(ready: Stage) -> None:
    ready.house.deaf.add("updated_since")
    assert ("error", "person", "", "rows from before the time that was asked for") in found(ready)


def test_a_time_that_the_system_takes_for_another_zone(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_moment", lambda told: datetime.fromisoformat(told).replace(tzinfo=UTC))
    said = ("error", "person", "", "a record that changed at a time is not found from that time on")
    assert said in found(ready)


def test_times_that_cannot_be_read(ready: Stage) -> None:
    said = found(ready, times="epoch")
    assert ("error", "person", "updated_at", "updated_at holds no time as `times` spells it") in said
    assert ("warning", "person", "", "created_at is no time as `times` spells it") in said


def test_a_list_that_is_not_there_stops_no_other(ready: Stage) -> None:
    said = found(ready, deals={"deal": {"path": "opportunities"}}, owners={"user": {"path": "staff"}})
    assert said == [
        ("error", "user", "", "there is no such record or path"),
        ("error", "deal", "", "there is no such record or path"),
    ]


def test_who_is_not_let_in_is_told_at_once(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_TOKEN", "wrong")
    with pytest.raises(Unauthorized):
        ready.adapter().check()


def test_a_system_that_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with stage(Settings(auth="none"), auth="none") as open_:
        assert {each.severity for each in open_.adapter().check()} == {"info"}


def test_fields_are_shown_for_writing_mappings(ready: Stage) -> None:
    ready.house.tables.rows["deals"][1005]["contacts"] = [{"id": 1001}, {"id": 1002, "part": None}]
    shown = {
        each.name: {field.name: (field.type, *field.notes) for field in each.fields}
        for each in ready.adapter().inspect()
    }
    assert list(shown) == ["user", "account", "person", "deal", "visit"]
    assert shown["person"]["no_mail"] == ("true or false",)
    assert shown["person"]["id"] == ("number",)
    assert shown["person"]["name.family"] == ("text", "read only")
    assert (shown["deal"]["contacts.id"], shown["deal"]["contacts.part"]) == (
        ("number", "read only"),
        ("", "read only"),
    )
    assert "佐藤" not in repr(shown)


def test_a_dead_system(ready: Stage) -> None:
    ready.house.chaos.rate("reset_before", 1.0)
    with pytest.raises(AdapterError):
        ready.adapter().check()
