"""Reading people and deals: words, pages, what a page rests on, who takes part, and what was deleted."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connector.errors import Exhausted, Mismatch, Throttled, Unavailable
from connector.model import Company, Deal, DealState, Inventory, Owner, Person, Ref
from connector.ports import Needs, ObjectNeeds
from connector.spec import Secret
from tests.unit.adapters.kintone_kit import (
    NEEDS,
    OF_DEALS,
    OF_PEOPLE,
    PEOPLE,
    SPRING,
    SYSTEM,
    TEXT,
    Stage,
    choice,
    drain,
    of,
    place_of,
    stage,
)

BY_MAIL = {
    "relatedApp": {"app": "1", "code": ""}, "relatedKeyField": "メール", "fieldMappings": [],
    "lookupPickerFields": [], "filterCond": "", "sort": "",
}  # fmt: skip


@pytest.fixture
def ready() -> Iterator[Stage]:
    with stage() as made:
        yield made


def needs(people: ObjectNeeds = OF_PEOPLE, deals: ObjectNeeds = OF_DEALS) -> Needs:
    return replace(NEEDS, objects={"people": people, "deals": deals})


def queries(ready: Stage) -> list[str]:
    """The queries that arrived, in order."""
    found = [parse_qs(urlsplit(target).query).get("query", []) for target in ready.requests("/records.json")]
    return [query for one in found for query in one]


# --- people -----------------------------------------------------------------------------------------------------------


def test_a_person_in_our_words(ready: Stage) -> None:
    held = {"担当者": ["sato"], "配信": ["配信停止"], "ma_key": "P1", "ma_score": 45, "ma_band": "hot"}
    ref = ready.add(
        "people", メール="sato@example.com", 姓="佐藤", 会社名="東都精工", ma_last_at="2026-04-01T01:00:00Z", **held
    )
    pages = drain(ready.adapter(), "people")
    (person,) = of(Person, pages)
    assert person.ref == ref == Ref(SYSTEM, "people", "1-1")
    assert person.fields == {
        "email": "sato@example.com", "family_name": "佐藤", "given_name": None, "company": "東都精工",
        "phone": None, "opted_out": True,
    }  # fmt: skip
    assert person.native["ma_score"] == 45
    assert person.native["ma_band"] == "hot"
    assert person.native["ma_last_at"] == datetime(2026, 4, 1, 1, 0, tzinfo=UTC)
    assert person.native["配信"] == "配信停止"
    assert (person.key, person.company_id, person.owner_id) == ("P1", "東都精工", "sato")
    assert person.created_at == person.modified_at == SPRING
    assert of(Company, pages) == [Company(Ref(SYSTEM, "company", "東都精工"), "東都精工")]
    assert of(Owner, pages) == [Owner(Ref(SYSTEM, "user", "sato"), "佐藤 営業")]


@pytest.mark.parametrize("code", [None, ""])
def test_a_user_without_a_code_is_nobody(ready: Stage, code: str | None) -> None:
    ready.add("people", 姓="佐藤", 担当者=["sato"])
    adapter = ready.adapter(Needs({"people": replace(OF_PEOPLE, read=OF_PEOPLE.read | {"担当者"})}))
    rows = [dict(row) for row in adapter._client.records("people", "", adapter._reader.shape("people").columns)]
    body = json.dumps({"records": rows}).replace('"sato"', json.dumps(code))
    ready.kintone.chaos.plan("status", method="GET", path="/records.json", status=200, body=body)
    pages = drain(adapter, "people")
    (person,) = of(Person, pages)
    assert (person.owner_id, person.native["担当者"], of(Owner, pages)) == (None, None, [])


def test_a_box_that_is_not_ticked_says_no(ready: Stage) -> None:
    ready.add("people", 姓="佐藤")
    assert of(Person, drain(ready.adapter(), "people"))[0].fields["opted_out"] is False


@pytest.mark.parametrize(("option", "said"), [("可", False), ("不可", True), ("", None)])
def test_a_choice_says_yes_and_no_by_values(ready: Stage, option: str, said: bool | None) -> None:
    ready.kintone.change_fields(ready.ids["people"], add={"配信": choice("DROP_DOWN", "可", "不可")})
    ready.add("people", 姓="佐藤", 配信=option)
    spelt = replace(OF_PEOPLE, values={"配信": {"true": "不可", "false": "可"}})
    assert of(Person, drain(ready.adapter(needs(spelt)), "people"))[0].fields["opted_out"] is said


@pytest.mark.parametrize("kind", ["RADIO_BUTTON", "DROP_DOWN"])
def test_a_choice_that_no_value_names_says_neither_yes_nor_no(ready: Stage, kind: str) -> None:
    ready.kintone.change_fields(ready.ids["people"], add={"配信": choice(kind, "可", "不可", "メール不要")})
    ready.add("people", 姓="佐藤", 配信="メール不要")
    ready.add("people", 姓="鈴木", 配信="不可")
    spelt = replace(OF_PEOPLE, values={"配信": {"true": "不可", "false": "可"}})
    pages = drain(ready.adapter(needs(spelt)), "people")
    assert [person.fields["opted_out"] for person in of(Person, pages)] == [True]
    assert [reject.where for page in pages for reject in page.rejects] == ["people/1"]


def test_words_are_translated_back(ready: Stage) -> None:
    ready.kintone.change_fields(ready.ids["people"], add={"経路": choice("DROP_DOWN", "展示会", "Web")})
    ready.add("people", 姓="佐藤", 経路="展示会")
    words = {**OF_PEOPLE.words, "lead_source": "経路"}
    spelt = replace(OF_PEOPLE, words=words, values={**OF_PEOPLE.values, "経路": {"event": "展示会"}})
    assert of(Person, drain(ready.adapter(needs(spelt)), "people"))[0].fields["lead_source"] == "event"


def test_system_fields_are_found_by_type(ready: Stage) -> None:
    ready.kintone.locale = "en"
    ready.add_app("leads", PEOPLE)
    ready.kintone.locale = "ja"
    ready.add("leads", 姓="佐藤")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KT_LEADS", ready.tokens["leads"])
        adapter = ready.adapter(Needs({"leads": replace(OF_PEOPLE, read=frozenset())}))
        pages = drain(adapter, "leads")
        drain(adapter, "leads", pages[-1].cursor)
    assert of(Person, pages)[0].modified_at == SPRING
    assert 'Updated_datetime >= "' in queries(ready)[-1]


# --- pages ------------------------------------------------------------------------------------------------------------


def test_pages_go_on_with_the_minute_of_the_last_record_and_never_by_offset(ready: Stage) -> None:
    for number in range(5):
        ready.add("people", 姓=f"第{number}")
    pages = drain(ready.adapter(page_size=3), "people")
    assert [len(page.records) for page in pages] == [2, 2, 1]
    behind = '更新日時 >= "2026-04-01T01:{}:00Z" '
    order = "order by 更新日時 asc, $id asc limit 3"
    assert queries(ready) == [order, behind.format(32) + order, behind.format(34) + order]


def test_a_page_that_holds_more_than_was_asked_for_is_not_the_last(
    ready: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        ready.add("people", 姓=f"第{number}")
    adapter = ready.adapter(page_size=3)
    asked = adapter._client.records
    times = iter((2, 1, 1, 1))

    def twice(*words: Any) -> Any:
        return [*asked(*words)] * next(times)

    monkeypatch.setattr(adapter._client, "records", twice)
    people = of(Person, drain(adapter, "people"))
    assert {person.fields["family_name"] for person in people} == {f"第{number}" for number in range(5)}


def test_a_minute_that_fills_a_page_is_read_by_number(ready: Stage) -> None:
    for number in range(5):
        ready.kintone.create(ready.ids["people"], {"姓": f"第{number}"})  # all within a minute
    pages = drain(ready.adapter(page_size=2), "people")
    assert [len(page.records) for page in pages] == [0, 2, 2, 1, 0]
    order = "order by 更新日時 asc, $id asc limit 2"
    within = (
        '更新日時 >= "2026-04-01T01:30:00Z" and 更新日時 < "2026-04-01T01:31:00Z" and $id > {} order by $id asc limit 2'
    )
    by_number = [within.format(number) for number in (0, 2, 4)]
    assert queries(ready) == [order, *by_number, f'更新日時 >= "2026-04-01T01:31:00Z" {order}']


@pytest.mark.parametrize("seconds", [1, 17, 40])
def test_seconds_that_are_not_shown_may_order_the_changes_of_a_minute(ready: Stage, seconds: int) -> None:
    ready.kintone.order_by_seconds()
    app = ready.ids["people"]
    made = [ready.kintone.create(app, {"姓": f"第{number}"}) for number in range(9)]
    for number in reversed(made):
        ready.later(timedelta(seconds=seconds))
        ready.kintone.update(app, number, {"名": "新"})
    seen: set[str] = set()
    cursor: str | None = None
    for _ in range(30):  # the program dies after every page
        page = next(iter(ready.adapter(page_size=3).pull("people", cursor)))
        seen |= {person.ref.id for person in of(Person, [page])}
        cursor = page.cursor
    assert seen == {ready.ref("people", number).id for number in made}


def test_a_record_that_moves_while_pages_are_read_is_met_at_the_end(ready: Stage) -> None:
    refs = [ready.add("people", 姓=f"第{number}") for number in range(4)]
    pulled = ready.adapter(page_size=3).pull("people", None)
    seen = of(Person, [next(pulled)])
    ready.kintone.update(*place_of(refs[0]), {"姓": "動いた"})
    ready.kintone.update(*place_of(refs[3]), {"姓": "動いた"})
    ready.kintone.delete(*place_of(refs[1]))
    seen += of(Person, list(pulled))
    assert {person.ref for person in seen} == set(refs)
    assert seen[-1].fields["family_name"] == "動いた"


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_missed_while_people_work(ready: Stage, seed: int) -> None:
    """Records are made, changed and deleted between any two pages, within a minute and over several."""
    dice = random.Random(seed)
    app = ready.ids["people"]
    living = [ready.kintone.create(app, {"姓": f"第{number}"}) for number in range(12)]
    seen: dict[str, Person] = {}
    cursor: str | None = None
    for _ in range(4):
        for page in ready.adapter(page_size=3).pull("people", cursor):
            cursor = page.cursor
            seen |= {person.ref.id: person for person in of(Person, [page])}
            for _ in range(dice.randrange(3)):
                living.append(ready.kintone.create(app, {"姓": "新しい"}))
                ready.kintone.update(app, dice.choice(living), {"姓": f"変更{dice.random()}"})
                ready.later(timedelta(seconds=dice.choice((0, 20, 70))))
            if dice.random() < 0.2:
                ready.kintone.delete(app, living.pop(dice.randrange(len(living))))
            if dice.random() < 0.3:
                break  # the program died: the next one goes on from the cursor
    for _ in range(2):  # the end of a reading that was begun, and one more after all has come to rest
        pages = drain(ready.adapter(page_size=3), "people", cursor)
        cursor = pages[-1].cursor
        seen |= {person.ref.id: person for person in of(Person, pages)}
    held = {ready.ref("people", row["$id"]).id: row["姓"] for row in ready.kintone.records(app)}
    assert {id_: seen[id_].fields["family_name"] for id_ in held} == held


def test_the_next_reading_begins_before_this_one_by_the_overlap(ready: Stage) -> None:
    ready.add("people", 姓="佐藤")
    ready.later(timedelta(hours=1, seconds=30))
    pages = drain(ready.adapter(), "people")
    drain(ready.adapter(), "people", pages[-1].cursor)
    assert queries(ready)[-1] == '更新日時 >= "2026-04-01T02:21:00Z" order by 更新日時 asc, $id asc limit 500'


def whole_again(ready: Stage, cursor: str, needs: Needs = NEEDS, **options: Any) -> bool:
    drain(ready.adapter(needs, **options), "people", cursor)
    return ">=" not in queries(ready)[-1]


def test_what_is_read_for_the_first_time_is_read_of_all_records(ready: Stage) -> None:
    ready.add("people", 姓="佐藤", 電話="03-0000-0000")
    ready.later(timedelta(days=1))
    cursor = drain(ready.adapter(), "people")[-1].cursor
    assert not whole_again(ready, cursor)

    def people(**changed: Any) -> Needs:
        return replace(NEEDS, objects={**NEEDS.objects, "people": replace(OF_PEOPLE, **changed)})

    assert whole_again(ready, cursor, people(read=OF_PEOPLE.read | {"名", "ma_last_alert"}))
    assert whole_again(ready, cursor, people(values={}))
    assert not whole_again(ready, cursor, people(lengths={"ma_why": 100}))
    assert whole_again(ready, cursor, apps=ready.apps(people={"owner": None}))


def test_another_app_is_read_from_its_beginning(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ready.add_app("moved", PEOPLE)
    monkeypatch.setenv("KT_PEOPLE", ready.tokens["moved"])
    ready.add("moved", 姓="鈴木")
    ready.later(timedelta(days=1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KT_PEOPLE", ready.tokens["people"])
        cursor = drain(ready.adapter(), "people")[-1].cursor
    apps = ready.apps(people={"id": int(ready.ids["moved"])})
    apps.pop("moved")
    (person,) = of(Person, drain(ready.adapter(apps=apps), "people", cursor))
    assert person.ref.id == f"{ready.ids['moved']}-1"


def test_a_cursor_of_an_earlier_version_reads_all_anew(ready: Stage) -> None:
    ready.add("people", 姓="佐藤")
    assert whole_again(ready, '["2026-04-02T00:00:00Z", null, "2026-04-02T00:10:00Z", null]')


def test_a_quiet_app_costs_its_form_and_one_query(ready: Stage) -> None:
    adapter = ready.adapter()
    cursors = {stream: drain(adapter, stream)[-1].cursor for stream in adapter.streams}
    ready.server.exchanges.clear()
    for stream in adapter.streams:
        drain(adapter, stream, cursors[stream])
    asked = [urlsplit(target).path for target in ready.requests()]
    assert asked == ["/k/v1/app/form/fields.json", "/k/v1/records.json"] * 2


def test_more_fields_than_fit_into_a_url_travel_in_a_body(ready: Stage) -> None:
    many = {f"項目{number}": TEXT for number in range(120)}
    ready.kintone.change_fields(ready.ids["people"], add=many)
    ready.add("people", 姓="佐藤", 項目119="最後")
    wide = replace(OF_PEOPLE, read=OF_PEOPLE.read | many.keys())
    (person,) = of(Person, drain(ready.adapter(needs(wide)), "people"))
    assert person.native["項目119"] == "最後"
    method, path, body = ready.bodies[-1]
    assert (method, path, body["app"]) == ("POST", "/k/v1/records.json", 1)
    assert ready.headers[-1]["x-http-method-override"] == "GET"


def test_an_answer_that_was_cut_off_is_not_taken(ready: Stage) -> None:
    ready.add("people", 姓="佐藤")
    ready.kintone.chaos.plan("warning", rows=0)
    with pytest.raises(Unavailable, match="incomplete"):
        drain(ready.adapter(), "people")


def test_too_many_requests_at_once_are_waited_for(ready: Stage) -> None:
    ready.kintone.chaos.plan("concurrency", path="records")
    assert drain(ready.adapter(retries=1), "people")
    ready.kintone.chaos.plan("concurrency", path="records")
    with pytest.raises(Throttled):
        drain(ready.adapter(), "people")


@pytest.mark.parametrize("part", ["fields.json", "records.json"])
def test_a_request_that_is_refused_ends_the_stream(ready: Stage, part: str) -> None:
    ready.kintone.chaos.plan("status", path=part, status=400, body='{"code": "CB_VA01", "id": "x", "message": "?"}')
    with pytest.raises(Mismatch, match="CB_VA01"):
        drain(ready.adapter(), "people")


def test_maintenance_is_unavailable(ready: Stage) -> None:
    ready.kintone.chaos.plan("maintenance")
    with pytest.raises(Unavailable) as caught:
        drain(ready.adapter(), "people")
    assert not isinstance(caught.value, Mismatch)


def test_nonsense_is_unavailable_and_kept_without_what_it_says(ready: Stage) -> None:
    ready.kintone.chaos.plan("status", path="/records.json", status=200, body=json.dumps({"record": "佐藤"}))
    with pytest.raises(Unavailable, match="makes no sense") as caught:
        drain(ready.adapter(), "people")
    assert json.loads(caught.value.evidence) == {"record": "ああ"}


def test_an_app_stops_at_its_own_allowance(ready: Stage) -> None:
    adapter = ready.adapter(apps=ready.apps(people={"calls_per_day": 3}))
    drain(adapter, "people")
    with pytest.raises(Exhausted):
        drain(adapter, "people")
    assert drain(adapter, "deals")
    assert {name: meter.calls for name, meter in adapter._client.http.meters.items()} == {
        "people": 2, "deals": 2, "alerts": 0, "touchpoints": 0,
    }  # fmt: skip


# --- what a page rests on ---------------------------------------------------------------------------------------------


def test_a_field_that_was_removed_between_two_runs_ends_this_stream_alone(ready: Stage) -> None:
    adapter = ready.adapter()
    cursor = drain(adapter, "people")[-1].cursor
    ready.kintone.change_fields(ready.ids["people"], remove=["電話"])
    with pytest.raises(Mismatch, match="電話") as caught:
        drain(adapter, "people", cursor)
    assert caught.value.where == "kt/people"
    assert drain(adapter, "deals")


def test_an_app_that_hides_when_records_changed_is_not_read(ready: Stage) -> None:
    ready.add("people", 姓="佐藤")
    body = json.dumps({"properties": PEOPLE})
    ready.kintone.chaos.plan("status", method="GET", path="fields.json", status=200, body=body)
    with pytest.raises(Mismatch, match="UPDATED_TIME"):
        drain(ready.adapter(), "people")


def test_a_field_that_vanishes_while_we_read_does_not_look_empty(ready: Stage) -> None:
    for number in range(3):
        ready.add("people", 姓="佐藤", 電話=f"03-{number}")
    pulled = ready.adapter(page_size=2).pull("people", None)
    next(pulled)
    ready.kintone.change_fields(ready.ids["people"], remove=["電話"])
    with pytest.raises(Mismatch, match="電話"):
        list(pulled)


@pytest.mark.parametrize("mapped", ["行", "接点2", "添付"])
def test_what_holds_no_value_is_not_read(ready: Stage, mapped: str) -> None:
    extra: dict[str, dict[str, Any]] = {
        "接点2": {"type": "SUBTABLE", "fields": {"行2": TEXT}},
        "添付": {"type": "FILE"},
    }
    ready.kintone.change_fields(ready.ids["people"], add=extra)
    with pytest.raises(Mismatch, match=mapped):
        drain(ready.adapter(needs(replace(OF_PEOPLE, read=frozenset({mapped})))), "people")


def test_an_option_of_states_that_was_renamed_ends_the_stream(ready: Stage) -> None:
    ready.add("deals", 案件名="更新", 進捗="失注")
    cursor = drain(ready.adapter(), "deals")[-1].cursor
    ready.kintone.change_fields(ready.ids["deals"], add={"進捗": choice("DROP_DOWN", "商談中", "受注", "失注(競合)")})
    with pytest.raises(Mismatch, match="失注") as caught:
        drain(ready.adapter(), "deals", cursor)
    assert caught.value.fix is not None


@pytest.mark.parametrize("kind", ["CHECK_BOX", "MULTI_SELECT", "DROP_DOWN"])
def test_an_option_of_a_refusal_that_was_renamed_ends_the_stream(ready: Stage, kind: str) -> None:
    ready.add("people", 姓="佐藤", 配信=["配信停止"])
    cursor = drain(ready.adapter(), "people")[-1].cursor
    ready.kintone.change_fields(ready.ids["people"], add={"配信": choice(kind, "メール不要")})
    with pytest.raises(Mismatch, match="配信停止") as caught:
        drain(ready.adapter(), "people", cursor)
    assert caught.value.fix is not None
    untouched = replace(OF_PEOPLE, write=frozenset(), choices={})
    assert "配信" in {found.field for found in ready.adapter(needs(untouched)).check() if found.severity == "error"}


# --- guest spaces, lost rights ----------------------------------------------------------------------------------------


def test_an_app_of_a_guest_space_is_asked_there(ready: Stage) -> None:
    ready.add_app("people", PEOPLE, guest_space=7)
    ready.add("people", 姓="佐藤")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KT_PEOPLE", ready.tokens["people"])
        assert of(Person, drain(ready.adapter(apps=ready.apps(people={"guest_space": 7})), "people"))
        assert ready.requests("/k/guest/7/v1/records.json")
        with pytest.raises(Mismatch, match="GAIA_IL23") as caught:
            drain(ready.adapter(), "people")
    assert "guest_space" in str(caught.value)


def test_an_app_that_is_not_there_leaves_the_others(ready: Stage) -> None:
    adapter = ready.adapter(apps=ready.apps(people={"id": 99}))
    with pytest.raises(Mismatch):
        drain(adapter, "people")
    assert drain(adapter, "deals")


def test_a_token_of_another_app_leaves_the_others(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KT_PEOPLE", ready.tokens["alerts"])
    with pytest.raises(Mismatch, match="the API token is that of another app") as caught:
        drain(ready.adapter(), "people")
    assert caught.value.where == "kt/people"
    drain(ready.adapter(), "deals", None)


def test_a_token_that_is_not_valid_leaves_the_others(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KT_WRONG", "wrong")
    adapter = ready.adapter(apps=ready.apps(people={"token": Secret(env="KT_WRONG")}))
    with pytest.raises(Mismatch, match="GAIA_IA02"):
        drain(adapter, "people")
    assert drain(adapter, "deals")


# --- deals ------------------------------------------------------------------------------------------------------------


def test_a_deal_in_our_words(ready: Stage) -> None:
    person = ready.add("people", メール="sato@example.com")
    held = {"進捗": "提案", "確度": "B", "金額": "1500000", "予定日": "2026-06-30", "フェーズ変更": "2026-03-01"}
    ready.add("deals", 案件名="更新", 営業=["sato"], 顧客名="東都精工", 先方="sato@example.com", **held)
    pages = drain(ready.adapter(), "deals")
    (deal,) = of(Deal, pages)
    assert deal == Deal(
        Ref(SYSTEM, "deals", "2-1"), "更新", DealState.OPEN, "提案", datetime(2026, 3, 1, 3, 0, tzinfo=UTC), 50,
        1500000, date(2026, 6, 30), owner_id="sato", company_id="東都精工", people=(person.id,),
        modified_at=SPRING + timedelta(minutes=1),
    )  # fmt: skip
    assert [owner.ref.id for owner in of(Owner, pages)] == ["sato"]
    assert [company.ref.id for company in of(Company, pages)] == ["東都精工"]


def test_states_are_told_by_their_options(ready: Stage) -> None:
    for option in ("商談中", "受注", "失注"):
        ready.add("deals", 進捗=option)
    states = [deal.state for deal in of(Deal, drain(ready.adapter(), "deals"))]
    assert states == [DealState.OPEN, DealState.WON, DealState.LOST]


def test_where_open_is_told_too_another_value_cannot_be_read(ready: Stage) -> None:
    ready.add("deals", 進捗="商談中")
    ready.add("deals", 進捗="提案")
    told = replace(OF_DEALS, states={**OF_DEALS.states, DealState.OPEN: frozenset({"商談中"})})
    (page,) = drain(ready.adapter(needs(deals=told)), "deals")
    assert [deal.state for deal in of(Deal, [page])] == [DealState.OPEN]
    assert [reject.where for reject in page.rejects] == ["deals/2"]


def test_the_state_may_be_that_of_process_management(ready: Stage) -> None:
    ready.kintone.set_process(ready.ids["deals"], {"商談中": {}, "受注": {}, "失注": {}}, [])
    ready.add("deals", 案件名="更新")
    staged = replace(OF_DEALS, deal={**OF_DEALS.deal, "stage": "ステータス"}, read=frozenset())
    (deal,) = of(Deal, drain(ready.adapter(needs(deals=staged)), "deals"))
    assert (deal.stage, deal.state) == ("商談中", DealState.OPEN)
    gone = replace(staged, states={DealState.LOST: frozenset({"没"})})
    with pytest.raises(Mismatch, match="没"):
        drain(ready.adapter(needs(deals=gone)), "deals")


@pytest.mark.parametrize(("held", "found"), [("80", 80.0), ("80%", 80.0), ("", None)])
def test_a_probability_without_a_table_is_a_number(ready: Stage, held: str, found: float | None) -> None:
    ready.kintone.change_fields(ready.ids["deals"], add={"確度": TEXT})
    ready.add("deals", 確度=held)
    plain = replace(OF_DEALS, probabilities={})
    assert [deal.probability for deal in of(Deal, drain(ready.adapter(needs(deals=plain)), "deals"))] == [found]


def test_a_probability_beyond_all_is_a_reject(ready: Stage) -> None:
    ready.kintone.change_fields(ready.ids["deals"], add={"確度": {"type": "NUMBER"}})
    ready.add("deals", 確度="101")
    (page,) = drain(ready.adapter(needs(deals=replace(OF_DEALS, probabilities={}))), "deals")
    assert [reject.where for reject in page.rejects] == ["deals/1"]


# --- who takes part ---------------------------------------------------------------------------------------------------


def test_people_are_found_by_what_a_deal_holds_in_one_query(ready: Stage) -> None:
    refs = [ready.add("people", メール=f"p{number}@example.com") for number in range(3)]
    twin = ready.add("people", メール="p0@example.com")
    for number in (0, 1, 2, 0, 7):
        ready.add("deals", 先方=f"p{number}@example.com")
    deals = of(Deal, drain(ready.adapter(), "deals"))
    first = (refs[0].id, twin.id)
    assert [deal.people for deal in deals] == [first, (refs[1].id,), (refs[2].id,), first, ()]
    assert len([query for query in queries(ready) if "メール in (" in query]) == 1


def test_hostile_text_finds_nobody(ready: Stage) -> None:
    ready.add("people", メール="a@example.com")
    ready.add("deals", 先方='x") or $id > 0 or メール in ("')
    assert of(Deal, drain(ready.adapter(), "deals"))[0].people == ()


@pytest.mark.parametrize("odd", [r"\ud800", r"\u0000", r"\u000b"])
def test_text_that_no_query_holds_finds_nobody_and_ends_nothing(ready: Stage, odd: str) -> None:
    person = ready.add("people", メール="a@example.com")
    for held in ("a@example.com", "b@example.com"):
        ready.add("deals", 案件名="x", 先方=held)
    adapter = ready.adapter()
    columns = adapter._reader.shape("deals").columns
    rows = [dict(row) for row in adapter._client.records("deals", "order by $id asc", columns)]
    body = json.dumps({"records": rows}).replace("b@example.com", odd)
    ready.kintone.chaos.plan("status", method="GET", path="/records.json", status=200, body=body)
    first, second = of(Deal, drain(adapter, "deals"))
    assert (first.people, second.people) == ((person.id,), ())


@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_missed_where_seconds_order_the_changes_of_a_minute(ready: Stage, seed: int) -> None:
    ready.kintone.order_by_seconds()
    test_nothing_is_missed_while_people_work(ready, seed)


def test_without_a_link_the_value_is_a_record_number(ready: Stage) -> None:
    for value in ("3", "LEAD-4", "佐藤"):
        ready.add("deals", 先方=value)
    unlinked = replace(OF_DEALS, linked_by={})
    people = [deal.people for deal in of(Deal, drain(ready.adapter(needs(deals=unlinked)), "deals"))]
    assert people == [("1-3",), ("1-4",), ()]


def test_a_lookup_tells_by_itself_where_it_leads(ready: Stage) -> None:
    ready.kintone.change_fields(ready.ids["people"], add={"メール": {**TEXT, "unique": True}})
    person = ready.add("people", メール="sato@example.com")
    ready.kintone.change_fields(ready.ids["deals"], add={"先方": {**TEXT, "lookup": BY_MAIL}})
    ready.add("deals", 先方="sato@example.com")
    unlinked = replace(OF_DEALS, linked_by={})
    assert [deal.people for deal in of(Deal, drain(ready.adapter(needs(deals=unlinked)), "deals"))] == [(person.id,)]


def test_several_people_stand_in_a_table(ready: Stage) -> None:
    refs = [ready.add("people", メール=f"p{number}@example.com") for number in range(2)]
    table = {"type": "SUBTABLE", "fields": {"担当メール": TEXT, "役割": TEXT}}
    ready.kintone.change_fields(ready.ids["deals"], add={"先方一覧": table})
    rows = [{"担当メール": "p1@example.com"}, {"担当メール": ""}, {"担当メール": "p0@example.com"}]
    ready.add("deals", 案件名="更新", 先方一覧=rows)
    several = replace(OF_DEALS, deal={**OF_DEALS.deal, "people": "担当メール"})
    assert of(Deal, drain(ready.adapter(needs(deals=several)), "deals"))[0].people == (refs[1].id, refs[0].id)


def test_two_apps_of_people_need_a_link(ready: Stage) -> None:
    ready.add_app("leads", PEOPLE)
    ready.add("leads", メール="sato@example.com")
    ready.add("deals", 先方="sato@example.com")
    both = Needs({"people": OF_PEOPLE, "leads": OF_PEOPLE, "deals": OF_DEALS})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KT_LEADS", ready.tokens["leads"])
        assert of(Deal, drain(ready.adapter(both), "deals"))[0].people == ("5-1",)
        unlinked = replace(both, objects={**both.objects, "deals": replace(OF_DEALS, linked_by={})})
        with pytest.raises(Mismatch, match="先方"):
            drain(ready.adapter(unlinked), "deals")


def test_a_link_to_a_field_that_is_gone_ends_the_stream(ready: Stage) -> None:
    ready.add("deals", 先方="sato@example.com")
    gone = replace(OF_DEALS, linked_by={"people": "Eメール"})
    with pytest.raises(Mismatch, match="Eメール"):
        drain(ready.adapter(needs(deals=gone)), "deals")


# --- what was deleted -------------------------------------------------------------------------------------------------


def sweep(ready: Stage, cursor: str | None, **options: Any) -> tuple[list[Inventory], str]:
    pages = drain(ready.adapter(**options), "people", cursor)
    return of(Inventory, pages), pages[-1].cursor


def test_all_numbers_are_read_once_in_a_while(ready: Stage) -> None:
    refs = [ready.add("people", 姓=f"第{number}") for number in range(3)]
    found, cursor = sweep(ready, None)
    assert found == []  # the first reading has seen them all
    ready.kintone.delete(*place_of(refs[1]))
    ready.later(timedelta(hours=23))
    found, cursor = sweep(ready, cursor)
    assert found == []
    ready.later(timedelta(hours=2))
    found, cursor = sweep(ready, cursor)
    assert found == [Inventory(SYSTEM, "people", frozenset({refs[0].id, refs[2].id}))]
    assert queries(ready)[-1] == "$id > 0 order by $id asc limit 500"
    assert sweep(ready, cursor)[0] == []


def test_a_sweep_goes_on_behind_the_last_number(ready: Stage) -> None:
    for number in range(501):
        ready.kintone.create(ready.ids["people"], {"姓": f"第{number}"})
    _, cursor = sweep(ready, None)
    ready.later(timedelta(days=2))
    ((inventory,), _) = sweep(ready, cursor)
    assert len(inventory.ids) == 501
    assert queries(ready)[-1] == "$id > 500 order by $id asc limit 500"


def test_a_first_reading_that_was_interrupted_counts_as_whole_when_it_ends(ready: Stage) -> None:
    for number in range(3):
        ready.add("people", 姓=f"第{number}")
    cursor = next(iter(ready.adapter(page_size=2).pull("people", None))).cursor
    ready.later(timedelta(days=2))
    found, cursor = sweep(ready, cursor, page_size=2)
    assert len(found) == 1  # the numbers were last known when it began
    assert sweep(ready, cursor)[0] == []


def test_the_streams_are_apps_that_mappings_name_people_first(ready: Stage) -> None:
    assert list(ready.adapter(Needs({"deals": OF_DEALS, "people": OF_PEOPLE})).streams) == ["people", "deals"]
    assert list(ready.adapter(Needs({"nobody": OF_PEOPLE})).streams) == []
