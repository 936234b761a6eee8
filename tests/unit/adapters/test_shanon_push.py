from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.adapters.shanon.document import UnwritableError, body, leaf, parse, text_of
from connector.adapters.shanon.fields import element
from connector.errors import Throttled, Uncertain
from connector.model import Person, Value
from connector.ports import Needs
from connector.sandbox.shanon import Choice
from tests.unit.adapters.shanon_kit import (
    Stage,
    add,
    drain,
    fields_needed,
    records,
    remove,
    set_fields,
    stage,
)


@pytest.fixture
def smp() -> Iterator[Stage]:
    with stage() as it:
        yield it


def on_list(smp: Stage) -> tuple[Needs, int]:
    return Needs(lists=frozenset({"nurture"})), smp.smp.create_list("育成")


# --- fields -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "held"),
    [
        ("Attribute1", "失注: 予算 <2026> & 時期", "失注: 予算 <2026> & 時期"),
        ("Attribute1", "一行目\r\n二行目\n三行目", "一行目\r\n二行目\n三行目"),
        ("Attribute1", 45.0, "45"),
        ("Attribute1", 45.5, "45.5"),
        ("Attribute1", date(2026, 3, 31), "2026-03-31"),
        ("Attribute1", datetime(2026, 3, 31, 15, 0, tzinfo=UTC), "2026-04-01T00:00:00+09:00"),
        ("Attribute1", None, None),
        ("Attribute21", "展示会", (Choice(2, "展示会"),)),
        ("Attribute22", "製品A;製品C", (Choice(1, "製品A"), Choice(3, "製品C"))),
        ("Attribute22", None, None),
        ("UnsubscribeStatus", True, 1),
        ("UnsubscribeStatus", False, 0),
        ("Memo", "覚え書き", "覚え書き"),
    ],
)
def test_a_value_is_written_in_the_form_of_its_field(smp: Stage, name: str, value: Value, held: object) -> None:
    id_ = smp.person(Attribute1="前", Attribute22=[2])
    assert [r.status for r in smp.adapter().push([set_fields(id_, **{name: value})])] == ["done"]
    assert smp.smp.visitor(id_).get(name) == held


@pytest.mark.parametrize(
    ("name", "value"),
    [("Attribute1", "値"), ("Attribute21", "紹介"), ("Attribute22", "製品A;製品B"), ("UnsubscribeStatus", True)],
)
def test_what_was_written_is_read_as_it_was_written(smp: Stage, name: str, value: Value) -> None:
    id_ = smp.person()
    adapter = smp.adapter(fields_needed(name))
    list(adapter.push([set_fields(id_, **{name: value})]))
    (person,) = records(drain(adapter, "visitor"), Person)
    assert person.native == {name: value}


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"Attribute21": "そんな選択肢"}, "unwritable"),
        ({"PermissionType": "希望しない"}, "unwritable"),
        ({"DateUpdate": "2026-04-01T00:00:00+09:00"}, "unwritable"),
        ({"Memo": "a\x0bb"}, "unwritable"),
        ({"Memo": "長" * 4001}, "InvalidItem"),
        ({"Attribute99": "x"}, "InvalidItem"),
    ],
)
def test_what_cannot_be_written_is_a_receipt(smp: Stage, values: dict[str, Value], code: str) -> None:
    one, two = smp.person(1), smp.person(2)
    before = smp.smp.visitor(one)
    first, second = smp.adapter().push([set_fields(one, **values), set_fields(two, Memo="b")])
    assert (first.status, first.code, second.status) == ("refused", code, "done")
    assert first.what is not None
    assert smp.smp.visitor(one) == before


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (400, "<Code>InvalidItem</Code><Message>金糸雀 は &lt;不正&gt;です</Message>", "金糸雀 は <不正>です"),
        (200, "<Message> 金糸雀 </Message>", "金糸雀"),
        (422, "<Code>X</Code><Message/>", ""),
        (422, "", ""),
    ],
)
def test_a_refusal_brings_the_words_of_smp(smp: Stage, status: int, error: str, words: str) -> None:
    id_, other = smp.person(1), smp.person(2)
    body = f"<Response><Error>{error}</Error></Response>"
    smp.smp.chaos.plan("status", method="PUT", status=status, body=body, mimetype="application/xml")
    first, second = smp.adapter().push([set_fields(id_, Memo="金糸雀"), set_fields(other, Memo="金糸雀")])
    assert (first.status, first.said, second.status, second.said) == ("refused", words, "done", "")
    assert "金糸雀" not in f"{first!r} {first.what} {first.fix} {first.code}"


def test_what_smp_never_saw_brings_no_words(smp: Stage) -> None:
    (receipt,) = smp.adapter().push([set_fields(smp.person(1), Memo="a\x0bb")])
    assert (receipt.code, receipt.said) == ("unwritable", "")


def test_partial_failure(smp: Stage) -> None:
    ids = [smp.person(n) for n in range(5)]
    smp.smp.chaos.plan("row_fail", skip=1)
    smp.smp.chaos.plan("row_fail", skip=3)
    receipts = list(smp.adapter().push([set_fields(id_, Memo="値") for id_ in ids]))
    assert [r.status for r in receipts] == ["done", "refused", "done", "done", "refused"]
    assert [r.remote_id for r in receipts] == ["1", None, "3", "4", None]
    assert [smp.smp.visitor(id_).get("Memo") for id_ in ids] == ["値", None, "値", "値", None]


def test_an_answer_lost_after_the_write_is_uncertain_and_a_repeat_changes_nothing(smp: Stage) -> None:
    one, two = smp.person(1), smp.person(2)
    adapter = smp.adapter(retries=4)
    smp.smp.chaos.plan("reset_after", method="PUT", skip=1)
    receipts = adapter.push([set_fields(one, Memo="値"), set_fields(two, Memo="値")])
    assert next(receipts).status == "done"
    with pytest.raises(Uncertain):
        next(receipts)
    assert smp.smp.visitor(two)["Memo"] == "値"
    assert [r.status for r in adapter.push([set_fields(two, Memo="値")])] == ["done"]
    assert smp.smp.visitor(two)["Memo"] == "値"


def test_a_quota_in_the_middle_ends_the_batch(smp: Stage) -> None:
    one, two = smp.person(1), smp.person(2)
    smp.smp.chaos.plan("quota", method="PUT", skip=1, seconds=300)
    receipts = smp.adapter().push([set_fields(one, Memo="値"), set_fields(two, Memo="値")])
    assert next(receipts).status == "done"
    with pytest.raises(Throttled):
        next(receipts)
    assert "Memo" not in smp.smp.visitor(two)


def test_the_accounts_items_are_read_once_and_only_for_own_fields(smp: Stage) -> None:
    id_ = smp.person()
    adapter = smp.adapter()
    list(adapter.push([set_fields(id_, Memo="a")]))
    assert smp.calls("visitorsetting") == 0
    list(adapter.push([set_fields(id_, Attribute1="a"), set_fields(id_, Attribute21="Web")]))
    assert smp.calls("visitorsetting") == 1


def test_without_the_accounts_items_every_own_field_is_text(smp: Stage) -> None:
    id_ = smp.person()
    smp.smp.chaos.plan("status", path="visitorsetting", status=404, body="")
    receipts = smp.adapter().push([set_fields(id_, Attribute1="a"), set_fields(id_, Attribute21="2")])
    assert [r.status for r in receipts] == ["done", "done"]
    assert smp.smp.visitor(id_)["Attribute21"] == (Choice(2, "展示会"),)


def test_one_call_per_change(smp: Stage) -> None:
    ids = [smp.person(n) for n in range(4)]
    adapter = smp.adapter()
    adapter.check()
    before = smp.smp.calls
    list(adapter.push([set_fields(id_, Memo="a") for id_ in ids]))
    assert smp.smp.calls - before == adapter.calls_for(4) == 4


# --- lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refuses", [False, True])
def test_lists_take_and_let_go_however_often_they_are_told(smp: Stage, refuses: bool) -> None:
    needs, number = on_list(smp)
    one, two = smp.person(1), smp.person(2)
    smp.smp.refuse_repeats = refuses
    adapter = smp.adapter(needs, lists={"nurture": number})
    for _ in range(2):
        assert {r.status for r in adapter.push([add(one), add(two)])} == {"done"}
        assert smp.smp.members(number) == [one, two]
    for _ in range(2):
        assert {r.status for r in adapter.push([remove(one)])} == {"done"}
        assert smp.smp.members(number) == [two]


def test_a_visitor_who_is_gone_cannot_be_added_but_is_off_the_list(smp: Stage) -> None:
    needs, number = on_list(smp)
    id_ = smp.person()
    smp.smp.delete_visitor(id_)
    smp.smp.refuse_repeats = True
    adapter = smp.adapter(needs, lists={"nurture": number})
    assert [r.code for r in adapter.push([add(id_)])] == ["VisitorNotFound"]
    assert [r.status for r in adapter.push([remove(id_)])] == ["done"]


def test_a_list_that_is_gone_or_unknown_is_a_receipt(smp: Stage) -> None:
    id_ = smp.person()
    adapter = smp.adapter(Needs(lists=frozenset({"nurture"})), lists={"nurture": 4711})
    assert [r.code for r in adapter.push([add(id_)])] == ["StaticlistNotFound"]
    assert [r.code for r in adapter.push([add(id_, "other")])] == ["unknown_list"]


def test_a_lost_answer_of_a_list_is_uncertain_and_a_repeat_changes_nothing(smp: Stage) -> None:
    needs, number = on_list(smp)
    id_ = smp.person()
    smp.smp.refuse_repeats = True
    adapter = smp.adapter(needs, lists={"nurture": number})
    for change, members in ((add(id_), [id_]), (remove(id_), [])):
        smp.smp.chaos.plan("reset_after", path="staticlist/visitor")
        with pytest.raises(Uncertain):
            list(adapter.push([change]))
        assert [r.status for r in adapter.push([change])] == ["done"]
        assert smp.smp.members(number) == members


# --- XML --------------------------------------------------------------------------------------------------------------


@given(st.text())
def test_text_survives_or_is_refused(said: str) -> None:
    try:
        inside = leaf("Memo", said)
    except UnwritableError:
        return
    (row,) = parse(body("VisitorDataList", f"<VisitorData>{inside}</VisitorData>")).rows
    assert (text_of(row, "Memo") or "") == said


def test_a_number_of_a_choice_is_not_its_name() -> None:
    with pytest.raises(UnwritableError):
        element("Attribute21", "2", {"Attribute21": {"展示会": "2"}})
