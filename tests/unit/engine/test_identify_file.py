"""A list goes in, ids come out: whatever the list is encoded in, calls its columns, or has wrong in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from itertools import islice, product
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.engine import list_file
from connector.engine.identify_file import Report, identify_file, rules_at
from connector.engine.list_file import COLUMNS, KNOWN, LONGEST, look_at
from connector.errors import ConfigError, ConnectorError, Text
from connector.rules.identify import IdentityRules
from connector.rules.resolve import MOST_HOLDERS

HEADERS = ("source_id", "name", "company", "email", "mobile")
TARO = ("1", "山田 太郎", "株式会社アルファ商事", "taro.yamada@alpha-shoji.co.jp", "")
TARO_AGAIN = ("2", "山田太郎", "(株)アルファ商事", "Taro.Yamada@alpha-shoji.co.jp", "090-1111-2222")
HANAKO = ("3", "佐藤 花子", "株式会社ベータ工業", "hanako@beta-kogyo.co.jp", "080-3333-4444")


def text_of(rows: Iterable[Sequence[str]], headers: Sequence[str] = HEADERS) -> str:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([headers, *rows])
    return stream.getvalue()


class Desk:
    """A folder with a list in it."""

    def __init__(self, folder: Path) -> None:
        self.list = folder / "名簿.csv"
        self.out = folder / "ids.csv"
        self.review = folder / "pairs.csv"
        self.report = Report(list_file.Layout(self.list, "utf-8", 0, {}, {}, ()))

    def identify(
        self, content: bytes | str, *mapping: str, rules: IdentityRules | None = None, encoding: str = "utf-8"
    ) -> list[list[str]]:
        """The rows that come out, without the headers."""
        self.list.write_bytes(content.encode() if isinstance(content, str) else content)
        self.report = identify_file(
            self.list, self.out, review=self.review, rules=rules, mapping=mapping, encoding=encoding
        )
        headers, *rows = read(self.out, encoding)
        assert headers == ["source", "source_id", "person_id", "company_id"]
        assert len(rows) == self.report.rows
        return rows

    def people(self, content: bytes | str, *mapping: str, rules: IdentityRules | None = None) -> list[list[str]]:
        """The ids of the rows that are one person, in the order of the rows."""
        found: dict[str, list[str]] = {}
        for _, source_id, person, _ in self.identify(content, *mapping, rules=rules):
            found.setdefault(person, []).append(source_id)
        return list(found.values())

    def pairs(self) -> list[dict[str, str]]:
        headers, *rows = read(self.review, "utf-8-sig")
        return [dict(zip(headers, row, strict=True)) for row in rows]


def read(path: Path, encoding: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode(encoding), newline=""), strict=True))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


# --- what a list may look like ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize(
    ("encoding", "told"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("cp932", "cp932")], ids=str
)
@pytest.mark.parametrize(
    "headers", [HEADERS, ("ID", "氏名", "会社名", "メールアドレス", "携帯電話")], ids=["ours", "ja"]
)
def test_every_encoding_gives_the_same_ids(
    desk: Desk, headers: Sequence[str], encoding: str, told: str, ends: str
) -> None:
    plain = desk.identify(text_of([TARO, TARO_AGAIN, HANAKO]))
    found = desk.identify(text_of([TARO, TARO_AGAIN, HANAKO], headers).replace("\r\n", ends).encode(encoding))
    assert found == plain
    assert (desk.report.layout.encoding, desk.report.layout.ignored) == (told, ())
    assert [row[:2] for row in found] == [["名簿", "1"], ["名簿", "2"], ["名簿", "3"]]
    assert found[0][2:] == found[1][2:] != found[2][2:]
    assert (desk.report.people, desk.report.companies, desk.report.largest) == (2, 2, 2)


@pytest.mark.parametrize(
    ("headers", "column"),
    [
        (("氏名", "名前", "お名前", "ご担当者名", "氏名（必須）", "Name", "Full Name"), "name"),
        (("姓", "Last Name", "family_name"), "family_name"),
        (("名", "First Name"), "given_name"),
        (("フリガナ", "ふりがな", "ﾌﾘｶﾞﾅ", "氏名（カナ）", "お名前 ふりがな"), "kana"),
        (("セイ", "姓（カナ）", "フリガナ(姓)"), "family_kana"),
        (("メイ", "名（カナ）", "名フリガナ"), "given_kana"),
        (("会社名", "企業名", "貴社名", "Company Name"), "company"),
        (("法人番号",), "corporate_number"),
        (("部署", "部署名"), "department"),
        (("役職", "役職名"), "title"),
        (
            ("メールアドレス", "メール", "E-mail", "Ｅメール", "e-mailアドレス", "mail", "【必須】メールアドレス"),
            "email",
        ),
        (("電話番号", "電話", "TEL", "ＴＥＬ", "TEL会社"), "phone"),
        (("携帯", "携帯電話", "携帯電話番号", "電話番号（携帯）"), "mobile"),
        (("郵便番号",), "postal_code"),
        (("住所",), "address"),
        (("登録日", "登録日時"), "registered_at"),
        (("ID", "ｉｄ", "レコード番号"), "source_id"),
        # Whose they are is not certain: of the company, of the sales rep, of nobody.
        (("担当者名", "顧客ID", "顧客名", "FAX", "備考", "会員番号", "連絡先", ""), None),
    ],
)
def test_headers_that_are_known(desk: Desk, headers: Sequence[str], column: str | None) -> None:
    for header in headers:
        desk.list.write_text(text_of([], ["E-mail" if column != "email" else "氏名", header]), encoding="utf-8")
        assert look_at(desk.list).columns.get(column or "", None) == ((1,) if column else None), header
        assert look_at(desk.list).ignored == (() if column or not header else (header,))


def test_every_column_of_ours_is_known() -> None:
    assert {KNOWN[list_file._plain(column)] for column in COLUMNS} == set(COLUMNS)


def test_a_header_can_be_told(desk: Desk) -> None:
    content = text_of([TARO, TARO_AGAIN], ("会員番号", "担当者名", "会社名", "連絡先", "x"))
    with pytest.raises(ConfigError, match=r"'連楽先'.* did you mean '連絡先'"):
        desk.identify(content, "連楽先=email")
    found = desk.people(content, "会員番号=source_id", "担当者名=name", "連絡先=email")
    assert found == [["1", "2"]]
    assert desk.report.layout.ignored == ("x",)
    assert desk.report.layout.headers["email"] == ("連絡先",)


def test_what_is_told_goes_before_what_is_known(desk: Desk) -> None:
    content = text_of([("7", "1", "a@alpha-shoji.co.jp")], ("会員=番号", "ID", "メール"))
    assert desk.people(content, "会員=番号=source_id") == [["7"]]
    assert desk.report.layout.ignored == ("ID",)


def test_of_several_columns_the_first_that_is_filled_counts(desk: Desk) -> None:
    rows = [("1", "　", "taro@alpha-shoji.co.jp"), ("2", "taro@alpha-shoji.co.jp", "other@alpha-shoji.co.jp")]
    assert desk.people(text_of(rows, ("ID", "メール", "E-mail"))) == [["1", "2"]]


def test_a_list_without_headers_shows_nobody(desk: Desk) -> None:
    for mapping in ((), ("氏名=name",)):
        with pytest.raises(ConfigError) as raised:
            desk.identify(text_of([HANAKO], TARO), *mapping)
        assert not any(cell in raised.value.in_("ja") + str(raised.value) for cell in TARO if len(cell) > 1)


def test_only_the_first_column_of_ids_counts(desk: Desk) -> None:
    assert desk.people(text_of([("", "7", "山田"), (" 8 ", "7", "山田")], ("ID", "レコード番号", "氏名"))) == [
        ["2"],
        ["8"],
    ]
    assert desk.report.layout.ignored == ("レコード番号",)


def test_every_mistake_in_a_mapping_is_told_at_once(desk: Desk) -> None:
    desk.list.write_text(text_of([TARO]), encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        look_at(desk.list, ["name=nmae", "name", "=email", "nam=name"])
    assert [problem.file for problem in raised.value.problems] == ["--map"] * 4
    assert "did you mean 'name'" in str(raised.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no line of headers"),
        (b"\xef\xbb\xbf", "no line of headers"),
        (b"\r\n\r\n", "no line of headers"),
        (
            "備考,ランク\r\nx,y\r\n".encode("cp932"),
            "none of the 2 headers .* --map HEADER=COLUMN; columns: source, source_id, name",
        ),
        ("部署,役職\r\nx,y\r\n".encode(), "名簿.csv:1:1: none of the 2 headers"),
        ("氏名\tメール\r\nx\ty\r\n".encode(), "with commas"),
        ("氏名,メール\r\n".encode("utf-16"), "UTF-16.*save it as CSV UTF-8"),
        (b"PK\x03\x04\x14\x00\x06\x00", "Excel workbook"),
        (b'"name\r\nx', "no line of headers"),
    ],
)
def test_what_is_no_list_is_told(desk: Desk, content: bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        desk.identify(content)
    assert not desk.out.exists()


def test_places_that_cannot_be_meant_are_told_before_anything_is_read(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--out: cannot write .*\n.*--review: cannot write"):
        identify_file(desk.list, tmp_path, review=tmp_path / "none" / "pairs.csv")
    with pytest.raises(ConfigError, match="FILE/--out: the same file"):
        identify_file(desk.list, tmp_path / ".." / tmp_path.name / desk.list.name)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        identify_file(desk.list, desk.out)
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        identify_file(tmp_path, desk.out)


# --- ids --------------------------------------------------------------------------------------------------------------


def test_without_id_and_source_the_line_and_the_file_stand_for_them(desk: Desk) -> None:
    rows = [("", "", "山田\n太郎", "taro@alpha-shoji.co.jp"), ("ma", "", "", ""), ("", "5", "", "")]
    found = desk.identify(text_of(rows, ("source", "source_id", "name", "email")))
    assert [row[:2] for row in found] == [["名簿", "2"], ["ma", "4"], ["名簿", "5"]]


def test_a_line_never_passes_for_an_id(desk: Desk) -> None:
    rows = [("3", "taro@alpha-shoji.co.jp"), ("", "hanako@beta-kogyo.co.jp"), ("x", "")]
    found = desk.identify(text_of(rows, ("source_id", "email")))
    assert [row[1] for row in found] == ["3", "line 3", "x"]
    assert len({row[2] for row in found}) == 3


def test_no_id_passes_for_that_of_another_source(desk: Desk) -> None:
    rows = [("x/row/1", "5"), ("x", "1/row/5"), ("x/row", "1/5"), ("x%2Frow", "1/5"), ("x", "row 1/5"), ("x", "5")]
    found = desk.identify(text_of([(*row, "") for row in rows], ("source", "source_id", "name")))
    assert [tuple(row[:2]) for row in found] == rows
    assert len({row[2] for row in found}) == len(rows)


def test_a_row_that_says_the_same_again_is_the_same_record(desk: Desk) -> None:
    many = [TARO] * 300  # a list of visits has everybody as often as they came
    assert desk.people(text_of([*many, HANAKO])) == [["1"] * 300, ["3"]]
    assert (desk.report.repeated.rows, desk.report.same_id.rows) == (299, 0)
    assert desk.report.repeated.lines[:2] == [3, 4]
    assert (desk.report.largest, desk.report.crowded) == (300, {})


def test_rows_with_one_id_are_one_person_unless_their_names_contradict(desk: Desk) -> None:
    moved = ("1", "山田太郎", "ガンマ株式会社", "yamada@gamma-kk.co.jp", "")
    stranger = ("3", "鈴木 一郎", "デルタ有限会社", "ichiro@delta-y.co.jp", "")
    found = desk.identify(text_of([TARO, moved, HANAKO, stranger, HANAKO]))
    assert [row[1] for row in found] == ["1", "1", "3", "3", "3"]
    taro, moved_, hanako, stranger_, again = (row[2] for row in found)
    assert taro == moved_
    assert hanako == again
    assert len({taro, hanako, stranger_}) == 3
    assert desk.report.joined == {"key": 1}
    assert desk.report.same_id.lines == [3, 5]
    assert desk.report.repeated.lines == [6]
    assert desk.report.contradictions == 1
    (pair,) = desk.pairs()
    assert (pair["guard"], pair["in_common"], pair["source_id_a"], pair["source_id_b"]) == (
        "name",
        "the same id",
        "3",
        "3",
    )
    assert {pair["line_a"], pair["line_b"]} == {"4", "5"}


def some_people() -> list[tuple[str, ...]]:
    """Few enough names, addresses and numbers that everything meets."""
    dice = Random(11)
    families, givens = ["山田", "佐藤", "髙橋", "高橋"], ["太郎", "花子", "一郎"]
    firms = [("株式会社アルファ", "alpha-kk"), ("アルファ", "alpha-kk"), ("ベータ(株)", "beta-kk")]
    rows: list[tuple[str, ...]] = []
    for number in range(120):
        family, given_ = dice.choice(families), dice.choice(givens)
        firm, host = dice.choice(firms)
        local = dice.choice(["info", f"{ord(family[0])}.{ord(given_[0])}", f"{ord(family[0])}.{ord(given_[0])}2"])
        mobile = f"090-1234-000{dice.randrange(10)}" if dice.random() < 0.3 else ""
        mail = f"{local}@{host}.co.jp" if dice.random() < 0.8 else ""
        rows.append((str(number % 100), family + given_, firm, mail, mobile))
    return rows


@settings(max_examples=10)
@given(st.integers(0, 2**32))
def test_the_order_of_the_rows_does_not_matter(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    desk = Desk(tmp_path_factory.mktemp("shuffled"))
    rows = some_people()
    straight = sorted(zip(rows, desk.identify(text_of(rows)), strict=True))
    report, pairs = desk.report, {(pair["person_id_a"], pair["person_id_b"], pair["why"]) for pair in desk.pairs()}
    Random(seed).shuffle(rows)
    assert sorted(zip(rows, desk.identify(text_of(rows)), strict=True)) == straight
    assert {(pair["person_id_a"], pair["person_id_b"], pair["why"]) for pair in desk.pairs()} == pairs
    assert (desk.report.people, desk.report.joined, desk.report.proposed, desk.report.largest) == (
        report.people, report.joined, report.proposed, report.largest,
    )  # fmt: skip
    assert report.joined["email"]
    assert report.proposed


# --- what is wrong with a list ----------------------------------------------------------------------------------------

MAIL = "taro.yamada@alpha-shoji.co.jp"
BAD: dict[str, tuple[bytes, str, str]] = {
    "undecodable bytes": (f"1,山田,,{MAIL},".encode() + b"\xff\xfe", "bytes", "mobile"),
    "half a letter": ("1,山".encode() + b"\xe7\x94" + f",,{MAIL},".encode(), "bytes", "name"),
    "a half surrogate": (b"1,\xed\xa0\x80,," + MAIL.encode() + b",", "bytes", "name"),
    "NUL": (f"1,山\0田,,{MAIL},".encode(), "control", "name"),
    "a control character": (f"1,\x1b[31m山田,,{MAIL},".encode(), "control", "name"),
    "a character of C1": (f"1,山田,\x9b会社,{MAIL},".encode(), "control", "company"),
    "a name of 10,000 characters": (f"1,{'山' * 10_000},,{MAIL},".encode(), "length", "name"),
    "a cell that is longer than any": (f"1,{'山' * 200_000},,{MAIL},".encode(), "quotes", ""),
    "too many cells": (f"1,山田,太郎,アルファ,{MAIL},090".encode(), "cells", ""),
    "a quotation mark too many": (f'1,"山田" 太郎,,{MAIL},'.encode(), "quotes", ""),
    "a quotation mark that is never closed": (f'1,"山田,,{MAIL},'.encode(), "quotes", ""),
    "one that the next row seems to close": (f'1,"山田,,{MAIL},\r\n8,"鈴木",,,'.encode(), "quotes", ""),
}


@pytest.mark.parametrize("ends", [b"\r\n", b"\n"])
@pytest.mark.parametrize(("row", "trouble", "column"), BAD.values(), ids=list(BAD))
def test_a_bad_row_stays_by_itself_and_harms_no_other(
    desk: Desk, row: bytes, trouble: str, column: str, ends: bytes
) -> None:
    before, after = text_of([TARO]).encode(), text_of([TARO_AGAIN, HANAKO], ("x",)).encode().partition(b"\r\n")[2]
    found = desk.identify((before + row + b"\r\n" + after).replace(b"\r\n", ends))
    taro, bad, *others, again, hanako = found
    assert taro[2:] == again[2:]
    assert [bad[2], *(other[2] for other in others)].count(taro[2]) == 0
    assert len({taro[2], bad[2], hanako[2]}) == 3
    assert bad[3] == ""
    assert {place: (lines.rows, lines.lines) for place, lines in desk.report.troubles.items()} == {
        (trouble, column): (1, [3])
    }
    assert bad[1] == ("1" if trouble != "quotes" else "3")
    assert (desk.report.unusable, desk.report.rows) == (1, 4 + len(others))


def test_an_id_that_cannot_be_read_is_none(desk: Desk) -> None:
    found = desk.identify(b"source,source_id,name\r\nm\xffa,1\x00,x\r\n")
    assert found[0][:2] == ["名簿", "2"]
    assert set(desk.report.troubles) == {("bytes", "source"), ("control", "source_id")}
    assert desk.report.unusable == 1


def test_one_broken_letter_does_not_make_a_list_cp932(desk: Desk) -> None:
    desk.identify(b"name,email\r\n" + "山田,\r\n".encode() + b"\xe5\xb1\xff,\r\n\xe5\xb1,\r\n")
    assert desk.report.layout.encoding == "utf-8"


def test_a_quotation_mark_may_span_lines_but_not_rows(desk: Desk) -> None:
    address = "\n".join(f"{n}丁目" for n in range(20))
    rows = [(*TARO, address), (*HANAKO, 'ビル"3階"')]
    headers = (*HEADERS, "address")
    assert len(desk.identify(text_of(rows, headers))) == 2
    assert not desk.report.troubles
    # Two stray marks make one well-formed row of three: its width is right, and what is in it are rows.
    stray = text_of([], headers) + '1,"山田,,,,\r\n2,佐藤,,b@beta-kogyo.co.jp,,\r\n3,鈴木",,,,\r\n'
    assert [row[1] for row in desk.identify(stray)] == ["2", "2", "3"]
    assert desk.report.troubles.keys() == {("quotes", "")}


def test_many_unclosed_marks_take_no_time(desk: Desk) -> None:
    assert len(desk.identify("name,email\r\n" + '"山田,x\r\n' * 1000 + '山田,""\r\n' * 4_000)) == 5_000
    assert desk.report.troubles["quotes", ""].rows == 1000


def test_a_row_may_end_early_and_a_blank_one_is_nobody(desk: Desk) -> None:
    content = "source_id,name,email,備考\r\n1,山田,,\r\n2,山田\r\n,,,\r\n\r\n,,,x\r\n3,山田,,,,,\r\n"
    found = desk.identify(content)
    assert [row[1] for row in found] == ["1", "2", "4", "6", "3"]
    assert [bool(row[2]) for row in found] == [True, True, False, True, True]
    assert (desk.report.blank, desk.report.short.lines, desk.report.people) == (1, [3], 4)
    assert desk.report.keyless.lines == [2, 3, 6, 7]


def test_what_says_nothing_is_counted(desk: Desk) -> None:
    at_a_company = ("3", "山田太郎", "アルファ商事", "", "")
    rows = [("1", "ご担当者様", "なし", "なし", ""), ("2", "山田太郎", "個人", "test@example.com", ""), at_a_company]
    desk.identify(text_of(rows))
    told = {column: lines.lines for column, lines in desk.report.meaningless.items()}
    assert told == {"name": [2], "email": [2, 3], "company": [2, 3]}
    assert desk.report.keyless.lines == [2, 3]


def test_what_too_many_share_is_counted(desk: Desk) -> None:
    names = islice(map("".join, product("春夏秋東西南", repeat=5)), MOST_HOLDERS + 1)
    crowd = [(name, f"山{name}", "", "zenin@alpha-shoji.co.jp", "") for name in names]
    few = [
        (f"f{n}", name, "", "few@beta-kogyo.co.jp", "090-1111-2222")
        for n, name in enumerate(["山田", "佐藤", "鈴木", "高橋"])
    ]
    roles = [(f"r{n}", name, "", "info@gamma-kk.co.jp", "") for n, name in enumerate(["伊藤", "加藤"])]
    found = desk.identify(text_of([*crowd, *few, *roles]))
    assert len({row[2] for row in found}) == len(found)
    report = desk.report
    assert (report.shared_mailboxes, report.shared_mobiles, report.crowded) == (3, 1, {"email": 1})
    desk.identify(text_of(crowd[1:]))
    assert (desk.report.shared_mailboxes, desk.report.crowded) == (1, {})


@given(
    st.lists(
        st.sampled_from([*"\",\r\n\0='", "a@b.co.jp", "山田", "\udcff", "\udc81", "1", "\x0b", "x" * 600]), max_size=60
    )
)
def test_no_content_stops_it(tmp_path_factory: pytest.TempPathFactory, parts: list[str]) -> None:
    desk = Desk(tmp_path_factory.mktemp("any"))
    body = "".join(parts).encode("utf-8", "surrogateescape")
    rows = desk.identify(b"source_id,name,email\r\n" + body)
    assert len({row[2] for row in rows if row[2]}) == desk.report.people
    assert sum(not row[2] for row in rows) == desk.report.blank


# --- rules ------------------------------------------------------------------------------------------------------------


def test_what_the_rules_leave_to_a_person_is_proposed(desk: Desk, tmp_path: Path) -> None:
    rules = tmp_path / "identity.yaml"
    rules.write_text("join_by: [mobile]\n", encoding="utf-8")
    assert desk.people(text_of([TARO, TARO_AGAIN]), rules=rules_at(rules)) == [["1"], ["2"]]
    assert desk.report.proposed == {"off": 1}


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "the file is empty"), ("join_bye: [email]\n", r"1:1: unknown key .* 'join_by'"), ("max_records: 1\n", "2")],
)
def test_rules_that_are_wrong_are_told(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "identity.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        rules_at(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        rules_at(tmp_path / "none.yaml")


# --- what is written --------------------------------------------------------------------------------------------------


def test_a_pair_stands_side_by_side(desk: Desk) -> None:
    headers = ("ID", "姓", "名", "フリガナ", "会社名", "メール", "備考", "役職")
    rows = [
        ("1", "山田", "太郎", "ヤマダタロウ", "アルファ商事", "t.yamada@alpha-shoji.co.jp", "secret", ""),
        ("2", "山田", "太郎", "", "アルファ商事", "taro2@alpha-shoji.co.jp", "", ""),
    ]
    assert desk.people(text_of(rows, headers)) == [["1"], ["2"]]
    (pair,) = desk.pairs()
    assert (pair["why"], pair["in_common"], pair["guard"]) == (
        "two personal addresses at one organisation: perhaps namesakes", "the same name at the same company", "mail",
    )  # fmt: skip
    assert [pair[f"name_{side}"] for side in "ab"] == ["山田 太郎", "山田 太郎"]
    assert [pair[f"line_{side}"] for side in "ab"] == ["2", "3"]
    assert [pair[f"email_{side}"] for side in "ab"] == [rows[0][5], rows[1][5]]
    assert list(pair).index("name_b") == list(pair).index("name_a") + 1
    assert not any(name.startswith(("title", "備考", "phone")) for name in pair)
    assert {pair["person_id_a"], pair["person_id_b"]} == {row[2] for row in read(desk.out, "utf-8")[1:]}


def test_the_likeliest_pairs_come_first(desk: Desk) -> None:
    mail = "yamada@alpha-shoji.co.jp"
    namesakes = [
        ("1", "山田太郎", "ベータ工業", "t.yamada@beta-kogyo.co.jp", ""),
        ("2", "山田太郎", "ベータ工業", "taro2@beta-kogyo.co.jp", ""),
    ]
    desk.identify(text_of([*namesakes, ("3", "佐藤花子", "", mail, ""), ("4", "鈴木一郎", "", mail, "")]))
    assert [pair["in_common"] for pair in desk.pairs()] == [
        "the same name at the same company", "the same personal mail address",
    ]  # fmt: skip


@pytest.mark.parametrize("cell", ["=1+1", "+cmd|' /C calc'!A0", "@SUM(A1)", "-2+3", "＝1+1", "＠x", '="01"&A1'])
def test_no_cell_is_a_formula(desk: Desk, cell: str) -> None:
    mails = ("taro@alpha-shoji.co.jp", "xaver@alpha-shoji.co.jp")
    rows = [(f"{cell}{n}", "山田太郎", "アルファ商事", mail, cell) for n, mail in enumerate(mails)]
    found = desk.identify(text_of(rows, ("source_id", "name", "company", "email", "title")))
    assert [row[1] for row in found] == [f"'{row[0]}" for row in rows]
    (pair,) = desk.pairs()
    assert pair["title_a"] == f"'{cell}"
    # What comes back in is what went out.
    content = [(row[1], "", "", "", "") for row in found if row[1][1] in "=+-@"]
    assert [row[1] for row in desk.identify(text_of(content, HEADERS))] == [row[0] for row in content]


@pytest.mark.parametrize("cell", ['="0012"', "0012", "-12", "+81-90-1234-5678"])
def test_numbers_stay_as_they_are(desk: Desk, cell: str) -> None:
    assert desk.identify(text_of([(cell, "")], ("source_id", "name")))[0][1] == cell.strip('="')


def test_what_cp932_lacks_is_replaced_and_counted(desk: Desk) -> None:
    found = desk.identify(text_of([("𠮷1", "")], ("source_id", "name")), encoding="cp932")
    assert found[0][:2] == ["名簿", "〓1"]
    assert desk.report.lost_letters == 1
    assert desk.review.read_bytes().startswith(b"why,")


def test_lines_end_as_the_standard_says(desk: Desk) -> None:
    desk.identify(text_of([("a,b", 'c"d')], ("source_id", "name")))
    assert b'\xe5\x90\x8d\xe7\xb0\xbf,"a,b",p' in desk.out.read_bytes()
    assert desk.out.read_bytes().count(b"\r\n") == desk.out.read_bytes().count(b"\n") == 2
    assert desk.review.read_bytes().startswith(b"\xef\xbb\xbfwhy,")


def test_a_list_that_changes_meanwhile_gives_no_result(desk: Desk) -> None:
    desk.list.write_text(text_of([TARO]), encoding="utf-8")
    desk.out.write_text("from before", encoding="utf-8")

    def meddle(step: Text) -> None:
        if str(step) == "writing":
            desk.list.write_text(text_of([HANAKO]), encoding="utf-8")

    with pytest.raises(ConnectorError, match="was changed"):
        identify_file(desk.list, desk.out, watch=meddle)
    assert desk.out.read_text(encoding="utf-8") == "from before"


def test_a_result_is_for_its_owner_alone(desk: Desk) -> None:
    desk.list.write_text(text_of([TARO]), encoding="utf-8")
    identify_file(desk.list, desk.out)
    assert desk.out.stat().st_mode & 0o777 == 0o600


def test_a_result_that_cannot_be_written_leaves_nothing_behind(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.list.write_text(text_of([TARO]), encoding="utf-8")

    def full(path: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ConnectorError, match=r"ids.csv: .*No space left"):
        identify_file(desk.list, desk.out)
    assert [path.name for path in desk.out.parent.iterdir()] == [desk.list.name]


def test_the_longest_cell_is_longer_than_any_address() -> None:
    assert LONGEST > 320
