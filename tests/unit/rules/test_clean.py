"""Cleaning by name: what each function makes of a text, and that it leaves alone what it made."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.changes import SetFields
from connector.model import Value
from connector.rules.clean import CLEANINGS, Cleaning, cleaned
from connector.rules.fields import PeopleMapping
from connector.rules.plan import Rules
from tests.unit.rules.kit import block, contact, decide, visitor


@pytest.mark.parametrize(
    ("name", "typed", "made"),
    [
        ("width", "ＡＢＣ－１２３　ｶﾅ", "ABC-123 カナ"),
        ("width", "ｶﾞｷﾞ", "ガギ"),
        ("width", "①㈱髙﨑", "①㈱髙﨑"),  # another width of these there is not
        ("spaces", " 三枝\u3000\u3000亮 ", "三枝 亮"),
        ("spaces", "東京都 \n 千代田区", "東京都\n千代田区"),
        ("phone", "０３（１２３４）５６７８", "03-1234-5678"),
        ("phone", "+81 3-1234-5678", "03-1234-5678"),
        ("phone", "09012345678", "090-1234-5678"),
        ("phone", "+1 (650) 253-0000", "+1 650-253-0000"),
        ("phone", "03-1234-5678 内線 123", "03-1234-5678 内線 123"),  # or the extension would be lost
        ("phone", "なし", "なし"),
        ("postal_code", "〒１００ー０００１", "100-0001"),
        ("postal_code", "1000001", "100-0001"),
        ("postal_code", "100", "100"),
        ("company_form", "㈱碧海", "株式会社碧海"),
        ("company_form", "碧海（株）", "碧海株式会社"),
        ("company_form", "碧海 ㈲ 東京", "碧海有限会社東京"),
        ("company_form", "株式会社碧海", "株式会社碧海"),
        ("company_form", "碧海(東京)", "碧海(東京)"),
    ],
)
def test_what_a_cleaning_makes_of_a_text(name: Cleaning, typed: str, made: str) -> None:
    assert CLEANINGS[name](typed) == made


TYPED = st.text(max_size=30) | st.text(st.sampled_from("0123456789-ー()（）+ 　０１８９内線"), max_size=20) | st.text(
    st.sampled_from("(（株有合)）㈱㈲ 　\nｶﾞﾟガゔｳﾞＡa゙゚"), max_size=12
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(sorted(CLEANINGS)), typed=TYPED)
def test_what_a_cleaning_made_it_leaves_alone(name: Cleaning, typed: str) -> None:
    made = CLEANINGS[name](typed)

    assert CLEANINGS[name](made) == made


@pytest.mark.parametrize("value", [None, 12, 1.5, True])
def test_what_is_no_text_stays(value: Value) -> None:
    assert cleaned(value, sorted(CLEANINGS)) == value


def test_a_cleaned_value_is_translated_and_once_it_stands_there_nothing_is_written() -> None:
    people = (
        "in: sfa\nobject: Contact\nfields: {prefecture: {to: State, wins: ma, clean: spaces, values: {東京都: Tokyo}}}"
    )
    rules = Rules({}, (block(PeopleMapping, people),))

    (change,), _ = decide(rules, visitor(prefecture=" 東京都　"), contact())
    assert isinstance(change, SetFields)
    assert change.values == {"State": "Tokyo"}
    assert decide(rules, visitor(prefecture=" 東京都　"), contact(native={"State": "Tokyo"})) == ([], [])
