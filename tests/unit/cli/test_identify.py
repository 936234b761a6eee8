"""`connector identify`, as an administrator with one list types it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connector.cli import cli
from connector.errors import ConfigError, ConnectorError

ROOT = Path(__file__).parents[3]
LIST = """\
ID,氏名,フリガナ,会社名,役職,メールアドレス,電話番号,携帯電話,備考
C-1,山田　太郎,,株式会社アルファ商事,部長,taro.yamada@alpha-shoji.co.jp,03-1234-5678,,展示会
M-7,ﾔﾏﾀﾞ ﾀﾛｳ,,㈱アルファ商事,,Taro.Yamada@alpha-shoji.co.jp,,090-1111-2222,
S-3,山田太郎,ヤマダタロウ,アルファ商事,次長,,,０９０－１１１１－２２２２,名刺
C-2,佐藤 花子,,ベータ工業,,h.sato@beta-kogyo.co.jp,,,
S-4,佐藤花子,,ベータ工業（株）,,sato-hanako@beta-kogyo.co.jp,,,
C-9,ご担当者様,,,,なし,,,
C-8,鈴木 一郎,,ガンマ,,ichiro@gamma-kk.co.jp,,,,余分
"""
"""Mr Yamada three times, two who may be one, nobody, and a row with a cell too many."""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    monkeypatch.setenv("CONNECTOR_LOG", "warning")
    (tmp_path / "名簿.csv").write_bytes(LIST.encode("cp932"))
    return tmp_path


def said(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(cli, ["identify", *words])
    assert done.exit_code == code, done.output
    return done.stdout


def rows(name: str, encoding: str = "utf-8") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(Path(name).read_text(encoding=encoding), newline="")))


def test_a_list_becomes_people() -> None:
    shown = said("名簿.csv", "--out", "ids.csv", "--review", "pairs.csv")

    found = {row["source_id"]: row for row in rows("ids.csv")}
    assert list(found) == ["C-1", "M-7", "S-3", "C-2", "S-4", "C-9", "C-8"]
    people = {name: row["person_id"] for name, row in found.items()}
    assert people["C-1"] == people["M-7"] == people["S-3"]
    assert len({*people.values()}) == 5
    companies = {name: row["company_id"] for name, row in found.items()}
    assert companies["C-1"] == companies["M-7"] == companies["S-3"] != companies["C-2"] == companies["S-4"]
    assert companies["C-9"] == companies["C-8"] == ""

    (pair,) = rows("pairs.csv", "utf-8-sig")
    assert (pair["source_id_a"], pair["source_id_b"]) == ("C-2", "S-4")
    assert pair["why"].startswith("two personal addresses at one organisation")
    assert (pair["email_a"], pair["email_b"]) == ("h.sato@beta-kogyo.co.jp", "sato-hanako@beta-kogyo.co.jp")

    assert shown.splitlines()[0] == "名簿.csv (CP932): 7 rows, 5 people, 2 companies"
    assert "  ignored: 備考 (--map HEADER=COLUMN reads one)" in shown
    assert f"  most rows of one person: 3 ({people['C-1']})" in shown
    assert "  row stays by itself, more cells than headers: 1 (line 8)" in shown
    assert "  names that are no names: 1 (line 7)" in shown
    assert "  rows without anything to link by: 1 (line 7)" in shown
    assert shown.splitlines()[-2:] == ["written: ids.csv", "written: pairs.csv"]


def test_a_cell_that_cannot_be_read_is_told_with_its_column() -> None:
    Path("list.csv").write_bytes("氏名,メール\n山田,".encode() + b"\xff@alpha-shoji.co.jp\n")
    shown = said("list.csv", "--out", "ids.csv")
    assert "  row stays by itself, email: bytes that are no letters in this encoding: 1 (line 2)" in shown


def test_the_report_holds_no_values() -> None:
    shown = said("名簿.csv", "--out", "ids.csv", "--review", "pairs.csv") + said("名簿.csv", "--out", "x.csv", "--json")
    for cell in (cell for line in LIST.splitlines()[1:] for cell in line.split(",") if len(cell) > 1):
        assert cell not in shown


def test_the_same_as_data() -> None:
    data = json.loads(said("名簿.csv", "--out", "ids.csv", "--json"))
    assert data["columns"]["mobile"] == ["携帯電話"]
    assert (data["rows"], data["people"], data["companies"], data["ignored"]) == (7, 5, 2, ["備考"])
    assert data["largest"]["rows"] == 3
    assert sum(data["joined"].values()) == 2
    assert data["proposed"] == {"mail": 1}
    assert data["contradictions"] == 0
    assert data["keyless"] == {"rows": 1, "lines": [7]}
    assert data["unusable"] == {"rows": 1, "why": [{"what": "cells", "column": None, "rows": 1, "lines": [8]}]}
    assert data["meaningless"]["name"] == {"rows": 1, "lines": [7]}
    assert (data["out"], data["review"]) == ("ids.csv", None)


def test_everything_is_told_in_japanese_too() -> None:
    done = CliRunner().invoke(cli, ["--lang", "ja", "identify", "名簿.csv", "-o", "ids.csv", "--review", "pairs.csv"])
    assert done.stdout.startswith("名簿.csv（CP932）: 7行、5人、2社")
    assert "見出しよりセルの数が多い行" in done.stdout
    assert "同姓同名" in rows("pairs.csv", "utf-8-sig")[0]["why"]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_page_shows_what_is_printed(language: str) -> None:
    page = ROOT / "docs" / "how-to" / f"clean-a-list{'.ja' if language == 'ja' else ''}.md"
    command, _, rest = page.read_text(encoding="utf-8").partition("$ connector ")[2].partition("\n")
    Path("list.csv").write_bytes(LIST.encode("cp932"))
    done = CliRunner().invoke(cli, ["--lang", language, *command.removeprefix("--lang ja ").split()])
    assert done.stdout == rest.partition("```")[0]


def test_rules_headers_and_encoding_are_as_told() -> None:
    Path("identity.yaml").write_text("join_by: email\n", encoding="utf-8")
    Path("list.csv").write_text(
        "担当,連絡先\n山田 太郎,t@alpha-shoji.co.jp\n山田,T@alpha-shoji.co.jp\n", encoding="utf-8"
    )
    options = ("--rules", "identity.yaml", "--map", "担当=name", "--map", "連絡先=email", "--out-encoding", "cp932")
    shown = said("list.csv", "--out", "ids.csv", *options)
    assert "2 rows, 1 person" in shown
    assert "  name: 担当" in shown
    assert "  email: 連絡先" in shown
    assert len({row["person_id"] for row in rows("ids.csv", "cp932")}) == 1


def test_what_held_pairs_back_is_told_without_the_pairs() -> None:
    assert "--review PAIRS.csv lists them" in said("名簿.csv", "--out", "ids.csv")


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (("none.csv", "--out", "ids.csv"), ConfigError, "none.csv: cannot be read: No such file or directory"),
        (("名簿.csv", "--out", "名簿.csv"), ConfigError, "the same file is named twice"),
        (("名簿.csv", "--out", "ids.csv", "--map", "備考=remark"), ConfigError, "--map: '備考=remark' names no column"),
        (("名簿.csv", "--out", "ids.csv", "--rules", "none.yaml"), ConfigError, "none.yaml: cannot be read"),
    ],
)
def test_what_must_be_mended_is_told(arguments: tuple[str, ...], kind: type[ConnectorError], message: str) -> None:
    done = CliRunner().invoke(cli, ["identify", *arguments])
    assert isinstance(done.exception, kind)
    assert message in str(done.exception)
    assert not Path("ids.csv").exists()


def test_options_that_do_not_exist_are_refused() -> None:
    assert CliRunner().invoke(cli, ["identify", "名簿.csv"]).exit_code == 2
    said("名簿.csv", "--out", "ids.csv", "--out-encoding", "sjis", code=2)
