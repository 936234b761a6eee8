"""Who takes part in a deal, when people come after their deals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from connector.errors import Exhausted
from connector.model import Deal, DealPerson, Person, Ref
from connector.ports import Needs, ObjectNeeds, Page
from tests.unit.adapters.kintone_kit import (
    NEEDS,
    OF_DEALS,
    OF_PEOPLE,
    PEOPLE,
    SYSTEM,
    TEXT,
    Stage,
    drain,
    of,
    place_of,
    push,
    set_fields,
    stage,
)

LONG_AFTER = timedelta(hours=1)


@pytest.fixture
def ready() -> Iterator[Stage]:
    with stage() as made:
        yield made


class Readings:
    """Readings of people and deals, each going on where the one before ended; `asked` are the queries of the last."""

    def __init__(self, ready: Stage, needs: Needs = NEEDS) -> None:
        self.ready = ready
        self.needs = needs
        self.cursors: dict[str, str] = {}
        self.asked: list[tuple[str, str]] = []

    def read(self) -> list[Page]:
        self.ready.later(LONG_AFTER)
        self.ready.server.exchanges.clear()
        adapter, pages = self.ready.adapter(self.needs), []
        for stream in adapter.streams:
            found = drain(adapter, stream, self.cursors.get(stream))
            self.cursors[stream] = found[-1].cursor
            pages += found
        targets = [parse_qs(urlsplit(each).query) for each in self.ready.requests("/records.json")]
        self.asked = [(each["app"][0], each["query"][0]) for each in targets]
        self.ready.later(LONG_AFTER)
        return pages


def linked(deals: ObjectNeeds, people: ObjectNeeds = OF_PEOPLE) -> Needs:
    return replace(NEEDS, objects={"people": people, "deals": deals})


def part(deal: Ref, person: Ref) -> DealPerson:
    return DealPerson(Ref(SYSTEM, "part", f"{deal.id}:{person.id}"), deal.id, person.id)


def test_a_person_who_is_new_is_found_in_the_deals_that_waited(ready: Stage) -> None:
    readings = Readings(ready)
    ready.add("people", メール="known@example.com")
    waiting = [
        ready.add("deals", 案件名="更新", 先方=mail) for mail in ("a@example.com", "a@example.com", "b@example.com")
    ]
    ready.add("deals", 案件名="他社", 先方="z@example.com")
    assert of(DealPerson, readings.read()) == []
    first, second = (ready.add("people", メール=mail) for mail in ("a@example.com", "b@example.com"))
    ready.add("people", メール="c@example.com")
    ready.add("people", 姓="無名")
    pages = readings.read()
    assert of(DealPerson, pages) == [part(waiting[0], first), part(waiting[1], first), part(waiting[2], second)]
    assert of(Deal, pages) == []
    assert [query for app, query in readings.asked if app == ready.ids["deals"]] == [
        '(先方 in ("a@example.com", "b@example.com", "c@example.com")) and $id > 0 order by $id asc limit 500',
        readings.asked[-1][1],
    ]


def test_the_id_of_a_part_is_that_of_one_the_deal_names(ready: Stage) -> None:
    """So that a later change of the deal, which names the person by itself, takes it over."""
    deal = ready.add("deals", 案件名="更新", 先方="a@example.com")
    readings = Readings(ready)
    readings.read()
    person = ready.add("people", メール="a@example.com")
    (found,) = of(DealPerson, readings.read())
    ready.kintone.update(*place_of(deal), {"案件名": "変更"})
    (changed,) = of(Deal, readings.read())
    assert changed.people == (person.id,)
    assert found.ref.id == f"{changed.ref.id}:{changed.people[0]}"


def test_people_who_only_changed_are_not_looked_up(ready: Stage) -> None:
    person = ready.add("people", メール="a@example.com")
    ready.add("deals", 案件名="更新", 先方="a@example.com")
    readings = Readings(ready)
    readings.read()
    push(ready.adapter(), set_fields(person, ma_score=1))
    assert [each.ref for each in of(Person, readings.read())] == [person]
    assert len(readings.asked) == 2
    readings.read()
    assert len(readings.asked) == 2


def test_a_first_reading_looks_nobody_up(ready: Stage) -> None:
    ready.add("people", メール="a@example.com")
    ready.add("deals", 案件名="更新", 先方="a@example.com")
    readings = Readings(ready)
    assert of(DealPerson, readings.read()) == []
    assert len(readings.asked) == 2 + 1  # the deals ask for their people


def test_people_who_come_while_a_first_reading_is_interrupted_are_looked_up(ready: Stage) -> None:
    for number in range(2):
        ready.add("people", メール=f"p{number}@example.com")
    deal = ready.add("deals", 案件名="更新", 先方="a@example.com")
    ready.later(timedelta(seconds=30))
    cursor = next(iter(ready.adapter(page_size=2).pull("people", None))).cursor
    drain(ready.adapter(), "deals")  # in the same minute, which is all that stamps tell
    person = ready.add("people", メール="a@example.com")
    assert of(DealPerson, drain(ready.adapter(page_size=2), "people", cursor)) == [part(deal, person)]


def test_a_lookup_tells_by_itself_what_links(ready: Stage) -> None:
    ready.kintone.change_fields(ready.ids["people"], add={"番号": {**TEXT, "unique": True}})
    by_number = {
        "relatedApp": {"app": "1", "code": ""}, "relatedKeyField": "番号", "fieldMappings": [],
        "lookupPickerFields": [], "filterCond": "", "sort": "",
    }  # fmt: skip
    deal = ready.add("deals", 案件名="更新", 先方="C-7")
    ready.kintone.change_fields(ready.ids["deals"], add={"先方": {**TEXT, "lookup": by_number}})
    readings = Readings(ready, linked(replace(OF_DEALS, linked_by={})))
    readings.read()
    person = ready.add("people", 番号="C-7")
    assert of(DealPerson, readings.read()) == [part(deal, person)]
    # The number is in no mapping: it is asked for, of those who are new.
    assert [query for app, query in readings.asked if app == "1"][1:] == [
        '($id in ("1")) and $id > 0 order by $id asc limit 500'
    ]


def test_one_of_several_people_in_a_table(ready: Stage) -> None:
    table = {"type": "SUBTABLE", "fields": {"担当メール": TEXT, "役割": TEXT}}
    ready.kintone.change_fields(ready.ids["deals"], add={"先方一覧": table})
    rows = [{"担当メール": "b@example.com"}, {"担当メール": "a@example.com"}, {"担当メール": "a@example.com"}]
    deal = ready.add("deals", 案件名="更新", 先方一覧=rows)
    several = replace(OF_DEALS, deal={**OF_DEALS.deal, "people": "担当メール"}, read=frozenset())
    readings = Readings(ready, linked(several))
    readings.read()
    person = ready.add("people", メール="a@example.com")
    assert of(DealPerson, readings.read()) == [part(deal, person)]


def test_record_numbers_link_by_themselves(ready: Stage) -> None:
    ready.add("deals", 案件名="更新", 先方="1")
    readings = Readings(ready, linked(replace(OF_DEALS, linked_by={})))
    (deal,) = of(Deal, readings.read())
    assert deal.people == ("1-1",)
    ready.add("people", 姓="佐藤")
    assert of(DealPerson, readings.read()) == []
    assert len(readings.asked) == 2


def test_text_is_not_looked_for_among_numbers(ready: Stage) -> None:
    ready.kintone.change_fields(ready.ids["deals"], add={"先方": {"type": "NUMBER"}})
    deal = ready.add("deals", 案件名="更新", 先方="17")
    readings = Readings(ready, linked(replace(OF_DEALS, linked_by={"people": "電話"})))
    readings.read()
    person = ready.add("people", 電話="17")
    ready.add("people", 電話="代表")
    assert of(DealPerson, readings.read()) == [part(deal, person)]
    ready.kintone.change_fields(ready.ids["people"], add={"会員": {"type": "NUMBER"}})
    ready.kintone.change_fields(ready.ids["deals"], add={"先方": TEXT})
    ready.add("deals", 案件名="新規", 先方="佐藤")
    assert of(Deal, Readings(ready, linked(replace(OF_DEALS, linked_by={"people": "会員"}))).read())[-1].people == ()


def test_hostile_text_finds_no_deal(ready: Stage) -> None:
    ready.add("deals", 案件名="更新", 先方="a@example.com")
    readings = Readings(ready)
    readings.read()
    ready.add("people", メール='x")) or $id > 0 or (先方 in ("')
    assert of(DealPerson, readings.read()) == []


def test_more_people_than_one_question_takes(ready: Stage) -> None:
    deal = ready.add("deals", 案件名="更新", 先方="p149@example.com")
    readings = Readings(ready)
    readings.read()
    refs = [
        ready.ref("people", ready.kintone.create(ready.ids["people"], {"メール": f"p{number}@example.com"}))
        for number in range(150)
    ]
    assert of(DealPerson, readings.read()) == [part(deal, refs[149])]


def test_only_the_app_that_is_linked_is_looked_up(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ready.add_app("leads", PEOPLE)
    monkeypatch.setenv("KT_LEADS", ready.tokens["leads"])
    by_mail = {
        "relatedApp": {"app": ready.ids["leads"], "code": ""}, "relatedKeyField": "メール", "fieldMappings": [],
        "lookupPickerFields": [], "filterCond": "", "sort": "",
    }  # fmt: skip
    ready.kintone.change_fields(ready.ids["leads"], add={"メール": {**TEXT, "unique": True}})
    deal = ready.add("deals", 案件名="更新", 先方="a@example.com")
    ready.kintone.change_fields(ready.ids["deals"], add={"先方": {**TEXT, "lookup": by_mail}})
    leads = replace(OF_PEOPLE, read=frozenset())
    readings = Readings(ready, Needs({"people": OF_PEOPLE, "leads": leads, "deals": OF_DEALS}))
    readings.read()
    ready.add("people", メール="a@example.com")
    lead = ready.add("leads", メール="a@example.com")
    assert of(DealPerson, readings.read()) == [part(deal, lead)]


@pytest.mark.parametrize("trouble", ["field", "right", "type"])
def test_trouble_with_deals_does_not_end_the_reading_of_people(
    ready: Stage, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = drain(ready.adapter(), "people")[-1].cursor
    person = ready.add("people", メール="a@example.com")
    if trouble == "right":
        monkeypatch.setenv("KT_DEALS", ready.kintone.add_token(ready.ids["deals"], "add"))
    elif trouble == "field":
        ready.kintone.change_fields(ready.ids["deals"], remove=["先方"])
    else:
        ready.kintone.change_fields(ready.ids["deals"], add={"先方": {"type": "MULTI_LINE_TEXT"}})
    pages = drain(ready.adapter(), "people", cursor)
    assert [each.ref for each in of(Person, pages)] == [person]
    assert of(DealPerson, pages) == []


def test_people_wait_where_the_deals_may_not_be_asked_any_more(ready: Stage) -> None:
    """Nothing is lost: they are read again when there are calls."""
    deal = ready.add("deals", 案件名="更新", 先方="a@example.com")
    cursor = drain(ready.adapter(), "people")[-1].cursor
    person = ready.add("people", メール="a@example.com")
    with pytest.raises(Exhausted):
        drain(ready.adapter(apps=ready.apps(deals={"calls_per_day": 0})), "people", cursor)
    assert of(DealPerson, drain(ready.adapter(), "people", cursor)) == [part(deal, person)]
