"""The stand-in for the batch client keeps the rules that the vendor tells."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from connector.sandbox import esales_csv as vendor
from connector.sandbox.esales_csv import BatchClient, Import, Mode, Sheet


@pytest.fixture
def sheet() -> Sheet:
    columns = ["氏名", "企業名", "担当", "来社日"]
    made = Sheet("名刺", "名刺コード", columns, frozenset({"連携キー"}), frozenset({"来社日"}), "担当", "企業名")
    made.add({"氏名": "佐藤", "企業名": "A社", "連携キー": "k1"})
    return made


def imported(root: Path, sheet: Sheet, content: str, *, key: str = "連携キー", mode: Mode = "insert_and_update",
             encoding: str = "cp932", dates: str = "yyyy/MM/dd") -> list[str]:  # fmt: skip
    """Import a file; what was said of each row."""
    folder, results = root / "in", root / "out"
    folder.mkdir()
    results.mkdir()
    (folder / "a.csv").write_bytes(content.encode("cp932"))
    client = BatchClient([Import(folder, sheet, key, mode, encoding, dates)], results, {"営業 太郎"})
    assert client.run() == 1
    assert client.run() == 0
    raw = (results / "結果-a.csv").read_bytes().decode(encoding)
    return [row["エラー内容"] for row in csv.DictReader(io.StringIO(raw, newline=""))]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("k1,鈴木,,,", ""),
        ("k2,鈴木,B社,,", ""),
        ("k2,鈴木,,,", vendor.NO_COMPANY),
        (",鈴木,B社,,", vendor.KEY_BLANK),
        ("k1,鈴木,,山田,", vendor.OWNER),
        ("k1,鈴木,,営業 太郎,", ""),
        ("k1,鈴木,,,2026-04-01", vendor.DATE),
        ("k1,鈴木,,,2026/04/01", ""),
    ],
)
def test_each_row_is_judged_by_itself(tmp_path: Path, sheet: Sheet, row: str, said: str) -> None:
    head = "連携キー,氏名,企業名,担当,来社日"
    assert imported(tmp_path, sheet, f"{head}\r\n{row}\r\nk3,田中,C社,,\r\n") == [said, ""]
    assert "田中" in [record["氏名"] for record in sheet.records.values()]


def test_a_blank_cell_keeps_the_old_value_and_unknown_columns_are_passed_over(tmp_path: Path, sheet: Sheet) -> None:
    assert imported(tmp_path, sheet, "連携キー,氏名,企業名,次回ToDo\r\nk1,,A商事,電話\r\n") == [""]
    (record,) = sheet.records.values()
    assert (record["氏名"], record["企業名"], record.get("次回ToDo")) == ("佐藤", "A商事", None)


def test_two_hits_are_an_error(tmp_path: Path, sheet: Sheet) -> None:
    sheet.add({"氏名": "佐藤", "企業名": "A社", "連携キー": "k1"})
    assert imported(tmp_path, sheet, "連携キー,氏名\r\nk1,鈴木\r\n") == [vendor.SEVERAL]
    assert {record["氏名"] for record in sheet.records.values()} == {"佐藤"}


@pytest.mark.parametrize(
    ("mode", "row", "said"),
    [("update", "k1,鈴木,", ""), ("update", "k2,鈴木,B社", vendor.NOT_THERE), ("insert", "k2,鈴木,B社", "")],
)
def test_modes(tmp_path: Path, sheet: Sheet, mode: Mode, row: str, said: str) -> None:
    assert imported(tmp_path, sheet, f"連携キー,氏名,企業名\r\n{row}\r\n", mode=mode) == [said]


@pytest.mark.parametrize(("mode", "said", "records"), [("insert_and_update", "", 2), ("update", vendor.NOT_THERE, 1)])
def test_a_code_that_is_not_there_makes_a_record_unless_the_mode_forbids_it(
    tmp_path: Path, sheet: Sheet, mode: Mode, said: str, records: int
) -> None:
    content = "名刺コード,氏名,企業名\r\n9999,鈴木,B社\r\n"
    assert imported(tmp_path, sheet, content, key="名刺コード", mode=mode) == [said]
    assert len(sheet.records) == records


def test_another_encoding_is_an_error_of_the_file(tmp_path: Path, sheet: Sheet) -> None:
    assert imported(tmp_path, sheet, "連携キー,氏名\r\nk1,鈴木\r\n", encoding="utf-8-sig") == ["文字コード不正"]
