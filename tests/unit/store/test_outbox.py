from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from connector.changes import (
    AddToList,
    AddTouchpoint,
    AnyChange,
    CreatePerson,
    Lane,
    RaiseAlert,
    Reason,
    RemoveFromList,
    SetFields,
)
from connector.errors import text
from connector.model import Ref
from connector.ports import Receipt
from connector.store import causes, database, outbox, tables, touchpoints
from connector.store.causes import Choice
from connector.store.codec import dump_change, load_change, micros
from connector.store.lease import Lease
from connector.store.trail import Trail

NOW = datetime(2026, 4, 1, tzinfo=UTC)
PERSON = Ref("sfa", "Contact", "003")
REASONS = (Reason("score.interest", "ma", "score"),)
SCORE = SetFields(
    key="set:x", system="sfa", identity="p1", lane=Lane.SCORES, reasons=REASONS, ref=PERSON,
    values={"score": 45, "at": NOW, "on": date(2026, 4, 1), "flag": True, "none": None, "rate": 1.5},
    before={"score": None},
)  # fmt: skip
ALERT = RaiseAlert(
    key="alert:x", system="sfa", identity="p1", lane=Lane.ALERTS, reasons=REASONS, rule="hot", subject="person:p1",
    owner_id="005", title="t", body="b", due_on=date(2026, 4, 2), person=PERSON, deal=None,
)  # fmt: skip
LISTED = AddToList(key="list:x", system="ma", identity="p1", lane=Lane.PROTECT, list="l", person=Ref("ma", "v", "1"))
CREATED = CreatePerson(
    key="create:x", system="sfa", identity="p1", lane=Lane.SCORES, object="Lead", key_field="k", key_value="p1",
    values={},
)  # fmt: skip
TOUCHED = AddTouchpoint(
    key="tp:x", system="sfa", identity="p1", lane=Lane.FIELDS, person=PERSON, owner_id=None, title="t", body="b",
    happened_at=NOW, on=date(2026, 4, 1),
)  # fmt: skip


@pytest.mark.parametrize("change", [SCORE, ALERT, LISTED, CREATED, TOUCHED], ids=lambda c: type(c).__name__)
def test_a_change_comes_back_as_it_went_in(change: AnyChange) -> None:
    assert load_change(type(change).__name__, dump_change(change)) == change


def enqueue(store: Engine, *changes: AnyChange, run: str = "r", now: datetime = NOW) -> int:
    with database.writing(store) as conn:
        return outbox.enqueue(conn, changes, run, now, {})


def due(store: Engine, now: datetime = NOW, system: str = "sfa") -> list[outbox.Wish]:
    kinds = ["SetFields", "RaiseAlert", "AddToList", "CreatePerson", "AddTouchpoint"]
    with database.reading(store) as conn:
        return outbox.pending(conn, system, now, [str(lane) for lane in Lane], kinds, 100)


def settle(store: Engine, change: AnyChange, receipt: Receipt, attempts: int = 0) -> dict[str, str]:
    with database.writing(store) as conn:
        outbox.claim(conn, [change.key], 1, NOW)
        wishes = {change.key: outbox.Wish(change, attempts)}
        return outbox.settle(conn, Trail(), wishes, [receipt], "r", NOW, NOW + timedelta(minutes=5), 5)


def test_a_change_is_written_once(store: Engine) -> None:
    assert enqueue(store, SCORE, ALERT) == 2
    assert enqueue(store, SCORE, ALERT) == 0
    assert [wish.change for wish in due(store)] == [ALERT, SCORE]  # alerts go before scores


def test_a_newer_wish_replaces_an_older_one(store: Engine) -> None:
    enqueue(store, SCORE)
    newer = replace(SCORE, values={"score": 50})

    assert enqueue(store, newer) == 1
    assert [wish.change for wish in due(store)] == [newer]


@pytest.mark.parametrize("kinds", [(AddToList, RemoveFromList), (RemoveFromList, AddToList)])
def test_a_removal_and_an_entry_replace_each_other_whatever_else_is_the_same(
    store: Engine, kinds: tuple[type[AddToList | RemoveFromList], ...]
) -> None:
    earlier, later = (
        kind(
            key="list:x",
            system="ma",
            identity="p1",
            lane=Lane.PROTECT,
            reasons=REASONS,
            list="l",
            person=Ref("ma", "v", "1"),
        )
        for kind in kinds
    )
    enqueue(store, earlier)
    assert enqueue(store, later) == 1
    assert enqueue(store, later) == 0
    with database.reading(store) as conn:
        (wish,) = outbox.pending(conn, "ma", NOW, ["protect"], ["AddToList", "RemoveFromList"], 9)
    assert wish.change == later


def test_a_parked_wish_stays_parked_when_it_would_go_in_another_lane(store: Engine) -> None:
    enqueue(store, replace(SCORE, lane=Lane.BACKFILL))
    settle(store, replace(SCORE, lane=Lane.BACKFILL), Receipt(SCORE.key, "refused", code="X"))
    assert enqueue(store, SCORE) == 0
    assert enqueue(store, replace(SCORE, values={"score": 1})) == 1


def test_an_alert_is_raised_once_for_ever(store: Engine) -> None:
    enqueue(store, ALERT)
    settle(store, ALERT, Receipt(ALERT.key, "done", "00T"))

    assert enqueue(store, replace(ALERT, title="other words")) == 0
    assert due(store) == []


def test_an_alert_turns_to_another_owner_only_while_no_system_can_have_taken_it(store: Engine) -> None:
    other = replace(ALERT, owner_id="006")

    def untold() -> list[RaiseAlert]:
        with database.writing(store) as conn:
            found = outbox.untold(conn, "sfa")
            outbox.redirect(conn, [other], NOW)
            assert outbox.untold(conn, "elsewhere") == outbox.untold(conn, "sfa", "another run") == []
            return found

    enqueue(store, ALERT)
    assert untold() == [ALERT]
    assert due(store) == [outbox.Wish(other, 0)]

    settle(store, other, Receipt(ALERT.key, "refused", code="X"))
    assert due(store) == []
    assert untold() == [other]
    assert due(store) == [outbox.Wish(other, 0)]

    enqueue(store, TOUCHED)
    with database.writing(store) as conn:
        outbox.claim(conn, [ALERT.key, TOUCHED.key], 1, NOW)
    assert untold() == []
    with database.writing(store) as conn:
        outbox.in_doubt(conn, [ALERT.key])
    assert untold() == []
    with database.reading(store) as conn:
        assert outbox.standing(conn, [ALERT.key]) == {ALERT.key: ("pending", other)}


def test_a_refused_change_is_parked_and_stays_so_until_the_wish_differs(store: Engine) -> None:
    enqueue(store, SCORE)
    assert settle(store, SCORE, Receipt(SCORE.key, "refused", code="STRING_TOO_LONG")) == {SCORE.key: "parked"}

    assert enqueue(store, SCORE) == 0
    assert due(store) == []
    assert enqueue(store, replace(SCORE, values={"score": 1})) == 1


def test_a_row_that_may_succeed_later_waits_and_is_parked_in_the_end(store: Engine) -> None:
    enqueue(store, SCORE)
    retry = Receipt(SCORE.key, "retry", code="UNABLE_TO_LOCK_ROW")

    assert settle(store, SCORE, retry) == {SCORE.key: "pending"}
    assert due(store) == []
    assert len(due(store, NOW + timedelta(minutes=6))) == 1
    assert settle(store, SCORE, retry, attempts=4) == {SCORE.key: "parked"}


def test_after_a_crash_what_was_claimed_is_sent_again(store: Engine, lease: Lease) -> None:
    enqueue(store, SCORE)
    with database.writing(store) as conn:
        outbox.claim(conn, [SCORE.key], lease.token - 1, NOW)
    assert due(store) == []

    with lease.writing() as conn:
        assert outbox.recover(conn, lease.token) == 1
    assert [wish.change for wish in due(store)] == [SCORE]


def test_another_value_waits_until_the_lost_request_cannot_land_any_more(store: Engine, lease: Lease) -> None:
    """W7: a request whose answer was lost may still be carried out, after the newer one."""
    enqueue(store, SCORE)
    with database.writing(store) as conn:
        outbox.claim(conn, [SCORE.key], lease.token - 1, NOW)
    with lease.writing() as conn:
        outbox.recover(conn, lease.token)
    enqueue(store, replace(SCORE, values={"score": 50}))

    assert due(store) == []
    assert len(due(store, NOW + outbox.QUARANTINE)) == 1


@pytest.mark.parametrize(
    ("seen", "in_doubt", "found"),
    [
        ({"on_list": True}, True, 1),
        ({"on_list": True}, False, 0),  # it was never sent: whoever is there was put there by others
        ({"on_list": False}, True, 0),
        ({"on_list": True, "name": "another"}, True, 0),
        ({"on_list": True, "person_id": "2"}, True, 0),
        ({"on_list": True, "system": "other"}, True, 0),
    ],
)
def test_an_entry_in_doubt_is_done_when_its_person_stands_on_the_list(
    store: Engine, seen: dict[str, Any], in_doubt: bool, found: int
) -> None:
    enqueue(store, LISTED, SCORE)
    at = {"system": "ma", "name": "l", "person_id": "1", **seen}
    with database.writing(store) as conn:
        if in_doubt:
            outbox.claim(conn, [LISTED.key, SCORE.key], 1, NOW)
            outbox.in_doubt(conn, [LISTED.key, SCORE.key])
        touchpoints.set_member(conn, **at, ours=False, at=NOW)
        assert outbox.found_on_lists(conn) == found
        assert outbox.found_on_lists(conn) == 0
        ours = conn.scalars(select(tables.member.c.ours)).one()

    # Ours, so that it is taken off when the rule holds no more; and neither sent again nor in doubt any longer.
    assert ours == bool(found)
    assert [wish.change for wish in due(store, system="ma")] == ([] if found else [LISTED])
    with database.reading(store) as conn:
        assert outbox.uncertain(conn).get("ma", 0) == int(in_doubt and not found)
    assert [wish.change for wish in due(store)] == [SCORE]


UNLISTED = RemoveFromList(
    key="list:x", system="ma", identity="p1", lane=Lane.PROTECT, list="l", person=Ref("ma", "v", "1")
)
UNDONE = replace(UNLISTED, reasons=(Reason("undo", "r"),))


@pytest.mark.parametrize(
    ("sent", "on_list", "ours", "then"),
    [
        (LISTED, False, False, UNLISTED),
        (UNLISTED, True, True, LISTED),
        (UNLISTED, False, True, UNLISTED),
        (UNLISTED, False, False, UNLISTED),
        (UNLISTED, True, False, UNLISTED),
        (UNDONE, True, True, UNDONE),
    ],
)
def test_what_is_in_doubt_and_planned_no_more_is_taken_back_after_the_quarantine(
    store: Engine, sent: AnyChange, on_list: bool, ours: bool, then: AnyChange
) -> None:
    enqueue(store, sent)
    with database.writing(store) as conn:
        outbox.claim(conn, [sent.key], 1, NOW)
        outbox.in_doubt(conn, [sent.key])
        touchpoints.set_member(conn, "ma", "l", "1", on_list=on_list, ours=ours, at=NOW)
        for _ in range(2):  # planned again, it stays so
            outbox.found_on_lists(conn)
            assert outbox.withdraw(conn, ["p1"], set()) == 0

        (row,) = conn.execute(select(tables.outbox))
        assert load_change(row.kind, row.payload) == then
        turned = sent is not then
        assert row.next_at == micros(NOW + outbox.QUARANTINE if turned else NOW)


def test_what_takes_back_is_not_taken_for_what_is_in_doubt(store: Engine) -> None:
    """A list that shows what stood there before says nothing about a removal that may yet take effect."""
    enqueue(store, UNLISTED)
    with database.writing(store) as conn:
        outbox.claim(conn, [UNLISTED.key], 1, NOW)
        outbox.in_doubt(conn, [UNLISTED.key])
        touchpoints.set_member(conn, "ma", "l", "1", on_list=True, ours=True, at=NOW)
        outbox.withdraw(conn, ["p1"], set())
        assert outbox.found_on_lists(conn) == 0

        touchpoints.set_member(conn, "ma", "l", "1", on_list=False, ours=True, at=NOW)
        outbox.found_on_lists(conn)
        assert not conn.scalars(select(tables.member.c.ours)).one(), "our removal took the entry off"

        touchpoints.set_member(conn, "ma", "l", "1", on_list=True, ours=False, at=NOW)
        outbox.found_on_lists(conn)
        assert not conn.scalars(select(tables.member.c.ours)).one(), "others have put the person there"
        assert outbox.withdraw(conn, ["p1"], set()) == 1


def test_an_entry_in_doubt_of_who_was_on_the_list_before_may_yet_take_effect(store: Engine) -> None:
    enqueue(store, LISTED)
    with database.writing(store) as conn:
        outbox.claim(conn, [LISTED.key], 1, NOW)
        outbox.in_doubt(conn, [LISTED.key])
        touchpoints.set_member(conn, "ma", "l", "1", on_list=True, ours=True, at=NOW)
        assert outbox.found_on_lists(conn) == 0
    enqueue(store, UNLISTED)

    with database.reading(store) as conn:
        assert conn.scalars(select(tables.outbox.c.next_at)).one() == micros(NOW + outbox.QUARANTINE)


def test_put_off_changes_do_not_count_the_attempt(store: Engine) -> None:
    enqueue(store, SCORE)
    with database.writing(store) as conn:
        outbox.claim(conn, [SCORE.key], 1, NOW)
        outbox.put_off(conn, [SCORE.key], NOW)

    assert [wish.attempts for wish in due(store)] == [0]


def test_what_is_still_due_is_counted_by_kind_but_for_what_is_known(store: Engine, lease: Lease) -> None:
    other = replace(SCORE, key="set:y")
    enqueue(store, SCORE, other, ALERT, CREATED, TOUCHED)
    enqueue(store, LISTED, run="another")
    with lease.writing() as conn:
        outbox.claim(conn, [other.key], lease.token, NOW)
        outbox.put_off(conn, [TOUCHED.key], NOW + timedelta(minutes=5))
        kinds = ["SetFields", "RaiseAlert", "AddTouchpoint", "AddToList"]

        assert outbox.still_due(conn, "sfa", NOW, kinds) == {"SetFields": 2, "RaiseAlert": 1}
        assert outbox.still_due(conn, "sfa", NOW, kinds, but={SCORE.key, ALERT.key, TOUCHED.key}) == {"SetFields": 1}
        assert outbox.still_due(conn, "ma", NOW, kinds) == {"AddToList": 1}
        assert outbox.still_due(conn, "ma", NOW, kinds, "r") == {}


def test_a_wish_that_the_newest_plan_does_not_hold_is_withdrawn(store: Engine) -> None:
    enqueue(store, SCORE, LISTED, ALERT)
    with database.writing(store) as conn:
        assert outbox.withdraw(conn, ["p1"], {LISTED.key}) == 1

    assert [wish.change for wish in due(store)] == [ALERT]
    assert [wish.change for wish in due(store, system="ma")] == [LISTED]


def test_preview_leaves_out_what_is_there_already(store: Engine) -> None:
    enqueue(store, SCORE, ALERT)
    other = replace(SCORE, values={"score": 1})
    with database.reading(store) as conn:
        assert outbox.fresh(conn, [SCORE, ALERT, LISTED]) == [LISTED]
        assert outbox.fresh(conn, [other]) == [other]


def test_the_brake_sees_what_alters_and_what_adds(store: Engine) -> None:
    enqueue(store, SCORE, ALERT, replace(SCORE, key="set:y", before={"score": 3}))
    with database.reading(store) as conn:
        assert outbox.loads(conn) == {"sfa": (1, 2)}


def test_who_could_not_be_made_is_tried_again_when_something_was_mended(store: Engine) -> None:
    enqueue(store, CREATED)
    settle(store, CREATED, Receipt(CREATED.key, "refused", code="INVALID_EMAIL_ADDRESS"))

    assert enqueue(store, CREATED) == 0
    mended = replace(CREATED, values={"Email": "taro@alpha.co.jp"})
    assert enqueue(store, mended) == 1
    assert [wish.change for wish in due(store)] == [mended]


def test_who_is_no_longer_to_be_made_is_not_and_may_be_later(store: Engine) -> None:
    enqueue(store, CREATED)
    with database.writing(store) as conn:
        assert outbox.withdraw(conn, ["p1"], set()) == 1

    assert due(store) == []
    assert enqueue(store, CREATED) == 1


def test_who_was_made_is_never_made_again(store: Engine) -> None:
    enqueue(store, CREATED)
    settle(store, CREATED, Receipt(CREATED.key, "done", "00Q"))

    assert enqueue(store, replace(CREATED, values={"LastName": "山田"})) == 0
    with database.writing(store) as conn:
        assert outbox.withdraw(conn, ["p1"], set()) == 0


REFUSAL = Receipt(
    CREATED.key, "refused", code="NO", what=text("no {n}", "不可 {n}", n=1), fix=text("mend", "修正"), said="nein",
)  # fmt: skip


def test_why_something_is_parked_is_kept_in_both_languages_with_the_vendors_words(store: Engine) -> None:
    enqueue(store, CREATED)
    settle(store, CREATED, REFUSAL)

    with database.reading(store) as conn:
        (cause,) = causes.causes(conn)

    assert (cause.what.in_("en"), cause.what.in_("ja"), cause.said) == ("no 1", "不可 1", "nein")
    assert cause.fix is not None
    assert (cause.fix.in_("en"), cause.fix.in_("ja")) == ("mend", "修正")
    assert (cause.system, cause.code, cause.count, cause.since, cause.example) == ("sfa", "NO", 1, NOW, CREATED)


@pytest.mark.parametrize(
    ("said", "kept"), [("長" * 5000, "長" * 1000), ("a\x00b", "a\ufffdb"), ("a\ud800b", "a?b"), ("", "")]
)
def test_a_vendors_words_are_kept_as_far_as_a_store_takes_them(store: Engine, said: str, kept: str) -> None:
    enqueue(store, CREATED)
    settle(store, CREATED, replace(REFUSAL, said=said))

    with database.reading(store) as conn:
        (cause,) = causes.causes(conn)

    assert cause.said == kept


def put_back(store: Engine, **meant: str) -> int:
    with database.writing(store) as conn:
        return causes.put_back(conn, causes.chosen(conn, Choice(**meant)), NOW)


@pytest.mark.parametrize(
    ("meant", "count"),
    [({}, 2), ({"code": "NO"}, 1), ({"code": ""}, 1), ({"system": "ma"}, 1), ({"code": "NO", "system": "ma"}, 0)],
)
def test_what_is_meant_is_put_back_under_its_key_with_all_its_attempts(
    store: Engine, meant: dict[str, str], count: int
) -> None:
    enqueue(store, CREATED, LISTED)
    settle(store, CREATED, REFUSAL, attempts=4)
    settle(store, LISTED, Receipt(LISTED.key, "refused"))

    assert put_back(store, **meant) == count

    waiting = [*due(store), *due(store, system="ma")]
    assert len(waiting) == count
    assert all(wish in (outbox.Wish(CREATED, 0), outbox.Wish(LISTED, 0)) for wish in waiting)
    with database.reading(store) as conn:
        assert len(outbox.parked(conn)) == 2 - count
    assert put_back(store, **meant) == 0


def test_a_creation_that_was_put_back_takes_the_values_of_the_newest_plan(store: Engine) -> None:
    enqueue(store, CREATED)
    settle(store, CREATED, REFUSAL)
    put_back(store)
    newer = replace(CREATED, values={"email": "mended@alpha.co.jp"})

    with database.reading(store) as conn:
        assert outbox.fresh(conn, [newer]) == [newer]
    assert enqueue(store, newer) == 1
    assert [wish.change for wish in due(store)] == [newer]


def test_a_creation_that_may_have_been_done_is_not_planned_again_by_itself(store: Engine) -> None:
    enqueue(store, CREATED)
    settle(store, CREATED, replace(REFUSAL, doubtful=True))
    newer = replace(CREATED, values={"email": "other@alpha.co.jp"})

    assert enqueue(store, newer) == 0
    with database.reading(store) as conn:
        assert outbox.fresh(conn, [newer]) == []


def test_what_was_done_in_the_end_has_no_cause_any_more(store: Engine) -> None:
    enqueue(store, CREATED)
    settle(store, CREATED, replace(REFUSAL, doubtful=True))
    put_back(store)
    settle(store, CREATED, Receipt(CREATED.key, "done", "00Q"))

    with database.reading(store) as conn:
        assert causes.causes(conn) == []
        row = conn.execute(select(tables.outbox)).one()
    assert (row.state, row.error, row.error_ja, row.fix_ja, row.said, row.doubtful) == ("done", "", "", "", "", False)


def test_a_creation_that_may_have_been_done_is_not_withdrawn(store: Engine) -> None:
    enqueue(store, CREATED)
    settle(store, CREATED, replace(REFUSAL, doubtful=True))

    with database.writing(store) as conn:
        assert outbox.withdraw(conn, ["p1"], set()) == 0
    with database.reading(store) as conn:
        assert [parked.key for parked in outbox.parked(conn)] == [CREATED.key]


@pytest.mark.parametrize("status", ["done", "refused", "retry"])
def test_an_answer_ends_the_doubt(store: Engine, status: Any) -> None:
    enqueue(store, SCORE)
    with database.writing(store) as conn:
        outbox.claim(conn, [SCORE.key], 1, NOW)
        outbox.in_doubt(conn, [SCORE.key])
    settle(store, SCORE, Receipt(SCORE.key, status))

    with database.reading(store) as conn:
        assert conn.execute(select(tables.outbox)).one().uncertain_until is None


def test_who_waits_longer_already_is_not_hurried(store: Engine) -> None:
    soon, late = NOW + timedelta(hours=1), NOW + timedelta(hours=9)
    other = replace(SCORE, key="set:y")
    with database.writing(store) as conn:
        outbox.enqueue(conn, [SCORE, other], "r", NOW, {SCORE.key: late})
        outbox.wait(conn, [SCORE.key, other.key], soon)

    assert [wish.change.key for wish in due(store, soon)] == [other.key]
    assert len(due(store, late)) == 2
