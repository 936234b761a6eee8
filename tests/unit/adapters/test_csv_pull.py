from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from connector.adapters import csvfile
from connector.changes import RaiseAlert
from connector.errors import Unavailable
from connector.model import Company, Deal, DealState, Gone, Kind, Membership, Owner, Person, Touchpoint
from connector.ports import Needs, ObjectNeeds
from tests.unit.adapters.csv_kit import CARDS, PEOPLE, Office, alert, create, of, put_on, rows, set_fields

HEAD = "番号,メール,氏名,会社,電話"
CARD = "日付,メール,氏名,会社,電話"


# --- what the cursor says, and where files go -------------------------------------------------------------------------


def test_a_file_is_put_away_only_when_its_cursor_comes_back(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE)
    office.drop("人物.csv", rows(HEAD, "1,a@example.com,佐藤,A社,"))
    records, cursor = office.pull("people")
    assert len(of(Person, records)) == 1
    assert office.waiting() == {"人物.csv"}  # the page may never have been stored
    again, _ = office.pull("people", None)
    assert of(Person, again) == of(Person, records)
    assert office.pull("people", cursor)[0] == []
    assert office.waiting() == {"done/人物.csv"}


def test_a_crash_between_storing_and_moving_doubles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(tmp_path, PEOPLE)
    office.drop("人物.csv", rows(HEAD, "1,a@example.com,佐藤,A社,"))
    _, cursor = office.pull("people")
    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(Unavailable):
        office.pull("people", cursor)
    monkeypatch.undo()
    records, cursor = office.pull("people", cursor)
    assert records == []
    assert office.waiting() == {"done/人物.csv"}
    assert office.pull("people", cursor)[0] == []


def fails(*args: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_other_content_under_the_same_name_is_read(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE)
    office.drop("人物.csv", rows(HEAD, "1,a@example.com,佐藤,A社,"))
    _, cursor = office.pull("people")
    office.drop("人物.csv", rows(HEAD, "1,b@example.com,佐藤,A社,"))
    records, cursor = office.pull("people", cursor)
    assert [person.fields["email"] for person in of(Person, records)] == ["b@example.com"]
    office.pull("people", cursor)
    office.drop("人物.csv", rows(HEAD, "1,c@example.com,佐藤,A社,"))
    records, cursor = office.pull("people", cursor)
    assert [person.fields["email"] for person in of(Person, records)] == ["c@example.com"]
    office.pull("people", cursor)
    assert len(office.waiting()) == 2
    assert all(name.startswith("done/人物") for name in office.waiting())


def test_a_file_that_came_twice_is_read_twice_and_says_the_same(tmp_path: Path) -> None:
    office = Office(tmp_path, CARDS)
    content = rows(CARD, "2026/4/1,a@example.com,佐藤,A社,")
    office.drop("名刺.csv", content)
    first, cursor = office.pull("touchpoints")
    _, cursor = office.pull("touchpoints", cursor)
    office.drop("名刺.csv", content)
    second, cursor = office.pull("touchpoints", cursor)
    assert [record.ref for record in of(Touchpoint, first)] == [record.ref for record in of(Touchpoint, second)]
    office.pull("touchpoints", cursor)
    assert office.waiting() == {"done/名刺.csv"}


def test_a_long_file_is_resumed_at_its_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csvfile, "PAGE", 2)
    office = Office(tmp_path, PEOPLE)
    office.drop("人物.csv", rows(HEAD, *(f"{n},p{n}@example.com,佐藤,A社," for n in range(5))))
    pages = office.pages("people")
    assert [len(page.records) for page in pages] == [2, 2, 1, 0]
    resumed, _ = office.pull("people", pages[0].cursor)
    assert [person.ref.id for person in of(Person, resumed)] == ["2", "3", "4"]
    office.drop("人物.csv", rows(HEAD, "9,new@example.com,佐藤,A社,"))
    resumed, _ = office.pull("people", pages[0].cursor)
    assert [person.ref.id for person in of(Person, resumed)] == ["9"]


def test_a_file_on_its_way_is_left_for_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(tmp_path, PEOPLE, settle=timedelta(seconds=30))
    office.drop("人物.csv", rows(HEAD, "1,a@example.com,佐藤,A社,"))
    records, cursor = office.pull("people")
    assert records == []
    assert [finding.severity for finding in office.adapter.check()] == ["info"]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 31)
    assert len(office.pull("people", cursor)[0]) == 1


def test_a_file_that_changes_while_it_is_read_is_left_for_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(tmp_path, PEOPLE)
    path = office.drop("人物.csv", rows(HEAD, "1,a@example.com,佐藤,A社,"))
    sound = Path.read_bytes

    def while_somebody_writes(self: Path) -> bytes:
        raw = sound(self)
        with path.open("ab") as stream:
            stream.write(b"2,b@example.com,x,B,\r\n")
        return raw

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", while_somebody_writes)
        records, cursor = office.pull("people")
    assert records == []
    assert len(office.pull("people", cursor)[0]) == 2


def test_the_oldest_file_comes_first(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE)
    office.drop("人物z.csv", rows(HEAD, "1,old@example.com,佐藤,A社,"))
    office.drop("人物a.csv", rows(HEAD, "1,new@example.com,佐藤,A社,"))
    assert [p.fields["email"] for p in of(Person, office.pull("people")[0])] == ["old@example.com", "new@example.com"]


def test_names_composed_otherwise_fit_the_pattern(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE.replace("人物*", "セミナー*"))
    office.drop("セミナー参加者.csv", rows(HEAD, "1,a@example.com,佐藤,A社,"))  # as a Mac writes them
    assert len(office.pull("people")[0]) == 1


def test_files_that_nobody_reads_stay_and_check_tells(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE)
    office.drop("請求書.csv", "x\n")
    office.drop("~$人物.csv", "x\n")
    assert office.pull("people")[0] == []
    (finding,) = office.adapter.check()
    assert finding.what.in_("ja") == "ファイル 請求書.csv に合う pattern がありません"


def test_a_file_that_cannot_be_read_is_a_reject_and_goes_to_failed(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE)
    office.drop("人物1.csv", rows(HEAD, "1,髙橋@example.com,佐藤,A社,").encode("utf-8-sig"))
    office.drop("人物2.csv", rows(HEAD, "2,b@example.com,佐藤,A社,"))
    (error, *_) = office.adapter.check()
    assert error.what.in_("ja") == "人物1.csv: 文字コードが cp932 ではありません（utf-8 なら読めます）"
    pages = office.pages("people")
    assert [(r.where, r.what.in_("en"), r.code) for page in pages for r in page.rejects] == [
        ("人物1.csv:1", "not encoded in cp932; utf-8 fits", "broken")
    ]
    assert [record.ref.id for page in pages for record in of(Person, page.records)] == ["2"]
    office.pull("people", pages[-1].cursor)
    assert office.waiting() == {"failed/人物1.csv", "done/人物2.csv"}


def test_a_locked_file_is_told_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(tmp_path, PEOPLE)
    office.drop("人物.csv", rows(HEAD, "1,a@example.com,佐藤,A社,"))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fails)
        pages = office.pages("people")
    assert [reject.where for page in pages for reject in page.rejects] == ["人物.csv"]
    assert len(office.pull("people", pages[-1].cursor)[0]) == 1


def test_a_missing_folder_is_not_an_empty_one(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE)
    office.folder.rmdir()
    with pytest.raises(Unavailable) as caught:
        office.pull("people")
    assert "フォルダー" in caught.value.in_("ja")


# --- rows that cannot be understood -----------------------------------------------------------------------------------


def test_bad_cells_are_told_by_place_and_reason_and_never_by_value(tmp_path: Path) -> None:
    office = Office(tmp_path, CARDS)
    office.drop(
        "名刺.csv",
        rows(
            CARD, "明日,himitsu@example.com,秘密 太郎,A社,", '2026/4/1,ok@example.com,"佐藤\n健",A社,', "2026/4/1,,,,"
        ),
    )
    (page, _) = office.pages("touchpoints")
    assert [(r.where, r.what.in_("ja")) for r in page.rejects] == [
        ("名刺.csv:2", "日付: 2026/4/1、令和8年4月1日 のような日付ではありません"),
        ("名刺.csv:5", "メール: メールアドレスも、氏名と会社名の組もありません"),
    ]
    assert page.read == 4  # a person, what they did, and two rejects
    report = office.table("problems/名刺.csv")
    assert report is not None
    assert [(row["行"], row["列"]) for row in report] == [("2", "日付"), ("5", "メール")]
    assert "秘密" not in str(report)
    assert "himitsu" not in str(report)


def test_a_mended_file_takes_its_report_away(tmp_path: Path) -> None:
    office = Office(tmp_path, CARDS)
    office.drop("名刺.csv", rows(CARD, "明日,a@example.com,佐藤,A社,"))
    _, cursor = office.pull("touchpoints")
    assert office.table("problems/名刺.csv")
    office.drop("名刺.csv", rows(CARD, "2026/4/1,a@example.com,佐藤,A社,"))
    office.pull("touchpoints", cursor)
    assert office.table("problems/名刺.csv") is None


def test_the_report_of_a_resumed_file_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csvfile, "PAGE", 1)
    office = Office(tmp_path, CARDS)
    office.drop("名刺.csv", rows(CARD, "明日,a@example.com,佐藤,A社,", "昨日,b@example.com,鈴木,B社,"))
    first = next(office.adapter.pull("touchpoints", None))
    rest = office.pages("touchpoints", first.cursor)
    assert [r.where for page in [first, *rest] for r in page.rejects] == ["名刺.csv:2", "名刺.csv:3"]
    assert len(office.table("problems/名刺.csv") or []) == 2


def test_a_choice_nobody_named_is_a_reject_and_an_ignored_one_is_counted(tmp_path: Path) -> None:
    office = Office(
        tmp_path,
        """
pattern: "*.csv"
kind: touchpoints
columns: {touchpoint: 出欠, happened: 日付, email: メール}
values: {touchpoint: {出席: seminar_attended, キャンセル: ignore}}
""",
    )
    office.drop(
        "x.csv",
        rows(
            "出欠,日付,メール",
            "出席,2026/4/1,a@example.com",
            "ｷｬﾝｾﾙ,2026/4/1,b@example.com",
            "?,2026/4/1,c@example.com",
        ),
    )
    (page, _) = office.pages("touchpoints")
    assert [t.kind for t in of(Touchpoint, list(page.records))] == [Kind.SEMINAR_ATTENDED]
    assert page.ignored == {"layout": 1}
    assert [r.what.in_("ja") for r in page.rejects] == ["出欠: values にない選択肢です"]


# --- who is who -------------------------------------------------------------------------------------------------------


def test_an_id_of_the_file_is_the_id_and_blank_cells_are_taken(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE)
    office.drop("人物1.csv", rows(HEAD, "00012,a@example.com,佐藤,A社,03-1234-5678"))
    office.drop("人物2.csv", rows(HEAD, "00012,a@example.com,佐藤,A社,"))
    first, second = of(Person, office.pull("people")[0])
    assert first.ref == second.ref
    assert first.ref.id == "00012"
    assert (first.fields["phone"], second.fields["phone"]) == ("03-1234-5678", None)


def test_a_made_id_says_nothing_and_a_blank_cell_erases_nothing(tmp_path: Path) -> None:
    office = Office(tmp_path, CARDS)
    office.drop("名刺1.csv", rows(CARD, "2026/4/1,A@example.com,佐藤　健,A社,312345678"))
    office.drop("名刺2.csv", rows(CARD, "2026/4/2,ａ@example.com,佐藤健,,"))
    first, second = of(Person, office.pull("touchpoints")[0])
    assert first.ref == second.ref
    assert "example" not in first.ref.id
    assert second.fields["phone"] == "312345678"  # zeros are restored by cleansing, if at all
    assert second.fields["company"] == "A社"


def test_a_shared_address_does_not_make_one_person_of_two(tmp_path: Path) -> None:
    office = Office(tmp_path, CARDS)
    office.drop("名刺.csv", rows(CARD, "2026/4/1,info@example.com,佐藤,A社,", "2026/4/1,info@example.com,鈴木,A社,"))
    first, second = of(Person, office.pull("touchpoints")[0])
    assert first.ref != second.ref


def test_an_address_alone_finds_the_one_it_can_mean(tmp_path: Path) -> None:
    stopped = 'pattern: "停止*.csv"\nkind: people\ncolumns: {email: メール}\ndefaults: {opted_out: true}'
    office = Office(tmp_path, CARDS, stopped)
    office.drop("名刺.csv", rows(CARD, "2026/4/1,a@example.com,佐藤,A社,"))
    (card,) = of(Person, office.pull("touchpoints")[0])
    office.drop("停止.csv", rows("メール", "A@EXAMPLE.COM", "nobody@example.com"))
    known, new = of(Person, office.pull("people")[0])
    assert known.ref == card.ref
    assert known.fields == {**card.fields, "opted_out": True, "email": "A@EXAMPLE.COM"}
    assert new.ref != card.ref


def test_touchpoints_find_people_who_have_ids(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE, CARDS)
    office.drop("人物.csv", rows(HEAD, "7,a@example.com,佐藤 健,A社,"))
    office.pull("people")
    office.drop("名刺.csv", rows(CARD, "2026/4/1,a@example.com,佐藤健,,", "2026/4/1,a@example.com,別人 花子,A社,"))
    records, _ = office.pull("touchpoints")
    mine, others = of(Touchpoint, records)
    assert mine.person.id == "7"
    assert others.person.id != "7"
    assert [person.ref for person in of(Person, records)] == [others.person]


def test_without_an_address_a_name_at_a_company_will_do(tmp_path: Path) -> None:
    office = Office(tmp_path, CARDS)
    office.drop("名刺.csv", rows(CARD, "2026/4/1,,佐藤 健,Ａ社,", "2026/4/2,,佐藤健,A社,"))
    first, second = of(Touchpoint, office.pull("touchpoints")[0])
    assert first.person == second.person
    assert first.ref != second.ref
    assert first.happened_at == datetime(2026, 3, 31, 15, tzinfo=UTC)


# --- kinds of files ---------------------------------------------------------------------------------------------------

DEALS = """
pattern: "案件*.csv"
kind: deals
columns:
  id: 番号
  name: 案件名
  state: 進捗
  stage: 進捗
  stage_since: 更新日
  probability: 確度
  amount: 金額
  closes_on: 予定日
  closed_at: 完了日
  lost_reason: 理由
  product: 商品
  owner: 担当
  company: 顧客
  email: メール
  modified: 変更
values:
  state: {受注: won, 失注: lost, "*": open}
  probability: {A: 80, B: 50}
"""
DEAL_HEAD = "番号,案件名,進捗,更新日,確度,金額,予定日,完了日,理由,商品,担当,顧客,メール,変更,区分"


def test_a_deal(tmp_path: Path) -> None:
    needs = Needs(objects={"deal": ObjectNeeds(deal={"product": "区分"})})
    office = Office(tmp_path, DEALS, needs=needs)
    office.drop(
        "案件.csv",
        rows(
            DEAL_HEAD,
            'D1,更新,失注,2026/4/1,B,"1,200,000円",令和8年5月1日,R8.4.2,予算,x,営業 太郎,A社,a@example.com,'
            "2026/4/3,基幹",
            "D2,新規,見積中,,,,,,,,,,,2026/4/1,",
        ),
    )
    records, _ = office.pull("deals")
    new, lost = of(Deal, records)  # in the order in which they changed
    (owner,) = of(Owner, records)
    (company,) = of(Company, records)
    (person,) = of(Person, records)
    assert (new.ref.id, new.state, new.stage, new.people, new.probability) == ("D2", DealState.OPEN, "見積中", (), None)
    assert lost.state is DealState.LOST
    assert (lost.probability, lost.amount, lost.lost_reason, lost.product) == (50, 1_200_000, "予算", "基幹")
    assert lost.closes_on == date(2026, 5, 1)
    assert lost.stage_since == datetime(2026, 3, 31, 15, tzinfo=UTC)
    assert lost.closed_at == datetime(2026, 4, 1, 15, tzinfo=UTC)
    assert (lost.owner_id, lost.company_id, lost.people) == (owner.ref.id, company.ref.id, (person.ref.id,))
    assert (owner.name, company.name, person.fields["email"]) == ("営業 太郎", "A社", "a@example.com")


def test_companies(tmp_path: Path) -> None:
    office = Office(
        tmp_path, 'pattern: "会社*.csv"\nkind: companies\ncolumns: {id: 番号, name: 名称, corporate_number: 法人番号}'
    )
    office.drop("会社.csv", rows("番号,名称,法人番号", "1,東都精工㈱,1234567890123", ",無番,"))
    (page, _) = office.pages("companies")
    assert [(c.ref.id, c.name, c.corporate_number) for c in of(Company, list(page.records))] == [
        ("1", "東都精工㈱", "1234567890123")
    ]
    assert [r.what.in_("ja") for r in page.rejects] == ["番号: 空欄です"]


def test_native_fields_and_our_key(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE)
    office.drop(
        "人物.csv",
        rows(
            f"{HEAD},スコア,連携ＩＤ", "1,a@example.com,佐藤,A社,,2026/4/1 10:00:00,p1", "2,b@example.com,鈴木,B社,,,"
        ),
    )
    first, second = of(Person, office.pull("people")[0])
    assert first.native == {"スコア": datetime(2026, 4, 1, 1, tzinfo=UTC), "根拠": None}
    assert (first.key, second.key) == ("p1", None)


# --- lists ------------------------------------------------------------------------------------------------------------

LISTS = 'pattern: "リスト*.csv"\nkind: lists\ncolumns: {person: 番号}\ndefaults: {list: 失注}'


def lists(office: Office, cursor: str | None = None) -> set[str]:
    return set(of(Membership, office.pull("lists", cursor)[0])[-1].members)


def test_a_file_of_a_list_is_the_whole_list(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE, LISTS)
    office.drop("人物.csv", rows(HEAD, *(f"{n},p{n}@example.com,佐藤{n},A社," for n in range(4))))
    office.pull("people")
    office.push(put_on("失注", "0"))
    assert lists(office) == {"0"}
    office.drop("リスト1.csv", rows("番号", "1", "2"))
    assert lists(office) == {"1", "2"}
    office.drop("リスト2.csv", rows("番号"))
    assert lists(office) == set()


def test_a_list_with_a_row_in_doubt_is_left_as_it_was(tmp_path: Path) -> None:
    office = Office(tmp_path, LISTS)
    office.drop("リスト1.csv", rows("番号,x", "1,", "2,"))
    _, cursor = office.pull("lists")
    office.drop("リスト2.csv", rows("番号,x", "1,", "2,,余分"))
    assert lists(office, cursor) == {"1", "2"}


def test_lists_nobody_asks_for_are_not_told(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE, needs=Needs())
    assert list(office.adapter.streams) == ["people"]


# --- people we created ------------------------------------------------------------------------------------------------


def test_a_created_person_is_there_at_once_and_lives_on_when_it_comes_back(tmp_path: Path) -> None:
    office = Office(tmp_path, PEOPLE)
    _, cursor = office.pull("people")
    office.push(create("p9", メール="a@example.com", 氏名="佐藤 健", スコア=20))
    (person,), cursor = office.pull("people", cursor)
    assert isinstance(person, Person)
    assert (person.ref.id, person.key) == ("new-p9", "p9")
    assert person.fields == {"email": "a@example.com", "name": "佐藤 健"}
    assert person.native["スコア"] == "20"
    assert office.pull("people", cursor)[0] == []
    office.drop("人物.csv", rows(f"{HEAD},スコア,連携ID", "55,a@example.com,佐藤 健,A社,,20,p9"))
    (gone, found), cursor = office.pull("people", cursor)
    assert isinstance(gone, Gone)
    assert isinstance(found, Person)
    assert (gone.ref, gone.successor) == (person.ref, found.ref)
    assert found.ref.id == "55"
    assert office.table("person-new.csv") is None
    (receipt,) = office.push(set_fields("new-p9", スコア=25))
    assert receipt.status == "refused"
    (receipt,) = office.push(create("p9", スコア=30))
    assert (receipt.status, receipt.remote_id) == ("done", "55")
    assert office.table("person-new.csv") is None


def test_a_deal_and_its_owner_are_named_in_alerts(tmp_path: Path) -> None:
    office = Office(tmp_path, DEALS)
    office.drop("案件.csv", rows(DEAL_HEAD, "D1,更新,見積中,,,,,,,,営業 太郎,A社,a@example.com,,"))
    records, _ = office.pull("deals")
    (deal,) = of(Deal, records)
    change: RaiseAlert = alert("k1", date(2026, 4, 2), owner_id=deal.owner_id, deal=deal.ref)
    office.push(change)
    (row,) = office.table("alerts.csv") or []
    assert (row["担当者"], row["案件名"], row["期限"], row["キー"]) == ("営業 太郎", "更新", "2026/04/02", "k1")
