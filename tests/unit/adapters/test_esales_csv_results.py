from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from connector.adapters.esales_csv.refusals import OTHER, REFUSALS, code_of
from connector.adapters.memory import SYSTEMS, System
from connector.config import load
from connector.engine.app import App, open_app
from connector.engine.preview import plan_preview
from connector.engine.report import Exit, Report
from connector.engine.run import run
from connector.errors import MOST_SAID
from connector.model import Kind, Person
from connector.ports import Reject
from connector.sandbox import esales_csv as vendor
from connector.store import outbox
from tests.unit.adapters.esales_csv_kit import OPTIONS, Office, config, of

HEAD = "ファイル名,行番号,キー,エラー内容"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path)
    office.card(姓="佐藤", 企業名="A社", MAスコア="10")
    office.card(姓="鈴木", 企業名="B社")
    office.export()
    office.pull()
    return office


def heard(office: Office, cursor: str | None = None) -> tuple[list[Reject], list[Person], dict[str, int]]:
    pages = office.pages("results", cursor)
    ignored: dict[str, int] = {}
    for page in pages:
        for why, count in page.ignored.items():
            ignored[why] = ignored.get(why, 0) + count
    rejects = [reject for page in pages for reject in page.rejects]
    return rejects, [person for page in pages for person in of(Person, page.records)], ignored


# --- what a result means ----------------------------------------------------------------------------------------------


def test_the_titles_that_are_known_are_those_of_the_vendor() -> None:
    titles = {vendor.OWNER, vendor.SEVERAL, vendor.KEY_BLANK, vendor.DATE, vendor.NO_COMPANY, "案件タイプ不一致"}
    assert {each.title for code, each in REFUSALS.items() if code != OTHER} == titles
    assert code_of("3行目: 担当者不一致（山田 太郎）") == "import_owner"
    assert code_of("何か別のこと") == OTHER


def test_a_refused_row_is_told_with_its_place_and_its_neighbours_are_imported(office: Office) -> None:
    office.cards.dates = frozenset({"MA根拠"})
    receipts = office.push(
        office.set_fields("1001", MA根拠="日付ではない", MAスコア=45), office.set_fields("1002", MAスコア=20)
    )
    assert {receipt.status for receipt in receipts} == {"done"}
    office.client.run()
    rejects, people, ignored = heard(office)
    assert [(reject.code, reject.where.endswith(":2")) for reject in rejects] == [("import_date_format", True)]
    assert "日付フォーマット不正" in rejects[0].what.in_("ja")
    assert ignored == {"imported": 1}
    assert office.cards.records["1002"]["MAスコア"] == "20"
    assert [(person.ref.id, person.native["MAスコア"], person.native["MA根拠"]) for person in people] == [
        ("1001", "10", None)
    ]


def test_the_refused_change_is_refused_when_it_is_offered_again_and_then_written_anew(office: Office) -> None:
    office.cards.dates = frozenset({"MA根拠"})
    change = office.set_fields("1001", MA根拠="日付ではない")
    office.push(change)
    office.client.run()
    heard(office)
    (told,) = office.push(change)
    assert (told.status, told.code) == ("refused", "import_date_format")
    assert told.fix is not None
    assert office.waiting() == []
    (again,) = office.push(change)
    assert again.status == "done"
    assert len(office.rows("名刺")) == 1


def test_another_value_is_written_without_further_ado(office: Office) -> None:
    office.cards.dates = frozenset({"MA根拠"})
    office.push(office.set_fields("1001", MA根拠="日付ではない"))
    office.client.run()
    heard(office)
    assert [receipt.status for receipt in office.push(office.set_fields("1001", MA根拠="2026/04/01"))] == ["done"]


def test_a_late_refusal_does_not_undo_what_was_written_since(office: Office) -> None:
    office.cards.dates = frozenset({"MA根拠"})
    office.push(office.set_fields("1001", MA根拠="日付ではない", MAスコア=45))
    office.client.run()
    office.push(office.set_fields("1001", MAスコア=50))
    rejects, (person,), _ = heard(office)
    assert len(rejects) == 1
    assert (person.native["MAスコア"], person.native["MA根拠"]) == ("50", None)


def test_a_refusal_is_heard_though_other_columns_were_taken_since(office: Office) -> None:
    office.cards.dates = frozenset({"MA根拠"})
    office.push(office.set_fields("1001", MA根拠="日付ではない"))
    office.client.run()
    office.push(office.set_fields("1001", MAスコア=50))
    office.client.run()
    office.push(office.set_fields("1002", MAスコア=50))
    rejects, (person,), ignored = heard(office)
    assert ([reject.code for reject in rejects], ignored) == (["import_date_format"], {"imported": 1})
    assert (person.native["MAスコア"], person.native["MA根拠"]) == ("50", None)


def test_a_card_that_cannot_be_made_is_told_and_offered_again_whole(office: Office) -> None:
    office.push(office.create("U1", 姓="田中"))
    office.client.run()
    rejects, (person,), _ = heard(office)
    assert [reject.code for reject in rejects] == ["import_company_column"]
    assert (person.ref.id, person.key, person.native["姓"]) == ("new-U1", "U1", None)
    (told,) = office.push(office.set_fields("new-U1", 姓="田中"))
    assert (told.status, told.code) == ("refused", "import_company_column")
    office.push(office.set_fields("new-U1", 企業名="C社"))
    assert office.rows("名刺新規") == [{"連携キー": "U1", "企業名": "C社", "姓": "田中"}]


def test_a_refused_alert_is_told_and_written_anew_if_it_is_offered_again(office: Office) -> None:
    office.notices.dates = frozenset({"件名"})
    change = office.alert("k1", due_on=date(2026, 4, 2))
    office.push(change)
    office.client.run()
    rejects, people, _ = heard(office)
    assert ([reject.code for reject in rejects], people) == (["import_date_format"], [])
    office.notices.dates = frozenset()
    assert [receipt.status for receipt in office.push(change)] == ["done"]
    office.client.run()
    assert [record["通知キー"] for record in office.notices.records.values()] == ["k1"]


def test_two_hits_on_the_key_are_a_refusal(office: Office) -> None:
    office.push(office.create("U1", 姓="田中", 企業名="C社"))
    for _ in range(2):  # somebody copied a card meanwhile
        office.card(連携キー="U1", 企業名="C社")
    office.client.run()
    rejects, _, _ = heard(office)
    assert [reject.code for reject in rejects] == ["import_several"]


# --- files of other layouts, of others, and bad ones ------------------------------------------------------------------


def test_a_result_for_rows_we_do_not_know_is_counted_and_changes_nothing(office: Office) -> None:
    office.drop("他.csv", f"{HEAD}\n他部署.csv,2,9999,担当者不一致\n,,,担当者不一致\n", folder=office.results)
    assert heard(office) == ([], [], {"not_ours": 2})


def test_rows_are_found_by_number_where_results_repeat_no_key(tmp_path: Path) -> None:
    results = config().results
    assert results is not None
    office = Office(tmp_path, results=results.model_copy(update={"key": None, "file": None, "ok": ("正常",)}))
    office.card(企業名="A社")
    office.card(企業名="B社")
    office.export(office.cards)
    office.pull()
    office.push(office.set_fields("1001", MAスコア=1), office.set_fields("1002", MAスコア=2))
    (file,) = office.waiting("名刺")
    (office.imports / file).unlink()
    office.drop(
        f"err_{Path(file).name}", "行番号,エラー内容\n2,正常\n3,複数件一致\n4,複数件一致\n", folder=office.results
    )
    rejects, people, ignored = heard(office)
    assert [reject.code for reject in rejects] == ["import_several"]
    assert [person.ref.id for person in people] == ["1002"]
    assert ignored == {"imported": 1, "not_ours": 1}


def test_each_refused_row_gets_the_imports_words_about_it_once(office: Office) -> None:
    changes = [office.set_fields(code, MAスコア=1) for code in ("1001", "1002")]
    office.push(*changes)
    office.client.run()
    for path in office.results.iterdir():
        path.unlink()
    lines = f'{HEAD}\n,,1001,"金糸雀 鳴子 様\n担当者不一致"\n,,1002,{"長" * 5000}\n'
    office.drop("r.csv", lines, folder=office.results)
    heard(office)
    one, two = office.push(*changes)
    assert (one.code, one.said) == ("import_owner", "金糸雀 鳴子 様\r\n担当者不一致")
    assert (two.code, two.said) == (OTHER, "長" * MOST_SAID)
    assert "金糸雀" not in f"{one!r} {one.what} {one.fix}"
    assert "金糸雀".encode() not in (office.root / "state.db").read_bytes()


def test_a_message_that_nobody_will_be_told_is_not_kept(office: Office) -> None:
    office.push(office.alert("k1", due_on=date(2026, 4, 2), body="x"))
    office.client.run()
    for path in office.results.iterdir():
        path.unlink()
    office.drop("r.csv", f"{HEAD}\n,,k1,金糸雀 鳴子 様\n", folder=office.results)
    rejects, _, _ = heard(office)
    assert [reject.code for reject in rejects] == [OTHER]
    assert "金糸雀".encode() not in (office.root / "state.db").read_bytes()


def test_a_refusal_that_was_noted_without_words_has_none(office: Office) -> None:
    change = office.set_fields("1001", MAスコア=1)
    office.push(change)
    office.client.run()
    with closing(sqlite3.connect(office.root / "state.db")) as db, db:
        db.execute("UPDATE row SET refused = 'import_owner'")
    (told,) = office.push(change)
    assert (told.code, told.said) == ("import_owner", "")


def test_a_message_stands_in_no_reject(office: Office) -> None:
    office.push(office.set_fields("1001", MAスコア=1))
    office.client.run()
    for path in office.results.iterdir():
        path.unlink()
    office.drop("r.csv", f"{HEAD}\n,,1001,金糸雀 鳴子 様の行は不正です\n", folder=office.results)
    rejects, _, _ = heard(office)
    assert [reject.code for reject in rejects] == [OTHER]
    assert "金糸雀" not in str(rejects)


def test_a_result_file_of_another_layout_goes_to_failed(office: Office) -> None:
    office.drop("r.csv", "行,理由\n2,だめ\n", folder=office.results)
    pages = office.pages("results")
    assert ["no column" in str(reject.what) for page in pages for reject in page.rejects] == [True]
    office.pages("results", pages[-1].cursor)
    assert (office.results / "failed" / "r.csv").exists()


def test_a_bad_line_does_not_stop_the_others(office: Office) -> None:
    office.push(office.set_fields("1001", MAスコア=1))
    office.client.run()
    for path in office.results.iterdir():
        path.unlink()
    lines = f"{HEAD}\n,多,1001,担当者不一致\n,,1001\n,,1001,担当者不一致\n"
    office.drop("r.csv", lines, folder=office.results)
    rejects, _, _ = heard(office)
    assert [(reject.where, reject.code) for reject in rejects] == [
        ("r.csv:2", "unreadable"), ("r.csv:3", "unreadable"), ("r.csv:4", "import_owner"),
    ]  # fmt: skip


def test_what_is_read_of_a_sheet_is_not_kept_once_it_was_taken(office: Office) -> None:
    office.push(office.alert("k1", due_on=date(2026, 4, 2), body="金糸雀 鳴子 様"))
    office.client.run()
    office.pull()
    raw = (office.root / "state.db").read_bytes()
    assert "金糸雀".encode() not in raw


# --- with the engine --------------------------------------------------------------------------------------------------

MAPPINGS = {
    "people": """
- in: esm
  object: 名刺
  key: 連携キー
  create: {object: 名刺, when: {score.interest: {gte: 20}}, require: [family_name, company]}
  fields:
    email: {to: メールアドレス, wins: sfa_unless_blank}
    family_name: {to: 姓, wins: sfa_unless_blank}
    company: {to: 企業名, wins: once}
    score.interest: {to: MAスコア, wins: ma}
    score.interest.why: {to: MA根拠, wins: ma}
""",
    "scores": """
interest:
  rules:
    - {id: seminar, touchpoint: seminar_attended, within: 90d, points: 15, each: true, label: ウェビナー}
  bands: {hot: 25}
""",
    "deals": """
- in: esm
  object: 案件
  fields: {name: 案件名, stage: 進捗, owner: 主担当, people: 名刺コード}
  states: {won: 受注, lost: 失注}
""",
}


@dataclass
class Loop:
    """An MA in memory, an e-Sales Manager behind folders, and the engine between them."""

    office: Office
    now: datetime = datetime(2026, 4, 1, 1, 0, tzinfo=UTC)
    app: App = field(init=False)

    def __post_init__(self) -> None:
        SYSTEMS["ma"] = System("ma", now=self.now)
        folder = self.office.root
        (folder / "mappings").mkdir()
        for name, content in MAPPINGS.items():
            (folder / "mappings" / f"{name}.yaml").write_text(content, encoding="utf-8")
        block = "".join(f"    {line}\n" for line in OPTIONS.splitlines())
        systems = f"systems:\n  ma: {{type: memory, role: ma}}\n  esm:\n    type: esales_csv\n{block}"
        config_file = folder / "config.yaml"
        config_file.write_text(
            f"store: sqlite:///{folder}/connector.db\n{systems}run: {{guards: {{at_least: 1000}}}}\n", encoding="utf-8"
        )
        self.app = open_app(load(config_file), clock=lambda: self.now)

    def run(self) -> Report:
        """One pass."""
        self.now += timedelta(hours=1)
        return run(self.app)

    def attends(self, email: str, company: str) -> None:
        """Somebody attends a seminar."""
        ma = SYSTEMS["ma"]
        known = [person.ref for person in ma.people.values() if person.fields.get("email") == email]
        person = known[0] if known else ma.add_person(email=email, family_name="佐藤", company=company)
        ma.add_touchpoint(person, Kind.SEMINAR_ATTENDED, self.now - timedelta(days=1), label="入門")

    def night(self) -> None:
        """The batch client imports, then exports."""
        self.office.client.run()
        self.office.export()


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    made = Loop(Office(tmp_path))
    yield made
    made.app.close()
    SYSTEMS.clear()


def test_the_loop_comes_to_rest(loop: Loop) -> None:
    code = loop.office.card(メールアドレス="a@alpha.example", 姓="佐藤", 企業名="アルファ")
    loop.office.export()
    loop.attends("a@alpha.example", "アルファ")
    for _ in range(2):
        loop.attends("b@beta.example", "ベータ")
    assert loop.run().exit is Exit.DONE
    loop.night()
    assert loop.office.cards.records[code]["MAスコア"] == "15"
    made = [card for card in loop.office.cards.records.values() if card["メールアドレス"] == "b@beta.example"]
    assert [(card["姓"], card["企業名"], card["MAスコア"]) for card in made] == [("佐藤", "ベータ", "30")]
    for _ in range(3):
        assert loop.run().exit is Exit.DONE
        loop.night()
    assert loop.office.waiting() == []
    assert list(plan_preview(loop.app, pull=True, as_of=None).fresh) == []
    assert len(loop.office.cards.records) == 2


def test_a_late_refusal_is_parked_with_its_reason_and_mended_by_another_value(loop: Loop) -> None:
    code = loop.office.card(メールアドレス="a@alpha.example", 姓="佐藤", 企業名="アルファ")
    loop.office.export()
    loop.attends("a@alpha.example", "アルファ")
    loop.office.cards.dates = frozenset({"MA根拠"})
    assert loop.run().exit is Exit.DONE
    loop.office.client.run()
    report = loop.run()
    assert report.exit is Exit.PARKED
    assert report.ledger["esm", "results"].parked == 1
    with loop.app.reading() as conn:
        (parked,) = outbox.parked(conn)
    assert parked.code == "import_date_format"
    assert loop.office.waiting() == []
    loop.office.cards.dates = frozenset()
    loop.attends("a@alpha.example", "アルファ")
    loop.run()
    loop.night()
    assert loop.office.cards.records[code]["MAスコア"] == "30"
    assert loop.run().exit is Exit.DONE
