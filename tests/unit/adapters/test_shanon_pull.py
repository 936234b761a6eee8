from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.adapters.shanon import scan
from connector.errors import ConfigError, Unavailable
from connector.model import Gone, Inventory, Kind, Membership, Person, Ref, Touchpoint
from connector.ports import Needs, ObjectNeeds
from connector.sandbox.shanon import Choice
from tests.unit.adapters.shanon_kit import (
    SPRING,
    Stage,
    drain,
    fields_needed,
    later,
    records,
    stage,
    touchpoints,
    visitor,
)

JST = timezone(timedelta(hours=9))
WINTER = datetime(2025, 12, 1, 0, 0, tzinfo=UTC)


@pytest.fixture
def smp() -> Iterator[Stage]:
    with stage() as it:
        yield it


def old_people(smp: Stage, stamps: list[datetime]) -> list[int]:
    """Visitors of long ago, whom no overlap reads again."""
    return [smp.person(n, DateRegist=at, DateUpdate=at) for n, at in enumerate(stamps)]


# --- people -----------------------------------------------------------------------------------------------------------


def test_a_visitor_in_our_words(smp: Stage) -> None:
    smp.person(
        Name1Ka="サトウ",
        CompanyName="東都精工㈱",
        Division="製造部",
        Position="部長",
        Zip1="100",
        Zip2="0001",
        Prefecture="13",
        Address1="千代田区",
        Address2="1-1",
        Address5="00310000001",
        Tel="03-0000-0001",
    )
    (person,) = records(drain(smp.adapter(), "visitor"), Person)
    given = {word: value for word, value in person.fields.items() if value is not None}
    assert given == {
        "email": "p1@example.com",
        "name": "佐藤 1郎",
        "family_name": "佐藤",
        "given_name": "1郎",
        "family_kana": "サトウ",
        "company": "東都精工㈱",
        "department": "製造部",
        "title": "部長",
        "phone": "03-0000-0001",
        "prefecture": "東京都",
        "postal_code": "100-0001",
        "address": "千代田区 1-1",
        "opted_out": False,
        "mail_invalid": False,
    }
    assert person.modified_at == person.created_at == smp.smp.visitor(1)["DateUpdate"]


@pytest.mark.parametrize(
    ("held", "opted_out", "invalid"),
    [
        ({"UnsubscribeStatus": "1"}, True, False),
        ({"PermissionType": "2"}, True, False),
        ({"PermissionType": None}, False, False),
        ({"EmailValid": "2"}, False, True),
    ],
)
def test_a_no_is_seen_wherever_it_stands(smp: Stage, held: dict[str, Any], opted_out: bool, invalid: bool) -> None:
    smp.person(**held)
    (person,) = records(drain(smp.adapter(), "visitor"), Person)
    assert (person.fields["opted_out"], person.fields["mail_invalid"]) == (opted_out, invalid)


def test_native_fields_in_every_form(smp: Stage) -> None:
    smp.person(Attribute1="自由記述", Attribute21="2", Attribute22=[1, 3], UnsubscribeStatus="1")
    needs = Needs(
        objects={
            "visitor": ObjectNeeds(
                read=frozenset({"Attribute1", "Attribute2", "Attribute21", "Attribute22", "UnsubscribeStatus"}),
                key="Attribute1",
            )
        }
    )
    (person,) = records(drain(smp.adapter(needs), "visitor"), Person)
    assert person.native == {
        "Attribute1": "自由記述",
        "Attribute2": None,
        "Attribute21": "展示会",
        "Attribute22": "製品A;製品C",
        "UnsubscribeStatus": True,
    }
    assert person.key == "自由記述"


def test_a_merge_tells_where_a_visitor_lives_on(smp: Stage) -> None:
    kept, gone = smp.person(1), smp.person(2)
    later(smp, seconds=1)
    smp.smp.merge_visitors(kept, gone)
    (found,) = records(drain(smp.adapter(), "mergelog"), Gone)
    assert (found.ref, found.successor) == (visitor(gone), visitor(kept))
    assert abs(found.at - smp.smp.clock()) < timedelta(seconds=5)


# --- reading on -------------------------------------------------------------------------------------------------------


def test_everybody_of_one_second_is_read_through_small_pages(smp: Stage) -> None:
    ids = old_people(smp, [WINTER] * 11 + [WINTER + timedelta(days=1)])
    pages = drain(smp.adapter(page_size=3), "visitor")
    seen = [person.ref for person in records(pages, Person)]
    assert sorted(seen, key=lambda ref: int(ref.id)) == [visitor(id_) for id_ in ids]


def test_rows_that_leave_their_second_while_it_is_paged_hide_nobody(smp: Stage) -> None:
    ids = old_people(smp, [WINTER] * 12)
    seen: set[Ref] = set()
    for number, page in enumerate(smp.adapter(page_size=4).pull("visitor", None)):
        seen |= {person.ref for person in records([page], Person)}
        for id_ in ids[2 * number : 2 * number + 2]:
            smp.smp.update_visitor(id_, {"Memo": "x"})
    assert seen == {visitor(id_) for id_ in ids}


@pytest.mark.parametrize("leaving", range(1, 6))
@pytest.mark.parametrize("resumed", [False, True])
def test_however_many_leave_their_second_between_two_pages_nobody_is_hidden(
    smp: Stage, leaving: int, *, resumed: bool
) -> None:
    """As when two records are merged, or a list is changed at once; between two runs, too."""
    ids = old_people(smp, [WINTER] * 12)
    first = next(smp.adapter(page_size=4).pull("visitor", None)) if resumed else None
    pages = smp.adapter(page_size=4).pull("visitor", first.cursor if first else None)
    first = first or next(pages)
    for id_ in ids[:leaving]:
        smp.smp.update_visitor(id_, {"Memo": "x"})
    seen = {person.ref for person in records([first, *pages], Person)}
    assert seen == {visitor(id_) for id_ in ids}


def test_a_server_whose_order_is_another_each_time_is_told_and_not_asked_for_ever(
    smp: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_people(smp, [WINTER] * 12)
    adapter = smp.adapter(page_size=4)
    monkeypatch.setattr(scan, "tail", lambda _: [{"Id": "of nobody"}])
    with pytest.raises(Unavailable, match="change faster than they can be read"):
        drain(adapter, "visitor")


def test_a_row_that_changed_since_the_page_before_is_given_again(smp: Stage) -> None:
    *_, third, _ = old_people(smp, [WINTER + timedelta(minutes=n) for n in range(4)])
    pages = smp.adapter(page_size=3).pull("visitor", None)
    next(pages)
    smp.smp.update_visitor(third, {"CompanyName": "第3製作所"})
    seen = {person.ref: person.fields["company"] for person in records(list(pages), Person)}
    assert seen[visitor(third)] == "第3製作所"


def test_a_quiet_stream_costs_one_call(smp: Stage) -> None:
    old_people(smp, [WINTER, WINTER + timedelta(days=1)])
    adapter = smp.adapter()
    cursor = drain(adapter, "visitor")[-1].cursor
    before = smp.calls("visitor")
    drain(adapter, "visitor", cursor)
    assert smp.calls("visitor") == before + 1


def test_only_what_is_near_the_present_is_read_again(smp: Stage) -> None:
    old_people(smp, [WINTER + timedelta(minutes=n) for n in range(30)])
    adapter = smp.adapter(overlap=timedelta(hours=1))
    cursor = drain(adapter, "visitor")[-1].cursor
    assert len(records(drain(adapter, "visitor", cursor), Person)) == 1
    recent = smp.person(99)
    for _ in range(2):
        pages = drain(adapter, "visitor", cursor)
        cursor = pages[-1].cursor
        assert visitor(recent) in {person.ref for person in records(pages, Person)}
    later(smp, hours=2)
    cursor = drain(adapter, "visitor", cursor)[-1].cursor
    assert {p.ref for p in records(drain(adapter, "visitor", cursor), Person)} == {visitor(recent)}


@pytest.mark.parametrize("minutes", [0, 9])
def test_a_late_commit_is_found_by_the_overlap(smp: Stage, minutes: int) -> None:
    adapter = smp.adapter()
    smp.smp.chaos.plan("late_commit", path="^visitor$", seconds=590)
    late = smp.person(1)
    later(smp, minutes=minutes)
    smp.person(2)
    cursor = drain(adapter, "visitor")[-1].cursor
    later(smp, minutes=10)
    pages = drain(adapter, "visitor", cursor)
    assert visitor(late) in {person.ref for person in records(pages, Person)}


def test_a_late_commit_is_found_though_the_run_stopped_half_way(smp: Stage) -> None:
    smp.smp.chaos.plan("late_commit", path="^visitor$", seconds=300)
    late = smp.person(1)
    later(smp, seconds=1)
    for number in range(2, 6):
        smp.person(number)
    cursor = next(smp.adapter(page_size=2).pull("visitor", None)).cursor
    later(smp, hours=1)
    seen: set[Ref] = set()
    for number in range(6, 9):
        smp.person(number)
        pages = drain(smp.adapter(page_size=2), "visitor", cursor)
        seen |= {person.ref for person in records(pages, Person)}
        cursor = pages[-1].cursor
    assert visitor(late) in seen


def test_page_views_may_be_late_by_hours(smp: Stage) -> None:
    id_ = smp.person()
    adapter = smp.adapter()
    smp.smp.chaos.plan("late_commit", path="trackingaccesslog", seconds=5400)
    smp.smp.add_page_view(id_, "https://example.com/price", "価格", SPRING)
    later(smp, hours=1)
    smp.smp.add_page_view(id_, "https://example.com/", "トップ", SPRING)
    cursor = drain(adapter, "trackingaccesslog")[-1].cursor
    later(smp, hours=1)
    pages = drain(adapter, "trackingaccesslog", cursor)
    assert "価格" in {t.label for t in records(pages, Touchpoint)}


def test_pages_shorter_than_asked_end_nothing(smp: Stage) -> None:
    old_people(smp, [WINTER + timedelta(minutes=n // 3) for n in range(12)])
    smp.smp.chaos.rate("small_pages", 1.0)
    pages = drain(smp.adapter(page_size=4), "visitor")
    assert len({person.ref for person in records(pages, Person)}) == 12


def test_the_merge_log_which_knows_no_count_is_read_to_its_end(smp: Stage) -> None:
    kept, *gone = [smp.person(n) for n in range(8)]
    for id_ in gone:
        smp.smp.merge_visitors(kept, id_)
    pages = drain(smp.adapter(page_size=3), "mergelog")
    assert {found.ref for found in records(pages, Gone)} == {visitor(id_) for id_ in gone}


@st.composite
def stories(draw: st.DrawFn) -> tuple[int, list[int], list[tuple[str, int]]]:
    """A page size, the minutes of old stamps, and what happens between pages."""
    size = draw(st.integers(2, 4))
    minutes = draw(st.lists(st.integers(0, 1), min_size=3, max_size=12))
    acts = st.tuples(st.sampled_from(["update", "update", "add", "late", "stop", "wait"]), st.integers(0, 13))
    return size, minutes, draw(st.lists(acts, max_size=12))


@settings(max_examples=80)
@given(stories())
def test_whatever_happens_while_paging_nothing_is_missed(story: tuple[int, list[int], list[tuple[str, int]]]) -> None:
    size, minutes, acts = story
    with stage() as smp:
        ids = old_people(smp, [WINTER + timedelta(minutes=n) for n in minutes])
        pull = smp.adapter(page_size=size).pull("visitor", None)
        cursor: str | None = None
        seen: dict[str, object] = {}

        def take(pages: Iterator[Any]) -> bool:
            nonlocal cursor
            page = next(pages, None)
            if page is None:
                return False
            seen.update({person.ref.id: person.fields["company"] for person in page.records})
            cursor = page.cursor
            return True

        for number, (act, which) in enumerate(acts):
            take(pull)
            if act == "update":
                smp.smp.update_visitor(ids[which % len(ids)], {"CompanyName": f"第{number}製作所"})
            elif act == "add":
                ids.append(smp.person(100 + number))
            elif act == "late":
                smp.smp.chaos.plan("late_commit", path="^visitor$", seconds=500)
                smp.smp.update_visitor(ids[which % len(ids)], {"CompanyName": f"第{number}製作所"})
            elif act == "stop":
                pull = smp.adapter(page_size=size).pull("visitor", cursor)
            else:
                later(smp, minutes=3)
        while take(pull):
            pass
        later(smp, minutes=9)
        pull = smp.adapter(page_size=size).pull("visitor", cursor)
        while take(pull):
            pass
        assert seen == {str(v["Id"]): v.get("CompanyName") for v in smp.smp.visitors()}


@settings(max_examples=25)
@given(st.integers(2, 6), st.lists(st.integers(0, 3), min_size=1, max_size=12), st.sampled_from(["visitor", "enquete"]))
def test_resuming_behind_any_page_loses_nothing(size: int, minutes: list[int], stream: str) -> None:
    with stage() as smp:
        stamps = [WINTER + timedelta(minutes=n) for n in minutes]
        ids = old_people(smp, stamps)
        survey = smp.smp.add_enquete("導入時期")
        with smp.smp.backdated():
            for id_, at in zip(ids, stamps, strict=True):
                smp.smp.add_enquete_answer(id_, survey, {1: "a"}, at)
        pages = drain(smp.adapter(page_size=size), stream)
        wanted = Counter(
            record.ref for page in pages for record in page.records if not isinstance(record, Membership | Inventory)
        )
        assert set(wanted.values()) == {1}
        assert len(wanted) == len(ids)
        for n, page in enumerate(pages):
            before = {r.ref for p in pages[: n + 1] for r in p.records if not isinstance(r, Membership | Inventory)}
            after = drain(smp.adapter(page_size=size), stream, page.cursor)
            assert before | {
                r.ref for p in after for r in p.records if not isinstance(r, Membership | Inventory)
            } == set(wanted)


def test_a_search_that_is_not_obeyed_is_noticed(smp: Stage) -> None:
    smp.person(DateRegist=WINTER, DateUpdate=WINTER)
    body = (
        '<VisitorDataList xmlns="http://smartseminar.jp/"><VisitorData><Id>1</Id>'
        "<DateUpdate>2020-01-01T00:00:00+09:00</DateUpdate></VisitorData></VisitorDataList>"
    )
    adapter = smp.adapter()
    cursor = drain(adapter, "visitor")[-1].cursor
    smp.smp.chaos.plan("status", path="/visitor", status=200, body=body, mimetype="application/xml")
    with pytest.raises(Unavailable, match="not obeyed"):
        drain(adapter, "visitor", cursor)
    body = '<XList xmlns="http://smartseminar.jp/"><X><Id>0</Id><VisitorId>1</VisitorId></X></XList>'
    smp.smp.chaos.plan("status", path="attendance", status=200, body=body, mimetype="application/xml")
    with pytest.raises(Unavailable, match="not obeyed"):
        drain(adapter, "attendance")


# --- what people did --------------------------------------------------------------------------------------------------


def test_page_views(smp: Stage) -> None:
    id_ = smp.person()
    smp.smp.add_page_view(None, "https://example.com/", "トップ", SPRING, session="s1")
    smp.smp.add_page_view(id_, "https://example.com/price?x=1", "価格", SPRING)
    (page,) = drain(smp.adapter(), "trackingaccesslog")
    assert page.ignored == Counter({"anonymous": 1})
    assert page.records == [
        Touchpoint(
            Ref("shanon", "trackingaccesslog", "2"),
            visitor(id_),
            Kind.PAGE_VIEW,
            SPRING,
            "価格",
            "https://example.com/price?x=1",
        )
    ]
    later(smp, minutes=1)
    smp.smp.identify("s1", id_)
    (page,) = drain(smp.adapter(), "trackingaccesslog", page.cursor)
    assert {record.ref.id for record in page.records if isinstance(record, Touchpoint)} == {"1", "2"}


def test_a_mail_gives_a_touchpoint_for_each_thing_that_happened(smp: Stage) -> None:
    id_ = smp.person()
    mail = smp.smp.add_mail(id_, 7, "春のご案内", SPRING)
    adapter = smp.adapter()
    (page,) = drain(adapter, "mail")
    assert (page.records, page.ignored) == ([], Counter({"mail_without_reaction": 1}))
    later(smp, hours=1)
    smp.smp.update_mail(mail, opened_at=SPRING + timedelta(minutes=1))
    (opened,) = records(drain(adapter, "mail", page.cursor), Touchpoint)
    later(smp, hours=1)
    smp.smp.update_mail(mail, clicked_at=SPRING + timedelta(minutes=2), click_url="https://example.com/c")
    again, clicked = records(drain(adapter, "mail", page.cursor), Touchpoint)
    assert again == opened
    assert (opened.ref.id, opened.kind, opened.label, opened.url) == ("1:open", Kind.MAIL_OPEN, "春のご案内", "")
    assert (clicked.ref.id, clicked.kind, clicked.url) == ("1:click", Kind.MAIL_CLICK, "https://example.com/c")
    assert clicked.happened_at == SPRING + timedelta(minutes=2)
    smp.smp.add_mail(id_, 7, "春のご案内", SPRING, bounced_at=SPRING)
    assert [t.kind for t in touchpoints(adapter, "mail")] == [Kind.MAIL_OPEN, Kind.MAIL_CLICK, Kind.MAIL_BOUNCED]


def test_answers_to_a_survey_carry_its_name(smp: Stage) -> None:
    id_ = smp.person()
    survey = smp.smp.add_enquete("導入時期")
    smp.smp.add_enquete_answer(id_, survey, {1: "来年", 2: [Choice(1, "A")]}, SPRING)
    (answer,) = touchpoints(smp.adapter(), "enquete")
    assert (answer.kind, answer.label, answer.campaign) == (Kind.SURVEY_ANSWERED, "導入時期", "導入時期")
    assert (answer.happened_at, answer.ref.id) == (SPRING, f"{survey}-1")
    smp.smp.chaos.plan("status", path="enquetehistory", status=404, body="")
    (answer,) = touchpoints(smp.adapter(), "enquete")
    assert (answer.kind, answer.label) == (Kind.SURVEY_ANSWERED, "")


def test_registrations_mean_what_their_campaign_is(smp: Stage) -> None:
    id_ = smp.person()
    for category in ("セミナー", "資料請求", "お問い合わせ", "フォーム"):
        smp.smp.add_application(id_, smp.smp.add_seminar(f"{category}の催し", category, SPRING), SPRING)
    found = touchpoints(smp.adapter(), "application")
    assert [(t.kind, t.label) for t in found] == [
        (Kind.SEMINAR_REGISTERED, "セミナーの催し"),
        (Kind.DOWNLOAD, "資料請求の催し"),
        (Kind.INQUIRY, "お問い合わせの催し"),
        (Kind.FORM_SUBMITTED, "フォームの催し"),
    ]
    found = touchpoints(smp.adapter(campaign_kinds={"セミナー": Kind.BOOTH_VISIT}), "application")
    assert [t.kind for t in found] == [Kind.BOOTH_VISIT] + [Kind.SEMINAR_REGISTERED] * 3


def test_attendance_that_changes_later_is_seen_and_old_rows_are_left_alone(smp: Stage) -> None:
    id_ = smp.person()
    seminar = smp.smp.add_seminar("春の製造業セミナー", "セミナー", SPRING)
    with smp.smp.backdated():
        for day in range(10):
            smp.smp.add_attendance(id_, seminar, "absent", WINTER + timedelta(days=day))
        recent = smp.smp.add_attendance(id_, seminar, "absent", SPRING)
    adapter = smp.adapter(page_size=3)
    pages = drain(adapter, "attendance")
    assert [t.kind for t in records(pages, Touchpoint)] == [Kind.SEMINAR_ABSENT] * 11
    rows = smp.smp._tables["visitor/attendance"]
    rows.put(recent, {**rows[recent], "AttendanceStatus": Choice(1, "来場")})
    again = records(drain(adapter, "attendance", pages[-1].cursor), Touchpoint)
    assert [(t.ref.id, t.kind, t.label) for t in again] == [(str(recent), Kind.SEMINAR_ATTENDED, "春の製造業セミナー")]


def test_titles_are_looked_up_once_for_many(smp: Stage) -> None:
    id_ = smp.person()
    for number in range(30):
        seminar = smp.smp.add_seminar(f"セミナー{number}", "セミナー", SPRING)
        smp.smp.add_application(id_, seminar, SPRING)
        smp.smp.add_attendance(id_, seminar, "attended", SPRING)
    adapter = smp.adapter()
    labels = {t.label for t in touchpoints(adapter, "application") + touchpoints(adapter, "attendance")}
    assert labels == {f"セミナー{number}" for number in range(30)}
    assert smp.calls("seminar") == 1


def test_titles_that_are_gone_or_far_apart_end_the_look_up(smp: Stage) -> None:
    id_ = smp.person()
    seminars = [smp.smp.add_seminar(f"セミナー{number}", "セミナー", SPRING) for number in range(9)]
    for seminar in (seminars[0], seminars[8], 4711, 4712):
        smp.smp.add_application(id_, seminar, SPRING)
    found = touchpoints(smp.adapter(page_size=4), "application")
    assert [t.label for t in found] == ["セミナー0", "セミナー8", "", ""]
    assert smp.calls("seminar") == 4, "that there is none is believed the second time"


def test_an_empty_page_hides_no_title(smp: Stage) -> None:
    smp.smp.add_attendance(smp.person(), smp.smp.add_seminar("秋のセミナー", "セミナー", SPRING), "attended", SPRING)
    smp.smp.chaos.plan("small_pages", path="/seminar", rows=0)
    assert [t.label for t in touchpoints(smp.adapter(), "attendance")] == ["秋のセミナー"]


def test_activities_by_the_names_of_their_types(smp: Stage) -> None:
    id_ = smp.person()
    for kind in ("名刺", "資料ダウンロード", "展示会", "電話"):
        smp.smp.add_activity(id_, kind, f"{kind}の件", SPRING)
    (page,) = drain(smp.adapter(), "activity")
    found = records([page], Touchpoint)
    assert [(t.kind, t.label) for t in found] == [
        (Kind.BUSINESS_CARD, "名刺の件"),
        (Kind.DOWNLOAD, "資料ダウンロードの件"),
        (Kind.BOOTH_VISIT, "展示会の件"),
    ]
    assert page.ignored == Counter({"activity_kind_not_mapped": 1})
    assert [t.kind for t in touchpoints(smp.adapter(activity_kinds={"電話": "inquiry"}), "activity")] == [Kind.INQUIRY]


def test_what_a_deleted_visitor_did_stays_readable(smp: Stage) -> None:
    id_ = smp.person()
    smp.smp.add_page_view(id_, "https://example.com/", "トップ", SPRING)
    smp.smp.delete_visitor(id_)
    assert [t.person for t in touchpoints(smp.adapter(), "trackingaccesslog")] == [visitor(id_)]


def test_only_the_streams_that_are_configured(smp: Stage) -> None:
    needs = Needs(lists=frozenset({"12", "nurture"}))
    adapter = smp.adapter(needs, streams=["mail", "application"], lists={"nurture": 3})
    assert adapter.streams == ["visitor", "staticlist:12", "staticlist:nurture", "application", "mail"]


# --- lists ------------------------------------------------------------------------------------------------------------


def test_a_list_is_read_whole_through_small_pages(smp: Stage) -> None:
    ids = [smp.person(n) for n in range(9)]
    number, other = smp.smp.create_list("育成"), smp.smp.create_list("他")
    for id_ in ids[1:]:
        smp.smp.add_member(number, id_)
    smp.smp.add_member(other, ids[0])
    adapter = smp.adapter(Needs(lists=frozenset({"nurture"})), lists={"nurture": number}, page_size=2)
    (page,) = drain(adapter, "staticlist:nurture")
    assert page.complete
    assert page.records == [Membership("shanon", "nurture", frozenset(str(id_) for id_ in ids[1:]))]


def test_an_empty_list_is_empty_but_a_missing_one_is_no_list(smp: Stage) -> None:
    number = smp.smp.create_list("育成")
    needs = Needs(lists=frozenset({str(number), "4711"}))
    adapter = smp.adapter(needs)
    (page,) = drain(adapter, f"staticlist:{number}")
    assert page.records == [Membership("shanon", str(number), frozenset())]
    with pytest.raises(Unavailable, match="no list"):
        drain(adapter, "staticlist:4711")


@pytest.mark.parametrize("row", ["<Id>1</Id>", "<StaticlistId>9</StaticlistId><VisitorId>1</VisitorId>"])
def test_what_does_not_look_like_the_list_is_not_taken_for_it(smp: Stage, row: str) -> None:
    body = f'<XList xmlns="http://smartseminar.jp/"><X>{row}</X></XList>'
    smp.smp.chaos.plan("status", path="staticlist", status=200, body=body, mimetype="application/xml")
    with pytest.raises(Unavailable, match="not the list"):
        drain(smp.adapter(Needs(lists=frozenset({"3"}))), "staticlist:3")


def test_a_list_without_a_number_is_the_administrators(smp: Stage) -> None:
    with pytest.raises(ConfigError) as caught:
        smp.adapter(Needs(lists=frozenset({"nurture", "other", "5"})), lists={"nurture": 3})
    assert len(caught.value.problems) == 1


def test_rows_without_what_makes_them_a_record_are_rejects(smp: Stage) -> None:
    body = (
        '<XList xmlns="http://smartseminar.jp/"><X><VisitorId>1</VisitorId></X><X><Id>2</Id></X>'
        "<X><Id>3</Id><VisitorId>1</VisitorId></X><X><Id>4</Id><VisitorId>1</VisitorId><DateAccess>昨日</DateAccess></X>"
        "<X><Id>5</Id><VisitorId>1</VisitorId><DateAccess>2026-04-01T10:30:00</DateAccess></X></XList>"
    )
    smp.smp.chaos.plan("status", path="trackingaccesslog", status=200, body=body, mimetype="application/xml")
    (page,) = drain(smp.adapter(), "trackingaccesslog")
    assert [reject.where for reject in page.rejects] == [
        "trackingaccesslog/?",
        "trackingaccesslog/3",
        "trackingaccesslog/4",
    ]
    assert page.ignored == Counter({"anonymous": 1})
    assert [t.happened_at for t in records([page], Touchpoint)] == [SPRING]


def test_needs_name_what_is_read(smp: Stage) -> None:
    smp.person()
    (person,) = records(drain(smp.adapter(fields_needed("Memo")), "visitor"), Person)
    assert person.native == {"Memo": None}
