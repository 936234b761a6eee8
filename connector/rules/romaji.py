"""One spelling for every way of writing a Japanese reading, for comparing names in kana with names in Latin letters."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import jaconv

from connector.rules.cleanse import fold, words

_LONGEST_NAME = 200
"""What is longer is a text, not a name."""


@lru_cache(maxsize=16_384)
def romanised(text: str) -> str:
    """A name in kana or Latin letters as lower-case ASCII words with single spaces, the same for every spelling.

    Hepburn, Kunrei and passport spellings fall together (the result looks most like Kunrei), as do hiragana, katakana
    and half-width. A long o or u is a short one, because passports write it so: オオノ, おうの, Ohno and Ōno are one
    name with おの. That joins ゆうこ with ゆこ, which is accepted; and so it is with じゅんいち and じゅにち, because
    few write the apostrophe. Where both names are in kana, compare the kana: おおうち and おち are two families.

    Empty where anything but kana, Latin letters and the signs between names is in it: any reading of kanji would be a
    guess. Kana without a space gives one word; to compare with it, put the parts together before, not after.
    """
    plain = _IGNORED.sub("", _SEPARATORS.sub(" ", fold(text[: 10 * _LONGEST_NAME])))
    if len(plain) > _LONGEST_NAME or _KANJI.search(plain):
        return ""
    if not plain.isascii():
        plain = _from_kana(plain)
    if not plain.isascii():
        plain = "".join(c for c in unicodedata.normalize("NFD", plain.translate(_LETTERS)) if not _is_mark(c))
    plain = " ".join(plain.lower().split())
    if not _ROMAN.fullmatch(plain):
        return ""
    for needed, spelling, canonical in _SPELLINGS:
        if needed in plain:
            plain = spelling.sub(canonical, plain)
    return plain if len(plain) <= _LONGEST_NAME else ""


_SEPARATORS = re.compile("[・･,.、。=゠/]")
# A hyphen is a long mark to one person, an apostrophe to the next (Jun-ichi).
_IGNORED = re.compile("[-ー'’‘`ʼʻ]")
_KANJI = re.compile("[\u3005-\u3007\u3400-\u9fff]")
_ROMAN = re.compile("[a-z ]+")
_LETTERS = str.maketrans(
    {"ø": "o", "Ø": "o", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "ł": "l", "Ł": "l", "đ": "d", "Đ": "d"}
    | {"ð": "d", "Ð": "d", "þ": "th", "Þ": "th", "ß": "ss", "ẞ": "ss", "ı": "i"}
)


def _is_mark(letter: str) -> bool:
    return unicodedata.combining(letter) != 0


# --- kana -------------------------------------------------------------------------------------------------------------

_KANA = dict(
    pair.split("=")
    for pair in words(
        """
        ア=a イ=i ウ=u エ=e オ=o カ=ka キ=ki ク=ku ケ=ke コ=ko サ=sa シ=shi ス=su セ=se ソ=so タ=ta チ=chi ツ=tsu
        テ=te ト=to ナ=na ニ=ni ヌ=nu ネ=ne ノ=no ハ=ha ヒ=hi フ=fu ヘ=he ホ=ho マ=ma ミ=mi ム=mu メ=me モ=mo
        ヤ=ya ユ=yu ヨ=yo ラ=ra リ=ri ル=ru レ=re ロ=ro ワ=wa ヰ=i ヱ=e ヲ=o ン=n
        ガ=ga ギ=gi グ=gu ゲ=ge ゴ=go ザ=za ジ=ji ズ=zu ゼ=ze ゾ=zo ダ=da ヂ=ji ヅ=zu デ=de ド=do
        バ=ba ビ=bi ブ=bu ベ=be ボ=bo パ=pa ピ=pi プ=pu ペ=pe ポ=po ヴ=vu ヷ=va ヸ=vi ヹ=ve ヺ=vo
        ァ=a ィ=i ゥ=u ェ=e ォ=o ャ=ya ュ=yu ョ=yo ヮ=wa ヵ=ka ヶ=ke
        """
    )
)
_SMALL = {"ァ": "a", "ィ": "i", "ゥ": "u", "ェ": "e", "ォ": "o", "ャ": "ya", "ュ": "yu", "ョ": "yo", "ヮ": "wa"}
_SYLLABLES = (
    _KANA
    # The small letter takes the place of the vowel: ティ, ファ, シェ, キャ.
    | {
        kana + small: roman[:-1] + sound
        for kana, roman in _KANA.items()
        if kana not in _SMALL and len(roman) > 1
        for small, sound in _SMALL.items()
    }
    | {kana + small: roman + _SMALL[small] for kana, roman in (("ク", "kw"), ("グ", "gw")) for small in "ァィェォ"}
    | {"クヮ": "kwa", "グヮ": "gwa", "ウィ": "wi", "ウェ": "we", "ウォ": "wo", "イェ": "ye"}
)
_SYLLABLE = re.compile("[ァ-ヶヷ-ヺ][ァィゥェォャュョヮ]?")
_REPEATED = re.compile("([ァ-ヺ])([ヽヾ])")
_DOUBLED = re.compile("ッ+(?=([a-z])?)")


def _from_kana(text: str) -> str:
    kana = _REPEATED.sub(_repeat, jaconv.hira2kata(text))
    # Half-way, ッ stays: the letter it doubles is not there yet.
    return _DOUBLED.sub(_double, _SYLLABLE.sub(_syllable, kana))


def _repeat(match: re.Match[str]) -> str:
    """みすゞ as みすず, and いすゝ as いすす."""
    unvoiced = unicodedata.normalize("NFD", match[1])[0]
    return match[1] + (unicodedata.normalize("NFC", unvoiced + "\u3099") if match[2] == "ヾ" else unvoiced)


def _syllable(match: re.Match[str]) -> str:
    sound = match[0]
    return _SYLLABLES.get(sound) or "".join(_SYLLABLES.get(kana, kana) for kana in sound)


def _double(match: re.Match[str]) -> str:
    return match[1] if match[1] and match[1] not in "aiueo" else ""


# --- Latin letters ----------------------------------------------------------------------------------------------------

# In this order; each leaves nothing that one before it would change. What must be there for it to apply comes first:
# to look for that takes a tenth of the time.
_SPELLINGS = [
    (needed, re.compile(pattern), canonical)
    for needed, pattern, canonical in (
        ("wo", "w+o", "o"),
        ("l", "l", "r"),
        ("v", "v", "b"),
        ("c", "[ct](?=c[hy])", "t"),  # っち: cchi, tchi
        ("c", "(?:chy?|cy)(?=[aueo])", "ty"),
        ("i", "chy?i|tyi", "ti"),
        ("c", "c(?=[aou])", "k"),
        ("sh", "shy?(?=[aueo])", "sy"),
        ("s", "shy?i|syi", "si"),
        ("tsu", "tsu", "tu"),
        ("ffu", "(?<![sc])f(?=fu)", "h"),
        ("fu", "(?<![sc])fu", "hu"),
        ("jj", "j(?=j)", "z"),
        ("j", "jy?(?=[aueo])", "zy"),
        ("j", "jy?i", "zi"),
        ("dd", "(?<!d)ddz(?=[aiueoy])|(?<!d)dd(?=[iuy])", "zz"),  # っづ: ddzu, ddu
        ("d", "(?<!d)dz(?=[aiueoy])|(?<!d)d(?=[iuy])", "z"),
        ("zyi", "zyi", "zi"),
        ("m", "m(?=[bpm])", "n"),
        ("nn", "n{2,}(?![aiueoyn])", "n"),
        ("nnn", "n{3,}", "nn"),
        ("o", "o(?:[ou]|h(?![aiueo]))+", "o"),
        ("u", "u(?:u|h(?![aiueoy]))+", "u"),
    )
]
