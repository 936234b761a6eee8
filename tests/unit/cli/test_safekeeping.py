"""`backup`, `restore`, `forget` and `status` on the command line: what they say, in both languages, and exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.cli import main
from connector.store import database
from tests.machine.world import World


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("CONNECTOR_LANG", "en")
    monkeypatch.setenv("CONNECTOR_LOG", "error")
    made = World(tmp_path / "w")
    made.ma.add_person(email="taro@alpha.co.jp", family_name="山田", given_name="太郎", company="アルファ")
    made.run()
    yield made
    made.close()


class Said:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def data(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def say(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["connector", *words, "-c", str(world.folder / "config.yaml")])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        done = capsys.readouterr()
        return Said(int(ended.value.code or 0), done.out, done.err)

    return call


def test_backup_and_restore_say_what_comes_next(world: World, say: Any) -> None:
    made = say("backup", str(world.folder / "copy.db"))
    world.app.close()
    done = say("restore", str(world.folder / "copy.db"))

    assert (made.code, done.code) == (0, 0)
    assert "copy.db" in made.out
    assert "checked" in made.out
    assert "reads every system before it sends" in done.out
    assert "connector.db.replaced-" in done.out
    assert "the last run it knows of: " in done.out
    assert done.out.splitlines()[0].endswith(" JST"), "times are told as everywhere else"
    assert "restored" in say("status").out


def test_they_speak_japanese_and_json(world: World, say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert say("backup", str(world.folder / "a.db"), "--json").data["bytes"] > 0
    world.app.close()
    assert say("restore", str(world.folder / "a.db"), "--json").data["erased_again"] == 0
    shown = say("status", "--json").data["store"]
    assert shown["kind"] == "sqlite"
    assert shown["journal"].upper() == database.journal_mode()
    monkeypatch.setenv("CONNECTOR_LANG", "ja")
    assert "検査済み" in say("backup", str(world.folder / "b.db")).out
    assert "復元しました" in say("restore", str(world.folder / "b.db")).out
    assert "ジャーナル" in say("status").out


def test_a_lost_store_is_exit_code_78_with_what_to_do(world: World, say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world.app.close()
    (world.folder / "connector.db").unlink()

    for command in ("run", "status", "plan"):
        said = say(command)
        assert said.code == 78
        assert "connector restore FILE" in said.err
        assert "Traceback" not in said.err
    monkeypatch.setenv("CONNECTOR_LANG", "ja")
    assert "バックアップを戻す" in say("run").err
    assert not (world.folder / "connector.db").exists()


def test_a_store_of_a_newer_program_is_exit_code_78(world: World, say: Any) -> None:
    with database.writing(world.app.store) as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    assert say("run").code == 78


def test_a_damaged_store_is_exit_code_1_without_a_traceback(world: World, say: Any) -> None:
    world.app.close()
    (world.folder / "connector.db").write_bytes(b"not a database" * 1000)

    said = say("run")

    assert said.code == 1
    assert "damaged" in said.err
    assert "Traceback" not in said.err


def test_forget_shows_first_and_erases_with_yes(world: World, say: Any) -> None:
    shown = say("forget", "taro@alpha.co.jp")
    assert shown.code == 0
    assert "山田 太郎" in shown.out
    assert "nothing was erased" in shown.out

    done = say("forget", "taro@alpha.co.jp", "--yes")

    assert done.code == 0
    assert "山田" not in done.out
    assert "backups made elsewhere" in done.out
    assert say("why", "taro@alpha.co.jp").code == 1
    assert say("forget", "nobody").code == 1


def test_forget_speaks_japanese_and_json(world: World, say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = say("forget", "taro@alpha.co.jp", "--json").data
    assert shown["erased"] is False
    assert shown["records"] == ["ma/person/000001"]
    assert shown["rows"]["person"] == 1
    monkeypatch.setenv("CONNECTOR_LANG", "ja")
    assert "まだ消去していません" in say("forget", "taro@alpha.co.jp").out
    assert "消去しました" in say("forget", "taro@alpha.co.jp", "--yes").out
