from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from tempfile import mkdtemp
from typing import NoReturn

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from connector.adapters.csvfile import cells
from connector.adapters.csvfile.printing import Printer, encoded
from connector.changes import AnyChange
from connector.errors import Unavailable, Uncertain
from connector.model import Membership, Person, Value
from tests.unit.adapters.csv_kit import PEOPLE, Office, alert, create, of, put_on, rows, set_fields, take_off

HEAD = "番号,メール,氏名,会社,電話,スコア,根拠"
DAY = date(2026, 4, 2)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """An office that knows three people."""
    made = Office(tmp_path, PEOPLE)
    made.drop("人物.csv", rows(HEAD, *(f"{n},p{n}@example.com,佐藤{n},A社,,{n}0,前の根拠" for n in range(1, 4))))
    made.pull("people")
    return made


def test_a_row_says_who_it_is_and_keeps_what_is_not_ours_to_change(office: Office) -> None:
    office.push(set_fields("1", スコア=45.0), set_fields("2", 根拠="45点 hot: +10 ウェビナー(3/31)"))
    assert office.table("person.csv") == [
        {"番号": "1", "メール": "p1@example.com", "氏名": "佐藤1", "会社": "A社", "スコア": "45", "根拠": "前の根拠"},
        {
            "番号": "2", "メール": "p2@example.com", "氏名": "佐藤2", "会社": "A社", "スコア": "20",
            "根拠": "45点 hot: +10 ウェビナー(3/31)",
        },
    ]  # fmt: skip


def test_files_are_as_excel_wants_them(office: Office) -> None:
    office.push(set_fields("1", 根拠="一行目\n二行目"))
    raw = (office.out / "person.csv").read_bytes()
    assert raw.decode("cp932").startswith("番号,メール,氏名,会社,根拠\r\n")
    assert '"一行目\n二行目"' in raw.decode("cp932")
    assert not list(office.out.glob(".*.tmp"))


def test_what_is_left_stays_up_to_date_and_what_is_taken_is_done(office: Office) -> None:
    office.push(set_fields("1", スコア=1), alert("k1", DAY))
    office.push(set_fields("1", スコア=2), set_fields("2", スコア=5), alert("k2", DAY))
    assert values(office, "person.csv", "スコア") == ["2", "5"]
    assert values(office, "alerts.csv", "キー") == ["k1", "k2"]
    (office.out / "person.csv").unlink()
    (office.out / "alerts.csv").rename(office.out / "alerts-imported.csv")
    office.push(set_fields("3", スコア=7), alert("k1", DAY), alert("k3", DAY))
    assert values(office, "person.csv", "番号") == ["3"]
    assert values(office, "alerts.csv", "キー") == ["k3"]


def test_an_alert_that_was_taken_leaves_no_empty_file(office: Office) -> None:
    office.push(alert("k1", DAY))
    (office.out / "alerts.csv").unlink()
    office.push(alert("k1", DAY))
    assert office.table("alerts.csv") is None


def test_a_row_that_is_written_again_has_all_we_ever_wrote(office: Office) -> None:
    office.push(set_fields("1", スコア=1))
    (office.out / "person.csv").unlink()
    office.push(set_fields("1", 根拠="新"))
    assert office.table("person.csv") == [
        {"番号": "1", "メール": "p1@example.com", "氏名": "佐藤1", "会社": "A社", "スコア": "1", "根拠": "新"}
    ]


def values(office: Office, file: str, column: str) -> list[str]:
    return [row[column] for row in office.table(file) or []]


def test_a_created_person_is_one_row_whatever_follows(office: Office) -> None:
    (receipt,) = office.push(create("p9", 氏名="新人", メール="n@example.com", スコア=20))
    assert receipt.remote_id == "new-p9"
    office.push(create("p9", スコア=25), set_fields("new-p9", 根拠="理由"))
    assert office.table("person-new.csv") == [
        {"連携ID": "p9", "氏名": "新人", "メール": "n@example.com", "スコア": "25", "根拠": "理由"}
    ]
    assert office.table("person.csv") is None


@pytest.mark.parametrize("way", [put_on, take_off])
def test_a_list_that_was_cut_off_before_its_file_is_handed_out_when_it_is_read(
    office: Office, monkeypatch: pytest.MonkeyPatch, way: Callable[[str, str], AnyChange]
) -> None:
    office.push(put_on("失注", "1"))
    office.push(put_on("失注", "2"))
    with monkeypatch.context() as patch:
        patch.setattr(Printer, "print", lambda *_: raise_(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            office.push(way("失注", "3" if way is put_on else "1"))
    (membership,), _ = office.pull("lists")
    assert isinstance(membership, Membership)
    assert {row["番号"] for row in office.table("lists/失注.csv") or []} == membership.members
    # Once it was taken it is not handed out again.
    (office.out / "lists/失注.csv").unlink()
    office.pull("lists")
    assert office.table("lists/失注.csv") is None


@pytest.mark.parametrize("stream", ["people", "lists"])
def test_rows_that_were_cut_off_before_their_files_are_handed_out_at_the_next_pull(
    office: Office, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    changes = (create("p9", 氏名="新人"), set_fields("1", スコア=1), alert("k1", DAY), put_on("別の一覧", "2"))
    with monkeypatch.context() as patch:
        patch.setattr(Printer, "print", lambda *_: raise_(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            office.push(*changes)
    office.pull(stream)
    cut = {path.name: path.read_bytes() for path in office.out.rglob("*.csv")}
    assert cut.keys() == {"person-new.csv", "person.csv", "alerts.csv", "別の一覧.csv"}
    office.push(*changes)
    assert {path.name: path.read_bytes() for path in office.out.rglob("*.csv")} == cut


def raise_(error: BaseException) -> NoReturn:
    raise error


def test_lists_are_whole_and_an_empty_one_says_so(office: Office) -> None:
    office.push(put_on("失注", "1"), put_on("失注", "2"))
    (office.out / "lists/失注.csv").unlink()
    office.push(take_off("失注", "1"))
    assert values(office, "lists/失注.csv", "メール") == ["p2@example.com"]
    office.push(take_off("失注", "2"))
    assert office.table("lists/失注.csv") == []
    assert (office.out / "lists/失注.csv").read_bytes().decode("cp932") == "番号,メール,氏名,会社\r\n"


@pytest.mark.parametrize("name", ["../../etc/cron", "a/b", "..", ".state", "x\0y", "c:\\x", "*"])
def test_a_list_stays_in_its_folder_whatever_its_name(office: Office, name: str) -> None:
    before = {path for path in office.out.parent.parent.rglob("*") if "lists" not in path.parts}
    office.push(put_on(name, "1"), put_on("safe", "1"))
    written = {path for path in office.out.rglob("*.csv") if not path.name.startswith(".")}
    assert len(written) == 2
    assert all(path.parent == office.out / "lists" for path in written)
    assert {path for path in office.out.parent.parent.rglob("*") if "lists" not in path.parts} == before


def test_names_that_look_alike_when_cleaned_are_two_files(office: Office) -> None:
    office.push(put_on("a/b", "1"), put_on("a:b", "2"), put_on("a_b", "3"))
    assert len(list((office.out / "lists").glob("*.csv"))) == 3


def test_formulas_and_letters_the_encoding_lacks(office: Office) -> None:
    office.push(set_fields("1", 根拠='=HYPERLINK("http://x")'), set_fields("2", 根拠="𠮷野家 葛\U000e0100城 😀"))
    assert values(office, "person.csv", "根拠") == ['\'=HYPERLINK("http://x")', "〓野家 葛城 〓"]
    report = office.table("problems/person.csv")
    assert report is not None
    assert [(row["キー"], row["列"]) for row in report] == [("2", "根拠")]
    assert report[0]["理由"] == "U+1F600 U+20BB7 は cp932 で書けないため 〓 に置き換えました"
    office.push(set_fields("2", 根拠="吉野家"))
    assert office.table("problems/person.csv") is None


CHANGED = [
    "9〜18時",
    "差−引",
    "甲‖乙",
    "注—記",
    "5¢",
    "£5",
    "¬x",
    "𠮷野 😀",
    "葛\U000e0100城",
    "一行目\n〜二行目",
    "=1〜2",
    "〜",
]
"""Texts of which CP932 leaves something else."""


@pytest.mark.parametrize("value", ["\ufe0f=1+1", "−1+1"])
def test_what_the_encoding_makes_a_formula_is_disarmed(office: Office, value: str) -> None:
    office.push(set_fields("1", 根拠=value))
    (cell,) = values(office, "person.csv", "根拠")
    assert cell[0] == "'"


def exported(office: Office, name: str, **person: str) -> Value:
    """The text that is read of a person, from the export of a system that imported our file."""
    row = dict.fromkeys(HEAD.split(","), "") | person
    office.drop(name, encoded([list(row), list(row.values())], office.config.encoding, ","))
    last: Person = of(Person, office.pull("people")[0])[-1]
    assert last.ref.id == person["番号"]
    return last.native["根拠"]


@pytest.mark.parametrize("value", CHANGED)
def test_what_the_encoding_changed_is_written_once(office: Office, value: str) -> None:
    office.push(set_fields("1", 根拠=value))
    (imported,) = office.table("person.csv") or []
    (office.out / "person.csv").unlink()
    imported["根拠"] = cells.unguard(imported["根拠"])
    assert imported["根拠"] != value
    assert exported(office, "人物2.csv", **imported) == value
    for typed in ("営業が直した", "", imported["根拠"] + "!"):
        assert exported(office, "人物3.csv", **imported | {"根拠": typed}) == (typed or None)


def test_what_the_encoding_changed_of_somebody_we_created_is_written_once(office: Office) -> None:
    office.push(create("p9", 氏名="新人", メール="n@example.com", 根拠="9〜18時"))
    (imported,) = office.table("person-new.csv") or []
    own = imported | {"番号": "9"}
    for name in ("人物2.csv", "人物3.csv"):  # our key comes with each export
        assert exported(office, name, **own) == "9〜18時"
    office.push(set_fields("9", 根拠="−5点"))
    (updated,) = office.table("person.csv") or []
    for name in ("人物4.csv", "人物5.csv"):
        assert exported(office, name, **own | {"根拠": cells.unguard(updated["根拠"])}) == "−5点"


def test_utf8_lacks_nothing(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE, encoding="utf-8-sig")
    office.drop("人物.csv", rows(HEAD, "1,a@example.com,𠮷野,A社,,,"))
    office.pull("people")
    office.push(set_fields("1", 根拠="𠮷"))
    assert (office.out / "person.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert values(office, "person.csv", "氏名") == ["𠮷野"]


def test_strangers_are_refused_and_neighbours_are_done(office: Office) -> None:
    receipts = office.push(
        set_fields("1", スコア=1), set_fields("99", スコア=1), put_on("失注", "99"), take_off("失注", "99")
    )
    assert [receipt.status for receipt in receipts] == ["done", "refused", "refused", "done"]
    assert receipts[1].fix is not None


def test_a_disk_that_is_full_before_anything_is_noted(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.out.rename(office.out.with_suffix(".away"))
    with pytest.raises(Unavailable):
        office.push(set_fields("1", スコア=1))
    office.out.with_suffix(".away").rename(office.out)
    assert office.table("person.csv") is None


def test_a_crash_before_the_file_is_in_place_is_made_good(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.push(alert("k1", DAY))
    with monkeypatch.context() as patch:
        patch.setattr(Printer, "_save", full)
        with pytest.raises(Uncertain):
            office.push(alert("k2", DAY))
    assert values(office, "alerts.csv", "キー") == ["k1"]
    (office.out / "alerts.csv").unlink()
    office.push(alert("k2", DAY))
    assert values(office, "alerts.csv", "キー") == ["k2"]


def full(*args: object) -> None:
    raise OSError(28, "No space left on device")


class Handing(RuleBasedStateMachine):
    """Whatever is pushed, pushed again, taken away or lost on the way: every alert reaches people once, every last
    value reaches them, and a list is what was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.office = Office(Path(mkdtemp()), PEOPLE)
        self.office.drop("人物.csv", rows(HEAD, *(f"{n},p{n}@example.com,佐藤{n},A社,,," for n in range(1, 4))))
        self.office.pull("people")
        self.imported: Counter[str] = Counter()
        self.held: dict[str, dict[str, str]] = {}
        self.wanted: dict[str, dict[str, str]] = {}
        self.alerts: set[str] = set()
        self.members: set[str] = set()
        self.unsent: list[AnyChange] = []

    def teardown(self) -> None:
        self.patch.undo()

    def send(self, change: AnyChange) -> None:
        try:
            (receipt,) = self.office.push(change)
            assert receipt.status == "done"
        except Uncertain:
            self.unsent.append(change)

    @rule(id_=st.sampled_from("123"), field=st.sampled_from(["スコア", "根拠"]), value=st.sampled_from("abc"))
    def set(self, id_: str, field: str, value: str) -> None:
        self.unsent = [c for c in self.unsent if c.key != set_fields(id_).key]
        self.wanted.setdefault(id_, {})[field] = value
        self.send(set_fields(id_, **self.wanted[id_]))

    @rule(key=st.sampled_from(["k1", "k2", "k3"]))
    def alert(self, key: str) -> None:
        self.alerts.add(key)
        self.send(alert(key, DAY))

    @rule(id_=st.sampled_from("123"), on=st.booleans())
    def list(self, id_: str, on: bool) -> None:
        self.unsent = [c for c in self.unsent if c.key not in (put_on("失注", id_).key, take_off("失注", id_).key)]
        (self.members.add if on else self.members.discard)(id_)
        self.send(put_on("失注", id_) if on else take_off("失注", id_))

    @rule(works=st.booleans())
    def disk(self, works: bool) -> None:
        self.patch.undo()
        if not works:
            self.patch.setattr(Printer, "_save", full)

    @precondition(lambda self: self.unsent)
    @rule()
    def send_again(self) -> None:
        unsent, self.unsent = self.unsent, []
        for change in unsent:
            self.send(change)

    @rule()
    def import_and_take_away(self) -> None:
        for row in self.office.table("alerts.csv") or []:
            self.imported[row["キー"]] += 1
        self.held |= rows_by_id(self.office)
        for file in ("alerts.csv", "person.csv"):
            (self.office.out / file).unlink(missing_ok=True)

    @invariant()
    def all_is_there_once(self) -> None:
        if self.unsent:
            return
        waiting = Counter(row["キー"] for row in self.office.table("alerts.csv") or [])
        assert self.imported + waiting == Counter(self.alerts)
        held = {**self.held, **rows_by_id(self.office)}
        for id_, fields in self.wanted.items():
            assert {field: held[id_][field] for field in fields} == fields
        assert {row["番号"] for row in self.office.table("lists/失注.csv") or []} == self.members


def rows_by_id(office: Office) -> Mapping[str, dict[str, str]]:
    return {row["番号"]: row for row in office.table("person.csv") or []}


TestHanding = Handing.TestCase
TestHanding.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)


def test_the_reader_of_a_spreadsheet_sees_the_guard(office: Office) -> None:
    office.push(set_fields("1", 根拠="@x"))
    text = (office.out / "person.csv").read_bytes().decode("cp932")
    assert next(csv.DictReader(io.StringIO(text)))["根拠"] == "'@x"
