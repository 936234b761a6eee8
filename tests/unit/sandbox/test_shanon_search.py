"""Reading from the emulated SMP: conditions, order, pages, and what an incremental reader gets to see."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.sandbox.clock import Clock
from connector.sandbox.shanon import Choice, ShanonEmulator
from connector.sandbox.shanon.streams import STREAMS
from connector.sandbox.shanon.xml import moment
from tests.unit.sandbox.shanon_client import NS, Caller

START = datetime(2026, 4, 1, 0, 0, 0, 700_000, tzinfo=UTC)
EMAILS = ["a@example.jp", "B@example.jp", "c@example.com", None]


@pytest.fixture
def smp() -> ShanonEmulator:
    smp = ShanonEmulator(clock=Clock(START))
    for email in EMAILS:
        smp.add_visitor({"Name1": "山田", "Email": email, "PermissionType": 2 if email == "a@example.jp" else 1})
        smp.clock.advance(timedelta(seconds=10))
    return smp


@pytest.fixture
def caller(smp: ShanonEmulator) -> Caller:
    return Caller(smp)


def _at(seconds: int) -> str:
    return moment(START + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("key", "operator", "value", "found"),
    [
        ("Id", "eq", "2", [2]),
        ("Id", "ne", "2", [1, 3, 4]),
        ("Id", "ge", "2", [2, 3, 4]),
        ("Id", "gt", "2", [3, 4]),
        ("Id", "le", "2", [1, 2]),
        ("Id", "lt", "2", [1]),
        ("Id", "lt", "10", [1, 2, 3, 4]),
        ("Email", "like", "example.jp", [1, 2]),
        ("Email", "eq", "b@EXAMPLE.jp", [2]),
        ("Email", "ne", "a@example.jp", [2, 3]),
        ("Email", "eq", "", [4]),
        ("Email", "ne", "", [1, 2, 3]),
        ("PermissionTypeId", "eq", "2", [1]),
        ("DateUpdate", "ge", _at(10), [2, 3, 4]),
        ("DateUpdate", "gt", _at(10), [3, 4]),
        ("DateUpdate", "eq", _at(10), [2]),
        ("UnsubscribeDate", "ge", _at(0), []),
    ],
)
def test_operators(caller: Caller, key: str, operator: str, value: str, found: list[int]) -> None:
    assert caller.where("visitor", key, operator, value).ids == found


def test_conditions_are_joined_by_and(caller: Caller) -> None:
    second = {"search_key7": "Id", "search_operator7": "lt", "search_value7": "4"}
    assert caller.where("visitor", "Id", "gt", "1", **second).ids == [2, 3]


@pytest.mark.parametrize(
    "params",
    [
        {"limit": "1001"},
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": ""},
        {"offset": "x"},
        {"order": "Memo"},
        {"order": "PermissionTypeId"},
        {"direction": "up"},
        {"search_condition_id": "1"},
        {"fields": "Id"},
        {"search_key1": "Id"},
        {"search_key1": "Nothing", "search_operator1": "eq", "search_value1": "1"},
        {"search_key1": "Id", "search_operator1": "in", "search_value1": "1"},
        {"search_key1": "Id", "search_operator1": "eq", "search_value1": "one"},
        {"search_key1": "Id", "search_operator1": "gt", "search_value1": ""},
        {"search_key1": "Id", "search_operator1": "like", "search_value1": "1"},
        {"search_key1": "DateUpdate", "search_operator1": "ge", "search_value1": "2018-01-01"},
        {"search_key1": "DateUpdate", "search_operator1": "ge", "search_value1": "2018-01-01T00:00:00Z"},
        {"search_key1": "DateUpdate", "search_operator1": "ge", "search_value1": "2018-01-01T00:00:00.5+09:00"},
        {"search_key1": "DateUpdate", "search_operator1": "ge", "search_value1": "2018-02-30T00:00:00+09:00"},
    ],
)
def test_a_query_that_is_not_understood_is_refused(caller: Caller, params: dict[str, str]) -> None:
    answer = caller.get("visitor", **params)
    assert (answer.status, answer.name, answer.code) == (400, "Response", "InvalidParameter")


@pytest.mark.parametrize("resource", ["visitor/application/seminar", "visitor/application/session"])
def test_applications_have_no_date_to_filter_by(caller: Caller, resource: str) -> None:
    for key in ("DateRegist", "DateUpdate", "DateApplication"):
        assert caller.where(resource, key, "ge", _at(0)).status == 400


def test_page_views_can_be_filtered_by_update_and_access_only(caller: Caller) -> None:
    assert caller.where("visitor/trackingaccesslog", "DateUpdate", "ge", _at(0)).status == 200
    assert caller.where("visitor/trackingaccesslog", "DateAccess", "ge", _at(0)).status == 200
    assert caller.where("visitor/trackingaccesslog", "DateRegist", "ge", _at(0)).status == 400


def test_count_tells_the_rows_here_and_in_all(caller: Caller) -> None:
    root = caller.get("visitor", count="1", limit="3").root
    assert (root.get("count"), root.get("countAll"), len(root)) == ("3", "4", 3)
    assert caller.get("visitor", limit="3").root.get("count") is None


def test_campaigns_are_not_counted(caller: Caller) -> None:
    assert caller.get("seminar", count="1").status == 400


def test_order_goes_both_ways(caller: Caller) -> None:
    assert caller.get("visitor", order="Email").ids == [4, 1, 2, 3]
    assert caller.get("visitor", order="Email", direction="desc").ids == [3, 2, 1, 4]


def test_a_page_is_100_rows_unless_told(caller: Caller) -> None:
    for number in range(110):
        caller.smp.create_list(f"list {number}")
    assert len(caller.get("staticlist").rows) == 100
    assert len(caller.get("staticlist", limit="1000").rows) == 110


@settings(max_examples=60, deadline=None)
@given(
    seconds=st.lists(st.integers(0, 5), min_size=5, max_size=40),
    limit=st.integers(1, 5) | st.integers(1, 50),
    order=st.sampled_from(["", "Id", "DateUpdate", "DateAccess", "Url"]),
    direction=st.sampled_from(["asc", "desc"]),
)
def test_paging_yields_every_row_once(seconds: list[int], limit: int, order: str, direction: str) -> None:
    smp = ShanonEmulator(clock=Clock(START))
    with smp.backdated():
        for second in seconds:
            smp.add_page_view(1, f"/{second}", "t", START + timedelta(seconds=second))
    caller = Caller(smp)
    asked = {"limit": str(limit), "direction": direction} | ({"order": order} if order else {})
    seen: list[int] = []
    while page := caller.get("visitor/trackingaccesslog", offset=str(len(seen)), **asked).ids:
        assert len(page) <= limit
        seen += page
    assert sorted(seen) == list(range(1, len(seconds) + 1))


def test_a_small_page_is_not_the_last(caller: Caller) -> None:
    caller.smp.chaos.plan("small_pages", rows=1)
    answer = caller.get("visitor", limit="3", count="1")
    assert (answer.ids, answer.root.get("countAll")) == ([1], "4")
    assert caller.get("visitor", limit="3", offset="1").ids == [2, 3, 4]


# --- what an incremental reader gets to see ---------------------------------------------------------------------------


def test_times_are_whole_seconds_in_japan(caller: Caller) -> None:
    assert caller.get("visitor").rows[0]["DateUpdate"] == "2026-04-01T09:00:00+09:00"


def test_a_mail_opened_later_comes_again(smp: ShanonEmulator, caller: Caller) -> None:
    mail = smp.add_mail(1, 7, "お知らせ", smp.clock())
    smp.clock.advance(timedelta(hours=1))
    since = moment(smp.clock())
    assert caller.where("visitor/mail", "DateUpdate", "ge", since).rows == []
    smp.update_mail(mail, opened_at=smp.clock(), clicked_at=smp.clock(), click_url="https://example.jp/")
    [row] = caller.where("visitor/mail", "DateUpdate", "ge", since).rows
    assert (row["DateOpen"], row["DateClick"], row["ClickUrl"]) == (since, since, "https://example.jp/")
    assert row["DateRegist"] < row["DateUpdate"] == since


def test_a_bounce_has_another_result(smp: ShanonEmulator, caller: Caller) -> None:
    smp.add_mail(1, 7, "a", smp.clock())
    smp.add_mail(2, 7, "a", smp.clock(), bounced_at=smp.clock())
    good, bad = caller.get("visitor/mail").rows
    assert (good["ResultCode"], "DateError" in good, "DateError" in bad) == ("40000", False, True)
    assert bad["ResultCode"] != "40000"


def test_pages_seen_before_a_lead_was_known_come_late(smp: ShanonEmulator, caller: Caller) -> None:
    seen_at = smp.clock()
    smp.add_page_view(None, "https://example.jp/price", "価格", seen_at, session="s1")
    smp.add_page_view(None, "https://example.jp/other", "他", seen_at, session="s2")
    smp.clock.advance(timedelta(days=3))
    smp.add_page_view(3, "https://example.jp/", "t", seen_at, session="s1")
    assert smp.identify("s1", 2) == 1
    row, other = caller.where("visitor/trackingaccesslog", "DateUpdate", "ge", moment(smp.clock())).rows
    assert (row["VisitorId"], row["DateAccess"], other["VisitorId"]) == ("2", moment(seen_at), "3")
    assert "VisitorId" not in caller.get("visitor/trackingaccesslog").rows[1]


def test_page_views_are_kept_400_days(smp: ShanonEmulator, caller: Caller) -> None:
    smp.add_page_view(1, "/", "t", smp.clock())
    smp.clock.advance(timedelta(days=399))
    assert len(caller.get("visitor/trackingaccesslog").rows) == 1
    smp.clock.advance(timedelta(days=2))
    caller.login()
    assert caller.get("visitor/trackingaccesslog").rows == []


def test_a_late_commit_is_stamped_before_it_is_seen(smp: ShanonEmulator, caller: Caller) -> None:
    smp.chaos.plan("late_commit", path="^visitor/activity$", seconds=60)
    smp.add_activity(1, "名刺", "展示会で交換", smp.clock())
    stamped = moment(smp.clock())
    smp.clock.advance(timedelta(seconds=30))
    smp.add_activity(1, "電話", "架電", smp.clock())
    assert caller.get("visitor/activity").ids == [2]
    smp.clock.advance(timedelta(seconds=31))
    assert caller.get("visitor/activity").ids == [1, 2]
    assert caller.get("visitor/activity").rows[0]["DateUpdate"] == stamped


def test_a_late_change_shows_the_row_before_it_first(smp: ShanonEmulator, caller: Caller) -> None:
    smp.chaos.plan("late_commit", path="^visitor$", seconds=60)
    smp.update_visitor(1, {"Name1": "佐藤"})
    assert caller.where("visitor", "Id", "eq", "1").rows[0]["Name1"] == "山田"
    smp.clock.advance(timedelta(seconds=60))
    assert caller.where("visitor", "Id", "eq", "1").rows[0]["Name1"] == "佐藤"


def test_a_change_that_is_seen_at_once_is_not_undone_by_an_earlier_late_one(
    smp: ShanonEmulator, caller: Caller
) -> None:
    smp.chaos.plan("late_commit", path="^visitor$", seconds=60)
    smp.update_visitor(1, {"Tel": "1"})
    smp.update_visitor(1, {"Tel": "2"})
    smp.clock.advance(timedelta(seconds=61))
    assert caller.where("visitor", "Id", "eq", "1").rows[0]["Tel"] == "2"


def test_a_merge_is_logged_and_hands_everything_over(smp: ShanonEmulator, caller: Caller) -> None:
    nurture = smp.create_list("育成")
    smp.add_member(nurture, 2)
    smp.add_page_view(2, "/", "t", smp.clock())
    smp.clock.advance(timedelta(hours=1))
    smp.merge_visitors(1, 2)
    assert caller.where("visitor", "DateUpdate", "ge", moment(smp.clock())).ids == [1]
    [row] = caller.get("visitor/mergelog").rows
    assert (row["UpdatedVisitorId"], row["DeletedVisitorId"]) == ("1", "2")
    assert caller.get("visitor").ids == [1, 3, 4]
    assert caller.get("visitor/trackingaccesslog").rows[0]["VisitorId"] == "1"
    assert smp.members(nurture) == [1]


def test_a_deleted_lead_leaves_what_it_did(smp: ShanonEmulator, caller: Caller) -> None:
    smp.add_activity(2, "電話", "架電", smp.clock())
    smp.delete_visitor(2)
    assert caller.get("visitor").ids == [1, 3, 4]
    assert caller.get("visitor/activity").rows[0]["VisitorId"] == "2"


# --- the rows of each resource ----------------------------------------------------------------------------------------


def test_an_answer_to_a_survey_looks_as_recorded(smp: ShanonEmulator, caller: Caller) -> None:
    survey = smp.add_enquete("お問合せフォーム")
    first = smp.add_enquete_answer(1, survey, {1: [Choice(3, "お問合せ")], 2: "資料をください"}, smp.clock())
    answer = caller.get("visitor/enquete")
    assert (answer.name, first) == ("EnqueteList", "1-1")
    row = answer.root[0]
    assert row.findtext(f"{NS}Attribute1List/{NS}Attribute1/{NS}Attribute1Id") == "3"
    assert row.findtext(f"{NS}Attribute1List/{NS}Attribute1/{NS}Attribute1Name") == "お問合せ"
    assert row.findtext(f"{NS}Attribute2") == "資料をください"
    smp.clock.advance(timedelta(seconds=1))
    smp.add_enquete_answer(1, survey, {2: "もう一度"}, smp.clock())
    assert [(r["Id"], r["LatestFlag"]) for r in caller.get("visitor/enquete").rows] == [("1-1", "0"), ("1-2", "1")]
    assert caller.get("enquetehistory").rows[0]["Name"] == "お問合せフォーム"


def test_campaigns_registrations_and_attendance(smp: ShanonEmulator, caller: Caller) -> None:
    seminar = smp.add_seminar("春のウェビナー", "セミナー", smp.clock())
    request = smp.add_seminar("資料請求", "資料請求", smp.clock())
    session = smp.add_session(seminar, "第1部", smp.clock())
    application = smp.add_application(1, seminar, smp.clock())
    smp.add_application(2, request, smp.clock())
    smp.add_application(1, seminar, smp.clock(), session_id=session)
    smp.add_attendance(1, seminar, "attended", smp.clock())
    smp.add_attendance(2, seminar, "absent", smp.clock())
    assert caller.where("seminar", "SeminarCategoryId", "eq", "2").ids == [request]
    assert caller.where("visitor/application/seminar", "SeminarId", "eq", str(seminar)).ids == [application]
    assert caller.get("visitor/application/session").rows[0]["SessionId"] == str(session)
    assert caller.get("seminar/session").rows[0]["SeminarId"] == str(seminar)
    statuses = [e.text for e in caller.get("visitor/attendance").root.iter(f"{NS}AttendanceStatusId")]
    assert statuses == ["1", "2"]
    smp.cancel_application(application)
    assert caller.get("visitor/application/seminar").ids == [2]


def test_every_resource_answers_with_its_list(caller: Caller) -> None:
    for path, stream in STREAMS.items():
        answer = caller.get(path)
        assert (answer.status, answer.name) == (200, f"{stream.element}List"), path


def test_defined_attributes_are_listed_with_their_choices(smp: ShanonEmulator, caller: Caller) -> None:
    smp.define_attribute(30, "業種", {1: "製造", 2: "小売"})
    [row] = caller.where("visitorsetting", "ColumnName", "eq", "Attribute30").rows
    assert (row["Name"], row["ItemList"]) == ("業種", "1:製造\n2:小売")


def test_what_is_special_in_xml_survives(smp: ShanonEmulator, caller: Caller) -> None:
    smp.add_page_view(1, "https://example.jp/?a=1&b=<2>", '"価格" & 表', smp.clock())
    [row] = caller.get("visitor/trackingaccesslog").rows
    assert "TrackingSessionId" not in row
    assert (row["Url"], row["Title"]) == ("https://example.jp/?a=1&b=<2>", '"価格" & 表')


def test_a_year_of_a_small_company_loads_and_pages_fast() -> None:
    smp = ShanonEmulator()
    now = smp.clock()
    began = time.perf_counter()
    with smp.backdated():
        for number in range(30_000):
            smp.add_page_view(number % 3000, "https://example.jp/price", "価格", now - timedelta(minutes=number))
    loaded = time.perf_counter()
    answer = Caller(smp).get("visitor/trackingaccesslog", order="DateUpdate", limit="1000", offset="15000", count="1")
    paged = time.perf_counter()
    assert answer.root.get("countAll") == "30000"
    assert loaded - began < 2
    assert paged - loaded < 0.5
