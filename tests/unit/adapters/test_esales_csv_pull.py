from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from connector.adapters.esales_csv.config import Config
from connector.errors import Unavailable
from connector.model import Company, Deal, DealState, Inventory, Kind, Owner, Person, Ref, Touchpoint
from connector.ports import Needs
from connector.spec import Mark, parse, read_yaml_text
from tests.unit.adapters.esales_csv_kit import NEEDS, OPTIONS, Office, asking, config, of

HEAD = "名刺コード,メールアドレス,姓,名,企業名,TEL,顧客コード,主担当,更新日時,MAスコア,MA根拠,MA最終接点,連携キー"
CARD = "7,a@example.com,佐藤,健,A社,03-0000-0000,5,営業 太郎,2026/04/01 10:00,45,,,"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


# --- the block --------------------------------------------------------------------------------------------------------


def complaints(options: str) -> str:
    data, problems = read_yaml_text(options, "config.yaml")
    _, more = parse(Config, data, Mark("config.yaml", 1, 1))
    return "\n".join(f"{problem} {problem.in_('ja')}" for problem in [*problems, *more])


def test_the_encoding_is_asked_for_by_name() -> None:
    said = complaints(OPTIONS.replace("encoding: cp932\n", ""))
    assert "`encoding: cp932` or `encoding: utf-8-sig`" in said
    assert "文字コード" in said
    assert "dates" in complaints(OPTIONS.replace("dates: yyyy/MM/dd\n", ""))
    assert "'cp932' or 'utf-8-sig'" in complaints(OPTIONS.replace("encoding: cp932", "encoding: shift_jis"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("imports: imports", "imports: exports", "two of the folders are the same"),
        ("sheet: MA接点", "sheet: 名刺", "cannot name a folder"),
        ("sheet: MA接点", 'sheet: "../x"', "cannot name a folder"),
        ("key: キー, file: ファイル名, line: 行番号, ", "", "nothing tells which row"),
        ("alerts: {", "alert_fields: {key: a, title: b}\nalerts: {", "alerts go to two places"),
        ("sheet: MA接点", "sheet: problems", "cannot name a folder"),
        ("sheet: MA接点", "sheet: MA通知", "one sheet cannot have two keys"),
        ("電話: call", "電話: phone_call", "must be one of"),
    ],
)
def test_what_makes_no_sense_is_told(old: str, new: str, said: str) -> None:
    assert old in OPTIONS
    assert said in complaints(OPTIONS.replace(old, new))


# --- exports ----------------------------------------------------------------------------------------------------------


def test_a_card_arrives_with_words_natives_company_and_owner(office: Office) -> None:
    office.drop("名刺.csv", f"{HEAD}\n{CARD}\n")
    records, _ = office.pull()
    (person,), (owner,) = of(Person, records), of(Owner, records)
    assert person.ref == Ref("esm", "名刺", "7")
    assert person.fields == {
        "email": "a@example.com", "family_name": "佐藤", "given_name": "健", "company": "A社", "phone": "03-0000-0000",
    }  # fmt: skip
    assert (person.native["MAスコア"], person.native["MA根拠"], person.company_id) == ("45", None, "5")
    assert (owner.name, person.owner_id) == ("営業 太郎", owner.ref.id)
    assert person.modified_at == datetime(2026, 4, 1, 1, 0, tzinfo=UTC)
    assert of(Inventory, records) == [Inventory("esm", "名刺", frozenset({"7"}))]


def test_an_owner_of_many_is_told_once(office: Office) -> None:
    office.drop("名刺.csv", f"{HEAD}\n{CARD}\n{CARD.replace('7,', '8,')}\n")
    records, _ = office.pull()
    assert len(of(Owner, records)) == 1
    assert len({person.owner_id for person in of(Person, records)}) == 1


def test_a_quotation_mark_that_never_ends_takes_no_other_person_away(office: Office) -> None:
    lines = [CARD.replace("7,", f"{n},") for n in range(1, 6)]
    lines[1] = lines[1].replace("佐藤", '"佐藤')
    office.drop("名刺.csv", "\n".join([HEAD, *lines, ""]))
    (*pages, _) = office.pages("名刺")
    assert [person.ref.id for page in pages for person in of(Person, page.records)] == ["1", "3", "4", "5"]
    assert [reject.where for page in pages for reject in page.rejects] == ["名刺.csv:3"]


def test_words_are_read_by_the_tables_of_the_mapping(tmp_path: Path) -> None:
    words = {**NEEDS.objects["名刺"].words, "opted_out": "MA根拠"}
    office = Office(tmp_path, needs=asking("名刺", words=words, values={"MA根拠": {"true": "不可", "false": "可"}}))
    lines = [CARD.replace("45,", f"45,{said}").replace("7,", f"{n},") for n, said in enumerate(["不可", "可", "", "?"])]
    office.drop("名刺.csv", "\n".join([HEAD, *lines, ""]))
    (*pages, _) = office.pages("名刺")
    people = [person.fields["opted_out"] for page in pages for person in of(Person, page.records)]
    assert people == [True, False, None]
    assert ["MA根拠" in str(reject.what) for page in pages for reject in page.rejects] == [True]


def test_a_deal_is_read_by_the_words_of_the_mapping(office: Office) -> None:
    office.drop(
        "案件.csv",
        "案件コード,案件名,進捗,確度,失注理由,主担当,名刺コード,顧客コード\n"
        "1,更新,見積,A,,営業 太郎,7;8,5\n"
        "2,増設,失注,,予算,,,\n"
        "3,保守,凍結,A,,,,\n"
        "4,点検,受注,Z,,,,\n",
    )
    (page, _) = office.pages("案件")
    first, second = of(Deal, page.records)
    assert (first.state, first.stage, first.probability, first.people) == (DealState.OPEN, "見積", 80, ("7", "8"))
    assert (first.company_id, second.state, second.lost_reason) == ("5", DealState.LOST, "予算")
    assert [reject.where for reject in page.rejects] == ["案件.csv:4", "案件.csv:5"]
    assert "states" in str(page.rejects[0].what)
    assert "probabilities" in str(page.rejects[1].what)
    assert of(Inventory, page.records) == [Inventory("esm", "案件", frozenset("1234"))]


def test_without_a_word_for_open_any_other_stage_is_open(tmp_path: Path) -> None:
    office = Office(tmp_path, needs=asking("案件", states={DealState.LOST: frozenset({"失注"})}, probabilities={}))
    office.drop(
        "案件.csv",
        "案件コード,案件名,進捗,確度,失注理由,主担当,名刺コード,顧客コード\n1,更新,,60%,,,,\n2,増設,失注,120,,,,\n",
    )
    (page, _) = office.pages("案件")
    (deal,) = of(Deal, page.records)
    assert (deal.state, deal.probability) == (DealState.OPEN, 60)
    assert len(page.rejects) == 1


def test_a_deal_may_name_its_company_and_its_people_otherwise(tmp_path: Path) -> None:
    deal = {"name": "案件名", "stage": "進捗", "people": "先方", "company": "企業名"}
    office = Office(tmp_path, needs=asking("案件", deal=deal, linked_by={"people": "メールアドレス"}))
    office.drop("名刺.csv", f"{HEAD}\n{CARD}\n{CARD.replace('7,a@', '8,b@')}\n{CARD.replace('7,a@', '9,B@')}\n")
    office.drop(
        "案件.csv",
        "案件コード,案件名,進捗,先方,企業名\n1,更新,見積,A@example.com,A社\n2,増設,見積,b@example.com,\n3,他,見積,x@example.com,\n",
    )
    office.pull()
    (page, _) = office.pages("案件")
    first, third = of(Deal, page.records)
    (company,) = of(Company, page.records)
    assert (first.people, first.company_id, company.name) == (("7",), company.ref.id, "A社")
    assert third.people == ()
    assert ["2 records of 名刺 fit" in str(reject.what) for reject in page.rejects] == [True]


def test_activities_become_touchpoints_of_all_who_took_part(office: Office) -> None:
    office.drop(
        "活動.csv",
        "活動コード,活動日,開始時刻,活動種別,件名,結果,名刺コード\n"
        "1,2026/04/01,10:30,電話,定期連絡,興味あり,7\n"
        "2,2026/04/02,,訪問,提案,,7、8\n"
        "3,2026/04/02,,社内,会議,,7\n"
        "4,2026/04/02,,電話,相手不明,,\n"
        "5,,,電話,日付なし,,7\n",
    )
    (page, _) = office.pages("活動")
    found = of(Touchpoint, page.records)
    assert [(each.kind, each.person.id, each.label, each.result) for each in found] == [
        (Kind.CALL, "7", "定期連絡", "興味あり"),
        (Kind.MEETING, "7", "提案", ""),
        (Kind.MEETING, "8", "提案", ""),
    ]
    assert found[0].happened_at == datetime(2026, 4, 1, 1, 30, tzinfo=UTC)
    assert page.ignored == {"layout": 2}
    assert [reject.where for reject in page.rejects] == ["活動.csv:6"]


def test_a_full_export_replaces_older_ones_that_were_not_read_yet(office: Office) -> None:
    office.drop("名刺1.csv", f"{HEAD}\n{CARD}\n{CARD.replace('7,', '8,')}\n")
    office.drop("名刺2.csv", f"{HEAD}\n{CARD}\n")
    records, cursor = office.pull()
    assert [person.ref.id for person in of(Person, records)] == ["7"]
    assert [inventory.ids for inventory in of(Inventory, records)] == [{"7"}]
    office.pull("名刺", cursor)
    assert sorted(path.name for path in (office.exports / "done").iterdir()) == ["名刺1.csv", "名刺2.csv"]


def test_what_is_no_full_export_takes_nobody_away(tmp_path: Path) -> None:
    people = config().people.model_copy(update={"full": False})
    office = Office(tmp_path, people=people)
    office.drop("名刺1.csv", f"{HEAD}\n{CARD}\n{CARD.replace('7,', '8,')}\n")
    office.drop("名刺2.csv", f"{HEAD}\n{CARD}\n")
    records, _ = office.pull()
    assert [person.ref.id for person in of(Person, records)] == ["7", "8", "7"]
    assert of(Inventory, records) == []
    assert [receipt.status for receipt in office.push(office.set_fields("8", MAスコア=1))] == ["done"]


# --- bad input --------------------------------------------------------------------------------------------------------


def test_a_row_that_may_be_anybodys_leaves_open_who_is_gone(office: Office) -> None:
    office.drop("名刺1.csv", f"{HEAD}\n{CARD}\n{CARD.replace('7,', '8,')}\n")
    _, cursor = office.pull()
    office.drop("名刺2.csv", f"{HEAD}\n{CARD}\n8,b@exam")  # cut off half-way
    pages = office.pages("名刺", cursor)
    assert [reject.where for page in pages for reject in page.rejects] == ["名刺2.csv:3"]
    assert [r for page in pages for r in of(Inventory, page.records)] == []
    assert [receipt.status for receipt in office.push(office.set_fields("8", MAスコア=1))] == ["done"]


def test_a_bad_cell_says_nothing_against_its_record(office: Office) -> None:
    office.drop("名刺.csv", f"{HEAD}\n{CARD}\n{CARD.replace('7,', '8,').replace('2026/04/01', '4/1')}\n")
    (page, _) = office.pages("名刺")
    assert [reject.where for reject in page.rejects] == ["名刺.csv:3"]
    assert of(Inventory, page.records) == [Inventory("esm", "名刺", frozenset({"7", "8"}))]


def test_a_blank_or_doubled_code_is_a_bad_row(office: Office) -> None:
    office.drop("名刺.csv", f"{HEAD}\n{CARD}\n{CARD.replace('7,', ',')}\n{CARD}\n")
    (page, _) = office.pages("名刺")
    assert len(of(Person, page.records)) == 1
    assert [(reject.where, "名刺コード" in str(reject.what)) for reject in page.rejects] == [
        ("名刺.csv:3", True),
        ("名刺.csv:4", True),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"{HEAD}\n{CARD}\n".encode(), "utf-8 fits"),
        (f"{HEAD.replace('MAスコア,', '')}\n".encode("cp932"), "no column MAスコア"),
        (f"{HEAD},TEL\n".encode("cp932"), "TEL is there twice"),
    ],
)
def test_a_file_that_cannot_be_used_goes_to_failed(office: Office, content: bytes, said: str) -> None:
    office.drop("名刺.csv", content)
    pages = office.pages("名刺")
    (reject,) = [reject for page in pages for reject in page.rejects]
    assert said in str(reject.what)
    office.pull("名刺", pages[-1].cursor)
    assert [path.name for path in (office.exports / "failed").iterdir()] == ["名刺.csv"]


def test_a_file_that_is_still_being_written_is_left_alone(tmp_path: Path) -> None:
    office = Office(tmp_path, settle=timedelta(minutes=1))
    office.drop("名刺.csv", f"{HEAD}\n{CARD}\n")
    assert office.pull()[0] == []
    assert (office.exports / "名刺.csv").exists()


def test_a_missing_folder_is_no_answer(office: Office) -> None:
    office.results.rmdir()
    with pytest.raises(Unavailable, match="results"):
        office.pull()
    with pytest.raises(Unavailable):
        office.push(office.set_fields("1", MAスコア=1))


# --- check ------------------------------------------------------------------------------------------------------------


def test_check_compares_files_and_mappings(office: Office) -> None:
    office.drop("名刺.csv", f"{HEAD.replace('連携キー', '備考')}\n")
    office.drop("日報.csv", "x\n")
    found = {(f.severity, str(f.what)) for f in office.adapter().check()}
    assert found == {
        ("error", "名刺.csv: no column 連携キー"),
        ("warning", "no pattern fits the file 日報.csv"),
    }


def test_check_names_what_mappings_lack_and_options_lack(tmp_path: Path) -> None:
    needs = asking("名刺", words={}, write=frozenset({"名刺コード"}))
    objects = {
        **needs.objects,
        "案件": replace(NEEDS.objects["案件"], deal={"name": "案件名"}),
        "見込み客": NEEDS.of("名刺"),
    }
    office = Office(tmp_path, needs=replace(needs, objects=objects), alerts=None, deals=None, companies=None)
    said = {(f.severity, f.object, str(f.what)) for f in office.adapter().check()}
    assert said == {
        ("error", "見込み客", "the sheet 見込み客 is not exchanged by files"),
        ("error", "名刺", "名刺コード is e-Sales Manager's own code"),
        ("warning", "名刺", "new 名刺 need their company, and no field is named for it"),
        ("error", "案件", "no exports of 案件 are named"),
        ("error", "案件", "no column holds stage"),
        ("error", "案件", "deals refer to 顧客, which are not exported"),
        ("error", "", "no 拡張シート is named for alerts"),
    }
    assert office.adapter(Needs()).check() == []


def test_check_tells_of_files_that_nobody_imports(office: Office) -> None:
    office.card(企業名="A社")
    office.export(office.cards)
    office.pull()
    office.push(office.set_fields("1001", MAスコア=1))
    assert office.adapter().check() == []

    with time_machine.travel(datetime.now(UTC) + timedelta(days=2)):
        (finding,) = office.adapter().check()
    assert "1 file in 名刺 has waited" in str(finding.what)


def test_deals_are_read_only_when_a_mapping_names_them(office: Office) -> None:
    assert list(office.adapter().streams) == ["顧客", "名刺", "案件", "活動", "results"]
    assert list(office.adapter(Needs()).streams) == ["顧客", "名刺", "活動", "results"]


def test_inspect_shows_the_columns_of_the_newest_exports(office: Office) -> None:
    office.drop("名刺1.csv", "名刺コード\n")
    office.drop("名刺2.csv", f"{HEAD}\n{CARD}\n")
    office.drop("顧客.csv", "顧客名\n".encode())
    _, cursor = office.pull()
    office.pull("名刺", cursor)
    (sheet,) = office.adapter().inspect()
    assert (sheet.name, [shown.name for shown in sheet.fields]) == ("名刺", HEAD.split(","))
    assert sheet.fields[0].notes == ("unique",)
