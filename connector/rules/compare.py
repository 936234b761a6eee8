"""Comparing names of people: whether two may be one person's, and how sure that is."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from itertools import combinations
from typing import Literal, NamedTuple

from rapidfuzz.distance import OSA

from connector.rules.cleanse import fold, words
from connector.rules.cleanse_names import JAPANESE, name_key
from connector.rules.romaji import romanised


class Level(IntEnum):
    """What two names say about whether they are one person's, from "no" to "yes"."""

    CONFLICT = 0
    """Another family name and another given name."""
    FAMILY = 1
    """Only the family name is the same: colleagues, relatives, or one person whose given name was mistyped."""
    UNKNOWN = 2
    """One is missing, or they cannot be compared: kanji without a reading beside kana."""
    GIVEN = 3
    """Only the given name is the same: a marriage."""
    PARTIAL = 4
    """One is the beginning of the other, or they are one character apart."""
    READING = 5
    """The same reading in other kanji: a wrong conversion, or somebody else."""
    VARIANT = 6
    """The same reading in another script, or the parts in the other order."""
    SAME = 7
    """The same characters, variants of kanji folded."""


Script = Literal["latin", "kana", "kanji"]

# Family names of three characters and more; alone they look like a whole name.
_LONG_FAMILY_NAMES = words(
    """
    佐佐木 長谷川 五十嵐 久保田 大久保 小笠原 東海林 長谷部 日比野 宇佐美 小野寺 佐久間 小早川 小野田 大河内 小山田
    三田村 野野村 宇都宮 曽我部 阿久津 海老原 海老名 加賀美 喜多村 木之下 小田切 小田島 小田桐 小宮山 小松崎 諏訪部
    曽根田 高見沢 竹之内 中曽根 波多野 早乙女 日下部 御手洗 八重樫 矢田部 八木沢 四方田 和久井 大和田 大河原 大須賀
    加賀谷 川久保 北大路 我那覇 仲宗根 仲村渠 与那覇 与那嶺 喜屋武 伊集院 一之瀬 一の瀬 宇田川 大日方 上久保 九十九
    西園寺 二階堂 比留間 山之内 等等力 小久保 勅使河原 長曽我部 武者小路 小比類巻 綾小路 小山内 小松原 小田原 小野塚
    我孫子 安孫子 金田一 勅使川原 小鳥遊 野野山 奈良岡 与謝野 宇賀神 美濃部 国府田 小此木 渡嘉敷 喜友名 伊良部
    小谷野 小野沢 小木曽 海老沢 瀬戸口 津久井 具志堅 朝比奈 田部井 宇佐見 宇津木 堀之内 羽田野
    """
)


class Split(NamedTuple):
    """The two parts of a Japanese name; `given` is "" where only the family name is known."""

    family: str
    given: str


@dataclass(frozen=True, slots=True)
class Name:
    """A name for comparing.

    `key` is what `name_key` gives; `family` the part of it that is the family name, where that is known; `readings`
    how it may be romanised (a name in Latin letters has its parts in either order), `words` the parts of the reading,
    `kana` the reading in hiragana.
    """

    key: str
    family: str | None = None
    readings: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    script: Script = "kanji"
    kana: str = ""
    _forms: tuple[str, ...] | None = field(default=None, init=False, repr=False, compare=False)

    def __hash__(self) -> int:
        return hash(self.key)  # names are compared often, and a key says nearly all

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Name)
            and self.key == other.key
            and self.readings == other.readings
            and (self.family, self.kana, self.words) == (other.family, other.kana, other.words)
        )

    @classmethod
    def of(cls, family: str = "", given: str = "", full: str = "", kana: tuple[str, str] = ("", "")) -> Name | None:
        """The name out of its two parts, or the whole; of the kana where there is no other. None if nothing says it.

        `kana` may have its family and given name apart, or everything in the first.
        """
        return _name_of(family, given, full) if not any(kana) else _name_with_kana(family, given, full, *kana)

    @property
    def whole(self) -> bool:
        """Whether both family and given name are in it, as far as can be told."""
        if self.script == "latin":
            return sum(len(word) > 1 for word in self.key.split()) > 1  # T. Sato is any of several
        if self.family is not None:
            return self.key != self.family
        if self.script == "kana":
            return len(self.key) > len("かつらやま")  # a family name; shorter whole names are rare
        return len(self.key) > 2 and self.key not in _LONG_FAMILY_NAMES

    @property
    def forms(self) -> tuple[str, ...]:
        """A whole name in every form in which another record may have it; none where a part is missing."""
        if self._forms is None:
            read = tuple(sorted(self.readings))
            forms = () if not self.whole else (self.key, *read) if self.script == "kanji" else read
            object.__setattr__(self, "_forms", forms)
            return forms
        return self._forms

    def split(self, hint: str | None = None) -> Split:
        """Family and given name; where the record does not tell, as `hint` (another's family name) or at two."""
        family = self.family or (hint if hint and self.key.startswith(hint) else self.key[:2])
        return Split(family, self.key.removeprefix(family))


@lru_cache(maxsize=65_536)
def _name_of(family: str, given: str, full: str) -> Name | None:
    key = name_key(family, given, full)
    if key is None:
        return None
    both = bool(family.strip() and given.strip())
    if not JAPANESE.search(key):
        parts = romanised(f"{family} {given}" if both else full or family or given).split()
        readings = frozenset(("".join(parts), "".join(reversed(parts)), "".join(sorted(parts)))) if parts else _NONE
        return Name(key, None, readings, frozenset(parts), "latin")
    script: Script = "kanji" if _BESIDE_KANA.search(key) else "kana"
    first = name_key(family or fold(full).partition(" ")[0])
    # The only word of a full name, or the one before 様, is no family name.
    known = first if first and key.startswith(first) and (family or first != key) else None
    if script == "kanji":
        return Name(key, known)
    return Name(key, known, *_reading(known or key, key.removeprefix(known) if known else ""), script, key)


_NONE: frozenset[str] = frozenset()


_BESIDE_KANA = re.compile("[^\u3040-\u30ff]")


def _reading(family: str, given: str) -> tuple[frozenset[str], frozenset[str]]:
    # Word by word: `Sato Oji` would lose more if its vowels met.
    parts = [word for part in (family, given) if (word := romanised(part).replace(" ", ""))]
    return (frozenset(("".join(parts),)), frozenset(parts)) if parts else (_NONE, _NONE)


@lru_cache(maxsize=65_536)
def _name_with_kana(family: str, given: str, full: str, family_kana: str, given_kana: str) -> Name | None:
    if not given_kana.strip():
        family_kana, _, given_kana = fold(family_kana).partition(" ")
    kana = _name_of(family_kana, given_kana, "" if family_kana and given_kana else family_kana or given_kana)
    name = _name_of(family, given, full)
    if name is None or kana is None or kana.script != "kana" or name.script == "kana":
        return name or kana
    parts = bool(family_kana.strip() and given_kana.strip())
    if not parts and name.whole and len(kana.key) < max(len(name.key) + 2, 1.5 * len(name.key)):
        return name  # the reading of the family name alone, or too short to tell
    return Name(name.key, name.family, name.readings | kana.readings, name.words | kana.words, name.script, kana.kana)


# --- two names --------------------------------------------------------------------------------------------------------


def compare(one: Name | None, other: Name | None) -> Level:
    """How well two names go together; symmetric."""
    if one is None or other is None:
        return Level.UNKNOWN
    return Level.SAME if one is other else _compared(one, other)  # mostly it is the very one


@lru_cache(maxsize=65_536)
def _compared(one: Name, other: Name) -> Level:
    if one.key == other.key:
        # Written alike and read otherwise: 真人 as まさと and まこと.
        return Level.SAME if _read_alike(one, other) else Level.PARTIAL
    if one.kana and other.kana and one.kana == other.kana:
        return Level.READING if one.script == other.script else Level.VARIANT
    if one.script != other.script:
        return _across_scripts(one, other)
    return _latin(one, other) if one.script == "latin" else _japanese(one, other)


def _read_alike(one: Name, other: Name) -> bool:
    return (
        one.script != "kanji" or not one.readings or not other.readings or not one.readings.isdisjoint(other.readings)
    )


def _across_scripts(one: Name, other: Name) -> Level:
    if not one.readings or not other.readings:
        return Level.UNKNOWN
    if not one.readings.isdisjoint(other.readings):
        # Romanised, おおの and おの are one; in kana they are two.
        return Level.PARTIAL if one.kana and other.kana else Level.VARIANT
    common = one.words & other.words
    if common and (len(one.words) == 1 or len(other.words) == 1):
        return Level.PARTIAL
    return (
        Level.FAMILY if common or _begins_with_a_word(one, other) or _begins_with_a_word(other, one) else Level.CONFLICT
    )


def _begins_with_a_word(one: Name, other: Name) -> bool:
    """A kana name without a space is one word: its beginning may be the family name."""
    return any(reading.startswith(word) for reading in one.readings for word in other.words if len(word) > 2)


def _latin(one: Name, other: Name) -> Level:
    if not one.readings.isdisjoint(other.readings):
        return Level.VARIANT
    fewer, more = sorted((one.key.split(), other.key.split()), key=len)
    left = list(more)
    strong = matched = 0
    for word in fewer:
        like = next((each for each in left if each == word), None) or next((e for e in left if _alike(word, e)), None)
        if like is not None:
            left.remove(like)
            matched += 1
            strong += len(word) > 1 and len(like) > 1
    if matched == len(fewer) and strong:
        return Level.PARTIAL
    return Level.FAMILY if strong else Level.CONFLICT


def _alike(word: str, other: str) -> bool:
    """A typing error, or an initial."""
    if len(word) == 1 or len(other) == 1:
        return word[0] == other[0]
    # Yuko and Yuto are two names, not one that was mistyped: an error seldom leaves Japanese syllables.
    strict = min(len(word), len(other)) < 4 or (_SYLLABLES.fullmatch(word) and _SYLLABLES.fullmatch(other))
    allowed = 0 if strict else 1 if max(len(word), len(other)) < 8 else 2
    return OSA.distance(word, other, score_cutoff=allowed) <= allowed


_SYLLABLES = re.compile("(?:(?:[kgsztdnhbpmrfjyw]|[kgnhbpmr]y|[sc]h|ts)?[aiueo]|n)+")


def _japanese(one: Name, other: Name) -> Level:
    (family, given), (their_family, their_given) = one.split(other.family), other.split(one.family)
    if (given and other.key == given + family) or (their_given and one.key == their_given + their_family):
        return Level.VARIANT
    if one.key.startswith(other.key) or other.key.startswith(one.key):
        two_families = one.family and other.family and one.family != other.family
        return Level.CONFLICT if two_families else Level.PARTIAL
    same_family = one.key.startswith(their_family) or other.key.startswith(family)
    if _one_apart(one.key, other.key) and not (same_family and _other_given_name(one, other, given, their_given)):
        return Level.PARTIAL
    if same_family:
        return Level.FAMILY
    return Level.GIVEN if _same_given_name(one, other, given, their_given) else Level.CONFLICT


def _same_given_name(one: Name, other: Name, given: str, their_given: str) -> bool:
    """Where a family name is not known, one character at the end is no given name: 洋子 is not 子."""
    if one.family and other.family:
        return bool(given) and given == their_given
    return any(len(end) > 1 and key.endswith(end) for key, end in ((one.key, their_given), (other.key, given)))


def _other_given_name(one: Name, other: Name, given: str, their_given: str) -> bool:
    """優 and 舞, 太郎 and 次郎 are one character apart, and two people."""
    return min(len(given), len(their_given)) < 2 or bool(one.readings and other.readings)


_NUMERALS = frozenset("一二三四五六七八九十次")


def _one_apart(one: str, other: str) -> bool:
    """One character typed wrongly, left out or exchanged with its neighbour; not 健一 and 健二, who are brothers."""
    if min(len(one), len(other)) < 3 or OSA.distance(one, other, score_cutoff=1) > 1:
        return False
    changed = [(a, b) for a, b in zip(one, other, strict=False) if a != b]
    return len(one) != len(other) or not any({a, b} & _NUMERALS for a, b in changed)


# --- many names -------------------------------------------------------------------------------------------------------


def most_different(names: Iterable[Name]) -> int:
    """How many of these names are certainly different people's, in the script that has most; quadratic."""
    scripts: dict[str, set[Name]] = defaultdict(set)
    for name in names:
        scripts[name.script].add(name)
    return max((len(sets_of(some, lambda level: level >= Level.GIVEN)) for some in scripts.values()), default=0)


def sets_of(names: Iterable[Name], together: Callable[[Level], bool]) -> list[set[Name]]:
    """The names in sets whose members go together, directly or through others."""
    sets: list[set[Name]] = []
    for name in names:
        near = [some for some in sets if any(together(compare(name, other)) for other in some)]
        sets = [some for some in sets if some not in near] + [{name}.union(*near)]
    return sets


def contradict(names: Iterable[Name]) -> bool:
    """Whether two of these names cannot be one person's."""
    return any(compare(one, other) is Level.CONFLICT for one, other in combinations(names, 2))
