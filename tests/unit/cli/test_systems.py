"""`connector inspect` and `connector probe`, as an administrator types them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connector.adapters.memory import SYSTEMS, Memory
from connector.cli import cli
from connector.errors import Unavailable, text
from connector.evidence import masked
from connector.ports import FieldShown, Finding, ObjectShown, Probed
from connector.spec import read_yaml_text

OBJECTS = [
    ObjectShown(
        "people",
        "顧客担当者",
        [
            FieldShown("氏名", "お名前", "SINGLE_LINE_TEXT"),
            FieldShown("ランク", "", "DROP_DOWN", ["A: 高", "no", '"重要"'], ["required"]),
            FieldShown("10123", "MAスコア", "num"),
        ],
    )
]


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "mappings").mkdir()
    path = tmp_path / "config.yaml"
    path.write_text("systems:\n  sfa: {type: memory, role: sfa}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    yield path
    SYSTEMS.clear()


def said(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, list(arguments))
    assert result.exit_code == code, result.output
    return result.stdout


def test_objects_and_fields_are_shown_as_yaml_to_paste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Memory, "inspect", lambda self: OBJECTS)

    shown, problems = read_yaml_text(said("inspect", "sfa"), "shown")

    assert problems == []
    assert shown == {
        "people": {
            "氏名": {"type": "SINGLE_LINE_TEXT"},
            "ランク": {"type": "DROP_DOWN, required", "choices": ["A: 高", "no", '"重要"']},
            "10123": {"type": "num"},
        }
    }
    data = json.loads(said("inspect", "sfa", "--json"))
    assert [field["name"] for field in data[0]["fields"]] == ["氏名", "ランク", "10123"]


@pytest.mark.parametrize(
    "word",
    [
        "備考\n2行目",
        "a: b # c",
        "- x",
        "~",
        "",
        "null",
        "Yes",
        "１２",
        "1e3",
        ".5",
        "\\",
        '"',
        "\u2028",
        "\x07\x7f\x85",
        "🏢",
        "*a",
    ],
)
def test_an_odd_name_is_yaml_still(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    field = FieldShown(word, f"表示名{word}", f"型{word}", [word])
    monkeypatch.setattr(Memory, "inspect", lambda self: [ObjectShown(word, f"表示名{word}", [field])])

    shown, problems = read_yaml_text(said("inspect", "sfa"), "shown")

    assert problems == []
    assert shown == {word: {word: {"type": f"型{word}", "choices": [word]}}}


def test_a_system_that_tells_nothing_of_itself_says_so() -> None:
    assert said("inspect", "sfa").startswith("# ")


def test_a_system_that_is_not_there_is_told() -> None:
    result = CliRunner().invoke(cli, ["inspect", "sfb"])
    assert "did you mean 'sfa'?" in str(result.exception)


def test_what_a_probe_finds_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    warned = Finding(
        "warning",
        text("dates are off", "日付がずれています"),
        "person",
        "934",
        text("set timezone", "設定してください"),
    )
    monkeypatch.setattr(Memory, "probe", lambda self: Probed({"put": "partial"}, [warned]))

    shown = said("probe", "sfa")

    assert "put: partial" in shown
    assert "warning: person.934: dates are off" in shown
    told = json.loads(said("probe", "sfa", "--json"))
    assert told["known"] == {"put": "partial"}
    assert told["findings"] == [
        {"severity": "warning", "object": "person", "field": "934", "what": "dates are off", "fix": "set timezone"}
    ]


def test_a_probe_that_finds_an_error_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Finding("error", text("replaces everything", "全項目が置き換わります"))
    monkeypatch.setattr(Memory, "probe", lambda self: Probed({"put": "full"}, [found]))
    said("probe", "sfa", code=1)


def test_the_last_answer_nobody_understood_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "none so far" in said("probe", "sfa", "--last-answer")

    def strange(_: Memory) -> Probed:
        error = Unavailable(text("an answer of unknown shape", "未知の形式の応答"), where="sfa")
        error.evidence = masked({"values": ["山田"]})
        raise error

    monkeypatch.setattr(Memory, "probe", strange)
    assert isinstance(CliRunner().invoke(cli, ["probe", "sfa"]).exception, Unavailable)
    shown = said("probe", "sfa", "--last-answer")
    assert "an answer of unknown shape" in shown
    assert "ああ" in shown
