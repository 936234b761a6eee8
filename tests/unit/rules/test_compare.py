from __future__ import annotations

from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.rules.compare import Level, Name, Split, compare, contradict, most_different, sets_of


def name(written: str) -> Name:
    """A name as tables here write it: the whole name, and behind a bar its reading where the record has one."""
    full, _, kana = written.partition("|")
    family, _, given_name = kana.partition(" ")
    made = Name.of(full=full, kana=(family, given_name))
    assert made is not None
    return made


def levels(one: str, other: str) -> set[Level]:
    return {compare(name(one), name(other)), compare(name(other), name(one))}


# --- one name ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "whole"),
    [
        ("山田 太郎", True),
        ("山田太郎", True),
        ("林 誠", True),
        ("長谷川 博", True),
        ("長谷川博", True),
        ("佐々木健", True),
        ("やまだ たろう", True),
        ("やまだたろう", True),
        ("Taro Yamada", True),
        ("T. Yamada", False),
        ("山田", False),
        ("林誠", False),  # may be a family name as well
        ("長谷川", False),
        ("佐々木", False),
        ("佐々木 様", False),
        ("勅使河原", False),
        ("やまだ", False),
        ("はせがわ", False),
        ("かつらやま", False),
        ("Yamada", False),
    ],
)
def test_whether_family_and_given_name_are_in_it(written: str, whole: bool) -> None:
    assert name(written).whole is whole


@pytest.mark.parametrize(
    ("family", "given_name", "whole"),
    [("長谷川", "", False), ("東海林", "", False), ("林", "誠", True), ("やまだ", "たろう", True), ("", "太郎", False)],
)
def test_whether_both_parts_are_known_from_their_fields(family: str, given_name: str, whole: bool) -> None:
    made = Name.of(family, given_name)

    assert made is not None
    assert made.whole is whole


@pytest.mark.parametrize(
    ("written", "hint", "parts"),
    [
        ("長谷川 博", None, ("長谷川", "博")),
        ("長谷川博", "長谷川", ("長谷川", "博")),
        ("長谷川博", "山田", ("長谷", "川博")),
        ("長谷川博", None, ("長谷", "川博")),
        ("山田太郎", None, ("山田", "太郎")),
        ("山田", None, ("山田", "")),
        ("山田太郎 様", None, ("山田", "太郎")),
    ],
)
def test_the_parts_of_a_name(written: str, hint: str | None, parts: tuple[str, str]) -> None:
    assert name(written).split(hint) == Split(*parts)


# --- two names --------------------------------------------------------------------------------------------------------

SAME = [
    ("髙橋 健", "高橋 健"),
    ("齋藤 一", "斉藤 一"),
    ("齋藤 一", "斎藤 一"),
    ("渡邊 太郎", "渡辺太郎"),
    ("渡邉 太郎", "渡邊 太郎"),
    ("𠮷田 茂", "吉田 茂"),
    ("祐\U000e0100 太郎", "祐 太郎"),
    ("佐々木 恵", "佐佐木 恵"),
    ("山田 太郎", "山田　太郎 様"),
    ("長谷川博", "長谷川 博"),
    ("東海林 太郎", "東 海林太郎"),
    ("佐藤 健|さとう たけし", "佐藤 健"),
    ("やまだ たろう", "ヤマダ　タロウ"),
    ("やまだ たろう", "ﾔﾏﾀﾞ ﾀﾛｳ"),
    ("Taro Yamada", "YAMADA Taro"),
    ("Jose Garcia", "José García"),
    ("Mr. John Smith", "Smith, John"),
    ("佐藤", "佐藤"),
]
VARIANT = [
    ("山田 太郎|やまだ たろう", "ヤマダ タロウ"),
    ("山田 太郎|やまだ たろう", "ﾔﾏﾀﾞﾀﾛｳ"),
    ("山田 太郎|やまだ たろう", "Taro Yamada"),
    ("山田 太郎|やまだ たろう", "YAMADA Taro"),
    ("やまだ たろう", "Taro Yamada"),
    ("やまだ たろう", "YAMADA TARO"),
    ("やまだたろう", "Yamada Taro"),
    ("大野 太郎|おおの たろう", "Taro Ohno"),
    ("大野 太郎|おおの たろう", "Ono Taro"),
    ("伊藤 順一|いとう じゅんいち", "Jun'ichi Ito"),
    ("Taro Yamada", "Tarou Yamada"),
    ("John Smith", "Jon Smith"),
    ("太郎 山田", "山田 太郎"),
    ("太郎山田", "山田太郎"),
    ("佐々木 健", "健佐々木"),
]
READING = [
    ("山田 太郎|やまだ たろう", "山田 太朗|やまだ たろう"),
    ("裕子 山田|やまだ ゆうこ", "山田 優子|やまだ ゆうこ"),
]
PARTIAL = [
    ("山田 太郎", "山田 太朗"),
    ("山田太郎", "山田太朗"),
    ("山田", "山田 太郎"),
    ("山田", "山田太郎"),
    ("林", "林 誠"),
    ("林 誠", "林 誠一"),
    ("長谷川", "長谷川 博"),
    ("山田 太郎", "山田 郎太"),
    ("佐藤 健|さとう たけし", "佐藤 健|さとう けん"),
    ("山田 太郎|やまだ たろう", "やまだ"),
    ("山田 太郎|やまだ たろう", "Yamada"),
    ("Taro Yamada", "Taro Yamda"),
    ("大野 太郎|おおの たろう", "小野 太郎|おの たろう"),
    ("Taro Yamada", "T. Yamada"),
    ("Taro Yamada", "Yamada"),
    ("John Smith", "John A. Smith"),
    ("Katherine Johnson", "Kathrine Jahnson"),
]
GIVEN = [("佐藤 花子", "鈴木 花子"), ("佐藤花子", "鈴木花子"), ("林 誠", "森 誠"), ("佐々木 恵子", "佐藤 恵子")]
UNKNOWN = [
    ("山田 太郎", "ヤマダ タロウ"),
    ("山田 太郎", "Taro Yamada"),
    ("山田 太郎", "サトウ ハナコ"),
    ("山田", "やまだ"),
]
FAMILY = [
    ("山田 太郎|やまだ たろう", "Taro Yamda"),
    ("山田 健一", "山田 健二"),
    ("山田 一郎", "山田 次郎"),
    ("山田太郎", "山田花子"),
    ("王 偉", "王 芳"),
    ("山田 太郎|やまだ たろう", "山田 次郎|やまだ じろう"),
    ("山田 太郎|やまだ たろう", "やまだ はなこ"),
    ("山田 太郎|やまだ たろう", "やまだはなこ"),
    ("山田太郎|やまだたろう", "Hanako Yamada"),
    ("佐藤 健|さとう たけし", "サトウ ケン"),
    ("さとう まさと", "さとう まさこ"),
    ("Taro Yamada", "Hanako Yamada"),
    ("T. Yamada", "H. Yamada"),
]
CONFLICT = [
    ("山田 太郎", "佐藤 花子"),
    ("山田 太郎", "佐藤"),
    ("佐藤", "鈴木"),
    ("田中 一郎", "鈴木 次郎"),
    ("林 誠", "森 学"),
    ("やまだ たろう", "さとう はなこ"),
    ("山田 太郎|やまだ たろう", "さとう はなこ"),
    ("山田 太郎|やまだ たろう", "Hanako Suzuki"),
    ("Taro Yamada", "Hanako Suzuki"),
    ("T. Yamada", "T. Suzuki"),
    ("T. Y.", "Taro Yamada"),  # two initials are nobody's name
]


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        (one, other, level)
        for level, pairs in (
            (Level.SAME, SAME),
            (Level.VARIANT, VARIANT),
            (Level.READING, READING),
            (Level.PARTIAL, PARTIAL),
            (Level.GIVEN, GIVEN),
            (Level.UNKNOWN, UNKNOWN),
            (Level.FAMILY, FAMILY),
            (Level.CONFLICT, CONFLICT),
        )
        for one, other in pairs
    ],
)
def test_what_two_names_say_of_each_other(one: str, other: str, level: Level) -> None:
    assert levels(one, other) == {level}


@pytest.mark.parametrize(
    ("one", "other", "most"),
    [
        # Husband and wife, brothers: what is exchanged is all there is of the given name, or tells who it is.
        ("佐藤 優", "佐藤 舞", Level.FAMILY),
        ("高橋健", "高橋誠", Level.FAMILY),
        ("佐藤 正人|さとう まさと", "さとう まさこ", Level.FAMILY),
        ("Yuko Sato", "Yuto Sato", Level.FAMILY),
        # Two readings of one name are two people's.
        ("山田 真人|やまだ まさと", "山田 真人|やまだ まこと", Level.PARTIAL),
        ("大野 太郎|おおの たろう", "おの たろう", Level.PARTIAL),
    ],
)
def test_names_that_look_alike_are_no_better_than_they_are(one: str, other: str, most: Level) -> None:
    assert max(levels(one, other)) <= most


def test_a_missing_name_says_nothing() -> None:
    assert compare(None, name("山田 太郎")) is compare(name("山田 太郎"), None) is compare(None, None) is Level.UNKNOWN


# --- many names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "count"),
    [
        ([], 0),
        (["山田太郎", "山田 太郎", "山田"], 1),
        (["山田太郎", "やまだたろう", "Taro Yamada"], 1),  # no script has two
        (["山田太郎", "さとうはなこ", "やまだたろう"], 2),
        (["山田太郎", "佐藤花子", "鈴木次郎"], 3),
        (["山田太郎", "山田花子"], 2),
        (["佐藤花子", "鈴木花子"], 1),
        (["山田太郎", "山田花子", "山田"], 1),  # the family name could be either's
        (["斉藤一", "齋藤一"], 1),
    ],
)
def test_counting_names_that_differ(names: list[str], count: int) -> None:
    for some in permutations(names):
        assert most_different(map(name, some)) == count


@pytest.mark.parametrize(
    ("names", "contradicting"),
    [
        ([], False),
        (["山田太郎"], False),
        (["山田太郎", "山田花子", "やまだたろう"], False),
        (["山田太郎", "やまだたろう", "佐藤花子"], True),
    ],
)
def test_names_that_cannot_be_one_persons(names: list[str], contradicting: bool) -> None:
    for some in permutations(names):
        assert contradict(map(name, some)) is contradicting


def test_sets_of_names_grow_together_through_others() -> None:
    names = [name(written) for written in ("佐藤花子", "鈴木太郎", "佐藤花子|さとう はなこ", "鈴木花子")]

    for some in permutations(names):
        sets = sets_of(some, lambda level: level >= Level.GIVEN)
        assert {frozenset(one) for one in sets} == {frozenset((names[0], names[2], names[3])), frozenset((names[1],))}


# --- any names --------------------------------------------------------------------------------------------------------

LETTERS = "山田太郎佐藤花子一二健長谷川々やまだたろうおのさとヤマダタロウーabeiknorstuy 　.-様\u200b\ud83d\u0301"
TEXT = st.one_of(st.text(st.sampled_from(LETTERS), max_size=8), st.text(st.characters(exclude_categories=())))
MADE = st.builds(Name.of, TEXT, TEXT, TEXT, st.tuples(TEXT, TEXT))


@given(MADE, MADE)
def test_comparing_does_not_depend_on_which_comes_first(one: Name | None, other: Name | None) -> None:
    assert compare(one, other) is compare(other, one)


@given(MADE)
def test_every_name_is_its_own(one: Name | None) -> None:
    assert compare(one, one) is (Level.UNKNOWN if one is None else Level.SAME)


@given(MADE, MADE)
def test_what_is_written_alike_is_not_told_apart_by_who_wrote_it(one: Name | None, other: Name | None) -> None:
    if one and other and one.key == other.key:
        assert compare(one, other) >= Level.PARTIAL


@given(st.lists(st.text(st.sampled_from("abeiknorstuy"), min_size=1, max_size=6), min_size=1, max_size=3))
def test_the_order_of_words_in_latin_letters_does_not_matter(parts: list[str]) -> None:
    one, other = Name.of(full=" ".join(parts)), Name.of(full=" ".join(reversed(parts)).upper())

    assert one == other
    assert compare(one, other) is (Level.UNKNOWN if one is None else Level.SAME)


@given(st.lists(MADE.filter(lambda made: made is not None), max_size=6), st.randoms(use_true_random=False))
def test_counting_does_not_depend_on_the_order(names: list[Name], dice: Random) -> None:
    shuffled = list(names)
    dice.shuffle(shuffled)

    assert most_different(shuffled) == most_different(names) <= len(names)
    assert contradict(shuffled) is contradict(names)


@pytest.mark.parametrize("text", ["山" * 10_000, "ヤ" * 10_000, "a " * 5_000, "ab" * 5_000, "\u0301" * 10_000])
def test_texts_of_ten_thousand_letters_are_nobodys_name(text: str) -> None:
    assert Name.of(full=text) is None
    assert Name.of(text, text, text, (text, text)) is None
    assert Name.of("山田", "太郎", "", (text, text)) == Name.of("山田", "太郎")


def test_names_as_long_as_names_may_be_are_compared_at_once() -> None:
    texts = ("山" * 200, "ヤ" * 100, " ".join("ab" * 33), "ab" * 100)
    long = [made for text in texts if (made := Name.of(full=text, kana=("ヤ" * 50, "マ" * 50)))]

    assert long
    for one in long:
        for other in long:
            assert compare(one, other) is compare(other, one)


@pytest.mark.parametrize(
    ("kana", "readings"),
    [
        (("カトウ", "タツヤ"), {"katotatuya"}),
        (("カトウ タツヤ", ""), {"katotatuya"}),
        (("カトウタツヤ", ""), {"katotatuya"}),
        (("ワタナベ", ""), set()),
        (("カトウ", ""), set()),
        (("", "タツヤ"), set()),
    ],
)
def test_the_reading_of_a_part_is_no_reading_of_the_whole(kana: tuple[str, str], readings: set[str]) -> None:
    made = Name.of("加藤", "達也", "", kana)

    assert made is not None
    assert made.readings == readings
