"""Who wins: for every rule, what is written into a field given both sides and what was written before."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from connector.changes import CreatePerson, Lane, SetFields
from connector.model import DealState, Identity, Kind, Person, Ref, Role, Subject, Value, Written
from connector.rules.columns import Touchpoints, micros
from connector.rules.fields import PeopleMapping
from connector.rules.plan import Facts, Rules, plan
from tests.unit.rules.kit import INTEREST, NOW, block, contact, deal, decide, visitor, world

KEEP = "<keep>"


def mapping(field: str, **more: str) -> Rules:
    extra = "".join(f"{name}: {value}\n" for name, value in more.items())
    text = f"in: sfa\nobject: [Contact, Lead]\nkey: Key\nfields: {{{field}}}\n{extra}"
    return Rules({"interest": INTEREST}, (block(PeopleMapping, text),))


@pytest.mark.parametrize(
    ("wins", "ma", "sfa", "expected"),
    [
        ("ma", "課長", "部長", "課長"),
        ("ma", "課長", None, "課長"),
        ("ma", None, "部長", KEEP),
        ("ma", "課長", "課長 ", KEEP),
        ("sfa", "課長", "部長", KEEP),
        ("sfa", "課長", None, KEEP),
        ("ma_unless_blank", "課長", "部長", "課長"),
        ("ma_unless_blank", "", "部長", KEEP),
        ("sfa_unless_blank", "課長", "部長", KEEP),
        ("sfa_unless_blank", "課長", None, "課長"),
        ("sfa_unless_blank", "課長", "  ", "課長"),
        ("once", "課長", "部長", KEEP),
        ("once", "課長", None, "課長"),
        ("newest", "課長", None, "課長"),
    ],
)
def test_who_wins_in_the_sfa(wins: str, ma: Value, sfa: Value, expected: Value) -> None:
    changes, _ = decide(
        mapping(f"title: {{to: Title, wins: {wins}}}"), visitor(title=ma), contact(native={"Title": sfa}, title=sfa)
    )

    found = [change.values["Title"] for change in changes if isinstance(change, SetFields)]
    assert found == ([] if expected == KEEP else [expected])


@pytest.mark.parametrize(
    ("last", "ma", "sfa", "sfa_changed", "expected"),
    [
        ("課長", "部長", "課長", 5, "部長"),  # the MA moved
        ("課長", "課長", "部長", 5, KEEP),  # the SFA moved
        ("課長", "部長", "次長", 5, "部長"),  # both moved, the MA later
        ("課長", "部長", "次長", -5, KEEP),  # both moved, the SFA later
        (None, "部長", "次長", 5, "部長"),  # never written: clocks
    ],
)
def test_newest_is_the_side_that_moved(last: str | None, ma: str, sfa: str, sfa_changed: int, expected: str) -> None:
    person = contact(native={"Title": sfa}, title=sfa, at=NOW - timedelta(days=sfa_changed))
    written = {person.ref: {"Title": Written(last, NOW - timedelta(days=30))}} if last else {}

    changes, _ = decide(
        mapping("title: {to: Title, wins: newest}"),
        visitor(title=ma, at=NOW - timedelta(days=1)),
        person,
        written=written,
    )

    assert [c.values["Title"] for c in changes if isinstance(c, SetFields)] == ([] if expected == KEEP else [expected])


def test_once_never_fills_again_what_somebody_emptied() -> None:
    person = contact(native={"Title": None})
    written = {person.ref: {"Title": Written("課長", NOW - timedelta(days=30))}}

    changes, _ = decide(mapping("title: {to: Title, wins: once}"), visitor(title="課長"), person, written=written)

    assert changes == []


def test_a_blank_erases_only_where_the_field_says_so() -> None:
    sides = visitor(title=None), contact(native={"Title": "部長"}, title="部長")

    assert decide(mapping("title: {to: Title, wins: ma}"), *sides) == ([], [])
    (change,), _ = decide(mapping("title: {to: Title, wins: ma, blank: clear}"), *sides)
    assert isinstance(change, SetFields)
    assert change.values == {"Title": None}


@pytest.mark.parametrize(
    ("ma", "sfa", "written"),
    [(True, False, True), (False, True, False), (True, True, False), (None, False, False)],
)
def test_a_no_from_either_side_holds_and_is_never_taken_back(ma: Value, sfa: Value, *, written: bool) -> None:
    changes, _ = decide(
        mapping("opted_out: {to: OptOut, wins: strictest}"),
        visitor(opted_out=ma), contact(native={"OptOut": sfa}, opted_out=sfa),
    )  # fmt: skip

    assert [(c.values, c.lane) for c in changes if isinstance(c, SetFields)] == (
        [({"OptOut": True}, Lane.PROTECT)] if written else []
    )


def test_only_the_best_record_is_written_and_the_other_is_named() -> None:
    rules = mapping("title: {to: Title, wins: ma}")
    changes, withheld = decide(rules, visitor(title="課長"), contact("00Q", object_="Lead"), contact("003", key=None))

    assert [c.ref for c in changes if isinstance(c, SetFields)] == [Ref("sfa", "Contact", "003")]
    assert [w.rule for w in withheld] == ["duplicate"]


def test_our_key_is_written_once_to_a_record_that_was_found_otherwise() -> None:
    (change,), _ = decide(mapping("title: {to: Title, wins: ma}"), visitor(), contact(key=None))

    assert isinstance(change, SetFields)
    assert change.values == {"Key": "p1"}


def test_long_texts_are_cut_and_compared_as_cut() -> None:
    rules = mapping("company: {to: Company, wins: ma, max_length: 10}")
    (change,), _ = decide(rules, visitor(company="あ" * 300), contact())
    assert isinstance(change, SetFields)
    assert change.values == {"Company": "あ" * 9 + "…"}

    assert decide(rules, visitor(company="あ" * 300), contact(native={"Company": "あ" * 9 + "…"})) == ([], [])


def test_values_are_translated() -> None:
    rules = mapping("prefecture: {to: State, wins: ma, values: {東京都: Tokyo}}")
    (change,), _ = decide(rules, visitor(prefecture="東京都"), contact())
    assert isinstance(change, SetFields)
    assert change.values == {"State": "Tokyo"}


CREATE = "{object: Lead, when: {score.interest: {gte: 10}}, require: [family_name]}"
VIEWED = [(Kind.PAGE_VIEW, NOW - timedelta(days=1), "/")]


def test_who_is_not_there_is_created_under_our_key() -> None:
    rules = mapping("family_name: {to: LastName, wins: sfa_unless_blank}", create=CREATE)
    (change,), _ = decide(rules, visitor(family_name="山田"), touches=VIEWED)

    assert isinstance(change, CreatePerson)
    assert (change.key_field, change.key_value, change.values) == ("Key", "p1", {"LastName": "山田"})


def test_nobody_is_created_without_what_is_required_or_without_the_points() -> None:
    rules = mapping("family_name: {to: LastName, wins: sfa_unless_blank}", create=CREATE)

    changes, withheld = decide(rules, visitor(family_name=" "), touches=VIEWED)
    assert (changes, [w.rule for w in withheld]) == ([], ["create"])
    assert decide(rules, visitor(family_name="山田")) == ([], [])


def test_who_is_only_known_to_sales_is_not_created_elsewhere() -> None:
    rules = mapping("family_name: {to: LastName, wins: ma}", create=CREATE)

    assert decide(rules, touches=VIEWED) == ([], [])


def test_a_field_that_is_always_changed_back_is_left_alone() -> None:
    person = contact(native={"Title": "部長"})
    written = {person.ref: {"Title": Written("課長", NOW - timedelta(hours=1), 3)}}
    rules = mapping("title: {to: Title, wins: ma}")

    changes, withheld = decide(rules, visitor(title="課長"), person, written=written)
    assert (changes, [w.rule for w in withheld]) == ([], ["flip_flop"])
    changes, _ = decide(rules, visitor(title="次長"), person, written=written)  # a new value is a new matter
    assert len(changes) == 1


def test_the_text_in_the_sfa_is_the_scores_own() -> None:
    rules = mapping("score.interest: {to: Score, wins: ma}, score.interest.why: {to: Why, wins: ma, max_length: 40}")
    (change,), _ = decide(rules, visitor(), contact(), touches=VIEWED)
    assert isinstance(change, SetFields)
    assert change.values == {"Score": 10, "Why": "10点 hot: +10 Web閲覧(3/31)"}

    (english,), _ = decide(rules, visitor(), contact(), touches=VIEWED, world_=world(language="en"))
    assert isinstance(english, SetFields)
    assert str(english.values["Why"]).startswith("10 pts hot: +10 ")


def test_nobody_is_created_who_is_known_to_another_sfa() -> None:
    create = "{object: Lead, when: {score.interest: {gte: 0}}, unless: {person: {is: known}}}"
    known = Person(Ref("kintone", "people", "12-5"), {})
    roles = {"ma": Role.MA, "sfa": Role.SFA, "kintone": Role.SFA}

    made, _ = decide(mapping("email: {to: Email, wins: ma}", create=create), visitor(email="a@b.jp"))
    unmade, _ = decide(
        mapping("email: {to: Email, wins: ma}", create=create), visitor(email="a@b.jp"), known,
        world_=world(roles=roles),
    )  # fmt: skip

    assert [type(change) for change in made] == [CreatePerson]
    assert unmade == []


@pytest.mark.parametrize(
    ("unless", "read_at", "creates"),
    [
        ("", {"sfa": NOW, "kintone": None}, True),
        ("", {"sfa": None, "kintone": NOW}, False),
        ("", {"sfa": NOW - timedelta(minutes=15), "kintone": NOW}, False),
        (", unless: {person: {is: known}}", {"sfa": NOW, "kintone": NOW - timedelta(hours=5)}, True),
        (", unless: {person: {is: known}}", {"sfa": NOW, "kintone": None}, False),
    ],
)
def test_nobody_is_created_while_it_cannot_be_told_who_is_known(
    unless: str, read_at: dict[str, datetime | None], creates: bool
) -> None:
    """Whoever is there already has no record that we know of, when records cannot be read."""
    create = f"{{object: Lead, when: {{score.interest: {{gte: 0}}}}{unless}}}"
    roles = {"ma": Role.MA, "sfa": Role.SFA, "kintone": Role.SFA}

    changes, withheld = decide(
        mapping("email: {to: Email, wins: ma}", create=create), visitor(email="a@b.jp"),
        world_=world(roles=roles, read_at=read_at),
    )  # fmt: skip

    assert [type(change) for change in changes] == [CreatePerson] * creates
    assert ["を最近読み込めていない" in held.text for held in withheld] == [True] * (not creates)


def test_who_may_be_created_later_is_looked_at_again() -> None:
    """Nothing happens to the person when a visit grows old, or a deal was lost long enough ago."""
    create = "{object: Lead, when: {deal: {closed: {gte: 14d}}}, unless: {touchpoint: {within: 7d}}}"
    lost = deal(state=DealState.LOST, closed_at=NOW - timedelta(days=10))
    facts = Facts(
        [Subject(Identity("p1", (visitor(email="a@b.jp"),)), deals=(lost,))],
        Touchpoints.from_rows([(0, "mail_open", micros(NOW - timedelta(days=6)), "", "", "", "")]),
        world(),
    )

    (outcome,) = plan(facts, mapping("email: {to: Email, wins: ma}", create=create)).outcomes

    assert outcome.due_at == NOW + timedelta(days=1)


def test_the_last_ten_touchpoints_are_told_newest_first() -> None:
    touches = [(Kind.PAGE_VIEW, NOW - timedelta(days=day), "") for day in range(12, 0, -1)]

    changes, _ = decide(mapping("touchpoints.recent: {to: Recent, wins: ma}"), visitor(), contact(), touches=touches)

    (change,) = changes
    assert isinstance(change, SetFields)
    lines = str(change.values["Recent"]).split("\n")
    assert len(lines) == 10
    assert (lines[0], lines[-1]) == ("2026-03-31 12:00 Web閲覧: 頁", "2026-03-22 12:00 Web閲覧: 頁")


def test_a_touchpoint_is_one_line_whatever_it_was_called() -> None:
    rows = [(0, "download", micros(NOW), "資料\r\n第2版\u2028別冊", "", "", "")]
    facts = Facts([Subject(Identity("p1", (visitor(), contact())))], Touchpoints.from_rows(rows), world())
    rules = mapping("touchpoints.recent: {to: Recent, wins: ma}, touchpoints.last: {to: Last, wins: ma}")

    (change,) = plan(facts, rules).changes

    assert isinstance(change, SetFields)
    assert set(change.values.values()) == {"2026-04-01 12:00 資料ダウンロード: 資料 第2版 別冊"}


@pytest.mark.parametrize(("held", "written"), [(date(2026, 3, 31), [date(2026, 4, 1)]), (date(2026, 4, 1), [])])
def test_a_field_of_days_holds_the_local_day_of_a_moment(held: date, written: list[date]) -> None:
    late_evening_in_utc = datetime(2026, 3, 31, 16, 0, tzinfo=UTC)  # one in the morning in Tokyo

    changes, _ = decide(
        mapping("touchpoints.last_at: {to: Day, wins: ma}"), visitor(), contact(native={"Day": held}),
        touches=[(Kind.PAGE_VIEW, late_evening_in_utc, "")],
    )  # fmt: skip

    assert [change.values["Day"] for change in changes if isinstance(change, SetFields)] == written


BOTH = "title: {to: Title, wins: ma}, score.interest: {to: Score, wins: ma}"
NEW_TITLE = {"sfa": frozenset({"Title"})}


@pytest.mark.parametrize(
    ("filling", "title", "score", "written", "lane"),
    [
        ({}, None, 0, {}, Lane.FIELDS),
        (NEW_TITLE, None, 0, {}, Lane.BACKFILL),
        (NEW_TITLE, "部長", 0, {}, Lane.BACKFILL),  # what stands there was never ours
        (NEW_TITLE, "部長", 0, {"Title": Written("係長", NOW - timedelta(days=1))}, Lane.FIELDS),  # not the first value
        (NEW_TITLE, None, 7, {}, Lane.SCORES),  # together with what is not new
        ({"sfa": frozenset({"Title", "Score"})}, None, 7, {}, Lane.BACKFILL),
        ({"ma": frozenset({"Title"})}, None, 0, {}, Lane.FIELDS),
    ],
)
def test_the_first_value_of_a_new_field_goes_last(
    filling: dict[str, frozenset[str]], title: str | None, score: int, written: dict[str, Written], lane: Lane
) -> None:
    person = contact(native={"Title": title, "Score": score}, title=title)

    changes, _ = decide(
        mapping(BOTH), visitor(title="課長"), person, world_=world(filling=filling), written={person.ref: written}
    )

    assert [change.lane for change in changes if isinstance(change, SetFields)] == [lane]


def test_a_no_to_mail_never_goes_last() -> None:
    changes, _ = decide(
        mapping("opted_out: {to: OptOut, wins: strictest}"),
        visitor(opted_out=True), contact(native={"OptOut": False}, opted_out=False),
        world_=world(filling={"sfa": frozenset({"OptOut"})}),
    )  # fmt: skip

    assert [change.lane for change in changes] == [Lane.PROTECT]


SEGMENTS = """
in: ma
object: visitor
fields:
  deal.state: {to: State, wins: sfa, values: {open: 商談中, won: 受注, lost: 失注}}
  deal.owner: {to: Owner, wins: sfa}
  person.owner: {to: Rep, wins: sfa}
  is.customer: {to: Customer, wins: sfa}
"""
WON = deal("007", DealState.WON, closed_at=NOW - timedelta(days=300), owner_id="nobody")
LOST = deal("008", DealState.LOST, closed_at=NOW - timedelta(days=30), owner_id="005")
OPEN = deal("009", stage_since=NOW - timedelta(days=90), owner_id="005")


@pytest.mark.parametrize(
    ("native", "facts", "written"),
    [
        ({}, {}, {}),
        ({}, {"deals": (LOST, WON, OPEN)}, {"State": "商談中", "Owner": "営業", "Customer": True}),
        ({}, {"deals": (WON, LOST)}, {"State": "失注", "Owner": "営業", "Customer": True}),
        ({}, {"deals": (WON,)}, {"State": "受注", "Customer": True}),
        ({}, {"company_deals": (WON, OPEN)}, {"Customer": True}),
        ({"Customer": "1"}, {"company_deals": (WON,)}, {}),
        (
            {"Customer": True, "State": "商談中", "Owner": "営業"},
            {"deals": (LOST,)},
            {"Customer": False, "State": "失注"},
        ),
        ({"Customer": False, "State": "失注", "Owner": "営業"}, {"deals": (LOST,)}, {}),
        ({"State": "失注", "Owner": "営業"}, {}, {}),  # no deal is no news of one: blank: keep
    ],
)
def test_what_sales_knows_stands_in_the_ma(
    native: dict[str, Value], facts: dict[str, Any], written: dict[str, Value]
) -> None:
    rules = Rules({}, (block(PeopleMapping, SEGMENTS),))

    changes, withheld = decide(rules, visitor(native=native), contact(), **facts)

    assert [c.values for c in changes if isinstance(c, SetFields)] == ([written] if written else [])
    assert withheld == []


def test_the_rep_of_a_person_is_told_without_a_deal() -> None:
    (change,), _ = decide(Rules({}, (block(PeopleMapping, SEGMENTS),)), visitor(), contact(owner="005"))

    assert isinstance(change, SetFields)
    assert change.values == {"Rep": "営業"}


def test_nobody_is_called_no_customer_while_the_sfa_cannot_be_read() -> None:
    rules = Rules({}, (block(PeopleMapping, SEGMENTS),))
    before = visitor(native={"Customer": True})

    changes, withheld = decide(rules, before, contact(), world_=world(read_at={"sfa": None, "ma": NOW}))

    assert changes == []
    assert [held.rule for held in withheld] == ["stale"]
