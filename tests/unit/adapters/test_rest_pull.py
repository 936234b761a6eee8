from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from connector.errors import Mismatch, Unauthorized, Unavailable
from connector.model import Company, Deal, DealState, Inventory, Kind, Owner, Person, Ref, Touchpoint
from connector.ports import Page
from connector.sandbox.inhouse import Settings
from tests.unit.adapters.rest_kit import NEEDS, NULL, SYSTEM, Stage, needs_of_people, stage

PEOPLE, WHOLE = "people/person", "people/person:whole"


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with prepared(monkeypatch) as made:
        yield made


def prepared(monkeypatch: pytest.MonkeyPatch, settings: Settings | None = None, **changes: Any) -> Any:
    monkeypatch.setenv("CRM_TOKEN", "sandbox-token")
    return stage(settings, **changes)


def records(pages: Sequence[Page]) -> list[Any]:
    return [record for page in pages for record in page.records]


def ids(pages: Sequence[Page]) -> list[str]:
    return [record.ref.id for record in records(pages)]


# --- words ------------------------------------------------------------------------------------------------------------


def test_a_person_in_our_words(ready: Stage) -> None:
    id_ = ready.add_person(
        mail="sato@example.jp", name={"family": "佐藤", "given": "健"}, no_mail=True, rank="A", external_key="U1",
        owner={"id": 7},
    )  # fmt: skip
    (person,) = records(list(ready.adapter().pull(PEOPLE, None)))
    assert isinstance(person, Person)
    assert person.ref == Ref(SYSTEM, "person", str(id_))
    assert person.fields == {
        "email": "sato@example.jp", "family_name": "佐藤", "given_name": "健", "company": None, "phone": None,
        "opted_out": True,
    }  # fmt: skip
    assert person.native == {"memo": None, "rank": "A", "no_mail": True}
    assert (person.key, person.owner_id) == ("U1", "7")
    assert person.modified_at is not None
    assert person.created_at == person.modified_at


def test_values_that_are_spelt_in_another_way(ready: Stage) -> None:
    needs = needs_of_people(
        words={"opted_out": "rank"}, read=frozenset({"rank"}), values={"rank": {"true": "不可", "false": "可"}}
    )
    for rank in ("不可", "可", None, "どちらでも"):
        ready.add_person(rank=rank)
    (page, *more) = ready.adapter(needs, paging={"size": 100}).pull(PEOPLE, None)
    assert more == []
    assert [p.fields["opted_out"] for p in page.records if isinstance(p, Person)] == [True, False, None]
    (reject,) = page.rejects
    assert (reject.where, str(reject.what)) == ("person/1004", "rank is neither true nor false")


def test_times_and_days_in_fields_of_mappings(ready: Stage) -> None:
    needs = needs_of_people(read=frozenset({"last_touch_on", "memo"}))
    ready.add_person(last_touch_on="2026-04-01", memo="2026-04-01T10:30:00+09:00")
    given = {"people": {"person": {"days": "last_touch_on", "moments": "memo"}}}
    (person,) = records(list(ready.adapter(needs, **given).pull(PEOPLE, None)))
    assert person.native == {"last_touch_on": date(2026, 4, 1), "memo": datetime(2026, 4, 1, 1, 30, tzinfo=UTC)}


def test_a_block_where_a_mapping_wants_a_value_is_a_reject(ready: Stage) -> None:
    ready.add_person(name={"family": "佐藤"})
    (page,) = ready.adapter(needs_of_people(read=frozenset({"name"}))).pull(PEOPLE, None)
    assert [str(reject.what) for reject in page.rejects] == ["name is a block of fields"]


def test_deals_owners_companies_and_touchpoints(ready: Stage) -> None:
    tables = ready.house.tables
    user = tables.add("users", {"name": "髙橋", "mail": "t@example.jp"})
    account = tables.add("accounts", {"name": "東都精工㈱", "houjin_bangou": "1234567890123"})
    person = ready.add_person()
    tables.add(
        "deals",
        {"title": "更新", "status": "失注", "amount": 1200, "percent": 30, "closes_on": "2026-06-30",
         "lost_reason": "予算", "contacts": [person, person], "owner": {"id": user}, "account": {"id": account}},
    )  # fmt: skip
    visit = {
        "person_id": person,
        "type": "訪問",
        "at": "2026-04-01T10:30:00+09:00",
        "title": "初回",
        "result": "好感触",
    }
    for kind in ("訪問", "その他"):
        tables.add("visits", {**visit, "type": kind})
    tables.add("visits", {**visit, "person_id": None})
    adapter = ready.adapter(paging={"size": 100})
    assert [s for s in adapter.streams if ":" not in s] == [
        "owners/user", "companies/account", "people/person", "deals/deal", "touchpoints/visit",
    ]  # fmt: skip
    (owner,) = records(list(adapter.pull("owners/user", None)))
    assert owner == Owner(Ref(SYSTEM, "user", str(user)), "髙橋", "t@example.jp")
    (company,) = records(list(adapter.pull("companies/account", None)))
    assert isinstance(company, Company)
    assert (company.name, company.corporate_number) == ("東都精工㈱", "1234567890123")
    (deal,) = records(list(adapter.pull("deals/deal", None)))
    assert isinstance(deal, Deal)
    assert (deal.name, deal.state, deal.amount, deal.probability) == ("更新", DealState.LOST, 1200.0, 30.0)
    assert (deal.closes_on, deal.lost_reason, deal.people) == (date(2026, 6, 30), "予算", (str(person),))
    assert (deal.owner_id, deal.company_id) == (str(user), str(account))
    (page,) = adapter.pull("touchpoints/visit", None)
    (touch,) = page.records
    assert isinstance(touch, Touchpoint)
    assert (touch.kind, touch.label, touch.result) == (Kind.MEETING, "初回", "好感触")
    assert touch.person == Ref(SYSTEM, "person", str(person))
    assert page.ignored == {"kind_not_mapped": 1, "anonymous": 1}


def test_an_owner_who_left(ready: Stage) -> None:
    for retired in (False, None, True):
        ready.house.tables.add("users", {"name": "髙橋", "retired": retired})
    owners = records(
        list(ready.adapter(owners={"user": {"active": "retired"}}, paging={"size": 9}).pull("owners/user", None))
    )
    assert [owner.active for owner in owners] == [False, True, True]


def test_a_company_that_a_deal_only_names(ready: Stage) -> None:
    ready.house.tables.add("deals", {"title": "東都精工㈱", "status": "商談中"})
    mapped = replace(NEEDS.objects["deal"], deal={"name": "title", "state": "status", "company": "title"})
    adapter = ready.adapter(replace(NEEDS, objects={"deal": mapped}), companies=None)
    company, deal = records(list(adapter.pull("deals/deal", None)))
    assert (company.ref, company.name) == (Ref(SYSTEM, "company", "東都精工㈱"), "東都精工㈱")
    assert deal.company_id == company.ref.id


@pytest.mark.parametrize(
    ("states", "status", "state"),
    [
        ({}, "won", DealState.WON),
        ({}, "商談中", DealState.OPEN),
        ({DealState.WON: {"受注"}}, "商談中", DealState.OPEN),
        ({DealState.WON: {"受注"}}, None, DealState.OPEN),
        ({DealState.WON: {"受注"}, DealState.OPEN: {"商談中"}}, "商談中", DealState.OPEN),
        ({DealState.WON: {"受注"}, DealState.OPEN: {"商談中"}}, "保留", None),
    ],
)
def test_states_of_deals(ready: Stage, states: Any, status: str | None, state: DealState | None) -> None:
    ready.house.tables.add("deals", {"title": "更新", "status": status})
    mapped = replace(NEEDS.objects["deal"], states={each: frozenset(spelt) for each, spelt in states.items()})
    (page,) = ready.adapter(replace(NEEDS, objects={"deal": mapped})).pull("deals/deal", None)
    assert [deal.state for deal in page.records if isinstance(deal, Deal)] == ([state] if state else [])
    assert len(page.rejects) == (state is None)


# --- lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("paging", ["page", "offset"])
@pytest.mark.parametrize("total", [True, False])
def test_a_row_that_changes_meanwhile_hides_no_other(monkeypatch: pytest.MonkeyPatch, paging: Any, total: bool) -> None:
    given = {"by": paging, "total": "total" if total else None}
    with prepared(monkeypatch, Settings(paging=paging, total=total), paging=given) as ready:
        people = [ready.add_person() for _ in range(7)]
        seen: list[str] = []
        for page in ready.adapter().pull(PEOPLE, None):
            seen += ids([page])
            if len(seen) == 2:  # the first moves to the end, and pulls the third into the first page
                ready.tick(seconds=10)
                ready.house.tables.change("people", people[0], {"memo": "x"})
        assert {*seen} == {str(id_) for id_ in people}
        assert seen[-1] == str(people[0])


def test_a_short_page_is_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system gives fewer rows than it was asked for, and does not say how many there are."""
    with prepared(monkeypatch, Settings(largest=3), paging={"size": 100, "total": None}) as ready:
        people = [ready.add_person() for _ in range(7)]
        assert ids(list(ready.adapter().pull(PEOPLE, None))) == [str(id_) for id_ in people]


def test_many_rows_of_one_second(ready: Stage) -> None:
    people = [ready.house.tables.add("people", {}) for _ in range(9)]
    assert ids(list(ready.adapter().pull(PEOPLE, None))) == [str(id_) for id_ in people]


def test_a_quiet_list_costs_one_call(ready: Stage) -> None:
    ready.tick(hours=-1)
    for _ in range(3):
        ready.add_person()
        ready.tick(minutes=11)
    last = ready.add_person()
    *_, page = ready.adapter().pull(PEOPLE, None)
    before = ready.house.calls
    (page,) = ready.adapter().pull(PEOPLE, page.cursor)
    assert (ids([page]), ready.house.calls - before) == ([str(last)], 1)


def test_the_cursor_stops_where_reading_began(ready: Stage) -> None:
    """A time from the future, or of a row that was written while we read, does not hide what becomes visible late."""
    ready.add_person()
    began = ready.house.clock().replace(microsecond=0)
    ready.tick(minutes=30)
    ready.house.tables.add("people", {})
    ready.tick(minutes=-30)
    *_, page = ready.adapter().pull(PEOPLE, None)
    assert began <= datetime.fromisoformat(page.cursor) <= began + timedelta(seconds=5)


def test_what_becomes_visible_late_is_seen(ready: Stage) -> None:
    ready.add_person()
    *_, page = ready.adapter().pull(PEOPLE, None)
    ready.tick(minutes=-9)
    late = ready.add_person()
    assert str(late) in ids(list(ready.adapter().pull(PEOPLE, page.cursor)))


def test_the_whole_is_read_again_when_it_is_time(ready: Stage) -> None:
    one, _ = ready.add_person(), ready.add_person()
    (first,) = ready.adapter().pull(WHOLE, None)
    assert first.records == []
    del ready.house.tables.rows["people"][one]
    ready.tick(hours=23)
    ready.adapter().check()
    before = ready.house.calls
    (page,) = ready.adapter().pull(WHOLE, first.cursor)
    assert (page.records, page.cursor, ready.house.calls) == ([], first.cursor, before)


def test_a_whole_reading_tells_who_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with prepared(monkeypatch, people={"person": {"whole_every": "1s"}}) as ready:
        people = [ready.add_person() for _ in range(5)]
        (first,) = ready.adapter().pull(WHOLE, None)
        cursor = (datetime.fromisoformat(first.cursor) - timedelta(hours=1)).isoformat()
        *pages, last = ready.adapter().pull(WHOLE, cursor)
        assert ids(pages) == [str(id_) for id_ in people]
        assert [page.cursor for page in pages] == [cursor] * 3
        assert last.records == [Inventory(SYSTEM, "person", frozenset(map(str, people)))]
        assert datetime.fromisoformat(last.cursor) > datetime.fromisoformat(cursor)


def test_a_row_without_an_id_makes_no_inventory(monkeypatch: pytest.MonkeyPatch) -> None:
    with prepared(monkeypatch, modified={"since": None}) as ready:
        ready.add_person()
        ready.house.tables.rows["people"][ready.add_person()]["id"] = None
        *_, last = ready.adapter().pull(PEOPLE, None)
        assert last.records == []


def test_never_whole_when_so_configured(ready: Stage) -> None:
    assert WHOLE in ready.adapter().streams
    assert WHOLE not in ready.adapter(people={"person": {"whole_every": NULL}}).streams


# --- what does not fit ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "changes", "said"),
    [
        (Settings(order="id"), {}, "rows do not come oldest first"),
        (Settings(), {"rows": "rows"}, "the answer has no list of records at rows"),
        (Settings(), {"rows": None}, "the answer has no list of records at (whole)"),
        (Settings(), {"people": {"person": {"path": "persons"}}}, "there is no such record or path"),
        (Settings(), {"people": {"person": {"params": {"sort": "x"}}}}, "answered HTTP 400"),
    ],
)
def test_a_list_that_does_not_fit_stops_alone(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, changes: Any, said: str
) -> None:
    with prepared(monkeypatch, settings, **changes) as ready:
        first = ready.add_person(mail="secret@example.jp")
        ready.add_person()
        ready.tick()
        ready.house.tables.change("people", first, {})
        with pytest.raises(Mismatch) as caught:
            list(ready.adapter(paging={"size": 100}).pull(PEOPLE, None))
        assert said in str(caught.value)
        assert "secret" not in str(caught.value) + caught.value.evidence


def test_a_time_that_is_not_obeyed_is_noticed(ready: Stage) -> None:
    ready.add_person()
    ready.tick(hours=1)
    ready.add_person()
    *_, page = ready.adapter().pull(PEOPLE, None)
    ready.house.deaf.add("updated_since")
    with pytest.raises(Mismatch, match="rows from before the time that was asked for"):
        list(ready.adapter().pull(PEOPLE, page.cursor))


@pytest.mark.parametrize("paging", ["page", "offset"])
def test_a_page_that_comes_again_and_again_is_noticed(monkeypatch: pytest.MonkeyPatch, paging: Any) -> None:
    changes = {"paging": {"by": paging, "total": None}, "modified": {"sorted": None}}
    with prepared(monkeypatch, Settings(paging=paging), **changes) as ready:
        for _ in range(3):
            ready.add_person()
        ready.house.deaf.add(paging)
        with pytest.raises(Mismatch, match="the same page comes again and again"):
            list(ready.adapter().pull(PEOPLE, None))


@pytest.mark.parametrize("paging", ["link", "cursor"])
def test_a_place_to_go_on_that_does_not_move_is_noticed(monkeypatch: pytest.MonkeyPatch, paging: Any) -> None:
    with prepared(monkeypatch, Settings(paging=paging), paging={"by": paging, "next": "again"}) as ready:

        def handle(_: Request) -> Response:
            return Response('{"items": [], "again": "/api/people?x=1"}', mimetype="application/json")

        ready.server._handle = handle
        with pytest.raises(Mismatch, match="the same page comes again and again"):
            list(ready.adapter().pull(PEOPLE, None))


def test_a_link_leads_to_no_other_host(monkeypatch: pytest.MonkeyPatch) -> None:
    with prepared(monkeypatch, Settings(paging="link"), paging={"by": "link", "next": "again"}) as ready:

        def handle(_: Request) -> Response:
            return Response('{"items": [], "again": "https://elsewhere.example/people"}', mimetype="application/json")

        ready.server._handle = handle
        with pytest.raises(Unavailable, match=r"elsewhere\.example is not a host of this system"):
            list(ready.adapter().pull(PEOPLE, None))


def test_what_is_not_json_is_kept_as_evidence(ready: Stage) -> None:
    ready.house.chaos.plan("status", status=200, body="佐藤 <oops>")
    with pytest.raises(Unavailable) as caught:
        list(ready.adapter().pull(PEOPLE, None))
    assert caught.value.evidence == "ああ <xxxx>"


def test_a_wrong_secret_is_told_as_such(ready: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_TOKEN", "wrong")
    with pytest.raises(Unauthorized):
        list(ready.adapter().pull(PEOPLE, None))
