from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.adapters.csvfile.config import Encoding
from connector.adapters.csvfile.reading import Bad, Broken, Row, rows

HEADER = "番号,ｅ－ｍａｉｌ,備考\r\n"


def read(content: str | bytes, *wanted: str, encoding: Encoding = "cp932", delimiter: str = ",") -> list[Row | Bad]:
    raw = content if isinstance(content, bytes) else content.encode(encoding)
    return list(rows(raw, encoding, delimiter, wanted))


def good(found: Sequence[Row | Bad]) -> list[tuple[int, list[str]]]:
    return [(row.line, list(row.cells.values())) for row in found if isinstance(row, Row)]


def bad(found: Sequence[Row | Bad]) -> list[tuple[int, str]]:
    return [(row.line, row.what.in_("ja")) for row in found if isinstance(row, Bad)]


def test_headers_are_found_in_whatever_width_and_case() -> None:
    (row,) = read(HEADER + "1,a@example.com,x\r\n", "E-Mail", "番号")
    assert isinstance(row, Row)
    assert row.cells["e-mail"] == "a@example.com"


def test_lines_are_counted_through_cells_of_several_lines() -> None:
    content = HEADER + '1,a,"一\n二\r\n三"\r\n2,b,x\r\n3,c\r\n4,d,"y\n"\r\n5,e,z\r\n'
    found = read(content)
    assert [line for line, _ in good(found)] == [2, 5, 7, 9]
    assert bad(found) == [(6, "見出し3列に対しセルが2個あります")]


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_any_line_end(end: str) -> None:
    assert good(read(f"a,b{end}1,2{end}3,4{end}")) == [(2, ["1", "2"]), (3, ["3", "4"])]


def test_the_last_line_needs_no_end() -> None:
    assert good(read("a,b\r\n1,2")) == [(2, ["1", "2"])]


def test_blank_lines_and_blank_cells_behind_are_nothing() -> None:
    found = read("a,b\r\n\r\n1,2,,\r\n,,,\r\n　,\r\n3,4\r\n")
    assert good(found) == [(3, ["1", "2"]), (6, ["3", "4"])]
    assert not bad(found)


def test_a_comma_too_many_is_not_guessed_away() -> None:
    assert bad(read("a,b\r\n1,2,3\r\n")) == [(2, "見出し2列に対しセルが3個あります")]


def test_a_quotation_mark_that_never_ends_costs_its_row() -> None:
    found = read('a,b\r\n1,2\r\n3,"x\r\n5,6\r\n7,"8"\r\n9,"10\n11"\r\n')
    assert good(found) == [(2, ["1", "2"]), (4, ["5", "6"]), (5, ["7", "8"]), (6, ["9", "10\n11"])]
    assert [line for line, _ in bad(found)] == [3]


@pytest.mark.parametrize("broken", ['{n},"氏名{n}\r\n', '{n},"氏名{n}" 様\r\n', '"{n},氏名{n}\r\n'])
def test_however_many_quotation_marks_never_end_each_row_is_read_or_told(broken: str) -> None:
    lines = [broken if n % 97 == 2 else "{n},氏名{n}\r\n" for n in range(1_000)]
    found = read("a,b\r\n" + "".join(line.format(n=n) for n, line in enumerate(lines)))
    assert [row.line for row in found] == [n + 2 for n in range(1_000)]
    assert [line for line, _ in bad(found)] == [n + 2 for n in range(1_000) if n % 97 == 2]


def test_a_quotation_mark_amid_a_row_costs_that_row_only() -> None:
    found = read('a,b\r\n"1"x,2\r\n3,4\r\n')
    assert good(found) == [(3, ["3", "4"])]
    assert [line for line, _ in bad(found)] == [2]


def test_nul_bytes_cost_their_row() -> None:
    found = read("a,b\r\n1,\x00\r\n3,4\r\n")
    assert good(found) == [(3, ["3", "4"])]
    assert bad(found) == [(2, "NUL 文字が含まれています")]


def test_second_bytes_that_look_like_backslashes_and_commas() -> None:
    assert good(read("a,b\r\nソ表能予十,ー―ﾎﾟ\r\n")) == [(2, ["ソ表能予十", "ー―ﾎﾟ"])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf8_is_read_with_and_without_its_mark(encoding: Encoding) -> None:
    for mark in (b"", b"\xef\xbb\xbf"):
        assert good(read(mark + "名,b\r\n𠮷,2\r\n".encode(), "名", encoding=encoding)) == [(2, ["𠮷", "2"])]


def test_tabs_between_cells() -> None:
    assert good(read("a\tb\r\n1,5\t2\r\n", delimiter="\t", encoding="utf-16")) == [(2, ["1,5", "2"])]


@pytest.mark.parametrize("given_", ["utf-8", "utf-16", "euc_jp"])
def test_another_encoding_is_named(given_: str) -> None:
    raw = "番号,メール\r\n1,髙橋さん\r\n".replace("髙", "高").encode(given_)
    with pytest.raises(Broken) as caught:
        read(raw, "番号", "メール")
    assert caught.value.what.in_("en") == f"not encoded in cp932; {given_} fits"


def test_the_line_that_does_not_decode_is_named() -> None:
    with pytest.raises(Broken) as caught:
        read("番号\r\n1\r\n".encode("cp932") + b"\x81 \r\n", "番号")
    assert caught.value.line == 3
    assert caught.value.what.in_("en") == "not encoded in cp932"


def test_cp932_read_as_utf8_is_named() -> None:
    with pytest.raises(Broken, match="cp932 fits"):
        read("番号,メール\r\n1,①㈱髙\r\n".encode("cp932"), "メール", encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "no line of headers"),
        (b"a;b\r\n1;2\r\n", "no column メール (delimiter ','?)"),
        ("番号,名前\r\n1,x\r\n".encode("cp932"), "no column メール"),
        ("メール,ﾒｰﾙ\r\n1,x\r\n".encode("cp932"), "column メール is there twice"),
    ],
)
def test_what_is_wrong_with_the_headers_is_said(content: bytes, what: str) -> None:
    with pytest.raises(Broken) as caught:
        read(content, "メール")
    assert str(caught.value) == what


CELL = st.text(st.characters(codec="cp932", exclude_characters="\0¢£¬‖−〜"), max_size=8).filter(
    lambda text: not text.startswith(("'", '="'))
)


@given(st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=6))
def test_whatever_was_written_is_read(table: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL).writerows([["x", "y", "z"], *table])
    expected = [row for row in table if any(cell.strip() for cell in row)]
    assert [cells for _, cells in good(read(text.getvalue()))] == expected


@given(st.binary(max_size=200), st.sampled_from(["cp932", "utf-8", "utf-16", "euc_jp"]))
def test_any_bytes_give_rows_or_a_reason(raw: bytes, encoding: Encoding) -> None:
    try:
        found = read(raw, encoding=encoding)
    except Broken as error:
        assert error.line >= 1  # noqa: PT017  that it is ours is the point
        return
    lines = [row.line for row in found]
    assert lines == sorted(lines)
