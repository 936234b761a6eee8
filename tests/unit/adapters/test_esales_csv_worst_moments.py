"""What may go wrong between the state, the share, the batch client and the engine: nothing is lost, nothing doubled."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine

from connector.adapters.csvfile.printing import save
from connector.adapters.esales_csv import tray
from connector.errors import Unavailable, Uncertain
from connector.model import Gone, Inventory, Person, Value
from connector.rules.translate import same
from tests.unit.adapters.esales_csv_kit import COLUMNS, OURS, Office, asking, config, of

HEAD = "ファイル名,行番号,キー,エラー内容"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path)
    office.card(姓="佐藤", 企業名="A社", MAスコア="10")
    office.card(姓="鈴木", 企業名="B社")
    office.export()
    office.pull("案件")
    office.pull()
    return office


# --- pages whose cursor was never stored ------------------------------------------------------------------------------


def test_a_card_that_came_back_is_told_again_when_its_page_was_not_stored(office: Office) -> None:
    office.push(office.create("U1", 姓="田中", 企業名="C社"))
    _, cursor = office.pull()
    office.client.run()
    office.export(office.cards)
    told = [of(Gone, office.pull("名刺", cursor)[0]) for _ in range(2)]
    assert told[0]
    assert told[1] == told[0]


def test_a_refusal_is_told_again_with_its_record_when_its_page_was_not_stored(office: Office) -> None:
    office.cards.dates = frozenset({"MA根拠"})
    office.push(office.set_fields("1001", MA根拠="日付ではない"))
    office.client.run()
    told = [of(Person, office.pull("results")[0]) for _ in range(2)]
    assert told[0]
    assert told[1] == told[0]


def test_a_late_refusal_does_not_undo_what_an_export_told_since(office: Office) -> None:
    office.cards.dates = frozenset({"MA根拠"})
    office.push(office.set_fields("1001", MA根拠="日付ではない"))
    office.client.run()
    office.cards.records["1001"]["MA根拠"] = "営業が書いた"
    office.export(office.cards)
    office.pull()
    (person,) = of(Person, office.pull("results")[0])
    assert person.native["MA根拠"] == "営業が書いた"


# --- creating again ---------------------------------------------------------------------------------------------------


def test_a_card_that_was_deleted_after_it_came_back_can_be_created_anew(office: Office) -> None:
    def night() -> list[Any]:
        office.client.run()
        office.export(office.cards)
        return office.pull()[0]

    office.push(office.create("U1", 姓="田中", 企業名="C社"))
    (first,) = of(Gone, night())
    assert first.successor is not None
    del office.cards.records[first.successor.id]
    night()
    (receipt,) = office.push(office.create("U1", 姓="田中", 企業名="C社"))
    assert (receipt.status, receipt.remote_id) == ("done", "new-U1")
    assert "new-U1" in {person.ref.id for person in of(Person, office.pull()[0])}
    assert [each.status for each in office.push(office.set_fields("new-U1", MAスコア=5))] == ["done"]
    (second,) = of(Gone, night())
    assert second.successor not in (None, first.successor)


@pytest.mark.parametrize("full", [False, True])
def test_a_card_that_came_back_and_was_written_since_is_read_as_it_was_meant(tmp_path: Path, full: bool) -> None:
    office = Office(tmp_path, people=config().people.model_copy(update={"full": full}))

    def night() -> list[Any]:
        office.client.run()
        office.export(office.cards)
        return office.pull()[0]

    office.push(office.create("U1", 姓="田中", 企業名="C社", MA根拠="9〜18時"))
    (gone,) = of(Gone, night())
    code = gone.successor.id
    office.push(office.set_fields(code, MA根拠="差−引"))
    for _ in range(3):
        assert {person.ref.id: person.native["MA根拠"] for person in of(Person, night())}[code] == "差−引"


def test_the_code_of_a_card_is_never_overwritten(office: Office) -> None:
    (receipt,) = office.push(office.set_fields("1001", 名刺コード="1002", MAスコア=5))
    assert (receipt.status, receipt.code) == ("refused", "own_code")
    assert office.waiting() == []


# --- the share --------------------------------------------------------------------------------------------------------


def test_a_share_that_is_not_mounted_is_no_answer_though_its_mount_point_is_there(office: Office) -> None:
    office.push(office.alert("k1", due_on=date(2026, 4, 2)))
    away = office.imports.rename(office.root / "share")
    office.imports.mkdir()
    with pytest.raises(Unavailable, match="MA通知"):
        office.push(office.alert("k2", due_on=date(2026, 4, 2)))
    with pytest.raises(Unavailable, match="MA通知"):
        office.pull()
    assert list(office.imports.iterdir()) == []
    office.imports.rmdir()
    away.rename(office.imports)
    office.push(office.alert("k2", due_on=date(2026, 4, 2)))
    office.client.run()
    assert [record["通知キー"] for record in office.notices.records.values()] == ["k1", "k2"]


def test_half_a_file_of_a_crash_is_cleared_away(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(path: Path, content: bytes) -> None:
        path.parent.mkdir(exist_ok=True)
        path.with_name(f".{path.name}.tmp").write_bytes(content[:5])
        raise OSError(112, "Host is down")

    change = office.set_fields("1001", MAスコア=1)
    monkeypatch.setattr(tray, "save", dies)
    with time_machine.travel(datetime(2026, 4, 1, tzinfo=UTC)), pytest.raises(Uncertain):
        office.push(change)
    monkeypatch.undo()
    office.push(change)
    assert [path.suffix for path in (office.imports / "名刺").iterdir()] == [".csv"]


def test_a_file_that_cannot_be_written_has_those_before_it_written_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(path: Path, content: bytes) -> None:
        if "根拠".encode("cp932") in content:
            raise OSError(28, "No space left on device")
        save(path, content)

    changes = office.set_fields("1001", MAスコア=1), office.set_fields("1002", MAスコア=1, MA根拠="資料請求")
    monkeypatch.setattr(tray, "save", full_disk)
    for _ in range(3):
        with pytest.raises(Uncertain):
            office.push(*changes)
    assert len(office.waiting()) == 1
    monkeypatch.undo()
    office.push(*changes)
    assert sorted(row["名刺コード"] for row in office.rows("名刺")) == ["1001", "1002"]


def test_a_state_that_cannot_be_opened_is_told_as_what_it_is(office: Office) -> None:
    (office.root / "state.db").write_bytes(b"not a database, whatever it says" * 100)
    with pytest.raises(Unavailable, match="file is not a database"):
        office.pull()


def test_later_rows_come_behind_a_file_of_a_crash_though_the_clock_was_set_back(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(path: Path, content: bytes) -> None:
        save(path, content)
        raise OSError(112, "Host is down")

    monkeypatch.setattr(tray, "save", dies)
    with time_machine.travel(datetime(2026, 4, 2, tzinfo=UTC)), pytest.raises(Uncertain):
        office.push(office.set_fields("1001", MAスコア=1))
    monkeypatch.undo()
    (office.imports / "名刺" / "手で置いたもの.csv").write_bytes(b"")
    with time_machine.travel(datetime(2026, 4, 1, tzinfo=UTC)):
        office.push(office.set_fields("1001", MAスコア=2))
    (office.imports / "名刺" / "手で置いたもの.csv").unlink()
    assert [row["MAスコア"] for row in office.rows("名刺")] == ["1", "2"]


# --- exports ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", [b"", "名刺コード\r\n".encode("cp932"), b"\xff\xff\xff"])
def test_a_full_export_that_cannot_be_read_replaces_none_before_it(office: Office, broken: bytes) -> None:
    office.card(姓="田中", 企業名="C社")
    office.export(office.cards)
    office.drop("名刺9.csv", broken)
    pages = office.pages("名刺")
    assert "1003" in {person.ref.id for page in pages for person in of(Person, page.records)}
    assert len([reject for page in pages for reject in page.rejects]) == 1


def test_a_full_export_without_a_row_takes_nobody_away(office: Office) -> None:
    _, cursor = office.pull()
    office.cards.records.clear()
    office.export(office.cards)
    assert of(Inventory, office.pull("名刺", cursor)[0]) == []
    assert [receipt.status for receipt in office.push(office.set_fields("1001", MAスコア=1))] == ["done"]


@pytest.mark.parametrize("letter", ["〜", "−", "‖"])
def test_a_column_and_a_choice_are_found_though_cp932_has_one_code_for_two_letters(tmp_path: Path, letter: str) -> None:
    column, choice = f"希望時間{letter}", f"不可{letter}"
    words = {**COLUMNS, "opted_out": column}
    needs = asking("名刺", words=words, read=frozenset({*words.values(), *OURS}), values={column: {"true": choice}})
    office = Office(tmp_path, needs=needs)
    office.cards.columns = [*office.cards.columns, column]
    office.card(**{column: choice})
    office.export(office.cards)
    pages = office.pages("名刺")
    assert [reject for page in pages for reject in page.rejects] == []
    (person,) = [person for page in pages for person in of(Person, page.records)]
    assert person.fields["opted_out"] is True


# --- what we wrote is no news when it is read back --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (date(2026, 4, 1), None),
        (datetime(2026, 4, 1, 1, 30, tzinfo=UTC), None),
        (20260401, None),
        (1234.5, "1,234.50"),
        (45, "45.00"),
        ("20260401", None),
    ],
)
@pytest.mark.parametrize("dates", ["yyyyMMdd", "yyyy-MM-dd", "yyyy/MM/dd"])
def test_what_was_written_is_the_same_when_it_is_read(
    tmp_path: Path, dates: str, value: Value, shown: str | None
) -> None:
    office = Office(tmp_path, dates=dates)
    office.card()
    office.export(office.cards)
    office.pull()
    office.push(office.set_fields("1001", MA根拠=value))
    (office.imports / office.waiting("名刺")[0]).rename(office.root / "taken")
    written = (office.root / "taken").read_bytes().decode("cp932").splitlines()[1].split(",")[1]
    office.cards.records["1001"]["MA根拠"] = shown or written
    office.export(office.cards)
    assert same(value, of(Person, office.pull()[0])[0].native["MA根拠"])


@pytest.mark.parametrize("policy", ["error", "replace", "transliterate"])
def test_kana_in_two_parts_are_written_as_one(tmp_path: Path, policy: str) -> None:
    office = Office(tmp_path, unencodable=policy)
    office.card()
    office.export(office.cards)
    office.pull()
    kept = "\N{CJK COMPATIBILITY IDEOGRAPH-FA19}"  # which would become another letter
    (receipt,) = office.push(office.set_fields("1001", MA根拠=unicodedata.normalize("NFD", "ガイドとペン") + kept))
    assert receipt.status == "done"
    assert office.rows("名刺")[0]["MA根拠"] == f"ガイドとペン{kept}"
    assert office.waiting("problems") == []
