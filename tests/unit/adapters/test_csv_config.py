from __future__ import annotations

import pytest

from connector.adapters.csvfile import CsvFile
from connector.adapters.csvfile.config import Config, File
from connector.ports import Needs
from connector.spec import Mark, Spec, parse, read_yaml_text

SOUND = """\
type: csv
role: ma
folder: in
out: out
encoding: cp932
settle: 30s
files:
  - pattern: "名刺*.csv"
    kind: touchpoints
    columns:
      happened: [日付, 時刻]
      touchpoint: 種別
      email: e-mail
    values:
      touchpoint: {来社: meeting, 1: call, "*": ignore}
    defaults: {opted_out: false}
"""


def problems(cls: type[Spec], text: str) -> list[str]:
    data, found = read_yaml_text(text, "config.yaml")
    _, more = parse(cls, data, Mark("config.yaml", 1, 1))
    return [str(problem) for problem in [*found, *more]]


def test_what_an_administrator_writes() -> None:
    assert problems(Config, SOUND) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "encoding: cp932",
            "encoding: shift_jis",
            "config.yaml:5:11: shift_jis lacks ① ㈱ 髙 and others → write cp932",
        ),
        ("encoding: cp932", "encoding: latin1", "config.yaml:5:11: encoding: must be one of"),
        ("encoding: cp932\n", "", "config.yaml:1:1: missing key 'encoding'"),
        ("role: ma", "role: crm", "config.yaml:2:7: role: must be one of 'ma' or 'sfa'"),
        ("out: out", "out: ./in", "config.yaml:1:1: folder and out are the same"),
        ("settle: 30s", "timezone: Tokyo", "config.yaml:6:11: 'Tokyo' is no time zone → write Asia/Tokyo"),
        ("settle: 30s", 'delimiter: "||"', "config.yaml:6:12: delimiter:"),
        ("folder: in", "foldr: in", "config.yaml:3:1: unknown key 'foldr' → did you mean 'folder'?"),
        ("      email: e-mail", "      emial: e-mail", "unknown key 'emial' → did you mean 'email'?"),
        ("      happened: [日付, 時刻]\n", "", "happened has no column → name it under columns or defaults"),
        ("      email: e-mail\n", "", "person|email|name|family_name has no column"),
        ("来社: meeting", "来社: visit", "'visit' is no touchpoint → one of page_view,"),
        ("opted_out: false", "opted_out: 停止", "'停止' is no opted_out → one of True, False"),
        ("kind: touchpoints", "kind: touches", "kind: must be one of"),
    ],
)
def test_mistakes_are_told_where_they_stand(old: str, new: str, said: str) -> None:
    assert old in SOUND
    assert any(said in problem for problem in problems(Config, SOUND.replace(old, new)))


def test_files_are_needed() -> None:
    assert problems(Config, SOUND[: SOUND.index("files:")] + "files: []\n")


def test_a_deal_needs_a_state_it_knows() -> None:
    text = "pattern: x\nkind: deals\ncolumns: {name: 名, state: 進捗}\nvalues: {state: {受注: win}}\n"
    (problem,) = problems(File, text)
    assert "'win' is no state → one of open, won, lost" in problem


def test_relative_folders_begin_where_the_configuration_stands() -> None:
    data, _ = read_yaml_text(SOUND, "conf/config.yaml")
    built, _ = parse(Config, data, Mark("conf/config.yaml", 1, 1))
    assert built is not None
    adapter = CsvFile("csv", built, Needs())
    assert [str(path) for path in (adapter._folder, adapter._out, adapter._state)] == [
        "conf/in", "conf/out", "conf/out/.state.db",
    ]  # fmt: skip
