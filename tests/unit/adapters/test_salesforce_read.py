"""What is read of an org, and that nothing of it is missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from connector.adapters.salesforce.read import Place
from connector.errors import AdapterError, Unauthorized, Unavailable
from connector.model import Company, Deal, DealPerson, DealState, Gone, Kind, Owner, Person, Ref, Touchpoint
from connector.ports import Needs, ObjectNeeds
from connector.sandbox.salesforce import Settings, times
from tests.unit.adapters.salesforce_kit import (
    NEEDS,
    SPRING,
    SYSTEM,
    Stage,
    alert,
    contact_ref,
    drain,
    entry,
    lead_ref,
    of,
    push,
    records,
    stage,
)


@pytest.fixture
def ready() -> Iterator[Stage]:
    with stage() as made:
        yield made


def deal(ready: Stage, stage_name: str = "Qualification", **fields: Any) -> str:
    given = {"Name": "生産管理システム更新", "StageName": stage_name, "CloseDate": "2026-06-30", **fields}
    made = ready.org.create("Opportunity", given)
    ready.later()
    return made


# --- records ----------------------------------------------------------------------------------------------------------


def test_a_contact_in_our_words(ready: Stage) -> None:
    company = ready.org.create("Account", {"Name": "東都精工株式会社"})
    made = ready.contact(
        "佐藤",
        FirstName="花子",
        Email="hanako@example.com",
        AccountId=company,
        Department="製造部",
        Title="部長",
        Phone="03-0000-0001",
        MobilePhone="090-0000-0001",
        MailingPostalCode="100-0005",
        MailingState="東京都",
        MailingCity="千代田区",
        MailingStreet="丸の内1-1",
        LeadSource="Web",
        HasOptedOutOfEmail=True,
        MA_Person_Id__c="U1",
        MA_Score__c=45,
        MA_Last_Touch__c="2026-03-31T15:00:00Z",
    )
    (person,) = of(Person, drain(ready.adapter(), "Contact"))
    assert person.ref == contact_ref(made)
    assert person.fields == {
        "email": "hanako@example.com",
        "family_name": "佐藤",
        "given_name": "花子",
        "company": "東都精工株式会社",
        "department": "製造部",
        "title": "部長",
        "phone": "03-0000-0001",
        "mobile": "090-0000-0001",
        "postal_code": "100-0005",
        "prefecture": "東京都",
        "address": "千代田区 丸の内1-1",
        "lead_source": "Web",
        "opted_out": True,
        "mail_invalid": False,
    }
    assert person.native == {
        "MA_Score__c": 45,
        "MA_Score_Why__c": None,
        "MA_Band__c": None,
        "MA_Last_Touch__c": datetime(2026, 3, 31, 15, tzinfo=UTC),
    }
    assert (person.key, person.company_id, person.owner_id) == ("U1", company, ready.org.user_id)
    assert person.created_at is not None
    assert person.created_at.utcoffset() == timedelta(0)


def test_a_lead_in_our_words(ready: Stage) -> None:
    ready.lead("鈴木", Website="https://example.com", State="大阪府", EmailBouncedDate="2026-03-01T00:00:00Z")
    ready.lead("田中", OwnerId=ready.org.queue_id)
    bounced, queued = of(Person, drain(ready.adapter(), "Lead"))
    assert bounced.fields["company"] == "第一製作所"
    assert bounced.fields["website"] == "https://example.com"
    assert (bounced.fields["mail_invalid"], queued.fields["mail_invalid"]) == (True, False)
    assert bounced.owner_id == ready.org.user_id
    assert queued.owner_id is None


def test_consent_that_cannot_be_seen_is_not_told(ready: Stage) -> None:
    ready.org.hide_field("Contact", "HasOptedOutOfEmail")
    ready.contact(HasOptedOutOfEmail=True)
    (person,) = of(Person, drain(ready.adapter(), "Contact"))
    assert "opted_out" not in person.fields


def test_names_of_fields_count_in_any_case(ready: Stage) -> None:
    needs = Needs({"Contact": ObjectNeeds(frozenset({"ma_score__C"}), key="MA_PERSON_ID__c")})
    ready.contact(MA_Score__c=7, MA_Person_Id__c="U7")
    (person,) = of(Person, drain(ready.adapter(needs), "Contact"))
    assert (person.native, person.key) == ({"ma_score__C": 7}, "U7")


def test_companies_and_owners(ready: Stage) -> None:
    ready.org.add_field("Account", name="Corporate_Number__c", length=13)
    parent = ready.org.create("Account", {"Name": "親会社"})
    ready.later()
    ready.org.create("Account", {"Name": "子会社", "ParentId": parent, "Corporate_Number__c": "1234567890123"})
    _, child = of(Company, drain(ready.adapter(corporate_number="Corporate_Number__c"), "Account"))
    assert (child.name, child.parent_id, child.corporate_number) == ("子会社", parent, "1234567890123")
    gone = ready.org.add_user("退職", Email="gone@example.com")
    ready.org.deactivate_user(gone)
    owners = {owner.ref.id: owner for owner in of(Owner, drain(ready.adapter(), "User"))}
    assert owners[ready.org.user_id].active
    assert (owners[gone].name, owners[gone].email, owners[gone].active) == ("退職", "gone@example.com", False)


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("Qualification", DealState.OPEN),
        ("Closed Won", DealState.WON),
        ("Closed Lost", DealState.LOST),
        ("失注", DealState.OPEN),
    ],
)
def test_the_state_of_a_deal_follows_flags_not_names(ready: Stage, name: str, state: DealState) -> None:
    deal(ready, name)
    (found,) = of(Deal, drain(ready.adapter(), "Opportunity"))
    assert (found.state, found.stage) == (state, name)


def test_an_open_deal(ready: Stage) -> None:
    company = ready.org.create("Account", {"Name": "A社"})
    made = deal(ready, Amount=1_200_000, AccountId=company, Product__c="P1")
    created = ready.org.get("Opportunity", made)["CreatedDate"]
    (found,) = of(Deal, drain(ready.adapter(), "Opportunity"))
    assert (found.amount, found.probability, found.product, found.lost_reason) == (1_200_000, 10, "P1", None)
    assert (found.closes_on, found.closed_at, found.company_id) == (date(2026, 6, 30), None, company)
    assert found.stage_since == times.moment(created)
    ready.later(timedelta(days=3))
    ready.org.update("Opportunity", made, {"StageName": "Closed Lost", "Loss_Reason__c": "予算"})
    changed = times.moment(ready.org.get("Opportunity", made)["LastStageChangeDate"])
    (found,) = of(Deal, drain(ready.adapter(), "Opportunity"))
    assert (found.state, found.lost_reason) == (DealState.LOST, "予算")
    assert found.closed_at == found.stage_since == changed


@pytest.mark.parametrize(
    ("close_date", "closed_at"),
    [("2024-05-10", datetime(2024, 5, 10, 12, tzinfo=UTC)), ("2026-06-30", None)],
)
def test_a_deal_entered_as_closed(ready: Stage, close_date: str, closed_at: datetime | None) -> None:
    made = deal(ready, "Closed Lost", CloseDate=close_date)
    created = times.moment(ready.org.get("Opportunity", made)["CreatedDate"])
    (found,) = of(Deal, drain(ready.adapter(), "Opportunity"))
    assert found.closed_at == (closed_at or created)


def test_an_org_without_the_time_of_stages(ready: Stage) -> None:
    ready.org.hide_field("Opportunity", "LastStageChangeDate")
    deal(ready, "Closed Won", CloseDate="2026-03-01")
    (found,) = of(Deal, drain(ready.adapter(), "Opportunity"))
    assert found.stage_since is None
    assert found.closed_at == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_mapping_may_name_its_own_fields_of_a_deal(ready: Stage) -> None:
    ready.org.add_field("Opportunity", name="Lost_On__c", type="date")
    ready.org.add_field("Opportunity", name="Yen__c", type="currency", precision=18)
    words = {"closed_at": "Lost_On__c", "amount": "Yen__c", "stage_since": "LastStageChangeDate"}
    needs = Needs({"Opportunity": ObjectNeeds(frozenset(words.values()), deal=words)})
    deal(ready, "Closed Lost", Lost_On__c="2026-03-20", Yen__c=5000)
    (found,) = of(Deal, drain(ready.adapter(needs), "Opportunity"))
    assert (found.closed_at, found.amount) == (datetime(2026, 3, 20, 12, tzinfo=UTC), 5000)
    assert found.stage_since is None


def test_who_takes_part_in_a_deal(ready: Stage) -> None:
    contact = ready.contact()
    made = deal(ready, ContactId=contact)
    adapter = ready.adapter()
    pages = drain(adapter, "OpportunityContactRole")
    (part,) = of(DealPerson, pages)
    assert (part.deal_id, part.person_id, part.gone) == (made, contact, False)
    ready.later()
    ready.org.delete("OpportunityContactRole", part.ref.id)
    (left,) = of(DealPerson, drain(adapter, "OpportunityContactRole", pages[-1].cursor))
    assert (left.ref, left.gone) == (part.ref, True)


# --- calls and meetings -----------------------------------------------------------------------------------------------


def call(ready: Stage, who: str | None, **fields: Any) -> str:
    given = {"Subject": "架電", "TaskSubtype": "Call", "Status": "Completed", "WhoId": who, **fields}
    made = ready.org.create("Task", given)
    ready.later()
    return made


def test_a_call_with_its_result(ready: Stage) -> None:
    who = ready.contact()
    made = call(ready, who, Call_Result__c="興味あり")
    done = times.moment(ready.org.get("Task", made)["CompletedDateTime"])
    (found,) = of(Touchpoint, drain(ready.adapter(), "Task"))
    assert found == Touchpoint(Ref(SYSTEM, "Task", made), contact_ref(who), Kind.CALL, done, "架電", result="興味あり")


def test_a_call_logged_later_happened_on_its_day(ready: Stage) -> None:
    call(ready, ready.lead(), ActivityDate="2026-03-27")
    call(ready, ready.lead(), ActivityDate="2026-04-02")
    early, today = of(Touchpoint, drain(ready.adapter(), "Task"))
    assert early.happened_at == datetime(2026, 3, 27, 12, tzinfo=UTC)
    assert today.happened_at.date() == SPRING.date()
    assert early.person.object == "Lead"


def test_what_is_no_call_is_not_read_and_what_is_ours_is_left_out(ready: Stage) -> None:
    who = ready.contact()
    ready.org.create("Task", {"Subject": "ToDo", "Status": "Completed", "WhoId": who})
    adapter = ready.adapter()
    push(adapter, alert("k1", ready.org.user_id, contact_ref(who)), entry("k2", contact_ref(who)))
    ready.later()
    call(ready, who, MA_Key__c="k3")
    call(ready, None)
    pages = drain(adapter, "Task")
    assert records(pages) == []
    assert sum((page.ignored for page in pages), Counter()) == {"ours": 1, "nobody": 1}
    assert sum(page.read for page in pages) == 2


def test_a_call_that_is_open_or_deleted_has_not_taken_place(ready: Stage) -> None:
    adapter = ready.adapter()
    who = ready.contact()
    first, second = call(ready, who), call(ready, who)
    planned = call(ready, who, Status="Not Started")
    pages = drain(adapter, "Task")
    assert {t.ref.id: t.gone for t in of(Touchpoint, pages)} == {first: False, second: False, planned: True}
    ready.org.delete("Task", first)
    ready.org.update("Task", second, {"Status": "In Progress"})
    again = of(Touchpoint, drain(adapter, "Task", pages[-1].cursor))
    assert {t.ref.id: t.gone for t in again}.items() >= {first: True, second: True}.items()


def test_meetings(ready: Stage) -> None:
    who = ready.contact()
    timed = {"StartDateTime": "2026-04-10T05:00:00Z", "DurationInMinutes": 60}
    ready.org.create("Event", {"Subject": "訪問", "WhoId": who, **timed})
    ready.later()
    ready.org.create("Event", {"Subject": "展示会", "WhoId": who, "IsAllDayEvent": True, "ActivityDate": "2026-04-11"})
    ready.later()
    ready.org.create("Event", {"Subject": "社内", **timed})
    pages = drain(ready.adapter(), "Event")
    visit, fair = of(Touchpoint, pages)
    assert (visit.kind, visit.label, visit.happened_at) == (Kind.MEETING, "訪問", datetime(2026, 4, 10, 5, tzinfo=UTC))
    assert fair.happened_at == datetime(2026, 4, 11, 12, tzinfo=UTC)
    assert pages[0].ignored == {"nobody": 1}


def test_a_meeting_counts_once_however_many_colleagues_are_invited(ready: Stage) -> None:
    timed = {"StartDateTime": "2026-04-10T05:00:00Z", "DurationInMinutes": 60}
    visit = ready.org.create("Event", {"Subject": "訪問", "WhoId": ready.contact(), **timed})
    ready.org.invite(visit, [ready.org.add_user("営業"), ready.org.add_user("技術")])
    ready.later()
    pages = drain(ready.adapter(), "Event")
    assert [t.ref.id for t in of(Touchpoint, pages)] == [visit]
    assert sum((page.ignored for page in pages), Counter()) == {"invitee": 2}


@pytest.mark.parametrize("classic", [False, True])
def test_each_occurrence_of_a_series_counts_once(ready: Stage, classic: bool) -> None:
    given = {"Subject": "定例", "WhoId": ready.contact(), "DurationInMinutes": 60}
    starts = [f"2026-04-{day:02}T05:00:00Z" for day in (3, 10, 17)]
    series, occurrences = ready.org.make_series(given, starts, classic=classic)
    ready.org.invite(occurrences[1], [ready.org.add_user("技術")])
    ready.later()
    pages = drain(ready.adapter(), "Event")
    found = {t.ref.id: t.happened_at for t in of(Touchpoint, pages)}
    assert found == {id_: datetime.fromisoformat(start) for id_, start in zip(occurrences, starts, strict=True)}
    assert sum((page.ignored for page in pages), Counter()) == {"invitee": 1, "series": 1}
    assert series not in found


def test_old_activities_are_left_out_at_first(ready: Stage) -> None:
    who = ready.contact()
    call(ready, who)
    ready.later(timedelta(days=40))
    young = call(ready, who)
    pages = drain(ready.adapter(history=timedelta(days=30)), "Task")
    assert [t.ref.id for t in of(Touchpoint, pages)] == [young]


def test_what_is_archived_is_read_within_the_history(ready: Stage) -> None:
    """Salesforce archives activities that are a year old, and a plain query leaves them out."""
    who = ready.contact()
    timed = {"Subject": "訪問", "WhoId": who, "DurationInMinutes": 60}
    visit = ready.org.create("Event", {**timed, "StartDateTime": "2026-03-01T01:00:00Z"})
    dialled = call(ready, who, ActivityDate="2026-03-02")
    for name, id_ in (("Event", ready.org.create("Event", {**timed, "StartDateTime": "2026-03-03T01:00:00Z"})),
                      ("Task", call(ready, who, ActivityDate="2026-03-04"))):  # fmt: skip
        ready.org.delete(name, id_)
    ready.later(timedelta(days=400))
    ready.org.archive()
    again = ready.org.create("Event", {**timed, "StartDateTime": "2027-05-06T01:00:00Z"})
    ready.later()
    adapter = ready.adapter()
    events, calls = drain(adapter, "Event"), drain(adapter, "Task")
    assert [(t.ref.id, t.gone) for t in of(Touchpoint, events)] == [(visit, False), (again, False)]
    assert [(t.ref.id, t.gone) for t in of(Touchpoint, calls)] == [(dialled, False)]
    ready.org.delete("Event", visit)
    later = of(Touchpoint, drain(adapter, "Event", events[-1].cursor))
    assert {t.ref.id: t.gone for t in later} == {visit: True, again: False}


# --- the life of a record ---------------------------------------------------------------------------------------------


def test_a_converted_lead_lives_on_as_its_contact(ready: Stage) -> None:
    lead = ready.lead()
    adapter = ready.adapter()
    pages = drain(adapter, "Lead")
    _, contact, _ = ready.org.convert_lead(lead)
    (gone,) = of(Gone, drain(adapter, "Lead", pages[-1].cursor))
    assert (gone.ref, gone.successor) == (lead_ref(lead), contact_ref(contact))
    assert of(Person, drain(adapter, "Lead", pages[-1].cursor)) == []


@pytest.mark.parametrize("name", ["Lead", "Contact", "Account"])
def test_a_merged_record_lives_on_as_the_winner(ready: Stage, name: str) -> None:
    given = {"Lead": {"LastName": "A", "Company": "B"}, "Contact": {"LastName": "A"}, "Account": {"Name": "A"}}[name]
    winner, loser = (ready.org.create(name, given) for _ in range(2))
    adapter = ready.adapter()
    pages = drain(adapter, name)
    ready.later()
    ready.org.merge(name, winner, [loser])
    (gone,) = of(Gone, drain(adapter, name, pages[-1].cursor))
    assert (gone.ref, gone.successor) == (Ref(SYSTEM, name, loser), Ref(SYSTEM, name, winner))


def test_deleted_and_restored(ready: Stage) -> None:
    made = deal(ready)
    adapter = ready.adapter()
    cursor = drain(adapter, "Opportunity")[-1].cursor
    ready.org.delete("Opportunity", made)
    pages = drain(adapter, "Opportunity", cursor)
    assert [g.ref.id for g in of(Gone, pages)] == [made]
    ready.later()
    ready.org.undelete("Opportunity", made)
    assert [d.ref.id for d in of(Deal, drain(adapter, "Opportunity", pages[-1].cursor))] == [made]


def test_what_was_deleted_before_the_first_reading_is_not_told(ready: Stage) -> None:
    ready.org.delete("Contact", ready.contact())
    stays = ready.contact()
    assert [r.ref for r in records(drain(ready.adapter(), "Contact"))] == [contact_ref(stays)]  # type: ignore[union-attr]  # people


# --- completeness -----------------------------------------------------------------------------------------------------


def test_what_commits_late_is_found_within_the_overlap(ready: Stage) -> None:
    adapter = ready.adapter(overlap=timedelta(minutes=10))
    ready.contact("先")
    cursor = drain(adapter, "Contact")[-1].cursor
    with ready.org.late_commit(300):
        late = ready.org.create("Contact", {"LastName": "遅"})
    ready.later()
    pages = drain(adapter, "Contact", cursor)
    assert late not in {p.ref.id for p in of(Person, pages)}
    ready.later(timedelta(minutes=5))
    assert late in {p.ref.id for p in of(Person, drain(adapter, "Contact", pages[-1].cursor))}


def test_without_an_overlap_it_would_be_missed(ready: Stage) -> None:
    """The control of the test above."""
    adapter = ready.adapter(overlap=timedelta(0))
    with ready.org.late_commit(300):
        late = ready.org.create("Contact", {"LastName": "遅"})
    ready.later(timedelta(minutes=2))
    cursor = drain(adapter, "Contact")[-1].cursor
    ready.later(timedelta(minutes=5))
    assert late not in {p.ref.id for p in of(Person, drain(adapter, "Contact", cursor))}


def test_a_slow_query_is_dated_by_its_beginning(ready: Stage) -> None:
    """What is committed while Salesforce answers is not in the answer."""
    adapter = ready.adapter(overlap=timedelta(0))
    drain(adapter, "Contact")
    ready.server.chaos.plan("delay", path="/query", seconds=2.5)
    began = ready.org.clock()
    since = Place.load(drain(adapter, "Contact")[-1].cursor).since
    assert since is not None
    assert since + timedelta(seconds=30) < began + timedelta(seconds=1)


def test_many_records_of_one_second_over_small_pages(ready: Stage) -> None:
    ready.org.page_size = 2
    with ready.org.transaction():
        made = {ready.org.create("Contact", {"LastName": f"人{n}"}) for n in range(7)}
    seen: set[str] = set()
    cursor: str | None = None
    for _ in range(4):
        page = next(iter(ready.adapter().pull("Contact", cursor)))
        seen |= {p.ref.id for p in of(Person, [page])}
        cursor = page.cursor
    assert seen == made


def test_a_page_smaller_than_asked_for_is_not_the_last(ready: Stage) -> None:
    made = {ready.contact(f"人{n}") for n in range(5)}
    ready.org.chaos.plan("small_pages", size=1, times=2)
    pages = drain(ready.adapter(), "Contact")
    assert {p.ref.id for p in of(Person, pages)} == made
    assert len(pages) == 3


@pytest.mark.parametrize("skip", [0, 1, 2])
def test_a_query_that_is_no_longer_kept_is_asked_again_from_there(ready: Stage, skip: int) -> None:
    ready.org.page_size = 2
    made = [ready.contact(f"人{n}") for n in range(7)]
    ready.org.chaos.plan("locator", skip=skip)
    found = [p.ref.id for p in of(Person, drain(ready.adapter(), "Contact"))]
    assert found == made
    assert len(ready.requests("/query/?q=")) == 2


def test_a_query_that_is_never_kept_goes_on_by_asking(ready: Stage) -> None:
    ready.org.page_size = 2
    made = [ready.contact(f"人{n}") for n in range(7)]
    ready.org.chaos.plan("locator", times=100)
    assert [p.ref.id for p in of(Person, drain(ready.adapter(), "Contact"))] == made


def test_what_changes_between_pages_is_read_afterwards(ready: Stage) -> None:
    ready.org.page_size = 2
    made = [ready.contact(f"人{n}") for n in range(6)]
    adapter = ready.adapter()
    pages = adapter.pull("Contact", None)
    first = next(pages)
    ready.org.update("Contact", made[0], {"Email": "moved@example.com"})
    rest = list(pages)
    later = drain(adapter, "Contact", rest[-1].cursor)
    assert {p.ref.id for p in of(Person, [first, *rest])} == set(made)
    assert {p.ref.id: p.fields["email"] for p in of(Person, later)}[made[0]] == "moved@example.com"


def test_a_first_reading_that_was_interrupted_keeps_its_beginning(ready: Stage) -> None:
    ready.org.page_size = 2
    made = [ready.contact(f"人{n}") for n in range(6)]
    first = next(iter(ready.adapter().pull("Contact", None)))
    ready.org.update("Contact", made[0], {"Email": "moved@example.com"})
    ready.later(timedelta(hours=3))
    rest = drain(ready.adapter(), "Contact", first.cursor)
    later = drain(ready.adapter(), "Contact", rest[-1].cursor)
    assert {p.ref.id for p in of(Person, [first, *rest])} == set(made)
    assert made[0] in {p.ref.id for p in of(Person, later)}


def test_a_cursor_survives_being_written_down() -> None:
    for place in (Place(), Place(SPRING), Place(None, SPRING, (SPRING, "003A")), Place(SPRING, SPRING, (SPRING, "x"))):
        assert Place.load(place.dump()) == place


# --- what cannot be read ----------------------------------------------------------------------------------------------


def test_a_field_that_somebody_named_must_be_there(ready: Stage) -> None:
    ready.contact()
    ready.org.hide_field("Contact", "MA_Score__c")
    with pytest.raises(Unavailable, match="MA_Score__c") as caught:
        drain(ready.adapter(), "Contact")
    assert caught.value.code == "INVALID_FIELD"
    ready.org.hide_field("Task", "CallDisposition")
    with pytest.raises(Unavailable, match="CallDisposition"):
        drain(ready.adapter(call_result="CallDisposition"), "Task")


def test_a_field_made_meanwhile_is_found_by_the_same_adapter(ready: Stage) -> None:
    needs = Needs({"Contact": ObjectNeeds(frozenset({"New__c"}))})
    adapter = ready.adapter(needs)
    with pytest.raises(Unavailable):
        drain(adapter, "Contact")
    ready.org.add_field("Contact", name="New__c")
    assert drain(adapter, "Contact")


def test_an_object_is_described_anew_after_a_while(ready: Stage) -> None:
    now = [0.0]
    adapter = ready.adapter()
    adapter._org.http.clock = lambda: now[0]
    ready.org.hide_field("Contact", "HasOptedOutOfEmail")
    ready.contact(HasOptedOutOfEmail=True)
    drain(adapter, "Contact")
    ready.org.schema["Contact"].hidden.clear()
    (unseen,) = of(Person, drain(adapter, "Contact"))
    now[0] += 1000
    (seen,) = of(Person, drain(adapter, "Contact"))
    assert ("opted_out" in unseen.fields, seen.fields["opted_out"]) == (False, True)


def test_a_field_that_vanishes_while_we_read_is_unavailable(ready: Stage) -> None:
    adapter = ready.adapter()
    drain(adapter, "Contact")
    ready.org.hide_field("Contact", "MA_Score__c")
    with pytest.raises(Unavailable) as caught:
        drain(adapter, "Contact")
    assert caught.value.code == "INVALID_FIELD"


def test_a_new_process_does_not_ask_again_what_an_object_is(ready: Stage) -> None:
    ready.contact()
    cursor = drain(ready.adapter(), "Contact")[-1].cursor
    asked = len(ready.requests("/describe"))

    (person,) = of(Person, drain(ready.adapter(), "Contact", cursor))

    assert (len(ready.requests("/describe")), asked) == (1, 1)
    assert person.fields["family_name"] == "佐藤"


def test_what_was_known_of_an_object_is_asked_anew_when_a_query_is_refused(ready: Stage) -> None:
    """Between two runs the administrator hid a field that is only welcome, and another that a mapping names."""
    ready.contact(HasOptedOutOfEmail=True)
    cursor = drain(ready.adapter(), "Contact")[-1].cursor
    ready.org.hide_field("Contact", "HasOptedOutOfEmail")

    (person,) = of(Person, drain(ready.adapter(), "Contact", cursor))

    assert "opted_out" not in person.fields
    ready.org.hide_field("Contact", "MA_Score__c")
    with pytest.raises(Unavailable, match="MA_Score__c"):
        drain(ready.adapter(), "Contact", cursor)


def test_a_field_that_a_mapping_names_anew_is_looked_for(ready: Stage) -> None:
    ready.contact()
    cursor = drain(ready.adapter(), "Contact")[-1].cursor
    ready.org.add_field("Contact", name="New__c")
    needs = Needs({"Contact": ObjectNeeds(frozenset({"New__c"}))})

    (person,) = of(Person, drain(ready.adapter(needs), "Contact", cursor))

    assert "New__c" in person.native


def test_nothing_but_names_reaches_a_query(ready: Stage) -> None:
    needs = Needs({"Contact": ObjectNeeds(frozenset({"Id FROM User --"}))})
    with pytest.raises(Unavailable):
        drain(ready.adapter(needs), "Contact")
    assert ready.requests("/query") == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "html"}, Unavailable),
        ({"kind": "reset_after"}, Unavailable),
        ({"kind": "truncate"}, Unavailable),
        ({"kind": "status", "status": 200, "body": "{", "mimetype": "application/json"}, Unavailable),
        ({"kind": "status", "status": 503}, Unavailable),
        ({"kind": "status", "status": 420}, Unavailable),
        ({"kind": "status", "status": 410}, Unavailable),
        ({"kind": "status", "status": 414, "body": "URI Too Long"}, Unavailable),
        ({"kind": "status", "status": 400, "body": '[{"errorCode": "QUERY_TIMEOUT", "message": "x"}]'}, Unavailable),
        ({"kind": "status", "status": 400, "body": '[{"errorCode": "MALFORMED_QUERY", "message": "x"}]'}, Unavailable),
        ({"kind": "status", "status": 403, "body": '[{"errorCode": "API_DISABLED_FOR_ORG"}]'}, Unauthorized),
        ({"kind": "status", "status": 401, "body": "Bad_OAuth_Token"}, Unauthorized),
        ({"kind": "redirect", "location": "https://evil.example/"}, Unavailable),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_answers_that_are_none(ready: Stage, fault: dict[str, Any], error: type[AdapterError]) -> None:
    ready.contact("金糸雀")
    ready.server.chaos.plan(fault.pop("kind"), path="/query", **fault)
    with pytest.raises(error) as caught:
        drain(ready.adapter(), "Contact")
    assert "SELECT" not in caught.value.in_("en") + repr(caught.value)


def test_lost_answers_are_asked_for_again(ready: Stage) -> None:
    made = ready.contact()
    ready.server.chaos.plan("reset_after", path="/query")
    ready.server.chaos.plan("status", path="/query", skip=1, status=503, headers={"Retry-After": "0"})
    assert [p.ref.id for p in of(Person, drain(ready.adapter(retries=2), "Contact"))] == [made]


def test_pages_lead_only_to_the_org(ready: Stage) -> None:
    body = '{"done": false, "totalSize": 9, "records": [], "nextRecordsUrl": "@evil.example/next"}'
    ready.server.chaos.plan("status", path="/query", status=200, body=body, mimetype="application/json")
    with pytest.raises(Unavailable, match=r"evil\.example is not a host"):
        drain(ready.adapter(), "Contact")


def test_eastern_and_western_names_are_the_same() -> None:
    with stage(Settings(eastern_names=True)) as ready:
        ready.contact("佐藤", FirstName="花子")
        (person,) = of(Person, drain(ready.adapter(NEEDS), "Contact"))
        assert (person.fields["family_name"], person.fields["given_name"]) == ("佐藤", "花子")
