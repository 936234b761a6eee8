"""Records of made-up people from four Japanese systems, and who is who in truth.

It shares no code and no table with the product, or both would share a mistake.

`python -m benchmarks.identity_data --people 2000 --seed 7 --out tests/data/identity` writes the sample that the tests
read.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache, lru_cache
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Row(NamedTuple):
    """A record as a system holds it, and below the line what is true about it."""

    source: str
    source_id: str
    name: str
    family_name: str
    given_name: str
    kana: str
    company: str
    corporate_number: str
    department: str
    title: str
    email: str
    phone: str
    mobile: str
    postal_code: str
    address: str
    registered_at: str
    # ----
    person: str
    entity: str
    """The company; "" when the record names none."""
    kinds: str
    """What happened to the record or is special about its person, in words: `namesake`, `mail_typo` ..."""


COLUMNS = Row._fields[:16]
GOLD = ("source", "source_id", "person", "entity")

BEGIN = date(2023, 4, 1)
DAYS = 1096

SOURCES = {"ma": 45, "sfa": 20, "seminar": 20, "card": 15}
"""Out of a hundred records."""

FILL = {
    #           ma   sfa seminar card
    "email": (0.97, 0.88, 0.94, 0.84),
    "company": (0.92, 0.985, 0.93, 0.99),
    "department": (0.55, 0.80, 0.50, 0.93),
    "title": (0.35, 0.70, 0.25, 0.88),
    "phone": (0.42, 0.80, 0.55, 0.88),
    "mobile": (0.09, 0.36, 0.12, 0.65),  # of those who have one
    "kana": (0.35, 0.20, 0.75, 0.08),
    "address": (0.12, 0.65, 0.06, 0.94),
    "corporate_number": (0, 0.45, 0, 0),
    "split": (1, 0.45, 0, 0),  # the name in two fields
    "whole": (0, 0.85, 1, 1),  # the name in one
    "free_mail": (0.10, 0.02, 0.11, 0.01),  # of those who have one, instead of the company's
}

LIVES = {
    "move": 0.06,
    "department": 0.14,
    "seconded": 0.10,  # of those in a group of companies
    "married": 0.05,  # of the women
    "free_mail": 0.32,
    "mobile": 0.62,
    "direct_line": 0.22,
    "branch": 0.30,
    "individual": 0.025,
    "old_shape": 0.20,  # 髙橋, of those whose name has one
}
"""How many people it happens to."""

ERRORS = {
    "variant": 0.04,  # of the names that have one
    "modern_shape": 0.45,  # of those who write themselves in an old one
    "homophone": 0.017,
    "kana_only": 0.022,
    "half_kana": 0.006,
    "romaji": 0.02,
    "swapped": 0.004,
    "honorific": 0.015,
    "nameless": 0.008,
    "family_only": 0.006,
    "one_field": 0.008,
    "ocr": 0.032,  # of the cards
    "wide": 0.05,
    "english": 0.019,
    "branch": 0.32,  # of those in a branch
    "company_variant": 0.15,  # of the names that have one
    "company_typo": 0.004,
    "no_company": 0.004,
    "mail_typo": 0.0125,
    "mail_wide": 0.008,
    "mail_case": 0.03,
    "plus": 0.012,
    "subdomain": 0.22,  # of those in a company that has one
    "old_domain": 0.08,  # after the change
    "junk": 0.003,
    "phone_typo": 0.012,
    "phone_zero": 0.025,
    "extension": 0.05,
    "phone_is_mobile": 0.05,
}
"""How many records it happens to; `dirty` multiplies these."""

HARD = {"namesake": 0.0235, "same_reading": 0.0082, "family": 0.0275, "inherited": 0.0095}
"""How many people of each hard kind."""
CONTACTS = 0.0034
"""How many mailboxes a person with records that name nobody."""

COMPANIES_PER_PERSON = 0.1372
PARENTS, SHARED_DOMAIN, HOMONYMS = 0.10, 0.40, 0.03
"""Companies with subsidiaries; subsidiaries at the domain of the parent; small companies called as one elsewhere."""
ROLE_COMPANIES, TEAM_COMPANIES = 0.30, 0.10
"""Companies that write from info@ or keisoku@, too."""
SUBDOMAIN_COMPANIES, OLD_DOMAIN_COMPANIES = 0.13, 0.035

SINGLES, MORE, MOST = 0.42, 0.588, 12
"""People with one record; how many of the others have one more than two, and so on; and no more than this."""


# --- tables -----------------------------------------------------------------------------------------------------------


def _words(table: str) -> tuple[str, ...]:
    return tuple(table.split())


_PLACES = """
北海道 札幌市中央区 北一条西 060 011-2 hokkaido|青森県 青森市 長島 030 017 aomori|岩手県 盛岡市 内丸 020 019 iwate
宮城県 仙台市青葉区 本町 980 022 miyagi|秋田県 秋田市 山王 010 018 akita|山形県 山形市 松波 990 023 yamagata
福島県 福島市 杉妻町 960 024 fukushima|茨城県 水戸市 笠原町 310 029 ibaraki|栃木県 宇都宮市 塙田 320 028 tochigi
群馬県 前橋市 大手町 371 027 gunma|埼玉県 さいたま市浦和区 高砂 330 048 saitama|千葉県 千葉市中央区 市場町 260 043 chiba
東京都 千代田区 神田錦町 101 03 tokyo|東京都 中央区 日本橋本町 103 03 tokyo|東京都 港区 芝公園 105 03 tokyo
東京都 新宿区 西新宿 160 03 tokyo|東京都 品川区 大崎 141 03 tokyo|東京都 大田区 蒲田 144 03 tokyo
東京都 渋谷区 渋谷 150 03 tokyo|東京都 江東区 木場 135 03 tokyo|東京都 板橋区 大山東町 173 03 tokyo
神奈川県 横浜市中区 日本大通 231 045 kanagawa|神奈川県 川崎市川崎区 宮本町 210 044 kanagawa
新潟県 新潟市中央区 新光町 950 025 niigata|富山県 富山市 新総曲輪 930 076 toyama|石川県 金沢市 鞍月 920 076 ishikawa
福井県 福井市 大手 910 0776 fukui|山梨県 甲府市 丸の内 400 055 yamanashi|長野県 長野市 南長野 380 026 nagano
岐阜県 岐阜市 薮田南 500 058 gifu|静岡県 静岡市葵区 追手町 420 054 shizuoka|静岡県 浜松市中央区 元城町 430 053 shizuoka
愛知県 名古屋市中区 三の丸 460 052 aichi|愛知県 名古屋市中村区 名駅 450 052 aichi|愛知県 豊田市 西町 471 0565 aichi
三重県 津市 広明町 514 059 mie|滋賀県 大津市 京町 520 077 shiga|京都府 京都市上京区 下立売通 602 075 kyoto
大阪府 大阪市中央区 大手前 540 06 osaka|大阪府 大阪市北区 梅田 530 06 osaka|大阪府 堺市堺区 南瓦町 590 072 osaka
大阪府 東大阪市 荒本北 577 06 osaka|兵庫県 神戸市中央区 下山手通 650 078 hyogo|兵庫県 姫路市 安田 670 079 hyogo
奈良県 奈良市 登大路町 630 0742 nara|和歌山県 和歌山市 小松原通 640 073-4 wakayama|鳥取県 鳥取市 東町 680 0857 tottori
島根県 松江市 殿町 690 0852 shimane|岡山県 岡山市北区 内山下 700 086 okayama|広島県 広島市中区 基町 730 082 hiroshima
山口県 山口市 滝町 753 083 yamaguchi|徳島県 徳島市 万代町 770 088-6 tokushima|香川県 高松市 番町 760 087 kagawa
愛媛県 松山市 一番町 790 089 ehime|高知県 高知市 丸ノ内 780 088-8 kochi|福岡県 福岡市博多区 東公園 812 092 fukuoka
福岡県 北九州市小倉北区 城内 803 093 fukuoka|佐賀県 佐賀市 城内 840 0952 saga|長崎県 長崎市 尾上町 850 095 nagasaki
熊本県 熊本市中央区 水前寺 862 096 kumamoto|大分県 大分市 大手町 870 097 oita|宮崎県 宮崎市 橘通東 880 0985 miyazaki
鹿児島県 鹿児島市 鴨池新町 890 099 kagoshima|沖縄県 那覇市 泉崎 900 098 okinawa
"""
"""Prefecture, municipality, town, beginning of the postal code, area code (and how numbers begin there), a label."""

_WORDS = """
東亜:toa 大洋:taiyo 日新:nisshin 三協:sankyo 光陽:koyo 新和:shinwa 北斗:hokuto 南海:nankai 協和:kyowa 昭栄:shoei
旭:asahi 青葉:aoba 白鳥:shiratori 富士見:fujimi 高砂:takasago 瑞穂:mizuho 千歳:chitose 松風:matsukaze 大和田:owada
瀬戸:seto 三光:sanko 双葉:futaba 東邦:toho 西濃:seino 中外:chugai 日東:nitto 大同:daido 共栄:kyoei 丸友:marutomo
丸三:marusan 山陽:sanyo 北陸:hokuriku 東海:tokai 信越:shinetsu 明和:meiwa 豊和:howa 栄光:eiko 金剛:kongo 鳳:otori
桐生:kiryu 国光:kokko 広和:kowa 浜名:hamana 沢田屋:sawadaya 関東:kanto 常磐:joban 三恵:sankei 真栄:shinei 藤光:toko
萬年:mannen アオゾラ:aozora スター:star ミライ:mirai サクラ:sakura ヒカリ:hikari オリオン:orion ポラリス:polaris
アルファ:alpha グリーン:green ブルー:blue コスモ:cosmo ネクスト:next フロンティア:frontier アーク:arc リンク:link
トライ:try ユニバース:universe サンライズ:sunrise パシフィック:pacific セントラル:central ノース:north エコー:echo
プリズム:prism アクア:aqua テラ:terra ルミナス:luminous クローバー:clover ハーモニー:harmony ライト:light
クラフト:craft ベルテック:beltec あおぞら:aozora2 ひまわり:himawari なごみ:nagomi つばさ:tsubasa かがやき:kagayaki
みのり:minori そよかぜ:soyokaze TMK:tmk KSP:ksp NTC:ntc OKS:oks HMR:hmr エヌケー:nk アイティー:it ダイワテック:daiwatech
"""
_TRADES = """
製作所:seisakusho 工業:kogyo 商事:shoji 電機:denki 設備:setsubi 建設:kensetsu 物産:bussan 印刷:insatsu 運輸:unyu
食品:shokuhin 化学:kagaku 精機:seiki 産業:sangyo 不動産:fudosan 技研:giken 鉄工所:tekkosho 商店:shoten 薬品:yakuhin
金属:kinzoku 木材:mokuzai 紙業:shigyo 通商:tsusho 計測:keisoku 繊維:seni 水産:suisan 機械:kikai 電子:denshi 塗装:toso
倉庫:soko 鋼業:kogyo2 鉱業:kogyo3 測量:sokuryo 興産:kosan 組:gumi システム:system ソリューションズ:solutions
エンジニアリング:engineering テクノロジー:technology デザイン:design コンサルティング:consulting メディカル:medical
サービス:service ネットワーク:network エレクトロニクス:electronics プランニング:planning フーズ:foods
"""
_CHILDREN = """
販売:hanbai サービス:service 物流:butsuryu エンジニアリング:engineering システムズ:systems テクノ:techno 東京:tokyo
関西:kansai 九州:kyushu 北海道:hokkaido ビジネスサポート:support ホールディングス:hd ファシリティーズ:facilities
"""
_DEPARTMENTS = """
営業部 営業一課 営業二課 営業推進部 営業企画部 第一営業部 第二営業部 海外営業部 法人営業部 技術部 技術開発部 開発部
設計部 設計一課 製造部 製造一課 生産管理部 生産技術部 品質保証部 品質管理課 購買部 調達課 資材部 総務部 総務課 人事部
経理部 財務部 経営企画室 情報システム部 情報システム課 DX推進室 マーケティング部 広報室 研究所 物流部
カスタマーサポート部 保守サービス部 施設管理課 工務部
"""
_TITLES = "部長 次長 課長 係長 主任 担当 マネージャー リーダー 取締役 代表取締役 室長 課長代理 主査 工場長 専務取締役"
_BRANCHES = """
東京支店 大阪支店 名古屋支店 福岡営業所 仙台営業所 札幌支店 広島営業所 横浜支社 本社 関西支社 九州支店 北関東営業所
"""
_FORMS: dict[str, tuple[int, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "株式会社": (82, ("㈱", "(株)", "（株）"), ("Co., Ltd.", "Inc.", "K.K.", "Corporation"), ("co.jp", "com", "jp")),
    "有限会社": (10, ("㈲", "(有)", "（有）"), ("Co., Ltd.", "Ltd."), ("co.jp", "jp", "com")),
    "合同会社": (4, ("(同)", "（同）"), ("LLC", "G.K."), ("co.jp", "jp", "com")),
    "一般社団法人": (2, ("(一社)", "（一社）"), ("Association",), ("or.jp",)),
    "医療法人": (2, ("(医)", "（医）"), ("Clinic",), ("or.jp", "com")),
}
"""Share, short forms, English, domains."""
_OTHER_SUFFIXES = ("net", "ne.jp", "tokyo.jp", "biz", "osaka.jp")

_PATTERNS = {
    "{g}.{f}": 18,
    "{f}.{g}": 15,
    "{i}-{f}": 15,
    "{i}.{f}": 10,
    "{f}": 10,
    "{f}-{g}": 8,
    "{i}{f}": 8,
    "{g}-{f}": 6,
    "{f}_{g}": 5,
    "{f}{i}": 5,
}
_ROLE_BOXES = _words("info sales soumu support contact mail office eigyo keiri inquiry admin jinji")
_TEAM_BOXES = _words("keisoku team3 gijutsu2 sekkei1 hinshitsu kaihatsu-g seizo1 kobai2 tokyo-ml planning2 hoshu lab-a")
_FREE_HOSTS = {"gmail.com": 50, "yahoo.co.jp": 28, "docomo.ne.jp": 12, "outlook.jp": 5, "icloud.com": 5}
_SUBDOMAINS = ("mail", "tokyo", "ml", "hq", "smtp")
_NOBODIES = ("ご担当者様", "ご担当者", "担当者", "総務ご担当者様", "なし")
_JUNK_MAILS = ("なし", "-", "無し", "none", "test@example.com", "aaa@aaa")
_JUNK_PHONES = ("なし", "-", "0", "0000", "000-0000-0000", "不明")

_SHAPES = _words(
    """
    高髙 崎﨑嵜 斎齋 斉齊 辺邊邉 沢澤 浜濱濵 広廣 嶋嶌 国國 真眞 恵惠 吉𠮷 桜櫻 徳德 滝瀧 関關 栄榮 蔵藏 万萬 竜龍 静靜
    """
)
"""One character in several shapes, the one of today first."""
_OFTEN_TAKEN_FOR = _words("斎斉 嶋島 冨富 舘館 峯峰 渕淵 野埜 阪坂 籐藤 杉椙")
"""Two characters of which people type the one for the other."""
_MISREAD = _words("工エ 口ロ 二ニ 力カ 夕タ 太大 土士 末未 一ー 己巳 千干 本木 田由 日目 間問 井丼 八ハ")


def _others(groups: Sequence[str]) -> dict[str, str]:
    return {char: group.replace(char, "") for group in groups for char in group}


_SHAPE_OF, _TAKEN_FOR, _READ_AS = _others(_SHAPES), _others(_OFTEN_TAKEN_FOR), _others(_MISREAD)


# --- scripts ----------------------------------------------------------------------------------------------------------

_KANA = (
    "あいうえおかきくけこがぎぐげごさしすせそざじずぜぞたちつてとだぢづでどなにぬねの"
    "はひふへほばびぶべぼぱぴぷぺぽまみむめもやゆよらりるれろわをんゔ"
)
_LATIN = """
a i u e o ka ki ku ke ko ga gi gu ge go sa shi su se so za ji zu ze zo ta chi tsu te to da ji zu de do na ni nu ne no
ha hi fu he ho ba bi bu be bo pa pi pu pe po ma mi mu me mo ya yu yo ra ri ru re ro wa o n vu
"""
_SYLLABLES = dict(zip(_KANA, _LATIN.split(), strict=True))
_SMALL = {"ゃ": "a", "ゅ": "u", "ょ": "o"}
_LONG = re.compile(
    "(?<=[おこそとのほもよろごぞどぼぽょ])[うお](?![えらち])|(?<=[うくすつぬふむゆるぐずぶぷゅ])う(?![えらち])"
)


@lru_cache(maxsize=50_000)
def romaji(kana: str, style: str = "short") -> str:
    """Hiragana in Latin letters; さとう is `sato` when short, `satou` when typed, `satoh` by the last."""
    if style != "typed":
        kana = _LONG.sub("^", kana)
    text = ""
    for char in kana:
        if char in _SMALL:
            text = text[:-1] + ("" if text.endswith(("shi", "chi", "ji")) else "y") + _SMALL[char]
        elif char == "^":
            text += "h" if style == "h" else ""
        else:
            text += char if char == "っ" else _SYLLABLES[char]
    return re.sub("っ(.)", lambda match: ("t" if match[1] == "c" else match[1]) + match[1], text)


_FULL = (
    "。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホ"
    "マミムメモヤユヨラリルレロワン"
)
_HALVES = {full: chr(0xFF61 + no) for no, full in enumerate(_FULL)}
_HALVES |= {chr(ord(char) + 1): _HALVES[char] + "ﾞ" for char in "カキクケコサシスセソタチツテトハヒフヘホ"}
_HALVES |= {chr(ord(char) + 2): _HALVES[char] + "ﾟ" for char in "ハヒフヘホ"} | {"ヴ": "ｳﾞ"}
_TO_HALF = str.maketrans(_HALVES)
_TO_WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)} | {" ": "　"})
_TO_KATAKANA = str.maketrans({chr(code): chr(code + 0x60) for code in range(0x3041, 0x3097)})


def katakana(hiragana: str) -> str:
    return hiragana.translate(_TO_KATAKANA)


def half(text: str) -> str:
    return text.translate(_TO_HALF)


def wide(text: str) -> str:
    return text.translate(_TO_WIDE)


# --- dice -------------------------------------------------------------------------------------------------------------


class Bag(Generic[T]):
    """Things to draw from, some more often than others."""

    def __init__(self, weights: Iterable[tuple[T, int]]) -> None:
        pairs = list(weights)
        self.things = [thing for thing, _ in pairs]
        self.sums = list(accumulate(weight for _, weight in pairs))

    def at(self, share: float) -> T:
        return self.things[bisect(self.sums, int(share * self.sums[-1]))]


class Dice:
    """All that is random, from one seed."""

    def __init__(self, seed: int, dirty: float) -> None:
        self.roll = Random(seed).random
        self._errors = {name: min(0.9, rate * dirty) for name, rate in ERRORS.items()}

    def chance(self, rate: float) -> bool:
        return self.roll() < rate

    def error(self, name: str) -> bool:
        return self.roll() < self._errors[name]

    def below(self, end: int) -> int:
        return int(self.roll() * end)

    def between(self, first: int, last: int) -> int:
        return first + int(self.roll() * (last - first + 1))

    def one(self, things: Sequence[T]) -> T:
        return things[int(self.roll() * len(things))]

    def draw(self, bag: Bag[T]) -> T:
        return bag.at(self.roll())

    def digits(self, count: int) -> str:
        return f"{self.below(10**count):0{count}}"


def replaced(text: str, at: int, by: str) -> str:
    return text[:at] + by + text[at + 1 :]


# --- names ------------------------------------------------------------------------------------------------------------


class Name(NamedTuple):
    kanji: str
    kana: str
    """Hiragana."""


@dataclass(frozen=True, slots=True)
class Names:
    family: Bag[Name]
    given: tuple[Bag[Name], Bag[Name]]
    """Of men and of women."""
    families: dict[str, list[str]]
    """All spellings of a reading."""
    givens: tuple[dict[str, list[str]], dict[str, list[str]]]


@cache
def names() -> Names:
    """The table beside this module."""
    parts: dict[str, list[list[str]]] = {}
    part: list[list[str]] = []
    for line in Path(__file__).with_name("identity_names.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            part = parts.setdefault(line.strip("[]"), [])
        elif not line.startswith("#"):
            part.append(line.split())
    families: dict[str, list[str]] = {}
    for kanji, kana, _ in parts["family"]:
        families.setdefault(kana, []).append(kanji)
    given = [
        Bag(
            (Name(kanji, kana), 1000 * int(ways) // (no + 1) // len(spellings) + 1)
            for kana, ways, *spellings in parts[sex]
            for no, kanji in enumerate(spellings)
        )
        for sex in ("male", "female")
    ]
    givens = [{kana: spellings for kana, _, *spellings in parts[sex]} for sex in ("male", "female")]
    family = Bag((Name(kanji, kana), int(weight)) for kanji, kana, weight in parts["family"])
    return Names(family, (given[0], given[1]), families, (givens[0], givens[1]))


# --- companies --------------------------------------------------------------------------------------------------------


class Phone(NamedTuple):
    area: str
    exchange: str
    number: str


class Place(NamedTuple):
    prefecture: str
    city: str
    town: str
    postal: str
    area: str
    label: str


class Home(NamedTuple):
    """Where a company or somebody is at home."""

    place: Place
    postal: str
    block: tuple[int, int, int]
    building: str


@dataclass(slots=True, eq=False)
class Company:
    id: str
    core: str
    label: str
    """In Latin letters, with hyphens, as in a domain."""
    form: str
    front: bool
    domain: str
    number: str
    home: Home
    phone: Phone
    size: int
    pattern: str
    locals: set[str]
    """Local parts in use at its domain, of whichever company."""
    old_domain: str = ""
    changed: int = 0
    subdomain: str = ""
    branches: tuple[tuple[str, Phone], ...] = ()
    roles: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    group: list[Company] = field(default_factory=list)
    """Itself, its parent and the other children; empty when it stands alone."""


def corporate_number(base: str) -> str:
    """The twelve digits behind their check digit."""
    total = sum(int(digit) * (1 + no % 2) for no, digit in enumerate(reversed(base)))
    return f"{9 - total % 9}{base}"


def _pairs(table: str) -> list[tuple[str, str]]:
    return [(word.split(":")[0], word.split(":")[1].rstrip("0123456789")) for word in table.split()]


class Founder:
    """Makes the companies."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._places = [Place(*text.split()) for line in _PLACES.strip().splitlines() for text in line.split("|")]
        self._words, self._trades, self._children = _pairs(_WORDS), _pairs(_TRADES), _pairs(_CHILDREN)
        self._forms = Bag((form, row[0]) for form, row in _FORMS.items())
        self._patterns = Bag(_PATTERNS.items())
        self._sizes = Bag({(1, 3): 500, (4, 10): 320, (11, 40): 140, (41, 120): 34, (121, 350): 6}.items())
        self._taken: set[str] = set()
        self.phones: set[Phone] = set()
        self.companies: list[Company] = []

    def found(self, count: int) -> list[Company]:
        """Companies that stand alone, groups, and some that are called as another is elsewhere."""
        dice = self._dice
        while len(self.companies) < count:
            core, label = self._call()
            parent = self._open(core, label)
            if dice.chance(PARENTS):
                self._group(parent, 1 + dice.draw(Bag(((0, 45), (1, 30), (2, 25)))))
            elif parent.size <= 8 and dice.chance(HOMONYMS):
                self._open(core, label, elsewhere=parent)
        return self.companies

    def _call(self) -> tuple[str, str]:
        """A name that nobody bears yet."""
        dice = self._dice
        while True:
            trade, trade_label = dice.one(self._trades)
            if dice.chance(0.5):
                family = dice.draw(names().family)
                word, label = family.kanji, romaji(family.kana)
            else:
                word, label = dice.one(self._words)
                if dice.chance(0.12):
                    trade, trade_label = "", ""
            core = word + trade
            if core not in self._taken:
                self._taken.add(core)
                return core, f"{label}-{trade_label}".strip("-")

    def _group(self, parent: Company, children: int) -> None:
        dice = self._dice
        for _ in range(children):
            word, label = dice.one(self._children)
            core = parent.core + word
            if core not in self._taken:
                self._taken.add(core)
                shared = parent if dice.chance(SHARED_DOMAIN) else None
                child = self._open(core, f"{parent.label}-{label}", shared=shared, form="株式会社")
                parent.group.append(child)
                child.group = parent.group
        if parent.group:
            parent.group.append(parent)

    def _open(
        self, core: str, label: str, *, elsewhere: Company | None = None, shared: Company | None = None, form: str = ""
    ) -> Company:
        dice = self._dice
        place = dice.one(self._places)
        while elsewhere and place.label == elsewhere.home.place.label:
            place = dice.one(self._places)
        form = form or dice.draw(self._forms)
        company = Company(
            id=f"c{len(self.companies) + 1:05}",
            core=core,
            label=label,
            form=form,
            front=dice.chance(0.62),
            domain=shared.domain if shared else self._domain(label, form, place),
            number=corporate_number(f"{dice.between(1, 9)}{dice.digits(11)}"),
            home=self.settle(place),
            phone=self.line(place.area),
            size=dice.between(*dice.draw(self._sizes)) if not elsewhere else dice.between(2, 8),
            pattern=shared.pattern if shared else dice.draw(self._patterns),
            locals=shared.locals if shared else set(),
        )
        if company.size > 3:
            self._spread(company)
        if not shared:
            self._equip(company)
        self.companies.append(company)
        return company

    def _spread(self, company: Company) -> None:
        """Branches, with telephones of their own."""
        dice = self._dice
        found = dict.fromkeys(dice.one(_words(_BRANCHES)) for _ in range(1 + min(5, company.size // 12)))
        company.branches = tuple((branch, self.line(dice.one(self._places).area)) for branch in found)

    def _equip(self, company: Company) -> None:
        """Mailboxes and hosts."""
        dice = self._dice
        if dice.chance(ROLE_COMPANIES):
            company.roles = tuple(dict.fromkeys(dice.one(_ROLE_BOXES) for _ in range(dice.between(1, 2))))
        if company.size > 3 and dice.chance(TEAM_COMPANIES):
            company.teams = (dice.one(_TEAM_BOXES),)
        company.locals |= {*_ROLE_BOXES, *_TEAM_BOXES}
        if dice.chance(SUBDOMAIN_COMPANIES):
            company.subdomain = dice.one(_SUBDOMAINS)
        if dice.chance(OLD_DOMAIN_COMPANIES):
            stem = company.label.split("-")[0] + dice.one(("-net", "group", "-web", "-jpn"))
            company.old_domain = self._domain(stem, company.form, company.home.place)
            company.changed = dice.between(200, 900)

    def _domain(self, label: str, form: str, place: Place) -> str:
        dice = self._dice
        suffixes = _FORMS[form][3]
        suffix = suffixes[0] if dice.chance(0.6) else dice.one((*suffixes * 3, *_OTHER_SUFFIXES))
        for name in (label, f"{label}-{place.label}", *(f"{label}{no}" for no in range(2, 1000))):
            # Not only as a whole: a typo in the suffix must not lead to somebody else.
            if f"@{name}" not in self._taken:
                self._taken.add(f"@{name}")
                return f"{name}-example.{suffix}"
        raise ValueError(label)

    def settle(self, place: Place | None = None) -> Home:
        dice = self._dice
        place = place or dice.one(self._places)
        building = f"{dice.one(('第一', '中央', '駅前', '丸井', '東', '三和'))}ビル{dice.between(2, 12)}F"
        block = (dice.between(1, 6), dice.between(1, 30), dice.between(1, 20))
        return Home(place, f"{place.postal}-{dice.digits(4)}", block, building if dice.chance(0.5) else "")

    def line(self, area: str = "", beside: Phone | None = None) -> Phone:
        """A fixed line that nobody has."""
        dice = self._dice
        area, _, start = (area or dice.one(self._places).area).partition("-")
        while True:
            first = f"{start or dice.between(2, 8)}{dice.digits(5 - len(area))}"
            phone = Phone(area, first, dice.digits(4)) if beside is None else beside._replace(number=dice.digits(4))
            if phone not in self.phones:
                self.phones.add(phone)
                return phone

    def mobile(self) -> Phone:
        dice = self._dice
        while True:
            phone = Phone(dice.one(("090", "080", "070")), f"{dice.between(1, 9)}{dice.digits(3)}", dice.digits(4))
            if phone not in self.phones:
                self.phones.add(phone)
                return phone


# --- people -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Job:
    since: int
    company: Company | None
    local: str
    """Of the address at `host`; "" when there is none."""
    host: Company | None
    department: str
    title: str
    branch: tuple[str, Phone] | None = None
    line: Phone | None = None
    until: int = DAYS
    kind: str = ""


@dataclass(slots=True, eq=False)
class Person:
    id: str
    female: bool
    family: Name
    given: Name
    style: str
    jobs: list[Job]
    records: int
    kinds: tuple[str, ...] = ()
    free_mail: str = ""
    mobile: Phone | None = None
    shared_line: Phone | None = None
    home: Home | None = None
    wed: int = DAYS
    wed_name: Name | None = None
    since: int = 0
    until: int = DAYS

    def family_at(self, day: int) -> Name:
        return self.wed_name if self.wed_name and day >= self.wed else self.family

    def job(self, day: int) -> Job:
        return next(job for job in reversed(self.jobs) if job.since <= day < job.until)


class Registry:
    """Makes the people."""

    def __init__(self, dice: Dice, founder: Founder) -> None:
        self._dice = dice
        self._founder = founder
        everyone = founder.companies
        self._all = Bag((company, company.size) for company in everyone)
        large = [company for company in everyone if company.size >= 8] or everyone
        self._large = Bag((company, company.size) for company in large)
        self._small = [company for company in everyone if company.size <= 6] or everyone
        self._departments, self._titles = _words(_DEPARTMENTS), _words(_TITLES)
        self._hosts = Bag(_FREE_HOSTS.items())
        self._styles = Bag({"short": 72, "typed": 20, "h": 8}.items())
        self._free: set[str] = set()
        self.people: list[Person] = []

    def register(self, people: int, *, hard: bool) -> list[Person]:
        for kind, make in (
            ("namesake", self._namesakes),
            ("same_reading", self._same_readings),
            ("family", self._family),
            ("inherited", self._successors),
        ):
            end = len(self.people) + round(HARD[kind] * people) if hard else 0
            while len(self.people) < end:
                make()
        while len(self.people) < people:
            person = self._person(None if self._dice.chance(LIVES["individual"]) else self._dice.draw(self._all))
            self._live(person)
        return self.people

    # those that are hard to tell apart

    def _namesakes(self) -> None:
        company = self._dice.draw(self._large)
        first = self._person(company, kind="namesake")
        for _ in range(2 if self._dice.chance(0.1) else 1):
            self._person(company, first.family, first.given, female=first.female, kind="namesake")

    def _same_readings(self) -> None:
        dice = self._dice
        female = dice.chance(0.32)
        one = other = dice.draw(names().given[female])
        while one.kanji == other.kanji:
            one = dice.draw(names().given[female])
            other = Name(dice.one(names().givens[female][one.kana]), one.kana)
        company = dice.draw(self._large)
        first = self._person(company, given=one, female=female, kind="same_reading")
        self._person(company, first.family, other, female=female, kind="same_reading")

    def _family(self) -> None:
        """Several of one name behind one telephone: a company of theirs, or a household."""
        dice = self._dice
        shop = dice.one(self._small) if dice.chance(0.6) else None
        phone = shop.phone if shop else self._founder.line()
        home = self._founder.settle()
        mobile = self._founder.mobile() if dice.chance(0.15) else None
        family: Name | None = None
        used: set[str] = set()
        for _ in range(3 if dice.chance(0.25) else 2):
            female = dice.chance(0.5)
            given = dice.draw(names().given[female])
            while given.kana in used:
                given = dice.draw(names().given[female])
            used.add(given.kana)
            employer = None if dice.chance(0.3) else dice.draw(self._all)
            member = self._person(shop or employer, family, given, female=female, kind="family")
            member.shared_line, member.home, member.mobile = phone, home, mobile or member.mobile
            family = member.family

    def _successors(self) -> None:
        """Somebody leaves, and whoever follows goes on with the address."""
        dice = self._dice
        company, day = dice.draw(self._large), dice.between(300, 800)
        first = self._person(company, kind="inherited")
        second = self._person(company, first.family if dice.chance(0.02) else None, kind="inherited")
        second.jobs[0] = replace(second.jobs[0], local=first.jobs[0].local)
        second.since = day
        if dice.chance(0.25):
            first.jobs.append(self._job(first, dice.draw(self._all), since=day, kind="moved"))
        else:
            first.until = day

    # everybody

    def _person(
        self,
        company: Company | None,
        family: Name | None = None,
        given: Name | None = None,
        *,
        female: bool | None = None,
        kind: str = "",
    ) -> Person:
        dice = self._dice
        female = dice.chance(0.32) if female is None else female
        family = family or self._old_shape(dice.draw(names().family))
        given = given or dice.draw(names().given[female])
        person = Person(
            f"p{len(self.people) + 1:06}", female, family, given, dice.draw(self._styles), [], self._records()
        )
        person.kinds = (kind,) if kind else ()
        person.jobs.append(self._job(person, company))
        if company is None or dice.chance(LIVES["free_mail"]):
            person.free_mail = self._free_mail(person)
        if company is None:
            person.home = self._founder.settle()
        if dice.chance(LIVES["mobile"]):
            person.mobile = self._founder.mobile()
        self.people.append(person)
        return person

    def _records(self) -> int:
        dice = self._dice
        if dice.chance(SINGLES):
            return 1
        records = 2
        while records < MOST and dice.chance(MORE):
            records += 1
        return records

    def _old_shape(self, family: Name) -> Name:
        for at, char in enumerate(family.kanji):
            if char in _SHAPE_OF and self._dice.chance(LIVES["old_shape"]):
                return family._replace(kanji=replaced(family.kanji, at, self._dice.one(_SHAPE_OF[char])))
        return family

    def _live(self, person: Person) -> None:
        """What happens to people in three years."""
        dice = self._dice
        first = person.jobs[0]
        if first.company is None or first.host is None:
            return
        day = dice.between(150, 950)
        if dice.chance(LIVES["move"]):
            person.jobs.append(self._job(person, dice.draw(self._all), since=day, kind="moved"))
        elif first.company.group and dice.chance(LIVES["seconded"]):
            person.jobs.append(self._second(person, first, day))
        elif dice.chance(LIVES["department"]):
            other = dice.one(self._departments)
            title = dice.one(self._titles) if dice.chance(0.4) else first.title
            person.jobs.append(replace(first, since=day, department=other, title=title, kind="department"))
        elif person.female and dice.chance(LIVES["married"]):
            self._marry(person, first, day)

    def _second(self, person: Person, job: Job, day: int) -> Job:
        """To another company of the group, for a while, mostly with the address of home."""
        dice = self._dice
        company = dice.one([other for other in (job.company.group if job.company else ()) if other is not job.company])
        away = self._job(person, company, since=day, kind="seconded")
        if dice.chance(0.7):
            away = replace(away, local=job.local, host=job.host)
        return replace(away, until=min(DAYS, day + dice.between(200, 500)))

    def _marry(self, person: Person, job: Job, day: int) -> None:
        dice = self._dice
        person.wed, person.wed_name = day, dice.draw(names().family)
        local, host = job.local, job.host
        if host and dice.chance(0.5):
            local = self._local(
                host, romaji(person.wed_name.kana, person.style), romaji(person.given.kana, person.style)
            )
        person.jobs.append(replace(job, since=day, local=local, kind="married"))

    def _job(self, person: Person, company: Company | None, *, since: int = 0, kind: str = "") -> Job:
        dice = self._dice
        local = ""
        branch = line = None
        if company:
            local = self._local(
                company, romaji(person.family.kana, person.style), romaji(person.given.kana, person.style)
            )
            if company.branches and dice.chance(LIVES["branch"]):
                branch = dice.one(company.branches)
            if dice.chance(LIVES["direct_line"]):
                line = self._founder.line(beside=company.phone)
        title = dice.one(self._titles)
        return Job(since, company, local, company, dice.one(self._departments), title, branch, line, kind=kind)

    @staticmethod
    def _local(company: Company, family: str, given: str) -> str:
        local = company.pattern.format(f=family, g=given, i=given[0])
        free, no = local, 1
        while free in company.locals:
            no += 1
            free = f"{local}{no}"
        company.locals.add(free)
        return free

    def _free_mail(self, person: Person) -> str:
        dice = self._dice
        family, given = romaji(person.family.kana, person.style), romaji(person.given.kana, person.style)
        while True:
            stem = dice.one(
                (f"{given}.{family}", f"{family}.{given}", f"{family}{given[0]}", f"{given}", f"{given}.{family[0]}")
            )
            # Gmail allows no underscore: nobody has this address there.
            mail = f"{stem}_{dice.digits(dice.between(2, 4))}@{dice.draw(self._hosts)}"
            if mail not in self._free:
                self._free.add(mail)
                return mail


# --- records ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Sheet:
    """A record that is being written."""

    person: Person
    job: Job
    day: int
    source: str
    order: float
    """Among the records of one day."""
    values: dict[str, str]
    kinds: list[str]


class Clerk:
    """Writes what a system holds about somebody, with the errors that people and machines make."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._sources = Bag(SOURCES.items())
        self._fill = {source: {name: rates[no] for name, rates in FILL.items()} for no, source in enumerate(SOURCES)}

    def record(self, person: Person) -> Sheet:
        dice = self._dice
        day = dice.between(person.since, person.until - 1)
        job = person.job(day)
        source = dice.draw(self._sources)
        sheet = Sheet(person, job, day, source, dice.roll(), {"person": person.id}, list(person.kinds))
        if job.kind:
            sheet.kinds.append(job.kind)
        self._mail(sheet)
        self._company(sheet)
        self._name(sheet)
        self._phones(sheet)
        self._address(sheet)
        return sheet

    def contact(self, id_: str, company: Company, box: str) -> Sheet:
        """Nobody in particular, at a mailbox of a company."""
        dice = self._dice
        nobody = Name("", "")
        job = Job(0, company, "", company, "", "")
        person = Person(id_, False, nobody, nobody, "short", [job], 1, ("role", "contact"))
        source = dice.one(("ma", "ma", "sfa", "seminar"))
        values = {"person": id_, "email": f"{box}@{company.domain}"}
        sheet = Sheet(person, job, dice.below(DAYS), source, dice.roll(), values, list(person.kinds))
        self._company(sheet)
        if dice.chance(0.4):
            values["family_name" if source == "ma" else "name"] = dice.one(_NOBODIES)
        self._phones(sheet)
        return sheet

    def _has(self, sheet: Sheet, what: str) -> bool:
        return self._dice.chance(self._fill[sheet.source][what])

    def _erred(self, sheet: Sheet, what: str) -> bool:
        if self._dice.error(what):
            sheet.kinds.append(what)
            return True
        return False

    # mail

    def _mail(self, sheet: Sheet) -> None:
        if not self._has(sheet, "email"):
            sheet.kinds.append("no_mail")
        elif self._erred(sheet, "junk"):
            sheet.values["email"] = self._dice.one(_JUNK_MAILS)
        else:
            local, host = self._mailbox(sheet)
            sheet.values["email"] = self._mail_text(sheet, local, host)

    def _mailbox(self, sheet: Sheet) -> tuple[str, str]:
        dice, job, person = self._dice, sheet.job, sheet.person
        company = job.host
        alone = not {"namesake", "inherited"} & set(person.kinds)
        if company is None or (person.free_mail and self._has(sheet, "free_mail") and alone):
            sheet.kinds.append("free_mail")
            local, _, host = person.free_mail.partition("@")
            return local, host
        if company.roles and alone and dice.chance(min(0.25, 0.95 / company.size)):
            sheet.kinds.append("role")
            return dice.one(company.roles), company.domain
        if company.teams and alone and dice.chance(min(0.2, 1.4 / company.size)):
            sheet.kinds.append("team")
            return dice.one(company.teams), company.domain
        host = company.domain
        if company.old_domain and (sheet.day < company.changed or dice.error("old_domain")):
            sheet.kinds.append("old_domain")
            host = company.old_domain
        elif company.subdomain and self._erred(sheet, "subdomain"):
            host = f"{company.subdomain}.{host}"
        return job.local, host

    def _mail_text(self, sheet: Sheet, local: str, host: str) -> str:
        dice = self._dice
        if sheet.source != "card" and self._erred(sheet, "plus"):
            local = f"{local}+{dice.one(('seminar', 'news', 'ma', 'webinar', '2025'))}"
        if self._erred(sheet, "mail_typo"):
            local, host = self._mistyped(local, host)
        mail = f"{local}@{host}"
        if sheet.source == "card" and self._erred(sheet, "ocr"):
            for good, bad in dice.one(((("l", "1"), ("o", "0")), (("m", "rn"), ("i", "l")), (("-", ""), (".", ",")))):
                mail = mail.replace(good, bad, 1)
        if self._erred(sheet, "mail_wide"):
            mail = wide(mail) if dice.chance(0.6) else mail.replace("@", "＠")
        elif self._erred(sheet, "mail_case"):
            mail = mail.upper() if dice.chance(0.3) else mail.capitalize()
        return mail

    def _mistyped(self, local: str, host: str) -> tuple[str, str]:
        """As fingers do; letters only, because the digit behind a name is what tells two people apart."""
        dice = self._dice
        if dice.chance(0.35):
            for good, bads in (
                ("co.jp", ("co.p", "cojp", "co.jo", "co,jp")),
                (".com", (".con", ".cm")),
                (".jp", (".jo",)),
            ):
                if host.endswith(good):
                    return local, host.removesuffix(good) + dice.one(bads)
        letters = [at for at in range(1, len(local) - 1) if local[at].isalpha() and local[at + 1].isalpha()]
        if not letters:
            return local, host.replace("-example", "-exmaple") if "-example" in host else f"{host}p"
        at = dice.one(letters)
        by = dice.one((local[at] * 2, "", local[at + 1] + local[at]))
        return local[:at] + by + local[at + (2 if len(by) == 2 and by[0] != by[1] else 1) :], host

    # company

    def _company(self, sheet: Sheet) -> None:
        dice, company = self._dice, sheet.job.company
        if company is None:
            if dice.chance(0.1):
                sheet.values["company"] = dice.one(("個人", "なし", "フリーランス", "個人事業主"))
            return
        if not self._has(sheet, "company") or self._erred(sheet, "no_company"):
            return
        sheet.values["entity"] = company.id
        sheet.values["company"] = self._company_text(sheet, company)
        if self._has(sheet, "corporate_number"):
            number = company.number
            sheet.values["corporate_number"] = wide(number) if dice.chance(0.03) else number
        for what, value in (("department", sheet.job.department), ("title", sheet.job.title)):
            if value and self._has(sheet, what):
                sheet.values[what] = self._wide(sheet, value)

    def _company_text(self, sheet: Sheet, company: Company) -> str:
        dice = self._dice
        _, shorts, englishes, _ = _FORMS[company.form]
        if self._erred(sheet, "english"):
            return self._english(company, englishes)
        core = self._core(sheet, company.core)
        branch = sheet.job.branch
        tail = ""
        if branch and self._erred(sheet, "branch"):
            tail = dice.one((" ", "　", "")) + branch[0]
        style = dice.roll()
        if style < 0.16:
            return core + (tail if tail[:1] in " 　" else f" {tail}" if tail else "")
        form = company.form if style < 0.74 else dice.one(shorts)
        front = company.front if not dice.chance(0.03) else not company.front
        space = dice.one((" ", "　")) if dice.chance(0.13) else ""
        return (f"{form}{space}{core}" if front else f"{core}{space}{form}") + tail

    def _english(self, company: Company, forms: tuple[str, ...]) -> str:
        dice = self._dice
        name = company.label.replace("-", " ")
        name = name.upper() if dice.chance(0.3) else name.title()
        return f"{name} {dice.one(forms)}" if dice.chance(0.75) else name

    def _core(self, sheet: Sheet, core: str) -> str:
        dice = self._dice
        old = [at for at, char in enumerate(core) if char in _SHAPE_OF]
        if old and self._erred(sheet, "company_variant"):
            at = dice.one(old)
            core = replaced(core, at, dice.one(_SHAPE_OF[core[at]]))
        if len(core) > 3 and self._erred(sheet, "company_typo"):
            at = dice.between(1, len(core) - 1)
            core = replaced(core, at, dice.one(("", core[at] * 2)))
        return self._wide(sheet, core)

    def _wide(self, sheet: Sheet, text: str) -> str:
        """In the other width, where it has one."""
        other = half(text) if half(text) != text else wide(text)
        return other if other != text and self._erred(sheet, "wide") else text

    # name

    def _name(self, sheet: Sheet) -> None:
        dice, person = self._dice, sheet.person
        name = person.family_at(sheet.day)
        family, given = self._spelled(sheet, name, person.given)
        if name is not person.family and dice.chance(0.08):
            family = f"{family}（旧姓：{person.family.kanji}）"
        kana = (name.kana, person.given.kana)
        if sheet.source == "ma" and sheet.values.get("email") and self._erred(sheet, "nameless"):
            return
        if self._erred(sheet, "family_only"):
            sheet.values["family_name" if sheet.source == "ma" else "name"] = family
            return
        if self._erred(sheet, "kana_only"):
            family, given = kana if dice.chance(0.25) else (katakana(kana[0]), katakana(kana[1]))
        elif self._erred(sheet, "half_kana"):
            family, given = half(katakana(kana[0])), half(katakana(kana[1]))
        elif self._erred(sheet, "romaji"):
            self._latin(sheet, *kana)
            return
        self._place(sheet, family, given)
        if self._has(sheet, "kana"):
            sheet.values["kana"] = self._kana(*kana)

    def _spelled(self, sheet: Sheet, family: Name, given: Name) -> tuple[str, str]:
        """In kanji."""
        dice = self._dice
        first, last = given.kanji, family.kanji
        shapes = [
            (at, table[char]) for table in (_SHAPE_OF, _TAKEN_FOR) for at, char in enumerate(last) if char in table
        ]
        if any(char in _MODERN for char in last) and self._erred(sheet, "modern_shape"):
            last = "".join(_MODERN.get(char, char) for char in last)
        elif shapes and self._erred(sheet, "variant"):
            at, others = dice.one(shapes)
            last = replaced(last, at, dice.one(others))
        if dice.error("homophone"):
            sheet.kinds.append("homophone")
            firsts = [kanji for kanji in names().givens[sheet.person.female][given.kana] if kanji != first]
            lasts = [kanji for kanji in names().families[family.kana] if kanji != last]
            if firsts and (not lasts or dice.chance(0.7)):
                first = dice.one(firsts)
            elif lasts:
                last = dice.one(lasts)
        if sheet.source == "card" and self._erred(sheet, "ocr"):
            last, first = self._misread(last, first)
        return last, first

    def _misread(self, family: str, given: str) -> tuple[str, str]:
        dice = self._dice
        for at, char in enumerate(given):
            if char in _READ_AS and dice.chance(0.7):
                return family, replaced(given, at, _READ_AS[char])
        if len(given) > 1:
            return family, replaced(given, dice.below(len(given)), "")
        return (replaced(family, dice.below(len(family)), ""), given) if len(family) > 1 else (family, given)

    def _place(self, sheet: Sheet, family: str, given: str) -> None:
        """Into the fields for it."""
        dice = self._dice
        if self._erred(sheet, "swapped"):
            family, given = given, family
        title = ""
        if self._erred(sheet, "honorific"):
            title = dice.one(("様", " 様", "　様", "さん", "殿", "先生"))
        split = self._has(sheet, "split")
        if split and self._erred(sheet, "one_field"):
            sheet.values["family_name"] = family + dice.one((" ", "　", "")) + given + title
            return
        if split:
            sheet.values["family_name"], sheet.values["given_name"] = family, given + title
        if not split or self._has(sheet, "whole"):
            space = dice.roll()
            sheet.values["name"] = family + (" " if space < 0.4 else "　" if space < 0.65 else "") + given + title

    def _latin(self, sheet: Sheet, family_kana: str, given_kana: str) -> None:
        dice = self._dice
        style = sheet.person.style if dice.chance(0.7) else dice.one(("short", "typed", "h"))
        family, given = romaji(family_kana, style).title(), romaji(given_kana, style).title()
        if self._has(sheet, "split"):
            sheet.values["family_name"], sheet.values["given_name"] = family, given
            return
        whole = dice.one(
            (
                f"{given} {family}",
                f"{family.upper()} {given}",
                f"{family} {given}",
                f"{given} {family.upper()}",
                f"{family}, {given}",
                f"{given} {family}".lower(),
                wide(f"{given} {family}"),
            )
        )
        sheet.values["family_name" if sheet.source == "ma" else "name"] = whole

    def _kana(self, family: str, given: str) -> str:
        dice = self._dice
        text = family + dice.one((" ", "　", "")) + given
        if dice.chance(0.13):
            return text
        text = katakana(text)
        return half(text).replace("　", " ") if dice.chance(0.06) else text

    # telephone and address

    def _phones(self, sheet: Sheet) -> None:
        person = sheet.person
        family = person.shared_line is not None
        if self._has(sheet, "phone") or (family and self._dice.chance(0.6)):
            sheet.values["phone"] = self._phone(sheet)
        if person.mobile and (self._has(sheet, "mobile") or (family and self._dice.chance(0.2))):
            sheet.values["mobile"] = self._phone_text(sheet, person.mobile)

    def _phone(self, sheet: Sheet) -> str:
        dice, person, job = self._dice, sheet.person, sheet.job
        if self._erred(sheet, "junk"):
            return dice.one(_JUNK_PHONES)
        if person.shared_line and dice.chance(0.85):
            return self._phone_text(sheet, person.shared_line)
        if person.mobile and (job.company is None or dice.error("phone_is_mobile")):
            return self._phone_text(sheet, person.mobile)
        if job.company is None:
            return ""
        phone = job.line or (job.branch[1] if job.branch else job.company.phone)
        text = self._phone_text(sheet, phone)
        if phone is not job.line and self._erred(sheet, "extension"):
            text += dice.one(
                ("(代)", "（代表）", f" 内線{dice.between(100, 999)}", f"（内線 {dice.between(10, 9999)}）")
            )
        return text

    def _phone_text(self, sheet: Sheet, phone: Phone) -> str:
        dice = self._dice
        area, exchange, number = phone
        if self._erred(sheet, "phone_typo"):
            at = dice.below(4)
            number = replaced(number, at, str((int(number[at]) + dice.between(1, 9)) % 10))
        if self._erred(sheet, "phone_zero"):
            return area[1:] + exchange + number
        return dice.draw(_PHONE_FORMATS)(area, exchange, number)

    def _address(self, sheet: Sheet) -> None:
        dice = self._dice
        company = sheet.job.company
        home = company.home if company and not (sheet.person.home and dice.chance(0.5)) else sheet.person.home
        if home is None or not self._has(sheet, "address"):
            return
        place = home.place
        block, lot, house = home.block
        text = f"{place.prefecture if dice.chance(0.85) else ''}{place.city}{place.town}"
        text += f"{block}丁目{lot}番{house}号" if dice.chance(0.25) else f"{block}-{lot}-{house}"
        if home.building and dice.chance(0.7):
            text += f" {home.building}"
        sheet.values["address"] = wide(text) if self._erred(sheet, "wide") else text
        postal = home.postal
        style = dice.roll()
        sheet.values["postal_code"] = (
            f"〒{postal}" if style < 0.06 else postal.replace("-", "") if style < 0.25 else postal
        )


_MODERN = {old: group[0] for group in _SHAPES for old in group[1:]}

_PHONE_FORMATS: Bag[Callable[[str, str, str], str]] = Bag(
    (
        (lambda area, exchange, number: f"{area}-{exchange}-{number}", 56),
        (lambda area, exchange, number: f"{area}{exchange}{number}", 13),
        (lambda area, exchange, number: f"{area}({exchange}){number}", 6),
        (lambda area, exchange, number: f"({area}){exchange}-{number}", 3),
        (lambda area, exchange, number: wide(f"{area}-{exchange}-{number}"), 4),
        (lambda area, exchange, number: f"{area}ー{exchange}ー{number}", 2),
        (lambda area, exchange, number: f"{area}−{exchange}−{number}", 2),
        (lambda area, exchange, number: f"{area} {exchange} {number}", 3),
        (lambda area, exchange, number: f"{area}.{exchange}.{number}", 2),
        (lambda area, exchange, number: f"+81-{area[1:]}-{exchange}-{number}", 4),
        (lambda area, exchange, number: f"+81 (0){area[1:]} {exchange} {number}", 1),
        (lambda area, exchange, number: f"TEL:{area}-{exchange}-{number}", 2),
    )
)


# --- all of it --------------------------------------------------------------------------------------------------------


def generate(people: int, seed: int, hard: bool = True, dirty: float = 1.0) -> Iterator[Row]:
    """The records in the order in which they came into being: about 2.4 a person.

    `hard` adds those that are easily taken for somebody else, far more of them than there are in life; `dirty`
    multiplies the errors of writing, not the events of a life.
    """
    dice = Dice(seed, dirty)
    founder = Founder(dice)
    companies = founder.found(max(20, round(people * COMPANIES_PER_PERSON)))
    if not hard:
        for company in companies:
            company.roles = company.teams = ()
    clerk = Clerk(dice)
    sheets = [
        clerk.record(person)
        for person in Registry(dice, founder).register(people, hard=hard)
        for _ in range(person.records)
    ]
    boxes = [(company, box) for company in companies for box in company.roles]
    for no in range(min(len(boxes), round(CONTACTS * people))):
        company, box = boxes.pop(dice.below(len(boxes)))
        sheets += [clerk.contact(f"m{no + 1:05}", company, box) for _ in range(dice.between(1, 4))]
    sheets.sort(key=lambda sheet: (sheet.day, sheet.order))
    numbers: Counter[str] = Counter()
    blank = dict.fromkeys(Row._fields, "")
    for sheet in sheets:
        numbers[sheet.source] += 1
        yield Row(
            **blank
            | sheet.values
            | {
                "source": sheet.source,
                "source_id": f"{numbers[sheet.source]:07}",
                "registered_at": (BEGIN + timedelta(sheet.day)).isoformat(),
                "kinds": " ".join(dict.fromkeys(sheet.kinds)),
            }
        )


def write(rows: Iterable[Row], folder: Path) -> int:
    """`records.csv` and `gold.csv`; how many records."""
    folder.mkdir(parents=True, exist_ok=True)
    made = list(rows)
    for name, columns in (("records.csv", COLUMNS), ("gold.csv", GOLD)):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerow(columns)
            lines.writerows([getattr(row, column) for column in columns] for row in made)
    return len(made)


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.identity_data", description=__doc__)
    parser.add_argument("--people", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--easy", action="store_true", help="without those that are easily taken for somebody else")
    parser.add_argument("--dirty", type=float, default=1.0, help="errors, as a multiple of the usual ones")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    given = parser.parse_args()
    count = write(generate(given.people, given.seed, not given.easy, given.dirty), given.out)
    print(f"{count:,} records of {given.people:,} people in {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
