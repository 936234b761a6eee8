"""Protection and nurture: the whole membership every time, and what is never touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.changes import UNDO, AddToList, AnyChange, Lane, RemoveFromList, SetFields
from connector.model import DealState, Identity, Ref, Role, Subject, Written
from connector.rules.columns import Touchpoints
from connector.rules.nurture import NurtureRule
from connector.rules.plan import Facts, Rules, plan
from connector.rules.protect import ProtectRule
from tests.unit.rules.kit import INTEREST, NOW, block, contact, deal, decide, visitor, world

PROTECT = "id: working\nwhen: {deal: {state: open, probability: {gte: 60}}}\nlist: no-mail\nin: ma\n"
NURTURE = """
id: lost
when: {deal: {state: lost, closed: {gte: 14d}}}
unless: [{deal: {state: open}}, opted_out]
list: {by: lost_reason, 予算: budget, else: others}
in: ma
carry: {lost_reason: A12, lost_on: A13, product: A14}
leave_when: {deal: {state: open}}
"""
NO_MAIL, BUDGET = ("ma", "no-mail"), ("ma", "budget")


def moves(changes: list[AnyChange]) -> list[str]:
    """Additions and removals as `+list/person`."""
    return [
        f"{'+' if isinstance(c, AddToList) else '-'}{c.list}/{c.person.id}"
        for c in changes
        if isinstance(c, AddToList | RemoveFromList)
    ]


def protected(*persons: Any, **rest: Any) -> tuple[list[str], list[str]]:
    rules = Rules({"interest": INTEREST}, protect=(block(ProtectRule, PROTECT),))
    changes, withheld = decide(rules, *(persons or (visitor(), contact())), **rest)
    assert all(change.lane is Lane.PROTECT for change in changes)
    return moves(changes), [w.rule for w in withheld]


LIKELY = deal(probability=60)


def test_every_ma_record_at_the_company_is_protected() -> None:
    assert protected(visitor("1"), visitor("2"), company_deals=(LIKELY,)) == (["+no-mail/1", "+no-mail/2"], [])


@pytest.mark.parametrize("other", [deal(probability=59), deal(state=DealState.WON, probability=100), deal()])
def test_other_deals_protect_nobody(other: Any) -> None:
    assert protected(company_deals=(other,)) == ([], [])


def test_who_is_on_the_list_already_is_not_added_again() -> None:
    assert protected(company_deals=(LIKELY,), lists={NO_MAIL: frozenset("1")}) == ([], [])


def test_only_those_whom_we_put_there_are_released() -> None:
    members = {NO_MAIL: frozenset("12")}
    assert protected(visitor("1"), visitor("2"), lists=members, ours={NO_MAIL: frozenset("1")}) == (["-no-mail/1"], [])


@pytest.mark.parametrize(("hours", "released"), [(5, True), (7, False)])
def test_nobody_is_released_while_the_sfa_is_unread(hours: int, *, released: bool) -> None:
    then = world(read_at={"sfa": NOW - timedelta(hours=hours), "ma": NOW})
    on_list: dict[str, Any] = {"lists": {NO_MAIL: frozenset("1")}, "ours": {NO_MAIL: frozenset("1")}}

    assert protected(**on_list, world_=then) == ((["-no-mail/1"], []) if released else ([], ["working"]))


def test_an_sfa_that_was_never_read_releases_nobody_either() -> None:
    on_list: dict[str, Any] = {"lists": {NO_MAIL: frozenset("1")}, "ours": {NO_MAIL: frozenset("1")}}

    assert protected(**on_list, world_=world(read_at={}))[0] == []


def nurtured(*persons: Any, **rest: Any) -> tuple[list[str], list[str]]:
    changes, withheld = decide(_rules(), *(persons or (visitor(), contact())), **rest)
    return moves(changes), [w.rule for w in withheld]


def _rules() -> Rules:
    return Rules({"interest": INTEREST}, nurture=(block(NurtureRule, NURTURE),))


def lost(days: int = 14, reason: str | None = "予算", **rest: Any) -> Any:
    return deal(state=DealState.LOST, closed_at=NOW - timedelta(days=days), lost_reason=reason, **rest)


@pytest.mark.parametrize(("reason", "expected"), [("予算", "budget"), ("時期", "others"), (None, "others")])
def test_the_reason_of_the_loss_chooses_the_list(reason: str | None, expected: str) -> None:
    assert nurtured(deals=(lost(reason=reason),)) == ([f"+{expected}/1"], [])


def test_what_was_lost_is_carried_along() -> None:
    changes, _ = decide(_rules(), visitor(native={"A12": "予算"}), contact(), deals=(lost(product="勤怠"),))

    (change,) = [c for c in changes if isinstance(c, SetFields)]
    assert change.values == {"A13": "2026-03-18", "A14": "勤怠"}


def test_the_day_of_the_loss_is_that_of_the_configured_time_zone() -> None:
    late = deal(state=DealState.LOST, closed_at=datetime(2026, 3, 10, 15, 30, tzinfo=UTC))  # 00:30 in Tokyo

    changes, _ = decide(_rules(), visitor(), contact(), deals=(late,))

    assert [c.values["A13"] for c in changes if isinstance(c, SetFields)] == ["2026-03-11"]


def test_what_an_administrator_undid_is_not_carried_again_and_another_word_is() -> None:
    undone = {Ref("ma", "visitor", "1"): {"A12": Written("", NOW, undone=("予算",))}}

    changes, withheld = decide(_rules(), visitor(), contact(), deals=(lost(product="勤怠"),), written=undone)

    assert [c.values for c in changes if isinstance(c, SetFields)] == [{"A13": "2026-03-18", "A14": "勤怠"}]
    assert [w.rule for w in withheld] == [UNDO]


def test_the_deal_closed_last_is_spoken_of() -> None:
    later = deal("007", DealState.LOST, closed_at=NOW - timedelta(days=20), lost_reason="時期")

    assert nurtured(deals=(lost(100), later)) == (["+others/1"], [])


@pytest.mark.parametrize(
    ("deals", "fields"),
    [
        ((lost(13),), {}),
        ((lost(), deal("007")), {}),
        ((lost(),), {"opted_out": True}),
        ((), {}),
    ],
)
def test_who_is_not_to_be_nurtured(deals: tuple[Any, ...], fields: dict[str, Any]) -> None:
    assert nurtured(visitor(**fields), contact(), deals=deals)[0] == []


def test_an_opt_out_said_to_sales_counts_too() -> None:
    assert nurtured(visitor(), contact(opted_out=True), deals=(lost(),)) == ([], [])


def test_a_new_deal_takes_the_person_off() -> None:
    on_list: dict[str, Any] = {"lists": {BUDGET: frozenset("1")}, "ours": {BUDGET: frozenset("1")}}

    assert nurtured(deals=(lost(), deal("007")), **on_list) == (["-budget/1"], [])


def _asking(more: str) -> Rules:
    rule = f"id: lost\nwhen: {{deal: {{state: lost}}}}\nlist: budget\nin: ma\n{more}"
    return Rules({}, nurture=(block(NurtureRule, rule),))


def test_who_is_to_leave_is_taken_off_though_nothing_else_speaks_against_it() -> None:
    leaves = _asking("leave_when: {deal: {state: won}}")
    deals = (lost(), deal("007", DealState.WON, closed_at=NOW))
    on_list: dict[str, Any] = {"lists": {BUDGET: frozenset("1")}, "ours": {BUDGET: frozenset("1")}}

    assert moves(decide(leaves, visitor(), contact(), deals=deals)[0]) == []
    assert moves(decide(leaves, visitor(), contact(), deals=deals, **on_list)[0]) == ["-budget/1"]


@pytest.mark.parametrize("word", ["unless: [{}]", "leave_when: {}"])
def test_it_is_looked_again_when_what_keeps_or_takes_off_the_list_may_turn(word: str) -> None:
    rules = _asking(word.replace("{}", "{deal: {state: won, closed: {lt: 30d}}}"))
    won = deal("007", DealState.WON, closed_at=NOW - timedelta(days=20))
    subject = Subject(Identity("p1", (visitor(), contact())), deals=(lost(), won))

    (outcome,) = plan(Facts([subject], Touchpoints.from_rows([]), world()), rules).outcomes

    assert outcome.due_at == NOW + timedelta(days=10)


def test_a_person_is_mailed_at_one_address_only() -> None:
    old, new = visitor("1", at=NOW - timedelta(days=9)), visitor("2", at=NOW)

    assert nurtured(old, new, contact(), deals=(lost(),)) == (["+budget/2"], [])
    assert nurtured(old, visitor("2", mail_invalid=True), contact(), deals=(lost(),)) == (["+budget/1"], [])
    assert nurtured(old, new, contact(), deals=(lost(),), lists={BUDGET: frozenset("1")}) == ([], [])


def test_nobody_is_added_while_the_sfa_is_unread() -> None:
    stale = world(read_at={"sfa": NOW - timedelta(hours=7), "ma": NOW})

    assert nurtured(deals=(lost(),), world_=stale) == ([], ["lost"])


def test_who_was_taken_off_by_hand_stays_off() -> None:
    assert nurtured(deals=(lost(),), ours={BUDGET: frozenset("1")}) == ([], ["lost"])


def test_a_record_of_another_ma_with_the_same_number_says_nothing_of_this_list() -> None:
    both = world(roles={"ma": Role.MA, "other": Role.MA, "sfa": Role.SFA})
    elsewhere = replace(visitor("1"), ref=Ref("other", "person", "1"))

    said = nurtured(visitor("2"), elsewhere, contact(), deals=(lost(),), ours={BUDGET: frozenset("1")}, world_=both)

    assert said == (["+budget/2"], [])


def test_an_opt_out_takes_the_person_off() -> None:
    on_list: dict[str, Any] = {"lists": {BUDGET: frozenset("1")}, "ours": {BUDGET: frozenset("1")}}

    assert nurtured(visitor(opted_out=True), contact(), deals=(lost(),), **on_list) == (["-budget/1"], [])
