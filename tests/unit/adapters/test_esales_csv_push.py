from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine

from connector.adapters.csvfile.printing import encoded, save
from connector.adapters.csvfile.telling import derived_id
from connector.adapters.esales_csv import tray
from connector.adapters.esales_csv.config import AlertFields
from connector.adapters.esales_csv.state import Row
from connector.adapters.esales_csv.tray import parts
from connector.changes import SetFields
from connector.errors import Uncertain
from connector.model import Gone, Person, Ref
from tests.unit.adapters.esales_csv_kit import Office, of


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path)
    office.card(姓="佐藤", 企業名="A社")
    office.card(姓="鈴木", 企業名="B社")
    office.export()
    office.pull("案件")
    office.pull()
    return office


# --- what stands in a file --------------------------------------------------------------------------------------------


def test_a_row_holds_its_key_and_the_columns_of_its_change_and_nothing_else(office: Office) -> None:
    office.push(office.set_fields("1001", MAスコア=45, MA根拠="資料請求 +10"), office.set_fields("1002", MAスコア=20))
    tables = [office.table(file) for file in office.waiting("名刺")]
    assert tables == [
        [{"名刺コード": "1001", "MAスコア": "45", "MA根拠": "資料請求 +10"}],
        [{"名刺コード": "1002", "MAスコア": "20"}],
    ]


@time_machine.travel(datetime(2026, 11, 25, 17, 15, tzinfo=UTC), tick=False)
def test_names_sort_in_order_and_tell_the_hour_in_the_configured_zone(office: Office) -> None:
    for score in (1, 2):
        office.push(office.set_fields("1001", MAスコア=score))
    assert office.waiting() == ["名刺/20261126T021500-名刺-001.csv", "名刺/20261126T021500-名刺-002.csv"]
    with time_machine.travel(datetime(2026, 11, 25, 16, 0, tzinfo=UTC), tick=False):  # the clock is set back
        office.push(office.set_fields("1001", MAスコア=3))
    assert office.waiting()[-1] == "名刺/20261126T021500-名刺-003.csv"
    assert [row["MAスコア"] for row in office.rows("名刺")] == ["1", "2", "3"]


def test_a_file_is_never_touched_again(office: Office) -> None:
    office.push(office.set_fields("1001", MAスコア=1))
    (file,) = office.waiting()
    before = (office.imports / file).stat()
    office.push(office.set_fields("1001", MAスコア=2), office.set_fields("1002", MAスコア=2))
    after = (office.imports / file).stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)
    assert not [path for path in office.imports.rglob("*") if path.name.startswith(".")]


def test_what_waits_already_is_not_written_twice(office: Office) -> None:
    change = office.set_fields("1001", MAスコア=1)
    office.push(change)
    office.push(change)
    assert len(office.rows("名刺")) == 1
    office.push(office.set_fields("1001", MAスコア=2))
    office.push(change)
    assert [row["MAスコア"] for row in office.rows("名刺")] == ["1", "2", "1"]


def test_what_was_taken_is_written_again_when_it_is_wanted_again(office: Office) -> None:
    change = office.set_fields("1001", MAスコア=1)
    office.push(change)
    office.client.run()
    assert office.waiting() == []
    office.push(change)
    assert len(office.rows("名刺")) == 1


def test_dates_and_moments_are_spelt_as_stated(tmp_path: Path) -> None:
    office = Office(tmp_path, dates="yyyy-MM-dd", encoding="utf-8-sig")
    office.card()
    office.export(office.cards)
    office.pull()
    office.push(office.set_fields("1001", MA根拠=date(2026, 4, 1), MA最終接点=datetime(2026, 4, 1, 1, 30, tzinfo=UTC)))
    (file,) = office.waiting()
    assert (office.imports / file).read_bytes().startswith(b"\xef\xbb\xbf")
    assert office.table(file) == [{"名刺コード": "1001", "MA根拠": "2026-04-01", "MA最終接点": "2026-04-01 10:30:00"}]


def test_what_a_spreadsheet_would_run_is_guarded_and_comes_back_as_it_was(office: Office) -> None:
    office.push(office.set_fields("1001", MA根拠='=HYPERLINK("x")', MA最終接点="-20 メール不達"))
    assert office.rows("名刺")[0]["MA根拠"].startswith("'=")
    office.client.run()
    office.export(office.cards)
    person = of(Person, office.pull()[0])[0]
    assert (person.native["MA根拠"], person.native["MA最終接点"]) == ('=HYPERLINK("x")', "-20 メール不達")


@pytest.mark.parametrize(("rows", "size"), [(2, 10_000), (1000, 60)])
def test_files_are_split_by_rows_and_by_size(monkeypatch: pytest.MonkeyPatch, rows: int, size: int) -> None:
    monkeypatch.setattr(tray, "MAX_ROWS", rows)
    monkeypatch.setattr(tray, "MAX_BYTES", size)
    given = [Row(n, "名刺", str(n), str(n), {"キー": str(n), "根拠": "資料"}, {}, []) for n in range(5)]
    found = list(parts(("キー", "根拠"), given, "utf-8-sig"))
    assert len(found) > 1
    assert [row for _, part in found for row in part] == given
    for content, part in found:
        assert len(part) <= rows
        assert len(content) <= size
        lines = [["キー", "根拠"], *([row.cells["キー"], row.cells["根拠"]] for row in part)]
        assert content == encoded(lines, "utf-8-sig", ",")


def test_a_push_beyond_the_limits_becomes_several_files(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tray, "MAX_ROWS", 1)
    office.push(office.set_fields("1001", MAスコア=1), office.set_fields("1002", MAスコア=2))
    assert [len(office.table(file)) for file in office.waiting()] == [1, 1]


# --- what is refused at once ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_a_blank_is_never_written_whatever_else_the_change_holds(office: Office, blank: Any) -> None:
    bad, good = office.push(
        office.set_fields("1001", MAスコア=45, MA根拠=blank), office.set_fields("1002", MAスコア=20)
    )
    assert (bad.status, bad.code, good.status) == ("refused", "blank", "done")
    assert bad.what is not None
    assert "MA根拠" in bad.what.in_("ja")
    assert [row["名刺コード"] for row in office.rows("名刺")] == ["1002"]


@pytest.mark.parametrize("value", ["𠮷野さんが来場", "🎉", "Café", "¥1,000"])
def test_letters_that_the_encoding_lacks_are_refused_by_default(office: Office, value: str) -> None:
    (receipt,) = office.push(office.set_fields("1001", MA根拠=value))
    assert (receipt.status, receipt.code) == ("refused", "unencodable")
    assert "MA根拠: U+" in str(receipt.what)
    assert office.waiting() == []


def test_letters_are_replaced_where_that_is_wanted_and_each_cell_is_reported(tmp_path: Path) -> None:
    office = Office(tmp_path, unencodable="replace")
    office.card()
    office.export(office.cards)
    office.pull()
    office.push(office.set_fields("1001", MA根拠="𠮷野 ¥100", MAスコア=1))
    (file,) = office.waiting("名刺")
    assert office.table(file)[0]["MA根拠"] == "〓野 〓100"
    report = office.table(f"problems/{Path(file).name}")
    assert [(row["キー"], row["列"]) for row in report] == [("1001", "MA根拠")]
    assert "U+20BB7" in report[0]["理由"]
    assert "野" not in json.dumps(report, ensure_ascii=False)


def wrote(folder: Path, value: str, unencodable: str) -> Office:
    """An office where somebody's card has been given this value."""
    office = Office(folder, unencodable=unencodable)
    office.card()
    office.export(office.cards)
    office.pull()
    office.push(office.set_fields("1001", MA根拠=value))
    return office


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("¥100", "￥100"),
        ("Café—é", "Cafe―e"),
        ("㍿", "株式会社"),
        ("𠮷", "〓"),
        ("葛\U000e0100城", "葛城"),
        ("a\u00a0b", "a b"),
    ],
)
def test_letters_are_transliterated_where_that_is_wanted(tmp_path: Path, value: str, written: str) -> None:
    office = wrote(tmp_path, value, "transliterate")
    assert office.rows("名刺")[0]["MA根拠"] == written


@pytest.mark.parametrize("value", ["\ufe0f=1+1", "﹦1+1", "−1+1"])
def test_what_the_encoding_makes_a_formula_is_guarded(tmp_path: Path, value: str) -> None:
    office = wrote(tmp_path, value, "transliterate")
    assert office.rows("名刺")[0]["MA根拠"][0] == "'"


@pytest.mark.parametrize("value", ["𠮷野", "9〜18時", "一行目\n二行目"])
def test_what_the_encoding_changed_is_read_back_as_it_was_meant(tmp_path: Path, value: str) -> None:
    office = wrote(tmp_path, value, "replace")
    office.client.run()
    office.export(office.cards)
    assert of(Person, office.pull()[0])[0].native["MA根拠"] == value  # otherwise it would be written for ever
    office.cards.records["1001"]["MA根拠"] = "営業が直した"
    office.export(office.cards)
    assert of(Person, office.pull()[0])[0].native["MA根拠"] == "営業が直した"


def test_a_number_is_read_back_however_an_export_groups_it(office: Office) -> None:
    office.push(office.set_fields("1001", MAスコア=1234))
    office.cards.records["1001"]["MAスコア"] = "1,234"
    office.export(office.cards)
    assert of(Person, office.pull()[0])[0].native["MAスコア"] == "1234"


def test_a_column_whose_name_cannot_be_written_stops_no_neighbour(office: Office) -> None:
    bad, good = office.push(office.set_fields("1001", 𠮷=1), office.set_fields("1002", MAスコア=1))
    assert (bad.status, bad.code, good.status) == ("refused", "column", "done")


def test_a_card_that_no_export_told_of_is_refused(office: Office) -> None:
    nobody, somebody = office.push(office.set_fields("9999", MAスコア=1), office.set_fields("1001", MAスコア=1))
    assert (nobody.status, nobody.code, somebody.status) == ("refused", "not_found", "done")


def test_a_card_that_a_full_export_lacks_is_refused(office: Office) -> None:
    del office.cards.records["1001"]
    office.export(office.cards)
    office.pull()
    (receipt,) = office.push(office.set_fields("1001", MAスコア=1))
    assert (receipt.status, receipt.code) == ("refused", "not_found")


# --- new cards --------------------------------------------------------------------------------------------------------


def test_a_new_card_comes_back_under_its_code(office: Office) -> None:
    (receipt,) = office.push(office.create("U0000001", 姓="田中", 企業名="C社"))
    assert receipt.remote_id == "new-U0000001"
    assert office.rows("名刺新規") == [{"連携キー": "U0000001", "企業名": "C社", "姓": "田中"}]
    created, cursor = office.pull()
    assert [(person.ref.id, person.key) for person in of(Person, created)][-1] == ("new-U0000001", "U0000001")
    office.client.run()
    office.export(office.cards)
    records, _ = office.pull("名刺", cursor)
    (gone,) = of(Gone, records)
    code = next(code for code, card in office.cards.records.items() if card.get("連携キー"))
    assert (gone.ref.id, gone.successor) == ("new-U0000001", Ref("esm", "名刺", code))
    late, again = office.push(
        office.set_fields("new-U0000001", MAスコア=1), office.create("U0000001", 姓="田中", MAスコア=5)
    )
    assert (late.status, late.code) == ("refused", "not_found")
    assert (again.status, again.remote_id) == ("done", code)
    assert office.rows("名刺")[0]["名刺コード"] == code


def test_later_values_of_a_new_card_bring_all_that_the_import_needs_to_make_it(office: Office) -> None:
    office.push(office.create("U0000001", 姓="田中", 企業名="C社"))
    (office.imports / office.waiting("名刺新規")[0]).unlink()  # lost on the way
    office.push(office.set_fields("new-U0000001", MAスコア=45))
    assert office.rows("名刺新規") == [{"連携キー": "U0000001", "MAスコア": "45", "企業名": "C社", "姓": "田中"}]
    office.client.run()
    assert [card["MAスコア"] for card in office.cards.records.values() if card.get("連携キー")] == ["45"]


def test_importing_a_new_card_twice_makes_one(office: Office) -> None:
    office.push(office.create("U0000001", 姓="田中", 企業名="C社"))
    (file,) = office.waiting("名刺新規")
    content = (office.imports / file).read_bytes()
    office.client.run()
    (office.imports / file).write_bytes(content)
    office.client.run()
    assert len([card for card in office.cards.records.values() if card.get("連携キー") == "U0000001"]) == 1


def test_a_key_on_two_cards_is_refused_before_the_import_does(office: Office) -> None:
    for _ in range(2):
        office.card(連携キー="U0000001", 企業名="C社")
    office.export(office.cards)
    office.pull()
    (receipt,) = office.push(office.create("U0000001", 姓="田中"))
    assert (receipt.status, receipt.code) == ("refused", "several")
    assert office.waiting() == []


# --- alerts and touchpoints -------------------------------------------------------------------------------------------


def test_alerts_become_rows_of_their_sheet_once(office: Office) -> None:
    office.deals.add({"案件名": "更新", "進捗": "商談中", "主担当": "営業 太郎"})
    office.export(office.deals)
    office.pull("案件")
    owner = derived_id("社員", "営業 太郎")
    change = office.alert("k1", due_on=date(2026, 4, 2), owner_id=owner, deal=Ref("esm", "案件", "1001"))
    office.push(change)
    office.client.run()
    office.push(change)
    assert office.waiting() == []
    assert list(office.notices.records.values()) == [
        {
            "ID": "1001", "通知キー": "k1", "件名": "動き", "内容": "資料をダウンロード", "期限": "2026/04/02",
            "担当": "営業 太郎", "名刺コード": "", "案件コード": "1001",
        }
    ]  # fmt: skip


def test_an_alert_for_an_owner_nobody_told_of_is_refused(office: Office) -> None:
    (receipt,) = office.push(office.alert("k1", due_on=date(2026, 4, 2), owner_id="h123"))
    assert (receipt.status, receipt.code) == ("refused", "no_owner")


def test_the_last_alert_may_stand_on_the_card(tmp_path: Path) -> None:
    fields = AlertFields(key="MA最終接点", title="MA根拠")
    office = Office(tmp_path, alerts=None, alert_fields=fields)
    code = office.card(企業名="A社")
    office.export(office.cards)
    office.pull()
    for key, title in (("k1", "動き"), ("k2", "ホット")):
        office.push(office.alert(key, due_on=date(2026, 4, 2), title=title, person=Ref("esm", "名刺", code)))
    office.client.run()
    assert (office.cards.records[code]["MA最終接点"], office.cards.records[code]["MA根拠"]) == ("k2", "ホット")
    receipts = office.push(
        office.alert("k3", due_on=date(2026, 4, 2)),
        office.alert("k4", due_on=date(2026, 4, 2), person=Ref("esm", "名刺", "9999")),
    )
    assert [(receipt.status, receipt.code) for receipt in receipts] == [
        ("refused", "no_card"),
        ("refused", "not_found"),
    ]


def test_a_touchpoint_waits_until_its_new_card_has_a_code(office: Office) -> None:
    office.push(office.create("U0000001", 姓="田中", 企業名="C社"))
    entry = office.entry("e1", "new-U0000001", on=date(2026, 4, 1), happened_at=datetime(2026, 4, 1, 1, tzinfo=UTC))
    (receipt,) = office.push(entry)
    assert (receipt.status, receipt.code) == ("retry", "not_yet")
    office.client.run()
    office.export(office.cards)
    office.pull()
    assert [receipt.status for receipt in office.push(entry)] == ["done"]
    (row,) = office.rows("MA接点")
    assert row["名刺コード"] in office.cards.records
    assert row["日時"] == "2026/04/01 10:00:00"


def test_without_a_sheet_alerts_and_touchpoints_are_refused(tmp_path: Path) -> None:
    office = Office(tmp_path, alerts=None, timeline=None)
    entry = office.entry("e1", "1", on=date(2026, 4, 1), happened_at=datetime(2026, 4, 1, tzinfo=UTC))
    receipts = office.push(office.alert("k1", due_on=date(2026, 4, 2)), entry)
    assert {(receipt.status, receipt.code) for receipt in receipts} == {("refused", "not_set_up")}


# --- faults -----------------------------------------------------------------------------------------------------------


def test_a_share_that_goes_away_before_the_file_is_there_leaves_the_rows_for_later(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object) -> None:
        raise OSError(112, "Host is down")

    monkeypatch.setattr(tray, "save", fails)
    with pytest.raises(Uncertain):
        office.push(office.set_fields("1001", MAスコア=1, MA根拠="古い"))
    monkeypatch.undo()
    assert office.waiting() == []
    office.push(office.set_fields("1001", MAスコア=2), office.set_fields("1002", MAスコア=3))
    rows = sorted(office.rows("名刺"), key=lambda row: row["名刺コード"])
    assert rows == [
        {"名刺コード": "1001", "MA根拠": "古い", "MAスコア": "2"},
        {"名刺コード": "1002", "MAスコア": "3"},
    ]


@time_machine.travel(datetime(2026, 11, 25, 17, 15, tzinfo=UTC), tick=False)
def test_a_crash_after_the_file_is_there_overwrites_nothing_and_changes_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(path: Path, content: bytes) -> None:
        save(path, content)
        raise OSError(112, "Host is down")

    change = office.set_fields("1001", MAスコア=1)
    monkeypatch.setattr(tray, "save", dies)
    with pytest.raises(Uncertain):
        office.push(change)
    monkeypatch.undo()
    (first,) = office.waiting()
    made = (office.imports / first).stat().st_ino
    assert [receipt.status for receipt in office.push(change)] == ["done"]
    assert office.waiting() == ["名刺/20261126T021500-名刺-001.csv", "名刺/20261126T021500-名刺-002.csv"]
    assert (office.imports / first).stat().st_ino == made
    assert office.client.run() == 2
    assert office.cards.records["1001"]["MAスコア"] == "1"


def test_messages_are_in_both_languages_and_name_no_values(office: Office) -> None:
    receipts = office.push(
        office.set_fields("1001", MA根拠=None),
        office.set_fields("1002", MA根拠="𠮷野 様"),
        office.set_fields("9999", MAスコア=1),
    )
    for receipt in receipts:
        assert receipt.what is not None
        assert receipt.fix is not None
        assert re.search("[ぁ-ん]", receipt.what.in_("ja"))
        assert "野" not in str(receipt)


def test_only_changes_it_declares_are_offered_to_it(office: Office) -> None:
    assert SetFields in office.adapter().writes
    assert {kind.__name__ for kind in office.adapter().writes} == {
        "SetFields", "CreatePerson", "RaiseAlert", "AddTouchpoint",
    }  # fmt: skip
