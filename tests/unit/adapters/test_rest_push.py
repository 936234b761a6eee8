from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from werkzeug.wrappers import Response

from connector.adapters.rest import Rest
from connector.changes import AnyChange, CreatePerson, Lane, RaiseAlert, SetFields
from connector.errors import Mismatch, Uncertain
from connector.model import Ref, Value
from connector.ports import Receipt
from connector.sandbox.inhouse import Settings
from tests.unit.adapters.rest_kit import SYSTEM, Stage, stage

AT = datetime(2026, 4, 1, 1, 30, tzinfo=UTC)


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("CRM_TOKEN", "sandbox-token")
    with stage() as made:
        yield made


def setting(id_: object, /, **values: Value) -> SetFields:
    return SetFields(
        key="k", system=SYSTEM, identity="p", lane=Lane.FIELDS, ref=Ref(SYSTEM, "person", str(id_)), values=values
    )


def creating(key: str = "U1", **values: Value) -> CreatePerson:
    return CreatePerson(
        key="c", system=SYSTEM, identity="p", lane=Lane.FIELDS, object="person", key_field="external_key",
        key_value=key, values=values,
    )  # fmt: skip


def raising() -> RaiseAlert:
    return RaiseAlert(
        key="a1", system=SYSTEM, identity="p", lane=Lane.ALERTS, rule="r", subject="person:p", owner_id="7",
        title="停滞案件に動き", body="資料をダウンロード", due_on=date(2026, 4, 2),
        person=Ref(SYSTEM, "person", "1001"), deal=Ref(SYSTEM, "deal", "5"),
    )  # fmt: skip


def one(adapter: Rest, change: AnyChange) -> Receipt:
    (receipt,) = adapter.push([change])
    return receipt


def people(ready: Stage) -> list[dict[str, Any]]:
    return list(ready.house.tables.rows["people"].values())


def test_times_and_days_are_written_as_the_system_spells_them(ready: Stage) -> None:
    id_ = ready.add_person()
    adapter = ready.adapter(people={"person": {"days": ["last_touch_on"]}}, times="%Y/%m/%d %H:%M")
    assert one(adapter, setting(id_, last_touch_on=AT, memo=AT, rank=date(2026, 4, 2))).status == "done"
    (person,) = people(ready)
    assert (person["last_touch_on"], person["memo"], person["rank"]) == ("2026-04-01", "2026/04/01 10:30", "2026-04-02")


def test_a_dotted_field_is_not_written(ready: Stage) -> None:
    id_ = ready.add_person(name={"family": "佐藤", "given": "健"})
    receipt = one(ready.adapter(), setting(id_, **{"name.family": "鈴木"}))
    assert (receipt.status, receipt.code) == ("refused", "dotted")
    assert people(ready)[0]["name"] == {"family": "佐藤", "given": "健"}


@pytest.mark.parametrize("id_", ["..", "9999", "1/../1"])
def test_an_id_that_is_none_is_refused_and_leads_nowhere_else(ready: Stage, id_: str) -> None:
    ready.add_person()
    assert one(ready.adapter(), setting(id_, memo="x")).status == "refused"
    assert people(ready)[0]["memo"] is None


def test_a_refusal_brings_the_systems_own_words(ready: Stage) -> None:
    one_, two = ready.add_person(), ready.add_person()
    ready.house.tables.locked |= {one_, two}
    receipts = list(ready.adapter().push([setting(id_, memo="金糸雀") for id_ in (one_, two, 9999)]))
    assert [receipt.said for receipt in receipts] == [
        f"{one_} is locked by a colleague and cannot become {{'memo': '金糸雀'}}",
        f"{two} is locked by a colleague and cannot become {{'memo': '金糸雀'}}",
        "not found",
    ]
    assert "金糸雀" not in "".join(f"{receipt!r} {receipt.what} {receipt.fix}" for receipt in receipts)
    assert one(ready.adapter(), setting(one_, **{"name.family": "鈴木"})).said == ""


def test_what_is_not_configured_is_refused(ready: Stage) -> None:
    id_ = ready.add_person()
    adapter = ready.adapter(people={"person": {"update": None, "create": None}}, alerts=None)
    assert adapter.writes.isdisjoint({SetFields, CreatePerson, RaiseAlert})
    for change in (setting(id_, memo="x"), creating(), replace(setting(id_), ref=Ref(SYSTEM, "lead", "1"))):
        assert one(adapter, change).code == "not_offered"


def test_a_search_that_is_not_obeyed_makes_nobody(ready: Stage) -> None:
    ready.add_person(external_key="U9")
    ready.house.deaf.add("external_key")
    with pytest.raises(Mismatch, match="the search by our key is not obeyed"):
        one(ready.adapter(), creating())
    assert len(people(ready)) == 1


def test_a_search_whose_rows_are_elsewhere_makes_nobody(ready: Stage) -> None:
    search = {"path": "people", "param": "external_key", "rows": "rows"}
    with pytest.raises(Mismatch, match="no list of records at rows"):
        one(ready.adapter(people={"person": {"search": search}}), creating())
    assert people(ready) == []


def test_two_with_one_key_are_refused(ready: Stage) -> None:
    for _ in range(2):
        ready.house.tables.rows["people"][ready.add_person()]["external_key"] = "U1"
    receipt = one(ready.adapter(), creating(memo="x"))
    assert (receipt.status, receipt.code) == ("refused", "ambiguous_key")
    assert [person["memo"] for person in people(ready)] == [None, None]


def test_a_key_is_a_key_whatever_stands_in_it(ready: Stage) -> None:
    search = {"path": "people/by-key/{key}", "param": None}
    adapter = ready.adapter(people={"person": {"search": search}})
    assert one(adapter, creating("U 1?x=%41#")).status == "done"
    assert one(adapter, creating("U 1?x=%41#")).status == "done"
    assert [person["external_key"] for person in people(ready)] == ["U 1?x=%41#"]


def test_a_search_that_does_not_find_what_was_made_makes_one_only(ready: Stage) -> None:
    """A path that is none answers 404, as one without the record does: lost answers would double people unseen."""
    adapter = ready.adapter(people={"person": {"search": {"path": "people/bykey/{key}", "param": None}}})
    assert one(adapter, creating("U1")).status == "done"
    with pytest.raises(Mismatch, match="does not find what was just made"):
        one(adapter, creating("U2"))
    with pytest.raises(Mismatch, match="does not find what was just made"):
        one(adapter, creating("U2"))
    assert [person["external_key"] for person in people(ready)] == ["U1"]


def test_a_search_is_proved_once(ready: Stage) -> None:
    adapter = ready.adapter()
    for n in range(4):
        assert one(adapter, creating(f"U{n}")).status == "done"
    assert [each.method for each in ready.server.exchanges].count("GET") == 4 + 1


def test_a_put_under_our_key_empties_nothing_when_it_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_TOKEN", "sandbox-token")
    changes: dict[str, Any] = {
        "people": {
            "person": {
                "search": {"path": "people/by-key/{key}", "param": None},
                "create": {"method": "PUT", "path": "people/by-key/{key}"},
            }
        },
        "alerts": {"create": {"method": "PUT", "path": "tasks/by-key/{key}"}},
    }
    with stage(Settings(writes="put", replaces=True), **changes) as ready:
        ready.house.chaos.plan("reset_after", method="PUT")
        with pytest.raises(Uncertain):
            one(ready.adapter(), creating(memo="x"))
        (person,) = people(ready)
        ready.house.tables.change("people", person["id"], {"tel": "03-0000-0000"})
        one(ready.adapter(), creating(memo="x"))  # refused: that system takes no PATCH
        assert people(ready)[0]["tel"] == "03-0000-0000"


@pytest.mark.parametrize("body", ["OK", "", "[[["])
def test_an_answer_that_says_nothing_is_as_good_as_its_status(ready: Stage, body: str) -> None:
    id_ = ready.add_person()
    ready.server._handle = lambda _: Response(body, mimetype="text/plain")
    receipt = one(ready.adapter(), setting(id_, memo="x"))
    assert (receipt.status, receipt.remote_id) == ("done", str(id_))


def test_a_found_alert_is_done_wherever_its_id_stands(ready: Stage) -> None:
    """`create.id` names a place in the answer to a creation, which a row of a list need not have."""
    for place in ("record.id", "other"):
        adapter = ready.adapter(alerts={"create": {"id": place}})
        for _ in range(2):
            assert one(adapter, raising()).status == "done"
    assert len(ready.house.tables.rows["tasks"]) == 1


def test_a_found_person_whose_id_cannot_be_read_is_no_crash(ready: Stage) -> None:
    ready.add_person(external_key="U1", name={"family": "佐藤"})
    with pytest.raises(Mismatch, match="name, the id, is missing"):
        one(ready.adapter(people={"person": {"id": "name"}}), creating())


def test_a_lost_creation_is_found_before_anything_is_sent_again(ready: Stage) -> None:
    ready.house.chaos.plan("reset_after", method="POST")
    with pytest.raises(Uncertain):
        one(ready.adapter(), creating(memo="x"))
    (person,) = people(ready)
    receipt = one(ready.adapter(), creating(memo="y"))
    assert (receipt.status, receipt.remote_id) == ("done", str(person["id"]))
    assert [each["memo"] for each in people(ready)] == ["y"]
    posts = [each for each in ready.server.exchanges if each.method == "POST"]
    assert len(posts) == 1


def test_an_answer_without_an_id_is_no_failure(ready: Stage) -> None:
    receipt = one(ready.adapter(people={"person": {"create": {"id": "person.id"}}}), creating())
    assert (receipt.status, receipt.remote_id) == ("done", None)


def test_a_put_makes_nobody_who_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_TOKEN", "sandbox-token")
    update = {"method": "PUT", "keeps_others": True}
    with stage(Settings(writes="put"), people={"person": {"update": update}}) as ready:
        assert one(ready.adapter(), setting(1001, memo="x")).code == "not_found"
        assert [each.method for each in ready.server.exchanges] == ["GET"]


def test_an_alert_is_put_where_it_belongs(ready: Stage) -> None:
    assert one(ready.adapter(), raising()).status == "done"
    (task,) = ready.house.tables.rows["tasks"].values()
    assert {name: value for name, value in task.items() if not name.endswith("_at")} == {
        "id": 1001, "external_key": "a1", "subject": "停滞案件に動き", "note": "資料をダウンロード", "user_id": 7,
        "person_id": 1001, "due_on": "2026-04-02", "done": False,
    }  # fmt: skip
