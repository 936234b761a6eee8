from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.rules.romaji import romanised


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("やまだ たろう", "YAMADA Taro"),
        ("ﾔﾏﾀﾞ ﾀﾛｳ", "やまだ　たろう"),
        ("ＹＡＭＡＤＡ", "ヤマダ"),
        ("しみず", "Simizu"),
        ("しみず", "Shimizu"),
        ("ちば", "Chiba"),
        ("ちば", "Tiba"),
        ("つちや", "Tsuchiya"),
        ("つちや", "Tutiya"),
        ("ふじた", "Fujita"),
        ("ふじた", "Huzita"),
        ("かづき", "Kazuki"),
        ("かづき", "Kaduki"),
        ("かづき", "Kadzuki"),
        ("ちぢわ", "Chijiwa"),
        ("ちぢわ", "Tidiwa"),
        ("しょうじ", "Shoji"),
        ("しょうじ", "Syouzi"),
        ("ちゃたに", "Chatani"),
        ("ちゃたに", "Tyatani"),
        ("ちゃたに", "Cyatani"),
        ("じゅん", "Jun"),
        ("じゅん", "Zyun"),
        ("じゅん", "Jyun"),
        ("じょうじ", "Joji"),
        ("じょうじ", "Jyouji"),
        ("オオノ", "Ohno"),
        ("オオノ", "Ōno"),
        ("おうの", "Ôno"),
        ("おうの", "Oono"),
        ("オーノ", "Ono"),
        ("おおはし", "Ohhashi"),
        ("おおはし", "Ohashi"),
        ("おおやま", "Ohyama"),
        ("おおうち", "Ouchi"),
        ("サトウ", "Satoh"),
        ("サトー", "Sato"),
        ("サト-", "Satō"),
        ("いのうえ", "Inoue"),
        ("ゆうき", "Yuki"),
        ("ゆうき", "Yuuki"),
        ("ゆうき", "Yūki"),
        ("ゆうき", "Yuhki"),
        ("きょうこ", "Kyouko"),
        ("なんば", "Namba"),
        ("なんば", "Nanba"),
        ("しんばし", "SHIMBASHI"),
        ("ほんま", "Homma"),
        ("さんぺい", "Sampei"),
        ("かんの", "Kanno"),
        ("かんの", "Kannno"),
        ("けん", "Kenn"),
        ("じゅんいち", "Jun'ichi"),
        ("じゅんいち", "Jun’ichi"),
        ("じゅんいち", "Jun-ichi"),
        ("じゅんいち", "Junichi"),
        ("はっとり", "Hattori"),
        ("まっちゃ", "Matcha"),
        ("まっちゃ", "Maccha"),
        ("まっちゃ", "Mattya"),
        ("ほった", "Hotta"),
        ("ほっち", "Hotchi"),
        ("べっしょ", "Bessho"),
        ("べっしょ", "Bessyo"),
        ("まっづ", "Maddu"),
        ("ティナ", "Tina"),
        ("ファン", "Fan"),
        ("ジェシカ", "Jeshika"),
        ("シェリー", "Sheri"),
        ("ウィリアム", "Wiriamu"),
        ("ヴィヴィアン", "Vivian"),
        ("ヴィヴィアン", "ビビアン"),
        ("クァン", "Kwan"),
        ("りさ", "Lisa"),
        ("えりか", "Erica"),
        ("かをる", "かおる"),
        ("かをる", "Kaworu"),
        ("みすゞ", "みすず"),
        ("さゝき", "ささき"),
        ("ちゐ", "ちい"),
        ("か\u200bﾞん", "がん"),
        ("ジョン・スミス", "ジョン スミス"),
        ("Yamada, Taro", "yamada taro"),
        ("José", "Jose"),
        ("Søren", "Soren"),
    ],
)
def test_spellings_of_one_reading(one: str, other: str) -> None:
    assert romanised(one) == romanised(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("けんた", "けいた"),
        ("ゆうこ", "ゆか"),
        ("さとう", "さいとう"),
        ("さとう", "かとう"),
        ("いいだ", "いだ"),
        ("はっとり", "はとり"),
        ("かんの", "かの"),
        ("きよこ", "きょうこ"),
        ("ひろし", "ひろこ"),
        ("まき", "まさき"),
        ("しん", "しの"),
        ("じゅん", "しゅん"),
        ("ひがし", "ふかし"),
        ("はなえ", "ふなえ"),
        ("よしえ", "よしい"),
        ("こうへい", "こうえい"),
        ("せいこ", "せこ"),
        ("たかはし", "たかし"),
        ("あべ", "あんべ"),
        ("Yamada Taro", "Taro Yamada"),
        ("やまだたろう", "やまだ たろう"),
    ],
)
def test_readings_that_stay_apart(one: str, other: str) -> None:
    assert romanised(one) != romanised(other)


@pytest.mark.parametrize(
    ("text", "roman"),
    [
        ("しょうじ ちづる", "syozi tizuru"),
        ("オオノタロウ", "onotaro"),
        ("Smith", "smith"),
        ("っあ", "a"),
        ("ゃ", "ya"),
    ],
)
def test_romanised(text: str, roman: str) -> None:
    assert romanised(text) == roman


@pytest.mark.parametrize(
    "text",
    [
        "",
        "　",
        "ー",
        "山田",
        "山田 たろう",
        "佐々木",
        "やまだ1",
        "taro@a.co.jp",
        "Иван",
        "김",
        "(たろう)",
        "\ud800",
        "a" * 201,
    ],
)
def test_what_has_no_reading_that_is_known(text: str) -> None:
    assert romanised(text) == ""


@pytest.mark.parametrize("family", ["おおの", "やまだ", "さとう", "ほんだ"])
@pytest.mark.parametrize("given_name", ["うた", "おと", "あん", "まい"])
def test_names_compare_without_a_space_when_they_are_joined_before(family: str, given_name: str) -> None:
    assert romanised(family + given_name) == romanised(romanised(family) + romanised(given_name))


PIECES = st.sampled_from(
    """
    a i u e o ou oo oh uu uh n nn m mm b p l v c h s t j y z d dz dd f ff sh ch tch cch cy ty tsu jj shy jy zy wo w x
    あ う お ん っ ッ ー ゃ ュ ぁ ィ ヴ ふ フ ち ヂ づ ゝ ヾ は ほ 々 ' - Ō é ß İ ・ 山
    """.split()  # noqa: SIM905  easier to read than seventy strings
)
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=60),
    st.text("abcdefghijklmnopqrstuvwxyz ", max_size=20),
    st.text([chr(code) for code in range(0x3041, 0x30FF)], max_size=20),
    st.lists(PIECES | st.just(" "), max_size=12).map("".join),
)


@given(TEXTS)
@example("a" * 200)
@example("し" * 150)
@example("ddzdu")
@example("ohoh")
def test_a_romanised_name_is_its_own(text: str) -> None:
    roman = romanised(text)

    assert romanised(roman) == roman
    assert re.fullmatch(r"(?:[a-z]+(?: [a-z]+)*)?", roman)


@given(TEXTS)
def test_case_and_script_make_no_difference(text: str) -> None:
    assert romanised(romanised(text).upper()) == romanised(text)


@pytest.mark.parametrize("piece", ["あ", "っ", "ー", "ou", "oh", "n", "ゝ", "d", "\u3099", "\x00"])
def test_long_texts_take_no_time(piece: str) -> None:
    start = time.process_time()

    romanised(piece * (10_000 // len(piece)))

    assert time.process_time() - start < 0.5
