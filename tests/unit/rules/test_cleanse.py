from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connector.rules import cleanse, cleanse_names
from connector.rules.cleanse import (
    corporate_domain,
    corporate_number,
    domain_of,
    email_key,
    fold,
    is_free_mail,
    is_mobile,
    is_role_mailbox,
    phone_key,
    phone_line,
    postal_code,
    split_prefecture,
)
from connector.rules.cleanse_names import LOOSE, STRICT, company_key, name_key


def whole_name(raw: str) -> str | None:
    return name_key(full=raw)


def mobile_key(raw: str) -> str | None:
    key = phone_key(raw)
    return key if key and is_mobile(key) else None


def rest_of_address(raw: str) -> str:
    return split_prefecture(raw)[1]


KEYS: list[Callable[[str], str | None]] = [
    fold, email_key, domain_of, corporate_domain, phone_key, mobile_key, corporate_number, postal_code, company_key,
    whole_name,
]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "folded"),
    [
        ("", ""),
        ("  ＡＢＣ\u3000１２３\n", "ABC 123"),
        ("ﾔﾏﾀﾞ", "ヤマダ"),
        ("か\u200bﾞ", "が"),  # a zero-width space that kept a mark from its letter
        ("祐\ufe00祐\U000e0100", "祐祐"),
        ("\u202eabc\u202c\ufeff", "abc"),
        ("a\x00b\x07c", "abc"),
        ("\ud83d abc \udc00", "abc"),
        ("1―2−3‐4－5", "1-2-3-4-5"),
        ("髙﨑", "髙﨑"),
    ],
)
def test_fold(raw: str, folded: str) -> None:
    assert fold(raw) == folded


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ("Taro@Example.CO.JP", "taro@example.co.jp"),
        (" taro＠ｅｘａｍｐｌｅ．ｃｏ．ｊｐ　", "taro@example.co.jp"),
        ("山田 太郎 <taro@a.co.jp>", "taro@a.co.jp"),
        ("mailto:taro@a.co.jp?subject=x", "taro@a.co.jp"),
        ("<mailto:taro@a.co.jp>", "taro@a.co.jp"),
        ("taro+news@a.co.jp", "taro@a.co.jp"),
        ("+news@a.co.jp", "+news@a.co.jp"),
        ("taro@a.co.jp.", "taro@a.co.jp"),
        ("taro@a。jp", "taro@a.jp"),
        ("ta.ro.@docomo.ne.jp", "ta.ro.@docomo.ne.jp"),
        ("a..b@ezweb.ne.jp", "a..b@ezweb.ne.jp"),
        ("T.A.Ro@googlemail.com", "taro@gmail.com"),
        ("taro@日本語.jp", "taro@xn--wgv71a119e.jp"),
        ("ta\ud800ro@a.co.jp", "taro@a.co.jp"),
        ("taro@cs.u.ac.jp", "taro@cs.u.ac.jp"),
        ("a" * 245 + "@a.co.jp", "a" * 245 + "@a.co.jp"),
        ("a" * 247 + "@a.co.jp", None),
        ("taro@localhost", None),
        ("taro", None),
        ("@a.co.jp", None),
        ("taro@", None),
        ("taro@@a.co.jp", None),
        ("taro@a..jp", None),
        ("taro@a.jp, jiro@a.jp", None),
        ("taro@\ud800", None),
        ("なし", None),
        ("", None),
    ],
)
def test_email_key(raw: str, key: str | None) -> None:
    assert email_key(raw) == key


def test_plus_tags_are_kept_where_the_rules_say_so() -> None:
    assert email_key("Taro+News@a.co.jp", "keep") == "taro+news@a.co.jp"


@pytest.mark.parametrize(
    ("local", "role"),
    [
        ("info", True),
        ("Sales2", True),
        ("info-tokyo", True),
        ("kansai.eigyo", True),
        ("keiri_01", True),
        ("no-reply", True),
        ("test", True),
        ("hoge", True),
        ("nobody", True),
        ("taro.yamada", False),
        ("yamada", False),
        ("mail.taro", False),
        ("hr.tanaka", False),
        ("infante", False),
        ("12345", False),
        ("", False),
    ],
)
def test_is_role_mailbox(local: str, role: bool) -> None:
    assert is_role_mailbox(local) is role


@pytest.mark.parametrize(
    ("raw", "domain"),
    [
        ("taro@Mail.Example.co.jp", "mail.example.co.jp"),
        ("https://www.example.co.jp/company?x=a@b.jp", "www.example.co.jp"),
        ("http://example.co.jp:8080", "example.co.jp"),
        ("www.example.co.jp/about", "www.example.co.jp"),
        ("example.co.jp", "example.co.jp"),
        ("株式会社", None),
        ("", None),
    ],
)
def test_domain_of(raw: str, domain: str | None) -> None:
    assert domain_of(raw) == domain


@pytest.mark.parametrize(
    ("raw", "domain"),
    [
        ("taro@a.b.example.co.jp", "example.co.jp"),
        ("https://www.example.co.jp/", "example.co.jp"),
        ("taro@city.kobe.jp", "city.kobe.jp"),
        ("taro@sub.example.com", "example.com"),
        ("taro@example.co.p", None),
        ("taro@co.jp", None),
        ("taro@gmail.com", None),
        ("taro@xx.ocn.ne.jp", None),
        ("taro@t.vodafone.ne.jp", None),
        ("taro@yahoo.com.tw", None),
        ("x1y2@privaterelay.appleid.com", None),
        ("taro@appleid.com", "appleid.com"),
        ("taro@yopmail.com", None),
    ],
)
def test_corporate_domain(raw: str, domain: str | None) -> None:
    assert corporate_domain(raw) == domain


def test_free_mail_may_be_extended() -> None:
    assert not is_free_mail("mail.cable.example.jp")
    assert is_free_mail("mail.cable.example.jp", frozenset({"cable.example.jp"}))
    assert corporate_domain("taro@mail.cable.co.jp", frozenset({"cable.co.jp"})) is None


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ("03-1234-5678", "+81312345678"),
        ("０３ー１２３４ー５６７８", "+81312345678"),
        ("03（1234）5678", "+81312345678"),
        ("03-1234-5678(代)", "+81312345678"),
        ("代表：03-1234-5678", "+81312345678"),
        ("TEL 03-1234-5678 内線 123", "+81312345678"),
        ("03-1234-5678 ext. 9", "+81312345678"),
        ("03-1234-5678#9", "+81312345678"),
        ("+81 (0)3 1234 5678", "+81312345678"),
        ("312345678", "+81312345678"),
        ("9012345678", "+819012345678"),
        ("9012345678.0", "+819012345678"),
        ("819012345678", "+819012345678"),
        ("81312345678", "+81312345678"),
        ("821012345678", None),  # Korean, most likely, and certainly not Japanese
        ("090-1234-5678", "+819012345678"),
        ("０９０ー１２３４ー５６７８", "+819012345678"),
        ("090-1234-5678（携帯）", "+819012345678"),
        ("携帯：090-1234-5678", "+819012345678"),
        ("+81-90-1234-5678", "+819012345678"),
        ("+81(0)90-1234-5678", "+819012345678"),
        ("(03)1234-5678(代表)", "+81312345678"),
        ("03-1234-5678（大代表）", "+81312345678"),
        ("03-1234-5678（内線：123）", "+81312345678"),
        ("03-1234-5678 担当 山田", "+81312345678"),
        ("0120-123-456", "+81120123456"),
        ("+1 212 555 2368", "+12125552368"),
        ("03-1234-5678 / 090-1234-5678", None),
        ("090 1234 5678 / 03-1234-5678", None),
        ("03-1234-5678、090-1234-5678", None),
        ("03-1234-5678, 090-1234-5678", None),
        ("03-1234-5678 内線 12 携帯 090-1234-5678", None),
        ("TEL:03-1234-5678 FAX:03-1234-5679", None),
        ("2024/04/01", None),
        ("2024-04-01 10:00", None),
        ("12-3456", None),
        ("110", None),
        ("0000000000", None),
        ("なし", None),
        ("", None),
    ],
)
def test_phone_key(raw: str, key: str | None) -> None:
    assert phone_key(raw) == key


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("+817012345678", "mobile"),
        ("+818012345678", "mobile"),
        ("+819012345678", "mobile"),
        ("+815012345678", "ip"),
        ("+81312345678", "fixed"),
        ("+81120123456", "service"),
        ("+818001234567", "service"),
        ("+81570123456", "service"),
        ("+81990123456", "service"),
        ("+812012345678", "service"),
        ("+12125552368", "fixed"),  # may be mobile as well
        ("+18005551234", "service"),
        ("+442079460958", "fixed"),
        ("+447911123456", "mobile"),
        ("+821012345678", "mobile"),
        ("+81123", None),
        ("090-1234-5678", None),
        ("なし", None),
        ("", None),
    ],
)
def test_phone_line(key: str, line: str | None) -> None:
    assert phone_line(key) == line


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ("090-1234-5678", "+819012345678"),
        ("携帯：070-1234-5678", "+817012345678"),
        ("03-1234-5678", None),
        ("050-1234-5678", None),
        ("020-1234-5678", None),
        ("0120-123-456", None),
        ("なし", None),
    ],
)
def test_mobile_key(raw: str, key: str | None) -> None:
    assert mobile_key(raw) == key


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        ("7000012050002", "7000012050002"),
        ("７０００－０１２０－５０００２", "7000012050002"),
        ("T7000012050002", "7000012050002"),
        ("7000012050003", None),
        ("8000012050002", None),
        ("0000000000000", None),
        ("700001205000", None),
        ("", None),
    ],
)
def test_corporate_number(raw: str, number: str | None) -> None:
    assert corporate_number(raw) == number


@pytest.mark.parametrize(
    ("raw", "code"),
    [("〒100-0001", "1000001"), ("１００ー０００１", "1000001"), ("1000001", "1000001"), ("100-001", None), ("", None)],
)
def test_postal_code(raw: str, code: str | None) -> None:
    assert postal_code(raw) == code


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        ("東京都千代田区１－１", ("東京都", "千代田区1-1")),
        ("〒100-0001 東京都 千代田区", ("東京都", "千代田区")),
        ("京都府京都市", ("京都府", "京都市")),
        ("京都市中京区", (None, "京都市中京区")),
        ("東京", ("東京都", "")),
        ("北海道", ("北海道", "")),
        ("神奈川県", ("神奈川県", "")),
        ("千代田区", (None, "千代田区")),
        ("", (None, "")),
    ],
)
def test_split_prefecture(raw: str, parts: tuple[str | None, str]) -> None:
    assert split_prefecture(raw) == parts


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("株式会社青葉製作所", "青葉製作所"),
        ("㈱青葉製作所", "青葉製作所㈱"),
        ("（株）青葉製作所", "青葉製作所　株式会社"),
        ("㍿青葉製作所", "株式會社青葉製作所"),
        ("株 式 会 社　青葉製作所", "青葉製作所"),
        ("ｱｵﾊﾞ(ｶ", "カ）アオバ"),
        ("有限会社アオバ", "㈲アオバ"),
        ("一般社団法人青葉会", "(一社)青葉会"),
        ("医療法人社団青葉会", "(医社)青葉会"),
        ("NPO法人青葉", "（ＮＰＯ）青葉"),
        ("カブシキガイシャ アオバ", "ｱｵﾊﾞ ｶﾌﾞｼｷｶﾞｲｼｬ"),
        ("青葉製作所御中", "青葉製作所"),
        ("㈱青葉製作所 様", "青葉製作所"),
        ("㈱青葉製作所 https://aoba.co.jp/", "青葉製作所"),
        ("青葉製作所 info@aoba.co.jp", "青葉製作所"),
        ("Aoba Co., Ltd.", "AOBA"),
        ("Aoba K.K.", "aoba inc"),
        ("㈱青葉製作所 東京支店", "青葉製作所"),
        ("青葉製作所（株）仙台営業所", "青葉製作所"),
        ("青葉製作所東京支店", "青葉製作所"),
        ("青葉製作所株式会社城南支店", "青葉製作所"),
        ("青葉製作所 本社", "青葉製作所"),
        ("アオバ・コンピューター", "アオバコンピュータ"),
        ("アオバコンピュ－タ－", "アオバコンピューター"),
        ("キヤノン青葉", "キャノン青葉"),
        ("髙﨑商店", "高崎商店"),
        ("佐々木商店", "佐佐木商店"),
    ],
)
def test_spellings_of_one_company(one: str, other: str) -> None:
    assert company_key(one) == company_key(other) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("青葉ホールディングス", "青葉"),
        ("青葉グループ", "青葉"),
        ("青葉東京", "青葉"),
        ("青葉販売", "青葉サービス"),
        ("斎藤設備", "斉藤設備"),
        ("税理士法人青葉", "弁護士法人青葉"),
        ("東京ビール", "東京ビル"),
        ("新日本社", "新日"),
    ],
)
def test_companies_that_stay_apart(one: str, other: str) -> None:
    assert company_key(one) != company_key(other)


@pytest.mark.parametrize("raw", ["", " ", "-", "0000", "なし", "不明", "株式会社", "(株)", "☆", "個人", "a" * 201])
def test_what_is_no_company(raw: str) -> None:
    assert company_key(raw) is None


@pytest.mark.parametrize(
    "raw",
    [
        "2024/04/01",
        "2024/4/1",
        "20240401",
        "2024年4月1日",
        "令和６年４月１日",
        "2024年4月1日 10:00",
        "03-1234-5678",
        "０３（１２３４）５６７８",
        "TEL:03-1234-5678(代)",
        "+81-90-1234-5678",
        "7000012050002",
        "T7000012050002",
        "taro@a.co.jp",
        "<taro@a.co.jp>",
        "https://www.a.co.jp/company",
        "www.a.co.jp",
    ],
)
def test_dates_numbers_and_addresses_are_no_companies(raw: str) -> None:
    assert company_key(raw) is None


@pytest.mark.parametrize(
    "raw",
    [
        "未記入", "未設定", "非公開", "匿名希望", "同上", "N/A", "その他", "会社名", "勤務先なし", "弊社",
        "個人利用", "専業主婦", "フリーランス", "フリーター", "テスト", "テスト1", "テスト株式会社", "テスト会社",
        "ダミー", "ダミー会社", "サンプル", "ほげ", "hoge", "あ", "ああああ", "アアア", "xxx", "test01", "unknown",
    ],
)  # fmt: skip
def test_what_is_typed_where_there_is_no_company(raw: str) -> None:
    assert company_key(raw) is None


@pytest.mark.parametrize("raw", ["109", "3M", "77銀行", "@cosme", "Amazon.com", "一月堂", "24/7", "アアル"])
def test_companies_that_only_look_like_nothing(raw: str) -> None:
    assert company_key(raw) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("山田", "太郎", ""), ("", "", "山田　太郎")),
        (("山田", "太郎", ""), ("", "", "山田太郎 様")),
        (("髙橋", "", ""), ("高橋", "", "")),
        (("渡邉", "一", ""), ("渡辺", "一", "")),
        (("齊藤", "一", ""), ("斎藤", "一", "")),
        (("𠮷田", "一", ""), ("吉田", "一", "")),
        (("祐\ufe00", "一", ""), ("祐", "一", "")),
        (("佐々木", "一", ""), ("佐佐木", "一", "")),
        (("ヤマダ", "ﾀﾛｳ", ""), ("やまだ", "たろう", "")),
        (("", "", "YAMADA, Taro"), ("", "", "Taro Yamada")),
        (("", "", "Mr. Tarō Yamada"), ("taro", "yamada", "")),
        (("", "", "Smith様"), ("", "", "SMITH")),
        (("", "", "ジョン・スミス"), ("", "", "ジョンスミス")),
        (("", "", "山田（旧姓佐藤）花子"), ("山田", "花子", "")),
        (("", "太郎", "山田太郎"), ("山田", "太郎", "")),
        (("", "", "山田 太郎 <taro@a.co.jp>"), ("山田", "太郎", "")),
        (("", "", "山田太郎taro@a.co.jp"), ("山田", "太郎", "")),
    ],
)
def test_spellings_of_one_name(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert name_key(*one) == name_key(*other) is not None


@pytest.mark.parametrize("raw", ["", "　", "-", "なし", "ご担当者様", "テスト", "0", "山" * 201])
def test_what_is_no_name(raw: str) -> None:
    assert whole_name(raw) is None


@pytest.mark.parametrize(
    "raw",
    [
        "2024/04/01",
        "2024-4-1",
        "20240401",
        "2024-04-01T09:00:00+09:00",
        "2024-04-01T00:00:00.000Z",
        "2024年4月1日",
        "２０２４年４月１日（月） １０：００",
        "4月1日",
        "令和6年4月1日",
        "R6.4.1",
        "45383",
        "090-1234-5678",
        "０９０（１２３４）５６７８",
        "TEL 090-1234-5678",
        "TEL:03-1234-5678",
        "+81 90 1234 5678",
        "taro@a.co.jp",
        "ｔａｒｏ＠ａ．ｃｏ．ｊｐ",
        "<taro@a.co.jp>",
        "https://a.co.jp/?q=1",
        "www.a.co.jp",
    ],
)
def test_nobody_is_called_a_date_a_number_or_an_address(raw: str) -> None:
    assert whole_name(raw) is None


@pytest.mark.parametrize(
    "raw",
    [
        "あ", "ああ", "あああ", "アアアア", "あ あ あ", "あいうえお", "aaa", "aaa aaa", "xxx", "zzzz", "N/A",
        "none none", "テスト テスト", "テスト1", "test", "Test User", "test01", "test 1", "テスト太郎",
        "テスト・ユーザー", "ダミー", "サンプル", "hoge", "hoge hoge", "ホゲホゲ", "asdf", "未記入", "匿名希望",
        "名無しさん", "氏名", "お名前", "同上", "総務ご担当者様", "経理担当", "ご担当者各位", "総務部", "退職者",
        "〇〇", "ー", "1111",
    ],
)  # fmt: skip
def test_what_is_typed_where_no_name_is_given(raw: str) -> None:
    assert whole_name(raw) is None


@pytest.mark.parametrize(
    "raw",
    [
        "山田太郎", "四月一日", "八月一日 一", "一二三", "日月", "三月", "明治", "大正", "のの", "林林林", "李",
        "Foo Bar", "John III", "Lisa Guest", "Hoge Peter", "Null Jan", "An Na", "Bob", "月岡", "年男", "テストーニ",
        "担当山田", "May",
    ],
)  # fmt: skip
def test_names_that_only_look_like_nothing(raw: str) -> None:
    assert whole_name(raw) is not None


def test_a_name_that_ends_like_an_honorific_stays_whole() -> None:
    assert name_key("鵜殿") == "鵜殿"


def test_tables_of_kanji_need_one_pass_only() -> None:
    for source, target in (STRICT | LOOSE).items():
        assert unicodedata.normalize("NFKC", source) == source, "NFKC has changed it before the table is asked"
        assert len(source) == len(target) == 1
    assert not STRICT.keys() & STRICT.values()
    assert not LOOSE.keys() & LOOSE.values()
    assert not STRICT.keys() & LOOSE.values(), "the strict table is applied first"
    assert not STRICT.keys() & LOOSE.keys()


PIECES = st.sampled_from(
    """
    株式会社 (株) ㈱ 有限会社 支店 本社 東京 城南 ー - 一 ・ 々 ア ャ ヤマダ 日 様 殿 Co., Ltd. K.K. & @ .jp a@b.jp
    <a@b.jp> +tag mailto: gmail.com 03 1234 5678 内線 (代) 〒100-0001 T ﾞ İ ß Σ ς ſ À mr 御中 カブシキガイシャ
    https:// www. / 2024 4 年 月 1 令和 R6 Z tel 担当 テスト なし あ test n a
    """.split()  # noqa: SIM905  easier to read than sixty strings
)
HIDDEN = st.sampled_from([" ", "\u3000", "\t", "\u200b", "\u3099", "\ufe00", "\ud800", "\x00", "\U000e0100"])
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=60), st.lists(PIECES | HIDDEN, max_size=12).map("".join)
)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.__name__)
@given(raw=TEXTS)
@example(raw="株・式会社X")
@example(raw="ア一・イ")
@example(raw="L L C")
@example(raw="John・À")
@example(raw="ー株式会社0")
@example(raw="0様々")
@example(raw="L\U0003134bÀ")
@example(raw="MR様")
@example(raw="À様")
def test_a_key_is_its_own_key(key: Callable[[str], str | None], raw: str) -> None:
    once = key(raw)

    assert once is None or key(once) == once


@given(raw=TEXTS)
def test_a_split_address_is_split_once(raw: str) -> None:
    prefecture, rest = split_prefecture(raw)

    assert prefecture is None or split_prefecture(f"{prefecture}{rest}") == (prefecture, rest)


@given(raw=TEXTS)
def test_invisible_characters_make_no_difference(raw: str) -> None:
    hidden = "\u200b".join(raw)

    for key in (fold, company_key, whole_name):
        assert key(hidden) == key(raw)


@pytest.mark.parametrize("key", [*KEYS, rest_of_address], ids=lambda key: key.__name__)
@pytest.mark.parametrize(
    "piece", ["あ", "株式会社", "(", "<", "a.", "a@", "ー", "々", " 東京支店", "様", "\x00", "\ud800", "1-"]
)
def test_long_texts_take_no_time(key: Callable[[str], str | None], piece: str) -> None:
    raw = piece * (10_000 // len(piece))
    start = time.process_time()

    key(raw)

    assert time.process_time() - start < 0.5


def as_the_library_says(digits: str) -> str | None:
    try:
        number = phonenumbers.parse(digits, "JP")
    except phonenumbers.NumberParseException:  # 010 dials abroad, but not to every country code
        return None
    key: str = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return key if phonenumbers.is_valid_number(number) else None


@given(st.from_regex(r"(?:0|\+81|81)?[0-9]{9,10}", fullmatch=True))
@example("312345678")
@example("+81312345678")
@example("81312345678")
@example("+819012345678")
@example("9012345678")
@example("0312345678")
@example("09012345678")
@example("0120123456")
@example("05012345678")
@example("0100000000")
@example("01039061234")
def test_the_short_way_for_japanese_numbers_says_what_the_library_says(digits: str) -> None:
    said = as_the_library_says(digits)

    assert phone_key(digits) == (None if len(set(digits[-8:])) == 1 else said)


@given(st.text("齋斎髙高々 　一二担当様殿氏山田御中総務部退職者", max_size=8))
def test_the_short_way_for_kanji_says_what_the_long_way_says(name: str) -> None:
    assert name_key(full=name) == name_key(full=f"{name}\u200b")


JAPANESE_WORDS = st.lists(
    st.one_of(
        st.text("あいかがぎゃっんーさまアイカガャッンーヶサンマ々田中髙斎斉﨑様殿氏先生担当\u3000 ", max_size=12),
        st.sampled_from(("なし", "テスト太郎", "ああああ", "さん", "四月一日")),
    ),
    max_size=3,
).map("".join)


@given(JAPANESE_WORDS)
def test_the_short_way_for_plain_names_says_what_the_long_way_says(name: str) -> None:
    assert name_key(full=name) == cleanse_names._name_key(name)
    assert fold(name) == cleanse._folded(name)
